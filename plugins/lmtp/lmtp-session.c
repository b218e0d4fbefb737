/* lmtp-session.c - reads command lines until the peer is done. */
#include "lmtp.h"
#include "lmtp-relay.h"

void lmtp_reply(struct lmtp_session *l, const char *fmt, ...)
{
	struct cv_text line;
	va_list args;

	cv_text_init(&line, l->pool);
	va_start(args, fmt);
	cv_api->text_append_vf(&line, fmt, args);
	va_end(args);
	cv_text_append(&line, "\r\n", 2);
	lmtp_conn->write(l->conn, line.data, line.len);
}

void lmtp_session_greet(struct lmtp_session *l)
{
	lmtp_reply(l, "220 %s Culver LMTP ready",
		   lmtp_sess->hostname(l->session));
}

void lmtp_reset(struct lmtp_session *l)
{
	lmtp_delivery->incoming_close(&l->incoming);
	l->incoming_failed = false;
	lmtp_relay_close(l);
	l->sender = NULL;
	l->announced = 0;
	l->is_8bit = false;
	l->recipients = (struct lmtp_recipients){ NULL, 0, 0 };
	cv_api->pool_reset(l->pool);
}

/* The next line without its end (CRLF; a bare LF is accepted from commands,
 * never from data).  CV_E_LIMIT: too long, and was read over. */
static int read_line(struct lmtp_session *l, struct cv_span *line_r,
		     size_t *skip_r, struct cv_error *err)
{
	size_t searched = 0;
	bool too_long = false;

	for (;;) {
		struct cv_span in = lmtp_conn->peek(l->conn);
		const char *lf = in.len == searched ? NULL :
			memchr(in.data + searched, '\n', in.len - searched);
		int status;

		if (lf != NULL) {
			*line_r = cv_span(in.data, (size_t)(lf - in.data));
			*skip_r = line_r->len + 1;
			if (line_r->len > 0 && lf[-1] == '\r')
				line_r->len--;
			return too_long ? CV_E_LIMIT : CV_OK;
		}
		searched = in.len;
		if (in.len >= LMTP_LINE_MAX) {
			lmtp_conn->skip(l->conn, in.len);
			searched = 0;
			too_long = true;
			l->errors++;
			if (l->errors > LMTP_ERRORS_MAX)
				return CV_E_LIMIT;
		}
		status = lmtp_conn->fill(l->conn, LMTP_LINE_MAX,
					 LMTP_TIMEOUT_MSECS, err);
		if (status != CV_OK)
			return status;
	}
}

static int run_one(struct lmtp_session *l, struct cv_error *err)
{
	struct cv_span line;
	size_t skip = 0;
	int status = read_line(l, &line, &skip, err);

	if (status == CV_E_LIMIT) {
		lmtp_conn->skip(l->conn, skip);
		lmtp_reply(l, "500 5.5.6 Line too long");
		return CV_OK;
	}
	if (status != CV_OK)
		return status;
	/* the window moves while the command reads on (DATA) */
	if (line.len > 0) {
		char *copy = CV_ALLOC_ARRAY(l->pool, char, line.len + 1);

		memcpy(copy, line.data, line.len);
		line.data = copy;
	}
	lmtp_conn->skip(l->conn, skip);
	return lmtp_command(l, line, err);
}

static void say_why(struct lmtp_session *l, int status)
{
	if (status == CV_E_TIMEOUT)
		lmtp_reply(l, "421 4.4.2 Disconnected for inactivity");
	else if (lmtp_sess->stopping(l->session))
		lmtp_reply(l, "421 4.3.2 Shutting down");
	else if (l->errors > LMTP_ERRORS_MAX)
		lmtp_reply(l, "421 4.7.0 Too many errors");
}

int lmtp_run(struct cv_session *s, struct cv_error *err)
{
	struct lmtp_session l = { .session = s };
	int status = CV_OK;

	l.conn = lmtp_sess->connection(s);
	l.set = lmtp_sess->settings(s, lmtp_self);
	l.pool = cv_api->pool_create("lmtp transaction");
	lmtp_session_greet(&l);
	while (status == CV_OK && !l.quit && l.errors <= LMTP_ERRORS_MAX &&
	       !lmtp_sess->stopping(s))
		status = run_one(&l, err);
	say_why(&l, status);
	lmtp_delivery->incoming_close(&l.incoming);
	lmtp_relay_close(&l);
	cv_api->pool_destroy(&l.pool);
	if (lmtp_conn->flush(l.conn, err) < 0 && status == CV_OK)
		status = CV_EOF;
	return status == CV_EOF || status == CV_E_TIMEOUT ? CV_OK : status;
}
