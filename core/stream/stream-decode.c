/* stream-decode.c - base64 and quoted-printable [RFC2045 6]. */
#include "stream-private.h"

enum {
	DECODE_CHUNK = 32 * 1024,
	BLANKS_MAX = 256,		/* trailing blanks held back */
};

struct decode_stream;
/* Appends to out what in gives; UNSAFE: out has room for in.len + BLANKS_MAX +
 * 8 bytes.  in.data NULL: the end. */
typedef size_t decode_fn(struct decode_stream *d, struct cv_span in,
			 char *out);

struct decode_stream {
	struct cv_stream stream;
	struct cv_stream *parent;
	decode_fn *decode;
	uint64_t parent_offset;
	char *out;
	bool ended;
	/* base64 */
	uint32_t bits, bit_count;
	/* quoted-printable */
	int state;
	char first_digit;
	size_t blank_count;
	char blanks[BLANKS_MAX];
};

static int decode_fill(struct cv_stream *s, struct cv_error *err)
{
	struct decode_stream *d = (struct decode_stream *)s;
	struct cv_span in;
	size_t len = 0;
	int ret;

	if (d->out == NULL)
		d->out = pool_alloc(s->pool, DECODE_CHUNK + BLANKS_MAX + 8);
	while (len == 0 && !d->ended) {
		ret = stream_seek(d->parent, d->parent_offset, err);
		if (ret == CV_OK)
			ret = stream_read(d->parent, &in, err);
		if (ret < 0)
			return ret;
		if (ret == CV_EOF) {
			d->ended = true;
			in = CV_SPAN_NONE;
		} else if (in.len > DECODE_CHUNK) {
			in.len = DECODE_CHUNK;
		}
		len = d->decode(d, in, d->out);
		d->parent_offset += in.len;
	}
	s->window = cv_span(d->out, len);
	return len == 0 ? CV_EOF : CV_OK;
}

static int decode_restart(struct cv_stream *s, struct cv_error *err)
{
	struct decode_stream *d = (struct decode_stream *)s;

	(void)err;
	d->parent_offset = 0;
	d->ended = false;
	d->bits = d->bit_count = 0;
	d->state = 0;
	d->blank_count = 0;
	return CV_OK;
}

static struct cv_stream *decode_open(struct cv_pool *pool,
				     struct cv_stream *parent,
				     decode_fn *decode)
{
	static const struct stream_ops ops = {
		.fill = decode_fill,
		.restart = decode_restart,
	};
	struct decode_stream *d = pool_new(pool, struct decode_stream);

	stream_init(&d->stream, &ops, pool);
	d->parent = parent;
	d->decode = decode;
	return &d->stream;
}

/* --- base64 ------------------------------------------------------------- */

/* 0..63, 64: padding, 65: to be ignored [RFC2045 6.8]. */
static unsigned int base64_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26u;
	if (c >= '0' && c <= '9')
		return c - '0' + 52u;
	return c == '+' ? 62 : c == '/' ? 63 : c == '=' ? 64 : 65;
}

static size_t base64_decode_chunk(struct decode_stream *d, struct cv_span in,
				  char *out)
{
	uint32_t bits = d->bits, count = d->bit_count;
	size_t len = 0;

	for (size_t i = 0; i < in.len; i++) {
		unsigned int value = base64_value((unsigned char)in.data[i]);

		if (value < 64) {
			bits = bits << 6 | value;
			count += 6;
			if (count >= 8) {
				count -= 8;
				out[len++] = (char)(bits >> count);
			}
		} else if (value == 64) {
			count = 0;	/* a new group begins */
		}
	}
	d->bits = bits;
	d->bit_count = count;
	return len;
}

struct cv_stream *stream_open_base64(struct cv_pool *pool,
				     struct cv_stream *parent)
{
	return decode_open(pool, parent, base64_decode_chunk);
}

/* --- quoted-printable --------------------------------------------------- */

enum qp_state {
	QP_TEXT,
	QP_CR,			/* CR after text, blanks held */
	QP_EQUAL,		/* "=" */
	QP_DIGIT,		/* "=A" */
	QP_SOFT,		/* "=" and blanks */
	QP_SOFT_CR,		/* "=" blanks CR */
};

static int qp_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	/* lower case is not allowed, but seen [RFC2045 6.7 (1)] */
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t qp_release(struct decode_stream *d, char *out)
{
	size_t n = d->blank_count;

	memcpy(out, d->blanks, n);
	d->blank_count = 0;
	return n;
}

static size_t qp_text(struct decode_stream *d, char c, char *out)
{
	size_t len = 0;

	if (c == ' ' || c == '\t') {
		if (d->blank_count == BLANKS_MAX)
			len = qp_release(d, out);
		d->blanks[d->blank_count++] = c;
		return len;
	}
	if (c == '\n') {
		/* [RFC2045 6.7 (3)]: blanks at the end were added on the way */
		d->blank_count = 0;
		out[0] = '\n';
		return 1;
	}
	if (c == '\r') {
		d->state = QP_CR;
		return 0;
	}
	len = qp_release(d, out);
	if (c == '=')
		d->state = QP_EQUAL;
	else
		out[len++] = c;
	return len;
}

/* A byte in any state but QP_TEXT.  Returns false when it must be looked at
 * again as text. */
static bool qp_special(struct decode_stream *d, char c, char *out,
		       size_t *len)
{
	int state = d->state;

	d->state = QP_TEXT;
	if (state == QP_CR) {
		if (c == '\n') {
			d->blank_count = 0;
			out[(*len)++] = '\r';
			out[(*len)++] = '\n';
			return true;
		}
		*len += qp_release(d, out + *len);
		out[(*len)++] = '\r';
		return false;
	}
	if (state == QP_DIGIT) {
		if (qp_digit(c) >= 0) {
			out[(*len)++] = (char)(qp_digit(d->first_digit) * 16 +
					       qp_digit(c));
			return true;
		}
		out[(*len)++] = '=';
		out[(*len)++] = d->first_digit;
		return false;
	}
	if (c == '\n')		/* soft line break [RFC2045 6.7 (5)] */
		return true;
	if (state == QP_SOFT_CR)
		return false;
	if (c == ' ' || c == '\t' || c == '\r') {
		d->state = c == '\r' ? QP_SOFT_CR : QP_SOFT;
		return true;
	}
	if (state == QP_EQUAL && qp_digit(c) >= 0) {
		d->state = QP_DIGIT;
		d->first_digit = c;
		return true;
	}
	out[(*len)++] = '=';
	return false;
}

static size_t qp_end(struct decode_stream *d, char *out)
{
	size_t len = 0;

	if (d->state == QP_CR)
		out[len++] = '\r';
	if (d->state == QP_DIGIT) {
		out[len++] = '=';
		out[len++] = d->first_digit;
	}
	d->state = QP_TEXT;
	return len;
}

static size_t qp_decode_chunk(struct decode_stream *d, struct cv_span in,
			      char *out)
{
	size_t len = 0;

	if (in.data == NULL)
		return qp_end(d, out);
	for (size_t i = 0; i < in.len; i++) {
		char c = in.data[i];

		if (d->state != QP_TEXT && qp_special(d, c, out, &len))
			continue;
		if (d->blank_count == 0 && c > '=' )
			out[len++] = c;		/* the common case */
		else
			len += qp_text(d, c, out + len);
	}
	return len;
}

struct cv_stream *stream_open_qp(struct cv_pool *pool,
				 struct cv_stream *parent)
{
	return decode_open(pool, parent, qp_decode_chunk);
}
