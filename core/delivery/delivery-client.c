/* delivery-client.c - receive into a memory file, hand it to deliverers.
 *
 * Deliverers serve all connections and live on for a while; here is only a
 * channel to each that is in use.  It is opened when the recipient is offered,
 * by the question to auth that tells whether there is such a user.  Channels
 * stay for the next message to the same user, for a few seconds, so that what
 * has changed in the userdb is noticed. */
#include "base.h"
#include "delivery-address.h"
#include "delivery-client.h"
#include "delivery-message.h"
#include "delivery-relay.h"
#include "settings/core-settings.h"
#include "module/hook.h"
#include "session/session.h"
#include "stream/dot-reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	DELIVERERS_MAX = 8,	/* at work at the same time */
	LINK_AGE_MSECS = 5000,	/* then auth is asked again */
	ANSWER_TIMEOUT_MSECS = 5 * 60 * 1000,
	INCOMING_BUFFER = 64 * 1024,
};

/* --- the message --------------------------------------------------------- */

struct cv_incoming {
	struct cv_pool *pool;
	int fd;
	bool sealed;
	int failure;			/* class of the first failure */
	uint64_t bytes, max_bytes;
	struct dot_reader dots;
	void *map;			/* all of the sealed file, or NULL */
	size_t buffered;
	char buffer[INCOMING_BUFFER];
};

static void incoming_finalise(void *data)
{
	struct cv_incoming *in = data;

	if (in->fd >= 0)
		(void)close(in->fd);
	in->fd = -1;
}

static int incoming_open(struct cv_session *s, struct cv_pool *pool,
			 uint64_t max_bytes, struct cv_incoming **in_r,
			 struct cv_error *err)
{
	struct cv_incoming *in = pool_new(pool, struct cv_incoming);

	(void)s;
	(void)err;
	in->pool = pool;
	in->max_bytes = max_bytes;
	in->fd = -1;
	pool_add_finaliser(pool, incoming_finalise, in);
	dot_reader_init(&in->dots);
	*in_r = in;
	return CV_OK;
}

static int write_all(struct cv_incoming *in, const char *data, size_t len,
		     struct cv_error *err)
{
	while (len > 0) {
		ssize_t n = write(in->fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return FAIL_ERRNO(err, n < 0 ? errno : ENOSPC,
					  "cannot write to the memory file");
		data += n;
		len -= (size_t)n;
	}
	return CV_OK;
}

static int incoming_fail(struct cv_incoming *in, struct cv_error *err)
{
	if (in->failure == CV_E_LIMIT)
		return FAIL(err, CV_E_LIMIT, "message is larger than %llu "
			    "bytes", (unsigned long long)in->max_bytes);
	return FAIL(err, in->failure, "no memory for the message");
}

static int file_create(struct cv_incoming *in, struct cv_error *err)
{
	if (in->fd >= 0)
		return CV_OK;
	in->fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return in->fd >= 0 ? CV_OK :
		FAIL_ERRNO(err, errno, "cannot make a memory file");
}

static int flush_buffer(struct cv_incoming *in, struct cv_error *err)
{
	int status = file_create(in, err);

	if (status == CV_OK)
		status = write_all(in, in->buffer, in->buffered, err);
	in->buffered = 0;
	if (status < 0)
		in->failure = status;
	return status;
}

static int incoming_write(struct cv_incoming *in, struct cv_span data,
			  struct cv_error *err)
{
	BUG_IF(in->sealed);
	if (in->failure == CV_OK && data.len > in->max_bytes - in->bytes)
		in->failure = CV_E_LIMIT;
	if (in->failure != CV_OK)
		return incoming_fail(in, err);
	in->bytes += data.len;
	while (data.len > 0) {
		size_t room = sizeof(in->buffer) - in->buffered;
		size_t n = data.len < room ? data.len : room;

		/* UNSAFE: n <= room */
		memcpy(in->buffer + in->buffered, data.data, n);
		in->buffered += n;
		data = cv_span_skip(data, n);
		if (in->buffered == sizeof(in->buffer) &&
		    flush_buffer(in, err) < 0)
			return incoming_fail(in, err);
	}
	return CV_OK;
}

static int incoming_data(struct cv_incoming *in, struct cv_span *data,
			 struct cv_error *err)
{
	while (data->len > 0) {
		struct cv_span content = CV_SPAN_NONE;
		int status = dot_reader_next(&in->dots, data, &content);

		if (content.len > 0)
			(void)incoming_write(in, content, err);
		if (status == CV_EOF)
			return in->failure == CV_OK ? CV_EOF :
				incoming_fail(in, err);
	}
	return CV_OK;
}

static uint64_t incoming_bytes(struct cv_incoming *in)
{
	return in->bytes;
}

static bool incoming_has_bare(struct cv_incoming *in)
{
	return in->dots.bare || in->dots.has_nul;
}

static void incoming_close(struct cv_incoming **in)
{
	if (*in != NULL)
		incoming_finalise(*in);
	*in = NULL;
}

/* A small message travels within the orders.  Else it is a file that nobody
 * can change from here on, this process included. */
static int incoming_seal(struct cv_incoming *in, struct cv_error *err)
{
	if (in->sealed)
		return CV_OK;
	if (in->failure != CV_OK)
		return incoming_fail(in, err);
	in->sealed = in->fd < 0 && in->buffered <= DELIVERY_BODY_MAX;
	if (in->sealed)
		return CV_OK;
	if (flush_buffer(in, err) < 0)
		return incoming_fail(in, err);
	if (fcntl(in->fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK |
		  F_SEAL_GROW | F_SEAL_WRITE) != 0)
		return FAIL_ERRNO(err, errno, "cannot seal the message");
	in->sealed = true;
	return CV_OK;
}

static void unmap(void *data)
{
	struct cv_incoming *in = data;

	if (in->map != NULL)
		(void)munmap(in->map, (size_t)in->bytes);
	in->map = NULL;
}

static int incoming_content(struct cv_incoming *in, struct cv_span *content_r,
			    struct cv_error *err)
{
	int status = incoming_seal(in, err);

	if (status == CV_OK && in->fd >= 0 && in->map == NULL) {
		void *map = mmap(NULL, (size_t)in->bytes, PROT_READ,
				 MAP_SHARED, in->fd, 0);

		if (map == MAP_FAILED)
			return FAIL_ERRNO(err, errno, "cannot map the "
					  "message");
		in->map = map;
		pool_add_finaliser(in->pool, unmap, in);
	}
	*content_r = in->fd < 0 ? cv_span(in->buffer, in->buffered) :
		cv_span(in->map, (size_t)in->bytes);
	return status;
}

/* --- deliverers ------------------------------------------------------------ */

struct deliverer_link {
	char *user;			/* NULL: free */
	int channel;
	uint32_t pending;		/* orders without an answer yet */
	uint64_t used;			/* turn, for the oldest to go */
	uint64_t until;			/* monotonic milliseconds */
	uint64_t transaction;		/* that it was last wanted for */
};

struct delivery_client {
	struct deliverer_link links[DELIVERERS_MAX];
	uint64_t turn;
	uint64_t transaction;		/* counts from 1 */
	bool in_transaction;
	struct delivery_settings settings;
};

static void link_close(struct deliverer_link *link)
{
	if (link->user == NULL)
		return;
	(void)close(link->channel);
	free(link->user);
	*link = (struct deliverer_link){ .channel = -1 };
}

static void client_finalise(void *data)
{
	struct delivery_client *client = data;

	for (size_t i = 0; i < DELIVERERS_MAX; i++)
		link_close(&client->links[i]);
}

static int client_of(struct cv_session *s, struct delivery_client **client_r,
		     struct cv_error *err)
{
	struct delivery_client *client = s->delivery;
	int status;

	if (client == NULL) {
		client = pool_new(s->pool, struct delivery_client);
		status = settings_get(s->settings, &delivery_settings_table,
				      &s->scope, s->pool, &client->settings,
				      err);
		if (status < 0)
			return status;
		pool_add_finaliser(s->pool, client_finalise, client);
		client->transaction = 1;
		s->delivery = client;
	}
	*client_r = client;
	return CV_OK;
}

static struct deliverer_link *link_find(struct delivery_client *client,
					const char *user)
{
	for (size_t i = 0; i < DELIVERERS_MAX; i++) {
		struct deliverer_link *link = &client->links[i];

		if (link->user != NULL && strcmp(link->user, user) == 0)
			return link;
	}
	return NULL;
}

/* A link that is free, or the one used longest ago of those that have no
 * answer outstanding and that this transaction does not want (unless any
 * will do); NULL when there is none. */
static struct deliverer_link *link_vacate(struct delivery_client *client,
					  bool any)
{
	struct deliverer_link *oldest = NULL;

	for (size_t i = 0; i < DELIVERERS_MAX; i++) {
		struct deliverer_link *link = &client->links[i];

		if (link->user == NULL)
			return link;
		if (link->pending == 0 &&
		    (any || link->transaction != client->transaction) &&
		    (oldest == NULL || link->used < oldest->used))
			oldest = link;
	}
	if (oldest != NULL)
		link_close(oldest);
	return oldest;
}

/* Opens one; the caller has seen that there is a place for it. */
static int link_open(struct cv_session *s, struct delivery_client *client,
		     struct deliverer_link *link, const char *user,
		     struct cv_pool *pool, struct user_info *forward_r,
		     struct cv_error *err)
{
	int channel, status = session_open_for_user(s, user, "deliver", pool,
						    forward_r, &channel, err);

	if (status != CV_OK)
		return status;
	link->user = strdup(user);
	BUG_IF(link->user == NULL);
	link->channel = channel;
	link->pending = 0;
	link->until = time_monotonic_msecs() + LINK_AGE_MSECS;
	link->used = ++client->turn;
	link->transaction = client->transaction;
	return CV_OK;
}

/* The deliverer has closed its end, or says why it did not start. */
static int link_failure(const struct deliverer_link *link,
			struct cv_error *err)
{
	static struct ipc_reader r;	/* a frame this large costs */
	int status = ipc_receive_now(link->channel, &r, err);

	return status == CV_OK ? session_start_failure(&r, err) : CV_EOF;
}

/* --- recipients ------------------------------------------------------------ */

static void transaction_end(void *data)
{
	struct delivery_client *client = data;

	client->transaction++;
	client->in_transaction = false;
}

/* The pool's end is that of the transaction. */
static void transaction_begin(struct delivery_client *client,
			      struct cv_pool *pool)
{
	if (!client->in_transaction)
		pool_add_finaliser(pool, transaction_end, client);
	client->in_transaction = true;
}

/* Whether there is such a user; when there is a place the answer comes with a
 * deliverer.  With anywhere, CV_CHANGED: forward_r says on which server. */
static int user_find(struct cv_session *s, struct delivery_client *client,
		     const char *user, bool anywhere, struct cv_pool *pool,
		     struct user_info *forward_r, struct cv_error *err)
{
	struct deliverer_link *link = link_find(client, user);

	if (link != NULL && link->pending == 0 &&
	    time_monotonic_msecs() >= link->until) {
		link_close(link);
		link = NULL;
	}
	if (link != NULL) {
		link->transaction = client->transaction;
		return CV_OK;
	}
	link = link_vacate(client, false);
	return link != NULL ? link_open(s, client, link, user, pool,
					anywhere ? forward_r : NULL, err) :
		session_lookup_user(s, user, anywhere, pool, forward_r, err);
}

static int find(struct cv_session *s, struct cv_span sender,
		struct cv_span address, bool anywhere, struct cv_pool *pool,
		struct cv_recipient **recipient_r, struct cv_error *err)
{
	struct cv_recipient_ctx ctx = { CV_SIZED(cv_recipient_ctx),
		.session = s, .err = err, .sender = sender,
		.recipient = address };
	struct cv_recipient *r = pool_new(pool, struct cv_recipient);
	struct delivery_client *client;
	struct user_info forward;
	int status = client_of(s, &client, err);

	if (status < 0)
		return status;
	status = delivery_address_split(address,
		client->settings.recipient_delimiter, pool, r, err);
	if (status < 0)
		return status;
	status = hook_recipient_offered(&ctx);
	if (status < 0)
		return status;
	transaction_begin(client, pool);
	status = user_find(s, client, r->user, anywhere, pool, &forward, err);
	if (status == CV_CHANGED)
		status = delivery_relay_get(s, r, &forward, pool, &r->relay,
					    err);
	if (status == CV_OK)
		*recipient_r = r;
	return status;
}

static int recipient(struct cv_session *s, struct cv_span sender,
		     struct cv_span address, struct cv_pool *pool,
		     struct cv_recipient **recipient_r, struct cv_error *err)
{
	return find(s, sender, address, false, pool, recipient_r, err);
}

static int recipient_anywhere(struct cv_session *s, struct cv_span sender,
			      struct cv_span address, struct cv_pool *pool,
			      struct cv_recipient **recipient_r,
			      struct cv_error *err)
{
	return find(s, sender, address, true, pool, recipient_r, err);
}

/* --- delivering ------------------------------------------------------------ */

struct delivery_run {
	struct cv_session *session;
	struct delivery_client *client;
	struct cv_incoming *in;
	const struct cv_delivery_request *requests;
	struct cv_delivery_result *results;
	uint32_t count;
	/* the link each request waits on, NULL: answered */
	struct deliverer_link **waiting;
};

static void result_set(struct cv_delivery_result *result, int status,
		       const char *text)
{
	result->status = status;
	(void)snprintf(result->text, sizeof(result->text), "%s", text);
}

static void result_fail(struct cv_delivery_result *result,
			const struct cv_error *err)
{
	log_error("delivery", "%s", err->text);
	result_set(result, err->code, err->client);
}

/* Too many processes, one that ended, or one that talks nonsense: not the
 * recipient's fault. */
static int status_for_client(int status)
{
	return status == CV_E_PERM || status == CV_E_DENIED ||
		status == CV_E_NOT_FOUND ? status : CV_E_TEMP;
}

/* The deliverer died or did not start: all that wait for it fail. */
static void link_lost(struct delivery_run *run, struct deliverer_link *link,
		      const struct cv_error *err)
{
	int status = status_for_client(err->code);

	log_error("delivery", "deliverer of '%s': %s", link->user, err->text);
	for (uint32_t i = 0; i < run->count; i++) {
		if (run->waiting[i] != link)
			continue;
		result_set(&run->results[i], status, err->client);
		run->waiting[i] = NULL;
	}
	link_close(link);
}

/* The answer to request i, which is the oldest of its link. */
static void answer_wait(struct delivery_run *run, uint32_t i)
{
	struct deliverer_link *link = run->waiting[i];
	struct delivery_answer answer;
	struct cv_error err = ERROR_NONE;
	struct ipc_reader reader;
	int status;

	status = ipc_receive_wait(link->channel, ANSWER_TIMEOUT_MSECS,
				  &reader, &err);
	if (status == CV_OK && reader.type == SESSION_MSG_STARTED)
		status = session_start_failure(&reader, &err);
	else if (status == CV_OK)
		status = delivery_answer_get(&reader, &answer, &err);
	if (status == CV_EOF)
		(void)FAIL(&err, CV_E_TEMP, "it ended before it answered");
	if (status != CV_OK) {
		link_lost(run, link, &err);
		return;
	}
	link->pending--;
	run->waiting[i] = NULL;
	result_set(&run->results[i], answer.status, answer.text);
}

static void answers_wait_all(struct delivery_run *run, uint32_t until)
{
	for (uint32_t i = 0; i < until; i++) {
		if (run->waiting[i] != NULL)
			answer_wait(run, i);
	}
}

static int order_send(struct delivery_run *run, uint32_t i,
		      struct deliverer_link *link, struct cv_error *err)
{
	const struct cv_delivery_request *request = &run->requests[i];
	struct delivery_order order = {
		.sender = request->sender,
		.recipient = request->recipient->address,
		.original_recipient = request->original_recipient,
		.mailbox_name = request->mailbox_name == NULL ? "" :
			request->mailbox_name,
		.header = request->header,
		.message_fd = run->in->fd,
		.body = cv_span(run->in->buffer, run->in->buffered),
	};
	struct ipc_writer writer;

	delivery_order_put(&writer, &order);
	return ipc_send(link->channel, &writer, err);
}

/* Gives the order to the user's deliverer, or to a new one when that has ended
 * meanwhile (idle, reload). */
static int order_try(struct delivery_run *run, uint32_t i,
		     struct deliverer_link **link_r, struct cv_error *err)
{
	const char *user = run->requests[i].recipient->user;
	struct deliverer_link *link = link_find(run->client, user);
	int status = CV_OK;

	if (link == NULL) {
		link = link_vacate(run->client, true);
		BUG_IF(link == NULL);
		status = link_open(run->session, run->client, link, user,
				   NULL, NULL, err);
	}
	if (status != CV_OK)
		return status;
	status = order_send(run, i, link, err);
	if (status == CV_EOF && link->pending == 0) {
		status = link_failure(link, err);
		link_close(link);
	}
	*link_r = link;
	return status;
}

static void order_begin(struct delivery_run *run, uint32_t i)
{
	const char *user = run->requests[i].recipient->user;
	struct cv_error err = ERROR_NONE;
	struct deliverer_link *link = link_find(run->client, user);
	int status;

	/* a place is needed; what this transaction wants later may go */
	if (link == NULL && link_vacate(run->client, true) == NULL)
		answers_wait_all(run, i);
	status = order_try(run, i, &link, &err);
	if (status == CV_EOF)
		status = order_try(run, i, &link, &err);
	if (status == CV_EOF)
		status = FAIL(&err, CV_E_TEMP, "no deliverer for '%s'", user);
	if (status != CV_OK) {
		err.code = status_for_client(status);
		result_fail(&run->results[i], &err);
		return;
	}
	link->used = ++run->client->turn;
	link->pending++;
	run->waiting[i] = link;
}

static void deliver(struct cv_session *s, struct cv_incoming *in,
		    const struct cv_delivery_request *requests,
		    uint32_t count, struct cv_delivery_result *results)
{
	struct delivery_run run = { .session = s, .in = in,
		.requests = requests, .results = results, .count = count };
	struct cv_error err = ERROR_NONE;
	int status = client_of(s, &run.client, &err);

	if (status == CV_OK)
		status = incoming_seal(in, &err);
	if (status < 0) {
		for (uint32_t i = 0; i < count; i++)
			result_fail(&results[i], &err);
		return;
	}
	run.waiting = pool_new_array(in->pool, struct deliverer_link *, count);
	for (uint32_t i = 0; i < count; i++)
		order_begin(&run, i);
	answers_wait_all(&run, count);
}

const struct cv_delivery_api delivery_api = {
	CV_SIZED(cv_delivery_api),
	.recipient = recipient,
	.incoming_open = incoming_open,
	.incoming_write = incoming_write,
	.incoming_data = incoming_data,
	.incoming_bytes = incoming_bytes,
	.incoming_has_bare = incoming_has_bare,
	.incoming_close = incoming_close,
	.deliver = deliver,
	.recipient_anywhere = recipient_anywhere,
	.relay_open = delivery_relay_open,
	.incoming_content = incoming_content,
};
