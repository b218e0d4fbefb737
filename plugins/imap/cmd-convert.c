/* cmd-convert.c - CONVERT and UID CONVERT [RFC5259 6]. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-convert.h"
#include "imap-enable.h"
#include "imap-modseq.h"
#include "imap-respond.h"
#include "imap-set.h"

enum { FLUSH_AT = 16384 };

struct convert_run {
	struct imap_cmd *cmd;
	struct imap_convert convert;
	uint32_t done, failed, temporary, gone;
};

/* "* 2 CONVERTED (TAG "a1") (UID 9 " */
static void begin(struct convert_run *run, uint32_t seq, uint32_t uid)
{
	struct cv_text *out = &run->cmd->s->out;
	bool uidonly = imap_enabled(run->cmd->s, IMAP_ENABLED_UIDONLY);

	cv_text_append_str(out, "* ");
	/* [RFC9586 3] no message numbers: as in UIDFETCH the UID leads, and
	 * a client that asks with UID reads the one inside anyway */
	cv_text_append_u64(out, uidonly ? uid : seq);
	cv_text_append_str(out, " CONVERTED (TAG ");
	imap_append_string(out, run->cmd->tag);
	cv_text_append_str(out, ") (");
	/* [RFC5259 8.1] the first one */
	if (run->convert.uid) {
		cv_text_append_str(out, "UID ");
		cv_text_append_u64(out, uid);
	}
}

static int convert_message(struct convert_run *run, uint32_t seq)
{
	struct imap_session *s = run->cmd->s;
	const struct imap_convert *convert = &run->convert;
	struct cv_message_data data = { CV_SIZED(cv_message_data) };
	int code = imap_mailbox_api->message(s->box, seq, 0, &data, s->err);

	if (code == CV_NOT_FOUND || code == CV_E_NOT_FOUND) {
		run->gone++;
		return 0;
	}
	if (code < 0) {
		cv_api->log(imap_self, CV_LOG_ERROR, "CONVERT: message %u: "
			    "%s", seq, cv_api->error_text(s->err));
		run->temporary++;
		run->failed++;
		return 0;
	}
	/* [security.md B16] what a sender has chosen */
	imap_compress_reset(s);
	code = imap_convert_prepare(run->cmd, convert, seq, data.uid);
	if (code < 0)
		return code;
	begin(run, seq, data.uid);
	for (uint32_t i = 0; i < convert->att_count; i++) {
		if (i > 0 || convert->uid)
			cv_text_append_c(&s->out, ' ');
		code = imap_convert_tell(run->cmd, convert,
					 &convert->atts[i], seq, data.uid);
		if (code < 0)
			return code;
		run->done += code == IMAP_CONVERT_DONE;
		run->failed += code != IMAP_CONVERT_DONE;
		run->temporary += code == IMAP_CONVERT_TEMPFAIL;
	}
	/* UID alone is no conversion that could fail */
	run->done += convert->att_count == 0;
	cv_text_append(&s->out, ")\r\n", 3);
	if (s->out.len > FLUSH_AT)
		imap_flush(s);
	return 0;
}

static int finish(const struct convert_run *run)
{
	struct imap_cmd *cmd = run->cmd;

	/* [RFC5259 9] OK as soon as one succeeds */
	if (run->done > 0 && run->failed > 0)
		return imap_ok(cmd, "Some conversions failed.");
	if (run->failed > 0 && run->temporary == run->failed)
		return imap_no(cmd, "[TEMPFAIL] All conversions failed.");
	if (run->failed > 0)
		return imap_no(cmd, "All conversions failed.");
	if (run->gone > 0 && run->done == 0)
		return imap_no(cmd, "[EXPUNGEISSUED] Some of the requested "
			       "messages no longer exist.");
	return imap_ok(cmd, "Convert completed.");
}

/* [RFC5259 8.5] false after setting NO */
static bool within_limits(struct imap_cmd *cmd,
			  const struct imap_convert *convert,
			  struct cv_set seqs)
{
	const struct imap_settings *set = cmd->s->set;

	if (imap_set_size(seqs) > set->imap_convert_max_messages) {
		imap_no(cmd, "[MAXCONVERTMESSAGES %u] Too many messages.",
			set->imap_convert_max_messages);
		return false;
	}
	if (convert->part_count > set->imap_convert_max_parts) {
		imap_no(cmd, "[MAXCONVERTPARTS %u] Too many body parts.",
			set->imap_convert_max_parts);
		return false;
	}
	return true;
}

int imap_cmd_convert(struct imap_cmd *cmd)
{
	struct convert_run run = { .cmd = cmd };
	struct cv_set seqs;
	int code = 0;

	if (!imap_convert_offered(cmd->s->set))
		return imap_bad(cmd, "CONVERT is not offered.");
	if (!imap_messages_arg(cmd, &seqs) ||
	    !imap_convert_parse(cmd, &run.convert))
		return 0;
	run.convert.uid = run.convert.uid || cmd->uid;
	if (!within_limits(cmd, &run.convert, seqs))
		return 0;
	for (uint32_t i = 0; i < seqs.count && code >= 0; i++) {
		const struct cv_range *r = &seqs.ranges[i];

		for (uint64_t n = r->first; n <= r->last && code >= 0; n++)
			code = convert_message(&run, (uint32_t)n);
	}
	imap_flush(cmd->s);
	return code < 0 ? code : finish(&run);
}
