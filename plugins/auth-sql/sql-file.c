/* sql-file.c - reading dovecot-sql.conf.ext. */
#include "sql-file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 256 * 1024, INCLUDE_DEPTH_MAX = 4 };

struct reader {
	struct cv_pool *pool;
	struct sql_file *file;
	sql_problem_fn *problem;
	void *context;
	bool failed;
};

const char *const sql_file_words[] = {
	"driver", "connect", "default_pass_scheme", "password_query",
	"user_query", "iterate_query", "update_query",
	"userdb_warning_disable", NULL,
};

static void tell(struct reader *r, uint32_t line, bool is_error,
		 const char *text)
{
	r->failed = r->failed || is_error;
	r->problem(r->context, line, is_error, text);
}

static int read_text(struct cv_pool *pool, const char *path,
		     struct cv_span *text_r, struct cv_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *data;
	ssize_t len;

	if (fd < 0)
		return CV_FAIL(err, CV_E_TEMP, "cannot open '%s': %s", path,
			       strerror(errno));
	data = cv_api->alloc(pool, FILE_BYTES_MAX + 1);
	len = read(fd, data, FILE_BYTES_MAX + 1);
	(void)close(fd);
	if (len < 0)
		return CV_FAIL(err, CV_E_TEMP, "cannot read '%s': %s", path,
			       strerror(errno));
	if (len > FILE_BYTES_MAX)
		return CV_FAIL(err, CV_E_CONFIG, "'%s' is too large", path);
	*text_r = cv_span(data, (size_t)len);
	return CV_OK;
}

static void take_value(struct reader *r, const struct cv_setting_line *line)
{
	const struct { const char *name; const char **value; } known[] = {
		{ "driver", &r->file->driver },
		{ "connect", &r->file->connect },
		{ "password_query", &r->file->password_query },
		{ "user_query", &r->file->user_query },
		{ "iterate_query", &r->file->iterate_query },
		{ "default_pass_scheme", &r->file->default_pass_scheme },
	};
	struct cv_text text;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!cv_span_is(line->key, known[i].name))
			continue;
		if (line->from_file)
			tell(r, line->line, true, "a value from a file "
			     "('= <file') is not read here; write the value");
		*known[i].value = cv_span_copy(r->pool, line->value);
		return;
	}
	cv_text_init(&text, r->pool);
	if (cv_span_is(line->key, "update_query")) {
		tell(r, line->line, false, "update_query changes nothing: "
		     "one-time passwords are not kept in databases");
	} else if (!cv_span_is(line->key, "userdb_warning_disable")) {
		cv_text_append_f(&text, "there is no setting '%.*s' here",
				 CV_SPAN_ARG(line->key));
		tell(r, line->line, true, cv_text_str(&text));
	}
}

/* Files that include files, to a small depth. */
struct level { struct cv_settings_text text; };

static bool enter(struct reader *r, struct level *levels, uint32_t *depth,
		  const struct cv_setting_line *line)
{
	struct cv_error *err = cv_api->error_new(r->pool);
	struct cv_span text;

	if (*depth + 1 == INCLUDE_DEPTH_MAX) {
		tell(r, line->line, true, "!include goes too deep");
		return false;
	}
	if (read_text(r->pool, cv_span_copy(r->pool, line->value), &text,
		      err) != CV_OK) {
		if (line->kind == CV_SETTING_LINE_INCLUDE)
			tell(r, line->line, true, cv_api->error_text(err));
		return false;
	}
	levels[++*depth].text = (struct cv_settings_text){
		CV_SIZED(cv_settings_text), .line = 1, .rest = text,
		.pool = r->pool,
	};
	return true;
}

static void read_lines(struct reader *r, struct cv_span text)
{
	struct level levels[INCLUDE_DEPTH_MAX] = { { {
		CV_SIZED(cv_settings_text), .line = 1, .rest = text,
		.pool = r->pool,
	} } };
	struct cv_setting_line line = { CV_SIZED(cv_setting_line) };
	uint32_t depth = 0;

	for (;;) {
		cv_api->settings_line(&levels[depth].text, &line);
		if (line.warning != NULL)
			tell(r, line.line, false, line.warning);
		switch (line.kind) {
		case CV_SETTING_LINE_END:
			if (depth == 0)
				return;
			depth--;
			break;
		case CV_SETTING_LINE_VALUE:
			take_value(r, &line);
			break;
		case CV_SETTING_LINE_INCLUDE:
		case CV_SETTING_LINE_INCLUDE_TRY:
			(void)enter(r, levels, &depth, &line);
			break;
		case CV_SETTING_LINE_BAD:
			tell(r, line.line, true, line.problem);
			break;
		default:
			tell(r, line.line, true, "there are no blocks here");
			break;
		}
	}
}

int sql_file_read(struct cv_pool *pool, const char *path,
		  struct sql_file *file_r, sql_problem_fn *problem,
		  void *context, struct cv_error *err)
{
	struct reader r = { pool, file_r, problem, context, false };
	struct cv_span text;
	int ret;

	/* Dovecot 2.3's defaults; its MD5 is one of what CRYPT knows */
	*file_r = (struct sql_file){
		.path = path, .driver = "", .connect = "",
		.password_query = "SELECT username, domain, password FROM "
			"users WHERE username = '%n' AND domain = '%d'",
		.user_query = "SELECT home, uid, gid FROM users "
			"WHERE username = '%n' AND domain = '%d'",
		.iterate_query = "SELECT username, domain FROM users",
		.default_pass_scheme = "CRYPT",
	};
	ret = read_text(pool, path, &text, err);
	if (ret != CV_OK)
		return ret;
	read_lines(&r, text);
	if (file_r->driver[0] == '\0')
		tell(&r, 1, true, "driver is missing (driver = sqlite, pgsql "
		     "or mysql)");
	if (file_r->connect[0] == '\0')
		tell(&r, 1, true, "connect is missing (where the database "
		     "is)");
	return r.failed ? CV_E_CONFIG : CV_OK;
}
