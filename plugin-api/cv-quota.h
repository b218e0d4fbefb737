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
};

struct cv_quota_limit {
	CV_HEAD;
	const char *root;		/* what users see: "User quota" */
	uint64_t bytes, messages;	/* 0: no limit */
};

/* Provider kind QUOTA. */
struct cv_quota {
	CV_HEAD;
	const char *name;
	/* CV_OK, or CV_E_LIMIT with a text for the client.  Called under
	 * the accounts' locks: it must not wait and must not call the service
	 * "mailbox". */
	int (*check)(const struct cv_quota_request *request,
		     struct cv_error *err);
	/* The limits that hold in a mailbox; CV_NOT_FOUND: none. */
	int (*limit)(struct cv_user *u, const char *mailbox_name,
		     struct cv_quota_limit *limit_r, struct cv_error *err);
};

/* What mailbox_api.quota tells. */
struct cv_quota_usage {
	CV_HEAD;
	const char *root;
	uint64_t used_bytes, used_messages;
	uint64_t bytes, messages;	/* the limits; 0: none */
};

#endif
