/* mailbox-private.h - users, namespaces, stores, folders and views, for the
 * files of this folder.
 *
 * A user has namespaces; a namespace shows a store; a store is an account
 * (what is true) over a tree of a blob driver (where the bytes lie).  A
 * folder's name within a store is its storage name: UTF-8, '/' between
 * levels, "INBOX" for the inbox. */
#ifndef MAILBOX_PRIVATE_H
#define MAILBOX_PRIVATE_H

#include "acl.h"
#include "acl/acl-global.h"
#include "mailbox-admin.h"
#include "user.h"
#include "account/account.h"
#include "module/hook.h"
#include "module/module.h"
#include "module/slots.h"
#include "settings/core-settings.h"
#include "message/message-summary.h"
#include "message/message-section.h"

enum {
	MAILBOX_NAME_BYTES_MAX = 1000,
	MAILBOX_LOCK_MSECS = 30 * 1000,	/* wait for the account's lock */
	MAILBOX_CHECK_MSECS = 1000,	/* between looks at the store that
					 * nobody asked for */
	MAILBOX_MARK_SHIFT = 16,	/* cv_blob_mark to account_flag */
	MAILBOX_USE_SHIFT = 2,		/* CV_MAILBOX_USE_x to ACCOUNT_x */
	REMOTE_MESSAGES_MAX = 10 * 1000 * 1000,
	USER_NAME_LIMIT = 255,		/* of owners, as parts of names */
};

/* --- users and namespaces -------------------------------------------------- */

/* Who is told of calls that take long. */
struct mailbox_progress {
	cv_progress_fn *fn;		/* NULL: nobody */
	void *context;
	uint32_t calls;
	uint64_t next_msecs;		/* monotonic; 0: since no call yet */
};

/* mailbox NAME { } of a namespace. */
struct mailbox_config {
	const char *name;		/* storage name */
	uint32_t auto_create;		/* enum mailbox_auto */
	uint32_t use;			/* CV_MAILBOX_USE_x */
	uint64_t expunge_msecs;		/* autoexpunge; 0: never */
	uint32_t expunge_max;		/* autoexpunge_max_mails; 0: any */
};

struct namespace {
	uint32_t type;			/* enum cv_namespace_type */
	const char *prefix;
	char separator;
	bool listed, listed_children, hidden, inbox, subscriptions;
	const char *alias_for;		/* NULL: none */
	struct store *store;
	struct remote *remote;		/* another user's, by a broker; then
					 * there is no store.  NULL: here */
	const struct mailbox_config *mailboxes;
	uint32_t mailbox_count;
};

struct cv_user {
	struct module_slots slots;	/* first */
	struct cv_pool *pool;
	const char *name, *home;
	uid_t uid;
	gid_t gid;
	const char *hostname;
	struct io *io;
	const struct settings_tree *settings;
	struct settings_scope scope;
	struct settings_vars vars, outer_vars;
	struct mail_settings mail;
	struct module_scope plugin_settings;
	uint8_t boot_id[16];
	const char *location;		/* the only one, or NULL */
	const struct acl_who *accessor;	/* who this process serves, when it
					 * is not the user; NULL */
	bool acl_strict;		/* no list: no rights for others */
	struct acl_global *acl_global;	/* NULL: none */
	const char *shared_dict;	/* NULL: none */
	const char *attribute_path;	/* of Dovecot's annotations; NULL */
	struct dovecot_attributes *attributes;	/* that file, once read */
	bool private_seen;		/* \Seen is the accessor's own */
	struct shared_prefix *shared;	/* namespaces of many owners */
	struct remote *remotes;
	struct cv_mailbox *remote_boxes;	/* open views of theirs */
	user_broker_fn *open_broker;	/* NULL: there are none */
	void *broker_context;
	uint64_t broker_turn;
	uint64_t heard_turn;		/* of changes in others' mail */
	uint32_t broker_views;
	struct mailbox_progress progress;
	cv_stuck_fn *stuck_fn;		/* NULL: nobody is told */
	void *stuck_context;
	bool fts_off;			/* it has failed: not asked again */
	uint64_t first_modseq;
	enum user_inspect inspect;
	user_account_fn *account;	/* NULL: files */
	void *account_context;
	struct namespace *namespaces;
	uint32_t namespace_count;
	struct store *stores;
	struct cv_mailbox *boxes;	/* open views */
	struct annotation_watch *annotations;	/* NULL: nobody asks */
	struct watch_all *watch_all;	/* NULL: the same */
	struct urlauth_settings *urlauth;	/* NULL: not read yet */
};

/* --- stores ------------------------------------------------------------------ */

/* mail_location taken apart; strings are "" when not given. */
struct mail_location {
	const char *driver, *path, *layout, *index, *control, *inbox, *dirname;
	const char *alt;
	const char *subscriptions;	/* SUBSCRIPTIONS= */
	const char *index_pvt;		/* \Seen is each reader's own */
	bool utf8;
};

int mail_location_parse(struct cv_user *user, const char *text,
			struct mail_location *location_r,
			struct cv_error *err);
/* Do both mean the same tree? */
bool mail_location_equal(const struct mail_location *a,
			 const struct mail_location *b);
/* Is anything there? */
bool mail_location_exists(const struct cv_user *user,
			  const struct mail_location *location);
/* Where the account of a tree is; dir as below. */
const char *mail_location_account_path(const struct mail_location *location,
				       const char *dir, struct cv_pool *pool);
/* Whether a is the place of b, or lies in it, whatever way it is written. */
bool mail_location_is_within(const struct mail_location *a,
			     const struct mail_location *b);
/* Opens the account of a tree; dir is the driver's account_dir. */
int mail_location_account_open(struct cv_user *user,
			       const struct mail_location *location,
			       const char *dir,
			       const struct account_options *options,
			       struct account **account_r,
			       struct cv_error *err);

struct store_folder {
	struct store_folder *next;
	struct store *store;
	struct account_folder *folder;
	struct cv_storage_folder *blobs;
	struct cv_text state;		/* as last given to the driver */
	struct cv_pool *pool;
	unsigned int holds;		/* store_folder_hold */
	bool forgotten;			/* closed with the last of them */
	uint64_t expunged;		/* modseq of the last tombstones */
	uint64_t removed;		/* those whose blobs are: to be said */
	bool guarded;			/* between guard_begin and guard_end */
	bool guard_holds;		/* the account's lock, until then */
};

struct store {
	struct store *next;
	struct cv_user *user;
	struct mail_location location;
	const struct cv_storage *driver;
	struct cv_storage_config config;
	struct cv_storage_root *root;	/* NULL: not opened yet */
	struct account *account;
	struct store_folder *folders;
	bool has_inbox;
	bool frozen;			/* to be looked at only: what the
					 * account says stays */
	bool passing;			/* INDEX=MEMORY: what is found is taken
					 * in, and nothing else is changed */
	bool is_private;		/* of a private namespace: it counts
					 * for the quota */
	bool laying_out;		/* within a rotation: no transaction */
	bool private_seen;		/* \Seen is each reader's own */
	bool all_scanned;		/* each folder was, by this process */
	bool told_denied;		/* that folders are left out */
	bool left_out;			/* one was, at the last look */
	bool all_counted;		/* or those that no process had seen */
};

/* The separator is known without opening anything. */
int store_create(struct cv_user *user, const char *location,
		 struct store **store_r, struct cv_error *err);
/* The one with the inbox, where what is the user's own is kept. */
struct store *mailbox_own_store(struct cv_user *user);
/* Opens what is not open yet. */
int store_open(struct store *store, struct cv_error *err);
void store_close(struct store *store);
/* CV_E_ACCESS: nothing can be changed. */
int store_begin(struct store *store, struct account_txn **txn_r,
		struct cv_error *err);
/* For what is found in the tree, and what was begun there: also where nothing
 * else can be changed. */
int store_take_in(struct store *store, struct account_txn **txn_r,
		  struct cv_error *err);
/* account_hold with the same patience. */
int store_hold(struct store *store, struct cv_error *err);
/* On a full disk: what the journal has grown by is given back.  CV_OK: it is. */
int store_make_room(struct store *store);
/* In the transaction of an expunge: where scans take what they find for new
 * messages, blobs are removed before any of them commits, or forgets the
 * tombstones.  Until store_removed, which may come without it. */
void store_removing(struct store *store);
void store_removed(struct store *store);
/* Rotates the journal when it has grown: when there is time. */
void store_idle(struct store *store);
/* store-purge.c: frees what no message refers to; convert: also rewrites what
 * another server wrote.  CV_E_UNSUPPORTED: there is nothing to purge. */
int store_purge(struct store *store, bool convert, uint64_t *freed_r,
		struct cv_error *err);
/* The references of all messages of all folders that the journal knows. */
int store_references(struct store *store, struct cv_pool *pool,
		     struct cv_span **refs_r, uint32_t *count_r,
		     struct cv_error *err);
/* Moves the bytes of these UIDs to the alternative place, or back. */
int store_altmove(struct store_folder *sf, const struct account_range *uids,
		  size_t count, bool back, struct cv_error *err);
const struct cv_storage *storage_find(const char *name);
const struct cv_storage *storage_next(uint32_t *at);

/* The driver's side of a folder, opened when it is not; its state is brought
 * up to date.  CV_E_NOT_FOUND: it is not there any more. */
int store_folder_get(struct store *store, struct account_folder *folder,
		     struct store_folder **sf_r, struct cv_error *err);
void store_folder_refresh(struct store_folder *sf);
/* Tells the driver UIDVALIDITY and UIDNEXT. */
void store_folder_numbers(struct store_folder *sf);
/* Whether the driver keeps a list of UIDs for other servers. */
/* The messages are another server's: see CV_STORAGE_REMOTE. */
bool store_is_remote(const struct store *store);
/* Gives hidden blobs to it, and takes in what it has made of them.  uid of
 * each is set, 0: not known. */
int store_send(struct store_folder *sf, struct cv_blob *blobs,
	       uint32_t count, struct cv_error *err);
bool store_has_uids(const struct store_folder *sf);
/* For that list, before the commit.  CV_CHANGED: the folder has to be scanned
 * first. */
int store_uids_add(struct store_folder *sf, const struct cv_blob *blobs,
		   uint32_t count, struct cv_error *err);
/* store-guard.c.  In a transaction, before new messages: keeps other programs
 * from adding some until store_unguard, if the driver can and its format wants
 * it.  What they have added already is scanned first: then *txn is another
 * one, and NULL after a failure. */
struct quota_hold;
int store_guard(struct store_folder *sf, struct quota_hold *hold,
		struct account_txn **txn, struct cv_error *err);
/* Also of a folder that is not guarded. */
void store_unguard(struct store_folder *sf);
/* Closes it; what holds it keeps it until it lets go, while a new get opens
 * it anew. */
void store_folder_forget(struct store *store, struct account_folder *folder);
/* Saves and views stay with what they have begun in, whatever is closed,
 * renamed or removed meanwhile. */
void store_folder_hold(struct store_folder *sf);
void store_folder_release(struct store_folder *sf);
/* Puts the driver's state into the transaction when it has changed. */
int store_folder_save_state(struct store_folder *sf, struct account_txn *txn,
			    struct cv_error *err);
/* The same in a transaction of its own; failures do not matter. */
void store_folder_publish(struct store_folder *sf);

/* A message as the driver sees it; keywords live in pool. */
void store_blob_get(struct account_folder *folder, uint32_t row,
		    struct cv_pool *pool, struct cv_blob *blob_r);
struct cv_keywords store_keywords_get(struct account_folder *folder,
				      struct account_keywords indexes,
				      struct cv_pool *pool);

/* store-lay-out.c: for account_options; context is the store. */
int store_lay_out(void *context, struct account *account,
		  const struct account_body *bodies, size_t count,
		  struct cv_error *err);

/* store-folders.c: the list of folders.  refresh: account and tree. */
/* Before a folder and its descendants are renamed on disk: should the commit
 * not follow, the next refresh ends what was begun.  The commit that renames
 * takes the word back. */
int store_rename_announce(struct store *store, const char *from,
			  const char *to, struct cv_error *err);
int store_rename_done(struct account_txn *txn, struct cv_error *err);
/* Ends one that a process which was killed has begun, before anybody sees
 * the old name; what fails is left to the next list. */
void store_rename_resume(struct store *store);
/* Where a folder lies that is not in its place: a rename of it was announced,
 * and no folder has the new name yet.  *target_r: in the pool. */
bool store_rename_target(struct store *store, const char *name,
			 struct cv_pool *pool, struct cv_span *target_r);
/* Takes it back when nothing has been renamed, or all has its old name. */
void store_rename_withdraw(struct store *store, const char *from,
			   const char *to);
/* A removed folder had this name and UIDVALIDITY: what lies there now is what
 * its removal has not reached yet, and its UIDs were given out. */
bool store_was_removed(struct store *store, struct cv_span name,
		       uint32_t uidvalidity);
/* Whether there is certainly none of that name on disk. */
bool store_folder_absent(struct store *store, struct cv_span name);
int store_folders_refresh(struct store *store, bool force,
			  struct cv_error *err);
int store_subscriptions_refresh(struct store *store, struct cv_error *err);
int store_subscriptions_publish(struct store *store, struct cv_error *err);
/* Creates in both; the folder exists afterwards.  CV_E_EXISTS. */
int store_folder_create(struct store *store, struct cv_span name,
			uint32_t use, struct account_folder **folder_r,
			struct cv_error *err);
/* The same with an identity that was asked for (options.attributes, too) and
 * a list of rights (data NULL: none). */
int store_folder_create_as(struct store *store, struct cv_span name,
			   const struct account_folder_options *as,
			   struct cv_span acl,
			   struct account_folder **folder_r,
			   struct cv_error *err);

/* store-attributes.c: annotations that Dovecot kept for a folder that is being
 * taken over, with the GUID that it gave it. */
int store_attributes_take(struct store *store, struct account_txn *txn,
			  struct account_folder *folder, struct cv_error *err);
/* mailbox-metadata.c: the name of an annotation in lower case, in pool.
 * CV_E_SYNTAX: it is none. */
int mailbox_entry_check(struct cv_span key, struct cv_pool *pool,
			struct cv_span *key_r, struct cv_error *err);

/* store-scan.c: brings in what others have changed.  CV_OK: nothing new;
 * CV_CHANGED. */
int store_folder_scan(struct store_folder *sf, bool thorough,
		      struct cv_error *err);
/* The same, whatever the driver thinks. */
int store_folder_scan_all(struct store_folder *sf, struct cv_error *err);
/* scan-tombstones.c: of expunged blobs */
int store_tombstones_add(struct store_folder *sf, struct account_txn *txn,
			 const struct cv_blob *blobs, uint32_t count,
			 struct cv_error *err);
/* The blobs of those that were added last are removed; the next publish says
 * so to all. */
void store_tombstones_removed(struct store_folder *sf);
int store_tombstones_say(struct store_folder *sf, struct account_txn *txn,
			 struct cv_error *err);
/* Whoever expunged something may have ended before its blobs were removed. */
bool store_tombstones_unsaid(struct account_folder *folder);
/* Removes those blobs, and says so. */
int store_tombstones_finish(struct store_folder *sf, struct account_txn *txn,
			    struct cv_pool *pool, struct cv_error *err);
/* store-finish.c: does what other processes have committed and not done: they
 * do it in a moment, or were killed.  What cannot be done is logged. */
void store_folder_finish(struct store_folder *sf);

/* --- quota ------------------------------------------------------------------ */

struct quota_use { uint64_t bytes, messages, mailboxes; };

/* The other accounts that stay locked while one of them grows. */
struct quota_hold {
	struct cv_user *user;		/* NULL: there is no quota */
	struct quota_use use;
	struct account_txn **others;
	uint32_t count;
};

/* As store_begin for a transaction that adds messages: then quota_reserve for
 * what it adds, account_commit or account_rollback, and quota_end.  Failed:
 * there is nothing to end. */
int quota_begin(struct store *store, struct cv_pool *pool,
		struct quota_hold *hold, struct account_txn **txn_r,
		struct cv_error *err);
/* CV_E_QUOTA: it does not fit. */
int quota_reserve(struct quota_hold *hold, const char *mailbox_name,
		  uint64_t bytes, uint64_t messages, struct cv_error *err);
/* What the transaction takes away. */
void quota_credit(struct quota_hold *hold, uint64_t bytes, uint64_t messages);
/* What is used has changed meanwhile. */
int quota_again(struct quota_hold *hold, struct cv_error *err);
void quota_end(struct quota_hold *hold);
/* Without a lock, for one message of which nothing was read yet. */
int quota_estimate(struct store *store, const char *mailbox_name,
		   uint64_t bytes, struct cv_error *err);
/* Before a mailbox is created.  CV_E_QUOTA: there are too many. */
int quota_create(struct store *store, const char *mailbox_name,
		 struct cv_error *err);
uint32_t mailbox_quota_resources(struct cv_user *u);
int mailbox_quota_set(struct cv_user *u, const char *root,
		      const struct cv_quota_limit *limit,
		      struct cv_error *err);
int mailbox_quota(struct cv_user *u, const char *mailbox_name, uint32_t index,
		  struct cv_quota_usage *usage_r, struct cv_error *err);

/* --- names --------------------------------------------------------------------- */

struct mailbox_ref {
	struct namespace *ns;
	struct store *store;
	const char *name;		/* storage name, in pool */
	struct cv_span span;
};

/* The namespace with the longest prefix of a name; NULL: none. */
struct namespace *mailbox_namespace_find(struct cv_user *user,
					 const char *name);
/* Finds namespace and storage name of an IMAP name and checks it.  Opens the
 * store. */
int mailbox_resolve(struct cv_user *user, const char *name,
		    struct cv_pool *pool, struct mailbox_ref *ref_r,
		    struct cv_error *err);
/* The folder of a name; also one that another program has just made, or that
 * the settings say is to be made (auto = create).  CV_E_NOT_FOUND. */
int mailbox_find(struct cv_user *user, const char *name, struct cv_pool *pool,
		 struct mailbox_ref *ref_r, struct account_folder **folder_r,
		 struct cv_error *err);
/* A storage name as the client sees it; NULL when the namespace cannot show
 * it (its separator is in it). */
const char *mailbox_name_show(const struct namespace *ns, const char *name,
			      struct cv_pool *pool);
/* The other way, without a check. */
const char *mailbox_name_store(const struct namespace *ns, const char *name,
			       struct cv_pool *pool);
const struct mailbox_config *
mailbox_config_find(const struct namespace *ns, const char *name);
/* DECIDE hooks before a change. */
int mailbox_changing(struct cv_user *user, const char *change,
		     const char *name, const char *new_name,
		     struct cv_error *err);

/* --- rights ------------------------------------------------------------------ */

enum mailbox_op {
	MAILBOX_OP_LIST, MAILBOX_OP_SUBSCRIBE, MAILBOX_OP_STATUS,
	MAILBOX_OP_OPEN, MAILBOX_OP_INSERT, MAILBOX_OP_EXPUNGE,
	MAILBOX_OP_MOVE_FROM, MAILBOX_OP_CREATE_IN, MAILBOX_OP_DELETE, MAILBOX_OP_ADMIN,
	MAILBOX_OPS,
};

/* mailbox-acl.c.  enum acl_right of whoever this process serves; folder NULL:
 * of folders without a list of their own. */
uint32_t mailbox_rights(struct cv_user *user, const struct namespace *ns,
			struct account_folder *folder);
/* The list that is kept for a folder; folder NULL: for those without one.
 * *found_r: there is such a list.  foreign: look at other servers', too. */
int mailbox_acl_read(const struct namespace *ns,
		     struct account_folder *folder, bool foreign,
		     struct acl *acl, bool *found_r, struct cv_error *err);
/* CV_OK, CV_E_DENIED, or CV_E_NOT_FOUND for who may not even know of it. */
int mailbox_permit(uint32_t rights, enum mailbox_op op, const char *name,
		   struct cv_error *err);
int mailbox_refuse(uint32_t rights, enum mailbox_op op, const char *name,
		   struct cv_error *err);
/* Whoever this process serves, the mailboxes of the namespace are his. */
bool mailbox_is_owner(const struct cv_user *user, const struct namespace *ns);
/* The rights in an open mailbox, as they are now, and the flags that they
 * allow to change: enum cv_flag; 0 and *keywords_r false: none. */
uint32_t mailbox_box_rights(struct cv_mailbox *box);
uint32_t mailbox_flags_allowed(uint32_t rights, bool *keywords_r);
/* Without those that are the reader's own, and kept elsewhere. */
static inline uint32_t mailbox_flags_kept(const struct store *store,
					  uint32_t flags)
{
	return store->private_seen ? flags & ~(uint32_t)CV_FLAG_SEEN : flags;
}
/* mailbox_find, and mailbox_permit. */
int mailbox_find_for(struct cv_user *user, const char *name,
		     enum mailbox_op op, struct cv_pool *pool,
		     struct mailbox_ref *ref_r,
		     struct account_folder **folder_r, struct cv_error *err);
/* May a mailbox of this name be made? */
int mailbox_permit_create(struct cv_user *user, const struct mailbox_ref *ref,
			  const char *name, struct cv_error *err);
/* The list it begins with, as text; data NULL: none of its own. */
struct cv_span mailbox_acl_inherited(const struct mailbox_ref *ref,
				     struct cv_pool *pool);

/* --- progress -------------------------------------------------------------------- */

/* mailbox-progress.c.  Around and within what may take long: negative when it
 * is to be given up.  Looks at the clock now and then, so it may be called for
 * every message. */
void mailbox_progress_begin(struct cv_user *user);
int mailbox_progress(struct cv_user *user, uint64_t done, uint64_t total,
		     struct cv_error *err);
void mailbox_set_progress(struct cv_user *u, cv_progress_fn *fn,
			  void *context);

/* mailbox-guard.c.  Around one call into a plugin: when it has not come back
 * after so many milliseconds, the process ends, with a line in the log and one
 * to the client.  what: of whom the log speaks; it stays until the end. */
void mailbox_guard_begin(struct cv_user *user, const char *what,
			 uint64_t msecs);
void mailbox_guard_end(void);
void mailbox_set_stuck(struct cv_user *u, cv_stuck_fn *fn, void *context);

/* --- views ----------------------------------------------------------------------- */

/* A STORE.SILENT of this view that sync has not passed yet. */
struct silent_store {
	uint64_t modseq;
	struct account_ranges uids;
	struct silent_store *next;
};

struct size_fix { uint32_t uid; uint64_t size, virtual_size; };

/* The message whose bytes were last asked for. */
struct open_message {
	struct cv_pool *pool;		/* NULL: none */
	uint32_t uid;
	struct cv_stream *stream;	/* NULL: not opened */
	uint64_t length;
	bool has_summary, has_tree;
	bool correct_size;		/* on record: the length counts */
	uint64_t claimed;		/* by its blob; 0: nothing */
	bool claim_counts;		/* fewer are not the message */
	struct message_summary summary;
	struct mime_tree tree;
	/* The section last opened, whose stream remembers the places that it
	 * has passed: fetching in pieces goes on there. */
	struct message_section section;
	struct cv_stream *section_stream;	/* NULL: none */
	uint64_t section_size;
};

enum { VIEW_RUNS_MAX = 128 };

struct cv_mailbox {
	struct module_slots slots;	/* first */
	struct cv_mailbox *next;
	struct cv_pool *pool;
	struct cv_user *user;
	struct namespace *ns;
	struct store *store;
	struct account_folder *folder;
	struct store_folder *sf;
	const char *name;		/* as the client sees it */
	bool readonly, keeps_recent, watched;
	bool verify;			/* checksums of all that is read */
	uint32_t rights;		/* enum acl_right, at rights_txn */
	uint64_t rights_txn;
	/* of another user: there is no store, folder and sf */
	struct remote_view *remote;
	const char *remote_name;	/* storage name over there */
	struct private_seen *seen;	/* the reader's own; NULL */

	/* The view: ascending.  NULL: as runs, which is how mailboxes with
	 * few gaps are opened: a million UIDs that need no memory and are
	 * there at once. */
	uint32_t *uids;
	struct account_run *runs;	/* room for VIEW_RUNS_MAX */
	uint32_t run_count;
	uint32_t count, room;
	uint64_t modseq;		/* flags are known up to here */
	uint64_t expunge_modseq;	/* expunges are known up to here */
	bool expunges_wait;		/* there may be some after that */
	uint32_t uidnext;
	uint32_t keyword_count;
	uint32_t uidvalidity;
	struct account_ranges recent;	/* UIDs that are \Recent here */
	uint32_t recent_count;
	struct silent_store *silent;
	struct cv_pool *silent_pool;

	struct cv_pool *sync_pool;	/* of the last sync's answer */
	struct cv_pool *data_pool;	/* of the last message's data */
	struct open_message message;
	uint32_t row_hint;
	uint64_t checked_at;		/* monotonic milliseconds */
	ARRAY(struct size_fix) size_fixes;
	struct shared_refs **shared;	/* mailbox-facts.c's; NULL */
};

int mailbox_open(struct cv_user *user, const char *name, uint32_t flags,
		 struct cv_mailbox **box_r, struct cv_error *err);
/* An empty one, which nobody knows yet. */
struct cv_mailbox *mailbox_box_create(struct cv_user *user, bool readonly);
void mailbox_box_destroy(struct cv_mailbox *box);
/* A greater UID than all before. */
void mailbox_view_add(struct cv_mailbox *box, uint32_t uid);
uint32_t mailbox_run_uid(const struct cv_mailbox *box, uint32_t at);
/* The first place in the view with a UID >= uid. */
uint32_t mailbox_view_lower(const struct cv_mailbox *box, uint32_t uid);
/* The UID of the message with the sequence number at + 1. */
static inline uint32_t mailbox_uid_at(const struct cv_mailbox *box,
				      uint32_t at)
{
	return box->uids != NULL ? box->uids[at] : box->run_count == 1 ?
		box->runs[0].uid + at : mailbox_run_uid(box, at);
}
/* All of them, as a list that may be changed. */
uint32_t *mailbox_view_uids(struct cv_mailbox *box);

/* What mailbox-freeze.c has read. */
struct mailbox_frozen {
	struct cv_pool *pool;
	const char *name;
	bool readonly;
	struct account_guid account, folder;
	uint32_t uidvalidity, uidnext, keyword_count;
	uint64_t modseq, expunge_modseq;
	struct account_ranges uids, recent;
	struct silent_store *silent;
	/* of what others read, too: the reader's own \Seen, and what of it is
	 * still to be told */
	bool has_seen;
	struct account_ranges seen, seen_news;
	/* of another user: what the broker has frozen; empty: nothing */
	bool remote;
	struct cv_span broker;
};
int mailbox_open_frozen(struct cv_user *user, const struct mailbox_frozen *f,
			struct cv_mailbox **box_r, struct cv_error *err);
/* Fills an empty view. */
int mailbox_view_thaw(struct cv_mailbox *box, const struct mailbox_frozen *f,
		      struct cv_error *err);

void mailbox_close(struct cv_mailbox **box);
void mailbox_state(struct cv_mailbox *box, struct cv_mailbox_state *state_r);
int mailbox_sync(struct cv_mailbox *box, uint32_t flags,
		 struct cv_mailbox_changes *changes_r, struct cv_error *err);
int mailbox_watch_fd(struct cv_mailbox *box);
void mailbox_watch_clear(struct cv_mailbox *box);
int mailbox_uids_to_seqs(struct cv_mailbox *box, struct cv_set uids,
			 struct cv_pool *pool, struct cv_set *seqs_r);
uint32_t mailbox_uid_of(struct cv_mailbox *box, uint32_t seq);
/* The row of a sequence number, false when it is expunged. */
bool mailbox_row(struct cv_mailbox *box, uint32_t seq, uint32_t *row_r);
bool mailbox_uid_is_recent(const struct cv_mailbox *box, uint32_t uid);
/* The view's UIDs of sequence numbers, as ranges for a transaction. */
void mailbox_seqs_to_uids(struct cv_mailbox *box, struct cv_set seqs,
			  struct cv_pool *pool, struct account_ranges *uids_r);

/* Ranges of ascending numbers. */
void ranges_add(struct account_ranges *ranges, uint32_t value);
bool ranges_contain(const struct account_ranges *ranges, uint32_t value);
struct cv_set ranges_set(const struct account_ranges *ranges);

/* mailbox-fetch.c */
int mailbox_message(struct cv_mailbox *box, uint32_t seq, uint32_t items,
		    struct cv_message_data *data_r, struct cv_error *err);
int mailbox_section(struct cv_mailbox *box, uint32_t seq,
		    const struct cv_section *section,
		    struct cv_stream **stream_r, uint64_t *size_r,
		    struct cv_error *err);
/* For search: the summary of a message, made when it is not there. */
int mailbox_summary(struct cv_mailbox *box, uint32_t row,
		    const struct message_summary **summary_r,
		    struct cv_error *err);
/* The same, without a copy when the catalogue has it: valid until the next
 * call on the folder. */
int mailbox_record(struct cv_mailbox *box, uint32_t row,
		   struct message_summary *summary_r, struct cv_error *err);
/* Its bytes as stored, and its parts. */
int mailbox_content(struct cv_mailbox *box, uint32_t row,
		    struct cv_stream **stream_r,
		    const struct mime_tree **tree_r, struct cv_error *err);
void mailbox_message_close(struct cv_mailbox *box);
/* Head are the first bytes of what is to be a message.  CV_E_TEMP: they are of
 * what a plugin makes that is not loaded; what is for the text of the error. */
int mailbox_check_encoding(struct cv_span head, const char *what,
			   struct cv_error *err);
void mailbox_flush_sizes(struct cv_mailbox *box);
/* The sizes of messages that nobody has looked at yet. */
int mailbox_fill_sizes(struct cv_mailbox *box, struct cv_error *err);

/* mailbox-store.c */
int mailbox_store(struct cv_mailbox *box, const struct cv_store_request *r,
		  struct cv_pool *pool, struct cv_set *modified_r,
		  struct cv_error *err);
/* CV_E_DENIED and a client text when it is open read-only. */
int mailbox_check_writable(const struct cv_mailbox *box, struct cv_error *err);
int keyword_check(struct cv_user *user, const char *name,
		  struct cv_error *err);

/* mailbox-expunge.c */
int mailbox_settle(struct cv_user *user, struct cv_error *err);
int mailbox_expunge(struct cv_mailbox *box, const struct cv_set *uids,
		    struct cv_error *err);
/* The same whether they have \Deleted or not. */
int mailbox_expunge_uids(struct cv_mailbox *box, const struct cv_set *uids,
			 struct cv_error *err);

/* mailbox-vanished.c */
int mailbox_vanished(struct cv_mailbox *box, uint64_t since,
		     const struct cv_set *uids, struct cv_pool *pool,
		     struct cv_set *uids_r, struct cv_error *err);
/* Those of gone that are asked for (NULL: all), were once told and are not in
 * the view now. */
void mailbox_vanished_among(struct cv_mailbox *box, struct cv_set gone,
			    const struct cv_set *uids,
			    struct account_ranges *out);

/* mailbox-thread-id.c: false when it cannot be said. */
bool mailbox_thread_id(const struct message_summary *summary,
		       const uint8_t guid[16], uint8_t thread_r[16]);

/* mailbox-copy.c */
int mailbox_copy(struct cv_mailbox *box, struct cv_set seqs,
		 const char *mailbox_name, bool move, struct cv_pool *pool,
		 struct cv_copy_result *result_r, struct cv_error *err);

/* mailbox-search.c */
int mailbox_search(struct cv_mailbox *box,
		   const struct cv_search_query *query, struct cv_pool *pool,
		   struct cv_set *seqs_r, struct cv_error *err);

/* mailbox-sort.c, mailbox-thread.c */
/* scores_r (may be NULL): of those found, in order. */
int mailbox_search_scored(struct cv_mailbox *box,
			  const struct cv_search_query *query,
			  struct cv_pool *pool, struct cv_set *seqs_r,
			  const uint8_t **scores_r, struct cv_error *err);
/* mailbox-fts.c; enum cv_search_cap. */
uint32_t mailbox_search_caps(struct cv_user *u);
int mailbox_sort(struct cv_mailbox *box, const struct cv_sort_request *r,
		 struct cv_pool *pool, uint32_t **seqs_r, uint32_t *count_r,
		 struct cv_error *err);
int mailbox_thread(struct cv_mailbox *box, const struct cv_thread_request *r,
		   struct cv_pool *pool, struct cv_thread_node **nodes_r,
		   uint32_t *count_r, struct cv_error *err);

/* mailbox-save.c */
int mailbox_save_begin(struct cv_user *u, const char *mailbox_name,
		       struct cv_save **save_r, struct cv_error *err);
int mailbox_save_add(struct cv_save *save, const struct cv_save_request *r,
		     struct cv_error *err);
int mailbox_save_write(struct cv_save *save, const void *data, size_t len,
		       struct cv_error *err);
int mailbox_save_finish(struct cv_save *save, struct cv_error *err);
int mailbox_save_commit(struct cv_save **save, struct cv_pool *pool,
			uint32_t *uidvalidity_r, struct cv_set *uids_r,
			struct cv_error *err);
void mailbox_save_abort(struct cv_save **save);
int mailbox_save_replace(struct cv_save *save, struct cv_mailbox *box,
			 uint32_t seq, struct cv_error *err);
/* It needs this view until it ends. */
bool mailbox_save_needs(const struct cv_save *save,
			const struct cv_mailbox *box);

/* [RFC5464 4.1] What INBOX has is kept, and goes along with its mail. */
int annotations_copy(struct cv_user *u, const char *from, const char *to,
		     struct cv_error *err);
/* mailbox-metadata.c, for brokers: annotations under /shared, with the rights
 * of whoever asks. */
int annotations_list_shared(struct cv_user *u, const char *name,
			    struct cv_pool *pool,
			    struct cv_metadata **entries_r,
			    uint32_t *count_r, struct cv_error *err);
int annotations_set_shared(struct cv_user *u, const char *name,
			   const struct cv_metadata *entries, uint32_t count,
			   struct cv_error *err);

/* mailbox-list.c */
int mailbox_list_begin(struct cv_user *u, const struct cv_list_query *query,
		       struct cv_list **list_r, struct cv_error *err);
int mailbox_list_next(struct cv_list *list, struct cv_list_entry *entry_r,
		      struct cv_error *err);
void mailbox_list_end(struct cv_list **list);

/* mailbox-folder.c */
int mailbox_create(struct cv_user *u, const char *name, uint32_t use,
		   struct cv_error *err);
int mailbox_remove(struct cv_user *u, const char *name, struct cv_error *err);
int mailbox_rename(struct cv_user *u, const char *name, const char *new_name,
		   struct cv_error *err);
int mailbox_subscribe(struct cv_user *u, const char *name, bool on,
		      struct cv_error *err);
int mailbox_status(struct cv_user *u, const char *name, uint32_t items,
		   struct cv_mailbox_status *status_r, struct cv_error *err);

#endif
