/* adm-query.c - the search language of doveadm-search-query(7).
 *
 * Parsed with a stack of groups, no recursion.  Children stand behind their
 * parents in the array, so that going through it backwards folds a tree. */
#include "adm-query-private.h"
#include "account/account.h"
#include "mailbox/list-match.h"

#include <stdlib.h>

enum {
	QUERY_ARGS_MAX = 5000,
	/* keys that only this language has, beside enum cv_search_op */
	QUERY_MAILBOX = 1000, QUERY_MAILBOX_GUID, QUERY_NOTHING,
};

enum key_kind {
	KEY_PLAIN, KEY_NOT_PLAIN, KEY_FLAG, KEY_NOT_FLAG, KEY_TEXT,
	KEY_NOT_TEXT, KEY_FIELD, KEY_HEADER, KEY_DATE, KEY_SIZE,
	KEY_UIDS, KEY_NEW, KEY_INTHREAD, KEY_PART, KEY_MODSEQ, KEY_GUID,
	KEY_OLDER, KEY_YOUNGER, KEY_NOTHING,
};

struct key {
	const char *name;
	enum key_kind kind;
	uint32_t op;
	uint32_t flags;
};

/* --- the tree ---------------------------------------------------------------- */

uint32_t query_add_node(struct query_parser *p, uint32_t op)
{
	struct adm_query *q = p->query;

	if (q->count == p->room) {
		q->nodes = pool_grow(p->pool, q->nodes,
				     p->room * sizeof(*q->nodes),
				     (p->room + 64) * sizeof(*q->nodes));
		p->room += 64;
	}
	q->nodes[q->count] = (struct cv_search_node){ .op = op };
	return q->count++;
}

void query_link_child(struct query_parser *p, uint32_t parent, uint32_t *last,
		      uint32_t child)
{
	if (*last == 0)
		p->query->nodes[parent].first_child = child;
	else
		p->query->nodes[*last].next = child;
	*last = child;
}

int query_fail_at(struct query_parser *p, const char *what)
{
	return FAIL(p->err, CV_E_SYNTAX, "search query: '%s': %s",
		    p->at > 0 && p->at <= p->argc ? p->argv[p->at - 1] : "",
		    what);
}

int query_add_key(struct query_parser *p, uint32_t op, uint32_t *node_r)
{
	struct query_group *g = &p->stack[p->depth];
	uint32_t none = 0;

	if (g->last != 0 && !g->wants_key) {
		g->has_and = true;
		if (g->has_or)
			return query_fail_at(p, "put the keys that OR joins "
					     "into parentheses when AND is "
					     "meant too");
	}
	if (p->nots % 2 == 1) {
		uint32_t outer = query_add_node(p, CV_SEARCH_NOT);

		query_link_child(p, g->node, &g->last, outer);
		*node_r = query_add_node(p, op);
		query_link_child(p, outer, &none, *node_r);
	} else {
		*node_r = query_add_node(p, op);
		query_link_child(p, g->node, &g->last, *node_r);
	}
	p->nots = 0;
	p->fuzzy = false;
	g->wants_key = false;
	return CV_OK;
}

static int add_negated(struct query_parser *p, uint32_t op, bool negate,
		       uint32_t *node_r)
{
	p->nots += negate;
	return query_add_key(p, op, node_r);
}

const char *query_next_arg(struct query_parser *p)
{
	return p->at < p->argc ? p->argv[p->at++] : NULL;
}

/* --- keys -------------------------------------------------------------------- */

static const struct key keys[] = {
	{ "$", KEY_NOTHING, CV_SEARCH_UIDS, 0 },
	{ "ALL", KEY_PLAIN, CV_SEARCH_ALL, 0 },
	{ "ANSWERED", KEY_FLAG, 0, CV_FLAG_ANSWERED },
	{ "BCC", KEY_FIELD, 0, 0 },
	{ "BEFORE", KEY_DATE, CV_SEARCH_BEFORE, 0 },
	{ "BODY", KEY_TEXT, CV_SEARCH_BODY, 0 },
	{ "CC", KEY_FIELD, 0, 0 },
	{ "DELETED", KEY_FLAG, 0, CV_FLAG_DELETED },
	{ "DRAFT", KEY_FLAG, 0, CV_FLAG_DRAFT },
	{ "FLAGGED", KEY_FLAG, 0, CV_FLAG_FLAGGED },
	{ "FROM", KEY_FIELD, 0, 0 },
	{ "GUID", KEY_GUID, CV_SEARCH_GUID, 0 },
	{ "HEADER", KEY_HEADER, CV_SEARCH_HEADER, 0 },
	{ "INTHREAD", KEY_INTHREAD, ADM_QUERY_INTHREAD, 0 },
	{ "KEYWORD", KEY_TEXT, CV_SEARCH_KEYWORD, 0 },
	{ "LARGER", KEY_SIZE, CV_SEARCH_LARGER, 0 },
	{ "MAILBOX", KEY_TEXT, QUERY_MAILBOX, 0 },
	{ "MAILBOX-GUID", KEY_TEXT, QUERY_MAILBOX_GUID, 0 },
	{ "MIMEPART", KEY_PART, CV_SEARCH_PART, 0 },
	{ "MODSEQ", KEY_MODSEQ, CV_SEARCH_MODSEQ, 0 },
	{ "NEW", KEY_NEW, 0, 0 },
	{ "OLD", KEY_NOT_FLAG, 0, CV_FLAG_RECENT },
	{ "OLDER", KEY_OLDER, CV_SEARCH_BEFORE, 0 },
	{ "OLDESTONLY", KEY_PLAIN, CV_SEARCH_ALL, 0 },
	{ "ON", KEY_DATE, CV_SEARCH_ON, 0 },
	{ "RECENT", KEY_FLAG, 0, CV_FLAG_RECENT },
	{ "SAVEDATESUPPORTED", KEY_PLAIN, CV_SEARCH_ALL, 0 },
	{ "SAVEDBEFORE", KEY_DATE, CV_SEARCH_SAVED_BEFORE, 0 },
	{ "SAVEDON", KEY_DATE, CV_SEARCH_SAVED_ON, 0 },
	{ "SAVEDSINCE", KEY_DATE, CV_SEARCH_SAVED_SINCE, 0 },
	{ "SEEN", KEY_FLAG, 0, CV_FLAG_SEEN },
	{ "SENTBEFORE", KEY_DATE, CV_SEARCH_SENT_BEFORE, 0 },
	{ "SENTON", KEY_DATE, CV_SEARCH_SENT_ON, 0 },
	{ "SENTSINCE", KEY_DATE, CV_SEARCH_SENT_SINCE, 0 },
	{ "SINCE", KEY_DATE, CV_SEARCH_SINCE, 0 },
	{ "SMALLER", KEY_SIZE, CV_SEARCH_SMALLER, 0 },
	{ "SUBJECT", KEY_FIELD, 0, 0 },
	{ "TEXT", KEY_TEXT, CV_SEARCH_TEXT, 0 },
	{ "TO", KEY_FIELD, 0, 0 },
	{ "UID", KEY_UIDS, CV_SEARCH_UIDS, 0 },
	{ "UNANSWERED", KEY_NOT_FLAG, 0, CV_FLAG_ANSWERED },
	{ "UNDELETED", KEY_NOT_FLAG, 0, CV_FLAG_DELETED },
	{ "UNDRAFT", KEY_NOT_FLAG, 0, CV_FLAG_DRAFT },
	{ "UNFLAGGED", KEY_NOT_FLAG, 0, CV_FLAG_FLAGGED },
	{ "UNKEYWORD", KEY_NOT_TEXT, CV_SEARCH_KEYWORD, 0 },
	{ "UNSEEN", KEY_NOT_FLAG, 0, CV_FLAG_SEEN },
	{ "X-GUID", KEY_GUID, CV_SEARCH_GUID, 0 },
	{ "X-MAILBOX", KEY_TEXT, QUERY_MAILBOX, 0 },
	{ "X-REAL-UID", KEY_UIDS, CV_SEARCH_UIDS, 0 },
	{ "X-SAVEDBEFORE", KEY_DATE, CV_SEARCH_SAVED_BEFORE, 0 },
	{ "X-SAVEDON", KEY_DATE, CV_SEARCH_SAVED_ON, 0 },
	{ "X-SAVEDSINCE", KEY_DATE, CV_SEARCH_SAVED_SINCE, 0 },
	{ "YOUNGER", KEY_YOUNGER, CV_SEARCH_SINCE, 0 },
};

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (cv_span_equal_icase(cv_span_of(keys[i].name),
					cv_span_of(name)))
			return &keys[i];
	}
	return NULL;
}

static void note_mailbox(struct query_parser *p, uint32_t op, const char *name)
{
	const struct query_group *g = &p->stack[p->depth];

	if (op == QUERY_MAILBOX_GUID)
		p->query->wants_guid = true;
	if (op != QUERY_MAILBOX)
		return;
	p->query->mailbox_count++;
	p->query->mailbox = p->depth == 0 && !g->has_or && p->nots == 0 &&
		strpbrk(name, "*%") == NULL ? name : NULL;
}

static int set_date(struct query_parser *p, uint32_t node, const char *value)
{
	struct cv_search_node *n = &p->query->nodes[node];

	if (!adm_query_time(value, p->now, &n->number, &n->day))
		return query_fail_at(p, "is no date (13-Apr-2007, 2007-04-13), "
			       "interval (2days) or time of 10 digits");
	return CV_OK;
}

static int add_new(struct query_parser *p)
{
	uint32_t outer, inner, last = 0, none = 0;
	int ret = query_add_key(p, CV_SEARCH_AND, &outer);

	if (ret < 0)
		return ret;
	inner = query_add_node(p, CV_SEARCH_FLAGS);
	p->query->nodes[inner].flags = CV_FLAG_RECENT;
	query_link_child(p, outer, &last, inner);
	inner = query_add_node(p, CV_SEARCH_NOT);
	query_link_child(p, outer, &last, inner);
	outer = inner;
	inner = query_add_node(p, CV_SEARCH_FLAGS);
	p->query->nodes[inner].flags = CV_FLAG_SEEN;
	query_link_child(p, outer, &none, inner);
	return CV_OK;
}

static int add_header(struct query_parser *p, const char *field, const char *text)
{
	uint32_t node;
	int ret;

	if (text == NULL)
		return query_fail_at(p, "a text has to follow");
	ret = query_add_key(p, CV_SEARCH_HEADER, &node);
	if (ret < 0)
		return ret;
	p->query->nodes[node].field = cv_span_of(field);
	p->query->nodes[node].text = cv_span_of(text);
	return CV_OK;
}

/* [RFC5032 3] at that time or before it, at that time or after it */
static int set_age(struct query_parser *p, struct cv_search_node *n,
		   bool older, const char *value)
{
	uint64_t age;

	if (!cv_span_to_u64(cv_span_of(value), UINT32_MAX, &age) &&
	    !query_interval(value, &age))
		return query_fail_at(p, "is no interval (600, 2days)");
	if (age == 0)
		return query_fail_at(p, "is no time ago");
	n->number = age < p->now ? p->now - age + older : 1;
	return CV_OK;
}

/* As "fetch guid" shows it; nothing has another one. */
static void set_guid(struct query_parser *p, struct cv_search_node *n,
		     const char *value)
{
	struct account_guid guid;

	if (account_guid_parse(cv_span_of(value), &guid))
		n->text = pool_span(p->pool, cv_span((const char *)guid.bytes,
						     sizeof(guid.bytes)));
	else
		n->op = CV_SEARCH_UIDS;	/* an empty set */
}

/* [RFC7162 3.1.5] a number, or the name of a flag and whose it is before it:
 * there is one modification sequence for all of them. */
static const char *modseq_value(struct query_parser *p, const char *value)
{
	const char *whose;

	if (!cv_span_begins_icase(cv_span_of(value), CV_SPAN("/flags/")))
		return value;
	whose = query_next_arg(p);
	if (whose == NULL ||
	    (!cv_span_equal_icase(cv_span_of(whose), CV_SPAN("priv")) &&
	     !cv_span_equal_icase(cv_span_of(whose), CV_SPAN("shared")) &&
	     !cv_span_equal_icase(cv_span_of(whose), CV_SPAN("all"))))
		return NULL;
	return query_next_arg(p);
}

static int add_with_value(struct query_parser *p, const struct key *key)
{
	const char *value = query_next_arg(p);
	uint32_t node;
	int ret;

	if (value != NULL && key->kind == KEY_MODSEQ)
		value = modseq_value(p, value);
	if (value == NULL)
		return query_fail_at(p, "a value has to follow");
	if (key->kind == KEY_TEXT)
		note_mailbox(p, key->op, value);
	ret = add_negated(p, key->op, key->kind == KEY_NOT_TEXT, &node);
	if (ret < 0)
		return ret;
	switch (key->kind) {
	case KEY_DATE:
		return set_date(p, node, value);
	case KEY_SIZE:
		return adm_query_size(value, &p->query->nodes[node].number) ?
			CV_OK : query_fail_at(p, "is no size (1000, 10k, 2MB)");
	case KEY_OLDER:
	case KEY_YOUNGER:
		return set_age(p, &p->query->nodes[node],
			       key->kind == KEY_OLDER, value);
	case KEY_GUID:
		set_guid(p, &p->query->nodes[node], value);
		return CV_OK;
	case KEY_MODSEQ:
		return cv_span_to_u64(cv_span_of(value), UINT64_MAX,
				      &p->query->nodes[node].number) ?
			CV_OK : query_fail_at(p, "is no number");
	case KEY_UIDS:
		return query_parse_set(p->pool, value, &p->query->nodes[node].set) ?
			CV_OK : query_fail_at(p, "is no set of UIDs (1:5,7,*)");
	default:
		p->query->nodes[node].text = cv_span_of(value);
		return CV_OK;
	}
}

/* INTHREAD algorithm key */
static int open_thread(struct query_parser *p)
{
	static const struct { const char *name; uint32_t algorithm; } names[] = {
		{ "REFS", CV_THREAD_REFS },
		{ "REFERENCES", CV_THREAD_REFERENCES },
		{ "ORDEREDSUBJECT", CV_THREAD_ORDEREDSUBJECT },
	};
	const char *name = query_next_arg(p);
	uint32_t node, algorithm = 0;
	int ret;

	for (size_t i = 0; name != NULL &&
	     i < sizeof(names) / sizeof(names[0]); i++) {
		if (cv_span_equal_icase(cv_span_of(name),
					cv_span_of(names[i].name)))
			algorithm = names[i].algorithm;
	}
	if (algorithm == 0)
		return query_fail_at(p, "INTHREAD needs REFS, REFERENCES or "
			       "ORDEREDSUBJECT, and a search key");
	if (p->depth + 1 == QUERY_DEPTH_MAX)
		return query_fail_at(p, "too many parentheses");
	if ((ret = query_add_key(p, ADM_QUERY_INTHREAD, &node)) < 0)
		return ret;
	p->query->nodes[node].flags = algorithm;
	p->stack[++p->depth] = (struct query_group){ .node = node, .single = true };
	return CV_OK;
}

static int add_found(struct query_parser *p, const struct key *key)
{
	const char *field;
	uint32_t node;
	int ret;

	switch (key->kind) {
	case KEY_PLAIN:
	case KEY_NOTHING:	/* no search has left a result: no UID */
		return query_add_key(p, key->op, &node);
	case KEY_PART:
		return query_add_part(p);
	case KEY_FLAG:
	case KEY_NOT_FLAG:
		ret = add_negated(p, CV_SEARCH_FLAGS,
				  key->kind == KEY_NOT_FLAG, &node);
		if (ret == CV_OK)
			p->query->nodes[node].flags = key->flags;
		return ret;
	case KEY_NEW:
		return add_new(p);
	case KEY_INTHREAD:
		return open_thread(p);
	case KEY_FIELD:
		return add_header(p, key->name, query_next_arg(p));
	case KEY_HEADER:
		field = query_next_arg(p);
		return field == NULL ? query_fail_at(p, "a field's name has to "
					       "follow") :
			add_header(p, field, query_next_arg(p));
	default:
		return add_with_value(p, key);
	}
}

/* --- groups -------------------------------------------------------------------- */

static int open_group(struct query_parser *p)
{
	uint32_t node;
	int ret;

	if (p->depth + 1 == QUERY_DEPTH_MAX)
		return query_fail_at(p, "too many parentheses");
	ret = query_add_key(p, CV_SEARCH_AND, &node);
	if (ret < 0)
		return ret;
	p->stack[++p->depth] = (struct query_group){ .node = node };
	return CV_OK;
}

static int finish_group(struct query_parser *p)
{
	struct query_group *g = &p->stack[p->depth];

	if (g->last == 0)
		return query_fail_at(p, "a search key is missing");
	if (g->wants_key || p->nots > 0 || p->fuzzy)
		return query_fail_at(p, "a search key has to follow");
	if (g->has_or)
		p->query->nodes[g->node].op = CV_SEARCH_OR;
	return CV_OK;
}

static int close_group(struct query_parser *p)
{
	int ret;

	if (p->depth == 0)
		return query_fail_at(p, "there is no '(' for it");
	ret = finish_group(p);
	p->depth--;
	return ret;
}

/* Those of INTHREAD whose key has been read. */
static void close_singles(struct query_parser *p)
{
	while (p->depth > 0 && p->stack[p->depth].single &&
	       p->stack[p->depth].last != 0 && p->nots == 0 && !p->fuzzy)
		p->depth--;
}

static int take_or(struct query_parser *p)
{
	struct query_group *g = &p->stack[p->depth];

	if (g->last == 0 || g->wants_key || p->nots > 0 || p->fuzzy)
		return query_fail_at(p, "OR stands between two search keys");
	if (g->has_and)
		return query_fail_at(p, "put the keys that OR joins into "
			       "parentheses when AND is meant too");
	g->has_or = g->wants_key = true;
	p->query->mailbox = NULL;
	return CV_OK;
}

static int take_arg(struct query_parser *p, const char *arg)
{
	const struct key *key;
	struct cv_set set;
	uint32_t node;
	int ret;

	if (strcmp(arg, "(") == 0)
		return open_group(p);
	if (strcmp(arg, ")") == 0)
		return close_group(p);
	if (cv_span_equal_icase(cv_span_of(arg), CV_SPAN("OR")))
		return take_or(p);
	if (strcmp(arg, "!") == 0 ||
	    cv_span_equal_icase(cv_span_of(arg), CV_SPAN("NOT"))) {
		p->nots++;
		return CV_OK;
	}
	/* [RFC6203 4] the key itself: there is no index that knows better */
	if (cv_span_equal_icase(cv_span_of(arg), CV_SPAN("FUZZY"))) {
		p->fuzzy = true;
		return CV_OK;
	}
	key = find_key(arg);
	if (key != NULL)
		return add_found(p, key);
	if (!query_parse_set(p->pool, arg, &set))
		return query_fail_at(p, strchr(arg, ' ') != NULL ?
			"is no search key (hint: each word of a query is an "
			"argument of its own: mailbox INBOX seen, without "
			"quotes around them all)" :
			"is no search key (hint: see "
			"culveradm-search-query(7))");
	ret = query_add_key(p, CV_SEARCH_SEQS, &node);
	if (ret == CV_OK)
		p->query->nodes[node].set = set;
	return ret;
}

int adm_query_parse(struct cv_pool *pool, int argc, char **argv,
		    struct adm_query **query_r, struct cv_error *err)
{
	struct query_parser *p = pool_new(pool, struct query_parser);
	int ret = CV_OK;

	p->pool = pool;
	p->query = pool_new(pool, struct adm_query);
	p->argc = argc;
	p->argv = argv;
	p->err = err;
	p->now = (uint64_t)time_now();
	if (argc > QUERY_ARGS_MAX)
		return FAIL(err, CV_E_LIMIT, "search query: more than %d "
			    "arguments", QUERY_ARGS_MAX);
	p->stack[0].node = query_add_node(p, CV_SEARCH_AND);
	while (ret == CV_OK && p->at < argc) {
		ret = take_arg(p, query_next_arg(p));
		close_singles(p);
	}
	if (ret == CV_OK && p->stack[p->depth].single)
		ret = finish_group(p);
	if (ret == CV_OK && p->depth > 0)
		ret = query_fail_at(p, "')' is missing at the end");
	if (ret == CV_OK)
		ret = finish_group(p);
	*query_r = p->query;
	return ret;
}

/* --- one mailbox ---------------------------------------------------------------- */

bool adm_query_single_mailbox(const struct adm_query *query,
			      const char **name_r)
{
	/* as it is listed, however it was written [RFC9051 5.1] */
	*name_r = query->mailbox != NULL &&
		cv_span_is_icase(cv_span_of(query->mailbox), "INBOX") ?
		"INBOX" : query->mailbox;
	return query->mailbox_count == 1 && query->mailbox != NULL;
}

bool adm_query_wants_guid(const struct adm_query *query)
{
	return query->wants_guid;
}

static bool mailbox_matches(const struct cv_search_node *n,
			    const char *mailbox, const char *guid)
{
	if (n->op == QUERY_MAILBOX_GUID)
		return guid != NULL &&
			cv_span_equal_icase(n->text, cv_span_of(guid));
	/* [RFC9051 5.1] INBOX has no case, nor in a pattern */
	return (list_match(n->text, cv_span_of(mailbox), '/',
			   cv_span_is_icase(cv_span_of(mailbox), "INBOX")) &
		LIST_MATCH_YES) != 0;
}

/* What is known of a node without looking at messages. */
enum known { KNOWN_MAYBE, KNOWN_YES, KNOWN_NO };

static enum known fold_group(const struct cv_search_query *q,
			     const enum known *known, uint32_t at)
{
	const struct cv_search_node *n = &q->nodes[at];
	bool all_yes = true, any_yes = false, any_no = false, all_no = true;

	for (uint32_t c = n->first_child; c != 0; c = q->nodes[c].next) {
		all_yes &= known[c] == KNOWN_YES;
		all_no &= known[c] == KNOWN_NO;
		any_yes |= known[c] == KNOWN_YES;
		any_no |= known[c] == KNOWN_NO;
	}
	if (n->op == CV_SEARCH_OR)
		return any_yes ? KNOWN_YES : all_no ? KNOWN_NO : KNOWN_MAYBE;
	if (n->op == CV_SEARCH_NOT)
		return any_no ? KNOWN_YES : all_yes ? KNOWN_NO : KNOWN_MAYBE;
	return any_no ? KNOWN_NO : all_yes ? KNOWN_YES : KNOWN_MAYBE;
}

bool adm_query_build(const struct adm_query *query, const char *mailbox,
		     const char *guid, struct cv_pool *pool,
		     struct cv_search_query *query_r)
{
	struct cv_search_node *nodes = pool_new_array(
		pool, struct cv_search_node, query->count);
	enum known *known = pool_new_array(pool, enum known, query->count);

	memcpy(nodes, query->nodes, query->count * sizeof(*nodes));
	*query_r = (struct cv_search_query){ CV_SIZED(cv_search_query),
		.nodes = nodes, .count = query->count };
	for (uint32_t i = query->count; i-- > 0;) {
		struct cv_search_node *n = &nodes[i];

		if (n->op == QUERY_MAILBOX || n->op == QUERY_MAILBOX_GUID) {
			bool yes = mailbox != NULL &&
				mailbox_matches(n, mailbox, guid);

			known[i] = yes ? KNOWN_YES : KNOWN_NO;
			/* no UID is in the empty set */
			n->op = yes ? CV_SEARCH_ALL : CV_SEARCH_UIDS;
			n->set = (struct cv_set){ NULL, 0 };
		} else if (n->op == CV_SEARCH_ALL) {
			known[i] = KNOWN_YES;
		} else if (n->op >= CV_SEARCH_AND && n->op <= CV_SEARCH_NOT) {
			known[i] = fold_group(query_r, known, i);
		} else if (n->op == ADM_QUERY_INTHREAD &&
			   fold_group(query_r, known, i) == KNOWN_NO) {
			known[i] = KNOWN_NO;
		}
	}
	return known[0] != KNOWN_NO;
}

bool adm_query_names_mailboxes(const struct adm_query *query)
{
	struct cv_pool *pool = pool_create("query names");
	struct cv_search_query built;
	/* one that no pattern matches, not even '*' */
	bool any = adm_query_build(query, NULL, "", pool, &built);

	pool_destroy(&pool);
	return !any;
}

static struct cv_set set_last(struct cv_set set, uint32_t last,
			      struct cv_pool *pool)
{
	struct cv_range *ranges = pool_new_array(pool, struct cv_range,
						 set.count);

	for (uint32_t i = 0; i < set.count; i++) {
		struct cv_range r = set.ranges[i];

		if (r.first == UINT32_MAX)
			r.first = last;
		if (r.last == UINT32_MAX)
			r.last = last;
		if (r.first > r.last)
			r = (struct cv_range){ r.last, r.first };
		ranges[i] = r;
	}
	return (struct cv_set){ ranges, query_merge_ranges(ranges, set.count) };
}

void adm_query_set_last(const struct cv_search_query *query, uint32_t seq,
			uint32_t uid, struct cv_pool *pool)
{
	/* made by adm_query_build, so they are ours to change */
	struct cv_search_node *nodes =
		(struct cv_search_node *)(uintptr_t)query->nodes;

	for (uint32_t i = 0; i < query->count; i++) {
		struct cv_search_node *n = &nodes[i];

		if (n->set.count > 0)
			n->set = set_last(n->set, n->op == CV_SEARCH_SEQS ?
					  seq : uid, pool);
	}
}
