/* anvil-message.h - who is connected, and who fails too often.
 *
 * A session asks for a lease: one message on anvil's port with one end of a
 * pair.  anvil answers on the other end with GRANTED or LIMIT, and may send
 * KICK later; closing it ends the lease, however the process dies.
 * auth asks for penalties on a channel; culveradm lists and kicks. */
#ifndef ANVIL_MESSAGE_H
#define ANVIL_MESSAGE_H

#include "ipc.h"

enum anvil_message_type {
	ANVIL_MSG_CONNECT = 0x300,	/* port: fields below, fd: lease */
	ANVIL_MSG_GRANTED,		/* lease: no fields */
	ANVIL_MSG_LIMIT,		/* lease: no fields */
	ANVIL_MSG_KICK,			/* lease: no fields */
	ANVIL_MSG_ACTIVITY,		/* lease, from the session: text */
	ANVIL_MSG_PENALTY_GET,		/* channel: u32 id, str ip */
	ANVIL_MSG_PENALTY,		/* u32 id, u32 count, u64 last usecs */
	ANVIL_MSG_PENALTY_ADD,		/* str ip, u32 checksum of user+secret:
					 * the same attempt again counts once */
	ANVIL_MSG_PENALTY_RESET,	/* str ip */
	ANVIL_MSG_PENALTY_LIST,		/* -> PENALTY_ROW* END */
	ANVIL_MSG_PENALTY_ROW,		/* str ip, u32 count, u64 last usecs */
	ANVIL_MSG_WHO,			/* -> WHO_ROW* END */
	ANVIL_MSG_WHO_ROW,		/* connect's fields, u64 since, text */
	ANVIL_MSG_KICK_USER,		/* str user ("" any), str ip ("" any)
					 * -> END with the count */
	ANVIL_MSG_END,			/* u32 count */
	ANVIL_IP_MAX = 64,
};

struct anvil_connect {
	const char *user, *ip, *service, *session_id;
	uint32_t pid;
	uint32_t limit;		/* mail_max_userip_connections, 0 none */
};

void anvil_connect_put(struct ipc_writer *w, const struct anvil_connect *c);
/* Fields only: the caller goes on reading and finishes. */
void anvil_connect_get(struct ipc_reader *r, struct anvil_connect *c_r);

/* Asks for a lease: CV_OK with its descriptor (close-on-exec), or a
 * failure.  What follows may be done while anvil thinks. */
int anvil_lease_begin(int anvil_port, const struct anvil_connect *c,
		      int *lease_r, struct cv_error *err);
/* Waits for the answer: CV_OK, CV_E_LIMIT, or a failure; then the lease is
 * closed and -1. */
int anvil_lease_finish(int *lease, struct cv_error *err);

#endif
