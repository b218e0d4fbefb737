/* log.h - one line an event.
 *
 * A line is "category: text" with a level.  Whatever was hostile in it (CR,
 * LF, ESC, other controls, invalid UTF-8, bidirectional overrides) is
 * escaped and the line is cut at LOG_LINE_MAX before it reaches the sink
 * [security.md F16].  Where lines go is decided once per process with
 * log_set_sink; until then stderr. */
#ifndef LOG_H
#define LOG_H

#include "cv-types.h"

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_FATAL,	/* the process cannot go on */
	LOG_LEVEL_PANIC,	/* a bug */
};

enum { LOG_LINE_MAX = 4096 };

/* line has no newline and is clean; len < LOG_LINE_MAX. */
typedef void log_sink_fn(enum log_level level, const char *category,
			 const char *line, size_t len, void *context);

void log_set_sink(log_sink_fn *sink, void *context);

/* Prepended to each line, e.g. "imap(user)<pid><session>"; copied. */
void log_set_prefix(const char *prefix);

/* Lines below the level are dropped before they are formatted.  Default
 * LOG_LEVEL_INFO.  category NULL sets the default; else an exception for
 * that category (at most 32, further ones are ignored with a warning). */
void log_set_level(const char *category, enum log_level level);
bool log_wanted(const char *category, enum log_level level);

void log_write(enum log_level level, const char *category,
	       const char *fmt, ...) CV_PRINTF(3, 4);
void log_write_v(enum log_level level, const char *category,
		 const char *fmt, va_list args);

#define log_debug(category, ...) do { \
	if (log_wanted((category), LOG_LEVEL_DEBUG)) \
		log_write(LOG_LEVEL_DEBUG, (category), __VA_ARGS__); \
} while (0)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_fatal(...) log_write(LOG_LEVEL_FATAL, __VA_ARGS__)

const char *log_level_name(enum log_level level);

/* The cleaning alone: at most room-1 bytes and a NUL; returns the length. */
size_t log_clean(char *dst, size_t room, const char *src, size_t len);

#endif
