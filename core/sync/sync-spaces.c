/* sync-spaces.c - a user's namespaces as one tree. */
#include "sync-spaces.h"
#include "mailbox/mailbox-admin.h"

static void replace(char *text, char from, char to)
{
	for (; *text != '\0'; text++) {
		if (*text == from)
			*text = to;
	}
}

static void add_space(struct sync_spaces *spaces,
		      const struct cv_namespace_info *info, bool all,
		      bool repeats, struct cv_pool *pool)
{
	struct sync_space *space = &spaces->items[spaces->count];
	char *canonical = pool_strdup(pool, info->prefix);

	replace(canonical, info->separator, '/');
	*space = (struct sync_space){
		.prefix = pool_strdup(pool, info->prefix),
		.canonical = info->is_inbox ? "" : canonical,
		.separator = info->separator,
		/* a second one without prefix could not be told from the
		 * first */
		.synced = info->is_inbox ||
			((all || info->type == CV_NAMESPACE_PRIVATE) &&
			 info->listed && !repeats && *info->prefix != '\0'),
		.others = info->type != CV_NAMESPACE_PRIVATE,
	};
	if (info->is_inbox)
		spaces->inbox = spaces->count;
	spaces->count++;
}

void sync_spaces_init(struct sync_spaces *spaces, struct cv_user *user,
		      bool all, struct cv_pool *pool)
{
	struct cv_namespace_info info = { CV_SIZED(cv_namespace_info) };
	uint32_t count = 0;

	while (user_api.namespace_at(user, count, &info) == CV_OK)
		count++;
	*spaces = (struct sync_spaces){
		.items = pool_new_array(pool, struct sync_space,
					(size_t)count + 1),
	};
	for (uint32_t i = 0; i < count; i++) {
		(void)user_api.namespace_at(user, i, &info);
		add_space(spaces, &info, all,
			  mailbox_namespace_repeats(user, i), pool);
	}
}

bool sync_spaces_has_others(const struct sync_spaces *spaces)
{
	for (uint32_t i = 0; i < spaces->count; i++) {
		if (spaces->items[i].synced && spaces->items[i].others)
			return true;
	}
	return false;
}

/* The longest prefix wins, of those that the user sees or the canonical
 * ones; count: none has the name. */
static uint32_t longest(const struct sync_spaces *spaces, const char *name,
			bool canonical)
{
	uint32_t best = spaces->count;
	size_t best_len = 0;

	for (uint32_t i = 0; i < spaces->count; i++) {
		const struct sync_space *space = &spaces->items[i];
		const char *prefix = canonical ? space->canonical :
			space->prefix;
		size_t len = strlen(prefix);

		if ((canonical && !space->synced) ||
		    strncmp(name, prefix, len) != 0 || name[len] == '\0')
			continue;
		if (best == spaces->count || len > best_len) {
			best = i;
			best_len = len;
		}
	}
	return best;
}

uint32_t sync_spaces_of(const struct sync_spaces *spaces, const char *name)
{
	uint32_t found = longest(spaces, name, true);

	return found == spaces->count ? spaces->inbox : found;
}

int sync_spaces_find(const struct sync_spaces *spaces, const char *prefix,
		     uint32_t *number_r, struct cv_error *err)
{
	size_t len = strlen(prefix);

	for (uint32_t i = 0; i < spaces->count; i++) {
		const struct sync_space *space = &spaces->items[i];
		size_t own = strlen(space->prefix);

		if (!space->synced || strncmp(space->prefix, prefix, len) != 0)
			continue;
		if (own == len || (len > 0 && own == len + 1)) {
			*number_r = i;
			return CV_OK;
		}
	}
	return FAIL(err, CV_E_NOT_FOUND, "there is no namespace with "
		    "the prefix '%s' that could be synchronised", prefix);
}

int sync_spaces_canonical(const struct sync_spaces *spaces, const char *name,
			  struct cv_pool *pool, const char **name_r,
			  struct cv_error *err)
{
	const struct sync_space *space;
	uint32_t number;
	char *rest;

	*name_r = "INBOX";
	if (strcasecmp(name, "INBOX") == 0)
		return CV_OK;
	*name_r = NULL;
	number = longest(spaces, name, false);
	if (number == spaces->count || !spaces->items[number].synced)
		return CV_OK;
	space = &spaces->items[number];
	rest = pool_strdup(pool, name + strlen(space->prefix));
	replace(rest, space->separator, '/');
	*name_r = pool_printf(pool, "%s%s", space->canonical, rest);
	if (sync_spaces_of(spaces, *name_r) != number)
		return FAIL(err, CV_E_UNSUPPORTED, "mailbox '%s' would be "
			    "'%s', as one of the namespace '%s' (hint: rename "
			    "it)", name, *name_r,
			    spaces->items[sync_spaces_of(spaces,
							 *name_r)].prefix);
	return CV_OK;
}

int sync_spaces_native(const struct sync_spaces *spaces, const char *label,
		       const char *name, struct cv_pool *pool,
		       const char **name_r, struct cv_error *err)
{
	const struct sync_space *space;
	const char *rest;
	char *copy;

	*name_r = name;
	if (strcmp(name, "INBOX") == 0 || *name == '\0')
		return CV_OK;
	space = &spaces->items[sync_spaces_of(spaces, name)];
	rest = name + strlen(space->canonical);
	if (space->separator != '/' && strchr(rest, space->separator) != NULL)
		return FAIL(err, CV_E_UNSUPPORTED, "mailbox '%s': %s cannot "
			    "have '%c' in a name (hint: rename it, or choose "
			    "another separator)", name, label,
			    space->separator);
	copy = pool_strdup(pool, rest);
	replace(copy, '/', space->separator);
	*name_r = pool_printf(pool, "%s%s", space->prefix, copy);
	return CV_OK;
}
