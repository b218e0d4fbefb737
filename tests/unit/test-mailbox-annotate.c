/* test-mailbox-annotate.c - annotations of messages [RFC5257] in the mailbox
 * API: their owner's, and another user's through a broker. */
#include "broker-fixture.h"

static const char parted[] =
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n"
	"\r\n--x\r\n\r\none\r\n--x\r\n\r\ntwo\r\n--x--\r\n";

/* One that is set ("-/comment": the user's own); value NULL: removed. */
static struct cv_annotation note(const char *entry, const char *value)
{
	return (struct cv_annotation){
		.entry = cv_span_of(entry + 1),
		.value = value == NULL ? CV_SPAN_NONE : cv_span_of(value),
		.is_private = entry[0] == '-',
	};
}

static int try_set(struct fixture *f, struct cv_mailbox *box, uint32_t seq,
		   const struct cv_annotation *list, uint32_t count,
		   uint32_t max)
{
	struct cv_range one = { seq, seq };
	struct cv_store_request r = {
		CV_SIZED(cv_store_request), .seqs = { &one, 1 },
		.unchanged_since = UINT64_MAX, .annotations = list,
		.annotation_count = count, .annotations_max = max,
	};

	return mailbox_api.store(box, &r, f->pool, NULL, &f->err);
}

static int try_note(struct fixture *f, struct cv_mailbox *box, uint32_t seq,
		    const char *entry, const char *value)
{
	struct cv_annotation a = note(entry, value);

	return try_set(f, box, seq, &a, 1, 0);
}

/* Those that have a value, as "-/comment=x +/comment=y ". */
static const char *notes(struct fixture *f, struct cv_mailbox *box,
			 uint32_t seq)
{
	struct cv_message_data d = fixture_message(f, box, seq,
						   CV_MESSAGE_ANNOTATIONS);
	struct cv_text text;

	cv_text_init(&text, f->pool);
	for (uint32_t i = 0; i < d.annotation_count; i++) {
		const struct cv_annotation *a = &d.annotations[i];

		if (a->value.data != NULL)
			cv_text_append_f(&text, "%c%.*s=%.*s ",
					 a->is_private ? '-' : '+',
					 (int)a->entry.len, a->entry.data,
					 (int)a->value.len, a->value.data);
	}
	return cv_text_str(&text);
}

static int try_save(struct fixture *f, const char *name,
		    const struct cv_annotation *list, uint32_t count,
		    bool if_allowed, uint32_t max)
{
	struct cv_save_request r = {
		CV_SIZED(cv_save_request), .internal_date = INT64_MIN,
		.annotations = list, .annotation_count = count,
		.annotations_if_allowed = if_allowed, .annotations_max = max,
	};
	struct cv_save *save;
	struct cv_set uids;
	int ret = mailbox_api.save_begin(f->user, name, &save, &f->err);

	ok(f, ret);
	ret = mailbox_api.save_add(save, &r, &f->err);
	if (ret == CV_OK)
		ret = mailbox_api.save_write(save, parted, strlen(parted),
					     &f->err);
	if (ret == CV_OK)
		ret = mailbox_api.save_finish(save, &f->err);
	if (ret == CV_OK)
		return mailbox_api.save_commit(&save, f->pool, NULL, &uids,
					       &f->err);
	mailbox_api.save_abort(&save);
	return ret;
}

/* --- the owner's ----------------------------------------------------------- */

static void they_are_there_for_later_sessions(void **state)
{
	struct fixture f;
	struct cv_mailbox *box, *other;

	(void)state;
	fixture_init(&f, "");
	fixture_save(&f, "INBOX", parted, 0);
	box = fixture_open(&f, "INBOX");
	other = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).annotations, CV_ANNOTATIONS_READ |
			 CV_ANNOTATIONS_PRIVATE | CV_ANNOTATIONS_WRITE_SHARED |
			 CV_ANNOTATIONS_WRITE_PRIVATE);
	assert_string_equal(notes(&f, box, 1), "");
	ok(&f, try_note(&f, box, 1, "+/comment", "all"));
	ok(&f, try_note(&f, box, 1, "-/comment", "own"));
	ok(&f, try_note(&f, box, 1, "+/altsubject", ""));
	ok(&f, try_note(&f, box, 1, "+/2/vendor/example/x", "part"));
	assert_string_equal(notes(&f, box, 1), "+/2/vendor/example/x=part "
			    "+/altsubject= -/comment=own +/comment=all ");
	(void)fixture_sync(&f, other, 0);
	ok(&f, try_note(&f, other, 1, "+/comment", NULL));
	mailbox_api.close(&box);
	mailbox_api.close(&other);
	fixture_logout(&f);
	fixture_login(&f);
	box = fixture_open(&f, "INBOX");
	assert_string_equal(notes(&f, box, 1), "+/2/vendor/example/x=part "
			    "+/altsubject= -/comment=own ");
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

static void names_that_nobody_may_set_are_refused(void **state)
{
	static const char *const wrong[] = {
		"+", "+comment", "+/", "+/comment/", "+//comment",
		"+/flags/seen", "+/vendor/", "+/other", "+/0/comment",
		"+/01/comment", "+/1./comment", "+/3/comment",
		"+/1.1/comment", "+/1/altsubject", "+/1/flags/draft",
		"+/comm*nt", "+/4294967296/comment",
	};
	struct cv_mailbox *box;
	struct fixture f;

	(void)state;
	fixture_init(&f, "");
	fixture_save(&f, "INBOX", parted, 0);
	box = fixture_open(&f, "INBOX");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(try_note(&f, box, 1, wrong[i], "x"),
				 CV_E_SYNTAX);
	/* the value of a flag */
	assert_int_equal(try_note(&f, box, 1, "-/1/flags/seen", "2"),
			 CV_E_SYNTAX);
	ok(&f, try_note(&f, box, 1, "-/1/flags/seen", "1"));
	/* a part that is not there has none to remove */
	ok(&f, try_note(&f, box, 1, "+/3/comment", NULL));
	assert_string_equal(notes(&f, box, 1), "-/1/flags/seen=1 ");
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

/* [RFC5257 4.5] */
static void no_more_than_so_many_of_each_kind(void **state)
{
	struct cv_annotation list[2 * CV_ANNOTATIONS_MAX + 1];
	struct cv_mailbox *box;
	struct fixture f;

	(void)state;
	fixture_init(&f, "");
	for (uint32_t i = 0; i < 2 * CV_ANNOTATIONS_MAX + 1; i++) {
		char *name = pool_new_array(f.pool, char, 40);

		(void)snprintf(name, 40, "%c/vendor/example/%u",
			       i % 2 == 0 ? '+' : '-', i);
		list[i] = note(name, "v");
	}
	assert_int_equal(try_save(&f, "INBOX", list,
				  2 * CV_ANNOTATIONS_MAX + 1, false, 0),
			 CV_E_LIMIT);
	assert_int_equal(try_save(&f, "INBOX", list, 6, false, 2),
			 CV_E_LIMIT);
	ok(&f, try_save(&f, "INBOX", list, 2 * CV_ANNOTATIONS_MAX, false, 0));
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_message(&f, box, 1, CV_MESSAGE_ANNOTATIONS)
			 .annotation_count, 2 * CV_ANNOTATIONS_MAX);
	assert_int_equal(try_note(&f, box, 1, "+/comment", "x"), CV_E_LIMIT);
	/* those that are there can be changed, with a lower limit, too, and
	 * one can make room for another */
	list[0].value = CV_SPAN("new");
	ok(&f, try_set(&f, box, 1, list, 4, 2));
	list[0].value = CV_SPAN_NONE;
	list[2] = note("+/comment", "x");
	ok(&f, try_set(&f, box, 1, list, 3, 2));
	ok(&f, try_set(&f, box, 1, list, 1, 2));
	assert_int_equal(try_note(&f, box, 1, "+/altsubject", "x"),
			 CV_E_LIMIT);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

static void a_condition_leaves_out_what_was_changed(void **state)
{
	struct cv_annotation a = note("+/comment", "mine");
	struct cv_range all = { 1, 2 };
	struct cv_store_request r = {
		CV_SIZED(cv_store_request), .seqs = { &all, 1 },
		.annotations = &a, .annotation_count = 1, .silent = true,
	};
	struct cv_mailbox *box;
	struct cv_set modified;
	struct fixture f;

	(void)state;
	fixture_init(&f, "");
	fixture_save(&f, "INBOX", mail_one, 0);
	fixture_save(&f, "INBOX", mail_two, 0);
	box = fixture_open(&f, "INBOX");
	r.unchanged_since = fixture_state(box).highestmodseq;
	ok(&f, try_note(&f, box, 2, "+/comment", "other"));
	ok(&f, mailbox_api.store(box, &r, f.pool, &modified, &f.err));
	assert_string_equal(fixture_set(&f, modified), "2");
	assert_string_equal(notes(&f, box, 1), "+/comment=mine ");
	assert_string_equal(notes(&f, box, 2), "+/comment=other ");
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

/* --- search and sort ------------------------------------------------------- */

static const char *found(struct fixture *f, struct cv_mailbox *box,
			 const char *entry, const char *text, uint32_t kinds,
			 bool none)
{
	struct cv_search_node node = {
		.op = CV_SEARCH_ANNOTATION, .field = cv_span_of(entry),
		.text = cv_span_of(text), .flags = kinds, .number = none,
	};
	struct cv_search_query query = { CV_SIZED(cv_search_query),
		.nodes = &node, .count = 1 };
	struct cv_set seqs;

	ok(f, mailbox_api.search(box, &query, f->pool, &seqs, &f->err));
	return fixture_set(f, seqs);
}

/* By the shared comment, and among equals by the user's own. */
static const char *sorted(struct fixture *f, struct cv_mailbox *box)
{
	static const uint32_t keys[] = { CV_SORT_ANNOTATION,
		CV_SORT_REVERSE | CV_SORT_ANNOTATION };
	struct cv_search_node node = { .op = CV_SEARCH_ALL };
	struct cv_search_query query = { CV_SIZED(cv_search_query),
		.nodes = &node, .count = 1 };
	struct cv_annotation by[] = { note("+/comment", NULL),
		note("-/comment", NULL) };
	struct cv_sort_request r = { CV_SIZED(cv_sort_request),
		.query = &query, .keys = keys, .key_count = 2,
		.annotations = by, .annotation_count = 2 };
	struct cv_text text;
	uint32_t *seqs, count;

	cv_text_init(&text, f->pool);
	ok(f, mailbox_api.sort(box, &r, f->pool, &seqs, &count, &f->err));
	for (uint32_t i = 0; i < count; i++)
		cv_text_append_f(&text, "%u ", seqs[i]);
	return cv_text_str(&text);
}

static void annotate_three(struct fixture *f, struct cv_mailbox *box)
{
	ok(f, try_note(f, box, 1, "+/comment", "Banana"));
	ok(f, try_note(f, box, 2, "+/comment", "apple"));
	ok(f, try_note(f, box, 3, "+/comment", "banana"));
	ok(f, try_note(f, box, 1, "-/comment", "a"));
	ok(f, try_note(f, box, 3, "-/comment", "b"));
}

/* [RFC5257 4.8] [RFC5257 4.9] */
static void they_are_searched_and_sorted_by(void **state)
{
	struct cv_mailbox *box;
	struct fixture f;

	(void)state;
	fixture_init(&f, "");
	for (int i = 0; i < 3; i++)
		fixture_save(&f, "INBOX", mail_one, 0);
	box = fixture_open(&f, "INBOX");
	assert_string_equal(found(&f, box, "/comment", "", 3, true), "1:3");
	assert_string_equal(found(&f, box, "/comment", "a", 3, false), "");
	annotate_three(&f, box);
	assert_string_equal(found(&f, box, "/comment", "BANAN", 2, false),
			    "1,3");
	assert_string_equal(found(&f, box, "/comment", "banan", 1, false), "");
	assert_string_equal(found(&f, box, "/*", "a", 1, false), "1");
	assert_string_equal(found(&f, box, "/comment", "", 1, true), "2");
	assert_string_equal(sorted(&f, box), "2 3 1 ");
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

/* --- others' --------------------------------------------------------------- */

/* A message with annotations of both kinds, which bob may read. */
static struct cv_mailbox *shared_box(struct pair *p, const char *rights)
{
	struct cv_annotation both[] = {
		note("+/comment", "all"), note("-/comment", "secret"),
	};

	alarm(120);
	pair_init(p);
	ok(&p->owner, try_save(&p->owner, "INBOX", both, 2, false, 0));
	grant(p, "INBOX", rights);
	return fixture_open(&p->reader, SHARED "INBOX");
}

static void a_reader_sees_the_shared_ones_and_changes_none(void **state)
{
	struct pair p;
	struct fixture *f = &p.reader;
	struct cv_mailbox *box = shared_box(&p, "lri");
	struct cv_annotation new = note("+/altsubject", "x");

	(void)state;
	assert_int_equal(fixture_state(box).annotations, CV_ANNOTATIONS_READ);
	assert_string_equal(notes(f, box, 1), "+/comment=all ");
	assert_string_equal(found(f, box, "/comment", "secret", 3, false), "");
	assert_string_equal(found(f, box, "/comment", "all", 3, false), "1");
	assert_int_equal(try_note(f, box, 1, "+/comment", "x"), CV_E_DENIED);
	assert_int_equal(try_note(f, box, 1, "-/comment", "x"), CV_E_DENIED);
	assert_int_equal(try_save(f, SHARED "INBOX", &new, 1, false, 0),
			 CV_E_DENIED);
	/* as a copy would: without them */
	ok(f, try_save(f, SHARED "INBOX", &new, 1, true, 0));
	(void)fixture_sync(f, box, 0);
	assert_string_equal(notes(f, box, 2), "");
	mailbox_api.close(&box);
	pair_deinit(&p);
}

static void a_writer_changes_those_of_all(void **state)
{
	struct pair p;
	struct fixture *f = &p.reader;
	struct cv_mailbox *box = shared_box(&p, "lrwi"), *own;
	struct cv_annotation two[] = {
		note("+/altsubject", "s"), note("+/vendor/example/x", "v"),
	};

	(void)state;
	assert_int_equal(fixture_state(box).annotations, CV_ANNOTATIONS_READ |
			 CV_ANNOTATIONS_WRITE_SHARED);
	assert_int_equal(try_note(f, box, 1, "-/comment", "x"), CV_E_DENIED);
	assert_int_equal(try_note(f, box, 1, "+/9/comment", "x"), CV_E_SYNTAX);
	/* one is there: the limit is told along */
	assert_int_equal(try_set(f, box, 1, two, 2, 2), CV_E_LIMIT);
	assert_int_equal(try_save(f, SHARED "INBOX", two, 2, false, 1),
			 CV_E_LIMIT);
	ok(f, try_set(f, box, 1, two, 2, 3));
	ok(f, try_save(f, SHARED "INBOX", two, 2, false, 2));
	(void)fixture_sync(f, box, 0);
	assert_string_equal(notes(f, box, 1), "+/altsubject=s +/comment=all "
			    "+/vendor/example/x=v ");
	assert_string_equal(sorted(f, box), "2 1 ");
	own = fixture_open(&p.owner, "INBOX");
	assert_string_equal(notes(&p.owner, own, 1), "+/altsubject=s "
			    "-/comment=secret +/comment=all "
			    "+/vendor/example/x=v ");
	assert_string_equal(notes(&p.owner, own, 2), "+/altsubject=s "
			    "+/vendor/example/x=v ");
	mailbox_api.close(&own);
	mailbox_api.close(&box);
	pair_deinit(&p);
}

/* [RFC5257 4.6] those of its own and those of all, no others' */
static void copies_from_and_to_others_have_what_they_may(void **state)
{
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };
	struct cv_range one = { 1, 1 };
	struct cv_set seqs = { &one, 1 };
	struct pair p;
	struct fixture *f = &p.reader;
	struct cv_mailbox *box = shared_box(&p, "lrwi"), *own;

	(void)state;
	ok(f, mailbox_api.copy(box, seqs, "INBOX", false, f->pool, &result,
			       &f->err));
	own = fixture_open(f, "INBOX");
	assert_string_equal(notes(f, own, 1), "+/comment=all ");
	ok(f, try_note(f, own, 1, "-/comment", "of bob"));
	ok(f, try_note(f, own, 1, "+/1/comment", "part"));
	ok(f, mailbox_api.copy(own, seqs, SHARED "INBOX", false, f->pool,
			       &result, &f->err));
	(void)fixture_sync(f, box, 0);
	assert_string_equal(notes(f, box, 2), "+/1/comment=part "
			    "+/comment=all ");
	mailbox_api.close(&own);
	own = fixture_open(&p.owner, "INBOX");
	assert_string_equal(notes(&p.owner, own, 2), "+/1/comment=part "
			    "+/comment=all ");
	mailbox_api.close(&own);
	mailbox_api.close(&box);
	pair_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_are_there_for_later_sessions),
		cmocka_unit_test(names_that_nobody_may_set_are_refused),
		cmocka_unit_test(no_more_than_so_many_of_each_kind),
		cmocka_unit_test(a_condition_leaves_out_what_was_changed),
		cmocka_unit_test(they_are_searched_and_sorted_by),
		cmocka_unit_test(
			a_reader_sees_the_shared_ones_and_changes_none),
		cmocka_unit_test(a_writer_changes_those_of_all),
		cmocka_unit_test(copies_from_and_to_others_have_what_they_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
