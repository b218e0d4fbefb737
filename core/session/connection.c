/* connection.c - the blocking connection of a session.
 *
 * The descriptor is non-blocking; waiting is a poll of it and of what may
 * end the session (the lease, a signal).  A read or a write is tried first,
 * so a command costs one read and one write. */
#include "connection-private.h"

#include "cv-stream.h"

#include "deflate.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <unistd.h>

enum {
	INPUT_FIRST = 8192,	/* grows as the caller allows */
	OUTPUT_FIRST = 4096,
	WAIT_WINDOW = 65536,
};

/* --- input --------------------------------------------------------------- */

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

static int take_input(struct cv_connection *c, size_t max, short *events_r)
{
	size_t room = c->in_room - c->in_end, got = 0;
	size_t most = max - (c->in_end - c->in_at);
	char *dst = c->in + c->in_end;
	int status;

	if (room > most)
		room = most;
	status = c->inflater != NULL ?
		connection_receive_packed(c, dst, room, &got, events_r) :
		transport_receive(c, dst, room, &got, events_r);
	if (status != CV_OK)
		return status;
	connection_rawlog(&c->rawlog_in, dst, got);
	c->in_end += got;
	return CV_OK;
}

static int connection_fill(struct cv_connection *c, size_t max,
			   uint32_t timeout_msecs, struct cv_error *err)
{
	int status;

	spare_memory_keep();
	if (!make_room(c, max))
		return CV_E_LIMIT;
	if ((c->out_len > 0 || c->deflater != NULL) &&
	    connection_flush(c, err) != CV_OK)
		return c->peer_closed ? CV_EOF : CV_E_TEMP;
	if (c->peer_closed)
		return CV_EOF;
	for (;;) {
		short events;

		if (transport_is_stopped(c))
			return FAIL(err, CV_E_TEMP, "stopped");
		status = take_input(c, max, &events);
		if (status != CV_NOT_FOUND)
			return status;
		status = transport_wait(c, events, -1, timeout_msecs, err);
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
		status = transport_wait(c, events, wake_fd, timeout_msecs, err);
	} while (status == CV_OK);
	return status;
}

/* --- what is known of the peer ------------------------------------------- */

static bool connection_failed(struct cv_connection *c)
{
	return c->failed;
}

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

/* --- beginning and end --------------------------------------------------- */

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
	if (!c->failed && !c->peer_closed)
		transport_linger(c->fd, c->in_at != c->in_end);
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
