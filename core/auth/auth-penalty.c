/* auth-penalty.c - waiting after wrong passwords. */
#include "auth-penalty.h"
#include "ipc/anvil-message.h"
#include "settings/settings.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ANSWER_SECS = 1, RETRY_SECS = 5, KNOWN_MAX = 4096 };

struct asked {
	struct asked *next;
	uint32_t id, place;
	uint64_t deadline_msecs;
	auth_penalty_fn *done;
	void *context;
};

struct auth_penalty {
	struct event_base *base;
	int (*connect)(void *context, int *fd_r, struct cv_error *err);
	void *context;
	int fd;
	struct event *readable;
	uint32_t last_id;
	uint64_t retry_msecs;		/* not before */
	struct asked *asked;
	/* Keyed hashes of address and user, each in its one place: a newer
	 * pair may drive an older one out. */
	uint64_t known[KNOWN_MAX];
	/* Addresses that may have a penalty in anvil: two may share a place.
	 * One that this process has not asked about has no known user. */
	bool suspect[KNOWN_MAX];
	struct ipc_writer writer;
	struct ipc_reader reader;
};

uint32_t auth_penalty_msecs(uint32_t count)
{
	static const uint32_t msecs[] = { 0, 2000, 4000, 8000, 15000 };

	return msecs[count < 4 ? count : 4];
}

void auth_penalty_name(const char *ip, char name_r[static 64])
{
	struct settings_ip address;
	char text[INET6_ADDRSTRLEN];

	if (!settings_ip_parse(ip, &address) || address.family != 6) {
		(void)snprintf(name_r, 64, "%s", ip);
		return;
	}
	/* whoever has one IPv6 address has a network of them */
	memset(address.bytes + 6, 0, 10);
	(void)inet_ntop(AF_INET6, address.bytes, text, sizeof(text));
	(void)snprintf(name_r, 64, "%s", text);
}

static uint32_t place_of(const char *name)
{
	return (uint32_t)(hash_bytes(name, strlen(name)) % KNOWN_MAX);
}

static uint64_t pair_hash(const char *ip, struct cv_span user)
{
	char name[64];

	auth_penalty_name(ip, name);
	return hash_bytes(name, strlen(name)) * 31 +
		hash_bytes(user.data, user.len);
}

bool auth_penalty_is_known(const struct auth_penalty *p, const char *ip,
			   struct cv_span user)
{
	uint64_t hash = pair_hash(ip, user);

	return p->known[hash % KNOWN_MAX] == hash;
}

static void answer(struct auth_penalty *p, uint32_t id, uint32_t delay)
{
	struct asked **at = &p->asked, *asked;

	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	if ((asked = *at) == NULL)
		return;
	*at = asked->next;
	if (delay > 0)
		p->suspect[asked->place] = true;
	asked->done(asked->context, delay);
	free(asked);
}

static void disconnect(struct auth_penalty *p)
{
	if (p->fd >= 0) {
		event_free(p->readable);
		close(p->fd);
		p->fd = -1;
		p->retry_msecs = time_monotonic_msecs() + RETRY_SECS * 1000;
	}
	while (p->asked != NULL)
		answer(p, p->asked->id, 0);
}

static void read_answer(evutil_socket_t fd, short what, void *context)
{
	struct auth_penalty *p = context;
	struct ipc_reader *r = &p->reader;
	struct timeval limit = { .tv_sec = ANSWER_SECS };
	uint32_t id, count;
	int ret;

	if ((what & EV_TIMEOUT) != 0) {
		if (p->asked != NULL) {
			log_warning("auth", "anvil does not answer: no "
				    "penalties for now");
			disconnect(p);
		}
		return;
	}
	ret = ipc_receive((int)fd, r, NULL);
	if (ret == CV_NOT_FOUND)
		return;
	if (ret == CV_OK && r->type == ANVIL_MSG_PENALTY) {
		id = ipc_get_u32(r);
		count = ipc_get_u32(r);
		(void)ipc_get_u64(r);
		if (ipc_finish(r, NULL) == CV_OK) {
			answer(p, id, auth_penalty_msecs(count));
			event_add(p->readable, p->asked != NULL ? &limit :
				  NULL);
			return;
		}
	} else if (ret == CV_OK) {
		(void)ipc_refuse(r, "anvil", NULL);
	}
	disconnect(p);
}

static bool is_connected(struct auth_penalty *p)
{
	struct cv_error err = ERROR_NONE;

	if (p->fd >= 0)
		return true;
	if (time_monotonic_msecs() < p->retry_msecs)
		return false;
	if (p->connect(p->context, &p->fd, &err) < 0) {
		p->fd = -1;
		p->retry_msecs = time_monotonic_msecs() + RETRY_SECS * 1000;
		log_warning("auth", "anvil cannot be reached: %s", err.text);
		return false;
	}
	(void)fcntl(p->fd, F_SETFL, fcntl(p->fd, F_GETFL) | O_NONBLOCK);
	p->readable = event_new(p->base, p->fd, EV_READ | EV_PERSIST,
				read_answer, p);
	BUG_IF(p->readable == NULL);
	event_add(p->readable, NULL);
	return true;
}

struct auth_penalty *
auth_penalty_create(struct event_base *base,
		    int (*connect)(void *context, int *fd_r,
				   struct cv_error *err),
		    void *context)
{
	struct auth_penalty *p = calloc(1, sizeof(*p));

	BUG_IF(p == NULL);
	p->base = base;
	p->connect = connect;
	p->context = context;
	p->fd = -1;
	return p;
}

void auth_penalty_destroy(struct auth_penalty **penalty)
{
	struct auth_penalty *p = *penalty;

	*penalty = NULL;
	if (p == NULL)
		return;
	disconnect(p);
	free(p);
}

uint32_t auth_penalty_get(struct auth_penalty *p, const char *ip,
			  auth_penalty_fn *done, void *context)
{
	struct timeval limit = { .tv_sec = ANSWER_SECS };
	struct asked *asked;
	char name[64];

	if (ip[0] == '\0' || !is_connected(p)) {
		done(context, 0);
		return 0;
	}
	auth_penalty_name(ip, name);
	ipc_begin(&p->writer, ANVIL_MSG_PENALTY_GET);
	ipc_put_u32(&p->writer, ++p->last_id == 0 ? ++p->last_id :
		    p->last_id);
	ipc_put_str(&p->writer, name);
	if (ipc_send(p->fd, &p->writer, NULL) != CV_OK) {
		disconnect(p);
		done(context, 0);
		return 0;
	}
	asked = calloc(1, sizeof(*asked));
	BUG_IF(asked == NULL);
	asked->id = p->last_id;
	asked->place = place_of(name);
	asked->done = done;
	asked->context = context;
	asked->next = p->asked;
	p->asked = asked;
	event_add(p->readable, &limit);
	return asked->id;
}

void auth_penalty_cancel(struct auth_penalty *p, uint32_t id)
{
	struct asked **at = &p->asked, *asked;

	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	if ((asked = *at) == NULL)
		return;
	*at = asked->next;
	free(asked);
}

void auth_penalty_add(struct auth_penalty *p, const char *ip,
		      struct cv_span user, struct cv_span password)
{
	uint64_t hash = pair_hash(ip, user);
	char name[64];
	uint32_t sum;

	if (p->known[hash % KNOWN_MAX] == hash)
		p->known[hash % KNOWN_MAX] = 0;
	if (ip[0] == '\0' || !is_connected(p))
		return;
	auth_penalty_name(ip, name);
	p->suspect[place_of(name)] = true;
	/* keyed: what anvil holds says nothing about the password */
	sum = (uint32_t)(hash_bytes(user.data, user.len) * 31 +
			 hash_bytes(password.data, password.len));
	ipc_begin(&p->writer, ANVIL_MSG_PENALTY_ADD);
	ipc_put_str(&p->writer, name);
	ipc_put_u32(&p->writer, sum);
	if (ipc_send(p->fd, &p->writer, NULL) != CV_OK)
		disconnect(p);
}

void auth_penalty_reset(struct auth_penalty *p, const char *ip,
			struct cv_span user)
{
	uint64_t hash = pair_hash(ip, user);
	char name[64];

	p->known[hash % KNOWN_MAX] = hash;
	auth_penalty_name(ip, name);
	if (ip[0] == '\0' || !p->suspect[place_of(name)] || !is_connected(p))
		return;
	p->suspect[place_of(name)] = false;
	ipc_begin(&p->writer, ANVIL_MSG_PENALTY_RESET);
	ipc_put_str(&p->writer, name);
	if (ipc_send(p->fd, &p->writer, NULL) != CV_OK)
		disconnect(p);
}
