/* connection-compress.c - DEFLATE in both directions [RFC4978], and its end. */
#include "connection-private.h"

#include "deflate.h"

#include <poll.h>

/* Input that waits to be decompressed. */
enum { COMPRESSED_MAX = 16384 };

/* Until there is a byte of content or nothing more to read. */
int connection_receive_packed(struct cv_connection *c, char *dst, size_t room,
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
		status = transport_receive(c, c->packed, COMPRESSED_MAX,
					   &c->packed_end, events_r);
		if (status != CV_OK) {
			c->packed_at = c->packed_end = 0;
			return status;
		}
		c->packed_at = 0;
	}
}

int connection_compress(struct cv_connection *c, int level,
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
/* What is written later has nothing to do with what was before. */
void connection_compress_reset(struct cv_connection *c)
{
	if (c->failed || c->deflater == NULL)
		return;
	if (connection_write_buffer(c, NULL) == CV_OK)
		(void)deflater_reset(c->deflater, connection_send_packed, c);
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
		status = transport_receive(c, c->packed, COMPRESSED_MAX, &got,
					   &events);
		c->packed_at = 0;
		c->packed_end = got;
		if (status == CV_NOT_FOUND)
			status = transport_wait(c, events, -1, timeout_msecs,
						err);
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
	status = connection_write_buffer(c, err);
	if (status == CV_OK)
		status = deflater_finish(c->deflater, connection_send_packed,
					 c);
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
