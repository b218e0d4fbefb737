/* forward-target.c - see forward-target.h. */
#include "base.h"
#include "forward-target.h"

#include "net/address.h"
#include "settings/core-settings.h"

#include <errno.h>
#include <sys/socket.h>

const char *forward_field(const struct user_info *user, const char *name)
{
	const char *value = user_info_field(user, name);

	return value == NULL ? "" : value;
}

/* yes, any-cert, starttls: the letter decides, as in any boolean field. */
static bool is_on(const char *value)
{
	return *value != '\0' && strchr("yYaAsS", *value) != NULL;
}

static void choose_tls(const struct user_info *user, bool valid_certs,
		       struct cv_client_options *options)
{
	const char *ssl = forward_field(user, "ssl");
	const char *starttls = forward_field(user, "starttls");
	bool any = strcasecmp(ssl, "any-cert") == 0 ||
		strcasecmp(starttls, "any-cert") == 0;

	options->tls = is_on(starttls) || strcasecmp(ssl, "starttls") == 0 ?
		CV_CLIENT_START_TLS :
		is_on(ssl) ? CV_CLIENT_TLS : CV_CLIENT_PLAIN;
	options->verify = valid_certs && !any;
}

int forward_target_get(const struct user_info *user,
		       const struct settings_tree *settings,
		       const struct settings_scope *scope,
		       uint32_t port, uint32_t tls_port,
		       uint32_t silence_msecs, struct cv_pool *pool,
		       struct forward_target *target_r, struct cv_error *err)
{
	const char *host = forward_field(user, "host");
	const char *hostip = forward_field(user, "hostip");
	const char *key = forward_field(user, FORWARD_KEY_FIELD);
	struct login_settings login;
	struct ssl_settings ssl;
	uint64_t number;
	int status = settings_get(settings, &login_settings_table, scope,
				  pool, &login, err);

	if (status == CV_OK)
		status = settings_get(settings, &ssl_settings_table, scope,
				      pool, &ssl, err);
	if (status != CV_OK)
		return status;
	*target_r = (struct forward_target){
		.options = {
			CV_SIZED(cv_client_options),
			.host = *host != '\0' ? host : hostip,
			.address = hostip,
			.source = forward_field(user, "source_ip"),
			.silence_msecs = silence_msecs != 0 ? silence_msecs :
				(uint32_t)login.login_proxy_timeout,
		},
		.trust = {
			.ca_file = ssl.ssl_client_ca_file,
			.ca_dir = ssl.ssl_client_ca_dir,
			.cert = ssl.ssl_client_cert,
			.key = *key != '\0' ? key : ssl.ssl_client_key,
		},
		.sources = login.login_source_ips,
		.tell_client =
			!is_on(forward_field(user, "proxy_not_trusted")),
	};
	if (*target_r->options.source != '\0')
		target_r->sources.count = 0;
	choose_tls(user, ssl.ssl_client_require_valid_cert,
		   &target_r->options);
	target_r->options.port = target_r->options.tls == CV_CLIENT_TLS ?
		tls_port : port;
	if (cv_span_to_u64(cv_span_of(forward_field(user, "port")),
			   UINT16_MAX, &number))
		target_r->options.port = (uint32_t)number;
	if (cv_span_to_u64(cv_span_of(forward_field(user, "proxy_timeout")),
			   86400, &number) && number > 0)
		target_r->options.silence_msecs = (uint32_t)number * 1000;
	return CV_OK;
}

static int check_loop(struct cv_client *far, const struct conn_info *conn,
		      const struct cv_client_options *options,
		      struct cv_error *err)
{
	struct net_address address = { .len = sizeof(address.u) };
	char ip[NET_IP_TEXT];
	bool more;
	int fd = client_descriptor(far, &more);

	if (getpeername(fd, &address.u.any, &address.len) < 0)
		return FAIL_ERRNO(err, errno, "getpeername failed");
	net_address_ip(&address, ip);
	if (strcmp(ip, conn->local_ip) != 0 ||
	    options->port != conn->local_port)
		return CV_OK;
	return FAIL(err, CV_E_CONFIG, "proxying loops: '%s', port %u, is "
		    "where the client has connected to", options->host,
		    options->port);
}

static void choose_source(struct forward_target *target)
{
	uint32_t n;

	if (target->sources.count == 0)
		return;
	random_bytes(&n, sizeof(n));
	target->options.source =
		target->sources.items[n % target->sources.count];
}

int forward_target_open(struct cv_pool *pool, struct forward_target *target,
			const struct conn_info *conn,
			struct cv_client **client_r, struct cv_error *err)
{
	int status;

	choose_source(target);
	status = client_open(pool, &target->options, &target->trust, client_r,
			     err);
	/* a certificate is none of the user's doing */
	if (status == CV_E_DENIED)
		status = CV_E_CONFIG;
	if (status == CV_OK) {
		status = check_loop(*client_r, conn, &target->options, err);
		if (status != CV_OK)
			client_close(client_r);
	}
	return status;
}

uint32_t forward_ttl(const struct conn_info *conn)
{
	return (conn->proxy_ttl == 0 ? FORWARD_TTL + 1 :
		conn->proxy_ttl) - 1;
}
