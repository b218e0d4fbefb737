/* test-stream.c - core/stream: every kind read whole, in pieces, after seeks,
 * over sources that give one byte at a time. */
#include "base.h"
#include "stream/dot-reader.h"
#include "stream/stream-private.h"

#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* --- a source that gives at most chunk bytes at a time ------------------ */

struct slow_stream {
	struct cv_stream stream;
	struct cv_span all;
	size_t chunk;
};

static int slow_fill(struct cv_stream *s, struct cv_error *err)
{
	struct slow_stream *slow = (struct slow_stream *)s;
	size_t left = slow->all.len - (size_t)s->offset;

	if (left == 0)
		return CV_EOF;
	s->window = cv_span(slow->all.data + s->offset,
			    left < slow->chunk ? left : slow->chunk);
	return CV_OK;
}

static int slow_seek(struct cv_stream *s, uint64_t offset,
		     struct cv_error *err)
{
	struct slow_stream *slow = (struct slow_stream *)s;

	s->offset = offset < slow->all.len ? offset : slow->all.len;
	return CV_OK;
}

static struct cv_stream *slow_open(struct cv_pool *pool, const char *data,
				   size_t len, size_t chunk)
{
	static const struct stream_ops ops = {
		.fill = slow_fill, .seek = slow_seek,
	};
	struct slow_stream *slow = pool_new(pool, struct slow_stream);

	stream_init(&slow->stream, &ops, pool);
	slow->all = cv_span(data, len);
	slow->chunk = chunk;
	return &slow->stream;
}

static void assert_reads(struct cv_stream *s, const char *expected,
			 size_t len)
{
	struct cv_text text;
	struct cv_error err = ERROR_NONE;

	cv_text_init(&text, s->pool);
	assert_int_equal(stream_read_all(s, &text, 1 << 24, &err), CV_OK);
	assert_int_equal(text.len, len);
	assert_memory_equal(cv_text_str(&text), expected, len);
}

/* Reads whole; then from each offset; then its size. */
static void assert_stream(struct cv_stream *s, const char *expected)
{
	size_t len = strlen(expected);
	uint64_t size;

	assert_reads(s, expected, len);
	for (size_t i = 0; i <= len; i++) {
		assert_int_equal(stream_seek(s, i, NULL), CV_OK);
		assert_reads(s, expected + i, len - i);
		/* forward, too, by half of what is left */
		assert_int_equal(stream_seek(s, i / 2, NULL), CV_OK);
		assert_int_equal(stream_seek(s, (i / 2 + len) / 2, NULL),
				 CV_OK);
		assert_reads(s, expected + (i / 2 + len) / 2,
			     len - (i / 2 + len) / 2);
	}
	assert_int_equal(stream_seek(s, len > 2 ? 2 : 0, NULL), CV_OK);
	assert_int_equal(stream_size(s, &size, NULL), CV_OK);
	assert_int_equal(size, len);
	assert_int_equal(stream_offset(s), len > 2 ? 2 : 0);
	assert_int_equal(stream_seek(s, len + 10, NULL), CV_OK);
	assert_reads(s, "", 0);
}

typedef struct cv_stream *open_fn(struct cv_pool *pool,
				  struct cv_stream *parent);

static void assert_filter(open_fn *open_filter, const char *in,
			  const char *out)
{
	for (size_t chunk = 1; chunk <= strlen(in) + 1; chunk++) {
		struct cv_pool *pool = pool_create("test");

		assert_stream(open_filter(pool, slow_open(pool, in,
							  strlen(in), chunk)),
			      out);
		pool_destroy(&pool);
	}
}

static void memory_reads_and_seeks(void **state)
{
	struct cv_pool *pool = pool_create("test");

	assert_stream(stream_open_memory(pool, CV_SPAN("hello world")),
		      "hello world");
	assert_stream(stream_open_memory(pool, CV_SPAN("")), "");
	pool_destroy(&pool);
}

static int temporary_file(const char *data, size_t len)
{
	char name[] = "/tmp/culver-test-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(write(fd, data, len), len);
	return fd;
}

static void file_reads_a_range_and_tells_it(void **state)
{
	struct cv_pool *pool = pool_create("test");
	int fd = temporary_file("0123456789", 10), got;
	struct cv_stream *s, *part;
	uint64_t offset, len;

	s = stream_open_file(pool, fd, 2, 7, true, "x");
	assert_stream(s, "2345678");
	part = stream_open_range(pool, s, 3, 100);
	assert_stream(part, "5678");
	assert_int_equal(stream_seek(part, 1, NULL), CV_OK);
	assert_true(stream_get_file(part, &got, &offset, &len));
	assert_int_equal(got, fd);
	assert_int_equal(offset, 6);
	assert_int_equal(len, 3);
	pool_destroy(&pool);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void file_that_is_too_short_fails(void **state)
{
	struct cv_pool *pool = pool_create("test");
	int fd = temporary_file("0123456789", 10);
	struct cv_stream *s = stream_open_file(pool, fd, 0, 11, true, "x");
	struct cv_error err = ERROR_NONE;
	struct cv_text text;

	cv_text_init(&text, pool);
	assert_int_equal(stream_read_all(s, &text, 100, &err), CV_E_TEMP);
	assert_non_null(strstr(err.text, "shorter"));
	pool_destroy(&pool);
}

static void large_file_is_read_through_its_window(void **state)
{
	struct cv_pool *pool = pool_create("test");
	size_t len = 3 * STREAM_WINDOW + 17;
	char *data = malloc(len);
	struct cv_stream *s, *a, *b, *both;
	int fd;

	for (size_t i = 0; i < len; i++)
		data[i] = (char)('a' + i * 7 % 23);
	fd = temporary_file(data, len);
	s = stream_open_file(pool, fd, 0, len, true, "x");
	assert_reads(s, data, len);
	/* two views of one file, read in turn */
	a = stream_open_range(pool, s, 0, 10);
	b = stream_open_range(pool, s, 2 * STREAM_WINDOW, 10);
	both = stream_open_concat(pool, (struct cv_stream *[]){ b, a }, 2);
	for (int i = 0; i < 3; i++) {
		struct cv_span in;

		assert_int_equal(stream_seek(a, 0, NULL), CV_OK);
		assert_int_equal(stream_read(a, &in, NULL), CV_OK);
		stream_skip(a, 5);
		assert_int_equal(stream_seek(both, 3, NULL), CV_OK);
		assert_int_equal(stream_read(both, &in, NULL), CV_OK);
		assert_memory_equal(in.data, data + 2 * STREAM_WINDOW + 3, 7);
		assert_int_equal(stream_seek(a, 6, NULL), CV_OK);
		assert_reads(a, data + 6, 4);
		assert_int_equal(stream_seek(both, 8, NULL), CV_OK);
		assert_int_equal(stream_read(both, &in, NULL), CV_OK);
		stream_skip(both, in.len);
		assert_reads(both, data, 10);
	}
	pool_destroy(&pool);
	free(data);
}

static void concat_joins(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct cv_stream *memory = stream_open_memory(pool, CV_SPAN("abcdef"));
	struct cv_stream *parts[] = {
		stream_open_range(pool, memory, 4, 2),
		stream_open_memory(pool, CV_SPAN("")),
		stream_open_crlf(pool, stream_open_memory(pool,
				 CV_SPAN("x\ny\n")), STREAM_SIZE_UNKNOWN),
		stream_open_range(pool, memory, 0, 3),
		stream_open_base64(pool, stream_open_memory(pool,
				   CV_SPAN("aGk="))),
	};

	assert_stream(stream_open_concat(pool, parts, 5), "efx\r\ny\r\nabchi");
	assert_stream(stream_open_concat(pool, NULL, 0), "");
	pool_destroy(&pool);
}

static struct cv_stream *open_crlf(struct cv_pool *pool,
				   struct cv_stream *parent)
{
	return stream_open_crlf(pool, parent, STREAM_SIZE_UNKNOWN);
}

static void crlf_makes_lone_lf_crlf(void **state)
{
	assert_filter(open_crlf, "", "");
	assert_filter(open_crlf, "\n", "\r\n");
	assert_filter(open_crlf, "a\nb\r\nc\rd\r\r\n\n\n",
		      "a\r\nb\r\nc\rd\r\r\n\r\n\r\n");
}

static void crlf_of_known_size_without_change_is_the_source(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct cv_stream *s = stream_open_memory(pool, CV_SPAN("a\r\n"));

	assert_ptr_equal(stream_open_crlf(pool, s, 3), s);
	assert_ptr_not_equal(stream_open_crlf(pool, s, 4), s);
	pool_destroy(&pool);
}

static void crlf_seeks_in_a_large_stream(void **state)
{
	struct cv_pool *pool = pool_create("test");
	size_t lines = 700000;
	char *data = malloc(lines * 5);
	struct cv_stream *s;
	struct cv_text text;

	for (size_t i = 0; i < lines; i++)
		memcpy(data + 5 * i, "abcd\n", 5);
	s = stream_open_crlf(pool, slow_open(pool, data, lines * 5, 1000),
			     lines * 6);
	for (size_t i = 0; i < 20; i++) {
		size_t line = (i * 7919 * 104729) % lines;
		char got[8];
		size_t n;

		assert_int_equal(stream_seek(s, line * 6 + 3, NULL), CV_OK);
		assert_int_equal(stream_copy(s, got, 3, &n, NULL), CV_OK);
		assert_memory_equal(got, "d\r\n", n);
		assert_int_equal(stream_offset(s), line * 6 + 6);
	}
	cv_text_init(&text, pool);
	assert_int_equal(stream_seek(s, 0, NULL), CV_OK);
	assert_int_equal(stream_read_all(s, &text, lines * 6, NULL), CV_OK);
	assert_int_equal(text.len, lines * 6);
	pool_destroy(&pool);
	free(data);
}

/* [security.md C14] */
static void crlf_gives_the_announced_size_or_fails(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct cv_text text;

	cv_text_init(&text, pool);
	assert_reads(stream_open_crlf(pool, slow_open(pool, "a\nb\n", 4, 1),
				      5), "a\r\nb\r", 5);
	assert_int_equal(stream_read_all(stream_open_crlf(pool, slow_open(
		pool, "a\nb\n", 4, 1), 7), &text, 100, NULL), CV_E_TEMP);
	assert_string_equal(text.data, "a\r\nb\r\n");
	pool_destroy(&pool);
}

static void lf_removes_cr_before_lf_only(void **state)
{
	assert_filter(stream_open_lf, "a\r\nb\nc\rd\r\r\n\r",
		      "a\nb\nc\rd\r\r\n\r");
	assert_filter(stream_open_lf, "\r\n\r\n\r", "\n\n\r");
	assert_filter(stream_open_lf, "\r\r\r\n\r\n", "\r\r\r\n\n");
	assert_filter(stream_open_lf, "", "");
}

static void base64_skips_what_is_not_in_the_alphabet(void **state)
{
	assert_filter(stream_open_base64, "aGVsbG8gd29ybGQ=", "hello world");
	assert_filter(stream_open_base64, "a\r\nG V!s\tbG8=\nISEh", "hello!!!");
	assert_filter(stream_open_base64, "aGk=aGk=", "hihi");
	assert_filter(stream_open_base64, "aGk", "hi");
	assert_filter(stream_open_base64, "====", "");
	assert_filter(stream_open_base64, "", "");
}

static void qp_decodes_and_leaves_what_is_broken(void **state)
{
	static const char *const cases[][2] = {
		{ "a=3Db", "a=b" }, { "soft=\nbreak", "softbreak" },
		{ "soft= \t\r\nbreak", "softbreak" }, { "=c3=A9", "\xc3\xa9" },
		{ "blanks  \t\nx", "blanks\nx" },
		{ "blanks \r\nx", "blanks\r\nx" },
		{ "in side", "in side" }, { "=ZZ", "=ZZ" }, { "=4", "=4" },
		{ "=4x", "=4x" }, { "a=", "a" }, { "a\rb", "a\rb" },
		{ "a \rb", "a \rb" }, { "\r", "\r" }, { "a=\n=\nb", "ab" },
		{ "= x", "=x" }, { "==3D", "==" }, { "\n\n", "\n\n" },
		{ "", "" }, { "end  ", "end" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_filter(stream_open_qp, cases[i][0], cases[i][1]);
}

static void qp_holds_back_few_blanks_only(void **state)
{
	struct cv_pool *pool = pool_create("test");
	char in[100002];
	struct cv_text text;

	memset(in, ' ', sizeof(in));
	in[sizeof(in) - 1] = 'x';
	cv_text_init(&text, pool);
	assert_int_equal(stream_read_all(stream_open_qp(pool,
		stream_open_memory(pool, cv_span(in, sizeof(in)))), &text,
		sizeof(in), NULL), CV_OK);
	assert_int_equal(text.len, sizeof(in));
	pool_destroy(&pool);
}

static void nul_is_replaced(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct cv_stream *s = stream_open_without_nul(pool,
		stream_open_memory(pool, CV_SPAN("a\0b\0\0")));

	assert_stream(s, "a\x80" "b\x80\x80");
	pool_destroy(&pool);
}

/* --- SMTP data ---------------------------------------------------------- */

/* What comes out, how much input was taken, and whether the end was found,
 * must not depend on the chunks. */
static void assert_dot(const char *in, const char *out, const char *rest)
{
	for (size_t chunk = 1; chunk <= strlen(in) + 1; chunk++) {
		struct cv_pool *pool = pool_create("test");
		struct cv_stream *parent = slow_open(pool, in, strlen(in),
						     chunk);
		struct cv_stream *s = stream_open_dot(pool, parent);
		struct cv_text text;
		int ret;

		cv_text_init(&text, pool);
		ret = stream_read_all(s, &text, 1000, NULL);
		assert_int_equal(ret, rest == NULL ? CV_E_TEMP : CV_OK);
		assert_string_equal(cv_text_str(&text), out);
		if (rest != NULL)
			assert_int_equal(stream_offset(parent),
					 strlen(in) - strlen(rest));
		pool_destroy(&pool);
	}
}

static void dot_ends_at_crlf_dot_crlf(void **state)
{
	assert_dot("a\r\n.\r\nQUIT\r\n", "a\r\n", "QUIT\r\n");
	assert_dot(".\r\n", "", "");
	assert_dot("\r\n.\r\nx", "\r\n", "x");
	assert_dot("..\r\n...a\r\n.b\r\n.\r\n", ".\r\n..a\r\nb\r\n", "");
	assert_dot("open end", "open end", NULL);
	assert_dot("open end\r\n.", "open end\r\n", NULL);
}

/* [security.md D2] */
static void nothing_else_ends_smtp_data(void **state)
{
	assert_dot("a\n.\nMAIL\r\n.\r\n", "a\n.\nMAIL\r\n", "");
	assert_dot("a\n.\r\nMAIL\r\n.\r\n", "a\n.\r\nMAIL\r\n", "");
	assert_dot("a\r.\rMAIL\r\n.\r\n", "a\r.\rMAIL\r\n", "");
	assert_dot("a\r.\r\nMAIL\r\n.\r\n", "a\r.\r\nMAIL\r\n", "");
	assert_dot("a\r\n.\rMAIL\r\n.\r\n", "a\r\n\rMAIL\r\n", "");
	assert_dot("a\r\n.\nMAIL\r\n.\r\n", "a\r\n\nMAIL\r\n", "");
	assert_dot("a\r\r\n.\r\n", "a\r\r\n", "");
}

static void dot_reader_reports_bare_line_ends(void **state)
{
	static const struct { const char *in; bool bare; } cases[] = {
		{ "a\r\nb\r\n", false }, { "a\nb", true }, { "a\rb", true },
		{ "\r\n.\rx", true }, { "..\r\n", false }, { "\r\r\n", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dot_reader r;
		struct cv_span in = cv_span_of(cases[i].in), out;

		dot_reader_init(&r);
		while (in.len > 0)
			assert_int_equal(dot_reader_next(&r, &in, &out),
					 CV_OK);
		assert_int_equal(r.bare, cases[i].bare);
	}
}

/* [security.md D3]: whatever the content, a strict and a lax receiver both
 * see exactly one end, and the strict one gets it back with CRLFs. */
static void written_data_cannot_be_smuggled(void **state)
{
	static const char alphabet[] = "\r\n.a";
	struct cv_pool *pool = pool_create("test");

	for (unsigned int n = 0; n < 4u * 4 * 4 * 4 * 4 * 4 * 4; n++) {
		char in[7];
		struct cv_text out;
		int writer = 0;

		for (unsigned int i = 0, v = n; i < 7; i++, v /= 4)
			in[i] = alphabet[v % 4];
		cv_text_init(&out, pool);
		/* in two pieces */
		dot_writer_add(&writer, cv_span(in, n % 8), &out);
		dot_writer_add(&writer, cv_span(in + n % 8, 7 - n % 8), &out);
		dot_writer_end(&writer, &out);
		for (size_t i = 0; i < out.len; i++) {
			char c = out.data[i];
			bool start = i == 0 || out.data[i - 1] == '\n';

			if (c == '\n')
				assert_true(i > 0 && out.data[i - 1] == '\r');
			if (c == '\r')
				assert_int_equal(out.data[i + 1], '\n');
			if (start && c == '.' && i + 3 < out.len)
				assert_int_equal(out.data[i + 1], '.');
		}
		assert_string_equal(out.data + out.len - 3, ".\r\n");
		pool_reset(pool);
	}
	pool_destroy(&pool);
}

struct pieces { const char *text; size_t most; int reads; bool closed; };

static int read_piece(void *context, uint64_t offset, void *data, size_t len,
		      size_t *got_r, struct cv_error *err)
{
	struct pieces *p = context;
	size_t left = strlen(p->text) - (size_t)offset;

	if (p->most == 0)
		return FAIL(err, CV_E_TEMP, "no");
	p->reads++;
	*got_r = p->most < len ? p->most : len;
	if (*got_r <= len && *got_r <= left)
		memcpy(data, p->text + offset, *got_r);
	return CV_OK;
}

static void pieces_done(void *context)
{
	((struct pieces *)context)->closed = true;
}

static void reader_gives_pieces_and_is_told_the_end(void **state)
{
	(void)state;
	for (size_t most = 1; most < 12; most++) {
		struct cv_pool *pool = pool_create("test");
		struct pieces p = { .text = "0123456789", .most = most };
		struct cv_stream *s = stream_open_reader(
			pool, 10, read_piece, pieces_done, &p);
		struct cv_error err = ERROR_NONE;
		struct cv_text text;

		cv_text_init(&text, pool);
		assert_int_equal(stream_read_all(s, &text, 100, &err), CV_OK);
		assert_string_equal(text.data, p.text);
		assert_int_equal(stream_seek(s, 7, &err), CV_OK);
		cv_text_reset(&text);
		assert_int_equal(stream_read_all(s, &text, 100, &err), CV_OK);
		assert_string_equal(text.data, "789");
		assert_false(p.closed);
		pool_destroy(&pool);
		assert_true(p.closed);
	}
}

static void reader_that_fails_is_no_end(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct pieces p = { .text = "0123456789" };
	struct cv_stream *s = stream_open_reader(pool, 10, read_piece, NULL,
						 &p);
	struct cv_error err = ERROR_NONE;
	struct cv_span span;

	(void)state;
	assert_int_equal(stream_read(s, &span, &err), CV_E_TEMP);
	pool_destroy(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_reads_and_seeks),
		cmocka_unit_test(file_reads_a_range_and_tells_it),
		cmocka_unit_test(file_that_is_too_short_fails),
		cmocka_unit_test(large_file_is_read_through_its_window),
		cmocka_unit_test(reader_gives_pieces_and_is_told_the_end),
		cmocka_unit_test(reader_that_fails_is_no_end),
		cmocka_unit_test(concat_joins),
		cmocka_unit_test(crlf_makes_lone_lf_crlf),
		cmocka_unit_test(
			crlf_of_known_size_without_change_is_the_source),
		cmocka_unit_test(crlf_seeks_in_a_large_stream),
		cmocka_unit_test(crlf_gives_the_announced_size_or_fails),
		cmocka_unit_test(lf_removes_cr_before_lf_only),
		cmocka_unit_test(base64_skips_what_is_not_in_the_alphabet),
		cmocka_unit_test(qp_decodes_and_leaves_what_is_broken),
		cmocka_unit_test(qp_holds_back_few_blanks_only),
		cmocka_unit_test(nul_is_replaced),
		cmocka_unit_test(dot_ends_at_crlf_dot_crlf),
		cmocka_unit_test(nothing_else_ends_smtp_data),
		cmocka_unit_test(dot_reader_reports_bare_line_ends),
		cmocka_unit_test(written_data_cannot_be_smuggled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
