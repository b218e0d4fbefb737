/* imap-sync.h - telling the client what has changed [RFC3501 7.3, 7.4]. */
#ifndef IMAP_SYNC_H
#define IMAP_SYNC_H

#include "imap-session.h"

/* Messages whose data is to be told, by sequence numbers. */
struct imap_report {
	struct cv_set flags;
	struct cv_set modseqs;		/* the mod-sequence alone */
	bool with_uid;
	/* The command itself removes messages: that is told, whatever NOTIFY
	 * says. */
	bool expunges;
};

/* Brings the view up to date and sends EXPUNGE, EXISTS, RECENT, FLAGS and
 * FETCH (FLAGS).  flags: enum cv_sync_flag.  newmail: new messages may be
 * announced.  report: numbers whose flags are sent in any case.  with_uid:
 * FETCH responses carry the UID.  Negative: the mailbox is gone, BYE was
 * sent. */
int imap_sync(struct imap_session *s, struct cv_pool *pool, uint32_t flags,
	      bool newmail, struct cv_set report, bool with_uid);
int imap_sync_report(struct imap_session *s, struct cv_pool *pool,
		     uint32_t flags, bool newmail,
		     const struct imap_report *report);
/* Forgets of what flags NOTIFY did not want to hear: the mailbox is closed. */
void imap_withheld_clear(struct imap_session *s);
/* FETCH responses, in order; those that are gone are left out. */
void imap_report_send(struct imap_session *s,
		      const struct imap_report *report);
/* "* 5 FETCH (" or, with UIDONLY, "* 900 UIDFETCH (" */
void imap_fetch_begin(struct imap_session *s, uint32_t seq, uint32_t uid);
/* " MODSEQ (7)", and remembers that it was told. */
void imap_fetch_modseq(struct imap_session *s, uint64_t modseq);
/* FLAGS and PERMANENTFLAGS. */
void imap_send_mailbox_flags(struct imap_session *s);

#endif
