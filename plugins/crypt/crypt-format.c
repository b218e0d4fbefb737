/* crypt-format.c - keys, headers and chunks (README.md). */
#include "crypt.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

static const uint8_t magic[CRYPT_MAGIC_BYTES] = {
	0, 'C', 'v', 'C', 'r', 'y', 'p', 1,
};

static void put_u32(uint8_t *dst, uint32_t v)
{
	for (int i = 3; i >= 0; i--, v >>= 8)
		dst[i] = (uint8_t)v;
}

static void put_u64(uint8_t *dst, uint64_t v)
{
	put_u32(dst, (uint32_t)(v >> 32));
	put_u32(dst + 4, (uint32_t)v);
}

static uint32_t get_u32(const uint8_t *src)
{
	return (uint32_t)src[0] << 24 | (uint32_t)src[1] << 16 |
		(uint32_t)src[2] << 8 | src[3];
}

static uint64_t get_u64(const uint8_t *src)
{
	return (uint64_t)get_u32(src) << 32 | get_u32(src + 4);
}

/* --- keys --------------------------------------------------------------------- */

static int key_init(struct crypt_key *key)
{
	static const char label[] = "culver crypt id";
	uint8_t in[sizeof(label) - 1 + CRYPT_KEY_BYTES];
	uint8_t digest[SHA256_DIGEST_LENGTH];
	bool good;

	memcpy(in, label, sizeof(label) - 1);
	memcpy(in + sizeof(label) - 1, key->bytes, CRYPT_KEY_BYTES);
	good = SHA256(in, sizeof(in), digest) != NULL;
	memcpy(key->id, digest, sizeof(key->id));
	OPENSSL_cleanse(in, sizeof(in));
	return good ? CV_OK : CV_E_INTERNAL;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
		c >= 'a' && c <= 'f' ? c - 'a' + 10 :
		c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool parse_key(struct cv_span line, uint8_t *key)
{
	if (line.len != 2 * CRYPT_KEY_BYTES)
		return false;
	for (size_t i = 0; i < CRYPT_KEY_BYTES; i++) {
		int high = digit(line.data[2 * i]);
		int low = digit(line.data[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		key[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

int crypt_keys_parse(struct cv_span text, struct crypt_keys *keys_r,
		     struct cv_error *err)
{
	uint32_t number = 0;

	keys_r->count = 0;
	while (text.len > 0) {
		const char *lf = memchr(text.data, '\n', text.len);
		size_t len = lf == NULL ? text.len : (size_t)(lf - text.data);
		struct cv_span line = cv_span(text.data, len);
		struct crypt_key *key;

		number++;
		text = cv_span_skip(text, len + (lf != NULL));
		while (line.len > 0 && is_blank(line.data[line.len - 1]))
			line.len--;
		while (line.len > 0 && is_blank(line.data[0]))
			line = cv_span_skip(line, 1);
		if (line.len == 0 || line.data[0] == '#')
			continue;
		if (keys_r->count == CRYPT_KEYS_MAX)
			return CV_FAIL(err, CV_E_CONFIG, "crypt_key_file has more "
				       "than %d keys", CRYPT_KEYS_MAX);
		key = &keys_r->items[keys_r->count];
		if (!parse_key(line, key->bytes))
			return CV_FAIL(err, CV_E_CONFIG, "crypt_key_file: line %u "
				       "is not 64 hexadecimal digits", number);
		if (key_init(key) < 0)
			return CV_FAIL(err, CV_E_INTERNAL, "crypt_key_file: no "
				       "SHA-256");
		keys_r->count++;
	}
	return CV_OK;
}

/* --- headers ----------------------------------------------------------------------- */

static int hmac(const uint8_t *key, const void *data, size_t len,
		uint8_t digest[SHA256_DIGEST_LENGTH], struct cv_error *err)
{
	unsigned int got = 0;

	if (HMAC(EVP_sha256(), key, CRYPT_KEY_BYTES, data, len, digest,
		 &got) == NULL || got != SHA256_DIGEST_LENGTH)
		return CV_FAIL(err, CV_E_INTERNAL, "crypt: no HMAC");
	return CV_OK;
}

static int message_key(const struct crypt_key *key,
		       struct crypt_message *message, struct cv_error *err)
{
	static const char label[] = "culver crypt message";
	uint8_t in[sizeof(label) - 1 + CRYPT_SALT_BYTES];

	memcpy(in, label, sizeof(label) - 1);
	memcpy(in + sizeof(label) - 1, message->header + 32,
	       CRYPT_SALT_BYTES);
	return hmac(key->bytes, in, sizeof(in), message->key, err);
}

bool crypt_is_header(struct cv_span head)
{
	return head.len >= sizeof(magic) &&
		memcmp(head.data, magic, sizeof(magic)) == 0;
}

bool crypt_stored_bytes(uint64_t plain_bytes, uint64_t *stored_r)
{
	uint64_t chunks = plain_bytes / CRYPT_CHUNK +
		(plain_bytes % CRYPT_CHUNK != 0);

	if (plain_bytes > INT64_MAX / 2)
		return false;
	*stored_r = CRYPT_HEADER_BYTES + plain_bytes +
		chunks * CRYPT_TAG_BYTES;
	return true;
}

int crypt_message_create(const struct crypt_key *key, uint64_t plain_bytes,
			 struct crypt_message *message_r,
			 struct cv_error *err)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	uint8_t *header = message_r->header;
	uint64_t stored;
	int ret;

	if (!crypt_stored_bytes(plain_bytes, &stored))
		return CV_FAIL(err, CV_E_LIMIT, "crypt: the message is too "
			       "large");
	memset(header, 0, CRYPT_HEADER_BYTES);
	memcpy(header, magic, sizeof(magic));
	put_u32(header + 8, CRYPT_CHUNK);
	memcpy(header + 16, key->id, CRYPT_ID_BYTES);
	put_u64(header + 24, plain_bytes);
	cv_api->random(header + 32, CRYPT_SALT_BYTES);
	message_r->plain_bytes = plain_bytes;
	ret = message_key(key, message_r, err);
	if (ret == CV_OK)
		ret = hmac(message_r->key, header, 48, digest, err);
	memcpy(header + 48, digest, CRYPT_TAG_BYTES);
	return ret;
}

int crypt_message_open(struct cv_span header, const struct crypt_keys *keys,
		       struct crypt_message *message_r, struct cv_error *err)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	const struct crypt_key *key = NULL;
	uint64_t stored;
	int ret;

	if (header.len != CRYPT_HEADER_BYTES || !crypt_is_header(header))
		return CV_FAIL(err, CV_E_SYNTAX, "crypt: no header");
	memcpy(message_r->header, header.data, CRYPT_HEADER_BYTES);
	for (uint32_t i = 0; i < keys->count && key == NULL; i++) {
		if (memcmp(keys->items[i].id, message_r->header + 16,
			   CRYPT_ID_BYTES) == 0)
			key = &keys->items[i];
	}
	if (key == NULL)
		return CV_FAIL(err, CV_E_DENIED, "crypt: the message was "
			       "encrypted with a key that is not in "
			       "crypt_key_file (identity %08x%08x)",
			       get_u32(message_r->header + 16),
			       get_u32(message_r->header + 20));
	ret = message_key(key, message_r, err);
	if (ret == CV_OK)
		ret = hmac(message_r->key, message_r->header, 48, digest,
			   err);
	if (ret < 0)
		return ret;
	message_r->plain_bytes = get_u64(message_r->header + 24);
	if (CRYPTO_memcmp(digest, message_r->header + 48,
			  CRYPT_TAG_BYTES) != 0 ||
	    get_u32(message_r->header + 8) != CRYPT_CHUNK ||
	    !crypt_stored_bytes(message_r->plain_bytes, &stored))
		return CV_FAIL(err, CV_E_SYNTAX, "crypt: the header is "
			       "damaged");
	return CV_OK;
}

/* --- chunks ------------------------------------------------------------------------ */

static EVP_CIPHER_CTX *cipher_begin(const struct crypt_message *message,
				    uint64_t number, int encrypt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t nonce[12] = { 0 };
	int len;

	put_u64(nonce + 4, number);
	if (ctx != NULL &&
	    (EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, message->key,
			       nonce, encrypt) != 1 ||
	     EVP_CipherUpdate(ctx, NULL, &len, message->header,
			      CRYPT_HEADER_BYTES) != 1)) {
		EVP_CIPHER_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

int crypt_seal(const struct crypt_message *message, uint64_t number,
	       const uint8_t *src, size_t len, uint8_t *dst,
	       struct cv_error *err)
{
	EVP_CIPHER_CTX *ctx = cipher_begin(message, number, 1);
	int got = 0, rest = 0;
	bool good = ctx != NULL &&
		EVP_CipherUpdate(ctx, dst, &got, src, (int)len) == 1 &&
		EVP_CipherFinal_ex(ctx, dst + got, &rest) == 1 &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG,
				    CRYPT_TAG_BYTES, dst + len) == 1;

	EVP_CIPHER_CTX_free(ctx);
	return good ? CV_OK : CV_FAIL(err, CV_E_INTERNAL, "crypt: cannot "
				      "encrypt");
}

int crypt_unseal(const struct crypt_message *message, uint64_t number,
		 const uint8_t *src, size_t len, uint8_t *dst,
		 struct cv_error *err)
{
	EVP_CIPHER_CTX *ctx = cipher_begin(message, number, 0);
	uint8_t tag[CRYPT_TAG_BYTES];
	int got = 0, rest = 0;
	bool good;

	memcpy(tag, src + len, sizeof(tag));
	good = ctx != NULL &&
		EVP_CipherUpdate(ctx, dst, &got, src, (int)len) == 1 &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG,
				    CRYPT_TAG_BYTES, tag) == 1 &&
		EVP_CipherFinal_ex(ctx, dst + got, &rest) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (good)
		return CV_OK;
	OPENSSL_cleanse(dst, len);
	return CV_FAIL(err, CV_E_SYNTAX, "crypt: chunk %llu is damaged",
		       (unsigned long long)number);
}
