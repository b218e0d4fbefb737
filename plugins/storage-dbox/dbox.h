/* dbox.h - inside storage-dbox: trees, folders, records and containers
 * (doc/format-dbox.md).
 *
 * sdbox keeps a message in a file of its folder, mdbox many in a container
 * of storage/.  A reference names the place for ever: "c.X" is our file,
 * "l.X" a hard link of one, "u.7" a file of Dovecot's; "c.5.64.ID" is the
 * record with this ID that was once written to container 5 at offset 64,
 * "m.3.16" one of Dovecot's. */
#ifndef DBOX_H
#define DBOX_H

#include "../storage-common/common.h"

#include <stdlib.h>
#include <stdio.h>
#include <strings.h>

#include "dbox-record.h"

enum {
	DBOX_NAME_MAX = 64,		/* bytes of a reference */
	DBOX_PATH_MAX = DBOX_NAME_MAX + 32,
	DBOX_HIDDEN_SECONDS = 36 * 3600,	/* then it is rubbish */
	DBOX_FILE_MAX = 256 * 1024 * 1024,	/* of a list we read whole */
	DBOX_SPILL = 256 * 1024,	/* larger ones are not kept in memory */
	DBOX_OPEN_MAX = 8,		/* hidden files that stay open */
	DBOX_PARTS_MAX = 1000,		/* of a message, elsewhere */
};

struct mdbox_rescue;

enum { MDBOX_OWED_MAX = 8 };

/* A container that the next sync syncs. */
struct mdbox_owed { uint32_t number; bool alt; int fd; };

struct cv_storage_root {
	const struct cv_storage_config *config;
	struct cv_pool *pool;
	bool multi;
	int fd;
	int storage_fd, alt_fd;		/* mdbox: -1 when not there */
	const char *alt;		/* "" */
	uint64_t rotate_size, rotate_msecs;
	bool preallocate;
	const char *attachments;	/* Dovecot's; "" */
	struct mdbox_rescue *rescue;	/* once it was wanted */
	struct common_told told;	/* that folders are left out */
	struct mdbox_owed owed[MDBOX_OWED_MAX];
	uint32_t owed_count;
};

/* A hidden file that waits for its place. */
struct dbox_open {
	char name[DBOX_NAME_MAX + 1];
	int fd;				/* -1: free */
	uint64_t offset;		/* of its trailer */
	uint32_t slot;
};

struct dbox_state {
	uint8_t boot_id[16];
	uint64_t synced_modseq;
};

struct dbox_foreign;

struct cv_storage_folder {
	struct cv_storage_root *root;
	struct cv_pool *pool;
	const char *name;		/* UTF-8 */
	const char *path;		/* mailboxes/x/dbox-Mails */
	int fd;
	struct dbox_state state;
	bool state_changed;
	uint32_t uidvalidity;
	struct dbox_open open[DBOX_OPEN_MAX];
	struct dbox_foreign *foreign;	/* Dovecot's index, once read */
};

struct cv_storage_put {
	struct cv_storage_folder *folder;
	struct cv_pool *pool;
	struct cv_text bytes;		/* begins with room for the header */
	uint64_t length;		/* of the body */
	uint32_t crc;
	uint64_t id;
	int fd;				/* -1: not spilled */
	uint64_t written, start;	/* where the record begins */
	uint32_t number;		/* mdbox: its container */
	char name[DBOX_NAME_MAX + 1];
};

extern struct cv_plugin *dbox_self;

/* Shorthands for the port. */
#define DBOX_API(root) ((root)->config->io_api)
#define DBOX_IO(root) ((root)->config->io)
#define DBOX_CALL(root, op, ...) \
	(DBOX_API(root)->op(DBOX_IO(root), __VA_ARGS__))

void dbox_close(struct cv_storage_root *root, int fd);
/* CV_E_TEMP: messages that are not found may be in ALT=, which is not there. */
int dbox_alt_there(struct cv_storage_root *root, struct cv_error *err);
/* For a message that is nowhere: CV_OK, with a warning, while ALT= is not
 * there; else CV_NOT_FOUND. */
int dbox_recover_from_alt(struct cv_storage_folder *folder,
			  const struct cv_blob *blob);

/* --- dbox-path.c ------------------------------------------------------------ */

int dbox_name_check(struct cv_storage_root *root, struct cv_span name,
		    struct cv_error *err);
/* "mailboxes/a/b", and with "/dbox-Mails". */
const char *dbox_level_path(struct cv_storage_root *root,
			    struct cv_pool *pool, struct cv_span name);
const char *dbox_path(struct cv_storage_root *root, struct cv_pool *pool,
		      struct cv_span name);
/* The whole of it, for people. */
const char *dbox_folder_path(struct cv_storage_root *root,
			     struct cv_span name, struct cv_pool *pool);
/* dbox-acl.c */
int dbox_acl_read(struct cv_storage_root *root, struct cv_span name,
		  struct cv_text *stamp, struct cv_pool *pool,
		  struct cv_span *text_r, struct cv_error *err);
extern const struct common_layout dbox_layout;
/* The directory's name within a folder: DIRNAME=, or dbox-Mails. */
const char *dbox_dirname(struct cv_storage_root *root);

/* --- dbox-root.c ------------------------------------------------------------ */

int dbox_detect_single(const struct cv_storage_config *config);
int dbox_detect_multi(const struct cv_storage_config *config);
int dbox_root_open_single(const struct cv_storage_config *config,
			  struct cv_storage_root **root_r,
			  struct cv_error *err);
int dbox_root_open_multi(const struct cv_storage_config *config,
			 struct cv_storage_root **root_r,
			 struct cv_error *err);
void dbox_root_close(struct cv_storage_root **root);
char dbox_separator(struct cv_storage_root *root);
const char *dbox_account_dir(struct cv_storage_root *root);
void dbox_settings(struct cv_storage_root *root);
int dbox_sync_dir(struct cv_storage_root *root, int dirfd, const char *path,
		  struct cv_error *err);

/* --- dbox-folders.c --------------------------------------------------------- */

int dbox_folders_check(struct cv_storage_root *root, struct cv_text *stamp,
		       struct cv_error *err);
int dbox_folders_scan(struct cv_storage_root *root, cv_folder_fn *fn,
		      void *context, struct cv_error *err);
int dbox_folder_create(struct cv_storage_root *root, struct cv_span name,
		       struct cv_error *err);
int dbox_folder_remove(struct cv_storage_root *root, struct cv_span name,
		       struct cv_error *err);
int dbox_folder_rename(struct cv_storage_root *root, struct cv_span name,
		       struct cv_span new_name, struct cv_error *err);

/* --- dbox-subscriptions.c --------------------------------------------------- */

int dbox_subscriptions_read(struct cv_storage_root *root,
			    struct cv_text *stamp, struct cv_pool *pool,
			    struct cv_strings *names_r, struct cv_error *err);
int dbox_subscriptions_write(struct cv_storage_root *root,
			     const struct cv_strings *names,
			     struct cv_text *stamp, struct cv_error *err);

/* --- dbox-folder.c ---------------------------------------------------------- */

int dbox_folder_open(struct cv_storage_root *root, struct cv_span name,
		     struct cv_span state,
		     struct cv_storage_folder **folder_r,
		     struct cv_error *err);
void dbox_folder_close(struct cv_storage_folder **folder);
bool dbox_state(struct cv_storage_folder *folder, struct cv_text *dst);
void dbox_state_set(struct cv_storage_folder *folder, struct cv_span state);
void dbox_numbers(struct cv_storage_folder *folder, uint32_t uidvalidity,
		  uint32_t uidnext);
bool dbox_was_lost(struct cv_storage_folder *folder, uint64_t modseq);
int dbox_check(struct cv_storage_folder *folder, bool thorough,
	       uint32_t *scan_r, struct cv_error *err);
bool dbox_keyword_shown(struct cv_storage_folder *folder, const char *name);
int dbox_set_flags(struct cv_storage_folder *folder,
		   struct cv_flag_update *updates, uint32_t count,
		   struct cv_error *err);
void dbox_marks(struct cv_storage_folder *folder, struct cv_blob *blobs,
		uint32_t count);
/* A file read whole; CV_NOT_FOUND. */
int dbox_file_read(struct cv_storage_root *root, int dirfd, const char *name,
		   struct cv_text *text, struct cv_error *err);
/* After a sync: what was removed and renamed stays so. */
void dbox_synced(struct cv_storage_folder *folder, uint64_t modseq);

/* --- dbox-message.c: one message at a place of a file ------------------------ */

/* What stands at an offset, in either format. */
struct dbox_message {
	bool ours;
	uint64_t offset, body;		/* of the whole, of the bytes */
	uint64_t length, end;		/* end: behind its trailer */
	uint64_t file_bytes;		/* of the file, if no trailer was
					 * asked for; 0: not known */
	struct dbox_record record;	/* ours */
	struct dbox_trailer trailer;	/* looked at when asked for */
	bool has_trailer;
	struct dbox_metadata metadata;	/* Dovecot's */
};

/* offset 0 of a file of sdbox, or of a record in a container.  trailer: also
 * what stands behind the body, in pool.  CV_NOT_FOUND: nothing whole. */
int dbox_message_read(struct cv_storage_root *root, int fd, uint64_t offset,
		      uint32_t foreign_head, bool trailer,
		      struct cv_pool *pool, struct dbox_message *m_r,
		      struct cv_error *err);
/* Of a message that was read without a trailer: where its bytes are; a failure
 * when they are not all there.  After CV_OK fd belongs to the source. */
int dbox_message_source(struct cv_storage_root *root, int fd,
			struct dbox_message *m,
			struct cv_blob_source *src_r, struct cv_error *err);
/* What Dovecot writes behind a message; spans in pool.  CV_NOT_FOUND: torn. */
int dbox_metadata_read(struct cv_storage_root *root, int fd,
		       struct cv_pool *pool, struct dbox_message *m);
/* What that says, when it is there, of cv_blob_facts. */
void dbox_facts(struct cv_storage_root *root, int fd, struct dbox_message *m,
		struct cv_pool *pool, struct cv_blob_facts *facts);
/* The size of message heads from a Dovecot file's first line, and where that
 * line ends; false: not such a file. */
bool dbox_foreign_head(struct cv_storage_root *root, int fd,
		       uint32_t *head_r, uint64_t *first_r);
/* The bytes of our record for a message whose body stands in dst behind
 * DBOX_RECORD_SIZE bytes from at on. */
void dbox_record_finish(struct cv_text *dst, size_t at,
			struct cv_storage_folder *folder,
			const struct cv_blob *blob, uint64_t id,
			uint32_t body_crc, uint32_t slot);
/* Bytes of a trailer that holds what folder and blob say. */
uint32_t dbox_slot_size(struct cv_storage_folder *folder);
void dbox_trailer_of(struct cv_storage_folder *folder,
		     const struct cv_blob *blob, uint32_t slot,
		     struct cv_text *dst);
/* Whether all of a body of ours is there and has its checksum, whatever its
 * size.  budget: bytes that may be read, for heads that speak of the same
 * room. */
bool dbox_body_whole(struct cv_storage_root *root, int fd,
		     const struct dbox_message *m, uint64_t *budget);
/* Fills in found; CV_NOT_FOUND when it was never placed and is young. */
int dbox_message_found(struct cv_storage_root *root, int fd,
		       const struct dbox_message *m, struct cv_pool *pool,
		       struct cv_found *found);

/* --- dbox-attachment.c: Dovecot's messages whose parts are files ---------------- */

/* What the line "X" of a message's metadata says, as far as it can be known
 * without the files; false: damaged.  In pool. */
struct dbox_part {
	uint64_t start, size;		/* in the whole */
	uint64_t before;		/* bytes of the file that precede it */
	uint64_t raw;			/* of its own file */
	uint32_t line;			/* characters; 0: not encoded */
	uint32_t line_end;
	const char *path;		/* below the directory */
};
bool dbox_parts_parse(struct cv_span line, struct cv_pool *pool,
		      struct dbox_part **parts_r, uint32_t *count_r);

/* Lives in pool, closed by dbox_whole_close; fd stays the caller's. */
struct dbox_whole;
int dbox_whole_open(struct cv_storage_root *root, int fd,
		    const struct dbox_message *m, struct cv_pool *pool,
		    struct dbox_whole **whole_r, struct cv_error *err);
void dbox_whole_close(struct dbox_whole *whole);
/* At least one byte from offset on; CV_EOF. */
int dbox_whole_read(struct dbox_whole *whole, uint64_t offset, void *data,
		    size_t len, size_t *got_r, struct cv_error *err);
/* As a stream in the source's pool, which fd belongs to after CV_OK. */
int dbox_whole_stream(struct cv_storage_root *root, int fd,
		      const struct dbox_message *m,
		      struct cv_blob_source *src_r, struct cv_error *err);

/* --- sdbox.c ------------------------------------------------------------------ */

int sdbox_get(struct cv_storage_folder *folder, const struct cv_blob *blob,
	      struct cv_blob_source *src_r, struct cv_error *err);
const char *sdbox_path(struct cv_storage_folder *folder,
		       const struct cv_blob *blob, struct cv_pool *pool);
int sdbox_facts(struct cv_storage_folder *folder, const struct cv_blob *blob,
		struct cv_pool *pool, struct cv_blob_facts *facts_r,
		struct cv_error *err);
int sdbox_recover(struct cv_storage_folder *folder,
		  const struct cv_blob *blob, struct cv_error *err);
int sdbox_remove(struct cv_storage_folder *folder,
		 const struct cv_blob *blobs, uint32_t count,
		 struct cv_error *err);
int sdbox_scan(struct cv_storage_folder *folder, uint32_t scan,
	       cv_found_fn *fn, void *context, struct cv_error *err);
int sdbox_look(struct cv_storage_folder *folder, struct cv_found *found,
	       struct cv_error *err);
void sdbox_clean(struct cv_storage_folder *folder);
int sdbox_sync(struct cv_storage_folder *folder, uint64_t modseq,
	       struct cv_error *err);
int sdbox_takeover(struct cv_storage_folder *folder, bool head_only,
		   struct cv_pool *pool, struct cv_takeover *takeover_r,
		   struct cv_error *err);
int sdbox_altmove(struct cv_storage_folder *folder,
		  const struct cv_blob *blobs, uint32_t count, bool back,
		  struct cv_error *err);
/* What stands behind a placed message; false: nothing. */
bool sdbox_trailer(struct cv_storage_folder *folder, struct cv_span ref,
		   struct dbox_trailer *trailer_r);
/* A name of ours or of Dovecot's; never a path. */
bool sdbox_name_valid(struct cv_span name);

/* --- sdbox-put.c ---------------------------------------------------------------- */

int dbox_put_create(struct cv_storage_folder *folder, struct cv_pool *pool,
		    uint64_t bytes, uint64_t virtual_bytes,
		    struct cv_storage_put **put_r, struct cv_error *err);
int dbox_put_write(struct cv_storage_put *put, const void *data, size_t len,
		   struct cv_error *err);
int sdbox_put_finish(struct cv_storage_put **put, uint64_t virtual_bytes,
		     int64_t received, bool sync, struct cv_span *ref_r,
		     struct cv_error *err);
int mdbox_put_finish(struct cv_storage_put **put, uint64_t virtual_bytes,
		     int64_t received, bool sync, struct cv_span *ref_r,
		     struct cv_error *err);
void dbox_put_abort(struct cv_storage_put **put);
void sdbox_place(struct cv_storage_folder *folder,
		 const struct cv_blob *blobs, uint32_t count);
void sdbox_sync_placed(struct cv_storage_folder *folder,
		       struct cv_blob_sync *items, uint32_t count);
int sdbox_lay_out(struct cv_storage_folder *folder,
		  const struct cv_blob *blob, struct cv_span body,
		  struct cv_error *err);
int sdbox_link(struct cv_storage_folder *folder,
	       struct cv_storage_folder *from, const struct cv_blob *blob,
	       struct cv_pool *pool, struct cv_span *ref_r,
	       struct cv_error *err);
int sdbox_sync_hidden(struct cv_storage_folder *folder, struct cv_error *err);
void sdbox_unlink_hidden(struct cv_storage_folder *folder,
			 struct cv_span ref);
/* Keeps a hidden file open for place; when there is no room it is closed. */
void dbox_open_keep(struct cv_storage_folder *folder, const char *name,
		    int fd, uint64_t offset, uint32_t slot);
/* NULL: not among them. */
struct dbox_open *dbox_open_find(struct cv_storage_folder *folder,
				 struct cv_span name);
void dbox_open_drop(struct cv_storage_folder *folder, struct dbox_open *open);

/* --- mdbox.c: references and records ------------------------------------------- */

struct mdbox_ref {
	bool foreign;			/* "m.FILE.OFFSET" */
	uint32_t number;
	uint64_t offset, id;
	uint64_t copy;			/* behind ".x"; 0: none */
};

bool mdbox_ref_parse(struct cv_span text, struct mdbox_ref *ref_r);
/* One that Dovecot had, and counts in its map: not a copy made here. */
bool mdbox_ref_counted(const struct mdbox_ref *ref);
/* Where a reference's record is now. */
struct mdbox_place {
	int fd;				/* the caller's */
	bool alt;
	struct dbox_message message;
};
/* CV_NOT_FOUND. */
int mdbox_locate(struct cv_storage_root *root, const struct mdbox_ref *ref,
		 bool write, struct mdbox_place *place_r,
		 struct cv_error *err);
int mdbox_get(struct cv_storage_folder *folder, const struct cv_blob *blob,
	      struct cv_blob_source *src_r, struct cv_error *err);
const char *mdbox_path(struct cv_storage_folder *folder,
		       const struct cv_blob *blob, struct cv_pool *pool);
int mdbox_facts(struct cv_storage_folder *folder, const struct cv_blob *blob,
		struct cv_pool *pool, struct cv_blob_facts *facts_r,
		struct cv_error *err);
/* What the references of all copies share. */
struct cv_span mdbox_same_bytes(struct cv_span ref);
int mdbox_recover(struct cv_storage_folder *folder,
		  const struct cv_blob *blob, struct cv_error *err);
int mdbox_remove(struct cv_storage_folder *folder,
		 const struct cv_blob *blobs, uint32_t count,
		 struct cv_error *err);
int mdbox_scan(struct cv_storage_folder *folder, uint32_t scan,
	       cv_found_fn *fn, void *context, struct cv_error *err);
int mdbox_look(struct cv_storage_folder *folder, struct cv_found *found,
	       struct cv_error *err);
int mdbox_sync(struct cv_storage_folder *folder, uint64_t modseq,
	       struct cv_error *err);
int mdbox_takeover(struct cv_storage_folder *folder, bool head_only,
		   struct cv_pool *pool, struct cv_takeover *takeover_r,
		   struct cv_error *err);
/* Whether this folder was ever in a journal, and may have records. */
bool mdbox_was_known(struct cv_storage_folder *folder);
void mdbox_make_known(struct cv_storage_folder *folder);
void mdbox_place(struct cv_storage_folder *folder,
		 const struct cv_blob *blobs, uint32_t count);
int mdbox_lay_out(struct cv_storage_folder *folder,
		  const struct cv_blob *blob, struct cv_span body,
		  struct cv_error *err);
int mdbox_link(struct cv_storage_folder *folder,
	       struct cv_storage_folder *from, const struct cv_blob *blob,
	       struct cv_pool *pool, struct cv_span *ref_r,
	       struct cv_error *err);
int mdbox_sync_hidden(struct cv_storage_folder *folder, struct cv_error *err);
/* mdbox-owed.c: takes the descriptor; what it had to sync for one more may
 * have failed. */
int mdbox_owe(struct cv_storage_root *root, uint32_t number, bool alt, int fd,
	      struct cv_error *err);
int mdbox_owed_sync(struct cv_storage_root *root, struct cv_error *err);
void mdbox_owed_forget(struct cv_storage_root *root);
int mdbox_sync_storage(struct cv_storage_root *root, struct cv_error *err);
void mdbox_unlink_hidden(struct cv_storage_folder *folder,
			 struct cv_span ref);

/* --- mdbox-container.c ----------------------------------------------------------- */

/* A container that can be appended to at *offset_r, locked through its
 * descriptor; alone: a new one that nobody else finds. */
int mdbox_append_open(struct cv_storage_root *root, bool alone, int *fd_r,
		      uint32_t *number_r, uint64_t *offset_r,
		      struct cv_error *err);
/* The storage directory, made when it is not there. */
int mdbox_storage(struct cv_storage_root *root, struct cv_error *err);
int mdbox_alt_storage(struct cv_storage_root *root, struct cv_error *err);
void mdbox_container_name(uint32_t number, char dst[DBOX_PATH_MAX]);
/* "c.5" or "m.5" alone; false: neither. */
bool mdbox_container_parse(const char *name, bool *foreign_r,
			   uint32_t *number_r);
/* The head of one of ours; false: it is none. */
bool mdbox_head_read(struct cv_storage_root *root, int fd,
		     struct dbox_container *head_r);
/* Creates it with this number when it does not exist. */
int mdbox_container_open(struct cv_storage_root *root, uint32_t number,
			 int *fd_r, struct cv_error *err);
/* All whole messages of a container in file order.  *torn_r: something else
 * stands between or behind them. */
struct mdbox_item {
	struct mdbox_ref ref;
	struct dbox_message message;
	bool alt;
};
struct mdbox_items {
	struct mdbox_item *items;
	uint32_t count, room;
	bool torn;
};
int mdbox_items_read(struct cv_storage_root *root, int fd, bool foreign,
		     uint32_t number, bool trailers, struct cv_pool *pool,
		     struct mdbox_items *items_r, struct cv_error *err);
/* mdbox-seek.c: the size of message heads in Dovecot's file; when its first
 * line is damaged, what it always is, and *first_r is 0. */
uint32_t mdbox_foreign_head(struct cv_storage_root *root, int fd,
			    uint64_t *first_r);
/* The next message of Dovecot's file at or behind from; size is
 * the file's, head that of its message heads.  tries: places that may still be
 * looked at. */
enum { MDBOX_SEEK_TRIES = 1 << 16 };
bool mdbox_foreign_seek(struct cv_storage_root *root, int fd, uint64_t from,
			uint64_t size, uint32_t head, uint32_t *tries,
			uint64_t *at_r);
/* Whether all of one's bytes are in the file that it was read from. */
bool mdbox_item_whole(struct cv_storage_root *root, int fd,
		      const struct mdbox_item *item);

/* --- mdbox-ledger.c: Dovecot's references that were expunged here -------------------- */

/* Those among refs that Dovecot had in the folder of this UIDVALIDITY were
 * expunged. */
int mdbox_ledger_add(struct cv_storage_root *root, uint32_t uidvalidity,
		     const struct cv_span *refs, uint32_t count,
		     struct cv_error *err);
/* That folder is taken over anew: what was expunged in it is back. */
int mdbox_ledger_forget(struct cv_storage_root *root, uint32_t uidvalidity,
			struct cv_error *err);
/* There is nothing of Dovecot's any more. */
void mdbox_ledger_remove(struct cv_storage_root *root);
/* From the bytes of its file, without the map; lives in pool.  Damaged entries
 * are as good as none. */
struct mdbox_ledger;
void mdbox_ledger_parse(struct cv_span file, struct cv_pool *pool,
			struct mdbox_ledger **ledger_r);
/* With Dovecot's map, for the record of a place.  Lives in pool. */
int mdbox_ledger_read(struct cv_storage_root *root, struct cv_pool *pool,
		      struct mdbox_ledger **ledger_r, struct cv_error *err);
uint32_t mdbox_ledger_expunged(const struct mdbox_ledger *ledger,
			       uint32_t number, uint64_t offset);
/* How many references Dovecot has; false: it does not say. */
bool mdbox_ledger_counted(const struct mdbox_ledger *ledger, uint32_t number,
			  uint64_t offset, uint64_t *refs_r);

/* --- mdbox-purge.c ------------------------------------------------------------------ */

int mdbox_purge(struct cv_storage_root *root, const struct cv_span *live,
		uint32_t count, bool convert, uint64_t *freed_r,
		struct cv_error *err);

/* --- mdbox-altmove.c ---------------------------------------------------------------- */

int mdbox_altmove(struct cv_storage_folder *folder,
		  const struct cv_blob *blobs, uint32_t count, bool back,
		  cv_live_fn *live, void *context, struct cv_error *err);

/* --- dbox-foreign.c: what Dovecot knows of a folder --------------------------------- */

struct dbox_foreign_message {
	uint32_t uid, flags;
	uint64_t modseq;
	struct cv_keywords keywords;
	struct cv_span ref;
	int64_t saved;			/* 0: not said */
	uint32_t cached;		/* where in the cache; 0: nowhere */
};
struct dbox_foreign {
	uint32_t uidvalidity, uidnext, first_recent;
	uint32_t indexid, cache_seq;	/* as in struct common_cached */
	bool has_guid;
	uint8_t guid[16];		/* of the folder */
	uint64_t highestmodseq;
	struct dbox_foreign_message *messages;
	uint32_t count;
};

/* What Dovecot's map says of the record at a place. */
struct dbox_foreign_place {
	uint32_t number;
	uint64_t offset, refs;
	bool counted;			/* refs was said */
};
/* All of them in order, in pool; CV_NOT_FOUND: there is no map. */
int dbox_foreign_map(struct cv_storage_root *root, struct cv_pool *pool,
		     struct dbox_foreign_place **places_r, uint32_t *count_r,
		     struct cv_error *err);
int dbox_foreign_place_compare(const void *a, const void *b);
struct dovecot_index;
/* Of the folder whose messages are at path, with the data of "mdbox" and
 * "guid"; in pool.  CV_NOT_FOUND: there is none. */
int dbox_foreign_index(struct cv_storage_root *root, const char *path,
		       struct cv_pool *pool, struct dovecot_index *index_r,
		       struct cv_error *err);
/* Reads it once, into the folder's pool; CV_NOT_FOUND: there is none. */
int dbox_foreign_load(struct cv_storage_folder *folder,
		      struct dbox_foreign **foreign_r, struct cv_error *err);
/* When messages were saved, as Dovecot's cache knows it. */
void dbox_foreign_saved(struct cv_storage_folder *folder,
			const struct common_cached *cached, int64_t *saved);

/* --- mdbox-rescue.c: Dovecot's messages without its map ------------------------------ */

/* Looks through all containers and all indexes, once for a root.
 * CV_NOT_FOUND: there is no file of Dovecot's, and rows is false. */
int mdbox_rescue(struct cv_storage_root *root, bool rows,
		 struct mdbox_rescue **rescue_r, struct cv_error *err);
void mdbox_rescue_end(struct cv_storage_root *root);
/* Where the message with a GUID is; false: nowhere. */
bool mdbox_rescue_find(const struct mdbox_rescue *rescue,
		       const unsigned char guid[16], uint32_t *number_r,
		       uint64_t *offset_r);
/* The next message that no index speaks of and that belongs to a folder; false:
 * no more.  at is 0 before the first. */
bool mdbox_rescue_next(const struct mdbox_rescue *rescue, const char *path,
		       uint32_t *at, uint32_t *number_r, uint64_t *offset_r);

#endif
