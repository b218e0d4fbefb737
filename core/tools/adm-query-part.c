/* adm-query-part.c - the search key MIMEPART and those that stand behind it.
 *
 * They are the draft's of IMAP's MIMEPART that Dovecot 2.3 has: OR stands
 * before its two keys here.  A key that is behind PARENT or CHILD speaks of
 * that part. */
#include "adm-query-private.h"

enum part_kind {
	PART_TEXT, PART_FIELD, PART_NUMBER, PART_SIZE_IS, PART_DATE,
	PART_DEPTH_IS, PART_DISPOSITION_IS, PART_FILENAME_IS_OR,
};

struct part_key {
	const char *name;
	enum part_kind kind;
	uint32_t part;			/* enum cv_search_part */
};

struct part_frame {
	uint32_t node, last;
	uint32_t count, wanted;		/* wanted 0: up to ")" */
};

struct part_parser {
	struct query_parser *p;
	struct part_frame stack[QUERY_DEPTH_MAX];
	uint32_t depth;			/* frames in use */
};

static bool is_word(const char *arg, const char *word)
{
	return arg != NULL &&
		cv_span_equal_icase(cv_span_of(arg), cv_span_of(word));
}

static uint32_t add_node(struct part_parser *pp, uint32_t op)
{
	struct part_frame *f = &pp->stack[pp->depth - 1];
	uint32_t node = query_add_node(pp->p, op);

	query_link_child(pp->p, f->node, &f->last, node);
	f->count++;
	return node;
}

static int open_frame(struct part_parser *pp, uint32_t node, uint32_t wanted)
{
	if (pp->depth == QUERY_DEPTH_MAX)
		return query_fail_at(pp->p, "too many parentheses");
	pp->stack[pp->depth++] = (struct part_frame){ .node = node,
						      .wanted = wanted };
	return CV_OK;
}

/* --- values ---------------------------------------------------------------- */

static int fail_value(struct part_parser *pp)
{
	return query_fail_at(pp->p, "a value has to follow");
}

static int take_text(struct part_parser *pp, uint32_t node)
{
	const char *text = query_next_arg(pp->p);

	if (text == NULL)
		return fail_value(pp);
	pp->p->query->nodes[node].text = cv_span_of(text);
	return CV_OK;
}

static int take_field(struct part_parser *pp, uint32_t node)
{
	const char *field = query_next_arg(pp->p);

	if (field == NULL)
		return fail_value(pp);
	pp->p->query->nodes[node].field = cv_span_of(field);
	return take_text(pp, node);
}

static int take_number(struct part_parser *pp, uint32_t node, const char *arg)
{
	if (arg == NULL)
		return fail_value(pp);
	return adm_query_size(arg, &pp->p->query->nodes[node].number) ?
		CV_OK : query_fail_at(pp->p, "is no number (1000, 10k)");
}

/* A word that says how is followed by the number, else it is one. */
static int take_choice(struct part_parser *pp, uint32_t node,
		       const char *less, uint32_t less_part,
		       const char *more, uint32_t more_part)
{
	struct cv_search_node *n = &pp->p->query->nodes[node];
	const char *arg = query_next_arg(pp->p);

	if (is_word(arg, less))
		n->flags = less_part;
	else if (is_word(arg, more))
		n->flags = more_part;
	else
		return take_number(pp, node, arg);
	return take_number(pp, node, query_next_arg(pp->p));
}

static int take_date(struct part_parser *pp, uint32_t node)
{
	struct cv_search_node *n = &pp->p->query->nodes[node];
	const char *arg = query_next_arg(pp->p);

	if (arg == NULL)
		return fail_value(pp);
	if (!adm_query_time(arg, pp->p->now, &n->number, &n->day))
		return query_fail_at(pp->p, "is no date (13-Apr-2007)");
	return CV_OK;
}

static int take_disposition(struct part_parser *pp, uint32_t node)
{
	const char *arg = query_next_arg(pp->p);

	if (is_word(arg, "TYPE"))
		return take_text(pp, node);
	pp->p->query->nodes[node].flags = CV_PART_DISPOSITION_PARAM;
	return is_word(arg, "PARAM") ? take_field(pp, node) :
		query_fail_at(pp->p, "DISPOSITION needs TYPE or PARAM");
}

static int take_filename(struct part_parser *pp, uint32_t node)
{
	static const struct { const char *name; uint32_t part; } ways[] = {
		{ "IS", CV_PART_FILENAME_IS },
		{ "CONTAINS", CV_PART_FILENAME_CONTAINS },
		{ "BEGINS", CV_PART_FILENAME_BEGINS },
		{ "ENDS", CV_PART_FILENAME_ENDS },
	};
	const char *arg = query_next_arg(pp->p);

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (is_word(arg, ways[i].name)) {
			pp->p->query->nodes[node].flags = ways[i].part;
			return take_text(pp, node);
		}
	}
	return query_fail_at(pp->p, "FILENAME needs IS, CONTAINS, BEGINS or "
			     "ENDS");
}

/* --- keys ------------------------------------------------------------------ */

static const struct part_key part_keys[] = {
	{ "BCC", PART_TEXT, CV_PART_BCC },
	{ "BODY", PART_TEXT, CV_PART_BODY },
	{ "CC", PART_TEXT, CV_PART_CC },
	{ "DEPTH", PART_DEPTH_IS, CV_PART_DEPTH },
	{ "DESCRIPTION", PART_TEXT, CV_PART_DESCRIPTION },
	{ "DISPOSITION", PART_DISPOSITION_IS, CV_PART_DISPOSITION },
	{ "ENCODING", PART_TEXT, CV_PART_ENCODING },
	{ "FILENAME", PART_FILENAME_IS_OR, CV_PART_FILENAME_IS },
	{ "FROM", PART_TEXT, CV_PART_FROM },
	{ "HEADER", PART_FIELD, CV_PART_HEADER },
	{ "ID", PART_TEXT, CV_PART_ID },
	{ "IN-REPLY-TO", PART_TEXT, CV_PART_IN_REPLY_TO },
	{ "INDEX", PART_NUMBER, CV_PART_INDEX },
	{ "LANGUAGE", PART_TEXT, CV_PART_LANGUAGE },
	{ "LOCATION", PART_TEXT, CV_PART_LOCATION },
	{ "MD5", PART_TEXT, CV_PART_MD5 },
	{ "MESSAGE-ID", PART_TEXT, CV_PART_MESSAGE_ID },
	{ "PARAM", PART_FIELD, CV_PART_PARAM },
	{ "REPLY-TO", PART_TEXT, CV_PART_REPLY_TO },
	{ "SENDER", PART_TEXT, CV_PART_SENDER },
	{ "SENTBEFORE", PART_DATE, CV_PART_SENT_BEFORE },
	{ "SENTON", PART_DATE, CV_PART_SENT_ON },
	{ "SENTSINCE", PART_DATE, CV_PART_SENT_SINCE },
	{ "SIZE", PART_SIZE_IS, CV_PART_SIZE },
	{ "SUBJECT", PART_TEXT, CV_PART_SUBJECT },
	{ "SUBTYPE", PART_TEXT, CV_PART_SUBTYPE },
	{ "TEXT", PART_TEXT, CV_PART_TEXT },
	{ "TO", PART_TEXT, CV_PART_TO },
	{ "TYPE", PART_TEXT, CV_PART_TYPE },
};

static int take_value(struct part_parser *pp, const struct part_key *key,
		      uint32_t node)
{
	switch (key->kind) {
	case PART_FIELD:
		return take_field(pp, node);
	case PART_NUMBER:
		return take_number(pp, node, query_next_arg(pp->p));
	case PART_SIZE_IS:
		return take_choice(pp, node, "SMALLER", CV_PART_SMALLER,
				   "LARGER", CV_PART_LARGER);
	case PART_DEPTH_IS:
		return take_choice(pp, node, "MIN", CV_PART_DEPTH_MIN,
				   "MAX", CV_PART_DEPTH_MAX);
	case PART_DATE:
		return take_date(pp, node);
	case PART_DISPOSITION_IS:
		return take_disposition(pp, node);
	case PART_FILENAME_IS_OR:
		return take_filename(pp, node);
	default:
		return take_text(pp, node);
	}
}

static int take_key(struct part_parser *pp, const char *arg)
{
	for (size_t i = 0; i < sizeof(part_keys) / sizeof(part_keys[0]);
	     i++) {
		const struct part_key *key = &part_keys[i];
		uint32_t node;

		if (!is_word(arg, key->name))
			continue;
		node = add_node(pp, CV_SEARCH_PART_KEY);
		pp->p->query->nodes[node].flags = key->part;
		return take_value(pp, key, node);
	}
	return query_fail_at(pp->p, "is no key of MIMEPART (hint: see "
			     "culveradm-search-query(7))");
}

/* PARENT or CHILD: EXISTS, or a key for it. */
static int take_relative(struct part_parser *pp, uint32_t op)
{
	struct query_parser *p = pp->p;
	uint32_t node = add_node(pp, op);

	if (p->at < p->argc && is_word(p->argv[p->at], "EXISTS")) {
		p->at++;
		return CV_OK;
	}
	return open_frame(pp, node, 1);
}

static int close_list(struct part_parser *pp)
{
	const struct part_frame *f = &pp->stack[pp->depth - 1];

	if (f->wanted > 0 || f->count == 0)
		return query_fail_at(pp->p, "a key of MIMEPART is missing");
	pp->depth--;
	return CV_OK;
}

static int take_part_arg(struct part_parser *pp, const char *arg)
{
	if (arg == NULL)
		return query_fail_at(pp->p, "a key of MIMEPART has to follow");
	if (strcmp(arg, ")") == 0)
		return close_list(pp);
	if (strcmp(arg, "(") == 0)
		return open_frame(pp, add_node(pp, CV_SEARCH_AND), 0);
	if (strcmp(arg, "!") == 0 || is_word(arg, "NOT"))
		return open_frame(pp, add_node(pp, CV_SEARCH_NOT), 1);
	if (is_word(arg, "OR"))
		return open_frame(pp, add_node(pp, CV_SEARCH_OR), 2);
	if (is_word(arg, "PARENT"))
		return take_relative(pp, CV_SEARCH_PART_PARENT);
	if (is_word(arg, "CHILD"))
		return take_relative(pp, CV_SEARCH_PART_CHILD);
	return take_key(pp, arg);
}

int query_add_part(struct query_parser *p)
{
	struct part_parser *pp = pool_new(p->pool, struct part_parser);
	uint32_t node;
	int ret = query_add_key(p, CV_SEARCH_PART, &node);

	pp->p = p;
	if (ret == CV_OK)
		ret = open_frame(pp, node, 1);
	while (ret == CV_OK && pp->depth > 0) {
		const struct part_frame *f = &pp->stack[pp->depth - 1];

		if (f->wanted > 0 && f->count == f->wanted)
			pp->depth--;
		else
			ret = take_part_arg(pp, query_next_arg(p));
	}
	return ret;
}
