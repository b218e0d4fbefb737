/* imap-context-private.h - what the imap-context-*.c share. */
#ifndef IMAP_CONTEXT_PRIVATE_H
#define IMAP_CONTEXT_PRIVATE_H

#include "imap-context.h"

struct imap_context {
	struct imap_context *next;
	struct cv_pool *pool;
	struct cv_span tag;
	struct cv_span correlators;	/* behind the tag, as they are sent */
	bool uid;		/* it tells UIDs */
	bool stale;		/* all messages have to be looked at */
	/* The program, with a set of messages beside it that is put in before
	 * each search: the last node. */
	struct cv_search_query query;
	struct cv_search_node *nodes;
	struct imap_sorting sorting;
	/* INVARIANT: what the client has, in the order that it has it;
	 * without sorting they ascend. */
	uint32_t *uids, count, room;
	struct cv_pool *uids_pool;
	uint32_t last_uid;	/* newer ones were not looked at yet */
	/* What is told of new messages [RFC5465 7]; none: at == end. */
	struct imap_args items;
};

struct imap_contexts {
	struct imap_context *first;
	uint32_t count;
	struct cv_set touched;	/* UIDs */
	struct cv_pool *pool;	/* of touched */
};

/* A message that comes or goes.  position: in the list, from 1; 0: it is not
 * there. */
struct imap_moved { uint32_t uid, number, position; };

/* Puts it at the end of the list.  query and sorting stay the caller's. */
struct imap_context *imap_context_new(struct imap_session *s,
				      struct cv_span tag, bool uid,
				      const struct cv_search_query *query,
				      const struct imap_sorting *sorting);
void imap_context_reserve(struct imap_context *c, uint32_t more);
/* Makes room for one before this index. */
void imap_context_insert(struct imap_context *c, uint32_t at, uint32_t uid);
/* Finds out where those that are new belong [RFC5256 3], puts them there, and
 * sets their positions, in the order of which they are afterwards.  Those that
 * are gone meanwhile are left out: *count.  A status. */
int imap_context_place(struct imap_session *s, struct cv_pool *pool,
		       struct imap_context *c, struct imap_moved *items,
		       uint32_t *count);

#endif
