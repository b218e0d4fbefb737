/* mailbox-copy.c - COPY and MOVE.
 *
 * Within an account it is one commit: the driver makes hidden copies (hard
 * links) first, and shows them afterwards.  The cost does not depend on the
 * size of the target.  To another account it is a copy of the bytes, its
 * commit, and then an expunge: what a crash in between leaves is a message
 * twice, never none. */
#include "mailbox-annotate.h"

enum {
	/* What goes along of the journal and of the catalogue.  More bodies
	 * are let go from the journal first; more entries are made when
	 * somebody asks for them. */
	BODY_BYTES_MAX = 8 * 1024 * 1024,
	BODIES_MAX = 4096,
	CATALOGUE_BYTES_MAX = 32 * 1024 * 1024,
	BATCH = 1024,			/* blobs that the driver places */
	RECORD_BYTES = 512,		/* of a message in the commit, about */
};

/* There may be a million: what rows tell is asked of them again. */
struct copied {
	uint32_t uid, new_uid, row, seq, flags;
	bool hidden;
	uint64_t bytes;			/* for the quota */
	struct cv_span ref;		/* of the hidden copy */
	struct cv_span body, catalogue;
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
	struct copied *messages;
	size_t count;
	struct cv_blob *sources;	/* of a move */
	size_t bodies, body_bytes, catalogue_bytes;
	struct cv_error *err;
};

static void choose_one(struct copying *c, uint32_t seq)
{
	struct copied *m = &c->messages[c->count];
	struct account_message source;
	uint32_t row;

	if (!mailbox_row(c->box, seq, &row))
		return;
	account_row_get(c->box->folder, row, &source);
	*m = (struct copied){
		.uid = source.uid, .row = row, .seq = seq,
		.flags = source.flags & CV_FLAGS_STORED,
		.bytes = source.virtual_size == 0 ? source.size :
			source.virtual_size,
	};
	if (source.has_body) {
		c->bodies++;
		c->body_bytes += source.size;
	}
	if (c->move)
		store_blob_get(c->box->folder, row, c->pool,
			       &c->sources[c->count]);
	c->count++;
}

static uint64_t count_seqs(const struct copying *c, struct cv_set seqs)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < seqs.count; i++) {
		uint32_t last = seqs.ranges[i].last;

		if (last > c->box->count)
			last = c->box->count;
		if (seqs.ranges[i].first <= last)
			count += last - seqs.ranges[i].first + 1;
	}
	return count;
}

static int choose(struct copying *c, struct cv_set seqs)
{
	uint64_t room = count_seqs(c, seqs);
	uint64_t one = sizeof(struct copied) + RECORD_BYTES +
		(c->move ? 2 * sizeof(struct cv_blob) : 0);
	int ret = spare_memory_check(room * one, c->err);

	if (ret < 0 || room == 0)
		return ret;
	if (c->messages == NULL) {
		c->messages = pool_new_array(c->pool, struct copied, room);
		c->sources = pool_new_array(c->pool, struct cv_blob,
					    c->move ? room : 1);
	}
	c->count = c->bodies = c->body_bytes = 0;
	for (uint32_t i = 0; i < seqs.count && ret == CV_OK; i++) {
		uint32_t last = seqs.ranges[i].last;

		if (last > c->box->count)
			last = c->box->count;
		for (uint32_t seq = seqs.ranges[i].first;
		     seq != 0 && seq <= last; seq++)
			choose_one(c, seq);
		ret = spare_memory_check(0, c->err);
	}
	return ret;
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

static int put_bytes(struct copying *c, struct copied *m,
		     const struct cv_blob *blob, struct cv_span body,
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
	return driver->put_finish(&put, blob->virtual_bytes, blob->received,
				  false, &m->ref, err);
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
		      const struct cv_blob *blob, struct cv_storage_put *put,
		      struct cv_stream *stream, struct cv_error *err)
{
	const struct cv_storage *driver = c->ref.store->driver;
	int ret = write_stream(put, driver, stream, err);

	if (ret < 0) {
		driver->put_abort(&put);
		return ret;
	}
	return driver->put_finish(&put, blob->virtual_bytes, blob->received,
				  true, &m->ref, err);
}

static int copy_bytes(struct copying *c, struct copied *m,
		      const struct cv_blob *blob)
{
	struct cv_blob_source src = {
		CV_SIZED(cv_blob_source), .fd = -1,
		/* a copy has checksums of its own, and would be right */
		.pool = pool_create("copy"), .verify = true,
	};
	struct cv_storage_put *put;
	struct cv_stream *stream;
	int ret = c->box->store->driver->get(c->box->sf->blobs, blob, &src,
					     c->err);

	if (ret == CV_OK) {
		stream = src.fd == -1 ? src.stream :
			stream_open_file(src.pool, src.fd, src.offset,
					 src.len, false, "message");
		ret = create_put(c, m, &put, c->err);
		if (ret == CV_OK)
			ret = put_stream(c, m, blob, put, stream, c->err);
	}
	pool_destroy(&src.pool);
	io_close(c->box->user->io, src.fd);
	return ret;
}

/* In CRLF form: to another server. */
static int copy_text(struct copying *c, struct copied *m,
		     const struct cv_blob *blob)
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
			c->sf->blobs, c->pool, size, blob->virtual_bytes,
			&put, c->err);
	return ret == CV_OK ? put_stream(c, m, blob, put, stream, c->err) :
		ret;
}

static int link_one(struct copying *c, struct copied *m,
		    const struct cv_blob *blob)
{
	return c->ref.store->driver->link(c->sf->blobs, c->box->sf->blobs,
					  blob, c->pool, &m->ref, c->err);
}

static void take_catalogue(struct copying *c, struct copied *m)
{
	struct cv_span record;

	if (account_catalogue_find(c->box->folder, m->row, &record) !=
	    CV_OK || c->catalogue_bytes > CATALOGUE_BYTES_MAX)
		return;
	m->catalogue = pool_span(c->pool, record);
	c->catalogue_bytes += record.len;
}

static int hide_one(struct copying *c, struct copied *m,
		    const struct cv_blob *blob)
{
	int ret;

	if (store_is_remote(c->ref.store))
		return c->box->store != c->ref.store ? copy_text(c, m, blob) :
			link_one(c, m, blob);
	take_catalogue(c, m);
	/* a body in the journal was not synced as a file: the copy takes it
	 * along */
	ret = account_body_read(c->box->folder, m->row, c->pool, &m->body,
				c->err);
	if (ret < 0)
		return ret;
	ret = CV_E_UNSUPPORTED;
	if (c->box->store == c->ref.store)
		ret = link_one(c, m, blob);
	if (ret == CV_OK && m->body.data == NULL)
		c->link_unsynced = true;
	if ((ret == CV_E_UNSUPPORTED || ret == CV_NOT_FOUND) &&
	    m->body.data != NULL)
		ret = put_bytes(c, m, blob, m->body, c->err);
	else if (ret == CV_E_UNSUPPORTED)
		ret = copy_bytes(c, m, blob);
	return ret;
}

static void abandon(struct copying *c)
{
	for (size_t i = 0; i < c->count; i++) {
		if (c->messages[i].hidden)
			c->ref.store->driver->unlink_hidden(
				c->sf->blobs, c->messages[i].ref);
	}
}

static int hide_all(struct copying *c)
{
	struct cv_pool *pool = pool_create("copy one");
	int ret = CV_OK;

	mailbox_progress_begin(c->box->user);
	for (size_t i = 0; i < c->count && ret == CV_OK; i++) {
		struct copied *m = &c->messages[i];
		struct cv_blob blob;

		ret = mailbox_progress(c->box->user, i, c->count, c->err);
		if (ret < 0)
			break;
		pool_reset(pool);
		store_blob_get(c->box->folder, m->row, pool, &blob);
		ret = hide_one(c, m, &blob);
		m->hidden = ret == CV_OK;
		if (ret == CV_NOT_FOUND)
			FAIL(c->err, CV_NOT_FOUND, "the file of UID %u is "
			     "gone", m->uid);
	}
	pool_destroy(&pool);
	if (ret == CV_OK && c->link_unsynced &&
	    c->box->user->mail.mail_fsync != MAIL_MAIL_FSYNC_NEVER)
		ret = c->ref.store->driver->sync_hidden(c->sf->blobs, c->err);
	return ret;
}

/* --- the commit ----------------------------------------------------------------------- */

/* [RFC5257 4.6] the shared ones and the user's own, as far as the target may
 * have them */
static int annotate_one(struct copying *c, struct account_txn *txn,
			const struct copied *m, struct cv_pool *pool)
{
	const struct cv_annotation *list;
	uint32_t count;

	annotations_get(c->box, m->uid, pool, &list, &count);
	if (count == 0)
		return CV_OK;
	list = annotations_filter(list, count, c->annotations, pool, &count);
	return annotations_put(txn, c->folder, m->new_uid, list, count,
			       c->err);
}

/* pool: for this message. */
static int append_one(struct copying *c, struct account_txn *txn,
		      struct copied *m, struct cv_pool *pool)
{
	struct cv_blob blob;
	struct account_guid guid;
	struct cv_keywords k;
	uint32_t *keywords;
	struct account_append append;
	int ret;

	store_blob_get(c->box->folder, m->row, pool, &blob);
	k = c->keywords_allowed ? blob.keywords :
		(struct cv_keywords){ NULL, 0 };
	keywords = pool_new_array(pool, uint32_t, k.count + 1);
	memcpy(guid.bytes, blob.guid, sizeof(guid.bytes));
	append = (struct account_append){
		.keywords = keywords, .received = blob.received,
		.size = blob.bytes, .virtual_size = blob.virtual_bytes,
		.guid = &guid, .blob = m->ref,
		.body = m->body, .catalogue = m->catalogue,
	};
	for (uint32_t i = 0; i < k.count; i++) {
		ret = txn_keyword(txn, c->folder, cv_span_of(k.names[i]),
				  &keywords[append.keyword_count], c->err);

		if (ret < 0 && (ret != CV_E_LIMIT ||
				spare_memory_check(0, c->err) < 0))
			return ret;
		append.keyword_count += ret == CV_OK;
	}
	m->flags = blob.flags;
	blob.ref = m->ref;
	blob.flags &= c->allowed;
	blob.keywords = k;
	blob.marks = 0;
	c->ref.store->driver->marks(c->sf->blobs, &blob, 1);
	append.flags = blob.flags | blob.marks << MAILBOX_MARK_SHIFT;
	ret = txn_append(txn, c->folder, &append, &m->new_uid, c->err);
	return ret == CV_OK ? annotate_one(c, txn, m, pool) : ret;
}

static int append_all(struct copying *c, struct account_txn *txn)
{
	struct cv_pool *pool;
	size_t refs = 0;
	int ret = spare_memory_check(c->count * RECORD_BYTES, c->err);

	if (ret < 0)
		return ret;
	for (size_t i = 0; i < c->count; i++)
		refs += c->messages[i].ref.len + 64;
	ret = account_txn_expect(txn, c->count, refs, c->err);
	if (ret < 0)
		return ret;
	pool = pool_create("append");
	for (size_t i = 0; i < c->count && ret == CV_OK; i++) {
		pool_reset(pool);
		ret = append_one(c, txn, &c->messages[i], pool);
	}
	pool_destroy(&pool);
	return ret;
}

static int expunge_sources(struct copying *c, struct account_txn *txn)
{
	struct account_ranges uids = { .pool = c->pool };
	int ret;

	for (size_t i = 0; i < c->count; i++)
		ranges_add(&uids, c->messages[i].uid);
	ret = txn_expunge(txn, c->box->folder, uids.items, uids.count,
			  c->err);
	if (ret == CV_OK && !store_is_remote(c->box->store))
		ret = store_tombstones_add(c->box->sf, txn, c->sources,
					   (uint32_t)c->count, c->err);
	return ret;
}

/* Under the lock: flags may have changed, messages may be gone. */
static void look_again(struct copying *c)
{
	size_t to = 0;

	for (size_t i = 0; i < c->count; i++) {
		struct copied *m = &c->messages[i];
		struct cv_blob *source = &c->sources[i];

		if (!account_row_find(c->box->folder, m->uid, &m->row)) {
			c->ref.store->driver->unlink_hidden(c->sf->blobs,
							    m->ref);
			continue;
		}
		if (c->move) {
			store_blob_get(c->box->folder, m->row, c->pool,
				       source);
			c->sources[to] = *source;
		}
		c->messages[to++] = *m;
	}
	c->count = to;
}

/* As their rows say now. */
static void place_copies(struct copying *c)
{
	const struct cv_storage *driver = c->ref.store->driver;
	struct cv_pool *pool = pool_create("place");
	struct cv_blob *blobs = NULL;
	uint32_t count = 0, row;

	for (size_t i = 0; i < c->count; i++) {
		struct copied *m = &c->messages[i];

		if (count == 0)
			blobs = pool_new_array(pool, struct cv_blob, BATCH);
		if (account_row_find(c->folder, m->new_uid, &row)) {
			store_blob_get(c->folder, row, pool, &blobs[count]);
			blobs[count++].ref = m->ref;
		}
		if (count == BATCH || (i + 1 == c->count && count > 0)) {
			driver->place(c->sf->blobs, blobs, count);
			pool_reset(pool);
			count = 0;
		}
	}
	pool_destroy(&pool);
}

static void place_all(struct copying *c)
{
	struct cv_error err = ERROR_NONE;
	int ret;

	store_folder_numbers(c->sf);
	place_copies(c);
	/* with the account's lock it stays until originals are removed */
	if (!c->sf->guard_holds)
		store_unguard(c->sf);
	store_folder_publish(c->sf);
	if (!c->move || c->box->store != c->ref.store)
		return;
	ret = c->box->store->driver->remove(c->box->sf->blobs, c->sources,
					    (uint32_t)c->count, &err);
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
	struct cv_pool *pool;
	struct cv_blob *blobs;
	int ret;

	if (!store_has_uids(c->sf))
		return CV_OK;
	ret = spare_memory_check(c->count * 2 * sizeof(*blobs), c->err);
	if (ret < 0)
		return ret;
	pool = pool_create("new uids");
	blobs = pool_new_array(pool, struct cv_blob, c->count + 1);
	for (size_t i = 0; i < c->count; i++) {
		blobs[i].uid = c->messages[i].new_uid;
		blobs[i].ref = c->messages[i].ref;
	}
	ret = store_uids_add(c->sf, blobs, (uint32_t)c->count, c->err);
	pool_destroy(&pool);
	return ret;
}

/* A move among private mailboxes takes nothing more. */
static int reserve(struct copying *c, struct quota_hold *hold)
{
	uint64_t bytes = 0;

	if (c->move && c->box->store->is_private)
		return CV_OK;
	for (size_t i = 0; i < c->count; i++)
		bytes += c->messages[i].bytes;
	return quota_reserve(hold, c->name, bytes, c->count, c->err);
}

static int commit_held(struct copying *c, struct account_txn *txn,
		       struct quota_hold *hold, bool again)
{
	int ret = store_guard(c->sf, hold, &txn, c->err);

	if (ret == CV_OK && (c->folder->deleted || c->box->folder->deleted))
		ret = FAIL(c->err, CV_E_NOT_FOUND, "a mailbox is gone");
	if (ret < 0) {
		account_rollback(&txn);
		return ret;
	}
	store_folder_refresh(c->sf);
	store_folder_refresh(c->box->sf);
	if (c->box->store == c->ref.store)
		look_again(c);
	ret = reserve(c, hold);
	if (ret == CV_OK)
		ret = append_all(c, txn);
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
	if (ret != CV_OK)
		store_unguard(c->sf);
	return ret;
}

/* A move to another account: the originals go when the copies are safe. */
static int expunge_after(struct copying *c)
{
	struct account_txn *txn;
	int ret = store_begin(c->box->store, &txn, c->err);

	if (ret < 0)
		return ret;
	if (store_is_remote(c->box->store))
		ret = c->box->store->driver->remove(
			c->box->sf->blobs, c->sources, (uint32_t)c->count,
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
			    c->box->sf->blobs, c->sources,
			    (uint32_t)c->count, NULL) == CV_OK)
			store_tombstones_removed(c->box->sf);
		store_folder_publish(c->box->sf);
	}
	store_removed(c->box->store);
	return ret;
}

/* Another server makes them messages. */
static int send_all(struct copying *c)
{
	struct cv_blob *blobs;
	int ret = spare_memory_check(c->count * sizeof(*blobs), c->err);

	if (ret < 0)
		return ret;
	blobs = pool_new_array(c->pool, struct cv_blob, c->count);
	for (size_t i = 0; i < c->count; i++) {
		struct copied *m = &c->messages[i];

		store_blob_get(c->box->folder, m->row, c->pool, &blobs[i]);
		blobs[i].ref = m->ref;
		blobs[i].flags &= c->allowed;
		if (!c->keywords_allowed)
			blobs[i].keywords.count = 0;
	}
	ret = store_send(c->sf, blobs, (uint32_t)c->count, c->err);
	for (size_t i = 0; i < c->count && ret == CV_OK; i++) {
		c->messages[i].new_uid = blobs[i].uid;
		c->messages[i].hidden = false;
	}
	return ret;
}

static void fill_result(struct copying *c, struct cv_pool *pool,
			struct cv_copy_result *result)
{
	struct account_ranges from = { .pool = pool }, to = { .pool = pool };

	for (size_t i = 0; i < c->count; i++) {
		/* another server did not say them */
		if (c->messages[i].new_uid == 0)
			return;
		ranges_add(&from, c->messages[i].uid);
		ranges_add(&to, c->messages[i].new_uid);
	}
	result->uidvalidity = c->folder->uidvalidity;
	result->source_uids = ranges_set(&from);
	result->uids = ranges_set(&to);
	result->count = (uint32_t)c->count;
}

static void copy_hooks(struct copying *c, const char *name)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct copied *m = &c->messages[i];
		struct cv_message_ctx ctx = {
			CV_SIZED(cv_message_ctx), .user = c->box->user,
			.mailbox_name = name,
			.uidvalidity = c->folder->uidvalidity,
			.uid = m->new_uid, .flags = m->flags,
		};

		(void)hook_message_stored(&ctx);
		ctx.mailbox_name = c->box->name;
		ctx.uidvalidity = c->box->uidvalidity;
		ctx.uid = m->uid;
		if (c->move)
			(void)hook_message_expunged(&ctx);
	}
}

/* Many bodies in the journal are let go first: with the copies they would be
 * in it twice, all in memory, and each copy would be a file to sync. */
static int choose_written(struct copying *c, struct cv_set seqs)
{
	int ret = choose(c, seqs);

	if (ret == CV_OK &&
	    (c->body_bytes > BODY_BYTES_MAX || c->bodies > BODIES_MAX) &&
	    !store_is_remote(c->box->store) &&
	    store_make_room(c->box->store) == CV_OK)
		ret = choose(c, seqs);
	return ret;
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
	ret = choose_written(c, seqs);
	if (ret < 0 || c->count == 0)
		return ret;
	ret = hide_all(c);
	if (store_is_remote(c->ref.store)) {
		if (ret == CV_OK)
			ret = send_all(c);
	} else {
		if (ret == CV_OK)
			ret = commit(c);
		if (ret == CV_OK)
			place_all(c);
		store_unguard(c->sf);
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
