/* idle-watch.h - one inotify descriptor for all that sleeping sessions watch.
 *
 * Sessions give descriptors of what they may see, and the kernel tells when
 * it changes: so no session can watch what it cannot reach, and this process
 * needs no path.  What several sleepers watch is watched once. */
#ifndef IDLE_WATCH_H
#define IDLE_WATCH_H

#include "base.h"

struct event_base;
struct idle_watches;

/* One of a sleeper's; zeroed before. */
struct idle_watch {
	struct idle_watch *next, **prev;	/* of the same file */
	void *sleeper;
	int wd;
};

/* Something that the sleeper watches has changed, or may have.  It may drop
 * its own watches, and no others. */
typedef void idle_watch_fn(void *sleeper);

int idle_watches_create(struct event_base *base, struct cv_pool *pool,
			idle_watch_fn *changed,
			struct idle_watches **watches_r,
			struct cv_error *err);
/* fd stays the caller's and may be closed. */
int idle_watch_add(struct idle_watches *watches, struct idle_watch *watch,
		   int fd, void *sleeper, struct cv_error *err);
/* One that was not added is ignored. */
void idle_watch_drop(struct idle_watches *watches, struct idle_watch *watch);

#endif
