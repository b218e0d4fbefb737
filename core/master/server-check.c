/* server-check.c - addresses, users and scripts of the services that run. */
#include "server-check.h"
#include "settings/problem-check.h"
#include "net/address.h"
#include "script-command.h"
#include "settings/core-settings.h"
#include "settings/service-check.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

struct check {
	struct settings_tree *tree;
	struct cv_pool *pool;
	struct general_settings general;
	struct settings_scope scope;
	const char *what;		/* "service lmtp: unix_listener x: " */
	struct cv_error first;
};

/* At the line that has set key in the scope; where it is built in, there is
 * nothing to point at, and the master says it. */
CV_PRINTF(3, 4)
static void report(struct check *c, const char *key, const char *fmt, ...)
{
	struct cv_error found = ERROR_NONE;
	const char *file;
	char text[512];
	uint32_t line;
	va_list args;

	if (settings_origin(c->tree, &c->scope, key, &file, &line) != CV_OK ||
	    strcmp(file, "built-in") == 0)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)FAIL(&found, CV_E_CONFIG, "%s%s: %s", c->what, key, text);
	problem_note(c->tree, false, file, line, &found, &c->first);
}

/* --- who and where ---------------------------------------------------------- */

static bool is_number(const char *text)
{
	uint64_t number;

	return cv_span_to_u64(cv_span_of(text), UINT32_MAX - 1, &number);
}

static void check_user(struct check *c, const char *key, const char *name)
{
	if (*name != '\0' && geteuid() == 0 && !is_number(name) &&
	    getpwnam(name) == NULL)
		report(c, key, "there is no user '%s' on this system", name);
}

static void check_group(struct check *c, const char *key, const char *name)
{
	if (*name != '\0' && geteuid() == 0 && !is_number(name) &&
	    getgrnam(name) == NULL)
		report(c, key, "there is no group '%s' on this system", name);
}

static void check_addresses(struct check *c, const char *key,
			    const char *list)
{
	struct cv_span rest = cv_span_of(list), word, part;
	struct net_address address;

	while (cv_span_split(&rest, ',', &word)) {
		while (cv_span_split(&word, ' ', &part)) {
			const char *ip;

			part = cv_span_trim(part);
			ip = pool_copy(c->pool, part.data, part.len);
			if (part.len > 0 &&
			    !net_address_parse(&address, ip, 1))
				report(c, key, "'%s' is not an IP address "
				       "(names are not looked up)", ip);
		}
	}
}

/* --- services ---------------------------------------------------------------- */

static void check_listeners(struct check *c, const char *service)
{
	settings_block of = c->scope.block;
	uint32_t at = 0;

	while (settings_block_next(c->tree, "inet_listener", of, NULL, &at,
				   &c->scope.block)) {
		struct inet_listener_settings set;

		c->what = pool_printf(c->pool, "service %s: inet_listener "
			"%s: ", service, settings_block_name(c->tree,
							     c->scope.block));
		if (settings_get(c->tree, &inet_listener_settings_table,
				 &c->scope, c->pool, &set, NULL) == CV_OK &&
		    set.port != 0)
			check_addresses(c, "address", set.address);
	}
	at = 0;
	while (settings_block_next(c->tree, "unix_listener", of, NULL, &at,
				   &c->scope.block)) {
		struct unix_listener_settings set;

		c->what = pool_printf(c->pool, "service %s: unix_listener "
			"%s: ", service, settings_block_name(c->tree,
							     c->scope.block));
		if (settings_get(c->tree, &unix_listener_settings_table,
				 &c->scope, c->pool, &set, NULL) != CV_OK ||
		    set.mode == 0)
			continue;
		check_user(c, "user", set.user);
		check_group(c, "group", set.group);
	}
	c->scope.block = of;
}

static void check_script(struct check *c, const char *service)
{
	struct cv_error err = ERROR_NONE;
	const char *script;
	int status = script_service_of(c->tree, service, c->pool, &script,
				       &err);

	c->what = "";
	if (status < 0)
		report(c, "executable", "%s", err.text);
}

/* Of a service that runs scripts, whoever names it. */
static void check_command(struct check *c)
{
	struct service_settings set;
	struct script_command command;
	struct cv_error err = ERROR_NONE;

	if (settings_get(c->tree, &service_settings_table, &c->scope, c->pool,
			 &set, NULL) != CV_OK ||
	    strstr(set.executable, "script-login ") == NULL ||
	    script_command_parse(set.executable, c->pool, &command,
				 &err) == CV_OK)
		return;
	c->what = pool_printf(c->pool, "service %s: ",
			      settings_block_name(c->tree, c->scope.block));
	report(c, "executable", "%s", err.text);
}

static void check_service(struct check *c, const char *name)
{
	struct service_settings set;

	if (!settings_block_find(c->tree, "service", SETTINGS_ROOT, name,
				 &c->scope.block))
		return;
	c->what = pool_printf(c->pool, "service %s: ", name);
	if (settings_get(c->tree, &service_settings_table, &c->scope, c->pool,
			 &set, NULL) == CV_OK) {
		check_user(c, "user", set.user);
		check_group(c, "group", set.group);
	}
	if (service_answers(c->tree, name) != SERVICE_ANSWERS_NOBODY)
		check_listeners(c, name);
	c->scope.block = SETTINGS_ROOT;
}

static void check_services(struct check *c)
{
	static const char *const core[] = {
		"log", "anvil", "auth", "auth-worker", "deliver", "idle", "store",
	};
	const struct cv_strings *protocols = &c->general.protocols;
	uint32_t at = 0;

	while (settings_block_next(c->tree, "service", SETTINGS_ROOT, NULL,
				   &at, &c->scope.block))
		check_command(c);
	c->scope.block = SETTINGS_ROOT;
	for (size_t i = 0; i < sizeof(core) / sizeof(core[0]); i++)
		check_service(c, core[i]);
	for (uint32_t i = 0; i < protocols->count; i++) {
		const char *name = protocols->items[i];

		check_service(c, name);
		check_service(c, pool_printf(c->pool, "%s-login", name));
		if (settings_block_find(c->tree, "service", SETTINGS_ROOT,
					name, &c->scope.block))
			check_script(c, name);
		c->scope.block = SETTINGS_ROOT;
	}
}

static void check_mail_owner(struct check *c)
{
	struct mail_settings set;

	if (settings_get(c->tree, &mail_settings_table, &c->scope, c->pool,
			 &set, NULL) != CV_OK)
		return;
	check_user(c, "mail_uid", set.mail_uid);
	check_group(c, "mail_gid", set.mail_gid);
}

int server_settings_check(struct settings_tree *tree, struct cv_error *err)
{
	struct check c = {
		.tree = tree, .pool = pool_create("server check"),
		.what = "", .first = ERROR_NONE,
	};
	uint32_t at = 0;

	if (settings_get(tree, &general_settings_table, NULL, c.pool,
			 &c.general, NULL) == CV_OK) {
		check_addresses(&c, "listen", c.general.listen);
		check_user(&c, "default_login_user",
			   c.general.default_login_user);
		check_user(&c, "default_internal_user",
			   c.general.default_internal_user);
		check_services(&c);
		c.what = "";
		do
			check_mail_owner(&c);
		while (settings_filter_next(tree, "protocol", &at,
					    &c.scope.protocol));
	}
	pool_destroy(&c.pool);
	return problem_end(&c.first, err);
}
