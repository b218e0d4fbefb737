/* utf8.c - see utf8.h. */
#include "utf8.h"

size_t utf8_decode(const char *data, size_t len, uint32_t *code_r)
{
	const unsigned char *p = (const unsigned char *)data;
	uint32_t code, least;
	size_t n;

	if (len == 0)
		return 0;
	if (p[0] < 0x80) {
		*code_r = p[0];
		return 1;
	}
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (len < n)
		return 0;
	least = n == 2 ? 0x80 : n == 3 ? 0x800 : 0x10000;
	code = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	/* [RFC3629 3] overlong forms and surrogates are not UTF-8 */
	if (code < least || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*code_r = code;
	return n;
}

size_t utf8_encode(uint32_t code, char dst[static 4])
{
	unsigned char *p = (unsigned char *)dst;

	if (code < 0x80) {
		p[0] = (unsigned char)code;
		return 1;
	}
	if (code < 0x800) {
		p[0] = (unsigned char)(0xc0 | code >> 6);
		p[1] = (unsigned char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	if (code < 0x10000) {
		p[0] = (unsigned char)(0xe0 | code >> 12);
		p[1] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
		p[2] = (unsigned char)(0x80 | (code & 0x3f));
		return 3;
	}
	p[0] = (unsigned char)(0xf0 | code >> 18);
	p[1] = (unsigned char)(0x80 | (code >> 12 & 0x3f));
	p[2] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
	p[3] = (unsigned char)(0x80 | (code & 0x3f));
	return 4;
}

bool utf8_is_valid(const char *data, size_t len)
{
	uint32_t code;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_decode(data + i, len - i, &code);

		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

void utf8_append_repaired(struct cv_text *text, const char *data, size_t len)
{
	uint32_t code;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_decode(data + i, len - i, &code);

		if (n == 0) {
			cv_text_append(text, "\xef\xbf\xbd", 3);
			i++;
		} else {
			cv_text_append(text, data + i, n);
			i += n;
		}
	}
}
