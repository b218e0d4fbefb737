/* sync-private.h - a run of the engine, for the files of this folder. */
#ifndef SYNC_PRIVATE_H
#define SYNC_PRIVATE_H

#include "sync.h"

/* --- the last common state ------------------------------------------------------- */

/* Sorted by uid[0]. */
struct sync_state_row { uint32_t uid[2], flags, words, notes; };

struct sync_state_box {
	const char *name;
	uint8_t guid[2][16];
	uint32_t uidvalidity[2], uidnext[2];
	uint64_t modseq[2];
	struct sync_state_row *rows;
	uint32_t row_count;
	sync_entries entries;
	bool used;			/* by this run */
};

struct sync_state {
	struct cv_pool *pool;
	ARRAY(struct sync_state_box *) boxes;
	sync_names subscriptions;
	sync_entries entries;		/* of the account */
	bool known;			/* there was one */
};

/* No state, or one that cannot be used, is an empty one. */
int sync_state_load(struct sync_state *state, struct cv_pool *pool,
		    const char *path, struct sync_words *words,
		    struct cv_error *err);
/* Replaces the file as a whole. */
int sync_state_save(const struct sync_state *state, const char *path,
		    const struct sync_words *words, struct cv_error *err);

/* --- a run --------------------------------------------------------------------------- */

struct sync_pair {
	struct sync_box *box[2];	/* NULL: not there */
	struct sync_state_box *state;	/* NULL: first time */
	bool absent[2];			/* dry run: would have been made */
	const char *real[2];		/* dry run: the name before renames */
};

struct sync {
	struct cv_pool *pool;
	struct sync_side *side[2];
	const struct sync_options *options;
	struct sync_report *report;
	struct sync_words words;
	struct sync_state state;
	sync_boxes boxes[2];
	ARRAY(struct sync_pair) pairs;
	bool unused[2];			/* no message has ever been there */
	uint64_t done, total;		/* messages, for the progress */
	uint64_t shown_at, state_at;
};

/* Reports a failure of one mailbox; passes on what ends the run. */
int sync_failed(struct sync *sync, const char *name, int ret,
		struct cv_error *err);
void sync_show(struct sync *sync, const char *name);
/* Of a namespace whose state at one end is not known in this run: neither the
 * mailbox nor its subscription is changed. */
bool sync_is_untouched(const struct sync *sync, const char *name);
/* By mask and exclude. */
bool sync_is_named(const struct sync *sync, const char *name);

/* sync-boxes.c: finds pairs; renames, removes and creates. */
int sync_boxes_match(struct sync *sync, struct cv_error *err);
/* Subscriptions, and the account's annotations. */
int sync_account(struct sync *sync, struct cv_error *err);
/* Annotations of a mailbox, whose names at both ends these are (NULL: it is
 * not there, in a dry run); base are the common ones before and after. */
int sync_metadata(struct sync *sync, const char *const names[2],
		  sync_entries *base, struct cv_pool *pool,
		  struct cv_error *err);

/* The mailbox of a pair as the sides have it now. */
struct sync_content {
	struct cv_pool *pool;
	struct sync_box box[2];
	sync_rows rows[2];
};

/* sync-pair.c, sync-mirror.c: the messages of a pair; result_r (in
 * sync->pool) is the new state. */
int sync_messages(struct sync *sync, const struct sync_pair *pair,
		  struct sync_content *content, struct sync_state_box *result,
		  struct cv_error *err);
int sync_mirror(struct sync *sync, const struct sync_pair *pair,
		struct sync_content *content, struct cv_error *err);

enum sync_uids {
	SYNC_UIDS_KEEP,			/* where the target can */
	SYNC_UIDS_STRICT,		/* all, or CV_E_EXISTS */
	SYNC_UIDS_NEW,
};

/* Reports a message that the side could not give. */
void sync_damaged(struct sync *sync, int side, const struct cv_error *err);

/* sync-copy.c: copies rows (ascending by UID) of the open mailbox of the one
 * side into that of the other, which is name there; what another run has
 * copied meanwhile is not copied again.  uids_r: the new UIDs, 0 of those that
 * were gone, or damaged.  next: the target's uidnext, raised. */
int sync_copy(struct sync *sync, int from, const char *name,
	      const struct sync_row *const *rows, uint32_t count,
	      uint32_t *next, enum sync_uids keep, uint32_t *uids_r,
	      struct cv_error *err);

/* sync-same.c: same_r[n]: the first end's message first[n] and the other's
 * second[n] can both be read, and have the same bytes.  Both in order of
 * UIDs; same_r begins with false. */
int sync_compare(struct sync *sync, const struct sync_row *const *first,
		 const struct sync_row *const *second, uint32_t count,
		 bool *same_r, struct cv_error *err);

/* Reads rows of the open mailbox without copying them: takes those out that
 * cannot be read. */
int sync_probe(struct sync *sync, int from, const struct sync_row **rows,
	       uint32_t *count, struct cv_error *err);
/* Counts what sync_copy would do. */
void sync_count_copy(struct sync *sync, int from,
		     const struct sync_row *const *rows, uint32_t count);

/* What makes a message into one with these flags and annotations; false: it
 * is. */
bool sync_change_make(struct sync *sync, const struct sync_row *row,
		      uint32_t flags, uint32_t words, uint32_t notes,
		      struct sync_change *change_r);

/* sync_box.annotations of a mailbox that is not there yet: what the end would
 * have if it were made. */
uint32_t sync_notes_unknown(const struct sync_side *s);

/* Leaves those annotations in the rows that a run may take to where they are
 * not: of what this end may not see it is not known what was removed. */
void sync_notes_limit(struct sync *sync, struct sync_content *content,
		      bool both_ways);

void sync_count_changes(struct sync_report *report, int side,
			const struct sync_change *changes, uint32_t count);
/* Counts saved rows, and those of them that have annotations. */
void sync_count_saved(struct sync_report *report, int side,
		      const struct sync_row *const *rows, uint32_t count);

#endif
