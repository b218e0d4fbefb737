/* The program that ssh runs on behalf of a user ("Tunnel" of mbsync, "tunnel"
 * of mutt): the protocol that it is named after, on standard input and output
 * (session-alone.h). */
#include "service-private.h"
#include "session/session-alone.h"
#include "settings/settings-digest.h"

/* No master starts this one, and it becomes no service. */
const struct service_row *service_row_find(const char *name)
{
	(void)name;
	return NULL;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');

	settings_digest_use(settings_digest_openssl);
	return session_alone_run(slash == NULL ? argv[0] : slash + 1, argc,
				 argv);
}
