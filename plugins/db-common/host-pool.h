/* host-pool.h - the hosts of one database, and the connection to each.
 *
 * No plugin: compiled into each driver that asks servers.  A process has one
 * connection to a host at most.  The first host that works is asked; one that
 * does not is left alone for a while, which grows. */
#ifndef HOST_POOL_H
#define HOST_POOL_H

#include "cv-plugin.h"

enum {
	HOST_WAIT_MIN_MSECS = 250,
	HOST_WAIT_REFUSED_MSECS = 8000,	/* of a host that says no at once */
	HOST_WAIT_MAX_MSECS = 60000,
	/* of one that does not answer: so much longer than the attempt */
	HOST_WAIT_FACTOR = 10,
	/* no further host is tried after so long: whoever asks waits for a
	 * minute at most */
	HOST_ALL_MSECS = 35000,
};

struct host {
	const char *name;		/* for messages */
	const void *config;		/* the driver's */
	void *conn;			/* NULL: none */
	uint64_t retry_at;		/* monotonic; 0: at once */
	uint32_t wait_msecs;
};

/* What a driver does with one connection. */
struct host_backend {
	const char *what;		/* "the database", for messages */
	/* Sets host->conn. */
	int (*connect)(struct host *host, struct cv_error *err);
	void (*disconnect)(struct host *host);
	/* CV_E_TEMP and CV_E_TIMEOUT: the connection is of no use any more,
	 * and nothing has been given to who asked. */
	int (*exec)(struct host *host, void *request, struct cv_error *err);
};

struct host_pool {
	struct cv_plugin *self;
	const struct host_backend *backend;
	struct host *hosts;
	uint32_t host_count;
};

/* The answer of the first host that has one; CV_E_TEMP or CV_E_TIMEOUT when
 * there is none.  once: the request is never sent a second time. */
#define host_pool_exec CV_OWN(_host_pool_exec)
int host_pool_exec(struct host_pool *pool, void *request, bool once,
		   struct cv_error *err);
#define host_pool_close CV_OWN(_host_pool_close)
void host_pool_close(struct host_pool *pool);

#endif
