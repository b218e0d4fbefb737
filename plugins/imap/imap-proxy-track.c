/* imap-proxy-track.c - what a proxy knows of the IMAP that goes by.  Nothing
 * is kept but the beginnings of lines. */
#include "imap-proxy.h"

/* --- lines ---------------------------------------------------------------- */

static bool at_line_end(const struct imap_proxy_lines *l)
{
	return !l->inside && l->literal == 0;
}

static void lines_begin(struct imap_proxy_lines *l)
{
	l->len = l->tail_len = 0;
}

static void lines_add(struct imap_proxy_lines *l, char c)
{
	if (l->len < sizeof(l->line))
		l->line[l->len] = c;
	if (l->len < UINT32_MAX)
		l->len++;
	if (l->tail_len == sizeof(l->tail)) {
		memmove(l->tail, l->tail + 1, sizeof(l->tail) - 1);
		l->tail_len--;
	}
	l->tail[l->tail_len++] = c;
}

/* [RFC9051 4.3] "{123}", "{123+}", "~{123}" at the end of a line */
static bool ends_with_literal(struct imap_proxy_lines *l)
{
	struct cv_span tail = cv_span(l->tail, l->tail_len), number;
	size_t at = tail.len;
	uint64_t bytes;

	if (at == 0 || tail.data[at - 1] != '}')
		return false;
	while (at > 0 && tail.data[at - 1] != '{')
		at--;
	if (at == 0)
		return false;
	number = cv_span(tail.data + at, tail.len - at - 1);
	if (number.len > 0 && number.data[number.len - 1] == '+')
		number.len--;
	if (number.len == 0 || !cv_span_to_u64(number, INT64_MAX, &bytes))
		return false;
	l->literal = bytes;
	return true;
}

/* Takes bytes up to the end of a command or response; true: it is there. */
static bool lines_take(struct imap_proxy_lines *l, struct cv_span *bytes)
{
	while (bytes->len > 0) {
		char c;

		if (l->literal > 0) {
			size_t n = l->literal < bytes->len ?
				(size_t)l->literal : bytes->len;

			l->literal -= n;
			*bytes = cv_span_skip(*bytes, n);
			continue;
		}
		c = *bytes->data;
		*bytes = cv_span_skip(*bytes, 1);
		l->inside = true;
		if (c == '\n') {
			if (l->tail_len > 0 &&
			    l->tail[l->tail_len - 1] == '\r')
				l->tail_len--;
			if (!ends_with_literal(l)) {
				l->inside = false;
				return true;
			}
			l->tail_len = 0;
		} else {
			lines_add(l, c);
		}
	}
	return false;
}

/* The beginning of the line, without CR. */
static struct cv_span lines_text(const struct imap_proxy_lines *l)
{
	size_t len = l->len < sizeof(l->line) ? l->len : sizeof(l->line);

	if (len > 0 && l->line[len - 1] == '\r')
		len--;
	return cv_span(l->line, len);
}

/* --- commands ----------------------------------------------------------------- */

static const struct { const char *name; uint32_t command; } commands[] = {
	{ "SELECT", PROXY_COMMAND_SELECT }, { "EXAMINE", PROXY_COMMAND_SELECT },
	{ "CLOSE", PROXY_COMMAND_CLOSE }, { "UNSELECT", PROXY_COMMAND_CLOSE },
	{ "ENABLE", PROXY_COMMAND_ENABLE }, { "LOGOUT", PROXY_COMMAND_LOGOUT },
	{ "IDLE", PROXY_COMMAND_IDLE },
	{ "COMPRESS", PROXY_COMMAND_COMPRESS },
	{ "NOTIFY", PROXY_COMMAND_PINS },
	{ "UNAUTHENTICATE", PROXY_COMMAND_PINS },
	{ "LANGUAGE", PROXY_COMMAND_PINS },
	{ "COMPARATOR", PROXY_COMMAND_PINS },
};

static uint32_t command_of(struct cv_span verb)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (cv_span_is_icase(verb, commands[i].name))
			return commands[i].command;
	}
	return PROXY_COMMAND_ANY;
}

/* What a line says the client wants; DONE and such are answers to us. */
static bool idles(const struct imap_proxy *p)
{
	return p->tag_count > 0 && p->tags[p->tag_count - 1].command ==
		PROXY_COMMAND_IDLE;
}

static void add_enabled(struct imap_proxy *p, struct cv_span names)
{
	size_t have = strlen(p->enabled);

	if (have + names.len + 2 > sizeof(p->enabled)) {
		p->pinned = true;
		return;
	}
	p->enabled[have] = ' ';
	memcpy(p->enabled + have + 1, names.data, names.len);
	p->enabled[have + 1 + names.len] = '\0';
}

static void command_sent(struct imap_proxy *p)
{
	struct cv_span rest = lines_text(&p->client), tag, verb;
	struct imap_proxy_tag *item;

	if (idles(p) && cv_span_is_icase(rest, "DONE"))
		return;
	if (!cv_span_split(&rest, ' ', &tag) || tag.len == 0)
		return;
	if (!cv_span_split(&rest, ' ', &verb))
		verb = CV_SPAN("");
	if (p->tag_count == PROXY_TAGS_MAX || tag.len >= PROXY_TAG_MAX ||
	    memchr(tag.data, '\0', tag.len) != NULL) {
		p->pinned = true;
		p->lost_tags++;
		return;
	}
	item = &p->tags[p->tag_count++];
	memcpy(item->text, tag.data, tag.len);
	item->text[tag.len] = '\0';
	item->command = command_of(verb);
	if (item->command == PROXY_COMMAND_LOGOUT)
		p->logout = true;
	/* [RFC5161 3.1] what was enabled stays so: it is repeated whole, also
	 * where a part was not known */
	if (item->command == PROXY_COMMAND_ENABLE && rest.data != NULL &&
	    p->client.len < sizeof(p->client.line))
		add_enabled(p, rest);
	else if (item->command == PROXY_COMMAND_ENABLE)
		p->pinned = true;
}

void imap_proxy_client_sent(void *state, struct cv_span bytes)
{
	struct imap_proxy *p = state;

	while (!p->opaque && lines_take(&p->client, &bytes)) {
		command_sent(p);
		lines_begin(&p->client);
	}
}

/* --- responses ------------------------------------------------------------------ */

static void forget(struct imap_proxy *p, uint32_t at)
{
	p->tag_count--;
	memmove(&p->tags[at], &p->tags[at + 1],
		(p->tag_count - at) * sizeof(p->tags[0]));
}

static void answered(struct imap_proxy *p, uint32_t at, bool ok)
{
	uint32_t command = p->tags[at].command;

	forget(p, at);
	/* [RFC9051 6.3.2] a failed SELECT leaves none selected */
	if (command == PROXY_COMMAND_SELECT)
		p->selected = ok;
	else if (command == PROXY_COMMAND_CLOSE && ok)
		p->selected = false;
	else if (command == PROXY_COMMAND_PINS && ok)
		p->pinned = true;
	/* [RFC4978 3] from here on nothing can be read */
	else if (command == PROXY_COMMAND_COMPRESS && ok)
		p->opaque = true;
}

static void response_sent(struct imap_proxy *p)
{
	struct cv_span rest = lines_text(&p->server), tag, word;
	bool ok;

	if (!cv_span_split(&rest, ' ', &tag) ||
	    !cv_span_split(&rest, ' ', &word))
		return;
	/* one that came in pieces */
	if (cv_span_is(tag, "*") && cv_span_is_icase(word, "BYE"))
		p->bye = true;
	ok = cv_span_is_icase(word, "OK");
	if (!ok && !cv_span_is_icase(word, "NO") &&
	    !cv_span_is_icase(word, "BAD"))
		return;
	for (uint32_t i = 0; i < p->tag_count; i++) {
		if (cv_span_is(tag, p->tags[i].text)) {
			answered(p, i, ok);
			return;
		}
	}
	/* [RFC9051 7.1] "*": the answer of no command */
	if (p->lost_tags > 0 && !cv_span_is(tag, "*"))
		p->lost_tags--;
}

static const struct cv_span bye = { "* BYE", 5 };

/* [RFC9051 7.1.5] the server closes now: of no interest to a client for whom
 * another connection can go on. */
static bool says_bye(const struct imap_proxy *p, struct cv_span bytes)
{
	return !p->logout && !p->opaque && at_line_end(&p->server) &&
		cv_span_begins_icase(bytes, bye);
}

size_t imap_proxy_server_sent(void *state, struct cv_span bytes)
{
	struct imap_proxy *p = state;
	size_t all = bytes.len;

	while (!p->opaque && bytes.len > 0) {
		if (says_bye(p, bytes))
			return all - bytes.len;
		if (!lines_take(&p->server, &bytes))
			break;
		response_sent(p);
		lines_begin(&p->server);
	}
	return all;
}

/* --- ends ----------------------------------------------------------------------- */

/* [RFC5530 3] UNAVAILABLE: whether it was done nobody can say. */
static void refuse_open_commands(struct imap_proxy *p, struct cv_text *answer)
{
	for (uint32_t i = 0; i < p->tag_count; i++) {
		cv_text_append_str(answer, p->tags[i].text);
		cv_text_append_str(answer, " NO [UNAVAILABLE] The server of "
				   "this mail broke off before it "
				   "answered.\r\n");
	}
	p->tag_count = 0;
}

int imap_proxy_broken(void *state, struct cv_text *answer)
{
	struct imap_proxy *p = state;

	if (p->logout || p->bye)
		return CV_EOF;
	if (p->pinned || p->opaque || p->selected ||
	    !at_line_end(&p->client) || !at_line_end(&p->server) ||
	    idles(p)) {
		imap_proxy_closing(p, "The server of this mail broke off.",
				   answer);
		return CV_E_TEMP;
	}
	refuse_open_commands(p, answer);
	p->server = (struct imap_proxy_lines){ .len = 0 };
	return CV_OK;
}

/* [RFC9051 6.3.13] IDLE lasts until the client ends it. */
bool imap_proxy_is_idle(const void *state)
{
	const struct imap_proxy *p = state;

	if (p->opaque)
		return true;
	for (uint32_t i = 0; i < p->tag_count; i++) {
		if (p->tags[i].command != PROXY_COMMAND_IDLE)
			return false;
	}
	return p->lost_tags == 0 && at_line_end(&p->server);
}

void imap_proxy_closing(void *state, const char *reason,
			struct cv_text *answer)
{
	struct imap_proxy *p = state;

	/* in the middle of a response it would be a part of it */
	if (p->opaque || !at_line_end(&p->server))
		return;
	cv_text_append_str(answer, "* BYE [UNAVAILABLE] ");
	cv_text_append_str(answer, reason);
	cv_text_append_str(answer, "\r\n");
}
