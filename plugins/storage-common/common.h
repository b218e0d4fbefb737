/* common.h - trees of folders on disk, for the storage drivers that have one.
 * See README.md. */
#ifndef STORAGE_COMMON_H
#define STORAGE_COMMON_H

#include "cv-plugin.h"
#include "cv-storage.h"
#include "dovecot-index.h"

#include <errno.h>
#include <fcntl.h>
#include <dirent.h>

/* Each plugin has these under its own prefix. */
#define common_strdup CV_OWN(_common_strdup)
#define common_fail CV_OWN(_common_fail)
#define common_file_read CV_OWN(_common_file_read)
#define common_file_write CV_OWN(_common_file_write)
#define common_files_sync CV_OWN(_common_files_sync)
#define common_parent_sync CV_OWN(_common_parent_sync)
#define common_dir_make CV_OWN(_common_dir_make)
#define common_parents_make CV_OWN(_common_parents_make)
#define common_root_open CV_OWN(_common_root_open)
#define common_level_decode CV_OWN(_common_level_decode)
#define common_levels_encode CV_OWN(_common_levels_encode)
#define common_name_refuse CV_OWN(_common_name_refuse)
#define common_layout_check CV_OWN(_common_layout_check)
#define common_name_check CV_OWN(_common_name_check)
#define common_coding_note CV_OWN(_common_coding_note)
#define common_link_note CV_OWN(_common_link_note)
#define common_shut_note CV_OWN(_common_shut_note)
#define common_shut_tell CV_OWN(_common_shut_tell)
#define common_walk CV_OWN(_common_walk)
#define common_lines_room CV_OWN(_common_lines_room)
#define common_subscriptions_read CV_OWN(_common_subscriptions_read)
#define common_subscriptions_name CV_OWN(_common_subscriptions_name)
#define common_subscriptions_write CV_OWN(_common_subscriptions_write)
#define common_private_flags CV_OWN(_common_private_flags)
#define common_dovecot_index CV_OWN(_common_dovecot_index)
#define common_dovecot_cache_open CV_OWN(_common_dovecot_cache_open)
#define common_dovecot_saved CV_OWN(_common_dovecot_saved)
#define common_dovecot_takeover CV_OWN(_common_dovecot_takeover)

/* A call of the I/O port. */
#define COMMON_CALL(config, op, ...) \
	((config)->io_api->op((config)->io, __VA_ARGS__))

/* What differs between trees: one const table each. */
struct common_layout {
	/* Between the levels of a name on disk: '/', they are directories;
	 * '.', a folder is one directory with dots in its name (Maildir++),
	 * and no level has one. */
	char separator;
	/* Is there something else of this name?  NULL: never.  "." and ".."
	 * are no names anywhere. */
	bool (*is_reserved)(const struct cv_storage_config *config,
			    struct cv_span level);
	const char *subscriptions;	/* the usual name of their file */
};

/* --- common-file.c --------------------------------------------------------- */

/* A copy in the pool. */
char *common_strdup(struct cv_pool *pool, const char *text);
/* CV_FAIL with errno: the class follows from it, its text is appended.
 * errno is kept. */
int common_fail(struct cv_error *err, const char *what, const char *name);

/* A regular file of at most max bytes, read whole; text is replaced.
 * CV_NOT_FOUND. */
int common_file_read(const struct cv_storage_config *config, int dirfd,
		     const char *name, size_t max, struct cv_text *text,
		     struct cv_error *err);
/* Replaces a file through the file temp; durable when it returns. */
int common_file_write(const struct cv_storage_config *config, int dirfd,
		      const char *name, const char *temp, struct cv_span data,
		      struct cv_error *err);

/* Messages that are files of their own, with more bytes of the driver's. */
struct common_files {
	const struct cv_storage_config *config;
	int dirfd;
	uint64_t more;
	/* The name below dirfd; false: it has none. */
	bool (*name)(struct cv_storage_folder *folder,
		     const struct cv_blob *blob, char *dst, size_t size);
	struct cv_storage_folder *folder;	/* name's */
};
/* Syncs those that are there with all their bytes, or more.  A batch is begun
 * to be written before the first of it is waited for, so that the disk has
 * to be asked a few times instead of once a file. */
void common_files_sync(const struct common_files *files,
		       struct cv_blob_sync *items, uint32_t count);

/* Syncs the directory that a path lies in; -1 and errno. */
int common_parent_sync(const struct cv_storage_config *config, int dirfd,
		       const char *path);
/* Makes a directory and those above it where they are missing, or only those
 * above it; what is new is durable then.  errno is kept. */
int common_dir_make(const struct cv_storage_config *config, int dirfd,
		    const char *path, mode_t mode, struct cv_error *err);
int common_parents_make(const struct cv_storage_config *config, int dirfd,
			const char *path, mode_t mode, struct cv_error *err);
/* Opens a directory, whose last part may be a link that the administrator
 * made; makes it when config->create says so.  *fd_r is -1 on failure. */
int common_root_open(const struct cv_storage_config *config, const char *path,
		     int *fd_r, struct cv_error *err);

/* Numbers of a folder's state in the journal, low byte first. */
static inline void common_put_u64(struct cv_text *dst, uint64_t value,
				  int bytes)
{
	for (int i = 0; i < bytes; i++)
		cv_text_append_c(dst, (char)(value >> (8 * i) & 0xff));
}

static inline uint64_t common_get_u64(const unsigned char **at, int bytes)
{
	uint64_t value = 0;

	for (int i = bytes - 1; i >= 0; i--)
		value = value << 8 | (*at)[i];
	*at += bytes;
	return value;
}

/* --- common-name.c --------------------------------------------------------- */

/* Appends the name of a level that stands on disk; false: it can be none of
 * ours, and dst holds a part. */
bool common_level_decode(const struct cv_storage_config *config,
			 const struct common_layout *layout,
			 struct cv_span level, struct cv_text *dst);
/* Appends the levels of a valid name as they stand on disk, joined with the
 * layout's separator. */
void common_levels_encode(const struct cv_storage_config *config,
			  const struct common_layout *layout,
			  struct cv_text *dst, struct cv_span name);
/* LAYOUT=index: CV_E_CONFIG, with the way out. */
int common_layout_check(const struct cv_storage_config *config,
			const char *driver, struct cv_error *err);
/* The answer of name_check to a name that cannot be. */
int common_name_refuse(struct cv_span name, const char *fault,
		       struct cv_error *err);
/* name_check of any name but INBOX. */
int common_name_check(const struct cv_storage_config *config,
		      const struct common_layout *layout, struct cv_span name,
		      struct cv_error *err);

/* --- common-walk.c --------------------------------------------------------- */

/* What the log has of folders that are left out, of each kind once in a
 * session: the list is asked for again and again. */
struct common_told {
	bool shut, coding, link;
};

/* Directories that we may not enter: what they are cannot be known; those
 * whose names cannot be read; and symbolic links, which are never followed
 * [security.md F1]. */
struct common_shut {
	struct cv_plugin *self;		/* whose log it is */
	struct common_told *told;
	const char *first;		/* NULL: none */
	uint32_t count;
	const char *first_coded;
	uint32_t coded_count;
	const char *first_link;
	uint32_t link_count;
};
/* True when the name is one of another coding than config says. */
bool common_coding_note(const struct cv_storage_config *config,
			struct common_shut *shut, struct cv_pool *pool,
			struct cv_span level, const char *path);
void common_link_note(struct common_shut *shut, struct cv_pool *pool,
		      const char *path);
/* When errno is EACCES. */
void common_shut_note(struct common_shut *shut, struct cv_pool *pool,
		      const char *path);
/* Logs which they are; paths are below fd. */
void common_shut_tell(const struct cv_storage_config *config, int fd,
		      const struct common_shut *shut);

/* A tree of directories, each of which may be a folder.  What may not be
 * entered, or has a name that cannot be read, is passed over, and told. */
struct common_walk {
	const struct cv_storage_config *config;
	struct cv_plugin *self;
	struct common_told *told;
	const struct common_layout *layout;
	int fd;
	const char *top;	/* below fd, "" for itself; may be missing */
	/* Files are folders, too. */
	bool files;
	/* Any name that is valid, and where it lies below fd; type as from
	 * dir_next.  CV_NOT_FOUND: with errno, it cannot be looked at; any
	 * other than CV_OK ends the walk.  pool: of the
	 * walk. */
	int (*found)(void *context, struct cv_pool *pool, const char *name,
		     const char *path, unsigned char type);
	void *context;
};
/* CV_CHANGED: something was passed over, as folders_scan says it. */
int common_walk(const struct common_walk *walk, struct cv_error *err);

/* --- common-subscriptions.c ------------------------------------------------ */

/* Room for one name in each line of a file. */
const char **common_lines_room(struct cv_pool *pool, struct cv_span file);
/* The name of their file: what SUBSCRIPTIONS= says, or the layout's. */
const char *common_subscriptions_name(const struct cv_storage_config *config,
				      const struct common_layout *layout);
/* subscriptions_read and subscriptions_write of cv-storage.h; root_fd: where
 * the file is when there is no CONTROL=.  read returns CV_NOT_FOUND when there
 * is none and there was none. */
int common_subscriptions_read(const struct cv_storage_config *config,
			      const struct common_layout *layout, int root_fd,
			      struct cv_text *stamp, struct cv_pool *pool,
			      struct cv_strings *names_r,
			      struct cv_error *err);
int common_subscriptions_write(const struct cv_storage_config *config,
			       const struct common_layout *layout,
			       int root_fd, const struct cv_strings *names,
			       struct cv_text *stamp, struct cv_error *err);

/* --- common-dovecot.c ------------------------------------------------------ */

/* dovecot_index_read of the files with this name, each of at most max bytes,
 * in a directory. */
int common_dovecot_index(const struct cv_storage_config *config, int dirfd,
			 const char *name, struct dovecot_files files,
			 size_t max, struct cv_pool *pool,
			 struct dovecot_index *index_r, struct cv_error *err);
/* dovecot.index.cache, when it has dates of saving; -1: it has none. */
int common_dovecot_cache_open(const struct cv_storage_config *config,
			      int dirfd);
/* Where in the cache messages are, as the index says. */
struct common_cached {
	uint32_t indexid, file_seq;	/* of the cache that is meant */
	uint32_t count;
	const uint32_t *offsets;	/* 0: not there */
};
/* Reads them, and closes the cache; what is not known stays as it is. */
void common_dovecot_saved(const struct cv_storage_config *config,
			  int *cache_fd, const struct common_cached *cached,
			  int64_t *saved);
/* The same for the entries of a takeover; the extension "cache" is the wanted
 * one of this number. */
void common_dovecot_takeover(const struct cv_storage_config *config,
			     int *cache_fd, const struct dovecot_index *index,
			     uint32_t wanted, struct cv_pool *pool,
			     struct cv_takeover *takeover);

/* --- common-private.c ------------------------------------------------------ */

/* private_flags of cv-storage.h; below: where in the tree the folders are,
 * "" or "x/". */
int common_private_flags(const struct cv_storage_config *config,
			 const struct common_layout *layout, const char *below,
			 struct cv_span name, struct cv_pool *pool,
			 struct cv_takeover *takeover_r,
			 struct cv_error *err);

#endif
