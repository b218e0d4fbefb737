/* cmd-select.c - SELECT and EXAMINE [RFC3501 6.3.1, 6.3.2]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-respond.h"
#include "imap-sync.h"

static void send_state(struct imap_session *s,
		       const struct cv_mailbox_state *state)
{
	struct cv_text *out = &s->out;

	imap_send_mailbox_flags(s);
	cv_text_append_str(out, "* ");
	cv_text_append_u64(out, state->messages);
	cv_text_append_str(out, " EXISTS\r\n* ");
	cv_text_append_u64(out, state->recent);
	cv_text_append_str(out, " RECENT\r\n");
	if (state->first_unseen > 0) {
		cv_text_append_str(out, "* OK [UNSEEN ");
		cv_text_append_u64(out, state->first_unseen);
		cv_text_append_str(out, "] First unseen.\r\n");
	}
	cv_text_append_str(out, "* OK [UIDVALIDITY ");
	cv_text_append_u64(out, state->uidvalidity);
	cv_text_append_str(out, "] UIDs valid\r\n* OK [UIDNEXT ");
	cv_text_append_u64(out, state->uidnext);
	cv_text_append_str(out, "] Predicted next UID\r\n");
	imap_flush(s);
}

static int select_mailbox(struct imap_cmd *cmd, bool examine)
{
	struct imap_session *s = cmd->s;
	struct cv_mailbox_state state = { CV_SIZED(cv_mailbox_state) };
	const char *name;
	int code;

	/* [RFC3501 6.3.1] a failed SELECT leaves nothing selected; wrong
	 * syntax is not an attempt */
	if (!imap_mailbox_arg(cmd, &name) || !imap_args_end(cmd)) {
		if (cmd->reply == IMAP_NO)
			imap_unselect(s);
		return 0;
	}
	if (s->box != NULL) {
		imap_unselect(s);
		/* [RFC7162 3.2.11] what comes now is of the new one */
		imap_send_line(s, "* OK [CLOSED] Previous mailbox closed.");
	}
	code = imap_mailbox_api->open(s->user, name, examine ?
				      CV_MAILBOX_READONLY : 0, &s->box,
				      s->err);
	if (code < 0) {
		s->box = NULL;
		return imap_no_error(cmd, code);
	}
	imap_mailbox_api->state(s->box, &state);
	s->readonly = examine || state.readonly;
	s->exists = state.messages;
	s->recent = state.recent;
	send_state(s, &state);
	return imap_ok(cmd, "[%s] %s completed.",
		       s->readonly ? "READ-ONLY" : "READ-WRITE",
		       examine ? "Examine" : "Select");
}

int imap_cmd_select(struct imap_cmd *cmd)
{
	return select_mailbox(cmd, false);
}

int imap_cmd_examine(struct imap_cmd *cmd)
{
	return select_mailbox(cmd, true);
}
