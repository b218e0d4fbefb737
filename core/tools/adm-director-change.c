/* adm-director-change.c - the words of culveradm director that change things. */
#include "adm-director.h"

struct finding {
	const char *name;
	struct cv_pool *pool;
	struct cv_route_backend found;
	bool is;
};

static bool find_backend(void *context, const struct cv_route_backend *b)
{
	struct finding *f = context;

	if (strcmp(b->name, f->name) != 0)
		return true;
	f->found = *b;
	f->found.name = f->name;
	f->found.tag = pool_strdup(f->pool, b->tag);
	f->is = true;
	return false;
}

static int get_backend(struct director *call, const char *name,
		       struct finding *f)
{
	*f = (struct finding){ .name = name, .pool = call->adm->pool,
		.found = { CV_SIZED(cv_route_backend), .name = name,
			   .tag = "", .weight = 100 } };
	return call->routes->backends(call->db, find_backend, f, call->err);
}

static int unknown(struct director *call, const char *name)
{
	return FAIL(call->err, CV_E_NOT_FOUND, "there is no backend '%s' "
		    "(culveradm director status shows them)", name);
}

int director_add(struct director *call, char **args)
{
	struct finding f;
	int ret = get_backend(call, args[0], &f);

	if (ret < 0)
		return ret;
	if (call->has_weight)
		f.found.weight = (uint32_t)call->weight;
	if (call->has_port)
		f.found.port = (uint32_t)call->port;
	if (call->tag != NULL)
		f.found.tag = call->tag;
	return call->routes->set_backend(call->db, &f.found, call->err);
}

int director_remove(struct director *call, char **args)
{
	int ret = call->routes->remove_backend(call->db, args[0], call->err);

	return ret == CV_NOT_FOUND ? unknown(call, args[0]) : ret;
}

/* Users by name, to be moved when the list is read. */
struct collecting {
	struct cv_pool *pool;
	const char *backend;		/* NULL: all */
	bool pinned;			/* those, too */
	ARRAY(const char *) users;
};

static bool collect_user(void *context, const struct cv_route_user *user)
{
	struct collecting *c = context;

	if ((c->backend == NULL || strcmp(c->backend, user->backend) == 0) &&
	    (c->pinned || !user->pinned))
		*array_add(&c->users) = pool_strdup(c->pool, user->user);
	return true;
}

static int move_user(struct director *call, const char *user,
		     const char *backend)
{
	int ret = call->routes->move(call->db, user, backend, call->pin,
				     call->err);

	if (ret == CV_NOT_FOUND && backend == NULL)
		return FAIL(call->err, CV_E_TEMP, "no backend takes new "
			    "users");
	return ret == CV_NOT_FOUND ? unknown(call, backend) : ret;
}

/* One that does not go is told, the others go on. */
static int move_all(struct director *call, const char *backend)
{
	struct collecting c = { .pool = call->adm->pool,
		.backend = backend };
	int ret, worst = CV_OK;

	array_init(&c.users, c.pool);
	ret = call->routes->users(call->db, NULL, collect_user, &c,
				  call->err);
	for (size_t i = 0; ret == CV_OK && i < c.users.count; i++) {
		int status = move_user(call, c.users.items[i], NULL);

		if (status == CV_OK)
			continue;
		if (worst != CV_OK)
			(void)adm_fail(call->err);
		worst = status;
	}
	return ret != CV_OK ? ret : worst;
}

int director_drain(struct director *call, char **args)
{
	struct finding f;
	int ret = get_backend(call, args[0], &f);

	if (ret < 0)
		return ret;
	if (!f.is)
		return unknown(call, args[0]);
	f.found.draining = !call->off;
	ret = call->routes->set_backend(call->db, &f.found, call->err);
	return ret == CV_OK && call->move ? move_all(call, args[0]) : ret;
}

int director_move(struct director *call, char **args)
{
	return move_user(call, args[0], args[1]);
}

int director_flush(struct director *call, char **args)
{
	if (args[0] != NULL)
		return move_user(call, args[0], NULL);
	return move_all(call, NULL);
}
