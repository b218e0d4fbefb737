/* dump-snapshot.c - a snapshot row by row; rows in damaged blocks are told as
 * far as they can be read. */
#include "dump-private.h"

#include <stdlib.h>

struct image {
	struct dump *dump;
	struct snapshot snapshot;
	struct cv_span *names;		/* of keywords */
	uint32_t name_count;
	struct keyword_set *sets;	/* number 0: none */
	uint32_t set_count;
	struct cv_pool *pool;
};

static void put_header(struct dump *d, const unsigned char *data)
{
	struct format_cursor c = { data + 8, SNAPSHOT_HEADER_SIZE - 8, false };
	uint16_t major = get_u16(&c), minor = get_u16(&c);
	struct account_guid account, folder;

	(void)get_u32(&c);
	account = get_guid(&c);
	folder = get_guid(&c);
	dump_f(d, "version", "%u.%u", major, minor);
	dump_guid(d, "account", &account);
	dump_guid(d, "folder", &folder);
	dump_number(d, "generation", get_u64(&c));
	dump_number(d, "txn", get_u64(&c));
	dump_number(d, "messages", get_u32(&c));
	dump_number(d, "keywords", get_u32(&c));
	dump_number(d, "keyword_sets", get_u32(&c));
	dump_number(d, "expunged", get_u32(&c));
	dump_number(d, "checksums_at", get_u64(&c));
	dump_number(d, "file_size", d->size);
	dump_item(d, "snapshot");
}

static void check_all(struct image *m)
{
	struct snapshot *s = &m->snapshot;

	for (uint32_t i = 0; i < s->blocks; i++) {
		uint64_t at = (uint64_t)i * SNAPSHOT_BLOCK;

		if (!snapshot_check_blocks(s, i, i))
			dump_problem(m->dump, at, "the block up to %llu has a "
				     "wrong checksum", (unsigned long long)
				     (at + SNAPSHOT_BLOCK < s->crc_offset ?
				      at + SNAPSHOT_BLOCK : s->crc_offset));
	}
}

/* --- keywords ------------------------------------------------------------ */

static void put_names(struct image *m)
{
	struct cv_span bytes = snapshot_section(&m->snapshot, SECTION_NAMES);
	struct format_cursor c = {
		(const unsigned char *)bytes.data, bytes.len, false
	};
	uint32_t count = m->snapshot.keywords;

	if (bytes.data == NULL || count > ACCOUNT_KEYWORD_MAX)
		count = 0;
	m->names = pool_new_array(m->pool, struct cv_span, count);
	for (uint32_t i = 0; i < count; i++) {
		struct cv_span name = get_span(&c, get_u16(&c));

		if (c.bad)
			break;
		m->names[m->name_count++] = name;
		dump_number(m->dump, "index", i);
		dump_text(m->dump, "name", name);
		dump_item(m->dump, "keyword");
	}
	if (m->name_count < m->snapshot.keywords)
		dump_problem(m->dump,
			     m->snapshot.sections[SECTION_NAMES].offset,
			     "keywords cannot be read");
}

static void read_sets(struct image *m)
{
	struct cv_span bytes = snapshot_section(&m->snapshot, SECTION_SETS);
	struct format_cursor c = {
		(const unsigned char *)bytes.data, bytes.len, false
	};
	uint32_t count = m->snapshot.sets;

	if (bytes.data == NULL || count > bytes.len / 2)
		count = 0;
	m->sets = pool_new_array(m->pool, struct keyword_set, count + 1);
	m->set_count = 1;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t n = get_u16(&c);
		const void *p = get_bytes(&c, n * sizeof(uint16_t));

		if (c.bad)
			break;
		m->sets[m->set_count++] = (struct keyword_set){
			n, (uint16_t *)pool_copy(m->pool, p, n * 2)
		};
	}
	if (m->set_count - 1 < m->snapshot.sets)
		dump_problem(m->dump,
			     m->snapshot.sections[SECTION_SETS].offset,
			     "keyword sets cannot be read");
}

/* --- rows ---------------------------------------------------------------- */

/* The element of a column; false when its block is damaged. */
static bool cell(struct image *m, enum snapshot_section section, uint32_t row,
		 void *dst)
{
	size_t width = snapshot_widths[section];
	const unsigned char *p = m->snapshot.map +
		m->snapshot.sections[section].offset + row * width;

	memset(dst, 0, width);
	if (!snapshot_check(&m->snapshot, p, width))
		return false;
	memcpy(dst, p, width);
	return true;
}

static void put_number(struct image *m, enum snapshot_section section,
		       uint32_t row, const char *name)
{
	uint64_t value = 0;

	if (!cell(m, section, row, &value))
		dump_none(m->dump, name);
	else if (section == SECTION_RECEIVED || section == SECTION_SAVED)
		dump_signed(m->dump, name, (int64_t)value);
	else
		dump_number(m->dump, name, value);
}

static void put_keywords(struct image *m, uint32_t row)
{
	struct keyword_set *set;
	struct cv_span *items;
	uint32_t number, count = 0;

	if (!cell(m, SECTION_KEYWORDS, row, &number) ||
	    number >= m->set_count) {
		dump_none(m->dump, "keywords");
		return;
	}
	set = &m->sets[number];
	items = pool_new_array(m->dump->pool, struct cv_span, set->count);
	for (uint32_t i = 0; i < set->count; i++) {
		if (set->indexes[i] < m->name_count)
			items[count++] = m->names[set->indexes[i]];
	}
	dump_list(m->dump, "keywords", items, count);
}

static void put_blob(struct image *m, uint32_t row)
{
	struct cv_span heap = { NULL, 0 };
	uint64_t blob;

	if (!cell(m, SECTION_BLOB, row, &blob) || (blob & BLOB_HEAP) != 0 ||
	    BLOB_OFFSET(blob) + BLOB_LEN(blob) >
	    m->snapshot.sections[SECTION_HEAP].len) {
		dump_none(m->dump, "blob");
		return;
	}
	heap.data = (const char *)m->snapshot.map +
		m->snapshot.sections[SECTION_HEAP].offset + BLOB_OFFSET(blob);
	heap.len = BLOB_LEN(blob);
	if (heap.len > 0 && !snapshot_check(&m->snapshot, heap.data, heap.len))
		dump_none(m->dump, "blob");
	else
		dump_text(m->dump, "blob", heap);
}

static void put_row(struct image *m, uint32_t row)
{
	struct account_guid guid;
	uint32_t flags;

	put_number(m, SECTION_UID, row, "uid");
	if (cell(m, SECTION_FLAGS, row, &flags))
		dump_flags(m->dump, flags);
	else
		dump_none(m->dump, "flags");
	put_keywords(m, row);
	put_number(m, SECTION_MODSEQ, row, "modseq");
	put_number(m, SECTION_RECEIVED, row, "received");
	put_number(m, SECTION_SAVED, row, "saved");
	put_number(m, SECTION_SIZE, row, "size");
	put_number(m, SECTION_VIRTUAL, row, "virtual_size");
	if (cell(m, SECTION_GUID, row, &guid))
		dump_guid(m->dump, "guid", &guid);
	else
		dump_none(m->dump, "guid");
	put_blob(m, row);
	put_number(m, SECTION_CATALOGUE, row, "catalogue");
	dump_item(m->dump, "message");
}

static void put_expunged(struct image *m)
{
	struct cv_span bytes = snapshot_section(&m->snapshot,
						SECTION_EXPUNGED);
	struct format_cursor c = {
		(const unsigned char *)bytes.data, bytes.len, false
	};

	while (c.len > 0) {
		dump_number(m->dump, "first", get_u32(&c));
		dump_number(m->dump, "last", get_u32(&c));
		dump_number(m->dump, "modseq", get_u64(&c));
		dump_item(m->dump, "expunged");
	}
}

static void put_annotations(struct image *m)
{
	struct snapshot *s = &m->snapshot;
	struct cv_span bytes = CV_SPAN_NONE;
	struct format_cursor c;

	if (s->sections[SECTION_ANNOTATIONS].len == 0)
		return;
	bytes = snapshot_section(s, SECTION_ANNOTATIONS);
	c = (struct format_cursor){
		(const unsigned char *)bytes.data, bytes.len, false
	};
	while (c.len > 0) {
		struct annotation item;
		uint32_t uid;

		if (!annotation_get(&c, &uid, &item)) {
			dump_problem(m->dump,
				     s->sections[SECTION_ANNOTATIONS].offset,
				     "annotations cannot be read");
			return;
		}
		dump_number(m->dump, "uid", uid);
		dump_text(m->dump, "owner", item.owner);
		dump_text(m->dump, "entry", item.entry);
		dump_number(m->dump, "modseq", item.modseq);
		dump_text(m->dump, "value", item.value);
		dump_item(m->dump, "annotation");
	}
}

/* --- the file ------------------------------------------------------------ */

static void put_image(struct image *m)
{
	check_all(m);
	put_names(m);
	read_sets(m);
	for (uint32_t row = 0; row < m->snapshot.rows; row++)
		put_row(m, row);
	put_expunged(m);
	put_annotations(m);
	dump_text(m->dump, "payload", snapshot_section(&m->snapshot,
						       SECTION_FOLDER));
	dump_item(m->dump, "folder");
}

void dump_snapshot(struct dump *dump)
{
	struct image m = { .dump = dump };
	struct cv_error err = ERROR_NONE;
	unsigned char *data;

	data = dump->size > SIZE_MAX / 2 ? NULL :
		calloc(1, dump->size + SNAPSHOT_HEADER_SIZE);
	if (data == NULL || meta_load(dump->object, 0, data, dump->size) !=
	    (ssize_t)dump->size) {
		dump_problem(dump, 0, "the file cannot be read");
		free(data);
		return;
	}
	put_header(dump, data);
	if (snapshot_parse(&m.snapshot, data, dump->size, NULL, NULL, &err) !=
	    CV_OK) {
		dump_problem(dump, 0, "%s: engines do not read it", err.text);
	} else {
		m.pool = pool_create("snapshot dump");
		put_image(&m);
		pool_destroy(&m.pool);
	}
	m.snapshot.map = NULL;
	snapshot_close(&m.snapshot);
	free(data);
}
