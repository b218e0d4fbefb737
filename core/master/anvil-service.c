/* anvil-service.c - counts sessions, and failures to log in.
 *
 * A session is what holds its lease open: nothing to clean up after a crash.
 * Trusts nobody: which process has a lease is what the kernel says, and each
 * has one, so that a session that has been taken over cannot fill the places
 * of other users; penalties are auth's, lists and kicks the admin's.  Opens
 * no file. */
#include "anvil-service.h"
#include "ipc/anvil-message.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	PENALTIES_MAX = 100000,
	PENALTY_FORGET_SECONDS = 3600,
	PENALTY_SWEEP_SECONDS = 300,
	CHECKSUMS = 10,		/* attempts an address is remembered by */
	COUNT_MAX = 64,
	LEASE_REST_MSECS = 50,	/* before the ends of leases wake again */
	LEASE_BURST = 64,
};

struct lease {
	struct lease *next, *prev;
	int fd;
	uint32_t pid;
	bool one_of_many;	/* of its process */
	uint64_t since_usecs;
	struct group *group;
	char *service, *session_id, *activity;
};

/* Connections whose sessions sleep are all held by one process. */
static bool may_have_many(const char *client)
{
	return strcmp(client, "idle") == 0;
}

/* Sessions of one user from one address with one service. */
struct group { char *key, *user, *ip; uint32_t count; };

struct penalty {
	char *ip;
	uint32_t count, checksum_count, checksums[CHECKSUMS];
	uint64_t last_usecs;
};

/* All leases are in one epoll set, which is itself watched, but for a while
 * after something was in it: sessions that end one after the other are
 * noticed together, or with the next request, whatever comes first.  So no
 * request sees a lease whose end came before it. */
static struct {
	struct service *service;
	int lease_set;
	struct event ends, rest;
	struct lease *leases;
	struct cv_pool *pool;		/* of the tables */
	struct hash_table groups, penalties;
	struct hash_table owners;	/* leases by process id */
} anvil;

static bool is_admin(const char *client)
{
	return strcmp(client, "admin") == 0;
}

/* Penalties decide who may try a password: no session says anything of
 * them. */
static bool may_punish(const char *client)
{
	return strcmp(client, "auth") == 0 || is_admin(client);
}

/* These live as long as their entry; the pools of the tables do not shrink. */
static char *copy(const char *str)
{
	char *s = strdup(str);

	BUG_IF(s == NULL);
	return s;
}

/* --- leases -------------------------------------------------------------------- */

static struct group *group_get(const struct anvil_connect *c)
{
	struct cv_pool *pool = pool_create("key");
	char *key = pool_printf(pool, "%s\n%s\n%s", c->user, c->ip,
				c->service);
	struct group *group = hash_find(&anvil.groups, cv_span_of(key));

	if (group == NULL) {
		group = calloc(1, sizeof(*group));
		BUG_IF(group == NULL);
		group->key = copy(key);
		group->user = copy(c->user);
		group->ip = copy(c->ip);
		hash_set(&anvil.groups, cv_span_of(group->key), group);
	}
	pool_destroy(&pool);
	return group;
}

static void group_release(struct group *group)
{
	if (group->count > 0)
		return;
	(void)hash_remove(&anvil.groups, cv_span_of(group->key));
	free(group->key);
	free(group->user);
	free(group->ip);
	free(group);
}

static struct cv_span owner_key(const uint32_t *pid)
{
	return cv_span((const char *)pid, sizeof(*pid));
}

static void lease_end(struct lease *lease)
{
	if (!lease->one_of_many)
		(void)hash_remove(&anvil.owners, owner_key(&lease->pid));
	if (lease->prev != NULL)
		lease->prev->next = lease->next;
	else
		anvil.leases = lease->next;
	if (lease->next != NULL)
		lease->next->prev = lease->prev;
	/* its sender may have kept a copy: closing alone would not do */
	(void)epoll_ctl(anvil.lease_set, EPOLL_CTL_DEL, lease->fd, NULL);
	(void)close(lease->fd);
	lease->group->count--;
	group_release(lease->group);
	free(lease->service);
	free(lease->session_id);
	free(lease->activity);
	free(lease);
	service_release(anvil.service);
}

static void lease_read(struct lease *lease)
{
	struct cv_error err = ERROR_NONE;
	static struct ipc_reader r;
	const char *text;
	int status = ipc_receive_now(lease->fd, &r, &err);

	if (status == CV_NOT_FOUND)
		return;
	if (status == CV_OK && r.type == ANVIL_MSG_ACTIVITY) {
		text = ipc_get_str(&r, 128);
		if (ipc_finish(&r, &err) == CV_OK) {
			free(lease->activity);
			lease->activity = copy(text);
			return;
		}
	} else if (status == CV_OK) {
		(void)ipc_refuse(&r, lease->service, &err);
	}
	if (status != CV_EOF)
		log_error("anvil", "%s", err.text);
	lease_end(lease);
}

/* Each lease is in a list of ready ones once, and reading one ends no other. */
static void leases_read(void)
{
	struct epoll_event ready[LEASE_BURST];
	int n;

	do {
		n = epoll_wait(anvil.lease_set, ready, LEASE_BURST, 0);
		for (int i = 0; i < n; i++)
			lease_read(ready[i].data.ptr);
	} while (n == LEASE_BURST);
}

static void on_lease_end(evutil_socket_t fd, short what, void *context)
{
	static const struct timeval rest = { 0, LEASE_REST_MSECS * 1000 };

	(void)fd;
	(void)what;
	(void)context;
	leases_read();
	(void)event_add(&anvil.rest, &rest);
}

static void on_rest_over(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
	(void)event_add(&anvil.ends, NULL);
}

static void answer(int fd, uint32_t type)
{
	struct ipc_writer w;

	ipc_begin(&w, type);
	(void)ipc_send_now(fd, &w, NULL);
}

/* The process that has made the pair. */
static bool find_owner(int fd, uint32_t *pid_r)
{
	struct ucred owner;
	socklen_t len = sizeof(owner);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &owner, &len) < 0 ||
	    owner.pid <= 0)
		return false;
	*pid_r = (uint32_t)owner.pid;
	return true;
}

/* A lease whose process has ended may still wait to be noticed. */
static bool has_lease(uint32_t pid)
{
	struct lease *lease = hash_find(&anvil.owners, owner_key(&pid));
	struct pollfd p = { .events = POLLRDHUP };

	if (lease == NULL)
		return false;
	p.fd = lease->fd;
	if (poll(&p, 1, 0) == 0)
		return true;
	lease_end(lease);
	return false;
}

static void lease_begin(const struct anvil_connect *c, struct group *group,
			int fd, bool one_of_many)
{
	struct lease *lease = calloc(1, sizeof(*lease));
	struct epoll_event watch = {
		.events = EPOLLIN, .data.ptr = lease,
	};

	BUG_IF(lease == NULL);
	lease->fd = fd;
	lease->pid = c->pid;
	lease->since_usecs = time_now_usecs();
	lease->group = group;
	lease->one_of_many = one_of_many;
	if (!one_of_many)
		hash_set(&anvil.owners, owner_key(&lease->pid), lease);
	lease->service = copy(c->service);
	lease->session_id = copy(c->session_id);
	lease->activity = copy("");
	group->count++;
	BUG_IF(epoll_ctl(anvil.lease_set, EPOLL_CTL_ADD, fd, &watch) < 0);
	lease->next = anvil.leases;
	if (lease->next != NULL)
		lease->next->prev = lease;
	anvil.leases = lease;
	service_hold(anvil.service);
	answer(fd, ANVIL_MSG_GRANTED);
}

static int connect_get(const char *client, struct ipc_reader *r,
		       struct anvil_connect *c_r, int *fd_r,
		       struct cv_error *err)
{
	int status;

	*fd_r = -1;
	/* auth and the admin have channels, sessions have leases */
	if (r->type != ANVIL_MSG_CONNECT || may_punish(client))
		return ipc_refuse(r, client, err);
	anvil_connect_get(r, c_r);
	*fd_r = ipc_get_socket(r);
	status = ipc_finish(r, err);
	if (status != CV_OK)
		return status;
	if (!find_owner(*fd_r, &c_r->pid) ||
	    (!may_have_many(client) && has_lease(c_r->pid)))
		return FAIL(err, CV_E_DENIED, "'%s' process %u wants a second "
			    "lease", client, c_r->pid);
	return CV_OK;
}

static void anvil_message(struct service *s, const char *client,
			  struct ipc_reader *r)
{
	struct cv_error err = ERROR_NONE;
	struct anvil_connect c;
	struct group *group;
	int fd;

	(void)s;
	leases_read();
	if (connect_get(client, r, &c, &fd, &err) != CV_OK) {
		log_error("anvil", "%s: %s", client, err.text);
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	group = group_get(&c);
	if (c.limit != 0 && group->count >= c.limit) {
		answer(fd, ANVIL_MSG_LIMIT);
		(void)close(fd);
		group_release(group);
		return;
	}
	lease_begin(&c, group, fd, may_have_many(client));
}

/* --- penalties --------------------------------------------------------------------- */

static void penalty_free(struct penalty *p)
{
	(void)hash_remove(&anvil.penalties, cv_span_of(p->ip));
	free(p->ip);
	free(p);
}

static bool penalty_knows(const struct penalty *p, uint32_t checksum)
{
	for (uint32_t i = 0; i < p->checksum_count; i++) {
		if (p->checksums[i] == checksum)
			return true;
	}
	return false;
}

/* A program with an old password repeats itself; only what is new counts. */
static void penalty_add(const char *ip, uint32_t checksum)
{
	struct penalty *p = hash_find(&anvil.penalties, cv_span_of(ip));

	if (p == NULL) {
		if (anvil.penalties.count >= PENALTIES_MAX)
			return;
		p = calloc(1, sizeof(*p));
		BUG_IF(p == NULL);
		p->ip = copy(ip);
		hash_set(&anvil.penalties, cv_span_of(p->ip), p);
	}
	p->last_usecs = time_now_usecs();
	if (checksum != 0 && penalty_knows(p, checksum))
		return;
	if (p->count < COUNT_MAX)
		p->count++;
	if (checksum == 0)
		return;
	if (p->checksum_count == CHECKSUMS) {
		memmove(p->checksums, p->checksums + 1,
			(CHECKSUMS - 1) * sizeof(p->checksums[0]));
		p->checksum_count--;
	}
	p->checksums[p->checksum_count++] = checksum;
}

static void on_sweep(evutil_socket_t fd, short what, void *context)
{
	uint64_t horizon = time_now_usecs() -
		(uint64_t)PENALTY_FORGET_SECONDS * 1000000;
	struct hash_entry *entry;
	size_t at = 0;

	(void)fd;
	(void)what;
	(void)context;
	while ((entry = hash_next(&anvil.penalties, &at)) != NULL) {
		struct penalty *p = entry->value;

		if (p->last_usecs < horizon)
			penalty_free(p);
	}
}

static void send_penalty(int fd, uint32_t id, const char *ip)
{
	const struct penalty *p = hash_find(&anvil.penalties, cv_span_of(ip));
	struct ipc_writer w;

	ipc_begin(&w, ANVIL_MSG_PENALTY);
	ipc_put_u32(&w, id);
	ipc_put_u32(&w, p == NULL ? 0 : p->count);
	ipc_put_u64(&w, p == NULL ? 0 : p->last_usecs);
	(void)ipc_send_now(fd, &w, NULL);
}

/* --- channels ------------------------------------------------------------------------- */

/* Lists may be longer than a socket's queue: the channel of a list is made
 * blocking, with a limit on how long a reader may dawdle. */
static int send_row(int fd, const struct ipc_writer *w)
{
	return ipc_send(fd, w, NULL);
}

static void send_end(int fd, uint32_t count)
{
	struct ipc_writer w;

	ipc_begin(&w, ANVIL_MSG_END);
	ipc_put_u32(&w, count);
	(void)send_row(fd, &w);
}

static void send_who(int fd)
{
	uint32_t count = 0;

	for (const struct lease *l = anvil.leases; l != NULL; l = l->next) {
		struct anvil_connect c = {
			.user = l->group->user, .ip = l->group->ip,
			.service = l->service, .session_id = l->session_id,
			.pid = l->pid,
		};
		struct ipc_writer w;

		ipc_begin(&w, ANVIL_MSG_WHO_ROW);
		anvil_connect_put(&w, &c);
		ipc_put_u64(&w, l->since_usecs);
		ipc_put_str(&w, l->activity);
		if (send_row(fd, &w) != CV_OK)
			return;
		count++;
	}
	send_end(fd, count);
}

static void send_penalties(int fd)
{
	struct hash_entry *entry;
	uint32_t count = 0;
	size_t at = 0;

	while ((entry = hash_next(&anvil.penalties, &at)) != NULL) {
		const struct penalty *p = entry->value;
		struct ipc_writer w;

		ipc_begin(&w, ANVIL_MSG_PENALTY_ROW);
		ipc_put_str(&w, p->ip);
		ipc_put_u32(&w, p->count);
		ipc_put_u64(&w, p->last_usecs);
		if (send_row(fd, &w) != CV_OK)
			return;
		count++;
	}
	send_end(fd, count);
}

static void kick(int fd, const char *user, const char *ip)
{
	uint32_t count = 0;

	for (const struct lease *l = anvil.leases; l != NULL; l = l->next) {
		if ((*user != '\0' && strcmp(user, l->group->user) != 0) ||
		    (*ip != '\0' && strcmp(ip, l->group->ip) != 0))
			continue;
		answer(l->fd, ANVIL_MSG_KICK);
		count++;
	}
	send_end(fd, count);
}

/* One request a channel from culveradm; any number from auth. */
struct channel { struct event *event; int fd; bool admin; };

static void handle_list(struct channel *c, uint32_t type)
{
	const struct timeval patience = { 2, 0 };

	(void)fcntl(c->fd, F_SETFL, 0);
	(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
			 sizeof(patience));
	if (type == ANVIL_MSG_WHO)
		send_who(c->fd);
	else
		send_penalties(c->fd);
	(void)fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

static int handle(struct channel *c, struct ipc_reader *r,
		  struct cv_error *err)
{
	const char *ip, *user;
	uint32_t number, type = r->type;
	int status;

	switch (type) {
	case ANVIL_MSG_PENALTY_GET:
		number = ipc_get_u32(r);
		ip = ipc_get_str(r, ANVIL_IP_MAX);
		status = ipc_finish(r, err);
		if (status == CV_OK)
			send_penalty(c->fd, number, ip);
		return status;
	case ANVIL_MSG_PENALTY_ADD:
		ip = ipc_get_str(r, ANVIL_IP_MAX);
		number = ipc_get_u32(r);
		status = ipc_finish(r, err);
		if (status == CV_OK)
			penalty_add(ip, number);
		return status;
	case ANVIL_MSG_PENALTY_RESET:
		ip = ipc_get_str(r, ANVIL_IP_MAX);
		status = ipc_finish(r, err);
		if (status == CV_OK) {
			struct penalty *p = hash_find(&anvil.penalties,
						      cv_span_of(ip));

			if (p != NULL)
				penalty_free(p);
		}
		return status;
	default:
		break;
	}
	if (!c->admin)
		return ipc_refuse(r, "client", err);
	switch (type) {
	case ANVIL_MSG_WHO:
	case ANVIL_MSG_PENALTY_LIST:
		status = ipc_finish(r, err);
		if (status == CV_OK)
			handle_list(c, type);
		return status;
	case ANVIL_MSG_KICK_USER:
		user = ipc_get_str(r, 1024);
		ip = ipc_get_str(r, ANVIL_IP_MAX);
		status = ipc_finish(r, err);
		if (status == CV_OK)
			kick(c->fd, user, ip);
		return status;
	default:
		return ipc_refuse(r, "admin", err);
	}
}

static void on_channel(evutil_socket_t fd, short what, void *context)
{
	struct channel *c = context;
	struct cv_error err = ERROR_NONE;
	struct ipc_reader r;
	int status = ipc_receive_now((int)fd, &r, &err);

	(void)what;
	if (status == CV_NOT_FOUND)
		return;
	leases_read();
	if (status == CV_OK)
		status = handle(c, &r, &err);
	if (status == CV_OK)
		return;
	if (status != CV_EOF)
		log_error("anvil", "%s", err.text);
	event_free(c->event);
	(void)close(c->fd);
	free(c);
	service_release(anvil.service);
}

static void anvil_channel(struct service *s, const char *client, int fd)
{
	struct channel *c;

	if (!may_punish(client)) {
		log_error("anvil", "'%s' may not open a channel", client);
		(void)close(fd);
		return;
	}
	c = calloc(1, sizeof(*c));
	BUG_IF(c == NULL);
	c->fd = fd;
	c->admin = is_admin(client);
	c->event = event_new(s->base, fd, EV_READ | EV_PERSIST, on_channel,
			     c);
	BUG_IF(c->event == NULL);
	BUG_IF(event_add(c->event, NULL) < 0);
	service_hold(s);
}

static int anvil_start(struct service *s, struct cv_error *err)
{
	static const struct timeval every = { PENALTY_SWEEP_SECONDS, 0 };
	struct event *event;

	anvil.service = s;
	anvil.pool = pool_create("anvil");
	hash_init(&anvil.groups, anvil.pool, false);
	hash_init(&anvil.penalties, anvil.pool, false);
	hash_init(&anvil.owners, anvil.pool, false);
	event = event_new(s->base, -1, EV_PERSIST, on_sweep, NULL);
	BUG_IF(event == NULL);
	BUG_IF(event_add(event, &every) < 0);
	anvil.lease_set = epoll_create1(EPOLL_CLOEXEC);
	if (anvil.lease_set < 0)
		return FAIL_ERRNO(err, errno, "cannot watch sessions");
	BUG_IF(event_assign(&anvil.ends, s->base, anvil.lease_set, EV_READ,
			    on_lease_end, NULL) < 0);
	BUG_IF(evtimer_assign(&anvil.rest, s->base, on_rest_over, NULL) < 0);
	BUG_IF(event_add(&anvil.ends, NULL) < 0);
	return CV_OK;
}

const struct service_row anvil_service_row = {
	.name = "anvil",
	.user = SERVICE_USER_INTERNAL,
	.chroot_empty = true,
	.syscalls = SANDBOX_EVENTS,
	.start = anvil_start,
	.channel = anvil_channel,
	.message = anvil_message,
};
