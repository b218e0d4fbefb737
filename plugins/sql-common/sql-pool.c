/* sql-pool.c - words of connect; hosts. */
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
static void host_init(struct cv_pool *pool, const struct sql_backend *backend,
		      const struct sql_word *words, const struct sql_word *own,
		      const char *fallback, struct host *host)
{
	struct sql_host *config = CV_ALLOC(pool, struct sql_host);
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
	config->words = kept;
	config->backend = backend;
	config->name = own != NULL ? own->value : fallback;
	host->name = config->name;
	host->config = config;
}

/* What one call of exec is about. */
struct asking {
	const struct cv_sql_query *query;
	cv_sql_row_fn *row;
	void *context;
	uint64_t *changed_r;
};

static int pool_connect(struct host *host, struct cv_error *err)
{
	const struct sql_host *config = host->config;

	return config->backend->connect(config, &host->conn, err);
}

static void pool_disconnect(struct host *host)
{
	const struct sql_host *config = host->config;

	config->backend->disconnect(host->conn);
}

static int pool_exec(struct host *host, void *request, struct cv_error *err)
{
	const struct sql_host *config = host->config;
	const struct asking *a = request;

	return config->backend->exec(host->conn, a->query, a->row, a->context,
				     a->changed_r, err);
}

static const struct host_backend pool_backend = {
	.what = "the database", .connect = pool_connect,
	.disconnect = pool_disconnect, .exec = pool_exec,
};

struct cv_sql_db *sql_pool_create(struct cv_pool *pool,
				  struct cv_plugin *self,
				  const struct sql_backend *backend,
				  const struct sql_word *words,
				  const char *fallback)
{
	struct cv_sql_db *db = CV_ALLOC(pool, struct cv_sql_db);
	struct host_pool *hosts = &db->hosts;
	size_t count = 0;

	for (const struct sql_word *w = words; w->key != NULL; w++)
		count += strcmp(w->key, "host") == 0;
	db->pool = pool;
	hosts->self = self;
	hosts->backend = &pool_backend;
	hosts->hosts = CV_ALLOC_ARRAY(pool, struct host, count + 1);
	for (const struct sql_word *w = words; w->key != NULL; w++) {
		if (strcmp(w->key, "host") == 0)
			host_init(pool, backend, words, w, fallback,
				  &hosts->hosts[hosts->host_count++]);
	}
	if (count == 0)
		host_init(pool, backend, words, NULL, fallback,
			  &hosts->hosts[hosts->host_count++]);
	return db;
}

void sql_pool_close(struct cv_sql_db *db)
{
	host_pool_close(&db->hosts);
}

int sql_pool_exec(struct cv_sql_db *db, const struct cv_sql_query *query,
		  cv_sql_row_fn *row, void *context, uint64_t *changed_r,
		  struct cv_error *err)
{
	struct asking a = { query, row, context, changed_r };

	return host_pool_exec(&db->hosts, &a, query->changes, err);
}
