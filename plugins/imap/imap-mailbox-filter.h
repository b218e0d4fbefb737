/* imap-mailbox-filter.h - which mailboxes a command means: the words that
 * NOTIFY [RFC5465 6] and searching in many mailboxes [RFC7377 2.2] share. */
#ifndef IMAP_MAILBOX_FILTER_H
#define IMAP_MAILBOX_FILTER_H

#include "imap-session.h"

enum imap_filter_kind {
	IMAP_FILTER_SELECTED = 1,
	IMAP_FILTER_SELECTED_DELAYED = 2,
	/* [RFC5465 6.3] where mail may be delivered to: all personal ones */
	IMAP_FILTER_INBOXES = 4,
	IMAP_FILTER_PERSONAL = 8,
	IMAP_FILTER_SUBSCRIBED = 16,
	IMAP_FILTER_SUBTREE = 32,
	IMAP_FILTER_SUBTREE_ONE = 64,	/* [RFC7377 2.2] */
	IMAP_FILTER_MAILBOXES = 128,
	IMAP_FILTERS_SELECTED = 3,	/* of the mailbox that is open */
};

struct imap_mailbox_filter {
	uint32_t kind;			/* one of enum imap_filter_kind */
	const char *const *names;	/* UTF-8; of SUBTREE and later ones */
	uint32_t count;
};

/* The next of args: a word, and for the kinds that have them one name or a
 * list of names, in the command's pool.  kinds: those that may stand here.
 * False after setting a reply. */
bool imap_mailbox_filter_parse(struct imap_cmd *cmd, struct imap_args *args,
			       uint32_t kinds,
			       struct imap_mailbox_filter *filter_r);

/* What a filter asks of a mailbox. */
struct imap_filtered {
	const char *name;
	char separator;
	bool personal, subscribed;
};

/* Never for IMAP_FILTERS_SELECTED. */
bool imap_mailbox_filter_matches(const struct imap_mailbox_filter *filter,
				 const struct imap_filtered *box);
/* Is name below top (by at most one level)?  Or the same. */
bool imap_name_is_within(const char *name, const char *top, char separator,
			 bool one_level);
/* Whether the mailbox of that name is in a personal namespace [RFC2342]. */
bool imap_name_is_personal(struct imap_session *s, const char *name);

/* The selectable mailboxes that at least one of the filters matches, each
 * once, in the order of LIST, names in the command's pool.  Those that are not
 * there, or may not be listed, are left out.  CV_E_LIMIT: more than max. */
int imap_mailbox_filter_expand(struct imap_cmd *cmd,
			       const struct imap_mailbox_filter *filters,
			       uint32_t count, uint32_t max,
			       const char ***names_r, uint32_t *count_r);

#endif
