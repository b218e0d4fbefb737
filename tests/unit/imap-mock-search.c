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

int mock_box_search(struct cv_mailbox *v, const struct cv_search_query *q,
		    struct cv_pool *pool, struct cv_set *seqs_r,
		    struct cv_error *err)
{
	*seqs_r = mock_set_room(pool);
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
	struct mock_message message;
	bool finished;
};

int mock_box_save_begin(struct cv_user *u, const char *name,
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

int mock_box_save_add(struct cv_save *save, const struct cv_save_request *r,
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

int mock_box_save_write(struct cv_save *save, const void *data, size_t len,
			struct cv_error *err)
{
	if (mock_current->fail_save < 0)
		return FAIL(err, mock_current->fail_save, "no");
	cv_text_append(&save->text, data, len);
	return CV_OK;
}

int mock_box_save_finish(struct cv_save *save, struct cv_error *err)
{
	save->finished = true;
	return CV_OK;
}

int mock_box_save_commit(struct cv_save **save, struct cv_pool *pool,
			 uint32_t *uidvalidity_r, struct cv_set *uids_r,
			 struct cv_error *err)
{
	struct mock_box *box = (*save)->box;

	BUG_IF(!(*save)->finished);
	(*save)->message.uid = box->uidnext++;
	(*save)->message.text = cv_text_span(&(*save)->text);
	box->messages[box->count++] = (*save)->message;
	*uidvalidity_r = box->uidvalidity;
	*uids_r = mock_set_room(pool);
	mock_set_add(uids_r, (*save)->message.uid);
	*save = NULL;
	return CV_OK;
}

void mock_box_save_abort(struct cv_save **save)
{
	BUG_IF(*save == NULL);
	*save = NULL;
}
