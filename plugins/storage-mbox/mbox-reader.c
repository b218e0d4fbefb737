/* mbox-reader.c - a file read once, through one window. */
#include "mbox.h"

void mbox_reader_init(struct mbox_reader *reader,
		      struct cv_storage_root *root, int fd, uint64_t end,
		      struct cv_pool *pool, size_t room)
{
	*reader = (struct mbox_reader){
		.root = root, .fd = fd, .end = end, .room = room,
		.buffer = cv_api->alloc(pool, room),
	};
}

static int fill(struct mbox_reader *r, uint64_t offset, struct cv_error *err)
{
	size_t keep = 0;
	uint64_t left = r->end - offset;
	size_t want;
	ssize_t got;

	if (offset >= r->at && offset - r->at <= r->len) {
		keep = r->len - (size_t)(offset - r->at);
		memmove(r->buffer, r->buffer + (offset - r->at), keep);
	}
	r->at = offset;
	r->len = keep;
	want = left < r->room ? (size_t)left : r->room;
	if (want <= keep)
		return CV_OK;
	got = MB_CALL(r->root, pread, r->fd, r->buffer + keep, want - keep,
		      offset + keep);
	if (got < 0)
		return common_fail(err, "read", "mbox");
	if ((size_t)got < want - keep)
		return CV_FAIL(err, CV_E_TEMP, "the mbox became shorter "
			       "while it was locked");
	r->len = want;
	return CV_OK;
}

int mbox_reader_get(struct mbox_reader *r, uint64_t offset, size_t want,
		    struct cv_span *span_r, struct cv_error *err)
{
	int ret = CV_OK;

	if (offset > r->end)
		offset = r->end;
	if (want > r->room)
		want = r->room;
	if (want > r->end - offset)
		want = (size_t)(r->end - offset);
	if (offset < r->at || offset - r->at > r->len ||
	    r->len - (size_t)(offset - r->at) < want)
		ret = fill(r, offset, err);
	if (ret == CV_OK)
		*span_r = cv_span(r->buffer + (offset - r->at),
				  r->len - (size_t)(offset - r->at));
	return ret;
}
