/* cv-sql.h - one SQL database, whichever it is.
 *
 * A driver is a plugin sql-<name> that provides a service "sql-<name>"
 * (cv-extend.h) of major 1 whose table is a struct cv_sql.  Whoever asks
 * databases (users, dictionaries, quotas) is another plugin, and gets it:
 *
 *	const struct cv_sql *sql = cv_api->service("sql-pgsql", 1);
 *
 * Values never become part of the text of a statement: the text comes in
 * pieces, and between each two of them is a parameter, which the driver
 * binds.  A database handle reconnects, goes from a host that is down to the
 * next, and comes back, all by itself.  Calls block, so it belongs into
 * processes in which that is allowed (auth-worker). */
#ifndef CV_SQL_H
#define CV_SQL_H

#include "cv-extend.h"

#define CV_SQL_MAJOR 1u

/* What a statement's text looks like to this database; struct cv_sql.dialect.
 * For those who put queries of an admin into pieces. */
enum {
	CV_SQL_BACKSLASH = 1,		/* 'it\'s' */
	CV_SQL_DOUBLE_TEXT = 2,		/* "..." is text, else a name */
	CV_SQL_DOUBLE_EITHER = 4,	/* ... or whichever fits */
	CV_SQL_DOLLAR_TEXT = 8,		/* $tag$...$tag$ */
	CV_SQL_E_TEXT = 16,		/* E'it\'s' */
	CV_SQL_HASH_COMMENT = 32,	/* # to the end of the line */
	CV_SQL_BACKTICK_NAME = 64,	/* `name` */
	CV_SQL_BRACKET_NAME = 128,	/* [name] */
};

struct cv_sql_db;		/* the driver's */

struct cv_sql_config {
	CV_HEAD;
	/* The driver's own words, as an admin wrote them: "host=... dbname=...",
	 * "/path/of/file.db". */
	const char *connect;
	struct cv_pool *pool;		/* as long as the database is open */
	/* Files and folders the driver will read; NULL: nobody asks. */
	void (*needs_path)(void *context, const char *path);
	void *context;
};

struct cv_sql_query {
	CV_HEAD;
	uint32_t param_count;
	const struct cv_span *text;	/* param_count + 1 pieces */
	const struct cv_span *params;	/* NULL-data: NULL */
	/* It changes something, so it is not sent a second time when the
	 * connection breaks behind it. */
	bool changes;
};

struct cv_sql_row {
	CV_HEAD;
	uint32_t count;
	const char *const *names;	/* of columns, as the database says */
	const struct cv_span *values;	/* NULL-data: NULL; a NUL follows */
};

/* Negative ends the query with that result, CV_EOF ends it with CV_OK.  The
 * row is gone when it returns. */
typedef int cv_sql_row_fn(void *context, const struct cv_sql_row *row,
			  struct cv_error *err);

struct cv_sql {
	CV_HEAD;
	const char *name;		/* "pgsql" */
	uint32_t dialect;
	/* Looks connect over; nothing is connected to before the first query,
	 * in the process that asks it.  CV_E_CONFIG: what is wrong with it. */
	int (*open)(const struct cv_sql_config *config,
		    struct cv_sql_db **db_r, struct cv_error *err);
	void (*close)(struct cv_sql_db *db);
	/* One statement.  row NULL: rows are not wanted; changed_r (may be
	 * NULL): rows that it changed.
	 *
	 * CV_E_TEMP: no host can be reached, or it went away.  CV_E_TIMEOUT:
	 * it did not answer in time.  CV_E_PERM: it says the statement is
	 * wrong.  Texts are for the log and hold no parameter. */
	int (*exec)(struct cv_sql_db *db, const struct cv_sql_query *query,
		    cv_sql_row_fn *row, void *context, uint64_t *changed_r,
		    struct cv_error *err);
	/* What is wrong with connect, without opening anything; for
	 * cv_passdb.check and its like.  NULL-result: nothing. */
	const char *(*check)(const char *connect, struct cv_pool *pool);
};

#endif
