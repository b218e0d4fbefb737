/* session-accept.c - a session without a user: a connection of the service's
 * own listener, with what HAProxy says of it. */
#include "session-private.h"

#include "net/proxy-header.h"

#include <poll.h>
#include <unistd.h>

static void set_conn(struct cv_session *s, const struct net_address *local,
		     const struct net_address *remote)
{
	char *local_ip = pool_alloc(s->pool, NET_IP_TEXT);
	char *remote_ip = pool_alloc(s->pool, NET_IP_TEXT);

	net_address_ip(local, local_ip);
	net_address_ip(remote, remote_ip);
	s->conn = (struct conn_info){
		.local_ip = local_ip, .remote_ip = remote_ip,
		.local_port = net_address_port(local),
		.remote_port = net_address_port(remote), .local_name = "",
	};
}

static void fill_conn(struct cv_session *s, int fd)
{
	struct net_address local = { 0 }, remote = { 0 };

	remote.len = sizeof(remote.u);
	if (getpeername(fd, &remote.u.any, &remote.len) < 0)
		remote = (struct net_address){ 0 };
	if (net_local_address(fd, &local, NULL) != CV_OK)
		local = (struct net_address){ 0 };
	set_conn(s, &local, &remote);
	s->conn.secure = net_address_is_loopback(&remote);
}

static bool is_one_of(const struct cv_session *s,
		      const struct cv_strings *networks)
{
	struct net_address remote;

	if (!net_address_parse(&remote, s->conn.remote_ip, 0))
		return false;
	for (uint32_t i = 0; i < networks->count; i++) {
		if (net_address_in(&remote, networks->items[i]))
			return true;
	}
	return false;
}

/* Waits for the whole header, at most limit. */
static int read_proxy_header(const struct cv_session *s, uint64_t limit_msecs,
			     struct proxy_reader *reader,
			     struct proxy_header *h, struct cv_error *err)
{
	uint64_t start = time_monotonic_msecs(), spent = 0;
	struct pollfd p = { s->transport_fd, POLLIN, 0 };
	int status = CV_NOT_FOUND;

	while (status == CV_NOT_FOUND && spent < limit_msecs &&
	       !session_stopping(s)) {
		uint64_t left = limit_msecs - spent;

		if (poll(&p, 1, left > 60000 ? 60000 : (int)left) > 0)
			status = proxy_header_read(s->transport_fd, reader,
						   h, err);
		spent = time_monotonic_msecs() - start;
	}
	if (status == CV_NOT_FOUND)
		return FAIL(err, CV_E_TIMEOUT, "Client timed out");
	if (status == CV_EOF)
		return FAIL(err, CV_E_TEMP, "Connection closed");
	return status;
}

/* haproxy = yes: whose connection it is says its first line. */
static int meet_proxy(struct cv_session *s, struct cv_error *err)
{
	struct proxy_reader *reader = pool_new(s->pool, struct proxy_reader);
	struct proxy_header *h = pool_new(s->pool, struct proxy_header);
	struct login_settings set;
	int status = settings_get(s->settings, &login_settings_table,
				  &s->scope, s->pool, &set, err);

	if (status == CV_OK && !is_one_of(s, &set.haproxy_trusted_networks))
		status = FAIL(err, CV_E_DENIED, "Client not trusted "
			      "(haproxy_trusted_networks)");
	if (status == CV_OK)
		status = read_proxy_header(s, set.haproxy_timeout, reader, h,
					   err);
	if (status != CV_OK)
		return error_prefix(err, "haproxy");
	if (h->has_addresses)
		set_conn(s, &h->local, &h->remote);
	s->conn.local_name = h->local_name;
	s->conn.tls = s->conn.secure = h->tls;
	session_set_scope(s);
	return CV_OK;
}

/* --- what a mail proxy says --------------------------------------------------- */

/* Of the peer itself, before it has said anything. */
static void judge_peer(struct cv_session *s)
{
	struct login_settings set;

	s->private->from_proxy =
		settings_get(s->settings, &login_settings_table, &s->scope,
			     s->pool, &set, NULL) == CV_OK &&
		is_one_of(s, &set.login_trusted_networks);
}

bool session_is_from_proxy(struct cv_session *s)
{
	return s->private->from_proxy;
}

/* text NULL: not told.  False: it is no address. */
static bool take_address(const char *text, const char **ip)
{
	struct net_address address;

	return text == NULL || (net_address_parse(&address, text, 0) &&
				(*ip = text));
}

int session_set_origin(struct cv_session *s,
		       const struct cv_preauth_origin *origin)
{
	const char *remote = s->conn.remote_ip, *local = s->conn.local_ip;

	if (!s->private->from_proxy)
		return CV_E_DENIED;
	if (!take_address(origin->remote_ip, &remote) ||
	    !take_address(origin->local_ip, &local))
		return CV_E_SYNTAX;
	s->conn.remote_ip = pool_strdup(s->pool, remote);
	s->conn.local_ip = pool_strdup(s->pool, local);
	if (origin->remote_port != 0)
		s->conn.remote_port = origin->remote_port;
	if (origin->local_port != 0)
		s->conn.local_port = origin->local_port;
	if (origin->ttl != 0)
		s->conn.proxy_ttl = origin->ttl;
	s->private->has_plugins = false;
	session_set_scope(s);
	return CV_OK;
}

/* --- its beginning ------------------------------------------------------------ */

__attribute__((noreturn))
static void end_early(const struct cv_session *s, const struct cv_error *err)
{
	log_info("session", "Disconnected: %s rip=%s, lip=%s", err->text,
		 s->conn.remote_ip, s->conn.local_ip);
	_exit(EXIT_SUCCESS);
}

void session_child_accept(const struct session_zygote *zygote,
			  const struct service_listener *listener, int fd)
{
	struct cv_session *s = session_create(zygote);
	struct cv_error err = ERROR_NONE;
	int status;

	session_stop_watch();
	session_arrange_fds(fd, -1, -1, -1);
	s->transport_fd = SESSION_TRANSPORT_FD;
	s->id = session_make_id(s->pool);
	fill_conn(s, s->transport_fd);
	s->login_tag = cv_span("", 0);
	session_set_log_prefix(s);
	session_set_scope(s);
	s->connection = connection_create(s->pool, s->transport_fd, &s->conn,
					  cv_span("", 0));
	if (zygote->tls != NULL)
		connection_set_tls(s->connection, zygote->tls);
	status = session_confine(s, &err);
	if (status != CV_OK) {
		log_error("session", "%s", err.text);
		_exit(EXIT_FAILURE);
	}
	if (listener->haproxy && meet_proxy(s, &err) != CV_OK)
		end_early(s, &err);
	judge_peer(s);
	/* the listener's ssl = yes: TLS from the first byte on */
	if (listener->ssl &&
	    connection_api.starttls(s->connection, &err) != CV_OK)
		end_early(s, &err);
	session_child_run(s);
}
