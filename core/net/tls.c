/* tls.c - TLS contexts from the settings. */
#include "tls.h"
#include "tls-memory.h"
#include "tls-pair.h"
#include "ipc/channel-binding.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <sys/mman.h>

enum { WARM_BYTES = 64 * 1024, WARM_ROUNDS = 4 };

struct tls_name {
	const char *name;
	struct ssl_settings settings;
	SSL_CTX *ctx;
};

struct tls_server {
	struct cv_pool *pool;
	struct ssl_settings settings;
	SSL_CTX *ctx;			/* without a known server name */
	ARRAY(struct tls_name) names;
	bool prepared;
};

/* A page that this process and its children share, with a byte that says
 * whether one of them has begun TLS.  A child that lies has its parent do a
 * handshake with itself, once. */
static volatile unsigned char *in_use;
static bool warm;

static BIO *bio_of(const char *pem)
{
	return BIO_new_mem_buf(pem, -1);
}

static void add_authority(SSL_CTX *ctx, const X509_INFO *info)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);

	if (info->x509 != NULL) {
		(void)X509_STORE_add_cert(store, info->x509);
		(void)SSL_CTX_add_client_CA(ctx, info->x509);
	}
	if (info->crl != NULL)
		(void)X509_STORE_add_crl(store, info->crl);
}

static int accept_certificate(int ok, X509_STORE_CTX *ctx)
{
	/* the handshake goes on: auth decides by tls_session_cert */
	(void)ok;
	(void)ctx;
	return 1;
}

static int use_authorities(SSL_CTX *ctx, const struct ssl_settings *set,
			   struct cv_error *err)
{
	STACK_OF(X509_INFO) *infos;
	BIO *bio;

	if (!set->ssl_verify_client_cert)
		return CV_OK;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE,
			   accept_certificate);
	bio = bio_of(set->ssl_ca);
	infos = PEM_X509_INFO_read_bio(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (infos == NULL || sk_X509_INFO_num(infos) == 0) {
		sk_X509_INFO_pop_free(infos, X509_INFO_free);
		ERR_clear_error();
		return FAIL(err, CV_E_CONFIG, "ssl_verify_client_cert is on, "
			    "but ssl_ca holds no certificate");
	}
	for (int i = 0; i < sk_X509_INFO_num(infos); i++)
		add_authority(ctx, sk_X509_INFO_value(infos, i));
	sk_X509_INFO_pop_free(infos, X509_INFO_free);
	if (set->ssl_require_crl)
		(void)X509_STORE_set_flags(SSL_CTX_get_cert_store(ctx),
			X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	return CV_OK;
}

static int use_algorithms(SSL_CTX *ctx, const struct ssl_settings *set,
			  struct cv_error *err)
{
	int version = set->ssl_min_protocol == SSL_SSL_MIN_PROTOCOL_TLSV1_3 ?
		TLS1_3_VERSION : TLS1_2_VERSION;

	if (SSL_CTX_set_min_proto_version(ctx, version) != 1)
		return tls_fail(err, "cannot set ssl_min_protocol");
	if (*set->ssl_cipher_list != '\0' &&
	    SSL_CTX_set_cipher_list(ctx, set->ssl_cipher_list) != 1)
		return tls_fail(err, "ssl_cipher_list has no usable cipher");
	if (*set->ssl_cipher_suites != '\0' &&
	    SSL_CTX_set_ciphersuites(ctx, set->ssl_cipher_suites) != 1)
		return tls_fail(err, "ssl_cipher_suites has no usable suite");
	if (*set->ssl_curve_list != '\0' &&
	    SSL_CTX_set1_groups_list(ctx, set->ssl_curve_list) != 1)
		return tls_fail(err, "ssl_curve_list has no usable group");
	return CV_OK;
}

static int use_dh(SSL_CTX *ctx, const struct ssl_settings *set,
		  struct cv_error *err)
{
	EVP_PKEY *dh;
	BIO *bio;

	if (*set->ssl_dh == '\0') {
		(void)SSL_CTX_set_dh_auto(ctx, 1);
		return CV_OK;
	}
	bio = bio_of(set->ssl_dh);
	dh = PEM_read_bio_Parameters(bio, NULL);
	BIO_free(bio);
	if (dh == NULL || SSL_CTX_set0_tmp_dh_pkey(ctx, dh) != 1) {
		EVP_PKEY_free(dh);
		return tls_fail(err, "cannot use ssl_dh");
	}
	return CV_OK;
}

static void use_options(SSL_CTX *ctx, const struct ssl_settings *set)
{
	uint64_t options = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION;

	if (set->ssl_prefer_server_ciphers)
		options |= SSL_OP_CIPHER_SERVER_PREFERENCE;
	for (uint32_t i = 0; i < set->ssl_options.count; i++) {
		if (strcmp(set->ssl_options.items[i], "no_ticket") == 0)
			options |= SSL_OP_NO_TICKET;
	}
	(void)SSL_CTX_set_options(ctx, options);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
			       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
			       SSL_MODE_RELEASE_BUFFERS);
	/* processes share no memory: a cache in one would never be asked */
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
}

static void free_ctx(void *data)
{
	SSL_CTX_free(data);
}

static int make_ctx(struct cv_pool *pool, const struct ssl_settings *set,
		    SSL_CTX **ctx_r, struct cv_error *err)
{
	static const unsigned char id[] = "culver";
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int status;

	if (ctx == NULL)
		return tls_fail(err, "cannot create a TLS context");
	pool_add_finaliser(pool, free_ctx, ctx);
	use_options(ctx, set);
	(void)SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1);
	status = use_algorithms(ctx, set, err);
	if (status == CV_OK)
		status = tls_use_pair(ctx, set->ssl_cert, set->ssl_key,
				  set->ssl_key_password, "ssl_", err);
	if (status == CV_OK && *set->ssl_alt_cert != '\0')
		status = tls_use_pair(ctx, set->ssl_alt_cert, set->ssl_alt_key,
				  set->ssl_key_password, "ssl_alt_", err);
	if (status == CV_OK)
		status = use_dh(ctx, set, err);
	if (status == CV_OK)
		status = use_authorities(ctx, set, err);
	*ctx_r = ctx;
	return status;
}

static const struct tls_name *name_find(const struct tls_server *server,
					struct cv_span name)
{
	for (size_t i = 0; i < server->names.count; i++) {
		const struct tls_name *entry = &server->names.items[i];
		struct cv_span own = cv_span_of(entry->name);

		if (cv_span_equal_icase(own, name))
			return entry;
		/* "*.example.org" covers one label */
		if (cv_span_begins(own, CV_SPAN("*.")) && name.len > 0) {
			struct cv_span rest = name, label;

			if (cv_span_split(&rest, '.', &label) &&
			    rest.data != NULL &&
			    cv_span_equal_icase(cv_span_skip(own, 2), rest))
				return entry;
		}
	}
	return NULL;
}

/* Called with each handshake, whether the client names a server or not.
 * Only names of the settings have an effect, nothing is kept for others
 * [security.md A5, A6]. */
static int choose_name(SSL *ssl, int *alert, void *context)
{
	const struct tls_server *server = context;
	const char *text = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct tls_name *entry;

	(void)alert;
	if (in_use != NULL)
		*in_use = 1;
	if (text == NULL)
		return SSL_TLSEXT_ERR_OK;
	entry = name_find(server, cv_span_of(text));
	if (entry == NULL)
		return SSL_TLSEXT_ERR_OK;
	(void)SSL_set_SSL_CTX(ssl, entry->ctx);
	(void)SSL_set_app_data(ssl, (void *)entry->name);
	return SSL_TLSEXT_ERR_OK;
}

static int read_ssl(const struct settings_tree *tree,
		    const struct settings_scope *scope, struct cv_pool *pool,
		    struct ssl_settings *set_r, struct cv_error *err)
{
	return settings_get(tree, &ssl_settings_table, scope, pool, set_r,
			    err);
}

static int add_names(struct tls_server *server,
		     const struct settings_tree *tree,
		     const struct settings_scope *scope, struct cv_error *err)
{
	struct settings_scope inner = *scope;
	struct ssl_settings set;
	struct tls_name *entry;
	const char *name;
	uint32_t at = 0;
	int status;

	while (settings_filter_next(tree, "local_name", &at, &name)) {
		inner.local_name = name;
		status = read_ssl(tree, &inner, server->pool, &set, err);
		if (status != CV_OK)
			return status;
		if (strcmp(set.ssl_cert, server->settings.ssl_cert) == 0)
			continue;
		entry = array_add(&server->names);
		entry->name = pool_strdup(server->pool, name);
		entry->settings = set;
	}
	return CV_OK;
}

/* What OpenSSL reads from files, and asks of the kernel, it does now. */
static int prepare_openssl(struct cv_error *err)
{
	unsigned char byte;

	if (OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL) != 1)
		return tls_fail(err, "OpenSSL cannot be used");
	return RAND_bytes(&byte, 1) == 1 ? CV_OK :
		FAIL(err, CV_E_INTERNAL, "OpenSSL has no randomness");
}

static void share_in_use(void)
{
	void *page;

	if (in_use != NULL)
		return;
	page = mmap(NULL, 1, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page != MAP_FAILED)
		in_use = page;
}

int tls_server_create(struct cv_pool *pool, const struct settings_tree *tree,
		      const struct settings_scope *scope,
		      struct tls_server **server_r, struct cv_error *err)
{
	struct tls_server *server = pool_new(pool, struct tls_server);
	struct ssl_settings *set = &server->settings;
	int status = read_ssl(tree, scope, pool, set, err);

	*server_r = NULL;
	if (status != CV_OK)
		return status;
	if (set->ssl == SSL_SSL_NO)
		return CV_NOT_FOUND;
	if (*set->ssl_cert == '\0' || *set->ssl_key == '\0') {
		if (set->ssl == SSL_SSL_REQUIRED)
			return FAIL(err, CV_E_CONFIG, "ssl = required, but "
				    "ssl_cert or ssl_key is not set");
		return CV_NOT_FOUND;
	}
	server->pool = pool;
	array_init(&server->names, pool);
	status = add_names(server, tree, scope, err);
	if (status == CV_OK)
		status = prepare_openssl(err);
	if (status != CV_OK)
		return status;
	share_in_use();
	*server_r = server;
	return CV_OK;
}

int tls_server_prepare(struct tls_server *server, struct cv_error *err)
{
	int status;

	if (server->prepared)
		return CV_OK;
	status = make_ctx(server->pool, &server->settings, &server->ctx, err);
	if (status != CV_OK)
		return status;
	for (size_t i = 0; i < server->names.count; i++) {
		struct tls_name *entry = &server->names.items[i];

		status = make_ctx(server->pool, &entry->settings, &entry->ctx,
				  err);
		if (status != CV_OK)
			return error_prefix(err, "local_name %s", entry->name);
	}
	(void)SSL_CTX_set_tlsext_servername_callback(server->ctx, choose_name);
	(void)SSL_CTX_set_tlsext_servername_arg(server->ctx, server);
	server->prepared = true;
	return CV_OK;
}

static bool prepare(struct tls_server *server)
{
	struct cv_error err = ERROR_NONE;

	if (tls_server_prepare(server, &err) == CV_OK)
		return true;
	log_error("ssl", "%s", err.text);
	return false;
}

SSL *tls_server_session(struct tls_server *server, int fd)
{
	SSL *ssl = prepare(server) ? SSL_new(server->ctx) : NULL;

	if (ssl == NULL)
		return NULL;
	if (SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_accept_state(ssl);
	return ssl;
}

/* --- warming up ------------------------------------------------------------- */

/* Handshake, and a byte each way. */
static void talk(SSL *server, SSL *client)
{
	char byte;

	for (int i = 0; i < WARM_ROUNDS; i++) {
		(void)SSL_do_handshake(client);
		(void)SSL_do_handshake(server);
	}
	(void)SSL_write(client, "x", 1);
	(void)SSL_read(server, &byte, 1);
	(void)SSL_write(server, "x", 1);
	(void)SSL_read(client, &byte, 1);
}

static void warm_up(struct tls_server *server, SSL_CTX *clients,
		    int version)
{
	SSL *ours = SSL_new(server->ctx);
	SSL *theirs = SSL_new(clients);
	BIO *a = NULL, *b = NULL;

	if (ours != NULL && theirs != NULL &&
	    BIO_new_bio_pair(&a, WARM_BYTES, &b, WARM_BYTES) == 1) {
		SSL_set_bio(ours, a, a);
		SSL_set_bio(theirs, b, b);
		SSL_set_accept_state(ours);
		SSL_set_connect_state(theirs);
		if (SSL_set_max_proto_version(theirs, version) == 1)
			talk(ours, theirs);
	}
	SSL_free(theirs);
	SSL_free(ours);
}

void tls_server_warm_up(struct tls_server *server)
{
	SSL_CTX *clients = prepare(server) ?
		SSL_CTX_new(TLS_client_method()) : NULL;

	warm = true;
	if (clients != NULL) {
		warm_up(server, clients, TLS1_2_VERSION);
		warm_up(server, clients, TLS1_3_VERSION);
	}
	SSL_CTX_free(clients);
	ERR_clear_error();
	tls_memory_share();
}

bool tls_server_before_fork(struct tls_server *server)
{
	/* without the page nobody could tell */
	if (warm || server == NULL || (in_use != NULL && *in_use == 0))
		return false;
	tls_server_warm_up(server);
	return true;
}

/* --- what a session tells ---------------------------------------------------- */

const char *tls_session_local_name(SSL *ssl)
{
	const char *name = SSL_get_app_data(ssl);

	return name == NULL ? "" : name;
}

static const char *subject_field(X509 *cert, const char *field,
				 struct cv_pool *pool)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	int nid = OBJ_txt2nid(field), at;
	ASN1_STRING *value;
	unsigned char *utf8;
	const char *name = "";
	int len;

	if (nid == NID_undef)
		return "";
	at = X509_NAME_get_index_by_NID(subject, nid, -1);
	if (at < 0)
		return "";
	value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	len = ASN1_STRING_to_UTF8(&utf8, value);
	if (len < 0)
		return "";
	if (len > 0 && memchr(utf8, '\0', (size_t)len) == NULL)
		name = pool_copy(pool, utf8, (size_t)len);
	OPENSSL_free(utf8);
	return name;
}

void tls_session_cert(SSL *ssl, const struct ssl_settings *settings,
		      struct cv_pool *pool, bool *valid_r,
		      const char **name_r)
{
	X509 *cert = SSL_get1_peer_certificate(ssl);

	*valid_r = false;
	*name_r = "";
	if (cert == NULL)
		return;
	if (SSL_get_verify_result(ssl) == X509_V_OK) {
		*valid_r = true;
		*name_r = subject_field(cert,
			settings->ssl_cert_username_field, pool);
	}
	X509_free(cert);
}

bool tls_session_cert_refused(SSL *ssl, char *dst, size_t room)
{
	long result = SSL_get_verify_result(ssl);
	X509 *cert = SSL_get1_peer_certificate(ssl);
	char subject[256], issuer[256];

	if (cert == NULL)
		return false;
	if (result != X509_V_OK) {
		(void)X509_NAME_oneline(X509_get_subject_name(cert), subject,
					sizeof(subject));
		(void)X509_NAME_oneline(X509_get_issuer_name(cert), issuer,
					sizeof(issuer));
		(void)snprintf(dst, room, "certificate of the client is not "
			       "accepted: %s: subject '%s', issuer '%s'%s",
			       X509_verify_cert_error_string(result), subject,
			       issuer,
			       result == X509_V_ERR_UNABLE_TO_GET_CRL ?
			       " (hint: ssl_require_crl = yes needs the list "
			       "of revoked certificates of every authority in "
			       "ssl_ca)" : "");
	}
	X509_free(cert);
	return result != X509_V_OK;
}

void tls_session_describe(SSL *ssl, char *dst, size_t room)
{
	int all = 0, bits = SSL_get_cipher_bits(ssl, &all);

	(void)snprintf(dst, room, "%s with cipher %s (%d/%d bits)",
		       SSL_get_version(ssl), SSL_get_cipher_name(ssl), bits,
		       all);
}

/* [RFC9266 3] needs TLS 1.3, or the extended master secret; the same goes for
 * tls-unique, which two connections could be made to share otherwise. */
static bool is_unique(SSL *ssl)
{
	return SSL_version(ssl) >= TLS1_3_VERSION ||
		SSL_get_extms_support(ssl) == 1;
}

static void add_exporter(SSL *ssl, struct cv_text *bindings)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	unsigned char data[32];

	if (is_unique(ssl) &&
	    SSL_export_keying_material(ssl, data, sizeof(data), label,
				       sizeof(label) - 1,
				       (const unsigned char *)"", 0, 1) == 1)
		channel_binding_add(bindings, "tls-exporter", data,
				    sizeof(data));
}

/* [RFC5929 3.1] the first Finished message of the latest handshake: the
 * client's, or, of a resumed session, the server's.  TLS 1.3 has no such
 * thing [RFC9266 3]. */
static void add_unique(SSL *ssl, struct cv_text *bindings)
{
	unsigned char data[CHANNEL_BINDING_DATA_MAX];
	size_t len;

	if (SSL_version(ssl) >= TLS1_3_VERSION || !is_unique(ssl))
		return;
	len = SSL_session_reused(ssl) ?
		SSL_get_finished(ssl, data, sizeof(data)) :
		SSL_get_peer_finished(ssl, data, sizeof(data));
	if (len > 0 && len <= sizeof(data))
		channel_binding_add(bindings, "tls-unique", data, len);
}

/* [RFC5929 4.1] the certificate under the hash of its signature; SHA-256 in
 * place of MD5 and SHA-1, nothing when there is no such hash (Ed25519). */
static void add_end_point(SSL *ssl, struct cv_text *bindings)
{
	X509 *cert = SSL_get_certificate(ssl);
	unsigned char data[EVP_MAX_MD_SIZE];
	unsigned int len;
	int nid;

	if (cert == NULL ||
	    X509_get_signature_info(cert, &nid, NULL, NULL, NULL) != 1 ||
	    nid == NID_undef)
		return;
	if (nid == NID_md5 || nid == NID_sha1)
		nid = NID_sha256;
	if (EVP_get_digestbynid(nid) != NULL &&
	    X509_digest(cert, EVP_get_digestbynid(nid), data, &len) == 1)
		channel_binding_add(bindings, "tls-server-end-point", data,
				    len);
}

void tls_session_bindings(SSL *ssl, struct cv_text *bindings)
{
	add_exporter(ssl, bindings);
	add_unique(ssl, bindings);
	add_end_point(ssl, bindings);
	ERR_clear_error();
}
