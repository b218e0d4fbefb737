/* master-config.c - from settings to a list of services. */
#include "master.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONFIG_TIMEOUT_MSECS = 60000,
	SESSIONS_DEFAULT = 1024, PROBLEMS_MAX = 1000 };

int master_pair(int fds_r[2], struct cv_error *err)
{
	int status = ipc_pair(fds_r, false, err);

	for (int i = 0; status == CV_OK && i < 2; i++) {
		int high = fcntl(fds_r[i], F_DUPFD_CLOEXEC, 32);

		if (high < 0)
			return FAIL_ERRNO(err, errno, "fcntl failed");
		(void)close(fds_r[i]);
		fds_r[i] = high;
	}
	return status;
}

/* --- the reader ------------------------------------------------------------ */

static void run_reader(const struct master *m, int answer)
{
	char path[4096];
	bool to_log = m->log_fds[0] >= 0;

	(void)snprintf(path, sizeof(path), "%s/culver-service",
		       m->service_dir);
	if (to_log && dup2(m->log_fds[0], BOOT_LOG_FD) < 0)
		_exit(127);
	if (dup2(answer, BOOT_FD) < 0)
		_exit(127);
	(void)fcntl(BOOT_FD, F_SETFD, 0);
	if (!to_log)
		(void)close(BOOT_LOG_FD);
	(void)execl(path, "culver-service", "config", m->config_path,
		    (char *)NULL);
	(void)fprintf(stderr, "cannot run '%s': %s\n", path, strerror(errno));
	_exit(127);
}

int master_config_begin(struct master *m, pid_t *pid_r, int *fd_r,
			struct cv_error *err)
{
	int fds[2], status = master_pair(fds, err);
	pid_t pid;

	if (status != CV_OK)
		return status;
	pid = fork();
	if (pid == 0)
		run_reader(m, fds[1]);
	(void)close(fds[1]);
	if (pid < 0) {
		(void)close(fds[0]);
		return FAIL_ERRNO(err, errno, "cannot fork");
	}
	*pid_r = pid;
	*fd_r = fds[0];
	return CV_OK;
}

/* --- identities ------------------------------------------------------------- */

static int find_user(const char *name, uint32_t *uid_r, uint32_t *gid_r,
		     struct cv_error *err)
{
	const struct passwd *pw;
	uint64_t number;

	if (cv_span_to_u64(cv_span_of(name), UINT32_MAX - 1, &number)) {
		*uid_r = *gid_r = (uint32_t)number;
		return CV_OK;
	}
	pw = getpwnam(name);
	if (pw == NULL)
		return FAIL(err, CV_E_CONFIG, "there is no user '%s' on this "
			    "system: create it (useradd --system --no-create-"
			    "home --shell /usr/sbin/nologin %s), or name "
			    "another one in the settings", name, name);
	*uid_r = pw->pw_uid;
	*gid_r = pw->pw_gid;
	return CV_OK;
}

static int find_group(const char *name, uint32_t *gid_r, struct cv_error *err)
{
	const struct group *gr;
	uint64_t number;

	if (cv_span_to_u64(cv_span_of(name), UINT32_MAX - 1, &number)) {
		*gid_r = (uint32_t)number;
		return CV_OK;
	}
	gr = getgrnam(name);
	if (gr == NULL)
		return FAIL(err, CV_E_CONFIG,
			    "there is no group '%s' on this system", name);
	*gid_r = gr->gr_gid;
	return CV_OK;
}

/* Zygotes would not run with them. */
static int check_mail_owner(const struct master_config *config,
			    const char *protocol, struct cv_error *err)
{
	struct settings_scope scope = { .protocol = protocol };
	struct mail_settings set;
	uint32_t uid, gid;
	int status = settings_get(config->tree, &mail_settings_table, &scope,
				  config->pool, &set, err);

	if (status == CV_OK && *set.mail_uid != '\0') {
		status = find_user(set.mail_uid, &uid, &gid, err);
		if (status != CV_OK)
			return error_prefix(err, "mail_uid");
	}
	if (status == CV_OK && *set.mail_gid != '\0') {
		status = find_group(set.mail_gid, &gid, err);
		if (status != CV_OK)
			return error_prefix(err, "mail_gid");
	}
	return status;
}

static const char *default_user(const struct master_config *config,
				const struct master_service *service)
{
	if (*service->set.user != '\0')
		return service->set.user;
	return service->kind == ROLE_LOGIN ?
		config->general.default_login_user :
		config->general.default_internal_user;
}

static int set_identity(const struct master *m, struct master_config *config,
			struct master_service *service, struct cv_error *err)
{
	const char *user = default_user(config, service);
	int status;

	service->uid = service->gid = BOOT_NO_ID;
	if (!m->root)
		return CV_OK;
	/* the log service writes where it is told to; a zygote with users
	 * stays root to become them */
	if (service->kind == ROLE_LOG && *service->set.user == '\0')
		return CV_OK;
	status = find_user(user, &service->uid, &service->gid, err);
	if (status == CV_OK && *service->set.group != '\0')
		status = find_group(service->set.group, &service->gid, err);
	if (status != CV_OK)
		return error_prefix(err, "service %s", service->name);
	/* a script runs as the mail user unless another is named */
	if (service->kind == ROLE_SCRIPT && (service->script.as_user ||
					     *service->set.user == '\0'))
		service->uid = 0;
	if (service->uid == 0)
		service->uid = service->gid = BOOT_NO_ID;
	if (service->uid == BOOT_NO_ID && service->kind == ROLE_LOGIN)
		return FAIL(err, CV_E_CONFIG, "service %s: a login process "
			    "must not run as root", service->name);
	return CV_OK;
}

/* --- directories -------------------------------------------------------------- */

static int make_dir(const char *path, mode_t mode, struct cv_error *err)
{
	struct stat st;

	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return FAIL_ERRNO(err, errno, "cannot make directory '%s'",
				  path);
	if (lstat(path, &st) < 0)
		return FAIL_ERRNO(err, errno, "cannot look at '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return FAIL(err, CV_E_CONFIG, "'%s' is not a directory",
			    path);
	/* sockets of others in there would be trusted [CVE-2009-3897] */
	if (st.st_uid != geteuid() || (st.st_mode & 022) != 0)
		return FAIL(err, CV_E_CONFIG, "directory '%s' can be written "
			    "to by others, or is not ours: chown and "
			    "chmod 0755 it", path);
	return CV_OK;
}

static int make_parents(const char *path, struct cv_error *err)
{
	char part[4096];
	size_t len = strlen(path);

	if (len >= sizeof(part))
		return FAIL(err, CV_E_CONFIG, "path '%s' is too long", path);
	for (size_t i = 1; i < len; i++) {
		if (path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return FAIL_ERRNO(err, errno,
					  "cannot make directory '%s'", part);
	}
	return CV_OK;
}

static int make_dirs(struct master_config *config, struct cv_error *err)
{
	const char *empty = pool_printf(config->pool, "%s/empty",
					config->general.base_dir);
	int status = make_parents(config->general.base_dir, err);

	if (status == CV_OK)
		status = make_dir(config->general.base_dir, 0755, err);
	if (status == CV_OK)
		status = make_dir(empty, 0555, err);
	return status;
}

/* --- services ------------------------------------------------------------------ */

struct master_service *master_service_find(struct master_config *config,
					   const char *name)
{
	for (size_t i = 0; i < config->services.count; i++) {
		if (strcmp(config->services.items[i].name, name) == 0)
			return &config->services.items[i];
	}
	return NULL;
}

static void set_limits(const struct master_config *config,
		       struct master_service *service)
{
	const struct general_settings *general = &config->general;
	const struct service_settings *set = &service->set;

	service->process_limit = set->process_limit != 0 ?
		set->process_limit : general->default_process_limit;
	/* a session is a process: as many as Dovecot's imap may have */
	if (service->kind == ROLE_SESSION && set->process_limit == 0 &&
	    service->process_limit < SESSIONS_DEFAULT)
		service->process_limit = SESSIONS_DEFAULT;
	service->client_limit = set->client_limit != 0 ?
		set->client_limit : general->default_client_limit;
	service->idle_kill_msecs = set->idle_kill != 0 ? set->idle_kill :
		general->default_idle_kill;
	service->vsz_limit = set->vsz_limit != UINT64_MAX ? set->vsz_limit :
		general->default_vsz_limit;
	service->processes = 1;
}

static bool is_set(const struct master_config *config, settings_block block,
		   const char *key)
{
	struct settings_scope scope = { .block = block };
	const char *file;
	uint32_t line;

	return settings_origin(config->tree, &scope, key, &file, &line) ==
		CV_OK;
}

/* Only what needs no file can live in another root: an empty directory that
 * is made for them, or the admin's, which nobody else may write in. */
static int find_chroot(const struct master *m,
		       const struct master_config *config,
		       struct master_service *service, struct cv_error *err)
{
	const char *dir = service->set.chroot;
	struct stat st;

	service->chroot_dir = "";
	if (!m->root || (service->kind != ROLE_LOGIN &&
			 service->kind != ROLE_ANVIL))
		return CV_OK;
	if (*dir == '\0' || strcmp(dir, "login") == 0 ||
	    strcmp(dir, "empty") == 0) {
		service->chroot_dir = pool_printf(config->pool, "%s/empty",
						  config->general.base_dir);
		return CV_OK;
	}
	service->chroot_dir = *dir == '/' ? dir :
		pool_printf(config->pool, "%s/%s", config->general.base_dir,
			    dir);
	if (stat(service->chroot_dir, &st) < 0)
		return FAIL_ERRNO(err, errno, "service %s: chroot: cannot "
				  "look at '%s'", service->name,
				  service->chroot_dir);
	if (!S_ISDIR(st.st_mode) || st.st_uid != 0 ||
	    (st.st_mode & 022) != 0)
		return FAIL(err, CV_E_CONFIG, "service %s: chroot: '%s' must "
			    "be a directory of root's that nobody else may "
			    "write in", service->name, service->chroot_dir);
	return CV_OK;
}

static int add_service(const struct master *m, struct master_config *config,
		       const char *name, enum role_kind kind,
		       struct cv_error *err)
{
	struct settings_scope scope = { 0 };
	struct master_service *service;
	int status;

	if (master_service_find(config, name) != NULL)
		return CV_OK;
	service = array_add(&config->services);
	service->name = name;
	service->kind = kind;
	array_init(&service->listeners, config->pool);
	if (settings_block_find(config->tree, "service", SETTINGS_ROOT, name,
				&scope.block)) {
		status = settings_get(config->tree, &service_settings_table,
				      &scope, config->pool, &service->set,
				      err);
		if (status != CV_OK)
			return status;
		/* processes are shared by those who ask for it */
		if (kind == ROLE_LOGIN &&
		    !is_set(config, scope.block, "service_count"))
			service->set.service_count = 1;
	} else {
		service->set = (struct service_settings){
			.executable = "", .user = "", .group = "",
			.chroot = "", .vsz_limit = UINT64_MAX,
		};
	}
	if (kind == ROLE_SCRIPT) {
		status = script_command_parse(service->set.executable,
			config->pool, &service->script, err);
		if (status != CV_OK)
			return error_prefix(err, "service %s", name);
	}
	set_limits(config, service);
	status = find_chroot(m, config, service, err);
	return status != CV_OK ? status : set_identity(m, config, service, err);
}

static int add_script(const struct master *m, struct master_config *config,
		      const char *protocol, struct cv_error *err)
{
	const char *name;
	int status = script_service_of(config->tree, protocol, config->pool,
				       &name, err);

	if (status == CV_NOT_FOUND)
		return CV_OK;
	return status == CV_OK ? add_service(m, config, name, ROLE_SCRIPT,
					     err) : status;
}

static int add_protocol(const struct master *m, struct master_config *config,
			const char *protocol, struct cv_error *err)
{
	const char *login = pool_printf(config->pool, "%s-login", protocol);
	settings_block block;
	int status = add_service(m, config, protocol, ROLE_SESSION, err);

	if (status == CV_OK &&
	    settings_block_find(config->tree, "service", SETTINGS_ROOT, login,
				&block))
		status = add_service(m, config, login, ROLE_LOGIN, err);
	if (status == CV_OK)
		status = add_script(m, config, protocol, err);
	return status;
}

static int add_services(const struct master *m, struct master_config *config,
			struct cv_error *err)
{
	const struct cv_strings *protocols = &config->general.protocols;
	int status = add_service(m, config, "log", ROLE_LOG, err);

	if (status == CV_OK)
		status = add_service(m, config, "anvil", ROLE_ANVIL, err);
	if (status == CV_OK)
		status = add_service(m, config, "auth", ROLE_AUTH, err);
	if (status == CV_OK)
		status = add_service(m, config, "auth-worker",
				     ROLE_AUTH_WORKER, err);
	for (uint32_t i = 0; status == CV_OK && i < protocols->count; i++)
		status = add_protocol(m, config, protocols->items[i], err);
	if (status == CV_OK)
		status = add_service(m, config, "deliver", ROLE_SESSION, err);
	if (status == CV_OK)
		status = add_service(m, config, "idle", ROLE_IDLE, err);
	if (status == CV_OK && settings_has_shared(config->tree))
		status = add_service(m, config, "store", ROLE_SESSION, err);
	return status;
}

static const char *find_hostname(struct master_config *config)
{
	char name[256];

	if (*config->general.hostname != '\0')
		return config->general.hostname;
	if (gethostname(name, sizeof(name)) < 0)
		return "localhost";
	name[sizeof(name) - 1] = '\0';
	return pool_strdup(config->pool, name);
}

/* The reader's answer, after what it has to say about the files: it has
 * logged that, but who asked for a reload sees it only from us. */
static int receive_answer(struct master *m, int fd, struct ipc_reader *r,
			  struct cv_error *err)
{
	for (uint32_t problems = 0; problems < PROBLEMS_MAX; problems++) {
		int status = ipc_receive_wait(fd, CONFIG_TIMEOUT_MSECS, r,
					      err);
		bool warning;
		const char *text;

		if (status != CV_OK || r->type != BOOT_MSG_PROBLEM)
			return status;
		warning = ipc_get_bool(r);
		text = ipc_get_str(r, BOOT_PROBLEM_MAX);
		master_control_problem(m, warning, text);
		if ((status = ipc_finish(r, err)) != CV_OK)
			return status;
	}
	return FAIL(err, CV_E_LIMIT, "the reader of the configuration does "
		    "not come to an end");
}

static int receive_snapshots(struct master *m, int fd,
			     struct master_config *config,
			     struct cv_error *err)
{
	struct settings_tree *tree;
	struct ipc_reader r;
	int status = receive_answer(m, fd, &r, err);

	if (status == CV_EOF)
		return FAIL(err, CV_E_CONFIG, "the configuration cannot be "
			    "used");
	if (status != CV_OK)
		return status;
	if (r.type != BOOT_MSG_CONFIG)
		return ipc_refuse(&r, "config", err);
	config->secret_fd = ipc_get_fd(&r);
	config->public_fd = ipc_get_fd(&r);
	status = ipc_finish(&r, err);
	if (status == CV_OK)
		status = settings_snapshot_read(config->public_fd, &tree,
						err);
	if (status == CV_OK)
		config->tree = tree;
	return status;
}

int master_config_finish(struct master *m, int fd,
			 struct master_config **config_r,
			 struct cv_error *err)
{
	struct cv_pool *pool = pool_create("master config");
	struct master_config *config = pool_new(pool, struct master_config);
	int status;

	config->pool = pool;
	config->secret_fd = config->public_fd = -1;
	array_init(&config->services, pool);
	status = receive_snapshots(m, fd, config, err);
	if (status == CV_OK)
		status = settings_get(config->tree, &general_settings_table,
				      NULL, pool, &config->general, err);
	if (status == CV_OK)
		status = make_dirs(config, err);
	if (status == CV_OK) {
		config->hostname = find_hostname(config);
		status = add_services(m, config, err);
	}
	for (size_t i = 0; i < config->services.count && status == CV_OK; i++) {
		if (config->services.items[i].kind == ROLE_SESSION)
			status = check_mail_owner(
				config, config->services.items[i].name, err);
	}
	*config_r = config;
	if (status != CV_OK)
		master_config_destroy(config_r);
	return status;
}

void master_config_destroy(struct master_config **config)
{
	struct master_config *c = *config;
	struct cv_pool *pool;

	if (c == NULL)
		return;
	*config = NULL;
	if (c->secret_fd >= 0)
		(void)close(c->secret_fd);
	if (c->public_fd >= 0)
		(void)close(c->public_fd);
	if (c->tree != NULL) {
		struct settings_tree *tree = (struct settings_tree *)c->tree;

		settings_tree_destroy(&tree);
	}
	pool = c->pool;
	pool_destroy(&pool);
}
