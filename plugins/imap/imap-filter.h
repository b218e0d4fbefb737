/* imap-filter.h - searches with a name [RFC5466]: annotations of the server
 * that the key FILTER stands for. */
#ifndef IMAP_FILTER_H
#define IMAP_FILTER_H

#include "imap-session.h"

enum {
	IMAP_FILTER_DEPTH_MAX = 8,	/* filters in filters [RFC5466 3.1] */
	IMAP_FILTERS_MAX = 64,		/* replaced in one command */
};

/* The filters that a command has asked for. */
struct imap_filters {
	struct cv_metadata *entries;	/* NULL: not read yet */
	uint32_t count;
	uint32_t used;
};

/* [RFC5466 4] filter-name */
bool imap_filter_name_valid(struct cv_span name);
/* The words of the user's own filter of that name, else of the shared one, in
 * the command's pool.  False after a reply: there is none, or it is no list of
 * words. */
bool imap_filter_find(struct imap_cmd *cmd, struct imap_filters *filters,
		      struct cv_span name, struct imap_args *args_r);
/* NO [UNDEFINED-FILTER name].  Returns false. */
bool imap_filter_undefined(struct imap_cmd *cmd, struct cv_span name);

/* Whether an annotation of the server may have this value: with the name of a
 * filter only what is a search [RFC5466 3.2]. */
bool imap_filter_may_set(struct imap_cmd *cmd,
			 const struct cv_metadata *entry);

#endif
