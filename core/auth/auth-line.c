/* auth-line.c - one line of what other programs say to auth. */
#include "auth-line.h"
#include "ipc/auth-message.h"

#include <stdio.h>

enum { ESCAPE = 1, COOKIE_BYTES = 16, TEXT_MAX = 1024 };

/* --- words ---------------------------------------------------------------- */

/* What may stand in a message to the admin, whatever it was. */
static const char *shown(struct cv_pool *pool, struct cv_span word)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	for (size_t i = 0; i < word.len && i < 32; i++)
		cv_text_append_c(&text, word.data[i] > 0x20 &&
				 word.data[i] < 0x7f ? word.data[i] : '?');
	return cv_text_str(&text);
}

/* False: an escape that is none.  out holds the value then, too. */
static bool unescape(struct cv_text *out, struct cv_span word)
{
	static const char codes[] = "01trn", bytes[] = "\0\1\t\r\n";
	const char *at;

	for (size_t i = 0; i < word.len; i++) {
		if (word.data[i] != ESCAPE) {
			cv_text_append_c(out, word.data[i]);
			continue;
		}
		if (++i == word.len || word.data[i] == '\0' ||
		    (at = strchr(codes, word.data[i])) == NULL)
			return false;
		cv_text_append_c(out, bytes[at - codes]);
	}
	return true;
}

void auth_line_escape(struct cv_text *out, struct cv_span value)
{
	for (size_t i = 0; i < value.len; i++) {
		static const char codes[] = "01trn", bytes[] = "\0\1\t\r\n";
		const char *at = memchr(bytes, value.data[i], 5);

		if (at != NULL) {
			cv_text_append_c(out, ESCAPE);
			cv_text_append_c(out, codes[at - bytes]);
		} else {
			cv_text_append_c(out, value.data[i]);
		}
	}
}

void auth_line_put(struct cv_text *out, const char *name, const char *value)
{
	cv_text_append_c(out, '\t');
	auth_line_escape(out, cv_span_of(name));
	if (value == NULL)
		return;
	cv_text_append_c(out, '=');
	auth_line_escape(out, cv_span_of(value));
}

/* A value without bytes that could be something else further on: in a log, in
 * a key, in a path. */
static bool take_text(struct cv_span word, struct cv_pool *pool,
		      const char **text_r)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	if (word.len > TEXT_MAX || !unescape(&text, word))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.data[i] < 0x20 ||
		    text.data[i] == 0x7f)
			return false;
	}
	*text_r = cv_text_str(&text);
	return true;
}

static bool take_number(struct cv_span *rest, uint32_t *number_r)
{
	struct cv_span word;
	uint64_t number;

	if (!cv_span_split(rest, '\t', &word) ||
	    !cv_span_to_u64(word, UINT32_MAX, &number))
		return false;
	*number_r = (uint32_t)number;
	return true;
}

static bool take_id(struct cv_span *rest, struct auth_line *line)
{
	return take_number(rest, &line->id) && line->id != 0;
}

static void take_data(struct cv_span word, struct cv_pool *pool,
		      struct auth_line *line)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	line->data_is_bad = !base64_decode(&text, word);
	line->has_data = true;
	line->data = text.len == 0 ? CV_SPAN("") : cv_text_span(&text);
}

/* --- name=value ------------------------------------------------------------- */

/* What is no address is as good as none. */
static bool take_ip(struct cv_span value, struct cv_pool *pool,
		    const char **ip_r)
{
	struct settings_ip ip;
	const char *text;

	if (!take_text(value, pool, &text))
		return false;
	if (settings_ip_parse(text, &ip))
		*ip_r = text;
	return true;
}

static bool take_port(struct cv_span value, uint32_t *port_r)
{
	uint64_t number;

	if (cv_span_to_u64(value, UINT16_MAX, &number))
		*port_r = (uint32_t)number;
	return true;
}

static bool take_forward(struct auth_line *line, struct cv_span name,
			 struct cv_span value, struct cv_pool *pool)
{
	const char *text;

	return take_text(value, pool, &text) &&
		auth_reply_set(&line->forward, name, cv_span_of(text));
}

/* "secured" is TLS; "secured=trusted" is not, but as good. */
static void take_secured(struct auth_line *line, struct cv_span value)
{
	line->conn.secure = true;
	if (value.data == NULL || cv_span_is_icase(value, "tls"))
		line->conn.tls = true;
}

/* What a program's client says of itself: any bytes but NUL. */
static bool take_client_id(struct cv_span value, struct cv_pool *pool,
			   const char **text_r)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	if (value.len > AUTH_CLIENT_ID_MAX || !unescape(&text, value) ||
	    memchr(cv_text_str(&text), '\0', text.len) != NULL)
		return false;
	*text_r = cv_text_str(&text);
	return true;
}

/* Unknown ones are for others, or of later versions.  False: malformed. */
static bool take_option(struct auth_line *line, struct cv_span name,
			struct cv_span value, struct cv_pool *pool)
{
	struct conn_info *conn = &line->conn;

	if (cv_span_is(name, "service"))
		return take_text(value, pool, &line->service);
	if (cv_span_is(name, "session"))
		return take_text(value, pool, &line->session_id);
	if (cv_span_is(name, "lip"))
		return take_ip(value, pool, &conn->local_ip);
	if (cv_span_is(name, "rip"))
		return take_ip(value, pool, &conn->remote_ip);
	if (cv_span_is(name, "lport"))
		return take_port(value, &conn->local_port);
	if (cv_span_is(name, "rport"))
		return take_port(value, &conn->remote_port);
	if (cv_span_is(name, "local_name"))
		return take_text(value, pool, &conn->local_name);
	if (cv_span_is(name, "client_id"))
		return take_client_id(value, pool, &line->client_text);
	if (cv_span_is(name, "cert_username"))
		return take_text(value, pool, &conn->cert_name);
	if (cv_span_is(name, "secured"))
		take_secured(line, value);
	else if (cv_span_is(name, "valid-client-cert"))
		conn->cert_valid = true;
	else if (cv_span_is(name, "no-penalty"))
		line->no_penalty = true;
	else if (cv_span_is(name, "final-resp-ok"))
		line->final_resp_ok = true;
	else if (cv_span_begins(name, CV_SPAN("forward_")))
		return take_forward(line, name, value, pool);
	return true;
}

static int take_options(struct auth_line *line, struct cv_span rest,
			struct cv_pool *pool, struct cv_error *err)
{
	struct cv_span word, name, value;

	/* everything behind resp= is ignored: it may come from a user */
	while (!line->has_data && cv_span_split(&rest, '\t', &word)) {
		value = word;
		(void)cv_span_split(&value, '=', &name);
		if (line->command == AUTH_LINE_AUTH && value.data != NULL &&
		    cv_span_is(name, "resp"))
			take_data(value, pool, line);
		else if (!take_option(line, name, value, pool))
			return FAIL(err, CV_E_SYNTAX, "value of %s is "
				    "malformed", shown(pool, name));
	}
	/* without TLS there is no certificate */
	if (line->conn.cert_valid)
		line->conn.secure = line->conn.tls = true;
	return CV_OK;
}

/* --- commands ---------------------------------------------------------------- */

static int parse_version(struct auth_line *line, struct cv_span rest,
			 struct cv_pool *pool, struct cv_error *err)
{
	(void)pool;
	if (!take_number(&rest, &line->major) ||
	    !take_number(&rest, &line->minor))
		return FAIL(err, CV_E_SYNTAX, "broken VERSION");
	if (line->major != AUTH_LINE_MAJOR)
		return FAIL(err, CV_E_SYNTAX, "it speaks version %u of the "
			    "protocol, this server speaks %u", line->major,
			    AUTH_LINE_MAJOR);
	return CV_OK;
}

static int parse_cpid(struct auth_line *line, struct cv_span rest,
		      struct cv_pool *pool, struct cv_error *err)
{
	(void)pool;
	if (!take_number(&rest, &line->pid) || line->pid == 0)
		return FAIL(err, CV_E_SYNTAX, "broken CPID");
	return CV_OK;
}

static int need_service(const struct auth_line *line, struct cv_error *err)
{
	if (line->service[0] == '\0')
		return FAIL(err, CV_E_SYNTAX, "a request without service=");
	return CV_OK;
}

static int parse_auth(struct auth_line *line, struct cv_span rest,
		      struct cv_pool *pool, struct cv_error *err)
{
	struct cv_span word;
	int ret;

	if (!take_id(&rest, line) || !cv_span_split(&rest, '\t', &word) ||
	    word.len == 0 || !take_text(word, pool, &line->mechanism))
		return FAIL(err, CV_E_SYNTAX, "broken AUTH");
	ret = take_options(line, rest, pool, err);
	return ret < 0 ? ret : need_service(line, err);
}

static int parse_cont(struct auth_line *line, struct cv_span rest,
		      struct cv_pool *pool, struct cv_error *err)
{
	struct cv_span word;

	if (!take_id(&rest, line) || !cv_span_split(&rest, '\t', &word))
		return FAIL(err, CV_E_SYNTAX, "broken CONT");
	take_data(word, pool, line);
	return CV_OK;
}

static int parse_cancel(struct auth_line *line, struct cv_span rest,
			struct cv_pool *pool, struct cv_error *err)
{
	(void)pool;
	if (!take_id(&rest, line))
		return FAIL(err, CV_E_SYNTAX, "broken CANCEL");
	return CV_OK;
}

static int parse_user(struct auth_line *line, struct cv_span rest,
		      struct cv_pool *pool, struct cv_error *err)
{
	struct cv_text text;
	struct cv_span word;
	int ret;

	cv_text_init(&text, pool);
	/* what is acceptable in a name is for auth-username to say */
	if (!take_id(&rest, line) || !cv_span_split(&rest, '\t', &word) ||
	    !unescape(&text, word) ||
	    (text.len > 0 && memchr(text.data, '\0', text.len) != NULL))
		return FAIL(err, CV_E_SYNTAX, "broken %s",
			    line->command == AUTH_LINE_USER ? "USER" : "PASS");
	line->user = cv_text_str(&text);
	ret = take_options(line, rest, pool, err);
	return ret < 0 ? ret : need_service(line, err);
}

static int parse_list(struct auth_line *line, struct cv_span rest,
		      struct cv_pool *pool, struct cv_error *err)
{
	if (!take_id(&rest, line))
		return FAIL(err, CV_E_SYNTAX, "broken LIST");
	return take_options(line, rest, pool, err);
}

static int parse_request(struct auth_line *line, struct cv_span rest,
			 struct cv_pool *pool, struct cv_error *err)
{
	struct cv_span word, name;
	struct cv_text cookie;
	uint64_t number;

	cv_text_init(&cookie, pool);
	if (!take_id(&rest, line) || !take_number(&rest, &line->pid) ||
	    !take_number(&rest, &line->client_id) ||
	    !cv_span_split(&rest, '\t', &word) || !hex_decode(&cookie, word) ||
	    cookie.len != COOKIE_BYTES)
		return FAIL(err, CV_E_SYNTAX, "broken REQUEST");
	line->cookie = cv_text_span(&cookie);
	while (cv_span_split(&rest, '\t', &word)) {
		(void)cv_span_split(&word, '=', &name);
		if (!cv_span_is(name, "session_pid"))
			continue;
		if (!cv_span_to_u64(word, UINT32_MAX, &number))
			return FAIL(err, CV_E_SYNTAX, "broken REQUEST");
		line->session_pid = (uint32_t)number;
	}
	return CV_OK;
}

enum { ASKER = 1 << AUTH_LINE_CLIENT | 1 << AUTH_LINE_LOGIN,
	LOOKER = 1 << AUTH_LINE_USERDB | 1 << AUTH_LINE_MASTER };

static const struct command {
	const char *name;
	uint32_t command, roles;	/* bits 1 << enum auth_line_role */
	int (*parse)(struct auth_line *line, struct cv_span rest,
		     struct cv_pool *pool, struct cv_error *err);
} commands[] = {
	{ "VERSION", AUTH_LINE_VERSION, ASKER | LOOKER, parse_version },
	{ "CPID", AUTH_LINE_CPID, ASKER, parse_cpid },
	{ "AUTH", AUTH_LINE_AUTH, ASKER, parse_auth },
	{ "CONT", AUTH_LINE_CONT, ASKER, parse_cont },
	{ "CANCEL", AUTH_LINE_CANCEL, ASKER | LOOKER, parse_cancel },
	{ "USER", AUTH_LINE_USER, LOOKER, parse_user },
	{ "PASS", AUTH_LINE_PASS, LOOKER, parse_user },
	{ "LIST", AUTH_LINE_LIST, LOOKER, parse_list },
	{ "REQUEST", AUTH_LINE_REQUEST, 1 << AUTH_LINE_MASTER,
	  parse_request },
};

int auth_line_parse(uint32_t role, struct cv_span line, struct cv_pool *pool,
		    struct auth_line *line_r, struct cv_error *err)
{
	struct cv_span rest = line, word;

	*line_r = (struct auth_line){
		.mechanism = "", .user = "", .service = "", .session_id = "",
		.data = CV_SPAN(""), .cookie = CV_SPAN(""),
		.conn = { .local_ip = "", .remote_ip = "", .local_name = "",
			  .cert_name = "", .channel_binding = CV_SPAN("") },
	};
	auth_reply_init(&line_r->forward, pool);
	if (line.len > 0 && memchr(line.data, '\0', line.len) != NULL)
		return FAIL(err, CV_E_SYNTAX, "a line with a NUL in it");
	if (!cv_span_split(&rest, '\t', &word))
		word = CV_SPAN("");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *c = &commands[i];

		if (!cv_span_is(word, c->name) || (c->roles & 1u << role) == 0)
			continue;
		line_r->command = c->command;
		return c->parse(line_r, rest, pool, err);
	}
	return FAIL(err, CV_E_SYNTAX, "unknown command '%s'",
		    shown(pool, word));
}

/* --- mechanisms ---------------------------------------------------------------- */

/* Postfix's smtpd_sasl_security_options and the like choose by these words. */
static const struct mechanism {
	const char *name, *words;
	bool tokens;		/* responses may be long */
} mechanisms[] = {
	{ "PLAIN", "plaintext", false },
	{ "LOGIN", "plaintext", false },
	{ "CRAM-MD5", "dictionary\tactive", false },
	{ "DIGEST-MD5", "dictionary\tactive\tmutual-auth", false },
	{ "SCRAM-SHA-1", "mutual-auth", false },
	{ "SCRAM-SHA-256", "mutual-auth", false },
	{ "ANONYMOUS", "anonymous", false },
	{ "EXTERNAL", "", false },
	{ "OTP", "dictionary\tactive", false },
	{ "OAUTHBEARER", "plaintext", true },
	{ "XOAUTH2", "plaintext", true },
	{ "GSSAPI", "", true },
	{ "GSS-SPNEGO", "", true },
};

static const struct mechanism *find_mechanism(struct cv_span name)
{
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]);
	     i++) {
		if (cv_span_is_icase(name, mechanisms[i].name))
			return &mechanisms[i];
	}
	return NULL;
}

const char *auth_line_mechanism(const char *name)
{
	const struct mechanism *m = find_mechanism(cv_span_of(name));
	size_t len = strlen(name), end = strlen("-PLUS");

	if (len > end && strcasecmp(name + len - end, "-PLUS") == 0)
		return NULL;
	/* its challenge is that of a greeting: whoever chooses it himself
	 * can use an answer that he has overheard */
	if (strcasecmp(name, "APOP") == 0)
		return NULL;
	return m != NULL ? m->words : "";
}

size_t auth_line_limit(struct cv_span begin)
{
	struct cv_span rest = begin, word;
	const struct mechanism *m;

	if (!cv_span_split(&rest, '\t', &word))
		return AUTH_LINE_MAX;
	if (cv_span_is(word, "CONT"))
		return AUTH_LINE_TOKEN_MAX;
	if (!cv_span_is(word, "AUTH") || !cv_span_split(&rest, '\t', &word) ||
	    !cv_span_split(&rest, '\t', &word))
		return AUTH_LINE_MAX;
	m = find_mechanism(word);
	return m != NULL && m->tokens ? AUTH_LINE_TOKEN_MAX : AUTH_LINE_MAX;
}
