/* bench.h - a load generator: connections in threads, counted operations.
 *
 * Each connection runs the same function until the common number of
 * operations is used up; the result is one line "ops=N errors=N secs=S". */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_options {
	const char *host;
	int port;
	int connections, users;
	long ops;
	const char *user_format;	/* "u%d" */
	const char *password;
	const char *mode;
	size_t bytes;			/* of a message */
};

struct bench_conn {
	int fd;
	int index;			/* 0 .. connections - 1 */
	char in[65536];
	size_t at, len;
	uint64_t bytes;			/* received */
};

/* Parses the command line; prints usage and exits on a mistake. */
void bench_parse(int argc, char *argv[], struct bench_options *o,
		 const char *modes);
/* The next operation's number, or -1 when all have been given out. */
long bench_next(void);
/* The name of user number n % users, in buf. */
void bench_user(const struct bench_options *o, long n, char *buf, size_t size);

bool bench_connect(struct bench_conn *c, const struct bench_options *o);
void bench_close(struct bench_conn *c);
bool bench_send(struct bench_conn *c, const char *data, size_t len);
bool bench_sendf(struct bench_conn *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* One line without its end; of a longer one its last size-1 bytes; IMAP literals are skipped with
 * bench_skip.  False: the connection has ended, or nothing came for two
 * minutes. */
bool bench_line(struct bench_conn *c, char *line, size_t size);
bool bench_skip(struct bench_conn *c, uint64_t n);
/* Exactly so many bytes. */
bool bench_bytes(struct bench_conn *c, char *data, size_t n);

/* run(c) makes its connection, works until bench_next() is negative, and
 * returns how many errors there were. */
int bench_run(const struct bench_options *o, long (*run)(struct bench_conn *c,
	      const struct bench_options *o));

#endif
