/* cv-types.h - the vocabulary that core and plugins share: size-prefixed
 * structs, spans, results.  Includes nothing of ours.
 *
 * Stable within one CV_API_MAJOR: names, numbers, member order, meanings.
 * Structs and enums grow only at their end (see ABI.md). */
#ifndef CV_TYPES_H
#define CV_TYPES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#define CV_API_MAJOR 1u	/* +1: something removed, reordered or redefined */
#define CV_API_MINOR 0u	/* +1: something appended; reset by a new major */

/* --- size-prefixed structs ---------------------------------------------- */

/* Always the first member; set with CV_SIZED. */
#define CV_HEAD uint32_t size
#define CV_SIZED(type) .size = (uint32_t)sizeof(struct type)
/* True when the struct that the other side built reaches this member. */
#define CV_HAS(p, member) ((p)->size >= \
	offsetof(__typeof__(*(p)), member) + sizeof((p)->member))

/* A constant array that crosses the border carries its stride, so that its
 * elements may grow too. */
struct cv_array { const void *items; uint32_t count, stride; };
#define CV_ARRAY(a) { (a), sizeof(a) / sizeof((a)[0]), sizeof((a)[0]) }

#define CV_PRINTF(fmt_index, arg_index) \
	__attribute__((format(printf, fmt_index, arg_index)))

/* --- opaque objects; each belongs to core and dies with its pool -------- */

struct cv_plugin;	/* a loaded plugin: "self" */
struct cv_pool;
struct cv_error;
struct cv_connection;
struct cv_session;
struct cv_user;
struct cv_mailbox;
struct cv_message;
struct cv_stream;

/* --- results ------------------------------------------------------------ */

/* int in every signature; 0 and positive are answers, negative is failure.
 * The class decides between 4xx/5xx and NO/BAD. */
enum cv_status {
	CV_OK = 0,
	CV_NOT_FOUND = 1,
	CV_DECLINED = 2,	/* hook or chain: ask the next one */
	CV_EOF = 3,		/* the stream or the peer has ended */
	CV_CHANGED = 4,
	CV_E_TEMP = -1,		/* try again later: 4xx, NO [UNAVAILABLE] */
	CV_E_PERM = -2,		/* never retry: 5xx, NO */
	CV_E_DENIED = -3,	/* not allowed: NO [NOPERM], 550 */
	CV_E_LIMIT = -4,	/* a bound of the server: NO [LIMIT], 552 */
	CV_E_SYNTAX = -5,	/* the input is malformed: BAD, 501 */
	CV_E_CONFIG = -6,	/* the settings are wrong */
	CV_E_UNSUPPORTED = -7,
	CV_E_ABI = -8,
	CV_E_INTERNAL = -9,
	CV_E_NOT_FOUND = -10,	/* what was named does not exist */
	CV_E_EXISTS = -11,	/* what was to be made exists already */
	CV_E_TIMEOUT = -12,
	CV_E_NO_SPACE = -13,	/* disk full: NO [OVERQUOTA]-like, 452 */
	CV_E_QUOTA = -14,	/* the user's quota: NO [OVERQUOTA], 552 */
	/* The system does not permit it (owner, mode, read-only file system):
	 * the administrator's to mend, unlike CV_E_DENIED, which somebody has
	 * decided.  NO [CONTACTADMIN], 451, and it is logged. */
	CV_E_ACCESS = -15,
};

/* --- spans: bytes with a length, not NUL-terminated --------------------- */

struct cv_span { const char *data; size_t len; };

#define CV_SPAN(literal) \
	((struct cv_span){ (literal), sizeof(literal) - 1 })
#define CV_SPAN_NONE ((struct cv_span){ NULL, 0 })
/* For printf: "%.*s", CV_SPAN_ARG(span) */
#define CV_SPAN_ARG(s) (int)(s).len, (s).data

static inline struct cv_span cv_span(const char *data, size_t len)
{
	struct cv_span s = { data, len };
	return s;
}

/* text may be NULL: the empty span. */
static inline struct cv_span cv_span_of(const char *text)
{
	struct cv_span s = { text, text == NULL ? 0 : strlen(text) };
	return s;
}

static inline char cv_ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline char cv_ascii_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

static inline bool cv_span_equal(struct cv_span a, struct cv_span b)
{
	return a.len == b.len && (a.len == 0 ||
				  memcmp(a.data, b.data, a.len) == 0);
}

/* ASCII case is ignored; other bytes compare as they are. */
static inline bool cv_span_equal_icase(struct cv_span a, struct cv_span b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (cv_ascii_lower(a.data[i]) != cv_ascii_lower(b.data[i]))
			return false;
	}
	return true;
}

static inline bool cv_span_is(struct cv_span a, const char *text)
{
	return cv_span_equal(a, cv_span_of(text));
}

static inline bool cv_span_is_icase(struct cv_span a, const char *text)
{
	return cv_span_equal_icase(a, cv_span_of(text));
}

static inline bool cv_span_begins(struct cv_span a, struct cv_span prefix)
{
	return a.len >= prefix.len &&
		cv_span_equal(cv_span(a.data, prefix.len), prefix);
}

static inline bool cv_span_begins_icase(struct cv_span a,
					struct cv_span prefix)
{
	return a.len >= prefix.len &&
		cv_span_equal_icase(cv_span(a.data, prefix.len), prefix);
}

/* The rest after the first n bytes; empty when there are fewer. */
static inline struct cv_span cv_span_skip(struct cv_span a, size_t n)
{
	return n >= a.len ? cv_span(a.data + a.len, 0) :
		cv_span(a.data + n, a.len - n);
}

/* Splits at the first separator: *head_r is what is before it, *rest what is
 * after.  Without one, all is head and rest becomes NULL-data.  False when
 * rest was NULL-data already: the loop is over. */
static inline bool cv_span_split(struct cv_span *rest, char separator,
				 struct cv_span *head_r)
{
	const char *at;

	if (rest->data == NULL)
		return false;
	at = rest->len == 0 ? NULL :
		(const char *)memchr(rest->data, separator, rest->len);
	if (at == NULL) {
		*head_r = *rest;
		*rest = CV_SPAN_NONE;
		return true;
	}
	*head_r = cv_span(rest->data, (size_t)(at - rest->data));
	*rest = cv_span_skip(*rest, head_r->len + 1);
	return true;
}

/* Without blanks (space, tab, CR, LF) at both ends. */
static inline struct cv_span cv_span_trim(struct cv_span a)
{
	while (a.len > 0 && strchr(" \t\r\n", a.data[0]) != NULL &&
	       a.data[0] != '\0') {
		a.data++;
		a.len--;
	}
	while (a.len > 0 && strchr(" \t\r\n", a.data[a.len - 1]) != NULL &&
	       a.data[a.len - 1] != '\0')
		a.len--;
	return a;
}

/* Decimal digits only, all of them, no sign; false on overflow of max. */
static inline bool cv_span_to_u64(struct cv_span a, uint64_t max,
				  uint64_t *value_r)
{
	uint64_t value = 0;

	if (a.len == 0)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		unsigned int digit = (unsigned char)a.data[i] - (unsigned)'0';

		if (digit > 9 || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*value_r = value;
	return value <= max;
}

#endif
