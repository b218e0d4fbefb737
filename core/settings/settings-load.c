/* settings-load.c - reads the files that a configuration consists of. */
#include "settings-load.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, const char *path, struct cv_text *text,
		    struct cv_error *err)
{
	char block[16384];

	for (;;) {
		ssize_t got = read(fd, block, sizeof(block));

		if (got == 0)
			return CV_OK;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return FAIL_ERRNO(err, errno, "cannot read '%s'",
					  path);
		cv_text_append(text, block, (size_t)got);
		if (text->len > SETTINGS_FILE_BYTES_MAX)
			return FAIL(err, CV_E_LIMIT, "'%s' has more than %d "
				    "MiB: it can be no configuration", path,
				    SETTINGS_FILE_BYTES_MAX / 1024 / 1024);
	}
}

static int check_file(int fd, const char *path, struct cv_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return FAIL_ERRNO(err, errno, "cannot stat '%s'", path);
	if (S_ISDIR(st.st_mode))
		return FAIL(err, CV_E_SYNTAX, "'%s' is a directory; for the "
			    "files in it write '%s/*.conf'", path, path);
	if (!S_ISREG(st.st_mode))
		return FAIL(err, CV_E_SYNTAX, "'%s' is not a regular file",
			    path);
	return CV_OK;
}

int settings_file_load(struct settings_loader *loader, const char *path,
		       struct cv_pool *pool, struct cv_span *content_r,
		       struct cv_error *err)
{
	struct cv_text text;
	int fd, ret;

	if (++loader->files > SETTINGS_FILES_MAX)
		return FAIL(err, CV_E_LIMIT, "more than %d files are included",
			    SETTINGS_FILES_MAX);
	/* a FIFO must not stop the master */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return FAIL_ERRNO(err, errno, "cannot open '%s'", path);
	cv_text_init(&text, pool);
	ret = check_file(fd, path, err);
	if (ret == CV_OK)
		ret = read_all(fd, path, &text, err);
	(void)close(fd);
	if (ret < 0)
		return ret;
	loader->bytes += text.len;
	if (loader->bytes > SETTINGS_TOTAL_BYTES_MAX)
		return FAIL(err, CV_E_LIMIT, "all files together have more "
			    "than %d MiB",
			    SETTINGS_TOTAL_BYTES_MAX / 1024 / 1024);
	*content_r = cv_span(cv_text_str(&text), text.len);
	return CV_OK;
}

const char *settings_path_join(struct cv_pool *pool, const char *base,
			       struct cv_span name)
{
	const char *slash = strrchr(base, '/');

	if (slash == NULL || (name.len > 0 && name.data[0] == '/'))
		return pool_copy(pool, name.data, name.len);
	return pool_printf(pool, "%.*s/%.*s", (int)(slash - base), base,
			   CV_SPAN_ARG(name));
}

int settings_glob(const char *pattern, struct cv_pool *pool,
		  struct cv_strings *paths_r, struct cv_error *err)
{
	const char **items;
	glob_t found;
	int ret;

	if (strpbrk(pattern, "*?[") == NULL) {
		items = pool_new_array(pool, const char *, 2);
		items[0] = pattern;
		*paths_r = (struct cv_strings){ items, 1 };
		return CV_OK;
	}
	*paths_r = (struct cv_strings){ NULL, 0 };
	memset(&found, 0, sizeof(found));
	ret = glob(pattern, 0, NULL, &found);
	if (ret == GLOB_NOMATCH)
		return CV_OK;
	if (ret != 0)
		return FAIL(err, CV_E_TEMP, "cannot list '%s'", pattern);
	items = pool_new_array(pool, const char *, found.gl_pathc + 1);
	for (size_t i = 0; i < found.gl_pathc; i++)
		items[i] = pool_strdup(pool, found.gl_pathv[i]);
	*paths_r = (struct cv_strings){ items, (uint32_t)found.gl_pathc };
	globfree(&found);
	return CV_OK;
}
