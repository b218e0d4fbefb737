/* mbox-reader.c - a file read once, through one window.
 *
 * How much is read at once follows from how it is used: of messages whose bodies
 * are passed over little more than the headers, of what is read through twice as
 * much each time. */
#include "mbox.h"

enum { READ_FIRST = 4096 };

void mbox_reader_init(struct mbox_reader *reader,
		      struct cv_storage_root *root, int fd, uint64_t end,
		      struct cv_pool *pool, size_t room)
{
	*reader = (struct mbox_reader){
		.root = root, .fd = fd, .end = end, .room = room,
		.step = READ_FIRST,
		.buffer = cv_api->alloc(pool, room),
	};
}

/* How much there shall be from offset on.  It ends with a page where that is
 * possible: who looks for sectors of zeros finds each whole in one window. */
static size_t window(const struct mbox_reader *r, uint64_t offset, size_t want,
		     size_t need)
{
	size_t extra;

	if (want < need)
		want = need;
	want += (size_t)(-(offset + want) % READ_FIRST);
	if (want <= r->room)
		return want;
	extra = (size_t)((offset + r->room) % READ_FIRST);
	return r->room - extra >= need ? r->room - extra : r->room;
}

static int fill(struct mbox_reader *r, uint64_t offset, size_t need,
		struct cv_error *err)
{
	size_t keep = 0;
	uint64_t left = r->end - offset;
	size_t want;
	ssize_t got;

	if (offset >= r->at && offset - r->at <= r->len) {
		keep = r->len - (size_t)(offset - r->at);
		memmove(r->buffer, r->buffer + (offset - r->at), keep);
		r->step = r->step > r->room / 2 ? r->room : 2 * r->step;
	} else {
		r->step = READ_FIRST;
	}
	r->at = offset;
	r->len = keep;
	want = window(r, offset, keep + r->step, need);
	if (want > left)
		want = (size_t)left;
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
		ret = fill(r, offset, want, err);
	if (ret == CV_OK)
		*span_r = cv_span(r->buffer + (offset - r->at),
				  r->len - (size_t)(offset - r->at));
	return ret;
}
