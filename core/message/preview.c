/* preview.c - a few words out of much text, for a bounded price. */
#include "preview.h"
#include "charset.h"
#include "message-parser.h"
#include "message-section.h"

/* --- HTML --------------------------------------------------------------- */

static const struct { const char *name; uint32_t code; } html_entities[] = {
	{ "amp", '&' }, { "lt", '<' }, { "gt", '>' }, { "quot", '"' },
	{ "apos", '\'' }, { "nbsp", ' ' }, { "copy", 0xa9 },
	{ "auml", 0xe4 }, { "ouml", 0xf6 }, { "uuml", 0xfc },
	{ "Auml", 0xc4 }, { "Ouml", 0xd6 }, { "Uuml", 0xdc },
	{ "szlig", 0xdf }, { "eacute", 0xe9 }, { "egrave", 0xe8 },
	{ "agrave", 0xe0 }, { "ccedil", 0xe7 }, { "euro", 0x20ac },
	{ "ndash", 0x2013 }, { "mdash", 0x2014 }, { "rsquo", 0x2019 },
	{ "ldquo", 0x201c }, { "rdquo", 0x201d }, { "hellip", 0x2026 },
};

static uint32_t html_number(struct cv_span digits)
{
	uint32_t base = 10, value = 0, digit;

	if (digits.len > 0 && cv_ascii_lower(digits.data[0]) == 'x') {
		base = 16;
		digits = cv_span_skip(digits, 1);
	}
	if (digits.len == 0 || digits.len > 7)
		return 0;
	for (size_t i = 0; i < digits.len; i++) {
		char c = cv_ascii_lower(digits.data[i]);

		digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0') :
			c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10 : 16;
		if (digit >= base)
			return 0;
		value = value * base + digit;
	}
	return value;
}

/* At "&".  Returns the bytes used; 1 when it is no entity. */
static size_t html_entity(struct cv_text *dst, struct cv_span at)
{
	size_t len = 1;
	uint32_t code = 0;
	char bytes[4];

	while (len < at.len && len < 12 && at.data[len] != ';' &&
	       at.data[len] != '&' && at.data[len] != '<')
		len++;
	if (len < at.len && at.data[len] == ';' && len > 1) {
		struct cv_span name = cv_span(at.data + 1, len - 1);

		if (name.data[0] == '#')
			code = html_number(cv_span_skip(name, 1));
		for (size_t i = 0; code == 0 && i < sizeof(html_entities) /
		     sizeof(html_entities[0]); i++) {
			if (cv_span_is(name, html_entities[i].name))
				code = html_entities[i].code;
		}
	}
	if (code < ' ' || code == 0x7f) {
		cv_text_append_c(dst, '&');
		return 1;
	}
	cv_text_append(dst, bytes, utf8_encode(code, bytes));
	return len + 1;
}

/* The offset behind the next needle, or the end. */
static size_t html_skip_past(struct cv_span html, size_t from,
			     struct cv_span needle)
{
	size_t at;

	return span_find(cv_span_skip(html, from), needle, &at) ?
		from + at + needle.len : html.len;
}

/* Behind "<script" and the like: to its end tag. */
static size_t html_skip_element(struct cv_span html, size_t from,
				struct cv_span name)
{
	struct cv_span rest;

	for (;;) {
		from = html_skip_past(html, from, CV_SPAN("</"));
		rest = cv_span_skip(html, from);
		if (rest.len == 0 || cv_span_begins_icase(rest, name))
			return html_skip_past(html, from, CV_SPAN(">"));
	}
}

/* Elements that do not part words; tag begins behind "<". */
static bool html_is_inline(struct cv_span tag)
{
	static const char *const names[] = {
		"b", "i", "u", "a", "em", "strong", "span", "font", "small",
	};
	size_t len = 0;

	if (tag.len > 0 && tag.data[0] == '/')
		tag = cv_span_skip(tag, 1);
	while (len < tag.len && len < 8 && tag.data[len] != '>' &&
	       (unsigned char)tag.data[len] > ' ')
		len++;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (cv_span_is_icase(cv_span(tag.data, len), names[i]))
			return true;
	}
	return false;
}

/* At "<": the offset behind the tag. */
static size_t html_tag(struct cv_text *dst, struct cv_span html, size_t at)
{
	static const char *const skipped[] = { "script", "style", "head" };
	struct cv_span rest = cv_span_skip(html, at + 1);

	if (cv_span_begins(rest, CV_SPAN("!--")))
		return html_skip_past(html, at + 4, CV_SPAN("-->"));
	for (size_t i = 0; i < 3; i++) {
		struct cv_span name = cv_span_of(skipped[i]);

		/* "header" is another element than "head" */
		if (cv_span_begins_icase(rest, name) && rest.len > name.len &&
		    (rest.data[name.len] == '>' ||
		     (unsigned char)rest.data[name.len] <= ' '))
			return html_skip_element(html, at + 1, name);
	}
	if (rest.len == 0 || (unsigned char)rest.data[0] <= ' ') {
		cv_text_append_c(dst, '<');
		return at + 1;
	}
	if (!html_is_inline(rest))
		cv_text_append_c(dst, ' ');
	return html_skip_past(html, at + 1, CV_SPAN(">"));
}

void html_to_text(struct cv_text *dst, struct cv_span html)
{
	size_t at = 0, from = 0;

	while (at < html.len) {
		if (html.data[at] != '<' && html.data[at] != '&') {
			at++;
			continue;
		}
		cv_text_append(dst, html.data + from, at - from);
		if (html.data[at] == '<')
			at = html_tag(dst, html, at);
		else
			at += html_entity(dst, cv_span_skip(html, at));
		from = at;
	}
	cv_text_append(dst, html.data + from, html.len - from);
}

/* --- words -------------------------------------------------------------- */

struct preview {
	struct cv_text *dst;
	uint32_t characters;
	bool blank;		/* one is due before the next character */
};

static bool preview_is_blank(uint32_t code)
{
	return code <= ' ' || code == 0x7f || code == 0xa0 ||
		code == 0xfeff || code == 0x200b || code == 0x200c ||
		code == 0x34f;
}

/* False when the preview is full. */
static bool preview_add(struct preview *p, struct cv_span text)
{
	uint32_t code;
	size_t n;

	for (; text.len > 0; text = cv_span_skip(text, n)) {
		n = utf8_decode(text.data, text.len, &code);
		if (n == 0) {
			n = 1;
			continue;
		}
		if (preview_is_blank(code)) {
			p->blank = p->characters > 0;
			continue;
		}
		if (p->characters + (p->blank ? 2 : 1) > PREVIEW_CHARACTERS)
			return false;
		if (p->blank) {
			cv_text_append_c(p->dst, ' ');
			p->characters++;
		}
		p->blank = false;
		cv_text_append(p->dst, text.data, n);
		p->characters++;
	}
	return true;
}

/* Lines, quoted ones or not. */
static void preview_lines(struct preview *p, struct cv_span text, bool quoted)
{
	struct cv_span line;

	while (cv_span_split(&text, '\n', &line)) {
		if (!quoted && line.len > 0 && line.data[0] == '>')
			continue;
		p->blank = p->characters > 0;
		if (!preview_add(p, line))
			return;
	}
}

/* --- parts -------------------------------------------------------------- */

static uint32_t preview_find(const struct mime_tree *tree, uint32_t flag)
{
	for (uint32_t i = 0; i < tree->count; i++) {
		if ((tree->parts[i].flags & flag) != 0 &&
		    (tree->parts[i].flags & MIME_ATTACHMENT) == 0 &&
		    tree->parts[i].encoding != MIME_UNKNOWN_ENCODING)
			return i;
	}
	return MIME_NONE;
}

/* The start of a part as UTF-8. */
static int preview_read(struct cv_pool *pool, struct cv_stream *file,
			const struct mime_tree *tree, uint32_t part,
			struct cv_text *dst, struct cv_error *err)
{
	const struct mime_param *charset =
		mime_type_param(&tree->parts[part].info->type, "charset");
	struct cv_stream *stream;
	char *bytes;
	size_t got;
	int ret;

	ret = message_part_open_decoded(pool, file, tree, part, &stream, err);
	if (ret != CV_OK)
		return ret;
	bytes = pool_alloc(pool, PREVIEW_READ_MAX);
	ret = stream_copy(stream, bytes, PREVIEW_READ_MAX, &got, err);
	if (ret != CV_OK)
		return ret;
	(void)charset_to_utf8(dst, charset == NULL ? CV_SPAN_NONE :
			      charset->value, cv_span(bytes, got));
	return CV_OK;
}

static int preview_of_part(struct preview *p, struct cv_stream *file,
			   const struct mime_tree *tree, uint32_t part,
			   struct cv_error *err)
{
	struct cv_pool *scratch = pool_create("preview");
	struct cv_text text, plain;
	int ret;

	cv_text_init(&text, scratch);
	cv_text_init(&plain, scratch);
	ret = preview_read(scratch, file, tree, part, &text, err);
	if (ret == CV_OK && (tree->parts[part].flags & MIME_TEXT_HTML) != 0) {
		html_to_text(&plain, cv_text_span(&text));
		preview_lines(p, cv_text_span(&plain), true);
	} else if (ret == CV_OK) {
		preview_lines(p, cv_text_span(&text), false);
		if (p->characters == 0)
			preview_lines(p, cv_text_span(&text), true);
	}
	pool_destroy(&scratch);
	return ret;
}

int message_preview_append(struct cv_text *dst, struct cv_stream *file,
			   const struct mime_tree *tree, struct cv_error *err)
{
	static const uint32_t kinds[] = { MIME_TEXT_PLAIN, MIME_TEXT_HTML };
	struct preview p = { .dst = dst };
	uint32_t part;
	int ret;

	for (size_t i = 0; i < 2 && p.characters == 0; i++) {
		part = preview_find(tree, kinds[i]);
		if (part == MIME_NONE)
			continue;
		ret = preview_of_part(&p, file, tree, part, err);
		if (ret != CV_OK)
			return ret;
	}
	return CV_OK;
}

int message_preview_make(struct cv_pool *pool, struct cv_stream *file,
			 struct cv_text *dst, struct cv_error *err)
{
	const struct mime_tree *tree;
	int ret;

	ret = stream_seek(file, 0, err);
	if (ret == CV_OK)
		ret = message_parse(pool, file, NULL, &tree, err);
	if (ret == CV_OK)
		ret = message_preview_append(dst, file, tree, err);
	return ret;
}
