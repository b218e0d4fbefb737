/* login-place.c - places of connections that have not logged in. */
#include "login-place.h"
#include "base/time-util.h"

enum {
	/* an address that holds this part of all places loses its own ones
	 * first */
	ADDRESS_SHARE = 4,
	/* the network that one customer is given */
	IPV6_PREFIX_BYTES = 8,
};

static bool is_mapped_v4(const uint8_t bytes[static 16])
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(bytes, prefix, sizeof(prefix)) == 0;
}

void login_place_set_network(struct login_place *place,
			     const struct net_address *address)
{
	net_address_bytes(address, place->network);
	if (!is_mapped_v4(place->network))
		memset(place->network + IPV6_PREFIX_BYTES, 0,
		       sizeof(place->network) - IPV6_PREFIX_BYTES);
}

void login_place_busy(struct login_place *place)
{
	if (place->busy_until == 0)
		place->busy_until = time_monotonic_msecs() + LOGIN_BUSY_MSECS;
}

void login_place_keep(struct login_place *place)
{
	place->busy_until = LOGIN_PLACE_KEPT;
}

void login_place_release(struct login_place *place)
{
	if (place->busy_until == LOGIN_PLACE_KEPT)
		place->busy_until = 1;
}

void login_list_add(struct login_list *list, struct login_place *place)
{
	place->list = list;
	place->next = NULL;
	place->prev = list->last;
	if (list->last != NULL)
		list->last->next = place;
	else
		list->first = place;
	list->last = place;
	list->count++;
}

void login_list_remove(struct login_place *place)
{
	struct login_list *list = place->list;

	if (list == NULL)
		return;
	if (place->prev != NULL)
		place->prev->next = place->next;
	else
		list->first = place->next;
	if (place->next != NULL)
		place->next->prev = place->prev;
	else
		list->last = place->prev;
	place->list = NULL;
	list->count--;
}

/* The oldest of some, and the oldest of them that is not authenticating. */
struct candidates { struct login_place *any, *idle; };

static void consider(struct candidates *c, struct login_place *place,
		     uint64_t now)
{
	if (c->any == NULL)
		c->any = place;
	if (c->idle == NULL && place->busy_until <= now)
		c->idle = place;
}

static struct login_place *choose(const struct candidates *c)
{
	return c->idle != NULL ? c->idle : c->any;
}

struct login_place *login_list_victim(const struct login_list *list,
				      const struct login_place *newcomer)
{
	struct candidates all = { NULL, NULL }, own = { NULL, NULL };
	uint64_t now = time_monotonic_msecs();
	uint32_t count = 0;

	for (struct login_place *place = list->first; place != NULL;
	     place = place->next) {
		if (place->busy_until == LOGIN_PLACE_KEPT)
			continue;
		consider(&all, place, now);
		if (memcmp(place->network, newcomer->network,
			   sizeof(place->network)) != 0)
			continue;
		consider(&own, place, now);
		count++;
	}
	return choose(count > list->count / ADDRESS_SHARE ? &own : &all);
}
