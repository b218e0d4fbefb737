/* common-subscriptions.c - the file of subscriptions, as Dovecot keeps it.
 *
 * Version 2: "V\t2\n\n", then a line for each name, its levels as on disk,
 * separated by tabs, with \001 as escape ("t" tab, "r" CR, "n" LF, "1" \001).
 * Version 1: names as on disk, one a line. */
#include "common.h"

#include <stdio.h>

enum { LIST_MAX = 16 * 1024 * 1024 };

static const char head[] = "V\t2\n\n";

struct stamp {
	uint64_t inode, size;
	int64_t seconds, nanoseconds;
};

/* --- where ----------------------------------------------------------------- */

const char *common_subscriptions_name(const struct cv_storage_config *config,
				      const struct common_layout *layout)
{
	return CV_HAS(config, subscriptions) &&
		config->subscriptions != NULL &&
		config->subscriptions[0] != '\0' ? config->subscriptions :
		layout->subscriptions;
}

/* The setting's directory may be a symbolic link. */
static int control_open(const struct cv_storage_config *config, int root_fd,
			bool make)
{
	char path[4096];
	int fd, n;

	if (config->control[0] == '\0')
		return root_fd;
	n = snprintf(path, sizeof(path), "%s/.", config->control);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = COMMON_CALL(config, open, AT_FDCWD, path,
			 O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0 || errno != ENOENT || !make ||
	    common_dir_make(config, AT_FDCWD, config->control, 0700,
			    NULL) < 0)
		return fd;
	return COMMON_CALL(config, open, AT_FDCWD, path,
			   O_RDONLY | O_DIRECTORY, 0);
}

static void control_close(const struct cv_storage_config *config, int root_fd,
			  int fd)
{
	if (fd != root_fd)
		COMMON_CALL(config, close, fd);
}

static void take_stamp(const struct cv_storage_config *config, int dirfd,
		       const char *name, struct cv_text *stamp)
{
	struct stamp now = { 0, 0, 0, 0 };
	struct stat st;

	cv_text_reset(stamp);
	if (COMMON_CALL(config, stat, dirfd, name, &st) == 0)
		now = (struct stamp){
			st.st_ino, (uint64_t)st.st_size, st.st_mtim.tv_sec,
			st.st_mtim.tv_nsec,
		};
	cv_text_append(stamp, &now, sizeof(now));
}

/* --- reading --------------------------------------------------------------- */

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

/* A level of a line; what is no name is taken as it stands. */
static void level_take(const struct cv_storage_config *config,
		       const struct common_layout *layout,
		       struct cv_text *dst, struct cv_span level)
{
	size_t before = dst->len;

	if (common_level_decode(config, layout, level, dst))
		return;
	dst->len = before;
	cv_text_append_span(dst, level);
}

static void line_take(const struct cv_storage_config *config,
		      const struct common_layout *layout, bool is_new,
		      struct cv_text *dst, struct cv_span line)
{
	char separator = is_new ? '\t' : layout->separator;
	struct cv_span level;

	while (cv_span_split(&line, separator, &level)) {
		struct cv_text plain;

		cv_text_init(&plain, dst->pool);
		if (is_new)
			unescape(&plain, level);
		else
			cv_text_append_span(&plain, level);
		if (dst->len > 0)
			cv_text_append_c(dst, '/');
		level_take(config, layout, dst, cv_text_span(&plain));
	}
}

const char **common_lines_room(struct cv_pool *pool, struct cv_span file)
{
	uint32_t room = 1;

	for (size_t i = 0; i < file.len; i++)
		room += file.data[i] == '\n';
	return CV_ALLOC_ARRAY(pool, const char *, room);
}

static void parse(const struct cv_storage_config *config,
		  const struct common_layout *layout, struct cv_span file,
		  struct cv_pool *pool, struct cv_strings *names_r)
{
	bool is_new = cv_span_begins(file, cv_span(head, 4));
	const char **names = common_lines_room(pool, file);
	struct cv_span rest = cv_span_skip(file, is_new ? 4 : 0), line;

	*names_r = (struct cv_strings){ names, 0 };
	while (rest.len > 0 && cv_span_split(&rest, '\n', &line)) {
		struct cv_text name;

		if (line.len == 0)
			continue;
		cv_text_init(&name, pool);
		line_take(config, layout, is_new, &name, line);
		if (memchr(cv_text_str(&name), '\0', name.len) == NULL)
			names[names_r->count++] = cv_text_str(&name);
	}
}

static int read_changed(const struct cv_storage_config *config,
			const struct common_layout *layout, int dirfd,
			bool was_known, struct cv_pool *pool,
			struct cv_strings *names_r, struct cv_error *err)
{
	struct cv_pool *file_pool = cv_api->pool_create("subscriptions");
	struct cv_text file;
	int ret;

	cv_text_init(&file, file_pool);
	ret = common_file_read(config, dirfd,
			       common_subscriptions_name(config, layout),
			       LIST_MAX, &file, err);
	if (ret == CV_OK) {
		parse(config, layout, cv_text_span(&file), pool, names_r);
		ret = CV_CHANGED;
	} else if (ret == CV_NOT_FOUND) {
		/* removed; or never there */
		*names_r = (struct cv_strings){ NULL, 0 };
		ret = was_known ? CV_CHANGED : CV_NOT_FOUND;
	}
	cv_api->pool_destroy(&file_pool);
	return ret;
}

int common_subscriptions_read(const struct cv_storage_config *config,
			      const struct common_layout *layout, int root_fd,
			      struct cv_text *stamp, struct cv_pool *pool,
			      struct cv_strings *names_r,
			      struct cv_error *err)
{
	int dirfd = control_open(config, root_fd, false), ret = CV_OK;
	bool was_known = stamp->len > 0;
	char old[sizeof(struct stamp)];

	if (dirfd < 0)
		return errno == ENOENT ? CV_OK :
			common_fail(err, "open", config->control);
	if (stamp->len == sizeof(old))
		memcpy(old, stamp->data, sizeof(old));
	else
		memset(old, 0xff, sizeof(old));
	take_stamp(config, dirfd, common_subscriptions_name(config, layout),
		   stamp);
	if (memcmp(old, stamp->data, sizeof(old)) != 0)
		ret = read_changed(config, layout, dirfd, was_known, pool,
				   names_r, err);
	control_close(config, root_fd, dirfd);
	return ret;
}

/* --- writing --------------------------------------------------------------- */

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

static void line_append(const struct cv_storage_config *config,
			const struct common_layout *layout,
			struct cv_text *dst, struct cv_span name)
{
	struct cv_span level;
	bool first = true;

	while (cv_span_split(&name, '/', &level)) {
		struct cv_text encoded;

		cv_text_init(&encoded, dst->pool);
		common_levels_encode(config, layout, &encoded, level);
		if (!first)
			cv_text_append_c(dst, '\t');
		first = false;
		escape(dst, cv_text_span(&encoded));
	}
	cv_text_append_c(dst, '\n');
}

int common_subscriptions_write(const struct cv_storage_config *config,
			       const struct common_layout *layout,
			       int root_fd, const struct cv_strings *names,
			       struct cv_text *stamp, struct cv_error *err)
{
	const char *target = common_subscriptions_name(config, layout);
	int dirfd = control_open(config, root_fd, true), ret;
	struct cv_text file, temp;
	struct cv_pool *pool;

	if (dirfd < 0)
		return common_fail(err, "open", config->control);
	pool = cv_api->pool_create("subscriptions");
	cv_text_init(&file, pool);
	cv_text_init(&temp, pool);
	cv_text_append_f(&temp, "%s.culver-new", target);
	cv_text_append_str(&file, head);
	for (uint32_t i = 0; i < names->count; i++)
		line_append(config, layout, &file,
			    cv_span_of(names->items[i]));
	ret = common_file_write(config, dirfd, target, temp.data,
				cv_text_span(&file), err);
	if (ret == CV_OK)
		take_stamp(config, dirfd, target, stamp);
	control_close(config, root_fd, dirfd);
	cv_api->pool_destroy(&pool);
	return ret;
}
