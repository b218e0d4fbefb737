/* test-auth-facts.c - what auth knows of drivers that only auth-worker
 * loads. */
#include "auth-fixture.h"
#include "auth/auth-facts.h"
#include "ipc/ipc.h"

#include <sys/socket.h>

/* Loads what the process auth would. */
static struct settings_tree *load(const char *settings, uint32_t wants)
{
	const struct module_role role = {
		.process = "auth", .wants = MODULE_WANT_AUTH | wants,
	};
	struct settings_tree *tree;
	struct cv_error err = ERROR_NONE;

	tree = tree_of(pool_printf(fix.pool, "mail_plugin_dir = %s\n"
				   "auth_plugins = scheme-crypt?\n%s",
				   fix.dir, settings));
	module_unload_all();
	if (module_load_role(tree, &role, &err) < 0)
		fail_msg("%s", err.text);
	return tree;
}

static bool is_loaded(const char *name)
{
	const struct cv_plugin *plugin;
	uint32_t at = 0;

	while ((plugin = module_next(&at)) != NULL) {
		if (strcmp(module_describe(plugin)->name, name) == 0)
			return true;
	}
	return false;
}

static const char blocking[] =
	"passdb {\n driver = passwd-file\n args = scheme=SHA256 $USERS\n}\n"
	"passdb {\n driver = pam\n args = confdir=/etc imap\n}\n"
	"userdb {\n driver = passwd\n}\n"
	"userdb {\n driver = prefetch\n}\n";

static const char *with_users(const char *settings)
{
	const char *at = strstr(settings, "$USERS");

	return at == NULL ? settings :
		pool_printf(fix.pool, "%.*s%s%s", (int)(at - settings),
			    settings, fix.users, at + 6);
}

static void what_may_block_is_left_out_and_known_all_the_same(void **state)
{
	struct auth_dbs_options options = { .needs_path = NULL };
	struct cv_error err = ERROR_NONE;
	struct settings_tree *tree;
	struct auth_dbs dbs;

	(void)state;
	write_file(fix.users, "joe:{PLAIN}pass\n");
	tree = load(with_users(blocking), MODULE_WANT_ONLY_PURE);
	assert_true(module_has_left_out());
	assert_true(is_loaded("auth-passwd-file"));
	assert_true(is_loaded("scheme-crypt"));
	assert_false(is_loaded("auth-pam") || is_loaded("auth-passwd"));
	if (auth_facts_learn(tree, fix.pool, &options, &err) != CV_OK)
		fail_msg("%s", err.text);
	assert_int_equal(options.fact_count, 4);
	/* the child has loaded them, we have not */
	assert_false(is_loaded("auth-pam"));
	if (auth_dbs_open(&dbs, tree, fix.pool, &options, &err) != CV_OK)
		fail_msg("%s", err.text);
	assert_non_null(dbs.passdbs->pass);
	assert_string_equal(dbs.passdbs->facts.scheme, "SHA256");
	assert_null(dbs.passdbs->next->pass);
	assert_true(dbs.passdbs->next->facts.verifies);
	assert_false(dbs.passdbs->next->facts.looks_up);
	assert_false(dbs.passdbs->next->pure);
	assert_null(dbs.userdbs->user);
	assert_true(dbs.userdbs->facts.lists);
	assert_false(dbs.userdbs->prefetch || dbs.userdbs->pure);
	assert_true(dbs.userdbs->next->prefetch && dbs.userdbs->next->pure);
	auth_dbs_close(&dbs);
	settings_tree_destroy(&tree);
}

static void without_such_a_driver_nothing_is_left_out(void **state)
{
	struct settings_tree *tree;

	(void)state;
	tree = load(with_users("passdb {\n driver = passwd-file\n "
			       "args = $USERS\n}\n"), MODULE_WANT_ONLY_PURE);
	assert_false(module_has_left_out());
	settings_tree_destroy(&tree);
	tree = load(with_users(blocking), 0);
	assert_false(module_has_left_out());
	assert_true(is_loaded("auth-pam"));
	settings_tree_destroy(&tree);
}

static void a_driver_that_cannot_be_opened_is_named(void **state)
{
	struct auth_dbs_options options = { .needs_path = NULL };
	struct cv_error err = ERROR_NONE;
	struct settings_tree *tree;

	(void)state;
	tree = load("passdb {\n driver = pam\n args = sesion=yes imap\n}\n",
		    MODULE_WANT_ONLY_PURE);
	assert_int_equal(auth_facts_learn(tree, fix.pool, &options, &err),
			 CV_E_CONFIG);
	assert_non_null(strstr(err.text, "passdb pam: "));
	assert_non_null(strstr(err.text, "sesion=yes"));
	settings_tree_destroy(&tree);
}

/* --- what comes over the socket --------------------------------------------- */

static int receive_after(void (*send)(int fd), struct cv_error *err)
{
	struct auth_dbs_options options = { .needs_path = NULL };
	int fds[2], ret;

	assert_int_equal(ipc_pair(fds, false, NULL), CV_OK);
	send(fds[1]);
	close(fds[1]);
	ret = auth_facts_receive(fds[0], fix.pool, &options, err);
	close(fds[0]);
	return ret;
}

static void send_nothing(int fd)
{
	(void)fd;
}

static void send_other(int fd)
{
	ipc_begin(&ipc_scratch, 1);
	assert_int_equal(ipc_send(fd, &ipc_scratch, NULL), CV_OK);
}

static void send_short(int fd)
{
	ipc_begin(&ipc_scratch, 0x480);
	ipc_put_bool(&ipc_scratch, true);
	assert_int_equal(ipc_send(fd, &ipc_scratch, NULL), CV_OK);
}

static void send_impossible_code(int fd)
{
	ipc_begin(&ipc_scratch, 0x482);
	ipc_put_u32(&ipc_scratch, 0);
	ipc_put_str(&ipc_scratch, "all is well");
	assert_int_equal(ipc_send(fd, &ipc_scratch, NULL), CV_OK);
}

static void a_child_is_not_believed_its_form(void **state)
{
	struct cv_error err = ERROR_NONE;

	(void)state;
	assert_int_equal(receive_after(send_nothing, &err), CV_EOF);
	assert_true(receive_after(send_other, &err) < 0);
	assert_true(receive_after(send_short, &err) < 0);
	assert_int_equal(receive_after(send_impossible_code, &err),
			 CV_E_INTERNAL);
	assert_string_equal(err.text, "all is well");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_may_block_is_left_out_and_known_all_the_same),
		cmocka_unit_test(without_such_a_driver_nothing_is_left_out),
		cmocka_unit_test(a_driver_that_cannot_be_opened_is_named),
		cmocka_unit_test(a_child_is_not_believed_its_form),
	};

	return cmocka_run_group_tests(tests, fixture_load, fixture_unload);
}
