/* acl-shared.c - the file of who has shared mail with whom. */
#include "acl-shared.h"

#include <errno.h>
#include <unistd.h>

enum {
	LOCK_MSECS = 10 * 1000, STALE_SECONDS = 60,
	PAUSE_USECS = 10 * 1000,
};

static const struct cv_span key_prefix = CV_SPAN("shared/shared-boxes/");

int acl_shared_path(const char *setting, struct cv_pool *pool,
		    const char **path_r, struct cv_error *err)
{
	struct cv_span rest = cv_span_of(setting), part;

	*path_r = NULL;
	if (rest.len == 0)
		return CV_OK;
	cv_span_split(&rest, ':', &part);
	if (!cv_span_is(part, "file") || rest.data == NULL ||
	    !cv_span_split(&rest, ':', &part) || part.len < 2 ||
	    part.data[0] != '/')
		return FAIL(err, CV_E_CONFIG, "acl_shared_dict = %s: it is "
			    "kept in a file: file:/absolute/path", setting);
	*path_r = pool_copy(pool, part.data, part.len);
	return CV_OK;
}

/* --- keys ------------------------------------------------------------------------ */

/* What separates the parts of a key does not stand in them. */
static void append_part(struct cv_text *out, const char *part)
{
	for (; *part != '\0'; part++) {
		if (*part == '/')
			cv_text_append_str(out, "\\|");
		else if (*part == '\\')
			cv_text_append_str(out, "\\\\");
		else
			cv_text_append_c(out, *part);
	}
}

static const char *part_of(struct cv_span part, struct cv_pool *pool)
{
	struct cv_text out;

	cv_text_init(&out, pool);
	for (size_t i = 0; i < part.len; i++) {
		char c = part.data[i];

		if (c == '\\' && i + 1 < part.len)
			c = part.data[++i] == '|' ? '/' : part.data[i];
		cv_text_append_c(&out, c);
	}
	return cv_text_str(&out);
}

/* What stands between the prefix and the owner. */
static void append_who(struct cv_text *out, const struct acl_entry *entry)
{
	switch (entry->kind) {
	case ACL_USER:
		cv_text_append_str(out, "user/");
		break;
	case ACL_GROUP:
	case ACL_GROUP_OVERRIDE:
		cv_text_append_str(out, "group/");
		break;
	default:
		cv_text_append_str(out, "anyone");
		return;
	}
	append_part(out, entry->name);
}

/* "user/READER" and the owner.  False: it is no such key. */
static bool split_key(struct cv_span key, struct cv_span *who_r,
		      struct cv_span *owner_r)
{
	size_t at;

	if (!cv_span_begins(key, key_prefix))
		return false;
	key = cv_span_skip(key, key_prefix.len);
	for (at = key.len; at > 0 && key.data[at - 1] != '/'; at--)
		;
	if (at == 0 || at == key.len)
		return false;
	*who_r = cv_span(key.data, at - 1);
	*owner_r = cv_span_skip(key, at);
	return true;
}

static bool is_meant(struct cv_span whom, const struct acl_who *who,
		     struct cv_pool *pool)
{
	const char *name;

	if (cv_span_is(whom, "anyone"))
		return true;
	if (cv_span_begins(whom, CV_SPAN("user/")))
		return strcmp(part_of(cv_span_skip(whom, 5), pool),
			      who->user) == 0;
	if (!cv_span_begins(whom, CV_SPAN("group/")))
		return false;
	name = part_of(cv_span_skip(whom, 6), pool);
	for (uint32_t i = 0; i < who->groups.count; i++) {
		if (strcmp(who->groups.items[i], name) == 0)
			return true;
	}
	return false;
}

/* --- reading --------------------------------------------------------------------- */

/* text_r: empty when there is no file yet. */
static int read_file(struct io *io, const char *path, struct cv_pool *pool,
		     struct cv_span *text_r, struct stat *st,
		     struct cv_error *err)
{
	int fd = io_open_file(io, AT_FDCWD, path, O_RDONLY, 0, st);
	ssize_t got;
	char *text;

	*text_r = CV_SPAN("");
	if (fd < 0) {
		st->st_mode = 0;
		return errno == ENOENT ? CV_OK :
			FAIL_ERRNO(err, errno, "cannot open '%s'", path);
	}
	if (st->st_size > ACL_SHARED_BYTES_MAX) {
		io_close(io, fd);
		return FAIL(err, CV_E_LIMIT, "'%s' is longer than %d bytes",
			    path, ACL_SHARED_BYTES_MAX);
	}
	text = pool_alloc(pool, (size_t)st->st_size + 1);
	got = io_pread_full(io, fd, text, (size_t)st->st_size, 0);
	if (got < 0)
		FAIL_ERRNO(err, errno, "cannot read '%s'", path);
	io_close(io, fd);
	if (got < 0)
		return CV_E_TEMP;
	*text_r = cv_span(text, (size_t)got);
	return CV_OK;
}

static bool next_pair(struct cv_span *rest, struct cv_span *key_r,
		      struct cv_span *value_r)
{
	return rest->len > 0 && cv_span_split(rest, '\n', key_r) &&
		rest->data != NULL && cv_span_split(rest, '\n', value_r);
}

int acl_shared_find(struct io *io, const char *path, const struct acl_who *who,
		    struct cv_pool *pool, struct cv_strings *owners_r,
		    struct cv_error *err)
{
	struct cv_pool *file = pool_create("shared dict");
	struct cv_span rest, key, value, whom, owner;
	struct hash_table known;
	ARRAY(const char *) owners;
	struct stat st;
	int ret = read_file(io, path, file, &rest, &st, err);

	hash_init(&known, file, false);
	array_init(&owners, pool);
	while (ret == CV_OK && owners.count < ACL_SHARED_OWNERS_MAX &&
	       next_pair(&rest, &key, &value)) {
		const char *name;

		if (!split_key(key, &whom, &owner) ||
		    !is_meant(whom, who, file))
			continue;
		name = part_of(owner, pool);
		if (hash_find(&known, cv_span_of(name)) != NULL)
			continue;
		hash_set(&known, cv_span_of(name), (void *)(uintptr_t)name);
		*array_add(&owners) = name;
	}
	pool_destroy(&file);
	*owners_r = (struct cv_strings){ owners.items,
		(uint32_t)owners.count };
	return ret;
}

/* --- writing --------------------------------------------------------------------- */

/* A lock whose process has died is taken over, and not removed: two who find
 * it at once do not both have it. */
static int take_over(struct io *io, const char *lock)
{
	struct stat st, there;
	int fd = io_open_file(io, AT_FDCWD, lock, O_RDWR, 0, &st);

	if (fd < 0)
		return -1;
	if (time_now() < st.st_mtim.tv_sec + STALE_SECONDS ||
	    io_lock(io, fd, F_WRLCK, 0) < 0 ||
	    io_stat(io, AT_FDCWD, lock, &there) < 0 ||
	    there.st_ino != st.st_ino || io_truncate(io, fd, 0) < 0) {
		io_close(io, fd);
		return -1;
	}
	return fd;
}

static int lock_file(struct io *io, const char *lock, int *fd_r,
		     struct cv_error *err)
{
	uint64_t deadline = time_monotonic_msecs() + LOCK_MSECS;

	while ((*fd_r = io_create_file(io, AT_FDCWD, lock, 0660)) < 0) {
		if (errno != EEXIST)
			return FAIL_ERRNO(err, errno, "cannot create '%s'",
					  lock);
		*fd_r = take_over(io, lock);
		if (*fd_r >= 0)
			return CV_OK;
		if (time_monotonic_msecs() > deadline)
			return FAIL(err, CV_E_TEMP, "'%s' is held by another "
				    "process", lock);
		(void)usleep(PAUSE_USECS);
	}
	(void)io_lock(io, *fd_r, F_WRLCK, 0);
	return CV_OK;
}

/* Everything but what this owner has shared. */
static void append_others(struct cv_text *out, struct cv_span rest,
			  const char *owner, struct cv_pool *pool)
{
	struct cv_span key, value, whom, name;

	while (next_pair(&rest, &key, &value)) {
		if (split_key(key, &whom, &name) &&
		    strcmp(part_of(name, pool), owner) == 0)
			continue;
		cv_text_append_span(out, key);
		cv_text_append_c(out, '\n');
		cv_text_append_span(out, value);
		cv_text_append_c(out, '\n');
	}
}

static void append_shares(struct cv_text *out, const char *owner,
			  const struct acl *with, struct cv_pool *pool)
{
	struct hash_table known;
	struct cv_text whom;

	hash_init(&known, pool, false);
	for (size_t i = 0; i < with->count; i++) {
		cv_text_init(&whom, pool);
		append_who(&whom, &with->entries[i]);
		if (hash_find(&known, cv_text_span(&whom)) != NULL)
			continue;
		hash_set(&known, cv_text_span(&whom), &known);
		cv_text_append_span(out, key_prefix);
		cv_text_append_span(out, cv_text_span(&whom));
		cv_text_append_c(out, '/');
		append_part(out, owner);
		cv_text_append_str(out, "\n1\n");
	}
}

/* The keys of this owner, in whatever order, are those. */
static bool is_known(struct cv_span text, const char *owner,
		     struct cv_span shares, struct cv_pool *pool)
{
	struct cv_span rest = text, key, value, whom, name;
	struct hash_table there;
	size_t count = 0, wanted = 0;

	hash_init(&there, pool, false);
	while (next_pair(&rest, &key, &value)) {
		if (split_key(key, &whom, &name) &&
		    strcmp(part_of(name, pool), owner) == 0) {
			hash_set(&there, key, &there);
			count++;
		}
	}
	while (next_pair(&shares, &key, &value)) {
		if (hash_find(&there, key) == NULL)
			return false;
		wanted++;
	}
	return wanted == count;
}

static const char *folder_of(const char *path, struct cv_pool *pool)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? "/" : pool_copy(pool, path,
					       (size_t)(slash - path));
}

static int sync_folder(struct io *io, const char *path, struct cv_pool *pool,
		       struct cv_error *err)
{
	const char *dir = folder_of(path, pool);
	int fd = io_open_dir(io, AT_FDCWD, dir);
	int ret = fd < 0 || io_fsync(io, fd) < 0 ?
		FAIL_ERRNO(err, errno, "cannot sync '%s'", dir) : CV_OK;

	io_close(io, fd);
	return ret;
}

static int replace(struct io *io, const char *path, const char *lock, int fd,
		   const struct cv_text *text, const struct stat *old,
		   struct cv_pool *pool, struct cv_error *err)
{
	struct stat st = *old;

	/* those who could read it can go on to; a first one is for whom its
	 * folder is */
	if (st.st_mode == 0 &&
	    io_stat(io, AT_FDCWD, folder_of(path, pool), &st) < 0)
		st.st_mode = 0600;
	if (old->st_mode != 0)
		(void)io_set_owner(io, fd, (uid_t)-1, st.st_gid);
	(void)io_set_mode(io, fd, st.st_mode & 0666);
	if (io_pwrite(io, fd, text->data, text->len, 0) == 0 &&
	    io_fdatasync(io, fd) == 0 &&
	    io_rename(io, AT_FDCWD, lock, AT_FDCWD, path) == 0)
		return sync_folder(io, path, pool, err);
	FAIL_ERRNO(err, errno, "cannot write '%s'", path);
	(void)io_unlink(io, AT_FDCWD, lock);
	return CV_E_TEMP;
}

static int set_locked(struct io *io, const char *path, const char *lock,
		      int fd, const char *owner, struct cv_span shares,
		      struct cv_pool *pool, struct cv_error *err)
{
	struct cv_span text;
	struct cv_text out;
	struct stat st;
	int ret = read_file(io, path, pool, &text, &st, err);

	cv_text_init(&out, pool);
	if (ret == CV_OK) {
		append_others(&out, text, owner, pool);
		cv_text_append_span(&out, shares);
		if (out.len > ACL_SHARED_BYTES_MAX)
			ret = FAIL(err, CV_E_LIMIT, "'%s' is full", path);
	}
	if (ret == CV_OK)
		return replace(io, path, lock, fd, &out, &st, pool, err);
	(void)io_unlink(io, AT_FDCWD, lock);
	return ret;
}

int acl_shared_set(struct io *io, const char *path, const char *owner,
		   const struct acl *with, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("shared dict");
	const char *lock = pool_printf(pool, "%s.lock", path);
	struct cv_text shares;
	struct cv_span text;
	struct stat st;
	int fd, ret = read_file(io, path, pool, &text, &st, err);

	cv_text_init(&shares, pool);
	append_shares(&shares, owner, with, pool);
	if (ret == CV_OK && !is_known(text, owner, cv_text_span(&shares),
				      pool)) {
		ret = lock_file(io, lock, &fd, err);
		if (ret == CV_OK) {
			ret = set_locked(io, path, lock, fd, owner,
					 cv_text_span(&shares), pool, err);
			io_close(io, fd);
		}
	}
	pool_destroy(&pool);
	return ret;
}
