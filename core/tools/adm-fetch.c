/* adm-fetch.c - culveradm fetch and search. */
#include "adm-fetch-text.h"
#include "mailbox/mailbox-admin.h"
#include "message/encoded-word.h"
#include "message/message-section.h"
#include "stream/stream.h"

#include <stdio.h>
#include <time.h>

enum { FETCH_FIELDS_MAX = 100 };

/* --- search ------------------------------------------------------------------ */

static void put_guid(struct adm_mail *m, const uint8_t guid[16])
{
	char text[33];

	account_guid_format((const struct account_guid *)guid, text);
	adm_mail_value(m, text);
}

static int query_only(struct adm_mail *m)
{
	return adm_mail_parse_query(m, 0);
}

static int search_found(struct adm_mail *m, struct cv_mailbox *box,
			const char *name, struct cv_set seqs,
			struct cv_error *err)
{
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };

	(void)name;
	(void)err;
	mailbox_api.state(box, &state);
	for (uint32_t i = 0; i < seqs.count; i++) {
		for (uint32_t seq = seqs.ranges[i].first;
		     seq <= seqs.ranges[i].last; seq++) {
			put_guid(m, state.guid);
			adm_mail_f(m, "%u", mailbox_api.uid_of(box, seq));
		}
	}
	return CV_OK;
}

static int search_run(struct adm_mail *m, struct cv_error *err)
{
	return adm_mail_each_match(m, CV_MAILBOX_READONLY, search_found, err);
}

/* --- fields of fetch ------------------------------------------------------------ */

struct fetch {
	struct adm_mail *m;
	struct cv_mailbox *box;
	const char *name;
	struct cv_mailbox_state state;
	struct cv_message_data data;
	struct mailbox_details details;
	struct cv_blob_facts facts;
	struct cv_pool *pool;		/* of one message */
	struct cv_error *err;
};

/* Puts one value, also when it fails. */
typedef int field_fn(struct fetch *f, const char *argument);

static int put_user(struct fetch *f, const char *argument)
{
	(void)argument;
	adm_mail_value(f->m, user_name(f->m->user));
	return CV_OK;
}

static int put_mailbox(struct fetch *f, const char *argument)
{
	(void)argument;
	adm_mail_value(f->m, f->name);
	return CV_OK;
}

static int put_mailbox_guid(struct fetch *f, const char *argument)
{
	(void)argument;
	put_guid(f->m, f->state.guid);
	return CV_OK;
}

static int put_seq(struct fetch *f, const char *argument)
{
	(void)argument;
	adm_mail_f(f->m, "%u", f->data.seq);
	return CV_OK;
}

static int put_uid(struct fetch *f, const char *argument)
{
	(void)argument;
	adm_mail_f(f->m, "%u", f->data.uid);
	return CV_OK;
}

static int put_message_guid(struct fetch *f, const char *argument)
{
	(void)argument;
	put_guid(f->m, f->data.guid);
	return CV_OK;
}

static int put_modseq(struct fetch *f, const char *argument)
{
	(void)argument;
	adm_mail_f(f->m, "%llu", (unsigned long long)f->data.modseq);
	return CV_OK;
}

static int put_flags(struct fetch *f, const char *argument)
{
	static const struct { uint32_t flag; const char *name; } names[] = {
		{ CV_FLAG_ANSWERED, "\\Answered" },
		{ CV_FLAG_FLAGGED, "\\Flagged" },
		{ CV_FLAG_DELETED, "\\Deleted" },
		{ CV_FLAG_SEEN, "\\Seen" }, { CV_FLAG_DRAFT, "\\Draft" },
		{ CV_FLAG_RECENT, "\\Recent" },
	};
	struct cv_text text;

	(void)argument;
	cv_text_init(&text, f->pool);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((f->data.flags & names[i].flag) != 0)
			cv_text_append_f(&text, "%s%s", text.len > 0 ? " " :
					 "", names[i].name);
	}
	for (uint32_t i = 0; i < f->data.keywords.count; i++)
		cv_text_append_f(&text, "%s%s", text.len > 0 ? " " : "",
				 f->data.keywords.names[i]);
	adm_mail_value(f->m, cv_text_str(&text));
	return CV_OK;
}

static void put_time(struct fetch *f, int64_t seconds, const char *argument)
{
	time_t when = (time_t)seconds;
	struct tm tm;
	char text[32] = "";

	if (strcmp(argument, "unixtime") == 0)
		(void)snprintf(text, sizeof(text), "%lld",
			       (long long)seconds);
	else if (localtime_r(&when, &tm) == NULL ||
		 strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		text[0] = '\0';
	adm_mail_value(f->m, text);
}

static int put_received(struct fetch *f, const char *argument)
{
	put_time(f, f->data.internal_date, argument);
	return CV_OK;
}

static int put_saved(struct fetch *f, const char *argument)
{
	put_time(f, f->data.save_date, argument);
	return CV_OK;
}

/* As it stands in the header: in its own zone.  Without one it is 1970, which
 * doveadm takes for it too. */
static int put_sent(struct fetch *f, const char *argument)
{
	int zone = f->details.has_sent ? f->details.sent_zone : 0;
	int minutes = zone < 0 ? -zone : zone;
	int64_t sent = f->details.has_sent ? f->details.sent : 0;
	time_t when = (time_t)(sent + zone * 60);
	struct tm tm;
	char text[32];

	if (strcmp(argument, "unixtime") == 0)
		put_time(f, sent, argument);
	else if (gmtime_r(&when, &tm) == NULL ||
		 strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		adm_mail_value(f->m, "");
	else
		adm_mail_f(f->m, "%s (%c%02d%02d)", text,
			   zone < 0 ? '-' : '+', minutes / 60, minutes % 60);
	return CV_OK;
}

static int put_size_physical(struct fetch *f, const char *argument)
{
	(void)argument;
	adm_mail_f(f->m, "%llu", (unsigned long long)f->details.stored_bytes);
	return CV_OK;
}

static int put_size_virtual(struct fetch *f, const char *argument)
{
	(void)argument;
	adm_mail_f(f->m, "%llu", (unsigned long long)f->data.size_bytes);
	return CV_OK;
}

static int put_storage_id(struct fetch *f, const char *argument)
{
	(void)argument;
	adm_mail_data(f->m, f->details.ref, false);
	return CV_OK;
}

static int put_refcount(struct fetch *f, const char *argument)
{
	(void)argument;
	adm_mail_f(f->m, "%u", f->facts.references);
	return CV_OK;
}

static int put_pop3_uidl(struct fetch *f, const char *argument)
{
	(void)argument;
	adm_mail_data(f->m, f->facts.pop3_uidl, false);
	return CV_OK;
}

static int put_pop3_order(struct fetch *f, const char *argument)
{
	(void)argument;
	if (f->facts.pop3_order == 0)
		adm_mail_value(f->m, "");
	else
		adm_mail_f(f->m, "%u", f->facts.pop3_order);
	return CV_OK;
}

/* Without the brackets around it, as doveadm shows it. */
static int put_wire(struct fetch *f, struct cv_span wire)
{
	if (wire.len >= 2 && wire.data[0] == '(')
		wire = cv_span(wire.data + 1, wire.len - 2);
	adm_mail_data(f->m, wire, false);
	return CV_OK;
}

static int put_envelope(struct fetch *f, const char *argument)
{
	(void)argument;
	return put_wire(f, f->data.envelope);
}

static int put_body_wire(struct fetch *f, const char *argument)
{
	(void)argument;
	return put_wire(f, f->data.body);
}

static int put_bodystructure(struct fetch *f, const char *argument)
{
	(void)argument;
	return put_wire(f, f->data.bodystructure);
}

/* --- content --------------------------------------------------------------------- */

static int put_stream(struct fetch *f, struct cv_stream *stream)
{
	struct cv_span data;
	int ret;

	/* of several parts, even when it is empty: formats show that */
	adm_mail_data(f->m, cv_span("", 0), true);
	while ((ret = stream_read(stream, &data, f->err)) == CV_OK) {
		adm_mail_data(f->m, data, true);
		stream_skip(stream, data.len);
	}
	adm_mail_value(f->m, "");
	return ret == CV_EOF ? CV_OK : ret;
}

/* As IMAP shows it: each line ends with CRLF. */
static int open_section(struct fetch *f, struct cv_section *section,
			struct cv_stream **stream_r)
{
	uint64_t size;

	section->raw = true;
	return mailbox_api.section(f->box, f->data.seq, section, stream_r,
				   &size, f->err);
}

static int put_opened(struct fetch *f, int ret, struct cv_stream *stream)
{
	if (ret == CV_OK)
		return put_stream(f, stream);
	if (ret == CV_NOT_FOUND)
		adm_mail_data(f->m, cv_span("", 0), true);
	adm_mail_value(f->m, "");
	return ret == CV_NOT_FOUND ? CV_OK : ret;
}

static int put_section(struct fetch *f, struct cv_section *section)
{
	struct cv_stream *stream = NULL;
	int ret = open_section(f, section, &stream);

	return put_opened(f, ret, stream);
}

/* The whole message, its header or what is below: as they are stored, as
 * doveadm shows them, or with LF when that is not known. */
static int open_stored(struct fetch *f, enum cv_section_kind kind,
		       struct cv_stream **stream_r)
{
	struct cv_section section = { CV_SIZED(cv_section), .kind = kind };
	struct cv_stream *stream;
	uint64_t header;
	int ret = mailbox_stored(f->box, f->data.seq, &stream, &header,
				 f->err);

	if (ret == CV_E_UNSUPPORTED) {
		ret = open_section(f, &section, &stream);
		*stream_r = ret == CV_OK ? stream_open_lf(f->pool, stream) :
			NULL;
		return ret;
	}
	if (ret == CV_OK)
		*stream_r = kind == CV_SECTION_ALL ? stream :
			kind == CV_SECTION_HEADER ?
			stream_open_range(f->pool, stream, 0, header) :
			stream_open_range(f->pool, stream, header,
					  UINT64_MAX - header);
	return ret;
}

static int put_stored(struct fetch *f, enum cv_section_kind kind)
{
	struct cv_stream *stream = NULL;
	int ret = open_stored(f, kind, &stream);

	return put_opened(f, ret, stream);
}

static int put_text(struct fetch *f, const char *argument)
{
	(void)argument;
	return put_stored(f, CV_SECTION_ALL);
}

/* "subject.utf8": its encoded words are wanted decoded. */
static bool take_suffix(struct cv_span *name, struct cv_span suffix)
{
	if (name->len <= suffix.len ||
	    !cv_span_equal(cv_span_skip(*name, name->len - suffix.len),
			   suffix))
		return false;
	name->len -= suffix.len;
	return true;
}

/* Takes a field: its value without the name, folded as it is there, the lines
 * ending with LF. */
static void take_value(struct cv_span *fields, struct cv_text *value_r)
{
	struct cv_span value;
	size_t end = 0;

	do {
		const char *lf = memchr(fields->data + end, '\n',
					fields->len - end);

		end = lf == NULL ? fields->len :
			(size_t)(lf - fields->data) + 1;
	} while (end < fields->len && (fields->data[end] == ' ' ||
				       fields->data[end] == '\t'));
	value = cv_span(fields->data, end);
	*fields = cv_span_skip(*fields, end);
	while (value.len > 0 && value.data[0] != ':')
		value = cv_span_skip(value, 1);
	value = cv_span_trim(cv_span_skip(value, value.len > 0));
	cv_text_reset(value_r);
	for (size_t i = 0; i < value.len; i++) {
		if (value.data[i] != '\r' || i + 1 == value.len ||
		    value.data[i + 1] != '\n')
			cv_text_append_c(value_r, value.data[i]);
	}
}

/* Each field of that name, a line or more. */
static int put_one_header(struct fetch *f, const char *name)
{
	struct cv_span field = cv_span_of(name), rest;
	bool decoded = take_suffix(&field, CV_SPAN(".utf8"));
	struct cv_section section = { CV_SIZED(cv_section),
		.kind = CV_SECTION_FIELDS, .fields = &field,
		.field_count = 1 };
	struct cv_stream *stream;
	struct cv_text text, value, all;
	uint64_t size;
	int ret = mailbox_api.section(f->box, f->data.seq, &section, &stream,
				      &size, f->err);

	cv_text_init(&text, f->pool);
	cv_text_init(&value, f->pool);
	cv_text_init(&all, f->pool);
	if (ret == CV_OK)
		ret = stream_read_all(stream, &text, 1024 * 1024, f->err);
	rest = cv_text_span(&text);
	for (uint32_t n = 0; rest.len > 0 && rest.data[0] != '\r'; n++) {
		take_value(&rest, &value);
		if (n > 0)
			cv_text_append_c(&all, '\n');
		if (decoded)
			header_decode(&all, cv_text_span(&value));
		else
			cv_text_append_span(&all, cv_text_span(&value));
	}
	adm_mail_data(f->m, cv_text_span(&all), false);
	return ret < 0 && ret != CV_E_LIMIT ? ret : CV_OK;
}

static int put_header(struct fetch *f, const char *argument)
{
	return *argument != '\0' ? put_one_header(f, argument) :
		put_stored(f, CV_SECTION_HEADER);
}

/* Which fetch_prepare has looked at. */
static void parse_section(struct fetch *f, const char *argument,
			  struct cv_section *section)
{
	struct message_section parsed = { .kind = SECTION_ALL };

	(void)message_section_parse(f->pool, cv_span_of(argument), &parsed);
	section->kind = CV_SECTION_ALL + (uint32_t)parsed.kind;
	section->part = parsed.path;
	section->part_count = parsed.path_len;
	section->fields = parsed.fields;
	section->field_count = parsed.field_count;
}

/* "body", "body.1.2", "body.header" */
static int put_body(struct fetch *f, const char *argument)
{
	struct cv_section section = { CV_SIZED(cv_section) };

	if (*argument == '\0')
		return put_stored(f, CV_SECTION_TEXT);
	parse_section(f, argument, &section);
	return put_section(f, &section);
}

/* A part's bytes without its transfer encoding. */
static int put_decoded(struct fetch *f, struct cv_section *section)
{
	struct cv_stream *stream;
	struct cv_span data;
	uint64_t size;
	int ret;

	section->kind = CV_SECTION_DECODED;
	ret = mailbox_api.section(f->box, f->data.seq, section, &stream,
				  &size, f->err);
	if (ret >= CV_OK)
		adm_mail_data(f->m, cv_span("", 0), true);
	while (ret == CV_OK &&
	       (ret = stream_read(stream, &data, f->err)) == CV_OK) {
		adm_mail_data(f->m, data, true);
		stream_skip(stream, data.len);
	}
	if (ret == CV_E_UNSUPPORTED)
		adm_mail_failed(f->m, f->err);
	adm_mail_value(f->m, "");
	return ret == CV_EOF || ret == CV_NOT_FOUND ||
		ret == CV_E_UNSUPPORTED ? CV_OK : ret;
}

/* "binary.1.2", "binary.1.mime" */
static int put_binary(struct fetch *f, const char *argument)
{
	struct cv_section section = { CV_SIZED(cv_section) };

	parse_section(f, argument, &section);
	return section.kind == CV_SECTION_ALL ? put_decoded(f, &section) :
		put_section(f, &section);
}

static int put_text_utf8(struct fetch *f, const char *argument)
{
	struct cv_stream *stream;
	int ret = open_stored(f, CV_SECTION_ALL, &stream);

	(void)argument;
	if (ret == CV_OK)
		ret = adm_put_text_utf8(f->m, f->pool, stream, f->err);
	else
		adm_mail_value(f->m, "");
	return ret < 0 ? ret : CV_OK;
}

static int put_preview(struct fetch *f, const char *argument)
{
	(void)argument;
	adm_mail_data(f->m, f->data.preview, false);
	return CV_OK;
}

/* --- which fields ----------------------------------------------------------------- */

/* What a field is made of, beside the message. */
enum { NEEDS_DETAILS = 1, NEEDS_FACTS = 2, NEEDS_BODY = 4 };

static const struct field {
	const char *name;
	bool takes_argument;		/* "hdr.subject" */
	uint32_t items;			/* enum cv_message_item */
	uint32_t needs;
	field_fn *put;
} fields[] = {
	{ "user", false, 0, 0, put_user },
	{ "mailbox", false, 0, 0, put_mailbox },
	{ "mailbox-guid", false, 0, 0, put_mailbox_guid },
	{ "seq", false, 0, 0, put_seq },
	{ "uid", false, 0, 0, put_uid },
	{ "guid", false, 0, 0, put_message_guid },
	{ "flags", false, CV_MESSAGE_KEYWORDS, 0, put_flags },
	{ "modseq", false, 0, 0, put_modseq },
	{ "hdr", true, 0, 0, put_header },
	{ "body.preview", false, CV_MESSAGE_PREVIEW, 0, put_preview },
	{ "body.snippet", false, CV_MESSAGE_PREVIEW, 0, put_preview },
	{ "body", true, 0, NEEDS_BODY, put_body },
	{ "binary", true, 0, NEEDS_BODY, put_binary },
	{ "text", false, 0, NEEDS_BODY, put_text },
	{ "text.utf8", false, 0, NEEDS_BODY, put_text_utf8 },
	{ "size.physical", false, 0, NEEDS_DETAILS, put_size_physical },
	{ "size.virtual", false, CV_MESSAGE_SIZE, 0, put_size_virtual },
	{ "date.received", true, 0, 0, put_received },
	{ "date.sent", true, 0, NEEDS_DETAILS, put_sent },
	{ "date.saved", true, 0, 0, put_saved },
	{ "imap.envelope", false, CV_MESSAGE_ENVELOPE, 0, put_envelope },
	{ "imap.body", false, CV_MESSAGE_BODY, 0, put_body_wire },
	{ "imap.bodystructure", false, CV_MESSAGE_BODYSTRUCTURE, 0,
	  put_bodystructure },
	{ "pop3.uidl", false, 0, NEEDS_FACTS, put_pop3_uidl },
	{ "pop3.order", false, 0, NEEDS_FACTS, put_pop3_order },
	{ "refcount", false, 0, NEEDS_FACTS, put_refcount },
	{ "storageid", false, 0, NEEDS_DETAILS, put_storage_id },
};

struct fetch_plan {
	const struct field *fields[FETCH_FIELDS_MAX];
	const char *arguments[FETCH_FIELDS_MAX];
	uint32_t count, items, needs;
};

static const struct field *find_field(struct cv_span word,
				      struct cv_span *argument_r)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct cv_span name = cv_span_of(fields[i].name);

		*argument_r = cv_span("", 0);
		if (cv_span_equal(word, name))
			return &fields[i];
		if (fields[i].takes_argument && cv_span_begins(word, name) &&
		    word.data[name.len] == '.' && word.len > name.len + 1) {
			*argument_r = cv_span_skip(word, name.len + 1);
			return &fields[i];
		}
	}
	return NULL;
}

/* "1.2", "header", where one is wanted. */
static bool is_section(struct adm_mail *m, const struct field *field,
		       struct cv_span argument)
{
	struct message_section parsed;

	return argument.len == 0 ||
		(field->put != put_body && field->put != put_binary) ||
		message_section_parse(m->pool, argument, &parsed);
}

/* Names of fields have no case, and the answer shows them small, as doveadm
 * does. */
static struct cv_span lower_case(struct cv_pool *pool, struct cv_span word)
{
	char *copy = pool_copy(pool, word.data, word.len);

	for (size_t i = 0; i < word.len; i++)
		copy[i] = cv_ascii_lower(copy[i]);
	return cv_span(copy, word.len);
}

static int fetch_prepare(struct adm_mail *m)
{
	struct fetch_plan *plan = pool_new(m->pool, struct fetch_plan);
	const char **columns = pool_new_array(m->pool, const char *,
					      FETCH_FIELDS_MAX + 1);
	struct cv_span rest, word, argument;

	if (m->argc < 2)
		return adm_mail_usage(m, "which fields of which messages?");
	rest = cv_span_of(m->argv[0]);
	while (cv_span_split(&rest, ' ', &word)) {
		const struct field *field;

		if (word.len == 0)
			continue;
		word = lower_case(m->pool, word);
		field = find_field(word, &argument);
		if (field == NULL)
			return adm_mail_unknown(m, "there is no field '%.*s'",
						CV_SPAN_ARG(word));
		if (strncmp(field->name, "date.", 5) == 0 &&
		    argument.len > 0 && !cv_span_is(argument, "unixtime"))
			return adm_mail_unknown(m, "'%.*s': dates have only "
						"'.unixtime'",
						CV_SPAN_ARG(word));
		if (field->put == put_binary && argument.len == 0)
			return adm_mail_unknown(m, "'binary' needs a section "
						"(binary.1)");
		if (!is_section(m, field, argument))
			return adm_mail_unknown(m, "'%.*s' has no section",
						CV_SPAN_ARG(word));
		if (plan->count == FETCH_FIELDS_MAX)
			return adm_mail_usage(m, "too many fields");
		columns[plan->count] = word.data;
		plan->arguments[plan->count] =
			pool_copy(m->pool, argument.data, argument.len);
		plan->fields[plan->count++] = field;
		plan->items |= field->items;
		plan->needs |= field->needs;
	}
	if (plan->count == 0)
		return adm_mail_usage(m, "which fields?");
	m->columns = columns;
	m->state = plan;
	return adm_mail_parse_query(m, 1);
}

/* What was asked for; *put_r: how much of it was put. */
static int fetch_fields(struct fetch *f, const struct fetch_plan *plan,
			uint32_t seq, uint32_t *put_r)
{
	static const struct cv_section all = { CV_SIZED(cv_section),
		.kind = CV_SECTION_ALL, .raw = true };
	struct cv_stream *stream;
	uint64_t size;
	int ret = CV_OK;

	/* details first: what message returns lives to the next call */
	if (plan->needs & NEEDS_DETAILS)
		ret = mailbox_details(f->box, seq, &f->details, f->err);
	if (ret == CV_OK && (plan->needs & NEEDS_DETAILS))
		f->details.ref = pool_span(f->pool, f->details.ref);
	if (ret == CV_OK && (plan->needs & NEEDS_FACTS))
		ret = mailbox_facts(f->box, seq, f->pool, &f->facts, f->err);
	/* nothing is shown of what cannot be read */
	if (ret == CV_OK && (plan->needs & NEEDS_BODY))
		ret = mailbox_api.section(f->box, seq, &all, &stream, &size,
					  f->err);
	if (ret == CV_OK)
		ret = mailbox_api.message(f->box, seq, plan->items, &f->data,
					  f->err);
	for (*put_r = 0; *put_r < plan->count && ret == CV_OK; (*put_r)++)
		ret = plan->fields[*put_r]->put(f, plan->arguments[*put_r]);
	return ret;
}

/* One that cannot be read is named, and the others come all the same.  What
 * somebody has removed is no failure. */
static int fetch_one(struct fetch *f, const struct fetch_plan *plan,
		     uint32_t seq)
{
	uint32_t put = 0;
	int ret = fetch_fields(f, plan, seq, &put);
	bool gone = ret == CV_NOT_FOUND || ret == CV_E_NOT_FOUND;

	if (ret == CV_OK)
		return CV_OK;
	for (; put > 0 && put < plan->count; put++)
		adm_mail_value(f->m, "");
	if (gone)
		return CV_OK;
	(void)mailbox_blame(f->box, seq, f->err);
	(void)error_prefix(f->err, "mailbox '%s'", f->name);
	adm_mail_damaged(f->m, f->err);
	*f->err = (struct cv_error)ERROR_NONE;
	return CV_OK;
}

static int fetch_found(struct adm_mail *m, struct cv_mailbox *box,
		       const char *name, struct cv_set seqs,
		       struct cv_error *err)
{
	struct fetch f = { .m = m, .box = box, .name = name, .err = err,
		.state = { CV_SIZED(cv_mailbox_state) },
		.data = { CV_SIZED(cv_message_data) },
		.pool = pool_create("fetch"),
	};
	int ret = CV_OK;

	mailbox_api.state(box, &f.state);
	for (uint32_t i = 0; i < seqs.count; i++) {
		for (uint32_t seq = seqs.ranges[i].first; ret == CV_OK &&
		     seq <= seqs.ranges[i].last; seq++) {
			ret = fetch_one(&f, m->state, seq);
			pool_reset(f.pool);
		}
	}
	pool_destroy(&f.pool);
	return ret;
}

static int fetch_run(struct adm_mail *m, struct cv_error *err)
{
	const struct fetch_plan *plan = m->state;

	return adm_mail_each_match(m, CV_MAILBOX_READONLY |
				   (plan->needs & NEEDS_BODY ?
				    MAILBOX_VERIFY : 0), fetch_found, err);
}

/* --- the verbs --------------------------------------------------------------------- */

static const char *const search_columns[] = {
	ADM_UNTITLED "mailbox-guid", ADM_UNTITLED "uid", NULL,
};

static const struct adm_mail_verb search_verb = {
	"search", "QUERY", "", ADM_FORMAT_FLOW, search_columns, query_only,
	search_run,
	"shows mailbox GUID and UID of matching messages", NULL,
};

static const struct adm_mail_verb fetch_verb = {
	"fetch", "FIELDS QUERY", "", ADM_FORMAT_PAGER, NULL, fetch_prepare,
	fetch_run,
	"shows fields of matching messages; the fields are one argument: user "
	"mailbox\nmailbox-guid seq uid guid flags modseq hdr hdr.FIELD body "
	"body.SECTION\nbinary.SECTION body.preview body.snippet text "
	"text.utf8 size.physical\nsize.virtual date.received date.sent "
	"date.saved (each with .unixtime)\nimap.envelope imap.body "
	"imap.bodystructure pop3.uidl pop3.order refcount\nstorageid", NULL,
};

static int run_search(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run(adm, &search_verb, argc, argv);
}

static int run_fetch(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run(adm, &fetch_verb, argc, argv);
}

const struct adm_verb adm_search_verb = {
	.name = "search", .args = "[-u USER|-A|-F FILE] QUERY",
	.help = "shows mailbox GUID and UID of matching messages",
	.run = run_search,
	.mail = &search_verb, .count = 1,
};

const struct adm_verb adm_fetch_verb = {
	.name = "fetch", .args = "[-u USER|-A|-F FILE] FIELDS QUERY",
	.help = "shows fields of matching messages",
	.run = run_fetch,
	.mail = &fetch_verb, .count = 1,
};
