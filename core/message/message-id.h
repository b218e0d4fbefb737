/* message-id.h - the tokens of Message-ID, In-Reply-To and References
 * [RFC5322 3.6.4]. */
#ifndef MESSAGE_ID_H
#define MESSAGE_ID_H

#include "base.h"

enum { MESSAGE_ID_MAX = 1000, MESSAGE_IDS_MAX = 1000 };

/* The next id, normalised: without the brackets, comments and blanks, a
 * quoted local part unquoted, so that equal ids are equal bytes
 * [RFC5256 3 REFERENCES].  *rest moves behind it.  False when there is no
 * further one.  Ids over MESSAGE_ID_MAX bytes are skipped. */
bool message_id_next(struct cv_pool *pool, struct cv_span *rest,
		     struct cv_span *id_r);

/* The same where ids are only compared with each other: one without quotes,
 * comments and blanks points into the text and may have any characters. */
bool message_id_find(struct cv_pool *pool, struct cv_span *rest,
		     struct cv_span *id_r);

#endif
