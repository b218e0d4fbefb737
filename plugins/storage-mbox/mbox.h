/* mbox.h - inside storage-mbox: trees of mbox files.
 *
 * A message has no name in an mbox.  Its reference is the hash of the bytes
 * that clients see, and a random instance that the folder's map remembers.
 * The map says where each message lies; whatever it says is checked against
 * the file, and it can be made anew from the file at any time. */
#ifndef MBOX_H
#define MBOX_H

#include "../storage-common/common.h"
#include "cv-stream.h"

#include <stdio.h>
#include <strings.h>

enum {
	MBOX_HEAD_MAX = 1024 * 1024,	/* of a header; the rest is body */
	MBOX_FROM_MAX = 1024,		/* of a From_ line */
	MBOX_WINDOW = MBOX_HEAD_MAX + 128 * 1024,
	MBOX_KEYWORDS = 64,
	MBOX_KEYWORD_BYTES = 100,
	MBOX_SEPARATORS = 3,		/* line ends between two messages */
	MBOX_REF_BYTES = 32 + 1 + 16,
	MBOX_RECORDS_MAX = 4 * 1000 * 1000,
	/* A message that lacks nothing but X-UID is not worth more than
	 * this to be copied. */
	MBOX_UID_REWRITE_MAX = 16 * 1024 * 1024,
};

/* --- mbox-hash.c ----------------------------------------------------------- */

/* 128 bits over a run of bytes; no defence against somebody who looks for two
 * messages with one hash: both would be his. */
struct mbox_hash {
	uint64_t a, b, len;
	unsigned char held[16];
};

void mbox_hash_init(struct mbox_hash *hash);
void mbox_hash_add(struct mbox_hash *hash, const void *data, size_t len);
void mbox_hash_end(const struct mbox_hash *hash, uint8_t digest_r[16]);
uint64_t mbox_hash64(const void *data, size_t len);

/* --- mbox-from.c ------------------------------------------------------------ */

/* Is this line (without its end) the beginning of a message: "From ", a
 * sender and a date?  *received_r is the date. */
bool mbox_from_parse(struct cv_span line, int64_t *received_r);
/* "From SENDER DATE\n" */
void mbox_from_append(struct cv_text *dst, struct cv_span sender,
		      int64_t received);

/* --- mbox-head.c ------------------------------------------------------------ */

enum mbox_line_kind {
	MBOX_LINE_PLAIN,
	MBOX_LINE_END,			/* the blank line */
	MBOX_LINE_FROM,			/* the next message begins */
	/* hidden from clients */
	MBOX_LINE_STATUS, MBOX_LINE_X_STATUS, MBOX_LINE_X_KEYWORDS,
	MBOX_LINE_X_UID, MBOX_LINE_X_IMAP, MBOX_LINE_X_IMAPBASE,
	MBOX_LINE_LINES, MBOX_LINE_LENGTH,
	MBOX_LINE_KEPT,			/* X-Culver-Kept: its name is hidden */
	MBOX_LINE_NO_END,		/* X-Culver-End: with the line end
					 * before it */
};

/* A header field with its continuation lines. */
struct mbox_line {
	uint32_t kind;
	size_t at, len;			/* in the header, line end included */
	struct cv_span value;		/* behind the colon */
};

/* The field at *at, which is moved behind it.  False: the data ends before
 * the field's end can be seen (whole: it is all there is).  in_first: *at is
 * where the header begins. */
bool mbox_head_next(struct cv_span data, bool whole, size_t *at,
		    struct mbox_line *line_r);

struct mbox_head {
	size_t len;			/* the blank line included */
	uint32_t flags;			/* enum cv_flag */
	bool old;			/* Status: O */
	bool is_pseudo;			/* has X-IMAP */
	uint32_t uid;
	uint32_t base_validity, base_last;
	uint32_t base_at;		/* the digits of base_last; 0: none */
	uint64_t length;		/* UINT64_MAX: no Content-Length */
	/* the one run of lines that we may write over; meta_len 0: none, or
	 * more than one */
	uint32_t meta_at, meta_len;
	struct cv_span keywords;	/* of X-Keywords */
	struct cv_span base_keywords;
};

/* False: more is needed. */
bool mbox_head_parse(struct cv_span data, bool whole,
		     struct mbox_head *head_r);
/* Appends what clients see of it. */
void mbox_head_show(struct cv_span head, struct cv_text *dst);
/* The other way: fields of ours and From_ lines are hidden, so that show
 * gives back the same bytes.  *body_at_r: where the body begins in data;
 * false: it does not.  whole: data is all of the message. */
bool mbox_head_hide(struct cv_span data, bool whole, struct cv_text *dst,
		    size_t *body_at_r);

/* Bytes of the blank line at the end of a header, 0: it has none.  What we
 * add goes before it, as Dovecot has it. */
size_t mbox_head_blank(struct cv_span head);

/* --- records ----------------------------------------------------------------- */

enum {
	MBOX_PSEUDO = 1,		/* UW-IMAP's own message */
	MBOX_FRESH = 2,			/* the journal does not have it yet */
	MBOX_OLD = 4,			/* Status: O */
	MBOX_GONE = 8,			/* in memory: to be removed */
	MBOX_SYNCED = 16,		/* no power cut takes its bytes */
};

/* In the map file, as it lies in memory. */
struct mbox_record {
	uint64_t offset;		/* of the From_ line */
	uint64_t body_len;
	uint64_t visible;		/* bytes that clients see */
	uint64_t bare_lf;
	uint64_t head_hash;		/* of the visible header */
	uint8_t digest[16];		/* of all that is visible */
	uint64_t instance;
	uint64_t keywords, file_keywords;	/* bits */
	int64_t received;
	uint32_t from_len, head_len;
	uint32_t meta_at, meta_len;	/* in the header */
	uint32_t uid, file_uid;		/* ours; X-UID, 0: none */
	uint32_t flags, file_flags;	/* enum cv_flag */
	uint32_t separator;		/* bytes between body and end */
	uint32_t marks;
	uint32_t base_at;		/* in the header */
	uint32_t has_length;		/* its Content-Length is right */
	uint64_t check;			/* hash of the above */
};

static inline uint64_t mbox_record_body(const struct mbox_record *r)
{
	return r->offset + r->from_len + r->head_len;
}

static inline uint64_t mbox_record_end(const struct mbox_record *r)
{
	return mbox_record_body(r) + r->body_len + r->separator;
}

struct mbox_stamp {
	uint64_t inode, size;
	int64_t seconds;		/* of the change time */
	uint32_t nanoseconds;
};

struct mbox_map_head {
	char magic[8];
	uint32_t record_bytes, count;
	uint32_t keyword_count;
	uint32_t unwritten;		/* records with changes to write */
	uint64_t generation;		/* changes unless records are added */
	uint64_t sequence;		/* changes always */
	struct mbox_stamp stamp;	/* of the mbox */
	uint8_t boot_id[16];
	uint32_t base_validity, base_last;
	uint32_t base_keywords;		/* how many X-IMAPbase names */
	/* The file had grown, and only what is new was looked at: another
	 * program may have changed the rest, too. */
	uint32_t unsure;
	char keywords[MBOX_KEYWORDS][MBOX_KEYWORD_BYTES];
	uint64_t check;			/* hash of the above */
	uint64_t dirty;			/* being changed: see mbox-map.c */
};

struct mbox_state {
	uint8_t boot_id[16];
	uint64_t synced_modseq;
	struct mbox_stamp stamp;
	uint64_t generation;
	uint32_t count;
	bool unsure;			/* as in the map's head */
};

/* --- trees and folders -------------------------------------------------------- */

struct mbox_settings {
	struct cv_strings mbox_read_locks, mbox_write_locks;
	uint64_t mbox_lock_timeout, mbox_dotlock_change_timeout;
	bool mbox_dirty_syncs, mbox_very_dirty_syncs, mbox_lazy_writes;
};

struct cv_storage_root {
	const struct cv_storage_config *config;
	struct cv_pool *pool;
	int fd;				/* of the tree */
	int own_fd;			/* of our own files */
	ino_t own_inode;		/* 0: not known yet */
	const char *inbox;		/* absolute; "": "inbox" in the tree */
	struct common_told told;	/* that folders are left out */
	const struct mbox_settings *settings;
};

struct mbox_index;			/* records by reference */

struct cv_storage_folder {
	struct cv_storage_root *root;
	struct cv_pool *pool;
	const char *path;		/* below the tree, or absolute */
	const char *own;		/* stem of our own files' names */
	bool is_inbox;
	int fd;				/* of the mbox; -1 */
	ino_t inode;			/* of what is open */
	dev_t dev;
	bool readonly;			/* could be opened for reading only */
	int map_fd, lock_fd;		/* -1 */
	/* In memory, where nothing can be written: the map is a copy; there is
	 * no lock yet. */
	bool map_copied, lock_made;
	ino_t lock_inode;
	dev_t lock_dev;
	uint32_t depth;			/* mbox_begin without mbox_end */
	uint32_t patience;		/* msecs to wait for others' locks
					 * now; 0: mbox_lock_timeout */
	bool locked;			/* the mbox too */
	bool dotlocked;
	bool map_loaded;
	struct mbox_map_head head;
	struct cv_pool *map_pool;
	struct mbox_record *records;
	uint32_t room;
	uint32_t *slots;		/* by reference; 0: empty */
	uint32_t slot_count;		/* 0: to be made */
	uint32_t uidvalidity, uidnext;
	bool touched;			/* flags to be written at the end */
	struct mbox_state state;
	bool state_changed;
};

struct cv_storage_put {
	struct cv_storage_folder *folder;
	struct cv_pool *pool;
	int fd;
	uint64_t written, instance;
	struct mbox_hash hash;
};

extern struct cv_plugin *mbox_self;
extern const struct cv_stream_api *mbox_stream_api;
extern const struct cv_user_api *mbox_user_api;
extern const struct mbox_settings mbox_defaults;

#define MBOX_API(root) ((root)->config->io_api)
#define MBOX_IO(root) ((root)->config->io)
#define MB_CALL(root, op, ...) \
	(MBOX_API(root)->op(MBOX_IO(root), __VA_ARGS__))

static inline void mbox_close_fd(struct cv_storage_root *root, int *fd)
{
	if (*fd != -1)
		MBOX_API(root)->close(MBOX_IO(root), *fd);
	*fd = -1;
}

#define mbox_log(level, ...) \
	cv_api->log(mbox_self, (level), __VA_ARGS__)

/* --- mbox-path.c, mbox-root.c, mbox-subscriptions.c ------------------------------ */

int mbox_name_check(struct cv_storage_root *root, struct cv_span name,
		    struct cv_error *err);
const char *mbox_path(struct cv_storage_root *root, struct cv_pool *pool,
		      struct cv_span name);
/* The stem of our own files: one name for each folder. */
const char *mbox_own_name(struct cv_pool *pool, struct cv_span name);
extern const struct common_layout mbox_layout;
int mbox_detect(const struct cv_storage_config *config);
int mbox_root_open(const struct cv_storage_config *config,
		   struct cv_storage_root **root_r, struct cv_error *err);
void mbox_root_close(struct cv_storage_root **root);
int mbox_folders_check(struct cv_storage_root *root, struct cv_text *stamp,
		       struct cv_error *err);
int mbox_folders_scan(struct cv_storage_root *root, cv_folder_fn *fn,
		      void *context, struct cv_error *err);
int mbox_folder_create(struct cv_storage_root *root, struct cv_span name,
		       struct cv_error *err);
int mbox_folder_remove(struct cv_storage_root *root, struct cv_span name,
		       struct cv_error *err);
int mbox_folder_rename(struct cv_storage_root *root, struct cv_span name,
		       struct cv_span new_name, struct cv_error *err);
/* mbox-acl.c: see cv_storage. */
int mbox_acl_read(struct cv_storage_root *root, struct cv_span name,
		  struct cv_text *stamp, struct cv_pool *pool,
		  struct cv_span *text_r, struct cv_error *err);
int mbox_subscriptions_read(struct cv_storage_root *root,
			    struct cv_text *stamp, struct cv_pool *pool,
			    struct cv_strings *names_r, struct cv_error *err);
int mbox_subscriptions_write(struct cv_storage_root *root,
			     const struct cv_strings *names,
			     struct cv_text *stamp, struct cv_error *err);

/* --- mbox-lock.c ------------------------------------------------------------------ */

/* Opens the mbox when it is not open, and locks it as the settings say.
 * CV_NOT_FOUND: there is no such file. */
int mbox_lock(struct cv_storage_folder *folder, bool write,
	      struct cv_error *err);
void mbox_unlock(struct cv_storage_folder *folder);
/* Opens what lies in the tree or the spool, if need be with the group of
 * mail_privileged_group.  -1 with errno. */
int mbox_open_spool(struct cv_storage_root *root, const char *path,
		    int flags, mode_t mode);

/* --- mbox-reader.c: a window on a file --------------------------------------------- */

struct mbox_reader {
	struct cv_storage_root *root;
	int fd;
	char *buffer;
	uint64_t at;			/* of the buffer in the file */
	size_t len, room;
	size_t step;			/* bytes to be read next */
	uint64_t end;			/* of the file */
	bool holes;			/* a message ends at one: mbox-holes.c */
	bool seen_nul;			/* in a body that was read */
	bool at_hole;			/* the last body ends at one */
	bool hole_inside;		/* of a body whose length is known */
};

void mbox_reader_init(struct mbox_reader *reader,
		      struct cv_storage_root *root, int fd, uint64_t end,
		      struct cv_pool *pool, size_t room);
/* At least want bytes from offset, less only at the end of the file. */
int mbox_reader_get(struct mbox_reader *reader, uint64_t offset, size_t want,
		    struct cv_span *span_r, struct cv_error *err);

/* --- mbox-scan.c: messages in a file ------------------------------------------------ */

/* From_ line and header of the message at offset; *head_r points into the
 * window.  CV_NOT_FOUND: no message begins there. */
int mbox_scan_head(struct mbox_reader *reader, uint64_t offset,
		   struct mbox_record *record, struct mbox_head *head_r,
		   struct cv_span *data_r, struct cv_text *scratch,
		   struct mbox_hash *hash, struct cv_error *err);
/* From_ line with its end, and the date in it. */
bool mbox_is_from(struct cv_span data, size_t *len_r, int64_t *received_r);
/* A body as long as its lines say: adds to body_len, and sets separator. */
int mbox_scan_lines(struct mbox_reader *reader, struct mbox_record *record,
		    struct mbox_hash *hash, struct cv_error *err);
/* Does a message of this body length end properly?  Sets separator, and how
 * many line ends it is. */
int mbox_scan_end(struct mbox_reader *reader, struct mbox_record *record,
		  uint64_t body_len, bool *ends_r, int *lines_r,
		  struct cv_error *err);
/* Reads the body, fills in the rest of the record. */
int mbox_scan_body(struct mbox_reader *reader, struct mbox_record *record,
		   uint64_t length, struct mbox_hash *hash,
		   struct cv_error *err);

/* --- mbox-holes.c: zeros where an append was lost -------------------------------------- */

/* The window's data from `at` on, made shorter: up to the next one (*hole_r is
 * set), or to where more must be seen to tell.  line_start: the byte before is
 * a line end. */
int mbox_hole_next(struct mbox_reader *reader, uint64_t at, bool line_start,
		   struct cv_span *data, bool *hole_r, struct cv_error *err);
/* Whole sectors of zeros in data that lies at this offset? */
bool mbox_hole_inside(struct cv_span data, uint64_t at);
/* What lies from `from` to the From_ line, or the file's end, behind a hole:
 * a record that is GONE. */
int mbox_hole_skip(struct mbox_reader *reader, uint64_t from,
		   struct mbox_record *gap_r, struct cv_error *err);
/* Copies what is GONE to a file for the administrator. */
int mbox_holes_keep(struct cv_storage_folder *folder, struct cv_error *err);

/* --- mbox-own.c: our files of a folder ------------------------------------------------- */

/* The name of one. */
const char *mbox_own_path(char dst[256], const char *own, const char *kind);
/* What the file with this name has, if it is there, in memory; -1 and errno. */
int mbox_own_copy(struct cv_storage_root *root, const char *name);
/* From now on this is the folder that has its name now. */
int mbox_own_open(struct cv_storage_folder *folder, struct cv_error *err);
/* Locks the folder, under the name that it has by now; what mbox_begin has
 * locked stays so.  CV_E_NOT_FOUND: it was removed. */
int mbox_own_lock(struct cv_storage_folder *folder, struct cv_error *err);
void mbox_own_unlock(struct cv_storage_folder *folder);
/* Locks a folder that shall be renamed or removed; to be closed. */
int mbox_own_hold(struct cv_storage_root *root, const char *own, int *fd_r,
		  struct cv_error *err);
/* Removes them, and says so to those who have the folder open. */
void mbox_own_remove(struct cv_storage_root *root, const char *own,
		     int lock_fd);
/* What a folder that is no more has left under a name. */
int mbox_own_clear(struct cv_storage_root *root, const char *own,
		   struct cv_error *err);
void mbox_own_rename(struct cv_storage_root *root, const char *own,
		     int lock_fd, struct cv_span new_name,
		     const char *new_own);

/* --- mbox-map.c ----------------------------------------------------------------------- */

enum {
	MBOX_MAP = 0,			/* the map alone, as it is */
	MBOX_READ = 1, MBOX_WRITE = 2,	/* locked, and the map is right */
	MBOX_FULL = 4,			/* looked at from the beginning */
};

/* Locks map and mbox, and brings the map up to date.  CV_E_NOT_FOUND: the
 * folder is gone (an INBOX that is not there is empty: fd is -1). */
int mbox_begin(struct cv_storage_folder *folder, uint32_t how,
	       struct cv_error *err);
void mbox_end(struct cv_storage_folder *folder);
/* NULL: no such message. */
struct mbox_record *mbox_map_find(struct cv_storage_folder *folder,
				  struct cv_span ref);
struct mbox_record *mbox_map_add(struct cv_storage_folder *folder);
/* Room for count records; they are lost. */
void mbox_map_reset(struct cv_storage_folder *folder, uint32_t count);
/* The names of what lies under this index have changed. */
void mbox_map_forget_slots(struct cv_storage_folder *folder);
/* Before the mbox is changed in place. */
int mbox_map_dirty(struct cv_storage_folder *folder, struct cv_error *err);
/* Records from first on and the head are written, with the file's stamp. */
int mbox_map_save(struct cv_storage_folder *folder, uint32_t first,
		  struct cv_error *err);
/* The same, when the mbox has not changed. */
int mbox_map_save_only(struct cv_storage_folder *folder, uint32_t first,
		       struct cv_error *err);
/* A record alone, with nothing new that others must know. */
int mbox_map_mark(struct cv_storage_folder *folder,
		  struct mbox_record *record, struct cv_error *err);
int mbox_map_save_record(struct cv_storage_folder *folder,
			 struct mbox_record *record, struct cv_error *err);
/* The index of a keyword; -1: none, and add was false or no room. */
int mbox_keyword_index(struct cv_storage_folder *folder, struct cv_span name,
		       bool add);
uint64_t mbox_keyword_bits(struct cv_storage_folder *folder,
			   const struct cv_keywords *keywords);
uint64_t mbox_keyword_parse(struct cv_storage_folder *folder,
			    struct cv_span words);
void mbox_ref_format(const struct mbox_record *record,
		     char dst[MBOX_REF_BYTES + 1]);
bool mbox_ref_parse(struct cv_span ref, uint8_t digest[16],
		    uint64_t *instance_r);
int mbox_take_stamp(struct cv_storage_folder *folder,
		    struct mbox_stamp *stamp, struct cv_error *err);
bool mbox_stamp_equal(const struct mbox_stamp *a,
		      const struct mbox_stamp *b);

/* --- mbox-refresh.c ---------------------------------------------------------------------- */

/* The mbox is locked and not as the map says: looks at it.  full: at all of
 * it; deep: at bodies too. */
int mbox_refresh(struct cv_storage_folder *folder, bool full, bool deep,
		 struct cv_error *err);

/* --- mbox-render.c ------------------------------------------------------------------------ */

/* The fields of ours for a record; padded to exactly len bytes, or with the
 * usual room when len is 0.  False: they need more. */
bool mbox_render_meta(struct cv_storage_folder *folder,
		      const struct mbox_record *record, bool is_first,
		      size_t len, struct cv_text *dst, uint32_t *base_at_r);
/* Appends the message without which an mbox that holds no other does not say
 * which UIDs it had (MBOX_PSEUDO).  False: we do not know them. */
bool mbox_render_pseudo(struct cv_storage_folder *folder, int64_t now,
			struct cv_text *dst);
/* Does the file show less than it should of this record? */
bool mbox_is_unwritten(const struct mbox_record *record);
/* Is there a keyword that the first message does not name? */
bool mbox_base_is_behind(const struct cv_storage_folder *folder);

/* --- mbox-rewrite.c, mbox-redo.c ------------------------------------------------------------ */

/* Removes what is marked GONE and writes what is unwritten. */
int mbox_rewrite(struct cv_storage_folder *folder, struct cv_error *err);
/* A crash may have torn what was being written over old flags: again, in the
 * messages that begin before the limit. */
int mbox_heal(struct cv_storage_folder *folder, uint64_t limit,
	      struct cv_error *err);

struct mbox_redo {
	char magic[8];
	uint64_t spare;			/* 0 */
	uint64_t start, old_size, content_len;
	uint64_t before_hash;		/* of what lies before start */
	uint64_t left_hash;		/* of what a shorter file leaves */
	uint8_t content_hash[16];
	uint8_t table_hash[16];		/* of the hashes behind the content */
	uint64_t check;
};

/* The redo file's descriptor, ready for content at MBOX_REDO_CONTENT. */
enum { MBOX_REDO_CONTENT = 4096 };
int mbox_redo_create(struct cv_storage_folder *folder, const char *suffix,
		     int *fd_r, struct cv_error *err);
/* Fills in the head but start and content, writes and syncs all. */
int mbox_redo_seal(struct cv_storage_folder *folder, int fd,
		   struct mbox_redo *redo, const struct mbox_hash *content,
		   struct cv_error *err);
/* Does it, and removes the redo file. */
int mbox_redo_perform(struct cv_storage_folder *folder, int fd,
		      const struct mbox_redo *redo, struct cv_error *err);
/* Ends what a crash has interrupted, if anything; with heal: flags that were
 * being written, too. */
int mbox_redo_recover(struct cv_storage_folder *folder, bool heal,
		      struct cv_error *err);
void mbox_redo_remove(struct cv_storage_folder *folder);

/* --- mbox-append.c ---------------------------------------------------------------------------- */

/* Appends a message whose bytes are in body, or in a file of body_len. */
int mbox_append(struct cv_storage_folder *folder, const struct cv_blob *blob,
		struct cv_span body, int body_fd, struct cv_error *err);

/* --- mbox-put.c ---------------------------------------------------------------------------------- */

void mbox_stage_name(const struct cv_storage_folder *folder,
		     uint64_t instance, char dst[256]);
/* An open hidden blob, or -1 with errno. */
int mbox_stage_open(struct cv_storage_folder *folder, uint64_t instance,
		    uint64_t *size_r);
bool mbox_is_staged(struct cv_storage_folder *folder, uint64_t instance);
/* A hidden message waits once there was no room for it: whoever has saved it
 * does not place it any more, a scan does, with the flags that it has then.
 * Written to its file (fd) under the lock, where every process sees it; takes
 * no room. */
void mbox_stage_wait(struct cv_storage_folder *folder, int fd);
bool mbox_stage_waits(struct cv_storage_folder *folder, uint64_t instance);
/* Is it what was written?  One that was not synced may not be. */
bool mbox_stage_is_whole(struct cv_storage_folder *folder, int fd,
			 uint64_t size, struct cv_span ref);
/* Does any message of this folder wait to be placed? */
bool mbox_has_staged(struct cv_storage_folder *folder);
void mbox_stage_remove(struct cv_storage_folder *folder, uint64_t instance);
int mbox_put_create(struct cv_storage_folder *folder, struct cv_pool *pool,
		    uint64_t bytes, uint64_t virtual_bytes,
		    struct cv_storage_put **put_r, struct cv_error *err);
int mbox_put_write(struct cv_storage_put *put, const void *data, size_t len,
		   struct cv_error *err);
int mbox_put_finish(struct cv_storage_put **put, uint64_t virtual_bytes,
		    int64_t received, bool sync, struct cv_span *ref_r,
		    struct cv_error *err);
void mbox_put_abort(struct cv_storage_put **put);
void mbox_marks(struct cv_storage_folder *folder, struct cv_blob *blobs,
		uint32_t count);
void mbox_place(struct cv_storage_folder *folder, const struct cv_blob *blobs,
		uint32_t count);
int mbox_guard_begin(struct cv_storage_folder *folder,
		     struct cv_error *err);
void mbox_guard_end(struct cv_storage_folder *folder);
int mbox_lay_out(struct cv_storage_folder *folder,
		 const struct cv_blob *blob, struct cv_span body,
		 struct cv_error *err);
int mbox_link(struct cv_storage_folder *folder,
	      struct cv_storage_folder *from, const struct cv_blob *blob,
	      struct cv_pool *pool, struct cv_span *ref_r,
	      struct cv_error *err);
int mbox_sync_hidden(struct cv_storage_folder *folder, struct cv_error *err);
void mbox_unlink_hidden(struct cv_storage_folder *folder,
			struct cv_span ref);
void mbox_clean(struct cv_storage_folder *folder);

/* --- mbox-blob.c, mbox-folder.c -------------------------------------------------------------------- */

int mbox_get(struct cv_storage_folder *folder, const struct cv_blob *blob,
	     struct cv_blob_source *src_r, struct cv_error *err);
/* The message of a blob: also one that the map does not know yet, by its
 * bytes and X-UID.  The map must be right.  NULL: not in the mbox. */
struct mbox_record *mbox_find(struct cv_storage_folder *folder,
			      const struct cv_blob *blob);
int mbox_recover(struct cv_storage_folder *folder,
		 const struct cv_blob *blob, struct cv_error *err);
int mbox_set_flags(struct cv_storage_folder *folder,
		   struct cv_flag_update *updates, uint32_t count,
		   struct cv_error *err);
int mbox_remove(struct cv_storage_folder *folder,
		const struct cv_blob *blobs, uint32_t count,
		struct cv_error *err);
void mbox_adopted(struct cv_storage_folder *folder,
		  const struct cv_blob *blobs, uint32_t count);

/* Its name and paths. */
void mbox_folder_name(struct cv_storage_folder *folder, struct cv_span name);
int mbox_folder_open(struct cv_storage_root *root, struct cv_span name,
		     struct cv_span state,
		     struct cv_storage_folder **folder_r,
		     struct cv_error *err);
void mbox_folder_close(struct cv_storage_folder **folder);
bool mbox_state(struct cv_storage_folder *folder, struct cv_text *dst);
void mbox_state_set(struct cv_storage_folder *folder, struct cv_span state);
/* Around changes of ours: what was known stays known. */
bool mbox_change_begin(struct cv_storage_folder *folder);
void mbox_change_end(struct cv_storage_folder *folder, bool was_known);
int mbox_check(struct cv_storage_folder *folder, bool thorough,
	       uint32_t *scan_r, struct cv_error *err);
int mbox_scan(struct cv_storage_folder *folder, uint32_t scan,
	      cv_found_fn *fn, void *context, struct cv_error *err);
int mbox_look(struct cv_storage_folder *folder, struct cv_found *found,
	      struct cv_error *err);
bool mbox_keyword_shown(struct cv_storage_folder *folder, const char *name);
bool mbox_was_lost(struct cv_storage_folder *folder, uint64_t modseq);
int mbox_sync(struct cv_storage_folder *folder, uint64_t modseq,
	      struct cv_error *err);
int mbox_takeover(struct cv_storage_folder *folder, bool head_only,
		  struct cv_pool *pool, struct cv_takeover *takeover_r,
		  struct cv_error *err);
void mbox_numbers(struct cv_storage_folder *folder, uint32_t uidvalidity,
		  uint32_t uidnext);
int mbox_watch_open(struct cv_storage_folder *folder, uint32_t index);

#endif
