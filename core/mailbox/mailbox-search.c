/* mailbox-search.c - SEARCH [RFC9051 6.4.4].
 *
 * The tree is compiled once: needles folded, children put in the order of
 * their cost, its shape checked.  Messages are then tested without recursion,
 * cheap keys first, so that most messages never open a file.  Text is
 * compared as decoded UTF-8 without case, in blocks that overlap by the
 * length of the needle. */
#include "mailbox-private.h"
#include "message/charset.h"
#include "message/encoded-word.h"

enum {
	SEARCH_NODES_MAX = 10000,
	SEARCH_HEADER_MAX = 10 * 1024 * 1024,
};

struct snode {
	const struct cv_search_node *node;
	uint32_t *children;
	uint32_t child_count;
	struct cv_span needle;		/* folded */
	int cost;
};

struct frame { uint32_t node, child; };

struct search {
	struct cv_mailbox *box;
	struct cv_pool *pool;		/* of the query */
	struct cv_pool *text_pool;	/* of one message */
	struct snode *nodes;
	uint32_t count;
	struct frame *stack;
	uint32_t seq, uid, row;
	struct cv_error *err;
};

/* --- folding ---------------------------------------------------------------------- */

/* Case of the Latin, Greek, Cyrillic and Armenian letters, by their blocks;
 * other scripts have none that mail meets. */
static uint32_t fold_code(uint32_t c)
{
	if (c < 0x80)
		return c >= 'A' && c <= 'Z' ? c + 32 : c;
	if (c >= 0xc0 && c <= 0xde && c != 0xd7)
		return c + 32;
	if ((c >= 0x100 && c <= 0x12f) || (c >= 0x132 && c <= 0x137) ||
	    (c >= 0x14a && c <= 0x177) || (c >= 0x1de && c <= 0x1ef) ||
	    (c >= 0x1f8 && c <= 0x21f) || (c >= 0x222 && c <= 0x233) ||
	    (c >= 0x460 && c <= 0x481) || (c >= 0x48a && c <= 0x4bf) ||
	    (c >= 0x4d0 && c <= 0x52f) || (c >= 0x1e00 && c <= 0x1e95) ||
	    (c >= 0x1ea0 && c <= 0x1eff))
		return c | 1;
	if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e) ||
	    (c >= 0x1cd && c <= 0x1dc) || (c >= 0x4c1 && c <= 0x4ce))
		return c + (c & 1);
	if (c == 0x178)
		return 0xff;
	if (c == 0x386)
		return 0x3ac;
	if (c >= 0x388 && c <= 0x38a)
		return c + 37;
	if (c == 0x38c)
		return 0x3cc;
	if (c == 0x38e || c == 0x38f)
		return c + 63;
	if (c >= 0x391 && c <= 0x3ab && c != 0x3a2)
		return c + 32;
	if (c == 0x3c2)
		return 0x3c3;
	if (c >= 0x400 && c <= 0x40f)
		return c + 80;
	if (c >= 0x410 && c <= 0x42f)
		return c + 32;
	if (c >= 0x531 && c <= 0x556)
		return c + 48;
	return c;
}

static void fold_append(struct cv_text *dst, struct cv_span s)
{
	size_t at = 0;

	while (at < s.len) {
		uint32_t c;
		size_t n;
		char out[4];

		if ((unsigned char)s.data[at] < 0x80) {
			cv_text_append_c(dst, cv_ascii_lower(s.data[at++]));
			continue;
		}
		n = utf8_decode(s.data + at, s.len - at, &c);
		if (n == 0) {
			cv_text_append_c(dst, s.data[at++]);
			continue;
		}
		cv_text_append(dst, out, utf8_encode(fold_code(c), out));
		at += n;
	}
}

static bool contains(struct cv_span text, struct cv_span needle)
{
	return needle.len == 0 ||
		memmem(text.data == NULL ? "" : text.data, text.len,
		       needle.data, needle.len) != NULL;
}

/* --- compiling --------------------------------------------------------------------- */

static int op_cost(uint32_t op)
{
	switch (op) {
	case CV_SEARCH_SENT_BEFORE:
	case CV_SEARCH_SENT_ON:
	case CV_SEARCH_SENT_SINCE:
	case CV_SEARCH_THREAD:
		return 2;
	case CV_SEARCH_HEADER:
		return 3;
	case CV_SEARCH_BODY:
	case CV_SEARCH_TEXT:
		return 5;
	default:
		return 1;
	}
}

static int fail_shape(struct search *s)
{
	return FAIL(s->err, CV_E_SYNTAX, "malformed search query");
}

/* Parents before their children in order_r; each node is somebody's child at
 * most once, so that there is no cycle. */
static int link_tree(struct search *s, const struct cv_search_query *query,
		     uint32_t *order_r, uint32_t *count_r)
{
	bool *seen = pool_new_array(s->pool, bool, query->count);
	uint32_t done = 0, count = 1;

	order_r[0] = 0;
	seen[0] = true;
	while (done < count) {
		struct snode *n = &s->nodes[order_r[done++]];
		uint32_t first = count, child;
		bool group = n->node->op >= CV_SEARCH_AND &&
			n->node->op <= CV_SEARCH_NOT;

		for (child = group ? n->node->first_child : 0; child != 0;
		     child = s->nodes[child].node->next) {
			if (child >= query->count || seen[child])
				return fail_shape(s);
			seen[child] = true;
			order_r[count++] = child;
		}
		n->child_count = count - first;
		n->children = pool_new_array(s->pool, uint32_t,
					     n->child_count + 1);
		memcpy(n->children, order_r + first,
		       n->child_count * sizeof(*n->children));
		if (group && n->child_count == 0)
			return fail_shape(s);
	}
	*count_r = count;
	return CV_OK;
}

static void sort_children(struct search *s, struct snode *n)
{
	/* insertion: stable, and lists are short or nearly equal in cost */
	for (uint32_t i = 1; i < n->child_count; i++) {
		uint32_t child = n->children[i], k = i;

		while (k > 0 && s->nodes[n->children[k - 1]].cost >
		       s->nodes[child].cost) {
			n->children[k] = n->children[k - 1];
			k--;
		}
		n->children[k] = child;
	}
}

static int compile(struct search *s, const struct cv_search_query *query)
{
	uint32_t *order, count;
	int ret;

	if (query->count == 0 || query->count > SEARCH_NODES_MAX)
		return fail_shape(s);
	s->nodes = pool_new_array(s->pool, struct snode, query->count);
	s->stack = pool_new_array(s->pool, struct frame, query->count + 1);
	s->count = query->count;
	order = pool_new_array(s->pool, uint32_t, query->count);
	for (uint32_t i = 0; i < query->count; i++) {
		struct cv_text needle;

		s->nodes[i].node = &query->nodes[i];
		s->nodes[i].cost = op_cost(query->nodes[i].op);
		cv_text_init(&needle, s->pool);
		fold_append(&needle, query->nodes[i].text);
		s->nodes[i].needle = cv_text_span(&needle);
	}
	ret = link_tree(s, query, order, &count);
	if (ret < 0)
		return ret;
	while (count > 0) {
		struct snode *n = &s->nodes[order[--count]];

		for (uint32_t i = 0; i < n->child_count; i++) {
			if (s->nodes[n->children[i]].cost > n->cost)
				n->cost = s->nodes[n->children[i]].cost;
		}
		sort_children(s, n);
	}
	return CV_OK;
}

/* --- text --------------------------------------------------------------------------- */

/* One field of a header in CRLF or LF form; true while there is one. */
static bool next_field(struct cv_span *rest, struct cv_span *name_r,
		       struct cv_span *value_r)
{
	while (rest->len > 0) {
		size_t end = 0;
		const char *colon;

		while (end < rest->len) {
			const char *lf = memchr(rest->data + end, '\n',
						rest->len - end);

			end = lf == NULL ? rest->len :
				(size_t)(lf - rest->data) + 1;
			if (end < rest->len && rest->data[end] != ' ' &&
			    rest->data[end] != '\t')
				break;
		}
		colon = memchr(rest->data, ':', end);
		if (colon != NULL) {
			*name_r = cv_span_trim(cv_span(
				rest->data, (size_t)(colon - rest->data)));
			*value_r = cv_span_trim(cv_span(
				colon + 1,
				end - (size_t)(colon + 1 - rest->data)));
		}
		*rest = cv_span_skip(*rest, end);
		if (colon != NULL)
			return true;
	}
	return false;
}

static bool value_matches(struct search *s, struct cv_span value,
			  struct cv_span needle)
{
	struct cv_text decoded, folded;

	cv_text_init(&decoded, s->text_pool);
	cv_text_init(&folded, s->text_pool);
	header_decode(&decoded, value);
	fold_append(&folded, cv_text_span(&decoded));
	return contains(cv_text_span(&folded), needle);
}

/* field data NULL: any, and the names too. */
static bool header_matches(struct search *s, struct cv_span header,
			   struct cv_span field, struct cv_span needle)
{
	struct cv_span name, value;

	while (next_field(&header, &name, &value)) {
		if (field.data != NULL && !cv_span_equal_icase(name, field))
			continue;
		if (value_matches(s, value, needle))
			return true;
		if (field.data == NULL) {
			struct cv_text line;

			cv_text_init(&line, s->text_pool);
			fold_append(&line, name);
			cv_text_append_str(&line, ": ");
			fold_append(&line, value);
			if (contains(cv_text_span(&line), needle))
				return true;
		}
	}
	return false;
}

static int read_header(struct search *s, struct cv_stream *file,
		       const struct mime_part *part, struct cv_span *header_r)
{
	struct cv_stream *range = stream_open_range(
		s->text_pool, file, part->offset, part->header.physical);
	struct cv_text text;
	int ret;

	cv_text_init(&text, s->text_pool);
	ret = stream_seek(range, 0, s->err);
	if (ret == CV_OK)
		ret = stream_read_all(range, &text, SEARCH_HEADER_MAX,
				      s->err);
	*header_r = cv_text_span(&text);
	return ret == CV_E_LIMIT ? CV_OK : ret;
}

static int match_header(struct search *s, const struct snode *n, bool *yes_r)
{
	const struct message_summary *summary;
	const struct mime_tree *tree;
	struct cv_stream *file;
	struct cv_span header;
	int ret;

	if (message_summary_has_field(n->node->field)) {
		ret = mailbox_summary(s->box, s->row, &summary, s->err);
		if (ret != CV_OK)
			return ret;
		if (!(summary->flags & SUMMARY_FIELDS_CUT)) {
			*yes_r = header_matches(s, summary->fields,
						n->node->field, n->needle);
			return CV_OK;
		}
	}
	ret = mailbox_content(s->box, s->row, &file, &tree, s->err);
	if (ret == CV_OK)
		ret = read_header(s, file, &tree->parts[0], &header);
	if (ret == CV_OK)
		*yes_r = header_matches(s, header, n->node->field, n->needle);
	return ret;
}

/* The charset of a part is in its own header: the catalogue's tree has no
 * parameters. */
static struct cv_span part_charset(struct cv_span header)
{
	struct cv_span name, value;
	size_t at;

	while (next_field(&header, &name, &value)) {
		struct cv_span rest;
		size_t end = 0;

		if (!cv_span_is_icase(name, "content-type"))
			continue;
		for (at = 0; at + 8 < value.len; at++) {
			if (cv_span_begins_icase(cv_span_skip(value, at),
						 CV_SPAN("charset=")))
				break;
		}
		if (at + 8 >= value.len)
			break;
		rest = cv_span_skip(value, at + 8);
		if (rest.data[0] == '"')
			rest = cv_span_skip(rest, 1);
		while (end < rest.len && rest.data[end] != '"' &&
		       rest.data[end] != ';' && rest.data[end] != ' ' &&
		       rest.data[end] != '\r' && rest.data[end] != '\n')
			end++;
		return cv_span(rest.data, end);
	}
	return CV_SPAN("us-ascii");
}

static int stream_contains(struct search *s, struct cv_stream *in,
			   struct cv_span charset, struct cv_span needle,
			   bool *yes_r)
{
	struct cv_pool *pool = pool_create("search text");
	bool known, last = false;
	struct charset_decoder *decoder =
		charset_decoder_create(pool, charset, &known);
	struct cv_text utf8, folded;
	struct cv_span chunk;
	int ret = CV_OK;

	cv_text_init(&utf8, pool);
	cv_text_init(&folded, pool);
	while (!last && !*yes_r) {
		size_t keep;

		ret = stream_read(in, &chunk, s->err);
		if (ret < 0)
			break;
		last = ret == CV_EOF;
		if (last)
			chunk = CV_SPAN_NONE;
		cv_text_reset(&utf8);
		charset_decoder_add(decoder, chunk, last, &utf8);
		if (!last)
			stream_skip(in, chunk.len);
		fold_append(&folded, cv_text_span(&utf8));
		*yes_r = contains(cv_text_span(&folded), needle);
		/* a match may begin at the end of this block */
		keep = needle.len > 0 ? needle.len - 1 : 0;
		if (keep < folded.len) {
			memmove(folded.data,
				folded.data + folded.len - keep, keep);
			folded.len = keep;
			folded.data[keep] = '\0';
		}
	}
	pool_destroy(&pool);
	return ret < 0 ? ret : CV_OK;
}

static int match_part(struct search *s, struct cv_stream *file,
		      const struct mime_tree *tree, uint32_t part,
		      bool headers, struct cv_span needle, bool *yes_r)
{
	const struct mime_part *p = &tree->parts[part];
	struct cv_stream *body;
	struct cv_span header;
	int ret = read_header(s, file, p, &header);

	if (ret < 0)
		return ret;
	/* the header of the message itself is no part of its body; those of
	 * parts are */
	if ((headers || part > 0) &&
	    header_matches(s, header, CV_SPAN_NONE, needle)) {
		*yes_r = true;
		return CV_OK;
	}
	if (p->flags & (MIME_MULTIPART | MIME_RFC822))
		return CV_OK;
	/* attachments that are no text are not searched */
	if (!(p->flags & MIME_TEXT))
		return CV_OK;
	ret = message_part_open_decoded(s->text_pool, file, tree, part, &body,
					s->err);
	if (ret == CV_E_UNSUPPORTED)
		return CV_OK;
	return ret < 0 ? ret :
		stream_contains(s, body, part_charset(header), needle, yes_r);
}

static int match_text(struct search *s, const struct snode *n, bool *yes_r)
{
	const struct mime_tree *tree;
	struct cv_stream *file;
	int ret = mailbox_content(s->box, s->row, &file, &tree, s->err);

	for (uint32_t i = 0; ret == CV_OK && i < tree->count && !*yes_r; i++)
		ret = match_part(s, file, tree, i,
				 n->node->op == CV_SEARCH_TEXT, n->needle,
				 yes_r);
	return ret;
}

/* --- keys ---------------------------------------------------------------------------- */

static bool has_keyword(struct search *s, struct cv_span name)
{
	struct account_keywords k =
		account_row_keywords(s->box->folder, s->row);
	uint32_t index;

	if (!account_keyword_find(s->box->folder, name, &index))
		return false;
	for (uint32_t i = 0; i < k.count; i++) {
		if (k.indexes[i] == index)
			return true;
	}
	return false;
}

static int64_t day_of(int64_t time)
{
	return time >= 0 ? time / 86400 : -((-time + 86399) / 86400);
}

static bool compare_day(uint32_t op, int64_t day, int64_t wanted)
{
	switch (op) {
	case CV_SEARCH_BEFORE:
	case CV_SEARCH_SENT_BEFORE:
	case CV_SEARCH_SAVED_BEFORE:
		return day < wanted;
	case CV_SEARCH_ON:
	case CV_SEARCH_SENT_ON:
	case CV_SEARCH_SAVED_ON:
		return day == wanted;
	default:
		return day >= wanted;
	}
}

/* INTERNALDATE as this machine's calendar has it: that is what FETCH shows. */
static int64_t local_day(int64_t time)
{
	time_t t = (time_t)time;
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL)
		return day_of(time);
	return day_of(time + tm.tm_gmtoff);
}

static bool match_time(const struct snode *n, int64_t time)
{
	return n->node->number != 0 ?
		compare_day(n->node->op, time, (int64_t)n->node->number) :
		compare_day(n->node->op, local_day(time), n->node->day);
}

static int match_sent(struct search *s, const struct snode *n, bool *yes_r)
{
	const struct message_summary *summary;
	int ret = mailbox_summary(s->box, s->row, &summary, s->err);

	if (ret != CV_OK)
		return ret;
	/* [RFC9051 6.4.4] time and zone are disregarded: the day as it is
	 * written */
	*yes_r = (summary->flags & SUMMARY_HAS_DATE) &&
		compare_day(n->node->op,
			    day_of(summary->sent.time +
				   summary->sent.zone * 60),
			    n->node->day);
	return CV_OK;
}

static int match_size(struct search *s, const struct snode *n, bool *yes_r)
{
	const struct message_summary *summary;
	struct account_message m;
	int ret;

	account_row_get(s->box->folder, s->row, &m);
	if (m.virtual_size == 0 && m.size > 0) {
		ret = mailbox_summary(s->box, s->row, &summary, s->err);
		if (ret != CV_OK)
			return ret;
		m.virtual_size = summary->virtual_size;
	}
	*yes_r = n->node->op == CV_SEARCH_LARGER ?
		m.virtual_size > n->node->number :
		m.virtual_size < n->node->number;
	return CV_OK;
}

static bool is_id(struct cv_span wanted, const uint8_t id[16])
{
	return wanted.len == 16 && memcmp(wanted.data, id, 16) == 0;
}

static int match_thread(struct search *s, const struct snode *n, bool *yes_r)
{
	const struct message_summary *summary;
	struct account_message m;
	uint8_t thread[16];
	int ret = mailbox_summary(s->box, s->row, &summary, s->err);

	if (ret != CV_OK)
		return ret;
	account_row_get(s->box->folder, s->row, &m);
	*yes_r = mailbox_thread_id(summary, m.guid.bytes, thread) &&
		is_id(n->node->text, thread);
	return CV_OK;
}

static bool match_flags(struct search *s, uint32_t wanted)
{
	uint32_t flags = account_row_flags(s->box->folder, s->row) &
		CV_FLAGS_STORED;

	if (mailbox_uid_is_recent(s->box, s->uid))
		flags |= CV_FLAG_RECENT;
	return (flags & wanted) == wanted;
}

static int match_key(struct search *s, const struct snode *n, bool *yes_r)
{
	struct account_message m;

	*yes_r = false;
	switch (n->node->op) {
	case CV_SEARCH_ALL:
		*yes_r = true;
		return CV_OK;
	case CV_SEARCH_SEQS:
		*yes_r = cv_set_contains(n->node->set, s->seq);
		return CV_OK;
	case CV_SEARCH_UIDS:
		*yes_r = cv_set_contains(n->node->set, s->uid);
		return CV_OK;
	case CV_SEARCH_FLAGS:
		*yes_r = match_flags(s, n->node->flags);
		return CV_OK;
	case CV_SEARCH_KEYWORD:
		*yes_r = has_keyword(s, n->node->text);
		return CV_OK;
	case CV_SEARCH_MODSEQ:
		*yes_r = account_row_modseq(s->box->folder, s->row) >=
			n->node->number;
		return CV_OK;
	case CV_SEARCH_BEFORE:
	case CV_SEARCH_ON:
	case CV_SEARCH_SINCE:
		account_row_get(s->box->folder, s->row, &m);
		*yes_r = match_time(n, m.received);
		return CV_OK;
	case CV_SEARCH_SAVED_BEFORE:
	case CV_SEARCH_SAVED_ON:
	case CV_SEARCH_SAVED_SINCE:
		account_row_get(s->box->folder, s->row, &m);
		*yes_r = match_time(n, m.saved != 0 ? m.saved : m.received);
		return CV_OK;
	case CV_SEARCH_SENT_BEFORE:
	case CV_SEARCH_SENT_ON:
	case CV_SEARCH_SENT_SINCE:
		return match_sent(s, n, yes_r);
	case CV_SEARCH_LARGER:
	case CV_SEARCH_SMALLER:
		return match_size(s, n, yes_r);
	case CV_SEARCH_GUID:
		account_row_get(s->box->folder, s->row, &m);
		*yes_r = is_id(n->node->text, m.guid.bytes);
		return CV_OK;
	case CV_SEARCH_THREAD:
		return match_thread(s, n, yes_r);
	case CV_SEARCH_HEADER:
		return match_header(s, n, yes_r);
	case CV_SEARCH_BODY:
	case CV_SEARCH_TEXT:
		return match_text(s, n, yes_r);
	default:
		return fail_shape(s);
	}
}

/* --- messages -------------------------------------------------------------------------- */

static bool is_group(const struct snode *n)
{
	return n->node->op >= CV_SEARCH_AND && n->node->op <= CV_SEARCH_NOT;
}

/* Walks the tree with a stack of groups; value is that of the node last
 * finished. */
static int match_message(struct search *s, bool *yes_r)
{
	uint32_t depth = 0, at = 0;
	bool value = false;

	for (;;) {
		const struct snode *n = &s->nodes[at];
		int ret;

		if (is_group(n)) {
			s->stack[depth++] = (struct frame){ at, 0 };
			at = n->children[0];
			continue;
		}
		ret = match_key(s, n, &value);
		if (ret < 0)
			return ret;
		while (depth > 0) {
			struct frame *f = &s->stack[depth - 1];
			const struct snode *g = &s->nodes[f->node];
			bool decided = g->node->op == CV_SEARCH_OR ? value :
				!value;

			f->child++;
			if (!decided && f->child < g->child_count) {
				at = g->children[f->child];
				break;
			}
			/* NOT has several children joined by AND, too */
			if (g->node->op == CV_SEARCH_NOT)
				value = !value;
			depth--;
		}
		if (depth == 0) {
			*yes_r = value;
			return CV_OK;
		}
	}
}

int mailbox_search(struct cv_mailbox *box,
		   const struct cv_search_query *query, struct cv_pool *pool,
		   struct cv_set *seqs_r, struct cv_error *err)
{
	struct account_ranges seqs = { .pool = pool };
	struct search s = { .box = box, .err = err };
	int ret;

	s.pool = pool_create("search");
	s.text_pool = pool_create("search message");
	ret = compile(&s, query);
	mailbox_progress_begin(box->user);
	for (uint32_t seq = 1; seq <= box->count && ret >= 0; seq++) {
		bool yes = false;

		ret = mailbox_progress(box->user, seq - 1, box->count, err);
		if (ret < 0)
			break;
		if (!mailbox_row(box, seq, &s.row))
			continue;
		s.seq = seq;
		s.uid = mailbox_uid_at(box, seq - 1);
		ret = match_message(&s, &yes);
		if (ret >= 0 && yes)
			ranges_add(&seqs, seq);
		pool_reset(s.text_pool);
	}
	pool_destroy(&s.pool);
	pool_destroy(&s.text_pool);
	*seqs_r = ranges_set(&seqs);
	return ret < 0 ? ret : CV_OK;
}
