/* test-maildir-names.c - names that are there twice, as rsync and restored
 * copies leave them, and names without room for all that is to be shown. */
#include "mailbox-fixture.h"

static const char mail[] = "Subject: x\n\nbody\n";
static const char other_mail[] = "Subject: y\n\nanother body\n";

static void init(struct fixture *f)
{
	static const char *const dirs[] = { "", "/cur", "/new", "/tmp" };
	char path[400];

	fixture_init(f, "");
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/home/Maildir%s", f->dir,
			 dirs[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
}

static bool exists(struct fixture *f, const char *path)
{
	char full[600];

	snprintf(full, sizeof(full), "%s/home/Maildir/%s", f->dir, path);
	return access(full, F_OK) == 0;
}

static void link_file(struct fixture *f, const char *from, const char *to)
{
	char a[500], b[500];

	snprintf(a, sizeof(a), "%s/home/Maildir/%s", f->dir, from);
	snprintf(b, sizeof(b), "%s/home/Maildir/%s", f->dir, to);
	assert_int_equal(link(a, b), 0);
}

static uint32_t flags_of(struct fixture *f, struct cv_mailbox *box,
			 uint32_t seq)
{
	return fixture_message(f, box, seq, 0).flags & CV_FLAGS_STORED;
}

static uint32_t uid_of(struct fixture *f, struct cv_mailbox *box,
		       uint32_t seq)
{
	return fixture_message(f, box, seq, 0).uid;
}

/* Everything that a client can see of it, as one text. */
static const char *picture(struct fixture *f, struct cv_mailbox *box)
{
	struct cv_mailbox_state s = fixture_state(box);
	struct cv_text text;

	cv_text_init(&text, f->pool);
	cv_text_append_f(&text, "v%u n%u h%llu", s.uidvalidity, s.uidnext,
			 (unsigned long long)s.highestmodseq);
	for (uint32_t seq = 1; seq <= s.messages; seq++) {
		struct cv_message_data d = fixture_message(
			f, box, seq, CV_MESSAGE_KEYWORDS);

		cv_text_append_f(&text, " %u:%x", d.uid,
				 d.flags & CV_FLAGS_STORED);
		for (uint32_t i = 0; i < d.keywords.count; i++)
			cv_text_append_f(&text, ",%s", d.keywords.names[i]);
	}
	return cv_text_str(&text);
}

static const char *look_again(struct fixture *f)
{
	struct cv_mailbox *box;
	const char *text;

	fixture_logout(f);
	fixture_login(f);
	box = fixture_open(f, "INBOX");
	ok(f, store_folder_scan_all(box->sf, &f->err));
	(void)fixture_sync(f, box, 0);
	text = picture(f, box);
	mailbox_api.close(&box);
	return text;
}

/* However often it is looked at: always the same, and nothing is renamed. */
static void check_stays(struct fixture *f)
{
	const char *before = look_again(f);

	for (int i = 0; i < 4; i++) {
		fixture_wait_tick();
		assert_string_equal(look_again(f), before);
	}
}

/* --- twice ------------------------------------------------------------------- */

static void the_newer_of_two_names_counts(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	uint32_t uid, uidvalidity;

	(void)state;
	init(&f);
	fixture_write(&f, "cur/1600000001.a:2,S", mail);
	box = fixture_open(&f, "INBOX");
	uid = uid_of(&f, box, 1);
	uidvalidity = fixture_state(box).uidvalidity;
	mailbox_api.close(&box);
	fixture_wait_tick();
	fixture_write(&f, "cur/1600000001.a:2,FS", mail);
	check_stays(&f);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 1);
	assert_int_equal(fixture_state(box).uidvalidity, uidvalidity);
	assert_int_equal(uid_of(&f, box, 1), uid);
	assert_int_equal(flags_of(&f, box, 1),
			 CV_FLAG_SEEN | CV_FLAG_FLAGGED);
	mailbox_api.close(&box);
	assert_false(exists(&f, "cur/1600000001.a:2,S"));
	assert_true(exists(&f, "cur/1600000001.a:2,FS"));
	fixture_wait_tick();
	fixture_write(&f, "cur/1600000001.a:2,", mail);
	check_stays(&f);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(flags_of(&f, box, 1), 0);
	assert_int_equal(uid_of(&f, box, 1), uid);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

/* The first time anybody looks at the tree, and later. */
static void cur_counts_before_new(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;

	(void)state;
	init(&f);
	fixture_write(&f, "cur/1600000001.a:2,S", mail);
	fixture_wait_tick();
	fixture_write(&f, "new/1600000001.a", mail);
	check_stays(&f);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 1);
	assert_int_equal(flags_of(&f, box, 1), CV_FLAG_SEEN);
	assert_int_equal(fixture_count_files(&f, "new"), 0);
	/* while it is open: only new/ seems to have changed */
	fixture_wait_tick();
	fixture_write(&f, "new/1600000001.a", mail);
	(void)fixture_sync(&f, box, 0);
	assert_int_equal(flags_of(&f, box, 1), CV_FLAG_SEEN);
	mailbox_api.close(&box);
	check_stays(&f);
	assert_int_equal(fixture_count_files(&f, "new"), 0);
	assert_int_equal(fixture_count_files(&f, "cur"), 1);
	fixture_deinit(&f);
}

/* As some programs rename: the new name, then the old one goes. */
static void two_links_of_a_file_are_one_message(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;

	(void)state;
	init(&f);
	fixture_write(&f, "cur/1600000001.a:2,S", mail);
	box = fixture_open(&f, "INBOX");
	link_file(&f, "cur/1600000001.a:2,S", "cur/1600000001.a:2,RS");
	mailbox_api.close(&box);
	check_stays(&f);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(flags_of(&f, box, 1),
			 CV_FLAG_SEEN | CV_FLAG_ANSWERED);
	assert_string_equal(fixture_body(&f, box, 1),
			    "Subject: x\r\n\r\nbody\r\n");
	assert_int_equal(fixture_count_files(&f, "cur"), 1);
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

static void check_two(struct fixture *f, uint32_t uid)
{
	struct cv_mailbox *box;
	const char *first, *second;

	check_stays(f);
	box = fixture_open(f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 2);
	first = fixture_body(f, box, 1);
	second = fixture_body(f, box, 2);
	if (uid != 0) {
		/* clients know this one */
		assert_int_equal(uid_of(f, box, 1), uid);
		assert_string_equal(first, "Subject: x\r\n\r\nbody\r\n");
	}
	assert_string_not_equal(first, second);
	mailbox_api.close(&box);
}

static void other_bytes_are_another_message(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	uint32_t uid;

	(void)state;
	for (int newer = 0; newer < 4; newer++) {
		init(&f);
		fixture_write(&f, "cur/1600000001.a:2,S", mail);
		box = fixture_open(&f, "INBOX");
		uid = uid_of(&f, box, 1);
		mailbox_api.close(&box);
		fixture_wait_tick();
		if (newer == 3)
			/* as long as the first */
			fixture_write(&f, "cur/1600000001.a:2,FS",
				      "Subject: z\n\nbody\n");
		else
			fixture_write(&f, newer == 0 ? "new/1600000001.a" :
				      "cur/1600000001.a:2,FS", other_mail);
		if (newer == 2) {	/* the known one has the later name */
			fixture_wait_tick();
			fixture_rename(&f, "cur/1600000001.a:2,S",
				       "cur/1600000001.a:2,RS");
		}
		check_two(&f, uid);
		fixture_deinit(&f);
	}
	init(&f);
	fixture_write(&f, "cur/1600000001.a:2,S", mail);
	fixture_write(&f, "cur/1600000001.a:2,FS", other_mail);
	check_two(&f, 0);
	fixture_deinit(&f);
}

/* A copy that was broken off is none of its own, where the name says how long
 * the whole is. */
static void the_whole_one_of_two_is_kept(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;

	(void)state;
	init(&f);
	fixture_write(&f, "cur/1600000001.a,S=17:2,S", mail);
	fixture_wait_tick();
	fixture_write(&f, "cur/1600000001.a,S=17:2,FS", "Subject: x\n");
	check_stays(&f);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 1);
	assert_int_equal(flags_of(&f, box, 1),
			 CV_FLAG_SEEN | CV_FLAG_FLAGGED);
	assert_string_equal(fixture_body(&f, box, 1),
			    "Subject: x\r\n\r\nbody\r\n");
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

static void many_that_are_there_three_times(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	char name[64];

	(void)state;
	init(&f);
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "cur/%d.a:2,S", 1600000000 + i);
		fixture_write(&f, name, mail);
		snprintf(name, sizeof(name), "cur/%d.a", 1600000000 + i);
		fixture_write(&f, name, mail);
		snprintf(name, sizeof(name), "new/%d.a", 1600000000 + i);
		fixture_write(&f, name, mail);
	}
	fixture_wait_tick();
	check_stays(&f);
	box = fixture_open(&f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 50);
	mailbox_api.close(&box);
	assert_int_equal(fixture_count_files(&f, "cur"), 50);
	assert_int_equal(fixture_count_files(&f, "new"), 0);
	fixture_deinit(&f);
}

static struct cv_storage caught;
static int tried;

static int settle_denied(struct cv_storage_folder *folder,
			 const struct cv_found *first,
			 const struct cv_found *again,
			 const struct cv_blob *blob, struct cv_error *err)
{
	(void)folder; (void)first; (void)again; (void)blob;
	tried++;
	return FAIL(err, CV_E_DENIED, "this tree is not ours");
}

/* A copy that cannot be written to: what was known stays. */
static void what_cannot_be_mended_stays_as_it_was(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	const char *before;

	(void)state;
	init(&f);
	fixture_write(&f, "cur/1600000001.a:2,S", mail);
	box = fixture_open(&f, "INBOX");
	caught = *box->store->driver;
	caught.settle = settle_denied;
	box->store->driver = &caught;
	before = picture(&f, box);
	fixture_write(&f, "cur/1600000001.a:2,FS", mail);
	fixture_write(&f, "new/1600000001.a", mail);
	for (int i = 1; i <= 4; i++) {
		ok(&f, store_folder_scan_all(box->sf, &f.err));
		(void)fixture_sync(&f, box, 0);
		assert_string_equal(picture(&f, box), before);
		/* two pairs */
		assert_int_equal(tried, 2 * i);
	}
	mailbox_api.close(&box);
	fixture_deinit(&f);
}

/* --- too long ---------------------------------------------------------------- */

/* "cur/1600000001.aaa" whose base has so many bytes, and an info. */
static const char *long_name(struct fixture *f, const char *dir, int len,
			     const char *info)
{
	char base[256];

	memset(base, 'a', sizeof(base));
	memcpy(base, "1600000001.", 11);
	return pool_printf(f->pool, "%s/%.*s%s", dir, len, base, info);
}

static void store(struct fixture *f, uint32_t change, uint32_t flags,
		  const char *keyword)
{
	struct cv_mailbox *box = fixture_open(f, "INBOX");

	fixture_store(f, box, 1, 1, change, flags, keyword);
	mailbox_api.close(&box);
}

static void check_first(struct fixture *f, uint32_t flags,
			const char *keywords)
{
	struct cv_mailbox *box;
	struct cv_message_data d;
	struct cv_text text;

	check_stays(f);
	box = fixture_open(f, "INBOX");
	assert_int_equal(fixture_state(box).messages, 1);
	assert_int_equal(flags_of(f, box, 1), flags);
	d = fixture_message(f, box, 1, CV_MESSAGE_KEYWORDS);
	cv_text_init(&text, f->pool);
	for (uint32_t i = 0; i < d.keywords.count; i++)
		cv_text_append_f(&text, " %s", d.keywords.names[i]);
	assert_string_equal(cv_text_str(&text), keywords);
	assert_string_equal(fixture_body(f, box, 1),
			    "Subject: x\r\n\r\nbody\r\n");
	mailbox_api.close(&box);
}

/* With room for 9 letters, 3, 2, 1, none, and none for an info. */
static void flags_without_room_stay(void **state)
{
	static const int lengths[] = { 243, 249, 250, 251, 252, 253, 254,
				       255 };
	const uint32_t three = CV_FLAG_SEEN | CV_FLAG_FLAGGED |
		CV_FLAG_ANSWERED;
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		int len = lengths[i];

		init(&f);
		fixture_write(&f, long_name(&f, "new", len, ""), mail);
		check_first(&f, 0, "");
		store(&f, CV_FLAGS_ADD, CV_FLAG_SEEN, NULL);
		check_first(&f, CV_FLAG_SEEN, "");
		store(&f, CV_FLAGS_ADD, three, "Work");
		check_first(&f, three, " Work");
		if (len <= 252)
			assert_true(exists(&f, long_name(
				&f, "cur", len, len == 252 ? ":2," :
				len == 251 ? ":2,S" : len == 250 ? ":2,FS" :
				len == 249 ? ":2,FRS" : ":2,FRSa")));
		store(&f, CV_FLAGS_REMOVE, CV_FLAG_SEEN, NULL);
		check_first(&f, three & ~(uint32_t)CV_FLAG_SEEN, " Work");
		store(&f, CV_FLAGS_REMOVE, three, "Work");
		check_first(&f, 0, "");
		store(&f, CV_FLAGS_ADD, CV_FLAG_DELETED, NULL);
		ok(&f, fixture_try_expunge(&f));
		assert_int_equal(fixture_count_files(&f, "cur"), 0);
		assert_int_equal(fixture_count_files(&f, "new"), 0);
		fixture_deinit(&f);
	}
}

/* What stands in the name is another program's to change; what does not is
 * left alone, and shown when there is room for it. */
static void others_change_what_has_room(void **state)
{
	struct fixture f;

	(void)state;
	init(&f);
	fixture_write(&f, long_name(&f, "cur", 250, ":2,S"), mail);
	check_first(&f, CV_FLAG_SEEN, "");
	store(&f, CV_FLAGS_ADD, CV_FLAG_FLAGGED | CV_FLAG_ANSWERED, "Work");
	check_first(&f, CV_FLAG_SEEN | CV_FLAG_FLAGGED | CV_FLAG_ANSWERED,
		    " Work");
	fixture_wait_tick();
	fixture_rename(&f, long_name(&f, "cur", 250, ":2,FS"),
		       long_name(&f, "cur", 250, ":2,S"));
	check_first(&f, CV_FLAG_SEEN | CV_FLAG_ANSWERED, " Work");
	assert_true(exists(&f, long_name(&f, "cur", 250, ":2,RS")));
	fixture_wait_tick();
	fixture_rename(&f, long_name(&f, "cur", 250, ":2,RS"),
		       long_name(&f, "cur", 250, ":2,"));
	check_first(&f, 0, " Work");
	assert_true(exists(&f, long_name(&f, "cur", 250, ":2,a")));
	fixture_wait_tick();
	fixture_rename(&f, long_name(&f, "cur", 250, ":2,a"),
		       long_name(&f, "cur", 250, ":2,DT"));
	check_first(&f, CV_FLAG_DRAFT | CV_FLAG_DELETED, "");
	fixture_deinit(&f);
}

/* --- more keywords than letters ------------------------------------------------ */

static void check_keywords(struct fixture *f, int count)
{
	struct cv_mailbox *box;
	struct cv_message_data d;
	char name[16];

	check_stays(f);
	box = fixture_open(f, "INBOX");
	for (uint32_t seq = 1; seq <= 2; seq++) {
		bool seen[64] = { false };

		d = fixture_message(f, box, seq, CV_MESSAGE_KEYWORDS);
		assert_int_equal(d.keywords.count, count);
		for (uint32_t k = 0; k < d.keywords.count; k++)
			seen[atoi(d.keywords.names[k] + 3)] = true;
		for (int i = 0; i < count; i++) {
			snprintf(name, sizeof(name), "key%d", i);
			assert_true(seen[i]);
		}
	}
	mailbox_api.close(&box);
}

static void keywords_without_a_letter_stay(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	char name[16];

	(void)state;
	init(&f);
	fixture_write(&f, "cur/1600000001.a:2,", mail);
	fixture_write(&f, "new/1600000002.a", mail);
	box = fixture_open(&f, "INBOX");
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "key%d", i);
		fixture_store(&f, box, 1, 2, CV_FLAGS_ADD, 0, name);
	}
	mailbox_api.close(&box);
	check_keywords(&f, 40);
	/* another program sets a flag */
	fixture_wait_tick();
	fixture_rename(&f, "cur/1600000001.a:2,abcdefghijklmnopqrstuvwxyz",
		       "cur/1600000001.a:2,Sabcdefghijklmnopqrstuvwxyz");
	check_keywords(&f, 40);
	/* a new journal, and one more */
	box = fixture_open(&f, "INBOX");
	assert_int_equal(flags_of(&f, box, 1), CV_FLAG_SEEN);
	for (int i = 0; i < 2; i++)
		ok(&f, account_rotate(box->store->account,
				      time_monotonic_msecs() + 5000, &f.err));
	mailbox_api.close(&box);
	check_keywords(&f, 40);
	/* and a restart of the machine */
	fixture_logout(&f);
	memset(f.boot_id, 2, 16);
	fixture_login(&f);
	check_keywords(&f, 40);
	/* one without a letter goes as it came */
	store(&f, CV_FLAGS_REMOVE, 0, "key39");
	box = fixture_open(&f, "INBOX");
	fixture_store(&f, box, 2, 2, CV_FLAGS_REMOVE, 0, "key39");
	mailbox_api.close(&box);
	check_keywords(&f, 39);
	fixture_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newer_of_two_names_counts),
		cmocka_unit_test(cur_counts_before_new),
		cmocka_unit_test(two_links_of_a_file_are_one_message),
		cmocka_unit_test(other_bytes_are_another_message),
		cmocka_unit_test(the_whole_one_of_two_is_kept),
		cmocka_unit_test(many_that_are_there_three_times),
		cmocka_unit_test(what_cannot_be_mended_stays_as_it_was),
		cmocka_unit_test(flags_without_room_stay),
		cmocka_unit_test(others_change_what_has_room),
		cmocka_unit_test(keywords_without_a_letter_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
