/* deliverer.c - takes orders from lmtp, saves as the recipient.
 *
 * Trusts nobody: the order is checked like any input, the message is mapped
 * only when it is sealed.  Confined to the recipient's mail; ends when the
 * channel closes or stays silent. */
#include "base.h"
#include "deliverer.h"
#include "delivery-message.h"
#include "settings/core-settings.h"
#include "mailbox/user.h"
#include "module/hook.h"
#include "stream/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	IDLE_MSECS = 30 * 1000,
	SAVE_CHUNK = 256 * 1024,
	SEALS = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW,
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

static int deliver_one(struct delivery *d, struct cv_error *err)
{
	struct cv_save *save = NULL;
	uint32_t uidvalidity = 0;
	struct cv_set uids = { NULL, 0 };
	int status = ask_hooks(d, err);

	if (status == CV_OK)
		status = save_open(d, &save, err);
	if (status == CV_OK)
		status = save_content(d, save, err);
	if (status == CV_OK)
		status = mailbox_api.save_commit(&save, d->pool, &uidvalidity,
						 &uids, err);
	if (save != NULL)
		mailbox_api.save_abort(&save);
	if (status != CV_OK)
		return status;
	log_info("delivery", "sender=<%s> recipient=<%s> mailbox='%s' "
		 "uid=%u size=%zu saved", d->order->sender,
		 d->order->recipient, d->mailbox_name,
		 uids.count > 0 ? uids.ranges[0].first : 0, d->body.len);
	return CV_OK;
}

static int answer(int channel, int status, const struct cv_error *failure,
		  struct cv_error *err)
{
	struct delivery_answer a = {
		.status = status, .text = status < 0 ? failure->client : "",
	};
	struct ipc_writer writer;

	delivery_answer_put(&writer, &a);
	return ipc_send(channel, &writer, err);
}

static int handle_order(struct cv_session *s, struct cv_pool *pool,
			const struct delivery_settings *set,
			struct ipc_reader *reader, struct cv_error *err)
{
	struct cv_error failure = ERROR_NONE;
	struct delivery_order order;
	struct delivery d = { .session = s, .set = set, .order = &order,
		.pool = pool };
	int status = delivery_order_get(reader, &order, err);

	if (status != CV_OK)
		return status;
	d.mailbox_name = order.mailbox_name[0] == '\0' ? "INBOX" :
		order.mailbox_name;
	status = message_map(order.message_fd, &d.body, &failure);
	(void)close(order.message_fd);
	if (status == CV_OK)
		status = deliver_one(&d, &failure);
	if (status < 0)
		log_error("delivery", "sender=<%s> recipient=<%s> not saved: "
			  "%s", order.sender, order.recipient, failure.text);
	message_unmap(d.body);
	return answer(s->transport_fd, status, &failure, err);
}

/* Silent for long: let nothing more in, handle what is in already. */
static int receive(int channel, bool *closing, struct ipc_reader *reader,
		   struct cv_error *err)
{
	int status;

	if (!*closing) {
		status = ipc_receive_wait(channel, IDLE_MSECS, reader, err);
		if (status != CV_E_TIMEOUT)
			return status;
		(void)shutdown(channel, SHUT_RD);
		*closing = true;
	}
	status = ipc_receive_wait(channel, 0, reader, err);
	return status == CV_E_TIMEOUT || status == CV_NOT_FOUND ? CV_EOF :
		status;
}

static int deliverer_run(struct cv_session *s, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("delivery");
	struct delivery_settings set;
	struct ipc_reader reader;
	bool closing = false;
	int status;

	status = settings_get(s->settings, &delivery_settings_table,
			      user_scope(s->user), s->pool, &set, err);
	while (status == CV_OK && !session_stopping(s)) {
		status = receive(s->transport_fd, &closing, &reader, err);
		if (status == CV_OK)
			status = handle_order(s, pool, &set, &reader, err);
		pool_reset(pool);
	}
	pool_destroy(&pool);
	return status == CV_EOF ? CV_OK : status;
}

const struct session_kind deliverer_session_kind = {
	.service_name = "deliver", .run = deliverer_run,
};
