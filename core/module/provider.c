/* provider.c - the tables that plugins provide, by kind and name. */
#include "module-private.h"

#include "cv-auth.h"
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
	if ((other = find(kind, name)) != NULL)
		return FAIL(err, CV_E_EXISTS, "%s '%s' is provided already, "
			    "by '%s' (hint: load only one of them)",
			    module_kind_name(kind), name,
			    other->owner->desc->name);
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
