/* crypt-stream.c - a message as a stream, chunk by chunk in both directions.
 * The last chunk is kept: reading on does not decrypt it again. */
#include "crypt.h"

#include <openssl/crypto.h>

enum { SEALED_MAX = CRYPT_CHUNK + CRYPT_TAG_BYTES };

struct crypting {
	struct crypt_message message;
	struct cv_stream *body;
	uint64_t number;		/* of the chunk in out; UINT64_MAX:
					 * none */
	size_t have;			/* bytes in out */
	uint8_t *in, *out;		/* SEALED_MAX */
};

/* Exactly len bytes of body from offset. */
static int read_body(struct crypting *c, uint64_t offset, uint8_t *dst,
		     size_t len, struct cv_error *err)
{
	int ret = crypt_stream_api->seek(c->body, offset, err);

	while (ret == CV_OK && len > 0) {
		struct cv_span part;

		ret = crypt_stream_api->peek(c->body, &part, err);
		if (ret == CV_EOF)
			return CV_FAIL(err, CV_E_SYNTAX, "crypt: the message "
				       "ends too early");
		if (ret != CV_OK)
			break;
		if (part.len > len)
			part.len = len;
		memcpy(dst, part.data, part.len);
		crypt_stream_api->skip(c->body, part.len);
		dst += part.len;
		len -= part.len;
	}
	return ret;
}

/* Bytes of a chunk's content. */
static size_t chunk_bytes(const struct crypting *c, uint64_t number)
{
	uint64_t left = c->message.plain_bytes - number * CRYPT_CHUNK;

	return left < CRYPT_CHUNK ? (size_t)left : CRYPT_CHUNK;
}

static int decrypt_read(void *context, uint64_t offset, void *data,
			size_t len, size_t *got_r, struct cv_error *err)
{
	struct crypting *c = context;
	uint64_t number = offset / CRYPT_CHUNK;
	size_t at = (size_t)(offset % CRYPT_CHUNK);
	int ret = CV_OK;

	if (offset >= c->message.plain_bytes)
		return CV_EOF;
	if (number != c->number) {
		size_t bytes = chunk_bytes(c, number);

		c->number = UINT64_MAX;
		ret = read_body(c, CRYPT_HEADER_BYTES + number * SEALED_MAX,
				c->in, bytes + CRYPT_TAG_BYTES, err);
		if (ret == CV_OK)
			ret = crypt_unseal(&c->message, number, c->in, bytes,
					   c->out, err);
		if (ret != CV_OK)
			return ret;
		c->number = number;
		c->have = bytes;
	}
	*got_r = c->have - at < len ? c->have - at : len;
	memcpy(data, c->out + at, *got_r);
	return CV_OK;
}

static int encrypt_chunk(struct crypting *c, uint64_t number,
			 struct cv_error *err)
{
	size_t bytes = chunk_bytes(c, number);
	int ret;

	c->number = UINT64_MAX;
	ret = read_body(c, number * CRYPT_CHUNK, c->in, bytes, err);
	if (ret == CV_OK)
		ret = crypt_seal(&c->message, number, c->in, bytes, c->out,
				 err);
	if (ret != CV_OK)
		return ret;
	c->number = number;
	c->have = bytes + CRYPT_TAG_BYTES;
	return CV_OK;
}

static int encrypt_read(void *context, uint64_t offset, void *data,
			size_t len, size_t *got_r, struct cv_error *err)
{
	struct crypting *c = context;
	const uint8_t *from = c->message.header;
	size_t at, have = CRYPT_HEADER_BYTES;
	int ret;

	if (offset < CRYPT_HEADER_BYTES) {
		at = (size_t)offset;
	} else {
		uint64_t number = (offset - CRYPT_HEADER_BYTES) / SEALED_MAX;

		at = (size_t)((offset - CRYPT_HEADER_BYTES) % SEALED_MAX);
		ret = number == c->number ? CV_OK :
			encrypt_chunk(c, number, err);
		if (ret != CV_OK)
			return ret;
		from = c->out;
		have = c->have;
	}
	*got_r = have - at < len ? have - at : len;
	memcpy(data, from + at, *got_r);
	return CV_OK;
}

static void crypting_done(void *context)
{
	struct crypting *c = context;

	OPENSSL_cleanse(c->message.key, sizeof(c->message.key));
	OPENSSL_cleanse(c->out, SEALED_MAX);
	OPENSSL_cleanse(c->in, SEALED_MAX);
}

static struct crypting *crypting_create(const struct crypt_message *message,
					struct cv_pool *pool,
					struct cv_stream *body)
{
	struct crypting *c = CV_ALLOC(pool, struct crypting);

	c->message = *message;
	c->body = body;
	c->number = UINT64_MAX;
	c->in = CV_ALLOC_ARRAY(pool, uint8_t, SEALED_MAX);
	c->out = CV_ALLOC_ARRAY(pool, uint8_t, SEALED_MAX);
	return c;
}

struct cv_stream *crypt_stream_decrypt(const struct crypt_message *message,
				       struct cv_pool *pool,
				       struct cv_stream *body)
{
	return crypt_stream_api->from_reader(
		pool, message->plain_bytes, decrypt_read, crypting_done,
		crypting_create(message, pool, body));
}

struct cv_stream *crypt_stream_encrypt(const struct crypt_message *message,
				       struct cv_pool *pool,
				       struct cv_stream *body)
{
	uint64_t stored = 0;

	(void)crypt_stored_bytes(message->plain_bytes, &stored);
	return crypt_stream_api->from_reader(
		pool, stored, encrypt_read, crypting_done,
		crypting_create(message, pool, body));
}
