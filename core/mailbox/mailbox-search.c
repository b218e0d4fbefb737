/* mailbox-search.c - SEARCH [RFC9051 6.4.4].
 *
 * The tree is compiled once: needles folded, children put in the order of
 * their cost, its shape checked.  Messages are then tested without recursion,
 * cheap keys first, so that most messages never open a file.  Text is
 * compared as decoded UTF-8 without case, in blocks that overlap by the
 * length of the needle. */
#include "mailbox-search-private.h"
#include "key-table.h"
#include "message/charset.h"
#include "message/encoded-word.h"

enum {
	SEARCH_NODES_MAX = 10000,
	SEARCH_PART_NODES_MAX = 1000,	/* of one PART */
	SEARCH_HEADER_MAX = 10 * 1024 * 1024,
};

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
	case CV_SEARCH_PART:
		return 5;
	default:
		return 1;
	}
}

int search_fail_shape(struct search *s)
{
	return FAIL(s->err, CV_E_SYNTAX, "malformed search query");
}

static bool has_children(const struct cv_search_node *node)
{
	return (node->op >= CV_SEARCH_AND && node->op <= CV_SEARCH_NOT) ||
		node->op == CV_SEARCH_FUZZY ||
		(node->op >= CV_SEARCH_PART &&
		 node->op <= CV_SEARCH_PART_CHILD);
}

/* With nothing below it means that there is one. */
static bool may_be_empty(const struct cv_search_node *node)
{
	return node->op == CV_SEARCH_PART_PARENT ||
		node->op == CV_SEARCH_PART_CHILD;
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
		bool group = has_children(n->node);

		for (child = group ? n->node->first_child : 0; child != 0;
		     child = s->nodes[child].node->next) {
			if (child >= query->count || seen[child])
				return search_fail_shape(s);
			seen[child] = true;
			order_r[count++] = child;
		}
		n->child_count = count - first;
		n->children = pool_new_array(s->pool, uint32_t,
					     n->child_count + 1);
		memcpy(n->children, order_r + first,
		       n->child_count * sizeof(*n->children));
		if (group && n->child_count == 0 && !may_be_empty(n->node))
			return search_fail_shape(s);
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

uint64_t search_set_size(struct cv_set set)
{
	uint64_t size = 0;

	for (uint32_t i = 0; i < set.count; i++)
		size += (uint64_t)set.ranges[i].last - set.ranges[i].first + 1;
	return size;
}

/* The smaller one. */
static void narrow(struct search *s, const struct cv_search_node *node)
{
	struct cv_set set = node->set;
	uint64_t size;

	if (node->op == CV_SEARCH_UIDS)
		(void)mailbox_uids_to_seqs(s->box, node->set, s->pool, &set);
	else if (node->op != CV_SEARCH_SEQS)
		return;
	size = search_set_size(set);
	if (size >= s->within_size)
		return;
	s->within = set;
	s->within_size = size;
}

/* What every match must be in: a few messages of many cost what they cost.
 * order: parents before their children. */
static void narrow_all(struct search *s, const uint32_t *order,
		       uint32_t count)
{
	bool *must = pool_new_array(s->pool, bool, s->count);
	struct cv_range *all = pool_new(s->pool, struct cv_range);

	*all = (struct cv_range){ 1, s->box->count };
	s->within = (struct cv_set){ all, s->box->count > 0 };
	s->within_size = s->box->count;
	must[0] = true;
	for (uint32_t i = 0; i < count; i++) {
		const struct snode *n = &s->nodes[order[i]];

		if (!must[order[i]])
			continue;
		narrow(s, n->node);
		for (uint32_t k = 0; (n->node->op == CV_SEARCH_AND ||
				      n->node->op == CV_SEARCH_FUZZY) &&
		     k < n->child_count; k++)
			must[n->children[k]] = true;
	}
}

/* What is below a PART, parents before their children. */
static int order_parts(struct search *s, struct snode *part)
{
	uint32_t *below = pool_new_array(s->pool, uint32_t,
					 SEARCH_PART_NODES_MAX);
	uint32_t done = 0, count = 1;

	below[0] = (uint32_t)(part - s->nodes);
	while (done < count) {
		const struct snode *n = &s->nodes[below[done++]];

		if (n->child_count > SEARCH_PART_NODES_MAX - count)
			return search_fail_shape(s);
		for (uint32_t i = 0; i < n->child_count; i++) {
			s->nodes[n->children[i]].place = count;
			below[count++] = n->children[i];
		}
	}
	part->below = below;
	part->below_count = count;
	return CV_OK;
}

/* order: parents before their children. */
static void mark_fuzzy(struct search *s, const uint32_t *order, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct snode *n = &s->nodes[order[i]];

		n->fuzzy = n->fuzzy || n->node->op == CV_SEARCH_FUZZY;
		for (uint32_t k = 0; n->fuzzy && k < n->child_count; k++)
			s->nodes[n->children[k]].fuzzy = true;
	}
}

static int compile(struct search *s, const struct cv_search_query *query)
{
	uint32_t *order, count;
	int ret;

	if (query->count == 0 || query->count > SEARCH_NODES_MAX)
		return search_fail_shape(s);
	s->nodes = pool_new_array(s->pool, struct snode, query->count);
	s->stack = pool_new_array(s->pool, struct frame, query->count + 1);
	s->count = query->count;
	order = pool_new_array(s->pool, uint32_t, query->count);
	for (uint32_t i = 0; i < query->count; i++) {
		s->nodes[i].node = &query->nodes[i];
		s->nodes[i].cost = op_cost(query->nodes[i].op);
		text_needle_init(&s->nodes[i].needle, s->pool, s->map,
				 query->nodes[i].text);
	}
	ret = link_tree(s, query, order, &count);
	if (ret < 0)
		return ret;
	narrow_all(s, order, count);
	mark_fuzzy(s, order, count);
	while (count > 0) {
		struct snode *n = &s->nodes[order[--count]];

		for (uint32_t i = 0; i < n->child_count; i++) {
			if (s->nodes[n->children[i]].cost > n->cost)
				n->cost = s->nodes[n->children[i]].cost;
		}
		sort_children(s, n);
	}
	for (uint32_t i = 0; i < query->count && ret == CV_OK; i++) {
		if (query->nodes[i].op == CV_SEARCH_PART)
			ret = order_parts(s, &s->nodes[i]);
	}
	return ret;
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

/* A value that means what stands there: nothing encoded, folded or of another
 * charset. */
static bool is_plain(struct cv_span value)
{
	return value.len == 0 ||
		(ascii_length(value.data, value.len) == value.len &&
		 memchr(value.data, '\n', value.len) == NULL &&
		 memmem(value.data, value.len, "=?", 2) == NULL);
}

static void value_append(struct cv_text *dst, struct cv_span value)
{
	if (is_plain(value))
		cv_text_append_span(dst, value);
	else
		header_decode(dst, value);
}

bool search_field_matches(struct search *s, struct cv_span header,
			  struct cv_span field,
			  const struct text_needle *needle)
{
	struct cv_span name, value;

	while (next_field(&header, &name, &value)) {
		if (!cv_span_equal_icase(name, field))
			continue;
		cv_text_reset(&s->decoded);
		value_append(&s->decoded, value);
		if (text_contains(needle, cv_text_span(&s->decoded),
				  &s->scratch))
			return true;
	}
	return false;
}

void search_header_lines(struct cv_span header, struct cv_text *dst)
{
	struct cv_span name, value;

	while (next_field(&header, &name, &value)) {
		cv_text_append_span(dst, name);
		cv_text_append(dst, ": ", 2);
		value_append(dst, value);
		cv_text_append_c(dst, '\n');
	}
}

/* Any of it, names too, as lines. */
static bool header_matches(struct search *s, struct cv_span header,
			   const struct text_needle *needle)
{
	cv_text_reset(&s->decoded);
	search_header_lines(header, &s->decoded);
	return text_contains(needle, cv_text_span(&s->decoded), &s->scratch);
}

int search_read_header(struct search *s, struct cv_stream *file,
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
			*yes_r = search_field_matches(s, summary->fields,
						      n->node->field,
						      &n->needle);
			return CV_OK;
		}
	}
	ret = mailbox_content(s->box, s->row, &file, &tree, s->err);
	if (ret == CV_OK)
		ret = search_read_header(s, file, &tree->parts[0], &header);
	if (ret == CV_OK)
		*yes_r = search_field_matches(s, header, n->node->field,
					      &n->needle);
	return ret;
}

/* The charset of a part is in its own header: the catalogue's tree has no
 * parameters. */
struct cv_span search_part_charset(struct cv_span header)
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

/* Charsets in which bytes below 0x80 are ASCII until another one comes. */
static bool extends_ascii(struct cv_span charset)
{
	static const char *const prefixes[] = {
		"us-ascii", "utf-8", "iso-8859", "windows-", "koi8", "gb",
		"big5", "euc-", "tis-620", "latin", "cp125",
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (cv_span_begins_icase(charset, cv_span_of(prefixes[i])))
			return true;
	}
	return false;
}

/* Text of a part, as it comes. */
struct text_reader {
	struct text_finder finder;
	struct charset_decoder *decoder;	/* NULL: nothing to decode */
	bool extends_ascii;			/* and was ASCII so far */
	struct cv_text utf8;
};

static void reader_init(struct text_reader *r, struct search *s,
			struct cv_span charset,
			const struct text_needle *needle)
{
	bool known;

	*r = (struct text_reader){ .extends_ascii = extends_ascii(charset) };
	text_finder_init(&r->finder, needle, s->text_pool);
	if (cv_span_is_icase(charset, "utf-8") ||
	    cv_span_is_icase(charset, "us-ascii"))
		return;
	cv_text_init(&r->utf8, s->text_pool);
	r->decoder = charset_decoder_create(s->text_pool, charset, &known);
	/* [RFC5255 4.6] an unknown charset: compared as it is */
	if (!known)
		r->decoder = NULL;
}

static void reader_add(struct text_reader *r, struct cv_span piece, bool last)
{
	if (r->decoder == NULL ||
	    (r->extends_ascii &&
	     ascii_length(piece.data, piece.len) == piece.len)) {
		text_finder_add(&r->finder, piece);
		return;
	}
	r->extends_ascii = false;
	cv_text_reset(&r->utf8);
	charset_decoder_add(r->decoder, piece, last, &r->utf8);
	text_finder_add(&r->finder, cv_text_span(&r->utf8));
}

static int stream_contains(struct search *s, struct cv_stream *in,
			   struct cv_span charset,
			   const struct text_needle *needle, bool *yes_r)
{
	struct text_reader r;
	struct cv_span chunk;
	int ret = CV_OK;

	reader_init(&r, s, charset, needle);
	while (!r.finder.found &&
	       (ret = stream_read(in, &chunk, s->err)) == CV_OK) {
		reader_add(&r, chunk, false);
		stream_skip(in, chunk.len);
	}
	if (!r.finder.found && ret == CV_EOF)
		reader_add(&r, CV_SPAN(""), true);
	*yes_r = r.finder.found;
	return !*yes_r && ret < 0 ? ret : CV_OK;
}

int search_part_contains(struct search *s, struct cv_stream *file,
		      const struct mime_tree *tree, uint32_t part,
		      bool headers, const struct text_needle *needle,
		      bool *yes_r)
{
	const struct mime_part *p = &tree->parts[part];
	struct cv_stream *body;
	struct cv_span header;
	int ret = search_read_header(s, file, p, &header);

	if (ret < 0)
		return ret;
	/* [RFC9051 6.4.4] BODY "doesn't match any header fields": neither the
	 * message's own nor those of parts and of embedded messages, which TEXT
	 * does */
	if (headers && header_matches(s, header, needle)) {
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
		stream_contains(s, body, search_part_charset(header), needle,
				yes_r);
}

static int match_text(struct search *s, const struct snode *n, bool *yes_r)
{
	const struct mime_tree *tree;
	struct cv_stream *file;
	int ret;

	/* also where nothing is text that could be searched */
	if (n->node->text.len == 0) {
		*yes_r = true;
		return CV_OK;
	}
	ret = mailbox_content(s->box, s->row, &file, &tree, s->err);
	for (uint32_t i = 0; ret == CV_OK && i < tree->count && !*yes_r; i++)
		ret = search_part_contains(s, file, tree, i,
				 n->node->op == CV_SEARCH_TEXT, &n->needle,
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

int64_t search_day_of(int64_t time)
{
	return time >= 0 ? time / 86400 : -((-time + 86399) / 86400);
}

bool search_compare_time(uint32_t op, const struct cv_search_node *n,
			 int64_t time, int64_t day)
{
	bool exact = n->number != 0;
	int64_t is = exact ? time : day;
	int64_t from = exact ? (int64_t)n->number : n->day;

	switch (op) {
	case CV_SEARCH_BEFORE:
	case CV_SEARCH_SENT_BEFORE:
	case CV_SEARCH_SAVED_BEFORE:
		return is < from;
	case CV_SEARCH_ON:
	case CV_SEARCH_SENT_ON:
	case CV_SEARCH_SAVED_ON:
		return is >= from && is - from < (exact ? 86400 : 1);
	default:
		return is >= from;
	}
}

/* INTERNALDATE as this machine's calendar has it: that is what FETCH shows. */
static int64_t local_day(int64_t time)
{
	time_t t = (time_t)time;
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL)
		return search_day_of(time);
	return search_day_of(time + tm.tm_gmtoff);
}

static bool match_time(const struct snode *n, int64_t time)
{
	return search_compare_time(n->node->op, n->node, time,
				   local_day(time));
}

static int match_sent(struct search *s, const struct snode *n, bool *yes_r)
{
	const struct message_summary *summary;
	const struct mail_date *sent;
	int ret = mailbox_summary(s->box, s->row, &summary, s->err);

	if (ret != CV_OK)
		return ret;
	sent = &summary->sent;
	/* [RFC9051 6.4.4] time and zone are disregarded: the day as it is
	 * written */
	*yes_r = (summary->flags & SUMMARY_HAS_DATE) &&
		search_compare_time(n->node->op, n->node, sent->time,
				    search_day_of(sent->time +
						  sent->zone * 60));
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
	case CV_SEARCH_ANNOTATION:
		*yes_r = search_match_annotation(s, n);
		return CV_OK;
	case CV_SEARCH_HEADER:
		return fts_decides(s, n, yes_r) ? CV_OK :
			match_header(s, n, yes_r);
	case CV_SEARCH_BODY:
	case CV_SEARCH_TEXT:
		return fts_decides(s, n, yes_r) ? CV_OK :
			match_text(s, n, yes_r);
	case CV_SEARCH_PART:
		return search_match_part(s, n, yes_r);
	default:
		return search_fail_shape(s);
	}
}

/* --- messages -------------------------------------------------------------------------- */

static bool is_group(const struct snode *n)
{
	return (n->node->op >= CV_SEARCH_AND &&
		n->node->op <= CV_SEARCH_NOT) ||
		n->node->op == CV_SEARCH_FUZZY;
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

static int search_range(struct search *s, struct cv_range range,
			uint64_t *done, struct account_ranges *seqs)
{
	uint32_t last = range.last < s->box->count ? range.last :
		s->box->count;

	for (uint32_t seq = range.first; seq <= last; seq++) {
		bool yes = false;
		int ret = mailbox_progress(s->box->user, (*done)++,
					   s->within_size, s->err);

		if (ret < 0)
			return ret;
		if (!mailbox_row(s->box, seq, &s->row))
			continue;
		s->seq = seq;
		s->uid = mailbox_uid_at(s->box, seq - 1);
		s->score = 0;
		ret = match_message(s, &yes);
		if (ret < 0)
			return ret;
		if (yes) {
			ranges_add(seqs, seq);
			/* [RFC6203 5] what matches exactly */
			cv_text_append_c(&s->scores, s->score == 0 ? 100 :
					 (char)s->score);
		}
		pool_reset(s->text_pool);
	}
	return CV_OK;
}

int mailbox_search_scored(struct cv_mailbox *box,
			  const struct cv_search_query *query,
			  struct cv_pool *pool, struct cv_set *seqs_r,
			  const uint8_t **scores_r, struct cv_error *err)
{
	struct account_ranges seqs = { .pool = pool };
	struct search s = { .box = box, .err = err };
	uint64_t done = 0;
	int ret;

	s.pool = pool_create("search");
	s.text_pool = pool_create("search message");
	s.map = key_casemap(query);
	cv_text_init(&s.decoded, s.pool);
	cv_text_init(&s.scratch, s.pool);
	cv_text_init(&s.scores, pool);
	ret = compile(&s, query);
	mailbox_progress_begin(box->user);
	if (ret == CV_OK)
		ret = fts_prepare(&s);
	for (uint32_t i = 0; i < s.within.count && ret == CV_OK; i++)
		ret = search_range(&s, s.within.ranges[i], &done, &seqs);
	pool_destroy(&s.pool);
	pool_destroy(&s.text_pool);
	*seqs_r = ranges_set(&seqs);
	if (scores_r != NULL)
		*scores_r = (const uint8_t *)cv_text_str(&s.scores);
	return ret < 0 ? ret : CV_OK;
}

int mailbox_search(struct cv_mailbox *box,
		   const struct cv_search_query *query, struct cv_pool *pool,
		   struct cv_set *seqs_r, struct cv_error *err)
{
	return mailbox_search_scored(box, query, pool, seqs_r, NULL, err);
}
