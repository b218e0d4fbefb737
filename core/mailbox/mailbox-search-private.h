/* mailbox-search-private.h - what the files of SEARCH share. */
#ifndef MAILBOX_SEARCH_PRIVATE_H
#define MAILBOX_SEARCH_PRIVATE_H

#include "mailbox-private.h"
#include "message/text-find.h"

struct snode {
	const struct cv_search_node *node;
	uint32_t *children;
	uint32_t child_count;
	struct text_needle needle;
	int cost;
	bool fuzzy;			/* below FUZZY */
	const struct fts_answer *fts;	/* NULL: nobody was asked */
	/* Of a PART: itself and all below it, parents before their children;
	 * place: of one of those in the list. */
	uint32_t *below;
	uint32_t below_count, place;
};

struct frame { uint32_t node, child; };

struct search {
	struct cv_mailbox *box;
	struct cv_pool *pool;		/* of the query */
	struct cv_pool *text_pool;	/* of one message */
	enum casemap map;
	struct cv_text decoded, scratch;	/* of one text */
	struct snode *nodes;
	uint32_t count;
	struct frame *stack;
	uint32_t seq, uid, row;
	struct cv_set within;	/* numbers: no other message can match */
	uint64_t within_size;
	uint32_t score;		/* of this message; 0: nothing is fuzzy */
	struct cv_text scores;
	struct cv_error *err;
};

int search_fail_shape(struct search *s);

/* A field of a header in CRLF or LF form. */
bool search_field_matches(struct search *s, struct cv_span header,
			  struct cv_span field,
			  const struct text_needle *needle);
/* As much of a part's header as is looked at. */
int search_read_header(struct search *s, struct cv_stream *file,
		       const struct mime_part *part,
		       struct cv_span *header_r);
/* The text of a part, not that of parts in it.  headers: its header, too;
 * those of all parts but the first are looked at anyway.  *yes_r is not set
 * to false. */
int search_part_contains(struct search *s, struct cv_stream *file,
			 const struct mime_tree *tree, uint32_t part,
			 bool headers, const struct text_needle *needle,
			 bool *yes_r);

/* op: one of CV_SEARCH_BEFORE ... SINCE, or of their kin.  n says what is
 * wanted: its day, or its second.  day: that of time, in the zone that counts. */
bool search_compare_time(uint32_t op, const struct cv_search_node *n,
			 int64_t time, int64_t day);
int64_t search_day_of(int64_t time);

/* mailbox-search-annotation.c */
bool search_match_annotation(struct search *s, const struct snode *n);
/* Fields as lines, decoded. */
void search_header_lines(struct cv_span header, struct cv_text *dst);
/* What a header says, or US-ASCII. */
struct cv_span search_part_charset(struct cv_span header);
uint64_t search_set_size(struct cv_set set);

/* mailbox-fts.c: asks the provider of full-text search, if there is one.
 * Negative: the search is not possible (fts_enforced). */
int fts_prepare(struct search *s);
/* True: it has said whether this message matches. */
bool fts_decides(struct search *s, const struct snode *n, bool *yes_r);

/* mailbox-search-part.c: a key CV_SEARCH_PART. */
int search_match_part(struct search *s, const struct snode *n, bool *yes_r);

#endif
