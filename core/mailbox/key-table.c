/* key-table.c - see key-table.h.
 *
 * A table is built from catalogue entries (build), or read from the columns
 * file and completed with a small built one for the messages that the file
 * does not have (merge).  What the file says is believed only after each
 * number in it was found to be within its bounds. */
#include "key-table.h"
#include "sort-radix.h"
#include "account/columns.h"
#include "message/message-id.h"
#include "message/message-summary.h"

enum {
	/* Sections of the file. */
	SECTION_HASH_KEY = 0, SECTION_UIDS, SECTION_SENT, SECTION_IS_REPLY,
	SECTION_RANKS = 4,		/* and KEY_STRINGS - 1 more */
	SECTION_ENDS = 10, SECTION_BYTES = 16,
	SECTION_IDS = 22, SECTION_REFS_END, SECTION_REFS,
	SECTION_STAMPS,

	KEY_BYTES_MAX = 1024,		/* of a string that count */
	FILE_ROWS_MIN = 256,		/* smaller ones are built anew */
	MISSING_MIN = 256,
	MISSING_SHARE = 16,		/* one of so many may be missing */
};

/* The strings of a column, each once, in their order. */
enum {
	/* for each message, about */
	ROW_BYTES = 32, COLUMN_BYTES = 24, RANK_BYTES = 80,
};

struct dictionary { struct cv_span *items; uint32_t count; };

struct keys {
	struct key_table t;
	struct dictionary words[KEY_STRINGS];
	uint64_t hash_key[2];
	bool partial;		/* messages were gone when it was built */
	struct cv_pool *pool;
};

/* --- building ------------------------------------------------------------- */

struct builder {
	struct cv_mailbox *box;
	struct keys *k;
	uint32_t wanted;
	enum casemap map;
	struct cv_text bytes[KEY_STRINGS];
	size_t *ends[KEY_STRINGS];
	ARRAY(uint64_t) refs;
	struct cv_pool *scratch;
};

static bool wants(uint32_t wanted, unsigned int column)
{
	return (wanted >> column & 1) != 0;
}

static struct cv_span column_of(const struct message_summary *s,
				enum key_column column)
{
	switch (column) {
	case KEY_SUBJECT: return s->base_subject;
	case KEY_FROM: return s->from_mailbox;
	case KEY_TO: return s->to_mailbox;
	case KEY_CC: return s->cc_mailbox;
	case KEY_DISPLAYFROM: return s->from_display;
	default: return s->to_display;
	}
}

static uint64_t id_hash(const struct builder *b, struct cv_span id)
{
	uint64_t hash = hash_bytes_keyed(b->k->hash_key, id.data, id.len);

	return hash == 0 ? 1 : hash;
}

static uint32_t add_ids(struct builder *b, struct cv_span value, uint32_t max)
{
	uint32_t count = 0;
	struct cv_span id;

	while (count < max && message_id_find(b->scratch, &value, &id)) {
		*array_add(&b->refs) = id_hash(b, id);
		count++;
	}
	return count;
}

/* [RFC5256 3 REFERENCES]: References, or the first of In-Reply-To. */
static void add_references(struct builder *b, uint32_t i,
			   const struct message_summary *s)
{
	struct cv_span value, id;

	if (message_summary_field(s->fields, CV_SPAN("message-id"), &value) &&
	    message_id_find(b->scratch, &value, &id))
		b->k->t.ids[i] = id_hash(b, id);
	if (!message_summary_field(s->fields, CV_SPAN("references"), &value) ||
	    add_ids(b, value, MESSAGE_IDS_MAX) == 0) {
		if (message_summary_field(s->fields, CV_SPAN("in-reply-to"),
					  &value))
			(void)add_ids(b, value, 1);
	}
	b->k->t.refs_end[i] = (uint32_t)b->refs.count;
	pool_reset(b->scratch);
}

static struct cv_span cut(struct cv_span s)
{
	if (s.len > KEY_BYTES_MAX)
		s.len = KEY_BYTES_MAX;
	return s;
}

static int build_row(struct builder *b, uint32_t i, uint32_t row,
		     struct cv_error *err)
{
	struct message_summary s;
	int ret = mailbox_record(b->box, row, &s, err);

	if (ret < 0)
		return ret;
	if (ret != CV_OK)
		/* its file is gone: what is told of it soon */
		s = (struct message_summary){ .flags = 0 };
	b->k->partial |= ret != CV_OK;
	b->k->t.is_reply[i] = (s.flags & SUMMARY_IS_REPLY) != 0;
	if ((s.flags & SUMMARY_HAS_DATE) != 0) {
		b->k->t.sent[i] = s.sent.time;
	} else {
		struct account_message m;

		account_row_get(b->box->folder, row, &m);
		b->k->t.sent[i] = m.received;
	}
	for (unsigned int c = 0; c < KEY_STRINGS; c++) {
		if (!wants(b->wanted, c))
			continue;
		casemap_append(&b->bytes[c], b->map, cut(column_of(&s, c)));
		b->ends[c][i] = b->bytes[c].len;
	}
	if (wants(b->wanted, KEY_REFERENCES))
		add_references(b, i, &s);
	return CV_OK;
}

/* Texts become ranks and a dictionary. */
static int rank_column(struct builder *b, unsigned int c, uint32_t count,
		       struct cv_error *err)
{
	struct cv_pool *scratch, *pool = b->k->pool;
	struct dictionary *d = &b->k->words[c];
	struct cv_span *strings;
	uint32_t *order, *ranks;
	size_t from = 0;
	int ret = spare_memory_check((uint64_t)count * RANK_BYTES, err);

	if (ret < 0)
		return ret;
	scratch = pool_create("ranks");
	strings = pool_new_array(scratch, struct cv_span, count);
	order = pool_new_array(scratch, uint32_t, count);
	ranks = pool_new_array(pool, uint32_t, count);
	for (uint32_t i = 0; i < count; i++) {
		strings[i] = cv_span(cv_text_str(&b->bytes[c]) + from,
				     b->ends[c][i] - from);
		from = b->ends[c][i];
	}
	d->count = radix_rank_strings(strings, count, scratch, ranks, order);
	d->items = pool_new_array(pool, struct cv_span, d->count);
	for (uint32_t i = 0; i < d->count; i++)
		d->items[i] = strings[order[i]];
	b->k->t.ranks[c] = ranks;
	pool_destroy(&scratch);
	return CV_OK;
}

static void builder_init(struct builder *b, uint32_t count)
{
	struct cv_pool *pool = b->k->pool;
	struct key_table *t = &b->k->t;

	t->count = count;
	t->sent = pool_new_array(pool, int64_t, count);
	t->is_reply = pool_new_array(pool, uint8_t, count);
	for (unsigned int c = 0; c < KEY_STRINGS; c++) {
		if (!wants(b->wanted, c))
			continue;
		cv_text_init(&b->bytes[c], pool);
		b->ends[c] = pool_new_array(pool, size_t, count);
	}
	array_init(&b->refs, pool);
	if (wants(b->wanted, KEY_REFERENCES)) {
		t->ids = pool_new_array(pool, uint64_t, count);
		t->refs_end = pool_new_array(pool, uint32_t, count);
	}
}

static int build(struct cv_mailbox *box, const struct key_row *rows,
		 uint32_t count, uint32_t wanted, enum casemap map,
		 struct keys *k, struct cv_error *err)
{
	struct builder b = { .box = box, .k = k, .wanted = wanted,
			     .map = map };
	int ret = CV_OK;

	builder_init(&b, count);
	b.scratch = pool_create("references");
	for (uint32_t i = 0; i < count && ret >= 0; i++) {
		ret = spare_memory_check(0, err);
		if (ret == CV_OK)
			ret = build_row(&b, i, rows[i].row, err);
	}
	pool_destroy(&b.scratch);
	for (unsigned int c = 0; c < KEY_STRINGS && ret >= 0; c++) {
		if (wants(wanted, c))
			ret = rank_column(&b, c, count, err);
	}
	k->t.refs = b.refs.items;
	return ret;
}

/* --- the file ------------------------------------------------------------- */

struct file {
	struct account_columns *columns;
	struct keys k;
	uint32_t *uids, *stamps;
};

/* Tells messages apart that had the same UID in turn: the file is never
 * synced, and what is known of it may be older than it after a crash, or when
 * an account was put back from a backup. */
static uint32_t stamp_of(const struct cv_mailbox *box, uint32_t row)
{
	struct account_guid guid = account_row_guid(box->folder, row);
	uint64_t low, high;

	memcpy(&low, guid.bytes, sizeof(low));
	memcpy(&high, guid.bytes + sizeof(low), sizeof(high));
	low = (low ^ high >> 32) * 0x9e3779b97f4a7c15u;
	low = (low ^ low >> 29 ^ high) * 0xbf58476d1ce4e5b9u;
	return (uint32_t)(low >> 32);
}

/* As a view of numbers when it has exactly that many. */
static void *load_array(struct file *f, unsigned int section, size_t size,
			size_t count)
{
	struct cv_span data;

	if (!account_columns_load(f->columns, section, f->k.pool, &data) ||
	    data.len != size * count)
		return NULL;
	return (void *)(uintptr_t)data.data;
}

static bool load_words(struct file *f, unsigned int c)
{
	struct dictionary *d = &f->k.words[c];
	struct cv_span ends, bytes;
	uint32_t from = 0, to;

	if (!account_columns_load(f->columns, SECTION_ENDS + c, f->k.pool,
				  &ends) ||
	    !account_columns_load(f->columns, SECTION_BYTES + c, f->k.pool,
				  &bytes) || ends.len % 4 != 0)
		return false;
	d->count = (uint32_t)(ends.len / 4);
	d->items = pool_new_array(f->k.pool, struct cv_span, d->count);
	for (uint32_t i = 0; i < d->count; i++) {
		memcpy(&to, ends.data + i * (size_t)4, 4);
		if (to < from || to > bytes.len)
			return false;
		d->items[i] = cv_span(bytes.data + from, to - from);
		from = to;
	}
	return true;
}

static bool load_ranks(struct file *f, unsigned int c)
{
	uint32_t count = f->k.t.count;
	uint32_t *ranks = load_array(f, SECTION_RANKS + c, 4, count);

	if (ranks == NULL || !load_words(f, c))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (ranks[i] >= f->k.words[c].count)
			return false;
	}
	f->k.t.ranks[c] = ranks;
	return true;
}

static bool load_references(struct file *f)
{
	struct key_table *t = &f->k.t;
	struct cv_span refs;
	uint32_t last = 0;

	t->ids = load_array(f, SECTION_IDS, 8, t->count);
	t->refs_end = load_array(f, SECTION_REFS_END, 4, t->count);
	if (t->ids == NULL || t->refs_end == NULL ||
	    !account_columns_load(f->columns, SECTION_REFS, f->k.pool, &refs))
		return false;
	t->refs = (uint64_t *)(uintptr_t)refs.data;
	for (uint32_t i = 0; i < t->count; i++) {
		if (t->refs_end[i] < last || t->refs_end[i] > refs.len / 8)
			return false;
		last = t->refs_end[i];
	}
	return true;
}

/* The columns that a file has. */
static uint32_t file_columns(const struct account_columns *columns)
{
	uint32_t bits = 0;

	for (unsigned int c = 0; c < KEY_STRINGS; c++) {
		if (account_columns_has(columns, SECTION_RANKS + c))
			bits |= 1u << c;
	}
	if (account_columns_has(columns, SECTION_IDS))
		bits |= 1u << KEY_REFERENCES;
	return bits;
}

static bool load_rows(struct file *f)
{
	struct key_table *t = &f->k.t;
	struct cv_span uids, key;

	if (!account_columns_load(f->columns, SECTION_UIDS, f->k.pool,
				  &uids) || uids.len % 4 != 0 ||
	    !account_columns_load(f->columns, SECTION_HASH_KEY, f->k.pool,
				  &key) || key.len != sizeof(f->k.hash_key))
		return false;
	memcpy(f->k.hash_key, key.data, key.len);
	t->count = (uint32_t)(uids.len / 4);
	f->uids = (uint32_t *)(uintptr_t)uids.data;
	for (uint32_t i = 1; i < t->count; i++) {
		if (f->uids[i] <= f->uids[i - 1])
			return false;
	}
	f->stamps = load_array(f, SECTION_STAMPS, 4, t->count);
	t->sent = load_array(f, SECTION_SENT, 8, t->count);
	t->is_reply = load_array(f, SECTION_IS_REPLY, 1, t->count);
	return f->stamps != NULL && t->sent != NULL && t->is_reply != NULL;
}

/* True: all that is wanted was read.  *has_r: the columns that it has. */
static bool file_load(struct file *f, struct cv_mailbox *box, uint32_t wanted,
		      struct cv_pool *pool, uint32_t *has_r)
{
	bool ok;

	*has_r = 0;
	f->k.pool = pool;
	f->columns = account_columns_open(box->folder, pool);
	if (f->columns == NULL)
		return false;
	*has_r = file_columns(f->columns);
	ok = (wanted & ~*has_r) == 0 && load_rows(f);
	for (unsigned int c = 0; c < KEY_STRINGS && ok; c++)
		ok = !wants(wanted, c) || load_ranks(f, c);
	if (ok && wants(wanted, KEY_REFERENCES))
		ok = load_references(f);
	account_columns_close(&f->columns);
	return ok;
}

static struct cv_span bytes_of(const void *data, size_t len)
{
	return cv_span(data == NULL ? "" : data, len);
}

static void save_words(struct cv_span sections[COLUMNS_SECTIONS],
		       const struct dictionary *d, unsigned int c,
		       struct cv_pool *pool)
{
	uint32_t *ends = pool_new_array(pool, uint32_t, d->count);
	struct cv_text bytes;

	cv_text_init(&bytes, pool);
	for (uint32_t i = 0; i < d->count; i++) {
		cv_text_append_span(&bytes, d->items[i]);
		ends[i] = (uint32_t)bytes.len;
	}
	if (bytes.len > UINT32_MAX)
		return;
	sections[SECTION_ENDS + c] = bytes_of(ends, d->count * (size_t)4);
	sections[SECTION_BYTES + c] = bytes_of(bytes.data, bytes.len);
}

/* What it takes to put the file together. */
static uint64_t save_bytes(const struct keys *k)
{
	uint64_t bytes = (uint64_t)k->t.count * 8;

	for (unsigned int c = 0; c < KEY_STRINGS; c++) {
		const struct dictionary *d = &k->words[c];

		bytes += (uint64_t)d->count * 4;
		for (uint32_t i = 0; i < d->count; i++)
			bytes += d->items[i].len;
	}
	return bytes + bytes / 8;
}

static void file_save(struct cv_mailbox *box, const struct key_row *rows,
		      const struct keys *k)
{
	struct cv_span sections[COLUMNS_SECTIONS] = { { NULL, 0 } };
	const struct key_table *t = &k->t;
	size_t count = t->count;
	uint32_t *uids = pool_new_array(k->pool, uint32_t, count);
	uint32_t *stamps = pool_new_array(k->pool, uint32_t, count);

	for (size_t i = 0; i < count; i++) {
		uids[i] = rows[i].uid;
		stamps[i] = stamp_of(box, rows[i].row);
	}
	sections[SECTION_HASH_KEY] = bytes_of(k->hash_key,
					      sizeof(k->hash_key));
	sections[SECTION_UIDS] = bytes_of(uids, count * 4);
	sections[SECTION_STAMPS] = bytes_of(stamps, count * 4);
	sections[SECTION_SENT] = bytes_of(t->sent, count * 8);
	sections[SECTION_IS_REPLY] = bytes_of(t->is_reply, count);
	for (unsigned int c = 0; c < KEY_STRINGS; c++) {
		if (t->ranks[c] == NULL)
			continue;
		sections[SECTION_RANKS + c] = bytes_of(t->ranks[c], count * 4);
		save_words(sections, &k->words[c], c, k->pool);
	}
	if (t->ids != NULL) {
		size_t refs = count == 0 ? 0 : t->refs_end[count - 1];

		sections[SECTION_IDS] = bytes_of(t->ids, count * 8);
		sections[SECTION_REFS_END] = bytes_of(t->refs_end, count * 4);
		sections[SECTION_REFS] = bytes_of(t->refs, refs * 8);
	}
	account_columns_save(box->folder, sections);
}

/* --- merging -------------------------------------------------------------- */

static int compare(struct cv_span a, struct cv_span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len == 0 ? 0 : memcmp(a.data, b.data, len);

	return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

/* The first word that is not below s. */
static uint32_t lower_bound(const struct dictionary *d, struct cv_span s)
{
	uint32_t low = 0, high = d->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (compare(d->items[mid], s) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Where each index of a table comes from. */
struct sources {
	const uint32_t *in_file;	/* KEY_NONE: */
	const uint32_t *in_new;
	uint32_t count;
};

/* Words that are new are put between those of the file. */
static void merge_ranks(const struct keys *file, const struct keys *added,
			struct sources from, unsigned int c, struct keys *out)
{
	const struct dictionary *old = &file->words[c], *new = &added->words[c];
	uint32_t *shift = pool_new_array(out->pool, uint32_t, old->count + 1);
	uint32_t *rank = pool_new_array(out->pool, uint32_t, new->count + 1);
	uint32_t *ranks = pool_new_array(out->pool, uint32_t, from.count);
	uint32_t inserted = 0;

	for (uint32_t i = 0; i < new->count; i++) {
		uint32_t at = lower_bound(old, new->items[i]);
		bool same = at < old->count &&
			compare(old->items[at], new->items[i]) == 0;

		rank[i] = at + inserted;
		if (!same) {
			shift[at]++;
			inserted++;
		}
	}
	for (uint32_t i = 1; i <= old->count; i++)
		shift[i] += shift[i - 1];
	for (uint32_t i = 0; i < from.count; i++) {
		uint32_t r = from.in_file[i] == KEY_NONE ? 0 :
			file->t.ranks[c][from.in_file[i]];

		ranks[i] = from.in_file[i] != KEY_NONE ? r + shift[r] :
			rank[added->t.ranks[c][from.in_new[i]]];
	}
	out->t.ranks[c] = ranks;
	/* only whether the first one is empty, and how many there are */
	out->words[c].count = old->count + inserted;
	out->words[c].items = old->count > 0 &&
		(new->count == 0 || compare(old->items[0], new->items[0]) <= 0)
		? old->items : new->items;
}

static void merge_references(const struct keys *file, const struct keys *added,
			     struct sources from, struct keys *out)
{
	ARRAY(uint64_t) refs;

	array_init(&refs, out->pool);
	out->t.ids = pool_new_array(out->pool, uint64_t, from.count);
	out->t.refs_end = pool_new_array(out->pool, uint32_t, from.count);
	for (uint32_t i = 0; i < from.count; i++) {
		bool is_new = from.in_file[i] == KEY_NONE;
		const struct key_table *t = is_new ? &added->t : &file->t;
		uint32_t at = is_new ? from.in_new[i] : from.in_file[i];
		uint32_t k = at == 0 ? 0 : t->refs_end[at - 1];

		out->t.ids[i] = t->ids[at];
		for (; k < t->refs_end[at]; k++)
			*array_add(&refs) = t->refs[k];
		out->t.refs_end[i] = (uint32_t)refs.count;
	}
	out->t.refs = refs.items;
}

static void merge(const struct keys *file, const struct keys *added,
		  struct sources from, uint32_t wanted, struct keys *out)
{
	struct key_table *t = &out->t;

	t->count = from.count;
	t->sent = pool_new_array(out->pool, int64_t, from.count);
	t->is_reply = pool_new_array(out->pool, uint8_t, from.count);
	for (uint32_t i = 0; i < from.count; i++) {
		bool is_new = from.in_file[i] == KEY_NONE;
		const struct key_table *k = is_new ? &added->t : &file->t;
		uint32_t at = is_new ? from.in_new[i] : from.in_file[i];

		t->sent[i] = k->sent[at];
		t->is_reply[i] = k->is_reply[at];
	}
	for (unsigned int c = 0; c < KEY_STRINGS; c++) {
		if (wants(wanted, c))
			merge_ranks(file, added, from, c, out);
	}
	if (wants(wanted, KEY_REFERENCES))
		merge_references(file, added, from, out);
}

/* --- the rows ------------------------------------------------------------- */

int key_rows_get(struct cv_mailbox *box, struct cv_set seqs,
		 struct cv_pool *pool, struct key_row **rows_r,
		 uint32_t **seqs_r, uint32_t *count_r, struct cv_error *err)
{
	uint32_t room = 0, count = 0;
	int ret;

	for (uint32_t i = 0; i < seqs.count; i++)
		room += seqs.ranges[i].last - seqs.ranges[i].first + 1;
	ret = spare_memory_check((uint64_t)room * (sizeof(**rows_r) +
						   sizeof(**seqs_r)), err);
	if (ret < 0)
		return ret;
	*rows_r = pool_new_array(pool, struct key_row, room);
	*seqs_r = pool_new_array(pool, uint32_t, room);
	for (uint32_t i = 0; i < seqs.count; i++) {
		uint32_t seq = seqs.ranges[i].first;

		for (; seq <= seqs.ranges[i].last && count < room; seq++) {
			uint32_t row;

			if (!mailbox_row(box, seq, &row))
				continue;
			(*rows_r)[count].uid = mailbox_uid_at(box, seq - 1);
			(*rows_r)[count].row = row;
			(*seqs_r)[count++] = seq;
		}
	}
	*count_r = count;
	return CV_OK;
}

enum casemap key_casemap(const struct cv_search_query *query)
{
	static const enum casemap maps[] = {
		[CV_COMPARE_UNICODE] = CASEMAP_UNICODE,
		[CV_COMPARE_ASCII] = CASEMAP_ASCII,
		[CV_COMPARE_OCTET] = CASEMAP_OCTET,
	};

	return CV_HAS(query, comparator) &&
		query->comparator <= CV_COMPARE_OCTET ?
		maps[query->comparator] : CASEMAP_UNICODE;
}

/* --- all together --------------------------------------------------------- */

/* Finds the rows among the file's; returns how many it does not have. */
static uint32_t match_rows(const struct cv_mailbox *box, const struct file *f,
			   const struct key_row *rows, uint32_t count,
			   uint32_t *in_file, uint32_t *in_new,
			   struct key_row *missing)
{
	uint32_t at = 0, absent = 0;

	for (uint32_t i = 0; i < count; i++) {
		while (at < f->k.t.count && f->uids[at] < rows[i].uid)
			at++;
		if (at < f->k.t.count && f->uids[at] == rows[i].uid &&
		    f->stamps[at] == stamp_of(box, rows[i].row)) {
			in_file[i] = at++;
			continue;
		}
		in_file[i] = KEY_NONE;
		in_new[i] = absent;
		missing[absent++] = rows[i];
	}
	return absent;
}

static bool worth_a_file(const struct cv_mailbox *box, uint32_t count)
{
	return count >= FILE_ROWS_MIN &&
		count >= box->folder->message_count / 2;
}

static int check_columns(uint32_t count, uint32_t wanted,
			 struct cv_error *err)
{
	return spare_memory_check(
		count * (uint64_t)(ROW_BYTES + COLUMN_BYTES *
				   __builtin_popcount(wanted)), err);
}

/* From the file and the few that it lacks.  CV_NOT_FOUND: too many. */
static int complete(struct cv_mailbox *box, const struct file *f,
		    const struct key_row *rows, uint32_t count,
		    uint32_t wanted, struct keys *out, struct cv_error *err)
{
	struct keys added = { .pool = out->pool };
	struct key_row *missing = pool_new_array(out->pool, struct key_row,
						 count);
	uint32_t *in_file = pool_new_array(out->pool, uint32_t, count);
	uint32_t *in_new = pool_new_array(out->pool, uint32_t, count);
	uint32_t absent = match_rows(box, f, rows, count, in_file, in_new,
				     missing);
	struct sources from = { in_file, in_new, count };
	int ret;

	if (absent > MISSING_MIN && absent > count / MISSING_SHARE &&
	    worth_a_file(box, count))
		return CV_NOT_FOUND;
	if (absent == 0 && count == f->k.t.count) {
		*out = f->k;
		return CV_OK;
	}
	memcpy(added.hash_key, f->k.hash_key, sizeof(added.hash_key));
	ret = build(box, missing, absent, wanted, CASEMAP_UNICODE, &added,
		    err);
	if (ret == CV_OK)
		ret = check_columns(count, wanted, err);
	if (ret == CV_OK)
		merge(&f->k, &added, from, wanted, out);
	return ret;
}

static int get(struct cv_mailbox *box, const struct key_row *rows,
	       uint32_t count, uint32_t wanted, enum casemap map,
	       struct keys *out, struct cv_error *err)
{
	struct file f = { .columns = NULL };
	uint32_t has = 0;
	int ret = CV_NOT_FOUND;

	if (map == CASEMAP_UNICODE && file_load(&f, box, wanted, out->pool,
						&has))
		ret = complete(box, &f, rows, count, wanted, out, err);
	if (ret != CV_NOT_FOUND)
		return ret;
	random_bytes(out->hash_key, sizeof(out->hash_key));
	if (map != CASEMAP_UNICODE || !worth_a_file(box, count))
		return build(box, rows, count, wanted, map, out, err);
	ret = build(box, rows, count, wanted | has, map, out, err);
	/* what is kept for another time is not worth the session */
	if (ret == CV_OK && !out->partial &&
	    spare_memory_check(save_bytes(out), NULL) == CV_OK)
		file_save(box, rows, out);
	return ret;
}

int key_table_get(struct cv_mailbox *box, const struct key_row *rows,
		  uint32_t count, uint32_t wanted, enum casemap map,
		  struct cv_pool *pool, struct key_table *t,
		  struct cv_error *err)
{
	struct keys k = { .pool = pool };
	const struct dictionary *subjects = &k.words[KEY_SUBJECT];
	int ret;

	wanted &= (1u << KEY_SENT) - 1;
	ret = check_columns(count, wanted, err);
	if (ret == CV_OK)
		ret = get(box, rows, count, wanted, map, &k, err);
	if (ret < 0)
		return ret;
	*t = k.t;
	t->subjects = subjects->count;
	t->empty_subject = subjects->count > 0 && subjects->items[0].len == 0 ?
		0 : KEY_NONE;
	return CV_OK;
}
