/* idle-watch.c - see idle-watch.h. */
#include "idle-watch.h"

#include "hash.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { EVENTS_BYTES = 16384 };

struct watched {		/* a file, as the kernel numbers it */
	int wd;
	struct idle_watch *first;
};

struct idle_watches {
	int fd;
	struct event event;
	struct hash_table files;	/* by wd: struct watched */
	idle_watch_fn *changed;
};

static struct cv_span wd_key(const int *wd)
{
	return cv_span((const char *)wd, sizeof(*wd));
}

static struct watched *find(struct idle_watches *w, int wd)
{
	return hash_find(&w->files, wd_key(&wd));
}

static void forget(struct idle_watches *w, struct watched *file)
{
	(void)hash_remove(&w->files, wd_key(&file->wd));
	free(file);
}

/* A sleeper that is told drops its watches: the next one stands at the
 * beginning then, or none does. */
static void tell(struct idle_watches *w, int wd)
{
	struct watched *file = find(w, wd);
	struct idle_watch *at = file == NULL ? NULL : file->first, *next;

	for (; at != NULL; at = next) {
		next = at->next;
		w->changed(at->sleeper);
	}
}

/* Events were lost: everything may have changed. */
static void tell_all(struct idle_watches *w)
{
	size_t count = 0;
	int *wds = calloc(w->files.count + 1, sizeof(*wds));

	BUG_IF(wds == NULL);
	for (size_t i = 0; i < w->files.room; i++) {
		const struct hash_entry *entry = &w->files.entries[i];

		if (entry->key.data != NULL)
			wds[count++] = ((struct watched *)entry->value)->wd;
	}
	for (size_t i = 0; i < count; i++)
		tell(w, wds[i]);
	free(wds);
}

/* The file is gone, and its number with it. */
static void lost(struct idle_watches *w, int wd)
{
	struct watched *file = find(w, wd);

	if (file == NULL)
		return;
	tell(w, wd);
	file = find(w, wd);
	if (file == NULL)
		return;
	for (struct idle_watch *at = file->first; at != NULL; at = at->next)
		at->prev = NULL;
	forget(w, file);
}

static void take(struct idle_watches *w, const struct inotify_event *event)
{
	if ((event->mask & IN_Q_OVERFLOW) != 0)
		tell_all(w);
	else if ((event->mask & IN_IGNORED) != 0)
		lost(w, event->wd);
	else
		tell(w, event->wd);
}

static void on_events(evutil_socket_t fd, short what, void *context)
{
	static char events[EVENTS_BYTES] __attribute__((aligned(8)));
	ssize_t n = read((int)fd, events, sizeof(events));
	const struct inotify_event *event;

	(void)what;
	for (ssize_t at = 0; at < n;
	     at += (ssize_t)sizeof(*event) + event->len) {
		event = (const struct inotify_event *)(events + at);
		take(context, event);
	}
}

int idle_watches_create(struct event_base *base, struct cv_pool *pool,
			idle_watch_fn *changed,
			struct idle_watches **watches_r,
			struct cv_error *err)
{
	struct idle_watches *w = pool_new(pool, struct idle_watches);

	w->changed = changed;
	hash_init(&w->files, pool, false);
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->fd < 0)
		return FAIL_ERRNO(err, errno, "cannot watch files "
				  "(fs.inotify.max_user_instances)");
	BUG_IF(event_assign(&w->event, base, w->fd, EV_READ | EV_PERSIST,
			    on_events, w) < 0);
	BUG_IF(event_add(&w->event, NULL) < 0);
	*watches_r = w;
	return CV_OK;
}

int idle_watch_add(struct idle_watches *w, struct idle_watch *watch, int fd,
		   void *sleeper, struct cv_error *err)
{
	static const uint32_t events = IN_MODIFY |
		IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM |
		IN_MOVE_SELF | IN_DELETE_SELF;
	struct watched *file;
	char path[64];
	int wd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	wd = inotify_add_watch(w->fd, path, events);
	if (wd < 0)
		return FAIL_ERRNO(err, errno, "cannot watch what a session "
				  "gave%s", errno == ENOSPC ?
				  " (fs.inotify.max_user_watches)" : "");
	file = find(w, wd);
	if (file == NULL) {
		file = calloc(1, sizeof(*file));
		BUG_IF(file == NULL);
		file->wd = wd;
		hash_set(&w->files, wd_key(&file->wd), file);
	}
	/* twice the same, by two paths: tell would find the second when the
	 * first has dropped both */
	for (const struct idle_watch *at = file->first; at != NULL;
	     at = at->next) {
		if (at->sleeper == sleeper)
			return CV_OK;
	}
	watch->wd = wd;
	watch->sleeper = sleeper;
	watch->next = file->first;
	watch->prev = &file->first;
	if (watch->next != NULL)
		watch->next->prev = &watch->next;
	file->first = watch;
	return CV_OK;
}

void idle_watch_drop(struct idle_watches *w, struct idle_watch *watch)
{
	struct watched *file;

	if (watch->prev == NULL)
		return;
	*watch->prev = watch->next;
	if (watch->next != NULL)
		watch->next->prev = watch->prev;
	file = find(w, watch->wd);
	if (file != NULL && file->first == NULL) {
		(void)inotify_rm_watch(w->fd, file->wd);
		forget(w, file);
	}
	watch->prev = NULL;
}
