/* cmd-search.c - SEARCH [RFC3501 6.4.4]. */
#include "imap-commands.h"
#include "imap-respond.h"
#include "imap-search.h"
#include "imap-set.h"

enum { FLUSH_AT = 16384 };

static void send_result(struct imap_cmd *cmd, struct cv_set seqs)
{
	struct imap_session *s = cmd->s;

	/* [RFC3501 7.2.5] sent even when nothing was found */
	cv_text_append_str(&s->out, "* SEARCH");
	for (uint32_t i = 0; i < seqs.count; i++) {
		const struct cv_range *r = &seqs.ranges[i];

		for (uint64_t n = r->first; n <= r->last; n++) {
			uint32_t number = (uint32_t)n;

			if (cmd->uid)
				number = imap_mailbox_api->uid_of(s->box,
								  number);
			cv_text_append_c(&s->out, ' ');
			cv_text_append_u64(&s->out, number);
			if (s->out.len > FLUSH_AT)
				imap_flush(s);
		}
	}
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
}

int imap_cmd_search(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	struct cv_search_query query;
	struct cv_set seqs = { NULL, 0 };
	int code;

	if (!imap_search_parse(cmd, &query))
		return 0;
	code = imap_mailbox_api->search(s->box, &query, cmd->pool, &seqs,
					s->err);
	if (code < 0)
		return imap_no_error(cmd, code);
	send_result(cmd, imap_set_clip(cmd->pool, seqs, s->exists));
	return imap_ok(cmd, "Search completed.");
}
