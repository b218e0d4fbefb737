/* imap-annotate.c - see imap-annotate.h. */
#include "imap-annotate.h"
#include "imap-args.h"
#include "imap-metadata.h"
#include "imap-notify.h"
#include "imap-respond.h"

#include "cv-annotation.h"

enum {
	ENTRIES_MAX = 100,		/* of a FETCH item */
	SET_MAX = 2 * CV_ANNOTATIONS_MAX,	/* in one command */
};

static struct cv_span copy(struct cv_pool *pool, struct cv_span text)
{
	return cv_span(imap_copy(pool, text), text.len);
}

/* --- FETCH ---------------------------------------------------------------- */

/* [RFC5257 3.2.2] without a suffix both, private first as in the examples */
static const struct { const char *name; uint8_t attributes[3]; }
fetch_attributes[] = {
	{ "value", { IMAP_VALUE_PRIV, IMAP_VALUE_SHARED } },
	{ "value.priv", { IMAP_VALUE_PRIV } },
	{ "value.shared", { IMAP_VALUE_SHARED } },
	{ "size", { IMAP_SIZE_PRIV, IMAP_SIZE_SHARED } },
	{ "size.priv", { IMAP_SIZE_PRIV } },
	{ "size.shared", { IMAP_SIZE_SHARED } },
};

static void add_attribute(struct imap_annotation_item *item, uint8_t which)
{
	for (uint32_t i = 0; i < item->attribute_count; i++) {
		if (item->attributes[i] == which)
			return;
	}
	item->attributes[item->attribute_count++] = which;
}

static bool attribute_parse(struct imap_annotation_item *item,
			    const struct imap_arg *arg)
{
	const size_t count = sizeof(fetch_attributes) /
		sizeof(fetch_attributes[0]);

	for (size_t i = 0; imap_arg_is_string(arg) && i < count; i++) {
		/* [RFC5257 3.2] with case */
		if (!cv_span_is(arg->text, fetch_attributes[i].name))
			continue;
		for (int k = 0; fetch_attributes[i].attributes[k] != 0; k++)
			add_attribute(item, fetch_attributes[i].attributes[k]);
		return true;
	}
	return false;
}

static bool entry_parse(struct imap_cmd *cmd,
			struct imap_annotation_item *item,
			const struct imap_arg *arg)
{
	struct cv_span *entries = (struct cv_span *)(uintptr_t)item->entries;

	if (!imap_arg_is_string(arg) || item->entry_count == ENTRIES_MAX ||
	    !cv_annotation_entry_ok(arg->text, true))
		return false;
	entries[item->entry_count++] = copy(cmd->pool, arg->text);
	return true;
}

/* One, or a list of at least one. */
static bool entries_parse(struct imap_cmd *cmd,
			  struct imap_annotation_item *item,
			  struct imap_args *list)
{
	struct imap_args from = *list, inner;
	const struct imap_arg *arg = imap_args_next(list);

	if (arg == NULL || arg->type != IMAP_LIST)
		return entry_parse(cmd, item, arg);
	inner = imap_args_of_list(&from, arg);
	while ((arg = imap_args_next(&inner)) != NULL) {
		if (!entry_parse(cmd, item, arg))
			return false;
	}
	return item->entry_count > 0;
}

static bool attributes_parse(struct imap_annotation_item *item,
			     struct imap_args *list)
{
	struct imap_args from = *list, inner;
	const struct imap_arg *arg = imap_args_next(list);

	if (arg == NULL || arg->type != IMAP_LIST)
		return attribute_parse(item, arg);
	inner = imap_args_of_list(&from, arg);
	while ((arg = imap_args_next(&inner)) != NULL) {
		if (!attribute_parse(item, arg))
			return false;
	}
	return item->attribute_count > 0;
}

bool imap_annotation_item_parse(struct imap_cmd *cmd,
				const struct imap_arg *arg,
				struct imap_args *list,
				struct imap_annotation_item **item_r)
{
	struct imap_annotation_item *item = CV_ALLOC(
		cmd->pool, struct imap_annotation_item);
	struct imap_args inner;

	item->entries = CV_ALLOC_ARRAY(cmd->pool, struct cv_span,
				       ENTRIES_MAX);
	if (arg != NULL && arg->type == IMAP_LIST && *item_r == NULL) {
		inner = imap_args_of_list(list, arg);
		if (entries_parse(cmd, item, &inner) &&
		    attributes_parse(item, &inner) &&
		    imap_args_peek(&inner) == NULL) {
			*item_r = item;
			return true;
		}
	}
	imap_bad(cmd, "Invalid entry or attribute of ANNOTATION.");
	return false;
}

/* What both kinds of one entry are; value.data NULL: none. */
struct entry { struct cv_span name, priv, shared; };

static void append_value(struct cv_text *out, struct cv_span value)
{
	if (value.data == NULL) {
		cv_text_append_str(out, "NIL");
		return;
	}
	/* [RFC5257 3.2.2] literal8 */
	if (value.len > 0 && memchr(value.data, '\0', value.len) != NULL)
		cv_text_append_c(out, '~');
	imap_append_string(out, value);
}

static void append_entry(struct cv_text *out,
			 const struct imap_annotation_item *item,
			 const struct entry *e)
{
	imap_append_astring(out, e->name);
	cv_text_append_str(out, " (");
	for (uint32_t i = 0; i < item->attribute_count; i++) {
		uint8_t which = item->attributes[i];
		bool priv = which == IMAP_VALUE_PRIV ||
			which == IMAP_SIZE_PRIV;
		struct cv_span value = priv ? e->priv : e->shared;

		if (i > 0)
			cv_text_append_c(out, ' ');
		if (which == IMAP_VALUE_PRIV || which == IMAP_VALUE_SHARED) {
			cv_text_append_str(out, priv ? "value.priv " :
					   "value.shared ");
			append_value(out, value);
		} else {
			cv_text_append_str(out, priv ? "size.priv \"" :
					   "size.shared \"");
			cv_text_append_u64(out, value.len);
			cv_text_append_c(out, '"');
		}
	}
	cv_text_append_c(out, ')');
}

/* From here on in the pattern; '*' and '%' may stand for nothing. */
static void reach(struct cv_span pattern, bool *at, size_t i)
{
	for (; !at[i]; i++) {
		at[i] = true;
		if (i == pattern.len || (pattern.data[i] != '*' &&
					 pattern.data[i] != '%'))
			return;
	}
}

/* '*' and '%' [RFC5257 4.3]: all places in the pattern that what was read of
 * the name leads to, without trying again. */
static bool matches(struct cv_span pattern, struct cv_span name)
{
	bool at[2][CV_ANNOTATION_ENTRY_MAX + 1] = { { false } };
	int now = 0;

	reach(pattern, at[0], 0);
	for (size_t n = 0; n < name.len; n++) {
		bool *next = at[!now];

		memset(next, 0, pattern.len + 1);
		for (size_t p = 0; p < pattern.len; p++) {
			char c = pattern.data[p];

			if (!at[now][p])
				continue;
			if (c == '*' || (c == '%' && name.data[n] != '/'))
				reach(pattern, next, p);
			else if (c != '%' && c == name.data[n])
				reach(pattern, next, p + 1);
		}
		now = !now;
	}
	return at[now][pattern.len];
}

static bool is_wild(struct cv_span pattern)
{
	return memchr(pattern.data, '*', pattern.len) != NULL ||
		memchr(pattern.data, '%', pattern.len) != NULL;
}

static bool is_wanted(const struct imap_annotation_item *item,
		      struct cv_span name)
{
	for (uint32_t i = 0; i < item->entry_count; i++) {
		if (is_wild(item->entries[i]) ?
		    matches(item->entries[i], name) :
		    cv_span_equal(item->entries[i], name))
			return true;
	}
	return false;
}

/* The entry at *at and what follows of the same name. */
static struct entry take_entry(const struct cv_message_data *data,
			       uint32_t *at)
{
	struct entry e = { .name = data->annotations[*at].entry };

	for (; *at < data->annotation_count &&
	     cv_span_equal(data->annotations[*at].entry, e.name); (*at)++) {
		const struct cv_annotation *a = &data->annotations[*at];

		if (a->is_private)
			e.priv = a->value;
		else
			e.shared = a->value;
	}
	return e;
}

/* Whether one of the attributes asked for has a value. */
static bool has_value(const struct imap_annotation_item *item,
		      const struct entry *e)
{
	for (uint32_t i = 0; i < item->attribute_count; i++) {
		uint8_t which = item->attributes[i];

		if ((which == IMAP_VALUE_PRIV || which == IMAP_SIZE_PRIV ?
		     e->priv : e->shared).data != NULL)
			return true;
	}
	return false;
}

static bool is_there(const struct imap_annotation_item *item,
		     const struct cv_message_data *data, struct cv_span name)
{
	for (uint32_t at = 0; at < data->annotation_count; ) {
		struct entry e = take_entry(data, &at);

		if (cv_span_equal(e.name, name))
			return has_value(item, &e);
	}
	return false;
}

static void begin_entry(struct cv_text *out, size_t start)
{
	if (out->len == start)
		cv_text_append_str(out, "ANNOTATION (");
	else
		cv_text_append_c(out, ' ');
}

void imap_annotation_item_append(struct cv_text *out,
				 const struct imap_annotation_item *item,
				 const struct cv_message_data *data)
{
	size_t start = out->len;

	for (uint32_t at = 0; at < data->annotation_count; ) {
		struct entry e = take_entry(data, &at);

		if (!is_wanted(item, e.name) || !has_value(item, &e))
			continue;
		begin_entry(out, start);
		append_entry(out, item, &e);
	}
	/* [RFC5257 3.2.2] one that is asked for by its name is NIL */
	for (uint32_t i = 0; i < item->entry_count; i++) {
		struct entry none = { .name = item->entries[i] };

		if (is_wild(none.name) || is_there(item, data, none.name))
			continue;
		begin_entry(out, start);
		append_entry(out, item, &none);
	}
	if (out->len > start)
		cv_text_append_c(out, ')');
}

static bool was_set(const struct cv_message_data *data, struct cv_span entry)
{
	for (uint32_t i = 0; i < data->annotation_count; i++) {
		if (cv_span_equal(data->annotations[i].entry, entry))
			return true;
	}
	return false;
}

int imap_annotation_item_check(struct imap_session *s, uint32_t seq,
			       const struct imap_annotation_item *item,
			       const struct cv_message_data *data)
{
	int code = CV_OK;

	for (uint32_t i = 0; i < item->entry_count && code == CV_OK; i++) {
		struct cv_section part = { CV_SIZED(cv_section),
					   .kind = CV_SECTION_ALL };
		uint32_t path[CV_ANNOTATION_DEPTH_MAX];
		struct cv_stream *stream = NULL;
		uint64_t size;
		size_t len;

		if (is_wild(item->entries[i]) ||
		    !cv_annotation_of_part(item->entries[i]) ||
		    was_set(data, item->entries[i]) ||
		    cv_annotation_part(item->entries[i], path, &len) == 0)
			continue;
		part.part = path;
		part.part_count = (uint32_t)len;
		code = imap_mailbox_api->section(s->box, seq, &part, &stream,
						 &size, s->err);
		if (stream != NULL)
			imap_stream_api->close(&stream);
	}
	return code;
}

/* --- STORE and APPEND ----------------------------------------------------- */

/* [RFC5257 3.3] the suffix must be there; sizes are the server's to set */
static bool set_attribute(const struct imap_arg *arg, bool *is_private_r)
{
	if (!imap_arg_is_string(arg))
		return false;
	*is_private_r = cv_span_is(arg->text, "value.priv");
	return *is_private_r || cv_span_is(arg->text, "value.shared");
}

static bool value_parse(struct imap_cmd *cmd, const struct imap_arg *arg,
			struct cv_span *value_r)
{
	*value_r = CV_SPAN_NONE;
	if (imap_arg_is_atom(arg, "NIL"))
		return true;
	if (arg == NULL || (arg->type != IMAP_QUOTED &&
			    arg->type != IMAP_LITERAL))
		return false;
	*value_r = arg->text.len == 0 ? CV_SPAN("") :
		copy(cmd->pool, arg->text);
	return true;
}

/* A command has to hold it.  At least 1024 [RFC5257 4.1]. */
static uint64_t value_max(const struct imap_session *s)
{
	uint64_t max = imap_metadata_max(s);

	return max < s->set->imap_annotate_max_size ? max :
		s->set->imap_annotate_max_size;
}

/* The same one twice: the last counts. */
static struct cv_annotation *place_of(struct cv_annotation *all,
				      uint32_t *count, struct cv_span entry,
				      bool is_private)
{
	for (uint32_t i = 0; i < *count; i++) {
		if (all[i].is_private == is_private &&
		    cv_span_equal(all[i].entry, entry))
			return &all[i];
	}
	return *count == SET_MAX ? NULL : &all[(*count)++];
}

static bool values_parse(struct imap_cmd *cmd, struct cv_span entry,
			 struct imap_args list, struct cv_annotation *all,
			 uint32_t *count)
{
	if (imap_args_peek(&list) == NULL) {
		imap_bad_arguments(cmd);
		return false;
	}
	while (imap_args_peek(&list) != NULL) {
		struct cv_annotation *a, one = { .entry = entry };

		if (!set_attribute(imap_args_next(&list), &one.is_private) ||
		    !value_parse(cmd, imap_args_next(&list), &one.value)) {
			imap_bad(cmd, "Invalid attribute or value of "
				 "ANNOTATION.");
			return false;
		}
		if (one.value.len > value_max(cmd->s)) {
			imap_annotation_too_large(cmd);
			return false;
		}
		a = place_of(all, count, entry, one.is_private);
		if (a == NULL) {
			imap_no(cmd, "[ANNOTATE TOOMANY] Too many "
				"annotations.");
			return false;
		}
		*a = one;
	}
	return true;
}

bool imap_annotations_parse(struct imap_cmd *cmd, struct imap_args list,
			    const struct cv_annotation **list_r,
			    uint32_t *count_r)
{
	struct cv_annotation *all = CV_ALLOC_ARRAY(
		cmd->pool, struct cv_annotation, SET_MAX);

	*list_r = all;
	*count_r = 0;
	while (imap_args_peek(&list) != NULL) {
		const struct imap_arg *entry = imap_args_next(&list);
		struct imap_args from = list;
		const struct imap_arg *values = imap_args_next(&list);

		if (!imap_arg_is_string(entry) ||
		    !cv_annotation_entry_ok(entry->text, false) ||
		    values == NULL || values->type != IMAP_LIST) {
			imap_bad(cmd, "Invalid entry of ANNOTATION.");
			return false;
		}
		if (!values_parse(cmd, copy(cmd->pool, entry->text),
				  imap_args_of_list(&from, values), all,
				  count_r))
			return false;
	}
	if (*count_r == 0)
		imap_bad_arguments(cmd);
	return *count_r > 0;
}

int imap_annotation_too_large(struct imap_cmd *cmd)
{
	/* [RFC5257 4.5] */
	return imap_no(cmd, "[ANNOTATE TOOBIG] Annotation is too large.");
}

int imap_annotations_failed(struct imap_cmd *cmd, int code)
{
	if (code == CV_E_LIMIT)
		return imap_no(cmd, "[ANNOTATE TOOMANY] Too many "
			       "annotations.");
	/* [RFC5257 3.2.1] also a part that is not there */
	if (code == CV_E_SYNTAX)
		return imap_bad(cmd, "Invalid entry of ANNOTATION.");
	return imap_no_error(cmd, code);
}

/* --- SEARCH and SORT ------------------------------------------------------ */

bool imap_annotation_sort_parse(struct imap_cmd *cmd, struct imap_args *list,
				struct cv_annotation *by_r)
{
	const struct imap_arg *entry = imap_args_next(list);

	*by_r = (struct cv_annotation){ .entry = { NULL, 0 } };
	if (imap_arg_is_string(entry) &&
	    cv_annotation_entry_ok(entry->text, false) &&
	    set_attribute(imap_args_next(list), &by_r->is_private)) {
		by_r->entry = copy(cmd->pool, entry->text);
		return true;
	}
	imap_bad(cmd, "Invalid entry or attribute to sort by.");
	return false;
}

uint32_t imap_annotation_search_attribute(const struct imap_arg *arg)
{
	bool is_private;

	if (set_attribute(arg, &is_private))
		return is_private ? 1 : 2;
	return imap_arg_is_string(arg) && cv_span_is(arg->text, "value") ? 3 :
		0;
}

/* --- what is told unasked ------------------------------------------------- */

void imap_annotations_send_support(struct imap_session *s, uint32_t support)
{
	struct cv_text *out = &s->out;

	cv_text_append_str(out, "* OK [ANNOTATIONS ");
	if (support == 0)
		cv_text_append_str(out, "NONE");
	else if ((support & (CV_ANNOTATIONS_WRITE_SHARED |
			     CV_ANNOTATIONS_WRITE_PRIVATE)) == 0)
		cv_text_append_str(out, "READ-ONLY");
	else
		cv_text_append_u64(out, value_max(s));
	if (support != 0 && (support & CV_ANNOTATIONS_PRIVATE) == 0)
		cv_text_append_str(out, " NOPRIVATE");
	cv_text_append_str(out, "] ");
	imap_say(s, "Annotations");
	cv_text_append_str(out, "\r\n");
}

bool imap_annotations_told(const struct imap_session *s)
{
	return (imap_notify_selected(s) & IMAP_EVENT_ANNOTATION_CHANGE) != 0 &&
		(s->annotate || s->notify != NULL);
}

bool imap_annotations_changed(const struct imap_session *s,
			      const struct cv_message_data *data)
{
	for (uint32_t i = 0; i < data->annotation_count; i++) {
		if (data->annotations[i].modseq > s->annotated)
			return true;
	}
	return false;
}

void imap_annotations_append_changed(struct imap_session *s,
				     const struct cv_message_data *data)
{
	struct cv_span last = { NULL, 0 };

	for (uint32_t i = 0; i < data->annotation_count; i++) {
		const struct cv_annotation *a = &data->annotations[i];

		if (a->modseq <= s->annotated ||
		    (last.data != NULL && cv_span_equal(last, a->entry)))
			continue;
		/* [RFC5257 4.4] without values */
		cv_text_append_str(&s->out, last.data == NULL ?
				   " ANNOTATION (" : " ");
		imap_append_astring(&s->out, a->entry);
		last = a->entry;
	}
	if (last.data != NULL)
		cv_text_append_c(&s->out, ')');
}
