/* imap-date.h - date and date-time [RFC3501 9]. */
#ifndef IMAP_DATE_H
#define IMAP_DATE_H

#include "cv-plugin.h"

enum { IMAP_DATE_LEN = 28 };	/* with the quotes */

/* "17-Jul-1996 02:44:25 -0700" (the quotes are gone; the day may have a
 * leading space) to seconds since 1970. */
bool imap_date_time_parse(struct cv_span text, int64_t *seconds_r);
/* "1-Feb-1994" to days since 1970-01-01. */
bool imap_date_parse(struct cv_span text, int64_t *days_r);
/* Writes IMAP_DATE_LEN bytes, quotes included, in UTC.  Years outside of
 * 0..9999 are clamped. */
void imap_date_time_format(char *dst, int64_t seconds);

#endif
