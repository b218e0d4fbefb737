/* test-settings-expand.c - %variables, snapshots and printing. */
#include "settings-helper.h"
#include "settings-digest.h"
#include "settings-print.h"

#include <sys/mman.h>
#include <unistd.h>

static bool lookup(void *context, struct cv_span name,
		   struct cv_span *value_r)
{
	static const struct { const char *name, *value; } values[] = {
		{ "user", "Joe@Example.COM" }, { "username", "Joe" },
		{ "domain", "Example.COM" }, { "home", "/home/joe" },
		{ "rip", "192.0.2.1" }, { "uid", "1000" },
		{ "evil", "../x" }, { "percent", "%u%%{home}" },
		{ "empty", "" }, { "quote", "a\"b'c\\d" },
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (cv_span_is(name, values[i].name)) {
			*value_r = cv_span_of(values[i].value);
			return true;
		}
	}
	return false;
}

static const struct settings_vars vars = { lookup, NULL };

static void variables_become_their_values(void **state)
{
	static const struct { const char *text, *value; } cases[] = {
		{ "", "" }, { "plain", "plain" }, { "100%%", "100%" },
		{ "%u", "Joe@Example.COM" }, { "%n/%d", "Joe/Example.COM" },
		{ "%{user}", "Joe@Example.COM" }, { "%Lu", "joe@example.com" },
		{ "%Un", "JOE" }, { "%L{username}", "joe" },
		{ "%1n", "J" }, { "%1.1n", "o" }, { "%1.n", "oe" },
		{ "%-2n", "Jo" }, { "%-1.n", "e" }, { "%.2n", "Jo" },
		{ "%5n", "Joe" }, { "%05n", "00Joe" },
		{ "%LRn", "eoj" }, { "%X{uid}", "3e8" },
		{ "%08X{uid}", "000003e8" }, { "%Dd", "Example,dc=COM" },
		{ "%E{quote}", "a\\\"b\\'c\\\\d" },
		{ "%Mn", "3a368818b7341d48660e8dd6c5a77dbe" },
		{ "%{percent}", "%u%%{home}" },
		{ "%{if;%n;eq;Joe;yes;no}", "yes" },
		{ "%{if;%n;ne;Joe;yes;no}", "no" },
		{ "%{if;%{uid};>;999;%Ln;%Un}", "joe" },
		{ "%{if;%u;*;Joe@*;a\\;b;}", "a;b" },
		{ "%{if;%d;ne;;%d;%{hostname}}", "Example.COM" },
		/* as Dovecot 2.3.19 names directories */
		{ "%Hu", "6c911d" }, { "%256Hu", "1d" },
		{ "%2.256Hu", "1d" }, { "%5.1Hu", "00000" },
		{ "%Nu", "d45825de" }, { "%2.256Nu", "de" },
		{ "%2.1Nu", "00" }, { "%2.2Mu", "3b" }, { "%-4.2u", ".C" },
		{ "%2.-3u", "e@Example." }, { "%-3n", "Joe" },
		{ "%030u", "000000000000000Joe@Example.COM" },
		{ "%{sha256;truncate=12:user}", "0fec" },
		{ "%{sha1;truncate=9:user}", "0024" },
		{ "%{sha512;truncate=37,format=hexuc:user}", "0b81148fd7" },
		{ "%{sha256;rounds=3,salt=abc:user}",
		  "9293310cd30dade4dcb42567f1e8f62d"
		  "95e92f50a4cf119531451c5a769703ac" },
		{ "%{sha1:username}",
		  "89661149f1b62ff47dd5a6fe4f979c9f53f619b6" },
	};
	struct cv_pool *pool = pool_create("test");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cv_error err = ERROR_NONE;
		struct cv_text out;

		cv_text_init(&out, pool);
		if (settings_expand(&out, cases[i].text, &vars, 0, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_string_equal(cv_text_str(&out), cases[i].value);
	}
	pool_destroy(&pool);
}

static void malformed_variables_are_errors(void **state)
{
	static const char *const cases[] = {
		"%", "%{", "%{user", "%{nosuch}", "%q", "%{if;a}",
		"%{if;%n;xx;b;c;d}", "%{if;a;>;b;c;d}", "%5", "%L",
		"%{sha1;rounds=x:user}", "%{sha1:nosuch}",
		("%{if;%{if;%{if;%{if;%{if;a;eq;a;b;c};eq;a;b;c};eq;a;b;c};"
		 "eq;a;b;c};eq;a;b;c}"),
	};
	struct cv_pool *pool = pool_create("test");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cv_text out;

		cv_text_init(&out, pool);
		assert_int_equal(settings_expand(&out, cases[i], &vars, 0,
						 NULL), CV_E_CONFIG);
	}
	pool_destroy(&pool);
}

static void a_path_takes_no_tricks_from_a_name(void **state)
{
	static const struct { const char *text; int status; } cases[] = {
		{ "/mail/%d/%n", CV_OK }, { "maildir:%h/Maildir", CV_OK },
		{ "%{home}/x", CV_OK }, { "/mail/%{evil}", CV_E_DENIED },
		{ "/mail/%2.1{evil}", CV_E_DENIED },
		{ "/mail/%{empty}", CV_E_DENIED },
		{ "/mail/%-4.{rip}x", CV_E_DENIED },
		{ "/mail/%{if;%n;eq;Joe;%{evil};x}", CV_E_DENIED },
		{ "/mail/%{if;%{evil};eq;x;y;z}", CV_OK },
	};
	struct cv_pool *pool = pool_create("test");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cv_text out;

		cv_text_init(&out, pool);
		if (settings_expand(&out, cases[i].text, &vars,
				    SETTINGS_EXPAND_PATH, NULL) !=
		    cases[i].status)
			fail_msg("%s", cases[i].text);
	}
	pool_destroy(&pool);
}

static void expanding_settings_expand_once_when_asked(void **state)
{
	struct settings_tree *tree = tree_of(
		"mail_location = maildir:~/%Lu\nmail_home = /home/%{percent}\n"
		"login_greeting = %u\n");
	struct settings_scope scope = { .vars = &vars };
	struct cv_pool *pool = pool_create("test");
	struct login_settings login;
	struct mail_settings mail;

	assert_int_equal(settings_get(tree, &mail_settings_table, &scope,
				      pool, &mail, NULL), CV_OK);
	assert_string_equal(mail.mail_location, "maildir:~/joe@example.com");
	assert_string_equal(mail.mail_home, "/home/%u%%{home}");
	assert_int_equal(settings_get(tree, &login_settings_table, &scope,
				      pool, &login, NULL), CV_OK);
	assert_string_equal(login.login_greeting, "%u");
	scope.vars = NULL;
	assert_int_equal(settings_get(tree, &mail_settings_table, &scope,
				      pool, &mail, NULL), CV_OK);
	assert_string_equal(mail.mail_location, "maildir:~/%Lu");
	pool_destroy(&pool);
	settings_tree_destroy(&tree);
}

/* --- snapshots and printing ----------------------------------------------- */

static const char sample[] =
	"protocols = imap lmtp\n"
	"mail_location = maildir:~/Maildir\n"
	"login_greeting = \" a # b \\\"c\\\" \"\n"
	"ssl_key = secret-key\n"
	"auth_cache_ttl = 90s\n"
	"namespace inbox {\n  inbox = yes\n"
	"  mailbox \"Sent Mail\" {\n    special_use = \\Sent\n  }\n}\n"
	"service imap-login {\n  inet_listener imap {\n    port = 0\n  }\n}\n"
	"passdb {\n  driver = static\n  args = password=geheim x=y\n}\n"
	"passdb {\n  driver = pam\n}\n"
	"plugin {\n  quota = a\n}\n"
	"protocol imap {\n  mail_plugins = $mail_plugins q\n"
	"  plugin {\n    quota = b\n  }\n}\n"
	"local 10.0.0.0/8 {\n  ssl = no\n"
	"  protocol imap {\n    hostname = inner\n  }\n}\n"
	"local_name \"a.example b.example\" {\n  ssl_cert = cert\n}\n";

static int snapshot_fd(const struct settings_tree *tree, bool secrets)
{
	int fd = memfd_create("test", 0);

	assert_true(fd >= 0);
	assert_int_equal(settings_snapshot_write(tree, fd, secrets, NULL),
			 CV_OK);
	return fd;
}

static char *printed(const struct settings_tree *tree,
		     enum settings_print_mode mode, bool secrets)
{
	struct settings_print how = { .mode = mode, .secrets = secrets };
	struct cv_pool *pool = pool_create("test");
	struct cv_text out;
	char *copy;

	cv_text_init(&out, pool);
	settings_print(tree, &how, &out);
	copy = strdup(cv_text_str(&out));
	assert_non_null(copy);
	pool_destroy(&pool);
	return copy;
}

static void a_snapshot_holds_the_same(void **state)
{
	struct settings_tree *tree = tree_of(sample), *copy;
	struct settings_scope scope = { .protocol = "imap" };
	int fd = snapshot_fd(tree, true);
	uint32_t at = 0, count = 0;

	assert_int_equal(settings_snapshot_read(fd, &copy, NULL), CV_OK);
	assert_string_equal(value_in(copy, &scope, "mail_plugins"), " q");
	assert_string_equal(value_in(copy, &scope, "quota"), "b");
	assert_string_equal(value_in(copy, NULL, "ssl_key"), "secret-key");
	assert_true(settings_ip_parse("10.9.9.9", &scope.local));
	assert_string_equal(value_in(copy, &scope, "hostname"), "inner");
	while (settings_block_next(copy, "passdb", SETTINGS_ROOT, NULL, &at,
				   &scope.block))
		count++;
	assert_int_equal(count, 2);
	assert_string_equal(value_in(copy, &scope, "driver"), "pam");
	settings_tree_destroy(&copy);
	close(fd);
	fd = snapshot_fd(tree, false);
	assert_int_equal(settings_snapshot_read(fd, &copy, NULL), CV_OK);
	assert_string_equal(value_in(copy, NULL, "ssl_key"), "");
	settings_tree_destroy(&copy);
	settings_tree_destroy(&tree);
	close(fd);
}

static void a_damaged_snapshot_is_refused(void **state)
{
	struct settings_tree *tree = tree_of("hostname = x\n"), *copy;
	int fd = snapshot_fd(tree, true), other;
	off_t len = lseek(fd, 0, SEEK_END);
	char *data = malloc((size_t)len);

	assert_non_null(data);
	assert_int_equal(pread(fd, data, (size_t)len, 0), len);
	for (off_t i = 0; i < len; i += i < 200 ? 1 : 97) {
		other = memfd_create("damaged", 0);
		data[i] ^= 0x20;
		assert_int_equal(write(other, data, (size_t)len), len);
		data[i] ^= 0x20;
		assert_int_equal(settings_snapshot_read(other, &copy, NULL),
				 CV_E_SYNTAX);
		assert_null(copy);
		assert_int_equal(ftruncate(other, i), 0);
		assert_int_equal(settings_snapshot_read(other, &copy, NULL),
				 CV_E_SYNTAX);
		close(other);
	}
	free(data);
	settings_tree_destroy(&tree);
	close(fd);
}

static void a_session_starts_fast(void **state)
{
	struct settings_tree *tree = tree_of(sample), *copy;
	struct settings_scope scope = { .protocol = "imap" };
	int fd = snapshot_fd(tree, true);
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 50; i++) {
		struct cv_pool *pool = pool_create("test");
		uint64_t start = time_now_usecs(), took;
		struct mail_settings mail;

		assert_int_equal(settings_snapshot_read(fd, &copy, NULL),
				 CV_OK);
		assert_int_equal(settings_get(copy, &mail_settings_table,
					      &scope, pool, &mail, NULL),
				 CV_OK);
		took = time_now_usecs() - start;
		best = took < best ? took : best;
		settings_tree_destroy(&copy);
		pool_destroy(&pool);
	}
	print_message("reading a snapshot and a table: %llu microseconds\n",
		      (unsigned long long)best);
	assert_true(best < 1000);
	settings_tree_destroy(&tree);
	close(fd);
}

static void what_is_printed_reads_back_the_same(void **state)
{
	static const enum settings_print_mode modes[] = {
		SETTINGS_PRINT_CHANGED, SETTINGS_PRINT_ALL,
	};
	struct settings_tree *tree = tree_of(sample);

	for (size_t i = 0; i < 2; i++) {
		char *first = printed(tree, modes[i], true), *second;
		struct settings_tree *again = tree_of(first);

		second = printed(again, modes[i], true);
		assert_string_equal(first, second);
		settings_tree_destroy(&again);
		free(first);
		free(second);
	}
	settings_tree_destroy(&tree);
}

static void secrets_are_hidden_unless_asked_for(void **state)
{
	struct settings_tree *tree = tree_of(sample);
	char *text = printed(tree, SETTINGS_PRINT_CHANGED, false);

	assert_null(strstr(text, "secret-key"));
	assert_null(strstr(text, "geheim"));
	assert_non_null(strstr(text, "ssl_key = # hidden"));
	free(text);
	text = printed(tree, SETTINGS_PRINT_CHANGED, true);
	assert_non_null(strstr(text, "secret-key"));
	assert_non_null(strstr(text, "geheim"));
	free(text);
	settings_tree_destroy(&tree);
}

static void defaults_are_not_changes(void **state)
{
	struct settings_tree *tree = tree_of(
		"ssl = yes\nauth_cache_ttl = 60 mins\nverbose_ssl = NO\n"
		"service imap-login {\n  inet_listener imaps {\n"
		"    port = 993\n  }\n}\n");
	char *text = printed(tree, SETTINGS_PRINT_CHANGED, false);

	assert_null(strstr(text, "ssl = "));
	assert_null(strstr(text, "auth_cache_ttl"));
	assert_null(strstr(text, "993"));
	assert_null(strstr(text, "service"));
	free(text);
	settings_tree_destroy(&tree);
}

static int setup(void **state)
{
	settings_digest_use(settings_digest_openssl);
	settings_register_core();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables_become_their_values),
		cmocka_unit_test(malformed_variables_are_errors),
		cmocka_unit_test(a_path_takes_no_tricks_from_a_name),
		cmocka_unit_test(expanding_settings_expand_once_when_asked),
		cmocka_unit_test(a_snapshot_holds_the_same),
		cmocka_unit_test(a_damaged_snapshot_is_refused),
		cmocka_unit_test(a_session_starts_fast),
		cmocka_unit_test(what_is_printed_reads_back_the_same),
		cmocka_unit_test(secrets_are_hidden_unless_asked_for),
		cmocka_unit_test(defaults_are_not_changes),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
