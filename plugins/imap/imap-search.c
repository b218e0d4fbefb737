/* imap-search.c - see imap-search.h. */
#include "imap-search-private.h"
#include "imap-annotate.h"
#include "imap-args.h"
#include "imap-enable.h"
#include "imap-date.h"
#include "imap-modseq.h"
#include "imap-object-id.h"
#include "imap-respond.h"
#include "imap-return.h"
#include "imap-set.h"

#include "cv-annotation.h"

#include <errno.h>
#include <time.h>

enum {
	NODES_MAX = 8192,
	PENDING_MAX = 256,	/* keys of other plugins */
};

bool imap_can_search_fuzzy(const struct imap_session *s)
{
	return CV_HAS(imap_mailbox_api, search_scored) &&
		imap_mailbox_api->search_caps != NULL &&
		(imap_mailbox_api->search_caps(s->user) &
		 CV_SEARCH_CAN_FUZZY) != 0;
}

bool imap_relevancy_allowed(struct imap_cmd *cmd,
			    const struct imap_return *ret)
{
	if (cmd->fuzzy || (ret->options & IMAP_RETURN_RELEVANCY) == 0)
		return true;
	imap_bad(cmd, "RELEVANCY needs a FUZZY key.");
	return false;
}

/* --- arguments of keys ---------------------------------------------------- */

static const struct imap_arg *argument(struct search *p)
{
	struct frame *f = &p->frames[p->depth - 1];
	const struct imap_arg *arg = imap_args_next(&f->list);

	if (imap_arg_is_string(arg))
		return arg;
	imap_bad(p->cmd, "Missing argument for search key.");
	return NULL;
}

static bool is_ascii(struct cv_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.data[i] >= 0x80)
			return false;
	}
	return true;
}

static bool text_argument(struct search *p, struct cv_span *text_r)
{
	const struct imap_arg *arg = argument(p);

	return arg != NULL && imap_search_to_utf8(p, arg->text, text_r);
}

static bool date_argument(struct search *p, int64_t *day_r)
{
	const struct imap_arg *arg = argument(p);

	if (arg == NULL)
		return false;
	if (imap_date_parse(arg->text, day_r))
		return true;
	imap_bad(p->cmd, "Invalid search date parameter.");
	return false;
}

static bool number_argument(struct search *p, uint64_t *number_r)
{
	const struct imap_arg *arg = argument(p);

	if (arg == NULL)
		return false;
	/* [RFC3501 9] number is 32 bits; sizes may well be larger */
	if (arg->type == IMAP_ATOM &&
	    cv_span_to_u64(arg->text, INT64_MAX, number_r))
		return true;
	imap_bad(p->cmd, "Invalid search size parameter.");
	return false;
}

/* --- the keys ------------------------------------------------------------- */

enum key_kind {
	KEY_FLAG = 1, KEY_UNFLAG, KEY_NEW, KEY_ALL, KEY_DATE, KEY_SIZE,
	KEY_TEXT, KEY_ADDRESS, KEY_HEADER, KEY_KEYWORD, KEY_UNKEYWORD,
	KEY_UID, KEY_NOT, KEY_OR, KEY_MODSEQ, KEY_INTERVAL, KEY_OBJECT,
	KEY_UID_BEYOND, KEY_FILTER, KEY_ANNOTATION, KEY_FUZZY,
};

static const struct key {
	const char *name;
	uint32_t kind;
	uint32_t value;		/* flag or operation */
} keys[] = {
	{ "ALL", KEY_ALL, 0 },
	{ "ANNOTATION", KEY_ANNOTATION, 0 },	/* [RFC5257 4.8] */
	{ "ANSWERED", KEY_FLAG, CV_FLAG_ANSWERED },
	{ "BCC", KEY_ADDRESS, 0 },
	{ "BEFORE", KEY_DATE, CV_SEARCH_BEFORE },
	{ "BODY", KEY_TEXT, CV_SEARCH_BODY },
	{ "CC", KEY_ADDRESS, 0 },
	{ "DELETED", KEY_FLAG, CV_FLAG_DELETED },
	{ "DRAFT", KEY_FLAG, CV_FLAG_DRAFT },
	{ "EMAILID", KEY_OBJECT, CV_SEARCH_GUID },
	{ "FILTER", KEY_FILTER, 0 },	/* [RFC5466 3.1] */
	{ "FLAGGED", KEY_FLAG, CV_FLAG_FLAGGED },
	{ "FROM", KEY_ADDRESS, 0 },
	{ "FUZZY", KEY_FUZZY, 0 },	/* [RFC6203 3] */
	{ "HEADER", KEY_HEADER, 0 },
	{ "KEYWORD", KEY_KEYWORD, 0 },
	{ "LARGER", KEY_SIZE, CV_SEARCH_LARGER },
	{ "MODSEQ", KEY_MODSEQ, 0 },
	{ "NEW", KEY_NEW, 0 },
	{ "NOT", KEY_NOT, 0 },
	{ "OLD", KEY_UNFLAG, CV_FLAG_RECENT },
	{ "OLDER", KEY_INTERVAL, CV_SEARCH_BEFORE },
	{ "ON", KEY_DATE, CV_SEARCH_ON },
	{ "OR", KEY_OR, 0 },
	{ "RECENT", KEY_FLAG, CV_FLAG_RECENT },
	/* [RFC8514 4.3]; the last one of mailboxes that keep the date, as all
	 * here do */
	{ "SAVEDATESUPPORTED", KEY_ALL, 0 },
	{ "SAVEDBEFORE", KEY_DATE, CV_SEARCH_SAVED_BEFORE },
	{ "SAVEDON", KEY_DATE, CV_SEARCH_SAVED_ON },
	{ "SAVEDSINCE", KEY_DATE, CV_SEARCH_SAVED_SINCE },
	{ "SEEN", KEY_FLAG, CV_FLAG_SEEN },
	{ "SENTBEFORE", KEY_DATE, CV_SEARCH_SENT_BEFORE },
	{ "SENTON", KEY_DATE, CV_SEARCH_SENT_ON },
	{ "SENTSINCE", KEY_DATE, CV_SEARCH_SENT_SINCE },
	{ "SINCE", KEY_DATE, CV_SEARCH_SINCE },
	{ "SMALLER", KEY_SIZE, CV_SEARCH_SMALLER },
	{ "SUBJECT", KEY_ADDRESS, 0 },
	{ "TEXT", KEY_TEXT, CV_SEARCH_TEXT },
	{ "THREADID", KEY_OBJECT, CV_SEARCH_THREAD },
	{ "TO", KEY_ADDRESS, 0 },
	{ "UID", KEY_UID, 0 },
	/* [RFC9738] */
	{ "UIDAFTER", KEY_UID_BEYOND, 1 },
	{ "UIDBEFORE", KEY_UID_BEYOND, 0 },
	{ "UNANSWERED", KEY_UNFLAG, CV_FLAG_ANSWERED },
	{ "UNDELETED", KEY_UNFLAG, CV_FLAG_DELETED },
	{ "UNDRAFT", KEY_UNFLAG, CV_FLAG_DRAFT },
	{ "UNFLAGGED", KEY_UNFLAG, CV_FLAG_FLAGGED },
	{ "UNKEYWORD", KEY_UNKEYWORD, 0 },
	{ "UNSEEN", KEY_UNFLAG, CV_FLAG_SEEN },
	{ "YOUNGER", KEY_INTERVAL, CV_SEARCH_SINCE },
};

bool imap_search_key_is_own(struct cv_span name)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (cv_span_is_icase(name, keys[i].name))
			return true;
	}
	return cv_span_is_icase(name, "CHARSET") ||
		cv_span_is_icase(name, "RETURN") ||
		cv_span_is_icase(name, "IN");
}

static const struct key *key_find(struct cv_span name)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (cv_span_is_icase(name, keys[i].name))
			return &keys[i];
	}
	return NULL;
}

static bool add_flag(struct search *p, uint32_t flag, bool negated)
{
	uint32_t node;

	if (negated && !imap_search_frame_open(p, CV_SEARCH_NOT, 1))
		return false;
	node = imap_search_child_add(p, CV_SEARCH_FLAGS);
	p->nodes[node].flags = flag;
	return true;
}

/* [RFC3501 6.4.4] NEW is (RECENT UNSEEN) */
static bool add_new(struct search *p)
{
	if (!imap_search_frame_open(p, CV_SEARCH_AND, 2) ||
	    !add_flag(p, CV_FLAG_RECENT, false) ||
	    !add_flag(p, CV_FLAG_SEEN, true))
		return false;
	return true;
}

static bool add_header(struct search *p, const struct key *key)
{
	struct cv_span field = cv_span_of(key->name), text;
	uint32_t node;

	if (key->kind == KEY_HEADER && !text_argument(p, &field))
		return false;
	if (!text_argument(p, &text))
		return false;
	node = imap_search_child_add(p, CV_SEARCH_HEADER);
	p->nodes[node].field = field;
	p->nodes[node].text = text;
	return true;
}

/* "ANNOTATION /comment value "text"" [RFC5257 4.8]; NIL: there is no value. */
static bool add_annotation(struct search *p)
{
	struct imap_args *list = &p->frames[p->depth - 1].list;
	const struct imap_arg *entry = argument(p);
	struct cv_span text = CV_SPAN("");
	uint32_t which, node;
	bool none;

	if (entry == NULL)
		return false;
	which = imap_annotation_search_attribute(imap_args_next(list));
	if (which == 0 || !cv_annotation_entry_ok(entry->text, true)) {
		imap_bad(p->cmd, "Invalid entry or attribute of ANNOTATION.");
		return false;
	}
	none = imap_arg_is_atom(imap_args_peek(list), "NIL");
	if (none)
		(void)imap_args_next(list);
	else if (!text_argument(p, &text))
		return false;
	node = imap_search_child_add(p, CV_SEARCH_ANNOTATION);
	p->nodes[node].field = entry->text;
	p->nodes[node].text = text;
	p->nodes[node].flags = which;
	p->nodes[node].number = none;
	return true;
}

static bool add_keyword(struct search *p, bool negated)
{
	const struct imap_arg *arg = argument(p);
	uint32_t node;

	if (arg == NULL)
		return false;
	if (!imap_is_atom(arg->text)) {
		imap_bad(p->cmd, "Invalid search keyword.");
		return false;
	}
	if (negated && !imap_search_frame_open(p, CV_SEARCH_NOT, 1))
		return false;
	node = imap_search_child_add(p, CV_SEARCH_KEYWORD);
	p->nodes[node].text = arg->text;
	return true;
}

static bool add_set(struct search *p, struct cv_span text, bool uid)
{
	struct cv_set set;
	uint32_t node;

	if (p->check && cv_span_is(text, "$"))
		set = (struct cv_set){ NULL, 0 };
	else if (p->check ? imap_set_parse(p->cmd->pool, text, 1, UINT32_MAX,
					   &set) < 0 :
		 !imap_messages_parse(p->cmd, text, uid, &set))
		return false;
	node = imap_search_child_add(p, uid ? CV_SEARCH_UIDS : CV_SEARCH_SEQS);
	p->nodes[node].set = set;
	return true;
}

/* "/flags/\\Seen" [RFC7162 7 entry-flag-name] */
static bool is_flag_entry(const struct imap_arg *arg)
{
	struct cv_span name = arg->text;

	if (arg->type != IMAP_QUOTED ||
	    !cv_span_begins_icase(name, CV_SPAN("/flags/")))
		return false;
	name = cv_span_skip(name, 7);
	if (name.len > 0 && name.data[0] == '\\')
		name = cv_span_skip(name, 1);
	return imap_is_atom(name);
}

static bool entry_skip(struct search *p)
{
	struct imap_args *list = &p->frames[p->depth - 1].list;
	const struct imap_arg *type;

	/* [RFC7162 3.1.5] there is one mod-sequence of a message: which
	 * flag and whose is checked, and does not matter */
	if (is_flag_entry(imap_args_next(list))) {
		type = imap_args_next(list);
		if (imap_arg_is_atom(type, "priv") ||
		    imap_arg_is_atom(type, "shared") ||
		    imap_arg_is_atom(type, "all"))
			return true;
	}
	imap_bad(p->cmd, "Invalid entry of MODSEQ.");
	return false;
}

static bool add_modseq(struct search *p)
{
	struct imap_args *list = &p->frames[p->depth - 1].list;
	const struct imap_arg *arg = imap_args_peek(list);
	uint64_t modseq;
	uint32_t node;

	if (arg != NULL && arg->type == IMAP_QUOTED && !entry_skip(p))
		return false;
	list = &p->frames[p->depth - 1].list;
	if (!imap_modseq_arg(p->cmd, imap_args_next(list), true, &modseq))
		return false;
	p->has_modseq = true;
	if (!p->check) {
		imap_condstore_enable(p->cmd->s);
		p->cmd->wants_modseq = true;
	}
	node = imap_search_child_add(p, CV_SEARCH_MODSEQ);
	p->nodes[node].number = modseq;
	return true;
}

/* [RFC5032 3] so many seconds ago: the difference counts, not the day */
static bool add_interval(struct search *p, uint32_t op)
{
	const struct imap_arg *arg = argument(p);
	uint64_t seconds, now = (uint64_t)time(NULL);
	uint32_t node;

	if (arg == NULL)
		return false;
	if (arg->type != IMAP_ATOM ||
	    !cv_span_to_u64(arg->text, UINT32_MAX, &seconds) ||
	    seconds == 0) {
		imap_bad(p->cmd, "Invalid search interval.");
		return false;
	}
	now = now > seconds ? now - seconds : 1;
	node = imap_search_child_add(p, op);
	/* OLDER has the moment itself, too */
	p->nodes[node].number = op == CV_SEARCH_BEFORE ? now + 1 : now;
	return true;
}

/* An id that nothing has matches nothing [RFC8474 6]. */
static bool add_object(struct search *p, uint32_t op)
{
	const struct imap_arg *arg = argument(p);
	uint8_t *id = cv_api->alloc(p->cmd->pool, 16);
	uint32_t node;

	if (arg == NULL)
		return false;
	if (!imap_object_id_valid(arg->text)) {
		imap_bad(p->cmd, "Invalid object ID.");
		return false;
	}
	node = imap_search_child_add(p, op);
	p->nodes[node].text = CV_SPAN("");
	if (imap_object_id_parse(arg->text, op == CV_SEARCH_GUID ?
				 IMAP_OBJECT_EMAIL : IMAP_OBJECT_THREAD, id))
		p->nodes[node].text = cv_span((const char *)id, 16);
	return true;
}

/* UIDs above or below this one [RFC9738]. */
static bool add_uid_beyond(struct search *p, bool after)
{
	const struct imap_arg *arg = argument(p);
	struct cv_range *range;
	uint64_t uid;
	uint32_t node;

	if (arg == NULL)
		return false;
	if (arg->type != IMAP_ATOM ||
	    !cv_span_to_u64(arg->text, UINT32_MAX, &uid) || uid == 0) {
		imap_bad(p->cmd, "Invalid UID.");
		return false;
	}
	range = CV_ALLOC(p->cmd->pool, struct cv_range);
	range->first = after && uid < UINT32_MAX ? (uint32_t)uid + 1 : 1;
	range->last = after ? UINT32_MAX : (uint32_t)uid - 1;
	node = imap_search_child_add(p, CV_SEARCH_UIDS);
	p->nodes[node].set = (struct cv_set){ range,
		after ? uid < UINT32_MAX : uid > 1 };
	return true;
}

/* OR inside of OR takes one place and gives two: long chains of them, which
 * clients do send, stay flat. */
static bool add_or(struct search *p)
{
	struct frame *f = &p->frames[p->depth - 1];

	if (p->nodes[f->node].op != CV_SEARCH_OR)
		return imap_search_frame_open(p, CV_SEARCH_OR, 2);
	f->need++;
	return true;
}

/* [RFC5466 3.1] a loop, or too many of them, is as if there was none. */
static bool filter_may_open(struct search *p, struct cv_span name)
{
	uint32_t open = 0;

	for (uint32_t i = 0; i < p->depth; i++) {
		if (p->frames[i].filter.len == 0)
			continue;
		open++;
		if (cv_span_equal_icase(p->frames[i].filter, name))
			return false;
	}
	return open < IMAP_FILTER_DEPTH_MAX;
}

/* DEPARTS [RFC5466 3.1]: as one key, not as its words: NOT FILTER x is not
 * the opposite of its first key alone. */
static bool add_filter(struct search *p)
{
	const struct imap_arg *arg = argument(p);
	struct imap_args words;
	struct frame *f;

	if (arg == NULL)
		return false;
	if (arg->type != IMAP_ATOM || !imap_filter_name_valid(arg->text)) {
		imap_bad(p->cmd, "Invalid name of a filter.");
		return false;
	}
	if (p->charset != (iconv_t)-1) {
		imap_bad(p->cmd, "[BADCHARSET (US-ASCII UTF-8)] Filters are "
			 "in UTF-8.");
		return false;
	}
	if (p->check) {
		(void)imap_search_child_add(p, CV_SEARCH_ALL);
		return true;
	}
	if (!filter_may_open(p, arg->text))
		return imap_filter_undefined(p->cmd, arg->text);
	if (!imap_filter_find(p->cmd, &p->filters, arg->text, &words) ||
	    !imap_search_frame_open(p, CV_SEARCH_AND, UINT32_MAX))
		return false;
	f = &p->frames[p->depth - 1];
	f->list = words;
	f->owns_list = true;
	f->filter = arg->text;
	return true;
}

static bool add_key(struct search *p, const struct key *key)
{
	const struct imap_arg *arg;
	struct cv_span text;
	uint64_t number;
	int64_t day;
	uint32_t node;

	switch (key->kind) {
	case KEY_ALL:
		(void)imap_search_child_add(p, CV_SEARCH_ALL);
		return true;
	case KEY_FLAG:
	case KEY_UNFLAG:
		return add_flag(p, key->value, key->kind == KEY_UNFLAG);
	case KEY_NEW:
		return add_new(p);
	case KEY_DATE:
		if (!date_argument(p, &day))
			return false;
		node = imap_search_child_add(p, key->value);
		p->nodes[node].day = day;
		return true;
	case KEY_SIZE:
		if (!number_argument(p, &number))
			return false;
		node = imap_search_child_add(p, key->value);
		p->nodes[node].number = number;
		return true;
	case KEY_TEXT:
		if (!text_argument(p, &text))
			return false;
		node = imap_search_child_add(p, key->value);
		p->nodes[node].text = text;
		return true;
	case KEY_ADDRESS:
	case KEY_HEADER:
		return add_header(p, key);
	case KEY_KEYWORD:
	case KEY_UNKEYWORD:
		return add_keyword(p, key->kind == KEY_UNKEYWORD);
	case KEY_UID:
		arg = argument(p);
		return arg != NULL && add_set(p, arg->text, true);
	case KEY_MODSEQ:
		return add_modseq(p);
	case KEY_INTERVAL:
		return add_interval(p, key->value);
	case KEY_OBJECT:
		return add_object(p, key->value);
	case KEY_UID_BEYOND:
		return add_uid_beyond(p, key->value != 0);
	case KEY_FILTER:
		return add_filter(p);
	case KEY_ANNOTATION:
		return add_annotation(p);
	case KEY_FUZZY:
		p->cmd->fuzzy = true;
		return imap_search_frame_open(p, CV_SEARCH_FUZZY, 1);
	case KEY_NOT:
		return imap_search_frame_open(p, CV_SEARCH_NOT, 1);
	default:
		return add_or(p);
	}
}

/* Texts of its arguments come in UTF-8. */
static bool extended_texts(struct search *p, struct cv_imap_args args)
{
	struct cv_imap_arg *all = (struct cv_imap_arg *)args.at;

	for (uint32_t i = 0; i < args.count; i++) {
		if (all[i].type != CV_IMAP_LIST &&
		    !imap_search_to_utf8(p, all[i].text, &all[i].text))
			return false;
	}
	return true;
}

/* Evaluated when all was read; until then it has its place in the tree. */
static bool add_extended(struct search *p, const struct imap_extended_key *key)
{
	struct imap_args *list = &p->frames[p->depth - 1].list, part = *list;
	struct cv_imap_args args;

	if (p->pending_count == PENDING_MAX) {
		imap_bad(p->cmd, "Search program is too large.");
		return false;
	}
	for (uint32_t i = 0; i < key->row.arg_count; i++) {
		if (imap_args_next(list) == NULL) {
			imap_bad(p->cmd, "Missing argument for search key.");
			return false;
		}
	}
	part.end = list->at;
	args = imap_extend_args(p->cmd->pool, part);
	if (p->pending == NULL)
		p->pending = CV_ALLOC_ARRAY(p->cmd->pool,
			struct imap_pending_key, PENDING_MAX);
	if (!extended_texts(p, args) ||
	    !imap_extend_key_parse(p->cmd, key, args,
				   &p->pending[p->pending_count]))
		return false;
	p->cmd->foreign_keys = true;
	p->pending[p->pending_count++].node =
		imap_search_child_add(p, CV_SEARCH_SEQS);
	return true;
}

static bool extended_run(struct search *p)
{
	for (uint32_t i = 0; i < p->pending_count; i++) {
		struct imap_pending_key *pending = &p->pending[i];

		if (!imap_extend_key_run(p->cmd, pending,
					 &p->nodes[pending->node].set))
			return false;
	}
	return true;
}

static bool list_open(struct search *p, const struct imap_arg *arg)
{
	struct frame *f;

	if (!imap_search_frame_open(p, CV_SEARCH_AND, UINT32_MAX))
		return false;
	f = &p->frames[p->depth - 1];
	f->list = imap_args_of_list(&f->list, arg);
	f->owns_list = true;
	return true;
}

static bool key_parse(struct search *p)
{
	struct frame *f = &p->frames[p->depth - 1];
	const struct imap_arg *arg = imap_args_next(&f->list);
	const struct imap_extended_key *extended;
	const struct key *key;
	char c;

	if (p->count > NODES_MAX) {
		imap_bad(p->cmd, "Search program is too large.");
		return false;
	}
	if (arg->type == IMAP_LIST)
		return list_open(p, arg);
	if (arg->type != IMAP_ATOM) {
		imap_bad_arguments(p->cmd);
		return false;
	}
	c = arg->text.data[0];
	if ((c >= '0' && c <= '9') || c == '*' ||
	    cv_span_is(arg->text, "$"))
		return add_set(p, arg->text, false);
	key = key_find(arg->text);
	/* where nobody can do it, there is no such key */
	if (key != NULL && (key->kind != KEY_FUZZY ||
			    imap_can_search_fuzzy(p->cmd->s)))
		return add_key(p, key);
	extended = imap_extended_key(arg->text);
	if (extended != NULL)
		return add_extended(p, extended);
	imap_bad(p->cmd, "Unknown argument %.*s", CV_SPAN_ARG(arg->text));
	return false;
}

/* 8-bit without CHARSET is UTF-8, or nothing that could be found. */
static bool texts_valid(struct search *p)
{
	for (uint32_t i = 0; i < p->count; i++) {
		if (!is_ascii(p->nodes[i].field)) {
			imap_bad(p->cmd, "Invalid header field name.");
			return false;
		}
	}
	return true;
}

/* What is wrong in a filter is nothing that this client has said. */
static bool program_failed(struct search *p)
{
	for (uint32_t i = p->depth; i-- > 0; ) {
		if (p->cmd->reply == IMAP_BAD && p->frames[i].filter.len > 0)
			imap_no(p->cmd, "Filter %.*s is not a search program.",
				CV_SPAN_ARG(p->frames[i].filter));
	}
	return false;
}

static bool program_parse(struct search *p)
{
	if (imap_args_peek(&p->cmd->args) == NULL) {
		imap_bad(p->cmd, "Missing search parameters.");
		return false;
	}
	p->frames[0] = (struct frame){
		.node = imap_search_node_new(p, CV_SEARCH_AND),
		.need = UINT32_MAX, .list = p->cmd->args, .owns_list = true };
	p->depth = 1;
	while (p->depth > 0) {
		if (!key_parse(p) || !imap_search_frames_close(p))
			return program_failed(p);
	}
	return texts_valid(p) && (p->check || extended_run(p));
}

/* With the charset always there, as SORT and THREAD have it, or behind the
 * word CHARSET. */
bool imap_search_validate(struct imap_cmd *cmd, bool *has_modseq_r)
{
	struct search *p = CV_ALLOC(cmd->pool, struct search);
	struct imap_args args = cmd->args;
	bool ok;

	p->cmd = cmd;
	p->charset = (iconv_t)-1;
	p->check = true;
	ok = imap_search_charset_parse(p) && program_parse(p);
	imap_search_charset_close(p);
	*has_modseq_r = p->has_modseq;
	cmd->args = args;
	return ok;
}

static bool query_parse(struct imap_cmd *cmd, bool bare,
			struct cv_search_query *query_r)
{
	struct search *p = CV_ALLOC(cmd->pool, struct search);
	bool ok;

	p->cmd = cmd;
	p->charset = (iconv_t)-1;
	ok = (bare ? imap_search_charset_name_parse(p) :
	      imap_search_charset_parse(p)) && program_parse(p);
	imap_search_charset_close(p);
	*query_r = (struct cv_search_query){ CV_SIZED(cv_search_query),
		.nodes = p->nodes, .count = p->count,
		.comparator = cmd->s->comparator };
	return ok;
}

bool imap_search_parse(struct imap_cmd *cmd, struct cv_search_query *query_r)
{
	return query_parse(cmd, false, query_r);
}

bool imap_search_parse_charset(struct imap_cmd *cmd,
			       struct cv_search_query *query_r)
{
	return query_parse(cmd, true, query_r);
}

bool imap_search_check(struct imap_cmd *cmd, struct imap_args words)
{
	struct search *p = CV_ALLOC(cmd->pool, struct search);
	struct imap_args args = cmd->args;
	bool ok;

	p->cmd = cmd;
	p->charset = (iconv_t)-1;
	p->check = true;
	cmd->args = words;
	ok = program_parse(p);
	cmd->args = args;
	return ok;
}
