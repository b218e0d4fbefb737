/* fuzz-utf7.c - mailbox names in modified UTF-7: what decodes is UTF-8 without
 * control characters of ASCII and encodes to itself; what is encoded is
 * printable ASCII and decodes to what it was. */
#include "base.h"

/* UTF-8 that a name may consist of. */
static bool is_text(struct cv_span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.data[i] < 0x20 || s.data[i] == 0x7f)
			return false;
	}
	return utf8_is_valid(s.data, s.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_pool *pool = pool_create("fuzz");
	struct cv_span all = cv_span((const char *)data, size);
	struct cv_text name, wire;

	cv_text_init(&name, pool);
	cv_text_init(&wire, pool);
	if (utf7_decode(&name, all)) {
		BUG_IF(!is_text(cv_text_span(&name)));
		utf7_encode(&wire, cv_text_span(&name));
		BUG_IF(!cv_span_equal(cv_text_span(&wire), all));
	}
	cv_text_reset(&name);
	cv_text_reset(&wire);
	utf7_encode(&wire, all);
	for (size_t i = 0; i < wire.len; i++)
		BUG_IF(wire.data[i] < 0x20 || wire.data[i] > 0x7e);
	if (is_text(all)) {
		BUG_IF(!utf7_decode(&name, cv_text_span(&wire)));
		BUG_IF(!cv_span_equal(cv_text_span(&name), all));
	}
	pool_destroy(&pool);
	return 0;
}
