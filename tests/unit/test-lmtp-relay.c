/* test-lmtp-relay.c - what LMTP reads from other servers, and how it writes
 * messages for them. */
#include "lmtp-mock.h"
#include "cv-plugin.h"
#include "lmtp-relay.h"
#include "lmtp-xclient.h"
#include "stream/dot-reader.h"

#include <setjmp.h>
#include <cmocka.h>

static void answers_are_one_printable_line(void **state)
{
	static const struct { const char *line; int status; uint32_t code; }
	rows[] = {
		{ "250 2.0.0 OK", CV_OK, 250 }, { "250", CV_OK, 250 },
		{ "250-more", CV_NOT_FOUND, 250 }, { "354 ", CV_OK, 354 },
		{ "199 x", CV_E_SYNTAX, 0 }, { "600 x", CV_E_SYNTAX, 0 },
		{ "25", CV_E_SYNTAX, 0 }, { "", CV_E_SYNTAX, 0 },
		{ "250x", CV_E_SYNTAX, 0 }, { "OK", CV_E_SYNTAX, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lmtp_answer a = { 0 };

		assert_int_equal(lmtp_answer_line(&a,
			cv_span_of(rows[i].line)), rows[i].status);
		assert_int_equal(a.code, rows[i].code);
	}
}

static void an_answer_has_an_end(void **state)
{
	struct lmtp_answer a = { 0 };
	int status = CV_NOT_FOUND;
	uint32_t lines = 0;

	while (status == CV_NOT_FOUND && ++lines < 1000)
		status = lmtp_answer_line(&a, CV_SPAN("250-again"));
	assert_int_equal(status, CV_E_SYNTAX);
	assert_int_equal(lines, LMTP_ANSWER_LINES + 1);
}

static void replies_of_ours_have_a_status(void **state)
{
	static const struct { const char *line, *reply; } rows[] = {
		{ "250 2.1.5 OK", "250 2.1.5 OK" },
		{ "251 fine", "250 2.0.0 fine" },
		{ "250 5.1.1 odd", "250 2.0.0 5.1.1 odd" },
		{ "452 4.3.1", "452 4.3.1" },
		{ "552 5.2 full", "552 5.0.0 5.2 full" },
		{ "421 4.3.2 bye", "451 4.3.2 bye" },
		{ "354 4.3.2 go on", "451 4.0.0 4.3.2 go on" },
		{ "550 5.1.1 \001\r\n\377x", "550 5.1.1 ????x" },
		{ "550", "550 5.0.0 " },
	};
	struct cv_pool *pool = pool_create("test");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lmtp_answer a = { 0 };

		assert_int_equal(lmtp_answer_line(&a,
			cv_span_of(rows[i].line)), CV_OK);
		assert_string_equal(lmtp_answer_reply(&a, pool),
				    rows[i].reply);
	}
	pool_destroy(&pool);
}

static void long_text_is_cut(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct lmtp_answer a = { 0 };
	char line[2000];

	memset(line, 'x', sizeof(line));
	memcpy(line, "550 ", 4);
	assert_int_equal(lmtp_answer_line(&a, cv_span(line, sizeof(line))),
			 CV_OK);
	assert_int_equal(strlen(a.text), LMTP_ANSWER_TEXT - 1);
	pool_destroy(&pool);
}

/* All that is sent, taken in pieces of that size. */
static struct cv_span stuffed(struct cv_pool *pool, struct cv_span header,
			      struct cv_span content, size_t room)
{
	struct lmtp_stuffer s = {
		.parts = { header, content }, .line_start = true,
	};
	char *piece = pool_alloc(pool, room);
	struct cv_text out;
	size_t n;

	cv_text_init(&out, pool);
	while ((n = lmtp_stuffer_next(&s, piece, room)) > 0) {
		assert_true(n <= room);
		cv_text_append(&out, piece, n);
	}
	assert_true(s.ended);
	return cv_text_span(&out);
}

static void dots_and_line_ends(void **state)
{
	static const struct { const char *content, *sent; } rows[] = {
		{ "", ".\r\n" }, { ".", "..\r\n.\r\n" },
		{ "a", "a\r\n.\r\n" }, { "a\r\n", "a\r\n.\r\n" },
		{ "a\n.\nb", "a\r\n..\r\nb\r\n.\r\n" },
		{ "a\r\n.\r\n", "a\r\n..\r\n.\r\n" },
		{ "a\r", "a\r\n.\r\n" }, { "a\r.\r\n", "a\r.\r\n.\r\n" },
		{ "\n", "\r\n.\r\n" }, { "\n\n", "\r\n\r\n.\r\n" },
		{ "..\r\n...", "...\r\n....\r\n.\r\n" },
	};
	struct cv_pool *pool = pool_create("test");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t room = 8; room < 40; room++) {
			struct cv_span sent = stuffed(pool, CV_SPAN(""),
				cv_span_of(rows[i].content), room);

			assert_true(cv_span_is(sent, rows[i].sent));
		}
	}
	pool_destroy(&pool);
}

/* Our own reader gets back what was given, whatever the pieces. */
static void what_is_sent_is_what_was_given(void **state)
{
	const struct cv_span header = CV_SPAN("Received: x\r\n");
	const char alphabet[] = { '.', '\r', '\n', 'a' };
	struct cv_pool *pool = pool_create("test");

	for (uint32_t n = 0; n < 4096; n++) {
		struct cv_span sent, data, content;
		struct dot_reader dots;
		struct cv_text back;
		char text[6];
		int status = CV_OK;

		for (int i = 0; i < 6; i++)
			text[i] = alphabet[n >> (2 * i) & 3];
		sent = data = stuffed(pool, header, cv_span(text, 6), 8);
		dot_reader_init(&dots);
		cv_text_init(&back, pool);
		while (data.len > 0 && status == CV_OK) {
			content = CV_SPAN_NONE;
			status = dot_reader_next(&dots, &data, &content);
			cv_text_append_span(&back, content);
		}
		assert_int_equal(status, CV_EOF);
		assert_int_equal(data.len, 0);
		assert_true(cv_span_begins(cv_text_span(&back), header));
		assert_non_null(sent.data);
	}
	pool_destroy(&pool);
}

static void announced_names(void **state)
{
	assert_int_equal(lmtp_xclient_names(cv_span_of(NULL)), 0);
	assert_int_equal(lmtp_xclient_names(CV_SPAN("NAME addr PORT  X")),
			 LMTP_XCLIENT_ADDR | LMTP_XCLIENT_PORT);
	assert_int_equal(lmtp_xclient_names(
		cv_span_of(lmtp_xclient_announced)), 63);
}

/* The plugin is given its host. */
static int begin(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct lmtp_mock_result result;

	lmtp_mock_run(pool, CV_SPAN("QUIT\r\n"), 0, &result);
	pool_destroy(&pool);
	return result.status;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_one_printable_line),
		cmocka_unit_test(an_answer_has_an_end),
		cmocka_unit_test(replies_of_ours_have_a_status),
		cmocka_unit_test(long_text_is_cut),
		cmocka_unit_test(dots_and_line_ends),
		cmocka_unit_test(what_is_sent_is_what_was_given),
		cmocka_unit_test(announced_names),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
