/* test-event-memory.c - libevent works on it, also when it is used up. */
#include <setjmp.h>
#include <stddef.h>
#include <stdarg.h>
#include <cmocka.h>

#include <event2/event.h>
#include <unistd.h>

#include "base.h"
#include "master/event-memory.h"

enum { MANY = 600 };

static void count(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	++*(int *)context;
}

/* The first objects lie next to each other, later ones in the heap; all of
 * them do their work and can be freed. */
static void test_many(void **state)
{
	static struct event *events[MANY];
	const struct timeval now = { 0, 0 };
	struct event_base *base = event_base_new();
	int calls = 0;

	(void)state;
	assert_non_null(base);
	for (int i = 0; i < MANY; i++) {
		events[i] = evtimer_new(base, count, &calls);
		assert_non_null(events[i]);
		assert_int_equal(evtimer_add(events[i], &now), 0);
	}
	assert_int_equal(event_base_dispatch(base), 1);
	assert_int_equal(calls, MANY);
	for (int i = 0; i < MANY; i++)
		event_free(events[i]);
	event_base_free(base);
}

/* Tables that grow keep what is in them. */
static void test_descriptors(void **state)
{
	struct event_base *base = event_base_new();
	struct event *events[80];
	int fds[160], calls = 0;

	(void)state;
	assert_non_null(base);
	for (int i = 0; i < 80; i++) {
		assert_int_equal(pipe(fds + 2L * i), 0);
		events[i] = event_new(base, fds[2 * i], EV_READ, count,
				      &calls);
		assert_int_equal(event_add(events[i], NULL), 0);
		assert_int_equal(write(fds[2 * i + 1], "x", 1), 1);
	}
	while (calls < 80)
		assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	for (int i = 0; i < 80; i++) {
		event_free(events[i]);
		(void)close(fds[2 * i]);
		(void)close(fds[2 * i + 1]);
	}
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_descriptors),
	};

	event_memory_use();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
