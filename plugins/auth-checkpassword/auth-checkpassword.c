/* auth-checkpassword.c - a program of the admin's says who may log in, by the
 * protocol of checkpassword; passdb and userdb.
 *
 *	passdb { driver = checkpassword  args = /usr/bin/checkpassword }
 *	userdb { driver = prefetch }
 *
 * The program reads "user NUL password NUL time NUL" from descriptor 3.  When
 * the password is right it sets USER, HOME and what EXTRA names in its
 * environment and runs the program that its arguments end with,
 * checkpassword-reply, which writes them to descriptor 4.  Waits for it, so
 * this runs in auth-worker. */
#include "cv-plugin.h"
#include "cv-auth.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	REQUEST_MAX = 512,		/* what the protocol has room for */
	REPLY_MAX = 8192, WORDS_MAX = 64,
	WAIT_MSECS = 45000,		/* auth waits a minute for us */
	FD_REQUEST = 3, FD_REPLY = 4,
};

struct program { const char *argv[WORDS_MAX + 2]; };

/* One run of it. */
struct run {
	pid_t pid;
	int request, reply;		/* our ends */
	struct cv_text text;		/* what it said */
	int status;			/* as of waitpid */
	uint64_t end;			/* when its time is over */
	bool late, too_long;
};

static const struct cv_auth_api *auth_api;

/* --- the child ----------------------------------------------------------------- */

static void add(const char **env, uint32_t *count, struct cv_pool *pool,
		const char *name, const char *value)
{
	struct cv_text text;

	if (value[0] == '\0')
		return;
	cv_text_init(&text, pool);
	cv_text_append_f(&text, "%s=%s", name, value);
	env[(*count)++] = cv_text_str(&text);
}

static const char *number(struct cv_pool *pool, uint64_t value)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	if (value > 0)
		cv_text_append_u64(&text, value);
	return cv_text_str(&text);
}

/* Nothing of our own environment, and what Dovecot's has. */
static const char **environment(const struct cv_auth_input *in, bool lookup)
{
	const char **env = CV_ALLOC_ARRAY(in->pool, const char *, 24);
	const char *at = strchr(in->user, '@');
	uint32_t n = 0;

	add(env, &n, in->pool, "PATH", "/usr/local/bin:/usr/bin:/bin");
	env[n++] = "PROTO=TCP";
	add(env, &n, in->pool, "ORIG_UID", getuid() == 0 ? "0" :
	    number(in->pool, getuid()));
	add(env, &n, in->pool, "SERVICE", in->service);
	add(env, &n, in->pool, "TCPLOCALIP", in->local_ip);
	add(env, &n, in->pool, "LOCAL_IP", in->local_ip);
	add(env, &n, in->pool, "TCPREMOTEIP", in->remote_ip);
	add(env, &n, in->pool, "REMOTE_IP", in->remote_ip);
	add(env, &n, in->pool, "TCPLOCALPORT",
	    number(in->pool, in->local_port));
	add(env, &n, in->pool, "TCPREMOTEPORT",
	    number(in->pool, in->remote_port));
	add(env, &n, in->pool, "MASTER_USER", in->master_user);
	add(env, &n, in->pool, "AUTH_USER", in->user);
	add(env, &n, in->pool, "AUTH_USERNAME", cv_span_copy(in->pool,
	    cv_span(in->user, at == NULL ? strlen(in->user) :
		    (size_t)(at - in->user))));
	add(env, &n, in->pool, "AUTH_DOMAIN", at == NULL ? "" : at + 1);
	if (lookup)
		env[n++] = "AUTHORIZED=1";
	return env;
}

/* Only what may be called between fork and exec. */
__attribute__((noreturn))
static void become(const struct program *program, const char **env,
		   int request, int reply)
{
	/* beyond 3 and 4 first, so that neither covers the other */
	int in = fcntl(request, F_DUPFD, 10), out = fcntl(reply, F_DUPFD, 10);

	(void)setpgid(0, 0);
	(void)signal(SIGPIPE, SIG_DFL);
	if (in >= 0 && out >= 0 && dup2(in, FD_REQUEST) == FD_REQUEST &&
	    dup2(out, FD_REPLY) == FD_REPLY &&
	    close_range(FD_REPLY + 1, ~0u, 0) == 0)
		(void)execve(program->argv[0],
			     (char *const *)(uintptr_t)program->argv,
			     (char *const *)(uintptr_t)env);
	_exit(111);
}

/* --- the parent ------------------------------------------------------------------ */

static int start(const struct program *program, const char **env,
		 struct run *run, struct cv_error *err)
{
	int request[2], reply[2];

	if (pipe2(request, O_CLOEXEC) < 0)
		return CV_FAIL(err, CV_E_TEMP, "pipe: %s", strerror(errno));
	if (pipe2(reply, O_CLOEXEC) < 0) {
		(void)close(request[0]);
		(void)close(request[1]);
		return CV_FAIL(err, CV_E_TEMP, "pipe: %s", strerror(errno));
	}
	run->pid = fork();
	if (run->pid == 0)
		become(program, env, request[0], reply[1]);
	(void)close(request[0]);
	(void)close(reply[1]);
	run->request = request[1];
	run->reply = reply[0];
	return run->pid > 0 ? CV_OK :
		CV_FAIL(err, CV_E_TEMP, "fork: %s", strerror(errno));
}

/* Reads until the program and all it has started have closed descriptor 4, or
 * the time is over. */
static void read_reply(struct run *run)
{
	char data[1024];
	ssize_t got = 1;

	while (got > 0) {
		struct pollfd fd = { .fd = run->reply, .events = POLLIN };
		uint64_t now = cv_api->monotonic_msecs();
		int ready = now >= run->end ? 0 :
			poll(&fd, 1, (int)(run->end - now));

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0) {
			run->late = true;
			return;
		}
		got = read(run->reply, data, sizeof(data));
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			cv_text_append(&run->text, data, (size_t)got);
		run->too_long = run->text.len > REPLY_MAX;
		if (run->too_long)
			return;
	}
}

/* It may have closed the descriptor and go on for ever. */
static void end_run(struct run *run)
{
	uint64_t end = run->too_long ? 0 : run->end;
	pid_t got = 0;

	(void)close(run->reply);
	while ((got = waitpid(run->pid, &run->status, WNOHANG)) == 0 &&
	       cv_api->monotonic_msecs() < end)
		(void)poll(NULL, 0, 5);
	if (got == 0) {
		run->late = true;
		(void)kill(-run->pid, SIGKILL);
		(void)kill(run->pid, SIGKILL);
		while (waitpid(run->pid, &run->status, 0) < 0 &&
		       errno == EINTR)
			;
	}
}

/* The result of exit codes; done is that of success. */
static int judge(const struct program *program, const struct run *run,
		 int done, struct cv_error *err)
{
	int code = WIFEXITED(run->status) ? WEXITSTATUS(run->status) : -1;

	if (run->too_long)
		return CV_FAIL(err, CV_E_TEMP, "'%s' has answered more than "
			       "%d bytes", program->argv[0], REPLY_MAX);
	if (run->late)
		return CV_FAIL(err, CV_E_TEMP, "'%s' was not done after %d "
			       "seconds and has been killed",
			       program->argv[0], WAIT_MSECS / 1000);
	if (code == done)
		return CV_AUTH_OK;
	if (code == 1 && done == 0)
		return CV_AUTH_MISMATCH;
	if (code == 3)
		return CV_AUTH_UNKNOWN_USER;
	if (code == 0 && done == 2)
		return CV_FAIL(err, CV_E_CONFIG, "'%s' is for passwords "
			       "alone: a userdb needs one that sees "
			       "AUTHORIZED=1 and sets it to 2 (hint: userdb { "
			       "driver = prefetch })", program->argv[0]);
	if (code == -1)
		return CV_FAIL(err, CV_E_TEMP, "'%s' was ended by signal %d",
			       program->argv[0], WTERMSIG(run->status));
	return CV_FAIL(err, CV_E_TEMP, "'%s' has ended with status %d%s",
		       program->argv[0], code, code != 111 ? "" :
		       " (hint: it failed, or cannot be run: this process is "
		       "confined to /bin, /etc, /lib, /usr, /var/lib and the "
		       "program's own folder)");
}

/* user NUL password NUL time NUL */
static bool make_request(const struct cv_auth_input *in,
			 struct cv_span password, struct cv_text *text)
{
	cv_text_init(text, in->pool);
	cv_text_append_str(text, in->user);
	cv_text_append_c(text, '\0');
	cv_text_append_span(text, password);
	cv_text_append_c(text, '\0');
	cv_text_append_u64(text, (uint64_t)time(NULL));
	cv_text_append_c(text, '\0');
	return text->len <= REQUEST_MAX;
}

static int call(const struct program *program, const struct cv_auth_input *in,
		const struct cv_text *request, bool lookup, struct run *run,
		struct cv_error *err)
{
	int ret;

	cv_text_init(&run->text, in->pool);
	run->end = cv_api->monotonic_msecs() + WAIT_MSECS;
	ret = start(program, environment(in, lookup), run, err);
	if (ret != CV_OK) {
		(void)close(run->request);
		(void)close(run->reply);
		return ret;
	}
	/* a pipe takes it at once; a program that does not read it will say
	 * so by its status */
	(void)!write(run->request, request->data, request->len);
	(void)close(run->request);
	read_reply(run);
	end_run(run);
	return judge(program, run, lookup ? 2 : 0, err);
}

/* "name=value TAB ..." in the reply; prefix is what is taken off. */
static int take_fields(struct run *run, struct cv_span prefix,
		       struct cv_auth_reply *reply, struct cv_error *err)
{
	struct cv_span rest = cv_text_span(&run->text), pair, name;

	while (cv_span_split(&rest, '\t', &pair)) {
		if (pair.len == 0)
			continue;
		(void)cv_span_split(&pair, '=', &name);
		if (cv_span_begins(name, prefix))
			name = cv_span_skip(name, prefix.len);
		if (!auth_api->set(reply, name, pair.data == NULL ?
				   CV_SPAN("yes") : pair))
			return CV_FAIL(err, CV_E_CONFIG, "the program has "
				       "answered a field that is not "
				       "acceptable");
	}
	return CV_OK;
}

static int checkpassword_verify(void *data, const struct cv_auth_input *in,
				struct cv_span password,
				struct cv_auth_reply *reply,
				struct cv_error *err)
{
	struct run run = { .request = -1, .reply = -1 };
	struct cv_text request;
	int ret;

	/* nobody can have a name or password that does not fit */
	if (!make_request(in, password, &request) ||
	    memchr(password.data == NULL ? "" : password.data, '\0',
		   password.len) != NULL)
		return CV_AUTH_MISMATCH;
	ret = call(data, in, &request, false, &run, err);
	if (ret != CV_AUTH_OK)
		return ret;
	/* INVARIANT: a status of 0 without the reply program is no yes */
	if (run.text.len == 0)
		return CV_FAIL(err, CV_E_TEMP, "the program has ended with "
			       "status 0 and has not run the program that "
			       "its arguments end with");
	return take_fields(&run, CV_SPAN(""), reply, err);
}

static int checkpassword_lookup(void *data, const struct cv_auth_input *in,
				struct cv_auth_reply *reply,
				struct cv_error *err)
{
	struct run run = { .request = -1, .reply = -1 };
	struct cv_text request;
	int ret;

	if (!make_request(in, CV_SPAN(""), &request))
		return CV_AUTH_UNKNOWN_USER;
	ret = call(data, in, &request, true, &run, err);
	return ret != CV_AUTH_OK ? ret :
		take_fields(&run, CV_SPAN("userdb_"), reply, err);
}

/* --- opening --------------------------------------------------------------------- */

static bool parse_args(struct cv_pool *pool, const char *args,
		       struct program *program)
{
	struct cv_span rest = cv_span_trim(cv_span_of(args)), word;
	uint32_t n = 0;

	while (cv_span_split(&rest, ' ', &word)) {
		if (word.len > 0 && n == WORDS_MAX)
			return false;
		if (word.len > 0)
			program->argv[n++] = cv_span_copy(pool, word);
	}
	if (n == 0 || program->argv[0][0] != '/')
		return false;
	program->argv[n] = CULVER_SERVICEDIR "/checkpassword-reply";
	return true;
}

static int checkpassword_open(const struct cv_auth_db_config *config,
			      void **db_r, struct cv_error *err)
{
	struct program *program = CV_ALLOC(config->pool, struct program);
	const char *slash;

	if (!parse_args(config->pool, config->args, program))
		return CV_FAIL(err, CV_E_CONFIG, "args is the absolute path "
			       "of a program and its arguments, 64 words at "
			       "most");
	slash = strrchr(program->argv[0], '/');
	config->needs_path(config, cv_span_copy(config->pool, cv_span(
		program->argv[0], slash == program->argv[0] ? 1 :
		(size_t)(slash - program->argv[0]))));
	config->needs_path(config, CULVER_SERVICEDIR);
	*db_r = program;
	return CV_OK;
}

static void checkpassword_check(const struct cv_check *check)
{
	struct program program = { .argv = { NULL } };

	if (!parse_args(check->pool, check->value, &program))
		check->error(check, "", "args is the absolute path of a "
			     "program and its arguments, 64 words at most");
	else
		(void)check->file(check, "", program.argv[0], CV_CHECK_FILE);
}

/* --- the frame ---------------------------------------------------------------------- */

static const struct cv_passdb checkpassword_passdb = {
	CV_SIZED(cv_passdb), .name = "checkpassword",
	.open = checkpassword_open, .verify = checkpassword_verify,
	.check = checkpassword_check,
};

static const struct cv_userdb checkpassword_userdb = {
	CV_SIZED(cv_userdb), .name = "checkpassword",
	.open = checkpassword_open, .lookup = checkpassword_lookup,
	.check = checkpassword_check,
};

static int init(const struct cv_host *host, struct cv_plugin *self,
		struct cv_error *err)
{
	int ret;

	cv_api = host;
	auth_api = cv_need_service("auth", 1, err);
	if (auth_api == NULL)
		return CV_E_UNSUPPORTED;
	ret = cv_provide_passdb(self, &checkpassword_passdb, err);
	return ret != CV_OK ? ret :
		cv_provide_userdb(self, &checkpassword_userdb, err);
}

static const char *const processes[] = { "auth", "auth-worker", NULL };
/* interpreters and libraries, and where programs keep what they know */
static const char *const paths[] = {
	"/bin", "/etc", "/lib", "/lib64", "/usr", "/var/lib", NULL,
};

CV_PLUGIN_DEFINE("auth-checkpassword", 0,
	.license = "MIT", .version = "1.0",
	.summary = "A program of the admin's says who may log in",
	.flags = CV_PLUGIN_EXECUTES,
	.processes = processes, .paths = paths,
	.init = init);
