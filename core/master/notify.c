/* notify.c - sd_notify without the library: one datagram. */
#include "master.h"

#include <stdlib.h>
#include <unistd.h>

void notify_state(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct net_address to = { 0 };
	size_t len;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return;
	len = strlen(path);
	if (len >= sizeof(to.u.local.sun_path))
		return;
	to.u.local.sun_family = AF_UNIX;
	memcpy(to.u.local.sun_path, path, len);
	if (path[0] == '@')
		to.u.local.sun_path[0] = '\0';
	to.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, &to.u.any,
		   to.len) < 0)
		log_debug("master", "cannot notify the service manager");
	(void)close(fd);
}
