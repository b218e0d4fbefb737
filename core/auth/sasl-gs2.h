/* sasl-gs2.h - the header that SCRAM and OAUTHBEARER put before their own
 * message [RFC5801 4]. */
#ifndef SASL_GS2_H
#define SASL_GS2_H

#include "base.h"

enum gs2_binding {
	GS2_NO_BINDING,		/* "n": the client has none */
	GS2_UNUSED_BINDING,	/* "y": it thinks that the server has none */
	GS2_BINDING,		/* "p=": it is bound to the name */
};

struct gs2_header {
	struct cv_span raw;		/* with both commas */
	uint32_t binding;		/* enum gs2_binding */
	struct cv_span binding_name;
	struct cv_span authzid;		/* decoded, in the pool; empty none */
};

/* Takes the header from the front of *rest.  raw and binding_name point into
 * it.  CV_E_SYNTAX: malformed. */
int gs2_header_parse(struct cv_span *rest, struct cv_pool *pool,
		     struct gs2_header *header_r, struct cv_error *err);

/* A saslname: "=2C" is a comma, "=3D" an equals sign, no other "=" is
 * allowed, nor NUL, nor what is not UTF-8.  CV_E_SYNTAX otherwise, and when
 * it is empty. */
int gs2_name_decode(struct cv_span raw, struct cv_pool *pool,
		    struct cv_span *name_r, struct cv_error *err);

#endif
