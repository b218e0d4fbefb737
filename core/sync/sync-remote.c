/* sync-remote.c - another Culver behind a pipe, as an end.
 *
 * Trusts nothing that comes: counts, lengths, order and names are checked
 * here; the engine asks only for what it has been told of. */
#include "sync-link.h"

/* A namespace of that end that it cannot read. */
struct unread { const char *prefix, *why; };

struct remote {
	struct sync_side side;
	struct cv_pool *pool;
	struct link *link;
	bool fetching, in_message, pending;
	uint32_t pending_uid;
	struct sync_box box;
	ARRAY(struct unread) unread;
};

/* --- talking ------------------------------------------------------------------------- */

static int broken(struct remote *r, int ret, struct cv_error *err)
{
	r->side.broken = true;
	if (ret == CV_EOF)
		ret = FAIL(err, CV_E_TEMP, "the other end has gone");
	return error_prefix(err, "%s", r->side.label) == CV_OK ? ret : ret;
}

static int nonsense(struct remote *r, struct cv_error *err)
{
	return broken(r, FAIL(err, CV_E_SYNTAX, "the other end breaks the "
			      "rules of the protocol"), err);
}

/* What the other end says, for people. */
static void take_shown(struct wire_in *in, char shown[ERROR_TEXT_MAX + 1])
{
	struct cv_span text = wire_span(in, ERROR_TEXT_MAX);

	for (size_t i = 0; i < text.len; i++)
		shown[i] = (unsigned char)text.data[i] < 0x20 ||
			text.data[i] == 0x7f ? '?' : text.data[i];
	shown[text.len] = '\0';
}

/* And of a failure. */
static int take_text(struct remote *r, int code, struct wire_in *in,
		     struct cv_error *err)
{
	char shown[ERROR_TEXT_MAX + 1];

	take_shown(in, shown);
	if (in->bad || code >= 0)
		return nonsense(r, err);
	return FAIL(err, code, "%s: %s", r->side.label, shown);
}

static int take_error(struct remote *r, struct wire_in *in,
		      struct cv_error *err)
{
	return take_text(r, -(int)(wire_u32(in) & 0xff), in, err);
}

static int part_of(struct remote *r, uint8_t want, uint8_t type,
		   struct wire_in *in, struct cv_error *err)
{
	if (type == LINK_ERROR)
		return take_error(r, in, err);
	return type == LINK_OK ? CV_EOF : type == want ? CV_OK :
		nonsense(r, err);
}

/* The next part of an answer: CV_OK with one, CV_EOF after the last. */
static int next_part(struct remote *r, uint8_t want, struct wire_in *in,
		     struct cv_error *err)
{
	uint8_t type;
	int ret = link_get(r->link, &type, in, err);

	return ret != CV_OK ? broken(r, ret, err) :
		part_of(r, want, type, in, err);
}

/* Sends what was begun and takes an answer without parts. */
static int call(struct remote *r, struct wire_in *in, struct cv_error *err)
{
	int ret = link_end(r->link, err);

	if (ret < 0)
		return broken(r, ret, err);
	ret = next_part(r, LINK_OK, in, err);
	return ret == CV_EOF ? CV_OK : ret;
}

static int check(struct remote *r, const struct wire_in *in,
		 struct cv_error *err)
{
	return in->bad ? nonsense(r, err) : CV_OK;
}

static struct cv_text *begin(struct sync_side *s, uint8_t type)
{
	return link_begin(((struct remote *)s)->link, type);
}

/* --- reading --------------------------------------------------------------------------- */

static struct unread *find_unread(const struct remote *r, const char *prefix)
{
	for (size_t i = 0; i < r->unread.count; i++) {
		if (strcmp(r->unread.items[i].prefix, prefix) == 0)
			return &r->unread.items[i];
	}
	return NULL;
}

/* Like next_part; takes those in between that tell of a namespace. */
static int next_listed(struct remote *r, struct wire_in *in,
		       struct cv_error *err)
{
	char why[ERROR_TEXT_MAX + 1];
	const char *prefix;
	uint8_t type;
	int ret;

	while ((ret = link_get(r->link, &type, in, err)) == CV_OK &&
	       type == LINK_UNREAD) {
		prefix = wire_str(in, SYNC_NAME_MAX, r->pool);
		take_shown(in, why);
		if (in->bad || *prefix == '\0' ||
		    r->unread.count >= LINK_UNREAD_MAX)
			return nonsense(r, err);
		if (find_unread(r, prefix) == NULL)
			*array_add(&r->unread) = (struct unread){
				prefix, pool_strdup(r->pool, why) };
	}
	return ret != CV_OK ? broken(r, ret, err) :
		part_of(r, LINK_PART, type, in, err);
}

static int remote_list(struct sync_side *s, struct cv_pool *pool,
		       sync_boxes *boxes, struct cv_error *err)
{
	struct remote *r = (struct remote *)s;
	struct wire_in in;
	int ret;

	(void)begin(s, LINK_LIST);
	ret = link_end(r->link, err);
	while (ret == CV_OK &&
	       (ret = next_listed(r, &in, err)) == CV_OK) {
		wire_box(&in, pool, array_add(boxes));
		ret = boxes->count > LINK_BOXES_MAX ? nonsense(r, err) :
			check(r, &in, err);
	}
	return ret == CV_EOF ? CV_OK : ret;
}

static int remote_subscriptions(struct sync_side *s, struct cv_pool *pool,
				sync_names *names, struct cv_error *err)
{
	struct remote *r = (struct remote *)s;
	struct wire_in in;
	int ret;

	(void)begin(s, LINK_SUBSCRIPTIONS);
	ret = link_end(r->link, err);
	while (ret == CV_OK &&
	       (ret = next_listed(r, &in, err)) == CV_OK) {
		*array_add(names) = wire_str(&in, SYNC_NAME_MAX, pool);
		ret = names->count > LINK_BOXES_MAX ? nonsense(r, err) :
			check(r, &in, err);
	}
	return ret == CV_EOF ? CV_OK : ret;
}

static int remote_metadata(struct sync_side *s, const char *name,
			   struct cv_pool *pool, sync_entries *entries,
			   struct cv_error *err)
{
	struct remote *r = (struct remote *)s;
	struct wire_in in;
	int ret;

	wire_put_str(begin(s, LINK_METADATA), name);
	ret = link_end(r->link, err);
	while (ret == CV_OK &&
	       (ret = next_part(r, LINK_PART, &in, err)) == CV_OK) {
		struct sync_entry e = {
			pool_span(pool, wire_span(&in, LINK_FRAME_MAX)),
			{ NULL, 0 },
		};

		e.value = pool_span(pool, wire_span(&in, LINK_FRAME_MAX));
		*array_add(entries) = e;
		ret = entries->count > LINK_ENTRIES_MAX ? nonsense(r, err) :
			check(r, &in, err);
	}
	return ret == CV_EOF ? CV_OK : ret;
}

static int remote_open(struct sync_side *s, const char *name,
		       struct sync_box *box_r, struct cv_error *err)
{
	struct remote *r = (struct remote *)s;
	struct wire_in in;
	struct cv_pool *pool = pool_create("sync open");
	int ret;

	wire_put_str(begin(s, LINK_OPEN), name);
	ret = call(r, &in, err);
	if (ret == CV_OK) {
		wire_box(&in, pool, box_r);
		if ((s->caps & SYNC_CAP_NOTES) != 0)
			box_r->annotations = wire_u32(&in);
		ret = check(r, &in, err);
		box_r->name = name;
		r->box = *box_r;
	}
	pool_destroy(&pool);
	return ret;
}

static bool remote_is_open(const struct sync_side *s)
{
	return ((const struct remote *)s)->box.uidnext != 0;
}

static int remote_rows(struct sync_side *s, struct cv_pool *pool,
		       sync_rows *rows, struct cv_error *err)
{
	struct remote *r = (struct remote *)s;
	struct wire_in in;
	bool notes = (s->caps & SYNC_CAP_NOTES) != 0;
	uint32_t last = 0;
	int ret;

	(void)pool;
	wire_put_u8(begin(s, LINK_ROWS), notes);
	ret = link_end(r->link, err);
	while (ret == CV_OK &&
	       (ret = next_part(r, LINK_PART, &in, err)) == CV_OK) {
		uint32_t count = wire_count(&in, WIRE_ROW_MIN);

		for (uint32_t i = 0; i < count && !in.bad; i++) {
			struct sync_row *row = array_add(rows);

			wire_row(&in, s->words, row);
			if (notes)
				row->notes = wire_notes(&in, s->words);
			if (row->uid <= last || row->uid >= r->box.uidnext ||
			    rows->count > LINK_ROWS_MAX)
				in.bad = true;
			last = row->uid;
		}
		ret = check(r, &in, err);
	}
	return ret == CV_EOF ? CV_OK : ret;
}

static int remote_fetch(struct sync_side *s, const uint32_t *uids,
			uint32_t count, struct cv_error *err)
{
	struct remote *r = (struct remote *)s;
	struct cv_text *out = begin(s, LINK_FETCH);
	int ret;

	wire_put_u32(out, count);
	for (uint32_t i = 0; i < count; i++)
		wire_put_u32(out, uids[i]);
	ret = link_end(r->link, err);
	if (ret == CV_OK)
		ret = link_flush(r->link, err);
	if (ret < 0)
		return broken(r, ret, err);
	r->fetching = true;
	r->in_message = r->pending = false;
	return CV_OK;
}

/* CV_OK: bytes; CV_EOF: another message begins (pending) or the answer has
 * ended. */
static int next_bytes(struct remote *r, struct cv_span *data_r,
		      struct cv_error *err)
{
	struct wire_in in;
	uint8_t type;
	int ret = link_get(r->link, &type, &in, err);
	bool in_message = r->in_message;

	r->side.damaged = false;
	if (ret != CV_OK)
		return broken(r, ret, err);
	if (type == LINK_DATA && in_message && in.left > 0) {
		*data_r = cv_span((const char *)in.data, in.left);
		return CV_OK;
	}
	r->in_message = false;
	if (type == LINK_DAMAGED && in_message) {
		ret = take_text(r, CV_E_TEMP, &in, err);
		r->side.damaged = !r->side.broken;
		return ret;
	}
	if (type == LINK_MESSAGE) {
		r->pending = true;
		r->pending_uid = wire_u32(&in);
		return in.bad ? nonsense(r, err) : CV_EOF;
	}
	r->fetching = false;
	return type == LINK_OK ? CV_EOF : type == LINK_ERROR ?
		take_error(r, &in, err) : nonsense(r, err);
}

static int remote_fetch_read(struct sync_side *s, struct cv_span *data_r,
			     struct cv_error *err)
{
	struct remote *r = (struct remote *)s;

	return r->in_message ? next_bytes(r, data_r, err) : CV_EOF;
}

static int remote_fetch_next(struct sync_side *s, uint32_t *uid_r,
			     struct cv_error *err)
{
	struct remote *r = (struct remote *)s;
	struct cv_span skipped;
	int ret = CV_OK;

	while (ret == CV_OK && r->fetching && !r->pending) {
		ret = next_bytes(r, &skipped, err);
		/* one that is passed over may be damaged as well */
		if (ret == CV_EOF || (ret < 0 && r->side.damaged))
			ret = CV_OK;
	}
	if (ret < 0)
		return ret;
	if (!r->pending)
		return CV_NOT_FOUND;
	*uid_r = r->pending_uid;
	r->pending = false;
	r->in_message = true;
	return CV_OK;
}

static void remote_fetch_end(struct sync_side *s)
{
	struct remote *r = (struct remote *)s;
	struct cv_span skipped;

	while (r->fetching && !r->side.broken) {
		r->in_message = true;
		(void)next_bytes(r, &skipped, NULL);
	}
	r->pending = false;
}

static int remote_unread(const struct sync_side *s, uint32_t index,
			 const char **prefix_r, struct cv_error *err)
{
	const struct remote *r = (const struct remote *)s;

	if (index >= r->unread.count)
		return CV_NOT_FOUND;
	*prefix_r = r->unread.items[index].prefix;
	(void)FAIL(err, CV_E_TEMP, "%s", r->unread.items[index].why);
	return CV_OK;
}

/* One that lies in it counts as it does. */
static bool remote_is_unread(const struct sync_side *s, const char *name)
{
	const struct remote *r = (const struct remote *)s;

	for (size_t i = 0; i < r->unread.count; i++) {
		const char *prefix = r->unread.items[i].prefix;

		if (strncmp(name, prefix, strlen(prefix)) == 0)
			return true;
	}
	return false;
}

/* --- writing ------------------------------------------------------------------------------- */

static int remote_create(struct sync_side *s, const struct sync_box *as,
			 struct cv_error *err)
{
	struct wire_in in;

	wire_put_box(begin(s, LINK_CREATE), as);
	return call((struct remote *)s, &in, err);
}

static int remote_widen(struct sync_side *s, struct cv_error *err)
{
	struct wire_in in;

	(void)begin(s, LINK_WIDEN);
	return call((struct remote *)s, &in, err);
}

static int remote_identify(struct sync_side *s, const char *name,
			   const uint8_t guid[16], struct cv_error *err)
{
	struct cv_text *out = begin(s, LINK_IDENTIFY);
	struct wire_in in;

	wire_put_str(out, name);
	cv_text_append(out, guid, 16);
	return call((struct remote *)s, &in, err);
}

static int remote_remove(struct sync_side *s, const char *name,
			 struct cv_error *err)
{
	struct wire_in in;

	wire_put_str(begin(s, LINK_REMOVE), name);
	return call((struct remote *)s, &in, err);
}

static int remote_rename(struct sync_side *s, const char *from,
			 const char *to, struct cv_error *err)
{
	struct cv_text *out = begin(s, LINK_RENAME);
	struct wire_in in;

	wire_put_str(out, from);
	wire_put_str(out, to);
	return call((struct remote *)s, &in, err);
}

static int remote_subscribe(struct sync_side *s, const char *name, bool on,
			    struct cv_error *err)
{
	struct cv_text *out = begin(s, LINK_SUBSCRIBE);
	struct wire_in in;

	wire_put_str(out, name);
	wire_put_u8(out, on);
	return call((struct remote *)s, &in, err);
}

static int remote_set_metadata(struct sync_side *s, const char *name,
			       const struct sync_entry *entry,
			       struct cv_error *err)
{
	struct cv_text *out = begin(s, LINK_SET_METADATA);
	struct wire_in in;

	wire_put_str(out, name);
	wire_put_span(out, entry->key);
	wire_put_u8(out, entry->value.data != NULL);
	wire_put_span(out, entry->value.data == NULL ? CV_SPAN("") :
		      entry->value);
	return call((struct remote *)s, &in, err);
}

static int remote_update(struct sync_side *s, const struct sync_update *as,
			 struct cv_error *err)
{
	struct cv_text *out = begin(s, LINK_UPDATE);
	struct wire_in in;

	wire_put_u32(out, as->uidvalidity);
	wire_put_u32(out, as->uidnext);
	wire_put_u8(out, as->empty);
	wire_put_u64(out, as->modseq);
	return call((struct remote *)s, &in, err);
}

/* Without any there is nothing to be sent. */
static int send_notes(struct remote *r, const struct sync_change *changes,
		      uint32_t count, struct cv_error *err)
{
	const struct sync_words *words = r->side.words;
	struct wire_in in;
	uint32_t at = 0;
	int ret = CV_OK;

	while (ret == CV_OK && at < count) {
		struct cv_text *out;
		size_t bytes = 0;

		if (changes[at].notes == 0) {
			at++;
			continue;
		}
		out = begin(&r->side, LINK_ANNOTATE);
		for (; at < count && bytes < LINK_NOTES_BYTES; at++) {
			if (changes[at].notes == 0)
				continue;
			wire_put_u32(out, changes[at].uid);
			wire_put_notes(out, changes[at].notes, words);
			bytes += sync_notes_bytes(words,
						  changes[at].notes).len;
		}
		ret = call(r, &in, err);
	}
	return ret;
}

static int remote_change(struct sync_side *s, struct sync_change *changes,
			 uint32_t count, struct cv_error *err)
{
	enum { AT_ONCE = 10000 };
	struct wire_in in;
	int ret = CV_OK;

	for (uint32_t at = 0; at < count && ret == CV_OK; at += AT_ONCE) {
		uint32_t n = count - at < AT_ONCE ? count - at : AT_ONCE;
		struct cv_text *out = begin(s, LINK_CHANGE);

		wire_put_u32(out, n);
		for (uint32_t i = at; i < at + n; i++) {
			wire_put_u32(out, changes[i].uid);
			wire_put_u32(out, changes[i].add);
			wire_put_u32(out, changes[i].remove);
			wire_put_str(out, sync_words_text(
				s->words, changes[i].add_words));
			wire_put_str(out, sync_words_text(
				s->words, changes[i].remove_words));
		}
		ret = call((struct remote *)s, &in, err);
	}
	return ret == CV_OK ? send_notes((struct remote *)s, changes, count,
					 err) : ret;
}

static int remote_expunge(struct sync_side *s, const uint32_t *uids,
			  uint32_t count, struct cv_error *err)
{
	struct cv_text *out = begin(s, LINK_EXPUNGE);
	struct wire_in in;

	wire_put_u32(out, count);
	for (uint32_t i = 0; i < count; i++)
		wire_put_u32(out, uids[i]);
	return call((struct remote *)s, &in, err);
}

static int remote_save_add(struct sync_side *s, const struct sync_row *as,
			   struct cv_error *err)
{
	struct remote *r = (struct remote *)s;
	struct cv_text *out = begin(s, LINK_SAVE_ADD);
	int ret;

	wire_put_row(out, as, s->words);
	if (as->notes != 0)
		wire_put_notes(out, as->notes, s->words);
	ret = link_end(r->link, err);
	return ret < 0 ? broken(r, ret, err) : CV_OK;
}

static int remote_save_write(struct sync_side *s, struct cv_span data,
			     struct cv_error *err)
{
	struct remote *r = (struct remote *)s;
	int ret;

	cv_text_append_span(begin(s, LINK_SAVE_DATA), data);
	ret = link_end(r->link, err);
	return ret < 0 ? broken(r, ret, err) : CV_OK;
}

static int remote_save_commit(struct sync_side *s, uint32_t *uids_r,
			      uint32_t count, struct cv_error *err)
{
	struct remote *r = (struct remote *)s;
	struct wire_in in;
	int ret;

	wire_put_u32(begin(s, LINK_SAVE_COMMIT), count);
	ret = call(r, &in, err);
	for (uint32_t i = 0; ret == CV_OK && i < count; i++) {
		uids_r[i] = wire_u32(&in);
		if (uids_r[i] == 0)
			in.bad = true;
	}
	return ret == CV_OK ? check(r, &in, err) : ret;
}

static void remote_save_abort(struct sync_side *s)
{
	(void)link_put(((struct remote *)s)->link, LINK_SAVE_ABORT, NULL);
}

/* --- opening and closing ---------------------------------------------------------------------- */

static void remote_close(struct sync_side **s)
{
	struct remote *r = (struct remote *)*s;
	struct cv_pool *pool = r->pool;

	if (!r->side.broken) {
		(void)link_put(r->link, LINK_BYE, NULL);
		(void)link_flush(r->link, NULL);
	}
	link_close(r->link);
	*s = NULL;
	pool_destroy(&pool);
}

static int say_hello(struct remote *r, struct cv_error *err)
{
	struct cv_text *out = link_begin(r->link, LINK_HELLO);
	struct cv_span magic;
	struct wire_in in;
	uint32_t first, last;
	uint8_t type;
	int ret;

	wire_put_str(out, LINK_MAGIC);
	wire_put_u32(out, LINK_VERSION);
	wire_put_u32(out, LINK_VERSION);
	ret = link_end(r->link, err);
	if (ret == CV_OK)
		ret = link_get(r->link, &type, &in, err);
	if (ret != CV_OK)
		return broken(r, ret, err);
	if (type == LINK_ERROR)
		return broken(r, take_error(r, &in, err), err);
	magic = wire_span(&in, 64);
	first = wire_u32(&in);
	last = wire_u32(&in);
	if (type != LINK_HELLO || in.bad || !cv_span_is(magic, LINK_MAGIC))
		return nonsense(r, err);
	if (first > LINK_VERSION || last < LINK_VERSION)
		return broken(r, FAIL(err, CV_E_UNSUPPORTED, "it speaks "
				      "version %u to %u of the protocol, we "
				      "speak %d (hint: the same version of "
				      "Culver at both ends)", first, last,
				      LINK_VERSION), err);
	wire_bytes(&in, r->side.id, sizeof(r->side.id));
	r->side.caps = wire_u32(&in);
	r->side.modseq = wire_u64(&in);
	return check(r, &in, err);
}

static const struct sync_side_ops ops = {
	.list = remote_list,
	.subscriptions = remote_subscriptions,
	.metadata = remote_metadata,
	.open = remote_open,
	.is_open = remote_is_open,
	.rows = remote_rows,
	.fetch = remote_fetch,
	.fetch_next = remote_fetch_next,
	.fetch_read = remote_fetch_read,
	.fetch_end = remote_fetch_end,
	.close = remote_close,
	.create = remote_create,
	.remove = remote_remove,
	.rename = remote_rename,
	.subscribe = remote_subscribe,
	.set_metadata = remote_set_metadata,
	.update = remote_update,
	.change = remote_change,
	.expunge = remote_expunge,
	.save_add = remote_save_add,
	.save_write = remote_save_write,
	.save_commit = remote_save_commit,
	.save_abort = remote_save_abort,
	.widen = remote_widen,
	.unread = remote_unread,
	.is_unread = remote_is_unread,
	.identify = remote_identify,
};

int sync_remote_open(int in, int out, const char *label,
		     struct sync_side **side_r, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("sync remote");
	struct remote *r = pool_new(pool, struct remote);
	int ret;

	r->pool = pool;
	r->side.ops = &ops;
	r->side.label = pool_strdup(pool, label);
	r->link = link_create(pool, in, out);
	array_init(&r->unread, pool);
	*side_r = &r->side;
	ret = say_hello(r, err);
	if (ret < 0)
		remote_close(side_r);
	return ret;
}
