/* auth-input.h - the inputs of a request: copies, messages, variables. */
#ifndef AUTH_INPUT_H
#define AUTH_INPUT_H

#include "base.h"
#include "cv-auth.h"
#include "ipc/ipc.h"
#include "settings/settings.h"

/* All strings "", the pool set. */
void auth_input_init(struct cv_auth_input *in, struct cv_pool *pool);

/* %variables of a request: user username domain orig_user orig_username
 * orig_domain auth_user login_user login_username login_domain master_user
 * service mech session lip rip lport rport real_* local_name cert secured
 * realm pid, and the short ones; passdb:NAME[:DEFAULT], userdb:NAME[:DEFAULT],
 * forward_NAME.  The context is the input. */
bool auth_input_variable(void *context, struct cv_span name,
			 struct cv_span *value_r);

/* settings_expand with these variables; flags as CV_AUTH_EXPAND_*. */
int auth_input_expand(const struct cv_auth_input *in, const char *text,
		      uint32_t flags, struct cv_text *out,
		      struct cv_error *err);

/* Whether a template may ask for what other databases have said; NULL: that
 * is not known, so it may. */
bool auth_input_needs_fields(const char *cache_key);
/* fields: with those. */
void auth_input_put(struct ipc_writer *w, const struct cv_auth_input *in,
		    bool fields);
/* Copies into the pool; failure shows in ipc_finish. */
void auth_input_read(struct ipc_reader *r, struct cv_pool *pool,
		     struct cv_auth_input *in_r);

#endif
