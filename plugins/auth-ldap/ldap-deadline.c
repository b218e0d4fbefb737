/* ldap-deadline.c - a layer of the library's sockets. */
#include "ldap-deadline.h"

#include <errno.h>
#include <lber.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

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

/* What one connection has read ahead: an answer is two messages, and the
 * library takes each in two pieces. */
struct ahead {
	size_t at, end;
	char data[8192];
};

/* false: errno says why. */
static bool wait_ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	uint64_t now;
	int ready;

	do {
		now = cv_api->monotonic_msecs();
		ready = poll(&p, 1, now >= deadline ? 0 :
			     (int)(deadline - now));
	} while (ready < 0 && errno == EINTR);
	if (ready == 0)
		errno = ETIMEDOUT;
	return ready > 0;
}

static int fd_of(Sockbuf_IO_Desc *io)
{
	int fd = -1;

	(void)ber_sockbuf_ctrl(io->sbiod_sb, LBER_SB_OPT_GET_FD, &fd);
	return fd;
}

static bool try_again(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static ber_slen_t deadline_read(Sockbuf_IO_Desc *io, void *data,
				ber_len_t len)
{
	struct ahead *ahead = io->sbiod_pvt;
	int fd = fd_of(io);
	ssize_t got;

	if (ahead->at == ahead->end) {
		/* mostly it is there: the library has waited for it */
		while ((got = recv(fd, ahead->data, sizeof(ahead->data),
				   MSG_DONTWAIT)) < 0 && try_again()) {
			if (!wait_ready(fd, POLLIN))
				return -1;
		}
		if (got <= 0)
			return got;
		ahead->at = 0;
		ahead->end = (size_t)got;
	}
	if (len > ahead->end - ahead->at)
		len = ahead->end - ahead->at;
	memcpy(data, ahead->data + ahead->at, len);
	ahead->at += len;
	return (ber_slen_t)len;
}

static ber_slen_t deadline_write(Sockbuf_IO_Desc *io, void *data,
				 ber_len_t len)
{
	int fd = fd_of(io);
	ssize_t sent;

	while ((sent = send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL)) < 0 &&
	       try_again()) {
		if (!wait_ready(fd, POLLOUT))
			return -1;
	}
	return sent;
}

static int deadline_setup(Sockbuf_IO_Desc *io, void *arg)
{
	(void)arg;
	io->sbiod_pvt = calloc(1, sizeof(struct ahead));
	return io->sbiod_pvt == NULL ? -1 : 0;
}

static int deadline_remove(Sockbuf_IO_Desc *io)
{
	explicit_bzero(io->sbiod_pvt, sizeof(struct ahead));
	free(io->sbiod_pvt);
	io->sbiod_pvt = NULL;
	return 0;
}

static int deadline_nothing(Sockbuf_IO_Desc *io)
{
	(void)io;
	return 0;
}

static int deadline_ctrl(Sockbuf_IO_Desc *io, int option, void *arg)
{
	const struct ahead *ahead = io->sbiod_pvt;

	if (option == LBER_SB_OPT_DATA_READY && ahead->at < ahead->end)
		return 1;
	return LBER_SBIOD_CTRL_NEXT(io, option, arg);
}

static Sockbuf_IO layer = {
	.sbi_setup = deadline_setup, .sbi_remove = deadline_remove,
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
