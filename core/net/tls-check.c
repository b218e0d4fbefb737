/* tls-check.c - what is wrong with the certificates of a configuration, said
 * while it is read. */
#include "tls.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>

/* --- contexts ---------------------------------------------------------------- */

/* Where the setting was set that the text names first: "cannot use ssl_key",
 * "local_name x: ssl_dh ...". */
static void add_problem(struct settings_tree *tree,
			const struct settings_scope *outer, const char *text)
{
	struct settings_scope scope = *outer;
	const char *at = strstr(text, "ssl"), *file = "";
	struct cv_span rest = cv_span_of(text), name;
	char key[64], local_name[256];
	uint32_t line = 0;

	if (cv_span_split(&rest, ':', &name) &&
	    cv_span_begins(name, CV_SPAN("local_name "))) {
		name = cv_span_skip(name, strlen("local_name "));
		(void)snprintf(local_name, sizeof(local_name), "%.*s",
			       CV_SPAN_ARG(name));
		scope.local_name = local_name;
	}
	(void)snprintf(key, sizeof(key), "%.*s",
		       at == NULL ? 0 : (int)strspn(at,
			"abcdefghijklmnopqrstuvwxyz_"), at == NULL ? "" : at);
	if (settings_origin(tree, &scope, key, &file, &line) != CV_OK) {
		file = "";
		line = 0;
	}
	settings_problem_add(tree, false, file, line, "%s", text);
}

static int check_contexts(struct settings_tree *tree, struct cv_pool *pool,
			  struct cv_error *err)
{
	struct settings_scope scope = { .protocol = NULL };
	struct tls_server *server;
	uint32_t at = 0;
	int status;

	do {
		status = tls_server_create(pool, tree, &scope, &server, err);
		if (status == CV_OK)
			status = tls_server_prepare(server, err);
	} while (status >= 0 && settings_filter_next(tree, "protocol", &at,
						   &scope.protocol));
	if (status < 0)
		add_problem(tree, &scope, err->text);
	return status;
}

/* --- what other servers are shown ---------------------------------------------- */

static int check_pair(const struct ssl_settings *set, struct cv_error *err)
{
	SSL_CTX *ctx;
	int status;

	if (*set->ssl_client_cert == '\0' && *set->ssl_client_key == '\0')
		return CV_OK;
	if (*set->ssl_client_cert == '\0' || *set->ssl_client_key == '\0')
		return FAIL(err, CV_E_CONFIG, "%s is set, but not %s: other "
			    "servers can be shown both or none",
			    *set->ssl_client_cert == '\0' ?
			    "ssl_client_key" : "ssl_client_cert",
			    *set->ssl_client_cert == '\0' ?
			    "ssl_client_cert" : "ssl_client_key");
	ctx = SSL_CTX_new(TLS_client_method());
	status = ctx == NULL ? CV_OK :
		tls_use_pair(ctx, set->ssl_client_cert, set->ssl_client_key,
			     "", "ssl_client_", err);
	SSL_CTX_free(ctx);
	return status;
}

static int check_client(struct settings_tree *tree, struct cv_pool *pool,
			struct cv_error *err)
{
	struct settings_scope scope = { .protocol = NULL };
	struct ssl_settings set;
	uint32_t at = 0;
	int status;

	do {
		status = settings_get(tree, &ssl_settings_table, &scope, pool,
				      &set, err);
		if (status == CV_OK)
			status = check_pair(&set, err);
	} while (status >= 0 && settings_filter_next(tree, "protocol", &at,
						   &scope.protocol));
	if (status < 0)
		add_problem(tree, &scope, err->text);
	return status;
}

/* --- lists of revoked certificates --------------------------------------------- */

struct crl_check {
	struct settings_tree *tree;
	struct cv_pool *pool;
	ARRAY(const char *) done;	/* contents of ssl_ca, each once */
	const char *file;		/* where ssl_ca stands */
	uint32_t line;
};

static STACK_OF(X509_INFO) *read_infos(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	STACK_OF(X509_INFO) *infos;

	if (bio == NULL)
		return NULL;
	infos = PEM_X509_INFO_read_bio(bio, NULL, NULL, NULL);
	BIO_free(bio);
	return infos;
}

/* The newest list of the authority; NULL: none. */
static const X509_CRL *find_crl(STACK_OF(X509_INFO) *infos,
				const X509_NAME *authority)
{
	const X509_CRL *found = NULL;

	for (int i = 0; i < sk_X509_INFO_num(infos); i++) {
		const X509_CRL *crl = sk_X509_INFO_value(infos, i)->crl;

		if (crl == NULL ||
		    X509_NAME_cmp(X509_CRL_get_issuer(crl), authority) != 0)
			continue;
		if (found == NULL ||
		    ASN1_TIME_compare(X509_CRL_get0_lastUpdate(found),
				      X509_CRL_get0_lastUpdate(crl)) < 0)
			found = crl;
	}
	return found;
}

static void check_authority(const struct crl_check *c,
			    STACK_OF(X509_INFO) *infos, const X509 *cert)
{
	const X509_NAME *name = X509_get_subject_name(cert);
	const X509_CRL *crl = find_crl(infos, name);
	const ASN1_TIME *until = crl == NULL ? NULL :
		X509_CRL_get0_nextUpdate(crl);
	char text[256];

	(void)X509_NAME_oneline(name, text, sizeof(text));
	if (crl == NULL)
		settings_problem_add(c->tree, true, c->file, c->line,
			"ssl_ca has no list of revoked certificates (CRL) of "
			"'%s', and ssl_require_crl = yes: no certificate of "
			"a client is accepted (hint: add the list to the "
			"file, or write ssl_require_crl = no)", text);
	else if (until != NULL && X509_cmp_current_time(until) < 0)
		settings_problem_add(c->tree, true, c->file, c->line,
			"ssl_ca: the list of revoked certificates (CRL) of "
			"'%s' has expired, and ssl_require_crl = yes: no "
			"certificate of a client is accepted until there is "
			"a newer one (hint: replace the list and reload, or "
			"write ssl_require_crl = no)", text);
}

static bool is_done(struct crl_check *c, const char *pem)
{
	for (size_t i = 0; i < c->done.count; i++) {
		if (strcmp(c->done.items[i], pem) == 0)
			return true;
	}
	*array_add(&c->done) = pem;
	return false;
}

static void check_scope(struct crl_check *c,
			const struct settings_scope *scope)
{
	STACK_OF(X509_INFO) *infos;
	struct ssl_settings set;

	if (settings_get(c->tree, &ssl_settings_table, scope, c->pool, &set,
			 NULL) != CV_OK || set.ssl == SSL_SSL_NO ||
	    !set.ssl_verify_client_cert || !set.ssl_require_crl ||
	    is_done(c, set.ssl_ca))
		return;
	c->file = "";
	c->line = 0;
	(void)settings_origin(c->tree, scope, "ssl_ca", &c->file, &c->line);
	infos = read_infos(set.ssl_ca);
	for (int i = 0; infos != NULL && i < sk_X509_INFO_num(infos); i++) {
		const X509 *cert = sk_X509_INFO_value(infos, i)->x509;

		if (cert != NULL)
			check_authority(c, infos, cert);
	}
	sk_X509_INFO_pop_free(infos, X509_INFO_free);
}

/* Else it would show only when somebody cannot log in. */
static void check_crls(struct settings_tree *tree, struct cv_pool *pool)
{
	struct crl_check c = { .tree = tree, .pool = pool };
	struct settings_scope scope = { .protocol = NULL };
	uint32_t protocol = 0;

	array_init(&c.done, pool);
	do {
		uint32_t name = 0;

		scope.local_name = NULL;
		do
			check_scope(&c, &scope);
		while (settings_filter_next(tree, "local_name", &name,
					    &scope.local_name));
	} while (settings_filter_next(tree, "protocol", &protocol,
				      &scope.protocol));
}

int tls_settings_check(struct settings_tree *tree, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("tls check");
	int status;

	pool_set_secret(pool);
	status = check_contexts(tree, pool, err);
	if (status >= 0)
		status = check_client(tree, pool, err);
	if (status >= 0)
		check_crls(tree, pool);
	pool_destroy(&pool);
	return status < 0 ? status : CV_OK;
}
