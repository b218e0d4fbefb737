/* dovecot-index.c - the index: a snapshot of a mailbox.  What came after it
 * is in the log: dovecot-log.c. */
#include "dovecot-private.h"

uint64_t dovecot_number(const char *p, int bytes)
{
	uint64_t value = 0;

	for (int i = bytes - 1; i >= 0; i--)
		value = value << 8 | (unsigned char)p[i];
	return value;
}

uint32_t dovecot_row_u32(const struct dovecot_row *row, uint32_t wanted,
			 uint32_t at)
{
	return (uint32_t)dovecot_number((const char *)row->data[wanted] + at,
					4);
}

/* --- rows ------------------------------------------------------------------------ */

struct dovecot_row *dovecot_row_add(struct dovecot_reader *r, uint32_t uid)
{
	struct dovecot_index *index = r->index;
	struct dovecot_row *row;

	/* [RFC3501 2.3.1.1] strictly ascending */
	if (uid == 0 || uid == UINT32_MAX ||
	    (index->count > 0 && index->rows[index->count - 1].uid >= uid))
		return NULL;
	if (index->count == index->room) {
		uint32_t room = index->room + index->room / 2 + 256;
		struct dovecot_row *rows =
			CV_ALLOC_ARRAY(r->pool, struct dovecot_row, room);

		if (index->count > 0)
			memcpy(rows, index->rows,
			       index->count * sizeof(*rows));
		index->rows = rows;
		index->room = room;
	}
	row = &index->rows[index->count++];
	row->uid = uid;
	if (uid >= index->uidnext)
		index->uidnext = uid + 1;
	return row;
}

/* --- extensions --------------------------------------------------------------------- */

int dovecot_extension_find(const struct dovecot_reader *r,
			   struct cv_span name)
{
	for (uint32_t i = 0; i < r->extension_count; i++) {
		if (cv_span_equal(r->extensions[i].name, name))
			return (int)i;
	}
	return -1;
}

int dovecot_extension_add(struct dovecot_reader *r, struct cv_span name)
{
	struct dovecot_extension *e;
	int found = dovecot_extension_find(r, name);

	if (found >= 0)
		return found;
	if (r->extension_count == DOVECOT_EXTENSIONS_MAX)
		return -1;
	e = &r->extensions[r->extension_count];
	*e = (struct dovecot_extension){ .name = name, .wanted = -1 };
	for (int i = 0; i < DOVECOT_WANTED_MAX; i++) {
		if (r->wanted[i] != NULL && cv_span_is(name, r->wanted[i]))
			e->wanted = i;
	}
	return (int)r->extension_count++;
}

void dovecot_extension_begin(struct dovecot_reader *r,
			     const struct dovecot_extension *e,
			     uint32_t reset_id)
{
	if (e->wanted >= 0)
		r->index->reset_id[e->wanted] = reset_id;
}

/* The bit of a keyword; -1: no room. */
int dovecot_keyword_add(struct dovecot_reader *r, struct cv_span name)
{
	struct dovecot_index *index = r->index;
	char *copy;

	if (name.len == 0 || memchr(name.data, '\0', name.len) != NULL)
		return -1;
	for (uint32_t i = 0; i < index->keyword_count; i++) {
		if (cv_span_is_icase(name, index->keywords[i]))
			return (int)i;
	}
	if (index->keyword_count == DOVECOT_KEYWORDS_MAX)
		return -1;
	copy = cv_api->alloc(r->pool, name.len + 1);
	memcpy(copy, name.data, name.len);
	index->keywords[index->keyword_count] = copy;
	return (int)index->keyword_count++;
}

void dovecot_header_keep(struct dovecot_reader *r, struct cv_span extension,
			 size_t at, struct cv_span data)
{
	unsigned char *kept = r->index->kept;

	if (r->keep == NULL || !cv_span_is(extension, r->keep) ||
	    at >= DOVECOT_KEPT_MAX)
		return;
	memcpy(kept + at, data.data, data.len > DOVECOT_KEPT_MAX - at ?
	       DOVECOT_KEPT_MAX - at : data.len);
}

/* --- the header ------------------------------------------------------------------------ */

static size_t align8(size_t value)
{
	return (value + 7) & ~(size_t)7;
}

/* keywords: a count, for each { unused, offset of its name }, the names */
static void read_keywords(struct dovecot_reader *r, struct cv_span data)
{
	uint64_t count;
	size_t names;

	if (data.len < 4)
		return;
	count = dovecot_number(data.data, 4);
	if (count > (data.len - 4) / 8)
		return;
	names = 4 + (size_t)count * 8;
	for (uint64_t i = 0; i < count && i < DOVECOT_KEYWORDS_MAX; i++) {
		uint64_t at = dovecot_number(data.data + 4 + i * 8 + 4, 4);
		const char *name, *end;

		if (at >= data.len - names)
			return;
		name = data.data + names + at;
		end = memchr(name, '\0', data.len - names - (size_t)at);
		if (end == NULL ||
		    dovecot_keyword_add(r, cv_span(name, (size_t)
						   (end - name))) != (int)i)
			return;
	}
}

static void read_extension(struct dovecot_reader *r, struct cv_span name,
			   struct cv_span head, struct cv_span data)
{
	int at = dovecot_extension_add(r, name);
	struct dovecot_extension *e;

	if (at < 0)
		return;
	e = &r->extensions[at];
	e->record_offset = (uint32_t)dovecot_number(head.data + 8, 2);
	e->record_size = (uint32_t)dovecot_number(head.data + 10, 2);
	dovecot_extension_begin(r, e, (uint32_t)dovecot_number(head.data + 4,
							       4));
	dovecot_header_keep(r, name, 0, data);
	if (cv_span_is(name, "keywords"))
		read_keywords(r, data);
	if (cv_span_is(name, "modseq") && data.len >= 8)
		r->index->highestmodseq = dovecot_number(data.data, 8);
	if (cv_span_is(name, "modseq"))
		r->has_modseqs = true;
}

/* { header size, reset id, record offset, size, align, name size } name, at
 * multiples of eight */
static void read_extensions(struct dovecot_reader *r, struct cv_span head,
			    size_t at)
{
	enum { EXT_HEAD = 16 };

	while (head.len >= EXT_HEAD && at <= head.len - EXT_HEAD) {
		const char *p = head.data + at;
		size_t size = (size_t)dovecot_number(p, 4);
		size_t name_size = (size_t)dovecot_number(p + 14, 2);
		size_t data = align8(at + EXT_HEAD + name_size);

		if (name_size == 0 || data > head.len ||
		    size > head.len - data)
			return;
		read_extension(r, cv_span(p + EXT_HEAD, name_size),
			       cv_span(p, EXT_HEAD),
			       cv_span(head.data + data, size));
		at = align8(data + size);
	}
}

/* --- the records ------------------------------------------------------------------------- */

static void read_row_extension(struct dovecot_row *row,
			       const struct dovecot_extension *e,
			       struct cv_span record)
{
	const char *data;
	uint32_t size = e->record_size;

	if (e->record_offset > record.len ||
	    size > record.len - e->record_offset)
		return;
	data = record.data + e->record_offset;
	if (cv_span_is(e->name, "keywords")) {
		if (size > sizeof(row->keywords))
			size = sizeof(row->keywords);
		for (uint32_t i = 0; i < size; i++)
			row->keywords[i / 8] |= (uint64_t)(unsigned char)
				data[i] << (8 * (i % 8));
	} else if (cv_span_is(e->name, "modseq") && size == 8) {
		row->modseq = dovecot_number(data, 8);
	} else if (e->wanted >= 0) {
		memcpy(row->data[e->wanted], data,
		       size > DOVECOT_DATA_MAX ? DOVECOT_DATA_MAX : size);
		row->has[e->wanted] = size > 0;
	}
}

static void read_rows(struct dovecot_reader *r, struct cv_span rows,
		      uint32_t record_size, uint32_t count)
{
	if (record_size < 5 || count > rows.len / record_size)
		count = record_size < 5 ? 0 :
			(uint32_t)(rows.len / record_size);
	for (uint32_t i = 0; i < count; i++) {
		struct cv_span record = cv_span(
			rows.data + (size_t)i * record_size, record_size);
		struct dovecot_row *row = dovecot_row_add(
			r, (uint32_t)dovecot_number(record.data, 4));

		if (row == NULL)
			continue;
		row->flags = (uint8_t)record.data[4] & 0x1f;
		for (uint32_t k = 0; k < r->extension_count; k++)
			read_row_extension(row, &r->extensions[k], record);
	}
}

static bool read_index(struct dovecot_reader *r, struct cv_span file)
{
	const char *p = file.data;
	size_t base, head;

	if (file.len < DOVECOT_HEADER || p[0] != 7)
		return false;
	base = (size_t)dovecot_number(p + 2, 2);
	head = (size_t)dovecot_number(p + 4, 4);
	/* flag 2: it was found to be broken */
	if (base < DOVECOT_HEADER || base > head || head > file.len ||
	    (dovecot_number(p + 20, 4) & 2))
		return false;
	memcpy(r->header, p, DOVECOT_HEADER);
	r->index->uidnext = (uint32_t)dovecot_number(p + 28, 4);
	read_extensions(r, cv_span(p, head), align8(base));
	read_rows(r, cv_span_skip(file, head),
		  (uint32_t)dovecot_number(p + 8, 4),
		  (uint32_t)dovecot_number(p + 32, 4));
	return true;
}

/* --- the whole ------------------------------------------------------------------------------ */

static void finish(struct dovecot_reader *r)
{
	struct dovecot_index *index = r->index;
	uint32_t to = 0, next;

	for (uint32_t i = 0; i < index->count; i++) {
		if (!index->rows[i].expunged)
			index->rows[to++] = index->rows[i];
	}
	index->count = to;
	index->uidvalidity = (uint32_t)dovecot_number(
		(const char *)r->header + 24, 4);
	index->indexid = (uint32_t)dovecot_number(
		(const char *)r->header + 16, 4);
	index->first_recent = (uint32_t)dovecot_number(
		(const char *)r->header + 48, 4);
	next = (uint32_t)dovecot_number((const char *)r->header + 28, 4);
	if (next > index->uidnext)
		index->uidnext = next;
}

int dovecot_index_read(struct cv_pool *pool,
		       const struct dovecot_files *files,
		       struct dovecot_index *index_r)
{
	struct dovecot_reader *r = CV_ALLOC(pool, struct dovecot_reader);
	bool base;
	int ret;

	*index_r = (struct dovecot_index){ .uidnext = 1 };
	r->pool = pool;
	r->index = index_r;
	memcpy(r->wanted, files->wanted, sizeof(r->wanted));
	r->keep = files->keep;
	base = files->index.data != NULL && read_index(r, files->index);
	r->budget = 1000000 + 64 * (uint64_t)(files->log.len +
					      files->older.len +
					      files->index.len);
	ret = dovecot_logs_apply(r, base, files->older, files->log);
	if (ret < 0)
		return ret;
	finish(r);
	return index_r->deleted || index_r->uidvalidity == 0 ||
		(!base && ret == CV_NOT_FOUND) ? CV_NOT_FOUND : CV_OK;
}
