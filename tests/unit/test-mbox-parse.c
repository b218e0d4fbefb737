/* test-mbox-parse.c - From_ lines, and header fields that are hidden. */
#include "mbox.h"

#include <setjmp.h>
#include <stdlib.h>
#include <cmocka.h>

/* Core's, whose headers a plugin does not include. */
const struct cv_host *module_host(void);

static void from_lines_of_many_programs(void **state)
{
	static const struct { const char *line; int64_t when; } cases[] = {
		{ "From a@b Mon Jan  5 10:11:12 2026", 1767607872 },
		{ "From a@b  Mon Jan 05 10:11:12 2026", 1767607872 },
		{ "From a@b Mon Jan 5 10:11 2026", 1767607860 },
		{ "From a@b Mon Jan  5 10:11:12 2026 +0100", 1767604272 },
		{ "From a@b Mon Jan  5 10:11:12 +0100 2026", 1767604272 },
		{ "From a@b Mon Jan  5 10:11:12 GMT 2026", 1767607872 },
		{ "From a@b Mon Jan  5 10:11:12 MET DST 2026", 1767607872 },
		{ "From a@b Mon Jan  5 10:11:12 2026 remote from uucp",
		  1767607872 },
		{ "From a@b Mon Jan  5 10:11:12 EST 2026 remote from x",
		  1767607872 },
		{ "From - Mon Jan  5 10:11:12 2026\r", 1767607872 },
		{ "From \"a b\"@c Mon Jan  5 10:11:12 2026", 1767607872 },
		{ "From a@b Mon, 5 Jan 2026 10:11:12 +0000", 1767607872 },
		{ "From Mon Mon Jan  5 10:11:12 2026", 1767607872 },
	};
	static const char *const no[] = {
		"From here to there", "From ", "From a@b", "from a@b Mon Jan "
		" 5 10:11:12 2026", ">From a@b Mon Jan  5 10:11:12 2026",
		"From a@b Mon Jan  5 10:11:12", "From a@b Mon Foo  5 10:11:12 "
		"2026", "From a@b Mon Jan 32 10:11:12 2026",
		"From a@b Mon Jan  5 25:11:12 2026",
		"From a@b Mon Jan  5 10:11:12 12345678901234567890",
		"From a@b Mon Jan  5 10:11:12 2026 and so on we went",
		"From a@bMon Jan  5 10:11:12 2026",
	};
	int64_t when;

	(void)state;
	setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!mbox_from_parse(cv_span_of(cases[i].line), &when))
			fail_msg("%s", cases[i].line);
		assert_int_equal(when, cases[i].when);
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (mbox_from_parse(cv_span_of(no[i]), &when))
			fail_msg("%s", no[i]);
	}
}

static void our_from_lines_are_from_lines(void **state)
{
	static const int64_t times[] = {
		0, 1, 1767607872, -1, INT64_MAX, INT64_MIN, 253402300799,
		-62135596800,
	};
	static const char *const senders[] = {
		"a@b", "", "a b\n@c", "MAILER-DAEMON", "Mon Jan",
	};
	struct cv_pool *pool = cv_api->pool_create("test");

	(void)state;
	for (size_t i = 0; i < 8 * 5; i++) {
		struct cv_text line;
		int64_t when;

		cv_text_init(&line, pool);
		mbox_from_append(&line, cv_span_of(senders[i % 5]),
				 times[i / 5]);
		assert_int_equal(line.data[line.len - 1], '\n');
		assert_null(memchr(line.data, '\n', line.len - 1));
		assert_true(mbox_from_parse(cv_span(line.data, line.len - 1),
					    &when));
	}
	cv_api->pool_destroy(&pool);
}

static const char head_text[] =
	"Subject: x\n folded\nX-UID: 17\nStatus: RO\nX-Status: AFTD\n"
	"X-Keywords: a bc  \nContent-Length: 12\n"
	"X-IMAPbase: 77 0000000019 a bc\nX-Culver-Kept: Status: N\n\nbody";

static void head_is_the_same_at_each_cut(void **state)
{
	struct cv_pool *pool = cv_api->pool_create("test");
	struct cv_span all = CV_SPAN(head_text);
	struct mbox_head head, part;
	struct cv_text shown;

	(void)state;
	assert_true(mbox_head_parse(all, true, &head));
	assert_int_equal(head.len, all.len - 4);
	assert_int_equal(head.uid, 17);
	assert_int_equal(head.flags, CV_FLAG_SEEN | CV_FLAG_ANSWERED |
			 CV_FLAG_FLAGGED | CV_FLAG_DRAFT | CV_FLAG_DELETED);
	assert_true(head.old);
	assert_int_equal(head.length, 12);
	assert_int_equal(head.base_validity, 77);
	assert_int_equal(head.base_last, 19);
	assert_memory_equal(all.data + head.base_at, "0000000019", 10);
	assert_true(cv_span_is(head.keywords, "a bc"));
	assert_int_equal(head.meta_at, 19);
	for (size_t cut = 0; cut <= all.len; cut++) {
		/* on the heap, so that a byte too far is seen */
		char *copy = malloc(cut + 1);
		bool whole;

		memcpy(copy, all.data, cut);
		whole = mbox_head_parse(cv_span(copy, cut), false, &part);
		assert_int_equal(whole, cut >= head.len);
		if (whole)
			assert_int_equal(part.flags, head.flags);
		assert_true(mbox_head_parse(cv_span(copy, cut), true, &part));
		assert_true(part.len <= cut);
		free(copy);
	}
	cv_text_init(&shown, pool);
	mbox_head_show(cv_span(all.data, head.len), &shown);
	assert_string_equal(shown.data,
			    "Subject: x\n folded\nStatus: N\n\n");
	cv_api->pool_destroy(&pool);
}

/* Every header of eight pieces of an alphabet comes back from hiding. */
static void hidden_fields_are_shown_again(void **state)
{
	static const char *const alphabet[] = {
		"Status: x", "\n", " ", "X-Culver-Kept: ", "X-Culver-End: yes",
		"From a@b Mon Jan  5 10:11:12 2026", "\r\n", "a:", "",
	};
	struct cv_pool *pool = cv_api->pool_create("test");

	(void)state;
	for (unsigned int n = 0; n < 9 * 9 * 9 * 9 * 9; n++) {
		struct cv_text in, hidden, shown;
		struct mbox_head head;
		size_t body_at;
		bool has_body;

		cv_text_init(&in, pool);
		cv_text_init(&hidden, pool);
		cv_text_init(&shown, pool);
		for (unsigned int i = 0, v = n; i < 5; i++, v /= 9)
			cv_text_append_str(&in, alphabet[v % 9]);
		has_body = mbox_head_hide(cv_text_span(&in), true, &hidden,
					  &body_at);
		assert_true(mbox_head_parse(cv_text_span(&hidden), true,
					    &head));
		assert_int_equal(head.len, hidden.len);
		assert_false(!has_body && body_at != in.len);
		mbox_head_show(cv_text_span(&hidden), &shown);
		if (shown.len != body_at ||
		    memcmp(cv_text_str(&shown), cv_text_str(&in),
			   body_at) != 0)
			fail_msg("'%s' became '%s', seen as '%s'",
				 cv_text_str(&in), cv_text_str(&hidden),
				 cv_text_str(&shown));
		cv_api->pool_reset(pool);
	}
	cv_api->pool_destroy(&pool);
}

static void hash_does_not_depend_on_pieces(void **state)
{
	unsigned char data[100];
	struct mbox_hash whole, pieces;
	uint8_t a[16], b[16];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)(i * 37);
	for (size_t len = 0; len <= sizeof(data); len++) {
		mbox_hash_init(&whole);
		mbox_hash_add(&whole, data, len);
		mbox_hash_end(&whole, a);
		for (size_t cut = 0; cut <= len; cut++) {
			mbox_hash_init(&pieces);
			mbox_hash_add(&pieces, data, cut);
			mbox_hash_add(&pieces, data + cut, len - cut);
			mbox_hash_end(&pieces, b);
			assert_memory_equal(a, b, 16);
		}
		if (len == 0)
			continue;
		mbox_hash_init(&pieces);
		mbox_hash_add(&pieces, data, len - 1);
		mbox_hash_end(&pieces, b);
		assert_memory_not_equal(a, b, 16);
	}
}

/* --- bodies through a window ----------------------------------------------------- */

static struct cv_span file;

static ssize_t file_pread(struct cv_io *io, int fd, void *data, size_t len,
			  uint64_t offset)
{
	struct cv_span rest = cv_span_skip(file, (size_t)offset);

	(void)io; (void)fd;
	if (len > rest.len)
		len = rest.len;
	memcpy(data, rest.data, len);
	return (ssize_t)len;
}

static const struct cv_io_api file_api = {
	CV_SIZED(cv_io_api), .pread = file_pread,
};
static const struct cv_storage_config file_config = {
	CV_SIZED(cv_storage_config), .io_api = &file_api,
};
static struct cv_storage_root file_root = { .config = &file_config };

/* Reads the one or two messages of the file through a window of this size;
 * how many, and the first one's body. */
static uint32_t scan_file(struct cv_pool *pool, size_t room,
			  struct mbox_record *first_r)
{
	struct mbox_reader large, small;
	uint32_t count = 0;
	uint64_t at = 0;

	mbox_reader_init(&large, &file_root, 0, file.len, pool, 8192);
	mbox_reader_init(&small, &file_root, 0, file.len, pool, room);
	while (at < file.len) {
		struct mbox_record r;
		struct mbox_hash hash;
		struct mbox_head head;
		struct cv_text scratch;
		struct cv_span data;

		cv_text_init(&scratch, pool);
		assert_int_equal(mbox_scan_head(&large, at, &r, &head, &data,
						&scratch, &hash, NULL),
				 CV_OK);
		assert_int_equal(mbox_scan_body(&small, &r, head.length,
						&hash, NULL), CV_OK);
		assert_true(mbox_record_end(&r) > at);
		at = mbox_record_end(&r);
		if (count++ == 0)
			*first_r = r;
	}
	assert_int_equal(at, file.len);
	return count;
}

/* What follows the filling: the body's end, and how much of it is the body,
 * and its bare line feeds, when a message comes behind it. */
static const struct { const char *text; size_t len, bare_lf; } tails[] = {
	{ "\nend\n\n", 5, 2 }, { "\r\nend\r\n\r\n", 7, 0 },
	{ "\nFrom nobody\n\n", 13, 2 }, { "\n>From a@b Mon Jan  5 "
	  "10:11:12 2026\n\n", 36, 2 },
	{ "\r\n\r\n\r\n", 4, 0 }, { "\rFrom a@b Mon Jan  5 10:11:12 "
	  "2026\n", 34, 0 }, { "\n\rx\r\r\n\n", 6, 1 },
	{ "\nFrom \n\n", 7, 2 },
};

static const char two_heads[] =
	"From a@b Mon Jan  5 10:11:12 2026\nSubject: x\n\n";

/* The window's end falls on each byte of what is interesting. */
static void bodies_are_the_same_at_each_cut(void **state)
{
	struct cv_pool *pool = cv_api->pool_create("test");

	(void)state;
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		for (size_t fill = 940; fill < 1120; fill++) {
			struct cv_text text;
			struct mbox_record small, large;

			cv_text_init(&text, pool);
			cv_text_append_str(&text, two_heads);
			for (size_t n = 0; n < fill; n++)
				cv_text_append_str(&text, "y");
			cv_text_append_str(&text, tails[i].text);
			cv_text_append_str(&text, two_heads);
			file = cv_text_span(&text);
			assert_int_equal(scan_file(pool, 8192, &large), 2);
			assert_int_equal(scan_file(pool, MBOX_FROM_MAX + 17,
						   &small), 2);
			assert_memory_equal(&small, &large, sizeof(small));
			assert_int_equal(small.body_len,
					 fill + tails[i].len);
			/* the header has two of its own */
			assert_int_equal(small.bare_lf,
					 tails[i].bare_lf + 2);
			cv_api->pool_reset(pool);
		}
	}
	cv_api->pool_destroy(&pool);
}

/* Whatever is cut off, all bytes that are there belong to something. */
static void a_file_that_ends_anywhere_is_read(void **state)
{
	struct cv_pool *pool = cv_api->pool_create("test");
	static const char text[] =
		"From a@b Mon Jan  5 10:11:12 2026\nContent-Length: 4\n\n"
		"abc\n\nFrom b@c Mon Jan  5 10:11:12 2026\r\nX: y\r\n\r\n"
		"From here\r\n\r\nFrom c@d Mon Jan  5 10:11 2026\n\n";

	(void)state;
	for (size_t cut = 5; cut < sizeof(text); cut++) {
		struct mbox_record first;
		char *copy = malloc(cut);

		memcpy(copy, text, cut);
		file = cv_span(copy, cut);
		/* its first line may lack a date, but not its end */
		if (memchr(copy, '\n', cut) != NULL)
			assert_in_range(scan_file(pool, 2048, &first), 1, 3);
		free(copy);
		cv_api->pool_reset(pool);
	}
	cv_api->pool_destroy(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_lines_of_many_programs),
		cmocka_unit_test(our_from_lines_are_from_lines),
		cmocka_unit_test(head_is_the_same_at_each_cut),
		cmocka_unit_test(hidden_fields_are_shown_again),
		cmocka_unit_test(hash_does_not_depend_on_pieces),
		cmocka_unit_test(bodies_are_the_same_at_each_cut),
		cmocka_unit_test(a_file_that_ends_anywhere_is_read),
	};

	cv_api = module_host();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
