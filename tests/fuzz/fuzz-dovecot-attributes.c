/* fuzz-dovecot-attributes.c - Dovecot's annotations in a file. */
#include "base.h"
#include "takeover/dovecot-attributes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_span rest = cv_span((const char *)data, size);
	struct cv_pool *pool = pool_create("fuzz");
	struct dovecot_attribute a;
	size_t before = rest.len;

	while (dovecot_attribute_next(&rest, pool, &a)) {
		BUG_IF(rest.len >= before);
		before = rest.len;
		BUG_IF(!a.is_foreign && a.value.len > size);
		BUG_IF(!a.is_foreign && a.entry.data[0] != '/');
	}
	pool_destroy(&pool);
	return 0;
}
