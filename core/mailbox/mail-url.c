/* mail-url.c - see mail-url.h.  One pass; a name is what stands between marks
 * that cannot be in it [RFC5092 11]. */
#include "mail-url.h"
#include "base.h"
#include "time-util.h"
#include "utf8.h"

static bool is_bchar(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') ||
		(c != '\0' && strchr("-._~!$'()*+,&=:@/", c) != NULL);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = cv_ascii_upper(c);
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* [RFC5092 11] bchar = achar / ":" / "@" / "/" */
static bool is_achar(unsigned char c)
{
	return is_bchar(c) && c != ':' && c != '@' && c != '/';
}

/* 1*bchar, or 1*achar, with %XX of anything but NUL. */
static bool decode(struct cv_span text, bool (*is_allowed)(unsigned char c),
		   struct cv_text *out)
{
	for (size_t i = 0; i < text.len; i++) {
		int high, low;

		if (text.data[i] != '%') {
			if (!is_allowed((unsigned char)text.data[i]))
				return false;
			cv_text_append_c(out, text.data[i]);
			continue;
		}
		if (text.len - i < 3)
			return false;
		high = hex_value(text.data[i + 1]);
		low = hex_value(text.data[i + 2]);
		if (high < 0 || low < 0 || high + low == 0)
			return false;
		cv_text_append_c(out, (char)(high * 16 + low));
		i += 2;
	}
	return text.len > 0;
}

/* A name of people or of mailboxes. */
static bool decode_name(struct cv_pool *pool, struct cv_span text,
			bool (*is_allowed)(unsigned char c),
			const char **name_r)
{
	struct cv_text out;

	cv_text_init(&out, pool);
	if (!decode(text, is_allowed, &out) ||
	    !utf8_is_valid(out.data, out.len))
		return false;
	*name_r = cv_text_str(&out);
	return true;
}

/* [RFC5092 7] dots in a name that are not encoded mean something else. */
static bool has_dot_segment(struct cv_span path)
{
	struct cv_span segment;

	while (cv_span_split(&path, '/', &segment)) {
		if (cv_span_is(segment, ".") || cv_span_is(segment, ".."))
			return true;
		if (path.data == NULL)
			break;
	}
	return false;
}

/* Takes mark from the front. */
static bool take_mark(struct cv_span *text, const char *mark)
{
	if (!cv_span_begins_icase(*text, cv_span_of(mark)))
		return false;
	*text = cv_span_skip(*text, strlen(mark));
	return true;
}

/* [RFC9051 9] number; nz-number */
static bool take_number(struct cv_span *text, bool zero, uint32_t *value_r)
{
	size_t len = 0;
	uint64_t value;

	while (len < text->len && text->data[len] >= '0' &&
	       text->data[len] <= '9')
		len++;
	if (len == 0 || (!zero && text->data[0] == '0') ||
	    !cv_span_to_u64(cv_span(text->data, len), UINT32_MAX, &value))
		return false;
	*value_r = (uint32_t)value;
	*text = cv_span_skip(*text, len);
	return true;
}

/* Up to the next ";", which no name contains. */
static struct cv_span take_name(struct cv_span *text)
{
	const char *mark = memchr(text->data, ';', text->len);
	size_t len = mark == NULL ? text->len : (size_t)(mark - text->data);
	struct cv_span name = cv_span(text->data, len);

	*text = cv_span_skip(*text, len);
	return name;
}

/* The "/" before a ";" that was taken for a part of the name. */
static bool give_slash_back(struct cv_span *name, struct cv_span *rest)
{
	if (name->len == 0 || name->data[name->len - 1] != '/')
		return false;
	name->len--;
	*rest = cv_span(rest->data - 1, rest->len + 1);
	return true;
}

static bool is_mark(struct cv_span text, const char *mark)
{
	return cv_span_begins_icase(text, cv_span_of(mark));
}

static bool take_mailbox(struct cv_pool *pool, struct cv_span *text,
			 struct cv_url *url)
{
	struct cv_span name;

	/* [RFC5092 7] "//" begins a server */
	if (!take_mark(text, "/") || text->len == 0 || text->data[0] == '/')
		return false;
	name = take_name(text);
	if (take_mark(text, ";UIDVALIDITY=")) {
		if (!take_number(text, false, &url->uidvalidity))
			return false;
	} else if (!give_slash_back(&name, text)) {
		return false;
	}
	if (has_dot_segment(name) ||
	    !decode_name(pool, name, is_bchar, &url->mailbox))
		return false;
	if (cv_span_is_icase(cv_span_of(url->mailbox), "INBOX"))
		url->mailbox = "INBOX";
	return true;
}

/* [RFC5092 11] What may stand behind a section: "/;PARTIAL=", or what
 * authorizes. */
static bool take_section(struct cv_pool *pool, struct cv_span *text,
			 struct cv_url *url)
{
	struct cv_span name = take_name(text);
	struct cv_section section = { CV_SIZED(cv_section) };
	struct cv_text decoded;

	if (text->len > 0 && !is_mark(*text, ";EXPIRE=") &&
	    !is_mark(*text, ";URLAUTH=") && !give_slash_back(&name, text))
		return false;
	cv_text_init(&decoded, pool);
	if (!decode(name, is_bchar, &decoded) ||
	    !mail_section_parse(pool, cv_text_span(&decoded), &section) ||
	    ((section.kind == CV_SECTION_FIELDS ||
	      section.kind == CV_SECTION_FIELDS_NOT) &&
	     section.field_count == 0))
		return false;
	url->section = cv_text_str(&decoded);
	return true;
}

static bool take_partial(struct cv_span *text, struct cv_url *url)
{
	url->partial = true;
	return take_number(text, true, &url->start) &&
		(!take_mark(text, ".") ||
		 take_number(text, false, &url->count));
}

/* --- servers ------------------------------------------------------------- */

/* [RFC3986 3.2.2] a name, an IPv4 address, or one in brackets; never empty,
 * since it says where the URL counts. */
static bool is_host(struct cv_span host)
{
	bool literal = host.len > 2 && host.data[0] == '[' &&
		host.data[host.len - 1] == ']';

	if (literal)
		host = cv_span(host.data + 1, host.len - 2);
	for (size_t i = 0; i < host.len; i++) {
		unsigned char c = (unsigned char)host.data[i];

		if (c == ':' ? !literal : !is_achar(c) && c != '%')
			return false;
	}
	return host.len > 0;
}

/* ":143" [RFC3986 3.2.3], and nothing behind it. */
static bool port_parse(struct cv_span text, struct cv_url *url)
{
	return take_number(&text, false, &url->port) && text.len == 0 &&
		url->port <= UINT16_MAX;
}

/* "user;AUTH=*": how whoever reads it is to log in says nothing here. */
static bool user_parse(struct cv_pool *pool, struct cv_span text,
		       struct cv_url *url)
{
	struct cv_span user = take_name(&text);
	struct cv_text type;

	if (text.len > 0) {
		cv_text_init(&type, pool);
		if (!take_mark(&text, ";AUTH=") ||
		    !decode(text, is_achar, &type))
			return false;
	}
	/* [RFC5092 11] iauth may stand without a user */
	return user.len == 0 ? text.len > 0 :
		decode_name(pool, user, is_achar, &url->user);
}

/* Behind "imap://", up to the path. */
static bool take_server(struct cv_pool *pool, struct cv_span *text,
			struct cv_url *url)
{
	const char *slash = memchr(text->data, '/', text->len);
	struct cv_span server, rest, part;
	const char *colon;

	if (slash == NULL)
		return false;
	server = cv_span(text->data, (size_t)(slash - text->data));
	*text = cv_span_skip(*text, server.len);
	url->has_server = true;
	rest = server;
	(void)cv_span_split(&rest, '@', &part);
	if (rest.data != NULL) {
		if (!user_parse(pool, part, url))
			return false;
		server = rest;
	}
	colon = memrchr(server.data, ':', server.len);
	if (colon != NULL &&
	    memchr(colon, ']', server.len -
		   (size_t)(colon - server.data)) == NULL) {
		rest = cv_span_skip(server, (size_t)(colon + 1 -
						     server.data));
		if (!port_parse(rest, url))
			return false;
		server.len = (size_t)(colon - server.data);
	}
	url->host = server;
	return is_host(server);
}

/* --- authorization [RFC4467 9] ---------------------------------------------- */

static bool take_digits(struct cv_span *text, size_t len, unsigned int *value_r)
{
	uint64_t value;

	for (size_t i = 0; i < len; i++) {
		if (i >= text->len || text->data[i] < '0' ||
		    text->data[i] > '9')
			return false;
	}
	if (!cv_span_to_u64(cv_span(text->data, len), UINT32_MAX, &value))
		return false;
	*value_r = (unsigned int)value;
	*text = cv_span_skip(*text, len);
	return true;
}

/* time-offset of RFC 3339 */
static bool take_offset(struct cv_span *text, int64_t *seconds)
{
	unsigned int hours, minutes;
	int sign;

	if (take_mark(text, "Z"))
		return true;
	sign = take_mark(text, "+") ? -1 : take_mark(text, "-") ? 1 : 0;
	if (sign == 0 || !take_digits(text, 2, &hours) ||
	    !take_mark(text, ":") || !take_digits(text, 2, &minutes) ||
	    hours > 23 || minutes > 59)
		return false;
	*seconds += sign * (int64_t)(hours * 3600 + minutes * 60);
	return true;
}

/* [RFC4467 9] expire, as in RFC 3339: "2006-05-31T23:59:60.25+01:00"; days
 * that a month has not got are those of the next one. */
static bool take_time(struct cv_span *text, int64_t *seconds_r)
{
	unsigned int year, month, day, hour, minute, second, fraction;

	if (!take_digits(text, 4, &year) || !take_mark(text, "-") ||
	    !take_digits(text, 2, &month) || !take_mark(text, "-") ||
	    !take_digits(text, 2, &day) || !take_mark(text, "T") ||
	    !take_digits(text, 2, &hour) || !take_mark(text, ":") ||
	    !take_digits(text, 2, &minute) || !take_mark(text, ":") ||
	    !take_digits(text, 2, &second) || month < 1 || month > 12 ||
	    day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
		return false;
	if (take_mark(text, ".")) {
		if (!take_digits(text, 1, &fraction))
			return false;
		while (take_digits(text, 1, &fraction))
			;
	}
	*seconds_r = time_days_from_civil(year, month, day) * 86400 +
		hour * 3600 + minute * 60 + second;
	return take_offset(text, seconds_r);
}

static bool access_parse(struct cv_pool *pool, struct cv_span text,
			 struct cv_url *url)
{
	if (cv_span_is_icase(text, "authuser"))
		url->access = CV_URL_ACCESS_AUTHUSER;
	else if (cv_span_is_icase(text, "anonymous"))
		url->access = CV_URL_ACCESS_ANONYMOUS;
	else if (take_mark(&text, "submit+"))
		url->access = CV_URL_ACCESS_SUBMIT;
	else if (take_mark(&text, "user+"))
		url->access = CV_URL_ACCESS_USER;
	return url->access == CV_URL_ACCESS_AUTHUSER ||
		url->access == CV_URL_ACCESS_ANONYMOUS ||
		(url->access != CV_URL_ACCESS_NONE &&
		 decode_name(pool, text, is_achar, &url->access_user));
}

/* mechanism = 1*(ALPHA / DIGIT / "-" / "."); enc-urlauth = 32*HEXDIG */
static bool is_authorization(struct cv_span mechanism, struct cv_span token)
{
	for (size_t i = 0; i < mechanism.len; i++) {
		unsigned char c = (unsigned char)mechanism.data[i];

		if (!is_achar(c) || strchr("_~!$'()*+,&=", c) != NULL)
			return false;
	}
	for (size_t i = 0; i < token.len; i++) {
		if (hex_value(token.data[i]) < 0)
			return false;
	}
	return mechanism.len > 0 && token.len >= 32;
}

/* From ";EXPIRE=" or ";URLAUTH=" on, to the end. */
static bool authorization_parse(struct cv_pool *pool, struct cv_span text,
				const char *begin, struct cv_url *url)
{
	struct cv_span access;

	if (take_mark(&text, ";EXPIRE=")) {
		url->expires = true;
		if (!take_time(&text, &url->expire))
			return false;
	}
	if (!take_mark(&text, ";URLAUTH="))
		return false;
	(void)cv_span_split(&text, ':', &access);
	url->rump = cv_span(begin, (size_t)(access.data + access.len - begin));
	if (!access_parse(pool, access, url))
		return false;
	if (text.data == NULL)
		return true;
	(void)cv_span_split(&text, ':', &url->mechanism);
	url->token = text;
	return text.data != NULL && is_authorization(url->mechanism,
						     url->token);
}

bool mail_url_parse(struct cv_pool *pool, struct cv_span text,
		    struct cv_url *url)
{
	const char *begin = text.data;

	*url = (struct cv_url){ CV_SIZED(cv_url), .user = "", .mailbox = "",
		.section = "", .access_user = "" };
	if (text.len == 0 || text.len > CV_URL_BYTES_MAX)
		return false;
	if (take_mark(&text, "imap://") && !take_server(pool, &text, url))
		return false;
	if (!take_mailbox(pool, &text, url) || !take_mark(&text, "/;UID=") ||
	    !take_number(&text, false, &url->uid))
		return false;
	if (take_mark(&text, "/;SECTION=") &&
	    !take_section(pool, &text, url))
		return false;
	if (take_mark(&text, "/;PARTIAL=") && !take_partial(&text, url))
		return false;
	/* [RFC4467 9] only where it says whose mailbox it is */
	return text.len == 0 || (url->has_server && *url->user != '\0' &&
				 authorization_parse(pool, text, begin, url));
}
