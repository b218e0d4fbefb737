/* auth-worker-server.h - the worker's end of a channel. */
#ifndef AUTH_WORKER_SERVER_H
#define AUTH_WORKER_SERVER_H

#include "auth.h"

/* Serves jobs that come over fd, which becomes its own, from the event loop
 * of auth->base until the channel is closed. */
void auth_worker_serve(struct auth *auth, int fd,
		       void (*ended)(void *context), void *context);

#endif
