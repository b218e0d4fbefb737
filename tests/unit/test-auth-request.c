/* test-auth-request.c - the chains of passdb { } and userdb { }. */
#include "auth-fixture.h"

#define FILE_DBS "passdb {\n driver = passwd-file\n args = $USERS\n}\n" \
	"userdb {\n driver = passwd-file\n args = $USERS\n}\n"

static void a_password_is_right_or_wrong(void **state)
{
	write_file(fix.users,
		   "joe:{PLAIN}secret:1000:1001::/home/joe::\n"
		   "# comment\n"
		   "\n"
		   "eve:{SSHA256.hex}78eeab1dea8adc4fbae47d86b073b59ce3bbdccf"
		   "be2f158f7bb6c7d944c1be955b1bc3d0\n"
		   "nopw::1:1\n"
		   "open::1:1::/:: nopassword\n");
	fixture_auth(FILE_DBS);
	assert_int_equal(login("joe", "secret"), CV_AUTH_OK);
	assert_int_equal(login("JOE", "secret"), CV_AUTH_OK);
	assert_int_equal(login("joe", "Secret"), CV_AUTH_MISMATCH);
	assert_int_equal(login("joe", "secret "), CV_AUTH_MISMATCH);
	assert_int_equal(login("joe", ""), CV_AUTH_MISMATCH);
	assert_int_equal(login("eve", "secret"), CV_AUTH_OK);
	assert_int_equal(login("eve", "wrong"), CV_AUTH_MISMATCH);
	assert_int_equal(login("jo", "secret"), CV_AUTH_UNKNOWN_USER);
	assert_int_equal(login("joe2", "secret"), CV_AUTH_UNKNOWN_USER);
	assert_int_equal(login("nopw", ""), CV_AUTH_MISMATCH);
	assert_int_equal(login("open", "anything"), CV_AUTH_OK);
	(void)state;
}

static void a_changed_file_counts_at_once(void **state)
{
	write_file(fix.users, "joe:{PLAIN}old:1:1\n");
	fixture_auth(FILE_DBS);
	assert_int_equal(login("joe", "old"), CV_AUTH_OK);
	write_file(fix.users, "joe:{PLAIN}newer:1:1\n");
	assert_int_equal(login("joe", "old"), CV_AUTH_MISMATCH);
	assert_int_equal(login("joe", "newer"), CV_AUTH_OK);
	(void)unlink(fix.users);
	assert_int_equal(login("joe", "newer"), CV_E_TEMP);
	(void)state;
}

static void a_user_becomes_numbers_and_fields(void **state)
{
	struct auth_request *request;
	struct user_info info;

	write_file(fix.users, "joe@example.com:x:1000:1001::/home/joe::"
		   "userdb_quota_rule=*:bytes=1G  other=1 "
		   "userdb_mail=maildir:~/%n userdb_x=%n/%d\n");
	fixture_auth(FILE_DBS);
	request = fixture_lookup("Joe@Example.com");
	assert_int_equal(fixture_result, CV_AUTH_OK);
	auth_request_user_info(request, &info);
	assert_string_equal(info.name, "joe@example.com");
	assert_string_equal(info.login_name, "Joe@Example.com");
	assert_int_equal(info.uid, 1000);
	assert_int_equal(info.gid, 1001);
	assert_string_equal(info.home, "/home/joe");
	assert_string_equal(info.mail, "maildir:~/%n");
	assert_int_equal(info.field_count, 2);
	assert_string_equal(user_info_field(&info, "quota_rule"),
			    "*:bytes=1G");
	assert_string_equal(user_info_field(&info, "x"), "joe/example.com");
	auth_request_unref(&request);
	request = fixture_lookup("nobody@example.com");
	assert_int_equal(fixture_result, CV_AUTH_UNKNOWN_USER);
	auth_request_unref(&request);
	(void)state;
}

static void a_stranger_costs_what_most_users_do(void **state)
{
	struct auth_dummy dummy = { .made = NULL };
	static const char sha[] = "{SHA512-CRYPT}$6$saltsalt$aaaa";

	(void)state;
	assert_int_equal(strncmp(auth_dummy_hash(&dummy), "{SSHA256}", 9), 0);
	dummy.made = strdup("{CRYPT}$y$j9T$salt$made");
	assert_string_equal(auth_dummy_hash(&dummy), dummy.made);
	auth_dummy_saw(&dummy, "{PLAIN}x", "CRYPT");
	assert_string_equal(auth_dummy_hash(&dummy), "{PLAIN}x");
	/* one kind, with whatever salt, and however it is written */
	auth_dummy_saw(&dummy, sha, "CRYPT");
	auth_dummy_saw(&dummy, "{sha512-crypt}$6$othersalt$bbbb", "CRYPT");
	assert_string_equal(auth_dummy_hash(&dummy), sha);
	/* another cost is another kind */
	for (int i = 0; i < 2; i++)
		auth_dummy_saw(&dummy, "{SHA512-CRYPT}$6$rounds=9$salt$c", "");
	assert_string_equal(auth_dummy_hash(&dummy), sha);
	auth_dummy_saw(&dummy, "$6$rounds=9$salt$d", "SHA512-CRYPT");
	assert_non_null(strstr(auth_dummy_hash(&dummy), "rounds=9"));
	/* more kinds than there is room for push the rare ones out */
	for (int i = 0; i < 40; i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "{X%d}y", i);
		auth_dummy_saw(&dummy, text, "");
	}
	assert_non_null(strstr(auth_dummy_hash(&dummy), "rounds=9"));
	/* what was usual long ago is not for ever */
	for (int i = 0; i < 20000; i++)
		auth_dummy_saw(&dummy, "{NEW}z", "");
	assert_string_equal(auth_dummy_hash(&dummy), "{NEW}z");
	auth_dummy_free(&dummy);
}

static void the_kind_of_hash_is_known_before_the_first_login(void **state)
{
	(void)state;
	write_file(fix.users, "a:{SHA512}x:1:1::/a\nb:{SSHA}y:1:1::/b\n"
		   "c:{SSHA}z:1:1::/c\n# d:{MD5}x\n:{MD5}\n");
	fixture_auth(FILE_DBS);
	assert_string_equal(auth_db_dummy_hash(fix.auth->dbs.passdbs),
			    "{SSHA}y");
}

static void names_of_the_system_become_numbers(void **state)
{
	static const struct { const char *args; int result; } cases[] = {
		{ "uid=root gid=root", CV_AUTH_OK },
		{ "uid=root gid=no-such-group", CV_E_TEMP },
		{ "uid=no-such-user gid=5", CV_E_TEMP },
		/* of the last seconds: nobody is asked */
		{ "uid=root gid=root", CV_AUTH_OK },
		{ "gid=7 system_groups_user=root", CV_AUTH_OK },
		{ "system_groups_user=root", CV_AUTH_OK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct auth_request *request;
		struct user_info info;
		char text[256];

		(void)snprintf(text, sizeof(text), "userdb {\n driver = "
			       "static\n args = allow_all_users=yes %s\n}\n",
			       cases[i].args);
		fixture_auth(text);
		request = fixture_lookup("joe");
		assert_int_equal(fixture_result, cases[i].result);
		if (fixture_result == CV_E_TEMP)
			assert_non_null(strstr(request->error.text,
					       "on this system"));
		auth_request_user_info(request, &info);
		if (fixture_result == CV_AUTH_OK && i < 4) {
			assert_int_equal(info.uid, 0);
			assert_int_equal(info.gid, 0);
			assert_int_equal(info.group_count, 0);
		} else if (i >= 4) {
			assert_true(info.uid == AUTH_NO_ID);
			/* the place holder of a missing gid is none */
			assert_int_equal(info.group_count > 0, i == 4);
		}
		auth_request_unref(&request);
	}
}

static void what_a_worker_says_of_ids_is_checked(void **state)
{
	static const struct { const char *uid, *groups; bool good; } cases[] = {
		{ "5", "1,2", true }, { "5", "", true }, { "x", "", false },
		{ "", "", false }, { "5", "1,,2", false },
		{ "5", "4294967295", false }, { "-1", "", false },
	};
	const struct auth_id_names names = { "some-name", "", "" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cv_pool *pool = pool_create("test");
		struct cv_auth_reply reply;
		struct auth_ids ids;

		auth_reply_init(&reply, pool);
		assert_true(auth_reply_set_str(&reply, "uid", cases[i].uid));
		assert_true(auth_reply_set_str(&reply, "groups",
					       cases[i].groups));
		assert_int_equal(auth_ids_take(&names, &reply, pool, &ids,
					       NULL),
				 cases[i].good ? CV_OK : CV_E_SYNTAX);
		pool_destroy(&pool);
	}
}

static void static_users_exist_when_a_passdb_has_them(void **state)
{
	struct auth_request *request;
	struct user_info info;

	write_file(fix.users, "joe:{PLAIN}x\n");
	fixture_auth("passdb {\n driver = passwd-file\n args = $USERS\n}\n"
		     "userdb {\n driver = static\n args = uid=5 gid=6 "
		     "home=/mail/%d/%n mail=maildir:~/x quota=a\\ b\n}\n");
	request = fixture_lookup("joe");
	assert_int_equal(fixture_result, CV_AUTH_OK);
	auth_request_user_info(request, &info);
	assert_int_equal(info.uid, 5);
	assert_string_equal(user_info_field(&info, "quota"), "a b");
	auth_request_unref(&request);
	request = fixture_lookup("nobody");
	assert_int_equal(fixture_result, CV_AUTH_UNKNOWN_USER);
	auth_request_unref(&request);
	fixture_auth("userdb {\n driver = static\n args = uid=5 gid=6 "
		     "home=/mail/%n allow_all_users=yes\n}\n");
	request = fixture_lookup("nobody");
	assert_int_equal(fixture_result, CV_AUTH_OK);
	assert_string_equal(field(&request->userdb, "home"), "/mail/nobody");
	assert_string_equal(field(&request->userdb, "allow_all_users"),
			    "(none)");
	auth_request_unref(&request);
	(void)state;
}

/* [security.md A20] */
static void hostile_names_never_leave_their_place(void **state)
{
	static const char *const names[] = {
		"../../x", "a/b", "..", ".", "a@..", "%u%u", "%{pw}",
		"'; --", "*)(uid=*", "\x13", "a\xbf\x5c", "\xff\xfe", "a b",
		"a\tb", "x:y", "a\nb", "joe.", "JOE\x7f", "a@/etc",
		".hidden", "\342\200\256eoj", "a@b/../c", "%%u",
	};
	struct auth_request *request;
	const char *home;

	for (int any = 0; any < 2; any++) {
		fixture_auth(any == 0 ?
			     "userdb {\n driver = static\n args = uid=1 "
			     "home=/mail/%n allow_all_users=yes\n}\n" :
			     "auth_username_chars =\n"
			     "userdb {\n driver = static\n args = uid=1 "
			     "home=/mail/%u allow_all_users=yes\n}\n");
		for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
			request = fixture_lookup(names[i]);
			home = auth_reply_get(&request->userdb, "home");
			if (fixture_result != CV_AUTH_OK) {
				auth_request_unref(&request);
				continue;
			}
			assert_non_null(home);
			assert_null(strstr(home, "/."));
			assert_memory_equal(home, "/mail/", 6);
			assert_null(strchr(home + 6, '/'));
			/* what looks like a variable is not one */
			if (strchr(names[i], '%') != NULL)
				assert_non_null(strchr(home, '%'));
			auth_request_unref(&request);
		}
	}
	(void)state;
}

static void long_and_empty_names_are_refused(void **state)
{
	char name[10241];

	write_file(fix.users, "joe:{PLAIN}x\n");
	fixture_auth(FILE_DBS);
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(login(name, "x"), CV_E_DENIED);
	assert_int_equal(login("", "x"), CV_E_DENIED);
	(void)state;
}

static void two_files(const char *between, const char *after)
{
	fixture_auth(pool_printf(
		fix.pool, "passdb {\n driver = static\n args = password=one\n"
		"%s}\npassdb {\n driver = static\n args = password=two\n"
		"%s}\n", between, after));
}

static void rules_say_what_follows(void **state)
{
	two_files("", "");
	assert_int_equal(login("joe", "one"), CV_AUTH_OK);
	assert_int_equal(login("joe", "two"), CV_AUTH_OK);
	assert_int_equal(login("joe", "three"), CV_AUTH_MISMATCH);
	two_files("result_failure = return-fail\n", "");
	assert_int_equal(login("joe", "one"), CV_AUTH_OK);
	assert_int_equal(login("joe", "two"), CV_AUTH_MISMATCH);
	two_files("result_success = continue-ok\n", "");
	assert_int_equal(login("joe", "one"), CV_AUTH_OK);
	two_files("result_success = continue\n", "");
	assert_int_equal(login("joe", "one"), CV_AUTH_MISMATCH);
	two_files("result_success = continue-ok\n",
		  "result_failure = return-fail\n");
	assert_int_equal(login("joe", "one"), CV_AUTH_MISMATCH);
	two_files("result_success = continue-ok\n",
		  "skip = authenticated\nresult_failure = return-fail\n");
	assert_int_equal(login("joe", "one"), CV_AUTH_OK);
	two_files("", "skip = unauthenticated\n");
	assert_int_equal(login("joe", "two"), CV_AUTH_MISMATCH);
	two_files("result_failure = return\n", "");
	assert_int_equal(login("joe", "two"), CV_AUTH_MISMATCH);
	two_files("mechanisms = CRAM-MD5\n", "");
	assert_int_equal(login("joe", "one"), CV_AUTH_MISMATCH);
	two_files("username_filter = *@a !*@b\n", "");
	assert_int_equal(login("joe@a", "one"), CV_AUTH_OK);
	assert_int_equal(login("joe@b", "one"), CV_AUTH_MISMATCH);
	(void)state;
}

static void who_is_denied_stays_out(void **state)
{
	write_file(fix.users, "bad::\n");
	fixture_auth("passdb {\n driver = passwd-file\n args = $USERS\n"
		     "deny = yes\n}\n"
		     "passdb {\n driver = static\n args = nopassword=y\n}\n");
	assert_int_equal(login("good", "x"), CV_AUTH_OK);
	assert_int_equal(login("bad", "x"), CV_AUTH_DISABLED);
	/* a list that cannot be read denies everybody */
	(void)unlink(fix.users);
	assert_int_equal(login("good", "x"), CV_E_TEMP);
	(void)state;
}

#define MASTERS "auth_master_user_separator = *\n" \
	"passdb {\n driver = static\n args = password=m user=boss\n" \
	"username_filter = boss\nmaster = yes\n%s}\n" \
	"passdb {\n driver = passwd-file\n args = $USERS\n}\n"

static void masters_log_in_as_others(void **state)
{
	struct auth_request *request;

	write_file(fix.users, "joe:{PLAIN}secret\n");
	fixture_auth(pool_printf(fix.pool, MASTERS, ""));
	request = fixture_verify("joe*boss", "m", "192.0.2.9");
	assert_int_equal(fixture_result, CV_AUTH_OK);
	assert_string_equal(request->input.user, "joe");
	assert_string_equal(request->input.master_user, "boss");
	auth_request_unref(&request);
	assert_int_equal(login("joe*boss", "secret"), CV_AUTH_MISMATCH);
	assert_int_equal(login("joe*joe", "secret"), CV_AUTH_OK);
	assert_int_equal(login("joe*joe", "m"), CV_AUTH_MISMATCH);
	assert_int_equal(login("joe*eve", "m"), CV_AUTH_UNKNOWN_USER);
	assert_int_equal(login("boss", "m"), CV_AUTH_UNKNOWN_USER);
	assert_int_equal(login("*boss", "m"), CV_E_DENIED);
	assert_int_equal(login("joe*", "m"), CV_E_DENIED);
	assert_int_equal(login("any*boss", "m"), CV_AUTH_OK);
	/* pass: the user must exist, too */
	fixture_auth(pool_printf(fix.pool, MASTERS, "pass = yes\n"));
	assert_int_equal(login("joe*boss", "m"), CV_AUTH_OK);
	assert_int_equal(login("any*boss", "m"), CV_AUTH_UNKNOWN_USER);
	/* no rule of a master passdb lets its user in as itself */
	fixture_auth(pool_printf(fix.pool, MASTERS,
				 "result_failure = return-ok\n"));
	assert_int_equal(login("joe*boss", "wrong"), CV_AUTH_MISMATCH);
	(void)state;
}

static int from(const char *ip)
{
	struct auth_request *request = fixture_verify("joe", "x", ip);

	auth_request_unref(&request);
	return fixture_result;
}

static void allow_nets_limits_where_from(void **state)
{
	fixture_auth("passdb {\n driver = static\n args = password=x "
		     "allow_nets=192.0.2.0/25,2001:db8::/33,local\n}\n");
	assert_int_equal(from("192.0.2.1"), CV_AUTH_OK);
	assert_int_equal(from("192.0.2.127"), CV_AUTH_OK);
	assert_int_equal(from("192.0.2.128"), CV_AUTH_MISMATCH);
	assert_int_equal(from("::ffff:192.0.2.1"), CV_AUTH_OK);
	assert_int_equal(from("2001:db8:7fff::1"), CV_AUTH_OK);
	assert_int_equal(from("2001:db8:8000::1"), CV_AUTH_MISMATCH);
	assert_int_equal(from(""), CV_AUTH_OK);
	assert_int_equal(from("junk"), CV_AUTH_MISMATCH);
	assert_true(auth_nets_match("0.0.0.0/0", "203.0.113.7"));
	assert_false(auth_nets_match("0.0.0.0/33", "203.0.113.7"));
	assert_false(auth_nets_match("", "203.0.113.7"));
	assert_false(auth_nets_match(",,", "203.0.113.7"));
	(void)state;
}

static void fields_are_added_and_overridden(void **state)
{
	struct auth_request *request;

	write_file(fix.users, "joe:{PLAIN}x:::::: a=file\n");
	fixture_auth("passdb {\n driver = passwd-file\n args = $USERS\n"
		     "default_fields = a=default b=%n\n"
		     "override_fields = c=%d userdb_home=/h/%n "
		     "userdb_mail=maildir:%h/%u\n}\n"
		     "userdb {\n driver = prefetch\n}\n");
	request = fixture_verify("joe", "x", "192.0.2.9");
	assert_int_equal(fixture_result, CV_AUTH_OK);
	assert_string_equal(field(&request->fields, "a"), "file");
	assert_string_equal(field(&request->fields, "b"), "joe");
	assert_string_equal(field(&request->fields, "c"), "");
	assert_string_equal(field(&request->fields, "password"), "(none)");
	assert_int_equal(lookup_of(request), CV_AUTH_OK);
	assert_string_equal(field(&request->userdb, "home"), "/h/joe");
	assert_string_equal(field(&request->userdb, "mail"),
			    "maildir:%h/%u");
	auth_request_unref(&request);
	(void)state;
}

static void names_are_put_together_as_set(void **state)
{
	struct auth_request *request;

	fixture_auth("auth_default_realm = example.com\n"
		     "auth_username_translation = \"#@/@\"\n"
		     "auth_username_format = %Ln@%Ld\n"
		     "auth_username_chars = abcdefghijklmnopqrstuvwxyz"
		     "ABCDEFGHIJKLMNOPQRSTUVWXYZ.@\n"
		     "passdb {\n driver = static\n args = nopassword=y\n}\n");
	request = fixture_verify("Joe", "x", "");
	assert_string_equal(request->input.user, "joe@example.com");
	auth_request_unref(&request);
	request = fixture_verify("Joe@B.org", "x", "");
	assert_string_equal(request->input.user, "joe@b.org");
	auth_request_unref(&request);
	assert_int_equal(login("joe9", "x"), CV_E_DENIED);
	(void)state;
}

static bool listed(void *context, struct cv_span user)
{
	cv_text_append_span(context, user);
	cv_text_append_c(context, ' ');
	return true;
}

static void list_done(void *context, int result, const struct cv_error *err)
{
	(void)err;
	cv_text_append_f(context, "= %d", result);
}

static void the_users_are_listed(void **state)
{
	struct cv_text text;

	write_file(fix.users, "joe:x:1:1\nann:x:::\njoe:y:1:1\n:z\n"
		   "#c\nnocolon\nshort:x\n");
	fixture_auth(FILE_DBS);
	cv_text_init(&text, fix.pool);
	auth_list_users(fix.auth, listed, list_done, &text);
	assert_string_equal(cv_text_str(&text), "ann joe = 0");
	fixture_auth("userdb {\n driver = static\n args = uid=1\n}\n");
	cv_text_reset(&text);
	auth_list_users(fix.auth, listed, list_done, &text);
	assert_string_equal(cv_text_str(&text), "= -7");
	(void)state;
}

static void patterns_match(void **state)
{
	assert_true(auth_pattern_matches(CV_SPAN("*@*.org"),
					 CV_SPAN("a@b.c.org")));
	assert_true(auth_pattern_matches(CV_SPAN("j?e"), CV_SPAN("joe")));
	assert_false(auth_pattern_matches(CV_SPAN("j?e"), CV_SPAN("je")));
	assert_true(auth_pattern_matches(CV_SPAN("***"), CV_SPAN("")));
	assert_false(auth_pattern_matches(CV_SPAN(""), CV_SPAN("a")));
	(void)state;
}

/* Of this process alone: others may have the processor meanwhile. */
static uint64_t cpu_usecs(void)
{
	struct timespec spent;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent), 0);
	return (uint64_t)spent.tv_sec * 1000000 +
		(uint64_t)spent.tv_nsec / 1000;
}

static uint64_t cost_of(const char *user)
{
	uint64_t best = UINT64_MAX, start, took;

	for (int i = 0; i < 5; i++) {
		start = cpu_usecs();
		(void)login(user, "wrong");
		took = cpu_usecs() - start;
		best = took < best ? took : best;
	}
	return best;
}

/* [security.md A26] */
static void an_unknown_user_costs_a_hash(void **state)
{
	uint64_t known, unknown;

	write_file(fix.users, "joe:$5$rounds=40000$8YKqTUxCn24.1SQP$VCMo2T2qXc"
		   "jZTcUkUbcaVBFIiS.7ERdnSlRtcdRkJF3\n");
	fixture_auth(FILE_DBS);
	known = cost_of("joe");
	unknown = cost_of("nobody");
	assert_true(known > 2000);
	assert_true(unknown > known / 2);
	assert_true(unknown < known * 2);
	(void)state;
}

static void an_unknown_driver_is_refused_by_name(void **state)
{
	struct settings_tree *tree = tree_of("passdb {\n driver = nope\n}\n");
	struct cv_error err = ERROR_NONE;
	struct auth *auth = NULL;

	assert_int_equal(auth_create(tree, fix.base, NULL, &auth, &err),
			 CV_E_CONFIG);
	assert_non_null(strstr(err.text, "auth-nope"));
	settings_tree_destroy(&tree);
	(void)state;
}

#define TEST(name) cmocka_unit_test_teardown(name, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_password_is_right_or_wrong),
		TEST(a_changed_file_counts_at_once),
		TEST(a_user_becomes_numbers_and_fields),
		TEST(a_stranger_costs_what_most_users_do),
		TEST(the_kind_of_hash_is_known_before_the_first_login),
		TEST(names_of_the_system_become_numbers),
		TEST(what_a_worker_says_of_ids_is_checked),
		TEST(static_users_exist_when_a_passdb_has_them),
		TEST(hostile_names_never_leave_their_place),
		TEST(long_and_empty_names_are_refused),
		TEST(rules_say_what_follows),
		TEST(who_is_denied_stays_out),
		TEST(masters_log_in_as_others),
		TEST(allow_nets_limits_where_from),
		TEST(fields_are_added_and_overridden),
		TEST(names_are_put_together_as_set),
		TEST(the_users_are_listed),
		TEST(patterns_match),
		TEST(an_unknown_user_costs_a_hash),
		TEST(an_unknown_driver_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, fixture_load, fixture_unload);
}
