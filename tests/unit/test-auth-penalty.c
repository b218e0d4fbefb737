/* test-auth-penalty.c - waiting after wrong passwords, with an anvil played
 * by the test. */
#include "auth-fixture.h"
#include "auth/auth-penalty.h"
#include "ipc/anvil-message.h"

static struct ipc_reader in;
static struct ipc_writer out;
static int anvil = -1;
static uint32_t told;
static int calls;

static int connect_test(void *context, int *fd_r, struct cv_error *err)
{
	int fds[2];

	(void)context;
	if (ipc_pair(fds, true, err) < 0)
		return CV_E_TEMP;
	anvil = fds[1];
	*fd_r = fds[0];
	return CV_OK;
}

static int connect_nowhere(void *context, int *fd_r, struct cv_error *err)
{
	(void)context;
	(void)fd_r;
	return FAIL(err, CV_E_TEMP, "nobody there");
}

static void known(void *context, uint32_t delay_msecs)
{
	(void)context;
	told = delay_msecs;
	calls++;
}

static void answer(uint32_t count)
{
	uint32_t id;

	assert_int_equal(ipc_receive(anvil, &in, NULL), CV_OK);
	assert_int_equal(in.type, ANVIL_MSG_PENALTY_GET);
	id = ipc_get_u32(&in);
	assert_string_equal(ipc_get_str(&in, ANVIL_IP_MAX), "192.0.2.1");
	assert_int_equal(ipc_finish(&in, NULL), CV_OK);
	ipc_begin(&out, ANVIL_MSG_PENALTY);
	ipc_put_u32(&out, id);
	ipc_put_u32(&out, count);
	ipc_put_u64(&out, 0);
	assert_int_equal(ipc_send(anvil, &out, NULL), CV_OK);
	event_base_loop(fix.base, EVLOOP_NONBLOCK);
}

static void waits_grow_with_the_count(void **state)
{
	static const uint32_t msecs[] = { 0, 2000, 4000, 8000, 15000, 15000 };
	struct auth_penalty *p = auth_penalty_create(fix.base, connect_test,
						     NULL);

	(void)state;
	for (uint32_t i = 0; i < 6; i++) {
		calls = 0;
		assert_int_not_equal(auth_penalty_get(p, "192.0.2.1", known,
						      NULL), 0);
		answer(i);
		assert_int_equal(calls, 1);
		assert_int_equal(told, msecs[i]);
	}
	assert_int_equal(auth_penalty_msecs(UINT32_MAX), 15000);
	auth_penalty_destroy(&p);
	close(anvil);
}

static void nobody_waits_for_a_dead_anvil(void **state)
{
	struct auth_penalty *p = auth_penalty_create(fix.base,
						     connect_nowhere, NULL);

	(void)state;
	calls = 0;
	assert_int_equal(auth_penalty_get(p, "192.0.2.1", known, NULL), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(told, 0);
	auth_penalty_destroy(&p);
	p = auth_penalty_create(fix.base, connect_test, NULL);
	assert_int_not_equal(auth_penalty_get(p, "192.0.2.1", known, NULL),
			     0);
	close(anvil);
	event_base_loop(fix.base, EVLOOP_ONCE);
	assert_int_equal(calls, 2);
	assert_int_equal(told, 0);
	auth_penalty_destroy(&p);
}

static void a_cancelled_question_is_not_answered(void **state)
{
	struct auth_penalty *p = auth_penalty_create(fix.base, connect_test,
						     NULL);
	uint32_t id;

	(void)state;
	calls = 0;
	id = auth_penalty_get(p, "192.0.2.1", known, NULL);
	auth_penalty_cancel(p, id);
	answer(3);
	assert_int_equal(calls, 0);
	auth_penalty_destroy(&p);
	close(anvil);
}

static uint32_t added(struct auth_penalty *p, const char *user,
		      const char *password)
{
	uint32_t sum;

	auth_penalty_add(p, "192.0.2.1", cv_span_of(user),
			 cv_span_of(password));
	assert_int_equal(ipc_receive(anvil, &in, NULL), CV_OK);
	assert_int_equal(in.type, ANVIL_MSG_PENALTY_ADD);
	(void)ipc_get_str(&in, ANVIL_IP_MAX);
	sum = ipc_get_u32(&in);
	assert_int_equal(ipc_finish(&in, NULL), CV_OK);
	return sum;
}

static void the_same_attempt_has_the_same_sum(void **state)
{
	struct auth_penalty *p = auth_penalty_create(fix.base, connect_test,
						     NULL);
	uint32_t sum = added(p, "joe", "pw");

	(void)state;
	assert_int_equal(added(p, "joe", "pw"), sum);
	assert_int_not_equal(added(p, "joe", "pw2"), sum);
	assert_int_not_equal(added(p, "joep", "w"), sum);
	auth_penalty_reset(p, "192.0.2.1", CV_SPAN("joe"));
	assert_int_equal(ipc_receive(anvil, &in, NULL), CV_OK);
	assert_int_equal(in.type, ANVIL_MSG_PENALTY_RESET);
	assert_string_equal(ipc_get_str(&in, ANVIL_IP_MAX), "192.0.2.1");
	assert_int_equal(ipc_finish(&in, NULL), CV_OK);
	/* nothing to reset any more: anvil is left in peace */
	auth_penalty_reset(p, "192.0.2.1", CV_SPAN("joe"));
	assert_int_equal(ipc_receive_wait(anvil, 0, &in, NULL),
			 CV_E_TIMEOUT);
	auth_penalty_destroy(&p);
	close(anvil);
}

/* [security.md A27] */
static void who_was_here_before_is_known(void **state)
{
	struct auth_penalty *p = auth_penalty_create(fix.base, connect_test,
						     NULL);

	(void)state;
	assert_false(auth_penalty_is_known(p, "192.0.2.1", CV_SPAN("joe")));
	auth_penalty_reset(p, "192.0.2.1", CV_SPAN("joe"));
	assert_true(auth_penalty_is_known(p, "192.0.2.1", CV_SPAN("joe")));
	assert_false(auth_penalty_is_known(p, "192.0.2.2", CV_SPAN("joe")));
	assert_false(auth_penalty_is_known(p, "192.0.2.1", CV_SPAN("ann")));
	/* another one's failures do not matter, their own do */
	auth_penalty_add(p, "192.0.2.1", CV_SPAN("ann"), CV_SPAN("x"));
	assert_true(auth_penalty_is_known(p, "192.0.2.1", CV_SPAN("joe")));
	auth_penalty_add(p, "192.0.2.1", CV_SPAN("joe"), CV_SPAN("x"));
	assert_false(auth_penalty_is_known(p, "192.0.2.1", CV_SPAN("joe")));
	auth_penalty_destroy(&p);
	close(anvil);
}

static void addresses_have_one_name(void **state)
{
	char name[64];

	(void)state;
	auth_penalty_name("2001:db8:1:2:3:4:5:6", name);
	assert_string_equal(name, "2001:db8:1::");
	auth_penalty_name("2001:db8:1:ffff::1", name);
	assert_string_equal(name, "2001:db8:1::");
	auth_penalty_name("192.0.2.7", name);
	assert_string_equal(name, "192.0.2.7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_grow_with_the_count),
		cmocka_unit_test(nobody_waits_for_a_dead_anvil),
		cmocka_unit_test(a_cancelled_question_is_not_answered),
		cmocka_unit_test(the_same_attempt_has_the_same_sum),
		cmocka_unit_test(who_was_here_before_is_known),
		cmocka_unit_test(addresses_have_one_name),
	};

	return cmocka_run_group_tests(tests, fixture_load, fixture_unload);
}
