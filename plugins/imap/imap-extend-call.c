/* imap-extend-call.c - calling other plugins: commands, items of STATUS,
 * capabilities, and what looks at every command.
 *
 * What they return costs at most the command: a failure is its reply, a fault
 * is logged with the plugin's name besides. */
#include "imap-extend.h"
#include "imap-args.h"
#include "imap-capability.h"
#include "imap-enable.h"
#include "imap-respond.h"

static uint32_t state_of(const struct imap_session *s)
{
	static const struct { uint32_t enabled, state; } bits[] = {
		{ IMAP_ENABLED_UTF8, CV_IMAP_UTF8 },
		{ IMAP_ENABLED_REV2, CV_IMAP_REV2 },
		{ IMAP_ENABLED_CONDSTORE, CV_IMAP_CONDSTORE },
	};
	uint32_t state = s->readonly ? CV_IMAP_READONLY : 0;

	if (imap_connection_api->is_secure(s->conn))
		state |= CV_IMAP_SECURE;
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		if ((s->enabled & bits[i].enabled) != 0)
			state |= bits[i].state;
	}
	return state;
}

static void session_fill(struct cv_imap_call *pub,
			 const struct imap_session *s)
{
	pub->session = s->session;
	pub->user = s->user;
	pub->box = s->box;
	pub->state = state_of(s);
}

void imap_call_init(struct imap_call *call, struct imap_cmd *cmd,
		    const struct imap_extender *by, const char *what)
{
	*call = (struct imap_call){ .cmd = cmd, .by = by, .what = what };
	call->pub.size = (uint32_t)sizeof(call->pub);
	call->pub.name = what;
	session_fill(&call->pub, cmd->s);
	call->pub.pool = cmd->pool;
	call->pub.err = cv_api->error_new(cmd->pool);
	call->pub.verb = cv_span_of(cmd->def == NULL ? "" : cmd->def->name);
	call->pub.by_uid = cmd->uid;
}

static void before_login_init(struct imap_call *call, struct cv_preauth *p,
			      struct cv_pool *pool,
			      const struct imap_extender *by,
			      const char *what)
{
	*call = (struct imap_call){ .by = by, .what = what };
	call->pub.size = (uint32_t)sizeof(call->pub);
	call->pub.name = what;
	call->pub.preauth = p;
	call->pub.pool = pool;
	call->pub.err = cv_api->error_new(pool);
	if (p != NULL && imap_preauth_api->is_secure(p))
		call->pub.state = CV_IMAP_SECURE;
}

/* --- failures ------------------------------------------------------------------- */

static void log_fault(const struct imap_call *call, const char *text)
{
	cv_api->log(call->by->plugin, CV_LOG_ERROR, "plugin '%s': %s: %s",
		    call->by->name, call->what, text);
}

/* [RFC3501 9] resp-text-code: an atom, and any text without "]" */
const char *imap_call_code(struct imap_call *call)
{
	const char *code = call->pub.response_code;
	size_t word = code == NULL ? 0 : strcspn(code, " ");

	if (code == NULL)
		return NULL;
	if (imap_is_atom(cv_span(code, word)) &&
	    code[strcspn(code, "]\r\n")] == '\0')
		return code;
	log_fault(call, "its response code is none");
	return NULL;
}

int imap_call_fault(struct imap_call *call, const char *fault)
{
	log_fault(call, fault);
	imap_no(call->cmd, "[SERVERBUG] Internal error.");
	return CV_E_INTERNAL;
}

/* A verdict about the command, not a plugin that is broken. */
static bool is_verdict(int code)
{
	static const int verdicts[] = {
		CV_E_PERM, CV_E_DENIED, CV_E_LIMIT, CV_E_SYNTAX,
		CV_E_NOT_FOUND, CV_E_EXISTS, CV_E_NO_SPACE, CV_E_QUOTA,
	};

	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
		if (verdicts[i] == code)
			return true;
	}
	return false;
}

/* Not that of a call which the plugin has made, and whose failure it has
 * turned into another one. */
static bool is_of(const struct imap_call *call, int code)
{
	int had = cv_api->error_code(call->pub.err);

	return had == code || had == CV_OK;
}

/* What the client may read. */
static const char *client_text(const struct imap_call *call, int code)
{
	return is_of(call, code) ? cv_api->error_client(call->pub.err) : "";
}

static void log_if_fault(const struct imap_call *call, int code)
{
	const char *text = is_of(call, code) ?
		cv_api->error_text(call->pub.err) : "";

	if (!is_verdict(code))
		log_fault(call, *text == '\0' ? "it has failed" : text);
}

int imap_call_failed(struct imap_call *call, int code)
{
	const char *response = imap_call_code(call);
	const char *text = client_text(call, code);

	log_if_fault(call, code);
	if (code == CV_E_SYNTAX && response == NULL)
		return imap_bad(call->cmd, "Error in IMAP command %s: %s",
				call->what, *text == '\0' ?
				"Invalid arguments." : text);
	return imap_no_as(call->cmd, code, response, text);
}

/* --- commands -------------------------------------------------------------------- */

int imap_extend_run(struct imap_cmd *cmd)
{
	const struct imap_extended_command *command =
		(const struct imap_extended_command *)cmd->def;
	struct imap_call call;
	const char *fault, *code;
	int status;

	imap_call_init(&call, cmd, command->by, cmd->def->name);
	imap_out_init(&call.out, cmd, true);
	call.pub.out = &call.out;
	call.pub.args = imap_extend_args(cmd->pool, cmd->args);
	cmd->has_numbers = !cmd->uid;
	status = command->row.run(&call.pub);
	fault = imap_out_end(&call.out);
	imap_flush(cmd->s);
	/* what failed need not have come to its end */
	if (status < 0)
		return imap_call_failed(&call, status);
	if (fault != NULL) {
		(void)imap_call_fault(&call, fault);
		return 0;
	}
	code = imap_call_code(&call);
	if (code == NULL)
		return imap_ok(cmd, "%s", call.pub.text != NULL ?
			       call.pub.text : "Completed.");
	return imap_ok(cmd, "[%s] %s", code, call.pub.text != NULL ?
		       call.pub.text : "Completed.");
}

/* --- STATUS ---------------------------------------------------------------------- */

int imap_extend_status(struct imap_cmd *cmd,
		       const struct imap_extended_status *item,
		       const char *mailbox_name,
		       const struct cv_mailbox_status *status)
{
	struct imap_call call;
	const char *fault;
	int code;

	imap_call_init(&call, cmd, item->by, item->row.name);
	imap_out_init(&call.out, cmd, false);
	call.pub.out = &call.out;
	call.pub.mailbox_name = mailbox_name;
	call.pub.status = status;
	code = item->row.tell(&call.pub);
	if (code == CV_NOT_FOUND && call.out.values == 0)
		imap_extend_api.put_string(&call.out, CV_SPAN_NONE);
	fault = imap_out_end(&call.out);
	if (code < 0)
		(void)imap_call_failed(&call, code);
	else if (fault != NULL)
		code = imap_call_fault(&call, fault);
	return code < 0 ? code : CV_OK;
}

/* --- capabilities ------------------------------------------------------------------ */

static bool is_offered(const struct imap_extended_capability *capability,
		       const struct imap_session *s, struct cv_preauth *p,
		       struct cv_pool *pool)
{
	struct imap_call call;
	int code;

	if (capability->row.offered == NULL)
		return true;
	before_login_init(&call, p, pool, capability->by,
			  capability->row.name);
	if (s != NULL)
		session_fill(&call.pub, s);
	code = capability->row.offered(&call.pub);
	if (code < 0)
		log_if_fault(&call, code);
	return code == CV_OK;
}

void imap_extend_capabilities(struct cv_text *dst,
			      const struct imap_session *s,
			      struct cv_preauth *p)
{
	const struct imap_extended *all = imap_extended();
	uint32_t when = s == NULL ? CV_IMAP_BEFORE_LOGIN :
		CV_IMAP_AFTER_LOGIN;
	struct cv_pool *pool;

	if (all->capability_count == 0)
		return;
	pool = cv_api->pool_create("imap capabilities");
	for (uint32_t i = 0; i < all->capability_count; i++) {
		const struct imap_extended_capability *c =
			&all->capabilities[i];

		if ((c->row.when & when) == 0 || !is_offered(c, s, p, pool))
			continue;
		cv_text_append_c(dst, ' ');
		cv_text_append_str(dst, c->row.name);
	}
	cv_api->pool_destroy(&pool);
}

/* --- before every command ------------------------------------------------------------ */

static bool same_args(struct cv_imap_args a, struct cv_imap_args b)
{
	return a.at == b.at && a.count == b.count;
}

/* Another command, which takes its arguments in the same way. */
static const char *verb_change(struct imap_cmd *cmd, struct cv_span verb)
{
	const struct imap_command *def = imap_command_find(verb);
	const uint32_t streams = IMAP_STREAMS | IMAP_STREAMS_LATER;

	if (def == NULL || (cmd->uid && (def->flags & IMAP_HAS_UID) == 0))
		return "the command that it puts there is none";
	if (def != cmd->def && ((def->flags | cmd->def->flags) & streams) != 0)
		return "a command that reads messages cannot be exchanged";
	cmd->def = def;
	return NULL;
}

static const char *change_take(struct imap_cmd *cmd,
			       const struct cv_imap_call *pub,
			       struct cv_imap_args had)
{
	uint64_t bytes = cmd->s->set->imap_max_line_length;
	const char *wrong = verb_change(cmd, pub->verb);

	if (wrong != NULL || same_args(pub->args, had))
		return wrong;
	if ((cmd->def->flags & IMAP_STREAMS) != 0 &&
	    pub->args.count != had.count)
		return "the number of arguments before a message has changed";
	cmd->changed = true;
	return imap_extend_args_back(cmd->pool, pub->args, bytes, &cmd->args);
}

static bool ask_before(struct imap_cmd *cmd, const struct imap_extender *by)
{
	struct cv_imap_args had;
	struct imap_call call;
	const char *wrong;
	int code;

	imap_call_init(&call, cmd, by, cmd->def->name);
	call.pub.name = NULL;
	call.pub.args = had = imap_extend_args(cmd->pool, cmd->args);
	code = by->before(&call.pub);
	if (code < 0) {
		(void)imap_call_failed(&call, code);
		return false;
	}
	wrong = change_take(cmd, &call.pub, had);
	if (wrong != NULL)
		(void)imap_call_fault(&call, wrong);
	return wrong == NULL;
}

bool imap_extend_before(struct imap_cmd *cmd)
{
	const struct imap_extended *all = imap_extended();

	for (uint32_t i = 0; i < all->extender_count; i++) {
		if (all->extenders[i].before != NULL &&
		    !ask_before(cmd, &all->extenders[i]))
			return false;
	}
	return true;
}

/* A password, or an initial response, is nobody's business. */
static struct cv_imap_args public_args(struct cv_pool *pool,
				       struct cv_span verb,
				       struct imap_args args)
{
	if ((cv_span_is_icase(verb, "LOGIN") ||
	     cv_span_is_icase(verb, "AUTHENTICATE")) &&
	    args.end > args.at + 1)
		args.end = args.at + 1;
	return imap_extend_args(pool, args);
}

static const char *refusal(struct imap_call *call, int code)
{
	const char *response = imap_call_code(call);
	const char *text = client_text(call, code);
	struct cv_text reply;

	log_if_fault(call, code);
	cv_text_init(&reply, call->pub.pool);
	imap_no_text(&reply, code, response, text);
	return cv_text_str(&reply);
}

const char *imap_extend_before_login(struct cv_preauth *p,
				     struct cv_pool *pool,
				     struct cv_span verb,
				     struct imap_args args)
{
	const struct imap_extended *all = imap_extended();

	for (uint32_t i = 0; i < all->extender_count; i++) {
		const struct imap_extender *by = &all->extenders[i];
		struct imap_call call;
		int code;

		if (by->before == NULL)
			continue;
		before_login_init(&call, p, pool, by, "before login");
		call.pub.name = NULL;
		call.pub.verb = verb;
		call.pub.args = public_args(pool, verb, args);
		code = by->before(&call.pub);
		if (code < 0)
			return refusal(&call, code);
	}
	return NULL;
}
