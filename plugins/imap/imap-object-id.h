/* imap-object-id.h - OBJECTID [RFC8474] on the wire: a letter for the kind, and
 * 16 bytes as hexadecimal digits. */
#ifndef IMAP_OBJECT_ID_H
#define IMAP_OBJECT_ID_H

#include "imap-session.h"

/* [RFC8474 8] no id begins with a digit, nor differs from another by case */
enum imap_object_kind {
	IMAP_OBJECT_EMAIL = 'M', IMAP_OBJECT_MAILBOX = 'F',
	IMAP_OBJECT_THREAD = 'T',
};

enum { IMAP_OBJECT_ID_LEN = 33 };

void imap_object_id_append(struct cv_text *dst, enum imap_object_kind kind,
			   const uint8_t id[16]);
/* False: nothing has this id. */
bool imap_object_id_parse(struct cv_span text, enum imap_object_kind kind,
			  uint8_t id_r[16]);
/* [RFC8474 4.1] objectid: any that another server may have given */
bool imap_object_id_valid(struct cv_span text);
/* "[MAILBOXID (F...)]" */
void imap_mailbox_id_append(struct cv_text *dst, const uint8_t guid[16]);

#endif
