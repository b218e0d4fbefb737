/* imap-object-id.c - see imap-object-id.h. */
#include "imap-object-id.h"

static int digit_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
		c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void imap_object_id_append(struct cv_text *dst, enum imap_object_kind kind,
			   const uint8_t id[16])
{
	static const char digits[] = "0123456789abcdef";

	cv_text_append_c(dst, (char)kind);
	for (int i = 0; i < 16; i++) {
		cv_text_append_c(dst, digits[id[i] >> 4]);
		cv_text_append_c(dst, digits[id[i] & 15]);
	}
}

bool imap_object_id_parse(struct cv_span text, enum imap_object_kind kind,
			  uint8_t id_r[16])
{
	if (text.len != IMAP_OBJECT_ID_LEN || text.data[0] != (char)kind)
		return false;
	for (int i = 0; i < 16; i++) {
		int high = digit_value(text.data[1 + 2 * i]);
		int low = digit_value(text.data[2 + 2 * i]);

		if (high < 0 || low < 0)
			return false;
		id_r[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool imap_object_id_valid(struct cv_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		      (c >= 'a' && c <= 'z') || c == '-' || c == '_'))
			return false;
	}
	return text.len > 0 && text.len <= 255;
}

void imap_mailbox_id_append(struct cv_text *dst, const uint8_t guid[16])
{
	cv_text_append_str(dst, "[MAILBOXID (");
	imap_object_id_append(dst, IMAP_OBJECT_MAILBOX, guid);
	cv_text_append_str(dst, ")]");
}
