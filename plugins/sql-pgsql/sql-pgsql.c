/* sql-pgsql.c - the driver of PostgreSQL.
 *
 *	connect = host=/run/postgresql dbname=mail user=culver
 *	connect = host=db1 host=db2 dbname=mail user=culver password=secret \
 *		sslmode=verify-full sslrootcert=/etc/ssl/certs/db.pem
 *
 * The words are libpq's, so TLS is what sslmode, sslrootcert, sslcert, sslkey
 * ... say.  Each host= is a host of its own.  Besides: read_timeout (seconds;
 * 20), and Dovecot's maxconns, which has no meaning for processes that ask one
 * thing at a time. */
#include "../sql-common/sql-pool.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>

enum {
	CONNECT_TIMEOUT_SECS = 5, READ_TIMEOUT_SECS = 20, COLUMNS_MAX = 256,
	TEXT_OID = 25,
};

struct conn {
	PGconn *pg;
	int timeout_msecs;
};

static struct cv_plugin *plugin_self;

/* libpq's texts end in line ends and have some inside. */
static const char *one_line(struct cv_pool *pool, const char *text)
{
	struct cv_text out;

	cv_text_init(&out, pool);
	for (; *text != '\0'; text++)
		cv_text_append_c(&out, (unsigned char)*text < 0x20 ? ' ' :
				 *text);
	return cv_span_copy(pool, cv_span_trim(cv_text_span(&out)));
}

static int fail(const char *what, const char *text, int code,
		struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("pgsql error");
	int ret = CV_FAIL(err, code, "%s: %s", what, one_line(pool, text));

	cv_api->pool_destroy(&pool);
	return ret;
}

static bool is_own_word(const char *key)
{
	return strcmp(key, "maxconns") == 0 ||
		strcmp(key, "read_timeout") == 0;
}

static void pgsql_disconnect(void *data)
{
	struct conn *c = data;

	PQfinish(c->pg);
	free(c);
}

static PGconn *connect_words(const struct sql_host *host)
{
	const char *keys[64], *values[64];
	size_t count = 0;

	/* what comes first may be said again: the last one counts */
	keys[count] = "fallback_application_name";
	values[count++] = "culver";
	keys[count] = "connect_timeout";
	values[count++] = "5";
	for (const struct sql_word *w = host->words;
	     w->key != NULL && count < 60; w++) {
		if (is_own_word(w->key))
			continue;
		keys[count] = w->key;
		values[count++] = w->value;
	}
	keys[count] = "client_encoding";
	values[count++] = "UTF8";
	keys[count] = NULL;
	return PQconnectdbParams(keys, values, 0);
}

static int pgsql_connect(const struct sql_host *host, void **conn_r,
			 struct cv_error *err)
{
	struct conn *c = calloc(1, sizeof(*c));
	struct cv_span timeout = cv_span_of(sql_word_get(host->words,
							 "read_timeout"));
	uint64_t secs;
	int ret;

	if (c == NULL)
		return CV_FAIL(err, CV_E_TEMP, "out of memory");
	if (!cv_span_to_u64(timeout, 3600, &secs) || secs == 0)
		secs = READ_TIMEOUT_SECS;
	c->timeout_msecs = (int)secs * 1000;
	c->pg = connect_words(host);
	if (PQstatus(c->pg) != CONNECTION_OK) {
		ret = fail("cannot connect", PQerrorMessage(c->pg), CV_E_TEMP,
			   err);
		pgsql_disconnect(c);
		return ret;
	}
	*conn_r = c;
	return CV_OK;
}

/* Waits for the whole answer. */
static int wait_result(struct conn *c, struct cv_error *err)
{
	uint64_t end = cv_api->monotonic_msecs() + (uint64_t)c->timeout_msecs;

	while (PQisBusy(c->pg)) {
		struct pollfd p = { .fd = PQsocket(c->pg), .events = POLLIN };
		uint64_t now = cv_api->monotonic_msecs();
		int ret;

		if (now >= end)
			return CV_FAIL(err, CV_E_TIMEOUT, "no answer within "
				       "%d seconds", c->timeout_msecs / 1000);
		ret = poll(&p, 1, (int)(end - now));
		if (ret < 0 && errno != EINTR)
			return CV_FAIL(err, CV_E_TEMP, "poll: %s",
				       strerror(errno));
		if (ret > 0 && PQconsumeInput(c->pg) == 0)
			return fail("connection lost", PQerrorMessage(c->pg),
				    CV_E_TEMP, err);
	}
	return CV_OK;
}

/* The last result of the statement; earlier ones are dropped. */
static int take_result(struct conn *c, PGresult **result_r,
		       struct cv_error *err)
{
	PGresult *result;
	int ret;

	*result_r = NULL;
	for (;;) {
		ret = wait_result(c, err);
		if (ret != CV_OK)
			break;
		result = PQgetResult(c->pg);
		if (result == NULL)
			break;
		PQclear(*result_r);
		*result_r = result;
	}
	if (ret == CV_OK && *result_r == NULL)
		ret = fail("connection lost", PQerrorMessage(c->pg), CV_E_TEMP,
			   err);
	if (ret != CV_OK) {
		PQclear(*result_r);
		*result_r = NULL;
	}
	return ret;
}

/* as_text: parameters are texts, not whatever fits. */
static int send(struct conn *c, const char *text,
		const struct cv_sql_query *query, struct cv_pool *pool,
		bool as_text, PGresult **result_r, struct cv_error *err)
{
	uint32_t count = query->param_count;
	const char **values = CV_ALLOC_ARRAY(pool, const char *, count + 1);
	Oid *types = CV_ALLOC_ARRAY(pool, Oid, count + 1);

	for (uint32_t i = 0; i < count; i++) {
		values[i] = query->params[i].data == NULL ? NULL :
			cv_span_copy(pool, query->params[i]);
		types[i] = TEXT_OID;
	}
	if (PQsendQueryParams(c->pg, text, (int)count,
			      as_text ? types : NULL, values, NULL, NULL,
			      0) == 0)
		return fail("cannot send", PQerrorMessage(c->pg), CV_E_TEMP,
			    err);
	return take_result(c, result_r, err);
}

static bool has_state(const PGresult *result, const char *state)
{
	const char *got = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return got != NULL && strncmp(got, state, strlen(state)) == 0;
}

static int refusal(struct conn *c, const PGresult *result,
		   struct cv_error *err)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(result,
					      PG_DIAG_MESSAGE_PRIMARY);

	/* shutting down, starting up, cannot connect now; or it is gone */
	if (PQstatus(c->pg) != CONNECTION_OK || has_state(result, "57P") ||
	    has_state(result, "08"))
		return fail("connection lost", PQerrorMessage(c->pg),
			    CV_E_TEMP, err);
	/* those of class 22 quote the value */
	if (state == NULL || text == NULL || has_state(result, "22"))
		text = "a value does not fit the query";
	return CV_FAIL(err, CV_E_PERM, "query: %s (SQLSTATE %s)", text,
		       state == NULL ? "none" : state);
}

static int give_rows(PGresult *result, cv_sql_row_fn *row, void *context,
		     struct cv_error *err)
{
	const char *names[COLUMNS_MAX];
	struct cv_span values[COLUMNS_MAX];
	struct cv_sql_row r = { CV_SIZED(cv_sql_row), .names = names,
		.values = values };
	int ret = CV_OK, columns = PQnfields(result);

	r.count = columns > COLUMNS_MAX ? COLUMNS_MAX : (uint32_t)columns;
	for (uint32_t i = 0; i < r.count; i++)
		names[i] = PQfname(result, (int)i);
	for (int n = 0; row != NULL && ret == CV_OK && n < PQntuples(result);
	     n++) {
		for (uint32_t i = 0; i < r.count; i++)
			values[i] = PQgetisnull(result, n, (int)i) ?
				CV_SPAN_NONE :
				cv_span(PQgetvalue(result, n, (int)i),
					(size_t)PQgetlength(result, n,
							    (int)i));
		ret = row(context, &r, err);
	}
	return ret == CV_EOF ? CV_OK : ret;
}

static int run(struct conn *c, const struct cv_sql_query *query,
	       struct cv_pool *pool, cv_sql_row_fn *row, void *context,
	       uint64_t *changed_r, struct cv_error *err)
{
	struct cv_text text;
	PGresult *result;
	int ret;

	cv_text_init(&text, pool);
	sql_text_join(&text, query, '$', true);
	ret = send(c, cv_text_str(&text), query, pool, false, &result, err);
	/* 42P18 indeterminate_datatype: concat($1, 'x') takes anything */
	if (ret == CV_OK && has_state(result, "42P18")) {
		PQclear(result);
		ret = send(c, cv_text_str(&text), query, pool, true, &result,
			   err);
	}
	if (ret != CV_OK)
		return ret;
	if (PQresultStatus(result) != PGRES_TUPLES_OK &&
	    PQresultStatus(result) != PGRES_COMMAND_OK)
		ret = refusal(c, result, err);
	else
		ret = give_rows(result, row, context, err);
	if (ret == CV_OK && changed_r != NULL)
		*changed_r = strtoull(PQcmdTuples(result), NULL, 10);
	PQclear(result);
	return ret;
}

static int pgsql_exec(void *data, const struct cv_sql_query *query,
		      cv_sql_row_fn *row, void *context, uint64_t *changed_r,
		      struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("pgsql");
	int ret = run(data, query, pool, row, context, changed_r, err);

	cv_api->pool_destroy(&pool);
	return ret;
}

/* --- the frame ----------------------------------------------------------------- */

static const struct sql_backend backend = {
	.connect = pgsql_connect, .disconnect = pgsql_disconnect,
	.exec = pgsql_exec,
};

static bool is_known(const PQconninfoOption *options, const char *key)
{
	for (; options->keyword != NULL; options++) {
		if (strcmp(options->keyword, key) == 0)
			return true;
	}
	return is_own_word(key);
}

static const char *pgsql_check(const char *connect, struct cv_pool *pool)
{
	const char *problem = NULL;
	const struct sql_word *words = sql_words_parse(pool, connect,
						       &problem);
	PQconninfoOption *options = PQconndefaults();
	struct cv_text text;

	cv_text_init(&text, pool);
	for (; problem == NULL && options != NULL && words->key != NULL;
	     words++) {
		if (is_known(options, words->key))
			continue;
		cv_text_append_f(&text, "libpq knows no '%s'", words->key);
		problem = cv_text_str(&text);
	}
	PQconninfoFree(options);
	return problem;
}

static int pgsql_open(const struct cv_sql_config *config,
		      struct cv_sql_db **db_r, struct cv_error *err)
{
	static const char *const files[] = {
		"sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile",
	};
	const char *problem = pgsql_check(config->connect, config->pool);
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
				"pgsql");
	return CV_OK;
}

static const struct cv_sql table = {
	CV_SIZED(cv_sql), .name = "pgsql",
	.dialect = CV_SQL_DOLLAR_TEXT | CV_SQL_E_TEXT,
	.open = pgsql_open, .close = sql_pool_close, .exec = sql_pool_exec,
	.check = pgsql_check,
};

static const struct cv_service service = {
	CV_SIZED(cv_service), .name = "sql-pgsql", .table = &table,
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

CV_PLUGIN_DEFINE("sql-pgsql", 0,
	.license = "MIT", .version = "1.0",
	.summary = "Databases of PostgreSQL",
	.flags = CV_PLUGIN_CONNECTS,
	.processes = processes, .paths = paths,
	.init = init);
