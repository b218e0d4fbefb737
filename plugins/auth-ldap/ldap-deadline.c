/* ldap-deadline.c - a layer of the library's sockets. */
#include "ldap-deadline.h"

#include <errno.h>
#include <lber.h>
#include <poll.h>

/* above the socket, below TLS */
enum { LEVEL = LBER_SBIOD_LEVEL_PROVIDER + 1 };

static uint64_t deadline;		/* monotonic */

void ldap_deadline_set(uint32_t secs)
{
	deadline = cv_api->monotonic_msecs() + (uint64_t)secs * 1000;
}

bool ldap_deadline_has_passed(void)
{
	return cv_api->monotonic_msecs() >= deadline;
}

/* false: errno says why. */
static bool wait_ready(Sockbuf_IO_Desc *io, short events)
{
	struct pollfd p = { .fd = -1, .events = events };
	uint64_t now;
	int ready;

	if (ber_sockbuf_ctrl(io->sbiod_sb, LBER_SB_OPT_GET_FD, &p.fd) < 0)
		return true;
	do {
		now = cv_api->monotonic_msecs();
		ready = poll(&p, 1, now >= deadline ? 0 :
			     (int)(deadline - now));
	} while (ready < 0 && errno == EINTR);
	if (ready == 0)
		errno = ETIMEDOUT;
	return ready > 0;
}

static ber_slen_t deadline_read(Sockbuf_IO_Desc *io, void *data,
				ber_len_t len)
{
	/* a layer below may have read ahead */
	if (LBER_SBIOD_CTRL_NEXT(io, LBER_SB_OPT_DATA_READY, NULL) == 0 &&
	    !wait_ready(io, POLLIN))
		return -1;
	return LBER_SBIOD_READ_NEXT(io, data, len);
}

static ber_slen_t deadline_write(Sockbuf_IO_Desc *io, void *data,
				 ber_len_t len)
{
	return wait_ready(io, POLLOUT) ?
		LBER_SBIOD_WRITE_NEXT(io, data, len) : -1;
}

static int deadline_setup(Sockbuf_IO_Desc *io, void *arg)
{
	io->sbiod_pvt = arg;
	return 0;
}

static int deadline_nothing(Sockbuf_IO_Desc *io)
{
	(void)io;
	return 0;
}

static int deadline_ctrl(Sockbuf_IO_Desc *io, int option, void *arg)
{
	return LBER_SBIOD_CTRL_NEXT(io, option, arg);
}

static Sockbuf_IO layer = {
	.sbi_setup = deadline_setup, .sbi_remove = deadline_nothing,
	.sbi_ctrl = deadline_ctrl, .sbi_read = deadline_read,
	.sbi_write = deadline_write, .sbi_close = deadline_nothing,
};

static int connected(LDAP *ld, Sockbuf *sb, LDAPURLDesc *server,
		     struct sockaddr *address, struct ldap_conncb *callbacks)
{
	(void)ld;
	(void)server;
	(void)address;
	(void)callbacks;
	return ber_sockbuf_add_io(sb, &layer, LEVEL, NULL);
}

static void closing(LDAP *ld, Sockbuf *sb, struct ldap_conncb *callbacks)
{
	(void)ld;
	(void)sb;
	(void)callbacks;
}

int ldap_deadline_attach(LDAP *ld, struct cv_error *err)
{
	static struct ldap_conncb callbacks = { connected, closing, NULL };

	if (ldap_set_option(ld, LDAP_OPT_CONNECT_CB, &callbacks) !=
	    LDAP_OPT_SUCCESS)
		return CV_FAIL(err, CV_E_INTERNAL, "libldap takes no "
			       "LDAP_OPT_CONNECT_CB");
	return CV_OK;
}
