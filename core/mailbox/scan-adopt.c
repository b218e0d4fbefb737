/* scan-adopt.c - blobs that a scan has found become messages, with the UIDs and
 * keywords that another server gave them. */
#include "store-scan.h"

#include <stdlib.h>

int scan_take_over(struct scan *scan)
{
	struct cv_takeover t = { CV_SIZED(cv_takeover) };
	int ret = scan->driver->takeover(scan->sf->blobs, false, scan->pool,
					 &t, scan->err);

	if (ret != CV_OK)
		return ret < 0 ? ret : CV_OK;
	if (CV_HAS(&t, first_recent))
		scan->takeover_recent = t.first_recent;
	if (scan->first_time && t.highestmodseq <= ACCOUNT_MODSEQ_MAX) {
		scan->takeover_modseq = t.highestmodseq;
		account_txn_raise(scan->txn, t.highestmodseq);
	}
	/* it gave no UIDs */
	if (t.uidvalidity == 0)
		return CV_OK;
	/* UIDs of another life say nothing */
	if (t.uidvalidity != scan->uidvalidity &&
	    (!scan->first_time ||
	     store_was_removed(scan->sf->store,
			       cv_span_of(scan->folder->name),
			       t.uidvalidity)))
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
		/* what has none yet gets the highest when a client asks */
		f->modseq = t.entries[i].modseq != 0 ? t.entries[i].modseq :
			t.highestmodseq;
		if (CV_HAS(&t, saved) && t.saved != NULL && t.saved[i] != 0)
			f->saved = t.saved[i];
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

int scan_keyword_indexes(struct scan *scan, struct cv_keywords k,
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

/* [RFC8514 4.1] when it came into this mailbox; 0, now, where nobody knows.
 * A clock that was wrong puts nothing into the future. */
static int64_t saved_date(const struct found *f)
{
	int64_t saved = f->saved != 0 ? f->saved : f->f.saved;

	return saved > time_now() ? 0 : saved;
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
	ret = scan_keyword_indexes(scan, f->f.keywords, &keywords,
			      &append.keyword_count);
	if (ret < 0)
		return ret;
	append.uid = f->uid;
	append.modseq = scan->takeover_modseq == 0 ? 0 : f->modseq;
	if (f->modseq == 0 || f->modseq > scan->takeover_modseq)
		scan->modseqs_differ = true;
	append.keywords = keywords;
	append.flags = (f->f.flags & CV_FLAGS_STORED) |
		(f->f.marks & 0xf) << MAILBOX_MARK_SHIFT;
	append.received = f->f.received;
	append.saved = saved_date(f);
	append.size = f->f.bytes;
	append.virtual_size = f->f.virtual_bytes;
	append.blob = f->f.ref;
	memcpy(guid.bytes, f->f.guid, sizeof(guid.bytes));
	if (f->f.has_guid)
		append.guid = &guid;
	scan->changed = true;
	scan->come++;
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
	/* clients are shown it: it must not go back */
	if (uidnext > scan->folder->uidnext)
		scan->changed = true;
	return uidnext == 0 ? CV_OK :
		txn_folder_uidnext(scan->txn, scan->folder, uidnext,
				   scan->err);
}

/* --- what was dropped ---------------------------------------------------- */

static int add_bytes(struct scan *scan, struct hash_table *live,
		     struct cv_span ref)
{
	int ret = spare_memory_check(hash_growth(live), scan->err);

	if (ret == CV_OK)
		hash_set(live, scan->driver->same_bytes(pool_span(scan->pool,
								  ref)),
			 scan);
	return ret;
}

static int add_rows(struct scan *scan, struct account_folder *folder,
		    struct hash_table *live)
{
	uint32_t rows = account_row_count(folder);
	int ret = CV_OK;

	for (uint32_t row = 0; row < rows && ret == CV_OK; row++) {
		struct account_message m;

		if (!account_row_alive(folder, row))
			continue;
		account_row_get(folder, row, &m);
		ret = add_bytes(scan, live, m.blob);
	}
	return ret;
}

static int add_folder(struct scan *scan, struct account_folder *folder,
		      struct hash_table *live)
{
	int ret = account_folder_load(folder, scan->err);
	struct cv_span key, value, ref;
	size_t at = 0;

	if (ret == CV_OK)
		ret = add_rows(scan, folder, live);
	while (ret == CV_OK &&
	       account_metadata_next(folder->account, folder, &at, &key,
				     &value)) {
		if (!cv_span_begins(key, CV_SPAN("gone.")))
			continue;
		while (ret == CV_OK && cv_span_split(&value, '\n', &ref)) {
			if (ref.len > 0)
				ret = add_bytes(scan, live, ref);
		}
	}
	return ret;
}

/* Whether the journal says of the folder's message that it went. */
static bool went(const struct account_changes *changes, uint32_t uidnext,
		 uint32_t uid)
{
	if (uid < uidnext)
		return true;
	for (size_t i = 0; i < changes->expunged.count; i++) {
		if (uid >= changes->expunged.items[i].first &&
		    uid <= changes->expunged.items[i].last)
			return true;
	}
	return false;
}

/* Where bytes are shared, a copy that a power cut had lost is written back as a
 * record of the folder that it is in: that is no message more. */
static int drop_copies(struct scan *scan)
{
	struct hash_table here;
	size_t to = 0, unknown = 0;
	int ret;

	for (size_t i = 0; i < scan->found.count; i++)
		unknown += !scan->found.items[i]->known;
	if (unknown == 0 || account_row_count(scan->folder) == 0 ||
	    !CV_HAS(scan->driver, same_bytes) ||
	    scan->driver->same_bytes == NULL)
		return CV_OK;
	hash_init(&here, scan->pool, false);
	ret = add_rows(scan, scan->folder, &here);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < scan->found.count; i++) {
		struct found *f = scan->found.items[i];

		if (f->known || hash_find(&here, scan->driver->same_bytes(
						  f->f.ref)) == NULL)
			scan->found.items[to++] = f;
	}
	scan->found.count = to;
	return CV_OK;
}

/* Bytes that a message of any folder has, or had when the journal spoke of it
 * last, are found there or nowhere; what is left was moved in the part of the
 * journal that is lost. */
static int drop_dropped(struct scan *scan)
{
	struct account_changes changes = { 0 };
	struct account_folder *folder;
	struct hash_table live;
	size_t at = 0, to = 0, dropped = 0;
	int ret = CV_OK;

	for (size_t i = 0; i < scan->found.count; i++)
		dropped += scan->found.items[i]->f.dropped_uid != 0 &&
			!scan->found.items[i]->known;
	if (dropped == 0 || !CV_HAS(scan->driver, same_bytes) ||
	    scan->driver->same_bytes == NULL)
		return CV_OK;
	hash_init(&live, scan->pool, false);
	while (ret == CV_OK && (folder = account_folder_next(
					scan->folder->account, &at)) != NULL) {
		if (!folder->deleted)
			ret = add_folder(scan, folder, &live);
	}
	if (ret < 0)
		return ret;
	account_changes_get(scan->folder, 0, 0, scan->pool, &changes);
	for (size_t i = 0; i < scan->found.count; i++) {
		struct found *f = scan->found.items[i];

		if (f->f.dropped_uid == 0 || f->known ||
		    (!went(&changes, scan->uidnext_before,
			   f->f.dropped_uid) &&
		     hash_find(&live, scan->driver->same_bytes(f->f.ref)) ==
		     NULL))
			scan->found.items[to++] = f;
	}
	scan->found.count = to;
	return CV_OK;
}

/* Leaves what is to be adopted, and makes room for it. */
static int drop_known(struct scan *scan)
{
	size_t to = 0, bytes = 0;

	for (size_t i = 0; i < scan->found.count; i++) {
		struct found *f = scan->found.items[i];

		if (f->known ||
		    (scan->tombstones.count > 0 &&
		     hash_find(&scan->tombstones, f->f.ref) != NULL))
			continue;
		f->time = ref_time(f->f.ref);
		bytes += f->f.ref.len;
		scan->found.items[to++] = f;
	}
	scan->found.count = to;
	return account_txn_expect(scan->txn, to, bytes, scan->err);
}

/* [RFC9051 2.3.1.1] no UID is given twice: what gets none stays where it is,
 * and keeps nobody from reading the others. */
static int without_uids(struct scan *scan, size_t left)
{
	log_error("mail", "mailbox '%s': %zu messages of other programs are "
		  "not taken in: %s (hint: move its messages to a new "
		  "mailbox)", scan->folder->name, left, scan->err == NULL ?
		  "a limit was reached" : scan->err->text);
	scan->skipped = true;
	return CV_OK;
}

/* Before the first takeover: what another server's clients have not seen yet
 * is theirs; what lay in cur/ was seen by some session already. */
static uint32_t first_recent(const struct scan *scan, uint32_t arrived,
			     uint32_t last)
{
	if (scan->takeover_recent != 0)
		return scan->takeover_recent > last ? last + 1 :
			scan->takeover_recent;
	return arrived != 0 ? arrived : last + 1;
}

int scan_adopt(struct scan *scan)
{
	uint32_t recent = 0, uid = 0, last = 0;
	int ret = drop_dropped(scan);

	if (ret < 0)
		return ret;
	ret = drop_copies(scan);
	if (ret == CV_OK)
		ret = drop_known(scan);
	if (ret == CV_OK && scan->found.count > 1)
		qsort(scan->found.items, scan->found.count,
		      sizeof(*scan->found.items), compare_found);
	for (size_t i = 0; i < scan->found.count && ret == CV_OK; i++) {
		struct found *f = scan->found.items[i];

		if (f->uid == 0)
			ret = pass_takeover(scan);
		if (ret == CV_OK)
			ret = adopt(scan, f, &uid);
		/* what has no UID never gets one; memory there may be again */
		if (ret == CV_E_LIMIT &&
		    spare_memory_check(0, NULL) == CV_OK) {
			ret = without_uids(scan, scan->found.count - i);
			break;
		}
		if (uid != 0)
			last = uid;
		if (uid != 0 && recent == 0 &&
		    (f->f.marks & CV_BLOB_ARRIVAL))
			recent = uid;
	}
	if (ret == CV_OK)
		ret = pass_takeover(scan);
	if (ret == CV_OK && scan->takeover_modseq != 0 &&
	    !scan->modseqs_differ)
		ret = txn_folder_taken(scan->txn, scan->folder,
				       scan->takeover_modseq, scan->err);
	if (ret == CV_OK && scan->first_time)
		ret = txn_folder_recent(scan->txn, scan->folder,
					first_recent(scan, recent, last),
					scan->err);
	return ret;
}
