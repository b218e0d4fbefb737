/* mbox-utf7.c - folder names as mbox trees keep them on disk. */
#include "mbox.h"

static const char utf7_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* One code point of valid UTF-8. */
static size_t utf8_next(struct cv_span s, uint32_t *code_r)
{
	const unsigned char *p = (const unsigned char *)s.data;
	static const uint8_t bits[5] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t code;

	if (len > s.len)
		len = 1;
	code = p[0] & bits[len];
	for (size_t i = 1; i < len; i++)
		code = code << 6 | (p[i] & 0x3f);
	*code_r = code;
	return len;
}

static void utf8_append(struct cv_text *dst, uint32_t c)
{
	if (c < 0x80) {
		cv_text_append_c(dst, (char)c);
		return;
	}
	if (c < 0x800) {
		cv_text_append_c(dst, (char)(0xc0 | c >> 6));
	} else if (c < 0x10000) {
		cv_text_append_c(dst, (char)(0xe0 | c >> 12));
		cv_text_append_c(dst, (char)(0x80 | (c >> 6 & 0x3f)));
	} else {
		cv_text_append_c(dst, (char)(0xf0 | c >> 18));
		cv_text_append_c(dst, (char)(0x80 | (c >> 12 & 0x3f)));
		cv_text_append_c(dst, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	cv_text_append_c(dst, (char)(0x80 | (c & 0x3f)));
}

struct bit_writer { struct cv_text *dst; uint32_t bits, count; };

static void bits_add(struct bit_writer *w, uint32_t unit)
{
	w->bits = w->bits << 16 | unit;
	w->count += 16;
	while (w->count >= 6) {
		w->count -= 6;
		cv_text_append_c(w->dst,
				 utf7_digits[w->bits >> w->count & 0x3f]);
	}
	w->bits &= (1u << w->count) - 1;
}

void mbox_utf7_encode(struct cv_text *dst, struct cv_span src)
{
	struct bit_writer w = { .dst = dst };
	bool shifted = false;
	uint32_t c;

	while (src.len > 0) {
		src = cv_span_skip(src, utf8_next(src, &c));
		if (c >= 0x20 && c <= 0x7e) {
			if (shifted && w.count > 0)
				cv_text_append_c(dst, utf7_digits[
					w.bits << (6 - w.count) & 0x3f]);
			if (shifted)
				cv_text_append_c(dst, '-');
			shifted = false;
			cv_text_append_c(dst, (char)c);
			if (c == '&')
				cv_text_append_c(dst, '-');
			continue;
		}
		if (!shifted) {
			cv_text_append_c(dst, '&');
			w.bits = w.count = 0;
			shifted = true;
		}
		if (c >= 0x10000) {
			bits_add(&w, 0xd800 + ((c - 0x10000) >> 10));
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		bits_add(&w, c);
	}
	if (shifted && w.count > 0)
		cv_text_append_c(dst,
				 utf7_digits[w.bits << (6 - w.count) & 0x3f]);
	if (shifted)
		cv_text_append_c(dst, '-');
}

/* What stands between '&' and '-'. */
static bool decode_shifted(struct cv_text *dst, struct cv_span run)
{
	uint32_t bits = 0, count = 0, high = 0;

	for (size_t i = 0; i < run.len; i++) {
		const char *at = run.data[i] == '\0' ? NULL :
			strchr(utf7_digits, run.data[i]);
		uint32_t unit;

		if (at == NULL)
			return false;
		bits = (bits << 6 | (uint32_t)(at - utf7_digits)) & 0xffffff;
		count += 6;
		if (count < 16)
			continue;
		count -= 16;
		unit = bits >> count & 0xffff;
		if (high != 0) {
			if ((unit & 0xfc00) != 0xdc00)
				return false;
			utf8_append(dst, 0x10000 +
				    ((high & 0x3ff) << 10 | (unit & 0x3ff)));
			high = 0;
		} else if ((unit & 0xfc00) == 0xd800) {
			high = unit;
		} else if ((unit & 0xfc00) == 0xdc00 ||
			   (unit >= 0x20 && unit <= 0x7e)) {
			return false;	/* lone half; or plain ASCII */
		} else {
			utf8_append(dst, unit);
		}
	}
	return high == 0 && count < 6 && (bits & ((1u << count) - 1)) == 0;
}

bool mbox_utf7_decode(struct cv_text *dst, struct cv_span src)
{
	bool after_shift = false;

	while (src.len > 0) {
		unsigned char c = (unsigned char)src.data[0];
		const char *end;
		struct cv_span run;

		if (c < 0x20 || c > 0x7e)
			return false;
		if (c != '&') {
			cv_text_append_c(dst, (char)c);
			src = cv_span_skip(src, 1);
			after_shift = false;
			continue;
		}
		src = cv_span_skip(src, 1);
		end = memchr(src.data, '-', src.len);
		if (end == NULL)
			return false;
		run = cv_span(src.data, (size_t)(end - src.data));
		src = cv_span_skip(src, run.len + 1);
		if (run.len == 0) {
			cv_text_append_c(dst, '&');
			after_shift = false;
			continue;
		}
		/* "&AAA-&BBB-" has a shorter form: names must not have two */
		if (after_shift || !decode_shifted(dst, run))
			return false;
		after_shift = true;
	}
	return true;
}
