/* test-text-convert.c - HTML to text, charsets and headers converted; each
 * document also cut at every place. */
#include "base.h"
#include "message/html-text.h"
#include "message/text-convert.h"
#include "stream/stream.h"

#include <setjmp.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct cv_pool *pool;

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

/* --- HTML ------------------------------------------------------------------ */

static const struct { const char *html, *layout; } documents[] = {
	{ "", "" }, { " \n ", "" },
	{ "a  b\n c", "a b c\r\n" },
	{ "<p>one</p><p>two</p>", "one\r\n\r\ntwo\r\n" },
	{ "<div>a</div><div>b<div>c</div></div>", "a\r\nb\r\nc\r\n" },
	{ "a<br>b<br/><br><br><br>c", "a\r\nb\r\n\r\nc\r\n" },
	{ "<ul><li>x<li>y</ul>z", "* x\r\n* y\r\nz\r\n" },
	{ "<table><tr><td>1</td><td>2</td></tr><tr><th>3<th>4</table>",
	  "1\t2\r\n3\t4\r\n" },
	{ "a<blockquote>b<br>c<blockquote>d</blockquote></blockquote>e",
	  "a\r\n\r\n> b\r\n> c\r\n\r\n> > d\r\n\r\ne\r\n" },
	{ "<pre>a\n  b\tc</pre>d  e", "a\r\n  b        c\r\n\r\nd e\r\n" },
	{ "a<hr>b", "a\r\n----\r\nb\r\n" },
	{ "&lt;&amp;&#65;&#x42;&#128;&nbsp;&euro;&shy;&bogus;&;& &#0;",
	  "<&AB\xe2\x82\xac \xe2\x82\xac&bogus;&;& &#0;\r\n" },
	{ "a&ampb&amp", "a&ampb&amp\r\n" },
	{ "&#55296;&#1114112;x&#x1F600;", "&#1114112;x\xf0\x9f\x98\x80\r\n" },
	{ "\xc2\xa0x\xc2\xa0\xc2\xa0y\xc2\xadz\xc3\xa4\xc2\xa9",
	  "x yz\xc3\xa4\xc2\xa9\r\n" },
	{ "a<!-- <p> --x> -->b<!-->c<!--->d<!doctype x>e<?php ?>f",
	  "abcdef\r\n" },
	{ "a<script>if (x < y) '</scripty>'</SCRIPT\n>b<style/>c<title>t",
	  "abc\r\n" },
	{ "<a title='>' href=\"<b>\" alt=x>y</a>", "y\r\n" },
	{ "<a href=\"open>x", "" }, { "<p x=\"a\"y=\"b\">z", "z\r\n" },
	{ "1 < 2 <3 </4> <>", "1 < 2 <3 <>\r\n" },
	{ "a<", "a<\r\n" }, { "a</", "a\r\n" }, { "a<b", "a\r\n" },
	{ "<head><meta charset=x></head>b", "b\r\n" },
	{ "<averylongelementthatnobodyknows>x</p>y", "x\r\n\r\ny\r\n" },
	{ "\x01\x7fx\x0b", "x\r\n" },
};

static void html_becomes_text(void **state)
{
	struct cv_text text;

	for (size_t i = 0; i < COUNT(documents); i++) {
		cv_text_init(&text, pool);
		html_to_text(&text, cv_span_of(documents[i].html),
			     HTML_TEXT_LAYOUT);
		assert_string_equal(cv_text_str(&text), documents[i].layout);
	}
}

static void html_is_the_same_cut_anywhere(void **state)
{
	struct html_text h;
	struct cv_text text;

	for (size_t i = 0; i < COUNT(documents); i++) {
		struct cv_span html = cv_span_of(documents[i].html);

		for (size_t cut = 0; cut <= html.len; cut++) {
			cv_text_init(&text, pool);
			html_text_init(&h, HTML_TEXT_LAYOUT);
			html_text_add(&h, cv_span(html.data, cut), &text);
			html_text_add(&h, cv_span_skip(html, cut), &text);
			html_text_finish(&h, &text);
			assert_string_equal(cv_text_str(&text),
					    documents[i].layout);
		}
	}
}

static void words_have_no_marks(void **state)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	html_to_text(&text, CV_SPAN("<ul><li>a</ul><blockquote>b<hr>c"
				    "</blockquote><td>d"), HTML_TEXT_WORDS);
	assert_string_equal(cv_text_str(&text), "a\r\n\r\nb\r\nc\r\n\r\nd");
}

/* [security.md C] */
static void hostile_html_costs_little(void **state)
{
	static const char *const units[] = {
		"<blockquote>", "<pre>\t\n", "<!--", "<script></scrip", "&#",
		"<a b='", "<<<", "</", "<td>", "&amp", "<title></titl",
	};
	struct cv_text html, text;

	for (size_t i = 0; i < COUNT(units); i++) {
		uint64_t start = time_monotonic_msecs();
		struct cv_pool *own = pool_create("test");

		cv_text_init(&html, own);
		cv_text_init(&text, own);
		while (html.len < 1000000)
			cv_text_append_str(&html, units[i]);
		cv_text_append_c(&html, 'x');
		html_to_text(&text, cv_text_span(&html), HTML_TEXT_LAYOUT);
		assert_true(text.len <= html.len * 16);
		assert_true(time_monotonic_msecs() - start < 5000);
		pool_destroy(&own);
	}
}

/* --- conversions ------------------------------------------------------------- */

static int convert(const char *from, const char *source_charset,
		   struct cv_span in, const char *charset,
		   const char *replacement, uint64_t max,
		   struct cv_converted *out, uint32_t *problem)
{
	struct cv_convert_request request = { CV_SIZED(cv_convert_request),
		.from = from, .to = "text/plain",
		.source_charset = source_charset, .charset = charset,
		.bytes_max = max };

	if (replacement != NULL)
		request.replacement = cv_span_of(replacement);
	*out = (struct cv_converted){ CV_SIZED(cv_converted) };
	return convert_api.convert(pool, &request,
				   stream_open_memory(pool, in), out, problem,
				   NULL);
}

/* [RFC5259 7.1] must be able to */
static void the_charsets_that_must_be_are_there(void **state)
{
	static const struct { const char *charset, *in, *utf8; } cases[] = {
		{ "iso-8859-1", "\xe4", "\xc3\xa4" },
		{ "iso-8859-2", "\xb1", "\xc4\x85" },
		{ "iso-8859-3", "\xa1", "\xc4\xa6" },
		{ "iso-8859-4", "\xa2", "\xc4\xb8" },
		{ "iso-8859-5", "\xb0", "\xd0\x90" },
		{ "iso-8859-6", "\xc7", "\xd8\xa7" },
		{ "iso-8859-7", "\xe1", "\xce\xb1" },
		{ "iso-8859-8", "\xe0", "\xd7\x90" },
		{ "iso-8859-15", "\xa4", "\xe2\x82\xac" },
	};
	struct cv_converted out;
	uint32_t problem;

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(convert("text/plain", cases[i].charset,
			cv_span_of(cases[i].in), "utf-8", NULL, 100, &out,
			&problem), CV_OK);
		assert_true(cv_span_is(out.data, cases[i].utf8));
		assert_false(out.is_ascii);
		/* and back */
		assert_int_equal(convert("text/plain", "utf-8",
			cv_span_of(cases[i].utf8), cases[i].charset, NULL,
			100, &out, &problem), CV_OK);
		assert_true(cv_span_is(out.data, cases[i].in));
	}
}

static void problems_are_told(void **state)
{
	static const struct {
		const char *from, *source, *in, *charset, *replacement;
		uint32_t problem;
		const char *out;
	} cases[] = {
		{ "text/plain", "utf-8", "h\xc3\xa4", "us-ascii", NULL,
		  CV_CONVERT_CHARACTER, NULL },
		{ "text/plain", "utf-8", "h\xc3\xa4\xe2\x82\xacx", "us-ascii",
		  "?", 0, "h??x" },
		{ "text/plain", "utf-8", "h\xc3\xa4", "us-ascii", "", 0,
		  "h" },
		{ "text/plain", "utf-8", "h", "us-ascii", "\xc3\xa4",
		  CV_CONVERT_REPLACEMENT, NULL },
		{ "text/plain", "utf-8", "h", "us-ascii", "\xff",
		  CV_CONVERT_REPLACEMENT, NULL },
		{ "text/plain", "utf-8", "h", "klingon", NULL,
		  CV_CONVERT_CHARSET, NULL },
		{ "text/plain", "utf-8", "h", "us-ascii//TRANSLIT", NULL,
		  CV_CONVERT_CHARSET, NULL },
		{ "text/plain", "klingon", "h", "utf-8", NULL,
		  CV_CONVERT_SOURCE_CHARSET, NULL },
		{ "image/gif", "", "h", "utf-8", NULL, CV_CONVERT_NO_WAY,
		  NULL },
		{ "text/plain", "", "12345678901", "utf-8", NULL,
		  CV_CONVERT_TOO_LARGE, NULL },
		/* bytes that are no characters are not kept quiet */
		{ "text/plain", "us-ascii", "a\xffz", "us-ascii", NULL,
		  CV_CONVERT_CHARACTER, NULL },
		{ "text/plain", "iso-2022-jp", "\x1b$B%", "utf-8", NULL, 0,
		  "\xef\xbf\xbd" },
		{ "text/html", "iso-8859-1", "<p>\xe4&euro;", "iso-8859-15",
		  NULL, 0, "\xe4\xa4\r\n" },
		{ "text/plain", "", "", "utf-8", NULL, 0, "" },
	};
	struct cv_converted out;
	uint32_t problem;

	for (size_t i = 0; i < COUNT(cases); i++) {
		int ret = convert(cases[i].from, cases[i].source,
				  cv_span_of(cases[i].in), cases[i].charset,
				  cases[i].replacement, 10, &out, &problem);

		assert_int_equal(problem, cases[i].problem);
		assert_int_equal(ret, problem == 0 ? CV_OK : CV_DECLINED);
		if (ret == CV_OK)
			assert_true(cv_span_is(out.data, cases[i].out));
	}
}

static void charsets_with_states_end_where_they_began(void **state)
{
	struct cv_converted out;
	uint32_t problem;

	assert_int_equal(convert("text/plain", "utf-8",
		CV_SPAN("\xe3\x83\x86"), "iso-2022-jp", NULL, 100, &out,
		&problem), CV_OK);
	assert_true(cv_span_is(out.data, "\x1b$B%F\x1b(B"));
	assert_int_equal(convert("text/plain", "utf-8", CV_SPAN("a\n"),
		"utf-16be", NULL, 100, &out, &problem), CV_OK);
	assert_true(out.has_nul);
	assert_int_equal(out.data.len, 4);
	assert_int_equal(out.lines, 1);
}

static int stop(void *context, uint64_t done, uint64_t total)
{
	(*(int *)context)++;
	return done > 300000 ? CV_E_TEMP : CV_OK;
}

static void progress_is_told_and_may_end_it(void **state)
{
	int calls = 0;
	struct cv_convert_request request = { CV_SIZED(cv_convert_request),
		.from = "text/html", .to = "text/plain", .source_charset = "",
		.charset = "utf-8", .bytes_max = 1000, .progress = stop,
		.context = &calls };
	struct cv_converted out = { CV_SIZED(cv_converted) };
	uint32_t problem;
	size_t len = 1000000;
	char *blanks = pool_alloc(pool, len);

	memset(blanks, ' ', len);
	assert_int_equal(convert_api.convert(pool, &request,
		stream_open_memory(pool, cv_span(blanks, len)), &out,
		&problem, NULL), CV_E_TEMP);
	assert_in_range(calls, 2, 5);
}

/* --- headers ------------------------------------------------------------------- */

static const char *recode(const char *header, const char *charset,
			  const char *replacement)
{
	struct cv_span out;
	uint32_t problem;
	int ret = convert_api.header(pool, cv_span_of(header), charset,
		replacement == NULL ? CV_SPAN_NONE : cv_span_of(replacement),
		&out, &problem);

	return ret == CV_OK ? cv_span_copy(pool, out) : NULL;
}

static void headers_are_recoded(void **state)
{
	static const struct { const char *in, *charset, *out; } cases[] = {
		/* [RFC5259 6], with the "_" that an encoded-word must have */
		{ "From: Peter <peter@siroe.example.com>\r\n"
		  "Subject: =?KOI8-R?Q?why_encode_this?=\r\n\r\n", "utf-8",
		  "From: Peter <peter@siroe.example.com>\r\n"
		  "Subject: =?UTF-8?Q?why_encode_this?=\r\n\r\n" },
		{ "S: =?iso-8859-1?q?=E4?= =?iso-8859-1?Q?=F6?= x", "utf-8",
		  "S: =?UTF-8?Q?=C3=A4=C3=B6?= x" },
		{ "S: =?utf-8?B?w6Q=?=\r\n =?utf-8?B?w7Y=?=", "iso-8859-1",
		  "S: =?ISO-8859-1?B?5PY=?=" },
		/* a character cut in two */
		{ "S: =?utf-8?Q?=C3?= =?utf-8?Q?=A4?=", "iso-8859-1",
		  "S: =?ISO-8859-1?Q?=E4?=" },
		/* what cannot be read stays */
		{ "S: =?klingon?Q?x?= =?utf-8?Q?=C3=A4?=", "iso-8859-1",
		  "S: =?klingon?Q?x?= =?ISO-8859-1?Q?=E4?=" },
		{ "S: =?utf-8?X?x?= =? =?= =?utf-8?Q?open", "utf-8",
		  "S: =?utf-8?X?x?= =? =?= =?utf-8?Q?open" },
		{ "S: =?utf-8*de?Q?a?=(=?utf-8?Q?b?=)", "utf-8",
		  "S: =?UTF-8?Q?a?=(=?UTF-8?Q?b?=)" },
		{ "", "utf-8", "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(recode(cases[i].in, cases[i].charset,
					   NULL), cases[i].out);
	assert_null(recode("S: =?utf-8?Q?=C3=A4?=", "us-ascii", NULL));
	assert_string_equal(recode("S: =?utf-8?Q?=C3=A4?=", "us-ascii", "?"),
			    "S: =?US-ASCII?Q?=3F?=");
	assert_null(recode("S: x", "klingon", NULL));
	assert_null(recode("S: x", "us-ascii", "\xc3\xa4"));
}

static void words_that_grow_are_folded(void **state)
{
	struct cv_text in;
	const char *out, *line;

	cv_text_init(&in, pool);
	cv_text_append_str(&in, "Subject: =?iso-8859-1?Q?");
	for (int i = 0; i < 200; i++)
		cv_text_append_str(&in, "=E4");
	cv_text_append_str(&in, "?=\r\nTo: x\r\n");
	out = recode(cv_text_str(&in), "utf-8", NULL);
	assert_non_null(strstr(out, "?=\r\nTo: x\r\n"));
	for (line = out; *line != '\0'; line = strchr(line, '\n') + 1)
		assert_true(strchr(line, '\r') - line <= 76);
}

static void types_are_found(void **state)
{
	static const struct { const char *header, *type, *charset; } cases[] = {
		{ "", "text/plain", "" },
		{ "Content-Type: Text/HTML;\r\n charset=\"UTF-8\"\r\n\r\n",
		  "text/html", "UTF-8" },
		{ "X: y\r\ncontent-type:image/gif\r\n", "image/gif", "" },
		{ "Content-Type: nothing\r\n", "text/plain", "" },
	};
	struct cv_part_type type = { CV_SIZED(cv_part_type) };

	for (size_t i = 0; i < COUNT(cases); i++) {
		convert_api.type(pool, cv_span_of(cases[i].header), &type);
		assert_string_equal(type.type, cases[i].type);
		assert_string_equal(type.charset, cases[i].charset);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(html_becomes_text),
		cmocka_unit_test(html_is_the_same_cut_anywhere),
		cmocka_unit_test(words_have_no_marks),
		cmocka_unit_test(hostile_html_costs_little),
		cmocka_unit_test(the_charsets_that_must_be_are_there),
		cmocka_unit_test(problems_are_told),
		cmocka_unit_test(charsets_with_states_end_where_they_began),
		cmocka_unit_test(progress_is_told_and_may_end_it),
		cmocka_unit_test(headers_are_recoded),
		cmocka_unit_test(words_that_grow_are_folded),
		cmocka_unit_test(types_are_found),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
