/* random.c - getrandom(2), complete or dead. */
#include "random.h"
#include "bug.h"

#include <errno.h>
#include <sys/random.h>

void random_bytes(void *dst, size_t len)
{
	unsigned char *p = dst;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		BUG_IF(n <= 0);
		p += n;
		len -= (size_t)n;
	}
}
