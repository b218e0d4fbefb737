/* imap-utf7.c - see imap-utf7.h. */
#include "imap-utf7.h"

static const char letters[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static void utf8_append(struct cv_text *dst, uint32_t code)
{
	if (code < 0x80) {
		cv_text_append_c(dst, (char)code);
		return;
	}
	if (code < 0x800) {
		cv_text_append_c(dst, (char)(0xc0 | code >> 6));
	} else {
		if (code < 0x10000) {
			cv_text_append_c(dst, (char)(0xe0 | code >> 12));
		} else {
			cv_text_append_c(dst, (char)(0xf0 | code >> 18));
			cv_text_append_c(dst, (char)(0x80 |
						     (code >> 12 & 63)));
		}
		cv_text_append_c(dst, (char)(0x80 | (code >> 6 & 63)));
	}
	cv_text_append_c(dst, (char)(0x80 | (code & 63)));
}

/* One UTF-16 unit; *high holds a surrogate that waits for its other half. */
static bool unit_take(struct cv_text *dst, uint32_t unit, uint32_t *high)
{
	if (*high != 0) {
		if (unit < 0xdc00 || unit > 0xdfff)
			return false;
		utf8_append(dst, 0x10000 + ((*high - 0xd800) << 10) +
			    (unit - 0xdc00));
		*high = 0;
		return true;
	}
	if (unit >= 0xdc00 && unit <= 0xdfff)
		return false;
	if (unit >= 0xd800 && unit <= 0xdbff) {
		*high = unit;
		return true;
	}
	/* printable ASCII is not to be encoded, control characters have no
	 * place in a name */
	if (unit < 0xa0)
		return false;
	utf8_append(dst, unit);
	return true;
}

/* What stands between "&" and "-". */
static bool shifted(struct cv_text *dst, struct cv_span in)
{
	uint32_t bits = 0, have = 0, high = 0;

	for (size_t i = 0; i < in.len; i++) {
		const char *at = in.data[i] == '\0' ? NULL :
			strchr(letters, in.data[i]);

		if (at == NULL)
			return false;
		bits = bits << 6 | (uint32_t)(at - letters);
		have += 6;
		if (have < 16)
			continue;
		have -= 16;
		if (!unit_take(dst, bits >> have & 0xffff, &high))
			return false;
	}
	return high == 0 && have < 6 && (bits & ((1u << have) - 1)) == 0;
}

bool imap_utf7_decode(struct cv_text *dst, struct cv_span src)
{
	bool was_shifted = false;

	for (size_t i = 0; i < src.len; i++) {
		char c = src.data[i];
		const char *end;
		size_t len;

		if ((unsigned char)c < ' ' || (unsigned char)c >= 0x7f)
			return false;
		if (c != '&') {
			cv_text_append_c(dst, c);
			was_shifted = false;
			continue;
		}
		end = memchr(src.data + i, '-', src.len - i);
		if (end == NULL)
			return false;
		len = (size_t)(end - src.data) - i - 1;
		if (len == 0) {
			cv_text_append_c(dst, '&');
			was_shifted = false;
		} else if (was_shifted || !shifted(dst, cv_span(
				src.data + i + 1, len))) {
			/* "&AOQ-&AOQ-" is "&AOQA5A-" [RFC3501 5.1.3] */
			return false;
		} else {
			was_shifted = true;
		}
		i += len + 1;
	}
	return true;
}

/* One code point; U+FFFD and one byte for what is wrong. */
static size_t utf8_take(struct cv_span in, uint32_t *code_r)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char c = (unsigned char)in.data[0];
	size_t len = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	uint32_t code = len == 1 ? c : c & (0xffu >> (len + 1));

	*code_r = 0xfffd;
	if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || len > in.len)
		return 1;
	for (size_t i = 1; i < len; i++) {
		if (((unsigned char)in.data[i] & 0xc0) != 0x80)
			return 1;
		code = code << 6 | ((unsigned char)in.data[i] & 63);
	}
	if (code < least[len] || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 1;
	*code_r = code;
	return len;
}

struct shift { uint32_t bits, have; };

static void unit_put(struct cv_text *dst, struct shift *s, uint32_t unit)
{
	s->bits = s->bits << 16 | unit;
	for (s->have += 16; s->have >= 6; s->have -= 6)
		cv_text_append_c(dst, letters[s->bits >> (s->have - 6) & 63]);
}

static void shift_end(struct cv_text *dst, struct shift *s)
{
	if (s->have > 0)
		cv_text_append_c(dst, letters[s->bits << (6 - s->have) & 63]);
	cv_text_append_c(dst, '-');
	*s = (struct shift){ 0, 0 };
}

void imap_utf7_encode(struct cv_text *dst, struct cv_span src)
{
	struct shift s = { 0, 0 };
	bool inside = false;

	while (src.len > 0) {
		uint32_t code;
		size_t len = utf8_take(src, &code);

		src = cv_span_skip(src, len);
		if (code >= 0x20 && code < 0x7f) {
			if (inside)
				shift_end(dst, &s);
			inside = false;
			cv_text_append_c(dst, (char)code);
			if (code == '&')
				cv_text_append_c(dst, '-');
			continue;
		}
		if (!inside)
			cv_text_append_c(dst, '&');
		inside = true;
		if (code >= 0x10000) {
			unit_put(dst, &s, 0xd800 + ((code - 0x10000) >> 10));
			code = 0xdc00 + ((code - 0x10000) & 0x3ff);
		}
		unit_put(dst, &s, code);
	}
	if (inside)
		shift_end(dst, &s);
}
