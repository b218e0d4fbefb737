/* rows.c - the messages of a loaded folder.
 *
 * Rows 0 .. base.count-1 are the snapshot's, the others came since.  A row of
 * the snapshot is changed in our private copy of its page. */
#include "account-private.h"

#include <errno.h>

enum {
	RUNS_DEAD_MAX = 128,
	GROWTH_LARGE = 65536,		/* rows: from here on by parts */
	ROW_BYTES = 92,			/* all columns */
};

/* --- loading ------------------------------------------------------------- */

static void mark_damaged(struct folder *folder, const char *why)
{
	if (!folder->f.damaged)
		log_error("account", "folder '%s': snapshot %llu is damaged "
			  "(%s): its messages are found again by a scan",
			  folder->f.name,
			  (unsigned long long)folder->snapshot_generation,
			  why);
	folder->f.damaged = true;
	folder->f.account->damaged = true;
	folder->f.account->bad_snapshot = true;
	folder->dirty = folder->bad_snapshot = true;
}

static void map_columns(struct rows *rows, struct snapshot *s)
{
	unsigned char *columns[SECTION_COLUMNS];

	for (int i = 0; i < SECTION_COLUMNS; i++)
		columns[i] = s->map + s->sections[i].offset;
	rows->count = s->rows;
	rows->uid = (uint32_t *)(void *)columns[SECTION_UID];
	rows->flags = (uint32_t *)(void *)columns[SECTION_FLAGS];
	rows->keywords = (uint32_t *)(void *)columns[SECTION_KEYWORDS];
	rows->modseq = (uint64_t *)(void *)columns[SECTION_MODSEQ];
	rows->received = (int64_t *)(void *)columns[SECTION_RECEIVED];
	rows->saved = (int64_t *)(void *)columns[SECTION_SAVED];
	rows->size = (uint64_t *)(void *)columns[SECTION_SIZE];
	rows->virtual_size = (uint64_t *)(void *)columns[SECTION_VIRTUAL];
	rows->guid = (struct account_guid *)(void *)columns[SECTION_GUID];
	rows->blob = (uint64_t *)(void *)columns[SECTION_BLOB];
	rows->catalogue = (uint64_t *)(void *)columns[SECTION_CATALOGUE];
}

static bool load_expunged(struct folder_data *data)
{
	struct cv_span bytes = snapshot_section(&data->snapshot,
						SECTION_EXPUNGED);
	struct format_cursor c = {
		(const unsigned char *)bytes.data, bytes.len, false
	};

	if (bytes.data == NULL)
		return false;
	for (uint32_t i = 0; i < data->snapshot.expunged; i++) {
		struct expunged *e = array_add(&data->expunged);

		e->first = get_u32(&c);
		e->last = get_u32(&c);
		e->modseq = get_u64(&c);
	}
	return true;
}

static void init_data(struct folder_data *data)
{
	cv_text_init(&data->heap, data->pool);
	array_init(&data->keywords, data->pool);
	hash_init(&data->keyword_names, data->pool, true);
	array_init(&data->sets, data->pool);
	(void)array_add(&data->sets);	/* number 0: the empty set */
	data->sets_hashed = false;
	array_init(&data->extras, data->pool);
	array_init(&data->expunged, data->pool);
}

static struct folder_data *data_create(void)
{
	struct cv_pool *pool = pool_create("folder");
	struct folder_data *data = pool_new(pool, struct folder_data);

	data->pool = pool;
	init_data(data);
	return data;
}

static int load_snapshot(struct folder *folder, struct cv_error *err)
{
	struct account *account = folder->f.account;
	struct folder_data *data = folder->data;
	int status = snapshot_open(&data->snapshot, account->meta,
				   &folder->f.guid,
				   folder->snapshot_generation,
				   &account->guid,
				   account->options.mmap_disable, err);

	if (status != CV_OK)
		return status;
	if (data->snapshot.generation != folder->snapshot_generation ||
	    !keyword_sets_parse(data) || !load_expunged(data)) {
		snapshot_close(&data->snapshot);
		return FAIL(err, CV_E_SYNTAX, "snapshot is damaged");
	}
	map_columns(&data->base, &data->snapshot);
	return CV_OK;
}

/* True when the snapshot is missing only because of a rotation since the last
 * refresh: the folder was deleted, or has a newer one.  The old journal may be
 * there still: whoever began the new one has died before it was removed, or a
 * backup has made a link to it. */
static bool rotated_away(struct account *account)
{
	struct cv_pool *pool;
	struct meta_names names;
	struct meta_head head;
	bool newer = false;

	if (meta_head(account->journal.object, &head) < 0 || head.replaced)
		return true;
	pool = pool_create("generations");
	if (meta_list(account->meta, pool, &names) == 0) {
		for (size_t i = 0; i < names.items.count; i++) {
			const struct meta_name *n = &names.items.items[i];

			newer |= n->kind == META_JOURNAL &&
				n->generation > account->journal.generation;
		}
	}
	pool_destroy(&pool);
	return newer;
}

int account_folder_load(struct account_folder *f, struct cv_error *err)
{
	struct folder *folder = folder_of(f);
	struct cv_error error = ERROR_NONE;
	int status = CV_OK;

	if (folder->data != NULL)
		return CV_OK;
	folder->data = data_create();
	if (folder->snapshot_generation == 0)
		return CV_OK;
	status = load_snapshot(folder, &error);
	if (status == CV_OK)
		return CV_OK;
	folder_unload(folder);
	if (status == CV_E_NOT_FOUND && rotated_away(f->account))
		status = CV_E_TEMP;
	if (status != CV_E_SYNTAX && status != CV_E_NOT_FOUND) {
		f->account->must_reload = true;
		if (err != NULL)
			*err = error;
		return status;
	}
	/* whoever still has a deleted folder open has outlived its snapshot */
	if (!f->deleted)
		mark_damaged(folder, error.text);
	folder->data = data_create();
	folder->f.message_count = folder->f.unseen_count = 0;
	folder->f.size_sum = folder->f.virtual_sum = 0;
	folder->f.expunge_floor = folder->f.highestmodseq;
	return CV_OK;
}

/* Never NULL: what cannot be read for now looks empty until the next refresh,
 * which reads everything again. */
struct folder_data *folder_load_now(struct folder *folder)
{
	struct cv_error err = ERROR_NONE;

	if (account_folder_load(&folder->f, &err) != CV_OK) {
		log_debug("account", "folder '%s': %s", folder->f.name,
			  err.text);
		folder->data = data_create();
	}
	return folder->data;
}

void folder_unload(struct folder *folder)
{
	if (folder->data == NULL)
		return;
	snapshot_close(&folder->data->snapshot);
	pool_destroy(&folder->data->pool);
	folder->data = NULL;
}

/* --- access -------------------------------------------------------------- */

struct rows *rows_at(struct folder_data *data, uint32_t row, uint32_t *index_r)
{
	bool in_base = row < data->base.count;

	*index_r = in_base ? row : row - data->base.count;
	BUG_IF(!in_base && *index_r >= data->tail.count);
	return in_base ? &data->base : &data->tail;
}

/* In line, as the calls would be half of what a row costs. */
static inline bool check(struct folder *folder, struct rows *rows,
			 const void *p, size_t len)
{
	if (rows != &folder->data->base ||
	    snapshot_check(&folder->data->snapshot, p, len))
		return true;
	mark_damaged(folder, "block checksum");
	return false;
}

bool rows_check(struct folder *folder, struct rows *rows, const void *p,
		size_t len)
{
	return check(folder, rows, p, len);
}

#define CELL(folder, rows, column, at) \
	(check((folder), (rows), &(rows)->column[at], \
		    sizeof((rows)->column[at])) ? (rows)->column[at] : 0)

uint32_t account_row_count(struct account_folder *folder)
{
	struct folder_data *data = folder_load(folder_of(folder));

	return data->base.count + data->tail.count;
}

uint32_t account_row_uid(struct account_folder *f, uint32_t row)
{
	struct folder *folder = folder_of(f);
	uint32_t at;
	struct rows *rows = rows_at(folder_load(folder), row, &at);

	return CELL(folder, rows, uid, at);
}

struct account_guid account_row_guid(struct account_folder *f, uint32_t row)
{
	struct folder *folder = folder_of(f);
	uint32_t at;
	struct rows *rows = rows_at(folder_load(folder), row, &at);

	return check(folder, rows, &rows->guid[at], sizeof(rows->guid[at])) ?
		rows->guid[at] : (struct account_guid){ { 0 } };
}

/* What cannot be read is not there. */
static inline uint32_t flags_at(struct folder *folder, struct rows *rows,
				uint32_t at)
{
	return check(folder, rows, &rows->flags[at], 4) ? rows->flags[at] :
		ROW_DEAD;
}

static uint32_t row_flags(struct folder *folder, uint32_t row)
{
	uint32_t at;
	struct rows *rows = rows_at(folder_load(folder), row, &at);

	return flags_at(folder, rows, at);
}

uint32_t account_row_flags(struct account_folder *folder, uint32_t row)
{
	return row_flags(folder_of(folder), row) & ROW_FLAGS_DISK;
}

bool account_row_alive(struct account_folder *folder, uint32_t row)
{
	return (row_flags(folder_of(folder), row) & ROW_DEAD) == 0;
}

/* Without a call for each row: there may be a million.  all_live: none of
 * them is known to be dead. */
static uint32_t rows_uids(struct folder *folder, struct rows *rows,
			  bool all_live, uint32_t from, uint32_t *dst)
{
	enum { PART = 4096 };
	uint32_t count = 0;

	while (from < rows->count) {
		uint32_t end = rows->count - from < PART ? rows->count :
			from + PART;
		uint32_t part = end - from;

		/* of a damaged part nothing is there */
		if (!rows_check(folder, rows, &rows->uid[from],
				part * sizeof(*rows->uid)) ||
		    (!all_live &&
		     !rows_check(folder, rows, &rows->flags[from],
				 part * sizeof(*rows->flags)))) {
			from = end;
		} else if (all_live) {
			memcpy(dst + count, rows->uid + from,
			       part * sizeof(*dst));
			count += part;
			from = end;
		}
		for (; from < end; from++) {
			dst[count] = rows->uid[from];
			count += (rows->flags[from] & ROW_DEAD) == 0;
		}
	}
	return count;
}

/* --- UIDs as runs -------------------------------------------------------- */

struct run_list {
	struct account_run *runs;
	uint32_t room, count;
	uint32_t living, last;		/* so far; the UID behind them */
	/* what was expunged since the snapshot, sorted */
	struct account_range dead[RUNS_DEAD_MAX];
	uint32_t dead_count, dead_at;
};

static bool collect_dead(struct folder_data *data, struct run_list *list)
{
	size_t from = data->snapshot.expunged;

	if (data->expunged.count > from + RUNS_DEAD_MAX)
		return false;
	for (; from < data->expunged.count; from++) {
		const struct expunged *e = &data->expunged.items[from];
		uint32_t at = list->dead_count++;

		for (; at > 0 && list->dead[at - 1].first > e->first; at--)
			list->dead[at] = list->dead[at - 1];
		list->dead[at] = (struct account_range){ e->first, e->last };
	}
	return true;
}

static bool add_living(struct run_list *list, uint32_t first, uint32_t last)
{
	if (list->count == 0 || list->last != first - 1) {
		if (list->count == list->room)
			return false;
		list->runs[list->count++] = (struct account_run){
			list->living, first,
		};
	}
	list->living += last - first + 1;
	list->last = last;
	return true;
}

/* The rows of first to last are all there; some may be dead. */
static bool add_rows(struct run_list *list, uint32_t first, uint32_t last)
{
	for (; list->dead_at < list->dead_count; list->dead_at++) {
		const struct account_range *dead = &list->dead[list->dead_at];

		if (dead->first > last)
			break;
		if (dead->last < first)
			continue;
		if (dead->first > first &&
		    !add_living(list, first, dead->first - 1))
			return false;
		if (dead->last >= last)
			return true;
		first = dead->last + 1;
	}
	return add_living(list, first, last);
}

/* Rows are in the order of their UIDs, each once: as many as there are numbers
 * between the ends have no gap.  Others are looked at in halves. */
static bool find_runs(struct account_folder *f, uint32_t low, uint32_t high,
		      struct run_list *list)
{
	struct { uint32_t low, high; } left[32];
	uint32_t depth = 0, next = 1;

	for (;;) {
		uint32_t first = account_row_uid(f, low);
		uint32_t last = account_row_uid(f, high);

		if (first < next || last < first ||
		    last - first < high - low || last == UINT32_MAX ||
		    f->damaged)
			return false;
		if (last - first > high - low) {
			left[depth].low = low + (high - low) / 2 + 1;
			left[depth++].high = high;
			high = low + (high - low) / 2;
			continue;
		}
		if (!add_rows(list, first, last))
			return false;
		next = last + 1;
		if (depth == 0)
			return true;
		low = left[--depth].low;
		high = left[depth].high;
	}
}

bool account_uids_runs(struct account_folder *f, uint32_t row,
		       struct account_run *runs, uint32_t room,
		       uint32_t *count_r, uint32_t *living_r)
{
	struct run_list list = { .runs = runs, .room = room };
	struct folder_data *data = folder_load(folder_of(f));
	uint32_t rows = data->base.count + data->tail.count;

	*count_r = *living_r = 0;
	if (row < rows && (!collect_dead(data, &list) ||
			   !find_runs(f, row, rows - 1, &list)))
		return false;
	*count_r = list.count;
	*living_r = list.living;
	return row > 0 || list.living == f->message_count;
}

uint32_t account_uids(struct account_folder *f, uint32_t row, uint32_t *dst)
{
	struct folder *folder = folder_of(f);
	struct folder_data *data = folder_load(folder);
	uint32_t base = data->base.count, count = 0;
	bool all_live = f->message_count == base + data->tail.count;

	if (row < base)
		count = rows_uids(folder, &data->base, all_live, row, dst);
	if (row < base + data->tail.count)
		count += rows_uids(folder, &data->tail, all_live,
				   row < base ? 0 : row - base, dst + count);
	return count;
}

uint64_t account_row_modseq(struct account_folder *f, uint32_t row)
{
	struct folder *folder = folder_of(f);
	uint32_t at;
	struct rows *rows = rows_at(folder_load(folder), row, &at);

	return CELL(folder, rows, modseq, at);
}

static struct account_keywords keyword_set_at(struct folder_data *data,
					      uint32_t number)
{
	struct keyword_set *set;

	if (number >= data->sets.count)
		number = 0;
	set = &data->sets.items[number];
	return (struct account_keywords){ set->indexes, set->count };
}

struct account_keywords account_row_keywords(struct account_folder *f,
					     uint32_t row)
{
	struct folder *folder = folder_of(f);
	struct folder_data *data = folder_load(folder);
	uint32_t at;
	struct rows *rows = rows_at(data, row, &at);

	return keyword_set_at(data, CELL(folder, rows, keywords, at));
}

static uint32_t lower(struct folder *folder, struct rows *rows, uint32_t uid)
{
	uint32_t low = 0, high = rows->count;

	/* UIDs mostly have no gaps: guess, then search the rest */
	if (high > 0) {
		uint32_t first = CELL(folder, rows, uid, 0);

		if (uid <= first)
			return 0;
		if (uid - first < high) {
			/* UIDs ascend, so row uid-first has a UID >= uid */
			high = uid - first + 1;
			if (CELL(folder, rows, uid, high - 2) < uid)
				low = high - 1;
		}
	}
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (CELL(folder, rows, uid, middle) < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t account_row_lower(struct account_folder *f, uint32_t uid)
{
	struct folder *folder = folder_of(f);
	struct folder_data *data = folder_load(folder);
	uint32_t row = lower(folder, &data->base, uid);

	if (row < data->base.count)
		return row;
	return row + lower(folder, &data->tail, uid);
}

bool account_row_find(struct account_folder *folder, uint32_t uid,
		      uint32_t *row_r)
{
	uint32_t row = account_row_lower(folder, uid);

	if (row >= account_row_count(folder) ||
	    account_row_uid(folder, row) != uid ||
	    !account_row_alive(folder, row))
		return false;
	*row_r = row;
	return true;
}

static struct cv_span row_blob(struct folder *folder, struct rows *rows,
			       uint32_t at)
{
	struct folder_data *data = folder->data;
	uint64_t blob = CELL(folder, rows, blob, at);
	uint64_t offset = BLOB_OFFSET(blob);
	size_t len = BLOB_LEN(blob);
	const char *p;

	if ((blob & BLOB_HEAP) != 0)
		return offset + len > data->heap.len ? CV_SPAN_NONE :
			cv_span(data->heap.data + offset, len);
	if (data->snapshot.map == NULL ||
	    offset + len > data->snapshot.sections[SECTION_HEAP].len)
		return CV_SPAN_NONE;
	p = (const char *)data->snapshot.map +
		data->snapshot.sections[SECTION_HEAP].offset + offset;
	if (len == 0 || !rows_check(folder, rows, p, len))
		return CV_SPAN_NONE;
	return cv_span(p, len);
}

struct cv_span rows_blob(struct folder *folder, uint32_t row)
{
	uint32_t at;
	struct rows *rows = rows_at(folder->data, row, &at);

	return row_blob(folder, rows, at);
}

void rows_get(struct folder *folder, uint32_t row, struct row_values *v)
{
	struct folder_data *data = folder_load(folder);
	uint32_t at;
	struct rows *rows = rows_at(data, row, &at);

	*v = (struct row_values){
		.uid = CELL(folder, rows, uid, at),
		.flags = flags_at(folder, rows, at),
		.keywords = CELL(folder, rows, keywords, at),
		.modseq = CELL(folder, rows, modseq, at),
		.size = CELL(folder, rows, size, at),
		.virtual_size = CELL(folder, rows, virtual_size, at),
		.catalogue = CELL(folder, rows, catalogue, at),
		.received = CELL(folder, rows, received, at),
		.saved = CELL(folder, rows, saved, at),
		.blob = row_blob(folder, rows, at),
	};
	if (check(folder, rows, &rows->guid[at], sizeof(v->guid)))
		v->guid = rows->guid[at];
	if (v->keywords >= data->sets.count)
		v->keywords = 0;
}

void account_row_get(struct account_folder *folder, uint32_t row,
		     struct account_message *m)
{
	struct folder_data *data;
	struct row_values v;
	struct row_extra *extra;

	rows_get(folder_of(folder), row, &v);
	data = folder_of(folder)->data;
	extra = data->extras.count == 0 ? NULL :
		rows_find_extra(data, v.uid);
	*m = (struct account_message){
		.uid = v.uid,
		.flags = v.flags & ROW_FLAGS_DISK,
		.keywords = keyword_set_at(data, v.keywords),
		.modseq = v.modseq,
		.received = v.received,
		.saved = v.saved,
		.size = v.size,
		.virtual_size = v.virtual_size,
		.guid = v.guid,
		.blob = v.blob,
		.has_body = extra != NULL && extra->body.offset != 0,
		.written = v.modseq,
	};
	if (m->has_body && extra->body_txn > m->written)
		m->written = extra->body_txn;
}

/* --- changing ------------------------------------------------------------ */

void rows_touch(struct folder *folder, uint32_t row)
{
	struct folder_data *data = folder->data;

	folder->dirty = true;
	if (row >= data->base.count ||
	    !rows_check(folder, &data->base, &data->base.flags[row], 4) ||
	    (data->base.flags[row] & ROW_TOUCHED) != 0)
		return;
	data->base.flags[row] |= ROW_TOUCHED;
	data->touched++;
}

#define GROW(rows, pool, column, room) ((rows)->column = pool_grow((pool), \
	(rows)->column, (rows)->count * sizeof(*(rows)->column), \
	(size_t)(room) * sizeof(*(rows)->column)))

static uint32_t more_room(uint32_t room)
{
	return room == 0 ? 16 : room < GROWTH_LARGE ? room * 2 :
		room + room / 4;
}

/* What grows may have to move, and is there twice until it has. */
uint64_t rows_growth(const struct folder *folder, uint64_t records,
		     uint64_t bytes)
{
	const struct folder_data *data = folder->data;
	uint64_t growth = 0, rows, room;

	if (data == NULL)
		return (uint64_t)more_room(0) * ROW_BYTES;
	rows = data->tail.count + records;
	room = more_room(data->tail.room);
	if (rows > data->tail.room)
		growth = (rows > room ? rows + rows / 4 : room) * ROW_BYTES;
	if (data->heap.len + bytes >= data->heap.room)
		growth += (data->heap.len + bytes) / 8 * 9;
	return growth;
}

static void grow_tail(struct folder_data *data)
{
	struct rows *tail = &data->tail;
	uint32_t room = more_room(tail->room);

	if (tail->count < tail->room)
		return;
	GROW(tail, data->pool, uid, room);
	GROW(tail, data->pool, flags, room);
	GROW(tail, data->pool, keywords, room);
	GROW(tail, data->pool, modseq, room);
	GROW(tail, data->pool, received, room);
	GROW(tail, data->pool, saved, room);
	GROW(tail, data->pool, size, room);
	GROW(tail, data->pool, virtual_size, room);
	GROW(tail, data->pool, guid, room);
	GROW(tail, data->pool, blob, room);
	GROW(tail, data->pool, catalogue, room);
	tail->room = room;
}

static uint64_t heap_add(struct folder_data *data, struct cv_span blob)
{
	uint64_t offset = data->heap.len;

	if (blob.len > ACCOUNT_BLOB_MAX)
		blob.len = ACCOUNT_BLOB_MAX;
	cv_text_append_span(&data->heap, blob);
	return BLOB_HEAP | BLOB_PLACE(offset, blob.len);
}

#define SET_CELL(folder, rows, column, at, value) do { \
	if (rows_check((folder), (rows), &(rows)->column[at], \
		       sizeof((rows)->column[at]))) \
		(rows)->column[at] = (value); \
} while (0)

void rows_set(struct folder *folder, uint32_t row, const struct row_values *v)
{
	struct folder_data *data = folder_load(folder);
	uint32_t at, keep;
	struct rows *rows = rows_at(data, row, &at);

	rows_touch(folder, row);
	keep = row_flags(folder, row) & ROW_TOUCHED;
	SET_CELL(folder, rows, uid, at, v->uid);
	SET_CELL(folder, rows, flags, at,
		 (v->flags & (ROW_FLAGS_DISK | ROW_DEAD)) | keep);
	SET_CELL(folder, rows, keywords, at, v->keywords);
	SET_CELL(folder, rows, modseq, at, v->modseq);
	SET_CELL(folder, rows, received, at, v->received);
	SET_CELL(folder, rows, saved, at, v->saved);
	SET_CELL(folder, rows, size, at, v->size);
	SET_CELL(folder, rows, virtual_size, at, v->virtual_size);
	SET_CELL(folder, rows, guid, at, v->guid);
	SET_CELL(folder, rows, catalogue, at, v->catalogue);
	if (!cv_span_equal(row_blob(folder, rows, at), v->blob))
		SET_CELL(folder, rows, blob, at, heap_add(data, v->blob));
}

void rows_append(struct folder *folder, const struct row_values *v)
{
	struct folder_data *data = folder_load(folder);
	uint32_t at = data->tail.count;

	grow_tail(data);
	data->tail.count++;
	data->tail.blob[at] = heap_add(data, v->blob);
	rows_set(folder, data->base.count + at, v);
}

struct row_extra *rows_find_extra(struct folder_data *data, uint32_t uid)
{
	size_t low = 0, high = data->extras.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (data->extras.items[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < data->extras.count &&
		data->extras.items[low].uid == uid ?
		&data->extras.items[low] : NULL;
}

struct row_extra *rows_add_extra(struct folder_data *data, uint32_t uid)
{
	struct row_extra *extra = rows_find_extra(data, uid);

	if (extra != NULL)
		return extra;
	/* records come in order of UID; anything else is damage */
	if (data->extras.count > 0 &&
	    data->extras.items[data->extras.count - 1].uid >= uid)
		return NULL;
	extra = array_add(&data->extras);
	extra->uid = uid;
	return extra;
}
