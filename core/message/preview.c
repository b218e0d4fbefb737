/* preview.c - a few words out of much text, for a bounded price. */
#include "preview.h"
#include "charset.h"
#include "html-text.h"
#include "message-parser.h"
#include "message-section.h"

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
		html_to_text(&plain, cv_text_span(&text),
			     HTML_TEXT_WORDS);
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
