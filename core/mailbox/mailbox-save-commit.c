/* mailbox-save-commit.c - messages that were saved appear, all at once.
 *
 * INVARIANT: before the commit nothing can be seen of them, after it nothing can
 * be lost. */
#include "mailbox-annotate.h"
#include "mailbox-save-private.h"
#include "mailbox-route.h"
#include "mailbox-seen.h"

/* \Seen is kept by whoever reads. */
static int commit_remote(struct cv_save *save, struct cv_pool *pool,
			 uint32_t *uidvalidity_r, struct cv_set *uids_r,
			 struct cv_error *err)
{
	struct account_ranges marked = { .pool = save->pool };
	struct cv_set uids = { NULL, 0 };
	size_t at = 0;
	int ret = remote_save_commit(&save->remote, pool, uidvalidity_r,
				     &uids, err);

	for (uint32_t i = 0; i < uids.count && ret == CV_OK; i++) {
		for (uint64_t uid = uids.ranges[i].first;
		     uid <= uids.ranges[i].last && at < save->seen.count;
		     uid++) {
			if (save->seen.items[at++])
				ranges_add(&marked, (uint32_t)uid);
		}
	}
	if (ret == CV_OK && uids_r != NULL)
		*uids_r = uids;
	/* they are saved: what they are marked with cannot undo that */
	if (ret == CV_OK && route_mark_seen(save->user, save->mailbox_name,
					    &marked, err) < 0)
		log_warning("mail", "\\Seen of saved messages is lost");
	return ret;
}

static int append_one(struct cv_save *save, struct account_txn *txn,
		      struct saved *m, struct cv_error *err)
{
	struct cv_keywords k = m->keywords;
	uint32_t *keywords = pool_new_array(save->pool, uint32_t,
					    k.count + 1);
	struct account_append append = {
		.keywords = keywords, .keyword_count = k.count,
		.uid = m->wanted_uid, .modseq = m->modseq,
		.received = m->received, .saved = m->saved, .size = m->size,
		.virtual_size = m->virtual_size, .blob = m->ref_name,
		.body = m->body, .catalogue = cv_text_span(&m->catalogue),
	};
	struct account_guid guid;
	int ret;

	if (m->folder->deleted)
		return FAIL(err, CV_E_NOT_FOUND, "mailbox '%s' is gone",
			    m->mailbox_name);
	if (append.catalogue.len > ACCOUNT_CATALOGUE_MAX)
		append.catalogue = CV_SPAN_NONE;
	for (uint32_t i = 0; i < k.count; i++) {
		ret = txn_keyword(txn, m->folder, cv_span_of(k.names[i]),
				  &keywords[i], err);
		if (ret < 0)
			return ret;
	}
	if (m->wanted_uid != 0 && m->wanted_uid < m->folder->uidnext)
		return FAIL(err, CV_E_EXISTS, "mailbox '%s': UID %u was given "
			    "to another message", m->mailbox_name,
			    m->wanted_uid);
	m->blob = (struct cv_blob){
		CV_SIZED(cv_blob), .ref = m->ref_name, .flags = m->flags,
		.keywords = k, .received = m->received, .bytes = m->size,
		.virtual_bytes = m->virtual_size,
	};
	if (m->guid != NULL)
		guid = *m->guid;
	else
		account_guid_create(&guid);
	memcpy(m->blob.guid, guid.bytes, sizeof(m->blob.guid));
	append.guid = &guid;
	m->ref.store->driver->marks(m->sf->blobs, &m->blob, 1);
	append.flags = m->flags | m->blob.marks << MAILBOX_MARK_SHIFT;
	ret = txn_append(txn, m->folder, &append, &m->uid, err);
	m->blob.uid = m->uid;
	return ret < 0 ? ret : annotations_put(txn, m->folder, m->uid,
		m->annotations, m->annotation_count, err);
}

/* The list for other servers, of each folder.  CV_CHANGED: *stale_r does not
 * agree with the journal. */
static int add_uids(struct cv_save *save, struct store *store,
		    struct store_folder **stale_r, struct cv_error *err)
{
	struct cv_blob *blobs = pool_new_array(save->pool, struct cv_blob,
					       save->messages.count + 1);
	int ret = CV_OK;

	for (size_t i = 0; i < save->messages.count && ret == CV_OK; i++) {
		struct store_folder *sf = save->messages.items[i]->sf;
		uint32_t count = 0;
		bool done = sf->store != store;

		for (size_t k = 0; k < i && !done; k++)
			done = save->messages.items[k]->sf == sf;
		for (size_t k = i; k < save->messages.count && !done; k++) {
			if (save->messages.items[k]->sf == sf)
				blobs[count++] = save->messages.items[k]->blob;
		}
		ret = store_uids_add(sf, blobs, count, err);
		*stale_r = sf;
	}
	return ret;
}

/* What lies in a folder already gets its UIDs before these. */
static int guard_all(struct cv_save *save, struct store *store,
		     struct quota_hold *hold, struct account_txn **txn,
		     struct cv_error *err)
{
	int ret = CV_OK;

	for (size_t i = 0; i < save->messages.count && ret == CV_OK; i++) {
		struct saved *m = save->messages.items[i];

		if (m->ref.store == store)
			ret = store_guard(m->sf, hold, txn, err);
	}
	return ret;
}

static void unguard_all(struct cv_save *save)
{
	for (size_t i = 0; i < save->messages.count; i++) {
		if (save->messages.items[i]->sf != NULL)
			store_unguard(save->messages.items[i]->sf);
	}
}

static int commit_once(struct cv_save *save, struct store *store,
		       struct store_folder **stale_r, struct cv_error *err)
{
	struct account_txn *txn;
	struct quota_hold hold;
	bool again = *stale_r != NULL;
	int ret = quota_begin(store, save->pool, &hold, &txn, err);

	if (ret < 0)
		return ret;
	ret = guard_all(save, store, &hold, &txn, err);
	if (ret == CV_OK && replaced_in(&save->replaced, store))
		ret = replaced_find(&save->replaced, save->pool, &hold, err);
	for (size_t i = 0; i < save->messages.count && ret == CV_OK; i++) {
		struct saved *m = save->messages.items[i];

		if (m->ref.store != store)
			continue;
		ret = quota_reserve(&hold, m->mailbox_name, m->virtual_size,
				    1, err);
		if (ret == CV_OK)
			ret = append_one(save, txn, m, err);
	}
	if (ret == CV_OK)
		ret = add_uids(save, store, stale_r, err);
	if ((ret == CV_OK || (ret == CV_CHANGED && again)) &&
	    replaced_in(&save->replaced, store))
		ret = replaced_commit(&save->replaced, &txn, save->pool, err);
	else if (ret < 0 || ret == CV_NOT_FOUND ||
		 (ret == CV_CHANGED && !again))
		account_rollback(&txn);
	else
		ret = account_commit(&txn, ACCOUNT_SYNC, err);
	quota_end(&hold);
	return ret;
}

/* Those of one folder, beginning with number first. */
static int send_folder(struct cv_save *save, size_t first,
		       struct cv_error *err)
{
	struct store_folder *sf = save->messages.items[first]->sf;
	struct cv_blob *blobs = pool_new_array(save->pool, struct cv_blob,
					       save->messages.count);
	uint32_t count = 0;
	int ret;

	for (size_t i = first; i < save->messages.count; i++) {
		struct saved *m = save->messages.items[i];

		if (m->sf != sf)
			continue;
		if (m->wanted_uid != 0)
			return FAIL(err, CV_E_UNSUPPORTED, "mailbox '%s': "
				    "its server gives the UIDs",
				    m->mailbox_name);
		blobs[count++] = (struct cv_blob){
			CV_SIZED(cv_blob), .ref = m->ref_name,
			.flags = m->flags, .keywords = m->keywords,
			.received = m->received, .bytes = m->size,
			.virtual_bytes = m->virtual_size,
		};
	}
	ret = store_send(sf, blobs, count, err);
	count = 0;
	for (size_t i = first; i < save->messages.count && ret == CV_OK;
	     i++) {
		struct saved *m = save->messages.items[i];

		if (m->sf != sf)
			continue;
		m->uid = blobs[count++].uid;
		m->committed = true;
	}
	return ret;
}

static int send_all(struct cv_save *save, struct store *store,
		    struct cv_error *err)
{
	int ret = CV_OK;

	for (size_t i = 0; i < save->messages.count && ret == CV_OK; i++) {
		if (save->messages.items[i]->ref.store == store &&
		    !save->messages.items[i]->committed)
			ret = send_folder(save, i, err);
	}
	return ret;
}

static int commit_store(struct cv_save *save, struct store *store,
			struct cv_error *err)
{
	struct store_folder *stale = NULL;
	int ret;

	if (store_is_remote(store))
		return send_all(save, store, err);
	ret = commit_once(save, store, &stale, err);

	/* another server gave UIDs that are not ours to give again */
	if (ret == CV_CHANGED) {
		ret = store_folder_scan_all(stale, err);
		if (ret >= 0)
			ret = commit_once(save, store, &stale, err);
	}
	for (size_t i = 0; i < save->messages.count && ret == CV_OK; i++) {
		if (save->messages.items[i]->ref.store == store)
			save->messages.items[i]->committed = true;
	}
	return ret;
}

/* Messages that are together in one folder are placed together. */
static void place_all(struct cv_save *save)
{
	struct cv_blob *blobs = pool_new_array(save->pool, struct cv_blob,
					       save->messages.count + 1);
	size_t i = 0;

	while (i < save->messages.count) {
		struct saved *first = save->messages.items[i];
		uint32_t count = 0;
		bool arrivals = true;

		if (store_is_remote(first->ref.store)) {
			i++;
			continue;
		}
		for (; i < save->messages.count &&
		     save->messages.items[i]->sf == first->sf; i++) {
			blobs[count] = save->messages.items[i]->blob;
			if (!(blobs[count++].marks & CV_BLOB_ARRIVAL))
				arrivals = false;
		}
		store_folder_numbers(first->sf);
		first->ref.store->driver->place(first->sf->blobs, blobs,
						count);
		store_unguard(first->sf);
		if (!arrivals)
			store_folder_publish(first->sf);
	}
}

/* \Seen where it is the reader's own: the messages are saved, and what they
 * are marked with cannot undo that. */
static void mark_seen(struct cv_save *save)
{
	size_t i = 0;

	while (i < save->messages.count) {
		const struct saved *first = save->messages.items[i];
		struct account_ranges uids = { .pool = save->pool };

		for (; i < save->messages.count &&
		     save->messages.items[i]->sf == first->sf; i++) {
			if (save->messages.items[i]->seen)
				ranges_add(&uids,
					   save->messages.items[i]->uid);
		}
		if (seen_is_kept(first->ref.store) &&
		    seen_mark(save->user, first->folder->guid.bytes,
			      first->folder->uidvalidity, &uids, NULL) < 0)
			log_warning("mail", "\\Seen of saved messages is lost");
	}
}

static void stored_hooks(struct cv_save *save)
{
	for (size_t i = 0; i < save->messages.count; i++) {
		const struct saved *m = save->messages.items[i];
		struct cv_message_ctx ctx = {
			CV_SIZED(cv_message_ctx), .user = save->user,
			.mailbox_name = m->mailbox_name,
			.uidvalidity = m->folder->uidvalidity,
			.uid = m->uid, .flags = m->flags,
		};

		(void)hook_message_stored(&ctx);
	}
}

static int commit_all(struct cv_save *save, struct cv_error *err)
{
	int ret = CV_OK;

	for (struct store *store = save->user->stores;
	     store != NULL && ret == CV_OK; store = store->next) {
		bool any = false;

		for (size_t i = 0; i < save->messages.count && !any; i++)
			any = save->messages.items[i]->ref.store == store;
		if (any)
			ret = commit_store(save, store, err);
	}
	return ret;
}

static void fill_uids(struct cv_save *save, struct cv_pool *pool,
		      struct cv_set *uids_r)
{
	struct cv_range *ranges = pool_new_array(pool, struct cv_range,
						 save->messages.count + 1);
	uint32_t count = 0;

	for (size_t i = 0; i < save->messages.count; i++) {
		uint32_t uid = save->messages.items[i]->uid;

		/* another server did not say them */
		if (uid == 0) {
			count = 0;
			break;
		}
		if (count > 0 && ranges[count - 1].last + 1 == uid)
			ranges[count - 1].last = uid;
		else
			ranges[count++] = (struct cv_range){ uid, uid };
	}
	*uids_r = (struct cv_set){ ranges, count };
}

int mailbox_save_commit(struct cv_save **save, struct cv_pool *pool,
			uint32_t *uidvalidity_r, struct cv_set *uids_r,
			struct cv_error *err)
{
	struct cv_save *s = *save;
	int ret;

	if (s->remote != NULL && s->failed >= 0) {
		ret = commit_remote(s, pool, uidvalidity_r, uids_r, err);
		if (ret == CV_OK)
			ret = replaced_after(&s->replaced, err);
		save_free(save);
		return ret;
	}
	if (s->failed < 0 || s->current != NULL) {
		ret = FAIL(err, s->failed < 0 ? s->failed : CV_E_INTERNAL,
			   "a message was not finished");
		save_free(save);
		return ret;
	}
	ret = commit_all(s, err);
	if (ret == CV_OK) {
		place_all(s);
		mark_seen(s);
		stored_hooks(s);
		ret = replaced_after(&s->replaced, err);
		if (uidvalidity_r != NULL)
			*uidvalidity_r = s->messages.count == 0 ? 0 :
				s->messages.items[0]->folder->uidvalidity;
		if (uids_r != NULL)
			fill_uids(s, pool, uids_r);
	} else {
		unguard_all(s);
	}
	save_free(save);
	return ret;
}
