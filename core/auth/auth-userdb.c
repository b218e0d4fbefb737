/* auth-userdb.c - the chain of userdbs, and what comes out of it. */
#include "auth-request.h"

#include <string.h>

enum userdb_stage {
	STAGE_NEXT, STAGE_ANSWERED, STAGE_JUDGE, STAGE_KNOWN, STAGE_IDS,
};

static bool is_left_out(const struct auth_request *request,
			const struct auth_db *db)
{
	return (db->skip == USERDB_SKIP_FOUND && request->success) ||
		(db->skip == USERDB_SKIP_NOTFOUND && !request->success);
}

static const char *field_of(const struct auth_request *request,
			    const char *name)
{
	const char *value = auth_reply_get(&request->userdb, name);

	return value == NULL ? "" : value;
}

static void chain_finish(struct auth_request *request, int result)
{
	request->done(request, result);
	auth_request_release(&request);
}

/* The names that the answer has are looked up, unless they are known. */
static void chain_end(struct auth_request *request)
{
	struct auth_job *job = &request->job;

	job->names = (struct auth_id_names){
		.uid = field_of(request, "uid"),
		.gid = field_of(request, "gid"),
		.groups_of = field_of(request, "system_groups_user"),
	};
	if (!request->success) {
		chain_finish(request, request->saw_internal ? CV_E_TEMP :
			     CV_AUTH_UNKNOWN_USER);
		return;
	}
	if (auth_ids_known(&job->names, &request->ids)) {
		chain_finish(request, CV_AUTH_OK);
		return;
	}
	request->stage = STAGE_IDS;
	job->kind = AUTH_JOB_IDS;
	job->db = NULL;
	job->input = &request->input;
	job->password = CV_SPAN_NONE;
	job->error = (struct cv_error)ERROR_NONE;
	auth_reply_init(&job->reply, request->pool);
	auth_job_submit(request->auth->workers, job);
}

static void take_ids(struct auth_request *request)
{
	struct auth_job *job = &request->job;
	int ret = job->result;

	request->error = job->error;
	if (ret >= 0)
		ret = auth_ids_take(&job->names, &job->reply, request->pool,
				    &request->ids, &request->error);
	if (ret < 0)
		log_error("auth", "%s: %s", auth_request_name(request),
			  request->error.text);
	chain_finish(request, ret < 0 ? CV_E_TEMP : CV_AUTH_OK);
}

/* "a=b<TAB>c=d" inside one field: more fields */
static int import_fields(struct auth_request *request,
			 struct cv_auth_reply *reply)
{
	const char *text = auth_reply_get(reply, "userdb_import");
	int ret;

	if (text == NULL)
		return CV_OK;
	ret = auth_reply_set_all(reply, cv_span_of(text), '\t',
				 &request->error);
	auth_reply_remove(reply, "userdb_import");
	return ret;
}

static int apply_fields(struct auth_request *request, const struct auth_db *db)
{
	struct cv_auth_reply *reply = &request->reply;

	if (import_fields(request, reply) < 0 ||
	    auth_request_add_fields(request, db, reply, &request->error) < 0 ||
	    auth_request_change_user(request, reply, &request->error) < 0)
		return request->error.code;
	auth_reply_remove(reply, "user");
	auth_reply_remove(reply, "username");
	auth_reply_remove(reply, "domain");
	auth_reply_merge(&request->userdb, reply);
	return CV_AUTH_OK;
}

static void apply_rule(struct auth_request *request, uint32_t rule)
{
	if (rule == AUTH_RULE_RETURN_OK || rule == AUTH_RULE_CONTINUE_OK)
		request->success = true;
	else if (rule == AUTH_RULE_RETURN_FAIL ||
		 rule == AUTH_RULE_CONTINUE_FAIL)
		request->success = false;
	request->db = rule == AUTH_RULE_RETURN_OK ||
		rule == AUTH_RULE_RETURN || rule == AUTH_RULE_RETURN_FAIL ?
		NULL : request->db->next;
}

static void judge(struct auth_request *request, int result)
{
	const struct auth_db *db = request->db;

	/* prefetch: what the passdb has said is all that is needed */
	if (db->prefetch)
		result = request->prefetched ? CV_AUTH_OK : CV_AUTH_NEXT;
	if (result == CV_AUTH_OK)
		result = apply_fields(request, db);
	/* a name that may be no part of a path is nobody's */
	if (result == CV_E_DENIED)
		result = CV_AUTH_UNKNOWN_USER;
	if (result < 0) {
		request->saw_internal = true;
		log_error("auth", "userdb %s: %s: %s", db->driver,
			  auth_request_name(request), request->error.text);
	} else if (result == CV_AUTH_UNKNOWN_USER &&
		   request->auth->set.auth_verbose) {
		log_info("auth", "userdb %s: %s: unknown user", db->driver,
			 auth_request_name(request));
	}
	apply_rule(request, auth_db_rule(db, result));
}

static bool cache_answers(struct auth_request *request)
{
	struct auth_cache *cache = request->auth->cache;
	struct cv_text key;

	request->cache_key = CV_SPAN_NONE;
	cv_text_init(&key, request->pool);
	if (cache == NULL || !auth_cache_key(request->db, &request->input,
					     &key))
		return false;
	request->cache_key = cv_text_span(&key);
	if (!auth_cache_find(cache, request->cache_key, &request->job.result,
			     &request->reply))
		return false;
	request->cache_key = CV_SPAN_NONE;
	return true;
}

static void cache_store(struct auth_request *request, int result)
{
	if (request->auth->cache != NULL && request->cache_key.len > 0 &&
	    (result == CV_AUTH_OK || result == CV_AUTH_UNKNOWN_USER))
		auth_cache_store(request->auth->cache, request->cache_key,
				 result, &request->reply, CV_SPAN_NONE);
}

/* False when the result is there already. */
static bool chain_ask(struct auth_request *request)
{
	struct auth_job *job = &request->job;

	auth_reply_init(&request->reply, request->pool);
	if (cache_answers(request))
		return false;
	job->kind = AUTH_JOB_LOOKUP;
	job->db = request->db;
	job->input = &request->input;
	job->password = CV_SPAN_NONE;
	job->error = (struct cv_error)ERROR_NONE;
	auth_reply_init(&job->reply, request->pool);
	return true;
}

/* The passdbs have said whether there is such a user. */
static void known_done(struct auth_request *known, int result)
{
	struct auth_request *request = known->context;
	struct auth_job *job = &request->job;

	if (result == CV_AUTH_UNKNOWN_USER && known->saw_verify_only) {
		result = FAIL(&request->error, CV_E_TEMP, "no passdb can tell "
			      "whether a user exists; if all addresses are to "
			      "be accepted, add allow_all_users=yes to the "
			      "userdb's args");
	} else if (result < 0) {
		(void)FAIL(&request->error, CV_E_TEMP, "whether there is such "
			   "a user could not be asked: a passdb failed");
	}
	job->result = result;
	job->done(job);
}

/* Asks them; comes back through the job's done. */
static void ask_passdbs(struct auth_request *request)
{
	struct auth_request *known = auth_request_create_like(request);

	known->context = request;
	request->known = known;
	auth_request_verify(known, CV_SPAN_NONE, known_done);
}

/* As its sister in auth-passdb.c. */
static void chain_step(struct auth_job *job)
{
	struct auth_request *request = job->context;

	if (request->stage == STAGE_KNOWN)
		auth_request_unref(&request->known);
	if (request->detached) {
		auth_request_release(&request);
		return;
	}
	if (request->stage == STAGE_IDS) {
		take_ids(request);
		return;
	}
	if (request->stage == STAGE_ANSWERED) {
		request->reply = job->reply;
		request->error = job->error;
	}
	for (;;) {
		if (request->stage != STAGE_NEXT &&
		    job->result == CV_AUTH_OK_IF_KNOWN) {
			if (!request->authenticated) {
				request->stage = STAGE_KNOWN;
				ask_passdbs(request);
				return;
			}
			job->result = CV_AUTH_OK;
		}
		if (request->stage != STAGE_NEXT) {
			cache_store(request, job->result);
			request->stage = STAGE_NEXT;
			judge(request, job->result);
		}
		while (request->db != NULL &&
		       is_left_out(request, request->db))
			request->db = request->db->next;
		if (request->db == NULL) {
			chain_end(request);
			return;
		}
		request->stage = STAGE_ANSWERED;
		if (chain_ask(request)) {
			auth_job_submit(request->auth->workers, job);
			return;
		}
		request->stage = STAGE_JUDGE;
	}
}

void auth_request_lookup_user(struct auth_request *request,
			      auth_request_fn *done)
{
	request->done = done;
	request->db = request->auth->dbs.userdbs;
	/* without a userdb, what the passdb has said is all there is */
	request->success = request->db == NULL;
	request->saw_internal = false;
	request->stage = STAGE_NEXT;
	request->job.done = chain_step;
	request->job.context = request;
	auth_request_ref(request);
	chain_step(&request->job);
}

/* --- the answer as the session wants it --------------------------------- */

void auth_request_user_info(struct auth_request *request,
			    struct user_info *info_r)
{
	static const char *const own[] = {
		"uid", "gid", "home", "mail", "chroot", "system_groups_user",
	};
	const struct cv_auth_reply *reply = &request->userdb;
	struct user_field *fields = pool_new_array(
		request->pool, struct user_field, reply->fields.count + 1);
	size_t k;

	memset(info_r, 0, sizeof(*info_r));
	info_r->name = request->input.user;
	info_r->login_name = request->input.original_user;
	info_r->master_name = request->input.master_user;
	info_r->home = field_of(request, "home");
	info_r->chroot = field_of(request, "chroot");
	info_r->mail = field_of(request, "mail");
	info_r->uid = request->ids.uid;
	info_r->gid = request->ids.gid;
	info_r->groups = request->ids.groups;
	info_r->group_count = request->ids.group_count;
	for (size_t i = 0; i < reply->fields.count; i++) {
		const struct auth_field *field = &reply->fields.items[i];

		for (k = 0; k < sizeof(own) / sizeof(own[0]); k++) {
			if (strcmp(field->name, own[k]) == 0)
				break;
		}
		if (k < sizeof(own) / sizeof(own[0]))
			continue;
		fields[info_r->field_count].name = field->name;
		fields[info_r->field_count++].value = field->value;
	}
	info_r->fields = fields;
}
