/* lmtp-path.c - reverse-path and forward-path [RFC5321 4.1.2]. */
#include "lmtp.h"

enum { PATH_MAX_BYTES = 1000, LOCAL_MAX_BYTES = 512 };

static bool is_atext(char c)
{
	unsigned char u = (unsigned char)c;

	/* bytes above 127 as in [RFC6531 3.3]; our users may have them */
	return (u >= '0' && u <= '9') || (u >= 'a' && u <= 'z') ||
		(u >= 'A' && u <= 'Z') || u >= 0x80 ||
		(u != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool is_domain_char(char c)
{
	unsigned char u = (unsigned char)c;

	return (u >= '0' && u <= '9') || (u >= 'a' && u <= 'z') ||
		(u >= 'A' && u <= 'Z') || u >= 0x80 ||
		(u != '\0' && strchr("-._:[]", c) != NULL);
}

/* [RFC5321 4.1.1.3] "@one,@two:" is to be accepted and ignored. */
static void skip_route(struct cv_span *s)
{
	struct cv_span probe = *s;

	if (probe.len == 0 || probe.data[0] != '@')
		return;
	while (probe.len > 0 && (is_domain_char(probe.data[0]) ||
	       probe.data[0] == '@' || probe.data[0] == ',')) {
		char c = probe.data[0];

		probe = cv_span_skip(probe, 1);
		if (c == ':') {
			*s = probe;
			return;
		}
	}
}

/* A quoted string; what it holds is appended without quotes. */
static bool take_quoted(struct cv_span *s, struct cv_text *out)
{
	*s = cv_span_skip(*s, 1);
	while (s->len > 0 && s->data[0] != '"') {
		if (s->data[0] == '\\')
			*s = cv_span_skip(*s, 1);
		if (s->len == 0 || (unsigned char)s->data[0] < 0x20 ||
		    s->data[0] == 0x7f)
			return false;
		cv_text_append_c(out, s->data[0]);
		*s = cv_span_skip(*s, 1);
	}
	if (s->len == 0)
		return false;
	*s = cv_span_skip(*s, 1);
	return true;
}

static bool take_dot_string(struct cv_span *s, struct cv_text *out)
{
	size_t n = 0;

	while (n < s->len && (is_atext(s->data[n]) || s->data[n] == '.'))
		n++;
	cv_text_append(out, s->data, n);
	*s = cv_span_skip(*s, n);
	return n > 0;
}

/* Would the local part need its quotes again? */
static bool is_dot_string(struct cv_span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is_atext(s.data[i]) && s.data[i] != '.')
			return false;
	}
	return s.len > 0;
}

static void append_local(struct cv_text *path, struct cv_span local)
{
	if (is_dot_string(local)) {
		cv_text_append_span(path, local);
		return;
	}
	cv_text_append_c(path, '"');
	for (size_t i = 0; i < local.len; i++) {
		if (local.data[i] == '"' || local.data[i] == '\\')
			cv_text_append_c(path, '\\');
		cv_text_append_c(path, local.data[i]);
	}
	cv_text_append_c(path, '"');
}

static bool take_mailbox(struct cv_span *s, struct cv_pool *pool,
			 struct cv_text *path)
{
	struct cv_text local;
	size_t n = 1;

	cv_text_init(&local, pool);
	if (s->len > 0 && s->data[0] == '"') {
		if (!take_quoted(s, &local))
			return false;
	} else if (!take_dot_string(s, &local)) {
		return false;
	}
	if (local.len == 0 || local.len > LOCAL_MAX_BYTES)
		return false;
	append_local(path, cv_text_span(&local));
	/* [RFC2033 5] users without a domain are usual here */
	if (s->len == 0 || s->data[0] != '@')
		return true;
	while (n < s->len && is_domain_char(s->data[n]))
		n++;
	cv_text_append(path, s->data, n);
	*s = cv_span_skip(*s, n);
	return n > 1;
}

static bool has_workaround(const struct lmtp_settings *set, const char *name)
{
	for (uint32_t i = 0; i < set->lmtp_client_workarounds.count; i++) {
		if (strcmp(set->lmtp_client_workarounds.items[i], name) == 0)
			return true;
	}
	return false;
}

bool lmtp_path_parse(struct cv_span *rest, bool allow_null,
		     const struct lmtp_settings *set, struct cv_pool *pool,
		     const char **path_r)
{
	struct cv_span s = *rest;
	struct cv_text path;
	bool bracket;

	cv_text_init(&path, pool);
	if (has_workaround(set, "whitespace-before-path"))
		while (s.len > 0 && s.data[0] == ' ')
			s = cv_span_skip(s, 1);
	bracket = s.len > 0 && s.data[0] == '<';
	if (!bracket && !has_workaround(set, "mailbox-for-path"))
		return false;
	if (bracket)
		s = cv_span_skip(s, 1);
	if (bracket && allow_null && s.len > 0 && s.data[0] == '>') {
		*rest = cv_span_skip(s, 1);
		*path_r = "";
		return true;
	}
	skip_route(&s);
	if (!take_mailbox(&s, pool, &path) || path.len > PATH_MAX_BYTES)
		return false;
	if (bracket) {
		if (s.len == 0 || s.data[0] != '>')
			return false;
		s = cv_span_skip(s, 1);
	}
	if (s.len > 0 && s.data[0] != ' ')
		return false;
	*rest = s;
	*path_r = cv_text_str(&path);
	return true;
}
