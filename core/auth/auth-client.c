/* auth-client.c - one channel of those who ask auth. */
#include "auth-client.h"
#include "auth-exchange.h"
#include "auth-forward.h"
#include "auth-mechanism.h"
#include "auth-queue.h"
#include "ipc/ipc-queue.h"

#include <event2/event.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	/* Answers that a client has not read: from here on it is not heard;
	 * beyond the second, which those that it has asked for by then do not
	 * reach, it is lost. */
	ANSWERS_PAUSE = 256 * 1024, ANSWERS_MAX = 16 << 20,
};

/* What one id stands for: a login, or the lookup of a user. */
struct item {
	struct item *next;
	struct auth_queued queued;	/* while the session's zygote is busy */
	struct auth_client *client;
	uint32_t id;
	struct auth_exchange *exchange;	/* NULL: a lookup */
	struct auth_request *request;	/* of a lookup */
	struct auth_request *passdbs;	/* asks them before, or NULL */
	bool looking_up;		/* for HANDOFF or a lookup */
	bool opens;			/* USER_OPEN: a session is started */
	bool offered;			/* BEGIN came with the connection */
	const char *target;		/* service of that session */
	struct cv_pool *pool;		/* of what follows */
	struct session_start start;	/* descriptors: ours until sent */
};

struct auth_client {
	struct auth_client *next, **prev;
	struct auth_client_config config;
	int fd;
	struct event *readable;
	struct ipc_queue answers;
	bool paused;			/* not heard until it has read */
	struct item *items;
	uint32_t item_count;
	struct cv_pool *pool;
	struct cv_span accessor;	/* BIND: for whom brokers are opened */
	bool ending;			/* has said that it asks no more */
	bool lost;			/* to be ended by the event loop */
};

/* One message at a time is read or written in this process: there may be ten
 * thousand clients, and a buffer is 32 KiB. */
static struct ipc_writer writer;
static struct ipc_reader reader;

static struct auth_client *clients;
static bool retired;

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static struct item *item_find(const struct auth_client *client, uint32_t id)
{
	struct item *item = client->items;

	while (item != NULL && item->id != id)
		item = item->next;
	return item;
}

static struct item *item_add(struct auth_client *client, uint32_t id)
{
	struct cv_pool *pool = pool_create("auth-client");
	struct item *item = pool_new(pool, struct item);

	item->pool = pool;
	item->client = client;
	item->id = id;
	item->start.transport_fd = item->start.status_fd = -1;
	item->next = client->items;
	client->items = item;
	client->item_count++;
	return item;
}

/* Not at once: callers up the stack still use the client. */
static void client_lose(struct auth_client *client, const char *why)
{
	if (client->lost)
		return;
	client->lost = true;
	if (why != NULL)
		log_error("auth", "%s: channel closed: %s",
			  client->config.name, why);
	event_active(client->readable, EV_TIMEOUT, 0);
}

/* Those who open sessions keep their channel; when auth has been replaced they
 * are to ask the new one. */
static void client_let_go(struct auth_client *client)
{
	if (client->ending || (retired && client->item_count == 0 &&
	    ipc_queue_is_empty(&client->answers) &&
	    (client->config.allowed & AUTH_CLIENT_OPEN) != 0))
		client_lose(client, NULL);
}

static void item_remove(struct item *item)
{
	struct auth_client *client = item->client;
	struct item **at = &client->items;
	struct cv_pool *pool = item->pool;

	while (*at != item)
		at = &(*at)->next;
	*at = item->next;
	client->item_count--;
	auth_queue_remove(&item->queued);
	if (item->exchange != NULL)
		auth_exchange_free(&item->exchange);
	if (item->request != NULL)
		auth_request_unref(&item->request);
	if (item->passdbs != NULL)
		auth_request_unref(&item->passdbs);
	close_fd(&item->start.transport_fd);
	close_fd(&item->start.status_fd);
	pool_destroy(&pool);
	client_let_go(client);
}

void auth_client_destroy(struct auth_client **client)
{
	struct auth_client *c = *client;

	*client = NULL;
	while (c->items != NULL)
		item_remove(c->items);
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	event_free(c->readable);
	ipc_queue_deinit(&c->answers);
	pool_destroy(&c->pool);
	close_fd(&c->fd);
	free(c);
}

static void client_listen(struct auth_client *client, bool listen)
{
	if (client->ending || client->paused == !listen)
		return;
	client->paused = !listen;
	if (listen)
		BUG_IF(event_add(client->readable, NULL) < 0);
	else
		(void)event_del(client->readable);
}

static void check_sent(struct auth_client *client, int status,
		       const struct cv_error *err)
{
	if (status == CV_EOF)
		client_lose(client, NULL);
	else if (status != CV_OK)
		client_lose(client, err->text);
	else if (!client->lost)
		client_listen(client, client->answers.bytes < ANSWERS_PAUSE);
}

static void answers_moved(void *context, int status,
			  const struct cv_error *err)
{
	struct auth_client *client = context;

	check_sent(client, status, err);
	if (status == CV_OK)
		client_let_go(client);
}

/* Hundreds of answers at once to one login process that serves everybody wait
 * until it has read. */
static void client_send(struct auth_client *client)
{
	struct cv_error err = ERROR_NONE;
	int status;

	if (client->lost)
		return;
	status = ipc_queue_send(&client->answers, &writer, &err);
	check_sent(client, status, &err);
}

static void send_fail(struct auth_client *client, uint32_t id, uint32_t why,
		      const char *text)
{
	struct auth_answer answer = {
		.id = id, .user = "", .text = text, .fail = why,
	};

	auth_answer_put(&writer, AUTH_MSG_FAIL, &answer);
	client_send(client);
}

/* Where the channel is closed already, the status descriptor takes it. */
static void fail_item(struct item *item, uint32_t why)
{
	const struct session_started no = {
		.status = CV_E_TEMP, .text = "",
	};

	if (item->client->ending)
		(void)session_started_send(item->start.status_fd, &no, NULL);
	else
		send_fail(item->client, item->id, why, "");
}

/* --- users -------------------------------------------------------------- */

/* All that shapes a process of the user: who they are, what the userdb says of
 * them, and what settings may ask for (the addresses, not the ports). */
static void make_key(struct item *item)
{
	const struct conn_info *conn = &item->start.conn;
	unsigned char *key = pool_alloc(item->pool, SHA256_DIGEST_LENGTH);

	ipc_begin(&writer, SESSION_MSG_START);
	ipc_put_str(&writer, item->target);
	user_info_put(&writer, &item->start.user);
	ipc_put_str(&writer, conn->local_ip);
	ipc_put_str(&writer, conn->remote_ip);
	ipc_put_str(&writer, conn->local_name);
	ipc_put_bool(&writer, conn->tls);
	ipc_put_bool(&writer, conn->secure);
	if (writer.failed)
		return;		/* then START does not fit, either */
	(void)SHA256(writer.data, writer.len, key);
	item->start.key = cv_span((const char *)key, SHA256_DIGEST_LENGTH);
}

/* CV_E_TEMP: the port is full. */
static int order_session(struct item *item, int port, struct cv_error *err)
{
	struct auth_client *client = item->client;
	int ret;

	if (item->opens)
		make_key(item);
	/* the session answers on it; we have no more to say */
	if (item->offered)
		item->start.status_fd = client->fd;
	session_start_put(&writer, &item->start);
	ret = ipc_send_now(port, &writer, err);
	/* it may hold a password */
	explicit_bzero(writer.data, writer.len);
	if (item->offered)
		item->start.status_fd = -1;
	if (item->offered && ret == CV_OK)
		client->ending = true;
	return ret;
}

static void session_ordered(struct item *item, int ret,
			    const struct cv_error *err)
{
	struct auth_client *client = item->client;

	if (ret != CV_OK) {
		log_error("auth", "%s: cannot start a session: %s",
			  item->target, err->text);
		fail_item(item, CV_AUTH_FAIL_TEMP);
	}
	if (ret == CV_OK && item->opens) {
		struct auth_answer answer = {
			.id = item->id, .user = item->start.user.name,
			.text = "",
		};

		auth_answer_put(&writer, AUTH_MSG_OK, &answer);
		client_send(client);
	}
	item_remove(item);
}

static int session_port(const struct item *item)
{
	const struct auth_client_config *config = &item->client->config;

	return config->session_port(config->context, item->target);
}

static int order_again(void *context, bool last)
{
	struct item *item = context;
	struct cv_error err = ERROR_NONE;
	int ret = order_session(item, session_port(item), &err);

	if (ret != CV_E_TEMP || last)
		session_ordered(item, ret, &err);
	return ret;
}

/* Gives the user to the zygote of their service. */
static void start_session(struct item *item)
{
	int port = session_port(item);
	struct cv_error err = ERROR_NONE;
	int ret;

	if (port < 0)
		ret = FAIL(&err, CV_E_CONFIG, "no service '%s' takes "
			   "sessions", item->target);
	else if (auth_queue_is_waiting(port))
		ret = CV_E_TEMP;
	else
		ret = order_session(item, port, &err);
	if (ret != CV_E_TEMP) {
		session_ordered(item, ret, &err);
		return;
	}
	item->queued.send = order_again;
	item->queued.context = item;
	auth_queue_add(item->client->config.auth->base, port, &item->queued);
}

static void user_found(struct auth_request *request, int result)
{
	struct item *item = request->context;
	struct auth_client *client = item->client;
	uint32_t why = CV_AUTH_FAIL_TEMP;

	if (result == CV_AUTH_OK)
		auth_request_user_info(request, &item->start.user);
	if (result != CV_AUTH_OK) {
		/* for a login an unknown user is a fault of the settings:
		 * the passdb knows them */
		if (result == CV_AUTH_UNKNOWN_USER && item->exchange == NULL)
			why = CV_AUTH_FAIL_CREDENTIALS;
		else if (result == CV_AUTH_UNKNOWN_USER)
			log_error("auth", "%s: user is in a passdb, but in "
				  "no userdb", auth_request_name(request));
		fail_item(item, why);
		item_remove(item);
		return;
	}
	if (item->exchange != NULL || item->opens) {
		start_session(item);
		return;
	}
	auth_user_put(&writer, AUTH_MSG_USER, item->id, &item->start.user);
	client_send(client);
	item_remove(item);
}

static void conn_of(const struct auth_request *request,
		    struct conn_info *conn_r)
{
	const struct cv_auth_input *in = &request->input;

	*conn_r = (struct conn_info){
		.local_ip = in->local_ip, .remote_ip = in->remote_ip,
		.local_port = in->local_port, .remote_port = in->remote_port,
		.local_name = in->local_name,
		.tls = in->tls, .secure = in->secure,
		.cert_valid = in->cert_valid, .cert_name = in->cert_name,
	};
}

/* They have logged in: looks the user up and starts their session. */
static void begin_session(struct item *item)
{
	struct auth_request *request =
		auth_exchange_request(item->exchange);

	item->looking_up = true;
	item->start.session_id = request->input.session_id;
	conn_of(request, &item->start.conn);
	item->start.conn.channel_binding =
		auth_exchange_binding(item->exchange);
	item->start.forwarded = auth_exchange_forwarded(item->exchange,
							&item->start.user);
	if (item->start.forwarded) {
		/* who they are there, the server there knows */
		start_session(item);
		return;
	}
	request->context = item;
	auth_request_lookup_user(request, user_found);
}

/* --- logins ------------------------------------------------------------- */

static void withdraw_offer(struct item *item)
{
	item->offered = false;
	close_fd(&item->start.transport_fd);
}

static void exchange_answer(struct auth_exchange *exchange, uint32_t type,
			    const struct auth_answer *answer)
{
	struct item *item = auth_exchange_context(exchange);
	struct auth_client *client = item->client;

	if (item->offered && type == AUTH_MSG_OK && answer->data.len == 0 &&
	    answer->referral_host == NULL &&
	    ipc_queue_is_empty(&client->answers)) {
		begin_session(item);
		return;
	}
	/* the client has something to say or to hear first, or has not heard
	 * all that was said before */
	withdraw_offer(item);
	auth_answer_put(&writer, type, answer);
	client_send(client);
	if (type == AUTH_MSG_FAIL)
		item_remove(item);
}

/* imap-login brings users to imap and to nothing else. */
static bool may_login_to(const struct auth_client *client,
			 const char *service)
{
	const char *name = client->config.name;
	size_t len = strlen(service);

	return (client->config.allowed & AUTH_CLIENT_ANY_SERVICE) != 0 ||
		(strncmp(name, service, len) == 0 &&
		 strcmp(name + len, "-login") == 0);
}

static int check_begin(const struct auth_client *client,
		       const struct auth_begin *begin, struct cv_error *err)
{
	if (item_find(client, begin->id) != NULL)
		return FAIL(err, CV_E_SYNTAX, "id %u is in use", begin->id);
	if (!may_login_to(client, begin->service))
		return FAIL(err, CV_E_DENIED, "it may not log in to '%s'",
			    begin->service);
	/* a session would have the answers of others on its status socket;
	 * and one descriptor that waits for each channel is enough */
	if (client->item_count > 0 &&
	    (begin->offered || client->items->offered))
		return FAIL(err, CV_E_SYNTAX, "a connection was offered "
			    "beside another request");
	return CV_OK;
}

static void login_begin(struct auth_client *client,
			const struct auth_begin *begin)
{
	struct item *item = item_add(client, begin->id);

	item->target = pool_strdup(item->pool, begin->service);
	item->offered = begin->offered;
	if (begin->offered) {
		item->start.tag = pool_span(item->pool, begin->tag);
		item->start.input = pool_span(item->pool, begin->input);
		item->start.transport_fd = begin->transport_fd;
	}
	item->exchange = auth_exchange_begin(client->config.auth, begin,
					     exchange_answer, item);
}

static int take_begin(struct auth_client *client, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("auth-begin");
	struct auth_begin begin;
	int ret;

	pool_set_secret(pool);
	ret = auth_begin_get(&reader, pool, &begin, err);
	if (ret == CV_OK && (ret = check_begin(client, &begin, err)) < 0)
		close_fd(&begin.transport_fd);
	if (ret == CV_OK && client->item_count >= AUTH_CLIENT_REQUESTS_MAX)
		send_fail(client, begin.id, CV_AUTH_FAIL_TEMP, "");
	else if (ret == CV_OK)
		login_begin(client, &begin);
	pool_destroy(&pool);
	return ret;
}

static int take_continue(struct auth_client *client, struct cv_error *err)
{
	struct cv_span data;
	struct item *item;
	uint32_t id;
	int ret = auth_continue_get(&reader, &id, &data, err);

	if (ret < 0)
		return ret;
	item = item_find(client, id);
	/* it may have been told that it is over in this moment */
	if (item == NULL)
		return CV_OK;
	if (item->exchange == NULL)
		return FAIL(err, CV_E_SYNTAX, "CONTINUE of a lookup");
	return auth_exchange_continue(item->exchange, data, err);
}

static int take_abort(struct auth_client *client, struct cv_error *err)
{
	struct item *item;
	uint32_t id;
	int ret = auth_abort_get(&reader, &id, err);

	if (ret == CV_OK && (item = item_find(client, id)) != NULL)
		item_remove(item);
	return ret;
}

static int take_handoff(struct auth_client *client, struct cv_error *err)
{
	struct auth_handoff handoff;
	struct item *item;
	int ret = auth_handoff_get(&reader, &handoff, err);

	if (ret < 0)
		return ret;
	item = item_find(client, handoff.id);
	if (item == NULL || item->exchange == NULL || item->looking_up ||
	    !auth_exchange_succeeded(item->exchange)) {
		close_fd(&handoff.transport_fd);
		close_fd(&handoff.status_fd);
		return FAIL(err, CV_E_SYNTAX, "HANDOFF of what has not "
			    "succeeded");
	}
	if (handoff.last) {
		client->ending = true;
		(void)event_del(client->readable);
	}
	item->start.tag = pool_span(item->pool, handoff.tag);
	item->start.input = pool_span(item->pool, handoff.input);
	item->start.transport_fd = handoff.transport_fd;
	item->start.status_fd = handoff.status_fd;
	begin_session(item);
	return CV_OK;
}

/* The passdbs have said what they know of whom mail is for; where that is not
 * that it is on another server, the userdbs decide. */
static void passdbs_said(struct auth_request *passdbs, int result)
{
	struct item *item = passdbs->context;
	struct auth_client *client = item->client;
	struct cv_error err = ERROR_NONE;
	bool forward = false;

	if (result == CV_AUTH_OK)
		result = auth_forward_mail_wanted(passdbs, &forward, &err);
	else if (result < 0 && passdbs->error.code < 0)
		err = passdbs->error;
	if (result < 0) {
		/* where it is to go is not known */
		log_error("auth", "%s: %s", auth_request_name(passdbs),
			  *err.text != '\0' ? err.text : "a passdb failed");
		fail_item(item, CV_AUTH_FAIL_TEMP);
		item_remove(item);
		return;
	}
	if (!forward) {
		auth_request_lookup_user(item->request, user_found);
		return;
	}
	auth_forward_info(passdbs, CV_SPAN_NONE, &item->start.user);
	auth_user_put(&writer, AUTH_MSG_FORWARD, item->id, &item->start.user);
	client_send(client);
	item_remove(item);
}

static void ask_passdbs(struct item *item)
{
	struct auth_request *request = item->request;
	struct auth_request *passdbs = auth_request_create_like(request);

	passdbs->context = item;
	item->passdbs = passdbs;
	auth_request_verify(passdbs, CV_SPAN_NONE, passdbs_said);
}

static void lookup_begin(struct auth_client *client,
			 const struct auth_user_request *u, bool opens)
{
	struct auth_request *request = auth_request_create(
		client->config.auth);
	struct item *item = item_add(client, u->id);
	struct cv_error err = ERROR_NONE;

	item->request = request;
	item->looking_up = true;
	item->opens = opens;
	item->target = pool_strdup(item->pool, u->target);
	auth_request_set_conn(request, u->service, u->session_id, &u->conn);
	request->context = item;
	item->start.session_id = request->input.session_id;
	conn_of(request, &item->start.conn);
	item->start.tag = CV_SPAN("");
	item->start.input = client->accessor.len > 0 ? client->accessor :
		CV_SPAN("");
	item->start.transport_fd = u->transport_fd;
	item->start.status_fd = u->status_fd;
	if (auth_request_set_user(request, cv_span_of(u->user), CV_SPAN(""),
				  &err) < 0 || request->input.is_master_lookup)
		user_found(request, err.code == CV_OK ||
			   err.code == CV_E_DENIED ? CV_AUTH_UNKNOWN_USER :
			   err.code);
	else if (u->forwards)
		ask_passdbs(item);
	else
		auth_request_lookup_user(request, user_found);
}

static int take_lookup(struct auth_client *client, bool opens,
		       struct cv_error *err)
{
	struct cv_pool *pool = pool_create("auth-lookup");
	struct auth_user_request u;
	int ret = auth_user_request_get(&reader, pool, &u, err);

	if (ret == CV_OK && (item_find(client, u.id) != NULL ||
			     client->item_count >= AUTH_CLIENT_REQUESTS_MAX)) {
		close_fd(&u.transport_fd);
		close_fd(&u.status_fd);
		ret = FAIL(err, CV_E_SYNTAX, "id %u is in use, or there are "
			   "too many", u.id);
	}
	/* lmtp delivers; it gets nobody's imap session.  Who is bound gets
	 * brokers, for himself. */
	if (ret == CV_OK && opens &&
	    strcmp(u.target, client->accessor.len > 0 ? "store" :
		   "deliver") != 0) {
		close_fd(&u.transport_fd);
		close_fd(&u.status_fd);
		ret = FAIL(err, CV_E_DENIED, "it may not open '%s'", u.target);
	}
	/* what a session says of itself is not believed */
	if (ret == CV_OK && client->accessor.len > 0) {
		u.service = "store";
		u.conn = (struct conn_info){ .local_ip = "",
			.remote_ip = "", .local_name = "" };
	}
	if (ret == CV_OK)
		lookup_begin(client, &u, opens);
	pool_destroy(&pool);
	return ret;
}

/* From a process that is about to become the user: what comes later on this
 * channel may come from anybody. */
static int take_bind(struct auth_client *client, struct cv_error *err)
{
	int ret;

	client->pool = pool_create("auth-bound");
	ret = auth_accessor_get(&reader, client->pool, &client->accessor,
				err);
	if (ret == CV_OK)
		client->config.allowed = AUTH_CLIENT_STORE;
	return ret;
}

/* --- the channel -------------------------------------------------------- */

static int take_mechanisms_get(struct auth_client *client,
			       struct cv_error *err)
{
	struct auth_mechanisms list;
	int ret = ipc_finish(&reader, err);

	if (ret < 0)
		return ret;
	auth_mechanisms_list(&client->config.auth->set, &list);
	auth_mechanisms_put(&writer, &list);
	client_send(client);
	return CV_OK;
}

static int take_cache_flush(struct auth_client *client, struct cv_error *err)
{
	struct auth_cache *cache = client->config.auth->cache;
	struct ipc_reader *r = &reader;
	uint32_t names = ipc_get_count(r, AUTH_FLUSH_MAX), flushed = 0;
	const char *user;
	int ret;

	for (uint32_t i = 0; i < names; i++) {
		user = ipc_get_str(r, USER_NAME_MAX);
		if (cache != NULL)
			flushed += auth_cache_flush_user(cache, user);
	}
	if ((ret = ipc_finish(r, err)) < 0)
		return ret;
	if (names == 0 && cache != NULL)
		flushed = auth_cache_flush(cache);
	ipc_begin(&writer, AUTH_MSG_CACHE_FLUSHED);
	ipc_put_u32(&writer, flushed);
	client_send(client);
	return CV_OK;
}

static int take_cache_status(struct auth_client *client, struct cv_error *err)
{
	struct auth_cache_state state;
	int ret = ipc_finish(&reader, err);

	if (ret < 0)
		return ret;
	auth_cache_get_state(client->config.auth->cache, &state);
	ipc_begin(&writer, AUTH_MSG_CACHE_STATE);
	ipc_put_u32(&writer, state.entries);
	ipc_put_u64(&writer, state.used);
	ipc_put_u64(&writer, state.size);
	ipc_put_u64(&writer, state.hits);
	ipc_put_u64(&writer, state.misses);
	client_send(client);
	return CV_OK;
}

static uint32_t needed_right(uint32_t type)
{
	switch (type) {
	case AUTH_MSG_USER_LOOKUP:
		return AUTH_CLIENT_LOOKUP;
	case AUTH_MSG_USER_OPEN:
		return AUTH_CLIENT_OPEN | AUTH_CLIENT_STORE;
	case AUTH_MSG_BIND:
		return AUTH_CLIENT_BIND;
	case AUTH_MSG_CACHE_FLUSH:
	case AUTH_MSG_CACHE_STATUS:
		return AUTH_CLIENT_ADMIN;
	default:
		return AUTH_CLIENT_LOGIN;
	}
}

static int take_message(struct auth_client *client, struct cv_error *err)
{
	uint32_t type = reader.type;

	if ((client->config.allowed & needed_right(type)) == 0)
		return ipc_refuse(&reader, client->config.name, err);
	switch (type) {
	case AUTH_MSG_MECHANISMS_GET:
		return take_mechanisms_get(client, err);
	case AUTH_MSG_BEGIN:
		return take_begin(client, err);
	case AUTH_MSG_CONTINUE:
		return take_continue(client, err);
	case AUTH_MSG_ABORT:
		return take_abort(client, err);
	case AUTH_MSG_HANDOFF:
		return take_handoff(client, err);
	case AUTH_MSG_USER_LOOKUP:
		return take_lookup(client, false, err);
	case AUTH_MSG_USER_OPEN:
		return take_lookup(client, true, err);
	case AUTH_MSG_CACHE_FLUSH:
		return take_cache_flush(client, err);
	case AUTH_MSG_CACHE_STATUS:
		return take_cache_status(client, err);
	case AUTH_MSG_BIND:
		return take_bind(client, err);
	}
	return ipc_refuse(&reader, client->config.name, err);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct auth_client *client = context;
	struct cv_error err = ERROR_NONE;
	int ret;

	(void)what;
	if (!client->lost) {
		ret = ipc_receive_now((int)fd, &reader, &err);
		if (ret == CV_NOT_FOUND)
			return;
		if (ret == CV_OK)
			ret = take_message(client, &err);
		/* it may have held a password */
		explicit_bzero(reader.data, reader.len);
		if (ret == CV_EOF)
			client->lost = true;
		else if (ret < 0)
			client_lose(client, err.text);
	}
	if (client->lost) {
		struct auth_client_config config = client->config;

		auth_client_destroy(&client);
		config.ended(config.context);
	}
}

struct auth_client *auth_client_create(const struct auth_client_config *c,
				       int fd)
{
	struct auth_client *client = calloc(1, sizeof(*client));
	const struct ipc_queue_config answers = {
		.base = c->auth->base, .fd = fd, .bytes_max = ANSWERS_MAX,
		.moved = answers_moved, .context = client,
	};

	BUG_IF(client == NULL);
	client->config = *c;
	client->fd = fd;
	ipc_queue_init(&client->answers, &answers);
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	client->readable = event_new(c->auth->base, fd, EV_READ | EV_PERSIST,
				     on_readable, client);
	BUG_IF(client->readable == NULL);
	BUG_IF(event_add(client->readable, NULL) < 0);
	client->prev = &clients;
	client->next = clients;
	if (clients != NULL)
		clients->prev = &client->next;
	clients = client;
	return client;
}

void auth_clients_retire(void)
{
	retired = true;
	for (struct auth_client *c = clients; c != NULL; c = c->next)
		client_let_go(c);
}

uint32_t auth_client_allowed(const char *role)
{
	size_t len = strlen(role);

	if (len > 6 && strcmp(role + len - 6, "-login") == 0)
		return AUTH_CLIENT_LOGIN;
	if (strcmp(role, "admin") == 0)
		return AUTH_CLIENT_LOGIN | AUTH_CLIENT_LOOKUP |
			AUTH_CLIENT_ANY_SERVICE | AUTH_CLIENT_ADMIN;
	/* session services without a login of their own: lmtp, deliver */
	return AUTH_CLIENT_LOOKUP | AUTH_CLIENT_OPEN;
}
