/* imap-acl.h - what the commands of ACL [RFC4314] and LIST-MYRIGHTS share. */
#ifndef IMAP_ACL_H
#define IMAP_ACL_H

#include "imap-session.h"

/* The next argument as an identifier; false after BAD. */
bool imap_acl_identifier_arg(struct imap_cmd *cmd, struct cv_span *id_r);
/* The reply to a failure: BAD where the words were wrong. */
int imap_acl_error(struct imap_cmd *cmd, int code);
/* Appends "* MYRIGHTS ..." for the mailbox; a failure class, or CV_OK. */
int imap_acl_send_mine(struct imap_cmd *cmd, const char *name);

#endif
