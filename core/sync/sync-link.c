/* sync-link.c - frames over a pair of descriptors. */
#include "sync-link.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

struct link *link_create(struct cv_pool *pool, int in, int out)
{
	struct link *link = pool_new(pool, struct link);

	link->pool = pool;
	link->in = in;
	link->out = out;
	cv_text_init(&link->pending, pool);
	link->room = LINK_BUFFER;
	link->buffer = pool_alloc(pool, link->room);
	return link;
}

void link_close(struct link *link)
{
	(void)close(link->in);
	if (link->out != link->in)
		(void)close(link->out);
}

struct cv_text *link_begin(struct link *link, uint8_t type)
{
	link->frame_at = link->pending.len;
	wire_put_u32(&link->pending, 0);
	wire_put_u8(&link->pending, type);
	return &link->pending;
}

int link_flush(struct link *link, struct cv_error *err)
{
	size_t at = 0;

	while (at < link->pending.len) {
		ssize_t n = write(link->out, link->pending.data + at,
				  link->pending.len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return FAIL_ERRNO(err, errno, "cannot write to the "
					  "other end");
		at += (size_t)n;
	}
	cv_text_reset(&link->pending);
	return CV_OK;
}

int link_end(struct link *link, struct cv_error *err)
{
	size_t len = link->pending.len - link->frame_at - 4;

	if (len > LINK_FRAME_MAX)
		return FAIL(err, CV_E_LIMIT, "too much for one frame");
	for (unsigned int i = 0; i < 4; i++)
		link->pending.data[link->frame_at + i] =
			(char)(len >> 8 * i & 0xff);
	return link->pending.len < LINK_BUFFER ? CV_OK :
		link_flush(link, err);
}

int link_put(struct link *link, uint8_t type, struct cv_error *err)
{
	(void)link_begin(link, type);
	return link_end(link, err);
}

/* At least so many bytes into the buffer. */
static int fill(struct link *link, size_t need, struct cv_error *err)
{
	if (link->start > 0 && link->room - link->start < need) {
		memmove(link->buffer, link->buffer + link->start,
			link->end - link->start);
		link->end -= link->start;
		link->start = 0;
	}
	if (link->room < need) {
		link->buffer = pool_grow(link->pool, link->buffer, link->room,
					 need);
		link->room = need;
	}
	while (link->end - link->start < need) {
		struct pollfd p = { .fd = link->in, .events = POLLIN };
		int ready = poll(&p, 1, LINK_SILENCE_MSECS);
		ssize_t n;

		if (ready == 0)
			return FAIL(err, CV_E_TIMEOUT, "the other end is "
				    "silent");
		n = ready < 0 ? -1 : read(link->in, link->buffer + link->end,
					  link->room - link->end);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FAIL_ERRNO(err, errno, "cannot read from the "
					  "other end");
		if (n == 0)
			return link->end == link->start ? CV_EOF :
				FAIL(err, CV_E_TEMP, "the other end stopped "
				     "within a frame");
		link->end += (size_t)n;
	}
	return CV_OK;
}

int link_get(struct link *link, uint8_t *type_r, struct wire_in *in_r,
	     struct cv_error *err)
{
	struct wire_in head;
	uint32_t len;
	int ret = link_flush(link, err);

	if (link->start == link->end)
		link->start = link->end = 0;
	if (ret == CV_OK)
		ret = fill(link, 5, err);
	if (ret != CV_OK)
		return ret;
	head = (struct wire_in){
		(const unsigned char *)link->buffer + link->start, 5, false };
	len = wire_u32(&head);
	*type_r = wire_u8(&head);
	if (len == 0 || len > LINK_FRAME_MAX)
		return FAIL(err, CV_E_SYNTAX, "the other end does not speak "
			    "our protocol");
	ret = fill(link, (size_t)len + 4, err);
	if (ret != CV_OK)
		return ret == CV_EOF ? CV_E_TEMP : ret;
	*in_r = (struct wire_in){
		(const unsigned char *)link->buffer + link->start + 5,
		len - 1, false };
	link->start += (size_t)len + 4;
	return CV_OK;
}
