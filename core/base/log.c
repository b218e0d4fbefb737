/* log.c - format, clean, hand to the sink. */
#include "log.h"
#include "bug.h"
#include "utf8.h"

#include <stdio.h>
#include <unistd.h>

enum {
	LOG_CATEGORIES_MAX = 32, LOG_CATEGORY_MAX = 32, LOG_PREFIX_MAX = 256,
	LOG_SHORT = 512,
};

struct category_level {
	char category[LOG_CATEGORY_MAX];
	enum log_level level;
};

static void sink_stderr(enum log_level level, const char *category,
			const char *line, size_t len, void *context);

static struct {
	log_sink_fn *sink;
	void *context;
	enum log_level level;
	struct category_level exceptions[LOG_CATEGORIES_MAX];
	size_t exception_count;
	char prefix[LOG_PREFIX_MAX];
} logger = { .sink = sink_stderr, .level = LOG_LEVEL_INFO };

const char *log_level_name(enum log_level level)
{
	static const char *const names[] = {
		"Debug", "Info", "Warning", "Error", "Fatal", "Panic",
	};

	return (size_t)level < sizeof(names) / sizeof(names[0]) ?
		names[level] : "?";
}

static void sink_stderr(enum log_level level, const char *category,
			const char *line, size_t len, void *context)
{
	char buf[LOG_LINE_MAX + 64];
	int n;

	(void)context;
	(void)category;
	n = snprintf(buf, sizeof(buf), "%s: %.*s\n", log_level_name(level),
		     (int)len, line);
	if (n > 0 && write(STDERR_FILENO, buf, (size_t)n) < 0)
		return;	/* nowhere left to tell */
}

void log_set_sink(log_sink_fn *sink, void *context)
{
	logger.sink = sink == NULL ? sink_stderr : sink;
	logger.context = context;
}

void log_set_prefix(const char *prefix)
{
	(void)snprintf(logger.prefix, sizeof(logger.prefix), "%s", prefix);
}

void log_set_level(const char *category, enum log_level level)
{
	struct category_level *entry;

	if (category == NULL) {
		logger.level = level;
		return;
	}
	for (size_t i = 0; i < logger.exception_count; i++) {
		if (strcmp(logger.exceptions[i].category, category) == 0) {
			logger.exceptions[i].level = level;
			return;
		}
	}
	if (logger.exception_count == LOG_CATEGORIES_MAX) {
		log_warning("log", "too many log categories, '%s' keeps the "
			    "default level", category);
		return;
	}
	entry = &logger.exceptions[logger.exception_count++];
	(void)snprintf(entry->category, sizeof(entry->category), "%s",
		       category);
	entry->level = level;
}

bool log_wanted(const char *category, enum log_level level)
{
	for (size_t i = 0; i < logger.exception_count; i++) {
		if (strcmp(logger.exceptions[i].category, category) == 0)
			return level >= logger.exceptions[i].level;
	}
	return level >= logger.level;
}

/* Bidirectional controls can make a terminal show another line than the one
 * logged. */
static bool is_deceptive(uint32_t code)
{
	return (code >= 0x202a && code <= 0x202e) ||
		(code >= 0x2066 && code <= 0x2069) ||
		code == 0x2028 || code == 0x2029 || code == 0x200e ||
		code == 0x200f || (code >= 0x80 && code < 0xa0);
}

size_t log_clean(char *dst, size_t room, const char *src, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	size_t out = 0;

	if (room == 0)
		return 0;
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)src[i];
		uint32_t code;
		size_t n = utf8_decode(src + i, len - i, &code);

		if (n > 0 && c >= 0x20 && c != 0x7f && !is_deceptive(code)) {
			if (out + n >= room)
				break;
			memcpy(dst + out, src + i, n);
			out += n;
			i += n;
			continue;
		}
		if (out + 4 >= room)
			break;
		dst[out++] = '\\';
		dst[out++] = 'x';
		dst[out++] = hex[c >> 4];
		dst[out++] = hex[c & 15];
		i++;
	}
	dst[out] = '\0';
	return out;
}

/* Most lines are; then the copy's stack is not touched. */
static bool is_plain(const char *raw, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (raw[i] < 0x20 || raw[i] > 0x7e)
			return false;
	}
	return true;
}

/* Returns how long it would be; what does not fit is cut. */
static size_t format_line(char *raw, size_t room, const char *category,
			  const char *fmt, va_list args)
{
	int prefix, n;

	prefix = snprintf(raw, room, "%s%s%s: ", logger.prefix,
			  logger.prefix[0] == '\0' ? "" : ": ", category);
	if (prefix < 0 || (size_t)prefix >= room)
		return prefix < 0 ? 0 : (size_t)prefix;
	n = vsnprintf(raw + prefix, room - (size_t)prefix, fmt, args);
	return n < 0 ? 0 : (size_t)prefix + (size_t)n;
}

__attribute__((noinline))
static void write_any(enum log_level level, const char *category,
		      const char *fmt, va_list args)
{
	char raw[LOG_LINE_MAX], line[LOG_LINE_MAX];
	size_t len = format_line(raw, sizeof(raw), category, fmt, args);

	if (len >= sizeof(raw))
		len = sizeof(raw) - 1;
	len = log_clean(line, sizeof(line), raw, len);
	if (len > 0)
		logger.sink(level, category, line, len, logger.context);
}

/* Most lines are short and need no cleaning; a new process pays for each page
 * of the stack that a function's frame spans, touched or not. */
void log_write_v(enum log_level level, const char *category,
		 const char *fmt, va_list args)
{
	char raw[LOG_SHORT] BASE_UNINITIALISED;
	va_list again;
	size_t len;

	if (!log_wanted(category, level))
		return;
	va_copy(again, args);
	len = format_line(raw, sizeof(raw), category, fmt, args);
	if (len > 0 && len < sizeof(raw) && is_plain(raw, len))
		logger.sink(level, category, raw, len, logger.context);
	else
		write_any(level, category, fmt, again);
	va_end(again);
}

void log_write(enum log_level level, const char *category,
	       const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_write_v(level, category, fmt, args);
	va_end(args);
}
