/* sync-dovecot-index.c - an index of Dovecot's: a snapshot with a log that has
 * no change so far, only the UIDVALIDITY: an empty one would be taken for one
 * that was never finished, and the snapshot with it. */
#include "sync-dovecot.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
	BASE = 120, LOG_HEAD = 40, RECORD = 16, LOG_SIZE = LOG_HEAD + RECORD,
	LOG_SEQ = 1, LITTLE_ENDIAN_FLAG = 1,
	HEADER_UPDATE = 0x10000020, UIDVALIDITY_AT = 24,
};

int sync_dovecot_write(int fd, const char *name, struct cv_span data,
		       struct cv_error *err)
{
	while (data.len > 0) {
		ssize_t n = write(fd, data.data, data.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FAIL_ERRNO(err, errno, "cannot write '%s'",
					  name);
		data = cv_span_skip(data, (size_t)n);
	}
	return CV_OK;
}

void sync_dovecot_put(struct cv_text *dst, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		cv_text_append_c(dst, (char)(value >> (8 * i) & 0xff));
}

static void pad(struct cv_text *dst, size_t align)
{
	while (dst->len % align != 0)
		cv_text_append_c(dst, '\0');
}

/* Where the data of each part stands in a message's record; its size. */
static uint32_t lay_out(const struct sync_dovecot_index *index)
{
	uint32_t at = 5, align = 4;	/* UID, flags */

	for (uint32_t i = 0; i < index->part_count; i++) {
		struct sync_dovecot_part *part = &index->parts[i];

		if (part->size == 0)
			continue;
		at = (at + part->align - 1) / part->align * part->align;
		part->offset = at;
		at += part->size;
		if (part->align > align)
			align = part->align;
	}
	return (at + align - 1) / align * align;
}

/* { header size, reset id, record offset, size, align, name size } name,
 * header; at multiples of eight */
static void put_part(struct cv_text *dst, const struct sync_dovecot_part *part)
{
	pad(dst, 8);
	sync_dovecot_put(dst, part->header.len, 4);
	sync_dovecot_put(dst, 0, 4);
	sync_dovecot_put(dst, part->offset, 2);
	sync_dovecot_put(dst, part->size, 2);
	sync_dovecot_put(dst, part->align, 2);
	sync_dovecot_put(dst, strlen(part->name), 2);
	cv_text_append_str(dst, part->name);
	pad(dst, 8);
	cv_text_append_span(dst, part->header);
}

static void put_header(struct cv_text *dst,
		       const struct sync_dovecot_index *index,
		       size_t header_size, uint32_t record_size)
{
	sync_dovecot_put(dst, 7 | 3 << 8, 2);
	sync_dovecot_put(dst, BASE, 2);
	sync_dovecot_put(dst, header_size, 4);
	sync_dovecot_put(dst, record_size, 4);
	sync_dovecot_put(dst, LITTLE_ENDIAN_FLAG, 4);
	sync_dovecot_put(dst, index->id, 4);
	sync_dovecot_put(dst, 0, 4);			/* flags */
	sync_dovecot_put(dst, index->uidvalidity, 4);
	sync_dovecot_put(dst, index->uidnext, 4);
	sync_dovecot_put(dst, index->count, 4);
	sync_dovecot_put(dst, 0, 4);
	sync_dovecot_put(dst, index->seen, 4);
	sync_dovecot_put(dst, index->deleted, 4);
	sync_dovecot_put(dst, index->uidnext, 4);	/* first recent */
	sync_dovecot_put(dst, 0, 8);			/* low water marks */
	sync_dovecot_put(dst, LOG_SEQ, 4);
	sync_dovecot_put(dst, LOG_SIZE, 4);
	sync_dovecot_put(dst, LOG_SIZE, 4);
	sync_dovecot_put(dst, 0, 8);
	sync_dovecot_put(dst, 0, 8);
	sync_dovecot_put(dst, 0, 8);
	sync_dovecot_put(dst, 0, 8);
	sync_dovecot_put(dst, 0, 8);
	sync_dovecot_put(dst, 0, 8);			/* up to BASE */
}

static int put_rows(int fd, const char *name, struct cv_text *text,
		    const struct sync_dovecot_index *index,
		    uint32_t record_size, struct cv_error *err)
{
	int ret = CV_OK;

	for (uint32_t i = 0; i < index->count && ret == CV_OK; i++) {
		size_t start = text->len;
		uint8_t flags;

		sync_dovecot_put(text, index->row(index->context, i, &flags),
				 4);
		sync_dovecot_put(text, flags, 1);
		for (uint32_t p = 0; p < index->part_count; p++) {
			const struct sync_dovecot_part *part =
				&index->parts[p];

			if (part->size == 0)
				continue;
			while (text->len < start + part->offset)
				cv_text_append_c(text, '\0');
			part->get(index->context, i, text);
		}
		while (text->len < start + record_size)
			cv_text_append_c(text, '\0');
		if (text->len < DOVECOT_BUFFER)
			continue;
		ret = sync_dovecot_write(fd, name, cv_text_span(text), err);
		cv_text_reset(text);
	}
	return ret == CV_OK ? sync_dovecot_write(fd, name, cv_text_span(text),
						 err) : ret;
}

static int write_snapshot(int fd, const char *name,
			  const struct sync_dovecot_index *index,
			  struct cv_pool *pool, struct cv_error *err)
{
	uint32_t record_size = lay_out(index);
	struct cv_text parts, text;

	cv_text_init(&parts, pool);
	cv_text_init(&text, pool);
	for (uint32_t i = 0; i < index->part_count; i++)
		put_part(&parts, &index->parts[i]);
	pad(&parts, 8);
	put_header(&text, index, BASE + parts.len, record_size);
	cv_text_append_span(&text, cv_text_span(&parts));
	return put_rows(fd, name, &text, index, record_size, err);
}

static int write_log(int fd, const char *name,
		     const struct sync_dovecot_index *index,
		     struct cv_pool *pool, struct cv_error *err)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	sync_dovecot_put(&text, 1 | 3 << 8, 2);
	sync_dovecot_put(&text, LOG_HEAD, 2);
	sync_dovecot_put(&text, index->id, 4);
	sync_dovecot_put(&text, LOG_SEQ, 4);
	sync_dovecot_put(&text, 0, 8);			/* none before it */
	sync_dovecot_put(&text, (uint64_t)time_now(), 4);
	sync_dovecot_put(&text, index->highestmodseq, 8);
	sync_dovecot_put(&text, LITTLE_ENDIAN_FLAG, 8);
	/* { size in words, seven bits a byte; type; where, bytes, value } */
	cv_text_append(&text, "\x80\x80\x80", 3);
	sync_dovecot_put(&text, 0x80 | RECORD / 4, 1);
	sync_dovecot_put(&text, HEADER_UPDATE, 4);
	sync_dovecot_put(&text, UIDVALIDITY_AT, 2);
	sync_dovecot_put(&text, 4, 2);
	sync_dovecot_put(&text, index->uidvalidity, 4);
	return sync_dovecot_write(fd, name, cv_text_span(&text), err);
}

typedef int write_fn(int fd, const char *name,
		     const struct sync_dovecot_index *index,
		     struct cv_pool *pool, struct cv_error *err);

static int write_file(int dirfd, const char *name, write_fn *fn,
		      const struct sync_dovecot_index *index,
		      struct cv_pool *pool, struct cv_error *err)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL |
			O_NOFOLLOW | O_CLOEXEC, 0600), ret;

	if (fd < 0)
		return FAIL_ERRNO(err, errno, "cannot create '%s'", name);
	ret = fn(fd, name, index, pool, err);
	(void)close(fd);
	return ret;
}

int sync_dovecot_index_write(int dirfd, const char *name,
			     const struct sync_dovecot_index *index,
			     struct cv_error *err)
{
	struct cv_pool *pool = pool_create("dovecot index");
	int ret = write_file(dirfd, pool_printf(pool, "%s.log", name),
			     write_log, index, pool, err);

	if (ret == CV_OK)
		ret = write_file(dirfd, name, write_snapshot, index, pool,
				 err);
	pool_destroy(&pool);
	return ret;
}
