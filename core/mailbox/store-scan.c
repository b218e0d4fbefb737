/* store-scan.c - what other programs did to a folder's blobs becomes records
 * of the journal.
 *
 * The scan itself holds no lock.  Under the lock only the difference is
 * applied, and only to messages that nobody has changed since the scan began.
 * A blob is gone when two scans have missed it and it cannot be found by name
 * either.  What this run of the machine cannot have lost (was_lost) is
 * believed to the disk; what a power cut may have undone, to the journal. */
#include "mailbox-private.h"

#include <stdlib.h>

enum { TOMBSTONE_BYTES_MAX = 512 * 1024, TOMBSTONE_KEYS_MAX = 64,
       SEARCHES_MAX = 100 };

struct found {
	struct cv_found f;
	uint32_t uid;			/* from the takeover, 0: none */
	uint32_t place;			/* in the order of the scan; 0: the
					 * driver knows of none */
	bool known;
	bool mirror;			/* other keywords than shown */
	int64_t time;			/* of its name, to sort by */
	struct cv_keywords shown;
};

struct scan {
	struct store_folder *sf;
	struct account_folder *folder;
	const struct cv_storage *driver;
	struct cv_pool *pool;
	ARRAY(struct found *) found;
	ARRAY(struct cv_blob) adopted;
	struct hash_table by_ref, tombstones;
	uint64_t txn_before;
	uint32_t uidnext_before;
	uint32_t kind;
	bool first_time, boot_changed, changed;
	/* the list of UIDs for other servers: to be compared, or written in
	 * any case; what is added to it */
	bool uids_differ, uids_conflict;
	ARRAY(struct cv_uid_ref) given;
	uint32_t uidvalidity, uidnext_after;
	uint32_t takeover_uidnext;
	uint32_t tombstone_keys;
	struct account_txn *txn;
	struct cv_error *err;
};

static struct cv_keywords copy_keywords(struct cv_pool *pool,
					struct cv_keywords k)
{
	struct cv_keywords copy = { NULL, k.count };
	const char **names;

	if (k.count == 0)
		return copy;
	names = pool_new_array(pool, const char *, k.count);
	for (uint32_t i = 0; i < k.count; i++)
		names[i] = pool_strdup(pool, k.names[i]);
	copy.names = names;
	return copy;
}

static int take_found(void *context, const struct cv_found *found)
{
	struct scan *scan = context;
	struct found *f = hash_find(&scan->by_ref, found->ref);

	if (found->ref.len == 0 || found->ref.len > ACCOUNT_BLOB_MAX)
		return CV_OK;
	if (f != NULL) {
		/* renamed while we looked: the later name is the newer */
		f->f.flags = found->flags;
		f->f.marks = found->marks;
		f->f.keywords = copy_keywords(scan->pool, found->keywords);
		return CV_OK;
	}
	f = pool_new(scan->pool, struct found);
	f->f = *found;
	f->f.ref = pool_span(scan->pool, found->ref);
	f->f.keywords = copy_keywords(scan->pool, found->keywords);
	hash_set(&scan->by_ref, f->f.ref, f);
	*array_add(&scan->found) = f;
	if (scan->driver->caps & CV_STORAGE_ORDERED)
		f->place = (uint32_t)scan->found.count;
	return CV_OK;
}

/* --- tombstones ------------------------------------------------------------------- */

static const struct cv_span tombstone_prefix = CV_SPAN("gone.");

static void load_tombstones(struct scan *scan)
{
	struct cv_span key, value, ref;
	size_t at = 0;

	hash_init(&scan->tombstones, scan->pool, false);
	while (account_metadata_next(scan->folder->account, scan->folder,
				     &at, &key, &value)) {
		struct cv_span rest = pool_span(scan->pool, value);

		if (!cv_span_begins(key, tombstone_prefix))
			continue;
		scan->tombstone_keys++;
		while (cv_span_split(&rest, '\n', &ref)) {
			if (ref.len > 0)
				hash_set(&scan->tombstones, ref, scan);
		}
	}
}

static int clear_tombstones(struct account_folder *folder,
			    struct account_txn *txn, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("tombstones");
	ARRAY(struct cv_span) keys;
	struct cv_span key, value;
	size_t at = 0;
	int ret = CV_OK;

	array_init(&keys, pool);
	while (account_metadata_next(folder->account, folder, &at, &key,
				     &value)) {
		if (cv_span_begins(key, tombstone_prefix))
			*array_add(&keys) = pool_span(pool, key);
	}
	for (size_t i = 0; i < keys.count && ret == CV_OK; i++)
		ret = txn_metadata(txn, folder, keys.items[i], CV_SPAN_NONE,
				   err);
	pool_destroy(&pool);
	return ret;
}

static uint32_t count_tombstones(struct account_folder *folder)
{
	struct cv_span key, value;
	size_t at = 0;
	uint32_t count = 0;

	while (account_metadata_next(folder->account, folder, &at, &key,
				     &value))
		count += cv_span_begins(key, tombstone_prefix);
	return count;
}

int store_tombstones_add(struct store_folder *sf, struct account_txn *txn,
			 const struct cv_blob *blobs, uint32_t count,
			 struct cv_error *err)
{
	struct cv_pool *pool = pool_create("tombstones");
	struct cv_text value;
	uint32_t i = 0, part = 0;
	int ret = CV_OK;

	/* once in a while what was removed is synced, and forgotten */
	if (count_tombstones(sf->folder) >= TOMBSTONE_KEYS_MAX) {
		ret = sf->store->driver->sync(
			sf->blobs, account_txn_number(sf->folder->account),
			err);
		if (ret == CV_OK)
			ret = clear_tombstones(sf->folder, txn, err);
	}
	while (i < count && ret == CV_OK) {
		const char *key = pool_printf(
			pool, "gone.%llu.%u",
			(unsigned long long)account_txn_modseq(txn), part++);

		cv_text_init(&value, pool);
		for (; i < count && value.len < TOMBSTONE_BYTES_MAX; i++) {
			cv_text_append_span(&value, blobs[i].ref);
			cv_text_append_c(&value, '\n');
		}
		ret = txn_metadata(txn, sf->folder, cv_span_of(key),
				   cv_text_span(&value), err);
	}
	pool_destroy(&pool);
	return ret;
}

/* --- taking over ------------------------------------------------------------------ */

static int take_over(struct scan *scan)
{
	struct cv_takeover t = { CV_SIZED(cv_takeover) };
	int ret = scan->driver->takeover(scan->sf->blobs, false, scan->pool,
					 &t, scan->err);

	if (ret != CV_OK)
		return ret < 0 ? ret : CV_OK;
	/* UIDs of another life say nothing */
	if (!scan->first_time && t.uidvalidity != scan->uidvalidity)
		return CV_OK;
	for (uint32_t i = 0; i < t.count; i++) {
		struct found *f = hash_find(&scan->by_ref, t.entries[i].ref);

		if (f == NULL)
			continue;
		if (t.entries[i].uid < scan->folder->uidnext &&
		    !scan->first_time) {
			scan->uids_conflict |= !f->known;
			continue;
		}
		f->uid = t.entries[i].uid;
		if (t.entries[i].has_keywords) {
			f->shown = f->f.keywords;
			f->f.keywords = t.entries[i].keywords;
			f->mirror = true;
		}
		if (!t.entries[i].has_flags)
			continue;
		f->f.flags = t.entries[i].flags;
		f->f.keywords = t.entries[i].keywords;
		f->f.has_flags = true;
	}
	scan->takeover_uidnext = t.uidnext;
	if (scan->uidvalidity != t.uidvalidity) {
		scan->uidvalidity = t.uidvalidity;
		ret = txn_folder_reset(scan->txn, scan->folder,
				       t.uidvalidity, 1, scan->err);
		if (ret < 0)
			return ret;
	}
	return CV_OK;
}

static int64_t ref_time(struct cv_span ref)
{
	size_t digits = 0;
	uint64_t value;

	while (digits < ref.len && digits < 18 && ref.data[digits] >= '0' &&
	       ref.data[digits] <= '9')
		digits++;
	return cv_span_to_u64(cv_span(ref.data, digits), INT64_MAX, &value) ?
		(int64_t)value : 0;
}

/* Known UIDs first; then in the driver's order, if it has one; then what was
 * seen before what has just arrived; then by time of delivery. */
static int compare_found(const void *a, const void *b)
{
	const struct found *x = *(struct found *const *)a;
	const struct found *y = *(struct found *const *)b;
	size_t len;
	int ret;

	if (x->uid != y->uid) {
		if (x->uid == 0 || y->uid == 0)
			return x->uid == 0 ? 1 : -1;
		return x->uid < y->uid ? -1 : 1;
	}
	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	if ((x->f.marks & CV_BLOB_ARRIVAL) != (y->f.marks & CV_BLOB_ARRIVAL))
		return x->f.marks & CV_BLOB_ARRIVAL ? 1 : -1;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	len = x->f.ref.len < y->f.ref.len ? x->f.ref.len : y->f.ref.len;
	ret = memcmp(x->f.ref.data, y->f.ref.data, len);
	return ret != 0 ? ret : (x->f.ref.len > y->f.ref.len) -
		(x->f.ref.len < y->f.ref.len);
}

static int keyword_indexes(struct scan *scan, struct cv_keywords k,
			   uint32_t **indexes_r, uint32_t *count_r)
{
	uint32_t *indexes = pool_new_array(scan->pool, uint32_t, k.count + 1);
	uint32_t count = 0;

	for (uint32_t i = 0; i < k.count; i++) {
		int ret = txn_keyword(scan->txn, scan->folder,
				      cv_span_of(k.names[i]),
				      &indexes[count], scan->err);

		if (ret < 0 && ret != CV_E_LIMIT && ret != CV_E_SYNTAX)
			return ret;
		count += ret == CV_OK;
	}
	*indexes_r = indexes;
	*count_r = count;
	return CV_OK;
}

/* The blob does not show the keywords that another server knew. */
static int mirror(struct scan *scan, struct found *f)
{
	struct cv_flag_update update = {
		CV_SIZED(cv_flag_update), .blob = {
			CV_SIZED(cv_blob), .ref = f->f.ref,
			.flags = f->f.flags, .keywords = f->shown,
			.marks = f->f.marks,
		},
		.flags = f->f.flags, .keywords = f->f.keywords,
		.marks = f->f.marks & ~(uint32_t)CV_BLOB_ARRIVAL,
	};
	int ret = scan->driver->set_flags(scan->sf->blobs, &update, 1,
					  scan->err);

	if (ret == CV_OK && update.status == CV_OK)
		f->f.marks = update.marks;
	return ret;
}

static int adopt(struct scan *scan, struct found *f, uint32_t *uid_r)
{
	struct account_append append = { 0 };
	struct account_guid guid;
	uint32_t *keywords;
	int ret = CV_OK;

	*uid_r = 0;
	if (f->f.bytes == 0 || f->f.received == INT64_MIN || !scan->first_time)
		ret = scan->driver->look(scan->sf->blobs, &f->f, scan->err);
	if (ret == CV_OK && f->mirror)
		ret = mirror(scan, f);
	if (ret != CV_OK)	/* gone again: the next scan knows more */
		return ret < 0 ? ret : CV_OK;
	ret = keyword_indexes(scan, f->f.keywords, &keywords,
			      &append.keyword_count);
	if (ret < 0)
		return ret;
	append.uid = f->uid;
	append.keywords = keywords;
	append.flags = (f->f.flags & CV_FLAGS_STORED) |
		(f->f.marks & 0xf) << MAILBOX_MARK_SHIFT;
	append.received = f->f.received;
	append.size = f->f.bytes;
	append.virtual_size = f->f.virtual_bytes;
	append.blob = f->f.ref;
	memcpy(guid.bytes, f->f.guid, sizeof(guid.bytes));
	if (f->f.has_guid)
		append.guid = &guid;
	scan->changed = true;
	ret = txn_append(scan->txn, scan->folder, &append, uid_r, scan->err);
	if (ret == CV_OK && scan->driver->adopted != NULL)
		*array_add(&scan->adopted) = (struct cv_blob){
			CV_SIZED(cv_blob), .ref = f->f.ref,
			.flags = f->f.flags, .keywords = f->f.keywords,
			.received = f->f.received, .bytes = f->f.bytes,
			.virtual_bytes = f->f.virtual_bytes,
			.marks = f->f.marks, .uid = *uid_r,
		};
	if (ret == CV_OK && store_has_uids(scan->sf))
		*array_add(&scan->given) = (struct cv_uid_ref){
			*uid_r, f->f.ref,
		};
	return ret;
}

/* New UIDs begin behind those that the other server has ever given. */
static int pass_takeover(struct scan *scan)
{
	uint32_t uidnext = scan->takeover_uidnext;

	scan->takeover_uidnext = 0;
	if (uidnext > scan->uidnext_after)
		scan->uidnext_after = uidnext;
	return uidnext == 0 ? CV_OK :
		txn_folder_uidnext(scan->txn, scan->folder, uidnext,
				   scan->err);
}

/* Leaves what is to be adopted. */
static void drop_known(struct scan *scan)
{
	size_t to = 0;

	for (size_t i = 0; i < scan->found.count; i++) {
		struct found *f = scan->found.items[i];

		if (f->known ||
		    (scan->tombstones.count > 0 &&
		     hash_find(&scan->tombstones, f->f.ref) != NULL))
			continue;
		f->time = ref_time(f->f.ref);
		scan->found.items[to++] = f;
	}
	scan->found.count = to;
}

static int adopt_all(struct scan *scan)
{
	uint32_t recent = 0, uid = 0, last = 0;
	int ret = CV_OK;

	drop_known(scan);
	if (scan->found.count > 1)
		qsort(scan->found.items, scan->found.count,
		      sizeof(*scan->found.items), compare_found);
	for (size_t i = 0; i < scan->found.count && ret == CV_OK; i++) {
		struct found *f = scan->found.items[i];

		if (f->uid == 0)
			ret = pass_takeover(scan);
		if (ret == CV_OK)
			ret = adopt(scan, f, &uid);
		if (uid != 0)
			last = uid;
		if (uid != 0 && recent == 0 &&
		    (f->f.marks & CV_BLOB_ARRIVAL))
			recent = uid;
	}
	if (ret == CV_OK)
		ret = pass_takeover(scan);
	if (ret == CV_OK && scan->first_time)
		/* what lay in cur/ was seen by some session already */
		ret = txn_folder_recent(scan->txn, scan->folder,
					recent != 0 ? recent : last + 1,
					scan->err);
	return ret;
}

/* --- differences ------------------------------------------------------------------- */

/* The keywords that a message shall have: those on disk, and those that the
 * disk cannot show.  True when that is a change. */
static bool merge_keywords(struct scan *scan, const struct cv_blob *blob,
			   const struct cv_found *f, struct cv_keywords *k_r)
{
	const char **names = pool_new_array(scan->pool, const char *,
					    blob->keywords.count +
					    f->keywords.count + 1);
	uint32_t count = 0, shown = 0, same = 0;

	for (uint32_t i = 0; i < blob->keywords.count; i++) {
		const char *name = blob->keywords.names[i];

		if (!scan->driver->keyword_shown(scan->sf->blobs, name))
			names[count++] = name;
		else
			shown++;
	}
	for (uint32_t i = 0; i < f->keywords.count; i++) {
		for (uint32_t k = 0; k < blob->keywords.count; k++)
			same += strcasecmp(blob->keywords.names[k],
					   f->keywords.names[i]) == 0;
		names[count++] = f->keywords.names[i];
	}
	k_r->names = names;
	k_r->count = count;
	return shown != f->keywords.count || same != f->keywords.count;
}

static int set_marks(struct scan *scan, uint32_t uid, uint32_t old,
		     uint32_t new)
{
	struct account_range range = { uid, uid };
	struct account_flag_change change = { .op = ACCOUNT_FLAGS_ADD };
	int ret = CV_OK;

	change.flags = (new & ~old) << MAILBOX_MARK_SHIFT;
	if (change.flags != 0)
		ret = txn_flags(scan->txn, scan->folder, &range, 1, &change,
				scan->err);
	change.op = ACCOUNT_FLAGS_REMOVE;
	change.flags = (old & ~new) << MAILBOX_MARK_SHIFT;
	if (ret == CV_OK && change.flags != 0)
		ret = txn_flags(scan->txn, scan->folder, &range, 1, &change,
				scan->err);
	return ret;
}

/* Our own rename was lost: again. */
static int redo_flags(struct scan *scan, const struct cv_blob *blob,
		      const struct cv_found *f, uint32_t uid)
{
	struct cv_flag_update update = {
		CV_SIZED(cv_flag_update), .blob = *blob,
		.flags = blob->flags, .keywords = blob->keywords,
		.marks = blob->marks,
	};
	int ret;

	update.blob.flags = f->flags;
	update.blob.keywords = f->keywords;
	update.blob.marks = f->marks;
	ret = scan->driver->set_flags(scan->sf->blobs, &update, 1, scan->err);
	if (ret < 0)
		return ret;
	return set_marks(scan, uid, blob->marks,
			 update.status == CV_OK ? update.marks : f->marks);
}

static int compare_message(struct scan *scan, uint32_t row,
			   const struct cv_found *f)
{
	struct account_range range;
	struct account_flag_change change = { .op = ACCOUNT_FLAGS_REPLACE };
	struct cv_keywords keywords;
	struct cv_blob blob;
	uint32_t *indexes, uid = account_row_uid(scan->folder, row);
	int ret;

	store_blob_get(scan->folder, row, scan->pool, &blob);
	if (!merge_keywords(scan, &blob, f, &keywords) &&
	    blob.flags == (f->flags & CV_FLAGS_STORED))
		return blob.marks == f->marks ? CV_OK :
			set_marks(scan, uid, blob.marks, f->marks);
	if (blob.modseq > scan->txn_before)
		return CV_OK;	/* changed since: the next scan compares */
	if (scan->driver->was_lost(scan->sf->blobs, blob.modseq))
		return redo_flags(scan, &blob, f, uid);
	ret = keyword_indexes(scan, keywords, &indexes,
			      &change.keyword_count);
	if (ret < 0)
		return ret;
	range.first = range.last = uid;
	change.flags = f->flags & CV_FLAGS_STORED;
	change.keywords = indexes;
	scan->changed = true;
	ret = txn_flags(scan->txn, scan->folder, &range, 1, &change,
			scan->err);
	return ret < 0 ? ret : set_marks(scan, uid, blob.marks, f->marks);
}

/* Two scans have missed it.  CV_NOT_FOUND: it is gone. */
static int find_missing(struct scan *scan, uint32_t row, bool may_search)
{
	struct cv_blob_source src = {
		CV_SIZED(cv_blob_source), .fd = -1, .pool = scan->pool,
	};
	struct cv_span body;
	struct cv_blob blob;
	int ret;

	store_blob_get(scan->folder, row, scan->pool, &blob);
	ret = scan->driver->recover(scan->sf->blobs, &blob, scan->err);
	if (ret != CV_NOT_FOUND)
		return ret;
	if (scan->driver->was_lost(scan->sf->blobs, blob.modseq)) {
		ret = account_body_read(scan->folder, row, scan->pool, &body,
					scan->err);
		if (ret == CV_OK)
			return scan->driver->lay_out(scan->sf->blobs, &blob,
						     body, scan->err);
	}
	if (!may_search)
		return CV_NOT_FOUND;
	ret = scan->driver->get(scan->sf->blobs, &blob, &src, scan->err);
	if (ret == CV_OK && src.fd != -1)
		io_close(scan->sf->store->user->io, src.fd);
	return ret;
}

static bool is_missing(struct scan *scan, uint32_t row, struct found **f_r)
{
	struct account_message m;

	account_row_get(scan->folder, row, &m);
	*f_r = hash_find(&scan->by_ref, m.blob);
	if (*f_r != NULL) {
		(*f_r)->known = true;
		return false;
	}
	if (m.uid >= scan->uidnext_before)
		return false;	/* came after the scan began */
	return scan->kind == CV_SCAN_ALL ||
		(m.flags >> MAILBOX_MARK_SHIFT & CV_BLOB_ARRIVAL) != 0;
}

static uint32_t count_missing(struct scan *scan)
{
	uint32_t missing = 0, rows = account_row_count(scan->folder);
	struct found *f;

	for (uint32_t row = 0; row < rows; row++) {
		if (account_row_alive(scan->folder, row) &&
		    is_missing(scan, row, &f))
			missing++;
	}
	return missing;
}

static int compare_all(struct scan *scan)
{
	struct account_ranges gone = { .pool = scan->pool };
	uint32_t rows = account_row_count(scan->folder), searches = 0;
	struct found *f;
	int ret = CV_OK;

	for (uint32_t row = 0; row < rows && ret == CV_OK; row++) {
		if (!account_row_alive(scan->folder, row))
			continue;
		if (is_missing(scan, row, &f)) {
			ret = find_missing(scan, row,
					   ++searches <= SEARCHES_MAX);
			if (ret == CV_NOT_FOUND) {
				ranges_add(&gone, account_row_uid(
						   scan->folder, row));
				ret = CV_OK;
			}
		} else if (f != NULL &&
			   (scan->driver->caps & CV_STORAGE_FOREIGN)) {
			ret = compare_message(scan, row, &f->f);
		}
	}
	if (ret == CV_OK && gone.count > 0) {
		scan->changed = true;
		ret = txn_expunge(scan->txn, scan->folder, gone.items,
				  gone.count, scan->err);
	}
	return ret;
}

/* Blobs that were expunged and not removed: the unlink was lost. */
static int bury(struct scan *scan)
{
	int ret = CV_OK;

	if (scan->tombstones.count == 0)
		return CV_OK;
	for (size_t i = 0; i < scan->found.count && ret == CV_OK; i++) {
		struct found *f = scan->found.items[i];
		struct cv_blob blob = {
			CV_SIZED(cv_blob), .ref = f->f.ref,
			.flags = f->f.flags, .keywords = f->f.keywords,
			.marks = f->f.marks,
		};

		if (!f->known &&
		    hash_find(&scan->tombstones, f->f.ref) != NULL)
			ret = scan->driver->remove(scan->sf->blobs, &blob, 1,
						   scan->err);
	}
	return ret;
}

/* --- the whole ---------------------------------------------------------------------- */

/* Rows, then what was adopted. */
struct uid_walk {
	struct scan *scan;
	uint32_t row;
	size_t given;
};

static bool next_uid(void *context, struct cv_uid_ref *next_r)
{
	struct uid_walk *walk = context;
	struct scan *scan = walk->scan;
	struct account_folder *folder = scan->folder;

	if (next_r == NULL) {
		walk->row = 0;
		walk->given = 0;
		return true;
	}
	while (!scan->first_time && walk->row < account_row_count(folder)) {
		struct account_message m;

		if (!account_row_alive(folder, walk->row++))
			continue;
		account_row_get(folder, walk->row - 1, &m);
		*next_r = (struct cv_uid_ref){ m.uid, m.blob };
		return true;
	}
	if (walk->given >= scan->given.count)
		return false;
	*next_r = scan->given.items[walk->given++];
	return true;
}

/* The list of UIDs for other servers. */
static int mirror_uids(struct scan *scan)
{
	const struct cv_storage *driver = scan->driver;
	struct uid_walk walk = { .scan = scan };
	uint32_t uidnext = scan->folder->uidnext;
	int ret = CV_CHANGED;

	if (!store_has_uids(scan->sf))
		return CV_OK;
	if (!scan->uids_differ && !scan->first_time && !scan->boot_changed) {
		if (scan->given.count == 0)
			return CV_OK;
		ret = driver->uids_add(scan->sf->blobs, scan->given.items,
				       (uint32_t)scan->given.count,
				       scan->folder->message_count,
				       scan->err);
	}
	if (ret != CV_CHANGED)
		return ret;
	if (uidnext < scan->uidnext_after)
		uidnext = scan->uidnext_after;
	if (scan->given.count > 0 && uidnext <= scan->given.items[
					scan->given.count - 1].uid)
		uidnext = scan->given.items[scan->given.count - 1].uid + 1;
	driver->numbers(scan->sf->blobs, scan->uidvalidity, uidnext);
	return driver->uids_write(scan->sf->blobs, next_uid, &walk,
				  scan->uids_conflict, scan->err);
}

/* Another server has given UIDs since: its clients know them. */
static int take_uids(struct scan *scan)
{
	int ret;

	store_folder_numbers(scan->sf);
	ret = store_has_uids(scan->sf) ? scan->driver->uids_add(
		scan->sf->blobs, NULL, 0, 0, scan->err) : CV_OK;
	if (ret != CV_CHANGED)
		return ret;
	scan->uids_differ = true;
	return take_over(scan);
}

static int apply(struct scan *scan)
{
	int ret = CV_OK;

	scan->uidvalidity = scan->folder->uidvalidity;
	if (scan->first_time)
		ret = take_over(scan);
	else
		ret = compare_all(scan);
	if (ret == CV_OK)
		ret = bury(scan);
	if (ret == CV_OK && !scan->first_time)
		ret = take_uids(scan);
	if (ret == CV_OK)
		ret = adopt_all(scan);
	if (ret == CV_OK)
		ret = mirror_uids(scan);
	if (ret == CV_OK && scan->kind == CV_SCAN_ALL &&
	    (scan->boot_changed || scan->tombstone_keys > 0)) {
		ret = scan->driver->sync(scan->sf->blobs,
					 account_txn_modseq(scan->txn),
					 scan->err);
		if (ret == CV_OK)
			ret = clear_tombstones(scan->folder, scan->txn,
					       scan->err);
	}
	if (ret == CV_OK && scan->folder->damaged &&
	    scan->kind == CV_SCAN_ALL)
		ret = txn_folder_repaired(scan->txn, scan->folder, scan->err);
	return ret;
}

static void scan_reset(struct scan *scan)
{
	pool_reset(scan->pool);
	array_init(&scan->found, scan->pool);
	array_init(&scan->adopted, scan->pool);
	array_init(&scan->given, scan->pool);
	hash_init(&scan->by_ref, scan->pool, false);
}

static int scan_driver(struct scan *scan)
{
	uint32_t kind = scan->kind;

	if (!(scan->driver->caps & CV_STORAGE_FOREIGN)) {
		if (scan->first_time)
			kind |= CV_SCAN_FIRST;
		if (scan->folder->damaged)
			kind |= CV_SCAN_DAMAGED;
	}
	return scan->driver->scan(scan->sf->blobs, kind, take_found, scan,
				  scan->err);
}

static int look_at_disk(struct scan *scan)
{
	int ret = scan_driver(scan);

	if (ret == CV_OK && scan->kind == CV_SCAN_ARRIVALS &&
	    count_missing(scan) > 0) {
		scan->kind = CV_SCAN_ALL;
		ret = scan_driver(scan);
	}
	if (ret == CV_OK && scan->kind == CV_SCAN_ALL &&
	    count_missing(scan) > 0)
		ret = scan_driver(scan);
	return ret;
}

static int run(struct scan *scan, bool first_time)
{
	int ret;

	scan_reset(scan);
	scan->first_time = first_time;
	scan->txn_before = account_txn_number(scan->folder->account);
	scan->uidnext_before = scan->folder->uidnext;
	scan->boot_changed = scan->driver->was_lost(scan->sf->blobs,
						    UINT64_MAX);
	ret = look_at_disk(scan);
	if (ret == CV_OK)
		ret = store_begin(scan->sf->store, &scan->txn, scan->err);
	if (ret < 0)
		return ret;
	if (scan->folder->deleted) {
		account_rollback(&scan->txn);
		return FAIL(scan->err, CV_E_NOT_FOUND, "mailbox is gone");
	}
	/* somebody else took it over meanwhile */
	if (first_time && scan->folder->uidnext > 1)
		scan->first_time = false;
	load_tombstones(scan);
	ret = apply(scan);
	if (ret == CV_OK)
		ret = store_folder_save_state(scan->sf, scan->txn, scan->err);
	if (ret < 0) {
		account_rollback(&scan->txn);
		/* what was looked at was not taken in */
		cv_text_reset(&scan->sf->state);
		scan->driver->state_set(scan->sf->blobs, CV_SPAN_NONE);
		return ret;
	}
	ret = account_commit(&scan->txn, scan->changed || first_time ?
			     ACCOUNT_SYNC : ACCOUNT_HINT, scan->err);
	if (ret == CV_OK && scan->adopted.count > 0) {
		store_folder_numbers(scan->sf);
		scan->driver->adopted(scan->sf->blobs, scan->adopted.items,
				      (uint32_t)scan->adopted.count);
	}
	if (ret == CV_OK && scan->kind == CV_SCAN_ALL &&
	    scan->driver->clean != NULL)
		scan->driver->clean(scan->sf->blobs);
	return ret;
}

static int scan_kind(struct store_folder *sf, uint32_t kind,
		     struct cv_error *err)
{
	struct account_folder *folder = sf->folder;
	struct scan scan = {
		.sf = sf, .folder = folder, .driver = sf->store->driver,
		.kind = kind, .err = err,
	};
	bool first_time = account_folder_state(folder).len == 0 &&
		folder->uidnext <= 1 && folder->message_count == 0;
	int ret;

	scan.pool = pool_create("scan");
	ret = run(&scan, first_time);
	pool_destroy(&scan.pool);
	if (ret < 0)
		return error_prefix(err, "mailbox '%s'", folder->name);
	return scan.changed ? CV_CHANGED : CV_OK;
}

int store_folder_scan(struct store_folder *sf, bool thorough,
		      struct cv_error *err)
{
	const struct cv_storage *driver = sf->store->driver;
	uint32_t kind = CV_SCAN_ALL;
	int ret;

	ret = account_folder_load(sf->folder, err);
	if (ret < 0)
		return ret;
	store_folder_refresh(sf);
	ret = driver->check(sf->blobs, thorough, &kind, err);
	if (ret == CV_OK && sf->folder->damaged) {
		kind = CV_SCAN_ALL;
		ret = CV_CHANGED;
	}
	return ret == CV_CHANGED ? scan_kind(sf, kind, err) : ret;
}

int store_folder_scan_all(struct store_folder *sf, struct cv_error *err)
{
	int ret;

	ret = account_folder_load(sf->folder, err);
	if (ret < 0)
		return ret;
	store_folder_refresh(sf);
	return scan_kind(sf, CV_SCAN_ALL, err);
}
