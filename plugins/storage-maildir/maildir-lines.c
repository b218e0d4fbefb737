/* maildir-lines.c - the lines of a list of UIDs, a block at a time: it is as
 * long as its folder is large, and a session's memory has a limit. */
#include "maildir.h"

enum { LINES_BLOCK = 64 * 1024, LINES_FLUSH = 256 * 1024 };

int maildir_lines_open(struct maildir_lines *lines,
		       struct cv_storage_root *root, int dirfd,
		       const char *name, struct cv_pool *pool,
		       struct cv_error *err)
{
	struct stat st;

	*lines = (struct maildir_lines){ .root = root, .name = name };
	lines->fd = MD_CALL(root, open, dirfd, name, O_RDONLY | O_NONBLOCK,
			    0);
	if (lines->fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? CV_NOT_FOUND :
			common_fail(err, "open", name);
	if (MD_CALL(root, fstat, lines->fd, &st) < 0) {
		(void)common_fail(err, "stat", name);
	} else if (!S_ISREG(st.st_mode) || st.st_size > MAILDIR_FILE_MAX) {
		CV_FAIL(err, CV_E_TEMP, "'%s' is no regular file, or too "
			"large", name);
	} else {
		/* what is added meanwhile is not read */
		lines->size = (uint64_t)st.st_size;
		lines->block = CV_ALLOC_ARRAY(pool, char, LINES_BLOCK);
		return CV_OK;
	}
	maildir_lines_close(lines);
	return CV_E_TEMP;
}

void maildir_lines_close(struct maildir_lines *lines)
{
	if (lines->fd >= 0)
		MAILDIR_API(lines->root)->close(MAILDIR_IO(lines->root),
						lines->fd);
	lines->fd = -1;
}

void maildir_lines_rewind(struct maildir_lines *lines)
{
	lines->at = 0;
	lines->begin = lines->end = 0;
	lines->too_long = false;
}

static bool fill(struct maildir_lines *lines)
{
	size_t room;
	ssize_t got;

	lines->end -= lines->begin;
	memmove(lines->block, lines->block + lines->begin, lines->end);
	lines->begin = 0;
	if (lines->end == LINES_BLOCK) {
		lines->too_long = true;
		lines->end = 0;
	}
	room = LINES_BLOCK - lines->end;
	if (room > lines->size - lines->at)
		room = (size_t)(lines->size - lines->at);
	if (room == 0)
		return false;
	got = MD_CALL(lines->root, pread, lines->fd, lines->block + lines->end,
		      room, lines->at);
	if (got <= 0) {
		/* cut off meanwhile */
		if (got == 0)
			errno = ESTALE;
		lines->failed = true;
		return false;
	}
	lines->at += (uint64_t)got;
	lines->end += (size_t)got;
	return true;
}

bool maildir_lines_next(struct maildir_lines *lines, struct cv_span *line_r)
{
	for (;;) {
		const char *from = lines->block + lines->begin, *end;

		end = memchr(from, '\n', lines->end - lines->begin);
		if (end == NULL) {
			if (lines->failed || !fill(lines))
				return false;
			continue;
		}
		lines->begin = (size_t)(end - lines->block) + 1;
		if (!lines->too_long) {
			*line_r = cv_span(from, (size_t)(end - from));
			return true;
		}
		lines->too_long = false;
	}
}

bool maildir_lines_whole(const struct maildir_lines *lines)
{
	return !lines->failed && !lines->too_long && lines->size > 0 &&
		lines->at == lines->size && lines->begin == lines->end;
}

/* --- writing ---------------------------------------------------------------- */

static void flush(struct maildir_writer *w)
{
	if (!w->failed && w->text.len > 0 &&
	    MD_CALL(w->root, pwrite, w->fd, w->text.data, w->text.len,
		    w->at) < 0)
		w->failed = true;
	w->at += w->text.len;
	cv_text_reset(&w->text);
}

void maildir_writer_ref(struct maildir_writer *w, const struct cv_uid_ref *ref)
{
	cv_text_append_u64(&w->text, ref->uid);
	cv_text_append(&w->text, " :", 2);
	maildir_writer_line(w, ref->ref);
}

void maildir_writer_line(struct maildir_writer *w, struct cv_span line)
{
	cv_text_append_span(&w->text, line);
	cv_text_append_c(&w->text, '\n');
	if (w->text.len >= LINES_FLUSH)
		flush(w);
}

bool maildir_writer_end(struct maildir_writer *w)
{
	flush(w);
	return !w->failed;
}
