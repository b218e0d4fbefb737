/* meta-files.c - the account's objects as files of one directory
 * (doc/format-account.md).
 *
 * A commit costs lock, fstat, pwrite, fdatasync, unlock: the head that was
 * read under the lock is the compare of the compare and swap. */
#include "meta.h"
#include "reserve-files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

struct meta_files {
	struct meta meta;
	struct io *io;
	struct meta_files_options options;
	int dirfd;
	int lock_fd;		/* -1: not opened yet */
	bool locked;
};

struct file_object {
	struct meta_object object;
	int fd;
	bool needed;		/* a journal or a snapshot */
	/* what head said while the lock is held; UINT64_MAX: nothing */
	uint64_t seen;
};

static struct meta_files *files_of(struct meta *meta)
{
	return (struct meta_files *)meta;
}

static struct file_object *object_of(struct meta_object *object)
{
	return (struct file_object *)object;
}

static struct io *io_of(struct meta_object *object)
{
	return files_of(object->meta)->io;
}

/* --- names --------------------------------------------------------------- */

enum { NAME_SIZE = 80 };

static void format_name(const struct meta_name *name, char dst[NAME_SIZE])
{
	char hex[33];

	switch (name->kind) {
	case META_JOURNAL:
		(void)snprintf(dst, NAME_SIZE, "journal.%llu",
			       (unsigned long long)name->generation);
		return;
	case META_SNAPSHOT:
		account_guid_format(&name->folder, hex);
		(void)snprintf(dst, NAME_SIZE, "%s.%llu.snap", hex,
			       (unsigned long long)name->generation);
		return;
	case META_CATALOGUE:
	case META_COLUMNS:
		break;
	}
	account_guid_format(&name->folder, hex);
	(void)snprintf(dst, NAME_SIZE, "%s.%s", hex,
		       name->kind == META_COLUMNS ? "col" : "cat");
}

static bool ends_in(struct cv_span name, struct cv_span suffix)
{
	return name.len > suffix.len &&
		cv_span_equal(cv_span_skip(name, name.len - suffix.len),
			      suffix);
}

static bool parse_name(struct cv_span file, struct meta_name *name_r)
{
	*name_r = (struct meta_name){ .kind = META_JOURNAL };
	if (cv_span_begins(file, CV_SPAN("journal.")))
		return cv_span_to_u64(cv_span_skip(file, 8), UINT64_MAX / 2,
				      &name_r->generation) &&
			name_r->generation > 0;
	if (file.len < 36 ||
	    !account_guid_parse(cv_span(file.data, 32), &name_r->folder))
		return false;
	if (file.len == 36 && ends_in(file, CV_SPAN(".cat"))) {
		name_r->kind = META_CATALOGUE;
		return true;
	}
	if (file.len == 36 && ends_in(file, CV_SPAN(".col"))) {
		name_r->kind = META_COLUMNS;
		return true;
	}
	name_r->kind = META_SNAPSHOT;
	return file.len > 38 && file.data[32] == '.' &&
		ends_in(file, CV_SPAN(".snap")) &&
		cv_span_to_u64(cv_span(file.data + 33, file.len - 38),
			       UINT64_MAX / 2, &name_r->generation);
}

static int files_list(struct meta *meta, struct cv_pool *pool,
		      struct meta_names *names)
{
	struct meta_files *files = files_of(meta);
	struct io_dir *dir = io_dir_open(files->io, files->dirfd, ".");
	const char *file;

	array_init(&names->items, pool);
	if (dir == NULL)
		return -1;
	while ((file = io_dir_next(dir, NULL)) != NULL) {
		struct cv_span span = cv_span_of(file);
		struct meta_name name;

		if (parse_name(span, &name))
			*array_add(&names->items) = name;
		else if (cv_span_begins(span, CV_SPAN("journal.")) &&
			 ends_in(span, CV_SPAN(".tmp")) && files->locked)
			/* of a checkpoint that was cut off */
			(void)io_unlink(files->io, files->dirfd, file);
	}
	return io_dir_close(&dir);
}

/* --- room ---------------------------------------------------------------- */

static bool make_room(void *context, uint64_t bytes)
{
	struct meta_files *files = context;

	if (!reserve_give(files->io, files->dirfd, bytes))
		return false;
	files->meta.reserve_used = true;
	return true;
}

static int write_vec(struct meta_files *files, int fd, struct iovec *vec,
		     int count, uint64_t offset)
{
	return io_pwritev_room(files->io, fd, vec, count, offset,
			       files->meta.frees ? make_room : NULL, files);
}

static int create_file(struct meta_files *files, const char *name)
{
	int fd;

	do
		fd = io_create_file(files->io, files->dirfd, name,
				    files->options.file_mode);
	while (fd < 0 && reserve_could_help() && files->meta.frees &&
	       make_room(files, 1));
	return fd;
}

static void files_reserve(struct meta *meta)
{
	struct meta_files *files = files_of(meta);

	if (reserve_fill(files->io, files->dirfd, files->options.file_mode))
		meta->reserve_used = false;
}

/* --- objects ------------------------------------------------------------- */

static bool is_needed(enum meta_kind kind)
{
	return kind == META_JOURNAL || kind == META_SNAPSHOT;
}

static struct meta_object *object_create(struct meta *meta, int fd,
					 enum meta_kind kind)
{
	struct file_object *object;

	if (fd < 0)
		return NULL;
	object = calloc(1, sizeof(*object));
	if (object == NULL) {
		io_close(files_of(meta)->io, fd);
		errno = ENOMEM;
		return NULL;
	}
	object->object.meta = meta;
	object->fd = fd;
	object->needed = is_needed(kind);
	object->seen = UINT64_MAX;
	return &object->object;
}

static struct meta_object *files_open(struct meta *meta,
				      const struct meta_name *name)
{
	struct meta_files *files = files_of(meta);
	bool writes = !files->options.readonly && name->kind != META_SNAPSHOT;
	char file[NAME_SIZE];

	format_name(name, file);
	return object_create(meta, io_open_file(files->io, files->dirfd, file,
		writes ? O_RDWR : O_RDONLY, 0, NULL), name->kind);
}

static struct meta_object *files_create(struct meta *meta,
					const struct meta_name *name)
{
	struct meta_files *files = files_of(meta);
	char file[NAME_SIZE];
	int fd;

	format_name(name, file);
	fd = create_file(files, file);
	if (fd < 0 && errno == EEXIST &&
	    io_unlink(files->io, files->dirfd, file) == 0)
		fd = create_file(files, file);
	return object_create(meta, fd, name->kind);
}

static void files_release(struct meta_object *object)
{
	int saved = errno;

	io_close(io_of(object), object_of(object)->fd);
	free(object_of(object));
	errno = saved;
}

static int files_head(struct meta_object *object, struct meta_head *head_r)
{
	struct file_object *o = object_of(object);
	struct stat st;

	if (io_fstat(io_of(object), o->fd, &st) < 0)
		return -1;
	head_r->size = (uint64_t)st.st_size;
	head_r->replaced = st.st_nlink == 0;
	o->seen = files_of(object->meta)->locked && st.st_nlink != 0 ?
		head_r->size : UINT64_MAX;
	return 0;
}

static ssize_t files_load(struct meta_object *object, uint64_t offset,
			  void *dst, size_t len)
{
	return io_pread_full(io_of(object), object_of(object)->fd, dst, len,
			     offset);
}

static void *files_map(struct meta_object *object, size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE,
			 object_of(object)->fd, 0);

	return map == MAP_FAILED ? NULL : map;
}

static int files_write(struct meta_object *object, uint64_t offset,
		       struct iovec *vec, int count)
{
	struct file_object *o = object_of(object);

	return o->needed ? write_vec(files_of(object->meta), o->fd, vec,
				     count, offset) :
		io_pwritev(io_of(object), o->fd, vec, count, offset);
}

static int files_sync(struct meta_object *object)
{
	return io_fdatasync(io_of(object), object_of(object)->fd);
}

static void files_remove(struct meta *meta, const struct meta_name *name)
{
	struct meta_files *files = files_of(meta);
	char file[NAME_SIZE];

	format_name(name, file);
	(void)io_unlink(files->io, files->dirfd, file);
}

static int files_keep(struct meta *meta, const struct meta_name *name)
{
	struct meta_files *files = files_of(meta);
	char file[NAME_SIZE], quarantine[NAME_SIZE];

	format_name(name, file);
	(void)snprintf(quarantine, sizeof(quarantine), "damaged.%llu",
		       (unsigned long long)name->generation);
	return io_link(files->io, files->dirfd, file, files->dirfd,
		       quarantine);
}

/* --- lock ---------------------------------------------------------------- */

static int files_lock(struct meta *meta, uint64_t deadline_msecs)
{
	struct meta_files *files = files_of(meta);

	if (files->lock_fd == -1)
		files->lock_fd = io_open_file(files->io, files->dirfd, "lock",
			O_RDWR | O_CREAT, files->options.file_mode, NULL);
	if (files->lock_fd == -1 ||
	    io_lock(files->io, files->lock_fd, F_WRLCK, deadline_msecs) < 0)
		return -1;
	files->locked = true;
	return 0;
}

static void files_unlock(struct meta *meta)
{
	struct meta_files *files = files_of(meta);

	files->locked = false;
	io_unlock(files->io, files->lock_fd);
}

/* --- the journal --------------------------------------------------------- */

/* Whether the file has exactly these bytes there: a commit that is tried
 * again. */
static bool is_there(struct meta_object *object,
		     const struct meta_commit *commit)
{
	uint64_t at = commit->at;
	char have[4096];

	for (int i = 0; i < commit->count; i++) {
		const char *p = commit->vec[i].iov_base;
		size_t left = commit->vec[i].iov_len;

		while (left > 0) {
			size_t n = left < sizeof(have) ? left : sizeof(have);

			if (files_load(object, at, have, n) != (ssize_t)n ||
			    memcmp(have, p, n) != 0)
				return false;
			at += n;
			p += n;
			left -= n;
		}
	}
	return true;
}

/* What there was no room for is cut off again, or it would take a new journal
 * to go on, for which there is none either.  No reader has seen a whole group
 * there. */
static void cut_off(struct meta_object *object, uint64_t at)
{
	struct io *io = io_of(object);
	int fd = object_of(object)->fd, saved = errno;
	struct stat st;

	if (io_fstat(io, fd, &st) == 0 && (uint64_t)st.st_size > at)
		(void)io_truncate(io, fd, at);
	errno = saved;
}

static enum meta_result commit_locked(struct meta_object *object,
				      const struct meta_commit *commit)
{
	struct file_object *o = object_of(object);
	uint64_t seen = o->seen;
	struct meta_head head;

	o->seen = UINT64_MAX;
	if (seen == UINT64_MAX) {
		if (files_head(object, &head) < 0)
			return META_NOT_WRITTEN;
		if (head.replaced)
			return META_CONFLICT;
		seen = head.size;
		o->seen = UINT64_MAX;
	}
	if (seen != commit->at) {
		if (seen < commit->at || !is_there(object, commit))
			return META_CONFLICT;
	} else if (files_write(object, commit->at, commit->vec,
			       commit->count) < 0) {
		if (reserve_could_help())
			cut_off(object, commit->at);
		return META_NOT_WRITTEN;
	}
	return commit->sync && files_sync(object) < 0 ? META_NOT_SYNCED :
		META_DONE;
}

enum { COMMIT_LOCK_MSECS = 5000 };

static enum meta_result files_commit(struct meta_object *object,
				     const struct meta_commit *commit)
{
	enum meta_result result;

	if (files_of(object->meta)->locked)
		return commit_locked(object, commit);
	if (files_lock(object->meta, time_monotonic_msecs() +
		       COMMIT_LOCK_MSECS) < 0)
		return META_NOT_WRITTEN;
	result = commit_locked(object, commit);
	files_unlock(object->meta);
	return result;
}

static int files_spoil(struct meta_object *object, uint64_t at,
		       struct cv_span mark)
{
	struct iovec vec = { (void *)(uintptr_t)mark.data, mark.len };

	object_of(object)->seen = UINT64_MAX;
	return files_write(object, at, &vec, 1);
}

/* --- checkpoint ---------------------------------------------------------- */

/* The new journal under another name, durable with all names. */
static int write_aside(struct meta_files *files, const char *aside,
		       struct meta_checkpoint *c)
{
	int fd, result;

	(void)io_unlink(files->io, files->dirfd, aside);
	fd = create_file(files, aside);
	if (fd < 0)
		return -1;
	result = write_vec(files, fd, c->vec, c->count, 0);
	if (result == 0)
		result = io_fdatasync(files->io, fd);
	io_close(files->io, fd);
	return result < 0 ? result : io_fsync(files->io, files->dirfd);
}

static int publish(struct meta_files *files, const char *aside,
		   const char *name)
{
	int saved;

	if (io_rename(files->io, files->dirfd, aside, files->dirfd, name) < 0)
		return -1;
	if (io_fsync(files->io, files->dirfd) == 0)
		return 0;
	/* whether it would survive is unknown: nobody may commit to it */
	saved = errno;
	(void)io_unlink(files->io, files->dirfd, name);
	errno = saved;
	return -1;
}

/* Under the lock, so that the old one cannot have grown. */
static enum meta_result files_checkpoint(struct meta *meta,
					 struct meta_checkpoint *c)
{
	struct meta_files *files = files_of(meta);
	struct meta_name journal = { .kind = META_JOURNAL,
				     .generation = c->generation };
	char name[NAME_SIZE], aside[NAME_SIZE + 4];
	int result, saved;

	BUG_IF(!files->locked);
	c->marked = false;
	format_name(&journal, name);
	(void)snprintf(aside, sizeof(aside), "%s.tmp", name);
	result = write_aside(files, aside, c);
	if (result == 0 && c->old != NULL && c->mark.data != NULL) {
		c->marked = true;
		result = files_spoil(c->old, c->mark_at, c->mark);
	}
	if (result == 0)
		result = publish(files, aside, name);
	if (result == 0)
		return META_DONE;
	saved = errno;
	(void)io_unlink(files->io, files->dirfd, aside);
	errno = saved;
	return META_NOT_WRITTEN;
}

/* --- opening ------------------------------------------------------------- */

static void files_close(struct meta *meta)
{
	struct meta_files *files = files_of(meta);

	io_close(files->io, files->lock_fd);
	io_close(files->io, files->dirfd);
	free(files);
}

/* "a/b/." for "a/b/c": what was given is a path of the admin's, in which any
 * directory may be a symbolic link. */
static int sync_parent(struct io *io, int dirfd, const char *dir)
{
	const char *slash = strrchr(dir, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - dir) + 1;
	char *parent = malloc(len + 2);
	int fd, result;

	if (parent == NULL)
		return -1;
	memcpy(parent, dir, len);
	memcpy(parent + len, ".", 2);
	fd = io_open_dir(io, dirfd, parent);
	free(parent);
	if (fd < 0)
		return -1;
	result = io_fsync(io, fd);
	io_close(io, fd);
	return result;
}

/* The directory, made when it is not there. */
static int open_directory(struct meta_files *files, int dirfd,
			  const char *dir, struct cv_error *err)
{
	struct io *io = files->io;
	int fd = io_open_dir(io, dirfd, dir);

	if (fd < 0 && errno == ENOENT && !files->options.readonly) {
		if (io_mkdir(io, dirfd, dir, files->options.dir_mode) < 0 &&
		    errno != EEXIST)
			return FAIL_ERRNO(err, errno, "cannot create '%s'",
					  dir);
		if (sync_parent(io, dirfd, dir) < 0)
			return FAIL_ERRNO(err, errno,
					  "cannot sync parent of '%s'", dir);
		fd = io_open_dir(io, dirfd, dir);
	}
	if (fd < 0)
		return FAIL_ERRNO(err, errno, "cannot open '%s'", dir);
	files->dirfd = fd;
	return CV_OK;
}

static const struct meta_ops files_ops = {
	.close = files_close,
	.list = files_list,
	.open = files_open,
	.release = files_release,
	.head = files_head,
	.load = files_load,
	.map = files_map,
	.lock = files_lock,
	.unlock = files_unlock,
	.commit = files_commit,
	.sync = files_sync,
	.spoil = files_spoil,
	.checkpoint = files_checkpoint,
	.create = files_create,
	.write = files_write,
	.finish = files_sync,
	.remove = files_remove,
	.keep = files_keep,
	.reserve = files_reserve,
};

int meta_files_dirfd(const struct meta *meta)
{
	return ((const struct meta_files *)meta)->dirfd;
}

int meta_files_open(struct io *io, int dirfd, const char *dir,
		    const struct meta_files_options *options,
		    struct meta **meta_r, struct cv_error *err)
{
	struct meta_files *files = calloc(1, sizeof(*files));
	int status;

	if (files == NULL)
		return FAIL(err, CV_E_TEMP, "out of memory");
	files->meta.ops = &files_ops;
	files->io = io;
	files->options = *options;
	files->dirfd = files->lock_fd = -1;
	status = open_directory(files, dirfd, dir, err);
	if (status != CV_OK) {
		free(files);
		return status;
	}
	*meta_r = &files->meta;
	return CV_OK;
}
