/* imap-proxy.c - logs in to the server that has a user's mail, as its client,
 * and tells it whose connection it is.  The server is not trusted: lines are
 * bounded, and only its answer to the login goes on to the client. */
#include "imap-proxy.h"

#include "cv-text.h"

#include <stdio.h>

enum {
	LINES_MAX = 200,	/* until a command has its answer */
	LINE_ROOM = 16384,	/* a password in base64 and all around it */
};

struct login {
	struct cv_client *far;
	const struct cv_proxy_target *target;
	struct cv_error *err;
	struct cv_text out, line;	/* wiped: they hold the password */
	bool has_caps;
	bool sasl_ir, plain, login, id, starttls;	/* capabilities */
	bool login_disabled;
};

/* What it held may have been a password. */
static void wipe(struct cv_text *text)
{
	if (text->room > 0)
		explicit_bzero(text->data, text->room);
	cv_text_reset(text);
}

/* --- talking ---------------------------------------------------------------- */

static int fail_text(struct login *l, int code, const char *what,
		     struct cv_span text)
{
	int max = text.len < 200 ? (int)text.len : 200;

	return CV_FAIL(l->err, code, "server '%s', port %u: %s: %.*s",
		       l->target->host, l->target->port, what, max,
		       text.data);
}

static int send_line(struct login *l)
{
	int status;

	cv_text_append_str(&l->out, "\r\n");
	status = imap_client_api->write(l->far, cv_text_span(&l->out),
					l->err);
	wipe(&l->out);
	return status;
}

static void note_capability(struct login *l, struct cv_span word)
{
	l->has_caps = true;
	if (cv_span_is_icase(word, "SASL-IR") ||
	    cv_span_is_icase(word, "IMAP4rev2"))
		l->sasl_ir = true;
	else if (cv_span_is_icase(word, "AUTH=PLAIN"))
		l->plain = true;
	else if (cv_span_is_icase(word, "AUTH=LOGIN"))
		l->login = true;
	else if (cv_span_is_icase(word, "ID"))
		l->id = true;
	else if (cv_span_is_icase(word, "STARTTLS"))
		l->starttls = true;
	else if (cv_span_is_icase(word, "LOGINDISABLED"))
		l->login_disabled = true;
}

/* "CAPABILITY a b c", up to "]" where it is a code [RFC9051 7.1]. */
static void note_capabilities(struct login *l, struct cv_span text)
{
	struct cv_span word;

	l->sasl_ir = l->plain = l->login = l->id = l->starttls = false;
	l->login_disabled = false;
	while (cv_span_split(&text, ' ', &word)) {
		bool last = word.len > 0 && word.data[word.len - 1] == ']';

		if (last)
			word.len--;
		note_capability(l, word);
		if (last)
			return;
	}
}

static void look_for_capabilities(struct login *l, struct cv_span text)
{
	static const struct cv_span code = { "[CAPABILITY ", 12 };
	static const struct cv_span data = { "CAPABILITY ", 11 };

	if (cv_span_begins_icase(text, code))
		note_capabilities(l, cv_span_skip(text, code.len));
	else if (cv_span_begins_icase(text, data))
		note_capabilities(l, cv_span_skip(text, data.len));
}

/* The next line that is for us: *word_r "OK", "NO", "BAD" or "+", and the text
 * behind it.  Valid until the next call. */
static int answer_of(struct login *l, const char *tag, struct cv_span *word_r,
		     struct cv_span *text_r)
{
	struct cv_span line, first;

	for (int i = 0; i < LINES_MAX; i++) {
		int status = imap_client_api->line(l->far, &line, l->err);

		if (status != CV_OK)
			return status;
		*text_r = line;
		if (!cv_span_split(text_r, ' ', &first))
			continue;
		if (cv_span_is(first, "+")) {
			*word_r = first;
			return CV_OK;
		}
		if (cv_span_begins_icase(*text_r, CV_SPAN("BYE")))
			return fail_text(l, CV_E_TEMP, "said goodbye",
					 *text_r);
		if (cv_span_is(first, "*")) {
			look_for_capabilities(l, *text_r);
			continue;
		}
		if (!cv_span_is(first, tag) ||
		    !cv_span_split(text_r, ' ', word_r))
			return fail_text(l, CV_E_TEMP, "unexpected answer",
					 line);
		if (text_r->data == NULL)
			*text_r = CV_SPAN("");
		look_for_capabilities(l, *text_r);
		return CV_OK;
	}
	return fail_text(l, CV_E_TEMP, "talks without answering",
			 CV_SPAN(""));
}

/* A command whose success is all that matters. */
static int run(struct login *l, const char *tag, const char *what)
{
	struct cv_span word, text;
	int status = send_line(l);

	if (status == CV_OK)
		status = answer_of(l, tag, &word, &text);
	if (status == CV_OK && !cv_span_is_icase(word, "OK"))
		status = fail_text(l, CV_E_TEMP, what, text);
	return status;
}

/* --- before the login ------------------------------------------------------------ */

static int greeting(struct login *l)
{
	struct cv_span line;
	int status = imap_client_api->line(l->far, &line, l->err);

	if (status != CV_OK)
		return status;
	/* [RFC9051 7.1.4] PREAUTH would be somebody else's session */
	if (!cv_span_begins_icase(line, CV_SPAN("* OK")))
		return fail_text(l, CV_E_TEMP, "greeting", line);
	line = cv_span_skip(line, 5 < line.len ? 5 : line.len);
	look_for_capabilities(l, line);
	return CV_OK;
}

static int capabilities(struct login *l)
{
	if (l->has_caps)
		return CV_OK;
	cv_text_append_str(&l->out, "C CAPABILITY");
	return run(l, "C", "CAPABILITY was refused");
}

/* What was said before TLS is forgotten [RFC9051 6.2.1]. */
static int start_tls(struct login *l)
{
	int status;

	if (!l->target->starttls)
		return CV_OK;
	cv_text_append_str(&l->out, "S STARTTLS");
	status = run(l, "S", "STARTTLS was refused");
	if (status == CV_OK)
		status = imap_client_api->start_tls(l->far, l->err);
	/* a certificate is none of the user's doing */
	if (status == CV_E_DENIED)
		status = CV_E_CONFIG;
	l->has_caps = false;
	return status == CV_OK ? capabilities(l) : status;
}

static void quoted(struct cv_text *out, const char *text)
{
	cv_text_append_c(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			cv_text_append_c(out, '\\');
		if ((unsigned char)*text >= ' ' && *text != 0x7f)
			cv_text_append_c(out, *text);
	}
	cv_text_append_c(out, '"');
}

static void id_pair(struct login *l, const char *name, const char *value)
{
	if (*value == '\0')
		return;
	if (l->out.data[l->out.len - 1] != '(')
		cv_text_append_c(&l->out, ' ');
	quoted(&l->out, name);
	cv_text_append_c(&l->out, ' ');
	quoted(&l->out, value);
}

static void id_number(struct login *l, const char *name, uint32_t value)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", value);
	id_pair(l, name, text);
}

static void id_forward(struct login *l, struct cv_span pairs)
{
	struct cv_span value, name;
	struct cv_text field;

	cv_text_init(&field, l->out.pool);
	while (pairs.len > 0 && cv_span_split(&pairs, '\t', &value)) {
		if (!cv_span_split(&value, '=', &name) || value.data == NULL)
			continue;
		cv_text_reset(&field);
		cv_text_append_str(&field, "x-forward-");
		cv_text_append_span(&field, name);
		id_pair(l, cv_text_str(&field),
			cv_span_copy(l->out.pool, value));
	}
}

/* The fields that Dovecot has for it; a server that does not know or trust us
 * leaves them alone. */
static int tell_client(struct login *l)
{
	const struct cv_proxy_target *t = l->target;
	struct cv_span word, text;
	int status;

	if (!t->tell_client || !l->id)
		return CV_OK;
	cv_text_append_str(&l->out, "I ID (");
	id_pair(l, "x-session-id", t->session_id);
	id_pair(l, "x-originating-ip", t->remote_ip);
	id_number(l, "x-originating-port", t->remote_port);
	id_pair(l, "x-connected-ip", t->local_ip);
	id_number(l, "x-connected-port", t->local_port);
	id_number(l, "x-proxy-ttl", t->ttl);
	if (CV_HAS(t, forward))
		id_forward(l, t->forward);
	cv_text_append_c(&l->out, ')');
	status = send_line(l);
	/* a refusal changes nothing */
	return status == CV_OK ? answer_of(l, "I", &word, &text) : status;
}

/* --- the login ------------------------------------------------------------------- */

static void append_base64(struct login *l, struct cv_span bytes)
{
	cv_api->base64_encode(&l->out, bytes.data, bytes.len);
}

/* [RFC4616 2] authzid NUL authcid NUL passwd */
static struct cv_span plain_message(struct login *l)
{
	const struct cv_proxy_target *t = l->target;
	bool master = *t->master != '\0';

	wipe(&l->line);
	cv_text_append_str(&l->line, master ? t->user : "");
	cv_text_append_c(&l->line, '\0');
	cv_text_append_str(&l->line, master ? t->master : t->user);
	cv_text_append_c(&l->line, '\0');
	cv_text_append_span(&l->line, t->password);
	return cv_text_span(&l->line);
}

static int continued(struct login *l)
{
	struct cv_span word, text;
	int status = send_line(l);

	if (status == CV_OK)
		status = answer_of(l, "L", &word, &text);
	if (status == CV_OK && !cv_span_is(word, "+"))
		status = fail_text(l, CV_E_DENIED, "the login was refused",
				   text);
	return status;
}

static int authenticate_plain(struct login *l)
{
	int status;

	cv_text_append_str(&l->out, "L AUTHENTICATE PLAIN");
	if (l->sasl_ir) {
		cv_text_append_c(&l->out, ' ');
	} else {
		status = continued(l);
		if (status != CV_OK)
			return status;
	}
	append_base64(l, plain_message(l));
	return send_line(l);
}

static int authenticate_login(struct login *l)
{
	int status;

	cv_text_append_str(&l->out, "L AUTHENTICATE LOGIN");
	status = continued(l);
	if (status == CV_OK) {
		append_base64(l, cv_span_of(l->target->user));
		status = continued(l);
	}
	if (status != CV_OK)
		return status;
	append_base64(l, l->target->password);
	return send_line(l);
}

static bool can_be_quoted(struct cv_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c < ' ' || c >= 0x7f)
			return false;
	}
	return true;
}

static int login_argument(struct login *l, struct cv_span text)
{
	char size[32];
	int status;

	cv_text_append_c(&l->out, ' ');
	if (can_be_quoted(text)) {
		quoted(&l->out, cv_span_copy(l->out.pool, text));
		return CV_OK;
	}
	(void)snprintf(size, sizeof(size), "{%zu}", text.len);
	cv_text_append_str(&l->out, size);
	status = continued(l);
	cv_text_append_span(&l->out, text);
	return status;
}

static int login_command(struct login *l)
{
	int status;

	cv_text_append_str(&l->out, "L LOGIN");
	status = login_argument(l, cv_span_of(l->target->user));
	if (status == CV_OK)
		status = login_argument(l, l->target->password);
	return status == CV_OK ? send_line(l) : status;
}

static int send_login(struct login *l)
{
	const char *mechanism = l->target->mechanism;
	bool master = *l->target->master != '\0';

	if (strcasecmp(mechanism, "PLAIN") == 0)
		return authenticate_plain(l);
	if (master && (*mechanism != '\0' || !l->plain))
		return fail_text(l, CV_E_CONFIG, "the passdb's field master "
				 "needs AUTH=PLAIN there, and proxy_mech PLAIN "
				 "or none; it is", cv_span_of(mechanism));
	if (strcasecmp(mechanism, "LOGIN") == 0)
		return authenticate_login(l);
	if (*mechanism != '\0')
		return fail_text(l, CV_E_CONFIG, "proxy_mech is none of "
				 "PLAIN, LOGIN", cv_span_of(mechanism));
	if (l->plain)
		return authenticate_plain(l);
	if (l->login_disabled)
		return fail_text(l, CV_E_CONFIG, "takes no password without "
				 "TLS: let the passdb return ssl or starttls",
				 CV_SPAN(""));
	return login_command(l);
}

/* [RFC5530 3] what may be another time is none of the user's doing. */
static bool is_temporary(struct cv_span text)
{
	return cv_span_begins_icase(text, CV_SPAN("[UNAVAILABLE]")) ||
		cv_span_begins_icase(text, CV_SPAN("[SERVERBUG]")) ||
		cv_span_begins_icase(text, CV_SPAN("[INUSE]")) ||
		cv_span_begins_icase(text, CV_SPAN("[LIMIT]"));
}

static int refused(struct login *l, struct cv_span text)
{
	struct cv_span shown = text;
	int code = is_temporary(text) ? CV_E_TEMP : CV_E_DENIED;

	/* a code of theirs: ours is chosen by what it means */
	if (shown.len > 0 && shown.data[0] == '[') {
		const char *end = memchr(shown.data, ']', shown.len);

		if (end != NULL)
			shown = cv_span_trim(cv_span_skip(shown,
				(size_t)(end - shown.data) + 1));
	}
	(void)fail_text(l, code, "the login was refused", text);
	cv_api->error_set_client(l->err, "%.*s", shown.len < 200 ?
				(int)shown.len : 200, shown.data);
	return code;
}

/* The client's own tag; more may stand behind it. */
static struct cv_span client_tag(const struct login *l)
{
	struct cv_span rest = l->target->tag, tag;

	return cv_span_split(&rest, ' ', &tag) ? tag : CV_SPAN("*");
}

static int finish(struct login *l, struct cv_text *answer)
{
	struct cv_span word, text;
	int status = answer_of(l, "L", &word, &text);

	if (status != CV_OK)
		return status;
	if (!cv_span_is_icase(word, "OK"))
		return refused(l, text);
	cv_text_append_span(answer, client_tag(l));
	cv_text_append_str(answer, " OK ");
	cv_text_append_span(answer, text.len > 0 ? text :
			    CV_SPAN("Logged in."));
	cv_text_append_str(answer, "\r\n");
	return CV_OK;
}

static int proxy_login(void *state, struct cv_client *far,
		       const struct cv_proxy_target *target,
		       struct cv_text *answer, struct cv_error *err)
{
	struct login l = { .far = far, .target = target, .err = err };
	struct cv_pool *pool = cv_api->pool_create("imap-proxy-login");
	int status;

	(void)state;
	cv_text_init(&l.out, pool);
	cv_text_init(&l.line, pool);
	/* so that nothing is moved, and stays behind where it was */
	cv_api->text_grow(&l.out, LINE_ROOM);
	cv_api->text_grow(&l.line, LINE_ROOM);
	status = greeting(&l);
	if (status == CV_OK)
		status = capabilities(&l);
	if (status == CV_OK)
		status = start_tls(&l);
	if (status == CV_OK)
		status = tell_client(&l);
	if (status == CV_OK)
		status = send_login(&l);
	if (status == CV_OK)
		status = finish(&l, answer);
	wipe(&l.out);
	wipe(&l.line);
	cv_api->pool_destroy(&pool);
	return status;
}

/* [RFC5161 3.1] the one state that a session outside of a mailbox has. */
static int proxy_resume(void *state, struct cv_client *far,
			struct cv_error *err)
{
	struct imap_proxy *p = state;
	struct cv_proxy_target none = { CV_SIZED(cv_proxy_target),
		.host = "again" };
	struct login l = { .far = far, .target = &none, .err = err };
	struct cv_pool *pool;
	int status;

	if (p->enabled[0] == '\0')
		return CV_OK;
	pool = cv_api->pool_create("imap-proxy");
	cv_text_init(&l.out, pool);
	cv_text_append_str(&l.out, "E ENABLE");
	cv_text_append_str(&l.out, p->enabled);
	status = run(&l, "E", "ENABLE was refused");
	cv_api->pool_destroy(&pool);
	return status;
}

const struct cv_proxy_protocol imap_proxy_protocol = {
	CV_SIZED(cv_proxy_protocol),
	.port = 143, .tls_port = 993,
	.state_bytes = sizeof(struct imap_proxy),
	.login = proxy_login,
	.client_sent = imap_proxy_client_sent,
	.server_sent = imap_proxy_server_sent,
	.broken = imap_proxy_broken,
	.resume = proxy_resume,
	.closing = imap_proxy_closing,
	.is_idle = imap_proxy_is_idle,
};
