/* test-imap-parser.c - plugins/imap/imap-parser: each command whole, and cut
 * at every point. */
#include "imap-mock.h"
#include "imap-parser.h"

#include <setjmp.h>
#include <cmocka.h>

static const struct imap_parser_limits test_limits = {
	.line_max = 400, .literal_max = 100, .tokens_max = 30,
	.depth_max = 3, .nonsync_max = 50,
};

static void dump_args(struct cv_text *out, struct imap_args args)
{
	struct imap_args stack[IMAP_PARSER_DEPTH_MAX + 1];
	int depth = 0;

	stack[0] = args;
	while (depth >= 0) {
		const struct imap_arg *arg = imap_args_next(&stack[depth]);

		if (arg == NULL) {
			if (depth-- > 0)
				cv_text_append_str(out, " )");
			continue;
		}
		cv_text_append_c(out, ' ');
		if (arg->adjacent)
			cv_text_append_c(out, '^');
		if (arg->type == IMAP_LIST) {
			cv_text_append_c(out, '(');
			stack[depth + 1] = imap_args_of_list(&stack[depth],
							     arg);
			depth++;
			continue;
		}
		cv_text_append_c(out, " aql.s"[arg->type]);
		cv_text_append_c(out, ':');
		cv_text_append_span(out, arg->text);
	}
}

/* Feeds in two parts; what came out is one text. */
static void parse_cut(struct cv_text *out, struct cv_span in, size_t cut)
{
	struct cv_pool *pool = pool_create("test");
	struct imap_parser p;
	struct cv_span part = cv_span(in.data, cut);
	size_t at = 0, used;

	imap_parser_init(&p, pool, &test_limits);
	for (;;) {
		enum imap_parse_result r = imap_parser_feed(&p,
			cv_span_skip(part, at), &used);

		at += used;
		switch (r) {
		case IMAP_PARSE_MORE:
			if (part.len == in.len) {
				if (!imap_parser_is_idle(&p))
					cv_text_append_str(out, "more");
				pool_destroy(&pool);
				return;
			}
			assert_int_equal(at, part.len);
			part = in;
			break;
		case IMAP_PARSE_VERB:
			if (cv_span_is(imap_parser_verb(&p), "APPEND"))
				p.stream_from = 1;
			break;
		case IMAP_PARSE_CONTINUE:
			cv_text_append_str(out, "+ ");
			break;
		case IMAP_PARSE_STREAM:
			cv_text_append_f(out, "{%d%s}", (int)p.literal_size,
					 p.literal_sync ? "" : "+");
			if (at + p.literal_size > part.len)
				part = in;
			if (at + p.literal_size > in.len) {
				pool_destroy(&pool);
				return;
			}
			at += (size_t)p.literal_size;
			imap_parser_stream_done(&p);
			break;
		case IMAP_PARSE_DONE:
			cv_text_append_span(out, imap_parser_tag(&p));
			cv_text_append_c(out, ' ');
			cv_text_append_span(out, imap_parser_verb(&p));
			dump_args(out, imap_parser_args(&p));
			cv_text_append_c(out, '\n');
			imap_parser_reset(&p);
			break;
		default:
			cv_text_append_f(out, "%s %.*s: %s\n",
				r == IMAP_PARSE_FATAL ? "FATAL" : "BAD",
				CV_SPAN_ARG(imap_parser_tag(&p)), p.error);
			imap_parser_reset(&p);
			if (r == IMAP_PARSE_FATAL) {
				pool_destroy(&pool);
				return;
			}
			break;
		}
	}
}

struct parse_case { struct cv_span in; const char *out; };
#define CASE(in, out) { { (in), sizeof(in) - 1 }, (out) }

static const struct parse_case cases[] = {
	CASE("a NOOP\r\n", "a NOOP\n"),
	CASE("a NOOP\n", "a NOOP\n"),
	CASE("a NOOP \r\n", "a NOOP\n"),
	CASE("a1.x LOGIN u \"p w\"\r\nb X\r\n", "a1.x LOGIN a:u q:p w\nb X\n"),
	CASE("a X \"q\\\"\\\\z\" \"\" y\r\n", "a X q:q\"\\z q: a:y\n"),
	CASE("a X {3}\r\nabc {0}\r\n (b)\r\n", "+ + a X l:abc l: ( a:b )\n"),
	CASE("a X {3+}\r\na\r\n\r\n", "a X l:a\r\n\n"),
	CASE("a X (b (c d) ())\r\n", "a X ( a:b ( a:c a:d ) ( ) )\n"),
	CASE("a FETCH 1 BODY[HEADER.FIELDS (To {2+}\r\nCc)]<0.5>\r\n",
	     "a FETCH a:1 a:BODY[HEADER.FIELDS ( a:To l:Cc ) ^a:]<0.5>\n"),
	CASE("a FETCH 1 (BODY[X (T)] UID)\r\n",
	     "a FETCH a:1 ( a:BODY[X ( a:T ) ^a:] a:UID )\n"),
	CASE("a APPEND x (\\Seen) {5}\r\nhello\r\nb NOOP\r\n",
	     "{5}a APPEND a:x ( a:\\Seen ) s:\nb NOOP\n"),
	CASE("a APPEND {1+}\r\nx {2+}\r\nhi\r\n", "{2+}a APPEND l:x s:\n"),
	CASE("a APPEND x ({4}\r\nSeen) {2+}\r\nhi\r\n",
	     "+ {2+}a APPEND a:x ( l:Seen ) s:\n"),
	CASE("a LIST \"\" %*\r\n", "a LIST q: a:%*\n"),
	CASE("a X  b   c\r\n", "a X a:b a:c\n"),
	CASE("\r\na NOOP\r\n", "BAD : Empty command\na NOOP\n"),
	CASE("a\r\n", "BAD : Missing command\n"),
	CASE("a \r\n", "BAD a: Missing command\n"),
	CASE("a  X\r\n", "BAD a: Missing command\n"),
	CASE("a+ X\r\n", "BAD : Invalid tag\n"),
	CASE("{5} X\r\nb Y\r\n", "BAD : Invalid tag\nb Y\n"),
	CASE("a X (b\r\n", "BAD a: Missing ')'\n"),
	CASE("a X b)\r\n", "BAD a: Unexpected ')'\n"),
	CASE("a X)\r\n", "BAD a: Unexpected ')'\n"),
	CASE("a X (((())))\r\n", "BAD a: Too many nested lists\n"),
	CASE("a X \"b\r\nc Y\r\n",
	     "BAD a: Invalid character in quoted string\nc Y\n"),
	CASE("a X \"b\nc Y\r\n", "BAD a: Unexpected line break\nc Y\n"),
	CASE("a X \"\\n\"\r\n", "BAD a: Invalid escape in quoted string\n"),
	CASE("a X \"b\"c\r\n", "BAD a: Missing space between arguments\n"),
	CASE("a X b\"c\"\r\n", "BAD a: Invalid character in atom\n"),
	CASE("a X b\rc\r\nd Y\r\n", "BAD a: Bare carriage return\nd Y\n"),
	CASE("a X \0b\r\nd Y\r\n", "BAD a: Invalid character\nd Y\n"),
	CASE("a X b\0c\r\n", "BAD a: Invalid character in atom\n"),
	CASE("a X \"b\0c\"\r\n",
	     "BAD a: Invalid character in quoted string\n"),
	CASE("a\0 X\r\n", "BAD : Invalid tag\n"),
	CASE("a X\0\r\n", "BAD a: Invalid command\n"),
	CASE("a X {3}\r\na\0b\r\nc Y\r\n",
	     "+ BAD a: NUL in literal\nc Y\n"),
	CASE("a X \xc3\xa4\r\n", "BAD a: 8-bit data in an atom\n"),
	CASE("a X {}\r\n", "BAD a: Invalid literal size\n"),
	CASE("a X {-1}\r\n", "BAD a: Invalid literal size\n"),
	CASE("a X {3++}\r\n", "FATAL a: Invalid literal size\n"),
	CASE("a X {18446744073709551616}\r\n",
	     "BAD a: Literal size is too large\n"),
	CASE("a X {9223372036854775807}\r\nb Y\r\n",
	     "BAD a: Literal is too large\nb Y\n"),
	CASE("a X {101}\r\nb Y\r\n", "BAD a: Literal is too large\nb Y\n"),
	CASE("a X {50}\r\n01234567890123456789012345678901234567890123456789"
	     " {51}\r\n", "+ BAD a: Literal is too large\n"),
	CASE("a X {51+}\r\nb Y\r\n",
	     "FATAL a: Non-synchronizing literal is too large\n"),
	/* what a refused literal contains is not a command */
	CASE("a X b{9+}\r\nb Y\r\n", "FATAL a: Invalid character in atom\n"),
	CASE("a X \"b{9+}\r\nb Y\r\n",
	     "FATAL a: Invalid character in quoted string\n"),
	CASE("a X b) {9+}\r\nb Y\r\n", "FATAL a: Unexpected ')'\n"),
	CASE("a X {18446744073709551616+}\r\nb Y\r\n",
	     "FATAL a: Literal size is too large\n"),
	CASE("a X {5}x\r\n",
	     "BAD a: Missing line break after literal size\n"),
	CASE("a X 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 "
	     "23 24 25 26 27 28 29 30 31 32\r\nb Y\r\n",
	     "BAD a: Too many arguments\nb Y\n"),
};

static void commands_parse_at_each_cut(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct cv_text out;

	cv_text_init(&out, pool);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t cut = 0; cut <= cases[i].in.len; cut++) {
			cv_text_reset(&out);
			parse_cut(&out, cases[i].in, cut);
			assert_string_equal(cv_text_str(&out), cases[i].out);
		}
	}
	pool_destroy(&pool);
}

static void long_lines_are_fatal(void **state)
{
	static const char *const starts[] = {
		"a X ", "", "a X \"", "a ", "a X (", "a X {",
	};
	struct cv_pool *pool = pool_create("test");
	char *line = pool_alloc(pool, 100001);
	struct cv_text out;

	cv_text_init(&out, pool);
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		memset(line, i == 5 ? '0' : 'x', 100000);
		memcpy(line, starts[i], strlen(starts[i]));
		cv_text_reset(&out);
		parse_cut(&out, cv_span(line, 100000), 50);
		assert_true(cv_span_begins(cv_text_span(&out),
					   CV_SPAN("FATAL")));
	}
	pool_destroy(&pool);
}

static void the_rest_is_given_as_received(void **state)
{
	static const struct cv_span in =
		CV_SPAN("a X \"b\\\"\" {2+}\r\nhi c\r\n");
	struct cv_pool *pool = pool_create("test");
	struct imap_parser p;
	size_t used, more;

	imap_parser_init(&p, pool, &test_limits);
	assert_int_equal(imap_parser_feed(&p, in, &used), IMAP_PARSE_VERB);
	assert_int_equal(imap_parser_feed(&p, cv_span_skip(in, used), &more),
			 IMAP_PARSE_DONE);
	assert_int_equal(used + more, in.len);
	assert_true(cv_span_is(imap_parser_rest(&p),
			       "\"b\\\"\" {2+}\r\n c"));
	imap_parser_wipe(&p);
	for (size_t i = 0; i < p.data.room; i++)
		assert_int_equal(p.data.data[i], 0);
	pool_destroy(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_parse_at_each_cut),
		cmocka_unit_test(long_lines_are_fatal),
		cmocka_unit_test(the_rest_is_given_as_received),
	};

	mock_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
