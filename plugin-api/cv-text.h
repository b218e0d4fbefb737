/* cv-text.h - a growing run of bytes in a pool.
 *
 * Always NUL-terminated after the first append, so that data can be used as
 * a C string when no NUL was appended.  Never fails: the pool's limit ends
 * the process (one session), see cv-plugin.h. */
#ifndef CV_TEXT_H
#define CV_TEXT_H

#include "cv-types.h"

struct cv_text {
	char *data;
	size_t len, room;	/* room: bytes allocated, the NUL included */
	struct cv_pool *pool;
};

/* Makes room for more bytes and a NUL; core's own symbol, or a member of the
 * host table in a plugin. */
#ifdef CV_CORE
void text_grow(struct cv_text *text, size_t more);
void text_append_vf(struct cv_text *text, const char *fmt, va_list args);
#define CV_TEXT_GROW_ text_grow
#define CV_TEXT_VF_ text_append_vf
#else
#define CV_TEXT_GROW_ cv_api->text_grow
#define CV_TEXT_VF_ cv_api->text_append_vf
#include "cv-host.h"
#endif

static inline void cv_text_init(struct cv_text *text, struct cv_pool *pool)
{
	*text = (struct cv_text){ .pool = pool };
}

static inline void cv_text_reset(struct cv_text *text)
{
	text->len = 0;
	if (text->data != NULL)
		text->data[0] = '\0';
}

static inline void cv_text_append(struct cv_text *text, const void *data,
				  size_t len)
{
	if (text->room - text->len <= len)
		CV_TEXT_GROW_(text, len);
	if (len > 0)
		memcpy(text->data + text->len, data, len);
	text->len += len;
	text->data[text->len] = '\0';
}

static inline void cv_text_append_c(struct cv_text *text, char c)
{
	if (text->room - text->len <= 1)
		CV_TEXT_GROW_(text, 1);
	text->data[text->len++] = c;
	text->data[text->len] = '\0';
}

static inline void cv_text_append_str(struct cv_text *text, const char *str)
{
	cv_text_append(text, str, strlen(str));
}

static inline void cv_text_append_span(struct cv_text *text, struct cv_span s)
{
	cv_text_append(text, s.data, s.len);
}

static inline void cv_text_append_u64(struct cv_text *text, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	cv_text_append(text, digits + at, sizeof(digits) - at);
}

CV_PRINTF(2, 3)
static inline void cv_text_append_f(struct cv_text *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	CV_TEXT_VF_(text, fmt, args);
	va_end(args);
}

static inline struct cv_span cv_text_span(const struct cv_text *text)
{
	return cv_span(text->data, text->len);
}

/* The text as a C string, "" when nothing was appended. */
static inline const char *cv_text_str(const struct cv_text *text)
{
	return text->data == NULL ? "" : text->data;
}

/* A C string of its own in the pool. */
static inline const char *cv_span_copy(struct cv_pool *pool, struct cv_span s)
{
	struct cv_text copy;

	cv_text_init(&copy, pool);
	cv_text_append_span(&copy, s);
	return cv_text_str(&copy);
}

#endif
