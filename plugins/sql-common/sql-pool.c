/* sql-pool.c - hosts, reconnecting, fail-over. */
#include "sql-pool.h"

/* --- words ------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A value, in quotes or not; backslash protects, as libpq has it. */
static const char *take_value(struct cv_pool *pool, const char **at)
{
	bool quoted = **at == '\'';
	const char *s = *at + quoted;
	struct cv_text out;

	cv_text_init(&out, pool);
	while (*s != '\0' && (quoted ? *s != '\'' : !is_blank(*s))) {
		if (*s == '\\' && s[1] != '\0')
			s++;
		cv_text_append_c(&out, *s++);
	}
	if (quoted && *s != '\'')
		return NULL;
	*at = s + quoted;
	return cv_text_str(&out);
}

const struct sql_word *sql_words_parse(struct cv_pool *pool,
				       const char *connect,
				       const char **problem_r)
{
	size_t room = strlen(connect) / 2 + 2, count = 0, len;
	struct sql_word *words = CV_ALLOC_ARRAY(pool, struct sql_word, room);
	const char *at = connect + strspn(connect, " \t");

	for (; *at != '\0'; at += strspn(at, " \t")) {
		len = strcspn(at, "= \t");
		if (len == 0 || at[len] != '=') {
			*problem_r = "connect is words like host=localhost "
				"dbname=mail user=culver password=secret";
			return NULL;
		}
		words[count].key = cv_span_copy(pool, cv_span(at, len));
		at += len + 1;
		words[count].value = take_value(pool, &at);
		if (words[count++].value == NULL) {
			*problem_r = "a quote in connect is not closed";
			return NULL;
		}
	}
	return words;
}

const char *sql_word_get(const struct sql_word *words, const char *key)
{
	for (; words->key != NULL; words++) {
		if (strcmp(words->key, key) == 0)
			return words->value;
	}
	return "";
}

void sql_text_join(struct cv_text *out, const struct cv_sql_query *query,
		   char mark, bool numbered)
{
	for (uint32_t i = 0; i < query->param_count; i++) {
		cv_text_append_span(out, query->text[i]);
		cv_text_append_c(out, mark);
		if (numbered)
			cv_text_append_u64(out, i + 1);
	}
	cv_text_append_span(out, query->text[query->param_count]);
}

/* --- hosts -------------------------------------------------------------------- */

/* The words without those of the other hosts. */
static void host_init(struct cv_pool *pool, const struct sql_word *words,
		      const struct sql_word *own, struct sql_host *host)
{
	struct sql_word *kept;
	size_t count = 0;

	while (words[count].key != NULL)
		count++;
	kept = CV_ALLOC_ARRAY(pool, struct sql_word, count + 1);
	count = 0;
	for (const struct sql_word *w = words; w->key != NULL; w++) {
		if (w == own || strcmp(w->key, "host") != 0)
			kept[count++] = *w;
	}
	host->words = kept;
	host->failure = "";
	if (own != NULL)
		host->name = own->value;
}

struct cv_sql_db *sql_pool_create(struct cv_pool *pool,
				  struct cv_plugin *self,
				  const struct sql_backend *backend,
				  const struct sql_word *words,
				  const char *fallback)
{
	struct cv_sql_db *db = CV_ALLOC(pool, struct cv_sql_db);
	size_t count = 0;

	for (const struct sql_word *w = words; w->key != NULL; w++)
		count += strcmp(w->key, "host") == 0;
	db->pool = pool;
	db->self = self;
	db->backend = backend;
	db->hosts = CV_ALLOC_ARRAY(pool, struct sql_host, count + 1);
	for (const struct sql_word *w = words; w->key != NULL; w++) {
		if (strcmp(w->key, "host") == 0)
			host_init(pool, words, w,
				  &db->hosts[db->host_count++]);
	}
	if (count == 0) {
		host_init(pool, words, NULL, db->hosts);
		db->hosts[db->host_count++].name = fallback;
	}
	return db;
}

static void host_drop(struct cv_sql_db *db, struct sql_host *host)
{
	if (host->conn != NULL)
		db->backend->disconnect(host->conn);
	host->conn = NULL;
}

void sql_pool_close(struct cv_sql_db *db)
{
	for (uint32_t i = 0; i < db->host_count; i++)
		host_drop(db, &db->hosts[i]);
}

/* A host that is down is not asked again and again: for longer when asking
 * takes long. */
static void host_failed(struct sql_host *host, uint64_t began)
{
	uint64_t now = cv_api->monotonic_msecs();
	uint64_t slow = (now - began) * SQL_WAIT_FACTOR;
	uint64_t wait = (uint64_t)host->wait_msecs * 2;

	if (wait < SQL_WAIT_MIN_MSECS)
		wait = SQL_WAIT_MIN_MSECS;
	if (wait > SQL_WAIT_REFUSED_MSECS)
		wait = SQL_WAIT_REFUSED_MSECS;
	if (wait < slow)
		wait = slow < SQL_WAIT_MAX_MSECS ? slow : SQL_WAIT_MAX_MSECS;
	host->wait_msecs = (uint32_t)wait;
	host->retry_at = now + wait;
}

static int host_connect(struct cv_sql_db *db, struct sql_host *host,
			struct cv_error *err)
{
	uint64_t began = cv_api->monotonic_msecs();
	int ret = db->backend->connect(host, &host->conn, err);

	if (ret != CV_OK) {
		host->conn = NULL;
		host_failed(host, began);
		return ret;
	}
	if (host->wait_msecs > 0)
		cv_api->log(db->self, CV_LOG_INFO, "%s: the database is back",
			    host->name);
	host->wait_msecs = 0;
	host->retry_at = 0;
	return CV_OK;
}

static bool is_lost(int ret)
{
	return ret == CV_E_TEMP || ret == CV_E_TIMEOUT;
}

/* What one call of exec is about. */
struct asking {
	const struct cv_sql_query *query;
	cv_sql_row_fn *row;
	void *context;
	uint64_t *changed_r;
};

/* An old connection that turns out to be dead is replaced once.
 * *sent_r: the statement may have been carried out. */
static int host_exec(struct cv_sql_db *db, struct sql_host *host,
		     const struct asking *a, bool *sent_r,
		     struct cv_error *err)
{
	bool fresh = host->conn == NULL;
	uint64_t began;
	int ret;

	for (;;) {
		if (host->conn == NULL &&
		    (ret = host_connect(db, host, err)) != CV_OK)
			return ret;
		began = cv_api->monotonic_msecs();
		ret = db->backend->exec(host->conn, a->query, a->row,
					a->context, a->changed_r, err);
		if (!is_lost(ret))
			return ret;
		*sent_r = true;
		host_drop(db, host);
		if (fresh || ret == CV_E_TIMEOUT || a->query->changes) {
			host_failed(host, began);
			return ret;
		}
		fresh = true;
	}
}

static int all_waiting(const struct cv_sql_db *db, struct cv_error *err)
{
	uint64_t now = cv_api->monotonic_msecs();
	const struct sql_host *next = &db->hosts[0];

	for (uint32_t i = 1; i < db->host_count; i++) {
		if (db->hosts[i].retry_at < next->retry_at)
			next = &db->hosts[i];
	}
	return CV_FAIL(err, CV_E_TEMP, "the database has just failed and is "
		       "not asked again for %u ms", next->retry_at <= now ? 0 :
		       (unsigned int)(next->retry_at - now));
}

int sql_pool_exec(struct cv_sql_db *db, const struct cv_sql_query *query,
		  cv_sql_row_fn *row, void *context, uint64_t *changed_r,
		  struct cv_error *err)
{
	const struct asking a = { query, row, context, changed_r };
	uint64_t now = cv_api->monotonic_msecs();
	int ret = CV_E_TEMP;
	bool tried = false, sent = false;

	for (uint32_t i = 0; i < db->host_count; i++) {
		struct sql_host *host = &db->hosts[i];

		if (host->conn == NULL && host->retry_at > now)
			continue;
		tried = true;
		ret = host_exec(db, host, &a, &sent, err);
		if (!is_lost(ret))
			return ret;
		if (i + 1 < db->host_count)
			cv_api->log(db->self, CV_LOG_ERROR, "%s: %s; trying "
				    "the next host", host->name,
				    err == NULL ? "" :
				    cv_api->error_text(err));
		if (sent && query->changes)
			return ret;
	}
	return tried ? ret : all_waiting(db, err);
}
