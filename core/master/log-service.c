/* log-service.c - writes what all processes log: files, syslog, journal or
 * stderr.
 *
 * Stays root where master is, so that a log file of root can be opened again
 * after rotation; Landlock lets it write in the directories of its files and
 * nowhere else.  Lines come cleaned (log.h); their senders are not trusted
 * beyond that. */
#include "log-service.h"
#include "log-line.h"
#include "service-private.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum log_target_kind { TARGET_FILE, TARGET_SYSLOG, TARGET_JOURNAL };

struct log_target {
	enum log_target_kind kind;
	const char *path;
	int fd;
};

/* By what is logged; several may be the same one. */
enum log_class { CLASS_ERROR, CLASS_INFO, CLASS_DEBUG, CLASSES };

struct log_service {
	struct service *service;
	struct log_settings set;
	struct log_target targets[CLASSES];
	char timestamp[64];		/* of the second below */
	int64_t timestamp_of;
};

static struct log_service logs;

/* --- targets --------------------------------------------------------------- */

static void open_target(struct log_target *target)
{
	int fd;

	if (target->kind != TARGET_FILE)
		return;
	fd = open(target->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
		  O_NOFOLLOW | O_NOCTTY, 0600);
	if (fd < 0) {
		(void)fprintf(stderr, "log: cannot open '%s': %s\n",
			      target->path, strerror(errno));
		return;
	}
	if (target->fd > STDERR_FILENO)
		(void)close(target->fd);
	target->fd = fd;
}

static void reopen_all(void)
{
	for (int i = 0; i < CLASSES; i++) {
		if (logs.targets[i].fd != STDERR_FILENO)
			open_target(&logs.targets[i]);
	}
}

static int connect_journal(void)
{
	const struct sockaddr_un to = {
		.sun_family = AF_UNIX,
		.sun_path = "/run/systemd/journal/socket",
	};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to,
			       sizeof(to)) < 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

static int facility_of(const char *name)
{
	static const struct { const char *name; int value; } all[] = {
		{ "mail", LOG_MAIL }, { "daemon", LOG_DAEMON },
		{ "auth", LOG_AUTH }, { "authpriv", LOG_AUTHPRIV },
		{ "user", LOG_USER }, { "local0", LOG_LOCAL0 },
		{ "local1", LOG_LOCAL1 }, { "local2", LOG_LOCAL2 },
		{ "local3", LOG_LOCAL3 }, { "local4", LOG_LOCAL4 },
		{ "local5", LOG_LOCAL5 }, { "local6", LOG_LOCAL6 },
		{ "local7", LOG_LOCAL7 },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(all[i].name, name) == 0)
			return all[i].value;
	}
	return LOG_MAIL;
}

static void set_target(struct log_target *target, const char *path)
{
	*target = (struct log_target){ .fd = -1, .path = path };
	if (strcmp(path, "syslog") == 0) {
		target->kind = TARGET_SYSLOG;
		openlog("culver", LOG_NDELAY,
			facility_of(logs.set.syslog_facility));
	} else if (strcmp(path, "journal") == 0) {
		target->kind = TARGET_JOURNAL;
		target->fd = connect_journal();
	} else if (strcmp(path, "/dev/stderr") == 0 ||
		   strcmp(path, "stderr") == 0) {
		target->fd = STDERR_FILENO;
	} else {
		open_target(target);
		service_add_path(logs.service, pool_printf(
			logs.service->pool, "%.*s",
			(int)(strrchr(path, '/') == NULL ? 0 :
			      strrchr(path, '/') - path), path), true);
	}
}

static const char *first_set(const char *a, const char *b)
{
	return *a != '\0' ? a : b;
}

static int log_start(struct service *s, struct cv_error *err)
{
	int status = settings_get(s->settings, &log_settings_table, NULL,
				  s->pool, &logs.set, err);
	const char *info;

	if (status != CV_OK)
		return status;
	logs.service = s;
	info = first_set(logs.set.info_log_path, logs.set.log_path);
	set_target(&logs.targets[CLASS_ERROR], logs.set.log_path);
	set_target(&logs.targets[CLASS_INFO], info);
	set_target(&logs.targets[CLASS_DEBUG],
		   first_set(logs.set.debug_log_path, info));
	return CV_OK;
}

/* --- writing --------------------------------------------------------------------- */

static const char *timestamp(uint64_t usecs)
{
	int64_t seconds = (int64_t)(usecs / 1000000);
	const char *format = logs.set.log_timestamp;
	size_t len = strlen(format);
	char plain[64];
	struct tm tm;
	time_t when = (time_t)seconds;

	if (seconds == logs.timestamp_of)
		return logs.timestamp;
	logs.timestamp_of = seconds;
	/* the value may stand in quotes to keep its last blank */
	if (len >= 2 && format[0] == '"' && len - 2 < sizeof(plain)) {
		memcpy(plain, format + 1, len - 2);
		plain[len - 2] = '\0';
		format = plain;
	}
	if (localtime_r(&when, &tm) == NULL ||
	    strftime(logs.timestamp, sizeof(logs.timestamp), format,
		     &tm) == 0)
		logs.timestamp[0] = '\0';
	return logs.timestamp;
}

/* "prefix: category: text" as two halves around the category. */
static void split_line(const struct log_line *line, struct cv_span *head_r,
		       struct cv_span *text_r)
{
	char needle[300];
	size_t at;
	int len = snprintf(needle, sizeof(needle), ": %s: ", line->category);

	*head_r = cv_span("", 0);
	*text_r = line->text;
	if (len > 0 && (size_t)len < sizeof(needle) &&
	    span_find(line->text, cv_span(needle, (size_t)len), &at)) {
		*head_r = cv_span(line->text.data, at);
		*text_r = cv_span_skip(line->text, at + (size_t)len);
	}
}

static void json_string(struct cv_text *out, struct cv_span s)
{
	cv_text_append_c(out, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '"' || s.data[i] == '\\')
			cv_text_append_c(out, '\\');
		cv_text_append_c(out, s.data[i]);
	}
	cv_text_append_c(out, '"');
}

static void format_json(struct cv_text *out, const struct log_line *line)
{
	struct cv_span head, text;

	split_line(line, &head, &text);
	cv_text_append_f(out, "{\"time\":%llu.%06u,\"level\":\"%s\","
			 "\"pid\":%u,\"service\":",
			 (unsigned long long)(line->usecs / 1000000),
			 (unsigned int)(line->usecs % 1000000),
			 log_level_name((enum log_level)line->level),
			 line->pid);
	json_string(out, cv_span_of(line->service));
	cv_text_append_str(out, ",\"category\":");
	json_string(out, cv_span_of(line->category));
	cv_text_append_str(out, ",\"source\":");
	json_string(out, head);
	cv_text_append_str(out, ",\"message\":");
	json_string(out, text);
	cv_text_append_str(out, "}");
}

static void format_text(struct cv_text *out, const struct log_line *line)
{
	struct cv_span head, text;

	split_line(line, &head, &text);
	if (head.len > 0) {
		cv_text_append_span(out, head);
		cv_text_append_str(out, ": ");
	}
	cv_text_append_str(out, log_level_name((enum log_level)line->level));
	cv_text_append_str(out, ": ");
	cv_text_append_span(out, text);
}

static int priority_of(uint32_t level)
{
	static const int priorities[] = {
		LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR, LOG_CRIT, LOG_CRIT,
	};

	return priorities[level];
}

static void write_journal(struct log_target *target, struct cv_text *out,
			  const struct log_line *line)
{
	struct cv_text entry;

	cv_text_init(&entry, out->pool);
	cv_text_append_f(&entry, "PRIORITY=%d\nSYSLOG_IDENTIFIER=culver\n"
			 "SYSLOG_PID=%u\nCULVER_SERVICE=%s\n"
			 "CULVER_CATEGORY=%s\nMESSAGE=",
			 priority_of(line->level), line->pid, line->service,
			 line->category);
	cv_text_append_span(&entry, cv_text_span(out));
	cv_text_append_c(&entry, '\n');
	if (target->fd < 0)
		target->fd = connect_journal();
	if (target->fd >= 0 &&
	    send(target->fd, entry.data, entry.len, MSG_NOSIGNAL) < 0) {
		(void)close(target->fd);
		target->fd = -1;
	}
}

static void write_file(struct log_target *target, struct cv_text *out,
		       const struct log_line *line)
{
	struct cv_text whole;

	cv_text_init(&whole, out->pool);
	if (logs.set.log_format == LOG_LOG_FORMAT_TEXT)
		cv_text_append_str(&whole, timestamp(line->usecs));
	cv_text_append_span(&whole, cv_text_span(out));
	cv_text_append_c(&whole, '\n');
	if (target->fd < 0)
		open_target(target);
	/* one write a line: with O_APPEND lines never mix */
	if (target->fd < 0 ||
	    write(target->fd, whole.data, whole.len) != (ssize_t)whole.len)
		(void)fprintf(stderr, "%s", whole.data);
}

static void write_line(const struct log_line *line)
{
	enum log_class class = line->level == LOG_LEVEL_DEBUG ? CLASS_DEBUG :
		line->level == LOG_LEVEL_INFO ? CLASS_INFO : CLASS_ERROR;
	struct log_target *target = &logs.targets[class];
	struct cv_pool *pool = pool_create("log line");
	struct cv_text out;

	cv_text_init(&out, pool);
	if (logs.set.log_format == LOG_LOG_FORMAT_JSON)
		format_json(&out, line);
	else
		format_text(&out, line);
	switch (target->kind) {
	case TARGET_FILE:
		write_file(target, &out, line);
		break;
	case TARGET_SYSLOG:
		syslog(priority_of(line->level), "%s", cv_text_str(&out));
		break;
	case TARGET_JOURNAL:
		write_journal(target, &out, line);
		break;
	}
	pool_destroy(&pool);
}

/* --- receiving ------------------------------------------------------------------------ */

static void own_line(enum log_level level, const char *category,
		     const char *text, size_t len, void *context)
{
	const struct log_line line = {
		.level = (uint32_t)level, .service = "log",
		.category = category, .text = cv_span(text, len),
		.pid = (uint32_t)getpid(), .usecs = time_now_usecs(),
	};

	(void)context;
	write_line(&line);
}

static void test_all(void)
{
	for (uint32_t level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_FATAL;
	     level++) {
		char text[64];
		int len = snprintf(text, sizeof(text), "log: test: this is "
				   "a test line, level %s",
				   log_level_name((enum log_level)level));

		own_line((enum log_level)level, "test", text, (size_t)len,
			 NULL);
	}
}

static void take_order(struct ipc_reader *r)
{
	struct cv_error err = ERROR_NONE;
	uint32_t type = r->type;

	if (ipc_finish(r, &err) != CV_OK) {
		log_error("log", "admin: %s", err.text);
		return;
	}
	if (type == LOG_MSG_REOPEN)
		reopen_all();
	else if (type == LOG_MSG_TEST)
		test_all();
}

static void log_message(struct service *s, const char *client,
			struct ipc_reader *r)
{
	struct cv_error err = ERROR_NONE;
	struct log_line line;

	(void)s;
	(void)client;
	if (r->type != LOG_MSG_LINE) {
		(void)ipc_refuse(r, client, &err);
		log_error("log", "%s", err.text);
	} else if (log_line_get(r, &line, &err) == CV_OK) {
		write_line(&line);
	} else {
		log_error("log", "%s", err.text);
	}
}

/* culveradm's orders. */
static void on_admin(evutil_socket_t fd, short what, void *context)
{
	struct event *self = context;
	struct cv_error err = ERROR_NONE;
	struct ipc_reader r;
	struct ipc_writer w;
	int status = ipc_receive_now((int)fd, &r, &err);

	(void)what;
	if (status == CV_NOT_FOUND)
		return;
	if (status == CV_OK) {
		uint32_t type = r.type;

		take_order(&r);
		ipc_begin(&w, type);
		(void)ipc_send_now((int)fd, &w, NULL);
		return;
	}
	event_free(self);
	(void)close((int)fd);
}

static void log_channel(struct service *s, const char *client, int fd)
{
	struct event *event;

	/* whoever writes lines has a port, too */
	if (strcmp(client, "admin") != 0) {
		log_error("log", "'%s' may not open a channel", client);
		(void)close(fd);
		return;
	}
	event = event_new(s->base, fd, EV_READ | EV_PERSIST, on_admin,
			  event_self_cbarg());
	BUG_IF(event == NULL);
	BUG_IF(event_add(event, NULL) < 0);
}

/* What programs and libraries write to stderr, e.g. before they abort. */
static void on_stderr(evutil_socket_t fd, short what, void *context)
{
	char buf[2048];
	ssize_t n = read((int)fd, buf, sizeof(buf));
	struct cv_span rest = cv_span(buf, n > 0 ? (size_t)n : 0), one;

	(void)what;
	(void)context;
	while (rest.len > 0 && cv_span_split(&rest, '\n', &one)) {
		if (one.len > 0)
			log_error("stderr", "%.*s", CV_SPAN_ARG(one));
	}
}

static void on_reopen(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
	reopen_all();
}

static void watch(struct service *s, int fd, short what,
		  event_callback_fn fn)
{
	struct event *event = event_new(s->base, fd,
					(short)(what | EV_PERSIST), fn, NULL);

	BUG_IF(event == NULL);
	BUG_IF(event_add(event, NULL) < 0);
}

/* The others have ended: their last words may still lie there. */
static void on_term(evutil_socket_t number, short what, void *context)
{
	(void)number;
	(void)what;
	service_drain(context);
	service_exit(context);
}

static int log_ready(struct service *s, struct cv_error *err)
{
	int fd = service_port(s, "stderr");
	struct event *term = evsignal_new(s->base, SIGTERM, on_term, s);

	BUG_IF(term == NULL || event_add(term, NULL) < 0);
	(void)err;
	log_set_sink(own_line, NULL);
	watch(s, SIGUSR1, EV_SIGNAL, on_reopen);
	if (fd >= 0) {
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
		watch(s, fd, EV_READ, on_stderr);
	}
	return CV_OK;
}

const struct service_row log_service_row = {
	.name = "log",
	.user = SERVICE_USER_ROOT,
	.syscalls = SANDBOX_EVENTS | SANDBOX_FILES | SANDBOX_LOCAL,
	.start = log_start,
	.ready = log_ready,
	.channel = log_channel,
	.message = log_message,
	.gather_msecs = 5,
};
