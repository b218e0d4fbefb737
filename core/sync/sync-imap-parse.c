/* sync-imap-parse.c - what an IMAP server says: words, tokens, names, dates. */
#include "sync-imap-parse.h"

#include <stdio.h>

/* --- tokens -------------------------------------------------------------- */

bool sync_imap_literal(struct cv_span line, uint64_t *size_r)
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

struct cv_span sync_imap_word(struct cv_span *rest)
{
	struct cv_span word = cv_span("", 0);

	while (rest->len > 0 && rest->data[0] == ' ')
		*rest = cv_span_skip(*rest, 1);
	if (rest->len > 0)
		(void)cv_span_split(rest, ' ', &word);
	return word;
}

static struct sync_imap_token quoted(struct cv_span *rest, struct cv_pool *pool)
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
	return (struct sync_imap_token){ T_STRING, cv_text_span(&text) };
}

static struct sync_imap_token literal(struct cv_span *rest)
{
	const char *lf = memchr(rest->data, '\n', rest->len);
	struct sync_imap_token t = { T_END, cv_span("", 0) };
	uint64_t size;
	size_t head;

	if (lf == NULL)
		return t;
	head = (size_t)(lf - rest->data) + 1;
	if (head < 3 || !sync_imap_literal(cv_span(rest->data, head - 2),
					&size) || size > rest->len - head)
		return t;
	*rest = cv_span_skip(*rest, head);
	t = (struct sync_imap_token){ T_STRING,
		cv_span(rest->data, (size_t)size) };
	*rest = cv_span_skip(*rest, (size_t)size);
	return t;
}

struct sync_imap_token sync_imap_token(struct cv_span *rest,
				       struct cv_pool *pool)
{
	size_t len = 0;
	struct sync_imap_token t;

	while (rest->len > 0 && (rest->data[0] == ' ' ||
				 rest->data[0] == '\r' ||
				 rest->data[0] == '\n'))
		*rest = cv_span_skip(*rest, 1);
	if (rest->len == 0)
		return (struct sync_imap_token){ T_END, cv_span("", 0) };
	if (rest->data[0] == '(' || rest->data[0] == ')') {
		t = (struct sync_imap_token){
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
		return (struct sync_imap_token){ T_END, cv_span("", 0) };
	t = (struct sync_imap_token){ T_ATOM, cv_span(rest->data, len) };
	*rest = cv_span_skip(*rest, len);
	return t;
}

uint64_t sync_imap_number(struct cv_span text, uint64_t max)
{
	uint64_t value;

	return cv_span_to_u64(text, max, &value) ? value : 0;
}

/* --- names --------------------------------------------------------------- */

const char *sync_imap_name(struct cv_pool *pool, const char *prefix,
			   struct cv_span raw, char separator)
{
	struct cv_text out;
	size_t prefix_len = strlen(prefix);

	if (cv_span_is_icase(raw, "INBOX"))
		return "INBOX";
	if (prefix_len > 0 && raw.len > prefix_len &&
	    memcmp(raw.data, prefix, prefix_len) == 0)
		raw = cv_span_skip(raw, prefix_len);
	cv_text_init(&out, pool);
	/* what is no modified UTF-7 is taken as it stands */
	if (!utf7_decode(&out, raw)) {
		cv_text_reset(&out);
		utf8_append_repaired(&out, raw.data, raw.len);
	}
	/* ours between levels is '/': theirs may be in a name */
	for (size_t i = 0; i < out.len; i++) {
		if (out.data[i] == separator)
			out.data[i] = '/';
		else if (out.data[i] == '/')
			out.data[i] = '_';
	}
	return out.len == 0 || out.len > SYNC_NAME_MAX ? NULL :
		cv_text_str(&out);
}

const char *sync_imap_quote(struct cv_pool *pool, const char *text)
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

/* "17-Jul-1996 02:44:25 -0700" */
int64_t sync_imap_date(struct cv_span text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char copy[32] = "", month[4] = "", sign = '+';
	int day, year, hour, minute, second, zone;
	const char *at;
	int64_t seconds;

	if (text.len >= sizeof(copy))
		return INT64_MIN;
	memcpy(copy, text.data, text.len);
	if (sscanf(copy, "%2d-%3[A-Za-z]-%4d %2d:%2d:%2d %c%4d", &day, month,
		   &year, &hour, &minute, &second, &sign, &zone) != 8 ||
	    (at = strstr(months, month)) == NULL || strlen(month) != 3)
		return INT64_MIN;
	seconds = time_days_from_civil(year, (unsigned int)(at - months) / 3 +
				       1, (unsigned int)day) * 86400 +
		hour * 3600 + minute * 60 + second;
	zone = (zone / 100 * 60 + zone % 100) * 60;
	return sign == '-' ? seconds + zone : seconds - zone;
}
