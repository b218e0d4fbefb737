/* route-file.c - see route-file.h. */
#include "route-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 64 * 1024 };

struct reader {
	struct cv_pool *pool;
	struct route_file *file;
	route_problem_fn *problem;
	void *context;
	bool failed;
};

static const struct { const char *name; size_t at; } texts[] = {
	{ "driver", offsetof(struct route_file, driver) },
	{ "connect", offsetof(struct route_file, connect) },
	{ "tag", offsetof(struct route_file, tag) },
	{ "fields", offsetof(struct route_file, fields) },
};

static const struct { const char *name; size_t at; uint32_t min, max; }
numbers[] = {
	{ "user_expire", offsetof(struct route_file, user_expire),
	  10, 604800 },
	{ "check_interval", offsetof(struct route_file, check_interval),
	  1, 3600 },
	{ "check_timeout", offsetof(struct route_file, check_timeout),
	  50, 60000 },
	{ "check_failures", offsetof(struct route_file, check_failures),
	  1, 100 },
	{ "check_port", offsetof(struct route_file, check_port), 0, 65535 },
	{ "move_timeout", offsetof(struct route_file, move_timeout), 1, 60 },
};

static void tell(struct reader *r, uint32_t line, const char *what,
		 struct cv_span about)
{
	struct cv_text text;

	cv_text_init(&text, r->pool);
	cv_text_append_f(&text, "%s '%.*s'", what, CV_SPAN_ARG(about));
	r->failed = true;
	r->problem(r->context, line, cv_text_str(&text));
}

static bool take_number(struct reader *r, const struct cv_setting_line *line)
{
	uint64_t value;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (!cv_span_is(line->key, numbers[i].name))
			continue;
		if (!cv_span_to_u64(line->value, numbers[i].max, &value) ||
		    value < numbers[i].min)
			tell(r, line->line, "a number is out of bounds:",
			     line->value);
		else
			*(uint32_t *)(void *)((char *)r->file +
					      numbers[i].at) =
				(uint32_t)value;
		return true;
	}
	return false;
}

static void take_value(struct reader *r, const struct cv_setting_line *line)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!cv_span_is(line->key, texts[i].name))
			continue;
		*(const char **)(void *)((char *)r->file + texts[i].at) =
			cv_span_copy(r->pool, line->value);
		return;
	}
	if (take_number(r, line))
		return;
	if (!cv_span_is(line->key, "check")) {
		tell(r, line->line, "there is no setting", line->key);
		return;
	}
	r->file->check_greeting = cv_span_is(line->value, "greeting");
	if (!r->file->check_greeting && !cv_span_is(line->value, "connect"))
		tell(r, line->line, "check is connect or greeting, not",
		     line->value);
}

static void read_lines(struct reader *r, struct cv_span text)
{
	struct cv_settings_text lex = {
		CV_SIZED(cv_settings_text), .line = 1, .rest = text,
		.pool = r->pool,
	};
	struct cv_setting_line line = { CV_SIZED(cv_setting_line) };

	for (;;) {
		cv_api->settings_line(&lex, &line);
		if (line.kind == CV_SETTING_LINE_END)
			return;
		if (line.kind == CV_SETTING_LINE_VALUE && !line.from_file)
			take_value(r, &line);
		else
			tell(r, line.line, "this is no 'name = value':",
			     line.key);
	}
}

static int read_text(struct cv_pool *pool, const char *path,
		     struct cv_span *text_r, struct cv_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *data = cv_api->alloc(pool, FILE_BYTES_MAX + 1);
	ssize_t len = fd < 0 ? -1 : read(fd, data, FILE_BYTES_MAX + 1);

	if (len < 0)
		(void)CV_FAIL(err, CV_E_TEMP, "cannot read '%s': %s", path,
			      strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	if (len < 0)
		return CV_E_TEMP;
	if (len > FILE_BYTES_MAX)
		return CV_FAIL(err, CV_E_CONFIG, "'%s' is too large", path);
	*text_r = cv_span(data, (size_t)len);
	return CV_OK;
}

int route_file_read(struct cv_pool *pool, const char *path,
		    struct route_file *file_r, route_problem_fn *problem,
		    void *context, struct cv_error *err)
{
	struct reader r = { pool, file_r, problem, context, false };
	struct cv_span text = CV_SPAN_NONE;
	int ret;

	*file_r = (struct route_file){
		.path = path, .driver = "", .connect = "", .tag = "",
		.fields = "proxy=y", .user_expire = 900,
		.check_interval = 5, .check_timeout = 2000,
		.check_failures = 2, .check_greeting = true,
		.move_timeout = 15,
	};
	ret = read_text(pool, path, &text, err);
	if (ret != CV_OK)
		return ret;
	read_lines(&r, text);
	if (file_r->driver[0] == '\0' || file_r->connect[0] == '\0')
		tell(&r, 1, "driver and connect, the database, are missing in",
		     cv_span_of(path));
	if (r.failed)
		return CV_FAIL(err, CV_E_CONFIG, "'%s' has errors", path);
	return CV_OK;
}
