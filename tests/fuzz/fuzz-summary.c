/* fuzz-summary.c - what core/message reads from the catalogue, which may have
 * been damaged: records, part trees, structures. */
#include "base.h"
#include "message/body-structure.h"
#include "message/message-section.h"
#include "message/message-summary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tree(struct cv_pool *pool, const struct mime_tree *tree)
{
	struct message_section section;
	uint64_t bytes;

	for (uint32_t i = 1; i < tree->count; i++)
		BUG_IF(tree->parts[i].parent >= i);
	BUG_IF(!message_section_parse(pool, CV_SPAN("1.1.2.HEADER"),
				      &section));
	(void)message_section_size(tree, &section, &bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_pool *pool = pool_create("fuzz");
	struct cv_span src = cv_span((const char *)data, size);
	struct message_summary sum;
	struct mime_tree tree;
	struct cv_text body, text;

	cv_text_init(&body, pool);
	cv_text_init(&text, pool);
	if (mime_tree_decode(pool, src, 1 << 20, &tree) == CV_OK)
		check_tree(pool, &tree);
	if (body_structure_to_body(&body, src) == CV_OK)
		BUG_IF(body.len > size);
	if (message_summary_decode(src, &sum) == CV_OK) {
		message_summary_encode(&text, &sum);
		BUG_IF(!cv_span_equal(src, cv_text_span(&text)));
		if (mime_tree_decode(pool, sum.tree, sum.physical_size,
				     &tree) == CV_OK)
			check_tree(pool, &tree);
	}
	pool_destroy(&pool);
	return 0;
}
