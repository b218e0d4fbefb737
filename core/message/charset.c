/* charset.c - iconv behind a bounded, forgiving interface. */
#include "charset.h"

#include <errno.h>
#include <iconv.h>
#include <strings.h>

enum {
	CHARSET_NAME_MAX = 64,
	CHARSET_CHUNK = 4096,
	CHARSET_PENDING_MAX = 64,	/* bytes of an incomplete character */
};

static const char charset_replacement[] = "\xef\xbf\xbd";	/* U+FFFD */

struct charset_decoder {
	iconv_t iconv;		/* (iconv_t)-1: repair as UTF-8 */
	size_t pending_len;
	char pending[CHARSET_PENDING_MAX];
};

/* The name for iconv_open; false when it cannot be one ("//" would be an
 * option to iconv, and controls a path). */
static bool charset_name(struct cv_span charset,
			 char name[static CHARSET_NAME_MAX])
{
	if (charset.len == 0 || charset.len >= CHARSET_NAME_MAX)
		return false;
	for (size_t i = 0; i < charset.len; i++) {
		char c = charset.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '-' || c == '_' ||
		      c == ':' || c == '.' || c == '+'))
			return false;
		name[i] = c;
	}
	name[charset.len] = '\0';
	return true;
}

/* Names that mail has and iconv has not, and charsets that programs name while
 * they mean the larger one that contains it: all that the name promises is read
 * the same.  Without "x-", which is taken off first. */
static const struct charset_alias {
	const char *name, *iconv;
} charset_read_as[] = {
	{ "gb2312", "GB18030" },
	{ "gb_2312-80", "GB18030" },
	{ "euc-kr", "CP949" },
	{ "ks_c_5601-1987", "CP949" },		/* Outlook */
	{ "ks_c_5601-1989", "CP949" },
	{ "ksc5601", "CP949" },
	{ "windows-949", "CP949" },
	{ "sjis", "CP932" },
	{ "cp50220", "ISO-2022-JP-3" },
	{ "cp50221", "ISO-2022-JP-3" },
	/* -i and -e (RFC 1556) say how lines run, not what bytes mean */
	{ "iso-8859-8-i", "ISO-8859-8" },
	{ "iso-8859-8-e", "ISO-8859-8" },
	{ "iso-8859-6-i", "ISO-8859-6" },
	{ "iso-8859-6-e", "ISO-8859-6" },
	{ "iso8859_1", "ISO-8859-1" },
	{ "8859-1", "ISO-8859-1" },
	{ "mac-roman", "MACINTOSH" },
	{ "macroman", "MACINTOSH" },
	{ "mac-ce", "MAC-CENTRALEUROPE" },
	{ "mac-cyrillic", "MAC-CYRILLIC" },
	{ "unicode-1-1-utf-7", "UTF-7" },
	{ "unicode-2-0-utf-7", "UTF-7" },
};

/* The table's name for it; NULL: none. */
static const char *charset_reader_name(const char *name)
{
	const char *base = strncasecmp(name, "x-", 2) == 0 ? name + 2 : name;

	for (size_t i = 0;
	     i < sizeof(charset_read_as) / sizeof(charset_read_as[0]); i++)
		if (strcasecmp(base, charset_read_as[i].name) == 0)
			return charset_read_as[i].iconv;
	return NULL;
}

/* From the charset of that name, whatever it is called. */
static iconv_t charset_reader_open(const char *name)
{
	const char *known = charset_reader_name(name);
	iconv_t iconv = (iconv_t)-1;

	if (known != NULL)
		iconv = iconv_open("UTF-8", known);
	if (iconv == (iconv_t)-1)
		iconv = iconv_open("UTF-8", name);
	/* x-big5, x-gbk, x-euc-jp, x-cp1252 */
	if (iconv == (iconv_t)-1 && strncasecmp(name, "x-", 2) == 0)
		iconv = iconv_open("UTF-8", name + 2);
	return iconv;
}

static bool charset_is_utf8(struct cv_span charset)
{
	return charset.len == 0 || cv_span_is_icase(charset, "utf-8") ||
		cv_span_is_icase(charset, "utf8") ||
		cv_span_is_icase(charset, "us-ascii") ||
		cv_span_is_icase(charset, "ascii");
}

static iconv_t charset_open(struct cv_span charset, bool *known_r)
{
	char name[CHARSET_NAME_MAX];
	iconv_t iconv = (iconv_t)-1;

	*known_r = true;
	if (charset_is_utf8(charset))
		return iconv;
	if (charset_name(charset, name))
		iconv = charset_reader_open(name);
	*known_r = iconv != (iconv_t)-1;
	return iconv;
}

bool charset_is_known(struct cv_span charset)
{
	bool known;
	iconv_t iconv = charset_open(charset, &known);

	if (iconv != (iconv_t)-1)
		(void)iconv_close(iconv);
	return known;
}

/* --- conversion --------------------------------------------------------- */

/* Some converters let surrogates or other invalid forms through. */
static void charset_append(struct cv_text *dst, const char *data, size_t len)
{
	if (utf8_is_valid(data, len))
		cv_text_append(dst, data, len);
	else
		utf8_append_repaired(dst, data, len);
}

/* Converts what it can; returns how many bytes were consumed.  What is left
 * is an incomplete character at the end. */
static size_t charset_convert(iconv_t iconv_, struct cv_span src,
			      struct cv_text *dst)
{
	char out[CHARSET_CHUNK], *in = (char *)src.data, *to;
	size_t left = src.len, room, ret;

	while (left > 0) {
		to = out;
		room = sizeof(out);
		ret = iconv(iconv_, &in, &left, &to, &room);
		charset_append(dst, out, sizeof(out) - room);
		if (ret != (size_t)-1 || errno == E2BIG)
			continue;
		if (errno == EINVAL)
			break;
		cv_text_append_str(dst, charset_replacement);
		in++;
		left--;
	}
	return src.len - left;
}

/* The number of bytes at the end that may be the begin of a UTF-8
 * character. */
static size_t utf8_incomplete(struct cv_span s)
{
	for (size_t n = 1; n <= 3 && n <= s.len; n++) {
		unsigned char c = (unsigned char)s.data[s.len - n];

		if (c < 0x80)
			return 0;
		if (c >= 0xc0)
			return n < (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u) ?
				n : 0;
	}
	return 0;
}

static size_t decoder_convert(struct charset_decoder *d, struct cv_span src,
			      bool last, struct cv_text *dst)
{
	size_t keep;

	if (d->iconv != (iconv_t)-1)
		return charset_convert(d->iconv, src, dst);
	keep = last ? 0 : utf8_incomplete(src);
	utf8_append_repaired(dst, src.data, src.len - keep);
	return src.len - keep;
}

static void decoder_finish(struct charset_decoder *d, struct cv_text *dst)
{
	char out[64], *to = out;
	size_t room = sizeof(out);

	if (d->pending_len > 0)
		cv_text_append_str(dst, charset_replacement);
	d->pending_len = 0;
	if (d->iconv == (iconv_t)-1)
		return;
	(void)iconv(d->iconv, NULL, NULL, &to, &room);
	charset_append(dst, out, sizeof(out) - room);
	(void)iconv(d->iconv, NULL, NULL, NULL, NULL);
}

void charset_decoder_add(struct charset_decoder *d, struct cv_span src,
			 bool last, struct cv_text *dst)
{
	size_t n;

	/* an incomplete character first: byte by byte until it is whole */
	while (d->pending_len > 0 && src.len > 0) {
		d->pending[d->pending_len++] = src.data[0];
		src = cv_span_skip(src, 1);
		n = decoder_convert(d, cv_span(d->pending, d->pending_len),
				    false, dst);
		if (n == 0 && d->pending_len == CHARSET_PENDING_MAX) {
			cv_text_append_str(dst, charset_replacement);
			n = d->pending_len;
		}
		memmove(d->pending, d->pending + n, d->pending_len - n);
		d->pending_len -= n;
	}
	if (src.len > 0) {
		n = decoder_convert(d, src, last, dst);
		src = cv_span_skip(src, n);
		if (src.len > CHARSET_PENDING_MAX / 2) {
			cv_text_append_str(dst, charset_replacement);
			src.len = 0;
		}
		memcpy(d->pending, src.data, src.len);
		d->pending_len = src.len;
	}
	if (last)
		decoder_finish(d, dst);
}

static void decoder_close(void *data)
{
	struct charset_decoder *d = data;

	if (d->iconv != (iconv_t)-1)
		(void)iconv_close(d->iconv);
}

struct charset_decoder *charset_decoder_create(struct cv_pool *pool,
					       struct cv_span charset,
					       bool *known_r)
{
	struct charset_decoder *d = pool_new(pool, struct charset_decoder);

	d->iconv = charset_open(charset, known_r);
	if (d->iconv != (iconv_t)-1)
		pool_add_finaliser(pool, decoder_close, d);
	return d;
}

bool charset_to_utf8(struct cv_text *dst, struct cv_span charset,
		     struct cv_span src)
{
	/* Loading a converter costs far more than a header; the last one
	 * stays open, and is reset at the end of each text. */
	static struct charset_decoder cached = { .iconv = (iconv_t)-1 };
	static char cached_name[CHARSET_NAME_MAX];
	struct charset_decoder plain = { .iconv = (iconv_t)-1 };
	bool known = true;

	if (charset_is_utf8(charset)) {
		charset_decoder_add(&plain, src, true, dst);
		return true;
	}
	if (!cv_span_is_icase(charset, cached_name)) {
		decoder_close(&cached);
		cached.iconv = charset_open(charset, &known);
		cached_name[0] = '\0';
		if (cached.iconv != (iconv_t)-1)
			(void)charset_name(charset, cached_name);
	}
	charset_decoder_add(cached.iconv == (iconv_t)-1 ? &plain : &cached,
			    src, true, dst);
	return known;
}

/* --- the other way -------------------------------------------------------- */

struct charset_encoder {
	iconv_t iconv;		/* (iconv_t)-1: it is UTF-8 */
};

static void encoder_close(void *data)
{
	struct charset_encoder *e = data;

	(void)iconv_close(e->iconv);
}

struct charset_encoder *charset_encoder_create(struct cv_pool *pool,
					       struct cv_span charset)
{
	struct charset_encoder *e = pool_new(pool, struct charset_encoder);
	char name[CHARSET_NAME_MAX];

	e->iconv = (iconv_t)-1;
	if (cv_span_is_icase(charset, "utf-8") ||
	    cv_span_is_icase(charset, "utf8"))
		return e;
	if (!charset_name(charset, name))
		return NULL;
	e->iconv = iconv_open(name, "UTF-8");
	if (e->iconv == (iconv_t)-1)
		return NULL;
	pool_add_finaliser(pool, encoder_close, e);
	return e;
}

/* Returns how many bytes were consumed: less than all before a character that
 * has no place. */
static size_t encoder_convert(struct charset_encoder *e, struct cv_span utf8,
			      struct cv_text *dst)
{
	char out[CHARSET_CHUNK], *in = (char *)utf8.data, *to;
	size_t left = utf8.len, room, ret;

	do {
		to = out;
		room = sizeof(out);
		ret = iconv(e->iconv, &in, &left, &to, &room);
		cv_text_append(dst, out, sizeof(out) - room);
	} while (ret == (size_t)-1 && errno == E2BIG);
	return utf8.len - left;
}

static void encoder_finish(struct charset_encoder *e, struct cv_text *dst)
{
	char out[64], *to = out;
	size_t room = sizeof(out);

	(void)iconv(e->iconv, NULL, NULL, &to, &room);
	cv_text_append(dst, out, sizeof(out) - room);
}

bool charset_encoder_add(struct charset_encoder *e, struct cv_span utf8,
			 struct cv_span replacement, bool last,
			 struct cv_text *dst)
{
	uint32_t code;
	size_t n;

	if (e->iconv == (iconv_t)-1) {
		cv_text_append_span(dst, utf8);
		return true;
	}
	for (;;) {
		utf8 = cv_span_skip(utf8, encoder_convert(e, utf8, dst));
		if (utf8.len == 0)
			break;
		n = utf8_decode(utf8.data, utf8.len, &code);
		if (replacement.data == NULL ||
		    encoder_convert(e, replacement, dst) < replacement.len)
			return false;
		utf8 = cv_span_skip(utf8, n == 0 ? 1 : n);
	}
	if (last)
		encoder_finish(e, dst);
	return true;
}
