/* auth-route.c - which of several servers a user's sessions go to; a passdb
 * that gives no verdict, only the fields proxy and host.
 *
 *	passdb { driver = sql  args = ...  result_success = continue-ok }
 *	passdb { driver = route  args = /etc/culver/route.conf
 *		skip = unauthenticated }
 *
 * A user stays where he is while he has sessions, and user_expire after that;
 * then, and at first, rendezvous hashing decides.  The table is in a database
 * that all proxies share (route-store.h), who looks after it is culveradm
 * director watch (route-watch.h). */
#include "cv-plugin.h"
#include "cv-auth.h"
#include "route-hash.h"
#include "route-watch.h"

#include <stdio.h>
#include <time.h>

enum { TRIES = 4, POLL_MSECS = 100, KNOWN_USERS = 4096 };

/* Where a user was sent when the database could last be asked. */
struct known { char user[ROUTE_NAME_ROOM], backend[ROUTE_NAME_ROOM]; };

struct routes {
	struct cv_pool *pool;
	struct route_file file;
	struct route_store store;
	struct route_watcher watcher;
	/* for when the database is away */
	struct cv_pool *known_pool;	/* of backends */
	struct route_backend *backends;
	struct known *users;		/* KNOWN_USERS, by hash */
	bool away;
};

static const struct cv_auth_api *auth_api;
static struct cv_plugin *plugin_self;

static uint64_t now_secs(void)
{
	return (uint64_t)time(NULL);
}

static void pause_msecs(long msecs)
{
	const struct timespec wait = { msecs / 1000,
				       msecs % 1000 * 1000000 };

	(void)nanosleep(&wait, NULL);
}

/* --- choosing ----------------------------------------------------------------- */

static const struct route_backend *find(const struct route_backend *list,
					const char *name)
{
	while (list != NULL && strcmp(list->name, name) != 0)
		list = list->next;
	return list;
}

static const struct route_backend *
choose(const struct routes *routes, const struct route_backend *list,
       const char *user)
{
	const struct route_backend *best = NULL;
	double score, highest = 0;

	for (; list != NULL; list = list->next) {
		if (!list->up || list->draining ||
		    strcmp(list->tag, routes->file.tag) != 0)
			continue;
		score = route_score(user, list->name, list->weight);
		if (score > highest) {
			best = list;
			highest = score;
		}
	}
	return best;
}

/* --- a login ------------------------------------------------------------------- */

static struct known *known_of(struct routes *routes, const char *user)
{
	return &routes->users[route_hash(user, "") % KNOWN_USERS];
}

static void remember(struct routes *routes, const char *user,
		     const struct route_backend *b)
{
	struct known *k = known_of(routes, user);

	(void)snprintf(k->user, sizeof(k->user), "%s", user);
	(void)snprintf(k->backend, sizeof(k->backend), "%s", b->name);
	if (routes->away)
		cv_api->log(plugin_self, CV_LOG_INFO, "'%s': the database "
			    "answers again", routes->file.path);
	routes->away = false;
}

/* The last that was known: rather that than nobody's mail. */
static const struct route_backend *
last_known(struct routes *routes, const char *user, struct cv_error *err)
{
	const struct known *k = known_of(routes, user);
	const struct route_backend *b = NULL;

	if (!routes->away)
		cv_api->log(plugin_self, CV_LOG_ERROR, "'%s': %s: users go to "
			    "where they went last, or to where the backends "
			    "that were live send them", routes->file.path,
			    cv_api->error_text(err));
	routes->away = true;
	if (strcmp(k->user, user) == 0)
		b = find(routes->backends, k->backend);
	return b != NULL ? b : choose(routes, routes->backends, user);
}

static int read_backends(struct routes *routes, struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("backends");
	struct route_backend *list;
	int ret = route_store_backends(&routes->store, pool, &list, err);

	if (ret != CV_OK) {
		cv_api->pool_destroy(&pool);
		return ret;
	}
	if (routes->known_pool != NULL)
		cv_api->pool_destroy(&routes->known_pool);
	routes->known_pool = pool;
	routes->backends = list;
	return CV_OK;
}

static bool is_moving(const struct route_user *row)
{
	return row->move_id[0] != '\0' && row->move_until >= now_secs();
}

/* Until the sessions that went elsewhere are gone, or the time of the move is
 * over: who has ordered it takes the mark away. */
static int wait_for_move(struct routes *routes, const char *user,
			 struct route_user *row, struct cv_error *err)
{
	int ret = CV_OK;

	while (ret == CV_OK && is_moving(row)) {
		pause_msecs(POLL_MSECS);
		ret = route_store_user(&routes->store, user, row, err);
	}
	return ret;
}

static const struct route_backend *
stays(const struct routes *routes, const struct route_user *row)
{
	const struct route_backend *b = find(routes->backends, row->backend);

	if (b == NULL || row->pinned)
		return b;
	return b->up && row->used + routes->file.user_expire >= now_secs() ?
		b : NULL;
}

/* Written now and then only: a login need not wait for a disk each time. */
static bool is_recent(const struct routes *routes,
		      const struct route_user *row)
{
	return row->move_id[0] == '\0' &&
		row->used + routes->file.user_expire / 4 >= now_secs();
}

/* CV_NOT_FOUND: another proxy was faster, look again. */
static int route_once(struct routes *routes, const char *user,
		      const struct route_backend **b_r, struct cv_error *err)
{
	struct route_user old, new;
	int ret = route_store_user(&routes->store, user, &old, err);
	bool is_new = ret == CV_NOT_FOUND;

	if (ret == CV_OK)
		ret = wait_for_move(routes, user, &old, err);
	if (ret < 0)
		return ret;
	is_new = is_new || ret == CV_NOT_FOUND;
	ret = read_backends(routes, err);
	if (ret != CV_OK)
		return ret;
	*b_r = is_new ? NULL : stays(routes, &old);
	if (*b_r != NULL && is_recent(routes, &old))
		return CV_OK;
	new = old;
	if (*b_r == NULL) {
		new.pinned = false;
		*b_r = choose(routes, routes->backends, user);
	}
	if (*b_r == NULL)
		return CV_FAIL(err, CV_E_UNSUPPORTED, "no backend of tag '%s' "
			       "takes new users (hint: culveradm director "
			       "status)", routes->file.tag);
	(void)snprintf(new.backend, sizeof(new.backend), "%s", (*b_r)->name);
	new.used = now_secs();
	new.move_id[0] = '\0';
	return route_store_assign(&routes->store, user, is_new ? NULL : &old,
				  &new, err);
}

static int route(struct routes *routes, const char *user,
		 const struct route_backend **b_r, struct cv_error *err)
{
	int ret = CV_NOT_FOUND;

	for (int i = 0; i < TRIES && ret == CV_NOT_FOUND; i++)
		ret = route_once(routes, user, b_r, err);
	if (ret == CV_OK) {
		remember(routes, user, *b_r);
		return CV_OK;
	}
	if (ret == CV_NOT_FOUND)
		return CV_FAIL(err, CV_E_TEMP, "'%s' is being moved about",
			       user);
	if (ret == CV_E_UNSUPPORTED)
		return CV_E_TEMP;
	*b_r = last_known(routes, user, err);
	return *b_r != NULL ? CV_OK : ret;
}

static int lookup(void *db, const struct cv_auth_input *in,
		  struct cv_auth_reply *reply, struct cv_error *err)
{
	struct routes *routes = db;
	const struct route_backend *b = NULL;
	char port[ROUTE_NUMBER_ROOM];
	struct cv_text fields;
	int ret;

	/* whose mail it is about is known later */
	if (in->is_master_lookup || strlen(in->user) >= ROUTE_NAME_ROOM)
		return CV_AUTH_NEXT;
	ret = route(routes, in->user, &b, err);
	cv_text_init(&fields, in->pool);
	if (ret == CV_OK)
		ret = auth_api->expand(in, routes->file.fields, 0, &fields,
				       err);
	if (ret == CV_OK)
		ret = auth_api->set_all(reply, cv_text_span(&fields), ' ',
					err);
	if (ret != CV_OK)
		return ret;
	if (!auth_api->set(reply, CV_SPAN("host"), cv_span_of(b->name)) ||
	    (b->port != 0 &&
	     !auth_api->set(reply, CV_SPAN("port"),
			    cv_span_of(route_decimal(port, b->port)))))
		return CV_FAIL(err, CV_E_CONFIG, "backend '%s' has a name "
			       "that no host has", b->name);
	return CV_AUTH_NEXT;
}

/* --- for culveradm director ----------------------------------------------------- */

static int routes_setup(void *db, struct cv_error *err)
{
	return route_store_setup(&((struct routes *)db)->store, err);
}

static int routes_backends(void *db, cv_route_backend_fn *found,
			   void *context, struct cv_error *err)
{
	struct routes *routes = db;
	int ret = read_backends(routes, err);

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
			route_number(row, 5) >= now_secs(),
	};

	(void)err;
	return l->found(l->context, &one) ? CV_OK : CV_EOF;
}

#define USER_COLUMNS "SELECT username, backend, used, pinned, move_id, " \
	"move_until FROM route_users "

static int routes_users(void *db, const char *user, cv_route_user_fn *found,
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

static int routes_set_backend(void *db, const struct cv_route_backend *one,
			      struct cv_error *err)
{
	struct routes *routes = db;
	char port[ROUTE_NUMBER_ROOM], weight[ROUTE_NUMBER_ROOM];
	const char *const params[] = {
		route_decimal(port, one->port),
		route_decimal(weight, one->weight), one->tag,
		one->draining ? "1" : "0", one->name,
	};
	int ret = read_backends(routes, err);

	if (ret != CV_OK)
		return ret;
	if (find(routes->backends, one->name) != NULL)
		return change(routes, "UPDATE route_backends SET port = ?, "
			      "weight = ?, tag = ?, draining = ? WHERE "
			      "name = ?", params, NULL, err);
	return change(routes, "INSERT INTO route_backends (port, weight, tag, "
		      "draining, name) VALUES (?, ?, ?, ?, ?)", params, NULL,
		      err);
}

static int routes_remove_backend(void *db, const char *name,
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

static int routes_choose(void *db, const char *user, struct cv_pool *pool,
			 const char **name_r, struct cv_error *err)
{
	struct routes *routes = db;
	const struct route_backend *b;
	int ret = read_backends(routes, err);

	if (ret != CV_OK)
		return ret;
	b = choose(routes, routes->backends, user);
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

	while (ret == CV_OK && pending > 0 && is_moving(row)) {
		ret = route_store_pending(&routes->store, row->move_id,
					  &pending, err);
		if (ret == CV_OK && pending > 0)
			pause_msecs(POLL_MSECS);
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

	for (int i = 0; i < TRIES && ret == CV_NOT_FOUND; i++) {
		there = route_store_user(&routes->store, user, &old, err);
		if (there < 0)
			return there;
		*new = (struct route_user){
			.used = now_secs(), .pinned = pin,
			.move_until = now_secs() + routes->file.move_timeout,
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

static int routes_move(void *db, const char *user, const char *backend,
		       bool pin, struct cv_error *err)
{
	struct routes *routes = db;
	const struct route_backend *b;
	struct route_user row;
	int ret;

	if (strlen(user) >= ROUTE_NAME_ROOM)
		return CV_FAIL(err, CV_E_SYNTAX, "a user's name is longer "
			       "than 255 bytes");
	ret = read_backends(routes, err);
	if (ret != CV_OK)
		return ret;
	b = backend == NULL ? choose(routes, routes->backends, user) :
		find(routes->backends, backend);
	if (b == NULL)
		return CV_NOT_FOUND;
	ret = begin_move(routes, user, b->name, pin, &row, err);
	if (ret != CV_OK || row.move_id[0] == '\0')
		return ret;
	return wait_for_proxies(routes, user, &row, err);
}

static int routes_watch(void *db, const struct cv_route_watch *watch,
			struct cv_error *err)
{
	struct routes *routes = db;

	return route_watch(&routes->watcher, &routes->store, &routes->file,
			   plugin_self, watch, err);
}

static const struct cv_routes routes_table = {
	CV_SIZED(cv_routes), .setup = routes_setup,
	.backends = routes_backends, .users = routes_users,
	.set_backend = routes_set_backend,
	.remove_backend = routes_remove_backend, .choose = routes_choose,
	.move = routes_move, .watch = routes_watch,
};

/* --- opening ---------------------------------------------------------------------- */

static void log_problem(void *context, uint32_t line, const char *text)
{
	cv_api->log(plugin_self, CV_LOG_ERROR, "%s:%u: %s",
		    (const char *)context, line, text);
}

static void tell_path(void *context, const char *path)
{
	const struct cv_auth_db_config *config = context;

	config->needs_path(config, path);
}

/* The one database that is written to by this process itself: its journal is
 * beside it. */
static void tell_folder(const struct cv_auth_db_config *config,
			const struct route_file *file)
{
	struct cv_span rest = cv_span_of(file->connect), path;

	if (strcmp(file->driver, "sqlite") != 0 ||
	    !cv_span_split(&rest, ' ', &path) || !CV_HAS(config, writes_path))
		return;
	while (path.len > 0 && path.data[path.len - 1] != '/')
		path.len--;
	if (path.len > 1)
		config->writes_path(config, cv_span_copy(config->pool, path));
}

static int open_database(struct routes *routes,
			 const struct cv_auth_db_config *config,
			 struct cv_error *err)
{
	struct cv_sql_config sql = {
		CV_SIZED(cv_sql_config), .connect = routes->file.connect,
		.pool = routes->pool, .needs_path = tell_path,
		.context = (void *)(uintptr_t)config,
	};
	struct cv_text name;

	cv_text_init(&name, routes->pool);
	cv_text_append_f(&name, "sql-%s", routes->file.driver);
	routes->store.expire = routes->file.user_expire;
	routes->store.sql = cv_api->service(cv_text_str(&name), CV_SQL_MAJOR);
	if (routes->store.sql == NULL)
		return CV_FAIL(err, CV_E_UNSUPPORTED, "'%s': driver = %s "
			       "needs the plugin %s, which is not there",
			       routes->file.path, routes->file.driver,
			       cv_text_str(&name));
	tell_folder(config, &routes->file);
	return routes->store.sql->open(&sql, &routes->store.db, err);
}

static int route_open(const struct cv_auth_db_config *config, void **db_r,
		      struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("auth-route");
	struct routes *routes = CV_ALLOC(pool, struct routes);
	const char *path = cv_span_copy(pool, cv_span_trim(
						cv_span_of(config->args)));
	int ret;

	routes->pool = pool;
	routes->users = CV_ALLOC_ARRAY(pool, struct known, KNOWN_USERS);
	ret = route_file_read(pool, path, &routes->file, log_problem,
			      (void *)(uintptr_t)path, err);
	if (ret == CV_OK)
		ret = open_database(routes, config, err);
	if (ret != CV_OK)
		cv_api->pool_destroy(&pool);
	*db_r = routes;
	return ret;
}

static void route_close(void *db)
{
	struct routes *routes = db;
	struct cv_pool *pool = routes->pool;

	route_watch_end(&routes->watcher);
	routes->store.sql->close(routes->store.db);
	if (routes->known_pool != NULL)
		cv_api->pool_destroy(&routes->known_pool);
	cv_api->pool_destroy(&pool);
}

/* It changes without anybody's doing here. */
static const char *cache_key(void *db)
{
	(void)db;
	return CV_AUTH_UNCACHED;
}

/* --- looking it over ---------------------------------------------------------------- */

struct checking { const struct cv_check *check; const char *path; };

static void check_problem(void *context, uint32_t line, const char *text)
{
	const struct checking *c = context;

	c->check->error(c->check, "", "%s:%u: %s", c->path, line, text);
}

static void route_check(const struct cv_check *check)
{
	struct checking c = { check, cv_span_copy(check->pool, cv_span_trim(
						cv_span_of(check->value))) };
	struct route_file file;

	if (c.path[0] != '/') {
		check->error(check, "", "args is the absolute path of a file "
			     "with driver and connect");
		return;
	}
	/* what cannot be read with these rights, open will say */
	if (check->file(check, "", c.path, CV_CHECK_FILE) &&
	    route_file_read(check->pool, c.path, &file, check_problem, &c,
			    NULL) == CV_OK)
		(void)check->variables(check, "", file.fields);
}

/* --- the frame ----------------------------------------------------------------------- */

static const struct cv_passdb route_passdb = {
	CV_SIZED(cv_passdb), .name = "route", .open = route_open,
	.close = route_close, .lookup = lookup, .cache_key = cache_key,
	.check = route_check, .routes = &routes_table,
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	cv_api = host;
	plugin_self = self;
	auth_api = cv_need_service("auth", 1, err);
	if (auth_api == NULL)
		return CV_E_UNSUPPORTED;
	return cv_provide_passdb(self, &route_passdb, err);
}

static const char *const processes[] = { "auth", "auth-worker", NULL };

CV_PLUGIN_DEFINE("auth-route", 0,
	.license = "MIT", .version = "1.0",
	.summary = "Which of several servers a user's sessions go to",
	.processes = processes,
	.init = init);
