/* test-mailbox-search.c - search keys, sections, and saving in pieces. */
#include "mailbox-fixture.h"

static const char plain[] =
	"From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\r\n"
	"To: list@example.org\r\n"
	"Subject: Quarterly =?iso-8859-1?q?=DCbersicht?=\r\n"
	"Date: Fri, 02 Jan 2026 23:30:00 -0500\r\n"
	"X-Odd: strange value\r\n"
	"\r\n"
	"Nothing of note.\r\n";

static const char multi[] =
	"From: bob@example.org\r\n"
	"Subject: parts\r\n"
	"Date: Mon, 05 Jan 2026 12:00:00 +0000\r\n"
	"MIME-Version: 1.0\r\n"
	"Content-Type: multipart/mixed; boundary=b\r\n"
	"\r\n"
	"--b\r\n"
	"Content-Type: text/plain; charset=iso-8859-1\r\n"
	"Content-Transfer-Encoding: quoted-printable\r\n"
	"\r\n"
	"Gr=FC=DFe aus K=F6ln, soft=\r\n"
	"ly joined\r\n"
	"--b\r\n"
	"Content-Type: text/plain; charset=utf-8\r\n"
	"Content-Transfer-Encoding: base64\r\n"
	"\r\n"
	"aGlkZGVuIHRyZWFzdXJl\r\n"
	"--b\r\n"
	"Content-Type: application/octet-stream; name=secret.bin\r\n"
	"\r\n"
	"binarywords\r\n"
	"--b--\r\n";

struct key {
	uint32_t op;
	const char *field, *text;
	int64_t day;
	uint64_t number;
	uint32_t flags;
};

static const char *search_nodes(struct fixture *f, struct cv_mailbox *box,
				const struct cv_search_node *nodes,
				uint32_t count)
{
	struct cv_search_query q = {
		CV_SIZED(cv_search_query), .nodes = nodes, .count = count,
	};
	struct cv_set seqs;

	ok(f, mailbox_api.search(box, &q, f->pool, &seqs, &f->err));
	return fixture_set(f, seqs);
}

static const char *search(struct fixture *f, struct cv_mailbox *box,
			  struct key k)
{
	struct cv_search_node node = {
		.op = k.op, .field = cv_span_of(k.field),
		.text = cv_span_of(k.text), .day = k.day,
		.number = k.number, .flags = k.flags,
	};

	return search_nodes(f, box, &node, 1);
}

static void keys_find_messages(void **state)
{
	int64_t jan2 = time_days_from_civil(2026, 1, 2);
	/* when the first was sent */
	uint64_t sent = (uint64_t)(jan2 + 1) * 86400 + 4 * 3600 + 30 * 60;
	const struct { struct key k; const char *result; } cases[] = {
		{ { .op = CV_SEARCH_ALL }, "1:2" },
		{ { .op = CV_SEARCH_FLAGS, .flags = CV_FLAG_SEEN }, "2" },
		{ { .op = CV_SEARCH_FLAGS, .flags = CV_FLAG_RECENT }, "1:2" },
		{ { CV_SEARCH_HEADER, "from", "j\xc3\x9crgen" }, "1" },
		{ { CV_SEARCH_HEADER, "Subject", "\xc3\xbc" "BERS" }, "1" },
		{ { CV_SEARCH_HEADER, "x-odd", "STRANGE" }, "1" },
		{ { CV_SEARCH_HEADER, "x-odd", "" }, "1" },
		{ { CV_SEARCH_HEADER, "to", "" }, "1" },
		{ { CV_SEARCH_HEADER, "x-none", "" }, "" },
		{ { CV_SEARCH_BODY, NULL, "of NOTE" }, "1" },
		{ { CV_SEARCH_BODY, NULL, "quarterly" }, "" },
		{ { CV_SEARCH_TEXT, NULL, "quarterly" }, "1" },
		{ { CV_SEARCH_BODY, NULL, "gr\xc3\xbc\xc3\x9f" "e aus k"
		    "\xc3\x96ln" }, "2" },
		{ { CV_SEARCH_BODY, NULL, "softly joined" }, "2" },
		{ { CV_SEARCH_BODY, NULL, "hidden treasure" }, "2" },
		{ { CV_SEARCH_BODY, NULL, "secret.bin" }, "" },
		{ { CV_SEARCH_TEXT, NULL, "secret.bin" }, "2" },
		{ { CV_SEARCH_TEXT, NULL, "binarywords" }, "" },
		{ { CV_SEARCH_SENT_ON, NULL, NULL, jan2 }, "1" },
		{ { CV_SEARCH_SENT_SINCE, NULL, NULL, jan2 + 1 }, "2" },
		{ { CV_SEARCH_SENT_BEFORE, NULL, NULL, jan2 + 1 }, "1" },
		{ { .op = CV_SEARCH_LARGER, .number = sizeof(plain) }, "2" },
		{ { .op = CV_SEARCH_SMALLER, .number = sizeof(plain) }, "1" },
		{ { CV_SEARCH_KEYWORD, NULL, "$none" }, "" },
		{ { .op = CV_SEARCH_SINCE, .day = jan2 }, "1:2" },
		/* a second: those of the 24 hours from it on */
		{ { .op = CV_SEARCH_SENT_ON, .number = sent }, "1" },
		{ { .op = CV_SEARCH_SENT_ON, .number = sent + 1 }, "" },
		{ { .op = CV_SEARCH_SENT_ON, .number = sent - 86399 }, "1" },
		{ { .op = CV_SEARCH_SENT_ON, .number = sent - 86400 }, "" },
		{ { .op = CV_SEARCH_SENT_BEFORE, .number = sent }, "" },
		{ { .op = CV_SEARCH_SENT_SINCE, .number = sent + 1 }, "2" },
		{ { .op = CV_SEARCH_ON, .number = sent }, "" },
	};
	struct fixture f;
	struct cv_mailbox *box;

	fixture_init(&f, "");
	fixture_save(&f, "INBOX", plain, 0);
	fixture_save(&f, "INBOX", multi, CV_FLAG_SEEN);
	box = fixture_open(&f, "INBOX");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = search(&f, box, cases[i].k);

		if (strcmp(got, cases[i].result) != 0)
			fail_msg("case %zu: '%s' is not '%s'", i, got,
				 cases[i].result);
	}
	fixture_deinit(&f);
}

static void trees_are_evaluated_without_recursion(void **state)
{
	enum { DEPTH = 9999 };
	struct cv_search_node *deep;
	struct cv_search_node or[] = {
		{ .op = CV_SEARCH_OR, .first_child = 1 },
		{ .op = CV_SEARCH_BODY, .text = CV_SPAN("of note"),
		  .next = 2 },
		{ .op = CV_SEARCH_AND, .first_child = 3 },
		{ .op = CV_SEARCH_FLAGS, .flags = CV_FLAG_SEEN, .next = 4 },
		{ .op = CV_SEARCH_NOT, .first_child = 5 },
		{ .op = CV_SEARCH_FLAGS, .flags = CV_FLAG_DELETED },
	};
	struct cv_search_node cycle[] = {
		{ .op = CV_SEARCH_AND, .first_child = 1 },
		{ .op = CV_SEARCH_NOT, .first_child = 1 },
	};
	struct cv_search_query q = {
		CV_SIZED(cv_search_query), .nodes = cycle, .count = 2,
	};
	struct cv_set seqs;
	struct fixture f;
	struct cv_mailbox *box;

	fixture_init(&f, "");
	fixture_save(&f, "INBOX", plain, 0);
	fixture_save(&f, "INBOX", multi, CV_FLAG_SEEN);
	fixture_save(&f, "INBOX", multi, CV_FLAG_SEEN | CV_FLAG_DELETED);
	box = fixture_open(&f, "INBOX");
	assert_string_equal(search_nodes(&f, box, or, 6), "1:2");
	assert_int_equal(mailbox_api.search(box, &q, f.pool, &seqs, &f.err),
			 CV_E_SYNTAX);
	deep = pool_new_array(f.pool, struct cv_search_node, DEPTH);
	for (uint32_t i = 0; i + 1 < DEPTH; i++) {
		deep[i].op = CV_SEARCH_NOT;
		deep[i].first_child = i + 1;
	}
	deep[DEPTH - 1].op = CV_SEARCH_ALL;
	assert_string_equal(search_nodes(&f, box, deep, DEPTH), "1:3");
	fixture_deinit(&f);
}

#define KEY(what, value) { .op = CV_SEARCH_PART_KEY, .flags = (what), \
			   .text = CV_SPAN(value) }
#define BELOW(what, child) { .op = (what), .first_child = (child) }
#define NEXT(what, value, follows) { .op = CV_SEARCH_PART_KEY, \
		.flags = (what), .text = CV_SPAN(value), .next = (follows) }

static void keys_of_parts_find_messages(void **state)
{
	const struct {
		struct cv_search_node nodes[5];
		uint32_t count;
		const char *result;
	} cases[] = {
		{ { BELOW(CV_SEARCH_PART, 1),
		    KEY(CV_PART_TYPE, "TEXT") }, 2, "1:2" },
		{ { BELOW(CV_SEARCH_PART, 1),
		    KEY(CV_PART_SUBTYPE, "octet-stream") }, 2, "2" },
		{ { BELOW(CV_SEARCH_PART, 1),
		    KEY(CV_PART_BODY, "HIDDEN") }, 2, "2" },
		/* of the same part */
		{ { BELOW(CV_SEARCH_PART, 1),
		    NEXT(CV_PART_ENCODING, "base64", 2),
		    KEY(CV_PART_BODY, "hidden") }, 3, "2" },
		{ { BELOW(CV_SEARCH_PART, 1),
		    NEXT(CV_PART_ENCODING, "quoted-printable", 2),
		    KEY(CV_PART_BODY, "hidden") }, 3, "" },
		{ { BELOW(CV_SEARCH_PART, 1),
		    NEXT(CV_PART_TYPE, "multipart", 2),
		    KEY(CV_PART_BODY, "hidden") }, 3, "2" },
		/* parents and children */
		{ { BELOW(CV_SEARCH_PART, 1),
		    BELOW(CV_SEARCH_PART_PARENT, 0) }, 2, "2" },
		{ { BELOW(CV_SEARCH_PART, 1),
		    BELOW(CV_SEARCH_PART_CHILD, 2),
		    KEY(CV_PART_SUBTYPE, "plain") }, 3, "2" },
		{ { BELOW(CV_SEARCH_PART, 1), BELOW(CV_SEARCH_NOT, 2),
		    KEY(CV_PART_TYPE, "text") }, 3, "2" },
		{ { BELOW(CV_SEARCH_NOT, 1), BELOW(CV_SEARCH_PART, 2),
		    BELOW(CV_SEARCH_PART_PARENT, 0) }, 3, "1" },
		/* no message is within these */
		{ { BELOW(CV_SEARCH_PART, 1),
		    KEY(CV_PART_FROM, "") }, 2, "" },
	};
	struct fixture f;
	struct cv_mailbox *box;

	fixture_init(&f, "");
	fixture_save(&f, "INBOX", plain, 0);
	fixture_save(&f, "INBOX", multi, 0);
	box = fixture_open(&f, "INBOX");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(search_nodes(&f, box, cases[i].nodes,
						 cases[i].count),
				    cases[i].result);
	fixture_deinit(&f);
}

static void keys_of_parts_stand_in_their_place(void **state)
{
	const struct cv_search_node wrong[][4] = {
		{ KEY(CV_PART_TYPE, "text") },
		{ BELOW(CV_SEARCH_PART_PARENT, 0) },
		{ BELOW(CV_SEARCH_PART, 0) },
		{ BELOW(CV_SEARCH_PART, 1), BELOW(CV_SEARCH_ALL, 0) },
		{ BELOW(CV_SEARCH_PART, 1), KEY(0, "") },
		{ BELOW(CV_SEARCH_PART, 1), KEY(CV_PART_INDEX + 1, "") },
		{ BELOW(CV_SEARCH_PART, 1), BELOW(CV_SEARCH_PART_CHILD, 1) },
		{ BELOW(CV_SEARCH_AND, 1), BELOW(CV_SEARCH_PART, 2),
		  BELOW(CV_SEARCH_OR, 0) },
	};
	struct cv_search_node *deep;
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_set seqs;

	fixture_init(&f, "");
	fixture_save(&f, "INBOX", multi, 0);
	box = fixture_open(&f, "INBOX");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct cv_search_query q = {
			CV_SIZED(cv_search_query), .nodes = wrong[i],
			.count = 4,
		};

		assert_int_equal(mailbox_api.search(box, &q, f.pool, &seqs,
						    &f.err), CV_E_SYNTAX);
	}
	/* as many as one PART may have, and one more */
	deep = pool_new_array(f.pool, struct cv_search_node, 1001);
	deep[0] = (struct cv_search_node)BELOW(CV_SEARCH_PART, 1);
	for (uint32_t i = 1; i < 1001; i++)
		deep[i] = (struct cv_search_node)BELOW(CV_SEARCH_NOT, i + 1);
	deep[999] = (struct cv_search_node)KEY(CV_PART_TYPE, "text");
	assert_string_equal(search_nodes(&f, box, deep, 1000), "1");
	deep[999] = (struct cv_search_node)BELOW(CV_SEARCH_NOT, 1000);
	deep[1000] = (struct cv_search_node)KEY(CV_PART_TYPE, "text");
	assert_int_equal(mailbox_api.search(box, &(struct cv_search_query){
		CV_SIZED(cv_search_query), .nodes = deep, .count = 1001 },
		f.pool, &seqs, &f.err), CV_E_SYNTAX);
	fixture_deinit(&f);
}

static const char *section(struct fixture *f, struct cv_mailbox *box,
			   uint32_t seq, uint32_t kind, uint32_t part,
			   const char *field)
{
	struct cv_span name = cv_span_of(field);
	struct cv_section s = {
		CV_SIZED(cv_section), .kind = kind, .part = &part,
		.part_count = part != 0, .fields = &name,
		.field_count = field != NULL,
	};
	struct cv_stream *stream;
	struct cv_text text;
	uint64_t size;
	int ret = mailbox_api.section(box, seq, &s, &stream, &size, &f->err);

	if (ret == CV_NOT_FOUND)
		return "NIL";
	ok(f, ret);
	cv_text_init(&text, f->pool);
	ok(f, stream_read_all(stream, &text, SIZE_MAX / 2, &f->err));
	assert_int_equal(text.len, size);
	return cv_text_str(&text);
}

static void sections_are_cut_out(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;

	fixture_init(&f, "");
	fixture_save(&f, "INBOX", multi, 0);
	box = fixture_open(&f, "INBOX");
	assert_string_equal(section(&f, box, 1, CV_SECTION_FIELDS, 0,
				    "subject"), "Subject: parts\r\n\r\n");
	assert_string_equal(section(&f, box, 1, CV_SECTION_FIELDS, 0,
				    "x-none"), "\r\n");
	assert_string_equal(section(&f, box, 1, CV_SECTION_ALL, 2, NULL),
			    "aGlkZGVuIHRyZWFzdXJl");
	assert_string_equal(section(&f, box, 1, CV_SECTION_ALL, 9, NULL),
			    "NIL");
	assert_string_equal(section(&f, box, 1, CV_SECTION_HEADER, 1, NULL),
			    "NIL");
	assert_non_null(strstr(section(&f, box, 1, CV_SECTION_MIME, 1, NULL),
			       "quoted-printable"));
	assert_non_null(strstr(section(&f, box, 1, CV_SECTION_HEADER, 0,
				       NULL), "MIME-Version"));
	assert_int_equal(strncmp(section(&f, box, 1, CV_SECTION_TEXT, 0,
					 NULL), "--b\r\n", 5), 0);
	fixture_deinit(&f);
}

/* Saves data cut into pieces of n bytes and compares. */
static void save_in_pieces(struct fixture *f, struct cv_span data, size_t n,
			   const char *expected)
{
	struct cv_save_request r = {
		CV_SIZED(cv_save_request), .internal_date = 1000000000,
	};
	struct cv_mailbox *box;
	struct cv_save *save;

	ok(f, mailbox_api.save_begin(f->user, "INBOX", &save, &f->err));
	ok(f, mailbox_api.save_add(save, &r, &f->err));
	for (size_t at = 0; at < data.len; at += n) {
		size_t len = data.len - at < n ? data.len - at : n;

		ok(f, mailbox_api.save_write(save, data.data + at, len,
					     &f->err));
	}
	ok(f, mailbox_api.save_finish(save, &f->err));
	ok(f, mailbox_api.save_commit(&save, f->pool, NULL, NULL, &f->err));
	box = fixture_open(f, "INBOX");
	assert_string_equal(fixture_body(f, box, fixture_state(box).messages),
			    expected);
	assert_int_equal(fixture_message(f, box, fixture_state(box).messages,
					 CV_MESSAGE_SIZE).size_bytes,
			 strlen(expected));
	assert_int_equal(fixture_message(f, box, 1, 0).internal_date,
			 1000000000);
	mailbox_api.close(&box);
}

static void saving_does_not_depend_on_cuts(void **state)
{
	static const char mixed[] =
		"A: b\r\n\r\nlf\ncrlf\r\ncr\rx\r\n\r\nend\r";
	static const char result[] =
		"A: b\r\n\r\nlf\r\ncrlf\r\ncr\rx\r\n\r\nend\r";
	struct fixture f;
	struct cv_text big;

	fixture_init(&f, "");
	for (size_t n = 1; n < sizeof(mixed); n++)
		save_in_pieces(&f, CV_SPAN(mixed), n, result);
	cv_text_init(&big, f.pool);
	cv_text_append_str(&big, "Subject: big\r\n\r\n");
	for (int i = 0; i < 20000; i++)
		cv_text_append_f(&big, "line %d of a long message\r\n", i);
	save_in_pieces(&f, cv_text_span(&big), 1000, cv_text_str(&big));
	save_in_pieces(&f, cv_text_span(&big), 1000000, cv_text_str(&big));
	save_in_pieces(&f, CV_SPAN_NONE, 1, "");
	fixture_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_find_messages),
		cmocka_unit_test(trees_are_evaluated_without_recursion),
		cmocka_unit_test(keys_of_parts_find_messages),
		cmocka_unit_test(keys_of_parts_stand_in_their_place),
		cmocka_unit_test(sections_are_cut_out),
		cmocka_unit_test(saving_does_not_depend_on_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
