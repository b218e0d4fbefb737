/* dbox-attachment.c - messages of Dovecot's whose attachments are files of
 * mail_attachment_dir: read as they were delivered.
 *
 * The metadata has a line "X" with four words for each part that was taken
 * out: where it begins in the whole message, how many bytes it has there, how
 * it was encoded ("B76": base64 with 76 characters a line, "C": they end with
 * CRLF; "-": not at all), and the file's path.
 *
 * What is left in the message's own file may be compressed (Dovecot's plugin
 * zlib); its size in the line "Z" is that of the whole, before. */
#include "dbox.h"

enum {
	LINE_MAX_CHARS = 1024, BUFFER = 16 * 1024,
	GROUP_CHARS = 4, GROUP_BYTES = 3,
};

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	"abcdefghijklmnopqrstuvwxyz0123456789+/";

struct dbox_whole {
	struct cv_storage_root *root;
	int fd, dir, part_fd;
	uint64_t body, size;
	struct cv_stream *unpacked;	/* what the file has; NULL: is plain */
	struct dbox_part *parts;
	uint32_t count, open;		/* open: whose part_fd it is */
	/* of the open part */
	uint64_t at;
	size_t len;
	unsigned char buffer[BUFFER];
};

/* --- the line ------------------------------------------------------------------- */

static bool parse_encoding(struct cv_span word, struct dbox_part *part)
{
	uint64_t line;

	part->line_end = 1;
	if (cv_span_is(word, "-"))
		return true;
	if (word.len > 1 && word.data[word.len - 1] == 'C') {
		part->line_end = 2;
		word.len--;
	}
	if (word.len < 2 || word.data[0] != 'B' ||
	    !cv_span_to_u64(cv_span_skip(word, 1), LINE_MAX_CHARS, &line) ||
	    line == 0 || line % GROUP_CHARS != 0)
		return false;
	part->line = (uint32_t)line;
	return true;
}

/* Below the directory, and nowhere else. */
static bool path_is_safe(struct cv_span path)
{
	struct cv_span level;

	if (path.len == 0 || path.len > 4096 ||
	    memchr(path.data, '\0', path.len) != NULL)
		return false;
	while (cv_span_split(&path, '/', &level)) {
		if (level.len == 0 || level.data[0] == '.')
			return false;
	}
	return true;
}

static bool parse_part(struct cv_pool *pool, struct cv_span *rest,
		       struct dbox_part *part)
{
	struct cv_span start, size, encoding, path;

	return cv_span_split(rest, ' ', &start) &&
		cv_span_split(rest, ' ', &size) &&
		cv_span_split(rest, ' ', &encoding) &&
		cv_span_split(rest, ' ', &path) &&
		cv_span_to_u64(start, INT64_MAX, &part->start) &&
		cv_span_to_u64(size, INT64_MAX, &part->size) &&
		parse_encoding(encoding, part) && path_is_safe(path) &&
		(part->path = cv_span_copy(pool, path)) != NULL;
}

bool dbox_parts_parse(struct cv_span line, struct cv_pool *pool,
		      struct dbox_part **parts_r, uint32_t *count_r)
{
	struct dbox_part *parts = CV_ALLOC_ARRAY(pool, struct dbox_part,
						 DBOX_PARTS_MAX);

	*parts_r = parts;
	*count_r = 0;
	while (line.len > 0) {
		if (*count_r == DBOX_PARTS_MAX ||
		    !parse_part(pool, &line, &parts[*count_r]))
			return false;
		(*count_r)++;
	}
	return true;
}

/* What a file of so many bytes looks like in the message. */
static uint64_t encoded_size(const struct dbox_part *part, uint64_t raw)
{
	uint64_t chars;

	if (part->line == 0 || raw == 0)
		return raw;
	chars = (raw + GROUP_BYTES - 1) / GROUP_BYTES * GROUP_CHARS;
	return chars + (chars - 1) / part->line * part->line_end;
}

/* Under sdbox the file has a name for each copy of the message: the path, and
 * behind it the mailbox's GUID and the UID there.  All are the same. */
static bool find_copy(struct dbox_whole *w, struct cv_pool *pool,
		      struct dbox_part *part)
{
	const char *slash = strrchr(part->path, '/'), *entry;
	const char *base = slash == NULL ? part->path : slash + 1;
	size_t len = strlen(base);
	struct cv_text name;
	struct cv_io_dir *dir;

	cv_text_init(&name, pool);
	cv_text_append(&name, part->path, (size_t)(base - part->path));
	dir = DBOX_CALL(w->root, dir_open, w->dir, slash == NULL ? "." :
			cv_text_str(&name));
	if (dir == NULL)
		return false;
	while ((entry = DBOX_API(w->root)->dir_next(dir, NULL)) != NULL &&
	       (strncmp(entry, base, len) != 0 || entry[len] != '-'))
		;
	if (entry != NULL) {
		cv_text_append_str(&name, entry);
		part->path = cv_text_str(&name);
	}
	(void)DBOX_API(w->root)->dir_close(&dir);
	return entry != NULL;
}

static int check_part(struct dbox_whole *w, struct cv_pool *pool,
		      struct dbox_part *part, uint64_t *end, uint64_t *outside,
		      struct cv_error *err)
{
	struct stat st;

	if (DBOX_CALL(w->root, stat, w->dir, part->path, &st) < 0 &&
	    (errno != ENOENT || !find_copy(w, pool, part) ||
	     DBOX_CALL(w->root, stat, w->dir, part->path, &st) < 0))
		return CV_FAIL(err, CV_E_TEMP, "the attachment '%s' cannot be "
			       "read: %s", part->path, strerror(errno));
	part->raw = (uint64_t)st.st_size;
	if (!S_ISREG(st.st_mode) || part->raw > INT64_MAX / 2 ||
	    encoded_size(part, part->raw) != part->size)
		return CV_FAIL(err, CV_E_TEMP, "the attachment '%s' is not as "
			       "it was (hint: only plain files are read, see "
			       "mail_attachment_fs)", part->path);
	if (part->start < *end || part->size > w->size ||
	    part->start > w->size - part->size)
		return CV_FAIL(err, CV_E_TEMP, "the attachments of a message "
			       "do not fit into it");
	part->before = part->start - *outside;
	*outside += part->size;
	*end = part->start + part->size;
	return CV_OK;
}

static int read_some(struct cv_storage_root *root, int fd, void *data,
		     size_t len, uint64_t offset, struct cv_error *err)
{
	ssize_t got = DBOX_CALL(root, pread, fd, data, len, offset);

	if (got == (ssize_t)len)
		return CV_OK;
	return CV_FAIL(err, CV_E_TEMP, "cannot read a message: %s",
		       got < 0 ? strerror(errno) : "it is cut off");
}

/* --- the file's own part, when it is compressed ------------------------------------ */

static int read_packed(void *context, uint64_t offset, void *data, size_t len,
		       size_t *got_r, struct cv_error *err)
{
	struct dbox_whole *w = context;

	*got_r = len;
	return read_some(w->root, w->fd, data, len, w->body + offset, err);
}

static int unpack(struct dbox_whole *w, struct cv_pool *pool, uint64_t length,
		  uint64_t plain_bytes, struct cv_error *err)
{
	const struct cv_stream_api *streams = cv_api->service("stream", 1);
	const struct cv_compress_api *compress = cv_api->service("compress", 1);
	struct cv_stream *packed, *body;
	int ret;

	if (streams == NULL || compress == NULL || length == 0)
		return CV_OK;
	packed = body = streams->from_reader(pool, length, read_packed, NULL,
					     w);
	ret = compress->decode(pool, plain_bytes, &body, err);
	if (ret == CV_OK && body != packed)
		w->unpacked = body;
	return ret;
}

static const char *compress_hint(void)
{
	return cv_api->service("compress", 1) != NULL ? "" : " (hint: if it is "
		"compressed: mail_plugins = $mail_plugins compress)";
}

/* At most *len bytes of what is left in the file, which are set. */
static int read_own(struct dbox_whole *w, uint64_t at, void *data, size_t *len,
		    struct cv_error *err)
{
	const struct cv_stream_api *streams;
	struct cv_span span;
	int ret;

	if (w->unpacked == NULL)
		return read_some(w->root, w->fd, data, *len, w->body + at,
				 err);
	streams = cv_api->service("stream", 1);
	ret = streams->seek(w->unpacked, at, err);
	if (ret == CV_OK)
		ret = streams->peek(w->unpacked, &span, err);
	if (ret == CV_EOF)
		return CV_FAIL(err, CV_E_TEMP, "a message is shorter than it "
			       "was before it was compressed");
	if (ret < 0)
		return ret;
	if (span.len < *len)
		*len = span.len;
	memcpy(data, span.data, *len);
	return CV_OK;
}

/* --- what the line says, and what is there ------------------------------------------ */

static int parse(struct dbox_whole *w, struct cv_pool *pool,
		 const struct dbox_message *m, struct cv_error *err)
{
	uint64_t end = 0, outside = 0;
	int ret = CV_OK;

	if (!dbox_parts_parse(m->metadata.external, pool, &w->parts,
			      &w->count))
		return CV_FAIL(err, CV_E_TEMP, "what a message says of its "
			       "attachments is damaged");
	for (uint32_t i = 0; i < w->count && ret == CV_OK; i++)
		ret = check_part(w, pool, &w->parts[i], &end, &outside, err);
	if (ret == CV_OK)
		ret = unpack(w, pool, m->length, w->size - outside, err);
	if (ret == CV_OK && w->unpacked == NULL &&
	    w->size - outside != m->length)
		ret = CV_FAIL(err, CV_E_TEMP, "a message and its attachments "
			      "do not have its size%s", compress_hint());
	return ret;
}

/* --- reading ----------------------------------------------------------------------- */

/* Bytes of the open part's file into the buffer, from a group's first on. */
static int fill(struct dbox_whole *w, const struct dbox_part *part, uint64_t at,
		struct cv_error *err)
{
	uint64_t left = part->raw - at;
	size_t room = BUFFER / GROUP_BYTES * GROUP_BYTES;

	if (at >= w->at && at < w->at + w->len)
		return CV_OK;
	w->at = at;
	w->len = left < room ? (size_t)left : room;
	return read_some(w->root, w->part_fd, w->buffer, w->len, at, err);
}

static char base64_char(const unsigned char *bytes, size_t count,
			uint32_t which)
{
	uint32_t bits = (uint32_t)bytes[0] << 16 |
		(count > 1 ? (uint32_t)bytes[1] << 8 : 0) |
		(count > 2 ? bytes[2] : 0);

	return which > count ? '=' : base64[bits >> (18 - 6 * which) & 63];
}

/* offset: in the part. */
static int read_encoded(struct dbox_whole *w, const struct dbox_part *part,
			uint64_t offset, char *data, size_t len,
			struct cv_error *err)
{
	uint32_t step = part->line + part->line_end;
	int ret = CV_OK;

	for (size_t i = 0; i < len && ret == CV_OK; i++, offset++) {
		uint32_t column = (uint32_t)(offset % step);
		uint64_t number = offset / step * part->line + column;
		uint64_t at = number / GROUP_CHARS * GROUP_BYTES;

		if (column >= part->line) {
			data[i] = column + 1 == step ? '\n' : '\r';
			continue;
		}
		ret = fill(w, part, at, err);
		if (ret == CV_OK)
			data[i] = base64_char(w->buffer + (at - w->at),
					      w->len - (size_t)(at - w->at),
					      number % GROUP_CHARS);
	}
	return ret;
}

static int open_part(struct dbox_whole *w, uint32_t number,
		     struct cv_error *err)
{
	if (w->part_fd >= 0 && w->open == number)
		return CV_OK;
	dbox_close(w->root, w->part_fd);
	w->len = 0;
	w->open = number;
	w->part_fd = DBOX_CALL(w->root, open, w->dir, w->parts[number].path,
			       O_RDONLY | O_NONBLOCK, 0);
	return w->part_fd >= 0 ? CV_OK :
		common_fail(err, "open", w->parts[number].path);
}

/* The first part that ends behind the offset; count: none. */
static uint32_t part_at(const struct dbox_whole *w, uint64_t offset)
{
	uint32_t low = 0, high = w->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (w->parts[middle].start + w->parts[middle].size <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int dbox_whole_read(struct dbox_whole *w, uint64_t offset, void *data,
		    size_t len, size_t *got_r, struct cv_error *err)
{
	uint32_t number = part_at(w, offset);
	const struct dbox_part *part = number < w->count ? &w->parts[number] :
		NULL;
	uint64_t end = part == NULL ? w->size :
		part->start > offset ? part->start : part->start + part->size;
	uint64_t inside;
	int ret;

	if (offset >= w->size) {
		*got_r = 0;
		return CV_EOF;
	}
	if (len > end - offset)
		len = (size_t)(end - offset);
	*got_r = len;
	if (part == NULL || part->start > offset) {
		/* what was left out before it */
		const struct dbox_part *last = number == 0 ? NULL :
			&w->parts[number - 1];
		uint64_t at = last == NULL ? offset : last->before +
			(offset - last->start - last->size);

		return read_own(w, at, data, got_r, err);
	}
	inside = offset - part->start;
	ret = open_part(w, number, err);
	if (ret < 0)
		return ret;
	return part->line != 0 ?
		read_encoded(w, part, inside, data, len, err) :
		read_some(w->root, w->part_fd, data, len, inside, err);
}

/* --- opening ------------------------------------------------------------------------- */

static void close_whole(void *context)
{
	struct dbox_whole *w = context;

	dbox_close(w->root, w->part_fd);
	dbox_close(w->root, w->dir);
	w->part_fd = w->dir = -1;
}

int dbox_whole_open(struct cv_storage_root *root, int fd,
		    const struct dbox_message *m, struct cv_pool *pool,
		    struct dbox_whole **whole_r, struct cv_error *err)
{
	struct dbox_whole *w = CV_ALLOC(pool, struct dbox_whole);
	int ret;

	*w = (struct dbox_whole){
		.root = root, .fd = fd, .part_fd = -1, .body = m->body,
		.size = m->metadata.plain_bytes,
	};
	if (root->attachments[0] == '\0')
		return CV_FAIL(err, CV_E_CONFIG, "parts of a message are "
			       "elsewhere (hint: set mail_attachment_dir as "
			       "it was)");
	w->dir = DBOX_CALL(root, open, AT_FDCWD, root->attachments,
			   O_RDONLY | O_DIRECTORY, 0);
	if (w->dir < 0)
		return common_fail(err, "open", root->attachments);
	ret = parse(w, pool, m, err);
	if (ret < 0)
		close_whole(w);
	*whole_r = w;
	return ret;
}

void dbox_whole_close(struct dbox_whole *whole)
{
	close_whole(whole);
}

/* --- as a source ------------------------------------------------------------------------ */

static int read_stream(void *context, uint64_t offset, void *data, size_t len,
		       size_t *got_r, struct cv_error *err)
{
	return dbox_whole_read(context, offset, data, len, got_r, err);
}

static void stream_done(void *context)
{
	struct dbox_whole *w = context;

	close_whole(w);
	dbox_close(w->root, w->fd);
	w->fd = -1;
}

int dbox_whole_stream(struct cv_storage_root *root, int fd,
		      const struct dbox_message *m,
		      struct cv_blob_source *src_r, struct cv_error *err)
{
	const struct cv_stream_api *streams = cv_api->service("stream", 1);
	struct dbox_whole *w;
	int ret;

	if (streams == NULL || src_r->pool == NULL)
		return CV_FAIL(err, CV_E_INTERNAL, "no streams for a message "
			       "with attachments elsewhere");
	ret = dbox_whole_open(root, fd, m, src_r->pool, &w, err);
	if (ret < 0)
		return ret;
	src_r->fd = -1;
	src_r->offset = 0;
	src_r->len = w->size;
	src_r->stream = streams->from_reader(src_r->pool, w->size,
					     read_stream, stream_done, w);
	return CV_OK;
}
