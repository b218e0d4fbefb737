/* test-idle.c - orders of sleeping sessions: proofs, messages at every cut
 * point, slots that leave their process. */
#include <setjmp.h>
#include <stddef.h>
#include <stdarg.h>
#include <cmocka.h>

#include <unistd.h>

#include "ipc/idle-message.h"

static const uint8_t secret[32] = "0123456789abcdef0123456789abcde";

static struct session_start start_of(const char *user)
{
	static const struct user_field fields[] = { { "quota_rule", "*:1M" } };
	static const uint32_t groups[] = { 8, 100 };

	return (struct session_start){
		.session_id = "abc/def", .transport_fd = -1, .status_fd = -1,
		.user = {
			.name = user, .login_name = user, .master_name = "",
			.uid = 1000, .gid = 1000, .home = "/home/x",
			.chroot = "", .mail = "maildir:~/Maildir",
			.groups = groups, .group_count = 2,
			.fields = fields, .field_count = 1,
		},
		.conn = {
			.local_ip = "192.0.2.1", .remote_ip = "192.0.2.9",
			.local_port = 993, .remote_port = 50000,
			.local_name = "mail.example.org", .tls = true,
			.secure = true,
		},
	};
}

/* The vector of the paper, appendix A. */
static void proofs_are_siphash_2_4(void **state)
{
	uint8_t key[HASH_MAC_KEY_BYTES], data[15];

	(void)state;
	for (uint8_t i = 0; i < sizeof(key); i++)
		key[i] = i;
	for (uint8_t i = 0; i < sizeof(data); i++)
		data[i] = i;
	assert_true(hash_mac(key, data, sizeof(data)) ==
		    0xa129ca6149be45e5ULL);
	assert_true(hash_mac(key, data, 0) == 0x726fdb47dd0e0e31ULL);
	assert_true(hash_mac(key, data, 8) == 0x93f5f5799a932462ULL);
}

static void an_order_comes_back_and_proves_whose_it_is(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct session_start in = start_of("jane"), out;
	struct idle_keys keys;
	struct idle_order order;

	(void)state;
	idle_keys_derive(secret, &keys);
	assert_memory_not_equal(keys.idle, keys.wake, sizeof(keys.idle));
	assert_int_equal(idle_order_make(&in, &keys, pool, &order, NULL),
			 CV_OK);
	assert_int_equal(idle_order_read(order.bytes, order.proof_wake,
		keys.wake, pool, &out, NULL), CV_OK);
	assert_string_equal(out.user.name, "jane");
	assert_string_equal(out.session_id, "abc/def");
	assert_string_equal(out.conn.local_name, "mail.example.org");
	assert_int_equal(out.user.uid, 1000);
	assert_int_equal(out.user.group_count, 2);
	assert_string_equal(user_info_field(&out.user, "quota_rule"), "*:1M");
	assert_int_equal(idle_order_read(order.bytes, order.proof_idle,
		keys.idle, pool, &out, NULL), CV_OK);
	/* each key proves to one */
	assert_int_equal(idle_order_read(order.bytes, order.proof_idle,
		keys.wake, pool, &out, NULL), CV_E_DENIED);
	assert_int_equal(idle_order_read(order.bytes, order.proof_wake,
		keys.idle, pool, &out, NULL), CV_E_DENIED);
	pool_destroy(&pool);
}

static void an_order_with_any_byte_changed_proves_nothing(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct session_start in = start_of("jane"), out;
	struct idle_keys keys;
	struct idle_order order;
	char *copy;

	(void)state;
	idle_keys_derive(secret, &keys);
	assert_int_equal(idle_order_make(&in, &keys, pool, &order, NULL),
			 CV_OK);
	copy = pool_copy(pool, order.bytes.data, order.bytes.len);
	for (size_t i = 0; i < order.bytes.len; i++) {
		copy[i] ^= 1;
		assert_int_equal(idle_order_read(cv_span(copy,
			order.bytes.len), order.proof_wake, keys.wake, pool,
			&out, NULL), CV_E_DENIED);
		copy[i] ^= 1;
		assert_int_equal(idle_order_read(cv_span(copy, i),
			order.proof_wake, keys.wake, pool, &out, NULL),
			CV_E_DENIED);
	}
	pool_destroy(&pool);
}

/* What is cut and still signed (a fault of ours) is refused, too. */
static void an_order_is_read_to_its_end_at_every_cut(void **state)
{
	struct cv_pool *pool = pool_create("test");
	struct session_start in = start_of("jane"), out;
	struct idle_keys keys;
	struct idle_order order;

	(void)state;
	idle_keys_derive(secret, &keys);
	assert_int_equal(idle_order_make(&in, &keys, pool, &order, NULL),
			 CV_OK);
	for (size_t i = 0; i < order.bytes.len; i++) {
		struct cv_span cut = cv_span(order.bytes.data, i);

		assert_int_equal(idle_order_read(cut, hash_mac(keys.wake,
			cut.data, cut.len), keys.wake, pool, &out, NULL),
			CV_E_SYNTAX);
	}
	pool_destroy(&pool);
}

static void sleep_message(struct ipc_writer *w, int fd)
{
	struct idle_sleep sleep = {
		.order = { CV_SPAN("order"), 1, 2 }, .transport_fd = fd,
		.state_fd = -1, .state = CV_SPAN("state"), .wakes = true,
		.keepalive_msecs = 120000, .keepalive = CV_SPAN("* OK\r\n"),
		.limit_msecs = 5, .bye = CV_SPAN("* BYE "),
		.bye_end = CV_SPAN("\r\n"), .stats = CV_SPAN("in=1"),
	};

	idle_sleep_put(w, &sleep);
}

static void a_sleep_message_comes_back_and_is_refused_at_every_cut(
	void **state)
{
	static struct ipc_writer w;
	static struct ipc_reader r;
	struct idle_sleep out;
	int fds[2];
	struct cv_span fields;

	(void)state;
	assert_int_equal(ipc_pair(fds, false, NULL), CV_OK);
	sleep_message(&w, fds[0]);
	assert_int_equal(ipc_send(fds[0], &w, NULL), CV_OK);
	assert_int_equal(ipc_receive(fds[1], &r, NULL), CV_OK);
	assert_int_equal(idle_sleep_get(&r, &out, NULL), CV_OK);
	assert_true(cv_span_is(out.order.bytes, "order"));
	assert_true(out.wakes && out.keepalive_msecs == 120000);
	assert_true(cv_span_is(out.bye, "* BYE "));
	assert_true(out.transport_fd >= 0 && out.state_fd < 0);
	(void)close(out.transport_fd);
	fields = ipc_fields(&w);
	/* without its descriptor, and cut anywhere */
	for (size_t i = 0; i <= fields.len; i++) {
		ipc_reader_fields(&r, IDLE_MSG_SLEEP,
				  cv_span(fields.data, i));
		assert_int_equal(idle_sleep_get(&r, &out, NULL), CV_E_SYNTAX);
		assert_true(out.transport_fd < 0 && out.state_fd < 0);
	}
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void a_wake_message_is_refused_at_every_cut(void **state)
{
	static struct ipc_writer w;
	static struct ipc_reader r;
	struct idle_wake in = {
		.order = CV_SPAN("order"), .proof = 7, .transport_fd = 0,
		.state_fd = -1, .state = CV_SPAN("state"),
	}, out;
	struct cv_span fields;

	(void)state;
	idle_wake_put(&w, &in);
	fields = ipc_fields(&w);
	for (size_t i = 0; i <= fields.len; i++) {
		ipc_reader_fields(&r, IDLE_MSG_WAKE, cv_span(fields.data, i));
		assert_int_equal(idle_wake_get(&r, &out, NULL), CV_E_SYNTAX);
		assert_true(out.transport_fd < 0 && out.state_fd < 0);
	}
}

static void answers_say_no_with_their_reason(void **state)
{
	struct cv_error err = ERROR_NONE;
	int fds[2];

	(void)state;
	assert_int_equal(ipc_pair(fds, false, NULL), CV_OK);
	assert_int_equal(idle_answer_send(fds[0], IDLE_MSG_WATCHING, true, "",
					  NULL), CV_OK);
	assert_int_equal(idle_answer_wait(fds[1], IDLE_MSG_WATCHING, 1000,
					  &err), CV_OK);
	assert_int_equal(idle_answer_send(fds[0], IDLE_MSG_ASLEEP, false,
					  "it is full", NULL), CV_OK);
	assert_int_equal(idle_answer_wait(fds[1], IDLE_MSG_ASLEEP, 1000,
					  &err), CV_E_LIMIT);
	assert_non_null(strstr(err.text, "it is full"));
	assert_int_equal(idle_answer_wait(fds[1], IDLE_MSG_ASLEEP, 0, &err),
			 CV_E_TIMEOUT);
	(void)close(fds[0]);
	assert_int_equal(idle_answer_wait(fds[1], IDLE_MSG_ASLEEP, 10, &err),
			 CV_EOF);
	(void)close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proofs_are_siphash_2_4),
		cmocka_unit_test(an_order_comes_back_and_proves_whose_it_is),
		cmocka_unit_test(
			an_order_with_any_byte_changed_proves_nothing),
		cmocka_unit_test(an_order_is_read_to_its_end_at_every_cut),
		cmocka_unit_test(
		    a_sleep_message_comes_back_and_is_refused_at_every_cut),
		cmocka_unit_test(a_wake_message_is_refused_at_every_cut),
		cmocka_unit_test(answers_say_no_with_their_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
