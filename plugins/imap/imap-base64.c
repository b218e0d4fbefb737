/* imap-base64.c - see imap-base64.h. */
#include "imap-base64.h"

static const char letters[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(char c)
{
	const char *at = c == '\0' ? NULL : strchr(letters, c);

	return at == NULL ? -1 : (int)(at - letters);
}

void imap_base64_encode(struct cv_text *dst, struct cv_span src)
{
	const unsigned char *in = (const unsigned char *)src.data;

	for (size_t i = 0; i < src.len; i += 3) {
		size_t left = src.len - i;
		uint32_t bits = (uint32_t)in[i] << 16;
		char out[4];

		if (left > 1)
			bits |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			bits |= in[i + 2];
		for (int k = 0; k < 4; k++)
			out[k] = letters[bits >> (18 - 6 * k) & 63];
		if (left < 3)
			out[3] = '=';
		if (left < 2)
			out[2] = '=';
		cv_text_append(dst, out, 4);
	}
}

/* One group of four; last allows padding. */
static bool decode_group(struct cv_text *dst, const char *in, bool last)
{
	int value[4], pad = 0;
	char out[3];

	while (pad < 2 && last && in[3 - pad] == '=')
		pad++;
	for (int i = 0; i < 4; i++) {
		value[i] = i >= 4 - pad ? 0 : value_of(in[i]);
		if (value[i] < 0)
			return false;
	}
	if ((pad == 2 && (value[1] & 15) != 0) ||
	    (pad == 1 && (value[2] & 3) != 0))
		return false;
	out[0] = (char)(value[0] << 2 | value[1] >> 4);
	out[1] = (char)(value[1] << 4 | value[2] >> 2);
	out[2] = (char)(value[2] << 6 | value[3]);
	cv_text_append(dst, out, (size_t)(3 - pad));
	return true;
}

bool imap_base64_decode(struct cv_text *dst, struct cv_span src)
{
	if (src.len % 4 != 0)
		return false;
	for (size_t i = 0; i < src.len; i += 4) {
		if (!decode_group(dst, src.data + i, i + 4 == src.len))
			return false;
	}
	return true;
}
