/* imap-notify.h - what a client has asked to be told without a command
 * [RFC5465], and telling it.
 *
 * What the client knows of mailboxes is kept; now and then it is compared with
 * what is (cv_mailbox_api.pictures), and the difference is told.  So nothing is
 * queued, whatever happens meanwhile. */
#ifndef IMAP_NOTIFY_H
#define IMAP_NOTIFY_H

#include "imap-mailbox-filter.h"

enum imap_event {
	IMAP_EVENT_MESSAGE_NEW = 1,
	IMAP_EVENT_MESSAGE_EXPUNGE = 2,
	IMAP_EVENT_FLAG_CHANGE = 4,
	IMAP_EVENT_ANNOTATION_CHANGE = 8,
	IMAP_EVENT_MAILBOX_NAME = 16,
	IMAP_EVENT_SUBSCRIPTION_CHANGE = 32,
	IMAP_EVENT_MAILBOX_METADATA_CHANGE = 64,
	IMAP_EVENT_SERVER_METADATA_CHANGE = 128,
	IMAP_EVENTS_MESSAGE = 15,
};

struct imap_notify_group {
	struct imap_mailbox_filter filter;
	uint32_t events;		/* enum imap_event */
};

/* What was told of a mailbox; a name that is only subscribed has none of the
 * numbers. */
struct imap_known {
	const char *name;
	char separator;
	uint32_t flags;			/* enum cv_picture_flag */
	uint32_t events;		/* enum imap_event */
	uint8_t guid[16];
	uint32_t messages, uidnext, uidvalidity, unseen;
	uint64_t modseq;
};

/* What this client has done itself, and need not be told of. */
struct imap_own {
	struct imap_own *next;
	const char *name;
	bool named;			/* made, removed, renamed, subscribed */
	uint32_t messages, last_uid;	/* put into it */
};

struct imap_notify {
	struct cv_pool *pool;
	struct imap_notify_group *groups;
	uint32_t count;
	uint32_t selected;		/* events of the open mailbox */
	bool delayed;			/* [RFC5465 6.1.2] */
	struct imap_args items;		/* of MessageNew; none: at == end */
	uint32_t any;			/* events of some other mailbox */
	struct cv_pool *known_pool;
	struct imap_known *known;	/* by name */
	uint32_t known_count;
	uint64_t turn;
	bool watch_stale;		/* the set of what is watched is old */
	struct cv_pool *own_pool;
	struct imap_own *own;
	struct cv_set own_uids;		/* of the open mailbox */
};

enum {
	IMAP_NOTIFY_GROUPS_MAX = 64,
	IMAP_NOTIFY_NAMES_MAX = 1000,	/* in all groups */
	IMAP_NOTIFY_KNOWN_MAX = 10000,	/* mailboxes */
};

/* --- imap-notify-parse.c ---------------------------------------------------- */

/* "SET", or "SET STATUS", was read: the groups, into a new struct.  NULL after
 * setting a reply. */
struct imap_notify *imap_notify_parse(struct imap_cmd *cmd);
/* Without groups: of nothing is told. */
struct imap_notify *imap_notify_create(void);
void imap_notify_destroy(struct imap_notify **n);
/* A copy whose texts live in the pool. */
struct imap_args imap_notify_items_copy(struct cv_pool *pool,
					struct imap_args items);
/* Events of a mailbox, by all groups that it belongs to. */
uint32_t imap_notify_events(const struct imap_notify *n,
			    const struct imap_filtered *box);
/* " (MessageNew ...)", all of them, for BADEVENT. */
void imap_notify_append_events(struct cv_text *dst);

/* --- imap-notify.c ------------------------------------------------------------ */

/* Events of the open mailbox that the client wants to hear of; all of them
 * when it has never said. */
uint32_t imap_notify_selected(const struct imap_session *s);
/* Whether something may be told between commands. */
bool imap_notify_listens(const struct imap_session *s);
/* A descriptor that tells when; -1: none.  What was to be heard of before it
 * was made has been told then.  Negative: as of imap_notify_push. */
int imap_notify_watch(struct imap_session *s, int *fd_r);
/* Tells what is new everywhere.  command: as one would that allows EXPUNGE.
 * Negative: the session is over. */
int imap_notify_push(struct imap_session *s, bool command);
/* Of other mailboxes; once a command has run. */
void imap_notify_others(struct imap_session *s, struct cv_pool *pool);
/* These messages have just been announced. */
void imap_notify_new(struct imap_session *s, struct cv_pool *pool,
		     uint32_t first, uint32_t last);
/* The mailbox is opened, or closed. */
void imap_notify_selection(struct imap_session *s);
/* This session has put messages into a mailbox, or has done something to a
 * name. */
void imap_notify_own(struct imap_session *s, const char *name,
		     struct cv_set uids);
void imap_notify_own_name(struct imap_session *s, const char *name);
/* The new one takes effect, or none does: CV_E_LIMIT. */
int imap_notify_begin(struct imap_session *s, struct imap_notify *n,
		      struct cv_pool *pool);
/* "* STATUS" of all mailboxes with events of messages, and "\NoAccess". */
void imap_notify_send_state(struct imap_cmd *cmd, bool status);
/* Whether METADATA of this place is to be told; "": the server's. */
bool imap_notify_wants_metadata(const struct imap_session *s,
				const char *name);

/* --- imap-notify-diff.c ---------------------------------------------------------- */

/* What there is now, in a new pool of n. */
int imap_notify_look(struct imap_session *s, struct imap_notify *n,
		     struct imap_known **known_r, uint32_t *count_r,
		     struct cv_pool **pool_r);
/* Tells the difference.  CV_E_LIMIT: it is too large. */
int imap_notify_tell(struct imap_cmd *cmd, const struct imap_notify *n,
		     const struct imap_known *now, uint32_t count);
/* "* STATUS name (...)": enum cv_status_item. */
void imap_notify_status(struct imap_cmd *cmd, const struct imap_known *k,
			uint32_t items);
/* The mailbox that is open. */
bool imap_notify_is_open(const struct imap_session *s,
			 const struct imap_known *k);

/* --- imap-notify-freeze.c ---------------------------------------------------------- */

/* Appends all of it; false: there is too much. */
bool imap_notify_freeze(const struct imap_session *s, struct cv_text *out);
/* Takes it from the beginning of in. */
bool imap_notify_thaw(struct imap_session *s, struct cv_span *in);
/* What imap_notify_items_copy has made. */
void imap_notify_items_freeze(struct cv_text *out, struct imap_args items);
bool imap_notify_items_thaw(struct cv_span *in, struct cv_pool *pool,
			    struct imap_args *items_r);

#endif
