/* sql-pool.h - the words of connect, and the hosts that they name.
 *
 * No plugin: compiled into each driver of databases, on top of host-pool. */
#ifndef SQL_POOL_H
#define SQL_POOL_H

#include "../db-common/host-pool.h"
#include "cv-sql.h"

/* One word of connect. */
struct sql_word { const char *key, *value; };

struct sql_host {
	const char *name;		/* for messages */
	const struct sql_word *words;	/* key NULL at the end */
	const struct sql_backend *backend;
};

/* What a driver does with one connection. */
struct sql_backend {
	int (*connect)(const struct sql_host *host, void **conn_r,
		       struct cv_error *err);
	void (*disconnect)(void *conn);
	/* As cv_sql.exec; CV_E_TEMP and CV_E_TIMEOUT: the connection is of no
	 * use any more, and no row has been given. */
	int (*exec)(void *conn, const struct cv_sql_query *query,
		    cv_sql_row_fn *row, void *context, uint64_t *changed_r,
		    struct cv_error *err);
};

struct cv_sql_db {
	struct cv_pool *pool;
	struct host_pool hosts;
};

/* Splits "a=b c='d e'" into words, which end with a NULL key.  NULL, and
 * *problem_r, when it is not of that form. */
#define sql_words_parse CV_OWN(_sql_words_parse)
const struct sql_word *sql_words_parse(struct cv_pool *pool,
				       const char *connect,
				       const char **problem_r);
/* "" when there is no such word. */
#define sql_word_get CV_OWN(_sql_word_get)
const char *sql_word_get(const struct sql_word *words, const char *key);

/* One host for each host= of the words; without one, fallback. */
#define sql_pool_create CV_OWN(_sql_pool_create)
struct cv_sql_db *sql_pool_create(struct cv_pool *pool,
				  struct cv_plugin *self,
				  const struct sql_backend *backend,
				  const struct sql_word *words,
				  const char *fallback);
#define sql_pool_close CV_OWN(_sql_pool_close)
void sql_pool_close(struct cv_sql_db *db);
#define sql_pool_exec CV_OWN(_sql_pool_exec)
int sql_pool_exec(struct cv_sql_db *db, const struct cv_sql_query *query,
		  cv_sql_row_fn *row, void *context, uint64_t *changed_r,
		  struct cv_error *err);

/* The text with what the database takes for the parameters between its
 * pieces: mark followed by a number, or by nothing. */
#define sql_text_join CV_OWN(_sql_text_join)
void sql_text_join(struct cv_text *out, const struct cv_sql_query *query,
		   char mark, bool numbered);

#endif
