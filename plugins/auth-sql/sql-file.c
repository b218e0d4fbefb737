/* sql-file.c - reading dovecot-sql.conf.ext. */
#include "sql-file.h"
#include "../db-common/db-file.h"

const char *const sql_file_words[] = {
	"driver", "connect", "default_pass_scheme", "password_query",
	"user_query", "iterate_query", "update_query",
	"userdb_warning_disable", NULL,
};

static void take_value(struct db_file_reader *r,
		       const struct cv_setting_line *line)
{
	struct sql_file *file = r->settings;
	const struct { const char *name; const char **value; } known[] = {
		{ "driver", &file->driver },
		{ "connect", &file->connect },
		{ "password_query", &file->password_query },
		{ "user_query", &file->user_query },
		{ "iterate_query", &file->iterate_query },
		{ "update_query", &file->update_query },
		{ "default_pass_scheme", &file->default_pass_scheme },
	};
	struct cv_text text;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!cv_span_is(line->key, known[i].name))
			continue;
		if (line->from_file)
			db_file_tell(r, line->line, true, "a value from a "
				     "file ('= <file') is not read here; "
				     "write the value");
		*known[i].value = cv_span_copy(r->pool, line->value);
		return;
	}
	cv_text_init(&text, r->pool);
	if (!cv_span_is(line->key, "userdb_warning_disable")) {
		cv_text_append_f(&text, "there is no setting '%.*s' here",
				 CV_SPAN_ARG(line->key));
		db_file_tell(r, line->line, true, cv_text_str(&text));
	}
}

int sql_file_read(struct cv_pool *pool, const char *path,
		  struct sql_file *file_r, sql_problem_fn *problem,
		  void *context, struct cv_error *err)
{
	struct db_file_reader r = {
		.pool = pool, .take = take_value, .settings = file_r,
		.problem = problem, .context = context,
	};
	int ret;

	/* Dovecot 2.3's defaults; its MD5 is one of what CRYPT knows */
	*file_r = (struct sql_file){
		.path = path, .driver = "", .connect = "",
		.password_query = "SELECT username, domain, password FROM "
			"users WHERE username = '%n' AND domain = '%d'",
		.user_query = "SELECT home, uid, gid FROM users "
			"WHERE username = '%n' AND domain = '%d'",
		.iterate_query = "SELECT username, domain FROM users",
		/* what nobody has asked for is not written to */
		.update_query = "",
		.default_pass_scheme = "CRYPT",
	};
	ret = db_file_read(&r, path, err);
	if (ret != CV_OK)
		return ret;
	if (file_r->driver[0] == '\0')
		db_file_tell(&r, 1, true, "driver is missing (driver = "
			     "sqlite, pgsql or mysql)");
	if (file_r->connect[0] == '\0')
		db_file_tell(&r, 1, true, "connect is missing (where the "
			     "database is)");
	return r.failed ? CV_E_CONFIG : CV_OK;
}
