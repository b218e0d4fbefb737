/* provider.c - the tables that plugins provide, by kind and name. */
#include "module-private.h"

#include "cv-auth.h"
#include "cv-extend.h"
#include "cv-fts.h"
#include "cv-policy.h"
#include "cv-protocol.h"
#include "cv-quota.h"
#include "cv-storage.h"

enum { PROVIDER_TABLE_MAX = 4096 };

/* How every table begins. */
struct provider_head {
	CV_HEAD;
	const char *name;
};

struct provider {
	uint32_t kind;
	const char *name;
	struct cv_plugin *owner;
	void *table;
};

struct provider_kind { uint32_t kind; const char *name; size_t bytes; };

static const struct provider_kind provider_kinds[] = {
	{ CV_PROVIDER_PROTOCOL, "protocol", sizeof(struct cv_protocol) },
	{ CV_PROVIDER_STORAGE, "storage", sizeof(struct cv_storage) },
	{ CV_PROVIDER_PASSDB, "passdb", sizeof(struct cv_passdb) },
	{ CV_PROVIDER_USERDB, "userdb", sizeof(struct cv_userdb) },
	{ CV_PROVIDER_MECHANISM, "mechanism", sizeof(struct cv_mechanism) },
	{ CV_PROVIDER_SCHEME, "scheme", sizeof(struct cv_scheme) },
	{ CV_PROVIDER_QUOTA, "quota", sizeof(struct cv_quota) },
	{ CV_PROVIDER_SERVICE, "service", sizeof(struct cv_service) },
	{ CV_PROVIDER_FTS, "fts", sizeof(struct cv_fts) },
	{ CV_PROVIDER_POLICY, "policy", sizeof(struct cv_policy) },
	{ CV_PROVIDER_EXTENSION, "extension", sizeof(struct cv_extension) },
};

enum { PROVIDERS_MAX = 512 };
static struct provider providers[PROVIDERS_MAX];
static uint32_t provider_count;

static const struct provider_kind *find_kind(uint32_t kind)
{
	for (size_t i = 0; i < sizeof(provider_kinds) /
	     sizeof(provider_kinds[0]); i++) {
		if (provider_kinds[i].kind == kind)
			return &provider_kinds[i];
	}
	return NULL;
}

const char *module_kind_name(uint32_t kind)
{
	const struct provider_kind *found = find_kind(kind);

	return found == NULL ? NULL : found->name;
}

int provider_check(uint32_t kind, const void *table, uint16_t api_minor,
		   const char **name_r, struct cv_error *err)
{
	const struct provider_kind *known = find_kind(kind);
	const struct provider_head *head = table;
	const unsigned char *bytes = table;

	if (known == NULL)
		return FAIL(err, CV_E_ABI, "it provides something of kind %u, "
			    "which this server (plugin API %u.%u) does not "
			    "know (hint: update the server)", kind,
			    CV_API_MAJOR, CV_API_MINOR);
	if (head->size < sizeof(*head) || head->size > PROVIDER_TABLE_MAX)
		return FAIL(err, CV_E_ABI, "its %s table says it has %u bytes "
			    "(hint: begin it with CV_SIZED)", known->name,
			    head->size);
	if (head->name == NULL || head->name[0] == '\0')
		return FAIL(err, CV_E_ABI, "its %s table has no name",
			    known->name);
	*name_r = head->name;
	for (size_t i = known->bytes; i < head->size; i++) {
		if (bytes[i] != 0)
			return FAIL(err, CV_E_ABI, "its %s table '%.64s' uses "
				    "byte %zu, this server (plugin API %u.%u) "
				    "knows %zu bytes (hint: update the server "
				    "to plugin API %u.%u)", known->name,
				    head->name, i, CV_API_MAJOR,
				    CV_API_MINOR, known->bytes, CV_API_MAJOR,
				    api_minor);
	}
	return CV_OK;
}

static const struct provider *find(uint32_t kind, const char *name)
{
	for (uint32_t i = 0; i < provider_count; i++) {
		if (providers[i].kind == kind &&
		    strcmp(providers[i].name, name) == 0)
			return &providers[i];
	}
	return NULL;
}

/* --- services of plugins, and what extends them ------------------------------ */

static bool is_extension_of(const struct provider *p, const char *of)
{
	return p->kind == CV_PROVIDER_EXTENSION &&
		strcmp(((const struct cv_extension *)p->table)->of, of) == 0;
}

int provider_extension_check(const struct cv_service *service,
			     const struct cv_extension *extension,
			     struct cv_error *err)
{
	if (extension->of == NULL || extension->table == NULL)
		return FAIL(err, CV_E_ABI, "its extension '%s' is of nothing",
			    extension->name);
	if (service == NULL)
		return CV_OK;
	if (service->check == NULL)
		return FAIL(err, CV_E_ABI, "it extends '%s', to which nothing "
			    "can be added", service->name);
	if (service->major != extension->major)
		return FAIL(err, CV_E_ABI, "it extends '%s' as of version %u, "
			    "this server has version %u (hint: build the "
			    "plugin with this server's headers)",
			    service->name, extension->major, service->major);
	return service->check(extension, err);
}

/* A service that comes later than what extends it. */
static int check_earlier(const struct provider *added, struct cv_error *err)
{
	const struct cv_service *service = added->table;
	int ret = CV_OK;

	for (uint32_t i = 0; i < provider_count && ret >= 0; i++) {
		if (!is_extension_of(&providers[i], service->name))
			continue;
		ret = provider_extension_check(service, providers[i].table,
					       err);
		if (ret < 0)
			error_prefix(err, "what '%s' adds to it is wrong",
				     providers[i].owner->desc->name);
	}
	return ret < 0 ? ret : CV_OK;
}

const void *provider_service(const char *name, uint32_t major)
{
	const struct cv_service *service = module_provider(CV_PROVIDER_SERVICE,
							   name);

	return service == NULL || service->major != major ? NULL :
		service->table;
}

const struct cv_extension *provider_extension_next(const char *of,
						   uint32_t major,
						   uint32_t *at,
						   struct cv_plugin **owner_r)
{
	while (*at < provider_count) {
		const struct provider *p = &providers[(*at)++];
		const struct cv_extension *extension = p->table;

		if (!is_extension_of(p, of) || extension->major != major)
			continue;
		*owner_r = p->owner;
		return extension;
	}
	return NULL;
}

/* The name goes into the log lines about it. */
static int check_extension(const struct cv_plugin *owner,
			   const struct cv_extension *extension,
			   struct cv_error *err)
{
	if (strcmp(extension->name, owner->desc->name) != 0)
		return FAIL(err, CV_E_ABI, "its extension is called '%.64s' "
			    "(hint: give it the plugin's name)",
			    extension->name);
	return provider_extension_check(extension->of == NULL ? NULL :
		module_provider(CV_PROVIDER_SERVICE, extension->of),
		extension, err);
}

int provider_add(struct cv_plugin *owner, uint32_t kind, const void *table,
		 struct cv_pool *pool, struct cv_error *err)
{
	const struct provider *other;
	const char *name;
	size_t ours, theirs;
	struct provider *p;
	int ret = provider_check(kind, table, owner->desc->api_minor, &name,
				 err);

	if (ret < 0)
		return ret;
	/* one of each service may have the plugin's name */
	if (kind == CV_PROVIDER_EXTENSION)
		other = NULL;
	else
		other = find(kind, name);
	if (other != NULL)
		return FAIL(err, CV_E_EXISTS, "%s '%s' is provided already, "
			    "by '%s' (hint: load only one of them)",
			    module_kind_name(kind), name,
			    other->owner->desc->name);
	if (kind == CV_PROVIDER_EXTENSION &&
	    (ret = check_extension(owner, table, err)) < 0)
		return ret;
	if (provider_count == PROVIDERS_MAX)
		return FAIL(err, CV_E_LIMIT, "more than %d providers",
			    PROVIDERS_MAX);
	theirs = ((const struct provider_head *)table)->size;
	ours = find_kind(kind)->bytes;
	p = &providers[provider_count++];
	*p = (struct provider){ .kind = kind, .owner = owner,
		.name = pool_strdup(pool, name),
		.table = pool_alloc(pool, ours > theirs ? ours : theirs) };
	memcpy(p->table, table, theirs);
	if (kind == CV_PROVIDER_SERVICE && (ret = check_earlier(p, err)) < 0) {
		provider_count--;
		return ret;
	}
	return CV_OK;
}

void provider_remove_all_of(const struct cv_plugin *owner)
{
	while (provider_count > 0 &&
	       providers[provider_count - 1].owner == owner)
		provider_count--;
}

const void *module_provider(uint32_t kind, const char *name)
{
	const struct provider *p = find(kind, name);

	return p == NULL ? NULL : p->table;
}

const void *module_provider_next(uint32_t kind, uint32_t *at)
{
	while (*at < provider_count) {
		const struct provider *p = &providers[(*at)++];

		if (p->kind == kind)
			return p->table;
	}
	return NULL;
}

struct cv_plugin *module_provider_owner(const void *table)
{
	for (uint32_t i = 0; i < provider_count; i++) {
		if (providers[i].table == table)
			return providers[i].owner;
	}
	BUG_REACHED();
}
