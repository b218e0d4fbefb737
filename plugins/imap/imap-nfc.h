/* imap-nfc.h - names of mailboxes in Normalization Form C, as Net-Unicode
 * wants it [RFC9051 5.1]. */
#ifndef IMAP_NFC_H
#define IMAP_NFC_H

#include "cv-plugin.h"

struct imap_nfc_pair {		/* sorted by code */
	uint32_t code, first, second;	/* second 0: one other character */
	uint32_t composes;	/* first and second come together again */
};
extern const struct imap_nfc_pair imap_nfc_pairs[];
extern const size_t imap_nfc_pair_count;

struct imap_nfc_class { uint32_t first, last, class; };	/* sorted */
extern const struct imap_nfc_class imap_nfc_classes[];
extern const size_t imap_nfc_class_count;

/* Appends valid UTF-8 in its normal form. */
void imap_nfc_append(struct cv_pool *pool, struct cv_text *dst,
		     struct cv_span utf8);

#endif
