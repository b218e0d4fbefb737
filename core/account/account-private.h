/* account-private.h - what the files of core/account share. */
#ifndef ACCOUNT_PRIVATE_H
#define ACCOUNT_PRIVATE_H

#include "account.h"
#include "bell.h"
#include "journal.h"
#include "snapshot.h"

/* --- rows of a folder ---------------------------------------------------- */

/* Flags of a row in memory, never on disk. */
#define ROW_DEAD (1u << 31)
#define ROW_TOUCHED (1u << 30)	/* differs from the snapshot */
#define ROW_FLAGS_DISK (ACCOUNT_FLAGS_IMAP | ACCOUNT_FLAGS_DRIVER)

/* The columns of a snapshot (mapped), or of what came since (in memory). */
struct rows {
	uint32_t count, room;
	uint32_t *uid, *flags, *keywords;
	uint64_t *modseq;
	int64_t *received, *saved;
	uint64_t *size, *virtual_size;
	struct account_guid *guid;
	uint64_t *blob;		/* see BLOB_* */
	uint64_t *catalogue;
};

/* A blob reference: bit 63 set: in folder_data.heap, else in the snapshot's;
 * 15 bits of length, 48 of offset. */
#define BLOB_HEAP (1ull << 63)
#define BLOB_PLACE(offset, len) ((uint64_t)(len) << 48 | (uint64_t)(offset))
#define BLOB_OFFSET(blob) ((blob) & 0xffffffffffffull)
#define BLOB_LEN(blob) ((size_t)((blob) >> 48 & 0x7fff))

/* Something in the journal: an opaque payload. */
struct journal_place { uint64_t offset; uint32_t len, crc; };

/* What the journal has of a message besides its row; sorted by UID. */
struct row_extra {
	uint32_t uid;
	struct journal_place body, catalogue;	/* offset 0: none */
	uint64_t body_txn;		/* the body came, or was carried on */
};

struct keyword_set { uint32_t count; uint16_t *indexes; };

struct expunged { uint32_t first, last; uint64_t modseq; };

struct annotation {
	struct cv_span owner, entry, value;	/* value NULL: removed */
	uint64_t modseq;		/* of its last change */
	bool touched;			/* differs from the snapshot ... */
	bool in_snapshot;		/* ... which has one */
};

struct annotation_table;

/* A loaded folder. */
struct folder_data {
	struct cv_pool *pool;
	struct snapshot snapshot;	/* map NULL: none */
	struct rows base, tail;
	struct cv_text heap;		/* blob references since */
	ARRAY(const char *) keywords;
	struct hash_table keyword_names;	/* name -> index + 1 */
	ARRAY(struct keyword_set) sets;	/* number 0: none */
	struct hash_table set_numbers;	/* bytes -> number; made when needed */
	bool sets_hashed;
	ARRAY(struct row_extra) extras;
	ARRAY(struct expunged) expunged;	/* in order of modseq */
	struct annotation_table *annotations;	/* NULL: not looked at */
	uint32_t touched;		/* rows of base with ROW_TOUCHED */
	/* the last keyword operation, for long ranges */
	uint32_t memo_from, memo_to;
};

enum change_kind { CHANGE_ADDED, CHANGE_CHANGED, CHANGE_EXPUNGED };

struct change {
	uint64_t modseq;
	uint32_t first, last;
	enum change_kind kind;
};

enum { CHANGES_FIRST = 16, CHANGES_MAX = 1024 };

struct metadata { struct cv_span key, value; };	/* value NULL: removed */
struct metadata_list { ARRAY(struct metadata) pairs; };

struct catalogue;

struct folder {
	struct account_folder f;	/* first: the public part */
	uint64_t snapshot_generation;	/* 0: none */
	uint64_t previous_generation;	/* still on disk for slow readers */
	bool seen;			/* by the reload that is going on */
	bool recovered;			/* of a snapshot: UIDNEXT has to jump */
	bool pending;			/* made by the open transaction */
	bool dirty;			/* differs from its snapshot */
	bool bad_snapshot;		/* which cannot be read */
	/* generations before the rotation that is going on, should it fail */
	uint64_t kept_generation, kept_previous;
	struct folder_data *data;	/* NULL: not loaded */
	struct metadata_list metadata;
	struct cv_span state;
	struct catalogue *catalogue;	/* NULL: not opened */
	/* changes since changes_floor, oldest first */
	struct change *changes;
	uint32_t change_count, change_room;
	uint64_t changes_floor;
};

enum {
	ROTATE_TORN = 1 << 0,	/* there is a part of a group behind the end */
	ROTATE_SUSPECT = 1 << 1,	/* damaged, ended, or a failed write */
};

struct account {
	struct meta *meta;
	struct bell *bell;
	struct account_options options;
	struct cv_pool *pool;		/* of the account */
	struct cv_pool *state_pool;	/* names, metadata; new at a reload */
	struct account_guid guid;
	struct journal journal;
	uint64_t txn;			/* last visible transaction */
	uint32_t last_uidvalidity;
	ARRAY(struct folder *) folders;
	struct hash_table guids;	/* of all folders, the newest struct */
	struct hash_table names;	/* of living folders */
	struct metadata_list metadata;
	uint64_t metadata_revision;
	ARRAY(const char *) subscriptions;
	struct hash_table subscribed;	/* the same, for finding them */
	bool is_new, damaged, unknown_records;
	bool in_base;			/* applying the state section */
	bool salvaging;			/* which is damaged: folders may be
					 * missing */
	bool unsynced;			/* the state shows what nobody synced */
	/* where our groups begin that wait for account_sync, 0: none; and
	 * whether nobody else has written behind them */
	uint64_t later_from;
	bool later_alone;
	bool must_reload;		/* something could not be read */
	bool journal_damaged;		/* in the middle: kept at rotation */
	bool bad_snapshot;		/* the next writer replaces it */
	bool checked;			/* account_check was here */
	bool held;			/* account_hold: unlock does nothing */
	unsigned int must_rotate;	/* why the file must not be written
					 * on: ROTATE_*, 0: it may be */
	uint64_t failed_size;		/* of the file after our failed commit,
					 * 0: none, or the end is marked */
	struct account_txn *open_txn;
	/* of the next commit: random, then a counter */
	uint64_t key[2];
	/* random bytes for GUIDs, fetched many at a time */
	unsigned char random[256];
	size_t random_left;
};

struct txn_folder {
	struct folder *folder;
	uint32_t uidnext;
	uint32_t added_keywords;
	bool removed, touched, reset;
};

struct txn_keyword {
	struct folder *folder;
	const char *name;
	uint32_t index;
};

struct txn_name { const char *name; bool taken; };

struct account_txn {
	struct account *account;
	struct cv_pool *pool;
	uint64_t modseq;
	struct journal_writer writer;
	struct cv_text payload;
	bool has_pending;		/* folders were made */
	bool frees;			/* an operation frees space ... */
	bool grows;			/* ... and one adds a body */
	uint32_t last_uidvalidity;
	ARRAY(struct txn_folder) folders;
	ARRAY(struct txn_name) names;
	ARRAY(struct txn_keyword) keywords;	/* added here */
};

static inline struct folder *folder_of(struct account_folder *folder)
{
	return (struct folder *)folder;
}

/* --- folder.c: folders and what hangs on them ---------------------------- */

void account_next_guid(struct account *account, struct account_guid *guid);
struct folder *folder_create(struct account *account,
			     const struct account_guid *guid);
struct folder *folder_find_guid(struct account *account,
				const struct account_guid *guid);
void folder_set_name(struct folder *folder, struct cv_span name);
void folder_remove(struct folder *folder);
void metadata_set(struct account *account, struct metadata_list *list,
		  struct cv_span key, struct cv_span value);
void subscription_set(struct account *account, struct cv_span name, bool on);
void folder_add_change(struct folder *folder, enum change_kind kind,
		       uint64_t modseq, uint32_t first, uint32_t last);

/* --- rows.c: messages in memory ------------------------------------------ */

struct folder_data *folder_load_now(struct folder *folder);
static inline struct folder_data *folder_load(struct folder *folder)
{
	return folder->data != NULL ? folder->data : folder_load_now(folder);
}
void folder_unload(struct folder *folder);
struct rows *rows_at(struct folder_data *data, uint32_t row,
		     uint32_t *index_r);
/* Checks the row's element of a column before it is read or written;
 * false: damaged, the folder is marked. */
bool rows_check(struct folder *folder, struct rows *rows, const void *p,
		size_t len);
struct row_values {
	uint32_t uid, flags, keywords;	/* keywords: a set's number */
	uint64_t modseq, size, virtual_size, catalogue;
	int64_t received, saved;
	struct account_guid guid;
	struct cv_span blob;
};
/* Bytes that room for so many more records, with so many bytes of blob
 * references among them, may take while rows move there. */
uint64_t rows_growth(const struct folder *folder, uint64_t records,
		     uint64_t bytes);
/* uid is larger than all there are. */
void rows_append(struct folder *folder, const struct row_values *values);
/* A row of base or tail takes other values. */
void rows_set(struct folder *folder, uint32_t row,
	      const struct row_values *values);
void rows_get(struct folder *folder, uint32_t row, struct row_values *values);
struct cv_span rows_blob(struct folder *folder, uint32_t row);
void rows_touch(struct folder *folder, uint32_t row);
struct row_extra *rows_find_extra(struct folder_data *data, uint32_t uid);
struct row_extra *rows_add_extra(struct folder_data *data, uint32_t uid);

/* --- keyword.c ----------------------------------------------------------- */

void keyword_add(struct folder_data *data, uint32_t index,
		 struct cv_span name);
/* The number of the set with exactly these indexes (sorted, distinct). */
uint32_t keyword_set_number(struct folder_data *data, const uint16_t *indexes,
			    uint32_t count);
/* The set that results from an operation on set `from`. */
uint32_t keyword_set_change(struct folder_data *data, uint32_t from,
			    enum account_flag_op op, const uint16_t *indexes,
			    uint32_t count);
bool keyword_sets_parse(struct folder_data *data);

/* --- annotations.c ------------------------------------------------------- */

/* The next one of a snapshot. */
bool annotation_get(struct format_cursor *c, uint32_t *uid_r,
		    struct annotation *item_r);
/* 1: it is set, or removed (value NULL), 0: it was so already, -1: it cannot
 * be.  All of a is copied. */
int annotation_set(struct folder *folder, uint32_t uid,
		   const struct annotation *a);
/* The message is gone; data has a table. */
void annotations_forget(struct folder_data *data, uint32_t uid);
/* As many rows as what differs from the snapshot is worth. */
uint64_t annotations_changed(const struct folder_data *data);
/* Appends those of a message as a snapshot has them. */
void annotations_save(struct folder *folder, uint32_t uid,
		      struct cv_text *text);
/* The payload of RECORD_ANNOTATION. */
void annotation_format(const struct account_folder *f, uint32_t uid,
		       struct cv_span owner, struct cv_span entry,
		       struct cv_span value, struct cv_text *text);
/* Each that differs from the snapshot; at starts at { 0, 0 }. */
bool annotations_next_touched(struct folder *folder, size_t at[2],
			      uint32_t *uid_r, struct annotation *item_r);
/* CV_E_LIMIT */
int annotation_check(struct cv_span owner, struct cv_span entry,
		     struct cv_span value, struct cv_error *err);

/* --- apply.c: records change the state ----------------------------------- */

/* Applies all groups of a batch. */
void apply_batch(struct account *account, const struct journal_batch *batch);
/* What a group that was shown by some and then taken back leaves: used-up
 * UIDs and modseqs. */
void apply_undone(struct account *account,
		  const struct journal_record *records, size_t count);
/* The payload of RECORD_FOLDER. */
void apply_format_folder(const struct folder *folder, struct cv_text *text);
/* Fills a folder from such a payload. */
bool apply_folder_payload(struct account *account, struct cv_span payload,
			  struct folder **folder_r);

/* --- account.c ----------------------------------------------------------- */

/* Forgets all and reads the newest generation. */
int account_reload(struct account *account, struct cv_error *err);
/* Reads what is new; does not sync it. */
int account_catch_up(struct account *account, struct cv_error *err);
int account_lock(struct account *account, uint64_t deadline_msecs,
		 struct cv_error *err);
void account_unlock(struct account *account);
/* A key that no other commit has. */
void account_next_key(struct account *account, unsigned char key[16]);
/* Under the lock: brings the state and the journal to where a group can be
 * written. */
int account_prepare(struct account *account, struct cv_error *err);

/* --- sync.c ---------------------------------------------------------------- */

/* All that was read or written so far is durable. */
void sync_done(struct account *account);

/* --- rotate.c ------------------------------------------------------------ */

/* Under the lock.  forced: bodies are carried over when they cannot be laid
 * out; else rotation is put off then (CV_DECLINED). */
int rotate_locked(struct account *account, bool forced,
		  struct cv_error *err);
/* The first generation of a new account; under the lock. */
int rotate_create(struct account *account, struct cv_error *err);
/* Removes files that no generation needs. */
void rotate_clean(struct account *account);

/* --- recover.c ----------------------------------------------------------- */

/* All journals are lost: folders from their snapshots.  The highest generation
 * of any file that is there. */
int recover_folders(struct account *account, uint64_t *highest_r,
		    struct cv_error *err);
/* A state section is damaged: folders that it does not have any more, but
 * that have a snapshot.  recover_uidnext follows. */
void recover_missing(struct account *account);
/* UIDs that were given out since the snapshots are not known: UIDNEXT of the
 * folders that came back jumps far ahead. */
void recover_uidnext(struct account *account);

/* --- snapshot-save.c ----------------------------------------------------- */

/* Writes a folder's snapshot; the file is durable but its name is not. */
int snapshot_save(struct folder *folder, uint64_t generation,
		  struct cv_error *err);

/* --- catalogue.c --------------------------------------------------------- */

/* Appends entries that are still in the journal and notes their places in
 * the rows.  Never fails: without them they are computed again. */
void catalogue_take(struct folder *folder);
/* When it is twice as large as it should be: leaves out entries of messages
 * that are gone.  All rows must be written out afterwards, for their places
 * have changed. */
void catalogue_compact(struct folder *folder);
void catalogue_close(struct folder *folder);
/* Under the lock: reads the file through.  False: it was damaged, and is no
 * more. */
bool catalogue_check(struct folder *folder);

#endif
