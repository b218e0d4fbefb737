/* adm-query-private.h - what the files of the search language share. */
#ifndef ADM_QUERY_PRIVATE_H
#define ADM_QUERY_PRIVATE_H

#include "adm-query.h"

enum { QUERY_DEPTH_MAX = 100 };

struct adm_query {
	struct cv_search_node *nodes;
	uint32_t count;
	bool wants_guid;
	uint32_t mailbox_count;
	const char *mailbox;		/* the only one, when at the top */
};

struct query_group {
	uint32_t node, last;
	bool has_or, has_and, wants_key;
	bool single;			/* ends behind its first key */
};

struct query_parser {
	struct cv_pool *pool;
	struct adm_query *query;
	uint32_t room;
	struct query_group stack[QUERY_DEPTH_MAX];
	uint32_t depth;
	uint32_t nots;			/* pending before the next key */
	bool fuzzy;			/* FUZZY stands before it */
	int argc, at;
	char **argv;
	uint64_t now;
	struct cv_error *err;
};

/* --- adm-query.c ----------------------------------------------------------- */

uint32_t query_add_node(struct query_parser *p, uint32_t op);
void query_link_child(struct query_parser *p, uint32_t parent, uint32_t *last,
		      uint32_t child);
/* CV_E_SYNTAX about the argument read last. */
int query_fail_at(struct query_parser *p, const char *what);
/* A key of the present group; behind NOT it becomes a child of its node. */
int query_add_key(struct query_parser *p, uint32_t op, uint32_t *node_r);
/* NULL: there is none left. */
const char *query_next_arg(struct query_parser *p);

/* --- adm-query-part.c ------------------------------------------------------ */

/* MIMEPART and what belongs to it. */
int query_add_part(struct query_parser *p);

/* --- adm-query-value.c ----------------------------------------------------- */

/* "2days" */
bool query_interval(const char *text, uint64_t *seconds_r);
/* UINT32_MAX stands for '*' until the view is known. */
bool query_parse_set(struct cv_pool *pool, const char *text,
		     struct cv_set *set_r);
uint32_t query_merge_ranges(struct cv_range *ranges, uint32_t count);

#endif
