/* binary-encoder.c - see binary-encoder.h: a walk over lines with the open
 * boundaries.  No recursion; a line is looked at once. */
#include "binary-encoder.h"
#include "boundary.h"

#include "base/base64.h"

enum {
	HEADER_MAX = 1024 * 1024,	/* one block */
	LINE_MAX_BYTES = 4096,		/* of a body: more is no delimiter */
	GROUP = 57,			/* bytes of a line of base64 */
};

enum encoder_mode { READS_HEADER, COPIES_BODY, ENCODES_BODY };

struct binary_encoder {
	struct cv_pool *pool;
	struct boundary_set open;
	enum encoder_mode mode;
	int failed;
	bool digest;			/* the default type of this header */
	uint32_t depth;			/* messages in messages */
	struct cv_text header;		/* the block so far */
	struct cv_text line;		/* not complete */
	bool inside;			/* line goes on what was passed */
	/* The line end that may belong to a delimiter [RFC2046 5.1.1]. */
	struct cv_span held_eol;
	char group[GROUP];
	size_t grouped;
};

struct binary_encoder *binary_encoder_create(struct cv_pool *pool)
{
	struct binary_encoder *e = pool_new(pool, struct binary_encoder);

	e->pool = pool;
	boundary_set_init(&e->open);
	cv_text_init(&e->header, pool);
	cv_text_init(&e->line, pool);
	e->mode = READS_HEADER;
	return e;
}

/* --- what is sent on ------------------------------------------------------ */

static int copy_out(struct cv_text *out, struct cv_span s,
		    struct cv_error *err)
{
	if (s.len > 0 && memchr(s.data, '\0', s.len) != NULL)
		return FAIL(err, CV_E_SYNTAX, "a NUL where the message has "
			    "no binary part");
	cv_text_append_span(out, s);
	return CV_OK;
}

static void group_out(struct binary_encoder *e, struct cv_text *out)
{
	if (e->grouped == 0)
		return;
	base64_encode(out, e->group, e->grouped);
	cv_text_append_str(out, "\r\n");
	e->grouped = 0;
}

static void encode_out(struct binary_encoder *e, struct cv_text *out,
		       struct cv_span s)
{
	while (s.len > 0) {
		size_t n = GROUP - e->grouped;

		if (n > s.len)
			n = s.len;
		memcpy(e->group + e->grouped, s.data, n);
		e->grouped += n;
		s = cv_span_skip(s, n);
		if (e->grouped == GROUP)
			group_out(e, out);
	}
}

static int body_out(struct binary_encoder *e, struct cv_text *out,
		    struct cv_span s, struct cv_error *err)
{
	if (e->mode == COPIES_BODY)
		return copy_out(out, s, err);
	encode_out(e, out, e->held_eol);
	e->held_eol = CV_SPAN("");
	encode_out(e, out, s);
	return CV_OK;
}

/* --- headers -------------------------------------------------------------- */

/* The field at the front, with its folded lines. */
static struct cv_span field_next(struct cv_span *rest)
{
	size_t end = 0;

	do {
		const char *lf = memchr(rest->data + end, '\n',
					rest->len - end);

		end = lf == NULL ? rest->len : (size_t)(lf - rest->data) + 1;
	} while (end < rest->len && (rest->data[end] == ' ' ||
				     rest->data[end] == '\t'));
	return cv_span(rest->data, end);
}

static bool field_is(struct cv_span field, const char *name,
		     struct cv_span *value_r)
{
	struct cv_span head;

	*value_r = field;
	if (!cv_span_split(value_r, ':', &head) || value_r->data == NULL)
		return false;
	*value_r = cv_span_trim(*value_r);
	return cv_span_is_icase(cv_span_trim(head), name);
}

/* The first word: a comment or a wrong parameter may stand behind it. */
static bool is_binary(struct cv_span value)
{
	size_t len = 0;

	while (len < value.len && strchr(" \t\r\n;(", value.data[len]) == NULL)
		len++;
	return cv_span_is_icase(cv_span(value.data, len), "binary");
}

struct header_facts {
	struct mime_type type;
	bool has_type, binary, identity;
};

static void header_read(struct binary_encoder *e, struct header_facts *facts)
{
	struct cv_span rest = cv_text_span(&e->header), value;

	*facts = (struct header_facts){ .identity = true };
	while (rest.len > 0) {
		struct cv_span field = field_next(&rest);

		rest = cv_span_skip(rest, field.len);
		if (field_is(field, "Content-Type", &value)) {
			facts->has_type = mime_type_parse(
				e->pool, pool_span(e->pool, value), true,
				&facts->type);
		} else if (field_is(field, "Content-Transfer-Encoding",
				    &value)) {
			facts->binary = is_binary(value);
			facts->identity = facts->binary ||
				cv_span_begins_icase(value, CV_SPAN("7bit")) ||
				cv_span_begins_icase(value, CV_SPAN("8bit"));
		}
	}
}

static int header_write(struct binary_encoder *e, struct cv_text *out,
			const char *encoding, struct cv_error *err)
{
	struct cv_span rest = cv_text_span(&e->header), value;
	int ret = CV_OK;

	while (rest.len > 0 && ret == CV_OK) {
		struct cv_span field = field_next(&rest);

		rest = cv_span_skip(rest, field.len);
		if (encoding == NULL ||
		    !field_is(field, "Content-Transfer-Encoding", &value)) {
			ret = copy_out(out, field, err);
			continue;
		}
		cv_text_append_str(out, "Content-Transfer-Encoding: ");
		cv_text_append_str(out, encoding);
		cv_text_append_str(out, "\r\n");
	}
	return ret;
}

static bool is_message(const struct binary_encoder *e,
		       const struct header_facts *facts)
{
	if (!facts->has_type)
		return e->digest;
	return mime_type_is(&facts->type, "message", "rfc822") ||
		mime_type_is(&facts->type, "message", "global");
}

/* The block is complete: what stands below it? */
static int header_end(struct binary_encoder *e, struct cv_text *out,
		      struct cv_error *err)
{
	const struct mime_param *boundary = NULL;
	const char *encoding = NULL;
	struct header_facts facts;
	bool message;

	header_read(e, &facts);
	message = facts.identity && is_message(e, &facts) &&
		e->depth < MIME_DEPTH_MAX;
	if (facts.has_type && cv_span_is_icase(facts.type.type, "multipart"))
		boundary = mime_type_param(&facts.type, "boundary");
	e->mode = COPIES_BODY;
	if (boundary != NULL && boundary->value.len > 0 &&
	    e->open.count < MIME_DEPTH_MAX) {
		boundary_push(&e->open, boundary->value,
			      cv_span_is_icase(facts.type.subtype, "digest"));
	} else if (message) {
		e->mode = READS_HEADER;
		e->depth++;
		e->digest = false;
	} else if (facts.binary) {
		e->mode = ENCODES_BODY;
	}
	if (facts.binary)
		encoding = e->mode == ENCODES_BODY ? "base64" : "8bit";
	if (header_write(e, out, encoding, err) < 0)
		return CV_E_SYNTAX;
	cv_text_reset(&e->header);
	return CV_OK;
}

/* --- lines ---------------------------------------------------------------- */

/* True when it was a delimiter, which is then behind us. */
static bool delimiter_take(struct binary_encoder *e, struct cv_text *out,
			   struct cv_span line)
{
	struct cv_span rest;
	uint32_t at;

	if (line.len < 3 || line.data[0] != '-' || line.data[1] != '-')
		return false;
	rest = cv_span_skip(line, 2);
	at = boundary_find(&e->open, rest);
	if (at == BOUNDARY_NONE)
		return false;
	while (e->open.count > at + 1)
		boundary_pop(&e->open);
	if (e->mode == ENCODES_BODY) {
		group_out(e, out);
		e->held_eol = CV_SPAN("");
	}
	rest = cv_span_skip(rest, e->open.items[at].text.len);
	e->digest = e->open.items[at].owner != 0;
	e->mode = READS_HEADER;
	if (rest.len >= 2 && rest.data[0] == '-' && rest.data[1] == '-') {
		boundary_pop(&e->open);
		e->mode = COPIES_BODY;
	}
	return true;
}

static struct cv_span line_eol(struct cv_span line)
{
	if (line.len == 0 || line.data[line.len - 1] != '\n')
		return CV_SPAN("");
	return line.len > 1 && line.data[line.len - 2] == '\r' ?
		CV_SPAN("\r\n") : CV_SPAN("\n");
}

static int header_line(struct binary_encoder *e, struct cv_text *out,
		       struct cv_span line, struct cv_error *err)
{
	struct cv_span eol = line_eol(line);
	int ret;

	/* a part may end before its header does */
	if (delimiter_take(e, out, line)) {
		ret = header_write(e, out, NULL, err);
		cv_text_reset(&e->header);
		return ret < 0 ? ret : copy_out(out, line, err);
	}
	if (e->header.len + line.len > HEADER_MAX)
		return FAIL(err, CV_E_LIMIT, "a header is too large");
	cv_text_append_span(&e->header, line);
	return eol.len > 0 && eol.len == line.len ? header_end(e, out, err) :
		CV_OK;
}

/* A line, or the first piece of a long one. */
static int body_line(struct binary_encoder *e, struct cv_text *out,
		     struct cv_span line, struct cv_error *err)
{
	struct cv_span eol = line_eol(line);
	int ret;

	if (!e->inside && delimiter_take(e, out, line))
		return copy_out(out, line, err);
	if (e->mode == COPIES_BODY)
		return copy_out(out, line, err);
	line.len -= eol.len;
	ret = body_out(e, out, line, err);
	e->held_eol = eol;
	return ret;
}

static int line_take(struct binary_encoder *e, struct cv_text *out,
		     struct cv_error *err)
{
	struct cv_span line = cv_text_span(&e->line);
	int ret;

	if (e->mode == READS_HEADER)
		ret = header_line(e, out, line, err);
	else
		ret = body_line(e, out, line, err);
	cv_text_reset(&e->line);
	e->inside = false;
	return ret;
}

/* A body's line that is longer than any delimiter: all but the last byte,
 * which may be the CR of its end. */
static int piece_take(struct binary_encoder *e, struct cv_text *out,
		      struct cv_error *err)
{
	struct cv_span line = cv_text_span(&e->line);
	char last = line.data[line.len - 1];
	int ret;

	line.len--;
	ret = body_line(e, out, line, err);
	e->inside = true;
	cv_text_reset(&e->line);
	cv_text_append_c(&e->line, last);
	if (ret == CV_OK && e->mode == READS_HEADER)
		return FAIL(err, CV_E_LIMIT, "a delimiter is too long");
	return ret;
}

static int feed(struct binary_encoder *e, struct cv_span in,
		struct cv_text *out, struct cv_error *err)
{
	int ret = CV_OK;

	while (in.len > 0 && ret == CV_OK) {
		const char *lf = memchr(in.data, '\n', in.len);
		size_t most = lf == NULL ? in.len : (size_t)(lf - in.data) + 1;
		size_t room = e->mode == READS_HEADER ? HEADER_MAX :
			LINE_MAX_BYTES;

		if (e->line.len >= room)
			return FAIL(err, CV_E_LIMIT, "a line is too long");
		if (most > room - e->line.len)
			most = room - e->line.len;
		cv_text_append(&e->line, in.data, most);
		in = cv_span_skip(in, most);
		if (e->line.data[e->line.len - 1] == '\n')
			ret = line_take(e, out, err);
		else if (e->line.len == LINE_MAX_BYTES &&
			 e->mode != READS_HEADER)
			ret = piece_take(e, out, err);
	}
	return ret;
}

int binary_encoder_feed(struct binary_encoder *e, struct cv_span in,
			struct cv_text *out, struct cv_error *err)
{
	if (e->failed == CV_OK)
		e->failed = feed(e, in, out, err);
	return e->failed;
}

int binary_encoder_finish(struct binary_encoder *e, struct cv_text *out,
			  struct cv_error *err)
{
	if (e->failed == CV_OK && e->line.len > 0)
		e->failed = line_take(e, out, err);
	/* a message of nothing but a header */
	if (e->failed == CV_OK && e->header.len > 0)
		e->failed = header_end(e, out, err);
	if (e->failed == CV_OK && e->mode == ENCODES_BODY) {
		encode_out(e, out, e->held_eol);
		group_out(e, out);
	}
	return e->failed;
}
