/* mail-url.h - IMAP URLs of messages and their parts [RFC5092], with
 * authorization [RFC4467].  Texts alone: nothing is opened. */
#ifndef MAIL_URL_H
#define MAIL_URL_H

#include "cv-mailbox.h"

/* "/mailbox;UIDVALIDITY=1/;UID=2/;SECTION=1.2/;PARTIAL=0.100", an absolute
 * path, or "imap://user@host:143/" with such a path behind it and, last,
 * ";EXPIRE=time;URLAUTH=access:mechanism:token".  False: it is none, or not
 * of a message. */
bool mail_url_parse(struct cv_pool *pool, struct cv_span text,
		    struct cv_url *url_r);

/* mail-section.c: the section of a URL, and of FETCH up to its list of
 * fields. */
bool mail_section_parse(struct cv_pool *pool, struct cv_span text,
			struct cv_section *section_r);

#endif
