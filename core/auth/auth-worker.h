/* auth-worker.h - auth's side of the workers.
 *
 * Each channel to the port of auth-worker reaches one worker process, which
 * does one job at a time.  Channels are opened when all others are busy, up
 * to auth_worker_max_count; then jobs wait in line, the newest are refused
 * when the line is too long.  A worker that dies fails its job (temporary
 * failure) and nothing else. */
#ifndef AUTH_WORKER_H
#define AUTH_WORKER_H

#include "auth-job.h"

struct event_base;

enum {
	AUTH_WORKER_QUEUE_MAX = 10000, AUTH_WORKER_TIMEOUT_SECS = 60,
	AUTH_WORKER_IDLE_SECS = 60,
};

struct auth_workers_config {
	struct event_base *base;
	uint32_t max;
	/* A channel without a job is closed after so long; 0: never. */
	uint32_t idle_secs;
	/* Opens a channel; the descriptor is the workers' from then on. */
	int (*connect)(void *context, int *fd_r, struct cv_error *err);
	void *context;
};

struct auth_workers *auth_workers_create(const struct auth_workers_config *c);
/* Jobs that are not done are failed. */
void auth_workers_destroy(struct auth_workers **workers);
/* done is called later, or at once when it cannot be taken. */
void auth_workers_submit(struct auth_workers *workers, struct auth_job *job);

#endif
