/* columns.h - the columns file of a folder: what SORT and THREAD compare, put
 * side by side for many messages at once, so that none of their catalogue
 * entries has to be read.
 *
 * One file a folder, written whole, never changed after, never synced; its
 * sections are opaque here.  Like the catalogue it may vanish at any time. */
#ifndef COLUMNS_H
#define COLUMNS_H

#include "account.h"

enum { COLUMNS_SECTIONS = 32 };

struct account_columns;

/* NULL: there is none, or it is of another folder, UIDVALIDITY or version. */
struct account_columns *account_columns_open(struct account_folder *folder,
					     struct cv_pool *pool);
void account_columns_close(struct account_columns **columns);
/* Reads a section into pool, at an address for any number.  False: it is not
 * there or damaged. */
bool account_columns_load(struct account_columns *columns,
			  unsigned int section, struct cv_pool *pool,
			  struct cv_span *data_r);
bool account_columns_has(const struct account_columns *columns,
			 unsigned int section);
/* Writes a new one; data NULL: without that section.  Never waits and may do
 * nothing. */
void account_columns_save(struct account_folder *folder,
			  const struct cv_span sections[COLUMNS_SECTIONS]);

#endif
