/* tls-pair.h - certificate and key as they stand in the settings, for servers
 * and for clients of other servers. */
#ifndef NET_TLS_PAIR_H
#define NET_TLS_PAIR_H

#include "base.h"

#include <openssl/ssl.h>

/* Certificate with its chain, and key, as PEM; which: what the names of their
 * settings begin with ("ssl_").  CV_E_CONFIG: they cannot be used. */
int tls_use_pair(SSL_CTX *ctx, const char *cert, const char *key,
		 const char *password, const char *which,
		 struct cv_error *err);

/* The oldest entries of OpenSSL's error queue as one text; empties it. */
void tls_error_text(char *dst, size_t room);
/* CV_E_CONFIG: "what: that text". */
int tls_fail(struct cv_error *err, const char *what);
/* The same, for a setting of which no certificate or key could be read. */
int tls_fail_pem(struct cv_error *err, const char *what, const char *name,
		 const char *pem);

#endif
