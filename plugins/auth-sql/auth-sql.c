/* auth-sql.c - users in SQL databases; passdb and userdb.
 *
 *	passdb {
 *		driver = sql
 *		args = /etc/culver/dovecot-sql.conf.ext
 *	}
 *
 * The file is Dovecot 2.3's.  Which database it is makes no difference here:
 * a plugin sql-<driver> carries the statements out. */
#include "cv-auth.h"
#include "../db-common/db-report.h"
#include "../db-common/db-users.h"
#include "sql-file.h"
#include "sql-query.h"

struct sql_users {
	struct db_users users;		/* first */
	struct sql_file file;
	const struct cv_sql *sql;
	struct cv_sql_db *db;
	const struct sql_query *password_query, *user_query, *iterate_query;
	const struct sql_query *update_query;
};

static const struct cv_auth_api *auth_api;
static struct cv_plugin *plugin_self;

/* --- asking -------------------------------------------------------------------- */

static int expand_for(void *context, const char *text, struct cv_text *out,
		      struct cv_error *err)
{
	return auth_api->expand(context, text, CV_AUTH_EXPAND_RAW, out, err);
}

static int expand_nothing(void *context, const char *text,
			  struct cv_text *out, struct cv_error *err)
{
	(void)context;
	(void)out;
	return CV_FAIL(err, CV_E_CONFIG, "iterate_query has the variable %s, "
		       "but there is no user yet", text);
}

/* Takes the rows of one lookup. */
struct taking {
	struct cv_auth_reply *reply;
	uint32_t rows;
};

static int take_row(void *context, const struct cv_sql_row *row,
		    struct cv_error *err)
{
	struct taking *t = context;

	if (t->rows++ > 0)
		return CV_EOF;
	for (uint32_t i = 0; i < row->count; i++) {
		/* NULL: there is no such field for this user */
		if (row->values[i].data == NULL || row->names[i][0] == '\0')
			continue;
		if (!auth_api->set(t->reply, cv_span_of(row->names[i]),
				   row->values[i]))
			return CV_FAIL(err, CV_E_CONFIG, "the column '%s' is "
				       "no field: its name has other bytes "
				       "than letters, digits and _-:./, or "
				       "its value has line ends or is longer "
				       "than 8 KiB", row->names[i]);
	}
	return CV_OK;
}

/* The failure with what it was about, and the way out. */
static int explain(const struct sql_users *users, const char *what, int ret,
		   struct cv_pool *pool, struct cv_error *err)
{
	const char *hint = "";
	const char *text;

	if (ret >= 0 || err == NULL)
		return ret;
	text = cv_span_copy(pool, cv_span_of(cv_api->error_text(err)));
	if (ret == CV_E_TEMP || ret == CV_E_TIMEOUT)
		hint = " (hint: is the database running, and is 'connect' "
			"right? Users are refused for the time being)";
	return CV_FAIL(err, ret, "%s of '%s': %s%s", what, users->file.path,
		       text, hint);
}

static int ask(struct sql_users *users, const char *what,
	       const struct sql_query *query, const struct cv_auth_input *in,
	       struct cv_span password, struct taking *t,
	       struct cv_error *err)
{
	struct sql_passwords passwords = { password, CV_SPAN_NONE };
	struct cv_sql_query bound;
	int ret;

	/* the callback gets it back as const */
	ret = sql_query_bind(query, in->pool, expand_for,
			     (void *)(uintptr_t)in, &passwords, &bound, err);
	if (ret == CV_E_DENIED || ret == CV_E_SYNTAX) {
		/* nobody can have such a name */
		cv_api->log(plugin_self, CV_LOG_INFO, "%s: %s of '%s': %s",
			    in->user, what, users->file.path,
			    err == NULL ? "" : cv_api->error_text(err));
		return CV_AUTH_UNKNOWN_USER;
	}
	if (ret == CV_OK)
		ret = users->sql->exec(users->db, &bound, take_row, t, NULL,
				       err);
	if (ret < 0)
		return explain(users, what, ret, in->pool, err);
	return t->rows == 0 ? CV_AUTH_UNKNOWN_USER : CV_AUTH_OK;
}

static int ask_password(struct sql_users *users,
			const struct cv_auth_input *in,
			struct cv_span password, struct cv_auth_reply *reply,
			struct cv_error *err)
{
	struct taking t = { reply, 0 };
	int ret = ask(users, "password_query", users->password_query, in,
		      password, &t, err);

	if (ret == CV_AUTH_OK && t.rows > 1)
		return CV_FAIL(err, CV_E_CONFIG, "password_query of '%s' has "
			       "found more than one row for '%s' (hint: make "
			       "the column of names unique)",
			       users->file.path, in->user);
	return ret;
}

static int passdb_lookup(void *data, const struct cv_auth_input *in,
			 struct cv_auth_reply *reply, struct cv_error *err)
{
	struct sql_users *users = data;

	if (users->password_query->has_password)
		return CV_FAIL(err, CV_E_UNSUPPORTED, "password_query of '%s' "
			       "has %%w: it can verify passwords, not look "
			       "them up", users->file.path);
	return ask_password(users, in, CV_SPAN_NONE, reply, err);
}

/* The database compares: with %w in the query. */
static int passdb_verify(void *data, const struct cv_auth_input *in,
			 struct cv_span password, struct cv_auth_reply *reply,
			 struct cv_error *err)
{
	int ret = ask_password(data, in, password, reply, err);
	struct cv_span open = auth_api->get(reply, "nopassword");

	/* neither nopassword nor a password: it did not compare either */
	if (ret == CV_AUTH_OK && auth_api->get(reply, "password").data == NULL
	    && (open.data == NULL || cv_span_is_icase(open, "no") ||
		cv_span_is_icase(open, "n") || cv_span_is(open, "0")))
		return CV_AUTH_MISMATCH;
	return ret;
}

static bool passdb_verifies(void *data)
{
	return ((struct sql_users *)data)->password_query->has_password;
}

/* Whose statement says nothing of the old one relies on the auth process,
 * which has one exchange at a time for each user. */
static int passdb_store(void *data, const struct cv_auth_input *in,
			struct cv_span old, struct cv_span stored,
			struct cv_error *err)
{
	struct sql_users *users = data;
	struct sql_passwords passwords = { stored, old };
	struct cv_sql_query bound;
	uint64_t changed = 0;
	int ret;

	if (users->update_query == NULL)
		return CV_FAIL(err, CV_E_UNSUPPORTED, "'%s' has no "
			       "update_query, which one-time passwords need "
			       "(hint: UPDATE users SET password = '%%w' "
			       "WHERE username = '%%n' AND domain = '%%d' AND "
			       "password = '%%{old_password}')",
			       users->file.path);
	ret = sql_query_bind(users->update_query, in->pool, expand_for,
			     (void *)(uintptr_t)in, &passwords, &bound, err);
	bound.changes = true;
	if (ret == CV_OK)
		ret = users->sql->exec(users->db, &bound, NULL, NULL, &changed,
				       err);
	if (ret == CV_OK && changed > 1)
		ret = CV_FAIL(err, CV_E_CONFIG, "it has changed %llu rows "
			      "for '%s' (hint: its WHERE has to name one "
			      "user)", (unsigned long long)changed, in->user);
	if (ret < 0)
		return explain(users, "update_query", ret, in->pool, err);
	return changed == 1 ? CV_AUTH_OK : CV_AUTH_MISMATCH;
}

static int userdb_lookup(void *data, const struct cv_auth_input *in,
			 struct cv_auth_reply *reply, struct cv_error *err)
{
	struct sql_users *users = data;
	struct taking t = { reply, 0 };
	int ret = ask(users, "user_query", users->user_query, in,
		      CV_SPAN_NONE, &t, err);

	if (ret == CV_AUTH_OK && t.rows > 1)
		cv_api->log(plugin_self, CV_LOG_WARNING, "user_query of '%s' "
			    "has found more than one row for '%s', the first "
			    "one counts", users->file.path, in->user);
	return ret;
}

/* --- all users -------------------------------------------------------------------- */

struct listing {
	cv_user_found_fn *found;
	void *context;
	struct cv_text name;
};

static struct cv_span column(const struct cv_sql_row *row, const char *name)
{
	for (uint32_t i = 0; i < row->count; i++) {
		if (cv_span_is_icase(cv_span_of(row->names[i]), name))
			return row->values[i];
	}
	return CV_SPAN_NONE;
}

static int list_row(void *context, const struct cv_sql_row *row,
		    struct cv_error *err)
{
	struct listing *l = context;
	struct cv_span user = column(row, "user"), domain = CV_SPAN_NONE;

	if (user.data == NULL) {
		user = column(row, "username");
		domain = column(row, "domain");
	}
	if (user.data == NULL)
		return CV_FAIL(err, CV_E_CONFIG, "a row has no value in a "
			       "column 'user' or 'username' (hint: SELECT "
			       "address AS user FROM ...)");
	cv_text_reset(&l->name);
	cv_text_append_span(&l->name, user);
	if (domain.len > 0) {
		cv_text_append_c(&l->name, '@');
		cv_text_append_span(&l->name, domain);
	}
	return l->found(l->context, cv_text_span(&l->name)) ? CV_OK : CV_EOF;
}

static int userdb_iterate(void *data, cv_user_found_fn *found, void *context,
			  struct cv_error *err)
{
	struct sql_users *users = data;
	struct cv_pool *pool = cv_api->pool_create("sql users");
	struct listing l = { .found = found, .context = context };
	struct cv_sql_query bound;
	int ret;

	cv_text_init(&l.name, pool);
	ret = sql_query_bind(users->iterate_query, pool, expand_nothing, NULL,
			     &(struct sql_passwords){ CV_SPAN_NONE,
						      CV_SPAN_NONE },
			     &bound, err);
	if (ret == CV_OK)
		ret = users->sql->exec(users->db, &bound, list_row, &l, NULL,
				       err);
	ret = explain(users, "iterate_query", ret, pool, err);
	cv_api->pool_destroy(&pool);
	return ret;
}

/* --- opening ------------------------------------------------------------------------ */

static const char *service_name(struct cv_pool *pool, const char *driver)
{
	struct cv_text name;

	cv_text_init(&name, pool);
	cv_text_append_f(&name, "sql-%s", driver);
	return cv_text_str(&name);
}

static int parse_query(struct sql_users *users, const char *name,
		       const char *text, const struct sql_query **query_r,
		       struct cv_error *err)
{
	int ret = sql_query_parse(users->users.pool, text, users->sql->dialect,
				  query_r, err);

	return explain(users, name, ret, users->users.pool, err);
}

static int parse_queries(struct sql_users *users, struct cv_error *err)
{
	const struct sql_file *file = &users->file;
	int ret = parse_query(users, "password_query", file->password_query,
			      &users->password_query, err);

	if (ret == CV_OK)
		ret = parse_query(users, "user_query", file->user_query,
				  &users->user_query, err);
	if (ret == CV_OK)
		ret = parse_query(users, "iterate_query", file->iterate_query,
				  &users->iterate_query, err);
	if (ret == CV_OK && file->update_query[0] != '\0')
		ret = parse_query(users, "update_query", file->update_query,
				  &users->update_query, err);
	if (ret == CV_OK && users->update_query != NULL &&
	    !users->update_query->has_password)
		ret = CV_FAIL(err, CV_E_CONFIG, "'%s': update_query has no "
			      "%%w, which is the new password", file->path);
	if (ret == CV_OK && (users->password_query->has_old ||
			     users->user_query->has_old ||
			     users->iterate_query->has_old))
		ret = CV_FAIL(err, CV_E_CONFIG, "'%s': %%{old_password} is "
			      "for update_query alone", file->path);
	if (ret == CV_OK && (users->user_query->has_password ||
			     users->iterate_query->has_password))
		ret = CV_FAIL(err, CV_E_CONFIG, "'%s': %%w is for "
			      "password_query and update_query", file->path);
	return ret;
}

/* For the driver, of which it is the context. */
struct opening {
	const struct cv_auth_db_config *config;
	const struct sql_file *file;
};

/* The journal of a database that this process writes to itself is beside
 * it. */
static void tell_path(void *context, const char *path)
{
	const struct opening *o = context;
	const char *slash = strrchr(path, '/');

	o->config->needs_path(o->config, path);
	if (o->file->update_query[0] != '\0' && slash != NULL &&
	    slash != path && strcmp(o->file->driver, "sqlite") == 0 &&
	    CV_HAS(o->config, writes_path))
		o->config->writes_path(o->config, cv_span_copy(
			o->config->pool,
			cv_span(path, (size_t)(slash - path))));
}

static int open_database(struct sql_users *users,
			 const struct cv_auth_db_config *config,
			 struct cv_error *err)
{
	struct opening opening = { config, &users->file };
	struct cv_sql_config sql_config = {
		CV_SIZED(cv_sql_config), .pool = users->users.pool,
		.connect = users->file.connect, .needs_path = tell_path,
		.context = &opening,
	};

	return explain(users, "connect", users->sql->open(
			       &sql_config, &users->db, err),
		       users->users.pool, err);
}

static int open_users(struct db_users *db,
		      const struct cv_auth_db_config *config,
		      struct cv_error *err)
{
	struct sql_users *users = (void *)db;
	struct db_report report = { .path = db->path, .self = plugin_self };
	const char *name;
	int ret = sql_file_read(db->pool, db->path, &users->file,
				db_report_line, &report, err);

	if (ret == CV_E_CONFIG)
		return CV_FAIL(err, ret, "'%s' has errors, see above",
			       db->path);
	if (ret != CV_OK)
		return ret;
	name = service_name(db->pool, users->file.driver);
	users->sql = cv_api->service(name, CV_SQL_MAJOR);
	if (users->sql == NULL)
		return CV_FAIL(err, CV_E_UNSUPPORTED, "'%s': driver = %s "
			       "needs the plugin %s, which is not there "
			       "(hint: install the package culver-%s)",
			       db->path, users->file.driver, name,
			       users->file.driver);
	ret = parse_queries(users, err);
	return ret != CV_OK ? ret : open_database(users, config, err);
}

static void close_users(struct db_users *db)
{
	struct sql_users *users = (void *)db;

	users->sql->close(users->db);
}

static struct db_users_kind users_kind = {
	.name = "auth-sql", .size = sizeof(struct sql_users),
	.open = open_users, .close = close_users,
};

static int sql_open(const struct cv_auth_db_config *config, void **db_r,
		    struct cv_error *err)
{
	return db_users_open(&users_kind, config, db_r, err);
}

static void sql_close(void *data)
{
	db_users_close(&users_kind, data);
}

static const char *sql_scheme(void *data)
{
	return ((struct sql_users *)data)->file.default_pass_scheme;
}

static const char *password_key(void *data)
{
	return ((struct sql_users *)data)->password_query->variables;
}

static const char *user_key(void *data)
{
	return ((struct sql_users *)data)->user_query->variables;
}

/* --- looking it over ------------------------------------------------------------------ */

/* %w is no variable of users: it is told apart here. */
static void check_variables(const struct cv_check *check, const char *query)
{
	struct cv_text text;

	cv_text_init(&text, check->pool);
	for (; *query != '\0'; query++) {
		if (query[0] == '%' && query[1] == '%') {
			cv_text_append_str(&text, "%%");
			query++;
		} else if (query[0] == '%' && query[1] == 'w') {
			query++;
		} else if (strncmp(query, "%{password}", 11) == 0) {
			query += 10;
		} else if (strncmp(query, "%{old_password}", 15) == 0) {
			query += 14;
		} else {
			cv_text_append_c(&text, *query);
		}
	}
	(void)check->variables(check, "", cv_text_str(&text));
}

static const struct { const char *driver; uint32_t dialect; } dialects[] = {
	{ "sqlite", CV_SQL_DOUBLE_EITHER | CV_SQL_BACKTICK_NAME |
		CV_SQL_BRACKET_NAME },
	{ "pgsql", CV_SQL_DOLLAR_TEXT | CV_SQL_E_TEXT },
	{ "mysql", CV_SQL_BACKSLASH | CV_SQL_DOUBLE_TEXT |
		CV_SQL_HASH_COMMENT | CV_SQL_BACKTICK_NAME },
};

/* Services are not there while the configuration is read: what the drivers of
 * this tree say is known, others are left to open. */
static void check_query(const struct db_report *c, const struct sql_file *file,
			const char *name, const char *query)
{
	struct cv_error *err = cv_api->error_new(c->check->pool);
	const struct sql_query *parsed;

	check_variables(c->check, query);
	for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
		if (strcmp(dialects[i].driver, file->driver) == 0 &&
		    sql_query_parse(c->check->pool, query,
				    dialects[i].dialect, &parsed, err) !=
		    CV_OK)
			db_report_value(c, name, cv_api->error_text(err));
	}
}

static void sql_check(const struct cv_check *check)
{
	struct db_report c;
	struct sql_file file;
	int ret;

	if (!db_report_check(check, "dovecot-sql.conf.ext", &c))
		return;
	ret = sql_file_read(check->pool, c.path, &file, db_report_line, &c,
			    NULL);
	if (ret == CV_E_TEMP)
		return;			/* not for these eyes; open will say */
	if (CV_HAS(check, scheme))
		check->scheme(check, "",
			      cv_span_of(file.default_pass_scheme));
	check_query(&c, &file, "password_query", file.password_query);
	check_query(&c, &file, "user_query", file.user_query);
	check_query(&c, &file, "iterate_query", file.iterate_query);
	if (file.update_query[0] != '\0')
		check_query(&c, &file, "update_query", file.update_query);
}

/* --- the frame --------------------------------------------------------------------------- */

static const struct cv_passdb sql_passdb = {
	CV_SIZED(cv_passdb), .name = "sql", .default_scheme = "CRYPT",
	.open = sql_open, .close = sql_close, .lookup = passdb_lookup,
	.verify = passdb_verify, .verifies = passdb_verifies,
	.scheme = sql_scheme, .cache_key = password_key, .check = sql_check,
	.store = passdb_store,
};

static const struct cv_userdb sql_userdb = {
	CV_SIZED(cv_userdb), .name = "sql",
	.open = sql_open, .close = sql_close, .lookup = userdb_lookup,
	.iterate = userdb_iterate, .cache_key = user_key, .check = sql_check,
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	int ret;

	cv_api = host;
	plugin_self = self;
	auth_api = cv_need_service("auth", 1, err);
	if (auth_api == NULL)
		return CV_E_UNSUPPORTED;
	ret = cv_provide_passdb(self, &sql_passdb, err);
	return ret != CV_OK ? ret : cv_provide_userdb(self, &sql_userdb, err);
}

static const char *const processes[] = { "auth", "auth-worker", NULL };
static const char *const drivers[] = {
	"sql-mysql", "sql-pgsql", "sql-sqlite", NULL,
};

CV_PLUGIN_DEFINE("auth-sql", 0,
	.license = "MIT", .version = "1.0",
	.summary = "Users in SQL databases",
	.processes = processes, .after = drivers,
	.init = init);
