/* mbox-subscriptions.c - the file ".subscriptions" of an mbox tree, as
 * Dovecot and UW-IMAP's successors keep it: names as on disk, one a line; or
 * version 2, "V\t2\n\n" and levels separated by tabs. */
#include "mbox.h"

static const char file_name[] = ".subscriptions";
static const char file_head[] = "V\t2\n\n";

static int control_dir(struct cv_storage_root *root)
{
	if (root->config->control[0] == '\0')
		return root->fd;
	return MB_CALL(root, open, AT_FDCWD, root->config->control,
		       O_RDONLY | O_DIRECTORY, 0);
}

static void control_close(struct cv_storage_root *root, int fd)
{
	if (fd != root->fd)
		mbox_close_fd(root, &fd);
}

static void take_stamp(struct cv_storage_root *root, int dirfd,
		       struct cv_text *stamp)
{
	struct mbox_stamp now = { 0 };
	struct stat st;

	cv_text_reset(stamp);
	if (MB_CALL(root, stat, dirfd, file_name, &st) == 0) {
		now.inode = st.st_ino;
		now.size = (uint64_t)st.st_size;
		now.seconds = st.st_mtim.tv_sec;
		now.nanoseconds = (uint32_t)st.st_mtim.tv_nsec;
	}
	cv_text_append(stamp, &now, sizeof(now));
}

static void unescape(struct cv_text *dst, struct cv_span src)
{
	for (size_t i = 0; i < src.len; i++) {
		char c = src.data[i];

		if (c == '\001' && i + 1 < src.len) {
			c = src.data[++i];
			c = c == 't' ? '\t' : c == 'r' ? '\r' :
				c == 'n' ? '\n' : '\001';
		}
		cv_text_append_c(dst, c);
	}
}

static void escape(struct cv_text *dst, struct cv_span src)
{
	for (size_t i = 0; i < src.len; i++) {
		switch (src.data[i]) {
		case '\t': cv_text_append_str(dst, "\001t"); break;
		case '\r': cv_text_append_str(dst, "\001r"); break;
		case '\n': cv_text_append_str(dst, "\001n"); break;
		case '\001': cv_text_append_str(dst, "\0011"); break;
		default: cv_text_append_c(dst, src.data[i]);
		}
	}
}

/* What is not a proper name on disk is taken as it stands. */
static void decode(struct cv_storage_root *root, struct cv_text *dst,
		   struct cv_span line, char separator)
{
	struct cv_span level;

	while (cv_span_split(&line, separator, &level)) {
		struct cv_text plain;
		size_t before;

		cv_text_init(&plain, dst->pool);
		if (separator == '\t')
			unescape(&plain, level);
		else
			cv_text_append_span(&plain, level);
		if (dst->len > 0)
			cv_text_append_c(dst, '/');
		before = dst->len;
		if (!mbox_level_decode(root, cv_text_span(&plain), dst)) {
			dst->len = before;
			cv_text_append_span(dst, cv_text_span(&plain));
		}
	}
}

static void parse(struct cv_storage_root *root, struct cv_span file,
		  struct cv_pool *pool, struct cv_strings *names_r)
{
	struct cv_span rest = file, line;
	bool is_new = cv_span_begins(file, CV_SPAN("V\t2\n"));
	uint32_t room = 1;
	const char **names;

	for (size_t i = 0; i < file.len; i++)
		room += file.data[i] == '\n';
	names = CV_ALLOC_ARRAY(pool, const char *, room);
	if (is_new)
		rest = cv_span_skip(rest, 4);
	names_r->count = 0;
	while (rest.len > 0 && cv_span_split(&rest, '\n', &line)) {
		struct cv_text name;

		if (line.len == 0 || memchr(line.data, '\0', line.len) != NULL)
			continue;
		cv_text_init(&name, pool);
		decode(root, &name, line, is_new ? '\t' : '/');
		names[names_r->count++] = cv_text_str(&name);
	}
	names_r->items = names;
}

static int read_file(struct cv_storage_root *root, int dirfd,
		     struct cv_text *text, struct cv_error *err)
{
	int fd = MB_CALL(root, open, dirfd, file_name, O_RDONLY, 0);
	struct cv_pool *pool;
	uint64_t offset = 0;
	ssize_t got = 1;
	char *buffer;

	if (fd < 0)
		return errno == ENOENT ? CV_NOT_FOUND :
			mbox_fail(err, "open", file_name);
	pool = cv_api->pool_create("mbox subscriptions");
	buffer = cv_api->alloc(pool, 65536);
	while (got > 0 && offset < MBOX_LIST_MAX) {
		got = MB_CALL(root, pread, fd, buffer, 65536, offset);
		if (got > 0) {
			cv_text_append(text, buffer, (size_t)got);
			offset += (uint64_t)got;
		}
	}
	if (got < 0)
		mbox_fail(err, "read", file_name);
	mbox_close_fd(root, &fd);
	cv_api->pool_destroy(&pool);
	return got < 0 ? CV_E_TEMP : CV_OK;
}

int mbox_subscriptions_read(struct cv_storage_root *root,
			    struct cv_text *stamp, struct cv_pool *pool,
			    struct cv_strings *names_r, struct cv_error *err)
{
	struct cv_pool *file_pool;
	struct cv_text file, old;
	int dirfd = control_dir(root), ret = CV_OK;

	if (dirfd < 0)
		return errno == ENOENT ? CV_OK :
			mbox_fail(err, "open", root->config->control);
	file_pool = cv_api->pool_create("mbox subscriptions");
	cv_text_init(&file, file_pool);
	cv_text_init(&old, file_pool);
	cv_text_append_span(&old, cv_text_span(stamp));
	take_stamp(root, dirfd, stamp);
	if (!cv_span_equal(cv_text_span(&old), cv_text_span(stamp))) {
		ret = read_file(root, dirfd, &file, err);
		if (ret == CV_OK) {
			parse(root, cv_text_span(&file), pool, names_r);
			ret = CV_CHANGED;
		} else if (ret == CV_NOT_FOUND) {
			/* removed; or never there */
			*names_r = (struct cv_strings){ NULL, 0 };
			ret = old.len > 0 ? CV_CHANGED : CV_OK;
		}
	}
	control_close(root, dirfd);
	cv_api->pool_destroy(&file_pool);
	return ret;
}

static void format(struct cv_storage_root *root, struct cv_text *dst,
		   const char *name)
{
	struct cv_span rest = cv_span_of(name), level;
	bool first = true;

	while (cv_span_split(&rest, '/', &level)) {
		struct cv_text encoded;

		cv_text_init(&encoded, dst->pool);
		mbox_level_encode(root, &encoded, level);
		if (!first)
			cv_text_append_c(dst, '\t');
		escape(dst, cv_text_span(&encoded));
		first = false;
	}
	cv_text_append_c(dst, '\n');
}

static int write_file(struct cv_storage_root *root, int dirfd,
		      struct cv_span data, struct cv_error *err)
{
	static const char temp[] = ".subscriptions.culver-new";
	int fd, ret = CV_OK;

	(void)MB_CALL(root, unlink, dirfd, temp);
	fd = MB_CALL(root, open, dirfd, temp, O_WRONLY | O_CREAT | O_EXCL,
		     0600);
	if (fd < 0)
		return mbox_fail(err, "create", temp);
	if (MB_CALL(root, pwrite, fd, data.data, data.len, 0) < 0 ||
	    MB_CALL(root, fdatasync, fd) < 0)
		ret = mbox_fail(err, "write", temp);
	mbox_close_fd(root, &fd);
	if (ret == CV_OK && MB_CALL(root, rename, dirfd, temp, dirfd,
				    file_name, false) < 0)
		ret = mbox_fail(err, "rename", temp);
	else if (ret == CV_OK && MB_CALL(root, fsync, dirfd) < 0)
		ret = mbox_fail(err, "sync directory of", temp);
	if (ret < 0)
		(void)MB_CALL(root, unlink, dirfd, temp);
	return ret;
}

int mbox_subscriptions_write(struct cv_storage_root *root,
			     const struct cv_strings *names,
			     struct cv_text *stamp, struct cv_error *err)
{
	struct cv_pool *pool;
	struct cv_text file;
	int dirfd = control_dir(root), ret;

	if (dirfd < 0)
		return mbox_fail(err, "open", root->config->control);
	pool = cv_api->pool_create("mbox subscriptions");
	cv_text_init(&file, pool);
	cv_text_append_str(&file, file_head);
	for (uint32_t i = 0; i < names->count; i++)
		format(root, &file, names->items[i]);
	ret = write_file(root, dirfd, cv_text_span(&file), err);
	if (ret == CV_OK)
		take_stamp(root, dirfd, stamp);
	control_close(root, dirfd);
	cv_api->pool_destroy(&pool);
	return ret;
}
