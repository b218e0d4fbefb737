/* mbox-redo.c - a rewrite in place that a crash cannot tear.
 *
 * The file's new end is first written to a redo file and synced, and behind it
 * a hash of each sector that will be written over.  Whoever finds one does
 * what it says, as often as it takes.  Mail that another program has appended
 * to a half-written mbox in between is found behind it, and becomes a part of
 * the redo file first.  A sector that is neither the old nor the new one is
 * another program's work, which is left alone. */
#include "mbox.h"

enum { CHUNK = 256 * 1024, BEFORE = 512, SECTOR = 512 };
static const char redo_magic[8] = "CVMBRE2\n";

static uint64_t redo_check(const struct mbox_redo *redo)
{
	return mbox_hash64(redo, offsetof(struct mbox_redo, check));
}

int mbox_redo_create(struct cv_storage_folder *folder, const char *suffix,
		     int *fd_r, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	char name[256];

	mbox_own_path(name, folder->own, suffix);
	(void)MB_CALL(root, unlink, root->own_fd, name);
	*fd_r = MB_CALL(root, open, root->own_fd, name,
			O_RDWR | O_CREAT | O_EXCL, 0600);
	return *fd_r < 0 ? common_fail(err, "create", name) : CV_OK;
}

void mbox_redo_remove(struct cv_storage_folder *folder)
{
	char name[256];

	(void)MB_CALL(folder->root, unlink, folder->root->own_fd,
		      mbox_own_path(name, folder->own, "redo"));
}

/* The hash of a range, at most what is there. */
static int hash_range(struct cv_storage_root *root, int fd, uint64_t from,
		      uint64_t to, uint8_t digest[16], struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("mbox hash");
	char *buffer = cv_api->alloc(pool, CHUNK);
	struct mbox_hash hash;
	int ret = CV_OK;

	mbox_hash_init(&hash);
	while (from < to && ret == CV_OK) {
		size_t want = to - from < CHUNK ? (size_t)(to - from) : CHUNK;
		ssize_t got = MB_CALL(root, pread, fd, buffer, want, from);

		if (got < 0)
			ret = common_fail(err, "read", "mbox");
		if (got <= 0)
			break;
		mbox_hash_add(&hash, buffer, (size_t)got);
		from += (uint64_t)got;
	}
	mbox_hash_end(&hash, digest);
	cv_api->pool_destroy(&pool);
	return ret;
}

static int hash64_range(struct cv_storage_root *root, int fd, uint64_t from,
			uint64_t to, uint64_t *hash_r, struct cv_error *err)
{
	uint8_t digest[16];
	int ret = hash_range(root, fd, from, to, digest, err);

	memcpy(hash_r, digest, 8);
	return ret;
}

static uint64_t before(uint64_t start)
{
	return start < BEFORE ? 0 : start - BEFORE;
}

/* The end of what is written over; what is behind it is new or goes. */
static uint64_t written_over_end(const struct mbox_redo *redo)
{
	uint64_t end = redo->start + redo->content_len;

	return end < redo->old_size ? end : redo->old_size;
}

static uint64_t sector_end(uint64_t at, uint64_t limit)
{
	uint64_t end = at - at % SECTOR + SECTOR;

	return end < limit ? end : limit;
}

static uint64_t table_at(const struct mbox_redo *redo)
{
	return MBOX_REDO_CONTENT + redo->content_len;
}

static uint64_t table_len(const struct mbox_redo *redo)
{
	uint64_t end = written_over_end(redo);

	return end <= redo->start ? 0 :
		((end - 1) / SECTOR - redo->start / SECTOR + 1) * 8;
}

/* Part of the mbox, the same part of the content, the hashes of its sectors
 * as they were. */
struct part {
	uint64_t from, to;
	char *theirs, *ours;
	uint64_t *hashes;
	size_t hash_count;
};

static struct part first_part(struct cv_pool *pool,
			      const struct mbox_redo *redo)
{
	struct part part = { .to = redo->start };

	part.theirs = cv_api->alloc(pool, CHUNK);
	part.ours = cv_api->alloc(pool, CHUNK);
	part.hashes = cv_api->alloc(pool, CHUNK / SECTOR * sizeof(uint64_t));
	return part;
}

/* The next one's borders, and what the mbox has there. */
static int next_part(struct cv_storage_folder *folder,
		     const struct mbox_redo *redo, struct part *part,
		     struct cv_error *err)
{
	uint64_t end = written_over_end(redo);
	size_t len;

	part->from = part->to;
	if (part->from >= end)
		return CV_EOF;
	part->to = part->from - part->from % SECTOR + CHUNK;
	if (part->to > end)
		part->to = end;
	if (part->from % SECTOR != 0)
		part->to = sector_end(part->from, end);
	len = (size_t)(part->to - part->from);
	part->hash_count = (len + SECTOR - 1) / SECTOR;
	if (MB_CALL(folder->root, pread, folder->fd, part->theirs, len,
		    part->from) != (ssize_t)len)
		return common_fail(err, "read", folder->path);
	return CV_OK;
}

static uint64_t sector_hash(const struct part *part, size_t i)
{
	size_t at = i * SECTOR, len = (size_t)(part->to - part->from) - at;

	return mbox_hash64(part->theirs + at, len < SECTOR ? len : SECTOR);
}

static int write_table(struct cv_storage_folder *folder, int fd,
		       struct mbox_redo *redo, struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("mbox redo");
	struct part part = first_part(pool, redo);
	struct mbox_hash hash;
	uint64_t at = table_at(redo);
	int ret;

	mbox_hash_init(&hash);
	while ((ret = next_part(folder, redo, &part, err)) == CV_OK) {
		size_t len = part.hash_count * sizeof(uint64_t);

		for (size_t i = 0; i < part.hash_count; i++)
			part.hashes[i] = sector_hash(&part, i);
		mbox_hash_add(&hash, part.hashes, len);
		if (MB_CALL(folder->root, pwrite, fd, part.hashes, len,
			    at) < 0) {
			ret = common_fail(err, "write", "redo file");
			break;
		}
		at += len;
	}
	mbox_hash_end(&hash, redo->table_hash);
	cv_api->pool_destroy(&pool);
	return ret == CV_EOF ? CV_OK : ret;
}

/* What the sectors so far show. */
struct sectors {
	bool may_be_torn;		/* a killed process may have written
					 * the first bytes of one */
	bool old, torn, foreign;
};

static void see_sector(struct sectors *seen, const struct part *part, size_t i,
		       size_t len)
{
	const char *theirs = part->theirs + i * SECTOR;
	const char *ours = part->ours + i * SECTOR;
	bool is_new = memcmp(theirs, ours, len) == 0;
	bool is_old = sector_hash(part, i) == part->hashes[i];

	if (seen->torn ? is_old : is_new || is_old) {
		seen->old |= !is_new;
		return;
	}
	/* before it all is new, and behind it nothing */
	if (seen->may_be_torn && !seen->torn && !seen->old &&
	    theirs[0] == ours[0])
		seen->torn = true;
	else
		seen->foreign = true;
}

/* Is each sector that is written over the old or the new one? */
static int check_sectors(struct cv_storage_folder *folder, int fd,
			 const struct mbox_redo *redo, bool may_be_torn,
			 bool *known_r, struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("mbox redo");
	struct part part = first_part(pool, redo);
	struct sectors seen = { .may_be_torn = may_be_torn };
	uint64_t at = table_at(redo);
	int ret;

	while ((ret = next_part(folder, redo, &part, err)) == CV_OK) {
		size_t len = (size_t)(part.to - part.from);
		size_t table = part.hash_count * sizeof(uint64_t);

		if (MB_CALL(folder->root, pread, fd, part.ours, len,
			    MBOX_REDO_CONTENT + part.from - redo->start) !=
		    (ssize_t)len ||
		    MB_CALL(folder->root, pread, fd, part.hashes, table,
			    at) != (ssize_t)table) {
			ret = common_fail(err, "read", "redo file");
			break;
		}
		for (size_t i = 0; i < part.hash_count; i++)
			see_sector(&seen, &part, i, len - i * SECTOR < SECTOR ?
				   len - i * SECTOR : SECTOR);
		at += table;
	}
	*known_r = !seen.foreign;
	cv_api->pool_destroy(&pool);
	return ret == CV_EOF ? CV_OK : ret;
}

int mbox_redo_seal(struct cv_storage_folder *folder, int fd,
		   struct mbox_redo *redo, const struct mbox_hash *content,
		   struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct mbox_stamp stamp;
	uint64_t new_end = redo->start + content->len;
	int ret = mbox_take_stamp(folder, &stamp, err);

	memcpy(redo->magic, redo_magic, 8);
	redo->old_size = stamp.size;
	redo->content_len = content->len;
	mbox_hash_end(content, redo->content_hash);
	/* flags that were written over others a moment ago */
	if (ret == CV_OK && MB_CALL(root, fdatasync, folder->fd) < 0)
		ret = common_fail(err, "sync", folder->path);
	if (ret == CV_OK)
		ret = hash64_range(root, folder->fd, before(redo->start),
				   redo->start, &redo->before_hash, err);
	if (ret == CV_OK && new_end < stamp.size)
		ret = hash64_range(root, folder->fd, new_end, stamp.size,
				   &redo->left_hash, err);
	if (ret == CV_OK)
		ret = write_table(folder, fd, redo, err);
	redo->check = redo_check(redo);
	if (ret == CV_OK && (MB_CALL(root, pwrite, fd, redo, sizeof(*redo),
				     0) < 0 ||
			     MB_CALL(root, fdatasync, fd) < 0))
		ret = common_fail(err, "write", "redo file");
	return ret;
}

/* Content from one offset of the mbox on to another. */
static int copy_out(struct cv_storage_folder *folder, int fd,
		    const struct mbox_redo *redo, uint64_t from, uint64_t to,
		    struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_pool *pool = cv_api->pool_create("mbox redo");
	char *buffer = cv_api->alloc(pool, CHUNK);
	int ret = CV_OK;

	while (from < to && ret == CV_OK) {
		size_t want = to - from < CHUNK ? (size_t)(to - from) : CHUNK;
		ssize_t got = MB_CALL(root, pread, fd, buffer, want,
				      MBOX_REDO_CONTENT + from - redo->start);

		if (got < (ssize_t)want)
			ret = got < 0 ? common_fail(err, "read", "redo file") :
				CV_FAIL(err, CV_E_TEMP, "redo file is short");
		else if (MB_CALL(root, pwrite, folder->fd, buffer, want,
				 from) < 0)
			ret = common_fail(err, "write", folder->path);
		from += want;
	}
	cv_api->pool_destroy(&pool);
	return ret;
}

int mbox_redo_perform(struct cv_storage_folder *folder, int fd,
		      const struct mbox_redo *redo, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	uint64_t end = redo->start + redo->content_len;
	uint64_t middle = end > redo->old_size ? redo->old_size : end;
	int ret;

	/* a file that grows gets its new end first: when there is no room
	 * for it nothing else has changed */
	ret = copy_out(folder, fd, redo, middle, end, err);
	if (ret < 0) {
		if (MB_CALL(root, truncate, folder->fd, redo->old_size) == 0)
			mbox_redo_remove(folder);
		return ret;
	}
	ret = copy_out(folder, fd, redo, redo->start, middle, err);
	if (ret == CV_OK && end < redo->old_size) {
		/* in this order, also on disk: what is left behind the new
		 * end says whether this has been done */
		if (MB_CALL(root, fdatasync, folder->fd) < 0 ||
		    MB_CALL(root, truncate, folder->fd, end) < 0)
			ret = common_fail(err, "shorten", folder->path);
	}
	if (ret == CV_OK && MB_CALL(root, fdatasync, folder->fd) < 0)
		ret = common_fail(err, "sync", folder->path);
	if (ret == CV_OK) {
		mbox_redo_remove(folder);
		/* a redo file that comes back would meet the work of others */
		if (MB_CALL(root, fsync, root->own_fd) < 0)
			ret = common_fail(err, "sync", "index directory");
	}
	return ret;
}

/* --- after a crash ----------------------------------------------------------------- */

static int read_redo(struct cv_storage_folder *folder, int fd,
		     struct mbox_redo *redo, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	uint8_t digest[16];
	ssize_t got = MB_CALL(root, pread, fd, redo, sizeof(*redo), 0);
	int ret;

	if (got < 0)
		return common_fail(err, "read", "redo file");
	if ((size_t)got < sizeof(*redo) ||
	    memcmp(redo->magic, redo_magic, 8) != 0 ||
	    redo->check != redo_check(redo) ||
	    redo->content_len > INT64_MAX / 4 || redo->start > INT64_MAX / 4)
		return CV_NOT_FOUND;
	ret = hash_range(root, fd, MBOX_REDO_CONTENT,
			 MBOX_REDO_CONTENT + redo->content_len, digest, err);
	if (ret == CV_OK && memcmp(digest, redo->content_hash, 16) != 0)
		ret = CV_NOT_FOUND;
	if (ret == CV_OK)
		ret = hash_range(root, fd, table_at(redo),
				 table_at(redo) + table_len(redo), digest,
				 err);
	if (ret == CV_OK && memcmp(digest, redo->table_hash, 16) != 0)
		ret = CV_NOT_FOUND;
	return ret;
}

static bool is_zero(const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] != '\0')
			return false;
	}
	return true;
}

/* How far the mbox is the same as the content, from an offset on; a sector of
 * zeros was not written yet. */
static int find_difference(struct cv_storage_folder *folder, int fd,
			   const struct mbox_redo *redo, uint64_t from,
			   uint64_t to, uint64_t *at_r, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_pool *pool = cv_api->pool_create("mbox redo");
	char *ours = cv_api->alloc(pool, CHUNK);
	char *theirs = cv_api->alloc(pool, CHUNK);
	bool same = true;
	int ret = CV_OK;

	while (from < to && same && ret == CV_OK) {
		size_t want = to - from < CHUNK ? (size_t)(to - from) : CHUNK;
		size_t i = 0;

		if (MB_CALL(root, pread, fd, ours, want, MBOX_REDO_CONTENT +
			    from - redo->start) != (ssize_t)want ||
		    MB_CALL(root, pread, folder->fd, theirs, want, from) !=
		    (ssize_t)want)
			ret = common_fail(err, "read", folder->path);
		while (i < want && ret == CV_OK) {
			size_t next = (size_t)(sector_end(from + i,
							  from + want) - from);

			if (memcmp(ours + i, theirs + i, next - i) != 0 &&
			    !is_zero(theirs + i, next - i))
				break;
			i = next;
		}
		same = i == want;
		while (i < want && ours[i] == theirs[i])
			i++;
		from += i;
	}
	*at_r = from;
	cv_api->pool_destroy(&pool);
	return ret;
}

/* Where mail begins that others have appended to a file of this size. */
static int find_foreign(struct cv_storage_folder *folder, int fd,
			const struct mbox_redo *redo, uint64_t size,
			bool shortened, uint64_t *at_r, struct cv_error *err)
{
	uint64_t end = redo->start + redo->content_len;

	*at_r = shortened ? end : redo->old_size;
	if (end <= redo->old_size || size <= redo->old_size)
		return CV_OK;
	return find_difference(folder, fd, redo, redo->old_size,
			       size < end ? size : end, at_r, err);
}

/* What others have appended goes behind the content of a new redo file. */
static int take_along(struct cv_storage_folder *folder, int *fd,
		      struct mbox_redo *redo, uint64_t from, uint64_t size,
		      struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	struct cv_pool *pool = cv_api->pool_create("mbox redo");
	char *buffer = cv_api->alloc(pool, CHUNK);
	uint64_t total = redo->content_len + (size - from), done = 0;
	char name[256], new_name[256];
	struct mbox_hash hash;
	int to, ret = mbox_redo_create(folder, "redo-new", &to, err);

	mbox_hash_init(&hash);
	while (ret == CV_OK && done < total) {
		bool ours = done < redo->content_len;
		uint64_t left = ours ? redo->content_len - done :
			total - done;
		size_t want = left < CHUNK ? (size_t)left : CHUNK;
		uint64_t at = ours ? MBOX_REDO_CONTENT + done :
			from + (done - redo->content_len);

		if (MB_CALL(root, pread, ours ? *fd : folder->fd, buffer,
			    want, at) != (ssize_t)want ||
		    MB_CALL(root, pwrite, to, buffer, want,
			    MBOX_REDO_CONTENT + done) < 0)
			ret = common_fail(err, "copy", folder->path);
		mbox_hash_add(&hash, buffer, want);
		done += want;
	}
	cv_api->pool_destroy(&pool);
	if (ret == CV_OK)
		ret = mbox_redo_seal(folder, to, redo, &hash, err);
	mbox_own_path(name, folder->own, "redo");
	mbox_own_path(new_name, folder->own, "redo-new");
	if (ret == CV_OK && (MB_CALL(root, rename, root->own_fd, new_name,
				     root->own_fd, name, false) < 0 ||
			     MB_CALL(root, fsync, root->own_fd) < 0))
		ret = common_fail(err, "rename", new_name);
	mbox_close_fd(root, ret == CV_OK ? fd : &to);
	if (ret == CV_OK)
		*fd = to;
	return ret;
}

/* Another program has made something else of the file: what we wanted to
 * write is kept for the administrator. */
static int set_aside(struct cv_storage_folder *folder, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	char name[256], lost[256], kind[40];
	uint64_t random;

	cv_api->random(&random, sizeof(random));
	snprintf(kind, sizeof(kind), "lost-%08llx",
		 (unsigned long long)(random & 0xffffffff));
	mbox_own_path(name, folder->own, "redo");
	mbox_own_path(lost, folder->own, kind);
	if (MB_CALL(root, rename, root->own_fd, name, root->own_fd, lost,
		    true) < 0)
		return common_fail(err, "rename", name);
	mbox_log(CV_LOG_ERROR, "'%s': a rewrite was interrupted, and another "
		 "program has changed the file since: messages from byte %d "
		 "of '%s' on may be missing in it", folder->path,
		 MBOX_REDO_CONTENT, lost);
	return CV_OK;
}

/* Is a file that the rewrite makes shorter that already?  Its new bytes were
 * synced then. */
static int find_shortened(struct cv_storage_folder *folder,
			  const struct mbox_redo *redo, uint64_t size,
			  bool *shortened_r, struct cv_error *err)
{
	uint64_t end = redo->start + redo->content_len, left;
	int ret;

	*shortened_r = end < redo->old_size;
	if (!*shortened_r || size < redo->old_size)
		return CV_OK;
	ret = hash64_range(folder->root, folder->fd, end, redo->old_size,
			   &left, err);
	*shortened_r = left != redo->left_hash;
	return ret;
}

/* Is the mbox what the rewrite may have left, but for its very end? */
static int is_ours(struct cv_storage_folder *folder, int fd,
		   const struct mbox_redo *redo,
		   const struct mbox_stamp *stamp, bool shortened,
		   bool *ours_r, struct cv_error *err)
{
	uint64_t hash;
	int ret;

	/* by its bytes alone: a copy of it is as good */
	if (stamp->size < written_over_end(redo) || stamp->size < redo->start)
		return CV_OK;
	ret = hash64_range(folder->root, folder->fd, before(redo->start),
			   redo->start, &hash, err);
	if (ret < 0 || hash != redo->before_hash)
		return ret;
	return check_sectors(folder, fd, redo, !shortened, ours_r, err);
}

static int recover(struct cv_storage_folder *folder, bool heal, int *fd,
		   struct cv_error *err)
{
	struct mbox_stamp stamp;
	struct mbox_redo redo;
	uint64_t foreign;
	bool shortened = false, ours = false;
	int ret = read_redo(folder, *fd, &redo, err);

	/* half a redo file: the mbox was not touched yet */
	if (ret == CV_NOT_FOUND) {
		mbox_redo_remove(folder);
		return heal ? mbox_heal(folder, UINT64_MAX, err) : CV_OK;
	}
	if (ret == CV_OK && heal)
		ret = mbox_heal(folder, redo.start, err);
	if (ret == CV_OK)
		ret = mbox_take_stamp(folder, &stamp, err);
	if (ret == CV_OK)
		ret = find_shortened(folder, &redo, stamp.size, &shortened,
				     err);
	if (ret == CV_OK)
		ret = is_ours(folder, *fd, &redo, &stamp, shortened, &ours,
			      err);
	if (ret < 0)
		return ret;
	if (!ours)
		return set_aside(folder, err);
	ret = find_foreign(folder, *fd, &redo, stamp.size, shortened, &foreign,
			   err);
	if (ret == CV_OK && foreign < stamp.size)
		ret = take_along(folder, fd, &redo, foreign, stamp.size, err);
	return ret < 0 ? ret : mbox_redo_perform(folder, *fd, &redo, err);
}

int mbox_redo_recover(struct cv_storage_folder *folder, bool heal,
		      struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	char name[256];
	int fd, ret;

	if (folder->readonly || folder->fd == -1)
		return CV_OK;
	fd = MB_CALL(root, open, root->own_fd,
		     mbox_own_path(name, folder->own, "redo"), O_RDWR, 0);
	if (fd < 0 && errno == ENOENT)
		return heal ? mbox_heal(folder, UINT64_MAX, err) : CV_OK;
	if (fd < 0)
		return common_fail(err, "open", name);
	ret = recover(folder, heal, &fd, err);
	mbox_close_fd(root, &fd);
	return ret;
}
