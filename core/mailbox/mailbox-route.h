/* mailbox-route.h - the calls of the service "mailbox", for mail of any
 * account: as those of mailbox-private.h. */
#ifndef MAILBOX_ROUTE_H
#define MAILBOX_ROUTE_H

#include "mailbox-private.h"

int route_create(struct cv_user *u, const char *name, uint32_t use,
		 struct cv_error *err);
int route_remove(struct cv_user *u, const char *name, struct cv_error *err);
int route_rename(struct cv_user *u, const char *name, const char *new_name,
		 struct cv_error *err);
int route_quota(struct cv_user *u, const char *name, uint32_t index,
		struct cv_quota_usage *usage_r, struct cv_error *err);
int route_status(struct cv_user *u, const char *name, uint32_t items,
		 struct cv_mailbox_status *status_r, struct cv_error *err);
int route_open(struct cv_user *user, const char *name, uint32_t flags,
	       struct cv_mailbox **box_r, struct cv_error *err);
void route_close(struct cv_mailbox **box);
void route_state(struct cv_mailbox *box, struct cv_mailbox_state *state_r);
int route_sync(struct cv_mailbox *box, uint32_t flags,
	       struct cv_mailbox_changes *changes_r, struct cv_error *err);
int route_watch_fd(struct cv_mailbox *box);
void route_watch_clear(struct cv_mailbox *box);
int route_message(struct cv_mailbox *box, uint32_t seq, uint32_t items,
		  struct cv_message_data *data_r, struct cv_error *err);
int route_section(struct cv_mailbox *box, uint32_t seq,
		  const struct cv_section *section,
		  struct cv_stream **stream_r, uint64_t *size_r,
		  struct cv_error *err);
int route_store(struct cv_mailbox *box, const struct cv_store_request *r,
		struct cv_pool *pool, struct cv_set *modified_r,
		struct cv_error *err);
/* The user's rights in an open mailbox, an ACL_x mask. */
uint32_t route_box_rights(struct cv_mailbox *box);
int route_expunge(struct cv_mailbox *box, const struct cv_set *uids,
		  struct cv_error *err);
int route_copy(struct cv_mailbox *box, struct cv_set seqs,
	       const char *mailbox_name, bool move, struct cv_pool *pool,
	       struct cv_copy_result *result_r, struct cv_error *err);
int route_search_scored(struct cv_mailbox *box,
			const struct cv_search_query *query,
			struct cv_pool *pool, struct cv_set *seqs_r,
			const uint8_t **scores_r, struct cv_error *err);
int route_search(struct cv_mailbox *box, const struct cv_search_query *query,
		 struct cv_pool *pool, struct cv_set *seqs_r,
		 struct cv_error *err);
int route_vanished(struct cv_mailbox *box, uint64_t since,
		   const struct cv_set *uids, struct cv_pool *pool,
		   struct cv_set *uids_r, struct cv_error *err);
int route_sort(struct cv_mailbox *box, const struct cv_sort_request *r,
	       struct cv_pool *pool, uint32_t **seqs_r, uint32_t *count_r,
	       struct cv_error *err);
int route_thread(struct cv_mailbox *box, const struct cv_thread_request *r,
		 struct cv_pool *pool, struct cv_thread_node **nodes_r,
		 uint32_t *count_r, struct cv_error *err);
/* Messages that were just put into a mailbox and are \Seen for this user,
 * where that is the reader's own. */
int route_mark_seen(struct cv_user *user, const char *name,
		    const struct account_ranges *uids, struct cv_error *err);

/* mailbox-metadata.c */
int route_metadata_list(struct cv_user *u, const char *name,
			struct cv_pool *pool, struct cv_metadata **entries_r,
			uint32_t *count_r, struct cv_error *err);
int route_metadata_set(struct cv_user *u, const char *name,
		       const struct cv_metadata *entries, uint32_t count,
		       struct cv_error *err);
/* mailbox-annotations.c: what others change. */
int annotations_changes(struct cv_user *u, struct cv_pool *pool,
			struct cv_metadata_change **changes_r,
			uint32_t *count_r, struct cv_error *err);
/* This session has just set them. */
void annotations_own(struct cv_user *u, const char *name,
		     const struct cv_metadata *entries, uint32_t count);

void annotations_unwatch(struct cv_user *u);

/* mailbox-rights.c: the same as text. */
int rights_acl_get(struct cv_user *u, const char *name, struct cv_pool *pool,
		   struct cv_acl_entry **entries_r, uint32_t *count_r,
		   struct cv_error *err);
int rights_acl_set(struct cv_user *u, const char *name,
		   struct cv_span identifier, uint32_t change,
		   struct cv_span rights, struct cv_error *err);
int rights_acl_delete(struct cv_user *u, const char *name,
		      struct cv_span identifier, struct cv_error *err);
int rights_acl_required(struct cv_user *u, const char *name,
			struct cv_span identifier, struct cv_pool *pool,
			const char **rights_r, struct cv_error *err);
int rights_mine(struct cv_user *u, const char *name, struct cv_pool *pool,
		const char **rights_r, struct cv_error *err);

#endif
