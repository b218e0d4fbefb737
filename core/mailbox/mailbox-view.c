/* mailbox-view.c - an open mailbox: sequence numbers, and what changed. */
#include "mailbox-annotate.h"

/* --- ranges ------------------------------------------------------------------------ */

void ranges_add(struct account_ranges *ranges, uint32_t value)
{
	struct account_range *last = ranges->count == 0 ? NULL :
		&ranges->items[ranges->count - 1];

	if (last != NULL && value <= last->last)
		return;
	if (last != NULL && value == last->last + 1) {
		last->last = value;
		return;
	}
	array_reserve_((void **)&ranges->items, ranges->count, &ranges->room,
		       sizeof(*ranges->items), ranges->pool);
	ranges->items[ranges->count++] = (struct account_range){ value,
								  value };
}

/* Both kinds of range are two numbers, first and last. */
_Static_assert(sizeof(struct cv_range) == sizeof(struct account_range) &&
	       offsetof(struct cv_range, last) ==
	       offsetof(struct account_range, last), "ranges differ");

struct cv_set ranges_set(const struct account_ranges *ranges)
{
	return (struct cv_set){ (const struct cv_range *)ranges->items,
				(uint32_t)ranges->count };
}

bool ranges_contain(const struct account_ranges *ranges, uint32_t value)
{
	return cv_set_contains(ranges_set(ranges), value);
}

/* --- the view ------------------------------------------------------------------------ */

static void view_reserve(struct cv_mailbox *box, uint32_t more)
{
	uint32_t room = box->room * 2 + 1024, *uids;

	if (box->uids != NULL && box->room - box->count >= more)
		return;
	if (room < box->count || room - box->count < more)
		room = box->count + more;
	/* megabytes of a large mailbox, filled at once */
	uids = pool_alloc_raw(box->pool, room * sizeof(*uids));
	for (uint32_t i = 0; i < box->count; i++)
		uids[i] = mailbox_uid_at(box, i);
	box->uids = uids;
	box->room = room;
}

uint32_t *mailbox_view_uids(struct cv_mailbox *box)
{
	view_reserve(box, 0);
	return box->uids;
}

uint32_t mailbox_run_uid(const struct cv_mailbox *box, uint32_t at)
{
	uint32_t low = 0, high = box->run_count;

	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (box->runs[mid].at <= at)
			low = mid;
		else
			high = mid;
	}
	return box->runs[low].uid + (at - box->runs[low].at);
}

/* Count messages from uid on come behind; false: that is one run too many. */
static bool view_add_run(struct cv_mailbox *box, uint32_t uid, uint32_t count)
{
	if (box->uids != NULL)
		return false;
	if (box->count == 0 || uid != mailbox_uid_at(box, box->count - 1) + 1) {
		if (box->count == 0)
			box->run_count = 0;
		if (box->run_count == VIEW_RUNS_MAX)
			return false;
		if (box->runs == NULL)
			box->runs = pool_new_array(box->pool,
						   struct account_run,
						   VIEW_RUNS_MAX);
		box->runs[box->run_count++] = (struct account_run){
			box->count, uid,
		};
	}
	box->count += count;
	return true;
}

/* The same for the rows of a folder from row on. */
static bool view_add_runs(struct cv_mailbox *box, uint32_t row)
{
	struct account_run runs[VIEW_RUNS_MAX];
	uint32_t count, living, used = box->count == 0 ? 0 : box->run_count;

	if (box->uids != NULL ||
	    !account_uids_runs(box->folder, row, runs, VIEW_RUNS_MAX - used,
			       &count, &living))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t end = i + 1 < count ? runs[i + 1].at : living;

		BUG_IF(!view_add_run(box, runs[i].uid, end - runs[i].at));
	}
	return true;
}

void mailbox_view_add(struct cv_mailbox *box, uint32_t uid)
{
	if (view_add_run(box, uid, 1))
		return;
	view_reserve(box, 1);
	box->uids[box->count++] = uid;
}

uint32_t mailbox_view_lower(const struct cv_mailbox *box, uint32_t uid)
{
	uint32_t low = 0, high = box->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (mailbox_uid_at(box, mid) < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void view_add_rows(struct cv_mailbox *box, uint32_t from_uid)
{
	struct account_folder *folder = box->folder;
	uint32_t rows = account_row_count(folder);
	uint32_t row = account_row_lower(folder, from_uid);

	if (row < rows && !view_add_runs(box, row)) {
		view_reserve(box, rows - row);
		box->count += account_uids(folder, row,
					   box->uids + box->count);
	}
	box->uidnext = folder->uidnext;
}

bool mailbox_row(struct cv_mailbox *box, uint32_t seq, uint32_t *row_r)
{
	uint32_t uid, rows = account_row_count(box->folder);

	if (seq == 0 || seq > box->count || box->folder->deleted)
		return false;
	uid = mailbox_uid_at(box, seq - 1);
	/* messages are mostly asked for in their order, or again */
	for (uint32_t i = 2; i-- > 0; ) {
		uint32_t row = box->row_hint + i;

		if (row < rows && account_row_uid(box->folder, row) == uid &&
		    account_row_alive(box->folder, row)) {
			*row_r = box->row_hint = row;
			return true;
		}
	}
	if (!account_row_find(box->folder, uid, row_r))
		return false;
	box->row_hint = *row_r;
	return true;
}

uint32_t mailbox_uid_of(struct cv_mailbox *box, uint32_t seq)
{
	return seq == 0 || seq > box->count ? 0 : mailbox_uid_at(box, seq - 1);
}

bool mailbox_uid_is_recent(const struct cv_mailbox *box, uint32_t uid)
{
	return ranges_contain(&box->recent, uid);
}

int mailbox_uids_to_seqs(struct cv_mailbox *box, struct cv_set uids,
			 struct cv_pool *pool, struct cv_set *seqs_r)
{
	struct account_ranges seqs = { .pool = pool };

	for (uint32_t i = 0; i < uids.count; i++) {
		uint32_t at = mailbox_view_lower(box, uids.ranges[i].first);
		uint32_t end = uids.ranges[i].last == UINT32_MAX ?
			box->count : mailbox_view_lower(box, uids.ranges[i].last + 1);
		struct account_range *r;

		if (at >= end)
			continue;
		ranges_add(&seqs, at + 1);
		r = &seqs.items[seqs.count - 1];
		if (r->last < end)
			r->last = end;
	}
	*seqs_r = ranges_set(&seqs);
	return CV_OK;
}

void mailbox_seqs_to_uids(struct cv_mailbox *box, struct cv_set seqs,
			  struct cv_pool *pool, struct account_ranges *uids_r)
{
	*uids_r = (struct account_ranges){ .pool = pool };
	for (uint32_t i = 0; i < seqs.count; i++) {
		uint32_t last = seqs.ranges[i].last;

		if (last > box->count)
			last = box->count;
		for (uint32_t seq = seqs.ranges[i].first;
		     seq != 0 && seq <= last; seq++)
			ranges_add(uids_r, mailbox_uid_at(box, seq - 1));
	}
}

/* --- \Recent --------------------------------------------------------------------------- */

/* Read-only, the same are found again and again: each counts once. */
static void add_recent(struct cv_mailbox *box, uint32_t from)
{
	const struct account_ranges *had = &box->recent;

	if (had->count > 0 && from <= had->items[had->count - 1].last)
		from = had->items[had->count - 1].last + 1;
	for (uint32_t i = mailbox_view_lower(box, from); i < box->count; i++) {
		ranges_add(&box->recent, mailbox_uid_at(box, i));
		box->recent_count++;
	}
}

/* What another process has committed and not placed yet is placed for it. */
static int settle_hidden(struct cv_mailbox *box,
			 struct cv_flag_update *updates, size_t count,
			 struct cv_error *err)
{
	const struct cv_storage *driver = box->store->driver;
	int ret = CV_OK;

	for (size_t i = 0; i < count && ret == CV_OK; i++) {
		if (updates[i].status == CV_OK)
			continue;
		driver->place(box->sf->blobs, &updates[i].blob, 1);
		ret = driver->set_flags(box->sf->blobs, &updates[i], 1, err);
	}
	return ret;
}

/* Messages that lie where deliveries arrive go where mail that was seen by a
 * session lies.  Under the lock. */
static int settle(struct cv_mailbox *box, struct account_txn *txn,
		  uint32_t from, struct cv_pool *pool, struct cv_error *err)
{
	struct account_flag_change change = {
		.op = ACCOUNT_FLAGS_REMOVE,
		.flags = CV_BLOB_ARRIVAL << MAILBOX_MARK_SHIFT,
	};
	struct account_ranges moved = { .pool = pool };
	ARRAY(struct cv_flag_update) updates;
	ARRAY(uint32_t) uids;
	uint32_t rows = account_row_count(box->folder);
	int ret;

	array_init(&updates, pool);
	array_init(&uids, pool);
	for (uint32_t row = account_row_lower(box->folder, from); row < rows;
	     row++) {
		struct cv_flag_update *u;

		if (!account_row_alive(box->folder, row) ||
		    !(account_row_flags(box->folder, row) & change.flags))
			continue;
		u = array_add(&updates);
		u->size = sizeof(*u);
		store_blob_get(box->folder, row, pool, &u->blob);
		u->flags = u->blob.flags;
		u->keywords = u->blob.keywords;
		u->marks = u->blob.marks & ~(uint32_t)CV_BLOB_ARRIVAL;
		*array_add(&uids) = account_row_uid(box->folder, row);
	}
	if (updates.count == 0)
		return CV_OK;
	ret = box->store->driver->set_flags(box->sf->blobs, updates.items,
					    (uint32_t)updates.count, err);
	if (ret == CV_OK)
		ret = settle_hidden(box, updates.items, updates.count, err);
	for (size_t i = 0; i < updates.count; i++) {
		if (updates.items[i].status == CV_OK)
			ranges_add(&moved, uids.items[i]);
	}
	if (ret == CV_OK && moved.count > 0)
		ret = txn_flags(txn, box->folder, moved.items, moved.count,
				&change, err);
	return ret < 0 ? ret : store_folder_save_state(box->sf, txn, err);
}

/* The messages that no session has had as \Recent are this one's now
 * [RFC3501 2.3.2]. */
static int claim_as_recent(struct cv_mailbox *box, uint32_t *from_r,
			   struct cv_error *err)
{
	struct account_folder *folder = box->folder;
	struct account_txn *txn;
	struct cv_pool *pool;
	uint32_t from;
	int ret;

	*from_r = UINT32_MAX;
	if (folder->recent_uid >= folder->uidnext)
		return CV_OK;
	if (box->readonly || box->keeps_recent || box->store->frozen ||
	    box->store->passing) {
		*from_r = folder->recent_uid > 0 ? folder->recent_uid : 1;
		return CV_OK;
	}
	ret = store_begin(box->store, &txn, err);
	if (ret < 0)
		return ret;
	*from_r = from = folder->recent_uid > 0 ? folder->recent_uid : 1;
	if (folder->deleted || from >= folder->uidnext) {
		account_rollback(&txn);
		*from_r = UINT32_MAX;
		return CV_OK;
	}
	pool = pool_create("recent");
	store_folder_refresh(box->sf);
	ret = settle(box, txn, from, pool, err);
	pool_destroy(&pool);
	/* what arrived while we took the lock is in the next sync */
	if (ret == CV_OK)
		ret = txn_folder_recent(txn, folder, box->uidnext, err);
	if (ret < 0) {
		account_rollback(&txn);
		return ret;
	}
	return account_commit(&txn, ACCOUNT_HINT, err);
}

static int claim_recent(struct cv_mailbox *box, struct cv_error *err)
{
	struct cv_error failed = ERROR_NONE;
	uint32_t from;
	int ret = claim_as_recent(box, &from, &failed);

	/* a full disk keeps nobody from reading: the next session has them as
	 * \Recent, too */
	if (ret == CV_E_NO_SPACE) {
		log_warning("mail", "mailbox '%s': messages stay recent: %s",
			    box->name, failed.text);
		ret = CV_OK;
	}
	if (ret == CV_OK && from != UINT32_MAX)
		add_recent(box, from);
	else if (ret < 0 && err != NULL)
		*err = failed;
	return ret;
}

/* --- opening ---------------------------------------------------------------------------- */

static void opened_hook(struct cv_mailbox *box)
{
	struct cv_mailbox_ctx ctx = {
		CV_SIZED(cv_mailbox_ctx), .user = box->user,
		.change = "open", .name = box->name,
	};

	(void)hook_mailbox_opened(&ctx);
}

static int view_init(struct cv_mailbox *box, struct cv_error *err)
{
	int ret = store_folder_get(box->store, box->folder, &box->sf, err);

	if (ret < 0)
		return ret;
	store_folder_hold(box->sf);
	ret = store_folder_scan(box->sf, true, err);
	if (ret < 0)
		return ret;
	store_folder_finish(box->sf);
	box->checked_at = time_monotonic_msecs();
	box->uidvalidity = box->folder->uidvalidity;
	view_add_rows(box, 1);
	if (box->folder->damaged) {
		/* which was found out by reading the rows */
		ret = store_folder_scan(box->sf, true, err);
		if (ret < 0)
			return ret;
		box->count = 0;
		box->uids = NULL;
		box->room = 0;
		view_add_rows(box, 1);
	}
	box->modseq = box->expunge_modseq =
		account_txn_number(box->store->account);
	box->keyword_count = account_keyword_count(box->folder);
	box->recent.pool = box->pool;
	ret = claim_recent(box, err);
	/* our own claim is no news */
	return ret;
}

struct cv_mailbox *mailbox_box_create(struct cv_user *user, bool readonly)
{
	struct cv_pool *pool = pool_create("mailbox");
	struct cv_mailbox *box = pool_new(pool, struct cv_mailbox);

	module_slots_init(&box->slots, CV_OBJECT_MAILBOX, pool);
	box->pool = pool;
	box->user = user;
	box->readonly = readonly;
	box->sync_pool = pool_create("mailbox sync");
	box->data_pool = pool_create("mailbox data");
	box->silent_pool = pool_create("mailbox silent");
	array_init(&box->size_fixes, pool);
	return box;
}

void mailbox_box_destroy(struct cv_mailbox *box)
{
	struct cv_pool *pool = box->pool;

	pool_destroy(&box->sync_pool);
	pool_destroy(&box->data_pool);
	pool_destroy(&box->silent_pool);
	pool_destroy(&pool);
}

/* Opening has failed. */
static void box_abandon(struct cv_mailbox *box)
{
	if (box->sf != NULL)
		store_folder_release(box->sf);
	mailbox_box_destroy(box);
}

/* Nothing of it can be changed; a private \Seen lies elsewhere. */
static bool stays(const struct store *store)
{
	return (store->frozen || store->passing) && !store->private_seen;
}

static void box_show(struct cv_mailbox *box, const struct mailbox_ref *ref)
{
	box->ns = ref->ns;
	box->store = ref->store;
	box->name = mailbox_name_show(ref->ns, box->folder->name, box->pool);
}

int mailbox_open(struct cv_user *user, const char *name, uint32_t flags,
		 struct cv_mailbox **box_r, struct cv_error *err)
{
	struct cv_mailbox *box = mailbox_box_create(
		user, flags & CV_MAILBOX_READONLY);
	struct mailbox_ref ref;
	int ret = mailbox_find_for(user, name, MAILBOX_OP_OPEN, box->pool,
				   &ref, &box->folder, err);

	box->keeps_recent = flags & MAILBOX_KEEP_RECENT;
	box->verify = flags & MAILBOX_VERIFY;
	if (ret == CV_OK) {
		box_show(box, &ref);
		/* [RFC4314 5.2] who can change nothing has it read-only */
		if ((mailbox_box_rights(box) & ACL_CHANGES) == 0 ||
		    stays(box->store))
			box->readonly = true;
		ret = view_init(box, err);
	}
	if (ret < 0) {
		box_abandon(box);
		return ret;
	}
	box->next = user->boxes;
	user->boxes = box;
	opened_hook(box);
	*box_r = box;
	return CV_OK;
}

static int frozen_init(struct cv_mailbox *box, const struct mailbox_frozen *f,
		       struct cv_error *err)
{
	struct mailbox_ref ref;
	uint32_t rights;
	int ret = mailbox_resolve(box->user, f->name, box->pool, &ref, err);

	if (ret == CV_OK)
		ret = account_refresh(ref.store->account, err);
	if (ret < 0)
		return ret;
	/* it may have another name by now */
	box->folder = account_folder_find_guid(ref.store->account,
					       &f->folder);
	if (box->folder == NULL || box->folder->deleted) {
		FAIL(err, CV_E_NOT_FOUND, "mailbox '%s' was deleted",
		     f->name);
		return error_set_client(err, "Mailbox was deleted under "
					"you.");
	}
	box_show(box, &ref);
	if (box->name == NULL)
		box->name = pool_strdup(box->pool, f->name);
	/* what may be done may have changed meanwhile */
	rights = mailbox_rights(box->user, box->ns, box->folder);
	ret = mailbox_permit(rights, MAILBOX_OP_OPEN, f->name, err);
	if (ret < 0)
		return ret;
	if ((rights & ACL_CHANGES) == 0 || stays(box->store))
		box->readonly = true;
	ret = account_folder_load(box->folder, err);
	if (ret == CV_OK)
		ret = store_folder_get(box->store, box->folder, &box->sf,
				       err);
	if (ret < 0)
		return ret;
	store_folder_hold(box->sf);
	return mailbox_view_thaw(box, f, err);
}

int mailbox_open_frozen(struct cv_user *user, const struct mailbox_frozen *f,
			struct cv_mailbox **box_r, struct cv_error *err)
{
	struct cv_mailbox *box = mailbox_box_create(user, f->readonly);
	int ret = frozen_init(box, f, err);

	if (ret < 0) {
		box_abandon(box);
		return ret;
	}
	box->next = user->boxes;
	user->boxes = box;
	*box_r = box;
	return CV_OK;
}

static bool folder_in_use(struct cv_user *user, struct account_folder *folder)
{
	for (struct cv_mailbox *b = user->boxes; b != NULL; b = b->next) {
		if (b->folder == folder)
			return true;
	}
	return false;
}

void mailbox_close(struct cv_mailbox **box)
{
	struct cv_mailbox *b = *box, **at;

	if (b == NULL)
		return;
	*box = NULL;
	mailbox_flush_sizes(b);
	mailbox_message_close(b);
	for (at = &b->user->boxes; *at != b; at = &(*at)->next)
		;
	*at = b->next;
	store_folder_release(b->sf);
	if (!folder_in_use(b->user, b->folder))
		store_folder_forget(b->store, b->folder);
	mailbox_box_destroy(b);
}

void mailbox_state(struct cv_mailbox *box, struct cv_mailbox_state *state_r)
{
	struct account_folder *folder = box->folder;
	struct account_keywords all = { NULL, account_keyword_count(folder) };
	const char **names;
	uint32_t row, allowed;
	bool keywords;

	pool_reset(box->data_pool);
	names = pool_new_array(box->data_pool, const char *, all.count + 1);
	for (uint32_t i = 0; i < all.count; i++)
		names[i] = account_keyword_name(folder, i);
	state_r->name = box->name;
	state_r->messages = box->count;
	state_r->recent = box->recent_count;
	state_r->uidnext = box->uidnext;
	state_r->uidvalidity = box->uidvalidity;
	state_r->highestmodseq = folder->highestmodseq == 0 ? 1 :
		folder->highestmodseq;
	state_r->readonly = box->readonly;
	allowed = mailbox_flags_allowed(mailbox_box_rights(box), &keywords);
	state_r->may_create_keywords = !box->readonly && keywords &&
		all.count < ACCOUNT_KEYWORD_MAX;
	state_r->permanent_flags = box->readonly ? 0 : allowed;
	state_r->keywords = (struct cv_keywords){ names, all.count };
	memcpy(state_r->guid, folder->guid.bytes, sizeof(state_r->guid));
	if (CV_HAS(state_r, annotations))
		state_r->annotations = mailbox_annotations_state(box);
	state_r->first_unseen = 0;
	if (folder->unseen_count == 0)
		return;
	for (uint32_t seq = 1; seq <= box->count; seq++) {
		if (mailbox_row(box, seq, &row) &&
		    !(account_row_flags(folder, row) & ACCOUNT_SEEN)) {
			state_r->first_unseen = seq;
			return;
		}
	}
}

/* --- syncing ------------------------------------------------------------------------------ */

static bool is_silent(const struct cv_mailbox *box, uint32_t uid,
		      uint64_t modseq)
{
	for (const struct silent_store *s = box->silent; s != NULL;
	     s = s->next) {
		if (s->modseq == modseq && ranges_contain(&s->uids, uid))
			return true;
	}
	return false;
}

/* Removes from the view what is expunged; the numbers it had are reported. */
static void remove_expunged(struct cv_mailbox *box,
			    const struct account_changes *changes,
			    struct account_ranges *seqs,
			    struct account_ranges *uids)
{
	uint32_t to = 0, row;

	if (changes->expunges_complete && changes->expunged.count == 0)
		return;
	(void)mailbox_view_uids(box);
	for (uint32_t i = 0; i < box->count; i++) {
		uint32_t uid = mailbox_uid_at(box, i);
		bool gone = changes->expunges_complete ?
			ranges_contain(&changes->expunged, uid) :
			!account_row_find(box->folder, uid, &row);

		if (!gone) {
			box->uids[to++] = uid;
			continue;
		}
		ranges_add(seqs, i + 1);
		ranges_add(uids, uid);
		if (mailbox_uid_is_recent(box, uid))
			box->recent_count--;
	}
	box->count = to;
	box->row_hint = 0;
}

static void report_flags(struct cv_mailbox *box,
			 const struct account_ranges *changed,
			 uint64_t since, uint32_t old_count,
			 struct account_ranges *seqs)
{
	for (size_t i = 0; i < changed->count; i++) {
		uint32_t at = mailbox_view_lower(box, changed->items[i].first);

		for (; at < old_count &&
		     mailbox_uid_at(box, at) <= changed->items[i].last; at++) {
			uint32_t row;
			uint64_t modseq;

			if (!mailbox_row(box, at + 1, &row))
				continue;
			modseq = account_row_modseq(box->folder, row);
			if (modseq > since &&
			    !is_silent(box, mailbox_uid_at(box, at), modseq))
				ranges_add(seqs, at + 1);
		}
	}
}

/* [RFC7162 3.2] not above an expunge that the client was not told of. */
static uint64_t known_modseq(const struct cv_mailbox *box)
{
	uint64_t modseq = box->folder->highestmodseq;

	if (modseq > box->expunge_modseq)
		modseq = box->expunge_modseq;
	return modseq == 0 ? 1 : modseq;
}

static int sync_view(struct cv_mailbox *box, uint32_t flags,
		     struct cv_mailbox_changes *out, struct cv_error *err)
{
	struct account_folder *folder = box->folder;
	uint64_t now = account_txn_number(box->store->account);
	struct account_ranges seqs = { .pool = box->sync_pool };
	struct account_ranges uids = { .pool = box->sync_pool };
	struct account_ranges changed = { .pool = box->sync_pool };
	struct account_changes changes;
	uint64_t since = flags & CV_SYNC_NO_EXPUNGES ? box->modseq :
		box->expunge_modseq;
	uint32_t kept, before = box->uidnext;
	int ret = CV_OK;

	if (!(flags & CV_SYNC_NO_EXPUNGES))
		box->expunges_wait = false;
	if (folder->highestmodseq > since || folder->uidnext > before) {
		account_changes_get(folder, since, before, box->sync_pool,
				    &changes);
		if (!(flags & CV_SYNC_NO_EXPUNGES))
			remove_expunged(box, &changes, &seqs, &uids);
		else if (!changes.expunges_complete ||
			 changes.expunged.count > 0)
			box->expunges_wait = true;
		kept = box->count;
		if (folder->uidnext > before)
			view_add_rows(box, before);
		report_flags(box, &changes.changed, box->modseq, kept,
			     &changed);
		if (box->count > kept)
			ret = claim_recent(box, err);
		out->messages_changed = box->count > kept;
		out->recent_changed = box->count > kept || seqs.count > 0;
	}
	out->expunged = ranges_set(&seqs);
	out->expunged_uids = ranges_set(&uids);
	out->flags = ranges_set(&changed);
	box->modseq = now;
	if (!box->expunges_wait)
		box->expunge_modseq = now;
	out->highestmodseq = known_modseq(box);
	box->silent = NULL;
	pool_reset(box->silent_pool);
	return ret;
}

static bool wants_scan(struct cv_mailbox *box, uint32_t flags)
{
	uint64_t now = time_monotonic_msecs();

	if (!(flags & CV_SYNC_FULL) &&
	    (flags & CV_SYNC_NO_EXPUNGES ||
	     now < box->checked_at + MAILBOX_CHECK_MSECS))
		return false;
	box->checked_at = now;
	return true;
}

int mailbox_sync(struct cv_mailbox *box, uint32_t flags,
		 struct cv_mailbox_changes *changes_r, struct cv_error *err)
{
	struct cv_mailbox_changes out = { CV_SIZED(cv_mailbox_changes) };
	int ret = account_refresh(box->store->account, err);

	if (ret >= 0 && !box->folder->deleted && wants_scan(box, flags))
		ret = store_folder_scan(box->sf, false, err);
	if (ret < 0)
		return ret;
	if (box->folder->deleted ||
	    box->folder->uidvalidity != box->uidvalidity) {
		FAIL(err, CV_E_NOT_FOUND, "mailbox '%s' was deleted",
		     box->name);
		return error_set_client(err, "Mailbox was deleted under "
					"you.");
	}
	ret = mailbox_permit(mailbox_box_rights(box), MAILBOX_OP_OPEN,
			     box->name, err);
	if (ret < 0)
		return ret;
	pool_reset(box->sync_pool);
	ret = sync_view(box, flags, &out, err);
	out.messages = box->count;
	out.recent = box->recent_count;
	out.keywords_changed =
		account_keyword_count(box->folder) != box->keyword_count;
	box->keyword_count = account_keyword_count(box->folder);
	if (changes_r != NULL) {
		/* the caller's struct may be older and shorter */
		uint32_t size = changes_r->size < sizeof(out) ?
			changes_r->size : (uint32_t)sizeof(out);

		memcpy((char *)changes_r + sizeof(size),
		       (char *)&out + sizeof(size), size - sizeof(size));
	}
	return ret;
}
