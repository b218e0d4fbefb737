/* adm-fetch-text.h - a whole message, readable. */
#ifndef ADM_FETCH_TEXT_H
#define ADM_FETCH_TEXT_H

#include "adm-mail.h"
#include "stream/stream.h"

/* One value: the headers with their encoded words decoded, each part behind
 * its own header without its transfer encoding, all of it UTF-8 with LF; what
 * is no text becomes U+FFFD.  What stands between the parts is left out.
 * message is at its start; pool is for what the work needs. */
int adm_put_text_utf8(struct adm_mail *m, struct cv_pool *pool,
		      struct cv_stream *message, struct cv_error *err);

#endif
