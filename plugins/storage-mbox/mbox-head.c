/* mbox-head.c - header fields in which mail programs keep what they know of
 * a message: read, hidden from clients, and kept apart from fields of the
 * same names that a message brings along. */
#include "mbox.h"

static const char kept_name[] = "X-Culver-Kept: ";
static const char no_end_line[] = "X-Culver-End: yes\n";

static const struct { const char *name; uint32_t kind; } hidden_names[] = {
	{ "status", MBOX_LINE_STATUS },
	{ "x-status", MBOX_LINE_X_STATUS },
	{ "x-keywords", MBOX_LINE_X_KEYWORDS },
	{ "x-uid", MBOX_LINE_X_UID },
	{ "x-imap", MBOX_LINE_X_IMAP },
	{ "x-imapbase", MBOX_LINE_X_IMAPBASE },
	{ "lines", MBOX_LINE_LINES },	/* mutt adds it when it rewrites */
	{ "content-length", MBOX_LINE_LENGTH },
	{ "x-culver-kept", MBOX_LINE_KEPT },
	{ "x-culver-end", MBOX_LINE_NO_END },
};

static void classify(struct cv_span line, bool is_first,
		     struct mbox_line *l)
{
	struct cv_span rest = line, name;
	int64_t received;

	l->kind = MBOX_LINE_PLAIN;
	l->value = CV_SPAN_NONE;
	if (line.len > 0 && line.data[line.len - 1] == '\n')
		line.len--;
	if (!is_first && mbox_from_parse(line, &received)) {
		l->kind = MBOX_LINE_FROM;
		return;
	}
	if (!cv_span_split(&rest, ':', &name) || rest.data == NULL)
		return;
	while (name.len > 0 && (name.data[name.len - 1] == ' ' ||
				name.data[name.len - 1] == '\t'))
		name.len--;
	for (size_t i = 0; i < sizeof(hidden_names) / sizeof(hidden_names[0]);
	     i++) {
		if (cv_span_is_icase(name, hidden_names[i].name)) {
			l->kind = hidden_names[i].kind;
			l->value = cv_span_trim(rest);
		}
	}
	/* only in exactly our form: what is hidden must be what was added */
	if (l->kind == MBOX_LINE_KEPT &&
	    !cv_span_begins(line, cv_span_of(kept_name)))
		l->kind = MBOX_LINE_PLAIN;
	if (l->kind == MBOX_LINE_NO_END &&
	    !cv_span_is(l->value, "yes"))
		l->kind = MBOX_LINE_PLAIN;
}

static bool is_folded(const char *data, size_t len, size_t at)
{
	return at < len && (data[at] == ' ' || data[at] == '\t');
}

bool mbox_head_next(struct cv_span data, bool whole, size_t *at,
		    struct mbox_line *line)
{
	const char *start = data.data + *at, *lf;
	size_t left = data.len - *at, end;

	line->at = *at;
	line->len = 0;
	if (left == 0 && !whole)
		return false;
	lf = left == 0 ? NULL : memchr(start, '\n', left);
	if (lf == NULL && !whole)
		return false;
	if (left == 0) {
		line->kind = MBOX_LINE_END;
		return true;
	}
	if (start[0] == '\n' || (left > 1 && start[0] == '\r' &&
				 start[1] == '\n')) {
		line->kind = MBOX_LINE_END;
		line->len = (size_t)(lf - start) + 1;
		*at += line->len;
		return true;
	}
	end = lf == NULL ? data.len : (size_t)(lf - data.data) + 1;
	classify(cv_span(start, end - *at), false, line);
	if (line->kind == MBOX_LINE_FROM)
		return true;
	/* lines that are folded belong to it */
	while (lf != NULL) {
		if (end == data.len && !whole)
			return false;
		if (!is_folded(data.data, data.len, end))
			break;
		lf = memchr(data.data + end, '\n', data.len - end);
		if (lf == NULL && !whole)
			return false;
		end = lf == NULL ? data.len : (size_t)(lf - data.data) + 1;
	}
	line->len = end - *at;
	*at = end;
	return true;
}

/* --- what the fields say ------------------------------------------------------ */

static void parse_status(struct cv_span value, bool extended,
			 struct mbox_head *head)
{
	for (size_t i = 0; i < value.len; i++) {
		switch (value.data[i]) {
		case 'R':
			head->flags |= extended ? 0 : CV_FLAG_SEEN;
			break;
		case 'O':
			head->old |= !extended;
			break;
		case 'A':
			head->flags |= extended ? CV_FLAG_ANSWERED : 0;
			break;
		case 'F':
			head->flags |= extended ? CV_FLAG_FLAGGED : 0;
			break;
		case 'T':
			head->flags |= extended ? CV_FLAG_DRAFT : 0;
			break;
		case 'D':
			head->flags |= extended ? CV_FLAG_DELETED : 0;
			break;
		}
	}
}

/* "UIDVALIDITY LASTUID KEYWORD ..." */
static void parse_base(struct cv_span data, struct cv_span value,
		       struct mbox_head *head)
{
	struct cv_span rest = value, word;
	uint64_t validity, last;
	const char *digits;

	if (!cv_span_split(&rest, ' ', &word) ||
	    !cv_span_to_u64(word, UINT32_MAX, &validity) || validity == 0)
		return;
	rest = cv_span_trim(rest);
	digits = rest.data;
	if (!cv_span_split(&rest, ' ', &word) ||
	    !cv_span_to_u64(word, UINT32_MAX - 1, &last))
		return;
	head->base_validity = (uint32_t)validity;
	head->base_last = (uint32_t)last;
	head->base_keywords = rest;
	/* ten digits can be written over */
	head->base_at = word.len == 10 ? (uint32_t)(digits - data.data) : 0;
}

static void parse_field(struct cv_span data, const struct mbox_line *line,
			struct mbox_head *head)
{
	uint64_t value;

	switch (line->kind) {
	case MBOX_LINE_STATUS:
		parse_status(line->value, false, head);
		break;
	case MBOX_LINE_X_STATUS:
		parse_status(line->value, true, head);
		break;
	case MBOX_LINE_X_KEYWORDS:
		head->keywords = line->value;
		break;
	case MBOX_LINE_X_UID:
		head->uid = cv_span_to_u64(line->value, UINT32_MAX - 1,
					   &value) ? (uint32_t)value : 0;
		break;
	case MBOX_LINE_X_IMAP:
		head->is_pseudo = true;
		parse_base(data, line->value, head);
		break;
	case MBOX_LINE_X_IMAPBASE:
		parse_base(data, line->value, head);
		break;
	case MBOX_LINE_LENGTH:
		head->length = cv_span_to_u64(line->value, INT64_MAX,
					      &value) ? value : UINT64_MAX;
		break;
	}
}

static bool is_meta(uint32_t kind)
{
	return kind >= MBOX_LINE_STATUS && kind <= MBOX_LINE_LENGTH;
}

static void note_run(const struct mbox_line *line, bool *broken,
		     struct mbox_head *head)
{
	if (head->meta_len == 0)
		head->meta_at = (uint32_t)line->at;
	else if (head->meta_at + head->meta_len != line->at)
		*broken = true;
	head->meta_len += (uint32_t)line->len;
}

bool mbox_head_parse(struct cv_span data, bool whole, struct mbox_head *head)
{
	struct mbox_line line;
	size_t at = 0;
	bool broken = false;

	*head = (struct mbox_head){ .length = UINT64_MAX };
	for (;;) {
		if (!mbox_head_next(data, whole, &at, &line))
			return false;
		if (line.kind == MBOX_LINE_END || line.kind == MBOX_LINE_FROM)
			break;
		if (is_meta(line.kind)) {
			note_run(&line, &broken, head);
			parse_field(data, &line, head);
		}
	}
	head->len = line.kind == MBOX_LINE_FROM ? line.at :
		line.at + line.len;
	if (broken)
		head->meta_len = 0;
	return true;
}

/* --- what clients see ----------------------------------------------------------- */

void mbox_head_show(struct cv_span head, struct cv_text *dst)
{
	struct mbox_line line;
	size_t at = 0, before = dst->len;

	while (at < head.len && mbox_head_next(head, true, &at, &line)) {
		struct cv_span bytes = cv_span(head.data + line.at, line.len);

		if (line.kind == MBOX_LINE_FROM)
			break;
		if (line.kind == MBOX_LINE_NO_END && dst->len > before &&
		    dst->data[dst->len - 1] == '\n')
			dst->data[--dst->len] = '\0';
		if (is_meta(line.kind) || line.kind == MBOX_LINE_NO_END)
			continue;
		if (line.kind == MBOX_LINE_KEPT)
			bytes = cv_span_skip(bytes, strlen(kept_name));
		cv_text_append_span(dst, bytes);
	}
}

bool mbox_head_hide(struct cv_span data, bool whole, struct cv_text *dst,
		    size_t *body_at_r)
{
	struct mbox_line line;
	size_t at = 0;

	*body_at_r = data.len;
	while (at < data.len && mbox_head_next(data, true, &at, &line)) {
		struct cv_span bytes = cv_span(data.data + line.at,
					       line.len);

		if (line.kind == MBOX_LINE_FROM) {
			const char *lf = memchr(bytes.data, '\n',
						data.len - line.at);

			/* only to the end of its line: what is folded behind
			 * it is read again as what it is */
			bytes.len = lf == NULL ? data.len - line.at :
				(size_t)(lf - bytes.data) + 1;
			at = line.at + bytes.len;
			line.kind = MBOX_LINE_KEPT;
		}
		if (line.kind != MBOX_LINE_PLAIN &&
		    line.kind != MBOX_LINE_END)
			cv_text_append_str(dst, kept_name);
		cv_text_append_span(dst, bytes);
		if (line.kind == MBOX_LINE_END) {
			*body_at_r = at;
			return true;
		}
	}
	/* it ends within the header: a line end is needed, and taken away
	 * again */
	if (whole && data.len > 0 && data.data[data.len - 1] != '\n') {
		cv_text_append_c(dst, '\n');
		cv_text_append_str(dst, no_end_line);
	}
	return false;
}

size_t mbox_head_blank(struct cv_span head)
{
	const char *end = head.data + head.len;

	if (head.len == 0 || end[-1] != '\n')
		return 0;
	if (head.len == 1 || end[-2] == '\n')
		return 1;
	return end[-2] == '\r' && (head.len == 2 || end[-3] == '\n') ? 2 : 0;
}
