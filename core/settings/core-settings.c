/* core-settings.c - all that core declares, and the services that are always
 * there. */
#include "core-settings.h"
#include "settings-compat.h"

static const char core_services[] =
	"service anvil {\n"
	"  type = anvil\n  executable = anvil\n  chroot = empty\n"
	"  user = $default_internal_user\n"
	"  process_limit = 1\n  process_min_avail = 1\n"
	"  idle_kill = infinite\n"
	"  unix_listener anvil {\n    mode = 0600\n  }\n"
	"}\n"
	"service auth {\n"
	"  executable = auth\n  user = $default_internal_user\n"
	"  process_limit = 1\n"
	"  unix_listener auth-client {\n    mode = 0600\n"
	"    user = $default_internal_user\n  }\n"
	"  unix_listener auth-login {\n    mode = 0600\n"
	"    user = $default_internal_user\n  }\n"
	"  unix_listener auth-master {\n    mode = 0600\n  }\n"
	"  unix_listener auth-userdb {\n    mode = 0666\n"
	"    user = $default_internal_user\n  }\n"
	"}\n"
	"service auth-worker {\n"
	"  type = worker\n  executable = auth -w\n  client_limit = 1\n"
	"  unix_listener auth-worker {\n    mode = 0600\n"
	"    user = $default_internal_user\n  }\n"
	"}\n"
	"service log {\n"
	"  type = log\n  executable = log\n  process_limit = 1\n"
	"  idle_kill = infinite\n"
	"  unix_listener log-errors {\n    mode = 0600\n  }\n"
	"}\n";

static const struct settings_table *const core_tables[] = {
	&general_settings_table, &log_settings_table, &login_settings_table,
	&ssl_settings_table, &auth_settings_table, &mail_settings_table,
	&urlauth_settings_table,
	&delivery_settings_table, &service_settings_table,
	&unix_listener_settings_table, &fifo_listener_settings_table,
	&inet_listener_settings_table, &namespace_settings_table,
	&mailbox_settings_table, &passdb_settings_table,
	&userdb_settings_table,
};

void settings_register_core(void)
{
	for (size_t i = 0; i < sizeof(core_tables) / sizeof(core_tables[0]);
	     i++)
		settings_register(core_tables[i]);
	settings_register_defaults("built-in", core_services);
	settings_register_compat();
}

int urlauth_settings_get(const struct settings_tree *tree,
			 const struct settings_scope *scope,
			 struct cv_pool *pool, struct urlauth_settings *set_r,
			 struct cv_error *err)
{
	struct settings_scope imap = *scope;

	imap.protocol = "imap";
	return settings_get(tree, &urlauth_settings_table, &imap, pool, set_r,
			    err);
}

static bool has_urlauth(const struct settings_tree *tree)
{
	struct settings_scope imap = { .protocol = "imap" };
	const char *host;

	return settings_lookup(tree, &imap, "imap_urlauth_host", &host) ==
		CV_OK && *host != '\0';
}

bool settings_has_shared(const struct settings_tree *tree)
{
	struct settings_scope scope = { 0 };
	const char *type;
	uint32_t at = 0;

	while (settings_block_next(tree, "namespace", SETTINGS_ROOT, NULL,
				   &at, &scope.block)) {
		if (settings_lookup(tree, &scope, "type", &type) == CV_OK &&
		    strcmp(type, "shared") == 0)
			return true;
	}
	return has_urlauth(tree);
}
