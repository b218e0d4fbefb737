/* imap-copy.h - what COPY and MOVE share. */
#ifndef IMAP_COPY_H
#define IMAP_COPY_H

#include "imap-session.h"

int imap_copy_messages(struct imap_cmd *cmd, bool move);

#endif
