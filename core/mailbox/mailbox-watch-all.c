/* mailbox-watch-all.c - see mailbox-watch-all.h.
 *
 * One inotify descriptor for the accounts of all namespaces (every commit is an
 * event there) and for the folders that other programs may change.  Beside it,
 * in one epoll descriptor, stands what an open mailbox is heard by that is not
 * in these files. */
#include "mailbox-watch-all.h"
#include "mailbox-remote.h"
#include "mailbox-route.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { FOLDER_FDS_MAX = 4, EVENTS_BYTES = 16384 };

struct watched {
	struct store *store;
	struct account_folder *folder;	/* NULL: the account itself */
	int wds[FOLDER_FDS_MAX];
	uint32_t wd_count;
	bool wanted;			/* while the set changes */
	bool changed;
};

struct watch_all {
	struct cv_pool *pool;
	int inotify, epoll;
	ARRAY(struct watched) items;
	struct cv_mailbox *box;		/* whose own descriptor is in epoll */
	int box_fd;			/* -1: none */
};

/* --- what is watched --------------------------------------------------------------- */

static int open_one(struct store *store, struct account_folder *folder,
		    struct store_folder *sf, uint32_t index)
{
	const struct cv_storage *driver = store->driver;

	errno = 0;
	if (folder == NULL)
		return index == 0 ? account_watch_open(store->account) : -1;
	return driver->watch_open == NULL ? -1 :
		driver->watch_open(sf->blobs, index);
}

static bool is_open(const struct cv_user *u, const struct store_folder *sf)
{
	for (const struct cv_mailbox *b = u->boxes; b != NULL; b = b->next) {
		if (b->sf == sf)
			return true;
	}
	return false;
}

/* Calls fn with each descriptor of it, which is closed then. */
static int each_fd(struct cv_user *u, struct watched *w, watch_fd_fn *fn,
		   void *context, struct cv_error *err)
{
	struct store_folder *sf = NULL;
	int fd, ret = CV_OK;

	if (w->folder != NULL)
		ret = store_folder_get(w->store, w->folder, &sf, err);
	for (uint32_t i = 0; ret == CV_OK && i < FOLDER_FDS_MAX; i++) {
		fd = open_one(w->store, w->folder, sf, i);
		if (fd < 0)
			break;
		ret = fn(context, fd, err);
		(void)close(fd);
	}
	/* no descriptor is kept for one that nobody has open */
	if (sf != NULL && !is_open(u, sf))
		store_folder_forget(w->store, w->folder);
	return ret;
}

struct adding { struct watch_all *all; struct watched *w; };

static int add_one(void *context, int fd, struct cv_error *err)
{
	static const uint32_t events = IN_MODIFY | IN_CREATE | IN_DELETE |
		IN_MOVED_TO | IN_MOVED_FROM | IN_MOVE_SELF | IN_DELETE_SELF;
	struct adding *adding = context;
	char name[64];
	int wd;

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	wd = inotify_add_watch(adding->all->inotify, name, events);
	if (wd < 0)
		return FAIL_ERRNO(err, errno, "cannot watch a mailbox%s",
				  errno == ENOSPC ?
				  " (fs.inotify.max_user_watches)" : "");
	adding->w->wds[adding->w->wd_count++] = wd;
	return CV_OK;
}

static int add_item(struct cv_user *u, struct store *store,
		    struct account_folder *folder, struct cv_error *err)
{
	struct watch_all *all = u->watch_all;
	struct adding adding = { .all = all };
	struct watched *w;

	for (size_t i = 0; i < all->items.count; i++) {
		w = &all->items.items[i];
		if (w->store == store && w->folder == folder) {
			w->wanted = true;
			return CV_OK;
		}
	}
	w = array_add(&all->items);
	*w = (struct watched){ .store = store, .folder = folder,
			       .wanted = true, .changed = folder != NULL };
	adding.w = w;
	return each_fd(u, w, add_one, &adding, err);
}

/* A folder may be there twice, by two names. */
static bool is_shared(const struct watch_all *all, const struct watched *not,
		      int wd)
{
	for (size_t i = 0; i < all->items.count; i++) {
		const struct watched *w = &all->items.items[i];

		for (uint32_t k = 0; w != not && k < w->wd_count; k++) {
			if (w->wds[k] == wd)
				return true;
		}
	}
	return false;
}

static void drop_unwanted(struct watch_all *all)
{
	for (size_t i = all->items.count; i-- > 0; ) {
		struct watched *w = &all->items.items[i];

		if (w->wanted)
			continue;
		for (uint32_t k = 0; k < w->wd_count; k++) {
			if (!is_shared(all, w, w->wds[k]))
				(void)inotify_rm_watch(all->inotify,
						       w->wds[k]);
		}
		*w = all->items.items[--all->items.count];
	}
}

/* --- the open mailbox ------------------------------------------------------------------ */

static bool is_local(const struct cv_mailbox *box)
{
	return box->remote == NULL && box->seen == NULL &&
		box->store->driver->listen == NULL;
}

static void unwatch_box(struct watch_all *all)
{
	if (all->box_fd >= 0)
		(void)epoll_ctl(all->epoll, EPOLL_CTL_DEL, all->box_fd, NULL);
	all->box = NULL;
	all->box_fd = -1;
}

/* What has a descriptor of its own. */
static void watch_box(struct watch_all *all, struct cv_mailbox *box)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = box == NULL || is_local(box) ? -1 : route_watch_fd(box);

	if (box != all->box || fd != all->box_fd) {
		unwatch_box(all);
		all->box = box;
		if (fd >= 0 && epoll_ctl(all->epoll, EPOLL_CTL_ADD, fd,
					 &event) == 0)
			all->box_fd = fd;
	}
}

/* --- the set ----------------------------------------------------------------------------- */

static int watch_all_begin(struct cv_user *u, struct cv_error *err)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct watch_all *all;

	if (u->watch_all != NULL)
		return CV_OK;
	all = pool_new(u->pool, struct watch_all);
	all->pool = pool_create("watch all");
	array_init(&all->items, all->pool);
	all->box_fd = -1;
	all->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	all->epoll = epoll_create1(EPOLL_CLOEXEC);
	u->watch_all = all;
	if (all->inotify >= 0 && all->epoll >= 0 &&
	    epoll_ctl(all->epoll, EPOLL_CTL_ADD, all->inotify, &event) == 0)
		return CV_OK;
	(void)FAIL_ERRNO(err, errno, "cannot watch mailboxes "
			 "(fs.inotify.max_user_instances)");
	watch_all_end(u);
	return CV_E_TEMP;
}

void watch_all_end(struct cv_user *u)
{
	struct watch_all *all = u->watch_all;

	remotes_unwatch(u);
	if (all == NULL)
		return;
	if (all->inotify >= 0)
		(void)close(all->inotify);
	if (all->epoll >= 0)
		(void)close(all->epoll);
	pool_destroy(&all->pool);
	u->watch_all = NULL;
}

void watch_all_forget(const struct cv_mailbox *box)
{
	if (box != NULL && box->user->watch_all != NULL &&
	    box->user->watch_all->box == box)
		unwatch_box(box->user->watch_all);
}

/* Owners whose broker cannot be had now are asked again with the next set. */
static void watch_remotes(struct cv_user *u)
{
	struct epoll_event event = { .events = EPOLLIN };

	for (struct remote *r = u->remotes; r != NULL; r = r->next) {
		bool known = r->bell >= 0;
		int fd = r->wanted ? remote_watch_all(r) : -1;

		/* a new one: what was before it is looked for */
		if (fd < 0 || known)
			continue;
		(void)epoll_ctl(u->watch_all->epoll, EPOLL_CTL_ADD, fd,
				&event);
		u->heard_turn++;
	}
}

/* Where changes of flags, names and subscriptions are told.  A session that
 * was asleep has opened none yet; what cannot be opened hides nothing else. */
static int add_accounts(struct cv_user *u, struct cv_error *err)
{
	int ret = CV_OK;

	for (uint32_t i = 0; i < u->namespace_count; i++) {
		struct store *store = u->namespaces[i].store;

		if (store != NULL && store->account == NULL)
			(void)store_open(store, NULL);
	}
	for (struct store *s = u->stores; s != NULL && ret == CV_OK;
	     s = s->next) {
		if (s->account != NULL)
			ret = add_item(u, s, NULL, err);
	}
	return ret;
}

/* Names that are not there now, or are another user's, are ignored. */
static int add_name(struct cv_user *u, const char *name, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("watch");
	struct account_folder *folder = NULL;
	struct mailbox_ref ref;
	int ret = CV_OK;

	if (mailbox_resolve(u, name, pool, &ref, NULL) == CV_OK &&
	    ref.store != NULL && ref.store->driver->watch_open != NULL)
		folder = account_folder_find(ref.store->account, ref.span);
	if (folder != NULL)
		ret = add_item(u, ref.store, folder, err);
	/* another program may have removed it by now */
	if (ret == CV_E_NOT_FOUND)
		ret = CV_OK;
	pool_destroy(&pool);
	return ret;
}

int watch_all_set(struct cv_user *u, struct cv_mailbox *box,
		  const char *const *names, uint32_t count,
		  struct cv_error *err)
{
	int ret = watch_all_begin(u, err);

	if (ret < 0)
		return ret;
	for (size_t i = 0; i < u->watch_all->items.count; i++)
		u->watch_all->items.items[i].wanted = false;
	ret = add_accounts(u, err);
	if (ret == CV_OK && box != NULL && is_local(box))
		ret = add_item(u, box->store, box->folder, err);
	if (count > WATCH_MAILBOXES_MAX)
		count = WATCH_MAILBOXES_MAX;
	for (uint32_t i = 0; i < count && ret == CV_OK; i++)
		ret = add_name(u, names[i], err);
	drop_unwanted(u->watch_all);
	watch_box(u->watch_all, box);
	watch_remotes(u);
	return ret;
}

int watch_all_fd(struct cv_user *u)
{
	return u->watch_all == NULL ? -1 : u->watch_all->epoll;
}

/* --- taking in what was heard ---------------------------------------------------------------- */

static void mark(struct watch_all *all, const struct inotify_event *event)
{
	for (size_t i = 0; i < all->items.count; i++) {
		struct watched *w = &all->items.items[i];

		for (uint32_t k = 0; k < w->wd_count; k++) {
			/* events were lost: all may have changed */
			if ((event->mask & IN_Q_OVERFLOW) != 0 ||
			    w->wds[k] == event->wd)
				w->changed = true;
		}
	}
}

static void read_events(struct watch_all *all)
{
	static char events[EVENTS_BYTES] __attribute__((aligned(8)));
	ssize_t n;

	while ((n = read(all->inotify, events, sizeof(events))) > 0) {
		int last = -1;

		for (ssize_t at = 0; at < n; ) {
			const struct inotify_event *event =
				(const struct inotify_event *)(events + at);

			/* a delivery is several of the same */
			if (event->wd != last ||
			    (event->mask & IN_Q_OVERFLOW) != 0)
				mark(all, event);
			last = event->wd;
			at += (ssize_t)sizeof(*event) + event->len;
		}
	}
}

static struct cv_mailbox *box_of(struct cv_user *u,
				 const struct account_folder *folder)
{
	for (struct cv_mailbox *b = u->boxes; b != NULL; b = b->next) {
		if (b->folder == folder)
			return b;
	}
	return NULL;
}

static int scan_changed(struct cv_user *u, struct watched *w,
			struct cv_error *err)
{
	struct cv_mailbox *box;
	struct store_folder *sf;
	int ret;

	w->changed = false;
	if (w->folder == NULL || w->folder->deleted)
		return CV_OK;
	/* its next sync looks */
	box = box_of(u, w->folder);
	if (box != NULL) {
		box->checked_at = 0;
		return CV_OK;
	}
	ret = store_folder_get(w->store, w->folder, &sf, err);
	if (ret == CV_OK)
		ret = store_folder_scan(sf, true, err);
	store_folder_forget(w->store, w->folder);
	return ret == CV_E_NOT_FOUND ? CV_OK : ret;
}

int watch_all_take(struct cv_user *u, struct cv_error *err)
{
	struct watch_all *all = u->watch_all;
	int ret = CV_OK;

	if (all == NULL)
		return CV_OK;
	read_events(all);
	remotes_hear(u);
	watch_remotes(u);
	if (all->box_fd >= 0)
		route_watch_clear(all->box);
	for (size_t i = 0; i < all->items.count && ret >= 0; i++) {
		if (all->items.items[i].changed)
			ret = scan_changed(u, &all->items.items[i], err);
	}
	return ret < 0 ? ret : CV_OK;
}

/* --- for a process that watches for this one ---------------------------------------------------- */

bool user_is_watching(const struct cv_user *u)
{
	return u->watch_all != NULL;
}

int user_watch_each(struct cv_user *u, watch_fd_fn *fn, void *context,
		    struct cv_error *err)
{
	struct watch_all *all = u->watch_all;
	int ret = CV_OK;

	if (remotes_are_wanted(u))
		return FAIL(err, CV_E_UNSUPPORTED, "mail of others is "
			    "watched by this process alone");
	if (all->box != NULL && !is_local(all->box))
		return FAIL(err, CV_E_UNSUPPORTED, "mailbox '%s' is watched "
			    "by this process alone", all->box->name);
	for (size_t i = 0; i < all->items.count && ret == CV_OK; i++)
		ret = each_fd(u, &all->items.items[i], fn, context, err);
	return ret;
}
