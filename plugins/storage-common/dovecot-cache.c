/* dovecot-cache.c - dovecot.index.cache, from a window on it.
 *
 * The file is { version, bytes of an offset, minor, -, index id, file number,
 * three counts of records, size once, offset of the fields }; the fields are {
 * offset of a newer copy, size, count } and arrays, one after the other: last
 * use, size, type, decision, name.  Offsets within the file are written as in
 * the log, seven bits a byte.
 *
 * A record is { offset of the one before it, size } and fields, each with its
 * number, its size if that is not fixed, and its data up to a multiple of
 * four.  Older records were written before: offsets descend. */
#include "dovecot-cache.h"
#include "dovecot-private.h"

enum {
	FILE_HEAD = 32, FIELDS_HEAD = 12, RECORD_HEAD = 8,
	FIELDS_SIZE_MAX = 256 * 1024, COPIES_MAX = 64,
	FIXED = 0, BITMASK = 3, STEPS_FOR_ONE = 256,
};

/* --- the window --------------------------------------------------------------- */

/* A few bytes at an offset; false: they are not there.  They stay until the
 * next call. */
static bool get(struct dovecot_cache *cache, uint64_t offset, size_t len,
		const char **data_r)
{
	ssize_t got;

	if (offset < cache->at || offset - cache->at > cache->len ||
	    len > cache->len - (size_t)(offset - cache->at)) {
		got = cache->read(cache->context, cache->window,
				  DOVECOT_CACHE_WINDOW, offset);
		cache->at = offset;
		cache->len = got < 0 ? 0 : (size_t)got;
	}
	if (len > cache->len - (size_t)(offset - cache->at))
		return false;
	*data_r = cache->window + (offset - cache->at);
	return true;
}

/* --- fields --------------------------------------------------------------------- */

static bool offset_decode(const char *p, uint32_t *offset_r)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++) {
		/* 0: there is none */
		if (!((unsigned char)p[i] & 0x80))
			return false;
		value = value << 7 | ((unsigned char)p[i] & 0x7f);
	}
	*offset_r = value << 2;
	return true;
}

/* The number of "date.save" among names that end with NUL; UINT32_MAX: it is
 * not there. */
static uint32_t find_name(struct cv_span names, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const char *end = names.len == 0 ? NULL :
			memchr(names.data, '\0', names.len);
		size_t len;

		if (end == NULL)
			break;
		len = (size_t)(end - names.data);
		if (cv_span_is(cv_span(names.data, len), "date.save"))
			return i;
		names = cv_span_skip(names, len + 1);
	}
	return UINT32_MAX;
}

static bool take_fields(struct dovecot_cache *cache, struct cv_pool *pool,
			struct cv_span fields)
{
	uint32_t count = (uint32_t)dovecot_number(fields.data + 8, 4);
	size_t arrays = (size_t)count * (4 + 4 + 1 + 1);
	const char *sizes, *types;

	if (count == 0 || count > DOVECOT_CACHE_FIELDS_MAX ||
	    arrays > fields.len - FIELDS_HEAD)
		return false;
	sizes = fields.data + FIELDS_HEAD + 4 * (size_t)count;
	types = sizes + 4 * (size_t)count;
	cache->sizes = CV_ALLOC_ARRAY(pool, uint32_t, count);
	cache->field_count = count;
	for (uint32_t i = 0; i < count; i++)
		cache->sizes[i] = types[i] == FIXED || types[i] == BITMASK ?
			(uint32_t)dovecot_number(sizes + 4 * (size_t)i, 4) :
			UINT32_MAX;
	cache->field = find_name(cv_span_skip(fields, FIELDS_HEAD + arrays),
				 count);
	return cache->field != UINT32_MAX &&
		cache->sizes[cache->field] == 4;
}

/* The last copy is the one that counts. */
static bool read_fields(struct dovecot_cache *cache, struct cv_pool *pool,
			uint32_t at)
{
	char *copy;
	const char *head;
	uint32_t next, size;
	ssize_t got;

	for (uint32_t i = 0; i < COPIES_MAX; i++) {
		if (!get(cache, at, FIELDS_HEAD, &head))
			return false;
		size = (uint32_t)dovecot_number(head + 4, 4);
		if (!offset_decode(head, &next)) {
			if (size < FIELDS_HEAD || size > FIELDS_SIZE_MAX)
				return false;
			copy = cv_api->alloc(pool, size);
			got = cache->read(cache->context, copy, size, at);
			return got == (ssize_t)size &&
				take_fields(cache, pool, cv_span(copy, size));
		}
		/* it was written later */
		if (next <= at)
			return false;
		at = next;
	}
	return false;
}

int dovecot_cache_open(struct cv_pool *pool, dovecot_cache_read_fn *read,
		       void *context, uint32_t messages,
		       struct dovecot_cache *cache_r)
{
	struct dovecot_cache cache = {
		.read = read, .context = context,
		.window = cv_api->alloc(pool, DOVECOT_CACHE_WINDOW),
		.budget = 1000 + STEPS_FOR_ONE * (uint64_t)messages,
	};
	const char *head;
	uint32_t fields;

	/* offsets of files have eight bytes */
	if (!get(&cache, 0, FILE_HEAD, &head) || head[0] != 1 ||
	    head[1] != 8)
		return CV_NOT_FOUND;
	cache.indexid = (uint32_t)dovecot_number(head + 4, 4);
	cache.file_seq = (uint32_t)dovecot_number(head + 8, 4);
	if (!offset_decode(head + 28, &fields) ||
	    !read_fields(&cache, pool, fields))
		return CV_NOT_FOUND;
	*cache_r = cache;
	return CV_OK;
}

/* --- records -------------------------------------------------------------------- */

/* Looks through the fields from an offset to the end of a record. */
static bool find_field(struct dovecot_cache *cache, uint64_t at, uint64_t end,
		       int64_t *saved_r)
{
	const char *data;

	while (at < end && end - at >= 4 && cache->budget > 0) {
		uint32_t field, size;

		cache->budget--;
		if (!get(cache, at, 4, &data))
			return false;
		field = (uint32_t)dovecot_number(data, 4);
		at += 4;
		if (field >= cache->field_count)
			return false;
		size = cache->sizes[field];
		if (size == UINT32_MAX) {
			if (!get(cache, at, 4, &data))
				return false;
			size = (uint32_t)dovecot_number(data, 4);
			at += 4;
		}
		if (at > end || size > end - at)
			return false;
		if (field == cache->field) {
			if (!get(cache, at, 4, &data))
				return false;
			*saved_r = (int64_t)dovecot_number(data, 4);
			return true;
		}
		at += ((uint64_t)size + 3) & ~(uint64_t)3;
	}
	return false;
}

int64_t dovecot_cache_saved(struct dovecot_cache *cache, uint32_t offset)
{
	const char *head;
	int64_t saved = 0;

	while (offset >= FILE_HEAD && cache->budget > 0) {
		uint32_t before, size;

		cache->budget--;
		if (!get(cache, offset, RECORD_HEAD, &head))
			break;
		before = (uint32_t)dovecot_number(head, 4);
		size = (uint32_t)dovecot_number(head + 4, 4);
		if (size < RECORD_HEAD ||
		    find_field(cache, (uint64_t)offset + RECORD_HEAD,
			       (uint64_t)offset + size, &saved) ||
		    before >= offset)
			break;
		offset = before;
	}
	return saved;
}
