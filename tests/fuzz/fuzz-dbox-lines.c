/* fuzz-dbox-lines.c - the small things that storage-dbox reads: the ledger of
 * what was expunged, a line about attachments, a reference. */
#include "../unit/dbox-memory.h"

static void read_ledger(struct cv_span all, struct cv_pool *pool)
{
	struct mdbox_ledger *ledger;

	mdbox_ledger_parse(all, pool, &ledger);
	BUG_IF(mdbox_ledger_expunged(ledger, 1, 64) > all.len / 24);
}

static void read_parts(struct cv_span all, struct cv_pool *pool)
{
	struct dbox_part *parts;
	uint32_t count;

	(void)dbox_parts_parse(all, pool, &parts, &count);
	BUG_IF(count > DBOX_PARTS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		BUG_IF(parts[i].path[0] == '/' || parts[i].path[0] == '.');
		BUG_IF(strstr(parts[i].path, "/.") != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_span all = cv_span((const char *)data, size);
	struct mdbox_ref ref;
	struct cv_pool *pool;

	(void)memory_root();
	pool = pool_create("fuzz");
	if (size > 0) {
		read_ledger(all, pool);
		read_parts(all, pool);
		if (mdbox_ref_parse(all, &ref))
			BUG_IF(size > DBOX_NAME_MAX);
	}
	pool_destroy(&pool);
	return 0;
}
