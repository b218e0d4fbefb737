/* test-io.c - the I/O port: what may be opened, partial transfers, locks,
 * faults, recording. */
#include "account-fixture.h"
#include "io/io-record.h"

#include <sys/wait.h>

static void only_regular_files_are_opened(void **state)
{
	struct fixture *f = *state;
	struct io *io = io_posix();
	struct stat st;
	int fd;

	fd = io_create_file(io, f->dirfd, "file", 0600);
	assert_true(fd >= 0);
	assert_int_equal(io_pwrite(io, fd, "abc", 3, 0), 0);
	io_close(io, fd);
	assert_int_equal(io_create_file(io, f->dirfd, "file", 0600), -1);
	assert_int_equal(errno, EEXIST);
	fd = io_open_file(io, f->dirfd, "file", O_RDONLY, 0, &st);
	assert_true(fd >= 0);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	io_close(io, fd);

	assert_int_equal(symlinkat("file", f->dirfd, "link"), 0);
	assert_int_equal(io_open_file(io, f->dirfd, "link", O_RDONLY, 0,
				      NULL), -1);
	assert_int_equal(errno, ELOOP);
	/* returns at once, though nobody writes */
	assert_int_equal(mkfifoat(f->dirfd, "fifo", 0600), 0);
	assert_int_equal(io_open_file(io, f->dirfd, "fifo", O_RDONLY, 0,
				      NULL), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(io_mkdir(io, f->dirfd, "dir", 0700), 0);
	assert_int_equal(io_open_file(io, f->dirfd, "dir", O_RDONLY, 0,
				      NULL), -1);
	assert_int_equal(errno, EINVAL);
}

static void short_transfers_are_continued(void **state)
{
	struct fixture *f = *state;
	char data[1000], back[1000];
	struct iovec vec[5];
	int fd;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7);
	io_fault_arm(f->fault, IO_FAULT_SHORT, 1, true);
	fd = io_create_file(f->fault, f->dirfd, "file", 0600);
	for (int i = 0; i < 5; i++)
		vec[i] = (struct iovec){ data + i * 200, i == 2 ? 0 : 200 };
	vec[3].iov_base = data + 400;
	vec[4].iov_base = data + 600;
	assert_int_equal(io_pwritev(f->fault, fd, vec, 5, 10), 0);
	assert_int_equal(io_pread_full(f->fault, fd, back, 1000, 10), 800);
	assert_memory_equal(data, back, 800);
	assert_true(io_fault_writes(f->fault) > 5);
	assert_true(io_fault_hit(f->fault));
	assert_int_equal(io_append(f->fault, fd, data, 100), 0);
	assert_int_equal(io_pread_full(f->fault, fd, back, 100, 0), 100);
	assert_memory_equal(data, back, 100);
	io_close(f->fault, fd);
}

static void a_fault_hits_the_chosen_operation(void **state)
{
	struct fixture *f = *state;
	int fd = io_create_file(f->fault, f->dirfd, "file", 0600);
	struct stat st;

	io_fault_arm(f->fault, IO_FAULT_ENOSPC, 2, false);
	assert_int_equal(io_pwrite(f->fault, fd, "a", 1, 0), 0);
	assert_int_equal(io_fstat(f->fault, fd, &st), 0);
	assert_int_equal(io_pwrite(f->fault, fd, "b", 1, 1), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(io_pwrite(f->fault, fd, "c", 1, 1), 0);
	io_fault_arm(f->fault, IO_FAULT_TORN, 1, true);
	assert_int_equal(io_pwrite(f->fault, fd, "12345678", 8, 0), -1);
	assert_int_equal(errno, EIO);
	assert_int_equal(io_fdatasync(f->fault, fd), -1);
	io_fault_arm(f->fault, IO_FAULT_NONE, 1, false);
	assert_int_equal(io_fstat(f->fault, fd, &st), 0);
	assert_int_equal(st.st_size, 4);
	io_close(f->fault, fd);
}

static void a_full_disk_takes_what_there_is_room_for(void **state)
{
	struct fixture *f = *state;
	struct io *io = io_fault_create(io_posix(), f->pool);
	int fd = io_create_file(io, f->dirfd, "a", 0600);
	struct stat st;

	io_fault_room(io, 10);
	assert_int_equal(io_pwrite(io, fd, "1234567", 7, 0), 0);
	assert_false(io_fault_hit(io));
	assert_int_equal(io_pwrite(io, fd, "abcd", 4, 5), 0);
	assert_int_equal(io_fault_room_left(io), 1);
	assert_int_equal(io_pwrite(io, fd, "xyz", 3, 9), -1);
	assert_int_equal(errno, ENOSPC);
	assert_true(io_fault_hit(io));
	assert_int_equal(io_fstat(io, fd, &st), 0);
	assert_int_equal(st.st_size, 10);
	assert_int_equal(io_pwrite(io, fd, "over", 4, 0), 0);
	assert_int_equal(io_allocate(io, fd, 10, 1), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(io_truncate(io, fd, 4), 0);
	assert_int_equal(io_fault_room_left(io), 6);
	assert_int_equal(io_allocate(io, fd, 0, 8), 0);
	assert_int_equal(io_fault_room_left(io), 2);
	io_close(io, fd);
	assert_int_equal(io_link(io, f->dirfd, "a", f->dirfd, "b"), 0);
	assert_int_equal(io_unlink(io, f->dirfd, "a"), 0);
	assert_int_equal(io_fault_room_left(io), 2);
	fd = io_create_file(io, f->dirfd, "c", 0600);
	assert_int_equal(io_append(io, fd, "xyz", 3), -1);
	assert_int_equal(io_rename(io, f->dirfd, "c", f->dirfd, "b"), 0);
	assert_int_equal(io_fault_room_left(io), 8);
	assert_int_equal(io_append(io, fd, "z", 1), 0);
	io_close(io, fd);
	io_fault_room(io, UINT64_MAX);
	assert_int_equal(io_unlink(io, f->dirfd, "b"), 0);
}

static bool give_bytes(void *context, uint64_t bytes)
{
	struct io *io = context;
	static int given;

	if (bytes == 0 || ++given > 2)
		return false;
	io_fault_room(io, 2);
	return true;
}

static void a_write_goes_on_when_room_is_made(void **state)
{
	struct fixture *f = *state;
	struct io *io = io_fault_create(io_posix(), f->pool);
	int fd = io_create_file(io, f->dirfd, "a", 0600);
	char word[] = "abcdefg", have[8] = "";
	struct iovec vec[2] = { { word, 3 }, { word + 3, 4 } };

	io_fault_room(io, 1);
	assert_int_equal(io_pwritev_room(io, fd, vec, 2, 0, give_bytes, io),
			 -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(io_pread_full(io, fd, have, 8, 0), 5);
	assert_string_equal(have, "abcde");
	io_close(io, fd);
}

static void a_lock_excludes_others_until_it_is_released(void **state)
{
	struct fixture *f = *state;
	struct io *io = io_posix();
	int a = io_create_file(io, f->dirfd, "lock", 0600);
	int b = io_open(io, f->dirfd, "lock", O_RDWR, 0);
	int other = io_open(io, f->dirfd, "lock", O_RDWR, 0);
	uint64_t start = time_monotonic_msecs();

	assert_int_equal(io_lock(io, a, F_WRLCK, 0), 0);
	assert_int_equal(io_lock(io, b, F_WRLCK, start + 30), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_true(time_monotonic_msecs() >= start + 30);
	/* closing another descriptor of the file does not release it */
	io_close(io, other);
	assert_int_equal(io_lock(io, b, F_RDLCK, 0), -1);
	io_unlock(io, a);
	assert_int_equal(io_lock(io, b, F_WRLCK, 0), 0);
	io_close(io, b);
	/* the end of a process does */
	if (fork() == 0) {
		int fd = io_open(io, f->dirfd, "lock", O_RDWR, 0);

		_exit(io_lock(io, fd, F_WRLCK, 0) == 0 ? 0 : 1);
	}
	int status;

	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	assert_int_equal(io_lock(io, a, F_WRLCK, 0), 0);
	io_close(io, a);
}

static void directories_are_listed(void **state)
{
	struct fixture *f = *state;
	struct io *io = io_posix();
	struct io_dir *dir;
	unsigned char type;
	unsigned int files = 0, dirs = 0;

	for (int i = 0; i < 300; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "f%d", i);
		io_close(io, io_create_file(io, f->dirfd, name, 0600));
	}
	assert_int_equal(io_mkdir(io, f->dirfd, "d", 0700), 0);
	dir = io_dir_open(io, f->dirfd, ".");
	assert_non_null(dir);
	while (io_dir_next(dir, &type) != NULL) {
		files += type == DT_REG;
		dirs += type == DT_DIR;
	}
	assert_int_equal(io_dir_close(&dir), 0);
	assert_null(dir);
	assert_int_equal(files, 300);
	assert_int_equal(dirs, 1);
	assert_null(io_dir_open(io, f->dirfd, "none"));
	assert_int_equal(errno, ENOENT);
}

static void what_is_done_is_recorded(void **state)
{
	static const enum io_record_kind want[] = {
		IO_RECORD_MKDIR, IO_RECORD_CREATE, IO_RECORD_WRITE,
		IO_RECORD_WRITE, IO_RECORD_SYNC, IO_RECORD_RENAME,
		IO_RECORD_SYNC, IO_RECORD_LINK, IO_RECORD_UNLINK,
		IO_RECORD_MARK,
	};
	struct fixture *f = *state;
	struct io *io = io_record_create(io_posix(), f->pool, f->dirfd);
	const struct io_record_op *ops;
	size_t count;
	int dir, fd;

	assert_int_equal(io_mkdir(io, f->dirfd, "d", 0700), 0);
	dir = io_open_dir(io, f->dirfd, "d");
	fd = io_create_file(io, dir, "a", 0600);
	assert_int_equal(io_pwrite(io, fd, "xyz", 3, 7), 0);
	assert_int_equal(io_append(io, fd, "uv", 2), 0);
	assert_int_equal(io_fdatasync(io, fd), 0);
	assert_int_equal(io_rename(io, dir, "a", f->dirfd, "d/b"), 0);
	assert_int_equal(io_fsync(io, dir), 0);
	assert_int_equal(io_link(io, dir, "b", f->dirfd, "c"), 0);
	assert_int_equal(io_unlink(io, dir, "b"), 0);
	io_record_mark(io, 42);
	ops = io_record_ops(io, &count);
	assert_int_equal(count, sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < count; i++)
		assert_int_equal(ops[i].kind, want[i]);
	assert_int_equal(ops[0].object, 1);
	assert_int_equal(ops[1].dir, 1);
	assert_int_equal(ops[1].object, 2);
	assert_int_equal(ops[2].offset, 7);
	assert_true(cv_span_is(ops[2].data, "xyz"));
	assert_int_equal(ops[3].offset, 0);
	assert_int_equal(ops[4].object, 2);
	assert_int_equal(ops[5].to_dir, 1);
	assert_string_equal(ops[5].to_name, "b");
	assert_int_equal(ops[7].dir, 0);
	assert_int_equal(ops[7].object, 2);
	assert_int_equal(ops[9].offset, 42);
	io_close(io, fd);
	io_close(io, dir);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, \
						   fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(only_regular_files_are_opened),
		TEST(short_transfers_are_continued),
		TEST(a_fault_hits_the_chosen_operation),
		TEST(a_full_disk_takes_what_there_is_room_for),
		TEST(a_write_goes_on_when_room_is_made),
		TEST(a_lock_excludes_others_until_it_is_released),
		TEST(directories_are_listed),
		TEST(what_is_done_is_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
