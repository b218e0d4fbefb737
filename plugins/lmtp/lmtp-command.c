/* lmtp-command.c - the commands of [RFC2033], [RFC5321] and extensions. */
#include "lmtp.h"
#include "lmtp-xclient.h"

#include <stdio.h>

struct command {
	const char *verb;
	int (*run)(struct lmtp_session *l, struct cv_span args,
		   struct cv_error *err);
	bool needs_lhlo;
};

static void bad(struct lmtp_session *l, const char *reply)
{
	l->errors++;
	lmtp_reply(l, "%s", reply);
}

/* What may stand in a log line and a header: no controls, no blanks. */
static bool is_peer_name(struct cv_span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (c <= 0x20 || c >= 0x7f || strchr("()<>@,;\\\"", c) != NULL)
			return false;
	}
	return s.len > 0 && s.len < 256;
}

/* [RFC2033 4.1] */
static int cmd_lhlo(struct lmtp_session *l, struct cv_span args,
		    struct cv_error *err)
{
	args = cv_span_trim(args);
	if (!is_peer_name(args)) {
		bad(l, "501 5.5.4 LHLO wants a host name");
		return CV_OK;
	}
	lmtp_reset(l);
	(void)snprintf(l->peer, sizeof(l->peer), "%.*s", CV_SPAN_ARG(args));
	lmtp_conn->print(l->conn, "250-%s\r\n250-8BITMIME\r\n250-CHUNKING\r\n"
		"250-ENHANCEDSTATUSCODES\r\n250-PIPELINING\r\n",
		lmtp_sess->hostname(l->session));
	if (lmtp_conn->can_starttls(l->conn) && !l->tls)
		lmtp_conn->print(l->conn, "250-STARTTLS\r\n");
	/* XCLIENT_README: told to those alone who may use it */
	if (lmtp_sess->is_from_proxy(l->session))
		lmtp_conn->print(l->conn, "250-XCLIENT %s\r\n",
				 lmtp_xclient_announced);
	lmtp_conn->print(l->conn, "250 SIZE %llu\r\n",
		(unsigned long long)l->set->lmtp_max_message_size);
	return CV_OK;
}

static bool skip_word(struct cv_span *args, const char *word)
{
	struct cv_span prefix = cv_span_of(word);

	if (!cv_span_begins_icase(*args, prefix))
		return false;
	*args = cv_span_skip(*args, prefix.len);
	return true;
}

/* One "KEY[=value]" of MAIL; NULL when it is fine, else the reply. */
static const char *mail_parameter(struct lmtp_session *l, struct cv_span param)
{
	struct cv_span value = param, key;
	uint64_t bytes;

	(void)cv_span_split(&value, '=', &key);
	if (cv_span_is_icase(key, "SIZE")) {
		/* [RFC1870 6] */
		if (value.data == NULL ||
		    !cv_span_to_u64(value, UINT64_MAX, &bytes))
			return "501 5.5.4 Malformed SIZE";
		l->announced = bytes;
		return bytes > l->set->lmtp_max_message_size ?
			"552 5.3.4 Message is too large" : NULL;
	}
	if (cv_span_is_icase(key, "BODY")) {
		/* [RFC6152 2] */
		l->is_8bit = value.data != NULL &&
			cv_span_is_icase(value, "8BITMIME");
		return l->is_8bit || (value.data != NULL &&
				      cv_span_is_icase(value, "7BIT")) ?
			NULL : "501 5.5.4 Unknown BODY type";
	}
	return "555 5.5.4 Unknown parameter";
}

static int cmd_mail(struct lmtp_session *l, struct cv_span args,
		    struct cv_error *err)
{
	struct cv_span param;
	const char *sender, *reply;

	if (l->sender != NULL) {
		bad(l, "503 5.5.1 MAIL already given");
		return CV_OK;
	}
	if (!skip_word(&args, "FROM:") ||
	    !lmtp_path_parse(&args, true, l->set, l->pool, &sender)) {
		bad(l, "501 5.5.4 Malformed MAIL FROM:<address>");
		return CV_OK;
	}
	while (cv_span_split(&args, ' ', &param)) {
		reply = param.len == 0 ? NULL : mail_parameter(l, param);
		if (reply != NULL) {
			bad(l, reply);
			return CV_OK;
		}
	}
	l->sender = sender;
	lmtp_reply(l, "250 2.1.0 OK");
	return CV_OK;
}

static void recipient_add(struct lmtp_session *l, struct cv_recipient *r,
			  struct lmtp_backend *backend)
{
	struct lmtp_recipients *list = &l->recipients;

	if (list->count == list->room) {
		uint32_t room = list->room == 0 ? 8 : list->room * 2;
		struct lmtp_recipient *items =
			CV_ALLOC_ARRAY(l->pool, struct lmtp_recipient, room);

		if (list->count > 0)
			memcpy(items, list->items,
			       list->count * sizeof(*items));
		list->items = items;
		list->room = room;
	}
	list->items[list->count++] =
		(struct lmtp_recipient){ r, backend, NULL };
}

static void reply_recipient_failure(struct lmtp_session *l,
				    const char *address, int status,
				    struct cv_error *err)
{
	const char *text = cv_api->error_client(err);
	const char *code = "451 4.3.0", *usual = "Temporary failure";

	if (status == CV_E_NOT_FOUND || status == CV_NOT_FOUND) {
		code = "550 5.1.1";
		usual = "No such user";
	} else if (status == CV_E_SYNTAX) {
		code = "501 5.1.3";
		usual = "Malformed address";
	} else if (status == CV_E_DENIED || status == CV_E_PERM) {
		code = "550 5.7.1";
		usual = "Refused";
	} else if (status == CV_E_LIMIT) {
		code = "552 5.2.0";
		usual = "A limit was reached";
	} else if (status == CV_E_QUOTA) {
		code = "552 5.2.2";
		usual = "Mailbox is full";
	} else {
		cv_api->log(lmtp_self, CV_LOG_ERROR, "rcpt <%s>: %s", address,
			    cv_api->error_text(err));
	}
	lmtp_reply(l, "%s <%s> %s", code, address,
		   text[0] != '\0' ? text : usual);
}

static int recipient_find(struct lmtp_session *l, const char *address,
			  struct cv_recipient **recipient_r,
			  struct cv_error *err)
{
	return (l->set->lmtp_proxy ? lmtp_delivery->recipient_anywhere :
		lmtp_delivery->recipient)(l->session, cv_span_of(l->sender),
		cv_span_of(address), l->pool, recipient_r, err);
}

static int cmd_rcpt(struct lmtp_session *l, struct cv_span args,
		    struct cv_error *err)
{
	struct cv_recipient *recipient = NULL;
	struct lmtp_backend *backend;
	const char *address;
	int status;

	if (l->sender == NULL) {
		bad(l, "503 5.5.1 MAIL first");
		return CV_OK;
	}
	if (!skip_word(&args, "TO:") ||
	    !lmtp_path_parse(&args, false, l->set, l->pool, &address)) {
		bad(l, "501 5.5.4 Malformed RCPT TO:<address>");
		return CV_OK;
	}
	if (cv_span_trim(args).len > 0) {
		bad(l, "555 5.5.4 Unknown parameter");
		return CV_OK;
	}
	/* [RFC5321 4.5.3.1.10] too many is 452: send the rest again */
	if (l->recipients.count >= LMTP_RECIPIENTS_MAX) {
		bad(l, "452 4.5.3 Too many recipients");
		return CV_OK;
	}
	status = recipient_find(l, address, &recipient, err);
	if (status != CV_OK) {
		reply_recipient_failure(l, address, status, err);
		return CV_OK;
	}
	if (l->set->lmtp_proxy && recipient->relay != NULL) {
		backend = lmtp_relay_recipient(l, recipient);
		if (backend != NULL)
			recipient_add(l, recipient, backend);
		return CV_OK;
	}
	recipient_add(l, recipient, NULL);
	lmtp_reply(l, "250 2.1.5 OK");
	return CV_OK;
}

static int cmd_data(struct lmtp_session *l, struct cv_span args,
		    struct cv_error *err)
{
	if (cv_span_trim(args).len > 0) {
		bad(l, "501 5.5.4 DATA has no parameters");
	} else if (l->incoming != NULL || l->incoming_failed) {
		/* [RFC3030 2] one or the other within a transaction */
		bad(l, "503 5.5.1 BDAT has begun");
	} else if (l->recipients.count == 0) {
		/* [RFC2033 4.2] no recipient was accepted */
		bad(l, "503 5.5.1 No valid recipients");
	} else {
		return lmtp_data(l, err);
	}
	return CV_OK;
}

static int cmd_rset(struct lmtp_session *l, struct cv_span args,
		    struct cv_error *err)
{
	lmtp_reset(l);
	lmtp_reply(l, "250 2.0.0 OK");
	return CV_OK;
}

static int cmd_noop(struct lmtp_session *l, struct cv_span args,
		    struct cv_error *err)
{
	lmtp_reply(l, "250 2.0.0 OK");
	return CV_OK;
}

static int cmd_vrfy(struct lmtp_session *l, struct cv_span args,
		    struct cv_error *err)
{
	/* [RFC5321 3.5.3] neither yes nor no */
	lmtp_reply(l, "252 2.3.3 Try RCPT instead");
	return CV_OK;
}

static int cmd_quit(struct lmtp_session *l, struct cv_span args,
		    struct cv_error *err)
{
	lmtp_reply(l, "221 2.0.0 OK");
	l->quit = true;
	return CV_OK;
}

static int cmd_starttls(struct lmtp_session *l, struct cv_span args,
			struct cv_error *err)
{
	int status;

	if (cv_span_trim(args).len > 0) {
		bad(l, "501 5.5.4 STARTTLS has no parameters");
		return CV_OK;
	}
	if (l->tls || !lmtp_conn->can_starttls(l->conn)) {
		bad(l, "502 5.5.1 TLS is not available");
		return CV_OK;
	}
	/* [RFC3207 4.2] nothing from before survives; bytes sent along with
	 * the command are an attack or a bug, and end the connection */
	if (lmtp_conn->peek(l->conn).len > 0) {
		lmtp_reply(l, "501 5.5.4 Data after STARTTLS, closing");
		l->quit = true;
		return CV_OK;
	}
	lmtp_reply(l, "220 2.0.0 Begin TLS negotiation now");
	status = lmtp_conn->flush(l->conn, err);
	if (status == CV_OK)
		status = lmtp_conn->starttls(l->conn, err);
	if (status != CV_OK)
		return status;
	lmtp_reset(l);
	l->peer[0] = '\0';
	l->tls = true;
	return CV_OK;
}

static int cmd_xclient(struct lmtp_session *l, struct cv_span args,
		       struct cv_error *err)
{
	const char *refusal;

	/* what was sent along with one that counts would be another's */
	if (lmtp_sess->is_from_proxy(l->session) &&
	    lmtp_conn->peek(l->conn).len > 0) {
		lmtp_reply(l, "501 5.5.4 Data after XCLIENT, closing");
		l->quit = true;
		return CV_OK;
	}
	refusal = lmtp_xclient_take(l, args);
	if (refusal != NULL) {
		bad(l, refusal);
		return CV_OK;
	}
	lmtp_reset(l);
	l->peer[0] = '\0';
	lmtp_session_greet(l);
	return CV_OK;
}

static int cmd_bdat(struct lmtp_session *l, struct cv_span args,
		    struct cv_error *err)
{
	return lmtp_bdat(l, args, err);
}

static int cmd_helo(struct lmtp_session *l, struct cv_span args,
		    struct cv_error *err)
{
	/* [RFC2033 4.1] HELO and EHLO are not for LMTP */
	bad(l, "502 5.5.1 This is LMTP: say LHLO");
	return CV_OK;
}

static const struct command commands[] = {
	{ "MAIL", cmd_mail, true },
	{ "RCPT", cmd_rcpt, true },
	{ "DATA", cmd_data, true },
	{ "BDAT", cmd_bdat, true },
	{ "LHLO", cmd_lhlo, false },
	{ "RSET", cmd_rset, false },
	{ "NOOP", cmd_noop, false },
	{ "VRFY", cmd_vrfy, false },
	{ "QUIT", cmd_quit, false },
	{ "STARTTLS", cmd_starttls, false },
	{ "XCLIENT", cmd_xclient, false },
	{ "EHLO", cmd_helo, false },
	{ "HELO", cmd_helo, false },
};

int lmtp_command(struct lmtp_session *l, struct cv_span line,
		 struct cv_error *err)
{
	struct cv_span rest = line, verb = line;

	if (line.len > 0 && memchr(line.data, '\0', line.len) != NULL) {
		bad(l, "501 5.5.2 NUL in a command");
		return CV_OK;
	}
	(void)cv_span_split(&rest, ' ', &verb);
	if (rest.data == NULL)
		rest = cv_span("", 0);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!cv_span_is_icase(verb, commands[i].verb))
			continue;
		if (commands[i].needs_lhlo && l->peer[0] == '\0') {
			bad(l, "503 5.5.1 LHLO first");
			return CV_OK;
		}
		return commands[i].run(l, rest, err);
	}
	bad(l, "500 5.5.2 Unknown command");
	return CV_OK;
}
