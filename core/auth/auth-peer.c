/* auth-peer.c - connections of other programs. */
#include "auth-peer-private.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 4096, UNSENT_PAUSE = 65536, TICK_SECS = 10 };

struct auth_peer *auth_peers;
static uint32_t peer_count, last_cuid;
static bool retired;

uint32_t auth_peers_count(void)
{
	return peer_count;
}

uint32_t auth_peer_role(const char *listener)
{
	const char *name = strrchr(listener, '/'), *end;

	name = name == NULL ? listener : name + 1;
	end = strrchr(name, '-');
	end = end == NULL ? name : end + 1;
	if (strcmp(end, "master") == 0)
		return AUTH_LINE_MASTER;
	if (strcmp(end, "userdb") == 0)
		return AUTH_LINE_USERDB;
	return strcmp(end, "login") == 0 ? AUTH_LINE_LOGIN : AUTH_LINE_CLIENT;
}

/* Not at once: callers up the stack still use the peer. */
void peer_lose(struct auth_peer *peer, const char *why)
{
	if (peer->lost)
		return;
	peer->lost = true;
	if (why != NULL)
		log_error("auth", "%s: connection closed: %s",
			  peer->config.name, why);
	event_active(peer->readable, EV_TIMEOUT, 0);
}

/* --- buffers; they hold passwords ------------------------------------------- */

static void grow(char **buffer, size_t len, size_t *room, size_t more)
{
	size_t wanted = *room == 0 ? READ_BYTES : *room;
	char *fresh;

	while (wanted - len < more)
		wanted *= 2;
	if (wanted == *room)
		return;
	fresh = malloc(wanted);
	BUG_IF(fresh == NULL);
	if (*buffer != NULL) {
		memcpy(fresh, *buffer, len);
		explicit_bzero(*buffer, *room);
		free(*buffer);
	}
	*buffer = fresh;
	*room = wanted;
}

/* Nothing is in it: most peers are idle most of the time. */
static void release(char **buffer, size_t *len, size_t *room)
{
	if (*buffer != NULL)
		explicit_bzero(*buffer, *room);
	free(*buffer);
	*buffer = NULL;
	*len = *room = 0;
}

static size_t unsent(const struct auth_peer *peer)
{
	return peer->out_len - peer->out_at;
}

static void flush(struct auth_peer *peer)
{
	while (unsent(peer) > 0) {
		ssize_t n = send(peer->fd, peer->out + peer->out_at,
				 unsent(peer), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			(void)event_add(peer->writable, NULL);
			return;
		}
		if (n < 0) {
			peer_lose(peer, NULL);
			return;
		}
		peer->out_at += (size_t)n;
	}
	peer->out_at = 0;
	release(&peer->out, &peer->out_len, &peer->out_room);
}

void peer_send(struct auth_peer *peer, struct cv_span line)
{
	if (peer->lost)
		return;
	/* one that asks and asks, and does not read */
	if (!peer->lists && unsent(peer) > AUTH_PEER_UNSENT_MAX) {
		peer_lose(peer, "it does not read its answers");
		return;
	}
	grow(&peer->out, peer->out_len, &peer->out_room, line.len);
	memcpy(peer->out + peer->out_len, line.data, line.len);
	peer->out_len += line.len;
	if (peer->lists && peer->out_len < READ_BYTES)
		return;
	if (event_pending(peer->writable, EV_WRITE, NULL))
		return;		/* it goes when there is room, or with others */
	if (unsent(peer) > UNSENT_PAUSE)
		flush(peer);
	else
		event_active(peer->writable, EV_WRITE, 0);
}

/* --- items -------------------------------------------------------------------- */

struct peer_item *peer_item_find(const struct auth_peer *peer, uint32_t id)
{
	struct peer_item *item = peer->items;

	while (item != NULL && item->id != id)
		item = item->next;
	return item;
}

static void send_full(struct auth_peer *peer, uint32_t id)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "FAIL\t%u\tcode=temp_fail\n",
			   id);

	log_warning("auth", "%s: more than %d requests at a time",
		    peer->config.name, AUTH_PEER_REQUESTS_MAX);
	peer_send(peer, cv_span(line, (size_t)len));
}

struct peer_item *peer_item_add(struct auth_peer *peer, uint32_t id,
				uint32_t command)
{
	struct cv_pool *pool;
	struct peer_item *item;

	if (peer_item_find(peer, id) != NULL) {
		peer_lose(peer, "it uses an id twice at a time");
		return NULL;
	}
	if (peer->item_count >= AUTH_PEER_REQUESTS_MAX) {
		send_full(peer, id);
		return NULL;
	}
	pool = pool_create("auth-peer");
	item = pool_new(pool, struct peer_item);
	item->pool = pool;
	item->peer = peer;
	item->id = id;
	item->command = command;
	item->since_msecs = time_monotonic_msecs();
	item->next = peer->items;
	peer->items = item;
	if (peer->item_count++ == 0) {
		const struct timeval tick = { .tv_sec = TICK_SECS };

		(void)event_add(peer->timer, &tick);
	}
	return item;
}

/* auth has been replaced: the next question goes to the new one. */
static void let_go(struct auth_peer *peer)
{
	if (retired && peer->item_count == 0 && unsent(peer) == 0)
		peer_lose(peer, NULL);
}

void peer_item_remove(struct peer_item *item)
{
	struct auth_peer *peer = item->peer;
	struct peer_item **at = &peer->items;
	struct cv_pool *pool = item->pool;

	while (*at != item)
		at = &(*at)->next;
	*at = item->next;
	if (--peer->item_count == 0)
		(void)event_del(peer->timer);
	if (item->exchange != NULL)
		auth_exchange_free(&item->exchange);
	if (item->request != NULL)
		auth_request_unref(&item->request);
	let_go(peer);
	/* a list comes to its end by itself */
	if (item->command == AUTH_LINE_LIST && peer->lists)
		item->peer = NULL;
	else
		pool_destroy(&pool);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct auth_peer *peer = context;
	uint64_t now = time_monotonic_msecs();
	struct peer_item *next;

	(void)fd;
	(void)what;
	for (struct peer_item *item = peer->items; item != NULL;
	     item = next) {
		next = item->next;
		if ((item->waits || item->granted) && item->asker == NULL &&
		    now - item->since_msecs > AUTH_PEER_TIMEOUT_SECS * 1000)
			peer_client_expire(item);
	}
	if (peer->item_count > 0) {
		const struct timeval tick = { .tv_sec = TICK_SECS };

		(void)event_add(peer->timer, &tick);
	}
}

/* --- reading -------------------------------------------------------------------- */

static bool is_asker(const struct auth_peer *peer)
{
	return peer->config.role == AUTH_LINE_CLIENT ||
		peer->config.role == AUTH_LINE_LOGIN;
}

static int take_line(struct auth_peer *peer, struct cv_span text,
		     struct cv_error *err)
{
	struct cv_pool *pool = pool_create("auth-line");
	struct auth_line line;
	int ret;

	pool_set_secret(pool);
	ret = auth_line_parse(peer->config.role, text, pool, &line, err);
	if (ret == CV_OK &&
	    (line.command == AUTH_LINE_VERSION) == peer->greeted)
		ret = FAIL(err, CV_E_SYNTAX, peer->greeted ?
			   "a second VERSION" :
			   "a command before VERSION");
	if (ret == CV_OK && line.command == AUTH_LINE_VERSION)
		peer->greeted = true;
	else if (ret == CV_OK)
		ret = is_asker(peer) ? peer_client_line(peer, &line, err) :
			peer_master_line(peer, &line, err);
	pool_destroy(&pool);
	return ret;
}

/* All whole lines of the buffer. */
static int take_lines(struct auth_peer *peer, struct cv_error *err)
{
	size_t at = 0, len;
	int ret = CV_OK;
	char *end;

	while (ret == CV_OK && !peer->lost && peer->in_len > at) {
		struct cv_span rest = cv_span(peer->in + at,
					      peer->in_len - at);

		end = memchr(rest.data, '\n', rest.len);
		len = end == NULL ? rest.len : (size_t)(end - rest.data);
		if (len > AUTH_LINE_MAX && len > auth_line_limit(rest))
			return FAIL(err, CV_E_SYNTAX, "a line of more than "
				    "%zu bytes", auth_line_limit(rest));
		if (end == NULL)
			break;
		ret = take_line(peer, cv_span(rest.data, len), err);
		at += len + 1;
	}
	explicit_bzero(peer->in, at);
	memmove(peer->in, peer->in + at, peer->in_len - at);
	peer->in_len -= at;
	if (peer->in_len == 0)
		release(&peer->in, &peer->in_len, &peer->in_room);
	return ret;
}

static void read_some(struct auth_peer *peer)
{
	struct cv_error err = ERROR_NONE;
	ssize_t n;

	grow(&peer->in, peer->in_len, &peer->in_room, READ_BYTES);
	n = recv(peer->fd, peer->in + peer->in_len,
		 peer->in_room - peer->in_len, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (peer->in_len == 0)
			release(&peer->in, &peer->in_len, &peer->in_room);
		return;
	}
	if (n <= 0) {
		peer->lost = true;
		return;
	}
	peer->in_len += (size_t)n;
	if (take_lines(peer, &err) < 0)
		peer_lose(peer, err.text);
	/* who does not read what is answered asks no more */
	if (unsent(peer) > UNSENT_PAUSE)
		(void)event_del(peer->readable);
}

static void peer_destroy(struct auth_peer *peer)
{
	struct auth_peer_config config = peer->config;

	peer->lost = true;
	/* REQUESTs of it that look others' logins up */
	for (struct auth_peer *p = auth_peers; p != NULL; p = p->next) {
		for (struct peer_item *i = p->items; i != NULL; i = i->next)
			i->asker = i->asker == peer ? NULL : i->asker;
	}
	while (peer->items != NULL)
		peer_item_remove(peer->items);
	*peer->prev = peer->next;
	if (peer->next != NULL)
		peer->next->prev = peer->prev;
	event_free(peer->readable);
	event_free(peer->writable);
	event_free(peer->timer);
	release(&peer->in, &peer->in_len, &peer->in_room);
	release(&peer->out, &peer->out_len, &peer->out_room);
	close(peer->fd);
	free(peer);
	peer_count--;
	config.ended(config.context);
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct auth_peer *peer = context;

	(void)fd;
	(void)what;
	if (!peer->lost)
		read_some(peer);
	if (peer->lost)
		peer_destroy(peer);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
	struct auth_peer *peer = context;

	(void)fd;
	(void)what;
	if (peer->lost)
		return;
	flush(peer);
	if (unsent(peer) <= UNSENT_PAUSE && !peer->lost)
		(void)event_add(peer->readable, NULL);
	let_go(peer);
}

/* --- the whole ------------------------------------------------------------------- */

void auth_peer_create(const struct auth_peer_config *config, int fd)
{
	struct event_base *base = config->auth->base;
	struct auth_peer *peer = calloc(1, sizeof(*peer));

	BUG_IF(peer == NULL);
	peer->config = *config;
	peer->fd = fd;
	peer->cuid = ++last_cuid;
	random_bytes(peer->cookie, sizeof(peer->cookie));
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	peer->readable = event_new(base, fd, EV_READ | EV_PERSIST,
				   on_readable, peer);
	peer->writable = event_new(base, fd, EV_WRITE, on_writable, peer);
	peer->timer = event_new(base, -1, 0, on_timer, peer);
	BUG_IF(peer->readable == NULL || peer->writable == NULL ||
	       peer->timer == NULL);
	BUG_IF(event_add(peer->readable, NULL) < 0);
	peer->prev = &auth_peers;
	peer->next = auth_peers;
	if (auth_peers != NULL)
		auth_peers->prev = &peer->next;
	auth_peers = peer;
	peer_count++;
	if (is_asker(peer))
		peer_client_greet(peer);
	else
		peer_master_greet(peer);
}

void auth_peers_retire(void)
{
	retired = true;
	for (struct auth_peer *p = auth_peers; p != NULL; p = p->next)
		let_go(p);
}

void auth_peers_destroy(void)
{
	while (auth_peers != NULL)
		peer_destroy(auth_peers);
}
