/* error.h - what went wrong, in two texts.
 *
 * text goes to the log: lower case, no full stop, the problem first, the
 * subject quoted, context added on the way up ("mailbox 'INBOX': cannot open
 * '...': no space left").  client may be shown to the peer; empty when
 * nothing may be said beyond the class.  Logged once, where it stops
 * travelling.  Lives on the stack; no memory of its own. */
#ifndef ERROR_H
#define ERROR_H

#include "cv-types.h"

enum { ERROR_TEXT_MAX = 1024, ERROR_CLIENT_MAX = 256 };

struct cv_error {
	int code;		/* enum cv_status; CV_OK: no error */
	int line;
	const char *file;	/* where it was set */
	char text[ERROR_TEXT_MAX];
	char client[ERROR_CLIENT_MAX];
};

/* The failure class with the lowest number: what another process tells is one
 * of them, or no status. */
enum { STATUS_LOWEST = CV_E_ACCESS };

#define ERROR_NONE { .code = CV_OK }

/* Sets code and text, clears client, returns code.  err may be NULL. */
int error_set(struct cv_error *err, int code, const char *file, int line,
	      const char *fmt, ...) CV_PRINTF(5, 6);

/* As error_set; appends ": " and strerror(error_number), and as whom this
 * process acts when that is not permitted.  The code is derived: ENOSPC and
 * EDQUOT CV_E_NO_SPACE, ENOENT CV_E_NOT_FOUND, EEXIST CV_E_EXISTS, EACCES,
 * EPERM and EROFS CV_E_ACCESS, all else CV_E_TEMP. */
int error_set_errno(struct cv_error *err, int error_number, const char *file,
		    int line, const char *fmt, ...) CV_PRINTF(5, 6);

/* Puts context and ": " before the text.  Returns the code. */
int error_prefix(struct cv_error *err, const char *fmt, ...) CV_PRINTF(2, 3);

/* Sets what the client may read.  Returns the code. */
int error_set_client(struct cv_error *err, const char *fmt, ...)
	CV_PRINTF(2, 3);

#define FAIL(err, code, ...) \
	error_set((err), (code), __FILE__, __LINE__, __VA_ARGS__)
#define FAIL_ERRNO(err, number, ...) \
	error_set_errno((err), (number), __FILE__, __LINE__, __VA_ARGS__)

/* "temporary failure", "syntax error", ... */
const char *status_name(int code);

#endif
