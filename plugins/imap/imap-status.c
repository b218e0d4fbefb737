/* imap-status.c - see imap-status.h. */
#include "imap-status.h"
#include "imap-extend.h"
#include "imap-modseq.h"
#include "imap-object-id.h"
#include "imap-respond.h"

typedef void append_fn(struct imap_cmd *cmd,
		       const struct cv_mailbox_status *st);

#define NUMBER(member) \
static void append_##member(struct imap_cmd *cmd, \
			    const struct cv_mailbox_status *st) \
{ \
	cv_text_append_u64(&cmd->s->out, st->member); \
}

NUMBER(messages)
NUMBER(recent)
NUMBER(uidnext)
NUMBER(uidvalidity)
NUMBER(unseen)
NUMBER(size_bytes)
NUMBER(deleted)
NUMBER(deleted_bytes)
NUMBER(highestmodseq)

/* [RFC8474 4.3] */
static void append_mailbox_id(struct imap_cmd *cmd,
			      const struct cv_mailbox_status *st)
{
	cv_text_append_c(&cmd->s->out, '(');
	imap_object_id_append(&cmd->s->out, IMAP_OBJECT_MAILBOX, st->guid);
	cv_text_append_c(&cmd->s->out, ')');
}

/* [RFC7889 5] a number has 32 bits; [RFC7889 3.3] quota does not count. */
uint64_t imap_append_limit(const struct imap_settings *set)
{
	uint64_t max = set->imap_max_append_size;

	return max > UINT32_MAX ? UINT32_MAX : max;
}

/* [RFC7889 3.1] NIL: there is none */
static void append_limit(struct imap_cmd *cmd,
			 const struct cv_mailbox_status *st)
{
	uint64_t max = imap_append_limit(cmd->s->set);

	if (max == 0)
		cv_text_append_str(&cmd->s->out, "NIL");
	else
		cv_text_append_u64(&cmd->s->out, max);
}

/* Items that core does not know have the upper bits. */
enum { APPENDLIMIT = 1 << 24, OWN_ITEMS = 0xff << 24 };

static const struct {
	const char *name;
	uint32_t item;
	append_fn *append;
} items_known[] = {
	{ "MESSAGES", CV_STATUS_MESSAGES, append_messages },
	{ "RECENT", CV_STATUS_RECENT, append_recent },
	{ "UIDNEXT", CV_STATUS_UIDNEXT, append_uidnext },
	{ "UIDVALIDITY", CV_STATUS_UIDVALIDITY, append_uidvalidity },
	{ "UNSEEN", CV_STATUS_UNSEEN, append_unseen },
	{ "SIZE", CV_STATUS_SIZE, append_size_bytes },	/* [RFC8438] */
	/* [RFC9208 4.1.4], [RFC9051 6.3.11] */
	{ "DELETED", CV_STATUS_DELETED, append_deleted },
	{ "DELETED-STORAGE", CV_STATUS_DELETED_BYTES, append_deleted_bytes },
	{ "APPENDLIMIT", APPENDLIMIT, append_limit },	/* [RFC7889 3.1] */
	/* [RFC7162 3.1.7] */
	{ "HIGHESTMODSEQ", CV_STATUS_HIGHESTMODSEQ, append_highestmodseq },
	{ "MAILBOXID", CV_STATUS_GUID, append_mailbox_id },
};
enum { ITEMS = sizeof(items_known) / sizeof(items_known[0]) };

bool imap_status_item_is_own(struct cv_span name)
{
	for (int i = 0; i < ITEMS; i++) {
		if (cv_span_is_icase(name, items_known[i].name))
			return true;
	}
	return false;
}

/* Those of other plugins have the upper half. */
static uint64_t extended_bit(struct cv_span name)
{
	const struct imap_extended *all = imap_extended();

	for (uint32_t i = 0; i < all->status_count; i++) {
		if (cv_span_is_icase(name, all->statuses[i].row.name))
			return (uint64_t)1 << (32 + i);
	}
	return 0;
}

bool imap_status_parse(struct imap_cmd *cmd, struct imap_args list,
		       uint64_t *items_r)
{
	const struct imap_arg *arg;

	*items_r = 0;
	while ((arg = imap_args_next(&list)) != NULL) {
		uint64_t bit = 0;

		for (int i = 0; i < ITEMS && arg->type == IMAP_ATOM; i++) {
			if (cv_span_is_icase(arg->text, items_known[i].name))
				bit = items_known[i].item;
		}
		if (bit == 0 && arg->type == IMAP_ATOM)
			bit = extended_bit(arg->text);
		if (bit == 0) {
			imap_bad(cmd, "Invalid status item %.*s",
				 CV_SPAN_ARG(arg->text));
			return false;
		}
		*items_r |= bit;
	}
	if (*items_r == 0)
		imap_bad(cmd, "Empty status list.");
	/* [RFC7162 3.1] */
	if ((*items_r & CV_STATUS_HIGHESTMODSEQ) != 0)
		imap_condstore_enable(cmd->s);
	return *items_r != 0;
}

/* " (NAME " or " NAME " */
static void name_append(struct cv_text *out, const char *name, bool *first)
{
	cv_text_append_str(out, *first ? " (" : " ");
	*first = false;
	cv_text_append_str(out, name);
	cv_text_append_c(out, ' ');
}

static uint32_t needs_of(uint64_t items)
{
	const struct imap_extended *all = imap_extended();
	uint32_t needs = (uint32_t)items & ~(uint32_t)OWN_ITEMS;

	for (uint32_t i = 0; i < all->status_count; i++) {
		if ((items & (uint64_t)1 << (32 + i)) != 0)
			needs |= all->statuses[i].row.needs;
	}
	return needs;
}

static int extended_send(struct imap_cmd *cmd, const char *name,
			 uint64_t items, const struct cv_mailbox_status *st,
			 bool *first)
{
	const struct imap_extended *all = imap_extended();
	int code = CV_OK;

	for (uint32_t i = 0; i < all->status_count && code >= 0; i++) {
		if ((items & (uint64_t)1 << (32 + i)) == 0)
			continue;
		name_append(&cmd->s->out, all->statuses[i].row.name, first);
		code = imap_extend_status(cmd, &all->statuses[i], name, st);
	}
	return code;
}

int imap_status_send(struct imap_cmd *cmd, const char *name, uint64_t items)
{
	struct imap_session *s = cmd->s;
	struct cv_mailbox_status st = { CV_SIZED(cv_mailbox_status) };
	int code = imap_mailbox_api->status(s->user, name, needs_of(items),
					    &st, s->err);
	size_t start = s->out.len;
	bool first = true;

	if (code < 0)
		return code;
	cv_text_append_str(&s->out, "* STATUS ");
	imap_append_mailbox(cmd, &s->out, name);
	for (int i = 0; i < ITEMS; i++) {
		if ((items & items_known[i].item) == 0)
			continue;
		name_append(&s->out, items_known[i].name, &first);
		items_known[i].append(cmd, &st);
	}
	code = extended_send(cmd, name, items, &st, &first);
	if (code < 0) {
		s->out.len = start;
		return code;
	}
	cv_text_append_str(&s->out, ")\r\n");
	imap_flush(s);
	return CV_OK;
}
