/* sync-imap.c - an IMAP server of any make as an end that is read.
 *
 * Bodies are fetched in groups of UIDs, the next group is asked for while one
 * is being read, and bytes pass through without being kept.  A response
 * without a body is taken as a whole, up to RESPONSE_MAX. */
#include "sync-conn.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	RESPONSE_MAX = 1024 * 1024, ROWS_MAX = 20 * 1000 * 1000,
	BOXES_MAX = 100 * 1000, GROUP = 100, GROUPS_AHEAD = 2,
};

struct imap_name { const char *name, *raw; };

struct imap {
	struct sync_side side;
	struct cv_pool *pool, *box_pool;
	const struct sync_account *account;
	struct conn *conn;
	uint32_t tag;
	ARRAY(struct imap_name) names;
	struct sync_box box;
	bool opened, has_sasl_ir;

	struct cv_pool *response_pool;
	struct cv_text response;	/* literals as "{n}\r\n" and bytes */

	/* of fetch */
	uint32_t *uids;
	uint32_t uid_count, asked, waiting;
	uint64_t literal;		/* bytes of the body to come */
	bool in_body, quoted;
	struct cv_span small;		/* a body that was no literal */
};

/* --- responses ---------------------------------------------------------------------- */

static int broken(struct imap *m, int ret)
{
	m->side.broken = true;
	return ret;
}

static int send_line(struct imap *m, const char *line, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("imap command");
	const char *whole;
	int ret;

	pool_set_secret(pool);
	whole = pool_printf(pool, "A%u %s\r\n", ++m->tag, line);
	ret = conn_write(m->conn, cv_span_of(whole), err);
	pool_destroy(&pool);
	return ret < 0 ? broken(m, ret) : CV_OK;
}

/* [RFC9051 4.3] the size of the literal that the line ends with. */
static bool literal_at_end(struct cv_span line, uint64_t *size_r)
{
	size_t at = line.len;

	if (line.len < 3 || line.data[line.len - 1] != '}')
		return false;
	while (at > 0 && line.data[at - 1] != '{')
		at--;
	return at > 0 && cv_span_to_u64(cv_span(line.data + at,
						line.len - at - 1),
					INT64_MAX, size_r);
}

static bool is_body(struct cv_span line)
{
	static const char word[] = "BODY[]";
	const char *at = memmem(line.data, line.len, word, strlen(word));

	return at != NULL && line.len >= 2 && line.data[0] == '*';
}

/* The next response into m->response.  With stop_at_body it ends before the
 * literal of a BODY[], whose size is in m->literal (CV_CHANGED). */
static int next_response(struct imap *m, bool stop_at_body,
			 struct cv_error *err)
{
	int ret = CV_OK;

	pool_reset(m->response_pool);
	cv_text_init(&m->response, m->response_pool);
	for (;;) {
		struct cv_span line;
		uint64_t size;

		ret = conn_line(m->conn, &line, err);
		if (ret < 0)
			return broken(m, ret);
		cv_text_append_span(&m->response, line);
		if (!literal_at_end(line, &size))
			return CV_OK;
		if (stop_at_body && is_body(cv_text_span(&m->response))) {
			m->literal = size;
			return CV_CHANGED;
		}
		if (size > RESPONSE_MAX ||
		    m->response.len + size > RESPONSE_MAX)
			return broken(m, FAIL(err, CV_E_LIMIT, "a response "
					      "is too long"));
		cv_text_append_str(&m->response, "\r\n");
		while (size > 0) {
			ret = conn_bytes(m->conn, (size_t)size, &line, err);
			if (ret < 0)
				return broken(m, ret);
			cv_text_append_span(&m->response, line);
			size -= line.len;
		}
	}
}

static struct cv_span next_word(struct cv_span *rest)
{
	struct cv_span word = cv_span("", 0);

	while (rest->len > 0 && rest->data[0] == ' ')
		*rest = cv_span_skip(*rest, 1);
	if (rest->len > 0)
		(void)cv_span_split(rest, ' ', &word);
	return word;
}

/* CV_OK: the tagged OK of the last command (any: of an earlier one);
 * CV_CHANGED: something else. */
static int tagged(struct imap *m, struct cv_error *err)
{
	struct cv_span rest = cv_text_span(&m->response);
	struct cv_span tag = next_word(&rest), word;

	if (tag.len < 2 || tag.data[0] != 'A')
		return CV_CHANGED;
	word = next_word(&rest);
	return cv_span_is_icase(word, "OK") ? CV_OK :
		FAIL(err, cv_span_is_icase(word, "NO") ? CV_E_DENIED :
		     CV_E_SYNTAX, "the server answers: %.*s %.200s",
		     CV_SPAN_ARG(word), rest.len == 0 ? "" : rest.data);
}

typedef int untagged_fn(struct imap *m, struct cv_span rest, void *context,
			struct cv_error *err);

/* Sends a command; fn gets each untagged response behind "* ". */
static int command(struct imap *m, const char *line, untagged_fn *fn,
		   void *context, struct cv_error *err)
{
	int ret = send_line(m, line, err);

	while (ret == CV_OK) {
		struct cv_span text;

		ret = next_response(m, false, err);
		if (ret < 0)
			return ret;
		text = cv_text_span(&m->response);
		if (text.len >= 2 && text.data[0] == '*') {
			ret = fn == NULL ? CV_OK :
				fn(m, cv_span_skip(text, 2), context, err);
			continue;
		}
		ret = tagged(m, err);
		if (ret != CV_CHANGED)
			return ret;
		ret = CV_OK;	/* "+", out of place */
	}
	return broken(m, ret);
}

/* --- tokens ----------------------------------------------------------------------------- */

enum token_type { T_END, T_OPEN, T_CLOSE, T_ATOM, T_STRING };
struct token { enum token_type type; struct cv_span text; };

static struct token quoted(struct cv_span *rest, struct cv_pool *pool)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	*rest = cv_span_skip(*rest, 1);
	while (rest->len > 0 && rest->data[0] != '"') {
		if (rest->data[0] == '\\' && rest->len > 1)
			*rest = cv_span_skip(*rest, 1);
		cv_text_append_c(&text, rest->data[0]);
		*rest = cv_span_skip(*rest, 1);
	}
	*rest = cv_span_skip(*rest, 1);
	return (struct token){ T_STRING, cv_text_span(&text) };
}

static struct token literal(struct cv_span *rest)
{
	const char *lf = memchr(rest->data, '\n', rest->len);
	struct token t = { T_END, cv_span("", 0) };
	uint64_t size;
	size_t head;

	if (lf == NULL)
		return t;
	head = (size_t)(lf - rest->data) + 1;
	if (head < 3 || !literal_at_end(cv_span(rest->data, head - 2),
					&size) || size > rest->len - head)
		return t;
	*rest = cv_span_skip(*rest, head);
	t = (struct token){ T_STRING, cv_span(rest->data, (size_t)size) };
	*rest = cv_span_skip(*rest, (size_t)size);
	return t;
}

static struct token next_token(struct cv_span *rest, struct cv_pool *pool)
{
	size_t len = 0;
	struct token t;

	while (rest->len > 0 && (rest->data[0] == ' ' ||
				 rest->data[0] == '\r' ||
				 rest->data[0] == '\n'))
		*rest = cv_span_skip(*rest, 1);
	if (rest->len == 0)
		return (struct token){ T_END, cv_span("", 0) };
	if (rest->data[0] == '(' || rest->data[0] == ')') {
		t = (struct token){ rest->data[0] == '(' ? T_OPEN : T_CLOSE,
			cv_span(rest->data, 1) };
		*rest = cv_span_skip(*rest, 1);
		return t;
	}
	if (rest->data[0] == '"')
		return quoted(rest, pool);
	if (rest->data[0] == '{')
		return literal(rest);
	while (len < rest->len && strchr(" ()\r\n", rest->data[len]) == NULL)
		len++;
	if (len == 0)		/* a NUL */
		return (struct token){ T_END, cv_span("", 0) };
	t = (struct token){ T_ATOM, cv_span(rest->data, len) };
	*rest = cv_span_skip(*rest, len);
	return t;
}

static uint64_t number(struct cv_span text, uint64_t max)
{
	uint64_t value;

	return cv_span_to_u64(text, max, &value) ? value : 0;
}

/* --- names ---------------------------------------------------------------------------------- */

static void append_utf8(struct cv_text *out, uint32_t c)
{
	if (c < 0x80) {
		cv_text_append_c(out, (char)c);
	} else if (c < 0x800) {
		cv_text_append_c(out, (char)(0xc0 | c >> 6));
		cv_text_append_c(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		cv_text_append_c(out, (char)(0xe0 | c >> 12));
		cv_text_append_c(out, (char)(0x80 | (c >> 6 & 0x3f)));
		cv_text_append_c(out, (char)(0x80 | (c & 0x3f)));
	} else {
		cv_text_append_c(out, (char)(0xf0 | c >> 18));
		cv_text_append_c(out, (char)(0x80 | (c >> 12 & 0x3f)));
		cv_text_append_c(out, (char)(0x80 | (c >> 6 & 0x3f)));
		cv_text_append_c(out, (char)(0x80 | (c & 0x3f)));
	}
}

/* [RFC3501 5.1.3] between '&' and '-': UTF-16 in a base64 of its own. */
static void append_shifted(struct cv_text *out, struct cv_span in)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl"
		"mnopqrstuvwxyz0123456789+,";
	uint32_t bits = 0, have = 0, high = 0;

	for (size_t i = 0; i < in.len; i++) {
		const char *at = in.data[i] == '\0' ? NULL :
			strchr(digits, in.data[i]);
		uint32_t unit;

		if (at == NULL)
			return;
		bits = bits << 6 | (uint32_t)(at - digits);
		have += 6;
		if (have < 16)
			continue;
		have -= 16;
		unit = bits >> have & 0xffff;
		bits &= (1U << have) - 1;
		if (unit >= 0xd800 && unit < 0xdc00)
			high = unit;
		else if (unit >= 0xdc00 && unit < 0xe000 && high != 0)
			append_utf8(out, 0x10000 + ((high - 0xd800) << 10) +
				    (unit - 0xdc00));
		else if (unit >= 0x20 && (unit < 0xd800 || unit >= 0xe000))
			append_utf8(out, unit);
	}
}

/* The name as we write it; NULL: it cannot be. */
static const char *decode_name(struct imap *m, struct cv_span raw,
			       char separator)
{
	struct cv_text out;
	size_t prefix = strlen(m->account->prefix);

	if (cv_span_is_icase(raw, "INBOX"))
		return "INBOX";
	if (prefix > 0 && raw.len > prefix &&
	    memcmp(raw.data, m->account->prefix, prefix) == 0)
		raw = cv_span_skip(raw, prefix);
	cv_text_init(&out, m->pool);
	for (size_t i = 0; i < raw.len; i++) {
		const char *end;
		char c = raw.data[i];

		if (c != '&') {
			/* ours between levels is '/': theirs may be in a
			 * name */
			cv_text_append_c(&out, c == separator ? '/' :
					 c == '/' ? '_' : c);
			continue;
		}
		end = memchr(raw.data + i, '-', raw.len - i);
		if (end == NULL)
			return NULL;
		if (end == raw.data + i + 1)
			cv_text_append_c(&out, '&');
		append_shifted(&out, cv_span(raw.data + i + 1, (size_t)(
			end - raw.data) - i - 1));
		i = (size_t)(end - raw.data);
	}
	return out.len == 0 || out.len > SYNC_NAME_MAX ? NULL :
		cv_text_str(&out);
}

static const char *raw_name(const struct imap *m, const char *name)
{
	for (size_t i = 0; i < m->names.count; i++) {
		if (strcmp(m->names.items[i].name, name) == 0)
			return m->names.items[i].raw;
	}
	return NULL;
}

static const char *quote(struct cv_pool *pool, const char *text)
{
	struct cv_text out;

	cv_text_init(&out, pool);
	cv_text_append_c(&out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			cv_text_append_c(&out, '\\');
		cv_text_append_c(&out, *text);
	}
	cv_text_append_c(&out, '"');
	return cv_text_str(&out);
}

/* --- lists ------------------------------------------------------------------------------------- */

struct listing { sync_boxes *boxes; sync_names *names; };

static uint32_t use_of(struct cv_span flag)
{
	static const struct { const char *name; uint32_t use; } uses[] = {
		{ "\\All", CV_MAILBOX_USE_ALL },
		{ "\\Archive", CV_MAILBOX_USE_ARCHIVE },
		{ "\\Drafts", CV_MAILBOX_USE_DRAFTS },
		{ "\\Flagged", CV_MAILBOX_USE_FLAGGED },
		{ "\\Junk", CV_MAILBOX_USE_JUNK },
		{ "\\Sent", CV_MAILBOX_USE_SENT },
		{ "\\Trash", CV_MAILBOX_USE_TRASH },
	};

	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		if (cv_span_is_icase(flag, uses[i].name))
			return uses[i].use;
	}
	return 0;
}

/* [RFC9051 7.3.1] */
static int list_one(struct imap *m, struct cv_span rest, void *context,
		    struct cv_error *err)
{
	struct listing *l = context;
	struct cv_span word = next_word(&rest);
	struct token t;
	const char *name;
	bool selectable = true;
	uint32_t use = 0;
	char separator;

	if (!cv_span_is_icase(word, "LIST") && !cv_span_is_icase(word, "LSUB"))
		return CV_OK;
	t = next_token(&rest, m->response_pool);
	while (t.type != T_CLOSE && t.type != T_END) {
		t = next_token(&rest, m->response_pool);
		if (cv_span_is_icase(t.text, "\\Noselect") ||
		    cv_span_is_icase(t.text, "\\NonExistent"))
			selectable = false;
		use |= use_of(t.text);
	}
	t = next_token(&rest, m->response_pool);
	separator = t.type == T_STRING && t.text.len == 1 ? t.text.data[0] :
		'\0';
	t = next_token(&rest, m->response_pool);
	if (t.type != T_STRING && t.type != T_ATOM)
		return CV_OK;
	name = decode_name(m, t.text, separator);
	if (name == NULL)
		return CV_OK;
	if (l->names != NULL) {
		*array_add(l->names) = name;
	} else if (selectable && raw_name(m, name) == NULL) {
		if (m->names.count >= BOXES_MAX)
			return FAIL(err, CV_E_LIMIT, "too many mailboxes");
		*array_add(&m->names) = (struct imap_name){ name,
			pool_copy(m->pool, t.text.data, t.text.len) };
		*array_add(l->boxes) = (struct sync_box){
			.name = name, .uidnext = 1, .use = use };
	}
	return CV_OK;
}

static int imap_list(struct sync_side *s, struct cv_pool *pool,
		     sync_boxes *boxes, struct cv_error *err)
{
	struct imap *m = (struct imap *)s;
	struct listing l = { .boxes = boxes };
	int ret;

	m->names.count = 0;
	ret = command(m, "LIST \"\" INBOX", list_one, &l, err);
	if (ret == CV_OK)
		ret = command(m, pool_printf(pool, "LIST \"\" %s", quote(
				pool, pool_printf(pool, "%s*",
						  m->account->prefix))),
			      list_one, &l, err);
	/* a mailbox cannot be renamed here as the same one: its GUID is made
	 * of its name */
	for (size_t i = 0; i < boxes->count; i++) {
		const char *words[] = { m->account->host, m->account->user,
			boxes->items[i].name };

		conn_guid(boxes->items[i].guid, words, 3);
	}
	return ret;
}

static int imap_subscriptions(struct sync_side *s, struct cv_pool *pool,
			      sync_names *names, struct cv_error *err)
{
	struct imap *m = (struct imap *)s;
	struct listing l = { .names = names };

	return command(m, pool_printf(pool, "LSUB \"\" %s", quote(
			pool, pool_printf(pool, "%s*",
					  m->account->prefix))),
		       list_one, &l, err);
}

/* --- a mailbox ------------------------------------------------------------------------------------ */

static uint32_t code_number(struct cv_span rest, const char *code)
{
	const char *at = memmem(rest.data, rest.len, code, strlen(code));
	size_t len = 0, room;

	if (at == NULL)
		return 0;
	at += strlen(code);
	room = rest.len - (size_t)(at - rest.data);
	while (len < room && at[len] >= '0' && at[len] <= '9')
		len++;
	return (uint32_t)number(cv_span(at, len), UINT32_MAX);
}

static int examine_one(struct imap *m, struct cv_span rest, void *context,
		       struct cv_error *err)
{
	uint32_t uidvalidity = code_number(rest, "[UIDVALIDITY ");
	uint32_t uidnext = code_number(rest, "[UIDNEXT ");
	struct cv_span count = next_word(&rest);

	(void)context;
	(void)err;
	if (uidvalidity != 0)
		m->box.uidvalidity = uidvalidity;
	if (uidnext != 0)
		m->box.uidnext = uidnext;
	if (cv_span_is_icase(next_word(&rest), "EXISTS"))
		m->box.messages = (uint32_t)number(count, UINT32_MAX);
	return CV_OK;
}

static int imap_open(struct sync_side *s, const char *name,
		     struct sync_box *box_r, struct cv_error *err)
{
	struct imap *m = (struct imap *)s;
	const char *raw = raw_name(m, name);
	const char *words[] = { m->account->host, m->account->user, name };
	int ret;

	if (raw == NULL)
		return FAIL(err, CV_E_NOT_FOUND, "there is no such mailbox");
	pool_destroy(&m->box_pool);
	m->box_pool = pool_create("imap box");
	m->box = (struct sync_box){ .name = name, .uidnext = 1 };
	ret = command(m, pool_printf(m->box_pool, "EXAMINE %s",
				     quote(m->box_pool, raw)),
		      examine_one, NULL, err);
	m->opened = ret == CV_OK;
	conn_guid(m->box.guid, words, 3);
	*box_r = m->box;
	return ret;
}

static bool imap_is_open(const struct sync_side *s)
{
	return ((const struct imap *)s)->opened;
}

/* [RFC9051 9 date-time] "17-Jul-1996 02:44:25 -0700" */
static int64_t parse_date(struct cv_span text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char copy[32] = "", month[4] = "", sign = '+';
	int day, year, hour, minute, second, zone;
	const char *at;
	int64_t seconds;

	if (text.len >= sizeof(copy))
		return INT64_MIN;
	memcpy(copy, text.data, text.len);
	if (sscanf(copy, "%2d-%3[A-Za-z]-%4d %2d:%2d:%2d %c%4d", &day, month,
		   &year, &hour, &minute, &second, &sign, &zone) != 8 ||
	    (at = strstr(months, month)) == NULL || strlen(month) != 3)
		return INT64_MIN;
	seconds = time_days_from_civil(year, (unsigned int)(at - months) / 3 +
				       1, (unsigned int)day) * 86400 +
		hour * 3600 + minute * 60 + second;
	zone = (zone / 100 * 60 + zone % 100) * 60;
	return sign == '-' ? seconds + zone : seconds - zone;
}

static void take_flag(struct cv_span flag, struct cv_text *words,
		      struct sync_row *row)
{
	if (cv_span_is_icase(flag, "\\Seen"))
		row->flags |= CV_FLAG_SEEN;
	else if (cv_span_is_icase(flag, "\\Answered"))
		row->flags |= CV_FLAG_ANSWERED;
	else if (cv_span_is_icase(flag, "\\Flagged"))
		row->flags |= CV_FLAG_FLAGGED;
	else if (cv_span_is_icase(flag, "\\Deleted"))
		row->flags |= CV_FLAG_DELETED;
	else if (cv_span_is_icase(flag, "\\Draft"))
		row->flags |= CV_FLAG_DRAFT;
	else if (flag.len > 0 && flag.data[0] != '\\' &&
		 words->len + flag.len < SYNC_KEYWORDS_MAX) {
		cv_text_append_span(words, flag);
		cv_text_append_c(words, ' ');
	}
}

/* [RFC9051 7.5.2] */
static int row_one(struct imap *m, struct cv_span rest, void *context,
		   struct cv_error *err)
{
	sync_rows *rows = context;
	struct sync_row row = { .received = INT64_MIN };
	struct cv_text words;
	struct token t;

	(void)next_word(&rest);
	if (!cv_span_is_icase(next_word(&rest), "FETCH"))
		return CV_OK;
	cv_text_init(&words, m->response_pool);
	(void)next_token(&rest, m->response_pool);
	while ((t = next_token(&rest, m->response_pool)).type == T_ATOM) {
		struct token v = next_token(&rest, m->response_pool);

		if (cv_span_is_icase(t.text, "UID"))
			row.uid = (uint32_t)number(v.text, UINT32_MAX);
		else if (cv_span_is_icase(t.text, "RFC822.SIZE"))
			row.size = number(v.text, INT64_MAX);
		else if (cv_span_is_icase(t.text, "INTERNALDATE"))
			row.received = parse_date(v.text);
		while (v.type == T_OPEN && (t = next_token(
				&rest, m->response_pool)).type == T_ATOM)
			take_flag(t.text, &words, &row);
	}
	/* a change that another session made comes without the rest */
	if (row.uid == 0 || row.received == INT64_MIN)
		return CV_OK;
	if (rows->count >= ROWS_MAX)
		return FAIL(err, CV_E_LIMIT, "too many messages");
	row.words = sync_words_parse(m->side.words, cv_text_span(&words));
	*array_add(rows) = row;
	return CV_OK;
}

static int compare_rows(const void *a, const void *b)
{
	const struct sync_row *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

static void identify(struct imap *m, struct sync_row *row)
{
	char uid[16], uidvalidity[16];
	const char *words[] = { m->account->host, m->account->user,
		m->box.name, uidvalidity, uid };

	(void)snprintf(uid, sizeof(uid), "%u", row->uid);
	(void)snprintf(uidvalidity, sizeof(uidvalidity), "%u",
		       m->box.uidvalidity);
	conn_guid(row->guid, words, 5);
}

static int imap_rows(struct sync_side *s, struct cv_pool *pool,
		     sync_rows *rows, struct cv_error *err)
{
	struct imap *m = (struct imap *)s;
	size_t to = 0;
	int ret;

	(void)pool;
	if (m->box.messages == 0)
		return CV_OK;
	ret = command(m, "UID FETCH 1:* (UID FLAGS INTERNALDATE "
		      "RFC822.SIZE)", row_one, rows, err);
	if (ret < 0)
		return ret;
	if (rows->count > 0)
		qsort(rows->items, rows->count, sizeof(*rows->items),
		      compare_rows);
	for (size_t i = 0; i < rows->count; i++) {
		/* what came while we looked is for the next run */
		if ((to > 0 && rows->items[i].uid ==
		     rows->items[to - 1].uid) || (m->box.uidnext > 1 &&
		    rows->items[i].uid >= m->box.uidnext))
			continue;
		rows->items[to] = rows->items[i];
		identify(m, &rows->items[to++]);
	}
	rows->count = to;
	return CV_OK;
}

/* --- bodies ----------------------------------------------------------------------------------------- */

/* Keeps so many groups asked for. */
static int ask_ahead(struct imap *m, struct cv_error *err)
{
	int ret = CV_OK;

	while (ret == CV_OK && m->waiting < GROUPS_AHEAD &&
	       m->asked < m->uid_count) {
		struct cv_pool *pool = pool_create("imap set");
		uint32_t end = m->asked + GROUP < m->uid_count ?
			m->asked + GROUP : m->uid_count;
		struct cv_text line;

		cv_text_init(&line, pool);
		cv_text_append_str(&line, "UID FETCH ");
		for (uint32_t i = m->asked; i < end; i++)
			cv_text_append_f(&line, "%s%u", i == m->asked ? "" :
					 ",", m->uids[i]);
		cv_text_append_str(&line, " (UID BODY.PEEK[])");
		ret = send_line(m, cv_text_str(&line), err);
		m->asked = end;
		m->waiting += ret == CV_OK;
		pool_destroy(&pool);
	}
	return ret;
}

static int imap_fetch(struct sync_side *s, const uint32_t *uids,
		      uint32_t count, struct cv_error *err)
{
	struct imap *m = (struct imap *)s;

	m->uids = pool_new_array(m->box_pool, uint32_t, (size_t)count + 1);
	if (count > 0)
		memcpy(m->uids, uids, count * sizeof(*uids));
	m->uid_count = count;
	m->asked = m->waiting = 0;
	m->in_body = false;
	return ask_ahead(m, err);
}

/* What comes before the body says whose it is. */
static uint32_t uid_before_body(struct imap *m, struct cv_span *body_r)
{
	struct cv_span rest = cv_text_span(&m->response);
	uint32_t uid = 0;

	*body_r = CV_SPAN_NONE;
	for (;;) {
		struct token t = next_token(&rest, m->response_pool), v;

		if (t.type == T_END)
			return uid;
		if (cv_span_is_icase(t.text, "UID")) {
			v = next_token(&rest, m->response_pool);
			uid = (uint32_t)number(v.text, UINT32_MAX);
		} else if (cv_span_is_icase(t.text, "BODY[]")) {
			v = next_token(&rest, m->response_pool);
			if (v.type == T_STRING)
				*body_r = v.text;
		}
	}
}

static int skip_body(struct imap *m, struct cv_error *err)
{
	struct cv_span data;
	int ret = CV_OK;

	while (m->in_body && ret == CV_OK)
		ret = m->side.ops->fetch_read(&m->side, &data, err);
	return ret == CV_EOF ? CV_OK : ret;
}

static int imap_fetch_next(struct sync_side *s, uint32_t *uid_r,
			   struct cv_error *err)
{
	struct imap *m = (struct imap *)s;
	int ret = skip_body(m, err);

	while (ret == CV_OK && m->waiting > 0) {
		struct cv_span text;

		ret = next_response(m, true, err);
		if (ret < 0)
			return ret;
		text = cv_text_span(&m->response);
		if (text.len > 0 && text.data[0] == '*') {
			bool streams = ret == CV_CHANGED;

			*uid_r = uid_before_body(m, &m->small);
			ret = CV_OK;
			m->quoted = !streams;
			m->in_body = streams || m->small.data != NULL;
			if (m->in_body && *uid_r == 0)
				return broken(m, FAIL(err, CV_E_UNSUPPORTED,
					"the server does not say the UID "
					"before the body"));
			if (m->in_body)
				return CV_OK;
			continue;
		}
		ret = tagged(m, err);
		if (ret == CV_OK) {
			m->waiting--;
			ret = ask_ahead(m, err);
		} else if (ret == CV_CHANGED) {
			ret = CV_OK;
		}
	}
	return ret < 0 ? ret : CV_NOT_FOUND;
}

static int imap_fetch_read(struct sync_side *s, struct cv_span *data_r,
			   struct cv_error *err)
{
	struct imap *m = (struct imap *)s;
	int ret;

	if (!m->in_body)
		return CV_EOF;
	if (m->quoted) {
		*data_r = m->small;
		m->in_body = false;
		return data_r->len > 0 ? CV_OK : CV_EOF;
	}
	if (m->literal == 0) {
		struct cv_span rest;

		m->in_body = false;
		/* the rest of the response: " FLAGS (...))" */
		ret = conn_line(m->conn, &rest, err);
		return ret < 0 ? broken(m, ret) : CV_EOF;
	}
	ret = conn_bytes(m->conn, m->literal > SYNC_CHUNK_MAX ?
			 SYNC_CHUNK_MAX : (size_t)m->literal, data_r, err);
	if (ret < 0)
		return broken(m, ret);
	m->literal -= data_r->len;
	return CV_OK;
}

static void imap_fetch_end(struct sync_side *s)
{
	struct imap *m = (struct imap *)s;
	uint32_t uid;

	m->uid_count = m->asked;
	while (!s->broken && m->waiting > 0 &&
	       imap_fetch_next(s, &uid, NULL) == CV_OK)
		;
	m->waiting = 0;
}

static int imap_metadata(struct sync_side *s, const char *name,
			 struct cv_pool *pool, sync_entries *entries,
			 struct cv_error *err)
{
	(void)s; (void)name; (void)pool; (void)entries; (void)err;
	return CV_OK;
}

/* --- logging in ---------------------------------------------------------------------------------------- */

static int log_in(struct imap *m, struct cv_error *err)
{
	const struct sync_account *a = m->account;
	struct cv_pool *pool = pool_create("imap login");
	struct cv_text plain, line;
	int ret;

	pool_set_secret(pool);
	cv_text_init(&plain, pool);
	cv_text_init(&line, pool);
	/* [RFC4616 2] */
	if (*a->master_user != '\0')
		cv_text_append_str(&plain, a->user);
	cv_text_append_c(&plain, '\0');
	cv_text_append_str(&plain, *a->master_user != '\0' ? a->master_user :
			   a->user);
	cv_text_append_c(&plain, '\0');
	cv_text_append_str(&plain, a->password);
	if (*a->master_user != '\0' || m->has_sasl_ir) {
		cv_text_append_str(&line, "AUTHENTICATE PLAIN ");
		base64_encode(&line, plain.data, plain.len);
	} else {
		cv_text_append_f(&line, "LOGIN %s %s", quote(pool, a->user),
				 quote(pool, a->password));
	}
	if (strpbrk(a->user, "\r\n") != NULL ||
	    strpbrk(a->password, "\r\n") != NULL)
		ret = FAIL(err, CV_E_CONFIG, "user or password with a line "
			   "end");
	else
		ret = command(m, cv_text_str(&line), NULL, NULL, err);
	pool_destroy(&pool);
	return ret < 0 ? error_prefix(err, "login as '%s'", a->user) : CV_OK;
}

static int capability_one(struct imap *m, struct cv_span rest, void *context,
			  struct cv_error *err)
{
	struct cv_span word;

	(void)context;
	(void)err;
	if (!cv_span_is_icase(next_word(&rest), "CAPABILITY"))
		return CV_OK;
	while ((word = next_word(&rest)).len > 0)
		m->has_sasl_ir |= cv_span_is_icase(word, "SASL-IR");
	return CV_OK;
}

static int greet(struct imap *m, struct cv_error *err)
{
	int ret = conn_open(m->pool, m->account,
			    m->account->tls == SYNC_TLS_IMPLICIT ? 993 : 143,
			    &m->conn, err);

	if (ret == CV_OK)
		ret = next_response(m, false, err);
	if (ret == CV_OK && !cv_span_begins_icase(
			cv_text_span(&m->response), CV_SPAN("* OK")))
		ret = FAIL(err, CV_E_TEMP, "the server greets with: %.200s",
			   cv_text_str(&m->response));
	if (ret == CV_OK && m->account->tls == SYNC_TLS_START) {
		ret = command(m, "STARTTLS", NULL, NULL, err);
		if (ret == CV_OK)
			ret = conn_start_tls(m->conn, err);
	}
	if (ret == CV_OK)
		ret = command(m, "CAPABILITY", capability_one, NULL, err);
	return ret == CV_OK ? log_in(m, err) : ret;
}

static void imap_close(struct sync_side **s)
{
	struct imap *m = (struct imap *)*s;
	struct cv_pool *pool = m->pool;

	if (m->conn != NULL && !m->side.broken)
		(void)command(m, "LOGOUT", NULL, NULL, NULL);
	if (m->conn != NULL)
		conn_close(m->conn);
	pool_destroy(&m->box_pool);
	pool_destroy(&m->response_pool);
	*s = NULL;
	pool_destroy(&pool);
}

static const struct sync_side_ops ops = {
	.list = imap_list,
	.subscriptions = imap_subscriptions,
	.metadata = imap_metadata,
	.open = imap_open,
	.is_open = imap_is_open,
	.rows = imap_rows,
	.fetch = imap_fetch,
	.fetch_next = imap_fetch_next,
	.fetch_read = imap_fetch_read,
	.fetch_end = imap_fetch_end,
	.close = imap_close,
};

int sync_imap_open(const struct sync_account *account,
		   struct sync_side **side_r, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("sync imap");
	struct imap *m = pool_new(pool, struct imap);
	const char *words[] = { account->host, account->user };
	int ret;

	m->pool = pool;
	m->response_pool = pool_create("imap response");
	m->account = account;
	m->side.ops = &ops;
	m->side.label = pool_printf(pool, "imapc:%s", account->host);
	m->side.caps = SYNC_CAP_FLAGS | SYNC_CAP_UIDS | SYNC_CAP_BOXES;
	array_init(&m->names, pool);
	conn_guid(m->side.id, words, 2);
	*side_r = &m->side;
	ret = greet(m, err);
	if (ret < 0) {
		m->side.broken = true;
		imap_close(side_r);
		return error_prefix(err, "imapc: %s", account->host);
	}
	return CV_OK;
}
