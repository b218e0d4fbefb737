/* adm-mail.c - users and their processes, for the verbs that work on mail. */
#include "adm-mail.h"
#include "adm-sync.h"

#include "auth/auth-plugin-api.h"
#include "auth/auth-request.h"
#include "auth/auth-username.h"
#include "mailbox/client-api.h"
#include "mailbox/user-ids.h"
#include "module/module.h"
#include "settings/core-settings.h"
#include "stream/stream-api.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { VALUE_MORE = 1, VALUE_LAST = 0, PROGRESS_MSECS = 1000 };

/* The parent's side. */
struct run {
	struct adm_mail m;		/* first: adm_mail_enter */
	struct settings_tree *tree;
	struct auth *auth;		/* NULL: the caller's own mail */
	const char *user, *file;
	bool all, show_user, help;
	ARRAY(const char *) users;
	struct adm_output *out;
	int status;
	int lookup_result;
	uint64_t shown_at;		/* progress */
	struct auth_request *source;	/* of m.source_name */
	struct user_info source_info;
};

static void put_usage(FILE *to, const struct adm_mail_verb *verb)
{
	(void)fprintf(to, "usage: culveradm %s [-u USER|MASK | -A | -F FILE]"
		      "%s%s\n", verb->name, *verb->args == '\0' ? "" : " ",
		      verb->args);
}

CV_PRINTF(2, 0)
static void complain(const struct adm_mail *m, const char *fmt, va_list args)
{
	(void)fprintf(stderr, "culveradm %s: ", m->verb->name);
	(void)vfprintf(stderr, fmt, args);
	(void)fputc('\n', stderr);
	put_usage(stderr, m->verb);
}

int adm_mail_usage(const struct adm_mail *m, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain(m, fmt, args);
	va_end(args);
	return ADM_USAGE;
}

int adm_mail_unknown(const struct adm_mail *m, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	complain(m, fmt, args);
	va_end(args);
	return ADM_TEMPFAIL;
}

int adm_mail_help(const struct adm_mail_verb *verb)
{
	static const char *const whose[] = {
		"-u  this user, or all that a mask (*, ?) matches",
		"-A  all users",
		"-F  the users whose names stand in a file",
	};

	put_usage(stdout, verb);
	adm_help_text(verb->help);
	for (size_t i = 0; i < sizeof(whose) / sizeof(whose[0]); i++)
		adm_help_text(whose[i]);
	return ADM_OK;
}

int adm_mail_parse_query(struct adm_mail *m, int first)
{
	struct cv_error err = ERROR_NONE;

	if (first >= m->argc)
		return adm_mail_usage(m, "a search query is needed (ALL)");
	if (adm_query_parse(m->pool, m->argc - first, m->argv + first,
			    &m->query, &err) < 0)
		return adm_mail_unknown(m, "%s", err.text);
	return ADM_OK;
}

static void worsen(int *status, int by)
{
	/* what can be tried again later counts more than what cannot */
	if (*status == ADM_OK || by == ADM_TEMPFAIL)
		*status = by;
}

/* --- rows ------------------------------------------------------------------- */

static void write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			_exit(ADM_TEMPFAIL);	/* nobody listens */
		at += n;
		len -= (size_t)n;
	}
}

void adm_mail_data(struct adm_mail *m, struct cv_span data, bool more)
{
	struct { uint32_t len; uint8_t more; } __attribute__((packed)) head;

	while (data.len > UINT32_MAX / 2) {
		adm_mail_data(m, cv_span(data.data, UINT32_MAX / 2), true);
		data = cv_span_skip(data, UINT32_MAX / 2);
	}
	head.len = (uint32_t)data.len;
	head.more = more ? VALUE_MORE : VALUE_LAST;
	write_all(m->rows_fd, &head, sizeof(head));
	write_all(m->rows_fd, data.data, data.len);
}

void adm_mail_value(struct adm_mail *m, const char *text)
{
	adm_mail_data(m, cv_span_of(text == NULL ? "" : text), false);
}

void adm_mail_f(struct adm_mail *m, const char *fmt, ...)
{
	struct cv_pool *pool = pool_create("value");
	va_list args;

	va_start(args, fmt);
	adm_mail_value(m, pool_vprintf(pool, fmt, args));
	va_end(args);
	pool_destroy(&pool);
}

void adm_mail_failed(struct adm_mail *m, const struct cv_error *err)
{
	struct cv_error shown = *err;

	(void)error_prefix(&shown, "%s", user_name(m->user));
	worsen(&m->status, adm_fail(&shown));
}

void adm_mail_damaged(struct adm_mail *m, const struct cv_error *err)
{
	(void)fprintf(stderr, "culveradm: %s: %s\n", user_name(m->user),
		      err->text);
	worsen(&m->status, adm_is_away(err) ? ADM_TEMPFAIL : ADM_DATA);
}

void adm_mail_worsen(struct adm_mail *m, int status)
{
	worsen(&m->status, status);
}

/* --- the child ----------------------------------------------------------------- */

static void set_overrides(struct settings_scope *scope,
			  const struct user_info *info,
			  const struct cv_strings *more, struct cv_pool *pool)
{
	const char **items = pool_new_array(pool, const char *,
					    info->field_count + more->count +
					    1);
	uint32_t count = 0;

	for (uint32_t i = 0; i < info->field_count; i++)
		items[count++] = pool_printf(pool, "%s=%s",
					     info->fields[i].name,
					     info->fields[i].value);
	if (*info->mail != '\0')
		items[count++] = pool_printf(pool, "mail=%s", info->mail);
	for (uint32_t i = 0; i < more->count; i++)
		items[count++] = more->items[i];
	scope->overrides = (struct cv_strings){ items, count };
}

static int find_privileged(const struct settings_tree *tree,
			   const struct settings_scope *scope,
			   uint32_t *gid_r, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("privileged group");
	struct mail_settings set;
	int ret = settings_get(tree, &mail_settings_table, scope, pool, &set,
			       err);

	if (ret == CV_OK)
		ret = user_privileged_group(&set, gid_r, err);
	pool_destroy(&pool);
	return ret;
}

static int become(const struct user_info *info, struct settings_scope *scope,
		  const struct settings_tree *tree, struct cv_error *err)
{
	uint32_t uid = info->uid, gid = info->gid, privileged;
	gid_t groups[USER_GROUPS_MAX];
	int ret;

	(void)umask(0077);
	if (geteuid() != 0)
		return CV_OK;
	ret = user_ids_resolve(tree, scope, info->name, &uid, &gid, err);
	if (ret < 0)
		return ret;
	for (uint32_t i = 0; i < info->group_count; i++)
		groups[i] = info->groups[i];
	ret = find_privileged(tree, scope, &privileged, err);
	if (ret < 0)
		return ret;
	if (setgroups(info->group_count, groups) < 0)
		return FAIL_ERRNO(err, errno, "cannot set the groups of user "
				  "%u", uid);
	return user_ids_become(uid, gid, privileged, err);
}

int adm_mail_enter(struct adm_mail *m, const struct user_info *info,
		   struct cv_error *err)
{
	struct run *run = (struct run *)(void *)m;
	struct settings_scope *scope = pool_new(m->pool,
						struct settings_scope);
	struct user_fields fields = {
		.name = info->name, .home = info->home,
	};
	struct user_config config = {
		.settings = run->tree, .scope = scope,
		.inspect = m->dry ? USER_INSPECT_TREE : USER_INSPECT_NONE,
	};
	int ret;

	scope->protocol = "doveadm";
	set_overrides(scope, info, &m->adm->overrides, m->pool);
	ret = become(info, scope, run->tree, err);
	fields.uid = geteuid();
	fields.gid = getegid();
	return ret < 0 ? ret : user_create(&fields, &config, &m->user, err);
}

/* Whoever kills culveradm means the work, which would go on beside the next
 * call otherwise. */
static int end_with(pid_t parent, struct cv_error *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) < 0)
		return FAIL_ERRNO(err, errno, "prctl");
	return getppid() == parent ? CV_OK :
		FAIL(err, CV_E_TEMP, "culveradm was killed");
}

__attribute__((noreturn))
static void child(struct run *run, const struct user_info *info, pid_t parent,
		  int fd)
{
	struct adm_mail *m = &run->m;
	struct cv_error err = ERROR_NONE;
	int ret;

	m->rows_fd = fd;
	m->info = info;
	m->pool = pool_create("culveradm user");
	ret = m->before == NULL ? CV_OK : m->before(m, &err);
	if (ret == CV_OK)
		ret = adm_mail_enter(m, info, &err);
	/* taken away by each change of user before */
	if (ret == CV_OK)
		ret = end_with(parent, &err);
	if (ret == CV_OK)
		ret = m->verb->run(m, &err);
	if (ret < 0) {
		(void)error_prefix(&err, "%s", info->name);
		worsen(&m->status, adm_fail(&err));
	}
	if (m->user != NULL)
		user_destroy(&m->user);
	if (fflush(stdout) != 0)
		worsen(&m->status, ADM_TEMPFAIL);
	_exit(m->status);
}

/* --- the parent ----------------------------------------------------------------- */

/* Passes on what the child finds; false when a row was cut short. */
static bool pass_rows(struct run *run, const char *user, FILE *rows)
{
	struct { uint32_t len; uint8_t more; } __attribute__((packed)) head;
	static char buffer[65536];

	while (fread(&head, sizeof(head), 1, rows) == 1) {
		uint32_t left = head.len;

		if (run->out == NULL)
			continue;
		if (run->show_user && !adm_output_is_partial(run->out))
			adm_output_value(run->out, user);
		do {
			size_t n = left < sizeof(buffer) ? left :
				sizeof(buffer);

			if (fread(buffer, 1, n, rows) != n)
				return false;
			left -= (uint32_t)n;
			adm_output_data(run->out, cv_span(buffer, n),
					left > 0 || head.more == VALUE_MORE);
		} while (left > 0);
	}
	return run->out == NULL || !adm_output_is_partial(run->out);
}

/* What a killed child left open, so that the output stays well-formed. */
static void complete_row(struct run *run)
{
	while (run->out != NULL && adm_output_is_partial(run->out))
		adm_output_value(run->out, "");
}

static int child_status(const char *user, int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	(void)fprintf(stderr, "culveradm: %s: the process that worked on the "
		      "mail was killed by signal %d\n", user,
		      WTERMSIG(status));
	return ADM_TEMPFAIL;
}

static int run_user(struct run *run, const struct user_info *info)
{
	FILE *rows;
	pid_t pid, parent = getpid();
	int fds[2], status = 0;

	(void)fflush(stdout);
	(void)fflush(stderr);
	if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		(void)fprintf(stderr, "culveradm: cannot start a process: "
			      "%s\n", strerror(errno));
		return ADM_TEMPFAIL;
	}
	if (pid == 0) {
		(void)close(fds[0]);
		child(run, info, parent, fds[1]);
	}
	(void)close(fds[1]);
	rows = fdopen(fds[0], "r");
	if (rows == NULL || !pass_rows(run, info->name, rows))
		complete_row(run);
	if (rows != NULL)
		(void)fclose(rows);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return child_status(info->name, status);
}

static void take_result(struct auth_request *request, int result)
{
	((struct run *)request->context)->lookup_result = result;
}

/* Returns an exit status; info_r points into the request, which is the
 * caller's in any case. */
static int look_up(struct run *run, const char *name,
		   struct auth_request **request_r, struct user_info *info_r)
{
	static const struct conn_info conn = {
		.local_ip = "", .remote_ip = "", .local_name = "",
		.secure = true,
	};
	struct auth_request *request = auth_request_create(run->auth);
	struct cv_error err = ERROR_NONE;

	*request_r = request;
	auth_request_set_conn(request, "doveadm", "", &conn);
	request->input.mechanism = "";
	request->context = run;
	run->lookup_result = CV_AUTH_UNKNOWN_USER;
	if (auth_request_set_user(request, cv_span_of(name), CV_SPAN(""),
				  &err) == CV_OK)
		auth_request_lookup_user(request, take_result);
	if (run->lookup_result == CV_AUTH_OK) {
		auth_request_user_info(request, info_r);
		return ADM_OK;
	}
	if (run->lookup_result < 0) {
		(void)fprintf(stderr, "culveradm: userdb lookup: user %s: "
			      "%s\n", name, request->error.text[0] != '\0' ?
			      request->error.text : "internal failure");
		return ADM_TEMPFAIL;
	}
	(void)fprintf(stderr, "culveradm: user %s doesn't exist\n", name);
	return ADM_NOUSER;
}

static int look_up_and_run(struct run *run, const char *name)
{
	struct auth_request *request;
	struct user_info info;
	int status = look_up(run, name, &request, &info);

	if (status == ADM_OK)
		status = run_user(run, &info);
	auth_request_unref(&request);
	return status;
}

static int look_up_source(struct run *run)
{
	if (run->m.source_name == NULL)
		return ADM_OK;
	run->m.source = &run->source_info;
	return look_up(run, run->m.source_name, &run->source,
		       &run->source_info);
}

static bool is_self(const struct run *run)
{
	return run->user == NULL && !run->all && run->file == NULL;
}

/* The mail of who calls, without a look into the databases. */
static int run_self(struct run *run)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *name = getenv("USER"), *home = getenv("HOME");
	struct user_info info = {
		.name = name, .login_name = "", .master_name = "",
		.uid = getuid(), .gid = getgid(), .home = home, .chroot = "",
		.mail = "",
	};

	if (name == NULL || *name == '\0')
		info.name = pw != NULL ? pw->pw_name : "";
	if (home == NULL)
		info.home = pw != NULL ? pw->pw_dir : "";
	return run_user(run, &info);
}

/* --- which users ----------------------------------------------------------------- */

struct listing { struct run *run; struct cv_span mask; int result; };

static bool list_found(void *context, struct cv_span user)
{
	struct listing *l = context;

	if (l->mask.data == NULL || auth_pattern_matches(l->mask, user))
		*array_add(&l->run->users) =
			pool_copy(l->run->m.pool, user.data, user.len);
	return true;
}

static void list_done(void *context, int result, const struct cv_error *err)
{
	struct listing *l = context;

	l->result = result;
	if (result < 0)
		(void)fprintf(stderr, "culveradm: users cannot be listed: "
			      "%s\n", err->text);
}

static int list_users(struct run *run, const char *mask)
{
	struct listing l = { .run = run };

	if (mask != NULL)
		l.mask = cv_span_of(mask);
	auth_list_users(run->auth, list_found, list_done, &l);
	if (l.result < 0)
		return ADM_TEMPFAIL;
	if (run->users.count > 0)
		return ADM_OK;
	(void)fprintf(stderr, "culveradm: no user matches\n");
	return ADM_NOUSER;
}

static int read_users(struct run *run)
{
	FILE *file = strcmp(run->file, "-") == 0 ? stdin :
		fopen(run->file, "re");
	char line[USER_NAME_MAX + 2];

	if (file == NULL) {
		(void)fprintf(stderr, "culveradm: cannot open '%s': %s\n",
			      run->file, strerror(errno));
		return ADM_TEMPFAIL;	/* as doveadm */
	}
	while (fgets(line, sizeof(line), file) != NULL) {
		size_t len = strcspn(line, "\r\n");

		if (len > 0)
			*array_add(&run->users) = pool_copy(run->m.pool, line,
							    len);
	}
	if (file != stdin)
		(void)fclose(file);
	return ADM_OK;
}

static int find_users(struct run *run)
{
	if (run->all)
		return list_users(run, NULL);
	if (run->file != NULL)
		return read_users(run);
	if (run->user != NULL && strpbrk(run->user, "*?") != NULL)
		return list_users(run, run->user);
	if (run->user != NULL)
		*array_add(&run->users) = run->user;
	return ADM_OK;
}

/* --- progress -------------------------------------------------------------------- */

static void show_progress(struct run *run, size_t done, size_t total)
{
	enum { WIDTH = 30 };
	uint64_t now = time_monotonic_msecs();
	size_t full = total == 0 ? 0 : done * WIDTH / total;

	if (total < 2 || isatty(STDERR_FILENO) != 1)
		return;
	if (done == total) {
		(void)fputs("\r\033[K", stderr);
		return;
	}
	if (run->shown_at != 0 && now - run->shown_at < PROGRESS_MSECS)
		return;
	run->shown_at = now;
	(void)fputs("\r[", stderr);
	for (size_t i = 0; i < WIDTH; i++)
		(void)fputc(i < full ? '#' : ' ', stderr);
	(void)fprintf(stderr, "] %zu of %zu users", done, total);
}

/* --- the call --------------------------------------------------------------------- */

/* The verb's long names, and --help. */
static const struct option *long_options(const struct adm_mail *m)
{
	static const struct option help = { "help", no_argument, NULL, 'h' };
	const struct option *own = m->verb->longs;
	struct option *all;
	size_t count = 0;

	while (own != NULL && own[count].name != NULL)
		count++;
	all = pool_new_array(m->pool, struct option, count + 2);
	for (size_t i = 0; i < count; i++)
		all[i] = own[i];
	all[count] = help;
	return all;
}

static int read_options(struct run *run, int argc, char **argv,
			const char *letters)
{
	struct adm_mail *m = &run->m;
	const struct option *longs = long_options(m);
	int letter;

	while ((letter = getopt_long(argc, argv, letters, longs,
				     NULL)) != -1) {
		if (letter == 'h') {
			run->help = true;
			return ADM_OK;
		}
		if (letter == 'u')
			run->user = optarg;
		else if (letter == 'A')
			run->all = true;
		else if (letter == 'F')
			run->file = optarg;
		else if (letter == 'S')
			return adm_mail_usage(m, "-S is not needed: the work "
					      "is done here, without a "
					      "server");
		else if (letter == '?' || letter >= 128)
			return adm_mail_usage(m, "an option is wrong");
		else
			m->option[letter] = optarg == NULL ? "" : optarg;
	}
	return ADM_OK;
}

static int take_options(struct run *run, int argc, char **argv)
{
	struct adm_mail *m = &run->m;
	bool late = m->verb->options[0] == '+';
	const char *letters = pool_printf(m->pool, "+hu:AF:S:%s",
					  m->verb->options + late);
	int status;

	optind = 0;
	status = read_options(run, argc, argv, letters);
	if (status == ADM_OK && late && !run->help && optind + 1 < argc &&
	    argv[optind + 1][0] == '-') {
		char *word = argv[optind++];

		status = read_options(run, argc, argv, letters);
		argv[--optind] = word;
	}
	if (status != ADM_OK || run->help)
		return status;
	m->argc = argc - optind;
	m->argv = argv + optind;
	if (run->all + (run->file != NULL) + (run->user != NULL) > 1)
		return adm_mail_usage(m, "-u, -A and -F exclude each other");
	if (run->user == NULL && !run->all && run->file == NULL &&
	    geteuid() == 0)
		return adm_mail_usage(m, "whose mail? (-u USER, -A for all)");
	run->show_user = run->all || run->file != NULL ||
		(run->user != NULL && strpbrk(run->user, "*?") != NULL);
	return m->verb->prepare == NULL ?
		(m->argc == 0 ? ADM_OK : adm_mail_usage(m, "too many "
							"arguments")) :
		m->verb->prepare(m);
}

static void register_services(void)
{
	module_service_register("stream", 1, &stream_api);
	module_service_register("user", 1, &user_api);
	module_service_register("mailbox", 1, &mailbox_api);
	module_service_register("io", 1, &storage_io_api);
	module_service_register("client", 1, &client_api);
}

static int open_all(struct run *run, bool with_auth, struct cv_error *err)
{
	struct settings_read_options options = {
		.overrides = run->m.adm->overrides, .accept_unknown = true,
	};
	struct module_role role = {
		.process = "auth", .protocol = "doveadm",
		.wants = MODULE_WANT_STORAGE | MODULE_WANT_MAIL |
			(with_auth ? MODULE_WANT_AUTH : 0),
		.location = run->m.location,
	};
	int ret;

	settings_register_core();
	settings_register(&module_settings_table);
	ret = settings_read(run->m.adm->config_path, &options, &run->tree,
			    err);
	if (ret < 0)
		return ret;
	adm_warn_unknown(run->m.adm, run->tree);
	if (with_auth)
		auth_plugin_api_register();
	register_services();
	if ((ret = module_load_role(run->tree, &role, err)) < 0 || !with_auth)
		return ret;
	return auth_create(run->tree, NULL, NULL, &run->auth, err);
}

static const char *const *with_user_column(struct adm_mail *m)
{
	uint32_t count = 0;
	const char **columns;

	while (m->columns[count] != NULL)
		count++;
	columns = pool_new_array(m->pool, const char *, count + 2);
	columns[0] = ADM_UNTITLED "username";
	memcpy(columns + 1, m->columns, count * sizeof(*columns));
	return columns;
}

static int run_all(struct run *run)
{
	struct adm_mail *m = &run->m;

	if (m->columns != NULL)
		run->out = adm_output_begin(m->adm, m->verb->format,
					    run->show_user ?
					    with_user_column(m) : m->columns);
	if (is_self(run))
		worsen(&run->status, run_self(run));
	for (size_t i = 0; i < run->users.count; i++) {
		show_progress(run, i, run->users.count);
		worsen(&run->status,
		       look_up_and_run(run, run->users.items[i]));
	}
	show_progress(run, run->users.count, run->users.count);
	if (run->out != NULL)
		adm_output_end(&run->out, run->status != ADM_OK);
	return run->status;
}

/* The location that was given is of a driver that is not there.  Says so. */
static bool no_storage(const struct run *run, struct cv_error *err)
{
	const char *location = run->m.location;

	if (location == NULL || err->code != CV_E_NOT_FOUND)
		return false;
	(void)error_prefix(err, "'%s'", location);
	(void)adm_fail(err);
	return true;
}

int adm_mail_run(struct adm *adm, const struct adm_mail_verb *verb, int argc,
		 char **argv)
{
	struct run *run = pool_new(adm->pool, struct run);
	struct cv_error err = ERROR_NONE;
	bool with_auth;
	int status;

	run->m = (struct adm_mail){
		.adm = adm, .verb = verb, .pool = adm->pool,
		.columns = verb->columns,
	};
	array_init(&run->users, adm->pool);
	status = take_options(run, argc, argv);
	if (status != ADM_OK || run->help)
		return run->help ? adm_mail_help(verb) : status;
	/* that something could not be written need not be said */
	if (run->m.dry && !adm->debug)
		log_set_level(NULL, LOG_LEVEL_ERROR);
	with_auth = !is_self(run) || run->m.source_name != NULL;
	if (open_all(run, with_auth, &err) < 0) {
		status = no_storage(run, &err) ? ADM_TEMPFAIL :
			adm_fail(&err);
		module_unload_all();
		settings_tree_destroy(&run->tree);
		return status;
	}
	status = look_up_source(run);
	if (status == ADM_OK)
		status = find_users(run);
	if (status == ADM_OK)
		status = run_all(run);
	if (run->source != NULL)
		auth_request_unref(&run->source);
	auth_destroy(&run->auth);
	module_unload_all();
	settings_tree_destroy(&run->tree);
	return status;
}

int adm_mail_run_second(struct adm *adm, const struct adm_verb *verb,
			int argc, char **argv, const char *what)
{
	size_t skip = strlen(verb->name) + 1;

	for (size_t i = 0; argc >= 2 && i < verb->count; i++) {
		if (strcmp(verb->mail[i].name + skip, argv[1]) == 0)
			return adm_mail_run(adm, &verb->mail[i], argc - 1,
					    argv + 1);
	}
	if (argc >= 2 && argv[1][0] != '-')
		return adm_usage(verb, "there is no '%s %s'; %s", verb->name,
				 argv[1], what);
	return adm_usage(verb, "%s", what);
}
