/* mail-date.c - dates of mail, by fixed rules and without loops over
 * years. */
#include "mail-date.h"
#include "rfc822-lexer.h"

static const char month_names[12][4] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
};
static const char day_names[7][4] = {
	"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat",
};

struct broken_date {
	uint32_t year, month, day, hour, minute, second;
	int32_t zone;
};

/* min..max digits; more digits behind them are a failure. */
static bool date_number(struct rfc822_lexer *lexer, uint32_t min, uint32_t max,
			uint32_t *value_r, uint32_t *digits_r)
{
	uint32_t digits = 0, value = 0;

	while (lexer->at < lexer->end && *lexer->at >= '0' &&
	       *lexer->at <= '9') {
		if (++digits > max)
			return false;
		value = value * 10 + (uint32_t)(*lexer->at++ - '0');
	}
	*value_r = value;
	if (digits_r != NULL)
		*digits_r = digits;
	return digits >= min;
}

/* Letters; at least three of them, the first three decide for months. */
static struct cv_span date_word(struct rfc822_lexer *lexer)
{
	const char *start = lexer->at;

	while (lexer->at < lexer->end &&
	       ((*lexer->at >= 'a' && *lexer->at <= 'z') ||
		(*lexer->at >= 'A' && *lexer->at <= 'Z')))
		lexer->at++;
	return cv_span(start, (size_t)(lexer->at - start));
}

static bool date_month(struct cv_span word, uint32_t *month_r)
{
	for (uint32_t i = 0; i < 12; i++) {
		if (word.len >= 3 &&
		    cv_span_is_icase(cv_span(word.data, 3), month_names[i])) {
			*month_r = i + 1;
			return true;
		}
	}
	return false;
}

/* [RFC5322 4.3]: two digits below 50 are 20xx, else 19xx; three are added to
 * 1900. */
static bool date_year(struct rfc822_lexer *lexer, uint32_t *year_r)
{
	uint32_t digits;

	if (!date_number(lexer, 2, 4, year_r, &digits))
		return false;
	if (digits == 2)
		*year_r += *year_r < 50 ? 2000 : 1900;
	else if (digits == 3)
		*year_r += 1900;
	return *year_r >= 1900;
}

static bool date_time(struct rfc822_lexer *lexer, struct broken_date *d)
{
	if (!date_number(lexer, 1, 2, &d->hour, NULL))
		return false;
	(void)rfc822_skip_cfws(lexer);
	/* "." is used by some */
	if (!rfc822_parse_char(lexer, ':') && !rfc822_parse_char(lexer, '.'))
		return false;
	if (!date_number(lexer, 2, 2, &d->minute, NULL))
		return false;
	(void)rfc822_skip_cfws(lexer);
	d->second = 0;
	if (rfc822_parse_char(lexer, ':') || rfc822_parse_char(lexer, '.')) {
		if (!date_number(lexer, 2, 2, &d->second, NULL))
			return false;
	}
	/* 60: a leap second */
	return d->hour < 24 && d->minute < 60 && d->second <= 60;
}

static int32_t date_zone_name(struct cv_span name)
{
	static const struct { const char *name; int32_t hours; } zones[] = {
		{ "EDT", -4 }, { "EST", -5 }, { "CDT", -5 }, { "CST", -6 },
		{ "MDT", -6 }, { "MST", -7 }, { "PDT", -7 }, { "PST", -8 },
	};

	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		if (cv_span_is_icase(name, zones[i].name))
			return zones[i].hours * 60;
	}
	/* [RFC5322 4.3]: unknown names, and the military letters whose signs
	 * nobody agrees on, are -0000 */
	return 0;
}

/* Absent or broken: UTC. */
static int32_t date_zone(struct rfc822_lexer *lexer)
{
	uint32_t value, digits;
	int32_t minutes;
	char sign;

	(void)rfc822_skip_cfws(lexer);
	if (lexer->at == lexer->end)
		return 0;
	sign = *lexer->at;
	if (sign != '+' && sign != '-')
		return date_zone_name(date_word(lexer));
	lexer->at++;
	if (!date_number(lexer, 4, 4, &value, &digits) || value % 100 > 59)
		return 0;
	minutes = (int32_t)(value / 100 * 60 + value % 100);
	return sign == '-' ? -minutes : minutes;
}

static bool date_days_ok(const struct broken_date *d)
{
	static const uint32_t lengths[] = {
		31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
	};
	bool leap = (d->year % 4 == 0 && d->year % 100 != 0) ||
		d->year % 400 == 0;

	return d->day >= 1 && d->day <= lengths[d->month - 1] &&
		(d->month != 2 || d->day < 29 || leap);
}

static bool date_finish(const struct broken_date *d, struct mail_date *date_r)
{
	if (!date_days_ok(d))
		return false;
	date_r->time = time_days_from_civil(d->year, d->month, d->day) *
		86400 + d->hour * 3600 + d->minute * 60 + d->second -
		d->zone * 60;
	date_r->zone = d->zone;
	return true;
}

/* "Nov 21 10:00:00 2026", behind the month, as asctime writes it. */
static bool date_asctime(struct rfc822_lexer *lexer, struct broken_date *d)
{
	(void)rfc822_skip_cfws(lexer);
	if (!date_number(lexer, 1, 2, &d->day, NULL))
		return false;
	(void)rfc822_skip_cfws(lexer);
	if (!date_time(lexer, d))
		return false;
	(void)rfc822_skip_cfws(lexer);
	if (!date_year(lexer, &d->year))
		return false;
	d->zone = date_zone(lexer);
	return true;
}

bool mail_date_parse(struct cv_span value, struct mail_date *date_r)
{
	struct broken_date d = { .year = 0 };
	struct rfc822_lexer lexer;
	struct cv_span word;

	rfc822_lexer_init(&lexer, value);
	(void)rfc822_skip_cfws(&lexer);
	word = date_word(&lexer);
	(void)rfc822_skip_cfws(&lexer);
	if (word.len > 0) {
		(void)rfc822_parse_char(&lexer, ',');
		word = date_word(&lexer);
		if (date_month(word, &d.month))
			return date_asctime(&lexer, &d) &&
				date_finish(&d, date_r);
		if (word.len > 0)
			return false;
	}
	if (!date_number(&lexer, 1, 2, &d.day, NULL))
		return false;
	(void)rfc822_skip_cfws(&lexer);
	(void)rfc822_parse_char(&lexer, '-');	/* "17-Jul-2026" */
	if (!date_month(date_word(&lexer), &d.month))
		return false;
	(void)rfc822_skip_cfws(&lexer);
	(void)rfc822_parse_char(&lexer, '-');
	if (!date_year(&lexer, &d.year))
		return false;
	(void)rfc822_skip_cfws(&lexer);
	/* [RFC5256 2.2] a day is enough: without a valid time it is 00:00:00
	 * UTC */
	if (date_time(&lexer, &d))
		d.zone = date_zone(&lexer);
	else
		d.hour = d.minute = d.second = 0;
	return date_finish(&d, date_r);
}

/* --- writing ------------------------------------------------------------ */

static int64_t date_break(const struct mail_date *date, struct broken_date *d)
{
	int64_t local = date->time + date->zone * 60;
	int64_t days = local / 86400, rest = local % 86400, year;
	unsigned int month, day;

	if (rest < 0) {
		days--;
		rest += 86400;
	}
	time_civil_from_days(days, &year, &month, &day);
	/* four digits are all that the syntax has */
	d->year = year < 0 ? 0 : year > 9999 ? 9999 : (uint32_t)year;
	d->month = month;
	d->day = day;
	d->hour = (uint32_t)(rest / 3600);
	d->minute = (uint32_t)(rest / 60 % 60);
	d->second = (uint32_t)(rest % 60);
	return days;
}

static void date_append_zone(struct cv_text *dst, int32_t zone)
{
	int32_t minutes = zone < 0 ? -zone : zone;

	cv_text_append_f(dst, " %c%02d%02d", zone < 0 ? '-' : '+',
			 minutes / 60, minutes % 60);
}

void mail_date_append(struct cv_text *dst, const struct mail_date *date)
{
	struct broken_date d;
	int64_t days = date_break(date, &d);

	/* 1970-01-01 was a Thursday */
	cv_text_append_f(dst, "%s, %02u %s %04u %02u:%02u:%02u",
			 day_names[((days + 4) % 7 + 7) % 7], d.day,
			 month_names[d.month - 1], d.year, d.hour, d.minute,
			 d.second);
	date_append_zone(dst, date->zone);
}

void mail_date_append_imap(struct cv_text *dst, const struct mail_date *date)
{
	struct broken_date d;

	(void)date_break(date, &d);
	/* [RFC9051 9 date-day-fixed]: a blank before one digit */
	cv_text_append_f(dst, "%2u-%s-%04u %02u:%02u:%02u", d.day,
			 month_names[d.month - 1], d.year, d.hour, d.minute,
			 d.second);
	date_append_zone(dst, date->zone);
}

/* --- IMAP --------------------------------------------------------------- */

static bool imap_literal(struct rfc822_lexer *lexer, char c)
{
	if (lexer->at == lexer->end || *lexer->at != c)
		return false;
	lexer->at++;
	return true;
}

static bool imap_day(struct rfc822_lexer *lexer, struct broken_date *d)
{
	uint32_t digits;
	struct cv_span word;

	if (!date_number(lexer, 1, 2, &d->day, NULL) ||
	    !imap_literal(lexer, '-'))
		return false;
	word = date_word(lexer);
	return word.len == 3 && date_month(word, &d->month) &&
		imap_literal(lexer, '-') &&
		date_number(lexer, 4, 4, &d->year, &digits);
}

bool mail_date_parse_imap(struct cv_span value, struct mail_date *date_r)
{
	struct broken_date d = { .year = 0 };
	struct rfc822_lexer lexer;
	uint32_t zone;
	bool minus;

	rfc822_lexer_init(&lexer, value);
	(void)imap_literal(&lexer, ' ');
	if (!imap_day(&lexer, &d) || !imap_literal(&lexer, ' ') ||
	    !date_number(&lexer, 2, 2, &d.hour, NULL) ||
	    !imap_literal(&lexer, ':') ||
	    !date_number(&lexer, 2, 2, &d.minute, NULL) ||
	    !imap_literal(&lexer, ':') ||
	    !date_number(&lexer, 2, 2, &d.second, NULL) ||
	    !imap_literal(&lexer, ' '))
		return false;
	minus = lexer.at < lexer.end && *lexer.at == '-';
	if (!imap_literal(&lexer, minus ? '-' : '+') ||
	    !date_number(&lexer, 4, 4, &zone, NULL) || zone % 100 > 59 ||
	    lexer.at != lexer.end || d.hour > 23 || d.minute > 59 ||
	    d.second > 60)
		return false;
	d.zone = (int32_t)(zone / 100 * 60 + zone % 100);
	if (minus)
		d.zone = -d.zone;
	return date_finish(&d, date_r);
}

bool mail_date_parse_imap_day(struct cv_span value, int64_t *time_r)
{
	struct broken_date d = { .year = 0 };
	struct rfc822_lexer lexer;
	struct mail_date date;

	rfc822_lexer_init(&lexer, value);
	if (!imap_day(&lexer, &d) || lexer.at != lexer.end ||
	    !date_finish(&d, &date))
		return false;
	*time_r = date.time;
	return true;
}
