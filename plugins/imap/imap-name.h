/* imap-name.h - mailbox names on the wire: modified UTF-7 [RFC3501 5.1.3], or
 * UTF-8 for a client that has enabled it [RFC6855 3] [RFC9051 5.1]. */
#ifndef IMAP_NAME_H
#define IMAP_NAME_H

#include "imap-session.h"

/* Did the client ask for names in UTF-8? */
bool imap_name_is_utf8(const struct imap_session *s);
/* Appends it in UTF-8.  Names with 8-bit bytes are UTF-8 from every client.
 * False: it is no name. */
bool imap_name_decode(const struct imap_session *s, struct cv_text *dst,
		      struct cv_span wire);
/* Appends a name in UTF-8 as the client gets it, not quoted. */
void imap_name_encode(const struct imap_session *s, struct cv_text *dst,
		      struct cv_span name);
/* The bytes of the first character of what is not empty; 0: it is none
 * [RFC3629 4]. */
size_t imap_utf8_char(struct cv_span text, uint32_t *code_r);
/* Valid UTF-8 [RFC3629]. */
bool imap_utf8_valid(struct cv_span text);
bool imap_is_ascii(struct cv_span text);
/* Whether a new mailbox may have this name, in UTF-8: no control characters
 * and no line or paragraph separator [RFC6855 3]. */
bool imap_name_allowed(struct cv_span name);

#endif
