/* crash-mailbox.c - a mailbox with its Maildir after a power cut at any moment.
 *
 * Each operation of the mailbox API, alone, after each other, and in long
 * random rows, runs on the recording port.  Then every disk that a power cut
 * could have left between the beginning of the operation and its answer is
 * built, a new session recovers it, and what it shows is held against what
 * the client was told: security.md 3.3, I1 to I14, I16 and I17.
 *
 * There are more such disks than anybody waits for.  Of each moment those
 * where all that was not synced is there, or is lost, are tried always; of
 * the others a sample that a seeded generator draws, so that no kind of them
 * is left out; with CULVER_FULL a large one. */
#include "crash-invariants.h"
#include "crash-operations.h"
#include "crash-seen.h"
#include "replay.h"

enum {
	STEPS_MAX = 80,
	PENDING_MAX = 400,
	EXHAUSTIVE_MAX = 6,	/* all subsets up to so many operations */
	RECENT = 6,		/* else of the last so many */
	RANDOM_SUBSETS = 12, TORN_VARIANTS = 3,
	/* of an operation alone, in pairs, in long rows one of so many */
	REBUILD_EVERY = 4,	/* I14 and I16 are looked at */
	FULL_ALONE = 1, FULL_PAIRS = 12, FULL_ROWS = 24,
};

/* --- a workload ---------------------------------------------------------- */

struct step { struct seen seen; const struct crash_operation *op; };

struct workload {
	struct fixture f;
	struct io *io;
	int homefd;
	struct step *steps;	/* 0: before the first */
	int count;
};

static void run_step(struct workload *w, const struct crash_operation *op)
{
	struct step *step = &w->steps[w->count];

	assert_true(w->count < STEPS_MAX);
	step->op = op;
	io_record_mark(w->io, (uint64_t)w->count * 2);
	ok(&w->f, op->run(&w->f));
	io_record_mark(w->io, (uint64_t)w->count * 2 + 1);
	assert_null(seen_look(&w->f, &step->seen));
	w->count++;
}

static int op_prepare(struct fixture *f)
{
	for (int i = 0; i < 3; i++)
		ok(f, crash_save(f));
	ok(f, mailbox_api.create(f->user, "other", 0, &f->err));
	return invariants_prepare(f);
}

static void begin_workload(struct workload *w)
{
	static const struct crash_operation prepare = { "prepare", op_prepare,
						  true, NULL };
	struct io *disk;
	char home[80];

	memset(w, 0, sizeof(*w));
	invariants_begin();
	/* a lock file of a process that is no more is waited for */
	fixture_init(&w->f, PLACES "mbox_read_locks = fcntl\n"
		     "mbox_write_locks = fcntl\n");
	fixture_logout(&w->f);
	(void)snprintf(home, sizeof(home), "%s/home", w->f.dir);
	w->homefd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->steps = pool_new_array(w->f.pool, struct step, STEPS_MAX);
	disk = io_fault_create(io_posix(), w->f.pool);
	crash_operations_begin(disk);
	w->io = w->f.io = io_record_create(disk, w->f.pool, w->homefd);
	fixture_login(&w->f);
	run_step(w, &prepare);
}

static void end_workload(struct workload *w)
{
	close(w->homefd);
	fixture_deinit(&w->f);
}

/* --- one state ----------------------------------------------------------- */

struct sweep {
	struct workload *w;
	struct replay replay;
	struct fixture f;	/* where states are built */
	char home[80];
	uint32_t indexes[PENDING_MAX];
	size_t pending;
	uint64_t random, drawn;
	int acked, begun;
	struct hash_table hashes;
	unsigned int states, wrong;
	unsigned int every;		/* one of so many is drawn */
	bool thorough;			/* this time I14 and I16, too */
	char first_wrong[1200];
};

/* Disks of all workloads, whatever the client was told by then. */
static struct hash_table disks;
static unsigned int all_states;

static void *add_hash(struct hash_table *hashes, uint64_t hash)
{
	uint64_t *key = pool_new(hashes->pool, uint64_t);

	*key = hash;
	return hash_add(hashes, cv_span((char *)key, sizeof(*key)), key);
}

static bool was_seen(void *context, uint64_t hash)
{
	struct sweep *s = context;
	uint64_t told = (uint64_t)s->acked * 1000 + (uint64_t)s->begun;

	if (add_hash(&s->hashes, hash * 31 + told) != NULL)
		return true;
	(void)add_hash(&disks, hash);
	return false;
}

static const char *check_once(struct sweep *s, struct seen *now)
{
	const struct step *acked = &s->w->steps[s->acked];
	const struct step *begun = &s->w->steps[s->begun];
	const char *wrong = seen_look(&s->f, now);
	const char *forgets = s->begun > s->acked ? begun->op->forgets : NULL;
	bool loose = begun->op->loose;

	if (wrong == NULL)
		wrong = seen_check_growth(now, &acked->seen);
	if (wrong != NULL)
		return wrong;
	if (seen_is_state(now, &acked->seen, loose ? &begun->seen : NULL) ||
	    seen_is_state(now, &begun->seen, loose ? &acked->seen : NULL))
		return NULL;
	if (forgets != NULL && seen_box_named(now, forgets) != NULL &&
	    seen_is_part(now, &acked->seen, forgets))
		return NULL;
	return now->message_count < acked->seen.message_count ?
		"a message is lost, or half of an operation is there" :
		"a state that never was";
}

/* Mail goes on coming, under a UID that nobody has seen. */
static const char *check_going_on(struct sweep *s, const struct seen *now)
{
	uint32_t uid = 0, shown;

	shown = seen_box_named(&s->w->steps[s->acked].seen, "INBOX")->uidnext;
	if (fixture_try_save(&s->f, "INBOX",
			     CV_SPAN("Subject: next\r\n\r\nx\r\n"), 0,
			     &uid) < 0)
		return "cannot be gone on with";
	if (uid < shown || seen_find(now, "INBOX", uid) != NULL)
		return "a UID is given out again";
	return NULL;
}

/* The mailbox that misses messages, as its removal was cut off; or NULL. */
static const char *may_forget(const struct sweep *s)
{
	return s->begun > s->acked ? s->w->steps[s->begun].op->forgets : NULL;
}

/* What is not looked at each time takes longer than the rest together. */
static const char *check_more(struct sweep *s, const struct seen *now)
{
	const char *wrong = invariants_check_quota(&s->f, now);

	if (wrong == NULL)
		wrong = invariants_check_apart(now,
					       &s->w->steps[0].seen);
	if (wrong == NULL && s->thorough)
		wrong = invariants_check_rebuild(&s->f, now,
						 may_forget(s));
	return wrong;
}

static const char *check_state(struct sweep *s)
{
	static struct seen first, second;
	uint64_t begun = invariants_clock();
	const char *wrong;

	s->f.user = NULL;
	if (++s->f.boot_id[1] == 0)
		s->f.boot_id[2]++;
	fixture_login(&s->f);
	wrong = check_once(s, &first);
	if (wrong == NULL)
		wrong = invariants_check_time(begun);
	fixture_logout(&s->f);
	if (wrong != NULL)
		return wrong;
	fixture_login(&s->f);
	wrong = seen_look(&s->f, &second);
	if (wrong == NULL && !seen_is_state(&second, &first, NULL))
		wrong = "a second recovery finds something else";
	if (wrong == NULL)
		wrong = check_more(s, &second);
	if (wrong == NULL)
		wrong = check_going_on(s, &second);
	fixture_logout(&s->f);
	if (wrong == NULL && s->thorough) {
		fixture_login(&s->f);
		wrong = seen_look(&s->f, &second);
		fixture_logout(&s->f);
		if (wrong == NULL)
			wrong = invariants_check_rubbish(&s->f, &second,
							 may_forget(s));
	}
	return wrong;
}

/* The lock file of a process that is no more is waited for until it is old,
 * which needs no thousand tests. */
static int forget_lock(const char *path, const struct stat *st, int type,
		       struct FTW *ftw)
{
	size_t len = strlen(path);

	(void)st; (void)ftw;
	return type == FTW_F && len > 5 &&
		strcmp(path + len - 5, ".lock") == 0 ? remove(path) : 0;
}

/* Builds the disk and checks it; false: it was tried before. */
static bool build_and_check(struct sweep *s, const enum replay_choice *choices,
			    replay_seen *seen, const char **wrong_r)
{
	int fd;
	bool built;

	s->replay.pool = pool_create("replay");
	assert_int_equal(mkdir(s->home, 0700), 0);
	fd = open(s->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	built = replay_build(&s->replay, s->indexes, choices, s->pending,
			     &s->random, fd, seen, s);
	close(fd);
	*wrong_r = NULL;
	if (built) {
		nftw(s->home, forget_lock, 16, FTW_PHYS);
		*wrong_r = check_state(s);
		pool_reset(s->f.pool);
	}
	nftw(s->home, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
	pool_destroy(&s->replay.pool);
	return built;
}

/* What was lost of the operations, so that the disk can be built again. */
static const char *list_lost(struct sweep *s, const enum replay_choice *choices)
{
	static char text[600];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < s->pending && len + 20 < sizeof(text); i++) {
		if (choices[i] != REPLAY_DONE)
			len += (size_t)snprintf(text + len, 20, " %u:%d",
						s->indexes[i],
						(int)choices[i]);
	}
	return text;
}

static bool is_drawn(struct sweep *s)
{
	return replay_random(&s->drawn) % s->every == 0;
}

static void try_state(struct sweep *s, const enum replay_choice *choices)
{
	uint64_t random = s->random;
	const char *wrong, *again;
	char first[300];

	s->thorough = s->states % REBUILD_EVERY == 0;
	if (!build_and_check(s, choices, was_seen, &wrong))
		return;
	s->states++;
	all_states++;
	if (wrong == NULL)
		return;
	/* the same disk once more: what does not come again was done by
	 * somebody else, who removed files below our directory */
	s->random = random;
	(void)snprintf(first, sizeof(first), "%s", wrong);
	(void)build_and_check(s, choices, NULL, &again);
	if (s->wrong++ == 0)
		(void)snprintf(s->first_wrong, sizeof(s->first_wrong),
			"'%s' after '%s', %zu operations of which %zu are not "
			"synced, acknowledged %d, begun %d: %s%s; lost:%s",
			s->w->steps[s->begun].op->name,
			s->w->steps[s->begun == 0 ? 0 :
					s->begun - 1].op->name,
			s->replay.count, s->pending, s->acked, s->begun,
			first, again == NULL ?
			" (but not when the disk is built again)" : "",
			list_lost(s, choices));
}

/* --- all states of a prefix ---------------------------------------------- */

/* All operations are done, or all are lost. */
static bool is_end(uint32_t set, size_t last, size_t old, int lost)
{
	return lost != 0 || old == 0 ?
		set == (1u << last) - 1 || (old == 0 && set == 0) : set == 0;
}

/* The last few operations in every combination; the older ones, which are
 * names that nobody waits for, all done or all lost. */
static void try_subsets(struct sweep *s)
{
	enum replay_choice choices[PENDING_MAX];
	size_t last = s->pending > EXHAUSTIVE_MAX ? RECENT : s->pending;
	size_t old = s->pending - last;

	for (int lost = 0; lost < (old == 0 ? 1 : 2); lost++) {
		for (uint32_t set = 0; set < 1u << last; set++) {
			for (size_t i = 0; i < s->pending; i++)
				choices[i] = i < old ? lost != 0 :
					set >> (i - old) & 1;
			if (is_end(set, last, old, lost) || is_drawn(s))
				try_state(s, choices);
		}
	}
	for (int n = 0; old > 0 && n < RANDOM_SUBSETS; n++) {
		for (size_t i = 0; i < s->pending; i++)
			choices[i] = (enum replay_choice)
				(replay_random(&s->random) % 2);
		if (is_drawn(s))
			try_state(s, choices);
	}
}

static void try_torn(struct sweep *s)
{
	enum replay_choice choices[PENDING_MAX];
	size_t from = s->pending > RECENT ? s->pending - RECENT : 0;

	for (size_t torn = from; torn < s->pending; torn++) {
		if (s->replay.ops[s->indexes[torn]].kind != IO_RECORD_WRITE)
			continue;
		for (int n = 0; n < TORN_VARIANTS; n++) {
			for (size_t i = 0; i < s->pending; i++)
				choices[i] = (enum replay_choice)
					(replay_random(&s->random) % 5);
			choices[torn] = n == 0 ? REPLAY_LENGTH :
				n % 2 == 0 ? REPLAY_TORN : REPLAY_HOLE;
			if (is_drawn(s))
				try_state(s, choices);
		}
	}
}

/* From the beginning of step `from` on. */
static void sweep(struct workload *w, int from, unsigned int every)
{
	struct sweep s = { .w = w, .random = 0x9e3779b97f4a7c15ull,
			   .drawn = 0x2545f4914f6cdd1dull, .every = every };
	size_t count;

	fixture_logout(&w->f);
	s.f = w->f;
	s.f.io = NULL;
	s.f.pool = pool_create("states");
	(void)snprintf(s.f.dir, sizeof(s.f.dir), "%s/x", w->f.dir);
	assert_int_equal(mkdir(s.f.dir, 0700), 0);
	(void)snprintf(s.home, sizeof(s.home), "%s/home", s.f.dir);
	hash_init(&s.hashes, w->f.pool, false);
	s.replay.ops = io_record_ops(w->io, &count);
	s.acked = s.begun = -1;
	for (s.replay.count = 1; s.replay.count <= count; s.replay.count++) {
		const struct io_record_op *last =
			&s.replay.ops[s.replay.count - 1];

		if (last->kind == IO_RECORD_MARK && last->offset % 2 == 0)
			s.begun = (int)(last->offset / 2);
		else if (last->kind == IO_RECORD_MARK)
			s.acked = (int)(last->offset / 2);
		if (s.begun < from || s.acked < 0)
			continue;
		s.pending = replay_unsynced(&s.replay, s.indexes,
					    PENDING_MAX);
		assert_true(s.pending < PENDING_MAX);
		try_subsets(&s);
		try_torn(&s);
	}
	pool_destroy(&s.f.pool);
	if (s.wrong > 0)
		fail_msg("%u of %u states are wrong; the first: %s", s.wrong,
			 s.states, s.first_wrong);
}

/* --- tests --------------------------------------------------------------- */

static bool is_full(void)
{
	return getenv("CULVER_FULL") != NULL;
}

static void each_operation_alone(void **state)
{
	for (size_t i = 0; i < crash_operation_count; i++) {
		struct workload w;

		begin_workload(&w);
		run_step(&w, &crash_operations[i]);
		if (strncmp(crash_operations[i].name, "delete", 6) == 0)
			run_step(&w, &crash_operations[i + 1]);
		sweep(&w, 1, is_full() ? FULL_ALONE : 6);
		end_workload(&w);
	}
	(void)state;
}

static void operations_in_pairs(void **state)
{
	const size_t count = crash_operation_count;

	for (size_t i = 0; i < count * count; i++) {
		struct workload w;

		if (!is_full() && i % 8 != 0)
			continue;
		begin_workload(&w);
		run_step(&w, &crash_operations[i / count]);
		run_step(&w, &crash_operations[i % count]);
		/* the first one's own states were tried when it was alone */
		sweep(&w, 2, is_full() ? FULL_PAIRS : 30);
		end_workload(&w);
	}
	(void)state;
}

static void long_rows_of_operations(void **state)
{
	uint64_t random = 88172645463325252ull;

	for (int n = 0; n < (is_full() ? 20 : 2); n++) {
		struct workload w;

		begin_workload(&w);
		for (int i = 0; i < 40; i++)
			run_step(&w, &crash_operations[replay_random(&random) %
						 crash_operation_count]);
		sweep(&w, 1, is_full() ? FULL_ROWS : 60);
		end_workload(&w);
	}
	(void)state;
}

/* The checker notices when a sync is left out: else it would prove nothing. */
static void a_lying_sync_is_noticed(void **state)
{
	struct io_record_op *ops;
	const struct io_record_op *all;
	struct workload w;
	struct sweep s;
	enum replay_choice choices[PENDING_MAX];
	size_t count, begun, kept = 0;

	begin_workload(&w);
	run_step(&w, &crash_operations[0]);
	all = io_record_ops(w.io, &count);
	ops = pool_new_array(w.f.pool, struct io_record_op, count);
	begun = count - 1;
	while (all[begun].kind != IO_RECORD_MARK ||
	       all[begun].offset % 2 != 0)
		begun--;
	for (size_t i = 0; i < count; i++) {
		if (i < begun || all[i].kind != IO_RECORD_SYNC)
			ops[kept++] = all[i];
	}
	assert_true(kept < count);
	fixture_logout(&w.f);
	memset(&s, 0, sizeof(s));
	s.w = &w;
	s.random = s.drawn = s.every = 1;
	s.acked = s.begun = 1;
	s.f = w.f;
	s.f.io = NULL;
	s.f.pool = pool_create("states");
	(void)snprintf(s.f.dir, sizeof(s.f.dir), "%s/x", w.f.dir);
	assert_int_equal(mkdir(s.f.dir, 0700), 0);
	(void)snprintf(s.home, sizeof(s.home), "%s/home", s.f.dir);
	hash_init(&s.hashes, w.f.pool, false);
	s.replay.ops = ops;
	s.replay.count = kept;
	s.pending = replay_unsynced(&s.replay, s.indexes, PENDING_MAX);
	for (size_t i = 0; i < s.pending; i++)
		choices[i] = REPLAY_DROPPED;
	try_state(&s, choices);
	assert_int_equal(s.wrong, 1);
	pool_destroy(&s.f.pool);
	end_workload(&w);
	(void)state;
}

static void count_states(void **state)
{
	/* tests/run.py reads this line */
	print_message("%zu distinct disks, %u states\n", disks.count,
		      all_states);
	assert_true(disks.count > (is_full() ? 20000 : 1000));
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_operation_alone),
		cmocka_unit_test(operations_in_pairs),
		cmocka_unit_test(long_rows_of_operations),
		cmocka_unit_test(a_lying_sync_is_noticed),
		cmocka_unit_test(count_states),
	};

	log_set_level(NULL, LOG_LEVEL_FATAL);
	hash_init(&disks, pool_create("disks"), false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
