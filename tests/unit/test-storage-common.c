/* test-storage-common.c - names and subscriptions of trees on disk. */
#include "common.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* Core's, whose headers a plugin does not include. */
const struct cv_host *module_host(void);

const struct cv_host *cv_api;
static struct cv_pool *pool;

/* --- one file in memory --------------------------------------------------------- */

enum { FD_ROOT = 7, FD_FILE = 8 };
static char file[4096];
static size_t file_len;
static int64_t file_time;		/* 0: there is none */
static size_t pread_max;		/* bytes a call gives */
static char renamed[100];

static int file_open(struct cv_io *io, int dirfd, const char *name, int flags,
		     mode_t mode)
{
	assert_int_equal(dirfd, FD_ROOT);
	if ((flags & O_CREAT) != 0)
		return FD_FILE;
	assert_string_equal(name, "subscriptions");
	errno = ENOENT;
	return file_time == 0 ? -1 : FD_FILE;
}

static void file_close(struct cv_io *io, int fd)
{
	assert_int_equal(fd, FD_FILE);
}

static ssize_t file_pread(struct cv_io *io, int fd, void *data, size_t len,
			  uint64_t offset)
{
	if (len > file_len - offset)
		len = file_len - offset;
	if (len > pread_max)
		len = pread_max;
	memcpy(data, file + offset, len);
	return (ssize_t)len;
}

static int file_pwrite(struct cv_io *io, int fd, const void *data, size_t len,
		       uint64_t offset)
{
	assert_in_range(len, 0, sizeof(file));
	assert_int_equal(offset, 0);
	memcpy(file, data, len);
	file_len = len;
	return 0;
}

static int file_sync(struct cv_io *io, int fd)
{
	return 0;
}

static int file_rename(struct cv_io *io, int from_dirfd, const char *from,
		       int to_dirfd, const char *to, bool exclusive)
{
	(void)snprintf(renamed, sizeof(renamed), "%s %s", from, to);
	file_time++;
	return 0;
}

static int file_unlink(struct cv_io *io, int dirfd, const char *name)
{
	errno = ENOENT;
	return -1;
}

static int file_fstat(struct cv_io *io, int fd, struct stat *st)
{
	*st = (struct stat){
		.st_mode = S_IFREG | 0600, .st_ino = 1,
		.st_size = (off_t)file_len, .st_mtim = { file_time, 0 },
	};
	errno = ENOENT;
	return file_time == 0 ? -1 : 0;
}

static int file_stat(struct cv_io *io, int dirfd, const char *name,
		     struct stat *st)
{
	return file_fstat(io, FD_FILE, st);
}

static const struct cv_io_api file_api = {
	CV_SIZED(cv_io_api), .open = file_open, .close = file_close,
	.pread = file_pread, .pwrite = file_pwrite, .fdatasync = file_sync,
	.fsync = file_sync, .rename = file_rename, .unlink = file_unlink,
	.fstat = file_fstat, .stat = file_stat,
};

static struct cv_storage_config config = {
	CV_SIZED(cv_storage_config), .io_api = &file_api, .control = "",
};

static bool is_reserved(const struct cv_storage_config *c,
			struct cv_span level)
{
	return level.data[0] == '.' || cv_span_is(level, "cur");
}

static const struct common_layout plus = {
	.separator = '.', .subscriptions = "subscriptions",
};
static const struct common_layout dirs = {
	.separator = '/', .subscriptions = "subscriptions",
	.is_reserved = is_reserved,
};

/* --- names ---------------------------------------------------------------------- */

static bool check(const struct common_layout *layout, const char *name)
{
	return common_name_check(&config, layout, cv_span_of(name), NULL) ==
		CV_OK;
}

static const char *place(const struct common_layout *layout, const char *name)
{
	struct cv_text path;

	cv_text_init(&path, pool);
	common_levels_encode(&config, layout, &path, cv_span_of(name));
	return cv_text_str(&path);
}

static void names_have_places(void **state)
{
	assert_string_equal(place(&plus, "a/b\xc3\xa4r & c"),
			    "a.b&AOQ-r &- c");
	assert_string_equal(place(&dirs, "a/b\xc3\xa4r"), "a/b&AOQ-r");
	config.utf8_names = true;
	assert_string_equal(place(&dirs, "a/b\xc3\xa4r"), "a/b\xc3\xa4r");
	config.utf8_names = false;
}

static void names_that_cannot_be(void **state)
{
	static const char *const never[] = {
		"", "/", "a/", "/a", "a//b", "a\x01", "a\x7f/b", "\n",
	};

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		assert_false(check(&plus, never[i]));
		assert_false(check(&dirs, never[i]));
	}
	assert_true(check(&plus, "cur"));
	assert_false(check(&plus, "a.b"));
	assert_true(check(&dirs, "a.b"));
	assert_false(check(&dirs, "a/cur"));
	assert_false(check(&dirs, "a/../b"));
	assert_int_equal(common_name_refuse(CV_SPAN("x"), "why", NULL),
			 CV_E_PERM);
}

/* n times a letter, in levels of so many; "" between. */
static const char *letters(size_t n, size_t level)
{
	struct cv_text name;

	cv_text_init(&name, pool);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && i % level == 0)
			cv_text_append_c(&name, '/');
		cv_text_append_c(&name, 'x');
	}
	return cv_text_str(&name);
}

static void names_have_limits(void **state)
{
	assert_true(check(&dirs, letters(240, 240)));
	assert_false(check(&dirs, letters(241, 241)));
	assert_true(check(&dirs, letters(64, 1)));
	assert_false(check(&dirs, letters(65, 1)));
	assert_true(check(&dirs, letters(1980, 200)));
	assert_false(check(&dirs, letters(2000, 200)));
	/* one directory name, with the dot before it */
	assert_true(check(&plus, letters(239, 239)));
	assert_false(check(&plus, letters(240, 240)));
	assert_false(check(&plus, letters(239, 100)));
}

static void levels_decode_to_what_they_were(void **state)
{
	static const char *const none[] = {
		"", "&", "&AGE-", "a\x01", "\xc3\xa4", "a/b", ".a", "cur",
	};
	struct cv_text name;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		cv_text_init(&name, pool);
		assert_false(common_level_decode(&config, &dirs,
						 cv_span_of(none[i]),
						 &name));
	}
	cv_text_init(&name, pool);
	cv_text_append_str(&name, "a/");
	assert_true(common_level_decode(&config, &dirs, CV_SPAN("b&AOQ-r"),
					&name));
	assert_string_equal(cv_text_str(&name), "a/b\xc3\xa4r");
}

/* --- subscriptions -------------------------------------------------------------- */

static void file_set(const char *text, size_t len)
{
	memcpy(file, text, len);
	file_len = len;
	file_time++;
}

/* The names, each with a ';'. */
static const char *subscribed(const struct common_layout *layout)
{
	struct cv_strings names = { NULL, 0 };
	struct cv_text stamp, all;

	cv_text_init(&stamp, pool);
	cv_text_init(&all, pool);
	assert_int_equal(common_subscriptions_read(
		&config, layout, FD_ROOT, &stamp, pool, &names, NULL),
		CV_CHANGED);
	for (uint32_t i = 0; i < names.count; i++) {
		cv_text_append_str(&all, names.items[i]);
		cv_text_append_c(&all, ';');
	}
	return cv_text_str(&all);
}

static void subscriptions_of_both_versions(void **state)
{
	static const struct {
		const struct common_layout *layout;
		const char *text, *names;
	} t[] = {
		{ &plus, "", "" }, { &plus, "\n\n", "" },
		{ &plus, "INBOX\na.b&AOQ-r\n", "INBOX;a/b\xc3\xa4r;" },
		{ &dirs, "INBOX\na/b&AOQ-r", "INBOX;a/b\xc3\xa4r;" },
		{ &plus, "V\t2\n\nINBOX\nc\td\n", "INBOX;c/d;" },
		{ &plus, "V\t2\n\na\001tb\001n\0011c\001\n",
		  "a\tb\n\001c\001;" },
		/* as it stands */
		{ &plus, "V\t2\n\n&\tb.c\n", "&/b.c;" },
		{ &dirs, "a/&AGE-\n", "a/&AGE-;" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		for (pread_max = 1; pread_max < 40; pread_max += 19) {
			file_set(t[i].text, strlen(t[i].text));
			assert_string_equal(subscribed(t[i].layout),
					    t[i].names);
		}
	}
}

static void subscriptions_may_be_cut_anywhere(void **state)
{
	static const char text[] = "V\t2\n\nINBOX\nc\td\n\001t\ta&AOQ-\0x\n";

	for (size_t len = 0; len < sizeof(text); len++) {
		char *copy = malloc(len + 1);

		assert_non_null(copy);
		memcpy(copy, text, len);
		file_set(copy, len);
		free(copy);
		/* the whole lines before the cut are there */
		if (len >= 15)
			assert_memory_equal(subscribed(&plus), "INBOX;c/d;",
					    len > 15 ? 10 : 9);
		else
			assert_non_null(subscribed(&dirs));
	}
	/* a NUL is in no name */
	assert_string_equal(subscribed(&plus), "INBOX;c/d;");
}

static void what_is_written_is_read(void **state)
{
	static const char *const items[] = {
		"INBOX", "a/b\xc3\xa4r & c", "t\tab/l\nf\rcr\001",
	};
	const struct cv_strings names = { items, 3 };
	struct cv_strings back = { NULL, 0 };
	struct cv_text stamp;

	cv_text_init(&stamp, pool);
	assert_int_equal(common_subscriptions_write(
		&config, &plus, FD_ROOT, &names, &stamp, NULL), CV_OK);
	assert_string_equal(renamed, "subscriptions.culver-new "
			    "subscriptions");
	file[file_len] = '\0';
	assert_string_equal(file, "V\t2\n\nINBOX\na\tb&AOQ-r &- c\n"
			    "t&AAk-ab\tl&AAo-f&AA0-cr&AAE-\n");
	/* our own change is none */
	assert_int_equal(common_subscriptions_read(
		&config, &plus, FD_ROOT, &stamp, pool, &back, NULL), CV_OK);
	file_set("B\n", 2);
	assert_int_equal(common_subscriptions_read(
		&config, &plus, FD_ROOT, &stamp, pool, &back, NULL),
		CV_CHANGED);
	assert_int_equal(back.count, 1);
}

static void a_file_that_goes_is_a_change(void **state)
{
	struct cv_strings names = { NULL, 0 };
	struct cv_text stamp;

	cv_text_init(&stamp, pool);
	file_time = 0;
	assert_int_equal(common_subscriptions_read(
		&config, &plus, FD_ROOT, &stamp, pool, &names, NULL),
		CV_NOT_FOUND);
	assert_int_equal(common_subscriptions_read(
		&config, &plus, FD_ROOT, &stamp, pool, &names, NULL), CV_OK);
	file_set("B\n", 2);
	assert_int_equal(common_subscriptions_read(
		&config, &plus, FD_ROOT, &stamp, pool, &names, NULL),
		CV_CHANGED);
	file_time = 0;
	assert_int_equal(common_subscriptions_read(
		&config, &plus, FD_ROOT, &stamp, pool, &names, NULL),
		CV_CHANGED);
	assert_int_equal(names.count, 0);
}

/* --- many files ------------------------------------------------------------------ */

enum { MANY = 150, FD_MANY = 100, FD_WRITE = 1000, BROKEN = 70 };
static uint64_t many_size[MANY];	/* 0: not there */
static int many_open, many_begun[MANY], many_synced[MANY], many_written[MANY];
static int begun_at_first_sync;

static int many_file(struct cv_io *io, int dirfd, const char *name, int flags,
		     mode_t mode)
{
	int at = atoi(name);

	many_open++;
	errno = ENOENT;
	return many_size[at] == 0 ? (many_open--, -1) :
		at + ((flags & O_ACCMODE) == O_RDWR ? FD_WRITE : FD_MANY);
}

static void many_close(struct cv_io *io, int fd)
{
	many_open--;
}

static int many_fstat(struct cv_io *io, int fd, struct stat *st)
{
	*st = (struct stat){ .st_mode = S_IFREG | 0600,
			     .st_size = (off_t)many_size[fd - FD_MANY] };
	return 0;
}

static void many_write_back(struct cv_io *io, int fd)
{
	many_begun[fd - FD_MANY]++;
}

static int many_sync(struct cv_io *io, int fd)
{
	for (int i = 0; i < MANY && begun_at_first_sync >= 0; i++)
		begun_at_first_sync += many_begun[i];
	if (begun_at_first_sync > 0)
		begun_at_first_sync = -begun_at_first_sync;
	many_synced[fd - FD_MANY]++;
	errno = EIO;
	return fd == FD_MANY + BROKEN ? -1 : 0;
}

static ssize_t many_pread(struct cv_io *io, int fd, void *data, size_t len,
			  uint64_t offset)
{
	uint64_t size = many_size[fd - FD_WRITE];

	len = offset + len > size ? (size_t)(size - offset) : len;
	memset(data, 'x', len);
	return (ssize_t)len;
}

static int many_pwrite(struct cv_io *io, int fd, const void *data, size_t len,
		       uint64_t offset)
{
	many_written[fd - FD_WRITE] += (int)len;
	return 0;
}

static bool many_name(struct cv_storage_folder *folder,
		      const struct cv_blob *blob, char *dst, size_t size)
{
	if (blob->uid == 4)
		return false;
	(void)snprintf(dst, size, "%u", blob->uid);
	return true;
}

/* Those that are there with all their bytes; what a disk has refused is
 * written again, for it would be taken for written. */
static void many_files_are_synced(void **state)
{
	static const struct cv_io_api api = {
		CV_SIZED(cv_io_api), .open = many_file, .close = many_close,
		.pread = many_pread, .pwrite = many_pwrite,
		.fdatasync = many_sync, .fstat = many_fstat,
		.write_back = many_write_back,
	};
	const struct cv_storage_config many = { .io_api = &api };
	const struct common_files files = {
		.config = &many, .dirfd = FD_ROOT, .more = 64,
		.name = many_name,
	};
	static struct cv_blob_sync items[MANY];

	for (uint32_t i = 0; i < MANY; i++) {
		items[i] = (struct cv_blob_sync){
			CV_SIZED(cv_blob_sync), .blob = { .uid = i },
			.bytes = 5000,
		};
		many_size[i] = 5064 + i % 2;
	}
	many_size[2] = 0;
	many_size[3] = 5063;
	common_files_sync(&files, items, MANY);
	for (int i = 0; i < MANY; i++) {
		bool left = i >= 2 && i <= 4;

		assert_int_equal(items[i].synced, !left && i != BROKEN);
		assert_int_equal(many_synced[i], !left);
		assert_int_equal(many_begun[i], !left);
		assert_int_equal(many_written[i], i == BROKEN ? 5064 : 0);
	}
	assert_int_equal(many_open, 0);
	/* not one after the other */
	assert_in_range(-begun_at_first_sync, 50, MANY);
}

static int setup(void **state)
{
	cv_api = module_host();
	pool = cv_api->pool_create("test");
	config.pool = pool;
	pread_max = sizeof(file);
	return 0;
}

static int teardown(void **state)
{
	cv_api->pool_destroy(&pool);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_have_places),
		cmocka_unit_test(names_that_cannot_be),
		cmocka_unit_test(names_have_limits),
		cmocka_unit_test(levels_decode_to_what_they_were),
		cmocka_unit_test(subscriptions_of_both_versions),
		cmocka_unit_test(subscriptions_may_be_cut_anywhere),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_file_that_goes_is_a_change),
		cmocka_unit_test(many_files_are_synced),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
