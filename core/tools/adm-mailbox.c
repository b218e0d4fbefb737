/* adm-mailbox.c - culveradm mailbox: list, create, delete, rename,
 * subscriptions, status, update, metadata. */
#include "adm-mail.h"
#include "mailbox/mailbox-admin.h"

#include <strings.h>

static int some_arguments(struct adm_mail *m)
{
	return m->argc > 0 ? ADM_OK :
		adm_mail_usage(m, "which mailbox?");
}

/* Runs fn for each argument; failures are reported and the rest is done. */
static int for_each(struct adm_mail *m,
		    int (*fn)(struct adm_mail *m, const char *name,
			      struct cv_error *err))
{
	for (int i = 0; i < m->argc; i++) {
		struct cv_error err = ERROR_NONE;

		if (fn(m, m->argv[i], &err) < 0) {
			(void)error_prefix(&err, "mailbox %s", m->argv[i]);
			adm_mail_failed(m, &err);
		}
	}
	return CV_OK;
}

/* --- list --------------------------------------------------------------------- */

static int any_arguments(struct adm_mail *m)
{
	(void)m;
	return ADM_OK;
}

static void put_name(struct adm_mail *m, const char *name)
{
	struct cv_text text;

	if (m->option['7'] == NULL) {
		adm_mail_value(m, name);
		return;
	}
	cv_text_init(&text, m->pool);
	utf7_encode(&text, cv_span_of(name));
	adm_mail_value(m, cv_text_str(&text));
}

static int list_run(struct adm_mail *m, struct cv_error *err)
{
	static const char *const all[] = { "*" };
	struct cv_list_query query = { CV_SIZED(cv_list_query),
		.reference = "", .patterns = all, .pattern_count = 1,
	};
	struct cv_list_entry entry = { CV_SIZED(cv_list_entry) };
	struct cv_list *list;
	int ret;

	if (m->argc > 0) {
		query.patterns = (const char *const *)m->argv;
		query.pattern_count = (uint32_t)m->argc;
	}
	if (m->option['s'] != NULL)
		query.options = CV_LIST_SUBSCRIBED;
	ret = mailbox_api.list_begin(m->user, &query, &list, err);
	if (ret < 0)
		return ret;
	/* parents that are no mailboxes too: [RFC9051 6.3.9] names them for
	 * what is below, and so does doveadm */
	while ((ret = mailbox_api.list_next(list, &entry, err)) == CV_OK)
		put_name(m, entry.name);
	mailbox_api.list_end(&list);
	return ret == CV_NOT_FOUND ? CV_OK : ret;
}

/* --- create, delete, rename ------------------------------------------------------ */

static int create_prepare(struct adm_mail *m)
{
	struct mailbox_update *as = pool_new(m->pool, struct mailbox_update);
	const char *guid = m->option['g'];

	m->state = as;
	if (guid != NULL)
		as->has_guid = account_guid_parse(cv_span_of(guid), &as->guid);
	/* zeros stand for the account itself */
	if (guid != NULL &&
	    (!as->has_guid || strspn(guid, "0") == strlen(guid)))
		return adm_mail_usage(m, "'%s' is no GUID of 32 hexadecimal "
				      "digits, one not 0", guid);
	return some_arguments(m);
}

static int create_one(struct adm_mail *m, const char *name,
		      struct cv_error *err)
{
	int ret = mailbox_new_name_check(m->user, name, err);

	if (ret == CV_OK)
		ret = mailbox_create_as(m->user, name, 0, m->state, err);
	if (ret == CV_OK && m->option['s'] != NULL)
		ret = mailbox_api.subscribe(m->user, name, true, err);
	return ret;
}

static int create_run(struct adm_mail *m, struct cv_error *err)
{
	(void)err;
	return for_each(m, create_one);
}

static int delete_single(struct adm_mail *m, const char *name,
			 struct cv_error *err)
{
	struct cv_mailbox_status status = { CV_SIZED(cv_mailbox_status) };
	int ret = CV_OK;

	if (m->option['e'] != NULL)
		ret = mailbox_api.status(m->user, name, CV_STATUS_MESSAGES,
					 &status, err);
	if (ret == CV_OK && status.messages > 0)
		return FAIL(err, CV_E_EXISTS, "not deleted, it has %u "
			    "messages (-e)", status.messages);
	if (ret == CV_OK)
		ret = mailbox_api.remove(m->user, name, err);
	/* no question of rights: doveadm calls it wrong data */
	if (ret == CV_E_DENIED && strcasecmp(name, "INBOX") == 0)
		return FAIL(err, CV_E_EXISTS, "INBOX cannot be deleted");
	if (ret == CV_OK && m->option['s'] != NULL)
		ret = mailbox_api.subscribe(m->user, name, false, err);
	return ret;
}

/* That of the namespace whose prefix is the longest that the name begins
 * with. */
static char separator_of(const struct adm_mail *m, const char *name)
{
	struct cv_namespace_info ns = { CV_SIZED(cv_namespace_info) };
	size_t best = 0;
	char separator = '/';

	for (uint32_t i = 0;
	     user_api.namespace_at(m->user, i, &ns) == CV_OK; i++) {
		size_t len = strlen(ns.prefix);

		if (len < best || strncmp(name, ns.prefix, len) != 0)
			continue;
		best = len;
		separator = ns.separator;
	}
	return separator;
}

/* Children first, the deepest first.  The name is no pattern: it may have a
 * '*' in it. */
static int delete_children(struct adm_mail *m, const char *name,
			   uint32_t *count_r, struct cv_error *err)
{
	struct cv_strings names;
	char separator = separator_of(m, name);
	size_t len = strlen(name);
	int ret = adm_mail_list(m, NULL, &names, err);

	*count_r = 0;
	for (uint32_t i = names.count; ret == CV_OK && i-- > 0;) {
		if (strncmp(names.items[i], name, len) != 0 ||
		    names.items[i][len] != separator)
			continue;
		ret = delete_single(m, names.items[i], err);
		*count_r += ret == CV_OK;
	}
	return ret;
}

static int delete_one(struct adm_mail *m, const char *name,
		      struct cv_error *err)
{
	uint32_t children = 0;
	int ret = CV_OK;

	if (m->option['r'] != NULL)
		ret = delete_children(m, name, &children, err);
	if (ret == CV_OK)
		ret = delete_single(m, name, err);
	/* "a" need not be there for "a/b" to be */
	if (ret != CV_E_NOT_FOUND || children == 0)
		return ret;
	return m->option['s'] == NULL ? CV_OK :
		mailbox_api.subscribe(m->user, name, false, err);
}

static int delete_run(struct adm_mail *m, struct cv_error *err)
{
	(void)err;
	return for_each(m, delete_one);
}

static int two_arguments(struct adm_mail *m)
{
	return m->argc == 2 ? ADM_OK :
		adm_mail_usage(m, "the old and the new name");
}

static int rename_run(struct adm_mail *m, struct cv_error *err)
{
	int ret = mailbox_api.rename(m->user, m->argv[0], m->argv[1], err);

	/* below itself, or to where it cannot go: wrong data for doveadm */
	if (ret == CV_E_UNSUPPORTED ||
	    (ret == CV_E_PERM && !adm_is_invalid_name(err)))
		err->code = ret = CV_E_EXISTS;
	if (ret == CV_OK && m->option['s'] != NULL) {
		ret = mailbox_api.subscribe(m->user, m->argv[0], false, err);
		if (ret == CV_OK)
			ret = mailbox_api.subscribe(m->user, m->argv[1], true,
						    err);
	}
	return ret;
}

/* --- subscriptions ----------------------------------------------------------------- */

static int subscribe_one(struct adm_mail *m, const char *name,
			 struct cv_error *err)
{
	int ret = mailbox_api.subscribe(m->user, name, true, err);

	/* no namespace keeps it: wrong data for doveadm */
	if (ret == CV_E_UNSUPPORTED)
		err->code = ret = CV_E_EXISTS;
	return ret;
}

static int subscribe_run(struct adm_mail *m, struct cv_error *err)
{
	(void)err;
	return for_each(m, subscribe_one);
}

static int unsubscribe_one(struct adm_mail *m, const char *name,
			   struct cv_error *err)
{
	return mailbox_api.subscribe(m->user, name, false, err);
}

static int unsubscribe_run(struct adm_mail *m, struct cv_error *err)
{
	(void)err;
	return for_each(m, unsubscribe_one);
}

/* --- status ------------------------------------------------------------------------ */

/* Beside enum cv_status_item. */
enum { STATUS_FIRST_SAVED = 1 << 16 };

/* In the order in which they are shown. */
static const struct status_item { const char *name; uint32_t item; }
status_items[] = {
	{ "messages", CV_STATUS_MESSAGES }, { "recent", CV_STATUS_RECENT },
	{ "uidnext", CV_STATUS_UIDNEXT },
	{ "uidvalidity", CV_STATUS_UIDVALIDITY },
	{ "unseen", CV_STATUS_UNSEEN }, { "deleted", CV_STATUS_DELETED },
	{ "highestmodseq", CV_STATUS_HIGHESTMODSEQ },
	{ "vsize", CV_STATUS_SIZE }, { "guid", CV_STATUS_GUID },
	{ "firstsaved", STATUS_FIRST_SAVED },
};
enum { STATUS_ITEMS = sizeof(status_items) / sizeof(status_items[0]),
	STATUS_ALL = 0x1ff | STATUS_FIRST_SAVED,
	/* what can be added up over mailboxes (-t) */
	STATUS_SUMS = CV_STATUS_MESSAGES | CV_STATUS_RECENT |
		CV_STATUS_UNSEEN | CV_STATUS_DELETED | CV_STATUS_SIZE };

struct status_state { uint32_t items; struct cv_mailbox_status total; };

static int add_item(struct adm_mail *m, struct cv_span name, uint32_t *items)
{
	bool totals = m->option['t'] != NULL;

	if (cv_span_is(name, "all")) {
		*items |= totals ? (uint32_t)STATUS_SUMS :
			(uint32_t)STATUS_ALL;
		return ADM_OK;
	}
	for (size_t i = 0; i < STATUS_ITEMS; i++) {
		if (!cv_span_is(name, status_items[i].name))
			continue;
		if (totals && (status_items[i].item & STATUS_SUMS) == 0)
			return adm_mail_usage(m, "'%s' cannot be added up "
					      "(-t)", status_items[i].name);
		*items |= status_items[i].item;
		return ADM_OK;
	}
	return adm_mail_usage(m, "there is no field '%.*s'",
			      CV_SPAN_ARG(name));
}

static int status_prepare(struct adm_mail *m)
{
	struct status_state *state = pool_new(m->pool, struct status_state);
	const char **columns = pool_new_array(m->pool, const char *,
					      STATUS_ITEMS + 2);
	bool totals = m->option['t'] != NULL;
	struct cv_span rest, word;
	uint32_t count = 0;

	if (m->argc < 2)
		return adm_mail_usage(m, "which fields, which mailboxes?");
	rest = cv_span_of(m->argv[0]);
	while (cv_span_split(&rest, ' ', &word)) {
		if (word.len > 0 &&
		    add_item(m, word, &state->items) != ADM_OK)
			return ADM_USAGE;
	}
	if (state->items == 0)
		return adm_mail_usage(m, "which fields?");
	if (!totals)
		columns[count++] = ADM_UNTITLED "mailbox";
	for (size_t i = 0; i < STATUS_ITEMS; i++) {
		if ((state->items & status_items[i].item) != 0)
			columns[count++] = status_items[i].name;
	}
	m->columns = columns;
	m->state = state;
	return ADM_OK;
}

static void put_item(struct adm_mail *m, uint32_t item,
		     const struct cv_mailbox_status *s)
{
	char guid[33];

	switch (item) {
	case CV_STATUS_MESSAGES:
		adm_mail_f(m, "%u", s->messages);
		break;
	case CV_STATUS_RECENT:
		adm_mail_f(m, "%u", s->recent);
		break;
	case CV_STATUS_UIDNEXT:
		adm_mail_f(m, "%u", s->uidnext);
		break;
	case CV_STATUS_UIDVALIDITY:
		adm_mail_f(m, "%u", s->uidvalidity);
		break;
	case CV_STATUS_UNSEEN:
		adm_mail_f(m, "%u", s->unseen);
		break;
	case CV_STATUS_DELETED:
		adm_mail_f(m, "%u", s->deleted);
		break;
	case CV_STATUS_HIGHESTMODSEQ:
		adm_mail_f(m, "%llu", (unsigned long long)s->highestmodseq);
		break;
	case CV_STATUS_SIZE:
		adm_mail_f(m, "%llu", (unsigned long long)s->size_bytes);
		break;
	default:
		account_guid_format((const struct account_guid *)s->guid,
				    guid);
		adm_mail_value(m, guid);
		break;
	}
}

/* Of its first message; 0: there is none. */
static int first_saved(struct adm_mail *m, const char *name, int64_t *saved_r,
		       struct cv_error *err)
{
	struct cv_message_data data = { CV_SIZED(cv_message_data) };
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };
	struct cv_mailbox *box;
	int ret = mailbox_api.open(m->user, name, CV_MAILBOX_READONLY, &box,
				   err);

	*saved_r = 0;
	if (ret < 0)
		return ret;
	mailbox_api.state(box, &state);
	if (state.messages > 0)
		ret = mailbox_api.message(box, 1, 0, &data, err);
	if (ret == CV_OK)
		*saved_r = data.save_date;
	mailbox_api.close(&box);
	return ret < 0 ? ret : CV_OK;
}

static void put_status(struct adm_mail *m, const struct cv_mailbox_status *s,
		       int64_t saved)
{
	const struct status_state *state = m->state;

	for (size_t i = 0; i < STATUS_ITEMS; i++) {
		uint32_t item = state->items & status_items[i].item;

		if (item == STATUS_FIRST_SAVED && saved == 0)
			adm_mail_value(m, "never");
		else if (item == STATUS_FIRST_SAVED)
			adm_mail_f(m, "%lld", (long long)saved);
		else if (item != 0)
			put_item(m, item, s);
	}
}

static int status_one(struct adm_mail *m, const char *name,
		      struct cv_error *err)
{
	struct status_state *state = m->state;
	struct cv_mailbox_status s = { CV_SIZED(cv_mailbox_status) };
	int64_t saved = 0;
	int ret = mailbox_api.status(m->user, name, state->items &
				     ~(uint32_t)STATUS_FIRST_SAVED, &s, err);

	if (ret >= 0 && (state->items & STATUS_FIRST_SAVED) != 0)
		ret = first_saved(m, name, &saved, err);
	if (ret < 0)
		return ret;
	if (m->option['t'] == NULL) {
		adm_mail_value(m, name);
		put_status(m, &s, saved);
		return CV_OK;
	}
	state->total.messages += s.messages;
	state->total.recent += s.recent;
	state->total.unseen += s.unseen;
	state->total.deleted += s.deleted;
	state->total.size_bytes += s.size_bytes;
	return CV_OK;
}

/* Why there is no mailbox of this name. */
static int missing(struct adm_mail *m, const char *name, struct cv_error *err)
{
	struct cv_mailbox_status s = { CV_SIZED(cv_mailbox_status) };
	int ret = mailbox_api.status(m->user, name, CV_STATUS_MESSAGES, &s,
				     err);

	return ret < 0 && ret != CV_E_NOT_FOUND ? ret :
		FAIL(err, CV_E_NOT_FOUND, "there is no mailbox '%s'", name);
}

static int status_run(struct adm_mail *m, struct cv_error *err)
{
	struct status_state *state = m->state;
	int ret = CV_OK;

	state->total = (struct cv_mailbox_status){
		CV_SIZED(cv_mailbox_status) };
	for (int i = 1; i < m->argc && ret == CV_OK; i++) {
		struct cv_strings names;

		ret = adm_mail_list(m, m->argv[i], &names, err);
		if (ret == CV_OK && names.count == 0 &&
		    strpbrk(m->argv[i], "*%") == NULL)
			ret = missing(m, m->argv[i], err);
		for (uint32_t k = 0; ret == CV_OK && k < names.count; k++)
			ret = status_one(m, names.items[k], err);
	}
	if (ret == CV_OK && m->option['t'] != NULL)
		put_status(m, &state->total, 0);
	return ret;
}

/* --- path --------------------------------------------------------------------------- */

static int path_one(struct adm_mail *m, const char *name,
		    struct cv_error *err)
{
	const char *path;
	int ret = mailbox_path(m->user, name, m->pool, &path, err);

	if (ret == CV_OK)
		adm_mail_value(m, path);
	return ret;
}

static int path_run(struct adm_mail *m, struct cv_error *err)
{
	(void)err;
	return for_each(m, path_one);
}

/* --- update ------------------------------------------------------------------------- */

static bool take_number(const struct adm_mail *m, char letter, uint64_t max,
			uint64_t *value_r)
{
	return m->option[(int)letter] == NULL ||
		(cv_span_to_u64(cv_span_of(m->option[(int)letter]), max,
				value_r) && *value_r > 0);
}

static int update_prepare(struct adm_mail *m)
{
	struct mailbox_update *update = pool_new(m->pool,
						 struct mailbox_update);
	uint64_t uidvalidity = 0, uidnext = 0;

	if (m->argc != 1)
		return adm_mail_usage(m, "which mailbox?");
	if (!take_number(m, 'v', UINT32_MAX, &uidvalidity) ||
	    !take_number(m, 'n', UINT32_MAX, &uidnext))
		return adm_mail_usage(m, "-v and -n take a number greater "
				      "than 0");
	update->uidvalidity = (uint32_t)uidvalidity;
	update->uidnext = (uint32_t)uidnext;
	m->state = update;
	return ADM_OK;
}

static int update_run(struct adm_mail *m, struct cv_error *err)
{
	return mailbox_update(m->user, m->argv[0], m->state, err);
}

/* --- metadata ----------------------------------------------------------------------- */

static int metadata_prepare(struct adm_mail *m)
{
	static const char *const value[] = { "value", NULL };
	static const char *const list[] = { ADM_UNTITLED "key", "value",
		NULL };
	const char *what = m->argc > 0 ? m->argv[0] : "";
	int wanted = strcmp(what, "set") == 0 ? 4 :
		strcmp(what, "list") == 0 ? 2 :
		strcmp(what, "get") == 0 || strcmp(what, "unset") == 0 ? 3 :
		0;

	if (wanted == 0 && m->argc > 0)
		return adm_mail_usage(m, "there is no '%s': get, set, unset or "
				      "list", what);
	if (wanted == 0)
		return adm_mail_usage(m, "get, set, unset or list?");
	if (m->argc != wanted)
		return adm_mail_usage(m, "%s takes %d arguments", what,
				      wanted - 1);
	if (wanted > 2 && strncasecmp(m->argv[2], "/private/", 9) != 0 &&
	    strncasecmp(m->argv[2], "/shared/", 8) != 0)
		return adm_mail_usage(m, "'%s' is no name of an entry (hint: "
				      "/private/comment, /shared/...)",
				      m->argv[2]);
	m->columns = strcmp(what, "get") == 0 ? value :
		strcmp(what, "list") == 0 ? list : NULL;
	return ADM_OK;
}

static int metadata_run(struct adm_mail *m, struct cv_error *err)
{
	struct mailbox_metadata *items;
	struct cv_span value;
	uint32_t count;
	int ret;

	switch (m->argv[0][0]) {
	case 'g':
		ret = mailbox_metadata_get(m->user, m->argv[1],
					   cv_span_of(m->argv[2]), m->pool,
					   &value, err);
		if (ret == CV_OK)
			adm_mail_data(m, value, false);
		return ret;
	case 's':
		return mailbox_metadata_set(m->user, m->argv[1],
					    cv_span_of(m->argv[2]),
					    cv_span_of(m->argv[3]), err);
	case 'u':
		return mailbox_metadata_set(m->user, m->argv[1],
					    cv_span_of(m->argv[2]),
					    CV_SPAN_NONE, err);
	default:
		ret = mailbox_metadata_list(m->user, m->argv[1], m->pool,
					    &items, &count, err);
		for (uint32_t i = 0; ret == CV_OK && i < count; i++) {
			adm_mail_data(m, items[i].key, false);
			adm_mail_data(m, items[i].value, false);
		}
		return ret;
	}
}

/* --- the verbs ----------------------------------------------------------------------- */

static const char *const name_column[] = { ADM_UNTITLED "mailbox", NULL };
static const char *const path_column[] = { ADM_UNTITLED "path", NULL };

static const struct option update_options[] = {
	{ "uid-validity", required_argument, NULL, 'v' },
	{ "min-next-uid", required_argument, NULL, 'n' },
	{ NULL, 0, NULL, 0 },
};

static const struct adm_mail_verb subverbs[] = {
	{ "mailbox list", "[-7|-8] [-s] [MASK...]", "s78", ADM_FORMAT_FLOW,
	  name_column, any_arguments, list_run,
	  "lists mailboxes\n"
	  "-7  names in the modified UTF-7 of IMAP4rev1\n"
	  "-8  names in UTF-8, as without it\n"
	  "-s  those that are subscribed", NULL },
	{ "mailbox create", "[-s] [-g GUID] MAILBOX...", "sg:",
	  ADM_FORMAT_FLOW, NULL, create_prepare, create_run,
	  "creates mailboxes\n"
	  "-s  subscribes, too\n"
	  "-g  with this GUID (32 hexadecimal digits)", NULL },
	{ "mailbox delete", "[-e] [-r] [-s] [-Z] MAILBOX...", "ersZ",
	  ADM_FORMAT_FLOW, NULL, some_arguments, delete_run,
	  "deletes mailboxes with the messages in them\n"
	  "-e  only when they are empty\n"
	  "-r  with all below them\n"
	  "-s  unsubscribes, too\n"
	  "-Z  changes nothing here", NULL },
	{ "mailbox rename", "[-s] OLD NEW", "s", ADM_FORMAT_FLOW, NULL,
	  two_arguments, rename_run,
	  "renames a mailbox and all below it\n"
	  "-s  changes the subscription, too", NULL },
	{ "mailbox subscribe", "MAILBOX...", "", ADM_FORMAT_FLOW, NULL,
	  some_arguments, subscribe_run, "subscribes to mailboxes", NULL },
	{ "mailbox unsubscribe", "MAILBOX...", "", ADM_FORMAT_FLOW, NULL,
	  some_arguments, unsubscribe_run, "unsubscribes from mailboxes",
	  NULL },
	{ "mailbox status", "[-t] FIELDS MASK...", "t", ADM_FORMAT_FLOW, NULL,
	  status_prepare, status_run,
	  "shows the fields, which are one argument: all, or some of messages "
	  "recent uidnext\nuidvalidity unseen deleted highestmodseq vsize "
	  "guid firstsaved\n"
	  "-t  adds up over all mailboxes", NULL },
	{ "mailbox path", "MAILBOX...", "", ADM_FORMAT_FLOW, path_column,
	  some_arguments, path_run, "shows where the messages lie", NULL },
	{ "mailbox update", "[-v|--uid-validity UIDVALIDITY] "
	  "[-n|--min-next-uid UIDNEXT] MAILBOX", "v:n:", ADM_FORMAT_FLOW,
	  NULL, update_prepare, update_run,
	  "changes what clients know a mailbox by\n"
	  "-v  the UIDVALIDITY\n"
	  "-n  the next UID, which is only ever raised", update_options },
	{ "mailbox metadata", "get|unset MAILBOX KEY | "
	  "set MAILBOX KEY VALUE | list MAILBOX", "+", ADM_FORMAT_FLOW, NULL,
	  metadata_prepare, metadata_run,
	  "shows and changes annotations (/private/comment); an empty mailbox "
	  "means those\nof the account", NULL },
};

static int run_mailbox(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run_second(adm, &adm_mailbox_verb, argc, argv,
				   "what to do with the mailbox?");
}

const struct adm_verb adm_mailbox_verb = {
	.name = "mailbox",
	.args = "list|create|delete|rename|subscribe|unsubscribe|status|"
		"path|update|metadata [-u USER|-A|-F FILE] ...",
	.help = "lists and changes a user's mailboxes",
	.run = run_mailbox,
	.mail = subverbs, .count = sizeof(subverbs) / sizeof(subverbs[0]),
};
