/* utf7.c - see utf7.h. */
#include "utf7.h"
#include "utf8.h"

#include <string.h>

static const char letters[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* Bits that do not fill a letter, or a UTF-16 unit, yet. */
struct bits { uint32_t value, count; };

/* --- encoding ----------------------------------------------------------------- */

static void unit_put(struct cv_text *dst, struct bits *b, uint32_t unit)
{
	b->value = (b->value << 16 | unit) & 0x3fffff;
	for (b->count += 16; b->count >= 6; b->count -= 6)
		cv_text_append_c(dst,
				 letters[b->value >> (b->count - 6) & 63]);
}

static void code_put(struct cv_text *dst, struct bits *b, uint32_t code)
{
	if (code >= 0x10000) {
		unit_put(dst, b, 0xd800 + ((code - 0x10000) >> 10));
		code = 0xdc00 + ((code - 0x10000) & 0x3ff);
	}
	unit_put(dst, b, code);
}

static void shift_end(struct cv_text *dst, struct bits *b)
{
	if (b->count > 0)
		cv_text_append_c(dst,
				 letters[b->value << (6 - b->count) & 63]);
	cv_text_append_c(dst, '-');
	*b = (struct bits){ 0, 0 };
}

void utf7_encode(struct cv_text *dst, struct cv_span src)
{
	struct bits b = { 0, 0 };
	bool shifted = false;

	while (src.len > 0) {
		uint32_t code = 0xfffd;
		size_t len = utf8_decode(src.data, src.len, &code);

		src = cv_span_skip(src, len == 0 ? 1 : len);
		if (code >= 0x20 && code < 0x7f) {
			if (shifted)
				shift_end(dst, &b);
			shifted = false;
			cv_text_append_c(dst, (char)code);
			/* [RFC3501 5.1.3] "&" is represented by "&-" */
			if (code == '&')
				cv_text_append_c(dst, '-');
			continue;
		}
		if (!shifted)
			cv_text_append_c(dst, '&');
		shifted = true;
		code_put(dst, &b, code);
	}
	if (shifted)
		shift_end(dst, &b);
}

/* --- decoding ----------------------------------------------------------------- */

/* One UTF-16 unit; *high holds a surrogate that waits for its other half. */
static bool unit_take(struct cv_text *dst, uint32_t unit, uint32_t *high)
{
	uint32_t code = unit;
	char utf8[4];

	if (*high != 0) {
		if (unit < 0xdc00 || unit > 0xdfff)
			return false;
		code = 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00);
		*high = 0;
	} else if (unit >= 0xd800 && unit <= 0xdbff) {
		*high = unit;
		return true;
	} else if (unit < 0x80) {
		/* [RFC3501 5.1.3] what can represent itself is not to be
		 * encoded; control characters have no place in a name */
		return false;
	}
	/* 0: the second half of a surrogate, without the first */
	unit = (uint32_t)utf8_encode(code, utf8);
	cv_text_append(dst, utf8, unit);
	return unit > 0;
}

/* What stands between "&" and "-". */
static bool shifted_take(struct cv_text *dst, struct cv_span run)
{
	struct bits b = { 0, 0 };
	uint32_t high = 0;

	for (size_t i = 0; i < run.len; i++) {
		const char *at = memchr(letters, run.data[i], 64);

		if (at == NULL)
			return false;
		b.value = (b.value << 6 | (uint32_t)(at - letters)) &
			0x3fffff;
		b.count += 6;
		if (b.count < 16)
			continue;
		b.count -= 16;
		if (!unit_take(dst, b.value >> b.count & 0xffff, &high))
			return false;
	}
	return high == 0 && b.count < 6 &&
		(b.value & ((1u << b.count) - 1)) == 0;
}

bool utf7_decode(struct cv_text *dst, struct cv_span src)
{
	bool after_shift = false;

	while (src.len > 0) {
		unsigned char c = (unsigned char)src.data[0];
		const char *end;
		struct cv_span run;

		if (c < 0x20 || c > 0x7e)
			return false;
		src = cv_span_skip(src, 1);
		if (c != '&') {
			cv_text_append_c(dst, (char)c);
			after_shift = false;
			continue;
		}
		end = src.len == 0 ? NULL : memchr(src.data, '-', src.len);
		if (end == NULL)
			return false;
		run = cv_span(src.data, (size_t)(end - src.data));
		src = cv_span_skip(src, run.len + 1);
		if (run.len == 0) {
			cv_text_append_c(dst, '&');
			after_shift = false;
			continue;
		}
		/* [RFC3501 5.1.3] "&AOQ-&AOQ-" is "&AOQA5A-" */
		if (after_shift || !shifted_take(dst, run))
			return false;
		after_shift = true;
	}
	return true;
}
