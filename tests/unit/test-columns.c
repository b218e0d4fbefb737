/* test-columns.c - the columns file of a folder: what is damaged, cut short,
 * old or of another mailbox is found out, and SORT and THREAD answer as if it
 * were not there. */
#include "mailbox-fixture.h"
#include "mailbox/key-table.h"
#include "account/columns.h"
#include "account/format.h"

#include <dirent.h>
#include <fcntl.h>

enum {
	MESSAGES = 260,		/* a file is written from 256 on */
	ORDERS = 4, HEADER = 896, SECTIONS_AT = 64,
	UIDS = 1, STAMPS = 25,	/* doc/format-account.md 4.1 */
};

struct bytes { unsigned char *data; size_t len; };

static const uint32_t orders[ORDERS][2] = {
	{ CV_SORT_SUBJECT, CV_SORT_DATE },
	{ CV_SORT_FROM, CV_SORT_REVERSE | CV_SORT_TO },
	{ CV_SORT_DISPLAYTO, CV_SORT_DISPLAYFROM },
	{ CV_SORT_CC, CV_SORT_REVERSE | CV_SORT_SUBJECT },
};

static const struct cv_search_node all_node = { .op = CV_SEARCH_ALL };
static const struct cv_search_query all = {
	CV_SIZED(cv_search_query), .nodes = &all_node, .count = 1,
};

/* --- mail ----------------------------------------------------------------- */

static void save_one(struct fixture *f, const char *mailbox, unsigned int i,
		     const char *word)
{
	struct cv_text m;

	cv_text_init(&m, f->pool);
	cv_text_append_f(&m, "From: P%u <p%u@x>\r\nTo: T%u <t%u@x>\r\n"
			 "Cc: c%u@x\r\nSubject: %s%s %u\r\nDate: %u Jan 2026 "
			 "10:%02u:00 +0000\r\nMessage-ID: <%u@x>\r\n",
			 i * 7 % 41, i * 5 % 37, i * 3 % 29, i * 11 % 31,
			 i * 13 % 7, i % 3 == 0 ? "" : "Re: ", word,
			 i * 17 % 53, i * 3 % 28 + 1, i % 60, i);
	if (i % 4 != 0)
		cv_text_append_f(&m, "References: <%u@x> <%u@x>\r\n",
				 i / 4 * 4, i / 2);
	cv_text_append_str(&m, "\r\nbody\r\n");
	ok(f, fixture_try_save(f, mailbox, cv_text_span(&m), 0, NULL));
}

static void save_many(struct fixture *f, const char *mailbox,
		      const char *word)
{
	for (unsigned int i = 0; i < MESSAGES; i++)
		save_one(f, mailbox, i, word);
}

/* --- answers -------------------------------------------------------------- */

/* All the orders and threads, as bytes. */
static void answer(struct fixture *f, struct cv_mailbox *box,
		   struct cv_text *out)
{
	struct cv_thread_request t = { CV_SIZED(cv_thread_request),
		.query = &all, .algorithm = CV_THREAD_REFERENCES };
	struct cv_thread_node *nodes;
	uint32_t *seqs, count;

	for (unsigned int i = 0; i < ORDERS; i++) {
		struct cv_sort_request r = { CV_SIZED(cv_sort_request),
			.query = &all, .keys = orders[i], .key_count = 2 };

		ok(f, mailbox_api.sort(box, &r, f->pool, &seqs, &count,
				       &f->err));
		cv_text_append(out, (const char *)seqs, count * sizeof(*seqs));
	}
	ok(f, mailbox_api.thread(box, &t, f->pool, &nodes, &count, &f->err));
	for (uint32_t i = 0; i < count; i++)
		cv_text_append_f(out, "%u/%u ", nodes[i].seq,
				 nodes[i].children);
}

/* Those of a session of its own. */
static struct cv_span answers(struct fixture *f, const char *mailbox)
{
	struct cv_mailbox *box = fixture_open(f, mailbox);
	struct cv_text out;

	cv_text_init(&out, f->pool);
	answer(f, box, &out);
	mailbox_api.close(&box);
	return cv_text_span(&out);
}

/* --- the file ------------------------------------------------------------- */

static char found[400];
static struct account_guid wanted_guid;

static int look(const char *path, const struct stat *st, int type,
		struct FTW *ftw)
{
	char guid[33];

	(void)st; (void)ftw;
	account_guid_format(&wanted_guid, guid);
	if (type == FTW_F && strstr(path, guid) != NULL &&
	    strcmp(path + strlen(path) - 4, ".col") == 0)
		snprintf(found, sizeof(found), "%s", path);
	return 0;
}

/* NULL: there is none. */
static const char *file_of(struct fixture *f, const char *mailbox)
{
	struct cv_mailbox *box = fixture_open(f, mailbox);

	wanted_guid = box->folder->guid;
	mailbox_api.close(&box);
	found[0] = '\0';
	nftw(f->dir, look, 16, FTW_PHYS);
	return found[0] == '\0' ? NULL : found;
}

static struct bytes file_read(struct fixture *f, const char *path)
{
	struct bytes b = { NULL, 0 };
	struct stat st;
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	b.len = (size_t)st.st_size;
	b.data = pool_alloc(f->pool, b.len);
	assert_int_equal(read(fd, b.data, b.len), b.len);
	close(fd);
	return b;
}

static void file_write(const char *path, const unsigned char *data,
		       size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static uint64_t section_offset(const unsigned char *file, unsigned int i)
{
	uint64_t offset;

	memcpy(&offset, file + SECTIONS_AT + i * 24, 8);
	return offset;
}

static uint64_t section_len(const unsigned char *file, unsigned int i)
{
	uint64_t len;

	memcpy(&len, file + SECTIONS_AT + i * 24 + 8, 8);
	return len;
}

/* Checksums are made right. */
static void file_sign(unsigned char *file)
{
	uint32_t crc;

	for (unsigned int i = 0; i < COLUMNS_SECTIONS; i++) {
		crc = crc32c(0, file + section_offset(file, i),
			     section_len(file, i));
		if (section_offset(file, i) != 0)
			memcpy(file + SECTIONS_AT + i * 24 + 16, &crc, 4);
	}
	crc = crc32c(0, file, HEADER - 4);
	memcpy(file + HEADER - 4, &crc, 4);
}

/* --- columns.c: any byte -------------------------------------------------- */

/* A bit for each section that is read as it was written; the others are
 * refused.  With other bytes than those it fails. */
static uint32_t sections_read(struct account_folder *folder,
			      const struct bytes *file)
{
	struct cv_pool *pool = pool_create("columns");
	struct account_columns *c = account_columns_open(folder, pool);
	uint32_t bits = 0;

	for (unsigned int i = 0; c != NULL && i < COLUMNS_SECTIONS; i++) {
		struct cv_span data;

		if (!account_columns_load(c, i, pool, &data))
			continue;
		bits |= 1u << i;
		assert_int_equal(data.len, section_len(file->data, i));
		assert_memory_equal(data.data, file->data +
				    section_offset(file->data, i), data.len);
	}
	account_columns_close(&c);
	pool_destroy(&pool);
	return bits;
}

struct setting {
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_span want;
	const char *path;
	struct bytes file;
};

static void setting_init(struct setting *s)
{
	fixture_init(&s->f, "");
	save_many(&s->f, "INBOX", "word");
	s->want = answers(&s->f, "INBOX");
	s->path = file_of(&s->f, "INBOX");
	assert_non_null(s->path);
	s->file = file_read(&s->f, s->path);
	s->box = fixture_open(&s->f, "INBOX");
}

static void setting_deinit(struct setting *s)
{
	mailbox_api.close(&s->box);
	fixture_deinit(&s->f);
}

/* The same file with other bytes, in place. */
static void patch(int fd, size_t at, unsigned char byte)
{
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
}

static uint32_t section_with(const struct bytes *file, size_t at)
{
	for (unsigned int i = 0; i < COLUMNS_SECTIONS; i++) {
		uint64_t from = section_offset(file->data, i);

		if (from != 0 && at >= from &&
		    at < from + section_len(file->data, i))
			return 1u << i;
	}
	return 0;
}

static void every_changed_byte_is_found_out(void **state)
{
	struct setting s;
	uint32_t whole;
	int fd;

	setting_init(&s);
	whole = sections_read(s.box->folder, &s.file);
	assert_int_not_equal(whole, 0);
	fd = open(s.path, O_WRONLY);
	for (size_t at = 0; at < s.file.len; at++) {
		unsigned char bit = (unsigned char)(1u << at % 8);
		uint32_t lost = at < HEADER ? whole :
			section_with(&s.file, at);

		patch(fd, at, s.file.data[at] ^ bit);
		assert_int_equal(sections_read(s.box->folder, &s.file),
				 whole & ~lost);
		patch(fd, at, s.file.data[at] ^ 0xff);
		assert_int_equal(sections_read(s.box->folder, &s.file),
				 whole & ~lost);
		patch(fd, at, s.file.data[at]);
	}
	close(fd);
	assert_int_equal(sections_read(s.box->folder, &s.file), whole);
	setting_deinit(&s);
}

static void every_shorter_file_is_found_out(void **state)
{
	struct setting s;
	uint32_t whole;

	setting_init(&s);
	whole = sections_read(s.box->folder, &s.file);
	for (size_t len = s.file.len; len-- > 0; ) {
		uint32_t have = 0;

		assert_int_equal(truncate(s.path, (off_t)len), 0);
		for (unsigned int i = 0; i < COLUMNS_SECTIONS; i++) {
			if (section_offset(s.file.data, i) +
			    section_len(s.file.data, i) <= len)
				have |= 1u << i;
		}
		assert_int_equal(sections_read(s.box->folder, &s.file),
				 len < HEADER ? 0 : whole & have);
	}
	setting_deinit(&s);
}

/* --- key-table.c: the answers --------------------------------------------- */

static void check_answers(struct setting *s)
{
	struct cv_pool *pool = s->f.pool;
	struct cv_text out;

	s->f.pool = pool_create("answers");
	cv_text_init(&out, s->f.pool);
	answer(&s->f, s->box, &out);
	assert_int_equal(out.len, s->want.len);
	assert_memory_equal(out.data, s->want.data, out.len);
	pool_destroy(&s->f.pool);
	s->f.pool = pool;
}

static void answers_stay_right_with_damage(void **state)
{
	struct setting s;

	setting_init(&s);
	check_answers(&s);
	/* a prime: all places in a section, in time */
	for (size_t at = 0; at < s.file.len; at += at < HEADER ? 13 : 97) {
		s.file.data[at] ^= 0x55;
		file_write(s.path, s.file.data, s.file.len);
		check_answers(&s);
		s.file.data[at] ^= 0x55;
	}
	for (size_t len = 0; len < s.file.len; len += 211) {
		file_write(s.path, s.file.data, len);
		check_answers(&s);
	}
	setting_deinit(&s);
}

/* Bounds are checked though the checksums are right: no answer is known then,
 * but it is one of all messages. */
static void numbers_out_of_bounds_are_refused(void **state)
{
	static const uint64_t wrong[] = { 0, 1, 0x7fffffff, UINT32_MAX,
					  UINT64_MAX };
	struct setting s;
	struct cv_pool *pool;
	unsigned char *copy;

	setting_init(&s);
	pool = s.f.pool;
	copy = pool_alloc(pool, s.file.len);
	for (unsigned int i = 0; i < COLUMNS_SECTIONS * 5; i++) {
		uint64_t at = section_offset(s.file.data, i / 5);
		uint64_t len = section_len(s.file.data, i / 5);
		struct cv_text out;

		if (at == 0 || len < 8)
			continue;
		memcpy(copy, s.file.data, s.file.len);
		memcpy(copy + at + len / 2 / 8 * 8, &wrong[i % 5], 8);
		file_sign(copy);
		file_write(s.path, copy, s.file.len);
		s.f.pool = pool_create("answers");
		cv_text_init(&out, s.f.pool);
		answer(&s.f, s.box, &out);
		assert_true(out.len > ORDERS * MESSAGES * sizeof(uint32_t));
		pool_destroy(&s.f.pool);
	}
	s.f.pool = pool;
	setting_deinit(&s);
}

static void sections_of_any_length_are_refused(void **state)
{
	struct setting s;
	unsigned char *copy;

	setting_init(&s);
	copy = pool_alloc(s.f.pool, s.file.len);
	for (unsigned int i = 0; i < COLUMNS_SECTIONS * 4; i++) {
		unsigned int section = i / 4;
		uint64_t len = section_len(s.file.data, section);
		bool bytes = section >= 16 && section < 22;
		const uint64_t lens[] = { 0, len / 2, len - 4, 1 };

		/* strings have no length that is right but by their ends */
		if (len < 8 || (bytes && i % 4 == 2))
			continue;
		memcpy(copy, s.file.data, s.file.len);
		memcpy(copy + SECTIONS_AT + section * 24 + 8, &lens[i % 4], 8);
		file_sign(copy);
		file_write(s.path, copy, s.file.len);
		check_answers(&s);
	}
	setting_deinit(&s);
}

/* --- files of something else ---------------------------------------------- */

static void a_file_of_another_folder_is_none(void **state)
{
	struct setting s;
	struct cv_mailbox *other;

	setting_init(&s);
	ok(&s.f, mailbox_api.create(s.f.user, "other", 0, &s.f.err));
	save_many(&s.f, "other", "quite another");
	(void)answers(&s.f, "other");
	other = fixture_open(&s.f, "other");
	file_write(file_of(&s.f, "other"), s.file.data, s.file.len);
	assert_int_equal(sections_read(other->folder, &s.file), 0);
	mailbox_api.close(&other);
	setting_deinit(&s);
}

static void a_file_of_another_account_or_uidvalidity_is_none(void **state)
{
	static const size_t places[] = { 8, 10, 12, 16, 31, 32, 47, 48, 51,
					 52, 63, 64 + 32 * 24 };
	struct setting s;

	setting_init(&s);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		s.file.data[places[i]] ^= 1;
		file_sign(s.file.data);
		file_write(s.path, s.file.data, s.file.len);
		assert_int_equal(sections_read(s.box->folder, &s.file), 0);
		s.file.data[places[i]] ^= 1;
	}
	setting_deinit(&s);
}

/* A crash has lost the last messages, but not the file that knew them; others
 * have their UIDs now. */
static void uids_that_were_given_twice_are_told_apart(void **state)
{
	struct setting s;
	struct cv_span again;
	struct cv_text out;
	char lost[100], kept[100], command[300];

	fixture_init(&s.f, "");
	for (unsigned int i = 0; i < MESSAGES; i++)
		save_one(&s.f, "INBOX", i, "word");
	fixture_logout(&s.f);
	snprintf(kept, sizeof(kept), "%s/kept", s.f.dir);
	snprintf(lost, sizeof(lost), "%s/home", s.f.dir);
	snprintf(command, sizeof(command), "cp -a %s %s", lost, kept);
	assert_int_equal(system(command), 0);
	fixture_login(&s.f);
	for (unsigned int i = 0; i < 10; i++)
		save_one(&s.f, "INBOX", i * 3, "lost");
	(void)answers(&s.f, "INBOX");
	s.path = file_of(&s.f, "INBOX");
	assert_non_null(s.path);
	s.file = file_read(&s.f, s.path);
	fixture_logout(&s.f);
	snprintf(command, sizeof(command), "rm -r %s && mv %s %s", lost, kept,
		 lost);
	assert_int_equal(system(command), 0);
	fixture_login(&s.f);
	for (unsigned int i = 0; i < 10; i++)
		save_one(&s.f, "INBOX", 100 + i * 7, "zebra");
	s.box = fixture_open(&s.f, "INBOX");
	assert_int_equal(fixture_state(s.box).messages, MESSAGES + 10);
	file_write(s.path, s.file.data, s.file.len);
	assert_int_not_equal(sections_read(s.box->folder, &s.file), 0);
	cv_text_init(&out, s.f.pool);
	answer(&s.f, s.box, &out);
	assert_int_equal(unlink(s.path), 0);
	again = answers(&s.f, "INBOX");
	assert_int_equal(out.len, again.len);
	assert_memory_equal(out.data, again.data, again.len);
	setting_deinit(&s);
}

/* --- what is written ------------------------------------------------------ */

static void rename_first(struct fixture *f, bool away)
{
	char cur[100], from[400], to[120];
	struct dirent *entry;
	DIR *dir;

	snprintf(cur, sizeof(cur), "%s/home/Maildir/cur", f->dir);
	snprintf(to, sizeof(to), "%s/aside", f->dir);
	if (!away) {
		assert_int_equal(rename(to, found), 0);
		return;
	}
	dir = opendir(cur);
	assert_non_null(dir);
	do {
		entry = readdir(dir);
	} while (entry != NULL && entry->d_name[0] == '.');
	assert_non_null(entry);
	snprintf(from, sizeof(from), "%s/%s", cur, entry->d_name);
	snprintf(found, sizeof(found), "%s", from);
	closedir(dir);
	assert_int_equal(rename(from, to), 0);
}

static int drop_catalogue(const char *path, const struct stat *st, int type,
			  struct FTW *ftw)
{
	size_t len = strlen(path);

	(void)st; (void)type; (void)ftw;
	return len > 4 && strcmp(path + len - 4, ".cat") == 0 ?
		unlink(path) : 0;
}

/* A message that could not be read for once has no place in the file. */
static void a_message_that_was_away_is_not_kept_as_empty(void **state)
{
	struct fixture f;
	struct cv_mailbox *box;
	struct cv_span want, got;
	struct cv_text out;

	fixture_init(&f, "");
	save_many(&f, "INBOX", "word");
	want = answers(&f, "INBOX");
	assert_int_equal(unlink(file_of(&f, "INBOX")), 0);
	box = fixture_open(&f, "INBOX");
	ok(&f, account_rotate(box->folder->account, 0, &f.err));
	mailbox_api.close(&box);
	fixture_logout(&f);
	fixture_login(&f);
	nftw(f.dir, drop_catalogue, 16, FTW_PHYS);
	box = fixture_open(&f, "INBOX");
	rename_first(&f, true);
	cv_text_init(&out, f.pool);
	answer(&f, box, &out);
	rename_first(&f, false);
	mailbox_api.close(&box);
	got = answers(&f, "INBOX");
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.data, want.data, want.len);
	fixture_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_changed_byte_is_found_out),
		cmocka_unit_test(every_shorter_file_is_found_out),
		cmocka_unit_test(answers_stay_right_with_damage),
		cmocka_unit_test(numbers_out_of_bounds_are_refused),
		cmocka_unit_test(sections_of_any_length_are_refused),
		cmocka_unit_test(a_file_of_another_folder_is_none),
		cmocka_unit_test(
			a_file_of_another_account_or_uidvalidity_is_none),
		cmocka_unit_test(uids_that_were_given_twice_are_told_apart),
		cmocka_unit_test(a_message_that_was_away_is_not_kept_as_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
