/* common-name.c - a folder's name and its place on disk.
 *
 * INVARIANT: different names are different places, and none is outside of the
 * root [security.md B10]. */
#include "common.h"

#include <strings.h>

/* Bytes on disk: of a level, with room for suffixes in a file name; of a name
 * whose levels are directories. */
enum { LEVEL_MAX = 240, LEVELS_MAX = 64, NAME_MAX_BYTES = 2000 };

/* NULL when the level may be part of a name, else the reason. */
static const char *level_fault(const struct cv_storage_config *config,
			       const struct common_layout *layout,
			       struct cv_span level)
{
	if (level.len == 0)
		return "empty hierarchy level";
	for (size_t i = 0; i < level.len; i++) {
		unsigned char c = (unsigned char)level.data[i];

		if (c < 0x20 || c == 0x7f || c == '/')
			return "control character or slash";
		if (c == '.' && layout->separator == '.')
			return "a '.' separates levels on disk";
	}
	if (cv_span_is(level, ".") || cv_span_is(level, ".."))
		return "reserved name";
	return layout->is_reserved != NULL &&
		layout->is_reserved(config, level) ? "reserved name" : NULL;
}

static void level_encode(const struct cv_storage_config *config,
			 struct cv_text *dst, struct cv_span level)
{
	if (config->utf8_names)
		cv_text_append_span(dst, level);
	else
		cv_api->utf7_encode(dst, level);
}

bool common_level_decode(const struct cv_storage_config *config,
			 const struct common_layout *layout,
			 struct cv_span level, struct cv_text *dst)
{
	size_t before = dst->len;

	if (level.len == 0)
		return false;
	if (config->utf8_names)
		cv_text_append_span(dst, level);
	else if (!cv_api->utf7_decode(dst, level))
		return false;
	return level_fault(config, layout, cv_span(
		dst->data + before, dst->len - before)) == NULL;
}

void common_levels_encode(const struct cv_storage_config *config,
			  const struct common_layout *layout,
			  struct cv_text *dst, struct cv_span name)
{
	struct cv_span level;
	bool first = true;

	while (cv_span_split(&name, '/', &level)) {
		if (!first)
			cv_text_append_c(dst, layout->separator);
		first = false;
		level_encode(config, dst, level);
	}
}

int common_layout_check(const struct cv_storage_config *config,
			const char *driver, struct cv_error *err)
{
	if (strcasecmp(config->layout, "index") != 0)
		return CV_OK;
	return CV_FAIL(err, CV_E_CONFIG, "mail_location: with LAYOUT=index the "
		       "names of mailboxes are in Dovecot's "
		       "dovecot.list.index, which is not read (hint: 'doveadm "
		       "backup -u USER %s:/new/place', while Dovecot still "
		       "runs, makes a tree that is)", driver);
}

int common_name_refuse(struct cv_span name, const char *fault,
		       struct cv_error *err)
{
	CV_FAIL(err, CV_E_PERM, "invalid mailbox name '%.*s': %s",
		CV_SPAN_ARG(name), fault);
	(void)cv_api->error_set_client(err, "Invalid mailbox name: %s",
				       fault);
	return CV_E_PERM;
}

/* Whether one of two places below the same directory is in the other, or is
 * it; each begins with '/'. */
static bool is_in(struct cv_span inner, struct cv_span outer)
{
	return cv_span_begins(inner, outer) && (inner.len == outer.len ||
						inner.data[outer.len] == '/');
}

/* Whether path, "/a/b" below the tree's root, has to do with what lies at
 * place, or at file below it where place is the root: to remove or rename such a folder would be to lose that. */
static bool meets(const struct cv_storage_config *config, const char *place,
		  const char *file, struct cv_span path)
{
	struct cv_span own = cv_span_of(place == NULL ? "" : place);
	struct cv_span root = cv_span_of(config->path);

	if (own.len == 0 || !is_in(own, root))
		return false;
	own = cv_span(own.data + root.len, own.len - root.len);
	if (own.len == 0)
		own = cv_span_of(file);
	if (own.len == 0)
		return false;
	return is_in(path, own) || is_in(own, path);
}

int common_name_check(const struct cv_storage_config *config,
		      const struct common_layout *layout, struct cv_span name,
		      struct cv_error *err)
{
	struct cv_pool *pool = cv_api->pool_create("folder name");
	bool dirs = layout->separator == '/';
	struct cv_span rest = name, level;
	const char *fault = NULL;
	uint32_t levels = 0;
	struct cv_text path;

	cv_text_init(&path, pool);
	while (fault == NULL && cv_span_split(&rest, '/', &level)) {
		size_t before = path.len + 1;

		fault = level_fault(config, layout, level);
		if (fault != NULL)
			break;
		cv_text_append_c(&path, layout->separator);
		level_encode(config, &path, level);
		if (dirs && path.len - before > LEVEL_MAX)
			fault = "too long";
		if (++levels > LEVELS_MAX)
			fault = "too many levels";
	}
	if (fault == NULL &&
	    (levels == 0 || path.len > (dirs ? NAME_MAX_BYTES : LEVEL_MAX)))
		fault = "too long or empty";
	if (fault == NULL && dirs &&
	    (meets(config, config->index, "/culver", cv_text_span(&path)) ||
	     meets(config, config->control, "", cv_text_span(&path))))
		fault = "INDEX= or CONTROL= is there";
	cv_api->pool_destroy(&pool);
	return fault == NULL ? CV_OK : common_name_refuse(name, fault, err);
}
