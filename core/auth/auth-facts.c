/* auth-facts.c - a child opens what auth does not load, and tells of it. */
#include "auth-facts.h"
#include "ipc/ipc.h"
#include "module/module.h"
#include "password-scheme.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	FACTS_MSG_DB = 0x480, FACTS_MSG_END, FACTS_MSG_FAILED,
	FACTS_DBS_MAX = 1000, FACTS_TEXT_MAX = 4096,
};

/* --- the child ------------------------------------------------------------ */

static int send_one(int fd, const struct auth_db *db, struct cv_error *err)
{
	const struct auth_db_facts *facts = &db->facts;
	struct ipc_writer *w = &ipc_scratch;

	ipc_begin(w, FACTS_MSG_DB);
	ipc_put_bool(w, facts->looks_up);
	ipc_put_bool(w, facts->verifies);
	ipc_put_bool(w, facts->lists);
	ipc_put_str(w, facts->scheme);
	ipc_put_bool(w, facts->cache_key != NULL);
	ipc_put_str(w, facts->cache_key);
	ipc_put_str(w, db->is_passdb && !db->deny && !facts->verifies ?
		    auth_db_dummy_hash(db) : "");
	return ipc_send(fd, w, err);
}

int auth_facts_send(int fd, const struct auth_dbs *dbs, struct cv_error *err)
{
	for (uint32_t i = 0; i < dbs->count; i++) {
		int ret = send_one(fd, auth_dbs_get(dbs, i), err);

		if (ret != CV_OK)
			return ret;
	}
	ipc_begin(&ipc_scratch, FACTS_MSG_END);
	return ipc_send(fd, &ipc_scratch, err);
}

static int child_open(const struct settings_tree *tree, struct auth_dbs *dbs,
		      struct cv_error *err)
{
	const struct module_role role = {
		.process = "auth-worker", .wants = MODULE_WANT_AUTH,
	};
	int ret;

	module_unload_all();
	if ((ret = module_load_role(tree, &role, err)) < 0)
		return ret;
	return auth_dbs_open(dbs, tree, pool_create("facts"), NULL, err);
}

__attribute__((noreturn))
static void child_run(const struct settings_tree *tree, int fd)
{
	struct cv_error err = ERROR_NONE;
	struct auth_dbs dbs;
	int ret;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	ret = child_open(tree, &dbs, &err);
	if (ret == CV_OK)
		ret = auth_facts_send(fd, &dbs, &err);
	if (ret != CV_OK) {
		ipc_begin(&ipc_scratch, FACTS_MSG_FAILED);
		ipc_put_u32(&ipc_scratch, (uint32_t)ret);
		ipc_put_str(&ipc_scratch, err.text);
		(void)ipc_send(fd, &ipc_scratch, NULL);
	}
	_exit(0);
}

/* --- the parent ------------------------------------------------------------ */

static int take_failure(struct ipc_reader *r, struct cv_error *err)
{
	int code = (int)ipc_get_u32(r);
	const char *text = ipc_get_str(r, ERROR_TEXT_MAX);
	int ret = ipc_finish(r, err);

	if (ret != CV_OK)
		return ret;
	return FAIL(err, code < 0 && code >= STATUS_LOWEST ? code :
		    CV_E_INTERNAL, "%s", text);
}

static int take_one(struct ipc_reader *r, struct cv_pool *pool,
		    struct auth_db_facts *facts, struct cv_error *err)
{
	bool has_key;

	facts->looks_up = ipc_get_bool(r);
	facts->verifies = ipc_get_bool(r);
	facts->lists = ipc_get_bool(r);
	facts->scheme = pool_strdup(pool, ipc_get_str(r, FACTS_TEXT_MAX));
	has_key = ipc_get_bool(r);
	facts->cache_key = pool_strdup(pool, ipc_get_str(r, FACTS_TEXT_MAX));
	facts->dummy = pool_strdup(pool, ipc_get_str(r, PASSWORD_HASH_MAX));
	if (!has_key)
		facts->cache_key = NULL;
	return ipc_finish(r, err);
}

int auth_facts_receive(int fd, struct cv_pool *pool,
		       struct auth_dbs_options *options_r,
		       struct cv_error *err)
{
	ARRAY(struct auth_db_facts) list;
	struct ipc_reader r;
	int ret;

	array_init(&list, pool);
	for (;;) {
		ret = ipc_receive_wait(fd, AUTH_FACTS_MSECS, &r, err);
		if (ret != CV_OK)
			return ret;
		if (r.type == FACTS_MSG_END)
			break;
		if (r.type == FACTS_MSG_FAILED)
			return take_failure(&r, err);
		if (r.type != FACTS_MSG_DB || list.count == FACTS_DBS_MAX)
			return ipc_refuse(&r, "a database's driver", err);
		ret = take_one(&r, pool, array_add(&list), err);
		if (ret != CV_OK)
			return ret;
	}
	options_r->facts = list.items;
	options_r->fact_count = (uint32_t)list.count;
	return ipc_finish(&r, err);
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return status;
}

/* The child has ended without a word, or said nothing for too long. */
static int blame(int ret, int status, struct cv_error *err)
{
	if (ret == CV_E_TIMEOUT)
		return FAIL(err, CV_E_TIMEOUT, "the drivers of passdb { } "
			    "and userdb { } are not open after %d seconds",
			    AUTH_FACTS_MSECS / 1000);
	if (status != -1 && WIFSIGNALED(status) && ret == CV_EOF)
		return FAIL(err, CV_E_PERM, "a driver of passdb { } or "
			    "userdb { } crashed with signal %d (%s) when it "
			    "was opened", WTERMSIG(status),
			    strsignal(WTERMSIG(status)));
	if (ret == CV_EOF)
		return FAIL(err, CV_E_PERM, "a driver of passdb { } or "
			    "userdb { } ended the process that opened it");
	return ret;
}

int auth_facts_learn(const struct settings_tree *tree, struct cv_pool *pool,
		     struct auth_dbs_options *options_r, struct cv_error *err)
{
	int fds[2], ret, status;
	pid_t pid;

	if ((ret = ipc_pair(fds, false, err)) < 0)
		return ret;
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		(void)close(fds[0]);
		child_run(tree, fds[1]);
	}
	if (pid < 0)
		ret = FAIL_ERRNO(err, errno, "cannot fork to open databases");
	(void)close(fds[1]);
	if (pid > 0) {
		ret = auth_facts_receive(fds[0], pool, options_r, err);
		if (ret == CV_E_TIMEOUT)
			(void)kill(pid, SIGKILL);
		status = wait_for(pid);
		ret = blame(ret, status, err);
	}
	(void)close(fds[0]);
	return ret;
}
