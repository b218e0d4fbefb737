/* crash-account.c - an account after a power cut at any moment.
 *
 * A workload runs once on the recording port.  Then every prefix of what it
 * did is built on disk, with what was not synced done, dropped, torn or
 * reordered; the account is opened on it and must show all that was
 * acknowledged, and nothing but a state that was. */
#include "../unit/account-fixture.h"
#include "replay.h"

enum {
	STEPS_MAX = 64,
	PENDING_MAX = 64,
	EXHAUSTIVE_MAX = 5,	/* all subsets up to so many operations */
	RANDOM_SUBSETS = 24,
	TORN_VARIANTS = 6,
};

struct workload {
	struct cv_pool *pool;
	struct io *io;
	int rootfd;
	struct account *account;
	int steps;
	char *dumps[STEPS_MAX];	/* after step i */
	char dir[64];
};

/* --- bodies -------------------------------------------------------------- */

static struct cv_span body_of(struct cv_pool *pool, uint32_t uid)
{
	size_t len = uid % 3 == 0 ? 5000 : 20 + uid;
	char *body = pool_alloc(pool, len + 1);

	for (size_t i = 0; i < len; i++)
		body[i] = (char)('a' + (uid + i / 7) % 26);
	return cv_span(body, len);
}

struct mail_dir { struct io *io; int rootfd; };

/* As a blob driver does it: each file synced, then the directory. */
static int lay_out(void *context, struct account *account,
		   const struct account_body *bodies, size_t count,
		   struct cv_error *err)
{
	struct mail_dir *mail = context;
	struct cv_pool *pool = pool_create("lay out");
	int dirfd = io_open_dir(mail->io, mail->rootfd, "mail");

	(void)account;
	assert_true(dirfd >= 0);
	for (size_t i = 0; i < count; i++) {
		char name[64];
		struct cv_span body;
		uint32_t row;
		int fd;

		(void)snprintf(name, sizeof(name), "%u", bodies[i].uid);
		assert_true(account_row_find(bodies[i].folder, bodies[i].uid,
					     &row));
		assert_int_equal(account_body_read(bodies[i].folder, row,
						   pool, &body, err), CV_OK);
		(void)io_unlink(mail->io, dirfd, name);
		fd = io_create_file(mail->io, dirfd, name, 0600);
		assert_true(fd >= 0);
		assert_int_equal(io_append(mail->io, fd, body.data, body.len),
				 0);
		assert_int_equal(io_fdatasync(mail->io, fd), 0);
		io_close(mail->io, fd);
	}
	assert_int_equal(io_fsync(mail->io, dirfd), 0);
	io_close(mail->io, dirfd);
	pool_destroy(&pool);
	return CV_OK;
}

/* --- the workload -------------------------------------------------------- */

static void step_begin(struct workload *w)
{
	io_record_mark(w->io, (uint64_t)w->steps * 2);
}

static void step_end(struct workload *w)
{
	w->dumps[w->steps] = fixture_dump(w->account, w->pool);
	io_record_mark(w->io, (uint64_t)w->steps * 2 + 1);
	w->steps++;
	assert_true(w->steps < STEPS_MAX);
}

static struct account_txn *begin(struct workload *w)
{
	struct account_txn *txn = NULL;

	step_begin(w);
	assert_int_equal(account_begin(w->account, 0, &txn, NULL), CV_OK);
	return txn;
}

static void commit(struct workload *w, struct account_txn *txn)
{
	assert_int_equal(account_commit(&txn, ACCOUNT_SYNC, NULL), CV_OK);
	step_end(w);
}

static struct account_folder *inbox(struct account *account)
{
	return account_folder_find(account, CV_SPAN("INBOX"));
}

static void append(struct account_txn *txn, struct account_folder *folder,
		   struct cv_pool *pool)
{
	struct account_append a = { .saved = 1, .blob = CV_SPAN("blob") };
	uint32_t uid;

	a.body = body_of(pool, folder->uidnext);
	a.size = a.virtual_size = a.body.len;
	a.catalogue = CV_SPAN("catalogue entry");
	assert_int_equal(txn_append(txn, folder, &a, &uid, NULL), CV_OK);
	assert_int_equal(uid, folder->uidnext);
}

static void deliver(struct workload *w)
{
	struct account_txn *txn = begin(w);

	append(txn, inbox(w->account), w->pool);
	commit(w, txn);
}

static void rotate(struct workload *w)
{
	step_begin(w);
	assert_int_equal(account_rotate(w->account, 0, NULL), CV_OK);
	step_end(w);
}

static void change_flags(struct workload *w, uint32_t first, uint32_t last)
{
	struct account_txn *txn = begin(w);
	struct account_range range = { first, last };
	uint32_t index;
	struct account_flag_change change = { .op = ACCOUNT_FLAGS_ADD,
		.flags = ACCOUNT_SEEN, .keywords = &index,
		.keyword_count = 1 };

	assert_int_equal(txn_keyword(txn, inbox(w->account), CV_SPAN("k"),
				     &index, NULL), CV_OK);
	assert_int_equal(txn_flags(txn, inbox(w->account), &range, 1, &change,
				   NULL), CV_OK);
	commit(w, txn);
}

static void expunge(struct workload *w, uint32_t uid)
{
	struct account_txn *txn = begin(w);
	struct account_range range = { uid, uid };

	assert_int_equal(txn_expunge(txn, inbox(w->account), &range, 1,
				     NULL), CV_OK);
	commit(w, txn);
}

static void make_folder(struct workload *w, const char *name)
{
	struct account_txn *txn = begin(w);
	struct account_folder *folder;

	assert_int_equal(txn_folder_create(txn, cv_span_of(name), NULL,
					   &folder, NULL), CV_OK);
	commit(w, txn);
}

static void run_workload(struct workload *w, struct io *lower)
{
	struct account_options options = { .lay_out = lay_out };
	struct mail_dir mail;

	w->pool = pool_create("workload");
	(void)snprintf(w->dir, sizeof(w->dir), "%s",
		       "/tmp/account-crash-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->rootfd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->io = io_record_create(lower, w->pool, w->rootfd);
	mail = (struct mail_dir){ w->io, w->rootfd };
	options.context = &mail;
	assert_int_equal(io_mkdir(w->io, w->rootfd, "mail", 0700), 0);
	assert_int_equal(io_fsync(w->io, w->rootfd), 0);
	step_begin(w);
	assert_int_equal(account_open(w->io, w->rootfd, "culver", &options,
				      &w->account, NULL), CV_OK);
	step_end(w);
	make_folder(w, "INBOX");
	for (int i = 0; i < 4; i++)
		deliver(w);
	change_flags(w, 1, 3);
	expunge(w, 2);
	rotate(w);
	deliver(w);
	make_folder(w, "Trash");
	deliver(w);
	change_flags(w, 4, 9);
	rotate(w);
	expunge(w, 1);
	deliver(w);
	rotate(w);
	deliver(w);
	account_close(&w->account);
}

/* --- checking a state ---------------------------------------------------- */

static int no_sync(struct io *io, int fd)
{
	(void)io;
	(void)fd;
	return 0;
}

static struct io_ops fast_ops;
static struct io fast_io = { .ops = &fast_ops };

static bool body_is_there(struct account_folder *folder, uint32_t row,
			  int rootfd, struct cv_pool *pool)
{
	struct cv_span want = body_of(pool, account_row_uid(folder, row));
	struct cv_span have;
	char path[64], *data;
	ssize_t n;
	int fd, status;

	status = account_body_read(folder, row, pool, &have, NULL);
	if (status == CV_OK)
		return cv_span_equal(want, have);
	(void)snprintf(path, sizeof(path), "mail/%u",
		       account_row_uid(folder, row));
	fd = openat(rootfd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	data = pool_alloc(pool, 10000);
	n = read(fd, data, 10000);
	close(fd);
	return n >= 0 && cv_span_equal(want, cv_span(data, (size_t)n));
}

static bool bodies_are_there(struct account *account, int rootfd,
			     struct cv_pool *pool)
{
	struct account_folder *folder = inbox(account);
	uint32_t count = folder == NULL ? 0 : account_row_count(folder);

	for (uint32_t row = 0; row < count; row++) {
		if (account_row_alive(folder, row) &&
		    !body_is_there(folder, row, rootfd, pool))
			return false;
	}
	return true;
}

struct check {
	struct workload *w;
	struct cv_pool *pool;
	int rootfd;
	int acknowledged, begun;
	struct account *account;
};

/* What is wrong, or NULL. */
static const char *check_shown(struct check *c, char **dump_r)
{
	bool known = c->acknowledged < 0;

	*dump_r = fixture_dump(c->account, c->pool);
	for (int i = c->acknowledged; i <= c->begun && !known; i++)
		known = i < c->w->steps &&
			strcmp(*dump_r, c->w->dumps[i]) == 0;
	if (!known)
		return "a state that never was, or something is lost";
	if (account_is_damaged(c->account))
		return "taken for damage";
	return bodies_are_there(c->account, c->rootfd, c->pool) ? NULL :
		"a body is lost";
}

/* The account can be gone on with, and everything is there afterwards. */
static const char *check_going_on(struct check *c)
{
	struct account_folder *folder = inbox(c->account);
	struct account_txn *txn = NULL;
	uint32_t count;

	if (account_begin(c->account, 0, &txn, NULL) != CV_OK)
		return "cannot begin";
	if (folder == NULL &&
	    txn_folder_create(txn, CV_SPAN("INBOX"), NULL, &folder,
			      NULL) != CV_OK)
		return "cannot create";
	count = folder->message_count;
	append(txn, folder, c->pool);
	if (account_commit(&txn, ACCOUNT_SYNC, NULL) != CV_OK)
		return "cannot commit";
	if (folder->message_count != count + 1)
		return "the next message is not there";
	if (account_rotate(c->account, 0, NULL) != CV_OK)
		return "cannot rotate";
	return bodies_are_there(c->account, c->rootfd, c->pool) ? NULL :
		"a body is lost later";
}

static const char *check_state(struct workload *w, int rootfd, int acked,
			       int begun)
{
	struct check c = { .w = w, .rootfd = rootfd, .acknowledged = acked,
			   .begun = begun };
	struct mail_dir mail = { &fast_io, rootfd };
	struct account_options options = { .lay_out = lay_out,
					   .context = &mail };
	struct cv_error err = ERROR_NONE;
	const char *wrong;
	char *first, *second;

	c.pool = pool_create("check");
	if (account_open(&fast_io, rootfd, "culver", &options, &c.account,
			 &err) != CV_OK)
		return "cannot be opened";
	wrong = check_shown(&c, &first);
	if (wrong == NULL) {
		/* a second recovery finds the same */
		account_close(&c.account);
		if (account_open(&fast_io, rootfd, "culver", &options,
				 &c.account, &err) != CV_OK)
			return "cannot be opened again";
		second = fixture_dump(c.account, c.pool);
		if (strcmp(first, second) != 0)
			wrong = "differs when opened again";
	}
	if (wrong == NULL)
		wrong = check_going_on(&c);
	account_close(&c.account);
	pool_destroy(&c.pool);
	return wrong;
}

/* --- all states ---------------------------------------------------------- */

struct sweep {
	struct workload *w;
	struct replay replay;
	uint32_t indexes[PENDING_MAX];
	size_t pending;
	uint64_t random;
	int acked, begun;
	unsigned int states, wrong;
	const char *first_wrong;
	int basefd;
};

static void clean(int fd)
{
	static const char *const dirs[] = { "culver", "mail" };

	for (int i = 0; i < 2; i++) {
		struct io_dir *dir = io_dir_open(&fast_io, fd, dirs[i]);
		const char *name;

		if (dir == NULL)
			continue;
		while ((name = io_dir_next(dir, NULL)) != NULL)
			(void)unlinkat(io_dir_fd(dir), name, 0);
		(void)io_dir_close(&dir);
		assert_int_equal(unlinkat(fd, dirs[i], AT_REMOVEDIR), 0);
	}
}

static void try_state(struct sweep *s, const enum replay_choice *choices)
{
	const char *wrong;

	s->replay.pool = pool_create("replay");
	(void)replay_build(&s->replay, s->indexes, choices, s->pending,
			   &s->random, s->basefd, NULL, NULL);
	wrong = check_state(s->w, s->basefd, s->acked, s->begun);
	s->states++;
	if (wrong != NULL) {
		s->wrong++;
		if (s->first_wrong == NULL)
			s->first_wrong = pool_printf(s->w->pool,
				"after %zu operations, %zu unsynced, "
				"steps %d to %d: %s", s->replay.count,
				s->pending, s->acked, s->begun, wrong);
	}
	clean(s->basefd);
	pool_destroy(&s->replay.pool);
}

static void try_prefix(struct sweep *s)
{
	enum replay_choice choices[PENDING_MAX] = { REPLAY_DONE };

	s->pending = replay_unsynced(&s->replay, s->indexes, PENDING_MAX);
	assert_true(s->pending < PENDING_MAX);
	for (uint32_t set = 0; s->pending <= EXHAUSTIVE_MAX &&
	     set < 1u << s->pending; set++) {
		for (size_t i = 0; i < s->pending; i++)
			choices[i] = (set >> i & 1) != 0 ? REPLAY_DROPPED :
				REPLAY_DONE;
		try_state(s, choices);
	}
	for (int n = 0; s->pending > EXHAUSTIVE_MAX && n < RANDOM_SUBSETS;
	     n++) {
		for (size_t i = 0; i < s->pending; i++)
			choices[i] = (enum replay_choice)
				(replay_random(&s->random) % 2);
		try_state(s, choices);
	}
	for (size_t torn = 0; torn < s->pending; torn++) {
		if (s->replay.ops[s->indexes[torn]].kind != IO_RECORD_WRITE)
			continue;
		for (int n = 0; n < TORN_VARIANTS; n++) {
			for (size_t i = 0; i < s->pending; i++)
				choices[i] = (enum replay_choice)
					(replay_random(&s->random) % 5);
			choices[torn] = n == 0 ? REPLAY_LENGTH :
				n % 2 == 0 ? REPLAY_TORN : REPLAY_HOLE;
			try_state(s, choices);
		}
	}
}

/* In memory where that is possible: thousands of states are built. */
static void make_base(char dir[64])
{
	(void)snprintf(dir, 64, "%s/account-replay-XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(dir));
}

static void run_sweep(struct sweep *s, struct workload *w)
{
	char dir[64];
	size_t count;

	*s = (struct sweep){ .w = w, .random = 0x9e3779b97f4a7c15ull,
			     .acked = -1, .begun = -1 };
	make_base(dir);
	s->basefd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->replay.ops = io_record_ops(w->io, &count);
	for (s->replay.count = 0; s->replay.count <= count;
	     s->replay.count++) {
		const struct io_record_op *last = s->replay.count == 0 ?
			NULL : &s->replay.ops[s->replay.count - 1];

		if (last != NULL && last->kind == IO_RECORD_MARK) {
			if (last->offset % 2 == 0)
				s->begun = (int)(last->offset / 2);
			else
				s->acked = (int)(last->offset / 2);
		}
		/* before the mail directory is there nothing has begun */
		if (s->begun >= 0)
			try_prefix(s);
	}
	close(s->basefd);
	remove_tree(dir);
}

static void end_workload(struct workload *w)
{
	close(w->rootfd);
	remove_tree(w->dir);
	pool_destroy(&w->pool);
}

/* --- tests --------------------------------------------------------------- */

static void quiet(enum log_level level, const char *category,
		  const char *line, size_t len, void *context)
{
	(void)level;
	(void)category;
	(void)line;
	(void)len;
	++*(unsigned int *)context;
}

static void nothing_acknowledged_is_lost_at_a_power_cut(void **state)
{
	struct workload w = { 0 };
	struct sweep s;

	run_workload(&w, io_posix());
	run_sweep(&s, &w);
	print_message("%u states\n", s.states);
	if (s.wrong > 0)
		fail_msg("%u of %u states are wrong; the first: %s", s.wrong,
			 s.states, s.first_wrong);
	assert_true(s.states > 2000);
	end_workload(&w);
	(void)state;
}

/* The checker notices when syncs are left out: else it would prove nothing. */
static void a_lying_sync_is_noticed(void **state)
{
	struct workload w = { 0 };
	struct sweep s;
	size_t count, kept = 0;
	struct io_record_op *ops;
	const struct io_record_op *all;
	char dir[64];

	run_workload(&w, io_posix());
	all = io_record_ops(w.io, &count);
	ops = pool_new_array(w.pool, struct io_record_op, count);
	for (size_t i = 0; i < count; i++) {
		/* the last deliveries are not synced */
		if (i < count - 6 || all[i].kind != IO_RECORD_SYNC)
			ops[kept++] = all[i];
	}
	assert_true(kept < count);
	s = (struct sweep){ .w = &w, .random = 1, .acked = w.steps - 1,
			    .begun = w.steps - 1 };
	make_base(dir);
	s.basefd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s.replay.ops = ops;
	s.replay.count = kept;
	try_prefix(&s);
	assert_true(s.wrong > 0);
	close(s.basefd);
	remove_tree(dir);
	end_workload(&w);
	(void)state;
}

int main(void)
{
	static unsigned int lines;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_acknowledged_is_lost_at_a_power_cut),
		cmocka_unit_test(a_lying_sync_is_noticed),
	};

	fast_ops = *io_posix()->ops;
	fast_ops.fdatasync = fast_ops.fsync = no_sync;
	log_set_sink(quiet, &lines);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
