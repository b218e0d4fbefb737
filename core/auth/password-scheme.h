/* password-scheme.h - stored passwords: "{SCHEME}hash", "{SCHEME.HEX}hash".
 *
 * Schemes are tables (struct cv_scheme): the digests that OpenSSL has are
 * core's own, all others come from plugins. */
#ifndef PASSWORD_SCHEME_H
#define PASSWORD_SCHEME_H

#include "base.h"
#include "cv-auth.h"

/* Tokens come as passwords do. */
enum { PASSWORD_HASH_MAX = 8192, PASSWORD_MAX = 8192 };

/* A stored password taken apart; text points into it. */
struct password_hash {
	const struct cv_scheme *scheme;
	uint32_t encoding;		/* enum cv_scheme_encoding */
	struct cv_span text;		/* encoded */
};

/* By name, upper or lower case; NULL: not here. */
const struct cv_scheme *password_scheme_find(struct cv_span name);
/* All of them, core's own first; NULL at the end.  *at starts at 0. */
const struct cv_scheme *password_scheme_next(uint32_t *at);
/* Those that need no plugin. */
const struct cv_scheme *password_scheme_next_of_core(uint32_t *at);

/* default_scheme is for a stored password without "{SCHEME}".
 * CV_E_UNSUPPORTED: an unknown scheme.  CV_E_SYNTAX: "{" without "}". */
int password_parse(const char *stored, const char *default_scheme,
		   struct password_hash *hash_r, struct cv_error *err);

/* CV_AUTH_OK, CV_AUTH_MISMATCH, or a failure: what is stored is not usable.
 * May take long: see password_is_expensive.  Scratch memory is wiped. */
int password_verify(const char *stored, const char *default_scheme,
		    const char *user, struct cv_span password,
		    struct cv_error *err);

/* Not for new passwords: the scheme, or what {CRYPT} stands for here. */
bool password_is_weak(const struct password_hash *hash);

/* True when verifying is made to be slow, so that it belongs in a worker. */
bool password_is_expensive(const char *stored, const char *default_scheme);

/* Appends "{SCHEME}hash".  scheme may have ".B64", ".BASE64" or ".HEX".
 * rounds 0: the scheme's default cost. */
int password_generate(const char *scheme, const char *user,
		      struct cv_span password, uint32_t rounds,
		      struct cv_text *out, struct cv_error *err);

#endif
