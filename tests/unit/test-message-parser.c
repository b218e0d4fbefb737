/* test-message-parser.c - the MIME parser, sections, the catalogue record. */
#include "base.h"
#include "message/body-structure.h"
#include "message/boundary.h"
#include "message/message-section.h"
#include "message/message-summary.h"
#include "message/preview.h"

#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

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

/* --- messages ----------------------------------------------------------- */

static const char simple[] =
	"From: a@b\nSubject: one\n two\nDate: 1 Jan 2026 00:00:00 +0000\n"
	"Message-ID: <x@y>\n\nbody\nlines\n";
static const char nested[] =
	"Content-Type: multipart/mixed; boundary=\"out\"\r\n\r\npreamble\r\n"
	"--out\r\nContent-Type: multipart/alternative; boundary=outer\r\n\r\n"
	"--outer\nContent-Type: text/plain\n\nplain\n"
	"--outer  \n\nsecond\n--outer--\nepilogue\n"
	"--out\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n"
	"Content-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\n"
	"deep\r\n--in--\r\n--not\r\n--out--\r\nend";
static const char broken[] =
	"Subject : x\nno colon here\n--b\nContent-Type: multipart/mixed;\n"
	" boundary=b\n\n--b\n--b\nContent-Type: text/html\n--b\n\n\n--b\n"
	"Content-Type: message/rfc822\n\n--b--\n--b\n";
static const char digest[] =
	"Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: a\n\nb\n"
	"--d\nContent-Type: text/plain\n\nt\n--d--\n";
static const char odd[] = "a\0b: c\n\0\r\r\n\r\n\0-\n";

static const struct cv_span messages[] = {
	{ simple, sizeof(simple) - 1 }, { nested, sizeof(nested) - 1 },
	{ broken, sizeof(broken) - 1 }, { digest, sizeof(digest) - 1 },
	{ odd, sizeof(odd) - 1 }, { "", 0 }, { "\n", 1 }, { "\r", 1 },
	{ "a", 1 }, { "--", 2 }, { "\n\n--", 4 }, { "A: b", 4 },
};

/* Everything that is known of a message, as one text. */
static void describe(struct cv_text *out, struct message_summarizer *s)
{
	const struct mime_tree *tree;
	struct message_summary sum;

	message_summarizer_finish(s, &sum, &tree);
	message_summary_encode(out, &sum);
	for (uint32_t i = 0; i < tree->count; i++) {
		const struct mime_part *p = &tree->parts[i];

		cv_text_append_f(out, "%u %u %u %u %u %llu %llu %llu %llu\n",
				 p->parent, p->next, p->first, p->children,
				 p->flags, (unsigned long long)p->offset,
				 (unsigned long long)p->virtual_offset,
				 (unsigned long long)p->header.lines,
				 (unsigned long long)p->body.lines);
	}
}

static void the_result_does_not_depend_on_the_cuts(void **state)
{
	for (size_t m = 0; m < COUNT(messages); m++) {
		struct cv_span all = messages[m];
		struct cv_text whole;

		cv_text_init(&whole, pool);
		struct message_summarizer *s = message_summarizer_create(pool);
		message_summarizer_feed(s, all);
		describe(&whole, s);
		for (size_t cut = 0; cut <= all.len; cut++) {
			struct cv_pool *own = pool_create("test");
			struct cv_text text;

			cv_text_init(&text, own);
			s = message_summarizer_create(own);
			message_summarizer_feed(s, cv_span(all.data, cut));
			message_summarizer_feed(s, cv_span_skip(all, cut));
			describe(&text, s);
			assert_int_equal(text.len, whole.len);
			assert_memory_equal(text.data, whole.data, text.len);
			pool_destroy(&own);
		}
		for (size_t step = 1; step < 8; step++) {
			struct cv_text text;

			cv_text_init(&text, pool);
			s = message_summarizer_create(pool);
			for (size_t at = 0; at < all.len; at += step)
				message_summarizer_feed(s, cv_span(
					all.data + at, all.len - at < step ?
					all.len - at : step));
			describe(&text, s);
			assert_int_equal(text.len, whole.len);
			assert_memory_equal(text.data, whole.data, text.len);
		}
	}
}

/* INVARIANT of mime-part.h */
static void assert_tree(const struct mime_tree *tree, uint64_t size)
{
	assert_true(tree->count >= 1 && tree->count <= MIME_PARTS_MAX);
	assert_int_equal(tree->parts[0].header.physical +
			 tree->parts[0].body.physical, size);
	for (uint32_t i = 1; i < tree->count; i++) {
		const struct mime_part *p = &tree->parts[i], *up;

		assert_true(p->parent < i);
		up = &tree->parts[p->parent];
		assert_true(p->depth == up->depth + 1 &&
			    p->depth <= MIME_DEPTH_MAX + 1);
		assert_true(p->offset >= up->offset + up->header.physical);
		assert_true(p->offset + p->header.physical +
			    p->body.physical <= up->offset +
			    up->header.physical + up->body.physical);
		assert_true(p->virtual_offset - p->offset >=
			    up->virtual_offset - up->offset);
	}
}

static const struct mime_tree *parse(struct cv_span message)
{
	const struct mime_tree *tree = NULL;

	assert_int_equal(message_parse(pool, stream_open_memory(pool, message),
				       NULL, &tree, NULL), CV_OK);
	assert_tree(tree, message.len);
	return tree;
}

static void trees_survive_the_disk(void **state)
{
	for (size_t m = 0; m < COUNT(messages); m++) {
		const struct mime_tree *tree = parse(messages[m]);
		struct mime_tree read;
		struct cv_text text;

		cv_text_init(&text, pool);
		mime_tree_encode(&text, tree);
		assert_int_equal(mime_tree_decode(pool, cv_text_span(&text),
						  messages[m].len, &read),
				 CV_OK);
		assert_tree(&read, messages[m].len);
		assert_int_equal(read.count, tree->count);
		for (uint32_t i = 0; i < read.count; i++) {
			struct mime_part part = tree->parts[i];

			part.info = NULL;
			assert_memory_equal(&read.parts[i], &part,
					    sizeof(part));
		}
		/* cut anywhere, it is refused */
		for (size_t cut = 0; cut < text.len; cut++)
			assert_int_equal(mime_tree_decode(pool,
				cv_span(text.data, cut), messages[m].len,
				&read), CV_E_SYNTAX);
		/* each bit turned: refused or still a tree */
		for (size_t bit = 0; bit < text.len * 8; bit++) {
			text.data[bit / 8] ^= (char)(1 << bit % 8);
			if (mime_tree_decode(pool, cv_text_span(&text),
					     messages[m].len, &read) == CV_OK)
				for (uint32_t i = 1; i < read.count; i++)
					assert_true(read.parts[i].parent < i);
			text.data[bit / 8] ^= (char)(1 << bit % 8);
		}
	}
}

static const char *structure(const char *message, bool extended)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	body_structure_append(&text, parse(cv_span_of(message)), extended);
	return cv_text_str(&text);
}

static void body_structures_are_as_the_rfc_says(void **state)
{
	assert_string_equal(structure(simple, false),
		"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL "
		"\"7bit\" 13 2)");
	assert_string_equal(structure(simple, true),
		"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL "
		"\"7bit\" 13 2 NIL NIL NIL NIL)");
	assert_string_equal(structure(nested, false),
		"(((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL "
		"\"7bit\" 5 0)(\"text\" \"plain\" (\"charset\" \"us-ascii\") "
		"NIL NIL \"7bit\" 6 0) \"alternative\")"
		"(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 89 "
		"(NIL \"inner\" NIL NIL NIL NIL NIL NIL NIL NIL) "
		"((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL "
		"\"7bit\" 4 0) \"mixed\") 7) \"mixed\")");
}

static void body_is_made_from_body_structure(void **state)
{
	for (size_t m = 0; m < COUNT(messages); m++) {
		const struct mime_tree *tree = parse(messages[m]);
		struct cv_text full, body, made;

		cv_text_init(&full, pool);
		cv_text_init(&body, pool);
		cv_text_init(&made, pool);
		body_structure_append(&full, tree, true);
		body_structure_append(&body, tree, false);
		assert_int_equal(body_structure_to_body(
			&made, cv_text_span(&full)), CV_OK);
		assert_string_equal(made.data, body.data);
		for (size_t cut = 0; cut < full.len; cut++) {
			cv_text_reset(&made);
			assert_int_equal(body_structure_to_body(
				&made, cv_span(full.data, cut)), CV_E_SYNTAX);
		}
	}
}

/* --- sections ----------------------------------------------------------- */

/* NULL: no such section. */
static const char *section(const char *message, const char *name)
{
	const struct mime_tree *tree = parse(cv_span_of(message));
	struct message_section s;
	struct cv_stream *stream;
	struct cv_text text;
	uint64_t size, known;
	int ret;

	assert_true(message_section_parse(pool, cv_span_of(name), &s));
	ret = message_section_open(pool, stream_open_memory(
		pool, cv_span_of(message)), tree, &s, &stream, &size, NULL);
	if (ret == CV_NOT_FOUND)
		return NULL;
	assert_int_equal(ret, CV_OK);
	cv_text_init(&text, pool);
	assert_int_equal(stream_read_all(stream, &text, 10000, NULL), CV_OK);
	assert_int_equal(text.len, size);
	ret = message_section_size(tree, &s, &known);
	if (ret == CV_OK)
		assert_int_equal(known, size);
	/* partial fetches, from every place */
	for (uint64_t at = 0; at <= size; at++) {
		char got[5];
		size_t n;

		assert_int_equal(stream_seek(stream, at, NULL), CV_OK);
		assert_int_equal(stream_copy(stream, got, 5, &n, NULL), CV_OK);
		assert_int_equal(n, size - at < 5 ? size - at : 5);
		assert_memory_equal(got, text.data + at, n);
	}
	return cv_text_str(&text);
}

static void sections_are_as_the_rfc_says(void **state)
{
	static const char *const cases[][3] = {
		{ simple, "TEXT", "body\r\nlines\r\n" },
		{ simple, "1", "body\r\nlines\r\n" },
		{ simple, "2", NULL }, { simple, "1.1", NULL },
		{ simple, "1.HEADER", NULL }, { simple, "1.TEXT", NULL },
		{ simple, "HEADER.FIELDS (Subject \"FROM\" nope)",
		  "From: a@b\r\nSubject: one\r\n two\r\n\r\n" },
		{ simple, "HEADER.FIELDS.NOT (Subject Date Message-ID)",
		  "From: a@b\r\n\r\n" },
		{ simple, "HEADER.FIELDS (nope)", "\r\n" },
		/* as the catalogue has it */
		{ "Subject: s\r", "HEADER.FIELDS (Subject)",
		  "Subject: s\r\n\r\n" },
		{ "Subject: s", "HEADER.FIELDS (Subject)",
		  "Subject: s\r\n\r\n" },
		{ nested, "1.1", "plain" }, { nested, "1.2", "second" },
		{ nested, "1.1.MIME", "Content-Type: text/plain\r\n\r\n" },
		{ nested, "1.3", NULL }, { nested, "1.1.1", NULL },
		{ nested, "1.HEADER", NULL },
		{ nested, "2.HEADER", "Subject: inner\r\nContent-Type: "
		  "multipart/mixed; boundary=in\r\n\r\n" },
		{ nested, "2.TEXT", "--in\r\n\r\ndeep\r\n--in--\r\n--not" },
		{ nested, "2.1", "deep" },
		{ nested, "2.HEADER.FIELDS (subject)",
		  "Subject: inner\r\n\r\n" },
		{ nested, "2.MIME", "Content-Type: message/rfc822\r\n\r\n" },
		{ digest, "1.1", "b" }, { digest, "2", "t" },
		{ broken, "1", "--b\r\nContent-Type: multipart/mixed;\r\n"
		  " boundary=b\r\n\r\n--b\r\n--b\r\nContent-Type: text/html"
		  "\r\n--b\r\n\r\n\r\n--b\r\nContent-Type: message/rfc822"
		  "\r\n\r\n--b--\r\n--b\r\n" },
	};

	for (size_t i = 0; i < COUNT(cases) - 1; i++) {
		const char *got = section(cases[i][0], cases[i][1]);

		if (cases[i][2] == NULL)
			assert_null(got);
		else
			assert_string_equal(got, cases[i][2]);
	}
	assert_string_equal(section(simple, ""),
		"From: a@b\r\nSubject: one\r\n two\r\nDate: 1 Jan 2026 "
		"00:00:00 +0000\r\nMessage-ID: <x@y>\r\n\r\nbody\r\nlines"
		"\r\n");
}

static void a_tree_of_another_file_is_noticed(void **state)
{
	struct message_section s;
	struct cv_stream *stream;
	uint64_t size;

	assert_true(message_section_parse(pool, CV_SPAN(""), &s));
	assert_int_equal(message_section_open(pool, stream_open_memory(
		pool, CV_SPAN("other")), parse(CV_SPAN("A: b\n\nc")), &s,
		&stream, &size, NULL), CV_CHANGED);
}

static void section_names_are_checked(void **state)
{
	static const char *const bad[] = {
		"0", "01", "1.", ".1", "1..2", "MIME", "x", "1.x", "-1",
		"4294967296", "HEADER.FIELDS", "HEADER.FIELDS ()",
		"HEADER.FIELDS (", "HEADER.FIELDS (a", "HEADER.FIELDS (a )",
		"HEADER.FIELDS (\"a)", "TEXT.1", "HEADER.FIELDS (a)x", "1 ",
	};
	struct message_section s;
	struct cv_text deep;

	for (size_t i = 0; i < COUNT(bad); i++) {
		if (message_section_parse(pool, cv_span_of(bad[i]), &s))
			fail_msg("parsed: %s", bad[i]);
	}
	cv_text_init(&deep, pool);
	for (int i = 0; i < 1000; i++)
		cv_text_append_str(&deep, i == 0 ? "1" : ".1");
	assert_false(message_section_parse(pool, cv_text_span(&deep), &s));
}

static void parts_are_decoded(void **state)
{
	static const char *const cases[][3] = {
		{ "base64", "aGVs\nbG8=\n", "hello" },
		{ "quoted-printable", "a=3D=\nb \nc", "a=b\r\nc" },
		{ "8bit", "x\ny", "x\r\ny" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *message = pool_printf(pool,
			"Content-Transfer-Encoding: %s\n\n%s", cases[i][0],
			cases[i][1]);
		const struct mime_tree *tree = parse(cv_span_of(message));
		struct cv_stream *stream;
		struct cv_text text;

		cv_text_init(&text, pool);
		assert_int_equal(message_part_open_decoded(pool,
			stream_open_memory(pool, cv_span_of(message)), tree, 0,
			&stream, NULL), CV_OK);
		assert_int_equal(stream_read_all(stream, &text, 100, NULL),
				 CV_OK);
		assert_string_equal(cv_text_str(&text), cases[i][2]);
	}
	assert_int_equal(message_part_open_decoded(pool,
		stream_open_memory(pool, CV_SPAN("")),
		parse(CV_SPAN("Content-Transfer-Encoding: x\n\n")), 0,
		&(struct cv_stream *){ NULL }, NULL), CV_E_UNSUPPORTED);
}

/* --- the summary -------------------------------------------------------- */

static void summary_make(struct cv_span message, struct message_summary *sum)
{
	assert_int_equal(message_summary_make(pool, stream_open_memory(
		pool, message), sum, NULL), CV_OK);
}

static void summaries_hold_what_fetch_and_sort_need(void **state)
{
	static const char message[] =
		"From: \"Bob B.\" <bob@example.com>\nTo: <x@y>\n"
		"Subject: Re: [list] =?utf-8?q?h=C3=A9?=\n"
		"Date: Tue, 13 Jan 2026 10:00:00 +0100\n"
		"X-Not-Kept: x\nMessage-ID: <\"a\"@b>\nReferences: <r@s>\n"
		"  <t@u>\n\nbody\n";
	struct message_summary sum;

	summary_make(CV_SPAN(message), &sum);
	assert_int_equal(sum.physical_size, sizeof(message) - 1);
	assert_int_equal(sum.virtual_size, sizeof(message) - 1 + 10);
	assert_int_equal(sum.header_virtual, sum.virtual_size - 6);
	assert_int_equal(sum.flags, SUMMARY_HAS_DATE | SUMMARY_IS_REPLY);
	assert_int_equal(sum.sent.time, 1768294800);
	assert_true(cv_span_is(sum.base_subject, "h\xc3\xa9"));
	assert_true(cv_span_is(sum.message_id, "a@b"));
	assert_true(cv_span_is(sum.from_mailbox, "bob"));
	assert_true(cv_span_is(sum.from_display, "Bob B."));
	assert_true(cv_span_is(sum.to_display, "x@y"));
	assert_null(sum.preview.data);
	assert_true(cv_span_is(sum.fields,
		"From: \"Bob B.\" <bob@example.com>\r\nTo: <x@y>\r\n"
		"Subject: Re: [list] =?utf-8?q?h=C3=A9?=\r\n"
		"Date: Tue, 13 Jan 2026 10:00:00 +0100\r\n"
		"Message-ID: <\"a\"@b>\r\nReferences: <r@s>\r\n  <t@u>\r\n"));
}

/* HEADER.FIELDS from the record is what the message itself gives. */
static void kept_fields_are_byte_for_byte(void **state)
{
	static const char message[] =
		"Subject :  blanks \nFROM: a@b\nSubject: again\n\tfold\n"
		"to:x\n\n";
	struct cv_span names[] = { CV_SPAN("subject"), CV_SPAN("To") };
	struct message_summary sum;
	struct cv_text text;

	cv_text_init(&text, pool);
	summary_make(CV_SPAN(message), &sum);
	message_fields_select(&text, sum.fields, names, 2, false);
	assert_string_equal(text.data, section(message,
					       "HEADER.FIELDS (subject To)"));
	assert_true(message_summary_has_field(CV_SPAN("SUBJECT")));
	assert_false(message_summary_has_field(CV_SPAN("x-other")));
}

static void records_are_checked(void **state)
{
	for (size_t m = 0; m < COUNT(messages); m++) {
		struct message_summary sum, read;
		struct cv_text text;

		cv_text_init(&text, pool);
		summary_make(messages[m], &sum);
		message_summary_encode(&text, &sum);
		assert_int_equal(message_summary_decode(cv_text_span(&text),
							&read), CV_OK);
		assert_true(cv_span_equal(sum.envelope, read.envelope));
		assert_true(cv_span_equal(sum.tree, read.tree));
		assert_true(cv_span_equal(sum.to_display, read.to_display));
		assert_int_equal(sum.virtual_size, read.virtual_size);
		assert_int_equal(sum.sent.zone, read.sent.zone);
		for (size_t cut = 0; cut < text.len; cut++)
			assert_int_equal(message_summary_decode(
				cv_span(text.data, cut), &read), CV_E_SYNTAX);
		text.data[0]++;
		assert_int_equal(message_summary_decode(cv_text_span(&text),
							&read), CV_NOT_FOUND);
	}
}

static void attachments_are_seen(void **state)
{
	static const struct { const char *part; bool attachment; } cases[] = {
		{ "Content-Type: text/plain\n\nx", false },
		{ "Content-Type: application/pdf; name=x\n\nx", true },
		{ "Content-Type: application/pdf\n\nx", false },
		{ "Content-Disposition: attachment\n\nx", true },
		{ "Content-Type: image/png\nContent-Disposition: inline; "
		  "filename*=utf-8''x\n\nx", true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct message_summary sum;

		summary_make(cv_span_of(pool_printf(pool,
			"Content-Type: multipart/mixed; boundary=b\n\n"
			"--b\n%s\n--b--\n", cases[i].part)), &sum);
		assert_int_equal((sum.flags & SUMMARY_HAS_ATTACHMENT) != 0,
				 cases[i].attachment);
	}
}

/* --- previews ----------------------------------------------------------- */

static const char *preview(const char *message)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	assert_int_equal(message_preview_make(pool, stream_open_memory(
		pool, cv_span_of(message)), &text, NULL), CV_OK);
	return cv_text_str(&text);
}

static void previews_are_the_first_words(void **state)
{
	static const char *const cases[][2] = {
		{ "\n hello \n\n\t world\n", "hello world" },
		{ "\n> quoted\nmine\n", "mine" },
		{ "\n> only\n> quotes\n", "> only > quotes" },
		{ "Content-Type: text/plain; charset=iso-8859-1\n"
		  "Content-Transfer-Encoding: quoted-printable\n\nh=E9\n",
		  "h\xc3\xa9" },
		{ "Content-Type: text/html\n\n<html><head><title>x</title>"
		  "</head><body><style>p{}</style><!-- > --><p>a&amp;b&#233;"
		  "&nbsp;<b>c</b>d<br>e &bogus; < f<script>x</script>g",
		  "a&b\xc3\xa9 cd e &bogus; < fg" },
		{ "Content-Type: text/html\n\n<!-- open", "" },
		{ "Content-Type: text/html\n\n<script>open", "" },
		{ "Content-Type: text/html\n\n<p", "" },
		{ "Content-Type: image/png\n\nx", "" }, { "", "" },
		{ "Content-Type: multipart/alternative; boundary=b\n\n--b\n"
		  "Content-Type: text/html\n\nhtml\n--b\n\nplain\n--b--\n",
		  "plain" },
	};

	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(preview(cases[i][0]), cases[i][1]);
}

static void previews_end_after_200_characters(void **state)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	cv_text_append_str(&text, "\n");
	for (int i = 0; i < 1000; i++)
		cv_text_append_str(&text, "\xc3\xa9");
	assert_int_equal(strlen(preview(text.data)), 400);
	cv_text_reset(&text);
	cv_text_append_str(&text, "Content-Type: text/html\n\n");
	for (int i = 0; i < 1000000; i++)
		cv_text_append_str(&text, i % 2 == 0 ? "<head><" : "</&");
	(void)preview(text.data);
}

/* --- hostile messages [security.md C] ----------------------------------- */

/* Parses unit repeated to size, then last; both in one run and in chunks. */
static const struct mime_tree *parse_repeated(struct cv_pool *own,
					      const char *first,
					      const char *unit, size_t size)
{
	const struct mime_tree *tree;
	struct message_parser *p;
	struct cv_text text;
	uint64_t start = time_monotonic_msecs();

	cv_text_init(&text, own);
	cv_text_append_str(&text, first);
	while (text.len < size)
		cv_text_append_str(&text, unit);
	p = message_parser_create(own, NULL);
	for (size_t at = 0; at < text.len; at += 60000)
		message_parser_feed(p, cv_span(text.data + at,
			text.len - at < 60000 ? text.len - at : 60000));
	tree = message_parser_finish(p);
	assert_tree(tree, text.len);
	/* 50 ns a byte is 0.5 s for 10 MB; sanitizers take their share */
	assert_true(time_monotonic_msecs() - start < 10 * size / 10000);
	return tree;
}

static void hostile_structures_are_bounded(void **state)
{
	static const struct { const char *first, *unit; } cases[] = {
		{ "Content-Type: multipart/mixed; boundary=x\n\n", "--x\n" },
		{ "Content-Type: multipart/mixed; boundary=x\n\n", "--x\n\n" },
		{ "", "Content-Type: message/rfc822\n\n" },
		{ "", "Content-Type: multipart/mixed; boundary=x\n\n--x\n" },
		{ "", "Content-Type: multipart/digest; boundary=x\n\n--x\n\n" },
		{ "Content-Type: multipart/mixed; boundary=x\n\n", "--\n" },
		{ "Content-Type: multipart/mixed; boundary=x\n\n", "--xx" },
		{ "Content-Type: multipart/mixed; boundary=x\n\n", "-" },
		{ "", "A: b\n" }, { "", "A" }, { "", "\n " }, { "A:", "\n b" },
		{ "Subject:", " x" }, { "To:", "a@b," }, { "", ": x\n" },
		{ "", "\r" }, { "\n", "x" }, { "\n", "\n" }, { "\n", "\r\n" },
		{ "Content-Type: ", "a/b;" }, { "", "Content-Type: a/b\n" },
		{ "", "Content-Language: a,b\n" }, { "", "From: (\n" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cv_pool *own = pool_create("test");

		(void)parse_repeated(own, cases[i].first, cases[i].unit,
				     2000000);
		assert_true(pool_size(own) < 100000000);
		pool_destroy(&own);
	}
}

static void a_hundred_open_boundaries_cost_nothing(void **state)
{
	struct cv_pool *own = pool_create("test");
	const struct mime_tree *tree;
	struct cv_text first;

	cv_text_init(&first, own);
	for (int i = 0; i < 99; i++)
		cv_text_append_f(&first, "Content-Type: multipart/mixed; "
				 "boundary=aaaaaaaaaaaaaaaaaaaaaaaaa%d\n\n"
				 "--aaaaaaaaaaaaaaaaaaaaaaaaa%d\n", i, i);
	cv_text_append_c(&first, '\n');
	tree = parse_repeated(own, first.data,
			      "--aaaaaaaaaaaaaaaaaaaaaaaaax\n", 5000000);
	assert_int_equal(tree->count, 100);
	pool_destroy(&own);
}

static void boundaries_of_all_lengths_work(void **state)
{
	for (size_t len = 1; len < 500; len += 7) {
		struct cv_text text, name;
		const struct mime_tree *tree;

		cv_text_init(&text, pool);
		cv_text_init(&name, pool);
		for (size_t i = 0; i < len; i++)
			cv_text_append_c(&name, (char)('a' + i % 26));
		cv_text_append_f(&text, "Content-Type: multipart/mixed; "
				 "boundary=\"%s\"\n\n--%s\n\nx\n--%s--\n",
				 name.data, name.data, name.data);
		tree = parse(cv_text_span(&text));
		/* the end of one that was cut cannot be told from a part */
		assert_int_equal(tree->count,
				 len <= MESSAGE_BOUNDARY_MAX ? 2 : 3);
		assert_int_equal(tree->parts[1].body.physical, 1);
	}
	assert_int_equal(parse(CV_SPAN("Content-Type: multipart/mixed; "
				       "boundary=\"\"\n\n--\n\nx\n"))->count,
			 1);
}

static void depth_and_count_stop_at_their_caps(void **state)
{
	struct cv_pool *own = pool_create("test");
	const struct mime_tree *tree;

	tree = parse_repeated(own, "Content-Type: multipart/mixed; "
			      "boundary=x\n\n", "--x\n", 1000000);
	assert_int_equal(tree->count, MIME_PARTS_MAX);
	tree = parse_repeated(own, "", "Content-Type: message/rfc822\n\n",
			      100000);
	assert_int_equal(tree->count, MIME_DEPTH_MAX + 1);
	/* what lies too deep is still shown in legal form */
	struct cv_text text, body;

	cv_text_init(&text, own);
	cv_text_init(&body, own);
	body_structure_append(&text, tree, true);
	assert_non_null(strstr(text.data, "\"octet-stream\""));
	assert_int_equal(body_structure_to_body(&body, cv_text_span(&text)),
			 CV_OK);
	pool_destroy(&own);
}

static void long_names_are_no_fields(void **state)
{
	struct message_summary sum;
	struct cv_text text;

	cv_text_init(&text, pool);
	for (int i = 0; i < MESSAGE_NAME_MAX + 1; i++)
		cv_text_append_c(&text, 'a');
	cv_text_append_str(&text, ": x\nSubject: s\n\n");
	summary_make(cv_text_span(&text), &sum);
	assert_true(cv_span_is(sum.fields, "Subject: s\r\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_result_does_not_depend_on_the_cuts),
		cmocka_unit_test(trees_survive_the_disk),
		cmocka_unit_test(body_structures_are_as_the_rfc_says),
		cmocka_unit_test(body_is_made_from_body_structure),
		cmocka_unit_test(sections_are_as_the_rfc_says),
		cmocka_unit_test(a_tree_of_another_file_is_noticed),
		cmocka_unit_test(section_names_are_checked),
		cmocka_unit_test(parts_are_decoded),
		cmocka_unit_test(summaries_hold_what_fetch_and_sort_need),
		cmocka_unit_test(kept_fields_are_byte_for_byte),
		cmocka_unit_test(records_are_checked),
		cmocka_unit_test(attachments_are_seen),
		cmocka_unit_test(previews_are_the_first_words),
		cmocka_unit_test(previews_end_after_200_characters),
		cmocka_unit_test(hostile_structures_are_bounded),
		cmocka_unit_test(a_hundred_open_boundaries_cost_nothing),
		cmocka_unit_test(boundaries_of_all_lengths_work),
		cmocka_unit_test(depth_and_count_stop_at_their_caps),
		cmocka_unit_test(long_names_are_no_fields),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
