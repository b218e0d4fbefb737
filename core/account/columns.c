/* columns.c - see columns.h. */
#include "columns.h"
#include "account-private.h"
#include "meta.h"

enum {
	HEADER_SIZE = 896,
	AT_SECTIONS = 64, ENTRY_SIZE = 24,
	SECTION_MAX = 1024 * 1024 * 1024,
};

_Static_assert(AT_SECTIONS + COLUMNS_SECTIONS * ENTRY_SIZE <=
	       HEADER_SIZE - 4, "sections fit into the header");

struct section { uint64_t offset, len; uint32_t crc, zero; };

_Static_assert(sizeof(struct section) == ENTRY_SIZE, "as on disk");

struct account_columns {
	struct meta_object *object;
	struct section sections[COLUMNS_SECTIONS];
};

static void format_header(const struct account_folder *f,
			  const struct section *sections,
			  unsigned char dst[HEADER_SIZE])
{
	uint32_t crc;

	format_file_head(dst, HEADER_SIZE, COLUMNS_MAGIC, f,
			 &f->account->guid);
	memcpy(dst + 48, &f->uidvalidity, 4);
	memcpy(dst + AT_SECTIONS, sections,
	       COLUMNS_SECTIONS * sizeof(*sections));
	crc = crc32c(0, dst, HEADER_SIZE - 4);
	memcpy(dst + HEADER_SIZE - 4, &crc, 4);
}

static bool read_header(struct account_columns *c, struct account_folder *f)
{
	unsigned char have[HEADER_SIZE], want[HEADER_SIZE];

	if (meta_load(c->object, 0, have, sizeof(have)) != sizeof(have))
		return false;
	memcpy(c->sections, have + AT_SECTIONS, sizeof(c->sections));
	format_header(f, c->sections, want);
	return memcmp(have, want, sizeof(have)) == 0;
}

struct account_columns *account_columns_open(struct account_folder *f,
					     struct cv_pool *pool)
{
	struct meta_name name = { META_COLUMNS, f->guid, 0 };
	struct account_columns *c;

	if (f->deleted)
		return NULL;
	c = pool_new(pool, struct account_columns);
	c->object = meta_open(f->account->meta, &name);
	if (c->object != NULL && !read_header(c, f))
		meta_release(&c->object);
	return c->object == NULL ? NULL : c;
}

void account_columns_close(struct account_columns **columns)
{
	if (*columns != NULL)
		meta_release(&(*columns)->object);
	*columns = NULL;
}

bool account_columns_has(const struct account_columns *c,
			 unsigned int section)
{
	return c->sections[section].offset != 0;
}

bool account_columns_load(struct account_columns *c, unsigned int section,
			  struct cv_pool *pool, struct cv_span *data_r)
{
	const struct section *s = &c->sections[section];
	struct meta_head head;
	char *data;

	if (s->offset == 0 || s->len > SECTION_MAX ||
	    meta_head(c->object, &head) < 0 || s->offset > head.size ||
	    s->len > head.size - s->offset ||
	    spare_memory_check(s->len, NULL) < 0)
		return false;
	data = pool_alloc_raw(pool, (size_t)s->len);
	if (meta_load(c->object, s->offset, data, (size_t)s->len) !=
	    (ssize_t)s->len || crc32c(0, data, (size_t)s->len) != s->crc)
		return false;
	*data_r = cv_span(data, (size_t)s->len);
	return true;
}

/* The header comes last: before it the file is none. */
static bool write_all(struct account_folder *f, struct meta_object *object,
		      const struct cv_span sections[COLUMNS_SECTIONS])
{
	struct section table[COLUMNS_SECTIONS] = { { 0 } };
	unsigned char header[HEADER_SIZE];
	uint64_t at = HEADER_SIZE;

	for (unsigned int i = 0; i < COLUMNS_SECTIONS; i++) {
		const struct cv_span *s = &sections[i];

		if (s->data == NULL)
			continue;
		table[i].offset = at;
		table[i].len = s->len;
		table[i].crc = crc32c(0, s->data, s->len);
		if (s->len > 0 && meta_write(object, at, s->data, s->len) < 0)
			return false;
		at += format_align(s->len);
	}
	format_header(f, table, header);
	return meta_write(object, 0, header, sizeof(header)) == 0;
}

void account_columns_save(struct account_folder *f,
			  const struct cv_span sections[COLUMNS_SECTIONS])
{
	struct account *account = f->account;
	struct meta_name name = { META_COLUMNS, f->guid, 0 };
	bool locks = account->open_txn == NULL;
	struct meta_object *object;

	if (account->options.readonly || f->deleted ||
	    (locks && account_lock(account, 0, NULL) != CV_OK))
		return;
	object = meta_create(account->meta, &name);
	if (object != NULL && !write_all(f, object, sections))
		meta_remove(account->meta, &name);
	meta_release(&object);
	if (locks)
		account_unlock(account);
}
