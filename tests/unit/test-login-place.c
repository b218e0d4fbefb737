/* test-login-place.c - who gives up its place. */
#include <setjmp.h>
#include <stddef.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>

#include "base.h"
#include "time-util.h"
#include "login/login-place.h"

enum { PLACES = 8 };

struct places {
	struct login_list list;
	struct login_place items[PLACES], newcomer;
};

static void from(struct login_place *place, const char *ip)
{
	struct net_address address;

	assert_true(net_address_parse(&address, ip, 143));
	login_place_set_network(place, &address);
}

/* Each from a network of its own. */
static void fill(struct places *p)
{
	char ip[32];

	*p = (struct places){ 0 };
	for (int i = 0; i < PLACES; i++) {
		(void)snprintf(ip, sizeof(ip), "192.0.2.%d", i + 1);
		from(&p->items[i], ip);
		login_list_add(&p->list, &p->items[i]);
	}
	from(&p->newcomer, "198.51.100.1");
}

static int victim(struct places *p)
{
	struct login_place *place = login_list_victim(&p->list,
						      &p->newcomer);

	return place == NULL ? -1 : (int)(place - p->items);
}

static void the_oldest_that_is_not_busy_goes(void **state)
{
	struct places p;

	(void)state;
	fill(&p);
	assert_int_equal(victim(&p), 0);
	login_place_busy(&p.items[0]);
	login_place_busy(&p.items[1]);
	assert_int_equal(victim(&p), 2);
	for (int i = 2; i < PLACES; i++)
		login_place_busy(&p.items[i]);
	assert_int_equal(victim(&p), 0);
	login_list_remove(&p.items[0]);
	login_list_remove(&p.items[0]);
	assert_int_equal(p.list.count, PLACES - 1);
	assert_int_equal(victim(&p), 1);
}

static void being_busy_ends_and_does_not_begin_again(void **state)
{
	struct places p;

	(void)state;
	fill(&p);
	p.items[0].busy_until = time_monotonic_msecs();
	login_place_busy(&p.items[0]);
	assert_int_equal(victim(&p), 0);
	login_place_busy(&p.items[1]);
	assert_in_range(p.items[1].busy_until, time_monotonic_msecs(),
			time_monotonic_msecs() + LOGIN_BUSY_MSECS);
}

static void who_was_accepted_stays(void **state)
{
	struct places p;

	(void)state;
	fill(&p);
	for (int i = 0; i < PLACES; i++)
		login_place_keep(&p.items[i]);
	assert_int_equal(victim(&p), -1);
	/* what came of it was no session */
	login_place_release(&p.items[3]);
	login_place_busy(&p.items[3]);
	assert_int_equal(victim(&p), 3);
	/* a place that never was kept */
	login_place_release(&p.items[3]);
	assert_int_equal(victim(&p), 3);
}

static void a_greedy_network_loses_its_own(void **state)
{
	struct places p;

	(void)state;
	fill(&p);
	from(&p.newcomer, "192.0.2.7");
	assert_int_equal(victim(&p), 0);
	from(&p.items[4], "192.0.2.7");
	from(&p.items[5], "192.0.2.7");
	assert_int_equal(victim(&p), 4);
	login_place_busy(&p.items[4]);
	assert_int_equal(victim(&p), 5);
	login_place_busy(&p.items[5]);
	login_place_busy(&p.items[6]);
	assert_int_equal(victim(&p), 4);
}

static void an_ipv6_network_is_one(void **state)
{
	struct places p;

	(void)state;
	fill(&p);
	from(&p.items[5], "2001:db8:1:2::1");
	from(&p.items[6], "2001:db8:1:2:ffff::1");
	from(&p.items[7], "2001:db8:1:2::3");
	from(&p.newcomer, "2001:db8:1:2:8000::7");
	assert_int_equal(victim(&p), 5);
	from(&p.newcomer, "2001:db8:1:3::1");
	assert_int_equal(victim(&p), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oldest_that_is_not_busy_goes),
		cmocka_unit_test(being_busy_ends_and_does_not_begin_again),
		cmocka_unit_test(who_was_accepted_stays),
		cmocka_unit_test(a_greedy_network_loses_its_own),
		cmocka_unit_test(an_ipv6_network_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
