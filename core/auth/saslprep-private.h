/* saslprep-private.h - the tables of saslprep.c; each is sorted. */
#ifndef SASLPREP_PRIVATE_H
#define SASLPREP_PRIVATE_H

#include "saslprep.h"

struct saslprep_range { uint32_t first, last; };
struct saslprep_pair { uint32_t first, second, composed; };
struct saslprep_class { uint32_t first, last, value; };

/* [RFC4013 2.3], C.1.2, B.1, D.1 and D.2 of stringprep */
extern const struct saslprep_range saslprep_prohibited[], saslprep_space[],
	saslprep_nothing[], saslprep_right[], saslprep_left[];
extern const size_t saslprep_prohibited_count, saslprep_space_count,
	saslprep_nothing_count, saslprep_right_count, saslprep_left_count;

/* A code point that decomposes, in 18 bits, and in the lower 14 the place in
 * saslprep_parts from which on, up to that of the next one, its parts are.
 * One more than counted, for the end. */
extern const uint32_t saslprep_wholes[], saslprep_parts[];
extern const size_t saslprep_wholes_count;
extern const struct saslprep_pair saslprep_pairs[];
extern const size_t saslprep_pairs_count;
extern const struct saslprep_class saslprep_classes[];
extern const size_t saslprep_classes_count;

#endif
