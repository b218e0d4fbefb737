/* cmd-genurlauth.c - GENURLAUTH [RFC4467 7]: all URLs get a token, or none. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-respond.h"
#include "imap-urlauth.h"

enum { URLS_MAX = 1000 };	/* in a command */

/* CV_E_SYNTAX: a wrong one is BAD, not NO; the text says what is wrong. */
static int refuse(struct imap_cmd *cmd, int code)
{
	const char *why = cv_api->error_client(cmd->s->err);

	if (code == CV_E_UNSUPPORTED)
		return imap_no(cmd, "[CANNOT] There are no such URLs of other "
			       "users' mailboxes.");
	if (code != CV_E_SYNTAX)
		return imap_no_error(cmd, code);
	return imap_bad(cmd, "%s", why);
}

int imap_cmd_genurlauth(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	const struct imap_arg *url, *mechanism;
	struct cv_text reply;
	uint32_t count = 0;

	if (!imap_urlauth_offered(s))
		return imap_bad(cmd, "URLAUTH is not available.");
	cv_text_init(&reply, cmd->pool);
	cv_text_append_str(&reply, "* GENURLAUTH");
	while ((url = imap_args_next(&cmd->args)) != NULL) {
		struct cv_span token;
		struct cv_text full;
		int code;

		mechanism = imap_args_next(&cmd->args);
		if (!imap_arg_is_string(url) || mechanism == NULL ||
		    mechanism->type != IMAP_ATOM)
			return imap_bad_arguments(cmd);
		if (!imap_urlauth_is_mechanism(mechanism))
			return imap_bad(cmd, "Unsupported mechanism.");
		if (++count > URLS_MAX)
			return imap_bad(cmd, "Too many URLs.");
		code = imap_mailbox_api->urlauth_token(s->user, url->text,
						       cmd->pool, &token,
						       s->err);
		if (code < 0)
			return refuse(cmd, code);
		cv_text_init(&full, cmd->pool);
		cv_text_append_f(&full, "%.*s:internal:%.*s",
				 CV_SPAN_ARG(url->text), CV_SPAN_ARG(token));
		cv_text_append_c(&reply, ' ');
		imap_append_string(&reply, cv_text_span(&full));
	}
	if (count == 0)
		return imap_bad_arguments(cmd);
	/* a first key is no news to this session */
	imap_urlauth_note(s);
	cv_text_append_span(&s->out, cv_text_span(&reply));
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
	return imap_ok(cmd, "Genurlauth completed.");
}
