/* scan-remote.c - what another server has becomes what the journal remembers:
 * its UIDs, and its word on what is there. */
#include "store-scan.h"

/* A UID below UIDNEXT that is no message of ours: we took it for gone, and it
 * is there. */
static bool is_contradicted(struct scan *scan)
{
	for (size_t i = 0; i < scan->found.count; i++) {
		struct found *f = scan->found.items[i];
		uint32_t row;

		if (f->uid == 0 || f->uid >= scan->folder->uidnext ||
		    account_row_find(scan->folder, f->uid, &row))
			continue;
		return true;
	}
	return false;
}

/* Messages that somebody has expunged or saved while we looked are for the
 * next scan. */
static void leave_to_next(struct scan *scan)
{
	size_t to = 0;

	for (size_t i = 0; i < scan->found.count; i++) {
		struct found *f = scan->found.items[i];

		if (f->known || f->uid >= scan->folder->uidnext)
			scan->found.items[to++] = f;
	}
	scan->found.count = to;
}

/* All is taken in anew: clients see another UIDVALIDITY, or the same messages
 * under the same UIDs. */
static int start_again(struct scan *scan, uint32_t uidvalidity)
{
	log_info("mail", "mailbox '%s': taken in anew, UIDVALIDITY %u",
		 scan->folder->name, uidvalidity);
	for (size_t i = 0; i < scan->found.count; i++)
		scan->found.items[i]->known = false;
	scan->changed = true;
	return txn_folder_reset(scan->txn, scan->folder, uidvalidity, 1,
				scan->err);
}

int scan_remote(struct scan *scan)
{
	struct cv_takeover t = { CV_SIZED(cv_takeover) };
	bool quiet = account_txn_number(scan->folder->account) ==
		scan->txn_before;
	int ret = scan->driver->takeover(scan->sf->blobs, true, scan->pool,
					 &t, scan->err);

	if (ret < 0)
		return ret;
	if (t.uidvalidity != scan->folder->uidvalidity ||
	    (quiet && is_contradicted(scan))) {
		ret = start_again(scan, t.uidvalidity);
	} else {
		ret = scan_compare(scan);
		leave_to_next(scan);
	}
	if (ret == CV_OK)
		ret = scan_adopt(scan);
	if (ret == CV_OK)
		ret = txn_folder_uidnext(scan->txn, scan->folder, t.uidnext,
					 scan->err);
	if (ret == CV_OK && scan->folder->damaged)
		ret = txn_folder_repaired(scan->txn, scan->folder, scan->err);
	return ret;
}
