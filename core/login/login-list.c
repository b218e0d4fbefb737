/* login-list.c - connections that have not logged in, the oldest first. */
#include "login-private.h"

enum {
	/* an address that holds this part of all places loses its own ones
	 * first */
	ADDRESS_SHARE = 4,
};

void login_list_add(struct login_list *list, struct cv_preauth *p)
{
	p->list = list;
	p->next = NULL;
	p->prev = list->last;
	if (list->last != NULL)
		list->last->next = p;
	else
		list->first = p;
	list->last = p;
	list->count++;
}

void login_list_remove(struct cv_preauth *p)
{
	struct login_list *list = p->list;

	if (list == NULL)
		return;
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		list->first = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	else
		list->last = p->prev;
	p->list = NULL;
	list->count--;
}

static bool same_ip(const struct cv_preauth *a, const struct cv_preauth *b)
{
	uint8_t x[16], y[16];

	net_address_bytes(&a->remote, x);
	net_address_bytes(&b->remote, y);
	return memcmp(x, y, sizeof(x)) == 0;
}

/* auth has said yes: the password was right, and a session is on its way. */
static bool is_accepted(const struct cv_preauth *p)
{
	return p->phase == LOGIN_DECIDED || p->phase == LOGIN_HANDOFF;
}

struct cv_preauth *login_list_victim(const struct login_list *list,
				     const struct cv_preauth *newcomer)
{
	struct cv_preauth *oldest = NULL, *own = NULL;
	uint32_t count = 0;

	for (struct cv_preauth *p = list->first; p != NULL; p = p->next) {
		if (is_accepted(p))
			continue;
		if (oldest == NULL)
			oldest = p;
		if (!same_ip(p, newcomer))
			continue;
		if (own == NULL)
			own = p;
		if (++count > list->count / ADDRESS_SHARE)
			return own;
	}
	return oldest;
}
