/* imapc-parse.c - what an IMAP server says: words, tokens, names, dates. */
#include "imapc.h"

/* --- tokens -------------------------------------------------------------- */

bool imapc_literal(struct cv_span line, uint64_t *size_r)
{
	size_t at = line.len;

	if (line.len < 3 || line.data[line.len - 1] != '}')
		return false;
	while (at > 0 && line.data[at - 1] != '{')
		at--;
	return at > 0 && cv_span_to_u64(cv_span(line.data + at,
						line.len - at - 1),
					INT64_MAX, size_r);
}

struct cv_span imapc_word(struct cv_span *rest)
{
	struct cv_span word = cv_span("", 0);

	while (rest->len > 0 && rest->data[0] == ' ')
		*rest = cv_span_skip(*rest, 1);
	if (rest->len > 0)
		(void)cv_span_split(rest, ' ', &word);
	return word;
}

static struct imapc_token quoted(struct cv_span *rest, struct cv_pool *pool)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	*rest = cv_span_skip(*rest, 1);
	while (rest->len > 0 && rest->data[0] != '"') {
		if (rest->data[0] == '\\' && rest->len > 1)
			*rest = cv_span_skip(*rest, 1);
		cv_text_append_c(&text, rest->data[0]);
		*rest = cv_span_skip(*rest, 1);
	}
	*rest = cv_span_skip(*rest, 1);
	return (struct imapc_token){ T_STRING, cv_text_span(&text) };
}

static struct imapc_token literal(struct cv_span *rest)
{
	const char *lf = memchr(rest->data, '\n', rest->len);
	struct imapc_token t = { T_END, cv_span("", 0) };
	uint64_t size;
	size_t head;

	if (lf == NULL)
		return t;
	head = (size_t)(lf - rest->data) + 1;
	if (head < 3 || !imapc_literal(cv_span(rest->data, head - 2),
					&size) || size > rest->len - head)
		return t;
	*rest = cv_span_skip(*rest, head);
	t = (struct imapc_token){ T_STRING,
		cv_span(rest->data, (size_t)size) };
	*rest = cv_span_skip(*rest, (size_t)size);
	return t;
}

struct imapc_token imapc_token(struct cv_span *rest,
				       struct cv_pool *pool)
{
	size_t len = 0;
	struct imapc_token t;

	while (rest->len > 0 && (rest->data[0] == ' ' ||
				 rest->data[0] == '\r' ||
				 rest->data[0] == '\n'))
		*rest = cv_span_skip(*rest, 1);
	if (rest->len == 0)
		return (struct imapc_token){ T_END, cv_span("", 0) };
	if (rest->data[0] == '(' || rest->data[0] == ')') {
		t = (struct imapc_token){
			rest->data[0] == '(' ? T_OPEN : T_CLOSE,
			cv_span(rest->data, 1) };
		*rest = cv_span_skip(*rest, 1);
		return t;
	}
	if (rest->data[0] == '"')
		return quoted(rest, pool);
	if (rest->data[0] == '{')
		return literal(rest);
	while (len < rest->len && strchr(" ()\r\n", rest->data[len]) == NULL)
		len++;
	if (len == 0)		/* a NUL */
		return (struct imapc_token){ T_END, cv_span("", 0) };
	t = (struct imapc_token){ T_ATOM, cv_span(rest->data, len) };
	*rest = cv_span_skip(*rest, len);
	return t;
}

uint64_t imapc_number(struct cv_span text, uint64_t max)
{
	uint64_t value;

	return cv_span_to_u64(text, max, &value) ? value : 0;
}

/* --- names --------------------------------------------------------------- */

const char *imapc_name(struct cv_pool *pool, const char *prefix,
		       struct cv_span raw, char separator)
{
	struct cv_text out;
	size_t prefix_len = strlen(prefix);

	if (cv_span_is_icase(raw, "INBOX"))
		return "INBOX";
	/* it comes back in our commands */
	for (size_t i = 0; i < raw.len; i++) {
		if ((unsigned char)raw.data[i] < 0x20 || raw.data[i] == 0x7f)
			return NULL;
	}
	if (prefix_len > 0 && raw.len > prefix_len &&
	    memcmp(raw.data, prefix, prefix_len) == 0)
		raw = cv_span_skip(raw, prefix_len);
	cv_text_init(&out, pool);
	/* what is no modified UTF-7 is taken as it stands */
	if (!cv_api->utf7_decode(&out, raw)) {
		cv_text_reset(&out);
		for (size_t i = 0; i < raw.len; i++) {
			if ((unsigned char)raw.data[i] >= 0x80)
				return NULL;
		}
		cv_text_append_span(&out, raw);
	}
	/* ours between levels is '/': theirs may be in a name */
	for (size_t i = 0; i < out.len; i++) {
		if (out.data[i] == separator)
			out.data[i] = '/';
		else if (out.data[i] == '/')
			out.data[i] = '_';
	}
	return out.len == 0 || out.len > IMAPC_NAME_MAX ? NULL :
		cv_text_str(&out);
}

const char *imapc_raw_name(struct cv_pool *pool, const char *prefix,
			   struct cv_span name, char separator)
{
	struct cv_text levels, out;

	if (cv_span_is(name, "INBOX"))
		return "INBOX";
	cv_text_init(&levels, pool);
	cv_text_init(&out, pool);
	for (size_t i = 0; i < name.len; i++)
		cv_text_append_c(&levels, name.data[i] == '/' ? separator :
				 name.data[i]);
	cv_text_append_str(&out, prefix);
	cv_api->utf7_encode(&out, cv_text_span(&levels));
	return cv_text_str(&out);
}

const char *imapc_quote(struct cv_pool *pool, const char *text)
{
	struct cv_text out;

	cv_text_init(&out, pool);
	cv_text_append_c(&out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			cv_text_append_c(&out, '\\');
		cv_text_append_c(&out, *text);
	}
	cv_text_append_c(&out, '"');
	return cv_text_str(&out);
}

/* --- dates --------------------------------------------------------------- */

/* Exactly so many digits, and the byte behind them (0: none is looked at). */
static bool take_digits(struct cv_span *rest, size_t count, char behind,
			unsigned int *value_r)
{
	*value_r = 0;
	if (rest->len < count + (behind != '\0'))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (rest->data[i] < '0' || rest->data[i] > '9')
			return false;
		*value_r = *value_r * 10 + (unsigned int)(rest->data[i] - '0');
	}
	if (behind != '\0' && rest->data[count] != behind)
		return false;
	*rest = cv_span_skip(*rest, count + (behind != '\0'));
	return true;
}

/* "Jul-"; 0: no month. */
static unsigned int take_month(struct cv_span *rest)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (unsigned int m = 0; m < 12 && rest->len > 3; m++) {
		if (rest->data[3] != '-' ||
		    !cv_span_equal_icase(cv_span(rest->data, 3),
					 cv_span(months + 3 * m, 3)))
			continue;
		*rest = cv_span_skip(*rest, 4);
		return m + 1;
	}
	return 0;
}

static int64_t days_from_civil(int64_t year, unsigned int month,
			       unsigned int day)
{
	int64_t era, y = month <= 2 ? year - 1 : year;
	unsigned int of_era, of_year;

	era = y / 400;
	of_era = (unsigned int)(y - era * 400);
	of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day -
		1;
	return era * 146097 + (int64_t)of_era * 365 + of_era / 4 -
		of_era / 100 + of_year - 719468;
}

/* "17-Jul-1996 02:44:25 -0700"; of a day below ten the first byte is a space,
 * or is not there. */
int64_t imapc_date(struct cv_span text)
{
	unsigned int day, month, year, hour, minute, second, zone;
	bool west;
	int64_t seconds, minutes;

	if (text.len > 0 && text.data[0] == ' ')
		text = cv_span_skip(text, 1);
	if (!take_digits(&text, 1, '-', &day) &&
	    !take_digits(&text, 2, '-', &day))
		return INT64_MIN;
	month = take_month(&text);
	if (month == 0 || !take_digits(&text, 4, ' ', &year) ||
	    !take_digits(&text, 2, ':', &hour) ||
	    !take_digits(&text, 2, ':', &minute) ||
	    !take_digits(&text, 2, ' ', &second) || text.len != 5 ||
	    (text.data[0] != '+' && text.data[0] != '-'))
		return INT64_MIN;
	west = text.data[0] == '-';
	text = cv_span_skip(text, 1);
	if (!take_digits(&text, 4, '\0', &zone) || day == 0 || day > 31 ||
	    hour > 23 || minute > 59 || second > 60)
		return INT64_MIN;
	seconds = days_from_civil(year, month, day) * 86400 +
		hour * 3600 + minute * 60 + second;
	minutes = zone / 100 * 60 + zone % 100;
	return west ? seconds + minutes * 60 : seconds - minutes * 60;
}

/* [RFC9051 9 date-time] */
const char *imapc_date_text(struct cv_pool *pool, int64_t seconds)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct cv_text out;
	time_t when = (time_t)seconds;
	struct tm tm;

	cv_text_init(&out, pool);
	if (gmtime_r(&when, &tm) == NULL || tm.tm_year < 0 ||
	    tm.tm_year > 8099)
		return NULL;
	cv_text_append_f(&out, "\"%2d-%.3s-%04d %02d:%02d:%02d +0000\"",
			 tm.tm_mday, months + 3 * tm.tm_mon,
			 tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return cv_text_str(&out);
}

/* --- flags --------------------------------------------------------------- */

static const struct { const char *name; uint32_t flag; } flags[] = {
	{ "\\Seen", CV_FLAG_SEEN },
	{ "\\Answered", CV_FLAG_ANSWERED },
	{ "\\Flagged", CV_FLAG_FLAGGED },
	{ "\\Deleted", CV_FLAG_DELETED },
	{ "\\Draft", CV_FLAG_DRAFT },
};

uint32_t imapc_flag(struct cv_span name)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (cv_span_is_icase(name, flags[i].name))
			return flags[i].flag;
	}
	return 0;
}

void imapc_flags_text(struct cv_text *out, uint32_t set,
		      const struct cv_keywords *keywords)
{
	const char *space = "";

	cv_text_append_c(out, '(');
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if ((set & flags[i].flag) == 0)
			continue;
		cv_text_append_f(out, "%s%s", space, flags[i].name);
		space = " ";
	}
	for (uint32_t i = 0; i < keywords->count; i++) {
		cv_text_append_f(out, "%s%s", space, keywords->names[i]);
		space = " ";
	}
	cv_text_append_c(out, ')');
}
