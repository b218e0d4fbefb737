/* casemap.c - see casemap.h.
 *
 * Almost all of mail is ASCII, which goes through in words of 8 bytes.  What
 * other characters become is looked up once in the tables of utf8proc and kept
 * by pages of 256, so that a text costs the same in any script. */
#include "casemap.h"

#include <utf8proc.h>

enum { DECOMPOSED_MAX = 32, FORM_MAX = 15, BMP_PAGES = 256 };

struct form { uint8_t len; char bytes[FORM_MAX]; };	/* len 255: longer */

static struct form *pages[BMP_PAGES];

#define HIGH_BITS 0x8080808080808080u
#define EACH(byte) (0x0101010101010101u * (byte))

size_t ascii_length(const char *data, size_t len)
{
	size_t at = 0;

	for (; at + 32 <= len; at += 32) {
		uint64_t w[4];

		memcpy(w, data + at, sizeof(w));
		if (((w[0] | w[1] | w[2] | w[3]) & HIGH_BITS) != 0)
			break;
	}
	while (at < len && (unsigned char)data[at] < 0x80)
		at++;
	return at;
}

/* ASCII letters of 8 bytes, all below 0x80, in upper case. */
static uint64_t upper_word(uint64_t w)
{
	/* the high bit of each byte: is it above 'a' - 1, above 'z' */
	uint64_t from_a = w + EACH(0x80 - 'a');
	uint64_t above_z = w + EACH(0x80 - 'z' - 1);

	return w ^ (((from_a & ~above_z) & HIGH_BITS) >> 2);
}

static void upper_append(struct cv_text *dst, const char *src, size_t len)
{
	size_t at = 0;
	char *out;

	cv_text_append(dst, src, len);
	out = dst->data + dst->len - len;
	for (; at + 8 <= len; at += 8) {
		uint64_t w;

		memcpy(&w, out + at, 8);
		w = upper_word(w);
		memcpy(out + at, &w, 8);
	}
	for (; at < len; at++) {
		if (out[at] >= 'a' && out[at] <= 'z')
			out[at] -= 32;
	}
}

/* [RFC5051 2] step 2: title case, then decomposed as far as it goes. */
static size_t convert(uint32_t code, char dst[DECOMPOSED_MAX * 4])
{
	utf8proc_int32_t parts[DECOMPOSED_MAX];
	/* UnicodeData.txt has none for sharp s, utf8proc has one */
	utf8proc_int32_t title = code == 0xdf ? 0xdf :
		utf8proc_totitle((utf8proc_int32_t)code);
	utf8proc_ssize_t count;
	size_t len = 0;
	int last = 0;

	count = utf8proc_decompose_char(title, parts, DECOMPOSED_MAX,
					UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT,
					&last);
	if (count <= 0 || count > DECOMPOSED_MAX)
		return utf8_encode(code, dst);
	for (utf8proc_ssize_t i = 0; i < count; i++)
		len += utf8_encode((uint32_t)parts[i], dst + len);
	return len;
}

static struct form *page_make(uint32_t page)
{
	struct form *forms = calloc(256, sizeof(*forms));

	if (forms == NULL)
		return NULL;
	for (uint32_t i = 0; i < 256; i++) {
		char bytes[DECOMPOSED_MAX * 4];
		size_t len = convert(page * 256 + i, bytes);

		forms[i].len = len > FORM_MAX ? 255 : (uint8_t)len;
		if (len <= FORM_MAX)
			memcpy(forms[i].bytes, bytes, len);
	}
	pages[page] = forms;
	return forms;
}

static void code_append(struct cv_text *dst, uint32_t code)
{
	char bytes[DECOMPOSED_MAX * 4];

	if (code < BMP_PAGES * 256) {
		const struct form *page = pages[code / 256];

		if (page == NULL)
			page = page_make(code / 256);
		if (page != NULL && page[code % 256].len != 255) {
			cv_text_append(dst, page[code % 256].bytes,
				       page[code % 256].len);
			return;
		}
	}
	cv_text_append(dst, bytes, convert(code, bytes));
}

static void unicode_append(struct cv_text *dst, struct cv_span src)
{
	while (src.len > 0) {
		size_t n = ascii_length(src.data, src.len);
		uint32_t code;

		upper_append(dst, src.data, n);
		src = cv_span_skip(src, n);
		while (src.len > 0 && (unsigned char)src.data[0] >= 0x80) {
			n = utf8_decode(src.data, src.len, &code);
			if (n == 0)
				cv_text_append_c(dst, src.data[0]);
			else
				code_append(dst, code);
			src = cv_span_skip(src, n == 0 ? 1 : n);
		}
	}
}

static void ascii_append(struct cv_text *dst, struct cv_span src)
{
	while (src.len > 0) {
		size_t n = ascii_length(src.data, src.len);

		upper_append(dst, src.data, n);
		src = cv_span_skip(src, n);
		for (n = 0; n < src.len && (unsigned char)src.data[n] >= 0x80;)
			n++;
		cv_text_append(dst, src.data, n);
		src = cv_span_skip(src, n);
	}
}

void casemap_append(struct cv_text *dst, enum casemap map, struct cv_span src)
{
	switch (map) {
	case CASEMAP_UNICODE:
		unicode_append(dst, src);
		return;
	case CASEMAP_ASCII:
		ascii_append(dst, src);
		return;
	case CASEMAP_OCTET:
		cv_text_append_span(dst, src);
		return;
	}
}
