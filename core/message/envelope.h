/* envelope.h - the ENVELOPE of a message [RFC9051 7.5.2]. */
#ifndef ENVELOPE_H
#define ENVELOPE_H

#include "address.h"

struct message_envelope {
	/* Unfolded, otherwise raw; data NULL: no such field. */
	struct cv_span date, subject, in_reply_to, message_id;
	/* Several fields of one name are one list. */
	struct address_list from, sender, reply_to, to, cc, bcc;
	bool has_from, has_sender, has_reply_to, has_to, has_cc, has_bcc;
};

/* Takes a header field if it belongs to the envelope; value folded or not,
 * need not outlive the call. */
bool envelope_add_field(struct cv_pool *pool, struct message_envelope *env,
			struct cv_span name, struct cv_span value);
/* "(date subject from ...)" with the brackets. */
void envelope_append(struct cv_text *dst, const struct message_envelope *env);

/* IMAP strings: NIL when data is NULL; quoted where all is 7-bit without
 * CR, LF and NUL, else a literal [RFC9051 4.3].  NUL becomes U+FFFD, since no
 * literal may hold it. */
void imap_append_nstring(struct cv_text *dst, struct cv_span s);
void imap_append_string(struct cv_text *dst, struct cv_span s);

#endif
