/* imap-fetch-parse.c - what a FETCH asks for [RFC3501 6.4.5]. */
#include "imap-fetch.h"
#include "imap-annotate.h"
#include "imap-args.h"
#include "imap-enable.h"
#include "imap-extend.h"
#include "imap-modseq.h"
#include "imap-respond.h"

/* [RFC7162 3.1] */
static bool take_modseq(struct imap_cmd *cmd, struct imap_fetch *fetch,
			struct imap_args *list)
{
	(void)fetch;
	(void)list;
	imap_condstore_enable(cmd->s);
	return true;
}

/* "(LAZY)" behind it [RFC8970 4.1]; a list that begins with another word are
 * the modifiers of the command. */
static bool take_preview(struct imap_cmd *cmd, struct imap_fetch *fetch,
			 struct imap_args *list)
{
	struct imap_args at = *list, inner;
	const struct imap_arg *arg = imap_args_next(&at);

	if (arg != NULL && arg->type == IMAP_LIST) {
		inner = imap_args_of_list(list, arg);
		if (imap_arg_is_atom(imap_args_next(&inner), "LAZY")) {
			if (imap_args_peek(&inner) != NULL) {
				imap_bad(cmd, "Unknown PREVIEW modifier.");
				return false;
			}
			*list = at;
			fetch->message_items |= CV_MESSAGE_PREVIEW_LAZY;
			return true;
		}
	}
	fetch->message_items |= CV_MESSAGE_PREVIEW;
	return true;
}

/* [RFC5257 4.3] */
static bool take_annotation(struct imap_cmd *cmd, struct imap_fetch *fetch,
			    struct imap_args *list)
{
	struct imap_args from = *list;

	return imap_annotation_item_parse(cmd, imap_args_next(list), &from,
					  &fetch->annotation);
}

static const struct {
	const char *name;
	uint8_t item;
	uint32_t needs;		/* enum cv_message_item */
	/* NULL, or what else it means; false after setting a reply */
	bool (*take)(struct imap_cmd *cmd, struct imap_fetch *fetch,
		     struct imap_args *list);
} items[] = {
	{ "UID", IMAP_FETCH_UID, 0, NULL },
	{ "FLAGS", IMAP_FETCH_FLAGS, CV_MESSAGE_KEYWORDS, NULL },
	{ "INTERNALDATE", IMAP_FETCH_INTERNALDATE, 0, NULL },
	{ "RFC822.SIZE", IMAP_FETCH_SIZE, CV_MESSAGE_SIZE, NULL },
	{ "ENVELOPE", IMAP_FETCH_ENVELOPE, CV_MESSAGE_ENVELOPE, NULL },
	{ "BODY", IMAP_FETCH_BODY, CV_MESSAGE_BODY, NULL },
	{ "BODYSTRUCTURE", IMAP_FETCH_BODYSTRUCTURE,
	  CV_MESSAGE_BODYSTRUCTURE, NULL },
	{ "MODSEQ", IMAP_FETCH_MODSEQ, 0, take_modseq },
	/* [RFC8474 5.1, 5.2] */
	{ "EMAILID", IMAP_FETCH_EMAILID, 0, NULL },
	{ "THREADID", IMAP_FETCH_THREADID, CV_MESSAGE_THREAD, NULL },
	/* [RFC8514 4.2] */
	{ "SAVEDATE", IMAP_FETCH_SAVEDATE, 0, NULL },
	/* [RFC8970 3.1] */
	{ "PREVIEW", IMAP_FETCH_PREVIEW, 0, take_preview },
	{ "ANNOTATION", IMAP_FETCH_ANNOTATION, CV_MESSAGE_ANNOTATIONS,
	  take_annotation },
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

bool imap_fetch_item_is_own(struct cv_span name)
{
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		if (cv_span_is_icase(name, items[i].name))
			return true;
	}
	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++) {
		if (cv_span_is_icase(name, macros[i].name))
			return true;
	}
	return cv_span_begins_icase(name, CV_SPAN("RFC822")) ||
		cv_span_begins_icase(name, CV_SPAN("BODY.")) ||
		cv_span_begins_icase(name, CV_SPAN("BINARY"));
}

/* One of another plugin, with a list of parameters behind it where it takes
 * them: outside of parentheses that would be the modifiers. */
static bool extended_parse(struct imap_cmd *cmd, struct imap_fetch *fetch,
			   const struct imap_extended_item *item,
			   struct imap_args *list)
{
	const struct imap_arg *arg = imap_args_peek(list);
	struct imap_args inner;

	if (item->row.parse == NULL || list == &cmd->args || arg == NULL ||
	    arg->type != IMAP_LIST)
		return imap_extend_fetch_add(cmd, fetch, item, NULL);
	inner = imap_args_of_list(list, imap_args_next(list));
	return imap_extend_fetch_add(cmd, fetch, item, &inner);
}

static bool item_parse(struct imap_cmd *cmd, struct imap_fetch *fetch,
		       const struct imap_arg *arg, struct imap_args *list)
{
	const struct imap_extended_item *extended;

	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		if (imap_arg_is_atom(arg, items[i].name)) {
			imap_fetch_add(fetch, items[i].item, false);
			return items[i].take == NULL ||
				items[i].take(cmd, fetch, list);
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
	if (arg->type == IMAP_ATOM &&
	    (extended = imap_extended_item(arg->text)) != NULL)
		return extended_parse(cmd, fetch, extended, list);
	if (arg->type == IMAP_ATOM)
		imap_bad(cmd, "Unknown parameter %.*s",
			 CV_SPAN_ARG(arg->text));
	else
		imap_bad_arguments(cmd);
	return false;
}

static bool modifier_changedsince(struct imap_cmd *cmd,
				  struct imap_fetch *fetch,
				  struct imap_args *list)
{
	if (!imap_modseq_arg(cmd, imap_args_next(list), false,
			     &fetch->changed_since))
		return false;
	fetch->changed = true;
	imap_condstore_enable(cmd->s);
	/* [RFC7162 3.1.4.1] */
	imap_fetch_add(fetch, IMAP_FETCH_MODSEQ, false);
	return true;
}

static bool modifier_vanished(struct imap_cmd *cmd, struct imap_fetch *fetch,
			      struct imap_args *list)
{
	(void)list;
	fetch->vanished = true;
	/* [RFC7162 3.2.6] only after ENABLE QRESYNC, only by UID */
	if (cmd->uid && imap_enabled(cmd->s, IMAP_ENABLED_QRESYNC))
		return true;
	imap_bad(cmd, cmd->uid ? "QRESYNC is not enabled." :
		 "VANISHED is for UID FETCH.");
	return false;
}

static bool modifier_partial(struct imap_cmd *cmd, struct imap_fetch *fetch,
			     struct imap_args *list)
{
	const struct imap_arg *arg = imap_args_next(list);

	fetch->partial = true;
	/* [RFC9394 3.3] of UID FETCH */
	if (cmd->uid && arg != NULL && arg->type == IMAP_ATOM &&
	    imap_partial_parse(arg->text, &fetch->range))
		return true;
	imap_bad(cmd, "Invalid PARTIAL range.");
	return false;
}

static const struct {
	const char *name;
	bool (*take)(struct imap_cmd *cmd, struct imap_fetch *fetch,
		     struct imap_args *list);
} modifiers[] = {
	{ "CHANGEDSINCE", modifier_changedsince },
	{ "VANISHED", modifier_vanished },
	{ "PARTIAL", modifier_partial },
};

static bool modifier_parse(struct imap_cmd *cmd, struct imap_fetch *fetch,
			   const struct imap_arg *arg, struct imap_args *list)
{
	for (size_t i = 0; i < sizeof(modifiers) / sizeof(modifiers[0]); i++) {
		if (imap_arg_is_atom(arg, modifiers[i].name))
			return modifiers[i].take(cmd, fetch, list);
	}
	imap_bad(cmd, "Unknown FETCH modifier.");
	return false;
}

static bool modifiers_parse(struct imap_cmd *cmd, struct imap_fetch *fetch)
{
	const struct imap_arg *arg = imap_args_next(&cmd->args);
	struct imap_args list;

	if (arg == NULL)
		return true;
	list = imap_args_of_list(&cmd->args, arg);
	if (arg->type != IMAP_LIST || imap_args_peek(&cmd->args) != NULL ||
	    imap_args_peek(&list) == NULL) {
		imap_bad_arguments(cmd);
		return false;
	}
	while ((arg = imap_args_next(&list)) != NULL) {
		if (!modifier_parse(cmd, fetch, arg, &list))
			return false;
	}
	/* [RFC7162 3.2.6] */
	if (!fetch->vanished || fetch->changed)
		return true;
	imap_bad(cmd, "VANISHED needs CHANGEDSINCE.");
	return false;
}

bool imap_fetch_parse_items(struct imap_cmd *cmd, struct imap_fetch *fetch,
			    struct imap_args list)
{
	const struct imap_arg *arg;

	if (imap_args_peek(&list) == NULL) {
		imap_bad_arguments(cmd);
		return false;
	}
	while ((arg = imap_args_next(&list)) != NULL) {
		if (!item_parse(cmd, fetch, arg, &list))
			return false;
	}
	return true;
}

bool imap_fetch_parse(struct imap_cmd *cmd, struct imap_fetch *fetch)
{
	struct imap_args list = cmd->args;
	const struct imap_arg *arg = imap_args_next(&cmd->args);
	bool ok;

	if (arg == NULL) {
		imap_bad_arguments(cmd);
		return false;
	}
	/* [RFC3501 6.4.5] a macro stands alone */
	if (arg->type == IMAP_LIST)
		ok = imap_fetch_parse_items(cmd, fetch,
					    imap_args_of_list(&list, arg));
	else
		ok = macro_parse(fetch, arg) ||
			item_parse(cmd, fetch, arg, &cmd->args);
	if (!ok || !modifiers_parse(cmd, fetch))
		return false;
	/* [RFC3501 6.4.8] UID FETCH always tells the UID; [RFC9586] which
	 * stands at the beginning once that is enabled */
	if (cmd->uid && !imap_enabled(cmd->s, IMAP_ENABLED_UIDONLY))
		imap_fetch_add(fetch, IMAP_FETCH_UID, true);
	return true;
}
