/* adm-director-watch.c - culveradm director watch: one proxy's part. */
#include "adm-director.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { ROUND_SECS = 1 };

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	(void)number;
	ended = 1;
}

static int watch_kick(void *context, const char *user, uint32_t *count_r,
		      struct cv_error *err)
{
	return adm_kick(((struct director *)context)->adm, user, count_r, err);
}

static int watch_sessions(void *context,
			  void (*found)(void *found_context,
					const char *user),
			  void *found_context, struct cv_error *err)
{
	return adm_forwarded(((struct director *)context)->adm, found,
			     found_context, err);
}

static void watch_until_signal(struct director *call,
			       const struct cv_route_watch *watch)
{
	bool failed = false;
	int ret;

	while (!ended) {
		*call->err = (struct cv_error)ERROR_NONE;
		ret = call->routes->watch(call->db, watch, call->err);
		/* each trouble once */
		if (ret < 0 && !failed)
			(void)adm_fail(call->err);
		else if (ret == CV_OK && failed)
			(void)fprintf(stderr, "culveradm: goes on\n");
		failed = ret < 0;
		if (!ended)
			(void)sleep(ROUND_SECS);
	}
}

int director_watch(struct director *call, char **args)
{
	struct sigaction action = { .sa_handler = on_signal };
	char host[DIRECTOR_NAME_BYTES + 1] = "";
	const struct cv_route_watch watch = {
		CV_SIZED(cv_route_watch), .proxy = call->proxy == NULL ?
		host : call->proxy, .kick = watch_kick,
		.sessions = watch_sessions, .context = call,
	};

	(void)args;
	if (call->proxy == NULL && gethostname(host, sizeof(host) - 1) < 0)
		return FAIL_ERRNO(call->err, errno, "no host name: use -n");
	if (call->once)
		return call->routes->watch(call->db, &watch, call->err);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	watch_until_signal(call, &watch);
	return CV_OK;
}
