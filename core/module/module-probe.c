/* module-probe.c - reading descriptors in a child, because loading a shared
 * object runs its constructors.
 *
 * One child does all plugins, one after the other, and writes what it finds
 * to a pipe: a mark before each stage, then the result.  When it dies, the
 * plugin it was at is refused with what the last mark says, and another
 * child goes on with the next. */
#include "module-private.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PROBE_FD = 3,			/* the pipe, in the child */
	PROBE_RECORD_MAX = 1024 * 1024,
	PROBE_DEADLINE_MSECS = 15000,	/* without a sign of life */
};

enum probe_mark {
	PROBE_OPENING = 1, PROBE_READING, PROBE_IN_INIT, PROBE_CHECKING,
	/* with what a check has found: enum module_problem_kind */
	PROBE_PROBLEM, PROBE_WARNING, PROBE_SCHEME,
	PROBE_MISUSED,
	PROBE_REFUSED, PROBE_FOUND,	/* with a text, a descriptor */
};

struct probe_head { uint32_t mark, index, status, len; };

struct probe_job {
	const char *const *paths;
	const char *const *names;
	uint32_t count;
	const struct settings_tree *tree;
	struct module_values *values;	/* NULL: none */
	struct cv_pool *pool;
	struct module_probed *results;
};

/* --- the child ------------------------------------------------------------ */

static uint32_t child_index;

static void child_write(const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = write(PROBE_FD, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(0);
		at += n;
		len -= (size_t)n;
	}
}

static void child_mark(uint32_t mark, int status, const void *data, size_t len)
{
	struct probe_head head = {
		mark, child_index, (uint32_t)status, (uint32_t)len,
	};

	child_write(&head, sizeof(head));
	child_write(data, len);
}

static void child_misuse(const char *what)
{
	child_mark(PROBE_MISUSED, CV_E_ABI, what, strlen(what));
	_exit(0);
}

static void child_tell(enum module_problem_kind kind, struct cv_span data)
{
	child_mark(PROBE_PROBLEM + kind, CV_OK, data.data, data.len);
}

/* The settings that init will see: those of the configuration where they are
 * known, and are such that a server would start with them. */
static int child_settings(const struct probe_job *job,
			  struct cv_plugin *plugin, struct cv_error *err)
{
	struct settings_scope scope = { .protocol = NULL };

	if (job->values == NULL)
		return module_get_settings(plugin, job->tree, NULL, job->pool,
					   &plugin->settings, err);
	scope.protocol = probe_values_protocol(job->values, plugin,
					       job->pool);
	if (module_get_settings(plugin, job->values->tree, &scope, job->pool,
				&plugin->settings, NULL) == CV_OK)
		return CV_OK;
	return module_get_settings(plugin, NULL, NULL, job->pool,
				   &plugin->settings, err);
}

/* init with a host that takes notes, so that a crash in it is ours. */
static void child_init(const struct probe_job *job,
		       const struct cv_plugin_desc *code,
		       struct module_desc *desc)
{
	struct cv_error err = ERROR_NONE;
	struct cv_plugin plugin = {
		.desc = desc, .code = code, .in_init = true,
	};
	int ret;

	ret = module_register_settings(&plugin, &err);
	if (ret == CV_OK)
		ret = child_settings(job, &plugin, &err);
	if (ret == CV_OK) {
		module_dry_begin(job->pool);
		child_mark(PROBE_IN_INIT, CV_OK, "", 0);
		ret = code->init(module_dry_host(), &plugin, &err);
		module_dry_end(&desc->registrations,
			       &desc->registration_count);
	}
	if (ret < 0)
		desc->init_error = pool_strdup(job->pool, err.text[0] == '\0' ?
					       status_name(ret) : err.text);
	if (ret < 0 || job->values == NULL)
		return;
	plugin.in_init = false;
	child_mark(PROBE_CHECKING, CV_OK, "", 0);
	probe_values_run(job->values, &plugin, job->pool, child_tell);
}

static int child_probe_one(const struct probe_job *job, const char *path,
			   const char *name, struct cv_text *out,
			   struct cv_error *err)
{
	const struct cv_plugin_desc *code;
	struct module_desc desc;
	int ret;

	child_mark(PROBE_OPENING, CV_OK, "", 0);
	/* libltdl's own words say little, and it would find a missing
	 * function only when it is called. */
	if (dlopen(path, RTLD_NOW | RTLD_LOCAL) == NULL)
		return FAIL(err, CV_E_PERM, "the system cannot load it: %s",
			    dlerror());
	if ((ret = module_open(path, &code, err)) < 0)
		return ret;
	child_mark(PROBE_READING, CV_OK, "", 0);
	if ((ret = module_check_desc(code, name, err)) < 0 ||
	    (ret = module_copy_desc(code, path, job->pool, &desc, err)) < 0)
		return ret;
	child_init(job, code, &desc);
	module_wire_put(out, &desc);
	if (out->len > PROBE_RECORD_MAX)
		return FAIL(err, CV_E_LIMIT, "its descriptor is too large");
	return CV_OK;
}

__attribute__((noreturn))
static void child_run(const struct probe_job *job, uint32_t from, int fd)
{
	int null = open("/dev/null", O_RDWR);

	for (int i = 0; i < 3 && null >= 0; i++)
		(void)dup2(null, i);
	if (fd != PROBE_FD && dup2(fd, PROBE_FD) < 0)
		_exit(1);
	(void)close_range(PROBE_FD + 1, ~0u, 0);
	log_set_sink(NULL, NULL);
	module_dry_misuse = child_misuse;
	probe_sandbox_enter();
	for (child_index = from; child_index < job->count; child_index++) {
		struct cv_error err = ERROR_NONE;
		struct cv_text out;
		int ret;

		if (job->results[child_index].status != CV_OK)
			continue;	/* refused by looking at the file */
		cv_text_init(&out, job->pool);
		ret = child_probe_one(job, job->paths[child_index],
				      job->names[child_index], &out, &err);
		if (ret < 0)
			child_mark(PROBE_REFUSED, ret, err.text,
				   strlen(err.text));
		else
			child_mark(PROBE_FOUND, CV_OK, out.data, out.len);
	}
	_exit(0);	/* no destructors, no exit handlers of ours */
}

/* --- the parent ------------------------------------------------------------ */

struct probe_state {
	int fd;
	struct cv_pool *scratch;	/* for one record */
	uint32_t index;		/* the plugin the child is at */
	uint32_t mark;		/* its last one */
	bool hung;
};

/* False: the child has ended, or says nothing any more. */
static bool parent_read(struct probe_state *state, void *dst, size_t len)
{
	char *at = dst;

	while (len > 0) {
		struct pollfd pfd = { .fd = state->fd, .events = POLLIN };
		int ready = poll(&pfd, 1, PROBE_DEADLINE_MSECS);
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0)
			state->hung = true;
		if (ready <= 0)
			return false;
		n = read(state->fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static void refuse(const struct probe_job *job, uint32_t index, int status,
		   const char *text)
{
	struct module_probed *result = &job->results[index];

	result->status = status >= 0 ? CV_E_PERM : status;
	result->error = pool_strdup(job->pool, text);
}

static void accept_desc(const struct probe_job *job, uint32_t index,
			struct cv_span data)
{
	struct cv_error err = ERROR_NONE;
	struct module_desc *desc = pool_new(job->pool, struct module_desc);
	int ret = module_wire_get(data, job->pool, desc, &err);

	if (ret < 0)
		refuse(job, index, ret, err.text);
	else
		job->results[index].desc = desc;
}

/* Reads one record.  False when there is no further one. */
static bool parent_step(const struct probe_job *job,
			struct probe_state *state)
{
	struct probe_head head;
	uint32_t before = state->mark;
	char *data;

	if (!parent_read(state, &head, sizeof(head)))
		return false;
	if (head.len > PROBE_RECORD_MAX || head.index >= job->count ||
	    head.index < state->index)
		return false;
	pool_reset(state->scratch);
	data = pool_alloc(state->scratch, (size_t)head.len + 1);
	if (!parent_read(state, data, head.len))
		return false;
	state->index = head.index;
	state->mark = head.mark;
	if (head.mark == PROBE_REFUSED)
		refuse(job, head.index, (int)head.status, data);
	else if (head.mark == PROBE_MISUSED)
		refuse(job, head.index, CV_E_ABI, pool_printf(job->pool,
			"its %s called %s, but %s (hint: do that in a hook)",
			before >= PROBE_CHECKING ? "check" : "init", data,
			before >= PROBE_CHECKING ? "a check may only look" :
			"init may only register"));
	else if (head.mark >= PROBE_PROBLEM && head.mark <= PROBE_SCHEME &&
		 job->values != NULL)
		module_values_take(job->values, head.mark - PROBE_PROBLEM,
				   cv_span(data, head.len));
	else if (head.mark == PROBE_FOUND)
		accept_desc(job, head.index, cv_span(data, head.len));
	if (head.mark >= PROBE_MISUSED)
		state->index++;		/* this one is settled */
	return true;
}

static const char *describe_end(struct cv_pool *pool, int wait_status)
{
	if (wait_status == -1)
		return "the process that looked at it died";
	if (WIFSIGNALED(wait_status))
		return pool_printf(pool, "it crashed with signal %d (%s)",
				   WTERMSIG(wait_status),
				   strsignal(WTERMSIG(wait_status)));
	return pool_printf(pool, "it ended the process with status %d",
			   WEXITSTATUS(wait_status));
}

static void blame(const struct probe_job *job, const struct probe_state *state,
		  int wait_status)
{
	static const char *const stages[] = {
		[PROBE_OPENING] = "while it was loaded, before its descriptor "
			"could be read: a constructor of it, or of a library "
			"it needs, is broken",
		[PROBE_READING] = "while its descriptor was read: that has "
			"pointers that lead nowhere",
		[PROBE_IN_INIT] = "in its init function",
		[PROBE_CHECKING] = "while it looked its settings over",
		[PROBE_PROBLEM] = "while it looked its settings over",
		[PROBE_WARNING] = "while it looked its settings over",
		[PROBE_SCHEME] = "while it looked its settings over",
	};
	const char *stage = state->mark < sizeof(stages) / sizeof(stages[0]) &&
		stages[state->mark] != NULL ? stages[state->mark] :
		"before it was looked at";

	refuse(job, state->index, CV_E_PERM, pool_printf(job->pool,
		"%s %s (hint: the server goes on without it with "
		"plugin_on_error = skip)", state->hung ?
		"it did not come back within 15 seconds" :
		describe_end(job->pool, wait_status), stage));
}

static int wait_for(pid_t pid)
{
	int status;

	for (;;) {
		if (waitpid(pid, &status, 0) == pid)
			return status;
		if (errno != EINTR)
			return -1;	/* somebody else has waited for it */
	}
}

/* One child from plugin number *from; *from becomes the next one to do. */
static int run_child(const struct probe_job *job, uint32_t *from,
		     struct cv_error *err)
{
	struct probe_state state = { .index = *from };
	int fds[2], status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return FAIL_ERRNO(err, errno, "cannot make a pipe to look at "
				  "plugins");
	(void)fflush(NULL);
	pid = fork();
	if (pid < 0) {
		status = errno;
		(void)close(fds[0]);
		(void)close(fds[1]);
		return FAIL_ERRNO(err, status, "cannot fork to look at "
				  "plugins");
	}
	if (pid == 0)
		child_run(job, *from, fds[1]);
	(void)close(fds[1]);
	state.fd = fds[0];
	state.scratch = pool_create("probe");
	while (parent_step(job, &state))
		;
	pool_destroy(&state.scratch);
	(void)close(fds[0]);
	if (state.index < job->count)
		(void)kill(pid, SIGKILL);
	status = wait_for(pid);
	while (state.index < job->count &&
	       job->results[state.index].status != CV_OK)
		state.index++;
	if (state.index < job->count)
		blame(job, &state, status);
	*from = state.index + 1;
	return CV_OK;
}

static int run_job(const struct probe_job *job, struct cv_error *err)
{
	uint32_t from = 0;

	while (from < job->count) {
		int ret;

		if (job->results[from].status != CV_OK) {
			from++;
			continue;
		}
		if ((ret = run_child(job, &from, err)) < 0)
			return ret;
	}
	return CV_OK;
}

static int probe_names(struct probe_job *job, const char *dir,
		       const struct module_probed **results_r,
		       struct cv_error *err)
{
	const char **paths = pool_new_array(job->pool, const char *,
					    job->count);
	int ret = module_check_folder(dir, err);

	if (ret < 0)
		return ret;
	job->paths = paths;
	job->results = pool_new_array(job->pool, struct module_probed,
				      job->count);
	for (uint32_t i = 0; i < job->count; i++) {
		struct cv_error file_err = ERROR_NONE;
		const char *name = job->names[i];

		job->results[i].name = name;
		paths[i] = pool_printf(job->pool, "%s/%s.so", dir, name);
		if (!module_name_is_valid(name))
			refuse(job, i, CV_E_CONFIG, "that is no name of a "
			       "plugin: letters, digits, '-' and '_' only");
		else if ((ret = module_check_file(paths[i], true,
						  &file_err)) < 0)
			refuse(job, i, ret, file_err.text);
	}
	ret = run_job(job, err);
	*results_r = job->results;
	return ret;
}

int module_probe(const char *dir, const char *const *names, uint32_t count,
		 const struct settings_tree *tree, struct cv_pool *pool,
		 const struct module_probed **results_r, struct cv_error *err)
{
	struct probe_job job = {
		.names = names, .count = count, .tree = tree, .pool = pool,
	};

	return probe_names(&job, dir, results_r, err);
}

int module_probe_values(const char *dir, const char *const *names,
			uint32_t count, struct module_values *values,
			struct cv_pool *pool,
			const struct module_probed **results_r,
			struct cv_error *err)
{
	struct probe_job job = {
		.names = names, .count = count, .values = values,
		.pool = pool,
	};

	return probe_names(&job, dir, results_r, err);
}

int module_probe_file(const char *path, const struct settings_tree *tree,
		      struct cv_pool *pool, const struct module_desc **desc_r,
		      struct cv_error *err)
{
	char *absolute = realpath(path, NULL);
	const char *full, *name;
	struct module_probed result = { .status = CV_OK };
	struct probe_job job = { .count = 1, .tree = tree, .pool = pool,
		.results = &result };
	size_t len;
	int ret;

	if (absolute == NULL)
		return FAIL_ERRNO(err, errno, "cannot open '%s'", path);
	full = pool_strdup(pool, absolute);
	free(absolute);
	name = strrchr(full, '/') + 1;
	len = strlen(name);
	if (len > 3 && strcmp(name + len - 3, ".so") == 0)
		name = pool_copy(pool, name, len - 3);
	job.paths = &full;
	job.names = &name;
	if ((ret = module_check_file(full, false, err)) < 0 ||
	    (ret = run_job(&job, err)) < 0)
		return ret;
	if (result.status != CV_OK)
		return FAIL(err, result.status, "%s", result.error);
	*desc_r = result.desc;
	return CV_OK;
}
