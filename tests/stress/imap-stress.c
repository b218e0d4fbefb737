/* imap-stress.c - many connections do anything for a while; every answer is
 * held against what is known.
 *
 *	imap-stress --port N [--host ADDR] [--connections N] [--users N]
 *		[--user-format u%d] [--password P] [--seconds N] [--seed N]
 *		[--checkpoint SECS] [--foreign MAILDIR] [--no-recent]
 *
 * Exit status 1, and what differs with that connection's last lines: the
 * server, or this program, is wrong. */
#include "stress.h"

#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct stress_options stress;
atomic_bool stress_failed;

static pthread_mutex_t print_lock = PTHREAD_MUTEX_INITIALIZER;
static struct client *clients;
static double started;

uint64_t stress_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

double stress_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void client_note(struct client *c, char direction, const char *text,
		 size_t len)
{
	char *line = c->history[c->history_next++ % HISTORY];
	size_t n = len < HISTORY_LINE - 12 ? len : HISTORY_LINE - 12;

	line[0] = direction;
	(void)snprintf(line + 1, 10, "%8.3f", stress_now() - started);
	line[9] = ' ';
	memcpy(line + 10, text, n);
	line[10 + n] = '\0';
	for (char *p = line; *p != '\0'; p++)
		*p = *p == '\r' || *p == '\n' ? '|' : *p;
}

void client_fail(struct client *c, const char *fmt, ...)
{
	va_list args;

	pthread_mutex_lock(&print_lock);
	if (!atomic_exchange(&stress_failed, true)) {
		printf("connection %d, seed %llu, %s%s, %u messages: ",
		       c->index, (unsigned long long)stress.seed,
		       c->box != NULL ? c->box->name : "-",
		       c->readonly ? " (read-only)" : "", c->count);
		va_start(args, fmt);
		vprintf(fmt, args);
		va_end(args);
		printf("\n");
		for (unsigned int i = 0; i < HISTORY; i++) {
			const char *line = c->history[(c->history_next + i) %
						      HISTORY];

			if (*line != '\0')
				printf("  %s\n", line);
		}
		fflush(stdout);
	}
	pthread_mutex_unlock(&print_lock);
}

/* --- checkpoints --------------------------------------------------------- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int members, waiting;
	unsigned int round;
} barrier = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0 };

static atomic_uint late, checkpoints;

/* All are here.  False: the run has failed. */
static bool meet(void)
{
	unsigned int round;

	pthread_mutex_lock(&barrier.lock);
	round = barrier.round;
	if (++barrier.waiting == barrier.members) {
		barrier.waiting = 0;
		barrier.round++;
		pthread_cond_broadcast(&barrier.changed);
	}
	while (barrier.round == round && !atomic_load(&stress_failed)) {
		struct timespec until;

		(void)clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec++;
		(void)pthread_cond_timedwait(&barrier.changed, &barrier.lock,
					     &until);
	}
	pthread_mutex_unlock(&barrier.lock);
	return !atomic_load(&stress_failed);
}

/* The view is told of all; then it is asked for, and must be the same. */
static bool look(struct client *c)
{
	static _Thread_local struct message *told;
	static _Thread_local uint32_t room;
	uint32_t count;

	if (!client_command(c, KIND_OTHER, "NOOP"))
		return client_mailbox_gone(c) && client_login(c);
	if (c->box == NULL || c->count == 0)
		return true;
	if (room < c->count) {
		room = c->count * 2;
		told = realloc(told, room * sizeof(*told));
		if (told == NULL)
			abort();
	}
	count = c->count;
	memcpy(told, c->messages, count * sizeof(*told));
	if (!client_command(c, KIND_FETCH, "FETCH 1:* (UID FLAGS)"))
		return client_mailbox_gone(c) && client_login(c);
	for (uint32_t i = 0; i < count && !client_mailbox_gone(c); i++) {
		uint32_t other = told[i].flags ^ c->messages[i].flags;

		if (c->messages[i].doubt != 0)
			client_fail(c, "UID %u: item %d has changed",
				    c->messages[i].uid,
				    c->messages[i].doubt - 1);
		if (told[i].flags_known && stress.foreign == NULL && (other & ~FLAG_RECENT) != 0)
			client_fail(c, "UID %u: flags %x were told, %x they "
				    "are", c->messages[i].uid, told[i].flags,
				    c->messages[i].flags);
	}
	return !atomic_load(&stress_failed);
}

static const char *differs(const struct client *a, const struct client *b,
			   uint32_t *uid)
{
	uint32_t i;

	for (i = 0; i < a->count && i < b->count; i++) {
		*uid = a->messages[i].uid;
		if (a->messages[i].uid != b->messages[i].uid)
			return "another UID";
		if (((a->messages[i].flags ^ b->messages[i].flags) &
		     ~FLAG_RECENT) != 0)
			return "other flags";
	}
	*uid = i < a->count ? a->messages[i].uid : 0;
	return a->count != b->count ? "another count" : NULL;
}

/* The next client that has the same selected. */
static const struct client *peer(const struct client *c)
{
	for (int i = c->index + 1; i < stress.server.connections; i++) {
		if (clients[i].box == c->box &&
		    !client_mailbox_gone(&clients[i]))
			return &clients[i];
	}
	return NULL;
}

static bool checkpoint(struct client *c)
{
	static atomic_uint wrong[8];
	enum { TRIES = 5 };

	for (unsigned int try = 0; try < TRIES; try++) {
		const struct client *other;
		const char *what = NULL;
		uint32_t uid = 0;

		if (c->index == 0)
			atomic_store(&wrong[try], 0);
		if (!meet())
			return false;
		/* a connection that was cut may still work in the server */
		usleep(try == 0 ? 200000 : 1000000);
		if (!look(c) || !meet())
			return false;
		other = c->box == NULL || client_mailbox_gone(c) ? NULL :
			peer(c);
		if (other != NULL)
			what = differs(c, other, &uid);
		if (what != NULL) {
			atomic_fetch_add(&wrong[try], 1);
			if (try == TRIES - 1)
				client_fail(c, "connection %d sees %s at UID "
					    "%u", other->index, what, uid);
		}
		if (!meet())
			return false;
		if (atomic_load(&wrong[try]) == 0)
			break;
		if (c->index == 0)
			atomic_fetch_add(&late, 1);
	}
	if (c->index == 0)
		atomic_fetch_add(&checkpoints, 1);
	if (c->box != NULL && c->name < NAME_VOLATILE) {
		uint32_t uid = facts_missing(c);

		if (uid != 0)
			client_fail(c, "UID %u is lost", uid);
	}
	return meet();
}

static void *client_run(void *data)
{
	struct client *c = data;
	double next = started + stress.checkpoint;
	bool up;

	up = client_login(c) && client_command(c, KIND_OTHER, "CREATE work") &&
		client_command(c, KIND_OTHER, "CREATE ren0");
	while (up && !atomic_load(&stress_failed)) {
		if (stress_now() >= next) {
			if (!checkpoint(c) ||
			    next >= started + stress.seconds)
				break;
			next += stress.checkpoint;
			continue;
		}
		/* ended by a DELETE elsewhere: that was looked at */
		if (!client_step(c) && !atomic_load(&stress_failed))
			up = client_login(c);
	}
	if (!atomic_load(&stress_failed))
		(void)client_command(c, KIND_LOGOUT, "LOGOUT");
	bench_close(&c->conn);
	return NULL;
}

/* --- other programs in the Maildir --------------------------------------- */

static unsigned long foreign_changes;

static bool foreign_deliver(uint64_t *random)
{
	static unsigned int number;
	char from[300], to[300];
	FILE *f;

	(void)snprintf(from, sizeof(from), "%s/tmp/1.foreign%u",
		       stress.foreign, ++number);
	(void)snprintf(to, sizeof(to), "%s/%s/1.foreign%u_%u%s",
		       stress.foreign, number % 3 == 0 ? "cur" : "new", number,
		       (unsigned int)getpid(), number % 3 == 0 ? ":2,S" : "");
	f = fopen(from, "w");
	if (f == NULL)
		return false;
	(void)fprintf(f, "From: x@example.org\nSubject: foreign %u\n\n%llx\n",
		      number, (unsigned long long)stress_random(random));
	if (geteuid() == 0) {
		struct stat st;

		if (stat(stress.foreign, &st) == 0 &&
		    fchown(fileno(f), st.st_uid, st.st_gid) != 0)
			perror("fchown");
	}
	return fclose(f) == 0 && rename(from, to) == 0;
}

/* A flag more or less in the name of a file, or a file of ours removed. */
static bool foreign_change(uint64_t *random, const char *folder)
{
	char path[300], from[600], to[620], name[256] = "";
	struct dirent *e;
	unsigned int seen = 0;
	char *flags, *at, letter = "SRFD"[stress_random(random) % 4];
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/%s", stress.foreign, folder);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] != '.' &&
		    stress_random(random) % ++seen == 0)
			(void)snprintf(name, sizeof(name), "%s", e->d_name);
	}
	if (d != NULL)
		(void)closedir(d);
	if (*name == '\0')
		return false;
	(void)snprintf(from, sizeof(from), "%s/%s", path, name);
	if (strncmp(name, "1.foreign", 9) == 0 &&
	    stress_random(random) % 3 == 0)
		return unlink(from) == 0;
	flags = strstr(name, ":2,");
	if (flags == NULL)
		return false;
	at = flags + 3;
	while (*at != '\0' && *at < letter)
		at++;
	if (*at == letter)
		memmove(at, at + 1, strlen(at));
	else if (strlen(name) + 2 < sizeof(name)) {
		memmove(at + 1, at, strlen(at) + 1);
		*at = letter;
	}
	(void)snprintf(to, sizeof(to), "%s/%s", path, name);
	return rename(from, to) == 0;
}

static void *foreign_run(void *data)
{
	uint64_t random = stress.seed;

	(void)data;
	while (!atomic_load(&stress_failed)) {
		/* at rest from a little before a checkpoint to its end */
		double at = stress_now() - started;
		double left = stress.checkpoint * (1 + (double)
			atomic_load(&checkpoints)) - at;

		if (at >= stress.seconds - 0.3)
			break;
		usleep(10000 + (useconds_t)(stress_random(&random) % 40000));
		if (left < 0.3)
			continue;
		if (stress_random(&random) % 4 == 0)
			foreign_changes += foreign_deliver(&random);
		else
			foreign_changes += foreign_change(&random, "cur");
	}
	return NULL;
}

/* --- main ---------------------------------------------------------------- */

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "host", 1, NULL, 'h' }, { "port", 1, NULL, 'p' },
		{ "connections", 1, NULL, 'c' }, { "users", 1, NULL, 'u' },
		{ "user-format", 1, NULL, 'f' }, { "password", 1, NULL, 'w' },
		{ "seconds", 1, NULL, 't' }, { "seed", 1, NULL, 's' },
		{ "checkpoint", 1, NULL, 'k' }, { "foreign", 1, NULL, 'd' },
		{ "no-recent", 0, NULL, 'r' }, { NULL, 0, NULL, 0 },
	};
	struct bench_options *o = &stress.server;
	int c;

	stress = (struct stress_options){ .seed = (uint64_t)time(NULL),
		.seconds = 60, .checkpoint = 5, .recent = true };
	*o = (struct bench_options){ .host = "127.0.0.1", .connections = 50,
		.users = 1, .user_format = "u%d", .password = "secret" };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'h': o->host = optarg; break;
		case 'p': o->port = atoi(optarg); break;
		case 'c': o->connections = atoi(optarg); break;
		case 'u': o->users = atoi(optarg); break;
		case 'f': o->user_format = optarg; break;
		case 'w': o->password = optarg; break;
		case 't': stress.seconds = atof(optarg); break;
		case 's': stress.seed = strtoull(optarg, NULL, 10); break;
		case 'k': stress.checkpoint = atof(optarg); break;
		case 'd': stress.foreign = optarg; break;
		case 'r': stress.recent = false; break;
		default: o->port = 0;
		}
	}
	if (optind != argc || o->port <= 0 || o->connections <= 0 ||
	    o->users <= 0 || stress.seconds <= 0 || stress.checkpoint <= 0) {
		fprintf(stderr, "usage: imap-stress --port N; see the top of "
			"imap-stress.c\n");
		exit(64);
	}
}

int main(int argc, char **argv)
{
	pthread_t foreign;
	int n;

	parse(argc, argv);
	(void)signal(SIGPIPE, SIG_IGN);
	n = stress.server.connections;
	clients = calloc((size_t)n, sizeof(*clients));
	if (clients == NULL)
		return 2;
	barrier.members = n;
	started = stress_now();
	for (int i = 0; i < n; i++) {
		clients[i].conn.fd = -1;
		clients[i].index = i;
		clients[i].account = i % stress.server.users;
		clients[i].random = stress.seed * 1000003 + (uint64_t)i;
	}
	for (int i = 0; i < n; i++) {
		if (pthread_create(&clients[i].thread, NULL, client_run,
				   &clients[i]) != 0)
			return 2;
	}
	if (stress.foreign != NULL &&
	    pthread_create(&foreign, NULL, foreign_run, NULL) != 0)
		return 2;
	for (int i = 0; i < n; i++)
		(void)pthread_join(clients[i].thread, NULL);
	if (stress.foreign != NULL)
		(void)pthread_join(foreign, NULL);
	printf("seed=%llu seconds=%.1f commands=%lu refused=%lu cuts=%lu "
	       "checkpoints=%u late=%u foreign=%lu %s\n",
	       (unsigned long long)stress.seed, stress_now() - started,
	       atomic_load(&stress_commands), atomic_load(&stress_refused),
	       atomic_load(&stress_cuts), atomic_load(&checkpoints),
	       atomic_load(&late), foreign_changes,
	       atomic_load(&stress_failed) ? "FAILED" : "ok");
	return atomic_load(&stress_failed) ? 1 : 0;
}
