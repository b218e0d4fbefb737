/* peer-client.c - the client protocol: is this password right? */
#include "auth-mechanism.h"
#include "auth-peer-private.h"

#include <stdio.h>
#include <unistd.h>

static const char timed_out[] = "Authentication request timed out";

void peer_client_greet(struct auth_peer *peer)
{
	struct cv_pool *pool = pool_create("auth-greeting");
	struct auth_mechanisms list;
	struct cv_text out;
	const char *words;

	cv_text_init(&out, pool);
	auth_mechanisms_list(&peer->config.auth->set, &list);
	cv_text_append_f(&out, "VERSION\t%d\t%d\n", AUTH_LINE_MAJOR,
			 AUTH_LINE_CLIENT_MINOR);
	for (uint32_t i = 0; i < list.count; i++) {
		if ((words = auth_line_mechanism(list.items[i].name)) == NULL)
			continue;
		cv_text_append_f(&out, "MECH\t%s%s%s\n", list.items[i].name,
				 words[0] != '\0' ? "\t" : "", words);
	}
	cv_text_append_f(&out, "SPID\t%ld\nCUID\t%u\nCOOKIE\t", (long)getpid(),
			 peer->cuid);
	hex_encode(&out, peer->cookie, sizeof(peer->cookie));
	cv_text_append_str(&out, "\nDONE\n");
	peer_send(peer, cv_text_span(&out));
	pool_destroy(&pool);
}

static void send_reason(struct auth_peer *peer, uint32_t id, const char *code,
			const char *reason)
{
	struct cv_pool *pool = pool_create("auth-answer");
	struct cv_text out;

	cv_text_init(&out, pool);
	cv_text_append_f(&out, "FAIL\t%u", id);
	if (code != NULL)
		auth_line_put(&out, "code", code);
	auth_line_put(&out, "reason", reason);
	cv_text_append_c(&out, '\n');
	peer_send(peer, cv_text_span(&out));
	pool_destroy(&pool);
}

/* --- answers ---------------------------------------------------------------- */

static bool is_for_peers(const struct auth_peer *peer, const char *name)
{
	static const char *const own[] = {
		"user", "username", "domain", "password", "nopassword",
		"allow_nets", "delay_until", "fail", "noauthenticate",
		"k5principals",
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (strcmp(name, own[i]) == 0)
			return false;
	}
	/* what another server is logged in to with */
	return strcmp(name, "pass") != 0 ||
		peer->config.role == AUTH_LINE_LOGIN;
}

static bool is_switch(const char *name)
{
	return strcmp(name, "nologin") == 0 || strcmp(name, "proxy") == 0 ||
		strcmp(name, "proxy_maybe") == 0;
}

static void put_fields(struct auth_peer *peer, struct cv_text *out,
		       const struct cv_auth_reply *fields)
{
	for (size_t i = 0; i < fields->fields.count; i++) {
		const struct auth_field *f = &fields->fields.items[i];

		if (!is_for_peers(peer, f->name))
			continue;
		if (!is_switch(f->name))
			auth_line_put(out, f->name, f->value);
		else if (auth_reply_is_true(fields, f->name))
			auth_line_put(out, f->name, NULL);
	}
}

/* Under which name they came, and whose password was right. */
static void put_origin(struct cv_text *out, const struct auth_request *request)
{
	const struct cv_auth_input *in = &request->input;
	const char *original = request->original_login;

	if (original != NULL &&
	    (in->master_user[0] != '\0' || in->user[0] == '\0' ||
	     strcmp(original, in->user) != 0))
		auth_line_put(out, "original_user", original);
	if (in->master_user[0] != '\0')
		auth_line_put(out, "auth_user", in->master_user);
}

static void put_ok(struct peer_item *item, struct cv_text *out,
		   struct cv_span final)
{
	const struct auth_request *request =
		auth_exchange_request(item->exchange);
	struct cv_text text;

	cv_text_append_f(out, "OK\t%u", item->id);
	auth_line_put(out, "user", request->input.user);
	put_fields(item->peer, out, &request->fields);
	put_origin(out, request);
	if (final.len > 0) {
		cv_text_init(&text, item->pool);
		base64_encode(&text, final.data, final.len);
		auth_line_put(out, "resp", cv_text_str(&text));
	}
	cv_text_append_c(out, '\n');
}

static const char *fail_code(const struct auth_request *request,
			     uint32_t why)
{
	switch (why) {
	case CV_AUTH_FAIL_TEMP:
	case CV_AUTH_FAIL_LIMIT: return "temp_fail";
	case CV_AUTH_FAIL_DISABLED: return "user_disabled";
	case CV_AUTH_FAIL_EXPIRED: return "pass_expired";
	}
	/* the master user's password was right */
	return request->input.master_user[0] != '\0' ? "authz_fail" : NULL;
}

/* Programs of before 2.3 know the words of before. */
static const char *old_word(const char *code)
{
	if (code == NULL)
		return NULL;
	return strcmp(code, "temp_fail") == 0 ? "temp" :
		strcmp(code, "authz_fail") == 0 ? "authz" : NULL;
}

static void put_fail(struct peer_item *item, struct cv_text *out,
		     const struct auth_answer *answer)
{
	const struct auth_request *request =
		auth_exchange_request(item->exchange);
	const char *code = fail_code(request, answer->fail);

	cv_text_append_f(out, "FAIL\t%u", item->id);
	/* a name that was refused has nothing but what the client wrote */
	if (request->input.user[0] != '\0')
		auth_line_put(out, "user", request->input.user);
	else if (request->original_login != NULL)
		auth_line_put(out, "user", request->original_login);
	if (old_word(code) != NULL)
		auth_line_put(out, old_word(code), NULL);
	if (code != NULL)
		auth_line_put(out, "code", code);
	if (answer->text[0] != '\0')
		auth_line_put(out, "reason", answer->text);
	put_origin(out, request);
	cv_text_append_c(out, '\n');
}

static void put_cont(struct peer_item *item, struct cv_text *out,
		     struct cv_span data)
{
	cv_text_append_f(out, "CONT\t%u\t", item->id);
	base64_encode(out, data.data, data.len);
	cv_text_append_c(out, '\n');
	item->waits = true;
	item->since_msecs = time_monotonic_msecs();
}

/* The answer is out: the id is free, unless a master will ask for it. */
static void conclude(struct peer_item *item, bool ok)
{
	if (ok && item->peer->config.role == AUTH_LINE_LOGIN) {
		item->granted = true;
		item->waits = false;
		item->since_msecs = time_monotonic_msecs();
	} else {
		peer_item_remove(item);
	}
}

static void exchange_answer(struct auth_exchange *exchange, uint32_t type,
			    const struct auth_answer *answer)
{
	struct peer_item *item = auth_exchange_context(exchange);
	struct cv_pool *pool = pool_create("auth-answer");
	bool goes_on = type == AUTH_MSG_CHALLENGE;
	struct cv_text out;

	pool_set_secret(pool);
	cv_text_init(&out, pool);
	/* a final message that the peer cannot take with the OK travels in
	 * a challenge, to which the answer is empty [RFC4422 4] */
	if (type == AUTH_MSG_OK && answer->data.len > 0 &&
	    !item->final_resp_ok)
		goes_on = item->has_final = true;
	if (goes_on)
		put_cont(item, &out, answer->data);
	else if (type == AUTH_MSG_OK)
		put_ok(item, &out, answer->data);
	else
		put_fail(item, &out, answer);
	peer_send(item->peer, cv_text_span(&out));
	pool_destroy(&pool);
	if (!goes_on)
		conclude(item, type == AUTH_MSG_OK);
}

/* --- questions --------------------------------------------------------------- */

static int take_auth(struct auth_peer *peer, const struct auth_line *line,
		     struct cv_error *err)
{
	struct auth_begin begin = {
		.id = line->id, .service = line->service,
		.mechanism = line->mechanism,
		.session_id = line->session_id, .conn = line->conn,
		.cert_valid = line->conn.cert_valid,
		.cert_name = line->conn.cert_name,
		.channel_binding = CV_SPAN(""), .client_id = line->client_text == NULL ? "" :
			line->client_text,
		.has_initial = line->has_data, .initial = line->data,
		.transport_fd = -1,
	};
	struct peer_item *item;

	if (auth_mechanism_find(&peer->config.auth->set, line->mechanism) ==
	    NULL || auth_line_mechanism(line->mechanism) == NULL)
		return FAIL(err, CV_E_SYNTAX, "it wants mechanism '%.32s', "
			    "which it was not offered", line->mechanism);
	if (line->data_is_bad) {
		send_reason(peer, line->id, "invalid_base64", "Invalid base64 "
			    "data in initial response");
		return CV_OK;
	}
	item = peer_item_add(peer, line->id, AUTH_LINE_AUTH);
	if (item == NULL)
		return CV_OK;
	item->final_resp_ok = line->final_resp_ok;
	item->exchange = auth_exchange_begin(peer->config.auth, &begin,
					     exchange_answer, item);
	auth_exchange_set_outside(item->exchange, line->no_penalty);
	auth_reply_merge(&auth_exchange_request(item->exchange)->fields,
			 &line->forward);
	return CV_OK;
}

static int take_cont(struct auth_peer *peer, const struct auth_line *line,
		     struct cv_error *err)
{
	struct peer_item *item = peer_item_find(peer, line->id);
	struct cv_text out;

	if (item == NULL || !item->waits) {
		if (item != NULL && !item->granted)
			return FAIL(err, CV_E_SYNTAX, "a CONT that was not "
				    "asked for");
		send_reason(peer, line->id, NULL, timed_out);
		return CV_OK;
	}
	item->waits = false;
	if (line->data_is_bad) {
		send_reason(peer, line->id, "invalid_base64", "Invalid base64 "
			    "data in continued response");
		peer_item_remove(item);
	} else if (item->has_final && line->data.len > 0) {
		send_reason(peer, line->id, NULL, "Authentication failed");
		peer_item_remove(item);
	} else if (item->has_final) {
		cv_text_init(&out, item->pool);
		put_ok(item, &out, CV_SPAN(""));
		peer_send(peer, cv_text_span(&out));
		conclude(item, true);
	} else {
		return auth_exchange_continue(item->exchange, line->data, err);
	}
	return CV_OK;
}

int peer_client_line(struct auth_peer *peer, const struct auth_line *line,
		     struct cv_error *err)
{
	struct peer_item *item;

	if (line->command == AUTH_LINE_CPID) {
		if (peer->cpid != 0)
			return FAIL(err, CV_E_SYNTAX, "a second CPID");
		peer->cpid = line->pid;
		return CV_OK;
	}
	if (peer->cpid == 0)
		return FAIL(err, CV_E_SYNTAX, "a command before CPID");
	if (line->command == AUTH_LINE_AUTH)
		return take_auth(peer, line, err);
	if (line->command == AUTH_LINE_CONT)
		return take_cont(peer, line, err);
	item = peer_item_find(peer, line->id);
	if (item != NULL && item->asker == NULL)
		peer_item_remove(item);
	return CV_OK;
}

void peer_client_expire(struct peer_item *item)
{
	/* nobody has come for a login: it is forgotten */
	if (!item->granted)
		send_reason(item->peer, item->id, NULL, timed_out);
	peer_item_remove(item);
}
