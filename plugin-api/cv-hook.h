/* cv-hook.h - hook points and their contexts.
 *
 * NOTIFY: learn; the result is ignored.  DECIDE: the first answer other than
 * CV_DECLINED wins; a failure class refuses the operation with that class.
 * FILTER: may replace ctx->body by a stream of its own over it, then the
 * chain goes on.  Order: priority, then the descriptor's after, then name. */
#ifndef CV_HOOK_H
#define CV_HOOK_H

#include "cv-types.h"

enum cv_hook_kind { CV_HOOK_NOTIFY = 1, CV_HOOK_DECIDE, CV_HOOK_FILTER };

enum {
	CV_PRIO_FIRST = -1000,
	CV_PRIO_SECURITY = -500,
	CV_PRIO_NORMAL = 0,
	CV_PRIO_OBSERVER = 500,
	CV_PRIO_LAST = 1000,
};

/* Contexts, and all they point to, live until the callback returns.  err is
 * for DECIDE and FILTER. */
struct cv_session_ctx {
	CV_HEAD;
	struct cv_session *session;
};

struct cv_command_ctx {
	CV_HEAD;
	struct cv_session *session;
	struct cv_error *err;
	struct cv_span verb, args;	/* args as received, literals cut */
};

struct cv_recipient_ctx {
	CV_HEAD;
	struct cv_session *session;
	struct cv_error *err;
	struct cv_span sender, recipient;	/* addresses without <> */
};

/* One recipient of a delivery, in the recipient's own process. */
struct cv_delivery_ctx {
	CV_HEAD;
	struct cv_user *user;
	struct cv_error *err;
	struct cv_span sender, recipient, original_recipient;
	struct cv_stream *body;		/* the message; rewind not needed */
	const char *mailbox_name;	/* may be replaced: where it goes */
	struct cv_pool *pool;		/* for a replacement */
};

struct cv_body_ctx {
	CV_HEAD;
	struct cv_user *user;
	struct cv_error *err;
	struct cv_mailbox *mailbox;
	struct cv_pool *pool;		/* lives as long as the stream */
	struct cv_stream *body;
	/* Reading: the size of the message when all filters have done their
	 * work; UINT64_MAX: not known. */
	uint64_t plain_bytes;
};

struct cv_message_ctx {
	CV_HEAD;
	struct cv_user *user;
	const char *mailbox_name;
	uint32_t uidvalidity, uid;
	uint32_t flags;			/* enum cv_flag, after the change */
};

struct cv_mailbox_ctx {
	CV_HEAD;
	struct cv_user *user;
	struct cv_error *err;
	const char *change;		/* "open", "create", "delete",
					 * "rename", "subscribe",
					 * "unsubscribe" */
	const char *name, *new_name;
};

enum cv_hook_id {
#define CV_HOOK(id, name, kind, ctx, major, minor) \
	CV_HOOK_ID_##name = id,
#include "hook-points.def"
#undef CV_HOOK
};

#endif
