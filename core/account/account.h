/* account.h - an account in memory: folders and messages, kept in step with
 * one journal and one snapshot per folder (doc/format-account.md).
 *
 * Reading never locks.  account_refresh() makes what others committed
 * visible; between two refreshes (or own commits) nothing changes, so spans
 * and row numbers handed out below stay valid until the next
 * account_refresh, account_begin, account_commit or account_rotate.
 * Pointers to struct account_folder are valid until account_close; a deleted
 * folder keeps its struct with `deleted` set.
 *
 * INVARIANT: within one (folder, UIDVALIDITY) a UID names one message for
 * ever; UIDNEXT and the transaction number only grow.
 * INVARIANT: what was committed with CV_OK under ACCOUNT_SYNC survives a
 * power cut; a commit that failed is not visible afterwards.
 * INVARIANT: no byte in these files makes us crash or loop; damage is found
 * by CRC, logged, and repaired by the next writer. */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "io/io.h"

struct account;
struct account_txn;

/* --- identities ---------------------------------------------------------- */

/* 128 random bits (or imported ones): of an account, folder or message. */
struct account_guid { uint8_t bytes[16]; };

void account_guid_create(struct account_guid *guid);
/* 32 hexadecimal digits and a NUL. */
void account_guid_format(const struct account_guid *guid, char dst[33]);
bool account_guid_parse(struct cv_span hex, struct account_guid *guid_r);
static inline bool account_guid_equal(const struct account_guid *a,
				      const struct account_guid *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* --- folders ------------------------------------------------------------- */

enum {
	ACCOUNT_NAME_MAX = 4096,	/* bytes of a folder name */
	ACCOUNT_KEYWORD_MAX = 4096,	/* keywords of a folder */
	ACCOUNT_KEYWORD_LEN_MAX = 255,	/* bytes of a keyword */
	ACCOUNT_BLOB_MAX = 1024,	/* bytes of a blob reference */
	ACCOUNT_KEY_MAX = 1024,		/* bytes of a metadata key */
	ACCOUNT_VALUE_MAX = 1024 * 1024, /* of its value; of a driver state */
	ACCOUNT_BODY_MAX = 1024 * 1024,	/* largest body in the journal */
	ACCOUNT_CATALOGUE_MAX = 1024 * 1024,	/* largest catalogue entry */
	ACCOUNT_OWNER_MAX = 1024,	/* bytes of an annotation's owner */
	ACCOUNT_ANNOTATIONS_MAX = 1000,	/* of one message */
};

enum account_attribute {	/* of a folder */
	ACCOUNT_NOSELECT = 1 << 0,
	ACCOUNT_NOINFERIORS = 1 << 1,
	/* [RFC6154 2] */
	ACCOUNT_ALL = 1 << 8,
	ACCOUNT_ARCHIVE = 1 << 9,
	ACCOUNT_DRAFTS = 1 << 10,
	ACCOUNT_FLAGGED_FOLDER = 1 << 11,
	ACCOUNT_JUNK = 1 << 12,
	ACCOUNT_SENT = 1 << 13,
	ACCOUNT_TRASH = 1 << 14,
	ACCOUNT_IMPORTANT = 1 << 15,
};

/* Read-only to everyone outside core/account. */
struct account_folder {
	struct account *account;
	struct account_guid guid;
	const char *name;	/* UTF-8, whole, '/' between levels */
	uint32_t uidvalidity;
	uint32_t uidnext;
	uint32_t recent_uid;	/* messages from here on have no owner of
				 * \Recent yet [RFC3501 2.3.2] */
	uint32_t attributes;	/* enum account_attribute */
	uint64_t highestmodseq;
	uint64_t expunge_floor;	/* expunges up to this modseq are forgotten */
	uint32_t message_count;
	uint32_t unseen_count;
	uint64_t size_sum;	/* physical sizes of the messages */
	uint64_t virtual_sum;
	bool deleted;
	bool damaged;		/* rows may be missing: scan the blobs, then
				 * txn_folder_repaired */
	/* the rest is in account-private.h */
};

/* All folders in order of creation: *at starts at 0; NULL at the end. */
struct account_folder *account_folder_next(struct account *account,
					   size_t *at);
/* The same of those that were removed since this process opened the account,
 * or a little before. */
struct account_folder *account_removed_next(struct account *account,
					    size_t *at);
/* NULL when there is none.  Names compare as bytes. */
struct account_folder *account_folder_find(struct account *account,
					   struct cv_span name);
struct account_folder *
account_folder_find_guid(struct account *account,
			 const struct account_guid *guid);

/* Subscribed names, whether or not a folder of that name exists. */
bool account_is_subscribed(struct account *account, struct cv_span name);
/* *at starts at 0; NULL at the end. */
const char *account_subscription_next(struct account *account, size_t *at);

/* Key/value pairs; folder NULL: the account's own.  False: not set. */
bool account_metadata_get(struct account *account,
			  struct account_folder *folder, struct cv_span key,
			  struct cv_span *value_r);
/* In no order; *at starts at 0; false at the end. */
bool account_metadata_next(struct account *account,
			   struct account_folder *folder, size_t *at,
			   struct cv_span *key_r, struct cv_span *value_r);
/* Grows with every pair that is set or removed, as far as it was read. */
uint64_t account_metadata_revision(const struct account *account);
/* What the blob driver keeps with a folder (scan stamps); empty when never
 * set. */
struct cv_span account_folder_state(struct account_folder *folder);

/* --- keywords ------------------------------------------------------------ */

/* A folder's keywords have indexes 0 .. count - 1 for ever (an index is not
 * reused within a UIDVALIDITY).  ASCII case is ignored when they are
 * compared, and kept as first written. */
uint32_t account_keyword_count(struct account_folder *folder);
/* index < count */
const char *account_keyword_name(struct account_folder *folder,
				 uint32_t index);
bool account_keyword_find(struct account_folder *folder, struct cv_span name,
			  uint32_t *index_r);

/* The keywords of one message, sorted. */
struct account_keywords {
	const uint16_t *indexes;
	uint32_t count;
};

/* --- messages ------------------------------------------------------------ */

enum account_flag {
	ACCOUNT_ANSWERED = 1 << 0,
	ACCOUNT_FLAGGED = 1 << 1,
	ACCOUNT_DELETED = 1 << 2,
	ACCOUNT_SEEN = 1 << 3,
	ACCOUNT_DRAFT = 1 << 4,
	ACCOUNT_FLAGS_IMAP = 0x1f,
	/* the blob driver's own; never seen by clients, do not change modseq
	 * when they alone change */
	ACCOUNT_DRIVER_0 = 1 << 16,
	ACCOUNT_DRIVER_1 = 1 << 17,
	ACCOUNT_DRIVER_2 = 1 << 18,
	ACCOUNT_DRIVER_3 = 1 << 19,
	ACCOUNT_FLAGS_DRIVER = 0xf0000,
};

enum { ACCOUNT_SIZE_UNKNOWN = 0 };	/* a mail is never empty on the wire:
					 * virtual_size 0 with size > 0 means
					 * not computed yet */

struct account_message {
	uint32_t uid;
	uint32_t flags;			/* enum account_flag */
	struct account_keywords keywords;
	uint64_t modseq;
	int64_t received;		/* INTERNALDATE, seconds since 1970 */
	int64_t saved;			/* SAVEDATE [RFC8514] */
	uint64_t size;			/* bytes as stored, without what
					 * filters do to the blob */
	uint64_t virtual_size;		/* with CRLF line ends */
	struct account_guid guid;
	struct cv_span blob;		/* chosen by the blob driver */
	bool has_body;			/* account_body_read works */
	/* By this transaction the message was as it is: modseq, or later when
	 * that is from elsewhere and the body is in the journal. */
	uint64_t written;
};

/* Messages are rows 0 .. account_row_count()-1, ascending by UID.  A row may
 * be dead (expunged): account_row_alive.  Loading a folder that was not
 * touched yet maps its snapshot; when that is damaged the folder becomes
 * `damaged`, has no rows, and this returns CV_OK all the same. */
int account_folder_load(struct account_folder *folder, struct cv_error *err);

/* All below load the folder when it is not loaded. */
uint32_t account_row_count(struct account_folder *folder);
/* The first row with a UID >= uid (row_count when there is none). */
uint32_t account_row_lower(struct account_folder *folder, uint32_t uid);
/* The row of a living message. */
bool account_row_find(struct account_folder *folder, uint32_t uid,
		      uint32_t *row_r);
bool account_row_alive(struct account_folder *folder, uint32_t row);
uint32_t account_row_uid(struct account_folder *folder, uint32_t row);
struct account_guid account_row_guid(struct account_folder *folder,
				     uint32_t row);
/* UIDs that follow each other: at and what comes behind it, up to the next
 * run's, have uid and what follows. */
struct account_run { uint32_t at, uid; };

/* The UIDs of the living from this row on, the first of them at 0.  False: it
 * takes more runs than there is room for, or more was expunged since the
 * snapshot than is worth it.  Looks at few rows when there are few gaps. */
bool account_uids_runs(struct account_folder *folder, uint32_t row,
		       struct account_run *runs, uint32_t room,
		       uint32_t *count_r, uint32_t *living_r);
/* The UIDs of the living from this row on; dst has room for one of each row.
 * Returns how many. */
uint32_t account_uids(struct account_folder *folder, uint32_t row,
		      uint32_t *dst);
uint32_t account_row_flags(struct account_folder *folder, uint32_t row);
uint64_t account_row_modseq(struct account_folder *folder, uint32_t row);
struct account_keywords account_row_keywords(struct account_folder *folder,
					     uint32_t row);
/* Everything at once. */
void account_row_get(struct account_folder *folder, uint32_t row,
		     struct account_message *message_r);

/* --- annotations of messages [RFC5257] ----------------------------------- */

struct account_annotation {
	struct cv_span owner;	/* whose; empty: everybody's */
	struct cv_span entry, value;	/* value NULL: it is gone since */
	uint64_t modseq;	/* of its last change */
};

/* False: no message of the folder has any. */
bool account_annotated(struct account_folder *folder);
/* Those of a message, and some that are gone since the journal began; in no
 * order; *at starts at 0; false at the end. */
bool account_annotation_next(struct account_folder *folder, uint32_t uid,
			     size_t *at, struct account_annotation *a_r);
/* False: not there. */
bool account_annotation_get(struct account_folder *folder, uint32_t uid,
			    struct cv_span owner, struct cv_span entry,
			    struct cv_span *value_r);

/* --- changes, for views and QRESYNC -------------------------------------- */

/* Number of the last transaction that is visible: the account's modseq. */
uint64_t account_txn_number(const struct account *account);

struct account_range { uint32_t first, last; };		/* both included */
struct account_ranges {
	struct account_range *items;
	size_t count, room;
	struct cv_pool *pool;
};

struct account_changes {
	struct account_ranges added;	/* UIDs that came, and live */
	struct account_ranges changed;	/* flags changed, and live */
	struct account_ranges expunged;	/* UIDs that went.  May name UIDs that
					 * came and went since. */
	bool expunges_complete;		/* false: since < expunge_floor; any
					 * UID that is not a row is gone */
};

/* What happened in a folder after transaction `since`: sorted, disjoint
 * ranges, allocated from pool.  "added" is judged by what `since` could have
 * seen: rows with UID >= uidnext_then (pass 0 to have new rows reported as
 * changed).  Cheap when nothing changed (folder->highestmodseq <= since) and
 * for recent changes; else it scans the folder's modseq column. */
void account_changes_get(struct account_folder *folder, uint64_t since,
			 uint32_t uidnext_then, struct cv_pool *pool,
			 struct account_changes *changes_r);

/* --- bodies in the journal ----------------------------------------------- */

/* A message whose body is in the journal.  Until rotation the journal is the
 * authority for it: readers read it from there and not from the blob, whose
 * file was not synced.  size and offset are those of the stored form. */
struct account_body {
	struct account_folder *folder;
	uint32_t uid;
	uint32_t size;
	struct cv_span blob;
};

/* Reads the whole body (checked against its CRC) into pool.  CV_NOT_FOUND
 * when the message has none, or when it is damaged: then the blob is all there
 * is, and the folder is marked damaged. */
int account_body_read(struct account_folder *folder, uint32_t row,
		      struct cv_pool *pool, struct cv_span *body_r,
		      struct cv_error *err);

/* --- catalogue ----------------------------------------------------------- */

/* What was computed from a message when it was parsed; opaque here.  Absent
 * is always possible: CV_NOT_FOUND, then parse again.  The span lives until
 * the next catalogue call for this folder. */
int account_catalogue_find(struct account_folder *folder, uint32_t row,
			   struct cv_span *entry_r);
/* Adds an entry computed later (an old message, a dropped catalogue).  Never
 * waits long and may do nothing; not synced. */
void account_catalogue_put(struct account_folder *folder, uint32_t row,
			   struct cv_span entry);

/* --- opening ------------------------------------------------------------- */

enum account_durability {
	ACCOUNT_SYNC,		/* one fdatasync before CV_OK */
	ACCOUNT_NO_SYNC,	/* what mail_fsync allows not to sync */
	ACCOUNT_SYNC_LATER,	/* by account_sync, before CV_OK is told to
				 * anybody */
	/* Nobody was promised it and it can be found out again: never worth
	 * a sync (\Recent, what a scan has seen). */
	ACCOUNT_HINT,
};

enum account_fsync {		/* the setting mail_fsync */
	ACCOUNT_FSYNC_ALWAYS,	/* each commit is synced */
	ACCOUNT_FSYNC_OPTIMIZED,/* those that ask for ACCOUNT_SYNC are */
	ACCOUNT_FSYNC_NEVER,
};

/* Called by rotation, under the lock, before the journal that holds these
 * bodies goes: makes each blob exist with exactly these bytes and synced
 * with its directory (compare and rewrite what a power cut lost; read the
 * bytes with account_body_read).  Not CV_OK: the rotation is put off. */
typedef int account_lay_out_fn(void *context, struct account *account,
			       const struct account_body *bodies,
			       size_t count, struct cv_error *err);

struct account_options {
	bool readonly;			/* never creates, locks or writes */
	bool passing;			/* of this process alone: for who
					 * asks account_is_passing */
	bool mmap_disable;		/* read snapshots into memory */
	enum account_fsync fsync;
	uint32_t body_max;		/* mail_journal_body_max; 0: 64 KiB */
	uint64_t rotate_size;		/* bytes of journal; 0: 4 MiB */
	uint64_t first_txn;		/* at least this number when created
					 * (an imported modseq) */
	mode_t dir_mode, file_mode;	/* 0: 0700, 0600 */
	account_lay_out_fn *lay_out;	/* NULL: no rotation while there are
					 * bodies in the journal */
	void *context;
};

/* Opens or creates the account whose files are in directory dir (relative to
 * dirfd, AT_FDCWD allowed); dir itself is created, its parent must exist.
 * options is copied.  *account_r is set only at CV_OK.
 * CV_E_UNSUPPORTED: written by a newer version; CV_E_NOT_FOUND: readonly and
 * nothing there. */
int account_open(struct io *io, int dirfd, const char *dir,
		 const struct account_options *options,
		 struct account **account_r, struct cv_error *err);
struct meta;
struct bell;

/* The same on any meta and bell driver; both belong to the account, also when
 * opening fails. */
int account_open_on(struct meta *meta, struct bell *bell,
		    const struct account_options *options,
		    struct account **account_r, struct cv_error *err);
/* NULL is ignored; *account becomes NULL.  An open transaction is rolled
 * back. */
void account_close(struct account **account);

/* As the options said. */
bool account_is_readonly(const struct account *account);
bool account_is_passing(const struct account *account);
const struct account_guid *account_guid(const struct account *account);

/* True when the files were just created, or lost and made anew: the driver
 * imports what there is (uidlist, maildir scan).  Goes away with the first
 * commit. */
bool account_is_new(const struct account *account);
/* True when records were lost to damage: folders should be scanned. */
bool account_is_damaged(const struct account *account);

/* Makes visible what others committed: one fstat when nothing is new.
 * CV_OK: nothing new; CV_CHANGED: something is.  Failure: the old state
 * stays. */
int account_refresh(struct account *account, struct cv_error *err);

/* A descriptor that becomes readable when any process commits (inotify); made
 * at the first call.  -1 when not possible (poll with account_refresh then).
 * Call account_watch_clear before each refresh that it caused. */
int account_watch_fd(struct account *account);
void account_watch_clear(struct account *account);
/* A new descriptor, only to be watched, of what changes with a commit; -1
 * with errno when there is no such thing. */
int account_watch_open(struct account *account);

/* --- transactions -------------------------------------------------------- */

/* Takes the account's lock, waiting until the deadline
 * (time_monotonic_msecs), and refreshes.  One transaction at a time.
 * CV_E_TIMEOUT when somebody else holds the lock. */
int account_begin(struct account *account, uint64_t deadline_msecs,
		  struct account_txn **txn_r, struct cv_error *err);

/* Writes all operations as one record group, syncs as durability and
 * options.fsync say, applies them in memory, unlocks.  All or nothing.  An
 * empty transaction writes nothing.  *txn becomes NULL in any case.
 * CV_E_NO_SPACE, CV_E_TEMP: nothing of it is or will become visible (when
 * after a failed sync not even a mark of 40 bytes can be written, others may
 * see all of it). */
int account_commit(struct account_txn **txn,
		   enum account_durability durability, struct cv_error *err);
/* One sync for all that was committed with ACCOUNT_SYNC_LATER since the last
 * one; nothing to do is CV_OK.  Failure: none of it may be acknowledged; it is
 * taken back, or will be when that is not possible now (others may see it
 * until then). */
int account_sync(struct account *account, struct cv_error *err);
/* NULL is ignored. */
void account_rollback(struct account_txn **txn);

/* Keeps the lock over the transactions in between, for what must be done
 * elsewhere together with a commit.  Not when it is held already.  Within a
 * transaction it cannot fail: the lock stays when that ends. */
int account_hold(struct account *account, uint64_t deadline_msecs,
		 struct cv_error *err);
/* Also after a hold that failed. */
void account_release(struct account *account);

/* Commits that free space (expunges, \Deleted, removed folders, subscriptions
 * that end) also succeed on a full disk: a reserve is kept for them.  This keeps
 * it again, if there is room by now; without always nothing is done when this
 * process has used none of it.  Else it comes with the next transaction and the
 * next rotation. */
void account_reserve(struct account *account, bool always);

/* Rotation on a full disk, which may take the reserve and gives back what the
 * journal has grown by.  CV_DECLINED: that is nothing, or lay_out put it off. */
int account_make_room(struct account *account, uint64_t deadline_msecs,
		      struct cv_error *err);

/* The number that the transaction will have: the modseq of what it does. */
uint64_t account_txn_modseq(const struct account_txn *txn);
/* Makes it at least so large, up to ACCOUNT_MODSEQ_MAX; before the first
 * operation. */
void account_txn_raise(struct account_txn *txn, uint64_t modseq);

/* Nothing below writes; operations take effect in memory at commit (folders
 * made by txn_folder_create can be used in the same transaction at once, but
 * are found by name only afterwards).  They fail with CV_E_LIMIT past the
 * limits above, CV_E_NOT_FOUND for deleted folders, CV_E_EXISTS for taken
 * names; the transaction can go on after such a failure, the operation has
 * done nothing. */

struct account_folder_options {
	uint32_t uidvalidity;	/* 0: a fresh one, larger than all before */
	uint32_t uidnext;	/* 0: 1 */
	uint32_t attributes;
	const struct account_guid *guid;	/* NULL: random */
};

/* options may be NULL. */
int txn_folder_create(struct account_txn *txn, struct cv_span name,
		      const struct account_folder_options *options,
		      struct account_folder **folder_r, struct cv_error *err);
/* Children are renamed by the caller, in the same transaction. */
int txn_folder_rename(struct account_txn *txn, struct account_folder *folder,
		      struct cv_span name, struct cv_error *err);
int txn_folder_delete(struct account_txn *txn, struct account_folder *folder,
		      struct cv_error *err);
int txn_folder_attributes(struct account_txn *txn,
			  struct account_folder *folder, uint32_t attributes,
			  struct cv_error *err);
/* Forgets all messages, keywords and expunges of the folder and starts again
 * with UID uidnext (0: 1).  uidvalidity 0: a fresh one. */
int txn_folder_reset(struct account_txn *txn, struct account_folder *folder,
		     uint32_t uidvalidity, uint32_t uidnext,
		     struct cv_error *err);
/* Raises uidnext; smaller values are ignored. */
int txn_folder_uidnext(struct account_txn *txn, struct account_folder *folder,
		       uint32_t uidnext, struct cv_error *err);
/* Raises recent_uid. */
int txn_folder_recent(struct account_txn *txn, struct account_folder *folder,
		      uint32_t recent_uid, struct cv_error *err);
/* Raises highestmodseq to this transaction, and changes nothing else. */
int txn_folder_modseq(struct account_txn *txn, struct account_folder *folder,
		      struct cv_error *err);
/* All of the folder has just been taken over from another server, whose
 * highestmodseq this was, not above the transaction: what its clients know is
 * right.  Behind all other operations on the folder. */
int txn_folder_taken(struct account_txn *txn, struct account_folder *folder,
		     uint64_t modseq, struct cv_error *err);
int txn_folder_state(struct account_txn *txn, struct account_folder *folder,
		     struct cv_span state, struct cv_error *err);
/* Somebody has reason to doubt that the rows are all there: the folder counts as
 * damaged until a scan has repaired it.  Writes nothing. */
void account_folder_doubt(struct account_folder *folder);
/* After damage was repaired by a scan. */
int txn_folder_repaired(struct account_txn *txn,
			struct account_folder *folder, struct cv_error *err);

int txn_subscribe(struct account_txn *txn, struct cv_span name,
		  bool subscribed, struct cv_error *err);
/* folder NULL: the account's.  value.data NULL removes the key. */
int txn_metadata(struct account_txn *txn, struct account_folder *folder,
		 struct cv_span key, struct cv_span value,
		 struct cv_error *err);

/* The index of a keyword, added when new.  At most ACCOUNT_KEYWORD_MAX a
 * folder: CV_E_LIMIT. */
int txn_keyword(struct account_txn *txn, struct account_folder *folder,
		struct cv_span name, uint32_t *index_r, struct cv_error *err);

/* Behind it are enough for any number of transactions. */
#define ACCOUNT_MODSEQ_MAX ((uint64_t)1 << 62)

struct account_append {
	uint32_t uid;		/* 0: the next one; else >= uidnext (import) */
	uint32_t flags;
	const uint32_t *keywords;	/* indexes from txn_keyword */
	uint32_t keyword_count;
	int64_t received, saved;	/* saved 0: now */
	uint64_t size, virtual_size;
	const struct account_guid *guid;	/* NULL: random */
	struct cv_span blob;
	struct cv_span body;	/* stored form; data NULL, or longer than
				 * body_max: not put into the journal, the
				 * blob must have been synced */
	struct cv_span catalogue;	/* data NULL: none */
	/* Of a message that is brought from elsewhere, into a mailbox whose
	 * clients come from there too; 0, or more than the transaction's
	 * number: that. */
	uint64_t modseq;
};

/* So many appends are to come, with references of so many bytes in all: their
 * room is taken at once.  CV_E_LIMIT: there is not as much memory. */
int account_txn_expect(struct account_txn *txn, size_t appends,
		       size_t blob_bytes, struct cv_error *err);
/* body and catalogue are not copied: they must live until the commit.
 * uid_r may be NULL. */
int txn_append(struct account_txn *txn, struct account_folder *folder,
	       const struct account_append *append, uint32_t *uid_r,
	       struct cv_error *err);
/* True when txn_append would put a body of this size into the journal. */
bool account_body_fits(const struct account *account, uint64_t size);

enum account_flag_op {
	ACCOUNT_FLAGS_ADD,
	ACCOUNT_FLAGS_REMOVE,
	ACCOUNT_FLAGS_REPLACE,	/* of the IMAP flags and keywords; driver
				 * flags stay */
};

struct account_flag_change {
	enum account_flag_op op;
	uint32_t flags;
	const uint32_t *keywords;
	uint32_t keyword_count;
};

/* For all living messages in the ranges, sorted and disjoint.  A message that
 * already has what is wanted keeps its modseq; when none changes nothing is
 * written.  Messages appended earlier in this transaction are included. */
int txn_flags(struct account_txn *txn, struct account_folder *folder,
	      const struct account_range *ranges, size_t count,
	      const struct account_flag_change *change, struct cv_error *err);
/* UIDs that are not there are ignored. */
int txn_expunge(struct account_txn *txn, struct account_folder *folder,
		const struct account_range *ranges, size_t count,
		struct cv_error *err);
/* The blob has a new reference (maildir file renamed).  Not visible to
 * clients: modseq stays. */
int txn_blob(struct account_txn *txn, struct account_folder *folder,
	     uint32_t uid, struct cv_span blob, struct cv_error *err);
/* Sizes that became known later; modseq stays. */
int txn_sizes(struct account_txn *txn, struct account_folder *folder,
	      uint32_t uid, uint64_t size, uint64_t virtual_size,
	      struct cv_error *err);

/* Sets an annotation of a message, which may have been appended in this
 * transaction; value.data NULL removes it.  When something changes, the message
 * gets this modseq, unless its append is the operation before (but for others of
 * its annotations).  Of one message at most ACCOUNT_ANNOTATIONS_MAX: the caller
 * counts, too many are dropped. */
int txn_annotation(struct account_txn *txn, struct account_folder *folder,
		   uint32_t uid, struct cv_span owner, struct cv_span entry,
		   struct cv_span value, struct cv_error *err);

/* Where the journal ends within a transaction, nobody is writing and more may
 * have been there: a new generation is begun in which all folders are damaged
 * until they are scanned.  After opening, when bodies can be laid out. */
void account_mend(struct account *account, uint64_t deadline_msecs);

/* Reads what is read only when it is asked for: bodies and catalogue entries
 * in the journal, and the catalogues.  What is damaged is dropped, logged and
 * counted: entries are computed again, a body's file is taken in its place,
 * and the journal is kept for a human.  Once for each opening: then, and of
 * one that is open for reading only, *dropped_r is 0. */
int account_check(struct account *account, uint64_t deadline_msecs,
		  uint32_t *dropped_r, struct cv_error *err);

/* --- rotation ------------------------------------------------------------ */

/* True when the journal has passed its bound; call account_rotate when there
 * is time (after the reply was sent).  A commit rotates by itself only past
 * four times the bound. */
bool account_wants_rotation(const struct account *account);
/* Writes a new generation: bodies are laid out, changed folders get a new
 * snapshot, catalogue entries move into the catalogues, old files go.  CV_OK
 * also when lay_out put it off. */
int account_rotate(struct account *account, uint64_t deadline_msecs,
		   struct cv_error *err);

#endif
