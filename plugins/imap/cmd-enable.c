/* cmd-enable.c - ENABLE [RFC5161]; imap-enable.c has the table. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-enable.h"
#include "imap-respond.h"

static bool names_valid(struct imap_args args)
{
	const struct imap_arg *arg;

	if (imap_args_peek(&args) == NULL)
		return false;
	while ((arg = imap_args_next(&args)) != NULL) {
		if (arg->type != IMAP_ATOM)
			return false;
	}
	return true;
}

int imap_cmd_enable(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	const struct imap_arg *arg;
	uint32_t before = s->enabled;
	struct cv_text names;

	if (!names_valid(cmd->args))
		return imap_bad_arguments(cmd);
	/* [RFC5161 3.1] what is not known is ignored; [RFC5161 3.2] the
	 * response names those that this command has enabled, and is sent
	 * when there are none, too */
	cv_text_init(&names, cmd->pool);
	while ((arg = imap_args_next(&cmd->args)) != NULL) {
		const struct imap_extension *x =
			imap_extension_find(arg->text);

		if (x == NULL || !imap_extension_enable(s, x))
			continue;
		cv_text_append_c(&names, ' ');
		cv_text_append_str(&names, x->name);
	}
	cv_text_append_str(&s->out, "* ENABLED");
	cv_text_append_span(&s->out, cv_text_span(&names));
	cv_text_append_str(&s->out, "\r\n");
	imap_extensions_run(s, before);
	imap_flush(s);
	return imap_ok(cmd, "Enabled.");
}
