/* master-listener.c - all listening sockets of the installation. */
#include "master.h"

#include "settings/service-check.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SYSTEMD_FIRST_FD = 3, INHERITED_MAX = 256 };

void master_listeners_inherit(struct master *m)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t number, count;

	if (pid == NULL || fds == NULL ||
	    !cv_span_to_u64(cv_span_of(pid), INT32_MAX, &number) ||
	    !cv_span_to_u64(cv_span_of(fds), INHERITED_MAX, &count) ||
	    (pid_t)number != getpid())
		return;
	for (uint64_t i = 0; i < count; i++) {
		/* out of the way of our own fixed numbers */
		int fd = fcntl(SYSTEMD_FIRST_FD + (int)i, F_DUPFD_CLOEXEC, 64);

		(void)close(SYSTEMD_FIRST_FD + (int)i);
		if (fd < 0)
			continue;
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
		*array_add(&m->inherited) = fd;
	}
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
}

static bool same_address(int fd, const struct net_address *address)
{
	struct net_address own;

	if (net_local_address(fd, &own, NULL) != CV_OK)
		return false;
	if (own.u.any.sa_family != address->u.any.sa_family)
		return false;
	if (own.u.any.sa_family == AF_UNIX)
		return strcmp(own.u.local.sun_path,
			      address->u.local.sun_path) == 0;
	if (own.u.any.sa_family == AF_INET)
		return own.u.v4.sin_port == address->u.v4.sin_port &&
			own.u.v4.sin_addr.s_addr ==
			address->u.v4.sin_addr.s_addr;
	return own.u.v6.sin6_port == address->u.v6.sin6_port &&
		memcmp(&own.u.v6.sin6_addr, &address->u.v6.sin6_addr,
		       sizeof(own.u.v6.sin6_addr)) == 0;
}

static int find_inherited(const struct master *m,
			  const struct net_address *address)
{
	for (size_t i = 0; i < m->inherited.count; i++) {
		if (same_address(m->inherited.items[i], address))
			return m->inherited.items[i];
	}
	return -1;
}

/* --- sockets in the file system -------------------------------------------- */

void master_socket_note(const char *path, struct master_socket *socket_r)
{
	struct stat st;

	*socket_r = (struct master_socket){ .path = NULL };
	if (lstat(path, &st) < 0)
		return;
	*socket_r = (struct master_socket){
		.path = path, .device = st.st_dev, .inode = st.st_ino,
		.mode = st.st_mode & 0777, .uid = st.st_uid,
		.gid = st.st_gid,
	};
}

void master_socket_remove(const struct master_socket *socket)
{
	struct stat st;

	if (socket->path != NULL && lstat(socket->path, &st) == 0 &&
	    S_ISSOCK(st.st_mode) && st.st_dev == socket->device &&
	    st.st_ino == socket->inode)
		(void)unlink(socket->path);
}

void master_listeners_remove(const struct master_config *config)
{
	for (size_t i = 0; i < config->services.count; i++) {
		const struct master_service *service =
			&config->services.items[i];

		for (size_t j = 0; j < service->listeners.count; j++)
			master_socket_remove(
				&service->listeners.items[j].file);
	}
}

/* --- opening ----------------------------------------------------------------- */

/* The same socket in the old generation. */
static struct master_listener *find_old(struct master_config *old,
					const char *key)
{
	for (size_t i = 0; old != NULL && i < old->services.count; i++) {
		struct master_service *service = &old->services.items[i];

		for (size_t j = 0; j < service->listeners.count; j++) {
			if (strcmp(service->listeners.items[j].key, key) == 0)
				return &service->listeners.items[j];
		}
	}
	return NULL;
}

static int open_inet(struct master *m, struct master_config *config,
		     struct master_config *old,
		     struct master_service *service, const char *name,
		     const struct inet_listener_settings *set,
		     const char *ip, struct cv_error *err)
{
	struct net_address address;
	struct master_listener *listener, *same;
	int fd, status;

	if (!net_address_parse(&address, ip, (uint16_t)set->port))
		return FAIL(err, CV_E_CONFIG, "service %s: inet_listener %s: "
			    "'%s' is not an IP address", service->name, name,
			    ip);
	listener = array_add(&service->listeners);
	*listener = (struct master_listener){
		.key = pool_printf(config->pool, "inet %s %u", ip, set->port),
		.name = name, .ssl = set->ssl, .haproxy = set->haproxy,
		.type = set->type, .fd = -1,
	};
	same = find_old(old, listener->key);
	fd = same != NULL ? same->fd : find_inherited(m, &address);
	if (fd >= 0) {
		listener->fd = fcntl(fd, F_DUPFD_CLOEXEC, 64);
		return CV_OK;
	}
	status = net_listen_inet(&address, set->reuse_port, &listener->fd,
				 err);
	if (status == CV_OK)
		return CV_OK;
	/* a kernel without IPv6 is no reason to refuse "::" */
	if (address.u.any.sa_family == AF_INET6 && err != NULL &&
	    strcmp(ip, "::") == 0 && errno == EAFNOSUPPORT) {
		service->listeners.count--;
		return CV_OK;
	}
	return error_prefix(err, "service %s", service->name);
}

static int open_inet_all(struct master *m, struct master_config *config,
			 struct master_config *old,
			 struct master_service *service, const char *name,
			 const struct inet_listener_settings *set,
			 struct cv_error *err)
{
	struct cv_span rest = cv_span_of(*set->address != '\0' ?
		set->address : config->general.listen), word, part;
	int status = CV_OK;

	if (set->port == 0)
		return CV_OK;
	while (status == CV_OK && cv_span_split(&rest, ',', &word)) {
		while (status == CV_OK && cv_span_split(&word, ' ', &part)) {
			part = cv_span_trim(part);
			if (part.len == 0)
				continue;
			status = open_inet(m, config, old, service, name, set,
				pool_copy(config->pool, part.data, part.len),
				err);
		}
	}
	return status;
}

static int unix_owner(const struct master *m,
		      const struct unix_listener_settings *set,
		      const struct master_service *service,
		      struct net_unix_options *options, struct cv_error *err)
{
	const struct passwd *pw;
	const struct group *gr;

	options->uid = options->gid = (uid_t)-1;
	if (!m->root)
		return CV_OK;
	options->uid = service->uid;
	if (*set->user != '\0') {
		pw = getpwnam(set->user);
		if (pw == NULL)
			return FAIL(err, CV_E_CONFIG, "unix_listener %s: "
				    "there is no user '%s'", set->path,
				    set->user);
		options->uid = pw->pw_uid;
	}
	if (*set->group != '\0') {
		gr = getgrnam(set->group);
		if (gr == NULL)
			return FAIL(err, CV_E_CONFIG, "unix_listener %s: "
				    "there is no group '%s'", set->path,
				    set->group);
		options->gid = gr->gr_gid;
	}
	return CV_OK;
}

static int make_socket_dir(const char *path, struct cv_error *err)
{
	char dir[4096];
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - path);

	if (len == 0 || len >= sizeof(dir))
		return CV_OK;
	memcpy(dir, path, len);
	dir[len] = '\0';
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return FAIL_ERRNO(err, errno, "cannot make directory '%s'",
				  dir);
	return CV_OK;
}

static int open_unix(struct master *m, struct master_config *config,
		     struct master_config *old,
		     struct master_service *service, const char *name,
		     const struct unix_listener_settings *set,
		     struct cv_error *err)
{
	struct net_unix_options options = { .mode = set->mode,
		.type = SOCK_STREAM };
	const char *own = *set->path != '\0' ? set->path : name, *path;
	struct master_listener *listener, *same;
	int status;

	if (set->mode == 0)
		return CV_OK;
	path = own[0] == '/' ? own : pool_printf(config->pool, "%s/%s",
		config->general.base_dir, own);
	listener = array_add(&service->listeners);
	*listener = (struct master_listener){
		.key = pool_printf(config->pool, "unix %s %o %s %s", path,
				   set->mode, set->user, set->group),
		.name = path, .is_unix = true, .type = set->type, .fd = -1,
	};
	same = find_old(old, listener->key);
	if (same != NULL) {
		listener->fd = fcntl(same->fd, F_DUPFD_CLOEXEC, 64);
		listener->file = same->file;
		listener->file.path = path;
		return CV_OK;
	}
	status = unix_owner(m, set, service, &options, err);
	if (status == CV_OK)
		status = make_socket_dir(path, err);
	if (status == CV_OK)
		status = net_listen_unix(path, &options, &listener->fd, err);
	if (status == CV_OK)
		master_socket_note(path, &listener->file);
	return status == CV_OK ? CV_OK :
		error_prefix(err, "service %s", service->name);
}

static int open_service(struct master *m, struct master_config *config,
			struct master_config *old,
			struct master_service *service, struct cv_error *err)
{
	struct settings_scope scope = { 0 };
	struct inet_listener_settings inet;
	struct unix_listener_settings local;
	settings_block block;
	uint32_t at = 0;
	int status = CV_OK;

	/* A script's socket is a name; what it is asked comes by a port.
	 * And a socket at which nobody answers would hang its peer, or make
	 * it a session without a user: service_check has said it. */
	if (service->kind == ROLE_SCRIPT ||
	    service_answers(config->tree, service->name) ==
	    SERVICE_ANSWERS_NOBODY ||
	    !settings_block_find(config->tree, "service", SETTINGS_ROOT,
				 service->name, &block))
		return CV_OK;
	while (status == CV_OK &&
	       settings_block_next(config->tree, "inet_listener", block, NULL,
				   &at, &scope.block)) {
		if (!service_listener_opens(config->tree, service->name,
					    scope.block))
			continue;
		status = settings_get(config->tree,
			&inet_listener_settings_table, &scope, config->pool,
			&inet, err);
		if (status == CV_OK)
			status = open_inet_all(m, config, old, service,
				settings_block_name(config->tree,
						    scope.block),
				&inet, err);
	}
	at = 0;
	while (status == CV_OK &&
	       settings_block_next(config->tree, "unix_listener", block, NULL,
				   &at, &scope.block)) {
		if (!service_listener_opens(config->tree, service->name,
					    scope.block))
			continue;
		status = settings_get(config->tree,
			&unix_listener_settings_table, &scope, config->pool,
			&local, err);
		if (status == CV_OK)
			status = open_unix(m, config, old, service,
				settings_block_name(config->tree,
						    scope.block),
				&local, err);
	}
	return status;
}

/* Those that are in keep, too, stay in the file system. */
static void close_listeners(struct master_config *config,
			    struct master_config *keep)
{
	for (size_t i = 0; i < config->services.count; i++) {
		struct master_service *service = &config->services.items[i];

		for (size_t j = 0; j < service->listeners.count; j++) {
			struct master_listener *listener =
				&service->listeners.items[j];

			if (find_old(keep, listener->key) == NULL)
				master_socket_remove(&listener->file);
			if (listener->fd >= 0)
				(void)close(listener->fd);
		}
		service->listeners.count = 0;
	}
}

int master_listeners_open(struct master *m, struct master_config *config,
			  struct master_config *old, struct cv_error *err)
{
	int status = CV_OK;

	for (size_t i = 0; status == CV_OK && i < config->services.count; i++)
		status = open_service(m, config, old,
				      &config->services.items[i], err);
	if (status != CV_OK)
		close_listeners(config, old);
	else if (old != NULL)
		close_listeners(old, config);
	return status;
}
