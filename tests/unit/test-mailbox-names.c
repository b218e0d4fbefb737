/* test-mailbox-names.c - names, lists, subscriptions, namespaces, and trees
 * that other servers have left. */
#include "mailbox-fixture.h"
#include "mailbox/list-match.h"

static const char mail_one[] = "Subject: one\r\n\r\nbody\r\n";

/* --- patterns ------------------------------------------------------------------ */

static void patterns_match_in_linear_time(void **state)
{
	static const struct {
		const char *pattern, *name;
		uint32_t result;
	} cases[] = {
		{ "*", "a/b", LIST_MATCH_YES | LIST_MATCH_CHILDREN },
		{ "%", "a", LIST_MATCH_YES },
		{ "%", "a/b", 0 },
		{ "a/%", "a", LIST_MATCH_CHILDREN },
		{ "a/%", "a/b", LIST_MATCH_YES },
		{ "a*c", "abbc", LIST_MATCH_YES | LIST_MATCH_CHILDREN },
		{ "%/%", "a/b", LIST_MATCH_YES },
		{ "", "", LIST_MATCH_YES },
		{ "ab", "a", 0 },
		{ "A", "a", 0 },
		{ "%%%%b", "ab", LIST_MATCH_YES },
	};
	char pattern[1000], name[1000];
	uint64_t start = time_monotonic_msecs();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(list_match(cv_span_of(cases[i].pattern),
					    cv_span_of(cases[i].name), '/',
					    false), cases[i].result);
	assert_int_equal(list_match(CV_SPAN("iNboX"), CV_SPAN("INBOX"), '/',
				    true), LIST_MATCH_YES);
	/* what sends a backtracking matcher to the end of time */
	memset(pattern, '*', sizeof(pattern));
	for (size_t i = 1; i < sizeof(pattern); i += 2)
		pattern[i] = 'a';
	memset(name, 'a', sizeof(name));
	name[999] = 'b';
	for (int i = 0; i < 20; i++)
		(void)list_match(cv_span(pattern, 999), cv_span(name, 1000),
				 '/', false);
	assert_true(time_monotonic_msecs() - start < 5000);
}

/* --- lists --------------------------------------------------------------------- */

static const struct { uint32_t bit; const char *name; } attribute_names[] = {
	{ CV_MAILBOX_NONEXISTENT, "-" },
	{ CV_MAILBOX_HASCHILDREN, "+" },
	{ CV_MAILBOX_SUBSCRIBED, "s" },
	{ CV_MAILBOX_CHILD_SUBSCRIBED, "c" },
	{ CV_MAILBOX_USE_SENT, "S" },
	{ CV_MAILBOX_USE_TRASH, "T" },
};

/* "INBOX+ a- a.b" */
static const char *list(struct fixture *f, const char *pattern,
			uint32_t options)
{
	struct cv_list_query q = {
		CV_SIZED(cv_list_query), .reference = "",
		.patterns = &pattern, .pattern_count = 1,
		.options = options,
	};
	struct cv_list_entry e = { CV_SIZED(cv_list_entry) };
	struct cv_list *l;
	struct cv_text text;

	cv_text_init(&text, f->pool);
	ok(f, mailbox_api.list_begin(f->user, &q, &l, &f->err));
	while (mailbox_api.list_next(l, &e, &f->err) == CV_OK) {
		cv_text_append_f(&text, "%s%s", text.len > 0 ? " " : "",
				 e.name);
		for (size_t i = 0; i < 6; i++) {
			if (e.attributes & attribute_names[i].bit)
				cv_text_append_str(&text,
						   attribute_names[i].name);
		}
	}
	mailbox_api.list_end(&l);
	return cv_text_str(&text);
}

static void lists_show_what_there_is(void **state)
{
	struct fixture f;

	fixture_init(&f, "");
	assert_string_equal(list(&f, "*", 0), "INBOX");
	ok(&f, mailbox_api.create(f.user, "a.b", 0, &f.err));
	ok(&f, mailbox_api.create(f.user, "Sent",
				  CV_MAILBOX_USE_SENT, &f.err));
	ok(&f, mailbox_api.create(f.user, "INBOX.sub", 0, &f.err));
	assert_string_equal(list(&f, "*", 0),
			    "INBOX+ INBOX.sub SentS a-+ a.b");
	assert_string_equal(list(&f, "%", 0), "INBOX+ SentS a-+");
	assert_string_equal(list(&f, "a.%", 0), "a.b");
	assert_string_equal(list(&f, "*", CV_LIST_SPECIAL_USE), "SentS");
	assert_int_equal(mailbox_api.create(f.user, "a.b", 0, &f.err),
			 CV_E_EXISTS);
	ok(&f, mailbox_api.subscribe(f.user, "a.b", true, &f.err));
	ok(&f, mailbox_api.subscribe(f.user, "gone", true, &f.err));
	assert_string_equal(list(&f, "*", CV_LIST_SUBSCRIBED),
			    "a.bs gone-s");
	assert_string_equal(list(&f, "%", CV_LIST_SUBSCRIBED |
				 CV_LIST_RECURSIVE_MATCH), "a-+c gone-s");
	assert_string_equal(list(&f, "%", CV_LIST_LSUB), "a-+ gone-s");
	assert_string_equal(list(&f, "a", CV_LIST_LSUB), "");
	ok(&f, mailbox_api.subscribe(f.user, "gone", false, &f.err));
	assert_string_equal(list(&f, "*", CV_LIST_LSUB), "a.bs");
	fixture_deinit(&f);
}

static void other_programs_folders_are_seen(void **state)
{
	struct fixture f;
	char path[200];

	fixture_init(&f, "");
	assert_string_equal(list(&f, "*", 0), "INBOX");
	for (int i = 0; i < 3; i++) {
		static const char *const subs[] = { "", "/new", "/cur" };

		snprintf(path, sizeof(path), "%s/home/Maildir/.x.y%s", f.dir,
			 subs[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	snprintf(path, sizeof(path), "%s/home/Maildir/.x.y/tmp", f.dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_string_equal(list(&f, "*", 0), "INBOX x-+ x.y");
	fixture_save(&f, "x.y", mail_one, 0);
	snprintf(path, sizeof(path), "rm -r %s/home/Maildir/.x.y", f.dir);
	assert_int_equal(system(path), 0);
	assert_string_equal(list(&f, "*", 0), "INBOX");
	fixture_deinit(&f);
}

static void subscriptions_are_shared_with_dovecot(void **state)
{
	struct fixture f;
	FILE *file;
	char path[200], text[200];
	size_t len;

	fixture_init(&f, "");
	ok(&f, mailbox_api.subscribe(f.user, "a.b", true, &f.err));
	snprintf(path, sizeof(path), "%s/home/Maildir/subscriptions", f.dir);
	file = fopen(path, "r");
	assert_non_null(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	assert_string_equal(text, "V\t2\n\na\tb\n");
	usleep(20000);
	fixture_write(&f, "subscriptions", "V\t2\n\nINBOX\nc\td\n");
	assert_string_equal(list(&f, "*", CV_LIST_LSUB), "INBOXs c.d-s");
	usleep(20000);
	fixture_write(&f, "subscriptions", "INBOX\nB&AOQ-r\n");
	assert_string_equal(list(&f, "*", CV_LIST_LSUB),
			    "INBOXs B\xc3\xa4r-s");
	fixture_deinit(&f);
}

/* --- names ---------------------------------------------------------------------- */

static void names_stay_inside_the_tree(void **state)
{
	static const char *const bad[] = {
		"", ".", "..", "a..b", ".a", "a.", "a/b", "../x", "a\nb",
		"a\x7f", "\xff", "\xc3\x28", "\xc2\x85", "/etc/passwd",
		"a/../../b", "x.\x01",
	};
	struct fixture f;
	char name[2000];

	fixture_init(&f, "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		/* "a." asks for a parent of children [RFC9051 6.3.4] */
		if (strcmp(bad[i], "a.") == 0)
			continue;
		if (mailbox_api.create(f.user, bad[i], 0, &f.err) >= 0)
			fail_msg("created '%s'", bad[i]);
	}
	memset(name, 'x', sizeof(name));
	name[300] = '\0';
	assert_int_equal(mailbox_api.create(f.user, name, 0, &f.err),
			 CV_E_PERM);
	ok(&f, mailbox_api.create(f.user, "B\xc3\xa4r & \xe2\x82\xac", 0,
				  &f.err));
	assert_true(fixture_count_files(&f, ".B&AOQ-r &- &IKw-") > 0);
	fixture_save(&f, "B\xc3\xa4r & \xe2\x82\xac", mail_one, 0);
	fixture_deinit(&f);
}

static void folders_are_renamed_with_their_children(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	uint32_t uidvalidity;

	fixture_init(&f, "");
	ok(&f, mailbox_api.create(f.user, "a", 0, &f.err));
	ok(&f, mailbox_api.create(f.user, "a.b.c", 0, &f.err));
	fixture_save(&f, "a.b.c", mail_one, 0);
	box = fixture_open(&f, "a.b.c");
	uidvalidity = fixture_state(box).uidvalidity;
	mailbox_api.close(&box);
	assert_int_equal(mailbox_api.rename(f.user, "a", "a.x", &f.err),
			 CV_E_PERM);
	ok(&f, mailbox_api.rename(f.user, "a", "z.y", &f.err));
	assert_string_equal(list(&f, "*", 0),
			    "INBOX z-+ z.y+ z.y.b-+ z.y.b.c");
	box = fixture_open(&f, "z.y.b.c");
	assert_int_equal(fixture_state(box).uidvalidity, uidvalidity);
	assert_string_equal(fixture_body(&f, box, 1), mail_one);
	mailbox_api.close(&box);
	ok(&f, mailbox_api.remove(f.user, "z.y.b.c", &f.err));
	assert_int_equal(mailbox_api.remove(f.user, "z.y.b.c", &f.err),
			 CV_E_NOT_FOUND);
	assert_int_equal(mailbox_api.remove(f.user, "INBOX", &f.err),
			 CV_E_DENIED);
	ok(&f, mailbox_api.create(f.user, "z.y.b.c", 0, &f.err));
	box = fixture_open(&f, "z.y.b.c");
	assert_true(fixture_state(box).uidvalidity > uidvalidity);
	assert_int_equal(fixture_state(box).messages, 0);
	mailbox_api.close(&box);
	/* INBOX stays, its messages go [RFC9051 6.3.6] */
	fixture_save(&f, "INBOX", mail_one, 0);
	ok(&f, mailbox_api.rename(f.user, "INBOX", "old", &f.err));
	box = fixture_open(&f, "old");
	assert_int_equal(fixture_state(box).messages, 1);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 0);
	fixture_deinit(&f);
}

/* --- namespaces and layouts ------------------------------------------------------- */

static void namespaces_have_prefixes(void **state)
{
	struct fixture f;
	struct cv_namespace_info info = { CV_SIZED(cv_namespace_info) };

	fixture_init(&f,
		"namespace inbox {\n inbox = yes\n prefix = INBOX/\n"
		" separator = /\n mailbox Trash {\n auto = subscribe\n"
		" special_use = \\Trash\n }\n}\n"
		"namespace pub {\n type = public\n prefix = Public/\n"
		" separator = /\n location = maildir:~/pub\n"
		" subscriptions = no\n}\n");
	assert_int_equal(user_api.namespace_at(f.user, 1, &info), CV_OK);
	assert_string_equal(info.prefix, "Public/");
	assert_int_equal(info.type, CV_NAMESPACE_PUBLIC);
	ok(&f, mailbox_api.create(f.user, "INBOX/work", 0, &f.err));
	ok(&f, mailbox_api.create(f.user, "Public/all", 0, &f.err));
	assert_string_equal(list(&f, "*", CV_LIST_RETURN_SUBSCRIBED),
			    "INBOX+ INBOX/TrashsT INBOX/work "
			    "Public-+ Public/all");
	assert_int_equal(mailbox_api.create(f.user, "x", 0, &f.err),
			 CV_E_NOT_FOUND);
	/* one that the settings say is there is made when it is needed */
	fixture_save(&f, "INBOX/Trash", mail_one, 0);
	assert_int_equal(fixture_count_files(&f, ".Trash/new"), 1);
	assert_int_equal(mailbox_api.create(f.user, "INBOX/a.b", 0, &f.err),
			 CV_E_PERM);
	fixture_save(&f, "Public/all", mail_one, 0);
	fixture_deinit(&f);
}

static void the_fs_layout_has_directories(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;

	fixture_init(&f, "mail_location = maildir:~/Maildir:LAYOUT=fs\n");
	ok(&f, mailbox_api.create(f.user, "a.b/c", 0, &f.err));
	fixture_save(&f, "a.b/c", mail_one, 0);
	fixture_save(&f, "INBOX", mail_one, 0);
	assert_int_equal(fixture_count_files(&f, "a.b/c/new"), 1);
	assert_int_equal(fixture_count_files(&f, "new"), 1);
	assert_int_equal(mailbox_api.create(f.user, "a.b/cur", 0, &f.err),
			 CV_E_PERM);
	assert_int_equal(mailbox_api.create(f.user, "..", 0, &f.err),
			 CV_E_PERM);
	assert_string_equal(list(&f, "*", 0), "INBOX a.b-+ a.b/c");
	ok(&f, mailbox_api.create(f.user, "a.b", 0, &f.err));
	ok(&f, mailbox_api.rename(f.user, "a.b", "d", &f.err));
	assert_string_equal(list(&f, "*", 0), "INBOX d+ d/c");
	box = fixture_open(&f, "d/c");
	assert_string_equal(fixture_body(&f, box, 1), mail_one);
	mailbox_api.close(&box);
	ok(&f, mailbox_api.remove(f.user, "d", &f.err));
	assert_string_equal(list(&f, "*", 0), "INBOX d-+ d/c");
	fixture_deinit(&f);
}

/* As Dovecot has it: no more is reserved than the folders of messages, in
 * small letters; nor is what we keep beside them a mailbox. */
static void the_fs_layout_reserves_what_is_there_and_no_more(void **state)
{
	static const char *const names[] = {
		".hid", ".hid/deep", "CUR", "New", "Tmp", "a", "a/.hid",
		"a/New", "dovecot", "maildirfolder",
	};
	static const char *const reserved[] = {
		".", "..", "a/..", ".culver", "cur", "new", "tmp", "a/new",
		"dovecot-uidlist", "dovecot.index.log", "subscriptions",
	};
	struct fixture f;
	struct cv_mailbox *box;

	fixture_init(&f, "mail_location = maildir:~/Maildir:LAYOUT=fs\n");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ok(&f, mailbox_api.create(f.user, names[i], 0, &f.err));
		fixture_save(&f, names[i], mail_one, 0);
	}
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		assert_int_equal(mailbox_api.create(f.user, reserved[i], 0,
						    &f.err), CV_E_PERM);
	fixture_save(&f, "INBOX", mail_one, 0);
	fixture_logout(&f);
	fixture_login(&f);
	assert_string_equal(list(&f, "*", 0), "INBOX .hid+ .hid/deep CUR New "
			    "Tmp a+ a/.hid a/New dovecot maildirfolder");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		box = fixture_open(&f, names[i]);
		assert_string_equal(fixture_body(&f, box, 1), mail_one);
		mailbox_api.close(&box);
	}
	fixture_deinit(&f);
}

static void locations_that_make_no_sense_are_refused(void **state)
{
	static const char *const bad[] = {
		"mail_location = nosuch:~/x\n",
		"mail_location = maildir:~x/y\n",
		"mail_location = maildir:~/x:BROKENCHAR=_\n",
		"mail_location = maildir:~/x:SUBSCRIPTIONS=../s\n",
		"mail_location = maildir:~/x:SUBSCRIPTIONS=\n",
		"mail_location = maildir:~/x:LAYUOT=fs\n",
		"mail_location = maildir:~/x\nnamespace a {\n inbox = no\n}\n",
		"namespace a {\n inbox = yes\n prefix = x\n}\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct fixture f;
		struct user_fields fields = { .name = "u", .home = "/tmp" };
		struct user_config config = { 0 };
		struct cv_user *user;

		fixture_init(&f, "");
		settings_tree_destroy(&f.tree);
		(void)settings_read_text("t", cv_span_of(bad[i]), NULL,
					 &f.tree, &f.err);
		config.settings = f.tree;
		assert_int_equal(user_create(&fields, &config, &user, &f.err),
				 CV_E_CONFIG);
		fixture_deinit(&f);
	}
}

/* --- what other servers have left ------------------------------------------------- */

static void make_maildir(struct fixture *f)
{
	char path[200];
	static const char *const subs[] = { "", "/new", "/cur", "/tmp" };

	for (int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/home/Maildir%s", f->dir,
			 subs[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
}

static void uids_of_dovecot_are_kept(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_message_data d;

	fixture_init(&f, "");
	make_maildir(&f);
	fixture_write(&f, "dovecot-uidlist",
		      "3 V1234567 N50 G0123456789abcdef0123456789abcdef\n"
		      "7 :1700000001.M1.h,S=9,W=11:2,S\n"
		      "9 S9 W11 :1700000002.M1.h\n"
		      "11 :1700000009.gone\n"
		      "30 :1700000003.M1.h\n"
		      "31 :cut");
	fixture_write(&f, "dovecot-keywords", "0 $Work\n1 $Home\n");
	fixture_write(&f, "cur/1700000001.M1.h,S=9,W=11:2,Sb",
		      "a: b\n\nc\n");
	fixture_write(&f, "cur/1700000002.M1.h:2,Fa", "a: b\n\nc\n");
	fixture_write(&f, "cur/1700000003.M1.h:2,", "a: b\n\nc\n");
	fixture_write(&f, "cur/1600000003.M1.h:2,", "a: b\n\nc\n");
	fixture_write(&f, "new/1500000003.M1.h", "a: b\n\nc\n");
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).uidvalidity, 1234567);
	assert_int_equal(fixture_state(box).messages, 5);
	assert_int_equal(mailbox_api.uid_of(box, 1), 7);
	assert_int_equal(mailbox_api.uid_of(box, 2), 9);
	assert_int_equal(mailbox_api.uid_of(box, 3), 30);
	assert_int_equal(mailbox_api.uid_of(box, 4), 50);
	assert_int_equal(mailbox_api.uid_of(box, 5), 51);
	assert_int_equal(fixture_state(box).uidnext, 52);
	assert_int_equal(fixture_state(box).recent, 1);
	d = fixture_message(&f, box, 1, CV_MESSAGE_SIZE);
	assert_int_equal(d.flags, CV_FLAG_SEEN);
	assert_int_equal(d.size_bytes, 11);
	assert_string_equal(d.keywords.names[0], "$Home");
	d = fixture_message(&f, box, 2, CV_MESSAGE_SIZE);
	assert_int_equal(d.flags, CV_FLAG_FLAGGED);
	assert_int_equal(d.size_bytes, 11);
	assert_string_equal(d.keywords.names[0], "$Work");
	assert_string_equal(fixture_body(&f, box, 5), "a: b\r\n\r\nc\r\n");
	fixture_logout(&f);
	fixture_login(&f);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 5);
	assert_int_equal(fixture_state(box).uidvalidity, 1234567);
	fixture_deinit(&f);
}

static void a_uid_list_may_be_damaged(void **state)
{
	static const char *const lists[] = {
		"", "3", "3 V N\n", "9 V1 N1\n", "1 5 6\n7 x\n",
		"3 V5 N6\n5 :b\n4 :a\n", "3 V5 N6\n99999999999 :a\n",
		"3 V0 N0\n", "3 V5 N6\n4294967295 :a\n", "\n\n\n",
		"3 V5 N6\n5\n6 \n7 x\n8 S\n9 :\n",
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct fixture f;
		struct cv_mailbox *box;

		fixture_init(&f, "");
		make_maildir(&f);
		fixture_write(&f, "dovecot-uidlist", lists[i]);
		fixture_write(&f, "cur/a:2,S", "a: b\n\nc\n");
		fixture_write(&f, "cur/b:2,", "a: b\n\nc\n");
		box = fixture_open(&f, "INBOX");
		assert_int_equal(fixture_state(box).messages, 2);
		assert_true(mailbox_api.uid_of(box, 1) <
			    mailbox_api.uid_of(box, 2));
		fixture_deinit(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_in_linear_time),
		cmocka_unit_test(lists_show_what_there_is),
		cmocka_unit_test(other_programs_folders_are_seen),
		cmocka_unit_test(subscriptions_are_shared_with_dovecot),
		cmocka_unit_test(names_stay_inside_the_tree),
		cmocka_unit_test(folders_are_renamed_with_their_children),
		cmocka_unit_test(namespaces_have_prefixes),
		cmocka_unit_test(the_fs_layout_has_directories),
		cmocka_unit_test(
			the_fs_layout_reserves_what_is_there_and_no_more),
		cmocka_unit_test(locations_that_make_no_sense_are_refused),
		cmocka_unit_test(uids_of_dovecot_are_kept),
		cmocka_unit_test(a_uid_list_may_be_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
