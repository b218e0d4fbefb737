/* session-alone.c - see session-alone.h.
 *
 * Trusts who runs it: it is that user's own program on that user's own mail,
 * and the kernel's rights are all that it has.  So nothing confines it, there
 * is nothing to log in to, and what other processes do for a session (mail of
 * other users, sleep, limits of connections) is not there. */
#include "session-alone.h"
#include "session-private.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { EXIT_USAGE = 64, RELAY_BYTES = 16384 };

/* --- standard input and output as one socket ------------------------------------- */

struct direction { int from, to; bool ended; };

/* All of what can be read now; false: this direction is over. */
static bool pass(struct direction *d)
{
	char buffer[RELAY_BYTES];
	ssize_t n = read(d->from, buffer, sizeof(buffer)), at = 0;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	while (at < n) {
		ssize_t sent = write(d->to, buffer + at, (size_t)(n - at));

		if (sent < 0 && errno != EINTR)
			return false;
		at += sent > 0 ? sent : 0;
	}
	return n > 0;
}

/* Until the session has nothing more to say. */
static void relay(int session)
{
	struct direction up = { STDIN_FILENO, session, false };
	struct direction down = { session, STDOUT_FILENO, false };

	while (!down.ended) {
		struct pollfd fds[2] = {
			{ up.ended ? -1 : up.from, POLLIN, 0 },
			{ down.from, POLLIN, 0 },
		};

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		if (fds[1].revents != 0)
			down.ended = !pass(&down);
		if (fds[0].revents != 0 && !pass(&up)) {
			up.ended = true;
			(void)shutdown(session, SHUT_WR);
		}
	}
}

static bool is_one_socket(void)
{
	struct stat in, out;

	return fstat(STDIN_FILENO, &in) == 0 &&
		fstat(STDOUT_FILENO, &out) == 0 && S_ISSOCK(in.st_mode) &&
		in.st_dev == out.st_dev && in.st_ino == out.st_ino;
}

/* For pipes and terminals a process stays between; the caller goes on in the
 * other one. */
static int take_transport(void)
{
	int fds[2], status = 0;
	pid_t pid;

	if (is_one_socket())
		return dup(STDIN_FILENO);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0 ||
	    (pid = fork()) < 0)
		return -1;
	if (pid == 0) {
		(void)close(fds[0]);
		return fds[1];
	}
	(void)close(fds[1]);
	(void)signal(SIGPIPE, SIG_IGN);
	relay(fds[0]);
	(void)close(fds[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

/* --- who and with what ------------------------------------------------------------- */

static void find_user(struct user_info *info)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *home = getenv("HOME");

	*info = (struct user_info){
		.name = pw != NULL ? pw->pw_name : "", .login_name = "",
		.master_name = "", .uid = getuid(), .gid = getgid(),
		.chroot = "", .mail = "",
	};
	if (*info->name == '\0' && getenv("USER") != NULL)
		info->name = getenv("USER");
	if (home == NULL || *home != '/')
		home = pw != NULL ? pw->pw_dir : "";
	info->home = home;
}

static int prepare(struct session_zygote *zygote, const char *config,
		   struct cv_error *err)
{
	struct settings_read_options options = {
		.accept_unknown = true, .tolerate_denied = true,
	};
	struct service *s = zygote->service;
	struct settings_scope scope = { .protocol = zygote->name };
	static char machine[256];
	struct settings_tree *tree;
	int status;

	settings_register_core();
	settings_register(&module_settings_table);
	status = settings_read(config, &options, &tree, err);
	if (status < 0)
		return status;
	s->settings = tree;
	status = settings_get(tree, &general_settings_table, &scope, s->pool,
			      &s->private->general, err);
	s->private->go.hostname = s->private->general.hostname;
	if (status == CV_OK && *s->private->go.hostname == '\0' &&
	    gethostname(machine, sizeof(machine) - 1) == 0)
		s->private->go.hostname = machine;
	if (status == CV_OK)
		status = session_zygote_load(zygote, err);
	if (status == CV_OK && zygote->without_user)
		status = FAIL(err, CV_E_CONFIG, "the protocol '%s' has no "
			      "users", zygote->name);
	return status;
}

static int usage(const char *name)
{
	(void)fprintf(stderr, "usage: %s [-c FILE]\n"
		      "Speaks the protocol on standard input and output, for "
		      "the mail of who runs it:\nssh HOST %s\n", name, name);
	return EXIT_USAGE;
}

int session_alone_run(const char *protocol, int argc, char **argv)
{
	static struct service_private private;
	struct cv_pool *pool = pool_create("alone");
	static struct service service;
	static struct session_zygote zygote;
	const char *config = CULVER_SYSCONFDIR "/culver.conf";
	struct cv_error err = ERROR_NONE;
	struct user_info info;
	int letter, fd;

	while ((letter = getopt(argc, argv, "c:")) != -1) {
		if (letter != 'c')
			return usage(argv[0]);
		config = optarg;
	}
	if (optind < argc)
		return usage(argv[0]);
	if (geteuid() == 0 || getuid() != geteuid()) {
		(void)fprintf(stderr, "%s: run it as the user whose mail it "
			      "is, not as root\n", argv[0]);
		return EXIT_USAGE;
	}
	(void)umask(0077);
	find_user(&info);
	service = (struct service){
		.name = protocol, .pool = pool, .private = &private,
	};
	zygote = (struct session_zygote){
		.service = &service, .name = protocol,
	};
	log_set_level(NULL, LOG_LEVEL_WARNING);
	if (prepare(&zygote, config, &err) != CV_OK) {
		(void)fprintf(stderr, "%s: %s\n", argv[0], err.text);
		return EXIT_FAILURE;
	}
	fd = take_transport();
	if (fd < 0) {
		(void)fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
		return EXIT_FAILURE;
	}
	session_child_alone(&zygote, &info, fd);
}
