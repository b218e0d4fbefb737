/* test-wrong-plugins.c - each fault is refused with its own sentence, the
 * others load, and with skip the process goes on. */
#include "module/hook.h"
#include "cv-extend.h"
#include "module/module.h"
#include "module/slots.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/culver-test-plugins.XXXXXX";
static struct cv_pool *pool;
static char logged[65536];

static void keep_log(enum log_level level, const char *category,
		     const char *line, size_t len, void *context)
{
	size_t have = strlen(logged);

	(void)snprintf(logged + have, sizeof(logged) - have, "%.*s\n",
		       (int)len, line);
}

static const char *path_of(const char *name)
{
	return pool_printf(pool, "%s/%s.so", folder, name);
}

/* At most limit bytes of a built plugin into the folder. */
static void install_as(const char *built, const char *name, size_t limit)
{
	static char data[1024 * 1024];
	int in = open(built, O_RDONLY), out;
	ssize_t len;

	assert_true(in >= 0);
	len = read(in, data, limit < sizeof(data) ? limit : sizeof(data));
	assert_true(len > 0 && (size_t)len < sizeof(data));
	(void)close(in);
	(void)unlink(path_of(name));
	out = open(path_of(name), O_WRONLY | O_CREAT | O_EXCL, 0644);
	assert_true(out >= 0);
	assert_int_equal(write(out, data, (size_t)len), len);
	(void)close(out);
}

static void install(const char *name)
{
	install_as(pool_printf(pool, "tests/abi/.libs/%s.so", name), name,
		   SIZE_MAX);
}

static int set_up(void **state)
{
	pool = pool_create("test");
	logged[0] = '\0';
	log_set_sink(keep_log, NULL);
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
	struct cv_strings names;

	module_unload_all();
	(void)chmod(folder, 0700);
	if (module_find_all(folder, pool, &names, NULL) == CV_OK) {
		for (uint32_t i = 0; i < names.count; i++)
			(void)unlink(path_of(names.items[i]));
	}
	pool_destroy(&pool);
	return rmdir(folder);
}

static const struct module_probed *probe(const char *name)
{
	const struct module_probed *result;
	struct cv_error err = ERROR_NONE;

	if (module_probe(folder, &name, 1, NULL, pool, &result, &err) < 0)
		fail_msg("probe: %s", err.text);
	return result;
}

static void assert_refused(const char *name, const char *sentence)
{
	const struct module_probed *result = probe(name);

	assert_true(result->status < 0);
	if (strstr(result->error, sentence) == NULL)
		fail_msg("'%s' is not in '%s'", sentence, result->error);
}

static const struct { const char *name, *sentence; } faults[] = {
	{ "wrong-no-descriptor", "it has no plugin descriptor" },
	{ "wrong-magic", "magic number 12345678 instead of" },
	{ "wrong-size", "its descriptor says it has 24 bytes" },
	{ "wrong-newer-api", "it needs plugin API 1.7, this server has 1.0" },
	{ "wrong-other-major", "it was built for plugin API 2.7" },
	{ "wrong-time-t", "built with 32-bit time_t, this server with 64" },
	{ "wrong-name", "it calls itself 'somebody-else'" },
	{ "wrong-exact-build", "only with the build 'of another day'" },
	{ "wrong-setting", "'wrong_text' lies outside" },
	{ "wrong-pointer", "while its descriptor was read" },
	{ "wrong-constructor", "while it was loaded, before its descriptor" },
	{ "wrong-exit", "it ended the process with status 3" },
	{ "wrong-init-crash", "in its init function" },
	{ "wrong-service", "its init called the service 'user'" },
	{ "wrong-undefined", "undefined symbol: wrong_nobody_has_this" },
};

static void each_fault_has_its_own_sentence(void **state)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		install(faults[i].name);
		assert_refused(faults[i].name, faults[i].sentence);
	}
}

static void a_plugin_that_never_returns_is_stopped(void **state)
{
	install("wrong-hang");
	assert_refused("wrong-hang", "while it was loaded");
}

static void what_init_would_say_is_known(void **state)
{
	static const struct { const char *name, *text; } cases[] = {
		{ "wrong-init-fails", "wrong_text is not pretty" },
		{ "wrong-longer-table", "knows " },
		{ "wrong-unknown-hook", "hook point number 63" },
		{ "wrong-kind", "something of kind 4711" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct module_probed *result;

		install(cases[i].name);
		result = probe(cases[i].name);
		assert_int_equal(result->status, CV_OK);
		assert_non_null(strstr(result->desc->init_error,
				       cases[i].text));
	}
}

static void a_file_cut_anywhere_is_refused(void **state)
{
	const char *built = "tests/abi/.libs/wrong-good-b.so";
	struct stat st;

	assert_int_equal(stat(built, &st), 0);
	for (size_t len = 1; len < 4096; len += 97) {
		install_as(built, "wrong-good-b", len);
		assert_refused("wrong-good-b", "cut short");
	}
	install_as(built, "wrong-good-b", 8192);
	assert_refused("wrong-good-b", "cut short");
}

static void what_is_no_shared_object_is_refused(void **state)
{
	install_as("config.status", "wrong-good-b", SIZE_MAX);
	assert_refused("wrong-good-b", "is not a shared object");
	assert_refused("wrong-good-x", "there is no file");
	assert_refused("../wrong", "that is no name of a plugin");
	assert_refused("", "that is no name of a plugin");
	assert_int_equal(symlink("/usr/lib/os-release",
				 path_of("wrong-link")), 0);
	assert_refused("wrong-link", "is a symbolic link");
}

static void what_others_can_write_is_refused(void **state)
{
	struct cv_error err = ERROR_NONE;
	const struct module_probed *result;
	const char *name = "wrong-good-b";

	install(name);
	assert_int_equal(probe(name)->status, CV_OK);
	assert_int_equal(chmod(path_of(name), 0666), 0);
	assert_refused(name, "can be written by everyone (mode 0666)");
	assert_int_equal(chmod(path_of(name), 0664), 0);
	assert_refused(name, "can be written by its group (mode 0664)");
	assert_int_equal(chmod(path_of(name), 0644), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(path_of(name), 12345, 0), 0);
		assert_refused(name, "belongs to uid 12345");
		assert_int_equal(chown(path_of(name), 0, 0), 0);
	}
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(module_probe(folder, &name, 1, NULL, pool, &result,
				      &err), CV_E_DENIED);
	assert_non_null(strstr(err.text, "can be written by everyone"));
}

static void one_crash_does_not_hide_the_others(void **state)
{
	static const char *const names[] = {
		"wrong-good-b", "wrong-constructor", "wrong-absent",
		"wrong-init-crash", "wrong-good-a", "wrong-exit",
	};
	const struct module_probed *result;

	for (size_t i = 0; i < 6; i++) {
		if (i != 2)
			install(names[i]);
	}
	assert_int_equal(module_probe(folder, names, 6, NULL, pool, &result,
				      NULL), CV_OK);
	assert_int_equal(result[0].status, CV_OK);
	assert_string_equal(result[0].desc->name, "wrong-good-b");
	assert_true(result[1].status < 0);
	assert_int_equal(result[2].status, CV_E_NOT_FOUND);
	assert_true(result[3].status < 0);
	assert_int_equal(result[4].status, CV_OK);
	assert_string_equal(result[4].desc->needs[0], "wrong-good-b");
	/* a hook and an extension */
	assert_int_equal(result[4].desc->registration_count, 2);
	assert_true(result[5].status < 0);
}

static int load(bool skip, const char *const *names, struct cv_error *err)
{
	struct module_request request = {
		.dir = folder, .names = names, .skip_errors = skip,
	};

	while (names[request.count] != NULL) {
		const char *name = names[request.count++];

		if (access(pool_printf(pool, "tests/abi/.libs/%s.so", name),
			   F_OK) == 0)
			install(name);
	}
	return module_load(&request, err);
}

static void assert_load_fails(const char *const *names, const char *sentence)
{
	struct cv_error err = ERROR_NONE;
	uint32_t at = 0;

	assert_true(load(false, names, &err) < 0);
	if (strstr(err.text, sentence) == NULL)
		fail_msg("'%s' is not in '%s'", sentence, err.text);
	assert_null(module_next(&at));
	assert_false(hook_active[CV_HOOK_ID_session_opened]);
}

static void a_bad_set_is_refused_whole(void **state)
{
	static const char *const need[] = { "wrong-good-b", "wrong-need",
		NULL };
	static const char *const cycle[] = { "wrong-cycle-a", "wrong-cycle-b",
		"wrong-good-b", NULL };
	static const char *const fails[] = { "wrong-good-b",
		"wrong-init-fails", NULL };
	static const char *const crash[] = { "wrong-good-b",
		"wrong-init-crash", NULL };
	static const char *const longer[] = { "wrong-good-b",
		"wrong-longer-table", NULL };

	assert_load_fails(need, "cannot load 'wrong-need': it needs the "
			  "plugin 'nowhere', which is not loaded here (hint: "
			  "mail_plugins = $mail_plugins nowhere)");
	assert_load_fails(cycle, "in a circle: 'wrong-cycle-");
	assert_load_fails(fails, "cannot load 'wrong-init-fails': wrong_text "
			  "is not pretty");
	assert_load_fails(crash, "cannot load 'wrong-init-crash': it crashed");
	assert_load_fails(longer, "its protocol table 'longer' uses byte");
}

static void what_extends_a_plugin_is_looked_over(void **state)
{
	static const char *const named[] = { "wrong-good-b",
		"wrong-extension-name", NULL };
	static const char *const newer[] = { "wrong-good-b",
		"wrong-extension-major", NULL };
	static const char *const refused[] = { "wrong-good-b",
		"wrong-extension-refused", NULL };
	static const char *const earlier[] = { "wrong-extension-refused",
		"wrong-good-b", NULL };

	assert_load_fails(named, "cannot load 'wrong-extension-name': its "
			  "extension is called 'somebody-else' (hint: give it "
			  "the plugin's name)");
	assert_load_fails(newer, "cannot load 'wrong-extension-major': it "
			  "extends 'wrong-good-b' as of version 2, this "
			  "server has version 1 (hint: ");
	assert_load_fails(refused, "cannot load 'wrong-extension-refused': "
			  "there is one of those");
	assert_load_fails(earlier, "cannot load 'wrong-good-b': what "
			  "'wrong-extension-refused' adds to it is wrong: "
			  "there is one of those");
}

static void a_service_and_its_extensions_find_each_other(void **state)
{
	static const char *const names[] = { "wrong-good-a", "wrong-good-b",
		NULL };
	const struct cv_host *host = module_host();
	const struct cv_extension *extension;
	struct cv_plugin *owner;
	struct cv_error err = ERROR_NONE;
	uint32_t at = 0;

	assert_null(host->service("wrong-good-b", 1));
	assert_int_equal(load(false, names, &err), CV_OK);
	assert_non_null(host->service("wrong-good-b", 1));
	assert_null(host->service("wrong-good-b", 2));
	extension = host->extension_next("wrong-good-b", 1, &at, &owner);
	assert_string_equal(extension->name, "wrong-good-a");
	assert_string_equal(module_describe(owner)->name, "wrong-good-a");
	assert_null(host->extension_next("wrong-good-b", 1, &at, &owner));
	at = 0;
	assert_null(host->extension_next("wrong-good-b", 2, &at, &owner));
}

static void with_skip_the_process_goes_on(void **state)
{
	static const char *const names[] = {
		"wrong-need", "wrong-cycle-a", "wrong-constructor",
		"wrong-cycle-b", "wrong-good-a", "wrong-init-crash",
		"wrong-absent", "wrong-init-fails", "wrong-good-b",
		"wrong-time-t", NULL,
	};
	static const char *const lines[] = {
		"'wrong-need': it needs", "in a circle",
		"'wrong-constructor': it crashed",
		"'wrong-init-crash': it crashed", "'wrong-absent': there is",
		"'wrong-init-fails': wrong_text", "'wrong-time-t': it was",
	};
	struct cv_error err = ERROR_NONE;
	uint32_t at = 0;

	if (load(true, names, &err) < 0)
		fail_msg("load: %s", err.text);
	/* good-a needs good-b, which was named later */
	assert_string_equal(module_describe(module_next(&at))->name,
			    "wrong-good-b");
	assert_string_equal(module_describe(module_next(&at))->name,
			    "wrong-good-a");
	/* with one link of the circle gone, the other lacks what it needs */
	assert_null(module_next(&at));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (strstr(logged, lines[i]) == NULL)
			fail_msg("'%s' is not in the log:\n%s", lines[i],
				 logged);
	}
}

static void hooks_run_by_priority_and_are_counted(void **state)
{
	static const char *const names[] = { "wrong-good-a", "wrong-good-b",
		NULL };
	struct cv_session_ctx ctx = { CV_SIZED(cv_session_ctx) };
	struct hook_listener_stats stats;
	uint32_t at = 0;

	assert_int_equal(load(false, names, NULL), CV_OK);
	assert_int_equal(hook_session_opened(&ctx), CV_OK);
	assert_int_equal(hook_session_opened(&ctx), CV_OK);
	assert_true(hook_listener_next(CV_HOOK_ID_session_opened, &at,
				       &stats));
	assert_string_equal(stats.plugin, "wrong-good-b");
	assert_int_equal(stats.priority, -1);
	assert_int_equal(stats.calls, 2);
	assert_true(hook_listener_next(CV_HOOK_ID_session_opened, &at,
				       &stats));
	assert_string_equal(stats.plugin, "wrong-good-a");
	assert_false(hook_listener_next(CV_HOOK_ID_session_opened, &at,
					&stats));
}

static void nothing_is_registered_after_init(void **state)
{
	static const char *const names[] = { "wrong-late", NULL };
	struct cv_session_ctx ctx = { CV_SIZED(cv_session_ctx) };
	struct hook_listener_stats stats;
	uint32_t at = 0;

	assert_int_equal(load(false, names, NULL), CV_OK);
	assert_int_equal(hook_session_opened(&ctx), CV_OK);
	assert_true(hook_listener_next(CV_HOOK_ID_session_opened, &at,
				       &stats));
	assert_int_equal(stats.failures, 1);
	assert_false(hook_listener_next(CV_HOOK_ID_session_opened, &at,
					&stats));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
		TEST(each_fault_has_its_own_sentence),
		TEST(a_plugin_that_never_returns_is_stopped),
		TEST(what_init_would_say_is_known),
		TEST(a_file_cut_anywhere_is_refused),
		TEST(what_is_no_shared_object_is_refused),
		TEST(what_others_can_write_is_refused),
		TEST(one_crash_does_not_hide_the_others),
		TEST(a_bad_set_is_refused_whole),
		TEST(what_extends_a_plugin_is_looked_over),
		TEST(a_service_and_its_extensions_find_each_other),
		TEST(with_skip_the_process_goes_on),
		TEST(hooks_run_by_priority_and_are_counted),
		TEST(nothing_is_registered_after_init),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
