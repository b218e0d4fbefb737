/* test-mbox-storage.c - mailboxes that are mbox files: what other programs do
 * to them, and what they see of ours. */
#include "mailbox-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

enum { SEEN = CV_FLAG_SEEN };

static const char from[] = "From a@example.org Mon Jan  5 10:11:12 2026\n";

static void box_path(struct fixture *f, const char *name, char path[300])
{
	snprintf(path, 300, "%s/home/mail/%s", f->dir, name);
}

static void box_write(struct fixture *f, const char *name, const char *text,
		      const char *mode)
{
	char path[300];
	FILE *file;

	snprintf(path, sizeof(path), "%s/home/mail", f->dir);
	(void)mkdir(path, 0700);
	box_path(f, name, path);
	file = fopen(path, mode);
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static const char *box_read(struct fixture *f, const char *name)
{
	char path[300], buffer[65536];
	size_t len;
	FILE *file;

	box_path(f, name, path);
	file = fopen(path, "r");
	assert_non_null(file);
	len = fread(buffer, 1, sizeof(buffer) - 1, file);
	fclose(file);
	buffer[len] = '\0';
	return pool_strdup(f->pool, buffer);
}

static uint32_t uid_of(struct fixture *f, struct cv_mailbox *box,
		       uint32_t seq)
{
	return fixture_message(f, box, seq, 0).uid;
}

static void mail_of_others_is_read(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_message_data d;

	(void)state;
	fixture_init(&f, "");
	box_write(&f, "inbox", pool_printf(f.pool,
		"%sSubject: one\nStatus: RO\nX-Status: AF\n"
		"X-Keywords: red blue\n\nbody one\nFrom here to there\n\n"
		"From b Tue Jan  6 10:11:12 +0100 2026\nSubject: two\n"
		"Content-Length: 6\n\nFrom \n\n"
		"From c@d  Wed Jan 07 10:11 2026 remote from host\n"
		"Subject: three\n\nno end", from), "w");
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 3);
	assert_string_equal(fixture_body(&f, box, 1), "Subject: one\r\n\r\n"
			    "body one\r\nFrom here to there\r\n");
	assert_string_equal(fixture_body(&f, box, 2),
			    "Subject: two\r\n\r\nFrom \r\n");
	assert_string_equal(fixture_body(&f, box, 3),
			    "Subject: three\r\n\r\nno end");
	d = fixture_message(&f, box, 1, 0);
	assert_int_equal(d.flags & CV_FLAGS_STORED, CV_FLAG_SEEN |
			 CV_FLAG_ANSWERED | CV_FLAG_FLAGGED);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

static void uids_of_x_uid_are_taken_over(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;

	(void)state;
	fixture_init(&f, "");
	box_write(&f, "inbox", pool_printf(f.pool,
		"%sSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL "
		"DATA\nX-IMAP: 1234567 0000000020 key\nStatus: RO\n\n"
		"This text is part of the internal format.\n\n"
		"%sSubject: one\nX-UID: 7\n\n1\n\n"
		"%sSubject: two\nX-UID: 12\nX-Keywords: key\n\n2\n\n"
		"%sSubject: new\nX-UID: 999\n\n3\n\n", from, from, from,
		from), "w");
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 3);
	assert_int_equal(fixture_state(box).uidvalidity, 1234567);
	assert_int_equal(uid_of(&f, box, 1), 7);
	assert_int_equal(uid_of(&f, box, 2), 12);
	assert_int_equal(uid_of(&f, box, 3), 21);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

static void bytes_come_back_as_they_were_saved(void **state)
{
	static const char *const messages[] = {
		"Subject: x\n\nbody\n", "Subject: x\n\nno end", "",
		"Subject: only a header\n", "Subject: not even that",
		"\nno header\n", "Subject: x\n\n", "\n\n\n", "x",
		"Subject: x\nStatus: RO\nX-UID: 3\nX-IMAPbase: 1 2\n\nbody\n",
		"X-Culver-Kept: Status: O\nX-Culver-End: yes\n\nbody",
		"From a@b Mon Jan  5 10:11:12 2026\nSubject: x\n\nbody\n",
		"Subject: x\nContent-Length: 2\n\nFrom a@b Mon Jan  5 "
		"10:11:12 2026\nSubject: y\n\nz\n\n\nFrom a@b Mon Jan  5 "
		"10:11:12 2026\n",
		"Subject: x\n\n\n\nblank lines\n\n\n\n",
		"Subject: x\n folded\nStatus: a\n b\n\tc\n\nbody\n",
		"From a@b Mon Jan  5 10:11:12 2026\n folded\n\nbody\n",
		"Subject: x\nStatus: no end",
	};
	enum { COUNT = sizeof(messages) / sizeof(messages[0]) };
	struct fixture f;
	struct cv_mailbox *box;
	char path[300];

	(void)state;
	for (int pass = 0; pass < 2; pass++) {
		fixture_init(&f, "");
		for (int i = 0; i < COUNT; i++)
			fixture_save(&f, "INBOX", messages[i],
				     i % 2 ? SEEN : 0);
		/* the second time the map is lost: all is read again */
		if (pass == 1) {
			struct io_dir *dir;
			const char *name;

			fixture_logout(&f);
			snprintf(path, sizeof(path),
				 "%s/home/mail/.imap/mbox", f.dir);
			dir = io_dir_open(io_posix(), AT_FDCWD, path);
			assert_non_null(dir);
			while ((name = io_dir_next(dir, NULL)) != NULL) {
				if (strstr(name, ".map") != NULL)
					assert_int_equal(unlinkat(
						io_dir_fd(dir), name, 0), 0);
			}
			io_dir_close(&dir);
			box_write(&f, "inbox", "", "a");
			fixture_login(&f);
		}
		box = fixture_open(&f, "INBOX");
		assert_int_equal(fixture_state(box).messages, COUNT);
		for (uint32_t i = 0; i < COUNT; i++) {
			struct cv_text want;

			cv_text_init(&want, f.pool);
			for (const char *p = messages[i]; *p != '\0'; p++)
				cv_text_append_str(&want, *p == '\n' ?
						   "\r\n" :
						   ((char[2]){ *p }));
			assert_int_equal(uid_of(&f, box, i + 1), i + 1);
			assert_string_equal(fixture_body(&f, box, i + 1),
					    cv_text_str(&want));
		}
		mailbox_api.close(&box);
		fixture_deinit(&f);
	}
}

static void mail_that_others_append_is_seen(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;

	(void)state;
	fixture_init(&f, "");
	fixture_save(&f, "INBOX", "Subject: ours\n\nbody\n", SEEN);
	box = fixture_open(&f, "INBOX");
	box_write(&f, "inbox", pool_printf(f.pool,
		"%sSubject: theirs\n\nfrom the mta\n\n", from), "a");
	fixture_sync(&f, box, CV_SYNC_FULL);
	assert_int_equal(fixture_state(box).messages, 2);
	assert_string_equal(fixture_body(&f, box, 2), "Subject: theirs\r\n"
			    "\r\nfrom the mta\r\n");
	fixture_save(&f, "INBOX", "Subject: again\n\nbody\n", 0);
	fixture_sync(&f, box, 0);
	assert_int_equal(fixture_state(box).messages, 3);
	assert_int_equal(uid_of(&f, box, 3), 3);
	assert_string_equal(fixture_body(&f, box, 1),
			    "Subject: ours\r\n\r\nbody\r\n");
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

/* --- how much is read --------------------------------------------------------------- */

enum { MANY = 60, BODY_LINES = 2000 };

static uint64_t bytes_read(void)
{
	FILE *file = fopen("/proc/self/io", "r");
	unsigned long long bytes = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "rchar: %llu", &bytes), 1);
	fclose(file);
	return bytes;
}

/* Foreign mail of 4 MB; where each message's X-Status is. */
static void many_large(struct fixture *f, const char *status)
{
	struct cv_text mail;

	cv_text_init(&mail, f->pool);
	for (int i = 0; i < MANY; i++) {
		cv_text_append_f(&mail, "%sSubject: m%d\nX-Status: %c   \n\n",
				 from, i, i == MANY / 2 ? status[0] : ' ');
		for (int k = 0; k < BODY_LINES; k++)
			cv_text_append_f(&mail, "line %d of %d, as long as "
					 "a line\n", k, i);
		cv_text_append_c(&mail, '\n');
	}
	box_write(f, "inbox", cv_text_str(&mail), "r+");
}

static uint64_t read_by_opening(struct fixture *f, uint32_t messages)
{
	uint64_t before = bytes_read();
	struct cv_mailbox *box = fixture_open(f, "INBOX");

	assert_int_equal(fixture_state(box).messages, messages);
	mailbox_api.close(&box);
	return bytes_read() - before;
}

static void bodies_that_are_known_are_not_read_again(void **state)
{
	const char *more;
	struct fixture f;
	struct cv_mailbox *box;
	struct stat st;
	char path[300];

	(void)state;
	fixture_init(&f, "");
	more = pool_printf(f.pool, "%sSubject: more\n\nmore\n\n", from);
	box_write(&f, "inbox", "", "a");
	many_large(&f, " ");
	box_path(&f, "inbox", path);
	assert_int_equal(stat(path, &st), 0);
	assert_true(read_by_opening(&f, MANY) >= (uint64_t)st.st_size);
	/* one more: no more than a page or two of each of the others */
	box_write(&f, "inbox", more, "a");
	assert_true(read_by_opening(&f, MANY + 1) <
		    (uint64_t)st.st_size / 4);
	/* and what another program does in the middle, without that the file
	 * becomes shorter, is found all the same: a flag, and one more */
	many_large(&f, "F");
	box_write(&f, "inbox", more, "a");
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, MANY + 2);
	assert_int_equal(fixture_message(&f, box, MANY / 2 + 1, 0).flags &
			 CV_FLAGS_STORED, CV_FLAG_FLAGGED);
	assert_int_equal(fixture_message(&f, box, MANY / 2, 0).flags &
			 CV_FLAGS_STORED, 0);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

/* Written over in place by another program: another message in the place of
 * one, and then one more at the end.  A session that only looks for new mail
 * reads the end; whoever opens the mailbox finds the rest. */
static void what_has_grown_may_have_changed_too(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	const char *text, *other;

	(void)state;
	fixture_init(&f, "");
	text = pool_printf(f.pool, "%sSubject: a\n\nA\n\n%sSubject: b\n\nB\n\n"
			   "%sSubject: c\n\nC\n\n", from, from, from);
	other = pool_printf(f.pool, "%sSubject: a\n\nA\n\n%sSubject: x\n\nX\n\n"
			    "%sSubject: c\n\nC\n\n%sSubject: d\n\nD\n\n", from,
			    from, from, from);
	box_write(&f, "inbox", text, "a");
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 3);
	box_write(&f, "inbox", other, "r+");
	fixture_sync(&f, box, CV_SYNC_FULL);
	assert_int_equal(fixture_state(box).messages, 4);
	mailbox_api.close(&box);
	/* in another session; a message that was missed once is still there
	 * until two scans have missed it */
	fixture_logout(&f);
	fixture_login(&f);
	for (int i = 0; i < 2; i++) {
		box = fixture_open(&f, "INBOX");
		fixture_sync(&f, box, CV_SYNC_FULL);
		if (i == 0)
			mailbox_api.close(&box);
	}
	assert_int_equal(fixture_state(box).messages, 4);
	assert_int_equal(uid_of(&f, box, 2), 3);
	assert_string_equal(fixture_body(&f, box, 3),
			    "Subject: d\r\n\r\nD\r\n");
	assert_string_equal(fixture_body(&f, box, 4),
			    "Subject: x\r\n\r\nX\r\n");
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

static void a_rewrite_by_others_keeps_uids(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	uint32_t validity;

	(void)state;
	fixture_init(&f, "");
	fixture_save(&f, "INBOX", "Subject: a\n\nA\n", 0);
	fixture_save(&f, "INBOX", "Subject: b\n\nB\n", 0);
	fixture_save(&f, "INBOX", "Subject: c\n\nC\n", 0);
	box = fixture_open(&f, "INBOX");
	validity = fixture_state(box).uidvalidity;
	/* as mutt: the first is gone, other headers, other order of fields */
	box_write(&f, "inbox", pool_printf(f.pool,
		"%sSubject: b\nStatus: RO\nX-Status: F\nContent-Length: 2\n"
		"Lines: 1\n\nB\n\n", from), "w");
	box_write(&f, "inbox", pool_printf(f.pool,
		"%sSubject: c\nStatus: O\nContent-Length: 2\n\nC\n\n", from),
		"a");
	fixture_sync(&f, box, CV_SYNC_FULL);
	mailbox_api.close(&box);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).uidvalidity, validity);
	assert_int_equal(fixture_state(box).messages, 2);
	assert_int_equal(uid_of(&f, box, 1), 2);
	assert_int_equal(uid_of(&f, box, 2), 3);
	assert_int_equal(fixture_message(&f, box, 1, 0).flags &
			 CV_FLAGS_STORED, CV_FLAG_SEEN | CV_FLAG_FLAGGED);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

static void others_see_our_flags(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	const char *text;

	(void)state;
	fixture_init(&f, "");
	box_write(&f, "inbox", pool_printf(f.pool,
		"%sSubject: a\n\nA\n\n%sSubject: b\n\nB\n\n"
		"%sSubject: c\n\nC\n\n", from, from, from), "w");
	box = fixture_open(&f, "INBOX");
	fixture_store(&f, box, 2, 2, CV_FLAGS_ADD, SEEN | CV_FLAG_FLAGGED,
		      "key");
	fixture_store(&f, box, 3, 3, CV_FLAGS_ADD, CV_FLAG_DELETED, NULL);
	assert_null(strstr(box_read(&f, "inbox"), "X-Status"));
	mailbox_api.close(&box);
	text = box_read(&f, "inbox");
	assert_non_null(strstr(text, "\nX-UID: 2\nStatus: RO\nX-Status: F\n"
			       "X-Keywords: key "));
	assert_non_null(strstr(text, "\nX-UID: 3\nStatus: O\nX-Status: D\n"));
	assert_non_null(strstr(text, "\nX-IMAPbase: "));
	assert_non_null(strstr(text, " 0000000003 key\nX-UID: 1\n"));
	/* in the same place: there is room now */
	box = fixture_open(&f, "INBOX");
	fixture_store(&f, box, 1, 1, CV_FLAGS_ADD, CV_FLAG_ANSWERED, "key2");
	mailbox_api.close(&box);
	assert_int_equal(strlen(text), strlen(box_read(&f, "inbox")));
	assert_non_null(strstr(box_read(&f, "inbox"), "X-Status: A\n"
			       "X-Keywords: key2"));
	box = fixture_open(&f, "INBOX");
	ok(&f, mailbox_api.expunge(box, NULL, &f.err));
	mailbox_api.close(&box);
	assert_null(strstr(box_read(&f, "inbox"), "Subject: c"));
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 2);
	assert_string_equal(fixture_body(&f, box, 2),
			    "Subject: b\r\n\r\nB\r\n");
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

static void moved_messages_come_back(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_copy_result result = { CV_SIZED(cv_copy_result) };
	struct cv_range range = { 1, 1 };
	struct cv_set seqs = { &range, 1 };

	(void)state;
	fixture_init(&f, "");
	fixture_save(&f, "INBOX", "Subject: a\n\nA\n", SEEN);
	fixture_save(&f, "INBOX", "Subject: a\n\nA\n", 0);
	ok(&f, mailbox_api.create(f.user, "Trash", 0, &f.err));
	for (int i = 0; i < 3; i++) {
		box = fixture_open(&f, "INBOX");
		ok(&f, mailbox_api.copy(box, seqs, "Trash", true, f.pool,
					&result, &f.err));
		mailbox_api.close(&box);
		box = fixture_open(&f, "Trash");
		assert_int_equal(fixture_state(box).messages, 1);
		ok(&f, mailbox_api.copy(box, seqs, "INBOX", true, f.pool,
					&result, &f.err));
		mailbox_api.close(&box);
		fixture_logout(&f);
		fixture_login(&f);
		box = fixture_open(&f, "INBOX");
		assert_int_equal(fixture_state(box).messages, 2);
		fixture_body(&f, box, 1);
		fixture_body(&f, box, 2);
		mailbox_api.close(&box);
	}
	fixture_deinit(&f);
}

static void what_is_no_mbox_is_not_touched(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;

	(void)state;
	fixture_init(&f, "");
	box_write(&f, "notes", "shopping list\n", "w");
	assert_true(mailbox_api.open(f.user, "notes", 0, &box, &f.err) < 0);
	assert_true(fixture_try_save(&f, "notes", CV_SPAN("Subject: x\n\n"),
				     0, NULL) < 0);
	assert_string_equal(box_read(&f, "notes"), "shopping list\n");
	fixture_deinit(&f);
}

static void a_large_message_is_read_in_pieces(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_text big;
	const char *got;

	(void)state;
	fixture_init(&f, "mail_save_crlf = yes\n");
	cv_text_init(&big, f.pool);
	cv_text_append_str(&big, "Subject: big\r\n\r\n");
	for (int i = 0; big.len < 3000000; i++)
		cv_text_append_f(&big, "From a@b Mon Jan  5 10:11:12 2026"
				 "\r\nline %d\r\n", i);
	fixture_save(&f, "INBOX", big.data, 0);
	fixture_save(&f, "INBOX", "Subject: small\r\n\r\nx\r\n", 0);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 2);
	got = fixture_body(&f, box, 1);
	assert_int_equal(strlen(got), big.len);
	assert_memory_equal(got, big.data, big.len);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

/* --- several processes -------------------------------------------------------------- */

static void lock_file(int fd, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET };

	while (fcntl(fd, F_OFD_SETLKW, &lock) < 0)
		assert_int_equal(errno, EINTR);
}

/* As a delivery agent: fcntl lock, one write. */
static void foreign_appender(struct fixture *f, int count)
{
	char path[300], text[300];
	int fd;

	box_path(f, "inbox", path);
	for (int i = 0; i < count; i++) {
		fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
		assert_true(fd >= 0);
		lock_file(fd, F_WRLCK);
		snprintf(text, sizeof(text), "%sSubject: foreign %d\n\n"
			 "body\n\n", from, i);
		assert_int_equal(write(fd, text, strlen(text)),
				 strlen(text));
		close(fd);
		usleep(2000);
	}
}

static void worker(struct fixture *f, int id, int count)
{
	struct cv_mailbox *box;

	fixture_login(f);
	for (int i = 0; i < count; i++) {
		fixture_save(f, "INBOX", pool_printf(f->pool,
			"Subject: own %d %d\n\nbody\n", id, i), 0);
		if (i % 5 != 0)
			continue;
		box = fixture_open(f, "INBOX");
		fixture_store(f, box, 1, 1, CV_FLAGS_ADD, CV_FLAG_FLAGGED,
			      "busy");
		mailbox_api.close(&box);
	}
	fixture_logout(f);
}

static void appenders_and_rewriters_lose_nothing(void **state)
{
	enum { WORKERS = 3, EACH = 25, FOREIGN = 40 };
	struct fixture f;
	struct cv_mailbox *box;
	pid_t pids[WORKERS + 1];
	int status;

	(void)state;
	fixture_init(&f, "");
	fixture_save(&f, "INBOX", "Subject: first\n\nbody\n", 0);
	fixture_logout(&f);
	for (int i = 0; i <= WORKERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			if (i == WORKERS)
				foreign_appender(&f, FOREIGN);
			else
				worker(&f, i, EACH);
			_exit(0);
		}
	}
	for (int i = 0; i <= WORKERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	fixture_login(&f);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages,
			 1 + WORKERS * EACH + FOREIGN);
	for (uint32_t seq = 1; seq <= fixture_state(box).messages; seq++) {
		const char *text = fixture_body(&f, box, seq);

		assert_int_equal(strncmp(text, "Subject: ", 9), 0);
		assert_non_null(strstr(text, "\r\n\r\nbody\r\n"));
	}
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

/* --- no room -------------------------------------------------------------- */

static const char *hidden_known, *hidden_found;

static int find_hidden(const char *path, const struct stat *st, int type,
		       struct FTW *ftw)
{
	(void)st;
	if (type == FTW_F && strstr(path + ftw->base, ".s.") != NULL &&
	    (hidden_known == NULL || strcmp(path, hidden_known) != 0))
		hidden_found = strdup(path);
	return hidden_found != NULL;
}

/* The file of a message that has no place yet, but this; NULL: none. */
static char *hidden_file(struct fixture *f, const char *known)
{
	char home[80];

	snprintf(home, sizeof(home), "%s/home", f->dir);
	hidden_known = known;
	hidden_found = NULL;
	(void)nftw(home, find_hidden, 16, FTW_PHYS);
	return (char *)hidden_found;
}

/* One for whose bytes there is room until the commit, and no longer. */
static char *save_without_place(struct fixture *f, const char *known)
{
	struct cv_text text;
	char *hidden = NULL;

	cv_text_init(&text, f->pool);
	cv_text_append_str(&text, "Subject: large\r\n\r\n");
	while (text.len < 3000)
		cv_text_append_str(&text, "filling the message\r\n");
	for (uint64_t room = 3000; hidden == NULL && room < 20000;
	     room += 500) {
		io_fault_room(f->io, room);
		if (fixture_try_save(f, "INBOX", cv_text_span(&text), 0,
				     NULL) == CV_OK)
			hidden = hidden_file(f, known);
	}
	io_fault_room(f->io, 1000);
	assert_non_null(hidden);
	return hidden;
}

static struct cv_blob blob_of(struct fixture *f, struct cv_mailbox *box,
			      uint32_t seq)
{
	struct cv_blob blob;
	uint32_t row;

	assert_true(account_row_find(box->folder,
				     mailbox_api.uid_of(box, seq), &row));
	store_blob_get(box->folder, row, f->pool, &blob);
	return blob;
}

static int set_seen(struct fixture *f, struct cv_mailbox *box,
		    struct cv_blob blob)
{
	struct cv_flag_update update = {
		CV_SIZED(cv_flag_update), .blob = blob, .flags = SEEN,
	};

	ok(f, box->store->driver->set_flags(box->sf->blobs, &update, 1,
					    &f->err));
	return update.status;
}

/* A message that waits for room is placed with the flags that it has by then;
 * one that another process is about to place, beside it, is not taken for
 * such, and whoever saved the first does not place it with its old flags. */
static void what_waits_for_room_gets_its_flags(void **state)
{
	const struct cv_storage *driver;
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_blob first, second;
	char *waiting, *coming;

	(void)state;
	fixture_init(&f, "");
	fixture_logout(&f);
	f.io = io_fault_create(io_posix(), f.pool);
	fixture_login(&f);
	waiting = save_without_place(&f, NULL);
	coming = save_without_place(&f, waiting);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 2);
	driver = box->store->driver;
	first = blob_of(&f, box, 1);
	second = blob_of(&f, box, 2);
	assert_int_equal(driver->recover(box->sf->blobs, &first, &f.err),
			 CV_E_NO_SPACE);
	/* as it is before anybody has tried */
	assert_int_equal(utimensat(AT_FDCWD, coming, NULL, 0), 0);
	fixture_store(&f, box, 1, 1, CV_FLAGS_ADD, SEEN, NULL);
	assert_int_equal(set_seen(&f, box, second), CV_CHANGED);

	io_fault_room(f.io, UINT64_MAX);
	driver->place(box->sf->blobs, &first, 1);
	assert_int_equal(access(waiting, F_OK), 0);
	driver->place(box->sf->blobs, &second, 1);
	assert_int_equal(access(coming, F_OK), -1);
	mailbox_api.close(&box);
	for (int i = 0; i < 2; i++) {
		fixture_logout(&f);
		fixture_login(&f);
		box = fixture_open(&f, "INBOX");
		fixture_sync(&f, box, 0);
		assert_int_equal(fixture_state(box).messages, 2);
		assert_int_equal(fixture_message(&f, box, 1, 0).flags & SEEN,
				 SEEN);
		assert_int_equal(fixture_message(&f, box, 2, 0).flags & SEEN,
				 0);
		mailbox_api.close(&box);
	}
	assert_int_equal(access(waiting, F_OK), -1);
	free(waiting);
	free(coming);
	fixture_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mail_of_others_is_read),
		cmocka_unit_test(uids_of_x_uid_are_taken_over),
		cmocka_unit_test(bytes_come_back_as_they_were_saved),
		cmocka_unit_test(mail_that_others_append_is_seen),
		cmocka_unit_test(bodies_that_are_known_are_not_read_again),
		cmocka_unit_test(what_has_grown_may_have_changed_too),
		cmocka_unit_test(a_rewrite_by_others_keeps_uids),
		cmocka_unit_test(others_see_our_flags),
		cmocka_unit_test(moved_messages_come_back),
		cmocka_unit_test(what_is_no_mbox_is_not_touched),
		cmocka_unit_test(a_large_message_is_read_in_pieces),
		cmocka_unit_test(appenders_and_rewriters_lose_nothing),
		cmocka_unit_test(what_waits_for_room_gets_its_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
