/* crash-seen.c - see crash-seen.h. */
#include "crash-seen.h"

enum { FLAGS = CV_FLAG_SEEN | CV_FLAG_FLAGGED | CV_FLAG_DELETED };

static const char *look_box(struct fixture *f, struct seen *seen,
			    struct seen_box *b)
{
	struct cv_mailbox *box;
	struct cv_mailbox_state state;
	uint32_t number = (uint32_t)(b - seen->boxes), last = 0;

	if (mailbox_api.open(f->user, b->name, 0, &box, &f->err) < 0)
		return pool_printf(f->pool, "a listed mailbox cannot be "
				   "opened: %s", f->err.text);
	state = fixture_state(box);
	b->uidvalidity = state.uidvalidity;
	b->uidnext = state.uidnext;
	b->modseq = state.highestmodseq;
	for (uint32_t seq = 1; seq <= state.messages; seq++) {
		struct seen_message *m =
			&seen->messages[seen->message_count++];
		struct cv_message_data d = fixture_message(f, box, seq,
			CV_MESSAGE_KEYWORDS | CV_MESSAGE_ANNOTATIONS);
		uint32_t notes = fixture_notes_sum(&d);
		bool keyword = d.keywords.count > 0;
		const char *text = fixture_try_body(f, box, seq);

		if (text == NULL)
			return pool_printf(f->pool, "message %u of '%s' "
				"cannot be read: %s", seq, b->name,
				f->err.text);
		assert_true(seen->message_count < SEEN_MESSAGES_MAX);
		*m = (struct seen_message){ number,
			mailbox_api.uid_of(box, seq), d.flags & FLAGS,
			crc32c(0, text, strlen(text)), notes,
			(uint32_t)strlen(text), keyword };
		if (m->uid <= last || m->uid >= state.uidnext)
			return "UIDs out of order";
		last = m->uid;
	}
	mailbox_api.close(&box);
	return NULL;
}

const char *seen_look(struct fixture *f, struct seen *seen)
{
	struct cv_list_query query = { CV_SIZED(cv_list_query) };
	struct cv_list_entry entry = { CV_SIZED(cv_list_entry) };
	const char *pattern = "*", *wrong = NULL;
	struct cv_list *list;

	memset(seen, 0, sizeof(*seen));
	query.patterns = &pattern;
	query.pattern_count = 1;
	query.options = CV_LIST_RETURN_SUBSCRIBED;
	query.reference = "";
	ok(f, mailbox_api.list_begin(f->user, &query, &list, &f->err));
	while (mailbox_api.list_next(list, &entry, &f->err) == CV_OK) {
		struct seen_box *b = &seen->boxes[seen->box_count++];

		assert_true(seen->box_count < SEEN_BOXES_MAX);
		(void)snprintf(b->name, sizeof(b->name), "%s", entry.name);
		b->subscribed = (entry.attributes & CV_MAILBOX_SUBSCRIBED) != 0;
	}
	mailbox_api.list_end(&list);
	for (uint32_t i = 0; i < seen->box_count && wrong == NULL; i++)
		wrong = look_box(f, seen, &seen->boxes[i]);
	return wrong;
}

const struct seen_box *seen_box_named(const struct seen *seen,
				      const char *name)
{
	for (uint32_t i = 0; i < seen->box_count; i++) {
		if (strcmp(seen->boxes[i].name, name) == 0)
			return &seen->boxes[i];
	}
	return NULL;
}

const struct seen_message *seen_find(const struct seen *seen,
				     const char *box, uint32_t uid)
{
	for (uint32_t i = 0; i < seen->message_count; i++) {
		const struct seen_message *m = &seen->messages[i];

		if (m->uid == uid &&
		    strcmp(seen->boxes[m->box].name, box) == 0)
			return m;
	}
	return NULL;
}

static bool flags_equal(const struct seen_message *a,
			const struct seen_message *b)
{
	return a != NULL && b != NULL && a->flags == b->flags &&
		a->keyword == b->keyword;
}

bool seen_is_state(const struct seen *now, const struct seen *want,
		   const struct seen *other)
{
	if (now->box_count != want->box_count ||
	    now->message_count != want->message_count)
		return false;
	for (uint32_t i = 0; i < now->box_count; i++) {
		const struct seen_box *b = seen_box_named(want,
							  now->boxes[i].name);

		if (b == NULL || (other == NULL &&
		    b->uidvalidity != now->boxes[i].uidvalidity) ||
		    b->subscribed != now->boxes[i].subscribed)
			return false;
	}
	for (uint32_t i = 0; i < now->message_count; i++) {
		const struct seen_message *m = &now->messages[i];
		const char *name = now->boxes[m->box].name;
		const struct seen_message *w = seen_find(want, name, m->uid);

		/* no file's name has them: they are all there or not */
		if (w == NULL || w->body != m->body || w->notes != m->notes)
			return false;
		if (!flags_equal(w, m) && (other == NULL ||
		    !flags_equal(seen_find(other, name, m->uid), m)))
			return false;
	}
	return true;
}

bool seen_is_part(const struct seen *now, const struct seen *want,
		  const char *box)
{
	for (uint32_t i = 0; i < now->message_count; i++) {
		const struct seen_message *m = &now->messages[i];
		const char *name = now->boxes[m->box].name;

		/* found anew, it may have other UIDs there */
		if (strcmp(name, box) != 0 && seen_find(want, name,
							m->uid) == NULL)
			return false;
	}
	for (uint32_t i = 0; i < want->message_count; i++) {
		const struct seen_message *m = &want->messages[i];
		const char *name = want->boxes[m->box].name;
		const struct seen_message *n = seen_find(now, name, m->uid);

		if (strcmp(name, box) != 0 &&
		    (n == NULL || n->body != m->body || n->notes != m->notes ||
		     !flags_equal(n, m)))
			return false;
	}
	return now->box_count == want->box_count;
}

const char *seen_check_growth(const struct seen *now,
			      const struct seen *acked)
{
	for (uint32_t i = 0; i < acked->box_count; i++) {
		const struct seen_box *was = &acked->boxes[i];
		const struct seen_box *is = seen_box_named(now, was->name);

		if (is == NULL)
			continue;	/* renamed or removed */
		if (is->uidvalidity < was->uidvalidity)
			return "UIDVALIDITY went back";
		if (is->uidvalidity > was->uidvalidity)
			continue;	/* made anew */
		if (is->uidnext < was->uidnext)
			return "UIDNEXT went back";
		if (is->modseq < was->modseq)
			return "HIGHESTMODSEQ went back";
	}
	return NULL;
}
