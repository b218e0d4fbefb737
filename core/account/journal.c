/* journal.c - header, and reading groups of records. */
#include "journal.h"

#include <errno.h>

enum {
	WINDOW_SIZE = 256 * 1024,
	/* how far behind a bad record good ones are looked for */
	DAMAGE_SCAN_MAX = 64 * 1024 * 1024,
	/* what checksums of no records may cost in a damaged state section */
	SALVAGE_COST_MAX = 256 * 1024 * 1024,
};

/* --- header -------------------------------------------------------------- */

/* The CRC of each record starts from this: a record of another account,
 * generation or attempt at a generation cannot pass. */
static uint32_t journal_seed(const struct journal *j)
{
	uint32_t crc = crc32c(0, j->guid.bytes, sizeof(j->guid.bytes));

	crc = crc32c(crc, &j->generation, sizeof(j->generation));
	return crc32c(crc, &j->salt, sizeof(j->salt));
}

void journal_reseed(struct journal *journal)
{
	journal->seed = journal_seed(journal);
}

void journal_init(struct journal *journal, const struct account_guid *guid,
		  uint64_t generation)
{
	*journal = (struct journal){
		.guid = *guid,
		.generation = generation,
		.end = JOURNAL_HEADER_SIZE,
	};
	random_bytes(&journal->salt, sizeof(journal->salt));
	journal->seed = journal_seed(journal);
}

void journal_format_header(const struct journal *journal,
			   unsigned char dst[JOURNAL_HEADER_SIZE])
{
	uint16_t version[2] = { FORMAT_MAJOR, FORMAT_MINOR };
	uint32_t size = JOURNAL_HEADER_SIZE, crc;
	uint64_t now = time_now_usecs();

	memset(dst, 0, JOURNAL_HEADER_SIZE);
	memcpy(dst, JOURNAL_MAGIC, 8);
	memcpy(dst + 8, version, 4);
	memcpy(dst + 12, &size, 4);
	memcpy(dst + 16, journal->guid.bytes, 16);
	memcpy(dst + 32, &journal->generation, 8);
	memcpy(dst + 40, &journal->salt, 8);
	memcpy(dst + 48, &journal->base_txn, 8);
	memcpy(dst + 56, &journal->base_size, 8);
	memcpy(dst + 64, &now, 8);
	crc = crc32c(0, dst, JOURNAL_HEADER_SIZE - 4);
	memcpy(dst + JOURNAL_HEADER_SIZE - 4, &crc, 4);
}

static int parse_header(struct journal *j, const unsigned char *src,
			uint64_t generation, struct cv_error *err)
{
	uint16_t major;
	uint32_t crc, flags;

	if (memcmp(src, JOURNAL_MAGIC, 8) != 0)
		return FAIL(err, CV_E_SYNTAX, "no journal: wrong magic");
	memcpy(&crc, src + JOURNAL_HEADER_SIZE - 4, 4);
	if (crc != crc32c(0, src, JOURNAL_HEADER_SIZE - 4))
		return FAIL(err, CV_E_SYNTAX, "journal header is damaged");
	memcpy(&major, src + 8, 2);
	memcpy(&flags, src + 72, 4);
	if (major != FORMAT_MAJOR || flags != 0)
		return FAIL(err, CV_E_UNSUPPORTED,
			    "journal has format %u (features 0x%x), this "
			    "program reads format %u: it was written by a "
			    "newer version; upgrade this one", major, flags,
			    FORMAT_MAJOR);
	memcpy(j->guid.bytes, src + 16, 16);
	memcpy(&j->generation, src + 32, 8);
	memcpy(&j->salt, src + 40, 8);
	memcpy(&j->base_txn, src + 48, 8);
	memcpy(&j->base_size, src + 56, 8);
	if (j->generation != generation)
		return FAIL(err, CV_E_SYNTAX, "journal is of generation %llu",
			    (unsigned long long)j->generation);
	return CV_OK;
}

int journal_open(struct journal *journal, struct meta_object *object,
		 uint64_t generation, struct cv_error *err)
{
	unsigned char header[JOURNAL_HEADER_SIZE];
	ssize_t n = meta_load(object, 0, header, sizeof(header));
	struct journal j = { .object = object, .end = JOURNAL_HEADER_SIZE };
	int status;

	if (n < 0)
		return FAIL_ERRNO(err, errno, "cannot read journal");
	if (n < (ssize_t)sizeof(header))
		return FAIL(err, CV_E_SYNTAX, "journal is cut short");
	status = parse_header(&j, header, generation, err);
	if (status != CV_OK)
		return status;
	j.seed = journal_seed(&j);
	*journal = j;
	return CV_OK;
}

void journal_close(struct journal *journal)
{
	meta_release(&journal->object);
}

/* --- a window on the file ------------------------------------------------ */

struct reader {
	struct journal *journal;
	uint64_t size;		/* of the file, as far as we look */
	struct cv_pool *pool;
	unsigned char *window;
	size_t room, len;
	uint64_t offset;	/* of the window */
	int error;		/* errno of a failed read */
};

/* len bytes at offset, or NULL (past the end, or error set). */
static const unsigned char *reader_get(struct reader *r, uint64_t offset,
				       size_t len)
{
	uint64_t left;
	ssize_t n;

	if (offset > r->size || r->size - offset < len)
		return NULL;
	if (offset >= r->offset && offset - r->offset <= r->len &&
	    r->len - (offset - r->offset) >= len)
		return r->window + (offset - r->offset);
	left = r->size - offset;
	if (len > r->room || r->window == NULL) {
		/* a short refresh needs a short window only */
		r->room = left < WINDOW_SIZE ? left : WINDOW_SIZE;
		if (r->room < len)
			r->room = len;
		r->window = pool_alloc_raw(r->pool, r->room);
	}
	r->offset = offset;
	r->len = 0;
	n = meta_load(r->journal->object, offset, r->window,
		      left < r->room ? (size_t)left : r->room);
	if (n < 0) {
		r->error = errno;
		return NULL;
	}
	r->len = (size_t)n;
	return r->len < len ? NULL : r->window;
}

/* --- records ------------------------------------------------------------- */

static uint32_t record_crc(const struct journal *j, uint64_t offset,
			   const unsigned char *header)
{
	uint32_t crc = crc32c(j->seed, &offset, sizeof(offset));

	return crc32c(crc, header, RECORD_HEADER_SIZE - 4);
}

/* Parses the record at offset.  False when there is no valid one.  data
 * points into the window; *crc_r is the record's CRC. */
static bool record_parse(struct reader *r, uint64_t offset,
			 struct journal_record *record, uint32_t *crc_r)
{
	const unsigned char *p = reader_get(r, offset, RECORD_HEADER_SIZE);
	uint32_t crc;

	if (p == NULL)
		return false;
	memcpy(&record->len, p, 4);
	memcpy(&record->type, p + 4, 2);
	memcpy(&record->flags, p + 6, 2);
	memcpy(&record->txn, p + 8, 8);
	memcpy(&record->payload_crc, p + 16, 4);
	memcpy(crc_r, p + 20, 4);
	record->offset = offset + RECORD_HEADER_SIZE;
	record->data = NULL;
	if (record->type == 0 || record->len > RECORD_PAYLOAD_MAX ||
	    r->size - record->offset < format_align(record->len))
		return false;
	crc = record_crc(r->journal, offset, p);
	if ((record->flags & RECORD_OPAQUE) == 0) {
		/* the header may move with the window */
		p = reader_get(r, offset, RECORD_HEADER_SIZE + record->len);
		if (p == NULL)
			return false;
		record->data = p + RECORD_HEADER_SIZE;
		crc = crc32c(crc, record->data, record->len);
	}
	return crc == *crc_r;
}

static uint64_t record_end(const struct journal_record *record)
{
	return record->offset + format_align(record->len);
}

struct commit {
	uint64_t length;
	uint32_t chain, count;
	uint64_t synced;
	int64_t time;
};

static bool commit_parse(const struct journal_record *record,
			 struct commit *commit)
{
	const unsigned char *p = record->data;

	if (record->type != RECORD_COMMIT || p == NULL ||
	    record->len < COMMIT_PAYLOAD_MIN ||
	    record->len > COMMIT_PAYLOAD_MAX)
		return false;
	memcpy(&commit->length, p, 8);
	memcpy(&commit->chain, p + 8, 4);
	memcpy(&commit->count, p + 12, 4);
	memcpy(&commit->synced, p + 16, 8);
	memcpy(&commit->time, p + 24, 8);
	return true;
}

/* --- groups -------------------------------------------------------------- */

struct group {
	uint64_t start, end;
	size_t first, last;	/* records [first, last) of the batch */
	uint64_t txn, payload_bytes;
	int64_t time;
	struct commit commit;
};

struct parse {
	struct reader reader;
	struct cv_pool *pool;		/* what stays */
	struct journal_batch *batch;
	ARRAY(struct group) groups;
	uint64_t txn;			/* of the last good group */
	uint64_t synced;
	bool base;			/* the state section comes next */
};

static struct journal_record *keep_record(struct parse *parse,
					  const struct journal_record *record)
{
	struct journal_record *copy = array_add(&parse->batch->records);

	*copy = *record;
	if (record->data != NULL)
		copy->data = (unsigned char *)pool_copy(parse->pool,
			record->data, record->len);
	return copy;
}

static bool group_numbers_fit(const struct parse *parse, uint64_t txn,
			      uint64_t record_txn)
{
	return parse->base ? record_txn <= txn : record_txn == txn;
}

/* Reads the group at start; false when it is not complete and valid. */
static bool parse_group(struct parse *parse, uint64_t start,
			struct group *group)
{
	uint64_t offset = start, txn = 0;
	uint32_t chain = 0, count = 0, crc;
	struct journal_record record;

	group->start = start;
	group->first = parse->batch->records.count;
	group->payload_bytes = 0;
	for (;;) {
		if (!record_parse(&parse->reader, offset, &record, &crc) ||
		    record.type == RECORD_ENDED)
			return false;
		if (record.type == RECORD_COMMIT)
			break;
		if (txn < record.txn)
			txn = record.txn;
		chain = crc32c(chain, &crc, sizeof(crc));
		count++;
		keep_record(parse, &record);
		if (record.data != NULL)
			group->payload_bytes += record.len;
		offset = record_end(&record);
	}
	if (!commit_parse(&record, &group->commit))
		return false;
	group->end = record_end(&record);
	group->txn = record.txn;
	group->time = group->commit.time;
	keep_record(parse, &record);
	group->last = parse->batch->records.count;
	if (group->commit.length != group->end - start ||
	    group->commit.chain != chain || group->commit.count != count ||
	    txn > group->txn || (!parse->base && group->txn <= parse->txn))
		return false;
	for (size_t i = group->first; i < group->last; i++) {
		if (!group_numbers_fit(parse, group->txn,
				parse->batch->records.items[i].txn))
			return false;
	}
	return true;
}

/* Looks behind a bad group for proof that it was once durable: a commit whose
 * writer had already synced past it.  Then this is damage and not a torn
 * tail.  *resume_r: where good groups may go on. */
static bool find_damage(struct parse *parse, uint64_t start,
			uint64_t *resume_r)
{
	struct reader *r = &parse->reader;
	uint64_t limit = r->size - start > DAMAGE_SCAN_MAX ?
		start + DAMAGE_SCAN_MAX : r->size;
	uint64_t resume = 0;

	for (uint64_t at = start; at + COMMIT_SIZE_MIN <= limit;
	     at += RECORD_ALIGN) {
		struct journal_record record;
		struct commit commit;
		uint32_t crc, len;
		const unsigned char *p = reader_get(r, at, COMMIT_SIZE_MIN);

		if (p == NULL)
			return false;
		memcpy(&len, p, 4);
		if (len < COMMIT_PAYLOAD_MIN ||
		    len > COMMIT_PAYLOAD_MAX ||
		    !record_parse(r, at, &record, &crc) ||
		    !commit_parse(&record, &commit))
			continue;
		if (resume == 0) {
			resume = record_end(&record);
			if (commit.length < resume - start)
				resume -= commit.length;
		}
		if (commit.synced > start) {
			*resume_r = resume;
			return true;
		}
	}
	return false;
}

/* A record that says that the journal goes on elsewhere. */
static bool parse_ended(struct parse *parse, uint64_t offset)
{
	struct journal_record record;
	uint32_t reason, crc;
	uint64_t from;

	if (!record_parse(&parse->reader, offset, &record, &crc) ||
	    record.type != RECORD_ENDED || record.data == NULL ||
	    record.len != 16)
		return false;
	parse->batch->ended = true;
	memcpy(&reason, record.data, 4);
	memcpy(&from, record.data + 8, 8);
	if (reason == ENDED_SUSPECT) {
		while (parse->groups.count > 0 && parse->groups.items[
				parse->groups.count - 1].start >= from) {
			struct group *g = &parse->groups.items[
				--parse->groups.count];

			for (size_t i = g->first; i < g->last; i++)
				*array_add(&parse->batch->undone) =
					parse->batch->records.items[i];
			parse->batch->records.count = g->first;
		}
	}
	return true;
}

/* The records between two places that are right by themselves. */
static void salvage_records(struct parse *parse, uint64_t at, uint64_t end)
{
	struct reader *r = &parse->reader;
	uint64_t cost = 0;

	while (at < end && r->error == 0 && cost < SALVAGE_COST_MAX) {
		struct journal_record record = { 0 };
		uint32_t crc;

		if (!record_parse(r, at, &record, &crc) ||
		    record_end(&record) > end) {
			cost += record.len <= RECORD_PAYLOAD_MAX ?
				record.len : 0;
			at += RECORD_ALIGN;
			continue;
		}
		if (record.type != RECORD_COMMIT &&
		    record.type != RECORD_ENDED &&
		    record.txn <= r->journal->base_txn)
			keep_record(parse, &record);
		at = record_end(&record);
	}
}

/* The state section was whole and durable before the file had its name: it is
 * damaged.  What is right of it counts, and a commit takes the place of the
 * one that cannot be trusted.  Returns where the groups go on. */
static uint64_t salvage_base(struct parse *parse)
{
	struct journal *journal = parse->reader.journal;
	uint64_t size = parse->reader.size, end = journal->base_size;
	struct journal_record *last;

	if (end < JOURNAL_HEADER_SIZE || end > size || end % RECORD_ALIGN != 0)
		end = size;
	salvage_records(parse, JOURNAL_HEADER_SIZE, end);
	last = array_add(&parse->batch->records);
	last->type = RECORD_COMMIT;
	last->txn = parse->txn = parse->batch->txn = journal->base_txn;
	parse->batch->salvaged = parse->batch->damaged = true;
	parse->batch->end = end;
	parse->base = false;
	return end;
}

static void parse_groups(struct parse *parse)
{
	uint64_t offset = parse->reader.journal->end, resume;
	uint64_t size = parse->reader.size;

	if (parse->base && offset >= size)
		offset = salvage_base(parse);	/* cut behind the header */
	while (offset < size) {
		size_t kept = parse->batch->records.count;
		struct group group;

		if (parse_ended(parse, offset))
			return;
		if (parse_group(parse, offset, &group)) {
			*array_add(&parse->groups) = group;
			parse->txn = group.txn;
			parse->base = false;
			if (parse->synced < group.commit.synced)
				parse->synced = group.commit.synced;
			offset = group.end;
			continue;
		}
		parse->batch->records.count = kept;
		if (parse->reader.error != 0)
			return;
		if (parse->base) {
			offset = salvage_base(parse);
			continue;
		}
		if (!find_damage(parse, offset, &resume) ||
		    resume <= offset) {
			parse->batch->torn = true;
			return;
		}
		parse->batch->damaged = true;
		parse->base = false;
		offset = resume;
	}
}

/* False when an opaque payload of the group does not match its CRC. */
static bool group_payloads_ok(struct parse *parse, const struct group *group)
{
	for (size_t i = group->first; i < group->last; i++) {
		struct journal_record *record =
			&parse->batch->records.items[i];
		const unsigned char *p;

		if ((record->flags & RECORD_OPAQUE) == 0)
			continue;
		p = reader_get(&parse->reader, record->offset, record->len);
		if (p == NULL ||
		    crc32c(0, p, record->len) != record->payload_crc)
			return false;
	}
	return true;
}

/* Groups that a power cut may have torn are checked with their payloads; the
 * others were durable before the last commit was written. */
static void check_payloads(struct parse *parse)
{
	uint64_t synced = parse->synced;

	if (synced < parse->reader.journal->synced)
		synced = parse->reader.journal->synced;
	for (size_t i = 0; i < parse->groups.count; i++) {
		struct group *group = &parse->groups.items[i];

		if (group->start < synced ||
		    group_payloads_ok(parse, group))
			continue;
		if (parse->reader.error != 0)
			return;
		parse->groups.count = i;
		parse->batch->records.count = group->first;
		parse->batch->undone.count = 0;
		parse->batch->torn = true;
		parse->batch->ended = false;
	}
}

int journal_read(struct journal *journal, uint64_t size, struct cv_pool *pool,
		 struct journal_batch *batch_r, struct cv_error *err)
{
	struct cv_pool *tmp = pool_create("journal read");
	struct parse parse = {
		.reader = { .journal = journal, .size = size, .pool = tmp },
		.pool = pool,
		.batch = batch_r,
		.txn = journal->txn,
		.synced = journal->synced,
		.base = journal->end == JOURNAL_HEADER_SIZE,
	};

	*batch_r = (struct journal_batch){
		.end = journal->end,
		.txn = journal->txn,
		.commit_time = journal->commit_time,
	};
	array_init(&batch_r->records, pool);
	array_init(&batch_r->undone, pool);
	array_init(&parse.groups, tmp);
	parse_groups(&parse);
	if (parse.reader.error == 0)
		check_payloads(&parse);
	for (size_t i = 0; i < parse.groups.count; i++) {
		struct group *group = &parse.groups.items[i];

		batch_r->end = group->end;
		batch_r->txn = group->txn;
		batch_r->commit_time = group->time;
		batch_r->payload_bytes += group->payload_bytes;
	}
	batch_r->synced = parse.synced < batch_r->end ? parse.synced :
		batch_r->end;
	pool_destroy(&tmp);
	if (parse.reader.error != 0)
		return FAIL_ERRNO(err, parse.reader.error,
				  "cannot read journal");
	return CV_OK;
}

void journal_accept(struct journal *journal,
		    const struct journal_batch *batch)
{
	journal->end = batch->end;
	journal->txn = batch->txn;
	if (journal->synced < batch->synced)
		journal->synced = batch->synced;
	journal->payload_bytes += batch->payload_bytes;
	journal->commit_time = batch->commit_time;
}

int journal_read_payload(const struct journal *journal, uint64_t offset,
			 uint32_t len, uint32_t crc, void *dst,
			 struct cv_error *err)
{
	ssize_t n = meta_load(journal->object, offset, dst, len);

	if (n < 0)
		return FAIL_ERRNO(err, errno, "cannot read journal");
	if ((uint32_t)n != len || crc32c(0, dst, len) != crc)
		return FAIL(err, CV_E_SYNTAX,
			    "journal is damaged at offset %llu",
			    (unsigned long long)offset);
	return CV_OK;
}

/* --- one by one ---------------------------------------------------------- */

struct journal_scan { struct reader reader; };

struct journal_scan *journal_scan_begin(struct journal *journal, uint64_t size)
{
	struct cv_pool *pool = pool_create("journal scan");
	struct journal_scan *scan = pool_new(pool, struct journal_scan);

	scan->reader = (struct reader){ .journal = journal, .size = size,
					.pool = pool };
	return scan;
}

bool journal_scan_get(struct journal_scan *scan, uint64_t offset,
		      struct journal_record *record, uint32_t *crc_r,
		      uint64_t *cost)
{
	*record = (struct journal_record){ 0 };
	if (record_parse(&scan->reader, offset, record, crc_r))
		return true;
	/* only what looks like a record was read to its end */
	*cost += RECORD_HEADER_SIZE;
	if (record->len <= RECORD_PAYLOAD_MAX)
		*cost += record->len;
	return false;
}

void journal_scan_end(struct journal_scan **scan)
{
	struct cv_pool *pool = (*scan)->reader.pool;

	*scan = NULL;
	pool_destroy(&pool);
}
