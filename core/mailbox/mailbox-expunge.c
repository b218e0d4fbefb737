/* mailbox-expunge.c - EXPUNGE, and what is to be durable before an answer. */
#include "mailbox-private.h"

static void expunge_hooks(struct cv_mailbox *box,
			  const struct account_ranges *uids)
{
	if (!hook_active[CV_HOOK_ID_message_expunged])
		return;
	for (size_t i = 0; i < uids->count; i++) {
		for (uint32_t uid = uids->items[i].first;
		     uid <= uids->items[i].last && uid != 0; uid++) {
			struct cv_message_ctx ctx = {
				CV_SIZED(cv_message_ctx), .user = box->user,
				.mailbox_name = box->name,
				.uidvalidity = box->uidvalidity, .uid = uid,
			};

			(void)hook_message_expunged(&ctx);
		}
	}
}

enum { PART_MAX = 65536 };		/* messages that go in one commit */

struct expunging {
	struct cv_pool *pool;
	bool undeleted;			/* those without \Deleted, too */
	uint32_t next;			/* sequence number not looked at yet */
	struct account_ranges uids;
	ARRAY(struct cv_blob) blobs;
};

static int choose_deleted(struct cv_mailbox *box, const struct cv_set *uids,
			  struct expunging *x, struct cv_error *err)
{
	int ret = CV_OK;

	while (x->next <= box->count && x->blobs.count < PART_MAX &&
	       ret == CV_OK) {
		uint32_t row, seq = x->next++;
		uint32_t uid = mailbox_uid_at(box, seq - 1);

		if ((uids != NULL && !cv_set_contains(*uids, uid)) ||
		    !mailbox_row(box, seq, &row) ||
		    (!x->undeleted &&
		     !(account_row_flags(box->folder, row) &
		       ACCOUNT_DELETED)))
			continue;
		ranges_add(&x->uids, uid);
		store_blob_get(box->folder, row, x->pool,
			       array_add(&x->blobs));
		ret = spare_memory_check(0, err);
	}
	return ret;
}

/* Another server takes them away first: what it refuses stays. */
static int remove_first(struct cv_mailbox *box, struct expunging *x,
			struct account_txn *txn, struct cv_error *err)
{
	int ret = box->store->driver->remove(box->sf->blobs, x->blobs.items,
					     (uint32_t)x->blobs.count, err);

	return ret < 0 ? ret : txn_expunge(txn, box->folder, x->uids.items,
					   x->uids.count, err);
}

static int commit(struct cv_mailbox *box, const struct expunging *x,
		  struct account_txn **txn, struct cv_error *err)
{
	struct cv_error failed = ERROR_NONE;
	int ret = account_commit(txn, ACCOUNT_SYNC, err);

	if (ret < 0)
		return ret;
	/* a file that stays is removed by the next scan */
	ret = box->store->driver->remove(box->sf->blobs, x->blobs.items,
					 (uint32_t)x->blobs.count, &failed);
	if (ret == CV_OK)
		store_tombstones_removed(box->sf);
	if (ret < 0 && ret != CV_E_NOT_FOUND)
		log_warning("mail", "mailbox '%s': expunged, but: %s",
			    box->name, failed.text);
	store_folder_publish(box->sf);
	return CV_OK;
}

static int expunge(struct cv_mailbox *box, const struct cv_set *uids,
		   struct expunging *x, struct cv_error *err)
{
	struct account_txn *txn;
	bool remote = store_is_remote(box->store);
	int ret = store_begin(box->store, &txn, err);

	if (ret < 0)
		return ret;
	store_folder_refresh(box->sf);
	ret = choose_deleted(box, uids, x, err);
	if (ret < 0 || x->uids.count == 0 || box->folder->deleted) {
		account_rollback(&txn);
		return ret;
	}
	ret = remote ? remove_first(box, x, txn, err) :
		txn_expunge(txn, box->folder, x->uids.items, x->uids.count,
			    err);
	if (ret == CV_OK && !remote)
		ret = store_tombstones_add(box->sf, txn, x->blobs.items,
					   (uint32_t)x->blobs.count, err);
	if (ret < 0) {
		account_rollback(&txn);
		return ret;
	}
	if (remote) {
		ret = account_commit(&txn, ACCOUNT_SYNC, err);
	} else {
		store_removing(box->store);
		ret = commit(box, x, &txn, err);
		store_removed(box->store);
	}
	if (ret == CV_OK)
		expunge_hooks(box, &x->uids);
	return ret;
}

/* [RFC9051 6.4.3] Each of them is gone for good or there: a million need not
 * go at once. */
static int expunge_parts(struct cv_mailbox *box, const struct cv_set *uids,
			 struct expunging *x, struct cv_error *err)
{
	int ret = CV_OK;

	x->pool = pool_create("expunge");
	for (x->next = 1; x->next <= box->count && ret == CV_OK; ) {
		pool_reset(x->pool);
		x->uids = (struct account_ranges){ .pool = x->pool };
		array_init(&x->blobs, x->pool);
		ret = expunge(box, uids, x, err);
		if (box->folder->deleted)
			break;
	}
	pool_destroy(&x->pool);
	return ret;
}

static int expunge_chosen(struct cv_mailbox *box, const struct cv_set *uids,
			  bool undeleted, struct cv_error *err)
{
	struct expunging x = { .undeleted = undeleted };
	int ret = mailbox_check_writable(box, err);

	if (ret == CV_OK)
		ret = mailbox_permit(mailbox_box_rights(box),
				     MAILBOX_OP_EXPUNGE, box->name, err);
	if (ret < 0)
		return ret;
	return expunge_parts(box, uids, &x, err);
}

int mailbox_expunge(struct cv_mailbox *box, const struct cv_set *uids,
		    struct cv_error *err)
{
	return expunge_chosen(box, uids, false, err);
}

int mailbox_expunge_uids(struct cv_mailbox *box, const struct cv_set *uids,
			 struct cv_error *err)
{
	return expunge_chosen(box, uids, true, err);
}

int mailbox_settle(struct cv_user *user, struct cv_error *err)
{
	int ret = CV_OK;

	for (struct store *store = user->stores; store != NULL;
	     store = store->next) {
		if (store->account != NULL &&
		    account_sync(store->account, ret < 0 ? NULL : err) < 0)
			ret = CV_E_TEMP;
	}
	return ret;
}
