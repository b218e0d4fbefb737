/* key-table.h - what SORT and THREAD compare, for many messages at once.
 *
 * Strings become ranks: numbers that order as the strings do.  They and the
 * references are kept in the folder's columns file (doc/format-account.md), so
 * that a later session reads a few megabytes and parses nothing; what came
 * since is taken from the catalogue and put in between. */
#ifndef KEY_TABLE_H
#define KEY_TABLE_H

#include "mailbox-private.h"
#include "message/casemap.h"

enum key_column {
	KEY_SUBJECT, KEY_FROM, KEY_TO, KEY_CC, KEY_DISPLAYFROM, KEY_DISPLAYTO,
	KEY_STRINGS,
	KEY_REFERENCES = KEY_STRINGS,	/* ids and what they refer to */
	KEY_SENT,			/* sent date and is_reply: always */
};

enum { KEY_NONE = UINT32_MAX };

struct key_row { uint32_t uid, row; };	/* ascending */

/* The messages of a view that are still there, and their numbers. */
int key_rows_get(struct cv_mailbox *box, struct cv_set seqs,
		 struct cv_pool *pool, struct key_row **rows_r,
		 uint32_t **seqs_r, uint32_t *count_r, struct cv_error *err);
/* What a query says texts are compared by. */
enum casemap key_casemap(const struct cv_search_query *query);

struct key_table {
	uint32_t count;
	int64_t *sent;		/* UTC; else when it was received
				 * [RFC5256 2.2] */
	uint8_t *is_reply;
	uint32_t *ranks[KEY_STRINGS];	/* NULL: not asked for */
	uint32_t empty_subject;	/* the rank of ""; KEY_NONE: nobody's */
	uint32_t subjects;	/* ranks are below that */
	/* Keyed hashes of Message-IDs, 0: none; and of those referred to,
	 * the oldest first: from refs_end[i - 1] on, up to refs_end[i]. */
	uint64_t *ids, *refs;
	uint32_t *refs_end;
};

/* wanted: bits 1 << enum key_column.  The members lie in pool, by the index in
 * rows. */
int key_table_get(struct cv_mailbox *box, const struct key_row *rows,
		  uint32_t count, uint32_t wanted, enum casemap map,
		  struct cv_pool *pool, struct key_table *table_r,
		  struct cv_error *err);

#endif
