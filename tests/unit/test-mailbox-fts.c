/* test-mailbox-fts.c - a provider of full-text search that says what the test
 * wants it to say, within SEARCH and SORT, here and behind a broker. */
#include "broker-fixture.h"

#include "cv-fts.h"
#include "module/module-private.h"

#include <fcntl.h>

/* What it answers, and what it was told. */
static struct {
	int last_ret, index_ret, search_ret, forget_ret;
	uint32_t last;			/* index raises it */
	struct cv_set definite, maybe;
	const struct cv_fts_hit *hits;
	uint32_t hit_count;
	uint64_t search_msecs, index_msecs;
	bool stuck;

	uint32_t indexed, searched, forgotten;
	bool cut, fuzzy;
	uint32_t where;
	char header[512], body[512], text[64];
	size_t body_len;
	uint64_t deadline_in;
} fake;

static void nap(uint64_t msecs)
{
	struct timespec t = { (time_t)(msecs / 1000),
			      (long)(msecs % 1000) * 1000000 };

	(void)nanosleep(&t, NULL);
}

static int fake_last(const struct cv_fts_box *box, uint32_t *uid_r,
		     struct cv_error *err)
{
	assert_true(box->uidvalidity != 0);
	*uid_r = fake.last;
	return fake.last_ret == CV_OK ? CV_OK :
		FAIL(err, fake.last_ret, "no last");
}

static void keep(char *dst, size_t size, struct cv_span text)
{
	snprintf(dst, size, "%.*s", (int)(text.len < size ? text.len : size),
		 text.data);
}

static int fake_index(const struct cv_fts_box *box,
		      const struct cv_fts_message *message,
		      struct cv_error *err)
{
	(void)box;
	/* each once, in their order */
	assert_true(message->uid > fake.last);
	nap(fake.index_msecs);
	fake.indexed++;
	fake.cut = message->cut;
	fake.body_len = message->body.len;
	keep(fake.header, sizeof(fake.header), message->header);
	keep(fake.body, sizeof(fake.body), message->body);
	if (fake.index_ret != CV_OK)
		return FAIL(err, fake.index_ret, "no index");
	fake.last = message->uid;
	return CV_OK;
}

static int fake_search(const struct cv_fts_box *box,
		       const struct cv_fts_key *key, struct cv_pool *pool,
		       struct cv_fts_result *r, struct cv_error *err)
{
	(void)box; (void)pool;
	fake.searched++;
	fake.fuzzy = key->fuzzy;
	fake.where = key->where;
	fake.deadline_in = key->deadline_msecs - time_monotonic_msecs();
	keep(fake.text, sizeof(fake.text), key->text);
	while (fake.stuck)
		nap(1000);
	nap(fake.search_msecs);
	if (fake.search_ret != CV_OK)
		return fake.search_ret > 0 ? fake.search_ret :
			FAIL(err, fake.search_ret, "no search");
	r->definite = fake.definite;
	r->maybe = fake.maybe;
	r->hits = fake.hits;
	r->hit_count = fake.hit_count;
	return CV_OK;
}

static int fake_forget(const struct cv_fts_box *box, struct cv_set kept,
		       struct cv_error *err)
{
	(void)box; (void)kept; (void)err;
	fake.forgotten++;
	return fake.forget_ret;
}

static const struct cv_fts fake_fts = {
	CV_SIZED(cv_fts), .name = "fake", .caps = CV_FTS_FUZZY,
	.last = fake_last, .index = fake_index, .search = fake_search,
	.forget = fake_forget,
};

static const struct module_desc fake_desc = {
	.name = "fake", .api_major = CV_API_MAJOR, .api_minor = CV_API_MINOR,
};
static const struct cv_plugin fake_plugin = { .desc = &fake_desc };

static int provide(void **state)
{
	static struct cv_pool *pool;
	struct cv_error err = ERROR_NONE;

	(void)state;
	memset(&fake, 0, sizeof(fake));
	if (pool != NULL)
		return 0;
	pool = pool_create("fake");
	return provider_add((struct cv_plugin *)&fake_plugin,
			    CV_PROVIDER_FTS, &fake_fts, pool, &err);
}

#define S(literal) { literal, sizeof(literal) - 1 }

/* --- questions --------------------------------------------------------------- */

static const struct cv_search_node exact = {
	.op = CV_SEARCH_BODY, .text = S("ody") };
static const struct cv_search_node fuzzy[] = {
	{ .op = CV_SEARCH_FUZZY, .first_child = 1 },
	{ .op = CV_SEARCH_BODY, .text = S("bodi") },
};

#define QUERY(nodes_, count_) { CV_SIZED(cv_search_query), \
	.nodes = nodes_, .count = count_ }

/* "1,3 (100 50)" or "failed" */
static const char *scored(struct fixture *f, struct cv_mailbox *box,
			  const struct cv_search_node *nodes, uint32_t count)
{
	struct cv_search_query q = QUERY(nodes, count);
	const uint8_t *scores = NULL;
	struct cv_text text;
	struct cv_set seqs;
	int ret = mailbox_api.search_scored(box, &q, f->pool, &seqs, &scores,
					    &f->err);

	if (ret < 0)
		return "failed";
	cv_text_init(&text, f->pool);
	cv_text_append_f(&text, "%s (", fixture_set(f, seqs));
	for (uint32_t i = 0; i < seqs.count; i++) {
		for (uint32_t n = seqs.ranges[i].first;
		     n <= seqs.ranges[i].last; n++)
			cv_text_append_f(&text, "%u ", *scores++);
	}
	cv_text_append_str(&text, ")");
	return cv_text_str(&text);
}

static const char *sorted(struct fixture *f, struct cv_mailbox *box,
			  uint32_t key)
{
	struct cv_search_query q = QUERY(fuzzy, 2);
	struct cv_sort_request r = { CV_SIZED(cv_sort_request),
		.keys = &key, .key_count = 1, .query = &q };
	uint32_t *seqs, count;
	struct cv_text text;

	ok(f, mailbox_api.sort(box, &r, f->pool, &seqs, &count, &f->err));
	cv_text_init(&text, f->pool);
	for (uint32_t i = 0; i < count; i++)
		cv_text_append_f(&text, "%u ", seqs[i]);
	return cv_text_str(&text);
}

static const char third[] = "Subject: three\r\n\r\nnothing\r\n";

static struct cv_mailbox *three(struct fixture *f, const char *settings)
{
	fixture_init(f, settings);
	fixture_save(f, "INBOX", mail_one, 0);
	fixture_save(f, "INBOX", mail_two, 0);
	fixture_save(f, "INBOX", third, 0);
	return fixture_open(f, "INBOX");
}

#define SET(...) { (struct cv_range[]){ __VA_ARGS__ }, \
	sizeof((struct cv_range[]){ __VA_ARGS__ }) / sizeof(struct cv_range) }

/* --- tests ------------------------------------------------------------------- */

static void what_it_says_decides(void **state)
{
	static const struct cv_fts_hit hits[] = { { 1, 40 }, { 3, 90 } };
	struct cv_mailbox *box;
	struct fixture f;

	(void)state;
	box = three(&f, "");
	assert_int_equal(mailbox_api.search_caps(f.user),
			 CV_SEARCH_CAN_FUZZY);
	/* a maybe is looked through, all others are not */
	fake.maybe = (struct cv_set)SET({ 2, 3 });
	assert_string_equal(scored(&f, box, &exact, 1), "2 (100 )");
	assert_int_equal(fake.indexed, 3);
	assert_false(fake.fuzzy);
	assert_string_equal(fake.text, "ody");
	assert_int_equal(fake.where, CV_FTS_BODY);
	assert_true(fake.deadline_in <= 30000);
	/* a definite one is not looked through */
	fake.definite = (struct cv_set)SET({ 3, 3 });
	fake.maybe = (struct cv_set){ NULL, 0 };
	assert_string_equal(scored(&f, box, &exact, 1), "3 (100 )");
	fake.definite = (struct cv_set)SET({ 1, 1 }, { 3, 3 });
	fake.hits = hits;
	fake.hit_count = 2;
	assert_string_equal(scored(&f, box, fuzzy, 2), "1,3 (40 90 )");
	assert_true(fake.fuzzy);
	assert_string_equal(sorted(&f, box, CV_SORT_RELEVANCY), "3 1 ");
	assert_string_equal(sorted(&f, box, CV_SORT_RELEVANCY |
				   CV_SORT_REVERSE), "1 3 ");
	/* no message was given to it twice */
	assert_int_equal(fake.indexed, 3);
	assert_int_equal(fake.forgotten, 0);
	fixture_deinit(&f);
}

static void scores_are_between_1_and_100(void **state)
{
	static const struct cv_fts_hit hits[] = {
		{ 1, 0 }, { 2, UINT32_MAX }, { 9, 50 } };
	struct cv_mailbox *box;
	struct fixture f;

	(void)state;
	box = three(&f, "");
	fake.definite = (struct cv_set)SET({ 1, 3 });
	fake.hits = hits;
	fake.hit_count = 3;
	/* the third has no score */
	assert_string_equal(scored(&f, box, fuzzy, 2), "1:3 (1 100 1 )");
	fake.hit_count = 0;
	fake.hits = NULL;
	assert_string_equal(scored(&f, box, fuzzy, 2), "1:3 (1 1 1 )");
	fixture_deinit(&f);
}

static void the_best_of_two_scores_counts(void **state)
{
	static const struct cv_fts_hit hits[] = { { 1, 30 }, { 2, 70 } };
	static const struct cv_search_node two[] = {
		{ .op = CV_SEARCH_FUZZY, .first_child = 1 },
		{ .op = CV_SEARCH_BODY, .text = S("a"),
		  .next = 2 },
		{ .op = CV_SEARCH_HEADER, .field = S("Subject"),
		  .text = S("b"), .next = 3 },
		{ .op = CV_SEARCH_ALL },
	};
	struct cv_mailbox *box;
	struct fixture f;

	(void)state;
	box = three(&f, "");
	fake.definite = (struct cv_set)SET({ 1, 2 });
	fake.hits = hits;
	fake.hit_count = 2;
	assert_string_equal(scored(&f, box, two, 4), "1:2 (30 70 )");
	assert_int_equal(fake.searched, 2);
	fixture_deinit(&f);
}

static void answers_out_of_order_turn_it_off(void **state)
{
	static const struct cv_fts_hit twice[] = { { 2, 5 }, { 2, 5 } };
	static const struct cv_fts_hit zero[] = { { 0, 5 } };
	const struct {
		struct cv_set definite, maybe;
		const struct cv_fts_hit *hits;
		uint32_t hit_count;
		int last, index, search;
	} cases[] = {
		{ .definite = SET({ 2, 1 }) },
		{ .definite = SET({ 0, 3 }) },
		{ .definite = SET({ 1, 2 }, { 2, 3 }) },
		{ .definite = SET({ 3, 3 }, { 1, 1 }) },
		{ .maybe = SET({ 3, 3 }, { 1, 1 }) },
		{ .maybe = SET({ 1, UINT32_MAX }, { 1, 1 }) },
		{ .hits = twice, .hit_count = 2 },
		{ .hits = zero, .hit_count = 1 },
		{ .last = CV_E_TEMP }, { .index = CV_E_INTERNAL },
		{ .search = CV_E_LIMIT }, { .search = CV_EOF },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cv_mailbox *box;
		struct fixture f;

		memset(&fake, 0, sizeof(fake));
		fake.definite = cases[i].definite;
		fake.maybe = cases[i].maybe;
		fake.hits = cases[i].hits;
		fake.hit_count = cases[i].hit_count;
		fake.last_ret = cases[i].last;
		fake.index_ret = cases[i].index;
		fake.search_ret = cases[i].search;
		box = three(&f, "");
		/* looked through, as if there was none */
		assert_string_equal(scored(&f, box, &exact, 1),
				    "1:2 (100 100 )");
		assert_int_equal(mailbox_api.search_caps(f.user), 0);
		fake.searched = 0;
		assert_string_equal(scored(&f, box, fuzzy, 2), " ()");
		assert_int_equal(fake.searched, 0);
		fixture_deinit(&f);
	}
}

static void a_failure_is_told_where_it_is_enforced(void **state)
{
	static const struct cv_search_node subject = {
		.op = CV_SEARCH_HEADER, .field = S("Subject"),
		.text = S("one") };
	static const struct { const char *set, *header, *body; } cases[] = {
		{ "no", "1 (100 )", "1:2 (100 100 )" },
		{ "yes", "failed", "failed" },
		{ "body", "1 (100 )", "failed" },
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		char settings[64];
		struct cv_mailbox *box;
		struct fixture f;

		snprintf(settings, sizeof(settings),
			 "plugin {\nfts_enforced = %s\n}\n",
			 cases[i / 2].set);
		memset(&fake, 0, sizeof(fake));
		fake.search_ret = CV_E_TEMP;
		box = three(&f, settings);
		if (i % 2 == 0)
			assert_string_equal(scored(&f, box, &subject, 1),
					    cases[i / 2].header);
		else
			assert_string_equal(scored(&f, box, &exact, 1),
					    cases[i / 2].body);
		fixture_deinit(&f);
	}
}

static void what_is_not_there_is_never_shown(void **state)
{
	struct cv_mailbox *box;
	struct fixture f;

	(void)state;
	box = three(&f, "");
	fake.definite = (struct cv_set)SET({ 1, UINT32_MAX });
	assert_string_equal(scored(&f, box, fuzzy, 2), "1:3 (1 1 1 )");
	assert_int_equal(fake.forgotten, 1);
	/* behind what it has seen is looked through */
	fixture_store(&f, box, 1, 1, CV_FLAGS_ADD, CV_FLAG_DELETED, NULL);
	ok(&f, mailbox_api.expunge(box, NULL, &f.err));
	(void)fixture_sync(&f, box, 0);
	fake.definite = (struct cv_set)SET({ 1, 1 }, { 3, 3 });
	fake.forget_ret = CV_E_TEMP;
	assert_string_equal(scored(&f, box, fuzzy, 2), "2 (1 )");
	assert_int_equal(fake.forgotten, 2);
	fixture_deinit(&f);
}

static void texts_are_decoded_and_cut(void **state)
{
	static const char coded[] =
		"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
		"Content-Type: text/plain; charset=iso-8859-1\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
		"K=F6ln\r\n";
	static const char unknown[] =
		"Content-Type: text/plain; charset=x-none\r\n\r\nx\r\n";
	struct cv_mailbox *box;
	struct cv_text big;
	struct fixture f;

	(void)state;
	fixture_init(&f, "");
	fixture_save(&f, "INBOX", coded, 0);
	box = fixture_open(&f, "INBOX");
	(void)scored(&f, box, &exact, 1);
	assert_non_null(strstr(fake.header,
			       "Subject: Gr\xc3\xbc\xc3\x9f" "e\n"));
	assert_non_null(strstr(fake.body, "K\xc3\xb6ln"));
	assert_false(fake.cut);
	fixture_save(&f, "INBOX", unknown, 0);
	(void)fixture_sync(&f, box, 0);
	(void)scored(&f, box, &exact, 1);
	assert_int_equal(fake.indexed, 2);
	assert_true(fake.cut);
	cv_text_init(&big, f.pool);
	cv_text_append_str(&big, "Subject: big\r\n\r\n");
	while (big.len < 1200000)
		cv_text_append_str(&big, "a line of a long message\r\n");
	fixture_save(&f, "INBOX", cv_text_str(&big), 0);
	(void)fixture_sync(&f, box, 0);
	(void)scored(&f, box, &exact, 1);
	assert_int_equal(fake.indexed, 3);
	assert_true(fake.cut);
	assert_int_equal(fake.body_len, 1024 * 1024);
	fixture_deinit(&f);
}

static void other_comparators_are_not_asked_for(void **state)
{
	struct cv_search_query q = QUERY(&exact, 1);
	struct cv_mailbox *box;
	struct cv_set seqs;
	struct fixture f;

	(void)state;
	box = three(&f, "");
	q.comparator = CV_COMPARE_OCTET;
	ok(&f, mailbox_api.search(box, &q, f.pool, &seqs, &f.err));
	assert_string_equal(fixture_set(&f, seqs), "1:2");
	assert_int_equal(fake.searched, 0);
	fixture_deinit(&f);
}

static void only_so_many_keys_are_asked_for(void **state)
{
	enum { KEYS = 100 };
	struct cv_search_node nodes[KEYS + 1] = {
		{ .op = CV_SEARCH_OR, .first_child = 1 },
	};
	struct cv_mailbox *box;
	struct fixture f;

	(void)state;
	for (uint32_t i = 1; i <= KEYS; i++)
		nodes[i] = (struct cv_search_node){ .op = CV_SEARCH_BODY,
			.text = S("ody"), .next = i < KEYS ? i + 1 : 0 };
	box = three(&f, "");
	/* the others are looked through */
	assert_string_equal(scored(&f, box, nodes, KEYS + 1),
			    "1:2 (100 100 )");
	assert_int_equal(fake.searched, 64);
	fixture_deinit(&f);
}

static void what_it_learns_does_not_count_as_slow(void **state)
{
	static const char settings[] =
		"plugin {\nfts_search_timeout = 1s\n}\n";
	struct cv_mailbox *box;
	struct fixture f;

	(void)state;
	fake.index_msecs = 400;
	box = three(&f, settings);
	fake.definite = (struct cv_set)SET({ 2, 2 });
	assert_string_equal(scored(&f, box, fuzzy, 2), "2 (1 )");
	assert_true(fake.deadline_in <= 1000);
	assert_int_equal(mailbox_api.search_caps(f.user),
			 CV_SEARCH_CAN_FUZZY);
	fake.search_msecs = 1100;
	assert_string_equal(scored(&f, box, fuzzy, 2), "2 (1 )");
	assert_int_equal(mailbox_api.search_caps(f.user), 0);
	fixture_deinit(&f);
}

static void say_last_words(void *context, const char *text)
{
	const int *fd = context;

	if (write(*fd, text, strlen(text)) < 0)
		_exit(99);
}

static void one_that_does_not_come_back_ends_the_process(void **state)
{
	static const char settings[] =
		"plugin {\nfts_search_timeout = 1ms\n}\n";
	char text[128];
	struct cv_mailbox *box;
	struct fixture f;
	int fds[2], status;
	ssize_t len;
	pid_t pid;

	(void)state;
	box = three(&f, settings);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		fake.stuck = true;
		mailbox_api.set_stuck(f.user, say_last_words, &fds[1]);
		(void)scored(&f, box, &exact, 1);
		_exit(98);
	}
	close(fds[1]);
	len = read(fds[0], text, sizeof(text) - 1);
	assert_true(len > 0);
	text[len] = '\0';
	assert_string_equal(text, "Internal error: a plugin does not answer.");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_FAILURE);
	close(fds[0]);
	fixture_deinit(&f);
}

static void scores_come_through_a_broker(void **state)
{
	static const struct cv_fts_hit hits[] = {
		{ 1, 40 }, { 2, 60 }, { 3, 90 }, { 4, 7 } };
	struct fixture *f;
	struct cv_mailbox *box, *own;
	struct pair p;

	(void)state;
	/* the broker is a fork: it has this fake, too */
	fake.definite = (struct cv_set)SET({ 1, 4 });
	fake.hits = hits;
	fake.hit_count = 4;
	pair_init(&p);
	f = &p.reader;
	fixture_save(&p.owner, "INBOX", mail_one, 0);
	fixture_save(&p.owner, "INBOX", mail_two, 0);
	fixture_save(&p.owner, "INBOX", third, 0);
	grant(&p, "INBOX", "lrs");
	box = fixture_open(f, SHARED "INBOX");
	assert_string_equal(scored(f, box, fuzzy, 2), "1:3 (40 60 90 )");
	assert_string_equal(sorted(f, box, CV_SORT_RELEVANCY), "3 2 1 ");
	/* one is gone there, one has come, and this view knows neither: what
	 * is gone is not found, and numbers stay [RFC2180 4.1] */
	own = fixture_open(&p.owner, "INBOX");
	fixture_store(&p.owner, own, 2, 2, CV_FLAGS_ADD, CV_FLAG_DELETED,
		      NULL);
	ok(&p.owner, mailbox_api.expunge(own, NULL, &p.owner.err));
	fixture_save(&p.owner, "INBOX", mail_one, 0);
	assert_string_equal(scored(f, box, fuzzy, 2), "1,3 (40 90 )");
	(void)fixture_sync(f, box, 0);
	assert_string_equal(scored(f, box, fuzzy, 2), "1:3 (40 90 7 )");
	assert_string_equal(sorted(f, box, CV_SORT_RELEVANCY), "2 1 3 ");
	assert_int_equal(fake.searched, 0);
	pair_deinit(&p);
}

/* Noise for scores, or none: a failure, and nothing is read beyond them. */
static void a_broker_that_lies_gives_no_scores(void **state)
{
	struct pair p;
	struct fixture *f = &p.reader;

	(void)state;
	pair_init(&p);
	p.lie = true;
	for (uint32_t i = 0; i < 200; i++) {
		struct cv_mailbox *box;

		if (mailbox_api.open(f->user, SHARED "INBOX", 0, &box,
				     &f->err) != CV_OK)
			continue;
		(void)scored(f, box, fuzzy, 2);
		mailbox_api.close(&box);
	}
	pair_deinit(&p);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, provide)
	const struct CMUnitTest tests[] = {
		T(what_it_says_decides),
		T(scores_are_between_1_and_100),
		T(the_best_of_two_scores_counts),
		T(answers_out_of_order_turn_it_off),
		T(a_failure_is_told_where_it_is_enforced),
		T(what_is_not_there_is_never_shown),
		T(texts_are_decoded_and_cut),
		T(other_comparators_are_not_asked_for),
		T(only_so_many_keys_are_asked_for),
		T(what_it_learns_does_not_count_as_slow),
		T(one_that_does_not_come_back_ends_the_process),
		T(scores_come_through_a_broker),
		T(a_broker_that_lies_gives_no_scores),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
