/* address.h - address lists [RFC5322 3.4], with the obsolete forms
 * [RFC5322 4.4] and whatever else is found in mail.
 *
 * Linear in the input, no recursion; every byte string yields some list. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include "base.h"

enum { ADDRESS_MAX = 10000 };	/* further ones are ignored */

enum address_kind {
	ADDRESS_MAILBOX,	/* local@domain */
	ADDRESS_GROUP_START,	/* "mailbox" is the group's name */
	ADDRESS_GROUP_END,
};

/* Spans with data NULL: not there. */
struct address {
	enum address_kind kind;
	struct cv_span name;	/* display name, raw: may hold encoded-words.
				 * Without one, a comment behind the address */
	struct cv_span route;	/* "@a,@b" [RFC5322 4.4] */
	struct cv_span mailbox;	/* unquoted local part */
	struct cv_span domain;
	bool invalid;		/* something had to be left out or was
				 * missing */
};

struct address_list {
	struct address *items;
	uint32_t count;
	bool cut;		/* there were more than the cap */
};

/* Appends to list (zero it first); value as in the header, folded or not. */
void address_parse(struct cv_pool *pool, struct cv_span value,
		   struct address_list *list);

/* "local@domain", quoted where needed; "" for what is no mailbox. */
void address_append(struct cv_text *dst, const struct address *address);
/* The whole list in header form, names quoted where needed. */
void address_list_append(struct cv_text *dst, const struct address_list *list);

/* Parses "<user@domain>" or "user@domain" of an SMTP command
 * [RFC5321 4.1.2]: routes are dropped, an empty "<>" is allowed when
 * null_ok.  Strict: false on anything else. */
bool address_parse_path(struct cv_pool *pool, struct cv_span value,
			bool null_ok, struct address *address_r);

#endif
