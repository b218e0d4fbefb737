/* login-proxy.c - listeners with haproxy = yes: whose connection it is says a
 * header of the PROXY protocol, in front of TLS and of the greeting.
 *
 * Read by the process that serves the connection and knows no secret yet;
 * the zygote only watches the time. */
#include "login-private.h"

#include <stdio.h>

static uint64_t time_left(const struct cv_preauth *p)
{
	uint64_t limit = p->view->login.haproxy_timeout;
	uint64_t spent = time_monotonic_msecs() - p->connected_msecs;

	return limit > spent ? limit - spent : 1;
}

static struct timeval limit_of(const struct cv_preauth *p)
{
	uint64_t left = time_left(p);

	return (struct timeval){
		(time_t)(left / 1000), (suseconds_t)(left % 1000 * 1000),
	};
}

void login_proxy_admit(struct cv_preauth *p)
{
	const struct cv_strings *nets =
		&p->view->login.haproxy_trusted_networks;

	p->awaits_proxy = true;
	for (uint32_t i = 0; i < nets->count; i++) {
		if (net_address_in(&p->remote, nets->items[i]))
			return;
	}
	log_warning("login", "haproxy: a connection of %s is refused: the "
		    "address is not in haproxy_trusted_networks",
		    p->remote_ip);
	p->phase = LOGIN_CLOSING;
	p->close_reason = "haproxy: Client not trusted";
}

void login_proxy_watch(struct cv_preauth *p)
{
	const struct timeval limit = limit_of(p);

	if (p->awaits_proxy && p->watch.made)
		(void)event_add(&p->watch.event, &limit);
}

void login_proxy_begin(struct cv_preauth *p)
{
	const struct timeval limit = limit_of(p);

	p->phase = LOGIN_PROXY;
	p->proxy_reader = pool_new(p->pool, struct proxy_reader);
	p->proxy = pool_new(p->pool, struct proxy_header);
	(void)event_add(&p->answer_timer, &limit);
}

/* From here on the connection is that of the proxy's client. */
static void take_header(struct cv_preauth *p)
{
	const struct proxy_header *h = p->proxy;

	if (h->has_addresses) {
		p->remote = h->remote;
		p->local = h->local;
		login_client_set_addresses(p);
	}
	p->conn.local_name = h->local_name;
	p->conn.tls = h->tls;
	p->conn.secure = h->tls || login_client_is_trusted(p);
}

int login_proxy_advance(struct cv_preauth *p)
{
	struct cv_error err = ERROR_NONE;
	char reason[ERROR_TEXT_MAX + 32];
	int status = proxy_header_read(p->fd, p->proxy_reader, p->proxy,
				       &err);

	if (status == CV_NOT_FOUND)
		return CV_CHANGED;
	if (status == CV_OK) {
		(void)event_del(&p->answer_timer);
		p->awaits_proxy = false;
		take_header(p);
		return CV_OK;
	}
	(void)snprintf(reason, sizeof(reason), "haproxy: %s",
		       status == CV_EOF ? "Connection closed" : err.text);
	login_client_disconnect(p, reason);
	return CV_EOF;
}

void login_proxy_cert(const struct cv_preauth *p, bool *valid_r,
		      const char **name_r)
{
	*valid_r = p->proxy != NULL && p->proxy->cert_valid;
	*name_r = "";
	/* the one field that the header tells */
	if (*valid_r && strcmp(p->view->ssl.ssl_cert_username_field,
			       "commonName") == 0)
		*name_r = p->proxy->cert_name;
}
