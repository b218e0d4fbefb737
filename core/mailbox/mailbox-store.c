/* mailbox-store.c - STORE. */
#include "mailbox-annotate.h"

#include <stdlib.h>

enum {
	ROUNDS_MAX = 8,			/* while others rename files */
	SAME_MAX = 1000,		/* unchanged messages looked at */
	PART_MAX = 65536,		/* messages changed in one commit */
};

bool mailbox_keyword_is_valid(struct cv_span name)
{
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.data[i];

		if (c <= 0x20 || c >= 0x7f || strchr("(){%*\"\\]", c) != NULL)
			return false;
	}
	return name.len > 0;
}

/* Keywords are atoms [RFC9051 2.3.2, 9 flag-keyword]. */
int keyword_check(struct cv_user *user, const char *name,
		  struct cv_error *err)
{
	size_t len = strlen(name);

	if (len == 0 || len > user->mail.mail_max_keyword_length) {
		FAIL(err, CV_E_LIMIT, "keyword of %zu bytes", len);
		return error_set_client(err, "Keyword is too long.");
	}
	return mailbox_keyword_is_valid(cv_span(name, len)) ? CV_OK :
		FAIL(err, CV_E_SYNTAX, "invalid keyword");
}

/* --- store ------------------------------------------------------------------------- */

struct storing {
	struct cv_mailbox *box;
	const struct cv_store_request *r;
	struct cv_pool *pool;		/* of this part */
	struct cv_set seqs;		/* this part */
	struct account_txn *txn;
	uint32_t *keywords;		/* indexes in the folder */
	struct account_ranges uids;	/* that are to be changed */
	uint32_t allowed;		/* flags that may be changed */
	bool keywords_allowed;
	ARRAY(uint32_t) modified;	/* sequence numbers */
	/* What the driver is told, and of which UID; first those that change.
	 * The others are as they shall be: where other programs set flags
	 * the disk may have it otherwise, so the driver looks. */
	ARRAY(struct cv_flag_update) updates, same;
	ARRAY(uint32_t) update_uids, same_uids;
	/* Another program was there: they are left to the next round. */
	ARRAY(uint32_t) moved;
	struct account_ranges left;	/* from the last round */
	bool again;			/* not the first round */
	bool renamed;
	struct cv_error *err;
};

static bool has_keyword(const struct cv_keywords *keywords, const char *name)
{
	for (uint32_t i = 0; i < keywords->count; i++) {
		if (strcasecmp(keywords->names[i], name) == 0)
			return true;
	}
	return false;
}

/* The keywords after the change. */
static struct cv_keywords new_keywords(struct storing *s,
				       const struct cv_keywords *old)
{
	const struct cv_store_request *r = s->r;
	const char **names;
	uint32_t count = 0;

	if (!s->keywords_allowed ||
	    (r->keywords.count == 0 && r->change != CV_FLAGS_REPLACE))
		return *old;
	names = pool_new_array(s->pool, const char *,
			       old->count + r->keywords.count + 1);
	for (uint32_t i = 0; i < old->count; i++) {
		if (r->change == CV_FLAGS_ADD ||
		    (r->change == CV_FLAGS_REMOVE &&
		     !has_keyword(&r->keywords, old->names[i])))
			names[count++] = old->names[i];
	}
	for (uint32_t i = 0; i < r->keywords.count; i++) {
		struct cv_keywords so_far = { names, count };

		if (r->change != CV_FLAGS_REMOVE &&
		    !has_keyword(&so_far, r->keywords.names[i]))
			names[count++] = r->keywords.names[i];
	}
	return (struct cv_keywords){ names, count };
}

static bool same_keywords(const struct cv_keywords *a,
			  const struct cv_keywords *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		if (!has_keyword(b, a->names[i]))
			return false;
	}
	return true;
}

static void add_update(struct storing *s, uint32_t row, uint32_t uid)
{
	const struct cv_store_request *r = s->r;
	uint32_t flags = r->flags & s->allowed;
	struct cv_keywords keywords;
	struct cv_flag_update *u;
	struct cv_blob blob;
	bool as_is;

	store_blob_get(s->box->folder, row, s->pool, &blob);
	flags = r->change == CV_FLAGS_ADD ? blob.flags | flags :
		r->change == CV_FLAGS_REMOVE ? blob.flags & ~flags :
		flags | (blob.flags & ~s->allowed);
	keywords = new_keywords(s, &blob.keywords);
	as_is = flags == blob.flags &&
		same_keywords(&keywords, &blob.keywords);
	if (as_is && (!(s->box->store->driver->caps & CV_STORAGE_FOREIGN) ||
		      s->same.count >= SAME_MAX))
		return;
	u = as_is ? array_add(&s->same) : array_add(&s->updates);
	*u = (struct cv_flag_update){
		CV_SIZED(cv_flag_update), .blob = blob, .flags = flags,
		.keywords = keywords, .marks = blob.marks,
	};
	*(as_is ? array_add(&s->same_uids) : array_add(&s->update_uids)) = uid;
}

static int choose(struct storing *s)
{
	struct cv_mailbox *box = s->box;
	int ret = CV_OK;

	for (uint32_t i = 0; i < s->seqs.count && ret == CV_OK; i++) {
		uint32_t last = s->seqs.ranges[i].last;

		if (last > box->count)
			last = box->count;
		for (uint32_t seq = s->seqs.ranges[i].first;
		     seq != 0 && seq <= last && ret == CV_OK; seq++) {
			uint32_t row;

			ret = spare_memory_check(0, s->err);
			if (!mailbox_row(box, seq, &row) ||
			    (s->again && !ranges_contain(
				    &s->left, mailbox_uid_at(box, seq - 1))))
				continue;
			/* [RFC7162 3.1.3] */
			if (account_row_modseq(box->folder, row) >
			    s->r->unchanged_since) {
				*array_add(&s->modified) = seq;
				continue;
			}
			ranges_add(&s->uids, mailbox_uid_at(box, seq - 1));
			add_update(s, row, mailbox_uid_at(box, seq - 1));
		}
	}
	return ret;
}

static int find_keywords(struct storing *s)
{
	const struct cv_keywords *k = &s->r->keywords;

	s->keywords = pool_new_array(s->pool, uint32_t, k->count + 1);
	for (uint32_t i = 0; i < k->count; i++) {
		int ret = keyword_check(s->box->user, k->names[i], s->err);

		/* none is made that no message gets */
		if (ret == CV_OK && s->keywords_allowed && s->uids.count > 0)
			ret = txn_keyword(s->txn, s->box->folder,
					  cv_span_of(k->names[i]),
					  &s->keywords[i], s->err);
		if (ret < 0)
			return ret;
	}
	return CV_OK;
}

/* CV_NOT_FOUND is no answer: the next scan says whether it is gone. */
static bool was_moved(int status)
{
	return status == CV_CHANGED || status == CV_NOT_FOUND;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* In any order. */
static struct account_ranges ranges_of(uint32_t *numbers, size_t count,
				       struct cv_pool *pool)
{
	struct account_ranges ranges = { .pool = pool };

	if (count > 1)
		qsort(numbers, count, sizeof(*numbers), compare_numbers);
	for (size_t i = 0; i < count; i++)
		ranges_add(&ranges, numbers[i]);
	return ranges;
}

static void leave_moved(struct storing *s)
{
	struct account_ranges uids = { .pool = s->pool };

	s->left = ranges_of(s->moved.items, s->moved.count, s->pool);
	if (s->left.count == 0)
		return;
	for (size_t i = 0; i < s->uids.count; i++) {
		for (uint32_t uid = s->uids.items[i].first;
		     uid <= s->uids.items[i].last && uid != 0; uid++) {
			if (!ranges_contain(&s->left, uid))
				ranges_add(&uids, uid);
		}
	}
	s->uids = uids;
}

/* Names of files change before the commit, under the lock: what other
 * processes see under it agrees.  Those that another program has changed are
 * left for another round: the others are committed, never renamed back, for
 * a scan may have seen their new names. */
static int rename_blobs(struct storing *s)
{
	const struct cv_storage *driver = s->box->store->driver;
	size_t changes = s->updates.count, to = 0;
	int ret;

	for (size_t i = 0; i < s->same.count; i++) {
		*array_add(&s->updates) = s->same.items[i];
		*array_add(&s->update_uids) = s->same_uids.items[i];
	}
	if (s->updates.count == 0)
		return CV_OK;
	s->renamed = true;
	ret = driver->set_flags(s->box->sf->blobs, s->updates.items,
				(uint32_t)s->updates.count, s->err);
	for (size_t i = 0; i < s->updates.count && ret == CV_OK; i++) {
		if (s->updates.items[i].status < 0)
			ret = s->updates.items[i].status;
	}
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < s->updates.count; i++) {
		uint32_t uid = s->update_uids.items[i];

		if (was_moved(s->updates.items[i].status)) {
			*array_add(&s->moved) = uid;
		} else if (i < changes) {
			s->updates.items[to] = s->updates.items[i];
			s->update_uids.items[to++] = uid;
		}
	}
	s->updates.count = s->update_uids.count = to;
	leave_moved(s);
	return CV_OK;
}

static void rename_back(struct storing *s)
{
	ARRAY(struct cv_flag_update) back;

	if (!s->renamed)
		return;
	array_init(&back, s->pool);
	for (size_t i = 0; i < s->updates.count; i++) {
		const struct cv_flag_update *u = &s->updates.items[i];
		struct cv_flag_update *b;

		if (u->status != CV_OK)
			continue;
		b = array_add(&back);
		*b = *u;
		b->blob.flags = u->flags;
		b->blob.keywords = u->keywords;
		b->blob.marks = u->marks;
		b->flags = u->blob.flags;
		b->keywords = u->blob.keywords;
	}
	if (back.count > 0)
		(void)s->box->store->driver->set_flags(
			s->box->sf->blobs, back.items, (uint32_t)back.count,
			NULL);
}

static int write_marks(struct storing *s)
{
	static const uint32_t bits[] = {
		CV_BLOB_ARRIVAL, CV_BLOB_MARK_1, CV_BLOB_MARK_2,
		CV_BLOB_MARK_3,
	};
	int ret = CV_OK;

	for (size_t b = 0; b < 8 && ret == CV_OK; b++) {
		struct account_flag_change change = {
			.op = b < 4 ? ACCOUNT_FLAGS_REMOVE :
				ACCOUNT_FLAGS_ADD,
			.flags = bits[b % 4] << MAILBOX_MARK_SHIFT,
		};
		struct account_ranges uids = { .pool = s->pool };

		for (size_t i = 0; i < s->updates.count; i++) {
			const struct cv_flag_update *u = &s->updates.items[i];
			bool was = u->blob.marks & bits[b % 4];
			bool is = u->marks & bits[b % 4];

			if (was != is && is == (b >= 4))
				ranges_add(&uids, s->update_uids.items[i]);
		}
		if (uids.count > 0)
			ret = txn_flags(s->txn, s->box->folder, uids.items,
					uids.count, &change, s->err);
	}
	return ret;
}

/* Replacing some of the flags only: the rest stays as it is with each
 * message. */
static int replace_allowed(struct storing *s)
{
	struct account_folder *folder = s->box->folder;
	uint32_t count = account_keyword_count(folder);
	struct account_flag_change take = {
		.op = ACCOUNT_FLAGS_REMOVE,
		.flags = s->allowed & ~s->r->flags,
	}, give = {
		.op = ACCOUNT_FLAGS_ADD, .flags = s->allowed & s->r->flags,
		.keywords = s->keywords,
	};
	uint32_t *others = pool_new_array(s->pool, uint32_t, count + 1);
	int ret;

	take.keywords = others;
	for (uint32_t i = 0; i < count && s->keywords_allowed; i++) {
		if (!has_keyword(&s->r->keywords,
				 account_keyword_name(folder, i)))
			others[take.keyword_count++] = i;
	}
	give.keyword_count = s->keywords_allowed ? s->r->keywords.count : 0;
	ret = txn_flags(s->txn, folder, s->uids.items, s->uids.count, &take,
			s->err);
	return ret < 0 ? ret : txn_flags(s->txn, folder, s->uids.items,
					 s->uids.count, &give, s->err);
}

static int write_change(struct storing *s)
{
	struct account_flag_change change = {
		.op = s->r->change == CV_FLAGS_ADD ? ACCOUNT_FLAGS_ADD :
			s->r->change == CV_FLAGS_REMOVE ?
			ACCOUNT_FLAGS_REMOVE : ACCOUNT_FLAGS_REPLACE,
		.flags = s->r->flags & s->allowed,
		.keywords = s->keywords,
		.keyword_count = s->keywords_allowed ?
			s->r->keywords.count : 0,
	};

	if (change.op == ACCOUNT_FLAGS_REPLACE &&
	    (s->allowed != CV_FLAGS_STORED || !s->keywords_allowed))
		return replace_allowed(s);
	return txn_flags(s->txn, s->box->folder, s->uids.items,
			 s->uids.count, &change, s->err);
}

static int write_flags(struct storing *s)
{
	int ret;

	if (s->uids.count == 0)
		return CV_OK;
	ret = write_change(s);
	if (ret == CV_OK)
		ret = write_marks(s);
	if (ret == CV_OK && s->updates.count > 0)
		ret = store_folder_save_state(s->box->sf, s->txn, s->err);
	return ret;
}

/* Only what this view knew of is silent: another session's change is not. */
static void remember_silent(struct storing *s, uint64_t modseq)
{
	struct cv_mailbox *box = s->box;
	struct silent_store *silent = pool_new(box->silent_pool,
					       struct silent_store);

	silent->modseq = modseq;
	silent->uids.pool = box->silent_pool;
	for (size_t i = 0; i < s->updates.count; i++) {
		if (s->updates.items[i].blob.modseq <= box->modseq)
			ranges_add(&silent->uids, s->update_uids.items[i]);
	}
	silent->next = box->silent;
	box->silent = silent;
}

static void flags_hooks(struct storing *s)
{
	for (size_t i = 0; i < s->updates.count; i++) {
		struct cv_message_ctx ctx = {
			CV_SIZED(cv_message_ctx), .user = s->box->user,
			.mailbox_name = s->box->name,
			.uidvalidity = s->box->uidvalidity,
			.uid = s->update_uids.items[i],
			.flags = s->updates.items[i].flags,
		};

		(void)hook_flags_changed(&ctx);
	}
}

/* mail_fsync = optimized leaves flags to the system. */
static enum account_durability durability_of(const struct storing *s)
{
	if (s->box->user->mail.mail_fsync == MAIL_MAIL_FSYNC_OPTIMIZED)
		return ACCOUNT_NO_SYNC;
	return CV_HAS(s->r, settle_later) && s->r->settle_later ?
		ACCOUNT_SYNC_LATER : ACCOUNT_SYNC;
}

/* Those that another program has renamed are left. */
static int store_round(struct storing *s)
{
	struct cv_mailbox *box = s->box;
	uint64_t modseq;
	int ret = store_begin(box->store, &s->txn, s->err);

	if (ret < 0)
		return ret;
	s->uids = (struct account_ranges){ .pool = s->pool };
	array_init(&s->updates, s->pool);
	array_init(&s->update_uids, s->pool);
	array_init(&s->same, s->pool);
	array_init(&s->same_uids, s->pool);
	array_init(&s->moved, s->pool);
	s->renamed = false;
	if (box->folder->deleted) {
		account_rollback(&s->txn);
		return FAIL(s->err, CV_E_NOT_FOUND, "mailbox is gone");
	}
	store_folder_refresh(box->sf);
	ret = choose(s);
	if (ret == CV_OK)
		ret = find_keywords(s);
	if (ret == CV_OK)
		ret = rename_blobs(s);
	if (ret == CV_OK)
		ret = write_flags(s);
	if (ret != CV_OK) {
		rename_back(s);
		account_rollback(&s->txn);
		return ret;
	}
	modseq = account_txn_modseq(s->txn);
	ret = account_commit(&s->txn, durability_of(s), s->err);
	if (ret < 0) {
		rename_back(s);
		return ret;
	}
	if (s->r->silent)
		remember_silent(s, modseq);
	flags_hooks(s);
	return CV_OK;
}

/* What was left to be done is gone with the mailbox: the rest was done before
 * it went. */
static bool is_deleted(struct storing *s)
{
	return account_refresh(s->box->store->account, NULL) >= 0 &&
		s->box->folder->deleted;
}

static int store_rounds(struct storing *s)
{
	int ret = store_round(s);

	/* files are not where they were: what has happened is taken in */
	for (int i = 1; ret == CV_OK && s->moved.count > 0; i++) {
		if (i == ROUNDS_MAX)
			return FAIL(s->err, CV_E_TEMP, "mailbox '%s' is being "
				    "changed by another program",
				    s->box->name);
		s->again = true;
		ret = store_folder_scan_all(s->box->sf, s->err);
		if (ret >= 0)
			ret = store_round(s);
		if (ret == CV_E_NOT_FOUND && is_deleted(s)) {
			s->moved.count = 0;
			ret = CV_OK;
		}
	}
	return ret;
}

/* The numbers from here on, as many as one commit may have; true: there are
 * some. */
static bool next_part(struct storing *s, uint32_t *at, uint32_t *first,
		      struct cv_range *ranges)
{
	const struct cv_set *all = &s->r->seqs;
	uint32_t room = PART_MAX;

	s->seqs = (struct cv_set){ ranges, 0 };
	for (; *at < all->count && room > 0; (*at)++, *first = 0) {
		struct cv_range r = all->ranges[*at];

		if (r.last > s->box->count)
			r.last = s->box->count;
		if (*first > r.first)
			r.first = *first;
		if (r.first == 0 || r.first > r.last)
			continue;
		if (r.last - r.first >= room)
			r.last = r.first + room - 1;
		room -= r.last - r.first + 1;
		ranges[s->seqs.count++] = r;
		if (r.last < all->ranges[*at].last &&
		    r.last < s->box->count) {
			*first = r.last + 1;
			return true;
		}
	}
	return s->seqs.count > 0;
}

/* [RFC9051 6.4.6] No promise that all of them change at once: a million are
 * not held in memory. */
static int store_parts(struct storing *s, struct cv_pool *pool)
{
	struct cv_range *ranges = pool_new_array(pool, struct cv_range,
						 s->r->seqs.count + 1);
	uint32_t at = 0, first = 0;
	int ret;

	s->pool = pool_create("store");
	/* where there are none, what is asked for may still be wrong */
	(void)next_part(s, &at, &first, ranges);
	do {
		pool_reset(s->pool);
		s->again = false;
		s->left = (struct account_ranges){ .pool = s->pool };
		ret = store_rounds(s);
	} while (ret == CV_OK && next_part(s, &at, &first, ranges));
	pool_destroy(&s->pool);
	return ret;
}

int mailbox_check_writable(const struct cv_mailbox *box, struct cv_error *err)
{
	if (!box->readonly)
		return CV_OK;
	FAIL(err, CV_E_DENIED, "mailbox '%s' is open read-only", box->name);
	return error_set_client(err, "Mailbox is open read-only.");
}

/* [RFC4314 4] what may not be changed is left alone, unless that is all. */
static int check_rights(struct storing *s)
{
	uint32_t rights = mailbox_box_rights(s->box);
	const struct cv_store_request *r = s->r;
	uint32_t allowed;

	allowed = mailbox_flags_allowed(rights, &s->keywords_allowed);
	s->allowed = mailbox_flags_kept(s->box->store, allowed);
	if (r->change == CV_FLAGS_REPLACE ?
	    allowed != 0 || s->keywords_allowed :
	    (r->flags & allowed) != 0 ||
	    (r->keywords.count > 0 && s->keywords_allowed) ||
	    (r->flags == 0 && r->keywords.count == 0))
		return CV_OK;
	FAIL(s->err, CV_E_DENIED, "no right to set these flags in '%s'",
	     s->box->name);
	return error_set_client(s->err, "Permission denied.");
}

int mailbox_store(struct cv_mailbox *box, const struct cv_store_request *r,
		  struct cv_pool *pool, struct cv_set *modified_r,
		  struct cv_error *err)
{
	struct storing s = { .box = box, .r = r, .err = err };
	struct cv_pool *part;
	int ret;

	if (CV_HAS(r, annotation_count) && r->annotation_count > 0)
		return mailbox_annotate(box, r, pool, modified_r, err);
	ret = mailbox_check_writable(box, err);
	if (ret == CV_OK)
		ret = check_rights(&s);
	if (ret < 0)
		return ret;
	part = pool_create("store parts");
	array_init(&s.modified, part);
	ret = store_parts(&s, part);
	if (ret == CV_OK && modified_r != NULL) {
		struct account_ranges modified = ranges_of(
			s.modified.items, s.modified.count, pool);

		*modified_r = ranges_set(&modified);
	}
	pool_destroy(&part);
	return ret;
}
