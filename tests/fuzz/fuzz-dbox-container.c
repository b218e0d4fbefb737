/* fuzz-dbox-container.c - a whole container, ours or Dovecot's, as a purge,
 * an altmove and a search for messages without a map read it.  The first byte
 * says whose. */
#include "../unit/dbox-memory.h"
#include "mdbox-rewrite.h"

static void look(struct cv_storage_root *root, const struct mdbox_item *item)
{
	struct mdbox_place place;

	BUG_IF(item->message.body > memory_file.len);
	(void)mdbox_item_whole(root, 1000, item);
	if (mdbox_locate(root, &item->ref, true, &place, NULL) == CV_OK)
		BUG_IF(place.message.offset >= memory_file.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_storage_root *root = memory_root();
	struct mdbox_source all = { .fd = 1000 };
	struct cv_pool *pool;
	struct mdbox_items items;
	struct cv_error err = ERROR_NONE;

	if (size == 0)
		return 0;
	pool = pool_create("fuzz");
	memory_file = cv_span((const char *)data + 1, size - 1);
	if (mdbox_items_read(root, 1000, data[0] & 1, 7, true, pool, &items,
			     &err) == CV_OK) {
		BUG_IF(items.count > size);
		for (uint32_t i = 0; i < items.count && i < 100; i++)
			look(root, &items.items[i]);
		all.items = items.items;
		all.count = items.count;
		/* nothing is left of it without itself */
		BUG_IF(mdbox_items_minus(root, items.items,
					 items.count > 0 ? 1 : 0, &all,
					 false) != 0);
	}
	pool_destroy(&pool);
	return 0;
}
