/* adm-save.c - culveradm save and deduplicate. */
#include "adm-mail.h"
#include "stream/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { SAVE_CHUNK = 64 * 1024, DEDUPLICATE_KEY_MAX = 1000 };

/* --- save ------------------------------------------------------------------------- */

struct save_plan { int64_t received; int fd; };

/* The caller's rights open the file, and each user reads it from its start:
 * what cannot be read twice is copied. */
static int open_source(struct adm_mail *m, int *fd_r)
{
	static char buffer[SAVE_CHUNK];
	FILE *copy;
	ssize_t n;

	*fd_r = STDIN_FILENO;
	if (m->argc == 1)
		*fd_r = open(m->argv[0], O_RDONLY | O_CLOEXEC);
	if (*fd_r < 0)
		return adm_mail_unknown(m, "cannot open '%s': %s",
					m->argv[0], strerror(errno));
	if (lseek(*fd_r, 0, SEEK_CUR) == 0)
		return ADM_OK;
	copy = tmpfile();
	while (copy != NULL &&
	       (n = read(*fd_r, buffer, sizeof(buffer))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || fwrite(buffer, 1, (size_t)n, copy) != (size_t)n)
			break;
	}
	if (copy == NULL || n != 0 || fflush(copy) != 0) {
		(void)fprintf(stderr, "culveradm save: cannot copy the "
			      "message: %s\n", strerror(errno));
		return ADM_TEMPFAIL;
	}
	*fd_r = fileno(copy);
	return ADM_OK;
}

static int save_prepare(struct adm_mail *m)
{
	struct save_plan *plan = pool_new(m->pool, struct save_plan);
	uint64_t seconds;
	int64_t day;

	plan->received = INT64_MIN;
	m->state = plan;
	if (m->argc > 1)
		return adm_mail_usage(m, "at most one file");
	if (m->option['r'] == NULL)
		return open_source(m, &plan->fd);
	if (!adm_query_time(m->option['r'], (uint64_t)time_now(), &seconds,
			    &day))
		return adm_mail_usage(m, "-r: '%s' is no time (2007-04-13, "
				      "or ten digits)", m->option['r']);
	plan->received = seconds != 0 ? (int64_t)seconds : day * 86400;
	return open_source(m, &plan->fd);
}

static int copy_file(struct cv_save *save, int fd, struct cv_error *err)
{
	static char buffer[SAVE_CHUNK];
	off_t at = 0;

	for (;;) {
		ssize_t n = pread(fd, buffer, sizeof(buffer), at);
		int ret;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FAIL_ERRNO(err, errno, "cannot read the "
					  "message");
		if (n == 0)
			return CV_OK;
		at += n;
		ret = mailbox_api.save_write(save, buffer, (size_t)n, err);
		if (ret < 0)
			return ret;
	}
}

static int save_run(struct adm_mail *m, struct cv_error *err)
{
	const struct save_plan *plan = m->state;
	struct cv_save_request request = { CV_SIZED(cv_save_request),
		.internal_date = plan->received };
	const char *mailbox = m->option['m'] == NULL ? "INBOX" :
		m->option['m'];
	struct cv_save *save = NULL;
	struct cv_set uids;
	uint32_t uidvalidity;
	int ret = mailbox_api.save_begin(m->user, mailbox, &save, err);

	if (ret == CV_OK)
		ret = mailbox_api.save_add(save, &request, err);
	if (ret == CV_OK)
		ret = copy_file(save, plan->fd, err);
	if (ret == CV_OK)
		ret = mailbox_api.save_finish(save, err);
	if (ret == CV_OK)
		return mailbox_api.save_commit(&save, m->pool, &uidvalidity,
					       &uids, err);
	if (save != NULL)
		mailbox_api.save_abort(&save);
	return ret;
}

/* --- deduplicate --------------------------------------------------------------------- */

static int deduplicate_prepare(struct adm_mail *m)
{
	return adm_mail_parse_query(m, 0);
}

/* What two copies of one message have in common; "" when it has nothing. */
static int identity_of(struct adm_mail *m, struct cv_mailbox *box,
		       uint32_t seq, struct cv_pool *pool,
		       struct cv_span *key_r, struct cv_error *err)
{
	struct cv_message_data data = { CV_SIZED(cv_message_data) };
	const struct cv_span field = CV_SPAN("Message-ID");
	struct cv_section section = { CV_SIZED(cv_section),
		.kind = CV_SECTION_FIELDS, .fields = &field,
		.field_count = 1 };
	struct cv_stream *stream;
	struct cv_text text;
	uint64_t size;
	int ret;

	*key_r = cv_span("", 0);
	if (m->option['m'] == NULL) {
		ret = mailbox_api.message(box, seq, 0, &data, err);
		if (ret == CV_OK)
			*key_r = cv_span(pool_copy(pool, data.guid, 16), 16);
		return ret;
	}
	ret = mailbox_api.section(box, seq, &section, &stream, &size, err);
	if (ret == CV_E_NOT_FOUND)
		return CV_NOT_FOUND;
	if (ret != CV_OK)
		return ret;
	cv_text_init(&text, pool);
	ret = stream_read_all(stream, &text, DEDUPLICATE_KEY_MAX, err);
	if (ret < 0)
		return ret == CV_E_LIMIT ? CV_OK : ret;
	/* only the empty line at the end of no field */
	if (text.len > 2)
		*key_r = cv_text_span(&text);
	return CV_OK;
}

static int remove_uids(struct adm_mail *m, struct cv_mailbox *box,
		       struct cv_set seqs, struct cv_set uids,
		       struct cv_error *err)
{
	struct cv_store_request request = { CV_SIZED(cv_store_request),
		.seqs = seqs, .change = CV_FLAGS_ADD,
		.flags = CV_FLAG_DELETED, .silent = true,
		.unchanged_since = UINT64_MAX,
	};
	int ret;

	if (uids.count == 0)
		return CV_OK;
	ret = mailbox_api.store(box, &request, m->pool, NULL, err);
	return ret < 0 ? ret : mailbox_api.expunge(box, &uids, err);
}

static int deduplicate_found(struct adm_mail *m, struct cv_mailbox *box,
			     const char *name, struct cv_set seqs,
			     struct cv_error *err)
{
	struct cv_pool *pool = pool_create("deduplicate");
	ARRAY(struct cv_range) twice, uids;
	struct hash_table seen;
	int ret = CV_OK;

	(void)name;
	hash_init(&seen, pool, false);
	array_init(&twice, pool);
	array_init(&uids, pool);
	for (uint32_t i = 0; i < seqs.count; i++) {
		for (uint32_t seq = seqs.ranges[i].first; ret == CV_OK &&
		     seq <= seqs.ranges[i].last; seq++) {
			uint32_t uid = mailbox_api.uid_of(box, seq);
			struct cv_span key;

			ret = identity_of(m, box, seq, pool, &key, err);
			if (ret == CV_NOT_FOUND)
				ret = CV_OK;
			if (ret != CV_OK || key.len == 0)
				continue;
			if (hash_find(&seen, key) == NULL) {
				hash_set(&seen, key, m);
				continue;
			}
			*array_add(&twice) = (struct cv_range){ seq, seq };
			*array_add(&uids) = (struct cv_range){ uid, uid };
		}
	}
	if (ret == CV_OK)
		ret = remove_uids(m, box, (struct cv_set){ twice.items,
				  (uint32_t)twice.count }, (struct cv_set){
				  uids.items, (uint32_t)uids.count }, err);
	pool_destroy(&pool);
	return ret;
}

static int deduplicate_run(struct adm_mail *m, struct cv_error *err)
{
	return adm_mail_each_match(m, 0, deduplicate_found, err);
}

/* --- the verbs -------------------------------------------------------------------------- */

static const struct adm_mail_verb save_verb = {
	"save", "[-m MAILBOX] [-r TIME] [FILE]", "m:r:", ADM_FORMAT_FLOW,
	NULL, save_prepare, save_run,
	"saves a message from a file or standard input\n"
	"-m  into this mailbox in place of INBOX\n"
	"-r  as if it had come at this time (2007-04-13, or ten digits)",
	NULL,
};
static const struct adm_mail_verb deduplicate_verb = {
	"deduplicate", "[-m] QUERY", "m", ADM_FORMAT_FLOW, NULL,
	deduplicate_prepare, deduplicate_run,
	"removes messages that a mailbox has twice, with the same GUID\n"
	"-m  with the same Message-ID", NULL,
};

static int run_save(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run(adm, &save_verb, argc, argv);
}

static int run_deduplicate(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run(adm, &deduplicate_verb, argc, argv);
}

const struct adm_verb adm_save_verb = {
	.name = "save",
	.args = "[-u USER|-A|-F FILE] [-m MAILBOX] [-r TIME] [FILE]",
	.help = "saves a message from a file or standard input",
	.run = run_save,
	.mail = &save_verb, .count = 1,
};

const struct adm_verb adm_deduplicate_verb = {
	.name = "deduplicate", .args = "[-u USER|-A|-F FILE] [-m] QUERY",
	.help = "removes messages that a mailbox has twice: by GUID, or by "
		"Message-ID with -m",
	.run = run_deduplicate,
	.mail = &deduplicate_verb, .count = 1,
};
