/* imap-catenate.h - what a URL of CATENATE stands for [RFC4469 3]. */
#ifndef IMAP_CATENATE_H
#define IMAP_CATENATE_H

#include "imap-append.h"

/* Opens the message part that the URL names; the stream gives *len_r bytes
 * from where it stands.  False: the URL is bad, or nothing is there. */
bool imap_catenate_open(struct imap_append *a, struct cv_span url,
			struct cv_stream **stream_r, uint64_t *len_r);
/* The mailbox that stays open for the next URL. */
void imap_catenate_close(struct imap_append *a);
/* [RFC4469 4.1] NO with the URL. */
int imap_catenate_bad_url(struct imap_cmd *cmd, struct cv_span url);

#endif
