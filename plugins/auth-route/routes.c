/* routes.c - see routes.h. */
#include "routes.h"

#include <time.h>

uint64_t routes_now(void)
{
	return (uint64_t)time(NULL);
}

void routes_pause(long msecs)
{
	const struct timespec wait = { msecs / 1000,
				       msecs % 1000 * 1000000 };

	(void)nanosleep(&wait, NULL);
}

int routes_read(struct routes *routes, struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("backends");
	struct route_backend *list;
	int ret = route_store_backends(&routes->store, pool, &list, err);

	if (ret != CV_OK) {
		cv_api->pool_destroy(&pool);
		return ret;
	}
	if (routes->known_pool != NULL)
		cv_api->pool_destroy(&routes->known_pool);
	routes->known_pool = pool;
	routes->backends = list;
	return CV_OK;
}

const struct route_backend *routes_find(const struct route_backend *list,
					const char *name)
{
	while (list != NULL && strcmp(list->name, name) != 0)
		list = list->next;
	return list;
}

const struct route_backend *
routes_choose(const struct routes *routes, const struct route_backend *list,
	      const char *user)
{
	const struct route_backend *best = NULL;
	double score, highest = 0;

	for (; list != NULL; list = list->next) {
		if (!list->up || list->draining ||
		    strcmp(list->tag, routes->file.tag) != 0)
			continue;
		score = route_score(user, list->name, list->weight);
		if (score > highest) {
			best = list;
			highest = score;
		}
	}
	return best;
}

bool routes_is_moving(const struct route_user *row)
{
	return row->move_id[0] != '\0' && row->move_until >= routes_now();
}
