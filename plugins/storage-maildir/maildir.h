/* maildir.h - inside storage-maildir: trees, folders and their files.
 *
 * A message is a file BASE in new/, or BASE:2,FLAGS in cur/; BASE is its
 * reference in the journal and never changes.  While it is written it is
 * tmp/BASE. */
#ifndef MAILDIR_H
#define MAILDIR_H

#include "../storage-common/common.h"

#include <stdio.h>
#include <strings.h>

enum {
	MAILDIR_NAME_MAX = 255,		/* bytes of a file name */
	MAILDIR_KEYWORDS = 26,		/* letters a-z */
	MAILDIR_HIDDEN_SECONDS = 36 * 3600,	/* then it is rubbish */
	MAILDIR_FILE_MAX = 512 * 1024 * 1024,	/* of a list we read whole */
	MAILDIR_UIDLISTS = 4,		/* kept open */
};

/* Our use of the journal's bits. */
enum {
	MAILDIR_IN_NEW = CV_BLOB_ARRIVAL,
	MAILDIR_PASSED = CV_BLOB_MARK_1,	/* has the letter P */
	MAILDIR_ODD = CV_BLOB_MARK_2,	/* its name cannot be computed */
};

struct maildir_settings {
	bool maildir_copy_with_hardlinks, maildir_very_dirty_syncs;
	bool maildir_broken_filename_sizes;
};

/* An open dovecot-uidlist, and what is known of it. */
struct maildir_uids {
	int fd;				/* 0: none */
	uint64_t device, inode;
	uint64_t size;			/* all of it was seen */
	uint32_t uidvalidity, uidnext;
	uint32_t used;			/* greater: later */
};

struct cv_storage_root {
	const struct cv_storage_config *config;
	struct cv_pool *pool;
	int fd;
	bool fs;			/* LAYOUT=fs */
	bool inbox_is_root;		/* with fs */
	/* Below the root, where neither Dovecot nor we list a folder. */
	const char *account_dir, *trash_dir;
	const struct common_layout *layout;
	const struct maildir_settings *set;
	struct maildir_uids uids[MAILDIR_UIDLISTS];
	uint32_t uids_used;
	int64_t uids_failed;		/* when writing one last failed */
	struct common_told told;	/* that folders are left out */
	bool trash_waits;		/* of removed folders */
};

/* When a directory was last looked at. */
struct maildir_stamp {
	uint64_t inode;
	int64_t seconds;
	uint32_t nanoseconds;
};

struct maildir_state {
	uint8_t boot_id[16];
	uint64_t synced_modseq;
	struct maildir_stamp new_dir, cur_dir;
	int64_t scanned_at;		/* seconds */
	uint32_t scanned_count;
	/* cur/ was changed by us since the scan: somebody else may have
	 * changed it within the same clock tick */
	bool cur_dirty;
};

struct cv_storage_folder {
	struct cv_storage_root *root;
	struct cv_pool *pool;
	int fd;
	const char *path;		/* below the root, or absolute */
	const char *control_path;	/* "": beside new and cur */
	struct maildir_state state;
	bool state_changed;
	/* the journal's, from numbers */
	uint32_t uidvalidity, uidnext;
	/* dovecot-keywords; loaded when first needed */
	bool keywords_loaded;
	const char *keywords[MAILDIR_KEYWORDS];
	struct maildir_list *list;	/* maildir-facts.c's; NULL */
};

struct cv_storage_put {
	struct cv_storage_folder *folder;
	struct cv_pool *pool;
	int fd;
	uint64_t written;
	char name[MAILDIR_NAME_MAX + 1];
	bool has_sizes;
};

extern struct cv_plugin *maildir_self;

/* The user's settings of the plugin. */
const struct maildir_settings *
maildir_settings(const struct cv_storage_config *config);

/* Shorthands for the port. */
#define MAILDIR_API(root) ((root)->config->io_api)
#define MAILDIR_IO(root) ((root)->config->io)
#define MD_CALL(root, op, ...) \
	(MAILDIR_API(root)->op(MAILDIR_IO(root), __VA_ARGS__))

/* --- maildir-path.c ------------------------------------------------------- */

int maildir_name_check(struct cv_storage_root *root, struct cv_span name,
		       struct cv_error *err);
/* The folder's directory below the root; "." for INBOX. */
const char *maildir_path(struct cv_storage_root *root, struct cv_pool *pool,
			 struct cv_span name);
/* The same as an absolute path. */
const char *maildir_folder_path(struct cv_storage_root *root,
				struct cv_span name, struct cv_pool *pool);
/* The other way, one Maildir++ directory ".A.B"; false: none of ours. */
bool maildir_path_parse(struct cv_storage_root *root, const char *dir,
			struct cv_text *name);
bool maildir_level_decode(struct cv_storage_root *root, struct cv_span level,
			  struct cv_text *name);

/* Finds account_dir and trash_dir of a root that is open. */
void maildir_places_find(struct cv_storage_root *root);

extern const struct common_layout maildir_plus_layout, maildir_fs_layout;

/* --- maildir-root.c ------------------------------------------------------- */

int maildir_detect(const struct cv_storage_config *config);
int maildir_root_open(const struct cv_storage_config *config,
		      struct cv_storage_root **root_r, struct cv_error *err);
void maildir_root_close(struct cv_storage_root **root);
char maildir_separator(struct cv_storage_root *root);
const char *maildir_account_dir(struct cv_storage_root *root);
int maildir_folders_check(struct cv_storage_root *root,
			  struct cv_text *stamp, struct cv_error *err);
int maildir_folders_scan(struct cv_storage_root *root, cv_folder_fn *fn,
			 void *context, struct cv_error *err);
int maildir_folder_create(struct cv_storage_root *root, struct cv_span name,
			  struct cv_error *err);
int maildir_folder_rename(struct cv_storage_root *root, struct cv_span name,
			  struct cv_span new_name, struct cv_error *err);
/* Of new directories in it. */
mode_t maildir_root_mode(struct cv_storage_root *root);
void maildir_stamp_of(const struct stat *st, struct maildir_stamp *stamp);
bool maildir_stamp_equal(const struct maildir_stamp *a,
			 const struct maildir_stamp *b);

/* --- maildir-remove.c ----------------------------------------------------- */

int maildir_folder_remove(struct cv_storage_root *root, struct cv_span name,
			  struct cv_error *err);
/* Removes what nobody is at any more of what was removed, as long as *files,
 * how many a scan removes, has not come to nought. */
enum { MAILDIR_TRASH_FILES = 1000 };
void maildir_trash_clean(struct cv_storage_root *root, uint32_t *files);
/* A scan of a Maildir++ root found this: false when it is nothing of removed
 * folders.  If it is, they are looked after. */
bool maildir_trash_found(struct cv_storage_root *root, const char *entry,
			 uint32_t *files);

/* --- maildir-subscriptions.c ---------------------------------------------- */

int maildir_subscriptions_read(struct cv_storage_root *root,
			       struct cv_text *stamp, struct cv_pool *pool,
			       struct cv_strings *names_r,
			       struct cv_error *err);
int maildir_subscriptions_write(struct cv_storage_root *root,
				const struct cv_strings *names,
				struct cv_text *stamp, struct cv_error *err);

/* --- maildir-folder.c ----------------------------------------------------- */

int maildir_folder_open(struct cv_storage_root *root, struct cv_span name,
			struct cv_span state,
			struct cv_storage_folder **folder_r,
			struct cv_error *err);
/* After ENOENT: a folder is there when cur is; new and tmp, which a backup that
 * keeps no empty directories has lost, are made again as Dovecot does it.
 * False: that is not why. */
bool maildir_folder_mend(struct cv_storage_folder *folder);
void maildir_folder_close(struct cv_storage_folder **folder);
bool maildir_state(struct cv_storage_folder *folder, struct cv_text *dst);
void maildir_state_set(struct cv_storage_folder *folder,
		       struct cv_span state);
bool maildir_was_lost(struct cv_storage_folder *folder, uint64_t modseq);
int maildir_sync(struct cv_storage_folder *folder, uint64_t modseq,
		 struct cv_error *err);
/* Around changes of ours in cur/: what was known stays known. */
bool maildir_change_begin(struct cv_storage_folder *folder);
void maildir_change_end(struct cv_storage_folder *folder, bool was_known);
/* A control file (dovecot-uidlist ...) read whole; CV_NOT_FOUND. */
int maildir_control_read(struct cv_storage_folder *folder, const char *name,
			 struct cv_text *text, struct cv_error *err);
/* Replaces it through a temporary file; synced. */
int maildir_control_write(struct cv_storage_folder *folder, const char *name,
			  struct cv_span data, struct cv_error *err);
/* Its directory, made when it is missing; -1 and errno. */
int maildir_control_open(struct cv_storage_folder *folder, bool make);
void maildir_control_close(struct cv_storage_folder *folder, int fd);
int maildir_file_read(struct cv_storage_root *root, int dirfd,
		      const char *name, struct cv_text *text,
		      struct cv_error *err);

/* --- maildir-facts.c ------------------------------------------------------- */

int maildir_facts(struct cv_storage_folder *folder,
		  const struct cv_blob *blob, struct cv_pool *pool,
		  struct cv_blob_facts *facts_r, struct cv_error *err);
/* Before the folder is closed. */
void maildir_facts_forget(struct cv_storage_folder *folder);

/* --- maildir-acl.c --------------------------------------------------------- */

int maildir_acl_read(struct cv_storage_root *root, struct cv_span name,
		     struct cv_text *stamp, struct cv_pool *pool,
		     struct cv_span *text_r, struct cv_error *err);

/* --- maildir-keywords.c --------------------------------------------------- */

/* The letter's index, 0..25; -1: none, and add was false or the alphabet is
 * full. */
int maildir_keyword_index(struct cv_storage_folder *folder, const char *name,
			  bool add);
/* NULL: no such letter. */
const char *maildir_keyword_name(struct cv_storage_folder *folder,
				 uint32_t index);
/* They are loaded again when next needed. */
void maildir_keywords_forget(struct cv_storage_folder *folder);
bool maildir_keyword_shown(struct cv_storage_folder *folder,
			   const char *name);

/* --- maildir-file.c: names of files ---------------------------------------- */

/* What a file name says. */
struct maildir_file {
	struct cv_span base;		/* points into the name */
	uint32_t flags, letters;	/* letters: bit set of a-z */
	uint32_t marks;			/* PASSED, ODD */
	uint64_t bytes, virtual_bytes;	/* S= and W=, 0: not there */
};

/* False: no message (a dot file, a name that is too long). */
bool maildir_file_parse(const char *name, bool in_new,
			struct maildir_file *file_r);
/* S= in a base, 0: not there. */
uint64_t maildir_claimed_bytes(struct cv_span base);
/* A fresh base without sizes. */
void maildir_file_create_base(struct cv_storage_root *root,
			      char dst[MAILDIR_NAME_MAX + 1]);
/* "cur/BASE:2,FS" or "new/BASE"; dst has room for 4 more than the name.
 * Where the name would be too long, as many letters as there is room for, the
 * weightiest first; a base without room for any info has none.  False: a
 * damaged reference. */
enum { MAILDIR_PATH_MAX = MAILDIR_NAME_MAX + 64 };
bool maildir_file_path(struct cv_storage_folder *folder, struct cv_span base,
		       uint32_t flags, const struct cv_keywords *keywords,
		       uint32_t marks, bool add_keywords,
		       char dst[MAILDIR_PATH_MAX]);
bool maildir_blob_path(struct cv_storage_folder *folder,
		       const struct cv_blob *blob,
		       char dst[MAILDIR_PATH_MAX]);
bool maildir_hidden_path(struct cv_span base, char dst[MAILDIR_PATH_MAX]);
/* What is left of a blob's flags and keywords in such a name. */
void maildir_shown(struct cv_storage_folder *folder,
		   const struct cv_blob *blob, struct cv_pool *pool,
		   uint32_t *flags_r, struct cv_keywords *keywords_r);
/* Whether the name in path says what the journal does. */
bool maildir_file_shows(struct cv_storage_folder *folder, const char *path,
			const struct cv_blob *blob);
/* Looks through cur and new.  CV_OK: dst is its path; CV_NOT_FOUND. */
int maildir_file_search(struct cv_storage_folder *folder,
			struct cv_span base, char dst[MAILDIR_PATH_MAX],
			struct cv_error *err);
/* Where the blob's file is, or should be: absolute. */
const char *maildir_path_of(struct cv_storage_folder *folder,
			    const struct cv_blob *blob, struct cv_pool *pool);
/* As often as fn returns CV_OK: each path of a file of this base. */
typedef int maildir_path_fn(void *context, const char *path);
int maildir_file_each(struct cv_storage_folder *folder, struct cv_span base,
		      maildir_path_fn *fn, void *context,
		      struct cv_error *err);

/* --- maildir-twice.c: one base, two files ----------------------------------- */

int maildir_settle(struct cv_storage_folder *folder,
		   const struct cv_found *first, const struct cv_found *again,
		   const struct cv_blob *blob, struct cv_error *err);

/* --- maildir-blob.c -------------------------------------------------------- */

int maildir_get(struct cv_storage_folder *folder, const struct cv_blob *blob,
		struct cv_blob_source *src_r, struct cv_error *err);
int maildir_recover(struct cv_storage_folder *folder,
		    const struct cv_blob *blob, struct cv_error *err);
int maildir_set_flags(struct cv_storage_folder *folder,
		      struct cv_flag_update *updates, uint32_t count,
		      struct cv_error *err);
int maildir_remove(struct cv_storage_folder *folder,
		   const struct cv_blob *blobs, uint32_t count,
		   struct cv_error *err);

/* --- maildir-put.c --------------------------------------------------------- */

int maildir_put_create(struct cv_storage_folder *folder, struct cv_pool *pool,
		       uint64_t bytes, uint64_t virtual_bytes,
		       struct cv_storage_put **put_r, struct cv_error *err);
int maildir_put_write(struct cv_storage_put *put, const void *data,
		      size_t len, struct cv_error *err);
int maildir_hidden(struct cv_storage_folder *folder, cv_found_fn *fn,
		   void *context, struct cv_error *err);
int maildir_put_finish(struct cv_storage_put **put, uint64_t virtual_bytes,
		       int64_t received, bool sync, struct cv_span *ref_r,
		       struct cv_error *err);
void maildir_put_abort(struct cv_storage_put **put);
void maildir_marks(struct cv_storage_folder *folder, struct cv_blob *blobs,
		   uint32_t count);
void maildir_place(struct cv_storage_folder *folder,
		   const struct cv_blob *blobs, uint32_t count);
void maildir_sync_placed(struct cv_storage_folder *folder,
			 struct cv_blob_sync *items, uint32_t count);
int maildir_lay_out(struct cv_storage_folder *folder,
		    const struct cv_blob *blob, struct cv_span body,
		    struct cv_error *err);
int maildir_link(struct cv_storage_folder *folder,
		 struct cv_storage_folder *from, const struct cv_blob *blob,
		 struct cv_pool *pool, struct cv_span *ref_r,
		 struct cv_error *err);
int maildir_sync_hidden(struct cv_storage_folder *folder,
			struct cv_error *err);
void maildir_unlink_hidden(struct cv_storage_folder *folder,
			   struct cv_span ref);

/* --- maildir-scan.c -------------------------------------------------------- */

int maildir_check(struct cv_storage_folder *folder, bool thorough,
		  uint32_t *scan_r, struct cv_error *err);
int maildir_scan(struct cv_storage_folder *folder, uint32_t scan,
		 cv_found_fn *fn, void *context, struct cv_error *err);
int maildir_look(struct cv_storage_folder *folder, struct cv_found *found,
		 struct cv_error *err);
int maildir_watch_open(struct cv_storage_folder *folder, uint32_t index);
void maildir_clean(struct cv_storage_folder *folder);

/* --- maildir-lines.c: a list, in blocks -------------------------------------- */

struct maildir_lines {
	struct cv_storage_root *root;
	const char *name;
	int fd;			/* -1: none */
	uint64_t size, at;	/* of the file, read so far */
	char *block;
	size_t begin, end;	/* of it what has not been given yet */
	bool too_long;		/* within a line that no block has room for */
	bool failed;		/* to read; errno says why */
};
/* The file's lines as it is now; the block is of the pool.  CV_NOT_FOUND: there
 * is none.  Only after CV_OK is it to be closed. */
int maildir_lines_open(struct maildir_lines *lines,
		       struct cv_storage_root *root, int dirfd,
		       const char *name, struct cv_pool *pool,
		       struct cv_error *err);
void maildir_lines_close(struct maildir_lines *lines);
/* Line 1 is the next one again. */
void maildir_lines_rewind(struct maildir_lines *lines);
/* The next that ends in a newline, without it, valid until the one after.  One
 * of more than 64 KiB is passed over.  False: no more, or failed. */
bool maildir_lines_next(struct maildir_lines *lines, struct cv_span *line_r);
/* After the last: all was read, and the file ends in a newline. */
bool maildir_lines_whole(const struct maildir_lines *lines);

/* Lines to a file, from a place on. */
struct maildir_writer {
	struct cv_storage_root *root;
	struct cv_text text;
	int fd;
	uint64_t at;
	bool failed;		/* errno says why */
};
void maildir_writer_line(struct maildir_writer *w, struct cv_span line);
/* A line of version 3. */
void maildir_writer_ref(struct maildir_writer *w,
			const struct cv_uid_ref *ref);
/* False: not all could be written. */
bool maildir_writer_end(struct maildir_writer *w);

/* --- maildir-uidlist.c ----------------------------------------------------- */

/* Line 1 and the others of a UID list.  False: malformed. */
struct maildir_uidlist_head {
	uint32_t version, uidvalidity, uidnext;
	bool has_guid;
	uint8_t guid[16];	/* the mailbox's */
};
bool maildir_uidlist_head(struct cv_span line,
			  struct maildir_uidlist_head *head_r);
bool maildir_uidlist_line(struct cv_span line, uint32_t version,
			  uint32_t *uid_r, struct cv_span *base_r);

int maildir_takeover(struct cv_storage_folder *folder, bool head_only,
		     struct cv_pool *pool, struct cv_takeover *takeover_r,
		     struct cv_error *err);
/* maildir-saved.c: dates of saving for its entries, where Dovecot has cached
 * them. */
void maildir_saved(struct cv_storage_folder *folder, struct cv_pool *pool,
		   struct cv_takeover *takeover);

/* --- maildir-uids.c: the list as we keep it --------------------------------- */

void maildir_numbers(struct cv_storage_folder *folder, uint32_t uidvalidity,
		     uint32_t uidnext);
int maildir_uids_add(struct cv_storage_folder *folder,
		     const struct cv_uid_ref *refs, uint32_t count,
		     uint32_t messages, struct cv_error *err);
int maildir_uids_write(struct cv_storage_folder *folder, cv_uid_next_fn *next,
		       void *context, bool anew, struct cv_error *err);
void maildir_uids_close(struct cv_storage_root *root);
/* Removes what a writer of the list has left before then (seconds). */
void maildir_uids_clean(struct cv_storage_folder *folder, int64_t oldest);

/* --- maildir-lock.c ---------------------------------------------------------- */

/* Dovecot's lock NAME.lock in a control directory.  False: somebody else has
 * it, or it cannot be made (errno). */
bool maildir_lock(struct cv_storage_root *root, int dirfd, const char *name);
void maildir_unlock(struct cv_storage_root *root, int dirfd,
		    const char *name);

/* --- maildir-courier.c ------------------------------------------------------- */

/* Adds the keywords that Courier kept to entries. */
void maildir_courier_keywords(struct cv_storage_folder *folder,
			      struct cv_pool *pool,
			      struct cv_takeover_entry *entries,
			      uint32_t count);
/* Subscribed names; CV_NOT_FOUND. */
int maildir_courier_subscribed(struct cv_storage_root *root,
			       struct cv_pool *pool,
			       struct cv_strings *names_r);

#endif
