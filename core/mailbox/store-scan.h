/* store-scan.h - a scan of a folder, for the files that take part in it. */
#ifndef STORE_SCAN_H
#define STORE_SCAN_H

#include "mailbox-private.h"

struct found {
	struct cv_found f;
	uint32_t uid;			/* from the takeover, 0: none */
	uint64_t modseq;		/* and this */
	int64_t saved;			/* and this; 0: not known */
	uint32_t place;			/* in the order of the scan; 0: the
					 * driver knows of none */
	uint32_t pass;			/* that has seen it last */
	bool known;
	bool unsettled;			/* it may be there twice */
	bool mirror;			/* other keywords than shown */
	int64_t time;			/* of its name, to sort by */
	struct cv_keywords shown;
};

struct scan {
	struct store_folder *sf;
	struct account_folder *folder;
	const struct cv_storage *driver;
	struct cv_pool *pool;
	ARRAY(struct found *) found;
	ARRAY(struct cv_blob) adopted;
	/* What was reported once more, first and again. */
	ARRAY(struct found *) twice;
	struct hash_table by_ref, tombstones;
	/* What belonged to each row when it was last looked for: a guess. */
	struct found **matched;
	uint32_t matched_rows;
	uint64_t txn_before;
	uint32_t uidnext_before;
	uint32_t kind, pass;
	uint32_t come;			/* messages that were not known */
	bool first_time, boot_changed, changed;
	/* another program was at work meanwhile: what was not seen may be
	 * there */
	bool disturbed;
	/* a message was changed by somebody else meanwhile, and not compared */
	bool skipped;
	/* what has left the place of arrivals was found there */
	bool arrived_again;
	bool unburied;			/* there was no room to remove them */
	/* the list of UIDs for other servers: to be compared, or written in
	 * any case; what is added to it */
	bool uids_differ, uids_conflict;
	bool modseqs_differ;		/* what was found has newer ones */
	ARRAY(struct cv_uid_ref) given;
	uint32_t uidvalidity, uidnext_after;
	uint32_t takeover_uidnext, takeover_recent;
	/* The other server's, 0: not known, or not of all that was found. */
	uint64_t takeover_modseq;
	uint32_t tombstone_keys;
	struct account_txn *txn;
	struct cv_error *err;
};

/* --- scan-tombstones.c ----------------------------------------------------- */

void scan_tombstones_load(struct scan *scan);
/* What they stand for is synced. */
int scan_tombstones_clear(struct account_folder *folder,
			  struct account_txn *txn, struct cv_error *err);

/* --- scan-adopt.c ------------------------------------------------------------ */

/* Takes what another server left: UIDs for what was found. */
int scan_take_over(struct scan *scan);
/* What was found and is not known gets UIDs. */
int scan_adopt(struct scan *scan);
/* Their indexes in the folder; those that cannot be kept are left out. */
int scan_keyword_indexes(struct scan *scan, struct cv_keywords k,
			 uint32_t **indexes_r, uint32_t *count_r);

/* --- scan-compare.c ---------------------------------------------------------- */

/* How many messages were not found; marks as known what was. */
uint32_t scan_count_missing(struct scan *scan);
/* Records what differs from the journal. */
int scan_compare(struct scan *scan);
/* Removes blobs that were expunged long ago: the unlink was lost. */
int scan_bury(struct scan *scan);

/* --- scan-twice.c ------------------------------------------------------------ */

/* Two files of one reference: true when the scan has to be done again, since
 * there was something to mend. */
bool scan_settle(struct scan *scan);

/* --- scan-remote.c ----------------------------------------------------------- */

/* All of it, for drivers with CV_STORAGE_REMOTE. */
int scan_remote(struct scan *scan);

/* --- scan-uids.c ------------------------------------------------------------- */

/* Another server has given UIDs since: its clients know them. */
int scan_take_uids(struct scan *scan);
/* Writes what has changed to the list. */
int scan_mirror_uids(struct scan *scan);

#endif
