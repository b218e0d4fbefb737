/* mbox-hash.c - a fast hash of message bytes. */
#include "mbox.h"

static const uint64_t mul_a = 0x9e3779b97f4a7c15u;
static const uint64_t mul_b = 0xd6e8feb86659fd93u;

static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static uint64_t finish(uint64_t x)
{
	x = (x ^ x >> 32) * mul_b;
	x = (x ^ x >> 29) * mul_a;
	return x ^ x >> 32;
}

static void add_block(struct mbox_hash *hash, const unsigned char *p)
{
	uint64_t x, y;

	memcpy(&x, p, 8);
	memcpy(&y, p + 8, 8);
	hash->a = rotate((hash->a ^ x) * mul_a, 29) + hash->b;
	hash->b = rotate((hash->b ^ y) * mul_b, 31) + hash->a;
}

void mbox_hash_init(struct mbox_hash *hash)
{
	*hash = (struct mbox_hash){ .a = mul_b, .b = mul_a };
}

void mbox_hash_add(struct mbox_hash *hash, const void *data, size_t len)
{
	const unsigned char *p = data;
	size_t held = hash->len % 16;

	hash->len += len;
	if (held > 0) {
		size_t take = 16 - held < len ? 16 - held : len;

		memcpy(hash->held + held, p, take);
		p += take;
		len -= take;
		if (held + take < 16)
			return;
		add_block(hash, hash->held);
	}
	for (; len >= 16; len -= 16, p += 16)
		add_block(hash, p);
	if (len > 0)
		memcpy(hash->held, p, len);
}

void mbox_hash_end(const struct mbox_hash *hash, uint8_t digest_r[16])
{
	struct mbox_hash h = *hash;
	unsigned char last[16] = { 0 };

	memcpy(last, h.held, h.len % 16);
	add_block(&h, last);
	memcpy(last, &h.len, 8);
	memset(last + 8, 0, 8);
	add_block(&h, last);
	h.a = finish(h.a);
	h.b = finish(h.b ^ h.a);
	h.a = finish(h.a + h.b);
	memcpy(digest_r, &h.a, 8);
	memcpy(digest_r + 8, &h.b, 8);
}

uint64_t mbox_hash64(const void *data, size_t len)
{
	struct mbox_hash hash;
	uint8_t digest[16];
	uint64_t value;

	mbox_hash_init(&hash);
	mbox_hash_add(&hash, data, len);
	mbox_hash_end(&hash, digest);
	memcpy(&value, digest, 8);
	return value;
}
