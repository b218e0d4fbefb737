/* imap-name.c - see imap-name.h. */
#include "imap-name.h"
#include "imap-enable.h"

bool imap_name_is_utf8(const struct imap_session *s)
{
	return (s->enabled & (IMAP_ENABLED_UTF8 | IMAP_ENABLED_REV2)) != 0;
}

bool imap_is_ascii(struct cv_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.data[i] >= 0x80)
			return false;
	}
	return true;
}

size_t imap_utf8_char(struct cv_span text, uint32_t *code_r)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)text.data[0];
	size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 :
		first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
	uint32_t code = len < 2 ? first : first & (0x7fU >> len);

	if (len == 0 || len > text.len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if ((c & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (c & 0x3f);
	}
	*code_r = code;
	return code < least[len] || code > 0x10ffff ||
		(code >= 0xd800 && code <= 0xdfff) ? 0 : len;
}

bool imap_utf8_valid(struct cv_span text)
{
	uint32_t code;

	while (text.len > 0) {
		size_t len = imap_utf8_char(text, &code);

		if (len == 0)
			return false;
		text = cv_span_skip(text, len);
	}
	return true;
}

bool imap_name_allowed(struct cv_span name)
{
	uint32_t code;

	while (name.len > 0) {
		size_t len = imap_utf8_char(name, &code);

		if (len == 0 || code < 0x20 ||
		    (code >= 0x7f && code < 0xa0) ||
		    code == 0x2028 || code == 0x2029)
			return false;
		name = cv_span_skip(name, len);
	}
	return true;
}

bool imap_name_decode(const struct imap_session *s, struct cv_text *dst,
		      struct cv_span wire)
{
	/* [RFC6855 3] such names are converted, whoever sends them */
	if (!imap_name_is_utf8(s) && imap_is_ascii(wire))
		return cv_api->utf7_decode(dst, wire);
	if (!imap_utf8_valid(wire))
		return false;
	cv_text_append_span(dst, wire);
	return true;
}

void imap_name_encode(const struct imap_session *s, struct cv_text *dst,
		      struct cv_span name)
{
	if (imap_name_is_utf8(s) && imap_utf8_valid(name))
		cv_text_append_span(dst, name);
	else
		cv_api->utf7_encode(dst, name);
}
