/* service-check.c - service { }: what is accepted so that configurations of
 * Dovecot keep working, but does nothing here, is said.
 *
 * What core, plugins and Dovecot write themselves (built-in blocks) is no
 * admin's mistake and not mentioned. */
#include "service-check.h"
#include "core-settings.h"
#include "settings-private.h"
#include "settings-value.h"

#include <stdio.h>

struct check {
	struct settings_tree *tree;
	struct cv_pool *pool;
	const struct cv_strings *spoken;	/* by plugins */
	struct cv_strings protocols;		/* enabled */
	/* of the service at hand */
	const char *name;
	settings_block block;
	struct service_settings set;
};

/* Those that always run. */
static const char *const core_service_names[] = {
	"anvil", "auth", "auth-worker", "deliver", "idle", "log", "store",
	NULL,
};

/* Those of Dovecot 2.3 whose work is done in another way, or not yet. */
static const char *const dovecot_service_names[] = {
	"aggregator", "config", "dict", "dict-async", "dict-expire",
	"director", "dns-client", "dns_client", "doveadm", "health-check",
	"imap-hibernate", "imap-urlauth", "imap-urlauth-login",
	"imap-urlauth-worker", "indexer", "indexer-worker", "ipc",
	"old-stats", "quota-status", "replicator", "ssl-params", "stats",
	"tcpwrap", NULL,
};

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names != NULL; names++) {
		if (strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

static bool is_listed(const char *name, size_t len,
		      const struct cv_strings *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		if (strncmp(list->items[i], name, len) == 0 &&
		    list->items[i][len] == '\0')
			return true;
	}
	return false;
}

/* The protocol in front of "-login"; 0: it is no login service. */
static size_t login_protocol(const char *name)
{
	size_t len = strlen(name), end = strlen("-login");

	return len > end && strcmp(name + len - end, "-login") == 0 ?
		len - end : 0;
}

static bool has_block(const struct settings_tree *tree, const char *name)
{
	settings_block block;

	return settings_block_find(tree, "service", SETTINGS_ROOT, name,
				   &block);
}

enum service_answers service_answers(const struct settings_tree *tree,
				     const char *name)
{
	char login[128];

	if (login_protocol(name) > 0)
		return SERVICE_ANSWERS_LOGIN;
	if (strcmp(name, "auth") == 0)
		return SERVICE_ANSWERS_ASKERS;
	if (is_one_of(name, core_service_names) ||
	    strlen(name) + sizeof("-login") > sizeof(login))
		return SERVICE_ANSWERS_NOBODY;
	(void)snprintf(login, sizeof(login), "%s-login", name);
	/* who has logged in comes by auth; a connection from outside would
	 * be nobody's */
	return has_block(tree, login) ? SERVICE_ANSWERS_NOBODY :
		SERVICE_ANSWERS_SESSION;
}

/* --- where the admin wrote it -------------------------------------------------- */

/* key "": the block itself.  NULL: it is built in, or not there. */
static const struct settings_entry *
written(const struct settings_tree *tree, settings_block block,
	const char *key)
{
	const struct settings_entry *last = NULL;

	for (size_t i = 0; i < tree->entries.count; i++) {
		const struct settings_entry *entry = &tree->entries.items[i];

		if (entry->block == block && strcmp(entry->key, key) == 0 &&
		    (entry->flags & ENTRY_BUILTIN) == 0)
			last = entry;
	}
	return last;
}

/* NULL, or why nobody asks auth there. */
static const char *unasked(const struct settings_tree *tree,
			   settings_block listener)
{
	struct settings_scope scope = { .block = listener };
	const char *name = settings_block_name(tree, listener);
	const char *slash = strrchr(name, '/');
	struct cv_pool *pool = pool_create("listener");
	struct inet_listener_settings inet = { .ssl = false };
	bool is_inet = strcmp(tree->blocks.items[listener].kind,
			      "service/inet_listener") == 0;
	const char *why = NULL;

	name = slash == NULL ? name : slash + 1;
	if (is_inet)
		(void)settings_get(tree, &inet_listener_settings_table,
				   &scope, pool, &inet, NULL);
	if (inet.ssl)
		why = "programs ask auth without TLS; leave ssl out, and let "
			"them come over a network that nobody else hears";
	else if (inet.haproxy)
		why = "programs ask auth without a proxy; leave haproxy out";
	else if (strcmp(name, "tokenlogin") == 0 || strcmp(name, "token") == 0)
		why = "tokens are for processes of Dovecot's own; leave it "
			"out";
	pool_destroy(&pool);
	return why;
}

bool service_listener_opens(const struct settings_tree *tree,
			    const char *service, settings_block listener)
{
	return service_answers(tree, service) != SERVICE_ANSWERS_ASKERS ||
		(written(tree, listener, "") != NULL &&
		 unasked(tree, listener) == NULL);
}

static bool is_builtin(const struct settings_tree *tree, settings_block block)
{
	for (size_t i = 0; i < tree->entries.count; i++) {
		const struct settings_entry *entry = &tree->entries.items[i];

		if (entry->block == block && entry->key[0] == '\0' &&
		    (entry->flags & ENTRY_BUILTIN) != 0)
			return true;
	}
	return false;
}

static void warn(struct check *c, const struct settings_entry *entry,
		 const char *text)
{
	settings_problem_add(c->tree, true, c->tree->files.items[entry->file],
			     entry->line, "service %s: %s", c->name, text);
}

static void warn_key(struct check *c, const char *key, const char *why)
{
	const struct settings_entry *entry = written(c->tree, c->block, key);

	/* the default, written out, asks for nothing */
	if (entry != NULL && (entry->def == NULL ||
			      strcmp(entry->value,
				     entry->def->default_text) != 0))
		warn(c, entry, pool_printf(c->pool, "%s has no effect: %s",
					   key, why));
}

/* --- settings of a service that runs ------------------------------------------- */

static bool is_session(const struct check *c)
{
	return is_listed(c->name, strlen(c->name), &c->protocols) ||
		strcmp(c->name, "deliver") == 0 ||
		strcmp(c->name, "store") == 0;
}

static bool is_login(const struct check *c)
{
	return login_protocol(c->name) > 0;
}

/* Logins share processes when service_count says so. */
static bool is_shared_login(const struct check *c)
{
	return is_login(c) && c->set.service_count != 1 &&
		(written(c->tree, c->block, "service_count") != NULL);
}

static void check_numbers(struct check *c)
{
	bool worker = strcmp(c->name, "auth-worker") == 0;
	bool session = is_session(c), login = is_login(c);
	const char *one = "there is one process; leave it out";

	/* a deliverer waits for more mail for its user */
	if (strcmp(c->name, "deliver") != 0)
		warn_key(c, "idle_kill", "no process waits for work; leave it "
			 "out");
	if (!worker && !is_shared_login(c))
		warn_key(c, "process_min_avail", session || login ?
			 "a process is forked from one that is ready when a "
			 "client comes; leave it out" : one);
	if (worker)
		warn_key(c, "process_limit", "write process_min_avail, there "
			 "are as many workers");
	else if (!session && !login && c->set.process_limit != 1)
		warn_key(c, "process_limit", one);
	if (session && c->set.client_limit > 1)
		warn_key(c, "client_limit", "a session is a process of its "
			 "own");
	if (session && c->set.service_count != 1)
		warn_key(c, "service_count", "a session is a process of its "
			 "own");
	if (!session && !login) {
		warn_key(c, "client_limit", worker ?
			 "write auth_worker_max_count" : "it has no limit of "
			 "its own; leave it out");
		warn_key(c, "service_count", "the process lives as long as "
			 "the server; leave it out");
	}
}

/* "chroot =" turns it off elsewhere; those here always have an empty root. */
static void check_empty_chroot(struct check *c)
{
	const struct settings_entry *entry = written(c->tree, c->block,
						     "chroot");

	if (entry != NULL && *c->set.chroot == '\0')
		warn(c, entry, "chroot has no effect: this process always "
		     "has an empty root directory; leave it out");
}

static void check_identity(struct check *c)
{
	bool users = is_session(c) && service_answers(c->tree, c->name) ==
		SERVICE_ANSWERS_NOBODY;
	bool mail = users || strcmp(c->name, "deliver") == 0 ||
		strcmp(c->name, "store") == 0;

	if (!mail)
		warn_key(c, "privileged_group", is_session(c) ?
			 "write it in service deliver, which saves the mail" :
			 "only the processes that have mail open use one");
	if (!mail)
		warn_key(c, "extra_groups", is_session(c) ?
			 "write it in service deliver, which saves the mail" :
			 "write group");
	else
		warn_key(c, "user", "a session runs as the user whose mail "
			 "it is; write mail_uid, or let the userdb say it");
	if (mail)
		warn_key(c, "group", "a session has the group of its user; "
			 "write mail_gid, or extra_groups for further ones");
	if (c->set.drop_priv_before_exec)
		warn_key(c, "drop_priv_before_exec",
			 "a core dump of a session is never written");
	if (is_login(c) || strcmp(c->name, "anvil") == 0)
		check_empty_chroot(c);
	else
		warn_key(c, "chroot", "Landlock confines this process; leave "
			 "it out");
}

/* --- listeners ---------------------------------------------------------------------- */

static const char *unanswered(const struct check *c, const char *listener)
{
	const char *text = "no service answers there";

	(void)listener;
	if (is_session(c))
		text = "a client is served after its login, in service "
			"NAME-login";
	return text;
}

static void check_listeners_of(struct check *c, const char *kind,
			       const char *reason)
{
	settings_block listener;
	uint32_t at = 0;

	while (settings_block_next(c->tree, kind, c->block, NULL, &at,
				   &listener)) {
		const char *name = settings_block_name(c->tree, listener);
		const struct settings_entry *entry = written(c->tree,
							     listener, "");

		if (entry != NULL)
			warn(c, entry, pool_printf(c->pool, "%s %s is not "
				"opened: %s", kind, name, reason != NULL ?
				reason : unanswered(c, name)));
	}
}

/* Only auth speaks more than one protocol. */
static void check_types(struct check *c, const char *kind)
{
	bool auth = strcmp(c->name, "auth") == 0;
	const struct settings_entry *entry;
	settings_block listener;
	const char *why;
	uint32_t at = 0;

	while (settings_block_next(c->tree, kind, c->block, NULL, &at,
				   &listener)) {
		entry = written(c->tree, listener, "type");
		if (!auth && entry != NULL && entry->value[0] != '\0')
			warn(c, entry, "type has no effect: only listeners of "
			     "service auth have one; leave it out");
		entry = written(c->tree, listener, "");
		if (auth && entry != NULL &&
		    (why = unasked(c->tree, listener)) != NULL)
			warn(c, entry, pool_printf(c->pool, "%s %s is not "
				"opened: %s", kind,
				settings_block_name(c->tree, listener), why));
	}
}

static void check_listeners(struct check *c)
{
	check_types(c, "unix_listener");
	check_types(c, "inet_listener");
	check_listeners_of(c, "fifo_listener", "no service reads from a "
			   "FIFO; write a unix_listener where one is needed, "
			   "or leave it out");
	if (service_answers(c->tree, c->name) != SERVICE_ANSWERS_NOBODY)
		return;
	check_listeners_of(c, "unix_listener", NULL);
	check_listeners_of(c, "inet_listener", NULL);
}

/* --- services that nothing runs ------------------------------------------------------ */

/* One that the protocols would run, were they enabled or installed. */
static bool may_run(const struct check *c)
{
	size_t len = login_protocol(c->name);

	if (is_builtin(c->tree, c->block))
		return true;
	if (len == 0)
		len = strlen(c->name);
	return is_listed(c->name, len, c->spoken);
}

static bool runs(const struct check *c)
{
	size_t len = login_protocol(c->name);

	return is_one_of(c->name, core_service_names) ||
		is_listed(c->name, len > 0 ? len : strlen(c->name),
			  &c->protocols);
}

/* "script-login /path" with whatever path in front. */
static bool is_script(const struct check *c)
{
	const char *program = c->set.executable;
	size_t len = strcspn(program, " \t"), end = strlen("script-login");

	return len >= end &&
		strncmp(program + len - end, "script-login", end) == 0 &&
		(len == end || program[len - end - 1] == '/');
}

static const char *guess_name(const struct check *c)
{
	struct settings_guess guess;

	settings_guess_init(&guess, cv_span_of(c->name));
	for (const char *const *at = core_service_names; *at != NULL; at++)
		settings_guess_try(&guess, *at);
	for (size_t i = 0; i < c->tree->blocks.count; i++) {
		const struct settings_block_node *block =
			&c->tree->blocks.items[i];

		if (strcmp(block->kind, "service") == 0 &&
		    is_builtin(c->tree, (settings_block)i))
			settings_guess_try(&guess, block->name);
	}
	for (uint32_t i = 0; i < c->spoken->count; i++) {
		const char *name = c->spoken->items[i];

		settings_guess_try(&guess, name);
		settings_guess_try(&guess, pool_printf(c->pool, "%s-login",
						       name));
	}
	return guess.best;
}

static void report_unknown(struct check *c)
{
	const struct settings_entry *entry = written(c->tree, c->block, "");
	const char *guess = NULL;

	if (entry == NULL)
		return;
	if (is_one_of(c->name, dovecot_service_names)) {
		warn(c, entry, "there is no such service here, the block has "
		     "no effect; leave it out");
		return;
	}
	guess = guess_name(c);
	if (guess != NULL)
		warn(c, entry, pool_printf(c->pool, "there is no such "
			"service, the block has no effect; did you mean "
			"'%s'?", guess));
	else
		warn(c, entry, "there is no such service, the block has no "
		     "effect: services are those of the protocols that "
		     "plugins speak, and scripts (executable = script-login "
		     "/path)");
}

/* --- all of them --------------------------------------------------------------------------- */

static void check_one(struct check *c)
{
	struct settings_scope scope = { .block = c->block };

	if (settings_get(c->tree, &service_settings_table, &scope, c->pool,
			 &c->set, NULL) != CV_OK || is_script(c))
		return;
	if (runs(c)) {
		check_numbers(c);
		check_identity(c);
		check_listeners(c);
	} else if (!may_run(c)) {
		report_unknown(c);
	}
}

void service_check(struct settings_tree *tree,
		   const struct cv_strings *protocols)
{
	struct check c = {
		.tree = tree, .pool = pool_create("service check"),
		.spoken = protocols,
	};
	struct general_settings general;
	uint32_t at = 0;

	if (settings_get(tree, &general_settings_table, NULL, c.pool,
			 &general, NULL) == CV_OK) {
		c.protocols = general.protocols;
		while (settings_block_next(tree, "service", SETTINGS_ROOT,
					   NULL, &at, &c.block)) {
			c.name = settings_block_name(tree, c.block);
			check_one(&c);
		}
	}
	pool_destroy(&c.pool);
}
