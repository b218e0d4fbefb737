/* fuzz-encoded-word.c - encoded-words and charsets: what comes out is UTF-8,
 * one line, and of bounded size; what is encoded decodes to itself. */
#include "base.h"
#include "message/charset.h"
#include "message/encoded-word.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round(struct cv_pool *pool, const struct cv_text *text)
{
	struct cv_text encoded, again;

	cv_text_init(&encoded, pool);
	cv_text_init(&again, pool);
	header_encode(&encoded, cv_span(cv_text_str(text), text->len), 9);
	header_decode(&again, cv_span(cv_text_str(&encoded), encoded.len));
	BUG_IF(again.len != text->len ||
	       memcmp(cv_text_str(&again), cv_text_str(text), text->len) != 0);
}

/* "charset NUL bytes", in one piece and in two. */
static void check_charset(struct cv_pool *pool, struct cv_span value)
{
	struct cv_span charset;
	struct charset_decoder *d;
	struct cv_text whole, pieces;
	bool known;

	if (!cv_span_split(&value, '\0', &charset) || value.data == NULL)
		return;
	cv_text_init(&whole, pool);
	cv_text_init(&pieces, pool);
	(void)charset_to_utf8(&whole, charset, value);
	BUG_IF(!utf8_is_valid(cv_text_str(&whole), whole.len));
	d = charset_decoder_create(pool, charset, &known);
	charset_decoder_add(d, cv_span(value.data, value.len / 2), false,
			    &pieces);
	charset_decoder_add(d, cv_span_skip(value, value.len / 2), true,
			    &pieces);
	BUG_IF(!utf8_is_valid(cv_text_str(&pieces), pieces.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cv_pool *pool = pool_create("fuzz");
	struct cv_span value = cv_span((const char *)data, size);
	struct cv_text text;

	cv_text_init(&text, pool);
	header_decode(&text, value);
	BUG_IF(!utf8_is_valid(cv_text_str(&text), text.len));
	BUG_IF(text.len > 16 * size);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		BUG_IF((c < ' ' && c != '\t') || c == 0x7f);
	}
	check_round(pool, &text);
	check_charset(pool, value);
	pool_destroy(&pool);
	return 0;
}
