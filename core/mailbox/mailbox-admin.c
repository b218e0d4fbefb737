/* mailbox-admin.c - what administrators' tools do with a mailbox. */
#include "mailbox-private.h"

/* --- identity --------------------------------------------------------------- */

/* Messages of a folder as they were, to be put back after a reset. */
static int append_again(struct account_txn *txn,
			struct account_folder *folder,
			const struct account_message *messages,
			const struct account_keywords *keywords,
			const char *const *names, uint32_t count,
			struct cv_pool *pool, struct cv_error *err)
{
	int ret = CV_OK;

	for (uint32_t i = 0; i < count && ret == CV_OK; i++) {
		const struct account_message *m = &messages[i];
		uint32_t *indexes = pool_new_array(pool, uint32_t,
						   keywords[i].count + 1);
		struct account_append append = {
			.uid = m->uid, .flags = m->flags,
			.keywords = indexes,
			.keyword_count = keywords[i].count,
			.received = m->received, .saved = m->saved,
			.size = m->size, .virtual_size = m->virtual_size,
			.guid = &m->guid, .blob = m->blob,
		};

		for (uint32_t k = 0; k < keywords[i].count && ret == CV_OK;
		     k++) {
			const char *name = names[keywords[i].indexes[k]];

			ret = txn_keyword(txn, folder, cv_span_of(name),
					  &indexes[k], err);
		}
		if (ret == CV_OK)
			ret = txn_append(txn, folder, &append, NULL, err);
	}
	return ret;
}

static struct account_keywords copy_indexes(struct account_keywords k,
					    struct cv_pool *pool)
{
	uint16_t *copy = pool_new_array(pool, uint16_t, k.count + 1);

	if (k.count > 0)
		memcpy(copy, k.indexes, k.count * sizeof(*copy));
	return (struct account_keywords){ copy, k.count };
}

/* INVARIANT: a UIDVALIDITY is only ever replaced together with all rows: no
 * moment shows UIDs under the wrong one. */
static int change_uidvalidity(struct account_txn *txn,
			      struct account_folder *folder,
			      uint32_t uidvalidity, struct cv_pool *pool,
			      struct cv_error *err)
{
	uint32_t rows = account_row_count(folder), count = 0;
	uint32_t names_count = account_keyword_count(folder);
	uint32_t uidnext = folder->uidnext;
	struct account_message *messages =
		pool_new_array(pool, struct account_message, rows + 1);
	struct account_keywords *keywords =
		pool_new_array(pool, struct account_keywords, rows + 1);
	const char **names = pool_new_array(pool, const char *,
					    names_count + 1);
	int ret;

	for (uint32_t i = 0; i < names_count; i++)
		names[i] = pool_strdup(pool, account_keyword_name(folder, i));
	for (uint32_t row = 0; row < rows; row++) {
		struct account_message *m = &messages[count];

		if (!account_row_alive(folder, row))
			continue;
		account_row_get(folder, row, m);
		/* its body would go with the reset */
		if (m->has_body)
			return FAIL(err, CV_E_TEMP, "messages are still in "
				    "the journal");
		m->blob = pool_span(pool, m->blob);
		keywords[count++] = copy_indexes(m->keywords, pool);
	}
	ret = txn_folder_reset(txn, folder, uidvalidity, 1, err);
	if (ret == CV_OK)
		ret = append_again(txn, folder, messages, keywords, names,
				   count, pool, err);
	if (ret == CV_OK)
		ret = txn_folder_uidnext(txn, folder, uidnext, err);
	return ret;
}

struct row_walk { struct account_folder *folder; uint32_t row; };

static bool next_row(void *context, struct cv_uid_ref *next_r)
{
	struct row_walk *walk = context;
	struct account_message m;

	if (next_r == NULL)
		walk->row = 0;
	while (next_r != NULL &&
	       walk->row < account_row_count(walk->folder)) {
		if (!account_row_alive(walk->folder, walk->row++))
			continue;
		account_row_get(walk->folder, walk->row - 1, &m);
		*next_r = (struct cv_uid_ref){ m.uid, m.blob };
		return true;
	}
	return next_r == NULL;
}

/* The list that other servers read must not give the old numbers back at the
 * next look. */
static int rewrite_uids(const struct mailbox_ref *ref,
			struct account_folder *folder,
			const struct mailbox_update *update,
			struct cv_error *err)
{
	const struct cv_storage *driver = ref->store->driver;
	struct row_walk walk = { .folder = folder };
	struct store_folder *sf;
	uint32_t uidnext = !update->restart ? folder->uidnext :
		update->uidnext != 0 ? update->uidnext : 1;
	int ret = store_folder_get(ref->store, folder, &sf, err);

	if (ret < 0 || !store_has_uids(sf))
		return ret;
	driver->numbers(sf->blobs, update->uidvalidity != 0 ?
			update->uidvalidity : folder->uidvalidity, uidnext);
	return driver->uids_write(sf->blobs, next_row, &walk, true, err);
}

static int restart(struct account_txn *txn, struct account_folder *folder,
		   const struct mailbox_update *update, struct cv_error *err)
{
	if (folder->message_count > 0)
		return FAIL(err, CV_E_EXISTS, "there are messages");
	return txn_folder_reset(txn, folder, update->uidvalidity,
				update->uidnext, err);
}

int mailbox_update(struct cv_user *u, const char *name,
		   const struct mailbox_update *update, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("update");
	struct mailbox_ref ref;
	struct account_folder *folder;
	struct account_txn *txn = NULL;
	int ret = mailbox_find(u, name, pool, &ref, &folder, err);

	if (ret == CV_OK && update->has_guid &&
	    !account_guid_equal(&update->guid, &folder->guid))
		ret = FAIL(err, CV_E_UNSUPPORTED, "the GUID of a mailbox that "
			   "exists cannot be changed");
	if (ret == CV_OK && store_is_remote(ref.store))
		ret = FAIL(err, CV_E_UNSUPPORTED, "the numbers of mailbox "
			   "'%s' are another server's", name);
	if (ret == CV_OK)
		ret = account_folder_load(folder, err);
	/* lays the bodies out that are in the journal */
	if (ret == CV_OK && update->uidvalidity != 0)
		ret = account_rotate(ref.store->account,
				     time_monotonic_msecs() +
				     MAILBOX_LOCK_MSECS, err);
	if (ret == CV_OK)
		ret = store_begin(ref.store, &txn, err);
	if (ret == CV_OK && update->modseq > folder->highestmodseq) {
		account_txn_raise(txn, update->modseq);
		ret = txn_folder_modseq(txn, folder, err);
	}
	if (ret == CV_OK && update->restart)
		ret = restart(txn, folder, update, err);
	else if (ret == CV_OK && update->uidvalidity != 0 &&
		 update->uidvalidity != folder->uidvalidity)
		ret = change_uidvalidity(txn, folder, update->uidvalidity,
					 pool, err);
	if (ret == CV_OK && update->uidnext != 0)
		ret = txn_folder_uidnext(txn, folder, update->uidnext, err);
	if (ret == CV_OK && (update->restart || update->uidvalidity != 0))
		ret = rewrite_uids(&ref, folder, update, err);
	if (ret == CV_OK)
		ret = account_commit(&txn, ACCOUNT_SYNC, err);
	else
		account_rollback(&txn);
	pool_destroy(&pool);
	return ret;
}

static bool was_used(struct account_folder *folder)
{
	struct cv_span key, value;
	size_t at = 0;

	return folder->uidnext > 1 || folder->message_count > 0 ||
		account_metadata_next(folder->account, folder, &at, &key,
				      &value);
}

/* One commit: nobody sees a user without it. */
static int make_again(struct mailbox_ref *ref, struct account_folder *folder,
		      const struct account_guid *guid, struct cv_error *err)
{
	struct account_folder_options options = {
		.guid = guid, .uidvalidity = folder->uidvalidity,
		.attributes = folder->attributes,
	};
	struct account_folder *made;
	struct account_txn *txn;
	int ret = store_begin(ref->store, &txn, err);

	if (ret < 0)
		return ret;
	if (folder->deleted || !cv_span_is(ref->span, folder->name))
		ret = FAIL(err, CV_E_NOT_FOUND, "mailbox is gone");
	else if (was_used(folder))
		ret = FAIL(err, CV_E_EXISTS, "it was used");
	if (ret == CV_OK)
		ret = txn_folder_delete(txn, folder, err);
	if (ret == CV_OK)
		ret = txn_folder_create(txn, ref->span, &options, &made, err);
	if (ret == CV_OK)
		ret = account_commit(&txn, ACCOUNT_SYNC, err);
	else
		account_rollback(&txn);
	if (ret == CV_OK)
		store_folder_forget(ref->store, folder);
	return ret;
}

int mailbox_identify(struct cv_user *u, const char *name,
		     const struct account_guid *guid, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("identify");
	struct mailbox_ref ref;
	struct account_folder *folder;
	struct store_folder *sf;
	int ret = mailbox_find(u, name, pool, &ref, &folder, err);

	if (ret == CV_OK && store_is_remote(ref.store))
		ret = FAIL(err, CV_E_UNSUPPORTED, "mailbox '%s' is another "
			   "server's", name);
	/* what other programs have delivered */
	if (ret == CV_OK)
		ret = store_folder_get(ref.store, folder, &sf, err);
	if (ret == CV_OK)
		ret = store_folder_scan(sf, true, err);
	if (ret >= 0 && !account_guid_equal(guid, &folder->guid))
		ret = make_again(&ref, folder, guid, err);
	pool_destroy(&pool);
	return ret < 0 ? ret : CV_OK;
}

int mailbox_account_id(struct cv_user *u, uint8_t id_r[16],
		       struct cv_error *err)
{
	struct cv_pool *pool = pool_create("account id");
	struct mailbox_ref ref;
	int ret = mailbox_resolve(u, "INBOX", pool, &ref, err);

	if (ret == CV_OK)
		memcpy(id_r, account_guid(ref.store->account)->bytes, 16);
	pool_destroy(&pool);
	return ret;
}

bool mailbox_namespace_repeats(const struct cv_user *u, uint32_t index)
{
	/* of many owners */
	if (index >= u->namespace_count)
		return true;
	if (u->namespaces[index].alias_for != NULL)
		return true;
	for (uint32_t i = 0; i < u->namespace_count; i++) {
		if (u->namespaces[i].store == u->namespaces[index].store &&
		    (i < index || (i > index && u->namespaces[i].inbox)))
			return true;
	}
	return false;
}

void mailbox_store_traits(const struct cv_user *u, bool *remote_r,
			  bool *flags_r)
{
	*remote_r = false;
	*flags_r = true;
	for (uint32_t i = 0; i < u->namespace_count; i++) {
		const struct namespace *ns = &u->namespaces[i];

		if (!ns->inbox || ns->store == NULL)
			continue;
		*remote_r = (ns->store->driver->caps &
			     (CV_STORAGE_REMOTE | CV_STORAGE_READONLY)) != 0;
		*flags_r = (ns->store->driver->caps &
			    CV_STORAGE_READONLY) == 0;
	}
}

bool mailbox_store_exists(const struct cv_user *u)
{
	for (uint32_t i = 0; i < u->namespace_count; i++) {
		const struct namespace *ns = &u->namespaces[i];

		if (!ns->inbox || ns->store == NULL)
			continue;
		/* what lies there is only what is known of a server */
		if ((ns->store->driver->caps &
		     (CV_STORAGE_REMOTE | CV_STORAGE_READONLY)) != 0)
			return true;
		return mail_location_exists(u, &ns->store->location);
	}
	return true;
}

bool mailbox_user_inspects(const struct cv_user *u)
{
	return u->inspect != USER_INSPECT_NONE;
}

/* Files of a server have no place in the user's mail. */
static bool has_place(const struct namespace *ns)
{
	return ns->store != NULL && (ns->store->driver->caps &
		(CV_STORAGE_REMOTE | CV_STORAGE_READONLY)) == 0;
}

bool mailbox_store_is_within(const struct cv_user *u, struct cv_user *other,
			     const char *name)
{
	const struct namespace *only = name == NULL ? NULL :
		mailbox_namespace_find(other, name);

	for (uint32_t i = 0; i < u->namespace_count; i++) {
		for (uint32_t k = 0; k < other->namespace_count; k++) {
			const struct namespace *a = &u->namespaces[i];
			const struct namespace *b = &other->namespaces[k];

			if ((only == NULL || b == only) &&
			    has_place(a) && has_place(b) &&
			    mail_location_is_within(&a->store->location,
						    &b->store->location))
				return true;
		}
	}
	return false;
}

int mailbox_path(struct cv_user *u, const char *name, struct cv_pool *pool,
		 const char **path_r, struct cv_error *err)
{
	struct mailbox_ref ref;
	struct account_folder *folder;
	int ret = mailbox_find(u, name, pool, &ref, &folder, err);

	if (ret < 0)
		return ret;
	*path_r = ref.store->driver->folder_path == NULL ? NULL :
		ref.store->driver->folder_path(ref.store->root, ref.span,
					       pool);
	return *path_r != NULL ? CV_OK :
		FAIL(err, CV_E_UNSUPPORTED, "storage '%s' has no place for a "
		     "single mailbox", ref.store->driver->name);
}

/* --- mending and indexing ---------------------------------------------------------- */

static uint32_t count_since(struct account_folder *folder, uint32_t uidnext)
{
	uint32_t rows = account_row_count(folder), count = 0;

	for (uint32_t row = account_row_lower(folder, uidnext); row < rows;
	     row++)
		count += account_row_alive(folder, row);
	return count;
}

int mailbox_resync(struct cv_user *u, const char *name, uint32_t *found_r,
		   uint32_t *gone_r, bool *damaged_r, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("resync");
	struct mailbox_ref ref;
	struct account_folder *folder;
	struct store_folder *sf;
	uint32_t before, uidnext, dropped;
	int ret = mailbox_find(u, name, pool, &ref, &folder, err);

	if (ret == CV_OK)
		ret = account_check(ref.store->account,
				    time_monotonic_msecs() + MAILBOX_LOCK_MSECS,
				    &dropped, err);
	if (ret == CV_OK)
		ret = account_folder_load(folder, err);
	if (ret == CV_OK)
		ret = store_folder_get(ref.store, folder, &sf, err);
	if (ret == CV_OK) {
		before = folder->message_count;
		uidnext = folder->uidnext;
		*damaged_r = dropped > 0 || folder->damaged ||
			account_is_damaged(ref.store->account);
		/* also what drivers look for only when something is lost */
		account_folder_doubt(folder);
		ret = store_folder_scan_all(sf, err);
		/* what others did meanwhile, too */
		if (ret == CV_CHANGED)
			ret = store_folder_scan_all(sf, err);
		*found_r = count_since(folder, uidnext);
		*gone_r = before + *found_r - folder->message_count;
	}
	pool_destroy(&pool);
	return ret < 0 ? ret : CV_OK;
}

int mailbox_index(struct cv_user *u, const char *name, uint32_t max,
		  uint32_t *indexed_r, struct cv_error *err)
{
	const struct message_summary *summary;
	struct cv_mailbox *box;
	uint32_t row, seq = 1;
	int ret = mailbox_open(u, name, CV_MAILBOX_READONLY, &box, err);

	*indexed_r = 0;
	if (ret < 0)
		return ret;
	if (max > 0 && box->count > max)
		seq = box->count - max + 1;
	for (; seq <= box->count && ret >= 0; seq++) {
		struct cv_span record;

		if (!mailbox_row(box, seq, &row) ||
		    account_catalogue_find(box->folder, row, &record) ==
		    CV_OK)
			continue;
		ret = mailbox_summary(box, row, &summary, err);
		*indexed_r += ret == CV_OK;
		if (ret == CV_NOT_FOUND)
			ret = CV_OK;
	}
	mailbox_flush_sizes(box);
	mailbox_close(&box);
	return ret;
}

int mailbox_details(struct cv_mailbox *box, uint32_t seq,
		    struct mailbox_details *details_r, struct cv_error *err)
{
	const struct message_summary *summary;
	struct account_message m;
	uint32_t row;
	int ret;

	if (!mailbox_row(box, seq, &row))
		return CV_NOT_FOUND;
	ret = mailbox_summary(box, row, &summary, err);
	if (ret != CV_OK)
		return ret;
	account_row_get(box->folder, row, &m);
	*details_r = (struct mailbox_details){
		.stored_bytes = m.size, .ref = m.blob,
		.has_sent = (summary->flags & SUMMARY_HAS_DATE) != 0,
		.sent = summary->sent.time, .sent_zone = summary->sent.zone,
	};
	return CV_OK;
}

int mailbox_stored(struct cv_mailbox *box, uint32_t seq,
		   struct cv_stream **stream_r, uint64_t *header_r,
		   struct cv_error *err)
{
	const struct mime_tree *tree;
	uint32_t row;
	int ret;

	if (box->remote != NULL)
		return FAIL(err, CV_E_UNSUPPORTED, "how mail of another "
			    "process is stored is not known");
	if (!mailbox_row(box, seq, &row))
		return CV_NOT_FOUND;
	ret = mailbox_content(box, row, stream_r, &tree, err);
	if (ret != CV_OK)
		return ret;
	*header_r = tree->parts[0].header.physical;
	return stream_seek(*stream_r, 0, err);
}
