/* cmd-append.c - APPEND [RFC3501 6.3.11] with APPENDUID [RFC4315 3].
 *
 * The message goes from the connection's window to the store, never whole
 * into memory; what can be refused is refused before it is sent. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-date.h"
#include "imap-respond.h"

struct append {
	struct imap_cmd *cmd;
	struct cv_save *save;		/* NULL after a failure */
	struct cv_save_request request;
	uint64_t size;
};

/* [ flag-list ] [ date-time ] literal */
static bool options_parse(struct append *a)
{
	struct imap_cmd *cmd = a->cmd;
	const struct imap_arg *arg;

	arg = imap_args_peek(&cmd->args);
	if (arg != NULL && arg->type == IMAP_LIST) {
		if (!imap_flags_args(cmd, imap_args_of_list(&cmd->args, arg),
				     &a->request.flags, &a->request.keywords))
			return false;
		(void)imap_args_next(&cmd->args);
		arg = imap_args_peek(&cmd->args);
	}
	if (arg != NULL && arg->type == IMAP_QUOTED) {
		if (!imap_date_time_parse(arg->text,
					  &a->request.internal_date)) {
			imap_bad(cmd, "Invalid internal date.");
			return false;
		}
		(void)imap_args_next(&cmd->args);
		arg = imap_args_peek(&cmd->args);
	}
	if (arg != NULL && arg->type == IMAP_STREAM)
		return true;
	imap_bad_arguments(cmd);
	return false;
}

static bool size_allowed(struct append *a)
{
	uint64_t max = a->cmd->s->set->imap_max_append_size;

	if (a->size == 0) {
		/* [RFC3502 6.3.11] an empty literal is no message */
		imap_no(a->cmd, "[CANNOT] Can't save a zero byte message.");
		return false;
	}
	if (max == 0 || a->size <= max)
		return true;
	/* [RFC7889 4] */
	imap_no(a->cmd, "[TOOBIG] Message is too large.");
	return false;
}

/* Everything that can fail before the first byte. */
static bool begin(struct append *a)
{
	struct imap_cmd *cmd = a->cmd;
	struct imap_session *s = cmd->s;
	const char *name;
	int code;

	if (!imap_mailbox_arg(cmd, &name) || !options_parse(a) ||
	    !size_allowed(a))
		return false;
	a->request.mailbox_name = name;
	a->request.size_hint = a->size;
	code = imap_mailbox_api->save_begin(s->user, name, &a->save, s->err);
	if (code < 0) {
		a->save = NULL;
		imap_no_error_target(cmd, code);
		return false;
	}
	code = imap_mailbox_api->save_add(a->save, &a->request, s->err);
	if (code < 0) {
		imap_mailbox_api->save_abort(&a->save);
		imap_no_error_target(cmd, code);
		return false;
	}
	return true;
}

static void give_up(struct append *a)
{
	if (a->save != NULL)
		imap_mailbox_api->save_abort(&a->save);
	a->save = NULL;
}

static void take(struct append *a, const char *data, size_t len)
{
	struct imap_cmd *cmd = a->cmd;
	int code;

	if (a->save == NULL)
		return;
	/* [RFC3501 4.3] NUL is allowed in literal8 only */
	if (memchr(data, '\0', len) != NULL) {
		imap_no(cmd, "[CANNOT] Message contains NUL characters.");
		give_up(a);
		return;
	}
	code = imap_mailbox_api->save_write(a->save, data, len, cmd->s->err);
	if (code < 0) {
		imap_no_error_target(cmd, code);
		give_up(a);
	}
}

/* The literal's bytes; they are read even when nobody wants them. */
static int literal_read(struct append *a)
{
	struct imap_session *s = a->cmd->s;
	uint64_t left = a->size;

	while (left > 0) {
		struct cv_span in = imap_connection_api->peek(s->conn);

		if (in.len == 0) {
			if (imap_wait_input(s) < 0)
				return CV_E_TEMP;
			continue;
		}
		if (in.len > left)
			in.len = (size_t)left;
		take(a, in.data, in.len);
		imap_connection_api->skip(s->conn, in.len);
		left -= in.len;
	}
	imap_parser_stream_done(&s->parser);
	return 0;
}

/* The rest of the command behind the literal: nothing but its end. */
static int end_read(struct append *a)
{
	struct imap_cmd *cmd = a->cmd;
	struct imap_session *s = cmd->s;
	uint32_t args = s->parser.arg_count;
	enum imap_parse_result result = IMAP_PARSE_MORE;
	size_t used;

	s->parser.stream_from = UINT32_MAX;
	while (result == IMAP_PARSE_MORE || result == IMAP_PARSE_CONTINUE) {
		struct cv_span in = imap_connection_api->peek(s->conn);

		if (result == IMAP_PARSE_CONTINUE) {
			/* MULTIAPPEND is not offered: do not ask for it */
			break;
		}
		if (in.len == 0) {
			if (imap_wait_input(s) < 0)
				return CV_E_TEMP;
			continue;
		}
		result = imap_parser_feed(&s->parser, in, &used);
		imap_connection_api->skip(s->conn, used);
	}
	cmd->tag = imap_parser_tag(&s->parser);
	if (result == IMAP_PARSE_FATAL)
		imap_bye(s, "Input could not be understood.");
	if (result != IMAP_PARSE_DONE || s->parser.arg_count != args) {
		give_up(a);
		imap_bad(cmd, "Error in IMAP command APPEND: Unexpected "
			 "arguments.");
	}
	return 0;
}

static void finish(struct append *a)
{
	struct imap_cmd *cmd = a->cmd;
	struct imap_session *s = cmd->s;
	struct cv_set uids = { NULL, 0 };
	uint32_t uidvalidity = 0;
	int code;

	if (a->save == NULL)
		return;
	code = imap_mailbox_api->save_finish(a->save, s->err);
	if (code >= 0)
		code = imap_mailbox_api->save_commit(&a->save, cmd->pool,
			&uidvalidity, &uids, s->err);
	if (code < 0) {
		imap_no_error_target(cmd, code);
		give_up(a);
		return;
	}
	s->counters.appended++;
	if (uids.count == 1)
		imap_ok(cmd, "[APPENDUID %u %u] Append completed.",
			uidvalidity, uids.ranges[0].first);
	else
		imap_ok(cmd, "Append completed.");
}

int imap_cmd_append(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	struct imap_parser *parser = &s->parser;
	struct append a = { .cmd = cmd, .request = {
		CV_SIZED(cv_save_request), .internal_date = INT64_MIN } };
	uint64_t max = s->set->imap_max_append_size;
	bool streams = parser->arg_count > 0 &&
		parser->args[parser->arg_count - 1].type == IMAP_STREAM;

	if (!streams)
		return imap_bad_arguments(cmd);
	a.size = parser->literal_size;
	if (!begin(&a)) {
		/* [RFC7888 4] a literal that is not waited for comes in any
		 * case; one that is too large closes the connection */
		if (parser->literal_sync)
			return 0;
		if (max > 0 && a.size > max) {
			imap_bye(s, "[TOOBIG] Message is too large.");
			return 0;
		}
	} else if (parser->literal_sync) {
		imap_send_line(s, "+ OK");
	}
	if (literal_read(&a) < 0 || end_read(&a) < 0) {
		give_up(&a);
		return CV_E_TEMP;
	}
	finish(&a);
	return 0;
}
