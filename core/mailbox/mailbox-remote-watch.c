/* mailbox-remote-watch.c - hearing of changes in all that another user lets us
 * see: a bell for each owner, whose broker watches. */
#include "mailbox-remote.h"
#include "mailbox-watch-all.h"
#include "remote-call.h"

#include <sys/socket.h>
#include <unistd.h>

/* --- who is wanted ------------------------------------------------------------------ */

static void unwatch(struct remote *remote)
{
	if (remote->bell >= 0)
		(void)close(remote->bell);
	remote->bell = -1;
}

void remotes_unwatch(struct cv_user *user)
{
	for (struct remote *r = user->remotes; r != NULL; r = r->next) {
		r->wanted = false;
		unwatch(r);
	}
}

bool remotes_are_wanted(const struct cv_user *user)
{
	for (const struct remote *r = user->remotes; r != NULL; r = r->next) {
		if (r->wanted)
			return true;
	}
	return false;
}

struct wanting {
	struct cv_user *user;
	struct remote *list[REMOTE_CONNECTED_MAX];
	uint32_t count;
	struct cv_error *err;
};

static bool is_wanted(const struct wanting *w, const struct remote *remote)
{
	for (uint32_t i = 0; i < w->count; i++) {
		if (w->list[i] == remote)
			return true;
	}
	return false;
}

static int want(struct wanting *w, struct remote *remote)
{
	if (is_wanted(w, remote))
		return CV_OK;
	if (w->count == REMOTE_CONNECTED_MAX)
		return FAIL(w->err, CV_E_LIMIT, "mail of more than %u other "
			    "users cannot be watched", w->count);
	w->list[w->count++] = remote;
	return CV_OK;
}

/* All who have shared something, as LIST finds them. */
static int want_all(struct wanting *w, const struct shared_prefix *prefix)
{
	int ret = remote_meet(w->user, prefix, w->err);

	for (struct remote *r = w->user->remotes; r != NULL && ret >= 0;
	     r = r->next) {
		if (r->of == prefix)
			ret = want(w, r);
	}
	return ret < 0 ? ret : CV_OK;
}

static int check_server(struct wanting *w, const struct namespace *ns)
{
	if (ns == NULL || ns->store == NULL || ns->store->driver == NULL ||
	    (ns->store->driver->caps & CV_STORAGE_REMOTE) == 0)
		return CV_OK;
	return FAIL(w->err, CV_E_UNSUPPORTED, "mail of another server is not "
		    "watched (namespace prefix '%s')", ns->prefix);
}

static int want_name(struct wanting *w, const char *name)
{
	struct remote *remote = remote_find(w->user, name);
	size_t len = strlen(name);

	if (remote != NULL)
		return want(w, remote);
	for (const struct shared_prefix *p = w->user->shared; p != NULL;
	     p = p->next) {
		if (len > 0 && name[len - 1] == p->ns.separator &&
		    strncmp(p->fixed, name, len) == 0)
			return want_all(w, p);
	}
	return check_server(w, mailbox_namespace_find(w->user, name));
}

int mailbox_pictures_want(struct cv_user *u, const char *const *names,
			  uint32_t count, bool personal, struct cv_error *err)
{
	struct wanting w = { .user = u, .err = err };
	int ret = CV_OK;

	for (uint32_t i = 0; personal && i < u->namespace_count &&
	     ret == CV_OK; i++) {
		if (u->namespaces[i].type == CV_NAMESPACE_PRIVATE)
			ret = check_server(&w, &u->namespaces[i]);
	}
	for (uint32_t i = 0; i < count && ret == CV_OK; i++)
		ret = want_name(&w, names[i]);
	if (ret < 0)
		return ret;
	for (struct remote *r = u->remotes; r != NULL; r = r->next) {
		bool wanted = is_wanted(&w, r);

		/* pictures differ from now on */
		u->heard_turn += wanted != r->wanted;
		r->wanted = wanted;
		if (!wanted)
			unwatch(r);
	}
	return CV_OK;
}

/* --- bells ----------------------------------------------------------------------------- */

static int send_bell(struct remote *remote, int bell, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("bell");
	struct remote_answer a = { .fd = -1 };
	int ret = remote_call(remote, REMOTE_WATCH_ALL, NULL, bell, pool, &a,
			      err);

	if (ret >= 0)
		ret = remote_end(remote, &a, err);
	pool_destroy(&pool);
	return ret;
}

int remote_watch_all(struct remote *remote)
{
	struct cv_error err = ERROR_NONE;
	int bells[2], ret;

	if (remote->bell >= 0)
		return remote->bell;
	if (ipc_pair(bells, true, NULL) < 0)
		return -1;
	ret = send_bell(remote, bells[1], &err);
	(void)close(bells[1]);
	if (ret >= 0) {
		remote->bell = bells[0];
		return remote->bell;
	}
	(void)close(bells[0]);
	/* who does not exist, or is not to be reached, shows nothing */
	if (ret != CV_E_NOT_FOUND && ret != CV_E_DENIED)
		log_warning("store", "mail of '%s' is not watched: %s",
			    remote->owner, err.text);
	return -1;
}

void remotes_hear(struct cv_user *user)
{
	char bytes[64];

	for (struct remote *r = user->remotes; r != NULL; r = r->next) {
		ssize_t got = 1;
		bool heard = false;

		while (r->bell >= 0 && got > 0) {
			got = recv(r->bell, bytes, sizeof(bytes),
				   MSG_DONTWAIT);
			heard = heard || got >= 0;
		}
		/* its broker has ended: another one may be had */
		if (r->bell >= 0 && got == 0)
			unwatch(r);
		if (heard)
			user->heard_turn++;
	}
}
