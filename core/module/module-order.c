/* module-order.c - which plugin is initialised after which. */
#include "module-private.h"

#include <stdio.h>

enum order_state { ORDER_WAITING, ORDER_PLACED };

static uint32_t find_desc(const struct module_desc *const *descs,
			  uint32_t count, const char *name)
{
	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(descs[i]->name, name) == 0)
			return i;
	}
	return UINT32_MAX;
}

/* The first plugin that must come before i and is not placed yet, or
 * UINT32_MAX. */
static uint32_t find_blocker(const struct module_desc *const *descs,
			     uint32_t count, const uint8_t *states, uint32_t i)
{
	const char *const *lists[] = { descs[i]->needs, descs[i]->after };

	for (size_t l = 0; l < 2; l++) {
		for (uint32_t n = 0; lists[l][n] != NULL; n++) {
			uint32_t other = find_desc(descs, count, lists[l][n]);

			if (other != UINT32_MAX && other != i &&
			    states[other] == ORDER_WAITING)
				return other;
		}
	}
	return UINT32_MAX;
}

/* Every plugin left waits for another one that is left: following the
 * blockers leads into the cycle, and once around it. */
static int fail_cycle(const struct module_desc *const *descs, uint32_t count,
		      const uint8_t *states, uint32_t i, uint32_t *bad_r,
		      struct cv_error *err)
{
	char list[512] = "";
	size_t len = 0;
	uint32_t start;

	for (uint32_t steps = 0; steps < count; steps++)
		i = find_blocker(descs, count, states, i);
	start = i;
	do {
		i = find_blocker(descs, count, states, i);
		if (len < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len,
						" -> '%s'", descs[i]->name);
	} while (i != start);
	*bad_r = start;
	return FAIL(err, CV_E_CONFIG, "it is one of plugins that need each "
		    "other in a circle: '%s'%s (hint: leave one of them out)",
		    descs[start]->name, list);
}

static int check_needs(const struct module_desc *const *descs, uint32_t count,
		       uint32_t *bad_r, struct cv_error *err)
{
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t n = 0; descs[i]->needs[n] != NULL; n++) {
			const char *need = descs[i]->needs[n];

			if (find_desc(descs, count, need) != UINT32_MAX)
				continue;
			*bad_r = i;
			return FAIL(err, CV_E_CONFIG, "it needs the plugin "
				    "'%s', which is not loaded here (hint: "
				    "mail_plugins = $mail_plugins %s)", need,
				    need);
		}
	}
	return CV_OK;
}

int module_order(const struct module_desc *const *descs, uint32_t count,
		 uint32_t *order_r, uint32_t *bad_r, struct cv_error *err)
{
	uint8_t states[MODULE_PLUGINS_MAX];	/* all waiting */
	uint32_t placed = 0;
	int ret = check_needs(descs, count, bad_r, err);

	if (ret < 0)
		return ret;
	if (count > MODULE_PLUGINS_MAX) {
		*bad_r = MODULE_PLUGINS_MAX;
		return FAIL(err, CV_E_LIMIT, "more than %d plugins",
			    MODULE_PLUGINS_MAX);
	}
	memset(states, ORDER_WAITING, sizeof(states));
	while (placed < count) {
		uint32_t first = UINT32_MAX, i;

		for (i = 0; i < count; i++) {
			if (states[i] != ORDER_WAITING)
				continue;
			if (find_blocker(descs, count, states, i) ==
			    UINT32_MAX)
				break;
			if (first == UINT32_MAX)
				first = i;
		}
		if (i == count)
			return fail_cycle(descs, count, states, first, bad_r,
					  err);
		states[i] = ORDER_PLACED;
		order_r[placed++] = i;
	}
	return CV_OK;
}
