/* imap-url.c - see imap-url.h.  One pass; a name is what stands between marks
 * that cannot be in it [RFC5092 11]. */
#include "imap-url.h"
#include "imap-name.h"

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

/* 1*bchar, with %XX of anything but NUL. */
static bool decode(struct cv_span text, struct cv_text *out)
{
	for (size_t i = 0; i < text.len; i++) {
		int high, low;

		if (text.data[i] != '%') {
			if (!is_bchar((unsigned char)text.data[i]))
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

static bool take_mailbox(struct cv_pool *pool, struct cv_span *text,
			 struct imap_url *url)
{
	struct cv_span name;
	struct cv_text decoded;

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
	cv_text_init(&decoded, pool);
	if (has_dot_segment(name) || !decode(name, &decoded) ||
	    !imap_utf8_valid(cv_text_span(&decoded)))
		return false;
	url->mailbox = cv_span_is_icase(cv_text_span(&decoded), "INBOX") ?
		"INBOX" : cv_text_str(&decoded);
	return true;
}

static bool take_section(struct cv_pool *pool, struct cv_span *text,
			 struct imap_url *url)
{
	struct cv_span name = take_name(text);
	struct cv_text decoded;

	if (text->len > 0 && !give_slash_back(&name, text))
		return false;
	cv_text_init(&decoded, pool);
	if (!decode(name, &decoded))
		return false;
	url->section = cv_text_span(&decoded);
	return true;
}

static bool take_partial(struct cv_span *text, struct imap_url *url)
{
	url->partial = true;
	return take_number(text, true, &url->start) &&
		(!take_mark(text, ".") ||
		 take_number(text, false, &url->count));
}

bool imap_url_parse(struct cv_pool *pool, struct cv_span text,
		    struct imap_url *url)
{
	*url = (struct imap_url){ .section = CV_SPAN("") };
	if (text.len == 0 || text.len > IMAP_URL_BYTES_MAX ||
	    !take_mailbox(pool, &text, url) || !take_mark(&text, "/;UID=") ||
	    !take_number(&text, false, &url->uid))
		return false;
	if (take_mark(&text, "/;SECTION=") &&
	    !take_section(pool, &text, url))
		return false;
	if (take_mark(&text, "/;PARTIAL=") && !take_partial(&text, url))
		return false;
	return text.len == 0;
}
