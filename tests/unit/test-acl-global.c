/* test-acl-global.c - the administrator's lists of rights. */
#include "mailbox-fixture.h"

static bool matches(const char *pattern, const char *name)
{
	return acl_global_matches(cv_span_of(pattern), cv_span_of(name));
}

static void patterns_match_as_a_whole(void **state)
{
	char many[2001];

	(void)state;
	assert_true(matches("", ""));
	assert_true(matches("*", ""));
	assert_true(matches("*", "a/b"));
	assert_true(matches("a?c", "abc"));
	assert_false(matches("a?c", "ac"));
	assert_true(matches("*x*y", "axbxcy"));
	assert_false(matches("*x*y", "axbxcyz"));
	assert_false(matches("Lists/*", "Lists"));
	assert_true(matches("**b", "ab"));
	assert_false(matches("a%", "ab"));
	/* in no time */
	memset(many, 'a', 2000);
	many[2000] = '\0';
	assert_false(matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", many));
}

static void write_file(struct fixture *f, const char *name, const char *text)
{
	char path[200], old[220];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	snprintf(old, sizeof(old), "%s.new", path);
	file = fopen(old, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(old, path), 0);
}

/* name: below the fixture's directory. */
static struct acl_global *open_global(struct fixture *f, const char *name,
				      const char *options, int expected)
{
	struct acl_global *global = NULL;
	char *setting = pool_printf(f->pool, "vfile:%s/%s%s", f->dir, name,
				    options);

	assert_int_equal(acl_global_open(io_posix(), f->pool, setting,
					 &global, &f->err), expected);
	return global;
}

static const char *rights_in(struct fixture *f, struct acl_global *global,
			     const char *name, bool owner, uint32_t had)
{
	struct acl_who who = { .user = "jane@example.org", .owner = owner };
	struct cv_text text;
	struct acl acl;

	acl_init(&acl, f->pool);
	cv_text_init(&text, f->pool);
	if (acl_global_get(global, name, &acl, &f->err) < 0)
		return "failed";
	acl_rights_format(&text, acl_rights_global(&acl, &who, had), false);
	return cv_text_str(&text);
}

static void lines_replace_and_add_up(void **state)
{
	struct fixture f;
	struct acl_global *g;

	(void)state;
	fixture_init(&f, "");
	write_file(&f, "acl", "# comment\n"
		   "Work user=jane@example.org lr\n\n"
		   "Lists/* anyone lrs\n"
		   "Lists/x owner lrw\n"
		   "\"Two words\" owner l :read write\n"
		   "Neg -user=jane@example.org i\n"
		   "Dup user=jane@example.org l\nDu* user=jane@example.org r\n"
		   "No user=bob lr\n");
	g = open_global(&f, "acl", ":cache_secs=0", CV_OK);
	assert_string_equal(rights_in(&f, g, "Work", true, ACL_ALL), "lr");
	assert_string_equal(rights_in(&f, g, "Lists/a/b", true, ACL_ALL),
			    "lrs");
	assert_string_equal(rights_in(&f, g, "Lists/x", true, ACL_ALL),
			    "lrw");
	assert_string_equal(rights_in(&f, g, "Lists/x", false, 0), "lrs");
	assert_string_equal(rights_in(&f, g, "Two words", true, 0), "lrw");
	assert_string_equal(rights_in(&f, g, "Neg", true, ACL_ALL),
			    "lrwstpekxa");
	assert_string_equal(rights_in(&f, g, "Dup", true, ACL_ALL), "lr");
	assert_string_equal(rights_in(&f, g, "No", true, ACL_ALL),
			    "lrwstipekxa");
	assert_string_equal(rights_in(&f, g, "", false, ACL_READ), "r");
	/* another file takes its place */
	write_file(&f, "acl", "Work user=jane@example.org lrx\n");
	assert_string_equal(rights_in(&f, g, "Work", true, ACL_ALL), "lrx");
	/* one that cannot be read opens nothing */
	write_file(&f, "acl", "Work user=jane@example.org zzz\n");
	assert_string_equal(rights_in(&f, g, "Work", true, ACL_ALL),
			    "failed");
	(void)open_global(&f, "acl", "", CV_E_SYNTAX);
	write_file(&f, "acl", "Work\n");
	(void)open_global(&f, "acl", "", CV_E_SYNTAX);
	(void)open_global(&f, "nowhere", "", CV_E_CONFIG);
	(void)open_global(&f, "acl", ":cache=1", CV_E_CONFIG);
	(void)open_global(&f, "acl", ":cache_secs=x", CV_E_CONFIG);
	fixture_deinit(&f);
}

static void a_directory_has_a_file_for_each(void **state)
{
	struct fixture f;
	struct acl_global *g;
	char path[200];

	(void)state;
	fixture_init(&f, "");
	snprintf(path, sizeof(path), "%s/acls", f.dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/acls/Lists", f.dir);
	assert_int_equal(mkdir(path, 0700), 0);
	write_file(&f, "outside", "owner l\n");
	write_file(&f, "acls/Work", "user=jane@example.org lr\n");
	write_file(&f, "acls/Lists/x", "owner lrw\n");
	g = open_global(&f, "acls", ":cache_secs=0", CV_OK);
	assert_string_equal(rights_in(&f, g, "Work", true, ACL_ALL), "lr");
	assert_string_equal(rights_in(&f, g, "Lists/x", true, ACL_ALL),
			    "lrw");
	assert_string_equal(rights_in(&f, g, "Lists", true, ACL_READ), "r");
	assert_string_equal(rights_in(&f, g, "Lists/y", true, ACL_READ), "r");
	assert_string_equal(rights_in(&f, g, "../outside", true, ACL_READ),
			    "r");
	assert_string_equal(rights_in(&f, g, "", true, ACL_READ), "r");
	/* of what is a directory here, the top as well; of nothing below it */
	write_file(&f, "acls/Lists/.DEFAULT", "owner li\n");
	write_file(&f, "acls/.DEFAULT", "owner lk\n");
	assert_string_equal(rights_in(&f, g, "Lists", true, ACL_READ), "li");
	assert_string_equal(rights_in(&f, g, "Lists/z", true, ACL_READ), "r");
	assert_string_equal(rights_in(&f, g, "", true, ACL_READ), "lk");
	write_file(&f, "acls/Lists/.DEFAULT", "owner lw\n");
	assert_string_equal(rights_in(&f, g, "Lists", true, ACL_READ), "lw");
	snprintf(path, sizeof(path), "%s/acls/Lists/.DEFAULT", f.dir);
	assert_int_equal(unlink(path), 0);
	assert_string_equal(rights_in(&f, g, "Lists", true, ACL_READ), "r");
	write_file(&f, "acls/Lists/y", "owner lx\n");
	assert_string_equal(rights_in(&f, g, "Lists/y", true, ACL_READ),
			    "lx");
	snprintf(path, sizeof(path), "%s/acls/Work", f.dir);
	assert_int_equal(unlink(path), 0);
	assert_string_equal(rights_in(&f, g, "Work", true, ACL_READ), "r");
	fixture_deinit(&f);
}

static void they_count_over_what_owners_say(void **state)
{
	struct fixture f;
	struct acl_entry entry = { .kind = ACL_USER, .global = true,
		.name = "bob", .rights = ACL_ALL };
	struct cv_error err = ERROR_NONE;
	struct acl acl;
	char settings[300];

	(void)state;
	fixture_init(&f, "");
	fixture_save(&f, "INBOX", "a: b\n\nc\n", 0);
	ok(&f, mailbox_api.create(f.user, "Work", 0, &f.err));
	ok(&f, mailbox_api.create(f.user, "Free", 0, &f.err));
	write_file(&f, "acl", "Work owner lr\nFree user=bob lr\n"
		   "New* owner l\n");
	fixture_logout(&f);
	settings_tree_destroy(&f.tree);
	snprintf(settings, sizeof(settings), FIXTURE_LOCATION
		 "mail_plugins = acl\nplugin {\n acl = vfile:%s/acl\n}\n",
		 f.dir);
	ok(&f, settings_read_text("test", cv_span_of(settings), NULL, &f.tree,
				  &f.err));
	fixture_login(&f);
	assert_int_equal(fixture_try_save(&f, "Work",
					  CV_SPAN("a: b\n\nc\n"), 0, NULL),
			 CV_E_DENIED);
	assert_int_equal(mailbox_api.remove(f.user, "Work", &err),
			 CV_E_DENIED);
	fixture_save(&f, "Free", "a: b\n\nc\n", 0);
	/* they are told, and not kept */
	acl_init(&acl, f.pool);
	ok(&f, mailbox_acl_get(f.user, "Free", &acl, &f.err));
	assert_int_equal(acl.count, 1);
	assert_true(acl.entries[0].global);
	assert_int_equal(mailbox_acl_change(f.user, "Free", &entry,
					    ACL_REPLACE, &err), CV_E_DENIED);
	entry.global = false;
	ok(&f, mailbox_acl_change(f.user, "Free", &entry, ACL_REPLACE,
				  &f.err));
	acl_init(&acl, f.pool);
	ok(&f, mailbox_acl_get(f.user, "Free", &acl, &f.err));
	assert_int_equal(acl.count, 2);
	fixture_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_as_a_whole),
		cmocka_unit_test(lines_replace_and_add_up),
		cmocka_unit_test(a_directory_has_a_file_for_each),
		cmocka_unit_test(they_count_over_what_owners_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
