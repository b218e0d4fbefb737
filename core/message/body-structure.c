/* body-structure.c - BODY and BODYSTRUCTURE in wire form
 * [RFC9051 7.5.2].  The tree is walked with parent and sibling links. */
#include "body-structure.h"
#include "envelope.h"

/* --- pieces ------------------------------------------------------------- */

/* us_ascii: the charset is named even where the message leaves it to the
 * default [RFC2045 5.2]. */
static void append_params(struct cv_text *dst, const struct mime_type *type,
			  bool us_ascii)
{
	if (type->param_count == 0) {
		cv_text_append_str(dst, us_ascii ?
				   "(\"charset\" \"us-ascii\")" : "NIL");
		return;
	}
	cv_text_append_c(dst, '(');
	for (uint32_t i = 0; i < type->param_count; i++) {
		if (i > 0)
			cv_text_append_c(dst, ' ');
		imap_append_string(dst, type->params[i].name);
		cv_text_append_c(dst, ' ');
		imap_append_string(dst, type->params[i].value);
	}
	cv_text_append_str(dst, us_ascii ?
			   " \"charset\" \"us-ascii\")" : ")");
}

static void append_disposition(struct cv_text *dst,
			       const struct mime_header *info)
{
	if (info->disposition.type.data == NULL) {
		cv_text_append_str(dst, " NIL");
		return;
	}
	cv_text_append_str(dst, " (");
	imap_append_string(dst, info->disposition.type);
	cv_text_append_c(dst, ' ');
	append_params(dst, &info->disposition, false);
	cv_text_append_c(dst, ')');
}

/* body-ext: disposition, language, location. */
static void append_extension(struct cv_text *dst,
			     const struct mime_header *info)
{
	append_disposition(dst, info);
	if (info->language_count == 0) {
		cv_text_append_str(dst, " NIL");
	} else {
		cv_text_append_str(dst, " (");
		for (uint32_t i = 0; i < info->language_count; i++) {
			if (i > 0)
				cv_text_append_c(dst, ' ');
			imap_append_string(dst, info->languages[i]);
		}
		cv_text_append_c(dst, ')');
	}
	cv_text_append_c(dst, ' ');
	imap_append_nstring(dst, info->location);
}

static bool is_message(const struct mime_part *part)
{
	/* without a parsed message in it, it has no envelope to show */
	return (part->flags & MIME_RFC822) != 0 && part->children > 0;
}

static void append_media(struct cv_text *dst, const struct mime_part *part)
{
	const struct mime_type *type = &part->info->type;

	if ((part->flags & MIME_RFC822) != 0 && part->children == 0) {
		/* [RFC9051 9 body-type-msg] needs an envelope: what lies too
		 * deep to be parsed is shown as bytes */
		cv_text_append_str(dst, "\"application\" \"octet-stream\"");
		return;
	}
	imap_append_string(dst, type->type);
	cv_text_append_c(dst, ' ');
	imap_append_string(dst, type->subtype);
}

/* body-fields, and what comes before the body in a message part. */
static void append_leaf_begin(struct cv_text *dst,
			      const struct mime_tree *tree,
			      const struct mime_part *part)
{
	const struct mime_header *info = part->info;

	cv_text_append_c(dst, '(');
	append_media(dst, part);
	cv_text_append_c(dst, ' ');
	append_params(dst, &info->type, (part->flags & MIME_TEXT) != 0 &&
		      mime_type_param(&info->type, "charset") == NULL);
	cv_text_append_c(dst, ' ');
	imap_append_nstring(dst, info->id);
	cv_text_append_c(dst, ' ');
	imap_append_nstring(dst, info->description);
	cv_text_append_c(dst, ' ');
	/* [RFC2045 6.1]: 7bit is the default */
	imap_append_string(dst, info->encoding.len > 0 ? info->encoding :
			   CV_SPAN("7bit"));
	cv_text_append_c(dst, ' ');
	cv_text_append_u64(dst, part->body.virtual);
	if (is_message(part)) {
		cv_text_append_c(dst, ' ');
		envelope_append(dst, tree->parts[part->first].info->envelope);
		cv_text_append_c(dst, ' ');
	}
}

static void append_leaf_end(struct cv_text *dst, const struct mime_part *part,
			    bool extended)
{
	if ((part->flags & MIME_TEXT) != 0 || is_message(part)) {
		cv_text_append_c(dst, ' ');
		cv_text_append_u64(dst, part->body.lines);
	}
	if (extended) {
		cv_text_append_c(dst, ' ');
		imap_append_nstring(dst, part->info->md5);
		append_extension(dst, part->info);
	}
	cv_text_append_c(dst, ')');
}

static void append_multipart_end(struct cv_text *dst,
				 const struct mime_part *part, bool extended)
{
	if (part->children == 0) {
		/* [RFC9051 9 body-type-mpart] needs one part at least */
		cv_text_append_str(dst, "(\"text\" \"plain\" "
				   "(\"charset\" \"us-ascii\") NIL NIL "
				   "\"7bit\" 0 0");
		cv_text_append_str(dst, extended ? " NIL NIL NIL NIL)" : ")");
	}
	cv_text_append_c(dst, ' ');
	imap_append_string(dst, part->info->type.subtype);
	if (extended) {
		cv_text_append_c(dst, ' ');
		append_params(dst, &part->info->type, false);
		append_extension(dst, part->info);
	}
	cv_text_append_c(dst, ')');
}

/* --- the walk ----------------------------------------------------------- */

static void append_begin(struct cv_text *dst, const struct mime_tree *tree,
			 const struct mime_part *part)
{
	if ((part->flags & MIME_MULTIPART) != 0)
		cv_text_append_c(dst, '(');
	else
		append_leaf_begin(dst, tree, part);
}

static void append_end(struct cv_text *dst, const struct mime_part *part,
		       bool extended)
{
	if ((part->flags & MIME_MULTIPART) != 0)
		append_multipart_end(dst, part, extended);
	else
		append_leaf_end(dst, part, extended);
}

void body_structure_append(struct cv_text *dst, const struct mime_tree *tree,
			   bool extended)
{
	uint32_t at = 0;

	for (;;) {
		append_begin(dst, tree, &tree->parts[at]);
		if (tree->parts[at].first != MIME_NONE) {
			at = tree->parts[at].first;
			continue;
		}
		for (;;) {
			append_end(dst, &tree->parts[at], extended);
			if (tree->parts[at].parent == MIME_NONE)
				return;
			if (tree->parts[at].next != MIME_NONE)
				break;
			at = tree->parts[at].parent;
		}
		at = tree->parts[at].next;
	}
}

/* --- BODY from BODYSTRUCTURE -------------------------------------------- */

/* One string, number or NIL at the front.  False when there is none. */
static bool scan_atom(struct cv_span *s)
{
	struct cv_span digits;
	uint64_t len;
	size_t i = 0;

	if (s->len == 0)
		return false;
	if (s->data[0] == '"') {
		for (i = 1; i < s->len && s->data[i] != '"'; i++)
			i += s->data[i] == '\\';
		if (i >= s->len)
			return false;
		*s = cv_span_skip(*s, i + 1);
		return true;
	}
	if (s->data[0] == '{') {
		*s = cv_span_skip(*s, 1);
		if (!cv_span_split(s, '}', &digits) || s->data == NULL ||
		    !cv_span_to_u64(digits, UINT32_MAX, &len) ||
		    s->len < 2 || len > s->len - 2)
			return false;
		*s = cv_span_skip(*s, (size_t)len + 2);
		return true;
	}
	while (i < s->len && ((s->data[i] >= '0' && s->data[i] <= '9') ||
			      (s->data[i] >= 'A' && s->data[i] <= 'Z')))
		i++;
	*s = cv_span_skip(*s, i);
	return i > 0;
}

/* One atom or one whole list, whatever is in it. */
static bool scan_item(struct cv_span *s)
{
	uint32_t depth = 0;

	do {
		if (s->len > 0 && (s->data[0] == '(' || s->data[0] == ')')) {
			if (s->data[0] == '(')
				depth++;
			else if (depth-- == 0)
				return false;
			*s = cv_span_skip(*s, 1);
		} else if (!scan_atom(s)) {
			return false;
		}
		while (depth > 0 && s->len > 0 && s->data[0] == ' ')
			*s = cv_span_skip(*s, 1);
	} while (depth > 0);
	return true;
}

/* Copies count items, each with the blank before it. */
static bool copy_items(struct cv_text *dst, struct cv_span *s, size_t count)
{
	const char *start = s->data;

	for (size_t i = 0; i < count; i++) {
		if (s->len == 0 || s->data[0] != ' ')
			return false;
		*s = cv_span_skip(*s, 1);
		if (!scan_item(s))
			return false;
	}
	cv_text_append(dst, start, (size_t)(s->data - start));
	return true;
}

/* The rest of a list up to its ")". */
static bool skip_extension(struct cv_text *dst, struct cv_span *s)
{
	while (s->len > 0 && s->data[0] == ' ') {
		*s = cv_span_skip(*s, 1);
		if (!scan_item(s))
			return false;
	}
	if (s->len == 0 || s->data[0] != ')')
		return false;
	*s = cv_span_skip(*s, 1);
	cv_text_append_c(dst, ')');
	return true;
}

enum body_kind { BODY_MULTIPART, BODY_MESSAGE };

/* A leaf behind its "(": all of it, or a message up to its body. */
static bool copy_leaf(struct cv_text *dst, struct cv_span *s, bool *message_r)
{
	const char *start = s->data;
	struct cv_span media;
	bool text;

	if (!scan_atom(s) || s->len == 0 || s->data[0] != ' ')
		return false;
	*s = cv_span_skip(*s, 1);
	if (!scan_atom(s))
		return false;
	media = cv_span(start, (size_t)(s->data - start));
	*message_r = cv_span_is_icase(media, "\"message\" \"rfc822\"") ||
		cv_span_is_icase(media, "\"message\" \"global\"");
	text = cv_span_begins_icase(media, CV_SPAN("\"text\" "));
	cv_text_append_span(dst, media);
	/* params, id, description, encoding, octets */
	if (!copy_items(dst, s, *message_r ? 6 : text ? 6 : 5))
		return false;
	if (*message_r) {
		if (s->len == 0 || s->data[0] != ' ')
			return false;
		*s = cv_span_skip(*s, 1);
		cv_text_append_c(dst, ' ');
		return true;
	}
	return skip_extension(dst, s);
}

/* A body is complete: finishes what it stands in as far as that is complete
 * too.  1: another body follows, 0: all is done, -1: malformed. */
static int close_bodies(struct cv_text *dst, struct cv_span *s,
			const uint8_t *kinds, uint32_t *depth)
{
	while (*depth > 0) {
		if (kinds[*depth - 1] == BODY_MULTIPART && s->len > 0 &&
		    s->data[0] == '(')
			return 1;
		/* the subtype, or the lines */
		if (!copy_items(dst, s, 1) || !skip_extension(dst, s))
			return -1;
		--*depth;
	}
	return s->len == 0 ? 0 : -1;
}

int body_structure_to_body(struct cv_text *dst, struct cv_span s)
{
	uint8_t kinds[2 * MIME_DEPTH_MAX + 2];
	uint32_t depth = 0;
	bool message;
	int ret = 1;

	while (ret > 0) {
		if (s.len < 2 || s.data[0] != '(' || depth == sizeof(kinds))
			return CV_E_SYNTAX;
		s = cv_span_skip(s, 1);
		cv_text_append_c(dst, '(');
		if (s.data[0] == '(') {
			kinds[depth++] = BODY_MULTIPART;
			continue;
		}
		if (!copy_leaf(dst, &s, &message))
			return CV_E_SYNTAX;
		if (message)
			kinds[depth++] = BODY_MESSAGE;
		else
			ret = close_bodies(dst, &s, kinds, &depth);
	}
	return ret == 0 ? CV_OK : CV_E_SYNTAX;
}
