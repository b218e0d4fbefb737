/* adm-query-value.c - dates, sizes and sets of the search language. */
#include "adm-query-private.h"

#include <stdlib.h>
#include <time.h>

enum { QUERY_RANGES_MAX = 100000 };

/* "10k", "10ki", "10 KB" and "10kiB" are one size; "B" alone is bytes. */
static bool parse_unit(const char *text, uint32_t *power_r)
{
	static const char units[] = "kmgt";
	const char *unit = strchr(units, cv_ascii_lower(*text));

	*power_r = 0;
	if (*text == '\0')
		return true;
	if (unit != NULL) {
		*power_r = (uint32_t)(unit - units) + 1;
		text++;
		if (cv_ascii_lower(*text) == 'i')
			text++;
	}
	return *text == '\0' ||
		(cv_ascii_lower(text[0]) == 'b' && text[1] == '\0');
}

bool adm_query_size(const char *text, uint64_t *bytes_r)
{
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;
	uint32_t power;
	uint64_t bytes;

	while (*unit == ' ')
		unit++;
	if (!cv_span_to_u64(cv_span(text, digits), UINT64_MAX, &bytes) ||
	    !parse_unit(unit, &power))
		return false;
	for (; power > 0; power--) {
		if (bytes > UINT64_MAX / 1024)
			return false;
		bytes *= 1024;
	}
	*bytes_r = bytes;
	return true;
}

bool query_interval(const char *text, uint64_t *seconds_r)
{
	static const struct { const char *name; uint64_t seconds; } units[] = {
		{ "weeks", 604800 }, { "days", 86400 }, { "hours", 3600 },
		{ "mins", 60 }, { "secs", 1 },
	};
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end == '\0' ||
	    value > UINT32_MAX)
		return false;
	while (*end == ' ')
		end++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t len = strlen(end);

		if (len <= strlen(units[i].name) &&
		    cv_span_equal_icase(cv_span(units[i].name, len),
					cv_span_of(end))) {
			*seconds_r = value * units[i].seconds;
			return true;
		}
	}
	return false;
}

/* strptime takes the 31st of any month. */
static bool is_day(int64_t day, const struct tm *tm)
{
	struct tm real;
	time_t seconds = (time_t)(day * 86400);

	return gmtime_r(&seconds, &real) != NULL &&
		real.tm_mday == tm->tm_mday && real.tm_mon == tm->tm_mon;
}

/* "13-Apr-2007", "2007-04-13" */
static bool parse_day(const char *text, int64_t *day_r)
{
	static const char *const formats[] = { "%d-%b-%Y", "%Y-%m-%d" };

	for (size_t i = 0; i < 2; i++) {
		struct tm tm = { 0 };
		const char *end = strptime(text, formats[i], &tm);

		if (end == NULL || *end != '\0')
			continue;
		*day_r = time_days_from_civil(tm.tm_year + 1900,
					      (unsigned int)tm.tm_mon + 1,
					      (unsigned int)tm.tm_mday);
		return is_day(*day_r, &tm);
	}
	return false;
}

bool adm_query_time(const char *text, uint64_t now, uint64_t *seconds_r,
		    int64_t *day_r)
{
	uint64_t interval;

	*seconds_r = 0;
	*day_r = 0;
	if (parse_day(text, day_r))
		return true;
	if (strlen(text) == 10 &&
	    cv_span_to_u64(cv_span_of(text), UINT64_MAX / 2, seconds_r))
		return true;
	if (!query_interval(text, &interval))
		return false;
	*seconds_r = interval < now ? now - interval : 1;
	return true;
}

/* UINT32_MAX stands for '*' until the view is known. */
static bool parse_set_number(struct cv_span text, uint32_t *number_r)
{
	uint64_t number;

	if (cv_span_is(text, "*")) {
		*number_r = UINT32_MAX;
		return true;
	}
	if (!cv_span_to_u64(text, UINT32_MAX, &number) || number == 0)
		return false;
	/* which no message has */
	*number_r = number == UINT32_MAX ? UINT32_MAX - 1 : (uint32_t)number;
	return true;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct cv_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

uint32_t query_merge_ranges(struct cv_range *ranges, uint32_t count)
{
	uint32_t kept = 0;

	qsort(ranges, count, sizeof(*ranges), compare_ranges);
	for (uint32_t i = 0; i < count; i++) {
		if (kept > 0 && ranges[i].first <= ranges[kept - 1].last) {
			if (ranges[i].last > ranges[kept - 1].last)
				ranges[kept - 1].last = ranges[i].last;
		} else {
			ranges[kept++] = ranges[i];
		}
	}
	return kept;
}

bool query_parse_set(struct cv_pool *pool, const char *text,
		      struct cv_set *set_r)
{
	struct cv_span rest = cv_span_of(text), item, first;
	ARRAY(struct cv_range) ranges;

	array_init(&ranges, pool);
	while (cv_span_split(&rest, ',', &item)) {
		struct cv_range r;

		if (ranges.count == QUERY_RANGES_MAX)
			return false;
		cv_span_split(&item, ':', &first);
		if (!parse_set_number(first, &r.first))
			return false;
		r.last = r.first;
		if (item.data != NULL && !parse_set_number(item, &r.last))
			return false;
		if (r.first > r.last)
			r = (struct cv_range){ r.last, r.first };
		*array_add(&ranges) = r;
	}
	set_r->ranges = ranges.items;
	set_r->count = query_merge_ranges(ranges.items, (uint32_t)ranges.count);
	return ranges.count > 0;
}
