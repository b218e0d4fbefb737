/* crypt.h - inside the plugin crypt: keys, the stored form, streams. */
#ifndef CRYPT_H
#define CRYPT_H

#include "cv-plugin.h"
#include "cv-stream.h"

enum {
	CRYPT_KEY_BYTES = 32, CRYPT_ID_BYTES = 8, CRYPT_SALT_BYTES = 16,
	CRYPT_TAG_BYTES = 16, CRYPT_HEADER_BYTES = 64, CRYPT_MAGIC_BYTES = 8,
	CRYPT_CHUNK = 65536,
	CRYPT_KEYS_MAX = 64,
};

struct crypt_key {
	uint8_t bytes[CRYPT_KEY_BYTES];
	uint8_t id[CRYPT_ID_BYTES];
};

struct crypt_keys {
	struct crypt_key items[CRYPT_KEYS_MAX];
	uint32_t count;
};

/* One message: its header as stored, and its key. */
struct crypt_message {
	uint8_t header[CRYPT_HEADER_BYTES];
	uint8_t key[CRYPT_KEY_BYTES];
	uint64_t plain_bytes;
};

/* Lines of 64 hexadecimal digits.  CV_E_CONFIG with the line's number. */
int crypt_keys_parse(struct cv_span text, struct crypt_keys *keys_r,
		     struct cv_error *err);

bool crypt_is_header(struct cv_span head);
/* A new header with a random salt. */
int crypt_message_create(const struct crypt_key *key, uint64_t plain_bytes,
			 struct crypt_message *message_r,
			 struct cv_error *err);
/* CV_E_DENIED: none of the keys is the one; CV_E_SYNTAX: damaged. */
int crypt_message_open(struct cv_span header, const struct crypt_keys *keys,
		       struct crypt_message *message_r, struct cv_error *err);
/* Bytes of the stored form.  False: too large for anything. */
bool crypt_stored_bytes(uint64_t plain_bytes, uint64_t *stored_r);
/* len bytes of a chunk; dst has room for len + CRYPT_TAG_BYTES. */
int crypt_seal(const struct crypt_message *message, uint64_t number,
	       const uint8_t *src, size_t len, uint8_t *dst,
	       struct cv_error *err);
/* len: without the tag behind src.  CV_E_SYNTAX: damaged; dst is wiped. */
int crypt_unseal(const struct crypt_message *message, uint64_t number,
		 const uint8_t *src, size_t len, uint8_t *dst,
		 struct cv_error *err);

/* Streams over body, which lives longer; body is read from its place 0. */
struct cv_stream *crypt_stream_encrypt(const struct crypt_message *message,
				       struct cv_pool *pool,
				       struct cv_stream *body);
struct cv_stream *crypt_stream_decrypt(const struct crypt_message *message,
				       struct cv_pool *pool,
				       struct cv_stream *body);

extern const struct cv_stream_api *crypt_stream_api;

#endif
