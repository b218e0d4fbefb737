/* auth-service.c - the process auth.
 *
 * Serves login processes, lmtp and culveradm, over channels that the master
 * has prepared, and other programs (Postfix, Exim) at the listeners that the
 * admin wrote; believes none of them more than their role allows.  Runs as
 * culver, sees the files of its databases and nothing else, and never waits:
 * what may block goes to auth-worker. */
#include "auth-service-private.h"
#include "auth-client.h"
#include "auth-facts.h"
#include "auth-mechanism.h"
#include "auth-peer.h"
#include "auth-penalty.h"
#include "auth-plugin-api.h"
#include "auth-policy.h"
#include "master/service-private.h"
#include "module/module.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A rule stands for the file it was made with; databases are replaced by
 * renaming a new file over the old one, so the rule is for the folder. */
static void needs_path(void *context, const char *path)
{
	struct service *s = context;
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		service_add_path(s, path, false);
		return;
	}
	if (slash == NULL || slash == path)
		return;		/* not absolute, or right in the root */
	service_add_path(s, pool_copy(s->pool, path, (size_t)(slash - path)),
			 false);
}

static void writes_path(void *context, const char *path)
{
	service_add_path(context, path, true);
}

static int connect_worker(void *context, int *fd_r, struct cv_error *err)
{
	return service_channel_open(context, "auth-worker", fd_r, err);
}

static int connect_anvil(void *context, int *fd_r, struct cv_error *err)
{
	return service_channel_open(context, "anvil", fd_r, err);
}

int auth_service_load(struct service *s, const char *process, uint32_t wants,
		      struct event_base *base, struct auth **auth_r,
		      struct cv_error *err)
{
	struct auth_dbs_options options = {
		.needs_path = needs_path, .writes_path = writes_path,
		.context = s,
	};
	struct module_role role = {
		.process = process, .wants = MODULE_WANT_AUTH | wants,
	};
	const char *path;
	uint32_t at = 0;
	int ret;

	auth_plugin_api_register();
	if ((ret = module_load_role(s->settings, &role, err)) < 0)
		return ret;
	if (module_has_left_out() &&
	    (ret = auth_facts_learn(s->settings, s->pool, &options, err)) < 0)
		return ret;
	while ((path = module_path_next(&at)) != NULL)
		service_add_path(s, path, false);
	if ((module_flags() & CV_PLUGIN_CONNECTS) != 0)
		service_add_syscalls(s, SANDBOX_CONNECT);
	if ((module_flags() & CV_PLUGIN_EXECUTES) != 0)
		service_add_syscalls(s, SANDBOX_EXEC | SANDBOX_FORK);
	/* what the name service loads, it loads before the confinement */
	(void)getpwnam("root");
	(void)getgrnam("root");
	return auth_create(s->settings, base, &options, auth_r, err);
}

/* --- mechanisms ------------------------------------------------------------ */

struct mechanism_paths {
	struct cv_mechanism_config config;
	struct service *service;
};

static void mechanism_reads(const struct cv_mechanism_config *config,
			    const char *path)
{
	needs_path(((const struct mechanism_paths *)config)->service, path);
}

static void mechanism_writes(const struct cv_mechanism_config *config,
			     const char *path)
{
	writes_path(((const struct mechanism_paths *)config)->service, path);
}

static int start_mechanisms(struct service *s, const struct auth *auth,
			    struct cv_error *err)
{
	struct mechanism_paths *paths = pool_new(s->pool,
						 struct mechanism_paths);

	paths->service = s;
	paths->config = (struct cv_mechanism_config){
		CV_SIZED(cv_mechanism_config),
		.hostname = s->private->go.hostname,
		.krb5_keytab = auth->set.auth_krb5_keytab,
		.gssapi_hostname = auth->set.auth_gssapi_hostname,
		.reads = mechanism_reads, .writes = mechanism_writes,
	};
	return auth_mechanisms_start(&auth->set, &paths->config, err);
}

static int auth_start(struct service *s, struct cv_error *err)
{
	struct auth *auth;
	int ret = auth_service_load(s, "auth", MODULE_WANT_ONLY_PURE, s->base,
				    &auth, err);

	if (ret < 0)
		return ret;
	if (auth->set.auth_debug)
		log_set_level("auth", LOG_LEVEL_DEBUG);
	auth_mechanisms_init(s->settings, &auth->set,
			     s->private->go.hostname);
	if ((ret = auth_mechanisms_check(&auth->set, err)) < 0 ||
	    (ret = auth_policy_check_settings(&auth->set, err)) < 0 ||
	    (ret = start_mechanisms(s, auth, err)) < 0)
		return ret;
	if (auth->dbs.passdbs == NULL)
		log_warning("auth", "there is no passdb { }: nobody can log "
			    "in");
	s->context = auth;
	return CV_OK;
}

static int auth_ready(struct service *s, struct cv_error *err)
{
	struct auth *auth = s->context;
	struct auth_workers_config config = {
		.base = s->base, .max = auth->set.auth_worker_max_count,
		.idle_secs = AUTH_WORKER_IDLE_SECS,
		.connect = connect_worker, .context = s,
	};

	(void)err;
	auth->base = s->base;
	auth->workers = auth_workers_create(&config);
	if (service_port(s, "anvil") >= 0)
		auth->penalty = auth_penalty_create(s->base, connect_anvil, s);
	return CV_OK;
}

static int session_port(void *context, const char *name)
{
	return service_port(context, name);
}

static void client_ended(void *context)
{
	service_release(context);
}

/* Sessions are one user each; those that have a login process in front of
 * them, and the deliverer, have nobody to ask about. */
static bool is_for_one_user(const struct service *s, const char *client)
{
	char login[BOOT_NAME_MAX];
	settings_block block;

	(void)snprintf(login, sizeof(login), "%s-login", client);
	return strcmp(client, "deliver") == 0 ||
		strcmp(client, "store") == 0 ||
		settings_block_find(s->settings, "service", SETTINGS_ROOT,
				    login, &block);
}

static void auth_channel(struct service *s, const char *client, int fd)
{
	struct auth_client_config config = {
		.auth = s->context, .allowed = auth_client_allowed(client),
		.name = client, .session_port = session_port,
		.ended = client_ended, .context = s,
	};

	/* but they may be served other users' mail, as that one user */
	if (is_for_one_user(s, client))
		config.allowed = strcmp(client, "deliver") != 0 &&
			strcmp(client, "store") != 0 &&
			settings_has_shared(s->settings) ?
			AUTH_CLIENT_BIND : 0;
	if (config.allowed == 0) {
		log_error("auth", "'%s' may not ask about users", client);
		close(fd);
		return;
	}
	service_hold(s);
	(void)auth_client_create(&config, fd);
}

/* --- other programs ------------------------------------------------------- */

static uint32_t peer_role(const struct service_listener *listener)
{
	switch (listener->type) {
	case LISTENER_TYPE_AUTH_LEGACY:
	case LISTENER_TYPE_CLIENT:
		return AUTH_LINE_CLIENT;
	case LISTENER_TYPE_LOGIN:
		return AUTH_LINE_LOGIN;
	case LISTENER_TYPE_MASTER:
		return AUTH_LINE_MASTER;
	case LISTENER_TYPE_USERDB:
		return AUTH_LINE_USERDB;
	}
	return auth_peer_role(listener->name);
}

/* The rights of a socket say who may ask.  Only where they say "everybody"
 * does it matter who it is; an x bit says that it does not there, either. */
static void know_peer(const struct service_listener *listener, int fd,
		      struct auth_peer_config *config)
{
	struct ucred cred = { .pid = 0 };
	socklen_t len = sizeof(cred);

	if (!listener->is_unix)
		return;
	config->restricted = listener->mode == 0666;
	config->uid = UINT32_MAX;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return;
	config->uid = cred.uid;
	config->pid = (uint32_t)cred.pid;
	if (cred.uid == 0 || cred.uid == listener->uid ||
	    cred.gid == listener->gid)
		config->restricted = false;
}

static void auth_accept(struct service *s,
			const struct service_listener *listener, int fd)
{
	struct auth_peer_config config = {
		.auth = s->context, .role = peer_role(listener),
		.name = listener->name, .ended = client_ended, .context = s,
	};

	if (auth_peers_count() >= AUTH_PEERS_MAX) {
		log_error("auth", "%s: connection refused: there are %d "
			  "already", listener->name, AUTH_PEERS_MAX);
		close(fd);
		return;
	}
	know_peer(listener, fd, &config);
	service_hold(s);
	auth_peer_create(&config, fd);
}

static void auth_retire(struct service *s)
{
	service_stop_accepting(s);
	auth_clients_retire();
	auth_peers_retire();
	/* without a client nothing else would end it */
	service_hold(s);
	service_release(s);
}

static const struct service_path name_service_paths[] = {
	/* passwd, group, nsswitch.conf: each is replaced when it changes */
	{ "/etc", false }, { NULL, false },
};

const struct service_row auth_service_row = {
	.name = "auth", .user = SERVICE_USER_INTERNAL,
	.syscalls = SANDBOX_EVENTS | SANDBOX_FILES,
	.paths = name_service_paths,
	.start = auth_start, .ready = auth_ready, .channel = auth_channel,
	.accept = auth_accept, .retire = auth_retire,
};
