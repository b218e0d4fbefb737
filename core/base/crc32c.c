/* crc32c.c - the processor's instruction where there is one, else eight
 * tables (polynomial 0x1EDC6F41 reflected: 0x82F63B78).
 *
 * The instruction takes three cycles, but one can begin in each: long data is
 * read as three blocks of the same length at once, and their checksums are
 * put together. */
#include "crc32c.h"

#if defined(__x86_64__)
#include <wmmintrin.h>

#define CRC_TARGET __attribute__((target("sse4.2,pclmul")))

/* Three blocks of len bytes.  The checksum of a and then b is that of a moved
 * by the length of b, and that of b: moving is multiplying with x^(8 len) in
 * the field.  A product of two reflected numbers is x short, and crc32 of it
 * multiplies with x^32: x^(8 len - 33) is what to multiply with. */
struct crc_stride { size_t len; uint32_t by_one, by_two; };

static const struct crc_stride crc_strides[] = {
	{ 2048, 0xa51b6135u, 0x82f89c77u },
	{ 256, 0xb9e02b86u, 0xdd7e3b0cu },
	{ 128, 0x0d3b6092u, 0xb9e02b86u },
	{ 32, 0xba4fc28eu, 0x9e4addf8u },
};

/* UNSAFE: there are eight bytes at p. */
CRC_TARGET static uint64_t crc_word(uint64_t crc, const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return __builtin_ia32_crc32di(crc, word);
}

CRC_TARGET static __m128i crc_product(uint64_t crc, uint32_t by)
{
	return _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc),
				    _mm_cvtsi64_si128(by), 0);
}

/* UNSAFE: there are three times s->len bytes at p. */
CRC_TARGET static uint64_t crc_three(uint64_t crc, const unsigned char *p,
				     const struct crc_stride *s)
{
	uint64_t second = 0, third = 0;
	__m128i moved;

	for (size_t i = 0; i < s->len; i += 8) {
		crc = crc_word(crc, p + i);
		second = crc_word(second, p + s->len + i);
		third = crc_word(third, p + 2 * s->len + i);
	}
	moved = _mm_xor_si128(crc_product(crc, s->by_two),
			      crc_product(second, s->by_one));
	return third ^ __builtin_ia32_crc32di(0,
				(uint64_t)_mm_cvtsi128_si64(moved));
}

CRC_TARGET static uint32_t crc_hardware(uint32_t crc, const unsigned char *p,
					size_t len)
{
	uint64_t crc64 = crc;

	for (size_t i = 0; i < sizeof(crc_strides) / sizeof(crc_strides[0]);
	     i++) {
		size_t step = crc_strides[i].len * 3;

		for (; len >= step; p += step, len -= step)
			crc64 = crc_three(crc64, p, &crc_strides[i]);
	}
	for (; len >= 8; p += 8, len -= 8)
		crc64 = crc_word(crc64, p);
	crc = (uint32_t)crc64;
	for (; len > 0; p++, len--)
		crc = __builtin_ia32_crc32qi(crc, *p);
	return crc;
}
#endif

/* --- without the instruction: eight bytes a step ---------------------------- */

static uint32_t crc_tables[8][256];

static void crc_prepare(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
		crc_tables[0][i] = crc;
	}
	for (uint32_t i = 0; i < 256; i++) {
		for (int t = 1; t < 8; t++)
			crc_tables[t][i] = crc_tables[t - 1][i] >> 8 ^
				crc_tables[0][crc_tables[t - 1][i] & 0xff];
	}
}

uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t len)
{
	const unsigned char *p = data;

	crc = ~crc;
	if (crc_tables[0][1] == 0)
		crc_prepare();
	for (; len >= 8; p += 8, len -= 8) {
		uint32_t a = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 |
				    (uint32_t)p[2] << 16 |
				    (uint32_t)p[3] << 24);

		crc = crc_tables[7][a & 0xff] ^
			crc_tables[6][a >> 8 & 0xff] ^
			crc_tables[5][a >> 16 & 0xff] ^
			crc_tables[4][a >> 24] ^ crc_tables[3][p[4]] ^
			crc_tables[2][p[5]] ^ crc_tables[1][p[6]] ^
			crc_tables[0][p[7]];
	}
	for (; len > 0; p++, len--)
		crc = crc >> 8 ^ crc_tables[0][(crc ^ *p) & 0xff];
	return ~crc;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2") &&
	    __builtin_cpu_supports("pclmul"))
		return ~crc_hardware(~crc, data, len);
#endif
	return crc32c_by_table(crc, data, len);
}
