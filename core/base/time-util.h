/* time-util.h - clocks. */
#ifndef TIME_UTIL_H
#define TIME_UTIL_H

#include "cv-types.h"

/* Milliseconds that only go forward; for deadlines. */
uint64_t time_monotonic_msecs(void);
/* Microseconds since 1970, for timestamps; may jump. */
uint64_t time_now_usecs(void);
/* Seconds since 1970. */
int64_t time_now(void);
/* Days from 1970-01-01 in the proleptic Gregorian calendar; month 1..12. */
int64_t time_days_from_civil(int64_t year, unsigned int month,
			     unsigned int day);
void time_civil_from_days(int64_t days, int64_t *year_r,
			  unsigned int *month_r, unsigned int *day_r);

#endif
