/* cv-quota.h - who limits what a user may keep.
 *
 * Core counts and asks; a provider of kind QUOTA holds the limits and says
 * yes or no.  What is used comes from the accounts' own totals, so there is
 * nothing that a provider has to keep in step. */
#ifndef CV_QUOTA_H
#define CV_QUOTA_H

#include "cv-types.h"

/* What a transaction is about to add. */
struct cv_quota_request {
	CV_HEAD;
	struct cv_user *user;
	const char *mailbox_name;	/* where to */
	/* Of all the user's private mailboxes.  Exact, and it stays so until
	 * the commit: they are locked.  With estimate: as last seen. */
	uint64_t used_bytes, used_messages;
	/* bytes with CRLF line ends */
	uint64_t add_bytes, add_messages;
	/* Before the message is read: what is refused now is refused sooner,
	 * and it will be asked again. */
	bool estimate;
	/* A mailbox is about to be created: then nothing else is added. */
	uint64_t used_mailboxes, add_mailboxes;
};

enum cv_quota_resource {		/* [RFC9208 5] */
	CV_QUOTA_STORAGE = 1, CV_QUOTA_MESSAGE = 2, CV_QUOTA_MAILBOX = 4,
	CV_QUOTA_SETTABLE = 8,		/* SETQUOTA can change limits */
};

struct cv_quota_limit {
	CV_HEAD;
	const char *root;		/* what users see: "User quota" */
	uint64_t bytes, messages;	/* 0: no limit */
	uint64_t mailboxes;
	uint64_t message_bytes;		/* of a single message */
	uint32_t changes;		/* set: enum cv_quota_resource, those
					 * to be changed */
};

/* Provider kind QUOTA. */
struct cv_quota {
	CV_HEAD;
	const char *name;
	/* CV_OK, or CV_E_QUOTA with a text for the client; CV_E_LIMIT: the
	 * message is too large whatever room there is.  Called under the
	 * accounts' locks: it must not wait and must not call the service
	 * "mailbox". */
	int (*check)(const struct cv_quota_request *request,
		     struct cv_error *err);
	/* The limits that hold in a mailbox; CV_NOT_FOUND: none. */
	int (*limit)(struct cv_user *u, const char *mailbox_name,
		     struct cv_quota_limit *limit_r, struct cv_error *err);
	/* enum cv_quota_resource, without SETTABLE; 0: STORAGE and MESSAGE. */
	uint32_t resources;
	/* NULL: limits come from elsewhere.  CV_NOT_FOUND: no such root of
	 * this provider; CV_E_DENIED: not for this user. */
	int (*set)(struct cv_user *u, const char *root,
		   const struct cv_quota_limit *limit, struct cv_error *err);
};

/* What mailbox_api.quota tells. */
struct cv_quota_usage {
	CV_HEAD;
	const char *root;
	uint64_t used_bytes, used_messages;
	uint64_t bytes, messages;	/* the limits; 0: none */
	uint64_t used_mailboxes, mailboxes;
	uint64_t message_bytes;		/* limit of a single message */
	uint32_t resources;		/* enum cv_quota_resource: those that
					 * are counted here */
};

#endif
