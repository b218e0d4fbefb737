/* test-maildir.c - trees that other servers left, the list of UIDs that is
 * kept for them, and sizes that are not those of the files. */
#include "mailbox-fixture.h"
#include "heap.h"

/* The driver's, from maildir.h. */
bool maildir_lock(struct cv_storage_root *root, int dirfd, const char *name);

static const char message[] = "Subject: x\n\nbody\n";

/* INBOX as another server made it. */
static void make_tree(struct fixture *f, const char *const *dirs)
{
	static const char *const usual[] = { "", "/cur", "/new", "/tmp",
					     NULL };
	char path[400];

	for (size_t i = 0; usual[i] != NULL; i++) {
		snprintf(path, sizeof(path), "%s/home/Maildir%s", f->dir,
			 usual[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	for (; *dirs != NULL; dirs++) {
		snprintf(path, sizeof(path), "%s/home/Maildir/%s", f->dir,
			 *dirs);
		assert_int_equal(mkdir(path, 0700), 0);
	}
}

static const char *const no_dirs[] = { NULL };

static const char *read_file(struct fixture *f, const char *name)
{
	char path[400], text[8192];
	FILE *file;
	size_t len;

	snprintf(path, sizeof(path), "%s/home/Maildir/%s", f->dir, name);
	file = fopen(path, "r");
	if (file == NULL)
		return "";
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	return pool_strdup(f->pool, text);
}

/* "uid flags keywords;..." */
static const char *show(struct fixture *f, struct cv_mailbox *box)
{
	struct cv_text text;

	cv_text_init(&text, f->pool);
	for (uint32_t seq = 1; seq <= fixture_state(box).messages; seq++) {
		struct cv_message_data d = fixture_message(
			f, box, seq, 0);

		cv_text_append_f(&text, "%u %x", d.uid,
				 d.flags & CV_FLAGS_STORED);
		for (uint32_t i = 0; i < d.keywords.count; i++)
			cv_text_append_f(&text, " %s", d.keywords.names[i]);
		cv_text_append_c(&text, ';');
	}
	return cv_text_str(&text);
}

static void courier_is_taken_over(void **state)
{
	static const char *const dirs[] = {
		"courierimapkeywords", ".Sent", ".Sent/cur", ".Sent/new",
		".Sent/tmp", NULL,
	};
	struct fixture f;
	struct cv_mailbox *box;
	const char *shown, *list;

	(void)state;
	fixture_init(&f, "");
	make_tree(&f, dirs);
	fixture_write(&f, "courierimapuiddb",
		      "1 1234567 40\n7 1600000003.a.host,S=17\n"
		      "12 1600000001.b.host\n33 1600000002.c.host\n"
		      "35 1600000009.gone.host\n");
	fixture_write(&f, "courierimapkeywords/:list",
		      "$Label1\nwork\n\n1600000003.a.host,S=17:0 1\n"
		      "1600000001.b.host:1\nbroken\n1600000002.c.host:9\n");
	fixture_write(&f, "courierimapkeywords/1600000001.b.host", "later\n");
	fixture_write(&f, "courierimapkeywords/.5.1600000002.c.host", "old\n");
	fixture_write(&f, "courierimapkeywords/.6.1600000002.c.host", "new\n");
	fixture_write(&f, "courierimapsubscribed",
		      "INBOX\nINBOX.Sent\nINBOX.S&APw-d\nshared.x\n");
	fixture_write(&f, "cur/1600000003.a.host,S=17:2,S", message);
	fixture_write(&f, "cur/1600000001.b.host:2,", message);
	fixture_write(&f, "new/1600000002.c.host", message);
	fixture_write(&f, "new/1600000005.d.host", message);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).uidvalidity, 1234567);
	shown = show(&f, box);
	assert_non_null(strstr(shown, "7 "));
	assert_non_null(strstr(shown, "$Label1 work;12 0 later;33 0 new;"
			       "40 0;"));
	mailbox_api.close(&box);
	/* the keywords are where Dovecot finds them, and so are the UIDs */
	list = read_file(&f, "dovecot-uidlist");
	assert_string_equal(list, "3 V1234567 N41\n"
			    "7 :1600000003.a.host,S=17\n"
			    "12 :1600000001.b.host\n"
			    "33 :1600000002.c.host\n"
			    "40 :1600000005.d.host\n");
	assert_non_null(strstr(read_file(&f, "dovecot-keywords"), "later"));
	/* and stay when all is looked at again */
	fixture_logout(&f);
	f.boot_id[0]++;
	fixture_login(&f);
	box = fixture_open(&f, "INBOX");
	assert_string_equal(show(&f, box), shown);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

static void lists_of_version_1_are_read(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;

	(void)state;
	fixture_init(&f, "");
	make_tree(&f, no_dirs);
	fixture_write(&f, "dovecot-uidlist",
		      "1 777 21\n4 1600000003.a.host:2,S\n"
		      "9 1600000001.b.host\n20 1600000002.c.host\n");
	fixture_write(&f, "cur/1600000003.a.host:2,FS", message);
	fixture_write(&f, "cur/1600000001.b.host:2,a", message);
	fixture_write(&f, "new/1600000002.c.host", message);
	fixture_write(&f, "dovecot-keywords", "0 $Junk\n");
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).uidvalidity, 777);
	assert_non_null(strstr(show(&f, box), "9 0 $Junk;20 0;"));
	mailbox_api.close(&box);
	assert_int_equal(fixture_save(&f, "INBOX", message, 0), 21);
	assert_true(strncmp(read_file(&f, "dovecot-uidlist"),
			    "3 V777 N21\n4 :1600000003.a.host\n", 32) == 0);
	fixture_deinit(&f);
}

static void fields_of_dovecot_stay(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	const char *list;

	(void)state;
	fixture_init(&f, "");
	make_tree(&f, no_dirs);
	fixture_write(&f, "dovecot-uidlist",
		      "3 V777 N21 G00112233445566778899aabbccddeeff\n"
		      "4 P17 W21 :1600000003.a.host:2,S\n"
		      "9 :1600000001.b.host\n");
	fixture_write(&f, "cur/1600000003.a.host:2,S", message);
	fixture_write(&f, "cur/1600000001.b.host:2,", message);
	box = fixture_open(&f, "INBOX");
	mailbox_api.close(&box);
	/* nothing to change: nothing is written */
	list = read_file(&f, "dovecot-uidlist");
	assert_non_null(strstr(list, "\n4 P17 W21 :1600000003.a.host:2,S\n"
			       "9 :1600000001.b.host\n"));
	/* cut in the middle of a line: written anew, with all fields */
	fixture_write(&f, "dovecot-uidlist",
		      "3 V777 N21 G00112233445566778899aabbccddeeff\n"
		      "4 P17 W21 :1600000003.a.host:2,S\n9 :16000");
	assert_int_equal(fixture_save(&f, "INBOX", message, 0), 21);
	list = read_file(&f, "dovecot-uidlist");
	assert_true(strncmp(list, "3 V777 N21 G00112233445566778899aabbccddee"
			    "ff\n4 P17 W21 :1600000003.a.host:2,S\n"
			    "9 :1600000001.b.host\n21 :", 103) == 0);
	fixture_deinit(&f);
}

/* Whatever a crash makes of the list, the journal makes it right. */
static void any_cut_of_the_list_is_mended(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	const char *whole;
	size_t len;

	(void)state;
	fixture_init(&f, "");
	for (int i = 0; i < 4; i++)
		fixture_save(&f, "INBOX", message, 0);
	whole = read_file(&f, "dovecot-uidlist");
	len = strlen(whole);
	for (size_t cut = 0; cut < len; cut++) {
		char text[8192];

		memcpy(text, whole, cut);
		text[cut] = '\0';
		fixture_write(&f, "dovecot-uidlist", text);
		fixture_logout(&f);
		f.boot_id[0]++;
		fixture_login(&f);
		box = fixture_open(&f, "INBOX");
		assert_string_equal(show(&f, box), "1 0;2 0;3 0;4 0;");
		mailbox_api.close(&box);
		/* N may say more by now: the lines count */
		assert_string_equal(strchr(read_file(&f, "dovecot-uidlist"),
					   '\n'), strchr(whole, '\n'));
	}
	fixture_deinit(&f);
}

/* Another server gave UIDs: they are not given twice. */
static void uids_of_others_are_kept_apart(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	char text[8192];

	(void)state;
	fixture_init(&f, "");
	fixture_save(&f, "INBOX", message, 0);
	fixture_save(&f, "INBOX", message, 0);
	fixture_write(&f, "new/1600000007.theirs", message);
	fixture_write(&f, "cur/1600000006.theirs:2,F", message);
	snprintf(text, sizeof(text), "%s3 :1600000007.theirs\n"
		 "5 :1600000006.theirs\n",
		 read_file(&f, "dovecot-uidlist"));
	fixture_write(&f, "dovecot-uidlist", text);
	assert_int_equal(fixture_save(&f, "INBOX", message, 0), 6);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 5);
	assert_non_null(strstr(show(&f, box), "1 0;2 0;3 0;5 "));
	mailbox_api.close(&box);
	assert_non_null(strstr(read_file(&f, "dovecot-uidlist"),
			       "\n3 :1600000007.theirs\n"
			       "5 :1600000006.theirs\n6 :"));
	fixture_deinit(&f);
}

static void lines_of_the_dead_do_not_pile_up(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	char *text = calloc(1, 900000);
	size_t len;

	(void)state;
	fixture_init(&f, "");
	for (int i = 0; i < 3; i++)
		fixture_save(&f, "INBOX", message, 0);
	len = (size_t)snprintf(text, 900000, "%s",
			       read_file(&f, "dovecot-uidlist"));
	for (int i = 4; i < 9000; i++)
		len += (size_t)snprintf(text + len, 900000 - len, "%d :"
					"1600000000.M12345.gone.for.long\n",
					i);
	fixture_write(&f, "dovecot-uidlist", text);
	assert_int_equal(fixture_save(&f, "INBOX", message, 0), 9000);
	assert_true(strlen(read_file(&f, "dovecot-uidlist")) < 1000);
	box = fixture_open(&f, "INBOX");
	assert_string_equal(show(&f, box), "1 0;2 0;3 0;9000 0;");
	mailbox_api.close(&box);
	fixture_deinit(&f);
	free(text);
}

/* Dovecot holds its lock: mail is delivered all the same. */
static void a_lock_of_dovecot_delays_no_mail_for_long(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, "");
	fixture_save(&f, "INBOX", message, 0);
	fixture_write(&f, "dovecot-uidlist", "3 V1 N1\n");
	fixture_write(&f, "dovecot-uidlist.lock", "123:host");
	assert_int_equal(fixture_save(&f, "INBOX", message, 0), 2);
	assert_string_equal(read_file(&f, "dovecot-uidlist"), "3 V1 N1\n");
	fixture_deinit(&f);
}

/* A process that died while it wrote the list: neither Culver waits, nor
 * Dovecot, which knows its own form. */
static void a_lock_of_ours_that_was_left_delays_nobody(void **state)
{
	static const char *const left[] = { "culver\n", "", NULL };
	struct fixture f;
	struct cv_mailbox *box;
	char host[256] = "", text[300], to[300];
	uint32_t uid = 1;

	(void)state;
	fixture_init(&f, "");
	fixture_save(&f, "INBOX", message, 0);
	box = fixture_open(&f, "INBOX");
	assert_true(maildir_lock(box->store->root, AT_FDCWD, f.dir));
	mailbox_api.close(&box);
	(void)gethostname(host, sizeof(host) - 1);
	snprintf(text, sizeof(text), "%s.lock", f.dir);
	snprintf(to, sizeof(to), "%s/home/Maildir/left", f.dir);
	assert_int_equal(rename(text, to), 0);
	snprintf(text, sizeof(text), "0%ld:%s", (long)getpid(), host);
	assert_string_equal(read_file(&f, "left"), text);
	for (size_t i = 0; i < 3; i++) {
		/* not ours, and to be written anew */
		fixture_write(&f, "dovecot-uidlist", "3 V1 N1\n");
		fixture_write(&f, "dovecot-uidlist.lock",
			      left[i] == NULL ? text : left[i]);
		assert_int_equal(fixture_save(&f, "INBOX", message, 0), ++uid);
		assert_string_equal(read_file(&f, "dovecot-uidlist.lock"), "");
		assert_non_null(strstr(read_file(&f, "dovecot-uidlist"),
				       pool_printf(f.pool, "\n%u ", uid)));
	}
	fixture_deinit(&f);
}

static bool is_there(struct fixture *f, const char *name)
{
	char path[400];

	snprintf(path, sizeof(path), "%s/home/Maildir/%s", f->dir, name);
	return access(path, F_OK) == 0;
}

static void make_trashed(struct fixture *f, const char *name)
{
	static const char *const dirs[] = { "", "/cur", "/new", "/tmp" };
	char path[400];

	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/home/Maildir/%s%s", f->dir,
			 name, dirs[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	fixture_write(f, pool_printf(f->pool, "%s/cur/1.a:2,S", name),
		      message);
	fixture_write(f, pool_printf(f->pool, "%s/maildirfolder", name), "");
}

/* Not as long as the one that removes it may still be there. */
static void what_is_left_of_removed_folders_is_removed(void **state)
{
	static const char trash[] = "..DOVECOT-TRASHED";
	struct fixture f;
	struct cv_mailbox *box;
	char path[400], now[100];

	(void)state;
	fixture_init(&f, "");
	fixture_save(&f, "INBOX", message, 0);
	ok(&f, mailbox_api.create(f.user, "Box", 0, &f.err));
	fixture_save(&f, "Box", message, 0);
	ok(&f, mailbox_api.remove(f.user, "Box", &f.err));
	assert_false(is_there(&f, trash));
	snprintf(path, sizeof(path), "%s/home/Maildir/%s", f.dir, trash);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(now, sizeof(now), "%s/culver-%llx-1", trash,
		 (unsigned long long)time(NULL));
	make_trashed(&f, now);
	make_trashed(&f, "..DOVECOT-TRASHED/culver-60000000-1");
	make_trashed(&f, "..culver-trashed-0123456789abcdef");
	fixture_logout(&f);
	fixture_login(&f);
	(void)fixture_save(&f, "INBOX", message, 0);
	box = fixture_open(&f, "INBOX");
	ok(&f, store_folders_refresh(box->store, true, &f.err));
	mailbox_api.close(&box);
	assert_false(is_there(&f, "..culver-trashed-0123456789abcdef"));
	assert_false(is_there(&f, "..DOVECOT-TRASHED/culver-60000000-1"));
	assert_true(is_there(&f, now));
	assert_true(is_there(&f, "cur"));
	fixture_deinit(&f);
}

static int try_body(struct fixture *f, struct cv_mailbox *box, uint32_t seq)
{
	struct cv_section all = {
		CV_SIZED(cv_section), .kind = CV_SECTION_ALL,
	};
	struct cv_stream *stream;
	uint64_t size;

	return mailbox_api.section(box, seq, &all, &stream, &size, &f->err);
}

static void a_file_cut_short_is_no_shorter_message(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	static const char whole[] = "Subject: x\n\na longer body\n";

	(void)state;
	fixture_init(&f, "");
	make_tree(&f, no_dirs);
	fixture_write(&f, "cur/1600000001.b,S=26:2,", whole);
	fixture_write(&f, "cur/1600000002.b:2,", whole);
	fixture_write(&f, "cur/1600000003.b,S=26:2,", whole);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 3);
	fixture_write(&f, "cur/1600000001.b,S=26:2,", "Subject: x\n\na");
	fixture_write(&f, "cur/1600000002.b:2,", "");
	assert_int_equal(try_body(&f, box, 1), CV_E_TEMP);
	assert_non_null(strstr(f.err.text, "cut short"));
	assert_int_equal(try_body(&f, box, 2), CV_E_TEMP);
	assert_string_equal(fixture_body(&f, box, 3),
			    "Subject: x\r\n\r\na longer body\r\n");
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

static uint64_t recorded(struct cv_mailbox *box, uint32_t seq)
{
	struct account_message m;
	uint32_t row;

	assert_true(mailbox_row(box, seq, &row));
	account_row_get(box->folder, row, &m);
	return m.size;
}

static uint64_t shown_size(struct fixture *f, struct cv_mailbox *box,
			   uint32_t seq)
{
	return fixture_message(f, box, seq, CV_MESSAGE_SIZE).size_bytes;
}

static const struct cv_storage *real_driver;

static int get_and_correct(struct cv_storage_folder *folder,
			   const struct cv_blob *blob,
			   struct cv_blob_source *src_r, struct cv_error *err)
{
	int ret = real_driver->get(folder, blob, src_r, err);

	src_r->wrong_size = CV_WRONG_SIZE_CORRECT;
	return ret;
}

/* "Subject: x\n\nbody\n" has 17 bytes, 20 with CRLF. */
static void a_size_that_has_changed_is_refused_or_corrected(void **state)
{
	struct cv_storage correcting;
	struct fixture f;
	struct cv_mailbox *box;

	(void)state;
	fixture_init(&f, "");
	make_tree(&f, no_dirs);
	fixture_write(&f, "cur/1600000001.b,S=26:2,",
		      "Subject: x\n\na longer body\n");
	fixture_write(&f, "cur/1600000002.b,S=9,W=11:2,", "Subject:\n");
	box = fixture_open(&f, "INBOX");
	assert_int_equal(shown_size(&f, box, 2), 11);
	fixture_write(&f, "cur/1600000001.b,S=26:2,", message);
	fixture_write(&f, "cur/1600000002.b,S=9,W=11:2,", message);
	for (uint32_t seq = 1; seq <= 2; seq++) {
		assert_int_equal(try_body(&f, box, seq), CV_E_TEMP);
		assert_non_null(strstr(f.err.text, "broken_filename_sizes"));
	}
	/* as with the setting */
	real_driver = box->store->driver;
	correcting = *real_driver;
	correcting.get = get_and_correct;
	box->store->driver = &correcting;
	for (uint32_t seq = 1; seq <= 2; seq++) {
		assert_string_equal(fixture_body(&f, box, seq),
				    "Subject: x\r\n\r\nbody\r\n");
		mailbox_flush_sizes(box);
		assert_int_equal(recorded(box, seq), 17);
		assert_int_equal(shown_size(&f, box, seq), 20);
	}
	box->store->driver = real_driver;
	assert_int_equal(try_body(&f, box, 1), CV_OK);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

/* Another program has delivered it: it is taken as it is. */
static void a_new_file_is_as_long_as_it_is(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;

	(void)state;
	fixture_init(&f, "");
	make_tree(&f, no_dirs);
	fixture_write(&f, "cur/1600000001.a:2,", message);
	box = fixture_open(&f, "INBOX");
	fixture_write(&f, "new/1600000002.b,S=99,W=100", message);
	(void)fixture_sync(&f, box, CV_SYNC_FULL);
	assert_int_equal(fixture_state(box).messages, 2);
	assert_int_equal(recorded(box, 2), 17);
	assert_int_equal(shown_size(&f, box, 2), 20);
	assert_string_equal(fixture_body(&f, box, 2),
			    "Subject: x\r\n\r\nbody\r\n");
	/* what happens to it from now on is damage */
	fixture_write(&f, "cur/1600000001.a:2,", "Subject: x\n");
	assert_int_equal(try_body(&f, box, 1), CV_E_TEMP);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

static void a_wrong_size_with_crlf_is_corrected_when_it_is_read(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;

	(void)state;
	fixture_init(&f, "");
	make_tree(&f, no_dirs);
	fixture_write(&f, "cur/1600000001.b,S=17,W=99:2,", message);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(shown_size(&f, box, 1), 99);
	assert_string_equal(fixture_body(&f, box, 1),
			    "Subject: x\r\n\r\nbody\r\n");
	mailbox_flush_sizes(box);
	assert_int_equal(shown_size(&f, box, 1), 20);
	assert_int_equal(recorded(box, 1), 17);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

static void sort_by(struct fixture *f, struct cv_mailbox *box,
		    const uint32_t *keys, uint32_t key_count, uint32_t want)
{
	static const struct cv_search_node all = { .op = CV_SEARCH_ALL };
	struct cv_search_query q = { CV_SIZED(cv_search_query),
				     .nodes = &all, .count = 1 };
	struct cv_sort_request r = { CV_SIZED(cv_sort_request), .query = &q,
				     .keys = keys, .key_count = key_count };
	uint32_t *seqs, count;

	ok(f, mailbox_api.sort(box, &r, f->pool, &seqs, &count, &f->err));
	assert_int_equal(count, want);
	/* the last one written is the first in each of the orders */
	assert_int_equal(seqs[0], want);
	assert_int_equal(seqs[want - 1], 1);
}

/* Nothing was computed of any: SORT reads them all, and keeps little. */
static void sorting_what_others_have_put_there_keeps_little(void **state)
{
	enum { COUNT = 2000, BYTES_MAX = 1000, BUFFERS = 1024 * 1024 };
	static const uint32_t subject[] = { CV_SORT_SUBJECT };
	static const uint32_t date[] = { CV_SORT_REVERSE | CV_SORT_DATE,
					 CV_SORT_FROM };
	struct fixture f;
	struct cv_mailbox *box;
	char name[80], text[2000], refs[1500];
	size_t before;

	(void)state;
	fixture_init(&f, "");
	make_tree(&f, no_dirs);
	memset(refs, 'r', sizeof(refs) - 1);
	refs[sizeof(refs) - 1] = '\0';
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "cur/%d.a:2,", 1600000000 + i);
		snprintf(text, sizeof(text), "From: p%d@example.org\n"
			 "Subject: %05d\nDate: Tue, 06 Jan 2026 10:%02d:%02d "
			 "+0000\nReferences: <%s@example.org>\n\nbody\n", i,
			 COUNT - i, i / 60, i % 60, refs);
		fixture_write(&f, name, text);
	}
	box = fixture_open(&f, "INBOX");
	before = heap_used();
	sort_by(&f, box, subject, 1, COUNT);
	sort_by(&f, box, date, 2, COUNT);
	assert_in_range(heap_used() - before, 1,
			COUNT * BYTES_MAX + BUFFERS);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(courier_is_taken_over),
		cmocka_unit_test(lists_of_version_1_are_read),
		cmocka_unit_test(fields_of_dovecot_stay),
		cmocka_unit_test(any_cut_of_the_list_is_mended),
		cmocka_unit_test(uids_of_others_are_kept_apart),
		cmocka_unit_test(lines_of_the_dead_do_not_pile_up),
		cmocka_unit_test(a_lock_of_dovecot_delays_no_mail_for_long),
		cmocka_unit_test(a_lock_of_ours_that_was_left_delays_nobody),
		cmocka_unit_test(what_is_left_of_removed_folders_is_removed),
		cmocka_unit_test(a_file_cut_short_is_no_shorter_message),
		cmocka_unit_test(
			a_size_that_has_changed_is_refused_or_corrected),
		cmocka_unit_test(a_new_file_is_as_long_as_it_is),
		cmocka_unit_test(
			a_wrong_size_with_crlf_is_corrected_when_it_is_read),
		cmocka_unit_test(
			sorting_what_others_have_put_there_keeps_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
