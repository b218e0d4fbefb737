/* imap-modseq.c - see imap-modseq.h. */
#include "imap-modseq.h"
#include "imap-enable.h"
#include "imap-respond.h"

bool imap_modseq_parse(struct cv_span text, bool zero, uint64_t *modseq_r)
{
	return cv_span_to_u64(text, INT64_MAX, modseq_r) &&
		(zero || *modseq_r > 0);
}

bool imap_modseq_arg(struct imap_cmd *cmd, const struct imap_arg *arg,
		     bool zero, uint64_t *modseq_r)
{
	if (arg != NULL && arg->type == IMAP_ATOM &&
	    imap_modseq_parse(arg->text, zero, modseq_r))
		return true;
	imap_bad(cmd, "Error in IMAP command %s: Invalid mod-sequence.",
		 cmd->def->name);
	return false;
}

void imap_modseq_send(struct imap_session *s, uint64_t modseq)
{
	cv_text_append_str(&s->out, "* OK [HIGHESTMODSEQ ");
	cv_text_append_u64(&s->out, modseq);
	cv_text_append_str(&s->out, "] ");
	imap_say(s, "Highest");
	cv_text_append_str(&s->out, "\r\n");
}

void imap_condstore_enable(struct imap_session *s)
{
	if ((s->enabled & IMAP_ENABLED_CONDSTORE) != 0)
		return;
	s->enabled |= IMAP_ENABLED_CONDSTORE;
	if (s->box != NULL)
		imap_modseq_send(s, s->modseq);
}

uint64_t imap_modseq_highest(struct imap_session *s, struct cv_set seqs)
{
	struct cv_message_data data = { CV_SIZED(cv_message_data) };
	uint64_t highest = 0;

	for (uint32_t i = 0; i < seqs.count; i++) {
		const struct cv_range *r = &seqs.ranges[i];

		for (uint64_t n = r->first; n <= r->last; n++) {
			if (imap_mailbox_api->message(s->box, (uint32_t)n, 0,
						      &data, s->err) == CV_OK &&
			    data.modseq > highest)
				highest = data.modseq;
		}
	}
	return highest;
}
