/* snapshot.c - mapping and checking a snapshot. */
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Larger ones are mapped. */
enum { SNAPSHOT_READ_MAX = 256 * 1024 };

enum header_offset {		/* doc/format-account.md 3.1 */
	AT_MAGIC = 0,
	AT_MAJOR = 8,
	AT_HEADER_SIZE = 12,
	AT_ACCOUNT = 16,
	AT_FOLDER = 32,
	AT_GENERATION = 48,
	AT_TXN = 56,
	AT_ROWS = 64,
	AT_KEYWORDS = 68,
	AT_SETS = 72,
	AT_EXPUNGED = 76,
	AT_CRC_OFFSET = 80,
	AT_CRC_OF_CRCS = 88,
	AT_FEATURES = 92,
	AT_SECTIONS = 96,	/* offset and length of each */
	AT_CRC = SNAPSHOT_HEADER_SIZE - 4,
};

/* --- reading ------------------------------------------------------------- */

#define HEADER_GET(data, at, field) memcpy(&(field), (data) + (at), \
	sizeof(field))

static bool sections_fit(const struct snapshot *s)
{
	for (int i = 0; i < SECTION_COUNT; i++) {
		uint64_t offset = s->sections[i].offset;
		uint64_t len = s->sections[i].len;

		if (i == SECTION_ANNOTATIONS && len == 0)
			continue;
		if (offset < SNAPSHOT_HEADER_SIZE || offset % 16 != 0 ||
		    offset > s->crc_offset || len > s->crc_offset - offset)
			return false;
		if (i < SECTION_COLUMNS &&
		    len != (uint64_t)s->rows * snapshot_widths[i])
			return false;
	}
	return s->sections[SECTION_EXPUNGED].len ==
		(uint64_t)s->expunged * 16;
}

static int parse_header(struct snapshot *s, const unsigned char *data,
			struct cv_error *err)
{
	uint16_t major;
	uint32_t crc, features, crc_of_crcs;

	if (s->size < SNAPSHOT_HEADER_SIZE ||
	    memcmp(data, SNAPSHOT_MAGIC, 8) != 0)
		return FAIL(err, CV_E_SYNTAX, "no snapshot: wrong magic");
	HEADER_GET(data, AT_CRC, crc);
	if (crc != crc32c(0, data, AT_CRC))
		return FAIL(err, CV_E_SYNTAX, "snapshot header is damaged");
	HEADER_GET(data, AT_MAJOR, major);
	HEADER_GET(data, AT_FEATURES, features);
	if (major != FORMAT_MAJOR ||
	    (features & ~(uint32_t)SNAPSHOT_FEATURES) != 0)
		return FAIL(err, CV_E_UNSUPPORTED,
			    "snapshot has format %u (features 0x%x), this "
			    "program reads format %u", major, features,
			    FORMAT_MAJOR);
	HEADER_GET(data, AT_GENERATION, s->generation);
	HEADER_GET(data, AT_TXN, s->txn);
	HEADER_GET(data, AT_ROWS, s->rows);
	HEADER_GET(data, AT_KEYWORDS, s->keywords);
	HEADER_GET(data, AT_SETS, s->sets);
	HEADER_GET(data, AT_EXPUNGED, s->expunged);
	HEADER_GET(data, AT_CRC_OFFSET, s->crc_offset);
	HEADER_GET(data, AT_CRC_OF_CRCS, crc_of_crcs);
	for (int i = 0; i < SECTION_COUNT; i++) {
		HEADER_GET(data, AT_SECTIONS + i * 16,
			   s->sections[i].offset);
		HEADER_GET(data, AT_SECTIONS + i * 16 + 8,
			   s->sections[i].len);
	}
	if ((features & SNAPSHOT_ANNOTATED) == 0)
		s->sections[SECTION_ANNOTATIONS].len = 0;
	if (s->crc_offset < SNAPSHOT_HEADER_SIZE ||
	    s->crc_offset > s->size || s->crc_offset % 16 != 0)
		return FAIL(err, CV_E_SYNTAX, "snapshot is cut short");
	s->blocks = (uint32_t)((s->crc_offset + SNAPSHOT_BLOCK - 1) /
			       SNAPSHOT_BLOCK);
	if (s->size - s->crc_offset < (uint64_t)s->blocks * 4)
		return FAIL(err, CV_E_SYNTAX, "snapshot is cut short");
	if (crc32c(0, data + s->crc_offset, (size_t)s->blocks * 4) !=
	    crc_of_crcs || !sections_fit(s))
		return FAIL(err, CV_E_SYNTAX, "snapshot is damaged");
	return CV_OK;
}

int snapshot_parse(struct snapshot *s, unsigned char *data, size_t size,
		   const struct account_guid *account,
		   const struct account_guid *folder, struct cv_error *err)
{
	int status;

	s->map = data;
	s->size = size;
	status = parse_header(s, data, err);
	if (status != CV_OK)
		return status;
	if ((account != NULL && memcmp(data + AT_ACCOUNT, account, 16) != 0) ||
	    (folder != NULL && memcmp(data + AT_FOLDER, folder, 16) != 0))
		return FAIL(err, CV_E_SYNTAX, "snapshot is of another "
			    "account or folder");
	s->checked = calloc(s->blocks == 0 ? 1 : s->blocks, 1);
	if (s->checked == NULL)
		return FAIL(err, CV_E_TEMP, "out of memory");
	return s->cut ? FAIL(err, CV_E_SYNTAX, "snapshot is cut short") :
		CV_OK;
}

/* Small ones are read: that costs no more than mapping them. */
static int snapshot_read(struct meta_object *object, size_t size,
			 bool mmap_disable, unsigned char **map_r,
			 bool *mapped_r)
{
	ssize_t n;

	*mapped_r = false;
	if (!mmap_disable && size > SNAPSHOT_READ_MAX) {
		*map_r = meta_map(object, size);
		if (*map_r != NULL) {
			*mapped_r = true;
			return 0;
		}
	}
	*map_r = malloc(size);
	if (*map_r == NULL)
		return -1;
	n = meta_load(object, 0, *map_r, size);
	if (n == (ssize_t)size)
		return 0;
	if (n >= 0)
		errno = EIO;
	free(*map_r);
	*map_r = NULL;
	return -1;
}

static int open_object(struct snapshot *s, struct meta_object *object,
		       bool mmap_disable, struct cv_error *err)
{
	struct meta_head head;

	if (meta_head(object, &head) < 0)
		return FAIL_ERRNO(err, errno, "cannot stat snapshot");
	if (head.size < SNAPSHOT_HEADER_SIZE)
		return FAIL(err, CV_E_SYNTAX, "snapshot is cut short");
	if (head.size > SIZE_MAX / 2 ||
	    snapshot_read(object, (size_t)head.size, mmap_disable, &s->map,
			  &s->mapped) < 0)
		return FAIL_ERRNO(err, errno, "cannot read snapshot");
	s->size = (size_t)head.size;
	if (s->mapped)
		snapshot_guard_begin(s);
	return CV_OK;
}

int snapshot_open(struct snapshot *s, struct meta *meta,
		  const struct account_guid *folder, uint64_t generation,
		  const struct account_guid *account, bool mmap_disable,
		  struct cv_error *err)
{
	struct meta_name name = { META_SNAPSHOT, *folder, generation };
	struct meta_object *object = meta_open(meta, &name);
	char hex[33];
	int status;

	account_guid_format(folder, hex);
	*s = (struct snapshot){ 0 };
	if (object == NULL)
		return FAIL_ERRNO(err, errno, "cannot open snapshot %llu of "
				  "folder %s", (unsigned long long)generation,
				  hex);
	status = open_object(s, object, mmap_disable, err);
	meta_release(&object);
	if (status == CV_OK) {
		status = snapshot_parse(s, s->map, s->size, account, folder,
					err);
		if (status != CV_OK)
			snapshot_close(s);
	}
	return status == CV_OK ? CV_OK :
		error_prefix(err, "snapshot %llu of folder %s",
			     (unsigned long long)generation, hex);
}

void snapshot_close(struct snapshot *s)
{
	if (s->map != NULL && s->mapped) {
		snapshot_guard_end(s);
		(void)munmap(s->map, s->size);
	} else {
		free(s->map);
	}
	free(s->checked);
	*s = (struct snapshot){ 0 };
}

static bool check_block(struct snapshot *s, size_t block)
{
	uint64_t from = (uint64_t)block * SNAPSHOT_BLOCK;
	uint64_t to = from + SNAPSHOT_BLOCK;
	uint32_t crc;

	if (block >= s->blocks)
		return false;
	if (s->checked[block] != SNAPSHOT_BLOCK_NEW)
		return s->checked[block] == SNAPSHOT_BLOCK_GOOD;
	if (block == 0)
		from = SNAPSHOT_HEADER_SIZE;
	if (to > s->crc_offset)
		to = s->crc_offset;
	memcpy(&crc, s->map + s->crc_offset + block * 4, 4);
	crc ^= crc32c(0, s->map + from, (size_t)(to - from));
	s->checked[block] = crc == 0 && !s->cut ? SNAPSHOT_BLOCK_GOOD :
		SNAPSHOT_BLOCK_BAD;
	return s->checked[block] == SNAPSHOT_BLOCK_GOOD;
}

bool snapshot_check_blocks(struct snapshot *s, size_t first, size_t last)
{
	for (size_t block = first; block <= last; block++) {
		if (!check_block(s, block)) {
			s->bad = true;
			return false;
		}
	}
	return true;
}

struct cv_span snapshot_section(struct snapshot *s,
				enum snapshot_section section)
{
	unsigned char *p = s->map + s->sections[section].offset;
	size_t len = (size_t)s->sections[section].len;

	if (len > 0 && !snapshot_check(s, p, len))
		return CV_SPAN_NONE;
	return cv_span((char *)p, len);
}

/* --- writing ------------------------------------------------------------- */

void snapshot_writer_init(struct snapshot_writer *w,
			  struct meta_object *object, struct cv_pool *pool)
{
	*w = (struct snapshot_writer){
		.object = object,
		.offset = SNAPSHOT_HEADER_SIZE,
		.fill = SNAPSHOT_HEADER_SIZE,
		.block = pool_alloc(pool, SNAPSHOT_BLOCK),
	};
	array_init(&w->crcs, pool);
}

static void flush_block(struct snapshot_writer *w)
{
	size_t from = w->crcs.count == 0 ? SNAPSHOT_HEADER_SIZE : 0;

	if (w->fill == from || w->fill == 0)
		return;
	*array_add(&w->crcs) = crc32c(0, w->block + from, w->fill - from);
	if (w->error == 0 && meta_write(w->object, w->offset - w->fill + from,
					w->block + from, w->fill - from) < 0)
		w->error = errno;
	w->fill = 0;
}

void snapshot_writer_add(struct snapshot_writer *w, const void *data,
			 size_t len)
{
	const char *p = data;

	while (len > 0) {
		size_t n = SNAPSHOT_BLOCK - w->fill;

		if (n > len)
			n = len;
		/* UNSAFE: n is what the block has left */
		memcpy(w->block + w->fill, p, n);
		w->fill += n;
		w->offset += n;
		p += n;
		len -= n;
		if (w->fill == SNAPSHOT_BLOCK)
			flush_block(w);
	}
}

static void align_section(struct snapshot_writer *w)
{
	static const unsigned char zeros[16];

	snapshot_writer_add(w, zeros, (16 - w->offset % 16) % 16);
}

void snapshot_writer_begin(struct snapshot_writer *w,
			   enum snapshot_section section)
{
	align_section(w);
	w->snapshot.sections[section].offset = w->offset;
}

void snapshot_writer_end(struct snapshot_writer *w,
			 enum snapshot_section section)
{
	w->snapshot.sections[section].len =
		w->offset - w->snapshot.sections[section].offset;
}

#define HEADER_PUT(dst, at, field) memcpy((dst) + (at), &(field), \
	sizeof(field))

static void format_header(struct snapshot_writer *w, unsigned char *dst,
			  const struct account_guid *account,
			  const struct account_guid *folder)
{
	const struct snapshot *s = &w->snapshot;
	uint16_t version[2] = { FORMAT_MAJOR, FORMAT_MINOR };
	uint32_t size = SNAPSHOT_HEADER_SIZE;
	uint32_t crc = crc32c(0, w->crcs.items, w->crcs.count * 4);
	uint32_t features = s->sections[SECTION_ANNOTATIONS].len > 0 ?
		SNAPSHOT_ANNOTATED : 0;

	memset(dst, 0, SNAPSHOT_HEADER_SIZE);
	memcpy(dst + AT_MAGIC, SNAPSHOT_MAGIC, 8);
	HEADER_PUT(dst, AT_MAJOR, version);
	HEADER_PUT(dst, AT_HEADER_SIZE, size);
	HEADER_PUT(dst, AT_ACCOUNT, *account);
	HEADER_PUT(dst, AT_FOLDER, *folder);
	HEADER_PUT(dst, AT_GENERATION, s->generation);
	HEADER_PUT(dst, AT_TXN, s->txn);
	HEADER_PUT(dst, AT_ROWS, s->rows);
	HEADER_PUT(dst, AT_KEYWORDS, s->keywords);
	HEADER_PUT(dst, AT_SETS, s->sets);
	HEADER_PUT(dst, AT_EXPUNGED, s->expunged);
	HEADER_PUT(dst, AT_CRC_OFFSET, s->crc_offset);
	HEADER_PUT(dst, AT_CRC_OF_CRCS, crc);
	HEADER_PUT(dst, AT_FEATURES, features);
	for (int i = 0; i < SECTION_COUNT; i++) {
		HEADER_PUT(dst, AT_SECTIONS + i * 16, s->sections[i].offset);
		HEADER_PUT(dst, AT_SECTIONS + i * 16 + 8, s->sections[i].len);
	}
	crc = crc32c(0, dst, AT_CRC);
	HEADER_PUT(dst, AT_CRC, crc);
}

int snapshot_writer_finish(struct snapshot_writer *w,
			   const struct account_guid *account,
			   const struct account_guid *folder)
{
	unsigned char header[SNAPSHOT_HEADER_SIZE];
	int result;

	align_section(w);
	flush_block(w);
	w->snapshot.crc_offset = w->offset;
	format_header(w, header, account, folder);
	if (w->error != 0) {
		errno = w->error;
		return -1;
	}
	result = meta_write(w->object, w->offset, w->crcs.items,
			    w->crcs.count * 4);
	if (result == 0)
		result = meta_write(w->object, 0, header, sizeof(header));
	if (result == 0)
		result = meta_finish(w->object);
	return result;
}

/* --- tables -------------------------------------------------------------- */

const uint8_t snapshot_widths[SECTION_COLUMNS] = {
	[SECTION_UID] = 4,
	[SECTION_FLAGS] = 4,
	[SECTION_KEYWORDS] = 4,
	[SECTION_MODSEQ] = 8,
	[SECTION_RECEIVED] = 8,
	[SECTION_SAVED] = 8,
	[SECTION_SIZE] = 8,
	[SECTION_VIRTUAL] = 8,
	[SECTION_GUID] = 16,
	[SECTION_BLOB] = 8,
	[SECTION_CATALOGUE] = 8,
};
