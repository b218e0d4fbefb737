/* db-file.c - reading them. */
#include "db-file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { INCLUDE_DEPTH_MAX = 4 };

void db_file_tell(struct db_file_reader *r, uint32_t line, bool is_error,
		  const char *text)
{
	r->failed = r->failed || is_error;
	r->problem(r->context, line, is_error, text);
}

int db_file_load(struct cv_pool *pool, const char *path, size_t max,
		 struct cv_span *text_r, struct cv_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *data;
	ssize_t len;

	if (fd < 0) {
		bool absent = errno == ENOENT || errno == ENOTDIR ||
			errno == ENAMETOOLONG;

		(void)CV_FAIL(err, CV_E_TEMP, "cannot open '%s': %s", path,
			      strerror(errno));
		return absent ? CV_NOT_FOUND : CV_E_TEMP;
	}
	data = cv_api->alloc(pool, max + 1);
	len = read(fd, data, max + 1);
	(void)close(fd);
	if (len < 0)
		return CV_FAIL(err, CV_E_TEMP, "cannot read '%s': %s", path,
			       strerror(errno));
	if ((size_t)len > max)
		return CV_FAIL(err, CV_E_CONFIG, "'%s' is longer than %zu "
			       "bytes", path, max);
	*text_r = cv_span(data, (size_t)len);
	return CV_OK;
}

/* Files that include files, to a small depth. */
struct level { struct cv_settings_text text; };

static bool enter(struct db_file_reader *r, struct level *levels, uint32_t *depth,
		  const struct cv_setting_line *line)
{
	struct cv_error *err = cv_api->error_new(r->pool);
	struct cv_span text;

	if (*depth + 1 == INCLUDE_DEPTH_MAX) {
		db_file_tell(r, line->line, true, "!include goes too deep");
		return false;
	}
	if (db_file_load(r->pool, cv_span_copy(r->pool, line->value),
			 DB_FILE_BYTES_MAX, &text, err) != CV_OK) {
		if (line->kind == CV_SETTING_LINE_INCLUDE)
			db_file_tell(r, line->line, true, cv_api->error_text(err));
		return false;
	}
	levels[++*depth].text = (struct cv_settings_text){
		CV_SIZED(cv_settings_text), .line = 1, .rest = text,
		.pool = r->pool,
	};
	return true;
}

static void read_lines(struct db_file_reader *r, struct cv_span text)
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
			db_file_tell(r, line.line, false, line.warning);
		switch (line.kind) {
		case CV_SETTING_LINE_END:
			if (depth == 0)
				return;
			depth--;
			break;
		case CV_SETTING_LINE_VALUE:
			r->take(r, &line);
			break;
		case CV_SETTING_LINE_INCLUDE:
		case CV_SETTING_LINE_INCLUDE_TRY:
			(void)enter(r, levels, &depth, &line);
			break;
		case CV_SETTING_LINE_BAD:
			db_file_tell(r, line.line, true, line.problem);
			break;
		default:
			db_file_tell(r, line.line, true, "there are no blocks here");
			break;
		}
	}
}

int db_file_read(struct db_file_reader *r, const char *path,
		 struct cv_error *err)
{
	struct cv_span text;
	int ret = db_file_load(r->pool, path, DB_FILE_BYTES_MAX, &text, err);

	if (ret == CV_OK)
		read_lines(r, text);
	return ret == CV_NOT_FOUND ? CV_E_TEMP : ret;
}
