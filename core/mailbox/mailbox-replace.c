/* mailbox-replace.c - see mailbox-replace.h. */
#include "mailbox-replace.h"
#include "mailbox-remote.h"

int replaced_begin(struct replaced *r, struct cv_mailbox *box, uint32_t seq,
		   struct remote_save *into, struct cv_error *err)
{
	int ret;

	if (seq == 0 || seq > box->count)
		return CV_NOT_FOUND;
	if (box->remote == NULL) {
		uint32_t row;

		ret = mailbox_check_writable(box, err);
		/* [RFC8508 4.1] as of STORE and EXPUNGE, like MOVE */
		if (ret == CV_OK)
			ret = mailbox_permit(mailbox_box_rights(box),
					     MAILBOX_OP_MOVE_FROM, box->name,
					     err);
		if (ret == CV_OK && !mailbox_row(box, seq, &row))
			ret = CV_NOT_FOUND;
	} else {
		ret = mailbox_permit(box->rights, MAILBOX_OP_MOVE_FROM,
				     box->name, err);
	}
	if (ret == CV_OK && box->remote != NULL && into != NULL &&
	    remote_save_is_of(into, box->remote->remote)) {
		ret = remote_save_replace(into, box, seq, err);
		r->done = ret == CV_OK;
	}
	if (ret == CV_OK) {
		r->box = box;
		r->uid = mailbox_uid_at(box, seq - 1);
	}
	return ret;
}

bool replaced_in(const struct replaced *r, const struct store *store)
{
	return r->box != NULL && r->box->remote == NULL &&
		r->box->store == store && !store_is_remote(store);
}

int replaced_find(struct replaced *r, struct cv_pool *pool,
		  struct quota_hold *hold, struct cv_error *err)
{
	struct cv_mailbox *box = r->box;
	uint32_t row;

	store_folder_refresh(box->sf);
	if (box->folder->deleted ||
	    !account_row_find(box->folder, r->uid, &row)) {
		FAIL(err, CV_NOT_FOUND, "mailbox '%s': UID %u is gone",
		     box->name, r->uid);
		return CV_NOT_FOUND;
	}
	store_blob_get(box->folder, row, pool, &r->blob);
	/* [RFC8508 3.4] only the difference counts */
	quota_credit(hold, r->blob.virtual_bytes == 0 ? r->blob.bytes :
		     r->blob.virtual_bytes, 1);
	return CV_OK;
}

static void expunged_hook(const struct replaced *r)
{
	struct cv_message_ctx ctx = {
		CV_SIZED(cv_message_ctx), .user = r->box->user,
		.mailbox_name = r->box->name,
		.uidvalidity = r->box->uidvalidity, .uid = r->uid,
	};

	(void)hook_message_expunged(&ctx);
}

int replaced_commit(struct replaced *r, struct account_txn **txn,
		    struct cv_pool *pool, struct cv_error *err)
{
	struct cv_mailbox *box = r->box;
	struct account_ranges uids = { .pool = pool };
	int ret;

	ranges_add(&uids, r->uid);
	ret = txn_expunge(*txn, box->folder, uids.items, uids.count, err);
	if (ret == CV_OK)
		ret = store_tombstones_add(box->sf, *txn, &r->blob, 1, err);
	if (ret < 0) {
		account_rollback(txn);
		return ret;
	}
	store_removing(box->store);
	ret = account_commit(txn, ACCOUNT_SYNC, err);
	if (ret == CV_OK) {
		r->done = true;
		/* a file that stays is removed by the next scan */
		if (box->store->driver->remove(box->sf->blobs, &r->blob, 1,
					       NULL) == CV_OK)
			store_tombstones_removed(box->sf);
		store_folder_publish(box->sf);
	}
	store_removed(box->store);
	if (ret == CV_OK)
		expunged_hook(r);
	return ret;
}

int replaced_after(struct replaced *r, struct cv_error *err)
{
	struct cv_range one = { r->uid, r->uid };
	struct cv_set uids = { &one, 1 };

	if (r->box == NULL || r->done)
		return CV_OK;
	return r->box->remote == NULL ?
		mailbox_expunge_uids(r->box, &uids, err) :
		remote_expunge(r->box, &uids, true, err);
}
