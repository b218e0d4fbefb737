/* jwt-signature.c - signatures of tokens, by OpenSSL.
 *
 * INVARIANT: the algorithm that a token names decides what a key may be, and
 * a key of another kind is refused: a public key is no secret of HMAC
 * (RFC 8725 2.1). */
#include "jwt-signature.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

enum { RSA_BITS_MIN = 2048 };		/* (RFC 7518 3.3) */

enum family { FAMILY_HMAC, FAMILY_RSA, FAMILY_PSS, FAMILY_EC, FAMILY_EDDSA };

struct algorithm {
	const char *name;
	enum family family;
	const EVP_MD *(*digest)(void);
	const char *curve;
	size_t half;			/* bytes of r and of s */
};

static const struct algorithm algorithms[] = {
	{ "HS256", FAMILY_HMAC, EVP_sha256, NULL, 0 },
	{ "HS384", FAMILY_HMAC, EVP_sha384, NULL, 0 },
	{ "HS512", FAMILY_HMAC, EVP_sha512, NULL, 0 },
	{ "RS256", FAMILY_RSA, EVP_sha256, NULL, 0 },
	{ "RS384", FAMILY_RSA, EVP_sha384, NULL, 0 },
	{ "RS512", FAMILY_RSA, EVP_sha512, NULL, 0 },
	{ "PS256", FAMILY_PSS, EVP_sha256, NULL, 0 },
	{ "PS384", FAMILY_PSS, EVP_sha384, NULL, 0 },
	{ "PS512", FAMILY_PSS, EVP_sha512, NULL, 0 },
	{ "ES256", FAMILY_EC, EVP_sha256, "prime256v1", 32 },
	{ "ES384", FAMILY_EC, EVP_sha384, "secp384r1", 48 },
	{ "ES512", FAMILY_EC, EVP_sha512, "secp521r1", 66 },
	{ "EdDSA", FAMILY_EDDSA, NULL, NULL, 0 },
};

/* Names are compared as they are (RFC 7515 4.1.1). */
static const struct algorithm *find_algorithm(const char *name)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]);
	     i++) {
		if (strcmp(algorithms[i].name, name) == 0)
			return &algorithms[i];
	}
	return NULL;
}

bool jwt_alg_is_known(const char *alg)
{
	return find_algorithm(alg) != NULL;
}

static bool is_pem(struct cv_span key)
{
	return cv_span_begins(key, CV_SPAN("-----BEGIN"));
}

static int verify_hmac(const struct algorithm *alg, const struct jwt *jwt,
		       struct cv_pool *pool, struct cv_span key,
		       struct cv_error *err)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	struct cv_text secret;
	bool same;

	cv_text_init(&secret, pool);
	if (is_pem(key) || !cv_api->base64_decode(&secret, key))
		return CV_FAIL(err, CV_E_CONFIG, "it is no secret in base64");
	/* (RFC 7518 3.2) no shorter than the digest */
	if (secret.len < (size_t)EVP_MD_get_size(alg->digest()))
		return CV_FAIL(err, CV_E_CONFIG, "the secret is shorter than "
			       "%d bytes, as %s needs", EVP_MD_get_size(
			       alg->digest()), alg->name);
	if (HMAC(alg->digest(), secret.data, (int)secret.len,
		 (const unsigned char *)jwt->signed_part.data,
		 jwt->signed_part.len, mac, &len) == NULL)
		return CV_FAIL(err, CV_E_TEMP, "HMAC failed");
	same = jwt->signature.len == len &&
		CRYPTO_memcmp(jwt->signature.data, mac, len) == 0;
	OPENSSL_cleanse(mac, sizeof(mac));
	return same ? CV_OK : CV_FAIL(err, CV_E_DENIED, "the signature is not "
				      "right");
}

/* A public key, or a certificate with one. */
static EVP_PKEY *load_key(struct cv_span key)
{
	BIO *bio = BIO_new_mem_buf(key.data, (int)key.len);
	EVP_PKEY *pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	X509 *cert;

	if (pkey == NULL && BIO_reset(bio) == 1 &&
	    (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		pkey = X509_get_pubkey(cert);
		X509_free(cert);
	}
	BIO_free(bio);
	return pkey;
}

static bool key_fits(const struct algorithm *alg, const EVP_PKEY *pkey)
{
	char curve[80];
	size_t len;

	switch (alg->family) {
	case FAMILY_RSA:
		return EVP_PKEY_is_a(pkey, "RSA") &&
			EVP_PKEY_get_bits(pkey) >= RSA_BITS_MIN;
	case FAMILY_PSS:
		return (EVP_PKEY_is_a(pkey, "RSA") ||
			EVP_PKEY_is_a(pkey, "RSA-PSS")) &&
			EVP_PKEY_get_bits(pkey) >= RSA_BITS_MIN;
	case FAMILY_EC:
		/* (RFC 7518 3.4) one curve for each */
		return EVP_PKEY_is_a(pkey, "EC") &&
			EVP_PKEY_get_group_name(pkey, curve, sizeof(curve),
						&len) == 1 &&
			strcmp(curve, alg->curve) == 0;
	case FAMILY_EDDSA:
		return EVP_PKEY_is_a(pkey, "ED25519") ||
			EVP_PKEY_is_a(pkey, "ED448");
	default:
		return false;
	}
}

/* (RFC 7518 3.4) r and s side by side, as the DER that OpenSSL takes. */
static unsigned char *ec_signature(const struct algorithm *alg,
				   struct cv_span raw, size_t *len_r)
{
	const unsigned char *data = (const unsigned char *)raw.data;
	unsigned char *der = NULL;
	ECDSA_SIG *sig;
	BIGNUM *r, *s;
	int len = -1;

	if (raw.len != 2 * alg->half || (sig = ECDSA_SIG_new()) == NULL)
		return NULL;
	r = BN_bin2bn(data, (int)alg->half, NULL);
	s = BN_bin2bn(data + alg->half, (int)alg->half, NULL);
	if (r != NULL && s != NULL && ECDSA_SIG_set0(sig, r, s) == 1)
		len = i2d_ECDSA_SIG(sig, &der);
	else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(sig);
	*len_r = len > 0 ? (size_t)len : 0;
	return der;
}

static bool is_signed(const struct algorithm *alg, EVP_PKEY *pkey,
		      struct cv_span text, const unsigned char *sig,
		      size_t sig_len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_ctx = NULL;
	bool good = ctx != NULL &&
		EVP_DigestVerifyInit(ctx, &key_ctx, alg->digest == NULL ?
				     NULL : alg->digest(), NULL, pkey) == 1;

	/* (RFC 7518 3.5) the salt is as long as the digest, MGF1 uses it too */
	if (good && alg->family == FAMILY_PSS)
		good = EVP_PKEY_CTX_set_rsa_padding(
				key_ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
			EVP_PKEY_CTX_set_rsa_pss_saltlen(
				key_ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
	good = good && EVP_DigestVerify(ctx, sig, sig_len,
					(const unsigned char *)text.data,
					text.len) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

static int verify_public(const struct algorithm *alg, const struct jwt *jwt,
			 struct cv_span key, struct cv_error *err)
{
	EVP_PKEY *pkey = load_key(key);
	const unsigned char *sig = (const unsigned char *)jwt->signature.data;
	size_t len = jwt->signature.len;
	unsigned char *der = NULL;
	int ret = CV_OK;

	if (pkey == NULL)
		ret = CV_FAIL(err, CV_E_CONFIG, "it is no public key in PEM");
	else if (!key_fits(alg, pkey))
		ret = CV_FAIL(err, CV_E_CONFIG, "it is no key for %s, or has "
			      "fewer than %d bits of RSA", alg->name,
			      RSA_BITS_MIN);
	if (ret == CV_OK && alg->family == FAMILY_EC)
		sig = der = ec_signature(alg, jwt->signature, &len);
	if (ret == CV_OK &&
	    (sig == NULL || !is_signed(alg, pkey, jwt->signed_part, sig, len)))
		ret = CV_FAIL(err, CV_E_DENIED, "the signature is not right");
	OPENSSL_free(der);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	return ret;
}

int jwt_verify(const struct jwt *jwt, struct cv_pool *pool,
	       struct cv_span key, struct cv_error *err)
{
	const struct algorithm *alg = find_algorithm(jwt->alg);

	key = cv_span_trim(key);
	if (alg == NULL)
		return CV_FAIL(err, CV_E_DENIED, "there is no algorithm '%s'",
			       jwt->alg);
	return alg->family == FAMILY_HMAC ?
		verify_hmac(alg, jwt, pool, key, err) :
		verify_public(alg, jwt, key, err);
}
