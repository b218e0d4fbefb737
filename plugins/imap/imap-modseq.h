/* imap-modseq.h - what a client is told of mod-sequences [RFC7162]. */
#ifndef IMAP_MODSEQ_H
#define IMAP_MODSEQ_H

#include "imap-session.h"

/* "0" only where zero says so; at most 2^63 - 1 [RFC7162 7]. */
bool imap_modseq_parse(struct cv_span text, bool zero, uint64_t *modseq_r);
/* The argument as one; false after setting BAD. */
bool imap_modseq_arg(struct imap_cmd *cmd, const struct imap_arg *arg,
		     bool zero, uint64_t *modseq_r);
/* A CONDSTORE enabling command: the first one with a mailbox selected tells
 * HIGHESTMODSEQ [RFC7162 3.1]. */
void imap_condstore_enable(struct imap_session *s);
/* "* OK [HIGHESTMODSEQ n] ..." */
void imap_modseq_send(struct imap_session *s, uint64_t modseq);
/* The highest of these messages; 0: there are none. */
uint64_t imap_modseq_highest(struct imap_session *s, struct cv_set seqs);

static inline bool imap_enabled(const struct imap_session *s, uint32_t bit)
{
	return (s->enabled & bit) != 0;
}

#endif
