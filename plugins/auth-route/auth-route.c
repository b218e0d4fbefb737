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
#include "routes.h"

const struct cv_auth_api *route_auth_api;
struct cv_plugin *route_self;

/* --- opening -------------------------------------------------------------- */

static void log_problem(void *context, uint32_t line, const char *text)
{
	cv_api->log(route_self, CV_LOG_ERROR, "%s:%u: %s",
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
	routes->users = CV_ALLOC_ARRAY(pool, struct route_known,
				       ROUTES_KNOWN_USERS);
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

/* --- looking it over -------------------------------------------------------- */

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

/* --- the frame --------------------------------------------------------------- */

static const struct cv_passdb route_passdb = {
	CV_SIZED(cv_passdb), .name = "route", .open = route_open,
	.close = route_close, .lookup = route_lookup, .cache_key = cache_key,
	.check = route_check, .routes = &route_director,
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	cv_api = host;
	route_self = self;
	route_auth_api = cv_need_service("auth", 1, err);
	if (route_auth_api == NULL)
		return CV_E_UNSUPPORTED;
	return cv_provide_passdb(self, &route_passdb, err);
}

static const char *const processes[] = { "auth", "auth-worker", NULL };

CV_PLUGIN_DEFINE("auth-route", 0,
	.license = "MIT", .version = "1.0",
	.summary = "Which of several servers a user's sessions go to",
	.processes = processes,
	.init = init);
