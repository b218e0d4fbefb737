/* adm-instance.c - which server runs with this configuration, when the file
 * itself does not say any more where (base_dir): a mistake in it must not
 * keep the admin from stopping what runs.
 *
 * The master writes the path of its configuration into base_dir/instance.
 * Looked for where the broken file says, in the usual place, and in the
 * folders of all listening sockets; believed when root or we own it. */
#include "adm-control.h"

#include "net/address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOCKETS_BYTES_MAX = 16 * 1024 * 1024 };

static bool is_ours(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

/* As the master has it: whole, without links. */
static const char *whole_path(struct adm *adm, const char *path)
{
	char *real = realpath(path, NULL), cwd[4096];
	const char *copy = path;

	if (real != NULL)
		copy = pool_strdup(adm->pool, real);
	else if (path[0] != '/' && getcwd(cwd, sizeof(cwd)) != NULL)
		copy = pool_printf(adm->pool, "%s/%s", cwd, path);
	free(real);
	return copy;
}

static bool names_config(const char *dir, const char *config_path)
{
	char path[4096], text[4096 + 2];
	size_t len = strlen(config_path);
	struct stat st;
	ssize_t n = -1;
	int fd;

	if (snprintf(path, sizeof(path), "%s/instance", dir) >=
	    (int)sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    is_ours(st.st_uid) && (st.st_mode & 022) == 0)
		n = read(fd, text, sizeof(text));
	(void)close(fd);
	return n == (ssize_t)len + 1 && text[len] == '\n' &&
		memcmp(text, config_path, len) == 0;
}

static bool try_dir(struct adm *adm, const char *dir,
		    const char *config_path, int *fd_r)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (!names_config(dir, config_path) ||
	    net_connect_unix(pool_printf(adm->pool, "%s/master", dir),
			     SOCK_SEQPACKET, fd_r, NULL) != CV_OK)
		return false;
	if (getsockopt(*fd_r, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	    is_ours(peer.uid))
		return true;
	(void)close(*fd_r);
	*fd_r = -1;
	return false;
}

/* "... /run/culver/master.new": the name it was bound to. */
static const char *socket_dir(struct adm *adm, const char *line)
{
	static const char name[] = "/master.new";
	const char *path = strchr(line, '/');
	size_t len = path == NULL ? 0 : strcspn(path, "\n");

	if (len < sizeof(name) || memcmp(path + len - strlen(name), name,
					 strlen(name)) != 0)
		return NULL;
	return pool_copy(adm->pool, path, len - strlen(name));
}

static const char *try_sockets(struct adm *adm, const char *config_path,
			       int *fd_r)
{
	FILE *file = fopen("/proc/net/unix", "re");
	const char *found = NULL;
	char line[1024];
	size_t bytes = 0;

	while (file != NULL && found == NULL && bytes < SOCKETS_BYTES_MAX &&
	       fgets(line, sizeof(line), file) != NULL) {
		const char *dir = socket_dir(adm, line);

		bytes += strlen(line);
		if (dir != NULL && try_dir(adm, dir, config_path, fd_r))
			found = dir;
	}
	if (file != NULL)
		(void)fclose(file);
	return found;
}

int adm_instance_open(struct adm *adm, const char *base_dir,
		      const struct cv_error *broken, int *fd_r,
		      struct cv_error *err)
{
	const char *config_path = whole_path(adm, adm->config_path);
	const char *dir = NULL;

	*fd_r = -1;
	if (base_dir != NULL && try_dir(adm, base_dir, config_path, fd_r))
		dir = base_dir;
	else if (try_dir(adm, CULVER_RUNDIR, config_path, fd_r))
		dir = CULVER_RUNDIR;
	else
		dir = try_sockets(adm, config_path, fd_r);
	if (dir == NULL)
		return FAIL(err, CV_E_CONFIG, "the configuration is broken, "
			    "and no server that was started with it is "
			    "found: %s", broken->text);
	adm_warn_broken(adm, broken, pool_printf(adm->pool, "the server in "
		"'%s' runs with what it has read before", dir));
	return CV_OK;
}
