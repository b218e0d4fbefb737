/* test-binary-encoder.c - messages with binary parts become storable ones,
 * whatever the pieces they come in. */
#include "base.h"
#include "message/binary-encoder.h"

#include <setjmp.h>
#include <cmocka.h>

static const struct { const char *name; struct cv_span in, out; } cases[] = {
	{ "nothing", CV_SPAN(""), CV_SPAN("") },
	{ "no MIME", CV_SPAN("A: b\r\n\r\nbody\r\n"),
	  CV_SPAN("A: b\r\n\r\nbody\r\n") },
	{ "header only", CV_SPAN("A: b\r\nContent-Transfer-Encoding: 7bit"),
	  CV_SPAN("A: b\r\nContent-Transfer-Encoding: 7bit") },
	{ "a binary message", CV_SPAN(
		"A: b\r\nContent-Type: x/y\r\ncontent-transfer-encoding:"
		" BINARY\r\n (so it is)\r\nC: d\r\n\r\nab\0\r\n\xff\n"),
	  CV_SPAN("A: b\r\nContent-Type: x/y\r\nContent-Transfer-Encoding: "
		"base64\r\nC: d\r\n\r\nYWIADQr/Cg==\r\n") },
	{ "a binary part", CV_SPAN(
		"Content-Type: multipart/mixed; boundary=\"b\"\r\n"
		"Content-Transfer-Encoding: binary\r\n\r\npre\r\n--b\r\n"
		"Content-Type: a/b\r\nContent-Transfer-Encoding: binary\r\n"
		"\r\n\0\0\0\r\n--b\r\n\r\ntext\r\n--b--\r\npost\r\n"),
	  CV_SPAN("Content-Type: multipart/mixed; boundary=\"b\"\r\n"
		"Content-Transfer-Encoding: 8bit\r\n\r\npre\r\n--b\r\n"
		"Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n"
		"\r\nAAAA\r\n--b\r\n\r\ntext\r\n--b--\r\npost\r\n") },
	{ "line ends before a delimiter are of the content but for the last",
	  CV_SPAN("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
		"Content-Transfer-Encoding: binary\r\n\r\nab\r\n\r\n--b--"),
	  CV_SPAN("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\nYWINCg==\r\n"
		"--b--") },
	{ "an empty part", CV_SPAN(
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
		"Content-Transfer-Encoding: binary\r\n\r\n--b--\r\n"),
	  CV_SPAN("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n--b--\r\n") },
	{ "a message in a message", CV_SPAN(
		"Content-Type: message/rfc822\r\n"
		"Content-Transfer-Encoding: binary\r\n\r\n"
		"Content-Type: a/b\r\nContent-Transfer-Encoding: binary\r\n"
		"\r\nx\0"),
	  CV_SPAN("Content-Type: message/rfc822\r\n"
		"Content-Transfer-Encoding: 8bit\r\n\r\n"
		"Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n"
		"\r\neAA=\r\n") },
	{ "a digest", CV_SPAN(
		"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n"
		"Content-Transfer-Encoding: binary\r\n\r\n\0\r\n--b--\r\n"),
	  CV_SPAN("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n"
		"\r\nContent-Transfer-Encoding: base64\r\n\r\nAA==\r\n"
		"--b--\r\n") },
	{ "inner and outer delimiters", CV_SPAN(
		"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n"
		"Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n"
		"Content-Transfer-Encoding: binary\r\n\r\nx\r\n--o\r\n"
		"Content-Transfer-Encoding: binary\r\n\r\ny\r\n--i\r\nz\r\n"
		"--o--\r\n"),
	  CV_SPAN("Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n"
		"Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\neA==\r\n--o\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\neQ0KLS1pDQp6\r\n"
		"--o--\r\n") },
	{ "nothing is encoded twice", CV_SPAN(
		"Content-Transfer-Encoding: base64\r\n\r\nYQ==\r\n"),
	  CV_SPAN("Content-Transfer-Encoding: base64\r\n\r\nYQ==\r\n") },
	{ "lines of base64 have 76 characters", CV_SPAN(
		"Content-Transfer-Encoding: binary\r\n\r\n"
		"0123456789012345678901234567890123456789012345678901234567"),
	  CV_SPAN("Content-Transfer-Encoding: base64\r\n\r\n"
		"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0"
		"NTY3ODkwMTIzNDU2\r\nNw==\r\n") },
};

static int encode(struct cv_pool *pool, struct cv_span in, size_t cut,
		  struct cv_text *out)
{
	struct binary_encoder *e = binary_encoder_create(pool);
	int ret = CV_OK;

	cv_text_init(out, pool);
	while (in.len > 0 && ret == CV_OK) {
		size_t n = cut < in.len ? cut : in.len;

		ret = binary_encoder_feed(e, cv_span(in.data, n), out, NULL);
		in = cv_span_skip(in, n);
	}
	return ret < 0 ? ret : binary_encoder_finish(e, out, NULL);
}

static void parts_are_encoded_however_they_come(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t cut = 1; cut <= cases[i].in.len + 1; cut++) {
			struct cv_pool *pool = pool_create("test");
			struct cv_text out;

			assert_int_equal(encode(pool, cases[i].in, cut, &out),
					 CV_OK);
			if (!cv_span_equal(cv_text_span(&out), cases[i].out))
				fail_msg("%s, pieces of %zu: %.*s",
					 cases[i].name, cut, (int)out.len,
					 out.data);
			pool_destroy(&pool);
		}
	}
}

static void nul_is_refused_elsewhere(void **state)
{
	static const struct cv_span t[] = {
		CV_SPAN("A: \0\r\n\r\n"), CV_SPAN("A: b\r\n\r\n\0"),
		CV_SPAN("Content-Type: multipart/mixed; boundary=b\r\n\r\n\0"
			"\r\n--b\r\n\r\n--b--"),
		CV_SPAN("Content-Type: multipart/mixed; boundary=b\r\n\r\n"
			"--b\0\r\n\r\nx\r\n--b--"),
		CV_SPAN("Content-Transfer-Encoding: 8bit\r\n\r\nx\0"),
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		for (size_t cut = 1; cut <= t[i].len; cut++) {
			struct cv_pool *pool = pool_create("test");
			struct cv_text out;

			assert_int_equal(encode(pool, t[i], cut, &out),
					 CV_E_SYNTAX);
			pool_destroy(&pool);
		}
	}
}

/* A line of a megabyte, without and with what looks like a delimiter. */
static void long_lines_need_no_memory(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct binary_encoder *e = binary_encoder_create(pool);
	struct cv_text out;
	char chunk[1000];

	cv_text_init(&out, pool);
	memset(chunk, 'x', sizeof(chunk));
	assert_int_equal(binary_encoder_feed(e, CV_SPAN(
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
		"Content-Transfer-Encoding: binary\r\n\r\n"), &out, NULL),
		CV_OK);
	for (int i = 0; i < 1000; i++) {
		cv_text_reset(&out);
		assert_int_equal(binary_encoder_feed(e, cv_span(chunk,
			sizeof(chunk)), &out, NULL), CV_OK);
		assert_true(out.len < 8192);
	}
	cv_text_reset(&out);
	assert_int_equal(binary_encoder_feed(e, CV_SPAN("\r\n--b"), &out,
					     NULL), CV_OK);
	for (int i = 0; i < 10; i++) {
		int ret = binary_encoder_feed(e, cv_span(chunk,
			sizeof(chunk)), &out, NULL);

		if (ret == CV_OK)
			continue;
		assert_int_equal(ret, CV_E_LIMIT);
		assert_true(i >= 3);
		pool_destroy(&pool);
		return;
	}
	fail();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_encoded_however_they_come),
		cmocka_unit_test(nul_is_refused_elsewhere),
		cmocka_unit_test(long_lines_need_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
