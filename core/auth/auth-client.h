/* auth-client.h - one channel of a login process, of lmtp or of culveradm.
 *
 * What a client may ask follows from its role, which the master has given to
 * the port.  A client that breaks the rules loses its channel and all its
 * requests with it; nobody else notices. */
#ifndef AUTH_CLIENT_H
#define AUTH_CLIENT_H

#include "auth.h"

enum {
	AUTH_CLIENT_LOGIN = 1,	/* BEGIN ... HANDOFF */
	AUTH_CLIENT_LOOKUP = 2,	/* USER_LOOKUP */
	AUTH_CLIENT_OPEN = 4,	/* USER_OPEN of "deliver" */
	AUTH_CLIENT_ANY_SERVICE = 8, /* BEGIN with any service name */
	AUTH_CLIENT_ADMIN = 16,	/* CACHE_FLUSH */
	AUTH_CLIENT_BIND = 64,	/* BIND, and then */
	AUTH_CLIENT_STORE = 32,	/* USER_OPEN of "store", for one user */
	AUTH_CLIENT_REQUESTS_MAX = 10000,
};

struct auth_client_config {
	struct auth *auth;
	uint32_t allowed;	/* bits above */
	const char *name;	/* "imap-login", for the log */
	/* The port of the service's zygote; -1: none. */
	int (*session_port)(void *context, const char *service);
	/* The channel has ended. */
	void (*ended)(void *context);
	void *context;
};

struct auth_client;

/* fd becomes the client's and non-blocking.  It ends by itself. */
struct auth_client *auth_client_create(const struct auth_client_config *c,
				       int fd);
/* Ends it; ended is not called. */
void auth_client_destroy(struct auth_client **client);

/* auth is being replaced: channels of those who open sessions end as soon as
 * nothing is asked on them, so that their next question goes to the new one. */
void auth_clients_retire(void);

/* The bits for a role's name. */
uint32_t auth_client_allowed(const char *role);

#endif
