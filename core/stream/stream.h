/* stream.h - input streams: a window onto bytes that lie elsewhere.
 *
 *	struct cv_span in;
 *	while ((ret = stream_read(stream, &in, err)) == CV_OK) {
 *		use(in);
 *		stream_skip(stream, in.len);
 *	}
 *	if (ret < 0) return ret;	// CV_EOF: all was read
 *
 * Nothing is copied between layers that need no conversion: a span points
 * into the window of the source.  A stream lives in a pool, and so does what
 * it stands on; both must outlive it, and nobody else may read the parent
 * while the child is in use (each layer owns the place of the one below).
 * Windows are bounded: at most STREAM_WINDOW bytes per layer, whatever the
 * input.  Every stream can seek; filters do it by reading on, or from the
 * start again. */
#ifndef STREAM_H
#define STREAM_H

#include "base.h"
#include "cv-stream.h"

enum { STREAM_WINDOW = 128 * 1024 };

/* Unread bytes at the current place: CV_OK with at least one byte, CV_EOF,
 * or a failure.  Does not consume.  The span is valid until the next read,
 * skip past its end, or seek of this stream. */
int stream_read(struct cv_stream *s, struct cv_span *span_r,
		struct cv_error *err);
/* Consumes n bytes, at most what the last stream_read returned. */
void stream_skip(struct cv_stream *s, size_t n);
/* Moves to an offset from the start.  Past the end: the next read gives
 * CV_EOF. */
int stream_seek(struct cv_stream *s, uint64_t offset, struct cv_error *err);
/* Bytes consumed since the start. */
uint64_t stream_offset(const struct cv_stream *s);
/* The size of the whole stream.  Free where it is known; otherwise it is
 * found by reading all of it, and the place is kept. */
int stream_size(struct cv_stream *s, uint64_t *size_r, struct cv_error *err);
/* True when size costs nothing. */
bool stream_size_is_known(const struct cv_stream *s);
/* The current place as a range of a file, for sendfile: true when the next
 * bytes of this stream are exactly *len_r bytes of *fd_r at *offset_r. */
bool stream_get_file(struct cv_stream *s, int *fd_r, uint64_t *offset_r,
		     uint64_t *len_r);

/* Appends everything from the current place, at most max bytes; CV_E_LIMIT
 * when there is more. */
int stream_read_all(struct cv_stream *s, struct cv_text *text, size_t max,
		    struct cv_error *err);
/* Copies up to len bytes into dst; *got_r is less only at the end. */
int stream_copy(struct cv_stream *s, void *dst, size_t len, size_t *got_r,
		struct cv_error *err);

/* --- sources ------------------------------------------------------------ */

/* The bytes are not copied. */
struct cv_stream *stream_open_memory(struct cv_pool *pool, struct cv_span s);
/* len bytes of fd from offset, read with pread, so that a descriptor may be
 * shared.  With owned the descriptor is closed with the pool.  A file that
 * turns out shorter is CV_E_TEMP, never a quiet end
 * [security.md C14]. */
struct cv_stream *stream_open_file(struct cv_pool *pool, int fd,
				   uint64_t offset, uint64_t len, bool owned,
				   const char *name);

/* size bytes that read gives in pieces (cv-stream.h); done may be NULL. */
struct cv_stream *stream_open_reader(struct cv_pool *pool, uint64_t size,
				     cv_stream_read_fn *read,
				     void (*done)(void *context),
				     void *context);

/* --- views -------------------------------------------------------------- */

/* len bytes of parent from offset; less when parent is shorter. */
struct cv_stream *stream_open_range(struct cv_pool *pool,
				    struct cv_stream *parent,
				    uint64_t offset, uint64_t len);
/* One after the other.  The array is copied, the streams are not. */
struct cv_stream *stream_open_concat(struct cv_pool *pool,
				     struct cv_stream *const *parts,
				     size_t count);

/* --- filters ------------------------------------------------------------ */

/* Each LF without a CR before it becomes CRLF; all else stays.  size is the
 * resulting size when the caller knows it (from the catalogue), or
 * STREAM_SIZE_UNKNOWN; exactly that many bytes come, or a failure.  When size equals the parent's there is nothing to
 * convert and the parent itself is returned. */
#define STREAM_SIZE_UNKNOWN UINT64_MAX
struct cv_stream *stream_open_crlf(struct cv_pool *pool,
				   struct cv_stream *parent, uint64_t size);
/* Each CRLF becomes LF, but CR CR LF stays, so that stream_open_crlf gives
 * back what was there. */
struct cv_stream *stream_open_lf(struct cv_pool *pool,
				 struct cv_stream *parent);
/* Each NUL becomes 0x80, since no IMAP literal may hold it. */
struct cv_stream *stream_open_without_nul(struct cv_pool *pool,
					  struct cv_stream *parent);
/* [RFC2045 6.8]: bytes outside the alphabet are ignored; padding ends a
 * group, what follows is decoded as a new one. */
struct cv_stream *stream_open_base64(struct cv_pool *pool,
				     struct cv_stream *parent);
/* [RFC2045 6.7]: trailing blanks are dropped, soft line breaks joined,
 * invalid escapes stay as they are.  LF ends a line as CRLF does. */
struct cv_stream *stream_open_qp(struct cv_pool *pool,
				 struct cv_stream *parent);
/* The content of an SMTP DATA command: removes the dot-stuffing and ends at
 * CRLF.CRLF and nothing else (see dot-reader.h).  The parent is left behind
 * the final CRLF; its end before that is CV_E_TEMP.  Cannot seek back. */
struct cv_stream *stream_open_dot(struct cv_pool *pool,
				  struct cv_stream *parent);

#endif
