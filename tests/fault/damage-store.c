/* damage-store.c - the account's files of a store damaged in every way, for
 * each driver: bytes flipped, files cut, blocks zeroed, files swapped or
 * older than they should be.
 *
 * Whatever happened: nothing crashes; a new session shows every message whose
 * bytes are there, with those bytes; a UID means the message that it meant;
 * no UID is given out again; flags and annotations are some that the message
 * has had, and when they are not the last ones, the damage was noticed;
 * force-resync finds nothing more to do.
 *
 * Without CULVER_FULL a fixed sample is tried. */
#ifdef FIXTURE_MBOX
#include "../unit/mailbox-fixture.h"
#else
#include "../unit/dbox-fixture.h"
#endif
#include "mailbox/mailbox-admin.h"

#include <sys/stat.h>

enum { FILES_MAX = 100, BODIES_MAX = 32, STEPS_MAX = 8, BOXES = 2 };

/* --- the tree in memory --------------------------------------------------- */

struct file {
	const char *path;
	bool is_dir, is_ours;		/* ours: of the account */
	unsigned char *data;
	size_t size;
	struct timespec times[2];
};

struct tree { struct file files[FILES_MAX]; size_t count; };

static struct tree whole, older;
static struct tree *taken;		/* by nftw */
static struct cv_pool *tree_pool;

static bool is_ours(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	size_t len = strlen(name);

	return strncmp(name, "journal.", 8) == 0 ||
		(len > 5 && strcmp(name + len - 5, ".snap") == 0) ||
		(len == 36 && strcmp(name + len - 4, ".cat") == 0);
}

static int take_file(const char *path, const struct stat *st, int type,
		     struct FTW *ftw)
{
	struct file *f = &taken->files[taken->count++];
	FILE *file;

	(void)ftw;
	assert_true(taken->count < FILES_MAX);
	*f = (struct file){ .path = pool_strdup(tree_pool, path),
			    .is_dir = type == FTW_D, .is_ours = is_ours(path),
			    .size = type == FTW_D ? 0 : (size_t)st->st_size,
			    .times = { st->st_atim, st->st_mtim } };
	f->data = pool_alloc(tree_pool, f->size + 1);
	if (f->is_dir)
		return 0;
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fread(f->data, 1, f->size, file), f->size);
	fclose(file);
	return 0;
}

static void take_tree(struct fixture *f, struct tree *tree)
{
	char home[80];

	taken = tree;
	tree->count = 0;
	(void)snprintf(home, sizeof(home), "%s/home", f->dir);
	assert_int_equal(nftw(home, take_file, 16, FTW_PHYS), 0);
}

static void write_file(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* The tree as it was, times too: no scan is provoked. */
static void restore_tree(struct fixture *f)
{
	char home[80];

	(void)snprintf(home, sizeof(home), "%s/home", f->dir);
	nftw(home, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
	for (size_t i = 0; i < whole.count; i++) {
		const struct file *file = &whole.files[i];

		if (file->is_dir)
			assert_int_equal(mkdir(file->path, 0700), 0);
		else
			write_file(file->path, file->data, file->size);
	}
	for (size_t i = whole.count; i > 0; i--)
		(void)utimensat(AT_FDCWD, whole.files[i - 1].path,
				whole.files[i - 1].times, 0);
}

/* --- what there was ------------------------------------------------------- */

static const char *const box_names[BOXES] = { "INBOX", "other" };

struct known {
	int box;
	uint32_t uid, hash;
	/* after each step; the last counts */
	uint32_t flags[STEPS_MAX], notes[STEPS_MAX];
};

struct history {
	struct known messages[BODIES_MAX];
	size_t count;
	int steps;
	uint32_t uidvalidity[BOXES], uidnext[BOXES];
};

static struct history past;

struct shown { int box; uint32_t uid, hash, flags, notes; };

struct view {
	struct shown messages[BODIES_MAX * 2];
	size_t count;
	uint32_t uidvalidity[BOXES], uidnext[BOXES];
	bool noticed;
};

static void look_box(struct fixture *f, int number, struct view *view)
{
	struct cv_mailbox *box;
	struct cv_mailbox_state state;

	ok(f, mailbox_api.open(f->user, box_names[number], 0, &box, &f->err));
	state = fixture_state(box);
	view->uidvalidity[number] = state.uidvalidity;
	view->uidnext[number] = state.uidnext;
	for (uint32_t seq = 1; seq <= state.messages; seq++) {
		struct shown *m = &view->messages[view->count++];
		struct cv_message_data d = fixture_message(f, box, seq,
			CV_MESSAGE_KEYWORDS | CV_MESSAGE_ANNOTATIONS);
		uint32_t notes = fixture_notes_sum(&d);
		const char *text = fixture_body(f, box, seq);

		assert_true(view->count < BODIES_MAX * 2);
		*m = (struct shown){ number, mailbox_api.uid_of(box, seq),
				     crc32c(0, text, strlen(text)),
				     (d.flags & 0x1f) |
				     d.keywords.count << 8, notes };
	}
	view->noticed = view->noticed ||
		account_is_damaged(box->store->account) ||
		account_is_new(box->store->account);
	mailbox_api.close(&box);
}

static void look(struct fixture *f, struct view *view)
{
	memset(view, 0, sizeof(*view));
	for (int i = 0; i < BOXES; i++)
		look_box(f, i, view);
}

static struct known *known_of(int box, uint32_t hash)
{
	for (size_t i = 0; i < past.count; i++) {
		if (past.messages[i].box == box &&
		    past.messages[i].hash == hash)
			return &past.messages[i];
	}
	return NULL;
}

static void remember(struct fixture *f)
{
	static struct view view;

	look(f, &view);
	assert_true(past.steps < STEPS_MAX);
	for (size_t i = 0; i < view.count; i++) {
		const struct shown *m = &view.messages[i];
		struct known *k = known_of(m->box, m->hash);

		if (k == NULL) {
			k = &past.messages[past.count++];
			*k = (struct known){ m->box, m->uid, m->hash,
					     { 0 }, { 0 } };
			for (int s = 0; s < past.steps; s++)
				k->flags[s] = m->flags;
		}
		k->flags[past.steps] = m->flags;
		k->notes[past.steps] = m->notes;
	}
	past.steps++;
	for (int i = 0; i < BOXES; i++) {
		past.uidvalidity[i] = view.uidvalidity[i];
		past.uidnext[i] = view.uidnext[i];
	}
}

/* --- filling -------------------------------------------------------------- */

static void save_some(struct fixture *f, const char *box, int from, int count)
{
	for (int i = from; i < from + count; i++)
		(void)fixture_save(f, box, pool_printf(f->pool,
			"Subject: %s %d\r\nMessage-ID: <%d@%s>\r\n\r\n"
			"text of %d\r\n", box, i, i, box, i),
			i % 2 == 0 ? CV_FLAG_SEEN : 0);
}

static void rotate(struct fixture *f)
{
	struct cv_mailbox *box = fixture_open(f, "INBOX");

	ok(f, account_rotate(box->store->account,
			     time_monotonic_msecs() + 5000, &f->err));
	mailbox_api.close(&box);
}

static void work_on(struct fixture *f, uint32_t first, uint32_t flags,
		    const char *keyword)
{
	struct cv_mailbox *box = fixture_open(f, "INBOX");

	fixture_store(f, box, first, first + 1, CV_FLAGS_ADD, flags, keyword);
	mailbox_api.close(&box);
}

static void annotate(struct fixture *f, uint32_t first, const char *shared,
		     const char *own)
{
	const struct cv_annotation list[] = {
		{ .entry = CV_SPAN("/comment"), .value = shared == NULL ?
			CV_SPAN_NONE : cv_span_of(shared) },
		{ .entry = CV_SPAN("/comment"), .value = cv_span_of(own),
		  .is_private = true },
	};
	struct cv_range range = { first, first + 1 };
	struct cv_store_request r = {
		CV_SIZED(cv_store_request), .seqs = { &range, 1 },
		.unchanged_since = UINT64_MAX,
		.annotations = list, .annotation_count = 2,
	};
	struct cv_mailbox *box = fixture_open(f, "INBOX");

	ok(f, mailbox_api.store(box, &r, f->pool, NULL, &f->err));
	mailbox_api.close(&box);
}

static void fill(struct fixture *f)
{
	struct cv_mailbox *box;

	memset(&past, 0, sizeof(past));
	ok(f, mailbox_api.create(f->user, "other", 0, &f->err));
	save_some(f, "INBOX", 1, 4);
	save_some(f, "other", 1, 2);
	remember(f);
	work_on(f, 1, CV_FLAG_FLAGGED, "$Key");
	annotate(f, 1, "first", "own");
	rotate(f);
	remember(f);
	fixture_logout(f);
	take_tree(f, &older);
	fixture_login(f);
	work_on(f, 2, CV_FLAG_ANSWERED, "other");
	annotate(f, 2, "second", "own too");
	remember(f);
	save_some(f, "other", 3, 2);
	work_on(f, 4, CV_FLAG_DELETED, NULL);
	box = fixture_open(f, "INBOX");
	ok(f, mailbox_api.expunge(box, NULL, &f->err));
	mailbox_api.close(&box);
	rotate(f);
	remember(f);
	save_some(f, "INBOX", 5, 3);
	remember(f);
	work_on(f, 1, CV_FLAG_SEEN, NULL);
	remember(f);
	annotate(f, 1, NULL, "last");
	remember(f);
	fixture_logout(f);
	take_tree(f, &whole);
	fixture_login(f);
	/* what was expunged is no longer there to be found */
	for (size_t i = 0; i < past.count; ) {
		static struct view view;
		bool there = false;

		look(f, &view);
		for (size_t k = 0; k < view.count; k++)
			there = there || (view.messages[k].hash ==
				past.messages[i].hash &&
				view.messages[k].box == past.messages[i].box);
		if (there)
			i++;
		else
			past.messages[i] = past.messages[--past.count];
	}
	fixture_logout(f);
}

/* --- judging -------------------------------------------------------------- */

enum damage_kind { FLIP, CUT, ZERO, SWAP };

struct damage {
	const char *what;
	enum damage_kind kind;
	const struct file *file;
	size_t at;
	/* nobody can tell: an old but whole state, or a torn end of the
	 * journal */
	bool rolls_back;
};

static bool value_was(const uint32_t *values, uint32_t value, bool any)
{
	for (int s = any ? 0 : past.steps - 1; s < past.steps; s++) {
		if (values[s] == value)
			return true;
	}
	return false;
}

static const char *judge_message(const struct view *view,
				 const struct shown *m,
				 const struct damage *damage)
{
	const struct known *k = known_of(m->box, m->hash);
	bool any = view->noticed || damage->rolls_back;

	if (k == NULL)
		return "a message that never was";
	if (view->uidvalidity[m->box] != past.uidvalidity[m->box]) {
		if (!view->noticed)
			return "another UIDVALIDITY, and nothing was noticed";
	} else if (m->uid < past.uidnext[m->box] && m->uid != k->uid) {
		return "a UID means another message";
	}
	/* found anew, a message may have lost its flags */
	if (!value_was(k->flags, m->flags, any) && !(any && m->flags == 0))
		return view->noticed ? "flags that never were" :
			"flags are wrong, and nothing was noticed";
	if (!value_was(k->notes, m->notes, any) && !(any && m->notes == 0))
		return view->noticed ? "annotations that never were" :
			"annotations are wrong, and nothing was noticed";
	return NULL;
}

/* complete: after force-resync nothing may be missing.  Before, a driver whose
 * mail is nobody else's believes a journal that looks as a power cut leaves
 * it. */
static const char *judge(const struct view *view, const struct damage *damage,
			 bool complete)
{
	for (size_t i = 0; i < view->count; i++) {
		const char *wrong = judge_message(view, &view->messages[i],
						  damage);

		if (wrong != NULL)
			return wrong;
		for (size_t k = 0; k < i; k++) {
			if (view->messages[k].box == view->messages[i].box &&
			    view->messages[k].hash == view->messages[i].hash)
				return "a message is there twice";
		}
	}
	return view->count < past.count && (complete || !damage->rolls_back) ?
		"a message is lost" : NULL;
}

/* New mail gets a UID that nobody has had. */
static const char *judge_going_on(struct fixture *f, const struct view *view)
{
	for (int i = 0; i < BOXES; i++) {
		uint32_t uid = 0;

		if (fixture_try_save(f, box_names[i],
				     CV_SPAN("Subject: new\r\n\r\nx\r\n"), 0,
				     &uid) < 0)
			return "cannot be gone on with";
		if (view->uidvalidity[i] == past.uidvalidity[i] &&
		    uid < past.uidnext[i])
			return "a UID is given out again";
	}
	return NULL;
}

static const char *resync(struct fixture *f, bool again)
{
	for (int i = 0; i < BOXES; i++) {
		uint32_t found = 0, gone = 0;
		bool mended;

		if (mailbox_resync(f->user, box_names[i], &found, &gone, &mended,
				   &f->err) < 0)
			return "force-resync fails";
		if (again && found + gone > 0)
			return "force-resync finds more and more";
	}
	return NULL;
}

static const char *try_damage(struct fixture *f, const struct damage *damage)
{
	static struct view first, second;
	const char *wrong;

	fixture_login(f);
	look(f, &first);
	wrong = judge(&first, damage, false);
	fixture_logout(f);
	if (wrong != NULL)
		return wrong;
	fixture_login(f);
	wrong = resync(f, damage->file == NULL);
	if (wrong == NULL)
		wrong = resync(f, true);
	if (wrong == NULL) {
		look(f, &second);
		second.noticed = second.noticed || first.noticed;
		wrong = judge(&second, damage, true);
	}
	for (int i = 0; wrong == NULL && i < BOXES; i++) {
		if (second.uidvalidity[i] != first.uidvalidity[i])
			wrong = "UIDVALIDITY changes once more";
	}
	if (wrong == NULL)
		wrong = judge_going_on(f, &second);
	fixture_logout(f);
	return wrong;
}

/* --- trying --------------------------------------------------------------- */

static unsigned int tried, wrong_count, turn, every;

static bool is_full(void)
{
	return getenv("CULVER_FULL") != NULL;
}

static void report(const struct damage *d, const char *wrong)
{
	const char *name = strrchr(d->file->path, '/') + 1;

	if (wrong_count++ < 10)
		print_error("%s %.60s at %zu of %zu: %s\n", d->what, name, d->at,
			    d->file->size, wrong);
}

static void try_data(struct fixture *f, const struct damage *d,
		     const void *data, size_t size)
{
	const char *wrong;

	if (turn++ % every != 0)
		return;
	restore_tree(f);
	write_file(d->file->path, data, size);
	pool_reset(f->pool);
	wrong = try_damage(f, d);
	tried++;
	if (wrong != NULL)
		report(d, wrong);
}

static bool is_journal(const struct file *file)
{
	return strstr(file->path, "/journal.") != NULL;
}

static bool is_catalogue(const struct file *file)
{
	return strcmp(file->path + strlen(file->path) - 4, ".cat") == 0;
}

static void flip_bytes(struct fixture *f, const struct file *file)
{
	unsigned char *copy = malloc(file->size);
	struct damage d = { "flipped", FLIP, file, 0, is_catalogue(file) };

	for (d.at = 0; d.at < file->size; d.at++) {
		memcpy(copy, file->data, file->size);
		copy[d.at] ^= (unsigned char)(1 << d.at % 8);
		/* in the last group it looks like a torn end */
		d.rolls_back = is_journal(file) || is_catalogue(file);
		try_data(f, &d, copy, file->size);
	}
	free(copy);
}

static void cut(struct fixture *f, const struct file *file)
{
	struct damage d = { "cut", CUT, file, 0, !strstr(file->path, ".snap") };

	for (d.at = 0; d.at < file->size; d.at++) {
		/* right behind a header, too */
		every = is_full() || d.at % 128 == 0 ? 1 : 43;
		try_data(f, &d, file->data, d.at);
	}
}

static void zero_blocks(struct fixture *f, const struct file *file,
			size_t block)
{
	unsigned char *copy = malloc(file->size);
	struct damage d = { "zeroed", ZERO, file, 0,
			    !strstr(file->path, ".snap") };

	for (d.at = 0; d.at < file->size; d.at += block) {
		size_t len = file->size - d.at < block ? file->size - d.at :
			block;

		memcpy(copy, file->data, file->size);
		memset(copy + d.at, 0, len);
		try_data(f, &d, copy, file->size);
	}
	free(copy);
}

/* Each file of an account in the place of each other, of now and of before. */
static void swap_with(struct fixture *f, const struct file *file,
		      const struct tree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		const struct file *other = &tree->files[i];
		struct damage d = { "swapped", SWAP, file, i,
				    !strstr(file->path, ".snap") };

		if (other->is_ours && other != file)
			try_data(f, &d, other->data, other->size);
	}
}

static void remove_file(struct fixture *f, const struct file *file)
{
	struct damage d = { "removed", SWAP, file, 0, true };
	const char *wrong;

	restore_tree(f);
	assert_int_equal(unlink(file->path), 0);
	wrong = try_damage(f, &d);
	tried++;
	if (wrong != NULL)
		report(&d, wrong);
}

static void damage_each(struct fixture *f)
{
	size_t files = 0;

	tried = wrong_count = turn = 0;
	for (size_t i = 0; i < whole.count; i++) {
		const struct file *file = &whole.files[i];

		if (!file->is_ours)
			continue;
		files++;
		every = is_full() ? 1 : 41;
		flip_bytes(f, file);
		cut(f, file);
		every = is_full() ? 1 : 2;
		zero_blocks(f, file, 512);
		zero_blocks(f, file, 4096);
		swap_with(f, file, &whole);
		swap_with(f, file, &older);
		remove_file(f, file);
	}
	print_message("%zu files, %u kinds of damage\n", files, tried);
	assert_true(files >= 3 && tried > 100);
	if (wrong_count > 0)
		fail_msg("%u of %u are wrong", wrong_count, tried);
}

static void run(struct fixture *f)
{
	tree_pool = pool_create("trees");
	fill(f);
	assert_true(past.count > 7);
	restore_tree(f);
	assert_null(try_damage(f, &(struct damage){ .what = "none" }));
	damage_each(f);
	pool_destroy(&tree_pool);
	fixture_deinit(f);
}

/* --- tests ---------------------------------------------------------------- */

#ifndef FIXTURE_MBOX
static size_t journal_size(const struct file **file_r)
{
	for (size_t i = 0; i < whole.count; i++) {
		const char *name = strrchr(whole.files[i].path, '/') + 1;

		if (strcmp(name, "journal.1") == 0) {
			*file_r = &whole.files[i];
			return whole.files[i].size;
		}
	}
	fail_msg("there is no journal");
	return 0;
}

static void expunge_first(struct fixture *f, const char *name)
{
	struct cv_mailbox *box = fixture_open(f, name);

	fixture_store(f, box, 1, 1, CV_FLAGS_ADD, CV_FLAG_DELETED, NULL);
	ok(f, mailbox_api.expunge(box, NULL, &f->err));
	mailbox_api.close(&box);
}

/* Messages 1 and 2 of INBOX are moved, 3 is expunged, and the second of those
 * that were moved too.  said_r: bytes of the journal that say it all. */
static void move_some(struct fixture *f, size_t *moved_r, size_t *said_r)
{
	const struct file *journal;

	memset(&past, 0, sizeof(past));
	ok(f, mailbox_api.create(f->user, "other", 0, &f->err));
	save_some(f, "INBOX", 1, 5);
	remember(f);
	fixture_logout(f);
	take_tree(f, &whole);
	*moved_r = journal_size(&journal);
	fixture_login(f);
	ok(f, fixture_try_copy(f, true));
	expunge_first(f, "INBOX");
	expunge_first(f, "other");
	fixture_logout(f);
	take_tree(f, &whole);
	*said_r = journal_size(&journal);
	fixture_login(f);
	save_some(f, "INBOX", 10, 1);
	fixture_logout(f);
	take_tree(f, &whole);
	fixture_login(f);
}

static unsigned int shown_times(const struct view *view, uint32_t hash)
{
	unsigned int times = 0;

	for (size_t i = 0; i < view->count; i++)
		times += view->messages[i].hash == hash;
	return times;
}

/* Bodies of messages that were never expunged are each there once. */
static void judge_moved(const struct view *view, size_t cut, bool said)
{
	for (size_t i = 0; i < 5; i++) {
		unsigned int times = shown_times(view, past.messages[i].hash);
		bool expunged = i == 0 || i == 2;

		if (times > 1 || (times == 0 && !expunged) ||
		    (times > 0 && expunged && said))
			fail_msg("cut at %zu: message %zu is there %u times",
				 cut, i + 1, times);
	}
}

static void a_moved_message_outlives_a_cut_journal(void **state)
{
	static struct view view;
	const struct file *journal;
	size_t moved, said, size;
	struct fixture f;

	tree_pool = pool_create("trees");
	dbox_init(&f, "mdbox", "");
	move_some(&f, &moved, &said);
	fixture_logout(&f);
	size = journal_size(&journal);
	assert_true(moved < said && said < size);
	for (size_t at = 0; at <= size; at += at < moved / 2 ? 97 : 13) {
		restore_tree(&f);
		write_file(journal->path, journal->data, at);
		fixture_login(&f);
		assert_null(resync(&f, false));
		assert_null(resync(&f, true));
		look(&f, &view);
		judge_moved(&view, at, at >= said);
		fixture_logout(&f);
	}
	fixture_login(&f);
	pool_destroy(&tree_pool);
	fixture_deinit(&f);
	(void)state;
}
#endif

#ifdef FIXTURE_MBOX
static void an_mbox_outlives_any_damage(void **state)
{
	struct fixture f;

	fixture_init(&f, "");
	run(&f);
	(void)state;
}
#else
static void a_maildir_outlives_any_damage(void **state)
{
	struct fixture f;

	fixture_init(&f, "");
	run(&f);
	(void)state;
}

static void an_sdbox_outlives_any_damage(void **state)
{
	struct fixture f;

	dbox_init(&f, "sdbox", "");
	run(&f);
	(void)state;
}

static void an_mdbox_outlives_any_damage(void **state)
{
	struct fixture f;

	dbox_init(&f, "mdbox", "");
	run(&f);
	(void)state;
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef FIXTURE_MBOX
		cmocka_unit_test(an_mbox_outlives_any_damage),
#else
		cmocka_unit_test(a_maildir_outlives_any_damage),
		cmocka_unit_test(an_sdbox_outlives_any_damage),
		cmocka_unit_test(an_mdbox_outlives_any_damage),
		cmocka_unit_test(a_moved_message_outlives_a_cut_journal),
#endif
	};

	log_set_level(NULL, LOG_LEVEL_FATAL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
