/* list-match.c - see list-match.h.
 *
 * The states are the places in the pattern that the name read so far can have
 * led to, one bit each; a byte of the name moves all of them at once. */
#include "list-match.h"

enum { WORDS = (LIST_PATTERN_MAX + 1 + 63) / 64 };

struct states { uint64_t bits[WORDS]; };

static inline bool has(const struct states *s, size_t i)
{
	return s->bits[i / 64] >> (i % 64) & 1;
}

static inline void add(struct states *s, size_t i)
{
	s->bits[i / 64] |= (uint64_t)1 << (i % 64);
}

/* A wildcard may match nothing. */
static void close_states(struct states *s, struct cv_span pattern)
{
	for (size_t i = 0; i < pattern.len; i++) {
		if (has(s, i) &&
		    (pattern.data[i] == '*' || pattern.data[i] == '%'))
			add(s, i + 1);
	}
}

static bool step(struct states *s, struct cv_span pattern, char c,
		 char separator, bool icase)
{
	struct states next = { { 0 } };
	bool any = false;

	for (size_t i = 0; i < pattern.len; i++) {
		char p = pattern.data[i];

		if (!has(s, i))
			continue;
		if (p == '*' || (p == '%' && c != separator)) {
			add(&next, i);
			any = true;
		} else if (p != '%' &&
			   (p == c || (icase && cv_ascii_upper(p) ==
				       cv_ascii_upper(c)))) {
			add(&next, i + 1);
			any = true;
		}
	}
	close_states(&next, pattern);
	*s = next;
	return any;
}

uint32_t list_match(struct cv_span pattern, struct cv_span name,
		    char separator, bool inbox)
{
	struct states s = { { 0 } };
	uint32_t result = LIST_MATCH_NO;

	if (pattern.len > LIST_PATTERN_MAX)
		return LIST_MATCH_NO;
	add(&s, 0);
	close_states(&s, pattern);
	for (size_t i = 0; i < name.len; i++) {
		if (!step(&s, pattern, name.data[i], separator,
			  inbox && i < 5))
			return LIST_MATCH_NO;
	}
	if (has(&s, pattern.len))
		result |= LIST_MATCH_YES;
	if (step(&s, pattern, separator, separator, false)) {
		for (size_t i = 0; i < pattern.len; i++) {
			if (has(&s, i))
				result |= LIST_MATCH_CHILDREN;
		}
	}
	return result;
}
