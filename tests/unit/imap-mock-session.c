/* imap-mock-session.c - see imap-mock-session.h. */
#include "imap-mock-session.h"

#include <stdio.h>
#include <stdlib.h>

struct cv_mailbox {
	struct cv_user *user;
	struct mock_box *box;
	bool readonly, full;
	uint32_t uids[MOCK_MESSAGES_MAX], flags[MOCK_MESSAGES_MAX];
	char keywords[MOCK_MESSAGES_MAX][64];
	uint32_t count;
	struct cv_range expunged[MOCK_MESSAGES_MAX];
	struct cv_range changed[MOCK_MESSAGES_MAX];
	const char *names[8];
	char name_room[64];
};

static struct cv_session *current;

/* --- connection ----------------------------------------------------------- */

static struct cv_span conn_peek(struct cv_connection *c)
{
	return cv_span(c->script.data + c->skipped, c->at - c->skipped);
}

static void conn_skip(struct cv_connection *c, size_t n)
{
	BUG_IF(n > c->at - c->skipped);
	c->skipped += n;
}

static int conn_fill(struct cv_connection *c, size_t max, uint32_t timeout,
		     struct cv_error *err)
{
	if (c->at >= c->script.len)
		return FAIL(err, CV_EOF, "the end");
	c->at += c->step;
	if (c->at > c->script.len)
		c->at = c->script.len;
	return CV_OK;
}

static void conn_write(struct cv_connection *c, const void *data, size_t len)
{
	if (!c->broken)
		cv_text_append(&c->out, data, len);
}

static void conn_printf(struct cv_connection *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_append_vf(&c->out, fmt, args);
	va_end(args);
}

static int conn_write_stream(struct cv_connection *c, struct cv_stream *in,
			     uint64_t len, struct cv_error *err);

static int conn_flush(struct cv_connection *c, struct cv_error *err)
{
	return CV_OK;
}

static bool conn_failed(struct cv_connection *c) { return c->broken; }

static int conn_wait(struct cv_connection *c, int fd, uint32_t timeout,
		     struct cv_error *err)
{
	void (*idle)(struct cv_session *s) = c->idle;

	if (idle != NULL) {
		c->idle = NULL;
		idle(current);
		return CV_CHANGED;
	}
	return c->at < c->script.len ? CV_OK : CV_EOF;
}

static bool conn_secure(struct cv_connection *c) { return true; }
static const char *conn_address(struct cv_connection *c) { return ""; }
static uint64_t conn_in(struct cv_connection *c) { return c->skipped; }
static uint64_t conn_out(struct cv_connection *c) { return c->out.len; }

/* --- streams -------------------------------------------------------------- */

struct cv_stream { struct cv_span data; size_t at; };

static int conn_write_stream(struct cv_connection *c, struct cv_stream *in,
			     uint64_t len, struct cv_error *err)
{
	BUG_IF(len > in->data.len - in->at);
	conn_write(c, in->data.data + in->at, (size_t)len);
	in->at += (size_t)len;
	return CV_OK;
}

static int stream_seek(struct cv_stream *s, uint64_t offset,
		       struct cv_error *err)
{
	BUG_IF(offset > s->data.len);
	s->at = (size_t)offset;
	return CV_OK;
}

static void stream_close(struct cv_stream **s) { *s = NULL; }

/* --- user ----------------------------------------------------------------- */

static const char *user_name(struct cv_user *u) { return "alice"; }

static int user_namespace(struct cv_user *u, uint32_t index,
			  struct cv_namespace_info *info_r)
{
	if (index > 0)
		return CV_NOT_FOUND;
	info_r->type = CV_NAMESPACE_PRIVATE;
	info_r->prefix = "";
	info_r->separator = '/';
	info_r->is_inbox = info_r->listed = true;
	return CV_OK;
}

struct mock_box *mock_box_find(struct cv_user *u, const char *name)
{
	for (uint32_t i = 0; i < u->count; i++) {
		if (strcmp(u->boxes[i].name, name) == 0)
			return &u->boxes[i];
	}
	return NULL;
}

static struct mock_box *box_new(struct cv_user *u, const char *name)
{
	struct mock_box *box = mock_box_find(u, name);

	BUG_IF(u->count == MOCK_BOXES_MAX && box == NULL);
	if (box == NULL)
		box = &u->boxes[u->count++];
	*box = (struct mock_box){ .uidvalidity = 1000 + u->count,
				  .uidnext = 1, .exists = true };
	(void)snprintf(box->name, sizeof(box->name), "%s", name);
	return box;
}

void mock_deliver(struct mock_box *box, uint32_t flags, const char *text)
{
	struct mock_message *m = &box->messages[box->count++];

	BUG_IF(box->count > MOCK_MESSAGES_MAX);
	*m = (struct mock_message){ .uid = box->uidnext++, .flags = flags,
		.date = 837596665, .text = cv_span_of(text) };
}

/* --- lists ---------------------------------------------------------------- */

struct cv_list {
	struct cv_user *u;
	const struct cv_list_query *query;
	uint32_t at;
};

static bool matches(const char *pattern, const char *name)
{
	for (; *pattern != '\0'; pattern++, name++) {
		if (*pattern == '*' || *pattern == '%') {
			for (;; name++) {
				if (matches(pattern + 1, name))
					return true;
				if (*name == '\0' ||
				    (*pattern == '%' && *name == '/'))
					return false;
			}
		}
		if (*pattern != *name)
			return false;
	}
	return *name == '\0';
}

static int box_list_begin(struct cv_user *u, const struct cv_list_query *query,
			  struct cv_list **list_r, struct cv_error *err)
{
	struct cv_list *list = pool_new(u->pool, struct cv_list);

	*list = (struct cv_list){ u, query, 0 };
	*list_r = list;
	return CV_OK;
}

static bool list_wanted(struct cv_list *list, const struct mock_box *box)
{
	uint32_t options = list->query->options;
	char full[300];

	if (!box->exists || ((options & CV_LIST_SUBSCRIBED) != 0 &&
			     !box->subscribed))
		return false;
	if ((options & CV_LIST_SPECIAL_USE) != 0 && box->use == 0)
		return false;
	for (uint32_t i = 0; i < list->query->pattern_count; i++) {
		(void)snprintf(full, sizeof(full), "%.100s%.100s",
			       list->query->reference,
			       list->query->patterns[i]);
		if (matches(full, box->name))
			return true;
	}
	return false;
}

static int box_list_next(struct cv_list *list, struct cv_list_entry *entry_r,
			 struct cv_error *err)
{
	while (list->at < list->u->count) {
		const struct mock_box *box = &list->u->boxes[list->at++];

		if (!list_wanted(list, box))
			continue;
		entry_r->name = box->name;
		entry_r->separator = '/';
		entry_r->attributes = box->use | CV_MAILBOX_HASNOCHILDREN |
			(box->subscribed ? CV_MAILBOX_SUBSCRIBED : 0u);
		return CV_OK;
	}
	return CV_NOT_FOUND;
}

static void box_list_end(struct cv_list **list) { *list = NULL; }

/* --- names ---------------------------------------------------------------- */

static int box_create(struct cv_user *u, const char *name, uint32_t use,
		      struct cv_error *err)
{
	struct mock_box *box = mock_box_find(u, name);

	if (box != NULL && box->exists)
		return FAIL(err, CV_E_EXISTS, "it exists");
	if (u->count == MOCK_BOXES_MAX)
		return FAIL(err, CV_E_LIMIT, "too many");
	if (strlen(name) > 100)
		return FAIL(err, CV_E_PERM, "too long");
	box_new(u, name)->use = use;
	return CV_OK;
}

static int box_remove(struct cv_user *u, const char *name,
		      struct cv_error *err)
{
	struct mock_box *box = mock_box_find(u, name);

	if (box == NULL || !box->exists)
		return FAIL(err, CV_E_NOT_FOUND, "not there");
	box->exists = false;
	return CV_OK;
}

static int box_rename(struct cv_user *u, const char *name,
		      const char *new_name, struct cv_error *err)
{
	struct mock_box *box = mock_box_find(u, name);

	if (box == NULL || !box->exists)
		return FAIL(err, CV_E_NOT_FOUND, "not there");
	if (mock_box_find(u, new_name) != NULL)
		return FAIL(err, CV_E_EXISTS, "it exists");
	(void)snprintf(box->name, sizeof(box->name), "%s", new_name);
	return CV_OK;
}

static int box_subscribe(struct cv_user *u, const char *name, bool on,
			 struct cv_error *err)
{
	struct mock_box *box = mock_box_find(u, name);

	if (box == NULL || !box->exists)
		return FAIL(err, CV_E_NOT_FOUND, "not there");
	box->subscribed = on;
	return CV_OK;
}

static int box_status(struct cv_user *u, const char *name, uint32_t items,
		      struct cv_mailbox_status *st, struct cv_error *err)
{
	struct mock_box *box = mock_box_find(u, name);

	if (box == NULL || !box->exists)
		return FAIL(err, CV_E_NOT_FOUND, "not there");
	*st = (struct cv_mailbox_status){ CV_SIZED(cv_mailbox_status),
		.messages = box->count, .uidnext = box->uidnext,
		.uidvalidity = box->uidvalidity };
	for (uint32_t i = 0; i < box->count; i++) {
		st->size_bytes += box->messages[i].text.len;
		st->unseen += (box->messages[i].flags & CV_FLAG_SEEN) == 0;
	}
	return CV_OK;
}

/* --- views ---------------------------------------------------------------- */

static struct mock_message *message_by_uid(struct mock_box *box, uint32_t uid)
{
	for (uint32_t i = 0; i < box->count; i++) {
		if (box->messages[i].uid == uid)
			return &box->messages[i];
	}
	return NULL;
}

static void view_take(struct cv_mailbox *v, uint32_t i,
		      const struct mock_message *m)
{
	v->uids[i] = m->uid;
	v->flags[i] = m->flags;
	memcpy(v->keywords[i], m->keywords, sizeof(m->keywords));
}

static int box_sync(struct cv_mailbox *v, uint32_t flags,
		    struct cv_mailbox_changes *ch, struct cv_error *err)
{
	uint32_t out = 0, gone = 0, changed = 0;

	*ch = (struct cv_mailbox_changes){ CV_SIZED(cv_mailbox_changes) };
	if (!v->box->exists)
		return FAIL(err, CV_E_NOT_FOUND, "deleted");
	for (uint32_t i = 0; i < v->count; i++) {
		const struct mock_message *m = message_by_uid(v->box,
							      v->uids[i]);

		if (m == NULL && (flags & CV_SYNC_NO_EXPUNGES) == 0) {
			v->expunged[gone].first = v->expunged[gone].last =
				i + 1;
			gone++;
			continue;
		}
		v->uids[out] = v->uids[i];
		v->flags[out] = v->flags[i];
		memmove(v->keywords[out], v->keywords[i], 64);
		out++;
		if (m != NULL && (m->flags != v->flags[out - 1] ||
				  strcmp(m->keywords, v->keywords[out - 1]) !=
				  0)) {
			v->changed[changed].first = v->changed[changed].last =
				out;
			changed++;
			view_take(v, out - 1, m);
		}
	}
	v->count = out;
	for (uint32_t i = 0; i < v->box->count; i++) {
		const struct mock_message *m = &v->box->messages[i];

		if (v->count == 0 || m->uid > v->uids[v->count - 1]) {
			view_take(v, v->count++, m);
			ch->messages_changed = true;
		}
	}
	ch->expunged = (struct cv_set){ v->expunged, gone };
	ch->flags = (struct cv_set){ v->changed, changed };
	ch->messages = v->count;
	return CV_OK;
}

static int box_open(struct cv_user *u, const char *name, uint32_t flags,
		    struct cv_mailbox **box_r, struct cv_error *err)
{
	struct mock_box *box = mock_box_find(u, name);
	struct cv_mailbox_changes changes;
	struct cv_mailbox *v;

	if (box == NULL || !box->exists)
		return FAIL(err, CV_E_NOT_FOUND, "no such mailbox");
	v = pool_new(u->pool, struct cv_mailbox);
	v->user = u;
	v->box = box;
	v->readonly = (flags & CV_MAILBOX_READONLY) != 0;
	*box_r = v;
	return box_sync(v, 0, &changes, err);
}

static void box_close(struct cv_mailbox **box) { *box = NULL; }

static void box_state(struct cv_mailbox *v, struct cv_mailbox_state *st)
{
	*st = (struct cv_mailbox_state){ CV_SIZED(cv_mailbox_state),
		.name = v->box->name, .messages = v->count,
		.uidnext = v->box->uidnext,
		.uidvalidity = v->box->uidvalidity, .readonly = v->readonly,
		.may_create_keywords = true,
		.permanent_flags = CV_FLAGS_STORED };
	for (uint32_t i = v->count; i-- > 0; ) {
		if ((v->flags[i] & CV_FLAG_SEEN) == 0)
			st->first_unseen = i + 1;
	}
}

static int box_watch_fd(struct cv_mailbox *v) { return 0; }
static void box_watch_clear(struct cv_mailbox *v) { }

static bool set_has(struct cv_set set, uint32_t number)
{
	for (uint32_t i = 0; i < set.count; i++) {
		if (number >= set.ranges[i].first &&
		    number <= set.ranges[i].last)
			return true;
	}
	return false;
}

static void set_add(struct cv_set *set, uint32_t number)
{
	struct cv_range *ranges = (struct cv_range *)set->ranges;

	if (set->count > 0 && ranges[set->count - 1].last + 1 == number) {
		ranges[set->count - 1].last = number;
		return;
	}
	ranges[set->count].first = ranges[set->count].last = number;
	set->count++;
}

static struct cv_set set_room(struct cv_pool *pool)
{
	struct cv_set set = { pool_new_array(pool, struct cv_range,
					     MOCK_MESSAGES_MAX), 0 };

	return set;
}

static int box_uids_to_seqs(struct cv_mailbox *v, struct cv_set uids,
			    struct cv_pool *pool, struct cv_set *seqs_r)
{
	*seqs_r = set_room(pool);
	for (uint32_t i = 0; i < v->count; i++) {
		if (set_has(uids, v->uids[i]))
			set_add(seqs_r, i + 1);
	}
	return CV_OK;
}

static uint32_t box_uid_of(struct cv_mailbox *v, uint32_t seq)
{
	BUG_IF(seq == 0 || seq > v->count);
	return v->uids[seq - 1];
}

/* --- messages ------------------------------------------------------------- */

static void keywords_of(struct cv_mailbox *v, const char *text,
			struct cv_keywords *out)
{
	char *at, *rest;

	out->names = v->names;
	out->count = 0;
	(void)snprintf(v->name_room, sizeof(v->name_room), "%s", text);
	for (at = strtok_r(v->name_room, " ", &rest);
	     at != NULL && out->count < 8; at = strtok_r(NULL, " ", &rest))
		v->names[out->count++] = at;
}

static int box_message(struct cv_mailbox *v, uint32_t seq, uint32_t items,
		       struct cv_message_data *data, struct cv_error *err)
{
	const struct mock_message *m;

	BUG_IF(seq == 0 || seq > v->count);
	*data = (struct cv_message_data){ CV_SIZED(cv_message_data),
		.seq = seq, .uid = v->uids[seq - 1],
		.flags = v->flags[seq - 1] };
	keywords_of(v, v->keywords[seq - 1], &data->keywords);
	m = message_by_uid(v->box, data->uid);
	if (m == NULL)
		return (items & ~(uint32_t)CV_MESSAGE_KEYWORDS) == 0 ?
			CV_OK : CV_NOT_FOUND;
	data->internal_date = m->date;
	data->size_bytes = m->text.len;
	data->envelope = CV_SPAN("(\"env\")");
	data->body = CV_SPAN("(\"body\")");
	data->bodystructure = CV_SPAN("(\"bs\")");
	return CV_OK;
}

static size_t header_len(struct cv_span text)
{
	for (size_t i = 0; i + 3 < text.len; i++) {
		if (memcmp(text.data + i, "\r\n\r\n", 4) == 0)
			return i + 4;
	}
	return text.len;
}

static struct cv_span header_fields(struct cv_pool *pool, struct cv_span text,
				    const struct cv_section *section)
{
	struct cv_span head = cv_span(text.data, header_len(text)), line;
	struct cv_text out;

	cv_text_init(&out, pool);
	while (cv_span_split(&head, '\n', &line)) {
		struct cv_span name, rest = line;
		bool listed = false;

		(void)cv_span_split(&rest, ':', &name);
		for (uint32_t i = 0; i < section->field_count; i++)
			listed = listed || cv_span_equal_icase(name,
				section->fields[i]);
		if (line.len > 1 && listed ==
		    (section->kind == CV_SECTION_FIELDS)) {
			cv_text_append_span(&out, line);
			cv_text_append_c(&out, '\n');
		}
	}
	cv_text_append_str(&out, "\r\n");
	return cv_text_span(&out);
}

static int box_section(struct cv_mailbox *v, uint32_t seq,
		       const struct cv_section *section,
		       struct cv_stream **stream_r, uint64_t *size_r,
		       struct cv_error *err)
{
	const struct mock_message *m = message_by_uid(v->box,
						      v->uids[seq - 1]);
	struct cv_stream *s = pool_new(v->user->pool, struct cv_stream);

	if (current->fail_section < 0)
		return FAIL(err, current->fail_section, "cannot read");
	if (m == NULL || section->part_count > 1 ||
	    (section->part_count == 1 && section->part[0] != 1))
		return CV_NOT_FOUND;
	s->data = m->text;
	if (section->kind == CV_SECTION_HEADER ||
	    section->kind == CV_SECTION_MIME)
		s->data.len = header_len(m->text);
	else if (section->kind == CV_SECTION_TEXT || section->part_count > 0)
		s->data = cv_span_skip(m->text, header_len(m->text));
	else if (section->kind != CV_SECTION_ALL)
		s->data = header_fields(v->user->pool, m->text, section);
	*stream_r = s;
	*size_r = s->data.len;
	return CV_OK;
}

/* --- changes -------------------------------------------------------------- */

static int box_store(struct cv_mailbox *v, const struct cv_store_request *r,
		     struct cv_pool *pool, struct cv_set *modified_r,
		     struct cv_error *err)
{
	for (uint32_t seq = 1; seq <= v->count; seq++) {
		struct mock_message *m = message_by_uid(v->box,
							v->uids[seq - 1]);

		if (!set_has(r->seqs, seq) || m == NULL)
			continue;
		if (r->change == CV_FLAGS_REPLACE) {
			m->flags = r->flags;
			m->keywords[0] = '\0';
		} else if (r->change == CV_FLAGS_ADD) {
			m->flags |= r->flags;
		} else {
			m->flags &= ~r->flags;
			m->keywords[0] = '\0';
		}
		for (uint32_t i = 0; i < r->keywords.count &&
		     r->change != CV_FLAGS_REMOVE; i++) {
			size_t len = strlen(m->keywords);

			(void)snprintf(m->keywords + len, 64 - len, "%s%s",
				       len == 0 ? "" : " ",
				       r->keywords.names[i]);
		}
		view_take(v, seq - 1, m);
	}
	return CV_OK;
}

static void message_remove(struct mock_box *box, uint32_t i)
{
	memmove(&box->messages[i], &box->messages[i + 1],
		sizeof(box->messages[0]) * (box->count - i - 1));
	box->count--;
}

static int box_expunge(struct cv_mailbox *v, const struct cv_set *uids,
		       struct cv_error *err)
{
	for (uint32_t i = v->box->count; i-- > 0; ) {
		const struct mock_message *m = &v->box->messages[i];

		if ((m->flags & CV_FLAG_DELETED) != 0 &&
		    (uids == NULL || set_has(*uids, m->uid)))
			message_remove(v->box, i);
	}
	return CV_OK;
}

static int box_copy(struct cv_mailbox *v, struct cv_set seqs,
		    const char *name, bool move, struct cv_pool *pool,
		    struct cv_copy_result *result, struct cv_error *err)
{
	struct mock_box *to = mock_box_find(v->user, name);

	if (to == NULL || !to->exists)
		return FAIL(err, CV_E_NOT_FOUND, "no such mailbox");
	*result = (struct cv_copy_result){ CV_SIZED(cv_copy_result),
		.uidvalidity = to->uidvalidity,
		.source_uids = set_room(pool), .uids = set_room(pool) };
	for (uint32_t seq = 1; seq <= v->count; seq++) {
		struct mock_message *m = message_by_uid(v->box,
							v->uids[seq - 1]);

		if (!set_has(seqs, seq) || m == NULL)
			continue;
		if (to->count == MOCK_MESSAGES_MAX)
			return FAIL(err, CV_E_LIMIT, "full");
		to->messages[to->count] = *m;
		to->messages[to->count++].uid = to->uidnext;
		set_add(&result->source_uids, m->uid);
		set_add(&result->uids, to->uidnext++);
		result->count++;
		if (move)
			message_remove(v->box, (uint32_t)(m -
							  v->box->messages));
	}
	return CV_OK;
}

/* --- search --------------------------------------------------------------- */

static bool has_text(struct cv_span in, struct cv_span needle)
{
	for (size_t i = 0; i + needle.len <= in.len; i++) {
		if (cv_span_equal_icase(cv_span(in.data + i, needle.len),
					needle))
			return true;
	}
	return false;
}

static bool header_has(struct cv_span text, struct cv_span field,
		       struct cv_span needle)
{
	struct cv_span head = cv_span(text.data, header_len(text)), line;

	while (cv_span_split(&head, '\n', &line)) {
		struct cv_span name, rest = line;

		(void)cv_span_split(&rest, ':', &name);
		if (rest.data != NULL && cv_span_equal_icase(name, field) &&
		    has_text(rest, needle))
			return true;
	}
	return false;
}

static bool node_matches(struct cv_mailbox *v, uint32_t seq,
			 const struct cv_search_query *q, uint32_t index)
{
	const struct cv_search_node *n = &q->nodes[index];
	const struct mock_message *m = message_by_uid(v->box,
						      v->uids[seq - 1]);
	bool any = false, all = true;

	if (m == NULL)
		return false;
	for (uint32_t c = n->first_child; c != 0; c = q->nodes[c].next) {
		bool hit = node_matches(v, seq, q, c);

		any = any || hit;
		all = all && hit;
	}
	switch (n->op) {
	case CV_SEARCH_AND:
		return all;
	case CV_SEARCH_OR:
		return any;
	case CV_SEARCH_NOT:
		return !any;
	case CV_SEARCH_SEQS:
		return set_has(n->set, seq);
	case CV_SEARCH_UIDS:
		return set_has(n->set, m->uid);
	case CV_SEARCH_FLAGS:
		return (v->flags[seq - 1] & n->flags) == n->flags;
	case CV_SEARCH_KEYWORD:
		return has_text(cv_span_of(m->keywords), n->text);
	case CV_SEARCH_SINCE:
		return m->date / 86400 >= n->day;
	case CV_SEARCH_BEFORE:
		return m->date / 86400 < n->day;
	case CV_SEARCH_ON:
		return m->date / 86400 == n->day;
	case CV_SEARCH_LARGER:
		return m->text.len > n->number;
	case CV_SEARCH_SMALLER:
		return m->text.len < n->number;
	case CV_SEARCH_HEADER:
		return header_has(m->text, n->field, n->text);
	case CV_SEARCH_BODY:
	case CV_SEARCH_TEXT:
		return has_text(m->text, n->text);
	default:
		return true;
	}
}

static int user_settle(struct cv_user *u, struct cv_error *err)
{
	u->settled++;
	if (u->settle_fails == 0)
		return CV_OK;
	u->settle_fails--;
	return FAIL(err, CV_E_TEMP, "cannot sync");
}

static int box_search(struct cv_mailbox *v, const struct cv_search_query *q,
		      struct cv_pool *pool, struct cv_set *seqs_r,
		      struct cv_error *err)
{
	*seqs_r = set_room(pool);
	for (uint32_t seq = 1; seq <= v->count; seq++) {
		if (node_matches(v, seq, q, 0))
			set_add(seqs_r, seq);
	}
	return CV_OK;
}

/* --- saving --------------------------------------------------------------- */

struct cv_save {
	struct mock_box *box;
	struct cv_text text;
	struct mock_message message;
	bool finished;
};

static int box_save_begin(struct cv_user *u, const char *name,
			  struct cv_save **save_r, struct cv_error *err)
{
	struct mock_box *box = mock_box_find(u, name);

	if (box == NULL || !box->exists)
		return FAIL(err, CV_E_NOT_FOUND, "no such mailbox");
	*save_r = pool_new(u->pool, struct cv_save);
	(*save_r)->box = box;
	cv_text_init(&(*save_r)->text, u->pool);
	return CV_OK;
}

static int box_save_add(struct cv_save *save, const struct cv_save_request *r,
			struct cv_error *err)
{
	if (save->box->count == MOCK_MESSAGES_MAX) {
		error_set_client(err, "Quota exceeded");
		return FAIL(err, CV_E_LIMIT, "full");
	}
	save->message.flags = r->flags;
	save->message.date = r->internal_date == INT64_MIN ? 0 :
		r->internal_date;
	for (uint32_t i = 0; i < r->keywords.count; i++)
		(void)snprintf(save->message.keywords, 64, "%s",
			       r->keywords.names[i]);
	return CV_OK;
}

static int box_save_write(struct cv_save *save, const void *data, size_t len,
			  struct cv_error *err)
{
	if (current->fail_save < 0)
		return FAIL(err, current->fail_save, "no");
	cv_text_append(&save->text, data, len);
	return CV_OK;
}

static int box_save_finish(struct cv_save *save, struct cv_error *err)
{
	save->finished = true;
	return CV_OK;
}

static int box_save_commit(struct cv_save **save, struct cv_pool *pool,
			   uint32_t *uidvalidity_r, struct cv_set *uids_r,
			   struct cv_error *err)
{
	struct mock_box *box = (*save)->box;

	BUG_IF(!(*save)->finished);
	(*save)->message.uid = box->uidnext++;
	(*save)->message.text = cv_text_span(&(*save)->text);
	box->messages[box->count++] = (*save)->message;
	*uidvalidity_r = box->uidvalidity;
	*uids_r = set_room(pool);
	set_add(uids_r, (*save)->message.uid);
	*save = NULL;
	return CV_OK;
}

static void box_save_abort(struct cv_save **save)
{
	BUG_IF(*save == NULL);
	*save = NULL;
}

/* --- session -------------------------------------------------------------- */

static struct cv_connection *ses_connection(struct cv_session *s)
{
	return &s->conn;
}

static struct cv_user *ses_user(struct cv_session *s) { return &s->user; }
static struct cv_pool *ses_pool(struct cv_session *s) { return s->pool; }

static const void *ses_settings(struct cv_session *s, struct cv_plugin *self)
{
	return &mock_settings;
}

static struct cv_span ses_tag(struct cv_session *s)
{
	return CV_SPAN("login");
}

static const char *ses_text(struct cv_session *s) { return "x"; }
static bool ses_stopping(struct cv_session *s) { return s->stopping; }

static const char *ses_stop_reason(struct cv_session *s)
{
	return s->stopping ? "Server shutting down." : NULL;
}
static void ses_activity(struct cv_session *s, const char *a) { }

static void ses_stats(struct cv_session *s, const char *text)
{
	(void)snprintf(s->stats, sizeof(s->stats), "%s", text);
}

static int ses_command(struct cv_session *s, struct cv_span verb,
		       struct cv_span args, struct cv_error *err)
{
	if (s->meanwhile != NULL && cv_span_is(verb, "UID")) {
		s->meanwhile(s);
		s->meanwhile = NULL;
	}
	if (s->refuse_command < 0)
		return FAIL(err, s->refuse_command, "refused");
	return CV_OK;
}

struct cv_session *mock_session_new(void)
{
	static const char *const texts[] = {
		"From: a@x\r\nTo: b@x\r\nSubject: one\r\n\r\nbody one\r\n",
		"From: c@x\r\nSubject: two\r\nX-Y: z\r\n\r\ntwo body\r\n",
		"Subject: three\r\n\r\nthe third\r\n",
	};
	struct cv_pool *pool = pool_create("mock session");
	struct cv_session *s = pool_new(pool, struct cv_session);
	struct mock_box *inbox;

	s->pool = s->user.pool = pool;
	cv_text_init(&s->conn.out, pool);
	inbox = box_new(&s->user, "INBOX");
	for (int i = 0; i < 3; i++)
		mock_deliver(inbox, i == 0 ? CV_FLAG_SEEN : 0, texts[i]);
	box_new(&s->user, "Sent Items")->use = CV_MAILBOX_USE_SENT;
	box_new(&s->user, "a/b")->subscribed = true;
	box_new(&s->user, "f\xc3\xbcr")->subscribed = true;
	return s;
}

void mock_session_free(struct cv_session **s)
{
	struct cv_pool *pool = (*s)->pool;

	*s = NULL;
	pool_destroy(&pool);
}

const char *mock_session_play(struct cv_session *s, struct cv_span script,
			      size_t step)
{
	struct cv_error err = ERROR_NONE;
	const char *greeting_end;
	int status;

	current = s;
	s->conn.script = script;
	s->conn.at = s->conn.skipped = 0;
	s->conn.step = step;
	cv_text_reset(&s->conn.out);
	status = mock_protocol.run(s, &err);
	/* CV_EOF: the script ends without LOGOUT */
	BUG_IF(status != CV_OK && status != CV_EOF);
	greeting_end = strstr(cv_text_str(&s->conn.out), "\r\n");
	BUG_IF(greeting_end == NULL);
	return greeting_end + 2;
}

static const struct cv_connection_api mock_connection_api = {
	CV_SIZED(cv_connection_api), .peek = conn_peek, .skip = conn_skip,
	.fill = conn_fill, .write = conn_write, .print = conn_printf,
	.write_stream = conn_write_stream, .flush = conn_flush,
	.failed = conn_failed, .wait = conn_wait, .is_secure = conn_secure,
	.remote_address = conn_address, .local_address = conn_address,
	.bytes_in = conn_in, .bytes_out = conn_out,
};

static const struct cv_stream_api mock_stream_api = {
	CV_SIZED(cv_stream_api), .seek = stream_seek, .close = stream_close,
};

static const struct cv_user_api mock_user_api = {
	CV_SIZED(cv_user_api), .name = user_name, .home = user_name,
	.namespace_at = user_namespace,
};

static const struct cv_mailbox_api mock_mailbox_api = {
	CV_SIZED(cv_mailbox_api), .list_begin = box_list_begin,
	.list_next = box_list_next, .list_end = box_list_end,
	.create = box_create, .remove = box_remove, .rename = box_rename,
	.subscribe = box_subscribe, .status = box_status, .open = box_open,
	.close = box_close, .state = box_state, .sync = box_sync,
	.watch_fd = box_watch_fd, .watch_clear = box_watch_clear,
	.uids_to_seqs = box_uids_to_seqs, .uid_of = box_uid_of,
	.message = box_message, .section = box_section, .store = box_store,
	.expunge = box_expunge, .copy = box_copy, .search = box_search,
	.save_begin = box_save_begin, .save_add = box_save_add,
	.save_write = box_save_write, .save_finish = box_save_finish,
	.save_commit = box_save_commit, .save_abort = box_save_abort,
	.settle = user_settle,
};

static const struct cv_session_api mock_session_api = {
	CV_SIZED(cv_session_api), .connection = ses_connection,
	.user = ses_user, .pool = ses_pool, .settings = ses_settings,
	.login_tag = ses_tag, .id = ses_text, .hostname = ses_text,
	.stopping = ses_stopping, .stop_reason = ses_stop_reason,
	.set_activity = ses_activity,
	.set_logout_stats = ses_stats, .command = ses_command,
};

const void *mock_session_service(const char *name)
{
	static const struct { const char *name; const void *table; } all[] = {
		{ "connection", &mock_connection_api },
		{ "stream", &mock_stream_api },
		{ "user", &mock_user_api },
		{ "mailbox", &mock_mailbox_api },
		{ "session", &mock_session_api },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(name, all[i].name) == 0)
			return all[i].table;
	}
	return NULL;
}
