/* login-place.h - places of connections that have not logged in, and who gives
 * up its own when there are too few.
 *
 * A place is part of what holds it (a connection, or the process that serves
 * one).  The list owns nothing. */
#ifndef LOGIN_PLACE_H
#define LOGIN_PLACE_H

#include "net/address.h"

enum { LOGIN_BUSY_MSECS = 10000 };

/* auth has said yes: a session is on its way */
#define LOGIN_PLACE_KEPT UINT64_MAX

struct login_list;

struct login_place {
	struct login_list *list;	/* NULL: in none */
	struct login_place *next, *prev;
	uint8_t network[16];	/* IPv4 address (mapped), IPv6 /64 */
	uint64_t busy_until;	/* monotonic milliseconds; 0: never busy */
};

/* The oldest first. */
struct login_list {
	struct login_place *first, *last;
	uint32_t count;
};

void login_place_set_network(struct login_place *place,
			     const struct net_address *address);
/* Its client authenticates.  Only the first time counts: who tries again and
 * again has no more right to a place than who is silent. */
void login_place_busy(struct login_place *place);
/* It is nobody's victim any more; it may be again, as one that has had its
 * time. */
void login_place_keep(struct login_place *place);
void login_place_release(struct login_place *place);

void login_list_add(struct login_list *list, struct login_place *place);
/* Nothing happens when it is in none. */
void login_list_remove(struct login_place *place);
/* Who goes when places are scarce: the oldest that is not authenticating, of
 * the newcomer's own network when that holds more than a quarter of all
 * places; the oldest when all are authenticating.  NULL: all are kept.
 * newcomer is in no list. */
struct login_place *login_list_victim(const struct login_list *list,
				      const struct login_place *newcomer);

#endif
