/* acl-global.c - the administrator's lists of rights. */
#include "acl-global.h"

#include <errno.h>

enum { CACHE_MSECS = 30 * 1000 };

struct global_file {
	struct cv_pool *pool;		/* of the text; NULL: not there */
	struct cv_span text;
	struct timespec changed;
	uint64_t inode, size;
	uint64_t checked_at;		/* 0: never */
};

struct acl_global {
	struct cv_pool *pool;
	struct io *io;
	const char *path;
	uint64_t cache_msecs;
	bool is_dir;
	struct global_file file;	/* of a path that is a file */
	struct hash_table files;	/* else, by mailbox name */
};

static int split_setting(const char *setting, struct cv_pool *pool,
			 const char **path_r, uint64_t *msecs_r,
			 struct cv_error *err)
{
	struct cv_span rest = cv_span_of(setting), part;

	*path_r = NULL;
	*msecs_r = CACHE_MSECS;
	if (rest.len == 0)
		return CV_OK;
	cv_span_split(&rest, ':', &part);
	if (!cv_span_is(part, "vfile"))
		return FAIL(err, CV_E_CONFIG, "acl = %s: lists of rights are "
			    "kept by vfile, not by '%.*s'", setting,
			    CV_SPAN_ARG(part));
	while (rest.data != NULL && cv_span_split(&rest, ':', &part)) {
		if (cv_span_begins(part, CV_SPAN("cache_secs="))) {
			if (!span_to_msecs(cv_span_skip(part, 11), msecs_r))
				return FAIL(err, CV_E_CONFIG, "acl = %s: "
					    "cache_secs is no time", setting);
		} else if (part.len > 0 && part.data[0] == '/' &&
			   *path_r == NULL) {
			*path_r = pool_copy(pool, part.data, part.len);
		} else if (part.len > 0) {
			return FAIL(err, CV_E_CONFIG, "acl = %s: '%.*s' is "
				    "no absolute path and no option", setting,
				    CV_SPAN_ARG(part));
		}
	}
	return CV_OK;
}

const char *acl_global_path(const char *setting, struct cv_pool *pool)
{
	const char *path;
	uint64_t msecs;

	return split_setting(setting, pool, &path, &msecs, NULL) < 0 ? NULL :
		path;
}

/* --- files ---------------------------------------------------------------------- */

static int read_text(struct acl_global *g, const char *path,
		     struct global_file *file, struct cv_error *err)
{
	struct cv_pool *pool;
	struct stat st;
	char *text;
	ssize_t got;
	int fd = io_open_file(g->io, AT_FDCWD, path, O_RDONLY, 0, &st);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR) && g->is_dir) {
		pool_destroy(&file->pool);
		return CV_OK;
	}
	if (fd < 0)
		return FAIL_ERRNO(err, errno, "cannot open '%s'", path);
	if (st.st_size > ACL_GLOBAL_BYTES_MAX) {
		io_close(g->io, fd);
		return FAIL(err, CV_E_LIMIT, "'%s' is longer than %d bytes",
			    path, ACL_GLOBAL_BYTES_MAX);
	}
	pool = pool_create("global acl");
	text = pool_alloc(pool, (size_t)st.st_size + 1);
	got = io_pread_full(g->io, fd, text, (size_t)st.st_size, 0);
	io_close(g->io, fd);
	if (got < 0 || memchr(text, '\0', (size_t)got) != NULL) {
		pool_destroy(&pool);
		return got < 0 ? FAIL_ERRNO(err, errno, "cannot read '%s'",
					    path) :
			FAIL(err, CV_E_SYNTAX, "'%s' has a NUL", path);
	}
	pool_destroy(&file->pool);
	*file = (struct global_file){ .pool = pool,
		.text = cv_span(text, (size_t)got), .changed = st.st_mtim,
		.inode = st.st_ino, .size = (uint64_t)st.st_size };
	return CV_OK;
}

static bool is_same(const struct global_file *file, const struct stat *st)
{
	return file->pool != NULL && file->inode == st->st_ino &&
		file->size == (uint64_t)st->st_size &&
		file->changed.tv_sec == st->st_mtim.tv_sec &&
		file->changed.tv_nsec == st->st_mtim.tv_nsec;
}

/* Reads the file again when it has changed and was not looked at for long. */
static int refresh(struct acl_global *g, const char *path,
		   struct global_file *file, struct cv_pool *pool,
		   struct cv_error *err)
{
	uint64_t now = time_monotonic_msecs();
	struct stat st;
	int ret = CV_OK;

	if (file->checked_at != 0 && now < file->checked_at + g->cache_msecs)
		return CV_OK;
	if (io_stat(g->io, AT_FDCWD, path, &st) < 0)
		st.st_mode = 0;
	/* the name of the mailbox is a directory, for those below it */
	if (S_ISDIR(st.st_mode)) {
		path = pool_printf(pool, "%s/.DEFAULT", path);
		if (io_stat(g->io, AT_FDCWD, path, &st) < 0)
			st.st_mode = 0;
	}
	if (st.st_mode == 0 || !is_same(file, &st))
		ret = read_text(g, path, file, err);
	if (ret == CV_OK)
		file->checked_at = now == 0 ? 1 : now;
	return ret;
}

/* --- lines ----------------------------------------------------------------------- */

/* Where a '*' once matched, only the last one is tried again. */
bool acl_global_matches(struct cv_span pattern, struct cv_span name)
{
	size_t p = 0, n = 0, star = SIZE_MAX, from = 0;

	while (n < name.len) {
		if (p < pattern.len && pattern.data[p] == '*') {
			star = p++;
			from = n;
		} else if (p < pattern.len &&
			   (pattern.data[p] == '?' ||
			    pattern.data[p] == name.data[n])) {
			p++;
			n++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			n = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.data[p] == '*')
		p++;
	return p == pattern.len;
}

static int take_line(struct cv_span line, bool has_pattern, const char *name,
		     struct acl *acl, struct cv_error *err)
{
	struct cv_text pattern;
	int ret = CV_OK;

	/* name NULL: only whether the line can be read */
	if (name == NULL)
		acl->count = 0;

	if (has_pattern) {
		cv_text_init(&pattern, acl->pool);
		ret = acl_take_word(&line, &pattern, err);
		if (ret == CV_OK && line.len == 0)
			ret = FAIL(err, CV_E_SYNTAX, "nothing stands behind "
				   "the mailbox");
		if (ret < 0 || (name != NULL &&
				!acl_global_matches(cv_text_span(&pattern),
						    cv_span_of(name))))
			return ret;
	}
	return acl_parse_line(acl, line, err);
}

static int take_lines(const struct global_file *file, bool has_pattern,
		      const char *name, struct acl *acl, struct cv_error *err)
{
	struct cv_span rest = file->pool == NULL ? CV_SPAN("") : file->text;
	struct cv_span line;
	int number = 0, ret = CV_OK;

	while (ret == CV_OK && rest.len > 0 &&
	       cv_span_split(&rest, '\n', &line)) {
		if (++number > ACL_GLOBAL_LINES_MAX)
			return FAIL(err, CV_E_LIMIT, "more than %d lines",
				    ACL_GLOBAL_LINES_MAX);
		line = cv_span_trim(line);
		if (line.len > 0 && line.data[0] != '#')
			ret = take_line(line, has_pattern, name, acl, err);
	}
	if (ret < 0 && err != NULL)
		(void)error_prefix(err, "line %d", number);
	return ret;
}

/* What is read for a mailbox, and marked as what it is. */
static int take_file(struct acl_global *g, const struct global_file *file,
		     const char *path, const char *name, struct acl *acl,
		     struct cv_error *err)
{
	struct acl found;
	int ret;

	acl_init(&found, acl->pool);
	ret = take_lines(file, !g->is_dir, name, &found, err);
	if (ret < 0)
		return error_prefix(err, "'%s'", path);
	for (size_t i = 0; i < found.count && ret == CV_OK; i++) {
		struct acl_entry *entry = &found.entries[i];

		entry->global = true;
		ret = acl_set(acl, entry, err);
	}
	return ret;
}

static void file_close(void *data)
{
	struct global_file *file = data;

	pool_destroy(&file->pool);
}

/* Names in a directory: none that leads out of it. */
static bool is_inside(const char *name)
{
	struct cv_span rest = cv_span_of(name), part;

	while (cv_span_split(&rest, '/', &part)) {
		if (part.len == 0 || cv_span_is(part, ".") ||
		    cv_span_is(part, ".."))
			return false;
	}
	return true;
}

int acl_global_get(struct acl_global *g, const char *name, struct acl *acl,
		   struct cv_error *err)
{
	struct global_file *file = &g->file;
	const char *path = g->path;
	int ret;

	if (g->is_dir && name[0] != '\0' && !is_inside(name))
		return CV_OK;
	if (g->is_dir) {
		path = name[0] == '\0' ? g->path :
			pool_printf(acl->pool, "%s/%s", g->path, name);
		file = hash_find(&g->files, cv_span_of(name));
	}
	if (file == NULL) {
		file = pool_new(g->pool, struct global_file);
		name = pool_strdup(g->pool, name);
		hash_set(&g->files, cv_span_of(name), file);
		pool_add_finaliser(g->pool, file_close, file);
	}
	ret = refresh(g, path, file, acl->pool, err);
	return ret < 0 ? ret : take_file(g, file, path, name, acl, err);
}

int acl_global_open(struct io *io, struct cv_pool *pool, const char *setting,
		    struct acl_global **global_r, struct cv_error *err)
{
	struct acl_global *g = pool_new(pool, struct acl_global);
	struct cv_pool *check;
	struct acl all;
	struct stat st;
	int ret = split_setting(setting, pool, &g->path, &g->cache_msecs,
				err);

	*global_r = NULL;
	if (ret < 0 || g->path == NULL)
		return ret;
	g->pool = pool;
	g->io = io;
	hash_init(&g->files, pool, false);
	pool_add_finaliser(pool, file_close, &g->file);
	if (io_stat(io, AT_FDCWD, g->path, &st) < 0)
		return FAIL(err, CV_E_CONFIG, "acl = %s: cannot stat '%s': "
			    "%s", setting, g->path, strerror(errno));
	g->is_dir = S_ISDIR(st.st_mode);
	if (!g->is_dir) {
		check = pool_create("acl check");
		acl_init(&all, check);
		ret = refresh(g, g->path, &g->file, check, err);
		if (ret == CV_OK)
			ret = take_file(g, &g->file, g->path, NULL, &all,
					err);
		pool_destroy(&check);
	}
	if (ret == CV_OK)
		*global_r = g;
	return ret;
}
