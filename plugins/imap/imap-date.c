/* imap-date.c - see imap-date.h. */
#include "imap-date.h"

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Days since 1970 of a proleptic Gregorian date: years begin in March, so
 * that the leap day is the last one. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t in_era = y - era * 400;
	int64_t in_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 +
		day - 1;

	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 +
		in_year - 719468;
}

static void date_of(int64_t days, int64_t *year_r, int64_t *month_r,
		    int64_t *day_r)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t of_era = z - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 -
		     of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;

	*day_r = of_year - (153 * m + 2) / 5 + 1;
	*month_r = m < 10 ? m + 3 : m - 9;
	*year_r = y + era * 400 + (*month_r <= 2);
}

static bool digits(struct cv_span *text, size_t count, int64_t *value_r)
{
	uint64_t value;

	if (text->len < count ||
	    !cv_span_to_u64(cv_span(text->data, count), 9999, &value))
		return false;
	*value_r = (int64_t)value;
	*text = cv_span_skip(*text, count);
	return true;
}

static bool literally(struct cv_span *text, char c)
{
	if (text->len == 0 || text->data[0] != c)
		return false;
	*text = cv_span_skip(*text, 1);
	return true;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31,
					      30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* "-Feb-1994" */
static bool month_and_year(struct cv_span *text, int64_t day,
			   int64_t *days_r)
{
	int64_t month = 0, year;

	if (!literally(text, '-') || text->len < 3)
		return false;
	for (int i = 0; i < 12; i++) {
		if (cv_span_equal_icase(cv_span(text->data, 3),
					cv_span(months + i * 3, 3)))
			month = i + 1;
	}
	*text = cv_span_skip(*text, 3);
	if (month == 0 || !literally(text, '-') || !digits(text, 4, &year) ||
	    day < 1 || day > days_in_month(year, month))
		return false;
	*days_r = days_of(year, month, day);
	return true;
}

bool imap_date_parse(struct cv_span text, int64_t *days_r)
{
	int64_t day;

	/* [RFC3501 9] date-day = 1*2DIGIT */
	if (text.len == 0)
		return false;
	if (!digits(&text, text.len > 1 && text.data[1] != '-' ? 2 : 1, &day))
		return false;
	return month_and_year(&text, day, days_r) && text.len == 0;
}

static bool zone(struct cv_span *text, int64_t *seconds_r)
{
	int64_t hours, minutes, sign;

	if (text->len != 5 || (text->data[0] != '+' && text->data[0] != '-'))
		return false;
	sign = text->data[0] == '-' ? -1 : 1;
	*text = cv_span_skip(*text, 1);
	if (!digits(text, 2, &hours) || !digits(text, 2, &minutes) ||
	    minutes > 59 || hours > 24)
		return false;
	*seconds_r = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool imap_date_time_parse(struct cv_span text, int64_t *seconds_r)
{
	int64_t day, days, hour, minute, second, offset;

	/* [RFC3501 9] date-day-fixed = (SP DIGIT) / 2DIGIT */
	if (literally(&text, ' ')) {
		if (!digits(&text, 1, &day))
			return false;
	} else if (!digits(&text, 2, &day)) {
		return false;
	}
	if (!month_and_year(&text, day, &days) || !literally(&text, ' ') ||
	    !digits(&text, 2, &hour) || !literally(&text, ':') ||
	    !digits(&text, 2, &minute) || !literally(&text, ':') ||
	    !digits(&text, 2, &second) || !literally(&text, ' ') ||
	    !zone(&text, &offset))
		return false;
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	*seconds_r = days * 86400 + hour * 3600 + minute * 60 + second -
		offset;
	return true;
}

static char *two(char *dst, int64_t value)
{
	dst[0] = (char)('0' + value / 10);
	dst[1] = (char)('0' + value % 10);
	return dst + 2;
}

void imap_date_time_format(char *dst, int64_t seconds)
{
	int64_t days, rest, year, month, day;

	if (seconds < -62167219200)		/* 0000-01-01 */
		seconds = -62167219200;
	if (seconds > 253402300799)		/* 9999-12-31 */
		seconds = 253402300799;
	days = (seconds >= 0 ? seconds : seconds - 86399) / 86400;
	rest = seconds - days * 86400;
	date_of(days, &year, &month, &day);
	*dst++ = '"';
	dst = two(dst, day);
	*dst++ = '-';
	memcpy(dst, months + (month - 1) * 3, 3);
	dst[3] = '-';
	dst = two(two(dst + 4, year / 100), year % 100);
	*dst++ = ' ';
	dst = two(dst, rest / 3600);
	*dst++ = ':';
	dst = two(dst, rest / 60 % 60);
	*dst++ = ':';
	dst = two(dst, rest % 60);
	memcpy(dst, " +0000\"", 7);
}
