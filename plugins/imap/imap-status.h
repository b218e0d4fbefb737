/* imap-status.h - STATUS items, for STATUS and LIST-STATUS [RFC5819]. */
#ifndef IMAP_STATUS_H
#define IMAP_STATUS_H

#include "imap-session.h"

/* "(MESSAGES UNSEEN)" to enum cv_status_item, with items of ours and, in the
 * upper half, of other plugins; false after setting BAD. */
bool imap_status_parse(struct imap_cmd *cmd, struct imap_args list,
		       uint64_t *items_r);
/* [RFC7889 2] of every mailbox; 0: none. */
uint64_t imap_append_limit(const struct imap_settings *set);
/* Appends "* STATUS ..." for the mailbox; a failure class, or CV_OK. */
int imap_status_send(struct imap_cmd *cmd, const char *name, uint64_t items);

#endif
