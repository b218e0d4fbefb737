/* cmd-uidbatches.c - UIDBATCHES [RFC10022]: the mailbox in ranges of UIDs that
 * hold so many messages each, the newest first.
 *
 * Batches are counted in the view, so that they are exact; a client that asks
 * again costs as much as one FETCH of a UID, so none is refused. */
#include "imap-args.h"
#include "imap-commands.h"
#include "imap-respond.h"

enum {
	BATCH_MIN = 500,	/* [RFC10022] the largest minimum allowed */
	RANGES_MAX = 100000,	/* of an answer */
};

static bool number_parse(struct cv_span text, uint32_t *number_r)
{
	uint64_t value;

	if (!cv_span_to_u64(text, UINT32_MAX, &value) || value == 0)
		return false;
	*number_r = (uint32_t)value;
	return true;
}

struct batches { uint32_t size, first, last; };

static bool parse(struct imap_cmd *cmd, struct batches *b)
{
	const struct imap_arg *arg = imap_args_next(&cmd->args);
	struct cv_span from, to;

	*b = (struct batches){ 0, 1, UINT32_MAX };
	if (arg == NULL || arg->type != IMAP_ATOM ||
	    !number_parse(arg->text, &b->size)) {
		imap_bad_arguments(cmd);
		return false;
	}
	arg = imap_args_next(&cmd->args);
	if (arg == NULL)
		return true;
	to = arg->text;
	if (arg->type != IMAP_ATOM || imap_args_peek(&cmd->args) != NULL ||
	    !cv_span_split(&to, ':', &from) || to.data == NULL ||
	    !number_parse(from, &b->first) || !number_parse(to, &b->last)) {
		imap_bad_arguments(cmd);
		return false;
	}
	if (b->first <= b->last)
		return true;
	imap_bad(cmd, "[CLIENTBUG] The range of batches is reversed.");
	return false;
}

static uint32_t uid_at(struct imap_session *s, uint64_t seq)
{
	return imap_mailbox_api->uid_of(s->box, (uint32_t)seq);
}

/* Batch number "at" ends where the one before it begins. */
static void append_batch(struct imap_session *s, const struct batches *b,
			 uint64_t at)
{
	uint64_t last = s->exists - (at - 1) * b->size;
	uint64_t first = last > b->size ? last - b->size + 1 : 1;

	cv_text_append_u64(&s->out, uid_at(s, last));
	cv_text_append_c(&s->out, ':');
	/* [RFC10022] a range that ends at 1 is known to be the last */
	cv_text_append_u64(&s->out, first == 1 ? 1 : uid_at(s, first));
}

int imap_cmd_uidbatches(struct imap_cmd *cmd)
{
	struct imap_session *s = cmd->s;
	struct batches b;
	uint64_t count;

	if (!parse(cmd, &b))
		return 0;
	if (b.size < BATCH_MIN)
		return imap_no(cmd, "[TOOFEW] A batch has at least %d "
			       "messages.", BATCH_MIN);
	count = ((uint64_t)s->exists + b.size - 1) / b.size;
	if (b.last > count)
		b.last = (uint32_t)count;
	if (b.first <= b.last && b.last - b.first >= RANGES_MAX)
		return imap_no(cmd, "[TOOMANY] Ask for fewer batches.");
	cv_text_append_str(&s->out, "* UIDBATCHES (TAG ");
	imap_append_string(&s->out, cmd->tag);
	cv_text_append_c(&s->out, ')');
	for (uint64_t at = b.first; at <= b.last; at++) {
		cv_text_append_c(&s->out, at == b.first ? ' ' : ',');
		append_batch(s, &b, at);
	}
	cv_text_append_str(&s->out, "\r\n");
	imap_flush(s);
	return imap_ok(cmd, "Batches completed.");
}
