/* lmtp-xclient.c - see lmtp-xclient.h.  Values are xtext [RFC3461 4]. */
#include "lmtp-xclient.h"

#include <stdio.h>

enum { COMMAND_MAX = 500 };	/* XCLIENT_README: 512 with its CRLF */

const char lmtp_xclient_announced[] = "ADDR PORT TTL PROTO HELO LOGIN";

static const struct { const char *name; uint32_t bit; } names[] = {
	{ "ADDR", LMTP_XCLIENT_ADDR }, { "PORT", LMTP_XCLIENT_PORT },
	{ "TTL", LMTP_XCLIENT_TTL }, { "PROTO", LMTP_XCLIENT_PROTO },
	{ "HELO", LMTP_XCLIENT_HELO }, { "LOGIN", LMTP_XCLIENT_LOGIN },
};

/* 0: none of ours. */
static uint32_t name_bit(struct cv_span name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (cv_span_is_icase(name, names[i].name))
			return names[i].bit;
	}
	return 0;
}

uint32_t lmtp_xclient_names(struct cv_span text)
{
	struct cv_span word;
	uint32_t bits = 0;

	while (text.data != NULL && cv_span_split(&text, ' ', &word))
		bits |= name_bit(word);
	return bits;
}

/* --- to a server ---------------------------------------------------------------- */

static void append_xtext(struct cv_text *text, const char *value)
{
	for (; *value != '\0'; value++) {
		unsigned char c = (unsigned char)*value;

		if (c <= ' ' || c > '~' || c == '+' || c == '=')
			cv_text_append_f(text, "+%02X", c);
		else
			cv_text_append_c(text, (char)c);
	}
}

static void append_value(struct lmtp_session *l, const struct lmtp_backend *b,
			 uint32_t bit, const char *name, const char *value,
			 struct cv_text *command)
{
	struct cv_text text;

	if ((b->xclient & bit) == 0 || *value == '\0')
		return;
	cv_text_init(&text, l->pool);
	append_xtext(&text, value);
	if (command->len + text.len + strlen(name) + 2 <= COMMAND_MAX)
		cv_text_append_f(command, " %s=%s", name, cv_text_str(&text));
}

void lmtp_xclient_format(struct lmtp_session *l, const struct lmtp_backend *b,
			 struct cv_text *command)
{
	const char *address = lmtp_conn->remote_address(l->conn);
	char port[8], ttl[16];

	(void)snprintf(port, sizeof(port), "%u",
		       lmtp_conn->remote_port(l->conn));
	(void)snprintf(ttl, sizeof(ttl), "%u", b->relay->ttl);
	cv_text_append_str(command, "XCLIENT");
	if (strchr(address, ':') != NULL && (b->xclient &
					     LMTP_XCLIENT_ADDR) != 0)
		cv_text_append_f(command, " ADDR=IPV6:%s", address);
	else
		append_value(l, b, LMTP_XCLIENT_ADDR, "ADDR", *address == '\0' ?
			     "[UNAVAILABLE]" : address, command);
	append_value(l, b, LMTP_XCLIENT_PORT, "PORT", *address == '\0' ?
		     "[UNAVAILABLE]" : port, command);
	append_value(l, b, LMTP_XCLIENT_TTL, "TTL", ttl, command);
	append_value(l, b, LMTP_XCLIENT_PROTO, "PROTO",
		     *l->origin_proto != '\0' ? l->origin_proto : "LMTP",
		     command);
	append_value(l, b, LMTP_XCLIENT_HELO, "HELO", *l->origin_helo != '\0' ?
		     l->origin_helo : l->peer, command);
	append_value(l, b, LMTP_XCLIENT_LOGIN, "LOGIN", l->origin_login,
		     command);
	cv_text_append_str(command, "\r\n");
}

/* --- from a proxy --------------------------------------------------------------- */

struct told {
	struct cv_preauth_origin origin;
	char ip[64], helo[256], login[256], proto[8];
};

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
		c >= 'A' && c <= 'F' ? c - 'A' + 10 :
		c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What is in no log line and no header field makes it malformed.  "not
 * known" (XCLIENT_README) gives "". */
static bool decode(struct cv_span value, char *dst, size_t room)
{
	size_t n = 0;

	*dst = '\0';
	if (cv_span_is_icase(value, "[UNAVAILABLE]") ||
	    cv_span_is_icase(value, "[TEMPUNAVAIL]"))
		return true;
	for (size_t i = 0; i < value.len; i++) {
		int c = (unsigned char)value.data[i];

		if (c == '+') {
			int high = i + 1 < value.len ?
				hex_digit(value.data[i + 1]) : -1;
			int low = i + 2 < value.len ?
				hex_digit(value.data[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = high * 16 + low;
			i += 2;
		}
		if (c <= ' ' || c >= 0x7f || strchr("()<>,;\\\"", c) != NULL ||
		    n + 1 >= room)
			return false;
		dst[n++] = (char)c;
	}
	dst[n] = '\0';
	return n > 0;
}

static bool take_number(const char *text, uint64_t max, uint32_t *number_r)
{
	uint64_t number = 0;

	if (*text != '\0' && (!cv_span_to_u64(cv_span_of(text), max,
					      &number) || number == 0))
		return false;
	*number_r = (uint32_t)number;
	return true;
}

static bool take_proto(const char *text)
{
	return *text == '\0' || strcasecmp(text, "SMTP") == 0 ||
		strcasecmp(text, "ESMTP") == 0 ||
		strcasecmp(text, "LMTP") == 0;
}

static bool take_one(struct told *t, struct cv_span name, struct cv_span value)
{
	char number[16];

	switch (name_bit(name)) {
	case LMTP_XCLIENT_ADDR:
		if (cv_span_begins_icase(value, CV_SPAN("IPV6:")))
			value = cv_span_skip(value, 5);
		if (!decode(value, t->ip, sizeof(t->ip)))
			return false;
		t->origin.remote_ip = *t->ip != '\0' ? t->ip : NULL;
		return true;
	case LMTP_XCLIENT_PORT:
		return decode(value, number, sizeof(number)) &&
			take_number(number, UINT16_MAX,
				    &t->origin.remote_port);
	case LMTP_XCLIENT_TTL:
		return decode(value, number, sizeof(number)) &&
			take_number(number, 255, &t->origin.ttl);
	case LMTP_XCLIENT_PROTO:
		return decode(value, t->proto, sizeof(t->proto)) &&
			take_proto(t->proto);
	case LMTP_XCLIENT_HELO:
		return decode(value, t->helo, sizeof(t->helo)) &&
			strchr(t->helo, '@') == NULL;
	case LMTP_XCLIENT_LOGIN:
		return decode(value, t->login, sizeof(t->login));
	}
	return false;
}

static bool take_all(struct told *t, struct cv_span args)
{
	struct cv_span word;
	bool any = false;

	while (cv_span_split(&args, ' ', &word)) {
		struct cv_span name = word, value = word;

		if (word.len == 0)
			continue;
		if (!cv_span_split(&value, '=', &name) || value.data == NULL ||
		    !take_one(t, name, value))
			return false;
		any = true;
	}
	return any;
}

const char *lmtp_xclient_take(struct lmtp_session *l, struct cv_span args)
{
	struct told t = { .origin = { CV_SIZED(cv_preauth_origin) } };

	if (!lmtp_sess->is_from_proxy(l->session))
		return "550 5.7.0 XCLIENT is for trusted networks";
	if (l->sender != NULL)
		return "503 5.5.1 Not within a transaction";
	memcpy(t.helo, l->origin_helo, sizeof(t.helo));
	memcpy(t.login, l->origin_login, sizeof(t.login));
	memcpy(t.proto, l->origin_proto, sizeof(t.proto));
	if (!take_all(&t, args) ||
	    lmtp_sess->set_origin(l->session, &t.origin) != CV_OK)
		return "501 5.5.4 Malformed XCLIENT";
	memcpy(l->origin_helo, t.helo, sizeof(t.helo));
	memcpy(l->origin_login, t.login, sizeof(t.login));
	memcpy(l->origin_proto, t.proto, sizeof(t.proto));
	cv_api->log(lmtp_self, CV_LOG_INFO, "xclient: rip=%s rport=%u "
		    "helo=%s%s%s", lmtp_conn->remote_address(l->conn),
		    lmtp_conn->remote_port(l->conn), t.helo,
		    *t.login != '\0' ? " login=" : "", t.login);
	l->set = lmtp_sess->settings(l->session, lmtp_self);
	return NULL;
}
