/* test-blob-folders.c - what every blob driver must do with folders, their
 * names and their state: the same tests on each. */
#include "blob-fixture.h"

#define BODY "Subject: b\n\nhello\n"

/* --- names ------------------------------------------------------------------------- */

static const struct cv_span names[] = {
	CV_SPAN("plain"), CV_SPAN("Plain"), CV_SPAN("PLAIN"), CV_SPAN("a b"),
	CV_SPAN(" a"), CV_SPAN("a "), CV_SPAN("-a"), CV_SPAN("a-"),
	CV_SPAN("~"), CV_SPAN("~root"), CV_SPAN("*"), CV_SPAN("%"),
	CV_SPAN("a%00b"), CV_SPAN("\\"), CV_SPAN("a\\b"), CV_SPAN("\""),
	CV_SPAN("$HOME"), CV_SPAN("`id`"), CV_SPAN("a;b"), CV_SPAN("&"),
	CV_SPAN("&-"), CV_SPAN("&AOQ-"), CV_SPAN("\xc3\xa4"),
	CV_SPAN("a\xcc\x88"), CV_SPAN("\xe2\x82\xac"),
	CV_SPAN("\xf0\x9f\x95\x8a"), CV_SPAN("\xe2\x80\xae" "abc"),
	CV_SPAN("."), CV_SPAN(".."), CV_SPAN("..."), CV_SPAN(".a"),
	CV_SPAN("a."), CV_SPAN("a.b"), CV_SPAN("..a"), CV_SPAN("/"),
	CV_SPAN("/a"), CV_SPAN("/etc/passwd"), CV_SPAN("../outside"),
	CV_SPAN("x/../../outside"), CV_SPAN("x/./y"), CV_SPAN("x//y"),
	CV_SPAN("x/"), CV_SPAN("new"), CV_SPAN("cur"), CV_SPAN("tmp"),
	CV_SPAN("mailboxes"), CV_SPAN("storage"), CV_SPAN("dbox-Mails"),
	CV_SPAN("culver"), CV_SPAN("subscriptions"), CV_SPAN(".imap"),
	CV_SPAN("x.lock"), CV_SPAN("INBOX.x"), CV_SPAN("inbox"),
	CV_SPAN("dovecot-uidlist"), CV_SPAN("dovecot.index"),
	CV_SPAN("maildirfolder"), CV_SPAN("con"), CV_SPAN("a:2,S"),
	CV_SPAN("a\0b"), CV_SPAN("a\nb"), CV_SPAN("a\rb"), CV_SPAN("a\tb"),
	CV_SPAN("a\x7f"), CV_SPAN("\xef\xbf\xbd"), CV_SPAN(""),
};

struct known {
	struct blob_fixture *b;
	struct hash_table found;
	uint32_t count;
};

static int take_folder(void *context, const struct cv_folder_found *found)
{
	struct known *known = context;
	struct cv_span name = pool_span(known->b->pool,
					cv_span_of(found->name));

	assert_null(hash_find(&known->found, name));	/* each once */
	hash_set(&known->found, name, known);
	known->count += found->selectable;
	return CV_OK;
}

static struct known *folders(struct blob_fixture *b)
{
	struct known *known = pool_new(b->pool, struct known);

	known->b = b;
	hash_init(&known->found, b->pool, false);
	okb(b, b->d->folders_scan(b->root, take_folder, known, &b->err));
	return known;
}

static bool is_accepted(struct blob_fixture *b, struct cv_span name)
{
	int ret = b->d->name_check(b->root, name, &b->err);

	assert_true(ret == CV_OK || ret == CV_E_PERM);
	if (ret != CV_OK)	/* a sentence for the client */
		assert_true(b->err.client[0] != '\0');
	return ret == CV_OK;
}

/* The tree and nothing else is below the test's directory. */
static void assert_nothing_outside(struct blob_fixture *b)
{
	struct io_dir *d = io_dir_open(io_posix(), AT_FDCWD, b->dir);
	const char *entry;

	while ((entry = io_dir_next(d, NULL)) != NULL)
		assert_string_equal(entry, "tree");
	io_dir_close(&d);
}

/* Those that may be are made, found as they were given, and are places of
 * their own. */
static void two_names_are_two_places(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_storage_folder *open[BLOB_COUNT(names)] = { NULL };
	struct cv_blob blobs[BLOB_COUNT(names)];
	struct known *known;
	uint32_t made = 1;	/* "box" */

	/* core sees to it that they are UTF-8 */
	for (size_t i = 0; i < BLOB_COUNT(names); i++) {
		const char *name, *body;

		if (!is_accepted(b, names[i]))
			continue;
		name = pool_copy(b->pool, names[i].data, names[i].len);
		body = pool_printf(b->pool, "Subject: %zu\n\n%zu\n", i, i);
		blob_make_folder(b, name);
		made++;
		open[i] = blob_open_folder(b, name, CV_SPAN_NONE);
		okb(b, blob_try_put(b, open[i], cv_span_of(body), &blobs[i]));
		blob_place(b, open[i], &blobs[i]);
	}
	assert_true(made > 10);
	known = folders(b);
	for (size_t i = 0; i < BLOB_COUNT(names); i++) {
		struct blob_scan *scan;

		if (open[i] == NULL)
			continue;
		if (hash_find(&known->found, names[i]) == NULL)
			fail_msg("'%.*s' is not found",
				 CV_SPAN_ARG(names[i]));
		scan = pool_new(b->pool, struct blob_scan);
		okb(b, blob_try_scan(b, open[i], scan));
		assert_int_equal(scan->found.count, 1);
		assert_blob_in(b, open[i], &blobs[i], cv_span_of(pool_printf(
			b->pool, "Subject: %zu\n\n%zu\n", i, i)));
		b->d->folder_close(&open[i]);
	}
	assert_true(known->count == made || known->count == made + 1);
	assert_nothing_outside(b);
}

static void names_that_cannot_be_are_refused(void **state)
{
	struct blob_fixture *b = *state;
	static const struct cv_span refused[] = {
		CV_SPAN(""), CV_SPAN("/"), CV_SPAN("/a"), CV_SPAN("x//y"),
		CV_SPAN("x/"), CV_SPAN("a\0b"), CV_SPAN("a\nb"),
		CV_SPAN("a\rb"), CV_SPAN("a\x7f"),
	};
	struct cv_text name;

	for (size_t i = 0; i < BLOB_COUNT(refused); i++)
		assert_false(is_accepted(b, refused[i]));
	cv_text_init(&name, b->pool);
	for (int i = 0; i < 10000; i++)
		cv_text_append_str(&name, "a");
	assert_false(is_accepted(b, cv_text_span(&name)));
	for (int i = 0; i < 5000; i++)
		name.data[2 * i + 1] = '/';
	name.len--;
	assert_false(is_accepted(b, cv_text_span(&name)));
}

/* Where levels are directories, a dot is a letter like others, and so are the
 * letters of names that a driver may have for something else. */
static void names_with_a_dot_before_them_are_names(void **state)
{
	struct blob_fixture *b = *state;
	static const char *const wanted[] = {
		".hid", "a/.hid", ".d/x", "...", "..x", ".culverx", ".trash-1",
		".trash-0123456789abcdeF", "New", "Tmp", "CUR", "p/New",
		"Dovecot", "dovecot", "dovecot-list", "Subscriptions",
	};
	static const char *const refused[] = {
		".", "..", "a/.", "a/..", "../a", "./a", "a/../b",
	};
	struct known *known;

	if (!is_accepted(b, CV_SPAN("a.b")) ||
	    blob_has(b, CV_STORAGE_ONE_PROCESS))
		return;		/* no directories, or nowhere on disk */
	for (size_t i = 0; i < BLOB_COUNT(wanted); i++) {
		if (!is_accepted(b, cv_span_of(wanted[i])))
			fail_msg("'%s' is refused", wanted[i]);
		blob_make_folder(b, wanted[i]);
	}
	known = folders(b);
	for (size_t i = 0; i < BLOB_COUNT(wanted); i++) {
		if (hash_find(&known->found, cv_span_of(wanted[i])) == NULL)
			fail_msg("'%s' is not found", wanted[i]);
	}
	for (size_t i = 0; i < BLOB_COUNT(refused); i++)
		assert_false(is_accepted(b, cv_span_of(refused[i])));
	assert_nothing_outside(b);
}

/* Every length up to the longest that is accepted can be made. */
static void long_names_that_are_accepted_can_be_made(void **state)
{
	struct blob_fixture *b = *state;
	static const char *const parts[] = { "a", "\xc3\xa4", "\xe2\x82\xac" };

	for (size_t p = 0; p < BLOB_COUNT(parts); p++) {
		struct cv_text name;

		cv_text_init(&name, b->pool);
		while (name.len < 1200) {
			struct cv_span span;

			cv_text_append_str(&name, parts[p]);
			span = cv_text_span(&name);
			if (name.len < 60 || !is_accepted(b, span))
				continue;
			okb(b, b->d->folder_create(b->root, span, &b->err));
			okb(b, b->d->folder_remove(b->root, span, &b->err));
		}
	}
}

/* --- the set of folders ----------------------------------------------------------------- */

static void folders_are_made_once(void **state)
{
	struct blob_fixture *b = *state;

	assert_int_equal(b->d->folder_create(b->root, CV_SPAN("box"),
					     &b->err), CV_E_EXISTS);
	blob_make_folder(b, "p/q/r");
	assert_non_null(hash_find(&folders(b)->found, CV_SPAN("p/q/r")));
	assert_int_equal(b->d->folder_create(b->root, CV_SPAN("p/q/r"),
					     &b->err), CV_E_EXISTS);
}

/* Folders below a folder of messages; where the format has no place for them
 * the driver says so in its table. */
static void a_folder_may_have_folders_below_it(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_blob blob = blob_save(b, BODY);
	int ret = b->d->folder_create(b->root, CV_SPAN("box/below"), &b->err);

	if (blob_has(b, CV_STORAGE_LEAVES) && ret != CV_OK) {
		assert_true(ret == CV_E_PERM || ret == CV_E_EXISTS);
		return;
	}
	assert_int_equal(ret, CV_OK);
	okb(b, b->d->folder_remove(b->root, CV_SPAN("box"), &b->err));
	assert_non_null(hash_find(&folders(b)->found, CV_SPAN("box/below")));
	(void)blob;
}

static void a_stamp_tells_of_changes(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_text stamp;

	cv_text_init(&stamp, b->pool);
	assert_int_equal(b->d->folders_check(b->root, &stamp, &b->err),
			 CV_CHANGED);
	assert_in_range(stamp.len, 0, 256);
	if (!blob_has(b, CV_STORAGE_FOREIGN))
		return;		/* who changes it tells the journal */
	okb(b, b->d->folder_create(b->root, CV_SPAN("more"), &b->err));
	assert_int_equal(b->d->folders_check(b->root, &stamp, &b->err),
			 CV_CHANGED);
	okb(b, b->d->folder_remove(b->root, CV_SPAN("more"), &b->err));
	assert_int_equal(b->d->folders_check(b->root, &stamp, &b->err),
			 CV_CHANGED);
	/* one that somebody has made up */
	cv_text_reset(&stamp);
	cv_text_append_str(&stamp, "no such stamp");
	assert_int_equal(b->d->folders_check(b->root, &stamp, &b->err),
			 CV_CHANGED);
}

static void a_renamed_folder_keeps_its_messages(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_blob blob = blob_save(b, BODY), hidden = blob_put(b, "h\n");
	struct known *known;

	okb(b, b->d->folder_rename(b->root, CV_SPAN("box"), CV_SPAN("n/new"),
				   &b->err));
	b->d->folder_close(&b->folder);
	b->folder = blob_open_folder(b, "n/new", CV_SPAN_NONE);
	assert_blob(b, &blob, BODY);
	assert_blob(b, &hidden, "h\n");
	/* a rebuild knows where they were */
	assert_int_equal(blob_scan(b)->found.count, 1);
	known = folders(b);
	assert_null(hash_find(&known->found, CV_SPAN("box")));
	assert_non_null(hash_find(&known->found, CV_SPAN("n/new")));
	/* and back: what was above it stays or goes */
	okb(b, b->d->folder_rename(b->root, CV_SPAN("n/new"), CV_SPAN("box"),
				   &b->err));
	blob_reopen(b);
	assert_blob(b, &blob, BODY);
}

static void nothing_is_renamed_over_another(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_blob blob = blob_save(b, BODY);

	okb(b, b->d->folder_create(b->root, CV_SPAN("other"), &b->err));
	assert_int_equal(b->d->folder_rename(b->root, CV_SPAN("other"),
					     CV_SPAN("box"), &b->err),
			 CV_E_EXISTS);
	assert_int_equal(b->d->folder_rename(b->root, CV_SPAN("absent"),
					     CV_SPAN("x"), &b->err),
			 CV_E_NOT_FOUND);
	blob_reopen(b);
	assert_blob(b, &blob, BODY);
}

static void a_removed_folder_is_gone_with_its_messages(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_storage_folder *again;
	struct cv_blob blob = blob_save(b, BODY), one = blob_put(b, BODY);
	struct cv_span text;
	uint32_t scan;

	okb(b, b->d->folder_remove(b->root, CV_SPAN("box"), &b->err));
	assert_null(hash_find(&folders(b)->found, CV_SPAN("box")));
	assert_int_equal(b->d->folder_open(b->root, CV_SPAN("box"),
					   CV_SPAN_NONE, &again, &b->err),
			 CV_E_NOT_FOUND);
	/* whoever still has it open gets an answer, whatever it is */
	(void)blob_read(b, b->folder, &blob, &text);
	(void)b->d->check(b->folder, true, &scan, NULL);
	b->d->place(b->folder, &one, 1);
	(void)b->d->remove(b->folder, &blob, 1, NULL);
	(void)b->d->sync(b->folder, 5, NULL);
	(void)blob_try_put(b, b->folder, CV_SPAN(BODY), &one);
	/* removing it again is no harm */
	(void)b->d->folder_remove(b->root, CV_SPAN("box"), NULL);
	/* a new one of that name is empty */
	blob_make_folder(b, "box");
	blob_reopen(b);
	if (!blob_has(b, CV_STORAGE_POOLED))
		assert_int_equal(blob_scan(b)->found.count, 0);
}

static void what_is_not_there_is_not_opened(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_storage_config config = b->config;
	struct cv_storage_folder *folder;
	struct cv_storage_root *root;

	assert_int_equal(b->d->folder_open(b->root, CV_SPAN("absent"),
					   CV_SPAN_NONE, &folder, &b->err),
			 CV_E_NOT_FOUND);
	config.path = pool_printf(b->pool, "%s/absent", b->dir);
	config.create = false;
	assert_int_equal(b->d->root_open(&config, &root, &b->err),
			 CV_E_NOT_FOUND);
	if (b->d->detect != NULL) {
		blob_make_folder(b, "INBOX");
		assert_int_equal(b->d->detect(&config), CV_NOT_FOUND);
		okb(b, b->d->detect(&b->config));
	}
	assert_nothing_outside(b);
}

/* --- subscriptions --------------------------------------------------------------------------- */

static void subscriptions_are_read_as_written(void **state)
{
	struct blob_fixture *b = *state;
	static const char *const wanted[] = { "a", "a/b", "\xc3\xa4", "x y" };
	struct cv_strings want = { wanted, 4 }, have = { NULL, 0 };
	struct cv_text stamp;

	if (b->d->subscriptions_write == NULL)
		return;		/* the journal alone keeps them */
	cv_text_init(&stamp, b->pool);
	okb(b, b->d->subscriptions_write(b->root, &want, &stamp, &b->err));
	cv_text_reset(&stamp);
	assert_int_equal(b->d->subscriptions_read(b->root, &stamp, b->pool,
						  &have, &b->err),
			 CV_CHANGED);
	assert_int_equal(have.count, 4);
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t k = 0;

		while (k < 4 && strcmp(have.items[i], wanted[k]) != 0)
			k++;
		assert_true(k < 4);
	}
}

/* --- the state ----------------------------------------------------------------------------------- */

static void a_state_is_kept_with_the_folder(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_text kept;
	uint32_t scan = 0;
	int ret;

	(void)blob_save(b, BODY);
	okb(b, b->d->sync(b->folder, 7, &b->err));
	(void)blob_scan(b);
	cv_text_init(&kept, b->pool);
	(void)b->d->state(b->folder, &kept);
	assert_in_range(kept.len, 1, 1024);
	b->d->folder_close(&b->folder);
	b->folder = blob_open_folder(b, "box", cv_text_span(&kept));
	ret = b->d->check(b->folder, false, &scan, &b->err);
	/* who shares the tree with others may want to look again */
	if (ret != CV_OK) {
		assert_true(blob_has(b, CV_STORAGE_FOREIGN));
		assert_int_equal(ret, CV_CHANGED);
		assert_in_range(scan, CV_SCAN_ARRIVALS, CV_SCAN_ALL);
	}
}

/* In another run of the machine what was not synced may be lost. */
static void another_run_of_the_machine_is_noticed(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_text kept;

	(void)blob_save(b, BODY);
	(void)blob_scan(b);
	okb(b, b->d->sync(b->folder, 7, &b->err));
	cv_text_init(&kept, b->pool);
	(void)b->d->state(b->folder, &kept);
	assert_false(b->d->was_lost(b->folder, UINT64_MAX));
	b->d->folder_close(&b->folder);
	b->d->root_close(&b->root);
	memset(b->config.boot_id, 2, 16);
	blob_open_root(b);
	b->folder = blob_open_folder(b, "box", cv_text_span(&kept));
	if (blob_has(b, CV_STORAGE_ONE_PROCESS))
		assert_false(b->d->was_lost(b->folder, 9));
	else
		assert_true(b->d->was_lost(b->folder, UINT64_MAX));
	assert_false(b->d->was_lost(b->folder, 6) &&
		     !b->d->was_lost(b->folder, 8));
}

static void a_state_that_makes_no_sense_is_as_none(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_blob blob = blob_save(b, BODY);
	char bytes[1024];
	uint32_t scan;

	for (size_t len = 0; len <= sizeof(bytes);
	     len = len < 80 ? len + 1 : len * 2) {
		for (unsigned int fill = 0; fill < 256; fill += 85) {
			memset(bytes, (int)fill, sizeof(bytes));
			b->d->state_set(b->folder, cv_span(bytes, len));
			(void)b->d->check(b->folder, true, &scan, NULL);
			(void)b->d->was_lost(b->folder, 5);
		}
	}
	assert_int_equal(blob_scan(b)->found.count, 1);
	assert_blob(b, &blob, BODY);
}

/* What a driver tells of UIDs for the time when the journal is lost is what
 * they were. */
static void a_takeover_has_the_uids_that_were_given(void **state)
{
	struct blob_fixture *b = *state;
	struct cv_takeover t = { CV_SIZED(cv_takeover) };
	struct cv_blob blobs[5];
	uint32_t last = 0;
	int ret;

	for (size_t i = 0; i < BLOB_COUNT(blobs); i++)
		blobs[i] = blob_save(b, BODY);
	okb(b, b->d->remove(b->folder, &blobs[2], 1, &b->err));
	blob_reopen(b);
	ret = b->d->takeover(b->folder, false, b->pool, &t, &b->err);
	assert_true(ret == CV_OK || ret == CV_NOT_FOUND);
	if (ret != CV_OK)
		return;		/* it keeps none */
	assert_int_equal(t.uidvalidity, BLOB_UIDVALIDITY);
	assert_true(t.uidnext >= 6);
	for (uint32_t i = 0; i < t.count; i++) {
		assert_true(t.entries[i].uid > last);
		last = t.entries[i].uid;
		for (size_t k = 0; k < BLOB_COUNT(blobs); k++) {
			if (cv_span_equal(t.entries[i].ref, blobs[k].ref))
				assert_int_equal(last, blobs[k].uid);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_names_are_two_places),
		cmocka_unit_test(names_that_cannot_be_are_refused),
		cmocka_unit_test(names_with_a_dot_before_them_are_names),
		cmocka_unit_test(long_names_that_are_accepted_can_be_made),
		cmocka_unit_test(folders_are_made_once),
		cmocka_unit_test(a_folder_may_have_folders_below_it),
		cmocka_unit_test(a_stamp_tells_of_changes),
		cmocka_unit_test(a_renamed_folder_keeps_its_messages),
		cmocka_unit_test(nothing_is_renamed_over_another),
		cmocka_unit_test(a_removed_folder_is_gone_with_its_messages),
		cmocka_unit_test(what_is_not_there_is_not_opened),
		cmocka_unit_test(subscriptions_are_read_as_written),
		cmocka_unit_test(a_state_is_kept_with_the_folder),
		cmocka_unit_test(another_run_of_the_machine_is_noticed),
		cmocka_unit_test(a_state_that_makes_no_sense_is_as_none),
		cmocka_unit_test(a_takeover_has_the_uids_that_were_given),
	};

	return blob_run("folders", tests, BLOB_COUNT(tests));
}
