/* test-utf7.c - mailbox names in modified UTF-7 [RFC3501 5.1.3]. */
#include "base.h"

#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

static struct cv_pool *pool;

/* Decodes a copy that ends where it ends: a read behind it is seen by the
 * sanitizer. */
static bool decode(struct cv_text *dst, struct cv_span src)
{
	char *copy = malloc(src.len == 0 ? 1 : src.len);
	bool valid;

	assert_non_null(copy);
	memcpy(copy, src.data, src.len);
	valid = utf7_decode(dst, cv_span(copy, src.len));
	free(copy);
	return valid;
}

static const struct { const char *utf7, *utf8; } pairs[] = {
	{ "", "" },
	{ "INBOX", "INBOX" }, { "a&-b", "a&b" },
	{ "&-&-", "&&" },
	/* [RFC3501 5.1.3] */
	{ "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
	  "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/"
	  "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e" },
	{ "&AOQA9gD8-", "\xc3\xa4\xc3\xb6\xc3\xbc" },
	{ "f&APw-r", "f\xc3\xbcr" },
	{ "&2D3eAA-", "\xf0\x9f\x98\x80" },
	{ "x&2D3eAA-y", "x\xf0\x9f\x98\x80y" },
	{ "&AIA-&-&AIA-", "\xc2\x80&\xc2\x80" },
	{ "&2,,f,w-", "\xf4\x8f\xbf\xbf" },
};

static void names_go_both_ways(void **state)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct cv_text text;

		cv_text_init(&text, pool);
		assert_true(decode(&text, cv_span_of(pairs[i].utf7)));
		assert_string_equal(cv_text_str(&text), pairs[i].utf8);
		cv_text_reset(&text);
		utf7_encode(&text, cv_span_of(pairs[i].utf8));
		assert_string_equal(cv_text_str(&text), pairs[i].utf7);
	}
}

/* A name that is cut inside "&...-" is none; elsewhere it is the beginning of
 * the whole. */
static void a_name_may_be_cut_anywhere(void **state)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct cv_span all = cv_span_of(pairs[i].utf7);
		bool shifted = false;

		for (size_t len = 0; len <= all.len; len++) {
			struct cv_text text, back;

			if (len > 0 && all.data[len - 1] == '&')
				shifted = true;
			else if (len > 0 && all.data[len - 1] == '-')
				shifted = false;
			cv_text_init(&text, pool);
			assert_int_equal(decode(&text, cv_span(all.data,
							       len)),
					 !shifted);
			if (shifted)
				continue;
			assert_memory_equal(cv_text_str(&text),
					    pairs[i].utf8, text.len);
			cv_text_init(&back, pool);
			utf7_encode(&back, cv_text_span(&text));
			assert_int_equal(back.len, len);
			assert_memory_equal(cv_text_str(&back), all.data,
					    len);
		}
	}
}

static void two_spellings_do_not_name_one_mailbox(void **state)
{
	static const char *const wrong[] = {
		"&", "&A", "&AA-", "&AAA-", "&AOQ", "a&AOQ-&APY-",
		"&AGE-",		/* "a" */
		"&AAo-",		/* LF */
		"&AH8-",		/* DEL */
		"&AOR-",		/* stray bits */
		"&AOQA-", "&2D0-", "&3gA-", "&2D0AQQ-",
		"&2D3YPQ-",		/* two first halves */
		"\xc3\xa4", "a\x01", "a\x7f", "&AO Q-", "&AO=Q-", "&AO/Q-",
	};
	struct cv_text text;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cv_text_init(&text, pool);
		assert_false(decode(&text, cv_span_of(wrong[i])));
	}
	cv_text_init(&text, pool);
	assert_false(decode(&text, CV_SPAN("a\0b")));
	assert_false(decode(&text, CV_SPAN("&AO\0Q-")));
	/* each name that decodes encodes to itself */
	for (int i = 0; i < 200000; i++) {
		static const char letters[] = "&&AaOQ9z,+-/";
		struct cv_text back;
		unsigned char random[8];
		char name[8];

		random_bytes(random, sizeof(random));
		for (int k = 0; k < 8; k++)
			name[k] = letters[random[k] % (sizeof(letters) - 1)];
		pool_reset(pool);
		cv_text_init(&text, pool);
		if (!utf7_decode(&text, cv_span(name, 8)))
			continue;
		cv_text_init(&back, pool);
		utf7_encode(&back, cv_text_span(&text));
		assert_true(cv_span_equal(cv_text_span(&back),
					  cv_span(name, 8)));
	}
}

static void wrong_utf8_is_replaced(void **state)
{
	static const char *const wrong[] = {
		"\xff", "\x80", "\xc0", "\xc3", "\xf5",
	};
	struct cv_text text;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cv_text_init(&text, pool);
		utf7_encode(&text, cv_span_of(wrong[i]));
		assert_string_equal(cv_text_str(&text), "&,,0-");
	}
}

static int setup(void **state)
{
	pool = pool_create("test");
	return 0;
}

static int teardown(void **state)
{
	pool_destroy(&pool);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_go_both_ways),
		cmocka_unit_test(a_name_may_be_cut_anywhere),
		cmocka_unit_test(two_spellings_do_not_name_one_mailbox),
		cmocka_unit_test(wrong_utf8_is_replaced),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
