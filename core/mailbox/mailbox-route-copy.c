/* mailbox-route-copy.c - COPY and MOVE: within an account, or between two. */
#include "mailbox-remote.h"
#include "mailbox-route.h"
#include "mailbox-seen.h"

static int copy_bytes(struct cv_save *save, struct cv_stream *stream,
		      struct cv_error *err)
{
	struct cv_span part;
	int ret;

	while ((ret = stream_read(stream, &part, err)) == CV_OK) {
		ret = mailbox_save_write(save, part.data, part.len, err);
		if (ret < 0)
			return ret;
		stream_skip(stream, part.len);
	}
	return ret == CV_EOF ? CV_OK : ret;
}

static int copy_one(struct cv_mailbox *box, uint32_t seq,
		    struct cv_save *save, struct cv_error *err)
{
	static const struct cv_section whole = { CV_SIZED(cv_section),
		.kind = CV_SECTION_ALL };
	struct cv_message_data d = { CV_SIZED(cv_message_data) };
	struct cv_save_request r = { CV_SIZED(cv_save_request) };
	struct cv_stream *stream;
	int ret = route_message(box, seq, CV_MESSAGE_KEYWORDS |
				CV_MESSAGE_ANNOTATIONS, &d, err);

	if (ret != CV_OK)
		return ret;
	r.annotations = d.annotations;
	r.annotation_count = d.annotation_count;
	r.annotations_if_allowed = true;
	r.flags = d.flags & CV_FLAGS_STORED;
	r.keywords = d.keywords;
	r.internal_date = d.internal_date;
	ret = mailbox_save_add(save, &r, err);
	if (ret == CV_OK)
		ret = route_section(box, seq, &whole, &stream, &r.size_hint,
				    err);
	if (ret == CV_OK)
		ret = copy_bytes(save, stream, err);
	if (ret == CV_OK)
		ret = mailbox_save_finish(save, err);
	if (ret == CV_NOT_FOUND) {
		FAIL(err, CV_E_TEMP, "a message is gone");
		ret = error_set_client(err, "Some of the messages no longer "
				       "exist.");
	}
	return ret;
}

static int copy_all(struct cv_mailbox *box, struct cv_set seqs,
		    struct cv_save *save, struct account_ranges *uids,
		    uint32_t *count_r, struct cv_error *err)
{
	int ret = CV_OK;

	mailbox_progress_begin(box->user);
	*count_r = 0;
	for (uint32_t i = 0; i < seqs.count && ret == CV_OK; i++) {
		uint32_t last = seqs.ranges[i].last;

		if (last > box->count)
			last = box->count;
		for (uint32_t seq = seqs.ranges[i].first;
		     seq != 0 && seq <= last && ret == CV_OK; seq++) {
			ret = mailbox_progress(box->user, 0, 0, err);
			if (ret < 0)
				break;
			ret = copy_one(box, seq, save, err);
			/* what is gone is left out */
			if (ret == CV_OK) {
				ranges_add(uids, mailbox_uid_at(box, seq - 1));
				(*count_r)++;
			} else if (ret == CV_NOT_FOUND) {
				ret = CV_OK;
			}
		}
	}
	return ret;
}

static int expunge_source(struct cv_mailbox *box,
			  const struct account_ranges *uids,
			  struct cv_error *err)
{
	struct cv_set set = ranges_set(uids);

	return box->remote == NULL ? mailbox_expunge_uids(box, &set, err) :
		remote_expunge(box, &set, true, err);
}

/* From one account to another: all copies in one commit, then the originals
 * go.  What a crash in between leaves is a message twice, never none. */
static int copy_across(struct cv_mailbox *box, struct cv_set seqs,
		       const char *name, bool move, struct cv_pool *pool,
		       struct cv_copy_result *result, struct cv_error *err)
{
	struct account_ranges uids = { .pool = pool };
	struct cv_save *save;
	int ret = move ? mailbox_permit(route_box_rights(box), MAILBOX_OP_MOVE_FROM,
					box->name, err) : CV_OK;

	if (ret == CV_OK)
		ret = mailbox_save_begin(box->user, name, &save, err);
	if (ret < 0)
		return ret;
	ret = copy_all(box, seqs, save, &uids, &result->count, err);
	if (ret < 0 || result->count == 0) {
		mailbox_save_abort(&save);
		return ret;
	}
	ret = mailbox_save_commit(&save, pool, &result->uidvalidity,
				  &result->uids, err);
	result->source_uids = ranges_set(&uids);
	if (ret == CV_OK && move)
		ret = expunge_source(box, &uids, err);
	return ret;
}

/* Within one account: it is copied there, and \Seen goes along.  Copied it is
 * in any case: what the copies are marked with cannot undo that. */
static void copy_seen(struct cv_mailbox *box, const char *name,
		      const struct cv_copy_result *result,
		      struct cv_pool *pool)
{
	struct account_ranges marked = { .pool = pool };
	struct cv_range const *to = result->uids.ranges;
	uint32_t at = 0, uid = result->uids.count == 0 ? 0 : to[0].first;

	for (uint32_t i = 0; i < result->source_uids.count; i++) {
		const struct cv_range *from = &result->source_uids.ranges[i];

		for (uint64_t source = from->first;
		     source <= from->last && at < result->uids.count;
		     source++) {
			if (seen_has(box->seen, (uint32_t)source))
				ranges_add(&marked, uid);
			if (uid++ == to[at].last &&
			    ++at < result->uids.count)
				uid = to[at].first;
		}
	}
	if (route_mark_seen(box->user, name, &marked, NULL) < 0)
		log_warning("mail", "\\Seen of copied messages is lost");
}

int route_mark_seen(struct cv_user *user, const char *name,
		    const struct account_ranges *uids, struct cv_error *err)
{
	struct cv_mailbox_status s = { CV_SIZED(cv_mailbox_status) };
	struct remote *remote = remote_find(user, name);
	struct cv_pool *pool;
	struct cv_set none;
	int ret;

	if (uids->count == 0)
		return CV_OK;
	pool = pool_create("mark seen");
	ret = remote == NULL ?
		mailbox_status(user, name, CV_STATUS_GUID, &s, err) :
		remote_status(remote, remote_name(remote, name, pool),
			      CV_STATUS_GUID, &s, pool, &none, err);
	pool_destroy(&pool);
	/* who may only insert has nothing to mark */
	if (ret < 0)
		return ret == CV_E_DENIED || ret == CV_E_NOT_FOUND ? CV_OK :
			ret;
	return seen_mark(user, s.guid, s.uidvalidity, uids, err);
}

/* The store of a mailbox that is not another user's; NULL: none. */
static const struct store *store_of(struct cv_user *user, const char *name)
{
	const struct namespace *ns = mailbox_namespace_find(user, name);

	return ns == NULL ? NULL : ns->store;
}

int route_copy(struct cv_mailbox *box, struct cv_set seqs,
	       const char *mailbox_name, bool move, struct cv_pool *pool,
	       struct cv_copy_result *result_r, struct cv_error *err)
{
	struct remote *target = remote_find(box->user, mailbox_name);
	const struct store *to = target == NULL ?
		store_of(box->user, mailbox_name) : NULL;
	int ret;

	if (box->remote == NULL && target == NULL &&
	    (to == NULL || to == box->store ||
	     (box->seen == NULL && !seen_is_kept(to))))
		ret = mailbox_copy(box, seqs, mailbox_name, move, pool,
				   result_r, err);
	else if (box->remote == NULL || box->remote->remote != target)
		return copy_across(box, seqs, mailbox_name, move, pool,
				   result_r, err);
	else
		ret = remote_copy(box, seqs,
				  remote_name(target, mailbox_name, pool),
				  move, pool, result_r, err);
	if (ret >= 0 && box->seen != NULL)
		copy_seen(box, mailbox_name, result_r, pool);
	return ret;
}
