/* login-api.c - the service "preauth": what the protocol's machine may do. */
#include "login-private.h"

#include <stdio.h>

static void *api_state(struct cv_preauth *p)
{
	return p->state;
}

static struct cv_pool *api_pool(struct cv_preauth *p)
{
	return p->pool;
}

static void api_send(struct cv_preauth *p, const void *data, size_t len)
{
	/* a client that does not read its answers gets no more of them */
	if (p->out.len + len <= 4 * LOGIN_OUTPUT_MAX)
		cv_text_append(&p->out, data, len);
}

static void api_sendf(struct cv_preauth *p, const char *fmt, ...)
{
	va_list args;

	if (p->out.len > 4 * LOGIN_OUTPUT_MAX)
		return;
	va_start(args, fmt);
	text_append_vf(&p->out, fmt, args);
	va_end(args);
}

static const void *api_settings(struct cv_preauth *p, struct cv_plugin *self)
{
	return module_scope_get(&p->view->plugins, self);
}

static const char *api_hostname(struct cv_preauth *p)
{
	return p->process->service->private->go.hostname;
}

static const char *api_greeting(struct cv_preauth *p)
{
	return p->view->login.login_greeting;
}

static bool api_is_secure(struct cv_preauth *p)
{
	return p->conn.secure;
}

static bool api_tls_active(struct cv_preauth *p)
{
	return p->conn.tls;
}

static bool api_tls_available(struct cv_preauth *p)
{
	return p->view->tls != NULL && !p->conn.tls;
}

static bool api_plaintext_refused(struct cv_preauth *p)
{
	return !p->conn.secure && (p->view->login.disable_plaintext_auth ||
				   p->view->ssl.ssl == SSL_SSL_REQUIRED);
}

static void api_starttls(struct cv_preauth *p)
{
	if (api_tls_available(p) && p->ssl == NULL)
		p->starttls = true;
	else
		log_error("login", "the protocol asked for TLS where there "
			  "is none");
}

static bool mechanism_usable(struct cv_preauth *p,
			     const struct auth_mechanism *mechanism)
{
	if ((mechanism->flags & AUTH_MECH_PLAINTEXT) != 0 &&
	    api_plaintext_refused(p))
		return false;
	if ((mechanism->flags & AUTH_MECH_NEEDS_TLS) != 0 && !p->conn.tls)
		return false;
	if ((mechanism->flags & (AUTH_MECH_BINDING | AUTH_MECH_CERT)) == 0)
		return true;
	login_auth_identify(p);
	if ((mechanism->flags & AUTH_MECH_BINDING) != 0 &&
	    p->conn.channel_binding.len == 0)
		return false;
	return (mechanism->flags & AUTH_MECH_CERT) == 0 || p->conn.cert_valid;
}

static int api_mechanism(struct cv_preauth *p, uint32_t index,
			 const char **name_r)
{
	const struct auth_mechanisms *all = &p->process->mechanisms;

	for (uint32_t i = 0; i < all->count; i++) {
		if ((all->items[i].flags & AUTH_MECH_HIDDEN) != 0 ||
		    !mechanism_usable(p, &all->items[i]))
			continue;
		if (index-- == 0) {
			*name_r = all->items[i].name;
			return CV_OK;
		}
	}
	return CV_NOT_FOUND;
}

static const struct auth_mechanism *find_mechanism(struct cv_preauth *p,
						   const char *name)
{
	const struct auth_mechanisms *all = &p->process->mechanisms;

	for (uint32_t i = 0; i < all->count; i++) {
		if (cv_span_is_icase(cv_span_of(name), all->items[i].name))
			return &all->items[i];
	}
	return NULL;
}

static void api_auth_begin(struct cv_preauth *p, const char *mechanism,
			   struct cv_span initial)
{
	const struct auth_mechanism *found = find_mechanism(p, mechanism);

	if (p->phase != LOGIN_PROTOCOL) {
		log_error("login", "the protocol began to authenticate "
			  "twice");
		return;
	}
	if (found == NULL || !mechanism_usable(p, found) ||
	    initial.len > AUTH_DATA_MAX) {
		p->phase = LOGIN_AUTH;
		p->auth_failed = found == NULL ? CV_AUTH_FAIL_MECHANISM :
			initial.len > AUTH_DATA_MAX ? CV_AUTH_FAIL_SYNTAX :
			CV_AUTH_FAIL_PRIVACY;
		return;
	}
	login_auth_begin(p, found->name, initial.data != NULL, initial);
}

/* As SASL PLAIN [RFC4616 2]; a NUL would move the fields. */
static void api_auth_password(struct cv_preauth *p, struct cv_span user,
			      struct cv_span password)
{
	struct cv_text plain;

	cv_text_init(&plain, p->pool);
	if ((user.len > 0 && memchr(user.data, '\0', user.len) != NULL) ||
	    (password.len > 0 &&
	     memchr(password.data, '\0', password.len) != NULL)) {
		p->phase = LOGIN_AUTH;
		p->auth_failed = CV_AUTH_FAIL_CREDENTIALS;
		return;
	}
	cv_text_append_c(&plain, '\0');
	cv_text_append_span(&plain, user);
	cv_text_append_c(&plain, '\0');
	cv_text_append_span(&plain, password);
	api_auth_begin(p, "PLAIN", cv_text_span(&plain));
	explicit_bzero(plain.data, plain.len);
}

static void api_auth_continue(struct cv_preauth *p, struct cv_span response)
{
	if (response.len > AUTH_DATA_MAX)
		login_auth_abort(p);
	else
		login_auth_continue(p, response);
}

static void api_hand_off(struct cv_preauth *p, struct cv_span tag)
{
	if (p->phase != LOGIN_DECIDED || tag.len > SESSION_TAG_MAX) {
		log_error("login", "the protocol handed a connection on "
			  "that is not logged in");
		return;
	}
	p->handoff_tag = pool_span(p->pool, tag);
	p->wants_handoff = true;
}

static void api_offer(struct cv_preauth *p, struct cv_span tag)
{
	if (p->phase != LOGIN_PROTOCOL || tag.len > SESSION_TAG_MAX)
		return;
	p->handoff_tag = pool_span(p->pool, tag);
	p->may_offer = true;
}

static void api_close(struct cv_preauth *p, const char *log_reason)
{
	p->phase = LOGIN_CLOSING;
	login_place_release(&p->place);
	p->close_reason = pool_strdup(p->pool, log_reason);
}

static void api_set_client_id(struct cv_preauth *p, struct cv_span id)
{
	char clean[AUTH_CLIENT_ID_MAX];
	size_t len = log_clean(clean, sizeof(clean), id.data, id.len);

	p->client_id = pool_copy(p->pool, clean, len);
}

/* Characters that ids are made of, here and elsewhere. */
static bool is_session_id(const char *id)
{
	size_t len = strlen(id);

	return len > 0 && len <= LOGIN_SESSION_ID_MAX &&
		strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"
		       "yz0123456789+/=-_.:") == len;
}

static bool take_address(struct net_address *address, char text[NET_IP_TEXT],
			 const char *ip, uint32_t port)
{
	if (ip == NULL)
		return true;
	if (port > UINT16_MAX ||
	    !net_address_parse(address, ip, (uint16_t)port))
		return false;
	net_address_ip(address, text);
	return true;
}

/* What is secure, and by which settings it is served, stays a matter of the
 * connection that there is. */
static int api_set_origin(struct cv_preauth *p,
			  const struct cv_preauth_origin *origin)
{
	struct net_address remote = p->remote, local = p->local;
	char remote_ip[NET_IP_TEXT], local_ip[NET_IP_TEXT];

	if (!login_client_is_proxy(p))
		return CV_E_DENIED;
	memcpy(remote_ip, p->remote_ip, sizeof(remote_ip));
	memcpy(local_ip, p->local_ip, sizeof(local_ip));
	if (!take_address(&remote, remote_ip, origin->remote_ip,
			  origin->remote_port) ||
	    !take_address(&local, local_ip, origin->local_ip,
			  origin->local_port) ||
	    (origin->session_id != NULL && !is_session_id(origin->session_id)))
		return CV_E_SYNTAX;
	if (CV_HAS(origin, forward)) {
		if (origin->forward.len > AUTH_FORWARD_MAX)
			return CV_E_SYNTAX;
		p->forward = pool_span(p->pool, origin->forward);
	}
	memcpy(p->remote_ip, remote_ip, sizeof(remote_ip));
	memcpy(p->local_ip, local_ip, sizeof(local_ip));
	p->conn.remote_port = net_address_port(&remote);
	p->conn.local_port = net_address_port(&local);
	p->conn.proxy_ttl = origin->ttl;
	if (origin->session_id != NULL)
		memcpy(p->session_id, origin->session_id,
		       strlen(origin->session_id) + 1);
	return CV_OK;
}

const struct cv_preauth_api preauth_api = {
	CV_SIZED(cv_preauth_api),
	.state = api_state,
	.pool = api_pool,
	.send = api_send,
	.sendf = api_sendf,
	.settings = api_settings,
	.hostname = api_hostname,
	.greeting = api_greeting,
	.is_secure = api_is_secure,
	.tls_active = api_tls_active,
	.tls_available = api_tls_available,
	.plaintext_refused = api_plaintext_refused,
	.starttls = api_starttls,
	.mechanism = api_mechanism,
	.auth_begin = api_auth_begin,
	.auth_password = api_auth_password,
	.auth_continue = api_auth_continue,
	.auth_abort = login_auth_abort,
	.hand_off = api_hand_off,
	.close = api_close,
	.set_client_id = api_set_client_id,
	.offer = api_offer,
	.set_origin = api_set_origin,
};
