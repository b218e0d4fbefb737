/* test-mbox-damage.c - the map of an mbox damaged in every way, and rewrites
 * that a crash has interrupted while another program goes on appending. */
#include "mailbox-fixture.h"

#include <fcntl.h>
#include <sys/wait.h>

enum { SEEN = CV_FLAG_SEEN, MESSAGES = 4, MAP_HEAD = 8192 };

static const char foreign[] =
	"From mta@example.org Mon Jan  5 10:11:12 2026\n"
	"Subject: foreign\n\nby the agent\n\n";

static const char *own_path(struct fixture *f, const char *kind)
{
	return pool_printf(f->pool, "%s/home/mail/.imap/mbox/%s", f->dir,
			   kind);
}

/* The one file of ours whose name ends so. */
static const char *own_file(struct fixture *f, const char *end)
{
	struct io_dir *dir = io_dir_open(io_posix(), AT_FDCWD,
					 own_path(f, ""));
	const char *name, *path = NULL;

	assert_non_null(dir);
	while ((name = io_dir_next(dir, NULL)) != NULL) {
		size_t len = strlen(name), end_len = strlen(end);

		if (len > end_len && strcmp(name + len - end_len, end) == 0)
			path = own_path(f, name);
	}
	io_dir_close(&dir);
	return path;
}

static struct cv_span read_file(struct fixture *f, const char *path)
{
	struct cv_text text;
	char buffer[4096];
	size_t got;
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	cv_text_init(&text, f->pool);
	while ((got = fread(buffer, 1, sizeof(buffer), file)) > 0)
		cv_text_append(&text, buffer, got);
	fclose(file);
	return cv_text_span(&text);
}

static char *copy_of(struct fixture *f, struct cv_span data)
{
	char *copy = pool_alloc(f->pool, data.len + 1);

	memcpy(copy, data.data, data.len);
	return copy;
}

static void write_file(const char *path, struct cv_span data,
		       const char *mode)
{
	FILE *file = fopen(path, mode);

	assert_non_null(file);
	assert_int_equal(fwrite(data.data, 1, data.len, file), data.len);
	assert_int_equal(fclose(file), 0);
}

static void append_foreign(struct fixture *f)
{
	write_file(pool_printf(f->pool, "%s/home/mail/inbox", f->dir),
		   CV_SPAN(foreign), "a");
}

/* Messages with headers of different lengths; every other one is seen. */
static void fill(struct fixture *f)
{
	for (unsigned int i = 1; i <= MESSAGES; i++)
		fixture_save(f, "INBOX", pool_printf(
			f->pool, "Subject: %u\n\nbody of %u\n", i, i),
			i % 2 ? SEEN : 0);
}

static void look(struct fixture *f, const char *what, size_t at)
{
	struct cv_mailbox *box = fixture_open(f, "INBOX");

	if (fixture_state(box).messages != MESSAGES)
		fail_msg("%s %zu: %u messages", what, at,
			 fixture_state(box).messages);
	for (uint32_t i = 1; i <= MESSAGES; i++) {
		struct cv_message_data d = fixture_message(f, box, i, 0);

		assert_int_equal(d.uid, i);
		assert_int_equal(d.flags & CV_FLAGS_STORED, i % 2 ? SEEN : 0);
		assert_string_equal(fixture_body(f, box, i), pool_printf(
			f->pool, "Subject: %u\r\n\r\nbody of %u\r\n", i, i));
	}
	mailbox_api.close(&box);
}

/* Every byte but those of the unused names of keywords. */
static size_t next_byte(size_t at)
{
	return at == 250 ? MAP_HEAD - 2 : at + 1;
}

static void a_map_with_any_byte_changed_loses_nothing(void **state)
{
	struct fixture f;
	struct cv_span map;
	const char *path;

	(void)state;
	fixture_init(&f, "");
	fill(&f);
	fixture_logout(&f);
	path = own_file(&f, ".map");
	assert_non_null(path);
	map = read_file(&f, path);
	assert_true(map.len > MAP_HEAD);
	for (size_t at = 0; at < map.len; at = next_byte(at)) {
		char *bad = copy_of(&f, map);

		bad[at] = (char)(bad[at] ^ (at % 2 ? 0x80 : 1));
		write_file(path, cv_span(bad, map.len), "w");
		fixture_login(&f);
		look(&f, "byte", at);
		fixture_logout(&f);
	}
	fixture_login(&f);
	fixture_deinit(&f);
}

static void a_map_of_any_length_loses_nothing(void **state)
{
	struct fixture f;
	struct cv_span map;
	const char *path;

	(void)state;
	fixture_init(&f, "");
	fill(&f);
	fixture_logout(&f);
	path = own_file(&f, ".map");
	map = read_file(&f, path);
	for (size_t len = 0; len <= map.len; len = next_byte(len)) {
		write_file(path, cv_span(map.data, len), "w");
		fixture_login(&f);
		look(&f, "length", len);
		fixture_logout(&f);
	}
	write_file(path, cv_span(pool_alloc(f.pool, map.len), map.len), "w");
	fixture_login(&f);
	look(&f, "zeros", 0);
	fixture_deinit(&f);
}

/* --- rewrites that end early -------------------------------------------------------- */

/* A process that dies while it writes its lock file leaves one that tells
 * nothing; others wait until it is old. */
static void end_wait_for_lock(struct fixture *f)
{
	const char *path = pool_printf(f->pool, "%s/home/mail/inbox.lock",
				       f->dir);
	struct cv_span text;

	if (access(path, F_OK) != 0)
		return;
	text = read_file(f, path);
	if (text.len == 0 || text.data[text.len - 1] != '\n')
		assert_int_equal(unlink(path), 0);
}

/* The second message goes: all behind it moves.  In a child that dies at its
 * n-th operation.  False: it was done before that. */
static bool expunge_and_die(struct fixture *f, uint64_t n)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct cv_mailbox *box;

		f->io = io_fault_create(io_posix(), f->pool);
		fixture_login(f);
		if (mailbox_api.open(f->user, "INBOX", 0, &box, &f->err) < 0)
			_exit(1);
		io_fault_arm(f->io, IO_FAULT_KILL, n, false);
		if (fixture_try_store(f, box, 2, 2, CV_FLAGS_ADD,
				      CV_FLAG_DELETED, NULL) < 0 ||
		    mailbox_api.expunge(box, NULL, &f->err) < 0)
			_exit(1);
		mailbox_api.close(&box);
		fixture_logout(f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	end_wait_for_lock(f);
	if (WIFSIGNALED(status))
		return true;
	assert_int_equal(status, 0);
	return false;
}

/* Each of the messages but perhaps the second, in order, and the foreign
 * ones behind them. */
static void look_after_crash(struct fixture *f, uint64_t n, int appended)
{
	static const uint32_t uids[] = { 1, 2, 3, 4 };
	struct cv_mailbox *box = fixture_open(f, "INBOX");
	uint32_t count = fixture_state(box).messages;
	uint32_t ours = count - (uint32_t)appended, i = 0;

	if (ours != MESSAGES && ours != MESSAGES - 1)
		fail_msg("operation %llu: %u messages",
			 (unsigned long long)n, count);
	for (uint32_t seq = 1; seq <= count; seq++, i++) {
		const char *text = fixture_body(f, box, seq);
		uint32_t uid = fixture_message(f, box, seq, 0).uid;

		if (seq > ours) {
			assert_string_equal(text, "Subject: foreign\r\n\r\n"
					    "by the agent\r\n");
			assert_true(uid > MESSAGES);
			continue;
		}
		if (i == 1 && ours < MESSAGES)
			i++;
		assert_int_equal(uid, uids[i]);
		assert_string_equal(text, pool_printf(
			f->pool, "Subject: %u\r\n\r\nbody of %u\r\n",
			uids[i], uids[i]));
	}
	mailbox_api.close(&box);
}

static void crash_everywhere(int appended)
{
	uint64_t n;
	bool died = true;

	for (n = 1; died; n++) {
		struct fixture f;

		assert_true(n < 400);
		fixture_init(&f, "");
		fill(&f);
		fixture_logout(&f);
		died = expunge_and_die(&f, n);
		for (int i = 0; i < appended; i++)
			append_foreign(&f);
		fixture_login(&f);
		look_after_crash(&f, n, appended);
		/* and once more, from what is on disk now */
		fixture_logout(&f);
		fixture_login(&f);
		look_after_crash(&f, n, appended);
		fixture_save(&f, "INBOX", "Subject: last\n\n", 0);
		assert_null(own_file(&f, ".redo"));
		fixture_deinit(&f);
	}
	assert_true(n > 20);
}

static void a_rewrite_that_was_interrupted_is_ended(void **state)
{
	(void)state;
	crash_everywhere(0);
}

static void mail_appended_after_the_crash_stays(void **state)
{
	(void)state;
	crash_everywhere(1);
	crash_everywhere(2);
}

/* A redo file that a crash has left, with the mbox before it was touched;
 * done: and the mbox has been shortened already. */
static const char *leave_redo(struct fixture *f, bool done,
			      struct cv_span *box_r)
{
	const char *box, *redo = NULL;

	fixture_init(f, "");
	fill(f);
	fixture_logout(f);
	box = pool_printf(f->pool, "%s/home/mail/inbox", f->dir);
	*box_r = read_file(f, box);
	for (uint64_t n = 1; n < 400; n++) {
		struct cv_span now;

		if (!expunge_and_die(f, n))
			break;
		redo = own_file(f, ".redo");
		now = read_file(f, box);
		if (redo != NULL && read_file(f, redo).len > 4096 &&
		    (done ? now.len < box_r->len :
		     now.len != box_r->len ||
		     memcmp(now.data, box_r->data, now.len) != 0))
			return redo;
		fixture_login(f);
		look_after_crash(f, n, 0);
		fixture_deinit(f);
		fixture_init(f, "");
		fill(f);
		fixture_logout(f);
		box = pool_printf(f->pool, "%s/home/mail/inbox", f->dir);
		*box_r = read_file(f, box);
	}
	fail_msg("no crash leaves a redo file");
	return NULL;
}

/* What was not expunged is there once, as it was. */
static void look_after_damage(struct fixture *f)
{
	struct cv_mailbox *box = fixture_open(f, "INBOX");
	uint32_t count = fixture_state(box).messages, found = 0;

	assert_in_range(count, MESSAGES - 1, MESSAGES);
	for (uint32_t seq = 1; seq <= count; seq++) {
		const char *text = fixture_body(f, box, seq);
		uint32_t number = (uint32_t)(text[9] - '0');

		assert_string_equal(text, pool_printf(
			f->pool, "Subject: %u\r\n\r\nbody of %u\r\n",
			number, number));
		if (number != 2)
			assert_int_equal(fixture_message(f, box, seq, 0).uid,
					 number);
		assert_int_equal(found & 1U << number, 0);
		found |= 1U << number;
	}
	assert_int_equal(found | 1U << 2, 0x1e);
	mailbox_api.close(&box);
}

/* A damaged redo file is not believed: the mbox of before stays. */
static void a_redo_file_with_any_byte_changed_does_no_harm(void **state)
{
	struct fixture f;
	struct cv_span before, redo;
	const char *path, *box;

	(void)state;
	path = leave_redo(&f, false, &before);
	redo = read_file(&f, path);
	box = pool_printf(f.pool, "%s/home/mail/inbox", f.dir);
	for (size_t at = 0; at < redo.len; at = at == 96 ? 4096 : at + 1) {
		char *bad = copy_of(&f, redo);

		bad[at] = (char)(bad[at] ^ 0x10);
		write_file(box, before, "w");
		write_file(path, cv_span(bad, redo.len), "w");
		f.boot_id[0]++;		/* looked at anew */
		fixture_login(&f);
		look_after_damage(&f);
		fixture_logout(&f);
	}
	/* the file of another mbox */
	write_file(box, CV_SPAN(foreign), "w");
	write_file(path, redo, "w");
	f.boot_id[0]++;
	fixture_login(&f);
	box = pool_strdup(f.pool, box);
	mailbox_api.close(&(struct cv_mailbox *){ fixture_open(&f, "INBOX") });
	assert_non_null(strstr(read_file(&f, box).data, "by the agent"));
	assert_null(own_file(&f, ".redo"));
	fixture_deinit(&f);
}

/* Another program takes a message out of the file and puts one behind it,
 * before the redo file of a rewrite that was all but done is found. */
static void what_another_program_has_rewritten_since_stays(void **state)
{
	struct fixture f;
	struct cv_span before, now;
	const char *path, *third, *fourth;
	struct cv_mailbox *box;
	struct cv_text text;

	(void)state;
	path = leave_redo(&f, true, &before);
	assert_non_null(path);
	path = pool_printf(f.pool, "%s/home/mail/inbox", f.dir);
	now = read_file(&f, path);
	third = memmem(now.data + 1, now.len - 1, "From ", 5);
	assert_non_null(third);
	fourth = memmem(third + 1, (size_t)(now.data + now.len - third - 1),
			"From ", 5);
	assert_non_null(fourth);
	cv_text_init(&text, f.pool);
	cv_text_append(&text, now.data, (size_t)(third - now.data));
	cv_text_append(&text, fourth, (size_t)(now.data + now.len - fourth));
	cv_text_append(&text, foreign, strlen(foreign));
	write_file(path, cv_text_span(&text), "w");

	fixture_login(&f);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 3);
	assert_int_equal(fixture_message(&f, box, 1, 0).uid, 1);
	assert_int_equal(fixture_message(&f, box, 2, 0).uid, 4);
	assert_string_equal(fixture_body(&f, box, 3),
			    "Subject: foreign\r\n\r\nby the agent\r\n");
	mailbox_api.close(&box);
	assert_null(own_file(&f, ".redo"));
	fixture_deinit(&f);
}

/* A power cut: zeros from `from` to `to` in what was appended. */
static void check_hole(size_t from, size_t to)
{
	static const char nul[] =
		"From mta@example.org Mon Jan  5 10:11:12 2026\n"
		"Subject: foreign\n\na \0 and\n\0another\n\n";
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_span whole;
	const char *path, *end;
	char *holed, text[100];

	fixture_init(&f, "");
	for (int i = 1; i <= MESSAGES; i++) {
		(void)snprintf(text, sizeof(text),
			       "Subject: %d\r\n\r\nbody\r\n", i);
		(void)fixture_save(&f, "INBOX", text, 0);
	}
	path = pool_printf(f.pool, "%s/home/mail/inbox", f.dir);
	write_file(path, cv_span(nul, sizeof(nul) - 1), "a");
	fixture_logout(&f);
	whole = read_file(&f, path);
	end = memmem(whole.data, whole.len, "From mta", 8);
	assert_non_null(end);
	if (to > (size_t)(end - whole.data))
		to = (size_t)(end - whole.data);
	if (from < to) {
		holed = copy_of(&f, whole);
		memset(holed + from, 0, to - from);
		write_file(path, cv_span(holed, whole.len), "w");
	}
	f.boot_id[0]++;
	for (int n = 0; n < 2; n++) {
		fixture_login(&f);
		box = fixture_open(&f, "INBOX");
		assert_int_equal(fixture_state(box).messages, MESSAGES + 1);
		for (int i = 1; i <= MESSAGES; i++) {
			(void)snprintf(text, sizeof(text),
				       "Subject: %d\r\n\r\nbody\r\n", i);
			assert_string_equal(text, fixture_body(
				&f, box, (uint32_t)i));
		}
		assert_int_equal(fixture_message(&f, box, MESSAGES + 1,
						 CV_MESSAGE_SIZE).size_bytes, 39);
		mailbox_api.close(&box);
		fixture_logout(&f);
	}
	whole = read_file(&f, path);
	assert_null(memmem(whole.data, whole.len, "\0\0", 2));
	fixture_deinit(&f);
}

static void holes_that_a_power_cut_leaves_are_mended(void **state)
{
	(void)state;
	check_hole(0, 0);
	for (size_t from = 0; from < 1024; from += 512) {
		for (size_t to = from + 512; to < 2048; to += 512)
			check_hole(from, to);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_with_any_byte_changed_loses_nothing),
		cmocka_unit_test(a_map_of_any_length_loses_nothing),
		cmocka_unit_test(a_rewrite_that_was_interrupted_is_ended),
		cmocka_unit_test(mail_appended_after_the_crash_stays),
		cmocka_unit_test(
			a_redo_file_with_any_byte_changed_does_no_harm),
		cmocka_unit_test(
			what_another_program_has_rewritten_since_stays),
		cmocka_unit_test(holes_that_a_power_cut_leaves_are_mended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
