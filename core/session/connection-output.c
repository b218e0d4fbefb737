/* connection-output.c - what is said to the peer: a buffer, and streams whose
 * pages may go to the socket by themselves. */
#include "connection-private.h"

#include "deflate.h"
#include "stream/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/sendfile.h>

enum {
	OUTPUT_MAX = 65536,
	SENDFILE_MIN = 32768, SENDFILE_MAX = 1 << 20,
};

static int fail_output(struct cv_connection *c, struct cv_error *err,
		       const char *what)
{
	c->failed = true;
	c->out_len = 0;
	return FAIL(err, CV_E_TEMP, "%s", what);
}

static uint32_t send_patience(const struct cv_connection *c)
{
	return c->send_timeout_msecs == 0 ? INT32_MAX : c->send_timeout_msecs;
}

/* To the peer as it is. */
static int send_all(struct cv_connection *c, const char *data, size_t len,
		    struct cv_error *err)
{
	short events;

	while (len > 0) {
		ssize_t n = transport_write(c, data, len, &events);

		if (n > 0) {
			c->bytes_out += (uint64_t)n;
			c->unanswered = false;
			data += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EINTR) {
			continue;
		} else if (n < 0 && transport_would_block()) {
			if (transport_wait(c, events, -1, send_patience(c),
					   err) != CV_OK)
				return fail_output(c, err, "the client does "
						   "not read its answers");
		} else {
			c->peer_closed = true;
			return fail_output(c, err, "the client has closed "
					   "the connection");
		}
	}
	return CV_OK;
}

int connection_send_packed(void *context, const char *data, size_t len)
{
	return send_all(context, data, len, NULL);
}

static int write_all(struct cv_connection *c, const char *data, size_t len,
		     struct cv_error *err)
{
	connection_rawlog(&c->rawlog_out, data, len);
	if (c->deflater == NULL)
		return send_all(c, data, len, err);
	return deflater_write(c->deflater, cv_span(data, len),
			      connection_send_packed, c);
}

/* What the buffer has, but not further than into the compression. */
int connection_write_buffer(struct cv_connection *c, struct cv_error *err)
{
	size_t len = c->out_len;

	if (len == 0)
		return CV_OK;
	c->out_len = 0;
	return write_all(c, c->out, len, err);
}

int connection_flush(struct cv_connection *c, struct cv_error *err)
{
	int status;

	if (c->failed)
		return FAIL(err, CV_E_TEMP, "the connection has failed");
	status = connection_write_buffer(c, err);
	/* each burst of answers stands for itself [security.md B16] */
	if (status == CV_OK && c->deflater != NULL)
		status = deflater_reset(c->deflater, connection_send_packed, c);
	if (status != CV_OK && (err == NULL || err->code == CV_OK))
		(void)FAIL(err, CV_E_TEMP, "the connection has failed");
	return status;
}

/* Room in the buffer, which grows up to its limit. */
static size_t output_room(struct cv_connection *c, size_t wanted)
{
	size_t room = c->out_room;

	while (room < OUTPUT_MAX && room - c->out_len < wanted)
		room *= 2;
	if (room != c->out_room)
		c->out = pool_grow(c->pool, c->out, c->out_room, room);
	c->out_room = room;
	return room - c->out_len;
}

void connection_write(struct cv_connection *c, const void *data,
		      size_t len)
{
	const char *at = data;

	while (len > 0 && !c->failed) {
		size_t room = output_room(c, len);
		size_t n = len < room ? len : room;

		/* what fills the buffer by itself need not be copied */
		if (c->out_len == 0 && len >= OUTPUT_MAX) {
			(void)write_all(c, at, len, NULL);
			return;
		}
		memcpy(c->out + c->out_len, at, n);
		c->out_len += n;
		at += n;
		len -= n;
		if (c->out_len == OUTPUT_MAX)
			(void)connection_write_buffer(c, NULL);
	}
}

void connection_printf(struct cv_connection *c, const char *fmt, ...)
{
	char small[512];
	va_list args, again;
	int len;

	va_start(args, fmt);
	va_copy(again, args);
	len = vsnprintf(small, sizeof(small), fmt, args);
	va_end(args);
	if (len >= 0 && (size_t)len < sizeof(small)) {
		connection_write(c, small, (size_t)len);
	} else if (len >= 0) {
		struct cv_pool *pool = pool_create("printf");
		struct cv_text text;

		cv_text_init(&text, pool);
		text_append_vf(&text, fmt, again);
		connection_write(c, text.data, text.len);
		pool_destroy(&pool);
	}
	va_end(again);
}

/* The file's pages go to the socket without passing through here. */
static int send_file(struct cv_connection *c, int fd, uint64_t offset,
		     uint64_t len, struct cv_error *err)
{
	off_t at = (off_t)offset;
	int status = connection_flush(c, err);

	while (status == CV_OK && len > 0) {
		ssize_t n = sendfile(c->fd, fd, &at,
				     len > SENDFILE_MAX ? SENDFILE_MAX : len);

		if (n > 0) {
			c->bytes_out += (uint64_t)n;
			c->unanswered = false;
			len -= (uint64_t)n;
		} else if (n < 0 && transport_would_block()) {
			if (transport_wait(c, POLLOUT, -1, send_patience(c),
					   err) != CV_OK)
				return fail_output(c, err, "the client does "
						   "not read its answers");
		} else if (n == 0) {
			return fail_output(c, err, "a file is shorter than "
					   "was announced");
		} else if (errno != EINTR) {
			return fail_output(c, err, "the client has closed "
					   "the connection");
		}
	}
	return status;
}

static bool sends_file(const struct cv_connection *c, struct cv_stream *in,
		       uint64_t len, int *fd_r, uint64_t *offset_r)
{
	uint64_t have;

	return c->ssl == NULL && c->rawlog_out < 0 && c->deflater == NULL &&
		len >= SENDFILE_MIN &&
		stream_get_file(in, fd_r, offset_r, &have) && have >= len;
}

/* An announced literal is sent whole or the connection ends
 * [security.md C14]. */
int connection_write_stream(struct cv_connection *c,
			    struct cv_stream *in, uint64_t len,
			    struct cv_error *err)
{
	uint64_t offset;
	int fd;

	if (!c->failed && sends_file(c, in, len, &fd, &offset)) {
		int status = send_file(c, fd, offset, len, err);

		return status != CV_OK ? status :
			stream_seek(in, stream_offset(in) + len, err);
	}
	while (len > 0 && !c->failed) {
		struct cv_span data;
		int status = stream_read(in, &data, err);

		if (status != CV_OK) {
			c->failed = true;
			if (status == CV_EOF)
				status = FAIL(err, CV_E_TEMP, "a message is "
					      "shorter than was announced");
			/* the peer can only be told by the end of it */
			log_error("mail", "closing the connection within a "
				  "message: %s", err == NULL ? "" : err->text);
			return status;
		}
		if (data.len > len)
			data.len = (size_t)len;
		connection_write(c, data.data, data.len);
		stream_skip(in, data.len);
		len -= data.len;
	}
	return c->failed ? FAIL(err, CV_E_TEMP, "the connection has failed") :
		CV_OK;
}
