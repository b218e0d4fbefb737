/* tls-pair.c - see tls-pair.h. */
#include "tls-pair.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

void tls_error_text(char *dst, size_t room)
{
	unsigned long code = ERR_get_error();

	if (code == 0)
		(void)snprintf(dst, room, "no reason given");
	else
		ERR_error_string_n(code, dst, room);
	ERR_clear_error();
}

int tls_fail(struct cv_error *err, const char *what)
{
	char text[256];

	tls_error_text(text, sizeof(text));
	return FAIL(err, CV_E_CONFIG, "%s: %s", what, text);
}

/* The text of which no certificate or key could be read. */
int tls_fail_pem(struct cv_error *err, const char *what, const char *name,
		 const char *pem)
{
	if (pem[0] == '/' && strchr(pem, '\n') == NULL) {
		ERR_clear_error();
		return FAIL(err, CV_E_CONFIG, "%s: it is the path of a file, "
			    "not what stands in it; write %s = <%s", what,
			    name, pem);
	}
	if (strstr(pem, "-----BEGIN ") == NULL) {
		ERR_clear_error();
		return FAIL(err, CV_E_CONFIG, "%s: there is no PEM in it "
			    "(-----BEGIN ...)", what);
	}
	return tls_fail(err, what);
}

static BIO *bio_of(const char *pem)
{
	return BIO_new_mem_buf(pem, -1);
}

/* The first is the server's own, the others lead to its root. */
static bool use_certs(SSL_CTX *ctx, BIO *bio, bool *found_r)
{
	X509 *cert = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
	bool ok;

	*found_r = cert != NULL;
	ok = cert != NULL && SSL_CTX_use_certificate(ctx, cert) == 1;
	X509_free(cert);
	if (ok)
		(void)SSL_CTX_clear_chain_certs(ctx);
	while (ok && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) !=
	       NULL) {
		ok = SSL_CTX_add0_chain_cert(ctx, cert) == 1;
		if (!ok)
			X509_free(cert);
	}
	if (ok)
		ERR_clear_error();	/* the end of the chain is no error */
	return ok;
}

static int use_chain(SSL_CTX *ctx, const char *pem, const char *name,
		     struct cv_error *err)
{
	BIO *bio = bio_of(pem);
	char what[64];
	bool found, ok = use_certs(ctx, bio, &found);

	BIO_free(bio);
	(void)snprintf(what, sizeof(what), "cannot use %s", name);
	if (ok)
		return CV_OK;
	return found ? tls_fail(err, what) : tls_fail_pem(err, what, name, pem);
}

static int password_callback(char *buf, int size, int for_writing,
			     void *context)
{
	const char *password = context;
	size_t len = strlen(password);

	(void)for_writing;
	if (len > (size_t)size)
		return 0;
	memcpy(buf, password, len);
	return (int)len;
}

static int use_key(SSL_CTX *ctx, const char *pem, const char *password,
		   const char *name, const char *cert_name,
		   struct cv_error *err)
{
	BIO *bio = bio_of(pem);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, password_callback,
						(void *)password);
	char what[128];
	bool ok;

	BIO_free(bio);
	(void)snprintf(what, sizeof(what), "cannot use %s", name);
	if (key == NULL)
		return tls_fail_pem(err, what, name, pem);
	ok = SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
		SSL_CTX_check_private_key(ctx) == 1;
	EVP_PKEY_free(key);
	(void)snprintf(what, sizeof(what), "cannot use %s (does it belong to "
		       "%s?)", name, cert_name);
	return ok ? CV_OK : tls_fail(err, what);
}

int tls_use_pair(SSL_CTX *ctx, const char *cert, const char *key,
		 const char *password, const char *which,
		 struct cv_error *err)
{
	char cert_name[32], key_name[32];
	int status;

	(void)snprintf(cert_name, sizeof(cert_name), "%scert", which);
	(void)snprintf(key_name, sizeof(key_name), "%skey", which);
	status = use_chain(ctx, cert, cert_name, err);
	return status == CV_OK ? use_key(ctx, key, password, key_name,
					 cert_name, err) : status;
}
