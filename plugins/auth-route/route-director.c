/* route-director.c - what culveradm director does with the table. */
#include "cv-route.h"
#include "routes.h"

static int director_setup(void *db, struct cv_error *err)
{
	return route_store_setup(&((struct routes *)db)->store, err);
}

static int director_backends(void *db, cv_route_backend_fn *found,
			   void *context, struct cv_error *err)
{
	struct routes *routes = db;
	int ret = routes_read(routes, err);

	for (const struct route_backend *b = routes->backends;
	     ret == CV_OK && b != NULL; b = b->next) {
		const struct cv_route_backend one = {
			CV_SIZED(cv_route_backend), .name = b->name,
			.tag = b->tag, .port = b->port, .weight = b->weight,
			.draining = b->draining, .up = b->up,
			.users = b->users,
		};

		if (!found(context, &one))
			break;
	}
	return ret;
}

struct listing {
	struct cv_pool *pool;
	cv_route_user_fn *found;
	void *context;
};

/* username backend used pinned move_id move_until */
static int list_row(void *context, const struct cv_sql_row *row,
		    struct cv_error *err)
{
	struct listing *l = context;
	const struct cv_route_user one = {
		CV_SIZED(cv_route_user),
		.user = cv_span_copy(l->pool, route_column(row, 0)),
		.backend = cv_span_copy(l->pool, route_column(row, 1)),
		.used = route_number(row, 2),
		.pinned = route_number(row, 3) != 0,
		.moving = route_column(row, 4).len > 0 &&
			route_number(row, 5) >= routes_now(),
	};

	(void)err;
	return l->found(l->context, &one) ? CV_OK : CV_EOF;
}

#define USER_COLUMNS "SELECT username, backend, used, pinned, move_id, " \
	"move_until FROM route_users "

static int director_users(void *db, const char *user, cv_route_user_fn *found,
			void *context, struct cv_error *err)
{
	struct routes *routes = db;
	const char *const params[] = { user };
	struct listing l = { cv_api->pool_create("users"), found, context };
	struct route_query query = {
		.text = user == NULL ? USER_COLUMNS "ORDER BY username" :
			USER_COLUMNS "WHERE username = ?",
		.params = params, .row = list_row, .context = &l,
	};
	int ret = route_store_run(&routes->store, &query, NULL, err);

	cv_api->pool_destroy(&l.pool);
	return ret;
}

static int change(struct routes *routes, const char *text,
		  const char *const *params, uint64_t *changed_r,
		  struct cv_error *err)
{
	const struct route_query query = {
		.text = text, .params = params, .changes = true,
	};

	return route_store_run(&routes->store, &query, changed_r, err);
}

static int director_set_backend(void *db, const struct cv_route_backend *one,
			      struct cv_error *err)
{
	struct routes *routes = db;
	char port[ROUTE_NUMBER_ROOM], weight[ROUTE_NUMBER_ROOM];
	const char *const params[] = {
		route_decimal(port, one->port),
		route_decimal(weight, one->weight), one->tag,
		one->draining ? "1" : "0", one->name,
	};
	int ret = routes_read(routes, err);

	if (ret != CV_OK)
		return ret;
	if (routes_find(routes->backends, one->name) != NULL)
		return change(routes, "UPDATE route_backends SET port = ?, "
			      "weight = ?, tag = ?, draining = ? WHERE "
			      "name = ?", params, NULL, err);
	return change(routes, "INSERT INTO route_backends (port, weight, tag, "
		      "draining, name) VALUES (?, ?, ?, ?, ?)", params, NULL,
		      err);
}

static int director_remove_backend(void *db, const char *name,
				 struct cv_error *err)
{
	struct routes *routes = db;
	const char *const params[] = { name };
	uint64_t changed = 0;
	int ret = change(routes, "DELETE FROM route_backends WHERE name = ?",
			 params, &changed, err);

	if (ret == CV_OK)
		ret = change(routes, "DELETE FROM route_health WHERE "
			     "backend = ?", params, NULL, err);
	return ret == CV_OK && changed == 0 ? CV_NOT_FOUND : ret;
}

static int director_choose(void *db, const char *user, struct cv_pool *pool,
			 const char **name_r, struct cv_error *err)
{
	struct routes *routes = db;
	const struct route_backend *b;
	int ret = routes_read(routes, err);

	if (ret != CV_OK)
		return ret;
	b = routes_choose(routes, routes->backends, user);
	*name_r = b == NULL ? "" : cv_span_copy(pool, cv_span_of(b->name));
	return b == NULL ? CV_NOT_FOUND : CV_OK;
}

/* Until all live proxies have ended the sessions. */
static int wait_for_proxies(struct routes *routes, const char *user,
			    const struct route_user *row,
			    struct cv_error *err)
{
	uint64_t pending = 1;
	int ret = CV_OK, status;

	while (ret == CV_OK && pending > 0 && routes_is_moving(row)) {
		ret = route_store_pending(&routes->store, row->move_id,
					  &pending, err);
		if (ret == CV_OK && pending > 0)
			routes_pause(ROUTES_POLL_MSECS);
	}
	status = route_store_moved(&routes->store, user, row->move_id, err);
	if (ret != CV_OK || status != CV_OK)
		return ret != CV_OK ? ret : status;
	return pending == 0 ? CV_OK :
		CV_FAIL(err, CV_E_TIMEOUT, "'%s' has moved, but %llu of the "
			"proxies did not say in time that the old sessions "
			"have ended", user, (unsigned long long)pending);
}

static void draw_id(char id[ROUTE_ID_ROOM])
{
	unsigned char bytes[(ROUTE_ID_ROOM - 1) / 2];

	cv_api->random(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(id + 2 * i, 3, "%02x", bytes[i]);
}

static int begin_move(struct routes *routes, const char *user,
		      const char *backend, bool pin, struct route_user *new,
		      struct cv_error *err)
{
	struct route_user old;
	int ret = CV_NOT_FOUND, there;

	for (int i = 0; i < ROUTES_TRIES && ret == CV_NOT_FOUND; i++) {
		there = route_store_user(&routes->store, user, &old, err);
		if (there < 0)
			return there;
		*new = (struct route_user){
			.used = routes_now(), .pinned = pin,
			.move_until = routes_now() + routes->file.move_timeout,
		};
		(void)snprintf(new->backend, sizeof(new->backend), "%s",
			       backend);
		if (there == CV_OK && strcmp(old.backend, backend) != 0)
			draw_id(new->move_id);
		ret = route_store_assign(&routes->store, user, there == CV_OK ?
					 &old : NULL, new, err);
	}
	return ret == CV_NOT_FOUND ? CV_FAIL(err, CV_E_TEMP, "'%s' is being "
					     "moved about", user) : ret;
}

static int director_move(void *db, const char *user, const char *backend,
		       bool pin, struct cv_error *err)
{
	struct routes *routes = db;
	const struct route_backend *b;
	struct route_user row;
	int ret;

	if (strlen(user) >= ROUTE_NAME_ROOM)
		return CV_FAIL(err, CV_E_SYNTAX, "a user's name is longer "
			       "than 255 bytes");
	ret = routes_read(routes, err);
	if (ret != CV_OK)
		return ret;
	b = backend == NULL ? routes_choose(routes, routes->backends, user) :
		routes_find(routes->backends, backend);
	if (b == NULL)
		return CV_NOT_FOUND;
	ret = begin_move(routes, user, b->name, pin, &row, err);
	if (ret != CV_OK || row.move_id[0] == '\0')
		return ret;
	return wait_for_proxies(routes, user, &row, err);
}

static int director_watch(void *db, const struct cv_route_watch *watch,
			struct cv_error *err)
{
	struct routes *routes = db;

	return route_watch(&routes->watcher, &routes->store, &routes->file,
			   route_self, watch, err);
}

const struct cv_routes route_director = {
	CV_SIZED(cv_routes), .setup = director_setup,
	.backends = director_backends, .users = director_users,
	.set_backend = director_set_backend,
	.remove_backend = director_remove_backend, .choose = director_choose,
	.move = director_move, .watch = director_watch,
};
