/* imap-mock-mailbox.c - an open mailbox: its view, messages and changes. */
#include "imap-mock-private.h"

#include <stdio.h>

/* --- views ---------------------------------------------------------------- */

struct mock_message *mock_message_find(struct mock_box *box, uint32_t uid)
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

int mock_box_sync(struct cv_mailbox *v, uint32_t flags,
		  struct cv_mailbox_changes *ch, struct cv_error *err)
{
	uint32_t out = 0, gone = 0, changed = 0;
	bool waits = false;

	*ch = (struct cv_mailbox_changes){ CV_SIZED(cv_mailbox_changes) };
	if (!v->box->exists)
		return FAIL(err, CV_E_NOT_FOUND, "deleted");
	for (uint32_t i = 0; i < v->count; i++) {
		const struct mock_message *m = mock_message_find(v->box,
							      v->uids[i]);

		if (m == NULL && (flags & CV_SYNC_NO_EXPUNGES) == 0) {
			v->expunged[gone].first = v->expunged[gone].last =
				i + 1;
			v->expunged_uids[gone].first =
				v->expunged_uids[gone].last = v->uids[i];
			gone++;
			continue;
		}
		waits = waits || m == NULL;
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
	ch->expunged_uids = (struct cv_set){ v->expunged_uids, gone };
	if (!waits)
		v->known = v->box->modseq;
	ch->highestmodseq = v->known;
	ch->flags = (struct cv_set){ v->changed, changed };
	ch->messages = v->count;
	return CV_OK;
}

int mock_box_open(struct cv_user *u, const char *name, uint32_t flags,
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
	return mock_box_sync(v, 0, &changes, err);
}

void mock_box_close(struct cv_mailbox **box) { *box = NULL; }

uint32_t mock_annotations;

void mock_box_state(struct cv_mailbox *v, struct cv_mailbox_state *st)
{
	*st = (struct cv_mailbox_state){ CV_SIZED(cv_mailbox_state),
		.name = v->box->name, .messages = v->count,
		.uidnext = v->box->uidnext,
		.uidvalidity = v->box->uidvalidity, .readonly = v->readonly,
		.highestmodseq = v->box->modseq,
		.may_create_keywords = true,
		.annotations = v->readonly ? mock_annotations &
			(CV_ANNOTATIONS_READ | CV_ANNOTATIONS_PRIVATE) :
			mock_annotations,
		.permanent_flags = CV_FLAGS_STORED };
	for (uint32_t i = v->count; i-- > 0; ) {
		if ((v->flags[i] & CV_FLAG_SEEN) == 0)
			st->first_unseen = i + 1;
	}
}

int mock_box_watch_fd(struct cv_mailbox *v) { return 0; }
void mock_box_watch_clear(struct cv_mailbox *v) { }

bool mock_set_has(struct cv_set set, uint32_t number)
{
	for (uint32_t i = 0; i < set.count; i++) {
		if (number >= set.ranges[i].first &&
		    number <= set.ranges[i].last)
			return true;
	}
	return false;
}

void mock_set_add(struct cv_set *set, uint32_t number)
{
	struct cv_range *ranges = (struct cv_range *)set->ranges;

	if (set->count > 0 && ranges[set->count - 1].last + 1 == number) {
		ranges[set->count - 1].last = number;
		return;
	}
	ranges[set->count].first = ranges[set->count].last = number;
	set->count++;
}

struct cv_set mock_set_room(struct cv_pool *pool)
{
	struct cv_set set = { pool_new_array(pool, struct cv_range,
					     MOCK_MESSAGES_MAX), 0 };

	return set;
}

int mock_box_uids_to_seqs(struct cv_mailbox *v, struct cv_set uids,
			  struct cv_pool *pool, struct cv_set *seqs_r)
{
	*seqs_r = mock_set_room(pool);
	for (uint32_t i = 0; i < v->count; i++) {
		if (mock_set_has(uids, v->uids[i]))
			mock_set_add(seqs_r, i + 1);
	}
	return CV_OK;
}

uint32_t mock_box_uid_of(struct cv_mailbox *v, uint32_t seq)
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

int mock_box_message(struct cv_mailbox *v, uint32_t seq, uint32_t items,
		     struct cv_message_data *data, struct cv_error *err)
{
	const struct mock_message *m;

	BUG_IF(seq == 0 || seq > v->count);
	*data = (struct cv_message_data){ CV_SIZED(cv_message_data),
		.seq = seq, .uid = v->uids[seq - 1],
		.flags = v->flags[seq - 1] };
	keywords_of(v, v->keywords[seq - 1], &data->keywords);
	m = mock_message_find(v->box, data->uid);
	if (m == NULL)
		return (items & ~(uint32_t)CV_MESSAGE_KEYWORDS) == 0 ?
			CV_OK : CV_NOT_FOUND;
	data->modseq = m->modseq;
	data->internal_date = m->date;
	data->has_thread = (m->uid & 1) != 0;
	if (items & CV_MESSAGE_PREVIEW)
		data->preview = CV_SPAN("first \"words\"");
	if (items & CV_MESSAGE_ANNOTATIONS) {
		data->annotations = m->annotations;
		data->annotation_count = m->annotation_count;
	}
	data->size_bytes = m->text.len;
	data->envelope = CV_SPAN("(\"env\")");
	data->body = CV_SPAN("(\"body\")");
	data->bodystructure = CV_SPAN("(\"bs\")");
	return CV_OK;
}

size_t mock_header_len(struct cv_span text)
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
	struct cv_span head = cv_span(text.data, mock_header_len(text)), line;
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

int mock_box_section(struct cv_mailbox *v, uint32_t seq,
		     const struct cv_section *section,
		     struct cv_stream **stream_r, uint64_t *size_r,
		     struct cv_error *err)
{
	const struct mock_message *m = mock_message_find(v->box,
						      v->uids[seq - 1]);
	struct cv_stream *s = pool_new(v->user->pool, struct cv_stream);

	if (mock_current->fail_section < 0)
		return FAIL(err, mock_current->fail_section, "cannot read");
	if (m == NULL || section->part_count > 1 ||
	    (section->part_count == 1 && section->part[0] != 1))
		return CV_NOT_FOUND;
	s->data = m->text;
	if (section->kind == CV_SECTION_HEADER ||
	    section->kind == CV_SECTION_MIME)
		s->data.len = mock_header_len(m->text);
	else if (section->kind == CV_SECTION_TEXT || section->part_count > 0)
		s->data = cv_span_skip(m->text, mock_header_len(m->text));
	else if (section->kind == CV_SECTION_DECODED && s->data.len == 29)
		return FAIL(err, CV_E_UNSUPPORTED, "unknown encoding");
	else if (section->kind != CV_SECTION_ALL &&
		 section->kind != CV_SECTION_DECODED)
		s->data = header_fields(v->user->pool, m->text, section);
	*stream_r = s;
	*size_r = s->data.len;
	return CV_OK;
}

/* Which of two comes first. */
static int order_of(const struct cv_annotation *a,
		    const struct cv_annotation *b)
{
	size_t len = a->entry.len < b->entry.len ? a->entry.len :
		b->entry.len;
	int order = memcmp(a->entry.data, b->entry.data, len);

	if (order == 0)
		order = (int)a->entry.len - (int)b->entry.len;
	return order != 0 ? order : (int)b->is_private - (int)a->is_private;
}

void mock_message_annotate(struct mock_message *m,
			   const struct cv_annotation *new)
{
	struct cv_pool *pool = mock_current->user.pool;
	struct cv_annotation *list = m->annotations;
	uint32_t at = 0;

	while (at < m->annotation_count && order_of(&list[at], new) < 0)
		at++;
	if (at == m->annotation_count || order_of(&list[at], new) != 0) {
		BUG_IF(m->annotation_count == 8);
		memmove(list + at + 1, list + at,
			(m->annotation_count++ - at) * sizeof(*list));
	}
	list[at] = *new;
	list[at].entry = pool_span(pool, new->entry);
	if (new->value.data != NULL)
		list[at].value = pool_span(pool, new->value);
	list[at].modseq = m->modseq;
}

/* --- changes -------------------------------------------------------------- */

int mock_box_store(struct cv_mailbox *v, const struct cv_store_request *r,
		   struct cv_pool *pool, struct cv_set *modified_r,
		   struct cv_error *err)
{
	struct cv_set modified = mock_set_room(pool);
	uint64_t modseq = v->box->modseq + 1;

	for (uint32_t seq = 1; seq <= v->count; seq++) {
		struct mock_message *m = mock_message_find(v->box,
							v->uids[seq - 1]);

		if (!mock_set_has(r->seqs, seq) || m == NULL)
			continue;
		if (m->modseq > r->unchanged_since) {
			mock_set_add(&modified, seq);
			continue;
		}
		m->modseq = modseq;
		v->box->modseq = modseq;
		for (uint32_t i = 0; i < r->annotation_count; i++)
			mock_message_annotate(m, &r->annotations[i]);
		if (r->annotation_count > 0)
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
	if (modified_r != NULL)
		*modified_r = modified;
	return CV_OK;
}

/* Ascending, whatever order they went in. */
int mock_box_vanished(struct cv_mailbox *v, uint64_t since,
		      const struct cv_set *uids, struct cv_pool *pool,
		      struct cv_set *uids_r, struct cv_error *err)
{
	*uids_r = mock_set_room(pool);
	for (uint32_t uid = 1; uid < v->box->uidnext; uid++) {
		for (uint32_t i = 0; i < v->box->gone_count; i++) {
			if (v->box->gone[i].uid == uid &&
			    v->box->gone[i].modseq > since &&
			    (uids == NULL || mock_set_has(*uids, uid)))
				mock_set_add(uids_r, uid);
		}
	}
	return CV_OK;
}

static void message_remove(struct mock_box *box, uint32_t i)
{
	box->modseq++;
	if (box->gone_count < MOCK_MESSAGES_MAX) {
		box->gone[box->gone_count].uid = box->messages[i].uid;
		box->gone[box->gone_count++].modseq = box->modseq;
	}
	memmove(&box->messages[i], &box->messages[i + 1],
		sizeof(box->messages[0]) * (box->count - i - 1));
	box->count--;
}

int mock_box_expunge(struct cv_mailbox *v, const struct cv_set *uids,
		     struct cv_error *err)
{
	for (uint32_t i = v->box->count; i-- > 0; ) {
		const struct mock_message *m = &v->box->messages[i];

		if ((m->flags & CV_FLAG_DELETED) != 0 &&
		    (uids == NULL || mock_set_has(*uids, m->uid)))
			message_remove(v->box, i);
	}
	return CV_OK;
}

int mock_box_copy(struct cv_mailbox *v, struct cv_set seqs,
		  const char *name, bool move, struct cv_pool *pool,
		  struct cv_copy_result *result, struct cv_error *err)
{
	struct mock_box *to = mock_box_find(v->user, name);

	if (to == NULL || !to->exists)
		return FAIL(err, CV_E_NOT_FOUND, "no such mailbox");
	*result = (struct cv_copy_result){ CV_SIZED(cv_copy_result),
		.uidvalidity = to->uidvalidity,
		.source_uids = mock_set_room(pool),
		.uids = mock_set_room(pool) };
	for (uint32_t seq = 1; seq <= v->count; seq++) {
		struct mock_message *m = mock_message_find(v->box,
							v->uids[seq - 1]);

		if (!mock_set_has(seqs, seq) || m == NULL)
			continue;
		if (to->count == MOCK_MESSAGES_MAX)
			return FAIL(err, CV_E_QUOTA, "full");
		to->messages[to->count] = *m;
		to->messages[to->count].modseq = ++to->modseq;
		to->messages[to->count++].uid = to->uidnext;
		mock_set_add(&result->source_uids, m->uid);
		mock_set_add(&result->uids, to->uidnext++);
		result->count++;
		if (move)
			message_remove(v->box, (uint32_t)(m -
							  v->box->messages));
	}
	return CV_OK;
}

void mock_user_set_progress(struct cv_user *u, cv_progress_fn *fn,
			    void *context)
{
	u->progress = fn;
	u->progress_context = context;
}

int mock_user_settle(struct cv_user *u, struct cv_error *err)
{
	u->settled++;
	if (u->settle_fails == 0)
		return CV_OK;
	u->settle_fails--;
	return FAIL(err, CV_E_TEMP, "cannot sync");
}
