/* imap-extend-fetch.c - items of FETCH that other plugins have. */
#include "imap-extend.h"
#include "imap-respond.h"

enum { ITEMS_MAX = 64 };		/* in one FETCH */

struct imap_fetch_extended {
	const struct imap_extended_item *item;
	struct imap_call call;
	bool failed;			/* is not asked again */
};

static bool parse(struct imap_cmd *cmd, struct imap_fetch_extended *e,
		  const struct imap_args *list)
{
	int code;

	imap_call_init(&e->call, cmd, e->item->by, e->item->row.name);
	if (list != NULL)
		e->call.pub.args = imap_extend_args(cmd->pool, *list);
	if (e->item->row.parse == NULL)
		return true;
	code = e->item->row.parse(&e->call.pub);
	if (code < 0)
		(void)imap_call_failed(&e->call, code);
	e->call.pub.response_code = NULL;
	return code >= 0;
}

bool imap_extend_fetch_add(struct imap_cmd *cmd, struct imap_fetch *fetch,
			   const struct imap_extended_item *item,
			   const struct imap_args *list)
{
	for (uint32_t i = 0; i < fetch->extended_count; i++) {
		/* as with our own, once is enough */
		if (fetch->extended[i].item == item)
			return true;
	}
	if (fetch->extended_count == ITEMS_MAX) {
		imap_bad(cmd, "Too many items.");
		return false;
	}
	if (fetch->extended == NULL)
		fetch->extended = CV_ALLOC_ARRAY(cmd->pool,
			struct imap_fetch_extended, ITEMS_MAX);
	fetch->extended[fetch->extended_count].item = item;
	fetch->message_items |= item->row.needs;
	return parse(cmd, &fetch->extended[fetch->extended_count++], list);
}

/* Appends " NAME value", or nothing. */
static bool tell(struct imap_cmd *cmd, struct imap_fetch_extended *e,
		 const struct cv_message_data *data, bool first)
{
	struct cv_text *out = &cmd->s->out;
	size_t start = out->len;
	const char *fault;
	int code;

	if (!first)
		cv_text_append_c(out, ' ');
	cv_text_append_str(out, e->call.what);
	cv_text_append_c(out, ' ');
	imap_out_init(&e->call.out, cmd, false);
	e->call.pub.out = &e->call.out;
	e->call.pub.seq = data->seq;
	e->call.pub.message = data;
	code = e->item->row.tell(&e->call.pub);
	if (code == CV_NOT_FOUND && e->call.out.values == 0)
		imap_extend_api.put_string(&e->call.out, CV_SPAN_NONE);
	fault = imap_out_end(&e->call.out);
	if (code >= 0 && fault == NULL)
		return true;
	out->len = start;
	e->failed = true;
	if (code < 0)
		(void)imap_call_failed(&e->call, code);
	else
		(void)imap_call_fault(&e->call, fault);
	return false;
}

void imap_extend_fetch_tell(struct imap_cmd *cmd, struct imap_fetch *fetch,
			    struct cv_message_data *data, bool first)
{
	struct imap_session *s = cmd->s;
	uint32_t seq = data->seq, flags = data->flags;

	for (uint32_t i = 0; i < fetch->extended_count; i++) {
		struct imap_fetch_extended *e = &fetch->extended[i];

		if (e->failed)
			continue;
		if (tell(cmd, e, data, first))
			first = false;
		if (i + 1 == fetch->extended_count)
			break;
		/* what a view returns holds until the next call on it, and
		 * the plugin may have made one */
		if (imap_mailbox_api->message(s->box, seq,
					      fetch->message_items, data,
					      s->err) != CV_OK)
			break;
		data->seq = seq;
		data->flags = flags;
	}
}
