/* imap-mock-private.h - for the files of the mock host. */
#ifndef IMAP_MOCK_PRIVATE_H
#define IMAP_MOCK_PRIVATE_H

#include "imap-mock-session.h"

struct cv_mailbox {
	struct cv_user *user;
	struct mock_box *box;
	bool readonly, full;
	uint32_t uids[MOCK_MESSAGES_MAX], flags[MOCK_MESSAGES_MAX];
	char keywords[MOCK_MESSAGES_MAX][64];
	uint32_t count;
	uint64_t known;			/* expunges up to here */
	struct cv_range expunged[MOCK_MESSAGES_MAX];
	struct cv_range expunged_uids[MOCK_MESSAGES_MAX];
	struct cv_range changed[MOCK_MESSAGES_MAX];
	const char *names[8];
	char name_room[64];
};

struct cv_stream { struct cv_span data; size_t at; };

/* The session that plays. */
extern struct cv_session *mock_current;

/* imap-mock-conn.c */
extern const struct cv_connection_api mock_connection_api;
extern const struct cv_stream_api mock_stream_api;

/* imap-mock-convert.c */
extern const struct cv_convert_api mock_convert_api;

/* imap-mock-boxes.c */
extern const struct cv_user_api mock_user_api;
int mock_box_list_begin(struct cv_user *u, const struct cv_list_query *query,
			struct cv_list **list_r, struct cv_error *err);
int mock_box_list_next(struct cv_list *list, struct cv_list_entry *entry_r,
		       struct cv_error *err);
void mock_box_list_end(struct cv_list **list);
int mock_box_create(struct cv_user *u, const char *name, uint32_t use,
		    struct cv_error *err);
int mock_box_remove(struct cv_user *u, const char *name, struct cv_error *err);
int mock_box_rename(struct cv_user *u, const char *name, const char *new_name,
		    struct cv_error *err);
int mock_box_subscribe(struct cv_user *u, const char *name, bool on,
		       struct cv_error *err);
int mock_box_status(struct cv_user *u, const char *name, uint32_t items,
		    struct cv_mailbox_status *st, struct cv_error *err);
struct mock_box *mock_box_new(struct cv_user *u, const char *name);
int mock_box_pictures(struct cv_user *u, uint64_t *turn, struct cv_pool *pool,
		      const struct cv_mailbox_picture ***pictures_r,
		      uint32_t *count_r, struct cv_error *err);
int mock_box_pictures_want(struct cv_user *u, const char *const *names,
			   uint32_t count, bool personal,
			   struct cv_error *err);
int mock_box_watch_set(struct cv_user *u, struct cv_mailbox *box,
		       const char *const *names, uint32_t count,
		       struct cv_error *err);
int mock_box_watch_all_fd(struct cv_user *u);
int mock_box_watch_take(struct cv_user *u, struct cv_error *err);
void mock_box_watch_end(struct cv_user *u);

/* imap-mock-mailbox.c */
int mock_box_open(struct cv_user *u, const char *name, uint32_t flags,
		  struct cv_mailbox **box_r, struct cv_error *err);
void mock_box_close(struct cv_mailbox **box);
void mock_box_state(struct cv_mailbox *v, struct cv_mailbox_state *st);
int mock_box_sync(struct cv_mailbox *v, uint32_t flags,
		  struct cv_mailbox_changes *ch, struct cv_error *err);
int mock_box_watch_fd(struct cv_mailbox *v);
void mock_box_watch_clear(struct cv_mailbox *v);
int mock_box_uids_to_seqs(struct cv_mailbox *v, struct cv_set uids,
			  struct cv_pool *pool, struct cv_set *seqs_r);
uint32_t mock_box_uid_of(struct cv_mailbox *v, uint32_t seq);
int mock_box_message(struct cv_mailbox *v, uint32_t seq, uint32_t items,
		     struct cv_message_data *data, struct cv_error *err);
int mock_box_section(struct cv_mailbox *v, uint32_t seq,
		     const struct cv_section *section,
		     struct cv_stream **stream_r, uint64_t *size_r,
		     struct cv_error *err);
int mock_box_store(struct cv_mailbox *v, const struct cv_store_request *r,
		   struct cv_pool *pool, struct cv_set *modified_r,
		   struct cv_error *err);
int mock_box_expunge(struct cv_mailbox *v, const struct cv_set *uids,
		     struct cv_error *err);
int mock_box_copy(struct cv_mailbox *v, struct cv_set seqs, const char *name,
		  bool move, struct cv_pool *pool,
		  struct cv_copy_result *result, struct cv_error *err);
int mock_box_vanished(struct cv_mailbox *v, uint64_t since,
		      const struct cv_set *uids, struct cv_pool *pool,
		      struct cv_set *uids_r, struct cv_error *err);
void mock_user_set_progress(struct cv_user *u, cv_progress_fn *fn,
			    void *context);
int mock_user_settle(struct cv_user *u, struct cv_error *err);
struct mock_message *mock_message_find(struct mock_box *box, uint32_t uid);
void mock_message_annotate(struct mock_message *m,
			   const struct cv_annotation *new);
/* Up to the body. */
size_t mock_header_len(struct cv_span text);
bool mock_set_has(struct cv_set set, uint32_t number);
void mock_set_add(struct cv_set *set, uint32_t number);
struct cv_set mock_set_room(struct cv_pool *pool);

/* imap-mock-search.c */
int mock_box_search(struct cv_mailbox *v, const struct cv_search_query *q,
		    struct cv_pool *pool, struct cv_set *seqs_r,
		    struct cv_error *err);
int mock_box_save_begin(struct cv_user *u, const char *name,
			struct cv_save **save_r, struct cv_error *err);
int mock_box_save_add(struct cv_save *save, const struct cv_save_request *r,
		      struct cv_error *err);
int mock_box_save_write(struct cv_save *save, const void *data, size_t len,
			struct cv_error *err);
int mock_box_save_finish(struct cv_save *save, struct cv_error *err);
int mock_box_save_commit(struct cv_save **save, struct cv_pool *pool,
			 uint32_t *uidvalidity_r, struct cv_set *uids_r,
			 struct cv_error *err);
void mock_box_save_abort(struct cv_save **save);
int mock_box_save_replace(struct cv_save *save, struct cv_mailbox *v,
			  uint32_t seq, struct cv_error *err);

#endif
