/* auth-exchange.h - one SASL exchange [RFC4422]: from BEGIN to OK or FAIL.
 *
 * Penalties and failure delays are timers: waiting clients cost a little
 * memory and delay nobody else. */
#ifndef AUTH_EXCHANGE_H
#define AUTH_EXCHANGE_H

#include "auth-request.h"
#include "ipc/auth-message.h"

struct auth_exchange;

/* type: AUTH_MSG_CHALLENGE, _OK or _FAIL; the answer's id is that of begin.
 * Never from inside auth_exchange_begin, _continue or _free.  After OK the
 * exchange may be asked for its request; after FAIL it can only be freed
 * (also from inside the callback). */
typedef void auth_exchange_fn(struct auth_exchange *exchange, uint32_t type,
			      const struct auth_answer *answer);

struct auth_exchange *auth_exchange_begin(struct auth *auth,
					  const struct auth_begin *begin,
					  auth_exchange_fn *answer,
					  void *context);
/* Right after begin: who asks is another program, which is given the fields
 * (nologin, proxy, host) and acts upon them itself.  no_penalty: it counts
 * wrong passwords itself, too. */
void auth_exchange_set_outside(struct auth_exchange *exchange,
			       bool no_penalty);
/* CV_E_SYNTAX: no challenge is open. */
int auth_exchange_continue(struct auth_exchange *exchange,
			   struct cv_span data, struct cv_error *err);
/* Also aborts; no answer comes any more. */
void auth_exchange_free(struct auth_exchange **exchange);

void *auth_exchange_context(const struct auth_exchange *exchange);
uint32_t auth_exchange_id(const struct auth_exchange *exchange);
bool auth_exchange_succeeded(const struct auth_exchange *exchange);
/* With its user proven: for the userdb lookup.  Belongs to the exchange. */
struct auth_request *auth_exchange_request(struct auth_exchange *exchange);
/* Whether the mail of the proven user is on another server, and then the
 * order's user.  Lives as long as the exchange. */
bool auth_exchange_forwarded(struct auth_exchange *exchange,
			     struct user_info *info_r);
/* Of the client's TLS, empty none. */
struct cv_span auth_exchange_binding(const struct auth_exchange *exchange);

/* The reason in an answer, for enum cv_auth_result. */
uint32_t auth_fail_reason(int result);

#endif
