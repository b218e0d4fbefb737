/* imap-mock-conn.c - the connection that plays a script, and streams. */
#include "imap-mock-private.h"

#include <stdio.h>
#include <stdlib.h>

/* --- connection ----------------------------------------------------------- */

static struct cv_span conn_peek(struct cv_connection *c)
{
	return cv_span(c->script.data + c->skipped, c->at - c->skipped);
}

static void conn_skip(struct cv_connection *c, size_t n)
{
	BUG_IF(n > c->at - c->skipped);
	c->skipped += n;
}

static int conn_fill(struct cv_connection *c, size_t max, uint32_t timeout,
		     struct cv_error *err)
{
	if (c->at >= c->script.len)
		return FAIL(err, mock_current->sleeps ? CV_E_TIMEOUT : CV_EOF,
			    "the end");
	c->at += c->step;
	if (c->at > c->script.len)
		c->at = c->script.len;
	return CV_OK;
}

static void conn_write(struct cv_connection *c, const void *data, size_t len)
{
	if (!c->broken)
		cv_text_append(&c->out, data, len);
}

static void conn_printf(struct cv_connection *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_append_vf(&c->out, fmt, args);
	va_end(args);
}

static int conn_write_stream(struct cv_connection *c, struct cv_stream *in,
			     uint64_t len, struct cv_error *err);

static int conn_flush(struct cv_connection *c, struct cv_error *err)
{
	return CV_OK;
}

static bool conn_failed(struct cv_connection *c) { return c->broken; }

static int conn_wait(struct cv_connection *c, int fd, uint32_t timeout,
		     struct cv_error *err)
{
	void (*idle)(struct cv_session *s) = c->idle;

	if (idle != NULL) {
		c->idle = NULL;
		idle(mock_current);
		return CV_CHANGED;
	}
	return c->at < c->script.len || mock_current->sleeps ?
		conn_fill(c, 0, timeout, err) : CV_EOF;
}

static int conn_compress(struct cv_connection *c, int level,
			 struct cv_error *err)
{
	BUG_IF(level < 1 || level > 9);
	if (c->compressed)
		return FAIL(err, CV_E_EXISTS, "compressed");
	c->compressed = true;
	return CV_OK;
}

/* Where what follows is compressed for itself. */
static void conn_compress_reset(struct cv_connection *c)
{
	if (c->compressed && c->reset_at != c->out.len) {
		c->reset_at = c->out.len;
		c->resets++;
	}
}

static bool conn_secure(struct cv_connection *c) { return true; }
static const char *conn_address(struct cv_connection *c) { return ""; }
static uint64_t conn_in(struct cv_connection *c) { return c->skipped; }
static uint64_t conn_out(struct cv_connection *c) { return c->out.len; }

/* --- streams -------------------------------------------------------------- */

static int conn_write_stream(struct cv_connection *c, struct cv_stream *in,
			     uint64_t len, struct cv_error *err)
{
	BUG_IF(len > in->data.len - in->at);
	conn_write(c, in->data.data + in->at, (size_t)len);
	in->at += (size_t)len;
	return CV_OK;
}

static int stream_seek(struct cv_stream *s, uint64_t offset,
		       struct cv_error *err)
{
	BUG_IF(offset > s->data.len);
	s->at = (size_t)offset;
	return CV_OK;
}

static int stream_peek(struct cv_stream *s, struct cv_span *data_r,
		       struct cv_error *err)
{
	*data_r = cv_span_skip(s->data, s->at);
	return data_r->len > 0 ? CV_OK : FAIL(err, CV_EOF, "the end");
}

static void stream_skip(struct cv_stream *s, size_t n)
{
	BUG_IF(n > s->data.len - s->at);
	s->at += n;
}

static uint64_t stream_offset(struct cv_stream *s) { return s->at; }

static void stream_close(struct cv_stream **s) { *s = NULL; }

const struct cv_connection_api mock_connection_api = {
	CV_SIZED(cv_connection_api), .peek = conn_peek, .skip = conn_skip,
	.fill = conn_fill, .write = conn_write, .print = conn_printf,
	.write_stream = conn_write_stream, .flush = conn_flush,
	.failed = conn_failed, .wait = conn_wait, .is_secure = conn_secure,
	.remote_address = conn_address, .local_address = conn_address,
	.bytes_in = conn_in, .bytes_out = conn_out,
	.compress = conn_compress, .compress_reset = conn_compress_reset,
};

const struct cv_stream_api mock_stream_api = {
	CV_SIZED(cv_stream_api), .seek = stream_seek, .close = stream_close,
	.peek = stream_peek, .skip = stream_skip, .offset = stream_offset,
};
