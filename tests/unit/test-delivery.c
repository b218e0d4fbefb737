/* test-delivery.c - core/delivery: addresses and orders. */
#include "base.h"
#include "delivery/delivery-address.h"
#include "delivery/delivery-message.h"

#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void addresses_split(void **state)
{
	static const struct {
		const char *address, *delimiters, *user, *detail;
	} cases[] = {
		{ "a@x.org", "+", "a@x.org", "" },
		{ "a+b@x.org", "+", "a@x.org", "b" },
		{ "a+b+c@x.org", "+", "a@x.org", "b+c" },
		{ "a-b+c@x.org", "+-", "a@x.org", "b+c" },
		{ "a+b@x.org", "", "a+b@x.org", "" },
		{ "a+b", "+", "a", "b" },
		{ "a+@x.org", "+", "a@x.org", "" },
		{ "\"a+b@c\"@x.org", "+", "\"a+b@c\"@x.org", "" },
	};
	struct cv_pool *pool = pool_create("test");
	struct cv_recipient r;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(delivery_address_split(
			cv_span_of(cases[i].address), cases[i].delimiters,
			pool, &r, NULL), CV_OK);
		assert_string_equal(r.user, cases[i].user);
		assert_string_equal(r.detail, cases[i].detail);
		assert_string_equal(r.address, cases[i].address);
	}
	pool_destroy(&pool);
}

static void hostile_addresses_are_refused(void **state)
{
	static const struct cv_span bad[] = {
		{ "", 0 }, { "+b@x.org", 8 }, { "@x.org", 6 },
		{ "a\0b@x.org", 9 }, { "a\nb@x.org", 9 }, { "a\x7f@x", 4 },
	};
	struct cv_pool *pool = pool_create("test");
	struct cv_recipient r;
	char *huge = pool_alloc(pool, 5000);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(delivery_address_split(bad[i], "+", pool, &r,
							NULL), CV_E_SYNTAX);
	memset(huge, 'a', 4999);
	assert_int_equal(delivery_address_split(cv_span(huge, 4999), "+",
						pool, &r, NULL), CV_E_SYNTAX);
	pool_destroy(&pool);
}

static void orders_survive_the_wire_and_every_cut(void **state)
{
	struct delivery_order order = { .sender = "s@x", .recipient = "r@y",
		.original_recipient = "", .mailbox_name = "Junk",
		.header = CV_SPAN("Return-Path: <s@x>\r\n") }, back;
	struct ipc_writer *w = calloc(1, sizeof(*w));
	struct ipc_reader *r = calloc(1, sizeof(*r));
	int fds[2];
	struct cv_error err = ERROR_NONE;

	order.message_fd = open("/dev/null", O_RDONLY);
	assert_int_equal(ipc_pair(fds, false, &err), CV_OK);
	delivery_order_put(w, &order);
	assert_int_equal(ipc_send(fds[0], w, &err), CV_OK);
	assert_int_equal(ipc_receive(fds[1], r, &err), CV_OK);
	assert_int_equal(delivery_order_get(r, &back, &err), CV_OK);
	assert_string_equal(back.sender, "s@x");
	assert_string_equal(back.mailbox_name, "Junk");
	assert_true(cv_span_equal(back.header, order.header));
	assert_true(back.message_fd >= 0);
	close(back.message_fd);

	/* a small message travels within */
	order.body = CV_SPAN("Subject: x\r\n\r\nbody\r\n");
	close(order.message_fd);
	order.message_fd = -1;
	delivery_order_put(w, &order);
	assert_int_equal(ipc_send(fds[0], w, &err), CV_OK);
	assert_int_equal(ipc_receive(fds[1], r, &err), CV_OK);
	assert_int_equal(delivery_order_get(r, &back, &err), CV_OK);
	assert_int_equal(back.message_fd, -1);
	assert_true(cv_span_equal(back.body, order.body));

	/* without its descriptor it is no order */
	order.message_fd = open("/dev/null", O_RDONLY);
	delivery_order_put(w, &order);
	w->fd_count = 0;
	assert_int_equal(ipc_send(fds[0], w, &err), CV_OK);
	if (ipc_receive(fds[1], r, &err) == CV_OK)
		assert_true(delivery_order_get(r, &back, &err) < 0);
	close(fds[0]);
	close(fds[1]);
	close(order.message_fd);
	free(w);
	free(r);
}

static void answers_of_no_known_class_are_temporary(void **state)
{
	struct delivery_answer a = { .status = -100000, .text = "x" }, back;
	struct ipc_writer *w = calloc(1, sizeof(*w));
	struct ipc_reader *r = calloc(1, sizeof(*r));
	struct cv_error err = ERROR_NONE;
	int fds[2];

	assert_int_equal(ipc_pair(fds, false, &err), CV_OK);
	delivery_answer_put(w, &a);
	assert_int_equal(ipc_send(fds[0], w, &err), CV_OK);
	assert_int_equal(ipc_receive(fds[1], r, &err), CV_OK);
	assert_int_equal(delivery_answer_get(r, &back, &err), CV_OK);
	assert_int_equal(back.status, CV_E_TEMP);
	close(fds[0]);
	close(fds[1]);
	free(w);
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_split),
		cmocka_unit_test(hostile_addresses_are_refused),
		cmocka_unit_test(orders_survive_the_wire_and_every_cut),
		cmocka_unit_test(answers_of_no_known_class_are_temporary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
