/* imap-extend.c - see imap-extend.h: whose rows there are, and which are
 * refused. */
#include "imap-extend.h"
#include "imap-args.h"

/* How every row begins. */
struct row_head { const char *name; };

union row {
	struct row_head head;
	struct cv_imap_command command;
	struct cv_imap_fetch_item item;
	struct cv_imap_search_key key;
	struct cv_imap_status_item status;
	struct cv_imap_capability capability;
};

struct row_kind {
	const char *what;
	size_t offset;		/* of its array in struct cv_imap_extension */
	size_t bytes;		/* of a row */
	uint32_t max;
	bool (*is_own)(struct cv_span name);
	bool (*is_whole)(const union row *row);
};

static bool command_is_whole(const union row *row)
{
	return row->command.run != NULL;
}

static bool fetch_item_is_whole(const union row *row)
{
	return row->item.tell != NULL;
}

static bool search_key_is_whole(const union row *row)
{
	return (row->key.match != NULL || row->key.find != NULL) &&
		row->key.arg_count <= CV_IMAP_KEY_ARGS_MAX;
}

static bool status_item_is_whole(const union row *row)
{
	return row->status.tell != NULL;
}

static bool capability_is_whole(const union row *row)
{
	return (row->capability.when &
		(CV_IMAP_BEFORE_LOGIN | CV_IMAP_AFTER_LOGIN)) != 0;
}

#define KIND(what, member, type, max) \
	{ what, offsetof(struct cv_imap_extension, member), \
	  sizeof(struct cv_imap_##type), max, imap_##type##_is_own, \
	  type##_is_whole }

enum { COMMANDS, ITEMS, KEYS, STATUSES, CAPABILITIES, KINDS };
static const struct row_kind kinds[KINDS] = {
	KIND("command", commands, command, CV_IMAP_ROWS_MAX),
	KIND("item of FETCH", fetch_items, fetch_item,
	     CV_IMAP_ROWS_MAX),
	KIND("key of SEARCH", search_keys, search_key,
	     CV_IMAP_ROWS_MAX),
	KIND("item of STATUS", status_items, status_item,
	     CV_IMAP_STATUS_MAX),
	KIND("capability", capabilities, capability, CV_IMAP_ROWS_MAX),
};

/* --- reading the tables of others -------------------------------------------- */

static void table_copy(struct cv_imap_extension *copy_r,
		       const struct cv_imap_extension *table)
{
	*copy_r = (struct cv_imap_extension){ 0 };
	memcpy(copy_r, table, table->size < sizeof(*copy_r) ? table->size :
	       sizeof(*copy_r));
}

static const struct cv_array *array_of(const struct cv_imap_extension *table,
				       const struct row_kind *kind)
{
	return (const struct cv_array *)((const char *)table + kind->offset);
}

/* A row of a plugin that knew more or fewer members. */
static void row_copy(union row *row_r, const struct cv_array *array,
		     uint32_t i, const struct row_kind *kind)
{
	*row_r = (union row){ { NULL } };
	memcpy(row_r, (const char *)array->items + (size_t)i * array->stride,
	       array->stride < kind->bytes ? array->stride : kind->bytes);
}

/* Letters, digits and what stands in names that there are. */
static bool name_is_valid(const char *name)
{
	size_t len = name == NULL ? 0 : strnlen(name, CV_IMAP_NAME_MAX + 1);

	if (len == 0 || len > CV_IMAP_NAME_MAX ||
	    cv_ascii_lower(name[0]) < 'a' || cv_ascii_lower(name[0]) > 'z')
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = cv_ascii_lower(name[i]);

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') &&
		    strchr("-._=+:/", c) == NULL)
			return false;
	}
	return true;
}

static bool table_has(const struct cv_imap_extension *table,
		      const struct row_kind *kind, const char *name,
		      uint32_t before)
{
	const struct cv_array *array = array_of(table, kind);

	for (uint32_t i = 0; i < array->count && i < before; i++) {
		union row row;

		row_copy(&row, array, i, kind);
		if (row.head.name != NULL &&
		    cv_span_is_icase(cv_span_of(name), row.head.name))
			return true;
	}
	return false;
}

static const struct cv_extension *next(uint32_t *at, struct cv_plugin **owner)
{
	if (!CV_HAS(cv_api, extension_next) || cv_api->extension_next == NULL)
		return NULL;
	return cv_api->extension_next("imap", CV_IMAP_MAJOR, at, owner);
}

/* --- may it be added? ---------------------------------------------------------- */

/* Against those that are there already. */
static int others_check(const struct cv_extension *extension,
			const struct row_kind *kind, const char *name,
			uint32_t *count, struct cv_error *err)
{
	const struct cv_extension *other;
	struct cv_plugin *owner;
	uint32_t at = 0;

	while ((other = next(&at, &owner)) != NULL && other != extension) {
		struct cv_imap_extension table;

		table_copy(&table, other->table);
		*count += array_of(&table, kind)->count;
		if (table_has(&table, kind, name, UINT32_MAX))
			return CV_FAIL(err, CV_E_EXISTS, "its %s '%s' is one "
				       "of the plugin '%s' already (hint: "
				       "load only one of them)", kind->what,
				       name, other->name);
	}
	return CV_OK;
}

static int row_check(const struct cv_extension *extension,
		     const struct cv_imap_extension *table,
		     const struct row_kind *kind, uint32_t i,
		     struct cv_error *err)
{
	const struct cv_array *array = array_of(table, kind);
	uint32_t count = array->count;
	union row row;
	int code;

	row_copy(&row, array, i, kind);
	if (!name_is_valid(row.head.name))
		return CV_FAIL(err, CV_E_ABI, "the name of its %s '%.64s' is "
			       "no atom of letters, digits and -._=+:/",
			       kind->what, row.head.name == NULL ? "" :
			       row.head.name);
	if (!kind->is_whole(&row))
		return CV_FAIL(err, CV_E_ABI, "its %s '%s' lacks what it must "
			       "have", kind->what, row.head.name);
	if (kind->is_own(cv_span_of(row.head.name)))
		return CV_FAIL(err, CV_E_EXISTS, "its %s '%s' is one of IMAP "
			       "itself (hint: give it another name, as "
			       "'X-%s')", kind->what, row.head.name,
			       row.head.name);
	if (table_has(table, kind, row.head.name, i))
		return CV_FAIL(err, CV_E_EXISTS, "it has the %s '%s' twice",
			       kind->what, row.head.name);
	code = others_check(extension, kind, row.head.name, &count, err);
	if (code == CV_OK && count > kind->max)
		code = CV_FAIL(err, CV_E_LIMIT, "the plugins add more than %u "
			       "rows of the kind: %s", kind->max, kind->what);
	return code;
}

/* Members that this server does not know must be empty. */
static int size_check(const struct cv_imap_extension *table,
		      struct cv_error *err)
{
	const char *bytes = (const char *)table;

	if (table->size < offsetof(struct cv_imap_extension, before))
		return CV_FAIL(err, CV_E_ABI, "its table for IMAP says it has "
			       "%u bytes (hint: begin it with CV_SIZED)",
			       table->size);
	for (uint32_t i = sizeof(*table); i < table->size; i++) {
		if (bytes[i] != 0)
			return CV_FAIL(err, CV_E_ABI, "its table for IMAP "
				       "uses byte %u, this server knows %zu "
				       "(hint: update the server)", i,
				       sizeof(*table));
	}
	return CV_OK;
}

int imap_extend_check(const struct cv_extension *extension,
		      struct cv_error *err)
{
	struct cv_imap_extension table;
	int code = size_check(extension->table, err);

	if (code < 0)
		return code;
	table_copy(&table, extension->table);
	for (int k = 0; k < KINDS; k++) {
		const struct cv_array *array = array_of(&table, &kinds[k]);

		if (array->count > 0 &&
		    (array->items == NULL ||
		     array->stride < sizeof(struct row_head) ||
		     array->count > kinds[k].max))
			return CV_FAIL(err, CV_E_ABI, "its table of the kind "
				       "'%s' is broken (hint: use CV_ARRAY)",
				       kinds[k].what);
		for (uint32_t i = 0; i < array->count && code >= 0; i++)
			code = row_check(extension, &table, &kinds[k], i,
					 err);
		if (code < 0)
			return code;
	}
	return CV_OK;
}

/* --- all of them --------------------------------------------------------------- */

/* Room for all rows of all plugins; the limits hold for their sums. */
static struct {
	bool built;
	struct cv_pool *pool;		/* as long as the process */
	struct imap_extended all;
	struct imap_extender *extenders;
	struct imap_extended_command *commands;
	struct imap_extended_item *items;
	struct imap_extended_key *keys;
	struct imap_extended_status *statuses;
	struct imap_extended_capability *capabilities;
} gathered;

static const uint32_t command_flags[] = {
	[0] = IMAP_SELECTED, [1] = IMAP_HAS_UID, [2] = IMAP_NO_ARGS,
	[3] = IMAP_NO_SYNC,	/* the bits of enum cv_imap_command_flag */
};

static void command_add(const union row *row, const struct imap_extender *by,
			struct cv_pool *pool)
{
	struct imap_extended_command *c =
		&gathered.commands[gathered.all.command_count++];
	struct cv_text upper;

	cv_text_init(&upper, pool);
	for (const char *p = row->head.name; *p != '\0'; p++)
		cv_text_append_c(&upper, cv_ascii_upper(*p));
	c->row = row->command;
	c->by = by;
	c->def.name = cv_text_str(&upper);
	c->def.run = imap_extend_run;
	for (int i = 0; i < 4; i++) {
		if ((row->command.flags & (1u << i)) != 0)
			c->def.flags |= command_flags[i];
	}
	/* [RFC3501 7.4.1] numbers may not move under what has them */
	if ((c->def.flags & IMAP_HAS_UID) != 0)
		c->def.flags |= IMAP_NO_EXPUNGE;
}

static void row_add(int kind, const union row *row,
		    const struct imap_extender *by, struct cv_pool *pool)
{
	struct imap_extended *all = &gathered.all;

	switch (kind) {
	case COMMANDS:
		command_add(row, by, pool);
		break;
	case ITEMS:
		gathered.items[all->item_count].row = row->item;
		gathered.items[all->item_count++].by = by;
		break;
	case KEYS:
		gathered.keys[all->key_count].row = row->key;
		gathered.keys[all->key_count++].by = by;
		break;
	case STATUSES:
		gathered.statuses[all->status_count].row = row->status;
		gathered.statuses[all->status_count++].by = by;
		break;
	default:
		gathered.capabilities[all->capability_count].row =
			row->capability;
		gathered.capabilities[all->capability_count++].by = by;
		break;
	}
}

static void rows_add(const struct cv_imap_extension *table,
		     const struct imap_extender *by, struct cv_pool *pool)
{
	for (int k = 0; k < KINDS; k++) {
		const struct cv_array *array = array_of(table, &kinds[k]);

		for (uint32_t i = 0; i < array->count; i++) {
			union row row;

			row_copy(&row, array, i, &kinds[k]);
			row_add(k, &row, by, pool);
		}
	}
}

static void rooms_make(struct cv_pool *pool, uint32_t extenders)
{
	struct imap_extended *all = &gathered.all;

	all->extenders = gathered.extenders = CV_ALLOC_ARRAY(pool,
		struct imap_extender, extenders);
	all->commands = gathered.commands = CV_ALLOC_ARRAY(pool,
		struct imap_extended_command, CV_IMAP_ROWS_MAX);
	all->items = gathered.items = CV_ALLOC_ARRAY(pool,
		struct imap_extended_item, CV_IMAP_ROWS_MAX);
	all->keys = gathered.keys = CV_ALLOC_ARRAY(pool,
		struct imap_extended_key, CV_IMAP_ROWS_MAX);
	all->statuses = gathered.statuses = CV_ALLOC_ARRAY(pool,
		struct imap_extended_status, CV_IMAP_STATUS_MAX);
	all->capabilities = gathered.capabilities = CV_ALLOC_ARRAY(pool,
		struct imap_extended_capability, CV_IMAP_ROWS_MAX);
}

/* Ascending; equal ones stay as they are. */
static void by_priority(struct imap_extender *list, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		struct imap_extender moved = list[i];
		uint32_t at = i;

		for (; at > 0 && list[at - 1].priority > moved.priority; at--)
			list[at] = list[at - 1];
		list[at] = moved;
	}
}

static void gather(void)
{
	const struct cv_extension *extension;
	struct cv_plugin *plugin;
	uint32_t count = 0, at = 0;
	struct cv_pool *pool;

	gathered.built = true;
	while (next(&at, &plugin) != NULL)
		count++;
	if (count == 0)
		return;
	gathered.pool = pool = cv_api->pool_create("imap extensions");
	rooms_make(pool, 2 * count);
	/* those of the rows stand behind those in the order of before */
	at = 0;
	while ((extension = next(&at, &plugin)) != NULL) {
		uint32_t n = gathered.all.extender_count++;
		struct cv_imap_extension table;

		table_copy(&table, extension->table);
		gathered.extenders[n] = gathered.extenders[count + n] =
			(struct imap_extender){ plugin, extension->name,
						table.before,
						table.priority };
		rows_add(&table, &gathered.extenders[count + n], pool);
	}
	by_priority(gathered.extenders, count);
}

const struct imap_extended *imap_extended(void)
{
	if (!gathered.built)
		gather();
	return &gathered.all;
}

#define FIND(function, type, list, list_count) \
const struct type *function(struct cv_span name) \
{ \
	const struct imap_extended *all = imap_extended(); \
	for (uint32_t i = 0; i < all->list_count; i++) { \
		if (cv_span_is_icase(name, all->list[i].row.name)) \
			return &all->list[i]; \
	} \
	return NULL; \
}

static FIND(command_find, imap_extended_command, commands, command_count)
FIND(imap_extended_item, imap_extended_item, items, item_count)
FIND(imap_extended_key, imap_extended_key, keys, key_count)

const struct imap_command *imap_extended_command(struct cv_span name)
{
	const struct imap_extended_command *found = command_find(name);

	return found == NULL ? NULL : &found->def;
}
