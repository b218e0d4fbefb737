/* sync.h - makes two ends equal, or one a mirror of the other.
 *
 * The rules are in doc/sync.md.  What was done is durable mailbox by mailbox
 * and batch by batch; after a failure or a kill at any point the next run
 * goes on from there. */
#ifndef SYNC_H
#define SYNC_H

#include "sync-side.h"

struct sync_report {
	/* by end: what was done to [0] and to [1] */
	uint64_t created[2], removed[2], renamed[2];
	uint64_t saved[2], saved_bytes[2];
	uint64_t expunged[2], changed[2];
	uint64_t annotated[2];		/* messages: their annotations */
	uint64_t renumbered[2];		/* saved, but not with their UIDs */
	uint64_t subscriptions[2], entries[2];
	uint64_t mailboxes, failures;
	/* messages of [0] and of [1] that could not be read, and were left
	 * out: the next run tries again */
	uint64_t damaged[2];
	/* INBOX was used at both ends and has two GUIDs */
	bool inbox_differs;
};

struct sync_options {
	bool mirror;			/* b becomes like a; no state */
	bool dry_run;			/* changes nothing, counts */
	bool full;			/* also mailboxes that look unchanged;
					 * mirror: whatever is lost by it */
	const char *mask, *exclude;	/* canonical names, '*'; NULL */
	/* Whether a mailbox is to be looked at; NULL: all. */
	bool (*wanted)(void *context, const char *name);
	/* Whether a mailbox that is not to be seen at one end is left alone at
	 * the other: it may only be hidden; NULL: none. */
	bool (*lasts)(void *context, const char *name);
	const char *state_path;		/* NULL: none */
	/* One mailbox failed; the others go on. */
	void (*failed)(void *context, const struct cv_error *err);
	/* A message was left out, which the text names. */
	void (*damaged)(void *context, const struct cv_error *err);
	/* text: what is being done. */
	void (*progress)(void *context, const char *mailbox, uint64_t done,
			 uint64_t total);
	void *context;
};

/* CV_OK also when single mailboxes failed (report_r->failures), and when
 * messages were left out (report_r->damaged). */
int sync_run(struct sync_side *a, struct sync_side *b,
	     const struct sync_options *options,
	     struct sync_report *report_r, struct cv_error *err);

/* Copies messages of the mailbox from_name into to_name, which is made when it
 * is not there; those that it has already (by GUID) are left out.  uids NULL:
 * all. */
int sync_import(struct sync_side *from, const char *from_name,
		struct sync_side *to, const char *to_name,
		const struct cv_set *uids, const struct sync_options *options,
		struct sync_report *report, struct cv_error *err);

/* Mask with '*' (any text) and '%' (without '/'). */
bool sync_mask_matches(const char *mask, const char *name);

#endif
