/* mailbox-copy.c - COPY and MOVE.
 *
 * Within an account it is one commit: the driver makes hidden copies (hard
 * links) first, and shows them afterwards.  The cost does not depend on the
 * size of the target.  To another account it is a copy of the bytes, its
 * commit, and then an expunge: what a crash in between leaves is a message
 * twice, never none. */
#include "mailbox-annotate.h"

struct copied {
	uint32_t uid, new_uid, row, seq;
	struct account_message source;	/* spans are copied */
	struct cv_blob blob;		/* in the source */
	struct cv_blob target;
	struct cv_span body, catalogue;
	bool hidden;
};

struct copying {
	struct cv_mailbox *box;
	struct cv_pool *pool;
	const char *name;		/* of the target */
	struct mailbox_ref ref;
	struct account_folder *folder;	/* target */
	struct store_folder *sf;
	bool move, link_unsynced;
	uint32_t allowed;		/* flags that the copies may have */
	bool keywords_allowed;
	uint32_t annotations;		/* enum cv_annotation_support */
	ARRAY(struct copied) messages;
	struct cv_error *err;
};

static void choose(struct copying *c, struct cv_set seqs)
{
	for (uint32_t i = 0; i < seqs.count; i++) {
		uint32_t last = seqs.ranges[i].last;

		if (last > c->box->count)
			last = c->box->count;
		for (uint32_t seq = seqs.ranges[i].first;
		     seq != 0 && seq <= last; seq++) {
			struct copied *m;
			uint32_t row;

			if (!mailbox_row(c->box, seq, &row))
				continue;
			m = array_add(&c->messages);
			m->uid = mailbox_uid_at(c->box, seq - 1);
			m->row = row;
			m->seq = seq;
			account_row_get(c->box->folder, row, &m->source);
			store_blob_get(c->box->folder, row, c->pool,
				       &m->blob);
		}
	}
}

/* --- hidden copies ----------------------------------------------------------------- */

/* With the size of the message, which filters may have changed: another one
 * in a file's name has other programs not read it. */
static int create_put(struct copying *c, const struct copied *m,
		      struct cv_storage_put **put_r, struct cv_error *err)
{
	const struct message_summary *summary;
	int ret = mailbox_summary(c->box, m->row, &summary, err);

	*put_r = NULL;
	return ret < 0 ? ret : c->ref.store->driver->put_create(
			c->sf->blobs, c->pool, summary->physical_size,
			summary->virtual_size, put_r, err);
}

static int put_bytes(struct copying *c, struct copied *m, struct cv_span body,
		     struct cv_error *err)
{
	const struct cv_storage *driver = c->ref.store->driver;
	struct cv_storage_put *put;
	int ret = create_put(c, m, &put, err);

	if (ret == CV_OK)
		ret = driver->put_write(put, body.data, body.len, err);
	if (ret < 0) {
		if (put != NULL)
			driver->put_abort(&put);
		return ret;
	}
	return driver->put_finish(&put, m->blob.virtual_bytes,
				  m->blob.received, false, &m->target.ref,
				  err);
}

/* A source whose size is known from the journal alone ends where it ends. */
static int write_stream(struct cv_storage_put *put,
			const struct cv_storage *driver,
			struct cv_stream *stream, struct cv_error *err)
{
	struct cv_span part;
	int ret;

	while ((ret = stream_read(stream, &part, err)) == CV_OK) {
		ret = driver->put_write(put, part.data, part.len, err);
		if (ret < 0)
			return ret;
		stream_skip(stream, part.len);
	}
	return ret == CV_EOF ? CV_OK : ret;
}

static int put_stream(struct copying *c, struct copied *m,
		      struct cv_storage_put *put, struct cv_stream *stream,
		      struct cv_error *err)
{
	const struct cv_storage *driver = c->ref.store->driver;
	int ret = write_stream(put, driver, stream, err);

	if (ret < 0) {
		driver->put_abort(&put);
		return ret;
	}
	return driver->put_finish(&put, m->blob.virtual_bytes,
				  m->blob.received, true, &m->target.ref,
				  err);
}

static int copy_bytes(struct copying *c, struct copied *m)
{
	struct cv_blob_source src = {
		CV_SIZED(cv_blob_source), .fd = -1,
		/* a copy has checksums of its own, and would be right */
		.pool = pool_create("copy"), .verify = true,
	};
	struct cv_storage_put *put;
	struct cv_stream *stream;
	int ret = c->box->store->driver->get(c->box->sf->blobs, &m->blob,
					     &src, c->err);

	if (ret == CV_OK) {
		stream = src.fd == -1 ? src.stream :
			stream_open_file(src.pool, src.fd, src.offset,
					 src.len, false, "message");
		ret = create_put(c, m, &put, c->err);
		if (ret == CV_OK)
			ret = put_stream(c, m, put, stream, c->err);
	}
	pool_destroy(&src.pool);
	io_close(c->box->user->io, src.fd);
	return ret;
}

/* In CRLF form: to another server. */
static int copy_text(struct copying *c, struct copied *m)
{
	static const struct cv_section all = { CV_SIZED(cv_section),
		.kind = CV_SECTION_ALL, .raw = true };
	struct cv_storage_put *put;
	struct cv_stream *stream;
	uint64_t size;
	int ret = mailbox_section(c->box, m->seq, &all, &stream, &size,
				  c->err);

	if (ret == CV_OK)
		ret = stream_size(stream, &size, c->err);
	if (ret == CV_OK)
		ret = c->ref.store->driver->put_create(
			c->sf->blobs, c->pool, size, m->blob.virtual_bytes,
			&put, c->err);
	return ret == CV_OK ? put_stream(c, m, put, stream, c->err) : ret;
}

static int hide_one(struct copying *c, struct copied *m)
{
	const struct cv_storage *driver = c->ref.store->driver;
	struct cv_span record;
	int ret;

	if (store_is_remote(c->ref.store)) {
		ret = c->box->store != c->ref.store ? copy_text(c, m) :
			driver->link(c->sf->blobs, c->box->sf->blobs,
				     &m->blob, c->pool, &m->target.ref,
				     c->err);
		m->hidden = ret == CV_OK;
		return ret;
	}

	if (account_catalogue_find(c->box->folder, m->row, &record) == CV_OK)
		m->catalogue = pool_span(c->pool, record);
	/* a body in the journal was not synced as a file: the copy takes it
	 * along */
	ret = account_body_read(c->box->folder, m->row, c->pool, &m->body,
				c->err);
	if (ret < 0)
		return ret;
	ret = CV_E_UNSUPPORTED;
	if (c->box->store == c->ref.store)
		ret = driver->link(c->sf->blobs, c->box->sf->blobs, &m->blob,
				   c->pool, &m->target.ref, c->err);
	if (ret == CV_OK && m->body.data == NULL)
		c->link_unsynced = true;
	if ((ret == CV_E_UNSUPPORTED || ret == CV_NOT_FOUND) &&
	    m->body.data != NULL)
		ret = put_bytes(c, m, m->body, c->err);
	else if (ret == CV_E_UNSUPPORTED)
		ret = copy_bytes(c, m);
	m->hidden = ret == CV_OK;
	return ret;
}

static void abandon(struct copying *c)
{
	for (size_t i = 0; i < c->messages.count; i++) {
		if (c->messages.items[i].hidden)
			c->ref.store->driver->unlink_hidden(
				c->sf->blobs,
				c->messages.items[i].target.ref);
	}
}

static int hide_all(struct copying *c)
{
	int ret = CV_OK;

	mailbox_progress_begin(c->box->user);
	for (size_t i = 0; i < c->messages.count && ret == CV_OK; i++) {
		ret = mailbox_progress(c->box->user, i, c->messages.count,
				       c->err);
		if (ret < 0)
			break;
		ret = hide_one(c, &c->messages.items[i]);
		if (ret == CV_NOT_FOUND)
			FAIL(c->err, CV_NOT_FOUND, "the file of UID %u is "
			     "gone", c->messages.items[i].uid);
	}
	if (ret == CV_OK && c->link_unsynced &&
	    c->box->user->mail.mail_fsync != MAIL_MAIL_FSYNC_NEVER)
		ret = c->ref.store->driver->sync_hidden(c->sf->blobs, c->err);
	return ret;
}

/* --- the commit ----------------------------------------------------------------------- */

/* [RFC5257 4.6] the shared ones and the user's own, as far as the target may
 * have them */
static int annotate_one(struct copying *c, struct account_txn *txn,
			const struct copied *m)
{
	const struct cv_annotation *list;
	uint32_t count;

	annotations_get(c->box, m->uid, c->pool, &list, &count);
	if (count == 0)
		return CV_OK;
	list = annotations_filter(list, count, c->annotations, c->pool,
				  &count);
	return annotations_put(txn, c->folder, m->new_uid, list, count,
			       c->err);
}

static int append_one(struct copying *c, struct account_txn *txn,
		      struct copied *m)
{
	struct cv_keywords k = c->keywords_allowed ? m->blob.keywords :
		(struct cv_keywords){ NULL, 0 };
	uint32_t *keywords = pool_new_array(c->pool, uint32_t, k.count + 1);
	struct account_append append = {
		.keywords = keywords, .received = m->blob.received,
		.size = m->blob.bytes,
		.virtual_size = m->blob.virtual_bytes,
		.guid = &m->source.guid, .blob = m->target.ref,
		.body = m->body, .catalogue = m->catalogue,
	};
	int ret;

	for (uint32_t i = 0; i < k.count; i++) {
		ret = txn_keyword(txn, c->folder, cv_span_of(k.names[i]),
				  &keywords[append.keyword_count], c->err);

		if (ret < 0 && ret != CV_E_LIMIT)
			return ret;
		append.keyword_count += ret == CV_OK;
	}
	m->target.size = sizeof(m->target);
	m->target.flags = m->blob.flags & c->allowed;
	m->target.keywords = k;
	m->target.received = m->blob.received;
	m->target.bytes = m->blob.bytes;
	m->target.virtual_bytes = m->blob.virtual_bytes;
	memcpy(m->target.guid, m->source.guid.bytes, sizeof(m->target.guid));
	c->ref.store->driver->marks(c->sf->blobs, &m->target, 1);
	append.flags = m->target.flags | m->target.marks <<
		MAILBOX_MARK_SHIFT;
	ret = txn_append(txn, c->folder, &append, &m->new_uid, c->err);
	m->target.uid = m->new_uid;
	return ret == CV_OK ? annotate_one(c, txn, m) : ret;
}

static int expunge_sources(struct copying *c, struct account_txn *txn)
{
	struct account_ranges uids = { .pool = c->pool };
	struct cv_blob *blobs = pool_new_array(c->pool, struct cv_blob,
					       c->messages.count + 1);
	int ret;

	for (size_t i = 0; i < c->messages.count; i++) {
		ranges_add(&uids, c->messages.items[i].uid);
		blobs[i] = c->messages.items[i].blob;
	}
	ret = txn_expunge(txn, c->box->folder, uids.items, uids.count,
			  c->err);
	if (ret == CV_OK && !store_is_remote(c->box->store))
		ret = store_tombstones_add(c->box->sf, txn, blobs,
					   (uint32_t)c->messages.count,
					   c->err);
	return ret;
}

/* Under the lock: flags may have changed, messages may be gone. */
static void look_again(struct copying *c)
{
	size_t to = 0;

	for (size_t i = 0; i < c->messages.count; i++) {
		struct copied *m = &c->messages.items[i];
		struct cv_span ref = m->blob.ref;

		if (!account_row_find(c->box->folder, m->uid, &m->row)) {
			c->ref.store->driver->unlink_hidden(c->sf->blobs,
							    m->target.ref);
			continue;
		}
		store_blob_get(c->box->folder, m->row, c->pool, &m->blob);
		m->blob.ref = ref;
		c->messages.items[to++] = *m;
	}
	c->messages.count = to;
}

static void place_all(struct copying *c)
{
	struct cv_blob *blobs = pool_new_array(c->pool, struct cv_blob,
					       c->messages.count + 1);
	uint32_t count = (uint32_t)c->messages.count;
	struct cv_error err = ERROR_NONE;
	int ret;

	for (uint32_t i = 0; i < count; i++)
		blobs[i] = c->messages.items[i].target;
	store_folder_numbers(c->sf);
	c->ref.store->driver->place(c->sf->blobs, blobs, count);
	store_folder_publish(c->sf);
	if (!c->move || c->box->store != c->ref.store)
		return;
	for (uint32_t i = 0; i < count; i++)
		blobs[i] = c->messages.items[i].blob;
	ret = c->box->store->driver->remove(c->box->sf->blobs, blobs, count,
					    &err);
	if (ret == CV_OK)
		store_tombstones_removed(c->box->sf);
	/* all of the folder may be gone by now */
	if (ret < 0 && ret != CV_E_NOT_FOUND)
		log_warning("mail", "mailbox '%s': moved away, but: %s",
			    c->box->name, err.text);
	if (c->box->sf != c->sf)
		store_folder_publish(c->box->sf);
}

static int add_uids(struct copying *c)
{
	struct cv_blob *blobs = pool_new_array(c->pool, struct cv_blob,
					       c->messages.count + 1);

	for (size_t i = 0; i < c->messages.count; i++)
		blobs[i] = c->messages.items[i].target;
	return store_uids_add(c->sf, blobs, (uint32_t)c->messages.count,
			      c->err);
}

/* A move among private mailboxes takes nothing more. */
static int reserve(struct copying *c, struct quota_hold *hold)
{
	uint64_t bytes = 0;

	if (c->move && c->box->store->is_private)
		return CV_OK;
	for (size_t i = 0; i < c->messages.count; i++) {
		const struct cv_blob *blob = &c->messages.items[i].blob;

		bytes += blob->virtual_bytes == 0 ? blob->bytes :
			blob->virtual_bytes;
	}
	return quota_reserve(hold, c->name, bytes, c->messages.count, c->err);
}

static int commit_held(struct copying *c, struct account_txn *txn,
		       struct quota_hold *hold, bool again)
{
	int ret = CV_OK;

	if (c->folder->deleted || c->box->folder->deleted) {
		account_rollback(&txn);
		return FAIL(c->err, CV_E_NOT_FOUND, "a mailbox is gone");
	}
	store_folder_refresh(c->sf);
	store_folder_refresh(c->box->sf);
	if (c->box->store == c->ref.store)
		look_again(c);
	ret = reserve(c, hold);
	for (size_t i = 0; i < c->messages.count && ret == CV_OK; i++)
		ret = append_one(c, txn, &c->messages.items[i]);
	if (ret == CV_OK && c->move && c->box->store == c->ref.store)
		ret = expunge_sources(c, txn);
	if (ret == CV_OK)
		ret = add_uids(c);
	if (ret < 0 || (ret == CV_CHANGED && !again)) {
		account_rollback(&txn);
		return ret;
	}
	if (c->move && c->box->store == c->ref.store)
		store_removing(c->box->store);
	return account_commit(&txn, ACCOUNT_SYNC, c->err);
}

static int commit_once(struct copying *c, bool again)
{
	struct account_txn *txn;
	struct quota_hold hold;
	int ret = quota_begin(c->ref.store, c->pool, &hold, &txn, c->err);

	if (ret == CV_OK) {
		ret = commit_held(c, txn, &hold, again);
		quota_end(&hold);
	}
	return ret;
}

static int commit(struct copying *c)
{
	int ret = commit_once(c, false);

	/* another server gave UIDs that are not ours to give again */
	if (ret == CV_CHANGED) {
		ret = store_folder_scan_all(c->sf, c->err);
		if (ret >= 0)
			ret = commit_once(c, true);
	}
	return ret;
}

/* A move to another account: the originals go when the copies are safe. */
static int expunge_after(struct copying *c)
{
	struct account_txn *txn;
	struct cv_blob *blobs;
	int ret = store_begin(c->box->store, &txn, c->err);

	if (ret < 0)
		return ret;
	blobs = pool_new_array(c->pool, struct cv_blob, c->messages.count);
	for (size_t i = 0; i < c->messages.count; i++)
		blobs[i] = c->messages.items[i].blob;
	if (store_is_remote(c->box->store))
		ret = c->box->store->driver->remove(
			c->box->sf->blobs, blobs, (uint32_t)c->messages.count,
			c->err);
	if (ret == CV_OK)
		ret = expunge_sources(c, txn);
	if (ret < 0) {
		account_rollback(&txn);
		return ret;
	}
	if (store_is_remote(c->box->store))
		return account_commit(&txn, ACCOUNT_SYNC, c->err);
	store_removing(c->box->store);
	ret = account_commit(&txn, ACCOUNT_SYNC, c->err);
	if (ret == CV_OK) {
		if (c->box->store->driver->remove(
			    c->box->sf->blobs, blobs,
			    (uint32_t)c->messages.count, NULL) == CV_OK)
			store_tombstones_removed(c->box->sf);
		store_folder_publish(c->box->sf);
	}
	store_removed(c->box->store);
	return ret;
}

/* Another server makes them messages. */
static int send_all(struct copying *c)
{
	struct cv_blob *blobs = pool_new_array(c->pool, struct cv_blob,
					       c->messages.count);
	int ret;

	for (size_t i = 0; i < c->messages.count; i++) {
		struct copied *m = &c->messages.items[i];

		blobs[i] = m->blob;
		blobs[i].ref = m->target.ref;
		blobs[i].flags &= c->allowed;
		if (!c->keywords_allowed)
			blobs[i].keywords.count = 0;
	}
	ret = store_send(c->sf, blobs, (uint32_t)c->messages.count, c->err);
	for (size_t i = 0; i < c->messages.count && ret == CV_OK; i++) {
		c->messages.items[i].new_uid = blobs[i].uid;
		c->messages.items[i].hidden = false;
	}
	return ret;
}

static void fill_result(struct copying *c, struct cv_pool *pool,
			struct cv_copy_result *result)
{
	struct account_ranges from = { .pool = pool }, to = { .pool = pool };

	for (size_t i = 0; i < c->messages.count; i++) {
		/* another server did not say them */
		if (c->messages.items[i].new_uid == 0)
			return;
		ranges_add(&from, c->messages.items[i].uid);
		ranges_add(&to, c->messages.items[i].new_uid);
	}
	result->uidvalidity = c->folder->uidvalidity;
	result->source_uids = ranges_set(&from);
	result->uids = ranges_set(&to);
	result->count = (uint32_t)c->messages.count;
}

static void copy_hooks(struct copying *c, const char *name)
{
	for (size_t i = 0; i < c->messages.count; i++) {
		const struct copied *m = &c->messages.items[i];
		struct cv_message_ctx ctx = {
			CV_SIZED(cv_message_ctx), .user = c->box->user,
			.mailbox_name = name,
			.uidvalidity = c->folder->uidvalidity,
			.uid = m->new_uid, .flags = m->blob.flags,
		};

		(void)hook_message_stored(&ctx);
		ctx.mailbox_name = c->box->name;
		ctx.uidvalidity = c->box->uidvalidity;
		ctx.uid = m->uid;
		if (c->move)
			(void)hook_message_expunged(&ctx);
	}
}

static int copy(struct copying *c, struct cv_set seqs, const char *name)
{
	int ret = mailbox_find_for(c->box->user, name, MAILBOX_OP_INSERT,
				   c->pool, &c->ref, &c->folder, c->err);

	if (ret == CV_OK && c->move)
		ret = mailbox_permit(mailbox_box_rights(c->box),
				     MAILBOX_OP_MOVE_FROM, c->box->name,
				     c->err);
	if (ret == CV_OK) {
		uint32_t rights = mailbox_rights(c->box->user, c->ref.ns,
						 c->folder);

		c->allowed = mailbox_flags_kept(c->ref.store,
			mailbox_flags_allowed(rights, &c->keywords_allowed));
		c->annotations = annotations_allowed(c->box->user, c->ref.ns,
						     rights);
	}
	if (ret == CV_OK)
		ret = store_folder_get(c->ref.store, c->folder, &c->sf,
				       c->err);
	/* a folder of another server gives its UIDs first */
	if (ret == CV_OK && account_folder_state(c->folder).len == 0)
		ret = store_folder_scan(c->sf, true, c->err);
	if (ret < 0)
		return ret;
	choose(c, seqs);
	if (c->messages.count == 0)
		return CV_OK;
	ret = hide_all(c);
	if (store_is_remote(c->ref.store)) {
		if (ret == CV_OK)
			ret = send_all(c);
	} else {
		if (ret == CV_OK)
			ret = commit(c);
		if (ret == CV_OK)
			place_all(c);
		store_removed(c->ref.store);
	}
	if (ret != CV_OK) {
		abandon(c);
		return ret;
	}
	if (c->move && (c->box->store != c->ref.store ||
			store_is_remote(c->ref.store)))
		ret = expunge_after(c);
	copy_hooks(c, name);
	return ret;
}

static int copy_once(struct cv_mailbox *box, struct cv_set seqs,
		     const char *mailbox_name, bool move, struct cv_pool *pool,
		     struct cv_copy_result *result_r, struct cv_error *err)
{
	struct copying c = { .box = box, .move = move, .err = err,
			     .name = mailbox_name };
	int ret;

	c.pool = pool_create("copy");
	array_init(&c.messages, c.pool);
	ret = copy(&c, seqs, mailbox_name);
	if (ret == CV_OK)
		fill_result(&c, pool, result_r);
	pool_destroy(&c.pool);
	return ret;
}

int mailbox_copy(struct cv_mailbox *box, struct cv_set seqs,
		 const char *mailbox_name, bool move, struct cv_pool *pool,
		 struct cv_copy_result *result_r, struct cv_error *err)
{
	int ret = copy_once(box, seqs, mailbox_name, move, pool, result_r,
			    err);

	/* many delete by a move to Trash: it takes the bodies in the journal
	 * along, unless they are let go first */
	if (ret == CV_E_NO_SPACE && move && !store_is_remote(box->store) &&
	    store_make_room(box->store) == CV_OK)
		ret = copy_once(box, seqs, mailbox_name, move, pool, result_r,
				err);
	return ret;
}
