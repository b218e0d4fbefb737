/* auth-mechanism.c - the SASL mechanisms. */
#include "auth-mechanism.h"
#include "base.h"

#include <openssl/evp.h>
#include <stdio.h>

#define ADDRESS(table, name) &(table),
static const struct cv_mechanism *const own[] = {
	AUTH_OWN_MECHANISMS(ADDRESS)
};

static struct auth_mechanism_env env;
static char env_hostname[256];
static bool env_has_key;

/* The key of the certificate is the one secret that outlives this process and
 * that all servers of one name share. */
static void make_salt_key(const char *tls_key)
{
	static const char label[] = "culver: salts of nobody\n";
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	BUG_IF(ctx == NULL ||
	       EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 ||
	       EVP_DigestUpdate(ctx, label, sizeof(label)) != 1 ||
	       EVP_DigestUpdate(ctx, tls_key, strlen(tls_key)) != 1 ||
	       EVP_DigestFinal_ex(ctx, env.salt_key, NULL) != 1);
	EVP_MD_CTX_free(ctx);
}

void auth_mechanisms_init(const struct settings_tree *tree,
			  const struct auth_settings *set,
			  const char *hostname)
{
	const struct settings_scope scope = { 0 };
	struct cv_pool *pool = pool_create("mechanisms");
	struct ssl_settings ssl;

	pool_set_secret(pool);
	env.set = set;
	(void)snprintf(env_hostname, sizeof(env_hostname), "%s", hostname);
	env.hostname = env_hostname;
	if (tree != NULL && settings_get(tree, &ssl_settings_table, &scope, pool, &ssl,
			 NULL) == CV_OK && ssl.ssl_key[0] != '\0') {
		make_salt_key(ssl.ssl_key);
		env_has_key = true;
	}
	pool_destroy(&pool);
}

const struct auth_mechanism_env *auth_mechanism_env(void)
{
	if (!env_has_key) {
		random_bytes(env.salt_key, sizeof(env.salt_key));
		env_has_key = true;
	}
	if (env.hostname == NULL)
		env.hostname = "localhost";
	return &env;
}

static const struct cv_mechanism *find_any(const char *name)
{
	const struct cv_mechanism *mech;
	uint32_t at = 0;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (cv_span_is_icase(cv_span_of(name), own[i]->name))
			return own[i];
	}
	while ((mech = auth_provider_next(CV_PROVIDER_MECHANISM, &at)) !=
	       NULL) {
		if (cv_span_is_icase(cv_span_of(name), mech->name))
			return mech;
	}
	return NULL;
}

const struct cv_mechanism *auth_mechanism_find(const struct auth_settings *set,
					       const char *name)
{
	const struct cv_strings *names = &set->auth_mechanisms;

	for (uint32_t i = 0; i < names->count; i++) {
		if (cv_span_is_icase(cv_span_of(name), names->items[i]))
			return find_any(name);
	}
	return NULL;
}

void auth_mechanisms_list(const struct auth_settings *set,
			  struct auth_mechanisms *m_r)
{
	const struct cv_strings *names = &set->auth_mechanisms;
	const struct cv_mechanism *mech;
	uint32_t flags;

	m_r->count = 0;
	for (uint32_t i = 0; i < names->count &&
	     m_r->count < AUTH_MECHANISMS_MAX; i++) {
		if ((mech = find_any(names->items[i])) == NULL)
			continue;
		flags = 0;
		if ((mech->flags & CV_MECHANISM_PLAINTEXT) != 0)
			flags |= AUTH_MECH_PLAINTEXT;
		if ((mech->flags & CV_MECHANISM_NEEDS_TLS) != 0)
			flags |= AUTH_MECH_NEEDS_TLS;
		if ((mech->flags & CV_MECHANISM_HIDDEN) != 0)
			flags |= AUTH_MECH_HIDDEN;
		if ((mech->flags & CV_MECHANISM_BINDING) != 0)
			flags |= AUTH_MECH_BINDING;
		if ((mech->flags & CV_MECHANISM_CERT) != 0)
			flags |= AUTH_MECH_CERT;
		m_r->items[m_r->count].name = mech->name;
		m_r->items[m_r->count++].flags = flags;
	}
}

int auth_mechanisms_start(const struct auth_settings *set,
			  const struct cv_mechanism_config *config,
			  struct cv_error *err)
{
	const struct cv_strings *names = &set->auth_mechanisms;
	const struct cv_mechanism *mech;
	int ret = CV_OK;

	for (uint32_t i = 0; ret == CV_OK && i < names->count; i++) {
		mech = find_any(names->items[i]);
		if (mech != NULL && CV_HAS(mech, start) && mech->start != NULL)
			ret = mech->start(config, err);
	}
	return ret;
}

int auth_mechanisms_check(const struct auth_settings *set,
			  struct cv_error *err)
{
	const struct cv_strings *names = &set->auth_mechanisms;

	if (names->count == 0)
		return FAIL(err, CV_E_CONFIG, "auth_mechanisms is empty: "
			    "nobody could log in");
	for (uint32_t i = 0; i < names->count; i++) {
		if (find_any(names->items[i]) == NULL)
			return FAIL(err, CV_E_CONFIG, "auth_mechanisms: "
				    "no mechanism '%s' here, nor in a plugin",
				    names->items[i]);
	}
	return CV_OK;
}
