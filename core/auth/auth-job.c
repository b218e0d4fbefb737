/* auth-job.c - work that may take long. */
#include "auth-job.h"
#include "auth-policy.h"
#include "auth-worker.h"
#include "ipc/auth-message.h"
#include "ipc/user-message.h"
#include "password-scheme.h"

static void run_list(struct auth_job *job)
{
	if (job->db->user == NULL || job->db->user->iterate == NULL) {
		job->result = FAIL(&job->error, CV_E_UNSUPPORTED,
				   "userdb %s cannot list its users",
				   job->db->driver);
		return;
	}
	job->result = job->db->user->iterate(job->db->db, job->found,
					     job->context, &job->error);
}

static void run_store(struct auth_job *job)
{
	const struct cv_passdb *pass = job->db->pass;

	if (pass == NULL || !CV_HAS(pass, store) || pass->store == NULL) {
		job->result = FAIL(&job->error, CV_E_UNSUPPORTED, "passdb %s "
				   "cannot change what is stored, as "
				   "one-time passwords need", job->db->driver);
		return;
	}
	job->result = pass->store(job->db->db, job->input,
				  cv_span_of(job->hash), job->password,
				  &job->error);
}

void auth_job_run(struct auth_job *job)
{
	switch (job->kind) {
	case AUTH_JOB_LOOKUP:
		job->result = auth_db_lookup(job->db, job->input, &job->reply,
					     &job->error);
		break;
	case AUTH_JOB_VERIFY:
		job->result = auth_db_verify(job->db, job->input,
					     job->password, &job->reply,
					     &job->error);
		break;
	case AUTH_JOB_HASH:
		job->result = password_verify(job->hash, job->scheme,
					      job->input->user, job->password,
					      &job->error);
		break;
	case AUTH_JOB_IDS:
		job->result = auth_ids_lookup(&job->names, &job->reply,
					      &job->error);
		break;
	case AUTH_JOB_STORE:
		run_store(job);
		break;
	case AUTH_JOB_HOST:
		job->result = auth_hosts_lookup(job->host, &job->reply,
						&job->error);
		break;
	case AUTH_JOB_POLICY:
		auth_policy_run(job);
		break;
	default:
		run_list(job);
	}
}

bool auth_job_is_quick(const struct auth_job *job)
{
	switch (job->kind) {
	case AUTH_JOB_LOOKUP:
		return job->db->pure;
	case AUTH_JOB_HASH:
		return !password_is_expensive(job->hash, job->scheme);
	default:
		return false;
	}
}

void auth_job_submit(struct auth_workers *workers, struct auth_job *job)
{
	if (workers != NULL && !auth_job_is_quick(job)) {
		auth_workers_submit(workers, job);
		return;
	}
	auth_job_run(job);
	job->done(job);
}

static bool auth_job_has_db(uint32_t kind)
{
	return kind != AUTH_JOB_HASH && kind != AUTH_JOB_IDS &&
		kind != AUTH_JOB_HOST && kind != AUTH_JOB_POLICY;
}

static const char *text_of(const char *text)
{
	return text == NULL ? "" : text;
}

void auth_job_put(struct ipc_writer *w, const struct auth_job *job)
{
	bool has_db = auth_job_has_db(job->kind);

	ipc_put_u32(w, job->id);
	ipc_put_u32(w, job->kind);
	ipc_put_bool(w, has_db && job->db->is_passdb);
	ipc_put_str(w, has_db ? job->db->driver : "");
	ipc_put_str(w, has_db ? job->db->args : "");
	ipc_put_str(w, job->hash);
	ipc_put_str(w, job->scheme);
	ipc_put_span(w, job->password);
	ipc_put_str(w, text_of(job->names.uid));
	ipc_put_str(w, text_of(job->names.gid));
	ipc_put_str(w, text_of(job->names.groups_of));
	ipc_put_str(w, text_of(job->host));
	ipc_put_u32(w, job->policy.when);
	ipc_put_bool(w, job->policy.success);
	ipc_put_bool(w, job->policy.refused);
	ipc_put_str(w, text_of(job->policy.client_id));
	auth_input_put(w, job->input, has_db ?
		       auth_input_needs_fields(job->db->facts.cache_key) :
		       job->policy.fields);
}

int auth_job_read(struct ipc_reader *r, struct auth_dbs *dbs,
		  struct cv_pool *pool, struct auth_job *job_r,
		  struct cv_error *err)
{
	struct cv_auth_input *input = pool_new(pool, struct cv_auth_input);
	const char *driver, *args;
	bool is_passdb;
	int ret;

	memset(job_r, 0, sizeof(*job_r));
	auth_reply_init(&job_r->reply, pool);
	job_r->id = ipc_get_u32(r);
	job_r->kind = ipc_get_u32(r);
	is_passdb = ipc_get_bool(r);
	driver = pool_strdup(pool, ipc_get_str(r, 64));
	args = pool_strdup(pool, ipc_get_str(r, AUTH_FIELD_VALUE_MAX));
	job_r->hash = pool_strdup(pool, ipc_get_str(r, PASSWORD_HASH_MAX));
	job_r->scheme = pool_strdup(pool, ipc_get_str(r, 64));
	job_r->password = pool_span(pool, ipc_get_span(r, PASSWORD_MAX));
	job_r->names.uid = pool_strdup(pool, ipc_get_str(r, USER_NAME_MAX));
	job_r->names.gid = pool_strdup(pool, ipc_get_str(r, USER_NAME_MAX));
	job_r->names.groups_of = pool_strdup(pool,
					     ipc_get_str(r, USER_NAME_MAX));
	job_r->host = pool_strdup(pool, ipc_get_str(r, AUTH_FIELD_VALUE_MAX));
	job_r->policy.when = ipc_get_u32(r);
	job_r->policy.success = ipc_get_bool(r);
	job_r->policy.refused = ipc_get_bool(r);
	job_r->policy.client_id =
		pool_strdup(pool, ipc_get_str(r, AUTH_CLIENT_ID_MAX));
	auth_input_read(r, pool, input);
	job_r->input = input;
	if ((ret = ipc_finish(r, err)) < 0)
		return ret;
	if (job_r->kind < AUTH_JOB_LOOKUP || job_r->kind > AUTH_JOB_POLICY)
		return FAIL(err, CV_E_SYNTAX, "unknown kind of job");
	if (!auth_job_has_db(job_r->kind))
		return CV_OK;
	job_r->db = auth_dbs_find(dbs, is_passdb, driver, args);
	if (job_r->db == NULL || ((job_r->kind == AUTH_JOB_VERIFY ||
				   job_r->kind == AUTH_JOB_STORE) &&
				  !is_passdb))
		return FAIL(err, CV_E_CONFIG, "no database '%s' with these "
			    "args in the settings of this process", driver);
	return CV_OK;
}

void auth_job_result_put(struct ipc_writer *w, const struct auth_job *job)
{
	ipc_put_u32(w, job->id);
	ipc_put_u32(w, (uint32_t)job->result);
	ipc_put_str(w, job->result < 0 ? job->error.text : "");
	auth_reply_put(w, &job->reply);
}

int auth_job_result_read(struct ipc_reader *r, struct auth_job *job,
			 struct cv_error *err)
{
	const char *text;
	int ret;

	job->result = (int)ipc_get_u32(r);
	text = ipc_get_str(r, ERROR_TEXT_MAX);
	auth_reply_read(r, &job->reply);
	if (job->result < 0)
		(void)FAIL(&job->error, job->result, "%s", text);
	if ((ret = ipc_finish(r, err)) < 0)
		return ret;
	if (job->result > CV_AUTH_OK_IF_KNOWN || job->result < STATUS_LOWEST)
		return FAIL(err, CV_E_SYNTAX, "impossible result %d",
			    job->result);
	return CV_OK;
}
