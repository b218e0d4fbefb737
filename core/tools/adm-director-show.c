/* adm-director-show.c - culveradm director status and map. */
#include "adm-director.h"

#include <time.h>

static bool put_backend(void *context, const struct cv_route_backend *b)
{
	struct director *call = context;

	adm_output_value(call->out, b->name);
	adm_output_f(call->out, "%u", b->port);
	adm_output_value(call->out, b->tag);
	adm_output_f(call->out, "%u", b->weight);
	adm_output_value(call->out, !b->up ? "down" : b->draining ?
			 "draining" : "up");
	adm_output_f(call->out, "%llu", (unsigned long long)b->users);
	return true;
}

int director_status(struct director *call, char **args)
{
	static const char *const columns[] = {
		"backend", "port", "tag", "weight", "state", "users", NULL,
	};
	int ret;

	(void)args;
	call->out = adm_output_begin(call->adm, ADM_FORMAT_TABLE, columns);
	ret = call->routes->backends(call->db, put_backend, call, call->err);
	adm_output_end(&call->out, ret < 0);
	return ret;
}

static bool put_user(void *context, const struct cv_route_user *user)
{
	struct director *call = context;
	time_t at = (time_t)user->used;
	char text[32] = "";
	struct tm tm;

	if (localtime_r(&at, &tm) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	adm_output_value(call->out, user->user);
	adm_output_value(call->out, user->backend);
	adm_output_value(call->out, user->moving ? "moving" : user->pinned ?
			 "pinned" : "assigned");
	adm_output_value(call->out, text);
	call->all = true;		/* there was one */
	return true;
}

/* Of one user: also where a new login would go to. */
static int put_choice(struct director *call, const char *user)
{
	const char *name;
	int ret = call->routes->choose(call->db, user, call->adm->pool, &name,
				       call->err);

	if (ret < 0)
		return ret;
	adm_output_value(call->out, user);
	adm_output_value(call->out, name);
	adm_output_value(call->out, ret == CV_NOT_FOUND ? "nowhere" :
			 "by hash");
	adm_output_value(call->out, "");
	return CV_OK;
}

int director_map(struct director *call, char **args)
{
	static const char *const columns[] = {
		"username", "backend", "state", "used", NULL,
	};
	const char *user = args[0];
	int ret;

	call->all = false;
	call->out = adm_output_begin(call->adm, ADM_FORMAT_TABLE, columns);
	ret = call->routes->users(call->db, user, put_user, call, call->err);
	if (ret == CV_OK && user != NULL && !call->all)
		ret = put_choice(call, user);
	adm_output_end(&call->out, ret < 0);
	return ret;
}
