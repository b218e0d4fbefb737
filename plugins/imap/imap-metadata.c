/* imap-metadata.c - see imap-metadata.h. */
#include "imap-metadata.h"
#include "imap-args.h"
#include "imap-enable.h"
#include "imap-notify.h"
#include "imap-respond.h"

bool imap_metadata_place_arg(struct imap_cmd *cmd, const char **name_r)
{
	const struct imap_arg *arg = imap_args_peek(&cmd->args);

	/* [RFC5464 4.1] */
	if (imap_arg_is_string(arg) && arg->text.len == 0) {
		(void)imap_args_next(&cmd->args);
		*name_r = "";
		return true;
	}
	return imap_mailbox_arg(cmd, name_r);
}

uint64_t imap_metadata_max(const struct imap_session *s)
{
	/* a command may hold its own words, too */
	uint64_t max = s->set->imap_max_line_length / 2;

	/* [RFC5464 4.1] at least 1024 */
	if (max < 1024)
		max = 1024;
	return max > CV_METADATA_VALUE_MAX ? CV_METADATA_VALUE_MAX : max;
}

bool imap_metadata_entry_ok(struct cv_span entry, bool below)
{
	static const struct cv_span scopes[] = {
		CV_SPAN("/private"), CV_SPAN("/shared"),
	};
	bool slash = false;

	for (size_t i = 0; i < entry.len; i++) {
		unsigned char c = (unsigned char)entry.data[i];

		if (c < 0x20 || c >= 0x7f || c == '*' || c == '%' ||
		    (slash && c == '/'))
			return false;
		slash = c == '/';
	}
	for (int i = 0; i < 2 && !slash; i++) {
		size_t len = scopes[i].len;

		if (entry.len < len || !cv_span_equal_icase(
				cv_span(entry.data, len), scopes[i]))
			continue;
		if (entry.len == len ? below : entry.data[len] == '/')
			return true;
	}
	return false;
}

bool imap_metadata_entries(struct imap_cmd *cmd, struct imap_args args,
			   struct imap_metadata_request *request)
{
	const struct imap_arg *arg;

	request->entries = args;
	request->count = 0;
	while ((arg = imap_args_next(&args)) != NULL) {
		if (!imap_arg_is_string(arg) ||
		    !imap_metadata_entry_ok(arg->text, request->depth > 0)) {
			imap_bad(cmd, "Invalid entry name.");
			return false;
		}
		request->count++;
	}
	if (request->count == 0)
		imap_bad(cmd, "An entry name is missing.");
	return request->count > 0;
}

/* --- responses ------------------------------------------------------------ */

static void append_value(struct cv_text *out, struct cv_span value)
{
	if (value.data == NULL) {
		cv_text_append_str(out, "NIL");
		return;
	}
	if (value.len == 0 || memchr(value.data, '\0', value.len) == NULL) {
		imap_append_string(out, value);
		return;
	}
	/* [RFC5464 5] literal8: a string has no NUL */
	cv_text_append_str(out, "~{");
	cv_text_append_u64(out, value.len);
	cv_text_append_str(out, "}\r\n");
	cv_text_append_span(out, value);
}

struct sending {
	struct imap_cmd *cmd;
	const char *name;
	uint64_t longest, max_size;
	bool any;
};

static void send_one(struct sending *x, struct cv_span entry,
		     struct cv_span value)
{
	struct cv_text *out = &x->cmd->s->out;

	/* [RFC5464 4.2.1] */
	if (value.len > x->max_size) {
		if (value.len > x->longest)
			x->longest = value.len;
		return;
	}
	if (!x->any) {
		cv_text_append_str(out, "* METADATA ");
		imap_append_mailbox(x->cmd, out, x->name);
	}
	cv_text_append_str(out, x->any ? " " : " (");
	x->any = true;
	imap_append_astring(out, entry);
	cv_text_append_c(out, ' ');
	append_value(out, value);
}

/* How far below: 0 the entry itself; negative: not below. */
static int64_t depth_below(struct cv_span entry, struct cv_span asked)
{
	int64_t depth = 0;

	if (entry.len < asked.len || !cv_span_equal_icase(
			cv_span(entry.data, asked.len), asked) ||
	    (entry.len > asked.len && entry.data[asked.len] != '/'))
		return -1;
	for (size_t i = asked.len; i < entry.len; i++)
		depth += entry.data[i] == '/';
	return depth;
}

/* Each entry once, for the first that asks for it. */
static void send_asked(struct sending *x, struct cv_span asked,
		       const struct imap_metadata_request *request,
		       const struct cv_metadata *entries, uint32_t count,
		       bool *sent)
{
	bool found = false;

	for (uint32_t i = 0; i < count; i++) {
		int64_t depth = depth_below(entries[i].entry, asked);

		if (depth < 0 || depth > (int64_t)request->depth)
			continue;
		found |= depth == 0;
		if (sent[i])
			continue;
		sent[i] = true;
		send_one(x, depth == 0 ? asked : entries[i].entry,
			 entries[i].value);
	}
	if (!found && request->nil)
		send_one(x, asked, CV_SPAN_NONE);
}

int imap_metadata_send(struct imap_cmd *cmd, const char *name,
		       const struct imap_metadata_request *request,
		       uint64_t *longest_r)
{
	struct imap_session *s = cmd->s;
	struct sending x = { .cmd = cmd, .name = name,
		.max_size = request->max_size };
	struct imap_args args = request->entries;
	const struct imap_arg *arg;
	struct cv_metadata *entries;
	uint32_t count;
	bool *sent;
	int code = imap_mailbox_api->metadata_list(s->user, name, cmd->pool,
						   &entries, &count, s->err);

	if (code < 0)
		return code;
	sent = CV_ALLOC_ARRAY(cmd->pool, bool, count + 1);
	while ((arg = imap_args_next(&args)) != NULL)
		send_asked(&x, arg->text, request, entries, count, sent);
	if (x.any)
		cv_text_append_str(&s->out, ")\r\n");
	imap_flush(s);
	*longest_r = x.longest;
	return CV_OK;
}

/* --- unsolicited ---------------------------------------------------------- */

bool imap_metadata_is_told(const struct imap_session *s)
{
	const uint32_t events = IMAP_EVENT_MAILBOX_METADATA_CHANGE |
		IMAP_EVENT_SERVER_METADATA_CHANGE;

	return (s->enabled & IMAP_ENABLED_METADATA) != 0 ||
		(s->notify != NULL && (s->notify->any & events) != 0);
}

/* [RFC5465 5.6] NOTIFY needs no ENABLE. */
static bool is_told(const struct imap_session *s, const char *name)
{
	return (s->enabled & IMAP_ENABLED_METADATA) != 0 ||
		imap_notify_wants_metadata(s, name);
}

void imap_metadata_notify(struct imap_session *s, struct cv_pool *pool)
{
	struct cv_metadata_change *changes;
	/* only what names need of a command */
	struct imap_cmd cmd = { .s = s, .pool = pool };
	const char *last = NULL;
	uint32_t count;

	/* a host that has none never tells */
	if (!imap_metadata_is_told(s) ||
	    !CV_HAS(imap_mailbox_api, metadata_changes) ||
	    imap_mailbox_api->metadata_changes == NULL)
		return;
	if (imap_mailbox_api->metadata_changes(s->user, pool, &changes,
					       &count, s->err) < 0)
		return;
	for (uint32_t i = 0; i < count; i++) {
		const char *name = changes[i].mailbox_name;

		if (!is_told(s, name))
			continue;
		/* [RFC5464 4.4.2] names only */
		if (last == NULL || strcmp(last, name) != 0) {
			cv_text_append_str(&s->out, last != NULL ?
					   "\r\n* METADATA " : "* METADATA ");
			imap_append_mailbox(&cmd, &s->out, name);
		}
		last = name;
		cv_text_append_c(&s->out, ' ');
		imap_append_astring(&s->out, changes[i].entry);
	}
	if (last != NULL) {
		cv_text_append_str(&s->out, "\r\n");
		imap_flush(s);
	}
}

void imap_metadata_enable(struct imap_session *s)
{
	struct cv_pool *pool = cv_api->pool_create("metadata");

	/* what is there now is no news */
	imap_metadata_notify(s, pool);
	cv_api->pool_destroy(&pool);
}
