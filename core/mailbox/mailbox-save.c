/* mailbox-save.c - APPEND and delivery.
 *
 * A message is read once, parsed and written in passing.  Up to
 * mail_journal_body_max it travels in the journal: one write and one sync
 * make it durable, and its file is written without a sync.  A larger one is
 * synced as a hidden blob first.  INVARIANT: before the commit nothing can be
 * seen of it, after it nothing can be lost. */
#include "mailbox-remote.h"
#include "mailbox-route.h"
#include "mailbox-replace.h"
#include "mailbox-seen.h"

#include "message/binary-encoder.h"
#include "message/preview.h"

enum {
	WRITE_CHUNK = 256 * 1024,
	/* of all bodies of a save that travel in the journal: they wait for
	 * the commit in memory */
	JOURNAL_BODIES_MAX = 8 * 1024 * 1024,
	HEAD_BYTES = 64 * 1024,		/* where a preview is looked for */
};

struct saved {
	const char *mailbox_name;
	struct mailbox_ref ref;
	struct account_folder *folder;
	struct store_folder *sf;
	uint32_t flags;
	bool seen;			/* where that is the reader's own */
	struct cv_keywords keywords;
	int64_t received, saved;
	const struct account_guid *guid;	/* NULL: a new one */
	uint32_t wanted_uid;
	uint64_t modseq;		/* 0: of the commit */
	struct message_summarizer *summarizer;
	struct cv_pool *parse_pool;
	struct cv_text bytes;		/* not written yet */
	struct cv_span head;		/* of a large one: how it begins */
	struct cv_storage_put *put;
	uint64_t size, virtual_size;
	bool stored_cr;			/* the last byte of them is CR */
	bool last_cr, filtered, finished, hidden, committed;
	struct cv_span ref_name, body;
	struct cv_text catalogue;
	struct cv_blob blob;
	uint32_t uid;
};

struct cv_save {
	struct cv_pool *pool;
	struct cv_user *user;
	const char *mailbox_name;
	ARRAY(struct saved *) messages;
	struct saved *current;
	int failed;
	struct remote_save *remote;	/* another user's mailbox; NULL */
	ARRAY(bool) seen;		/* of the messages, then */
	struct replaced replaced;	/* box NULL: none */
	uint64_t journal_bytes;
	/* Of the message at hand; NULL: not asked for. */
	struct binary_encoder *encoder;
	struct cv_pool *encoder_pool;
};

static int begin_remote(struct cv_user *u, struct remote *remote,
			const char *name, struct cv_save **save_r,
			struct cv_error *err)
{
	struct cv_pool *pool = pool_create("save");
	struct cv_save *save = pool_new(pool, struct cv_save);
	int ret = remote_save_begin(remote, remote_name(remote, name, pool),
				    &save->remote, err);

	if (ret < 0) {
		pool_destroy(&pool);
		return ret;
	}
	save->pool = pool;
	save->user = u;
	save->mailbox_name = pool_strdup(pool, name);
	array_init(&save->messages, pool);
	array_init(&save->seen, pool);
	*save_r = save;
	return CV_OK;
}

static void begin_encoder(struct cv_save *save,
			  const struct cv_save_request *r)
{
	save->encoder = NULL;
	if (!CV_HAS(r, binary) || !r->binary)
		return;
	if (save->encoder_pool == NULL)
		save->encoder_pool = pool_create("save binary");
	pool_reset(save->encoder_pool);
	save->encoder = binary_encoder_create(save->encoder_pool);
}

static int add_remote(struct cv_save *save, const struct cv_save_request *r,
		      struct cv_error *err)
{
	if (r->mailbox_name != NULL &&
	    strcmp(r->mailbox_name, save->mailbox_name) != 0)
		return FAIL(err, CV_E_UNSUPPORTED, "two mailboxes in a save "
			    "to another user's mail");
	*array_add(&save->seen) = (r->flags & CV_FLAG_SEEN) != 0;
	begin_encoder(save, r);
	return remote_save_add(save->remote, r, err);
}

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

int mailbox_save_begin(struct cv_user *u, const char *mailbox_name,
		       struct cv_save **save_r, struct cv_error *err)
{
	struct remote *remote = remote_find(u, mailbox_name);
	struct cv_pool *pool;
	struct cv_save *save;
	struct mailbox_ref ref;
	struct account_folder *folder;
	int ret;

	if (remote != NULL)
		return begin_remote(u, remote, mailbox_name, save_r, err);
	pool = pool_create("save");
	save = pool_new(pool, struct cv_save);
	ret = mailbox_find_for(u, mailbox_name, MAILBOX_OP_INSERT, pool,
			       &ref, &folder, err);

	if (ret < 0) {
		pool_destroy(&pool);
		return ret;
	}
	save->pool = pool;
	save->user = u;
	save->mailbox_name = pool_strdup(pool, mailbox_name);
	array_init(&save->messages, pool);
	*save_r = save;
	return CV_OK;
}

int mailbox_save_replace(struct cv_save *save, struct cv_mailbox *box,
			 uint32_t seq, struct cv_error *err)
{
	if (save->replaced.box != NULL || save->messages.count > 0)
		return FAIL(err, CV_E_SYNTAX, "one message is replaced, and "
			    "before others are added");
	return replaced_begin(&save->replaced, box, seq, save->remote, err);
}

bool mailbox_save_needs(const struct cv_save *save,
			const struct cv_mailbox *box)
{
	return save != NULL && save->replaced.box == box;
}

static int fail(struct cv_save *save, int ret)
{
	if (ret < 0)
		save->failed = ret;
	return ret;
}

static int check_keywords(struct cv_save *save, struct saved *m,
			  const struct cv_keywords *k, struct cv_error *err)
{
	const char **names = pool_new_array(save->pool, const char *,
					    k->count + 1);

	for (uint32_t i = 0; i < k->count; i++) {
		int ret = keyword_check(save->user, k->names[i], err);

		if (ret < 0)
			return ret;
		names[i] = pool_strdup(save->pool, k->names[i]);
	}
	m->keywords = (struct cv_keywords){ names, k->count };
	return CV_OK;
}

static int open_target(struct cv_save *save, struct saved *m,
		       struct cv_error *err)
{
	int ret;

	/* mostly the same mailbox as before */
	if (save->messages.count > 0) {
		const struct saved *before =
			save->messages.items[save->messages.count - 1];

		if (strcmp(before->mailbox_name, m->mailbox_name) == 0) {
			m->ref = before->ref;
			m->folder = before->folder;
			m->sf = before->sf;
			return CV_OK;
		}
	}
	ret = mailbox_find_for(save->user, m->mailbox_name,
			       MAILBOX_OP_INSERT, save->pool, &m->ref,
			       &m->folder, err);
	if (ret == CV_OK)
		ret = store_folder_get(m->ref.store, m->folder, &m->sf, err);
	/* a folder of another server gives its UIDs first */
	if (ret == CV_OK && account_folder_state(m->folder).len == 0)
		ret = store_folder_scan(m->sf, true, err);
	return ret < 0 ? ret : CV_OK;
}

static void take_identity(struct cv_save *save, struct saved *m,
			  const struct cv_save_request *r)
{
	if (!CV_HAS(r, save_date))
		return;
	m->wanted_uid = r->uid;
	m->modseq = CV_HAS(r, modseq) ? r->modseq : 0;
	m->saved = r->save_date;
	if (r->guid != NULL)
		m->guid = (const struct account_guid *)pool_copy(
			save->pool, r->guid, sizeof(*m->guid));
}

static bool body_fits(const struct cv_save *save, const struct saved *m,
		      uint64_t size)
{
	return account_body_fits(m->ref.store->account, size) &&
		save->journal_bytes + size <= JOURNAL_BODIES_MAX;
}

int mailbox_save_add(struct cv_save *save, const struct cv_save_request *r,
		     struct cv_error *err)
{
	struct saved *m;
	bool keywords;
	int ret;

	if (save->remote != NULL)
		return add_remote(save, r, err);
	m = pool_new(save->pool, struct saved);
	if (save->failed < 0)
		return FAIL(err, save->failed, "an earlier message failed");
	BUG_IF(save->current != NULL);
	m->mailbox_name = r->mailbox_name == NULL ? save->mailbox_name :
		pool_strdup(save->pool, r->mailbox_name);
	ret = open_target(save, m, err);
	if (ret == CV_OK)
		ret = check_keywords(save, m, &r->keywords, err);
	/* what a replacement takes is known at its commit */
	if (ret == CV_OK && save->replaced.box == NULL)
		ret = quota_estimate(m->ref.store, m->mailbox_name,
				     r->size_hint, err);
	if (ret < 0)
		return fail(save, ret);
	m->flags = r->flags & mailbox_flags_allowed(
		mailbox_rights(save->user, m->ref.ns, m->folder), &keywords);
	m->seen = (m->flags & CV_FLAG_SEEN) != 0;
	m->flags = mailbox_flags_kept(m->ref.store, m->flags);
	if (!keywords)
		m->keywords.count = 0;
	m->received = r->internal_date == INT64_MIN ? time_now() :
		r->internal_date;
	take_identity(save, m, r);
	begin_encoder(save, r);
	/* others read what lies at another server */
	m->filtered = hook_active[CV_HOOK_ID_message_saving] &&
		!store_is_remote(m->ref.store);
	m->parse_pool = pool_create("save parse");
	m->summarizer = message_summarizer_create(m->parse_pool);
	cv_text_init(&m->bytes, m->parse_pool);
	if (r->size_hint > 0 && body_fits(save, m, r->size_hint))
		text_grow(&m->bytes, (size_t)r->size_hint);
	store_folder_hold(m->sf);
	*array_add(&save->messages) = m;
	save->current = m;
	return CV_OK;
}

/* --- writing ---------------------------------------------------------------------- */

static int write_out(struct saved *m, struct cv_error *err)
{
	const struct cv_storage *driver = m->ref.store->driver;
	int ret = CV_OK;

	if (m->put == NULL) {
		m->head = pool_span(m->parse_pool, cv_span(
			m->bytes.data, m->bytes.len < HEAD_BYTES ?
			m->bytes.len : HEAD_BYTES));
		ret = driver->put_create(m->sf->blobs, m->parse_pool, 0, 0,
					 &m->put, err);
	}
	if (ret == CV_OK && m->bytes.len > 0)
		ret = driver->put_write(m->put, m->bytes.data, m->bytes.len,
					err);
	cv_text_reset(&m->bytes);
	return ret;
}

/* What was added behind place at is parsed, and written when it is much. */
static int take_bytes(const struct cv_save *save, struct saved *m, size_t at,
		      struct cv_error *err)
{
	struct cv_span s = cv_span(m->bytes.data + at, m->bytes.len - at);

	if (s.len == 0)
		return CV_OK;
	message_summarizer_feed(m->summarizer, s);
	m->size += s.len;
	if (m->filtered ||
	    (m->put == NULL && body_fits(save, m, m->size)) ||
	    (m->put != NULL && m->bytes.len < WRITE_CHUNK))
		return CV_OK;
	return write_out(m, err);
}

/* Line ends as they are stored: LF, or CRLF with mail_save_crlf.  A CR at the
 * end of the input waits for what follows.  CR CR LF stays as it is, or it
 * would come back without a CR. */
static void convert(struct saved *m, bool crlf, struct cv_span in)
{
	while (in.len > 0) {
		const char *lf = memchr(in.data, '\n', in.len);
		size_t len = lf == NULL ? in.len : (size_t)(lf - in.data);
		bool cr_before = len == 0 ? m->last_cr :
			in.data[len - 1] == '\r';

		if (m->last_cr && len > 0) {
			cv_text_append_c(&m->bytes, '\r');
			m->stored_cr = true;
		}
		if (len > 0 && cr_before)
			len--;
		cv_text_append(&m->bytes, in.data, len);
		if (len > 0)
			m->stored_cr = in.data[len - 1] == '\r';
		m->last_cr = cr_before && lf == NULL;
		if (lf == NULL)
			return;
		if (crlf || m->stored_cr)
			cv_text_append_c(&m->bytes, '\r');
		cv_text_append_c(&m->bytes, '\n');
		m->stored_cr = false;
		in = cv_span_skip(in, (size_t)(lf - in.data) + 1);
	}
}

static int write_plain(struct cv_save *save, struct cv_span data,
		       struct cv_error *err)
{
	struct saved *m = save->current;
	size_t at;

	if (save->remote != NULL)
		return remote_save_write(save->remote, data, err);
	if (save->failed < 0 || m == NULL)
		return FAIL(err, save->failed < 0 ? save->failed :
			    CV_E_INTERNAL, "nothing is being saved");
	at = m->bytes.len;
	convert(m, save->user->mail.mail_save_crlf ||
		store_is_remote(m->ref.store), data);
	return fail(save, take_bytes(save, m, at, err));
}

/* The last piece has no data. */
static int write_encoded(struct cv_save *save, struct cv_span data,
			 struct cv_error *err)
{
	struct cv_pool *scratch = pool_create("save encoded");
	struct cv_text out;
	int ret;

	cv_text_init(&out, scratch);
	ret = data.data == NULL ?
		binary_encoder_finish(save->encoder, &out, err) :
		binary_encoder_feed(save->encoder, data, &out, err);
	if (ret == CV_OK && out.len > 0)
		ret = write_plain(save, cv_text_span(&out), err);
	pool_destroy(&scratch);
	return fail(save, ret);
}

int mailbox_save_write(struct cv_save *save, const void *data, size_t len,
		       struct cv_error *err)
{
	if (save->encoder != NULL && len > 0)
		return write_encoded(save, cv_span(data, len), err);
	return write_plain(save, cv_span(data, len), err);
}

/* --- finishing ---------------------------------------------------------------------- */

static int run_filters(struct cv_save *save, struct saved *m,
		       struct cv_error *err)
{
	struct cv_stream *plain = stream_open_memory(
		m->parse_pool, cv_text_span(&m->bytes));
	struct cv_body_ctx ctx = {
		CV_SIZED(cv_body_ctx), .user = save->user, .err = err,
		.pool = m->parse_pool, .body = plain,
	};
	struct cv_text stored;
	int ret = hook_message_saving(&ctx);

	if (ret < 0 || ctx.body == plain)
		return ret < 0 ? ret : CV_OK;
	/* m->size stays: it is that of the message, which names of files
	 * tell other programs, and not that of the blob */
	cv_text_init(&stored, m->parse_pool);
	ret = stream_read_all(ctx.body, &stored, SIZE_MAX / 2, err);
	m->bytes = stored;
	return ret;
}

static int finish_blob(struct cv_save *save, struct saved *m,
		       struct cv_error *err)
{
	const struct cv_storage *driver = m->ref.store->driver;
	bool sync = save->user->mail.mail_fsync != MAIL_MAIL_FSYNC_NEVER;
	int ret = CV_OK;

	if (m->put == NULL) {
		if (!store_is_remote(m->ref.store) &&
		    body_fits(save, m, m->bytes.len)) {
			save->journal_bytes += m->bytes.len;
			m->body = cv_text_span(&m->bytes);
			if (m->body.data == NULL)
				m->body.data = "";
			sync = false;
		}
		ret = driver->put_create(m->sf->blobs, m->parse_pool,
					 m->size, m->virtual_size, &m->put,
					 err);
	}
	if (ret == CV_OK && m->bytes.len > 0)
		ret = driver->put_write(m->put, m->bytes.data, m->bytes.len,
					err);
	if (ret == CV_OK)
		ret = driver->put_finish(&m->put, m->virtual_size,
					 m->received, sync, &m->ref_name,
					 err);
	m->hidden = ret == CV_OK;
	return ret;
}

/* [RFC8970 4] while the text is at hand: LAZY then costs nothing.  Of a large
 * message only the beginning is; what lies behind it is made when it is asked
 * for. */
static void add_preview(struct saved *m, const struct mime_tree *tree,
			struct message_summary *summary)
{
	bool whole = m->head.data == NULL;
	struct cv_stream *stream;
	struct cv_text text;

	/* what a filter encrypts must not lie in the catalogue */
	if (m->filtered)
		return;
	stream = stream_open_memory(m->parse_pool, whole ?
				    cv_text_span(&m->bytes) : m->head);
	cv_text_init(&text, m->parse_pool);
	if (message_preview_append(&text, stream, tree, NULL) == CV_OK &&
	    (whole || text.len > 0))
		summary->preview = cv_span(cv_text_str(&text), text.len);
}

int mailbox_save_finish(struct cv_save *save, struct cv_error *err)
{
	struct saved *m = save->current;
	const struct mime_tree *tree;
	struct message_summary summary;
	int ret = CV_OK;

	if (save->encoder != NULL && save->failed >= 0)
		ret = write_encoded(save, CV_SPAN_NONE, err);
	save->encoder = NULL;
	if (save->remote != NULL)
		return ret < 0 ? ret : remote_save_finish(save->remote, err);
	if (save->failed < 0 || m == NULL)
		return FAIL(err, save->failed < 0 ? save->failed :
			    CV_E_INTERNAL, "nothing is being saved");
	save->current = NULL;
	if (m->last_cr) {
		cv_text_append_c(&m->bytes, '\r');
		ret = take_bytes(save, m, m->bytes.len - 1, err);
	}
	if (ret < 0)
		return fail(save, ret);
	message_summarizer_finish(m->summarizer, &summary, &tree);
	add_preview(m, tree, &summary);
	m->virtual_size = summary.virtual_size;
	cv_text_init(&m->catalogue, m->parse_pool);
	message_summary_encode(&m->catalogue, &summary);
	if (m->filtered)
		ret = run_filters(save, m, err);
	if (ret == CV_OK)
		ret = finish_blob(save, m, err);
	m->finished = ret == CV_OK;
	return fail(save, ret);
}

/* --- committing ----------------------------------------------------------------------- */

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
	return ret;
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

static int commit_once(struct cv_save *save, struct store *store,
		       struct store_folder **stale_r, struct cv_error *err)
{
	struct account_txn *txn;
	struct quota_hold hold;
	bool again = *stale_r != NULL;
	int ret = quota_begin(store, save->pool, &hold, &txn, err);

	if (ret < 0)
		return ret;
	if (replaced_in(&save->replaced, store))
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

static bool folder_is_open(struct cv_user *user, struct account_folder *f)
{
	for (struct cv_mailbox *b = user->boxes; b != NULL; b = b->next) {
		if (b->folder == f)
			return true;
	}
	return false;
}

static void save_free(struct cv_save **save)
{
	struct cv_save *s = *save;
	struct cv_pool *pool = s->pool;

	remote_save_abort(&s->remote);
	for (size_t i = 0; i < s->messages.count; i++) {
		struct saved *m = s->messages.items[i];
		const struct cv_storage *driver = m->ref.store->driver;

		if (m->put != NULL)
			driver->put_abort(&m->put);
		if (m->hidden && !m->committed)
			driver->unlink_hidden(m->sf->blobs, m->ref_name);
		pool_destroy(&m->parse_pool);
	}
	for (size_t i = 0; i < s->messages.count; i++) {
		struct saved *m = s->messages.items[i];

		store_folder_release(m->sf);
		if (!folder_is_open(s->user, m->folder))
			store_folder_forget(m->ref.store, m->folder);
	}
	*save = NULL;
	if (s->encoder_pool != NULL)
		pool_destroy(&s->encoder_pool);
	pool_destroy(&pool);
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

	if (s->remote != NULL) {
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
	}
	save_free(save);
	return ret;
}

void mailbox_save_abort(struct cv_save **save)
{
	if (*save != NULL)
		save_free(save);
}
