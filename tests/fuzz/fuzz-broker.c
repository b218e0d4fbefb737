/* fuzz-broker.c - requests of a hostile session to the broker of somebody's
 * mail.  Whatever it asks, what is not open to it stays as it was. */
#include "broker-mail.h"
#include "mailbox/mailbox-broker.h"
#include "mailbox/remote-wire.h"

#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQUESTS_MAX = 64 };

struct session {
	struct broker_feed feed;
	struct cv_pool *pool;
	int channel;
	uint32_t sent;
};

static void take_answer(struct session *s)
{
	struct remote_message m;

	if (s->sent == 0)
		return;
	BUG_IF(remote_receive(s->channel, 0, REMOTE_MSG_ANSWER, s->pool, &m,
			      NULL) != CV_OK);
	if (m.fd >= 0)
		(void)close(m.fd);
}

/* Between two requests: the answer to the one before is there. */
static bool next_request(void *context)
{
	struct session *s = context;
	struct cv_span payload;
	struct cv_text text;
	uint32_t number;
	bool has_fd;
	int fd = -1, ret;

	take_answer(s);
	pool_reset(s->pool);
	if (s->sent == REQUESTS_MAX ||
	    !broker_feed_next(&s->feed, &number, &payload, &has_fd))
		return true;
	cv_text_init(&text, s->pool);
	cv_text_append_span(&text, payload);
	if (has_fd)
		fd = broker_feed_fd();
	ret = remote_send(s->channel, REMOTE_MSG_REQUEST, number, "", &text,
			  fd, NULL);
	BUG_IF(ret != CV_OK);
	if (fd >= 0)
		(void)close(fd);
	s->sent++;
	return false;
}

static int no_fd(void *context)
{
	(void)context;
	return -1;
}

static void check_secret(struct broker_mail *mail)
{
	struct cv_pool *pool = pool_create("check");
	struct account_folder *folder;
	struct mailbox_ref ref;

	BUG_IF(mailbox_resolve(mail->user, "Secret", pool, &ref, NULL) < 0);
	folder = account_folder_find(ref.store->account, CV_SPAN("Secret"));
	BUG_IF(folder == NULL || folder->deleted ||
	       folder->message_count != 0);
	pool_destroy(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct acl_who bob = { .user = "bob" };
	struct session s = { .feed = { data, size } };
	const struct mailbox_broker_host host = {
		next_request, no_fd, NULL, &s,
	};
	struct broker_mail mail;
	int fds[2];

	log_set_level("store", LOG_LEVEL_ERROR);
	broker_mail_open(&mail, &bob);
	BUG_IF(ipc_pair(fds, false, NULL) != CV_OK);
	s.channel = fds[0];
	s.pool = pool_create("session");
	(void)mailbox_broker_run(mail.user, fds[1], &host, NULL);
	check_secret(&mail);
	(void)close(fds[0]);
	(void)close(fds[1]);
	pool_destroy(&s.pool);
	broker_mail_close(&mail);
	return 0;
}
