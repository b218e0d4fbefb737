/* imap-check.h - the settings of IMAP are looked over while the configuration
 * is read: what a type and a range cannot say. */
#ifndef IMAP_CHECK_H
#define IMAP_CHECK_H

#include "cv-check.h"

/* The departure of that name in imap_client_workarounds, an
 * enum imap_workaround; 0: there is none. */
uint32_t imap_workaround_find(const char *name);

cv_check_fn imap_check;

#endif
