/* error.c - filling in struct cv_error. */
#include "error.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static void set(struct cv_error *err, int code, const char *file, int line,
		const char *fmt, va_list args)
{
	if (err == NULL)
		return;
	err->code = code;
	err->file = file;
	err->line = line;
	err->client[0] = '\0';
	(void)vsnprintf(err->text, sizeof(err->text), fmt, args);
}

int error_set(struct cv_error *err, int code, const char *file, int line,
	      const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set(err, code, file, line, fmt, args);
	va_end(args);
	return code;
}

static int status_of_errno(int number)
{
	switch (number) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return CV_E_NO_SPACE;
	case ENOENT:
	case ENOTDIR:
		return CV_E_NOT_FOUND;
	case EEXIST:
		return CV_E_EXISTS;
	case EACCES:
	case EPERM:
	case EROFS:
		return CV_E_ACCESS;
	case ETIMEDOUT:
		return CV_E_TIMEOUT;
	default:
		return CV_E_TEMP;
	}
}

/* Whose owner and mode it was not. */
static void say_who(struct cv_error *err)
{
	size_t len = strlen(err->text);

	(void)snprintf(err->text + len, sizeof(err->text) - len,
		       " (as uid %u, gid %u)", (unsigned int)geteuid(),
		       (unsigned int)getegid());
}

int error_set_errno(struct cv_error *err, int error_number, const char *file,
		    int line, const char *fmt, ...)
{
	int code = status_of_errno(error_number);
	va_list args;
	size_t len;

	va_start(args, fmt);
	set(err, code, file, line, fmt, args);
	va_end(args);
	if (err != NULL) {
		len = strlen(err->text);
		(void)snprintf(err->text + len, sizeof(err->text) - len,
			       ": %s", strerror(error_number));
		if (error_number == EACCES || error_number == EPERM)
			say_who(err);
	}
	return code;
}

int error_prefix(struct cv_error *err, const char *fmt, ...)
{
	char old[ERROR_TEXT_MAX];
	va_list args;
	size_t len;

	if (err == NULL)
		return CV_E_INTERNAL;
	memcpy(old, err->text, sizeof(old));
	va_start(args, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, args);
	va_end(args);
	len = strlen(err->text);
	(void)snprintf(err->text + len, sizeof(err->text) - len, ": %.*s",
		       (int)(sizeof(old) - 1), old);
	return err->code;
}

int error_set_client(struct cv_error *err, const char *fmt, ...)
{
	va_list args;

	if (err == NULL)
		return CV_E_INTERNAL;
	va_start(args, fmt);
	(void)vsnprintf(err->client, sizeof(err->client), fmt, args);
	va_end(args);
	return err->code;
}

const char *status_name(int code)
{
	static const struct { int code; const char *name; } names[] = {
		{ CV_OK, "ok" },
		{ CV_NOT_FOUND, "not found" },
		{ CV_DECLINED, "declined" },
		{ CV_EOF, "end of data" },
		{ CV_CHANGED, "changed" },
		{ CV_E_TEMP, "temporary failure" },
		{ CV_E_PERM, "permanent failure" },
		{ CV_E_DENIED, "permission denied" },
		{ CV_E_LIMIT, "limit reached" },
		{ CV_E_SYNTAX, "syntax error" },
		{ CV_E_CONFIG, "configuration error" },
		{ CV_E_UNSUPPORTED, "not supported" },
		{ CV_E_ABI, "interface mismatch" },
		{ CV_E_INTERNAL, "internal error" },
		{ CV_E_NOT_FOUND, "does not exist" },
		{ CV_E_EXISTS, "exists already" },
		{ CV_E_TIMEOUT, "timed out" },
		{ CV_E_NO_SPACE, "no space left" },
		{ CV_E_QUOTA, "over quota" },
		{ CV_E_ACCESS, "not permitted by the system" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].code == code)
			return names[i].name;
	}
	return "unknown status";
}
