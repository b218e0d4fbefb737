/* imap-limit.h - MESSAGELIMIT and SAVELIMIT [RFC9738]: how many messages one
 * command works on, where the settings say so. */
#ifndef IMAP_LIMIT_H
#define IMAP_LIMIT_H

#include "imap-session.h"

/* Leaves the highest ones of too many; the tagged OK then tells where to go
 * on. */
void imap_limit_cut(struct imap_cmd *cmd, struct cv_set *seqs);
/* For COPY, which is done as a whole or not at all: false after setting NO. */
bool imap_limit_whole(struct imap_cmd *cmd, struct cv_set seqs);
/* For FETCH with PARTIAL: false after setting NO. */
bool imap_limit_range(struct imap_cmd *cmd, uint32_t first, uint32_t last);
/* So many messages may be saved by one command; 0: any number. */
uint32_t imap_limit_saves(const struct imap_session *s);
/* Those that a SEARCH may look at: adds a set to the query where they are too
 * many.  Negative: they cannot be counted. */
int imap_limit_search(struct imap_cmd *cmd, struct cv_search_query *query);
/* Of these UIDs, those that UID EXPUNGE may remove. */
int imap_limit_expunge(struct imap_cmd *cmd, struct cv_set *uids);
/* Puts the code into an OK, or before it where it has another one. */
void imap_limit_reply(struct imap_cmd *cmd);

#endif
