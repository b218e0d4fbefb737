/* auth-policy.c - logins are told to a policy server. */
#include "auth-policy.h"
#include "auth-input.h"
#include "auth-provider.h"
#include "cv-policy.h"

#include <stdio.h>
#include <stdlib.h>

/* --- in auth-worker ------------------------------------------------------- */

static const struct cv_policy *table;
static void *policy;

bool auth_policy_is_on(const struct auth_settings *set)
{
	return set->auth_policy_server_url[0] != '\0';
}

int auth_policy_check_settings(const struct auth_settings *set,
			       struct cv_error *err)
{
	if (auth_policy_is_on(set) && set->auth_policy_hash_nonce[0] == '\0')
		return FAIL(err, CV_E_CONFIG, "auth_policy_hash_nonce is "
			    "empty, and auth_policy_server_url is set (hint: "
			    "give it a long random value)");
	return CV_OK;
}

int auth_policy_open(const struct auth_settings *set, struct cv_pool *pool,
		     struct cv_error *err)
{
	struct cv_policy_config config = {
		CV_SIZED(cv_policy_config),
		.url = set->auth_policy_server_url,
		.api_header = set->auth_policy_server_api_header,
		.hash_mech = set->auth_policy_hash_mech,
		.hash_nonce = set->auth_policy_hash_nonce,
		.attributes = set->auth_policy_request_attributes,
		.hash_bits = set->auth_policy_hash_truncate,
		.timeout_msecs = set->auth_policy_server_timeout_msecs,
		.pool = pool,
	};
	int ret = auth_policy_check_settings(set, err);

	if (ret < 0 || !auth_policy_is_on(set))
		return ret;
	table = auth_provider_find(CV_PROVIDER_POLICY, "policy");
	if (table == NULL)
		return FAIL(err, CV_E_CONFIG, "auth_policy_server_url is set, "
			    "and nothing asks it: that comes from the plugin "
			    "auth-policy");
	return table->open(&config, &policy, err);
}

void auth_policy_run(struct auth_job *job)
{
	struct cv_policy_question question = {
		CV_SIZED(cv_policy_question), .when = job->policy.when,
		.input = job->input, .password = job->password,
		.client_id = job->policy.client_id == NULL ? "" :
			job->policy.client_id,
		.success = job->policy.success,
		.refused = job->policy.refused,
	};
	struct cv_text message;
	struct cv_policy_answer answer = {
		CV_SIZED(cv_policy_answer), .message = &message,
	};
	char number[16];

	if (table == NULL) {
		job->result = FAIL(&job->error, CV_E_UNSUPPORTED, "the policy "
				   "server is not asked by this process");
		return;
	}
	cv_text_init(&message, job->input->pool);
	job->result = table->ask(policy, &question, &answer, &job->error);
	if (job->result != CV_OK)
		return;
	(void)snprintf(number, sizeof(number), "%d", answer.status);
	(void)auth_reply_set_str(&job->reply, "status", number);
	/* one with control bytes is none */
	(void)auth_reply_set(&job->reply, CV_SPAN("message"),
			     cv_span(cv_text_str(&message),
				     message.len < AUTH_POLICY_MESSAGE_MAX ?
				     message.len : AUTH_POLICY_MESSAGE_MAX));
}

/* --- in auth ---------------------------------------------------------------- */

struct auth_policy_ask {
	struct auth_job job;
	struct auth_request *request;
	auth_policy_fn *done;		/* NULL: nobody listens */
	void *context;
};

static void log_want(struct auth_request *request, const char *what,
		     const char *message)
{
	log_info("auth", "policy: %s: %s%s%s%s", auth_request_name(request),
		 what, message[0] == '\0' ? "" : ": ", message,
		 request->auth->set.auth_policy_log_only ?
		 " (not done: auth_policy_log_only)" : "");
}

/* What the server wants, as far as it is done. */
static void judge(struct auth_policy_ask *ask,
		  struct auth_policy_verdict *verdict)
{
	struct auth_request *request = ask->request;
	const struct auth_settings *set = &request->auth->set;
	const char *text = auth_reply_get(&ask->job.reply, "status");
	const char *message = auth_reply_get(&ask->job.reply, "message");
	long status = 0;

	if (message == NULL)
		message = "";
	if (ask->job.result != CV_OK)
		status = set->auth_policy_reject_on_fail ? -1 : 0;
	else if (text != NULL)
		status = strtol(text, NULL, 10);
	if (status < 0)
		log_want(request, "the login is refused", message);
	else if (status > 0)
		log_want(request, pool_printf(request->pool,
			 "the login waits %ld seconds", status), message);
	if (set->auth_policy_log_only)
		return;
	verdict->refused = status < 0;
	verdict->delay_secs = status > 0 ? (uint32_t)status : 0;
	verdict->message = message;
}

static void policy_done(struct auth_job *job)
{
	struct auth_policy_ask *ask = job->context;
	struct auth_request *request = ask->request;
	struct auth_policy_verdict verdict = { .message = "" };

	if (job->result != CV_OK)
		log_error("auth", "policy: %s: %s", auth_request_name(request),
			  job->error.text);
	if (ask->done != NULL) {
		auth_policy_fn *done = ask->done;

		judge(ask, &verdict);
		ask->done = NULL;
		done(ask->context, &verdict);
	}
	auth_request_release(&request);
}

static struct auth_policy_ask *ask_create(struct auth_request *request,
					  uint32_t when,
					  struct cv_span password,
					  const char *client_id)
{
	struct auth_policy_ask *ask = pool_new(request->pool,
					       struct auth_policy_ask);
	const struct auth_settings *set = &request->auth->set;

	auth_request_ref(request);
	ask->request = request;
	ask->job = (struct auth_job){
		.kind = AUTH_JOB_POLICY, .input = &request->input,
		.password = password, .done = policy_done, .context = ask,
		.policy = {
			.when = when, .client_id = client_id,
			.fields = auth_input_needs_fields(
				set->auth_policy_request_attributes),
		},
	};
	auth_reply_init(&ask->job.reply, request->pool);
	return ask;
}

struct auth_policy_ask *
auth_policy_check(struct auth_request *request, struct cv_span password,
		  const char *client_id, auth_policy_fn *done, void *context)
{
	struct auth_policy_ask *ask = ask_create(request, CV_POLICY_CHECK,
						 password, client_id);

	ask->done = done;
	ask->context = context;
	auth_job_submit(request->auth->workers, &ask->job);
	return ask->done == NULL ? NULL : ask;
}

void auth_policy_cancel(struct auth_policy_ask **ask)
{
	if (*ask != NULL)
		(*ask)->done = NULL;
	*ask = NULL;
}

void auth_policy_report(struct auth_request *request, struct cv_span password,
			const char *client_id, bool success, bool refused)
{
	struct auth_policy_ask *ask = ask_create(request, CV_POLICY_REPORT,
						 password, client_id);

	ask->job.policy.success = success;
	ask->job.policy.refused = refused;
	auth_job_submit(request->auth->workers, &ask->job);
}
