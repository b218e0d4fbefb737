/* adm-sync.c - culveradm sync, backup, import and sync-server.
 *
 * The other end is a mail_location of the same user, or a command that
 * speaks our protocol.  The command is started by the process that forked
 * for the user, before it becomes that user: with the rights of the caller,
 * who has given it. */
#include "adm-mail.h"
#include "adm-sync.h"

#include "mailbox/mailbox-admin.h"
#include "sync/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { OPTION_DRY = 1 };	/* --dry-run has no letter */

struct plan {
	bool mirror, reverse;
	/* of the command, in the child */
	int in, out;
	pid_t pid;
	struct sync_options options;
	/* -n, -N */
	const struct sync_side *local;	/* NULL: dry run, and no mail yet */
	uint32_t space;
};

/* --- the command at the other end ------------------------------------------------ */

/* %u and %n, %d as in settings, %% a percent sign. */
static const char *expand_word(struct adm_mail *m, const char *word)
{
	const char *name = m->info->name, *at = strchr(name, '@');
	struct cv_text out;

	cv_text_init(&out, m->pool);
	for (; *word != '\0'; word++) {
		if (*word != '%' || word[1] == '\0') {
			cv_text_append_c(&out, *word);
			continue;
		}
		word++;
		if (*word == 'u')
			cv_text_append_str(&out, name);
		else if (*word == 'n')
			cv_text_append(&out, name, at == NULL ? strlen(name) :
				       (size_t)(at - name));
		else if (*word == 'd')
			cv_text_append_str(&out, at == NULL ? "" : at + 1);
		else
			cv_text_append_c(&out, *word);
	}
	return cv_text_str(&out);
}

/* No program's name has a colon. */
static bool is_location(const struct adm_mail *m)
{
	const char *colon = strchr(m->argv[0], ':');

	return colon != NULL && colon > m->argv[0] &&
		memchr(m->argv[0], '/', (size_t)(colon - m->argv[0])) == NULL;
}

__attribute__((noreturn))
static void run_command(struct adm_mail *m, int in, int out)
{
	char **argv = pool_new_array(m->pool, char *, (size_t)m->argc + 1);

	for (int i = 0; i < m->argc; i++)
		argv[i] = pool_strdup(m->pool, expand_word(m, m->argv[i]));
	if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
		(void)execvp(argv[0], argv);
	(void)fprintf(stderr, "culveradm: cannot run '%s': %s\n", argv[0],
		      strerror(errno));
	_exit(127);
}

static int start_command(struct adm_mail *m, struct cv_error *err)
{
	struct plan *plan = m->state;
	int to[2], from[2];

	if (is_location(m))
		return CV_OK;
	(void)signal(SIGPIPE, SIG_IGN);
	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		return FAIL_ERRNO(err, errno, "cannot make a pipe");
	plan->pid = fork();
	if (plan->pid < 0)
		return FAIL_ERRNO(err, errno, "cannot start a process");
	if (plan->pid == 0) {
		(void)signal(SIGPIPE, SIG_DFL);
		run_command(m, to[0], from[1]);
	}
	(void)close(to[0]);
	(void)close(from[1]);
	plan->in = from[0];
	plan->out = to[1];
	return CV_OK;
}

/* Waits for it: after a failure not for ever, for it may wait for something
 * else than its input. */
static bool wait_command(const struct plan *plan, bool failed, int *status_r)
{
	enum { PATIENCE_MSECS = 5000, STEP_MSECS = 20 };
	const struct timespec step = { .tv_nsec = STEP_MSECS * 1000000L };

	for (int waited = 0; waited < PATIENCE_MSECS; waited += STEP_MSECS) {
		pid_t got = waitpid(plan->pid, status_r, failed ? WNOHANG : 0);

		if (got > 0)
			return true;
		if (got < 0 && errno != EINTR)
			return false;
		if (failed)
			(void)nanosleep(&step, NULL);
	}
	return false;
}

/* ret: of the run.  How the command ended often says why the run failed. */
static int end_command(const struct plan *plan, int ret, struct cv_error *err)
{
	char text[ERROR_TEXT_MAX];
	int status;

	if (plan->pid <= 0 || !wait_command(plan, ret < 0, &status) ||
	    (WIFEXITED(status) && WEXITSTATUS(status) == 0))
		return ret;
	(void)snprintf(text, sizeof(text), "%s%s", ret < 0 ? err->text : "",
		       ret < 0 ? ": " : "");
	return FAIL(err, ret < 0 ? ret : CV_E_TEMP, "%sthe command ended with "
		    "%s %d", text, WIFEXITED(status) ? "status" : "signal",
		    WIFEXITED(status) ? WEXITSTATUS(status) :
		    WTERMSIG(status));
}

/* --- the ends ----------------------------------------------------------------------- */

int adm_sync_open_user(struct adm_mail *m, const char *location,
		       uint64_t modseq, struct cv_user **user_r,
		       struct cv_error *err)
{
	struct user_fields fields = {
		.name = user_name(m->user), .home = user_home(m->user),
		.uid = geteuid(), .gid = getegid(),
	};
	struct user_config config = {
		.settings = user_settings(m->user),
		.scope = user_scope(m->user), .location = location,
		.first_modseq = modseq,
		.inspect = m->dry ? USER_INSPECT_TREE : USER_INSPECT_NONE,
	};

	return user_create(&fields, &config, user_r, err);
}

int adm_sync_no_mail(const char *location, struct cv_error *err)
{
	return FAIL(err, CV_E_NOT_FOUND, "there is no mail in '%s'",
		    location);
}

int adm_sync_check_other(const struct cv_user *other,
			 struct cv_user *user, const char *name,
			 const char *location, struct cv_error *err)
{
	if (mailbox_store_is_within(other, user, name))
		return FAIL(err, CV_E_CONFIG, "'%s' is the user's mail "
			    "itself, or lies in it", location);
	return CV_OK;
}

/* "dovecot-sdbox:PATH", which is no store of ours; false: something else. */
static bool is_dovecot(const struct adm_mail *m, bool *multi_r)
{
	*multi_r = strncmp(m->argv[0], "dovecot-mdbox:", 14) == 0;
	return *multi_r || strncmp(m->argv[0], "dovecot-sdbox:", 14) == 0;
}

static int open_dovecot(struct adm_mail *m, bool multi,
			struct sync_side **side_r, struct cv_error *err)
{
	const struct plan *plan = m->state;
	const char *path = expand_word(m, strchr(m->argv[0], ':') + 1);

	if (!plan->mirror || plan->reverse)
		return FAIL(err, CV_E_UNSUPPORTED, "%s can only become a copy "
			    "(hint: a tree of Dovecot is read as sdbox:PATH "
			    "or mdbox:PATH)", m->argv[0]);
	if (strncmp(path, "~/", 2) == 0)
		path = pool_printf(m->pool, "%s%s", user_home(m->user),
				   path + 1);
	if (path[0] != '/' || strchr(path, ':') != NULL)
		return FAIL(err, CV_E_CONFIG, "%s: an absolute path is wanted, "
			    "and nothing else", m->argv[0]);
	return sync_dovecot_open(path, multi, m->argv[0], side_r, err);
}

static int open_other(struct adm_mail *m, uint64_t modseq,
		      struct sync_side **side_r, struct cv_error *err)
{
	struct plan *plan = m->state;
	struct cv_user *user;
	bool multi;
	int ret;

	if (is_dovecot(m, &multi))
		return open_dovecot(m, multi, side_r, err);
	if (!is_location(m))
		return sync_remote_open(plan->in, plan->out, m->argv[0],
					side_r, err);
	ret = adm_sync_open_user(m, m->argv[0], modseq, &user, err);
	if (ret == CV_OK && m->dry && !mailbox_store_exists(user)) {
		user_destroy(&user);
		sync_empty_open(m->argv[0], side_r);
		return CV_OK;
	}
	return ret < 0 ? ret : sync_local_open(user, true, m->argv[0], side_r,
					       err);
}

/* One store at both ends would be emptied as fast as it was filled.  And a
 * source that is not there must not be made, to be mirrored. */
static int check_location(struct adm_mail *m, struct cv_error *err)
{
	const struct plan *plan = m->state;
	struct cv_user *user;
	bool multi;
	int ret;

	if (!is_location(m) || is_dovecot(m, &multi))
		return CV_OK;
	ret = adm_sync_open_user(m, m->argv[0], 0, &user, err);
	if (ret < 0)
		return ret;
	if (plan->reverse && !mailbox_store_exists(user))
		ret = adm_sync_no_mail(m->argv[0], err);
	else
		ret = adm_sync_check_other(user, m->user, NULL, m->argv[0],
					   err);
	user_destroy(&user);
	return ret;
}

/* --- the state ------------------------------------------------------------------------ */

/* One file for each other account, in the user's home. */
static int state_path(struct adm_mail *m, const struct sync_side *a,
		      const struct sync_side *b, const char **path_r,
		      struct cv_error *err)
{
	const char *home = user_home(m->user), *dir;
	struct cv_text ids;

	if (m->option['s'] != NULL) {
		*path_r = m->option['s'];
		return CV_OK;
	}
	if (*home == '\0')
		return FAIL(err, CV_E_CONFIG, "the user has no home for the "
			    "sync state (hint: -s FILE)");
	dir = pool_printf(m->pool, "%s/.culver-sync", home);
	if (!m->dry && mkdir(dir, 0700) < 0 && errno != EEXIST)
		return FAIL_ERRNO(err, errno, "cannot create '%s'", dir);
	cv_text_init(&ids, m->pool);
	hex_encode(&ids, a->id, 8);
	cv_text_append_c(&ids, '-');
	hex_encode(&ids, b->id, 8);
	cv_text_append_f(&ids, "-%08x", crc32c(0, b->label,
					       strlen(b->label)));
	*path_r = pool_printf(m->pool, "%s/%s", dir, cv_text_str(&ids));
	return CV_OK;
}

/* --- the run ---------------------------------------------------------------------------- */

static void show(void *context, const char *mailbox, uint64_t done,
		 uint64_t total)
{
	(void)context;
	adm_progress(mailbox, done, total);
}

static void failed(void *context, const struct cv_error *err)
{
	adm_progress_end();
	adm_mail_failed(context, err);
}

static void damaged(void *context, const struct cv_error *err)
{
	adm_progress_end();
	adm_mail_damaged(context, err);
}

/* A run that failed at once has nothing to report. */
static bool did_anything(const struct sync_report *r)
{
	static const struct sync_report nothing = { 0 };

	return memcmp(r->created, nothing.created,
		      offsetof(struct sync_report, failures)) != 0;
}

static void print_report(struct adm_mail *m, const struct sync_report *r)
{
	const struct plan *plan = m->state;

	for (int side = 0; side < 2; side++) {
		/* "local" is the user's own mail, whichever way it goes */
		int end = plan->reverse ? !side : side;
		const uint64_t values[] = {
			r->saved[end], r->saved_bytes[end],
			r->expunged[end], r->changed[end],
			r->renumbered[end], r->created[end], r->removed[end],
			r->renamed[end], r->subscriptions[end],
			r->entries[end], r->damaged[end], r->annotated[end],
		};

		adm_mail_value(m, side == 0 ? "local" : "other");
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]);
		     i++)
			adm_mail_f(m, "%llu", (unsigned long long)values[i]);
	}
}

static bool in_namespace(void *context, const char *name)
{
	const struct adm_mail *m = context;
	const struct plan *plan = m->state;

	return sync_local_space_of(plan->local, name) == plan->space;
}

/* What others have, and what they show to this user only: whether it is gone
 * cannot be told. */
static bool may_be_hidden(void *context, const char *name)
{
	const struct adm_mail *m = context;
	const struct plan *plan = m->state;

	return sync_local_is_others(plan->local, name);
}

/* -N, and for -n of any namespace */
static int widen(const struct adm_mail *m, struct sync_side *side,
		 struct cv_error *err)
{
	if ((m->option['N'] == NULL && m->option['n'] == NULL) ||
	    side->ops->widen == NULL)
		return CV_OK;
	return side->ops->widen(side, err);
}

static int choose_namespace(struct adm_mail *m, const struct sync_side *local,
			    struct cv_error *err)
{
	struct plan *plan = m->state;

	if (m->dry && !mailbox_store_exists(m->user))
		return CV_OK;
	plan->local = local;
	/* a copy of the user's own is what the user sees */
	if (!plan->mirror || plan->reverse || !is_location(m))
		plan->options.lasts = may_be_hidden;
	if (m->option['n'] == NULL)
		return CV_OK;
	plan->options.wanted = in_namespace;
	return sync_local_space(local, m->option['n'], &plan->space, err);
}

/* What cannot be had at the other end, so that nobody finds out later. */
static void say_left(const struct sync_side *to)
{
	struct cv_pool *pool;
	struct cv_text text;

	if (to->ops->left == NULL)
		return;
	pool = pool_create("sync left");
	cv_text_init(&text, pool);
	to->ops->left(to, &text);
	fprintf(stderr, "%s: %s\n", to->label, cv_text_str(&text));
	pool_destroy(&pool);
}

static int run_sides(struct adm_mail *m, struct sync_side *local,
		     struct sync_side *other, struct cv_error *err)
{
	struct plan *plan = m->state;
	struct sync_report report = { 0 };
	int ret = choose_namespace(m, local, err);

	if (ret < 0)
		return ret;
	plan->options.mirror = plan->mirror;
	plan->options.dry_run = m->dry;
	plan->options.full = m->option['f'] != NULL;
	plan->options.mask = m->option['m'];
	plan->options.exclude = m->option['x'];
	plan->options.failed = failed;
	plan->options.damaged = damaged;
	plan->options.context = m;
	plan->options.progress = show;
	if (!plan->mirror)
		ret = state_path(m, local, other, &plan->options.state_path,
				 err);
	if (ret == CV_OK)
		ret = plan->reverse ?
			sync_run(other, local, &plan->options, &report, err) :
			sync_run(local, other, &plan->options, &report, err);
	adm_progress_end();
	if (report.inbox_differs)
		(void)fprintf(stderr, "culveradm: INBOX keeps its own object "
			      "id at each end: it is in use at both\n");
	if (ret == CV_OK || did_anything(&report))
		print_report(m, &report);
	if (ret == CV_OK && report.failures == 0 && !plan->options.dry_run)
		say_left(plan->reverse ? local : other);
	return ret;
}

static int sync_verb_run(struct adm_mail *m, struct cv_error *err)
{
	struct plan *plan = m->state;
	struct sync_side *local = NULL, *other = NULL;
	struct cv_pool *pool = pool_create("sync list");
	struct sync_words words;
	sync_boxes boxes;
	int ret = check_location(m, err);

	sync_words_init(&words, pool);
	array_init(&boxes, pool);
	if (ret == CV_OK && m->dry && !mailbox_store_exists(m->user))
		sync_empty_open(user_name(m->user), &local);
	else if (ret == CV_OK)
		ret = sync_local_open(m->user, false, user_name(m->user),
				      &local, err);
	/* a store that is made now begins behind our modseqs */
	if (ret == CV_OK)
		ret = widen(m, local, err);
	if (ret == CV_OK) {
		local->words = &words;
		ret = local->ops->list(local, pool, &boxes, err);
	}
	if (ret == CV_OK)
		ret = open_other(m, local->modseq, &other, err);
	if (ret == CV_OK)
		ret = widen(m, other, err);
	if (ret == CV_OK)
		ret = run_sides(m, local, other, err);
	if (other != NULL)
		other->ops->close(&other);
	if (local != NULL)
		local->ops->close(&local);
	pool_destroy(&pool);
	return end_command(plan, ret, err);
}

static int prepare(struct adm_mail *m, bool mirror)
{
	struct plan *plan = pool_new(m->pool, struct plan);
	bool multi;

	plan->mirror = mirror;
	plan->reverse = m->option['R'] != NULL;
	m->state = plan;
	m->dry = m->option[OPTION_DRY] != NULL;
	m->before = start_command;
	if (m->argc == 0)
		return adm_mail_usage(m, "with what? (a mail location, or a "
				      "command that runs culveradm "
				      "sync-server)");
	if (is_location(m) && m->argc > 1)
		return adm_mail_usage(m, "'%s' is too much behind the "
				      "location%s", m->argv[1],
				      m->argv[1][0] == '-' ? " (hint: options "
				      "stand before it)" : "");
	if (is_location(m) && !is_dovecot(m, &multi))
		m->location = m->argv[0];
	return ADM_OK;
}

static int prepare_sync(struct adm_mail *m) { return prepare(m, false); }
static int prepare_backup(struct adm_mail *m) { return prepare(m, true); }

/* --- the other end -------------------------------------------------------------------------- */

static int server_prepare(struct adm_mail *m)
{
	return m->argc == 0 ? ADM_OK : adm_mail_usage(m, "too many "
						      "arguments");
}

static int server_run(struct adm_mail *m, struct cv_error *err)
{
	struct sync_side *side;
	int ret;

	(void)signal(SIGPIPE, SIG_IGN);
	ret = sync_local_open(m->user, false, user_name(m->user), &side, err);
	if (ret < 0)
		return ret;
	ret = sync_serve(side, STDIN_FILENO, STDOUT_FILENO, err);
	side->ops->close(&side);
	return ret;
}

/* --- the verbs -------------------------------------------------------------------------------- */

static const char *const columns[] = {
	"store", "saved", "bytes", "expunged", "changed", "renumbered",
	"created", "removed", "renamed", "subscriptions", "annotations",
	"damaged", "annotated", NULL,
};

static const struct option options[] = {
	{ "dry-run", no_argument, NULL, OPTION_DRY },
	{ NULL, 0, NULL, 0 },
};

static const struct adm_mail_verb sync_verb = {
	"sync", "[-f] [--dry-run] [-N|-n NAMESPACE] [-m MAILBOX] [-x MAILBOX] "
	"[-s STATEFILE] LOCATION|COMMAND...", "fNn:m:x:s:", ADM_FORMAT_TABLE,
	columns, prepare_sync, sync_verb_run,
	"makes the mail of two stores or servers equal, both ways\n"
	"-f         also compares mailboxes that have not changed since the "
	"last run\n"
	"--dry-run  changes nothing, and tells what would be done\n"
	"-N         shared and public namespaces, too\n"
	"-n         only the namespace with this prefix\n"
	"-m         only mailboxes whose names match\n"
	"-x         all but mailboxes whose names match\n"
	"-s         keeps the last common state in this file", options,
};
static const struct adm_mail_verb backup_verb = {
	"backup", "[-f] [-R] [--dry-run] [-N|-n NAMESPACE] [-m MAILBOX] "
	"[-x MAILBOX] LOCATION|COMMAND...", "fNRn:m:x:", ADM_FORMAT_TABLE,
	columns, prepare_backup, sync_verb_run,
	"makes the other store an exact copy\n"
	"-f         even of a source that has never had a message\n"
	"-R         this one becomes a copy of the other\n"
	"--dry-run  changes nothing, and tells what would be done\n"
	"-N         shared and public namespaces, too\n"
	"-n         only the namespace with this prefix\n"
	"-m         only mailboxes whose names match\n"
	"-x         all but mailboxes whose names match", options,
};
static const struct adm_mail_verb server_verb = {
	"sync-server", "", "", ADM_FORMAT_FLOW, NULL, server_prepare,
	server_run,
	"the other end of sync and backup, on standard input and output",
	NULL,
};

static int run_sync(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run(adm, &sync_verb, argc, argv);
}

static int run_backup(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run(adm, &backup_verb, argc, argv);
}

static int run_server(struct adm *adm, int argc, char **argv)
{
	return adm_mail_run(adm, &server_verb, argc, argv);
}

const struct adm_verb adm_sync_verb = {
	.name = "sync",
	.args = "[-u USER|-A|-F FILE] [-f] [--dry-run] [-N|-n NAMESPACE] "
		"[-m MAILBOX] [-x MAILBOX] [-s STATEFILE] "
		"LOCATION|COMMAND...",
	.help = "makes the mail of two stores or servers equal, both ways",
	.run = run_sync,
	.mail = &sync_verb, .count = 1,
};

const struct adm_verb adm_backup_verb = {
	.name = "backup",
	.args = "[-u USER|-A|-F FILE] [-f] [-R] [--dry-run] [-N|-n NAMESPACE] "
		"[-m MAILBOX] [-x MAILBOX] LOCATION|COMMAND...",
	.help = "makes the other store an exact copy; -R: this one of the "
		"other",
	.run = run_backup,
	.mail = &backup_verb, .count = 1,
};

const struct adm_verb adm_sync_server_verb = {
	.name = "sync-server", .args = "[-u USER]",
	.help = "the other end of sync and backup, on standard input and "
		"output",
	.run = run_server,
	.mail = &server_verb, .count = 1,
};
