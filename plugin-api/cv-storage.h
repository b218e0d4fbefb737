/* cv-storage.h - blob drivers: where the bytes of messages lie, and what
 * other programs see of a mailbox.
 *
 * What is true about an account (folders, UIDs, flags, expunges) is in its
 * journal, which is core's.  A driver keeps immutable blobs for it under
 * names of its own ("references"), mirrors flags where its format shows them
 * to other programs, and can say what other programs have changed.
 *
 * Order of things, which makes every crash harmless:
 *
 *	save	put ... put_finish (hidden, synced if asked), marks, commit,
 *		place
 *	copy	link (hidden), sync_hidden, marks, commit, place
 *	expunge	commit with a tombstone of the reference, remove
 *	flags	set_flags, commit; after a failed commit set_flags back
 *
 * A blob that was hidden and committed but not placed is found by get,
 * and placed by the next scan, or by who opens the folder (hidden).  A hidden blob that was not committed is
 * rubbish, which the driver removes some day.  INVARIANT: nothing hidden is
 * ever reported by scan as found.
 *
 * All calls with a folder but get, put_* and check are made under the
 * account's lock.  Folder names are UTF-8 with '/' between levels, "INBOX"
 * is the inbox; core has checked them with name_check.  A driver does every
 * file operation through the cv_io it was given. */
#ifndef CV_STORAGE_H
#define CV_STORAGE_H

#include "cv-check.h"
#include "cv-mailbox.h"
#include "cv-settings.h"

#include <sys/stat.h>

/* --- file operations ----------------------------------------------------- */

struct cv_io;		/* real, or one that injects faults */
struct cv_io_dir;
struct cv_text;

/* They behave as the system calls they are named after, on directory
 * descriptors; -1 and errno at failure.  EINTR is retried inside.  O_CLOEXEC
 * is added; a final component that is a symbolic link is not followed. */
struct cv_io_api {
	CV_HEAD;
	int (*open)(struct cv_io *io, int dirfd, const char *name, int flags,
		    mode_t mode);
	/* -1 is ignored; errno is kept. */
	void (*close)(struct cv_io *io, int fd);
	ssize_t (*pread)(struct cv_io *io, int fd, void *data, size_t len,
			 uint64_t offset);
	/* All of it, or -1. */
	int (*pwrite)(struct cv_io *io, int fd, const void *data, size_t len,
		      uint64_t offset);
	int (*fdatasync)(struct cv_io *io, int fd);
	int (*fsync)(struct cv_io *io, int fd);
	/* Replaces an existing target unless exclusive (EEXIST). */
	int (*rename)(struct cv_io *io, int from_dirfd, const char *from,
		      int to_dirfd, const char *to, bool exclusive);
	int (*link)(struct cv_io *io, int from_dirfd, const char *from,
		    int to_dirfd, const char *to);
	int (*unlink)(struct cv_io *io, int dirfd, const char *name);
	int (*rmdir)(struct cv_io *io, int dirfd, const char *name);
	int (*mkdir)(struct cv_io *io, int dirfd, const char *name,
		     mode_t mode);
	int (*fstat)(struct cv_io *io, int fd, struct stat *st);
	int (*stat)(struct cv_io *io, int dirfd, const char *name,
		    struct stat *st);
	/* Access and modification time in seconds since 1970. */
	int (*set_times)(struct cv_io *io, int fd, int64_t seconds);
	/* Names but "." and ".."; type as DT_REG ... in <dirent.h>.  NULL
	 * from next: the end, or a failure that dir_close returns. */
	struct cv_io_dir *(*dir_open)(struct cv_io *io, int dirfd,
				      const char *name);
	const char *(*dir_next)(struct cv_io_dir *dir, unsigned char *type);
	int (*dir_close)(struct cv_io_dir **dir);
	int (*truncate)(struct cv_io *io, int fd, uint64_t size);
	/* An OFD lock on the whole file: F_RDLCK, F_WRLCK, F_UNLCK.  Waits
	 * for at most so long, then -1 with ETIMEDOUT. */
	int (*lock)(struct cv_io *io, int fd, int type,
		    uint32_t wait_msecs);
	/* Room behind the end; EOPNOTSUPP where the file system cannot. */
	int (*preallocate)(struct cv_io *io, int fd, uint64_t offset,
			   uint64_t len);
	/* Begins to write what the file has in memory; no promise, and
	 * nothing to wait for. */
	void (*write_back)(struct cv_io *io, int fd);
};

/* --- where --------------------------------------------------------------- */

struct cv_storage_root;		/* the driver's: a tree of folders */
struct cv_storage_folder;	/* the driver's: one open folder */
struct cv_storage_put;		/* the driver's: a blob being written */

/* Lives as long as the root. */
struct cv_storage_config {
	CV_HEAD;
	struct cv_pool *pool;
	const struct cv_io_api *io_api;
	struct cv_io *io;
	const char *path;		/* the tree's root, absolute */
	/* From mail_location; "" when not given. */
	const char *layout;		/* "maildir++", "fs" */
	const char *inbox;		/* INBOX=, absolute */
	const char *control;		/* CONTROL=, absolute */
	const char *dirname;		/* DIRNAME= */
	bool utf8_names;		/* UTF-8: not modified UTF-7 */
	const char *hostname;
	uint8_t boot_id[16];		/* of this run of the machine */
	bool create;			/* make the root when it is missing */
	const char *index;		/* INDEX=, absolute */
	/* Whose mail it is: for the settings of the plugin. */
	struct cv_user *user;
	const char *alt;		/* ALT=, absolute: for old mail */
	/* SUBSCRIPTIONS=: a file's name; "" or NULL: the driver's usual. */
	const char *subscriptions;
};

/* --- messages ------------------------------------------------------------ */

/* A message as the journal knows it. */
struct cv_blob {
	CV_HEAD;
	struct cv_span ref;
	uint32_t flags;			/* enum cv_flag, stored ones */
	struct cv_keywords keywords;
	int64_t received;
	uint64_t bytes, virtual_bytes;
	uint64_t modseq;		/* of our last change, for was_lost */
	/* enum cv_blob_mark; kept with the message for the driver */
	uint32_t marks;
	uint32_t uid;			/* 0: it has none yet */
	uint8_t guid[16];
};

/* Four bits that the journal keeps for the driver with each message. */
enum cv_blob_mark {
	/* It lies where deliveries arrive (Maildir: new/). */
	CV_BLOB_ARRIVAL = 1,
	/* The driver's own. */
	CV_BLOB_MARK_1 = 2, CV_BLOB_MARK_2 = 4, CV_BLOB_MARK_3 = 8,
};

enum cv_scan {
	/* Where deliveries arrive: reports these, and says that each blob
	 * with the mark ARRIVAL that it does not report needs SCAN_ALL. */
	CV_SCAN_ARRIVALS = 1,
	CV_SCAN_ALL = 2,
	/* With ALL, for drivers without FOREIGN or with REMOTE: */
	CV_SCAN_FIRST = 4,	/* the journal knows nothing of the folder */
	CV_SCAN_DAMAGED = 8,	/* it may have lost some of its messages */
};

/* Where a blob's bytes are: a range of a descriptor that the caller closes
 * with io->close, or a stream. */
struct cv_blob_source {
	CV_HEAD;
	int fd;				/* -1: stream */
	uint64_t offset, len;
	struct cv_stream *stream;
	/* Set by the caller: a stream is made in it, and dies with it before
	 * the folder is closed. */
	struct cv_pool *pool;
	/* enum cv_wrong_size: what it means that no filter has changed the
	 * bytes, and they are not as many as the journal says. */
	uint32_t wrong_size;
	/* With WRONG_SIZE_REFUSE: how they are read all the same. */
	const char *wrong_size_hint;
	/* How many the blob itself claims when all filters have done their
	 * work (a size in its name); 0: it does not. */
	uint64_t claimed_bytes;
	/* Set by the caller: all checksums are to be looked at, even if that
	 * costs reading the blob. */
	bool verify;
};

enum cv_wrong_size {
	CV_WRONG_SIZE_IGNORE = 0,
	CV_WRONG_SIZE_CORRECT = 1,	/* the journal was wrong */
	/* The blob is not the message that clients know. */
	CV_WRONG_SIZE_REFUSE = 2,
};

struct cv_blob_sync {
	CV_HEAD;
	struct cv_blob blob;
	uint64_t bytes;			/* that were put */
	bool synced;			/* set by the driver */
};

struct cv_flag_update {
	CV_HEAD;
	struct cv_blob blob;		/* as it was */
	uint32_t flags;			/* as it shall be */
	struct cv_keywords keywords;
	/* As they shall be (without ARRIVAL: it leaves that place); set by
	 * the driver to what they are. */
	uint32_t marks;
	/* Set by the driver: CV_OK, CV_CHANGED (it is not as it was: scan),
	 * CV_NOT_FOUND (not there at all), or a failure class. */
	int status;
};

/* What a scan saw. */
struct cv_found {
	CV_HEAD;
	struct cv_span ref;
	uint32_t flags;
	struct cv_keywords keywords;
	uint32_t marks;
	uint64_t bytes, virtual_bytes;	/* 0: look at the blob */
	int64_t received;		/* INT64_MIN: look at the blob */
	/* From look, for formats that keep them with the blob. */
	bool has_guid;
	uint8_t guid[16];
	/* flags and keywords are known already (from the takeover): look
	 * leaves them alone. */
	bool has_flags;
	/* With REMOTE: the server's. */
	uint32_t uid;
	/* And: as it was when the state was given, nothing else was asked.
	 * look fills in flags, too. */
	bool unchanged;
	/* SAVEDATE [RFC8514], as far as the blob says: from scan or look; 0:
	 * it does not. */
	int64_t saved;
	/* With DAMAGED: a reference to these bytes was removed, that of the
	 * message dropped_uid of this life of the folder.  They are a message
	 * only where the journal knows neither of another reference to them
	 * nor that they were expunged. */
	uint32_t dropped_uid;		/* 0: none was */
};

/* What is known of a blob beside its bytes.  The caller has set references to
 * 1 and the rest to nothing. */
struct cv_blob_facts {
	CV_HEAD;
	uint32_t references;		/* messages that have these bytes */
	/* What another server's POP3 clients call it, and its place in their
	 * list; in pool.  data NULL, 0: it does not say. */
	struct cv_span pop3_uidl;
	uint32_t pop3_order;
};

typedef int cv_found_fn(void *context, const struct cv_found *found);

/* What another server left (UID list): for the first opening of a folder. */
struct cv_takeover {
	CV_HEAD;
	uint32_t uidvalidity, uidnext;	/* 0: nothing there */
	uint64_t highestmodseq;		/* 0: not known */
	/* Ascending UIDs. */
	const struct cv_takeover_entry {
		uint32_t uid;
		struct cv_span ref;
		/* The blob does not show them: what the other server knew. */
		bool has_flags;
		uint32_t flags;
		struct cv_keywords keywords;
		uint64_t modseq;	/* 0: not known */
		/* The blob shows its flags, and not these keywords: they are
		 * mirrored by set_flags. */
		bool has_keywords;
	} *entries;
	uint32_t count;
	/* The folder's own, where the other server has given it one. */
	bool has_guid;
	uint8_t guid[16];
	/* Of each entry when the other server saved the message, 0: not
	 * known; says more than the blob does.  NULL: of none. */
	const int64_t *saved;
	/* Messages from here on are \Recent, the others are not; 0: the blobs
	 * say it (ARRIVAL). */
	uint32_t first_recent;
};

/* A message in the list of UIDs that is kept for other servers. */
struct cv_uid_ref {
	uint32_t uid;
	struct cv_span ref;
};

/* The next message, in the order of UIDs; false: no more.  next_r NULL:
 * begin again. */
typedef bool cv_uid_next_fn(void *context, struct cv_uid_ref *next_r);

struct cv_folder_found {
	CV_HEAD;
	const char *name;
	bool selectable;		/* false: only a level of others */
};

typedef int cv_folder_fn(void *context, const struct cv_folder_found *found);

/* The references of all messages of all folders, as purge gets them; valid
 * as long as the call that was given this one. */
typedef int cv_live_fn(void *context, const struct cv_span **refs_r,
		       uint32_t *count_r, struct cv_error *err);

/* --- the driver ---------------------------------------------------------- */

enum {
	/* Others may change it, and scan reports the flags that they set.
	 * Without it check speaks up only for what a power cut may have
	 * undone, and a scan changes no flags. */
	CV_STORAGE_FOREIGN = 1,
	CV_STORAGE_ORDERED = 2,	/* scan reports in the order of UIDs: what
				 * is new gets its UIDs in that order */
	/* A tree is seen by the process that made it, and ends with it: for
	 * tests. */
	CV_STORAGE_ONE_PROCESS = 4,
	/* A folder that holds messages may have no folders below it. */
	CV_STORAGE_LEAVES = 8,
	/* Blobs of all folders lie together.  A copy is one more reference to
	 * the same bytes; what was removed, by itself or with its folder,
	 * lies there until a purge; a scan for a damaged folder reports what
	 * was placed first in a folder of this name, and no copies.  Core calls
	 * remove for each message of a folder before folder_remove. */
	CV_STORAGE_POOLED = 32,
	/* Levels of names are usually separated by '.', with LAYOUT=fs by
	 * '/': what separator says, before a root is open. */
	CV_STORAGE_DOTS = 16,
	/* The folders are another server's, which gives the UIDs and the
	 * UIDVALIDITY (takeover says it); what is there counts, and one scan
	 * tells.  The journal only remembers it.  Every change has been made
	 * there when the call returns, and what fails has not been made:
	 *
	 *	save	put ... put_finish, send, scan
	 *	copy	link or put, send, scan
	 *	expunge	remove, commit
	 *	flags	set_flags, commit
	 *
	 * put gets, and get gives, lines that end with CRLF; what filters do
	 * to stored bytes is not done. */
	CV_STORAGE_REMOTE = 64,
	/* Nothing can be saved, expunged or made: core asks for none of it.
	 * Flags are the journal's. */
	CV_STORAGE_READONLY = 128,
};

struct cv_storage {
	CV_HEAD;
	const char *name;		/* "maildir": word in mail_location */
	uint32_t caps;

	/* Autodetection: CV_OK when there is a tree of this kind at
	 * config->path, else CV_NOT_FOUND. */
	int (*detect)(const struct cv_storage_config *config);
	int (*root_open)(const struct cv_storage_config *config,
			 struct cv_storage_root **root_r,
			 struct cv_error *err);
	void (*root_close)(struct cv_storage_root **root);
	/* The usual hierarchy separator of a namespace on this tree. */
	char (*separator)(struct cv_storage_root *root);
	/* Where the account's own files go when mail_location has no
	 * INDEX=: relative to path. */
	const char *(*account_dir)(struct cv_storage_root *root);

	/* May a folder have this name?  INVARIANT: two names that may be
	 * are never the same place.  CV_E_PERM and a client text if not. */
	int (*name_check)(struct cv_storage_root *root, struct cv_span name,
			  struct cv_error *err);
	/* Has the set of folders changed since this stamp?  CV_OK no,
	 * CV_CHANGED yes.  The stamp (as many bytes as are needed, at most
	 * 256) is replaced. */
	int (*folders_check)(struct cv_storage_root *root,
			     struct cv_text *stamp, struct cv_error *err);
	/* CV_CHANGED: what may not be entered was passed over: the next look
	 * is made whatever folders_check says. */
	int (*folders_scan)(struct cv_storage_root *root, cv_folder_fn *fn,
			    void *context, struct cv_error *err);
	/* CV_E_EXISTS: it is there already. */
	int (*folder_create)(struct cv_storage_root *root,
			     struct cv_span name, struct cv_error *err);
	/* Removes the folder and all blobs in it, not its children. */
	int (*folder_remove)(struct cv_storage_root *root,
			     struct cv_span name, struct cv_error *err);
	/* This folder only: core renames the children one by one. */
	int (*folder_rename)(struct cv_storage_root *root,
			     struct cv_span name, struct cv_span new_name,
			     struct cv_error *err);
	/* Subscribed names as other servers keep them.  read: CV_OK when
	 * nothing has changed since the stamp, CV_CHANGED: names_r is set.
	 * NULL members: not kept. */
	int (*subscriptions_read)(struct cv_storage_root *root,
				  struct cv_text *stamp, struct cv_pool *pool,
				  struct cv_strings *names_r,
				  struct cv_error *err);
	int (*subscriptions_write)(struct cv_storage_root *root,
				   const struct cv_strings *names,
				   struct cv_text *stamp,
				   struct cv_error *err);

	/* state: what state gave last time, empty for a new folder.
	 * CV_E_NOT_FOUND: no such folder. */
	int (*folder_open)(struct cv_storage_root *root, struct cv_span name,
			   struct cv_span state,
			   struct cv_storage_folder **folder_r,
			   struct cv_error *err);
	void (*folder_close)(struct cv_storage_folder **folder);
	/* Appends the state to be kept with the folder (at most 1 KiB).
	 * True when it differs from the one last given or taken. */
	bool (*state)(struct cv_storage_folder *folder, struct cv_text *dst);
	/* Takes a state that another process has written. */
	void (*state_set)(struct cv_storage_folder *folder,
			  struct cv_span state);

	/* Have others changed anything?  CV_OK: no; CV_CHANGED: do the scan
	 * *scan_r.  thorough: also where it can only be suspected.  At most
	 * two system calls.  CV_E_NOT_FOUND: the folder is gone. */
	int (*check)(struct cv_storage_folder *folder, bool thorough,
		     uint32_t *scan_r, struct cv_error *err);
	/* Reports every blob once.  What a foreign program moves during the
	 * scan may be missed: what two scans both miss is gone.  A blob
	 * found elsewhere than its mark says is reported with new marks.
	 * After CV_OK the state says that nothing is to be seen. */
	int (*scan)(struct cv_storage_folder *folder, uint32_t scan,
		    cv_found_fn *fn, void *context, struct cv_error *err);
	/* Fills in what scan left open: bytes and received. */
	int (*look)(struct cv_storage_folder *folder, struct cv_found *found,
		    struct cv_error *err);
	/* Can scan report this keyword?  If not the journal alone keeps
	 * it. */
	bool (*keyword_shown)(struct cv_storage_folder *folder,
			      const char *name);
	/* Whether a difference in flags between journal and store comes from
	 * a change of ours that a power cut has undone: then the journal is
	 * right. */
	bool (*was_lost)(struct cv_storage_folder *folder, uint64_t modseq);
	/* A blob that two scans have missed: places it when it is hidden.
	 * CV_OK also when it has been placed meanwhile, as the blob says;
	 * CV_NOT_FOUND: it is gone, or under another name than that. */
	int (*recover)(struct cv_storage_folder *folder,
		       const struct cv_blob *blob, struct cv_error *err);
	/* Durable what was placed, renamed and removed up to now; modseq is
	 * remembered in the state for was_lost, together with this run of the
	 * machine.  0: not remembered, for what an earlier run has lost was
	 * not looked for yet. */
	int (*sync)(struct cv_storage_folder *folder, uint64_t modseq,
		    struct cv_error *err);
	/* What another server left.  CV_NOT_FOUND: nothing.  head_only: no
	 * entries.  Of FOREIGN folders without a list of UIDs core asks again
	 * after each scan: the other server may go on giving UIDs. */
	int (*takeover)(struct cv_storage_folder *folder, bool head_only,
			struct cv_pool *pool, struct cv_takeover *takeover_r,
			struct cv_error *err);

	/* CV_NOT_FOUND: it is gone.  Of a remote storage CV_E_PERM: the server
	 * does not give this message; others can be had. */
	int (*get)(struct cv_storage_folder *folder,
		   const struct cv_blob *blob, struct cv_blob_source *src_r,
		   struct cv_error *err);

	/* A new hidden blob.  bytes and virtual_bytes are 0 when they are
	 * not known yet.  *ref_r of put_finish lives in pool. */
	int (*put_create)(struct cv_storage_folder *folder,
			  struct cv_pool *pool, uint64_t bytes,
			  uint64_t virtual_bytes,
			  struct cv_storage_put **put_r,
			  struct cv_error *err);
	int (*put_write)(struct cv_storage_put *put, const void *data,
			 size_t len, struct cv_error *err);
	/* Ends the put; the hidden blob is *ref_r from now on, which lives in
	 * the put's pool.  On failure nothing is left. */
	int (*put_finish)(struct cv_storage_put **put, uint64_t virtual_bytes,
			  int64_t received, bool sync, struct cv_span *ref_r,
			  struct cv_error *err);
	void (*put_abort)(struct cv_storage_put **put);
	/* Before a commit: sets the marks of new blobs from their flags. */
	void (*marks)(struct cv_storage_folder *folder,
		      struct cv_blob *blobs, uint32_t count);
	/* After it: hidden blobs become visible.  Failures are logged and
	 * mended by a later scan. */
	void (*place)(struct cv_storage_folder *folder,
		      const struct cv_blob *blobs, uint32_t count);
	/* A hidden blob with these bytes under a given reference, placed:
	 * what a power cut lost, from the journal.  CV_OK also when it exists
	 * with these bytes; it is placed then.  Synced by the next sync at the
	 * latest. */
	int (*lay_out)(struct cv_storage_folder *folder,
		       const struct cv_blob *blob, struct cv_span body,
		       struct cv_error *err);
	/* A hidden copy without copying bytes, of a blob of the same driver
	 * under the same root.  CV_E_UNSUPPORTED: read and put instead. */
	int (*link)(struct cv_storage_folder *folder,
		    struct cv_storage_folder *from,
		    const struct cv_blob *blob, struct cv_pool *pool,
		    struct cv_span *ref_r, struct cv_error *err);
	int (*sync_hidden)(struct cv_storage_folder *folder,
			   struct cv_error *err);
	/* Removes a hidden blob by reference. */
	void (*unlink_hidden)(struct cv_storage_folder *folder,
			      struct cv_span ref);

	/* Mirrors flags for other programs.  Each update has its own status;
	 * the return value is a failure only when nothing could be done. */
	int (*set_flags)(struct cv_storage_folder *folder,
			 struct cv_flag_update *updates, uint32_t count,
			 struct cv_error *err);
	/* Removes blobs that the journal has expunged; missing ones are no
	 * failure. */
	int (*remove)(struct cv_storage_folder *folder,
		      const struct cv_blob *blobs, uint32_t count,
		      struct cv_error *err);
	/* A new descriptor (O_PATH) of what changes when other programs change
	 * the folder, index 0, 1; -1 past the last, or with errno.  NULL:
	 * their changes are found by check alone. */
	int (*watch_open)(struct cv_storage_folder *folder, uint32_t index);
	/* After a scan, when each blob of the journal has been placed: what
	 * has been hidden for more than a day was never committed, and is
	 * removed.  NULL: nothing to do. */
	void (*clean)(struct cv_storage_folder *folder);
	/* The folder's numbers, for formats that show them to other
	 * programs: after folder_open, and before place, set_flags, remove
	 * and sync.  NULL: not shown. */
	void (*numbers)(struct cv_storage_folder *folder,
			uint32_t uidvalidity, uint32_t uidnext);
	/* Where a folder's messages lie, for people; in pool.  NULL: no
	 * single place. */
	const char *(*folder_path)(struct cv_storage_root *root,
				   struct cv_span name, struct cv_pool *pool);
	/* Frees what no message refers to: live are the references of all
	 * messages of all folders, in any order.  convert: also rewrites
	 * what is in another server's format.  Under the account's lock;
	 * what was put and is not committed yet survives.  NULL: remove
	 * frees at once. */
	int (*purge)(struct cv_storage_root *root, const struct cv_span *live,
		     uint32_t count, bool convert, uint64_t *freed_r,
		     struct cv_error *err);
	/* Moves blobs to the alternative place, or back.  NULL: there can be
	 * none. */
	int (*altmove)(struct cv_storage_folder *folder,
		       const struct cv_blob *blobs, uint32_t count,
		       bool back, struct cv_error *err);
	/* After a scan: blobs that it has found are messages of the journal
	 * now, with these UIDs.  NULL: nothing to do. */
	void (*adopted)(struct cv_storage_folder *folder,
			const struct cv_blob *blobs, uint32_t count);
	/* For formats whose other servers keep a list of UIDs beside the
	 * messages; NULL: none.  Both after numbers, under the lock, before
	 * the commit; what cannot be written is logged, and noticed by the
	 * next uids_add.
	 *
	 * uids_add: these blobs get these UIDs, ascending; messages is how
	 * many the folder has.  CV_CHANGED: nothing was written, for the list
	 * does not end where the journal does: another server has given UIDs
	 * (takeover has them), or some were lost: scan, then uids_write.
	 * uids_write: all messages of the folder.  anew: even if the list
	 * agrees. */
	int (*uids_add)(struct cv_storage_folder *folder,
			const struct cv_uid_ref *refs, uint32_t count,
			uint32_t messages, struct cv_error *err);
	int (*uids_write)(struct cv_storage_folder *folder,
			  cv_uid_next_fn *next, void *context, bool anew,
			  struct cv_error *err);
	/* Rights that another server keeps beside a folder, as text in the
	 * form of Dovecot's files; name "": those of folders without any.
	 * CV_OK: nothing there, or as at this stamp (which is empty before
	 * the first time); CV_CHANGED: text_r in pool, and the stamp (at most
	 * 256 bytes) is replaced.  NULL: not kept. */
	int (*acl_read)(struct cv_storage_root *root, struct cv_span name,
			struct cv_text *stamp, struct cv_pool *pool,
			struct cv_span *text_r, struct cv_error *err);
	/* Looks over what stands behind "driver:" in mail_location (the keys
	 * that core knows are right already); see cv-check.h. */
	cv_check_fn *location_check;
	/* Where the tree is when mail_location has only the driver's name;
	 * NULL: it must have a path. */
	const char *default_path;
	/* With REMOTE: gives hidden blobs to the server, all of them or none
	 * as far as that can be had, with flags, keywords and received; sets
	 * uid, 0 when the server does not say it. */
	int (*send)(struct cv_storage_folder *folder, struct cv_blob *blobs,
		    uint32_t count, struct cv_error *err);
	/* With FOREIGN: what scan reports of a blob while nobody but us has
	 * changed it; some of its flags may have no place in a name.  Both
	 * are set to those of the blob before.  The rest is the journal's
	 * alone.  NULL: all flags, and the keywords that are shown. */
	void (*shown)(struct cv_storage_folder *folder,
		      const struct cv_blob *blob, struct cv_pool *pool,
		      uint32_t *flags_r, struct cv_keywords *keywords_r);
	/* A scan has reported this reference twice: first, then again.
	 * CV_OK: one of them is not there any more; CV_CHANGED: both were,
	 * and now there is one blob of this reference, or two of different
	 * ones, so that another scan is due.  blob: as the journal has it,
	 * or NULL.  NULL: it cannot happen. */
	int (*settle)(struct cv_storage_folder *folder,
		      const struct cv_found *first,
		      const struct cv_found *again,
		      const struct cv_blob *blob, struct cv_error *err);
	/* With REMOTE: has the server tell of changes.  The descriptor, which
	 * stays the driver's, is readable when it has; the next check asks
	 * then.  -1: it cannot; any other call for a folder of the root ends
	 * it.  NULL: it never can. */
	int (*listen)(struct cv_storage_folder *folder);
	/* Flags that another server keeps for one reader of a folder that
	 * many read, in a tree of his own: at config->index, which INDEXPVT=
	 * has named.  Needs no root; of config only that path, io, layout and
	 * names count.  Entries: messages that have any.  CV_NOT_FOUND: there
	 * is nothing.  NULL: not kept. */
	int (*private_flags)(const struct cv_storage_config *config,
			     struct cv_span name, struct cv_pool *pool,
			     struct cv_takeover *takeover_r,
			     struct cv_error *err);
	/* In place of altmove, for a driver that must know of all references
	 * before it takes apart what another server wrote.  Under the
	 * account's lock; every folder was scanned once before it.  What must
	 * stay where it is stays, and is logged. */
	int (*altmove_known)(struct cv_storage_folder *folder,
			     const struct cv_blob *blobs, uint32_t count,
			     bool back, cv_live_fn *live, void *context,
			     struct cv_error *err);
	/* For tools.  CV_NOT_FOUND: the blob is gone.  NULL: there is nothing
	 * to say. */
	int (*facts)(struct cv_storage_folder *folder,
		     const struct cv_blob *blob, struct cv_pool *pool,
		     struct cv_blob_facts *facts_r, struct cv_error *err);
	/* With POOLED: what the references of all copies of one blob share,
	 * and those of no other.  facts leaves it to core to count them. */
	struct cv_span (*same_bytes)(struct cv_span ref);
	/* For tools: the file with the blob, where it is or should be, in
	 * pool.  NULL: there is none for this blob, or none that is known. */
	const char *(*blob_path)(struct cv_storage_folder *folder,
				 const struct cv_blob *blob,
				 struct cv_pool *pool);
	/* What is hidden now, whether it was committed or not: ref alone is
	 * set.  Ends with what fn returns when that is not CV_OK.  With it,
	 * whoever opens a folder does what a process that was killed had
	 * committed and not done (recover, remove), which must not wait for
	 * another program then.  NULL: a scan alone does. */
	int (*hidden)(struct cv_storage_folder *folder, cv_found_fn *fn,
		      void *context, struct cv_error *err);
	/* Before lay_out, of blobs that this run of the machine has placed
	 * (not was_lost): durable the bytes of those that lie there with
	 * their size, many at once.  What it leaves is laid out.  NULL: all
	 * of them are. */
	void (*sync_placed)(struct cv_storage_folder *folder,
			    struct cv_blob_sync *items, uint32_t count);
	/* For formats where a message lies behind those that came before, and
	 * UIDs are to ascend like that.  guard_begin: under the account's
	 * lock, before new messages are committed.  CV_OK: until guard_end
	 * no other program adds one; CV_CHANGED: nor then, but one was added
	 * that the journal lacks, or UIDs were given that it does not know: a
	 * scan, which finds it, comes first.
	 * Failures: they cannot be kept out, and the commit goes on without;
	 * waits for a short time only.  guard_end: after place, or when
	 * nothing was committed.  NULL: the order does not matter. */
	int (*guard_begin)(struct cv_storage_folder *folder,
			   struct cv_error *err);
	void (*guard_end)(struct cv_storage_folder *folder);
};

/* For location_check: LAYOUT= is one of the words, which end with NULL. */
static inline void cv_check_layout(const struct cv_check *check,
				   const char *const *known)
{
	const char *at = strstr(check->value, ":LAYOUT=");
	struct cv_span word;

	if (at == NULL)
		return;
	word = cv_span(at + 8, strcspn(at + 8, ":"));
	for (uint32_t i = 0; known[i] != NULL; i++) {
		if (cv_span_is_icase(word, known[i]))
			return;
	}
	check->error(check, "", "%s has no LAYOUT '%.*s'%s", check->driver,
		     CV_SPAN_ARG(word), check->nearest(check, word, known));
}

#endif
