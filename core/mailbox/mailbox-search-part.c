/* mailbox-search-part.c - the search key that asks for one MIME part.
 *
 * Each key below it is answered for all parts of the message at once, from
 * the innermost out: no recursion, and a part is read once for each key that
 * looks into it.  What texts are compared by is that of Dovecot 2.3's
 * MIMEPART, whose administrators know these keys; DEPARTS: what is encoded is
 * found decoded, too, and HEADER, BODY and TEXT find something. */
#include "mailbox-search-private.h"
#include "message/encoded-word.h"
#include "message/message-parser.h"

struct part_search {
	struct search *s;
	const struct mime_tree *tree;
	struct cv_stream *file;
};

/* --- comparing ------------------------------------------------------------- */

static bool is_in(struct cv_span needle, struct cv_span text)
{
	return needle.len == 0 ||
		(text.len >= needle.len &&
		 memmem(text.data, text.len, needle.data, needle.len) != NULL);
}

/* As it is written, or decoded; nothing is in what is not there. */
static bool text_has(struct search *s, struct cv_span wanted,
		     struct cv_span text)
{
	if (text.data == NULL)
		return false;
	if (is_in(wanted, text))
		return true;
	cv_text_reset(&s->decoded);
	header_decode(&s->decoded, text);
	return is_in(wanted, cv_text_span(&s->decoded));
}

static bool is_text(struct cv_span wanted, struct cv_span text)
{
	return text.data != NULL && cv_span_equal_icase(wanted, text);
}

static bool has_language(const struct mime_header *h, struct cv_span wanted)
{
	for (uint32_t i = 0; i < h->language_count; i++) {
		if (cv_span_equal_icase(h->languages[i], wanted))
			return true;
	}
	return false;
}

static bool has_encoding(const struct mime_header *h, struct cv_span wanted)
{
	/* [RFC2045 6.1] without the field */
	return h->encoding.data == NULL ? cv_span_is_icase(wanted, "7bit") :
		cv_span_equal_icase(h->encoding, wanted);
}

static bool has_param(struct search *s, const struct mime_type *type,
		      const struct cv_search_node *n)
{
	struct cv_span value;

	for (uint32_t i = 0; i < type->param_count; i++) {
		const struct mime_param *p = &type->params[i];

		if (cv_span_equal_icase(p->name, n->field) &&
		    text_has(s, n->text, p->value))
			return true;
	}
	/* [RFC2045 5.2] what a text is in when it does not say */
	if (cv_span_is_icase(n->field, "charset") &&
	    cv_span_is_icase(type->type, "text") &&
	    mime_type_param(type, "charset") == NULL)
		return is_in(n->text, CV_SPAN("us-ascii"));
	/* what "name*" says, decoded */
	return mime_type_param_utf8(s->text_pool, type,
				    cv_span_copy(s->text_pool, n->field),
				    &value) && is_in(n->text, value);
}

static bool folds_to(const struct snode *n, struct cv_span form)
{
	struct cv_span wanted = n->needle.form;

	switch (n->node->flags) {
	case CV_PART_FILENAME_IS:
		return cv_span_equal(form, wanted);
	case CV_PART_FILENAME_BEGINS:
		return cv_span_begins(form, wanted);
	case CV_PART_FILENAME_ENDS:
		return form.len >= wanted.len &&
			cv_span_equal(cv_span_skip(form, form.len -
						   wanted.len), wanted);
	default:
		return is_in(wanted, form);
	}
}

static bool has_filename(struct search *s, const struct mime_header *h,
			 const struct snode *n)
{
	struct cv_span name;

	if (h->disposition.type.data == NULL ||
	    !mime_type_param_utf8(s->text_pool, &h->disposition, "filename",
				  &name))
		return false;
	cv_text_reset(&s->scratch);
	casemap_append(&s->scratch, s->map, name);
	return folds_to(n, cv_text_span(&s->scratch));
}

static bool in_addresses(struct search *s, const struct address_list *list,
			 struct cv_span wanted)
{
	struct cv_text text;

	cv_text_init(&text, s->text_pool);
	address_list_append(&text, list);
	return wanted.len == 0 || text_has(s, wanted, cv_text_span(&text));
}

static bool in_envelope(struct search *s, const struct message_envelope *e,
			const struct cv_search_node *n)
{
	switch (n->flags) {
	case CV_PART_SUBJECT:
		return text_has(s, n->text, e->subject);
	case CV_PART_IN_REPLY_TO:
		return text_has(s, n->text, e->in_reply_to);
	case CV_PART_MESSAGE_ID:
		return text_has(s, n->text, e->message_id);
	case CV_PART_BCC:
		return in_addresses(s, &e->bcc, n->text);
	case CV_PART_CC:
		return in_addresses(s, &e->cc, n->text);
	case CV_PART_TO:
		return in_addresses(s, &e->to, n->text);
	case CV_PART_FROM:
		return in_addresses(s, &e->from, n->text);
	/* [RFC9051 7.5.2] the envelope has From where these are missing */
	case CV_PART_REPLY_TO:
		return in_addresses(s, e->has_reply_to ? &e->reply_to :
				    &e->from, n->text);
	default:
		return in_addresses(s, e->has_sender ? &e->sender : &e->from,
				    n->text);
	}
}

static bool was_sent(const struct message_envelope *e,
		     const struct cv_search_node *n)
{
	static const uint32_t ops[] = {
		[CV_PART_SENT_BEFORE - CV_PART_SENT_BEFORE] =
			CV_SEARCH_SENT_BEFORE,
		[CV_PART_SENT_ON - CV_PART_SENT_BEFORE] = CV_SEARCH_SENT_ON,
		[CV_PART_SENT_SINCE - CV_PART_SENT_BEFORE] =
			CV_SEARCH_SENT_SINCE,
	};
	struct mail_date sent;

	/* [RFC9051 6.4.4] the day as it is written */
	return e->date.data != NULL && mail_date_parse(e->date, &sent) &&
		search_compare_time(ops[n->flags - CV_PART_SENT_BEFORE], n,
				    sent.time,
				    search_day_of(sent.time + sent.zone * 60));
}

/* --- keys ------------------------------------------------------------------ */

/* Only messages within the message have an envelope here. */
static bool match_envelope(struct search *s, const struct mime_part *part,
			   const struct cv_search_node *n)
{
	const struct message_envelope *e = part->info->envelope;

	if (part->parent == MIME_NONE || e == NULL)
		return false;
	return n->flags >= CV_PART_SENT_BEFORE ? was_sent(e, n) :
		in_envelope(s, e, n);
}

static bool match_size(const struct mime_part *part,
		       const struct cv_search_node *n)
{
	/* [RFC9051 7.5.2] body-type-mpart has no size */
	uint64_t size = part->flags & MIME_MULTIPART ? 0 : part->body.virtual;

	switch (n->flags) {
	case CV_PART_LARGER:
		return size > n->number;
	case CV_PART_SMALLER:
		return size < n->number;
	default:
		return size == n->number;
	}
}

/* What the part's own header says. */
static bool match_info(struct search *s, const struct mime_part *part,
		       const struct snode *sn)
{
	const struct cv_search_node *n = sn->node;
	const struct mime_header *h = part->info;

	switch (n->flags) {
	case CV_PART_TYPE:
		return is_text(n->text, h->type.type);
	case CV_PART_SUBTYPE:
		return is_text(n->text, h->type.subtype);
	case CV_PART_ENCODING:
		return has_encoding(h, n->text);
	case CV_PART_LANGUAGE:
		return has_language(h, n->text);
	case CV_PART_ID:
		return is_text(n->text, h->id);
	case CV_PART_LOCATION:
		return is_text(n->text, h->location);
	case CV_PART_MD5:
		return h->md5.data != NULL && cv_span_equal(n->text, h->md5);
	case CV_PART_DISPOSITION:
		return is_text(n->text, h->disposition.type);
	case CV_PART_PARAM:
		return has_param(s, &h->type, n);
	case CV_PART_DISPOSITION_PARAM:
		return h->disposition.type.data != NULL &&
			has_param(s, &h->disposition, n);
	case CV_PART_DESCRIPTION:
		return text_has(s, n->text, h->description);
	default:
		return has_filename(s, h, sn);
	}
}

static uint64_t index_of(const struct mime_tree *tree, uint32_t part)
{
	uint32_t parent = tree->parts[part].parent;
	uint64_t index = 1;

	if (parent == MIME_NONE)
		return index;
	for (uint32_t i = tree->parts[parent].first;
	     i != part && i != MIME_NONE; i = tree->parts[i].next)
		index++;
	return index;
}

static bool match_place(const struct mime_tree *tree, uint32_t part,
			const struct cv_search_node *n)
{
	uint32_t depth = tree->parts[part].depth;

	switch (n->flags) {
	case CV_PART_DEPTH:
		return depth == n->number;
	case CV_PART_DEPTH_MIN:
		return depth >= n->number;
	case CV_PART_DEPTH_MAX:
		return depth <= n->number;
	default:
		return index_of(tree, part) == n->number;
	}
}

static int match_header(struct part_search *p, uint32_t part,
			const struct snode *n, bool *yes_r)
{
	struct cv_span header;
	int ret = search_read_header(p->s, p->file, &p->tree->parts[part],
				     &header);

	if (ret == CV_OK)
		*yes_r = search_field_matches(p->s, header, n->node->field,
					      &n->needle);
	return ret;
}

/* What is in a part is in those around it. */
static int match_texts(struct part_search *p, const struct snode *n,
		       bool *yes)
{
	const struct mime_tree *tree = p->tree;
	int ret = CV_OK;

	for (uint32_t i = tree->count; i-- > 0 && ret == CV_OK;) {
		const struct mime_part *part = &tree->parts[i];

		if (!yes[i])
			ret = search_part_contains(p->s, p->file, tree, i,
				n->node->flags == CV_PART_TEXT, &n->needle,
				&yes[i]);
		if (yes[i] && part->parent != MIME_NONE)
			yes[part->parent] = true;
	}
	return ret;
}

static int match_leaf(struct part_search *p, const struct snode *n, bool *yes)
{
	int ret = CV_OK;

	if (n->node->op != CV_SEARCH_PART_KEY || n->node->flags == 0 ||
	    n->node->flags > CV_PART_INDEX)
		return search_fail_shape(p->s);
	if (n->node->flags == CV_PART_BODY || n->node->flags == CV_PART_TEXT)
		return match_texts(p, n, yes);
	for (uint32_t i = 0; i < p->tree->count && ret == CV_OK; i++) {
		const struct mime_part *part = &p->tree->parts[i];
		uint32_t key = n->node->flags;

		if (key == CV_PART_HEADER)
			ret = match_header(p, i, n, &yes[i]);
		else if (key >= CV_PART_DEPTH)
			yes[i] = match_place(p->tree, i, n->node);
		else if (key >= CV_PART_SIZE)
			yes[i] = match_size(part, n->node);
		else if (key >= CV_PART_SENT_BEFORE ||
			 (key >= CV_PART_SUBJECT && key <= CV_PART_TO))
			yes[i] = match_envelope(p->s, part, n->node);
		else
			yes[i] = match_info(p->s, part, n);
	}
	return ret;
}

/* --- the tree of keys ------------------------------------------------------ */

static void join(const struct search *s, const struct snode *n,
		 const bool *answers, uint32_t parts, bool *yes)
{
	bool any = n->node->op == CV_SEARCH_OR;

	for (uint32_t i = 0; i < parts; i++) {
		yes[i] = !any;
		for (uint32_t c = 0; c < n->child_count && yes[i] != any; c++)
			yes[i] = answers[(size_t)s->nodes[n->children[c]].place
					 * parts + i];
		if (n->node->op == CV_SEARCH_NOT)
			yes[i] = !yes[i];
	}
}

/* From "this part matches" to "the one that it is in does". */
static void turn_to_parents(const struct mime_tree *tree, bool *yes)
{
	/* a parent stands before its children */
	for (uint32_t i = tree->count; i-- > 0;) {
		uint32_t parent = tree->parts[i].parent;

		yes[i] = parent != MIME_NONE && yes[parent];
	}
}

/* To "one that is in it does". */
static void turn_to_children(const struct mime_tree *tree,
			     struct cv_pool *pool, bool *yes)
{
	bool *inside = pool_new_array(pool, bool, tree->count);

	for (uint32_t i = tree->count; i-- > 0;) {
		uint32_t parent = tree->parts[i].parent;

		if (parent != MIME_NONE)
			inside[parent] |= inside[i] || yes[i];
	}
	memcpy(yes, inside, tree->count * sizeof(*yes));
}

static int answer(struct part_search *p, const struct snode *n,
		  const bool *answers, bool *yes)
{
	switch (n->node->op) {
	case CV_SEARCH_PART:
	case CV_SEARCH_AND:
	case CV_SEARCH_OR:
	case CV_SEARCH_NOT:
		join(p->s, n, answers, p->tree->count, yes);
		return CV_OK;
	case CV_SEARCH_PART_PARENT:
		join(p->s, n, answers, p->tree->count, yes);
		turn_to_parents(p->tree, yes);
		return CV_OK;
	case CV_SEARCH_PART_CHILD:
		join(p->s, n, answers, p->tree->count, yes);
		turn_to_children(p->tree, p->s->text_pool, yes);
		return CV_OK;
	default:
		return match_leaf(p, n, yes);
	}
}

int search_match_part(struct search *s, const struct snode *top, bool *yes_r)
{
	struct part_search p = { .s = s };
	const struct mime_tree *kept;
	bool *answers;
	int ret = mailbox_content(s->box, s->row, &p.file, &kept, s->err);

	/* the catalogue's tree has no headers */
	if (ret == CV_OK)
		ret = message_parse(s->text_pool, p.file, NULL, &p.tree,
				    s->err);
	if (ret != CV_OK)
		return ret;
	answers = pool_alloc(s->text_pool, (size_t)top->below_count *
			     p.tree->count * sizeof(*answers));
	/* INVARIANT: children stand behind their parents */
	for (uint32_t i = top->below_count; i-- > 0 && ret == CV_OK;)
		ret = answer(&p, &s->nodes[top->below[i]], answers,
			     answers + (size_t)i * p.tree->count);
	for (uint32_t i = 0; i < p.tree->count && ret == CV_OK; i++)
		*yes_r |= answers[i];
	return ret;
}
