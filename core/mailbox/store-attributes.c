/* store-attributes.c - a folder that was Dovecot's is taken over with its
 * annotations: they stand in a file of their own, under the folder's GUID.
 *
 * This is done once, in the transaction that makes the folder known.  So a
 * file that is there and cannot be read keeps the folder from being taken
 * over: later nobody would look again. */
#include "mailbox-private.h"
#include "takeover/dovecot-attributes.h"

/* --- a folder ---------------------------------------------------------------------- */

struct taking {
	struct store *store;
	struct account_txn *txn;
	struct account_folder *folder;
	struct cv_error *err;
	/* of the folder and of the server: entries, bytes */
	uint32_t count[2];
	size_t bytes[2];
	uint32_t left_out;
};

static bool fits(struct taking *t, const struct dovecot_attribute *a)
{
	size_t size = a->value.len;

	if (size > CV_METADATA_VALUE_MAX ||
	    t->count[a->server] == CV_METADATA_ENTRIES_MAX ||
	    size > CV_METADATA_BYTES_MAX - t->bytes[a->server])
		return false;
	t->count[a->server]++;
	t->bytes[a->server] += size;
	return true;
}

static int take_one(struct taking *t, const struct dovecot_attribute *a,
		    struct cv_pool *pool)
{
	struct cv_span entry;

	if (mailbox_entry_check(a->entry, pool, &entry, NULL) < 0 ||
	    !fits(t, a)) {
		t->left_out++;
		return CV_OK;
	}
	return txn_metadata(t->txn, a->server ? NULL : t->folder, entry,
			    a->value, t->err);
}

/* What is private in a folder with many readers is each reader's, and this
 * file is one reader's. */
static bool is_ours(const struct store *store,
		    const struct account_folder *folder,
		    const struct dovecot_attribute *a)
{
	bool inbox = store->has_inbox && strcmp(folder->name, "INBOX") == 0;

	if (memcmp(a->guid, folder->guid.bytes, sizeof(a->guid)) != 0 ||
	    (a->server && !inbox))
		return false;
	return store->is_private ||
		cv_span_begins(a->entry, CV_SPAN("/shared/"));
}

int store_attributes_take(struct store *store, struct account_txn *txn,
			  struct account_folder *folder, struct cv_error *err)
{
	struct taking taking = {
		.store = store, .txn = txn, .folder = folder, .err = err,
	};
	const struct dovecot_attributes *a;
	struct cv_pool *pool;
	int ret;

	if (store->user->attribute_path == NULL)
		return CV_OK;
	ret = dovecot_attributes_load(store->user->io,
				      store->user->attribute_path,
				      store->user->pool,
				      &store->user->attributes, err);
	if (ret != CV_OK)
		return ret == CV_NOT_FOUND ? CV_OK :
			error_prefix(err, "mail_attribute_dict");
	a = store->user->attributes;
	pool = pool_create("attributes");
	for (size_t i = 0; i < a->count && ret == CV_OK; i++) {
		if (is_ours(store, folder, &a->items[i]))
			ret = take_one(&taking, &a->items[i], pool);
	}
	pool_destroy(&pool);
	if (taking.left_out > 0)
		log_warning("mail", "mailbox '%s': %u annotations of '%s' are "
			    "too long or too many, or their names are none, "
			    "and are left there", folder->name,
			    taking.left_out, store->user->attribute_path);
	return ret;
}
