/* test-acl-shared.c - the file of who has shared mail with whom. */
#include "mailbox-fixture.h"
#include "acl/acl-shared.h"

#include <utime.h>

struct dict {
	struct fixture f;
	char path[100], lock[110];
};

static void dict_init(struct dict *d)
{
	fixture_init(&d->f, "");
	snprintf(d->path, sizeof(d->path), "%s/shared.db", d->f.dir);
	snprintf(d->lock, sizeof(d->lock), "%s.lock", d->path);
}

/* with: lines of identifiers. */
static int try_set(struct dict *d, struct io *io, const char *owner,
		   const char *with)
{
	struct cv_span rest = cv_span_of(with), line;
	struct acl acl;

	acl_init(&acl, d->f.pool);
	while (rest.len > 0 && cv_span_split(&rest, ' ', &line)) {
		struct acl_entry entry;

		ok(&d->f, acl_identifier_parse(line, d->f.pool, &entry,
					       &d->f.err));
		entry.rights = ACL_LOOKUP;
		ok(&d->f, acl_set(&acl, &entry, &d->f.err));
	}
	return acl_shared_set(io, d->path, owner, &acl, &d->f.err);
}

static void set(struct dict *d, const char *owner, const char *with)
{
	ok(&d->f, try_set(d, io_posix(), owner, with));
}

/* "jane bob" */
static const char *sharers(struct dict *d, const char *user, const char *group)
{
	struct acl_who who = { .user = user,
		.groups = { &group, group != NULL } };
	struct cv_strings owners;
	struct cv_text out;

	ok(&d->f, acl_shared_find(io_posix(), d->path, &who, d->f.pool,
				  &owners, &d->f.err));
	cv_text_init(&out, d->f.pool);
	for (uint32_t i = 0; i < owners.count; i++)
		cv_text_append_f(&out, "%s%s", i == 0 ? "" : " ",
				 owners.items[i]);
	return cv_text_str(&out);
}

static void write_text(struct dict *d, const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	(void)d;
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static const char *read_text(struct dict *d)
{
	char text[4096];
	FILE *file = fopen(d->path, "r");
	size_t got;

	assert_non_null(file);
	got = fread(text, 1, sizeof(text), file);
	assert_int_equal(fclose(file), 0);
	return pool_copy(d->f.pool, text, got);
}

static void each_is_told_what_is_his(void **state)
{
	struct dict d;

	(void)state;
	dict_init(&d);
	assert_string_equal(sharers(&d, "bob", "staff"), "");
	set(&d, "jane", "user=bob group=staff user=a/b\\c");
	set(&d, "mary", "user=bob");
	set(&d, "x/y", "anyone authenticated");
	assert_string_equal(sharers(&d, "bob", NULL), "jane mary x/y");
	assert_string_equal(sharers(&d, "carl", "staff"), "jane x/y");
	assert_string_equal(sharers(&d, "bob", "staff"), "jane mary x/y");
	assert_string_equal(sharers(&d, "a/b\\c", NULL), "jane x/y");
	assert_string_equal(sharers(&d, "ann", "others"), "x/y");
	set(&d, "jane", "group=staff");
	assert_string_equal(sharers(&d, "bob", NULL), "mary x/y");
	set(&d, "x/y", "");
	assert_string_equal(read_text(&d),
			    "shared/shared-boxes/user/bob/mary\n1\n"
			    "shared/shared-boxes/group/staff/jane\n1\n");
	fixture_deinit(&d.f);
}

static void the_file_is_that_of_dovecot(void **state)
{
	struct dict d;
	struct stat st, again;

	(void)state;
	dict_init(&d);
	write_text(&d, d.path, "shared/shared-boxes/anyone/alice\n1\n"
		   "shared/shared-boxes/group/staff/alice\n1\n"
		   "shared/other\nkept\nshared/shared-boxes/x\n1\n"
		   "shared/shared-boxes/user/bob/alice\n1\n");
	assert_int_equal(chmod(d.path, 0640), 0);
	assert_string_equal(sharers(&d, "bob", NULL), "alice");
	set(&d, "alice", "user=bob");
	assert_string_equal(read_text(&d), "shared/other\nkept\n"
			    "shared/shared-boxes/x\n1\n"
			    "shared/shared-boxes/user/bob/alice\n1\n");
	assert_int_equal(stat(d.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	/* what is known is not written again */
	set(&d, "alice", "user=bob");
	assert_int_equal(stat(d.path, &again), 0);
	assert_int_equal(again.st_ino, st.st_ino);
	/* half a pair, and no text at all */
	write_text(&d, d.path, "shared/shared-boxes/user/bob/alice");
	assert_string_equal(sharers(&d, "bob", NULL), "");
	write_text(&d, d.path, "shared/shared-boxes//\n\n\n/\nshared/"
		   "shared-boxes/user/\n1\nshared/shared-boxes/user/bob/");
	assert_string_equal(sharers(&d, "bob", NULL), "");
	fixture_deinit(&d.f);
}

static void a_lock_that_was_left_is_taken_over(void **state)
{
	struct utimbuf old = { time(NULL) - 100, time(NULL) - 100 };
	struct dict d;

	(void)state;
	dict_init(&d);
	write_text(&d, d.lock, "what was to be written, and was not");
	assert_int_equal(utime(d.lock, &old), 0);
	set(&d, "jane", "user=bob");
	assert_string_equal(sharers(&d, "bob", NULL), "jane");
	assert_true(access(d.lock, F_OK) < 0);
	fixture_deinit(&d.f);
}

static void writers_do_not_lose_what_others_write(void **state)
{
	enum { WRITERS = 4, ROUNDS = 12 };
	pid_t pids[WRITERS];
	struct dict d;

	(void)state;
	dict_init(&d);
	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		for (int k = 0; pids[i] == 0 && k < ROUNDS; k++) {
			char owner[16], with[40];

			snprintf(owner, sizeof(owner), "w%d", i);
			snprintf(with, sizeof(with), "user=bob user=u%d", k);
			if (try_set(&d, io_posix(), owner, with) != CV_OK)
				_exit(1);
		}
		if (pids[i] == 0)
			_exit(0);
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(strlen(sharers(&d, "bob", NULL)),
			 WRITERS * 3 - 1);
	assert_int_equal(strlen(sharers(&d, "u11", NULL)),
			 WRITERS * 3 - 1);
	assert_string_equal(sharers(&d, "u3", NULL), "");
	fixture_deinit(&d.f);
}

/* Each operation fails once: the old file or the new one, and no lock. */
static void a_failure_leaves_one_or_the_other(void **state)
{
	struct dict d;
	bool done = false;

	(void)state;
	dict_init(&d);
	for (uint64_t n = 1; !done; n++) {
		struct io *io = io_fault_create(io_posix(), d.f.pool);
		int ret;

		set(&d, "jane", "user=bob");
		io_fault_arm(io, IO_FAULT_EIO, n, false);
		ret = try_set(&d, io, "jane", "user=carl");
		done = !io_fault_hit(io);
		assert_true(!done || ret == CV_OK);
		if (ret == CV_OK)
			assert_string_equal(sharers(&d, "carl", NULL),
					    "jane");
		assert_true((*sharers(&d, "carl", NULL) != '\0') !=
			    (*sharers(&d, "bob", NULL) != '\0'));
		assert_true(access(d.lock, F_OK) < 0);
	}
	fixture_deinit(&d.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_told_what_is_his),
		cmocka_unit_test(the_file_is_that_of_dovecot),
		cmocka_unit_test(a_lock_that_was_left_is_taken_over),
		cmocka_unit_test(writers_do_not_lose_what_others_write),
		cmocka_unit_test(a_failure_leaves_one_or_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
