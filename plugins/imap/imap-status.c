/* imap-status.c - see imap-status.h. */
#include "imap-status.h"
#include "imap-respond.h"

static const struct { const char *name; uint32_t item; } items_known[] = {
	{ "MESSAGES", CV_STATUS_MESSAGES },
	{ "RECENT", CV_STATUS_RECENT },
	{ "UIDNEXT", CV_STATUS_UIDNEXT },
	{ "UIDVALIDITY", CV_STATUS_UIDVALIDITY },
	{ "UNSEEN", CV_STATUS_UNSEEN },
	{ "SIZE", CV_STATUS_SIZE },		/* [RFC8438] */
};
enum { ITEMS = sizeof(items_known) / sizeof(items_known[0]) };

bool imap_status_parse(struct imap_cmd *cmd, struct imap_args list,
		       uint32_t *items_r)
{
	const struct imap_arg *arg;

	*items_r = 0;
	while ((arg = imap_args_next(&list)) != NULL) {
		uint32_t bit = 0;

		for (int i = 0; i < ITEMS && arg->type == IMAP_ATOM; i++) {
			if (cv_span_is_icase(arg->text, items_known[i].name))
				bit = items_known[i].item;
		}
		if (bit == 0) {
			imap_bad(cmd, "Invalid status item %.*s",
				 CV_SPAN_ARG(arg->text));
			return false;
		}
		*items_r |= bit;
	}
	if (*items_r == 0)
		imap_bad(cmd, "Empty status list.");
	return *items_r != 0;
}

static uint64_t value_of(const struct cv_mailbox_status *st, uint32_t item)
{
	switch (item) {
	case CV_STATUS_MESSAGES:
		return st->messages;
	case CV_STATUS_RECENT:
		return st->recent;
	case CV_STATUS_UIDNEXT:
		return st->uidnext;
	case CV_STATUS_UIDVALIDITY:
		return st->uidvalidity;
	case CV_STATUS_UNSEEN:
		return st->unseen;
	default:
		return st->size_bytes;
	}
}

int imap_status_send(struct imap_cmd *cmd, const char *name, uint32_t items)
{
	struct imap_session *s = cmd->s;
	struct cv_mailbox_status st = { CV_SIZED(cv_mailbox_status) };
	int code = imap_mailbox_api->status(s->user, name, items, &st,
					    s->err);
	bool first = true;

	if (code < 0)
		return code;
	cv_text_append_str(&s->out, "* STATUS ");
	imap_append_mailbox(cmd, &s->out, name);
	for (int i = 0; i < ITEMS; i++) {
		if ((items & items_known[i].item) == 0)
			continue;
		cv_text_append_str(&s->out, first ? " (" : " ");
		first = false;
		cv_text_append_str(&s->out, items_known[i].name);
		cv_text_append_c(&s->out, ' ');
		cv_text_append_u64(&s->out,
				   value_of(&st, items_known[i].item));
	}
	cv_text_append_str(&s->out, ")\r\n");
	imap_flush(s);
	return CV_OK;
}
