/* dovecot-log.c - dovecot.index.log: records that change an index.
 *
 * A record is { size, type } and its data.  The size is written last, seven
 * bits a byte with the high bits set: without them the record was never
 * finished.  Expunges that are not marked as external are wishes, which the
 * next opening fulfils. */
#include "dovecot-private.h"

enum type {
	EXPUNGE = 0x1, APPEND = 0x2, FLAG_UPDATE = 0x4, HEADER_UPDATE = 0x20,
	EXT_INTRO = 0x40, EXT_RESET = 0x80, EXT_HDR_UPDATE = 0x100,
	EXT_REC_UPDATE = 0x200, KEYWORD_UPDATE = 0x400,
	KEYWORD_RESET = 0x800, EXT_ATOMIC_INC = 0x1000,
	EXPUNGE_GUID = 0x2000, MODSEQ_UPDATE = 0x8000,
	EXT_HDR_UPDATE32 = 0x10000, INDEX_DELETED = 0x20000,
	INDEX_UNDELETED = 0x40000, ATTRIBUTE_UPDATE = 0x100000,
	EXPUNGE_PROT = 0xcd90, TYPE_MASK = 0x0fffffff,
	EXTERNAL = 0x10000000,
};

enum { LOG_HEADER = 24 + 8, RECORD_HEAD = 8 };

struct log {
	struct dovecot_reader *r;
	int extension;			/* that the next records are about */
	uint64_t modseq;		/* 0: not counted yet */
	bool wishes_only;		/* the snapshot has the rest */
};

static bool spend(struct log *log, uint64_t steps)
{
	if (log->r->budget < steps) {
		log->r->budget = 0;
		return false;
	}
	log->r->budget -= steps;
	return true;
}

/* Rows with UIDs from first to last, as a half-open interval. */
static bool rows_of(struct log *log, uint32_t first, uint32_t last,
		    uint32_t *from_r, uint32_t *to_r)
{
	const struct dovecot_index *index = log->r->index;
	uint32_t low = 0, high = index->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (index->rows[middle].uid < first)
			low = middle + 1;
		else
			high = middle;
	}
	*from_r = low;
	while (low < index->count && index->rows[low].uid <= last)
		low++;
	*to_r = low;
	return spend(log, 1 + (low - *from_r));
}

/* The rows of the next range of UIDs, which begins a step of so many bytes;
 * false: there is none, or too much was done already. */
static bool next_rows(struct log *log, struct cv_span *ranges, size_t step,
		      uint32_t *from_r, uint32_t *to_r)
{
	struct cv_span range = *ranges;

	if (range.len < step)
		return false;
	*ranges = cv_span_skip(range, step);
	return rows_of(log, (uint32_t)dovecot_number(range.data, 4),
		       (uint32_t)dovecot_number(range.data + 4, 4), from_r,
		       to_r);
}

static struct dovecot_row *row_of(struct log *log, uint32_t uid)
{
	uint32_t from, to;

	return rows_of(log, uid, uid, &from, &to) && from < to ?
		&log->r->index->rows[from] : NULL;
}

static void touch(struct log *log, struct dovecot_row *row)
{
	if (log->r->has_modseqs && log->modseq != 0)
		row->modseq = log->modseq;
}

/* --- messages ------------------------------------------------------------------------ */

static void do_append(struct log *log, struct cv_span data)
{
	for (; data.len >= 8; data = cv_span_skip(data, 8)) {
		struct dovecot_row *row = dovecot_row_add(
			log->r, (uint32_t)dovecot_number(data.data, 4));

		if (row == NULL)
			continue;
		row->flags = (uint8_t)data.data[4] & 0x1f;
		touch(log, row);
	}
}

static void do_expunge(struct log *log, struct cv_span data, size_t step)
{
	for (; data.len >= step; data = cv_span_skip(data, step)) {
		uint32_t first = (uint32_t)dovecot_number(data.data, 4);
		uint32_t last = step == 8 ?
			(uint32_t)dovecot_number(data.data + 4, 4) : first;
		uint32_t from, to;

		if (!rows_of(log, first, last, &from, &to))
			return;
		while (from < to)
			log->r->index->rows[from++].expunged = true;
	}
}

static void do_flags(struct log *log, struct cv_span data)
{
	const char *record = data.data;
	uint32_t from, to;

	for (; next_rows(log, &data, 12, &from, &to); record = data.data) {
		uint8_t add = (uint8_t)record[8] & 0x1f;
		uint8_t remove = (uint8_t)record[9] & 0x1f;

		for (; from < to; from++) {
			struct dovecot_row *row = &log->r->index->rows[from];

			row->flags = (uint8_t)((row->flags & ~remove) | add);
			if (add != 0 || remove != 0)
				touch(log, row);
		}
	}
}

static void set_keyword(struct log *log, struct cv_span ranges, int bit,
			bool add)
{
	uint64_t mask = (uint64_t)1 << (bit % 64);
	uint32_t from, to;

	while (next_rows(log, &ranges, 8, &from, &to)) {
		for (; from < to; from++) {
			struct dovecot_row *row = &log->r->index->rows[from];

			if (add)
				row->keywords[bit / 64] |= mask;
			else
				row->keywords[bit / 64] &= ~mask;
			touch(log, row);
		}
	}
}

/* { add or remove, -, name size } name, ranges */
static void do_keyword(struct log *log, struct cv_span data)
{
	size_t size;
	int bit;

	if (data.len < 4)
		return;
	size = (size_t)dovecot_number(data.data + 2, 2);
	if (size == 0 || size > data.len - 4)
		return;
	bit = dovecot_keyword_add(log->r, cv_span(data.data + 4, size));
	/* it is an extension among the others, with a number */
	(void)dovecot_extension_add(log->r, CV_SPAN("keywords"));
	if (bit < 0)
		return;
	set_keyword(log, cv_span_skip(data, (4 + size + 3) & ~(size_t)3),
		    bit, data.data[0] == 0);
}

static void do_keyword_reset(struct log *log, struct cv_span data)
{
	uint32_t from, to;

	while (next_rows(log, &data, 8, &from, &to)) {
		for (; from < to; from++) {
			struct dovecot_row *row = &log->r->index->rows[from];

			memset(row->keywords, 0, sizeof(row->keywords));
			touch(log, row);
		}
	}
}

static void do_modseq(struct log *log, struct cv_span data)
{
	for (; data.len >= 12; data = cv_span_skip(data, 12)) {
		struct dovecot_row *row = row_of(
			log, (uint32_t)dovecot_number(data.data, 4));
		uint64_t modseq = dovecot_number(data.data + 4, 8);

		if (row != NULL && modseq != 0)
			row->modseq = modseq;
		else if (row == NULL && log->r->budget == 0)
			return;
	}
}

/* { offset, size } data */
static void do_header(struct log *log, struct cv_span data)
{
	while (data.len >= 4) {
		size_t at = (size_t)dovecot_number(data.data, 2);
		size_t size = (size_t)dovecot_number(data.data + 2, 2);

		if (size > data.len - 4)
			return;
		if (at <= DOVECOT_HEADER && size <= DOVECOT_HEADER - at)
			memcpy(log->r->header + at, data.data + 4, size);
		data = cv_span_skip(data, (4 + size + 3) & ~(size_t)3);
	}
}

/* --- extensions -------------------------------------------------------------------------- */

static void intro_resized(struct log *log, uint32_t size)
{
	struct dovecot_extension *e = &log->r->extensions[log->extension];

	e->record_size = size;
	if (cv_span_is(e->name, "modseq") && log->modseq == 0)
		log->modseq = 1;
}

/* { id, reset id, header size, record size, align, flags, name size } name */
static void do_intro(struct log *log, struct cv_span data)
{
	enum { HEAD = 20 };

	while (data.len >= HEAD) {
		uint32_t id = (uint32_t)dovecot_number(data.data, 4);
		uint32_t known = log->r->extension_count;
		size_t name = (size_t)dovecot_number(data.data + 18, 2);

		if (name > data.len - HEAD)
			return;
		if (id == UINT32_MAX)
			log->extension = dovecot_extension_add(
				log->r, cv_span(data.data + HEAD, name));
		else
			log->extension = id < log->r->extension_count ?
				(int)id : -1;
		if (log->extension >= 0)
			intro_resized(log, (uint32_t)dovecot_number(
					      data.data + 12, 2));
		if (log->r->extension_count > known)
			dovecot_extension_begin(
				log->r, &log->r->extensions[known],
				(uint32_t)dovecot_number(data.data + 4, 4));
		data = cv_span_skip(data, (HEAD + name + 3) & ~(size_t)3);
	}
}

/* Messages get their own modseqs from now on; those so far have that of this
 * moment. */
static void modseqs_begin(struct log *log, uint64_t highest)
{
	struct dovecot_index *index = log->r->index;

	if (highest < log->modseq)
		highest = log->modseq;
	if (!spend(log, index->count))
		return;
	for (uint32_t i = 0; i < index->count; i++) {
		if (index->rows[i].modseq == 0)
			index->rows[i].modseq = highest;
	}
	log->r->has_modseqs = true;
}

/* { offset, size } data */
static void do_extension_header(struct log *log, struct cv_span data,
				int bytes)
{
	size_t head = 2 * (size_t)bytes;
	struct cv_span name;

	if (log->extension < 0)
		return;
	name = log->r->extensions[log->extension].name;
	while (data.len >= head) {
		size_t at = (size_t)dovecot_number(data.data, bytes);
		size_t size = (size_t)dovecot_number(data.data + bytes, bytes);

		if (size > data.len - head)
			return;
		if (at == 0 && size >= 8 && cv_span_is(name, "modseq"))
			modseqs_begin(log, dovecot_number(data.data + head,
							  8));
		dovecot_header_keep(log->r, name, at,
				    cv_span(data.data + head, size));
		data = cv_span_skip(data, (head + size + 3) & ~(size_t)3);
	}
}

static void do_record(struct log *log, struct cv_span data)
{
	const struct dovecot_extension *e;
	size_t size, step;

	if (log->extension < 0)
		return;
	e = &log->r->extensions[log->extension];
	size = e->record_size;
	step = 4 + ((size + 3) & ~(size_t)3);
	for (; data.len >= step; data = cv_span_skip(data, step)) {
		struct dovecot_row *row = row_of(
			log, (uint32_t)dovecot_number(data.data, 4));

		if (row == NULL && log->r->budget == 0)
			return;
		if (row == NULL)
			continue;
		if (e->wanted >= 0) {
			memcpy(row->data[e->wanted], data.data + 4,
			       size > DOVECOT_DATA_MAX ? DOVECOT_DATA_MAX :
			       size);
			row->has[e->wanted] = size > 0;
		} else if (size == 8 && cv_span_is(e->name, "modseq")) {
			row->modseq = dovecot_number(data.data + 4, 8);
		}
	}
}

static void do_increment(struct log *log, struct cv_span data)
{
	const struct dovecot_extension *e;
	uint32_t size;

	if (log->extension < 0)
		return;
	e = &log->r->extensions[log->extension];
	size = e->record_size > 4 ? 4 : e->record_size;
	for (; data.len >= 8; data = cv_span_skip(data, 8)) {
		struct dovecot_row *row = row_of(
			log, (uint32_t)dovecot_number(data.data, 4));
		uint32_t value;

		if (row == NULL && log->r->budget == 0)
			return;
		if (row == NULL || e->wanted < 0)
			continue;
		row->has[e->wanted] = size > 0;
		value = (uint32_t)dovecot_number(
			(const char *)row->data[e->wanted], (int)size);
		value += (uint32_t)dovecot_number(data.data + 4, 4);
		for (uint32_t i = 0; i < size; i++)
			row->data[e->wanted][i] =
				(unsigned char)(value >> (8 * i) & 0xff);
	}
}

static void do_reset(struct log *log, struct cv_span data)
{
	struct dovecot_index *index = log->r->index;
	const struct dovecot_extension *e;

	if (log->extension < 0 || data.len < 5)
		return;
	e = &log->r->extensions[log->extension];
	dovecot_extension_begin(log->r, e,
				(uint32_t)dovecot_number(data.data, 4));
	/* [4]: its data stays */
	if (data.data[4] != 0 || e->wanted < 0 || !spend(log, index->count))
		return;
	for (uint32_t i = 0; i < index->count; i++) {
		memset(index->rows[i].data[e->wanted], 0, DOVECOT_DATA_MAX);
		index->rows[i].has[e->wanted] = false;
	}
}

/* --- records ---------------------------------------------------------------------------------- */

/* Flags that only the server knows raise no modseq. */
static bool flags_count(struct cv_span data)
{
	for (; data.len >= 12; data = cv_span_skip(data, 12)) {
		if (((data.data[8] | data.data[9]) & 0x1f) != 0)
			return true;
	}
	return false;
}

static void count_modseq(struct log *log, uint32_t type, bool external,
			 struct cv_span data)
{
	bool counts = false;

	if (log->modseq == 0)
		return;
	switch (type) {
	case EXPUNGE | EXPUNGE_PROT:
	case EXPUNGE_GUID | EXPUNGE_PROT:
		counts = external;
		break;
	case APPEND:
	case KEYWORD_UPDATE:
	case KEYWORD_RESET:
	case ATTRIBUTE_UPDATE:
		counts = true;
		break;
	case FLAG_UPDATE:
		counts = flags_count(data);
		break;
	case MODSEQ_UPDATE:
		for (; data.len >= 12; data = cv_span_skip(data, 12)) {
			uint64_t modseq = dovecot_number(data.data + 4, 8);

			if (modseq > log->modseq)
				log->modseq = modseq;
		}
		break;
	}
	if (counts)
		log->modseq++;
}

static void do_one(struct log *log, uint32_t type, struct cv_span data)
{
	switch (type) {
	case APPEND: do_append(log, data); break;
	case EXPUNGE | EXPUNGE_PROT: do_expunge(log, data, 8); break;
	case EXPUNGE_GUID | EXPUNGE_PROT: do_expunge(log, data, 20); break;
	case FLAG_UPDATE: do_flags(log, data); break;
	case HEADER_UPDATE: do_header(log, data); break;
	case EXT_INTRO: do_intro(log, data); break;
	case EXT_RESET: do_reset(log, data); break;
	case EXT_HDR_UPDATE: do_extension_header(log, data, 2); break;
	case EXT_HDR_UPDATE32: do_extension_header(log, data, 4); break;
	case EXT_REC_UPDATE: do_record(log, data); break;
	case EXT_ATOMIC_INC: do_increment(log, data); break;
	case KEYWORD_UPDATE: do_keyword(log, data); break;
	case KEYWORD_RESET: do_keyword_reset(log, data); break;
	case MODSEQ_UPDATE: do_modseq(log, data); break;
	case INDEX_DELETED: log->r->index->deleted = true; break;
	case INDEX_UNDELETED: log->r->index->deleted = false; break;
	}
}

static bool record_size(const char *p, size_t *size_r)
{
	size_t size = 0;

	for (int i = 0; i < 4; i++) {
		if (!((unsigned char)p[i] & 0x80))
			return false;
		size = size << 7 | ((unsigned char)p[i] & 0x7f);
	}
	*size_r = size << 2;
	return *size_r >= RECORD_HEAD;
}

/* from: the snapshot has everything before; wishes before it still count. */
static int apply_log(struct dovecot_reader *r, struct cv_span file,
		     uint64_t from)
{
	struct log log = { .r = r, .extension = -1 };
	size_t at = (size_t)dovecot_number(file.data + 2, 2), size;

	log.modseq = dovecot_number(file.data + 24, 8);
	while (file.len - at >= RECORD_HEAD &&
	       record_size(file.data + at, &size) && size <= file.len - at) {
		uint32_t type = (uint32_t)dovecot_number(file.data + at + 4,
							 4);
		struct cv_span data = cv_span(file.data + at + RECORD_HEAD,
					      size - RECORD_HEAD);
		bool external = (type & EXTERNAL) != 0;

		type &= TYPE_MASK;
		count_modseq(&log, type, external, data);
		if (at >= from)
			do_one(&log, type, data);
		else if (!external && (type & EXPUNGE_PROT) == EXPUNGE_PROT)
			do_one(&log, type, data);
		if (r->budget == 0)
			return CV_E_LIMIT;
		at += size;
	}
	if (log.modseq > r->index->highestmodseq)
		r->index->highestmodseq = log.modseq;
	return CV_OK;
}

static bool log_valid(struct cv_span file)
{
	return file.data != NULL && file.len >= LOG_HEADER &&
		file.data[0] == 1 &&
		dovecot_number(file.data + 2, 2) >= LOG_HEADER &&
		dovecot_number(file.data + 2, 2) <= file.len;
}

int dovecot_logs_apply(struct dovecot_reader *r, bool base,
		       struct cv_span older, struct cv_span log)
{
	const char *header = (const char *)r->header;
	uint32_t seq = (uint32_t)dovecot_number(header + 60, 4);
	uint64_t head = dovecot_number(header + 68, 4);
	uint32_t log_seq, older_seq;
	int ret = CV_OK;

	if (!log_valid(log))
		return CV_NOT_FOUND;
	/* another index that was here before */
	if (base && dovecot_number(header + 16, 4) !=
	    dovecot_number(log.data + 4, 4))
		return CV_NOT_FOUND;
	if (!base)
		memcpy(r->header + 16, log.data + 4, 4);
	log_seq = (uint32_t)dovecot_number(log.data + 8, 4);
	if (base && seq == log_seq)
		return apply_log(r, log, head);
	if (base && seq > log_seq)
		return CV_NOT_FOUND;
	older_seq = log_valid(older) ?
		(uint32_t)dovecot_number(older.data + 8, 4) : 0;
	if (older_seq != 0 &&
	    older_seq == dovecot_number(log.data + 12, 4) &&
	    dovecot_number(older.data + 4, 4) ==
	    dovecot_number(log.data + 4, 4) && (!base || seq == older_seq))
		ret = apply_log(r, older, base ? head : 0);
	return ret == CV_OK ? apply_log(r, log, 0) : ret;
}
