/* fuzz-imap-parser.c - the command parser: any bytes, cut anywhere, give the
 * same; limits hold. */
#include "imap-mock.h"
#include "imap-parser.h"

static const struct imap_parser_limits limits = {
	.line_max = 2000, .literal_max = 500, .tokens_max = 100,
	.depth_max = 5, .nonsync_max = 300,
};

static void note(struct cv_text *out, const struct imap_parser *p, int result)
{
	cv_text_append_f(out, "%d %s\n", result,
			 p->error == NULL ? "" : p->error);
	if (result != IMAP_PARSE_DONE)
		return;
	BUG_IF(p->arg_count > limits.tokens_max);
	BUG_IF(p->line.len > limits.line_max);
	BUG_IF(p->data.len > limits.literal_max + limits.line_max);
	cv_text_append_span(out, imap_parser_tag(p));
	cv_text_append_span(out, imap_parser_verb(p));
	for (uint32_t i = 0; i < p->arg_count; i++) {
		const struct imap_arg *arg = &p->args[i];

		BUG_IF(arg->type == IMAP_LIST &&
		       (arg->end <= i || arg->end > p->arg_count));
		BUG_IF(arg->text.len > 0 &&
		       memchr(arg->text.data, '\0', arg->text.len) != NULL);
		cv_text_append_f(out, "%d", arg->type);
		cv_text_append_span(out, arg->text);
	}
}

static void run(struct cv_pool *pool, const char *data, size_t size,
		size_t step, struct cv_text *out)
{
	struct imap_parser p;
	size_t at = 0, limit = step < size ? step : size;

	imap_parser_init(&p, pool, &limits);
	while (at < size) {
		size_t used;
		int result;

		if (at == limit)
			limit = size - limit < step ? size : limit + step;
		result = (int)imap_parser_feed(&p,
			cv_span(data + at, limit - at), &used);
		BUG_IF(used > limit - at);
		BUG_IF(result == IMAP_PARSE_MORE && used != limit - at);
		at += used;
		if (result == IMAP_PARSE_VERB)
			p.stream_from = cv_span_is(imap_parser_verb(&p), "S") ?
				1 : UINT32_MAX;
		if (result == IMAP_PARSE_STREAM) {
			size_t left = size - at;

			note(out, &p, result);
			if (p.literal_size > left)
				return;
			at += (size_t)p.literal_size;
			if (limit < at)
				limit = at;
			imap_parser_stream_done(&p);
		} else if (result >= IMAP_PARSE_DONE) {
			note(out, &p, result);
			imap_parser_reset(&p);
			if (result == IMAP_PARSE_FATAL)
				return;
		}
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	mock_init();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_pool *pool = pool_create("fuzz");
	struct cv_text whole, pieces;

	if (size > 10000)
		size = 10000;
	cv_text_init(&whole, pool);
	cv_text_init(&pieces, pool);
	run(pool, (const char *)data, size, size + 1, &whole);
	run(pool, (const char *)data, size,
	    size > 0 ? 1 + data[0] % 7u : 1, &pieces);
	BUG_IF(!cv_span_equal(cv_text_span(&whole), cv_text_span(&pieces)));
	pool_destroy(&pool);
	return 0;
}
