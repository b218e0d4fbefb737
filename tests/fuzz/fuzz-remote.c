/* fuzz-remote.c - answers of a hostile broker to a session that lists, opens
 * and reads, and changes what it may. */
#include "broker-mail.h"
#include "mailbox/remote-wire.h"

#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ANSWERS_MAX = 40, BIRTHS_MAX = 4 };
static const char inbox[] = "shared/jane/INBOX";

struct liar {
	struct broker_feed feed;
	struct cv_pool *pool;
	int channels[BIRTHS_MAX];
	uint32_t births;
};

/* All that it will answer is there before anything is asked. */
static int open_broker(void *context, const char *owner, int *channel_r,
		       struct cv_error *err)
{
	struct liar *l = context;
	struct cv_span payload;
	struct cv_text text;
	uint32_t number;
	bool has_fd;
	int fds[2];

	(void)owner;
	if (l->births == BIRTHS_MAX)
		return FAIL(err, CV_E_NOT_FOUND, "no such user");
	BUG_IF(ipc_pair(fds, false, NULL) != CV_OK);
	for (int i = 0; i < ANSWERS_MAX && broker_feed_next(
			&l->feed, &number, &payload, &has_fd); i++) {
		int fd = has_fd ? broker_feed_fd() : -1, ret;

		cv_text_init(&text, l->pool);
		cv_text_append_span(&text, payload);
		ret = remote_send(fds[1], REMOTE_MSG_ANSWER, number, "why",
				  &text, fd, NULL);
		if (fd >= 0)
			(void)close(fd);
		/* an answer of 63 ends it, as does a full queue */
		if (ret != CV_OK || number == 63)
			break;
	}
	BUG_IF(shutdown(fds[1], SHUT_WR) < 0);
	l->channels[l->births++] = fds[1];
	*channel_r = fds[0];
	return CV_OK;
}

static void list(struct cv_user *user)
{
	const char *pattern = "*";
	struct cv_list_query query = { CV_SIZED(cv_list_query),
		.patterns = &pattern, .pattern_count = 1 };
	struct cv_list_entry entry = { CV_SIZED(cv_list_entry) };
	struct cv_list *l;

	if (mailbox_api.list_begin(user, &query, &l, NULL) < 0)
		return;
	while (mailbox_api.list_next(l, &entry, NULL) == CV_OK)
		BUG_IF(strlen(entry.name) == 0);
	mailbox_api.list_end(&l);
}

static void read_section(struct cv_mailbox *box, uint32_t seq)
{
	static const struct cv_section all = { CV_SIZED(cv_section),
		.kind = CV_SECTION_ALL };
	struct cv_stream *stream;
	struct cv_span part;
	uint64_t size;

	if (mailbox_api.section(box, seq, &all, &stream, &size, NULL) !=
	    CV_OK)
		return;
	while (stream_read(stream, &part, NULL) == CV_OK)
		stream_skip(stream, part.len);
}

static void work_in(struct cv_mailbox *box, struct cv_pool *pool)
{
	struct cv_mailbox_changes changes = { CV_SIZED(cv_mailbox_changes) };
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };
	struct cv_message_data d = { CV_SIZED(cv_message_data) };
	struct cv_copy_result copied = { CV_SIZED(cv_copy_result) };
	struct cv_range range = { 1, 2 };
	struct cv_store_request store = { CV_SIZED(cv_store_request),
		.seqs = { &range, 1 }, .flags = CV_FLAG_SEEN | CV_FLAG_FLAGGED,
		.unchanged_since = UINT64_MAX };
	struct cv_search_node node = { .op = CV_SEARCH_FLAGS,
		.flags = CV_FLAG_SEEN };
	struct cv_search_query query = { CV_SIZED(cv_search_query),
		.nodes = &node, .count = 1 };
	struct cv_set found;

	mailbox_api.state(box, &state);
	for (uint32_t seq = 1; seq <= state.messages && seq < 4; seq++) {
		(void)mailbox_api.message(box, seq, UINT32_MAX, &d, NULL);
		read_section(box, seq);
	}
	(void)mailbox_api.store(box, &store, pool, &found, NULL);
	(void)mailbox_api.sync(box, 0, &changes, NULL);
	for (uint32_t i = 0; i < changes.flags.count; i++)
		BUG_IF(changes.flags.ranges[i].last > changes.messages);
	(void)mailbox_api.watch_fd(box);
	mailbox_api.watch_clear(box);
	(void)mailbox_api.search(box, &query, pool, &found, NULL);
	(void)mailbox_api.copy(box, store.seqs, "INBOX", false, pool, &copied,
			       NULL);
	(void)mailbox_api.copy(box, store.seqs, "shared/jane/Work", true,
			       pool, &copied, NULL);
	(void)mailbox_api.expunge(box, NULL, NULL);
	(void)mailbox_api.sync(box, CV_SYNC_FULL, &changes, NULL);
}

static void save(struct cv_user *user, struct cv_pool *pool)
{
	struct cv_save_request r = { CV_SIZED(cv_save_request),
		.flags = CV_FLAG_SEEN, .internal_date = INT64_MIN };
	uint32_t uidvalidity;
	struct cv_save *save;
	struct cv_set uids;
	int ret = mailbox_api.save_begin(user, inbox, &save, NULL);

	if (ret < 0)
		return;
	ret = mailbox_api.save_add(save, &r, NULL);
	if (ret == CV_OK)
		ret = mailbox_api.save_write(save, "a: b\r\n\r\n", 8, NULL);
	if (ret == CV_OK)
		ret = mailbox_api.save_finish(save, NULL);
	if (ret == CV_OK)
		(void)mailbox_api.save_commit(&save, pool, &uidvalidity,
					      &uids, NULL);
	else
		mailbox_api.save_abort(&save);
}

/* What NOTIFY wants to know, twice: the second is compared with the first. */
static void hear_annotations(struct cv_user *user, struct cv_pool *pool)
{
	const char *name = inbox;
	struct cv_metadata_change *changes;
	uint32_t count;

	(void)mailbox_api.pictures_want(user, &name, 1, false, NULL);
	for (int i = 0; i < 2; i++) {
		(void)mailbox_api.metadata_changes(user, pool, &changes,
						   &count, NULL);
		/* as if it had rung */
		user->heard_turn++;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct liar l = { .feed = { data, size } };
	struct cv_mailbox_status status = { CV_SIZED(cv_mailbox_status) };
	struct cv_acl_entry *entries;
	struct cv_mailbox *box;
	struct broker_mail mail;
	uint32_t count;

	log_set_level("mail", LOG_LEVEL_ERROR);
	log_set_level("store", LOG_LEVEL_ERROR);
	l.pool = pool_create("liar");
	broker_reader_open(&mail, open_broker, &l);
	if (mailbox_api.open(mail.user, inbox, 0, &box, NULL) == CV_OK) {
		work_in(box, l.pool);
		mailbox_api.close(&box);
	}
	save(mail.user, l.pool);
	(void)mailbox_api.status(mail.user, inbox, UINT32_MAX, &status, NULL);
	(void)mailbox_api.acl_get(mail.user, inbox, l.pool, &entries, &count,
				  NULL);
	list(mail.user);
	hear_annotations(mail.user, l.pool);
	broker_mail_close(&mail);
	for (uint32_t i = 0; i < l.births; i++)
		(void)close(l.channels[i]);
	pool_destroy(&l.pool);
	return 0;
}
