/* delivery-client.c - receive into a memory file, hand it to deliverers.
 *
 * Deliverers stay open on the session for the next message: a burst to one
 * user starts one process.  They are few, since they count against the limit
 * of all deliverers; the one that was used longest ago makes room. */
#include "base.h"
#include "delivery-address.h"
#include "delivery-client.h"
#include "delivery-message.h"
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
	DELIVERERS_KEPT = 2,	/* between messages */
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
	in->pool = pool;
	in->max_bytes = max_bytes;
	in->fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (in->fd < 0)
		return FAIL_ERRNO(err, errno, "cannot make a memory file");
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

static int flush_buffer(struct cv_incoming *in, struct cv_error *err)
{
	int status = write_all(in, in->buffer, in->buffered, err);

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

/* From here on nobody can change it, this process included. */
static int incoming_seal(struct cv_incoming *in, struct cv_error *err)
{
	if (in->sealed)
		return CV_OK;
	if (in->failure != CV_OK)
		return incoming_fail(in, err);
	if (flush_buffer(in, err) < 0)
		return incoming_fail(in, err);
	if (fcntl(in->fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK |
		  F_SEAL_GROW | F_SEAL_WRITE) != 0)
		return FAIL_ERRNO(err, errno, "cannot seal the message");
	in->sealed = true;
	return CV_OK;
}

/* --- deliverers ------------------------------------------------------------ */

struct deliverer_link {
	char *user;			/* NULL: free */
	int channel;
	uint32_t pending;		/* orders without an answer yet */
	uint64_t used;			/* turn, for the oldest to go */
};

struct delivery_client {
	struct deliverer_link links[DELIVERERS_MAX];
	uint64_t turn;
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

/* A link that is free, or idle and used longest ago; NULL when all have
 * answers outstanding. */
static struct deliverer_link *link_vacate(struct delivery_client *client)
{
	struct deliverer_link *oldest = NULL;

	for (size_t i = 0; i < DELIVERERS_MAX; i++) {
		struct deliverer_link *link = &client->links[i];

		if (link->user == NULL)
			return link;
		if (link->pending == 0 &&
		    (oldest == NULL || link->used < oldest->used))
			oldest = link;
	}
	if (oldest != NULL)
		link_close(oldest);
	return oldest;
}

static int link_open(struct cv_session *s, struct delivery_client *client,
		     const char *user, struct deliverer_link **link_r,
		     struct cv_error *err)
{
	struct deliverer_link *link = link_find(client, user);
	int channel, status;

	if (link == NULL) {
		status = session_open_for_user(s, user, "deliver", &channel,
					       err);
		if (status != CV_OK)
			return status;
		link = link_vacate(client);
		BUG_IF(link == NULL);
		link->user = strdup(user);
		BUG_IF(link->user == NULL);
		link->channel = channel;
		link->pending = 0;
	}
	link->used = ++client->turn;
	*link_r = link;
	return CV_OK;
}

static bool link_is_alive(const struct deliverer_link *link)
{
	char byte;
	ssize_t n = recv(link->channel, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static int recipient(struct cv_session *s, struct cv_span sender,
		     struct cv_span address, struct cv_pool *pool,
		     struct cv_recipient **recipient_r, struct cv_error *err)
{
	struct cv_recipient_ctx ctx = { CV_SIZED(cv_recipient_ctx),
		.session = s, .err = err, .sender = sender,
		.recipient = address };
	struct cv_recipient *r = pool_new(pool, struct cv_recipient);
	struct delivery_client *client;
	struct user_info info;
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
	if (link_find(client, r->user) == NULL) {
		status = session_lookup_user(s, r->user, pool, &info, err);
		if (status != CV_OK)
			return status;
	}
	*recipient_r = r;
	return CV_OK;
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

/* The deliverer died: all that wait for it fail for now. */
static void link_lost(struct delivery_run *run, struct deliverer_link *link,
		      const struct cv_error *err)
{
	log_error("delivery", "deliverer of '%s': %s", link->user, err->text);
	for (uint32_t i = 0; i < run->count; i++) {
		if (run->waiting[i] != link)
			continue;
		result_set(&run->results[i], CV_E_TEMP, "");
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
	if (status == CV_OK)
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
	};
	struct ipc_writer writer;

	delivery_order_put(&writer, &order);
	return ipc_send(link->channel, &writer, err);
}

/* Ends deliverers without an open order, the one used longest ago first, until
 * at most keep are left. */
static void links_trim(struct delivery_client *client, uint32_t keep)
{
	uint32_t open = 0;

	for (size_t i = 0; i < DELIVERERS_MAX; i++)
		open += client->links[i].user != NULL;
	while (open > keep) {
		struct deliverer_link *oldest = NULL;

		for (size_t i = 0; i < DELIVERERS_MAX; i++) {
			struct deliverer_link *link = &client->links[i];

			if (link->user != NULL && link->pending == 0 &&
			    (oldest == NULL || link->used < oldest->used))
				oldest = link;
		}
		if (oldest == NULL)
			return;
		link_close(oldest);
		open--;
	}
}

static int order_try(struct delivery_run *run, uint32_t i,
		     struct deliverer_link **link_r, struct cv_error *err)
{
	const char *user = run->requests[i].recipient->user;
	int status = link_open(run->session, run->client, user, link_r, err);

	return status == CV_OK ? order_send(run, i, *link_r, err) : status;
}

static void order_begin(struct delivery_run *run, uint32_t i)
{
	const char *user = run->requests[i].recipient->user;
	struct cv_error err = ERROR_NONE;
	struct deliverer_link *link = link_find(run->client, user);
	int status;

	/* a kept deliverer may have ended meanwhile (idle, reload) */
	if (link != NULL && link->pending == 0 && !link_is_alive(link))
		link_close(link);
	if (link_find(run->client, user) == NULL &&
	    link_vacate(run->client) == NULL)
		answers_wait_all(run, i);
	link = NULL;
	status = order_try(run, i, &link, &err);
	if (status == CV_EOF && link != NULL && link->pending == 0) {
		/* it closed between the look and the order */
		link_close(link);
		status = order_try(run, i, &link, &err);
	} else if (status == CV_E_LIMIT) {
		/* our own idle ones may be what fills the limit */
		answers_wait_all(run, i);
		links_trim(run->client, 0);
		status = order_try(run, i, &link, &err);
	}
	/* too many processes, or one that ended: not the recipient's fault */
	if (status == CV_EOF || status == CV_E_LIMIT)
		status = FAIL(&err, CV_E_TEMP, "no deliverer for '%s'", user);
	if (status != CV_OK) {
		result_fail(&run->results[i], &err);
		return;
	}
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
	links_trim(run.client, DELIVERERS_KEPT);
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
};
