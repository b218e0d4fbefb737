/* sql-mysql.c - the driver of MariaDB and MySQL.
 *
 *	connect = host=/run/mysqld/mysqld.sock dbname=mail user=culver
 *	connect = host=db1 host=db2 dbname=mail user=culver password=secret \
 *		ssl_ca=/etc/ssl/certs/db.pem ssl_verify_server_cert=yes
 *
 * The words are Dovecot's; each host= is a host of its own, one that begins
 * with '/' a socket.  Statements are prepared once for each connection. */
#include "../sql-common/sql-pool.h"

#include <mysql.h>
#include <errmsg.h>
#include <mysqld_error.h>
#include <stdlib.h>

enum {
	CONNECT_TIMEOUT_SECS = 5, READ_TIMEOUT_SECS = 20, STATEMENTS_MAX = 8,
	COLUMNS_MAX = 256, PARAMS_MAX = 256, VALUE_BYTES = 512,
	VALUE_BYTES_MAX = 1024 * 1024,
};

struct prepared { char *text; MYSQL_STMT *stmt; };

struct conn {
	MYSQL *my;
	struct prepared prepared[STATEMENTS_MAX];	/* last used first */
};

static struct cv_plugin *plugin_self;

static const char *const words_known[] = {
	"host", "port", "dbname", "user", "password", "client_flags",
	"option_file", "option_group", "connect_timeout", "read_timeout",
	"write_timeout", "ssl_ca", "ssl_ca_path", "ssl_cert", "ssl_key",
	"ssl_cipher", "ssl_verify_server_cert", "maxconns", NULL,
};

/* --- connecting -------------------------------------------------------------------- */

static unsigned int number(const struct sql_host *host, const char *key,
			   unsigned int otherwise)
{
	uint64_t value;

	return cv_span_to_u64(cv_span_of(sql_word_get(host->words, key)),
			      UINT32_MAX, &value) ?
		(unsigned int)value : otherwise;
}

static void set_text(MYSQL *my, const struct sql_host *host, const char *key,
		     enum mysql_option option)
{
	const char *value = sql_word_get(host->words, key);

	if (value[0] != '\0')
		(void)mysql_optionsv(my, option, value);
}

static void set_options(MYSQL *my, const struct sql_host *host)
{
	unsigned int connect_secs = number(host, "connect_timeout",
					   CONNECT_TIMEOUT_SECS);
	unsigned int read_secs = number(host, "read_timeout",
					READ_TIMEOUT_SECS);
	unsigned int write_secs = number(host, "write_timeout", read_secs);
	const char *verify = sql_word_get(host->words,
					  "ssl_verify_server_cert");
	my_bool on = 1, truncation = 1;

	(void)mysql_optionsv(my, MYSQL_OPT_CONNECT_TIMEOUT, &connect_secs);
	(void)mysql_optionsv(my, MYSQL_OPT_READ_TIMEOUT, &read_secs);
	(void)mysql_optionsv(my, MYSQL_OPT_WRITE_TIMEOUT, &write_secs);
	(void)mysql_optionsv(my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	(void)mysql_optionsv(my, MYSQL_REPORT_DATA_TRUNCATION, &truncation);
	set_text(my, host, "option_file", MYSQL_READ_DEFAULT_FILE);
	set_text(my, host, "option_group", MYSQL_READ_DEFAULT_GROUP);
	set_text(my, host, "ssl_ca", MYSQL_OPT_SSL_CA);
	set_text(my, host, "ssl_ca_path", MYSQL_OPT_SSL_CAPATH);
	set_text(my, host, "ssl_cert", MYSQL_OPT_SSL_CERT);
	set_text(my, host, "ssl_key", MYSQL_OPT_SSL_KEY);
	set_text(my, host, "ssl_cipher", MYSQL_OPT_SSL_CIPHER);
	if (sql_word_get(host->words, "ssl_ca")[0] != '\0' ||
	    sql_word_get(host->words, "ssl_ca_path")[0] != '\0')
		(void)mysql_optionsv(my, MYSQL_OPT_SSL_ENFORCE, &on);
	if (strcmp(verify, "yes") == 0)
		(void)mysql_optionsv(my, MYSQL_OPT_SSL_VERIFY_SERVER_CERT,
				     &on);
}

static const char *text_or_null(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

static void prepared_drop(struct prepared *p)
{
	if (p->stmt != NULL)
		(void)mysql_stmt_close(p->stmt);
	free(p->text);
	*p = (struct prepared){ .text = NULL };
}

static void mysql_disconnect(void *data)
{
	struct conn *c = data;

	for (size_t i = 0; i < STATEMENTS_MAX; i++)
		prepared_drop(&c->prepared[i]);
	if (c->my != NULL)
		mysql_close(c->my);
	free(c);
}

static int mysql_connect_host(const struct sql_host *host, void **conn_r,
			      struct cv_error *err)
{
	const struct sql_word *w = host->words;
	const char *name = sql_word_get(w, "host");
	bool is_socket = name[0] == '/';
	struct conn *c = calloc(1, sizeof(*c));
	int ret;

	if (c == NULL || (c->my = mysql_init(NULL)) == NULL) {
		free(c);
		return CV_FAIL(err, CV_E_TEMP, "out of memory");
	}
	set_options(c->my, host);
	if (mysql_real_connect(c->my, is_socket ? NULL : text_or_null(name),
			       text_or_null(sql_word_get(w, "user")),
			       text_or_null(sql_word_get(w, "password")),
			       text_or_null(sql_word_get(w, "dbname")),
			       number(host, "port", 0),
			       is_socket ? name : NULL,
			       number(host, "client_flags", 0)) == NULL) {
		ret = CV_FAIL(err, CV_E_TEMP, "cannot connect to %s: %s",
			      host->name, mysql_error(c->my));
		mysql_disconnect(c);
		return ret;
	}
	*conn_r = c;
	return CV_OK;
}

/* --- asking ------------------------------------------------------------------------ */

static int refusal(unsigned int code, const char *text, struct cv_error *err)
{
	switch (code) {
	case CR_SERVER_GONE_ERROR:
	case CR_SERVER_LOST:
	case CR_CONN_HOST_ERROR:
	case CR_CONNECTION_ERROR:
	case CR_COMMANDS_OUT_OF_SYNC:
	case ER_SERVER_SHUTDOWN:
	case ER_NORMAL_SHUTDOWN:
	case ER_CONNECTION_KILLED:
	case ER_UNKNOWN_STMT_HANDLER:
	case ER_NEED_REPREPARE:
	case ER_LOCK_WAIT_TIMEOUT:
		return CV_FAIL(err, CV_E_TEMP, "connection lost: %s", text);
	case ER_TRUNCATED_WRONG_VALUE:
	case ER_TRUNCATED_WRONG_VALUE_FOR_FIELD:
		text = "a value does not fit the query";
		break;
	}
	return CV_FAIL(err, CV_E_PERM, "query: %s (error %u)", text, code);
}

static int stmt_refusal(struct conn *c, MYSQL_STMT *stmt,
			uint64_t began, struct cv_error *err)
{
	unsigned int secs = READ_TIMEOUT_SECS;
	int ret = refusal(mysql_stmt_errno(stmt), mysql_stmt_error(stmt), err);

	(void)mysql_get_optionv(c->my, MYSQL_OPT_READ_TIMEOUT, &secs);
	/* the library calls that a lost connection */
	if (ret == CV_E_TEMP && secs > 0 &&
	    cv_api->monotonic_msecs() - began >= (uint64_t)secs * 1000)
		return CV_FAIL(err, CV_E_TIMEOUT, "no answer within %u "
			       "seconds", secs);
	return ret;
}

static int prepare(struct conn *c, const char *text, uint32_t params,
		   MYSQL_STMT **stmt_r, struct cv_error *err)
{
	struct prepared p;
	size_t at = 0;
	int ret;

	while (at < STATEMENTS_MAX - 1 && c->prepared[at].text != NULL &&
	       strcmp(c->prepared[at].text, text) != 0)
		at++;
	p = c->prepared[at];
	c->prepared[at] = (struct prepared){ .text = NULL };
	if (p.text != NULL && strcmp(p.text, text) != 0)
		prepared_drop(&p);
	if (p.text == NULL) {
		p.text = strdup(text);
		p.stmt = mysql_stmt_init(c->my);
		if (p.text == NULL || p.stmt == NULL) {
			prepared_drop(&p);
			return CV_FAIL(err, CV_E_TEMP, "out of memory");
		}
		ret = CV_OK;
		if (mysql_stmt_prepare(p.stmt, text, strlen(text)) != 0)
			ret = refusal(mysql_stmt_errno(p.stmt),
				      mysql_stmt_error(p.stmt), err);
		else if (mysql_stmt_param_count(p.stmt) != params)
			ret = CV_FAIL(err, CV_E_PERM, "query has a '?' of its "
				      "own");
		if (ret != CV_OK) {
			prepared_drop(&p);
			return ret;
		}
	}
	memmove(&c->prepared[1], &c->prepared[0], at * sizeof(p));
	c->prepared[0] = p;
	*stmt_r = p.stmt;
	return CV_OK;
}

static int bind_params(MYSQL_STMT *stmt, const struct cv_sql_query *query,
		       struct cv_pool *pool, struct cv_error *err)
{
	MYSQL_BIND *binds = CV_ALLOC_ARRAY(pool, MYSQL_BIND,
					   query->param_count + 1);

	for (uint32_t i = 0; i < query->param_count; i++) {
		struct cv_span value = query->params[i];

		binds[i].buffer_type = value.data == NULL ? MYSQL_TYPE_NULL :
			MYSQL_TYPE_STRING;
		/* the library only reads it */
		binds[i].buffer = (void *)(uintptr_t)value.data;
		binds[i].buffer_length = value.len;
	}
	if (query->param_count > 0 && mysql_stmt_bind_param(stmt, binds) != 0)
		return CV_FAIL(err, CV_E_PERM, "%s", mysql_stmt_error(stmt));
	return CV_OK;
}

/* The columns of a result, and where its values go. */
struct result {
	MYSQL_STMT *stmt;
	struct cv_pool *pool;
	uint32_t count;
	const char *names[COLUMNS_MAX];
	struct cv_span values[COLUMNS_MAX];
	MYSQL_BIND binds[COLUMNS_MAX];
	unsigned long lens[COLUMNS_MAX];
	my_bool nulls[COLUMNS_MAX], cut[COLUMNS_MAX];
};

static int result_bind(struct result *r, struct cv_error *err)
{
	MYSQL_RES *meta = mysql_stmt_result_metadata(r->stmt);
	const MYSQL_FIELD *fields;

	if (meta == NULL)
		return CV_OK;
	r->count = mysql_num_fields(meta);
	if (r->count > COLUMNS_MAX) {
		mysql_free_result(meta);
		return CV_FAIL(err, CV_E_PERM, "more than %d columns",
			       COLUMNS_MAX);
	}
	fields = mysql_fetch_fields(meta);
	for (uint32_t i = 0; i < r->count; i++) {
		r->names[i] = cv_span_copy(r->pool,
					   cv_span_of(fields[i].name));
		r->binds[i] = (MYSQL_BIND){
			.buffer_type = MYSQL_TYPE_STRING,
			.buffer = cv_api->alloc(r->pool, VALUE_BYTES + 1),
			.buffer_length = VALUE_BYTES,
			.length = &r->lens[i], .is_null = &r->nulls[i],
			.error = &r->cut[i],
		};
	}
	mysql_free_result(meta);
	if (mysql_stmt_bind_result(r->stmt, r->binds) != 0)
		return CV_FAIL(err, CV_E_PERM, "%s",
			       mysql_stmt_error(r->stmt));
	return CV_OK;
}

static int take_value(struct result *r, uint32_t i, struct cv_error *err)
{
	MYSQL_BIND whole = r->binds[i];
	unsigned long len = r->lens[i];
	char *data = r->binds[i].buffer;

	r->values[i] = CV_SPAN_NONE;
	if (r->nulls[i])
		return CV_OK;
	if (len > VALUE_BYTES_MAX)
		return CV_FAIL(err, CV_E_PERM, "the value of '%s' is too "
			       "long", r->names[i]);
	if (len > VALUE_BYTES) {
		data = cv_api->alloc(r->pool, len + 1);
		whole.buffer = data;
		whole.buffer_length = len;
		if (mysql_stmt_fetch_column(r->stmt, &whole, i, 0) != 0)
			return CV_FAIL(err, CV_E_PERM, "%s",
				       mysql_stmt_error(r->stmt));
	}
	data[len] = '\0';
	r->values[i] = cv_span(data, len);
	return CV_OK;
}

static int give_rows(struct result *r, cv_sql_row_fn *row, void *context,
		     struct cv_error *err)
{
	struct cv_sql_row out = { CV_SIZED(cv_sql_row), .count = r->count,
		.names = r->names, .values = r->values };
	int ret = CV_OK, status;

	while (ret == CV_OK && row != NULL) {
		status = mysql_stmt_fetch(r->stmt);
		if (status == MYSQL_NO_DATA)
			break;
		if (status != 0 && status != MYSQL_DATA_TRUNCATED)
			return CV_FAIL(err, CV_E_PERM, "%s",
				       mysql_stmt_error(r->stmt));
		for (uint32_t i = 0; ret == CV_OK && i < r->count; i++)
			ret = take_value(r, i, err);
		if (ret == CV_OK)
			ret = row(context, &out, err);
	}
	return ret == CV_EOF ? CV_OK : ret;
}

static int run(struct conn *c, const struct cv_sql_query *query,
	       struct cv_pool *pool, cv_sql_row_fn *row, void *context,
	       uint64_t *changed_r, struct cv_error *err)
{
	struct result *r = CV_ALLOC(pool, struct result);
	uint64_t began = cv_api->monotonic_msecs();
	struct cv_text text;
	int ret;

	cv_text_init(&text, pool);
	sql_text_join(&text, query, '?', false);
	ret = prepare(c, cv_text_str(&text), query->param_count, &r->stmt,
		      err);
	if (ret != CV_OK)
		return ret;
	r->pool = pool;
	ret = bind_params(r->stmt, query, pool, err);
	if (ret != CV_OK)
		return ret;
	/* the whole answer is taken before the first row is given */
	if (mysql_stmt_execute(r->stmt) != 0 ||
	    mysql_stmt_store_result(r->stmt) != 0)
		return stmt_refusal(c, r->stmt, began, err);
	ret = result_bind(r, err);
	if (ret == CV_OK && r->count > 0)
		ret = give_rows(r, row, context, err);
	if (ret == CV_OK && changed_r != NULL)
		*changed_r = r->count > 0 ? 0 :
			mysql_stmt_affected_rows(r->stmt);
	(void)mysql_stmt_free_result(r->stmt);
	return ret;
}

static int mysql_exec(void *data, const struct cv_sql_query *query,
		      cv_sql_row_fn *row, void *context, uint64_t *changed_r,
		      struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("mysql");
	int ret = run(data, query, pool, row, context, changed_r, err);

	cv_api->pool_destroy(&pool);
	return ret;
}

/* --- the frame ----------------------------------------------------------------------- */

static const struct sql_backend backend = {
	.connect = mysql_connect_host, .disconnect = mysql_disconnect,
	.exec = mysql_exec,
};

static const char *check_word(const struct sql_word *word,
			      struct cv_pool *pool)
{
	struct cv_text text;
	size_t i = 0;

	while (words_known[i] != NULL && strcmp(words_known[i], word->key) != 0)
		i++;
	if (words_known[i] != NULL)
		return NULL;
	cv_text_init(&text, pool);
	cv_text_append_f(&text, "connect has no '%s'; known are host, port, "
			 "dbname, user, password, connect_timeout, "
			 "read_timeout, write_timeout, ssl_ca ...", word->key);
	return cv_text_str(&text);
}

static const char *mysql_check(const char *connect, struct cv_pool *pool)
{
	const char *problem = NULL;
	const struct sql_word *words = sql_words_parse(pool, connect,
						       &problem);

	for (; problem == NULL && words->key != NULL; words++)
		problem = check_word(words, pool);
	return problem;
}

static int mysql_open(const struct cv_sql_config *config,
		      struct cv_sql_db **db_r, struct cv_error *err)
{
	static const char *const files[] = {
		"ssl_ca", "ssl_ca_path", "ssl_cert", "ssl_key", "option_file",
	};
	const char *problem = mysql_check(config->connect, config->pool);
	const struct sql_word *words;

	if (problem != NULL)
		return CV_FAIL(err, CV_E_CONFIG, "%s", problem);
	words = sql_words_parse(config->pool, config->connect, &problem);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const char *path = sql_word_get(words, files[i]);

		if (path[0] == '/' && config->needs_path != NULL)
			config->needs_path(config->context, path);
	}
	*db_r = sql_pool_create(config->pool, plugin_self, &backend, words,
				"localhost");
	return CV_OK;
}

static const struct cv_sql table = {
	CV_SIZED(cv_sql), .name = "mysql",
	.dialect = CV_SQL_BACKSLASH | CV_SQL_DOUBLE_TEXT |
		CV_SQL_HASH_COMMENT | CV_SQL_BACKTICK_NAME,
	.open = mysql_open, .close = sql_pool_close, .exec = sql_pool_exec,
	.check = mysql_check,
};

static const struct cv_service service = {
	CV_SIZED(cv_service), .name = "sql-mysql", .table = &table,
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
static const char *const paths[] = {
	"/etc", "/lib", "/usr/lib", "/usr/share", "/run", NULL,
};

CV_PLUGIN_DEFINE("sql-mysql", 0,
	.license = "MIT", .version = "1.0",
	.summary = "Databases of MariaDB and MySQL",
	.flags = CV_PLUGIN_CONNECTS,
	.processes = processes, .paths = paths,
	.init = init);
