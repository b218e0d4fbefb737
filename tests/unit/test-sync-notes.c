/* test-sync-notes.c - sets of annotations of messages: merged, compared, and
 * read from strangers. */
#include "base.h"
#include "sync/sync-wire.h"

#include <setjmp.h>
#include <cmocka.h>

struct notes { struct cv_pool *pool; struct sync_words words; };

static int setup(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct notes *n = pool_new(pool, struct notes);

	n->pool = pool;
	sync_words_init(&n->words, pool);
	*state = n;
	return 0;
}

static int teardown(void **state)
{
	struct cv_pool *pool = ((struct notes *)*state)->pool;

	pool_destroy(&pool);
	return 0;
}

/* "a=1 -b=2": the second is private. */
static uint32_t make(struct notes *n, const char *text)
{
	struct cv_span rest = cv_span_of(text), word;
	struct cv_annotation list[8];
	uint32_t count = 0;

	while (rest.len > 0 && cv_span_split(&rest, ' ', &word)) {
		bool is_private = word.data[0] == '-';

		word = cv_span_skip(word, is_private);
		list[count++] = (struct cv_annotation){
			.entry = cv_span(word.data, 1),
			.value = cv_span_skip(word, 2),
			.is_private = is_private,
		};
	}
	return sync_notes_of(&n->words, list, count);
}

static const char *show(struct notes *n, uint32_t set)
{
	const struct cv_annotation *list;
	struct cv_text out;
	uint32_t count;

	cv_text_init(&out, n->pool);
	list = sync_notes_get(&n->words, set, n->pool, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			cv_text_append_c(&out, ' ');
		if (list[i].is_private)
			cv_text_append_c(&out, '-');
		cv_text_append_span(&out, list[i].entry);
		cv_text_append_c(&out, list[i].value.data == NULL ? '!' : '=');
		cv_text_append_span(&out, list[i].value);
	}
	return cv_text_str(&out);
}

static void equal_sets_have_equal_numbers(void **state)
{
	struct notes *n = *state;

	assert_int_equal(make(n, ""), 0);
	assert_int_equal(make(n, "a=1 -a=2 b="), make(n, "b= -a=2 a=1"));
	assert_int_not_equal(make(n, "a=1"), make(n, "-a=1"));
	assert_int_not_equal(make(n, "a="), 0);
	assert_string_equal(show(n, make(n, "b=2 -a=3 a=1")), "a=1 -a=3 b=2");
}

static void what_has_no_value_is_not_in_a_set(void **state)
{
	struct notes *n = *state;
	struct cv_annotation gone = { .entry = CV_SPAN("a") };

	assert_int_equal(sync_notes_of(&n->words, &gone, 1), 0);
}

static void only_some_kinds_are_left(void **state)
{
	struct notes *n = *state;
	uint32_t set = make(n, "a=1 -a=2 -b=3");

	assert_int_equal(sync_notes_only(&n->words, set, 3), set);
	assert_int_equal(sync_notes_only(&n->words, set, 0), 0);
	assert_int_equal(sync_notes_only(&n->words, set, SYNC_NOTES_SHARED),
			 make(n, "a=1"));
	assert_int_equal(sync_notes_only(&n->words, set, SYNC_NOTES_PRIVATE),
			 make(n, "-a=2 -b=3"));
}

static void three_sets_are_merged(void **state)
{
	static const struct { const char *base, *a, *b, *result; } cases[] = {
		{ "", "a=1", "b=2", "a=1 b=2" },
		{ "", "a=1", "a=2", "a=1" },		/* the first end's */
		{ "a=1", "a=1", "a=2", "a=2" },
		{ "a=1", "a=2", "a=1", "a=2" },
		{ "a=1", "", "a=1", "" },
		{ "a=1", "a=1", "", "" },
		{ "a=1", "", "a=2", "a=2" },		/* not a removal */
		{ "a=1", "a=2", "", "a=2" },
		{ "a=1 b=2", "a=1", "b=2", "" },
		{ "a=1", "-a=1", "a=1 b=", "-a=1 b=" },
		{ "a=1", "", "", "" },
		{ "", "a=1", "a=1", "a=1" },
	};
	struct notes *n = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t set = sync_notes_merge(
			&n->words, make(n, cases[i].base),
			make(n, cases[i].a), make(n, cases[i].b));

		assert_string_equal(show(n, set), cases[i].result);
	}
}

static void a_difference_says_what_is_to_be_removed(void **state)
{
	struct notes *n = *state;

	assert_int_equal(sync_notes_diff(&n->words, make(n, "a=1"),
					 make(n, "a=1")), 0);
	assert_string_equal(show(n, sync_notes_diff(
		&n->words, make(n, "a=1 -a=2 b=3"), make(n, "a=1 b=4 c="))),
		"-a! b=4 c=");
}

/* A parsed set is the one that was written. */
static void bytes_make_the_same_set(void **state)
{
	struct notes *n = *state, other;
	uint32_t set = make(n, "a=1 -a=2 b="), diff, got;
	struct cv_span bytes = sync_notes_bytes(&n->words, set);

	assert_true(sync_notes_parse(&n->words, bytes, &got));
	assert_int_equal(got, set);
	sync_words_init(&other.words, n->pool);
	other.pool = n->pool;
	assert_true(sync_notes_parse(&other.words, bytes, &got));
	assert_string_equal(show(&other, got), "a=1 -a=2 b=");
	diff = sync_notes_diff(&n->words, set, 0);
	assert_true(sync_notes_parse(&other.words,
				     sync_notes_bytes(&n->words, diff), &got));
	assert_string_equal(show(&other, got), "a! -a! b!");
}

/* Cut anywhere but between two of them it is none; no byte of its is
 * read past the end. */
static void a_cut_set_is_none(void **state)
{
	struct notes *n = *state;
	uint32_t one = make(n, "a=1"), two = make(n, "a=1 b=22"), got;
	struct cv_span bytes = sync_notes_bytes(&n->words, two);
	size_t whole = sync_notes_bytes(&n->words, one).len;

	for (size_t len = 0; len <= bytes.len; len++) {
		char *copy = pool_copy(n->pool, bytes.data, len);
		bool is_set = len == 0 || len == whole || len == bytes.len;

		assert_int_equal(sync_notes_parse(&n->words,
						  cv_span(copy, len), &got),
				 is_set);
		assert_int_equal(got, !is_set || len == 0 ? 0 :
				 len == whole ? one : two);
	}
}

static void what_is_no_set_is_refused(void **state)
{
	static const struct cv_span wrong[] = {
		CV_SPAN("\4\1\0\0\0a\0\0\0\0"),		/* unknown kind */
		CV_SPAN("\2\0\0\0\0\0\0\0\0"),		/* without a name */
		CV_SPAN("\0\1\0\0\0a\1\0\0\0x"),	/* none, yet a value */
		CV_SPAN("\2\377\377\377\377a"),		/* too long */
		CV_SPAN("\2\1\0\0\0a\1\0\1\0x"),
		CV_SPAN("\2\1\0\0\0b\0\0\0\0\2\1\0\0\0a\0\0\0\0"), /* order */
		CV_SPAN("\2\1\0\0\0a\0\0\0\0\2\1\0\0\0a\0\0\0\0"), /* twice */
		CV_SPAN("\3\1\0\0\0a\0\0\0\0\2\1\0\0\0a\0\0\0\0"),
	};
	struct notes *n = *state;
	uint32_t got;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(sync_notes_parse(&n->words, wrong[i], &got));
	assert_true(sync_notes_parse(&n->words,
		CV_SPAN("\2\1\0\0\0a\0\0\0\0\3\1\0\0\0a\0\0\0\0"), &got));
}

static void there_are_only_so_many(void **state)
{
	struct notes *n = *state;
	struct cv_text out;
	uint32_t got;

	cv_text_init(&out, n->pool);
	for (uint32_t i = 0; i < 4 * CV_ANNOTATIONS_MAX; i++) {
		wire_put_u8(&out, 2);
		wire_put_str(&out, pool_printf(n->pool, "%06u", i));
		wire_put_str(&out, "");
	}
	assert_true(sync_notes_parse(&n->words, cv_text_span(&out), &got));
	wire_put_u8(&out, 2);
	wire_put_str(&out, "z");
	wire_put_str(&out, "");
	assert_false(sync_notes_parse(&n->words, cv_text_span(&out), &got));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(equal_sets_have_equal_numbers),
		TEST(what_has_no_value_is_not_in_a_set),
		TEST(only_some_kinds_are_left),
		TEST(three_sets_are_merged),
		TEST(a_difference_says_what_is_to_be_removed),
		TEST(bytes_make_the_same_set),
		TEST(a_cut_set_is_none),
		TEST(what_is_no_set_is_refused),
		TEST(there_are_only_so_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
