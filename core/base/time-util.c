/* time-util.c - see time-util.h. */
#include "time-util.h"
#include "bug.h"

static struct timespec clock_read(clockid_t clock)
{
	struct timespec ts;

	BUG_IF(clock_gettime(clock, &ts) != 0);
	return ts;
}

uint64_t time_monotonic_msecs(void)
{
	struct timespec ts = clock_read(CLOCK_MONOTONIC);

	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t time_now_usecs(void)
{
	struct timespec ts = clock_read(CLOCK_REALTIME);

	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int64_t time_now(void)
{
	return (int64_t)clock_read(CLOCK_REALTIME).tv_sec;
}

/* Eras of 400 years of 146097 days, years starting in March so that the leap
 * day is the last. */
int64_t time_days_from_civil(int64_t year, unsigned int month,
			     unsigned int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t shifted = month > 2 ? month - 3 : month + 9;
	int64_t day_of_year = (153 * shifted + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 -
		year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

void time_civil_from_days(int64_t days, int64_t *year_r,
			  unsigned int *month_r, unsigned int *day_r)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t day_of_era = z - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 +
		day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era -
		(365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted = (5 * day_of_year + 2) / 153;

	*day_r = (unsigned int)(day_of_year - (153 * shifted + 2) / 5 + 1);
	*month_r = (unsigned int)(shifted < 10 ? shifted + 3 : shifted - 9);
	*year_r = year_of_era + era * 400 + (*month_r <= 2 ? 1 : 0);
}
