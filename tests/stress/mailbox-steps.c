/* mailbox-steps.c - what a client may do, one step each. */
#include "mailbox-stress.h"
#include "stream/stream-api.h"

#include <poll.h>

bool change_folders;

static void step_save(struct session *s)
{
	const char *name = box_names[below(s, NAMES)];
	uint32_t count = below(s, 6) == 0 ? 3 : 1;
	struct cv_set uids = { NULL, 0 };
	struct cv_save *save = NULL;
	struct cv_text done;
	uint32_t uidvalidity = 0;
	int ret = mailbox_api.save_begin(s->user, name, &save, &s->err);

	cv_text_init(&done, s->pool);
	for (uint32_t i = 0; i < count && ret == CV_OK; i++) {
		struct cv_annotation notes[NOTES_MAX];
		struct cv_save_request r = {
			CV_SIZED(cv_save_request), .internal_date = INT64_MIN,
			.flags = some_flags(s, true),
			.keywords = some_keywords(s),
			.annotations = notes,
			.annotation_count = below(s, 4) > 0 ? 0 :
				some_notes(s, notes, false),
		};
		struct cv_text body;
		uint32_t size = below(s, 30) == 0 ? 90000 : 100;

		cv_text_init(&body, s->pool);
		cv_text_append_f(&body, "Subject: m%u.%u\r\n\r\n", s->number,
				 ++s->saved);
		while (body.len < size)
			cv_text_append_str(&body, "some text\r\n");
		cv_text_append_f(&done, " m%u.%u %u %s %s", s->number,
				 s->saved, r.flags,
				 keywords_text(s, r.keywords),
				 notes_text(s, notes, r.annotation_count,
					    false));
		ret = mailbox_api.save_add(save, &r, &s->err);
		if (ret == CV_OK)
			ret = mailbox_api.save_write(save, body.data,
						     body.len, &s->err);
		if (ret == CV_OK)
			ret = mailbox_api.save_finish(save, &s->err);
	}
	if (ret == CV_OK)
		ret = mailbox_api.save_commit(&save, s->pool, &uidvalidity,
					      &uids, &s->err);
	else
		mailbox_api.save_abort(&save);
	if (ret < 0) {
		failed(s, "save", ret);
		return;
	}
	fprintf(s->log, "%llu did save %s %u %s%s\n",
		(unsigned long long)last_commit(), name, uidvalidity,
		set_text(s, uids), cv_text_str(&done));
}

/* One for those that lay where they were expected, and more for those that
 * did not. */
static void log_stores(struct session *s, const struct cv_store_request *r)
{
	uint32_t count;
	const struct commit *c = commits(&count);

	for (uint32_t i = 0; i < count; i++) {
		struct account_ranges uids = {
			.items = (struct account_range *)(uintptr_t)
				c[i].flagged,
			.count = c[i].flagged_count,
		};

		if (uids.count > 0)
			fprintf(s->log, "%llu did store %u %s %u %u %s %llu\n",
				(unsigned long long)c[i].number,
				s->box->uidvalidity,
				set_text(s, ranges_set(&uids)), r->change,
				r->flags, keywords_text(s, r->keywords),
				r->unchanged_since == UINT64_MAX ? 0ULL :
				(unsigned long long)r->unchanged_since);
	}
}

static void step_store(struct session *s)
{
	struct cv_store_request r = {
		CV_SIZED(cv_store_request), .seqs = some_seqs(s),
		.change = CV_FLAGS_ADD + below(s, 3),
		.flags = some_flags(s, true), .keywords = some_keywords(s),
		.silent = below(s, 2) == 0, .unchanged_since = UINT64_MAX,
	};
	struct cv_set modified = { NULL, 0 };
	int ret;

	if (r.seqs.count == 0 || s->box->readonly)
		return;
	if (below(s, 5) == 0)
		r.unchanged_since = s->modseq;
	commits_forget();
	ret = mailbox_api.store(s->box, &r, s->pool, &modified, &s->err);
	if (ret < 0)
		failed(s, "store", ret);
	else
		log_stores(s, &r);
	commits_forget();
	(void)sync_view(s, CV_SYNC_NO_EXPUNGES);
}

static void step_annotate(struct session *s)
{
	struct cv_annotation notes[NOTES_MAX];
	struct cv_store_request r = {
		CV_SIZED(cv_store_request), .seqs = some_seqs(s),
		.silent = below(s, 2) == 0, .unchanged_since = UINT64_MAX,
		.annotations = notes,
		.annotation_count = some_notes(s, notes, true),
	};
	const char *uids;
	int ret;

	if (r.seqs.count == 0 || r.annotation_count == 0 || s->box->readonly)
		return;
	if (below(s, 5) == 0)
		r.unchanged_since = s->modseq;
	uids = uids_text(s, r.seqs);
	ret = mailbox_api.store(s->box, &r, s->pool, NULL, &s->err);
	if (ret < 0)
		failed(s, "annotate", ret);
	else if (last_commit() != 0)
		fprintf(s->log, "%llu did annotate %u %s %s %llu\n",
			(unsigned long long)last_commit(), s->box->uidvalidity,
			uids, notes_text(s, notes, r.annotation_count, true),
			r.unchanged_since == UINT64_MAX ? 0ULL :
			(unsigned long long)r.unchanged_since);
	commits_forget();
	(void)sync_view(s, CV_SYNC_NO_EXPUNGES);
}

static void step_copy(struct session *s)
{
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };
	struct cv_set seqs = some_seqs(s);
	const char *name = box_names[below(s, NAMES)];
	bool move = below(s, 3) == 0 && !s->box->readonly;
	int ret;

	if (seqs.count == 0)
		return;
	ret = mailbox_api.copy(s->box, seqs, name, move, s->pool, &result,
			       &s->err);
	if (ret < 0)
		failed(s, move ? "move" : "copy", ret);
	else if (result.count > 0)
		fprintf(s->log, "%llu did %s %u %s %s %u %s\n",
			(unsigned long long)last_commit(),
			move ? "move" : "copy", s->box->uidvalidity,
			set_text(s, result.source_uids), name,
			result.uidvalidity, set_text(s, result.uids));
	commits_forget();
	(void)sync_view(s, move ? 0 : CV_SYNC_NO_EXPUNGES);
}

static void step_expunge(struct session *s)
{
	struct cv_range all = { 1, s->count };
	const char *view;
	int ret;

	if (s->box->readonly || s->count == 0)
		return;
	view = uids_text(s, (struct cv_set){ &all, 1 });
	ret = mailbox_api.expunge(s->box, NULL, &s->err);
	if (ret < 0)
		failed(s, "expunge", ret);
	else if (last_commit() != 0)
		fprintf(s->log, "%llu did expunge %u %s\n",
			(unsigned long long)last_commit(),
			s->box->uidvalidity, view);
	commits_forget();
	(void)sync_view(s, 0);
}

/* [RFC2180 4.1] what was expunged by others may be asked for as long as it
 * was not told. */
static void step_fetch(struct session *s)
{
	struct cv_section all = {
		CV_SIZED(cv_section), .kind = CV_SECTION_HEADER,
	};
	struct cv_message_data data = { CV_SIZED(cv_message_data) };
	struct cv_stream *stream;
	struct cv_text text;
	uint32_t seq;
	uint64_t size;
	int ret;

	if (s->count == 0)
		return;
	seq = 1 + below(s, s->count);
	ret = mailbox_api.message(s->box, seq, CV_MESSAGE_SIZE |
				  CV_MESSAGE_KEYWORDS, &data, &s->err);
	if (ret < 0)
		failed(s, "fetch", ret);
	if (ret == CV_OK && data.uid != s->mirror[seq - 1])
		die(s, "FETCH of another message", data.uid,
		    s->mirror[seq - 1]);
	if (ret != CV_OK)
		return;
	ret = mailbox_api.section(s->box, seq, &all, &stream, &size, &s->err);
	if (ret == CV_E_NOT_FOUND)	/* another process has expunged it */
		return;
	if (ret < 0)
		failed(s, "section", ret);
	if (ret != CV_OK)
		return;
	cv_text_init(&text, s->pool);
	ret = stream_read_all(stream, &text, 1 << 20, &s->err);
	if (ret < 0)
		failed(s, "read", ret);
	else if (text.len != size || strncmp(cv_text_str(&text),
					     "Subject: m", 10) != 0)
		die(s, "not the bytes that were saved", (uint32_t)text.len,
		    (uint32_t)size);
	else
		fprintf(s->log, "0 saw message %u %u %.*s\n",
			s->box->uidvalidity, data.uid,
			(int)strcspn(text.data + 9, "\r"), text.data + 9);
	stream_api.close(&stream);
}

static void step_idle(struct session *s)
{
	struct pollfd p = { .events = POLLIN };

	p.fd = mailbox_api.watch_fd(s->box);
	if (p.fd >= 0 && memory == NULL)
		(void)poll(&p, 1, 20);
	mailbox_api.watch_clear(s->box);
	(void)sync_view(s, below(s, 10) == 0 ? CV_SYNC_FULL : 0);
}

static void step_status(struct session *s)
{
	struct cv_mailbox_status st = { CV_SIZED(cv_mailbox_status) };
	const char *name = box_names[below(s, NAMES)];
	int ret = mailbox_api.status(s->user, name, CV_STATUS_MESSAGES |
				     CV_STATUS_UIDNEXT | CV_STATUS_UNSEEN |
				     CV_STATUS_UIDVALIDITY |
				     CV_STATUS_DELETED, &st, &s->err);

	if (ret < 0)
		failed(s, "status", ret);
	else
		fprintf(s->log, "%llu saw status %s %u %u %u %u %u\n",
			(unsigned long long)now_of(s), name, st.uidvalidity,
			st.messages, st.uidnext, st.unseen, st.deleted);
}

static void step_folder(struct session *s)
{
	const char *name = box_names[2 + below(s, NAMES - 2)];
	const char *to = box_names[2 + below(s, NAMES - 2)];
	const struct store *store = s->user->namespaces[0].store;
	const char *what;
	int ret;

	switch (below(s, 4)) {
	case 0:
		what = "delete";
		ret = mailbox_api.remove(s->user, name, &s->err);
		break;
	case 1:
		what = "rename";
		ret = strcmp(name, to) == 0 ? CV_OK :
			mailbox_api.rename(s->user, name, to, &s->err);
		if (strcmp(name, to) == 0)
			return;
		break;
	default:
		what = "create";
		ret = mailbox_api.create(s->user, name, 0, &s->err);
		break;
	}
	if (ret < 0)
		failed(s, what, ret);
	else if (what[0] == 'c')
		fprintf(s->log, "%llu did create %s %u\n",
			(unsigned long long)last_commit(), name,
			account_folder_find(store->account, cv_span_of(name))
			->uidvalidity);
	else
		fprintf(s->log, "%llu did %s %s %s\n",
			(unsigned long long)last_commit(), what, name, to);
}

void step(struct session *s)
{
	uint32_t what = below(s, 100);

	commits_forget();
	s->err = (struct cv_error)ERROR_NONE;
	if (what < 15) {
		step_save(s);
	} else if (what < 20) {
		step_status(s);
	} else if (what < 23) {
		if (change_folders)
			step_folder(s);
		else
			step_save(s);
	} else if (s->box == NULL || what < 28) {
		open_view(s);
	} else if (what < 45) {
		step_store(s);
	} else if (what < 50) {
		step_annotate(s);
	} else if (what < 60) {
		step_copy(s);
	} else if (what < 70) {
		step_expunge(s);
	} else if (what < 85) {
		step_fetch(s);
	} else {
		step_idle(s);
	}
	/* where it is gone it is left */
	if (s->box != NULL && s->box->folder->deleted)
		close_view(s);
	pool_reset(s->pool);
}
