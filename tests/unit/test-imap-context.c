/* test-imap-context.c - results that are kept up to date [RFC5267]: what
 * clients are told of mailboxes in memory, where new messages go in a sorted
 * list, and contexts of sessions that sleep. */
#include "imap-mock-session.h"
#include "imap-context-private.h"

#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#define SEL "s SELECT INBOX\r\n"
#define OK(tag) tag " OK Search completed.\r\n"
/* [RFC5267 4.3] UPDATE asks for nothing by itself */
#define NONE(tag) "* ESEARCH (TAG \"" tag "\")\r\n" OK(tag)
#define NONE_UID(tag) "* ESEARCH (TAG \"" tag "\") UID\r\n" OK(tag)
#define BAD_ARGS "a BAD Error in IMAP command CANCELUPDATE: Invalid " \
	"arguments.\r\n"

/* All begin with SELECT INBOX: three messages, of which the first is seen. */
static const struct script { const char *in, *out; } scripts[] = {
	{ "a SEARCH RETURN (UPDATE COUNT) SEEN\r\n"
	  "b STORE 2:3 +FLAGS (\\Seen)\r\nc STORE 1,3 -FLAGS.SILENT (\\Seen)"
	  "\r\n",
	  "* ESEARCH (TAG \"a\") COUNT 1\r\n" OK("a")
	  "* 2 FETCH (FLAGS (\\Seen))\r\n* 3 FETCH (FLAGS (\\Seen))\r\n"
	  "* ESEARCH (TAG \"a\") ADDTO (0 2:3)\r\nb OK Store completed.\r\n"
	  "* ESEARCH (TAG \"a\") REMOVEFROM (0 1,3)\r\n"
	  "c OK Store completed.\r\n" },
	/* one goes while another comes */
	{ "a UID SEARCH RETURN (UPDATE) OR 2 FLAGGED\r\n"
	  "b UID SEARCH RETURN (UPDATE) NOT FLAGGED\r\n"
	  "c STORE 3 +FLAGS.SILENT (\\Flagged)\r\n",
	  NONE_UID("a") NONE_UID("b") "* ESEARCH (TAG \"a\") UID ADDTO (0 3)\r\n"
	  "* ESEARCH (TAG \"b\") UID REMOVEFROM (0 3)\r\n"
	  "c OK Store completed.\r\n" },
	/* [RFC5267 4.3.4] before the number means another message */
	{ "a SEARCH RETURN (UPDATE) ALL\r\nb STORE 2 +FLAGS.SILENT "
	  "(\\Deleted)\r\nc EXPUNGE\r\n",
	  NONE("a") "b OK Store completed.\r\n"
	  "* ESEARCH (TAG \"a\") REMOVEFROM (0 2)\r\n* 2 EXPUNGE\r\n"
	  "c OK Expunge completed.\r\n" },
	/* [RFC5267 4.3.3] after it is there */
	{ "a SEARCH RETURN (UPDATE ALL) FLAGGED\r\n"
	  "b APPEND INBOX (\\Flagged) {4+}\r\na\r\n\r\n"
	  "c APPEND INBOX {4+}\r\na\r\n\r\n",
	  "* ESEARCH (TAG \"a\")\r\n" OK("a") "* 4 EXISTS\r\n"
	  "* ESEARCH (TAG \"a\") ADDTO (0 4)\r\n"
	  "b OK [APPENDUID 1001 4] Append completed.\r\n* 5 EXISTS\r\n"
	  "c OK [APPENDUID 1001 5] Append completed.\r\n" },
	/* [RFC5267 4.3] */
	{ "a SEARCH RETURN (UPDATE) ALL\r\na SEARCH RETURN (UPDATE) SEEN\r\n"
	  "a SEARCH RETURN (COUNT) SEEN\r\n",
	  NONE("a") "a BAD Tag reuse\r\n* ESEARCH (TAG \"a\") COUNT 1\r\n"
	  OK("a") },
	/* [RFC5267 4.2] CONTEXT is as if it was not there */
	{ "a SEARCH RETURN (CONTEXT) ALL\r\nb SEARCH RETURN (SAVE CONTEXT) "
	  "ALL\r\n",
	  "* ESEARCH (TAG \"a\") ALL 1:3\r\n" OK("a") OK("b") },
	{ "a SEARCH RETURN (UPDATE CONTEXT) FLAGGED\r\nb UNSELECT\r\n"
	  "c APPEND INBOX (\\Flagged) {4+}\r\na\r\n\r\n",
	  NONE("a") "b OK Unselect completed.\r\n"
	  "c OK [APPENDUID 1001 4] Append completed.\r\n" },
	/* [RFC5267 4.3.5] */
	{ "a SEARCH RETURN (UPDATE) FLAGGED\r\nb CANCELUPDATE \"a\"\r\n"
	  "c STORE 1 +FLAGS.SILENT (\\Flagged)\r\n",
	  NONE("a") "b OK No further updates.\r\nc OK Store completed.\r\n" },
	{ "b CANCELUPDATE \"none\" \"of\" \"them\"\r\n",
	  "b OK No further updates.\r\n" },
	{ "a CANCELUPDATE\r\n", BAD_ARGS },
	{ "a CANCELUPDATE x\r\n", BAD_ARGS },
	{ "a CANCELUPDATE (\"x\")\r\n", BAD_ARGS },
	{ "a CANCELUPDATE \"x\" {1+}\r\ny\r\n", BAD_ARGS },
	/* [RFC7377] */
	{ "a ESEARCH IN (mailboxes (inbox INBOX none)) UNSEEN\r\n"
	  "b ESEARCH RETURN (MIN) 2:9\r\nc ESEARCH IN (selected-delayed) "
	  "ALL\r\nd ESEARCH SUBJECT none\r\n",
	  "* ESEARCH (TAG \"a\" MAILBOX INBOX UIDVALIDITY 1001) UID ALL 2:3"
	  "\r\n" OK("a") "* ESEARCH (TAG \"b\" MAILBOX INBOX UIDVALIDITY "
	  "1001) UID MIN 2\r\n" OK("b") "c BAD Unknown mailbox filter.\r\n"
	  OK("d") },
	{ "a ESEARCH RETURN (UPDATE) FLAGGED\r\n"
	  "b STORE 1 +FLAGS.SILENT (\\Flagged)\r\n",
	  OK("a") "* ESEARCH (TAG \"a\" MAILBOX INBOX UIDVALIDITY 1001) UID "
	  "ADDTO (0 1)\r\nb OK Store completed.\r\n" },
	/* [RFC9586] */
	{ "a SEARCH RETURN (UPDATE) FLAGGED\r\nb ENABLE UIDONLY\r\n",
	  NONE("a") "* ENABLED UIDONLY\r\n* NO [NOUPDATE \"a\"] It has message "
	  "numbers\r\nb OK Enabled.\r\n" },
};

static const char *play(const char *in, size_t step, struct cv_session *s)
{
	static const char selected[] = "s OK [READ-WRITE] Select completed."
		"\r\n";
	char text[1000];
	const char *out;

	snprintf(text, sizeof(text), SEL "%s", in);
	out = strstr(mock_session_play(s, cv_span_of(text), step), selected);
	assert_non_null(out);
	return out + strlen(selected);
}

static void scripts_answer(void **state)
{
	static const size_t steps[] = { 1000000, 1, 7 };
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		for (int k = 0; k < 3; k++) {
			struct cv_session *s = mock_session_new();
			const char *out = play(scripts[i].in, steps[k], s);

			if (strcmp(out, scripts[i].out) != 0) {
				print_error("%s: \n%s\n", scripts[i].in, out);
				wrong++;
			}
			mock_session_free(&s);
		}
	}
	assert_int_equal(wrong, 0);
}

static void there_is_a_bound(void **state)
{
	struct cv_session *s = mock_session_new();
	char in[1000];
	size_t at = 0;
	const char *out;

	(void)state;
	for (int i = 0; i <= IMAP_CONTEXTS_MAX; i++)
		at += (size_t)snprintf(in + at, sizeof(in) - at,
				       "%c SEARCH RETURN (UPDATE) 1\r\n",
				       'a' + i);
	out = play(in, 1000000, s);
	out = strstr(out, "* NO ");
	assert_non_null(out);
	/* [RFC5267 4.3.1] */
	assert_string_equal(out, "* NO [NOUPDATE \"q\"] Too many contexts\r\n"
			    OK("q"));
	mock_session_free(&s);
}

/* --- places in a sorted list ---------------------------------------------- */

enum { MESSAGES = 3000 };

static struct {
	uint32_t keys[MESSAGES + 1];
	bool gone[MESSAGES + 1];
	unsigned int sorts, sorted;
} fake;

static int by_key(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	if (fake.keys[x] != fake.keys[y])
		return fake.keys[x] < fake.keys[y] ? -1 : 1;
	return x < y ? -1 : x > y;
}

static uint32_t fake_uid_of(struct cv_mailbox *box, uint32_t seq)
{
	(void)box;
	return seq;
}

static int fake_sort(struct cv_mailbox *box, const struct cv_sort_request *r,
		     struct cv_pool *pool, uint32_t **seqs_r,
		     uint32_t *count_r, struct cv_error *err)
{
	struct cv_set set = r->query->nodes[1].set;
	uint32_t *found = pool_new_array(pool, uint32_t, MESSAGES);

	(void)box;
	(void)err;
	*seqs_r = found;
	*count_r = 0;
	for (uint32_t i = 0; i < set.count; i++) {
		for (uint32_t n = set.ranges[i].first;
		     n <= set.ranges[i].last; n++) {
			if (!fake.gone[n])
				found[(*count_r)++] = n;
		}
	}
	qsort(found, *count_r, sizeof(*found), by_key);
	fake.sorts++;
	fake.sorted += *count_r;
	return CV_OK;
}

static struct imap_context *fake_context(struct imap_session *s)
{
	static const struct cv_search_node all = { .op = CV_SEARCH_ALL };
	const struct cv_search_query query = { CV_SIZED(cv_search_query),
		.nodes = &all, .count = 1 };
	uint32_t key = CV_SORT_SUBJECT;
	const struct imap_sorting sorting = { &key, 1 };

	return imap_context_new(s, CV_SPAN("x"), true, &query, &sorting);
}

/* Puts these in, and looks whether the living ones are in order, and the
 * positions right when they are told one after the other. */
static void place(struct imap_session *s, struct imap_context *c,
		  const uint32_t *uids, uint32_t count)
{
	struct cv_pool *pool = pool_create("test");
	struct imap_moved *items = pool_new_array(pool, struct imap_moved,
						  count);
	uint32_t *before = pool_new_array(pool, uint32_t, c->count + count);
	uint32_t n = c->count, placed = count, last = 0;

	if (n > 0)
		memcpy(before, c->uids, n * sizeof(*before));
	for (uint32_t i = 0; i < count; i++)
		items[i].uid = uids[i];
	assert_int_equal(imap_context_place(s, pool, c, items, &placed),
			 CV_OK);
	for (uint32_t i = 0; i < placed; i++) {
		uint32_t at = items[i].position - 1;

		assert_true(at <= n);
		memmove(before + at + 1, before + at,
			(n - at) * sizeof(*before));
		before[at] = items[i].uid;
		n++;
	}
	assert_int_equal(n, c->count);
	if (n > 0)
		assert_memory_equal(before, c->uids,
				    n * sizeof(*before));
	for (uint32_t i = 0; i < c->count; i++) {
		if (fake.gone[c->uids[i]])
			continue;
		if (last != 0)
			assert_true(by_key(&last, &c->uids[i]) < 0);
		last = c->uids[i];
	}
	pool_destroy(&pool);
}

static void new_messages_find_their_place(void **state)
{
	struct cv_mailbox_api api = { CV_SIZED(cv_mailbox_api),
		.uid_of = fake_uid_of, .sort = fake_sort };
	const struct cv_mailbox_api *was = imap_mailbox_api;

	(void)state;
	imap_mailbox_api = &api;
	for (unsigned int seed = 1; seed <= 30; seed++) {
		struct imap_session s = {
			.pool = pool_create("test"),
			.exists = MESSAGES };
		struct imap_context *c = fake_context(&s);
		uint32_t next = 1, at = 0, batch[200], kinds;

		srandom(seed);
		/* many that are equal, or few */
		kinds = seed % 3 == 0 ? 5 : 1000000;
		for (uint32_t i = 1; i <= MESSAGES; i++) {
			fake.keys[i] = (uint32_t)random() % kinds;
			fake.gone[i] = false;
		}
		while (next < MESSAGES) {
			uint32_t count = random() % 4 == 0 ?
				(uint32_t)random() % 200 : 1;

			for (at = 0; at <= count && next < MESSAGES; at++) {
				batch[at] = next++;
				/* some go before they are told of */
				fake.gone[batch[at]] = seed % 5 == 0 &&
					random() % 8 == 0;
				if (at + 1 == sizeof(batch) /
				    sizeof(batch[0])) {
					at++;
					break;
				}
			}
			place(&s, c, batch, at);
			/* and some whole stretches of the list */
			if (seed % 2 == 0 && c->count > 0) {
				uint32_t from = (uint32_t)random() %
					c->count;

				for (uint32_t i = from; i < c->count &&
				     i < from + 50; i++)
					fake.gone[c->uids[i]] = true;
			}
		}
		imap_contexts_end(&s, false);
		pool_destroy(&s.pool);
	}
	imap_mailbox_api = was;
}

static void one_message_costs_few_comparisons(void **state)
{
	struct cv_mailbox_api api = { CV_SIZED(cv_mailbox_api),
		.uid_of = fake_uid_of, .sort = fake_sort };
	const struct cv_mailbox_api *was = imap_mailbox_api;
	struct imap_session s = { .pool = pool_create("test"),
				  .exists = MESSAGES };
	struct imap_context *c = fake_context(&s);

	(void)state;
	imap_mailbox_api = &api;
	imap_context_reserve(c, MESSAGES);
	for (uint32_t i = 1; i < MESSAGES; i++) {
		fake.keys[i] = i * 2;
		fake.gone[i] = false;
		c->uids[c->count++] = i;
	}
	for (uint32_t key = 1; key < 200; key++) {
		const uint32_t uid = MESSAGES;

		fake.keys[uid] = key * 29;
		fake.sorts = fake.sorted = 0;
		place(&s, c, &uid, 1);
		assert_true(fake.sorts <= 5);
		assert_true(fake.sorted <= 32 * 4 + 1);
		for (uint32_t i = 0, to = 0; i < MESSAGES; i++) {
			if (c->uids[i] != uid)
				c->uids[to++] = c->uids[i];
		}
		c->count--;
	}
	imap_contexts_end(&s, false);
	pool_destroy(&s.pool);
	imap_mailbox_api = was;
}

/* --- sleep ---------------------------------------------------------------- */

static void two_contexts(struct imap_session *s)
{
	static const struct cv_range ranges[] = { { 3, 9 }, { 70000, 70000 } };
	static const struct cv_search_node nodes[] = {
		{ .op = CV_SEARCH_AND, .first_child = 1 },
		{ .op = CV_SEARCH_UIDS, .set = { ranges, 2 }, .next = 2 },
		{ .op = CV_SEARCH_NOT, .first_child = 3, .next = 4 },
		{ .op = CV_SEARCH_BEFORE, .day = -5, .number = UINT64_MAX },
		{ .op = CV_SEARCH_HEADER, .field = { "From", 4 },
		  .text = { "\xc3\xa4", 2 } },
	};
	struct cv_search_query query = { CV_SIZED(cv_search_query),
		.nodes = nodes, .count = 5, .comparator = CV_COMPARE_OCTET };
	uint32_t keys[] = { CV_SORT_DATE | CV_SORT_REVERSE, CV_SORT_CC };
	struct imap_sorting sorting = { NULL, 0 };
	struct imap_context *c;

	c = imap_context_new(s, CV_SPAN("a]\""), false, &query, &sorting);
	imap_context_reserve(c, 1000);
	for (uint32_t i = 0; i < 10; i++)
		c->uids[c->count++] = 5 + i + i / 5 * 1000;
	c->stale = true;
	sorting = (struct imap_sorting){ keys, 2 };
	c = imap_context_new(s, CV_SPAN("b"), true, &query, &sorting);
	c->last_uid = UINT32_MAX;
	imap_context_reserve(c, 5);
	for (uint32_t i = 0; i < 5; i++)
		c->uids[c->count++] = i % 2 == 0 ? UINT32_MAX - i : 1 + i;
}

static struct imap_session sleeper(struct cv_mailbox *box)
{
	return (struct imap_session){
		.pool = pool_create("test"),
		.cmd_pool = pool_create("test"),
		.box = box, .exists = 10,
	};
}

static void sleeper_end(struct imap_session *s)
{
	imap_contexts_end(s, false);
	pool_destroy(&s->pool);
	pool_destroy(&s->cmd_pool);
}

static void contexts_come_back_from_sleep(void **state)
{
	struct cv_session *mock = mock_session_new();
	struct cv_mailbox *box = (struct cv_mailbox *)mock;
	struct imap_session a = sleeper(box), b = sleeper(box);
	struct cv_text first, second;
	struct cv_span in;

	(void)state;
	cv_text_init(&first, a.pool);
	cv_text_init(&second, a.pool);
	two_contexts(&a);
	assert_true(imap_contexts_freeze(&a, &first));
	cv_text_append_str(&first, "what follows");
	in = cv_text_span(&first);
	assert_true(imap_contexts_thaw(&b, &in));
	assert_string_equal(in.data, "what follows");
	assert_true(imap_contexts_freeze(&b, &second));
	cv_text_append_str(&second, "what follows");
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.data, second.data, first.len);
	assert_int_equal(b.contexts->count, 2);
	assert_true(b.contexts->first->stale);
	assert_int_equal(b.contexts->first->next->sorting.count, 2);
	sleeper_end(&a);
	sleeper_end(&b);
	mock_session_free(&mock);
}

/* What comes back may have been tampered with. */
static void damaged_contexts_are_refused(void **state)
{
	struct cv_session *mock = mock_session_new();
	struct cv_mailbox *box = (struct cv_mailbox *)mock;
	struct imap_session a = sleeper(box);
	struct cv_text good;

	(void)state;
	cv_text_init(&good, a.pool);
	two_contexts(&a);
	assert_true(imap_contexts_freeze(&a, &good));
	for (size_t cut = 0; cut < good.len; cut++) {
		struct imap_session b = sleeper(box);
		char *copy = malloc(cut + 1);
		struct cv_span in = cv_span(copy, cut);

		memcpy(copy, good.data, cut);
		assert_false(imap_contexts_thaw(&b, &in));
		free(copy);
		sleeper_end(&b);
	}
	for (int i = 0; i < 20000; i++) {
		struct imap_session b = sleeper(box);
		char *copy = malloc(good.len);
		struct cv_span in = cv_span(copy, good.len);

		memcpy(copy, good.data, good.len);
		for (int k = 0; k <= i % 4; k++)
			copy[(size_t)random() % good.len] = (char)random();
		(void)imap_contexts_thaw(&b, &in);
		if (b.contexts != NULL) {
			for (const struct imap_context *c =
			     b.contexts->first; c != NULL; c = c->next)
				assert_true(c->count <= b.exists);
		}
		free(copy);
		sleeper_end(&b);
	}
	sleeper_end(&a);
	mock_session_free(&mock);
}

/* Such a session stays in its process. */
static void too_many_messages_do_not_sleep(void **state)
{
	struct cv_session *mock = mock_session_new();
	struct imap_session a = sleeper((struct cv_mailbox *)mock);
	struct imap_context *c;
	struct cv_text out;

	(void)state;
	cv_text_init(&out, a.pool);
	c = fake_context(&a);
	imap_context_reserve(c, 300000);
	for (uint32_t i = 0; i < 300000; i++)
		c->uids[c->count++] = 1 + i * 2;
	assert_false(imap_contexts_freeze(&a, &out));
	for (uint32_t i = 0; i < 300000; i++)
		c->uids[i] = 1 + i;
	cv_text_reset(&out);
	assert_true(imap_contexts_freeze(&a, &out));
	assert_true(out.len < 100);
	sleeper_end(&a);
	mock_session_free(&mock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts_answer),
		cmocka_unit_test(there_is_a_bound),
		cmocka_unit_test(new_messages_find_their_place),
		cmocka_unit_test(one_message_costs_few_comparisons),
		cmocka_unit_test(contexts_come_back_from_sleep),
		cmocka_unit_test(damaged_contexts_are_refused),
		cmocka_unit_test(too_many_messages_do_not_sleep),
	};

	mock_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
