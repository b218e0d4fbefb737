/* common-walk.c - finds the folders of a tree of directories.  Those that are
 * still to be looked into wait in a list: no recursion. */
#include "common.h"

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
};

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
	return type == DT_DIR || type == DT_UNKNOWN ||
		(type == DT_REG && walk->files);
}

static bool may_be_passed(const struct common_walk *walk, int number)
{
	return number == ENOENT || number == ENOTDIR || number == ELOOP ||
		(number == EACCES && walk->files);
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

	if (dir == NULL)
		return may_be_passed(walk, errno) ? CV_OK :
			common_fail(err, "read", path);
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
		if (common_level_decode(config, walk->layout,
					cv_span_of(entry), &child) &&
		    common_name_check(config, walk->layout,
				      cv_text_span(&child), NULL) == CV_OK)
			place_add(s, &child, &child_path, type);
	}
	return config->io_api->dir_close(&dir) < 0 ?
		common_fail(err, "read", path) : CV_OK;
}

int common_walk(const struct common_walk *walk, struct cv_error *err)
{
	struct state s = {
		.walk = walk, .pool = cv_api->pool_create("folder tree"),
	};
	int ret = read_dir(&s, "", walk->top, err);

	for (size_t i = 0; ret == CV_OK && i < s.count; i++) {
		struct place at = s.places[i];

		ret = walk->found(walk->context, s.pool, at.name, at.path,
				  at.type);
		if (ret == CV_OK && at.type != DT_REG)
			ret = read_dir(&s, at.name, at.path, err);
	}
	cv_api->pool_destroy(&s.pool);
	return ret;
}
