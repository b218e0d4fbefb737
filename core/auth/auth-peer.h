/* auth-peer.h - a connection of another program that asks auth: Postfix and
 * Exim for passwords, deliverers and scripts for users.
 *
 * The protocols are those of auth-line.h.  This end speaks first and says all
 * it has to say, but believes nothing before the other's VERSION, so that
 * programs of either habit are served.  A peer that breaks the rules loses
 * its connection and its requests; nobody else notices. */
#ifndef AUTH_PEER_H
#define AUTH_PEER_H

#include "auth.h"
#include "auth-line.h"

enum {
	AUTH_PEER_REQUESTS_MAX = 1024,	/* of one peer */
	AUTH_PEERS_MAX = 4096,
	AUTH_PEER_TIMEOUT_SECS = 150,	/* of an exchange that waits */
	AUTH_PEER_UNSENT_MAX = 4 << 20,	/* bytes of answers, lists apart */
};

struct auth_peer_config {
	struct auth *auth;
	uint32_t role;		/* enum auth_line_role */
	const char *name;	/* of the listener, for the log */
	/* The socket is open to all, and this user is not its owner: they
	 * may look up those of their own uid and nothing else. */
	bool restricted;
	uint32_t uid, pid;	/* of the other end; pid 0: not known */
	/* The connection has ended. */
	void (*ended)(void *context);
	void *context;
};

/* The role that follows from a listener's name, as Dovecot has it: what is
 * behind the last '-' of the file's name. */
uint32_t auth_peer_role(const char *listener);

/* fd becomes the peer's and non-blocking.  It ends by itself. */
void auth_peer_create(const struct auth_peer_config *config, int fd);
uint32_t auth_peers_count(void);
/* auth is being replaced: those that wait for nothing lose their connection
 * now, the others with their last answer; both connect to the new one. */
void auth_peers_retire(void);
/* Of tests: all connections, at once; ended is called. */
void auth_peers_destroy(void);

#endif
