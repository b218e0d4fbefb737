/* connection.c - the blocking connection of a session.
 *
 * The descriptor is non-blocking; waiting is a poll of it and of what may
 * end the session (the lease, a signal).  A read or a write is tried first,
 * so a command costs one read and one write. */
#include "connection.h"

#include "cv-stream.h"
#include "deflate.h"
#include "net/tls.h"
#include "stream/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	INPUT_FIRST = 8192,	/* grows as the caller allows */
	OUTPUT_FIRST = 4096, OUTPUT_MAX = 65536,
	SENDFILE_MIN = 32768, SENDFILE_MAX = 1 << 20,
	TLS_HANDSHAKE_MSECS = 20000,
	TLS_WRITE_MAX = 16384,
	COMPRESSED_MAX = 16384,	/* input that waits to be decompressed */
	WAIT_WINDOW = 65536,
};

struct cv_connection {
	struct cv_pool *pool;
	const struct conn_info *info;
	int fd;
	const int *stop_fd;
	connection_stop_check *stop_check;
	void *stop_context;
	const volatile sig_atomic_t *stop;
	uint32_t send_timeout_msecs;
	SSL_CTX *ssl_ctx;
	SSL *ssl;
	bool tls_started;

	char *in;
	size_t in_at, in_end, in_room;
	char *out;
	size_t out_len, out_room;
	bool failed, peer_closed;
	uint64_t bytes_in, bytes_out;
	int rawlog_in, rawlog_out;	/* what the protocol sees */
	struct deflater *deflater;	/* NULL: not compressed */
	struct inflater *inflater;
	char *packed;			/* COMPRESSED_MAX */
	size_t packed_at, packed_end;
};

/* --- records for debugging one user ------------------------------------------ */

static void rawlog(int *fd, const void *data, size_t len)
{
	if (*fd < 0)
		return;
	if (write(*fd, data, len) == (ssize_t)len)
		return;
	log_warning("rawlog", "the record ends here: %s", strerror(errno));
	(void)close(*fd);
	*fd = -1;
}

static int open_rawlog(const char *dir, const char *id, const char *end,
		       int *fd_r, struct cv_error *err)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/%s.%s", dir, id, end) >=
	    (int)sizeof(path))
		return FAIL(err, CV_E_CONFIG, "rawlog_dir is too long");
	*fd_r = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
		     O_CLOEXEC | O_APPEND, 0600);
	return *fd_r >= 0 ? CV_OK :
		FAIL_ERRNO(err, errno, "cannot create '%s'", path);
}

int connection_set_rawlog(struct cv_connection *c, const char *dir,
			  const char *id, struct cv_error *err)
{
	char name[64];
	size_t len = 0;
	int status;

	/* session ids contain '/' in base64 */
	for (const char *at = id; *at != '\0' && len < sizeof(name) - 1; at++)
		name[len++] = *at == '/' ? '_' : *at;
	name[len] = '\0';
	status = open_rawlog(dir, name, "in", &c->rawlog_in, err);
	if (status == CV_OK)
		status = open_rawlog(dir, name, "out", &c->rawlog_out, err);
	if (status == CV_OK)
		rawlog(&c->rawlog_in, c->in + c->in_at, c->in_end - c->in_at);
	return status;
}

/* --- waiting --------------------------------------------------------------------- */

static bool is_stopped(const struct cv_connection *c)
{
	return c->stop != NULL && *c->stop != 0;
}

/* events on the client, or a message on other_fd.  CV_OK: the client;
 * CV_CHANGED: other_fd; CV_E_TIMEOUT; CV_E_TEMP: stopped. */
static int wait_for(struct cv_connection *c, short events, int other_fd,
		    uint32_t timeout_msecs, struct cv_error *err)
{
	uint64_t end = time_monotonic_msecs() + timeout_msecs;
	struct pollfd fds[3] = {
		{ c->fd, events, 0 }, { -1, POLLIN, 0 },
		{ other_fd, POLLIN, 0 },
	};

	for (;;) {
		uint64_t now = time_monotonic_msecs();
		uint64_t left = now >= end ? 0 : end - now;
		int n;

		if (is_stopped(c))
			return FAIL(err, CV_E_TEMP, "stopped");
		fds[1].fd = c->stop_fd == NULL ? -1 : *c->stop_fd;
		n = poll(fds, 3, left > INT32_MAX ? INT32_MAX : (int)left);
		if (n < 0 && errno != EINTR)
			return FAIL_ERRNO(err, errno, "poll failed");
		if (n < 0)
			continue;
		if (fds[1].revents != 0 && c->stop_check(c->stop_context))
			return FAIL(err, CV_E_TEMP, "stopped");
		if (fds[0].revents != 0)
			return CV_OK;
		if (fds[2].revents != 0)
			return CV_CHANGED;
		if (left == 0)
			return FAIL(err, CV_E_TIMEOUT, "the client was "
				    "silent for too long");
	}
}

/* --- transport: plain or TLS -------------------------------------------------------- */

/* > 0 bytes; 0 end; -1 with errno, EAGAIN: *events_r is to be waited for. */
static ssize_t tls_result(struct cv_connection *c, int n, short *events_r)
{
	switch (SSL_get_error(c->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		*events_r = POLLIN;
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_WANT_WRITE:
		*events_r = POLLOUT;
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		ERR_clear_error();
		errno = ECONNRESET;
		return -1;
	}
}

static ssize_t transport_read(struct cv_connection *c, void *dst, size_t room,
			      short *events_r)
{
	int n;

	*events_r = POLLIN;
	if (c->ssl == NULL)
		return recv(c->fd, dst, room, 0);
	n = SSL_read(c->ssl, dst, room > INT32_MAX ? INT32_MAX : (int)room);
	return n > 0 ? n : tls_result(c, n, events_r);
}

static ssize_t transport_write(struct cv_connection *c, const void *data,
			       size_t len, short *events_r)
{
	int n;

	*events_r = POLLOUT;
	if (c->ssl == NULL)
		return send(c->fd, data, len, MSG_NOSIGNAL);
	n = SSL_write(c->ssl, data,
		      len > TLS_WRITE_MAX ? TLS_WRITE_MAX : (int)len);
	return n > 0 ? n : tls_result(c, n, events_r);
}

static bool would_block(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK;
}

/* --- output -------------------------------------------------------------------------- */

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
			data += n;
			len -= (size_t)n;
		} else if (n < 0 && errno == EINTR) {
			continue;
		} else if (n < 0 && would_block()) {
			if (wait_for(c, events, -1, send_patience(c), err) !=
			    CV_OK)
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

static int send_packed(void *context, const char *data, size_t len)
{
	return send_all(context, data, len, NULL);
}

static int write_all(struct cv_connection *c, const char *data, size_t len,
		     struct cv_error *err)
{
	rawlog(&c->rawlog_out, data, len);
	if (c->deflater == NULL)
		return send_all(c, data, len, err);
	return deflater_write(c->deflater, cv_span(data, len), send_packed, c);
}

/* What the buffer has, but not further than into the compression. */
static int write_buffer(struct cv_connection *c, struct cv_error *err)
{
	size_t len = c->out_len;

	if (len == 0)
		return CV_OK;
	c->out_len = 0;
	return write_all(c, c->out, len, err);
}

/* What is written later has nothing to do with what was before. */
static void connection_compress_reset(struct cv_connection *c)
{
	if (c->failed || c->deflater == NULL)
		return;
	if (write_buffer(c, NULL) == CV_OK)
		(void)deflater_reset(c->deflater, send_packed, c);
}

static int connection_flush(struct cv_connection *c, struct cv_error *err)
{
	int status;

	if (c->failed)
		return FAIL(err, CV_E_TEMP, "the connection has failed");
	status = write_buffer(c, err);
	/* each burst of answers stands for itself [security.md B16] */
	if (status == CV_OK && c->deflater != NULL)
		status = deflater_reset(c->deflater, send_packed, c);
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

static void connection_write(struct cv_connection *c, const void *data,
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
			(void)write_buffer(c, NULL);
	}
}

static void connection_printf(struct cv_connection *c, const char *fmt, ...)
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
			len -= (uint64_t)n;
		} else if (n < 0 && would_block()) {
			if (wait_for(c, POLLOUT, -1, send_patience(c), err) !=
			    CV_OK)
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
static int connection_write_stream(struct cv_connection *c,
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

static bool connection_failed(struct cv_connection *c)
{
	return c->failed;
}

/* --- input --------------------------------------------------------------------------- */

static struct cv_span connection_peek(struct cv_connection *c)
{
	return cv_span(c->in + c->in_at, c->in_end - c->in_at);
}

static void connection_skip(struct cv_connection *c, size_t n)
{
	BUG_IF(n > c->in_end - c->in_at);
	c->in_at += n;
	if (c->in_at == c->in_end)
		c->in_at = c->in_end = 0;
}

/* Room behind what is there; false: the window holds max already. */
static bool make_room(struct cv_connection *c, size_t max)
{
	size_t held = c->in_end - c->in_at, room;

	if (held >= max)
		return false;
	if (c->in_at > 0 && c->in_end == c->in_room) {
		memmove(c->in, c->in + c->in_at, held);
		c->in_at = 0;
		c->in_end = held;
	}
	if (c->in_end < c->in_room)
		return true;
	room = c->in_room * 2 < max ? c->in_room * 2 : max;
	c->in = pool_grow(c->pool, c->in, c->in_room, room);
	c->in_room = room;
	return true;
}

/* CV_OK: *got_r bytes; CV_NOT_FOUND: none yet; CV_EOF. */
static int receive(struct cv_connection *c, char *dst, size_t room,
		   size_t *got_r, short *events_r)
{
	ssize_t n = transport_read(c, dst, room, events_r);

	if (n > 0) {
		c->bytes_in += (uint64_t)n;
		*got_r = (size_t)n;
		return CV_OK;
	}
	if (n < 0 && (would_block() || errno == EINTR))
		return CV_NOT_FOUND;
	c->peer_closed = true;
	return CV_EOF;
}

/* Until there is a byte of content or nothing more to read. */
static int receive_packed(struct cv_connection *c, char *dst, size_t room,
			  size_t *got_r, short *events_r)
{
	struct cv_error err = ERROR_NONE;

	*events_r = POLLIN;
	for (;;) {
		struct cv_span in = cv_span(c->packed + c->packed_at,
					    c->packed_end - c->packed_at);
		int status = inflater_run(c->inflater, &in, dst, room, got_r,
					  &err);

		c->packed_at = c->packed_end - in.len;
		if (status < 0)
			log_info("net", "compressed input: %s", err.text);
		if (status != CV_OK) {
			c->peer_closed = true;
			return CV_EOF;
		}
		if (*got_r > 0)
			return CV_OK;
		status = receive(c, c->packed, COMPRESSED_MAX,
				 &c->packed_end, events_r);
		if (status != CV_OK) {
			c->packed_at = c->packed_end = 0;
			return status;
		}
		c->packed_at = 0;
	}
}

static int take_input(struct cv_connection *c, size_t max, short *events_r)
{
	size_t room = c->in_room - c->in_end, got = 0;
	size_t most = max - (c->in_end - c->in_at);
	char *dst = c->in + c->in_end;
	int status;

	if (room > most)
		room = most;
	status = c->inflater != NULL ?
		receive_packed(c, dst, room, &got, events_r) :
		receive(c, dst, room, &got, events_r);
	if (status != CV_OK)
		return status;
	rawlog(&c->rawlog_in, dst, got);
	c->in_end += got;
	return CV_OK;
}

static int connection_fill(struct cv_connection *c, size_t max,
			   uint32_t timeout_msecs, struct cv_error *err)
{
	int status;

	if (!make_room(c, max))
		return CV_E_LIMIT;
	if ((c->out_len > 0 || c->deflater != NULL) &&
	    connection_flush(c, err) != CV_OK)
		return c->peer_closed ? CV_EOF : CV_E_TEMP;
	if (c->peer_closed)
		return CV_EOF;
	for (;;) {
		short events;

		if (is_stopped(c))
			return FAIL(err, CV_E_TEMP, "stopped");
		status = take_input(c, max, &events);
		if (status != CV_NOT_FOUND)
			return status;
		status = wait_for(c, events, -1, timeout_msecs, err);
		if (status != CV_OK)
			return status;
	}
}

static int connection_wait(struct cv_connection *c, int wake_fd,
			   uint32_t timeout_msecs, struct cv_error *err)
{
	int status;

	if ((c->out_len > 0 || c->deflater != NULL) &&
	    connection_flush(c, err) != CV_OK)
		return c->peer_closed ? CV_EOF : CV_E_TEMP;
	/* waiting costs no memory for what is said afterwards */
	if (c->deflater != NULL)
		deflater_rest(c->deflater);
	if (!make_room(c, WAIT_WINDOW))
		return CV_E_LIMIT;
	do {
		short events;

		if (c->peer_closed)
			return CV_EOF;
		/* what has come may have no content yet */
		status = take_input(c, WAIT_WINDOW, &events);
		if (status != CV_NOT_FOUND)
			return status;
		status = wait_for(c, events, wake_fd, timeout_msecs, err);
	} while (status == CV_OK);
	return status;
}

/* --- compression --------------------------------------------------------------------- */

static int connection_compress(struct cv_connection *c, int level,
			       struct cv_error *err)
{
	if (c->deflater != NULL)
		return FAIL(err, CV_E_EXISTS, "compression is on");
	/* nothing received before may be taken for what comes after it */
	if (c->in_end > c->in_at)
		return FAIL(err, CV_E_SYNTAX, "bytes behind COMPRESS");
	if (connection_flush(c, err) != CV_OK)
		return CV_E_TEMP;
	c->packed = pool_alloc_raw(c->pool, COMPRESSED_MAX);
	c->inflater = inflater_create(c->pool);
	c->deflater = deflater_create(c->pool, level);
	return CV_OK;
}

/* What the client still sends of its stream: CV_OK: it has ended. */
static int inflate_end(struct cv_connection *c, uint32_t timeout_msecs,
		       struct cv_error *err)
{
	bool between = inflater_between(c->inflater);
	short events = POLLIN;
	char extra;

	for (;;) {
		struct cv_span in = cv_span(c->packed + c->packed_at,
					    c->packed_end - c->packed_at);
		size_t got = 0;
		int status = CV_OK;

		/* no tag begins with a control character, and each block that
		 * could stand here without content does */
		if (in.len > 0 && between &&
		    (unsigned char)in.data[0] >= ' ')
			return CV_OK;
		between = between && in.len == 0;
		status = inflater_run(c->inflater, &in, &extra, 1, &got, err);
		c->packed_at = c->packed_end - in.len;
		if (got > 0)
			return FAIL(err, CV_E_SYNTAX, "compressed bytes behind "
				    "the end of compression");
		if (status != CV_OK)
			return status == CV_EOF ? CV_OK : status;
		if (in.len > 0)
			continue;
		status = receive(c, c->packed, COMPRESSED_MAX, &got, &events);
		c->packed_at = 0;
		c->packed_end = got;
		if (status == CV_NOT_FOUND)
			status = wait_for(c, events, -1, timeout_msecs, err);
		if (status != CV_OK)
			return status == CV_EOF ?
				FAIL(err, CV_E_TEMP, "the client is gone") :
				status;
	}
}

int connection_uncompress(struct cv_connection *c, uint32_t timeout_msecs,
			  struct cv_error *err)
{
	size_t len;
	int status;

	if (c->deflater == NULL)
		return CV_OK;
	if (c->failed || c->in_end > c->in_at)
		return FAIL(err, CV_E_SYNTAX, "compressed bytes behind the "
			    "end of compression");
	status = write_buffer(c, err);
	if (status == CV_OK)
		status = deflater_finish(c->deflater, send_packed, c);
	if (status == CV_OK)
		status = inflate_end(c, timeout_msecs, err);
	if (status != CV_OK)
		return status == CV_EOF ? CV_E_TEMP : status;
	len = c->packed_end - c->packed_at;
	if (len > c->in_room) {
		c->in = pool_grow(c->pool, c->in, c->in_room, len);
		c->in_room = len;
	}
	if (len > 0)
		memcpy(c->in, c->packed + c->packed_at, len);
	c->in_at = 0;
	c->in_end = len;
	c->packed_at = c->packed_end = 0;
	c->deflater = NULL;
	c->inflater = NULL;
	return CV_OK;
}

/* --- TLS inside the process ------------------------------------------------------------- */

void connection_set_tls_context(struct cv_connection *c, void *ssl_ctx)
{
	c->ssl_ctx = ssl_ctx;
}

static bool connection_can_starttls(struct cv_connection *c)
{
	return c->ssl_ctx != NULL && c->ssl == NULL;
}

static int handshake(struct cv_connection *c, struct cv_error *err)
{
	for (;;) {
		int n = SSL_accept(c->ssl), status;
		short events = 0;

		if (n == 1)
			return CV_OK;
		if (tls_result(c, n, &events) == 0 || !would_block())
			return FAIL(err, CV_E_SYNTAX,
				    "the TLS handshake failed");
		status = wait_for(c, events, -1, TLS_HANDSHAKE_MSECS, err);
		if (status != CV_OK)
			return status;
	}
}

static int connection_starttls(struct cv_connection *c, struct cv_error *err)
{
	int status;

	if (!connection_can_starttls(c))
		return FAIL(err, CV_E_UNSUPPORTED, "TLS is not configured");
	/* nothing received before the handshake survives it */
	if (c->in_end > c->in_at)
		return FAIL(err, CV_E_SYNTAX, "bytes behind STARTTLS");
	if (connection_flush(c, err) != CV_OK)
		return CV_E_TEMP;
	c->ssl = SSL_new(c->ssl_ctx);
	if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
		return FAIL(err, CV_E_TEMP, "no memory for TLS");
	status = handshake(c, err);
	if (status != CV_OK) {
		c->failed = c->peer_closed = true;
		return status;
	}
	c->tls_started = true;
	return CV_OK;
}

/* --- what is known of the peer ------------------------------------------------------------ */

static bool connection_is_secure(struct cv_connection *c)
{
	return c->tls_started || c->info->secure;
}

static const char *connection_remote_address(struct cv_connection *c)
{
	return c->info->remote_ip;
}

static uint16_t connection_remote_port(struct cv_connection *c)
{
	return (uint16_t)c->info->remote_port;
}

static const char *connection_local_address(struct cv_connection *c)
{
	return c->info->local_ip;
}

static uint16_t connection_local_port(struct cv_connection *c)
{
	return (uint16_t)c->info->local_port;
}

static uint64_t connection_bytes_in(struct cv_connection *c)
{
	return c->bytes_in;
}

static uint64_t connection_bytes_out(struct cv_connection *c)
{
	return c->bytes_out + c->out_len;
}

/* --- beginning and end ---------------------------------------------------------------------- */

struct cv_connection *connection_create(struct cv_pool *pool, int fd,
					const struct conn_info *info,
					struct cv_span input)
{
	struct cv_connection *c = pool_new(pool, struct cv_connection);

	/* whoever sent it may have left it otherwise: a read that waits would
	 * outlive the session's timeout and the order to stop */
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	c->pool = pool;
	c->info = info;
	c->fd = fd;
	c->rawlog_in = c->rawlog_out = -1;
	c->in_room = input.len > INPUT_FIRST ? input.len : INPUT_FIRST;
	c->in = pool_alloc_raw(pool, c->in_room);
	c->out_room = OUTPUT_FIRST;
	c->out = pool_alloc_raw(pool, c->out_room);
	if (input.len > 0)
		memcpy(c->in, input.data, input.len);
	c->in_end = input.len;
	c->bytes_in = input.len;
	return c;
}

void connection_close(struct cv_connection *c)
{
	short events;

	if (c->fd < 0)
		return;
	if (!c->failed && c->out_len > 0 && c->deflater == NULL)
		(void)transport_write(c, c->out, c->out_len, &events);
	if (c->ssl != NULL) {
		(void)SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
		ERR_clear_error();
	}
	(void)close(c->fd);
	if (c->rawlog_in >= 0)
		(void)close(c->rawlog_in);
	if (c->rawlog_out >= 0)
		(void)close(c->rawlog_out);
	c->fd = c->rawlog_in = c->rawlog_out = -1;
	c->ssl = NULL;
	c->failed = c->peer_closed = true;
}

void connection_leave(struct cv_connection *c)
{
	c->in_at = c->in_end = c->out_len = 0;
	c->failed = true;
}

bool connection_can_move(const struct cv_connection *c)
{
	return c->fd >= 0 && !c->failed && !c->peer_closed &&
		c->ssl == NULL &&
		c->in_at == c->in_end && c->packed_at == c->packed_end &&
		c->rawlog_in < 0 && c->rawlog_out < 0;
}

bool connection_freeze(const struct cv_connection *c, struct cv_text *out)
{
	if (c->deflater == NULL)
		return true;
	cv_text_append_c(out, (char)deflater_level(c->deflater));
	return inflater_freeze(c->inflater, out);
}

bool connection_thaw(struct cv_connection *c, struct cv_span state)
{
	int level;

	if (state.len == 0)
		return true;
	level = state.data[0];
	if (level < 1 || level > 9)
		return false;
	state = cv_span_skip(state, 1);
	c->packed = pool_alloc_raw(c->pool, COMPRESSED_MAX);
	c->inflater = inflater_create(c->pool);
	c->deflater = deflater_create(c->pool, level);
	return inflater_thaw(c->inflater, &state) && state.len == 0;
}

void connection_set_counts(struct cv_connection *c, uint64_t bytes_in,
			   uint64_t bytes_out)
{
	c->bytes_in = bytes_in;
	c->bytes_out = bytes_out;
}

void connection_set_stop(struct cv_connection *c, const int *fd,
			 connection_stop_check *check, void *context,
			 const volatile sig_atomic_t *stop)
{
	c->stop_fd = fd;
	c->stop_check = check;
	c->stop_context = context;
	c->stop = stop;
}

void connection_set_send_timeout(struct cv_connection *c, uint32_t msecs)
{
	c->send_timeout_msecs = msecs;
}

const struct cv_connection_api connection_api = {
	CV_SIZED(cv_connection_api),
	.peek = connection_peek,
	.skip = connection_skip,
	.fill = connection_fill,
	.write = connection_write,
	.print = connection_printf,
	.write_stream = connection_write_stream,
	.flush = connection_flush,
	.failed = connection_failed,
	.wait = connection_wait,
	.is_secure = connection_is_secure,
	.remote_address = connection_remote_address,
	.remote_port = connection_remote_port,
	.local_address = connection_local_address,
	.local_port = connection_local_port,
	.bytes_in = connection_bytes_in,
	.bytes_out = connection_bytes_out,
	.can_starttls = connection_can_starttls,
	.starttls = connection_starttls,
	.compress = connection_compress,
	.compress_reset = connection_compress_reset,
};
