/* auth-passdb.c - the chain of passdbs. */
#include "auth-forward.h"
#include "auth-request.h"
#include "auth-username.h"
#include "auth-weak.h"

/* What a chain may do after one database. */
enum chain_next { CHAIN_STOP, CHAIN_CONTINUE };

static bool mechanism_fits(const struct auth_request *request,
			   const struct auth_db *db)
{
	const char *mechanism = request->input.mechanism;

	if (db->mechanisms.count == 0)
		return true;
	if (mechanism[0] == '\0')
		mechanism = "none";
	for (uint32_t i = 0; i < db->mechanisms.count; i++) {
		if (cv_span_is_icase(cv_span_of(mechanism),
				     db->mechanisms.items[i]))
			return true;
	}
	return false;
}

static bool is_left_out(const struct auth_request *request,
			const struct auth_db *db)
{
	if (db->skip == PASSDB_SKIP_AUTHENTICATED && request->success)
		return true;
	if (db->skip == PASSDB_SKIP_UNAUTHENTICATED && !request->success)
		return true;
	return !mechanism_fits(request, db) ||
		!auth_username_matches(db->username_filter,
				       request->input.user);
}

static bool wants_password(const struct auth_request *request)
{
	return request->password.data != NULL && !request->skip_password;
}

static void chain_end(struct auth_request *request)
{
	int result;

	/* INVARIANT: nobody gets out of the masters' chain by its rules */
	request->authenticated = request->success && !request->in_master;
	if (request->authenticated)
		result = CV_AUTH_OK;
	else if (request->saw_internal)
		result = CV_E_TEMP;
	else
		result = request->saw_mismatch ? CV_AUTH_MISMATCH :
			CV_AUTH_UNKNOWN_USER;
	request->done(request, result);
}

static void chain_over(struct auth_request *request)
{
	chain_end(request);
	auth_request_release(&request);
}

static void chain_fail(struct auth_request *request, int result)
{
	request->success = request->authenticated = false;
	request->done(request, result);
}

/* A master user was right: from here on it is about the user they want. */
static void become_login_user(struct auth_request *request)
{
	request->input.master_user = request->input.user;
	request->input.user = request->input.login_user;
	request->input.login_user = "";
	request->input.is_master_lookup = false;
	request->in_master = false;
	request->skip_password = true;
}

static bool take_field(struct auth_request *request,
		       const struct auth_field *field)
{
	if (strncmp(field->name, "userdb_", 7) == 0) {
		request->prefetched = true;
		if (strcmp(field->name, "userdb_userdb_import") == 0)
			return auth_reply_set_all(&request->userdb,
						  cv_span_of(field->value),
						  '\t', &request->error) ==
				CV_OK;
		return auth_reply_set_str(&request->userdb, field->name + 7,
					  field->value);
	}
	if (strcmp(field->name, "password") == 0 ||
	    strcmp(field->name, "nopassword") == 0 ||
	    strcmp(field->name, "noauthenticate") == 0)
		return true;		/* of this database alone */
	return auth_reply_set_str(&request->fields, field->name,
				  field->value);
}

static int take_fields(struct auth_request *request)
{
	const struct cv_auth_reply *reply = &request->reply;

	for (size_t i = 0; i < reply->fields.count; i++) {
		if (!take_field(request, &reply->fields.items[i]))
			return FAIL(&request->error, CV_E_PERM, "too many "
				    "fields");
	}
	return CV_OK;
}

/* No verdict, but perhaps something to go with that of another one. */
static int apply_next(struct auth_request *request)
{
	int status = take_fields(request);

	return status == CV_OK ? CV_AUTH_NEXT : status;
}

/* A password was compared with what is stored, and is the right one. */
static bool is_too_weak(struct auth_request *request, struct auth_db *db)
{
	const char *stored = auth_reply_get(&request->reply, "password");

	if (!wants_password(request) || stored == NULL ||
	    auth_reply_is_true(&request->reply, "nopassword") ||
	    auth_weak_permits(db, stored,
			      request->auth->set.auth_allow_weak_schemes,
			      auth_request_name(request)))
		return false;
	request->fail_text = "Your password must be set anew.";
	return true;
}

/* The database has said yes: what it says beside that. */
static int apply_fields(struct auth_request *request, struct auth_db *db)
{
	struct cv_auth_reply *reply = &request->reply;
	const char *text;

	if (is_too_weak(request, db))
		return CV_AUTH_DISABLED;
	if (auth_request_add_fields(request, db, reply, &request->error) < 0)
		return request->error.code;
	text = auth_reply_get(reply, "allow_nets");
	if (text != NULL && !auth_nets_match(text, request->input.remote_ip)) {
		log_info("auth", "%s: allow_nets does not have this address",
			 auth_request_name(request));
		return CV_AUTH_MISMATCH;
	}
	if (auth_reply_is_true(reply, "noauthenticate") &&
	    wants_password(request))
		return apply_next(request);
	if (auth_request_change_user(request, reply, &request->error) < 0 ||
	    take_fields(request) < 0)
		return request->error.code;
	text = auth_reply_get(reply, "fail");
	if (text != NULL) {
		request->fail_text = pool_strdup(request->pool, text);
		return CV_AUTH_DISABLED;
	}
	return CV_AUTH_OK;
}

static enum chain_next apply_rule(struct auth_request *request, uint32_t rule)
{
	switch (rule) {
	case AUTH_RULE_RETURN:
		return CHAIN_STOP;
	case AUTH_RULE_RETURN_OK:
		request->success = true;
		return CHAIN_STOP;
	case AUTH_RULE_RETURN_FAIL:
		request->success = false;
		return CHAIN_STOP;
	case AUTH_RULE_CONTINUE_OK:
		request->success = true;
		break;
	case AUTH_RULE_CONTINUE_FAIL:
		request->success = false;
		break;
	default:
		break;
	}
	return CHAIN_CONTINUE;
}

static void note_result(struct auth_request *request,
			const struct auth_db *db, int result)
{
	log_debug("auth", "passdb %s: %s: %s", db->driver,
		  auth_request_name(request),
		  result == CV_AUTH_OK ? "accepted" : "not accepted");
	if (request->told != NULL)
		request->told(request, db, result);
	if (result < 0) {
		request->saw_internal = true;
		log_error("auth", "passdb %s: %s: %s", db->driver,
			  auth_request_name(request), request->error.text);
	} else if (result == CV_AUTH_MISMATCH) {
		request->saw_mismatch = true;
	}
	if (result > CV_AUTH_OK && request->auth->set.auth_verbose) {
		log_info("auth", "passdb %s: %s: %s", db->driver,
			 auth_request_name(request),
			 result == CV_AUTH_MISMATCH ? "password mismatch" :
			 result == CV_AUTH_UNKNOWN_USER ? "unknown user" :
			 result == CV_AUTH_DISABLED ? "user is disabled" :
			 result == CV_AUTH_EXPIRED ? "password has expired" :
			 "no verdict");
	}
}

/* True when the chain is over and done was called. */
static bool deny_decided(struct auth_request *request, int result)
{
	if (result == CV_AUTH_UNKNOWN_USER || result == CV_AUTH_NEXT)
		return false;
	if (result < 0) {
		note_result(request, request->db, result);
		chain_fail(request, CV_E_TEMP);
		return true;
	}
	log_info("auth", "%s: user found in a passdb with deny = yes",
		 auth_request_name(request));
	request->on_deny_list = true;
	chain_fail(request, CV_AUTH_DISABLED);
	return true;
}

/* Fields that go with a refusal.  The reason that a lookup found is for those
 * whose password is right: only a driver that has itself refused has said why
 * it did. */
static void note_refusal(struct auth_request *request, int result)
{
	const struct cv_auth_reply *reply = &request->reply;
	const char *reason = auth_reply_get(reply, "reason");

	if (reason != NULL && (result != CV_AUTH_MISMATCH ||
			       request->db->facts.verifies))
		request->fail_text = reason;
	if (result == CV_AUTH_MISMATCH && auth_reply_is_true(reply, "nodelay"))
		(void)auth_reply_set_str(&request->fields, "nodelay", "yes");
}

/* What a result means for the chain: true when it goes on, with request->db
 * the next one (NULL: the end). */
static bool chain_judge(struct auth_request *request, int result)
{
	struct auth_db *db = request->db;
	enum chain_next next;

	if (db->deny) {
		if (deny_decided(request, result))
			return false;
		request->db = db->next;
		return true;
	}
	if (result == CV_AUTH_OK)
		result = apply_fields(request, db);
	else if (result == CV_AUTH_NEXT)
		result = apply_next(request);
	else
		note_refusal(request, result);
	if (result > CV_AUTH_OK &&
	    auth_reply_get(&request->reply, "fail_data") != NULL)
		request->fail_data = auth_reply_get(&request->reply,
						    "fail_data");
	/* a name that may be no part of a path is nobody's */
	if (result == CV_E_DENIED)
		result = CV_AUTH_UNKNOWN_USER;
	note_result(request, db, result);
	/* users that exist but may not log in are not tried elsewhere */
	if (result == CV_AUTH_DISABLED || result == CV_AUTH_EXPIRED) {
		chain_fail(request, result);
		return false;
	}
	next = apply_rule(request, auth_db_rule(db, result));
	if (result == CV_AUTH_OK && request->in_master) {
		/* a master user opens nobody's mail by a mere "continue" */
		become_login_user(request);
		request->success = !db->pass_on;
		request->db = db->pass_on ? request->auth->dbs.passdbs : NULL;
		return true;
	}
	request->db = next == CHAIN_STOP ? NULL : db->next;
	return true;
}

/* Writes to the cache what came from a database. */
static void cache_store(struct auth_request *request, int result)
{
	struct auth_cache *cache = request->auth->cache;
	struct cv_span password = wants_password(request) ?
		request->password : CV_SPAN_NONE;

	if (cache == NULL || request->cache_key.len == 0)
		return;
	if (result == CV_AUTH_OK || result == CV_AUTH_UNKNOWN_USER)
		auth_cache_store(cache, request->cache_key, result,
				 &request->reply, password);
	else if (result > CV_AUTH_OK)
		auth_cache_remove(cache, request->cache_key);
}

/* What the cache has for the present database: true, and the result in the
 * job, when there is no need to ask it. */
static bool cache_answers(struct auth_request *request)
{
	struct auth_cache *cache = request->auth->cache;
	struct auth_job *job = &request->job;
	struct cv_text key;

	request->cache_key = CV_SPAN_NONE;
	cv_text_init(&key, request->pool);
	if (cache == NULL || request->uncached ||
	    !auth_cache_key(request->db, &request->input, &key))
		return false;
	request->cache_key = cv_text_span(&key);
	if (!auth_cache_find(cache, request->cache_key, &job->result,
			     &request->reply))
		return false;
	if (job->result != CV_AUTH_OK || !wants_password(request) ||
	    auth_db_no_password(&request->reply) ||
	    auth_cache_password_known(cache, request->cache_key,
				      request->password))
		return true;
	/* a wrong password is not the cache's to refuse */
	auth_reply_clear(&request->reply);
	return false;
}

static void job_prepare(struct auth_request *request, uint32_t kind)
{
	struct auth_job *job = &request->job;

	job->kind = kind;
	job->db = request->db;
	job->input = &request->input;
	job->password = request->password;
	job->error = (struct cv_error)ERROR_NONE;
}

/* The answer came without the password being checked: the hash to check it
 * with, or one of nobody's, so that it takes as long [security.md A26]. */
static bool needs_hash(struct auth_request *request, int result)
{
	struct auth_job *job = &request->job;
	const char *hash = auth_reply_get(&request->reply, "password");

	if (request->db->deny || !wants_password(request) ||
	    job->kind != AUTH_JOB_LOOKUP || result < 0 ||
	    (result == CV_AUTH_OK && auth_db_no_password(&request->reply)) ||
	    (result != CV_AUTH_OK && result != CV_AUTH_UNKNOWN_USER))
		return false;
	request->hash_for = result;
	if (result == CV_AUTH_OK && hash != NULL &&
	    !auth_reply_is_true(&request->reply, "nopassword")) {
		auth_db_saw_hash(request->db, hash);
	} else {
		if (result == CV_AUTH_OK)
			request->hash_for = CV_AUTH_MISMATCH;
		hash = auth_db_dummy_hash(request->db);
	}
	job_prepare(request, AUTH_JOB_HASH);
	job->hash = pool_strdup(request->pool, hash);
	job->scheme = request->db->facts.scheme;
	return true;
}

static int hash_result(struct auth_request *request)
{
	struct auth_job *job = &request->job;

	if (job->result == CV_E_TEMP) {
		request->error = job->error;
		return CV_E_TEMP;
	}
	if (request->hash_for != CV_AUTH_OK)
		return request->hash_for;
	if (job->result < 0) {
		log_error("auth", "passdb %s: %s: %s", request->db->driver,
			  auth_request_name(request), job->error.text);
		return CV_AUTH_MISMATCH;
	}
	return job->result;
}

static void take_credentials(struct auth_request *request, int result)
{
	const char *hash = auth_reply_get(&request->reply, "password");

	/* INVARIANT: a master user proves to know their own secret, not that
	 * of the user whose name was looked up after theirs */
	if (result != CV_AUTH_OK || request->password.data != NULL ||
	    hash == NULL || request->skip_password || request->db->deny)
		return;
	auth_db_saw_hash(request->db, hash);
	request->credentials = pool_strdup(request->pool, hash);
	request->credentials_scheme = request->db->facts.scheme;
	request->credentials_db = request->db;
	request->credentials_user = request->input.user;
}

/* The next database that is to be asked, and whether there is one. */
static bool chain_next_db(struct auth_request *request)
{
	while (request->db != NULL && is_left_out(request, request->db))
		request->db = request->db->next;
	return request->db != NULL;
}

/* Makes the job for the present database ready; false when its result is
 * there already. */
static bool chain_ask(struct auth_request *request)
{
	struct auth_db *db = request->db;
	bool check = wants_password(request) && !db->deny;

	auth_reply_init(&request->reply, request->pool);
	job_prepare(request, AUTH_JOB_LOOKUP);
	if (cache_answers(request)) {
		/* a known password needs no hash; an unknown user does */
		if (request->job.result == CV_AUTH_OK && check)
			request->job.kind = AUTH_JOB_VERIFY;
		request->cache_key = CV_SPAN_NONE;
		return false;
	}
	if (check && (!db->pure || !db->facts.looks_up)) {
		request->job.kind = AUTH_JOB_VERIFY;
	} else if (!db->facts.looks_up) {
		log_debug("auth", "passdb %s cannot look users up, skipped",
			  db->driver);
		request->saw_verify_only = true;
		request->job.result = CV_AUTH_NEXT;
		return false;
	}
	auth_reply_init(&request->job.reply, request->pool);
	return true;
}

/* proxy_maybe with the name of a host: false when nothing has to be asked. */
static bool ask_host(struct auth_request *request)
{
	const char *host = request->success && !request->in_master ?
		auth_forward_host(request) : NULL;

	if (host == NULL)
		return false;
	job_prepare(request, AUTH_JOB_HOST);
	request->job.db = NULL;
	request->job.password = CV_SPAN_NONE;
	request->job.host = host;
	auth_reply_init(&request->job.reply, request->pool);
	return true;
}

static void take_host(struct auth_request *request, int result)
{
	if (result == CV_OK)
		request->host_addresses = auth_reply_get(&request->job.reply,
							 AUTH_HOSTS_FIELD);
	else
		request->host_error = pool_strdup(request->pool,
						  request->job.error.text);
}

enum chain_stage {
	STAGE_NEXT, STAGE_ANSWERED, STAGE_HASHED, STAGE_JUDGE, STAGE_HOST,
};

/* Runs the chain from where it is until it has to wait or is over.  Also the
 * callback of its jobs; a job that is done on the spot comes back in here,
 * twice for each database at most. */
static void chain_step(struct auth_job *job)
{
	struct auth_request *request = job->context;
	int result = job->result;

	if (request->detached) {
		auth_request_release(&request);
		return;
	}
	if (request->stage == STAGE_ANSWERED) {
		request->reply = job->reply;
		request->error = job->error;
	}
	for (;;) {
		switch (request->stage) {
		case STAGE_NEXT:
			if (!chain_next_db(request)) {
				request->stage = STAGE_HOST;
				if (ask_host(request))
					auth_job_submit(request->auth->workers,
							job);
				else
					chain_over(request);
				return;
			}
			request->stage = STAGE_ANSWERED;
			if (chain_ask(request)) {
				auth_job_submit(request->auth->workers, job);
				return;
			}
			result = job->result;
			break;
		case STAGE_ANSWERED:
			request->stage = STAGE_JUDGE;
			if (needs_hash(request, result)) {
				request->stage = STAGE_HASHED;
				auth_job_submit(request->auth->workers, job);
				return;
			}
			break;
		case STAGE_HOST:
			take_host(request, result);
			chain_over(request);
			return;
		case STAGE_HASHED:
			result = hash_result(request);
			request->stage = STAGE_JUDGE;
			break;
		default:
			cache_store(request, result);
			take_credentials(request, result);
			request->stage = STAGE_NEXT;
			if (!chain_judge(request, result)) {
				auth_request_release(&request);
				return;
			}
		}
	}
}

void auth_request_verify(struct auth_request *request,
			 struct cv_span password, auth_request_fn *done)
{
	request->done = done;
	request->password = password.data == NULL ? CV_SPAN_NONE :
		pool_span(request->pool, password);
	request->credentials = NULL;
	request->in_master = request->input.is_master_lookup;
	request->db = request->in_master ? request->auth->dbs.masterdbs :
		request->auth->dbs.passdbs;
	request->success = request->saw_internal = false;
	request->on_deny_list = false;
	request->saw_mismatch = request->skip_password = false;
	request->stage = STAGE_NEXT;
	request->job.done = chain_step;
	request->job.context = request;
	auth_request_ref(request);
	chain_step(&request->job);
}

/* What is in the cache is of before: other mechanisms would take it. */
static void forget_cached(struct auth_request *request)
{
	struct auth_cache *cache = request->auth->cache;
	struct cv_text key;

	cv_text_init(&key, request->pool);
	if (cache != NULL && auth_cache_key(request->credentials_db,
					    request->job.input, &key))
		auth_cache_remove(cache, cv_text_span(&key));
}

static void store_done(struct auth_job *job)
{
	struct auth_request *request = job->context;

	forget_cached(request);
	if (job->result < 0) {
		request->error = job->error;
		log_error("auth", "passdb %s: %s: %s", job->db->driver,
			  auth_request_name(request), job->error.text);
	}
	if (!request->detached)
		request->done(request, job->result);
	auth_request_release(&request);
}

void auth_request_store(struct auth_request *request, struct cv_span stored,
			auth_request_fn *done)
{
	struct cv_auth_input *input = pool_new(request->pool,
					       struct cv_auth_input);
	struct auth_job *job = &request->job;

	BUG_IF(request->credentials == NULL);
	request->done = done;
	request->db = request->credentials_db;
	job_prepare(request, AUTH_JOB_STORE);
	*input = request->input;
	input->user = request->credentials_user;
	job->input = input;
	job->hash = request->credentials;
	job->password = pool_span(request->pool, stored);
	job->done = store_done;
	job->context = request;
	auth_reply_init(&job->reply, request->pool);
	auth_request_ref(request);
	auth_job_submit(request->auth->workers, job);
}
