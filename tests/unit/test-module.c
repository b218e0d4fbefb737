/* test-module.c - the parts of the plugin host that need no plugin file:
 * registries, hooks, slots, order, names, and the probe's answers. */
#include "module/hook.h"
#include "module/module-private.h"
#include "module/slots.h"

#include "cv-auth.h"
#include "cv-protocol.h"
#include "settings/core-settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct cv_pool *pool;
static const char *const nothing[] = { NULL };
static char called[256];
static int answers[4];

static int set_up(void **state)
{
	pool = pool_create("test");
	called[0] = '\0';
	memset(answers, 0, sizeof(answers));
	return 0;
}

static int tear_down(void **state)
{
	pool_destroy(&pool);
	return 0;
}

static struct cv_plugin *make(const char *name, const char *const *needs,
			      const char *const *after)
{
	struct cv_plugin *plugin = pool_new(pool, struct cv_plugin);
	struct module_desc *desc = pool_new(pool, struct module_desc);

	*desc = (struct module_desc){
		.name = name, .path = "", .version = "1", .license = "",
		.summary = "", .build_id = "", .init_error = "",
		.api_major = 1, .api_minor = 3,
		.needs = needs == NULL ? nothing : needs,
		.after = after == NULL ? nothing : after,
		.processes = nothing, .paths = nothing,
	};
	plugin->desc = desc;
	return plugin;
}

/* --- hooks ---------------------------------------------------------------- */

#define LISTENER(letter, number) \
	static int listen_##letter(struct cv_mailbox_ctx *ctx) \
	{ (void)strncat(called, #letter, 2); return answers[number]; }
LISTENER(a, 0)
LISTENER(b, 1)
LISTENER(c, 2)
LISTENER(d, 3)

typedef int listener_fn(struct cv_mailbox_ctx *ctx);

static void listen_at(struct cv_plugin *plugin, uint32_t id, int priority,
		      listener_fn *fn)
{
	assert_int_equal(hook_add(plugin, id, priority, (cv_any_fn *)fn, pool,
				  NULL), CV_OK);
	hook_sort_all();
}

static int decide(void)
{
	struct cv_mailbox_ctx ctx = { CV_SIZED(cv_mailbox_ctx) };

	called[0] = '\0';
	return hook_mailbox_changing(&ctx);
}

static void without_listeners_nobody_decides(void **state)
{
	struct cv_body_ctx body = { CV_SIZED(cv_body_ctx) };
	struct cv_message_ctx message = { CV_SIZED(cv_message_ctx) };

	assert_int_equal(decide(), CV_DECLINED);
	assert_int_equal(hook_message_saving(&body), CV_OK);
	assert_int_equal(hook_message_stored(&message), CV_OK);
}

static void the_first_answer_decides(void **state)
{
	struct cv_plugin *p = make("p", NULL, NULL);
	uint32_t id = CV_HOOK_ID_mailbox_changing;

	listen_at(p, id, 0, listen_b);
	listen_at(p, id, -5, listen_a);
	listen_at(p, id, 5, listen_c);
	answers[0] = answers[1] = answers[2] = CV_DECLINED;
	assert_int_equal(decide(), CV_DECLINED);
	assert_string_equal(called, "abc");
	answers[1] = CV_OK;
	assert_int_equal(decide(), CV_OK);
	assert_string_equal(called, "ab");
	answers[0] = CV_E_DENIED;
	assert_int_equal(decide(), CV_E_DENIED);
	assert_string_equal(called, "a");
	hook_remove_all_of(p);
	assert_int_equal(decide(), CV_DECLINED);
	assert_string_equal(called, "");
}

static void a_broken_decider_follows_the_policy(void **state)
{
	struct cv_plugin *p = make("p", NULL, NULL);
	uint32_t id = CV_HOOK_ID_mailbox_changing;

	listen_at(p, id, 0, listen_a);
	listen_at(p, id, 1, listen_b);
	answers[1] = CV_OK;
	for (int broken = 0; broken < 2; broken++) {
		answers[0] = broken == 0 ? CV_E_INTERNAL : -77;
		hook_set_policy(MODULE_HOOK_TEMPFAIL, 1000);
		assert_int_equal(decide(), CV_E_TEMP);
		hook_set_policy(MODULE_HOOK_FAIL, 1000);
		assert_int_equal(decide(), CV_E_PERM);
		hook_set_policy(MODULE_HOOK_SKIP, 1000);
		assert_int_equal(decide(), CV_OK);
		assert_string_equal(called, "ab");
	}
	/* a verdict is none of that */
	answers[0] = CV_E_PERM;
	assert_int_equal(decide(), CV_E_PERM);
	hook_set_policy(MODULE_HOOK_TEMPFAIL, 10000);
	hook_remove_all_of(p);
}

static void notify_reaches_all_and_filters_stop_at_a_failure(void **state)
{
	struct cv_plugin *p = make("p", NULL, NULL);
	struct cv_mailbox_ctx notify = { CV_SIZED(cv_mailbox_ctx) };
	struct cv_body_ctx body = { CV_SIZED(cv_body_ctx) };
	uint32_t filter = CV_HOOK_ID_message_saving;

	listen_at(p, CV_HOOK_ID_mailbox_opened, 0, listen_a);
	listen_at(p, CV_HOOK_ID_mailbox_opened, 1, listen_b);
	answers[0] = CV_E_TEMP;
	assert_int_equal(hook_mailbox_opened(&notify), CV_OK);
	assert_string_equal(called, "ab");
	listen_at(p, filter, 0, listen_c);
	listen_at(p, filter, 1, listen_d);
	answers[2] = CV_DECLINED;
	assert_int_equal(hook_message_saving(&body), CV_OK);
	assert_string_equal(called, "abcd");
	answers[2] = CV_E_LIMIT;
	assert_int_equal(hook_message_saving(&body), CV_E_LIMIT);
	/* half a filter is never skipped */
	hook_set_policy(MODULE_HOOK_SKIP, 1000);
	answers[2] = CV_E_INTERNAL;
	assert_int_equal(hook_message_saving(&body), CV_E_TEMP);
	hook_set_policy(MODULE_HOOK_TEMPFAIL, 10000);
	hook_remove_all_of(p);
}

static void equal_priorities_go_by_after_then_name(void **state)
{
	static const char *const after_d[] = { "d", NULL };
	struct cv_plugin *a = make("a", NULL, after_d);
	struct cv_plugin *b = make("b", after_d, NULL);
	struct cv_plugin *c = make("c", NULL, NULL);
	struct cv_plugin *d = make("d", NULL, NULL);
	uint32_t id = CV_HOOK_ID_mailbox_changing;

	listen_at(a, id, 0, listen_a);
	listen_at(b, id, 0, listen_b);
	listen_at(d, id, 0, listen_d);
	listen_at(c, id, 0, listen_c);
	for (size_t i = 0; i < 4; i++)
		answers[i] = CV_DECLINED;
	assert_int_equal(decide(), CV_DECLINED);
	assert_string_equal(called, "cdab");
	hook_remove_all_of(d);
	hook_sort_all();
	assert_int_equal(decide(), CV_DECLINED);
	assert_string_equal(called, "abc");
	hook_remove_all_of(a);
	hook_remove_all_of(b);
	hook_remove_all_of(c);
}

static void hook_points_have_one_number_each(void **state)
{
	const struct hook_point *point;
	struct cv_error err = ERROR_NONE;
	uint32_t at = 0, count = 0;

	while ((point = hook_point_next(&at)) != NULL) {
		assert_ptr_equal(hook_point_find(point->id), point);
		count++;
	}
	assert_true(count >= 12);
	assert_null(hook_point_find(0));
	assert_null(hook_point_find(4711));
	assert_int_equal(hook_add(make("p", NULL, NULL), 4711, 0,
				  (cv_any_fn *)listen_a, pool, &err),
			 CV_E_ABI);
	assert_non_null(strstr(err.text, "plugin API 1.3"));
}

/* --- providers --------------------------------------------------------------- */

static int run_nothing(struct cv_session *session, struct cv_error *err)
{
	return CV_OK;
}

static void a_shorter_table_is_completed(void **state)
{
	struct cv_plugin *p = make("p", NULL, NULL);
	struct cv_protocol full = {
		.name = "old", .size = offsetof(struct cv_protocol, run),
		.preauth_bytes = 7,
		/* behind the end of what an older header had */
		.run = run_nothing,
	};
	const struct cv_protocol *got;
	uint32_t at = 0;

	assert_int_equal(provider_add(p, CV_PROVIDER_PROTOCOL, &full, pool,
				      NULL), CV_OK);
	got = module_provider(CV_PROVIDER_PROTOCOL, "old");
	assert_non_null(got);
	assert_true(got != &full);
	assert_int_equal(got->preauth_bytes, 7);
	assert_null(got->run);
	assert_ptr_equal(module_provider_owner(got), p);
	assert_ptr_equal(module_provider_next(CV_PROVIDER_PROTOCOL, &at),
			 got);
	assert_null(module_provider_next(CV_PROVIDER_PROTOCOL, &at));
	assert_null(module_provider(CV_PROVIDER_STORAGE, "old"));
	provider_remove_all_of(p);
	assert_null(module_provider(CV_PROVIDER_PROTOCOL, "old"));
}

static void a_longer_table_is_refused_unless_its_tail_is_zero(void **state)
{
	struct { struct cv_protocol known; uint64_t news[2]; } table = {
		.known = { .name = "new", .size = sizeof(table) },
	};
	struct cv_plugin *p = make("p", NULL, NULL);
	struct cv_error err = ERROR_NONE;

	assert_int_equal(provider_add(p, CV_PROVIDER_PROTOCOL, &table, pool,
				      &err), CV_OK);
	provider_remove_all_of(p);
	memset(&table.news[1], 1, 1);
	assert_int_equal(provider_add(p, CV_PROVIDER_PROTOCOL, &table, pool,
				      &err), CV_E_ABI);
	assert_non_null(strstr(err.text, pool_printf(pool, "uses byte %zu,",
		sizeof(struct cv_protocol) + sizeof(uint64_t))));
	assert_non_null(strstr(err.text, "update the server to plugin API "
			       "1.3"));
}

static void two_plugins_cannot_provide_the_same(void **state)
{
	struct cv_passdb table = { CV_SIZED(cv_passdb), .name = "x" };
	struct cv_plugin *p = make("first", NULL, NULL);
	struct cv_plugin *q = make("second", NULL, NULL);
	struct cv_error err = ERROR_NONE;

	assert_int_equal(provider_add(p, CV_PROVIDER_PASSDB, &table, pool,
				      &err), CV_OK);
	assert_int_equal(provider_add(q, CV_PROVIDER_PASSDB, &table, pool,
				      &err), CV_E_EXISTS);
	assert_non_null(strstr(err.text, "passdb 'x' is provided already, by "
			       "'first'"));
	table.name = NULL;
	assert_int_equal(provider_add(q, CV_PROVIDER_PASSDB, &table, pool,
				      &err), CV_E_ABI);
	table.size = 4;
	assert_int_equal(provider_add(q, CV_PROVIDER_PASSDB, &table, pool,
				      &err), CV_E_ABI);
	provider_remove_all_of(p);
}

/* --- slots ---------------------------------------------------------------------- */

static void count_fini(void *data)
{
	answers[0] += *(int *)data;
}

static void slots_are_zeroed_and_end_with_their_object(void **state)
{
	struct cv_slot first = { CV_SIZED(cv_slot), CV_OBJECT_USER, 0, 8,
		count_fini };
	struct cv_slot second = { CV_SIZED(cv_slot), CV_OBJECT_USER, 0, 8,
		NULL };
	struct cv_slot *const list[] = { &first, &second, NULL };
	struct cv_plugin_desc code = { CV_SIZED(cv_plugin_desc),
		.slots = list };
	struct cv_plugin *p = make("p", NULL, NULL);
	struct cv_pool *object_pool = pool_create("object");
	struct { struct module_slots slots; } user;
	int *data;

	p->code = &code;
	assert_int_equal(slots_number(p, NULL), CV_OK);
	assert_true(first.id != 0 && first.id != second.id);
	module_slots_init(&user.slots, CV_OBJECT_USER, object_pool);
	data = slots_get(&user, first.id);
	assert_int_equal(*data, 0);
	*data = 5;
	assert_ptr_equal(slots_get(&user, first.id), data);
	assert_true(slots_get(&user, second.id) != (void *)data);
	pool_destroy(&object_pool);
	assert_int_equal(answers[0], 5);
	first.object_class = 4711;
	assert_int_equal(slots_number(p, NULL), CV_E_ABI);
	slots_reset();
}

static int freeze_number(const void *data, struct cv_text *out)
{
	cv_text_append(out, data, sizeof(int));
	return *(const int *)data < 0 ? CV_E_UNSUPPORTED : CV_OK;
}

static int thaw_number(void *data, struct cv_span in)
{
	if (in.len != sizeof(int))
		return CV_E_SYNTAX;
	memcpy(data, in.data, sizeof(int));
	return CV_OK;
}

static void slots_leave_their_process_or_keep_the_session_in_it(void **state)
{
	struct cv_slot moves = { CV_SIZED(cv_slot), CV_OBJECT_USER, 0,
		sizeof(int), NULL, freeze_number, thaw_number };
	struct cv_slot stays = { CV_SIZED(cv_slot), CV_OBJECT_USER, 0,
		sizeof(int), NULL, NULL, NULL };
	struct cv_slot *const list[] = { &stays, &moves, NULL };
	struct cv_plugin_desc code = { CV_SIZED(cv_plugin_desc),
		.slots = list };
	struct cv_plugin *p = make("p", NULL, NULL);
	struct { struct module_slots slots; } from, to;
	struct cv_text bytes;
	struct cv_span in;

	p->code = &code;
	cv_text_init(&bytes, pool);
	assert_int_equal(slots_number(p, NULL), CV_OK);
	module_slots_init(&from.slots, CV_OBJECT_USER, pool);
	module_slots_init(&to.slots, CV_OBJECT_USER, pool);
	*(int *)slots_get(&from, moves.id) = 4711;
	assert_int_equal(module_slots_freeze(&from.slots, &bytes, NULL),
			 CV_OK);
	for (size_t i = 0; i < bytes.len; i++) {
		in = cv_span(bytes.data, i);
		assert_true(module_slots_thaw(&to.slots, &in, NULL) < 0);
	}
	in = cv_text_span(&bytes);
	assert_int_equal(module_slots_thaw(&to.slots, &in, NULL), CV_OK);
	assert_int_equal(in.len, 0);
	assert_int_equal(*(int *)slots_get(&to, moves.id), 4711);
	/* a plugin that says no, and one that cannot be asked */
	*(int *)slots_get(&from, moves.id) = -1;
	assert_int_equal(module_slots_freeze(&from.slots, &bytes, NULL),
			 CV_E_UNSUPPORTED);
	*(int *)slots_get(&from, moves.id) = 1;
	(void)slots_get(&from, stays.id);
	assert_int_equal(module_slots_freeze(&from.slots, &bytes, NULL),
			 CV_E_UNSUPPORTED);
	/* bytes of a plugin that is not there any more */
	slots_reset();
	in = cv_text_span(&bytes);
	assert_true(module_slots_thaw(&to.slots, &in, NULL) < 0);
}

static void the_wrong_object_for_a_slot_is_a_bug(void **state)
{
	struct cv_slot slot = { CV_SIZED(cv_slot), CV_OBJECT_USER, 0, 8,
		NULL };
	struct cv_slot *const list[] = { &slot, NULL };
	struct cv_plugin_desc code = { .slots = list };
	struct cv_plugin *p = make("p", NULL, NULL);
	struct { struct module_slots slots; } box;
	int status;
	pid_t pid;

	p->code = &code;
	assert_int_equal(slots_number(p, NULL), CV_OK);
	module_slots_init(&box.slots, CV_OBJECT_MAILBOX, pool);
	for (int unnumbered = 0; unnumbered < 2; unnumbered++) {
		pid = fork();
		if (pid == 0) {
			(void)close(STDERR_FILENO);
			(void)slots_get(&box, unnumbered ? 0 : slot.id);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
	}
	slots_reset();
}

/* --- order ------------------------------------------------------------------------ */

static void plugins_come_behind_what_they_need(void **state)
{
	static const char *const need_c[] = { "c", NULL };
	static const char *const after_a[] = { "a", "absent", NULL };
	const struct module_desc *descs[] = {
		make("a", need_c, NULL)->desc, make("b", NULL, after_a)->desc,
		make("c", NULL, NULL)->desc, make("d", NULL, NULL)->desc,
	};
	static const uint32_t wanted[] = { 2, 0, 1, 3 };
	uint32_t order[4], bad;

	assert_int_equal(module_order(descs, 4, order, &bad, NULL), CV_OK);
	assert_memory_equal(order, wanted, sizeof(wanted));
	assert_int_equal(module_order(descs, 2, order, &bad, NULL),
			 CV_E_CONFIG);
	assert_int_equal(bad, 0);
}

static void a_circle_is_listed(void **state)
{
	static const char *const x[] = { "x", NULL }, *const y[] = { "y",
		NULL }, *const z[] = { "z", NULL };
	const struct module_desc *descs[] = {
		make("before", x, NULL)->desc, make("x", y, NULL)->desc,
		make("y", NULL, z)->desc, make("z", NULL, x)->desc,
		make("free", NULL, NULL)->desc,
	};
	struct cv_error err = ERROR_NONE;
	uint32_t order[5], bad;

	assert_int_equal(module_order(descs, 5, order, &bad, &err),
			 CV_E_CONFIG);
	assert_true(bad >= 1 && bad <= 3);
	assert_true(strstr(err.text, "'x' -> 'y' -> 'z'") != NULL ||
		    strstr(err.text, "'y' -> 'z' -> 'x'") != NULL ||
		    strstr(err.text, "'z' -> 'x' -> 'y'") != NULL);
	assert_null(strstr(err.text, "'before'"));
}

/* --- names -------------------------------------------------------------------------- */

static void assert_names(struct settings_tree *tree, uint32_t wants,
			 const char *protocol, const char *wanted)
{
	struct module_role role = { .protocol = protocol, .wants = wants };
	struct cv_strings names;
	struct cv_text text;

	cv_text_init(&text, pool);
	module_names(tree, wants == 0 ? NULL : &role, pool, &names);
	for (uint32_t i = 0; i < names.count; i++)
		cv_text_append_f(&text, "%s%s", i == 0 ? "" : " ",
				 names.items[i]);
	assert_string_equal(cv_text_str(&text), wanted);
}

static void the_settings_say_which_plugins(void **state)
{
	static const char file[] =
		"protocols = imap lmtp\n"
		"mail_location = mbox:~/mail:INBOX=/var/mail/%u\n"
		"mail_plugins = quota\n"
		"auth_plugins = scheme-crypt?\n"
		"protocol imap {\n  mail_plugins = $mail_plugins acl trash quota\n}\n"
		"namespace x {\n  prefix = x/\n  separator = /\n"
		"  location = dbox:/srv/x\n}\n"
		"namespace y {\n  prefix = y/\n  separator = /\n"
		"  location = /srv/y:INDEX=MEMORY\n}\n"
		"passdb {\n  driver = pam\n}\n"
		"passdb {\n  driver = passwd-file\n  args = /x\n}\n"
		"userdb {\n  driver = prefetch\n}\n"
		"userdb {\n  driver = passwd-file\n  args = /x\n}\n";
	struct settings_tree *tree;
	struct cv_error err = ERROR_NONE;

	settings_register_core();
	settings_register(&module_settings_table);
	if (settings_read_text("test", CV_SPAN(file), NULL, &tree, &err) < 0)
		fail_msg("%s", err.text);
	assert_names(tree, MODULE_WANT_PROTOCOL, "imap", "imap");
	assert_names(tree, MODULE_WANT_STORAGE, "imap",
		     "storage-maildir storage-dbox storage-mbox");
	assert_names(tree, MODULE_WANT_AUTH, NULL,
		     "auth-pam auth-passwd-file scheme-crypt?");
	assert_names(tree, MODULE_WANT_MAIL, "imap", "quota trash");
	assert_names(tree, MODULE_WANT_MAIL, "lmtp", "quota");
	assert_names(tree, 0, NULL, "imap lmtp storage-maildir storage-dbox "
		     "storage-mbox auth-pam auth-passwd-file scheme-crypt? "
		     "quota trash");
	settings_tree_destroy(&tree);
}

/* --- the probe's answers -------------------------------------------------------------- */

static const struct cv_setting_def setting_defs[] = {
	{ CV_SIZED(cv_setting_def), .type = CV_SET_STRING, .offset = 8,
	  .name = "x_text", .default_text = "d", .doc = "words" },
	{ CV_SIZED(cv_setting_def), .type = CV_SET_BOOL, .offset = 16,
	  .name = "x_flag", .default_text = "no", .allowed = NULL,
	  .doc = "", .since = "2" },
};
static const struct module_registration registrations[] = {
	{ MODULE_REGISTERED_HOOK, 8, -500, "message_stored" },
	{ MODULE_REGISTERED_PROVIDER, 2, 0, "maildir" },
};

static struct cv_span wire(struct module_desc *desc)
{
	static const char *const needs[] = { "a", "b", NULL };
	struct cv_text text;

	*desc = *make("x", needs, NULL)->desc;
	desc->settings = (struct cv_array)CV_ARRAY(setting_defs);
	desc->settings_bytes = 24;
	desc->registrations = registrations;
	desc->registration_count = 2;
	cv_text_init(&text, pool);
	module_wire_put(&text, desc);
	return cv_text_span(&text);
}

static void a_descriptor_survives_the_pipe(void **state)
{
	const struct cv_setting_def *defs;
	struct module_desc desc, back;
	struct cv_span bytes = wire(&desc);

	assert_int_equal(module_wire_get(bytes, pool, &back, NULL), CV_OK);
	assert_string_equal(back.name, "x");
	assert_int_equal(back.api_minor, 3);
	assert_string_equal(back.needs[1], "b");
	assert_null(back.needs[2]);
	assert_null(back.after[0]);
	defs = back.settings.items;
	assert_int_equal(back.settings.count, 2);
	assert_string_equal(defs[0].name, "x_text");
	assert_null(defs[0].allowed);
	assert_string_equal(defs[1].since, "2");
	assert_int_equal(back.registrations[0].priority, -500);
	assert_string_equal(back.registrations[1].name, "maildir");
}

static void a_cut_or_changed_answer_is_refused_or_harmless(void **state)
{
	struct module_desc desc, back;
	struct cv_span bytes = wire(&desc);
	char *copy;

	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(module_wire_get(cv_span(bytes.data, len),
						 pool, &back, NULL),
				 CV_E_SYNTAX);
	copy = pool_copy(pool, bytes.data, bytes.len + 1);
	assert_int_equal(module_wire_get(cv_span(copy, bytes.len + 1), pool,
					 &back, NULL), CV_E_SYNTAX);
	for (size_t i = 0; i < bytes.len; i++) {
		char old = copy[i];

		copy[i] = (char)0xff;
		if (module_wire_get(cv_span(copy, bytes.len), pool, &back,
				    NULL) == CV_OK)
			assert_int_equal(module_check_settings(&back, NULL),
					 CV_OK);
		copy[i] = old;
	}
}

static void a_setting_outside_of_its_struct_is_refused(void **state)
{
	struct module_desc desc, back;
	struct cv_text text;

	(void)wire(&desc);
	for (size_t bytes = 0; bytes < 24; bytes++) {
		desc.settings_bytes = bytes;
		cv_text_init(&text, pool);
		module_wire_put(&text, &desc);
		assert_int_equal(module_wire_get(cv_text_span(&text), pool,
						 &back, NULL),
				 bytes < 17 ? CV_E_ABI : CV_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
		TEST(without_listeners_nobody_decides),
		TEST(the_first_answer_decides),
		TEST(a_broken_decider_follows_the_policy),
		TEST(notify_reaches_all_and_filters_stop_at_a_failure),
		TEST(equal_priorities_go_by_after_then_name),
		TEST(hook_points_have_one_number_each),
		TEST(a_shorter_table_is_completed),
		TEST(a_longer_table_is_refused_unless_its_tail_is_zero),
		TEST(two_plugins_cannot_provide_the_same),
		TEST(slots_are_zeroed_and_end_with_their_object),
		TEST(slots_leave_their_process_or_keep_the_session_in_it),
		TEST(the_wrong_object_for_a_slot_is_a_bug),
		TEST(plugins_come_behind_what_they_need),
		TEST(a_circle_is_listed),
		TEST(the_settings_say_which_plugins),
		TEST(a_descriptor_survives_the_pipe),
		TEST(a_cut_or_changed_answer_is_refused_or_harmless),
		TEST(a_setting_outside_of_its_struct_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
