/* test-lmtp.c - the LMTP plugin: a conversation at every cut, end of data,
 * chunks. */
#include "lmtp-mock.h"

#include <setjmp.h>
#include <cmocka.h>

static const char conversation[] =
	"LHLO client\r\nMAIL FROM:<s@x> SIZE=30\r\nRCPT TO:<a@y>\r\n"
	"RCPT TO:<no@y>\r\nRCPT TO:<b@y>\r\nDATA\r\n"
	"Subject: x\r\n\r\n..dot\r\n.\r\n"
	"MAIL FROM:<>\r\nRCPT TO:<c>\r\nBDAT 3\r\nabcBDAT 4 LAST\r\n\r\n.\r"
	"NOOP\r\nQUIT\r\n";

static void every_piece_size_gives_the_same(void **state)
{
	struct cv_span input = cv_span_of(conversation);
	struct cv_pool *pool = pool_create("test");
	struct lmtp_mock_result whole, pieces;

	lmtp_mock_run(pool, input, 0, &whole);
	assert_int_equal(whole.status, CV_OK);
	assert_int_equal(whole.deliveries, 3);
	assert_memory_equal(whole.delivered.data,
		"Subject: x\r\n\r\n.dot\r\n\1Subject: x\r\n\r\n.dot\r\n\1"
		"abc\r\n.\r\1", whole.delivered.len);
	for (size_t piece = 1; piece < input.len; piece++) {
		lmtp_mock_run(pool, input, piece, &pieces);
		assert_true(cv_span_equal(cv_text_span(&whole.out),
					  cv_text_span(&pieces.out)));
		assert_true(cv_span_equal(cv_text_span(&whole.delivered),
					  cv_text_span(&pieces.delivered)));
	}
	pool_destroy(&pool);
}

static void cut_anywhere_delivers_only_what_was_complete(void **state)
{
	struct cv_span input = cv_span_of(conversation);
	struct cv_pool *pool = pool_create("test");
	struct lmtp_mock_result r;
	size_t end = (size_t)(strstr(conversation, "\r\n.\r\n") -
			      conversation) + 5;

	for (size_t cut = 0; cut <= input.len; cut++) {
		lmtp_mock_run(pool, cv_span(input.data, cut), 0, &r);
		if (cut < end)
			assert_int_equal(r.deliveries, 0);
		else
			assert_in_range(r.deliveries, 2, 3);
	}
	pool_destroy(&pool);
}

static void only_crlf_dot_crlf_ends(void **state)
{
	const struct cv_span ends[] = {
		CV_SPAN("\n.\n"), CV_SPAN("\n.\r\n"), CV_SPAN("\r.\r\n"),
		CV_SPAN("\r\n.\r"), CV_SPAN("\r\n.\n"),
		CV_SPAN("\r\n\0.\r\n"), CV_SPAN("\r.\r"),
	};
	struct cv_pool *pool = pool_create("test");

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct lmtp_mock_result r;
		struct cv_text input;

		cv_text_init(&input, pool);
		cv_text_append_str(&input, "LHLO x\r\nMAIL FROM:<s@x>\r\n"
				   "RCPT TO:<a@y>\r\nDATA\r\nbody");
		cv_text_append_span(&input, ends[i]);
		cv_text_append_str(&input, "MAIL FROM:<evil@x>\r\n"
			"RCPT TO:<b@y>\r\nDATA\r\nsmuggled\r\n.\r\n");
		lmtp_mock_run(pool, cv_text_span(&input), 0, &r);
		assert_int_equal(r.deliveries, 1);
	}
	pool_destroy(&pool);
}

static void header_fields_cannot_be_injected(void **state)
{
	static const char *const bad[] = {
		"MAIL FROM:<a\rX: y@z>\r\n", "MAIL FROM:<\"a\nb\"@z>\r\n",
		"MAIL FROM:<a@z\tb>\r\n", "LHLO a\rX: y\r\n",
	};
	struct cv_pool *pool = pool_create("test");

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct lmtp_mock_result r;
		struct cv_text input;

		cv_text_init(&input, pool);
		cv_text_append_f(&input, "LHLO x\r\n%sRCPT TO:<a>\r\nDATA\r\n",
				 bad[i]);
		lmtp_mock_run(pool, cv_text_span(&input), 0, &r);
		assert_null(strstr(cv_text_str(&r.out), "354"));
	}
	pool_destroy(&pool);
}

/* The session begins anew, and the last word of a proxy is the one that
 * counts. */
static void xclient_begins_anew(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct lmtp_mock_result r;

	lmtp_mock_run(pool, CV_SPAN("LHLO p\r\nXCLIENT X\r\nNOOP\r\n"), 0, &r);
	assert_null(strstr(cv_text_str(&r.out), "250-XCLIENT"));
	assert_non_null(strstr(cv_text_str(&r.out), "550 5.7.0"));
	assert_non_null(strstr(cv_text_str(&r.out), "250 2.0.0"));
	lmtp_mock_is_proxy = true;
	lmtp_mock_run(pool, CV_SPAN("LHLO p\r\n"), 0, &r);
	assert_non_null(strstr(cv_text_str(&r.out), "250-XCLIENT ADDR "));
	lmtp_mock_run(pool, CV_SPAN("XCLIENT ADDR=192.0.2.7\r\nNOOP\r\n"),
		      0, &r);
	assert_non_null(strstr(cv_text_str(&r.out), "501 5.5.4 Data after"));
	assert_null(strstr(cv_text_str(&r.out), "250"));
	lmtp_mock_run(pool, CV_SPAN("LHLO p\r\nMAIL FROM:<s@x>\r\nRSET\r\n"
		"XCLIENT ADDR=192.0.2.7 LOGIN=a+40b\r\nMAIL FROM:<s@x>\r\n"),
		      1, &r);
	assert_non_null(strstr(cv_text_str(&r.out), "\r\n220 host "));
	assert_non_null(strstr(cv_text_str(&r.out), "503 5.5.1 LHLO first"));
	lmtp_mock_is_proxy = false;
	pool_destroy(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_piece_size_gives_the_same),
		cmocka_unit_test(cut_anywhere_delivers_only_what_was_complete),
		cmocka_unit_test(only_crlf_dot_crlf_ends),
		cmocka_unit_test(header_fields_cannot_be_injected),
		cmocka_unit_test(xclient_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
