/* sync-conn.c - a connection to another mail server, as its client. */
#include "sync-conn.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

struct conn {
	const struct sync_account *account;
	int fd;
	SSL_CTX *context;
	SSL *ssl;			/* NULL: plain */
	char buffer[CONN_LINE_MAX];
	size_t start, end;
};

static int tls_failed(const struct conn *c, struct cv_error *err)
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
			    "be trusted: %s", c->account->host,
			    X509_verify_cert_error_string(verify));
	return FAIL(err, CV_E_TEMP, "TLS with '%s': %s", c->account->host,
		    text);
}

/* The name in the certificate is the one that was asked for. */
static bool tls_prepare(struct conn *c)
{
	const struct sync_account *a = c->account;
	const char *file = *a->ca_file == '\0' ? NULL : a->ca_file;
	const char *dir = *a->ca_dir == '\0' ? NULL : a->ca_dir;

	c->context = SSL_CTX_new(TLS_client_method());
	if (c->context == NULL)
		return false;
	if (a->verify) {
		SSL_CTX_set_verify(c->context, SSL_VERIFY_PEER, NULL);
		if (file == NULL && dir == NULL ?
		    SSL_CTX_set_default_verify_paths(c->context) != 1 :
		    SSL_CTX_load_verify_locations(c->context, file, dir) != 1)
			return false;
	}
	c->ssl = SSL_new(c->context);
	return c->ssl != NULL && SSL_set_fd(c->ssl, c->fd) == 1 &&
		SSL_set_tlsext_host_name(c->ssl, a->host) == 1 &&
		(!a->verify || SSL_set1_host(c->ssl, a->host) == 1);
}

int conn_start_tls(struct conn *c, struct cv_error *err)
{
	c->start = c->end = 0;
	if (!tls_prepare(c) || SSL_connect(c->ssl) != 1)
		return tls_failed(c, err);
	return CV_OK;
}

static void conn_free(void *data)
{
	struct conn *c = data;

	SSL_free(c->ssl);
	SSL_CTX_free(c->context);
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
}

void conn_close(struct conn *c)
{
	if (c->ssl != NULL)
		(void)SSL_shutdown(c->ssl);
}

static int connect_one(const struct addrinfo *at)
{
	struct timeval wait = { .tv_sec = CONN_SILENCE_MSECS / 1000 };
	int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(fd, at->ai_addr, at->ai_addrlen) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

int conn_open(struct cv_pool *pool, const struct sync_account *account,
	      uint32_t port, struct conn **conn_r, struct cv_error *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	struct conn *c = pool_new(pool, struct conn);
	const char *service = pool_printf(pool, "%u", account->port != 0 ?
					  account->port : port);
	int failed = getaddrinfo(account->host, service, &hints, &list);

	if (failed != 0)
		return FAIL(err, CV_E_TEMP, "host '%s': %s", account->host,
			    gai_strerror(failed));
	c->account = account;
	c->fd = -1;
	pool_add_finaliser(pool, conn_free, c);
	for (const struct addrinfo *at = list; at != NULL && c->fd < 0;
	     at = at->ai_next)
		c->fd = connect_one(at);
	freeaddrinfo(list);
	if (c->fd < 0)
		return FAIL_ERRNO(err, errno, "cannot connect to '%s', port "
				  "%s", account->host, service);
	*conn_r = c;
	return account->tls == SYNC_TLS_IMPLICIT ? conn_start_tls(c, err) :
		CV_OK;
}

/* --- bytes ------------------------------------------------------------------------ */

static int fill(struct conn *c, struct cv_error *err)
{
	ssize_t n;

	if (c->start > 0) {
		memmove(c->buffer, c->buffer + c->start, c->end - c->start);
		c->end -= c->start;
		c->start = 0;
	}
	if (c->end == sizeof(c->buffer))
		return FAIL(err, CV_E_LIMIT, "'%s' sends a line that is too "
			    "long", c->account->host);
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
			     c->account->host) :
		FAIL_ERRNO(err, errno, "cannot read from '%s'",
			   c->account->host);
}

int conn_line(struct conn *c, struct cv_span *line_r, struct cv_error *err)
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

int conn_bytes(struct conn *c, size_t max, struct cv_span *data_r,
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

int conn_write(struct conn *c, struct cv_span data, struct cv_error *err)
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
					  c->account->host);
		data = cv_span_skip(data, (size_t)n);
	}
	return CV_OK;
}

void conn_guid(uint8_t guid_r[16], const char *const *words, size_t count)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct cv_pool *pool = pool_create("guid");
	struct cv_text text;
	unsigned int len = 0;

	cv_text_init(&text, pool);
	for (size_t i = 0; i < count; i++)
		cv_text_append(&text, words[i], strlen(words[i]) + 1);
	BUG_IF(EVP_Digest(text.data, text.len, digest, &len, EVP_sha256(),
			  NULL) != 1 || len < 16);
	memcpy(guid_r, digest, 16);
	pool_destroy(&pool);
}
