/* view.c - reads responses and holds the client's view against them. */
#include "stress.h"

#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const flag_names[FLAGS] = {
	"\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft",
	"\\Recent", "$Shared0", "$Shared1", "$Shared2", "$Shared3",
	"$Own0", "$Own1", "$Own2", "$Own3", "$Own4", "$Own5", "$Own6",
	"$Own7",
};

const char *flag_name(int bit)
{
	return flag_names[bit];
}

uint64_t hash_bytes(const char *data, size_t len)
{
	uint64_t h = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)data[i]) * 0x100000001b3;
	return h | 1;
}

bool view_wait(struct client *c, int milliseconds)
{
	struct pollfd p = { .fd = c->conn.fd, .events = POLLIN };

	return c->conn.at < c->conn.len || poll(&p, 1, milliseconds) > 0;
}

static char *room_for(struct client *c, size_t n)
{
	if (c->len + n + 1 > c->capacity) {
		c->capacity = (c->len + n + 1) * 2;
		c->reply = realloc(c->reply, c->capacity);
		if (c->reply == NULL)
			abort();
	}
	return c->reply + c->len;
}

/* The literal that a line ends with, or -1. */
static long literal_length(const char *line, size_t len)
{
	size_t at = len;
	long n = 0, factor = 1;

	if (len < 3 || line[len - 1] != '}')
		return -1;
	for (at = len - 2; at > 0 && isdigit((unsigned char)line[at]); at--) {
		n += (line[at] - '0') * factor;
		factor *= 10;
	}
	return line[at] == '{' && at < len - 2 ? n : -1;
}

bool view_read(struct client *c)
{
	c->len = 0;
	for (;;) {
		char *part = room_for(c, 1 << 18);
		long n;

		if (!bench_line(&c->conn, part, 1 << 18))
			return false;
		c->len += strlen(part);
		n = literal_length(c->reply, c->len);
		if (n < 0)
			break;
		part = room_for(c, (size_t)n + 2);
		part[0] = '\r';
		part[1] = '\n';
		if (!bench_bytes(&c->conn, part + 2, (size_t)n))
			return false;
		c->len += (size_t)n + 2;
	}
	c->reply[c->len] = '\0';
	client_note(c, '<', c->reply, c->len);
	return true;
}

/* --- FETCH --------------------------------------------------------------- */

struct cursor { const char *at, *end; };
struct value { const char *at; size_t len; char kind; };

static void skip_spaces(struct cursor *k)
{
	while (k->at < k->end && *k->at == ' ')
		k->at++;
}

/* A quoted string or literal, its text without the marks; NULL-safe. */
static bool take_string(struct cursor *k, struct value *v)
{
	char *end;

	v->kind = 's';
	if (*k->at == '"') {
		v->at = ++k->at;
		while (k->at < k->end && *k->at != '"')
			k->at += *k->at == '\\' ? 2 : 1;
		v->len = (size_t)(k->at - v->at);
		k->at++;
		return k->at <= k->end;
	}
	v->len = strtoul(k->at + 1, &end, 10);
	if (*end != '}' || (size_t)(k->end - end) < v->len + 3)
		return false;
	v->at = end + 3;
	k->at = v->at + v->len;
	return true;
}

static bool take_list(struct cursor *k, struct value *v)
{
	int depth = 0;

	v->kind = '(';
	v->at = k->at;
	do {
		struct value inner;

		if (*k->at == '"' || *k->at == '{') {
			if (!take_string(k, &inner))
				return false;
			continue;
		}
		depth += *k->at == '(';
		depth -= *k->at == ')';
		k->at++;
	} while (depth > 0 && k->at < k->end);
	v->len = (size_t)(k->at - v->at);
	return depth == 0;
}

static bool take_value(struct cursor *k, struct value *v)
{
	skip_spaces(k);
	if (k->at >= k->end)
		return false;
	if (*k->at == '"' || *k->at == '{')
		return take_string(k, v);
	if (*k->at == '(')
		return take_list(k, v);
	v->kind = 'a';
	v->at = k->at;
	while (k->at < k->end && *k->at != ' ' && *k->at != ')')
		k->at++;
	v->len = (size_t)(k->at - v->at);
	return v->len > 0;
}

/* The name of an item, with a section and its spaces. */
static bool take_name(struct cursor *k, char *name, size_t size)
{
	size_t used = 0;
	bool section = false;

	skip_spaces(k);
	while (k->at < k->end && used + 1 < size &&
	       (section || (*k->at != ' ' && *k->at != ')'))) {
		section = *k->at == '[' || (section && *k->at != ']');
		name[used++] = *k->at++;
	}
	name[used] = '\0';
	return used > 0;
}

static uint32_t parse_flags(const struct value *v)
{
	char word[100];
	uint32_t flags = 0;
	size_t at = 1;

	while (at + 1 < v->len) {
		size_t used = 0;

		while (at + 1 < v->len && v->at[at] == ' ')
			at++;
		while (at + 1 < v->len && v->at[at] != ' ' && used < 99)
			word[used++] = v->at[at++];
		word[used] = '\0';
		for (int i = 0; i < FLAGS; i++) {
			if (strcasecmp(word, flag_names[i]) == 0)
				flags |= 1U << i;
		}
	}
	return flags;
}

static const struct { const char *name; enum item item; } item_names[] = {
	{ "INTERNALDATE", ITEM_DATE }, { "RFC822.SIZE", ITEM_SIZE },
	{ "ENVELOPE", ITEM_ENVELOPE }, { "BODYSTRUCTURE", ITEM_STRUCTURE },
	{ "BODY", ITEM_BODY }, { "BODY[]", ITEM_FULL },
	{ "RFC822", ITEM_FULL }, { "BODY[HEADER]", ITEM_HEADER },
	{ "RFC822.HEADER", ITEM_HEADER }, { "BODY[TEXT]", ITEM_TEXT },
	{ "BODY[1]", ITEM_PART },
	{ "BODY[HEADER.FIELDS (SUBJECT DATE)]", ITEM_FIELDS },
	{ "BODY[]<0>", ITEM_WINDOW_0 }, { "BODY[]<50>", ITEM_WINDOW_50 },
	{ "BODY[]<1000>", ITEM_WINDOW_1000 },
};

static void take_uid(struct client *c, uint32_t seq, uint32_t uid)
{
	struct message *m = &c->messages[seq - 1];
	bool known = m->uid != 0;

	if (known && m->uid != uid) {
		client_fail(c, "message %u had UID %u, now %u", seq, m->uid,
			    uid);
		return;
	}
	for (uint32_t i = seq - 1; i > 0 && !known; i--) {
		if (c->messages[i - 1].uid == 0)
			continue;
		if (c->messages[i - 1].uid >= uid)
			client_fail(c, "UIDs do not ascend at message %u",
				    seq);
		break;
	}
	for (uint32_t i = seq; i < c->count && !known; i++) {
		if (c->messages[i].uid == 0)
			continue;
		if (c->messages[i].uid <= uid)
			client_fail(c, "UIDs do not ascend after message %u",
				    seq);
		break;
	}
	m->uid = uid;
	if (!known && !facts_show(c, uid))
		client_fail(c, "UID %u is back after its EXPUNGE", uid);
}

static void take_flags(struct client *c, struct message *m, uint32_t flags)
{
	if (m->uid != 0 && (flags & FLAG_RECENT) != 0 && !c->readonly &&
	    stress.recent && !facts_recent(c, m->uid))
		client_fail(c, "UID %u is \\Recent in two sessions", m->uid);
	if (m->uid != 0 && c->index < OWNERS && c->name == NAME_INBOX &&
	    c->kind != KIND_STORE && !facts_own_right(c, m->uid, flags))
		client_fail(c, "UID %u: %s is not as it was set", m->uid,
			    flag_names[10 + c->index]);
	m->flags = flags;
	m->flags_known = true;
}

struct items { uint64_t hash[ITEMS]; uint32_t uid, flags; bool has_flags; };

static bool parse_items(struct cursor *k, struct items *items)
{
	char name[100];
	struct value v;

	while (k->at < k->end && *k->at != ')') {
		if (!take_name(k, name, sizeof(name)) || !take_value(k, &v))
			return false;
		if (strcasecmp(name, "UID") == 0)
			items->uid = (uint32_t)strtoul(v.at, NULL, 10);
		if (strcasecmp(name, "FLAGS") == 0) {
			items->flags = parse_flags(&v);
			items->has_flags = true;
		}
		for (size_t i = 0; i < sizeof(item_names) /
		     sizeof(item_names[0]); i++) {
			if (strcasecmp(name, item_names[i].name) == 0)
				items->hash[item_names[i].item] =
					hash_bytes(v.at, v.len);
		}
		skip_spaces(k);
	}
	return k->at < k->end;
}

static void take_fetch(struct client *c, uint32_t seq, const char *text)
{
	struct cursor k = { text + 1, c->reply + c->len };
	struct items items = { .uid = 0 };
	struct message *m;

	if (seq == 0 || seq > c->count) {
		client_fail(c, "FETCH of message %u of %u", seq, c->count);
		return;
	}
	if (*text != '(' || !parse_items(&k, &items)) {
		client_fail(c, "FETCH response not understood");
		return;
	}
	m = &c->messages[seq - 1];
	if (items.uid != 0)
		take_uid(c, seq, items.uid);
	if (items.has_flags)
		take_flags(c, m, items.flags);
	for (int i = 0; i < ITEMS && m->uid != 0; i++) {
		if (items.hash[i] != 0 &&
		    !facts_item(c->box, m->uid, (enum item)i, items.hash[i]))
			m->doubt = (uint8_t)(i + 1);
	}
}

/* --- sizes --------------------------------------------------------------- */

static void take_exists(struct client *c, uint32_t n)
{
	if (n < c->count)
		client_fail(c, "EXISTS %u after %u without EXPUNGE", n,
			    c->count);
	if (n > c->room) {
		c->room = n * 2 + 64;
		c->messages = realloc(c->messages,
				      c->room * sizeof(*c->messages));
		if (c->messages == NULL)
			abort();
	}
	for (; c->count < n; c->count++)
		c->messages[c->count] = (struct message){ 0, 0, false, 0 };
}

static void take_expunge(struct client *c, uint32_t seq)
{
	/* [RFC3501 7.4.1] */
	if (c->kind == KIND_FETCH || c->kind == KIND_STORE ||
	    c->kind == KIND_SEARCH)
		client_fail(c, "EXPUNGE during FETCH, STORE or SEARCH");
	if (seq == 0 || seq > c->count) {
		client_fail(c, "EXPUNGE %u of %u", seq, c->count);
		return;
	}
	if (c->messages[seq - 1].uid != 0)
		facts_gone(c->box, c->messages[seq - 1].uid);
	memmove(&c->messages[seq - 1], &c->messages[seq],
		(c->count - seq) * sizeof(*c->messages));
	c->count--;
}

static void take_search(struct client *c, const char *text)
{
	char *end;

	while (*text == ' ') {
		unsigned long n = strtoul(text, &end, 10);

		if (end == text)
			break;
		if (n == 0 || (c->kind == KIND_SEARCH && n > c->count))
			client_fail(c, "SEARCH found %lu of %u", n, c->count);
		text = end;
	}
}

static void take_number(struct client *c, const char *text)
{
	char *end;
	uint32_t n = (uint32_t)strtoul(text, &end, 10);

	if (c->box == NULL && c->kind != KIND_SELECT)
		client_fail(c, "a message response, but nothing is selected");
	else if (strcasecmp(end, " EXISTS") == 0)
		take_exists(c, n);
	else if (strcasecmp(end, " EXPUNGE") == 0)
		take_expunge(c, n);
	else if (strncasecmp(end, " FETCH ", 7) == 0)
		take_fetch(c, n, end + 7);
	else if (strcasecmp(end, " RECENT") != 0)
		client_fail(c, "unknown response");
	else if (n > c->count)
		client_fail(c, "%u RECENT of %u", n, c->count);
}

static uint32_t number_after(const char *text, const char *word, uint32_t old)
{
	const char *at = strstr(text, word);

	return at == NULL ? old : (uint32_t)strtoul(at + strlen(word), NULL,
						    10);
}

void view_untagged(struct client *c)
{
	const char *text = c->reply + 2;

	if (isdigit((unsigned char)*text)) {
		take_number(c, text);
	} else if (strncasecmp(text, "SEARCH", 6) == 0) {
		take_search(c, text + 6);
	} else if (strncasecmp(text, "BYE", 3) == 0) {
		c->bye = true;
		if (c->kind != KIND_LOGOUT && !client_mailbox_gone(c))
			client_fail(c, "BYE");
	} else if (strncasecmp(text, "STATUS ", 7) == 0 ||
		   strncasecmp(text, "OK [", 4) == 0) {
		c->validity = number_after(text, "UIDVALIDITY ", c->validity);
		c->uidnext = number_after(text, "UIDNEXT ", c->uidnext);
	} else if (strncasecmp(text, "BAD", 3) == 0) {
		client_fail(c, "BAD");
	}
}
