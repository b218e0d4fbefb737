/* imap-context.h - SEARCH and SORT whose results are kept up to date: RETURN
 * (UPDATE) [RFC5267 4.3].
 *
 * A context holds what the client was told: UIDs, in the order of the answer.
 * Messages that are new or have changed are looked at again, and only they;
 * what differs is told with ADDTO and REMOVEFROM.  Contexts belong to the
 * selected mailbox and end with it. */
#ifndef IMAP_CONTEXT_H
#define IMAP_CONTEXT_H

#include "imap-fetch.h"
#include "imap-return.h"
#include "imap-search.h"

enum {
	IMAP_CONTEXTS_MAX = 16,		/* of a session */
	/* UIDs in all contexts but the first */
	IMAP_CONTEXT_UIDS_MAX = 1024 * 1024,
	/* bytes of those of a session that may sleep */
	IMAP_CONTEXT_STATE_MAX = 256 * 1024,
};

/* What was asked for; sorting.count 0: SEARCH. */
struct imap_program {
	struct cv_search_query query;
	struct imap_sorting sorting;
};

/* Before the search: false after BAD, when the tag is in use. */
bool imap_context_allowed(struct imap_cmd *cmd, const struct imap_return *ret);
/* After its answer: seqs is what was found.  Makes the context when UPDATE was
 * asked for, or tells NOUPDATE.  correlators: what its responses have behind the
 * tag [RFC7377 2.1], in wire form, mostly empty. */
void imap_context_begin(struct imap_cmd *cmd, const struct imap_return *ret,
			const struct imap_program *program,
			struct imap_results seqs, struct cv_span correlators);
/* NOUPDATE, and why. */
void imap_context_refuse(struct imap_cmd *cmd, const char *why);
/* False: there is none with this tag. */
bool imap_context_cancel(struct imap_session *s, struct cv_span tag);
/* All of them; by_number: only those that tell message numbers, which the
 * client hears of. */
void imap_contexts_end(struct imap_session *s, bool by_number);

/* These have changed in a way that sync does not tell. */
void imap_contexts_touch(struct imap_session *s, struct cv_set seqs);
/* Before EXPUNGE and VANISHED are sent [RFC5267 4.3.4].  Calls nothing of the
 * view. */
void imap_contexts_expunged(struct imap_session *s, struct cv_pool *pool,
			    const struct cv_mailbox_changes *changes);
/* After EXISTS and FETCH [RFC5267 4.3.3]; flags: messages that have
 * changed. */
void imap_contexts_update(struct imap_session *s, struct cv_pool *pool,
			  struct cv_set flags);
/* Whether one of them tells more of new messages than that they are there
 * [RFC5465 7]; and what those that have this one tell, added to fetch. */
bool imap_contexts_have_items(const struct imap_session *s);
bool imap_contexts_items(struct imap_cmd *cmd, uint32_t uid,
			 struct imap_fetch *fetch);

/* For a session that sleeps.  False: they are too large for it. */
bool imap_contexts_freeze(const struct imap_session *s, struct cv_text *out);
/* What it wrote, from the front of in; the mailbox is there already. */
bool imap_contexts_thaw(struct imap_session *s, struct cv_span *in);

#endif
