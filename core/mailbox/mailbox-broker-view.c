/* mailbox-broker-view.c - what another user's session asks of mailboxes that it
 * has opened, and of the messages in them.
 *
 * Trusts nothing that comes in, as mailbox-broker.c; a view is known by the
 * number that it was given, messages by their UIDs. */
#include "mailbox-annotate.h"
#include "mailbox-broker-private.h"
#include "mailbox-freeze.h"

#include <unistd.h>

enum {
	BATCH_BYTES = REMOTE_INLINE_MAX - 4096, SECTION_INLINE = 8192,
};
#define SECTION_MAX ((uint64_t)1 << 30)

/* --- what requests name --------------------------------------------------------- */

static struct served_view *view_find(struct broker *b, uint32_t id)
{
	for (size_t i = 0; i < REMOTE_VIEWS_MAX; i++) {
		if (b->views[i].box != NULL && b->views[i].id == id)
			return &b->views[i];
	}
	return NULL;
}

int broker_take_box(struct request *q, struct cv_mailbox **box_r)
{
	struct served_view *view = view_find(q->broker, remote_get_u32(&q->in));
	struct cv_mailbox *box;
	int ret;

	if (view == NULL)
		return FAIL(&q->err, CV_E_SYNTAX, "no such view");
	*box_r = box = view->box;
	/* what was allowed when it was opened may be so no more */
	ret = account_refresh(box->store->account, &q->err);
	return ret < 0 ? ret : box->folder->deleted ? CV_OK :
		mailbox_permit(mailbox_box_rights(box), MAILBOX_OP_OPEN,
			       box->name, &q->err);
}

static int take_seqs(struct request *q, struct cv_mailbox *box,
		     struct cv_set *seqs_r)
{
	struct cv_set uids = remote_get_set(&q->in);

	return mailbox_uids_to_seqs(box, uids, q->broker->pool, seqs_r);
}

void broker_put_seqs(struct request *q, struct cv_mailbox *box,
		     struct cv_set seqs)
{
	struct account_ranges uids;

	mailbox_seqs_to_uids(box, seqs, q->broker->pool, &uids);
	remote_put_set(&q->out, ranges_set(&uids));
}

/* --- views ---------------------------------------------------------------------- */

static void put_state(struct request *q, struct cv_mailbox *box)
{
	struct cv_mailbox_state s = { CV_SIZED(cv_mailbox_state) };

	mailbox_state(box, &s);
	remote_put_u32(&q->out, s.readonly);
	remote_put_u32(&q->out, s.may_create_keywords);
	remote_put_u32(&q->out, s.permanent_flags);
	remote_put_u32(&q->out, mailbox_box_rights(box));
	remote_put_u32(&q->out, s.uidvalidity);
	remote_put_u32(&q->out, box->uidnext);
	remote_put_u64(&q->out, s.highestmodseq);
	remote_put_u32(&q->out, s.annotations);
	remote_put_span(&q->out, cv_span((const char *)s.guid, 16));
	remote_put_keywords(&q->out, &s.keywords);
	remote_put_set(&q->out, ranges_set(&box->recent));
}

static void put_all_uids(struct request *q, struct cv_mailbox *box)
{
	struct account_ranges uids = { .pool = q->broker->pool };

	for (uint32_t i = 0; i < box->count; i++)
		ranges_add(&uids, mailbox_uid_at(box, i));
	remote_put_set(&q->out, ranges_set(&uids));
}

/* A free place for a view of this number. */
static int take_place(struct request *q, uint32_t id,
		      struct served_view **view_r)
{
	struct broker *b = q->broker;

	if (view_find(b, id) != NULL)
		return FAIL(&q->err, CV_E_SYNTAX, "view %u is open", id);
	for (size_t i = 0; i < REMOTE_VIEWS_MAX; i++) {
		if (b->views[i].box == NULL) {
			*view_r = &b->views[i];
			return CV_OK;
		}
	}
	return FAIL(&q->err, CV_E_LIMIT, "too many open views");
}

static void show_view(struct request *q, struct served_view *view,
		      uint32_t id)
{
	view->id = id;
	view->bell = -1;
	put_state(q, view->box);
	put_all_uids(q, view->box);
}

int broker_op_open(struct request *q)
{
	struct broker *b = q->broker;
	struct served_view *view;
	uint32_t id = remote_get_u32(&q->in), flags = remote_get_u32(&q->in);
	const char *name;
	int ret = broker_take_name(q, &name);

	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK)
		ret = take_place(q, id, &view);
	if (ret == CV_OK)
		ret = mailbox_open(b->user, name,
				   flags & CV_MAILBOX_READONLY, &view->box,
				   &q->err);
	if (ret == CV_OK)
		show_view(q, view, id);
	return ret;
}

/* Whose bytes these are the session's signature says, which it has of its own:
 * what comes back is believed no more than any other request. */
static const uint8_t no_key[MAILBOX_FREEZE_KEY_BYTES];

int broker_op_freeze(struct request *q)
{
	struct cv_mailbox *box;
	struct cv_text bytes;
	int ret = broker_take_box(q, &box);

	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	cv_text_init(&bytes, q->broker->pool);
	if (ret == CV_OK)
		ret = mailbox_freeze(box, no_key, &bytes, &q->err);
	if (ret == CV_OK)
		remote_put_span(&q->out, cv_text_span(&bytes));
	return ret;
}

int broker_op_thaw(struct request *q)
{
	struct broker *b = q->broker;
	struct served_view *view;
	uint32_t id = remote_get_u32(&q->in);
	struct cv_span bytes = remote_get_span(&q->in, REMOTE_PAYLOAD_MAX);
	int ret = remote_get_end(&q->in, &q->err);

	if (ret == CV_OK)
		ret = take_place(q, id, &view);
	if (ret == CV_OK)
		ret = mailbox_thaw(b->user, bytes, no_key, &view->box,
				   &q->err);
	if (ret < 0)
		return ret;
	/* no other namespace of the owner, whatever the bytes say */
	if (view->box->ns != b->ns || view->box->seen != NULL ||
	    view->box->count > REMOTE_MESSAGES_MAX) {
		mailbox_close(&view->box);
		return FAIL(&q->err, CV_E_NOT_FOUND, "no such view");
	}
	show_view(q, view, id);
	return CV_OK;
}

void broker_view_close(struct served_view *view)
{
	mailbox_close(&view->box);
	if (view->bell >= 0)
		(void)close(view->bell);
	*view = (struct served_view){ .bell = -1 };
}

int broker_op_close(struct request *q)
{
	struct served_view *view = view_find(q->broker, remote_get_u32(&q->in));
	int ret = remote_get_end(&q->in, &q->err);

	if (ret != CV_OK || view == NULL)
		return ret;
	if (mailbox_save_needs(q->broker->save, view->box))
		mailbox_save_abort(&q->broker->save);
	broker_view_close(view);
	return CV_OK;
}

/* A byte will be sent over the descriptor when something has changed. */
int broker_op_watch(struct request *q)
{
	struct served_view *view = view_find(q->broker, remote_get_u32(&q->in));
	int ret = remote_get_end(&q->in, &q->err);

	if (ret == CV_OK && (view == NULL || q->fd_in < 0 ||
			     view->bell >= 0))
		ret = FAIL(&q->err, CV_E_SYNTAX, "nothing to watch");
	if (ret < 0)
		return ret;
	view->bell = q->fd_in;
	q->fd_in = -1;
	/* what changes from the answer on is heard */
	(void)mailbox_watch_fd(view->box);
	return CV_OK;
}

int broker_op_sync(struct request *q)
{
	struct cv_mailbox_changes c = { CV_SIZED(cv_mailbox_changes) };
	struct account_ranges added = { .pool = q->broker->pool };
	struct cv_mailbox *box;
	uint32_t flags, last;
	int ret = broker_take_box(q, &box);

	if (ret < 0)
		return ret;
	flags = remote_get_u32(&q->in) & (CV_SYNC_NO_EXPUNGES | CV_SYNC_FULL);
	ret = remote_get_end(&q->in, &q->err);
	last = box->count == 0 ? 0 : mailbox_uid_at(box, box->count - 1);
	if (ret == CV_OK)
		ret = mailbox_sync(box, flags, &c, &q->err);
	if (ret < 0)
		return ret;
	for (uint32_t i = box->count;
	     i > 0 && mailbox_uid_at(box, i - 1) > last; i--)
		added.count++;
	last = box->count - (uint32_t)added.count;
	added.count = 0;
	for (uint32_t i = last; i < box->count; i++)
		ranges_add(&added, mailbox_uid_at(box, i));
	remote_put_u32(&q->out, c.messages_changed);
	remote_put_u32(&q->out, c.recent_changed);
	remote_put_u32(&q->out, c.keywords_changed);
	remote_put_set(&q->out, c.expunged_uids);
	remote_put_set(&q->out, ranges_set(&added));
	broker_put_seqs(q, box, c.flags);
	remote_put_u64(&q->out, c.highestmodseq);
	put_state(q, box);
	return CV_OK;
}

/* The whole view, after a full sync. */
int broker_op_view(struct request *q)
{
	struct cv_mailbox *box;
	int ret = broker_take_box(q, &box);

	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK)
		ret = mailbox_sync(box, CV_SYNC_FULL, NULL, &q->err);
	if (ret < 0)
		return ret;
	put_state(q, box);
	put_all_uids(q, box);
	return CV_OK;
}

/* --- messages ------------------------------------------------------------------- */

static void put_message(struct request *q, const struct cv_message_data *d)
{
	remote_put_u32(&q->out, d->uid);
	remote_put_u32(&q->out, d->flags);
	remote_put_keywords(&q->out, &d->keywords);
	remote_put_u64(&q->out, d->modseq);
	remote_put_u64(&q->out, (uint64_t)d->internal_date);
	remote_put_u64(&q->out, (uint64_t)d->save_date);
	remote_put_u64(&q->out, d->size_bytes);
	remote_put_span(&q->out, d->envelope);
	remote_put_span(&q->out, d->bodystructure);
	remote_put_span(&q->out, d->body);
	remote_put_span(&q->out, cv_span((const char *)d->guid, 16));
	remote_put_span(&q->out, cv_span((const char *)d->thread,
					 d->has_thread ? 16 : 0));
	remote_put_u32(&q->out, d->preview.data != NULL);
	remote_put_span(&q->out, d->preview);
	annotations_wire_put(&q->out, d->annotations, d->annotation_count);
}

/* As many of them as fit into a message, at least one. */
int broker_op_messages(struct request *q)
{
	struct cv_mailbox *box;
	struct cv_set seqs;
	uint32_t items;
	int ret = broker_take_box(q, &box);

	if (ret < 0)
		return ret;
	items = remote_get_u32(&q->in);
	ret = take_seqs(q, box, &seqs);
	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	for (uint32_t i = 0; i < seqs.count && ret >= 0; i++) {
		for (uint32_t seq = seqs.ranges[i].first;
		     seq <= seqs.ranges[i].last &&
		     q->out.len < BATCH_BYTES; seq++) {
			struct cv_message_data d = {
				CV_SIZED(cv_message_data) };

			ret = mailbox_message(box, seq, items, &d, &q->err);
			if (ret == CV_OK)
				put_message(q, &d);
			else if (ret < 0)
				break;
		}
	}
	return ret < 0 ? ret : CV_OK;
}

static int take_section(struct request *q, struct cv_section *section)
{
	struct cv_pool *pool = q->broker->pool;
	uint32_t *part;
	struct cv_span *fields;

	*section = (struct cv_section){ CV_SIZED(cv_section) };
	section->kind = remote_get_u32(&q->in);
	section->part_count = remote_get_u32(&q->in);
	if (section->part_count > q->in.rest.len / 4)
		return FAIL(&q->err, CV_E_SYNTAX, "a malformed section");
	part = pool_new_array(pool, uint32_t, section->part_count + 1);
	for (uint32_t i = 0; i < section->part_count; i++)
		part[i] = remote_get_u32(&q->in);
	section->field_count = remote_get_u32(&q->in);
	if (section->field_count > q->in.rest.len / 4)
		return FAIL(&q->err, CV_E_SYNTAX, "a malformed section");
	fields = pool_new_array(pool, struct cv_span,
				section->field_count + 1);
	for (uint32_t i = 0; i < section->field_count; i++)
		fields[i] = remote_get_span(&q->in, REMOTE_NAME_MAX);
	section->raw = remote_get_u32(&q->in) != 0;
	section->part = part;
	section->fields = fields;
	if (section->kind < CV_SECTION_ALL ||
	    section->kind > CV_SECTION_DECODED)
		return FAIL(&q->err, CV_E_SYNTAX, "a malformed section");
	return remote_get_end(&q->in, &q->err);
}

static int copy_to_file(struct request *q, struct cv_stream *stream)
{
	struct cv_span part;
	int fd = remote_file_create(&q->err);
	int ret = fd < 0 ? fd : CV_OK;

	while (ret == CV_OK &&
	       (ret = stream_read(stream, &part, &q->err)) == CV_OK) {
		ret = remote_file_append(fd, part, &q->err);
		stream_skip(stream, part.len);
	}
	if (ret == CV_EOF)
		ret = remote_seal(fd, &q->err);
	if (ret < 0 && fd >= 0)
		(void)close(fd);
	if (ret == CV_OK)
		q->fd_out = fd;
	return ret;
}

int broker_put_bytes(struct request *q, struct cv_stream *stream,
		     uint64_t size)
{
	struct cv_text bytes;
	int ret;

	if (size > SECTION_MAX)
		return FAIL(&q->err, CV_E_LIMIT, "a section of %llu bytes",
			    (unsigned long long)size);
	cv_text_init(&bytes, q->broker->pool);
	if (size <= SECTION_INLINE)
		ret = stream_read_all(stream, &bytes, SECTION_INLINE, &q->err);
	else
		ret = copy_to_file(q, stream);
	remote_put_u64(&q->out, size);
	remote_put_span(&q->out, cv_span(cv_text_str(&bytes), bytes.len));
	return ret < 0 ? ret : CV_OK;
}

int broker_op_section(struct request *q)
{
	struct cv_section section;
	struct cv_stream *stream;
	struct cv_mailbox *box;
	struct cv_set seqs;
	uint64_t size;
	int ret = broker_take_box(q, &box);

	if (ret == CV_OK)
		ret = take_seqs(q, box, &seqs);
	if (ret == CV_OK)
		ret = take_section(q, &section);
	if (ret < 0)
		return ret;
	if (seqs.count == 0)
		return FAIL(&q->err, CV_E_NOT_FOUND, "the message is "
			    "expunged");
	ret = mailbox_section(box, seqs.ranges[0].first, &section, &stream,
			      &size, &q->err);
	return ret != CV_OK ? ret : broker_put_bytes(q, stream, size);
}

/* --- changing ------------------------------------------------------------------- */

int broker_op_store(struct request *q)
{
	struct cv_store_request r = { CV_SIZED(cv_store_request) };
	struct cv_set modified = { NULL, 0 };
	struct cv_mailbox *box;
	int ret = broker_take_box(q, &box);

	if (ret == CV_OK)
		ret = take_seqs(q, box, &r.seqs);
	if (ret < 0)
		return ret;
	r.change = remote_get_u32(&q->in);
	r.flags = remote_get_u32(&q->in) & CV_FLAGS_STORED;
	r.silent = remote_get_u32(&q->in) != 0;
	r.unchanged_since = remote_get_u64(&q->in);
	r.keywords = remote_get_keywords(&q->in);
	r.annotations = annotations_wire_get(&q->in, &r.annotation_count);
	r.annotations_max = remote_get_u32(&q->in);
	ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK && r.annotation_count == 0 &&
	    (r.change < CV_FLAGS_ADD || r.change > CV_FLAGS_REPLACE))
		ret = FAIL(&q->err, CV_E_SYNTAX, "no such change");
	if (ret == CV_OK)
		ret = mailbox_store(box, &r, q->broker->pool, &modified,
				    &q->err);
	if (ret == CV_OK)
		broker_put_seqs(q, box, modified);
	return ret;
}

int broker_op_expunge(struct request *q)
{
	bool some, undeleted;
	struct cv_mailbox *box;
	struct cv_set uids;
	int ret = broker_take_box(q, &box);

	if (ret < 0)
		return ret;
	some = remote_get_u32(&q->in) != 0;
	undeleted = remote_get_u32(&q->in) != 0;
	uids = remote_get_set(&q->in);
	ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK && undeleted)
		ret = mailbox_permit(mailbox_box_rights(box),
				     MAILBOX_OP_MOVE_FROM, box->name,
				     &q->err);
	if (ret < 0)
		return ret;
	return undeleted ? mailbox_expunge_uids(box, &uids, &q->err) :
		mailbox_expunge(box, some ? &uids : NULL, &q->err);
}

int broker_op_copy(struct request *q)
{
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };
	struct cv_mailbox *box;
	struct cv_set seqs;
	const char *name;
	bool move;
	int ret = broker_take_box(q, &box);

	if (ret == CV_OK)
		ret = take_seqs(q, box, &seqs);
	if (ret == CV_OK)
		ret = broker_take_name(q, &name);
	if (ret < 0)
		return ret;
	move = remote_get_u32(&q->in) != 0;
	ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK)
		ret = mailbox_copy(box, seqs, name, move, q->broker->pool,
				   &result, &q->err);
	if (ret < 0)
		return ret;
	remote_put_u32(&q->out, result.uidvalidity);
	remote_put_set(&q->out, result.source_uids);
	remote_put_set(&q->out, result.uids);
	remote_put_u32(&q->out, result.count);
	return CV_OK;
}

int broker_op_vanished(struct request *q)
{
	struct cv_set uids, gone;
	struct cv_mailbox *box;
	uint64_t since;
	bool some;
	int ret = broker_take_box(q, &box);

	if (ret < 0)
		return ret;
	since = remote_get_u64(&q->in);
	some = remote_get_u32(&q->in) != 0;
	uids = remote_get_set(&q->in);
	ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK)
		ret = mailbox_vanished(box, since, some ? &uids : NULL,
				       q->broker->pool, &gone, &q->err);
	if (ret < 0)
		return ret;
	remote_put_u32(&q->out, ret == CV_OK);
	remote_put_set(&q->out, gone);
	return CV_OK;
}

/* --- saving --------------------------------------------------------------------- */

int broker_op_save_begin(struct request *q)
{
	const char *name;
	int ret = broker_take_name(q, &name);

	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	mailbox_save_abort(&q->broker->save);
	return ret < 0 ? ret : mailbox_save_begin(q->broker->user, name,
						  &q->broker->save, &q->err);
}

static int save_file(struct request *q, uint64_t size)
{
	char *chunk = pool_alloc(q->broker->pool, 65536);
	uint64_t at = 0;
	int ret = CV_OK;

	while (at < size && ret == CV_OK) {
		ssize_t got = pread(q->fd_in, chunk, 65536, (off_t)at);

		if (got <= 0)
			return FAIL(&q->err, CV_E_TEMP, "cannot read what is "
				    "to be saved");
		ret = mailbox_save_write(q->broker->save, chunk, (size_t)got,
					 &q->err);
		at += (uint64_t)got;
	}
	return ret;
}

int broker_op_save_add(struct request *q)
{
	struct cv_save_request r = { CV_SIZED(cv_save_request) };
	struct cv_save *save = q->broker->save;
	uint64_t size;
	int ret = save == NULL ?
		FAIL(&q->err, CV_E_SYNTAX, "nothing is being saved") : CV_OK;

	r.flags = remote_get_u32(&q->in) & CV_FLAGS_STORED;
	r.internal_date = (int64_t)remote_get_u64(&q->in);
	r.save_date = (int64_t)remote_get_u64(&q->in);
	r.keywords = remote_get_keywords(&q->in);
	r.annotations_if_allowed = remote_get_u32(&q->in) != 0;
	r.annotations = annotations_wire_get(&q->in, &r.annotation_count);
	r.annotations_max = remote_get_u32(&q->in);
	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK)
		ret = remote_file_size(q->fd_in, SECTION_MAX, &size, &q->err);
	if (ret < 0)
		return ret;
	r.size_hint = size;
	ret = mailbox_save_add(save, &r, &q->err);
	if (ret == CV_OK)
		ret = save_file(q, size);
	return ret < 0 ? ret : mailbox_save_finish(save, &q->err);
}

int broker_op_save_commit(struct request *q)
{
	struct cv_set uids = { NULL, 0 };
	uint32_t uidvalidity = 0;
	int ret = remote_get_end(&q->in, &q->err);

	if (ret == CV_OK && q->broker->save == NULL)
		ret = FAIL(&q->err, CV_E_SYNTAX, "nothing is being saved");
	if (ret == CV_OK)
		ret = mailbox_save_commit(&q->broker->save, q->broker->pool,
					  &uidvalidity, &uids, &q->err);
	mailbox_save_abort(&q->broker->save);
	if (ret != CV_OK)
		return ret;
	remote_put_u32(&q->out, uidvalidity);
	remote_put_set(&q->out, uids);
	return CV_OK;
}

int broker_op_save_abort(struct request *q)
{
	mailbox_save_abort(&q->broker->save);
	return remote_get_end(&q->in, &q->err);
}

int broker_op_save_replace(struct request *q)
{
	struct cv_range one;
	struct cv_mailbox *box;
	struct cv_set seqs;
	int ret = broker_take_box(q, &box);

	one.first = one.last = remote_get_u32(&q->in);
	if (ret == CV_OK)
		ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK && q->broker->save == NULL)
		ret = FAIL(&q->err, CV_E_SYNTAX, "nothing is being saved");
	if (ret == CV_OK)
		ret = mailbox_uids_to_seqs(box, (struct cv_set){ &one, 1 },
					   q->broker->pool, &seqs);
	if (ret < 0)
		return ret;
	return seqs.count == 0 ? CV_NOT_FOUND :
		mailbox_save_replace(q->broker->save, box,
				     seqs.ranges[0].first, &q->err);
}
