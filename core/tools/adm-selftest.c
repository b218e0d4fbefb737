/* adm-selftest.c - culveradm selftest sandbox: every role of the running
 * server tries to escape, and must not. */
#include "adm-control.h"

#include "master/master.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ANSWER_MSECS = 15000, MAX_SERVICES = 128 };

struct stage {
	char *dir;		/* of the user who tries, and of another */
	struct selftest test;
	int listener;
	pid_t victim;
};

/* --- what there is to attack ------------------------------------------------- */

static int make_file(struct adm *adm, struct stage *stage,
		     struct cv_error *err)
{
	char *other = pool_printf(adm->pool, "%s/other", stage->dir);
	int fd;

	stage->test.foreign_mail = pool_printf(adm->pool, "%s/mail", other);
	/* readable for everybody: only the sandbox is in the way */
	if (mkdir(other, 0755) < 0)
		return FAIL_ERRNO(err, errno, "cannot make '%s'", other);
	fd = open(stage->test.foreign_mail, O_WRONLY | O_CREAT | O_EXCL |
		  O_CLOEXEC, 0666);
	if (fd < 0 || fchmod(fd, 0666) < 0)
		return FAIL_ERRNO(err, errno, "cannot make '%s'",
				  stage->test.foreign_mail);
	(void)close(fd);
	return CV_OK;
}

static int make_listener(struct stage *stage, struct cv_error *err)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	socklen_t len = sizeof(address);

	stage->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (stage->listener < 0 ||
	    bind(stage->listener, (struct sockaddr *)&address, len) < 0 ||
	    listen(stage->listener, 16) < 0 ||
	    getsockname(stage->listener, (struct sockaddr *)&address,
			&len) < 0)
		return FAIL_ERRNO(err, errno, "cannot listen");
	stage->test.port = ntohs(address.sin_port);
	return CV_OK;
}

/* Of an unprivileged user that many roles share. */
static void make_victim(struct stage *stage)
{
	stage->victim = fork();
	if (stage->victim == 0) {
		(void)signal(SIGUSR1, SIG_IGN);
		for (;;)
			(void)pause();
	}
	stage->test.pid = (uint32_t)stage->victim;
}

/* Where the server sees it, too: systemd gives it a /tmp of its own. */
static int make_folder(struct adm *adm, struct stage *stage,
		       struct cv_error *err)
{
	char *dir = pool_printf(adm->pool, "%s/culver-selftest-XXXXXX",
				geteuid() == 0 ? "/run" : "/tmp");

	if (mkdtemp(dir) == NULL)
		return FAIL_ERRNO(err, errno, "cannot make '%s'", dir);
	stage->dir = dir;
	if (chmod(dir, 0755) < 0)
		return FAIL_ERRNO(err, errno, "cannot open up '%s'", dir);
	return CV_OK;
}

static int make_stage(struct adm *adm, struct stage *stage,
		      const char *user, struct cv_error *err)
{
	const struct passwd *pw = user != NULL ? getpwnam(user) :
		getpwuid(geteuid());
	char *home;

	if (pw == NULL)
		return FAIL(err, CV_E_NOT_FOUND, "the system has no user '%s' "
			    "(-u wants one of its own, such as mail_uid)",
			    user != NULL ? user : "(self)");
	stage->test.user = "culver-selftest";
	stage->test.uid = pw->pw_uid;
	stage->test.gid = pw->pw_gid;
	if (make_folder(adm, stage, err) != CV_OK)
		return err->code;
	home = pool_printf(adm->pool, "%s/home", stage->dir);
	stage->test.home = home;
	if (mkdir(home, 0700) < 0 ||
	    (geteuid() == 0 && chown(home, pw->pw_uid, pw->pw_gid) < 0) ||
	    mkdir(pool_printf(adm->pool, "%s/Maildir", home), 0777) < 0)
		return FAIL_ERRNO(err, errno, "cannot make '%s'", home);
	if (geteuid() == 0 && chown(pool_printf(adm->pool, "%s/Maildir",
						home), pw->pw_uid,
				    pw->pw_gid) < 0)
		return FAIL_ERRNO(err, errno, "cannot make '%s'", home);
	if (make_file(adm, stage, err) != CV_OK)
		return err->code;
	make_victim(stage);
	return make_listener(stage, err);
}

static void clear_stage(struct stage *stage)
{
	pid_t pid;

	if (stage->victim > 0) {
		(void)kill(stage->victim, SIGKILL);
		(void)waitpid(stage->victim, NULL, 0);
	}
	if (stage->dir == NULL)
		return;
	pid = fork();
	if (pid == 0) {
		(void)execlp("rm", "rm", "-rf", "--", stage->dir,
			     (char *)NULL);
		_exit(127);
	}
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
}

/* --- one service -------------------------------------------------------------- */

static int send_order(struct adm *adm, const char *service,
		      const struct selftest *t, struct cv_error *err)
{
	struct ipc_writer w;
	struct ipc_reader r;
	int fd, status = adm_control_open(adm, &fd, err);

	if (status != CV_OK)
		return status;
	ipc_begin(&w, CONTROL_MSG_SELFTEST);
	ipc_put_str(&w, service);
	selftest_put(&w, t);
	status = ipc_send(fd, &w, err);
	if (status == CV_OK)
		status = ipc_receive_wait(fd, ANSWER_MSECS, &r, err);
	if (status == CV_EOF)
		status = FAIL(err, CV_E_TEMP, "the master gave no answer");
	if (status == CV_OK)
		status = adm_control_done(&r, NULL, err);
	(void)close(fd);
	return status;
}

/* A role that dies, or says nothing, has failed its test. */
static int read_rows(int fd, const char *service, struct adm_output *out,
		     bool *escaped_r, struct cv_error *err)
{
	struct ipc_reader r;

	for (;;) {
		const char *attempt, *detail;
		bool prevented;
		int status = ipc_receive_wait(fd, ANSWER_MSECS, &r, err);

		if (status == CV_EOF)
			return FAIL(err, CV_E_TEMP, "'%s' broke off its test",
				    service);
		if (status != CV_OK)
			return error_prefix(err, "%s", service);
		if (r.type == SELFTEST_MSG_END)
			return ipc_finish(&r, err);
		attempt = ipc_get_str(&r, 255);
		prevented = ipc_get_bool(&r);
		detail = ipc_get_str(&r, 255);
		adm_output_value(out, service);
		adm_output_value(out, attempt);
		adm_output_value(out, prevented ? "prevented" : "ESCAPED");
		adm_output_value(out, detail);
		if (!prevented)
			*escaped_r = true;
		status = ipc_finish(&r, err);
		if (status != CV_OK)
			return status;
	}
}

static int test_service(struct adm *adm, struct stage *stage,
			const char *service, struct adm_output *out,
			bool *escaped_r, struct cv_error *err)
{
	int fds[2], status = ipc_pair(fds, false, err);

	if (status != CV_OK)
		return status;
	stage->test.answer_fd = fds[1];
	status = send_order(adm, service, &stage->test, err);
	(void)close(fds[1]);
	if (status == CV_OK)
		status = read_rows(fds[0], service, out, escaped_r, err);
	(void)close(fds[0]);
	return status;
}

/* The names of all services, from the master's list of processes. */
static int list_services(struct adm *adm, const char **names,
			 uint32_t *count_r, struct cv_error *err)
{
	struct ipc_writer w;
	struct ipc_reader r;
	int fd, status = adm_control_open(adm, &fd, err);

	*count_r = 0;
	if (status != CV_OK)
		return status;
	ipc_begin(&w, CONTROL_MSG_STATUS);
	status = ipc_send(fd, &w, err);
	while (status == CV_OK &&
	       (status = ipc_receive_wait(fd, ANSWER_MSECS, &r, err)) ==
	       CV_OK && r.type == CONTROL_MSG_ROW) {
		const char *name = pool_strdup(adm->pool,
					       ipc_get_str(&r, 64));
		bool known = false;

		(void)ipc_get_u32(&r);
		(void)ipc_get_u32(&r);
		(void)ipc_get_u64(&r);
		status = ipc_finish(&r, err);
		for (uint32_t i = 0; i < *count_r; i++)
			known |= strcmp(names[i], name) == 0;
		if (!known && *count_r < MAX_SERVICES)
			names[(*count_r)++] = name;
	}
	if (status == CV_OK)
		status = adm_control_done(&r, NULL, err);
	(void)close(fd);
	return status;
}

static int test_all(struct adm *adm, struct stage *stage, const char *only,
		    bool *escaped_r, struct cv_error *err)
{
	static const char *const columns[] = {
		"service", "attempt", "result", "detail", NULL,
	};
	const char *names[MAX_SERVICES];
	struct adm_output *out;
	uint32_t count;
	int status = list_services(adm, names, &count, err);

	if (status != CV_OK)
		return status;
	out = adm_output_begin(adm, ADM_FORMAT_TABLE, columns);
	for (uint32_t i = 0; status == CV_OK && i < count; i++) {
		if (only == NULL || strcmp(only, names[i]) == 0)
			status = test_service(adm, stage, names[i], out,
					      escaped_r, err);
	}
	adm_output_end(&out, status != CV_OK);
	return status;
}

static int run_selftest(struct adm *adm, int argc, char **argv)
{
	struct stage stage = { .listener = -1 };
	struct cv_error err = ERROR_NONE;
	const char *user = NULL, *only = NULL;
	bool escaped = false;
	int status, option;

	while ((option = getopt(argc, argv, "u:s:")) != -1) {
		if (option == 'u')
			user = optarg;
		else if (option == 's')
			only = optarg;
		else
			return adm_usage(&adm_selftest_verb, "unknown option");
	}
	if (optind != argc - 1 || strcmp(argv[optind], "sandbox") != 0)
		return adm_usage(&adm_selftest_verb, "the word 'sandbox' is "
				 "needed");
	if (geteuid() == 0 && user == NULL)
		return adm_usage(&adm_selftest_verb, "root must name a "
				 "system user with -u, such as mail_uid");
	status = make_stage(adm, &stage, user, &err);
	if (status == CV_OK)
		status = test_all(adm, &stage, only, &escaped, &err);
	clear_stage(&stage);
	if (status != CV_OK)
		return adm_fail(&err);
	return escaped ? ADM_FAILED : ADM_OK;
}

const struct adm_verb adm_selftest_verb = {
	.name = "selftest", .args = "[-u USER] [-s SERVICE] sandbox",
	.help = "let every process try to break out of its sandbox\n"
		"-u  the system user who plays a mail user\n"
		"-s  only the processes of this service",
	.run = run_selftest,
};
