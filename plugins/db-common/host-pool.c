/* host-pool.c - reconnecting, fail-over. */
#include "host-pool.h"

static void host_drop(struct host_pool *pool, struct host *host)
{
	if (host->conn != NULL)
		pool->backend->disconnect(host);
	host->conn = NULL;
}

void host_pool_close(struct host_pool *pool)
{
	for (uint32_t i = 0; i < pool->host_count; i++)
		host_drop(pool, &pool->hosts[i]);
}

/* A host that is down is not asked again and again: for longer when asking
 * takes long. */
static void host_failed(struct host *host, uint64_t began)
{
	uint64_t now = cv_api->monotonic_msecs();
	uint64_t slow = (now - began) * HOST_WAIT_FACTOR;
	uint64_t wait = (uint64_t)host->wait_msecs * 2;

	if (wait < HOST_WAIT_MIN_MSECS)
		wait = HOST_WAIT_MIN_MSECS;
	if (wait > HOST_WAIT_REFUSED_MSECS)
		wait = HOST_WAIT_REFUSED_MSECS;
	if (wait < slow)
		wait = slow < HOST_WAIT_MAX_MSECS ? slow : HOST_WAIT_MAX_MSECS;
	host->wait_msecs = (uint32_t)wait;
	host->retry_at = now + wait;
}

static int host_connect(struct host_pool *pool, struct host *host,
			struct cv_error *err)
{
	uint64_t began = cv_api->monotonic_msecs();
	int ret = pool->backend->connect(host, err);

	if (ret != CV_OK) {
		host->conn = NULL;
		host_failed(host, began);
	}
	return ret;
}

static void host_answered(struct host_pool *pool, struct host *host)
{
	if (host->wait_msecs > 0)
		cv_api->log(pool->self, CV_LOG_INFO, "%s: %s is back",
			    host->name, pool->backend->what);
	host->wait_msecs = 0;
	host->retry_at = 0;
}

static bool is_lost(int ret)
{
	return ret == CV_E_TEMP || ret == CV_E_TIMEOUT;
}

/* An old connection that turns out to be dead is replaced once.
 * *sent_r: the request may have been carried out. */
static int host_exec(struct host_pool *pool, struct host *host, void *request,
		     bool once, bool *sent_r, struct cv_error *err)
{
	bool fresh = host->conn == NULL;
	uint64_t began;
	int ret;

	for (;;) {
		if (host->conn == NULL &&
		    (ret = host_connect(pool, host, err)) != CV_OK)
			return ret;
		began = cv_api->monotonic_msecs();
		ret = pool->backend->exec(host, request, err);
		if (!is_lost(ret)) {
			host_answered(pool, host);
			return ret;
		}
		*sent_r = true;
		host_drop(pool, host);
		if (fresh || ret == CV_E_TIMEOUT || once) {
			host_failed(host, began);
			return ret;
		}
		fresh = true;
	}
}

static int all_waiting(const struct host_pool *pool, struct cv_error *err)
{
	uint64_t now = cv_api->monotonic_msecs();
	const struct host *next = &pool->hosts[0];

	for (uint32_t i = 1; i < pool->host_count; i++) {
		if (pool->hosts[i].retry_at < next->retry_at)
			next = &pool->hosts[i];
	}
	return CV_FAIL(err, CV_E_TEMP, "%s has just failed and is not asked "
		       "again for %u ms", pool->backend->what,
		       next->retry_at <= now ? 0 :
		       (unsigned int)(next->retry_at - now));
}

int host_pool_exec(struct host_pool *pool, void *request, bool once,
		   struct cv_error *err)
{
	uint64_t began = cv_api->monotonic_msecs();
	int ret = CV_E_TEMP;
	bool tried = false, sent = false;

	for (uint32_t i = 0; i < pool->host_count; i++) {
		struct host *host = &pool->hosts[i];
		uint64_t now = cv_api->monotonic_msecs();

		if (host->conn == NULL && host->retry_at > now)
			continue;
		if (tried && now - began > HOST_ALL_MSECS)
			return ret;
		tried = true;
		ret = host_exec(pool, host, request, once, &sent, err);
		if (!is_lost(ret))
			return ret;
		if (i + 1 < pool->host_count)
			cv_api->log(pool->self, CV_LOG_ERROR, "%s: %s; trying "
				    "the next host", host->name,
				    err == NULL ? "" :
				    cv_api->error_text(err));
		if (sent && once)
			return ret;
	}
	return tried ? ret : all_waiting(pool, err);
}
