/* fuzz-sync-imap.c - everything that an IMAP server could answer to a sync
 * that reads it.  The first byte chooses the account's settings and how much
 * arrives at once. */
#include "sync-feed.h"
#include "sync/sync-side.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sync_account account = {
		.host = "127.0.0.1", .user = "jane", .password = "secret",
		.master_user = "", .prefix = "", .ca_file = "", .ca_dir = "",
	};
	struct cv_error err = ERROR_NONE;
	struct sync_side *side;

	if (size == 0)
		return 0;
	if ((data[0] & 1) != 0)
		account.master_user = "root";
	if ((data[0] & 2) != 0)
		account.prefix = "INBOX.";
	feed_set(cv_span((const char *)data + 1, size - 1),
		 (data[0] & 4) != 0 ? data[0] >> 3 : 65536);
	if (sync_imap_open(&account, &side, &err) == CV_OK)
		feed_walk(side);
	return 0;
}
