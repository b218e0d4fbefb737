/* base64.c - whole strings; streaming decoders are in core/stream. */
#include "base64.h"

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct cv_text *dst, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (; len > 0; p += 3, len -= len < 3 ? len : 3) {
		uint32_t bits = (uint32_t)p[0] << 16;

		if (len > 1)
			bits |= (uint32_t)p[1] << 8;
		if (len > 2)
			bits |= p[2];
		cv_text_append_c(dst, alphabet[bits >> 18]);
		cv_text_append_c(dst, alphabet[bits >> 12 & 63]);
		cv_text_append_c(dst, len > 1 ? alphabet[bits >> 6 & 63] : '=');
		cv_text_append_c(dst, len > 2 ? alphabet[bits & 63] : '=');
	}
}

static int digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* One group of four; *last_r when it was padded.  False: malformed. */
static bool decode_group(struct cv_text *dst, const char *p, bool *last_r)
{
	int pad = p[3] != '=' ? 0 : p[2] != '=' ? 1 : 2;
	uint32_t bits = 0;

	for (int i = 0; i < 4 - pad; i++) {
		int value = digit_value(p[i]);

		if (value < 0)
			return false;
		bits |= (uint32_t)value << (18 - 6 * i);
	}
	/* [RFC4648 3.5] a decoder may reject non-zero pad bits; we do: two
	 * spellings of one value are a way around comparisons */
	if ((pad == 1 && (bits & 0xff) != 0) ||
	    (pad == 2 && (bits & 0xffff) != 0))
		return false;
	cv_text_append_c(dst, (char)(bits >> 16));
	if (pad < 2)
		cv_text_append_c(dst, (char)(bits >> 8 & 0xff));
	if (pad < 1)
		cv_text_append_c(dst, (char)(bits & 0xff));
	*last_r = pad > 0;
	return true;
}

bool base64_decode(struct cv_text *dst, struct cv_span src)
{
	bool last = false;

	if (src.len % 4 != 0)
		return false;
	for (size_t i = 0; i < src.len; i += 4) {
		if (last || !decode_group(dst, src.data + i, &last))
			return false;
	}
	return true;
}

void hex_encode(struct cv_text *dst, const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++) {
		cv_text_append_c(dst, digits[p[i] >> 4]);
		cv_text_append_c(dst, digits[p[i] & 15]);
	}
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = cv_ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(struct cv_text *dst, struct cv_span src)
{
	if (src.len % 2 != 0)
		return false;
	for (size_t i = 0; i < src.len; i += 2) {
		int high = hex_value(src.data[i]);
		int low = hex_value(src.data[i + 1]);

		if (high < 0 || low < 0)
			return false;
		cv_text_append_c(dst, (char)(high << 4 | low));
	}
	return true;
}
