/* imap-search.h - a SEARCH program as the tree that the mailbox evaluates
 * [RFC3501 6.4.4]. */
#ifndef IMAP_SEARCH_H
#define IMAP_SEARCH_H

#include "imap-session.h"

/* Reads the rest of the arguments, CHARSET included; texts become UTF-8.
 * False after setting a reply.  No recursion: open lists, NOTs and ORs stand
 * in an array of bounded size. */
bool imap_search_parse(struct imap_cmd *cmd, struct cv_search_query *query_r);

/* The same where the charset always comes first [RFC5256 5
 * search-criteria]. */
bool imap_search_parse_charset(struct imap_cmd *cmd,
			       struct cv_search_query *query_r);

/* The same without any mailbox: whether it is a search program that may follow;
 * the arguments stay.  False after setting a reply. */
bool imap_search_validate(struct imap_cmd *cmd, bool *has_modseq_r);

/* Whether these words are a search program, in whatever mailbox.  False after
 * setting a reply. */
bool imap_search_check(struct imap_cmd *cmd, struct imap_args words);

/* There is a provider of full-text search that knows FUZZY [RFC6203]. */
bool imap_can_search_fuzzy(const struct imap_session *s);
struct imap_return;
/* [RFC6203 4] RELEVANCY only with a FUZZY key; after the program was read.
 * False after setting BAD. */
bool imap_relevancy_allowed(struct imap_cmd *cmd,
			    const struct imap_return *ret);

/* What messages are sorted by, enum cv_sort_key; cmd-sort.c. */
struct imap_sorting {
	uint32_t *keys, count;
	struct cv_annotation *annotations;	/* by entry and is_private */
	uint32_t annotation_count;
};
enum { IMAP_SORT_KEYS_MAX = 32 };
/* Sequence numbers that the client knows, in order.  A status. */
int imap_sort_run(struct imap_session *s, struct cv_pool *pool,
		  const struct cv_search_query *query,
		  const struct imap_sorting *sorting, uint32_t **seqs_r,
		  uint32_t *count_r);

#endif
