/* cmd-select.c - SELECT and EXAMINE [RFC3501 6.3.1, 6.3.2], with parameters
 * [RFC4466 2.1]. */
#include "imap-annotate.h"
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-enable.h"
#include "imap-list.h"
#include "imap-modseq.h"
#include "imap-notify.h"
#include "imap-object-id.h"
#include "imap-qresync.h"
#include "imap-respond.h"
#include "imap-sync.h"
#include "imap-urlauth.h"

struct select_request {
	bool examine, condstore, annotate;
	struct imap_qresync qresync;
};

static void send_state(struct imap_session *s,
		       const struct cv_mailbox_state *state)
{
	struct cv_text *out = &s->out;
	bool rev2 = imap_enabled(s, IMAP_ENABLED_REV2);

	imap_send_mailbox_flags(s);
	cv_text_append_str(out, "* ");
	cv_text_append_u64(out, state->messages);
	cv_text_append_str(out, " EXISTS\r\n");
	/* [RFC9051 E] without RECENT and UNSEEN */
	if (!rev2) {
		cv_text_append_str(out, "* ");
		cv_text_append_u64(out, state->recent);
		cv_text_append_str(out, " RECENT\r\n");
	}
	/* [RFC9586] which is a message number */
	if (state->first_unseen > 0 && !rev2 &&
	    !imap_enabled(s, IMAP_ENABLED_UIDONLY)) {
		cv_text_append_str(out, "* OK [UNSEEN ");
		cv_text_append_u64(out, state->first_unseen);
		cv_text_append_str(out, "] ");
		imap_say(s, "First unseen.");
		cv_text_append_str(out, "\r\n");
	}
	cv_text_append_str(out, "* OK [UIDVALIDITY ");
	cv_text_append_u64(out, state->uidvalidity);
	cv_text_append_str(out, "] ");
	imap_say(s, "UIDs valid");
	cv_text_append_str(out, "\r\n* OK [UIDNEXT ");
	cv_text_append_u64(out, state->uidnext);
	cv_text_append_str(out, "] ");
	imap_say(s, "Predicted next UID");
	cv_text_append_str(out, "\r\n");
	/* [RFC7162 3.1.2.1]: to all, as they may enable it later */
	imap_modseq_send(s, state->highestmodseq);
	cv_text_append_str(out, "* OK ");
	imap_mailbox_id_append(out, state->guid);
	cv_text_append_str(out, " Mailbox ID\r\n");
	imap_annotations_send_support(s, state->annotations);
	imap_flush(s);
	imap_urlauth_selected(s);
}

static bool condstore_parse(struct imap_cmd *cmd, struct imap_args *list,
			    struct select_request *r)
{
	(void)cmd;
	(void)list;
	r->condstore = true;
	return true;
}

static bool annotate_parse(struct imap_cmd *cmd, struct imap_args *list,
			   struct select_request *r)
{
	(void)cmd;
	(void)list;
	r->annotate = true;
	return true;
}

static bool qresync_parse(struct imap_cmd *cmd, struct imap_args *list,
			  struct select_request *r)
{
	return imap_qresync_parse(cmd, imap_args_next(list), &r->qresync);
}

/* A parameter and what reads its value; false after setting a reply. */
static const struct {
	const char *name;
	bool (*parse)(struct imap_cmd *cmd, struct imap_args *list,
		      struct select_request *r);
} parameters[] = {
	{ "ANNOTATE", annotate_parse },		/* [RFC5257 4.2] */
	{ "CONDSTORE", condstore_parse },	/* [RFC7162 3.1.8] */
	{ "QRESYNC", qresync_parse },		/* [RFC7162 3.2.5] */
};

static bool parameter_parse(struct imap_cmd *cmd, const struct imap_arg *arg,
			    struct imap_args *list, struct select_request *r)
{
	const size_t count = sizeof(parameters) / sizeof(parameters[0]);

	for (size_t i = 0; i < count; i++) {
		if (imap_arg_is_atom(arg, parameters[i].name))
			return parameters[i].parse(cmd, list, r);
	}
	imap_bad(cmd, "Unknown parameter of %s.", cmd->def->name);
	return false;
}

static bool parameters_parse(struct imap_cmd *cmd, struct select_request *r)
{
	const struct imap_arg *arg = imap_args_next(&cmd->args);
	struct imap_args list;

	if (arg == NULL)
		return true;
	if (arg->type != IMAP_LIST || !imap_args_end(cmd)) {
		imap_bad_arguments(cmd);
		return false;
	}
	list = imap_args_of_list(&cmd->args, arg);
	if (imap_args_peek(&list) == NULL) {
		imap_bad_arguments(cmd);
		return false;
	}
	while ((arg = imap_args_next(&list)) != NULL) {
		if (!parameter_parse(cmd, arg, &list, r))
			return false;
	}
	return true;
}

static int opened(struct imap_cmd *cmd, const struct select_request *r)
{
	struct imap_session *s = cmd->s;
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };
	int code = CV_OK;

	imap_mailbox_api->state(s->box, &state);
	s->readonly = r->examine || state.readonly;
	s->exists = state.messages;
	s->recent = state.recent;
	s->modseq = state.highestmodseq;
	s->told_modseq = 0;
	s->annotate = r->annotate;
	s->annotated = state.highestmodseq;
	imap_notify_selection(s);
	send_state(s, &state);
	/* [RFC9051 6.3.2] */
	if (imap_enabled(s, IMAP_ENABLED_REV2))
		imap_list_send_one(cmd, state.name, NULL);
	/* [RFC7162 3.2.5] for another UIDVALIDITY the client has to begin
	 * anew */
	if (r->qresync.given && r->qresync.uidvalidity == state.uidvalidity)
		code = imap_qresync_send(cmd, &r->qresync);
	if (code < 0) {
		imap_unselect(s);
		return imap_no_error(cmd, code);
	}
	s->told_modseq = 0;
	return imap_ok(cmd, "[%s] %s completed.",
		       s->readonly ? "READ-ONLY" : "READ-WRITE",
		       r->examine ? "Examine" : "Select");
}

static int select_mailbox(struct imap_cmd *cmd, bool examine)
{
	struct imap_session *s = cmd->s;
	struct select_request r = { .examine = examine };
	const char *name;
	int code;

	/* [RFC3501 6.3.1] a failed SELECT leaves nothing selected; wrong
	 * syntax is not an attempt */
	if (!imap_mailbox_arg(cmd, &name) || !parameters_parse(cmd, &r)) {
		if (cmd->reply == IMAP_NO)
			imap_unselect(s);
		return 0;
	}
	if (s->box != NULL) {
		imap_unselect(s);
		/* [RFC7162 3.2.11] what comes now is of the new one */
		imap_send_line(s, "* OK [CLOSED] Previous mailbox closed.");
	}
	if (r.condstore)
		imap_condstore_enable(s);
	code = imap_mailbox_api->open(s->user, name, examine ?
				      CV_MAILBOX_READONLY : 0, &s->box,
				      s->err);
	if (code < 0) {
		s->box = NULL;
		return imap_no_error(cmd, code);
	}
	return opened(cmd, &r);
}

int imap_cmd_select(struct imap_cmd *cmd)
{
	return select_mailbox(cmd, false);
}

int imap_cmd_examine(struct imap_cmd *cmd)
{
	return select_mailbox(cmd, true);
}
