/* fault-pairs.c - two operations of the mailbox API in one session, one system
 * call of the two failing: every one of every pair, with each kind of fault.
 *
 * The session goes on after the failure.  Then it, and a new one, look: each
 * operation that was acknowledged is there, one that was not is there wholly
 * or not at all, and both sessions see the same.
 *
 * Without CULVER_FULL a fixed sample is tried. */
#ifdef FIXTURE_MBOX
#include "../unit/mailbox-fixture.h"
/* a lock file of a process that is no more is waited for */
#define PLAIN "mbox"
#define PLAIN_SETTINGS "mbox_read_locks = fcntl\nmbox_write_locks = fcntl\n"
#else
#include "../unit/dbox-fixture.h"
#define PLAIN "maildir"
#define PLAIN_SETTINGS ""
#endif

#include <sys/mman.h>
#include <sys/wait.h>

enum {
	CALLS_MAX = 600,
	SAMPLE = 61, SAMPLE_KILL = 367,	/* one of so many */
	ROOMS = 40,		/* so many sizes of what is left */
};

static const char body[] = "Subject: x\r\n\r\nbody\r\n";

/* --- operations ----------------------------------------------------------- */

static int op_save(struct fixture *f)
{
	return fixture_try_save(f, "INBOX", CV_SPAN(body), CV_FLAG_SEEN, NULL);
}

static int op_save_big(struct fixture *f)
{
	return fixture_try_save_big(f, 80000, CV_FLAG_SEEN);
}

static int with_box(struct fixture *f, struct cv_mailbox **box_r)
{
	return mailbox_api.open(f->user, "INBOX", 0, box_r, &f->err);
}

/* Whatever else there is, the first messages are always the same. */
static int op_flag(struct fixture *f) { return fixture_try_flag(f, 1); }

static int copy_or_move(struct fixture *f, bool move)
{
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };
	struct cv_range range = { 1, 1 };
	struct cv_set seqs = { &range, 1 };
	struct cv_mailbox *box;
	int ret = with_box(f, &box);

	if (ret < 0)
		return ret;
	ret = mailbox_api.copy(box, seqs, "target", move, f->pool, &result,
			       &f->err);
	mailbox_api.close(&box);
	return ret;
}

static int op_copy(struct fixture *f) { return copy_or_move(f, false); }
static int op_move(struct fixture *f) { return copy_or_move(f, true); }

static int op_subscribe(struct fixture *f)
{
	return mailbox_api.subscribe(f->user, "INBOX", true, &f->err);
}

/* Shows nothing to anybody. */
static int op_rotate(struct fixture *f)
{
	struct cv_mailbox *box;
	int ret = with_box(f, &box);

	if (ret < 0)
		return ret;
	ret = account_rotate(box->store->account,
			     time_monotonic_msecs() + 5000, &f->err);
	mailbox_api.close(&box);
	return ret;
}

static const struct operation {
	const char *name;
	int (*run)(struct fixture *f);
} operations[] = {
	{ "save", op_save }, { "save big", op_save_big }, { "flag", op_flag },
	{ "expunge", fixture_try_expunge }, { "copy", op_copy }, { "move", op_move },
	{ "create", fixture_try_create }, { "rename", fixture_try_rename },
	{ "subscribe", op_subscribe }, { "rotate", op_rotate },
};
enum { OPERATIONS = sizeof(operations) / sizeof(operations[0]) };

/* --- what there is -------------------------------------------------------- */

struct census {
	/* messages; -1: no such mailbox */
	int inbox, other, renamed, target, made;
	int flagged, keyword, deleted, subscribed;
	uint32_t sum;		/* of the bodies, in any order */
};

static int count(struct fixture *f, const char *name, struct census *c)
{
	struct cv_mailbox *box;
	uint32_t messages;
	int ret = mailbox_api.open(f->user, name, 0, &box, &f->err);

	if (ret == CV_E_NOT_FOUND)
		return -1;
	ok(f, ret);
	messages = fixture_state(box).messages;
	for (uint32_t seq = 1; seq <= messages; seq++) {
		struct cv_message_data d = fixture_message(f, box, seq,
							   CV_MESSAGE_KEYWORDS);
		const char *text = fixture_body(f, box, seq);

		c->sum += crc32c(0, text, strlen(text));
		c->flagged += (d.flags & CV_FLAG_FLAGGED) != 0;
		c->deleted += (d.flags & CV_FLAG_DELETED) != 0;
		c->keyword += d.keywords.count > 0;
	}
	mailbox_api.close(&box);
	return (int)messages;
}

static bool is_subscribed(struct fixture *f)
{
	struct cv_list_query query = { CV_SIZED(cv_list_query) };
	struct cv_list_entry entry = { CV_SIZED(cv_list_entry) };
	const char *pattern = "INBOX";
	struct cv_list *list;
	bool subscribed = false;

	query.patterns = &pattern;
	query.pattern_count = 1;
	query.options = CV_LIST_RETURN_SUBSCRIBED;
	query.reference = "";
	ok(f, mailbox_api.list_begin(f->user, &query, &list, &f->err));
	while (mailbox_api.list_next(list, &entry, &f->err) == CV_OK)
		subscribed = (entry.attributes & CV_MAILBOX_SUBSCRIBED) != 0;
	mailbox_api.list_end(&list);
	return subscribed;
}

static struct census look(struct fixture *f)
{
	struct census c = { 0 };

	c.inbox = count(f, "INBOX", &c);
	c.other = count(f, "other", &c);
	c.renamed = count(f, "renamed", &c);
	c.target = count(f, "target", &c);
	c.made = count(f, "made", &c);
	c.subscribed = is_subscribed(f);
	return c;
}

static bool same(const struct census *a, const struct census *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* --- one try -------------------------------------------------------------- */

struct pair {
	const char *driver;		/* NULL: PLAIN */
	const struct operation *ops[2];
	struct census after[2][2];	/* of the first, of the second */
};

static void prepare(struct fixture *f, const struct pair *pair)
{
	if (pair->driver == NULL)
		fixture_init(f, PLAIN_SETTINGS);
#ifndef FIXTURE_MBOX
	else
		dbox_init(f, pair->driver, "");
#endif
	fixture_save(f, "INBOX", body, CV_FLAG_SEEN);
	fixture_save(f, "INBOX", body, CV_FLAG_SEEN | CV_FLAG_DELETED);
	ok(f, mailbox_api.create(f->user, "other", 0, &f->err));
	fixture_save(f, "other", body, CV_FLAG_SEEN);
	ok(f, mailbox_api.create(f->user, "target", 0, &f->err));
	fixture_logout(f);
}

static void learn(struct pair *pair)
{
	for (int i = 0; i < 4; i++) {
		struct fixture f;

		prepare(&f, pair);
		fixture_login(&f);
		if (i / 2 != 0)
			ok(&f, pair->ops[0]->run(&f));
		if (i % 2 != 0)
			(void)pair->ops[1]->run(&f);
		pair->after[i / 2][i % 2] = look(&f);
		fixture_deinit(&f);
	}
}

static bool is_possible(const struct pair *pair, const struct census *now,
			const int rets[2])
{
	for (int a = rets[0] >= 0; a < 2; a++) {
		for (int b = rets[1] >= 0; b < 2; b++) {
			if (same(now, &pair->after[a][b]))
				return true;
		}
	}
	return false;
}

static void explain(const struct pair *pair, enum io_fault_kind kind,
		    uint64_t n, const int rets[2], const struct census *c)
{
	fail_msg("%s: '%s' (%d) then '%s' (%d), kind %d at %llu: INBOX %d "
		 "other %d renamed %d target %d made %d, flagged %d keyword %d "
		 "deleted %d subscribed %d",
		 pair->driver == NULL ? PLAIN : pair->driver,
		 pair->ops[0]->name, rets[0], pair->ops[1]->name, rets[1],
		 kind, (unsigned long long)n, c->inbox, c->other, c->renamed,
		 c->target, c->made, c->flagged, c->keyword, c->deleted,
		 c->subscribed);
}

/* True when it never came to call n. */
static bool try_failing(const struct pair *pair, enum io_fault_kind kind,
			uint64_t n)
{
	struct fixture f;
	struct census ours, fresh;
	int rets[2];
	bool hit;

	prepare(&f, pair);
	f.io = io_fault_create(io_posix(), f.pool);
	fixture_login(&f);
	io_fault_arm(f.io, kind, n, false);
	for (int i = 0; i < 2; i++)
		rets[i] = pair->ops[i]->run(&f);
	hit = io_fault_hit(f.io);
	io_fault_arm(f.io, IO_FAULT_NONE, 0, false);
	ours = look(&f);
	fixture_logout(&f);
	f.io = NULL;
	fixture_login(&f);
	fresh = look(&f);
	if (!is_possible(pair, &fresh, rets))
		explain(pair, kind, n, rets, &fresh);
	if (!same(&ours, &fresh))
		explain(pair, kind, n, rets, &ours);
	fixture_deinit(&f);
	return !hit;
}

/* True for what has to succeed however full the disk is. */
static bool frees(const struct operation *op)
{
	return op->run == fixture_try_expunge;
}

/* On a disk that has so many bytes left. */
static bool try_with_room(const struct pair *pair, uint64_t room)
{
	struct fixture f;
	struct census ours, fresh;
	int rets[2];
	bool hit;

	prepare(&f, pair);
	f.io = io_fault_create(io_posix(), f.pool);
	fixture_login(&f);
	io_fault_room(f.io, room);
	for (int i = 0; i < 2; i++) {
		rets[i] = pair->ops[i]->run(&f);
		if (rets[i] < 0 && frees(pair->ops[i]))
			fail_msg("%s: '%s' then '%s' on a disk with %llu "
				 "bytes left: %s", pair->driver == NULL ?
				 PLAIN : pair->driver, pair->ops[0]->name,
				 pair->ops[1]->name, (unsigned long long)room,
				 f.err.text);
	}
	hit = io_fault_hit(f.io);
	io_fault_room(f.io, UINT64_MAX);
	ours = look(&f);
	fixture_logout(&f);
	f.io = NULL;
	fixture_login(&f);
	fresh = look(&f);
	if (!is_possible(pair, &fresh, rets))
		explain(pair, IO_FAULT_ENOSPC, room, rets, &fresh);
	if (!same(&ours, &fresh))
		explain(pair, IO_FAULT_ENOSPC, room, rets, &ours);
	fixture_deinit(&f);
	return !hit;
}

/* In a child that is killed there; rets come through shared memory. */
static bool try_killing(const struct pair *pair, uint64_t n)
{
	struct fixture f;
	struct census now;
	int status, *rets = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	assert_true(rets != MAP_FAILED);
	rets[0] = rets[1] = CV_E_TEMP;
	prepare(&f, pair);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		f.io = io_fault_create(io_posix(), f.pool);
		fixture_login(&f);
		io_fault_arm(f.io, IO_FAULT_KILL, n, false);
		for (int i = 0; i < 2; i++)
			rets[i] = pair->ops[i]->run(&f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	fixture_login(&f);
	now = look(&f);
	/* a name is changed before the commit: a flag that nobody acknowledged
	 * may come without the keyword, which has no letter yet */
	for (int i = 0; i < 2; i++) {
		if (pair->ops[i]->run == op_flag && rets[i] < 0 &&
		    now.flagged > now.keyword)
			now.keyword = now.flagged;
	}
	if (!is_possible(pair, &now, rets))
		explain(pair, IO_FAULT_KILL, n, rets, &now);
	fixture_deinit(&f);
	munmap(rets, 4096);
	return WIFEXITED(status);
}

/* --- all of them ---------------------------------------------------------- */

static unsigned int tried, turn;

static bool is_full(void)
{
	return getenv("CULVER_FULL") != NULL;
}

static bool is_drawn(unsigned int one_of)
{
	return is_full() || turn++ % one_of == 0;
}

/* How many calls a pair makes is found out by the first fault that does not
 * happen; what is left out of a sample is stepped over. */
static void try_kind(const struct pair *pair, enum io_fault_kind kind)
{
	unsigned int step = kind == IO_FAULT_KILL ? SAMPLE_KILL : SAMPLE;
	uint64_t n = is_full() ? 1 : 1 + turn++ * 7 % step;

	while (n < CALLS_MAX) {
		bool past = kind == IO_FAULT_KILL ? try_killing(pair, n) :
			try_failing(pair, kind, n);

		tried++;
		if (past)
			return;
		n += is_full() ? 1 : step;
	}
	fail_msg("'%s' then '%s' have no end", pair->ops[0]->name,
		 pair->ops[1]->name);
}

/* Each size of the first few hundred bytes, where commits are cut, and then
 * larger ones. */
static void try_rooms(const struct pair *pair)
{
	uint64_t room = is_full() ? 0 : turn++ % 7;

	for (int n = 0; n < (is_full() ? 10 * ROOMS : ROOMS / 10); n++) {
		tried++;
		if (try_with_room(pair, room))
			return;
		room += is_full() ? 3 + room / 40 : 61 + 7 * room;
	}
}

static void try_pairs(const char *driver)
{
	static const enum io_fault_kind kinds[] = {
		IO_FAULT_EIO, IO_FAULT_EINTR, IO_FAULT_ENOSPC, IO_FAULT_SHORT,
		IO_FAULT_TORN, IO_FAULT_LATE, IO_FAULT_KILL,
	};

	tried = 0;
	for (size_t i = 0; i < (size_t)OPERATIONS * OPERATIONS; i++) {
		struct pair pair = { .driver = driver, .ops = {
			&operations[i / OPERATIONS],
			&operations[i % OPERATIONS] } };

		if (!is_drawn(3))
			continue;
		learn(&pair);
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			try_kind(&pair, kinds[k]);
		try_rooms(&pair);
	}
	print_message("%u faults\n", tried);
	assert_true(tried > 100);
}

static void pairs_on_plain_files_fail_cleanly(void **state)
{
	try_pairs(NULL);
	(void)state;
}

#ifndef FIXTURE_MBOX
static void pairs_on_an_sdbox_fail_cleanly(void **state)
{
	try_pairs("sdbox");
	(void)state;
}

static void pairs_on_an_mdbox_fail_cleanly(void **state)
{
	try_pairs("mdbox");
	(void)state;
}
#endif

/* Not even the first look of the next session sees both names. */
static void a_rename_killed_at_any_call_leaves_one_name(void **state)
{
#ifdef FIXTURE_MBOX
	static const char *const drivers[] = { NULL };
#else
	static const char *const drivers[] = { NULL, "sdbox", "mdbox" };
#endif
	static const struct operation save = { "save", op_save },
		change = { "rename", fixture_try_rename };

	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		struct pair pair = { .driver = drivers[i],
			.ops = { &save, &change } };
		uint64_t n = 1;

		learn(&pair);
		while (!try_killing(&pair, n))
			n++;
		assert_true(n > 20);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs_on_plain_files_fail_cleanly),
#ifndef FIXTURE_MBOX
		cmocka_unit_test(pairs_on_an_sdbox_fail_cleanly),
		cmocka_unit_test(pairs_on_an_mdbox_fail_cleanly),
#endif
		cmocka_unit_test(a_rename_killed_at_any_call_leaves_one_name),
	};

	log_set_level(NULL, LOG_LEVEL_FATAL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
