/* adm-transfer.c - messages of one user to another, between two processes. */
#include "adm-transfer.h"
#include "ipc/ipc.h"
#include "mailbox/mailbox-admin.h"
#include "stream/stream.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	MSG_MESSAGE = 1, MSG_DATA, MSG_END, MSG_COMMIT, MSG_COMMITTED,
	MSG_DROP, MSG_DONE,
	BATCH_MESSAGES = 500,		/* of one commit */
	DATA_MAX = 30000,		/* in a packet */
	KEYWORDS_MAX = 1000, KEYWORD_BYTES_MAX = 1000, GUID_BYTES = 16,
};

/* The one that is running: a process has one user. */
static struct { int fd; pid_t pid; } peer = { .fd = -1 };

/* --- the side that reads ------------------------------------------------------- */

static int send_plain(int fd, uint32_t type, uint32_t value,
		      struct cv_error *err)
{
	ipc_begin(&ipc_scratch, type);
	ipc_put_u32(&ipc_scratch, value);
	return ipc_send(fd, &ipc_scratch, err);
}

static void write_head(struct ipc_writer *w,
		       const struct cv_message_data *data)
{
	ipc_begin(w, MSG_MESSAGE);
	ipc_put_u32(w, data->flags & CV_FLAGS_STORED);
	ipc_put_u64(w, (uint64_t)data->internal_date);
	ipc_put_span(w, cv_span((const char *)data->guid, GUID_BYTES));
	ipc_put_u32(w, data->keywords.count);
	for (uint32_t i = 0; i < data->keywords.count; i++)
		ipc_put_str(w, data->keywords.names[i]);
}

static int send_bytes(int fd, struct cv_stream *stream, struct cv_error *err)
{
	struct cv_span data;
	int ret;

	while ((ret = stream_read(stream, &data, err)) == CV_OK) {
		if (data.len > DATA_MAX)
			data.len = DATA_MAX;
		ipc_begin(&ipc_scratch, MSG_DATA);
		ipc_put_span(&ipc_scratch, data);
		stream_skip(stream, data.len);
		if ((ret = ipc_send(fd, &ipc_scratch, err)) != CV_OK)
			return ret;
	}
	return ret == CV_EOF ? send_plain(fd, MSG_END, 0, err) : ret;
}

/* CV_NOT_FOUND: it was expunged meanwhile. */
static int send_message(struct cv_mailbox *box, uint32_t seq,
			struct cv_error *err)
{
	static struct ipc_writer head;
	struct cv_message_data data = { CV_SIZED(cv_message_data) };
	struct cv_section section = { CV_SIZED(cv_section),
		.kind = CV_SECTION_ALL, .raw = true };
	struct cv_stream *stream;
	uint64_t size;
	int ret = mailbox_api.message(box, seq, CV_MESSAGE_KEYWORDS, &data,
				      err);

	/* nothing is said of it before it is known to be there; data lives
	 * to the next call */
	if (ret != CV_OK)
		return ret;
	write_head(&head, &data);
	ret = mailbox_api.section(box, seq, &section, &stream, &size, err);
	if (ret == CV_E_NOT_FOUND)
		return CV_NOT_FOUND;
	if (ret < 0)
		return mailbox_blame(box, seq, err);
	if (ret == CV_OK)
		ret = ipc_send(peer.fd, &head, err);
	if (ret == CV_OK)
		ret = send_bytes(peer.fd, stream, err);
	return ret;
}

static int hang_up(struct cv_error *err)
{
	return FAIL(err, CV_E_TEMP, "the process that saves has ended");
}

static int commit_there(struct cv_error *err)
{
	static struct ipc_reader r;
	int ret = send_plain(peer.fd, MSG_COMMIT, 0, err);

	if (ret == CV_OK)
		ret = ipc_receive(peer.fd, &r, err);
	if (ret != CV_OK)
		return ret < 0 ? ret : hang_up(err);
	if (r.type != MSG_COMMITTED)
		return ipc_refuse(&r, "culveradm", err);
	(void)ipc_get_u32(&r);
	return ipc_finish(&r, err);
}

/* Hands over count messages and, when they are saved, lets go of them. */
static int hand_over(struct adm_mail *m, struct cv_mailbox *box, bool move,
		     const uint32_t *seqs, uint32_t count,
		     struct cv_error *err)
{
	struct cv_range *ranges = pool_new_array(m->pool, struct cv_range,
						 count);
	uint32_t sent = 0;
	int ret = CV_OK;

	for (uint32_t i = 0; i < count && ret == CV_OK; i++) {
		ret = send_message(box, seqs[i], err);
		if (ret == CV_OK)
			ranges[sent++] = (struct cv_range){ seqs[i], seqs[i] };
		else if (ret == CV_NOT_FOUND)
			ret = CV_OK;
	}
	if (ret == CV_OK)
		ret = commit_there(err);
	else
		(void)send_plain(peer.fd, MSG_DROP, 0, NULL);
	if (ret == CV_EOF)
		return hang_up(err);
	if (ret != CV_OK || !move || sent == 0)
		return ret;
	return adm_expunge_seqs(m, box, (struct cv_set){ ranges, sent }, err);
}

static int found(struct adm_mail *m, struct cv_mailbox *box, struct cv_set set,
		 bool move, struct cv_error *err)
{
	uint32_t seqs[BATCH_MESSAGES], count = 0;
	int ret = CV_OK;

	for (uint32_t i = 0; i < set.count && ret == CV_OK; i++) {
		for (uint32_t seq = set.ranges[i].first;
		     seq <= set.ranges[i].last && ret == CV_OK; seq++) {
			seqs[count++] = seq;
			if (count < BATCH_MESSAGES)
				continue;
			ret = hand_over(m, box, move, seqs, count, err);
			count = 0;
		}
	}
	return ret == CV_OK && count > 0 ?
		hand_over(m, box, move, seqs, count, err) : ret;
}

static int found_copy(struct adm_mail *m, struct cv_mailbox *box,
		      const char *name, struct cv_set seqs,
		      struct cv_error *err)
{
	(void)name;
	return found(m, box, seqs, false, err);
}

static int found_move(struct adm_mail *m, struct cv_mailbox *box,
		      const char *name, struct cv_set seqs,
		      struct cv_error *err)
{
	(void)name;
	return found(m, box, seqs, true, err);
}

__attribute__((noreturn))
static void read_other(struct adm_mail *m, bool move)
{
	struct cv_error err = ERROR_NONE;
	int ret;

	m->info = m->source;
	ret = adm_mail_enter(m, m->source, &err);
	if (ret == CV_OK)
		ret = move ? adm_mail_each_match(m, MAILBOX_VERIFY,
						 found_move, &err) :
			adm_mail_each_match(m, CV_MAILBOX_READONLY |
					    MAILBOX_VERIFY,
					    found_copy, &err);
	if (ret < 0) {
		(void)error_prefix(&err, "%s", m->source->name);
		m->status = adm_fail(&err);
	}
	(void)send_plain(peer.fd, MSG_DONE, (uint32_t)m->status, NULL);
	if (m->user != NULL)
		user_destroy(&m->user);
	_exit(m->status);
}

int adm_transfer_start(struct adm_mail *m, bool move, struct cv_error *err)
{
	int fds[2], ret;

	if (m->source == NULL || strcmp(m->source->name, m->info->name) == 0)
		return CV_OK;
	if ((ret = ipc_pair(fds, false, err)) < 0)
		return ret;
	peer.pid = fork();
	if (peer.pid < 0)
		return FAIL_ERRNO(err, errno, "cannot start a process");
	peer.fd = fds[peer.pid == 0 ? 1 : 0];
	(void)close(fds[peer.pid == 0 ? 0 : 1]);
	if (peer.pid != 0)
		return CV_OK;
	(void)close(m->rows_fd);
	m->rows_fd = -1;
	read_other(m, move);
}

/* --- the side that saves ------------------------------------------------------- */

struct saving {
	struct adm_mail *m;
	const char *mailbox;
	struct cv_pool *pool;		/* of a batch */
	struct cv_save *save;		/* NULL: none begun */
	bool in_message, done;
};

bool adm_transfer_is_started(void)
{
	return peer.fd >= 0;
}

static int take_head(struct saving *s, struct ipc_reader *r,
		     struct cv_error *err)
{
	struct cv_save_request request = { CV_SIZED(cv_save_request) };
	const char **names;
	struct cv_span guid;
	uint32_t count;
	int ret;

	request.flags = ipc_get_u32(r) & CV_FLAGS_STORED;
	request.internal_date = (int64_t)ipc_get_u64(r);
	guid = ipc_get_span(r, GUID_BYTES);
	count = ipc_get_count(r, KEYWORDS_MAX);
	names = pool_new_array(s->pool, const char *, count + 1);
	for (uint32_t i = 0; i < count; i++)
		names[i] = pool_strdup(s->pool,
				       ipc_get_str(r, KEYWORD_BYTES_MAX));
	request.keywords = (struct cv_keywords){ names, count };
	if (guid.len == GUID_BYTES)
		request.guid = (const uint8_t *)pool_copy(
			s->pool, guid.data, guid.len);
	ret = ipc_finish(r, err);
	if (ret == CV_OK && s->save == NULL)
		ret = mailbox_api.save_begin(s->m->user, s->mailbox, &s->save,
					     err);
	if (ret == CV_OK)
		ret = mailbox_api.save_add(s->save, &request, err);
	s->in_message = ret == CV_OK;
	return ret;
}

static int take_data(struct saving *s, struct ipc_reader *r,
		     struct cv_error *err)
{
	struct cv_span data = ipc_get_span(r, DATA_MAX);
	int ret = ipc_fds_left(r) > 0 ? ipc_finish(r, err) : CV_OK;

	if (ret == CV_OK && r->failed)
		return ipc_finish(r, err);
	return ret < 0 ? ret : mailbox_api.save_write(s->save, data.data,
						      data.len, err);
}

static void drop(struct saving *s)
{
	if (s->save != NULL)
		mailbox_api.save_abort(&s->save);
	s->in_message = false;
	pool_reset(s->pool);
}

static int commit(struct saving *s, struct cv_error *err)
{
	struct cv_set uids;
	uint32_t uidvalidity;
	int ret = CV_OK;

	if (s->save != NULL)
		ret = mailbox_api.save_commit(&s->save, s->pool, &uidvalidity,
					      &uids, err);
	pool_reset(s->pool);
	return ret == CV_OK ? send_plain(peer.fd, MSG_COMMITTED, 0, err) : ret;
}

static int take_done(struct saving *s, uint32_t status)
{
	s->done = true;
	drop(s);
	if (s->m->status == ADM_OK)
		s->m->status = (int)(status & 0xff);
	return CV_OK;
}

static int take(struct saving *s, struct ipc_reader *r, struct cv_error *err)
{
	uint32_t type = r->type, value;
	int ret;

	if (type == MSG_MESSAGE && !s->in_message)
		return take_head(s, r, err);
	if (type == MSG_DATA && s->in_message)
		return take_data(s, r, err);
	if ((type == MSG_END) != s->in_message && type != MSG_DROP &&
	    type != MSG_DONE)
		return ipc_refuse(r, "culveradm", err);
	value = ipc_get_u32(r);
	if ((ret = ipc_finish(r, err)) < 0)
		return ret;
	switch (type) {
	case MSG_END:
		s->in_message = false;
		return mailbox_api.save_finish(s->save, err);
	case MSG_COMMIT:
		return commit(s, err);
	case MSG_DONE:
		return take_done(s, value);
	case MSG_DROP:
		drop(s);
		return CV_OK;
	default:
		return FAIL(err, CV_E_SYNTAX, "the process that reads %s's "
			    "mail sends what nobody knows",
			    s->m->source->name);
	}
}

int adm_transfer_run(struct adm_mail *m, const char *mailbox,
		     struct cv_error *err)
{
	static struct ipc_reader r;
	struct saving s = { .m = m, .mailbox = mailbox,
		.pool = pool_create("transfer") };
	int ret = CV_OK;

	while (ret == CV_OK && !s.done) {
		ret = ipc_receive(peer.fd, &r, err);
		if (ret == CV_OK)
			ret = take(&s, &r, err);
	}
	if (ret > 0)
		ret = FAIL(err, CV_E_TEMP, "the process that reads %s's mail "
			   "has ended", m->source->name);
	drop(&s);
	pool_destroy(&s.pool);
	return ret;
}

void adm_transfer_end(void)
{
	if (peer.fd < 0)
		return;
	(void)close(peer.fd);
	peer.fd = -1;
	while (waitpid(peer.pid, NULL, 0) < 0 && errno == EINTR)
		;
}
