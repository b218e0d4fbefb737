/* auth-userdb.c - the chain of userdbs, and what comes out of it. */
#include "auth-request.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAST_ID_MSECS = 10000 };

enum userdb_stage {
	STAGE_NEXT, STAGE_ANSWERED, STAGE_JUDGE, STAGE_KNOWN,
};

static bool is_left_out(const struct auth_request *request,
			const struct auth_db *db)
{
	return (db->skip == USERDB_SKIP_FOUND && request->success) ||
		(db->skip == USERDB_SKIP_NOTFOUND && !request->success);
}

static void chain_end(struct auth_request *request)
{
	int result = request->success ? CV_AUTH_OK :
		request->saw_internal ? CV_E_TEMP : CV_AUTH_UNKNOWN_USER;

	request->done(request, result);
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

static uint32_t rule_for(const struct auth_db *db, int result)
{
	if (result < 0)
		return db->rules[2];
	if (result == CV_AUTH_OK)
		return db->rules[0];
	return result == CV_AUTH_NEXT ? AUTH_RULE_CONTINUE : db->rules[1];
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
	if (db->user == NULL)
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
	apply_rule(request, rule_for(db, result));
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
	}
	job->result = result;
	job->done(job);
}

/* Asks them; comes back through the job's done. */
static void ask_passdbs(struct auth_request *request)
{
	struct auth_request *known = auth_request_create(request->auth);
	struct cv_pool *pool = known->input.pool;

	known->input = request->input;
	known->input.pool = pool;
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
			auth_request_release(&request);
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

/* --- the answer as numbers ---------------------------------------------- */

/* Where all users have one uid, the name that a static userdb gives is always
 * the same, and the system's files need not be read for each of them. */
struct last_id {
	char name[64];
	uint32_t id;
	uint64_t until;		/* monotonic milliseconds */
};

static bool last_id_is(const struct last_id *last, const char *name)
{
	return last->until > time_monotonic_msecs() &&
		strcmp(last->name, name) == 0;
}

static void last_id_set(struct last_id *last, const char *name, uint32_t id)
{
	if (strlen(name) >= sizeof(last->name))
		return;
	(void)snprintf(last->name, sizeof(last->name), "%s", name);
	last->id = id;
	last->until = time_monotonic_msecs() + LAST_ID_MSECS;
}

static int parse_uid(const char *text, uint32_t *uid_r, struct cv_error *err)
{
	static struct last_id last;
	const struct passwd *pw;
	uint64_t value;

	if (cv_span_to_u64(cv_span_of(text), UINT32_MAX - 1, &value)) {
		*uid_r = (uint32_t)value;
		return CV_OK;
	}
	if (last_id_is(&last, text)) {
		*uid_r = last.id;
		return CV_OK;
	}
	if ((pw = getpwnam(text)) == NULL)
		return FAIL(err, CV_E_CONFIG, "userdb: no user '%s' on this "
			    "system for uid", text);
	*uid_r = pw->pw_uid;
	last_id_set(&last, text, *uid_r);
	return CV_OK;
}

static int parse_gid(const char *text, uint32_t *gid_r, struct cv_error *err)
{
	static struct last_id last;
	const struct group *gr;
	uint64_t value;

	if (cv_span_to_u64(cv_span_of(text), UINT32_MAX - 1, &value)) {
		*gid_r = (uint32_t)value;
		return CV_OK;
	}
	if (last_id_is(&last, text)) {
		*gid_r = last.id;
		return CV_OK;
	}
	if ((gr = getgrnam(text)) == NULL)
		return FAIL(err, CV_E_CONFIG, "userdb: no group '%s' on this "
			    "system for gid", text);
	*gid_r = gr->gr_gid;
	last_id_set(&last, text, *gid_r);
	return CV_OK;
}

static int read_groups(struct cv_pool *pool, const char *user,
		       struct user_info *info, struct cv_error *err)
{
	gid_t gids[USER_GROUPS_MAX];
	int count = USER_GROUPS_MAX;
	uint32_t *groups;

	if (getgrouplist(user, info->gid == (uint32_t)-1 ? 0 : info->gid,
			 gids, &count) < 0)
		return FAIL(err, CV_E_LIMIT, "userdb: system user '%s' is in "
			    "more than %d groups", user, USER_GROUPS_MAX);
	groups = pool_new_array(pool, uint32_t, (size_t)count);
	for (int i = 0; i < count; i++) {
		/* the place holder of a missing gid is no group of theirs */
		if (info->gid == (uint32_t)-1 && gids[i] == 0)
			continue;
		groups[info->group_count++] = gids[i];
	}
	info->groups = groups;
	return CV_OK;
}

static int read_numbers(struct auth_request *request, struct user_info *info,
			struct cv_error *err)
{
	const char *uid = auth_reply_get(&request->userdb, "uid");
	const char *gid = auth_reply_get(&request->userdb, "gid");
	const char *groups = auth_reply_get(&request->userdb,
					    "system_groups_user");
	int ret = CV_OK;

	info->uid = info->gid = (uint32_t)-1;
	if (uid != NULL && uid[0] != '\0')
		ret = parse_uid(uid, &info->uid, err);
	if (ret == CV_OK && gid != NULL && gid[0] != '\0')
		ret = parse_gid(gid, &info->gid, err);
	if (ret == CV_OK && groups != NULL && groups[0] != '\0')
		ret = read_groups(request->pool, groups, info, err);
	return ret;
}

static const char *text_of(const struct cv_auth_reply *reply,
			   const char *name)
{
	const char *value = auth_reply_get(reply, name);

	return value == NULL ? "" : value;
}

int auth_request_user_info(struct auth_request *request,
			   struct user_info *info_r, struct cv_error *err)
{
	static const char *const own[] = {
		"uid", "gid", "home", "mail", "chroot", "system_groups_user",
	};
	const struct cv_auth_reply *reply = &request->userdb;
	struct user_field *fields = pool_new_array(
		request->pool, struct user_field, reply->fields.count + 1);
	size_t k;
	int ret;

	memset(info_r, 0, sizeof(*info_r));
	info_r->name = request->input.user;
	info_r->login_name = request->input.original_user;
	info_r->master_name = request->input.master_user;
	info_r->home = text_of(reply, "home");
	info_r->chroot = text_of(reply, "chroot");
	info_r->mail = text_of(reply, "mail");
	if ((ret = read_numbers(request, info_r, err)) < 0)
		return ret;
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
	return CV_OK;
}
