/* test-auth-pam.c - the PAM driver with service files of our own. */
#include "auth-fixture.h"

static void service(const char *name, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/pam.d", fix.dir);
	(void)mkdir(path, 0755);
	(void)snprintf(path, sizeof(path), "%s/pam.d/%s", fix.dir, name);
	write_file(path, text);
}

static void remove_service(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/pam.d/%s", fix.dir, name);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/pam.d", fix.dir);
	(void)rmdir(path);
}

static void with(const char *args)
{
	fixture_auth(pool_printf(fix.pool, "passdb {\n driver = pam\n "
				 "args = confdir=%s/pam.d %s\n}\n"
				 "userdb {\n driver = static\n "
				 "args = uid=1 gid=1 home=/\n}\n", fix.dir,
				 args));
}

static void modules_decide(void **state)
{
	(void)state;
	service("yes", "auth required pam_permit.so\n"
		"account required pam_permit.so\n"
		"session required pam_permit.so\n");
	with("session=yes setcred=yes yes");
	assert_int_equal(login("joe", "any"), CV_AUTH_OK);
	with("yes");
	assert_int_equal(login("joe", "any"), CV_AUTH_OK);
	service("yes", "auth required pam_deny.so\n"
		"account required pam_permit.so\n");
	assert_int_equal(login("joe", "any"), CV_AUTH_MISMATCH);
	service("yes", "auth required pam_permit.so\n"
		"account required pam_deny.so\n");
	assert_int_equal(login("joe", "any"), CV_AUTH_MISMATCH);
	remove_service("yes");
}

static void the_service_may_vary(void **state)
{
	(void)state;
	service("imap", "auth required pam_permit.so\n"
		"account required pam_permit.so\n");
	with("%s");
	assert_int_equal(login("joe", "any"), CV_AUTH_OK);
	with("*");
	assert_int_equal(login("joe", "any"), CV_AUTH_OK);
	service("imap", "auth required pam_deny.so\n");
	assert_int_not_equal(login("joe", "any"), CV_AUTH_OK);
	remove_service("imap");
}

/* pam_unix asks for the password: it gets the one that was given. */
static void the_password_reaches_the_module(void **state)
{
	uint64_t start;

	(void)state;
	service("unix", "auth required pam_unix.so\n"
		"account required pam_permit.so\n");
	with("unix");
	/* and whoever fails keeps no worker busy */
	start = time_monotonic_msecs();
	assert_int_equal(login("no-such-user-here", "pw"),
			 CV_AUTH_UNKNOWN_USER);
	assert_true(time_monotonic_msecs() - start < 1000);
	remove_service("unix");
}

/* PAM cannot say whether somebody exists: lmtp is told to ask again, not
 * that the user is unknown. */
static void it_cannot_look_users_up(void **state)
{
	struct auth_request *request;

	(void)state;
	service("yes", "auth required pam_permit.so\n"
		"account required pam_permit.so\n");
	with("yes");
	request = fixture_lookup("joe");
	assert_int_equal(fixture_result, CV_E_TEMP);
	assert_non_null(strstr(request->error.text, "allow_all_users"));
	auth_request_unref(&request);
	remove_service("yes");
}

static void wrong_args_are_refused(void **state)
{
	struct settings_tree *tree = tree_of("passdb {\n driver = pam\n "
					     "args = sesion=yes x\n}\n");
	struct cv_error err = ERROR_NONE;
	struct auth *auth = NULL;

	(void)state;
	assert_int_equal(auth_create(tree, fix.base, NULL, &auth, &err),
			 CV_E_CONFIG);
	assert_non_null(strstr(err.text, "sesion=yes"));
	settings_tree_destroy(&tree);
}

static void system_users_are_found(void **state)
{
	struct auth_request *request;
	struct user_info info;

	(void)state;
	fixture_auth("userdb {\n driver = passwd\n}\n");
	request = fixture_lookup("root");
	assert_int_equal(fixture_result, CV_AUTH_OK);
	auth_request_user_info(request, &info);
	assert_int_equal(info.uid, 0);
	assert_string_equal(info.home, "/root");
	assert_true(info.group_count >= 1);
	auth_request_unref(&request);
	request = fixture_lookup("no-such-user-here");
	assert_int_equal(fixture_result, CV_AUTH_UNKNOWN_USER);
	auth_request_unref(&request);
}

#define TEST(name) cmocka_unit_test_teardown(name, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(modules_decide),
		TEST(the_service_may_vary),
		TEST(the_password_reaches_the_module),
		TEST(it_cannot_look_users_up),
		TEST(wrong_args_are_refused),
		TEST(system_users_are_found),
	};

	return cmocka_run_group_tests(tests, fixture_load, fixture_unload);
}
