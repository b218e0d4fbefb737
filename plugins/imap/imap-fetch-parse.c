/* imap-fetch-parse.c - what a FETCH asks for [RFC3501 6.4.5]. */
#include "imap-fetch.h"
#include "imap-args.h"
#include "imap-respond.h"

static const struct {
	const char *name;
	uint8_t item;
	uint32_t needs;		/* enum cv_message_item */
} items[] = {
	{ "UID", IMAP_FETCH_UID, 0 },
	{ "FLAGS", IMAP_FETCH_FLAGS, CV_MESSAGE_KEYWORDS },
	{ "INTERNALDATE", IMAP_FETCH_INTERNALDATE, 0 },
	{ "RFC822.SIZE", IMAP_FETCH_SIZE, CV_MESSAGE_SIZE },
	{ "ENVELOPE", IMAP_FETCH_ENVELOPE, CV_MESSAGE_ENVELOPE },
	{ "BODY", IMAP_FETCH_BODY, CV_MESSAGE_BODY },
	{ "BODYSTRUCTURE", IMAP_FETCH_BODYSTRUCTURE,
	  CV_MESSAGE_BODYSTRUCTURE },
};

static const struct { const char *name; uint8_t items[6]; } macros[] = {
	{ "ALL", { IMAP_FETCH_FLAGS, IMAP_FETCH_INTERNALDATE,
		   IMAP_FETCH_SIZE, IMAP_FETCH_ENVELOPE } },
	{ "FAST", { IMAP_FETCH_FLAGS, IMAP_FETCH_INTERNALDATE,
		    IMAP_FETCH_SIZE } },
	{ "FULL", { IMAP_FETCH_FLAGS, IMAP_FETCH_INTERNALDATE,
		    IMAP_FETCH_SIZE, IMAP_FETCH_ENVELOPE,
		    IMAP_FETCH_BODY } },
};

void imap_fetch_add(struct imap_fetch *fetch, uint8_t item, bool first)
{
	for (uint32_t i = 0; i < fetch->item_count; i++) {
		if (fetch->items[i] == item)
			return;
	}
	if (first) {
		memmove(fetch->items + 1, fetch->items, fetch->item_count);
		fetch->items[0] = item;
	} else {
		fetch->items[fetch->item_count] = item;
	}
	fetch->item_count++;
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		if (items[i].item == item)
			fetch->message_items |= items[i].needs;
	}
}

static bool macro_parse(struct imap_fetch *fetch, const struct imap_arg *arg)
{
	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
		if (!imap_arg_is_atom(arg, macros[i].name))
			continue;
		for (int k = 0; macros[i].items[k] != 0; k++)
			imap_fetch_add(fetch, macros[i].items[k], false);
		return true;
	}
	return false;
}

static bool item_parse(struct imap_cmd *cmd, struct imap_fetch *fetch,
		       const struct imap_arg *arg, struct imap_args *list)
{
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		if (imap_arg_is_atom(arg, items[i].name)) {
			imap_fetch_add(fetch, items[i].item, false);
			return true;
		}
	}
	if (arg->type == IMAP_ATOM &&
	    (cv_span_begins_icase(arg->text, CV_SPAN("BODY[")) ||
	     cv_span_begins_icase(arg->text, CV_SPAN("BODY.PEEK["))))
		return imap_fetch_parse_body(cmd, fetch, arg, list);
	if (imap_fetch_parse_rfc822(cmd, fetch, arg) ||
	    imap_fetch_parse_binary(cmd, fetch, arg))
		return true;
	if (cmd->reply != IMAP_REPLY_NONE)
		return false;
	if (arg->type == IMAP_ATOM)
		imap_bad(cmd, "Unknown parameter %.*s",
			 CV_SPAN_ARG(arg->text));
	else
		imap_bad_arguments(cmd);
	return false;
}

bool imap_fetch_parse(struct imap_cmd *cmd, struct imap_fetch *fetch)
{
	struct imap_args list = cmd->args;
	const struct imap_arg *arg = imap_args_next(&cmd->args);

	if (arg == NULL) {
		imap_bad_arguments(cmd);
		return false;
	}
	if (arg->type == IMAP_LIST) {
		if (!imap_args_end(cmd))
			return false;
		list = imap_args_of_list(&list, arg);
		if (imap_args_peek(&list) == NULL) {
			imap_bad_arguments(cmd);
			return false;
		}
		while ((arg = imap_args_next(&list)) != NULL) {
			if (!item_parse(cmd, fetch, arg, &list))
				return false;
		}
	} else if (macro_parse(fetch, arg)) {
		/* [RFC3501 6.4.5] a macro stands alone */
		if (!imap_args_end(cmd))
			return false;
	} else if (!item_parse(cmd, fetch, arg, &cmd->args) ||
		   !imap_args_end(cmd)) {
		return false;
	}
	/* [RFC3501 6.4.8] UID FETCH always tells the UID */
	if (cmd->uid)
		imap_fetch_add(fetch, IMAP_FETCH_UID, true);
	return true;
}
