/* common-walk.c - finds the folders of a tree of directories.  Those that are
 * still to be looked into wait in a list: no recursion. */
#include "common.h"

#include <stdio.h>
#include <unistd.h>

enum { FOLDERS_MAX = 100000 };

struct place {
	const char *name, *path;	/* in UTF-8; below the root */
	unsigned char type;
};

struct state {
	const struct common_walk *walk;
	struct cv_pool *pool;
	struct place *places;
	size_t count, room;
	struct common_shut shut;
};

/* --- what may not be entered, or not be read ------------------------------------ */

static bool has_8bit(struct cv_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if ((unsigned char)text.data[i] >= 0x80)
			return true;
	}
	return false;
}

void common_shut_note(struct common_shut *shut, struct cv_pool *pool,
		      const char *path)
{
	if (errno != EACCES)
		return;
	if (shut->count++ == 0)
		shut->first = common_strdup(pool, path);
}

bool common_coding_note(const struct cv_storage_config *config,
			struct common_shut *shut, struct cv_pool *pool,
			struct cv_span level, const char *path)
{
	struct cv_text name;

	cv_text_init(&name, pool);
	if (config->utf8_names || !has_8bit(level) ||
	    cv_api->utf7_decode(&name, level))
		return false;
	if (shut->coded_count++ == 0)
		shut->first_coded = common_strdup(pool, path);
	return true;
}

void common_link_note(struct common_shut *shut, struct cv_pool *pool,
		      const char *path)
{
	if (shut->link_count++ == 0)
		shut->first_link = common_strdup(pool, path);
}

enum { MORE_SIZE = 64 };

/* What is said of all but the first; "" when there is one. */
static const char *more_of(uint32_t count, char *buffer)
{
	*buffer = '\0';
	if (count > 1)
		(void)snprintf(buffer, MORE_SIZE, ", nor %s %u more like it",
			       count == 2 ? "is" : "are", count - 1);
	return buffer;
}

static void tell_links(const struct cv_storage_config *config,
		       const struct common_shut *shut)
{
	char more[MORE_SIZE];

	if (shut->link_count == 0 || shut->told->link)
		return;
	shut->told->link = true;
	cv_api->log(shut->self, CV_LOG_WARNING, "'%s/%s' is a symbolic link "
		    "and not followed: it is not listed%s (hint: a namespace "
		    "of its own shows mail that lies elsewhere)",
		    config->path, shut->first_link,
		    more_of(shut->link_count, more));
}

static void tell_coding(const struct cv_storage_config *config,
			const struct common_shut *shut)
{
	char more[MORE_SIZE];

	if (shut->coded_count == 0 || shut->told->coding)
		return;
	shut->told->coding = true;
	cv_api->log(shut->self, CV_LOG_WARNING, "'%s/%s' has a name that is "
		    "not modified UTF-7: it is not listed%s (hint: add :UTF-8 "
		    "to the mail location if names are in UTF-8, as Courier 5 "
		    "writes them, else rename it)",
		    config->path, shut->first_coded,
		    more_of(shut->coded_count, more));
}

static void tell_shut(const struct cv_storage_config *config, int fd,
		      const struct common_shut *shut)
{
	const char *first = shut->first == NULL || *shut->first == '\0' ?
		"." : shut->first;
	char more[MORE_SIZE];
	struct stat st;

	if (shut->count == 0 || shut->told->shut ||
	    COMMON_CALL(config, stat, fd, first, &st) < 0)
		return;
	shut->told->shut = true;
	cv_api->log(shut->self, CV_LOG_WARNING, "'%s/%s' belongs to uid %u, "
		    "gid %u with mode 0%o and may not be entered by uid %u: "
		    "it is not listed%s (hint: chown -R %u it, or remove it)",
		    config->path, first, (unsigned int)st.st_uid,
		    (unsigned int)st.st_gid, (unsigned int)st.st_mode & 07777,
		    (unsigned int)geteuid(), more_of(shut->count, more),
		    (unsigned int)geteuid());
}

void common_shut_tell(const struct cv_storage_config *config, int fd,
		      const struct common_shut *shut)
{
	tell_links(config, shut);
	tell_coding(config, shut);
	tell_shut(config, fd, shut);
}

/* --- the walk -------------------------------------------------------------------- */

static void place_add(struct state *s, const struct cv_text *name,
		      const struct cv_text *path, unsigned char type)
{
	if (s->count == s->room) {
		size_t room = s->room * 2 + 64;
		struct place *places = CV_ALLOC_ARRAY(s->pool, struct place,
						      room);

		if (s->count > 0)
			memcpy(places, s->places,
			       s->count * sizeof(*places));
		s->places = places;
		s->room = room;
	}
	s->places[s->count++] = (struct place){
		cv_span_copy(s->pool, cv_text_span(name)),
		cv_span_copy(s->pool, cv_text_span(path)), type,
	};
}

static bool is_wanted(const struct common_walk *walk, unsigned char type)
{
	return type == DT_DIR || type == DT_UNKNOWN || type == DT_LNK ||
		(type == DT_REG && walk->files);
}

static bool may_be_passed(int number)
{
	return number == ENOENT || number == ENOTDIR || number == ELOOP ||
		number == EACCES;
}

static int read_dir(struct state *s, const char *name, const char *path,
		    struct cv_error *err)
{
	const struct common_walk *walk = s->walk;
	const struct cv_storage_config *config = walk->config;
	struct cv_io_dir *dir = COMMON_CALL(config, dir_open, walk->fd,
					    path[0] == '\0' ? "." : path);
	struct cv_text child, child_path;
	const char *entry;
	unsigned char type;

	if (dir == NULL && may_be_passed(errno)) {
		common_shut_note(&s->shut, s->pool, path);
		return CV_OK;
	}
	if (dir == NULL)
		return common_fail(err, "read", path);
	cv_text_init(&child, s->pool);
	cv_text_init(&child_path, s->pool);
	while ((entry = config->io_api->dir_next(dir, &type)) != NULL) {
		if (!is_wanted(walk, type) || s->count >= FOLDERS_MAX)
			continue;
		cv_text_reset(&child);
		cv_text_reset(&child_path);
		if (*name != '\0')
			cv_text_append_f(&child, "%s/", name);
		if (*path != '\0')
			cv_text_append_f(&child_path, "%s/", path);
		cv_text_append_str(&child_path, entry);
		if (!common_level_decode(config, walk->layout,
					 cv_span_of(entry), &child))
			common_coding_note(config, &s->shut, s->pool,
					   cv_span_of(entry),
					   cv_text_str(&child_path));
		else if (common_name_check(config, walk->layout,
					   cv_text_span(&child), NULL) < 0)
			continue;
		else if (type == DT_LNK)
			common_link_note(&s->shut, s->pool,
					 cv_text_str(&child_path));
		else
			place_add(s, &child, &child_path, type);
	}
	return config->io_api->dir_close(&dir) < 0 ?
		common_fail(err, "read", path) : CV_OK;
}

int common_walk(const struct common_walk *walk, struct cv_error *err)
{
	struct state s = {
		.walk = walk, .pool = cv_api->pool_create("folder tree"),
		.shut = { .self = walk->self, .told = walk->told },
	};
	int ret = read_dir(&s, "", walk->top, err);

	for (size_t i = 0; ret == CV_OK && i < s.count; i++) {
		struct place at = s.places[i];

		ret = walk->found(walk->context, s.pool, at.name, at.path,
				  at.type);
		if (ret == CV_NOT_FOUND) {
			/* nor what is in it */
			common_shut_note(&s.shut, s.pool, at.path);
			ret = CV_OK;
			continue;
		}
		if (ret == CV_OK && at.type != DT_REG)
			ret = read_dir(&s, at.name, at.path, err);
	}
	common_shut_tell(walk->config, walk->fd, &s.shut);
	if (ret == CV_OK && s.shut.count > 0)
		ret = CV_CHANGED;
	cv_api->pool_destroy(&s.pool);
	return ret;
}
