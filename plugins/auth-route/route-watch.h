/* route-watch.h - what each proxy does about every second. */
#ifndef ROUTE_WATCH_H
#define ROUTE_WATCH_H

#include "route-store.h"

struct route_probe;
struct route_move;

/* What is remembered between two rounds; zeroed at first. */
struct route_watcher {
	struct route_probe *probes;
	struct route_move *moves;
	uint64_t housekeeping;		/* msecs, when next */
};

#define route_watch CV_OWN(_route_watch)
int route_watch(struct route_watcher *watcher, struct route_store *store,
		const struct route_file *file, struct cv_plugin *self,
		const struct cv_route_watch *watch, struct cv_error *err);

#define route_watch_end CV_OWN(_route_watch_end)
void route_watch_end(struct route_watcher *watcher);

#endif
