/* mailbox-remote.h - mail of other users, reached through their brokers: for
 * the files of this folder.
 *
 * A namespace "shared/%%u/" stands for as many as there are owners; each owner
 * gets a struct remote when its name is first met, and a connection when it is
 * first needed.  A connection that breaks costs the command that was under
 * way; the next one makes another, opens the views again, and goes on. */
#ifndef MAILBOX_REMOTE_H
#define MAILBOX_REMOTE_H

#include "mailbox-private.h"
#include "remote-wire.h"

enum {
	REMOTES_MAX = 1000,		/* owners that a session may name */
	REMOTE_CONNECTED_MAX = 8,	/* brokers: then those without a view
					 * are let go */
	REMOTE_CONNECTED_END = 16,	/* and no more than these at all */
};

/* A namespace of type shared, with variables in its prefix. */
struct shared_prefix {
	struct shared_prefix *next;
	const char *pattern;		/* "shared/%u/" */
	const char *fixed;		/* "shared/": what NAMESPACE tells */
	struct namespace ns;		/* what its owners' begin as */
	const char *location;		/* as it is set; "" */
};

struct remote {
	struct remote *next;
	struct cv_user *user;
	const struct shared_prefix *of;
	struct namespace ns;		/* remote: this */
	const char *owner;
	const struct mail_location *location;	/* remote_location */
	bool located;
	int channel;			/* -1: not connected */
	uint32_t generation;		/* of the connection */
	uint32_t views, saves;		/* that stand on it */
	uint64_t used;			/* turn */
	bool remembered;
	bool wanted;			/* by pictures */
	int bell;			/* of all that is wanted; -1: none */
};

/* A view of such a mailbox: the sequence numbers are its own. */
struct remote_view {
	struct remote *remote;
	uint32_t id, generation;
	bool stale;			/* after a new connection: everything
					 * may have changed */
	bool may_create_keywords;
	uint32_t permanent_flags;
	uint64_t highestmodseq;
	uint64_t known_modseq;		/* nothing up to here is kept back */
	uint8_t guid[16];
	uint32_t annotations;		/* enum cv_annotation_support */
	struct cv_keywords keywords;	/* in keyword_pool */
	struct cv_pool *keyword_pool;
	int bell;			/* -1: not watched */
	bool unheard;			/* something may have happened while
					 * nobody listened */
	/* messages that came along with the one asked for last */
	struct cv_pool *ahead_pool;
	struct cv_message_data *ahead;
	uint32_t ahead_count, ahead_items, last_seq;
};

/* The owner whose namespace a name is in, made when it is new; NULL: none. */
struct remote *remote_find(struct cv_user *user, const char *name);
/* By owner; NULL: too many, or not a name an owner can have. */
struct remote *remote_get(struct cv_user *user,
			  const struct shared_prefix *prefix,
			  struct cv_span owner);
/* Owners who are known to have shared something, from an earlier session, and
 * those that a pattern names. */
int remote_meet(struct cv_user *user, const struct shared_prefix *prefix,
		struct cv_error *err);
void remote_name_owner(struct cv_user *user,
		       const struct shared_prefix *prefix,
		       const char *pattern);
/* Something of this owner could be seen: LIST of later sessions shows it. */
void remote_remember(struct remote *remote);
int shared_prefix_add(struct cv_user *user, const struct namespace *ns,
		      const char *location, struct cv_error *err);
/* The location of an owner's mail, as far as it can be known here: where another
 * server has kept what this reader has seen.  NULL: INDEXPVT= is not given, or
 * depends on what only the owner's process knows (%h). */
const struct mail_location *remote_location(struct remote *remote);
/* All connections. */
void remotes_close(struct cv_user *user);
const char *remote_name(const struct remote *remote, const char *name,
			struct cv_pool *pool);

/* As the functions of mailbox-private.h. */
int remote_list(struct remote *remote, struct cv_pool *pool,
		struct remote_reader *entries_r, struct cv_error *err);
int remote_status(struct remote *remote, const char *name, uint32_t items,
		  struct cv_mailbox_status *status_r, struct cv_pool *pool,
		  struct cv_set *uids_r, struct cv_error *err);
int remote_create(struct remote *remote, const char *name, uint32_t use,
		  struct cv_error *err);
int remote_remove(struct remote *remote, const char *name,
		  struct cv_error *err);
int remote_rename(struct remote *remote, const char *name,
		  const char *new_name, struct cv_error *err);
int remote_quota(struct remote *remote, const char *name, uint32_t index,
		 struct cv_quota_usage *usage_r, struct cv_error *err);
/* Those under /shared. */
int remote_metadata_list(struct remote *remote, const char *name,
			 struct cv_pool *pool, struct cv_metadata **entries_r,
			 uint32_t *count_r, struct cv_error *err);
int remote_metadata_set(struct remote *remote, const char *name,
			const struct cv_metadata *entries, uint32_t count,
			struct cv_error *err);
int remote_my_rights(struct remote *remote, const char *name,
		     uint32_t *rights_r, struct cv_error *err);
int remote_acl_get(struct remote *remote, const char *name, struct acl *acl,
		   struct cv_error *err);
int remote_acl_change(struct remote *remote, const char *name,
		      const struct acl_entry *entry, enum acl_change how,
		      struct cv_error *err);

/* mailbox-remote-watch.c: all that an owner lets us see. */

/* The bell's descriptor, which is made when there is none; -1: it cannot be
 * now. */
int remote_watch_all(struct remote *remote);
/* Silences all bells; whether one had rung counts in heard_turn. */
void remotes_hear(struct cv_user *user);
/* Nothing is wanted any more. */
void remotes_unwatch(struct cv_user *user);
bool remotes_are_wanted(const struct cv_user *user);

int remote_open(struct remote *remote, const char *name, uint32_t flags,
		struct cv_mailbox *box, struct cv_error *err);
/* The broker has ended since: another one opens the mailbox again. */
int remote_view_open_again(struct cv_mailbox *box, struct cv_error *err);
void remote_close(struct cv_mailbox *box);
/* mailbox-remote-freeze.c: what the broker needs to open the view as it is now,
 * appended; nothing when there is no such thing: then all that differs is found
 * after thawing, and all flags are told. */
int remote_freeze(struct cv_mailbox *box, struct cv_text *out,
		  struct cv_error *err);
/* A view with the numbers that it had. */
int remote_thaw(struct remote *remote, const char *name,
		const struct mailbox_frozen *f, struct cv_mailbox *box,
		struct cv_error *err);
void remote_state(struct cv_mailbox *box, struct cv_mailbox_state *state_r);
int remote_sync(struct cv_mailbox *box, uint32_t flags,
		struct cv_mailbox_changes *out, struct cv_error *err);
int remote_watch_fd(struct cv_mailbox *box);
/* As mailbox_watch_open. */
int remote_watch_open(struct cv_mailbox *box, int *fds_r, uint32_t room,
		      uint32_t *count_r, struct cv_error *err);
void remote_watch_clear(struct cv_mailbox *box);
int remote_message(struct cv_mailbox *box, uint32_t seq, uint32_t items,
		   struct cv_message_data *data_r, struct cv_error *err);
int remote_section(struct cv_mailbox *box, uint32_t seq,
		   const struct cv_section *section,
		   struct cv_stream **stream_r, uint64_t *size_r,
		   struct cv_error *err);
int remote_store(struct cv_mailbox *box, const struct cv_store_request *r,
		 struct cv_pool *pool, struct cv_set *modified_r,
		 struct cv_error *err);
int remote_expunge(struct cv_mailbox *box, const struct cv_set *uids,
		   bool undeleted, struct cv_error *err);
int remote_copy(struct cv_mailbox *box, struct cv_set seqs,
		const char *mailbox_name, bool move, struct cv_pool *pool,
		struct cv_copy_result *result_r, struct cv_error *err);
/* Without sequence numbers in the query. */
int remote_search(struct cv_mailbox *box, const struct cv_search_query *query,
		  struct cv_pool *pool, struct cv_set *seqs_r,
		  const uint8_t **scores_r, struct cv_error *err);
int remote_sort(struct cv_mailbox *box, const struct cv_sort_request *r,
		struct cv_pool *pool, uint32_t **seqs_r, uint32_t *count_r,
		struct cv_error *err);
int remote_thread(struct cv_mailbox *box, const struct cv_thread_request *r,
		  struct cv_pool *pool, struct cv_thread_node **nodes_r,
		  uint32_t *count_r, struct cv_error *err);

/* mailbox-remote-url.c: what an authorized URL gives, which the owner's process
 * looks over.  CV_NOT_FOUND: nothing, or there is no such owner. */
int remote_url_open(struct cv_user *user, const struct cv_url *url,
		    struct cv_span text, uint32_t want, struct cv_pool *pool,
		    struct cv_url_part *part, struct cv_error *err);

int remote_vanished(struct cv_mailbox *box, uint64_t since,
		    const struct cv_set *uids, struct cv_pool *pool,
		    struct cv_set *uids_r, struct cv_error *err);

struct remote_save;
int remote_save_begin(struct remote *remote, const char *name,
		      struct remote_save **save_r, struct cv_error *err);
int remote_save_add(struct remote_save *save,
		    const struct cv_save_request *r, struct cv_error *err);
int remote_save_write(struct remote_save *save, struct cv_span data,
		      struct cv_error *err);
int remote_save_finish(struct remote_save *save, struct cv_error *err);
int remote_save_commit(struct remote_save **save, struct cv_pool *pool,
		       uint32_t *uidvalidity_r, struct cv_set *uids_r,
		       struct cv_error *err);
bool remote_save_is_of(const struct remote_save *save,
		       const struct remote *remote);
/* The view is of the same owner. */
int remote_save_replace(struct remote_save *save, struct cv_mailbox *box,
			uint32_t seq, struct cv_error *err);
void remote_save_abort(struct remote_save **save);

#endif
