/* imap-url.h - IMAP URLs of a message or a part of it [RFC5092]: the path. */
#ifndef IMAP_URL_H
#define IMAP_URL_H

#include "cv-plugin.h"

enum { IMAP_URL_BYTES_MAX = 4096 };

struct imap_url {
	const char *mailbox;		/* UTF-8 */
	uint32_t uidvalidity;		/* 0: not said */
	uint32_t uid;
	struct cv_span section;		/* decoded; empty: the message */
	bool partial;
	uint32_t start, count;		/* count 0: to the end */
};

/* "/mailbox;UIDVALIDITY=1/;UID=2/;SECTION=1.2/;PARTIAL=0.100", an absolute
 * path.  False: it is none, or not of a message. */
bool imap_url_parse(struct cv_pool *pool, struct cv_span text,
		    struct imap_url *url_r);

#endif
