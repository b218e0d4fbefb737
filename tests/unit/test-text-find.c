/* test-text-find.c - collations [RFC5051], and texts in texts: whole and cut
 * at each place. */
#include "base.h"
#include "message/text-find.h"

#include <setjmp.h>
#include <cmocka.h>

static void forms_are_those_of_the_collation(void **state)
{
	static const struct { enum casemap map; const char *in, *out; } t[] = {
		{ CASEMAP_UNICODE, "abcxyz{`ABC 09", "ABCXYZ{`ABC 09" },
		/* the example of the RFC: U+01C4 */
		{ CASEMAP_UNICODE, "\u01c4", "Dz\u030c" },
		{ CASEMAP_UNICODE, "\u00e9", "E\u0301" },
		{ CASEMAP_UNICODE, "\u212a", "K" },
		{ CASEMAP_UNICODE, "\u00df", "\u00df" },
		{ CASEMAP_UNICODE, "\u03c3\u03c2", "\u03a3\u03a3" },
		{ CASEMAP_UNICODE, "\ufb01x", "fiX" },
		{ CASEMAP_UNICODE, "a\xff z", "A\xff Z" },
		{ CASEMAP_ASCII, "a\u00e9z", "A\u00e9Z" },
		{ CASEMAP_OCTET, "aZ\u00e9", "aZ\u00e9" },
		{ CASEMAP_UNICODE, "", "" },
	};
	struct cv_pool *pool = pool_create("test");

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct cv_text text;

		cv_text_init(&text, pool);
		casemap_append(&text, t[i].map, cv_span_of(t[i].in));
		assert_string_equal(cv_text_str(&text), t[i].out);
	}
	pool_destroy(&pool);
}

static const struct { const char *needle, *text; bool found; } finds[] = {
	{ "", "", true }, { "", "x", true }, { "x", "", false },
	{ "fox", "the quick brown FOX jumps over the lazy dog", true },
	{ "FOX", "the quick brown fox jumps over the lazy dog", true },
	{ "dog", "the quick brown fox jumps over the lazy dog", true },
	{ "the", "the quick brown fox jumps over the lazy dog", true },
	{ "foxy", "the quick brown fox jumps over the lazy dog", false },
	{ "lazy dogs", "the quick brown fox jumps over the lazy dog", false },
	{ "cafe", "un CAF\u00c9 noir, et beaucoup de texte derriere", true },
	{ "caf\u00e9", "un CAF\u00c9 noir, et beaucoup de texte", true },
	{ "caf\u00e9", "un cafe noir, et beaucoup de texte", false },
	{ "k", "273 \u212a", true },
	{ "\u212a", "a kelvin that is written with ASCII", true },
	{ "\u03bf\u03b4\u03cc\u03c2", "\u0397 \u039f\u0394\u038c\u03a3", true },
	{ "e\u0301", "\u00e9", true },
	{ "one\r\ntwo", "zero\none\ntwo\nthree", true },
	{ "one\ntwo", "zero\r\none\r\ntwo\r\nthree", true },
	{ "one\ntwo", "zero\r\none\r\n two\r\nthree", false },
	{ "aaab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", true },
	{ "\xff\xfe", "bytes that are \xff\xfe no text", true },
	{ "@[`{", "ascii that differs by 32 only: `{@[", false },
};

static void texts_are_found(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct cv_text scratch;

	cv_text_init(&scratch, pool);
	for (size_t i = 0; i < sizeof(finds) / sizeof(finds[0]); i++) {
		struct text_needle needle;

		text_needle_init(&needle, pool, CASEMAP_UNICODE,
				 cv_span_of(finds[i].needle));
		if (text_contains(&needle, cv_span_of(finds[i].text),
				  &scratch) != finds[i].found)
			fail_msg("'%s' in '%s'", finds[i].needle,
				 finds[i].text);
	}
	pool_destroy(&pool);
}

static void texts_are_found_in_pieces(void **state)
{
	struct cv_pool *pool = pool_create("test");

	for (size_t i = 0; i < sizeof(finds) / sizeof(finds[0]); i++) {
		struct cv_span text = cv_span_of(finds[i].text);
		struct text_needle needle;

		text_needle_init(&needle, pool, CASEMAP_UNICODE,
				 cv_span_of(finds[i].needle));
		for (size_t cut = 0; cut <= text.len; cut++) {
			struct text_finder halves, bytes;

			text_finder_init(&halves, &needle, pool);
			text_finder_add(&halves, cv_span(text.data, cut));
			text_finder_add(&halves, cv_span_skip(text, cut));
			assert_int_equal(halves.found, finds[i].found);
			text_finder_init(&bytes, &needle, pool);
			for (size_t k = 0; k < text.len; k++)
				text_finder_add(&bytes, cv_span(
					text.data + k, 1));
			assert_int_equal(bytes.found, finds[i].found);
		}
	}
	pool_destroy(&pool);
}

/* Against the plain way, over all short texts of a few characters. */
static void finding_agrees_with_the_form(void **state)
{
	static const char *const parts[] = { "a", "B", "\u00e9", "e", "\u0301" };
	struct cv_pool *pool = pool_create("test");

	for (uint32_t n = 0; n < 20000; n++) {
		struct cv_text text, word, form, scratch;
		struct text_needle needle;
		uint32_t bits = n * 2654435761u;
		bool want;

		cv_text_init(&text, pool);
		cv_text_init(&word, pool);
		cv_text_init(&form, pool);
		cv_text_init(&scratch, pool);
		for (uint32_t i = 0; i < n % 40; i++) {
			bits = bits * 1103515245u + 12345;
			cv_text_append_str(&text, parts[(bits >> 16) % 5]);
		}
		for (uint32_t i = 0; i < 1 + n % 4; i++) {
			bits = bits * 1103515245u + 12345;
			cv_text_append_str(&word, parts[(bits >> 16) % 5]);
		}
		text_needle_init(&needle, pool, CASEMAP_UNICODE,
				 cv_text_span(&word));
		casemap_append(&form, CASEMAP_UNICODE, cv_text_span(&text));
		want = strstr(cv_text_str(&form), needle.form.data) != NULL;
		assert_int_equal(text_contains(&needle, cv_text_span(&text),
					       &scratch), want);
		pool_reset(pool);
	}
	pool_destroy(&pool);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_are_those_of_the_collation),
		cmocka_unit_test(texts_are_found),
		cmocka_unit_test(texts_are_found_in_pieces),
		cmocka_unit_test(finding_agrees_with_the_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
