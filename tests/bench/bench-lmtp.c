/* bench-lmtp.c - drives any LMTP server.
 *
 * Modes: deliver (the connections stay open; the users in turn), reconnect (a
 * new connection for each message). */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reply(struct bench_conn *c, char first)
{
	char line[512];

	do {
		if (!bench_line(c, line, sizeof(line)))
			return false;
	} while (strlen(line) > 3 && line[3] == '-');
	if (line[0] != first)
		fprintf(stderr, "%s\n", line);
	return line[0] == first;
}

static bool greet(struct bench_conn *c, const struct bench_options *o)
{
	return bench_connect(c, o) && reply(c, '2') &&
		bench_sendf(c, "LHLO bench.example.org\r\n") && reply(c, '2');
}

static char *message_make(size_t bytes, long n, size_t *len_r)
{
	char *text = malloc(bytes + 1024);
	int header;

	if (text == NULL)
		abort();
	header = snprintf(text, 1024, "From: Bench <bench@example.org>\r\n"
		"To: User <user@example.org>\r\nSubject: message %ld\r\n"
		"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n"
		"Message-ID: <%ld.bench@example.org>\r\n"
		"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n", n, n);
	for (size_t i = (size_t)header; i < bytes; i++)
		text[i] = i % 76 == 74 ? '\r' : i % 76 == 75 ? '\n' : 'x';
	*len_r = bytes > (size_t)header ? bytes : (size_t)header;
	return text;
}

static bool deliver(struct bench_conn *c, const struct bench_options *o,
		    long n)
{
	char user[256];
	size_t len;
	char *text = message_make(o->bytes, n, &len);
	bool ok;

	bench_user(o, n, user, sizeof(user));
	ok = bench_sendf(c, "MAIL FROM:<s@example.org>\r\nRCPT TO:<%s>\r\n"
			 "DATA\r\n", user) && reply(c, '2') &&
		reply(c, '2') && reply(c, '3') && bench_send(c, text, len) &&
		bench_sendf(c, "\r\n.\r\n") && reply(c, '2');
	free(text);
	return ok;
}

static long run(struct bench_conn *c, const struct bench_options *o)
{
	bool again = strcmp(o->mode, "reconnect") == 0;
	long n, errors = 0;

	if (!again && !greet(c, o))
		return 1;
	while ((n = bench_next()) >= 0) {
		if ((again && !greet(c, o)) || !deliver(c, o, n)) {
			errors++;
			if (!again)
				return errors;
		}
		if (again) {
			(void)(bench_sendf(c, "QUIT\r\n") && reply(c, '2'));
			bench_close(c);
		}
	}
	return errors;
}

int main(int argc, char *argv[])
{
	struct bench_options o;

	bench_parse(argc, argv, &o, "deliver|reconnect");
	return bench_run(&o, run);
}
