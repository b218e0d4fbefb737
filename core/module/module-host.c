/* module-host.c - the table that plugins are handed, and its twin that only
 * takes notes. */
#include "base/crc32c.h"
#include "hook.h"
#include "module-private.h"
#include "settings/settings-lex.h"

#include "cv-extend.h"

#include <stdio.h>

#ifndef CULVER_BUILD_ID
#define CULVER_BUILD_ID "culver " PACKAGE_VERSION
#endif

/* --- services ---------------------------------------------------------------- */

enum { SERVICES_MAX = 64 };
static struct { const char *name; uint32_t major; const void *table; }
	services[SERVICES_MAX];
static uint32_t service_count;

static const void *core_service(const char *name, uint32_t major)
{
	for (uint32_t i = 0; i < service_count; i++) {
		if (services[i].major == major &&
		    strcmp(services[i].name, name) == 0)
			return services[i].table;
	}
	return NULL;
}

void module_service_register(const char *name, uint32_t major,
			     const void *table)
{
	if (core_service(name, major) == table)
		return;
	BUG_IF(core_service(name, major) != NULL ||
	       service_count == SERVICES_MAX);
	services[service_count].name = name;
	services[service_count].major = major;
	services[service_count++].table = table;
}

static const void *host_service(const char *name, uint32_t major)
{
	const void *table = core_service(name, major);

	return table != NULL ? table : provider_service(name, major);
}

/* --- what both hosts share --------------------------------------------------- */

static int host_error_code(const struct cv_error *err)
{
	return err->code;
}

static const char *host_error_text(const struct cv_error *err)
{
	return err->text;
}

static const char *host_error_client(const struct cv_error *err)
{
	return err->client;
}

static struct cv_error *host_error_new(struct cv_pool *pool)
{
	return pool_new(pool, struct cv_error);
}

static enum log_level level_of(int level)
{
	return level < CV_LOG_DEBUG ? LOG_LEVEL_DEBUG :
		level > CV_LOG_ERROR ? LOG_LEVEL_ERROR :
		(enum log_level)level;
}

CV_PRINTF(3, 4)
static void host_log(struct cv_plugin *self, int level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_write_v(level_of(level), self->desc->name, fmt, args);
	va_end(args);
}

static bool host_log_wanted(struct cv_plugin *self, int level)
{
	return log_wanted(self->desc->name, level_of(level));
}

static const void *host_settings(struct cv_plugin *self)
{
	return self->settings;
}

static void host_settings_line(struct cv_settings_text *text,
			       struct cv_setting_line *line_r)
{
	uint32_t size = line_r->size;
	struct cv_setting_line out = { .size = size };
	struct settings_lex lex;
	struct lex_line line;

	settings_lex_init(&lex, text->pool, text->rest);
	lex.line = text->line;
	settings_lex_next(&lex, &line);
	text->rest = lex.rest;
	text->line = lex.line;
	out.kind = line.kind;		/* the same order: checked below */
	out.line = line.line;
	out.key = line.key;
	out.value = line.value;
	out.quoted = line.quoted;
	out.from_file = line.from_file;
	out.problem = line.problem;
	out.warning = line.warning;
	memcpy(line_r, &out, size < sizeof(out) ? size : sizeof(out));
}

_Static_assert((int)LEX_END == (int)CV_SETTING_LINE_END &&
	       (int)LEX_SETTING == (int)CV_SETTING_LINE_VALUE &&
	       (int)LEX_OPEN == (int)CV_SETTING_LINE_OPEN &&
	       (int)LEX_CLOSE == (int)CV_SETTING_LINE_CLOSE &&
	       (int)LEX_INCLUDE == (int)CV_SETTING_LINE_INCLUDE &&
	       (int)LEX_INCLUDE_TRY == (int)CV_SETTING_LINE_INCLUDE_TRY &&
	       (int)LEX_BAD == (int)CV_SETTING_LINE_BAD, "kinds of lines");

/* --- the real one ------------------------------------------------------------ */

static struct cv_pool *host_pool;	/* for what is registered */

static int fail_closed(const struct cv_plugin *self, struct cv_error *err)
{
	return FAIL(err, CV_E_ABI, "'%s' registers something after its init "
		    "has returned (hint: only init may register)",
		    self->desc->name);
}

static int host_provide(struct cv_plugin *self, uint32_t kind,
			const void *table, struct cv_error *err)
{
	if (!self->in_init)
		return fail_closed(self, err);
	if (host_pool == NULL)
		host_pool = pool_create("plugin registrations");
	return provider_add(self, kind, table, host_pool, err);
}

static int host_hook_add(struct cv_plugin *self, uint32_t id, int priority,
			 cv_any_fn *fn, struct cv_error *err)
{
	if (!self->in_init)
		return fail_closed(self, err);
	if (host_pool == NULL)
		host_pool = pool_create("plugin registrations");
	return hook_add(self, id, priority, fn, host_pool, err);
}

#define HOST_SHARED \
	CV_SIZED(cv_host), \
	.api_major = CV_API_MAJOR, .api_minor = CV_API_MINOR, \
	.build_id = CULVER_BUILD_ID, .settings = host_settings, \
	.error_set = error_set, .error_set_client = error_set_client, \
	.error_code = host_error_code, .error_text = host_error_text, \
	.error_client = host_error_client, .error_new = host_error_new, \
	.log_wanted = host_log_wanted, .pool_create = pool_create, \
	.pool_destroy = pool_destroy, .pool_reset = pool_reset, \
	.alloc = pool_alloc, .text_grow = text_grow, \
	.text_append_vf = text_append_vf, \
	.monotonic_msecs = time_monotonic_msecs, .random = random_bytes, \
	.utf7_encode = utf7_encode, .utf7_decode = utf7_decode, \
	.base64_encode = base64_encode, .base64_decode = base64_decode, \
	.settings_line = host_settings_line, .crc32c = crc32c, \
	.memory_check = spare_memory_check

static const struct cv_host host = {
	HOST_SHARED,
	.provide = host_provide, .hook_add = host_hook_add,
	.service = host_service, .log = host_log, .slot_get = slots_get,
	.extension_next = provider_extension_next,
};

const struct cv_host *module_host(void)
{
	return &host;
}

/* --- the one that takes notes ------------------------------------------------- */

static ARRAY(struct module_registration) notes;
static ARRAY(const void *) noted_tables;	/* as notes; NULL: a hook */
void (*module_dry_misuse)(const char *what);

static int take_note(uint32_t what, uint32_t kind, int priority,
		     const char *name, const void *table,
		     struct cv_error *err)
{
	if (notes.count == MODULE_REGISTRATIONS_MAX)
		return FAIL(err, CV_E_LIMIT, "it registers more than %d "
			    "things", MODULE_REGISTRATIONS_MAX);
	*array_add(&notes) = (struct module_registration){
		.what = what, .kind = kind, .priority = priority,
		.name = pool_copy(notes.pool, name, strnlen(name, 256)),
	};
	*array_add(&noted_tables) = table;
	return CV_OK;
}

/* Services of the plugins that came before, in this child: what is added to
 * them is checked, but not with what others add, which may run elsewhere. */
enum { DRY_SERVICES_MAX = 16 };
static struct cv_service dry_services[DRY_SERVICES_MAX];
static uint32_t dry_service_count;

static void dry_keep_service(const struct cv_service *service)
{
	struct cv_service *kept = &dry_services[dry_service_count];
	size_t len = service->size < sizeof(*kept) ? service->size :
		sizeof(*kept);

	if (dry_service_count == DRY_SERVICES_MAX)
		return;
	memcpy(kept, service, len);
	dry_service_count++;
}

static int dry_check_extension(const struct cv_extension *extension,
			       struct cv_error *err)
{
	const struct cv_service *service = NULL;

	for (uint32_t i = 0; i < dry_service_count; i++) {
		if (extension->of != NULL &&
		    strcmp(dry_services[i].name, extension->of) == 0)
			service = &dry_services[i];
	}
	return provider_extension_check(service, extension, err);
}

static const struct cv_extension *dry_extension_next(const char *of,
						     uint32_t major,
						     uint32_t *at,
						     struct cv_plugin **owner)
{
	return NULL;
}

static int dry_provide(struct cv_plugin *self, uint32_t kind,
		       const void *table, struct cv_error *err)
{
	const char *name;
	int ret = provider_check(kind, table, self->desc->api_minor, &name,
				 err);

	if (ret >= 0 && kind == CV_PROVIDER_EXTENSION)
		ret = dry_check_extension(table, err);
	if (ret >= 0 && kind == CV_PROVIDER_SERVICE)
		dry_keep_service(table);
	return ret < 0 ? ret : take_note(MODULE_REGISTERED_PROVIDER, kind, 0,
					 name, table, err);
}

static int dry_hook_add(struct cv_plugin *self, uint32_t id, int priority,
			cv_any_fn *fn, struct cv_error *err)
{
	const struct hook_point *point = hook_point_find(id);

	if (point == NULL)	/* says so in its own words */
		return hook_add(self, id, priority, fn, notes.pool, err);
	return take_note(MODULE_REGISTERED_HOOK, id, priority, point->name,
			 NULL, err);
}

/* No session is running: whatever service init asks for is there, but any
 * call of it is a mistake. */
static const char *last_service = "";

static void dry_called(void)
{
	char what[128];

	(void)snprintf(what, sizeof(what), "the service '%s'", last_service);
	module_dry_misuse(what);
}

enum { DRY_TABLE_MEMBERS = 256 };
static struct { uint32_t size; cv_any_fn *members[DRY_TABLE_MEMBERS]; }
	dry_table;

static const void *dry_service(const char *name, uint32_t major)
{
	last_service = name;
	dry_table.size = sizeof(dry_table);
	for (size_t i = 0; i < DRY_TABLE_MEMBERS; i++)
		dry_table.members[i] = dry_called;
	return &dry_table;
}

static void *dry_slot_get(void *object, uint32_t slot_id)
{
	module_dry_misuse("slot_get");
	return NULL;
}

CV_PRINTF(3, 4)
static void dry_log(struct cv_plugin *self, int level, const char *fmt, ...)
{
}

static const struct cv_host dry_host = {
	HOST_SHARED,
	.provide = dry_provide, .hook_add = dry_hook_add,
	.service = dry_service, .log = dry_log, .slot_get = dry_slot_get,
	.extension_next = dry_extension_next,
};

const struct cv_host *module_dry_host(void)
{
	return &dry_host;
}

void module_dry_begin(struct cv_pool *pool)
{
	array_init(&notes, pool);
	array_init(&noted_tables, pool);
}

void module_dry_end(const struct module_registration **registrations_r,
		    uint32_t *count_r)
{
	*registrations_r = notes.items;
	*count_r = (uint32_t)notes.count;
}

const void *module_dry_provider(uint32_t kind, const char *name)
{
	for (size_t i = 0; i < notes.count; i++) {
		if (notes.items[i].what == MODULE_REGISTERED_PROVIDER &&
		    notes.items[i].kind == kind &&
		    strcmp(notes.items[i].name, name) == 0)
			return noted_tables.items[i];
	}
	return NULL;
}
