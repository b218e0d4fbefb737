/* dump-journal.c - a journal record by record, as far as it can be read and
 * behind each damaged place again. */
#include "dump-private.h"

enum {
	/* what checksums of places that are no records may cost */
	SEARCH_BYTES_MAX = 256 * 1024 * 1024,
};

/* --- payloads ------------------------------------------------------------ */

struct record {
	struct dump *dump;
	const struct journal_record *record;
	struct format_cursor c;
};

static void put_folder_guid(struct record *r)
{
	struct account_guid guid = get_guid(&r->c);

	dump_guid(r->dump, "folder", &guid);
}

static void put_rest(struct record *r, const char *name)
{
	dump_text(r->dump, name, get_span(&r->c, r->c.len));
}

static void put_u32_of(struct record *r, const char *name)
{
	dump_number(r->dump, name, get_u32(&r->c));
}

static void put_u64_of(struct record *r, const char *name)
{
	dump_number(r->dump, name, get_u64(&r->c));
}

static void put_indexes(struct record *r, uint32_t count)
{
	struct cv_text text;

	cv_text_init(&text, r->dump->pool);
	for (uint32_t i = 0; i < count && !r->c.bad; i++)
		cv_text_append_f(&text, "%s%u", i == 0 ? "" : ",",
				 get_u16(&r->c));
	dump_text(r->dump, "keywords", cv_text_span(&text));
}

static void put_ranges(struct record *r, uint32_t count)
{
	struct cv_text text;

	cv_text_init(&text, r->dump->pool);
	for (uint32_t i = 0; i < count && !r->c.bad; i++) {
		uint32_t first = get_u32(&r->c), last = get_u32(&r->c);

		cv_text_append_f(&text, first == last ? "%s%u" : "%s%u:%u",
				 i == 0 ? "" : ",", first, last);
		if (first == 0 || last < first)
			r->c.bad = true;
	}
	dump_text(r->dump, "uids", cv_text_span(&text));
}

static void put_commit(struct record *r)
{
	struct account_guid key;

	put_u64_of(r, "length");
	dump_f(r->dump, "chain", "%08x", get_u32(&r->c));
	put_u32_of(r, "records");
	put_u64_of(r, "durable");
	put_u64_of(r, "time");
	if (r->c.len >= sizeof(key)) {
		key = get_guid(&r->c);
		dump_guid(r->dump, "key", &key);
	}
}

static void put_ended(struct record *r)
{
	dump_text(r->dump, "reason", get_u32(&r->c) == ENDED_SUSPECT ?
		  CV_SPAN("suspect") : CV_SPAN("rotated"));
	(void)get_u32(&r->c);
	put_u64_of(r, "from");
}

static void put_account(struct record *r)
{
	put_u32_of(r, "uidvalidity");
}

static void put_folder(struct record *r)
{
	static const char *const small[] = {
		"uidvalidity", "uidnext", "recent", "attributes",
	};

	put_folder_guid(r);
	for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
		put_u32_of(r, small[i]);
	put_u64_of(r, "highestmodseq");
	put_u64_of(r, "forgotten");
	put_u32_of(r, "messages");
	put_u32_of(r, "unseen");
	put_u64_of(r, "size");
	put_u64_of(r, "virtual_size");
	put_u64_of(r, "snapshot");
	put_u64_of(r, "previous");
	dump_bool(r->dump, "damaged", (get_u32(&r->c) & 1) != 0);
	dump_text(r->dump, "name", get_span(&r->c, get_u32(&r->c)));
}

static void put_name(struct record *r)
{
	put_folder_guid(r);
	put_rest(r, "name");
}

static void put_set(struct record *r)
{
	static const char *const names[] = {
		"attributes", "uidnext", "recent", "repaired",
		"modseq", "taken",
	};
	uint32_t what;

	put_folder_guid(r);
	what = get_u32(&r->c);
	if (what >= sizeof(names) / sizeof(names[0]))
		r->c.bad = true;
	else
		dump_number(r->dump, names[what], get_u32(&r->c));
	if (what == FOLDER_SET_TAKEN)
		put_u64_of(r, "highestmodseq");
}

static void put_reset(struct record *r)
{
	put_folder_guid(r);
	put_u32_of(r, "uidvalidity");
	put_u32_of(r, "uidnext");
}

static void put_state(struct record *r)
{
	put_folder_guid(r);
	put_rest(r, "state");
}

static void put_subscribe(struct record *r)
{
	dump_bool(r->dump, "on", get_u32(&r->c) != 0);
	put_rest(r, "name");
}

static void put_metadata(struct record *r)
{
	uint32_t len;
	bool present;

	put_folder_guid(r);
	len = get_u32(&r->c);
	present = get_u32(&r->c) != 0;
	dump_text(r->dump, "key", get_span(&r->c, len));
	if (present)
		put_rest(r, "value");
	else
		dump_none(r->dump, "value");
}

static void put_keyword(struct record *r)
{
	put_folder_guid(r);
	put_u32_of(r, "index");
	put_rest(r, "name");
}

static void put_append(struct record *r)
{
	struct account_guid guid;
	uint32_t keywords, len;

	put_folder_guid(r);
	guid = get_guid(&r->c);
	put_u32_of(r, "uid");
	dump_guid(r->dump, "guid", &guid);
	dump_flags(r->dump, get_u32(&r->c));
	dump_signed(r->dump, "received", (int64_t)get_u64(&r->c));
	dump_signed(r->dump, "saved", (int64_t)get_u64(&r->c));
	put_u64_of(r, "size");
	put_u64_of(r, "virtual_size");
	put_u64_of(r, "catalogue");
	keywords = get_u16(&r->c);
	len = get_u16(&r->c);
	put_indexes(r, keywords);
	dump_text(r->dump, "blob", get_span(&r->c, len));
	if (r->c.len >= 8)
		put_u64_of(r, "modseq");
}

static void put_flags(struct record *r)
{
	static const char *const operations[] = { "add", "remove", "replace" };
	uint32_t operation, keywords, ranges;

	put_folder_guid(r);
	operation = get_u32(&r->c);
	if (operation > ACCOUNT_FLAGS_REPLACE)
		r->c.bad = true;
	else
		dump_text(r->dump, "operation",
			  cv_span_of(operations[operation]));
	dump_flags(r->dump, get_u32(&r->c));
	keywords = get_u32(&r->c);
	ranges = get_u32(&r->c);
	put_indexes(r, keywords);
	(void)get_bytes(&r->c, keywords % 4 == 0 ? 0 : (4 - keywords % 4) * 2);
	put_ranges(r, ranges);
}

static void put_expunge(struct record *r)
{
	uint32_t ranges;

	put_folder_guid(r);
	ranges = get_u32(&r->c);
	dump_bool(r->dump, "carried", (get_u32(&r->c) & 1) != 0);
	put_ranges(r, ranges);
}

static void put_blob(struct record *r)
{
	put_folder_guid(r);
	put_u32_of(r, "uid");
	dump_text(r->dump, "blob", get_span(&r->c, get_u32(&r->c)));
}

static void put_sizes(struct record *r)
{
	put_folder_guid(r);
	put_u32_of(r, "uid");
	(void)get_u32(&r->c);
	put_u64_of(r, "size");
	put_u64_of(r, "virtual_size");
}

static void put_annotation(struct record *r)
{
	uint32_t present, owner_len, entry_len;

	put_folder_guid(r);
	put_u32_of(r, "uid");
	present = get_u32(&r->c);
	owner_len = get_u16(&r->c);
	entry_len = get_u16(&r->c);
	dump_text(r->dump, "owner", get_span(&r->c, owner_len));
	dump_text(r->dump, "entry", get_span(&r->c, entry_len));
	if (present != 0)
		put_rest(r, "value");
	else
		dump_none(r->dump, "value");
}

static const struct {
	const char *name;
	void (*put)(struct record *r);	/* NULL: opaque */
} record_kinds[RECORD_TYPES] = {
	[RECORD_COMMIT] = { "commit", put_commit },
	[RECORD_ENDED] = { "ended", put_ended },
	[RECORD_ACCOUNT] = { "account", put_account },
	[RECORD_FOLDER] = { "folder", put_folder },
	[RECORD_FOLDER_RENAME] = { "rename", put_name },
	[RECORD_FOLDER_DELETE] = { "delete", put_folder_guid },
	[RECORD_FOLDER_SET] = { "set", put_set },
	[RECORD_FOLDER_RESET] = { "reset", put_reset },
	[RECORD_FOLDER_STATE] = { "state", put_state },
	[RECORD_SUBSCRIBE] = { "subscribe", put_subscribe },
	[RECORD_METADATA] = { "metadata", put_metadata },
	[RECORD_KEYWORD] = { "keyword", put_keyword },
	[RECORD_APPEND] = { "append", put_append },
	[RECORD_BODY] = { "body", NULL },
	[RECORD_CATALOGUE] = { "catalogue", NULL },
	[RECORD_FLAGS] = { "flags", put_flags },
	[RECORD_EXPUNGE] = { "expunge", put_expunge },
	[RECORD_BLOB] = { "blob", put_blob },
	[RECORD_SIZES] = { "sizes", put_sizes },
	[RECORD_ANNOTATION] = { "annotation", put_annotation },
};

/* --- records ------------------------------------------------------------- */

struct walk {
	struct dump *dump;
	struct journal journal;
	struct journal_scan *scan;
	uint64_t searched;
	/* of the group that is going on */
	uint64_t start;
	uint32_t chain, count;
};

static void check_opaque(struct walk *w, const struct journal_record *r,
			 uint64_t at)
{
	struct cv_error err = ERROR_NONE;
	char *data = pool_alloc(w->dump->pool, r->len == 0 ? 1 : r->len);

	if (journal_read_payload(&w->journal, r->offset, r->len,
				 r->payload_crc, data, &err) != CV_OK)
		dump_problem(w->dump, at, "the payload's checksum is wrong");
}

static void put_record(struct walk *w, const struct journal_record *r,
		       uint64_t at)
{
	struct record record = { w->dump, r, { r->data, r->len, false } };
	const char *name = r->type < RECORD_TYPES ? record_kinds[r->type].name :
		"unknown";
	bool opaque = r->data == NULL;

	dump_number(w->dump, "at", at);
	dump_number(w->dump, "txn", r->txn);
	if (r->type >= RECORD_TYPES)
		dump_number(w->dump, "type", r->type);
	else if (!opaque && record_kinds[r->type].put != NULL)
		record_kinds[r->type].put(&record);
	if (opaque || r->type >= RECORD_TYPES)
		dump_number(w->dump, "length", r->len);
	dump_item(w->dump, name);
	if (record.c.bad)
		dump_problem(w->dump, at, "the payload makes no sense");
	if (opaque)
		check_opaque(w, r, at);
}

/* What the commit record says of its group. */
static void check_group(struct walk *w, const struct journal_record *r,
			uint64_t at)
{
	uint64_t len, end = r->offset + format_align(r->len);
	uint32_t chain, count;

	if (r->data == NULL || r->len < COMMIT_PAYLOAD_MIN) {
		dump_problem(w->dump, at, "no commit record");
		return;
	}
	memcpy(&len, r->data, 8);
	memcpy(&chain, r->data + 8, 4);
	memcpy(&count, r->data + 12, 4);
	if (len != end - w->start || chain != w->chain || count != w->count)
		dump_problem(w->dump, at, "the group is not whole: it does "
			     "not count");
}

static void take_record(struct walk *w, const struct journal_record *r,
			uint32_t crc, uint64_t at)
{
	put_record(w, r, at);
	if (r->type == RECORD_COMMIT) {
		check_group(w, r, at);
		w->start = r->offset + format_align(r->len);
		w->chain = w->count = 0;
		return;
	}
	w->chain = crc32c(w->chain, &crc, sizeof(crc));
	w->count++;
}

/* The next place behind `at` where there is a record, or the end. */
static uint64_t find_record(struct walk *w, uint64_t at)
{
	struct journal_record r;
	uint32_t crc;

	while (at < w->dump->size && w->searched < SEARCH_BYTES_MAX) {
		if (journal_scan_get(w->scan, at, &r, &crc, &w->searched))
			return at;
		at += RECORD_ALIGN;
	}
	return w->dump->size;
}

static void walk_records(struct walk *w)
{
	uint64_t at = JOURNAL_HEADER_SIZE;

	w->start = at;
	while (at < w->dump->size) {
		struct journal_record r;
		uint64_t next;
		uint32_t crc;

		if (journal_scan_get(w->scan, at, &r, &crc, &w->searched)) {
			next = r.offset + format_align(r.len);
			take_record(w, &r, crc, at);
			at = next;
			continue;
		}
		next = find_record(w, at);
		dump_problem(w->dump, at, "no valid record up to %llu%s",
			     (unsigned long long)next,
			     next == w->dump->size ? ", the end of the file" :
			     "");
		at = next;
	}
}

/* --- header and verdict -------------------------------------------------- */

static void put_header(struct walk *w)
{
	unsigned char h[JOURNAL_HEADER_SIZE] = { 0 };
	struct journal *j = &w->journal;
	struct dump *d = w->dump;
	uint16_t version[2];
	uint64_t created;
	uint32_t crc, features;
	ssize_t n = meta_load(d->object, 0, h, sizeof(h));

	memcpy(version, h + 8, 4);
	memcpy(&j->guid, h + 16, 16);
	memcpy(&j->generation, h + 32, 8);
	memcpy(&j->salt, h + 40, 8);
	memcpy(&j->base_txn, h + 48, 8);
	memcpy(&j->base_size, h + 56, 8);
	memcpy(&created, h + 64, 8);
	memcpy(&features, h + 72, 4);
	memcpy(&crc, h + sizeof(h) - 4, 4);
	dump_f(d, "version", "%u.%u", version[0], version[1]);
	dump_guid(d, "account", &j->guid);
	dump_number(d, "generation", j->generation);
	dump_f(d, "salt", "%016llx", (unsigned long long)j->salt);
	dump_number(d, "base_txn", j->base_txn);
	dump_number(d, "base_end", j->base_size);
	dump_number(d, "created", created);
	dump_number(d, "file_size", d->size);
	dump_item(d, "journal");
	if (n < (ssize_t)sizeof(h))
		dump_problem(d, 0, "the header is cut short");
	else if (crc != crc32c(0, h, sizeof(h) - 4))
		dump_problem(d, 0, "the header's checksum is wrong: this is "
			     "no journal to any reader");
	else if (version[0] != FORMAT_MAJOR || features != 0)
		dump_problem(d, 8, "a newer version wrote this (features %x)",
			     features);
	j->object = d->object;
	j->end = JOURNAL_HEADER_SIZE;
	journal_reseed(j);
}

/* What the engine makes of it. */
static void put_verdict(struct walk *w)
{
	struct cv_pool *pool = pool_create("journal batch");
	struct journal_batch batch;
	struct cv_error err = ERROR_NONE;
	struct dump *d = w->dump;

	if (journal_read(&w->journal, d->size, pool, &batch, &err) != CV_OK) {
		dump_problem(d, 0, "%s", err.text);
		pool_destroy(&pool);
		return;
	}
	dump_number(d, "at", batch.end);
	dump_number(d, "txn", batch.txn);
	dump_number(d, "durable", batch.synced);
	dump_bool(d, "ended", batch.ended);
	dump_bool(d, "torn", batch.torn);
	dump_bool(d, "damaged", batch.damaged);
	dump_number(d, "undone", batch.undone.count);
	dump_item(d, "end");
	if (batch.salvaged)
		dump_problem(d, JOURNAL_HEADER_SIZE, "the state section is "
			     "damaged: what is left of it counts");
	pool_destroy(&pool);
}

void dump_journal(struct dump *dump)
{
	struct walk w = { .dump = dump };

	put_header(&w);
	w.scan = journal_scan_begin(&w.journal, dump->size);
	walk_records(&w);
	journal_scan_end(&w.scan);
	put_verdict(&w);
}
