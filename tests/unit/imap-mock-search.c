/* imap-mock-search.c - finding messages, and saving new ones. */
#include "imap-mock-private.h"

#include <stdio.h>

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
	struct cv_span head = cv_span(text.data, mock_header_len(text)), line;

	while (cv_span_split(&head, '\n', &line)) {
		struct cv_span name, rest = line;

		(void)cv_span_split(&rest, ':', &name);
		if (rest.data != NULL && cv_span_equal_icase(name, field) &&
		    has_text(rest, needle))
			return true;
	}
	return false;
}

/* By its very name, not by a pattern. */
static bool is_annotated(const struct mock_message *m,
			 const struct cv_search_node *n)
{
	for (uint32_t i = 0; i < m->annotation_count; i++) {
		const struct cv_annotation *a = &m->annotations[i];

		if (a->value.data == NULL ||
		    !cv_span_equal(a->entry, n->field) ||
		    !(n->flags & (a->is_private ? 1 : 2)))
			continue;
		if (n->number == 1 || has_text(a->value, n->text))
			return n->number == 0;
	}
	return n->number == 1;
}

static bool node_matches(struct cv_mailbox *v, uint32_t seq,
			 const struct cv_search_query *q, uint32_t index)
{
	const struct cv_search_node *n = &q->nodes[index];
	const struct mock_message *m = mock_message_find(v->box,
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
		return mock_set_has(n->set, seq);
	case CV_SEARCH_UIDS:
		return mock_set_has(n->set, m->uid);
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
	case CV_SEARCH_MODSEQ:
		return m->modseq >= n->number;
	case CV_SEARCH_LARGER:
		return m->text.len > n->number;
	case CV_SEARCH_SMALLER:
		return m->text.len < n->number;
	case CV_SEARCH_HEADER:
		return header_has(m->text, n->field, n->text);
	case CV_SEARCH_BODY:
	case CV_SEARCH_TEXT:
		return has_text(m->text, n->text);
	case CV_SEARCH_ANNOTATION:
		return is_annotated(m, n);
	default:
		return true;
	}
}

int mock_box_search(struct cv_mailbox *v, const struct cv_search_query *q,
		    struct cv_pool *pool, struct cv_set *seqs_r,
		    struct cv_error *err)
{
	struct cv_user *u = v->user;

	*seqs_r = mock_set_room(pool);
	if (u->total != 0 && u->progress(u->progress_context, u->done,
					 u->total) < 0)
		return FAIL(err, CV_E_TEMP, "given up");
	for (uint32_t seq = 1; seq <= v->count; seq++) {
		if (node_matches(v, seq, q, 0))
			mock_set_add(seqs_r, seq);
	}
	return CV_OK;
}

/* --- saving --------------------------------------------------------------- */

struct cv_save {
	struct mock_box *box;
	struct cv_text text;
	struct mock_message messages[MOCK_MESSAGES_MAX];
	uint32_t count;
	bool adding;
	struct mock_box *from;		/* of what is replaced; NULL */
	uint32_t replaced;
};

int mock_box_save_begin(struct cv_user *u, const char *name,
			struct cv_save **save_r, struct cv_error *err)
{
	struct mock_box *box = mock_box_find(u, name);

	if (box == NULL || !box->exists)
		return FAIL(err, CV_E_NOT_FOUND, "no such mailbox");
	*save_r = pool_new(u->pool, struct cv_save);
	(*save_r)->box = box;
	return CV_OK;
}

int mock_box_save_replace(struct cv_save *save, struct cv_mailbox *v,
			  uint32_t seq, struct cv_error *err)
{
	BUG_IF(save->count > 0 || seq == 0 || seq > v->count);
	if (v->readonly)
		return FAIL(err, CV_E_DENIED, "read-only");
	if (mock_message_find(v->box, v->uids[seq - 1]) == NULL)
		return CV_NOT_FOUND;
	save->from = v->box;
	save->replaced = v->uids[seq - 1];
	return CV_OK;
}

int mock_box_save_add(struct cv_save *save, const struct cv_save_request *r,
		      struct cv_error *err)
{
	struct mock_message *m = &save->messages[save->count];

	BUG_IF(save->adding);
	if (save->box->count + save->count >= MOCK_MESSAGES_MAX) {
		error_set_client(err, "Quota exceeded");
		return FAIL(err, CV_E_QUOTA, "full");
	}
	*m = (struct mock_message){ .flags = r->flags,
		.date = r->internal_date == INT64_MIN ? 0 :
			r->internal_date };
	for (uint32_t i = 0; i < r->keywords.count; i++)
		(void)snprintf(m->keywords, 64, "%s", r->keywords.names[i]);
	for (uint32_t i = 0; i < r->annotation_count; i++)
		mock_message_annotate(m, &r->annotations[i]);
	cv_text_init(&save->text, mock_current->user.pool);
	save->adding = true;
	return CV_OK;
}

int mock_box_save_write(struct cv_save *save, const void *data, size_t len,
			struct cv_error *err)
{
	BUG_IF(!save->adding);
	if (mock_current->fail_save < 0)
		return FAIL(err, mock_current->fail_save, "no");
	cv_text_append(&save->text, data, len);
	return CV_OK;
}

int mock_box_save_finish(struct cv_save *save, struct cv_error *err)
{
	BUG_IF(!save->adding);
	save->adding = false;
	save->messages[save->count++].text = cv_text_span(&save->text);
	return CV_OK;
}

static bool remove_replaced(struct cv_save *save)
{
	struct mock_box *box = save->from;
	const struct mock_message *m =
		mock_message_find(box, save->replaced);
	uint32_t at;

	if (m == NULL)
		return false;
	at = (uint32_t)(m - box->messages);
	memmove(&box->messages[at], &box->messages[at + 1],
		sizeof(box->messages[0]) * (box->count - at - 1));
	box->count--;
	return true;
}

int mock_box_save_commit(struct cv_save **save, struct cv_pool *pool,
			 uint32_t *uidvalidity_r, struct cv_set *uids_r,
			 struct cv_error *err)
{
	struct cv_save *sv = *save;
	struct mock_box *box = sv->box;

	BUG_IF(sv->adding || sv->count == 0);
	*save = NULL;
	if (sv->from != NULL && !remove_replaced(sv))
		return CV_NOT_FOUND;
	*uidvalidity_r = box->uidvalidity;
	*uids_r = mock_set_room(pool);
	for (uint32_t i = 0; i < sv->count; i++) {
		sv->messages[i].uid = box->uidnext++;
		sv->messages[i].modseq = ++box->modseq;
		mock_set_add(uids_r, sv->messages[i].uid);
		box->messages[box->count++] = sv->messages[i];
	}
	return CV_OK;
}

void mock_box_save_abort(struct cv_save **save)
{
	BUG_IF(*save == NULL);
	*save = NULL;
}
