/* scan-uids.c - the list of UIDs that the driver keeps for other servers, as a
 * scan compares and writes it. */
#include "store-scan.h"

/* Rows, then what was adopted. */
struct uid_walk {
	struct scan *scan;
	uint32_t row;
	size_t given;
};

static bool next_uid(void *context, struct cv_uid_ref *next_r)
{
	struct uid_walk *walk = context;
	struct scan *scan = walk->scan;
	struct account_folder *folder = scan->folder;

	if (next_r == NULL) {
		walk->row = 0;
		walk->given = 0;
		return true;
	}
	while (!scan->first_time && walk->row < account_row_count(folder)) {
		struct account_message m;

		if (!account_row_alive(folder, walk->row++))
			continue;
		account_row_get(folder, walk->row - 1, &m);
		*next_r = (struct cv_uid_ref){ m.uid, m.blob };
		return true;
	}
	if (walk->given >= scan->given.count)
		return false;
	*next_r = scan->given.items[walk->given++];
	return true;
}

/* The list of UIDs for other servers. */
int scan_mirror_uids(struct scan *scan)
{
	const struct cv_storage *driver = scan->driver;
	struct uid_walk walk = { .scan = scan };
	uint32_t uidnext = scan->folder->uidnext;
	int ret = CV_CHANGED;

	if (!store_has_uids(scan->sf))
		return CV_OK;
	if (!scan->uids_differ && !scan->first_time && !scan->boot_changed) {
		if (scan->given.count == 0)
			return CV_OK;
		ret = driver->uids_add(scan->sf->blobs, scan->given.items,
				       (uint32_t)scan->given.count,
				       scan->folder->message_count,
				       scan->err);
	}
	if (ret != CV_CHANGED)
		return ret;
	if (uidnext < scan->uidnext_after)
		uidnext = scan->uidnext_after;
	if (scan->given.count > 0 && uidnext <= scan->given.items[
					scan->given.count - 1].uid)
		uidnext = scan->given.items[scan->given.count - 1].uid + 1;
	driver->numbers(scan->sf->blobs, scan->uidvalidity, uidnext);
	return driver->uids_write(scan->sf->blobs, next_uid, &walk,
				  scan->uids_conflict, scan->err);
}

/* No list is kept beside the messages, they say themselves which UIDs they have.
 * CV_CHANGED: another server has given some that the journal has not. */
static int ask_head(struct scan *scan)
{
	struct cv_takeover t = { CV_SIZED(cv_takeover) };
	int ret = scan->driver->takeover(scan->sf->blobs, true, scan->pool,
					 &t, scan->err);

	if (ret != CV_OK)
		return ret < 0 ? ret : CV_OK;
	return t.uidvalidity == scan->uidvalidity &&
		t.uidnext > scan->folder->uidnext ? CV_CHANGED : CV_OK;
}

/* Another server has given UIDs since: its clients know them. */
int scan_take_uids(struct scan *scan)
{
	int ret = CV_OK;

	store_folder_numbers(scan->sf);
	if (store_has_uids(scan->sf))
		ret = scan->driver->uids_add(scan->sf->blobs, NULL, 0, 0,
					     scan->err);
	else if (scan->driver->caps & CV_STORAGE_FOREIGN)
		ret = ask_head(scan);
	if (ret != CV_CHANGED)
		return ret;
	scan->uids_differ = true;	/* a list is written anew */
	return scan_take_over(scan);
}
