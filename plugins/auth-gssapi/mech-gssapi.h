/* mech-gssapi.h - the server's side of GSSAPI [RFC4752] and GSS-SPNEGO. */
#ifndef MECH_GSSAPI_H
#define MECH_GSSAPI_H

#include "cv-plugin.h"
#include "cv-auth.h"

/* A ticket with the groups of Active Directory is long. */
enum { GSSAPI_TOKEN_MAX = 64 * 1024, GSSAPI_ROUNDS_MAX = 10 };

#define gssapi_auth CV_OWN(_gssapi_auth)
extern const struct cv_auth_api *gssapi_auth;	/* set before any step */
#define gssapi_mechanism CV_OWN(_gssapi_mechanism)
extern const struct cv_mechanism gssapi_mechanism;
#define gss_spnego_mechanism CV_OWN(_gss_spnego_mechanism)
extern const struct cv_mechanism gss_spnego_mechanism;

#endif
