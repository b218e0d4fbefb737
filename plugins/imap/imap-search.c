/* imap-search.c - see imap-search.h. */
#include "imap-search.h"
#include "imap-args.h"
#include "imap-enable.h"
#include "imap-extend.h"
#include "imap-date.h"
#include "imap-filter.h"
#include "imap-modseq.h"
#include "imap-object-id.h"
#include "imap-respond.h"
#include "imap-set.h"

#include <errno.h>
#include <iconv.h>
#include <time.h>

enum {
	FRAMES_MAX = 64,	/* open lists, NOTs and ORs */
	NODES_MAX = 8192,
	PENDING_MAX = 256,	/* keys of other plugins */
};

struct frame {			/* a node that still takes children */
	uint32_t node, last;	/* last child, 0: none */
	uint32_t need;		/* how many more; UINT32_MAX: the whole list */
	struct imap_args list;
	bool owns_list;
	struct cv_span filter;	/* whose words these are; empty: of none */
};

struct search {
	struct imap_cmd *cmd;
	struct cv_search_node *nodes;
	uint32_t count, room;
	struct frame frames[FRAMES_MAX];
	uint32_t depth;
	iconv_t charset;	/* (iconv_t)-1: UTF-8 already */
	struct imap_pending_key *pending;	/* of other plugins */
	uint32_t pending_count;
	struct imap_filters filters;
	bool has_modseq;
	bool check;		/* there is no mailbox: only whether it is a
				 * search */
};

/* --- building the tree ---------------------------------------------------- */

static uint32_t node_new(struct search *p, uint32_t op)
{
	if (p->count == p->room) {
		uint32_t room = p->room == 0 ? 16 : p->room * 2;
		struct cv_search_node *more = CV_ALLOC_ARRAY(p->cmd->pool,
			struct cv_search_node, room);

		if (p->count > 0)
			memcpy(more, p->nodes, sizeof(*more) * p->count);
		p->nodes = more;
		p->room = room;
	}
	p->nodes[p->count] = (struct cv_search_node){ .op = op };
	return p->count++;
}

/* A new child of the innermost open node. */
static uint32_t child_add(struct search *p, uint32_t op)
{
	struct frame *f = &p->frames[p->depth - 1];
	uint32_t index = node_new(p, op);

	if (f->last == 0)
		p->nodes[f->node].first_child = index;
	else
		p->nodes[f->last].next = index;
	f->last = index;
	if (f->need != UINT32_MAX)
		f->need--;
	return index;
}

static bool frame_open(struct search *p, uint32_t op, uint32_t need)
{
	struct frame *outer = &p->frames[p->depth - 1];
	struct imap_args list = outer->list;
	uint32_t node;

	if (p->depth == FRAMES_MAX) {
		imap_bad(p->cmd, "Search program is nested too deeply.");
		return false;
	}
	node = child_add(p, op);
	p->frames[p->depth++] = (struct frame){ .node = node, .need = need,
						.list = list };
	return true;
}

/* Those that have all their children. */
static bool frames_close(struct search *p)
{
	while (p->depth > 0) {
		struct frame *f = &p->frames[p->depth - 1];
		bool at_end = imap_args_peek(&f->list) == NULL;

		if (f->need == UINT32_MAX ? !at_end : f->need > 0) {
			if (!at_end)
				return true;
			imap_bad(p->cmd, "Missing search key argument.");
			return false;
		}
		if (f->owns_list && p->nodes[f->node].first_child == 0) {
			imap_bad(p->cmd, "Empty list in search program.");
			return false;
		}
		p->depth--;
		/* what the inner one has read is read for the outer one */
		if (p->depth > 0 && !f->owns_list)
			p->frames[p->depth - 1].list = f->list;
	}
	return true;
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

static bool to_utf8(struct search *p, struct cv_span in, struct cv_span *out_r)
{
	size_t room = in.len * 4 + 16, left = room, in_left = in.len;
	char *out, *at, *from;

	*out_r = in;
	if (p->charset == (iconv_t)-1)
		return true;
	out = at = cv_api->alloc(p->cmd->pool, room);
	from = imap_copy(p->cmd->pool, in);
	(void)iconv(p->charset, NULL, NULL, NULL, NULL);
	if (iconv(p->charset, &from, &in_left, &at, &left) == (size_t)-1 ||
	    iconv(p->charset, NULL, NULL, &at, &left) == (size_t)-1) {
		imap_bad(p->cmd, "Search text is not valid in its charset.");
		return false;
	}
	*out_r = cv_span(out, room - left);
	return true;
}

static bool text_argument(struct search *p, struct cv_span *text_r)
{
	const struct imap_arg *arg = argument(p);

	return arg != NULL && to_utf8(p, arg->text, text_r);
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
	KEY_UID_BEYOND, KEY_FILTER,
};

static const struct key {
	const char *name;
	uint32_t kind;
	uint32_t value;		/* flag or operation */
} keys[] = {
	{ "ALL", KEY_ALL, 0 },
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

	if (negated && !frame_open(p, CV_SEARCH_NOT, 1))
		return false;
	node = child_add(p, CV_SEARCH_FLAGS);
	p->nodes[node].flags = flag;
	return true;
}

/* [RFC3501 6.4.4] NEW is (RECENT UNSEEN) */
static bool add_new(struct search *p)
{
	if (!frame_open(p, CV_SEARCH_AND, 2) ||
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
	node = child_add(p, CV_SEARCH_HEADER);
	p->nodes[node].field = field;
	p->nodes[node].text = text;
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
	if (negated && !frame_open(p, CV_SEARCH_NOT, 1))
		return false;
	node = child_add(p, CV_SEARCH_KEYWORD);
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
	node = child_add(p, uid ? CV_SEARCH_UIDS : CV_SEARCH_SEQS);
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
	node = child_add(p, CV_SEARCH_MODSEQ);
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
	node = child_add(p, op);
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
	node = child_add(p, op);
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
	node = child_add(p, CV_SEARCH_UIDS);
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
		return frame_open(p, CV_SEARCH_OR, 2);
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
		(void)child_add(p, CV_SEARCH_ALL);
		return true;
	}
	if (!filter_may_open(p, arg->text))
		return imap_filter_undefined(p->cmd, arg->text);
	if (!imap_filter_find(p->cmd, &p->filters, arg->text, &words) ||
	    !frame_open(p, CV_SEARCH_AND, UINT32_MAX))
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
		(void)child_add(p, CV_SEARCH_ALL);
		return true;
	case KEY_FLAG:
	case KEY_UNFLAG:
		return add_flag(p, key->value, key->kind == KEY_UNFLAG);
	case KEY_NEW:
		return add_new(p);
	case KEY_DATE:
		if (!date_argument(p, &day))
			return false;
		node = child_add(p, key->value);
		p->nodes[node].day = day;
		return true;
	case KEY_SIZE:
		if (!number_argument(p, &number))
			return false;
		node = child_add(p, key->value);
		p->nodes[node].number = number;
		return true;
	case KEY_TEXT:
		if (!text_argument(p, &text))
			return false;
		node = child_add(p, key->value);
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
	case KEY_NOT:
		return frame_open(p, CV_SEARCH_NOT, 1);
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
		    !to_utf8(p, all[i].text, &all[i].text))
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
	p->pending[p->pending_count++].node = child_add(p, CV_SEARCH_SEQS);
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

	if (!frame_open(p, CV_SEARCH_AND, UINT32_MAX))
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
	if (key != NULL)
		return add_key(p, key);
	extended = imap_extended_key(arg->text);
	if (extended != NULL)
		return add_extended(p, extended);
	imap_bad(p->cmd, "Unknown argument %.*s", CV_SPAN_ARG(arg->text));
	return false;
}

/* --- CHARSET -------------------------------------------------------------- */

/* Those that iconv may be asked for: what mail is written in, and nothing
 * that an attacker could name to load odd modules. */
static const char *const charsets[] = {
	"ISO-8859-1", "ISO-8859-2", "ISO-8859-3", "ISO-8859-4", "ISO-8859-5",
	"ISO-8859-6", "ISO-8859-7", "ISO-8859-8", "ISO-8859-9",
	"ISO-8859-10", "ISO-8859-13", "ISO-8859-14", "ISO-8859-15",
	"ISO-8859-16", "WINDOWS-1250", "WINDOWS-1251", "WINDOWS-1252",
	"WINDOWS-1253", "WINDOWS-1254", "WINDOWS-1255", "WINDOWS-1256",
	"WINDOWS-1257", "WINDOWS-1258", "KOI8-R", "KOI8-U", "GB2312", "GBK",
	"GB18030", "BIG5", "EUC-JP", "SHIFT_JIS", "ISO-2022-JP", "EUC-KR",
	"TIS-620",
};

static bool charset_open(struct search *p, struct cv_span name)
{
	if (cv_span_is_icase(name, "UTF-8") ||
	    cv_span_is_icase(name, "US-ASCII"))
		return true;
	for (size_t i = 0; i < sizeof(charsets) / sizeof(charsets[0]); i++) {
		if (!cv_span_is_icase(name, charsets[i]))
			continue;
		p->charset = iconv_open("UTF-8", charsets[i]);
		if (p->charset != (iconv_t)-1)
			return true;
	}
	/* [RFC3501 6.4.4] */
	imap_no(p->cmd, "[BADCHARSET (US-ASCII UTF-8)] Unknown charset.");
	return false;
}

static bool charset_name_parse(struct search *p)
{
	const struct imap_arg *arg = imap_args_next(&p->cmd->args);

	if (!imap_arg_is_string(arg)) {
		imap_bad_arguments(p->cmd);
		return false;
	}
	return charset_open(p, arg->text);
}

static bool charset_parse(struct search *p)
{
	struct imap_args *args = &p->cmd->args;

	if (!imap_arg_is_atom(imap_args_peek(args), "CHARSET"))
		return true;
	/* [RFC6855 3] such a client has said that all is UTF-8 */
	if ((p->cmd->s->enabled & IMAP_ENABLED_UTF8) != 0) {
		imap_bad(p->cmd, "CHARSET is not allowed after ENABLE "
			 "UTF8=ACCEPT.");
		return false;
	}
	(void)imap_args_next(args);
	return charset_name_parse(p);
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
		.node = node_new(p, CV_SEARCH_AND), .need = UINT32_MAX,
		.list = p->cmd->args, .owns_list = true };
	p->depth = 1;
	while (p->depth > 0) {
		if (!key_parse(p) || !frames_close(p))
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
	ok = charset_parse(p) && program_parse(p);
	if (p->charset != (iconv_t)-1)
		(void)iconv_close(p->charset);
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
	ok = (bare ? charset_name_parse(p) : charset_parse(p)) &&
		program_parse(p);
	if (p->charset != (iconv_t)-1)
		(void)iconv_close(p->charset);
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
