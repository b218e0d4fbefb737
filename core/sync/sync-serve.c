/* sync-serve.c - the other end of sync-remote.c.
 *
 * Whoever is at the other end of the pipe may do to this user's mail what the
 * protocol can say, and nothing else: the process has the user's rights. */
#include "sync-link.h"

struct serving {
	struct link *link;
	struct sync_side *side;
	struct cv_pool *pool;		/* of the request */
	struct cv_error save_error;	/* the first of a batch */
	uint32_t added;
};

static int refuse(struct cv_error *err)
{
	return FAIL(err, CV_E_SYNTAX, "the other end breaks the rules of the "
		    "protocol");
}

/* --- answers ---------------------------------------------------------------------------- */

static int answer(struct serving *v, int ret, const struct cv_error *failure,
		  struct cv_error *err)
{
	struct cv_text *out;

	if (ret == CV_OK)
		return link_put(v->link, LINK_OK, err);
	out = link_begin(v->link, LINK_ERROR);
	wire_put_u32(out, (uint32_t)-ret);
	wire_put_str(out, failure->text);
	return link_end(v->link, err);
}

/* What cannot be read of what was asked for. */
static int put_unread(struct serving *v, struct cv_error *err)
{
	const struct sync_side *s = v->side;
	struct cv_error why = ERROR_NONE;
	const char *prefix;
	int sent = CV_OK;

	for (uint32_t i = 0; sent == CV_OK && s->ops->unread != NULL &&
	     s->ops->unread(s, i, &prefix, &why) == CV_OK; i++) {
		struct cv_text *out = link_begin(v->link, LINK_UNREAD);

		wire_put_str(out, prefix);
		wire_put_str(out, why.text);
		sent = link_end(v->link, err);
	}
	return sent;
}

static int serve_list(struct serving *v, struct cv_error *failure,
		      struct cv_error *err)
{
	sync_boxes boxes;
	int ret, sent = CV_OK;

	array_init(&boxes, v->pool);
	ret = v->side->ops->list(v->side, v->pool, &boxes, failure);
	for (size_t i = 0; ret == CV_OK && i < boxes.count &&
	     sent == CV_OK; i++) {
		wire_put_box(link_begin(v->link, LINK_PART), &boxes.items[i]);
		sent = link_end(v->link, err);
	}
	if (ret == CV_OK && sent == CV_OK)
		sent = put_unread(v, err);
	return sent < 0 ? sent : answer(v, ret, failure, err);
}

static int serve_subscriptions(struct serving *v, struct cv_error *failure,
			       struct cv_error *err)
{
	sync_names names;
	int ret, sent = CV_OK;

	array_init(&names, v->pool);
	ret = v->side->ops->subscriptions(v->side, v->pool, &names, failure);
	for (size_t i = 0; ret == CV_OK && i < names.count &&
	     sent == CV_OK; i++) {
		wire_put_str(link_begin(v->link, LINK_PART), names.items[i]);
		sent = link_end(v->link, err);
	}
	if (ret == CV_OK && sent == CV_OK)
		sent = put_unread(v, err);
	return sent < 0 ? sent : answer(v, ret, failure, err);
}

static int serve_metadata(struct serving *v, const char *name,
			  struct cv_error *failure, struct cv_error *err)
{
	sync_entries entries;
	int ret, sent = CV_OK;

	array_init(&entries, v->pool);
	ret = v->side->ops->metadata(v->side, name, v->pool, &entries,
				     failure);
	for (size_t i = 0; ret == CV_OK && i < entries.count &&
	     sent == CV_OK; i++) {
		struct cv_text *out = link_begin(v->link, LINK_PART);

		wire_put_span(out, entries.items[i].key);
		wire_put_span(out, entries.items[i].value);
		sent = link_end(v->link, err);
	}
	return sent < 0 ? sent : answer(v, ret, failure, err);
}

static int serve_open(struct serving *v, const char *name,
		      struct cv_error *failure, struct cv_error *err)
{
	struct sync_box box;
	struct cv_text *out;
	int ret = v->side->ops->open(v->side, name, &box, failure);

	if (ret < 0)
		return answer(v, ret, failure, err);
	out = link_begin(v->link, LINK_OK);
	wire_put_box(out, &box);
	/* who does not know it does not look that far */
	wire_put_u32(out, box.annotations);
	return link_end(v->link, err);
}

/* How many of the rows go into one frame. */
static size_t rows_at_once(const struct serving *v, const sync_rows *rows,
			   size_t at, bool notes)
{
	enum { AT_ONCE = 500 };
	size_t n = 0, bytes = 0;

	while (at + n < rows->count && n < AT_ONCE &&
	       bytes < LINK_NOTES_BYTES) {
		if (notes)
			bytes += sync_notes_bytes(v->side->words,
						  rows->items[at + n].notes).len;
		n++;
	}
	return n;
}

static int serve_rows(struct serving *v, struct wire_in *in,
		      struct cv_error *failure, struct cv_error *err)
{
	bool notes = in->left > 0 && wire_u8(in) != 0;
	size_t n = 0;
	sync_rows rows;
	int ret, sent = CV_OK;

	array_init(&rows, v->pool);
	ret = v->side->ops->rows(v->side, v->pool, &rows, failure);
	for (size_t at = 0; ret == CV_OK && at < rows.count &&
	     sent == CV_OK; at += n) {
		struct cv_text *out = link_begin(v->link, LINK_PART);

		n = rows_at_once(v, &rows, at, notes);
		wire_put_u32(out, (uint32_t)n);
		for (size_t i = at; i < at + n; i++) {
			wire_put_row(out, &rows.items[i], v->side->words);
			if (notes)
				wire_put_notes(out, rows.items[i].notes,
					       v->side->words);
		}
		sent = link_end(v->link, err);
	}
	return sent < 0 ? sent : answer(v, ret, failure, err);
}

static uint32_t *take_uids(struct serving *v, struct wire_in *in,
			   uint32_t *count_r)
{
	uint32_t *uids;

	*count_r = wire_count(in, 4);
	uids = pool_new_array(v->pool, uint32_t, (size_t)*count_r + 1);
	for (uint32_t i = 0; i < *count_r; i++)
		uids[i] = wire_u32(in);
	return uids;
}

static int send_bytes(struct serving *v, struct cv_error *failure,
		      struct cv_error *err, int *sent)
{
	struct cv_span data;
	int ret;

	while ((ret = v->side->ops->fetch_read(v->side, &data, failure)) ==
	       CV_OK) {
		cv_text_append_span(link_begin(v->link, LINK_DATA), data);
		*sent = link_end(v->link, err);
		if (*sent < 0)
			return CV_OK;
	}
	if (ret == CV_EOF || !v->side->damaged)
		return ret == CV_EOF ? CV_OK : ret;
	wire_put_str(link_begin(v->link, LINK_DAMAGED), failure->text);
	*sent = link_end(v->link, err);
	*failure = (struct cv_error)ERROR_NONE;
	return CV_OK;
}

static int serve_fetch(struct serving *v, struct wire_in *in,
		       struct cv_error *failure, struct cv_error *err)
{
	uint32_t count, uid;
	uint32_t *uids = take_uids(v, in, &count);
	int ret, sent = CV_OK;

	if (in->bad)
		return refuse(err);
	ret = v->side->ops->fetch(v->side, uids, count, failure);
	while (ret == CV_OK && sent == CV_OK &&
	       (ret = v->side->ops->fetch_next(v->side, &uid, failure)) ==
	       CV_OK) {
		wire_put_u32(link_begin(v->link, LINK_MESSAGE), uid);
		sent = link_end(v->link, err);
		if (sent == CV_OK)
			ret = send_bytes(v, failure, err, &sent);
	}
	v->side->ops->fetch_end(v->side);
	return sent < 0 ? sent : answer(v, ret == CV_NOT_FOUND ? CV_OK : ret,
					failure, err);
}

/* --- requests that change something --------------------------------------------------------- */

static struct sync_change *take_changes(struct serving *v,
					struct wire_in *in,
					uint32_t *count_r)
{
	struct sync_words *w = v->side->words;
	struct sync_change *changes;

	*count_r = wire_count(in, 20);
	changes = pool_new_array(v->pool, struct sync_change,
				 (size_t)*count_r + 1);
	for (uint32_t i = 0; i < *count_r && !in->bad; i++) {
		struct sync_change *c = &changes[i];
		const char *add, *remove;

		c->uid = wire_u32(in);
		c->add = wire_u32(in) & CV_FLAGS_STORED;
		c->remove = wire_u32(in) & CV_FLAGS_STORED;
		add = wire_str(in, SYNC_KEYWORDS_MAX, v->pool);
		remove = wire_str(in, SYNC_KEYWORDS_MAX, v->pool);
		c->add_words = sync_words_parse(w, cv_span_of(add));
		c->remove_words = sync_words_parse(w, cv_span_of(remove));
	}
	return changes;
}

static struct sync_change *take_notes(struct serving *v, struct wire_in *in,
				      uint32_t *count_r)
{
	ARRAY(struct sync_change) changes;

	array_init(&changes, v->pool);
	while (in->left > 0 && !in->bad) {
		struct sync_change *c = array_add(&changes);

		*c = (struct sync_change){ .uid = wire_u32(in) };
		c->notes = wire_notes(in, v->side->words);
	}
	*count_r = (uint32_t)changes.count;
	return changes.items;
}

static int change(struct serving *v, uint8_t type, struct wire_in *in,
		  struct cv_error *failure)
{
	const struct sync_side_ops *ops = v->side->ops;
	struct sync_entry entry;
	struct sync_box box;
	const char *name = "", *to = "";
	struct sync_update update = { 0 };
	bool on = false;
	uint8_t guid[16];

	if (type == LINK_CREATE) {
		wire_box(in, v->pool, &box);
	} else if (type == LINK_UPDATE) {
		update.uidvalidity = wire_u32(in);
		update.uidnext = wire_u32(in);
		update.empty = wire_u8(in) != 0;
		/* not from versions of before */
		update.modseq = in->left == 0 ? 0 : wire_u64(in);
	} else {
		name = wire_str(in, SYNC_NAME_MAX, v->pool);
	}
	if (type == LINK_RENAME)
		to = wire_str(in, SYNC_NAME_MAX, v->pool);
	if (type == LINK_IDENTIFY)
		wire_bytes(in, guid, sizeof(guid));
	if (type == LINK_SET_METADATA)
		entry.key = wire_span(in, LINK_FRAME_MAX);
	if (type == LINK_SUBSCRIBE || type == LINK_SET_METADATA)
		on = wire_u8(in) != 0;
	if (type == LINK_SET_METADATA) {
		entry.value = wire_span(in, LINK_FRAME_MAX);
		if (!on)
			entry.value = CV_SPAN_NONE;
	}
	if (in->bad)
		return refuse(failure);
	switch (type) {
	case LINK_CREATE: return ops->create(v->side, &box, failure);
	case LINK_REMOVE: return ops->remove(v->side, name, failure);
	case LINK_RENAME: return ops->rename(v->side, name, to, failure);
	case LINK_IDENTIFY:
		return ops->identify == NULL ? FAIL(failure,
			CV_E_UNSUPPORTED, "this end gives no mailbox the id "
			"of another") :
			ops->identify(v->side, name, guid, failure);
	case LINK_SUBSCRIBE:
		return ops->subscribe(v->side, name, on, failure);
	case LINK_UPDATE: return ops->update(v->side, &update, failure);
	default: return ops->set_metadata(v->side, name, &entry, failure);
	}
}

static int change_messages(struct serving *v, uint8_t type,
			   struct wire_in *in, struct cv_error *failure)
{
	struct sync_change *changes;
	uint32_t count, *uids;

	if (type == LINK_EXPUNGE) {
		uids = take_uids(v, in, &count);
		return in->bad ? refuse(failure) :
			v->side->ops->expunge(v->side, uids, count, failure);
	}
	changes = type == LINK_ANNOTATE ? take_notes(v, in, &count) :
		take_changes(v, in, &count);
	return in->bad ? refuse(failure) :
		v->side->ops->change(v->side, changes, count, failure);
}

/* --- saving ------------------------------------------------------------------------------------ */

/* No answers before the commit: the first failure waits for it. */
static int save_part(struct serving *v, uint8_t type, struct wire_in *in,
		     struct cv_error *err)
{
	struct sync_row row;
	struct cv_span data = cv_span((const char *)in->data, in->left);
	int ret = CV_OK;

	if (type == LINK_SAVE_ADD) {
		wire_row(in, v->side->words, &row);
		if (in->left > 0)
			row.notes = wire_notes(in, v->side->words);
		if (in->bad || ++v->added > SYNC_BATCH_MESSAGES)
			return refuse(err);
	}
	if (v->save_error.code < 0)
		return CV_OK;
	if (type == LINK_SAVE_ADD)
		ret = v->side->ops->save_add(v->side, &row, &v->save_error);
	else if (data.len > 0)
		ret = v->side->ops->save_write(v->side, data,
					       &v->save_error);
	if (ret < 0)
		v->save_error.code = ret;
	return CV_OK;
}

static void save_abort(struct serving *v)
{
	v->side->ops->save_abort(v->side);
	v->save_error = (struct cv_error)ERROR_NONE;
	v->added = 0;
}

static int serve_commit(struct serving *v, struct wire_in *in,
			struct cv_error *failure, struct cv_error *err)
{
	uint32_t count = wire_u32(in);
	uint32_t *uids;
	struct cv_text *out;
	int ret = v->save_error.code;

	if (in->bad || count != v->added)
		return refuse(err);
	uids = pool_new_array(v->pool, uint32_t, (size_t)count + 1);
	if (ret < 0)
		*failure = v->save_error;
	else
		ret = v->side->ops->save_commit(v->side, uids, count,
						failure);
	save_abort(v);
	if (ret < 0)
		return answer(v, ret, failure, err);
	out = link_begin(v->link, LINK_OK);
	for (uint32_t i = 0; i < count; i++)
		wire_put_u32(out, uids[i]);
	return link_end(v->link, err);
}

/* --- the loop ----------------------------------------------------------------------------------- */

static int hello(struct serving *v, struct cv_error *err)
{
	struct cv_text *out;
	struct cv_span magic;
	struct wire_in in;
	sync_boxes boxes;
	uint32_t first, last;
	uint8_t type;
	int ret = link_get(v->link, &type, &in, err);

	if (ret != CV_OK)
		return ret == CV_EOF ? FAIL(err, CV_E_TEMP, "nobody is at the "
					    "other end") : ret;
	magic = wire_span(&in, 64);
	first = wire_u32(&in);
	last = wire_u32(&in);
	if (type != LINK_HELLO || in.bad || !cv_span_is(magic, LINK_MAGIC))
		return refuse(err);
	/* the client says what is wrong */
	if (first > LINK_VERSION || last < LINK_VERSION)
		log_warning("sync", "the other end speaks version %u to %u, "
			    "not %d", first, last, LINK_VERSION);
	array_init(&boxes, v->pool);
	ret = v->side->ops->list(v->side, v->pool, &boxes, err);
	if (ret < 0)
		return ret;
	out = link_begin(v->link, LINK_HELLO);
	wire_put_str(out, LINK_MAGIC);
	wire_put_u32(out, LINK_VERSION);
	wire_put_u32(out, LINK_VERSION);
	cv_text_append(out, v->side->id, sizeof(v->side->id));
	wire_put_u32(out, v->side->caps);
	wire_put_u64(out, v->side->modseq);
	return link_end(v->link, err);
}

static int widen(struct sync_side *side, struct cv_error *err)
{
	return side->ops->widen != NULL ? side->ops->widen(side, err) :
		FAIL(err, CV_E_UNSUPPORTED, "this end has no shared or "
		     "public namespaces");
}

static int serve_one(struct serving *v, uint8_t type, struct wire_in *in,
		     struct cv_error *err)
{
	struct cv_error failure = ERROR_NONE;
	const char *name;

	switch (type) {
	case LINK_LIST: return serve_list(v, &failure, err);
	case LINK_SUBSCRIPTIONS:
		return serve_subscriptions(v, &failure, err);
	case LINK_ROWS: return serve_rows(v, in, &failure, err);
	case LINK_FETCH: return serve_fetch(v, in, &failure, err);
	case LINK_METADATA:
	case LINK_OPEN:
		name = wire_str(in, SYNC_NAME_MAX, v->pool);
		return in->bad ? refuse(err) : type == LINK_OPEN ?
			serve_open(v, name, &failure, err) :
			serve_metadata(v, name, &failure, err);
	case LINK_CREATE: case LINK_REMOVE: case LINK_RENAME:
	case LINK_IDENTIFY: case LINK_SUBSCRIBE: case LINK_SET_METADATA: case LINK_UPDATE:
		return answer(v, change(v, type, in, &failure), &failure,
			      err);
	case LINK_CHANGE: case LINK_EXPUNGE: case LINK_ANNOTATE:
		return answer(v, change_messages(v, type, in, &failure),
			      &failure, err);
	case LINK_SAVE_ADD: case LINK_SAVE_DATA:
		return save_part(v, type, in, err);
	case LINK_SAVE_ABORT:
		save_abort(v);
		return CV_OK;
	case LINK_SAVE_COMMIT: return serve_commit(v, in, &failure, err);
	case LINK_WIDEN:
		return answer(v, widen(v->side, &failure),
			      &failure, err);
	default: return refuse(err);
	}
}

/* What works on the open mailbox. */
static bool needs_open(uint8_t type)
{
	return type == LINK_ROWS || type == LINK_FETCH ||
		type == LINK_UPDATE || type == LINK_CHANGE ||
		type == LINK_EXPUNGE || type == LINK_ANNOTATE || (type >= LINK_SAVE_ADD &&
					 type <= LINK_SAVE_COMMIT);
}

int sync_serve(struct sync_side *side, int in, int out, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("sync server");
	struct serving v = { .side = side,
		.pool = pool_create("sync request") };
	struct sync_words words;
	struct wire_in frame;
	uint8_t type = 0;
	bool is_open = false;
	int ret;

	sync_words_init(&words, pool);
	side->words = &words;
	v.link = link_create(pool, in, out);
	ret = hello(&v, err);
	while (ret == CV_OK) {
		pool_reset(v.pool);
		ret = link_get(v.link, &type, &frame, err);
		if (ret != CV_OK || type == LINK_BYE)
			break;
		/* these close the open one */
		if (type == LINK_REMOVE || type == LINK_RENAME ||
		    type == LINK_IDENTIFY)
			is_open = false;
		ret = needs_open(type) && !is_open ? refuse(err) :
			serve_one(&v, type, &frame, err);
		/* refused by the store: the other end knows */
		if (type == LINK_OPEN || type == LINK_UPDATE)
			is_open = side->ops->is_open(side);
	}
	if (ret == CV_EOF)
		ret = FAIL(err, CV_E_TEMP, "the other end has gone");
	side->ops->save_abort(side);
	side->words = NULL;
	pool_destroy(&v.pool);
	pool_destroy(&pool);
	return ret;
}
