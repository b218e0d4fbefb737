/* imap-search.h - a SEARCH program as the tree that the mailbox evaluates
 * [RFC3501 6.4.4]. */
#ifndef IMAP_SEARCH_H
#define IMAP_SEARCH_H

#include "imap-session.h"

/* Reads the rest of the arguments, CHARSET included; texts become UTF-8.
 * False after setting a reply.  No recursion: open lists, NOTs and ORs stand
 * in an array of bounded size. */
bool imap_search_parse(struct imap_cmd *cmd, struct cv_search_query *query_r);

#endif
