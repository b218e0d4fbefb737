/* imap-search-private.h - a search program while it is read. */
#ifndef IMAP_SEARCH_PRIVATE_H
#define IMAP_SEARCH_PRIVATE_H

#include <iconv.h>

#include "imap-extend.h"
#include "imap-filter.h"
#include "imap-search.h"

enum { SEARCH_FRAMES_MAX = 64 };	/* open lists, NOTs and ORs */

struct frame {			/* a node that still takes children */
	uint32_t node, last;	/* last child, 0: none */
	uint32_t need;		/* how many more; UINT32_MAX: the whole list */
	struct imap_args list;
	bool owns_list;
	struct cv_span filter;	/* whose words these are; empty: of none */
};

struct search {
	struct imap_cmd *cmd;
	struct cv_search_node *nodes;
	uint32_t count, room;
	struct frame frames[SEARCH_FRAMES_MAX];
	uint32_t depth;
	iconv_t charset;	/* (iconv_t)-1: UTF-8 already */
	struct imap_pending_key *pending;	/* of other plugins */
	uint32_t pending_count;
	struct imap_filters filters;
	bool has_modseq;
	bool check;		/* there is no mailbox: only whether it is a
				 * search */
};

/* imap-search-tree.c */
uint32_t imap_search_node_new(struct search *p, uint32_t op);
/* A new child of the innermost open node. */
uint32_t imap_search_child_add(struct search *p, uint32_t op);
/* A child that takes so many children itself.  False after setting a reply. */
bool imap_search_frame_open(struct search *p, uint32_t op, uint32_t need);
/* Those that have all their children.  False after setting a reply. */
bool imap_search_frames_close(struct search *p);

/* imap-search-charset.c: reads the word CHARSET with its name where it stands;
 * or the name alone.  False after setting a reply. */
bool imap_search_charset_parse(struct search *p);
bool imap_search_charset_name_parse(struct search *p);
void imap_search_charset_close(struct search *p);
/* False after setting a reply. */
bool imap_search_to_utf8(struct search *p, struct cv_span in,
			 struct cv_span *out_r);

#endif
