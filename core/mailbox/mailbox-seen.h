/* mailbox-seen.h - the reader's own \Seen of mailboxes that others read, too:
 * for the files of this folder.
 *
 * It lies in the reader's account: under "seen/FOLDER-GUID/UIDVALIDITY/BLOCK",
 * one bit for each UID of a block of 4096, without the zeros at the end.  Beside
 * the blocks "taken" says that what another server had kept for the reader, where
 * INDEXPVT= says, is in them: it is looked for no more. */
#ifndef MAILBOX_SEEN_H
#define MAILBOX_SEEN_H

#include "mailbox-private.h"

struct private_seen {
	struct cv_pool *pool;
	struct store *store;		/* the reader's */
	const char *prefix;		/* "seen/.../" */
	uint32_t uidvalidity;
	uint64_t txn;			/* as of this transaction */
	struct cv_pool *uid_pool;
	struct account_ranges uids;
	/* of this view's own changes that sync has still to report */
	struct account_ranges news;
	int watch;			/* seen_watch_fd; -1: none */
};

/* Whether this process keeps what the readers of a store have seen: not a
 * broker, whose accessor does. */
bool seen_is_kept(const struct store *store);
/* For messages with these UIDs, as they are now. */
int seen_create(struct cv_user *user, const uint8_t guid[16],
		uint32_t uidvalidity, struct private_seen **seen_r,
		struct cv_error *err);
void seen_destroy(struct private_seen **seen);
/* Brings it up to date; CV_CHANGED: it differs.  uids: ascending. */
int seen_refresh(struct private_seen *seen, const uint32_t *uids,
		 uint32_t count, struct cv_error *err);
bool seen_has(const struct private_seen *seen, uint32_t uid);
/* This view has told the client nothing yet of its changes of these, which are
 * ascending. */
void seen_news_add(struct private_seen *seen,
		   const struct account_ranges *uids);
/* Is it among the news? */
bool seen_is_news(const struct private_seen *seen, uint32_t uid);
/* Takes over what another server has kept, once: l and name are those of the
 * folder, uids its messages, ascending.  What cannot be read is logged and left
 * for the next time. */
int seen_take_over(struct private_seen *seen, const struct mail_location *l,
		   const char *name, const uint32_t *uids, uint32_t count,
		   struct cv_error *err);
/* A descriptor that is readable when box_fd is, or when another session of the
 * reader may have changed something; -1 when box_fd is. */
int seen_watch_fd(struct private_seen *seen, int box_fd);
void seen_watch_clear(struct private_seen *seen);
/* How many of these UIDs are not marked; l and name as of seen_take_over, l
 * NULL: there is no such place. */
int seen_count_unseen(struct cv_user *user, const uint8_t guid[16],
		      uint32_t uidvalidity, const struct mail_location *l,
		      const char *name, struct cv_set uids,
		      uint32_t *unseen_r, struct cv_error *err);
/* Marks these messages of a folder that need not be open. */
int seen_mark(struct cv_user *user, const uint8_t guid[16],
	      uint32_t uidvalidity, const struct account_ranges *uids,
	      struct cv_error *err);
/* One commit. */
int seen_set(struct private_seen *seen, const struct account_ranges *uids,
	     bool on, bool settle_later, struct cv_error *err);

#endif
