/* auth-policy.h - the policy server: when it is asked, and what its answers
 * do.
 *
 * The plugin that knows its protocol runs in auth-worker; a check is one of
 * auth's jobs, and so is a report, whose answer nobody waits for. */
#ifndef AUTH_POLICY_H
#define AUTH_POLICY_H

#include "auth-request.h"

enum { AUTH_POLICY_MESSAGE_MAX = 1024 };

/* What an answer means for a login. */
struct auth_policy_verdict {
	bool refused;
	uint32_t delay_secs;
	const char *message;		/* for the client, when refused */
};

struct auth_policy_ask;
typedef void auth_policy_fn(void *context,
			    const struct auth_policy_verdict *verdict);

/* In the process that asks, before it is confined; nothing without
 * auth_policy_server_url.  CV_E_CONFIG. */
int auth_policy_open(const struct auth_settings *set, struct cv_pool *pool,
		     struct cv_error *err);
/* In any process: the settings make sense. */
int auth_policy_check_settings(const struct auth_settings *set,
			       struct cv_error *err);
bool auth_policy_is_on(const struct auth_settings *set);

/* done comes once, and never after cancel; from inside the call when there is
 * nobody to ask, and then NULL is returned: done must leave the request alive.
 * Both live as long as the request, of which a reference is kept until the
 * answer is there. */
struct auth_policy_ask *
auth_policy_check(struct auth_request *request, struct cv_span password,
		  const char *client_id, auth_policy_fn *done, void *context);
void auth_policy_cancel(struct auth_policy_ask **ask);
/* refused: by a check before. */
void auth_policy_report(struct auth_request *request, struct cv_span password,
			const char *client_id, bool success, bool refused);

/* Does an AUTH_JOB_POLICY here and now: fields "status" and "message". */
void auth_policy_run(struct auth_job *job);

#endif
