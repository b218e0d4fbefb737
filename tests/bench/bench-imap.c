/* bench-imap.c - drives any IMAP server.
 *
 * Modes, one operation each:
 *   login     connect, LOGIN, LOGOUT
 *   select    connect, LOGIN, SELECT INBOX, LOGOUT
 *   noop      NOOP in a selected mailbox
 *   meta      FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)
 *   uidflags  FETCH 1:* (UID FLAGS)
 *   body      FETCH of one body, the messages in turn
 *   bodies    FETCH 1:* BODY.PEEK[]
 *   store     STORE of one flag, on and off in turn
 *   append    APPEND of --bytes bytes
 *   idle      LOGIN, SELECT, IDLE on every connection, then waits for its
 *             standard input to close */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads up to the tagged answer; literals are skipped.  *exists is updated.
 * True: it was OK. */
static bool answer(struct bench_conn *c, const char *tag, long *exists)
{
	char line[8192];	/* CAPABILITY's is a long one */
	size_t tag_len = strlen(tag);

	while (bench_line(c, line, sizeof(line))) {
		size_t len = strlen(line);
		char *brace = len > 0 && line[len - 1] == '}' ?
			strrchr(line, '{') : NULL;
		long number;
		char word[16];

		if (brace != NULL &&
		    !bench_skip(c, strtoull(brace + 1, NULL, 10)))
			return false;
		if (exists != NULL && sscanf(line, "* %ld %15s", &number,
					     word) == 2 &&
		    strcmp(word, "EXISTS") == 0)
			*exists = number;
		if (strncmp(line, tag, tag_len) == 0 && line[tag_len] == ' ')
			return strncmp(line + tag_len + 1, "OK", 2) == 0;
	}
	return false;
}

static bool login(struct bench_conn *c, const struct bench_options *o, long n)
{
	char line[1024], user[256];

	bench_user(o, n, user, sizeof(user));
	return bench_connect(c, o) && bench_line(c, line, sizeof(line)) &&
		bench_sendf(c, "a LOGIN %s %s\r\n", user, o->password) &&
		answer(c, "a", NULL);
}

static bool choose(struct bench_conn *c, long *exists)
{
	return bench_sendf(c, "b SELECT INBOX\r\n") && answer(c, "b", exists);
}

static bool logout(struct bench_conn *c)
{
	bool ok = bench_sendf(c, "c LOGOUT\r\n") && answer(c, "c", NULL);

	bench_close(c);
	return ok;
}

static long run_login(struct bench_conn *c, const struct bench_options *o)
{
	bool with_select = strcmp(o->mode, "select") == 0;
	long n, errors = 0, exists = 0;

	while ((n = bench_next()) >= 0) {
		if (!login(c, o, n) || (with_select && !choose(c, &exists)) ||
		    !logout(c))
			errors++;
		bench_close(c);
	}
	return errors;
}

static bool append(struct bench_conn *c, const struct bench_options *o, long n)
{
	static const char header[] = "From: Bench <bench@example.org>\r\n"
		"To: user@example.org\r\nSubject: append\r\n"
		"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\n";
	size_t total = o->bytes < sizeof(header) ? sizeof(header) : o->bytes;
	char *text = malloc(total + 128), line[512];
	bool ok;

	if (text == NULL)
		return false;
	memcpy(text, header, sizeof(header) - 1);
	for (size_t i = sizeof(header) - 1; i < total; i++)
		text[i] = i % 76 == 74 ? '\r' : i % 76 == 75 ? '\n' : 'x';
	ok = bench_sendf(c, "d APPEND INBOX {%zu}\r\n", total) &&
		bench_line(c, line, sizeof(line)) && line[0] == '+' &&
		bench_send(c, text, total) && bench_send(c, "\r\n", 2) &&
		answer(c, "d", NULL);
	free(text);
	return ok;
}

static bool one(struct bench_conn *c, const struct bench_options *o, long n,
		long exists)
{
	long message = exists > 0 ? n / o->connections % exists + 1 : 1;

	if (strcmp(o->mode, "append") == 0)
		return append(c, o, n);
	if (strcmp(o->mode, "noop") == 0)
		return bench_sendf(c, "d NOOP\r\n") && answer(c, "d", NULL);
	if (strcmp(o->mode, "meta") == 0)
		return bench_sendf(c, "d FETCH 1:* (FLAGS INTERNALDATE "
			"RFC822.SIZE ENVELOPE BODYSTRUCTURE)\r\n") &&
			answer(c, "d", NULL);
	if (strcmp(o->mode, "uidflags") == 0)
		return bench_sendf(c, "d FETCH 1:* (UID FLAGS)\r\n") &&
			answer(c, "d", NULL);
	if (strcmp(o->mode, "bodies") == 0)
		return bench_sendf(c, "d FETCH 1:* BODY.PEEK[]\r\n") &&
			answer(c, "d", NULL);
	if (strcmp(o->mode, "body") == 0)
		return bench_sendf(c, "d FETCH %ld BODY.PEEK[]\r\n",
				   message) && answer(c, "d", NULL);
	if (strcmp(o->mode, "store") == 0)
		return bench_sendf(c, "d STORE %ld %cFLAGS.SILENT (\\Flagged)"
			"\r\n", message,
			n / o->connections / exists % 2 == 0 ? '+' : '-') &&
			answer(c, "d", NULL);
	return false;
}

static long run_selected(struct bench_conn *c, const struct bench_options *o)
{
	long n, errors = 0, exists = 0;

	if (!login(c, o, c->index) || !choose(c, &exists))
		return 1;
	while ((n = bench_next()) >= 0) {
		if (!one(c, o, n, exists)) {
			errors++;
			break;
		}
	}
	return errors + (logout(c) ? 0 : 1);
}

static long run_idle(struct bench_conn *c, const struct bench_options *o)
{
	char line[512];
	long exists;

	if (!login(c, o, c->index) || !choose(c, &exists) ||
	    !bench_sendf(c, "d IDLE\r\n") ||
	    !bench_line(c, line, sizeof(line)))
		return 1;
	if (c->index == 0)
		fprintf(stderr, "idling\n");
	while (getchar() != EOF)
		;
	return 0;
}

int main(int argc, char *argv[])
{
	static const char modes[] = "login|select|noop|meta|uidflags|body|"
		"bodies|store|append|idle";
	struct bench_options o;

	bench_parse(argc, argv, &o, modes);
	if (strcmp(o.mode, "login") == 0 || strcmp(o.mode, "select") == 0)
		return bench_run(&o, run_login);
	if (strcmp(o.mode, "idle") == 0)
		return bench_run(&o, run_idle);
	if (o.mode[0] == '\0' || strstr(modes, o.mode) == NULL) {
		fprintf(stderr, "unknown mode '%s': %s\n", o.mode, modes);
		return 64;
	}
	return bench_run(&o, run_selected);
}
