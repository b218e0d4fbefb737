/* imap-args.c - see imap-args.h. */
#include "imap-args.h"
#include "imap-name.h"
#include "imap-nfc.h"
#include "imap-enable.h"
#include "imap-modseq.h"
#include "imap-respond.h"
#include "imap-return.h"
#include "imap-set.h"

enum {
	NAME_MAX_BYTES = 1024,	/* [security.md B9] */
	KEYWORDS_MAX = 256,	/* in one command */
	KEYWORD_BYTES_MAX = 128,	/* [security.md B13] */
};

bool imap_arg_is_string(const struct imap_arg *arg)
{
	return arg != NULL && arg->type != IMAP_LIST &&
		arg->type != IMAP_STREAM &&
		!(arg->binary && arg->text.len > 0 &&
		  memchr(arg->text.data, '\0', arg->text.len) != NULL);
}

bool imap_arg_is_atom(const struct imap_arg *arg, const char *word)
{
	return arg != NULL && arg->type == IMAP_ATOM &&
		cv_span_is_icase(arg->text, word);
}

bool imap_is_atom(struct cv_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] <= ' ' || text.data[i] >= 0x7f ||
		    strchr("(){%*\"\\]", text.data[i]) != NULL)
			return false;
	}
	return text.len > 0;
}

char *imap_copy(struct cv_pool *pool, struct cv_span text)
{
	char *copy = cv_api->alloc(pool, text.len + 1);

	if (text.len > 0)
		memcpy(copy, text.data, text.len);
	return copy;
}

char imap_separator(struct imap_session *s, const char *name)
{
	struct cv_namespace_info ns = { CV_SIZED(cv_namespace_info) };
	size_t best = 0;
	char separator = '/';
	bool found = false;

	for (uint32_t i = 0; imap_user_api->namespace_at(s->user, i, &ns) ==
	     CV_OK; i++) {
		size_t len = strlen(ns.prefix);

		if (strncmp(name, ns.prefix, len) == 0 &&
		    (!found || len > best)) {
			found = true;
			best = len;
			separator = ns.separator;
		} else if (!found && ns.is_inbox) {
			/* when no prefix is the beginning of it */
			separator = ns.separator;
		}
	}
	return separator;
}

/* [RFC3501 6.3.3] CREATE may say with a trailing separator that names will
 * be made below; some clients add one where it does not belong. */
static void trailing_separator_cut(struct imap_cmd *cmd, struct cv_text *name)
{
	char sep;

	if ((cmd->s->workarounds & IMAP_TB_EXTRA_MAILBOX_SEP) == 0 &&
	    strcmp(cmd->def->name, "CREATE") != 0)
		return;
	sep = imap_separator(cmd->s, cv_text_str(name));
	if (name->len > 1 && name->data[name->len - 1] == sep)
		name->data[--name->len] = '\0';
}

bool imap_mailbox_arg(struct imap_cmd *cmd, const char **name_r)
{
	const struct imap_arg *arg = imap_args_next(&cmd->args);
	struct cv_text name;

	if (!imap_arg_is_string(arg)) {
		imap_bad_arguments(cmd);
		return false;
	}
	cv_text_init(&name, cmd->pool);
	if (arg->text.len == 0 || arg->text.len > NAME_MAX_BYTES) {
		imap_no(cmd, "[CANNOT] %s", arg->text.len == 0 ?
			"Mailbox name is empty." :
			"Mailbox name is too long.");
		return false;
	}
	if (!imap_name_decode(cmd->s, &name, arg->text)) {
		imap_no(cmd, "[CANNOT] Mailbox name is not valid %s.",
			imap_name_is_utf8(cmd->s) ? "UTF-8" : "mUTF-7");
		return false;
	}
	trailing_separator_cut(cmd, &name);
	*name_r = cv_text_str(&name);
	/* [RFC3501 5.1] INBOX is case-insensitive */
	if (cv_span_is_icase(cv_text_span(&name), "INBOX"))
		*name_r = "INBOX";
	return true;
}

bool imap_new_mailbox_arg(struct imap_cmd *cmd, const char **name_r,
			  const char **supplied_r)
{
	struct cv_text name;

	if (!imap_mailbox_arg(cmd, name_r))
		return false;
	if (!imap_name_allowed(cv_span_of(*name_r))) {
		imap_no(cmd, "[CANNOT] Mailbox name has control characters.");
		return false;
	}
	*supplied_r = *name_r;
	/* [RFC9051 6.3.4] it is converted to Net-Unicode */
	cv_text_init(&name, cmd->pool);
	imap_nfc_append(cmd->pool, &name, cv_span_of(*name_r));
	*name_r = cv_text_str(&name);
	return true;
}

static uint32_t system_flag(struct cv_span name)
{
	static const struct { const char *name; uint32_t flag; } flags[] = {
		{ "\\Answered", CV_FLAG_ANSWERED },
		{ "\\Flagged", CV_FLAG_FLAGGED },
		{ "\\Deleted", CV_FLAG_DELETED },
		{ "\\Seen", CV_FLAG_SEEN },
		{ "\\Draft", CV_FLAG_DRAFT },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (cv_span_is_icase(name, flags[i].name))
			return flags[i].flag;
	}
	return 0;
}

static bool keyword_known(const char *const *names, uint32_t count,
			  struct cv_span name)
{
	for (uint32_t i = 0; i < count; i++) {
		if (cv_span_is_icase(name, names[i]))
			return true;
	}
	return false;
}

bool imap_flags_args(struct imap_cmd *cmd, struct imap_args args,
		     uint32_t *flags_r, struct cv_keywords *keywords_r)
{
	const char **names = NULL;
	uint32_t count = 0, flags = 0;
	const struct imap_arg *arg;

	while ((arg = imap_args_next(&args)) != NULL) {
		uint32_t flag;

		if (arg->type != IMAP_ATOM) {
			imap_bad(cmd, "Flags list contains non-atoms.");
			return false;
		}
		if (arg->text.len > 0 && arg->text.data[0] == '\\') {
			flag = system_flag(arg->text);
			if (flag == 0) {
				/* [RFC3501 2.3.2] \Recent is ours */
				imap_bad(cmd, "Invalid system flag %.*s",
					 CV_SPAN_ARG(arg->text));
				return false;
			}
			flags |= flag;
			continue;
		}
		if (!imap_is_atom(arg->text)) {
			imap_bad(cmd, "Invalid keyword");
			return false;
		}
		if (arg->text.len > KEYWORD_BYTES_MAX ||
		    count == KEYWORDS_MAX) {
			imap_no(cmd, "[LIMIT] Keyword is too long or too "
				"many keywords.");
			return false;
		}
		if (names == NULL)
			names = CV_ALLOC_ARRAY(cmd->pool, const char *,
					       KEYWORDS_MAX);
		if (!keyword_known(names, count, arg->text))
			names[count++] = imap_copy(cmd->pool, arg->text);
	}
	*flags_r = flags;
	keywords_r->names = names;
	keywords_r->count = count;
	return true;
}

bool imap_messages_parse(struct imap_cmd *cmd, struct cv_span text, bool uid,
			 struct cv_set *set_r)
{
	struct imap_session *s = cmd->s;
	uint32_t star = s->exists, max = s->exists;
	struct cv_set later;

	/* [RFC9586] */
	if (!uid && imap_enabled(s, IMAP_ENABLED_UIDONLY) &&
	    !cv_span_is(text, "$")) {
		imap_bad(cmd, "[UIDREQUIRED] Message numbers are not "
			 "allowed.");
		return false;
	}
	cmd->has_numbers = cmd->has_numbers || !uid;
	if (cmd->beyond)
		max = UINT32_MAX;
	/* [RFC5182 3] seq-last-command stands alone */
	if (cv_span_is(text, "$")) {
		*set_r = uid ? imap_saved_uids(s) :
			imap_saved_seqs(s, cmd->pool);
		return true;
	}
	if (uid) {
		/* [RFC3501 6.4.8] an unused UID is ignored */
		max = UINT32_MAX;
		if (s->exists > 0)
			star = imap_mailbox_api->uid_of(s->box, s->exists);
	}
	if (imap_set_parse(cmd->pool, text, star, max, set_r) == CV_OK) {
		/* [RFC5267 4.3] "100:*" has what comes later, too */
		if (uid && cmd->live &&
		    imap_set_parse(cmd->pool, text, max, max, &later) ==
		    CV_OK)
			*set_r = imap_set_union(cmd->pool, *set_r, later);
		if (!uid && cmd->beyond)
			*set_r = imap_set_clip(cmd->pool, *set_r, s->exists);
		return true;
	}
	imap_bad(cmd, uid ? "Error in IMAP command %s: Invalid UID set." :
		 "Error in IMAP command %s: Invalid messageset.",
		 cmd->def->name);
	return false;
}

bool imap_messages_arg(struct imap_cmd *cmd, struct cv_set *seqs_r)
{
	const struct imap_arg *arg = imap_args_next(&cmd->args);
	struct cv_set set;

	if (arg == NULL || arg->type != IMAP_ATOM) {
		imap_bad_arguments(cmd);
		return false;
	}
	if (!imap_messages_parse(cmd, arg->text, cmd->uid, &set))
		return false;
	if (cmd->uid) {
		struct cv_set uids = set;

		set = (struct cv_set){ NULL, 0 };
		if (uids.count > 0 && cmd->s->exists > 0 &&
		    imap_mailbox_api->uids_to_seqs(cmd->s->box, uids,
						   cmd->pool, &set) < 0)
			set = (struct cv_set){ NULL, 0 };
		set = imap_set_clip(cmd->pool, set, cmd->s->exists);
	}
	*seqs_r = set;
	return true;
}

bool imap_args_end(struct imap_cmd *cmd)
{
	if (imap_args_peek(&cmd->args) == NULL)
		return true;
	imap_bad_arguments(cmd);
	return false;
}
