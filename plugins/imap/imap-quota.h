/* imap-quota.h - what the commands of QUOTA [RFC9208] share.
 *
 * A root is told by the name that its provider gives it; the root of a
 * mailbox that is not the user's own has the mailbox behind it, in
 * parentheses, since owners' roots may all have the same name. */
#ifndef IMAP_QUOTA_H
#define IMAP_QUOTA_H

#include "imap-session.h"

/* The name of a root in a mailbox, in cmd's pool. */
const char *imap_quota_root(struct imap_cmd *cmd, const char *mailbox_name,
			    const char *root);
/* The next argument as a root and what it holds: CV_OK, CV_NOT_FOUND or a
 * failure; BAD is set when it is no root. */
int imap_quota_root_arg(struct imap_cmd *cmd, const char **root_r,
			struct cv_quota_usage *usage_r);
/* Appends "* QUOTA ...". */
void imap_quota_send(struct imap_cmd *cmd, const char *root,
		     const struct cv_quota_usage *usage);

#endif
