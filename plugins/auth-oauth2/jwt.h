/* jwt.h - JSON Web Tokens that are signed (RFC 7519, RFC 7515), taken apart. */
#ifndef OAUTH2_JWT_H
#define OAUTH2_JWT_H

#include "oauth2-json.h"

enum {
	JWT_BYTES_MAX = 16384,
	JWT_NAME_MAX = 255,		/* alg, kid, azp: parts of a path */
	JWT_SKEW_SECS = 5,		/* how far clocks may be apart */
};

struct jwt {
	struct cv_span signed_part;	/* in the token */
	struct cv_span signature;	/* decoded */
	/* kid and azp are "default" where the token has none. */
	const char *alg, *kid, *azp;
	struct oauth2_members claims;
};

/* Nothing of it is proven yet.  CV_E_SYNTAX: no token of this kind, or one
 * with something that this code does not know and must (RFC 7515 4.1.11). */
#define jwt_parse CV_OWN(_jwt_parse)
int jwt_parse(struct cv_pool *pool, struct cv_span token, struct jwt *jwt_r,
	      struct cv_error *err);

/* exp, nbf, iat against the time (seconds since 1970).  CV_E_DENIED: expired,
 * or not valid yet; CV_E_SYNTAX: one of them is no date, or exp is missing. */
#define jwt_check_times CV_OWN(_jwt_check_times)
int jwt_check_times(const struct oauth2_members *claims, double now,
		    bool needs_exp, struct cv_error *err);

/* The file of the key below a folder, "azp/alg/kid", as Dovecot's dictionary
 * names it.  CV_E_DENIED: azp or kid are no names of files. */
#define jwt_key_name CV_OWN(_jwt_key_name)
int jwt_key_name(const struct jwt *jwt, struct cv_text *name,
		 struct cv_error *err);

#endif
