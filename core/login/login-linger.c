/* login-linger.c - the end of a connection whose client is still sending.
 *
 * Closing with input unread makes the kernel send a reset, and on its arrival
 * the client's kernel may throw away what was said last (BYE and why)
 * (RFC 9293 3.6.1). So the client is told that nothing more comes, and what it
 * sends is thrown away for a moment. */
#include "login-private.h"

#include <sys/ioctl.h>
#include <unistd.h>

enum { LINGER_SECONDS = 1, LINGER_BYTES = 256 * 1024, CHUNK = 16384 };

/* False: it has ended, or sends too much. */
static bool drain(struct cv_preauth *p)
{
	char data[CHUNK];
	ssize_t n;

	while (p->linger_bytes > 0) {
		n = recv(p->fd, data, sizeof(data), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n <= 0)
			return false;
		p->linger_bytes -= (size_t)n < p->linger_bytes ? (size_t)n :
			p->linger_bytes;
	}
	return false;
}

static void on_input(evutil_socket_t fd, short what, void *context)
{
	struct cv_preauth *p = context;

	(void)fd;
	(void)what;
	if (!drain(p))
		login_client_destroy(&p);
}

static void on_time(evutil_socket_t fd, short what, void *context)
{
	struct cv_preauth *p = context;

	(void)fd;
	(void)what;
	login_client_destroy(&p);
}

/* Who has sent what nobody has read will send more, or is just doing it; behind
 * a relay that is not known. */
static bool may_send(const struct cv_preauth *p)
{
	int unread = 0;

	return p->relay != NULL || p->in_len > 0 ||
		(ioctl(p->fd, FIONREAD, &unread) == 0 && unread > 0);
}

void login_client_end(struct cv_preauth *p)
{
	static const struct timeval limit = { LINGER_SECONDS, 0 };

	if (!p->has_timers || p->phase == LOGIN_LINGER ||
	    !may_send(p) || shutdown(p->fd, SHUT_WR) < 0) {
		login_client_destroy(&p);
		return;
	}
	p->phase = LOGIN_LINGER;
	p->linger_bytes = LINGER_BYTES;
	login_list_remove(&p->place);
	login_watch_end(&p->watch);
	login_auth_close(p);
	login_relay_destroy(p);
	(void)event_del(&p->answer_timer);
	(void)event_del(&p->timer);
	BUG_IF(event_assign(&p->timer, p->process->base, -1, 0, on_time,
			    p) < 0);
	if (event_add(&p->timer, &limit) < 0 || !drain(p)) {
		login_client_destroy(&p);
		return;
	}
	login_watch_set(p, &p->watch, p->fd, EV_READ, on_input);
}
