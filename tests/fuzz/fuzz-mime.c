/* fuzz-mime.c - whole messages: the first byte is the size of the chunks.
 *
 * The tree must be one, the record must come back, BODY must follow from
 * BODYSTRUCTURE, every section must have the size it says, and the chunks
 * must not matter. */
#include "base.h"
#include "message/body-structure.h"
#include "message/message-section.h"
#include "message/message-summary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void summarize(struct cv_pool *pool, struct cv_span all, size_t chunk,
		      struct message_summary *sum,
		      const struct mime_tree **tree_r)
{
	struct message_summarizer *s = message_summarizer_create(pool);

	for (size_t at = 0; at < all.len; at += chunk)
		message_summarizer_feed(s, cv_span(all.data + at,
			all.len - at < chunk ? all.len - at : chunk));
	message_summarizer_finish(s, sum, tree_r);
}

static void check_tree(const struct mime_tree *tree, size_t size)
{
	BUG_IF(tree->count == 0 || tree->count > MIME_PARTS_MAX);
	BUG_IF(tree->parts[0].header.physical +
	       tree->parts[0].body.physical != size);
	for (uint32_t i = 1; i < tree->count; i++) {
		const struct mime_part *p = &tree->parts[i], *up;

		BUG_IF(p->parent >= i || p->depth > MIME_DEPTH_MAX + 1);
		up = &tree->parts[p->parent];
		BUG_IF(p->offset < up->offset + up->header.physical);
		BUG_IF(p->offset + p->header.physical + p->body.physical >
		       up->offset + up->header.physical + up->body.physical);
	}
}

static void check_stream(struct cv_pool *pool, struct cv_stream *stream,
			 uint64_t size)
{
	struct cv_text text;

	(void)pool;
	cv_text_init(&text, pool);
	BUG_IF(stream_read_all(stream, &text, SIZE_MAX, NULL) < 0);
	BUG_IF(size != STREAM_SIZE_UNKNOWN && text.len != size);
}

static void check_sections(struct cv_span all, const struct mime_tree *tree)
{
	static const char *const names[] = {
		"", "HEADER", "TEXT", "HEADER.FIELDS (A Subject)",
		"HEADER.FIELDS.NOT (A)", "1", "1.MIME", "1.HEADER", "1.1",
		"2", "2.TEXT", "2.1.MIME", "1.1.1",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct cv_pool *pool = pool_create("section");
		struct message_section section;
		struct cv_stream *stream;
		uint64_t size;

		BUG_IF(!message_section_parse(pool, cv_span_of(names[i]),
					      &section));
		if (message_section_open(pool, stream_open_memory(pool, all),
					 tree, &section, &stream, &size,
					 NULL) == CV_OK)
			check_stream(pool, stream, size);
		pool_destroy(&pool);
	}
	for (uint32_t i = 0; i < tree->count && i < 20; i++) {
		struct cv_pool *pool = pool_create("part");
		struct cv_stream *stream;

		if (message_part_open_decoded(pool, stream_open_memory(pool,
					      all), tree, i, &stream, NULL) ==
		    CV_OK)
			check_stream(pool, stream, STREAM_SIZE_UNKNOWN);
		pool_destroy(&pool);
	}
}

/* Fields from the record are those of the message. */
static void check_fields(struct cv_span all, const struct mime_tree *tree,
			 const struct message_summary *sum)
{
	struct cv_pool *pool = pool_create("fields");
	struct message_section section;
	struct cv_stream *stream;
	struct cv_text kept, text;
	uint64_t size;

	cv_text_init(&kept, pool);
	cv_text_init(&text, pool);
	BUG_IF(!message_section_parse(pool, CV_SPAN(
		"HEADER.FIELDS (To Subject Content-Type)"), &section));
	BUG_IF(message_section_open(pool, stream_open_memory(pool, all), tree,
				    &section, &stream, &size, NULL) != CV_OK);
	BUG_IF(stream_read_all(stream, &text, SIZE_MAX, NULL) < 0);
	message_fields_select(&kept, sum->fields, section.fields,
			      section.field_count, false);
	BUG_IF((sum->flags & SUMMARY_FIELDS_CUT) == 0 &&
	       !cv_span_equal(cv_text_span(&text), cv_text_span(&kept)));
	pool_destroy(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_pool *pool = pool_create("fuzz");
	struct message_summary sum, again, read;
	struct cv_text record, other, body, made;
	const struct mime_tree *tree;
	struct mime_tree decoded;
	struct cv_span all;

	if (size == 0)
		goto out;
	all = cv_span((const char *)data + 1, size - 1);
	summarize(pool, all, all.len + 1, &sum, &tree);
	check_tree(tree, all.len);
	summarize(pool, all, data[0] + 1u, &again, NULL);
	cv_text_init(&record, pool);
	cv_text_init(&other, pool);
	message_summary_encode(&record, &sum);
	message_summary_encode(&other, &again);
	BUG_IF(!cv_span_equal(cv_text_span(&record), cv_text_span(&other)));
	BUG_IF(message_summary_decode(cv_text_span(&record), &read) != CV_OK);
	BUG_IF(mime_tree_decode(pool, read.tree, all.len, &decoded) != CV_OK);
	cv_text_init(&body, pool);
	cv_text_init(&made, pool);
	body_structure_append(&body, tree, false);
	BUG_IF(body_structure_to_body(&made, read.body_structure) != CV_OK);
	BUG_IF(!cv_span_equal(cv_text_span(&body), cv_text_span(&made)));
	check_sections(all, &decoded);
	check_fields(all, &decoded, &read);
out:
	pool_destroy(&pool);
	return 0;
}
