/* secret.c - compare without telling how far it went: every byte is looked
 * at, and short values are compared as often as long ones. */
#include "secret.h"

enum { COMPARED_STEP = 256 };

/* The byte at i, and the first one (or nothing) behind the end. */
static unsigned char byte_at(struct cv_span s, size_t i)
{
	static const unsigned char none;
	const unsigned char *data = s.len > 0 ?
		(const unsigned char *)s.data : &none;
	/* all ones within, zero behind: no branch on the length */
	size_t within = (size_t)0 - (size_t)(i < s.len);

	return data[i & within];
}

bool secret_equal(struct cv_span a, struct cv_span b)
{
	size_t longer = a.len > b.len ? a.len : b.len;
	size_t end = (longer / COMPARED_STEP + 1) * COMPARED_STEP;
	volatile unsigned char differ = a.len == b.len ? 0 : 1;

	for (size_t i = 0; i < end; i++)
		differ |= byte_at(a, i) ^ byte_at(b, i);
	return differ == 0;
}
