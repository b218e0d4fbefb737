/* auth.c - the engine of one process. */
#include "auth.h"
#include "auth-penalty.h"

#include <stdlib.h>

int auth_create(const struct settings_tree *tree, struct event_base *base,
		const struct auth_dbs_options *options,
		struct auth **auth_r, struct cv_error *err)
{
	struct cv_pool *pool = pool_create("auth");
	struct auth *auth = pool_new(pool, struct auth);
	struct settings_scope scope = { 0 };
	int ret;

	auth->pool = pool;
	auth->tree = tree;
	auth->base = base;
	ret = settings_get(tree, &auth_settings_table, &scope, pool,
			   &auth->set, err);
	if (ret == CV_OK)
		ret = auth_dbs_open(&auth->dbs, tree, pool, options, err);
	if (ret < 0) {
		pool_destroy(&pool);
		return ret;
	}
	auth->cache = auth_cache_create(auth->set.auth_cache_size,
					auth->set.auth_cache_ttl,
					auth->set.auth_cache_negative_ttl);
	*auth_r = auth;
	return CV_OK;
}

void auth_destroy(struct auth **auth)
{
	struct auth *a = *auth;
	struct cv_pool *pool;

	*auth = NULL;
	if (a == NULL)
		return;
	if (a->workers != NULL)
		auth_workers_destroy(&a->workers);
	auth_penalty_destroy(&a->penalty);
	auth_cache_destroy(&a->cache);
	auth_dbs_close(&a->dbs);
	pool = a->pool;
	pool_destroy(&pool);
}

/* One run over all userdbs. */
struct list_run {
	struct auth_job job;
	struct auth *auth;
	struct cv_pool *pool;
	struct cv_auth_input input;
	struct auth_db *next;
	cv_user_found_fn *found;
	void (*done)(void *context, int result, const struct cv_error *err);
	void *context;
	int result;
	struct cv_error error;
};

static bool list_found(void *context, struct cv_span user)
{
	struct list_run *run = context;

	return run->found(run->context, user);
}

static struct auth_db *next_lister(struct auth_db *db)
{
	while (db != NULL && !db->facts.lists)
		db = db->next;
	return db;
}

/* Also the callback of each job: the next database, or the end. */
static void list_step(struct auth_job *job)
{
	struct list_run *run = job->context;
	struct cv_pool *pool = run->pool;

	if (job->result < 0 && run->result == CV_OK) {
		run->result = job->result;
		run->error = job->error;
	}
	run->next = next_lister(run->next);
	if (run->next == NULL) {
		run->done(run->context, run->result, &run->error);
		pool_destroy(&pool);
		return;
	}
	memset(job, 0, sizeof(*job));
	job->kind = AUTH_JOB_LIST;
	job->db = run->next;
	run->next = run->next->next;
	auth_reply_init(&job->reply, run->pool);
	job->input = &run->input;
	job->found = list_found;
	job->done = list_step;
	job->context = run;
	auth_job_submit(run->auth->workers, job);
}

void auth_list_users(struct auth *auth, cv_user_found_fn *found,
		     void (*done)(void *context, int result,
				  const struct cv_error *err),
		     void *context)
{
	struct cv_pool *pool = pool_create("auth-list");
	struct list_run *run = pool_new(pool, struct list_run);

	run->auth = auth;
	run->pool = pool;
	run->found = found;
	run->done = done;
	run->context = context;
	run->next = next_lister(auth->dbs.userdbs);
	if (run->next == NULL) {
		run->result = FAIL(&run->error, CV_E_UNSUPPORTED,
				   "no userdb can list its users");
	}
	auth_input_init(&run->input, pool);
	run->job.context = run;
	list_step(&run->job);
}
