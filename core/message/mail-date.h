/* mail-date.h - dates in headers [RFC5322 3.3] with the obsolete forms
 * [RFC5322 4.3], and the IMAP date-time. */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include "base.h"

struct mail_date {
	int64_t time;		/* seconds since 1970, UTC */
	int32_t zone;		/* minutes east of UTC */
};

/* Years 1900 to 9999; two and three digits as in [RFC5322 4.3].  False when
 * it is no date; never loops over years.  A day without a valid time is that
 * day's 00:00:00 UTC [RFC5256 2.2]. */
bool mail_date_parse(struct cv_span value, struct mail_date *date_r);
/* "Tue, 01 Jan 2026 10:00:00 +0100" */
void mail_date_append(struct cv_text *dst, const struct mail_date *date);

/* "17-Jul-2026 02:44:25 -0700" with or without the leading blank of a one
 * digit day, without the quotes [RFC9051 9 date-time]. */
bool mail_date_parse_imap(struct cv_span value, struct mail_date *date_r);
void mail_date_append_imap(struct cv_text *dst, const struct mail_date *date);
/* "17-Jul-2026" [RFC9051 9 date]; the time is that day's 00:00 UTC. */
bool mail_date_parse_imap_day(struct cv_span value, int64_t *time_r);

#endif
