/* sync-imap-command.c - commands to an IMAP server and its responses. */
#include "sync-imap-private.h"

enum { RESPONSE_MAX = 1024 * 1024 };

/* --- responses ----------------------------------------------------------- */

int sync_imap_broken(struct sync_imap *m, int ret)
{
	m->side.broken = true;
	return ret;
}

int sync_imap_send(struct sync_imap *m, const char *line, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("imap command");
	const char *whole;
	int ret;

	pool_set_secret(pool);
	whole = pool_printf(pool, "A%u %s\r\n", ++m->tag, line);
	ret = conn_write(m->conn, cv_span_of(whole), err);
	pool_destroy(&pool);
	return ret < 0 ? sync_imap_broken(m, ret) : CV_OK;
}

static bool is_body(struct cv_span line)
{
	static const char word[] = "BODY[]";
	const char *at = memmem(line.data, line.len, word, strlen(word));

	return at != NULL && line.len >= 2 && line.data[0] == '*';
}

/* The next response into m->response.  With stop_at_body it ends before the
 * literal of a BODY[], whose size is in m->literal (CV_CHANGED). */
int sync_imap_response(struct sync_imap *m, bool stop_at_body,
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
			return sync_imap_broken(m, ret);
		cv_text_append_span(&m->response, line);
		if (!sync_imap_literal(line, &size))
			return CV_OK;
		if (stop_at_body && is_body(cv_text_span(&m->response))) {
			m->literal = size;
			return CV_CHANGED;
		}
		if (size > RESPONSE_MAX ||
		    m->response.len + size > RESPONSE_MAX)
			return sync_imap_broken(m, FAIL(err, CV_E_LIMIT,
				"a response is too long"));
		cv_text_append_str(&m->response, "\r\n");
		while (size > 0) {
			ret = conn_bytes(m->conn, (size_t)size, &line, err);
			if (ret < 0)
				return sync_imap_broken(m, ret);
			cv_text_append_span(&m->response, line);
			size -= line.len;
		}
	}
}

/* CV_OK: the tagged OK of the last command (any: of an earlier one);
 * CV_CHANGED: something else. */
int sync_imap_tagged(struct sync_imap *m, struct cv_error *err)
{
	struct cv_span rest = cv_text_span(&m->response);
	struct cv_span tag = sync_imap_word(&rest), word;

	if (tag.len < 2 || tag.data[0] != 'A')
		return CV_CHANGED;
	word = sync_imap_word(&rest);
	return cv_span_is_icase(word, "OK") ? CV_OK :
		FAIL(err, cv_span_is_icase(word, "NO") ? CV_E_DENIED :
		     CV_E_SYNTAX, "the server answers: %.*s %.200s",
		     CV_SPAN_ARG(word), rest.len == 0 ? "" : rest.data);
}

/* Sends a command; fn gets each untagged response behind "* ". */
int sync_imap_command(struct sync_imap *m, const char *line,
		      sync_imap_untagged_fn *fn, void *context,
		      struct cv_error *err)
{
	int ret = sync_imap_send(m, line, err);

	while (ret == CV_OK) {
		struct cv_span text;

		ret = sync_imap_response(m, false, err);
		if (ret < 0)
			return ret;
		text = cv_text_span(&m->response);
		if (text.len >= 2 && text.data[0] == '*') {
			ret = fn == NULL ? CV_OK :
				fn(m, cv_span_skip(text, 2), context, err);
			continue;
		}
		ret = sync_imap_tagged(m, err);
		if (ret != CV_CHANGED)
			return ret;
		ret = CV_OK;	/* "+", out of place */
	}
	return sync_imap_broken(m, ret);
}

/* --- logging in ---------------------------------------------------------- */

static int log_in(struct sync_imap *m, struct cv_error *err)
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
		cv_text_append_f(&line, "LOGIN %s %s",
				 sync_imap_quote(pool, a->user),
				 sync_imap_quote(pool, a->password));
	}
	if (strpbrk(a->user, "\r\n") != NULL ||
	    strpbrk(a->password, "\r\n") != NULL)
		ret = FAIL(err, CV_E_CONFIG, "user or password with a line "
			   "end");
	else
		ret = sync_imap_command(m, cv_text_str(&line), NULL, NULL, err);
	pool_destroy(&pool);
	return ret < 0 ? error_prefix(err, "login as '%s'", a->user) : CV_OK;
}

static int capability_one(struct sync_imap *m, struct cv_span rest,
			  void *context, struct cv_error *err)
{
	struct cv_span word;

	(void)context;
	(void)err;
	if (!cv_span_is_icase(sync_imap_word(&rest), "CAPABILITY"))
		return CV_OK;
	while ((word = sync_imap_word(&rest)).len > 0)
		m->has_sasl_ir |= cv_span_is_icase(word, "SASL-IR");
	return CV_OK;
}

int sync_imap_greet(struct sync_imap *m, struct cv_error *err)
{
	int ret = conn_open(m->pool, m->account,
			    m->account->tls == SYNC_TLS_IMPLICIT ? 993 : 143,
			    &m->conn, err);

	if (ret == CV_OK)
		ret = sync_imap_response(m, false, err);
	if (ret == CV_OK && !cv_span_begins_icase(
			cv_text_span(&m->response), CV_SPAN("* OK")))
		ret = FAIL(err, CV_E_TEMP, "the server greets with: %.200s",
			   cv_text_str(&m->response));
	if (ret == CV_OK && m->account->tls == SYNC_TLS_START) {
		ret = sync_imap_command(m, "STARTTLS", NULL, NULL, err);
		if (ret == CV_OK)
			ret = conn_start_tls(m->conn, err);
	}
	if (ret == CV_OK)
		ret = sync_imap_command(m, "CAPABILITY", capability_one, NULL,
					err);
	return ret == CV_OK ? log_in(m, err) : ret;
}
