/* test-auth-cache.c - the cache gives nobody another one's answer
 * [security.md A21, R9]. */
#include "auth-fixture.h"

#define CACHED "auth_cache_size = 64k\nauth_cache_ttl = 100 secs\n" \
	"auth_cache_negative_ttl = 50 secs\n" \
	"passdb {\n driver = passwd-file\n args = $USERS\n}\n" \
	"userdb {\n driver = passwd-file\n args = $USERS\n}\n"

static void users_do_not_share_a_password(void **state)
{
	write_file(fix.users, "joe:{PLAIN}same\nann:{PLAIN}other\n");
	fixture_auth(CACHED);
	assert_int_equal(login("joe", "same"), CV_AUTH_OK);
	assert_int_equal(auth_cache_count(fix.auth->cache), 1);
	assert_int_equal(login("ann", "same"), CV_AUTH_MISMATCH);
	assert_int_equal(login("joe", "other"), CV_AUTH_MISMATCH);
	assert_int_equal(login("ann", "other"), CV_AUTH_OK);
	(void)state;
}

static void a_known_password_needs_no_database(void **state)
{
	write_file(fix.users, "joe:{PLAIN}old\n");
	fixture_auth(CACHED);
	assert_int_equal(login("joe", "old"), CV_AUTH_OK);
	(void)unlink(fix.users);
	assert_int_equal(login("joe", "old"), CV_AUTH_OK);
	assert_int_equal(login("joe", "new"), CV_E_TEMP);
	auth_cache_age(fix.auth->cache, 100 * 1000);
	assert_int_equal(login("joe", "old"), CV_E_TEMP);
	(void)state;
}

static void a_changed_password_works_at_once(void **state)
{
	write_file(fix.users, "joe:{PLAIN}old\n");
	fixture_auth(CACHED);
	assert_int_equal(login("joe", "old"), CV_AUTH_OK);
	write_file(fix.users, "joe:{PLAIN}newer\n");
	assert_int_equal(login("joe", "newer"), CV_AUTH_OK);
	/* and the old one is forgotten with it */
	assert_int_equal(login("joe", "old"), CV_AUTH_MISMATCH);
	(void)state;
}

static void a_wrong_password_drops_what_is_known(void **state)
{
	write_file(fix.users, "joe:{PLAIN}old\n");
	fixture_auth(CACHED);
	assert_int_equal(login("joe", "old"), CV_AUTH_OK);
	write_file(fix.users, "joe:{PLAIN}newer\n");
	assert_int_equal(login("joe", "guess"), CV_AUTH_MISMATCH);
	assert_int_equal(login("joe", "old"), CV_AUTH_MISMATCH);
	(void)state;
}

static void unknown_users_are_known_for_a_while(void **state)
{
	write_file(fix.users, "joe:{PLAIN}x\n");
	fixture_auth(CACHED);
	assert_int_equal(login("ann", "y"), CV_AUTH_UNKNOWN_USER);
	write_file(fix.users, "ann:{PLAIN}y\n");
	assert_int_equal(login("ann", "y"), CV_AUTH_UNKNOWN_USER);
	auth_cache_age(fix.auth->cache, 50 * 1000);
	assert_int_equal(login("ann", "y"), CV_AUTH_OK);
	(void)state;
}

/* The key: each input by itself. */
static void every_input_is_in_the_key(void **state)
{
	static const size_t members[] = {
		offsetof(struct cv_auth_input, user),
		offsetof(struct cv_auth_input, original_user),
		offsetof(struct cv_auth_input, login_user),
		offsetof(struct cv_auth_input, master_user),
		offsetof(struct cv_auth_input, service),
		offsetof(struct cv_auth_input, mechanism),
		offsetof(struct cv_auth_input, realm),
		offsetof(struct cv_auth_input, local_ip),
		offsetof(struct cv_auth_input, remote_ip),
		offsetof(struct cv_auth_input, local_name),
		offsetof(struct cv_auth_input, cert_name),
	};
	struct cv_auth_input in, changed;
	struct cv_auth_reply said;
	struct cv_text key, other;

	fixture_auth(CACHED);
	auth_input_init(&in, fix.pool);
	in.user = "joe";
	cv_text_init(&key, fix.pool);
	assert_true(auth_cache_key(fix.auth->dbs.passdbs, &in, &key));
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		changed = in;
		*(const char **)(void *)((char *)&changed + members[i]) = "x";
		cv_text_init(&other, fix.pool);
		assert_true(auth_cache_key(fix.auth->dbs.passdbs, &changed,
					   &other));
		assert_string_not_equal(cv_text_str(&key),
					cv_text_str(&other));
	}
	/* what other databases have said */
	changed = in;
	changed.passdb = &said;
	auth_reply_init(&said, fix.pool);
	assert_true(auth_reply_set_str(&said, "zone", "x"));
	cv_text_init(&other, fix.pool);
	assert_true(auth_cache_key(fix.auth->dbs.passdbs, &changed, &other));
	assert_string_not_equal(cv_text_str(&key), cv_text_str(&other));
	cv_text_init(&other, fix.pool);
	assert_true(auth_cache_key(fix.auth->dbs.userdbs, &in, &other));
	assert_string_not_equal(cv_text_str(&key), cv_text_str(&other));
	/* two values cannot look like one */
	changed = in;
	changed.service = "a1:b";
	cv_text_init(&key, fix.pool);
	assert_true(auth_cache_key(fix.auth->dbs.passdbs, &changed, &key));
	changed.service = "a";
	changed.mechanism = "b";
	cv_text_init(&other, fix.pool);
	assert_true(auth_cache_key(fix.auth->dbs.passdbs, &changed, &other));
	assert_string_not_equal(cv_text_str(&key), cv_text_str(&other));
	(void)state;
}

static void the_oldest_goes_when_it_is_full(void **state)
{
	struct auth_cache *cache = auth_cache_create(20000, 1000000, 1000000);
	struct cv_auth_reply reply, found;
	char key[32];
	int result;

	auth_reply_init(&reply, fix.pool);
	assert_true(auth_reply_set_str(&reply, "home", "/home/joe"));
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(key, sizeof(key), "key%d", i);
		auth_cache_store(cache, cv_span_of(key), CV_AUTH_OK, &reply,
				 CV_SPAN("pw"));
		auth_reply_init(&found, fix.pool);
		/* used again and again: it stays */
		assert_true(auth_cache_find(cache, CV_SPAN("key0"), &result,
					    &found));
		assert_string_equal(field(&found, "home"), "/home/joe");
	}
	assert_true(auth_cache_count(cache) > 50);
	assert_true(auth_cache_count(cache) < 200);
	assert_false(auth_cache_find(cache, CV_SPAN("key1"), &result,
				     &found));
	assert_true(auth_cache_password_known(cache, CV_SPAN("key999"),
					      CV_SPAN("pw")));
	assert_false(auth_cache_password_known(cache, CV_SPAN("key999"),
					       CV_SPAN("pW")));
	assert_int_not_equal(auth_cache_flush(cache), 0);
	assert_int_equal(auth_cache_count(cache), 0);
	auth_cache_destroy(&cache);
	(void)state;
}

#define TEST(name) cmocka_unit_test_teardown(name, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(users_do_not_share_a_password),
		TEST(a_known_password_needs_no_database),
		TEST(a_changed_password_works_at_once),
		TEST(a_wrong_password_drops_what_is_known),
		TEST(unknown_users_are_known_for_a_while),
		TEST(every_input_is_in_the_key),
		TEST(the_oldest_goes_when_it_is_full),
	};

	return cmocka_run_group_tests(tests, fixture_load, fixture_unload);
}
