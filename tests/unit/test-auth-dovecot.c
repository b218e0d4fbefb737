/* test-auth-dovecot.c - the same files of users, asked here and in an
 * installed Dovecot: results and fields agree.  Needs root and Dovecot. */
#include "auth-fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

/* Every shape of line that both read. */
static const char users_text[] =
	"# a comment\n"
	"\n"
	"plain:{PLAIN}secret:1000:1001::/home/plain::\n"
	"short:{PLAIN}secret\n"
	"bare:$1$LkfObOw8$mYRPruLdOGVWa1ckeeRJ30:1:2\n"
	"crypt:$2y$05$8VFznv9ae9FK6u09aTiIGO8SL9R0ILd3hXsvYpCXQi.eRSdSZ.JXe:1"
	":2::/h\n"
	"des:Q7/JlSt8bzR1o[13]:1:2::/h\n"
	"md5:5ebe2294ecd0e0f08eab7690d2a6ee69[34]:1:2::/h\n"
	"hexsha:{SHA}e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4:1:2::/h\n"
	"lower:{ssha256.hex}78eeab1dea8adc4fbae47d86b073b59ce3bbdccfbe2f158f7"
	"bb6c7d944c1be955b1bc3d0:1:2::/h\n"
	"argon:{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$4o5zXsxzSfsw78aWvwnVwQ"
	"$UZDH+npyhRjIe5M1a4stIq3dHlmY2mTijQi6BsDFLmg:1:2::/h\n"
	"empty::1:2::/h\n"
	"open::1:2::/h::nopassword\n"
	"openset:{PLAIN}x:1:2::/h::nopassword=y\n"
	"locked:*:1:2::/h\n"
	"badscheme:{NOPE}secret:1:2::/h\n"
	"badhash:{SSHA}AA==:1:2::/h\n"
	"badb64:{SHA}!!!!:1:2::/h\n"
	"extra:{PLAIN}secret:1:2::/h::a=b  c=d:e userdb_x=1 userdb_y=z:z\n"
	"vars:{PLAIN}secret:1:2::/h::a=%n-%d userdb_x=%u%%\n"
	"renamed:{PLAIN}secret:1:2::/h::user=other\n"
	"nets:{PLAIN}secret:1:2::/h::allow_nets=192.0.2.0/24\n"
	"netsbad:{PLAIN}secret:1:2::/h::allow_nets=203.0.113.0/24\n"
	"noauth:{PLAIN}secret:1:2::/h::noauthenticate\n"
	"nouid:{PLAIN}secret:::gecos:/home/x:/bin/sh:\n"
	"baduid:{PLAIN}secret:abc:2::/h\n"
	"spaces:{PLAIN}two words :1:2::/home/with space::\n"
	"dom@example.com:{PLAIN}secret:1:2::/h\n"
	"twice:{PLAIN}first:1:2::/h\n"
	"twice:{PLAIN}second:1:2::/h\n"
	" indented:{PLAIN}secret:1:2::/h\n"
	"crlf:{PLAIN}secret:1:2::/h\r\n"
	"b64:{PLAIN.b64}c2VjcmV0:1:2::/h\n"
	"last:{PLAIN}secret:5:6::/h";

static const char *const names[] = {
	"plain", "PLAIN", "short", "bare", "crypt", "des", "md5", "hexsha",
	"lower", "argon", "empty", "open", "openset", "locked", "badscheme",
	"badhash", "badb64", "extra", "vars", "renamed", "nets", "netsbad",
	"noauth", "nouid", "baduid", "spaces", "dom@example.com", "dom",
	"twice", "indented", "crlf", "b64", "last", "nobody", "nobody@x",
	"../plain", "pl/ain", "plain ", "%u", "plain%00", "",
};
static const char *const passwords[] = {
	"secret", "wrong", "first", "second", "two words ", "*",
};
enum {
	NAMES = sizeof(names) / sizeof(*names),
	PASSWORDS = sizeof(passwords) / sizeof(*passwords),
};

static char conf[128];
static pid_t dovecot;

static int start(void **state)
{
	const char *text;

	(void)fixture_load(state);
	write_file(fix.users, users_text);
	(void)snprintf(conf, sizeof(conf), "%s/dovecot.conf", fix.dir);
	text = pool_printf(fix.pool,
		"base_dir = %s/run\nstate_dir = %s/run\nlog_path = %s/log\n"
		"protocols =\nssl = no\ndefault_internal_user = root\n"
		"default_login_user = root\ndefault_internal_group = root\n"
		"auth_failure_delay = 0\nfirst_valid_uid = 0\n"
		"passdb {\n driver = passwd-file\n args = %s\n}\n"
		"userdb {\n driver = passwd-file\n args = %s\n}\n"
		"service anvil {\n unix_listener anvil-auth-penalty {\n"
		"  mode = 0\n }\n}\n", fix.dir, fix.dir, fix.dir, fix.users,
		fix.users);
	write_file(conf, text);
	(void)mkdir(pool_printf(fix.pool, "%s/run", fix.dir), 0755);
	if (geteuid() != 0 || access("/usr/sbin/dovecot", X_OK) < 0)
		return 0;
	if ((dovecot = fork()) == 0) {
		(void)dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		(void)execl("/usr/sbin/dovecot", "dovecot", "-F", "-c", conf,
			    (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 100 && access(pool_printf(
		fix.pool, "%s/run/auth-userdb", fix.dir), F_OK) < 0; i++)
		usleep(50000);
	return 0;
}

static int stop(void **state)
{
	if (dovecot > 0) {
		(void)kill(dovecot, SIGTERM);
		(void)waitpid(dovecot, NULL, 0);
	}
	/* what Dovecot has left in its folder */
	if (fork() == 0) {
		(void)execl("/bin/rm", "rm", "-rf", pool_printf(
			fix.pool, "%s/run", fix.dir), pool_printf(
			fix.pool, "%s/log", fix.dir), conf, (char *)NULL);
		_exit(127);
	}
	(void)wait(NULL);
	return fixture_unload(state);
}

/* Runs doveadm without a shell, so that names stay what they are; the exit
 * status, output in text. */
static int doveadm(char *const argv[], char *text, size_t room)
{
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	if ((pid = fork()) == 0) {
		(void)dup2(fds[1], STDOUT_FILENO);
		(void)dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		(void)close(fds[0]);
		(void)execv("/usr/bin/doveadm", argv);
		_exit(127);
	}
	(void)close(fds[1]);
	while (len < room - 1 &&
	       (n = read(fds[0], text + len, room - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	(void)close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static char *arg(const char *text)
{
	return pool_strdup(fix.pool, text);
}

static bool line_is_there(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	return at != NULL && (at == text || at[-1] == '\n') &&
		(at[strlen(line)] == '\n' || at[strlen(line)] == '\0');
}

static void open_ours(void)
{
	fixture_auth("auth_failure_delay = 0\n"
		     "passdb {\n driver = passwd-file\n args = $USERS\n}\n"
		     "userdb {\n driver = passwd-file\n args = $USERS\n}\n");
}

static void compare_login(const char *name, const char *password)
{
	char *argv[] = {
		arg("doveadm"), arg("-c"), conf, arg("auth"), arg("test"),
		arg("-x"), arg("rip=192.0.2.9"), arg("-x"),
		arg("service=imap"), arg("--"), arg(name), arg(password), NULL,
	};
	struct auth_request *request;
	char text[8192], line[1024];
	int status = doveadm(argv, text, sizeof(text));
	bool theirs = status == 0, ours;

	request = fixture_verify(name, password, "192.0.2.9");
	ours = fixture_result == CV_AUTH_OK;
	if (ours != theirs)
		fail_msg("user '%s' password '%s': Dovecot %d (%s), here %d",
			 name, password, status, text, fixture_result);
	for (size_t i = 0; ours && i < request->fields.fields.count; i++) {
		const struct auth_field *f = &request->fields.fields.items[i];

		(void)snprintf(line, sizeof(line), "  %s=%s", f->name,
			       f->value);
		if (strcmp(f->value, "yes") != 0 &&
		    strcmp(f->name, "allow_nets") != 0 &&
		    !line_is_there(text, line))
			fail_msg("user '%s': field %s=%s is not in\n%s", name,
				 f->name, f->value, text);
	}
	(void)snprintf(line, sizeof(line), "  user=%s", request->input.user);
	if (ours)
		assert_true(line_is_there(text, line));
	auth_request_unref(&request);
}

static void logins_agree(void **state)
{
	(void)state;
	if (dovecot <= 0)
		skip();
	open_ours();
	for (size_t i = 0; i < NAMES; i++) {
		for (size_t k = 0; k < PASSWORDS; k++) {
			/* Dovecot takes its time for each failure */
			if (k == 0 || (k == 1 && i % 6 == 0) ||
			    strcmp(names[i], "twice") == 0 ||
			    strcmp(names[i], "spaces") == 0 ||
			    strcmp(names[i], "locked") == 0)
				compare_login(names[i], passwords[k]);
		}
	}
}

static void users_agree(void **state)
{
	char text[8192], line[1024];
	struct auth_request *request;

	(void)state;
	if (dovecot <= 0)
		skip();
	open_ours();
	for (size_t i = 0; i < NAMES; i++) {
		char *argv[] = {
			arg("doveadm"), arg("-c"), conf, arg("user"),
			arg("-u"), arg("--"), arg(names[i]), NULL,
		};
		int status;

		if (strpbrk(names[i], "*?") != NULL || names[i][0] == '\0')
			continue;
		status = doveadm(argv, text, sizeof(text));
		request = fixture_lookup(names[i]);
		if ((status == 0) != (fixture_result == CV_AUTH_OK))
			fail_msg("user '%s': Dovecot %d, here %d", names[i],
				 status, fixture_result);
		for (size_t k = 0; status == 0 &&
		     k < request->userdb.fields.count; k++) {
			(void)snprintf(line, sizeof(line), "  %-10s: %s",
				       request->userdb.fields.items[k].name,
				       request->userdb.fields.items[k].value);
			if (!line_is_there(text, line))
				fail_msg("user '%s': '%s' is not in\n%s",
					 names[i], line, text);
		}
		auth_request_unref(&request);
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(logins_agree),
		TEST(users_agree),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
