/* random.h - the kernel's random numbers. */
#ifndef RANDOM_H
#define RANDOM_H

#include "cv-types.h"

/* Never fails: without the kernel's randomness the process ends. */
void random_bytes(void *dst, size_t len);

#endif
