/* auth-penalty.h - addresses from which wrong passwords come wait longer:
 * 2, 4, 8, 15 seconds.
 *
 * anvil counts, for all auth processes together.  The same wrong password
 * for the same user counts once (anvil is given a checksum), so that a mail
 * program with an old password does not punish its user.  IPv6 addresses
 * count by /48 network.  When anvil does not answer nobody waits.
 *
 * Who has logged in from an address before does not wait there for what
 * others do, as long as their own password is right [security.md A27]. */
#ifndef AUTH_PENALTY_H
#define AUTH_PENALTY_H

#include "base.h"

struct event_base;
struct auth_penalty;

typedef void auth_penalty_fn(void *context, uint32_t delay_msecs);

/* connect opens a channel to anvil; the descriptor becomes the penalty's. */
struct auth_penalty *
auth_penalty_create(struct event_base *base,
		    int (*connect)(void *context, int *fd_r,
				   struct cv_error *err),
		    void *context);
/* NULL is ignored. */
void auth_penalty_destroy(struct auth_penalty **penalty);

/* done comes once, maybe at once.  The number cancels it; 0: done already. */
uint32_t auth_penalty_get(struct auth_penalty *penalty, const char *ip,
			  auth_penalty_fn *done, void *context);
void auth_penalty_cancel(struct auth_penalty *penalty, uint32_t id);
/* After a failure and after a success. */
void auth_penalty_add(struct auth_penalty *penalty, const char *ip,
		      struct cv_span user, struct cv_span password);
void auth_penalty_reset(struct auth_penalty *penalty, const char *ip,
			struct cv_span user);
/* The last login of this user from this address was good. */
bool auth_penalty_is_known(const struct auth_penalty *penalty, const char *ip,
			   struct cv_span user);

/* Milliseconds for this many failures. */
uint32_t auth_penalty_msecs(uint32_t count);
/* The name under which an address counts. */
void auth_penalty_name(const char *ip, char name_r[static 64]);

#endif
