/* sync-imap.c - an IMAP server of any make as an end that is read. */
#include "sync-imap-private.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROWS_MAX = 20 * 1000 * 1000, BOXES_MAX = 100 * 1000 };

/* --- lists --------------------------------------------------------------- */

static const char *raw_name(const struct sync_imap *m, const char *name)
{
	for (size_t i = 0; i < m->names.count; i++) {
		if (strcmp(m->names.items[i].name, name) == 0)
			return m->names.items[i].raw;
	}
	return NULL;
}

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
static int list_one(struct sync_imap *m, struct cv_span rest, void *context,
		    struct cv_error *err)
{
	struct listing *l = context;
	struct cv_span word = sync_imap_word(&rest);
	struct sync_imap_token t;
	const char *name;
	bool selectable = true;
	uint32_t use = 0;
	char separator;

	if (!cv_span_is_icase(word, "LIST") && !cv_span_is_icase(word, "LSUB"))
		return CV_OK;
	t = sync_imap_token(&rest, m->response_pool);
	while (t.type != T_CLOSE && t.type != T_END) {
		t = sync_imap_token(&rest, m->response_pool);
		if (cv_span_is_icase(t.text, "\\Noselect") ||
		    cv_span_is_icase(t.text, "\\NonExistent"))
			selectable = false;
		use |= use_of(t.text);
	}
	t = sync_imap_token(&rest, m->response_pool);
	separator = t.type == T_STRING && t.text.len == 1 ? t.text.data[0] :
		'\0';
	t = sync_imap_token(&rest, m->response_pool);
	if (t.type != T_STRING && t.type != T_ATOM)
		return CV_OK;
	name = sync_imap_name(m->pool, m->account->prefix, t.text, separator);
	if (name == NULL)
		return CV_OK;
	if (l->names != NULL) {
		*array_add(l->names) = name;
	} else if (selectable && raw_name(m, name) == NULL) {
		if (m->names.count >= BOXES_MAX)
			return FAIL(err, CV_E_LIMIT, "too many mailboxes");
		*array_add(&m->names) = (struct sync_imap_name){ name,
			pool_copy(m->pool, t.text.data, t.text.len) };
		*array_add(l->boxes) = (struct sync_box){
			.name = name, .uidnext = 1, .use = use };
	}
	return CV_OK;
}

/* All below the prefix. */
static int list_below(struct sync_imap *m, const char *verb,
		      struct cv_pool *pool, struct listing *l,
		      struct cv_error *err)
{
	const char *mask = pool_printf(pool, "%s*", m->account->prefix);

	return sync_imap_command(m, pool_printf(
		pool, "%s \"\" %s", verb, sync_imap_quote(pool, mask)),
		list_one, l, err);
}

static int imap_list(struct sync_side *s, struct cv_pool *pool,
		     sync_boxes *boxes, struct cv_error *err)
{
	struct sync_imap *m = (struct sync_imap *)s;
	struct listing l = { .boxes = boxes };
	int ret;

	m->names.count = 0;
	ret = sync_imap_command(m, "LIST \"\" INBOX", list_one, &l, err);
	if (ret == CV_OK)
		ret = list_below(m, "LIST", pool, &l, err);
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
	struct sync_imap *m = (struct sync_imap *)s;
	struct listing l = { .names = names };

	return list_below(m, "LSUB", pool, &l, err);
}

/* --- a mailbox ----------------------------------------------------------- */

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
	return (uint32_t)sync_imap_number(cv_span(at, len), UINT32_MAX);
}

static int examine_one(struct sync_imap *m, struct cv_span rest, void *context,
		       struct cv_error *err)
{
	uint32_t uidvalidity = code_number(rest, "[UIDVALIDITY ");
	uint32_t uidnext = code_number(rest, "[UIDNEXT ");
	struct cv_span count = sync_imap_word(&rest);

	(void)context;
	(void)err;
	if (uidvalidity != 0)
		m->box.uidvalidity = uidvalidity;
	if (uidnext != 0)
		m->box.uidnext = uidnext;
	if (cv_span_is_icase(sync_imap_word(&rest), "EXISTS"))
		m->box.messages = (uint32_t)sync_imap_number(count, UINT32_MAX);
	return CV_OK;
}

static int imap_open(struct sync_side *s, const char *name,
		     struct sync_box *box_r, struct cv_error *err)
{
	struct sync_imap *m = (struct sync_imap *)s;
	const char *raw = raw_name(m, name);
	const char *words[] = { m->account->host, m->account->user, name };
	int ret;

	if (raw == NULL)
		return FAIL(err, CV_E_NOT_FOUND, "there is no such mailbox");
	pool_destroy(&m->box_pool);
	m->box_pool = pool_create("imap box");
	m->box = (struct sync_box){ .name = name, .uidnext = 1 };
	ret = sync_imap_command(m, pool_printf(m->box_pool, "EXAMINE %s",
				     sync_imap_quote(m->box_pool, raw)),
		      examine_one, NULL, err);
	m->opened = ret == CV_OK;
	conn_guid(m->box.guid, words, 3);
	*box_r = m->box;
	return ret;
}

static bool imap_is_open(const struct sync_side *s)
{
	return ((const struct sync_imap *)s)->opened;
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
static int row_one(struct sync_imap *m, struct cv_span rest, void *context,
		   struct cv_error *err)
{
	sync_rows *rows = context;
	struct sync_row row = { .received = INT64_MIN };
	struct cv_text words;
	struct sync_imap_token t;

	(void)sync_imap_word(&rest);
	if (!cv_span_is_icase(sync_imap_word(&rest), "FETCH"))
		return CV_OK;
	cv_text_init(&words, m->response_pool);
	(void)sync_imap_token(&rest, m->response_pool);
	while ((t = sync_imap_token(&rest, m->response_pool)).type == T_ATOM) {
		struct sync_imap_token v = sync_imap_token(
			&rest, m->response_pool);

		if (cv_span_is_icase(t.text, "UID"))
			row.uid = (uint32_t)sync_imap_number(
				v.text, UINT32_MAX);
		else if (cv_span_is_icase(t.text, "RFC822.SIZE"))
			row.size = sync_imap_number(v.text, INT64_MAX);
		else if (cv_span_is_icase(t.text, "INTERNALDATE"))
			row.received = sync_imap_date(v.text);
		while (v.type == T_OPEN && (t = sync_imap_token(
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

static void identify(struct sync_imap *m, struct sync_row *row)
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
	struct sync_imap *m = (struct sync_imap *)s;
	size_t to = 0;
	int ret;

	(void)pool;
	if (m->box.messages == 0)
		return CV_OK;
	ret = sync_imap_command(m, "UID FETCH 1:* (UID FLAGS INTERNALDATE "
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

static int imap_metadata(struct sync_side *s, const char *name,
			 struct cv_pool *pool, sync_entries *entries,
			 struct cv_error *err)
{
	(void)s; (void)name; (void)pool; (void)entries; (void)err;
	return CV_OK;
}

/* --- the side ------------------------------------------------------------ */

static void imap_close(struct sync_side **s)
{
	struct sync_imap *m = (struct sync_imap *)*s;
	struct cv_pool *pool = m->pool;

	if (m->conn != NULL && !m->side.broken)
		(void)sync_imap_command(m, "LOGOUT", NULL, NULL, NULL);
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
	.fetch = sync_imap_fetch,
	.fetch_next = sync_imap_fetch_next,
	.fetch_read = sync_imap_fetch_read,
	.fetch_end = sync_imap_fetch_end,
	.close = imap_close,
};

int sync_imap_open(const struct sync_account *account,
		   struct sync_side **side_r, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("sync imap");
	struct sync_imap *m = pool_new(pool, struct sync_imap);
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
	ret = sync_imap_greet(m, err);
	if (ret < 0) {
		m->side.broken = true;
		imap_close(side_r);
		return error_prefix(err, "imapc: %s", account->host);
	}
	return CV_OK;
}
