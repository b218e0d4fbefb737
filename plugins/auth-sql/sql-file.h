/* sql-file.h - dovecot-sql.conf.ext: which database, and what to ask it. */
#ifndef SQL_FILE_H
#define SQL_FILE_H

#include "cv-plugin.h"

/* Never NULL. */
struct sql_file {
	const char *path;
	const char *driver, *connect;
	const char *password_query, *user_query, *iterate_query;
	const char *update_query;
	const char *default_pass_scheme;
};

/* Given what is wrong, with the line; is_error false: it has no effect. */
typedef void sql_problem_fn(void *context, uint32_t line, bool is_error,
			    const char *text);

/* CV_E_CONFIG when problem was told an error; the rest is read all the same.
 * CV_E_TEMP: it cannot be read. */
#define sql_file_read CV_OWN(_sql_file_read)
int sql_file_read(struct cv_pool *pool, const char *path,
		  struct sql_file *file_r, sql_problem_fn *problem,
		  void *context, struct cv_error *err);

#define sql_file_words CV_OWN(_sql_file_words)
extern const char *const sql_file_words[];

#endif
