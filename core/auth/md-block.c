/* md-block.c - the rounds of MD4 and MD5, from their tables. */
#include "md-block.h"
#include "base.h"

typedef void compress_fn(struct md_state *state, const unsigned char *block);

static uint32_t rotate(uint32_t value, unsigned bits)
{
	return value << bits | value >> (32 - bits);
}

static uint32_t word_at(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
		(uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void block_words(uint32_t *words, const unsigned char *block)
{
	for (unsigned i = 0; i < 16; i++)
		words[i] = word_at(block + 4 * i);
}

void md_state_put(const struct md_state *state, unsigned char *out)
{
	for (unsigned i = 0; i < MD_DIGEST_BYTES; i++)
		out[i] = (unsigned char)(state->words[i / 4] >> (8 * (i % 4)));
}

void md_state_get(struct md_state *state, const unsigned char *in)
{
	for (unsigned i = 0; i < MD_WORDS; i++)
		state->words[i] = word_at(in + 4 * i);
}

/* [RFC1321 3.3] */
void md_state_init(struct md_state *state)
{
	static const uint32_t first[MD_WORDS] = {
		0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
	};

	memcpy(state->words, first, sizeof(first));
}

/* [RFC1321 3.4] the sines: 4294967296 times abs(sin(i)) */
static const uint32_t sines[64] = {
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee,
	0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
	0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be,
	0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
	0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa,
	0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
	0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
	0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
	0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c,
	0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
	0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05,
	0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
	0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039,
	0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
	0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
	0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
static const unsigned char md5_shifts[4][4] = {
	{ 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 },
	{ 6, 10, 15, 21 },
};

/* F, G, H and I of [RFC1321 3.4] and the word that goes with step i. */
static uint32_t md5_mix(unsigned i, const uint32_t *s, unsigned *word_r)
{
	switch (i / 16) {
	case 0:
		*word_r = i;
		return (s[1] & s[2]) | (~s[1] & s[3]);
	case 1:
		*word_r = (5 * i + 1) % 16;
		return (s[1] & s[3]) | (s[2] & ~s[3]);
	case 2:
		*word_r = (3 * i + 5) % 16;
		return s[1] ^ s[2] ^ s[3];
	default:
		*word_r = 7 * i % 16;
		return s[2] ^ (s[1] | ~s[3]);
	}
}

void md5_compress(struct md_state *state, const unsigned char *block)
{
	uint32_t s[MD_WORDS], x[16];

	memcpy(s, state->words, sizeof(s));
	block_words(x, block);
	for (unsigned i = 0; i < 64; i++) {
		unsigned word;
		uint32_t sum = s[0] + md5_mix(i, s, &word);

		sum += x[word] + sines[i];
		s[0] = s[3];
		s[3] = s[2];
		s[2] = s[1];
		s[1] += rotate(sum, md5_shifts[i / 16][i % 4]);
	}
	for (unsigned i = 0; i < MD_WORDS; i++)
		state->words[i] += s[i];
	explicit_bzero(x, sizeof(x));
	explicit_bzero(s, sizeof(s));
}

/* [RFC1320 3.4] */
static const unsigned char md4_shifts[3][4] = {
	{ 3, 7, 11, 19 }, { 3, 5, 9, 13 }, { 3, 9, 11, 15 },
};
static const unsigned char md4_last[16] = {
	0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15,
};

static uint32_t md4_mix(unsigned i, const uint32_t *s, unsigned *word_r)
{
	switch (i / 16) {
	case 0:
		*word_r = i;
		return (s[1] & s[2]) | (~s[1] & s[3]);
	case 1:
		*word_r = i % 4 * 4 + i % 16 / 4;
		return ((s[1] & s[2]) | (s[1] & s[3]) | (s[2] & s[3])) +
			0x5a827999;
	default:
		*word_r = md4_last[i % 16];
		return (s[1] ^ s[2] ^ s[3]) + 0x6ed9eba1;
	}
}

static void md4_compress(struct md_state *state, const unsigned char *block)
{
	uint32_t s[MD_WORDS], x[16];

	memcpy(s, state->words, sizeof(s));
	block_words(x, block);
	for (unsigned i = 0; i < 48; i++) {
		unsigned word;
		uint32_t sum = s[0] + md4_mix(i, s, &word);

		sum = rotate(sum + x[word], md4_shifts[i / 16][i % 4]);
		s[0] = s[3];
		s[3] = s[2];
		s[2] = s[1];
		s[1] = sum;
	}
	for (unsigned i = 0; i < MD_WORDS; i++)
		state->words[i] += s[i];
	explicit_bzero(x, sizeof(x));
	explicit_bzero(s, sizeof(s));
}

/* [RFC1321 3.1] [RFC1321 3.2] a one bit, zeros, the length in bits */
static void finish(struct md_state *state, compress_fn *compress,
		   uint64_t before, struct cv_span data, unsigned char *digest)
{
	unsigned char block[MD_BLOCK_BYTES] = { 0 };
	uint64_t bits = (before + data.len) * 8;

	while (data.len >= MD_BLOCK_BYTES) {
		compress(state, (const unsigned char *)data.data);
		data = cv_span_skip(data, MD_BLOCK_BYTES);
	}
	if (data.len > 0)
		memcpy(block, data.data, data.len);
	block[data.len] = 0x80;
	if (data.len >= MD_BLOCK_BYTES - 8) {
		compress(state, block);
		memset(block, 0, sizeof(block));
	}
	for (unsigned i = 0; i < 8; i++)
		block[MD_BLOCK_BYTES - 8 + i] =
			(unsigned char)(bits >> (8 * i));
	compress(state, block);
	explicit_bzero(block, sizeof(block));
	md_state_put(state, digest);
}

void md5_finish(struct md_state *state, uint64_t before, struct cv_span data,
		unsigned char digest[MD_DIGEST_BYTES])
{
	finish(state, md5_compress, before, data, digest);
}

void md4_digest(struct cv_span data, unsigned char digest[MD_DIGEST_BYTES])
{
	struct md_state state;

	md_state_init(&state);
	finish(&state, md4_compress, 0, data, digest);
	explicit_bzero(&state, sizeof(state));
}
