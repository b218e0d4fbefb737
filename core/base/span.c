/* span.c - see span.h. */
#include "span.h"
#include "checked.h"

#ifndef _GNU_SOURCE
#error "memmem needs _GNU_SOURCE"
#endif

struct unit { const char *name; uint64_t factor; };

/* The digits at the front of s and what follows, blanks in between taken
 * away. */
static bool split_number(struct cv_span s, uint64_t *number_r,
			 struct cv_span *unit_r)
{
	size_t digits = 0;

	s = cv_span_trim(s);
	while (digits < s.len && s.data[digits] >= '0' && s.data[digits] <= '9')
		digits++;
	if (!cv_span_to_u64(cv_span(s.data, digits), UINT64_MAX, number_r))
		return false;
	*unit_r = cv_span_trim(cv_span_skip(s, digits));
	return true;
}

static bool apply_unit(const struct unit *units, struct cv_span name,
		       uint64_t number, uint64_t *value_r)
{
	for (; units->name != NULL; units++) {
		if (cv_span_is_icase(name, units->name))
			return !__builtin_mul_overflow(number, units->factor,
						       value_r);
	}
	return false;
}

bool span_to_size(struct cv_span s, uint64_t *value_r)
{
	static const struct unit units[] = {
		{ "", 1 }, { "b", 1 },
		{ "k", 1ULL << 10 }, { "kb", 1ULL << 10 }, { "kib", 1ULL << 10 },
		{ "m", 1ULL << 20 }, { "mb", 1ULL << 20 }, { "mib", 1ULL << 20 },
		{ "g", 1ULL << 30 }, { "gb", 1ULL << 30 }, { "gib", 1ULL << 30 },
		{ "t", 1ULL << 40 }, { "tb", 1ULL << 40 }, { "tib", 1ULL << 40 },
		{ NULL, 0 },
	};
	struct cv_span unit;
	uint64_t number;

	return split_number(s, &number, &unit) &&
		apply_unit(units, unit, number, value_r);
}

bool span_to_msecs(struct cv_span s, uint64_t *value_r)
{
	static const struct unit units[] = {
		{ "", 1000 }, { "ms", 1 }, { "msec", 1 }, { "msecs", 1 },
		{ "milliseconds", 1 },
		{ "s", 1000 }, { "sec", 1000 }, { "secs", 1000 },
		{ "second", 1000 }, { "seconds", 1000 },
		{ "m", 60000 }, { "min", 60000 }, { "mins", 60000 },
		{ "minute", 60000 }, { "minutes", 60000 },
		{ "h", 3600000 }, { "hour", 3600000 }, { "hours", 3600000 },
		{ "d", 86400000 }, { "day", 86400000 }, { "days", 86400000 },
		{ "w", 604800000 }, { "week", 604800000 },
		{ "weeks", 604800000 },
		{ NULL, 0 },
	};
	struct cv_span unit;
	uint64_t number;

	return split_number(s, &number, &unit) &&
		apply_unit(units, unit, number, value_r);
}

bool span_find(struct cv_span text, struct cv_span needle, size_t *at_r)
{
	const char *at;

	if (needle.len == 0) {
		*at_r = 0;
		return true;
	}
	if (needle.len > text.len)
		return false;
	/* glibc's memmem is the two-way algorithm: linear */
	at = memmem(text.data, text.len, needle.data, needle.len);
	if (at == NULL)
		return false;
	*at_r = (size_t)(at - text.data);
	return true;
}

size_t span_distance(struct cv_span a, struct cv_span b, size_t limit)
{
	enum { LEN_MAX = 64 };
	size_t rows[3][LEN_MAX], distance;

	if (a.len >= LEN_MAX || b.len > 255)
		return limit + 1;
	for (size_t i = 0; i <= a.len; i++)
		rows[0][i] = i;
	for (size_t j = 1; j <= b.len; j++) {
		size_t *row = rows[j % 3], *above = rows[(j - 1) % 3];

		row[0] = j;
		for (size_t i = 1; i <= a.len; i++) {
			bool same = a.data[i - 1] == b.data[j - 1];
			size_t best = above[i - 1] + (same ? 0 : 1);

			if (above[i] + 1 < best)
				best = above[i] + 1;
			if (row[i - 1] + 1 < best)
				best = row[i - 1] + 1;
			/* two letters that have changed places */
			if (i > 1 && j > 1 &&
			    a.data[i - 1] == b.data[j - 2] &&
			    a.data[i - 2] == b.data[j - 1] &&
			    rows[(j - 2) % 3][i - 2] + 1 < best)
				best = rows[(j - 2) % 3][i - 2] + 1;
			row[i] = best;
		}
	}
	distance = rows[b.len % 3][a.len];
	return distance > limit ? limit + 1 : distance;
}
