/* remote-wire.h - what a session and the broker of another user's mail say to
 * each other.
 *
 * One request, one answer.  Both are ipc messages: a number, a client's text,
 * and a payload of fields, which travels in the message when it is small and
 * else as a sealed memory file, so that nobody can change it while it is read.
 * Either side takes the other for hostile: every field has a bound, and the
 * first mismatch makes all later ones empty.
 *
 * Messages are named by UIDs and mailboxes by their storage names, '/' between
 * levels: neither side believes the other's sequence numbers. */
#ifndef REMOTE_WIRE_H
#define REMOTE_WIRE_H

#include "base.h"
#include "cv-mailbox.h"
#include "ipc/ipc.h"

enum {
	REMOTE_MSG_REQUEST = 0x400, REMOTE_MSG_ANSWER,
	REMOTE_INLINE_MAX = 24 * 1024,	/* bytes of payload in a message */
	REMOTE_PAYLOAD_MAX = 64 * 1024 * 1024,
	REMOTE_NAME_MAX = 1000, REMOTE_TEXT_MAX = 1024 * 1024,
	REMOTE_VIEWS_MAX = 16, REMOTE_NODES_MAX = 10000,
};

enum remote_op {
	REMOTE_LIST = 1, REMOTE_STATUS, REMOTE_CREATE, REMOTE_REMOVE,
	REMOTE_RENAME, REMOTE_QUOTA, REMOTE_RIGHTS, REMOTE_ACL_GET,
	REMOTE_ACL_CHANGE, REMOTE_OPEN, REMOTE_CLOSE, REMOTE_WATCH,
	REMOTE_SYNC, REMOTE_VIEW, REMOTE_MESSAGES, REMOTE_SECTION,
	REMOTE_STORE, REMOTE_EXPUNGE, REMOTE_COPY, REMOTE_SEARCH,
	REMOTE_SAVE_BEGIN, REMOTE_SAVE_ADD, REMOTE_SAVE_COMMIT,
	REMOTE_SAVE_ABORT, REMOTE_METADATA_LIST, REMOTE_METADATA_SET,
	REMOTE_VANISHED, REMOTE_SAVE_REPLACE, REMOTE_FREEZE, REMOTE_THAW,
	REMOTE_SORT, REMOTE_THREAD, REMOTE_URL, REMOTE_WATCH_ALL,
	REMOTE_PLACE, REMOTE_ANNOTATIONS,
	REMOTE_OPS,
};

struct remote_message {
	uint32_t number;		/* enum remote_op; a status, negated */
	const char *client;		/* in pool */
	struct cv_span payload;		/* in pool */
	int fd;				/* the caller's; -1: none */
};

/* payload NULL: none.  fd -1: none; it stays the caller's. */
int remote_send(int socket, uint32_t type, uint32_t number,
		const char *client, const struct cv_text *payload, int fd,
		struct cv_error *err);
/* timeout_msecs 0: does not wait.  Results as of ipc_receive. */
int remote_receive(int socket, uint32_t timeout_msecs, uint32_t type,
		   struct cv_pool *pool, struct remote_message *m_r,
		   struct cv_error *err);

/* A memory file with these bytes that nobody can change any more. */
int remote_seal(int fd, struct cv_error *err);
int remote_file_create(struct cv_error *err);
int remote_file_append(int fd, struct cv_span data, struct cv_error *err);
/* Checks that it is sealed. */
int remote_file_size(int fd, uint64_t max, uint64_t *size_r,
		     struct cv_error *err);

/* --- fields -------------------------------------------------------------------- */

void remote_put_u32(struct cv_text *out, uint32_t value);
void remote_put_u64(struct cv_text *out, uint64_t value);
void remote_put_span(struct cv_text *out, struct cv_span span);
void remote_put_str(struct cv_text *out, const char *str);
void remote_put_set(struct cv_text *out, struct cv_set set);
void remote_put_keywords(struct cv_text *out, const struct cv_keywords *k);

struct remote_reader {
	struct cv_span rest;
	struct cv_pool *pool;		/* of strings and sets */
	bool failed;
};

uint32_t remote_get_u32(struct remote_reader *r);
uint64_t remote_get_u64(struct remote_reader *r);
/* Points into the payload. */
struct cv_span remote_get_span(struct remote_reader *r, size_t max);
/* Without a NUL in it; never NULL. */
const char *remote_get_str(struct remote_reader *r, size_t max);
/* Sorted, disjoint, from 1. */
struct cv_set remote_get_set(struct remote_reader *r);
struct cv_keywords remote_get_keywords(struct remote_reader *r);
/* CV_OK when all was as asked for and nothing is left. */
int remote_get_end(struct remote_reader *r, struct cv_error *err);

#endif
