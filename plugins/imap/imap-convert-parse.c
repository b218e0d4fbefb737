/* imap-convert-parse.c - the arguments of CONVERT [RFC5259 10]. */
#include "imap-convert.h"
#include "imap-args.h"
#include "imap-respond.h"

enum {
	ATTS_MAX = 256,			/* in one command */
	/* [RFC5259 9] has this limit in its example */
	REPLACEMENT_MAX = 4,
};

/* [RFC2045 5.1] token, without what quoted strings would have to escape */
static bool is_token(struct cv_span text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c <= ' ' || c >= 0x7f ||
		    strchr("()<>@,;:\\\"/[]?=*%", c) != NULL)
			return false;
	}
	return text.len > 0;
}

bool imap_convert_is_type(struct cv_span text, bool wildcards)
{
	struct cv_span type;

	if (wildcards && cv_span_is(text, "*"))
		return true;
	return cv_span_split(&text, '/', &type) && text.data != NULL &&
		is_token(type) &&
		(is_token(text) || (wildcards && cv_span_is(text, "*")));
}

static bool bad(struct imap_cmd *cmd, const char *text)
{
	imap_bad(cmd, "%s", text);
	return false;
}

/* --- parameters -------------------------------------------------------------- */

static void wrong(struct imap_convert *convert, uint32_t index,
		  const char *why)
{
	convert->wrong |= (uint64_t)1 << index;
	convert->wrong_why = why;
}

/* [RFC5259 7] names are case-insensitive; none is ignored. */
static void param_take(struct imap_cmd *cmd, struct imap_convert *convert,
		       uint32_t index)
{
	const struct imap_convert_param *p = &convert->params[index];

	for (uint32_t i = 0; i < index; i++) {
		if (cv_span_equal_icase(convert->params[i].name, p->name)) {
			wrong(convert, index, "A parameter is given twice");
			return;
		}
	}
	if (cv_span_is_icase(p->name, "charset")) {
		if (p->value.len == 0)
			wrong(convert, index, "CHARSET is empty");
		else
			convert->charset = imap_copy(cmd->pool, p->value);
	} else if (cv_span_is_icase(p->name,
				    "unknown-character-replacement")) {
		if (p->value.len > REPLACEMENT_MAX)
			wrong(convert, index, "UNKNOWN-CHARACTER-REPLACEMENT "
			      "is limited to 4 bytes");
		else
			convert->replacement = p->value;
	} else {
		wrong(convert, index, "Unknown conversion parameter");
	}
}

static bool params_parse(struct imap_cmd *cmd, struct imap_convert *convert,
			 struct imap_args list)
{
	const struct imap_arg *name, *value;

	convert->params = CV_ALLOC_ARRAY(cmd->pool, struct imap_convert_param,
					 IMAP_CONVERT_PARAMS_MAX);
	while ((name = imap_args_next(&list)) != NULL) {
		value = imap_args_next(&list);
		if (value == NULL || !imap_arg_is_string(name) ||
		    !imap_arg_is_string(value) || name->text.len == 0)
			return bad(cmd, "Invalid conversion parameters.");
		if (convert->param_count == IMAP_CONVERT_PARAMS_MAX)
			return bad(cmd, "Too many conversion parameters.");
		convert->params[convert->param_count] =
			(struct imap_convert_param){ name->text,
						     value->text };
		param_take(cmd, convert, convert->param_count++);
	}
	return convert->param_count > 0 ||
		bad(cmd, "Invalid conversion parameters.");
}

/* [RFC5259 10] convert-params */
static bool target_parse(struct imap_cmd *cmd, struct imap_convert *convert,
			 const struct imap_arg *arg, struct imap_args *from)
{
	struct imap_args list;
	const struct imap_arg *type, *params;

	if (arg == NULL || arg->type != IMAP_LIST)
		return bad(cmd, "Invalid conversion parameters.");
	list = imap_args_of_list(from, arg);
	type = imap_args_next(&list);
	/* quoted-to-mime-type is never an atom; "NIL" in quotes is no type */
	if (type != NULL && type->type == IMAP_QUOTED &&
	    imap_convert_is_type(type->text, false)) {
		char *to = imap_copy(cmd->pool, type->text);

		for (size_t i = 0; to[i] != '\0'; i++)
			to[i] = cv_ascii_lower(to[i]);
		convert->to = to;
	} else if (!imap_arg_is_atom(type, "NIL")) {
		return bad(cmd, "Invalid MIME type.");
	}
	params = imap_args_next(&list);
	if (params == NULL)
		return true;
	if (params->type != IMAP_LIST || imap_args_peek(&list) != NULL)
		return bad(cmd, "Invalid conversion parameters.");
	return params_parse(cmd, convert, imap_args_of_list(&list, params));
}

/* --- items --------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint32_t item;
} items[] = {
	{ "BINARY", IMAP_CONVERT_BINARY },
	{ "BINARY.SIZE", IMAP_CONVERT_SIZE },
	{ "BODYPARTSTRUCTURE", IMAP_CONVERT_STRUCTURE },
	{ "AVAILABLECONVERSIONS", IMAP_CONVERT_AVAILABLE },
	{ "BODY", IMAP_CONVERT_HEADER },
};

/* What may stand between the brackets of which. */
static bool section_fits(uint32_t item, const struct cv_section *section)
{
	if (item != IMAP_CONVERT_HEADER)
		return section->kind == CV_SECTION_ALL;
	return section->kind == CV_SECTION_HEADER ||
		section->kind == CV_SECTION_MIME;
}

static bool att_parse(struct imap_cmd *cmd, struct imap_convert_att *att,
		      const struct imap_arg *arg)
{
	struct cv_span rest = arg->text, name, section = CV_SPAN_NONE;
	struct imap_fetch_body *body = &att->body;
	const char *known = NULL;

	if (arg->type != IMAP_ATOM || !cv_span_split(&rest, '[', &name) ||
	    !cv_span_split(&rest, ']', &section) || rest.data == NULL)
		return false;
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		if (cv_span_is_icase(name, items[i].name)) {
			att->item = items[i].item;
			known = items[i].name;
		}
	}
	body->section = (struct cv_section){ CV_SIZED(cv_section) };
	if (known == NULL ||
	    !imap_section_parse(cmd, section, &body->section) ||
	    !section_fits(att->item, &body->section) ||
	    (rest.len > 0 && att->item != IMAP_CONVERT_BINARY) ||
	    !imap_fetch_parse_partial(rest, body))
		return false;
	imap_fetch_label(cmd, body, known, section);
	if (body->section.kind == CV_SECTION_ALL)
		body->section.kind = CV_SECTION_DECODED;
	return true;
}

static bool same_part(const struct cv_section *a, const struct cv_section *b)
{
	return a->part_count == b->part_count &&
		(a->part_count == 0 || memcmp(a->part, b->part,
			sizeof(*a->part) * a->part_count) == 0);
}

static void count_part(struct imap_convert *convert)
{
	const struct imap_convert_att *last =
		&convert->atts[convert->att_count - 1];

	for (uint32_t i = 0; i + 1 < convert->att_count; i++) {
		if (same_part(&convert->atts[i].body.section,
			      &last->body.section))
			return;
	}
	convert->part_count++;
}

/* The same thing twice is told once. */
static bool is_repeated(const struct imap_convert *convert)
{
	const struct imap_convert_att *last =
		&convert->atts[convert->att_count - 1];

	for (uint32_t i = 0; i + 1 < convert->att_count; i++) {
		if (convert->atts[i].body.count == last->body.count &&
		    cv_span_equal(convert->atts[i].body.label,
				  last->body.label))
			return true;
	}
	return false;
}

static bool att_take(struct imap_cmd *cmd, struct imap_convert *convert,
		     const struct imap_arg *arg)
{
	struct imap_convert_att *att;

	if (imap_arg_is_atom(arg, "UID")) {
		convert->uid = true;
		return true;
	}
	if (convert->att_count == ATTS_MAX)
		return bad(cmd, "Too many body sections.");
	att = &convert->atts[convert->att_count++];
	*att = (struct imap_convert_att){ .item = 0 };
	if (!att_parse(cmd, att, arg))
		return bad(cmd, "Unknown CONVERT item.");
	/* [RFC5259 6] headers are not of a type that one may choose */
	if (att->item == IMAP_CONVERT_HEADER && convert->to != NULL)
		return bad(cmd, "Headers have the default conversion only.");
	if (is_repeated(convert))
		convert->att_count--;
	else
		count_part(convert);
	return true;
}

bool imap_convert_parse(struct imap_cmd *cmd, struct imap_convert *convert)
{
	struct imap_args *args = &cmd->args, list;
	const struct imap_arg *arg = imap_args_next(args);

	*convert = (struct imap_convert){ .wrong_why = "" };
	if (!target_parse(cmd, convert, arg, args))
		return false;
	arg = imap_args_next(args);
	if (arg == NULL || !imap_args_end(cmd)) {
		if (cmd->reply == IMAP_REPLY_NONE)
			imap_bad_arguments(cmd);
		return false;
	}
	convert->atts = CV_ALLOC_ARRAY(cmd->pool, struct imap_convert_att,
				       ATTS_MAX);
	if (arg->type != IMAP_LIST)
		return att_take(cmd, convert, arg);
	list = imap_args_of_list(args, arg);
	if (imap_args_peek(&list) == NULL)
		return bad(cmd, "Unknown CONVERT item.");
	while ((arg = imap_args_next(&list)) != NULL) {
		if (!att_take(cmd, convert, arg))
			return false;
	}
	return true;
}
