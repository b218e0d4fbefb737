/* test-acl.c - lists of rights: as text, and what they allow. */
#include "mailbox/acl.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static const char letters[] = "lrwstipekxa";

static struct acl parse(struct cv_pool *pool, const char *text)
{
	struct cv_error err = ERROR_NONE;
	struct acl acl;

	acl_init(&acl, pool);
	if (acl_parse(&acl, cv_span_of(text), &err) < 0)
		fail_msg("%s", err.text);
	return acl;
}

static const char *rights_text(struct cv_pool *pool, uint32_t rights)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	acl_rights_format(&text, rights, false);
	return cv_text_str(&text);
}

static void letters_stand_for_rights(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct cv_text text;
	uint32_t rights;

	(void)state;
	cv_text_init(&text, pool);
	assert_int_equal(acl_rights_parse(CV_SPAN("lrwstipekxa"), &rights,
					  NULL), CV_OK);
	assert_int_equal(rights, ACL_ALL);
	assert_string_equal(rights_text(pool, rights), letters);
	/* [RFC4314 2.1.1] */
	assert_int_equal(acl_rights_parse(CV_SPAN("c"), &rights, NULL),
			 CV_OK);
	assert_int_equal(rights, ACL_CREATE | ACL_DELETE);
	assert_int_equal(acl_rights_parse(CV_SPAN("lrswida"), &rights, NULL),
			 CV_OK);
	assert_string_equal(rights_text(pool, rights), "lrwstiea");
	acl_rights_format(&text, rights, true);
	assert_string_equal(cv_text_str(&text), "lrwstieand");
	/* [RFC5257 3.4] tied to "w" */
	assert_int_equal(acl_rights_parse(CV_SPAN("lrn"), &rights, NULL),
			 CV_OK);
	assert_int_equal(rights, ACL_LOOKUP | ACL_READ | ACL_WRITE);
	assert_int_equal(acl_rights_parse(CV_SPAN("lz"), &rights, NULL),
			 CV_E_SYNTAX);
	assert_int_equal(acl_rights_parse_word(CV_SPAN("read"), &rights,
					       NULL), CV_OK);
	assert_int_equal(rights, ACL_READ);
	assert_int_equal(acl_rights_parse_word(CV_SPAN("all"), &rights,
					       NULL), CV_OK);
	assert_int_equal(rights, ACL_ALL);
	pool_destroy(&pool);
}

static void a_list_is_written_as_it_was_read(void **state)
{
	static const char text[] =
		"owner lrwstipekxa\n"
		"anyone lr\n"
		"user=jane@example.org lrs\n"
		"-group=guests r\n"
		"\"user=two words\" l\n"
		"\"user=q\\\"uote\\\\\" l\n"
		"group-override=locked \n";
	struct cv_pool *pool = pool_create("test");
	struct acl acl = parse(pool, text);
	struct cv_text out;

	(void)state;
	cv_text_init(&out, pool);
	assert_int_equal(acl.count, 7);
	assert_string_equal(acl.entries[5].name, "q\"uote\\");
	acl_format(&acl, &out);
	assert_string_equal(cv_text_str(&out), text);
	/* Dovecot's names, comments, empty lines, an entry in two parts */
	acl = parse(pool, "# x\n\nuser=a l :read write-seen\r\nuser=a i\n");
	assert_int_equal(acl.count, 1);
	assert_int_equal(acl.entries[0].rights, ACL_LOOKUP | ACL_READ |
			 ACL_SEEN | ACL_INSERT);
	pool_destroy(&pool);
}

static void what_is_not_understood_is_refused(void **state)
{
	static const char *const bad[] = {
		"user= lr\n", "user=a lrz\n", "user=a lr :frobnicate\n",
		"\"user=a lr\n", "group= l\n", "- l\n", "$ l\n",
	};
	struct cv_pool *pool = pool_create("test");
	struct acl acl;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		acl_init(&acl, pool);
		if (acl_parse(&acl, cv_span_of(bad[i]), NULL) != CV_E_SYNTAX)
			fail_msg("taken: %s", bad[i]);
	}
	acl_init(&acl, pool);
	assert_int_equal(acl_parse(&acl, cv_span("anyone l\0", 9), NULL),
			 CV_E_SYNTAX);
	pool_destroy(&pool);
}

/* At every cut it is either refused, or what was read gives nobody a right
 * that the whole does not give somebody. */
static void every_cut_is_read_without_harm(void **state)
{
	static const char text[] = "\"user=a b\" lr :write\n-group=x r\n"
		"!$y l\nanyone\n";
	struct acl_who who = { .user = "nobody" };

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		struct cv_pool *pool = pool_create("test");
		char *copy = malloc(len + 1);
		struct acl acl;

		memcpy(copy, text, len);
		acl_init(&acl, pool);
		if (acl_parse(&acl, cv_span(copy, len), NULL) == CV_OK)
			assert_int_equal(acl_rights(&acl, &who), 0);
		free(copy);
		pool_destroy(&pool);
	}
}

static void the_more_specific_entry_counts(void **state)
{
	static const struct {
		const char *list, *user, *group;
		bool owner;
		const char *rights;
	} cases[] = {
		{ "", "a", NULL, false, "" },
		{ "", "a", NULL, true, "lrwstipekxa" },
		{ "anyone lr\n", "a", NULL, false, "lr" },
		{ "anyone lr\n", "a", NULL, true, "lrwstipekxa" },
		{ "owner lr\n", "a", NULL, true, "lr" },
		{ "authenticated l\n", "a", NULL, false, "l" },
		{ "authenticated l\n", "", NULL, false, "" },
		{ "anyone lr\nuser=a i\n", "a", NULL, false, "i" },
		{ "anyone lr\nuser=b i\n", "a", NULL, false, "lr" },
		{ "anyone lr\n-user=a r\n", "a", NULL, false, "l" },
		{ "-user=a r\nanyone lr\n", "a", NULL, false, "l" },
		{ "group=g lr\nuser=a lrs\n", "a", "g", false, "lrs" },
		{ "group=g lr\ngroup=h i\n", "a", "g", false, "lr" },
		{ "group=g lr\n-group=g r\n", "a", "g", false, "l" },
		{ "user=a lrs\ngroup-override=g l\n", "a", "g", false, "l" },
		{ "user=a lrs\ngroup-override=g \n", "a", "g", false, "" },
		{ "user=A lr\n", "a", NULL, false, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cv_pool *pool = pool_create("test");
		struct acl acl = parse(pool, cases[i].list);
		const char *groups[] = { cases[i].group };
		struct acl_who who = {
			.user = cases[i].user, .owner = cases[i].owner,
			.groups = { groups, cases[i].group != NULL },
		};
		const char *got = rights_text(pool, acl_rights(&acl, &who));

		if (strcmp(got, cases[i].rights) != 0)
			fail_msg("%zu: %s", i, got);
		pool_destroy(&pool);
	}
}

static void several_groups_add_up(void **state)
{
	struct cv_pool *pool = pool_create("test");
	const char *groups[] = { "g", "h" };
	struct acl_who who = { .user = "a", .groups = { groups, 2 } };
	struct acl acl = parse(pool, "group=g l\ngroup=h r\ngroup=i i\n");

	(void)state;
	assert_string_equal(rights_text(pool, acl_rights(&acl, &who)), "lr");
	pool_destroy(&pool);
}

static void entries_are_set_and_removed(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct acl acl = parse(pool, "anyone l\n");
	struct acl_entry entry;

	(void)state;
	assert_int_equal(acl_identifier_parse(CV_SPAN("jane"), pool, &entry,
					      NULL), CV_OK);
	assert_int_equal(entry.kind, ACL_USER);
	entry.rights = ACL_READ;
	assert_int_equal(acl_set(&acl, &entry, NULL), CV_OK);
	assert_int_equal(acl.count, 2);
	entry.rights = 0;
	assert_int_equal(acl_set(&acl, &entry, NULL), CV_OK);
	assert_int_equal(acl.count, 2);
	assert_true(acl_remove(&acl, &entry));
	assert_false(acl_remove(&acl, &entry));
	assert_int_equal(acl.count, 1);
	assert_int_equal(acl_identifier_parse(CV_SPAN("-$staff"), pool,
					      &entry, NULL), CV_OK);
	assert_int_equal(entry.kind, ACL_GROUP);
	assert_true(entry.negative);
	assert_string_equal(entry.name, "staff");
	assert_int_equal(acl_identifier_parse(CV_SPAN("a\nb"), pool, &entry,
					      NULL), CV_E_SYNTAX);
	for (int i = 0; i < ACL_ENTRIES_MAX; i++) {
		char name[32];

		snprintf(name, sizeof(name), "u%d", i);
		entry = (struct acl_entry){ .kind = ACL_USER, .name = name,
			.rights = ACL_READ };
		assert_int_equal(acl_set(&acl, &entry, NULL),
				 i < ACL_ENTRIES_MAX - 1 ? CV_OK :
				 CV_E_LIMIT);
	}
	pool_destroy(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_stand_for_rights),
		cmocka_unit_test(a_list_is_written_as_it_was_read),
		cmocka_unit_test(what_is_not_understood_is_refused),
		cmocka_unit_test(every_cut_is_read_without_harm),
		cmocka_unit_test(the_more_specific_entry_counts),
		cmocka_unit_test(several_groups_add_up),
		cmocka_unit_test(entries_are_set_and_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
