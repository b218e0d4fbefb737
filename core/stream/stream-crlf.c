/* stream-crlf.c - bytes as clients see them: LF to CRLF, and back; NUL.
 *
 * Most mail lies on disk with lone LFs.  To make partial fetches of large
 * messages cheap, places that were passed are remembered, one for each
 * CRLF_MARK bytes. */
#include "stream-private.h"

enum {
	CRLF_CHUNK = 32 * 1024,		/* input converted at a time */
	CRLF_MARK = 1024 * 1024,
};

struct crlf_mark {
	uint64_t virtual, physical;
	bool last_cr;
};

struct crlf_stream {
	struct cv_stream stream;
	struct cv_stream *parent;
	uint64_t parent_offset;		/* consumed of the parent */
	char *out;			/* 2 * CRLF_CHUNK */
	bool last_cr;
	struct crlf_mark recent;	/* where the last fill began */
	ARRAY(struct crlf_mark) marks;
};

static void crlf_remember(struct crlf_stream *c)
{
	uint64_t last = c->marks.count == 0 ? 0 :
		c->marks.items[c->marks.count - 1].physical;

	if (c->parent_offset < last || c->parent_offset - last < CRLF_MARK)
		return;
	*array_add(&c->marks) = (struct crlf_mark){
		.virtual = c->stream.offset,
		.physical = c->parent_offset,
		.last_cr = c->last_cr,
	};
}

/* UNSAFE: dst has room for twice src.  Returns the bytes written. */
static size_t crlf_convert(char *dst, struct cv_span src, bool last_cr)
{
	const char *at = src.data, *end = src.data + src.len, *lf;
	char *out = dst;
	size_t n;

	while ((lf = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		n = (size_t)(lf - at);
		memcpy(out, at, n);
		out += n;
		if (n > 0 ? lf[-1] != '\r' : at > src.data || !last_cr)
			*out++ = '\r';
		*out++ = '\n';
		at = lf + 1;
		if (at == end)
			break;
	}
	n = (size_t)(end - at);
	memcpy(out, at, n);
	return (size_t)(out + n - dst);
}

static int crlf_fill(struct cv_stream *s, struct cv_error *err)
{
	struct crlf_stream *c = (struct crlf_stream *)s;
	struct cv_span in;
	int ret;

	ret = stream_seek(c->parent, c->parent_offset, err);
	if (ret == CV_OK)
		ret = stream_read(c->parent, &in, err);
	if (ret == CV_EOF && s->size != STREAM_SIZE_UNKNOWN &&
	    s->offset < s->size)
		return FAIL(err, CV_E_TEMP, "the message has fewer bytes "
			    "than it should");
	if (ret != CV_OK)
		return ret;
	crlf_remember(c);
	c->recent = (struct crlf_mark){
		.virtual = s->offset, .physical = c->parent_offset,
		.last_cr = c->last_cr,
	};
	if (in.len > CRLF_CHUNK)
		in.len = CRLF_CHUNK;
	if (c->out == NULL)
		c->out = pool_alloc(s->pool, 2 * CRLF_CHUNK);
	s->window = cv_span(c->out, crlf_convert(c->out, in, c->last_cr));
	c->last_cr = in.data[in.len - 1] == '\r';
	c->parent_offset += in.len;
	/* the size was announced: more must not come [security.md C14] */
	if (s->window.len > s->size - s->offset)
		s->window.len = (size_t)(s->size - s->offset);
	return s->window.len > 0 ? CV_OK : CV_EOF;
}

static int crlf_seek(struct cv_stream *s, uint64_t offset,
		     struct cv_error *err)
{
	struct crlf_stream *c = (struct crlf_stream *)s;
	struct crlf_mark best = { .virtual = 0 };

	for (size_t i = c->marks.count; i > 0; i--) {
		if (c->marks.items[i - 1].virtual <= offset) {
			best = c->marks.items[i - 1];
			break;
		}
	}
	/* The window is gone, so where the stream is between two fills is
	 * only known at the marks, and where the last one began. */
	if (c->recent.virtual <= offset && c->recent.virtual > best.virtual)
		best = c->recent;
	s->offset = best.virtual;
	c->parent_offset = best.physical;
	c->last_cr = best.last_cr;
	return stream_read_on(s, offset, err);
}

struct cv_stream *stream_open_crlf(struct cv_pool *pool,
				   struct cv_stream *parent, uint64_t size)
{
	static const struct stream_ops ops = {
		.fill = crlf_fill,
		.seek = crlf_seek,
	};
	struct crlf_stream *c;

	if (size != STREAM_SIZE_UNKNOWN && parent->size == size)
		return parent;
	c = pool_new(pool, struct crlf_stream);
	stream_init(&c->stream, &ops, pool);
	c->stream.size = size;
	c->parent = parent;
	array_init(&c->marks, pool);
	return &c->stream;
}

/* --- the other way ------------------------------------------------------ */

struct lf_stream {
	struct cv_stream stream;
	struct cv_stream *parent;
	uint64_t parent_offset;
	char *out;
	bool held_cr;			/* a CR at the end of the last fill */
	bool stored_cr;			/* the last byte given out is one */
};

static char *lf_keep_cr(struct lf_stream *l, char *out)
{
	*out = '\r';
	l->stored_cr = true;
	return out + 1;
}

/* UNSAFE: dst has room for src and one byte more.  A CR at the very end is
 * held back until what follows it is known. */
static size_t lf_convert(struct lf_stream *l, char *dst, struct cv_span src)
{
	const char *at = src.data, *end = src.data + src.len, *cr;
	char *out = dst;

	if (l->held_cr && (*at != '\n' || l->stored_cr))
		out = lf_keep_cr(l, out);
	l->held_cr = false;
	while ((cr = memchr(at, '\r', (size_t)(end - at))) != NULL) {
		memcpy(out, at, (size_t)(cr - at));
		out += cr - at;
		if (cr > at)
			l->stored_cr = false;
		at = cr + 1;
		if (at == end) {
			l->held_cr = true;
			return (size_t)(out - dst);
		}
		if (*at != '\n' || l->stored_cr)
			out = lf_keep_cr(l, out);
	}
	memcpy(out, at, (size_t)(end - at));
	l->stored_cr = false;
	return (size_t)(out + (end - at) - dst);
}

static int lf_fill(struct cv_stream *s, struct cv_error *err)
{
	struct lf_stream *l = (struct lf_stream *)s;
	struct cv_span in;
	size_t len = 0;
	int ret;

	if (l->out == NULL)
		l->out = pool_alloc(s->pool, CRLF_CHUNK + 1);
	while (len == 0) {
		ret = stream_seek(l->parent, l->parent_offset, err);
		if (ret == CV_OK)
			ret = stream_read(l->parent, &in, err);
		if (ret == CV_EOF && l->held_cr) {
			l->held_cr = false;
			l->out[len++] = '\r';
			break;
		}
		if (ret != CV_OK)
			return ret;
		if (in.len > CRLF_CHUNK)
			in.len = CRLF_CHUNK;
		len = lf_convert(l, l->out, in);
		l->parent_offset += in.len;
	}
	s->window = cv_span(l->out, len);
	return CV_OK;
}

static int lf_restart(struct cv_stream *s, struct cv_error *err)
{
	struct lf_stream *l = (struct lf_stream *)s;

	(void)err;
	l->parent_offset = 0;
	l->held_cr = l->stored_cr = false;
	return CV_OK;
}

struct cv_stream *stream_open_lf(struct cv_pool *pool,
				 struct cv_stream *parent)
{
	static const struct stream_ops ops = {
		.fill = lf_fill,
		.restart = lf_restart,
	};
	struct lf_stream *l = pool_new(pool, struct lf_stream);

	stream_init(&l->stream, &ops, pool);
	l->parent = parent;
	return &l->stream;
}

/* --- NUL ---------------------------------------------------------------- */

struct nul_stream {
	struct cv_stream stream;
	struct cv_stream *parent;
	char *out;
};

static int nul_fill(struct cv_stream *s, struct cv_error *err)
{
	struct nul_stream *n = (struct nul_stream *)s;
	struct cv_span in;
	char *at;
	int ret;

	ret = stream_seek(n->parent, s->offset, err);
	if (ret == CV_OK)
		ret = stream_read(n->parent, &in, err);
	if (ret != CV_OK)
		return ret;
	if (n->out == NULL)
		n->out = pool_alloc(s->pool, CRLF_CHUNK);
	if (in.len > CRLF_CHUNK)
		in.len = CRLF_CHUNK;
	memcpy(n->out, in.data, in.len);
	for (at = n->out; (at = memchr(at, '\0', in.len -
				       (size_t)(at - n->out))) != NULL; at++)
		*at = (char)0x80;
	s->window = cv_span(n->out, in.len);
	return CV_OK;
}

static int nul_seek(struct cv_stream *s, uint64_t offset,
		    struct cv_error *err)
{
	struct nul_stream *n = (struct nul_stream *)s;
	int ret = stream_seek(n->parent, offset, err);

	if (ret == CV_OK)
		s->offset = stream_offset(n->parent);
	return ret;
}

static int nul_find_size(struct cv_stream *s, uint64_t *size_r,
			 struct cv_error *err)
{
	return stream_size(((struct nul_stream *)s)->parent, size_r, err);
}

struct cv_stream *stream_open_without_nul(struct cv_pool *pool,
					  struct cv_stream *parent)
{
	static const struct stream_ops ops = {
		.fill = nul_fill,
		.seek = nul_seek,
		.find_size = nul_find_size,
	};
	struct nul_stream *n = pool_new(pool, struct nul_stream);

	stream_init(&n->stream, &ops, pool);
	n->parent = parent;
	n->stream.size = parent->size;
	return &n->stream;
}
