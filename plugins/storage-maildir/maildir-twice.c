/* maildir-twice.c - two files of one base.
 *
 * A copy of a tree that is made while it is worked on has a message under its
 * name of before and of after; a restored one is laid beside what is there.
 * Files with the same bytes are one message: the name that was made last
 * counts, and cur/ before new/.  Other bytes are another message, which gets a
 * base of its own. */
#include "maildir.h"

struct twin {
	const struct cv_found *found;
	char path[MAILDIR_PATH_MAX];
	struct stat st;
};

struct twins {
	struct twin a, b;
	uint32_t count;			/* of paths, found by looking */
};

static int add_path(void *context, const char *path)
{
	struct twins *t = context;
	struct twin *twin = t->count++ == 0 ? &t->a : &t->b;

	memcpy(twin->path, path, strlen(path) + 1);
	return t->count == 2 ? CV_CHANGED : CV_OK;
}

static bool twin_path(struct cv_storage_folder *folder, struct twin *twin)
{
	const struct cv_found *f = twin->found;

	return !(f->marks & MAILDIR_ODD) &&
		maildir_file_path(folder, f->ref, f->flags, &f->keywords,
				  f->marks, false, twin->path);
}

/* CV_OK: both are there; CV_NOT_FOUND: one is not, or not any more. */
static int find_twins(struct cv_storage_folder *folder, struct twins *t,
		      struct cv_error *err)
{
	struct twin *both[] = { &t->a, &t->b };
	int ret;

	if (!twin_path(folder, &t->a) || !twin_path(folder, &t->b)) {
		ret = maildir_file_each(folder, t->a.found->ref, add_path, t,
					err);
		if (ret != CV_CHANGED)
			return ret < 0 ? ret : CV_NOT_FOUND;
	}
	if (strcmp(t->a.path, t->b.path) == 0)
		return CV_NOT_FOUND;
	for (int i = 0; i < 2; i++) {
		if (MD_CALL(folder->root, stat, folder->fd, both[i]->path,
			    &both[i]->st) < 0)
			return errno == ENOENT ? CV_NOT_FOUND :
				common_fail(err, "stat", both[i]->path);
		if (!S_ISREG(both[i]->st.st_mode))
			return CV_NOT_FOUND;
	}
	return CV_OK;
}

/* --- their bytes ------------------------------------------------------------- */

enum { TWIN_CHUNK = 64 * 1024 };

/* CV_OK: the first len bytes are the same; CV_CHANGED: they are not. */
static int compare_fds(struct cv_storage_root *root, int a, int b,
		       uint64_t len, struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("maildir twins");
	char *x = cv_api->alloc(pool, TWIN_CHUNK);
	char *y = cv_api->alloc(pool, TWIN_CHUNK);
	uint64_t at = 0;
	int ret = CV_OK;

	while (at < len && ret == CV_OK) {
		size_t n = len - at < TWIN_CHUNK ? (size_t)(len - at) :
			TWIN_CHUNK;
		ssize_t p = MD_CALL(root, pread, a, x, n, at);
		ssize_t q = MD_CALL(root, pread, b, y, n, at);

		if (p < 0 || q < 0)
			ret = common_fail(err, "read", "a message");
		else if (p == 0 || p != q || memcmp(x, y, (size_t)p) != 0)
			ret = CV_CHANGED;
		else
			at += (uint64_t)p;
	}
	cv_api->pool_destroy(&pool);
	return ret;
}

/* Is one of them the other, or its beginning, cut short? */
static int compare_bytes(struct cv_storage_folder *folder,
			 const struct twins *t, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	uint64_t a = (uint64_t)t->a.st.st_size;
	uint64_t b = (uint64_t)t->b.st.st_size;
	uint64_t more = a > b ? a : b;
	int x, y, ret;

	if (t->a.st.st_ino == t->b.st.st_ino &&
	    t->a.st.st_dev == t->b.st.st_dev)
		return CV_OK;
	/* only the name can say that the longer one is whole */
	if (a != b && maildir_claimed_bytes(t->a.found->ref) != more)
		return CV_CHANGED;
	x = MD_CALL(root, open, folder->fd, t->a.path,
		    O_RDONLY | O_NONBLOCK, 0);
	if (x < 0)
		return common_fail(err, "open", t->a.path);
	y = MD_CALL(root, open, folder->fd, t->b.path,
		    O_RDONLY | O_NONBLOCK, 0);
	ret = y < 0 ? common_fail(err, "open", t->b.path) :
		compare_fds(root, x, y, a < b ? a : b, err);
	MAILDIR_API(root)->close(MAILDIR_IO(root), x);
	if (y >= 0)
		MAILDIR_API(root)->close(MAILDIR_IO(root), y);
	return ret;
}

/* --- one message --------------------------------------------------------------- */

static int64_t newer(const struct stat *a, const struct stat *b)
{
	return a->st_ctim.tv_sec != b->st_ctim.tv_sec ?
		(int64_t)a->st_ctim.tv_sec - b->st_ctim.tv_sec :
		(int64_t)a->st_ctim.tv_nsec - b->st_ctim.tv_nsec;
}

/* Is the name of b the one that counts? */
static bool counts(struct cv_storage_folder *folder, const struct twins *t,
		   const struct cv_blob *blob)
{
	bool a_new = t->a.path[0] == 'n', b_new = t->b.path[0] == 'n';
	int64_t age = newer(&t->a.st, &t->b.st);

	if (a_new != b_new)
		return a_new;
	if (age != 0)
		return age < 0;
	/* what the journal knows is older */
	return blob != NULL && maildir_file_shows(folder, t->a.path, blob);
}

static int make_one(struct cv_storage_folder *folder, const struct twins *t,
		    const struct cv_blob *blob, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	bool second = counts(folder, t, blob);
	const struct twin *name = second ? &t->b : &t->a;
	const struct twin *other = second ? &t->a : &t->b;
	/* a file that was cut short gives its name to the whole one */
	bool swap = other->st.st_size > name->st.st_size;
	int ret = swap ? MD_CALL(root, rename, folder->fd, other->path,
				 folder->fd, name->path, false) :
		MD_CALL(root, unlink, folder->fd, other->path);

	if (ret < 0 && errno != ENOENT)
		return common_fail(err, swap ? "rename" : "remove",
				   other->path);
	cv_api->log(maildir_self, CV_LOG_DEBUG, "'%s' is '%s' once more: one "
		    "of them is kept", other->path, name->path);
	return CV_CHANGED;
}

/* --- two messages --------------------------------------------------------------- */

/* Which of them clients know; the higher the likelier. */
static int known(struct cv_storage_folder *folder, const struct twin *twin,
		 const struct cv_blob *blob)
{
	uint64_t size = (uint64_t)twin->st.st_size;

	return (blob != NULL && blob->bytes == size) * 4 +
		(maildir_claimed_bytes(twin->found->ref) == size) * 2 +
		(blob != NULL && maildir_file_shows(folder, twin->path, blob));
}

static int make_two(struct cv_storage_folder *folder, const struct twins *t,
		    const struct cv_blob *blob, struct cv_error *err)
{
	struct cv_storage_root *root = folder->root;
	int a = known(folder, &t->a, blob), b = known(folder, &t->b, blob);
	const struct twin *moves = a < b ||
		(a == b && newer(&t->a.st, &t->b.st) > 0) ? &t->a : &t->b;
	const char *info = strchr(moves->path, ':');
	char base[MAILDIR_NAME_MAX + 1], to[MAILDIR_PATH_MAX];

	maildir_file_create_base(root, base);
	(void)snprintf(to, sizeof(to), "%.4s%s%s", moves->path, base,
		       info == NULL ? "" : info);
	if (MD_CALL(root, rename, folder->fd, moves->path, folder->fd, to,
		    true) < 0)
		return errno == ENOENT ? CV_OK :
			common_fail(err, "rename", moves->path);
	cv_api->log(maildir_self, CV_LOG_WARNING, "two messages had the name "
		    "'%.*s': '%s' is '%s' now",
		    CV_SPAN_ARG(moves->found->ref), moves->path, to);
	return CV_CHANGED;
}

int maildir_settle(struct cv_storage_folder *folder,
		   const struct cv_found *first, const struct cv_found *again,
		   const struct cv_blob *blob, struct cv_error *err)
{
	struct twins t = { .a.found = first, .b.found = again };
	int ret = find_twins(folder, &t, err);

	if (ret != CV_OK)
		return ret == CV_NOT_FOUND ? CV_OK : ret;
	ret = compare_bytes(folder, &t, err);
	return ret < 0 ? ret : ret == CV_OK ?
		make_one(folder, &t, blob, err) :
		make_two(folder, &t, blob, err);
}
