/* mailbox-seen.c - \Seen in the account of whoever reads. */
#include "mailbox-seen.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BLOCK = 4096, BLOCK_BYTES = BLOCK / 8 };

bool seen_is_kept(const struct store *store)
{
	return store->private_seen && !store->user->private_seen;
}

int seen_create(struct cv_user *user, const uint8_t guid[16],
		uint32_t uidvalidity, struct private_seen **seen_r,
		struct cv_error *err)
{
	struct cv_pool *pool = pool_create("seen");
	struct private_seen *seen = pool_new(pool, struct private_seen);
	struct account_guid folder;
	char hex[33];
	int ret;

	seen->watch = -1;
	memcpy(folder.bytes, guid, sizeof(folder.bytes));
	account_guid_format(&folder, hex);
	seen->pool = pool;
	seen->uid_pool = pool_create("seen uids");
	seen->uids.pool = seen->uid_pool;
	seen->news.pool = pool;
	seen->store = mailbox_own_store(user);
	seen->uidvalidity = uidvalidity;
	seen->prefix = pool_printf(pool, "seen/%s/%08x/", hex, uidvalidity);
	*seen_r = seen;
	ret = store_open(seen->store, err);
	if (ret < 0)
		seen_destroy(seen_r);
	return ret;
}

void seen_destroy(struct private_seen **seen)
{
	struct cv_pool *pool;

	if (*seen == NULL)
		return;
	if ((*seen)->watch >= 0)
		(void)close((*seen)->watch);
	pool = (*seen)->pool;
	pool_destroy(&(*seen)->uid_pool);
	*seen = NULL;
	pool_destroy(&pool);
}

static struct cv_span block_key(const struct private_seen *seen,
				uint32_t block, char room[80])
{
	int len = snprintf(room, 80, "%s%05x", seen->prefix, block);

	return cv_span(room, (size_t)len);
}

static struct cv_span block_get(const struct private_seen *seen,
				uint32_t block)
{
	struct cv_span bits;
	char room[80];

	return account_metadata_get(seen->store->account, NULL,
				    block_key(seen, block, room), &bits) &&
		bits.len <= BLOCK_BYTES ? bits : CV_SPAN("");
}

static bool bit_get(struct cv_span bits, uint32_t uid)
{
	uint32_t at = uid % BLOCK;

	return at / 8 < bits.len &&
		((unsigned char)bits.data[at / 8] >> at % 8 & 1) != 0;
}

bool seen_has(const struct private_seen *seen, uint32_t uid)
{
	return ranges_contain(&seen->uids, uid);
}

bool seen_is_news(const struct private_seen *seen, uint32_t uid)
{
	return ranges_contain(&seen->news, uid);
}

static void add_range(struct account_ranges *to,
		      const struct account_range *range)
{
	struct account_range *last = to->count == 0 ? NULL :
		&to->items[to->count - 1];

	if (last != NULL && range->first <= (uint64_t)last->last + 1) {
		if (range->last > last->last)
			last->last = range->last;
		return;
	}
	array_reserve_((void **)&to->items, to->count, &to->room,
		       sizeof(*to->items), to->pool);
	to->items[to->count++] = *range;
}

void seen_news_add(struct private_seen *seen,
		   const struct account_ranges *uids)
{
	struct cv_pool *pool = pool_create("seen news");
	struct account_ranges old = { .pool = pool };
	size_t i = 0, k = 0;

	for (size_t n = 0; n < seen->news.count; n++)
		add_range(&old, &seen->news.items[n]);
	seen->news.count = 0;
	while (i < old.count || k < uids->count) {
		bool first = k == uids->count || (i < old.count &&
			old.items[i].first <= uids->items[k].first);

		add_range(&seen->news, first ? &old.items[i++] :
			  &uids->items[k++]);
	}
	pool_destroy(&pool);
}

static bool same_ranges(const struct account_ranges *a,
			const struct account_ranges *b)
{
	return a->count == b->count && (a->count == 0 ||
		memcmp(a->items, b->items,
		       a->count * sizeof(*a->items)) == 0);
}

int seen_refresh(struct private_seen *seen, const uint32_t *uids,
		 uint32_t count, struct cv_error *err)
{
	struct account_ranges now = { 0 };
	struct cv_span bits = CV_SPAN("");
	uint32_t block = UINT32_MAX;
	bool same;
	int ret = account_refresh(seen->store->account, err);

	if (ret < 0)
		return ret;
	now.pool = pool_create("seen uids");
	for (uint32_t i = 0; i < count; i++) {
		if (uids[i] / BLOCK != block) {
			block = uids[i] / BLOCK;
			bits = block_get(seen, block);
		}
		if (bits.len > 0 && bit_get(bits, uids[i]))
			ranges_add(&now, uids[i]);
	}
	same = same_ranges(&now, &seen->uids);
	pool_destroy(&seen->uid_pool);
	seen->uid_pool = now.pool;
	seen->uids = now;
	seen->txn = account_txn_number(seen->store->account);
	return same ? CV_OK : CV_CHANGED;
}

/* The bits of one block that are within the ranges; at_range is the first that
 * reaches into it. */
static bool block_change(unsigned char bits[BLOCK_BYTES], uint32_t block,
			 const struct account_ranges *uids, size_t at_range,
			 bool on)
{
	uint64_t first = (uint64_t)block * BLOCK, last = first + BLOCK - 1;
	bool changed = false;

	for (size_t i = at_range; i < uids->count &&
	     uids->items[i].first <= last; i++) {
		uint64_t from = uids->items[i].first, to = uids->items[i].last;

		from = from < first ? first : from;
		to = to > last ? last : to;
		for (uint64_t uid = from; uid <= to; uid++) {
			uint32_t at = (uint32_t)(uid - first);
			unsigned char bit = (unsigned char)(1 << at % 8);

			changed = changed ||
				((bits[at / 8] & bit) != 0) != on;
			if (on)
				bits[at / 8] |= bit;
			else
				bits[at / 8] &= (unsigned char)~bit;
		}
	}
	return changed;
}

static int block_write(struct private_seen *seen, struct account_txn *txn,
		       uint32_t block, const struct account_ranges *uids,
		       size_t at_range, bool on, struct cv_error *err)
{
	unsigned char bits[BLOCK_BYTES] = { 0 };
	struct cv_span old = block_get(seen, block);
	size_t len = BLOCK_BYTES;
	char room[80];

	if (old.len > 0)
		memcpy(bits, old.data, old.len);
	if (!block_change(bits, block, uids, at_range, on))
		return CV_OK;
	while (len > 0 && bits[len - 1] == 0)
		len--;
	return txn_metadata(txn, NULL, block_key(seen, block, room),
			    len == 0 ? CV_SPAN_NONE :
			    cv_span((const char *)bits, len), err);
}

static int put_blocks(struct private_seen *seen, struct account_txn *txn,
		      const struct account_ranges *uids, bool on,
		      struct cv_error *err)
{
	uint64_t next = 0;
	int ret = CV_OK;

	for (size_t i = 0; i < uids->count && ret == CV_OK; i++) {
		uint64_t block = uids->items[i].first / BLOCK;

		if (block < next)
			block = next;
		for (; block <= uids->items[i].last / BLOCK && ret == CV_OK;
		     block++)
			ret = block_write(seen, txn, (uint32_t)block, uids, i,
					  on, err);
		next = block;
	}
	return ret;
}

int seen_set(struct private_seen *seen, const struct account_ranges *uids,
	     bool on, bool settle_later, struct cv_error *err)
{
	struct account_txn *txn;
	int ret;

	if (uids->count == 0)
		return CV_OK;
	ret = store_begin(seen->store, &txn, err);
	if (ret == CV_OK)
		ret = put_blocks(seen, txn, uids, on, err);
	if (ret < 0) {
		account_rollback(&txn);
		return ret;
	}
	return account_commit(&txn, settle_later ? ACCOUNT_SYNC_LATER :
			      ACCOUNT_SYNC, err);
}

/* --- what another server has kept ------------------------------------------------ */

static struct cv_span taken_key(const struct private_seen *seen,
				char room[80])
{
	int len = snprintf(room, 80, "%staken", seen->prefix);

	return cv_span(room, (size_t)len);
}

static bool was_taken(const struct private_seen *seen)
{
	struct cv_span value;
	char room[80];

	return account_metadata_get(seen->store->account, NULL,
				    taken_key(seen, room), &value);
}

static int take(struct private_seen *seen, const struct account_ranges *uids,
		struct cv_error *err)
{
	struct account_txn *txn;
	char room[80];
	int ret = store_begin(seen->store, &txn, err);

	if (ret < 0)
		return ret;
	/* another session of the reader may have done it */
	if (was_taken(seen)) {
		account_rollback(&txn);
		return CV_OK;
	}
	ret = put_blocks(seen, txn, uids, true, err);
	if (ret == CV_OK)
		ret = txn_metadata(txn, NULL, taken_key(seen, room),
				   CV_SPAN("1"), err);
	if (ret < 0) {
		account_rollback(&txn);
		return ret;
	}
	return account_commit(&txn, ACCOUNT_SYNC, err);
}

/* Of what was read, the messages that there are. */
static void pick(const struct cv_takeover *t, const uint32_t *uids,
		 uint32_t count, struct account_ranges *picked)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < t->count; i++) {
		while (k < count && uids[k] < t->entries[i].uid)
			k++;
		if (k < count && uids[k] == t->entries[i].uid &&
		    (t->entries[i].flags & CV_FLAG_SEEN))
			ranges_add(picked, uids[k]);
	}
}

/* CV_NOT_FOUND: nothing, or of another folder of that name. */
static int read_private(struct private_seen *seen,
			const struct mail_location *l, const char *name,
			struct cv_pool *pool, struct cv_takeover *t,
			struct cv_error *err)
{
	const struct cv_storage *driver = storage_find(l->driver);
	struct cv_user *user = seen->store->user;
	struct cv_storage_config config = {
		CV_SIZED(cv_storage_config), .pool = pool,
		.io_api = &storage_io_api, .io = (struct cv_io *)user->io,
		.path = l->path, .layout = l->layout, .inbox = "",
		.control = "", .dirname = l->dirname, .utf8_names = l->utf8,
		.hostname = user->hostname, .index = l->index_pvt,
		.user = user, .alt = "",
	};
	int ret;

	if (driver == NULL || !CV_HAS(driver, private_flags) ||
	    driver->private_flags == NULL)
		return CV_NOT_FOUND;
	ret = driver->private_flags(&config, cv_span_of(name), pool, t, err);
	return ret == CV_OK && t->uidvalidity != seen->uidvalidity ?
		CV_NOT_FOUND : ret;
}

int seen_take_over(struct private_seen *seen, const struct mail_location *l,
		   const char *name, const uint32_t *uids, uint32_t count,
		   struct cv_error *err)
{
	struct cv_takeover t = { CV_SIZED(cv_takeover) };
	struct account_ranges picked = { 0 };
	struct cv_error unread = ERROR_NONE;
	struct cv_pool *pool;
	int ret;

	if (l == NULL || l->index_pvt[0] == '\0')
		return CV_OK;
	ret = account_refresh(seen->store->account, err);
	if (ret < 0 || was_taken(seen))
		return ret < 0 ? ret : CV_OK;
	pool = pool_create("take over");
	picked.pool = pool;
	ret = read_private(seen, l, name, pool, &t, &unread);
	if (ret < 0)
		log_warning("mail", "mailbox '%s': what was seen in it is not "
			    "taken over: %s", name, unread.text);
	if (ret == CV_OK) {
		pick(&t, uids, count, &picked);
		ret = take(seen, &picked, err);
	} else {
		ret = CV_OK;
	}
	pool_destroy(&pool);
	return ret;
}

/* --- others of the same reader --------------------------------------------------- */

static bool watch_one(int set, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	/* one that was closed since has left the set */
	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0 ||
		errno == EEXIST;
}

int seen_watch_fd(struct private_seen *seen, int box_fd)
{
	int own = box_fd < 0 ? -1 : account_watch_fd(seen->store->account);

	if (own < 0 || own == box_fd)
		return box_fd;
	if (seen->watch < 0)
		seen->watch = epoll_create1(EPOLL_CLOEXEC);
	/* else changes of one kind are found when others are */
	return seen->watch >= 0 && watch_one(seen->watch, own) &&
		watch_one(seen->watch, box_fd) ? seen->watch : box_fd;
}

void seen_watch_clear(struct private_seen *seen)
{
	account_watch_clear(seen->store->account);
}

/* --- folders that are not open --------------------------------------------------- */

int seen_mark(struct cv_user *user, const uint8_t guid[16],
	      uint32_t uidvalidity, const struct account_ranges *uids,
	      struct cv_error *err)
{
	struct private_seen *seen;
	int ret = uids->count == 0 ? CV_NOT_FOUND :
		seen_create(user, guid, uidvalidity, &seen, err);

	if (ret != CV_OK)
		return ret < 0 ? ret : CV_OK;
	ret = seen_set(seen, uids, true, false, err);
	seen_destroy(&seen);
	return ret;
}

int seen_count_unseen(struct cv_user *user, const uint8_t guid[16],
		      uint32_t uidvalidity, const struct mail_location *l,
		      const char *name, struct cv_set uids,
		      uint32_t *unseen_r, struct cv_error *err)
{
	struct cv_pool *pool;
	ARRAY(uint32_t) all;
	struct private_seen *seen;
	int ret = seen_create(user, guid, uidvalidity, &seen, err);

	if (ret < 0)
		return ret;
	pool = pool_create("unseen");
	array_init(&all, pool);
	for (uint32_t i = 0; i < uids.count; i++) {
		for (uint64_t uid = uids.ranges[i].first;
		     uid <= uids.ranges[i].last &&
		     all.count < REMOTE_MESSAGES_MAX; uid++)
			*array_add(&all) = (uint32_t)uid;
	}
	ret = seen_take_over(seen, l, name, all.items, (uint32_t)all.count,
			     err);
	if (ret == CV_OK)
		ret = seen_refresh(seen, all.items, (uint32_t)all.count, err);
	*unseen_r = 0;
	for (size_t i = 0; i < all.count && ret >= 0; i++)
		*unseen_r += !seen_has(seen, all.items[i]);
	seen_destroy(&seen);
	pool_destroy(&pool);
	return ret < 0 ? ret : CV_OK;
}
