/* mbox-from.c - the line that begins a message: "From SENDER DATE".
 *
 * The date is what tells it from a line of text: a weekday, a month, a day,
 * a time and a year in one of the orders that programs have used.  The
 * sender may be anything, blanks included. */
#include "mbox.h"

struct date {
	struct tm tm;
	bool has_zone;
	int zone;			/* seconds east */
};

static bool blank(struct cv_span *s)
{
	size_t i = 0;

	while (i < s->len && (s->data[i] == ' ' || s->data[i] == '\t'))
		i++;
	*s = cv_span_skip(*s, i);
	return i > 0 || s->len == 0;
}

/* One of count names of three letters at the beginning. */
static int name_of(struct cv_span *s, const char *names, int count)
{
	for (int i = 0; i < count && s->len >= 3; i++) {
		if (cv_span_equal_icase(cv_span(s->data, 3),
					cv_span(names + 3 * i, 3))) {
			*s = cv_span_skip(*s, 3);
			return i;
		}
	}
	return -1;
}

static bool number(struct cv_span *s, int min_digits, int max_digits,
		   int *value_r)
{
	int digits = 0, value = 0;

	while (digits < max_digits && (size_t)digits < s->len &&
	       s->data[digits] >= '0' && s->data[digits] <= '9')
		value = value * 10 + (s->data[digits++] - '0');
	if (digits < min_digits)
		return false;
	*s = cv_span_skip(*s, (size_t)digits);
	*value_r = value;
	return true;
}

static bool character(struct cv_span *s, char c)
{
	if (s->len == 0 || s->data[0] != c)
		return false;
	*s = cv_span_skip(*s, 1);
	return true;
}

static bool time_of_day(struct cv_span *s, struct date *d)
{
	if (!number(s, 1, 2, &d->tm.tm_hour) || !character(s, ':') ||
	    !number(s, 2, 2, &d->tm.tm_min))
		return false;
	d->tm.tm_sec = 0;
	if (character(s, ':') && !number(s, 2, 2, &d->tm.tm_sec))
		return false;
	return d->tm.tm_hour < 24 && d->tm.tm_min < 60 && d->tm.tm_sec <= 60;
}

static bool year(struct cv_span *s, struct date *d)
{
	int value;

	if (!number(s, 4, 4, &value) || value < 1900)
		return false;
	d->tm.tm_year = value - 1900;
	return true;
}

/* "+0100", "CET", "(CET)", "MET DST": letters say too little to be used but
 * for UTC. */
static bool zone(struct cv_span *s, struct date *d)
{
	size_t letters = 0;
	int value;

	if (s->len > 4 && (s->data[0] == '+' || s->data[0] == '-')) {
		int sign = s->data[0] == '-' ? -1 : 1;

		*s = cv_span_skip(*s, 1);
		if (!number(s, 4, 4, &value) || value / 100 > 23 ||
		    value % 100 > 59)
			return false;
		d->has_zone = true;
		d->zone = sign * (value / 100 * 3600 + value % 100 * 60);
		return true;
	}
	while (letters < s->len && letters < 8 &&
	       ((s->data[letters] >= 'A' && s->data[letters] <= 'Z') ||
		(s->data[letters] >= 'a' && s->data[letters] <= 'z')))
		letters++;
	if (letters == 0)
		return false;
	if (cv_span_equal_icase(cv_span(s->data, letters), CV_SPAN("UTC")) ||
	    cv_span_equal_icase(cv_span(s->data, letters), CV_SPAN("GMT")))
		d->has_zone = true;
	*s = cv_span_skip(*s, letters);
	return true;
}

/* What may stand behind: a zone, "remote from HOST". */
static bool rest(struct cv_span *s, struct date *d)
{
	struct cv_span old;

	(void)blank(s);
	if (s->len == 0)
		return true;
	if (cv_span_begins(*s, CV_SPAN("remote from ")))
		return true;
	old = *s;
	if (!zone(s, d) || !blank(s)) {
		*s = old;
		return false;
	}
	return s->len == 0 || cv_span_begins(*s, CV_SPAN("remote from ")) ||
		(zone(s, d) && s->len == 0);
}

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* "Jan  5 10:11[:12] [ZONE [ZONE]] 2026 [ZONE]", after the weekday. */
static bool date_ctime(struct cv_span s, struct date *d)
{
	d->tm.tm_mon = name_of(&s, months, 12);
	if (d->tm.tm_mon < 0 || !blank(&s) ||
	    !number(&s, 1, 2, &d->tm.tm_mday) || !blank(&s) ||
	    !time_of_day(&s, d) || !blank(&s))
		return false;
	for (int i = 0; i < 2 && s.len > 0 &&
	     !(s.data[0] >= '0' && s.data[0] <= '9'); i++) {
		if (!zone(&s, d) || !blank(&s))
			return false;
	}
	return year(&s, d) && rest(&s, d);
}

/* "5 Jan 2026 10:11[:12] [ZONE]", as in header fields. */
static bool date_header(struct cv_span s, struct date *d)
{
	if (!number(&s, 1, 2, &d->tm.tm_mday) || !blank(&s))
		return false;
	d->tm.tm_mon = name_of(&s, months, 12);
	return d->tm.tm_mon >= 0 && blank(&s) && year(&s, d) && blank(&s) &&
		time_of_day(&s, d) && rest(&s, d);
}

static bool date_at(struct cv_span s, int64_t *received_r)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	struct date d = { .has_zone = false }, h = { .has_zone = false };

	if (name_of(&s, days, 7) < 0)
		return false;
	(void)character(&s, ',');
	if (!blank(&s) || s.len == 0)
		return false;
	if (!date_ctime(s, &d)) {
		if (!date_header(s, &h))
			return false;
		d = h;
	}
	if (d.tm.tm_mday < 1 || d.tm.tm_mday > 31)
		return false;
	d.tm.tm_isdst = -1;
	*received_r = d.has_zone ? (int64_t)timegm(&d.tm) - d.zone :
		(int64_t)mktime(&d.tm);
	return true;
}

bool mbox_from_parse(struct cv_span line, int64_t *received_r)
{
	if (!cv_span_begins(line, CV_SPAN("From ")) ||
	    line.len > MBOX_FROM_MAX)
		return false;
	if (line.data[line.len - 1] == '\r')
		line.len--;
	/* the sender is what stands before the first proper date */
	for (size_t i = 5; i < line.len; i++) {
		if ((line.data[i - 1] == ' ' || line.data[i - 1] == '\t') &&
		    date_at(cv_span_skip(line, i), received_r))
			return true;
	}
	return false;
}

void mbox_from_append(struct cv_text *dst, struct cv_span sender,
		      int64_t received)
{
	time_t when = (time_t)received;
	struct tm tm;
	char date[64];

	/* a year that has not four digits would be no From_ line */
	if (localtime_r(&when, &tm) == NULL || tm.tm_year < 0 ||
	    tm.tm_year > 8099) {
		when = 0;
		(void)gmtime_r(&when, &tm);
	}
	strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &tm);
	cv_text_append_str(dst, "From ");
	for (size_t i = 0; i < sender.len && i < 256; i++) {
		unsigned char c = (unsigned char)sender.data[i];

		if (c > 0x20 && c < 0x7f)
			cv_text_append_c(dst, (char)c);
	}
	if (dst->data[dst->len - 1] == ' ')
		cv_text_append_str(dst, "MAILER-DAEMON");
	cv_text_append_f(dst, " %s\n", date);
}
