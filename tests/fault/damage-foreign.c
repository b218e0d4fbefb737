/* damage-foreign.c - a tree of mdbox as Dovecot leaves it, without its map, and
 * with storage/m.1 damaged in every way: bytes flipped, blocks zeroed or
 * overwritten with what looks like Dovecot's heads, bytes lost and put in.
 *
 * Whatever happened: nothing crashes, and each message that the damage has not
 * touched is there with its bytes, once.
 *
 * Without CULVER_FULL a fixed sample is tried. */
#include "../unit/dovecot-tree.h"

enum { ROOM = 1 << 16 };

struct record { size_t start, end; };

static char whole[ROOM], damaged[2 * ROOM];
static size_t whole_size;
static struct record records[TREE_ALL];
static unsigned int turn, tried;

/* --- the tree --------------------------------------------------------------- */

static void run(const struct fixture *f, const char *how)
{
	char command[500];

	(void)snprintf(command, sizeof(command), how, f->dir, f->dir, f->dir);
	assert_int_equal(system(command), 0);
}

static void take_file(const struct fixture *f)
{
	char path[200];
	FILE *file;

	tree_path(f, "storage/m.1", path);
	file = fopen(path, "rb");
	assert_non_null(file);
	whole_size = fread(whole, 1, sizeof(whole), file);
	fclose(file);
	assert_true(whole_size < sizeof(whole));
}

static void put_file(const struct fixture *f, size_t size)
{
	char path[200];
	FILE *file;

	tree_path(f, "storage/m.1", path);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(damaged, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static void find_records(void)
{
	const char *at = whole, *end = whole + whole_size;

	for (int i = 0; i < TREE_ALL; i++) {
		at = memmem(at, (size_t)(end - at), "\001\002N", 3);
		assert_non_null(at);
		records[i].start = (size_t)(at - whole);
		if (i > 0)
			records[i - 1].end = records[i].start;
		at++;
	}
	records[TREE_ALL - 1].end = whole_size;
}

/* --- what is shown ---------------------------------------------------------- */

static void count_box(struct fixture *f, const char *name, int *seen)
{
	struct cv_mailbox *box = fixture_open(f, name);
	uint32_t count = fixture_state(box).messages;

	assert_true(count <= TREE_ALL);
	for (uint32_t seq = 1; seq <= count; seq++) {
		const char *text = fixture_try_body(f, box, seq);

		for (int i = 1; i <= TREE_ALL; i++) {
			char want[100];

			tree_text(i, want);
			seen[i - 1] += text != NULL &&
				strcmp(text, want) == 0;
		}
	}
	mailbox_api.close(&box);
}

/* first to last: what was damaged, in the file as it was. */
static void try_it(struct fixture *f, size_t size, size_t first, size_t last,
		   const char *what)
{
	int seen[TREE_ALL] = { 0 };

	run(f, "rm -rf %s/home && cp -a %s/kept %s/home");
	put_file(f, size);
	pool_reset(f->pool);
	fixture_login(f);
	count_box(f, "INBOX", seen);
	count_box(f, "other", seen);
	fixture_logout(f);
	tried++;
	for (int i = 0; i < TREE_ALL; i++) {
		bool hit = first < records[i].end && last >= records[i].start;

		if (seen[i] != 1 && !(hit && seen[i] == 0))
			fail_msg("%s from %zu to %zu: message %d of [%zu, %zu) "
				 "is there %d times", what, first, last, i + 1,
				 records[i].start, records[i].end, seen[i]);
	}
}

/* --- damage ----------------------------------------------------------------- */

static bool is_turn(unsigned int every)
{
	return getenv("CULVER_FULL") != NULL || turn++ % every == 0;
}

static void flip(struct fixture *f)
{
	for (size_t at = 0; at < whole_size; at++) {
		/* Dovecot has no sum of the bytes: one message could become
		 * another */
		if (!is_turn(13) ||
		    (at > 5 && memcmp(whole + at - 5, "body ", 5) == 0))
			continue;
		memcpy(damaged, whole, whole_size);
		damaged[at] ^= (char)(1 << at % 8);
		try_it(f, whole_size, at, at, "flipped");
	}
}

static void overwrite(struct fixture *f, size_t len, const char *with,
		      size_t with_len, const char *what)
{
	for (size_t at = 0; at + len <= whole_size; at += 11) {
		if (!is_turn(7))
			continue;
		memcpy(damaged, whole, whole_size);
		for (size_t i = 0; i < len; i++)
			damaged[at + i] = with[i % with_len];
		try_it(f, whole_size, at, at + len - 1, what);
	}
}

/* Everything behind it lies elsewhere. */
static void shift(struct fixture *f)
{
	for (size_t at = 0; at + 20 < whole_size; at += 11) {
		if (!is_turn(7))
			continue;
		memcpy(damaged, whole, at);
		memcpy(damaged + at, whole + at + 5, whole_size - at - 5);
		try_it(f, whole_size - 5, at, at + 4, "lost");
		memcpy(damaged, whole, at);
		memset(damaged + at, '\n', 20);
		memcpy(damaged + at + 20, whole + at, whole_size - at);
		try_it(f, whole_size + 20, at > 0 ? at - 1 : 0, at,
		       "put in");
	}
}

static void cut(struct fixture *f)
{
	for (size_t size = 0; size < whole_size; size += 3) {
		if (!is_turn(13))
			continue;
		memcpy(damaged, whole, whole_size);
		try_it(f, size, size, whole_size, "cut");
	}
}

static void an_mdbox_of_dovecot_without_a_map_outlives_damage(void **state)
{
	static const char head[] =
		"\001\002N          0000000000000000\n";
	struct fixture f;

	(void)state;
	tree_init(&f);
	tree_lose(&f, "storage/dovecot.map.index");
	take_file(&f);
	find_records();
	run(&f, "cp -a %s/home %s/kept; : %s");
	memcpy(damaged, whole, whole_size);
	try_it(&f, whole_size, SIZE_MAX, 0, "nothing");
	flip(&f);
	overwrite(&f, 16, "", 1, "zeroed");
	overwrite(&f, 200, "", 1, "zeroed");
	overwrite(&f, 60, head, sizeof(head) - 1, "heads");
	shift(&f);
	cut(&f);
	print_message("%u kinds of damage\n", tried);
	assert_true(tried > 100);
	fixture_login(&f);
	fixture_deinit(&f);
}

/* Damage across blocks that are read at once. */
static void a_message_far_behind_the_damage_is_found(void **state)
{
	struct fixture f;
	size_t at;

	(void)state;
	tree_init(&f);
	tree_lose(&f, "storage/dovecot.map.index");
	take_file(&f);
	find_records();
	run(&f, "cp -a %s/home %s/kept; : %s");
	at = records[2].start;
	for (size_t gap = 3900; gap < 60000; gap += gap < 4300 ? 1 : 7919) {
		if (!is_turn(29))
			continue;
		memcpy(damaged, whole, at);
		memset(damaged + at, '\001', gap);
		memcpy(damaged + at + gap, whole + at, whole_size - at);
		try_it(&f, whole_size + gap, SIZE_MAX, 0, "far");
	}
	fixture_login(&f);
	fixture_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			an_mdbox_of_dovecot_without_a_map_outlives_damage),
		cmocka_unit_test(a_message_far_behind_the_damage_is_found),
	};

	log_set_level(NULL, LOG_LEVEL_FATAL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
