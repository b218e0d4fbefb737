/* lmtp-relay.c - up to RCPT: finds or opens the connection to a recipient's
 * server, greets it, tells it who our client is, and offers the recipient. */
#include "lmtp-relay.h"
#include "lmtp-xclient.h"

/* --- the end of it -------------------------------------------------------------- */

void lmtp_relay_fail(struct lmtp_session *l, struct lmtp_backend *b,
		     const char *reply, const char *why)
{
	if (why != NULL)
		cv_api->log(lmtp_self, CV_LOG_ERROR, "proxy to %s:%u: %s",
			    b->relay->host, b->relay->port, why);
	lmtp_client->close(&b->far);
	b->state = LMTP_BACKEND_OVER;
	b->failure = reply;
	for (uint32_t i = 0; i < l->recipients.count; i++) {
		struct lmtp_recipient *r = &l->recipients.items[i];

		if (r->backend == b && r->reply == NULL)
			r->reply = reply;
	}
}

/* Politely, where it still listens to commands. */
static void close_one(struct lmtp_backend *b)
{
	if (b->far != NULL)
		(void)lmtp_client->write(b->far, CV_SPAN("QUIT\r\n"), NULL);
	lmtp_client->close(&b->far);
}

void lmtp_relay_close(struct lmtp_session *l)
{
	for (struct lmtp_backend *b = l->backends; b != NULL; b = b->next)
		close_one(b);
	l->backends = NULL;
	l->backend_count = 0;
}

/* --- question and answer ---------------------------------------------------------- */

static int hear(struct lmtp_backend *b, struct lmtp_answer *answer_r,
		void (*each)(struct lmtp_backend *b, struct cv_span text),
		struct cv_error *err)
{
	struct cv_span line;
	int status;

	*answer_r = (struct lmtp_answer){ 0 };
	do {
		status = lmtp_client->line(b->far, &line, err);
		if (status != CV_OK)
			return status;
		status = lmtp_answer_line(answer_r, line);
		if (status != CV_E_SYNTAX && each != NULL && line.len > 4)
			each(b, cv_span_skip(line, 4));
	} while (status == CV_NOT_FOUND);
	return status == CV_OK ? CV_OK :
		CV_FAIL(err, CV_E_TEMP, "its answer is none of %s",
			b->is_smtp ? "SMTP" : "LMTP");
}

CV_PRINTF(4, 5)
static int ask(struct lmtp_session *l, struct lmtp_backend *b,
	       struct lmtp_answer *answer_r, const char *fmt, ...)
{
	struct cv_error *err = cv_api->error_new(l->pool);
	struct cv_text text;
	va_list args;
	int status;

	cv_text_init(&text, l->pool);
	va_start(args, fmt);
	cv_api->text_append_vf(&text, fmt, args);
	va_end(args);
	cv_text_append(&text, "\r\n", 2);
	status = lmtp_client->write(b->far, cv_text_span(&text), err);
	if (status == CV_OK)
		status = hear(b, answer_r, NULL, err);
	if (status != CV_OK)
		lmtp_relay_fail(l, b, "451 4.4.2 The server of this user has "
				"broken off", cv_api->error_text(err));
	return status;
}

/* --- its beginning ------------------------------------------------------------------ */

static int unexpected(const struct lmtp_answer *answer, const char *what,
		      struct cv_error *err)
{
	return CV_FAIL(err, CV_E_TEMP, "%s is answered by: %u %s", what,
		       answer->code, answer->text);
}

static void take_extension(struct lmtp_backend *b, struct cv_span text)
{
	struct cv_span word = text;

	(void)cv_span_split(&text, ' ', &word);
	if (cv_span_is_icase(word, "8BITMIME"))
		b->has_8bit = true;
	else if (cv_span_is_icase(word, "SIZE"))
		b->has_size = true;
	else if (cv_span_is_icase(word, "STARTTLS"))
		b->has_starttls = true;
	else if (cv_span_is_icase(word, "XCLIENT"))
		b->xclient = lmtp_xclient_names(text);
}

/* [RFC2033 4.1], [RFC5321 4.1.1.1] */
static int say_hello(struct lmtp_session *l, struct lmtp_backend *b,
		     struct cv_error *err)
{
	struct lmtp_answer answer;
	struct cv_text text;
	int status;

	b->has_8bit = b->has_size = b->has_starttls = false;
	b->xclient = 0;
	cv_text_init(&text, l->pool);
	cv_text_append_f(&text, "%s %s\r\n", b->is_smtp ? "EHLO" : "LHLO",
			 lmtp_sess->hostname(l->session));
	status = lmtp_client->write(b->far, cv_text_span(&text), err);
	if (status == CV_OK)
		status = hear(b, &answer, take_extension, err);
	if (status != CV_OK)
		return status;
	return answer.code == 250 ? CV_OK :
		unexpected(&answer, b->is_smtp ? "EHLO" : "LHLO", err);
}

/* A command that must succeed before there is a transaction. */
static int must(struct lmtp_backend *b, struct cv_span command,
		const char *what, struct cv_error *err)
{
	struct lmtp_answer answer;
	int status = command.len == 0 ? CV_OK :
		lmtp_client->write(b->far, command, err);

	if (status == CV_OK)
		status = hear(b, &answer, NULL, err);
	if (status != CV_OK)
		return status;
	return answer.code == 220 ? CV_OK : unexpected(&answer, what, err);
}

/* [RFC3207 4] */
static int start_tls(struct lmtp_session *l, struct lmtp_backend *b,
		     struct cv_error *err)
{
	int status;

	if (!b->has_starttls)
		return CV_FAIL(err, CV_E_CONFIG, "it does not offer STARTTLS, "
			       "which the passdb asks for");
	status = must(b, CV_SPAN("STARTTLS\r\n"), "STARTTLS", err);
	if (status == CV_OK)
		status = lmtp_client->start_tls(b->far, err);
	return status == CV_OK ? say_hello(l, b, err) : status;
}

static int introduce(struct lmtp_session *l, struct lmtp_backend *b,
		     struct cv_error *err)
{
	struct cv_text text;
	int status = must(b, CV_SPAN_NONE, "the connection", err);

	if (status == CV_OK)
		status = say_hello(l, b, err);
	if (status == CV_OK && b->relay->starttls)
		status = start_tls(l, b, err);
	if (status != CV_OK || b->xclient == 0 || !b->relay->tell_client)
		return status;
	cv_text_init(&text, l->pool);
	lmtp_xclient_format(l, b, &text);
	status = must(b, cv_text_span(&text), "XCLIENT", err);
	return status == CV_OK ? say_hello(l, b, err) : status;
}

static bool begin_mail(struct lmtp_session *l, struct lmtp_backend *b)
{
	struct lmtp_answer answer;
	struct cv_text text;

	cv_text_init(&text, l->pool);
	cv_text_append_f(&text, "MAIL FROM:<%s>", l->sender);
	/* what our header adds is not worth a refusal */
	if (b->has_size && l->announced > 0)
		cv_text_append_f(&text, " SIZE=%llu",
				 (unsigned long long)l->announced);
	if (b->has_8bit && l->is_8bit)
		cv_text_append_str(&text, " BODY=8BITMIME");
	if (ask(l, b, &answer, "%s", cv_text_str(&text)) != CV_OK)
		return false;
	if (answer.code / 100 == 2)
		return true;
	/* all its recipients hear the same */
	close_one(b);
	lmtp_relay_fail(l, b, lmtp_answer_reply(&answer, l->pool), NULL);
	return false;
}

static void backend_begin(struct lmtp_session *l, struct lmtp_backend *b)
{
	struct cv_error *err = cv_api->error_new(l->pool);
	int status = lmtp_delivery->relay_open(l->session, l->pool, b->relay,
					       &b->far, err);

	if (status == CV_OK)
		status = introduce(l, b, err);
	/* denied: by us, its certificate */
	if (status != CV_OK)
		lmtp_relay_fail(l, b, status == CV_E_CONFIG ||
				status == CV_E_DENIED ?
				"451 4.3.5 Internal error, the administrator "
				"has been told" : "451 4.4.1 The server of "
				"this user cannot be reached",
				cv_api->error_text(err));
	else
		(void)begin_mail(l, b);
}

static struct lmtp_backend *backend_find(struct lmtp_session *l,
					 const struct cv_relay *relay)
{
	struct lmtp_backend *b = l->backends;

	while (b != NULL && strcmp(b->relay->key, relay->key) != 0)
		b = b->next;
	if (b != NULL || l->backend_count == LMTP_BACKENDS_MAX)
		return b;
	b = CV_ALLOC(l->pool, struct lmtp_backend);
	b->relay = relay;
	b->is_smtp = strcmp(relay->protocol, "smtp") == 0;
	b->next = l->backends;
	l->backends = b;
	l->backend_count++;
	backend_begin(l, b);
	return b;
}

struct lmtp_backend *lmtp_relay_recipient(struct lmtp_session *l,
					  const struct cv_recipient *r)
{
	struct lmtp_answer answer;
	struct lmtp_backend *b;

	if (r->relay->ttl == 0) {
		cv_api->log(lmtp_self, CV_LOG_ERROR, "proxying loops: mail to "
			    "<%s> has passed too many proxies, and would go "
			    "on to '%s'", r->address, r->relay->host);
		lmtp_reply(l, "451 4.4.6 <%s> Proxying loops", r->address);
		return NULL;
	}
	b = backend_find(l, r->relay);
	if (b == NULL) {
		/* [RFC5321 4.5.3.1.10] the client sends the rest again */
		lmtp_reply(l, "452 4.5.3 <%s> Too many servers for one "
			   "message", r->address);
		return NULL;
	}
	if (b->failure == NULL)
		(void)ask(l, b, &answer, "RCPT TO:<%s>", r->relay->recipient);
	if (b->failure != NULL) {
		lmtp_reply(l, "%s", b->failure);
		return NULL;
	}
	lmtp_reply(l, "%s", lmtp_answer_reply(&answer, l->pool));
	if (answer.code / 100 != 2)
		return NULL;
	b->accepted++;
	return b;
}
