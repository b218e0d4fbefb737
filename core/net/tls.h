/* tls.h - TLS contexts from the settings, and what a session of them tells.
 *
 * Keys and certificates come from the settings as PEM text, so a context is
 * made without opening a file, and can be made by a process that is confined.
 * It is made when a client asks for TLS, not before: it takes a megabyte and
 * a half with the pages of OpenSSL that its making touches. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "settings/core-settings.h"
#include "tls-pair.h"

#include <openssl/ssl.h>

struct tls_server;	/* one context for each local_name, and the default */

/* All certificates of the tree, as the protocol and local address see them.
 * CV_NOT_FOUND: ssl is off or no certificate is set.  Lives in the pool.
 * OpenSSL itself is ready for use then; whether the certificates can be used
 * says tls_server_prepare(). */
int tls_server_create(struct cv_pool *pool, const struct settings_tree *tree,
		      const struct settings_scope *scope,
		      struct tls_server **server_r, struct cv_error *err);

/* Makes every context that a login process of this tree would make, and adds
 * what is wrong with one to the tree's problems: a configuration without
 * usable certificates must be refused before anything runs with it.  An
 * authority of clients whose list of revoked certificates is missing, or too
 * old, is a warning. */
int tls_settings_check(struct settings_tree *tree, struct cv_error *err);

/* Makes the contexts, when that is not done.  tls_settings_check() has had
 * all of them made before anything runs; so CV_E_CONFIG is no message that
 * an admin should ever read. */
int tls_server_prepare(struct tls_server *server, struct cv_error *err);

/* Prepares it and does a handshake with itself, in memory, so that what OpenSSL looks up and
 * makes with the first one is there: for a process that forks one child per
 * client, which would each make it again, in pages of their own.  Whether it
 * comes about does not matter. */
void tls_server_warm_up(struct tls_server *server);

/* The same, once, when this process or a child of it has begun a session of
 * any server since: nobody pays for what no client asks for.  To be called
 * before each fork of a child for a client.  NULL: nothing is done.  True: it
 * was done now, and the heap is another one (service_prepare_forks()). */
bool tls_server_before_fork(struct tls_server *server);

/* The server's side of a session that picks its certificate by server name.
 * NULL, logged: there is no memory.  The caller frees it. */
SSL *tls_server_session(struct tls_server *server, int fd);

/* The server name of the client that one of the local_name blocks knows, ""
 * none.  Points into the settings. */
const char *tls_session_local_name(SSL *ssl);

/* True, and a sentence for the log, when the client has shown a certificate
 * that was not accepted. */
bool tls_session_cert_refused(SSL *ssl, char *dst, size_t room);
/* The user name in a verified client certificate; *valid_r without a name
 * when the certificate is good but has no such field.  Names with a NUL are
 * refused [security.md A25]. */
void tls_session_cert(SSL *ssl, const struct ssl_settings *settings,
		      struct cv_pool *pool, bool *valid_r,
		      const char **name_r);

/* "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)". */
void tls_session_describe(SSL *ssl, char *dst, size_t room);

/* Appends the channel bindings of the session that are safe with its version:
 * tls-exporter [RFC9266 2], tls-unique and tls-server-end-point
 * [RFC5929 3, 4], as in channel-binding.h. */
void tls_session_bindings(SSL *ssl, struct cv_text *bindings);

#endif
