/* imap-convert.c - conversions of one message and what is told of them
 * [RFC5259 6, 8, 9].
 *
 * A result is whole before its first byte is sent: its size stands before it,
 * and a character that does not fit ends all of it.  The last ones are
 * remembered [RFC5259 8.5], since clients ask for the size, then for pieces;
 * one that is not is made again and is the same, so nothing is lost with them
 * when the session sleeps. */
#include "imap-convert.h"
#include "imap-args.h"
#include "imap-language.h"
#include "imap-progress.h"
#include "imap-respond.h"

enum {
	CACHED = 2,			/* [RFC5259 8.5] at least */
	HEADER_MAX = 4 * 1024 * 1024,
};

/* One conversion, done or failed. */
struct result {
	struct cv_pool *pool;		/* NULL: not used */
	uint32_t uid;
	struct cv_span key;		/* all that it depends on */
	const char *from, *to;
	int code;	/* CV_OK, CV_DECLINED, CV_NOT_FOUND: no such part, or
			 * a failure */
	uint32_t problem;		/* enum cv_convert_problem; 0 with
					 * CV_DECLINED: missing CHARSET */
	const char *charset;
	struct cv_converted data;
};

struct imap_conversions {
	struct result results[CACHED];
	uint32_t next;
};

bool imap_convert_offered(const struct imap_settings *set)
{
	return imap_convert_api != NULL && set->imap_convert_max_size > 0;
}

/* --- what there is ---------------------------------------------------------------- */

static bool is_offered(const char *from, const char *to)
{
	struct cv_conversion c = { CV_SIZED(cv_conversion) };

	for (uint32_t i = 0; imap_convert_api->at(i, &c) == CV_OK; i++) {
		if (strcmp(c.from, from) == 0 && strcmp(c.to, to) == 0)
			return true;
	}
	return false;
}

/* [RFC5259 6] the default conversion: the first of the setting's types that
 * there is, else any; NULL when there is none. */
static const char *default_target(struct imap_session *s, const char *from)
{
	const struct cv_strings *wanted = &s->set->imap_convert_default;
	struct cv_conversion c = { CV_SIZED(cv_conversion) };

	for (uint32_t i = 0; i < wanted->count; i++) {
		if (is_offered(from, wanted->items[i]))
			return wanted->items[i];
	}
	for (uint32_t i = 0; imap_convert_api->at(i, &c) == CV_OK; i++) {
		if (strcmp(c.from, from) == 0)
			return c.to;
	}
	return NULL;
}

/* --- reading ------------------------------------------------------------------------ */

static int read_section(struct imap_session *s, uint32_t seq,
			const struct cv_section *section, struct cv_text *dst)
{
	struct cv_stream *stream;
	struct cv_span in;
	uint64_t size;
	int code = imap_mailbox_api->section(s->box, seq, section, &stream,
					     &size, s->err);

	if (code != CV_OK)
		return code;
	while ((code = imap_stream_api->peek(stream, &in, s->err)) == CV_OK) {
		if (dst->len + in.len > HEADER_MAX) {
			code = CV_E_LIMIT;
			break;
		}
		cv_text_append_span(dst, in);
		imap_stream_api->skip(stream, in.len);
	}
	imap_stream_api->close(&stream);
	return code == CV_EOF ? CV_OK : code;
}

/* The type of a part; that of "[]" is the message's own [RFC3516 4.2]. */
static int find_type(struct imap_cmd *cmd, struct cv_pool *pool, uint32_t seq,
		     const struct cv_section *part,
		     struct cv_part_type *type)
{
	struct cv_section mime = *part;
	struct cv_text header;
	int code;

	if (part->part_count == 0) {
		type->type = "message/rfc822";
		type->charset = "";
		return CV_OK;
	}
	mime.kind = CV_SECTION_MIME;
	cv_text_init(&header, pool);
	code = read_section(cmd->s, seq, &mime, &header);
	if (code == CV_OK)
		imap_convert_api->type(pool, cv_text_span(&header), type);
	return code;
}

/* --- converting ------------------------------------------------------------------------ */

static int convert_part(struct imap_cmd *cmd,
			const struct imap_convert *convert, uint32_t seq,
			const struct cv_section *section, struct result *r,
			const struct cv_part_type *type)
{
	struct imap_session *s = cmd->s;
	struct cv_convert_request request = { CV_SIZED(cv_convert_request),
		.from = r->from, .to = r->to,
		.source_charset = type->charset, .charset = r->charset,
		.replacement = convert->replacement,
		.bytes_max = s->set->imap_convert_max_size,
		.progress = imap_progress_tick, .context = s };
	struct cv_stream *stream;
	uint64_t size;
	int code = imap_mailbox_api->section(s->box, seq, section, &stream,
					     &size, s->err);

	if (code != CV_OK)
		return code;
	code = imap_convert_api->convert(r->pool, &request, stream, &r->data,
					 &r->problem, s->err);
	imap_stream_api->close(&stream);
	return code;
}

static int convert_header(struct imap_cmd *cmd,
			  const struct imap_convert *convert, uint32_t seq,
			  const struct cv_section *section, struct result *r)
{
	struct cv_text header;
	int code;

	cv_text_init(&header, r->pool);
	code = read_section(cmd->s, seq, section, &header);
	if (code != CV_OK)
		return code;
	return imap_convert_api->header(r->pool, cv_text_span(&header),
					r->charset, convert->replacement,
					&r->data.data, &r->problem);
}

static int run(struct imap_cmd *cmd, const struct imap_convert *convert,
	       const struct imap_convert_att *att, uint32_t seq,
	       struct result *r)
{
	const struct cv_section *section = &att->body.section;
	struct cv_part_type type = { CV_SIZED(cv_part_type) };
	int code;

	r->data = (struct cv_converted){ CV_SIZED(cv_converted) };
	r->charset = convert->charset;
	if (att->item == IMAP_CONVERT_HEADER) {
		r->from = r->to = "text/rfc822-headers";
		/* [RFC5259 6] */
		if (convert->wrong != 0 || r->charset == NULL)
			return CV_DECLINED;
		return convert_header(cmd, convert, seq, section, r);
	}
	r->to = convert->to != NULL ? convert->to : "text/plain";
	code = find_type(cmd, r->pool, seq, section, &type);
	if (code != CV_OK)
		return code;
	r->from = type.type;
	if (convert->to == NULL && default_target(cmd->s, r->from) != NULL)
		r->to = default_target(cmd->s, r->from);
	if (!is_offered(r->from, r->to)) {
		r->problem = CV_CONVERT_NO_WAY;
		return CV_DECLINED;
	}
	if (convert->wrong != 0)
		return CV_DECLINED;
	/* [RFC5259 9] a text of a type that was chosen needs one; by default
	 * it is what can have every character */
	if (r->charset == NULL && convert->to != NULL)
		return CV_DECLINED;
	if (r->charset == NULL)
		r->charset = "UTF-8";
	return convert_part(cmd, convert, seq, section, r, &type);
}

/* --- remembering --------------------------------------------------------------------- */

/* Each field with its length, so that no two requests have one key. */
static void key_add(struct cv_text *key, struct cv_span field)
{
	cv_text_append_u64(key, field.len);
	cv_text_append_c(key, field.data == NULL ? '-' : ':');
	cv_text_append_span(key, field);
}

static struct cv_span key_make(struct imap_cmd *cmd,
			       const struct imap_convert *convert,
			       const struct imap_convert_att *att)
{
	const struct cv_section *section = &att->body.section;
	struct cv_text key;

	cv_text_init(&key, cmd->pool);
	cv_text_append_u64(&key, section->kind);
	for (uint32_t i = 0; i < section->part_count; i++) {
		cv_text_append_c(&key, '.');
		cv_text_append_u64(&key, section->part[i]);
	}
	key_add(&key, convert->to == NULL ? CV_SPAN_NONE :
		cv_span_of(convert->to));
	for (uint32_t i = 0; i < convert->param_count; i++) {
		key_add(&key, convert->params[i].name);
		key_add(&key, convert->params[i].value);
	}
	return cv_text_span(&key);
}

static void result_drop(struct result *r)
{
	cv_api->pool_destroy(&r->pool);
	*r = (struct result){ .pool = NULL };
}

void imap_convert_forget(struct imap_session *s)
{
	for (uint32_t i = 0; s->conversions != NULL && i < CACHED; i++)
		result_drop(&s->conversions->results[i]);
}

static struct result *get(struct imap_cmd *cmd,
			  const struct imap_convert *convert,
			  const struct imap_convert_att *att, uint32_t seq,
			  uint32_t uid)
{
	struct imap_session *s = cmd->s;
	struct cv_span key = key_make(cmd, convert, att);
	struct result *r;

	if (s->conversions == NULL)
		s->conversions = CV_ALLOC(s->pool, struct imap_conversions);
	for (uint32_t i = 0; i < CACHED; i++) {
		r = &s->conversions->results[i];
		if (r->pool != NULL && r->uid == uid && r->code >= 0 &&
		    cv_span_equal(r->key, key))
			return r;
	}
	r = &s->conversions->results[s->conversions->next++ % CACHED];
	result_drop(r);
	r->pool = cv_api->pool_create("conversion");
	r->uid = uid;
	r->key = cv_span(cv_span_copy(r->pool, key), key.len);
	r->code = run(cmd, convert, att, seq, r);
	if (r->charset != NULL)
		r->charset = cv_span_copy(r->pool, cv_span_of(r->charset));
	r->to = cv_span_copy(r->pool, cv_span_of(r->to));
	return r;
}

int imap_convert_prepare(struct imap_cmd *cmd,
			 const struct imap_convert *convert, uint32_t seq,
			 uint32_t uid)
{
	for (uint32_t i = 0, n = 0; i < convert->att_count && n < CACHED;
	     i++) {
		if (convert->atts[i].item == IMAP_CONVERT_AVAILABLE)
			continue;
		(void)get(cmd, convert, &convert->atts[i], seq, uid);
		n++;
		if (imap_connection_api->failed(cmd->s->conn))
			return CV_E_TEMP;
	}
	return CV_OK;
}

/* --- telling ------------------------------------------------------------------------------ */

static const char *why(const struct imap_convert *convert,
		       const struct result *r)
{
	switch (r->problem) {
	case CV_CONVERT_NO_WAY:
		return "This conversion is not possible";
	case CV_CONVERT_CHARSET:
		return "The charset is not known";
	case CV_CONVERT_SOURCE_CHARSET:
		return "The charset of the text is not known";
	case CV_CONVERT_CHARACTER:
		return "The text has characters that the charset has not";
	case CV_CONVERT_REPLACEMENT:
		return "The charset has not the replacement, either";
	case CV_CONVERT_TOO_LARGE:
		return "The result is too large";
	default:
		return convert->wrong_why;
	}
}

/* Of the parameters, those that cannot be honoured. */
static uint64_t blamed(const struct imap_convert *convert, uint32_t problem)
{
	const char *name = problem == CV_CONVERT_REPLACEMENT ?
		"unknown-character-replacement" : "charset";
	uint64_t bits = 0;

	if (problem == CV_CONVERT_NO_WAY || problem == CV_CONVERT_TOO_LARGE)
		return 0;
	if (problem == 0)
		return convert->wrong;
	for (uint32_t i = 0; i < convert->param_count; i++) {
		if (cv_span_is_icase(convert->params[i].name, name))
			bits |= (uint64_t)1 << i;
	}
	return bits;
}

static void append_params(struct cv_text *out,
			  const struct imap_convert *convert, uint64_t bits)
{
	const char *before = " (";

	for (uint32_t i = 0; i < convert->param_count; i++) {
		if ((bits & (uint64_t)1 << i) == 0)
			continue;
		cv_text_append_str(out, before);
		imap_append_string(out, convert->params[i].name);
		cv_text_append_c(out, ' ');
		imap_append_string(out, convert->params[i].value);
		before = " ";
	}
	if (before[1] == '\0')
		cv_text_append_c(out, ')');
}

static void append_text(struct imap_session *s, const char *text)
{
	struct cv_text told;

	cv_text_init(&told, s->cmd_pool);
	imap_language_append(&told, s->language, cv_span_of(text));
	imap_append_string(&s->out, cv_text_span(&told));
}

/* [RFC5259 10] bad-params: quoted types, NIL for a part that is not there */
static void append_bad(struct imap_session *s,
		       const struct imap_convert *convert,
		       const char *text, const char *from, const char *to,
		       uint64_t params)
{
	struct cv_text *out = &s->out;

	cv_text_append_str(out, "(ERROR ");
	append_text(s, text);
	cv_text_append_str(out, " BADPARAMETERS ");
	if (from == NULL)
		cv_text_append_str(out, "NIL");
	else
		imap_append_string(out, cv_span_of(from));
	cv_text_append_c(out, ' ');
	imap_append_string(out, cv_span_of(to));
	append_params(out, convert, params);
	cv_text_append_c(out, ')');
}

/* [RFC5259 10] missing-params; no space before the parenthesis */
static void append_missing(struct imap_session *s, const char *from,
			   const char *to)
{
	struct cv_text *out = &s->out;

	cv_text_append_str(out, "(ERROR ");
	append_text(s, "CHARSET must be specified for text conversions");
	cv_text_append_str(out, " MISSINGPARAMETERS ");
	imap_append_string(out, cv_span_of(from));
	cv_text_append_c(out, ' ');
	imap_append_string(out, cv_span_of(to));
	cv_text_append_str(out, "(\"charset\"))");
}

/* In place of the data. */
static int append_error(struct imap_cmd *cmd,
			const struct imap_convert *convert,
			const struct result *r)
{
	struct imap_session *s = cmd->s;

	if (r->code == CV_NOT_FOUND) {
		append_bad(s, convert, "There is no such part", NULL, r->to,
			   0);
	} else if (r->code == CV_E_UNSUPPORTED) {
		append_bad(s, convert, "The transfer encoding is not known",
			   r->from, r->to, 0);
	} else if (r->code < 0) {
		cv_api->log(imap_self, CV_LOG_ERROR, "CONVERT: %s",
			    cv_api->error_text(s->err));
		cv_text_append_str(&s->out, "(ERROR ");
		append_text(s, "The text could not be read");
		cv_text_append_str(&s->out, " TEMPFAIL)");
		return IMAP_CONVERT_TEMPFAIL;
	} else if (r->problem == 0 && convert->wrong == 0) {
		append_missing(s, r->from, r->to);
	} else {
		append_bad(s, convert, why(convert, r), r->from, r->to,
			   blamed(convert, r->problem));
	}
	return IMAP_CONVERT_FAILED;
}

/* {5}, or ~{5} for what has NULs [RFC3516 4.3] */
static void append_data(struct imap_session *s,
			const struct imap_fetch_body *body,
			const struct cv_converted *data)
{
	struct cv_span d = data->data;

	/* [RFC3501 6.4.5] past the end: an empty string */
	if (body->partial) {
		d = body->start >= d.len ? CV_SPAN("") :
			cv_span_skip(d, body->start);
		if (d.len > body->count)
			d.len = body->count;
	}
	cv_text_append_str(&s->out, data->has_nul &&
			   memchr(d.data, '\0', d.len) != NULL ? "~{" : "{");
	cv_text_append_u64(&s->out, d.len);
	cv_text_append_str(&s->out, "}\r\n");
	imap_flush(s);
	imap_connection_api->write(s->conn, d.data, d.len);
}

/* [RFC5259 8.2] as BODYSTRUCTURE [RFC3501 9 body-type-text], of the part as it
 * is now */
static void append_structure(struct cv_text *out, const struct result *r)
{
	struct cv_span subtype = cv_span_of(r->to), type;

	(void)cv_span_split(&subtype, '/', &type);
	cv_text_append_c(out, '(');
	imap_append_string(out, type);
	cv_text_append_c(out, ' ');
	imap_append_string(out, subtype);
	cv_text_append_str(out, " (\"charset\" ");
	imap_append_string(out, cv_span_of(r->charset));
	cv_text_append_f(out, ") NIL NIL \"%s\" ",
			 r->data.has_nul ? "binary" :
			 r->data.is_ascii ? "7bit" : "8bit");
	cv_text_append_u64(out, r->data.data.len);
	cv_text_append_c(out, ' ');
	cv_text_append_u64(out, r->data.lines);
	cv_text_append_str(out, " NIL NIL NIL NIL)");
}

/* [RFC5259 8.4] */
static int tell_available(struct imap_cmd *cmd,
			  const struct imap_convert *convert,
			  const struct imap_convert_att *att, uint32_t seq)
{
	struct imap_session *s = cmd->s;
	struct cv_part_type type = { CV_SIZED(cv_part_type) };
	struct result r = { .to = convert->to != NULL ? convert->to :
			    "text/plain" };
	struct cv_conversion c = { CV_SIZED(cv_conversion) };
	const char *before = "((";

	r.code = find_type(cmd, cmd->pool, seq, &att->body.section, &type);
	r.from = type.type;
	if (r.code == CV_OK && convert->to != NULL &&
	    !is_offered(r.from, r.to))
		r.problem = CV_CONVERT_NO_WAY;
	/* all conversions take the same parameters: one that is wrong leaves
	 * none of them */
	if (r.code != CV_OK || r.problem != 0 || convert->wrong != 0)
		return append_error(cmd, convert, &r);
	for (uint32_t i = 0; imap_convert_api->at(i, &c) == CV_OK; i++) {
		if (strcmp(c.from, r.from) != 0 ||
		    (convert->to != NULL && strcmp(c.to, convert->to) != 0))
			continue;
		cv_text_append_str(&s->out, before);
		imap_append_string(&s->out, cv_span_of(c.to));
		before = " ";
	}
	cv_text_append_str(&s->out, before[0] == '(' ? "(())" : "))");
	return IMAP_CONVERT_DONE;
}

int imap_convert_tell(struct imap_cmd *cmd, const struct imap_convert *convert,
		      const struct imap_convert_att *att, uint32_t seq,
		      uint32_t uid)
{
	struct imap_session *s = cmd->s;
	const struct result *r;

	cv_text_append_span(&s->out, att->body.label);
	cv_text_append_c(&s->out, ' ');
	if (att->item == IMAP_CONVERT_AVAILABLE)
		return tell_available(cmd, convert, att, seq);
	r = get(cmd, convert, att, seq, uid);
	if (imap_connection_api->failed(s->conn))
		return CV_E_TEMP;
	if (r->code != CV_OK)
		return append_error(cmd, convert, r);
	if (att->item == IMAP_CONVERT_SIZE)
		cv_text_append_u64(&s->out, r->data.data.len);
	else if (att->item == IMAP_CONVERT_STRUCTURE)
		append_structure(&s->out, r);
	else
		append_data(s, &att->body, &r->data);
	return IMAP_CONVERT_DONE;
}
