/* imap-list.h - LIST and LSUB responses, and what their patterns share. */
#ifndef IMAP_LIST_H
#define IMAP_LIST_H

#include "imap-metadata.h"
#include "imap-session.h"

/* "\Sent" to enum cv_mailbox_attribute; 0: unknown [RFC6154 2]. */
uint32_t imap_special_use_find(struct cv_span name);

struct imap_list_request {
	struct cv_list_query query;
	const char *response;	/* "LIST" or "LSUB" */
	bool extended;		/* [RFC5258 6] one of its options was used */
	bool special_use;	/* its attributes are returned */
	bool lsub_flags;	/* tb-lsub-flags */
	uint64_t status_items;	/* [RFC5819 2] 0: none */
	bool my_rights;		/* [RFC8440 3] */
	/* [RFC9590 3] count 0: none */
	struct imap_metadata_request metadata;
	bool inbox;		/* XLIST: \Inbox is an attribute */
	const char *old_name;	/* [RFC9051 6.3.9.7] NULL: none */
	const char *attribute;	/* one more; NULL */
};

/* The reference and the pattern or patterns; false after setting a reply. */
bool imap_list_patterns(struct imap_cmd *cmd, const struct imap_arg *reference,
			const struct imap_arg *patterns,
			struct imap_list_request *request);
/* Sends the responses and sets the reply. */
int imap_list_send(struct imap_cmd *cmd, struct imap_list_request *request);
/* The LIST response of one mailbox, as IMAP4rev2 has it with other commands.
 * old_name: NULL, or what else it was called [RFC9051 6.3.9.7]. */
void imap_list_send_one(struct imap_cmd *cmd, const char *name,
			const char *old_name);

/* The same without being asked [RFC5465 5.4]: of one that is not there,
 * \\NonExistent.  no_access: that it may not be read any more.  subscribed: in
 * case that it is not there. */
void imap_list_send_news(struct imap_cmd *cmd, const char *name,
			 const char *old_name, bool no_access,
			 bool subscribed);

#endif
