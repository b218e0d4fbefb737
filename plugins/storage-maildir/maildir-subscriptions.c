/* maildir-subscriptions.c - the file "subscriptions", as Dovecot keeps it.
 *
 * Version 2: "V\t2\n\n", then a line for each name, its levels as on disk,
 * separated by tabs, with \001 as escape ("t" tab, "r" CR, "n" LF, "1" \001).
 * Version 1: names as on disk, one a line. */
#include "maildir.h"

static const char subscriptions_head[] = "V\t2\n\n";

static int control_dir(struct cv_storage_root *root)
{
	if (root->config->control[0] == '\0')
		return root->fd;
	return MD_CALL(root, open, AT_FDCWD, root->config->control,
		       O_RDONLY | O_DIRECTORY, 0);
}

static void control_close(struct cv_storage_root *root, int fd)
{
	if (fd != root->fd)
		MAILDIR_API(root)->close(MAILDIR_IO(root), fd);
}

static void take_stamp(struct cv_storage_root *root, int dirfd,
		       struct cv_text *stamp)
{
	struct maildir_stamp now = { 0 };
	struct stat st;

	cv_text_reset(stamp);
	if (MD_CALL(root, stat, dirfd, "subscriptions", &st) == 0)
		maildir_stamp_of(&st, &now);
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

/* The levels of a line of version 2.  Names are as on disk; what is not is
 * taken as it stands. */
static void decode_new(struct cv_storage_root *root, struct cv_text *dst,
		       struct cv_span line)
{
	struct cv_span level;

	while (cv_span_split(&line, '\t', &level)) {
		struct cv_text plain;
		size_t before;

		cv_text_init(&plain, dst->pool);
		unescape(&plain, level);
		if (dst->len > 0)
			cv_text_append_c(dst, '/');
		before = dst->len;
		if (!maildir_level_decode(root, cv_text_span(&plain), dst)) {
			dst->len = before;
			cv_text_append_span(dst, cv_text_span(&plain));
		}
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

static void encode_new(struct cv_storage_root *root, struct cv_text *dst,
		       const char *name)
{
	struct cv_span rest = cv_span_of(name), level;
	bool first = true;

	while (cv_span_split(&rest, '/', &level)) {
		struct cv_text encoded;

		cv_text_init(&encoded, dst->pool);
		if (root->config->utf8_names)
			cv_text_append_span(&encoded, level);
		else
			cv_api->utf7_encode(&encoded, level);
		if (!first)
			cv_text_append_c(dst, '\t');
		escape(dst, cv_text_span(&encoded));
		first = false;
	}
}

static bool decode_old(struct cv_storage_root *root, struct cv_text *dst,
		       struct cv_span line)
{
	struct cv_span rest = line, level;
	char separator = root->fs ? '/' : '.';

	while (cv_span_split(&rest, separator, &level)) {
		if (dst->len > 0)
			cv_text_append_c(dst, '/');
		if (!maildir_level_decode(root, level, dst))
			return false;
	}
	return true;
}

static void parse(struct cv_storage_root *root, struct cv_span file,
		  struct cv_pool *pool, struct cv_strings *names_r)
{
	struct cv_span rest = file, line;
	bool old = !cv_span_begins(file, CV_SPAN("V\t2\n"));
	uint32_t room = 1;
	const char **names;

	for (size_t i = 0; i < file.len; i++)
		room += file.data[i] == '\n';
	names = CV_ALLOC_ARRAY(pool, const char *, room);
	if (!old)
		rest = cv_span_skip(rest, 4);
	names_r->count = 0;
	while (rest.len > 0 && cv_span_split(&rest, '\n', &line)) {
		struct cv_text name;

		if (line.len == 0)
			continue;
		cv_text_init(&name, pool);
		if (!old)
			decode_new(root, &name, line);
		else if (!decode_old(root, &name, line))
			continue;
		if (memchr(name.data, '\0', name.len) == NULL)
			names[names_r->count++] = cv_text_str(&name);
	}
	names_r->items = names;
}

int maildir_subscriptions_read(struct cv_storage_root *root,
			       struct cv_text *stamp, struct cv_pool *pool,
			       struct cv_strings *names_r,
			       struct cv_error *err)
{
	struct cv_pool *file_pool;
	struct cv_text file, old;
	int dirfd = control_dir(root), ret;

	if (dirfd < 0)
		return errno == ENOENT ? CV_OK :
			maildir_fail(err, "open", root->config->control);
	file_pool = cv_api->pool_create("maildir subscriptions");
	cv_text_init(&file, file_pool);
	cv_text_init(&old, file_pool);
	cv_text_append_span(&old, cv_text_span(stamp));
	take_stamp(root, dirfd, stamp);
	ret = CV_OK;
	if (!cv_span_equal(cv_text_span(&old), cv_text_span(stamp))) {
		ret = maildir_file_read(root, dirfd, "subscriptions", &file,
					err);
		if (ret == CV_OK) {
			parse(root, cv_text_span(&file), pool, names_r);
			ret = CV_CHANGED;
		} else if (ret == CV_NOT_FOUND) {
			/* removed; or never there: Courier's, if any */
			*names_r = (struct cv_strings){ NULL, 0 };
			ret = old.len > 0 || maildir_courier_subscribed(
				root, pool, names_r) == CV_OK ?
				CV_CHANGED : CV_OK;
		}
	}
	control_close(root, dirfd);
	cv_api->pool_destroy(&file_pool);
	return ret;
}

int maildir_subscriptions_write(struct cv_storage_root *root,
				const struct cv_strings *names,
				struct cv_text *stamp, struct cv_error *err)
{
	struct cv_pool *pool;
	struct cv_text file;
	int dirfd = control_dir(root), ret;

	if (dirfd < 0)
		return maildir_fail(err, "open", root->config->control);
	pool = cv_api->pool_create("maildir subscriptions");
	cv_text_init(&file, pool);
	cv_text_append_str(&file, subscriptions_head);
	for (uint32_t i = 0; i < names->count; i++) {
		encode_new(root, &file, names->items[i]);
		cv_text_append_c(&file, '\n');
	}
	ret = maildir_file_write(root, dirfd, "subscriptions",
				 "subscriptions.culver-new",
				 cv_text_span(&file), err);
	if (ret == CV_OK)
		take_stamp(root, dirfd, stamp);
	control_close(root, dirfd);
	cv_api->pool_destroy(&pool);
	return ret;
}
