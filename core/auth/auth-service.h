/* auth-service.h - the rows of the two processes of auth (core/master). */
#ifndef AUTH_SERVICE_H
#define AUTH_SERVICE_H

#include "master/service.h"

/* auth: serves login, lmtp and culveradm; never waits. */
extern const struct service_row auth_service_row;
/* auth-worker: runs what may block, one job at a time. */
extern const struct service_row auth_worker_service_row;

#endif
