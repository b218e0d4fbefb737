/* settings-digest.h - the hashes that variables such as %{user | sha256} ask
 * for.
 *
 * OpenSSL computes them; but a library of that size costs each process that
 * maps it half a megabyte of relocated pages, and culverd, log, anvil and idle
 * need nothing else of it.  So a program that expands such variables says
 * settings_digest_use(settings_digest_openssl), which the library libdigest
 * has; the others do not link it. */
#ifndef SETTINGS_DIGEST_H
#define SETTINGS_DIGEST_H

#include "base.h"

enum { SETTINGS_DIGEST_MAX = 64 };	/* bytes of the longest */

/* name is OpenSSL's ("md5", "sha256").  Writes the digest of data to out and
 * returns its length in bytes; 0 when there is no such digest. */
typedef size_t settings_digest_fn(const char *name, struct cv_span data,
				  unsigned char out[SETTINGS_DIGEST_MAX]);

settings_digest_fn settings_digest_openssl;

/* For the whole process, before settings are expanded. */
void settings_digest_use(settings_digest_fn *fn);

#endif
