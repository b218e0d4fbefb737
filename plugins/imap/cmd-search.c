/* cmd-search.c - SEARCH [RFC3501 6.4.4] with RETURN [RFC4731]. */
#include "imap-commands.h"
#include "imap-context.h"
#include "imap-enable.h"
#include "imap-limit.h"
#include "imap-respond.h"
#include "imap-return.h"
#include "imap-search.h"

static void send_result(struct imap_cmd *cmd, const struct imap_return *ret,
			struct cv_set seqs, const uint8_t *scores)
{
	struct imap_results results = imap_results_of_set(cmd, seqs);

	results.scores = scores;
	results.modseq = imap_results_modseq(cmd, ret, seqs);
	if (!ret->given)
		/* [RFC3501 7.2.5] sent even when nothing was found */
		imap_results_send(cmd, "SEARCH", results);
	else if (ret->options != IMAP_RETURN_SAVE)
		/* [RFC5182 2.2] SAVE alone answers nothing */
		imap_esearch_send(cmd, ret, results, cmd->uid, CV_SPAN_NONE,
				  0);
}

static int search(struct imap_cmd *cmd, const struct imap_return *ret)
{
	struct imap_session *s = cmd->s;
	struct imap_program program = { .sorting = { .count = 0 } };
	struct cv_search_query query;
	struct imap_results found;
	struct cv_set seqs = { NULL, 0 };
	const uint8_t *scores = NULL;
	int code;

	if (!imap_search_parse(cmd, &program.query) ||
	    !imap_relevancy_allowed(cmd, ret) ||
	    !imap_context_allowed(cmd, ret))
		return 0;
	query = program.query;
	code = imap_limit_search(cmd, &query);
	if (code >= 0 && (ret->options & IMAP_RETURN_RELEVANCY) != 0)
		code = imap_mailbox_api->search_scored(s->box, &query,
			cmd->pool, &seqs, &scores, s->err);
	else if (code >= 0)
		code = imap_mailbox_api->search(s->box, &query, cmd->pool,
						&seqs, s->err);
	if (code < 0)
		return imap_no_error(cmd, code);
	seqs = imap_set_clip(cmd->pool, seqs, s->exists);
	found = (struct imap_results){ seqs.ranges, seqs.count,
				       imap_set_size(seqs), 0, NULL };
	imap_ok(cmd, "Search completed.");
	if ((ret->options & IMAP_RETURN_SAVE) != 0)
		imap_saved_set(cmd, ret, found);
	send_result(cmd, ret, seqs, scores);
	imap_context_begin(cmd, ret, &program, found, CV_SPAN(""));
	return 0;
}

int imap_cmd_search(struct imap_cmd *cmd)
{
	struct imap_return ret;
	int code;

	if (!imap_return_parse(cmd, &ret))
		return 0;
	/* [RFC9051 6.4.4] the SEARCH response is gone; without options all of
	 * them are told */
	if (!ret.given && (cmd->s->enabled & IMAP_ENABLED_REV2) != 0) {
		ret.given = true;
		ret.options = IMAP_RETURN_ALL;
	}
	code = search(cmd, &ret);
	/* [RFC5182 2.1] NO empties it, BAD leaves it */
	if (cmd->reply == IMAP_NO && (ret.options & IMAP_RETURN_SAVE) != 0)
		imap_saved_clear(cmd->s);
	return code;
}
