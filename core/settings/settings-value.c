/* settings-value.c - parsing, checking and printing of typed values. */
#include "settings-value.h"

void settings_guess_init(struct settings_guess *guess, struct cv_span name)
{
	*guess = (struct settings_guess){ .name = name };
	/* a third of the letters may be wrong, at most three */
	guess->distance = name.len / 3 + 1;
	if (guess->distance > 4)
		guess->distance = 4;
}

void settings_guess_try(struct settings_guess *guess, const char *candidate)
{
	size_t distance;

	if (guess->name.len > 64)
		return;
	distance = span_distance(guess->name, cv_span_of(candidate),
				 guess->distance);
	if (distance < guess->distance) {
		guess->distance = distance;
		guess->best = candidate;
	}
}

size_t settings_value_bytes(uint32_t type)
{
	switch (type) {
	case CV_SET_BOOL:
		return sizeof(bool);
	case CV_SET_UINT:
	case CV_SET_ENUM:
	case CV_SET_MODE:
		return sizeof(uint32_t);
	case CV_SET_SIZE:
	case CV_SET_TIME:
		return sizeof(uint64_t);
	case CV_SET_STRING:
	case CV_SET_PATH:
		return sizeof(const char *);
	case CV_SET_LIST:
		return sizeof(struct cv_strings);
	default:
		return 0;
	}
}

static int parse_bool(struct cv_span s, bool *value_r, struct cv_error *err)
{
	static const char *const yes[] = { "yes", "y", "true", "t", "1" };
	static const char *const no[] = { "no", "n", "false", "f", "0" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		*value_r = cv_span_is_icase(s, yes[i]);
		if (*value_r || cv_span_is_icase(s, no[i]))
			return CV_OK;
	}
	return FAIL(err, CV_E_CONFIG, "'%.*s' is neither yes nor no",
		    CV_SPAN_ARG(s));
}

/* "18446744073709551615 B", as Dovecot prints what has no limit. */
static bool to_size(struct cv_span s, uint64_t *value_r)
{
	if (cv_span_is_icase(s, "unlimited")) {
		*value_r = 0;
		return true;
	}
	if (s.len > 2 && s.data[s.len - 2] == ' ' &&
	    cv_ascii_upper(s.data[s.len - 1]) == 'B' &&
	    cv_span_to_u64(cv_span(s.data, s.len - 2), UINT64_MAX, value_r))
		return true;
	return span_to_size(s, value_r);
}

static bool to_msecs(struct cv_span s, uint64_t *value_r)
{
	if (cv_span_is_icase(s, "infinite")) {
		*value_r = UINT64_MAX;
		return true;
	}
	return span_to_msecs(s, value_r);
}

static bool to_number(uint32_t type, struct cv_span s, uint64_t *value_r)
{
	switch (type) {
	case CV_SET_SIZE:
		return to_size(s, value_r);
	case CV_SET_TIME:
		return to_msecs(s, value_r);
	default:
		return cv_span_to_u64(s, UINT32_MAX, value_r);
	}
}

/* allowed: "min..max", either side may be empty. */
static int check_range(const struct cv_setting_def *def, struct cv_span text,
		       uint64_t value, struct cv_error *err)
{
	struct cv_span all = cv_span_of(def->allowed), low, high;
	uint64_t bound;
	size_t at;

	if (def->allowed == NULL || !span_find(all, CV_SPAN(".."), &at))
		return CV_OK;
	low = cv_span(all.data, at);
	high = cv_span_skip(all, at + 2);
	if ((low.len > 0 && to_number(def->type, low, &bound) &&
	     value < bound) ||
	    (high.len > 0 && to_number(def->type, high, &bound) &&
	     value > bound))
		return FAIL(err, CV_E_CONFIG, "'%.*s' is out of range, it may "
			    "be %s", CV_SPAN_ARG(text), def->allowed);
	return CV_OK;
}

static int parse_number(const struct cv_setting_def *def, struct cv_span s,
			uint64_t *value_r, struct cv_error *err)
{
	uint64_t plain;

	if (def->type == CV_SET_UINT && cv_span_is_icase(s, "unlimited"))
		s = CV_SPAN("0");
	if (!to_number(def->type, s, value_r)) {
		const char *what = def->type == CV_SET_SIZE ?
			"a size: write a number with B, k, M, G or T" :
			def->type == CV_SET_TIME ?
			"a time: write a number with msecs, secs, mins, "
			"hours, days or weeks" : "a number";

		return FAIL(err, CV_E_CONFIG, "'%.*s' is not %s",
			    CV_SPAN_ARG(s), what);
	}
	if (def->type == CV_SET_TIME &&
	    cv_span_to_u64(s, UINT64_MAX, &plain) && plain != 0)
		return FAIL(err, CV_E_CONFIG, "the time '%.*s' has no unit: "
			    "write '%.*s secs' for seconds", CV_SPAN_ARG(s),
			    CV_SPAN_ARG(s));
	return check_range(def, s, *value_r, err);
}

static int parse_enum(const struct cv_setting_def *def, struct cv_span s,
		      uint32_t *value_r, struct cv_error *err)
{
	struct cv_span rest = cv_span_of(def->allowed), word;
	struct settings_guess guess;
	uint32_t index = 0;
	char best[64];

	settings_guess_init(&guess, s);
	while (cv_span_split(&rest, '|', &word)) {
		char copy[64];

		if (cv_span_equal(s, word)) {
			*value_r = index;
			return CV_OK;
		}
		index++;
		if (word.len >= sizeof(copy))
			continue;
		memcpy(copy, word.data, word.len);
		copy[word.len] = '\0';
		settings_guess_try(&guess, copy);
		if (guess.best == copy) {
			memcpy(best, copy, sizeof(best));
			guess.best = best;
		}
	}
	if (guess.best != NULL)
		return FAIL(err, CV_E_CONFIG, "'%.*s' is not one of %s; did "
			    "you mean '%s'?", CV_SPAN_ARG(s), def->allowed,
			    guess.best);
	return FAIL(err, CV_E_CONFIG, "'%.*s' is not one of %s",
		    CV_SPAN_ARG(s), def->allowed);
}

static int parse_mode(struct cv_span s, uint32_t *value_r,
		      struct cv_error *err)
{
	uint32_t value = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < '0' || s.data[i] > '7' || value > 0777)
			s.len = 0;
		else
			value = value * 8 + (uint32_t)(s.data[i] - '0');
	}
	if (s.len == 0)
		return FAIL(err, CV_E_CONFIG, "the permissions are no octal "
			    "number such as 0600");
	*value_r = value;
	return CV_OK;
}

static bool is_separator(char c, bool commas)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' ||
		(c == ',' && commas);
}

/* Blanks separate, and commas too, as admins write them; but NAME=a,b is one
 * item. */
static bool item_next(struct cv_span *rest, struct cv_span *item_r)
{
	size_t start = 0, end;
	bool commas = true;

	while (start < rest->len && is_separator(rest->data[start], true))
		start++;
	if (start == rest->len)
		return false;
	for (end = start; end < rest->len; end++) {
		if (rest->data[end] == '=')
			commas = false;
		if (is_separator(rest->data[end], commas))
			break;
	}
	*item_r = cv_span(rest->data + start, end - start);
	*rest = cv_span_skip(*rest, end);
	return true;
}

static void parse_list(struct cv_span s, struct cv_pool *pool,
		       struct cv_strings *value_r)
{
	struct cv_span rest = s, item;
	const char **items;
	uint32_t count = 0;

	while (item_next(&rest, &item))
		count++;
	items = pool_new_array(pool, const char *, (size_t)count + 1);
	rest = s;
	for (uint32_t i = 0; i < count && item_next(&rest, &item); i++)
		items[i] = pool_copy(pool, item.data, item.len);
	*value_r = (struct cv_strings){ items, count };
}

static int check_path(const struct cv_setting_def *def, struct cv_span s,
		      struct cv_error *err)
{
	bool expands = (def->flags & (CV_SET_EXPAND |
				      CV_SET_EXPAND_PATH)) != 0;

	if (s.len == 0 || s.data[0] == '/' ||
	    (expands && (s.data[0] == '~' || s.data[0] == '%')))
		return CV_OK;
	return FAIL(err, CV_E_CONFIG, "'%.*s' is not an absolute path: it "
		    "begins with '/'", CV_SPAN_ARG(s));
}

static int parse_into(const struct cv_setting_def *def, struct cv_span s,
		      struct cv_pool *pool, void *member, struct cv_error *err)
{
	uint64_t number;
	int ret;

	switch (def->type) {
	case CV_SET_BOOL:
		return parse_bool(s, member, err);
	case CV_SET_UINT:
		if ((ret = parse_number(def, s, &number, err)) == CV_OK)
			*(uint32_t *)member = (uint32_t)number;
		return ret;
	case CV_SET_SIZE:
	case CV_SET_TIME:
		return parse_number(def, s, member, err);
	case CV_SET_ENUM:
		return parse_enum(def, s, member, err);
	case CV_SET_MODE:
		return parse_mode(s, member, err);
	case CV_SET_LIST:
		if (pool != NULL)
			parse_list(s, pool, member);
		return CV_OK;
	case CV_SET_PATH:
		if ((ret = check_path(def, s, err)) != CV_OK)
			return ret;
		__attribute__((fallthrough));
	case CV_SET_STRING:
		if (pool != NULL)
			*(const char **)member = pool_copy(pool, s.data, s.len);
		return CV_OK;
	case CV_SET_OBSOLETE:
		return CV_OK;
	default:
		return FAIL(err, CV_E_CONFIG, "'%s' is of an unknown type %u",
			    def->name, def->type);
	}
}

int settings_value_parse(const struct cv_setting_def *def, const char *text,
			 struct cv_pool *pool, void *member_r,
			 struct cv_error *err)
{
	union {
		uint64_t number;
		uint32_t small;
		bool flag;
		struct cv_strings list;
		const char *text;
	} scratch;

	if (member_r == NULL)
		return parse_into(def, cv_span_of(text), NULL, &scratch, err);
	return parse_into(def, cv_span_of(text), pool, member_r, err);
}

static const char *normal_time(uint64_t msecs, struct cv_pool *pool)
{
	static const struct { uint64_t msecs; const char *name; } units[] = {
		{ 604800000, "weeks" }, { 86400000, "days" },
		{ 3600000, "hours" }, { 60000, "mins" }, { 1000, "secs" },
	};

	if (msecs == 0)
		return "0";
	if (msecs == UINT64_MAX)
		return "infinite";
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (msecs % units[i].msecs == 0)
			return pool_printf(pool, "%llu %s",
					   (unsigned long long)
					   (msecs / units[i].msecs),
					   units[i].name);
	}
	return pool_printf(pool, "%llu msecs", (unsigned long long)msecs);
}

static const char *normal_size(uint64_t bytes, struct cv_pool *pool)
{
	static const char units[] = "BkMGT";
	size_t unit = 0;

	if (bytes == 0)
		return "0";
	while (bytes % 1024 == 0 && unit < sizeof(units) - 2) {
		bytes /= 1024;
		unit++;
	}
	return pool_printf(pool, "%llu %c", (unsigned long long)bytes,
			   units[unit]);
}

const char *settings_value_normal(const struct cv_setting_def *def,
				  const char *text, struct cv_pool *pool)
{
	uint64_t number;
	uint32_t small;
	bool flag;

	switch (def->type) {
	case CV_SET_BOOL:
		if (settings_value_parse(def, text, pool, &flag, NULL) < 0)
			return text;
		return flag ? "yes" : "no";
	case CV_SET_TIME:
	case CV_SET_SIZE:
		if (settings_value_parse(def, text, pool, &number, NULL) < 0)
			return text;
		return def->type == CV_SET_TIME ? normal_time(number, pool) :
			normal_size(number, pool);
	case CV_SET_MODE:
		if (settings_value_parse(def, text, pool, &small, NULL) < 0)
			return text;
		return pool_printf(pool, "%04o", small);
	default:
		return text;
	}
}
