/* fuzz-html-text.c - HTML to text: the same however it is cut, UTF-8 in gives
 * UTF-8 out, and no more of it than the input allows. */
#include "base.h"
#include "message/html-text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct cv_pool *pool, struct cv_span html,
		  enum html_text_form form)
{
	struct html_text h;
	struct cv_text whole, pieces;

	cv_text_init(&whole, pool);
	cv_text_init(&pieces, pool);
	html_to_text(&whole, html, form);
	html_text_init(&h, form);
	for (size_t at = 0, n = 1; at < html.len; at += n, n = n % 7 + 1)
		html_text_add(&h, cv_span(html.data + at, n < html.len - at ?
					  n : html.len - at), &pieces);
	html_text_finish(&h, &pieces);
	BUG_IF(!cv_span_equal(cv_text_span(&whole), cv_text_span(&pieces)));
	BUG_IF(utf8_is_valid(html.data, html.len) &&
	       !utf8_is_valid(cv_text_str(&whole), whole.len));
	BUG_IF(memchr(cv_text_str(&whole), '\0', whole.len) != NULL);
	BUG_IF(whole.len > 16 * html.len + 16);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_pool *pool = pool_create("fuzz");
	struct cv_span html = cv_span((const char *)data, size);

	check(pool, html, HTML_TEXT_WORDS);
	check(pool, html, HTML_TEXT_LAYOUT);
	pool_destroy(&pool);
	return 0;
}
