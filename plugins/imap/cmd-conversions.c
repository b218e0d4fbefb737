/* cmd-conversions.c - CONVERSIONS [RFC5259 5.1]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-convert.h"
#include "imap-respond.h"

/* "*", "text/" "*" or one type */
static bool matches(struct cv_span wanted, const char *type)
{
	struct cv_span name = cv_span_of(type);

	if (cv_span_is(wanted, "*"))
		return true;
	if (wanted.data[wanted.len - 1] == '*')
		return cv_span_begins_icase(name, cv_span(wanted.data,
							  wanted.len - 1));
	return cv_span_equal_icase(name, wanted);
}

static void tell(struct cv_text *out, const struct cv_conversion *c)
{
	const char *before = " (";

	cv_text_append_str(out, "* CONVERSION ");
	imap_append_string(out, cv_span_of(c->from));
	cv_text_append_c(out, ' ');
	imap_append_string(out, cv_span_of(c->to));
	for (uint32_t i = 0; c->parameters[i] != NULL; i++) {
		cv_text_append_str(out, before);
		imap_append_string(out, cv_span_of(c->parameters[i]));
		before = " ";
	}
	if (before[1] == '\0')
		cv_text_append_c(out, ')');
	cv_text_append_str(out, "\r\n");
}

int imap_cmd_conversions(struct imap_cmd *cmd)
{
	const struct imap_arg *from = imap_args_next(&cmd->args);
	const struct imap_arg *to = imap_args_next(&cmd->args);
	struct cv_conversion c = { CV_SIZED(cv_conversion) };

	if (!imap_convert_offered(cmd->s->set))
		return imap_bad(cmd, "CONVERT is not offered.");
	if (!imap_args_end(cmd))
		return 0;
	/* [RFC5259 9] a type that cannot be one is BAD, one that nobody knows
	 * has no conversions */
	if (from == NULL || to == NULL || !imap_arg_is_string(from) ||
	    !imap_arg_is_string(to) ||
	    !imap_convert_is_type(from->text, true) ||
	    !imap_convert_is_type(to->text, true))
		return imap_bad(cmd, "Invalid MIME type.");
	for (uint32_t i = 0; imap_convert_api->at(i, &c) == CV_OK; i++) {
		if (matches(from->text, c.from) && matches(to->text, c.to))
			tell(&cmd->s->out, &c);
	}
	imap_flush(cmd->s);
	return imap_ok(cmd, "Conversions completed.");
}
