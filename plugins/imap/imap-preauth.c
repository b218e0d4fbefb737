/* imap-preauth.c - see imap-preauth.h.
 *
 * Everything that arrives is hostile and anonymous: small limits, three wrong
 * commands and the door closes, passwords are wiped from the buffers. */
#include "imap-preauth.h"
#include "imap-capability.h"
#include "imap-extend.h"
#include "imap-id.h"
#include "imap-language.h"
#include "imap-parser.h"

enum {
	BAD_MAX = 3,		/* wrong commands until BYE */
	COMMANDS_MAX = 100,	/* NOOPs do not hold a connection for ever */
	RESPONSE_MAX = 12288,	/* one base64 line of SASL */
};

enum preauth_phase {
	READS_COMMANDS = 0,
	WAITS_FOR_AUTH,		/* input stays where it is */
	READS_RESPONSE,		/* a SASL response [RFC4422 4] */
	WAITS_FOR_TLS,
	CLOSED,
};

struct preauth {
	struct imap_parser parser;
	struct cv_text out;
	struct cv_text line;		/* a reply in its language */
	uint32_t phase, bad, commands;
	uint32_t language;		/* enum imap_language */
	const char *abort_text;	/* why the exchange was ended by us */
	struct cv_text referral;	/* "[REFERRAL url]", or empty */
	char tag[256];
};
const size_t imap_preauth_bytes = sizeof(struct preauth);

static const struct imap_parser_limits preauth_limits = {
	/* [security.md A7-A10] the window of one LOGIN with room to spare */
	.line_max = 8192, .literal_max = 4096, .nonsync_max = 4096,
	.tokens_max = 80, .depth_max = 1,
};

static const struct imap_settings *settings_of(struct cv_preauth *p)
{
	return imap_preauth_api->settings(p, imap_self);
}

static void say(struct cv_preauth *p, const char *text)
{
	imap_preauth_api->send(p, text, strlen(text));
}

/* OK, NO or BAD, and a text for people. */
static void respond(struct cv_preauth *p, struct preauth *me, const char *tag,
		    const char *text)
{
	size_t word = strcspn(text, " ") + 1;

	cv_text_reset(&me->line);
	cv_text_append_str(&me->line, tag);
	cv_text_append_c(&me->line, ' ');
	cv_text_append(&me->line, text, word);
	imap_language_append(&me->line, me->language, cv_span_of(text + word));
	cv_text_append_str(&me->line, "\r\n");
	imap_preauth_api->send(p, me->line.data, me->line.len);
}

static void reply(struct cv_preauth *p, struct preauth *me, const char *text)
{
	respond(p, me, me->tag, text);
}

static void close_now(struct cv_preauth *p, struct preauth *me,
		      const char *bye, const char *reason)
{
	if (*bye != '\0')
		respond(p, me, "*", bye);
	me->phase = CLOSED;
	imap_preauth_api->close(p, reason);
}

static void bad(struct cv_preauth *p, struct preauth *me, const char *why)
{
	cv_text_reset(&me->out);
	cv_text_append_str(&me->out, "BAD ");
	cv_text_append_str(&me->out, why);
	reply(p, me, cv_text_str(&me->out));
	if (++me->bad >= BAD_MAX)
		close_now(p, me, "BYE Too many invalid IMAP commands.",
			  "too many invalid commands");
}

static void send_capability(struct cv_preauth *p, struct preauth *me,
			    const char *before, const char *after)
{
	cv_text_reset(&me->out);
	cv_text_append_str(&me->out, before);
	imap_capability_preauth(&me->out, p, settings_of(p));
	cv_text_append_str(&me->out, after);
	imap_preauth_api->send(p, me->out.data, me->out.len);
}

/* out held what may be a password. */
static void out_wipe(struct preauth *me)
{
	if (me->out.room > 0)
		explicit_bzero(me->out.data, me->out.room);
}

static bool arguments_none(struct preauth *me)
{
	return me->parser.arg_count == 0;
}

/* --- the commands --------------------------------------------------------- */

static void cmd_capability(struct cv_preauth *p, struct preauth *me)
{
	if (!arguments_none(me)) {
		bad(p, me, "Unexpected arguments");
		return;
	}
	send_capability(p, me, "* CAPABILITY ", "\r\n");
	reply(p, me, "OK Capability completed.");
}

/* [RFC3501 6.1.2] takes no arguments; junk is refused, not ignored. */
static void cmd_noop(struct cv_preauth *p, struct preauth *me)
{
	if (!arguments_none(me))
		bad(p, me, "Unexpected arguments");
	else
		reply(p, me, "OK NOOP completed.");
}

static void cmd_logout(struct cv_preauth *p, struct preauth *me)
{
	if (!arguments_none(me)) {
		bad(p, me, "Unexpected arguments");
		return;
	}
	respond(p, me, "*", "BYE Logging out");
	reply(p, me, "OK Logout completed.");
	close_now(p, me, "", "logged out");
}

/* Of a proxy in front of us.  Others may say what they like: it is not
 * believed, and they are not told. */
static void take_origin(struct cv_preauth *p, struct preauth *me)
{
	struct cv_preauth_origin origin;

	if (CV_HAS(imap_preauth_api, set_origin) &&
	    imap_id_origin(imap_parser_args(&me->parser),
			   imap_preauth_api->pool(p), &origin))
		(void)imap_preauth_api->set_origin(p, &origin);
}

static void cmd_id(struct cv_preauth *p, struct preauth *me)
{
	const struct imap_settings *set = settings_of(p);
	const char *why;

	cv_text_reset(&me->out);
	why = imap_id_parse(imap_parser_args(&me->parser), set, &me->out);
	if (why != NULL) {
		bad(p, me, why);
		return;
	}
	if (me->out.len > 0)
		imap_preauth_api->set_client_id(p, cv_text_span(&me->out));
	take_origin(p, me);
	cv_text_reset(&me->out);
	imap_id_reply(&me->out, set);
	imap_preauth_api->send(p, me->out.data, me->out.len);
	reply(p, me, "OK ID completed.");
}

static void cmd_starttls(struct cv_preauth *p, struct preauth *me)
{
	if (!arguments_none(me)) {
		bad(p, me, "Unexpected arguments");
	} else if (imap_preauth_api->tls_active(p)) {
		bad(p, me, "TLS is already active.");
	} else if (!imap_preauth_api->tls_available(p)) {
		bad(p, me, "TLS support isn't enabled.");
	} else {
		reply(p, me, "OK Begin TLS negotiation now.");
		me->phase = WAITS_FOR_TLS;
		imap_preauth_api->starttls(p);
	}
}

/* [RFC5255 3.2] valid in all states, and the session goes on with it. */
static void cmd_language(struct cv_preauth *p, struct preauth *me)
{
	uint32_t language = IMAP_LANGUAGES;
	enum imap_language_answer answer =
		imap_language_choose(imap_parser_args(&me->parser),
				     settings_of(p)->imap_language, &language);

	if (answer == IMAP_LANGUAGE_BAD) {
		bad(p, me, "Invalid arguments");
		return;
	}
	if (answer == IMAP_LANGUAGE_NONE) {
		reply(p, me, "NO This language is not supported.");
		return;
	}
	cv_text_reset(&me->out);
	imap_language_tell(&me->out, language);
	imap_preauth_api->send(p, me->out.data, me->out.len);
	if (answer == IMAP_LANGUAGE_SET)
		me->language = language;
	reply(p, me, answer == IMAP_LANGUAGE_SET ?
	      "OK Now speaking this language." :
	      "OK Supported languages have been enumerated.");
}

static bool is_astring(const struct imap_arg *arg)
{
	return arg != NULL && arg->type != IMAP_LIST;
}

/* Unless the tag leaves no room for it. */
static void add_word(struct preauth *me, struct cv_span word)
{
	if (me->line.len + 1 + word.len >= sizeof(me->tag))
		return;
	cv_text_append_c(&me->line, ' ');
	cv_text_append_span(&me->line, word);
}

/* The tag, the language where it is another than that of a new session, and
 * where else the mail is. */
static struct cv_span session_tag(struct preauth *me)
{
	bool refers = me->referral.len > 0;

	cv_text_reset(&me->line);
	cv_text_append_str(&me->line, me->tag);
	if (me->language != IMAP_LANGUAGE_DEFAULT || refers)
		add_word(me, cv_span_of(imap_language_names[me->language]));
	if (refers)
		add_word(me, cv_text_span(&me->referral));
	return cv_text_span(&me->line);
}

/* The session answers the command; before that there is nothing to say. */
static void offer(struct cv_preauth *p, struct preauth *me)
{
	/* of the attempt before */
	cv_text_reset(&me->referral);
	if (CV_HAS(imap_preauth_api, offer))
		imap_preauth_api->offer(p, session_tag(me));
}

static void cmd_login(struct cv_preauth *p, struct preauth *me)
{
	struct imap_args args = imap_parser_args(&me->parser);
	const struct imap_arg *user = imap_args_next(&args);
	const struct imap_arg *password = imap_args_next(&args);

	if (!is_astring(user) || !is_astring(password) ||
	    imap_args_peek(&args) != NULL) {
		bad(p, me, "Invalid arguments");
	} else if (imap_preauth_api->plaintext_refused(p)) {
		/* [RFC3501 6.2.3], [RFC5530 3] PRIVACYREQUIRED */
		reply(p, me, "NO [PRIVACYREQUIRED] Plaintext authentication "
		      "disallowed on non-secure (SSL/TLS) connections.");
	} else {
		me->phase = WAITS_FOR_AUTH;
		offer(p, me);
		imap_preauth_api->auth_password(p, user->text,
						password->text);
	}
}

static bool mechanism_find(struct cv_preauth *p, struct cv_span wanted,
			   const char **name_r)
{
	for (uint32_t i = 0; imap_preauth_api->mechanism(p, i, name_r) ==
	     CV_OK; i++) {
		if (cv_span_is_icase(wanted, *name_r))
			return true;
	}
	return false;
}

/* [RFC4959 3] the initial response; "=" is an empty one. */
static bool initial_decode(struct preauth *me, const struct imap_arg *arg,
			   struct cv_span *data_r)
{
	*data_r = CV_SPAN_NONE;
	if (arg == NULL)
		return true;
	if (arg->type != IMAP_ATOM)
		return false;
	*data_r = CV_SPAN("");
	if (cv_span_is(arg->text, "="))
		return true;
	cv_text_reset(&me->out);
	if (!cv_api->base64_decode(&me->out, arg->text))
		return false;
	*data_r = cv_text_span(&me->out);
	return true;
}

static void cmd_authenticate(struct cv_preauth *p, struct preauth *me)
{
	struct imap_args args = imap_parser_args(&me->parser);
	const struct imap_arg *mechanism = imap_args_next(&args);
	const struct imap_arg *initial = imap_args_next(&args);
	struct cv_span data;
	const char *name;

	if (mechanism == NULL || mechanism->type != IMAP_ATOM ||
	    imap_args_peek(&args) != NULL) {
		bad(p, me, "Invalid arguments");
	} else if (!mechanism_find(p, mechanism->text, &name)) {
		if (imap_preauth_api->plaintext_refused(p) &&
		    (cv_span_is_icase(mechanism->text, "PLAIN") ||
		     cv_span_is_icase(mechanism->text, "LOGIN")))
			reply(p, me, "NO [PRIVACYREQUIRED] Plaintext "
			      "authentication disallowed on non-secure "
			      "(SSL/TLS) connections.");
		else
			reply(p, me, "NO Unsupported authentication "
			      "mechanism.");
	} else if (!initial_decode(me, initial, &data)) {
		bad(p, me, "Invalid base64 data in initial response");
	} else {
		me->phase = WAITS_FOR_AUTH;
		offer(p, me);
		imap_preauth_api->auth_begin(p, name, data);
		out_wipe(me);
	}
}

static const struct {
	const char *name;
	void (*run)(struct cv_preauth *p, struct preauth *me);
} commands[] = {
	{ "AUTHENTICATE", cmd_authenticate },
	{ "CAPABILITY", cmd_capability },
	{ "ID", cmd_id },
	{ "LANGUAGE", cmd_language },
	{ "LOGIN", cmd_login },
	{ "LOGOUT", cmd_logout },
	{ "NOOP", cmd_noop },
	{ "STARTTLS", cmd_starttls },
};

/* --- input ---------------------------------------------------------------- */

static void tag_copy(struct preauth *me)
{
	struct cv_span tag = imap_parser_tag(&me->parser);

	if (tag.len == 0 || tag.len >= sizeof(me->tag))
		tag = CV_SPAN("*");
	memcpy(me->tag, tag.data, tag.len);
	me->tag[tag.len] = '\0';
}

/* Plugins may refuse it.  True: it was answered. */
static bool is_refused(struct cv_preauth *p, struct preauth *me,
		       struct cv_span verb)
{
	struct cv_pool *pool;
	const char *refusal;

	if (imap_extended()->extender_count == 0)
		return false;
	pool = cv_api->pool_create("imap before login");
	refusal = imap_extend_before_login(p, pool, verb,
					   imap_parser_args(&me->parser));
	if (refusal != NULL)
		reply(p, me, refusal);
	cv_api->pool_destroy(&pool);
	return refusal != NULL;
}

static void command_run(struct cv_preauth *p, struct preauth *me)
{
	struct cv_span verb = imap_parser_verb(&me->parser);

	if (++me->commands > COMMANDS_MAX) {
		close_now(p, me, "BYE Too many commands before login.",
			  "too many commands before login");
		return;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (cv_span_is_icase(verb, commands[i].name)) {
			if (!is_refused(p, me, cv_span_of(commands[i].name)))
				commands[i].run(p, me);
			return;
		}
	}
	bad(p, me, "Unknown command or not allowed before login.");
}

/* A SASL response: one line; "*" aborts [RFC3501 6.2.2].  Stays in core's
 * window until it is whole. */
static size_t response_input(struct cv_preauth *p, struct preauth *me,
			     struct cv_span in)
{
	const char *lf = memchr(in.data, '\n', in.len);
	struct cv_span line;
	size_t used;

	if (lf == NULL) {
		if (in.len > RESPONSE_MAX)
			close_now(p, me, "BYE Response is too long.",
				  "SASL response is too long");
		return 0;
	}
	used = (size_t)(lf - in.data) + 1;
	line = cv_span(in.data, used - 1);
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	me->phase = WAITS_FOR_AUTH;
	cv_text_reset(&me->out);
	if (cv_span_is(line, "*")) {
		imap_preauth_api->auth_abort(p);
	} else if (!cv_api->base64_decode(&me->out, line)) {
		/* [RFC3501 6.2.2] BAD: invalid base64 */
		me->abort_text = "Invalid base64 data in continued response";
		imap_preauth_api->auth_abort(p);
	} else {
		imap_preauth_api->auth_continue(p, cv_text_span(&me->out));
	}
	out_wipe(me);
	return used;
}

static size_t command_input(struct cv_preauth *p, struct preauth *me,
			    struct cv_span in)
{
	size_t used;

	switch (imap_parser_feed(&me->parser, in, &used)) {
	case IMAP_PARSE_CONTINUE:
		say(p, "+ OK\r\n");
		return used;
	case IMAP_PARSE_DONE:
		tag_copy(me);
		command_run(p, me);
		break;
	case IMAP_PARSE_ERROR:
		tag_copy(me);
		bad(p, me, me->parser.error);
		break;
	case IMAP_PARSE_FATAL:
		tag_copy(me);
		me->bad = BAD_MAX;
		bad(p, me, me->parser.error);
		break;
	default:		/* MORE, VERB: go on */
		return used;
	}
	imap_parser_wipe(&me->parser);
	return used;
}

/* [RFC8437 3] all but TLS begins anew, and the client knows where it is. */
void imap_preauth_resumed(struct cv_preauth *p)
{
	struct preauth *me = imap_preauth_api->state(p);

	imap_parser_init(&me->parser, imap_preauth_api->pool(p),
			 &preauth_limits);
	cv_text_init(&me->out, imap_preauth_api->pool(p));
	cv_text_init(&me->line, imap_preauth_api->pool(p));
	cv_text_init(&me->referral, imap_preauth_api->pool(p));
}

void imap_preauth_connected(struct cv_preauth *p)
{
	struct preauth *me = imap_preauth_api->state(p);

	imap_preauth_resumed(p);
	/* [RFC3501 7.1] the greeting carries the capabilities */
	send_capability(p, me, "* OK [CAPABILITY ", "] ");
	say(p, imap_preauth_api->greeting(p));
	say(p, "\r\n");
}

size_t imap_preauth_input(struct cv_preauth *p, struct cv_span in)
{
	struct preauth *me = imap_preauth_api->state(p);
	size_t used = 0, more;

	while (used < in.len) {
		struct cv_span rest = cv_span_skip(in, used);

		if (me->phase == CLOSED)
			return in.len;
		/* after STARTTLS the rest is core's to refuse */
		if (me->phase == WAITS_FOR_AUTH || me->phase == WAITS_FOR_TLS)
			break;
		if (me->phase == READS_RESPONSE)
			more = response_input(p, me, rest);
		else
			more = command_input(p, me, rest);
		used += more;
		if (more == 0)
			break;
	}
	return used;
}

void imap_preauth_challenge(struct cv_preauth *p, struct cv_span data)
{
	struct preauth *me = imap_preauth_api->state(p);

	cv_text_reset(&me->out);
	cv_text_append_str(&me->out, "+ ");
	cv_api->base64_encode(&me->out, data.data, data.len);
	cv_text_append_str(&me->out, "\r\n");
	imap_preauth_api->send(p, me->out.data, me->out.len);
	me->phase = READS_RESPONSE;
}

/* [RFC5092 11] unreserved and sub-delims-sh, with ":" and "@" nowhere; all
 * else is encoded. */
static void append_encoded(struct cv_text *dst, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = (c >= '0' && c <= '9') ||
			(c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			strchr("-._~!$'()*+,&=", c) != NULL;

		if (plain) {
			cv_text_append_c(dst, (char)c);
			continue;
		}
		cv_text_append_c(dst, '%');
		cv_text_append_c(dst, digits[c >> 4]);
		cv_text_append_c(dst, digits[c & 15]);
	}
}

/* [RFC5092 11] a host name, an IPv4 address, or an IP-literal. */
static bool host_valid(const char *host)
{
	return host[strspn(host, "abcdefghijklmnopqrstuvwxyz"
			   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:[]")] ==
		'\0';
}

/* [RFC2221 5] "imap://user;AUTH=*@host:port/" in the way that a session tag
 * has it: a blank would end it.  AUTH=*: so that nobody falls back to being
 * anonymous [RFC2221 3]. */
static void set_referral(struct preauth *me,
			 const struct cv_auth_outcome *outcome)
{
	struct cv_text *url = &me->referral;
	bool ipv6;

	cv_text_reset(url);
	if (!CV_HAS(outcome, referral_port) ||
	    outcome->referral_host == NULL ||
	    outcome->referral_host[0] == '\0' ||
	    !host_valid(outcome->referral_host))
		return;
	ipv6 = strchr(outcome->referral_host, ':') != NULL &&
		outcome->referral_host[0] != '[';
	cv_text_append_str(url, "imap://");
	append_encoded(url, outcome->referral_user);
	cv_text_append_str(url, ipv6 ? ";AUTH=*@[" : ";AUTH=*@");
	cv_text_append_str(url, outcome->referral_host);
	if (ipv6)
		cv_text_append_c(url, ']');
	if (outcome->referral_port != 0 && outcome->referral_port != 143) {
		cv_text_append_c(url, ':');
		cv_text_append_u64(url, outcome->referral_port);
	}
	cv_text_append_c(url, '/');
}

static const char *failure_code(uint32_t fail)
{
	switch (fail) {		/* [RFC5530 3] */
	case CV_AUTH_FAIL_TEMP:
		return "NO [UNAVAILABLE] Temporary authentication failure.";
	case CV_AUTH_FAIL_EXPIRED:
		return "NO [EXPIRED] Password expired.";
	case CV_AUTH_FAIL_DISABLED:
		return "NO [AUTHORIZATIONFAILED] Account is disabled.";
	case CV_AUTH_FAIL_PRIVACY:
		return "NO [PRIVACYREQUIRED] Plaintext authentication "
			"disallowed on non-secure (SSL/TLS) connections.";
	case CV_AUTH_FAIL_LIMIT:
		return "NO [LIMIT] Maximum number of connections exceeded.";
	case CV_AUTH_FAIL_MECHANISM:
		return "NO Unsupported authentication mechanism.";
	case CV_AUTH_FAIL_ABORTED:
		return "BAD Authentication aborted by client.";
	case CV_AUTH_FAIL_SYNTAX:
		return "BAD Invalid authentication response.";
	default:
		return "NO [AUTHENTICATIONFAILED] Authentication failed.";
	}
}

/* The server's own words behind the code: printable ASCII only. */
static void failure_text(struct cv_text *dst, const char *line,
			 const char *text)
{
	const char *code_end = strchr(line, ']');

	if (text == NULL || *text == '\0') {
		cv_text_append_str(dst, line);
		return;
	}
	if (code_end != NULL)
		cv_text_append(dst, line, (size_t)(code_end - line) + 1);
	else
		cv_text_append(dst, line, line[0] == 'B' ? 3 : 2);
	cv_text_append_c(dst, ' ');
	for (; *text != '\0'; text++) {
		if (*text >= ' ' && *text < 0x7f)
			cv_text_append_c(dst, *text);
	}
}

void imap_preauth_done(struct cv_preauth *p,
		       const struct cv_auth_outcome *outcome)
{
	struct preauth *me = imap_preauth_api->state(p);

	if (me->phase == CLOSED)
		return;
	set_referral(me, outcome);
	if (outcome->status == CV_OK) {
		me->phase = WAITS_FOR_AUTH;
		imap_preauth_api->hand_off(p, session_tag(me));
		return;
	}
	me->phase = READS_COMMANDS;
	if (me->abort_text != NULL) {
		bad(p, me, me->abort_text);
		me->abort_text = NULL;
		return;
	}
	cv_text_reset(&me->out);
	if (me->referral.len > 0) {
		/* [RFC2221 4.1] */
		cv_text_append_str(&me->out, "NO [REFERRAL ");
		cv_text_append_span(&me->out, cv_text_span(&me->referral));
		failure_text(&me->out, "] Try this server instead.",
			     outcome->text);
	} else {
		failure_text(&me->out, failure_code(outcome->fail),
			     outcome->text);
	}
	reply(p, me, cv_text_str(&me->out));
}

void imap_preauth_tls_started(struct cv_preauth *p)
{
	struct preauth *me = imap_preauth_api->state(p);

	me->abort_text = NULL;
	/* [RFC3501 6.2.1] knowledge from before is discarded */
	imap_parser_wipe(&me->parser);
	me->phase = READS_COMMANDS;
	me->bad = 0;
	/* [RFC5255 3.1] */
	me->language = IMAP_LANGUAGE_DEFAULT;
}

void imap_preauth_closing(struct cv_preauth *p, bool timeout)
{
	struct preauth *me = imap_preauth_api->state(p);

	respond(p, me, "*", timeout ? "BYE Disconnected for inactivity." :
		"BYE Server shutting down.");
}
