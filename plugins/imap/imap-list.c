/* imap-list.c - see imap-list.h. */
#include "imap-list.h"
#include "imap-acl.h"
#include "imap-args.h"
#include "imap-enable.h"
#include "imap-name.h"
#include "imap-respond.h"
#include "imap-status.h"

enum {
	PATTERNS_MAX = 100,	/* [security.md B8] */
	PATTERN_BYTES_MAX = 1024,
};

static const struct { uint32_t bit; const char *name; } special_uses[] = {
	{ CV_MAILBOX_USE_ALL, "\\All" },
	{ CV_MAILBOX_USE_ARCHIVE, "\\Archive" },
	{ CV_MAILBOX_USE_DRAFTS, "\\Drafts" },
	{ CV_MAILBOX_USE_FLAGGED, "\\Flagged" },
	{ CV_MAILBOX_USE_JUNK, "\\Junk" },
	{ CV_MAILBOX_USE_SENT, "\\Sent" },
	{ CV_MAILBOX_USE_TRASH, "\\Trash" },
	{ CV_MAILBOX_USE_IMPORTANT, "\\Important" },
};
#define SPECIAL_USE_BITS ((uint32_t)CV_MAILBOX_USE_ALL | \
	CV_MAILBOX_USE_ARCHIVE | CV_MAILBOX_USE_DRAFTS | \
	CV_MAILBOX_USE_FLAGGED | CV_MAILBOX_USE_JUNK | CV_MAILBOX_USE_SENT | \
	CV_MAILBOX_USE_TRASH | CV_MAILBOX_USE_IMPORTANT)
enum { SPECIAL_USES = sizeof(special_uses) / sizeof(special_uses[0]) };

static const struct { uint32_t bit; const char *name; } attributes[] = {
	{ CV_MAILBOX_NOSELECT, "\\Noselect" },
	{ CV_MAILBOX_NOINFERIORS, "\\Noinferiors" },
	{ CV_MAILBOX_HASCHILDREN, "\\HasChildren" },
	{ CV_MAILBOX_HASNOCHILDREN, "\\HasNoChildren" },
	{ CV_MAILBOX_MARKED, "\\Marked" },
	{ CV_MAILBOX_UNMARKED, "\\UnMarked" },
};

uint32_t imap_special_use_find(struct cv_span name)
{
	for (int i = 0; i < SPECIAL_USES; i++) {
		if (cv_span_is_icase(name, special_uses[i].name))
			return special_uses[i].bit;
	}
	return 0;
}

/* --- the request ---------------------------------------------------------- */

static const char *pattern_decode(struct imap_cmd *cmd,
				  const struct imap_arg *arg)
{
	struct cv_text text;

	if (!imap_arg_is_string(arg) || arg->text.len > PATTERN_BYTES_MAX) {
		imap_bad_arguments(cmd);
		return NULL;
	}
	cv_text_init(&text, cmd->pool);
	/* what is not a name matches none */
	if (!imap_name_decode(cmd->s, &text, arg->text)) {
		imap_ok(cmd, "%s completed.", cmd->def->name);
		return NULL;
	}
	return cv_text_str(&text);
}

bool imap_list_patterns(struct imap_cmd *cmd, const struct imap_arg *reference,
			const struct imap_arg *patterns,
			struct imap_list_request *request)
{
	const char **names = CV_ALLOC_ARRAY(cmd->pool, const char *,
					    PATTERNS_MAX);
	struct cv_list_query *query = &request->query;
	struct imap_args list;
	const struct imap_arg *arg;

	if (reference == NULL || patterns == NULL) {
		imap_bad_arguments(cmd);
		return false;
	}
	query->reference = pattern_decode(cmd, reference);
	if (query->reference == NULL)
		return false;
	query->patterns = names;
	if (patterns->type != IMAP_LIST) {
		names[0] = pattern_decode(cmd, patterns);
		query->pattern_count = 1;
		return names[0] != NULL;
	}
	/* [RFC5258 3] several patterns */
	list = imap_args_of_list(&cmd->args, patterns);
	request->extended = true;
	while ((arg = imap_args_next(&list)) != NULL) {
		if (query->pattern_count == PATTERNS_MAX) {
			imap_no(cmd, "[LIMIT] Too many patterns.");
			return false;
		}
		names[query->pattern_count] = pattern_decode(cmd, arg);
		if (names[query->pattern_count++] == NULL)
			return false;
	}
	if (query->pattern_count == 0)
		imap_bad_arguments(cmd);
	return query->pattern_count > 0;
}

/* --- the responses -------------------------------------------------------- */

static void append_separator(struct cv_text *out, char separator)
{
	cv_text_append_str(out, ") \"");
	if (separator == '"' || separator == '\\')
		cv_text_append_c(out, '\\');
	cv_text_append_c(out, separator);
	cv_text_append_str(out, "\" ");
}

static void append_word(struct cv_text *out, const char *word)
{
	if (out->data[out->len - 1] != '(')
		cv_text_append_c(out, ' ');
	cv_text_append_str(out, word);
}

static void append_attributes(struct cv_text *out, uint32_t bits,
			      const struct imap_list_request *request,
			      bool rev2)
{
	if ((bits & CV_MAILBOX_NONEXISTENT) != 0) {
		/* [RFC5258 3] \NonExistent implies \Noselect; a client of
		 * RFC 3501 knows only the latter */
		bits &= ~(uint32_t)CV_MAILBOX_NOSELECT;
		append_word(out, request->extended || rev2 ? "\\NonExistent" :
			    "\\Noselect");
	}
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]);
	     i++) {
		if ((bits & attributes[i].bit) != 0)
			append_word(out, attributes[i].name);
	}
	if ((bits & CV_MAILBOX_SUBSCRIBED) != 0 && (request->query.options &
	    (CV_LIST_SUBSCRIBED | CV_LIST_RETURN_SUBSCRIBED)) != 0)
		append_word(out, "\\Subscribed");
	for (int i = 0; i < SPECIAL_USES && request->special_use; i++) {
		if ((bits & special_uses[i].bit) != 0)
			append_word(out, special_uses[i].name);
	}
}

/* [RFC3501 6.3.9] \Noselect: the name itself is not subscribed, something
 * below it is. */
static uint32_t lsub_attributes(uint32_t bits,
				const struct imap_list_request *request)
{
	bool implied = (bits & CV_MAILBOX_SUBSCRIBED) == 0 &&
		(bits & (CV_MAILBOX_CHILD_SUBSCRIBED |
			 CV_MAILBOX_NOSELECT)) != 0;

	if (request->lsub_flags && (bits & (CV_MAILBOX_NOSELECT |
					    CV_MAILBOX_NONEXISTENT)) != 0)
		implied = true;
	return implied ? CV_MAILBOX_NOSELECT : 0;
}

static void send_entry(struct imap_cmd *cmd,
		       const struct cv_list_entry *entry,
		       const struct imap_list_request *request)
{
	struct cv_text *out = &cmd->s->out;
	uint32_t bits = entry->attributes;

	if ((request->query.options & CV_LIST_LSUB) != 0)
		bits = lsub_attributes(bits, request) |
			(bits & SPECIAL_USE_BITS);
	else if (request->extended && (request->query.options &
				       CV_LIST_RETURN_CHILDREN) == 0)
		bits &= ~(uint32_t)(CV_MAILBOX_HASCHILDREN |
				    CV_MAILBOX_HASNOCHILDREN);
	cv_text_append_str(out, "* ");
	cv_text_append_str(out, request->response);
	cv_text_append_str(out, " (");
	append_attributes(out, bits, request,
			  (cmd->s->enabled & IMAP_ENABLED_REV2) != 0);
	if (request->attribute != NULL)
		append_word(out, request->attribute);
	if (request->inbox && strcmp(entry->name, "INBOX") == 0)
		append_word(out, "\\Inbox");
	append_separator(out, entry->separator);
	imap_append_mailbox(cmd, out, entry->name);
	/* [RFC5258 3.5] */
	if ((bits & CV_MAILBOX_CHILD_SUBSCRIBED) != 0 &&
	    (request->query.options & CV_LIST_RECURSIVE_MATCH) != 0)
		cv_text_append_str(out, " (\"CHILDINFO\" (\"SUBSCRIBED\"))");
	if (request->old_name != NULL) {
		cv_text_append_str(out, " (\"OLDNAME\" (");
		imap_append_mailbox(cmd, out, request->old_name);
		cv_text_append_str(out, "))");
	}
	cv_text_append_str(out, "\r\n");
	imap_flush(cmd->s);
}

/* [RFC3501 6.3.8] an empty pattern asks for the separator and the root of
 * the reference. */
static int send_root(struct imap_cmd *cmd,
		     const struct imap_list_request *request)
{
	struct imap_session *s = cmd->s;
	const char *reference = request->query.reference;
	char separator = imap_separator(s, reference);
	const char *end = strchr(reference, separator);
	size_t len = end == NULL ? 0 : (size_t)(end - reference) + 1;

	cv_text_append_str(&s->out, "* ");
	cv_text_append_str(&s->out, request->response);
	cv_text_append_str(&s->out, " (\\Noselect");
	append_separator(&s->out, separator);
	imap_append_mailbox(cmd, &s->out, imap_copy(cmd->pool,
			    cv_span(reference, len)));
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
	return imap_ok(cmd, "%s completed.", cmd->def->name);
}

struct name {			/* of the mailboxes of which more is wanted */
	struct name *next;
	const char *text;
};

static bool wants_more(const struct imap_list_request *request)
{
	return request->status_items != 0 || request->my_rights ||
		request->metadata.count > 0;
}

/* What cannot be had of a mailbox is left out: [RFC5819 2], [RFC8440 3],
 * [RFC9590]. */
static void send_more(struct imap_cmd *cmd, const struct name *name,
		      const struct imap_list_request *request)
{
	uint64_t longest;

	for (; name != NULL; name = name->next) {
		if (request->metadata.count > 0)
			(void)imap_metadata_send(cmd, name->text,
						 &request->metadata,
						 &longest);
		if (request->my_rights)
			(void)imap_acl_send_mine(cmd, name->text);
		if (request->status_items != 0)
			(void)imap_status_send(cmd, name->text,
					       request->status_items);
	}
}

/* [RFC5258 3.5] listed for what is below it only */
static bool is_listable(const struct cv_list_entry *entry,
			const struct imap_list_request *request)
{
	const uint32_t options = request->query.options;

	if ((entry->attributes & (CV_MAILBOX_NOSELECT |
				  CV_MAILBOX_NONEXISTENT)) != 0)
		return false;
	return (options & CV_LIST_RECURSIVE_MATCH) == 0 ||
		(((options & CV_LIST_SUBSCRIBED) == 0 ||
		  (entry->attributes & CV_MAILBOX_SUBSCRIBED) != 0) &&
		 ((options & CV_LIST_SPECIAL_USE) == 0 ||
		  (entry->attributes & SPECIAL_USE_BITS) != 0));
}

/* [RFC5258 3] extended LIST has no special meaning for an empty pattern: "the
 * empty string MUST be ignored for the purpose of matching". */
static void drop_empty(struct cv_list_query *query)
{
	const char **patterns = (const char **)query->patterns;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < query->pattern_count; i++) {
		if (patterns[i][0] != '\0')
			patterns[kept++] = patterns[i];
	}
	query->pattern_count = kept;
}

int imap_list_send(struct imap_cmd *cmd, struct imap_list_request *request)
{
	struct imap_session *s = cmd->s;
	struct cv_list_entry entry = { CV_SIZED(cv_list_entry) };
	struct name *names = NULL, **last = &names;
	struct cv_list *list;
	int code;

	if (!request->extended && request->query.patterns[0][0] == '\0') {
		/* [RFC3501 6.3.9] nothing is subscribed by the name of "" */
		return (request->query.options & CV_LIST_LSUB) == 0 ?
			send_root(cmd, request) :
			imap_ok(cmd, "%s completed.", cmd->def->name);
	}
	drop_empty(&request->query);
	code = imap_mailbox_api->list_begin(s->user, &request->query, &list,
					    s->err);
	if (code < 0)
		return imap_no_error(cmd, code);
	while ((code = imap_mailbox_api->list_next(list, &entry, s->err)) ==
	       CV_OK) {
		send_entry(cmd, &entry, request);
		if (!wants_more(request) || !is_listable(&entry, request))
			continue;
		*last = CV_ALLOC(cmd->pool, struct name);
		(*last)->text = imap_copy(cmd->pool, cv_span_of(entry.name));
		last = &(*last)->next;
	}
	imap_mailbox_api->list_end(&list);
	if (code < 0)
		return imap_no_error(cmd, code);
	send_more(cmd, names, request);
	return imap_ok(cmd, "%s completed.", cmd->def->name);
}

static bool find_one(struct imap_cmd *cmd,
		     const struct imap_list_request *request, const char *name,
		     struct cv_list_entry *entry)
{
	struct imap_session *s = cmd->s;
	struct cv_list *list;
	bool found = false;

	if (imap_mailbox_api->list_begin(s->user, &request->query, &list,
					 s->err) != CV_OK)
		return false;
	/* what has a wildcard in its name matches more than itself */
	while (!found && imap_mailbox_api->list_next(list, entry, s->err) ==
	       CV_OK)
		found = strcmp(entry->name, name) == 0;
	if (found)
		send_entry(cmd, entry, request);
	imap_mailbox_api->list_end(&list);
	return found;
}

static void send_one(struct imap_cmd *cmd, const char *name,
		     const char *old_name, const char *attribute,
		     uint32_t missing)
{
	const struct imap_list_request request = {
		.query = { CV_SIZED(cv_list_query), .reference = "",
			   .patterns = &name, .pattern_count = 1,
			   .options = CV_LIST_RETURN_SUBSCRIBED |
				   CV_LIST_RETURN_CHILDREN },
		.response = "LIST", .extended = true, .special_use = true,
		.old_name = old_name, .attribute = attribute,
	};
	struct cv_list_entry entry = { CV_SIZED(cv_list_entry) };

	if (find_one(cmd, &request, name, &entry))
		return;
	entry = (struct cv_list_entry){ CV_SIZED(cv_list_entry),
		.name = name, .separator = imap_separator(cmd->s, name),
		.attributes = missing };
	send_entry(cmd, &entry, &request);
}

void imap_list_send_one(struct imap_cmd *cmd, const char *name,
			const char *old_name)
{
	send_one(cmd, name, old_name, NULL, 0);
}

void imap_list_send_news(struct imap_cmd *cmd, const char *name,
			 const char *old_name, bool no_access,
			 bool subscribed)
{
	uint32_t missing = no_access ? 0 : CV_MAILBOX_NONEXISTENT;

	if (subscribed)
		missing |= CV_MAILBOX_SUBSCRIBED;
	send_one(cmd, name, old_name, no_access ? "\\NoAccess" : NULL,
		 missing);
}
