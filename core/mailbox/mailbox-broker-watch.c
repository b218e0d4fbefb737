/* mailbox-broker-watch.c - a session of another user wants to hear of all that
 * it may read here, for NOTIFY [RFC5465]. */
#include "mailbox-broker-private.h"
#include "mailbox-watch-all.h"

#include <unistd.h>

enum { PLACES_MAX = 16 };

/* What other programs do in mailboxes that the reader may read is heard of,
 * too; which ones these are may have changed. */
static int set_again(struct broker *b, struct cv_error *err)
{
	const struct cv_mailbox_picture **pictures;
	struct cv_pool *pool = pool_create("broker watch");
	const char **names;
	uint32_t count, n = 0;
	int ret = mailbox_pictures(b->user, &b->watch_turn, pool, &pictures,
				   &count, err);

	if (ret == CV_OK) {
		names = pool_new_array(pool, const char *, (size_t)count + 1);
		for (uint32_t i = 0; i < count; i++) {
			if ((pictures[i]->flags & CV_PICTURE_READ) != 0 &&
			    mailbox_namespace_find(b->user,
					pictures[i]->name) == b->ns)
				names[n++] = pictures[i]->name;
		}
		ret = watch_all_set(b->user, NULL, names, n, err);
	}
	pool_destroy(&pool);
	return ret < 0 ? ret : CV_OK;
}

/* A byte will be sent over the descriptor when something has changed. */
int broker_op_watch_all(struct request *q)
{
	struct broker *b = q->broker;
	int ret = remote_get_end(&q->in, &q->err);

	if (ret == CV_OK && q->fd_in < 0)
		ret = FAIL(&q->err, CV_E_SYNTAX, "no descriptor");
	if (ret == CV_OK && b->ns->store->account == NULL)
		ret = store_open(b->ns->store, &q->err);
	b->watch_turn = 0;
	if (ret == CV_OK)
		ret = set_again(b, &q->err);
	if (ret < 0)
		return ret;
	broker_unwatch(b);
	b->bell = q->fd_in;
	q->fd_in = -1;
	return CV_OK;
}

/* One of the places where changes of an open mailbox can be seen, for a process
 * that watches while the reader's session sleeps: a descriptor that reads
 * nothing; none when there are no more. */
int broker_op_place(struct request *q)
{
	int fds[PLACES_MAX];
	struct cv_mailbox *box;
	uint32_t index, count = 0;
	int ret = broker_take_box(q, &box);

	if (ret < 0)
		return ret;
	index = remote_get_u32(&q->in);
	ret = remote_get_end(&q->in, &q->err);
	if (ret == CV_OK)
		ret = mailbox_watch_open(box, fds, PLACES_MAX, &count,
					 &q->err);
	for (uint32_t i = 0; i < count; i++) {
		if (i == index)
			q->fd_out = fds[i];
		else
			(void)close(fds[i]);
	}
	return ret;
}

int broker_watch_fd(struct broker *b)
{
	return b->bell < 0 ? -1 : watch_all_fd(b->user);
}

void broker_heard(struct broker *b)
{
	struct cv_error err = ERROR_NONE;
	int ret = watch_all_take(b->user, &err);

	if (ret >= 0)
		ret = set_again(b, &err);
	if (ret < 0)
		log_warning("store", "mail is not watched: %s", err.text);
	(void)!write(b->bell, "", 1);
}

void broker_unwatch(struct broker *b)
{
	if (b->bell >= 0)
		(void)close(b->bell);
	b->bell = -1;
}
