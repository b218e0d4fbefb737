/* cmd-getquotaroot.c - GETQUOTAROOT [RFC9208 4.1.2]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-quota.h"
#include "imap-respond.h"

enum { ROOTS_MAX = 16 };

int imap_cmd_getquotaroot(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	struct cv_quota_usage roots[ROOTS_MAX];
	const char *name;
	uint32_t count = 0;
	int code = CV_OK;

	/* [RFC9208 4.1.2] it need not exist */
	if (!imap_mailbox_arg(cmd, &name) || !imap_args_end(cmd))
		return 0;
	while (code == CV_OK && count < ROOTS_MAX) {
		roots[count] = (struct cv_quota_usage){
			CV_SIZED(cv_quota_usage) };
		code = imap_mailbox_api->quota(s->user, name, count,
					       &roots[count], s->err);
		count += code == CV_OK;
	}
	if (code < 0)
		return imap_no_error(cmd, code);
	cv_text_append_str(&s->out, "* QUOTAROOT ");
	imap_append_mailbox(cmd, &s->out, name);
	for (uint32_t i = 0; i < count; i++) {
		roots[i].root = imap_quota_root(cmd, name, roots[i].root);
		cv_text_append_c(&s->out, ' ');
		imap_append_astring(&s->out, cv_span_of(roots[i].root));
	}
	cv_text_append_str(&s->out, "\r\n");
	for (uint32_t i = 0; i < count; i++)
		imap_quota_send(cmd, roots[i].root, &roots[i]);
	imap_flush(s);
	return imap_ok(cmd, "Getquotaroot completed.");
}
