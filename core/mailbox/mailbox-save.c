/* mailbox-save.c - APPEND and delivery.
 *
 * A message is read once, parsed and written in passing.  Up to
 * mail_journal_body_max it travels in the journal: one write and one sync
 * make it durable, and its file is written without a sync.  A larger one is
 * synced as a hidden blob first.  INVARIANT: before the commit nothing can be
 * seen of it, after it nothing can be lost. */
#include "mailbox-annotate.h"
#include "mailbox-save-private.h"

#include "message/binary-encoder.h"

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

static int take_annotations(struct cv_save *save, struct saved *m,
			    const struct cv_save_request *r, uint32_t rights,
			    struct cv_error *err)
{
	uint32_t allowed;
	int ret = CV_OK;

	if (!CV_HAS(r, annotations_if_allowed) || r->annotation_count == 0)
		return CV_OK;
	allowed = annotations_allowed(save->user, m->ref.ns, rights);
	if (!r->annotations_if_allowed)
		ret = annotations_check(r->annotations, r->annotation_count,
					allowed, m->mailbox_name, err);
	m->annotations = annotations_filter(r->annotations,
					    r->annotation_count, allowed,
					    save->pool, &m->annotation_count);
	return ret < 0 ? ret : annotations_check_count(
		m->annotations, m->annotation_count,
		CV_HAS(r, annotations_max) ? r->annotations_max : 0, err);
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

int mailbox_save_add(struct cv_save *save, const struct cv_save_request *r,
		     struct cv_error *err)
{
	struct saved *m;
	uint32_t rights = 0;
	bool keywords;
	int ret;

	ret = spare_memory_check(0, err);
	if (ret < 0)
		return ret;
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
	if (ret == CV_OK) {
		rights = mailbox_rights(save->user, m->ref.ns, m->folder);
		ret = take_annotations(save, m, r, rights, err);
	}
	if (ret < 0)
		return save_fail(save, ret);
	m->flags = r->flags & mailbox_flags_allowed(rights, &keywords);
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
	if (r->size_hint > 0 && save_body_fits(save, m, r->size_hint))
		text_grow(&m->bytes, (size_t)r->size_hint);
	store_folder_hold(m->sf);
	*array_add(&save->messages) = m;
	save->current = m;
	return CV_OK;
}

static bool folder_is_open(struct cv_user *user, struct account_folder *f)
{
	for (struct cv_mailbox *b = user->boxes; b != NULL; b = b->next) {
		if (b->folder == f)
			return true;
	}
	return false;
}

void save_free(struct cv_save **save)
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

void mailbox_save_abort(struct cv_save **save)
{
	if (*save != NULL)
		save_free(save);
}
