/* fuzz-module-wire.c - what a probe child sends about a plugin. */
#include "module/module-private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_pool *pool = pool_create("fuzz");
	struct module_desc desc, again;
	struct cv_text text;

	if (module_wire_get(cv_span((const char *)data, size), pool, &desc,
			    NULL) == CV_OK) {
		cv_text_init(&text, pool);
		module_wire_put(&text, &desc);
		BUG_IF(module_wire_get(cv_text_span(&text), pool, &again,
				       NULL) != CV_OK);
		BUG_IF(strcmp(desc.name, again.name) != 0);
	}
	pool_destroy(&pool);
	return 0;
}
