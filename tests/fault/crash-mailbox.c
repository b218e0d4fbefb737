/* crash-mailbox.c - a mailbox with its Maildir after a power cut at any moment.
 *
 * Each operation of the mailbox API, alone, after each other, and in long
 * random rows, runs on the recording port.  Then every disk that a power cut
 * could have left between the beginning of the operation and its answer is
 * built, a new session recovers it, and what it shows is held against what
 * the client was told: security.md 3.3, I1 to I9, I11 and I12.
 *
 * Without CULVER_FULL a fixed sample is tried. */
#include "../unit/mailbox-fixture.h"
#include "io/io-fault.h"
#include "mailbox/mailbox-admin.h"
#include "replay.h"

#ifdef FIXTURE_SDBOX
#define FIXTURE_PLACES
#define PLACES "mail_location = sdbox:~/sdbox:ALT=~/alt\n"
#elif defined(FIXTURE_MDBOX)
#define FIXTURE_PLACES
#define PLACES "mail_location = mdbox:~/mdbox:ALT=~/alt\n"
#else
#define PLACES ""
#endif

enum {
	MESSAGES_MAX = 200, BOXES_MAX = 8, STEPS_MAX = 80,
	PENDING_MAX = 400,
	EXHAUSTIVE_MAX = 6,	/* all subsets up to so many operations */
	RECENT = 6,		/* else of the last so many */
	RANDOM_SUBSETS = 12, TORN_VARIANTS = 3,
};

/* --- what a client can see ----------------------------------------------- */

struct seen_message { uint32_t box, uid, flags, body; bool keyword; };

struct seen_box {
	char name[32];
	uint32_t uidvalidity, uidnext;
	uint64_t modseq;
	bool subscribed;
};

struct seen {
	struct seen_box boxes[BOXES_MAX];
	struct seen_message messages[MESSAGES_MAX];
	uint32_t box_count, message_count;
};

enum { FLAGS = CV_FLAG_SEEN | CV_FLAG_FLAGGED | CV_FLAG_DELETED };

/* NULL: it cannot be read, see f->err. */
static const char *body_of(struct fixture *f, struct cv_mailbox *box,
			   uint32_t seq)
{
	struct cv_section all = {
		CV_SIZED(cv_section), .kind = CV_SECTION_ALL,
	};
	struct cv_stream *stream;
	struct cv_text text;
	uint64_t size;

	cv_text_init(&text, f->pool);
	return mailbox_api.section(box, seq, &all, &stream, &size,
				   &f->err) == CV_OK &&
		stream_read_all(stream, &text, SIZE_MAX / 2, &f->err) ==
		CV_OK ? cv_text_str(&text) : NULL;
}

static const char *look_box(struct fixture *f, struct seen *seen,
			    struct seen_box *b)
{
	struct cv_mailbox *box;
	struct cv_mailbox_state state;
	uint32_t number = (uint32_t)(b - seen->boxes), last = 0;

	if (mailbox_api.open(f->user, b->name, 0, &box, &f->err) < 0)
		return pool_printf(f->pool, "a listed mailbox cannot be "
				   "opened: %s", f->err.text);
	state = fixture_state(box);
	b->uidvalidity = state.uidvalidity;
	b->uidnext = state.uidnext;
	b->modseq = state.highestmodseq;
	for (uint32_t seq = 1; seq <= state.messages; seq++) {
		struct seen_message *m =
			&seen->messages[seen->message_count++];
		struct cv_message_data d = fixture_message(f, box, seq,
							   CV_MESSAGE_KEYWORDS);
		const char *text = body_of(f, box, seq);

		if (text == NULL)
			return pool_printf(f->pool, "message %u of '%s' "
				"cannot be read: %s", seq, b->name,
				f->err.text);
		assert_true(seen->message_count < MESSAGES_MAX);
		*m = (struct seen_message){ number,
			mailbox_api.uid_of(box, seq), d.flags & FLAGS,
			crc32c(0, text, strlen(text)), d.keywords.count > 0 };
		if (m->uid <= last || m->uid >= state.uidnext)
			return "UIDs out of order";
		last = m->uid;
	}
	mailbox_api.close(&box);
	return NULL;
}

/* NULL, or what is wrong already. */
static const char *look(struct fixture *f, struct seen *seen)
{
	struct cv_list_query query = { CV_SIZED(cv_list_query) };
	struct cv_list_entry entry = { CV_SIZED(cv_list_entry) };
	const char *pattern = "*", *wrong = NULL;
	struct cv_list *list;

	memset(seen, 0, sizeof(*seen));
	query.patterns = &pattern;
	query.pattern_count = 1;
	query.options = CV_LIST_RETURN_SUBSCRIBED;
	query.reference = "";
	ok(f, mailbox_api.list_begin(f->user, &query, &list, &f->err));
	while (mailbox_api.list_next(list, &entry, &f->err) == CV_OK) {
		struct seen_box *b = &seen->boxes[seen->box_count++];

		assert_true(seen->box_count < BOXES_MAX);
		(void)snprintf(b->name, sizeof(b->name), "%s", entry.name);
		b->subscribed = (entry.attributes & CV_MAILBOX_SUBSCRIBED) != 0;
	}
	mailbox_api.list_end(&list);
	for (uint32_t i = 0; i < seen->box_count && wrong == NULL; i++)
		wrong = look_box(f, seen, &seen->boxes[i]);
	return wrong;
}

static const struct seen_box *box_named(const struct seen *seen,
					const char *name)
{
	for (uint32_t i = 0; i < seen->box_count; i++) {
		if (strcmp(seen->boxes[i].name, name) == 0)
			return &seen->boxes[i];
	}
	return NULL;
}

static const struct seen_message *find(const struct seen *seen,
				       const char *box, uint32_t uid)
{
	for (uint32_t i = 0; i < seen->message_count; i++) {
		const struct seen_message *m = &seen->messages[i];

		if (m->uid == uid &&
		    strcmp(seen->boxes[m->box].name, box) == 0)
			return m;
	}
	return NULL;
}

static bool flags_equal(const struct seen_message *a,
			const struct seen_message *b)
{
	return a != NULL && b != NULL && a->flags == b->flags &&
		a->keyword == b->keyword;
}

/* The same mailboxes and messages; where `other` is not NULL flags may be as
 * in that, and a UIDVALIDITY be another. */
static bool is_state(const struct seen *now, const struct seen *want,
		     const struct seen *other)
{
	if (now->box_count != want->box_count ||
	    now->message_count != want->message_count)
		return false;
	for (uint32_t i = 0; i < now->box_count; i++) {
		const struct seen_box *b = box_named(want,
						     now->boxes[i].name);

		if (b == NULL || (other == NULL &&
		    b->uidvalidity != now->boxes[i].uidvalidity) ||
		    b->subscribed != now->boxes[i].subscribed)
			return false;
	}
	for (uint32_t i = 0; i < now->message_count; i++) {
		const struct seen_message *m = &now->messages[i];
		const char *name = now->boxes[m->box].name;
		const struct seen_message *w = find(want, name, m->uid);

		if (w == NULL || w->body != m->body)
			return false;
		if (!flags_equal(w, m) && (other == NULL ||
		    !flags_equal(find(other, name, m->uid), m)))
			return false;
	}
	return true;
}

/* `now` has all that `want` has, but for messages of one mailbox; and nothing
 * else. */
static bool is_part(const struct seen *now, const struct seen *want,
		    const char *box)
{
	for (uint32_t i = 0; i < now->message_count; i++) {
		const struct seen_message *m = &now->messages[i];
		const char *name = now->boxes[m->box].name;

		/* found anew, it may have other UIDs there */
		if (strcmp(name, box) != 0 && find(want, name, m->uid) == NULL)
			return false;
	}
	for (uint32_t i = 0; i < want->message_count; i++) {
		const struct seen_message *m = &want->messages[i];
		const char *name = want->boxes[m->box].name;
		const struct seen_message *n = find(now, name, m->uid);

		if (strcmp(name, box) != 0 &&
		    (n == NULL || n->body != m->body || !flags_equal(n, m)))
			return false;
	}
	return now->box_count == want->box_count;
}

/* What only grows. */
static const char *check_growth(const struct seen *now,
				const struct seen *acked)
{
	for (uint32_t i = 0; i < acked->box_count; i++) {
		const struct seen_box *was = &acked->boxes[i];
		const struct seen_box *is = box_named(now, was->name);

		if (is == NULL)
			continue;	/* renamed or removed */
		if (is->uidvalidity < was->uidvalidity)
			return "UIDVALIDITY went back";
		if (is->uidvalidity > was->uidvalidity)
			continue;	/* made anew */
		if (is->uidnext < was->uidnext)
			return "UIDNEXT went back";
		if (is->modseq < was->modseq)
			return "HIGHESTMODSEQ went back";
	}
	return NULL;
}

/* --- operations ---------------------------------------------------------- */

static unsigned int counter;

static int op_save(struct fixture *f)
{
	char text[100];

	(void)snprintf(text, sizeof(text), "Subject: %u\r\n\r\nbody\r\n",
		       ++counter);
	return fixture_try_save(f, "INBOX", cv_span_of(text),
				counter % 2 == 0 ? CV_FLAG_SEEN : 0, NULL);
}

/* Too large for the journal. */
static int op_save_big(struct fixture *f)
{
	struct cv_text big;

	cv_text_init(&big, f->pool);
	cv_text_append_f(&big, "Subject: %u\r\n\r\n", ++counter);
	while (big.len < 70000)
		cv_text_append_str(&big, "filling the message with text\r\n");
	return fixture_try_save(f, "INBOX", cv_text_span(&big), 0, NULL);
}

static int change(struct fixture *f, uint32_t how, uint32_t flags,
		  const char *keyword, bool later)
{
	struct cv_range range = { 1, 2 };
	struct cv_store_request r = {
		CV_SIZED(cv_store_request), .seqs = { &range, 1 },
		.change = how, .flags = flags,
		.keywords = { &keyword, keyword != NULL },
		.unchanged_since = UINT64_MAX, .settle_later = later,
	};
	struct cv_mailbox *box;
	int ret = mailbox_api.open(f->user, "INBOX", 0, &box, &f->err);

	if (ret == CV_OK && fixture_state(box).messages >= 2)
		ret = mailbox_api.store(box, &r, f->pool, NULL, &f->err);
	if (ret == CV_OK && later)
		ret = mailbox_api.settle(f->user, &f->err);
	if (box != NULL)
		mailbox_api.close(&box);
	return ret;
}

static int op_flag(struct fixture *f)
{
	return change(f, CV_FLAGS_ADD, CV_FLAG_FLAGGED, NULL, false);
}

static int op_unflag(struct fixture *f)
{
	return change(f, CV_FLAGS_REPLACE, 0, NULL, true);
}

static int op_keyword(struct fixture *f)
{
	return change(f, CV_FLAGS_ADD, 0, "$Key", false);
}

static int op_delete(struct fixture *f)
{
	return change(f, CV_FLAGS_ADD, CV_FLAG_DELETED, NULL, false);
}

/* In a long row the target may have been removed or renamed. */
static int copy_or_move(struct fixture *f, bool move)
{
	int ret = fixture_try_copy(f, move);

	return ret == CV_E_NOT_FOUND ? CV_OK : ret;
}

static int op_copy(struct fixture *f) { return copy_or_move(f, false); }
static int op_move(struct fixture *f) { return copy_or_move(f, true); }

static int op_create(struct fixture *f)
{
	int ret = mailbox_api.create(f->user, "made", 0, &f->err);

	return ret == CV_E_EXISTS ? CV_OK : ret;
}

static int op_remove(struct fixture *f)
{
	int ret = mailbox_api.remove(f->user, "other", &f->err);

	return ret == CV_E_NOT_FOUND ? CV_OK : ret;
}

static int op_rename(struct fixture *f)
{
	int ret = mailbox_api.rename(f->user, "other", "renamed", &f->err);

	return ret == CV_E_NOT_FOUND || ret == CV_E_EXISTS ? CV_OK : ret;
}

static int op_subscribe(struct fixture *f)
{
	return mailbox_api.subscribe(f->user, "INBOX", true, &f->err);
}

/* The journal goes on in a new file. */
static int op_rotate(struct fixture *f)
{
	struct cv_mailbox *box;
	int ret = mailbox_api.open(f->user, "INBOX", 0, &box, &f->err);

	if (ret < 0)
		return ret;
	ret = account_rotate(box->store->account, 0, &f->err);
	mailbox_api.close(&box);
	return ret;
}

#ifndef FIXTURE_MBOX
/* The port under the one that records: where the disk is full. */
static struct io *disk;

/* For a part of it there is room: nothing of it stays. */
static int op_save_full(struct fixture *f)
{
	int ret;

	io_fault_room(disk, 150);
	ret = op_save(f);
	io_fault_room(disk, UINT64_MAX);
	/* the UID that it would have had is taken */
	return ret == CV_E_NO_SPACE ? change(f, CV_FLAGS_ADD, 0, NULL, false) :
		ret;
}

/* What frees space takes none but that of the reserve. */
static int op_delete_full(struct fixture *f)
{
	int ret;

	io_fault_room(disk, 0);
	ret = op_delete(f);
	io_fault_room(disk, UINT64_MAX);
	return ret;
}

static int op_expunge_full(struct fixture *f)
{
	int ret;

	io_fault_room(disk, 0);
	ret = fixture_try_expunge(f);
	io_fault_room(disk, UINT64_MAX);
	return ret;
}

static int op_remove_full(struct fixture *f)
{
	int ret;

	io_fault_room(disk, 30);
	ret = op_remove(f);
	io_fault_room(disk, UINT64_MAX);
	return ret;
}
#endif

#ifdef FIXTURE_PLACES
/* Shows nothing to anybody, as long as it is all there. */
static int move_bytes(struct fixture *f, bool back)
{
	struct account_range range = { 1, 2 };
	struct cv_mailbox *box;
	int ret = mailbox_api.open(f->user, "INBOX", 0, &box, &f->err);

	if (ret < 0)
		return ret;
	/* what is still in the journal has no place yet */
	ret = account_rotate(box->store->account,
			     time_monotonic_msecs() + 1000, &f->err);
	if (ret == CV_OK)
		ret = store_altmove(box->sf, &range, 1, back, &f->err);
	mailbox_api.close(&box);
	return ret;
}

static int op_altmove(struct fixture *f) { return move_bytes(f, false); }
static int op_altback(struct fixture *f) { return move_bytes(f, true); }

static int op_there_and_back(struct fixture *f)
{
	int ret = op_altmove(f);

	return ret < 0 ? ret : op_altback(f);
}
#endif

#ifdef FIXTURE_MDBOX
static int op_purge(struct fixture *f)
{
	uint64_t freed;

	return mailbox_purge(f->user, false, &freed, &f->err);
}
#endif

static const struct operation {
	const char *name;
	int (*run)(struct fixture *f);
	/* file names change one by one: a STORE that nobody acknowledged may
	 * have reached a part of them; and a directory that nobody knows to
	 * be made or removed may be found as a new mailbox */
	bool loose;
	/* a mailbox that comes back although its removal was committed, but
	 * not acknowledged, may miss messages that were copied into it */
	const char *forgets;
} operations[] = {
	{ "save", op_save, false, NULL }, { "save big", op_save_big, false, NULL },
	{ "flag", op_flag, true, NULL }, { "unflag", op_unflag, true, NULL },
	{ "keyword", op_keyword, true, NULL }, { "delete", op_delete, true, NULL },
	{ "expunge", fixture_try_expunge, false, NULL },
	{ "copy", op_copy, false, NULL }, { "move", op_move, false, NULL },
	{ "create", op_create, true, NULL }, { "remove", op_remove, true, "other" },
	{ "rename", op_rename, false, NULL },
	{ "subscribe", op_subscribe, false, NULL },
	{ "rotate", op_rotate, false, NULL },
#ifndef FIXTURE_MBOX
	{ "save without room", op_save_full, false, NULL },
	{ "delete without room", op_delete_full, true, NULL },
	{ "expunge without room", op_expunge_full, false, NULL },
	{ "remove without room", op_remove_full, true, "other" },
#endif
#ifdef FIXTURE_PLACES
	{ "altmove", op_altmove, false, NULL },
	{ "altmove and back", op_there_and_back, false, NULL },
	{ "altmove back", op_altback, false, NULL },
#endif
#ifdef FIXTURE_MDBOX
	{ "purge", op_purge, false, NULL },
#endif
};
enum { OPERATIONS = sizeof(operations) / sizeof(operations[0]) };

/* --- a workload ---------------------------------------------------------- */

struct step { struct seen seen; const struct operation *op; };

struct workload {
	struct fixture f;
	struct io *io;
	int homefd;
	struct step *steps;	/* 0: before the first */
	int count;
};

static void run_step(struct workload *w, const struct operation *op)
{
	struct step *step = &w->steps[w->count];

	assert_true(w->count < STEPS_MAX);
	step->op = op;
	io_record_mark(w->io, (uint64_t)w->count * 2);
	ok(&w->f, op->run(&w->f));
	io_record_mark(w->io, (uint64_t)w->count * 2 + 1);
	assert_null(look(&w->f, &step->seen));
	w->count++;
}

static int op_prepare(struct fixture *f)
{
	for (int i = 0; i < 3; i++)
		ok(f, op_save(f));
	ok(f, mailbox_api.create(f->user, "other", 0, &f->err));
	return CV_OK;
}

static void begin_workload(struct workload *w)
{
	static const struct operation prepare = { "prepare", op_prepare,
						  true, NULL };
	char home[80];

	memset(w, 0, sizeof(*w));
	counter = 0;
	/* a lock file of a process that is no more is waited for */
	fixture_init(&w->f, PLACES "mbox_read_locks = fcntl\n"
		     "mbox_write_locks = fcntl\n");
	fixture_logout(&w->f);
	(void)snprintf(home, sizeof(home), "%s/home", w->f.dir);
	w->homefd = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->steps = pool_new_array(w->f.pool, struct step, STEPS_MAX);
#ifdef FIXTURE_MBOX
	w->io = w->f.io = io_record_create(io_posix(), w->f.pool, w->homefd);
#else
	disk = io_fault_create(io_posix(), w->f.pool);
	w->io = w->f.io = io_record_create(disk, w->f.pool, w->homefd);
#endif
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
	uint64_t random;
	int acked, begun;
	struct hash_table hashes;
	unsigned int states, wrong;
	unsigned int every, turn;	/* of the states found one is tried */
	char first_wrong[1200];
};

static unsigned int all_states;

static bool was_seen(void *context, uint64_t hash)
{
	struct sweep *s = context;
	uint64_t *key;

	hash = hash * 31 + (uint64_t)s->acked * 1000 + (uint64_t)s->begun;
	if (hash_find(&s->hashes, cv_span((char *)&hash, 8)) != NULL ||
	    s->turn++ % s->every != 0)
		return true;
	key = pool_new(s->w->f.pool, uint64_t);
	*key = hash;
	hash_set(&s->hashes, cv_span((char *)key, 8), key);
	return false;
}

static const char *check_once(struct sweep *s, struct seen *now)
{
	const struct step *acked = &s->w->steps[s->acked];
	const struct step *begun = &s->w->steps[s->begun];
	const char *wrong = look(&s->f, now);
	const char *forgets = s->begun > s->acked ? begun->op->forgets : NULL;
	bool loose = begun->op->loose;

	if (wrong == NULL)
		wrong = check_growth(now, &acked->seen);
	if (wrong != NULL)
		return wrong;
	if (is_state(now, &acked->seen, loose ? &begun->seen : NULL) ||
	    is_state(now, &begun->seen, loose ? &acked->seen : NULL))
		return NULL;
	if (forgets != NULL && box_named(now, forgets) != NULL &&
	    is_part(now, &acked->seen, forgets))
		return NULL;
	return now->message_count < acked->seen.message_count ?
		"a message is lost, or half of an operation is there" :
		"a state that never was";
}

/* Mail goes on coming, under a UID that nobody has seen. */
static const char *check_going_on(struct sweep *s, const struct seen *now)
{
	uint32_t uid = 0, shown;

	shown = box_named(&s->w->steps[s->acked].seen, "INBOX")->uidnext;
	if (fixture_try_save(&s->f, "INBOX",
			     CV_SPAN("Subject: next\r\n\r\nx\r\n"), 0,
			     &uid) < 0)
		return "cannot be gone on with";
	if (uid < shown || find(now, "INBOX", uid) != NULL)
		return "a UID is given out again";
	return NULL;
}

static const char *check_state(struct sweep *s)
{
	static struct seen first, second;
	const char *wrong;

	s->f.user = NULL;
	if (++s->f.boot_id[1] == 0)
		s->f.boot_id[2]++;
	fixture_login(&s->f);
	wrong = check_once(s, &first);
	fixture_logout(&s->f);
	if (wrong != NULL)
		return wrong;
	fixture_login(&s->f);
	wrong = look(&s->f, &second);
	if (wrong == NULL && !is_state(&second, &first, NULL))
		wrong = "a second recovery finds something else";
	if (wrong == NULL)
		wrong = check_going_on(s, &second);
	fixture_logout(&s->f);
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

static void try_state(struct sweep *s, const enum replay_choice *choices)
{
	uint64_t random = s->random;
	const char *wrong, *again;

	if (!build_and_check(s, choices, was_seen, &wrong))
		return;
	s->states++;
	all_states++;
	if (wrong == NULL)
		return;
	/* the same disk once more: what does not come again was done by
	 * somebody else, who removed files below our directory */
	s->random = random;
	(void)build_and_check(s, choices, NULL, &again);
	if (s->wrong++ == 0)
		(void)snprintf(s->first_wrong, sizeof(s->first_wrong),
			"'%s' after '%s', %zu operations of which %zu are not "
			"synced, acknowledged %d, begun %d: %s%s; lost:%s",
			s->w->steps[s->begun].op->name,
			s->w->steps[s->begun == 0 ? 0 :
					s->begun - 1].op->name,
			s->replay.count, s->pending, s->acked, s->begun,
			wrong, again == NULL ?
			" (but not when the disk is built again)" : "",
			list_lost(s, choices));
}

/* --- all states of a prefix ---------------------------------------------- */

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
			try_state(s, choices);
		}
	}
	for (int n = 0; old > 0 && n < RANDOM_SUBSETS; n++) {
		for (size_t i = 0; i < s->pending; i++)
			choices[i] = (enum replay_choice)
				(replay_random(&s->random) % 2);
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
			try_state(s, choices);
		}
	}
}

/* From the beginning of step `from` on. */
static void sweep(struct workload *w, int from, unsigned int every)
{
	struct sweep s = { .w = w, .random = 0x9e3779b97f4a7c15ull,
			   .every = every };
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
	for (size_t i = 0; i < OPERATIONS; i++) {
		struct workload w;

		begin_workload(&w);
		run_step(&w, &operations[i]);
		if (strncmp(operations[i].name, "delete", 6) == 0)
			run_step(&w, &operations[i + 1]);
		sweep(&w, 1, is_full() ? 1 : 6);
		end_workload(&w);
	}
	(void)state;
}

static void operations_in_pairs(void **state)
{
	for (size_t i = 0; i < (size_t)OPERATIONS * OPERATIONS; i++) {
		struct workload w;

		if (!is_full() && i % 8 != 0)
			continue;
		begin_workload(&w);
		run_step(&w, &operations[i / OPERATIONS]);
		run_step(&w, &operations[i % OPERATIONS]);
		sweep(&w, 1, is_full() ? 1 : 60);
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
			run_step(&w, &operations[replay_random(&random) %
						 OPERATIONS]);
		sweep(&w, 1, is_full() ? 4 : 60);
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
	run_step(&w, &operations[0]);
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
	s.random = s.every = 1;
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
	print_message("%u distinct states\n", all_states);
	assert_true(all_states > (is_full() ? 100000 : 1000));
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
	return cmocka_run_group_tests(tests, NULL, NULL);
}
