/* commands.c - random commands, and what their answers must be. */
#include "stress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { MANY = 150, MESSAGE_MAX = 120000 };

const char *const names[NAMES] = {
	"INBOX", "work", "box0", "box1", "box2", "ren0", "ren1",
};
atomic_ulong stress_commands, stress_refused, stress_cuts;

static unsigned int below(struct client *c, unsigned int n)
{
	return (unsigned int)(stress_random(&c->random) % n);
}

bool client_ok(const struct client *c)
{
	return strncasecmp(c->status, "OK", 2) == 0;
}

bool client_mailbox_gone(const struct client *c)
{
	return c->name >= NAME_VOLATILE &&
		facts_generation(c->account, c->name) != c->generation;
}

/* Reads up to the answer of c->tag, or of one of the `more` before it: a
 * server may answer pipelined commands in any order [RFC3501 5.5]. */
static bool answer_one(struct client *c, enum kind kind, unsigned int more)
{
	c->kind = kind;
	while (view_read(c)) {
		unsigned int tag;
		char *end;

		if (strncmp(c->reply, "* ", 2) == 0) {
			view_untagged(c);
			continue;
		}
		if (strncmp(c->reply, "+ ", 2) == 0)
			continue;
		tag = (unsigned int)strtoul(c->reply + 1, &end, 10);
		if (c->reply[0] != 't' || *end != ' ' || tag > c->tag ||
		    tag + more < c->tag) {
			client_fail(c, "answer with another tag");
			return false;
		}
		snprintf(c->status, sizeof(c->status), "%s", end + 1);
		c->kind = KIND_OTHER;
		atomic_fetch_add(&stress_commands, 1);
		if ((strncasecmp(c->status, "BAD", 3) == 0 ||
		     strstr(c->status, "SERVERBUG") != NULL ||
		     strstr(c->status, "nternal error") != NULL) &&
		    !client_mailbox_gone(c))
			client_fail(c, "the command was refused");
		if (!client_ok(c))
			atomic_fetch_add(&stress_refused, 1);
		return !atomic_load(&stress_failed);
	}
	if (!c->bye && !client_mailbox_gone(c))
		client_fail(c, "the connection has ended, or nothing came");
	return false;
}

static bool answer(struct client *c, enum kind kind)
{
	return answer_one(c, kind, 0);
}

static bool send_text(struct client *c, const char *text, size_t len)
{
	client_note(c, '>', text, len);
	return bench_send(&c->conn, text, len);
}

static int put_command(struct client *c, char *line, size_t size,
		       const char *fmt, va_list args)
{
	int n = snprintf(line, size, "t%u ", ++c->tag);

	n += vsnprintf(line + n, size - (size_t)n, fmt, args);
	line[n++] = '\r';
	line[n++] = '\n';
	return n;
}

bool client_command(struct client *c, enum kind kind, const char *fmt, ...)
{
	char line[2000];
	va_list args;
	int n;

	va_start(args, fmt);
	n = put_command(c, line, sizeof(line) - 2, fmt, args);
	va_end(args);
	/* a failed send: the reason stands in what can still be read */
	(void)send_text(c, line, (size_t)n);
	return answer(c, kind);
}

bool client_login(struct client *c)
{
	char user[100];
	struct timeval patience = { 60, 0 };

	bench_close(&c->conn);
	c->box = NULL;
	c->name = NAME_INBOX;
	c->count = 0;
	c->bye = false;
	for (int tries = 0; !bench_connect(&c->conn, &stress.server); tries++) {
		if (tries > 50) {
			client_fail(c, "no connection");
			return false;
		}
		usleep(100000);
	}
	(void)setsockopt(c->conn.fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			 sizeof(patience));
	bench_user(&stress.server, c->account, user, sizeof(user));
	if (!view_read(c)) {
		client_fail(c, "no greeting");
		return false;
	}
	if (!client_command(c, KIND_OTHER, "LOGIN %s %s", user,
			    stress.server.password))
		return false;
	if (!client_ok(c))
		client_fail(c, "login refused");
	return client_ok(c);
}

/* --- the view ------------------------------------------------------------ */

bool client_learn_uids(struct client *c)
{
	uint32_t first = 1;

	while (first <= c->count && c->messages[first - 1].uid != 0)
		first++;
	if (c->box == NULL || first > c->count)
		return true;
	return client_command(c, KIND_FETCH, "FETCH %u:* (UID FLAGS)", first);
}

static bool selected(struct client *c, int name, uint32_t validity,
		     uint32_t uidnext)
{
	c->box = facts_box(c->account, names[name], c->validity);
	if (c->validity == 0 ||
	    (name < NAME_VOLATILE && validity != 0 && validity != c->validity))
		client_fail(c, "UIDVALIDITY %u became %u", validity,
			    c->validity);
	if (validity == c->validity && c->uidnext < uidnext)
		client_fail(c, "UIDNEXT %u became %u", uidnext, c->uidnext);
	facts_uidnext(c->box, c->uidnext);
	/* with the box known, what SELECT itself told of messages is nothing
	 * but their number */
	return client_learn_uids(c);
}

bool client_select(struct client *c, int name, bool readonly)
{
	static atomic_uint sessions;
	uint32_t validity, uidnext;

	facts_known(c->account, name, &validity, &uidnext);
	c->box = NULL;
	c->count = 0;
	c->name = name;
	c->generation = facts_generation(c->account, name);
	c->readonly = readonly;
	c->session = atomic_fetch_add(&sessions, 1) + 1;
	c->selected_at = facts_time();
	c->validity = c->uidnext = 0;
	if (!client_command(c, KIND_SELECT, "%s %s", readonly ? "EXAMINE" :
			    "SELECT", names[name]))
		return false;
	if (client_ok(c))
		return selected(c, name, validity, uidnext);
	if (name < NAME_VOLATILE)
		client_fail(c, "cannot select");
	c->name = NAME_INBOX;
	return true;
}

/* --- sets ---------------------------------------------------------------- */

/* A run of messages, first <= last, both with known UIDs if there are. */
static void pick(struct client *c, uint32_t *first, uint32_t *last)
{
	*first = below(c, c->count) + 1;
	*last = *first + below(c, below(c, 4) == 0 ? 60 : 5);
	if (*last > c->count)
		*last = c->count;
}

static uint32_t uid_at(const struct client *c, uint32_t seq)
{
	return c->messages[seq - 1].uid;
}

/* "UID " or "", and the run as a set of that. */
static const char *put_set(struct client *c, uint32_t first, uint32_t last,
			   char *set, size_t size)
{
	bool uids = !c->numbers && below(c, 2) == 0 && uid_at(c, first) != 0 &&
		uid_at(c, last) != 0;

	if (uids) {
		uint32_t a = first;

		first = uid_at(c, a);
		last = uid_at(c, last);
	}
	if (first == last)
		snprintf(set, size, "%u", first);
	else if (below(c, 4) == 0 && last == first + 1)
		snprintf(set, size, "%u,%u", last, first);
	else if (below(c, 4) == 0)
		snprintf(set, size, "%u:%u", last, first);
	else
		snprintf(set, size, "%u:%u", first, last);
	return uids ? "UID " : "";
}

static enum kind kind_of(const char *uid, enum kind kind)
{
	return *uid != '\0' ? KIND_UID : kind;
}

/* --- messages ------------------------------------------------------------ */

static void add(char *text, size_t *len, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void add(char *text, size_t *len, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	*len += (size_t)vsnprintf(text + *len, MESSAGE_MAX - *len, fmt, args);
	va_end(args);
}

static size_t make_message(struct client *c, char *text)
{
	unsigned int lines = below(c, 40), shape = below(c, 30);
	size_t len = 0;

	add(text, &len, "From: Client %d <c%d@example.org>\r\nTo: jane@"
	    "example.org\r\nSubject: number %u\r\nDate: Tue, 03 Mar 2026 "
	    "10:%02u:00 +0100\r\nMessage-ID: <%u.%d@stress>\r\n", c->index,
	    c->index, c->tag, below(c, 60), c->tag, c->index);
	if (shape < 8)
		add(text, &len, "MIME-Version: 1.0\r\nContent-Type: multipart/"
		    "mixed; boundary=\"b%u\"\r\n\r\n--b%u\r\n\r\n", c->tag,
		    c->tag);
	else
		add(text, &len, "\r\n");
	if (shape == 9)
		lines = 1500;	/* does not fit into the journal */
	for (unsigned int i = 0; i < lines; i++)
		add(text, &len, "%08llx line %u of message %u for you\r\n",
		    (unsigned long long)stress_random(&c->random) >> 32, i,
		    c->tag);
	if (shape < 8)
		add(text, &len, "\r\n--b%u\r\nContent-Type: text/html\r\n\r\n"
		    "<p>x\r\n--b%u--\r\n", c->tag, c->tag);
	return len;
}

/* The numbers of a UID set one after the other; 0 at the end. */
static uint32_t next_uid(const char **set, uint32_t *last)
{
	char *end;

	if (*last != 0) {	/* within a range */
		uint32_t uid = (uint32_t)strtoul(*set, &end, 10);
		uint32_t now = ++*last;

		if (now >= uid) {
			*set = end;
			*last = 0;
		}
		return now;
	}
	if (**set == ',')
		(*set)++;
	if (**set < '0' || **set > '9')
		return 0;
	*last = (uint32_t)strtoul(*set, &end, 10);
	*set = end;
	if (*end == ':') {
		uint32_t now = *last;

		*set = end + 1;
		if ((uint32_t)strtoul(*set, &end, 10) <= now) {
			*set = end;
			*last = 0;
		}
		return now;
	}
	{
		uint32_t now = *last;

		*last = 0;
		return now;
	}
}

static void check_appended(struct client *c, int name, uint64_t sent_at,
			   const char *text, size_t len)
{
	const char *code = strstr(c->status, "[APPENDUID ");
	uint32_t validity, uid;
	struct box *b;
	char size[30];
	char *end;

	if (code == NULL)
		return;
	validity = (uint32_t)strtoul(code + 11, &end, 10);
	uid = (uint32_t)strtoul(end, NULL, 10);
	b = facts_box(c->account, names[name], validity);
	if (!facts_assign(b, uid, sent_at))
		client_fail(c, "APPENDUID %u was given before", uid);
	snprintf(size, sizeof(size), "%zu", len);
	facts_append(b, uid, hash_bytes(size, strlen(size)),
		     hash_bytes(text, len));
}

static bool step_append(struct client *c, int name, bool cut)
{
	static _Thread_local char text[MESSAGE_MAX];
	char line[200];
	size_t len = make_message(c, text);
	uint64_t sent_at = facts_time();
	bool plus = below(c, 2) == 0 && len <= 4096;
	int n = snprintf(line, sizeof(line), "t%u APPEND %s%s {%zu%s}\r\n",
			 ++c->tag, names[name], below(c, 2) == 0 ?
			 " (\\Seen $Shared1)" : "", len, plus ? "+" : "");

	if (!send_text(c, line, (size_t)n))
		return answer(c, KIND_OTHER);
	if (!plus) {
		while (view_read(c) && strncmp(c->reply, "* ", 2) == 0)
			view_untagged(c);
		if (c->reply[0] != '+') {
			if (name < NAME_VOLATILE)
				client_fail(c, "APPEND refused");
			return c->len > 0;
		}
	}
	if (cut) {
		(void)bench_send(&c->conn, text, len / 2);
		bench_close(&c->conn);
		return client_login(c);
	}
	(void)bench_send(&c->conn, text, len);
	(void)bench_send(&c->conn, "\r\n", 2);
	if (!answer(c, KIND_OTHER))
		return false;
	if (client_ok(c))
		check_appended(c, name, sent_at, text, len);
	else if (name < NAME_VOLATILE)
		client_fail(c, "APPEND refused");
	return true;
}

static void check_copied(struct client *c, const char *code, int name,
			 uint64_t sent_at)
{
	const char *from, *to;
	uint32_t validity, from_last = 0, to_last = 0, source, target;
	struct box *b;
	char *end;

	validity = (uint32_t)strtoul(code, &end, 10);
	from = end + 1;
	to = strchr(from, ' ');
	if (to++ == NULL) {
		client_fail(c, "COPYUID not understood");
		return;
	}
	b = facts_box(c->account, names[name], validity);
	do {
		source = next_uid(&from, &from_last);
		target = next_uid(&to, &to_last);
		if ((source == 0) != (target == 0))
			client_fail(c, "COPYUID with sets of two lengths");
		else if (source != 0 && !facts_assign(b, target, sent_at))
			client_fail(c, "COPYUID %u was given before", target);
		else if (source != 0)
			facts_copy(c->box, source, b, target);
	} while (source != 0 && target != 0);
}

/* MOVE tells COPYUID in an untagged OK [RFC6851 4.3]: read by hand. */
static bool step_copy(struct client *c, bool move)
{
	int name = (int)below(c, NAMES);
	char set[100], line[300], code[8000] = "";
	uint32_t first, last;
	uint64_t sent_at = facts_time();
	const char *uid, *at;
	char tag[20];
	int n;

	pick(c, &first, &last);
	uid = put_set(c, first, last, set, sizeof(set));
	if (move && (c->readonly || uid_at(c, first) == 0 ||
		     uid_at(c, last) == 0))
		return true;
	if (move)
		facts_deletable(c->box, uid_at(c, first), uid_at(c, last));
	n = snprintf(line, sizeof(line), "t%u %s%s %s %s\r\n", ++c->tag, uid,
		     move ? "MOVE" : "COPY", set, names[name]);
	(void)send_text(c, line, (size_t)n);
	n = snprintf(tag, sizeof(tag), "t%u ", c->tag);
	c->kind = kind_of(uid, KIND_OTHER);
	for (;;) {
		if (!view_read(c))
			return answer(c, c->kind);	/* says why */
		at = strstr(c->reply, "[COPYUID ");
		if (at != NULL)
			snprintf(code, sizeof(code), "%s", at + 9);
		if (strncmp(c->reply, tag, (size_t)n) == 0)
			break;
		if (strncmp(c->reply, "* ", 2) == 0)
			view_untagged(c);
	}
	c->kind = KIND_OTHER;
	atomic_fetch_add(&stress_commands, 1);
	snprintf(c->status, sizeof(c->status), "%s", c->reply + n);
	if (strncasecmp(c->status, "BAD", 3) == 0 && !client_mailbox_gone(c))
		client_fail(c, "the command was refused");
	if (!client_ok(c))
		atomic_fetch_add(&stress_refused, 1);
	if (*code != '\0')
		check_copied(c, code, name, sent_at);
	return !atomic_load(&stress_failed);
}

/* --- reading ------------------------------------------------------------- */

static const char *const fetch_items[] = {
	"UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE",
	"BODYSTRUCTURE", "BODY", "BODY.PEEK[]", "BODY.PEEK[HEADER]",
	"BODY.PEEK[TEXT]", "BODY.PEEK[1]", "RFC822.HEADER",
	"BODY.PEEK[HEADER.FIELDS (SUBJECT DATE)]", "BODY.PEEK[]<0.100>",
	"BODY.PEEK[]<50.1000>", "BODY.PEEK[]<1000.3000>", "BODY[]",
};

static bool step_fetch(struct client *c)
{
	char set[100], items[600] = "UID";
	unsigned int n = below(c, 4) + 1;
	uint32_t first, last;
	const char *uid;
	size_t used = 3;

	pick(c, &first, &last);
	uid = put_set(c, first, last, set, sizeof(set));
	for (unsigned int i = 0; i < n; i++)
		used += (size_t)snprintf(items + used, sizeof(items) - used,
			" %s", fetch_items[below(c, sizeof(fetch_items) /
						 sizeof(fetch_items[0]))]);
	return client_command(c, kind_of(uid, KIND_FETCH), "%sFETCH %s (%s)",
			      uid, set, items);
}

static bool step_search(struct client *c)
{
	static const char *const keys[] = {
		"ALL", "UNSEEN", "DELETED", "NOT FLAGGED", "KEYWORD $Shared1",
		"SUBJECT 7", "OR SEEN LARGER 3000", "BODY \"line 3\"",
		"UNKEYWORD $Shared2 SMALLER 500", "1:*", "RECENT",
		"NOT (DRAFT ANSWERED)", "SINCE 1-Jan-2020",
	};
	unsigned int key = below(c, sizeof(keys) / sizeof(keys[0]));
	bool uid = below(c, 2) == 0;

	return client_command(c, uid ? KIND_UID : KIND_SEARCH, "%sSEARCH %s%s",
			      uid ? "UID " : "", keys[key], key == 6 ?
			      " FLAGGED" : "");
}

static bool step_status(struct client *c)
{
	int name = (int)below(c, NAMES);
	uint32_t validity, uidnext;

	facts_known(c->account, name, &validity, &uidnext);
	c->validity = c->uidnext = 0;
	if (!client_command(c, KIND_OTHER, "STATUS %s (MESSAGES UIDNEXT "
			    "UIDVALIDITY UNSEEN RECENT)", names[name]))
		return false;
	if (!client_ok(c)) {
		if (name < NAME_VOLATILE)
			client_fail(c, "no STATUS");
		return true;
	}
	if (name < NAME_VOLATILE && validity != 0 && validity != c->validity)
		client_fail(c, "UIDVALIDITY %u became %u", validity,
			    c->validity);
	if (validity == c->validity && c->uidnext < uidnext)
		client_fail(c, "UIDNEXT %u became %u", uidnext, c->uidnext);
	facts_uidnext(facts_box(c->account, names[name], c->validity),
		      c->uidnext);
	return true;
}

static bool step_idle(struct client *c)
{
	char line[40];
	int n = snprintf(line, sizeof(line), "t%u IDLE\r\n", ++c->tag);
	double end = stress_now() + below(c, 300) / 1000.0;
	bool continued = false;

	(void)send_text(c, line, (size_t)n);
	c->kind = KIND_IDLE;
	/* the first is the continuation, or what came before it */
	do {
		if (!view_read(c))
			return answer(c, KIND_IDLE);
		if (c->reply[0] == '*')
			view_untagged(c);
		continued |= c->reply[0] == '+';
	} while (!continued || (stress_now() < end &&
		 view_wait(c, (int)((end - stress_now()) * 1000) + 1)));
	(void)send_text(c, "DONE\r\n", 6);
	return answer(c, KIND_IDLE);
}

/* --- changing ------------------------------------------------------------ */

struct change { uint32_t first, last, flags; char sign; bool silent; };

static size_t put_change(struct client *c, struct change *h, char *line,
			 size_t size)
{
	char set[100], words[400] = "";
	const char *uid;
	size_t used = 0;
	unsigned int what = below(c, 12);

	pick(c, &h->first, &h->last);
	h->sign = "+-+-="[below(c, 5)];
	h->silent = below(c, 3) == 0;
	h->flags = (uint32_t)stress_random(&c->random) &
		(31 | FLAG_SHARED * 15);
	if (what != 0 || uid_at(c, h->first) == 0 || uid_at(c, h->last) == 0)
		h->flags &= ~(uint32_t)FLAG_DELETED;
	/* an owner's keywords: nobody replaces flags in INBOX */
	if (c->name == NAME_INBOX && h->sign == '=')
		h->sign = '+';
	if (c->index < OWNERS && what < 5)
		h->flags = (uint32_t)FLAG_OWN << c->index;
	uid = put_set(c, h->first, h->last, set, sizeof(set));
	for (int i = 0; i < FLAGS; i++) {
		if ((h->flags & (1U << i)) != 0)
			used += (size_t)snprintf(words + used,
				sizeof(words) - used, "%s%s",
				used > 0 ? " " : "", flag_name(i));
	}
	return (size_t)snprintf(line, size, "t%u %sSTORE %s %.1sFLAGS%s "
				"(%s)\r\n", ++c->tag, uid, set,
				h->sign == '=' ? "" : &h->sign,
				h->silent ? ".SILENT" : "", words);
}

static void before_change(struct client *c, const struct change *h)
{
	if ((h->flags & FLAG_DELETED) != 0)
		facts_deletable(c->box, uid_at(c, h->first),
				uid_at(c, h->last));
	for (uint32_t seq = h->first; seq <= h->last; seq++) {
		if (h->flags >= FLAG_OWN && uid_at(c, seq) != 0)
			facts_own(c, uid_at(c, seq), false, false);
		if (h->silent)
			c->messages[seq - 1].flags_known = false;
	}
}

/* One STORE, or several in one packet. */
static bool step_store(struct client *c, int n)
{
	char lines[5000] = "";
	struct change changes[4];
	size_t used = 0;
	bool uid = false, own = false;
	uint32_t *uids = NULL;

	if (c->readonly)
		return true;
	/* behind a UID STORE, sequence numbers may have changed */
	c->numbers = n > 1;
	for (int i = 0; i < n; i++) {
		size_t len = put_change(c, &changes[i], lines + used,
					sizeof(lines) - used);

		uid |= strstr(lines + used, "UID STORE") != NULL;
		own |= changes[i].flags >= FLAG_OWN;
		before_change(c, &changes[i]);
		used += len;
	}
	c->numbers = false;
	if (n == 1 && own) {
		uids = calloc(c->count + 1, sizeof(*uids));
		for (uint32_t seq = changes[0].first; uids != NULL &&
		     seq <= changes[0].last; seq++)
			uids[seq - changes[0].first] = uid_at(c, seq);
	}
	(void)send_text(c, lines, used);
	for (int i = 0; i < n; i++) {
		if (!answer_one(c, uid ? KIND_UID : KIND_STORE,
				(unsigned int)n - 1)) {
			free(uids);
			return false;
		}
	}
	/* what the first of several was answered with is old by the second */
	for (int i = 0; n > 1 && i < n; i++) {
		for (uint32_t seq = changes[i].first;
		     changes[i].silent && seq <= changes[i].last; seq++)
			c->messages[seq - 1].flags_known = false;
	}
	for (uint32_t i = 0; uids != NULL && client_ok(c) &&
	     i <= changes[0].last - changes[0].first; i++) {
		if (uids[i] != 0 && c->name == NAME_INBOX)
			facts_own(c, uids[i], true, changes[0].sign == '+');
	}
	free(uids);
	return true;
}

static bool step_expunge(struct client *c)
{
	uint32_t first, last;

	if (c->readonly)
		return true;
	if (c->count > 0 && (below(c, 3) == 0 || c->count > MANY)) {
		pick(c, &first, &last);
		if (c->count > MANY)
			last = first + (c->count - first) / 2;
		if (uid_at(c, first) == 0 || uid_at(c, last) == 0)
			return client_learn_uids(c);
		facts_deletable(c->box, uid_at(c, first), uid_at(c, last));
		first = uid_at(c, first);
		last = uid_at(c, last);
		if (!client_command(c, KIND_UID, "UID STORE %u:%u "
				    "+FLAGS (\\Deleted)", first, last))
			return false;
		if (below(c, 2) == 0)
			return client_command(c, KIND_UID,
					      "UID EXPUNGE %u:%u", first,
					      last);
	}
	return client_command(c, KIND_OTHER, "EXPUNGE");
}

static bool step_mailboxes(struct client *c)
{
	int name = NAME_VOLATILE + (int)below(c, 3);
	bool up;

	switch (below(c, 4)) {
	case 0:
		return client_command(c, KIND_OTHER, "CREATE %s", names[name]);
	case 1:
		facts_new_generation(c->account, name, 1);
		up = client_command(c, KIND_OTHER, "DELETE %s", names[name]);
		facts_new_generation(c->account, name, -1);
		return up;
	case 2:
		name = NAME_VOLATILE + 3 + (int)below(c, 2);
		facts_new_generation(c->account, NAME_VOLATILE + 3, 1);
		facts_new_generation(c->account, NAME_VOLATILE + 4, 1);
		up = client_command(c, KIND_OTHER, "RENAME %s %s",
				    names[name], names[name ==
				    NAME_VOLATILE + 3 ? name + 1 : name - 1]);
		facts_new_generation(c->account, NAME_VOLATILE + 3, -1);
		facts_new_generation(c->account, NAME_VOLATILE + 4, -1);
		return up;
	default:
		return client_command(c, KIND_OTHER, below(c, 2) == 0 ?
				      "LIST \"\" *" : "SUBSCRIBE work");
	}
}

static bool step_select(struct client *c)
{
	int name = below(c, 10) < 6 ? NAME_INBOX : (int)below(c, NAMES);

	return client_select(c, name, below(c, 5) == 0);
}

static bool step_leave(struct client *c)
{
	switch (below(c, 4)) {
	case 0:	/* in the middle of a command */
		(void)send_text(c, "t0 UID FETCH 1:* (FLA", 21);
		atomic_fetch_add(&stress_cuts, 1);
		return client_login(c);
	case 1:
		atomic_fetch_add(&stress_cuts, 1);
		return step_append(c, NAME_WORK, true);
	case 2:
		if (c->box == NULL)
			return true;
		if (!client_command(c, KIND_OTHER, below(c, 2) == 0 ?
				    "CLOSE" : "UNSELECT"))
			return false;
		c->box = NULL;
		c->name = NAME_INBOX;
		c->count = 0;
		return true;
	default:
		return client_command(c, KIND_LOGOUT, "LOGOUT") &&
			client_login(c);
	}
}

static bool step_selected(struct client *c, unsigned int what)
{
	if (c->count > MANY && below(c, 3) == 0)
		return step_expunge(c);
	if (what < 26)
		return step_fetch(c);
	if (what < 46)
		return step_store(c, 1);
	if (what < 50)
		return step_store(c, (int)below(c, 3) + 2);
	if (what < 56)
		return step_copy(c, false);
	if (what < 60)
		return step_copy(c, true);
	return step_search(c);
}

bool client_step(struct client *c)
{
	unsigned int what = below(c, 100);

	if (c->box != NULL && client_mailbox_gone(c) && below(c, 3) == 0)
		return step_select(c);
	if (c->box == NULL && what < 90)
		return step_select(c);
	if (what < 66 && c->count > 0 && c->box != NULL)
		return step_selected(c, what) && (below(c, 5) == 0 ||
						  client_learn_uids(c));
	if (what < 78)
		return c->count > 2 * MANY || step_append(c,
			below(c, 4) == 0 ? (int)below(c, NAMES) : c->name,
			false);
	if (what < 82)
		return c->box == NULL || step_expunge(c);
	if (what < 85)
		return client_command(c, KIND_OTHER, below(c, 4) == 0 ?
				      "CHECK" : "NOOP");
	if (what < 88)
		return step_idle(c);
	if (what < 91)
		return step_status(c);
	if (what < 94)
		return step_mailboxes(c);
	if (what < 97)
		return step_select(c);
	return step_leave(c);
}
