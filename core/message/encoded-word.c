/* encoded-word.c - [RFC2047] */
#include "encoded-word.h"
#include "charset.h"

struct word {
	struct cv_span charset;		/* without *language [RFC2231 5] */
	char encoding;			/* 'B' or 'Q' */
	struct cv_span text;
};

struct decoder {
	struct cv_text *dst;
	struct cv_pool *pool;		/* scratch */
	/* Bytes of the encoded-words that are decoded together. */
	struct cv_text bytes;
	struct cv_span charset;
	char encoding;
};

/* At "=?": the whole word, moving *rest behind it. */
static bool word_parse(struct cv_span *rest, struct word *word_r)
{
	struct cv_span at = cv_span_skip(*rest, 2), encoding, charset;
	struct cv_span star;

	if (!cv_span_split(&at, '?', &charset) || at.data == NULL ||
	    charset.len == 0 || charset.len > 64 ||
	    !cv_span_split(&at, '?', &encoding) || at.data == NULL ||
	    encoding.len != 1 ||
	    !cv_span_split(&at, '?', &word_r->text) || at.data == NULL ||
	    at.len == 0 || at.data[0] != '=')
		return false;
	star = charset;
	(void)cv_span_split(&star, '*', &word_r->charset);
	word_r->encoding = cv_ascii_upper(encoding.data[0]);
	if (word_r->encoding != 'B' && word_r->encoding != 'Q')
		return false;
	*rest = cv_span_skip(at, 1);
	return true;
}

/* [RFC2047 4.2] */
static void word_decode_q(struct cv_text *dst, struct cv_span src)
{
	struct cv_text byte;

	cv_text_init(&byte, dst->pool);
	for (size_t i = 0; i < src.len; i++) {
		char c = src.data[i];

		cv_text_reset(&byte);
		if (c == '=' && src.len - i > 2 &&
		    hex_decode(&byte, cv_span(src.data + i + 1, 2))) {
			cv_text_append_c(dst, byte.data[0]);
			i += 2;
		} else {
			cv_text_append_c(dst, c == '_' ? ' ' : c);
		}
	}
}

static int word_base64_value(char c)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c == '\0' ? NULL : strchr(alphabet, c);

	return at == NULL ? -1 : (int)(at - alphabet);
}

/* [RFC2047 4.1], lenient: padding may be absent, other bytes are skipped. */
static void word_decode_b(struct cv_text *dst, struct cv_span src)
{
	uint32_t bits = 0, count = 0;

	for (size_t i = 0; i < src.len; i++) {
		int value = word_base64_value(src.data[i]);

		if (src.data[i] == '=')
			count = 0;
		if (value < 0)
			continue;
		bits = bits << 6 | (uint32_t)value;
		count += 6;
		if (count >= 8) {
			count -= 8;
			cv_text_append_c(dst, (char)(bits >> count));
		}
	}
}

/* Controls would break the line, the log or the terminal that it is shown
 * on. */
static void decoder_clean(struct cv_text *dst, size_t from)
{
	for (size_t i = from; i < dst->len; i++) {
		unsigned char c = (unsigned char)dst->data[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			dst->data[i] = ' ';
	}
}

static void decoder_flush(struct decoder *d)
{
	size_t from = d->dst->len;

	if (d->encoding == '\0')
		return;
	(void)charset_to_utf8(d->dst, d->charset, cv_text_span(&d->bytes));
	decoder_clean(d->dst, from);
	cv_text_reset(&d->bytes);
	d->encoding = '\0';
}

static void decoder_word(struct decoder *d, const struct word *word)
{
	if (d->encoding != word->encoding ||
	    !cv_span_equal_icase(d->charset, word->charset))
		decoder_flush(d);
	d->encoding = word->encoding;
	d->charset = word->charset;
	if (word->encoding == 'Q')
		word_decode_q(&d->bytes, word->text);
	else
		word_decode_b(&d->bytes, word->text);
}

/* Text that is no encoded-word; line ends dropped. */
static void decoder_plain(struct decoder *d, struct cv_span plain)
{
	struct cv_text text;
	size_t from;

	if (plain.len == 0)
		return;
	decoder_flush(d);
	from = d->dst->len;
	if (memchr(plain.data, '\n', plain.len) == NULL &&
	    memchr(plain.data, '\r', plain.len) == NULL) {
		utf8_append_repaired(d->dst, plain.data, plain.len);
	} else {
		cv_text_init(&text, d->pool);
		header_unfold(&text, plain);
		utf8_append_repaired(d->dst, cv_text_str(&text), text.len);
	}
	decoder_clean(d->dst, from);
}

static bool span_is_blank(struct cv_span s)
{
	return cv_span_trim(s).len == 0;
}

void header_decode(struct cv_text *dst, struct cv_span value)
{
	struct decoder d = { .dst = dst };
	struct cv_span rest = value, plain;
	struct word word;
	const char *at;

	/* the common case has no encoded-word at all */
	d.pool = pool_create("header decode");
	cv_text_init(&d.bytes, d.pool);
	plain = cv_span(value.data, 0);
	while (rest.len > 1) {
		at = memchr(rest.data, '=', rest.len - 1);
		if (at == NULL)
			break;
		rest = cv_span_skip(rest, (size_t)(at - rest.data));
		if (at[1] != '?' || !word_parse(&rest, &word)) {
			rest = cv_span_skip(rest, 1);
			continue;
		}
		plain.len = (size_t)(at - plain.data);
		/* [RFC2047 6.2]: blanks between two words do not count */
		if (d.encoding == '\0' || !span_is_blank(plain))
			decoder_plain(&d, plain);
		decoder_word(&d, &word);
		plain = cv_span(rest.data, 0);
	}
	plain.len = value.len - (size_t)(plain.data - value.data);
	decoder_plain(&d, plain);
	decoder_flush(&d);
	pool_destroy(&d.pool);
}

void header_unfold(struct cv_text *dst, struct cv_span value)
{
	size_t from = 0, i = 0;

	while (i < value.len) {
		if (value.data[i] != '\r' && value.data[i] != '\n') {
			i++;
			continue;
		}
		cv_text_append(dst, value.data + from, i - from);
		while (i < value.len && value.data[i] != '\0' &&
		       strchr("\r\n\t ", value.data[i]) != NULL)
			i++;
		from = i;
		if (dst->len == 0 || dst->data[dst->len - 1] != ' ')
			cv_text_append_c(dst, ' ');
	}
	cv_text_append(dst, value.data + from, value.len - from);
}

/* --- encoding ----------------------------------------------------------- */

enum { ENCODE_BYTES = 42, ENCODE_COLUMN = 76, ENCODE_AROUND = 12 };

/* How many bytes at the front make a word of at most max bytes; no character
 * is cut in two [RFC2047 5 (3)]. */
static size_t encode_piece(struct cv_span utf8, size_t max)
{
	size_t n = utf8.len < max ? utf8.len : max;

	while (n < utf8.len && n + 4 > max && n > 0 &&
	       ((unsigned char)utf8.data[n] & 0xc0) == 0x80)
		n--;
	return n;
}

void header_encode(struct cv_text *dst, struct cv_span utf8, size_t column)
{
	bool ascii = true;
	size_t max = ENCODE_BYTES, n;

	for (size_t i = 0; i < utf8.len; i++) {
		unsigned char c = (unsigned char)utf8.data[i];

		ascii = ascii && c >= ' ' && c < 0x7f;
	}
	if (ascii && memmem(utf8.data, utf8.len, "=?", 2) == NULL) {
		cv_text_append_span(dst, utf8);
		return;
	}
	if (column + ENCODE_AROUND + 4 < ENCODE_COLUMN)
		max = (ENCODE_COLUMN - ENCODE_AROUND - column) / 4 * 3;
	for (bool first = true; utf8.len > 0; first = false) {
		n = encode_piece(utf8, max < ENCODE_BYTES ? max :
				 ENCODE_BYTES);
		if (!first)
			cv_text_append_str(dst, "\r\n ");
		if (n > 0) {
			cv_text_append_str(dst, "=?UTF-8?B?");
			base64_encode(dst, utf8.data, n);
			cv_text_append_str(dst, "?=");
		}
		utf8 = cv_span_skip(utf8, n);
		max = ENCODE_BYTES;
	}
}

/* --- into another charset --------------------------------------------------- */

struct recoder {
	struct cv_text *dst;
	struct cv_span charset, replacement;
	struct charset_encoder *encoder;
	struct cv_pool *scratch;
	bool after_word;	/* a blank must part it from the next one */
};

enum { RECODE_BYTES = 40 };

static size_t recode_column(const struct cv_text *dst)
{
	size_t n = 0;

	while (n < dst->len && dst->data[dst->len - n - 1] != '\n')
		n++;
	return n;
}

static void recode_q(struct cv_text *dst, struct cv_span bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		char c = bytes.data[i];

		/* [RFC2047 5 (3)] these are good in every place */
		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		    (c >= 'A' && c <= 'Z') || c == '!' || c == '*' ||
		    c == '+' || c == '-' || c == '/')
			cv_text_append_c(dst, c);
		else if (c == ' ')
			cv_text_append_c(dst, '_');
		else
			cv_text_append_f(dst, "=%02X", (unsigned char)c);
	}
}

/* A word of these characters; false when the charset has not one of them. */
static bool recode_word(struct recoder *r, struct cv_span utf8, char encoding,
			struct cv_text *word)
{
	struct cv_text bytes;

	cv_text_init(&bytes, r->scratch);
	if (!charset_encoder_add(r->encoder, utf8, r->replacement, true,
				 &bytes))
		return false;
	cv_text_reset(word);
	cv_text_append_str(word, "=?");
	for (size_t i = 0; i < r->charset.len; i++)
		cv_text_append_c(word, cv_ascii_upper(r->charset.data[i]));
	cv_text_append_f(word, "?%c?", encoding);
	if (encoding == 'Q')
		recode_q(word, cv_text_span(&bytes));
	else
		base64_encode(word, bytes.data, bytes.len);
	cv_text_append_str(word, "?=");
	return true;
}

/* Text that words of one charset and encoding stood for. */
static bool recode_text(struct recoder *r, struct cv_span utf8, char encoding)
{
	struct cv_text word;
	size_t n, max;

	cv_text_init(&word, r->scratch);
	for (; utf8.len > 0; utf8 = cv_span_skip(utf8, n)) {
		size_t column = recode_column(r->dst) + r->after_word;

		max = RECODE_BYTES;
		do {
			n = encode_piece(utf8, max);
			if (!recode_word(r, cv_span(utf8.data, n), encoding,
					 &word))
				return false;
			/* [RFC2047 2] 75 characters in a word */
			max /= 2;
		} while (word.len > 75 && max >= 4);
		if (column > 1 && column + word.len > ENCODE_COLUMN)
			cv_text_append_str(r->dst, "\r\n ");
		else if (r->after_word)
			cv_text_append_c(r->dst, ' ');
		cv_text_append_span(r->dst, cv_text_span(&word));
		r->after_word = true;
	}
	return true;
}

/* At the first of some words; what follows them is left in rest. */
static bool recode_words(struct recoder *r, struct cv_span *rest)
{
	struct decoder d = { .dst = NULL, .pool = r->scratch };
	struct cv_span start = *rest, end = *rest;
	struct cv_text utf8;
	struct word word = { .encoding = '\0' }, first = word;
	bool known;

	cv_text_init(&d.bytes, r->scratch);
	cv_text_init(&utf8, r->scratch);
	while (word_parse(rest, &word)) {
		if (first.encoding == '\0')
			first = word;
		else if (first.encoding != word.encoding ||
			 !cv_span_equal_icase(first.charset, word.charset))
			break;
		d.encoding = word.encoding;
		d.charset = word.charset;
		decoder_word(&d, &word);
		end = *rest;
		/* [RFC2047 6.2] only blanks stand between them */
		while (rest->len > 0 && strchr(" \t\r\n", rest->data[0]) !=
		       NULL && rest->data[0] != '\0')
			*rest = cv_span_skip(*rest, 1);
		if (rest->len < 2 || rest->data[0] != '=' ||
		    rest->data[1] != '?')
			break;
	}
	*rest = end;
	known = charset_is_known(first.charset) &&
		charset_to_utf8(&utf8, first.charset, cv_text_span(&d.bytes));
	decoder_clean(&utf8, 0);
	/* [RFC5259 6] what cannot be decoded stays */
	if (!known) {
		cv_text_append(r->dst, start.data,
			       (size_t)(end.data - start.data));
		return true;
	}
	return recode_text(r, cv_text_span(&utf8), first.encoding);
}

bool header_recode(struct cv_text *dst, struct cv_span header,
		   struct cv_span charset, struct charset_encoder *encoder,
		   struct cv_span replacement)
{
	struct recoder r = { .dst = dst, .charset = charset,
		.replacement = replacement, .encoder = encoder,
		.scratch = pool_create("header recode") };
	struct cv_span rest = header, try;
	struct word word;
	bool fits = true;

	while (rest.len > 0 && fits) {
		const char *at = memmem(rest.data, rest.len, "=?", 2);
		size_t plain = at == NULL ? rest.len :
			(size_t)(at - rest.data);

		cv_text_append(dst, rest.data, plain);
		rest = cv_span_skip(rest, plain);
		if (rest.len == 0)
			break;
		try = rest;
		r.after_word = false;
		/* [RFC2047 2] a line end does not belong to one */
		if (word_parse(&try, &word) &&
		    memchr(rest.data, '\n', (size_t)(try.data - rest.data)) ==
		    NULL) {
			fits = recode_words(&r, &rest);
			pool_reset(r.scratch);
		} else {
			cv_text_append(dst, "=?", 2);
			rest = cv_span_skip(rest, 2);
		}
	}
	pool_destroy(&r.scratch);
	return fits;
}
