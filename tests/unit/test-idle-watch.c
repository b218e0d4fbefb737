/* test-idle-watch.c - one inotify descriptor for many: who is told, also when
 * sleepers go while they are told, and when files go. */
#include <setjmp.h>
#include <stddef.h>
#include <stdarg.h>
#include <cmocka.h>

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "session/idle-watch.h"

static struct event_base *base;
static struct cv_pool *pool;
static struct idle_watches *watches;
static char dir[64];

struct test_sleeper { struct idle_watch watches[3]; int told; bool goes; };

static void changed(void *context)
{
	struct test_sleeper *s = context;

	s->told++;
	for (int i = 0; s->goes && i < 3; i++)
		idle_watch_drop(watches, &s->watches[i]);
	if (s->goes)
		free(s);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/culver-idle-XXXXXX");
	assert_non_null(mkdtemp(dir));
	base = event_base_new();
	pool = pool_create("test");
	return idle_watches_create(base, pool, changed, &watches, NULL);
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	event_base_free(base);
	pool_destroy(&pool);
	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static struct test_sleeper *sleeper(bool goes)
{
	struct test_sleeper *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->goes = goes;
	return s;
}

static void watch(struct test_sleeper *s, int i, const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(idle_watch_add(watches, &s->watches[i], fd, s, NULL),
			 CV_OK);
	(void)close(fd);
}

static void touch(const char *name)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	(void)close(fd);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
}

static void all_who_watch_are_told_and_nobody_else(void **state)
{
	struct test_sleeper *a = sleeper(false), *b = sleeper(false);
	struct test_sleeper *c = sleeper(false);

	(void)state;
	watch(a, 0, dir);
	watch(b, 0, dir);
	watch(c, 0, "/");
	touch("one");
	assert_true(a->told > 0 && a->told == b->told);
	assert_int_equal(c->told, 0);
	a->told = b->told = 0;
	idle_watch_drop(watches, &a->watches[0]);
	touch("two");
	assert_true(a->told == 0 && b->told > 0);
	idle_watch_drop(watches, &b->watches[0]);
	idle_watch_drop(watches, &b->watches[0]);
	idle_watch_drop(watches, &c->watches[0]);
	touch("three");
	free(a);
	free(b);
	free(c);
}

/* Each has the same folder twice: under sanitizers a watch that outlives its
 * sleeper shows. */
static void sleepers_may_go_while_they_are_told(void **state)
{
	struct test_sleeper *stays = sleeper(false);

	(void)state;
	for (int i = 0; i < 10; i++) {
		struct test_sleeper *s = sleeper(true);

		watch(s, 0, dir);
		watch(s, 1, dir);
	}
	watch(stays, 2, dir);
	for (int i = 0; i < 10; i++) {
		struct test_sleeper *s = sleeper(true);

		watch(s, 0, dir);
		watch(s, 2, dir);
	}
	touch("one");
	assert_true(stays->told > 0);
	stays->told = 0;
	touch("two");
	assert_true(stays->told > 0);
	idle_watch_drop(watches, &stays->watches[2]);
	free(stays);
}

static void a_file_that_goes_tells_and_takes_its_watches_along(void **state)
{
	struct test_sleeper *a = sleeper(false), *b = sleeper(false);
	char path[128];

	(void)state;
	touch("mbox");
	(void)snprintf(path, sizeof(path), "%s/mbox", dir);
	watch(a, 0, path);
	watch(b, 0, path);
	assert_int_equal(unlink(path), 0);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	assert_true(a->told > 0 && b->told > 0);
	/* nothing to take back */
	idle_watch_drop(watches, &a->watches[0]);
	free(a);
	touch("mbox");
	watch(b, 1, path);
	b->told = 0;
	touch("mbox");
	assert_true(b->told > 0);
	idle_watch_drop(watches, &b->watches[0]);
	idle_watch_drop(watches, &b->watches[1]);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			all_who_watch_are_told_and_nobody_else, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			sleepers_may_go_while_they_are_told, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_file_that_goes_tells_and_takes_its_watches_along,
			setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
