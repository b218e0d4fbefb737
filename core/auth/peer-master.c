/* peer-master.c - the master protocol: who is this user? */
#include "auth-peer-private.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <unistd.h>

enum { LIST_UNSENT_MAX = 64 << 20 };	/* some million names */

void peer_master_greet(struct auth_peer *peer)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "VERSION\t%d\t%d\nSPID\t%ld\n",
			   AUTH_LINE_MAJOR, AUTH_LINE_MASTER_MINOR,
			   (long)getpid());

	peer_send(peer, cv_span(text, (size_t)len));
}

static void send_word(struct auth_peer *peer, const char *word, uint32_t id,
		      const char *rest)
{
	char text[128];
	int len = snprintf(text, sizeof(text), "%s\t%u%s\n", word, id, rest);

	peer_send(peer, cv_span(text, (size_t)len));
}

/* Answers that are none. */
static void send_failure(struct auth_peer *peer, uint32_t id, int result)
{
	if (result == CV_AUTH_UNKNOWN_USER || result == CV_AUTH_MISMATCH)
		send_word(peer, "NOTFOUND", id, "");
	else
		send_word(peer, "FAIL", id, result == CV_AUTH_DISABLED ?
			  "\tcode=user_disabled" :
			  result == CV_AUTH_EXPIRED ?
			  "\tcode=pass_expired" : "\tcode=temp_fail");
}

/* --- users -------------------------------------------------------------------- */

static void send_user(struct auth_peer *peer, uint32_t id,
		      struct auth_request *request)
{
	const struct cv_auth_reply *reply = &request->userdb;
	struct user_info info;
	struct cv_text out;
	char number[16];

	auth_request_user_info(request, &info);
	cv_text_init(&out, request->pool);
	cv_text_append_f(&out, "USER\t%u\t", id);
	auth_line_escape(&out, cv_span_of(info.name));
	for (size_t i = 0; i < reply->fields.count; i++) {
		const struct auth_field *f = &reply->fields.items[i];
		const char *value = f->value;
		bool is_uid = strcmp(f->name, "uid") == 0;

		/* names have become numbers */
		if (is_uid || strcmp(f->name, "gid") == 0) {
			(void)snprintf(number, sizeof(number), "%u",
				       is_uid ? info.uid : info.gid);
			value = number;
		}
		auth_line_put(&out, f->name, value);
	}
	cv_text_append_c(&out, '\n');
	peer_send(peer, cv_text_span(&out));
}

static bool may_see(struct auth_peer *peer, struct auth_request *request)
{
	struct user_info info;

	if (!peer->config.restricted)
		return true;
	auth_request_user_info(request, &info);
	if (info.uid == peer->config.uid)
		return true;
	log_error("auth", "%s: uid %u may not look '%s' up: the user's uid "
		  "is another (to allow it, give the socket a user or a group "
		  "and mode 0660; with mode 0777 this is not checked)",
		  peer->config.name, peer->config.uid, request->input.user);
	return false;
}

static void answer_user(struct auth_peer *peer, uint32_t id,
			struct auth_request *request, int result)
{
	if (result != CV_AUTH_OK)
		send_failure(peer, id, result);
	else if (may_see(peer, request))
		send_user(peer, id, request);
	else
		send_word(peer, "FAIL", id, "");
}

static void user_done(struct auth_request *request, int result)
{
	struct peer_item *item = request->context;

	answer_user(item->peer, item->id, request, result);
	peer_item_remove(item);
}

/* --- passwords' fields ---------------------------------------------------------- */

static void pass_done(struct auth_request *request, int result)
{
	struct peer_item *item = request->context;
	const struct cv_auth_reply *reply = &request->fields;
	struct cv_text out;

	if (result != CV_AUTH_OK) {
		send_failure(item->peer, item->id, result);
		peer_item_remove(item);
		return;
	}
	cv_text_init(&out, request->pool);
	cv_text_append_f(&out, "PASS\t%u", item->id);
	auth_line_put(&out, "user", request->input.user);
	for (size_t i = 0; i < reply->fields.count; i++) {
		const struct auth_field *f = &reply->fields.items[i];

		if (strcmp(f->name, "user") != 0 &&
		    strcmp(f->name, "allow_nets") != 0 &&
		    strcmp(f->name, "password") != 0)
			auth_line_put(&out, f->name, f->value);
	}
	cv_text_append_c(&out, '\n');
	peer_send(item->peer, cv_text_span(&out));
	peer_item_remove(item);
}

static bool is_restricted(struct auth_peer *peer, const char *what)
{
	if (peer->config.restricted)
		log_error("auth", "%s: uid %u may not %s: the socket is "
			  "neither theirs nor their group's",
			  peer->config.name, peer->config.uid, what);
	return peer->config.restricted;
}

static void take_user(struct auth_peer *peer, const struct auth_line *line)
{
	bool pass = line->command == AUTH_LINE_PASS;
	auth_request_fn *done = pass ? pass_done : user_done;
	struct cv_error err = ERROR_NONE;
	struct auth_request *request;
	struct peer_item *item;
	int ret;

	if (pass && is_restricted(peer, "look up what passdbs say")) {
		send_word(peer, "FAIL", line->id, "");
		return;
	}
	item = peer_item_add(peer, line->id, line->command);
	if (item == NULL)
		return;
	item->request = request = auth_request_create(peer->config.auth);
	request->context = item;
	auth_request_set_conn(request, line->service, line->session_id,
			      &line->conn);
	ret = auth_request_set_user(request, cv_span_of(line->user),
				    CV_SPAN(""), &err);
	if (ret < 0 || request->input.is_master_lookup)
		done(request, ret == CV_OK || ret == CV_E_DENIED ?
		     CV_AUTH_UNKNOWN_USER : ret);
	else if (pass)
		auth_request_verify(request, CV_SPAN_NONE, done);
	else
		auth_request_lookup_user(request, done);
}

/* --- all of them ----------------------------------------------------------------- */

static bool list_found(void *context, struct cv_span user)
{
	struct peer_item *item = context;
	struct cv_pool *pool;
	struct cv_text out;

	if (item->peer == NULL || item->peer->lost)
		return false;
	if (item->peer->out_len - item->peer->out_at > LIST_UNSENT_MAX) {
		peer_lose(item->peer, "it does not read its list of users");
		return false;
	}
	pool = pool_create("auth-list");
	cv_text_init(&out, pool);
	cv_text_append_f(&out, "LIST\t%u\t", item->id);
	auth_line_escape(&out, user);
	cv_text_append_c(&out, '\n');
	peer_send(item->peer, cv_text_span(&out));
	pool_destroy(&pool);
	return true;
}

static void list_done(void *context, int result, const struct cv_error *err)
{
	struct peer_item *item = context;
	struct auth_peer *peer = item->peer;
	struct cv_pool *pool = item->pool;

	if (peer == NULL) {
		pool_destroy(&pool);
		return;
	}
	peer->lists = false;
	if (result < 0)
		log_error("auth", "%s: users cannot be listed: %s",
			  peer->config.name, err->text);
	send_word(peer, "DONE", item->id, result < 0 ? "\tfail" : "\t");
	peer_item_remove(item);
}

static void take_list(struct auth_peer *peer, const struct auth_line *line)
{
	struct peer_item *item;

	if (peer->lists || is_restricted(peer, "list users")) {
		send_word(peer, "DONE", line->id, "\tfail");
		return;
	}
	item = peer_item_add(peer, line->id, AUTH_LINE_LIST);
	if (item == NULL)
		return;
	peer->lists = true;
	auth_list_users(peer->config.auth, list_found, list_done, item);
}

/* --- logins -------------------------------------------------------------------- */

/* The login that a client of another connection was granted. */
static struct peer_item *find_login(const struct auth_line *line)
{
	struct peer_item *item = NULL;

	for (struct auth_peer *p = auth_peers; p != NULL && item == NULL;
	     p = p->next) {
		if (p->config.role == AUTH_LINE_LOGIN &&
		    p->cpid == line->pid && !p->lost &&
		    CRYPTO_memcmp(p->cookie, line->cookie.data,
				  sizeof(p->cookie)) == 0)
			item = peer_item_find(p, line->client_id);
	}
	return item != NULL && item->granted && item->asker == NULL ? item :
		NULL;
}

static void login_done(struct auth_request *request, int result)
{
	struct peer_item *item = request->context;

	if (item->asker != NULL)
		answer_user(item->asker, item->asker_id, request, result);
	item->asker = NULL;
	peer_item_remove(item);
}

static void take_request(struct auth_peer *peer, const struct auth_line *line)
{
	struct peer_item *item = find_login(line);
	struct auth_request *request;

	if (item == NULL || (line->session_pid != 0 &&
			     peer->config.pid != line->session_pid)) {
		log_error("auth", "%s: REQUEST %u of client %u: %s",
			  peer->config.name, line->client_id, line->pid,
			  item == NULL ? "there is no such login" :
			  "session_pid is not that of the other end");
		send_word(peer, "FAIL", line->id, "");
		if (item != NULL)
			peer_item_remove(item);
		return;
	}
	item->asker = peer;
	item->asker_id = line->id;
	request = auth_exchange_request(item->exchange);
	request->context = item;
	auth_request_lookup_user(request, login_done);
}

int peer_master_line(struct auth_peer *peer, const struct auth_line *line,
		     struct cv_error *err)
{
	struct peer_item *item;

	switch (line->command) {
	case AUTH_LINE_USER:
	case AUTH_LINE_PASS:
		take_user(peer, line);
		return CV_OK;
	case AUTH_LINE_LIST:
		take_list(peer, line);
		return CV_OK;
	case AUTH_LINE_REQUEST:
		take_request(peer, line);
		return CV_OK;
	case AUTH_LINE_CANCEL:
		item = peer_item_find(peer, line->id);
		if (item != NULL && item->command != AUTH_LINE_LIST)
			peer_item_remove(item);
		return CV_OK;
	}
	return FAIL(err, CV_E_SYNTAX, "a command out of place");
}
