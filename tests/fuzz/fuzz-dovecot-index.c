/* fuzz-dovecot-index.c - Dovecot's index and log, and the heads, trailers and
 * metadata of messages.  The first two bytes say how long the index is. */
#include "base.h"
#include "dbox-record.h"
#include "../storage-common/dovecot-index.h"
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

static void read_records(struct cv_pool *pool, struct cv_span all)
{
	struct dbox_container container;
	struct dbox_metadata metadata;
	struct dbox_record record;
	struct dbox_trailer trailer;
	uint32_t head;
	uint64_t first;

	(void)dbox_record_parse(all, &record);
	(void)dbox_container_parse(all, &container);
	(void)dbox_trailer_parse(all, pool, &trailer);
	(void)dbox_foreign_head_parse(all, &first);
	if (all.len > 0)
		(void)dbox_foreign_line_parse(all, &head, &first);
	if (dbox_metadata_parse(all, &metadata))
		BUG_IF(metadata.size > all.len);
}

static void check(const struct dovecot_index *index)
{
	for (uint32_t i = 0; i < index->count; i++) {
		BUG_IF(index->rows[i].expunged);
		BUG_IF(i > 0 && index->rows[i].uid <= index->rows[i - 1].uid);
	}
	BUG_IF(index->keyword_count > DOVECOT_KEYWORDS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dovecot_files files = { .wanted = { "mdbox", "map" } };
	struct cv_span all = cv_span((const char *)data, size);
	struct dovecot_index index;
	struct cv_pool *pool;
	size_t len;

	begin();
	pool = pool_create("fuzz");
	read_records(pool, all);
	if (size >= 2) {
		len = data[0] | (size_t)data[1] << 8;
		all = cv_span_skip(all, 2);
		if (len > all.len)
			len = all.len;
		if (len > 0)
			files.index = cv_span(all.data, len);
		files.log = cv_span_skip(all, len);
		if (dovecot_index_read(pool, &files, &index) == CV_OK)
			check(&index);
	}
	pool_destroy(&pool);
	return 0;
}
