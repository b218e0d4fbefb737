/* client.c - a connection to another server, as its client.  What comes is
 * hostile: lines are bounded, nothing is waited for without end. */
#include "client.h"
#include "address.h"
#include "tls-pair.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

struct cv_client {
	const char *host;
	struct client_trust trust;
	bool verify;
	int fd;
	SSL_CTX *context;
	SSL *ssl;			/* NULL: plain */
	char buffer[CLIENT_LINE_MAX];
	size_t start, end;
};

static int tls_failed(const struct cv_client *c, struct cv_error *err)
{
	char text[256] = "closed";
	unsigned long code = ERR_get_error();
	long verify = c->ssl == NULL ? X509_V_OK :
		SSL_get_verify_result(c->ssl);

	if (code != 0)
		ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	if (verify != X509_V_OK)
		return FAIL(err, CV_E_DENIED, "the certificate of '%s' cannot "
			    "be trusted: %s", c->host,
			    X509_verify_cert_error_string(verify));
	return FAIL(err, CV_E_TEMP, "TLS with '%s': %s", c->host,
		    text);
}

/* The name in the certificate is the one that was asked for. */
static bool tls_prepare(struct cv_client *c)
{
	const char *file = *c->trust.ca_file == '\0' ? NULL :
		c->trust.ca_file;
	const char *dir = *c->trust.ca_dir == '\0' ? NULL : c->trust.ca_dir;

	if (c->verify) {
		SSL_CTX_set_verify(c->context, SSL_VERIFY_PEER, NULL);
		if (file == NULL && dir == NULL ?
		    SSL_CTX_set_default_verify_paths(c->context) != 1 :
		    SSL_CTX_load_verify_locations(c->context, file, dir) != 1)
			return false;
	}
	c->ssl = SSL_new(c->context);
	return c->ssl != NULL && SSL_set_fd(c->ssl, c->fd) == 1 &&
		SSL_set_tlsext_host_name(c->ssl, c->host) == 1 &&
		(!c->verify || SSL_set1_host(c->ssl, c->host) == 1);
}

/* Before there is a connection for which it is used: copied into its SSL. */
static int tls_show_cert(struct cv_client *c, struct cv_error *err)
{
	if (*c->trust.cert == '\0')
		return CV_OK;
	return tls_use_pair(c->context, c->trust.cert, c->trust.key, "",
			    "ssl_client_", err);
}

int client_start_tls(struct cv_client *c, struct cv_error *err)
{
	int status;

	c->start = c->end = 0;
	c->context = SSL_CTX_new(TLS_client_method());
	if (c->context == NULL)
		return tls_failed(c, err);
	status = tls_show_cert(c, err);
	if (status != CV_OK)
		return status;
	if (!tls_prepare(c) || SSL_connect(c->ssl) != 1)
		return tls_failed(c, err);
	return CV_OK;
}

static void client_free(void *data)
{
	struct cv_client *c = data;

	SSL_free(c->ssl);
	SSL_CTX_free(c->context);
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
}

void client_close(struct cv_client **client)
{
	struct cv_client *c = *client;

	*client = NULL;
	if (c != NULL && c->ssl != NULL && c->fd >= 0)
		(void)SSL_shutdown(c->ssl);
	if (c != NULL && c->fd >= 0)
		(void)close(c->fd);
	if (c != NULL)
		c->fd = -1;
}

static const char *given(const char *value, const char *otherwise)
{
	return value != NULL && *value != '\0' ? value : otherwise;
}

/* False: source is none of this machine's. */
static bool bind_to(int fd, const struct addrinfo *at, const char *source)
{
	struct net_address address;

	/* of the other family: not meant for this connection */
	if (*source == '\0' || !net_address_parse(&address, source, 0) ||
	    address.u.any.sa_family != at->ai_family)
		return true;
	return bind(fd, &address.u.any, address.len) == 0;
}

static int connect_one(const struct addrinfo *at, uint32_t msecs,
		       const char *source)
{
	struct timeval wait = { .tv_sec = msecs / 1000,
		.tv_usec = msecs % 1000 * 1000 };
	int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (bind_to(fd, at, source) &&
	    connect(fd, at->ai_addr, at->ai_addrlen) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

int client_open(struct cv_pool *pool, const struct cv_client_options *options,
		const struct client_trust *trust,
		struct cv_client **client_r, struct cv_error *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	struct cv_client *c = pool_new(pool, struct cv_client);
	const char *service = pool_printf(pool, "%u", options->port);
	const char *address = given(CV_HAS(options, address) ?
				    options->address : NULL, options->host);
	const char *source = CV_HAS(options, source) ? options->source : NULL;
	int failed = getaddrinfo(address, service, &hints, &list);

	if (failed != 0)
		return FAIL(err, CV_E_TEMP, "host '%s': %s", address,
			    gai_strerror(failed));
	c->host = pool_strdup(pool, options->host);
	c->trust = *trust;
	c->verify = options->verify;
	c->fd = -1;
	pool_add_finaliser(pool, client_free, c);
	for (const struct addrinfo *at = list; at != NULL && c->fd < 0;
	     at = at->ai_next)
		c->fd = connect_one(at, options->silence_msecs,
				    given(source, ""));
	freeaddrinfo(list);
	if (c->fd < 0) {
		FAIL_ERRNO(err, errno, "cannot connect to '%s', port %s",
			   options->host, service);
		return err != NULL ? err->code = CV_E_TEMP : CV_E_TEMP;
	}
	*client_r = c;
	return options->tls == CV_CLIENT_TLS ? client_start_tls(c, err) :
		CV_OK;
}

/* --- bytes ------------------------------------------------------------------------ */

static int fill(struct cv_client *c, struct cv_error *err)
{
	ssize_t n;

	if (c->start > 0) {
		memmove(c->buffer, c->buffer + c->start, c->end - c->start);
		c->end -= c->start;
		c->start = 0;
	}
	if (c->end == sizeof(c->buffer))
		return FAIL(err, CV_E_LIMIT, "'%s' sends a line that is too "
			    "long", c->host);
	do {
		n = c->ssl != NULL ?
			SSL_read(c->ssl, c->buffer + c->end,
				 (int)(sizeof(c->buffer) - c->end)) :
			recv(c->fd, c->buffer + c->end,
			     sizeof(c->buffer) - c->end, 0);
	} while (n < 0 && c->ssl == NULL && errno == EINTR);
	if (n > 0) {
		c->end += (size_t)n;
		return CV_OK;
	}
	if (c->ssl != NULL)
		return tls_failed(c, err);
	return n == 0 ? FAIL(err, CV_E_TEMP, "'%s' closed the connection",
			     c->host) :
		FAIL_ERRNO(err, errno, "cannot read from '%s'",
			   c->host);
}

int client_line(struct cv_client *c, struct cv_span *line_r,
		struct cv_error *err)
{
	size_t looked = 0;

	for (;;) {
		const char *from = c->buffer + c->start;
		const char *lf = memchr(from + looked, '\n',
					c->end - c->start - looked);
		int ret;

		if (lf != NULL) {
			size_t len = (size_t)(lf - from);

			c->start += len + 1;
			if (len > 0 && from[len - 1] == '\r')
				len--;
			*line_r = cv_span(from, len);
			return CV_OK;
		}
		looked = c->end - c->start;
		ret = fill(c, err);
		if (ret < 0)
			return ret;
	}
}

int client_begin_relay(struct cv_client *c, struct cv_error *err)
{
	static const struct timeval none;
	int on = 1, flags = fcntl(c->fd, F_GETFL);

	(void)setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none));
	(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none));
	if (flags < 0 || fcntl(c->fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return FAIL_ERRNO(err, errno, "fcntl failed");
	if (c->ssl != NULL)
		(void)SSL_set_mode(c->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
				   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				   SSL_MODE_RELEASE_BUFFERS);
	return CV_OK;
}

/* What OpenSSL wants to happen before it can go on; or it is over. */
static ssize_t ssl_result(struct cv_client *c, int n, short *events_r)
{
	int why = n > 0 ? SSL_ERROR_NONE : SSL_get_error(c->ssl, n);

	if (n > 0)
		return n;
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
		*events_r = why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
		return -1;
	}
	ERR_clear_error();
	return 0;
}

static ssize_t socket_result(ssize_t n, short wanted, short *events_r)
{
	if (n > 0)
		return n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		*events_r = wanted;
		return -1;
	}
	return 0;
}

ssize_t client_read_now(struct cv_client *c, char *dst, size_t room,
			short *events_r)
{
	size_t have = c->end - c->start;

	if (have > 0) {
		have = have < room ? have : room;
		memcpy(dst, c->buffer + c->start, have);
		c->start += have;
		return (ssize_t)have;
	}
	if (c->ssl == NULL)
		return socket_result(recv(c->fd, dst, room, 0), POLLIN,
				     events_r);
	ERR_clear_error();
	return ssl_result(c, SSL_read(c->ssl, dst, (int)room), events_r);
}

ssize_t client_write_now(struct cv_client *c, const char *data, size_t len,
			 short *events_r)
{
	if (c->ssl == NULL)
		return socket_result(send(c->fd, data, len, MSG_NOSIGNAL),
				     POLLOUT, events_r);
	ERR_clear_error();
	return ssl_result(c, SSL_write(c->ssl, data, (int)len), events_r);
}

void client_end_output(struct cv_client *c)
{
	if (c->ssl != NULL)
		(void)SSL_shutdown(c->ssl);
	(void)shutdown(c->fd, SHUT_WR);
	ERR_clear_error();
}

int client_descriptor(struct cv_client *c, bool *more_r)
{
	*more_r = c->end > c->start ||
		(c->ssl != NULL && SSL_pending(c->ssl) > 0);
	return c->fd;
}

int client_bytes(struct cv_client *c, size_t max, struct cv_span *data_r,
		 struct cv_error *err)
{
	size_t have;

	if (c->start == c->end) {
		int ret = fill(c, err);

		if (ret < 0)
			return ret;
	}
	have = c->end - c->start;
	*data_r = cv_span(c->buffer + c->start, have < max ? have : max);
	c->start += data_r->len;
	return CV_OK;
}

int client_write(struct cv_client *c, struct cv_span data,
		 struct cv_error *err)
{
	while (data.len > 0) {
		ssize_t n = c->ssl != NULL ?
			SSL_write(c->ssl, data.data, (int)data.len) :
			send(c->fd, data.data, data.len, MSG_NOSIGNAL);

		if (n <= 0 && c->ssl != NULL)
			return tls_failed(c, err);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return FAIL_ERRNO(err, errno, "cannot write to '%s'",
					  c->host);
		data = cv_span_skip(data, (size_t)n);
	}
	return CV_OK;
}

void client_identify(uint8_t id_r[16], const char *const *words,
		     uint32_t count)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct cv_pool *pool = pool_create("identify");
	struct cv_text text;
	unsigned int len = 0;

	cv_text_init(&text, pool);
	for (uint32_t i = 0; i < count; i++)
		cv_text_append(&text, words[i], strlen(words[i]) + 1);
	BUG_IF(EVP_Digest(text.data, text.len, digest, &len, EVP_sha256(),
			  NULL) != 1 || len < 16);
	memcpy(id_r, digest, 16);
	pool_destroy(&pool);
}
