/* auth-worker-service.c - the process auth-worker.
 *
 * Does one job after the other for auth, and may block in it: drivers that
 * ask networks, PAM, hashes that are slow on purpose.  Trusts auth for the
 * question, not for its form.  Confined to what its drivers declare. */
#include "auth-policy.h"
#include "auth-service-private.h"
#include "auth-worker-server.h"

#include <netdb.h>
#include <unistd.h>

/* What is loaded for it is loaded before the confinement. */
static void allow_name_service(struct service *s)
{
	static const char resolved[] = "/run/systemd/resolve";
	struct addrinfo *list;

	service_add_syscalls(s, SANDBOX_CONNECT);
	if (access(resolved, F_OK) == 0)
		service_add_path(s, resolved, false);
	if (getaddrinfo("localhost", NULL, NULL, &list) == 0)
		freeaddrinfo(list);
}

static int worker_start(struct service *s, struct cv_error *err)
{
	struct auth *auth = NULL;
	int ret = auth_service_load(s, "auth-worker", 0, s->base, &auth,
				    err);

	s->context = auth;
	if (ret == CV_OK && auth->set.auth_resolve_hosts)
		allow_name_service(s);
	if (ret == CV_OK && auth->set.auth_debug)
		log_set_level("auth", LOG_LEVEL_DEBUG);
	return ret == CV_OK ? auth_policy_open(&auth->set, s->pool, err) :
		ret;
}

static int worker_ready(struct service *s, struct cv_error *err)
{
	struct auth *auth = s->context;

	(void)err;
	auth->base = s->base;
	return CV_OK;
}

static void channel_ended(void *context)
{
	service_release(context);
}

static void worker_channel(struct service *s, const char *client, int fd)
{
	(void)client;
	service_hold(s);
	auth_worker_serve(s->context, fd, channel_ended, s);
}

static const struct service_path name_service_paths[] = {
	/* passwd, group, nsswitch.conf: each is replaced when it changes */
	{ "/etc", false }, { NULL, false },
};

const struct service_row auth_worker_service_row = {
	.name = "auth-worker", .user = SERVICE_USER_INTERNAL, .forks = true,
	.syscalls = SANDBOX_EVENTS | SANDBOX_FILES,
	.paths = name_service_paths,
	.start = worker_start, .ready = worker_ready,
	.channel = worker_channel,
};
