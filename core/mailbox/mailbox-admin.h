/* mailbox-admin.h - what administrators' tools do with a mailbox, beyond
 * what protocols may. */
#ifndef MAILBOX_ADMIN_H
#define MAILBOX_ADMIN_H

#include "acl.h"
#include "user.h"
#include "account/account.h"
#include "cv-storage.h"

/* For open, beside enum cv_mailbox_open_flag: a view that writes, but leaves
 * \Recent to the next session. */
enum {
	MAILBOX_KEEP_RECENT = 1 << 16,
	/* All checksums of what is read are looked at, and what is shorter
	 * than its name says is damaged: for copies. */
	MAILBOX_VERIFY = 1 << 17,
};

/* What to set; 0 and has_guid false: leave it. */
struct mailbox_update {
	bool has_guid;
	struct account_guid guid;	/* only of a new mailbox */
	uint32_t uidvalidity;
	uint32_t uidnext;		/* at least this */
	uint64_t modseq;		/* HIGHESTMODSEQ: at least this */
	bool restart;			/* of an empty mailbox, which becomes
					 * a copy of another: exactly uidnext,
					 * under a uidvalidity that is given
					 * (0: fresh) */
};

/* Whether a mailbox may be given this name: one that begins with '~' looks like
 * a home directory, is most often a slip, and is one that Dovecot refuses to
 * open.  Mailboxes that have such a name are opened, and copied by sync. */
int mailbox_new_name_check(struct cv_user *user, const char *name,
			   struct cv_error *err);
/* As mailbox_create, with the identity that is asked for, and any name. */
int mailbox_create_as(struct cv_user *u, const char *name, uint32_t use,
		      const struct mailbox_update *as, struct cv_error *err);
/* Changes uidvalidity (messages keep their UIDs) and raises uidnext, in one
 * commit.  CV_E_UNSUPPORTED for a guid; CV_E_EXISTS: restart, and there are
 * messages. */
int mailbox_update(struct cv_user *u, const char *name,
		   const struct mailbox_update *update, struct cv_error *err);
/* Gives the mailbox this GUID, if it was never used: no message has ever been
 * there, and nothing is kept of it.  Its name, UIDVALIDITY, special use and
 * rights stay.  CV_E_EXISTS: it was used, or another one has the GUID. */
int mailbox_identify(struct cv_user *u, const char *name,
		     const struct account_guid *guid, struct cv_error *err);
/* Whether the namespace with this index shows again what one before it, or
 * the one with the inbox, shows: an alias, the same store, or mailboxes
 * that other users have in namespaces of their own. */
bool mailbox_namespace_repeats(const struct cv_user *u, uint32_t index);
/* The account that INBOX is in, for as long as there is one. */
int mailbox_account_id(struct cv_user *u, uint8_t id_r[16],
		       struct cv_error *err);
/* Of the store with INBOX.  remote: its UIDs and dates cannot be chosen, or it
 * can only be read; flags: it has flags, lasting UIDs and more mailboxes than
 * INBOX of its own. */
void mailbox_store_traits(const struct cv_user *u, bool *remote_r,
			  bool *flags_r);
/* Whether there is anything where the store with INBOX is to lie: opening it
 * would make it. */
bool mailbox_store_exists(const struct cv_user *u);
/* Whether it was opened so that nothing is written (user_config.inspect): what
 * is to be made when it is first needed is not there. */
bool mailbox_user_inspects(const struct cv_user *u);
/* Whether a store of u is a store of other, or lies in one, whatever way it is
 * written.  name: only the store of other that a mailbox of this name is in;
 * NULL: any. */
bool mailbox_store_is_within(const struct cv_user *u, struct cv_user *other,
			     const char *name);
/* Where the messages lie, for people.  CV_E_UNSUPPORTED: the driver has no
 * place for a single mailbox. */
int mailbox_path(struct cv_user *u, const char *name, struct cv_pool *pool,
		 const char **path_r, struct cv_error *err);

/* Whether it can be the name of a keyword at all [RFC9051 9 flag-keyword]. */
bool mailbox_keyword_is_valid(struct cv_span name);

/* Entries as of METADATA [RFC5464], "/private/comment"; durable.  value.data
 * NULL removes.  name "": the account's own.  CV_E_SYNTAX: no entry's name;
 * get: CV_E_NOT_FOUND. */
struct mailbox_metadata { struct cv_span key, value; };
int mailbox_metadata_get(struct cv_user *u, const char *name,
			 struct cv_span key, struct cv_pool *pool,
			 struct cv_span *value_r, struct cv_error *err);
int mailbox_metadata_set(struct cv_user *u, const char *name,
			 struct cv_span key, struct cv_span value,
			 struct cv_error *err);
int mailbox_metadata_list(struct cv_user *u, const char *name,
			  struct cv_pool *pool,
			  struct mailbox_metadata **items_r,
			  uint32_t *count_r, struct cv_error *err);

/* Rights [RFC4314].  name may also be the prefix of a namespace: for folders
 * without a list of their own.  Whoever asks needs the right to (a to see and
 * change a list). */
enum acl_change { ACL_REPLACE, ACL_ADD, ACL_TAKE, ACL_FORGET };
int mailbox_my_rights(struct cv_user *u, const char *name,
		      uint32_t *rights_r, struct cv_error *err);
int mailbox_acl_get(struct cv_user *u, const char *name, struct acl *acl,
		    struct cv_error *err);
/* Durable.  ACL_FORGET: CV_NOT_FOUND when there is no such entry. */
int mailbox_acl_change(struct cv_user *u, const char *name,
		       const struct acl_entry *entry, enum acl_change how,
		       struct cv_error *err);

/* Tells others (acl_shared_dict) with whom the user has shared something;
 * after a change of a list that has happened.  Durable. */
int mailbox_shares_publish(struct cv_user *u, struct cv_error *err);

/* The same for mail of any account. */
int route_my_rights(struct cv_user *u, const char *name, uint32_t *rights_r,
		    struct cv_error *err);
int route_acl_get(struct cv_user *u, const char *name, struct acl *acl,
		  struct cv_error *err);
int route_acl_change(struct cv_user *u, const char *name,
		     const struct acl_entry *entry, enum acl_change how,
		     struct cv_error *err);

/* Compares journal and store completely, whatever stamps say, and mends.
 * found_r, gone_r: messages that came and went; damaged_r: journal or
 * snapshots had lost something. */
int mailbox_resync(struct cv_user *u, const char *name, uint32_t *found_r,
		   uint32_t *gone_r, bool *damaged_r, struct cv_error *err);
/* Computes what FETCH and SEARCH want to know of messages that nobody has
 * looked at; the newest max of them (0: all).  indexed_r: how many. */
int mailbox_index(struct cv_user *u, const char *name, uint32_t max,
		  uint32_t *indexed_r, struct cv_error *err);

/* What protocols have no word for. */
struct mailbox_details {
	uint64_t stored_bytes;		/* as stored */
	bool has_sent;
	int64_t sent;			/* of Date:, seconds since 1970 */
	int sent_zone;			/* minutes east */
	struct cv_span ref;		/* the driver's name of the blob */
};
/* Spans live until the next call on the view.  CV_NOT_FOUND: expunged. */
int mailbox_details(struct cv_mailbox *box, uint32_t seq,
		    struct mailbox_details *details_r, struct cv_error *err);

/* The message as it is stored, its line ends untouched; header_r bytes of it are
 * its header with the empty line.  Lives until the next call on the view.  CV_NOT_FOUND: expunged;
 * CV_E_UNSUPPORTED: it is another user's, and comes over a wire. */
int mailbox_stored(struct cv_mailbox *box, uint32_t seq,
		   struct cv_stream **stream_r, uint64_t *header_r,
		   struct cv_error *err);

/* What the store says of the message's bytes; in pool.  references counts
 * messages of the whole account.  Of another user's mail nothing is known.
 * CV_NOT_FOUND: expunged, or gone. */
int mailbox_facts(struct cv_mailbox *box, uint32_t seq, struct cv_pool *pool,
		  struct cv_blob_facts *facts_r, struct cv_error *err);

/* How people find a message again.  path: the file it is in, or should be in;
 * "": none that is known. */
struct mailbox_place { uint32_t uid; char guid[33]; const char *path; };
void mailbox_place_get(struct cv_mailbox *box, uint32_t seq,
		       struct cv_pool *pool, struct mailbox_place *place_r);
/* Whether its messages are another server's. */
bool mailbox_is_remote(const struct cv_mailbox *box);
/* Whether what the account knew of it was damaged or lost, and it was not
 * compared with its files since. */
bool mailbox_is_doubted(const struct cv_mailbox *box);
/* Puts that before the text of a failure: "UID 7, GUID ..., file '...': ".
 * Returns its code. */
int mailbox_blame(struct cv_mailbox *box, uint32_t seq, struct cv_error *err);
/* Of a message whose bytes are gone: true when nobody has removed it.  Where
 * other programs remove messages, they have. */
bool mailbox_is_lost(struct cv_mailbox *box, uint32_t seq);
/* Opens the store of the user's own mail with this number.  *path_r: where the
 * files of its account lie, if it has any.  CV_NOT_FOUND: past the last. */
int mailbox_account_path(struct cv_user *u, uint32_t number,
			 struct cv_pool *pool, const char **path_r,
			 struct cv_error *err);
/* Only whether it is there, is as long as is known of it, and, when it is
 * small, has its checksum; as mailbox_check. */
int mailbox_can_open(struct cv_mailbox *box, uint32_t seq,
		     struct cv_error *err);
/* Reads all of a message in a view with MAILBOX_VERIFY, and compares it with
 * what is known of it.  CV_NOT_FOUND: expunged; a failure says what is wrong:
 * CV_E_SYNTAX: not with the message, but with what is remembered of it.  Not
 * for another user's mail. */
int mailbox_check(struct cv_mailbox *box, uint32_t seq, uint64_t *bytes_r,
		  struct cv_error *err);
/* How many messages the mailbox has on disk that no record of the account
 * names: where nobody but us puts any (a journal was cut off, or brought back
 * from an old copy), or since nobody has looked at it yet (never_r).  Changes
 * nothing. */
int mailbox_count_unknown(struct cv_mailbox *box, uint32_t *count_r,
			  bool *never_r, struct cv_error *err);

/* Frees what no message of the user's mail refers to any more, in each store
 * that keeps expunged mail until then; convert: also rewrites what another
 * server wrote.  *freed_r: bytes. */
int mailbox_purge(struct cv_user *user, bool convert, uint64_t *freed_r,
		  struct cv_error *err);

/* Moves messages of the view to the alternative place of their store (ALT=),
 * or back; those that are there already stay.  In batches, with the account's
 * lock for each.  progress (NULL: none): after each batch.
 * CV_E_UNSUPPORTED: there is no such place. */
int mailbox_altmove(struct cv_mailbox *box, struct cv_set seqs, bool back,
		    void (*progress)(void *context, uint64_t done,
				     uint64_t total), void *context,
		    struct cv_error *err);

#endif
