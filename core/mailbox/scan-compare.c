/* scan-compare.c - what a scan has found of the messages that the journal
 * knows: other flags, or nothing any more. */
#include "store-scan.h"

enum { SEARCHES_MAX = 100 };

/* What the disk shows of a message that nobody but us has changed. */
static void get_shown(struct scan *scan, const struct cv_blob *blob,
		      uint32_t *flags_r, struct cv_keywords *k_r)
{
	const char **names;

	*flags_r = blob->flags;
	*k_r = blob->keywords;
	if (scan->driver->shown != NULL) {
		scan->driver->shown(scan->sf->blobs, blob, scan->pool,
				    flags_r, k_r);
		return;
	}
	names = pool_new_array(scan->pool, const char *,
			       blob->keywords.count + 1);
	k_r->names = names;
	k_r->count = 0;
	for (uint32_t i = 0; i < blob->keywords.count; i++) {
		const char *name = blob->keywords.names[i];

		if (scan->driver->keyword_shown(scan->sf->blobs, name))
			names[k_r->count++] = name;
	}
}

static bool has_name(const struct cv_keywords *k, const char *name)
{
	for (uint32_t i = 0; i < k->count; i++) {
		if (strcasecmp(k->names[i], name) == 0)
			return true;
	}
	return false;
}

/* The flags and keywords that a message shall have: those on disk, and those
 * that it did not show.  True when that is a change. */
static bool merge(struct scan *scan, const struct cv_blob *blob,
		  const struct cv_found *f, uint32_t *flags_r,
		  struct cv_keywords *k_r)
{
	const char **names = pool_new_array(scan->pool, const char *,
					    blob->keywords.count +
					    f->keywords.count + 1);
	uint32_t flags, count = 0, same = 0;
	struct cv_keywords shown;

	get_shown(scan, blob, &flags, &shown);
	for (uint32_t i = 0; i < blob->keywords.count; i++) {
		const char *name = blob->keywords.names[i];

		if (!has_name(&shown, name) && !has_name(&f->keywords, name))
			names[count++] = name;
	}
	for (uint32_t i = 0; i < f->keywords.count; i++) {
		same += has_name(&shown, f->keywords.names[i]);
		names[count++] = f->keywords.names[i];
	}
	k_r->names = names;
	k_r->count = count;
	*flags_r = (f->flags & CV_FLAGS_STORED) | (blob->flags & ~flags);
	return flags != (f->flags & CV_FLAGS_STORED) ||
		shown.count != f->keywords.count ||
		same != f->keywords.count;
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

/* Most are, and cost no memory. */
static bool is_as_found(struct scan *scan, uint32_t row,
			const struct cv_found *f)
{
	struct account_message m;

	account_row_get(scan->folder, row, &m);
	return m.keywords.count == 0 && f->keywords.count == 0 &&
		(m.flags & CV_FLAGS_STORED) ==
		(f->flags & CV_FLAGS_STORED) &&
		(m.flags >> MAILBOX_MARK_SHIFT & 0xf) == f->marks;
}

/* Another program has changed what there was room for: there may be room for
 * something else now.  The mark of where it is then is in marks_r; CV_CHANGED:
 * it was moved since the scan. */
static int show_rest(struct scan *scan, const struct cv_blob *blob,
		     const struct cv_found *f, uint32_t flags,
		     struct cv_keywords keywords, uint32_t *marks_r)
{
	struct cv_flag_update update = {
		CV_SIZED(cv_flag_update), .blob = *blob, .flags = flags,
		.keywords = keywords, .marks = f->marks,
	};
	int ret;

	*marks_r = f->marks;
	if (scan->driver->shown == NULL ||
	    (flags == (f->flags & CV_FLAGS_STORED) &&
	     keywords.count == f->keywords.count))
		return CV_OK;
	update.blob.flags = f->flags & CV_FLAGS_STORED;
	update.blob.keywords = f->keywords;
	update.blob.marks = f->marks;
	ret = scan->driver->set_flags(scan->sf->blobs, &update, 1, scan->err);
	if (ret < 0 || update.status < 0)
		return ret < 0 ? ret : update.status;
	*marks_r = update.marks;
	return update.status == CV_OK ? CV_OK : CV_CHANGED;
}

static int take_change(struct scan *scan, const struct cv_blob *blob,
		       const struct cv_found *f, uint32_t uid, uint32_t flags,
		       struct cv_keywords keywords)
{
	struct account_range range = { uid, uid };
	struct account_flag_change change = {
		.op = ACCOUNT_FLAGS_REPLACE, .flags = flags,
	};
	uint32_t *indexes, marks;
	int ret = show_rest(scan, blob, f, flags, keywords, &marks);

	if (ret != CV_OK)
		return ret < 0 ? ret : CV_OK;	/* the next scan compares */
	ret = scan_keyword_indexes(scan, keywords, &indexes,
				   &change.keyword_count);
	if (ret < 0)
		return ret;
	change.keywords = indexes;
	scan->changed = true;
	ret = txn_flags(scan->txn, scan->folder, &range, 1, &change,
			scan->err);
	return ret < 0 ? ret : set_marks(scan, uid, blob->marks, marks);
}

static int compare_message(struct scan *scan, uint32_t row,
			   const struct found *found)
{
	const struct cv_found *f = &found->f;
	struct cv_keywords keywords;
	struct cv_blob blob;
	uint32_t flags, uid = account_row_uid(scan->folder, row);
	bool same, lost;

	/* which of its two files is right cannot be told yet */
	if (found->unsettled || f->unchanged || is_as_found(scan, row, f))
		return CV_OK;
	store_blob_get(scan->folder, row, scan->pool, &blob);
	same = !merge(scan, &blob, f, &flags, &keywords);
	/* also a keyword that the disk could show: its name was lost, and
	 * would come back without this message */
	lost = (!same || keywords.count != f->keywords.count) &&
		scan->driver->was_lost(scan->sf->blobs, blob.modseq);
	if (same && !lost)
		return blob.marks == f->marks ? CV_OK :
			set_marks(scan, uid, blob.marks, f->marks);
	if (blob.modseq > scan->txn_before) {
		scan->skipped = true;
		return CV_OK;	/* changed since: the next scan compares */
	}
	return lost ? redo_flags(scan, &blob, f, uid) :
		take_change(scan, &blob, f, uid, flags, keywords);
}

/* The message has no place on a full disk, but its bytes are safe where they
 * are: the mailbox is open all the same, and the next scan tries again. */
static int wait_for_room(const struct scan *scan, const struct cv_blob *blob,
			 int ret)
{
	if (ret != CV_E_NO_SPACE)
		return ret;
	log_warning("mail", "mailbox '%s': UID %u waits for room: %s",
		    scan->folder->name, blob->uid, scan->err->text);
	*scan->err = (struct cv_error)ERROR_NONE;
	return CV_OK;
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
		return wait_for_room(scan, &blob, ret);
	/* where nobody but us removes messages, it is always lost */
	if (!(scan->driver->caps & CV_STORAGE_FOREIGN) ||
	    scan->driver->was_lost(scan->sf->blobs, blob.modseq)) {
		ret = account_body_read(scan->folder, row, scan->pool, &body,
					scan->err);
		if (ret == CV_OK)
			return wait_for_room(scan, &blob,
					     scan->driver->lay_out(
						     scan->sf->blobs, &blob,
						     body, scan->err));
	}
	if (!may_search)
		return CV_NOT_FOUND;
	ret = scan->driver->get(scan->sf->blobs, &blob, &src, scan->err);
	if (ret == CV_OK && src.fd != -1)
		io_close(scan->sf->store->user->io, src.fd);
	return ret;
}

static struct found *find(struct scan *scan, uint32_t row, struct cv_span ref)
{
	struct found *f = row < scan->matched_rows ? scan->matched[row] : NULL;

	return f != NULL && cv_span_equal(f->f.ref, ref) ? f :
		hash_find(&scan->by_ref, ref);
}

static bool is_missing(struct scan *scan, uint32_t row, struct found **f_r)
{
	struct account_message m;

	account_row_get(scan->folder, row, &m);
	*f_r = find(scan, row, m.blob);
	if (*f_r != NULL) {
		(*f_r)->known = true;
		/* nobody moves a file back there: a copy of it has come */
		scan->arrived_again |=
			((*f_r)->f.marks & CV_BLOB_ARRIVAL) &&
			!(m.flags >> MAILBOX_MARK_SHIFT & CV_BLOB_ARRIVAL);
		return false;
	}
	if (m.uid >= scan->uidnext_before)
		return false;	/* came after the scan began */
	return scan->kind == CV_SCAN_ALL ||
		(m.flags >> MAILBOX_MARK_SHIFT & CV_BLOB_ARRIVAL) != 0;
}

uint32_t scan_count_missing(struct scan *scan)
{
	uint32_t missing = 0, rows = account_row_count(scan->folder);
	struct found **matched = pool_new_array(scan->pool, struct found *,
						(size_t)rows + 1);

	for (uint32_t row = 0; row < rows; row++) {
		if (account_row_alive(scan->folder, row) &&
		    is_missing(scan, row, &matched[row]))
			missing++;
	}
	scan->matched = matched;
	scan->matched_rows = rows;
	return missing;
}

int scan_compare(struct scan *scan)
{
	struct account_ranges gone = { .pool = scan->pool };
	uint32_t rows = account_row_count(scan->folder), searches = 0;
	bool remote = (scan->driver->caps & CV_STORAGE_REMOTE) != 0;
	struct found *f;
	int ret = CV_OK;

	for (uint32_t row = 0; row < rows && ret == CV_OK; row++) {
		if (!account_row_alive(scan->folder, row))
			continue;
		if (is_missing(scan, row, &f)) {
			bool may_search = ++searches <= SEARCHES_MAX;

			/* the server's list is complete */
			ret = remote ? CV_NOT_FOUND :
				find_missing(scan, row, may_search);
			if (ret == CV_NOT_FOUND && !may_search &&
			    scan->disturbed) {
				ret = CV_OK;	/* the next scan knows */
			} else if (ret == CV_NOT_FOUND) {
				ranges_add(&gone, account_row_uid(
						   scan->folder, row));
				ret = CV_OK;
			}
		} else if (f != NULL &&
			   (scan->driver->caps & CV_STORAGE_FOREIGN)) {
			ret = compare_message(scan, row, f);
		}
	}
	if (ret == CV_OK && gone.count > 0) {
		scan->changed = true;
		ret = txn_expunge(scan->txn, scan->folder, gone.items,
				  gone.count, scan->err);
	}
	return ret;
}

/* What a message of the folder has is no rubbish, whatever a tombstone says. */
static void spare_alive(struct scan *scan)
{
	uint32_t rows = account_row_count(scan->folder);

	for (uint32_t row = 0; row < rows; row++) {
		struct account_message m;

		if (!account_row_alive(scan->folder, row))
			continue;
		account_row_get(scan->folder, row, &m);
		(void)hash_remove(&scan->tombstones, m.blob);
	}
}

/* Where blobs lie in one file the power cut may have taken the map to it, and
 * they are known by their bytes alone; where they lie in files that all
 * folders share, or at an alternative place, an ordinary scan reports none.
 * The driver finds out; not where other programs name files, which would be
 * looked for one by one: there a scan reports them all. */
static bool may_be_unseen(const struct scan *scan)
{
	uint32_t caps = scan->driver->caps;

	return scan->boot_changed && ((caps & CV_STORAGE_ORDERED) != 0 ||
				      (caps & CV_STORAGE_FOREIGN) == 0);
}

static int bury_unseen(struct scan *scan)
{
	ARRAY(struct cv_blob) blobs;
	const struct hash_entry *e;
	size_t at = 0;

	if (!(scan->driver->caps & CV_STORAGE_ORDERED))
		spare_alive(scan);
	array_init(&blobs, scan->pool);
	while ((e = hash_next(&scan->tombstones, &at)) != NULL) {
		if (hash_find(&scan->by_ref, e->key) == NULL)
			*array_add(&blobs) = (struct cv_blob){
				CV_SIZED(cv_blob), .ref = e->key,
			};
	}
	return blobs.count == 0 ? CV_OK :
		scan->driver->remove(scan->sf->blobs, blobs.items,
				     (uint32_t)blobs.count, scan->err);
}

/* Removing the beginning of a file takes room on disk for the rest of it: what
 * cannot be removed now is not seen either. */
static int bury_later(struct scan *scan, int ret)
{
	if (ret != CV_E_NO_SPACE)
		return ret;
	log_warning("mail", "mailbox '%s': expunged messages wait for room to "
		    "be removed: %s", scan->folder->name, scan->err->text);
	*scan->err = (struct cv_error)ERROR_NONE;
	scan->unburied = true;
	return CV_OK;
}

/* Blobs that were expunged and not removed: the unlink was lost. */
int scan_bury(struct scan *scan)
{
	int ret = CV_OK;

	if (scan->tombstones.count == 0)
		return CV_OK;
	if (may_be_unseen(scan))
		ret = bury_later(scan, bury_unseen(scan));
	for (size_t i = 0; i < scan->found.count && ret == CV_OK &&
	     !scan->unburied; i++) {
		struct found *f = scan->found.items[i];
		struct cv_blob blob = {
			CV_SIZED(cv_blob), .ref = f->f.ref,
			.flags = f->f.flags, .keywords = f->f.keywords,
			.marks = f->f.marks,
		};

		if (!f->known &&
		    hash_find(&scan->tombstones, f->f.ref) != NULL)
			ret = bury_later(scan, scan->driver->remove(
						 scan->sf->blobs, &blob, 1,
						 scan->err));
	}
	return ret;
}
