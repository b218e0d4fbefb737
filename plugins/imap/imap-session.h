/* imap-session.h - a session after login and the command that it runs.
 *
 * INVARIANT: a command handler never writes its tagged reply; it sets it with
 * imap_ok, imap_no or imap_bad, and the main loop sends it after what sync
 * found.  exists and recent are what the client was told, which may be less
 * than the view has (delay-newmail). */
#ifndef IMAP_SESSION_H
#define IMAP_SESSION_H

#include "imap.h"
#include "imap-parser.h"

/* Their names are in imap-check.c, in this order. */
enum imap_workaround {
	IMAP_DELAY_NEWMAIL = 1,
	IMAP_TB_EXTRA_MAILBOX_SEP = 2,
	IMAP_TB_LSUB_FLAGS = 4,
	IMAP_APPEND_8BIT = 8,
};

enum { IMAP_KEEPALIVE_MIN = 1000 };	/* milliseconds */

struct imap_counters {		/* imap_logout_format */
	uint64_t appended, deleted, expunged;
	uint64_t fetch_hdr_count, fetch_hdr_bytes;
	uint64_t fetch_body_count, fetch_body_bytes;
};

/* What a session that sleeps must not forget stands in imap-sleep.c, too. */
struct imap_session {
	struct cv_session *session;
	struct cv_connection *conn;
	struct cv_user *user;
	const struct imap_settings *set;
	struct cv_pool *pool;
	struct cv_pool *cmd_pool;	/* reset before each command */
	struct cv_error *err;
	struct imap_parser parser;
	struct cv_text out;	/* a reply on its way to the connection */
	bool unsettled;		/* out waits for imap_settle */
	struct cv_text held;	/* struct imap_held, of replies in out that
				 * promise what is not durable yet */
	struct cv_mailbox *box;	/* NULL: not selected */
	bool readonly;
	bool closing;		/* BYE was sent */
	bool gone;		/* the client closed without LOGOUT */
	bool asleep;		/* the connection was given away */
	uint64_t sleep_not_before;	/* monotonic milliseconds */
	bool id_seen;
	bool compressed;	/* COMPRESS was answered with OK */
	bool leaving;		/* and UNAUTHENTICATE */
	uint32_t workarounds;	/* enum imap_workaround */
	uint32_t exists, recent;	/* what the client knows */
	uint32_t keywords;	/* how many of the mailbox's were announced */
	uint32_t enabled;	/* enum imap_enabled */
	/* [RFC7162] nothing up to here is left to tell; the highest that was
	 * told since the last sync */
	uint64_t modseq, told_modseq;
	bool behind;		/* a lower HIGHESTMODSEQ was told */
	/* [RFC5257 4.2] changes of annotations are told; up to here they were */
	bool annotate;
	uint64_t annotated;
	uint32_t expunged;	/* told in the last sync */
	bool unreported;	/* a message of its report is not there */
	const struct imap_cmd *running;	/* for imap-progress.c; NULL */
	uint64_t progress_next;		/* of the running one; 0: not known */
	uint32_t comparator;	/* enum cv_comparator [RFC5255 4.7] */
	uint32_t language;	/* enum imap_language [RFC5255 3] */
	struct cv_set saved;	/* "$": UIDs, in saved_pool [RFC5182] */
	struct cv_pool *saved_pool;	/* NULL: nothing was saved yet */
	struct imap_contexts *contexts;	/* NULL: there was none yet */
	uint64_t urlauth_turn;	/* of the key for box, as it was told */
	uint32_t bad;		/* wrong commands in a row */
	struct imap_counters counters;
	/* imap-convert.c, NULL: none yet.  They can be made again, so a
	 * session that sleeps forgets them. */
	struct imap_conversions *conversions;
	struct imap_notify *notify;	/* [RFC5465] NULL: never asked for */
	/* UIDs whose flags have changed and were not told: NOTIFY did not ask
	 * for it */
	struct cv_set withheld;
	struct cv_pool *withheld_pool;	/* NULL: none yet */
};

enum imap_reply { IMAP_REPLY_NONE, IMAP_OK, IMAP_NO, IMAP_BAD };

struct imap_cmd {
	struct imap_session *s;
	struct cv_pool *pool;		/* of this command */
	const struct imap_command *def;
	struct imap_args args;
	struct cv_span tag;
	bool uid;			/* the UID variant */
	bool changed;			/* args are not the parser's, but a
					 * plugin's */
	uint32_t reply;			/* enum imap_reply */
	struct cv_text text;		/* behind OK, NO, BAD */
	struct cv_set report;		/* flags that sync is to report, by
					 * the numbers before it */
	struct cv_set report_modseqs;	/* and those without their flags */
	bool has_numbers;		/* not UIDs: none may move */
	bool beyond;			/* there may be fewer messages than
					 * numbers are told [RFC7377 2] */
	uint32_t boxes_done, boxes_total;	/* ESEARCH; 0: of one */
	bool live;			/* RETURN (UPDATE) [RFC5267 4.3] */
	bool wants_modseq;		/* SEARCH MODSEQ [RFC7162 3.1.5] */
	bool fuzzy;			/* SEARCH has FUZZY [RFC6203] */
	bool foreign_keys;		/* SEARCH has keys of plugins */
	bool expunges;			/* HIGHESTMODSEQ goes with its OK */
	uint32_t limit, limit_uid;	/* [RFC9738] 0: all was done */
};

enum imap_command_flag {
	IMAP_SELECTED = 1,	/* only with a mailbox open */
	IMAP_NO_EXPUNGE = 2,	/* [RFC3501 7.4.1] unless by UID */
	IMAP_HAS_UID = 4,	/* UID may stand before it */
	IMAP_NEWMAIL = 8,	/* delay-newmail does not apply */
	IMAP_NO_SYNC = 16,
	IMAP_NO_ARGS = 32,
	IMAP_HOLDS = 128,	/* may run while replies are kept */
	IMAP_STREAMS = 64,	/* literals from the second argument on are
				 * left to the command */
	IMAP_STREAMS_LATER = 4096,	/* with it: from the third on */
	IMAP_NO_NUMBERS = 256,	/* takes none, also without UID before it */
};

struct imap_command {
	const char *name;	/* upper case */
	int (*run)(struct imap_cmd *cmd);	/* negative: close */
	uint32_t flags;
	/* NULL, or sets the reply when a literal was refused for its size. */
	int (*too_large)(struct imap_cmd *cmd);
};

/* The session's main function: struct cv_protocol.run. */
int imap_session_run(struct cv_session *session, struct cv_error *err);

/* NULL when there is none. */
const struct imap_command *imap_command_find(struct cv_span name);

/* Sends BYE with this text; the session ends after this command. */
void imap_bye(struct imap_session *s, const char *text);
/* True: the session must end, and the client was told why. */
bool imap_stopping(struct imap_session *s);
/* Waits for at least one byte more; what peek has grows.  Sends BYE when
 * the time is up.  Negative: the session is over. */
int imap_wait_input(struct imap_session *s);
/* Closes the selected mailbox, if any, without expunging. */
void imap_unselect(struct imap_session *s);

#endif
