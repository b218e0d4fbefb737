/* mailbox-remote-view.c - an open mailbox of another user.
 *
 * The list of UIDs here is the one that sequence numbers count by; the broker
 * has its own, and is asked by UIDs.  When the connection was lost the broker's
 * view is opened again, and the next sync compares the two lists. */
#include "mailbox-annotate.h"
#include "remote-call.h"

#include <sys/socket.h>
#include <unistd.h>

enum { AHEAD_MAX = 64 };

/* --- lists of UIDs ---------------------------------------------------------------- */

/* Adds those behind the last one; a list of billions is nonsense. */
static uint64_t last_before(uint32_t first, uint64_t last)
{
	return first > last ? (uint64_t)first - 1 : last;
}

int remote_view_add(struct cv_mailbox *box, struct cv_set uids,
		    struct cv_error *err)
{
	uint64_t last = box->count == 0 ? 0 :
		mailbox_uid_at(box, box->count - 1);
	uint64_t count = box->count;

	/* before any memory is taken for them */
	for (uint32_t i = 0; i < uids.count; i++) {
		if (uids.ranges[i].last > last)
			count += uids.ranges[i].last - last_before(
				uids.ranges[i].first, last);
	}
	if (count > REMOTE_MESSAGES_MAX)
		return FAIL(err, CV_E_LIMIT, "%llu messages are more than "
			    "%d", (unsigned long long)count,
			    REMOTE_MESSAGES_MAX);
	for (uint32_t i = 0; i < uids.count; i++) {
		uint64_t uid = last_before(uids.ranges[i].first, last) + 1;

		for (; uid <= uids.ranges[i].last; uid++)
			mailbox_view_add(box, (uint32_t)uid);
	}
	return CV_OK;
}

static void remove_uids(struct cv_mailbox *box, struct cv_set keep,
			struct cv_set gone, bool by_keep,
			struct account_ranges *seqs,
			struct account_ranges *uids)
{
	uint32_t to = 0;

	(void)mailbox_view_uids(box);
	for (uint32_t i = 0; i < box->count; i++) {
		uint32_t uid = mailbox_uid_at(box, i);

		if (by_keep ? cv_set_contains(keep, uid) :
		    !cv_set_contains(gone, uid)) {
			box->uids[to++] = uid;
			continue;
		}
		ranges_add(seqs, i + 1);
		ranges_add(uids, uid);
	}
	box->count = to;
}

/* --- what the broker says of a view ----------------------------------------------- */

static void forget_ahead(struct remote_view *view)
{
	view->ahead_count = 0;
	view->ahead = NULL;
	pool_reset(view->ahead_pool);
}

static void take_keywords(struct remote_view *view, struct remote_reader *in)
{
	struct cv_pool *pool = in->pool;

	pool_reset(view->keyword_pool);
	in->pool = view->keyword_pool;
	view->keywords = remote_get_keywords(in);
	in->pool = pool;
}

void remote_view_count(struct cv_mailbox *box, struct cv_set recent)
{
	box->recent = (struct account_ranges){ .pool = box->pool };
	box->recent_count = 0;
	for (uint32_t i = 0; i < box->count; i++) {
		if (cv_set_contains(recent, mailbox_uid_at(box, i)))
			box->recent_count++;
	}
}

struct cv_set remote_view_take(struct cv_mailbox *box,
			       struct remote_reader *in, bool *readonly_r,
			       uint32_t *uidvalidity_r)
{
	struct remote_view *view = box->remote;
	struct cv_span guid;

	*readonly_r = remote_get_u32(in) != 0;
	view->may_create_keywords = remote_get_u32(in) != 0;
	view->permanent_flags = remote_get_u32(in) & CV_FLAGS_STORED;
	box->rights = remote_get_u32(in) & ACL_ALL;
	*uidvalidity_r = remote_get_u32(in);
	box->uidnext = remote_get_u32(in);
	view->highestmodseq = remote_get_u64(in);
	view->annotations = remote_get_u32(in);
	guid = remote_get_span(in, 16);
	if (guid.len == 16)
		memcpy(view->guid, guid.data, 16);
	take_keywords(view, in);
	return remote_get_set(in);
}

int remote_view_ask(struct cv_mailbox *box, const char *name, uint32_t flags,
		    struct cv_pool *pool, struct remote_answer *a,
		    struct cv_error *err)
{
	struct cv_text fields;

	cv_text_init(&fields, pool);
	remote_put_u32(&fields, box->remote->id);
	remote_put_u32(&fields, flags);
	remote_put_str(&fields, name);
	return remote_call(box->remote->remote, REMOTE_OPEN, &fields, -1,
			   pool, a, err);
}

void remote_view_create(struct remote *remote, const char *name,
			struct cv_mailbox *box)
{
	struct remote_view *view = pool_new(box->pool, struct remote_view);

	view->remote = remote;
	view->id = ++remote->user->broker_views;
	view->bell = -1;
	view->keyword_pool = pool_create("remote keywords");
	view->ahead_pool = pool_create("remote messages");
	box->remote = view;
	box->ns = &remote->ns;
	box->remote_name = pool_strdup(box->pool, name);
	box->name = mailbox_name_show(&remote->ns, name, box->pool);
	remote->views++;
}

int remote_open(struct remote *remote, const char *name, uint32_t flags,
		struct cv_mailbox *box, struct cv_error *err)
{
	struct remote_answer a = { .fd = -1 };
	struct remote_view *view;
	struct cv_set uids, recent;
	int ret;

	remote_view_create(remote, name, box);
	view = box->remote;
	ret = remote_view_ask(box, name, flags, box->sync_pool, &a, err);
	if (ret < 0)
		return ret;
	view->generation = remote->generation;
	recent = remote_view_take(box, &a.fields, &box->readonly,
				  &box->uidvalidity);
	uids = remote_get_set(&a.fields);
	ret = remote_end(remote, &a, err);
	view->known_modseq = view->highestmodseq;
	if (ret == CV_OK)
		ret = remote_view_add(box, uids, err);
	if (ret == CV_OK)
		remote_view_count(box, recent);
	return ret;
}

static void close_bell(struct remote_view *view)
{
	if (view->bell >= 0)
		(void)close(view->bell);
	view->bell = -1;
}

void remote_close(struct cv_mailbox *box)
{
	struct remote_view *view = box->remote;
	struct remote *remote = view->remote;
	struct remote_answer a = { .fd = -1 };
	struct cv_text fields;

	if (remote->channel >= 0 && view->generation == remote->generation) {
		cv_text_init(&fields, box->sync_pool);
		remote_put_u32(&fields, view->id);
		(void)remote_call(remote, REMOTE_CLOSE, &fields, -1,
				  box->sync_pool, &a, NULL);
		if (a.fd >= 0)
			(void)close(a.fd);
	}
	remote->views--;
	close_bell(view);
	pool_destroy(&view->keyword_pool);
	pool_destroy(&view->ahead_pool);
}

/* The broker's end is its alone: when it ends, that is heard, too. */
static int send_bell(struct cv_mailbox *box, int bell, struct cv_error *err)
{
	struct remote_answer a = { .fd = -1 };
	struct cv_text fields;
	int ret;

	cv_text_init(&fields, box->sync_pool);
	remote_put_u32(&fields, box->remote->id);
	ret = remote_call(box->remote->remote, REMOTE_WATCH, &fields,
			  bell, box->sync_pool, &a, err);
	return ret < 0 ? ret : remote_end(box->remote->remote, &a, err);
}

int remote_view_open_again(struct cv_mailbox *box, struct cv_error *err)
{
	struct remote_view *view = box->remote;
	struct remote_answer a = { .fd = -1 };
	struct cv_pool *pool = pool_create("open again");
	uint32_t uidvalidity = 0;
	bool readonly;
	int ret = remote_view_ask(box, box->remote_name, box->readonly ?
			   CV_MAILBOX_READONLY : 0, pool, &a, err);

	if (ret == CV_OK) {
		remote_view_count(box, remote_view_take(
			box, &a.fields, &readonly, &uidvalidity));
		(void)remote_get_set(&a.fields);
		ret = remote_end(view->remote, &a, err);
	}
	if (ret == CV_OK && uidvalidity != box->uidvalidity) {
		FAIL(err, CV_E_NOT_FOUND, "mailbox '%s' was deleted",
		     box->name);
		ret = error_set_client(err, "Mailbox was deleted under "
				       "you.");
	}
	if (ret == CV_OK) {
		view->generation = view->remote->generation;
		view->stale = true;
		forget_ahead(view);
		/* whoever waits listens to the new one from now on */
		view->unheard = true;
		close_bell(view);
	}
	pool_destroy(&pool);
	return ret;
}

/* What may be asked twice. */
static bool is_reading(uint32_t op)
{
	return op == REMOTE_MESSAGES || op == REMOTE_SECTION ||
		op == REMOTE_SEARCH || op == REMOTE_SYNC ||
		op == REMOTE_VIEW || op == REMOTE_VANISHED ||
		op == REMOTE_SORT || op == REMOTE_THREAD;
}

/* fields begin with view_fields.  A question that was lost with its broker is
 * put to the next one, an order is not: it may have been carried out. */
int remote_view_call(struct cv_mailbox *box, uint32_t op,
		     const struct cv_text *fields, struct cv_pool *pool,
		     struct remote_answer *a, struct cv_error *err)
{
	struct remote_view *view = box->remote;
	struct remote *remote = view->remote;
	bool kept = remote->channel >= 0 &&
		view->generation == remote->generation;
	int ret = kept ? CV_OK : remote_view_open_again(box, err);

	*a = (struct remote_answer){ .fd = -1 };
	if (ret == CV_OK)
		ret = remote_call(remote, op, fields, -1, pool, a, err);
	if (ret != CV_E_TEMP || !kept || remote->channel >= 0 ||
	    !is_reading(op))
		return ret;
	ret = remote_view_open_again(box, err);
	return ret < 0 ? ret :
		remote_call(remote, op, fields, -1, pool, a, err);
}

void remote_view_fields(struct cv_mailbox *box, struct cv_text *fields,
			struct cv_pool *pool)
{
	cv_text_init(fields, pool);
	remote_put_u32(fields, box->remote->id);
}

static void put_uids(struct cv_mailbox *box, struct cv_text *fields,
		     struct cv_set seqs)
{
	struct account_ranges uids;

	mailbox_seqs_to_uids(box, seqs, fields->pool, &uids);
	remote_put_set(fields, ranges_set(&uids));
}

static int take_seqs(struct cv_mailbox *box, struct remote_answer *a,
		     struct cv_pool *pool, struct cv_set *seqs_r)
{
	struct cv_set uids = remote_get_set(&a->fields);

	return mailbox_uids_to_seqs(box, uids, pool, seqs_r);
}

/* --- syncing ---------------------------------------------------------------------- */

/* After a new connection: what differs between the lists, and maybe all
 * flags. */
static int sync_stale(struct cv_mailbox *box, struct cv_mailbox_changes *out,
		      struct cv_error *err)
{
	struct account_ranges seqs = { .pool = box->sync_pool };
	struct account_ranges gone = { .pool = box->sync_pool };
	struct account_ranges all = { .pool = box->sync_pool };
	const struct cv_set none = { NULL, 0 };
	struct remote_answer a;
	struct cv_text fields;
	struct cv_set uids, recent;
	uint32_t kept, uidvalidity;
	bool readonly;
	int ret;

	remote_view_fields(box, &fields, box->sync_pool);
	ret = remote_view_call(box, REMOTE_VIEW, &fields, box->sync_pool, &a, err);
	if (ret < 0)
		return ret;
	recent = remote_view_take(box, &a.fields, &readonly, &uidvalidity);
	uids = remote_get_set(&a.fields);
	ret = remote_end(box->remote->remote, &a, err);
	if (ret < 0)
		return ret;
	remove_uids(box, uids, none, true, &seqs, &gone);
	kept = box->count;
	ret = remote_view_add(box, uids, err);
	remote_view_count(box, recent);
	for (uint32_t seq = 1; seq <= kept; seq++)
		ranges_add(&all, seq);
	out->expunged = ranges_set(&seqs);
	out->expunged_uids = ranges_set(&gone);
	out->flags = ranges_set(&all);
	out->messages_changed = box->count > kept;
	out->recent_changed = out->keywords_changed = true;
	out->highestmodseq = box->remote->highestmodseq;
	box->remote->stale = false;
	return ret;
}

static int sync_changes(struct cv_mailbox *box, uint32_t flags,
			struct cv_mailbox_changes *out, struct cv_error *err)
{
	struct account_ranges seqs = { .pool = box->sync_pool };
	struct account_ranges uids = { .pool = box->sync_pool };
	const struct cv_set none = { NULL, 0 };
	struct cv_set gone, added, changed;
	struct remote_answer a;
	struct cv_text fields;
	uint32_t uidvalidity;
	bool readonly;
	int ret;

	remote_view_fields(box, &fields, box->sync_pool);
	remote_put_u32(&fields, flags);
	ret = remote_view_call(box, REMOTE_SYNC, &fields, box->sync_pool, &a, err);
	if (ret < 0)
		return ret;
	out->messages_changed = remote_get_u32(&a.fields) != 0;
	out->recent_changed = remote_get_u32(&a.fields) != 0;
	out->keywords_changed = remote_get_u32(&a.fields) != 0;
	gone = remote_get_set(&a.fields);
	added = remote_get_set(&a.fields);
	changed = remote_get_set(&a.fields);
	out->highestmodseq = remote_get_u64(&a.fields);
	if (!(flags & CV_SYNC_NO_EXPUNGES))
		remove_uids(box, none, gone, false, &seqs, &uids);
	ret = remote_view_add(box, added, err);
	remote_view_count(box, remote_view_take(box, &a.fields, &readonly,
						&uidvalidity));
	if (ret == CV_OK)
		ret = remote_end(box->remote->remote, &a, err);
	if (ret < 0)
		return ret;
	out->expunged = ranges_set(&seqs);
	out->expunged_uids = ranges_set(&uids);
	return mailbox_uids_to_seqs(box, changed, box->sync_pool,
				    &out->flags);
}

int remote_sync(struct cv_mailbox *box, uint32_t flags,
		struct cv_mailbox_changes *out, struct cv_error *err)
{
	struct remote_view *view = box->remote;
	int ret = CV_OK;

	pool_reset(box->sync_pool);
	forget_ahead(view);
	if (view->remote->channel < 0 ||
	    view->generation != view->remote->generation)
		ret = remote_view_open_again(box, err);
	/* without the lists being compared nothing could be told of what has
	 * changed: but numbers must stay as they are now */
	if (ret == CV_OK && view->stale && (flags & CV_SYNC_NO_EXPUNGES) == 0)
		ret = sync_stale(box, out, err);
	else if (ret == CV_OK && !view->stale)
		ret = sync_changes(box, flags, out, err);
	out->messages = box->count;
	out->recent = box->recent_count;
	if (out->highestmodseq != 0)
		view->known_modseq = out->highestmodseq;
	out->highestmodseq = view->known_modseq;
	return ret;
}

void remote_state(struct cv_mailbox *box, struct cv_mailbox_state *s)
{
	const struct remote_view *view = box->remote;

	s->name = box->name;
	s->messages = box->count;
	s->recent = box->recent_count;
	s->uidnext = box->uidnext;
	s->uidvalidity = box->uidvalidity;
	s->highestmodseq = view->highestmodseq;
	s->readonly = box->readonly;
	s->may_create_keywords = view->may_create_keywords;
	s->permanent_flags = view->permanent_flags;
	s->keywords = view->keywords;
	memcpy(s->guid, view->guid, sizeof(s->guid));
	if (CV_HAS(s, annotations))
		s->annotations = view->annotations;
}

int remote_watch_fd(struct cv_mailbox *box)
{
	struct remote_view *view = box->remote;
	struct cv_error err = ERROR_NONE;
	int bells[2];

	if (view->bell >= 0)
		return view->bell;
	if (view->generation != view->remote->generation ||
	    view->remote->channel < 0 || ipc_pair(bells, true, NULL) < 0)
		return -1;
	view->bell = bells[0];
	if (send_bell(box, bells[1], &err) < 0) {
		log_warning("store", "%s", err.text);
		close_bell(view);
	} else if (view->unheard) {
		(void)!write(bells[1], "", 1);
		view->unheard = false;
	}
	(void)close(bells[1]);
	return view->bell;
}

/* fd -1: there are no more. */
static int ask_place(struct cv_mailbox *box, uint32_t index, int *fd_r,
		     struct cv_error *err)
{
	struct remote_answer a = { .fd = -1 };
	struct cv_text fields;
	int ret;

	cv_text_init(&fields, box->sync_pool);
	remote_put_u32(&fields, box->remote->id);
	remote_put_u32(&fields, index);
	ret = remote_call(box->remote->remote, REMOTE_PLACE, &fields, -1,
			  box->sync_pool, &a, err);
	if (ret == CV_OK)
		ret = remote_end(box->remote->remote, &a, err);
	*fd_r = a.fd;
	return ret;
}

int remote_watch_open(struct cv_mailbox *box, int *fds_r, uint32_t room,
		      uint32_t *count_r, struct cv_error *err)
{
	struct remote_view *view = box->remote;
	int fd, ret = CV_OK;

	*count_r = 0;
	if (view->stale || view->remote->channel < 0 ||
	    view->generation != view->remote->generation)
		return FAIL(err, CV_E_TEMP, "mailbox '%s' has no broker now",
			    box->name);
	while (*count_r < room) {
		ret = ask_place(box, *count_r, &fd, err);
		if (ret < 0 || fd < 0)
			break;
		fds_r[(*count_r)++] = fd;
	}
	if (ret == CV_OK && *count_r == 0)
		ret = FAIL(err, CV_E_UNSUPPORTED, "mailbox '%s' is watched by "
			   "its broker alone", box->name);
	while (ret < 0 && *count_r > 0)
		(void)close(fds_r[--*count_r]);
	return ret;
}

void remote_watch_clear(struct cv_mailbox *box)
{
	char bytes[64];

	struct remote_view *view = box->remote;
	ssize_t got = 1;

	while (view->bell >= 0 && got > 0)
		got = recv(view->bell, bytes, sizeof(bytes), MSG_DONTWAIT);
	/* the broker has ended: the next sync finds another, or says so */
	if (got == 0) {
		close_bell(view);
		view->unheard = true;
	}
}

/* --- messages --------------------------------------------------------------------- */

static void take_message(struct cv_mailbox *box, struct remote_reader *in,
			 struct cv_message_data *d)
{
	struct cv_span guid, thread;
	struct cv_set seqs;
	struct cv_range one;
	bool has_preview;

	*d = (struct cv_message_data){ CV_SIZED(cv_message_data) };
	d->uid = remote_get_u32(in);
	d->flags = remote_get_u32(in) & (CV_FLAGS_STORED | CV_FLAG_RECENT);
	d->keywords = remote_get_keywords(in);
	d->modseq = remote_get_u64(in);
	d->internal_date = (int64_t)remote_get_u64(in);
	d->save_date = (int64_t)remote_get_u64(in);
	d->size_bytes = remote_get_u64(in);
	d->envelope = remote_get_span(in, REMOTE_TEXT_MAX);
	d->bodystructure = remote_get_span(in, REMOTE_TEXT_MAX);
	d->body = remote_get_span(in, REMOTE_TEXT_MAX);
	guid = remote_get_span(in, 16);
	if (guid.len == 16)
		memcpy(d->guid, guid.data, 16);
	thread = remote_get_span(in, 16);
	d->has_thread = thread.len == 16;
	if (d->has_thread)
		memcpy(d->thread, thread.data, 16);
	has_preview = remote_get_u32(in) != 0;
	d->preview = remote_get_span(in, REMOTE_TEXT_MAX);
	if (!has_preview)
		d->preview = CV_SPAN_NONE;
	d->annotations = annotations_wire_get(in, &d->annotation_count);
	one = (struct cv_range){ d->uid, d->uid };
	(void)mailbox_uids_to_seqs(box, (struct cv_set){ &one, 1 }, in->pool,
				   &seqs);
	d->seq = seqs.count == 0 ? 0 : seqs.ranges[0].first;
}

/* One, or when they are asked for one after the other, some more. */
static int fetch_ahead(struct cv_mailbox *box, uint32_t seq, uint32_t items,
		       struct cv_error *err)
{
	struct remote_view *view = box->remote;
	uint32_t last = seq == view->last_seq + 1 && seq > 1 ?
		seq + AHEAD_MAX - 1 : seq;
	struct cv_range range = { seq, last };
	struct remote_answer a;
	struct cv_text fields;
	int ret;

	forget_ahead(view);
	remote_view_fields(box, &fields, view->ahead_pool);
	remote_put_u32(&fields, items);
	put_uids(box, &fields, (struct cv_set){ &range, 1 });
	ret = remote_view_call(box, REMOTE_MESSAGES, &fields, view->ahead_pool, &a,
			err);
	if (ret != CV_OK)
		return ret;
	view->ahead = pool_new_array(view->ahead_pool,
				     struct cv_message_data, AHEAD_MAX);
	view->ahead_items = items;
	while (a.fields.rest.len > 0 && !a.fields.failed &&
	       view->ahead_count < AHEAD_MAX)
		take_message(box, &a.fields,
			     &view->ahead[view->ahead_count++]);
	ret = remote_end(view->remote, &a, err);
	if (ret < 0)
		forget_ahead(view);
	return ret;
}

static const struct cv_message_data *find_ahead(struct remote_view *view,
						uint32_t seq, uint32_t items)
{
	for (uint32_t i = 0; i < view->ahead_count; i++) {
		if (view->ahead[i].seq == seq && view->ahead_items == items)
			return &view->ahead[i];
	}
	return NULL;
}

int remote_message(struct cv_mailbox *box, uint32_t seq, uint32_t items,
		   struct cv_message_data *data_r, struct cv_error *err)
{
	struct remote_view *view = box->remote;
	const struct cv_message_data *found = find_ahead(view, seq, items);
	uint32_t size = data_r->size < sizeof(*found) ? data_r->size :
		(uint32_t)sizeof(*found);

	if (found == NULL) {
		int ret = fetch_ahead(box, seq, items, err);

		if (ret != CV_OK)
			return ret;
		found = find_ahead(view, seq, items);
	}
	view->last_seq = seq;
	if (found == NULL)
		return CV_NOT_FOUND;
	/* the caller's struct may be older and shorter */
	memcpy((char *)data_r + sizeof(size),
	       (const char *)found + sizeof(size), size - sizeof(size));
	return CV_OK;
}

static void put_section(struct cv_text *fields,
			const struct cv_section *section)
{
	remote_put_u32(fields, section->kind);
	remote_put_u32(fields, section->part_count);
	for (uint32_t i = 0; i < section->part_count; i++)
		remote_put_u32(fields, section->part[i]);
	remote_put_u32(fields, section->field_count);
	for (uint32_t i = 0; i < section->field_count; i++)
		remote_put_span(fields, section->fields[i]);
	remote_put_u32(fields, CV_HAS(section, raw) && section->raw);
}

int remote_take_bytes(struct remote *remote, struct remote_answer *a,
		      struct cv_pool *pool, struct cv_stream **stream_r,
		      uint64_t *size_r, struct cv_error *err)
{
	uint64_t file_size = 0;
	struct cv_span bytes;
	int ret, fd = a->fd;

	*size_r = remote_get_u64(&a->fields);
	bytes = remote_get_span(&a->fields, REMOTE_TEXT_MAX);
	ret = remote_end(remote, a, err);
	if (ret < 0)
		return ret;
	if (fd < 0 && bytes.len == *size_r) {
		*stream_r = stream_open_memory(pool, bytes);
		return CV_OK;
	}
	if (fd >= 0 && remote_file_size(fd, UINT64_MAX / 2, &file_size,
					NULL) == CV_OK &&
	    file_size == *size_r) {
		*stream_r = stream_open_file(pool, fd, 0, *size_r,
					     true, "message");
		return CV_OK;
	}
	if (fd >= 0)
		(void)close(fd);
	return remote_confused(remote, err);
}

int remote_section(struct cv_mailbox *box, uint32_t seq,
		   const struct cv_section *section,
		   struct cv_stream **stream_r, uint64_t *size_r,
		   struct cv_error *err)
{
	struct cv_range one = { seq, seq };
	struct remote_answer a;
	struct cv_text fields;
	int ret;

	pool_reset(box->data_pool);
	remote_view_fields(box, &fields, box->data_pool);
	put_uids(box, &fields, (struct cv_set){ &one, 1 });
	put_section(&fields, section);
	ret = remote_view_call(box, REMOTE_SECTION, &fields, box->data_pool, &a,
			err);
	return ret != CV_OK ? ret :
		remote_take_bytes(box->remote->remote, &a, box->data_pool,
				  stream_r, size_r, err);
}

/* --- changing --------------------------------------------------------------------- */

int remote_store(struct cv_mailbox *box, const struct cv_store_request *r,
		 struct cv_pool *pool, struct cv_set *modified_r,
		 struct cv_error *err)
{
	struct cv_pool *own = pool_create("remote store");
	bool noted = CV_HAS(r, annotation_count);
	struct remote_answer a;
	struct cv_text fields;
	struct cv_set modified;
	int ret;

	forget_ahead(box->remote);
	remote_view_fields(box, &fields, own);
	put_uids(box, &fields, r->seqs);
	remote_put_u32(&fields, r->change);
	remote_put_u32(&fields, r->flags);
	remote_put_u32(&fields, r->silent);
	remote_put_u64(&fields, r->unchanged_since);
	remote_put_keywords(&fields, &r->keywords);
	annotations_wire_put(&fields, noted ? r->annotations : NULL,
			     noted ? r->annotation_count : 0);
	remote_put_u32(&fields, CV_HAS(r, annotations_max) ?
		       r->annotations_max : 0);
	ret = remote_view_call(box, REMOTE_STORE, &fields, own, &a, err);
	if (ret == CV_OK)
		ret = take_seqs(box, &a, pool, &modified);
	if (ret == CV_OK)
		ret = remote_end(box->remote->remote, &a, err);
	if (ret == CV_OK && modified_r != NULL)
		*modified_r = modified;
	pool_destroy(&own);
	return ret;
}

int remote_expunge(struct cv_mailbox *box, const struct cv_set *uids,
		   bool undeleted, struct cv_error *err)
{
	const struct cv_set none = { NULL, 0 };
	struct cv_pool *own = pool_create("remote expunge");
	struct remote_answer a;
	struct cv_text fields;
	int ret;

	remote_view_fields(box, &fields, own);
	remote_put_u32(&fields, uids != NULL);
	remote_put_u32(&fields, undeleted);
	remote_put_set(&fields, uids == NULL ? none : *uids);
	ret = remote_view_call(box, REMOTE_EXPUNGE, &fields, own, &a, err);
	if (ret == CV_OK)
		ret = remote_end(box->remote->remote, &a, err);
	pool_destroy(&own);
	return ret;
}

int remote_copy(struct cv_mailbox *box, struct cv_set seqs,
		const char *mailbox_name, bool move, struct cv_pool *pool,
		struct cv_copy_result *result, struct cv_error *err)
{
	struct remote_answer a;
	struct cv_text fields;
	int ret;

	remote_view_fields(box, &fields, pool);
	put_uids(box, &fields, seqs);
	remote_put_str(&fields, mailbox_name);
	remote_put_u32(&fields, move);
	ret = remote_view_call(box, REMOTE_COPY, &fields, pool, &a, err);
	if (ret < 0)
		return ret;
	result->uidvalidity = remote_get_u32(&a.fields);
	result->source_uids = remote_get_set(&a.fields);
	result->uids = remote_get_set(&a.fields);
	result->count = remote_get_u32(&a.fields);
	return remote_end(box->remote->remote, &a, err);
}

int remote_vanished(struct cv_mailbox *box, uint64_t since,
		    const struct cv_set *uids, struct cv_pool *pool,
		    struct cv_set *uids_r, struct cv_error *err)
{
	struct account_ranges out = { .pool = pool };
	const struct cv_set none = { NULL, 0 };
	struct remote_answer a;
	struct cv_text fields;
	struct cv_set gone;
	bool exact;
	int ret;

	remote_view_fields(box, &fields, pool);
	remote_put_u64(&fields, since);
	remote_put_u32(&fields, uids != NULL);
	remote_put_set(&fields, uids == NULL ? none : *uids);
	ret = remote_view_call(box, REMOTE_VANISHED, &fields, pool, &a, err);
	if (ret < 0)
		return ret;
	exact = remote_get_u32(&a.fields) != 0;
	gone = remote_get_set(&a.fields);
	ret = remote_end(box->remote->remote, &a, err);
	if (ret < 0)
		return ret;
	/* by the view of this side */
	mailbox_vanished_among(box, gone, uids, &out);
	*uids_r = ranges_set(&out);
	return exact ? CV_OK : CV_CHANGED;
}
