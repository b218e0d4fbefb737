/* route-watch.c - see route-watch.h.
 *
 * A backend is down when no live proxy reaches it: one that is cut off itself
 * takes nobody's users away from where they are.  A backend that does not
 * answer is tried less and less often, at last every 60 s. */
#include "route-watch.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	BACK_OFF_MAX_MSECS = 60000, HOUSEKEEPING_MSECS = 20000,
	DEFAULT_PORT = 143,
};

struct route_probe {
	struct route_probe *next;
	char name[ROUTE_NAME_ROOM];
	uint32_t failures;
	uint64_t due;			/* msecs */
	bool told, up;			/* what the table has from us */
};

/* A user whose sessions end. */
struct route_move {
	struct route_move *next;
	char id[ROUTE_ID_ROOM], user[ROUTE_NAME_ROOM];
	uint32_t quiet;			/* rounds without a session */
	bool seen;			/* in this round */
};

struct round {
	struct route_watcher *w;
	struct route_store *store;
	const struct route_file *file;
	struct cv_plugin *self;
	const struct cv_route_watch *watch;
	struct cv_pool *pool;
	struct cv_error *err;
};

static int change(struct round *r, const char *text,
		  const char *const *params, uint64_t *changed_r)
{
	struct route_query query = {
		.text = text, .params = params, .changes = true,
	};

	return route_store_run(r->store, &query, changed_r, r->err);
}

/* A row that says so already may count as not changed: then the key refuses
 * another one, which changes nothing. */
static int put(struct round *r, const char *update, const char *insert,
	       const char *const *params)
{
	uint64_t changed = 0;
	int ret = change(r, update, params, &changed);

	if (ret == CV_OK && changed == 0)
		(void)change(r, insert, params, NULL);
	return ret;
}

/* --- one proxy's look at one backend ---------------------------------------- */

static bool wait_for(int fd, short events, uint64_t until)
{
	struct pollfd p = { fd, events, 0 };
	uint64_t now;

	while ((now = cv_api->monotonic_msecs()) < until) {
		int n = poll(&p, 1, (int)(until - now));

		if (n > 0)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
	}
	return false;
}

/* It accepts, and says something where that is asked for: a server that has
 * stopped still accepts, the kernel does that. */
static bool answers(const struct addrinfo *at, const struct route_file *file)
{
	uint64_t until = cv_api->monotonic_msecs() + file->check_timeout;
	int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC |
			SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(int);
	int problem = 0;
	bool ok = false;
	char byte;

	if (fd < 0)
		return false;
	if (connect(fd, at->ai_addr, at->ai_addrlen) == 0 ||
	    errno == EINPROGRESS)
		ok = wait_for(fd, POLLOUT, until) &&
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem,
				   &len) == 0 && problem == 0;
	if (ok && file->check_greeting)
		ok = wait_for(fd, POLLIN, until) &&
			recv(fd, &byte, 1, 0) == 1;
	(void)close(fd);
	return ok;
}

static bool is_reached(const struct route_backend *b,
		       const struct route_file *file)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *at;
	char port[ROUTE_NUMBER_ROOM];
	bool ok = false;

	(void)route_decimal(port, file->check_port != 0 ? file->check_port :
			    b->port != 0 ? b->port : DEFAULT_PORT);
	if (getaddrinfo(b->name, port, &hints, &list) != 0)
		return false;
	for (at = list; at != NULL && !ok; at = at->ai_next)
		ok = answers(at, file);
	freeaddrinfo(list);
	return ok;
}

static struct route_probe *probe_of(struct round *r, const char *name)
{
	struct route_probe *p;

	for (p = r->w->probes; p != NULL; p = p->next) {
		if (strcmp(p->name, name) == 0)
			return p;
	}
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	(void)snprintf(p->name, sizeof(p->name), "%s", name);
	p->up = true;
	p->next = r->w->probes;
	r->w->probes = p;
	return p;
}

static int tell_health(struct round *r, struct route_probe *p, bool up)
{
	const char *const params[] = {
		up ? "1" : "0", r->watch->proxy, p->name,
	};
	int ret = put(r, "UPDATE route_health SET is_up = ? WHERE proxy = ? "
		      "AND backend = ?", "INSERT INTO route_health (is_up, "
		      "proxy, backend) VALUES (?, ?, ?)", params);

	if (ret != CV_OK)
		return ret;
	if (p->up != up)
		cv_api->log(r->self, up ? CV_LOG_INFO : CV_LOG_WARNING,
			    "backend '%s' is %s", p->name, up ?
			    "reached again" : "not reached");
	p->told = true;
	p->up = up;
	return CV_OK;
}

static int try_backend(struct round *r, const struct route_backend *b)
{
	struct route_probe *p = probe_of(r, b->name);
	uint64_t now = cv_api->monotonic_msecs(), wait;
	bool up;

	if (p == NULL || now < p->due)
		return CV_OK;
	up = is_reached(b, r->file);
	if (up)
		p->failures = 0;
	else if (p->failures < 16)
		p->failures++;
	wait = r->file->check_interval * 1000ULL;
	if (p->failures > r->file->check_failures)
		wait <<= p->failures - r->file->check_failures;
	if (wait > BACK_OFF_MAX_MSECS)
		wait = BACK_OFF_MAX_MSECS;
	p->due = cv_api->monotonic_msecs() + wait;
	up = up || p->failures < r->file->check_failures;
	return p->told && p->up == up ? CV_OK : tell_health(r, p, up);
}

static int say_alive(struct round *r)
{
	char now[ROUTE_NUMBER_ROOM];
	const char *const params[] = {
		route_decimal(now, (uint64_t)time(NULL)), r->watch->proxy,
	};

	return put(r, "UPDATE route_proxies SET seen = ? WHERE name = ?",
		   "INSERT INTO route_proxies (seen, name) VALUES (?, ?)",
		   params);
}

static int try_backends(struct round *r)
{
	struct route_backend *b;
	int ret = route_store_backends(r->store, r->pool, &b, r->err);

	for (; ret == CV_OK && b != NULL; b = b->next) {
		ret = try_backend(r, b);
		/* one after the other: that may take long */
		if (ret == CV_OK)
			ret = say_alive(r);
	}
	return ret;
}

/* --- users who move ----------------------------------------------------------- */

static int move_row(void *context, const struct cv_sql_row *row,
		    struct cv_error *err)
{
	struct round *r = context;
	struct cv_span user = route_column(row, 0), id = route_column(row, 1);
	struct route_move *m;

	(void)err;
	for (m = r->w->moves; m != NULL; m = m->next) {
		if (cv_span_is(id, m->id)) {
			m->seen = true;
			return CV_OK;
		}
	}
	m = user.len < sizeof(m->user) && id.len < sizeof(m->id) ?
		calloc(1, sizeof(*m)) : NULL;
	if (m == NULL)
		return CV_OK;
	memcpy(m->user, user.data, user.len);
	memcpy(m->id, id.data, id.len);
	m->seen = true;
	m->next = r->w->moves;
	r->w->moves = m;
	return CV_OK;
}

static int read_moves(struct round *r)
{
	char now[ROUTE_NUMBER_ROOM];
	const char *const params[] = {
		route_decimal(now, (uint64_t)time(NULL)), r->watch->proxy,
	};
	struct route_query query = {
		.text = "SELECT u.username, u.move_id FROM route_users u "
			"WHERE u.move_id <> '' AND u.move_until >= ? AND NOT "
			"EXISTS (SELECT 1 FROM route_acks a WHERE a.move_id = "
			"u.move_id AND a.proxy = ?)",
		.params = params, .row = move_row, .context = r,
	};

	for (struct route_move *m = r->w->moves; m != NULL; m = m->next)
		m->seen = false;
	return route_store_run(r->store, &query, NULL, r->err);
}

/* A login that was past its lookup when the move began has its session a
 * moment later: so the second quiet round counts. */
static int end_sessions(struct round *r, struct route_move *m)
{
	const char *const params[] = { m->id, r->watch->proxy };
	uint32_t count = 0;
	int ret = r->watch->kick(r->watch->context, m->user, &count, r->err);

	if (ret != CV_OK)
		return ret;
	m->quiet = count > 0 ? 0 : m->quiet + 1;
	if (m->quiet < 2)
		return CV_OK;
	return change(r, "INSERT INTO route_acks (move_id, proxy) VALUES "
		      "(?, ?)", params, NULL);
}

static int end_moves(struct round *r)
{
	struct route_move **at = &r->w->moves, *m;
	int ret = read_moves(r);

	while (ret == CV_OK && (m = *at) != NULL) {
		if (m->seen) {
			ret = end_sessions(r, m);
			at = &m->next;
			continue;
		}
		*at = m->next;
		free(m);
	}
	return ret;
}

/* --- housekeeping ------------------------------------------------------------- */

struct using { struct round *r; int ret; };

/* Who has a session stays where it is. */
static void user_found(void *context, const char *user)
{
	struct using *u = context;
	char now[ROUTE_NUMBER_ROOM];
	const char *const params[] = {
		route_decimal(now, (uint64_t)time(NULL)), user,
	};

	if (u->ret == CV_OK)
		u->ret = change(u->r, "UPDATE route_users SET used = ? "
				"WHERE username = ?", params, NULL);
}

static int keep_house(struct round *r)
{
	uint64_t now = cv_api->monotonic_msecs();
	char old[ROUTE_NUMBER_ROOM];
	const char *const params[] = {
		route_decimal(old, (uint64_t)time(NULL) -
			      2ULL * r->file->user_expire),
	};
	struct using u = { r, CV_OK };
	int ret;

	if (now < r->w->housekeeping)
		return CV_OK;
	r->w->housekeeping = now + (r->file->user_expire * 250ULL <
		HOUSEKEEPING_MSECS ? r->file->user_expire * 250ULL :
		HOUSEKEEPING_MSECS);
	ret = r->watch->sessions(r->watch->context, user_found, &u, r->err);
	if (ret == CV_OK)
		ret = u.ret;
	return ret == CV_OK ? change(r, "DELETE FROM route_users WHERE "
				     "used < ? AND pinned = 0", params,
				     NULL) : ret;
}

int route_watch(struct route_watcher *watcher, struct route_store *store,
		const struct route_file *file, struct cv_plugin *self,
		const struct cv_route_watch *watch, struct cv_error *err)
{
	struct round r = {
		watcher, store, file, self, watch,
		cv_api->pool_create("route watch"), err,
	};
	int ret = say_alive(&r);

	if (ret == CV_OK)
		ret = end_moves(&r);
	if (ret == CV_OK)
		ret = try_backends(&r);
	if (ret == CV_OK)
		ret = keep_house(&r);
	cv_api->pool_destroy(&r.pool);
	return ret;
}

void route_watch_end(struct route_watcher *watcher)
{
	struct route_probe *p;
	struct route_move *m;

	while ((p = watcher->probes) != NULL) {
		watcher->probes = p->next;
		free(p);
	}
	while ((m = watcher->moves) != NULL) {
		watcher->moves = m->next;
		free(m);
	}
}
