/* session-keeper.c - who the living sessions are bound to, for an auth that
 * has been started anew.
 *
 * A session's channel to auth is bound to its user while the child still is
 * what the zygote has forked, and ends with auth.  So the child leaves the
 * words of that message with the zygote, too, over a socket of its own, as
 * the first that is said on it; whatever comes later may come from anybody and
 * can only ask for the same once more: the zygote has a new channel bound with
 * the words that it keeps, and gives it away.
 *
 * Nobody waits for these sockets: they are looked at once a second, as the
 * dead are buried.  A session that asks all the time gets one answer a second.
 *
 * INVARIANT: what is bound was said before the child became the user. */
#include "session-private.h"

#include "ipc/auth-message.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { LOOK_MSECS = 1000, EVENTS_MAX = 64 };

struct kept {
	struct kept *next, **prev;
	int fd;
	size_t len;		/* 0: nothing said yet */
	unsigned char *words;	/* the message, for ipc_reader_init */
};

struct session_keepers {
	int epoll, auth_port;
	uint64_t looked_at;		/* monotonic milliseconds */
	struct kept *first;
};

int session_keepers_create(struct cv_pool *pool, int auth_port,
			   struct session_keepers **keepers_r,
			   struct cv_error *err)
{
	struct session_keepers *k = pool_new(pool, struct session_keepers);

	k->auth_port = auth_port;
	k->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (k->epoll < 0)
		return FAIL_ERRNO(err, errno, "epoll_create1 failed");
	*keepers_r = k;
	return CV_OK;
}

static void drop(struct session_keepers *k, struct kept *kept)
{
	(void)epoll_ctl(k->epoll, EPOLL_CTL_DEL, kept->fd, NULL);
	(void)close(kept->fd);
	*kept->prev = kept->next;
	if (kept->next != NULL)
		kept->next->prev = kept->prev;
	free(kept->words);
	free(kept);
}

void session_keepers_add(struct session_keepers *k, int fd)
{
	struct kept *kept = calloc(1, sizeof(*kept));
	struct epoll_event event = { .events = EPOLLIN };

	BUG_IF(kept == NULL);
	event.data.ptr = kept;
	kept->fd = fd;
	kept->prev = &k->first;
	kept->next = k->first;
	if (k->first != NULL)
		k->first->prev = &kept->next;
	k->first = kept;
	/* without it the session cannot be bound again, and lives */
	if (epoll_ctl(k->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		drop(k, kept);
}

/* --- messages --------------------------------------------------------------------- */

static int keep(struct kept *kept, struct ipc_reader *r)
{
	if (r->type != AUTH_MSG_BIND || ipc_fds_left(r) > 0)
		return ipc_refuse(r, "a new session", NULL);
	kept->words = malloc(r->len);
	BUG_IF(kept->words == NULL);
	memcpy(kept->words, r->data, r->len);
	kept->len = r->len;
	return CV_OK;
}

/* A channel that auth will take for the session's. */
static int bind_again(const struct session_keepers *k,
		      const struct kept *kept, int *channel_r)
{
	static struct ipc_reader words;	/* a frame this large costs */
	int status = ipc_reader_init(&words, cv_span(
		(const char *)kept->words, kept->len), NULL, 0, NULL);

	if (status == CV_OK)
		status = ipc_channel_open(k->auth_port, channel_r, NULL);
	if (status != CV_OK)
		return status;
	status = ipc_forward(*channel_r, &words, NULL);
	if (status != CV_OK)
		(void)close(*channel_r);
	return status;
}

/* An answer without a channel says that there is none now. */
static int answer(const struct session_keepers *k, const struct kept *kept,
		  struct ipc_reader *r)
{
	static struct ipc_writer w;
	int channel, status = r->type != SESSION_MSG_AGAIN ?
		ipc_refuse(r, "a session", NULL) : ipc_finish(r, NULL);

	if (status != CV_OK)
		return status;
	ipc_begin(&w, SESSION_MSG_BOUND);
	status = bind_again(k, kept, &channel);
	if (status == CV_OK)
		ipc_put_fd(&w, channel);
	if (status == CV_OK) {
		status = ipc_send_now(kept->fd, &w, NULL);
		(void)close(channel);
		return status;
	}
	return ipc_send_now(kept->fd, &w, NULL);
}

static void hear(struct session_keepers *k, struct kept *kept)
{
	static struct ipc_reader r;	/* a frame this large costs */
	int status = ipc_receive_now(kept->fd, &r, NULL);

	if (status == CV_OK)
		status = kept->len == 0 ? keep(kept, &r) :
			answer(k, kept, &r);
	if (status != CV_OK && status != CV_NOT_FOUND)
		drop(k, kept);
}

void session_keepers_look(struct session_keepers *k)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t now = time_monotonic_msecs();
	int n;

	if (k->first == NULL || now - k->looked_at < LOOK_MSECS)
		return;
	n = epoll_wait(k->epoll, events, EVENTS_MAX, 0);
	for (int i = 0; i < n; i++)
		hear(k, events[i].data.ptr);
	/* who has not had a turn need not wait */
	if (n < EVENTS_MAX)
		k->looked_at = now;
}
