/* route-hash.c - see route-hash.h. */
#include "cv-plugin.h"
#include "route-hash.h"

#include <math.h>

static uint64_t fnv1a(uint64_t hash, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		hash ^= (unsigned char)bytes[i];
		hash *= UINT64_C(0x100000001b3);
	}
	return hash;
}

uint64_t route_hash(const char *user, const char *backend)
{
	uint64_t x = UINT64_C(0xcbf29ce484222325);

	x = fnv1a(x, user, strlen(user) + 1);
	x = fnv1a(x, backend, strlen(backend));
	/* names that differ in the last byte alone are far apart then */
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

double route_score(const char *user, const char *backend, uint32_t weight)
{
	double u = ((double)(route_hash(user, backend) >> 11) + 0.5) /
		9007199254740992.0;	/* 2^53 */

	return weight == 0 ? 0 : (double)weight / -log(u);
}
