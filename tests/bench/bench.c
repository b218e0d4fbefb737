/* bench.c - see bench.h. */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_WAIT_SECS = 120 };

static atomic_long next_op;
static long all_ops;
static pthread_barrier_t ready;

struct worker {
	pthread_t thread;
	struct bench_conn conn;
	const struct bench_options *options;
	long (*run)(struct bench_conn *c, const struct bench_options *o);
	long errors;
};

static void usage(const char *program, const char *modes)
{
	fprintf(stderr, "usage: %s --port N [--host ADDR] [--mode %s]\n"
		"    [--connections N] [--users N] [--user-format u%%d]\n"
		"    [--password P] [--ops N] [--bytes N]\n", program, modes);
	exit(64);
}

void bench_parse(int argc, char *argv[], struct bench_options *o,
		 const char *modes)
{
	static const struct option options[] = {
		{ "host", 1, NULL, 'h' }, { "port", 1, NULL, 'p' },
		{ "connections", 1, NULL, 'c' }, { "users", 1, NULL, 'u' },
		{ "user-format", 1, NULL, 'f' }, { "password", 1, NULL, 'w' },
		{ "ops", 1, NULL, 'n' }, { "mode", 1, NULL, 'm' },
		{ "bytes", 1, NULL, 'b' }, { NULL, 0, NULL, 0 },
	};
	int c;

	*o = (struct bench_options){ .host = "127.0.0.1", .connections = 1,
		.users = 1, .ops = 100, .user_format = "u%d",
		.password = "secret", .mode = "", .bytes = 4096 };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'h': o->host = optarg; break;
		case 'p': o->port = atoi(optarg); break;
		case 'c': o->connections = atoi(optarg); break;
		case 'u': o->users = atoi(optarg); break;
		case 'f': o->user_format = optarg; break;
		case 'w': o->password = optarg; break;
		case 'n': o->ops = atol(optarg); break;
		case 'm': o->mode = optarg; break;
		case 'b': o->bytes = (size_t)atol(optarg); break;
		default: usage(argv[0], modes);
		}
	}
	if (optind != argc || o->port <= 0 || o->connections <= 0 ||
	    o->users <= 0 || o->ops <= 0)
		usage(argv[0], modes);
	all_ops = o->ops;
}

long bench_next(void)
{
	long n = atomic_fetch_add(&next_op, 1);

	return n < all_ops ? n : -1;
}

void bench_user(const struct bench_options *o, long n, char *buf, size_t size)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(buf, size, o->user_format, (int)(n % o->users));
#pragma GCC diagnostic pop
}

bool bench_connect(struct bench_conn *c, const struct bench_options *o)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)o->port) };
	struct timeval wait = { .tv_sec = ANSWER_WAIT_SECS };
	int on = 1;

	c->at = c->len = 0;
	if (inet_pton(AF_INET, o->host, &addr.sin_addr) != 1)
		return false;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		bench_close(c);
		return false;
	}
	return true;
}

void bench_close(struct bench_conn *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
}

bool bench_send(struct bench_conn *c, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

bool bench_sendf(struct bench_conn *c, const char *fmt, ...)
{
	char buf[4096];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, args);
	va_end(args);
	return n > 0 && (size_t)n < sizeof(buf) &&
		bench_send(c, buf, (size_t)n);
}

static bool fill(struct bench_conn *c)
{
	ssize_t n;

	do {
		n = recv(c->fd, c->in, sizeof(c->in), 0);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	c->at = 0;
	c->len = (size_t)n;
	c->bytes += (uint64_t)n;
	return true;
}

bool bench_line(struct bench_conn *c, char *line, size_t size)
{
	size_t used = 0;

	for (;;) {
		const char *lf;
		size_t n;

		if (c->at == c->len && !fill(c))
			return false;
		lf = memchr(c->in + c->at, '\n', c->len - c->at);
		n = (lf == NULL ? c->len : (size_t)(lf - c->in)) - c->at;
		/* of a longer line the end is kept: "{123}" stands there */
		if (n >= size - 1) {
			memcpy(line, c->in + c->at + n - (size - 1), size - 1);
			used = size - 1;
		} else {
			if (used + n > size - 1) {
				size_t drop = used + n - (size - 1);

				memmove(line, line + drop, used - drop);
				used -= drop;
			}
			memcpy(line + used, c->in + c->at, n);
			used += n;
		}
		c->at = lf == NULL ? c->len : (size_t)(lf - c->in) + 1;
		if (lf == NULL)
			continue;
		if (used > 0 && line[used - 1] == '\r')
			used--;
		line[used] = '\0';
		return true;
	}
}

bool bench_skip(struct bench_conn *c, uint64_t n)
{
	while (n > 0) {
		size_t have = c->len - c->at;

		if (have == 0) {
			if (!fill(c))
				return false;
			continue;
		}
		if (have > n)
			have = (size_t)n;
		c->at += have;
		n -= have;
	}
	return true;
}

bool bench_bytes(struct bench_conn *c, char *data, size_t n)
{
	while (n > 0) {
		size_t have = c->len - c->at;

		if (have == 0) {
			if (!fill(c))
				return false;
			continue;
		}
		if (have > n)
			have = n;
		memcpy(data, c->in + c->at, have);
		c->at += have;
		data += have;
		n -= have;
	}
	return true;
}

static void *work(void *data)
{
	struct worker *w = data;

	w->conn.fd = -1;
	(void)pthread_barrier_wait(&ready);
	w->errors = w->run(&w->conn, w->options);
	bench_close(&w->conn);
	return NULL;
}

static double now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int bench_run(const struct bench_options *o, long (*run)(struct bench_conn *c,
	      const struct bench_options *o))
{
	struct worker *workers =
		calloc((size_t)o->connections, sizeof(*workers));
	long errors = 0;
	uint64_t bytes = 0;
	double begin;

	if (workers == NULL ||
	    pthread_barrier_init(&ready, NULL,
				 (unsigned int)o->connections + 1) != 0)
		return 1;
	for (int i = 0; i < o->connections; i++) {
		workers[i].options = o;
		workers[i].run = run;
		workers[i].conn.index = i;
		if (pthread_create(&workers[i].thread, NULL, work,
				   &workers[i]) != 0)
			return 1;
	}
	(void)pthread_barrier_wait(&ready);
	begin = now();
	for (int i = 0; i < o->connections; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		errors += workers[i].errors;
		bytes += workers[i].conn.bytes;
	}
	printf("ops=%ld errors=%ld secs=%.6f bytes=%llu\n", o->ops, errors,
	       now() - begin, (unsigned long long)bytes);
	free(workers);
	return errors == 0 ? 0 : 1;
}
