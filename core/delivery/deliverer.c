/* deliverer.c - takes orders from lmtp, saves as the recipient.
 *
 * Trusts nobody: an order is checked like any input, a message is mapped only
 * when it is sealed.  Confined to the recipient's mail.  Serves the channels
 * of all who deliver to this user, one delivery at a time; ends when it has
 * had nothing to do for a while (idle_kill), when the zygote wants its place,
 * and after a failure of its own, since a fresh process may succeed. */
#include "base.h"
#include "deliverer.h"
#include "delivery-message.h"
#include "settings/core-settings.h"
#include "mailbox/user.h"
#include "module/hook.h"
#include "stream/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	CHANNELS_MAX = 128,
	SAVE_CHUNK = 256 * 1024,
	SEALS = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW,
};

/* From one connection of lmtp. */
struct channel {
	int fd;
	uint64_t used;			/* turn */
	char id[SESSION_ID_MAX + 1];	/* its session, for the log */
};

struct deliverer {
	struct cv_session *session;
	struct delivery_settings set;
	struct cv_pool *pool;		/* of one delivery */
	struct channel channels[CHANNELS_MAX];
	uint32_t count;
	uint64_t turn;
	int control;			/* -1: no more channels will come */
	bool closing;
	char id[SESSION_ID_MAX + 1];	/* what the log shows now */
	struct ipc_reader reader;
};

/* One delivery. */
struct delivery {
	struct cv_session *session;
	const struct delivery_settings *set;
	const struct delivery_order *order;
	struct cv_pool *pool;
	struct cv_span body;		/* mapped */
	const char *mailbox_name;
};

static int message_map(int fd, struct cv_span *body_r, struct cv_error *err)
{
	struct stat st;
	void *memory;
	int seals = fcntl(fd, F_GET_SEALS);

	/* a mapping of a file that can shrink is a crash to come */
	if (seals < 0 || (seals & SEALS) != SEALS)
		return FAIL(err, CV_E_SYNTAX, "message is not a sealed file");
	if (fstat(fd, &st) != 0)
		return FAIL_ERRNO(err, errno, "cannot look at the message");
	*body_r = cv_span("", 0);
	if (st.st_size == 0)
		return CV_OK;
	memory = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return FAIL_ERRNO(err, errno, "cannot map the message");
	*body_r = cv_span(memory, (size_t)st.st_size);
	return CV_OK;
}

static void message_unmap(struct cv_span body)
{
	if (body.len > 0)
		(void)munmap((void *)(uintptr_t)body.data, body.len);
}

static int ask_hooks(struct delivery *d, struct cv_error *err)
{
	struct cv_stream *parts[] = {
		stream_open_memory(d->pool, d->order->header),
		stream_open_memory(d->pool, d->body),
	};
	struct cv_delivery_ctx ctx = { CV_SIZED(cv_delivery_ctx),
		.user = d->session->user, .err = err,
		.sender = cv_span_of(d->order->sender),
		.recipient = cv_span_of(d->order->recipient),
		.original_recipient =
			cv_span_of(d->order->original_recipient),
		.body = stream_open_concat(d->pool, parts, 2),
		.mailbox_name = d->mailbox_name, .pool = d->pool };
	int status = hook_message_received(&ctx);

	if (status >= 0 && ctx.mailbox_name != NULL)
		d->mailbox_name = ctx.mailbox_name;
	return status < 0 ? status : CV_OK;
}

/* Opens the save into the wanted mailbox, makes it when that is allowed, or
 * falls back to INBOX: mail is never refused for a missing folder. */
static int save_open(struct delivery *d, struct cv_save **save_r,
		     struct cv_error *err)
{
	struct cv_user *user = d->session->user;
	int status = mailbox_api.save_begin(user, d->mailbox_name, save_r,
					    err);

	if (status == CV_E_NOT_FOUND && d->set->lda_mailbox_autocreate) {
		status = mailbox_api.create(user, d->mailbox_name, 0, err);
		if (status == CV_OK && d->set->lda_mailbox_autosubscribe)
			status = mailbox_api.subscribe(user, d->mailbox_name,
						       true, err);
		if (status == CV_OK || status == CV_E_EXISTS)
			status = mailbox_api.save_begin(user, d->mailbox_name,
							save_r, err);
	}
	if (status == CV_OK || strcmp(d->mailbox_name, "INBOX") == 0 ||
	    status == CV_E_TEMP || status == CV_E_NO_SPACE ||
	    status == CV_E_TIMEOUT)
		return status;
	log_info("delivery", "mailbox '%s' cannot be used (%s), saving to "
		 "INBOX", d->mailbox_name, err->text);
	d->mailbox_name = "INBOX";
	return mailbox_api.save_begin(user, "INBOX", save_r, err);
}

static int save_content(struct delivery *d, struct cv_save *save,
			struct cv_error *err)
{
	struct cv_save_request request = { CV_SIZED(cv_save_request),
		.mailbox_name = d->mailbox_name,
		.size_hint = d->order->header.len + d->body.len,
		.internal_date = INT64_MIN };
	int status = mailbox_api.save_add(save, &request, err);

	if (status == CV_OK)
		status = mailbox_api.save_write(save, d->order->header.data,
						d->order->header.len, err);
	for (size_t at = 0; status == CV_OK && at < d->body.len;) {
		size_t n = d->body.len - at;

		if (n > SAVE_CHUNK)
			n = SAVE_CHUNK;
		status = mailbox_api.save_write(save, d->body.data + at, n,
						err);
		at += n;
	}
	return status == CV_OK ? mailbox_api.save_finish(save, err) : status;
}

/* A mailbox that is not there or may not be written says nothing about the
 * mail: it comes again. */
static int status_of_save(int status)
{
	return status == CV_E_NOT_FOUND || status == CV_E_DENIED ?
		CV_E_TEMP : status;
}

static int deliver_one(struct delivery *d, struct cv_error *err)
{
	struct cv_save *save = NULL;
	uint32_t uidvalidity = 0;
	struct cv_set uids = { NULL, 0 };
	int status = ask_hooks(d, err);

	if (status != CV_OK)
		return status;
	status = save_open(d, &save, err);
	if (status == CV_OK)
		status = save_content(d, save, err);
	if (status == CV_OK)
		status = mailbox_api.save_commit(&save, d->pool, &uidvalidity,
						 &uids, err);
	if (save != NULL)
		mailbox_api.save_abort(&save);
	if (status != CV_OK)
		return status_of_save(status);
	log_info("delivery", "sender=<%s> recipient=<%s> mailbox='%s' "
		 "uid=%u size=%zu saved", d->order->sender,
		 d->order->recipient, d->mailbox_name,
		 uids.count > 0 ? uids.ranges[0].first : 0, d->body.len);
	return CV_OK;
}

static int answer(int channel, int status, const struct cv_error *failure,
		  struct cv_error *err)
{
	static struct ipc_writer writer;	/* a frame this large costs */
	struct delivery_answer a = {
		.status = status, .text = status < 0 ? failure->client : "",
	};

	delivery_answer_put(&writer, &a);
	return ipc_send(channel, &writer, err);
}

/* Something is wrong with the process or with what it has in hands, and not
 * with this one mail. */
static bool is_own_failure(int status)
{
	return status < 0 && status != CV_E_PERM && status != CV_E_DENIED &&
		status != CV_E_LIMIT && status != CV_E_QUOTA &&
		status != CV_E_NOT_FOUND;
}

static int body_open(struct delivery *d, struct cv_error *err)
{
	int status;

	d->body = d->order->body;
	if (d->order->message_fd < 0)
		return CV_OK;
	status = message_map(d->order->message_fd, &d->body, err);
	(void)close(d->order->message_fd);
	return status;
}

/* *failed_r: see is_own_failure. */
static int handle_order(struct deliverer *self, int channel, bool *failed_r,
			struct cv_error *err)
{
	struct cv_error failure = ERROR_NONE;
	struct delivery_order order;
	struct delivery d = { .session = self->session, .set = &self->set,
		.order = &order, .pool = self->pool };
	int status = delivery_order_get(&self->reader, &order, err);

	if (status != CV_OK)
		return status;
	d.mailbox_name = order.mailbox_name[0] == '\0' ? "INBOX" :
		order.mailbox_name;
	status = body_open(&d, &failure);
	if (status == CV_OK)
		status = deliver_one(&d, &failure);
	if (status < 0)
		log_error("delivery", "sender=<%s> recipient=<%s> not saved: "
			  "%s", order.sender, order.recipient, failure.text);
	if (order.message_fd >= 0)
		message_unmap(d.body);
	*failed_r = is_own_failure(status);
	/* the sender's server tries again, for days: there may be room then */
	if (status == CV_E_QUOTA && self->set.quota_full_tempfail)
		status = CV_E_NO_SPACE;
	return answer(channel, status, &failure, err);
}

/* --- channels ------------------------------------------------------------ */

static void channel_remove(struct deliverer *self, struct channel *channel)
{
	(void)close(channel->fd);
	*channel = self->channels[--self->count];
}

/* Lets nothing more in; what is in already is handled. */
static void begin_closing(struct deliverer *self)
{
	if (self->closing)
		return;
	self->closing = true;
	if (self->control >= 0)
		(void)shutdown(self->control, SHUT_RD);
	for (uint32_t i = 0; i < self->count; i++)
		(void)shutdown(self->channels[i].fd, SHUT_RD);
}

static void log_as(struct deliverer *self, const char *id)
{
	if (strcmp(self->id, id) == 0)
		return;
	(void)snprintf(self->id, sizeof(self->id), "%s", id);
	session_log_as(self->session, self->id, self->pool);
}

/* One order; false when the channel is at its end. */
static bool channel_serve(struct deliverer *self, struct channel *channel)
{
	struct cv_error err = ERROR_NONE;
	bool failed = false;
	int status;

	channel->used = ++self->turn;
	status = ipc_receive_now(channel->fd, &self->reader, &err);
	if (status == CV_OK) {
		log_as(self, channel->id);
		status = handle_order(self, channel->fd, &failed, &err);
	}
	if (status < 0)
		log_error("delivery", "lmtp: %s", err.text);
	pool_reset(self->pool);
	if (failed)
		begin_closing(self);
	return status == CV_OK || status == CV_NOT_FOUND;
}

static struct channel *channel_oldest(struct deliverer *self)
{
	struct channel *oldest = &self->channels[0];

	for (uint32_t i = 1; i < self->count; i++) {
		if (self->channels[i].used < oldest->used)
			oldest = &self->channels[i];
	}
	return oldest;
}

static void channel_add(struct deliverer *self, int fd, const char *id)
{
	struct channel *channel;

	if (self->count == CHANNELS_MAX) {
		channel = channel_oldest(self);
		(void)shutdown(channel->fd, SHUT_RD);
		while (channel_serve(self, channel))
			;	/* until its end, which is there now */
		channel_remove(self, channel);
	}
	channel = &self->channels[self->count++];
	channel->fd = fd;
	channel->used = ++self->turn;
	(void)snprintf(channel->id, sizeof(channel->id), "%s", id);
	if (self->closing)
		(void)shutdown(fd, SHUT_RD);
}

static void control_serve(struct deliverer *self)
{
	struct cv_error err = ERROR_NONE;
	struct session_start start;
	int status = session_take_start(self->session, self->pool, &start,
					&err);

	if (status == CV_OK) {
		channel_add(self, start.transport_fd, start.session_id);
	} else if (status == CV_EOF) {
		/* the zygote wants the place, or is gone */
		begin_closing(self);
		(void)close(self->control);
		self->control = -1;
	} else if (status < 0) {
		log_error("delivery", "auth: %s", err.text);
	}
	pool_reset(self->pool);
}

/* --- the loop ------------------------------------------------------------ */

/* Waits; false: nothing came for the idle time, or a signal did. */
static bool wait_for_work(struct deliverer *self, struct pollfd *fds,
			  const sigset_t *waiting)
{
	uint64_t idle = session_idle_msecs(self->session);
	struct timespec timeout = {
		.tv_sec = (time_t)(idle / 1000),
		.tv_nsec = (long)(idle % 1000) * 1000000,
	};
	int n;

	fds[0] = (struct pollfd){ self->control, POLLIN, 0 };
	fds[1] = (struct pollfd){ session_lease(self->session), POLLIN, 0 };
	for (uint32_t i = 0; i < self->count; i++)
		fds[2 + i] = (struct pollfd){ self->channels[i].fd, POLLIN,
					      0 };
	n = ppoll(fds, 2 + self->count, &timeout, waiting);
	if (n == 0 || session_stopping(self->session))
		begin_closing(self);
	return n > 0;
}

static void serve(struct deliverer *self)
{
	static struct pollfd fds[2 + CHANNELS_MAX];
	sigset_t waiting;

	session_block_term(&waiting);
	while (self->control >= 0 || self->count > 0) {
		if (!wait_for_work(self, fds, &waiting))
			continue;
		/* from the last, into whose place another may move */
		for (uint32_t i = self->count; i-- > 0;) {
			if (fds[2 + i].revents != 0 &&
			    !channel_serve(self, &self->channels[i]))
				channel_remove(self, &self->channels[i]);
		}
		if (fds[0].revents != 0)
			control_serve(self);
		if (fds[1].revents != 0 && session_check_lease(self->session))
			begin_closing(self);
	}
}

static int deliverer_run(struct cv_session *s, struct cv_error *err)
{
	static struct deliverer self;
	int status;

	self.session = s;
	self.control = session_control(s);
	self.pool = pool_create("delivery");
	status = settings_get(s->settings, &delivery_settings_table,
			      user_scope(s->user), s->pool, &self.set, err);
	if (status == CV_OK) {
		(void)snprintf(self.id, sizeof(self.id), "%s", s->id);
		channel_add(&self, s->transport_fd, s->id);
		serve(&self);
	}
	pool_destroy(&self.pool);
	return status;
}

const struct session_kind deliverer_session_kind = {
	.service_name = "deliver", .takes_more = true, .run = deliverer_run,
};
