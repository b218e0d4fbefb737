/* module-names.c - which plugins the settings ask for. */
#include "module-private.h"

#include "auth/mechanism-names.h"
#include "settings/core-settings.h"
#include "settings/settings-lex.h"

#include <fcntl.h>
#include <unistd.h>

struct names {
	struct cv_pool *pool;
	const struct settings_tree *tree;
	ARRAY(const char *) list;
};

static bool is_same_name(const char *a, const char *b)
{
	size_t a_len = strcspn(a, "?"), b_len = strcspn(b, "?");

	return cv_span_equal(cv_span(a, a_len), cv_span(b, b_len));
}

/* "x" after "x?": it must be there. */
static void add_name(struct names *names, const char *name)
{
	if (name[0] == '\0')
		return;
	for (size_t i = 0; i < names->list.count; i++) {
		if (!is_same_name(names->list.items[i], name))
			continue;
		if (strchr(name, '?') == NULL)
			names->list.items[i] = name;
		return;
	}
	*array_add(&names->list) = name;
}

static void add_driver(struct names *names, const char *prefix,
		       struct cv_span driver)
{
	if (driver.len > 0)
		add_name(names, pool_printf(names->pool, "%s%.*s", prefix,
					    CV_SPAN_ARG(driver)));
}

/* sdbox and mdbox are two drivers of one plugin. */
struct cv_span module_storage_plugin(struct cv_span driver)
{
	return cv_span_is(driver, "sdbox") || cv_span_is(driver, "mdbox") ?
		CV_SPAN("dbox") : driver;
}

/* "maildir:~/Maildir" names a driver; "~/Maildir" and "" are looked into by
 * the drivers that are loaded. */
struct cv_span module_location_driver(const char *location,
				      struct cv_pool *pool)
{
	size_t len = strcspn(location, ":");
	char *lower;

	if (location[len] != ':' ||
	    memchr(location, '/', len) != NULL ||
	    memchr(location, '%', len) != NULL ||
	    strncasecmp(location, "auto:", 5) == 0)
		return CV_SPAN_NONE;
	lower = pool_copy(pool, location, len);
	for (size_t i = 0; i < len; i++) {
		if (lower[i] >= 'A' && lower[i] <= 'Z')
			lower[i] = (char)(lower[i] - 'A' + 'a');
	}
	return cv_span(lower, len);
}

static void add_location(struct names *names, const char *location)
{
	struct cv_span driver = module_location_driver(location,
						       names->pool);

	add_driver(names, "storage-", module_storage_plugin(driver));
}

static void add_storage(struct names *names, const char *protocol)
{
	struct settings_scope scope = { .protocol = protocol };
	struct module_settings set;
	const char *value;
	settings_block block;
	uint32_t at = 0;

	if (settings_get(names->tree, &module_settings_table, &scope,
			 names->pool, &set, NULL) >= 0) {
		for (uint32_t i = 0; i < set.mail_storage_drivers.count; i++)
			add_driver(names, "storage-", cv_span_of(
				set.mail_storage_drivers.items[i]));
	}
	if (settings_lookup(names->tree, &scope, "mail_location",
			    &value) == CV_OK)
		add_location(names, value);
	while (settings_block_next(names->tree, "namespace", SETTINGS_ROOT,
				   &scope, &at, &block)) {
		scope.block = block;
		if (settings_lookup(names->tree, &scope, "location",
				    &value) == CV_OK)
			add_location(names, value);
		scope.block = SETTINGS_ROOT;
	}
}

/* Drivers whose args are the path of a file that names one more driver, which
 * is a plugin of its own: with "driver = pgsql" in it they need sql-pgsql. */
static const char *const drivers_by_file[] = { "sql", "route" };

enum { DRIVER_FILE_MAX = 256 * 1024 };

/* The value of "driver" in the file; empty: it cannot be seen. */
static struct cv_span driver_of_file(const char *path, struct cv_pool *pool)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct cv_span found = CV_SPAN_NONE;
	struct settings_lex lex;
	struct lex_line line;
	char *text;
	ssize_t len;

	if (fd < 0)
		return found;
	text = pool_alloc(pool, DRIVER_FILE_MAX);
	len = read(fd, text, DRIVER_FILE_MAX);
	(void)close(fd);
	settings_lex_init(&lex, pool, cv_span(text, len < 0 ? 0 : (size_t)len));
	do {
		settings_lex_next(&lex, &line);
		if (line.kind == LEX_SETTING && cv_span_is(line.key, "driver"))
			found = line.value;
	} while (line.kind != LEX_END);
	/* it becomes a part of a file name */
	for (size_t i = 0; i < found.len; i++) {
		if (!(found.data[i] >= 'a' && found.data[i] <= 'z') &&
		    !(found.data[i] >= '0' && found.data[i] <= '9'))
			return CV_SPAN_NONE;
	}
	return found;
}

static void add_driver_of_file(struct names *names, const char *driver,
			       const struct settings_scope *scope)
{
	struct cv_pool *pool;
	struct cv_span second;
	const char *path;

	for (size_t i = 0; i < sizeof(drivers_by_file) /
	     sizeof(drivers_by_file[0]); i++) {
		if (strcmp(driver, drivers_by_file[i]) != 0 ||
		    settings_lookup(names->tree, scope, "args", &path) !=
		    CV_OK || path[0] != '/')
			continue;
		pool = pool_create("driver file");
		pool_set_secret(pool);
		second = driver_of_file(path, pool);
		if (second.len > 0)
			add_name(names, pool_printf(names->pool, "sql-%.*s?",
						    CV_SPAN_ARG(second)));
		pool_destroy(&pool);
	}
}

static void add_auth_blocks(struct names *names, const char *kind,
			    bool only_pure)
{
	settings_block block;
	uint32_t at = 0;

	while (settings_block_next(names->tree, kind, SETTINGS_ROOT, NULL,
				   &at, &block)) {
		struct settings_scope scope = { .block = block };
		const char *driver;

		/* prefetch only hands on what the passdb has found: core */
		if (settings_lookup(names->tree, &scope, "driver",
				    &driver) != CV_OK ||
		    strcmp(driver, "prefetch") == 0)
			continue;
		/* left to the process that has the first one */
		if (!only_pure)
			add_driver_of_file(names, driver, &scope);
		add_driver(names, "auth-", cv_span_of(driver));
	}
}

#define NAME(table, name) name,

/* "gssapi" is in a plugin auth-gssapi, when that is installed; another one of
 * auth_plugins may have it, too. */
static void add_mechanisms(struct names *names)
{
	static const char *const of_auth[] = { AUTH_OWN_MECHANISMS(NAME) };
	struct auth_settings set;
	struct cv_text name;
	bool own;

	if (settings_get(names->tree, &auth_settings_table, NULL, names->pool,
			 &set, NULL) < 0)
		return;
	for (uint32_t i = 0; i < set.auth_mechanisms.count; i++) {
		struct cv_span mech = cv_span_of(set.auth_mechanisms.items[i]);

		own = false;
		for (size_t j = 0; j < sizeof(of_auth) / sizeof(*of_auth); j++)
			own |= cv_span_is_icase(mech, of_auth[j]);
		cv_text_init(&name, names->pool);
		/* one library has both */
		if (cv_span_is_icase(mech, "GSS-SPNEGO"))
			mech = CV_SPAN("gssapi");
		for (size_t j = 0; j < mech.len; j++)
			cv_text_append_c(&name, cv_ascii_lower(mech.data[j]));
		cv_text_append_c(&name, '?');
		if (!own && mech.len > 0)
			add_driver(names, "auth-", cv_text_span(&name));
	}
}

static void add_auth(struct names *names, bool only_pure)
{
	struct module_settings set;
	struct auth_settings auth;

	add_mechanisms(names);

	add_auth_blocks(names, "passdb", only_pure);
	add_auth_blocks(names, "userdb", only_pure);
	/* it blocks, and so does what it needs: for auth-worker */
	if (!only_pure &&
	    settings_get(names->tree, &auth_settings_table, NULL,
			 names->pool, &auth, NULL) >= 0 &&
	    auth.auth_policy_server_url[0] != '\0')
		add_driver(names, "auth-", CV_SPAN("policy"));
	if (settings_get(names->tree, &module_settings_table, NULL,
			 names->pool, &set, NULL) < 0)
		return;
	for (uint32_t i = 0; i < set.auth_plugins.count; i++)
		add_name(names, set.auth_plugins.items[i]);
}

static void add_mail_plugins(struct names *names, const char *protocol)
{
	struct settings_scope scope = { .protocol = protocol };
	struct general_settings set;

	if (settings_get(names->tree, &general_settings_table, &scope,
			 names->pool, &set, NULL) < 0)
		return;
	for (uint32_t i = 0; i < set.mail_plugins.count; i++) {
		const char *name = set.mail_plugins.items[i];

		/* rights are checked without a plugin; the word closes what
		 * no list opens (core/mailbox) */
		if (strcmp(name, "acl") != 0 && strcmp(name, "imap_acl") != 0)
			add_name(names, name);
	}
}

static void add_everything(struct names *names)
{
	struct general_settings set;
	const char *protocol;
	uint32_t at = 0;

	if (settings_get(names->tree, &general_settings_table, NULL,
			 names->pool, &set, NULL) >= 0) {
		for (uint32_t i = 0; i < set.protocols.count; i++)
			add_name(names, set.protocols.items[i]);
	}
	add_storage(names, NULL);
	add_auth(names, false);
	add_mail_plugins(names, NULL);
	while (settings_filter_next(names->tree, "protocol", &at, &protocol)) {
		add_storage(names, protocol);
		add_mail_plugins(names, protocol);
	}
}

void module_names(const struct settings_tree *tree,
		  const struct module_role *role, struct cv_pool *pool,
		  struct cv_strings *names_r)
{
	struct names names = { .pool = pool, .tree = tree };

	settings_register(&module_settings_table);
	array_init(&names.list, pool);
	if (role == NULL)
		add_everything(&names);
	if (role != NULL && (role->wants & MODULE_WANT_PROTOCOL) != 0 &&
	    role->protocol != NULL)
		add_name(&names, role->protocol);
	if (role != NULL && (role->wants & MODULE_WANT_STORAGE) != 0)
		add_storage(&names, role->protocol);
	if (role != NULL && role->location != NULL)
		add_location(&names, role->location);
	if (role != NULL && (role->wants & MODULE_WANT_AUTH) != 0)
		add_auth(&names,
			 (role->wants & MODULE_WANT_ONLY_PURE) != 0);
	if (role != NULL && (role->wants & (MODULE_WANT_MAIL |
					    MODULE_WANT_NAMED_MAIL)) != 0)
		add_mail_plugins(&names, role->protocol);
	names_r->items = names.list.items;
	names_r->count = (uint32_t)names.list.count;
}
