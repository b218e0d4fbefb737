/* sync-pop3.c - a POP3 server as an end that is read [RFC1939].
 *
 * Its only mailbox is INBOX.  A UIDL is what tells messages apart: the GUID is
 * made of it.  Numbers of messages are used as UIDs, of this session. */
#include "sync-conn.h"

#include <stdio.h>

enum { MESSAGES_MAX = 1000 * 1000 };

struct pop3 {
	struct sync_side side;
	struct cv_pool *pool, *fetch_pool;
	const struct sync_account *account;
	struct conn *conn;
	bool opened;

	uint32_t *numbers;
	uint32_t count, at;
	bool in_body;
	struct cv_text line;		/* with its line end */
};

static int broken(struct pop3 *p, int ret)
{
	p->side.broken = true;
	return ret;
}

/* [RFC1939 3] "+OK" or "-ERR". */
static int answer(struct pop3 *p, struct cv_error *err)
{
	struct cv_span line;
	int ret = conn_line(p->conn, &line, err);

	if (ret < 0)
		return broken(p, ret);
	if (cv_span_begins_icase(line, CV_SPAN("+OK")))
		return CV_OK;
	return FAIL(err, CV_E_DENIED, "the server answers: %.*s",
		    (int)(line.len < 200 ? line.len : 200), line.data);
}

static int command(struct pop3 *p, const char *line, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("pop3 command");
	const char *whole;
	int ret;

	pool_set_secret(pool);
	whole = pool_printf(pool, "%s\r\n", line);
	ret = conn_write(p->conn, cv_span_of(whole), err);
	pool_destroy(&pool);
	return ret < 0 ? broken(p, ret) : answer(p, err);
}

static int pop3_list(struct sync_side *s, struct cv_pool *pool,
		     sync_boxes *boxes, struct cv_error *err)
{
	(void)s; (void)pool; (void)err;
	*array_add(boxes) = (struct sync_box){ .name = "INBOX",
		.uidnext = 1 };
	return CV_OK;
}

/* There are none: what the target has stays. */
static int pop3_subscriptions(struct sync_side *s, struct cv_pool *pool,
			      sync_names *names, struct cv_error *err)
{
	(void)s; (void)pool; (void)names; (void)err;
	return CV_OK;
}

static int pop3_metadata(struct sync_side *s, const char *name,
			 struct cv_pool *pool, sync_entries *entries,
			 struct cv_error *err)
{
	(void)s; (void)name; (void)pool; (void)entries; (void)err;
	return CV_OK;
}

static int pop3_open(struct sync_side *s, const char *name,
		     struct sync_box *box_r, struct cv_error *err)
{
	struct pop3 *p = (struct pop3 *)s;

	if (strcmp(name, "INBOX") != 0)
		return FAIL(err, CV_E_NOT_FOUND, "POP3 has only INBOX");
	*box_r = (struct sync_box){ .name = "INBOX", .uidnext = 1 };
	p->opened = true;
	return CV_OK;
}

static bool pop3_is_open(const struct sync_side *s)
{
	return ((const struct pop3 *)s)->opened;
}

/* [RFC1939 7 UIDL] "number id" */
static int add_row(struct pop3 *p, struct cv_span line, sync_rows *rows,
		   struct cv_error *err)
{
	const char *words[] = { p->account->host, p->account->user, NULL };
	char id[256];
	struct sync_row *row;
	struct cv_span word;
	uint64_t number;

	if (!cv_span_split(&line, ' ', &word) ||
	    !cv_span_to_u64(word, UINT32_MAX - 1, &number) || line.len == 0 ||
	    line.len >= sizeof(id) || rows->count >= MESSAGES_MAX ||
	    (rows->count > 0 &&
	     number <= rows->items[rows->count - 1].uid))
		return broken(p, FAIL(err, CV_E_SYNTAX, "the server's UIDL "
				      "makes no sense"));
	memcpy(id, line.data, line.len);
	id[line.len] = '\0';
	words[2] = id;
	row = array_add(rows);
	*row = (struct sync_row){ .uid = (uint32_t)number,
		.received = INT64_MIN };
	conn_guid(row->guid, words, 3);
	return CV_OK;
}

static int pop3_rows(struct sync_side *s, struct cv_pool *pool,
		     sync_rows *rows, struct cv_error *err)
{
	struct pop3 *p = (struct pop3 *)s;
	struct cv_span line;
	int ret = command(p, "UIDL", err);

	(void)pool;
	while (ret == CV_OK) {
		ret = conn_line(p->conn, &line, err);
		if (ret < 0)
			return broken(p, ret);
		if (cv_span_is(line, "."))
			return CV_OK;
		ret = add_row(p, line, rows, err);
	}
	return ret;
}

static int pop3_fetch(struct sync_side *s, const uint32_t *uids,
		      uint32_t count, struct cv_error *err)
{
	struct pop3 *p = (struct pop3 *)s;

	(void)err;
	pool_destroy(&p->fetch_pool);
	p->fetch_pool = pool_create("pop3 fetch");
	cv_text_init(&p->line, p->fetch_pool);
	p->numbers = pool_new_array(p->fetch_pool, uint32_t,
				    (size_t)count + 1);
	if (count > 0)
		memcpy(p->numbers, uids, count * sizeof(*uids));
	p->count = count;
	p->at = 0;
	return CV_OK;
}

static int pop3_fetch_read(struct sync_side *s, struct cv_span *data_r,
			   struct cv_error *err)
{
	struct pop3 *p = (struct pop3 *)s;
	int ret = CV_OK;

	cv_text_reset(&p->line);
	while (p->in_body && ret == CV_OK &&
	       p->line.len < SYNC_CHUNK_MAX / 2) {
		struct cv_span line;

		ret = conn_line(p->conn, &line, err);
		if (ret < 0)
			return broken(p, ret);
		if (cv_span_is(line, ".")) {
			p->in_body = false;
			break;
		}
		/* [RFC1939 3] a leading dot was doubled */
		if (line.len > 0 && line.data[0] == '.')
			line = cv_span_skip(line, 1);
		cv_text_append_span(&p->line, line);
		cv_text_append_str(&p->line, "\r\n");
	}
	if (p->line.len == 0)
		return CV_EOF;
	*data_r = cv_text_span(&p->line);
	if (data_r->len > SYNC_CHUNK_MAX)
		return broken(p, FAIL(err, CV_E_LIMIT, "a line is too long"));
	return CV_OK;
}

static int pop3_fetch_next(struct sync_side *s, uint32_t *uid_r,
			   struct cv_error *err)
{
	struct pop3 *p = (struct pop3 *)s;
	struct cv_span skipped;
	char line[32];
	int ret = CV_OK;

	while (p->in_body && ret == CV_OK)
		ret = pop3_fetch_read(s, &skipped, err);
	if (ret < 0)
		return ret;
	if (p->at == p->count)
		return CV_NOT_FOUND;
	*uid_r = p->numbers[p->at++];
	(void)snprintf(line, sizeof(line), "RETR %u", *uid_r);
	ret = command(p, line, err);
	p->in_body = ret == CV_OK;
	return ret;
}

static void pop3_fetch_end(struct sync_side *s)
{
	struct pop3 *p = (struct pop3 *)s;
	struct cv_span skipped;

	while (p->in_body && !s->broken &&
	       pop3_fetch_read(s, &skipped, NULL) == CV_OK)
		;
	pool_destroy(&p->fetch_pool);
	p->count = p->at = 0;
}

/* --- logging in ------------------------------------------------------------------- */

static int log_in(struct pop3 *p, struct cv_error *err)
{
	const struct sync_account *a = p->account;
	struct cv_pool *pool = pool_create("pop3 login");
	struct cv_text plain, line;
	int ret;

	pool_set_secret(pool);
	cv_text_init(&plain, pool);
	cv_text_init(&line, pool);
	if (strpbrk(a->user, "\r\n") != NULL ||
	    strpbrk(a->password, "\r\n") != NULL) {
		ret = FAIL(err, CV_E_CONFIG, "user or password with a line "
			   "end");
	} else if (*a->master_user != '\0') {
		/* [RFC5034 4] [RFC4616 2] */
		cv_text_append_str(&plain, a->user);
		cv_text_append_c(&plain, '\0');
		cv_text_append_str(&plain, a->master_user);
		cv_text_append_c(&plain, '\0');
		cv_text_append_str(&plain, a->password);
		cv_text_append_str(&line, "AUTH PLAIN ");
		base64_encode(&line, plain.data, plain.len);
		ret = command(p, cv_text_str(&line), err);
	} else {
		cv_text_append_f(&line, "USER %s", a->user);
		ret = command(p, cv_text_str(&line), err);
		cv_text_reset(&line);
		cv_text_append_f(&line, "PASS %s", a->password);
		if (ret == CV_OK)
			ret = command(p, cv_text_str(&line), err);
	}
	pool_destroy(&pool);
	return ret < 0 ? error_prefix(err, "login as '%s'", a->user) : CV_OK;
}

static int greet(struct pop3 *p, struct cv_error *err)
{
	int ret = conn_open(p->pool, p->account,
			    p->account->tls == SYNC_TLS_IMPLICIT ? 995 : 110,
			    &p->conn, err);

	if (ret == CV_OK)
		ret = answer(p, err);
	if (ret == CV_OK && p->account->tls == SYNC_TLS_START) {
		ret = command(p, "STLS", err);
		if (ret == CV_OK)
			ret = conn_start_tls(p->conn, err);
	}
	return ret == CV_OK ? log_in(p, err) : ret;
}

static void pop3_close(struct sync_side **s)
{
	struct pop3 *p = (struct pop3 *)*s;
	struct cv_pool *pool = p->pool;

	if (p->conn != NULL && !p->side.broken)
		(void)command(p, "QUIT", NULL);
	if (p->conn != NULL)
		conn_close(p->conn);
	pool_destroy(&p->fetch_pool);
	*s = NULL;
	pool_destroy(&pool);
}

static const struct sync_side_ops ops = {
	.list = pop3_list,
	.subscriptions = pop3_subscriptions,
	.metadata = pop3_metadata,
	.open = pop3_open,
	.is_open = pop3_is_open,
	.rows = pop3_rows,
	.fetch = pop3_fetch,
	.fetch_next = pop3_fetch_next,
	.fetch_read = pop3_fetch_read,
	.fetch_end = pop3_fetch_end,
	.close = pop3_close,
};

int sync_pop3_open(const struct sync_account *account,
		   struct sync_side **side_r, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("sync pop3");
	struct pop3 *p = pool_new(pool, struct pop3);
	const char *words[] = { account->host, account->user };
	int ret;

	p->pool = pool;
	p->account = account;
	p->side.ops = &ops;
	p->side.label = pool_printf(pool, "pop3c:%s", account->host);
	conn_guid(p->side.id, words, 2);
	*side_r = &p->side;
	ret = greet(p, err);
	if (ret < 0) {
		p->side.broken = true;
		pop3_close(side_r);
		return error_prefix(err, "pop3c: %s", account->host);
	}
	return CV_OK;
}
