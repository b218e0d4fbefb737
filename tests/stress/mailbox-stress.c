/* mailbox-stress.c - many processes on one account, each doing what a client
 * may do, at random; what they did and saw is checked against a model by
 * mailbox_model.py.
 *
 *	mailbox-stress KIND DIR PROCESSES SECONDS SEED folders|messages
 *
 * KIND is maildir, mbox, sdbox, mdbox, or memory: then all sessions take
 * turns in one process.  DIR has the home and a log for each session.  With
 * "messages" the folders are made before, and stay.
 *
 * The order of things is that of the account: each commit has a number, and
 * what was done stands in a log with the number of its commit.  A line:
 *
 *	TXN did OPERATION ...	it was committed under this number
 *	TXN saw ...		the state after this number, as it was seen
 *	0 error OPERATION STATUS TEXT
 *
 * Each session keeps what a client knows of its view (numbers and UIDs, from
 * the answers of sync alone) and compares it after each step. */
#include "mailbox/user.h"
#include "mailbox/mailbox-private.h"
#include "account/account-private.h"
#include "account/meta-memory.h"
#include "stream/stream-api.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SESSIONS_MAX = 64, NAMES = 8, COMMITS_MAX = 64,
       FLAGGED_MAX = 64 };

extern const struct cv_plugin_desc storage_maildir_LTX_cv_plugin_desc;
extern const struct cv_plugin_desc storage_mbox_LTX_cv_plugin_desc;
extern const struct cv_plugin_desc storage_dbox_LTX_cv_plugin_desc;
extern const struct cv_plugin_desc storage_memory_LTX_cv_plugin_desc;

static const struct cv_plugin_desc *const plugins[] = {
	&storage_maildir_LTX_cv_plugin_desc,
	&storage_mbox_LTX_cv_plugin_desc,
	&storage_dbox_LTX_cv_plugin_desc,
	&storage_memory_LTX_cv_plugin_desc,
};

static const char *const names[NAMES] = {
	"INBOX", "INBOX", "a", "b", "c", "d", "e", "f",
};
static const char *const keywords[3] = { "$One", "$Two", "three" };

struct session {
	uint32_t number;
	uint64_t random;
	FILE *log;
	struct cv_user *user;
	struct cv_pool *pool;		/* of one step */
	struct cv_mailbox *box;
	uint32_t *mirror;		/* the view, as a client knows it */
	uint32_t count, room, last_uid;
	uint64_t modseq;
	uint32_t saved;
	struct cv_error err;
};

static struct meta_memory *memory;	/* NULL: files */
static bool change_folders;

/* --- commits are counted -------------------------------------------------------- */

static uint64_t commits[COMMITS_MAX];
static uint32_t commit_count;
static bool changes;		/* the open transaction does */
/* The UIDs whose flags each of them set; the open transaction's are those
 * behind the last. */
static struct { uint32_t count; struct account_range uids[FLAGGED_MAX]; }
	flagged[COMMITS_MAX + 1];

#define COUNTED(name, params, args) \
	int __real_##name params; \
	int __wrap_##name params; \
	int __wrap_##name params \
	{ \
		changes = true; \
		return __real_##name args; \
	}
COUNTED(txn_append, (struct account_txn *t, struct account_folder *f,
		     const struct account_append *a, uint32_t *uid_r,
		     struct cv_error *err), (t, f, a, uid_r, err))
COUNTED(txn_expunge, (struct account_txn *t, struct account_folder *f,
		      const struct account_range *r, size_t n,
		      struct cv_error *err), (t, f, r, n, err))
COUNTED(txn_folder_create, (struct account_txn *t, struct cv_span name,
			    const struct account_folder_options *o,
			    struct account_folder **f, struct cv_error *err),
	(t, name, o, f, err))
COUNTED(txn_folder_delete, (struct account_txn *t, struct account_folder *f,
			    struct cv_error *err), (t, f, err))
COUNTED(txn_folder_rename, (struct account_txn *t, struct account_folder *f,
			    struct cv_span name, struct cv_error *err),
	(t, f, name, err))
#undef COUNTED

int __real_txn_flags(struct account_txn *txn, struct account_folder *folder,
		     const struct account_range *ranges, size_t count,
		     const struct account_flag_change *change,
		     struct cv_error *err);
int __wrap_txn_flags(struct account_txn *txn, struct account_folder *folder,
		     const struct account_range *ranges, size_t count,
		     const struct account_flag_change *change,
		     struct cv_error *err);

int __wrap_txn_flags(struct account_txn *txn, struct account_folder *folder,
		     const struct account_range *ranges, size_t count,
		     const struct account_flag_change *change,
		     struct cv_error *err)
{
	uint32_t *known = &flagged[commit_count].count;

	changes = true;
	/* not those that only the driver knows */
	for (size_t i = 0; i < count && *known < FLAGGED_MAX &&
	     (change->op == ACCOUNT_FLAGS_REPLACE ||
	      (change->flags & CV_FLAGS_STORED) != 0 ||
	      change->keyword_count > 0); i++)
		flagged[commit_count].uids[(*known)++] = ranges[i];
	return __real_txn_flags(txn, folder, ranges, count, change, err);
}

int __real_account_commit(struct account_txn **txn,
			  enum account_durability durability,
			  struct cv_error *err);
int __wrap_account_commit(struct account_txn **txn,
			  enum account_durability durability,
			  struct cv_error *err);

int __wrap_account_commit(struct account_txn **txn,
			  enum account_durability durability,
			  struct cv_error *err)
{
	struct account *account = (*txn)->account;
	uint64_t number = account_txn_modseq(*txn);
	int ret = __real_account_commit(txn, durability, err);

	/* the others change nothing that a client sees, or nothing at all */
	if (ret == CV_OK && changes && durability != ACCOUNT_HINT &&
	    account_txn_number(account) == number && commit_count < COMMITS_MAX)
		commits[commit_count++] = number;
	changes = false;
	flagged[commit_count].count = 0;
	return ret;
}

static uint64_t last_commit(void)
{
	return commit_count == 0 ? 0 : commits[commit_count - 1];
}

/* --- small things ------------------------------------------------------------------ */

static uint32_t below(struct session *s, uint32_t limit)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return (uint32_t)(s->random >> 20) % limit;
}

static void die(struct session *s, const char *what, uint32_t a, uint32_t b)
{
	fprintf(stderr, "session %u: %s (%u, %u)\n", s->number, what, a, b);
	fflush(s->log);
	_exit(1);
}

static void failed(struct session *s, const char *what, int ret)
{
	fprintf(s->log, "0 error %s %d %s\n", what, ret, s->err.text);
	if (last_commit() != 0)
		fprintf(s->log, "%llu failed %s\n",
			(unsigned long long)last_commit(), what);
}

static const char *set_text(struct session *s, struct cv_set set)
{
	struct cv_text text;

	cv_text_init(&text, s->pool);
	for (uint32_t i = 0; i < set.count; i++) {
		cv_text_append_f(&text, "%s%u", i == 0 ? "" : ",",
				 set.ranges[i].first);
		if (set.ranges[i].first != set.ranges[i].last)
			cv_text_append_f(&text, ":%u", set.ranges[i].last);
	}
	return text.len == 0 ? "-" : text.data;
}

static const char *uids_text(struct session *s, struct cv_set seqs)
{
	struct account_ranges uids = { .pool = s->pool };

	for (uint32_t i = 0; i < seqs.count; i++) {
		for (uint32_t q = seqs.ranges[i].first;
		     q <= seqs.ranges[i].last; q++)
			ranges_add(&uids, s->mirror[q - 1]);
	}
	return set_text(s, ranges_set(&uids));
}

static uint32_t some_flags(struct session *s, bool deleted)
{
	static const uint32_t flags[] = {
		CV_FLAG_SEEN, CV_FLAG_ANSWERED, CV_FLAG_FLAGGED,
		CV_FLAG_DRAFT,
	};
	uint32_t some = 0;

	for (size_t i = 0; i < 4; i++) {
		if (below(s, 4) == 0)
			some |= flags[i];
	}
	return deleted && below(s, 3) == 0 ? some | CV_FLAG_DELETED : some;
}

static struct cv_keywords some_keywords(struct session *s)
{
	const char **some = pool_new_array(s->pool, const char *, 3);
	uint32_t count = 0;

	for (int i = 0; i < 3; i++) {
		if (below(s, 5) == 0)
			some[count++] = keywords[i];
	}
	return (struct cv_keywords){ some, count };
}

static const char *keywords_text(struct session *s, struct cv_keywords k)
{
	struct cv_text text;

	cv_text_init(&text, s->pool);
	for (uint32_t i = 0; i < k.count; i++)
		cv_text_append_f(&text, "%s%s", i == 0 ? "" : ",",
				 k.names[i]);
	return text.len == 0 ? "-" : text.data;
}

static struct cv_set some_seqs(struct session *s)
{
	struct cv_range *ranges = pool_new_array(s->pool, struct cv_range, 3);
	uint32_t count = 0, at = 1;

	while (count < 3 && s->count > 0) {
		uint32_t first = at + below(s, s->count < 12 ? s->count :
					    s->count / 3);
		uint32_t last = first + below(s, 4);

		if (first > s->count)
			break;
		if (last > s->count)
			last = s->count;
		ranges[count++] = (struct cv_range){ first, last };
		at = last + 2;
	}
	return (struct cv_set){ ranges, count };
}

static uint64_t now_of(struct session *s)
{
	return account_txn_number(s->box != NULL ? s->box->store->account :
				  s->user->namespaces[0].store->account);
}

/* --- the view --------------------------------------------------------------------------- */

static void compare_view(struct session *s)
{
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };

	mailbox_api.state(s->box, &state);
	if (state.messages != s->count)
		die(s, "another count than sync told", state.messages,
		    s->count);
	for (uint32_t i = 0; i < s->count; i++) {
		if (mailbox_api.uid_of(s->box, i + 1) != s->mirror[i])
			die(s, "a number names another message", i + 1,
			    s->mirror[i]);
	}
}

static void log_view(struct session *s)
{
	uint32_t crc = 0;

	for (uint32_t i = 0; i < s->count; i++)
		crc = (crc ^ s->mirror[i]) * 16777619u;
	fprintf(s->log, "%llu saw view %u %u %u\n",
		(unsigned long long)s->box->expunge_modseq,
		s->box->uidvalidity, s->count,
		crc);
}

static void drop_expunged(struct session *s, struct cv_set gone)
{
	/* [RFC9051 7.5.1] descending, each number is valid at its turn */
	for (uint32_t i = gone.count; i-- > 0;) {
		uint32_t first = gone.ranges[i].first;
		uint32_t last = gone.ranges[i].last;

		if (first == 0 || last < first || last > s->count)
			die(s, "expunged what is not there", first, last);
		memmove(s->mirror + first - 1, s->mirror + last,
			(s->count - last) * sizeof(*s->mirror));
		s->count -= last - first + 1;
	}
}

static void add_new(struct session *s, uint32_t messages)
{
	if (messages < s->count)
		die(s, "the count shrinks", messages, s->count);
	if (messages > s->room) {
		s->room = messages * 2;
		s->mirror = realloc(s->mirror, s->room * sizeof(*s->mirror));
	}
	for (; s->count < messages; s->count++) {
		uint32_t uid = mailbox_api.uid_of(s->box, s->count + 1);

		if (uid <= s->last_uid)
			die(s, "a UID was seen before, or is out of order",
			    uid, s->last_uid);
		s->last_uid = uid;
		s->mirror[s->count] = uid;
	}
}

static int sync_view(struct session *s, uint32_t flags)
{
	struct cv_mailbox_changes c = { CV_SIZED(cv_mailbox_changes) };
	int ret = mailbox_api.sync(s->box, flags, &c, &s->err);

	if (ret < 0) {
		failed(s, "sync", ret);
		return ret;
	}
	if ((flags & CV_SYNC_NO_EXPUNGES) && c.expunged.count > 0)
		die(s, "an expunge where none may be told", 0, 0);
	drop_expunged(s, c.expunged);
	add_new(s, c.messages);
	for (uint32_t i = 0; i < c.flags.count; i++) {
		if (c.flags.ranges[i].first == 0 ||
		    c.flags.ranges[i].last > s->count)
			die(s, "flags of what is not there",
			    c.flags.ranges[i].last, s->count);
	}
	if (c.highestmodseq < s->modseq)
		die(s, "HIGHESTMODSEQ went back", 0, 0);
	s->modseq = c.highestmodseq;
	compare_view(s);
	if (!(flags & CV_SYNC_NO_EXPUNGES))
		log_view(s);
	return CV_OK;
}

static void close_view(struct session *s)
{
	if (s->box != NULL)
		mailbox_api.close(&s->box);
}

static void open_view(struct session *s)
{
	int ret;

	close_view(s);
	ret = mailbox_api.open(s->user, names[below(s, NAMES)],
			       below(s, 8) == 0 ? CV_MAILBOX_READONLY : 0,
			       &s->box, &s->err);
	if (ret < 0) {
		s->box = NULL;
		failed(s, "open", ret);
		return;
	}
	s->count = s->last_uid = 0;
	s->modseq = 0;
	{
		struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };

		mailbox_api.state(s->box, &state);
		add_new(s, state.messages);
	}
	compare_view(s);
	log_view(s);
}

/* --- steps ------------------------------------------------------------------------------- */

static void step_save(struct session *s)
{
	const char *name = names[below(s, NAMES)];
	uint32_t count = below(s, 6) == 0 ? 3 : 1;
	struct cv_set uids = { NULL, 0 };
	struct cv_save *save = NULL;
	struct cv_text done;
	uint32_t uidvalidity = 0;
	int ret = mailbox_api.save_begin(s->user, name, &save, &s->err);

	cv_text_init(&done, s->pool);
	for (uint32_t i = 0; i < count && ret == CV_OK; i++) {
		struct cv_save_request r = {
			CV_SIZED(cv_save_request), .internal_date = INT64_MIN,
			.flags = some_flags(s, true),
			.keywords = some_keywords(s),
		};
		struct cv_text body;
		uint32_t size = below(s, 30) == 0 ? 90000 : 100;

		cv_text_init(&body, s->pool);
		cv_text_append_f(&body, "Subject: m%u.%u\r\n\r\n", s->number,
				 ++s->saved);
		while (body.len < size)
			cv_text_append_str(&body, "some text\r\n");
		cv_text_append_f(&done, " m%u.%u %u %s", s->number, s->saved,
				 r.flags, keywords_text(s, r.keywords));
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
	for (uint32_t i = 0; i < commit_count; i++) {
		struct account_ranges uids = {
			.items = flagged[i].uids, .count = flagged[i].count,
		};

		if (uids.count > 0)
			fprintf(s->log, "%llu did store %u %s %u %u %s %llu\n",
				(unsigned long long)commits[i],
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
	flagged[0].count = 0;
	ret = mailbox_api.store(s->box, &r, s->pool, &modified, &s->err);
	if (ret < 0)
		failed(s, "store", ret);
	else
		log_stores(s, &r);
	commit_count = 0;
	(void)sync_view(s, CV_SYNC_NO_EXPUNGES);
}

static void step_copy(struct session *s)
{
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };
	struct cv_set seqs = some_seqs(s);
	const char *name = names[below(s, NAMES)];
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
	commit_count = 0;
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
	commit_count = 0;
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
	const char *name = names[below(s, NAMES)];
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
	const char *name = names[2 + below(s, NAMES - 2)];
	const char *to = names[2 + below(s, NAMES - 2)];
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

static void step(struct session *s)
{
	uint32_t what = below(s, 100);

	commit_count = 0;
	changes = false;
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
	} else if (what < 50) {
		step_store(s);
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

/* --- the whole -------------------------------------------------------------------------------- */

static int provide(struct cv_plugin *self, uint32_t kind, const void *table,
		   struct cv_error *err)
{
	(void)self; (void)kind; (void)err;
	storage_register(table);
	return CV_OK;
}

static const void *service(const char *name, uint32_t major)
{
	return strcmp(name, "stream") == 0 && major == 1 ? &stream_api : NULL;
}

static const void *no_settings(struct cv_plugin *self)
{
	(void)self;
	return NULL;
}

CV_PRINTF(3, 4)
static void log_line(struct cv_plugin *self, int level, const char *fmt, ...)
{
	va_list args;

	(void)self;
	va_start(args, fmt);
	log_write_v((enum log_level)level, "storage", fmt, args);
	va_end(args);
}

static int account(void *context, const char *name, struct meta **meta_r,
		   struct bell **bell_r, struct cv_error *err)
{
	(void)context; (void)name; (void)err;
	*meta_r = meta_memory_open(memory);
	*bell_r = bell_memory_open(memory);
	return CV_OK;
}

static void login(struct session *s, const struct settings_tree *tree,
		  const char *dir)
{
	struct user_fields fields = {
		.name = "jane", .uid = (uid_t)-1, .gid = (gid_t)-1,
	};
	struct user_config config = { .settings = tree, .hostname = "test" };

	s->pool = pool_create("step");
	fields.home = pool_printf(pool_create("home"), "%s/home", dir);
	if (memory != NULL)
		config.account = account;
	if (user_create(&fields, &config, &s->user, &s->err) < 0) {
		fprintf(stderr, "%s\n", s->err.text);
		exit(1);
	}
}

static void begin(struct session *s, uint32_t number, uint64_t seed,
		  const struct settings_tree *tree, const char *dir)
{
	char path[4096];

	*s = (struct session){ .number = number, .err = ERROR_NONE };
	s->random = (seed * 1000003 + number + 1) * 0x9e3779b97f4a7c15ull | 1;
	snprintf(path, sizeof(path), "%s/log.%u", dir, number);
	s->log = fopen(path, "w");
	if (s->log == NULL) {
		perror(path);
		exit(1);
	}
	login(s, tree, dir);
}

static void end(struct session *s)
{
	close_view(s);
	user_destroy(&s->user);
	pool_destroy(&s->pool);
	fclose(s->log);
	free(s->mirror);
}

static void dump_message(struct session *s, uint32_t seq)
{
	struct cv_section all = {
		CV_SIZED(cv_section), .kind = CV_SECTION_HEADER,
	};
	struct cv_message_data data = { CV_SIZED(cv_message_data) };
	struct cv_stream *stream;
	struct cv_text text;
	uint64_t size;
	int ret = mailbox_api.message(s->box, seq, CV_MESSAGE_KEYWORDS, &data,
				      &s->err);

	cv_text_init(&text, s->pool);
	if (ret == CV_OK)
		ret = mailbox_api.section(s->box, seq, &all, &stream, &size,
					  &s->err);
	if (ret == CV_OK) {
		ret = stream_read_all(stream, &text, 1 << 20, &s->err);
		stream_api.close(&stream);
	}
	fprintf(s->log, "message %u %u %s %llu %s\n", data.uid,
		data.flags & CV_FLAGS_STORED, keywords_text(s, data.keywords),
		(unsigned long long)data.modseq, ret != CV_OK ? "LOST" :
		pool_printf(s->pool, "%.*s", (int)strcspn(
			cv_text_str(&text) + 9, "\r"), cv_text_str(&text) +
			9));
}

/* What is there at the end, as a new session sees it. */
static void dump(struct session *s)
{
	static const char *const all = "*";
	struct cv_list_query query = {
		CV_SIZED(cv_list_query), .reference = "", .patterns = &all,
		.pattern_count = 1,
	};
	struct cv_list_entry entry = { CV_SIZED(cv_list_entry) };
	struct cv_list *list;

	if (mailbox_api.list_begin(s->user, &query, &list, &s->err) < 0)
		die(s, s->err.text, 0, 0);
	while (mailbox_api.list_next(list, &entry, &s->err) == CV_OK) {
		struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };

		if (entry.attributes & (CV_MAILBOX_NOSELECT |
					CV_MAILBOX_NONEXISTENT))
			continue;
		if (mailbox_api.open(s->user, entry.name, 0, &s->box,
				     &s->err) < 0)
			die(s, s->err.text, 0, 0);
		mailbox_api.state(s->box, &state);
		fprintf(s->log, "folder %s %u %u %u\n", entry.name,
			state.uidvalidity, state.uidnext, state.messages);
		for (uint32_t seq = 1; seq <= state.messages; seq++)
			dump_message(s, seq);
		close_view(s);
		pool_reset(s->pool);
	}
	mailbox_api.list_end(&list);
}

static const char *location_of(const char *kind)
{
	static const char *const locations[][2] = {
		{ "maildir", "maildir:~/Maildir" }, { "sdbox", "sdbox:~/box" },
		{ "mdbox", "mdbox:~/box" }, { "memory", "memory:~/memory" },
		{ "mbox", "mbox:~/mail:INBOX=~/inbox" },
	};

	for (size_t i = 0; i < 5; i++) {
		if (strcmp(kind, locations[i][0]) == 0)
			return locations[i][1];
	}
	fprintf(stderr, "unknown kind '%s'\n", kind);
	exit(64);
}

static void run_session(struct session *s, uint64_t until)
{
	while (time_monotonic_msecs() < until)
		step(s);
	end(s);
	exit(0);
}

static int run_processes(const struct settings_tree *tree, const char *dir,
			 uint32_t count, uint64_t seed, uint64_t until)
{
	pid_t pids[SESSIONS_MAX];
	int status, bad = 0;

	for (uint32_t i = 0; i < count; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct session s;

			begin(&s, i, seed, tree, dir);
			run_session(&s, until);
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		waitpid(pids[i], &status, 0);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
			fprintf(stderr, "session %u: status %d\n", i, status);
			bad = 1;
		}
	}
	return bad;
}

static void run_in_turn(const struct settings_tree *tree, const char *dir,
			uint32_t count, uint64_t seed, uint64_t until)
{
	static struct session sessions[SESSIONS_MAX];

	for (uint32_t i = 0; i < count; i++)
		begin(&sessions[i], i, seed, tree, dir);
	while (time_monotonic_msecs() < until) {
		for (uint32_t i = 0; i < count; i++)
			step(&sessions[i]);
	}
	for (uint32_t i = 0; i < count; i++)
		end(&sessions[i]);
}

int main(int argc, char **argv)
{
	static struct cv_host host;
	struct cv_error err = ERROR_NONE;
	struct settings_tree *tree;
	struct session last;
	uint32_t count;
	uint64_t until, seed;
	char text[400];
	int bad = 0;

	if (argc != 7) {
		fprintf(stderr, "usage: mailbox-stress KIND DIR PROCESSES "
			"SECONDS SEED folders|messages\n");
		return 64;
	}
	settings_register_core();
	host = *module_host();
	host.provide = provide;
	host.service = service;
	host.settings = no_settings;
	host.log = log_line;
	for (size_t i = 0; i < sizeof(plugins) / sizeof(plugins[0]); i++) {
		if (plugins[i]->init(&host, NULL, &err) != CV_OK)
			return 1;
	}
	snprintf(text, sizeof(text), "mail_location = %s\n",
		 location_of(argv[1]));
	if (settings_read_text("stress", cv_span_of(text), NULL, &tree,
			       &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	count = (uint32_t)strtoul(argv[3], NULL, 10);
	if (count > SESSIONS_MAX)
		count = SESSIONS_MAX;
	seed = strtoull(argv[5], NULL, 10);
	until = time_monotonic_msecs() + strtoull(argv[4], NULL, 10) * 1000;
	if (strcmp(argv[1], "memory") == 0)
		memory = meta_memory_create();
	snprintf(text, sizeof(text), "%s/home", argv[2]);
	mkdir(text, 0700);
	/* INBOX is there before they begin */
	begin(&last, 9998, seed, tree, argv[2]);
	if (mailbox_api.open(last.user, "INBOX", 0, &last.box, &last.err) < 0)
		die(&last, last.err.text, 0, 0);
	change_folders = strcmp(argv[6], "folders") == 0;
	for (int i = 2; i < NAMES && !change_folders; i++) {
		if (mailbox_api.create(last.user, names[i], 0, &last.err) < 0)
			die(&last, last.err.text, 0, 0);
		fprintf(last.log, "%llu did create %s %u\n",
			(unsigned long long)last_commit(), names[i],
			account_folder_find(last.box->store->account,
					    cv_span_of(names[i]))
			->uidvalidity);
	}
	end(&last);
	if (memory != NULL)
		run_in_turn(tree, argv[2], count, seed, until);
	else
		bad = run_processes(tree, argv[2], count, seed, until);
	begin(&last, 9999, seed, tree, argv[2]);
	dump(&last);
	end(&last);
	meta_memory_destroy(&memory);
	settings_tree_destroy(&tree);
	return bad;
}
