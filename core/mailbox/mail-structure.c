/* mail-structure.c - see mail-structure.h.  One walk over parentheses: depth is
 * a number, nothing recurses. */
#include "mail-structure.h"
#include "base.h"

enum {
	FIELD_TYPE, FIELD_SUBTYPE, FIELD_ENCODING = 5, FIELD_SIZE,
	FIELD_LINES, FIELD_BODY,	/* of message/rfc822 */
};

/* --- elements -------------------------------------------------------------- */

/* Behind a quoted string or a literal, which begins at text; 0: it does not
 * end. */
static size_t string_length(struct cv_span text)
{
	const char *end;
	uint64_t len;

	if (text.data[0] == '"') {
		for (size_t i = 1; i < text.len; i++) {
			if (text.data[i] == '"')
				return i + 1;
			i += text.data[i] == '\\';
		}
		return 0;
	}
	end = memchr(text.data, '}', text.len);
	if (end == NULL ||
	    !cv_span_to_u64(cv_span(text.data + 1,
				    (size_t)(end - text.data) - 1),
			    text.len, &len) ||
	    text.len - (size_t)(end - text.data) < 3 ||
	    text.len - (size_t)(end - text.data) - 3 < len)
		return 0;
	return (size_t)(end - text.data) + 3 + (size_t)len;
}

/* A list, a string or an atom from the front; false: there is none. */
static bool take_element(struct cv_span *rest, struct cv_span *element_r)
{
	size_t depth = 0, at = 0;

	if (rest->len > 0 && rest->data[0] == ' ')
		*rest = cv_span_skip(*rest, 1);
	while (at < rest->len) {
		char c = rest->data[at];

		if (c == '"' || c == '{') {
			size_t len = string_length(cv_span_skip(*rest, at));

			if (len == 0)
				return false;
			at += len;
		} else if (c == ' ' && depth == 0) {
			break;
		} else if (c == ')' && depth == 0) {
			break;
		} else {
			depth += c == '(';
			depth -= c == ')';
			at++;
		}
		if (depth == 0 && at < rest->len && c != '(' &&
		    (c == ')' || c == '"' || c == '{'))
			break;
	}
	*element_r = cv_span(rest->data, at);
	*rest = cv_span_skip(*rest, at);
	return at > 0 && depth == 0;
}

static struct cv_span inside(struct cv_span list)
{
	return list.len < 2 || list.data[0] != '(' ? cv_span(list.data, 0) :
		cv_span(list.data + 1, list.len - 2);
}

/* Element number of a list, from 0; empty: there is none. */
static struct cv_span element_at(struct cv_span list, uint32_t number)
{
	struct cv_span rest = inside(list), element = CV_SPAN("");

	for (uint32_t i = 0; i <= number; i++) {
		if (!take_element(&rest, &element))
			return CV_SPAN("");
	}
	return element;
}

static bool is_multipart(struct cv_span body)
{
	return body.len > 1 && body.data[0] == '(' && body.data[1] == '(';
}

static bool is_message(struct cv_span body)
{
	return cv_span_is_icase(element_at(body, FIELD_TYPE),
				"\"message\"") &&
		cv_span_is_icase(element_at(body, FIELD_SUBTYPE),
				 "\"rfc822\"");
}

/* --- parts ----------------------------------------------------------------- */

struct cv_span mail_structure_part(struct cv_span body, const uint32_t *part,
				   uint32_t count)
{
	bool whole = true;		/* of a message: part 1 of one that
					 * has no parts is its body */

	for (uint32_t i = 0; i < count && body.len > 0; i++) {
		if (!whole && is_message(body)) {
			body = element_at(body, FIELD_BODY);
			whole = true;
		}
		if (is_multipart(body)) {
			body = element_at(body, part[i] - 1);
			/* behind the parts stands the subtype */
			if (body.len > 0 && body.data[0] != '(')
				body.len = 0;
		} else if (!whole || part[i] != 1) {
			body.len = 0;
		}
		whole = false;
	}
	return body;
}

static bool is_identity(struct cv_span encoding)
{
	return cv_span_is_icase(encoding, "\"7bit\"") ||
		cv_span_is_icase(encoding, "\"8bit\"") ||
		cv_span_is_icase(encoding, "\"binary\"");
}

void mail_structure_decoded(struct cv_text *dst, struct cv_span part,
			    const struct mail_decoded *decoded)
{
	bool text = cv_span_is_icase(element_at(part, FIELD_TYPE), "\"text\"");
	struct cv_span rest = inside(part), element;

	if (is_multipart(part) || is_message(part) ||
	    is_identity(element_at(part, FIELD_ENCODING))) {
		cv_text_append_span(dst, part);
		return;
	}
	cv_text_append_c(dst, '(');
	for (uint32_t i = 0; take_element(&rest, &element); i++) {
		if (i > 0)
			cv_text_append_c(dst, ' ');
		if (i == FIELD_ENCODING)
			cv_text_append_str(dst, decoded->has_nul ?
					   "\"binary\"" : "\"8bit\"");
		else if (i == FIELD_SIZE)
			cv_text_append_u64(dst, decoded->bytes);
		else if (i == FIELD_LINES && text)
			cv_text_append_u64(dst, decoded->lines);
		else
			cv_text_append_span(dst, element);
	}
	cv_text_append_c(dst, ')');
}
