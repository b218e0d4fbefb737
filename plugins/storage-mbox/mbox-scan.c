/* mbox-scan.c - one message after the other in an mbox file.
 *
 * A message ends before the next From_ line, or where its Content-Length
 * says if a From_ line or the file's end is there.  The line end before that
 * belongs to neither. */
#include "mbox.h"

bool mbox_is_from(struct cv_span data, size_t *len_r, int64_t *received_r)
{
	const char *lf;

	if (data.len < 5 || memcmp(data.data, "From ", 5) != 0)
		return false;
	if (data.len > MBOX_FROM_MAX + 1)
		data.len = MBOX_FROM_MAX + 1;
	lf = memchr(data.data, '\n', data.len);
	*len_r = lf == NULL ? data.len : (size_t)(lf - data.data) + 1;
	return mbox_from_parse(cv_span(data.data, lf == NULL ? data.len :
				       *len_r - 1), received_r);
}

/* The file's first line may lack a date. */
static bool is_first_from(struct cv_span data, size_t *len_r,
			  int64_t *received_r)
{
	const char *lf;

	if (mbox_is_from(data, len_r, received_r))
		return true;
	if (data.len < 5 || memcmp(data.data, "From ", 5) != 0)
		return false;
	lf = memchr(data.data, '\n', data.len > MBOX_FROM_MAX ?
		    MBOX_FROM_MAX : data.len);
	if (lf == NULL)
		return false;
	*len_r = (size_t)(lf - data.data) + 1;
	if (memchr(data.data, '\0', *len_r) != NULL)
		return false;
	*received_r = 0;
	return true;
}

int mbox_scan_head(struct mbox_reader *reader, uint64_t offset,
		   struct mbox_record *record, struct mbox_head *head,
		   struct cv_span *data_r, struct cv_text *scratch,
		   struct mbox_hash *hash, struct cv_error *err)
{
	struct cv_span data;
	size_t from_len, want = 2048;
	int64_t received;
	uint8_t digest[16];
	int ret = mbox_reader_get(reader, offset, MBOX_FROM_MAX + 1, &data,
				  err);

	if (ret < 0)
		return ret;
	if (!(offset == 0 ? is_first_from(data, &from_len, &received) :
	      mbox_is_from(data, &from_len, &received)))
		return CV_NOT_FOUND;
	*record = (struct mbox_record){
		.offset = offset, .from_len = (uint32_t)from_len,
		.received = received,
	};
	for (;;) {
		bool whole;

		ret = mbox_reader_get(reader, offset + from_len, want, &data,
				      err);
		if (ret < 0)
			return ret;
		whole = offset + from_len + data.len >= reader->end;
		if (data.len > MBOX_HEAD_MAX) {
			const char *lf = memrchr(data.data, '\n',
						 MBOX_HEAD_MAX);

			/* what is beyond is as good as a body */
			data.len = lf == NULL ? MBOX_HEAD_MAX :
				(size_t)(lf - data.data) + 1;
			whole = true;
		}
		if (mbox_head_parse(data, whole, head))
			break;
		want = want * 2 > MBOX_HEAD_MAX ? MBOX_HEAD_MAX + 1 :
			want * 2;
	}
	*data_r = cv_span(data.data, head->len);
	record->head_len = (uint32_t)head->len;
	record->meta_at = head->meta_at;
	record->meta_len = head->meta_len;
	record->base_at = head->base_at;
	record->file_uid = head->uid;
	record->file_flags = head->flags;
	record->marks = (head->old ? MBOX_OLD : 0) |
		(head->is_pseudo && offset == 0 ? MBOX_PSEUDO : 0);
	cv_text_reset(scratch);
	mbox_head_show(*data_r, scratch);
	mbox_hash_init(hash);
	mbox_hash_add(hash, scratch->data, scratch->len);
	mbox_hash_end(hash, digest);
	memcpy(&record->head_hash, digest, 8);
	record->visible = scratch->len;
	for (size_t i = 0; i < scratch->len; i++)
		record->bare_lf += scratch->data[i] == '\n' &&
			(i == 0 || scratch->data[i - 1] != '\r');
	return CV_OK;
}

int mbox_scan_end(struct mbox_reader *reader, struct mbox_record *record,
		  uint64_t body_len, bool *ends_r, int *lines_r,
		  struct cv_error *err)
{
	uint64_t body = mbox_record_body(record), end;
	struct cv_span data;
	size_t at = 0, from_len;
	int64_t received;
	int lines = 0, ret;

	*ends_r = false;
	*lines_r = 0;
	if (body_len > reader->end - body)
		return CV_OK;
	end = body + body_len;
	ret = mbox_reader_get(reader, end, MBOX_FROM_MAX + 16, &data, err);
	if (ret < 0)
		return ret;
	while (at < data.len && lines < MBOX_SEPARATORS) {
		size_t cr = data.data[at] == '\r';

		if (at + cr >= data.len || data.data[at + cr] != '\n')
			break;
		at += cr + 1;
		lines++;
	}
	/* without a line end the text before would not end its line */
	*ends_r = at == data.len ||
		((at > 0 || body_len == 0) &&
		 mbox_is_from(cv_span_skip(data, at), &from_len, &received));
	record->body_len = body_len;
	record->separator = (uint32_t)at;
	*lines_r = lines;
	if (reader->holes && !*ends_r && (at > 0 || body_len == 0)) {
		data = cv_span_skip(data, at);
		ret = mbox_hole_next(reader, end + at, true, &data, ends_r,
				     err);
		*ends_r = *ends_r && data.len == 0;
	}
	return ret;
}

struct body {
	struct mbox_record *record;
	struct mbox_hash *hash;
	char held[2];			/* a line end that may be the last */
	size_t held_len;
};

static void take(struct body *b, const char *data, size_t len)
{
	mbox_hash_add(b->hash, data, len);
	b->record->body_len += len;
}

static void take_held(struct body *b)
{
	if (b->held_len == 1)
		b->record->bare_lf++;
	take(b, b->held, b->held_len);
	b->held_len = 0;
}

/* A whole line, or the beginning of a long one, or its end. */
static void take_line(struct body *b, const char *line, size_t len,
		      bool has_lf)
{
	take_held(b);
	if (!has_lf) {
		take(b, line, len);
		return;
	}
	b->held_len = len > 1 && line[len - 2] == '\r' ? 2 : 1;
	memcpy(b->held, line + len - b->held_len, b->held_len);
	take(b, line, len - b->held_len);
}

/* Lines of one window, up to a From_ line (true). */
static bool take_window(struct body *b, struct cv_span data, bool is_last,
			bool *line_start, size_t *used_r)
{
	size_t at = 0, from_len;
	int64_t received;

	while (at < data.len) {
		const char *line = data.data + at;
		size_t left = data.len - at;
		const char *lf = memchr(line, '\n', left);
		size_t len = lf == NULL ? left : (size_t)(lf - line) + 1;

		*used_r = at;
		/* a line that may be one must be seen whole; and CR waits for
		 * its LF */
		if (*line_start && left <= MBOX_FROM_MAX && lf == NULL &&
		    !is_last)
			return false;
		if (*line_start && mbox_is_from(cv_span(line, left), &from_len,
					   &received))
			return true;
		if (lf == NULL && !is_last) {
			if (line[len - 1] == '\r')
				len--;
			if (len == 0)
				return false;
		}
		take_line(b, line, len, lf != NULL);
		*line_start = lf != NULL;
		at += len;
	}
	*used_r = at;
	return false;
}

int mbox_scan_lines(struct mbox_reader *reader, struct mbox_record *record,
		      struct mbox_hash *hash, struct cv_error *err)
{
	struct body b = { .record = record, .hash = hash };
	uint64_t at = mbox_record_body(record);
	bool line_start = true, found = false, hole = false;

	while (at < reader->end && !found) {
		struct cv_span data;
		size_t used = 0;
		int ret = mbox_reader_get(reader, at, MBOX_FROM_MAX + 16,
					  &data, err);

		if (ret == CV_OK)
			ret = mbox_hole_next(reader, at, line_start, &data,
					     &hole, err);
		if (ret < 0)
			return ret;
		found = take_window(&b, data, hole ||
				    at + data.len >= reader->end,
				    &line_start, &used);
		at += used;
		if (hole && !found)
			break;
		if (!found && used == 0) {
			/* more of this line is needed */
			ret = mbox_reader_get(reader, at, data.len + 1,
					      &data, err);
			if (ret < 0)
				return ret;
		}
	}
	record->separator = (uint32_t)b.held_len;
	reader->at_hole = hole && !found;
	return CV_OK;
}

/* A body whose length is known. */
static int scan_bytes(struct mbox_reader *reader, struct mbox_record *record,
		      struct mbox_hash *hash, struct cv_error *err)
{
	uint64_t at = mbox_record_body(record), end = at + record->body_len;
	char last = '\0';

	while (at < end) {
		struct cv_span data;
		const char *p, *stop;
		int ret = mbox_reader_get(reader, at, 1, &data, err);

		if (ret < 0)
			return ret;
		if (data.len > end - at)
			data.len = (size_t)(end - at);
		reader->seen_nul |= memchr(data.data, '\0', data.len) != NULL;
		reader->hole_inside |= reader->holes &&
			mbox_hole_inside(data, at);
		mbox_hash_add(hash, data.data, data.len);
		stop = data.data + data.len;
		for (p = data.data; (p = memchr(p, '\n',
						(size_t)(stop - p))) != NULL;
		     p++)
			record->bare_lf += (p == data.data ? last : p[-1]) !=
				'\r';
		last = stop[-1];
		at += data.len;
	}
	return CV_OK;
}

int mbox_scan_body(struct mbox_reader *reader, struct mbox_record *record,
		   uint64_t length, struct mbox_hash *hash,
		   struct cv_error *err)
{
	bool ends = false;
	int lines = 0, ret = CV_OK;

	if (length != UINT64_MAX)
		ret = mbox_scan_end(reader, record, length, &ends, &lines,
				    err);
	/* who writes the field writes exactly one line end behind the body */
	ends = ends && lines <= 1;
	record->has_length = ends;
	if (ret == CV_OK && ends) {
		ret = scan_bytes(reader, record, hash, err);
	} else if (ret == CV_OK) {
		record->body_len = 0;
		ret = mbox_scan_lines(reader, record, hash, err);
	}
	record->visible += record->body_len;
	mbox_hash_end(hash, record->digest);
	return ret;
}
