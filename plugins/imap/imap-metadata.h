/* imap-metadata.h - what the commands of METADATA [RFC5464] and LIST-METADATA
 * [RFC9590] share. */
#ifndef IMAP_METADATA_H
#define IMAP_METADATA_H

#include "imap-session.h"

/* Entries that are asked for, and below them. */
struct imap_metadata_request {
	struct imap_args entries;	/* checked by imap_metadata_entries */
	uint32_t count;
	uint32_t depth;			/* [RFC5464 4.2.2]; UINT32_MAX: all */
	uint64_t max_size;		/* UINT64_MAX: no limit */
	bool nil;			/* those without a value, too */
};

/* The argument as a mailbox name, "" for the server. */
bool imap_metadata_place_arg(struct imap_cmd *cmd, const char **name_r);
/* Whether a name of an entry can be [RFC5464 3.2]; below: also one of which
 * only what is below it can have a value. */
bool imap_metadata_entry_ok(struct cv_span entry, bool below);
/* Names of entries to the end of args; false after BAD. */
bool imap_metadata_entries(struct imap_cmd *cmd, struct imap_args args,
			   struct imap_metadata_request *request);
/* Appends "* METADATA ..." for the mailbox when there is something to tell;
 * *longest_r: the longest value left out for max_size, else 0. */
int imap_metadata_send(struct imap_cmd *cmd, const char *name,
		       const struct imap_metadata_request *request,
		       uint64_t *longest_r);
/* The longest value that a client may set. */
uint64_t imap_metadata_max(const struct imap_session *s);
/* Whether changes of METADATA are told without being asked for. */
bool imap_metadata_is_told(const struct imap_session *s);
/* After ENABLE METADATA, or as NOTIFY asks: what others have changed. */
void imap_metadata_notify(struct imap_session *s, struct cv_pool *pool);
/* Run by ENABLE. */
void imap_metadata_enable(struct imap_session *s);

#endif
