/* auth-peer-private.h - a peer, for the two protocols. */
#ifndef AUTH_PEER_PRIVATE_H
#define AUTH_PEER_PRIVATE_H

#include "auth-exchange.h"
#include "auth-peer.h"

enum { AUTH_PEER_COOKIE_BYTES = 16 };

/* What one id stands for. */
struct peer_item {
	struct peer_item *next;
	struct auth_peer *peer;		/* NULL: gone (of a list) */
	uint32_t id, command;		/* enum auth_line_command */
	struct cv_pool *pool;
	struct auth_exchange *exchange;	/* AUTH */
	struct auth_request *request;	/* USER, PASS */
	bool waits;			/* AUTH: for CONT */
	bool has_final;			/* sent in a CONT; its answer is OK */
	bool final_resp_ok;
	bool granted;			/* for a REQUEST */
	uint64_t since_msecs;
	/* a REQUEST that looks this login's user up */
	struct auth_peer *asker;
	uint32_t asker_id;
};

struct auth_peer {
	struct auth_peer *next, **prev;
	struct auth_peer_config config;
	int fd;
	struct event *readable, *writable, *timer;
	uint32_t cuid, cpid;
	uint8_t cookie[AUTH_PEER_COOKIE_BYTES];
	bool greeted;			/* VERSION has come */
	bool lost;			/* to be ended by the event loop */
	bool lists;			/* a LIST runs */
	struct peer_item *items;
	uint32_t item_count;
	char *in, *out;			/* wiped */
	size_t in_len, in_room;
	size_t out_at, out_len, out_room;
};

/* All of them. */
extern struct auth_peer *auth_peers;

/* why: for the log; NULL: nothing is wrong. */
void peer_lose(struct auth_peer *peer, const char *why);
/* A whole line, with its LF. */
void peer_send(struct auth_peer *peer, struct cv_span line);

struct peer_item *peer_item_find(const struct auth_peer *peer, uint32_t id);
/* NULL: the id is in use, and the peer is lost; or there are too many, and
 * the refusal is sent. */
struct peer_item *peer_item_add(struct auth_peer *peer, uint32_t id,
				uint32_t command);
void peer_item_remove(struct peer_item *item);

/* --- peer-client.c ---------------------------------------------------------- */

void peer_client_greet(struct auth_peer *peer);
int peer_client_line(struct auth_peer *peer, const struct auth_line *line,
		     struct cv_error *err);
/* The other end has been silent for too long. */
void peer_client_expire(struct peer_item *item);

/* --- peer-master.c ---------------------------------------------------------- */

void peer_master_greet(struct auth_peer *peer);
int peer_master_line(struct auth_peer *peer, const struct auth_line *line,
		     struct cv_error *err);

#endif
