/* fuzz-dovecot-cache.c - dovecot.index.cache: every place is asked for. */
#include "base.h"
#include "../storage-common/dovecot-cache.h"
#include "module/module.h"

extern const struct cv_plugin_desc storage_dbox_LTX_cv_plugin_desc;

static int no_provide(struct cv_plugin *self, uint32_t kind,
		      const void *table, struct cv_error *err)
{
	(void)self; (void)kind; (void)table; (void)err;
	return CV_OK;
}

static void begin(void)
{
	static struct cv_host host;

	if (host.size != 0)
		return;
	host = *module_host();
	host.provide = no_provide;
	(void)storage_dbox_LTX_cv_plugin_desc.init(&host, NULL, NULL);
}

static ssize_t read_span(void *context, void *data, size_t len,
			 uint64_t offset)
{
	const struct cv_span *file = context;

	if (offset >= file->len)
		return 0;
	if (len > file->len - (size_t)offset)
		len = file->len - (size_t)offset;
	memcpy(data, file->data + offset, len);
	return (ssize_t)len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_span file = cv_span((const char *)data, size);
	struct dovecot_cache cache;
	struct cv_pool *pool;

	begin();
	pool = pool_create("fuzz");
	if (dovecot_cache_open(pool, read_span, &file, 16,
					    &cache) == CV_OK) {
		for (size_t at = 0; at <= size; at += 4) {
			int64_t saved = dovecot_cache_saved(
				&cache, (uint32_t)at);

			BUG_IF(saved < 0 || saved > UINT32_MAX);
		}
	}
	pool_destroy(&pool);
	return 0;
}
