/* auth-exchange.c - one SASL exchange. */
#include "auth-exchange.h"
#include "auth-forward.h"
#include "auth-mechanism.h"
#include "auth-penalty.h"
#include "auth-policy.h"
#include "password-scheme.h"
#include "auth-credentials.h"
#include "ipc/channel-binding.h"

#include <event2/event.h>
#include <openssl/evp.h>

enum { DELAY_UNTIL_MAX_SECS = 300, TARPIT_MAX_SECS = 300 };

enum exchange_stage {
	EXCHANGE_PENALTY, EXCHANGE_STEP, EXCHANGE_CLIENT, EXCHANGE_DATABASE,
	EXCHANGE_TARPIT, EXCHANGE_ANSWER, EXCHANGE_OK, EXCHANGE_FAILED,
};

struct auth_exchange {
	struct auth *auth;
	struct auth_request *request;
	uint32_t id;
	uint32_t stage;			/* enum exchange_stage */
	const struct cv_mechanism *mech;
	void *state;
	struct cv_mechanism_io io;
	struct cv_text out;
	struct cv_span bindings;	/* see channel-binding.h */
	struct cv_span last_in;		/* the client's last response */
	auth_exchange_fn *answer;
	void *context;
	struct event *timer;
	uint32_t penalty_id;
	int asking;			/* what for: _VERIFY, _CREDENTIALS */
	bool outside, no_penalty;	/* auth_exchange_set_outside */
	bool last_words;		/* what was sent only has to be
					 * acknowledged: then the end is told */
	uint32_t fail_why;		/* enum cv_auth_fail; 0: it succeeded */
	const char *fail_reason;
	bool storing;			/* CV_MECHANISM_STORE is on its way */
	bool forwarded;			/* the mail is on another server */

	/* the policy server */
	struct auth_policy_ask *policy;	/* NULL: is not asked just now */
	const char *client_id;
	bool policy_before, policy_after;	/* has been asked */
	bool policy_refused, policy_reported;

	uint32_t pending;		/* type of the answer to be sent */
	struct auth_answer next_answer;
};

uint32_t auth_fail_reason(int result)
{
	switch (result) {
	case CV_AUTH_DISABLED: return CV_AUTH_FAIL_DISABLED;
	case CV_AUTH_EXPIRED: return CV_AUTH_FAIL_EXPIRED;
	case CV_E_LIMIT: return CV_AUTH_FAIL_LIMIT;
	}
	return result < 0 ? CV_AUTH_FAIL_TEMP : CV_AUTH_FAIL_CREDENTIALS;
}

/* One shot in so many milliseconds; 0: when the caller has returned, in the
 * same round of the event loop. */
static void arm(struct auth_exchange *x, uint64_t msecs)
{
	struct timeval wait = {
		.tv_sec = (time_t)(msecs / 1000),
		.tv_usec = (suseconds_t)(msecs % 1000 * 1000),
	};

	if (msecs == 0)
		event_active(x->timer, EV_TIMEOUT, 0);
	else
		event_add(x->timer, &wait);
}

static void answer_in(struct auth_exchange *x, uint32_t type, uint64_t msecs)
{
	x->pending = type;
	x->next_answer.id = x->id;
	x->stage = EXCHANGE_ANSWER;
	arm(x, msecs);
}

/* What stands for a user name in the line about a failure: nothing in it can
 * look like another field to a reader of the log. */
static const char *log_user(const struct auth_exchange *x)
{
	const char *user = x->request->input.original_user;
	struct cv_text text;

	cv_text_init(&text, x->request->pool);
	for (; *user != '\0' && text.len < 128; user++) {
		cv_text_append_c(&text, (unsigned char)*user > 0x20 &&
				 *user != 0x7f && strchr("<>,=\"\\", *user) ==
				 NULL ? *user : '?');
	}
	return cv_text_str(&text);
}

/* auth_verbose_passwords: no, plain, sha1, each with a length. */
static const char *log_password(const struct auth_exchange *x)
{
	struct cv_span rest = cv_span_of(x->auth->set.auth_verbose_passwords);
	struct cv_span kind, password = x->io.password;
	unsigned char digest[EVP_MAX_MD_SIZE];
	uint64_t max = 64;
	struct cv_text text;

	if (password.data == NULL || !cv_span_split(&rest, ':', &kind) ||
	    cv_span_is(kind, "no") || kind.len == 0)
		return "";
	if (rest.data != NULL && !cv_span_to_u64(rest, 64, &max))
		max = 0;
	cv_text_init(&text, x->request->pool);
	if (cv_span_is(kind, "sha1")) {
		(void)EVP_Digest(password.data, password.len, digest, NULL,
				 EVP_sha1(), NULL);
		hex_encode(&text, digest, 20);
	} else if (cv_span_is(kind, "plain") || cv_span_is(kind, "yes")) {
		cv_text_append_span(&text, password);
	}
	return pool_printf(x->request->pool, ", given=%.*s",
			   (int)(text.len < max ? text.len : max),
			   cv_text_str(&text));
}

static void log_failure(struct auth_exchange *x, const char *reason)
{
	const struct cv_auth_input *in = &x->request->input;

	log_info("auth", "authentication failed: user=<%s>, method=%s, "
		 "service=%s, rip=%s, lip=%s, session=<%s>, reason=%s%s",
		 log_user(x), in->mechanism, in->service, in->remote_ip,
		 in->local_ip, in->session_id, reason, log_password(x));
}

/* Once, and only when it is known whom it was about. */
static void report(struct auth_exchange *x, bool success)
{
	const struct auth_settings *set = &x->auth->set;

	if (x->policy_reported || !auth_policy_is_on(set) ||
	    !set->auth_policy_report_after_auth ||
	    x->request->original_login == NULL)
		return;
	x->policy_reported = true;
	/* a name that was refused is not told, and a hash without it would
	 * be that of the password alone */
	auth_policy_report(x->request, x->request->input.user[0] == '\0' ?
			   CV_SPAN("") : x->io.password, x->client_id,
			   success, x->policy_refused);
}

/* The end, in the client's eyes after a while. */
static void fail(struct auth_exchange *x, uint32_t why, const char *reason)
{
	uint64_t delay = x->auth->set.auth_failure_delay;
	bool credentials = why == CV_AUTH_FAIL_CREDENTIALS ||
		why == CV_AUTH_FAIL_DISABLED || why == CV_AUTH_FAIL_EXPIRED;

	if (credentials && x->auth->penalty != NULL && !x->no_penalty) {
		auth_penalty_add(x->auth->penalty, x->request->input.remote_ip,
				 x->io.user, x->io.password.data != NULL ?
				 x->io.password : x->last_in);
	}
	log_failure(x, reason);
	report(x, false);
	if (!credentials ||
	    auth_reply_is_true(&x->request->fields, "nodelay"))
		delay = 0;
	x->next_answer.fail = why;
	answer_in(x, AUTH_MSG_FAIL, delay);
}

static uint64_t success_delay(struct auth_exchange *x)
{
	const char *text = auth_reply_get(&x->request->fields, "delay_until");
	struct cv_span time_text = cv_span_of(text), rest;
	uint64_t until;
	int64_t wait;

	rest = time_text;
	if (text == NULL || !cv_span_split(&rest, '+', &time_text) ||
	    !cv_span_to_u64(time_text, INT64_MAX, &until))
		return 0;
	wait = (int64_t)until - time_now();
	if (wait <= 0)
		return 0;
	return (uint64_t)(wait > DELAY_UNTIL_MAX_SECS ? DELAY_UNTIL_MAX_SECS :
			  wait) * 1000;
}

/* host without proxy: the client may go there itself. */
static bool has_referral(struct auth_exchange *x)
{
	const struct cv_auth_reply *fields = &x->request->fields;
	const char *host = auth_reply_get(fields, "host");
	const char *user = auth_reply_get(fields, "destuser");
	const char *port = auth_reply_get(fields, "port");
	uint64_t number = 0;

	if (host == NULL || *host == '\0' ||
	    auth_reply_is_true(fields, "proxy") ||
	    auth_reply_is_true(fields, "proxy_maybe"))
		return false;
	if (port != NULL &&
	    !cv_span_to_u64(cv_span_of(port), UINT16_MAX, &number)) {
		log_error("auth", "%s: port: '%s' is no port",
			  auth_request_name(x->request), port);
		return false;
	}
	x->next_answer.referral_host = host;
	x->next_answer.referral_user = user != NULL && *user != '\0' ? user :
		x->request->input.user;
	x->next_answer.referral_port = (uint32_t)number;
	return true;
}

/* Nobody who has not proved to be the user learns where the mail is: the
 * password was right, and so this is no failure of the client's. */
static void refer(struct auth_exchange *x)
{
	log_info("auth", "%s: referred to %s", auth_request_name(x->request),
		 x->next_answer.referral_host);
	if (x->auth->penalty != NULL)
		auth_penalty_reset(x->auth->penalty,
				   x->request->input.remote_ip, x->io.user);
	x->next_answer.fail = CV_AUTH_FAIL_DISABLED;
	answer_in(x, AUTH_MSG_FAIL, 0);
}

/* A token or a proof is none. */
static struct cv_span password_of(const struct auth_exchange *x)
{
	return strcmp(x->mech->name, "PLAIN") == 0 ||
		strcmp(x->mech->name, "LOGIN") == 0 ? x->io.password :
		CV_SPAN("");
}

static void policy_refuses(struct auth_exchange *x,
			   const struct auth_policy_verdict *verdict)
{
	x->policy_refused = true;
	x->next_answer.text = verdict->message;
	fail(x, CV_AUTH_FAIL_CREDENTIALS, "refused by the policy server");
}

static void succeed(struct auth_exchange *x);

/* A delay is for the first check: this one would tell that the password was
 * right. */
static void policy_said_after(void *context,
			      const struct auth_policy_verdict *verdict)
{
	struct auth_exchange *x = context;

	x->policy = NULL;
	if (verdict->refused)
		policy_refuses(x, verdict);
	else
		succeed(x);
}

/* False: the server is asked, and succeed is called again. */
static bool policy_agrees(struct auth_exchange *x)
{
	const struct auth_settings *set = &x->auth->set;

	if (!x->policy_after && auth_policy_is_on(set) &&
	    set->auth_policy_check_after_auth) {
		x->policy_after = true;
		x->stage = EXCHANGE_DATABASE;
		x->policy = auth_policy_check(x->request, x->io.password,
					      x->client_id,
					      policy_said_after, x);
		return false;
	}
	report(x, true);
	return true;
}

static void succeed(struct auth_exchange *x)
{
	const struct cv_auth_reply *fields = &x->request->fields;
	const char *reason = auth_reply_get(fields, "reason");
	bool referred = !x->outside && has_referral(x);
	struct cv_error err = ERROR_NONE;

	if (!policy_agrees(x))
		return;
	if (referred && reason != NULL)
		x->next_answer.text = reason;
	if (referred && auth_reply_is_true(fields, "nologin")) {
		refer(x);
		return;
	}
	/* other programs go there themselves */
	if (!x->outside &&
	    auth_forward_wanted(x->request, password_of(x), &x->forwarded,
				&err) != CV_OK) {
		log_error("auth", "%s: %s", auth_request_name(x->request),
			  err.text);
		fail(x, CV_AUTH_FAIL_TEMP, "proxy");
		return;
	}
	/* not here, but there */
	if (!x->outside && !x->forwarded &&
	    auth_reply_is_true(fields, "nologin")) {
		x->next_answer.text = reason != NULL ? reason :
			"Login is not allowed for now.";
		fail(x, CV_AUTH_FAIL_DISABLED, "nologin");
		return;
	}
	if (x->auth->penalty != NULL)
		auth_penalty_reset(x->auth->penalty,
				   x->request->input.remote_ip, x->io.user);
	x->next_answer.user = x->request->input.user;
	answer_in(x, AUTH_MSG_OK, success_delay(x));
}

static const char *result_text(int result)
{
	switch (result) {
	case CV_AUTH_UNKNOWN_USER: return "unknown user";
	case CV_AUTH_MISMATCH: return "password mismatch";
	case CV_AUTH_DISABLED: return "user is disabled";
	case CV_AUTH_EXPIRED: return "password has expired";
	}
	return "internal failure";
}

/* [RFC5530 3] whoever has not shown a password learns nothing of the account
 * (AUTHENTICATIONFAILED); other programs are told, and do the same. */
static uint32_t fail_reason(const struct auth_exchange *x, int result)
{
	return x->request->on_deny_list && !x->outside ?
		CV_AUTH_FAIL_CREDENTIALS : auth_fail_reason(result);
}

/* Sends data whose answer is not looked at, before the end is told. */
static void say_last_words(struct auth_exchange *x, struct cv_span data,
			   uint32_t why, const char *reason)
{
	x->last_words = true;
	x->fail_why = why;
	x->fail_reason = reason;
	x->next_answer.data = data;
	answer_in(x, AUTH_MSG_CHALLENGE, 0);
}

/* [RFC4422 3.6] the client's answer to additional data with success is
 * empty. */
static void end_now(struct auth_exchange *x)
{
	x->next_answer.data = CV_SPAN_NONE;
	if (x->fail_why != 0)
		fail(x, x->fail_why, x->fail_reason);
	else if (x->io.in.len > 0)
		fail(x, CV_AUTH_FAIL_SYNTAX, "an answer to the final data");
	else
		succeed(x);
}

static void verified(struct auth_request *request, int result)
{
	struct auth_exchange *x = request->context;

	if (result == CV_AUTH_OK) {
		succeed(x);
		return;
	}
	x->next_answer.text = request->fail_text;
	if (x->io.fail_data.len > 0 && result > 0)
		say_last_words(x, request->fail_data[0] == '\0' ?
			       x->io.fail_data : cv_span_of(request->fail_data),
			       fail_reason(x, result), result_text(result));
	else
		fail(x, fail_reason(x, result), result_text(result));
}

/* The names the mechanism has found out; false: they are not acceptable and
 * the exchange is failing. */
static bool set_user(struct auth_exchange *x)
{
	struct cv_error err = ERROR_NONE;
	const char *cert = x->request->input.cert_name;

	if (x->auth->set.auth_ssl_username_from_cert) {
		if (!x->request->input.cert_valid || cert[0] == '\0') {
			fail(x, CV_AUTH_FAIL_CREDENTIALS,
			     "no user name in a client certificate");
			return false;
		}
		x->io.user = cv_span_of(cert);
	}
	if (auth_request_set_user(x->request, x->io.user, x->io.authzid,
				  &err) < 0) {
		fail(x, err.code == CV_E_DENIED ? CV_AUTH_FAIL_CREDENTIALS :
		     CV_AUTH_FAIL_TEMP,
		     pool_strdup(x->request->pool, err.text));
		return false;
	}
	return true;
}

/* The mechanism has asked no database: its word is enough, but for nobody
 * else's mail. */
static bool set_proven_user(struct auth_exchange *x)
{
	struct cv_error err = ERROR_NONE;

	if (auth_request_set_user(x->request, x->io.user, x->io.authzid,
				  &err) < 0) {
		fail(x, CV_AUTH_FAIL_CREDENTIALS,
		     pool_strdup(x->request->pool, err.text));
		return false;
	}
	if (x->request->input.is_master_lookup) {
		fail(x, CV_AUTH_FAIL_CREDENTIALS, "the mechanism knows no "
		     "master users");
		return false;
	}
	return true;
}

/* What unknown users are to look like: the kind of secret that the first
 * database which tells any has shown. */
static void set_model(struct auth_exchange *x)
{
	const struct auth_db *db = x->auth->dbs.passdbs;
	struct cv_span text, name = CV_SPAN_NONE;

	while (db != NULL && (!db->facts.looks_up || db->deny))
		db = db->next;
	if (db == NULL)
		return;
	text = cv_span_of(auth_db_dummy_hash(db));
	x->io.model_scheme = db->facts.scheme;
	if (cv_span_begins(text, CV_SPAN("{"))) {
		text = cv_span_skip(text, 1);
		(void)cv_span_split(&text, '}', &name);
		x->io.model_scheme = cv_span_copy(x->request->pool, name);
	}
	x->io.model = pool_span(x->request->pool, text);
}

/* The secret in the form the mechanism wants; empty when there is none. */
static void take_credentials(struct auth_exchange *x)
{
	struct auth_request *request = x->request;
	struct auth_credentials found;
	struct cv_error err = ERROR_NONE;
	uint32_t flags = x->mech->flags;

	if (request->credentials == NULL) {
		if (request->saw_verify_only)
			log_info("auth", "%s: no passdb that can look "
				 "passwords up, which %s needs, has this user",
				 auth_request_name(request), x->mech->name);
		return;
	}
	if (auth_credentials_find(request, x->io.scheme,
				  (flags & CV_MECHANISM_TAKES_PLAIN) != 0,
				  &found, &err) < 0) {
		log_info("auth", "%s: %s", auth_request_name(request),
			 err.text);
		return;
	}
	x->io.credentials = found.text;
	x->io.credentials_scheme = found.scheme;
}

/* The database has taken what the mechanism wants to be stored, or not. */
static void stored(struct auth_request *request, int result)
{
	struct auth_exchange *x = request->context;

	x->storing = false;
	if (result < 0) {
		fail(x, CV_AUTH_FAIL_TEMP, result_text(result));
		return;
	}
	x->io.stored = result == CV_AUTH_OK;
	x->stage = EXCHANGE_STEP;
	arm(x, 0);
}

static bool wants_fields(const struct auth_exchange *x)
{
	return x->io.scheme != NULL && x->io.scheme[0] == '\0';
}

static void credentials_found(struct auth_request *request, int result)
{
	struct auth_exchange *x = request->context;

	if (result < 0) {
		fail(x, CV_AUTH_FAIL_TEMP, result_text(result));
		return;
	}
	x->io.credentials = CV_SPAN_NONE;
	x->io.fields = &request->fields;
	if (wants_fields(x)) {
		/* who has proved it needs no secret, but is not let in past a
		 * database that refuses */
		if (result != CV_AUTH_OK && result != CV_AUTH_UNKNOWN_USER) {
			fail(x, auth_fail_reason(result), result_text(result));
			return;
		}
	} else if (result == CV_AUTH_OK) {
		take_credentials(x);
	} else {
		log_debug("auth", "%s: %s", auth_request_name(request),
			  result_text(result));
	}
	if (x->io.credentials.len == 0 && !wants_fields(x))
		set_model(x);
	x->stage = EXCHANGE_STEP;
	arm(x, 0);
}

/* Asks the databases what the mechanism has asked for. */
static void ask_databases(struct auth_exchange *x)
{
	bool verify = x->asking == CV_MECHANISM_VERIFY;

	x->stage = EXCHANGE_DATABASE;
	/* nobody has such a password, and no worker takes it */
	if (verify && x->io.password.len > PASSWORD_MAX)
		verified(x->request, CV_AUTH_MISMATCH);
	else
		auth_request_verify(x->request, verify ? x->io.password :
				    CV_SPAN_NONE,
				    verify ? verified : credentials_found);
}

static void policy_said_before(void *context,
			       const struct auth_policy_verdict *verdict)
{
	struct auth_exchange *x = context;
	uint32_t secs = verdict->delay_secs;

	x->policy = NULL;
	if (verdict->refused) {
		policy_refuses(x, verdict);
		return;
	}
	x->stage = EXCHANGE_TARPIT;
	arm(x, (uint64_t)(secs < TARPIT_MAX_SECS ? secs : TARPIT_MAX_SECS) *
	    1000);
}

static void ask(struct auth_exchange *x)
{
	const struct auth_settings *set = &x->auth->set;

	if (x->policy_before || !auth_policy_is_on(set) ||
	    !set->auth_policy_check_before_auth) {
		ask_databases(x);
		return;
	}
	x->policy_before = true;
	x->stage = EXCHANGE_DATABASE;
	x->policy = auth_policy_check(x->request, x->io.password,
				      x->client_id, policy_said_before, x);
}

static void penalty_known(void *context, uint32_t delay_msecs)
{
	struct auth_exchange *x = context;

	x->penalty_id = 0;
	arm(x, delay_msecs);
}

/* The same after the wait that this address has earned. */
static void ask_in_turn(struct auth_exchange *x, int asking)
{
	struct auth_penalty *penalty = x->auth->penalty;
	const char *ip = x->request->input.remote_ip;

	x->asking = asking;
	x->stage = EXCHANGE_PENALTY;
	if (penalty == NULL || x->no_penalty ||
	    auth_penalty_is_known(penalty, ip, x->io.user))
		ask(x);
	else
		x->penalty_id = auth_penalty_get(penalty, ip, penalty_known,
						 x);
}

static void step(struct auth_exchange *x)
{
	struct cv_error err = ERROR_NONE;
	int next;

	if (x->last_words) {
		end_now(x);
		return;
	}
	cv_text_reset(&x->out);
	/* the challenge before was in it */
	x->next_answer.data = CV_SPAN_NONE;
	if (x->io.has_in)
		x->last_in = x->io.in;
	next = x->mech->step(x->state, &x->io, &err);
	x->io.has_in = false;
	x->io.in = CV_SPAN_NONE;
	switch (next) {
	case CV_MECHANISM_CHALLENGE:
		x->next_answer.data = cv_text_span(&x->out);
		answer_in(x, AUTH_MSG_CHALLENGE, 0);
		return;
	case CV_MECHANISM_VERIFY:
	case CV_MECHANISM_CREDENTIALS:
		x->stage = EXCHANGE_DATABASE;
		if (set_user(x))
			ask_in_turn(x, next);
		return;
	case CV_MECHANISM_STORE:
		x->stage = EXCHANGE_DATABASE;
		x->io.stored = false;
		x->storing = x->request->credentials != NULL &&
			(x->mech->flags & CV_MECHANISM_STORES) != 0;
		if (x->storing)
			auth_request_store(x->request, x->io.password, stored);
		else
			fail(x, CV_AUTH_FAIL_TEMP, "nothing to be replaced");
		return;
	case CV_MECHANISM_OK:
		if (x->asking == 0 && !set_proven_user(x))
			return;
		/* no protocol of ours tells it along with the OK */
		if (x->out.len > 0)
			say_last_words(x, cv_text_span(&x->out), 0, NULL);
		else
			succeed(x);
		return;
	case CV_E_SYNTAX:
		fail(x, CV_AUTH_FAIL_SYNTAX,
		     pool_strdup(x->request->pool, err.text));
		return;
	}
	fail(x, next == CV_MECHANISM_FAIL ? CV_AUTH_FAIL_CREDENTIALS :
	     CV_AUTH_FAIL_TEMP, err.text[0] == '\0' ? "wrong credentials" :
	     pool_strdup(x->request->pool, err.text));
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct auth_exchange *x = context;

	(void)fd;
	(void)what;
	if (x->stage == EXCHANGE_PENALTY) {
		ask(x);
		return;
	}
	if (x->stage == EXCHANGE_TARPIT) {
		ask_databases(x);
		return;
	}
	if (x->stage != EXCHANGE_ANSWER) {
		x->stage = EXCHANGE_STEP;
		step(x);
		return;
	}
	x->stage = x->pending == AUTH_MSG_CHALLENGE ? EXCHANGE_CLIENT :
		x->pending == AUTH_MSG_OK ? EXCHANGE_OK : EXCHANGE_FAILED;
	x->answer(x, x->pending, &x->next_answer);
}

/* Reasons to refuse before the mechanism has its first step; NULL: none. */
static const char *refusal(struct auth_exchange *x,
			   const struct auth_begin *begin, uint32_t *why_r)
{
	*why_r = CV_AUTH_FAIL_MECHANISM;
	if (x->mech == NULL)
		return "mechanism is not available";
	if ((x->mech->flags & CV_MECHANISM_NEEDS_TLS) != 0 &&
	    !begin->conn.tls)
		return "mechanism needs TLS";
	if ((x->mech->flags & CV_MECHANISM_BINDING) != 0 &&
	    x->io.bindings.count == 0)
		return "mechanism needs a channel binding";
	if ((x->mech->flags & CV_MECHANISM_CERT) != 0 && !begin->cert_valid)
		return "mechanism needs a client certificate";
	if ((x->mech->flags & CV_MECHANISM_SERVER_FIRST) != 0 &&
	    begin->has_initial) {
		*why_r = CV_AUTH_FAIL_SYNTAX;
		return "initial response to a server-first mechanism";
	}
	if (x->auth->set.auth_ssl_require_client_cert && !begin->cert_valid) {
		*why_r = CV_AUTH_FAIL_CREDENTIALS;
		return "no valid client certificate";
	}
	return NULL;
}

static void set_bindings(struct auth_exchange *x, struct cv_span encoded)
{
	struct cv_pool *pool = x->request->pool;
	struct cv_span rest = x->bindings = pool_span(pool, encoded);
	ARRAY(struct cv_channel_binding) list;
	struct cv_channel_binding binding;

	array_init(&list, pool);
	while (channel_binding_next(&rest, &binding.name, &binding.data))
		*array_add(&list) = binding;
	x->io.bindings = (struct cv_array){ list.items,
		(uint32_t)list.count, sizeof(binding) };
	x->io.channel_binding = channel_binding_find(x->bindings,
						     "tls-exporter");
	if (x->mech != NULL && list.count > 0)
		x->io.plus_offered = auth_mechanism_find(&x->auth->set,
			pool_printf(pool, "%s-PLUS", x->mech->name)) != NULL;
}

/* What is no field's name or value is left out. */
static void take_forward(struct auth_request *request, struct cv_span pairs)
{
	struct cv_span value, name;
	struct cv_text text;

	cv_text_init(&text, request->pool);
	while (pairs.len > 0 && cv_span_split(&pairs, '\t', &value)) {
		if (!cv_span_split(&value, '=', &name) || value.data == NULL)
			continue;
		cv_text_reset(&text);
		cv_text_append_str(&text, "forward_");
		cv_text_append_span(&text, name);
		(void)auth_reply_set(&request->fields, cv_text_span(&text),
				     value);
	}
}

static void exchange_fill(struct auth_exchange *x,
			  const struct auth_begin *begin)
{
	struct auth_request *request = x->request;

	auth_request_set_conn(request, begin->service, begin->session_id,
			      &begin->conn);
	request->input.cert_valid = begin->cert_valid;
	request->input.cert_name = pool_strdup(request->pool,
					       begin->cert_name);
	request->input.mechanism = x->mech == NULL ? "?" : x->mech->name;
	request->context = x;
	take_forward(request, begin->forward);
	cv_text_init(&x->out, request->pool);
	x->io = (struct cv_mechanism_io){
		CV_SIZED(cv_mechanism_io), .input = &request->input,
		.pool = request->pool, .out = &x->out,
		.has_in = begin->has_initial,
		.in = pool_span(request->pool, begin->initial),
	};
	set_bindings(x, begin->channel_binding);
	x->io.salt_key = cv_span((const char *)
				 auth_mechanism_env()->salt_key,
				 AUTH_SALT_KEY_BYTES);
	if (x->mech == NULL)
		return;
	request->uncached = (x->mech->flags & CV_MECHANISM_STORES) != 0;
	x->state = pool_alloc(request->pool, x->mech->state_bytes + 1);
}

struct auth_exchange *auth_exchange_begin(struct auth *auth,
					  const struct auth_begin *begin,
					  auth_exchange_fn *answer,
					  void *context)
{
	struct auth_request *request = auth_request_create(auth);
	struct auth_exchange *x = pool_new(request->pool,
					   struct auth_exchange);
	const char *reason;
	uint32_t why;

	x->auth = auth;
	x->request = request;
	x->id = begin->id;
	x->answer = answer;
	x->context = context;
	x->next_answer.user = x->next_answer.text = "";
	x->client_id = pool_strdup(request->pool, begin->client_id);
	x->mech = auth_mechanism_find(&auth->set, begin->mechanism);
	x->timer = event_new(auth->base, -1, 0, on_timer, x);
	BUG_IF(x->timer == NULL);
	exchange_fill(x, begin);
	if ((reason = refusal(x, begin, &why)) != NULL) {
		fail(x, why, reason);
		return x;
	}
	x->stage = EXCHANGE_STEP;
	arm(x, 0);
	return x;
}

void auth_exchange_set_outside(struct auth_exchange *x, bool no_penalty)
{
	x->outside = true;
	x->no_penalty = no_penalty;
}

int auth_exchange_continue(struct auth_exchange *x, struct cv_span data,
			   struct cv_error *err)
{
	if (x->stage != EXCHANGE_CLIENT)
		return FAIL(err, CV_E_SYNTAX, "a response without a "
			    "challenge");
	x->io.has_in = true;
	x->io.in = data.len == 0 ? CV_SPAN("") :
		pool_span(x->request->pool, data);
	x->stage = EXCHANGE_STEP;
	arm(x, 0);
	return CV_OK;
}

static void end_mechanism(void *data)
{
	struct auth_exchange *x = data;

	if (x->mech != NULL && CV_HAS(x->mech, end) && x->mech->end != NULL)
		x->mech->end(x->state);
}

void auth_exchange_free(struct auth_exchange **exchange)
{
	struct auth_exchange *x = *exchange;
	struct auth_request *request = x->request;

	*exchange = NULL;
	if (x->penalty_id != 0)
		auth_penalty_cancel(x->auth->penalty, x->penalty_id);
	auth_policy_cancel(&x->policy);
	event_free(x->timer);
	/* x itself lives in the request's pool; who leaves while a database is
	 * still writing is not over before that is */
	if (x->storing)
		pool_add_finaliser(request->pool, end_mechanism, x);
	else
		end_mechanism(x);
	auth_request_unref(&request);
}

void *auth_exchange_context(const struct auth_exchange *x)
{
	return x->context;
}

uint32_t auth_exchange_id(const struct auth_exchange *x)
{
	return x->id;
}

bool auth_exchange_succeeded(const struct auth_exchange *x)
{
	return x->stage == EXCHANGE_OK;
}

struct auth_request *auth_exchange_request(struct auth_exchange *x)
{
	return x->request;
}

bool auth_exchange_forwarded(struct auth_exchange *x,
			     struct user_info *info_r)
{
	if (x->forwarded)
		auth_forward_info(x->request, password_of(x), info_r);
	return x->forwarded;
}

struct cv_span auth_exchange_binding(const struct auth_exchange *x)
{
	return x->bindings;
}
