/* quota-rule.c - the rules' language. */
#include "quota-rule.h"

/* The mailbox of a rule: a colon in a name cannot be written. */
static struct cv_span rule_mailbox(struct cv_span rule)
{
	const char *colon = memchr(rule.data, ':', rule.len);

	return cv_span(rule.data, colon == NULL ? rule.len :
		       (size_t)(colon - rule.data));
}

static bool is_inbox(struct cv_span s)
{
	return s.len == 5 && strncasecmp(s.data, "INBOX", 5) == 0;
}

bool quota_rule_names(struct cv_span rule, struct cv_span mailbox)
{
	struct cv_span name;

	if (rule.len == 0)
		return false;
	name = rule_mailbox(rule);
	return cv_span_equal(name, mailbox) ||
		(is_inbox(name) && is_inbox(mailbox));
}

/* "1M": digits and a unit; unit 1 when there is none of them. */
static bool parse_amount(struct cv_span s, uint64_t unit, bool units,
			 uint64_t *amount_r)
{
	uint64_t value = 0;
	size_t at = 0;

	for (; at < s.len && s.data[at] >= '0' && s.data[at] <= '9'; at++) {
		uint64_t digit = (uint64_t)(s.data[at] - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (at == 0)
		return false;
	if (units && at < s.len) {
		const char *letters = "bkmgt";
		const char *found = strchr(letters, s.data[at] | 0x20);

		if (found == NULL || s.data[at] == '\0')
			return false;
		unit = UINT64_C(1) << 10 * (found - letters);
		at++;
		/* "MB" */
		if (at < s.len && (s.data[at] | 0x20) == 'b' && unit > 1)
			at++;
	}
	if (at != s.len || value > UINT64_MAX / unit)
		return false;
	*amount_r = value * unit;
	return true;
}

static uint64_t part_of(uint64_t whole, uint64_t percent)
{
	return whole / 100 * percent + whole % 100 * percent / 100;
}

/* "+100M", "50%", "1G" */
static bool change(struct cv_span s, uint64_t unit, bool units,
		   uint64_t *limit)
{
	char sign = s.len > 0 && (s.data[0] == '+' || s.data[0] == '-') ?
		s.data[0] : '\0';
	uint64_t amount;

	if (sign != '\0')
		s = cv_span_skip(s, 1);
	if (s.len > 1 && s.data[s.len - 1] == '%') {
		s.len--;
		if (!parse_amount(s, 1, false, &amount) || amount > 100000)
			return false;
		amount = part_of(*limit, amount);
	} else if (!parse_amount(s, unit, units, &amount)) {
		return false;
	}
	if (sign == '\0')
		*limit = amount;
	else if (*limit == 0)
		return true;	/* no limit stays none */
	else if (sign == '+')
		*limit = amount > UINT64_MAX - *limit ? UINT64_MAX :
			*limit + amount;
	else
		*limit = amount >= *limit ? 1 : *limit - amount;
	return true;
}

static bool apply_one(struct cv_span part, struct quota_limit *limit,
		      bool *ignore_r)
{
	static const struct {
		const char *key;
		uint64_t unit;
		bool units;
	} keys[] = {
		{ "storage=", 1024, true }, { "bytes=", 1, true },
		{ "messages=", 1, false },
	};

	if (cv_span_is(part, "ignore")) {
		*ignore_r = true;
		return true;
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t len = strlen(keys[i].key);

		if (part.len < len ||
		    memcmp(part.data, keys[i].key, len) != 0)
			continue;
		return change(cv_span_skip(part, len), keys[i].unit,
			      keys[i].units, keys[i].units ? &limit->bytes :
			      &limit->messages);
	}
	return false;
}

int quota_rule_apply(struct cv_span rule, struct quota_limit *limit,
		     bool *ignore_r, struct cv_error *err)
{
	struct cv_span name = rule.len == 0 ? rule : rule_mailbox(rule), part;
	struct cv_span rest = cv_span_skip(rule, name.len);

	if (rest.len > 0)
		rest = cv_span_skip(rest, 1);
	if (name.len == 0 || rest.len == 0)
		return CV_FAIL(err, CV_E_CONFIG, "quota_rule '%.*s' is not "
			       "MAILBOX:LIMIT", CV_SPAN_ARG(rule));
	while (rest.len > 0) {
		const char *colon = memchr(rest.data, ':', rest.len);
		size_t len = colon == NULL ? rest.len :
			(size_t)(colon - rest.data);

		part = cv_span(rest.data, len);
		rest = cv_span_skip(rest, len + (colon != NULL));
		if (!apply_one(part, limit, ignore_r))
			return CV_FAIL(err, CV_E_CONFIG, "quota_rule: '%.*s' "
				       "is no limit (storage=1G, messages=10, "
				       "ignore)", CV_SPAN_ARG(part));
	}
	return CV_OK;
}
