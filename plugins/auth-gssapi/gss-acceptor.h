/* gss-acceptor.h - whose keys the server has, and whether a ticket was for
 * it. */
#ifndef GSS_ACCEPTOR_H
#define GSS_ACCEPTOR_H

#include "cv-plugin.h"
#include "cv-auth.h"

#include <gssapi/gssapi.h>

/* Keeps config, names the files that the library is going to read and write.
 * Called for each mechanism of the two. */
#define gss_acceptor_start CV_OWN(_gss_acceptor_start)
int gss_acceptor_start(const struct cv_mechanism_config *config,
		       struct cv_error *err);

/* The keys as they are in the key table now; spnego: to negotiate Kerberos
 * with, and nothing else.  CV_E_TEMP with the library's words; the caller
 * releases it. */
#define gss_acceptor_keys CV_OWN(_gss_acceptor_keys)
int gss_acceptor_keys(bool spnego, struct cv_pool *pool,
		      gss_cred_id_t *keys_r, struct cv_error *err);

/* Whether the ticket of a context that is complete was for this service of
 * this host; false: what it was for is in err. */
#define gss_acceptor_is_meant CV_OWN(_gss_acceptor_is_meant)
bool gss_acceptor_is_meant(gss_ctx_id_t ctx, const char *service,
			   struct cv_pool *pool, struct cv_error *err);

/* The text of a name of Kerberos; NULL: it is of another kind, or has what
 * has to be escaped. */
#define gss_name_text CV_OWN(_gss_name_text)
const char *gss_name_text(gss_name_t name, struct cv_pool *pool);

/* What the library says of a failure. */
#define gss_status_text CV_OWN(_gss_status_text)
const char *gss_status_text(OM_uint32 major, OM_uint32 minor,
			    struct cv_pool *pool);

#endif
