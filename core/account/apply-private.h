/* apply-private.h - what applying records and taking them back share. */
#ifndef APPLY_PRIVATE_H
#define APPLY_PRIVATE_H

#include "account-private.h"

struct apply {
	struct account *account;
	const struct journal_record *record;
	struct format_cursor c;
	struct folder *last;		/* of the append before a body */
	uint32_t last_uid;
};

/* The folder that the record begins with; NULL: there is none. */
struct folder *apply_get_folder(struct apply *a);
/* The next range of a record; false: it cannot be. */
bool apply_get_range(struct apply *a, struct account_range *range);
void apply_raise_modseq(struct folder *folder, uint64_t modseq);
/* The folder is loaded. */
void apply_add_expunged(struct folder *folder, uint32_t uid,
			uint64_t modseq);

#endif
