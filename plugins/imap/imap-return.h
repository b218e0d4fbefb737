/* imap-return.h - RETURN (...) of SEARCH and SORT, the ESEARCH response
 * [RFC4466 2.6, RFC4731, RFC9394] and the saved result "$" [RFC5182]. */
#ifndef IMAP_RETURN_H
#define IMAP_RETURN_H

#include "imap-session.h"
#include "imap-set.h"

enum imap_return_option {
	IMAP_RETURN_MIN = 1, IMAP_RETURN_MAX = 2, IMAP_RETURN_ALL = 4,
	IMAP_RETURN_COUNT = 8, IMAP_RETURN_SAVE = 16,
	IMAP_RETURN_PARTIAL = 32,
	IMAP_RETURN_UPDATE = 64,
	IMAP_RETURN_RELEVANCY = 128,	/* [RFC6203 4] */
};

struct imap_partial {
	uint32_t first, last;		/* positions from 1, first <= last */
	bool from_end;			/* -1 is the last */
	struct cv_span text;		/* as it was written */
};

struct imap_return {
	bool given;			/* RETURN stands there */
	uint32_t options;		/* enum imap_return_option */
	struct imap_partial partial;
	/* of UPDATE: what is told of new messages [RFC5465 7]; none: at ==
	 * end */
	struct imap_args items;
};

/* What was found, in the order of the answer: numbers or UIDs as runs that
 * ascend, one behind the other. */
struct imap_results {
	const struct cv_range *runs;
	uint32_t count;			/* of runs */
	uint64_t total;			/* of numbers */
	uint64_t modseq;		/* to be told with them; 0: none */
	const uint8_t *scores;		/* of each number; NULL: not asked for */
};

/* "1:500" or "-1:-100" [RFC9394 4] partial-range. */
bool imap_partial_parse(struct cv_span text, struct imap_partial *partial_r);
/* Takes a word and the list behind it, if they come next: *given_r.  False
 * after setting a reply: no list follows. */
bool imap_word_and_list(struct imap_cmd *cmd, const char *word, bool *given_r,
			struct imap_args *list_r);
/* Takes RETURN and its list, if they come next.  False after setting a
 * reply. */
bool imap_return_parse(struct imap_cmd *cmd, struct imap_return *ret);

/* Sequence numbers of a view as results: as UIDs when the command is UID
 * x. */
struct imap_results imap_results_of_set(struct imap_cmd *cmd,
					struct cv_set seqs);
struct imap_results imap_results_of_list(struct imap_cmd *cmd,
					 const uint32_t *seqs, uint32_t count);

/* With SEARCH MODSEQ: the highest of those that are returned, given as sequence
 * numbers [RFC7162 3.1.6] [RFC4731 3.2]; 0: nothing is to be told. */
uint64_t imap_results_modseq(struct imap_cmd *cmd,
			     const struct imap_return *ret,
			     struct cv_set seqs);
/* Those at these positions of the set. */
struct cv_set imap_partial_cut(struct cv_pool *pool, struct cv_set set,
			       const struct imap_partial *partial);

/* "* ESEARCH (TAG "x"" or, with a mailbox (data not NULL) and its
 * UIDVALIDITY, what [RFC7377 2.1] has behind it; then UID, and the items that
 * were asked for.  name is in wire form. */
void imap_esearch_send(struct imap_cmd *cmd, const struct imap_return *ret,
		       struct imap_results results, bool uid,
		       struct cv_span name, uint32_t uidvalidity);
/* "* SEARCH 1 2 3" or "* SORT ..." */
void imap_results_send(struct imap_cmd *cmd, const char *what,
		       struct imap_results results);

/* What SAVE keeps of them: results as sequence numbers, in order. */
void imap_saved_set(struct imap_cmd *cmd, const struct imap_return *ret,
		    struct imap_results seqs);
/* The saved result is the empty one from now on [RFC5182 2.1]. */
void imap_saved_clear(struct imap_session *s);
/* "$" as UIDs, or as sequence numbers that the client knows. */
struct cv_set imap_saved_uids(struct imap_session *s);
struct cv_set imap_saved_seqs(struct imap_session *s, struct cv_pool *pool);

#endif
