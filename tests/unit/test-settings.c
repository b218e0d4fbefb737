/* test-settings.c - reading the Dovecot 2.3 language: values, blocks,
 * filters, includes, and what is said about mistakes. */
#include "settings-helper.h"
#include "settings-digest.h"

#include <sys/stat.h>
#include <unistd.h>

static void values_are_as_dovecot_reads_them(void **state)
{
	static const struct { const char *line, *value; } cases[] = {
		{ "login_greeting = hello", "hello" },
		{ "login_greeting=hello", "hello" },
		{ "  \tlogin_greeting\t =  hello  \t", "hello" },
		{ "login_greeting = a b  c", "a b  c" },
		{ "login_greeting = a # b", "a" },
		{ "login_greeting = a#b", "a" },
		{ "login_greeting = \"a # b\"", "a # b" },
		{ "login_greeting = \" a \"", " a " },
		{ "login_greeting = \"a \\\"q\\\" \\\\ b\" # x",
		  "a \"q\" \\ b" },
		{ "login_greeting = 'a \\'q b'", "a 'q b" },
		{ "login_greeting = \"a\" b", "\"a\" b" },
		{ "login_greeting = it's # b", "it's # b" },
		{ "login_greeting = \"<x\"", "<x" },
		{ "login_greeting = a \\\n  b \\\n c", "a b c" },
		{ "login_greeting = a\\\nb", "a b" },
		{ "login_greeting = a = b", "a = b" },
		{ "login_greeting =", "" },
		{ "login_greeting = a\r\n\r\n", "a" },
		{ "\xef\xbb\xbflogin_greeting = bom", "bom" },
		{ "login_greeting = a\nlogin_greeting = b", "b" },
		{ "login_greeting = \xc3\xa4", "\xc3\xa4" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(value_of(cases[i].line, "login_greeting"),
				    cases[i].value);
}

static void names_of_other_settings_are_put_in(void **state)
{
	static const struct { const char *text, *key, *value; } cases[] = {
		{ "mail_plugins = a b\nmail_plugins = $mail_plugins c",
		  "mail_plugins", "a b c" },
		{ "mail_plugins = $mail_plugins c", "mail_plugins", " c" },
		{ "auth_realms = x $mail_plugins c\nmail_plugins = late",
		  "auth_realms", "x late c" },
		{ "auth_realms = \"$mail_plugins\"", "auth_realms",
		  "$mail_plugins" },
		{ "login_greeting = a$b", "login_greeting", "a$b" },
		{ "login_log_format = %$: %s", "login_log_format",
		  "%$: %s" },
		{ "mail_server_admin = $hostname\nhostname = $instance_name",
		  "mail_server_admin", "culver" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(value_of(cases[i].text, cases[i].key),
				    cases[i].value);
}

static void a_name_in_a_filter_adds_to_what_is_around_it(void **state)
{
	struct settings_tree *tree = tree_of(
		"mail_plugins = a\n"
		"local 1.1.1.1 {\n"
		"  mail_plugins = $mail_plugins b\n"
		"  protocol imap {\n    mail_plugins = $mail_plugins c\n  }\n"
		"}\n"
		"protocol imap {\n  mail_plugins = $mail_plugins d\n}\n"
		"protocol imap {\n  mail_plugins = $mail_plugins e\n}\n");
	struct settings_scope scope = { .protocol = "imap" };

	assert_string_equal(value_in(tree, &scope, "mail_plugins"), "a d e");
	assert_true(settings_ip_parse("1.1.1.1", &scope.local));
	assert_string_equal(value_in(tree, &scope, "mail_plugins"), "a b c");
	scope.protocol = "lmtp";
	assert_string_equal(value_in(tree, &scope, "mail_plugins"), "a b");
	settings_tree_destroy(&tree);
}

static void the_most_specific_filter_wins(void **state)
{
	static const char text[] =
		"local_name *.example {\n  login_greeting = wild\n}\n"
		"local_name a.example {\n  login_greeting = name\n}\n"
		"local 10.0.0.0/8 {\n  login_greeting = l8\n}\n"
		"local 10.1.0.0/16 {\n  login_greeting = l16\n}\n"
		"local 10.0.0.0/8 {\n  login_greeting = l8b\n}\n"
		"local 2001:db8::/33 {\n  login_greeting = v6\n}\n"
		"remote 192.0.2.0/24 {\n  login_greeting = remote\n}\n"
		"protocol imap {\n  login_greeting = imap\n}\n"
		"protocol !imap {\n  login_greeting = not\n}\n";
	static const struct {
		const char *protocol, *name, *lip, *rip, *value;
	} cases[] = {
		{ NULL, NULL, NULL, NULL, "Culver ready." },
		{ "imap", NULL, NULL, NULL, "imap" },
		{ "lmtp", NULL, NULL, NULL, "not" },
		{ "imap", NULL, NULL, "192.0.2.77", "remote" },
		{ "imap", NULL, NULL, "192.0.3.77", "imap" },
		{ "imap", NULL, "10.1.2.3", "192.0.2.77", "l16" },
		{ "imap", NULL, "::ffff:10.1.2.3", NULL, "l16" },
		{ "imap", NULL, "10.2.2.3", "192.0.2.77", "l8b" },
		{ "imap", NULL, "2001:db8:7fff::1", NULL, "v6" },
		{ "imap", NULL, "2001:db8:8000::1", NULL, "imap" },
		{ "imap", "A.example", "10.1.2.3", NULL, "name" },
		{ "imap", "b.example", "10.1.2.3", NULL, "wild" },
		{ "imap", "c.b.example", NULL, NULL, "imap" },
	};
	struct settings_tree *tree = tree_of(text);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct settings_scope scope = {
			.protocol = cases[i].protocol,
			.local_name = cases[i].name,
		};

		if (cases[i].lip != NULL)
			assert_true(settings_ip_parse(cases[i].lip,
						      &scope.local));
		if (cases[i].rip != NULL)
			assert_true(settings_ip_parse(cases[i].rip,
						      &scope.remote));
		assert_string_equal(value_in(tree, &scope, "login_greeting"),
				    cases[i].value);
	}
	settings_tree_destroy(&tree);
}

static void blocks_of_one_name_are_one(void **state)
{
	struct settings_tree *tree = tree_of(
		"service auth {\n  user = joe\n}\n"
		"service auth {\n  group = staff\n"
		"  unix_listener /var/spool/x {\n    mode = 0660\n  }\n}\n"
		"service imap-login {\n  inet_listener imap {\n    port = 0\n"
		"  }\n}\n");
	struct cv_pool *pool = pool_create("test");
	struct settings_scope scope = { .protocol = NULL };
	struct inet_listener_settings listener;
	struct service_settings service;
	settings_block block, inner;
	uint32_t at = 0;

	assert_true(settings_block_find(tree, "service", SETTINGS_ROOT,
					"auth", &scope.block));
	assert_int_equal(settings_get(tree, &service_settings_table, &scope,
				      pool, &service, NULL), CV_OK);
	assert_string_equal(service.user, "joe");
	assert_string_equal(service.group, "staff");
	assert_string_equal(service.executable, "auth");
	assert_int_equal(service.process_limit, 1);
	assert_true(settings_block_find(tree, "unix_listener", scope.block,
					"/var/spool/x", &inner));
	assert_true(settings_block_find(tree, "unix_listener", scope.block,
					"auth-userdb", &inner));
	assert_true(settings_block_find(tree, "service", SETTINGS_ROOT,
					"imap-login", &block));
	assert_true(settings_block_next(tree, "inet_listener", block, NULL,
					&at, &scope.block));
	assert_string_equal(settings_block_name(tree, scope.block), "imap");
	assert_int_equal(settings_get(tree, &inet_listener_settings_table,
				      &scope, pool, &listener, NULL), CV_OK);
	assert_int_equal(listener.port, 0);
	assert_true(settings_block_next(tree, "inet_listener", block, NULL,
					&at, &scope.block));
	assert_int_equal(settings_get(tree, &inet_listener_settings_table,
				      &scope, pool, &listener, NULL), CV_OK);
	assert_int_equal(listener.port, 993);
	assert_true(listener.ssl);
	assert_false(settings_block_next(tree, "inet_listener", block, NULL,
					 &at, &inner));
	pool_destroy(&pool);
	settings_tree_destroy(&tree);
}

static void built_in_blocks_follow_the_users_names(void **state)
{
	struct settings_tree *tree = tree_of("default_internal_user = mail\n");
	struct settings_scope scope = { .protocol = NULL };

	assert_true(settings_block_find(tree, "service", SETTINGS_ROOT,
					"anvil", &scope.block));
	assert_string_equal(value_in(tree, &scope, "user"), "mail");
	settings_tree_destroy(&tree);
}

struct words_settings { const char *words; };

static const struct cv_setting_def words_defs[] = {
	CV_SETTING_AS(words_settings, words, "words_here", CV_SET_STRING,
		      "", "+WORD|-WORD", 0, "Words."),
};
static const struct settings_table words_table =
	SETTINGS_TABLE("words", NULL, words_settings, words_defs);

static void words_in_braces_are_signed_words(void **state)
{
	static const struct { const char *text, *value; } good[] = {
		{ "words_here {\n}\n", "" },
		{ "words_here {\n  A = yes\n  B = no\n}\n", " +A -B" },
		{ "words_here = X Y\nwords_here {\n A=yes\n}\n", "X Y +A" },
		{ "words_here {\n A = yes\n}\nwords_here {\n B = NO # x\n}\n",
		  " +A -B" },
		{ "words_here {\n A = yes\n}\nwords_here = Z\n", "Z" },
		{ "words_here {\n  SORT=DISPLAY = no\n  \"T=\" = no\n"
		  "  \"L+\" = yes\n}\n", " -SORT=DISPLAY -T= +L+" },
	};
	static const struct { const char *text, *problem; } bad[] = {
		{ "words_here {\n  A\n}\n", "test.conf:2" },
		{ "words_here {\n  A = maybe\n}\n", "test.conf:2: 'A' in "
		  "words_here { } is yes or no, not 'maybe'" },
		{ "words_here {\n  \"A B\" = yes\n}\n", "test.conf:2: expecting" },
		{ "words_here {\n  -A = yes\n}\n", "test.conf:2: in "
		  "words_here { } stands 'WORD = yes' or 'WORD = no'" },
		{ "words_here {\n  A = </etc/none\n}\n", "test.conf:2: in" },
		{ "words_here {\n  \"$A\" = yes\n}\n", "test.conf:2: in" },
		{ "words_here {\n  service x {\n    z = 1\n  }\n}\n",
		  "test.conf:2: in" },
		{ "words_here name {\n  A = yes\n}\n", "test.conf:1" },
		{ "words_here {\n  A = yes\n", "test.conf:3: missing '}'" },
	};

	assert_int_equal(settings_register_checked(&words_table, NULL), CV_OK);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_string_equal(value_of(good[i].text, "words_here"),
				    good[i].value);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct settings_problem *problem;
		struct settings_tree *tree;
		char line[512];

		assert_int_equal(read_text(bad[i].text, &tree), CV_E_CONFIG);
		assert_int_equal(settings_problem_count(tree), 1);
		problem = settings_problem_get(tree, 0);
		(void)snprintf(line, sizeof(line), "%s:%u: %s", problem->file,
			       problem->line, problem->text);
		if (strncmp(line, bad[i].problem, strlen(bad[i].problem)) != 0)
			fail_msg("%s: %s", bad[i].text, line);
		settings_tree_destroy(&tree);
	}
}

static void nameless_blocks_are_each_their_own(void **state)
{
	struct settings_tree *tree = tree_of(
		"passdb {\n  driver = pam\n}\n"
		"protocol imap {\n  passdb {\n    driver = static\n  }\n}\n"
		"passdb {\n  driver = passwd-file\n  args = /etc/users\n}\n");
	struct settings_scope scope = { .protocol = NULL };
	uint32_t at = 0, count = 0;

	while (settings_block_next(tree, "passdb", SETTINGS_ROOT, &scope, &at,
				   &scope.block))
		count++;
	assert_int_equal(count, 2);
	assert_string_equal(value_in(tree, &scope, "args"), "/etc/users");
	scope.protocol = "imap";
	at = count = 0;
	while (settings_block_next(tree, "passdb", SETTINGS_ROOT, &scope, &at,
				   &scope.block))
		count++;
	assert_int_equal(count, 3);
	settings_tree_destroy(&tree);
}

static void plugin_settings_may_have_any_name(void **state)
{
	struct settings_tree *tree = tree_of(
		"plugin {\n  sieve_before2 = b\n  sieve_before = a\n"
		"  quota = maildir\n}\n"
		"protocol lmtp {\n  plugin {\n    quota = count\n  }\n}\n"
		"plugin/sieve_before3 = c\n");
	struct settings_scope scope = { .protocol = "lmtp" };
	const char *name, *value;
	uint32_t at = 0;

	assert_string_equal(value_in(tree, NULL, "plugin/quota"), "maildir");
	assert_string_equal(value_in(tree, &scope, "quota"), "count");
	assert_string_equal(value_in(tree, &scope, "nothing"), "(none)");
	assert_true(settings_plugin_next(tree, NULL, "sieve_before", &at,
					 &name, &value));
	assert_string_equal(name, "sieve_before2");
	assert_true(settings_plugin_next(tree, NULL, "sieve_before", &at,
					 &name, &value));
	assert_string_equal(name, "sieve_before");
	assert_true(settings_plugin_next(tree, NULL, "sieve_before", &at,
					 &name, &value));
	assert_string_equal(value, "c");
	assert_false(settings_plugin_next(tree, NULL, "sieve_before", &at,
					  &name, &value));
	settings_tree_destroy(&tree);
}

static void slashes_in_names_lead_into_blocks(void **state)
{
	struct settings_tree *tree = tree_of(
		"service/imap-login/process_limit = 7\n"
		"service/auth/unix_listener/login\\slogin/mode = 0666\n"
		"protocol/imap/login_greeting = x\n");
	struct settings_scope scope = { .protocol = "imap" };
	settings_block service;

	assert_string_equal(value_in(tree, &scope, "login_greeting"), "x");
	assert_true(settings_block_find(tree, "service", SETTINGS_ROOT,
					"imap-login", &scope.block));
	assert_string_equal(value_in(tree, &scope, "process_limit"), "7");
	assert_true(settings_block_find(tree, "service", SETTINGS_ROOT,
					"auth", &service));
	assert_true(settings_block_find(tree, "unix_listener", service,
					"login/login", &scope.block));
	assert_string_equal(value_in(tree, &scope, "mode"), "0666");
	settings_tree_destroy(&tree);
}

static void a_users_fields_win_where_they_may(void **state)
{
	static const char *const fields[] = {
		"mail_location=maildir:%u", "mail_max_keyword_length=9",
		"ssl=no", "uid=1000", "mail_save_crlf",
		"namespace/inbox/prefix=X/",
	};
	struct settings_tree *tree = tree_of(
		"namespace inbox {\n  inbox = yes\n}\n");
	struct settings_scope scope = { .overrides = { fields, 6 } };
	struct cv_pool *pool = pool_create("test");
	struct namespace_settings namespace;
	struct cv_error err = ERROR_NONE;
	struct mail_settings mail;
	struct ssl_settings ssl;

	assert_int_equal(settings_get(tree, &mail_settings_table, &scope,
				      pool, &mail, NULL), CV_OK);
	assert_string_equal(mail.mail_location, "maildir:%u");
	assert_int_equal(mail.mail_max_keyword_length, 9);
	assert_true(mail.mail_save_crlf);
	assert_int_equal(settings_get(tree, &ssl_settings_table, &scope, pool,
				      &ssl, NULL), CV_OK);
	assert_int_equal(ssl.ssl, SSL_SSL_YES);
	assert_true(settings_block_find(tree, "namespace", SETTINGS_ROOT,
					"inbox", &scope.block));
	assert_int_equal(settings_get(tree, &namespace_settings_table, &scope,
				      pool, &namespace, NULL), CV_OK);
	assert_string_equal(namespace.prefix, "X/");
	scope.overrides = (struct cv_strings){
		(const char *const []){ "mail_max_keyword_length=x" }, 1,
	};
	assert_int_equal(settings_get(tree, &mail_settings_table, &scope,
				      pool, &mail, &err), CV_E_CONFIG);
	assert_non_null(strstr(err.text, "mail_max_keyword_length"));
	pool_destroy(&pool);
	settings_tree_destroy(&tree);
}

static void every_mistake_is_told_with_its_place(void **state)
{
	static const struct {
		const char *text;
		uint32_t line;
		const char *say;
	} cases[] = {
		{ "nosuch = 1", 1, "unknown setting 'nosuch'" },
		{ "\nmail_locatoin = x", 2, "did you mean 'mail_location'?" },
		{ "port = 1", 1, "in inet_listener { } inside service { }" },
		{ "service x {\n mail_location = y\n}", 2,
		  "outside of blocks" },
		{ "service auth {\n\n", 3,
		  "missing '}': 'service auth' was opened at line 1" },
		{ "protocol imap {\nservice a {\n}\n", 4,
		  "'protocol imap' was opened at line 1" },
		{ "}", 1, "'}' without a block" },
		{ "foo {\n}\n", 1, "unknown block 'foo'" },
		{ "servcie a {\n}\n", 1, "did you mean 'service'?" },
		{ "service a {\n unix_listner x {\n }\n}\n", 2,
		  "did you mean 'unix_listener'?" },
		{ "ssl {\n}\n", 1, "'ssl' is a setting, no block" },
		{ "service {\n}\n", 1, "needs a name" },
		{ "service a{\n}\n", 1, "put a space before it" },
		{ "service{\n}\n", 1, "put a space before it" },
		{ "service a { user = x }\n", 1, "text behind '{'" },
		{ "service a {\n} x\n", 2, "text behind '}'" },
		{ "login_greeting hello", 1, "expecting 'login_greeting = " },
		{ "= x", 1, "no name before '='" },
		{ "passdb\n{\n}\n", 2, "join it to the line before" },
		{ "!inculde x\n", 1, "'!inculde' is neither !include nor" },
		{ "driver = pam", 1, "does not stand here but in passdb { }" },
		{ "/ssl = yes", 1, "no path such as" },
		{ "passdb/driver = pam", 1, "no path such as" },
		{ "service/auth/ = x", 1, "no path such as" },
		{ "verbose_ssl = maybe", 1, "neither yes nor no" },
		{ "auth_worker_max_count = 5x", 1, "'5x' is not a number" },
		{ "auth_worker_max_count = 0", 1, "may be 1..100000" },
		{ "auth_worker_max_count = 99999999999", 1, "not a number" },
		{ "auth_cache_size = 5 X", 1, "is not a size" },
		{ "auth_cache_ttl = 5 X", 1, "is not a time" },
		{ "auth_cache_ttl = 3", 1, "write '3 secs'" },
		{ "ssl = requird", 1, "did you mean 'required'?" },
		{ "mail_temp_dir = rel", 1, "not an absolute path" },
		{ "service a {\nunix_listener b {\nmode = 9\n}\n}", 3,
		  "no octal number" },
		{ "passdb {\n}\n", 1, "needs 'driver = ...'" },
		{ "auth_realms = $nosuch c", 1, "'$nosuch' is no setting" },
		{ "hostname = $mail_uid\nmail_uid = $hostname", 1,
		  "leads back to itself" },
		{ "plugin {\n a = $a b\n}\n", 2, "has no value yet" },
		{ "!include", 1, "no file name" },
		{ "!include /nonexistent/x.conf", 1, "No such file" },
		{ "!include /nonexistent/*.conf", 1, "write !include_try" },
		{ "!include /etc", 1, "write '/etc/*.conf'" },
		{ "!include /dev/null", 1, "not a regular file" },
		{ "login_greeting = </nonexistent", 1, "No such file" },
		{ "login_greeting = <", 1, "no file name behind '<'" },
		{ "login_greeting = a \\", 1, "the file ends behind a '\\'" },
		{ "login_greeting = a\x01", 1, "control character 0x01" },
		{ "local nohost {\n}\n", 1, "is no IP address" },
		{ "local 1.2.3.4/33 {\n}\n", 1, "a number up to 32" },
		{ "protocol {\n}\n", 1, "needs a name" },
		{ "protocol a {\nprotocol b {\n}\n}\n", 2, "inside" },
		{ "service a {\nprotocol b {\n}\n}\n", 2, "cannot stand" },
		{ "service \"a {\n}\n", 1, "quoted name is not closed" },
		{ "dovecot_config_version = 2.4.0", 1, "Dovecot 2.4" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct settings_tree *tree;
		const struct settings_problem *problem;
		bool found = false;

		assert_int_equal(read_text(cases[i].text, &tree), CV_E_CONFIG);
		for (size_t n = 0; (problem = settings_problem_get(tree, n));
		     n++) {
			if (!problem->warning && problem->line ==
			    cases[i].line &&
			    strstr(problem->text, cases[i].say) != NULL)
				found = true;
		}
		problem = settings_problem_get(tree, 0);
		if (!found)
			fail_msg("'%s': line %u: %s", cases[i].text,
				 problem->line, problem->text);
		settings_tree_destroy(&tree);
	}
}

static void all_mistakes_are_told_in_one_run(void **state)
{
	struct settings_tree *tree;
	uint32_t errors = 0;

	assert_int_equal(read_text(
		"a = 1\nb = 2\nverbose_ssl = x\nfoo {\n inside = ok\n}\n"
		"login_greeting\nssl = x\nauth_realms = $c\n"
		"service s {\n c = 1\n", &tree), CV_E_CONFIG);
	for (size_t i = 0; i < settings_problem_count(tree); i++)
		errors += !settings_problem_get(tree, i)->warning;
	assert_int_equal(errors, 9);
	settings_tree_destroy(&tree);
}

static void warnings_do_not_refuse(void **state)
{
	static const struct { const char *text, *say; } cases[] = {
		{ "login_greeting = a#b", "'#' begins a comment" },
		{ "login_greeting = \"a", "not closed" },
		{ "director_servers = x", "any node serves any user" },
		{ "ssl_protocols = !SSLv3", "ssl_min_protocol" },
		{ "imapc_host = x", "and it is read only by culveradm" },
		{ "pop3c_host = x", "mail_storage_drivers = pop3c" },
		{ "plugin {\n mail_location = x\n}\n", "outside of it" },
		{ "protocol imap {\n ssl = no\n}\nssl = yes\n",
		  "does not change its value in 'protocol imap'" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct settings_tree *tree = tree_of(cases[i].text);

		if (settings_problem_count(tree) != 1)
			fail_msg("no warning: %s", cases[i].text);
		assert_true(settings_problem_get(tree, 0)->warning);
		assert_non_null(strstr(settings_problem_get(tree, 0)->text,
				       cases[i].say));
		settings_tree_destroy(&tree);
	}
}

static void obsolete_defaults_are_silent(void **state)
{
	struct settings_tree *tree = tree_of("version_ignore = yes\n");

	assert_int_equal(settings_problem_count(tree), 0);
	settings_tree_destroy(&tree);
}

static void blocks_without_use_are_skipped_with_a_warning(void **state)
{
	struct settings_tree *tree = tree_of(
		"dict {\n  quota = mysql:/etc/x.ext\n}\n"
		"metric select {\n  filter = event=x\n  fields {\n"
		"    a = b\n  }\n}\n"
		"event_exporter log {\n  format = json\n}\n"
		"hostname = behind\n");

	assert_int_equal(settings_problem_count(tree), 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(settings_problem_get(tree, i)->warning);
		assert_non_null(strstr(settings_problem_get(tree, i)->text,
				       "has no effect here"));
	}
	assert_string_equal(value_in(tree, NULL, "hostname"), "behind");
	settings_tree_destroy(&tree);
}

static void includes_are_relative_and_sorted(void **state)
{
	char dir[] = "/tmp/test-settings-XXXXXX", path[256];
	struct settings_tree *tree;
	const char *file;
	uint32_t line;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/conf.d", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/main.conf", dir);
	write_file(path, "!include conf.d/*.conf\n!include_try no.conf\n"
		   "service auth {\n  !include conf.d/in.ext\n}\n"
		   "ssl_cert = <conf.d/cert\n");
	(void)snprintf(path, sizeof(path), "%s/conf.d/20.conf", dir);
	write_file(path, "login_greeting = 20\n");
	(void)snprintf(path, sizeof(path), "%s/conf.d/10.conf", dir);
	write_file(path, "\nhostname = ten\nlogin_greeting = 10\n");
	(void)snprintf(path, sizeof(path), "%s/conf.d/in.ext", dir);
	write_file(path, "user = included\n");
	(void)snprintf(path, sizeof(path), "%s/conf.d/cert", dir);
	write_file(path, "-----BEGIN\nx\n");
	(void)snprintf(path, sizeof(path), "%s/main.conf", dir);
	assert_int_equal(settings_read(path, NULL, &tree, NULL), CV_OK);
	assert_string_equal(value_in(tree, NULL, "login_greeting"), "20");
	assert_string_equal(value_in(tree, NULL, "ssl_cert"),
			    "-----BEGIN\nx\n");
	assert_int_equal(settings_origin(tree, NULL, "hostname", &file, &line),
			 CV_OK);
	assert_int_equal(line, 2);
	assert_non_null(strstr(file, "/conf.d/10.conf"));
	settings_tree_destroy(&tree);
	/* a block must end where it began; a file must not include itself */
	(void)snprintf(path, sizeof(path), "%s/conf.d/in.ext", dir);
	write_file(path, "}\nprotocol x {\n!include in.ext\n");
	(void)snprintf(path, sizeof(path), "%s/main.conf", dir);
	assert_int_equal(settings_read(path, NULL, &tree, NULL), CV_E_CONFIG);
	assert_non_null(strstr(settings_problem_get(tree, 0)->text,
			       "in another file"));
	assert_non_null(strstr(settings_problem_get(tree, 1)->text,
			       "cannot stand inside"));
	assert_non_null(strstr(settings_problem_get(tree, 2)->text,
			       "includes itself"));
	assert_non_null(strstr(settings_problem_get(tree, 3)->text,
			       "missing '}': 'protocol x'"));
	settings_tree_destroy(&tree);
	(void)snprintf(path, sizeof(path), "rm -rf %s", dir);
	assert_int_equal(system(path), 0);
}

static const char sample[] =
	"# a comment\n"
	"mail_plugins = $mail_plugins quota\n"
	"protocol imap {\n"
	"  mail_plugins = $mail_plugins \"x\"\n"
	"  remote 10.0.0.0/8 {\n    ssl = no\n  }\n"
	"}\n"
	"service auth {\n"
	"  unix_listener \"a b\" {\n    mode = 0600\n  }\n"
	"}\n"
	"login_greeting = one \\\n  two # three\n"
	"plugin {\n  quota = \"a \\\" b\"\n}\n"
	"local_name mail.example {\n  ssl_key = 'k'\n}\n";

static void a_file_cut_anywhere_is_refused_or_valid(void **state)
{
	uint32_t valid = 0, refused = 0;

	for (size_t cut = 0; cut < sizeof(sample); cut++) {
		struct settings_tree *tree;
		char *copy = malloc(cut + 1);
		int ret;

		assert_non_null(copy);
		memcpy(copy, sample, cut);
		ret = settings_read_text("cut.conf", cv_span(copy, cut), NULL,
					 &tree, NULL);
		assert_true(ret == CV_OK || ret == CV_E_CONFIG);
		if (ret == CV_OK) {
			valid++;
		} else {
			refused++;
			assert_true(settings_problem_count(tree) > 0);
			assert_true(settings_problem_get(tree, 0)->text[0]);
		}
		settings_tree_destroy(&tree);
		free(copy);
	}
	assert_true(valid > 20 && refused > 100);
}

static void a_nul_byte_anywhere_is_refused(void **state)
{
	for (size_t at = 0; at < sizeof(sample) - 1; at++) {
		struct settings_tree *tree;
		char copy[sizeof(sample)];

		memcpy(copy, sample, sizeof(sample));
		copy[at] = '\0';
		assert_int_equal(settings_read_text("nul.conf",
			cv_span(copy, sizeof(sample) - 1), NULL, &tree, NULL),
			CV_E_CONFIG);
		settings_tree_destroy(&tree);
	}
}

static void deep_nesting_and_doubling_are_limited(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct settings_tree *tree;
	struct cv_text text;

	cv_text_init(&text, pool);
	for (int i = 0; i < 100000; i++)
		cv_text_append_str(&text, "a {\n");
	assert_int_equal(settings_read_text("deep.conf", cv_text_span(&text),
					    NULL, &tree, NULL), CV_E_CONFIG);
	settings_tree_destroy(&tree);
	cv_text_reset(&text);
	cv_text_append_str(&text, "hostname = aaaaaaaa\n");
	for (int i = 0; i < 100; i++)
		cv_text_append_str(&text, "hostname = $hostname $hostname\n");
	assert_int_equal(settings_read_text("double.conf",
		cv_text_span(&text), NULL, &tree, NULL), CV_E_CONFIG);
	assert_non_null(strstr(settings_problem_get(tree, 0)->text,
			       "too long"));
	settings_tree_destroy(&tree);
	pool_destroy(&pool);
}

static void the_names_of_filters_can_be_listed(void **state)
{
	struct settings_tree *tree = tree_of(
		"local_name a.example {\n  ssl_cert = a\n}\n"
		"protocol imap {\n}\n"
		"local_name b.example {\n  ssl_cert = b\n}\n"
		"local_name a.example {\n  ssl_key = k\n}\n");
	const char *name;
	uint32_t at = 0;

	assert_true(settings_filter_next(tree, "local_name", &at, &name));
	assert_string_equal(name, "a.example");
	assert_true(settings_filter_next(tree, "local_name", &at, &name));
	assert_string_equal(name, "b.example");
	assert_false(settings_filter_next(tree, "local_name", &at, &name));
	settings_tree_destroy(&tree);
}

static void files_that_include_each_other_come_to_an_end(void **state)
{
	char dir[] = "/tmp/test-settings-XXXXXX", path[256], text[64];
	struct settings_tree *tree;

	assert_non_null(mkdtemp(dir));
	for (int i = 0; i < 40; i++) {
		(void)snprintf(path, sizeof(path), "%s/%d.conf", dir, i);
		(void)snprintf(text, sizeof(text),
			       "!include %d.conf\n!include %d.conf\n",
			       i + 1, i + 1);
		write_file(path, text);
	}
	(void)snprintf(path, sizeof(path), "%s/0.conf", dir);
	assert_int_equal(settings_read(path, NULL, &tree, NULL), CV_E_CONFIG);
	/* told up to a limit, with a note that there is more */
	assert_true(settings_problem_count(tree) > 100 &&
		    settings_problem_count(tree) < 300);
	assert_non_null(strstr(settings_problem_get(tree, 0)->text,
			       "files include each other"));
	assert_non_null(strstr(settings_problem_get(tree,
		settings_problem_count(tree) - 1)->text, "more problems"));
	settings_tree_destroy(&tree);
	(void)snprintf(path, sizeof(path), "rm -rf %s", dir);
	assert_int_equal(system(path), 0);
}

static void the_command_line_wins_over_the_file(void **state)
{
	static const char *const items[] = {
		"login_greeting=cmd", "plugin/quota=cmd",
		"service/auth/user=cmd",
	};
	struct settings_read_options options = { .overrides = { items, 3 } };
	struct settings_scope scope = { .protocol = "imap" };
	struct settings_tree *tree;

	assert_int_equal(settings_read_text("x.conf", CV_SPAN(
		"protocol imap {\n  login_greeting = file\n}\n"
		"service auth {\n  user = file\n}\n"), &options, &tree, NULL),
		CV_OK);
	assert_string_equal(value_in(tree, &scope, "login_greeting"), "cmd");
	assert_string_equal(value_in(tree, &scope, "quota"), "cmd");
	assert_true(settings_block_find(tree, "service", SETTINGS_ROOT,
					"auth", &scope.block));
	assert_string_equal(value_in(tree, &scope, "user"), "cmd");
	settings_tree_destroy(&tree);
}

struct wrong_settings { uint32_t number; };

static void tables_of_plugins_are_checked(void **state)
{
	static const struct cv_setting_def bad_default[] = {
		CV_SETTING_AS(wrong_settings, number, "wrong_number",
			      CV_SET_UINT, "x", NULL, 0, "Doc."),
	}, other_type[] = {
		CV_SETTING_AS(wrong_settings, number, "login_greeting",
			      CV_SET_UINT, "1", NULL, 0, "Doc."),
	}, too_far[] = {
		{ CV_SIZED(cv_setting_def), .type = CV_SET_STRING,
		  .offset = 4, .name = "far", .default_text = "",
		  .doc = "" },
	}, takes_over[] = {
		CV_SETTING_AS(wrong_settings, number, "imapc_port",
			      CV_SET_UINT, "144", NULL, 0, "Doc."),
	};
	static const struct settings_table tables[] = {
		SETTINGS_TABLE("a", NULL, wrong_settings, bad_default),
		SETTINGS_TABLE("b", NULL, wrong_settings, other_type),
		SETTINGS_TABLE("c", NULL, wrong_settings, too_far),
		SETTINGS_TABLE("d", NULL, wrong_settings, takes_over),
	};

	for (int i = 0; i < 3; i++)
		assert_int_equal(settings_register_checked(&tables[i], NULL),
				 CV_E_CONFIG);
	assert_int_equal(settings_register_checked(&tables[3], NULL), CV_OK);
	assert_string_equal(value_of("imapc_port = 5\n", "imapc_port"), "5");
	assert_string_equal(value_of("", "imapc_port"), "144");
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
		cmocka_unit_test(values_are_as_dovecot_reads_them),
		cmocka_unit_test(names_of_other_settings_are_put_in),
		cmocka_unit_test(a_name_in_a_filter_adds_to_what_is_around_it),
		cmocka_unit_test(the_most_specific_filter_wins),
		cmocka_unit_test(words_in_braces_are_signed_words),
		cmocka_unit_test(blocks_of_one_name_are_one),
		cmocka_unit_test(built_in_blocks_follow_the_users_names),
		cmocka_unit_test(nameless_blocks_are_each_their_own),
		cmocka_unit_test(plugin_settings_may_have_any_name),
		cmocka_unit_test(slashes_in_names_lead_into_blocks),
		cmocka_unit_test(a_users_fields_win_where_they_may),
		cmocka_unit_test(every_mistake_is_told_with_its_place),
		cmocka_unit_test(all_mistakes_are_told_in_one_run),
		cmocka_unit_test(warnings_do_not_refuse),
		cmocka_unit_test(obsolete_defaults_are_silent),
		cmocka_unit_test(
			blocks_without_use_are_skipped_with_a_warning),
		cmocka_unit_test(includes_are_relative_and_sorted),
		cmocka_unit_test(a_file_cut_anywhere_is_refused_or_valid),
		cmocka_unit_test(a_nul_byte_anywhere_is_refused),
		cmocka_unit_test(deep_nesting_and_doubling_are_limited),
		cmocka_unit_test(the_names_of_filters_can_be_listed),
		cmocka_unit_test(files_that_include_each_other_come_to_an_end),
		cmocka_unit_test(the_command_line_wins_over_the_file),
		cmocka_unit_test(tables_of_plugins_are_checked),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
