/* route-hash.h - rendezvous hashing with weights.  Each backend has a score
 * for each user; the highest one wins, so that a backend that goes takes only
 * its own users along, and one that comes takes its share from all alike. */
#ifndef ROUTE_HASH_H
#define ROUTE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a of user NUL backend, 64 bits, mixed by the finaliser of SplitMix64;
 * the same in all versions, and on all machines. */
#define route_hash CV_OWN(_route_hash)
uint64_t route_hash(const char *user, const char *backend);

/* weight / -ln(u), u in (0, 1) made of the upper 53 bits of the hash: backends
 * get users in proportion to their weights.  Weight 0: 0. */
#define route_score CV_OWN(_route_score)
double route_score(const char *user, const char *backend, uint32_t weight);

#endif
