/* catalogue.c - what was computed from messages, one file a folder.
 *
 * Entries are appended and never changed; each has the message's GUID and a
 * CRC, so any offset can be tried.  A row knows the place of its entry when
 * the entry came with the message; for entries that were added later the file
 * is read through once, when one is first missed, and from there on what was
 * appended since.  Nothing is synced, and every failure only means that the
 * entry is computed again. */
#include "account-private.h"

enum {
	WINDOW_SIZE = 256 * 1024,
	PENDING_MAX = 64 * 1024,
	TAKE_BYTES = 1024 * 1024,	/* out of the journal at once */
	INDEX_SIZE_MAX = 256 * 1024 * 1024,
	ENTRY_MARK = 0x43617445,	/* "EtaC" */
	COMPACT_MIN = 1024 * 1024,
	AT_COMPACTED = 48,	/* size and messages after compaction */
};

/* As on disk; zeros: it never was. */
struct compacted { uint64_t size; uint32_t messages; };

struct catalogue {
	struct cv_pool *pool;
	struct meta_object *object;	/* NULL: there is none */
	struct compacted compacted;	/* what the header says */
	unsigned char *window;
	size_t room, len;
	uint64_t offset;
	/* What is where up to indexed_to, which is past an entry: the rest is
	 * looked at when it is known that something was appended. */
	struct cv_pool *index_pool;	/* NULL: nothing was indexed yet */
	struct hash_table index;	/* GUID -> struct catalogue_place */
	uint64_t indexed_to;
	bool indexed;
	struct cv_text pending;		/* entries that are not written yet */
};

struct catalogue_place { struct account_guid guid; uint64_t offset; };

/* --- the file ------------------------------------------------------------ */

static void format_header(const struct folder *folder,
			  const struct compacted *compacted,
			  unsigned char dst[CATALOGUE_HEADER_SIZE])
{
	uint32_t crc;

	format_file_head(dst, CATALOGUE_HEADER_SIZE, CATALOGUE_MAGIC,
			 &folder->f, &folder->f.account->guid);
	memcpy(dst + AT_COMPACTED, &compacted->size, 8);
	memcpy(dst + AT_COMPACTED + 8, &compacted->messages, 4);
	crc = crc32c(0, dst, CATALOGUE_HEADER_SIZE - 4);
	memcpy(dst + CATALOGUE_HEADER_SIZE - 4, &crc, 4);
}

static bool header_ok(struct folder *folder, struct meta_object *object,
		      struct compacted *compacted_r)
{
	unsigned char want[CATALOGUE_HEADER_SIZE], have[CATALOGUE_HEADER_SIZE];

	if (meta_load(object, 0, have, sizeof(have)) != sizeof(have))
		return false;
	memcpy(&compacted_r->size, have + AT_COMPACTED, 8);
	memcpy(&compacted_r->messages, have + AT_COMPACTED + 8, 4);
	format_header(folder, compacted_r, want);
	return memcmp(want, have, sizeof(have)) == 0;
}

/* A new one in place of what is there; the caller has the lock. */
static struct meta_object *create_object(struct folder *folder)
{
	struct meta_name name = { META_CATALOGUE, folder->f.guid, 0 };
	struct meta_object *object = meta_create(folder->f.account->meta,
						 &name);
	static const struct compacted never;
	unsigned char header[CATALOGUE_HEADER_SIZE];

	if (object == NULL)
		return NULL;
	format_header(folder, &never, header);
	if (meta_write(object, 0, header, sizeof(header)) < 0)
		meta_release(&object);
	return object;
}

/* Opens it; with create a missing or foreign one is begun anew.  NULL: there
 * is none. */
static struct meta_object *open_object(struct folder *folder, bool create,
				       struct compacted *compacted_r)
{
	struct meta_name name = { META_CATALOGUE, folder->f.guid, 0 };
	struct meta_object *object = meta_open(folder->f.account->meta, &name);

	if (object != NULL && header_ok(folder, object, compacted_r))
		return object;
	meta_release(&object);
	*compacted_r = (struct compacted){ 0 };
	return create ? create_object(folder) : NULL;
}

static struct catalogue *catalogue_open(struct folder *folder, bool create)
{
	struct catalogue *c = folder->catalogue;

	if (c == NULL) {
		struct cv_pool *pool = pool_create("catalogue");

		c = pool_new(pool, struct catalogue);
		c->pool = pool;
		cv_text_init(&c->pending, pool);
		folder->catalogue = c;
		c->object = open_object(folder, create, &c->compacted);
	} else if (c->object == NULL && create) {
		c->object = open_object(folder, true, &c->compacted);
	}
	return c;
}

/* --- entries ------------------------------------------------------------- */

static void put_entry(struct cv_text *text, const struct account_guid *guid,
		      struct cv_span entry)
{
	static const unsigned char zeros[RECORD_ALIGN];
	uint32_t len = (uint32_t)entry.len;
	uint32_t crc = crc32c(0, guid, sizeof(*guid));

	crc = crc32c(crc, &len, sizeof(len));
	crc = crc32c(crc, entry.data, entry.len);
	put_u32(text, ENTRY_MARK);
	put_u32(text, len);
	put_u32(text, crc);
	put_u32(text, 0);
	put_guid(text, guid);
	cv_text_append_span(text, entry);
	cv_text_append(text, zeros, format_align(entry.len) - entry.len);
}

/* Room for len bytes.  What was there before is gone only with the catalogue,
 * so that it at least doubles. */
static void window_reserve(struct catalogue *c, size_t len)
{
	if (c->window != NULL && len <= c->room)
		return;
	if (c->room < WINDOW_SIZE)
		c->room = WINDOW_SIZE;
	while (c->room < len)
		c->room *= 2;
	c->window = pool_alloc(c->pool, c->room);
}

/* len bytes at offset, or NULL. */
static const unsigned char *window_get(struct catalogue *c, uint64_t offset,
				       size_t len)
{
	ssize_t n;

	if (offset >= c->offset && offset - c->offset <= c->len &&
	    c->len - (offset - c->offset) >= len)
		return c->window + (offset - c->offset);
	window_reserve(c, len);
	c->offset = offset;
	c->len = 0;
	n = meta_load(c->object, offset, c->window, c->room);
	if (n < 0)
		return NULL;
	c->len = (size_t)n;
	return c->len < len ? NULL : c->window;
}

struct entry_header { uint32_t mark, len, crc, zero; struct account_guid guid; };

_Static_assert(sizeof(struct entry_header) == CATALOGUE_RECORD_SIZE,
	       "as on disk");

static bool read_header(struct catalogue *c, uint64_t offset,
			struct entry_header *header)
{
	const unsigned char *p = window_get(c, offset, sizeof(*header));

	if (p == NULL)
		return false;
	memcpy(header, p, sizeof(*header));
	return header->mark == ENTRY_MARK &&
		header->len <= ACCOUNT_CATALOGUE_MAX;
}

static bool read_entry(struct catalogue *c, uint64_t offset,
		       const struct account_guid *guid, struct cv_span *entry)
{
	struct entry_header header;
	const unsigned char *p;
	uint32_t crc;

	if (!read_header(c, offset, &header) ||
	    !account_guid_equal(&header.guid, guid))
		return false;
	p = window_get(c, offset, sizeof(header) + header.len);
	if (p == NULL)
		return false;
	crc = crc32c(0, guid, sizeof(*guid));
	crc = crc32c(crc, &header.len, sizeof(header.len));
	crc = crc32c(crc, p + sizeof(header), header.len);
	*entry = cv_span((const char *)p + sizeof(header), header.len);
	return crc == header.crc;
}

/* The last one of a message counts. */
static void index_add(struct catalogue *c, const struct account_guid *guid,
		      uint64_t offset)
{
	struct catalogue_place *place = hash_find(
		&c->index, cv_span((const char *)guid->bytes, 16));

	if (place == NULL) {
		place = pool_new(c->index_pool, struct catalogue_place);
		place->guid = *guid;
		hash_set(&c->index, cv_span((char *)place->guid.bytes, 16),
			 place);
	}
	place->offset = offset;
}

/* Reads what was not read through yet: each entry once, and not all of them
 * again whenever some were appended. */
static void extend_index(struct catalogue *c)
{
	struct entry_header header;

	c->indexed = true;
	if (c->index_pool == NULL) {
		c->index_pool = pool_create("catalogue index");
		hash_init(&c->index, c->index_pool, false);
		c->indexed_to = CATALOGUE_HEADER_SIZE;
	}
	/* what there is no memory for is parsed again */
	while (c->indexed_to < INDEX_SIZE_MAX &&
	       spare_memory_check(hash_growth(&c->index), NULL) == CV_OK &&
	       read_header(c, c->indexed_to, &header)) {
		index_add(c, &header.guid, c->indexed_to);
		c->indexed_to += sizeof(header) + format_align(header.len);
	}
}

/* Another file than the one that was indexed. */
static void index_drop(struct catalogue *c)
{
	pool_destroy(&c->index_pool);
	c->indexed = false;
}

static bool find_indexed(struct catalogue *c, const struct account_guid *guid,
			 struct cv_span *entry)
{
	struct catalogue_place *place;

	if (!c->indexed)
		extend_index(c);
	place = hash_find(&c->index, cv_span((const char *)guid->bytes, 16));
	return place != NULL && read_entry(c, place->offset, guid, entry);
}

/* What is still in the journal. */
static bool find_in_journal(struct folder *folder, uint32_t uid,
			    struct cv_span *entry)
{
	struct row_extra *extra = rows_find_extra(folder->data, uid);
	struct catalogue *c;
	char *data;

	if (extra == NULL || extra->catalogue.offset == 0)
		return false;
	c = catalogue_open(folder, false);
	window_reserve(c, extra->catalogue.len);
	c->len = 0;
	data = (char *)c->window;
	if (journal_read_payload(&folder->f.account->journal,
				 extra->catalogue.offset,
				 extra->catalogue.len, extra->catalogue.crc,
				 data, NULL) != CV_OK)
		return false;
	*entry = cv_span(data, extra->catalogue.len);
	return true;
}

static bool find_entry(struct catalogue *c, const struct row_values *v,
		       struct cv_span *entry)
{
	return (v->catalogue != 0 &&
		read_entry(c, v->catalogue, &v->guid, entry)) ||
		find_indexed(c, &v->guid, entry);
}

/* Another file has taken the place; entries that wait stay. */
static void reopen(struct folder *folder, struct catalogue *c)
{
	meta_release(&c->object);
	c->len = 0;
	index_drop(c);
	c->object = open_object(folder, false, &c->compacted);
}

int account_catalogue_find(struct account_folder *f, uint32_t row,
			   struct cv_span *entry_r)
{
	struct folder *folder = folder_of(f);
	struct row_values v;
	struct meta_head head;
	struct catalogue *c;

	rows_get(folder, row, &v);
	if (find_in_journal(folder, v.uid, entry_r))
		return CV_OK;
	c = catalogue_open(folder, false);
	if (c->object == NULL)
		return CV_NOT_FOUND;
	if (find_entry(c, &v, entry_r))
		return CV_OK;
	if (meta_head(c->object, &head) < 0 || !head.replaced)
		return CV_NOT_FOUND;
	/* somebody has compacted it */
	reopen(folder, c);
	return c->object != NULL && find_entry(c, &v, entry_r) ? CV_OK :
		CV_NOT_FOUND;
}

/* --- writing ------------------------------------------------------------- */

/* Appends text to the file; the caller has the lock.  The offset where it
 * begins, 0 at failure. */
static uint64_t append_text(struct folder *folder, const struct cv_text *text)
{
	struct catalogue *c = catalogue_open(folder, true);
	struct meta_head head;
	uint64_t at;

	if (c->object == NULL || meta_head(c->object, &head) < 0)
		return 0;
	if (head.replaced) {
		/* what waits has no place any more, and closing would come
		 * back here with it, without an end */
		cv_text_reset(&c->pending);
		catalogue_close(folder);
		return 0;
	}
	at = format_align((size_t)head.size);
	if (meta_write(c->object, at, text->data, text->len) < 0)
		return 0;
	c->len = 0;
	c->indexed = false;
	return at;
}

static bool add_from_journal(struct folder *folder, struct row_extra *extra,
			     uint32_t row, struct cv_pool *pool,
			     struct cv_text *text, uint64_t *place_r)
{
	struct row_values v;
	char *data;

	if (extra->catalogue.offset == 0)
		return false;
	data = pool_alloc(pool, extra->catalogue.len);
	if (journal_read_payload(&folder->f.account->journal,
				 extra->catalogue.offset,
				 extra->catalogue.len, extra->catalogue.crc,
				 data, NULL) != CV_OK)
		return false;
	rows_get(folder, row, &v);
	*place_r = text->len;
	put_entry(text, &v.guid, cv_span(data, extra->catalogue.len));
	return true;
}

struct taken { uint32_t row; uint64_t place; };

/* What is written together: there may be entries of a million messages. */
struct taking {
	struct folder *folder;
	struct cv_pool *pool;
	struct cv_text text;
	ARRAY(struct taken) list;
};

static void taking_begin(struct taking *t)
{
	pool_reset(t->pool);
	cv_text_init(&t->text, t->pool);
	array_init(&t->list, t->pool);
}

static void taking_write(struct taking *t)
{
	uint64_t start = t->list.count == 0 ? 0 :
		append_text(t->folder, &t->text);

	for (size_t i = 0; start != 0 && i < t->list.count; i++) {
		struct row_values v;

		rows_get(t->folder, t->list.items[i].row, &v);
		v.catalogue = start + t->list.items[i].place;
		rows_set(t->folder, t->list.items[i].row, &v);
	}
	taking_begin(t);
}

void catalogue_take(struct folder *folder)
{
	struct folder_data *data = folder->data;
	struct taking t = { .folder = folder };

	if (data == NULL || data->extras.count == 0)
		return;
	t.pool = pool_create("catalogue entries");
	taking_begin(&t);
	for (size_t i = 0; i < data->extras.count; i++) {
		struct row_extra *extra = &data->extras.items[i];
		struct taken taken;

		if (account_row_find(&folder->f, extra->uid, &taken.row) &&
		    add_from_journal(folder, extra, taken.row, t.pool,
				     &t.text, &taken.place))
			*array_add(&t.list) = taken;
		if (t.text.len > TAKE_BYTES)
			taking_write(&t);
	}
	taking_write(&t);
	pool_destroy(&t.pool);
}

/* --- compaction ---------------------------------------------------------- */

struct compaction {
	struct meta_object *object;	/* the new file */
	struct cv_text text;		/* what is not written yet */
	uint64_t size;			/* of what is */
	bool failed;
};

static void compaction_flush(struct compaction *to)
{
	if (to->text.len > 0 && meta_write(to->object, to->size, to->text.data,
					   to->text.len) < 0)
		to->failed = true;
	to->size += to->text.len;
	cv_text_reset(&to->text);
}

/* The row's entry goes along, if it has one. */
static void compaction_take(struct folder *folder, struct compaction *to,
			    uint32_t row)
{
	struct rows *rows;
	struct row_values v;
	struct cv_span entry;
	uint64_t place = 0;
	uint32_t at;

	if (!account_row_alive(&folder->f, row))
		return;
	rows_get(folder, row, &v);
	if (find_entry(folder->catalogue, &v, &entry)) {
		place = to->size + to->text.len;
		put_entry(&to->text, &v.guid, entry);
	}
	rows = rows_at(folder->data, row, &at);
	if (place != v.catalogue &&
	    rows_check(folder, rows, &rows->catalogue[at], 8)) {
		rows_touch(folder, row);
		rows->catalogue[at] = place;
	}
	if (to->text.len > WINDOW_SIZE)
		compaction_flush(to);
}

static void compact(struct folder *folder, struct compaction *to)
{
	struct catalogue *c = folder->catalogue;
	unsigned char header[CATALOGUE_HEADER_SIZE];
	uint32_t rows = account_row_count(&folder->f);

	for (uint32_t row = 0; row < rows && !to->failed; row++)
		compaction_take(folder, to, row);
	compaction_flush(to);
	c->compacted = (struct compacted){ to->size,
					   folder->f.message_count };
	format_header(folder, &c->compacted, header);
	if (meta_write(to->object, 0, header, sizeof(header)) < 0)
		to->failed = true;
	/* what could not be written is computed again */
	meta_release(&c->object);
	c->object = to->object;
	c->len = 0;
	index_drop(c);
}

/* What it would have if all messages had entries like those of then. */
static uint64_t size_expected(const struct folder *folder)
{
	const struct compacted *c = &folder->catalogue->compacted;
	uint64_t each = c->messages == 0 ? 0 : c->size / c->messages;

	return each > INDEX_SIZE_MAX ? 0 : each * folder->f.message_count;
}

void catalogue_compact(struct folder *folder)
{
	struct compaction to = { .size = CATALOGUE_HEADER_SIZE };
	struct catalogue *c = catalogue_open(folder, false);
	struct cv_pool *pool;
	struct meta_head head;

	if (c->object == NULL || meta_head(c->object, &head) < 0 ||
	    head.replaced || head.size < COMPACT_MIN ||
	    head.size / 2 < size_expected(folder))
		return;
	pool = pool_create("catalogue compaction");
	cv_text_init(&to.text, pool);
	to.object = create_object(folder);
	if (to.object != NULL)
		compact(folder, &to);
	pool_destroy(&pool);
}

static void flush_pending(struct folder *folder)
{
	struct catalogue *c = folder->catalogue;
	struct account *account = folder->f.account;

	if (c->pending.len == 0)
		return;
	if (account->open_txn != NULL ||
	    account_lock(account, 0, NULL) == CV_OK) {
		(void)append_text(folder, &c->pending);
		if (account->open_txn == NULL)
			account_unlock(account);
	}
	/* append_text closes a catalogue whose file was removed */
	if (folder->catalogue == c)
		cv_text_reset(&c->pending);
}

void account_catalogue_put(struct account_folder *f, uint32_t row,
			   struct cv_span entry)
{
	struct folder *folder = folder_of(f);
	struct catalogue *c;
	struct row_values v;

	if (f->account->options.readonly || entry.len == 0 ||
	    entry.len > ACCOUNT_CATALOGUE_MAX || f->deleted)
		return;
	rows_get(folder, row, &v);
	c = catalogue_open(folder, false);
	put_entry(&c->pending, &v.guid, entry);
	if (c->pending.len > PENDING_MAX)
		flush_pending(folder);
}

void catalogue_close(struct folder *folder)
{
	struct catalogue *c = folder->catalogue;

	if (c == NULL)
		return;
	if (!folder->f.deleted)
		flush_pending(folder);
	c = folder->catalogue;
	if (c == NULL)
		return;
	folder->catalogue = NULL;
	meta_release(&c->object);
	index_drop(c);
	pool_destroy(&c->pool);
}

/* --- checking ------------------------------------------------------------ */

/* All of it is entries, and each is whole. */
static bool is_whole(struct catalogue *c)
{
	uint64_t at = CATALOGUE_HEADER_SIZE;
	struct entry_header header;
	struct meta_head head;
	struct cv_span entry;

	while (read_header(c, at, &header) &&
	       read_entry(c, at, &header.guid, &entry))
		at += sizeof(header) + format_align(header.len);
	return meta_head(c->object, &head) == 0 && at >= head.size;
}

bool catalogue_check(struct folder *folder)
{
	struct meta_name name = { META_CATALOGUE, folder->f.guid, 0 };
	struct meta *meta = folder->f.account->meta;
	struct meta_object *object = meta_open(meta, &name);
	struct compacted ignored;
	bool whole;

	/* one that cannot be opened is not known to be damaged */
	if (object == NULL)
		return true;
	whole = header_ok(folder, object, &ignored) &&
		is_whole(catalogue_open(folder, false));
	meta_release(&object);
	if (whole)
		return true;
	catalogue_close(folder);
	meta_remove(meta, &name);
	return false;
}
