/* sql-sqlite.c - the driver of SQLite's files.
 *
 *	connect = /var/lib/culver/users.db
 *	connect = /var/lib/culver/users.db readonly
 *
 * The file is opened for reading; for statements that change something, for
 * writing as well, unless "readonly" stands behind it.  A file that was
 * replaced by another is opened anew. */
#include "../sql-common/sql-pool.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { BUSY_MSECS = 5000, STATEMENTS_MAX = 8, COLUMNS_MAX = 256 };

struct conn {
	sqlite3 *db;
	const char *path;
	dev_t dev;
	ino_t ino;
	bool writes;
	/* prepared ones, the last used first */
	sqlite3_stmt *statements[STATEMENTS_MAX];
};

static struct cv_plugin *plugin_self;

static int fail(const struct conn *c, const char *what, int status,
		struct cv_error *err)
{
	const char *hint = "";

	if (status == SQLITE_CANTOPEN || status == SQLITE_READONLY)
		hint = " (hint: the user of auth-worker needs to read the "
			"file and its folder; a file in WAL mode needs its "
			"-shm to be there or to be written: PRAGMA "
			"journal_mode=DELETE does without)";
	else if (status == SQLITE_BUSY)
		hint = " (hint: another program keeps it locked)";
	return CV_FAIL(err, status == SQLITE_ERROR ? CV_E_PERM :
		       status == SQLITE_BUSY ? CV_E_TIMEOUT : CV_E_TEMP,
		       "'%s': %s: %s%s", c->path, what,
		       c->db == NULL ? sqlite3_errstr(status) :
		       sqlite3_errmsg(c->db), hint);
}

static void sqlite_disconnect(void *data)
{
	struct conn *c = data;

	for (size_t i = 0; i < STATEMENTS_MAX; i++)
		(void)sqlite3_finalize(c->statements[i]);
	(void)sqlite3_close(c->db);
	free(c);
}

static int file_open(struct conn *c, bool writes, struct cv_error *err)
{
	struct stat st;
	int status;

	status = sqlite3_open_v2(c->path, &c->db, (writes ?
			SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) |
			SQLITE_OPEN_NOMUTEX, NULL);
	if (status != SQLITE_OK)
		return fail(c, "cannot open", status, err);
	if (stat(c->path, &st) < 0)
		return CV_FAIL(err, CV_E_TEMP, "'%s': %s", c->path,
			       strerror(errno));
	c->dev = st.st_dev;
	c->ino = st.st_ino;
	c->writes = writes;
	(void)sqlite3_busy_timeout(c->db, BUSY_MSECS);
	/* what is in a file is no program of ours */
	(void)sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	return CV_OK;
}

static int sqlite_connect(const struct sql_host *host, void **conn_r,
			  struct cv_error *err)
{
	struct conn *c = calloc(1, sizeof(*c));
	int ret;

	if (c == NULL)
		return CV_FAIL(err, CV_E_TEMP, "out of memory");
	c->path = host->name;
	ret = file_open(c, false, err);
	if (ret != CV_OK) {
		sqlite_disconnect(c);
		return ret;
	}
	*conn_r = c;
	return CV_OK;
}

/* Closes and opens it, for another file of that name or for writing. */
static int reopen(struct conn *c, bool writes, struct cv_error *err)
{
	for (size_t i = 0; i < STATEMENTS_MAX; i++) {
		(void)sqlite3_finalize(c->statements[i]);
		c->statements[i] = NULL;
	}
	(void)sqlite3_close(c->db);
	c->db = NULL;
	return file_open(c, writes, err);
}

static int ready(struct conn *c, bool writes, struct cv_error *err)
{
	struct stat st;

	if (stat(c->path, &st) < 0)
		return CV_FAIL(err, CV_E_TEMP, "'%s': %s", c->path,
			       strerror(errno));
	if (st.st_dev != c->dev || st.st_ino != c->ino ||
	    (writes && !c->writes))
		return reopen(c, writes, err);
	return CV_OK;
}

static int statement_get(struct conn *c, const char *text, uint32_t params,
			 sqlite3_stmt **stmt_r, struct cv_error *err)
{
	sqlite3_stmt *stmt = NULL;
	const char *tail = "";
	size_t at = 0;
	int status;

	while (at < STATEMENTS_MAX - 1 && c->statements[at] != NULL &&
	       strcmp(sqlite3_sql(c->statements[at]), text) != 0)
		at++;
	stmt = c->statements[at];
	if (stmt != NULL && strcmp(sqlite3_sql(stmt), text) != 0) {
		(void)sqlite3_finalize(stmt);
		stmt = c->statements[at] = NULL;
	}
	if (stmt == NULL) {
		status = sqlite3_prepare_v3(c->db, text, -1,
					    SQLITE_PREPARE_PERSISTENT, &stmt,
					    &tail);
		if (status != SQLITE_OK)
			return fail(c, "query", status, err);
		if (stmt == NULL || tail[strspn(tail, " ;\t")] != '\0' ||
		    sqlite3_bind_parameter_count(stmt) != (int)params) {
			(void)sqlite3_finalize(stmt);
			return CV_FAIL(err, CV_E_PERM, "a query is one "
				       "statement without parameters of its "
				       "own ('?', ':name', '@name', '$name')");
		}
	}
	memmove(&c->statements[1], &c->statements[0], at * sizeof(stmt));
	c->statements[0] = *stmt_r = stmt;
	return CV_OK;
}

static int give_row(sqlite3_stmt *stmt, cv_sql_row_fn *row, void *context,
		    struct cv_error *err)
{
	const char *names[COLUMNS_MAX];
	struct cv_span values[COLUMNS_MAX];
	struct cv_sql_row r = { CV_SIZED(cv_sql_row), .names = names,
		.values = values };
	int count = sqlite3_column_count(stmt);

	r.count = count > COLUMNS_MAX ? COLUMNS_MAX : (uint32_t)count;
	for (uint32_t i = 0; i < r.count; i++) {
		const void *text = sqlite3_column_text(stmt, (int)i);
		int len = sqlite3_column_bytes(stmt, (int)i);

		names[i] = sqlite3_column_name(stmt, (int)i);
		values[i] = cv_span(text, text == NULL ? 0 : (size_t)len);
	}
	return row == NULL ? CV_OK : row(context, &r, err);
}

static int run(struct conn *c, sqlite3_stmt *stmt,
	       const struct cv_sql_query *query, cv_sql_row_fn *row,
	       void *context, struct cv_error *err)
{
	int status, ret = CV_OK;
	bool given = false;

	for (uint32_t i = 0; i < query->param_count; i++) {
		struct cv_span value = query->params[i];

		(void)(value.data == NULL ?
		       sqlite3_bind_null(stmt, (int)i + 1) :
		       sqlite3_bind_text(stmt, (int)i + 1, value.data,
					 (int)value.len, SQLITE_STATIC));
	}
	while ((status = sqlite3_step(stmt)) == SQLITE_ROW && ret == CV_OK) {
		ret = give_row(stmt, row, context, err);
		given = true;
	}
	if (ret == CV_OK && status != SQLITE_DONE) {
		ret = fail(c, "query", status, err);
		if (given)
			ret = CV_E_PERM;	/* not twice */
	}
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	return ret == CV_EOF ? CV_OK : ret;
}

static int sqlite_exec(void *data, const struct cv_sql_query *query,
		       cv_sql_row_fn *row, void *context, uint64_t *changed_r,
		       struct cv_error *err)
{
	struct conn *c = data;
	struct cv_pool *pool;
	sqlite3_stmt *stmt;
	struct cv_text text;
	int ret = ready(c, query->changes, err);

	if (ret != CV_OK)
		return ret;
	pool = cv_api->pool_create("sqlite");
	cv_text_init(&text, pool);
	sql_text_join(&text, query, '?', true);
	ret = statement_get(c, cv_text_str(&text), query->param_count, &stmt,
			    err);
	cv_api->pool_destroy(&pool);
	if (ret == CV_OK)
		ret = run(c, stmt, query, row, context, err);
	if (ret == CV_OK && changed_r != NULL)
		*changed_r = query->changes ?
			(uint64_t)sqlite3_changes(c->db) : 0;
	return ret;
}

/* --- the frame ----------------------------------------------------------------- */

static const struct sql_backend backend = {
	.connect = sqlite_connect, .disconnect = sqlite_disconnect,
	.exec = sqlite_exec,
};

/* NULL: fine, and *path_r. */
static const char *parse(const char *connect, struct cv_pool *pool,
			 const char **path_r)
{
	struct cv_span rest = cv_span_trim(cv_span_of(connect)), word;
	struct cv_span path = rest;

	(void)cv_span_split(&rest, ' ', &path);
	*path_r = cv_span_copy(pool, path);
	if (path.len == 0 || path.data[0] != '/')
		return "connect is the absolute path of a file of SQLite";
	while (cv_span_split(&rest, ' ', &word)) {
		/* a reader does not choose how writers keep their journal */
		if (word.len > 0 && !cv_span_is(word, "readonly") &&
		    !cv_span_begins(word, CV_SPAN("journal_mode=")))
			return "behind the path only 'readonly' is known";
	}
	return NULL;
}

static const char *sqlite_check(const char *connect, struct cv_pool *pool)
{
	const char *path;

	return parse(connect, pool, &path);
}

static int sqlite_open(const struct cv_sql_config *config,
		       struct cv_sql_db **db_r, struct cv_error *err)
{
	static const struct sql_word none[1];
	const char *path, *problem = parse(config->connect, config->pool,
					   &path);

	if (problem != NULL)
		return CV_FAIL(err, CV_E_CONFIG, "%s", problem);
	if (config->needs_path != NULL)
		config->needs_path(config->context, path);
	*db_r = sql_pool_create(config->pool, plugin_self, &backend, none,
				path);
	return CV_OK;
}

static const struct cv_sql table = {
	CV_SIZED(cv_sql), .name = "sqlite",
	.dialect = CV_SQL_DOUBLE_EITHER | CV_SQL_BACKTICK_NAME |
		CV_SQL_BRACKET_NAME,
	.open = sqlite_open, .close = sql_pool_close, .exec = sql_pool_exec,
	.check = sqlite_check,
};

static const struct cv_service service = {
	CV_SIZED(cv_service), .name = "sql-sqlite", .table = &table,
	.major = CV_SQL_MAJOR,
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	cv_api = host;
	plugin_self = self;
	return cv_provide_service(self, &service, err);
}

static const char *const processes[] = { "auth", "auth-worker", NULL };

CV_PLUGIN_DEFINE("sql-sqlite", 0,
	.license = "MIT", .version = "1.0",
	.summary = "Databases in files of SQLite",
	.processes = processes,
	.init = init);
