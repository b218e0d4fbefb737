/* db-value.c - variables in texts of admins, and what replaces them. */
#include "db-value.h"

size_t db_variable_len(const char *s)
{
	size_t i = 1, open = 0;

	if (s[0] != '%' || s[1] == '%' || s[1] == '\0')
		return 0;
	i += strspn(s + i, DB_VARIABLE_CUT);
	i += strspn(s + i, DB_VARIABLE_MODIFIERS);
	/* what is none is left to core, which says so */
	if (s[i] != '{')
		return (s[i] >= 'a' && s[i] <= 'z') ||
			(s[i] >= 'A' && s[i] <= 'Z') ? i + 1 : 0;
	for (; s[i] != '\0'; i++) {
		if (s[i] == '{')
			open++;
		else if (s[i] == '}' && --open == 0)
			return i + 1;
	}
	return i;
}

bool db_value_is_utf8(struct cv_span s)
{
	size_t i = 0, more;

	while (i < s.len) {
		unsigned char c = (unsigned char)s.data[i++];
		uint32_t point;

		if (c == 0)
			return false;
		if (c < 0x80)
			continue;
		more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
		if (c < 0xc2 || c > 0xf4 || s.len - i < more)
			return false;
		point = c & (0x3fu >> more);
		for (; more > 0; more--, i++) {
			if (((unsigned char)s.data[i] & 0xc0) != 0x80)
				return false;
			point = point << 6 | ((unsigned char)s.data[i] & 0x3f);
		}
		/* one form for each, no surrogates [RFC3629 3] */
		if ((c >= 0xf0 && point < 0x10000) || point > 0x10ffff ||
		    (c >= 0xe0 && point < 0x800) ||
		    (point >= 0xd800 && point <= 0xdfff))
			return false;
	}
	return true;
}
