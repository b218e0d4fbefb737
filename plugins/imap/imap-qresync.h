/* imap-qresync.h - quick resynchronisation [RFC7162 3.2.5, 3.2.6]. */
#ifndef IMAP_QRESYNC_H
#define IMAP_QRESYNC_H

#include "imap-session.h"

struct imap_qresync {
	bool given;
	uint32_t uidvalidity;
	uint64_t modseq;
	bool has_uids;
	struct cv_set uids;			/* known ones */
	struct cv_set match_seqs, match_uids;	/* as many of either */
};

/* "(uidvalidity modseq [known-uids] [(seqs uids)])"; false after setting
 * BAD. */
bool imap_qresync_parse(struct imap_cmd *cmd, const struct imap_arg *arg,
			struct imap_qresync *q);
/* Sends what a client has missed; negative: it cannot be found out. */
int imap_qresync_send(struct imap_cmd *cmd, const struct imap_qresync *q);
/* VANISHED (EARLIER) for these UIDs; those up to floor are known. */
int imap_vanished_earlier_send(struct imap_cmd *cmd, uint64_t since,
			       const struct cv_set *uids, uint32_t floor);
/* Of seqs, those changed after since. */
int imap_changed_since(struct imap_cmd *cmd, uint64_t since,
		       struct cv_set *seqs);

#endif
