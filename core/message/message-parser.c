/* message-parser.c - a message, line by line, in one pass.
 *
 * The input is cut into pieces that end at a line end or at the end of a
 * chunk.  Header lines, and body lines that may be a boundary, are put
 * together again when a chunk cuts them; all other bytes are only counted.
 *
 * INVARIANT: the stack of open parts is the path from the root to the part
 * that the next byte belongs to; places only grow; a part is closed at or
 * before the place where its parent is. */
#include "message-parser.h"
#include "boundary.h"
#include "encoded-word.h"

enum {
	LINE_KEEP_MAX = MESSAGE_BOUNDARY_MAX + 16,
	STACK_MAX = MIME_DEPTH_MAX + 2,
};

struct open_part {
	uint32_t part;
	uint32_t last_child;
	bool in_header;
	struct mime_size header_start, body_start;
};

struct field {
	bool keep;		/* somebody wants it */
	size_t name_len, value_at;
	struct cv_text raw;
};

struct message_parser {
	struct cv_pool *pool;
	struct cv_pool *scratch;
	struct message_parser_config config;
	struct mime_tree tree;
	ARRAY(struct mime_part) parts;
	struct open_part stack[STACK_MAX];
	uint32_t depth;			/* entries in use */
	struct boundary_set boundaries;

	struct mime_size at;		/* behind what was counted */
	struct mime_size line_start;
	uint32_t eol_len;		/* of the last line end, 1 or 2 */
	uint32_t eol_before;		/* of the one before line_start */
	bool last_cr, in_line, keep_line;
	struct cv_text line;		/* begun in an earlier chunk */
	struct field field;
	size_t header_left;		/* of MESSAGE_HEADER_MAX */
	bool header_cut;
};

static struct open_part *parser_top(struct message_parser *p)
{
	return &p->stack[p->depth - 1];
}

static struct mime_part *parser_part(struct message_parser *p)
{
	return &p->parts.items[parser_top(p)->part];
}

static struct mime_size size_between(const struct mime_size *from,
				     const struct mime_size *to)
{
	return (struct mime_size){
		.physical = to->physical - from->physical,
		.virtual = to->virtual - from->virtual,
		.lines = to->lines - from->lines,
	};
}

/* --- opening and closing parts ------------------------------------------ */

/* A new part whose header begins at the place given. */
static void parser_open(struct message_parser *p, const struct mime_size *at)
{
	struct open_part *up = p->depth == 0 ? NULL : parser_top(p);
	uint32_t index = (uint32_t)p->parts.count;
	struct mime_part *part = array_add(&p->parts), *parent;

	BUG_IF(p->depth >= STACK_MAX);
	part->parent = up == NULL ? MIME_NONE : up->part;
	part->next = part->first = MIME_NONE;
	part->depth = p->depth;
	part->offset = at->physical;
	part->virtual_offset = at->virtual;
	part->info = pool_new(p->pool, struct mime_header);
	if (up != NULL) {
		parent = &p->parts.items[up->part];
		if (parent->children++ == 0)
			parent->first = index;
		else
			p->parts.items[up->last_child].next = index;
		up->last_child = index;
	}
	if (up == NULL || (parent->flags & MIME_RFC822) != 0)
		part->info->envelope = pool_new(p->pool,
						struct message_envelope);
	p->stack[p->depth++] = (struct open_part){
		.part = index,
		.last_child = MIME_NONE,
		.in_header = true,
		.header_start = *at,
	};
	p->field.keep = false;
	p->field.name_len = 0;
}

/* [RFC2046 5.1.1]: the line end before a delimiter belongs to it, so the end
 * may lie before the end of the header, if the blank line is that line end,
 * or even before its start, if the part is empty. */
static void parser_close_one(struct message_parser *p,
			     const struct mime_size *end)
{
	struct open_part *open = parser_top(p);
	struct mime_part *part = parser_part(p);

	if (end->physical < open->header_start.physical) {
		open->header_start = *end;
		part->offset = end->physical;
		part->virtual_offset = end->virtual;
	}
	if (end->physical >= open->body_start.physical)
		part->body = size_between(&open->body_start, end);
	else
		part->header = size_between(&open->header_start, end);
	p->depth--;
}

/* --- what a header says ------------------------------------------------- */

static enum mime_encoding encoding_of(struct cv_span name)
{
	static const struct { const char *name; enum mime_encoding e; } all[] = {
		{ "7bit", MIME_7BIT }, { "8bit", MIME_8BIT },
		{ "binary", MIME_BINARY }, { "base64", MIME_BASE64 },
		{ "quoted-printable", MIME_QP },
	};

	if (name.len == 0)
		return MIME_7BIT;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (cv_span_is_icase(name, all[i].name))
			return all[i].e;
	}
	return MIME_UNKNOWN_ENCODING;
}

static void part_set_default_type(struct message_parser *p,
				  struct mime_part *part)
{
	struct mime_type *type = &part->info->type;

	if (type->type.data != NULL)
		return;
	/* [RFC2046 5.1.5]: in a digest a part is a message */
	if (part->parent != MIME_NONE &&
	    (p->parts.items[part->parent].flags & MIME_DIGEST) != 0) {
		type->type = CV_SPAN("message");
		type->subtype = CV_SPAN("rfc822");
		return;
	}
	/* [RFC2045 5.2] */
	type->type = CV_SPAN("text");
	type->subtype = CV_SPAN("plain");
}

static bool part_is_attachment(const struct mime_part *part)
{
	const struct mime_header *info = part->info;

	if (cv_span_is_icase(info->disposition.type, "attachment"))
		return true;
	if ((part->flags & (MIME_TEXT | MIME_MULTIPART)) != 0 ||
	    part->depth == 0)
		return false;
	return mime_type_param(&info->disposition, "filename") != NULL ||
		mime_type_param(&info->disposition, "filename*") != NULL ||
		mime_type_param(&info->type, "name") != NULL ||
		mime_type_param(&info->type, "name*") != NULL;
}

static void part_set_flags(struct mime_part *part)
{
	const struct mime_type *type = &part->info->type;

	if (cv_span_is_icase(type->type, "multipart")) {
		part->flags |= MIME_MULTIPART;
		if (cv_span_is_icase(type->subtype, "digest"))
			part->flags |= MIME_DIGEST;
		if (cv_span_is_icase(type->subtype, "alternative"))
			part->flags |= MIME_ALTERNATIVE;
	} else if (cv_span_is_icase(type->type, "text")) {
		part->flags |= MIME_TEXT;
		if (cv_span_is_icase(type->subtype, "plain"))
			part->flags |= MIME_TEXT_PLAIN;
		if (cv_span_is_icase(type->subtype, "html"))
			part->flags |= MIME_TEXT_HTML;
	} else if (mime_type_is(type, "message", "rfc822") ||
		   mime_type_is(type, "message", "global")) {
		/* [RFC9051 7.5.2 media-message] */
		part->flags |= MIME_RFC822;
	}
	part->encoding = encoding_of(part->info->encoding);
	if (part_is_attachment(part))
		part->flags |= MIME_ATTACHMENT;
}

/* --- header fields ------------------------------------------------------ */

/* The value without blanks and line ends around and inside it as one
 * string. */
static struct cv_span field_text(struct message_parser *p,
				 struct cv_span value)
{
	struct cv_text text;

	cv_text_init(&text, p->pool);
	header_unfold(&text, cv_span_trim(value));
	return cv_span(cv_text_str(&text), text.len);
}

enum { LANGUAGES_MAX = 100 };

/* [RFC3282 2]: a list with commas. */
static void field_languages(struct message_parser *p,
			    struct mime_header *info, struct cv_span value)
{
	struct cv_span rest = field_text(p, value), item;

	if (info->languages == NULL)
		info->languages = pool_new_array(p->pool, struct cv_span,
						 LANGUAGES_MAX);
	info->language_count = 0;
	while (info->language_count < LANGUAGES_MAX &&
	       cv_span_split(&rest, ',', &item)) {
		item = cv_span_trim(item);
		if (item.len > 0)
			info->languages[info->language_count++] = item;
	}
}

enum field_id {
	FIELD_OTHER,
	FIELD_TYPE, FIELD_ENCODING, FIELD_DISPOSITION, FIELD_ID,
	FIELD_DESCRIPTION, FIELD_MD5, FIELD_LANGUAGE, FIELD_LOCATION,
	FIELD_VERSION,
};

static enum field_id field_lookup(struct cv_span name)
{
	static const struct { const char *name; enum field_id id; } all[] = {
		{ "type", FIELD_TYPE },
		{ "transfer-encoding", FIELD_ENCODING },
		{ "disposition", FIELD_DISPOSITION },
		{ "id", FIELD_ID }, { "description", FIELD_DESCRIPTION },
		{ "md5", FIELD_MD5 }, { "language", FIELD_LANGUAGE },
		{ "location", FIELD_LOCATION },
	};

	if (cv_span_is_icase(name, "mime-version"))
		return FIELD_VERSION;
	if (!cv_span_begins_icase(name, CV_SPAN("content-")))
		return FIELD_OTHER;
	name = cv_span_skip(name, 8);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (cv_span_is_icase(name, all[i].name))
			return all[i].id;
	}
	return FIELD_OTHER;
}

/* Content-Transfer-Encoding is one token; comments do not count. */
static struct cv_span field_encoding(struct message_parser *p,
				     struct cv_span value)
{
	struct mime_type type;

	return mime_type_parse(p->pool, value, false, &type) ? type.type :
		CV_SPAN_NONE;
}

/* Of several fields of one name the first type and encoding count, since they
 * say how to read the body, and the last one of the others. */
static void field_mime(struct message_parser *p, enum field_id id,
		       struct cv_span value)
{
	struct mime_header *info = parser_part(p)->info;

	switch (id) {
	case FIELD_TYPE:
		if (info->type.type.data == NULL)
			(void)mime_type_parse(p->pool, value, true,
					      &info->type);
		break;
	case FIELD_DISPOSITION:
		(void)mime_type_parse(p->pool, value, false,
				      &info->disposition);
		break;
	case FIELD_ENCODING:
		if (info->encoding.data == NULL)
			info->encoding = field_encoding(p, value);
		break;
	case FIELD_ID:
		info->id = field_text(p, value);
		break;
	case FIELD_DESCRIPTION:
		info->description = field_text(p, value);
		break;
	case FIELD_MD5:
		info->md5 = field_text(p, value);
		break;
	case FIELD_LOCATION:
		info->location = field_text(p, value);
		break;
	case FIELD_LANGUAGE:
		field_languages(p, info, value);
		break;
	case FIELD_VERSION:
		parser_part(p)->flags |= MIME_IS_MIME;
		break;
	case FIELD_OTHER:
		break;
	}
}

static bool envelope_wants(struct cv_span name)
{
	static const char *const all[] = {
		"date", "subject", "from", "sender", "reply-to", "to", "cc",
		"bcc", "in-reply-to", "message-id",
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (cv_span_is_icase(name, all[i]))
			return true;
	}
	return false;
}

static bool parser_reports(struct message_parser *p, struct cv_span name)
{
	return p->config.field != NULL && parser_top(p)->part == 0 &&
		(p->config.wanted == NULL || p->config.wanted(name));
}

/* The field is complete. */
static void parser_end_field(struct message_parser *p)
{
	struct field *f = &p->field;
	struct mime_header *info = parser_part(p)->info;
	struct cv_span name, value, raw;
	enum field_id id;

	if (!f->keep)
		return;
	f->keep = false;
	raw = cv_text_span(&f->raw);
	name = cv_span(raw.data, f->name_len);
	value = cv_span_skip(raw, f->value_at);
	id = field_lookup(name);
	if (id != FIELD_OTHER)
		field_mime(p, id, value);
	else if (info->envelope != NULL)
		(void)envelope_add_field(p->pool, info->envelope, name, value);
	if (parser_reports(p, name))
		p->config.field(p->config.context, name, value, raw);
}

/* Keeps a line of the field, within the budget of the message. */
static void parser_add_to_field(struct message_parser *p, struct cv_span line)
{
	if (line.len > p->header_left) {
		p->field.keep = false;
		p->header_cut = true;
		return;
	}
	p->header_left -= line.len;
	cv_text_append_span(&p->field.raw, line);
}

/* The length of the name at the start of a line, 0 when it is no field:
 * printable ASCII, then ":", blanks before it allowed
 * [RFC5322 4.5]. */
static size_t field_name_len(struct cv_span line, size_t *colon_r)
{
	const char *colon = memchr(line.data, ':', line.len);
	size_t len;

	if (colon == NULL)
		return 0;
	len = *colon_r = (size_t)(colon - line.data);
	while (len > 0 && (line.data[len - 1] == ' ' ||
			   line.data[len - 1] == '\t'))
		len--;
	if (len > MESSAGE_NAME_MAX)
		return 0;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line.data[i];

		if (c <= ' ' || c >= 0x7f)
			return 0;
	}
	return len;
}

static void parser_begin_field(struct message_parser *p, struct cv_span line)
{
	struct field *f = &p->field;
	struct cv_span name;
	size_t colon;

	f->name_len = field_name_len(line, &colon);
	if (f->name_len == 0)
		return;
	name = cv_span(line.data, f->name_len);
	f->keep = field_lookup(name) != FIELD_OTHER ||
		parser_reports(p, name) ||
		(parser_part(p)->info->envelope != NULL &&
		 envelope_wants(name));
	if (!f->keep)
		return;
	f->value_at = colon + 1;
	cv_text_reset(&f->raw);
	parser_add_to_field(p, line);
}

/* --- headers ------------------------------------------------------------ */

static void parser_end_header(struct message_parser *p,
			      const struct mime_size *end)
{
	struct open_part *open = parser_top(p);
	struct mime_part *part = parser_part(p);

	parser_end_field(p);
	open->in_header = false;
	open->body_start = *end;
	part->header = size_between(&open->header_start, end);
	part_set_default_type(p, part);
	part_set_flags(part);
}

/* After the blank line: what kind of body is it? */
static void parser_begin_body(struct message_parser *p)
{
	struct mime_part *part = parser_part(p);
	const struct mime_param *boundary;

	/* Too deep, or too many: the rest is opaque. */
	if (p->depth > MIME_DEPTH_MAX || p->parts.count >= MIME_PARTS_MAX)
		return;
	if ((part->flags & MIME_RFC822) != 0) {
		/* [RFC2046 5.2.1]: no encoding is allowed here, so what the
		 * header says of one does not count */
		parser_open(p, &p->at);
	} else if ((part->flags & MIME_MULTIPART) != 0) {
		boundary = mime_type_param(&part->info->type, "boundary");
		if (boundary != NULL && boundary->value.len > 0)
			boundary_push(&p->boundaries, boundary->value,
				      p->depth - 1);
	}
}

/* --- boundaries --------------------------------------------------------- */

/* The end of the content before a delimiter. */
static struct mime_size parser_content_end(const struct message_parser *p)
{
	struct mime_size end = p->line_start;

	BUG_IF(end.lines == 0);
	end.physical -= p->eol_before;
	end.virtual -= 2;
	end.lines--;
	return end;
}

/* line: without its line end.  True when it was a delimiter, which is then
 * done with.  p->at is behind the line. */
static bool parser_try_boundary(struct message_parser *p, struct cv_span line)
{
	struct mime_size end;
	struct boundary *b;
	uint32_t index;

	if (p->boundaries.count == 0 || line.len < 3 || line.data[0] != '-' ||
	    line.data[1] != '-' || p->parts.count >= MIME_PARTS_MAX)
		return false;
	line = cv_span_skip(line, 2);
	index = boundary_find(&p->boundaries, line);
	if (index == BOUNDARY_NONE)
		return false;
	if (parser_top(p)->in_header)
		parser_end_header(p, &p->line_start);
	end = parser_content_end(p);
	b = &p->boundaries.items[index];
	while (p->depth - 1 > b->owner)
		parser_close_one(p, &end);
	line = cv_span_skip(line, b->text.len);
	while (p->boundaries.count > index + 1)
		boundary_pop(&p->boundaries);
	if (line.len >= 2 && line.data[0] == '-' && line.data[1] == '-')
		boundary_pop(&p->boundaries);	/* the epilogue begins */
	else
		parser_open(p, &p->at);
	return true;
}

/* --- lines -------------------------------------------------------------- */

static struct cv_span line_content(struct cv_span line)
{
	if (line.len > 0 && line.data[line.len - 1] == '\n')
		line.len--;
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* A whole line of the header (or its last one without a line end). */
static void parser_header_line(struct message_parser *p, struct cv_span line)
{
	line = line_content(line);
	if (line.len == 0) {
		parser_end_header(p, &p->at);
		parser_begin_body(p);
		return;
	}
	if (line.data[0] == ' ' || line.data[0] == '\t') {
		if (!p->field.keep)
			return;
		parser_add_to_field(p, CV_SPAN("\r\n"));
		if (p->field.keep)
			parser_add_to_field(p, line);
		return;
	}
	parser_end_field(p);
	if (!parser_try_boundary(p, line))
		parser_begin_field(p, line);
}

/* A whole line that was kept. */
static void parser_line(struct message_parser *p, struct cv_span line)
{
	if (parser_top(p)->in_header)
		parser_header_line(p, line);
	else
		(void)parser_try_boundary(p, line_content(line));
}

/* Counts bytes that hold a LF only at their end, if at all. */
static void parser_count(struct message_parser *p, struct cv_span piece)
{
	const char *last = piece.data + piece.len - 1;
	bool cr;

	p->at.physical += piece.len;
	p->at.virtual += piece.len;
	if (*last != '\n') {
		p->last_cr = *last == '\r';
		return;
	}
	cr = piece.len > 1 ? last[-1] == '\r' : p->last_cr;
	if (!cr)
		p->at.virtual++;
	p->eol_len = cr ? 2 : 1;
	p->at.lines++;
	p->last_cr = false;
}

/* A body in which no boundary can occur. */
static void parser_count_all(struct message_parser *p, struct cv_span chunk)
{
	const char *at = chunk.data, *end = at + chunk.len, *lf;

	while (at < end) {
		lf = memchr(at, '\n', (size_t)(end - at));
		lf = lf == NULL ? end : lf + 1;
		parser_count(p, cv_span(at, (size_t)(lf - at)));
		at = lf;
	}
	p->in_line = end[-1] != '\n';
	p->keep_line = false;
}

/* Is the line that begins with c of interest? */
static bool parser_keeps(struct message_parser *p, char c)
{
	return parser_top(p)->in_header ||
		(c == '-' && p->boundaries.count > 0);
}

static void parser_keep(struct message_parser *p, struct cv_span piece)
{
	size_t max = parser_top(p)->in_header ? p->header_left + 2 :
		LINE_KEEP_MAX;
	size_t room = p->line.len < max ? max - p->line.len : 0;

	if (piece.len > room)
		piece.len = room;
	cv_text_append_span(&p->line, piece);
}

/* One piece: the rest of a line, or all that has come of it. */
static void parser_piece(struct message_parser *p, struct cv_span piece)
{
	bool whole = piece.data[piece.len - 1] == '\n';
	bool begun = p->in_line;

	if (!begun) {
		p->line_start = p->at;
		p->eol_before = p->eol_len;
		p->keep_line = parser_keeps(p, piece.data[0]);
	}
	parser_count(p, piece);
	p->in_line = !whole;
	if (!p->keep_line)
		return;
	if (whole && !begun) {
		parser_line(p, piece);		/* the common case: no copy */
		return;
	}
	if (!begun)
		cv_text_reset(&p->line);
	parser_keep(p, piece);
	if (whole)
		parser_line(p, cv_text_span(&p->line));
}

/* --- interface ---------------------------------------------------------- */

static void parser_free_scratch(void *data)
{
	struct message_parser *p = data;

	pool_destroy(&p->scratch);
}

struct message_parser *
message_parser_create(struct cv_pool *pool,
		      const struct message_parser_config *config)
{
	struct message_parser *p = pool_new(pool, struct message_parser);

	p->pool = pool;
	p->scratch = pool_create("message parser");
	pool_add_finaliser(pool, parser_free_scratch, p);
	if (config != NULL)
		p->config = *config;
	array_init(&p->parts, pool);
	boundary_set_init(&p->boundaries);
	cv_text_init(&p->line, p->scratch);
	cv_text_init(&p->field.raw, p->scratch);
	p->header_left = MESSAGE_HEADER_MAX;
	parser_open(p, &p->at);
	return p;
}

void message_parser_feed(struct message_parser *p, struct cv_span chunk)
{
	const char *at = chunk.data, *end = at + chunk.len, *lf;

	if (chunk.len > 0 && memchr(at, '\0', chunk.len) != NULL)
		p->parts.items[0].flags |= MIME_HAS_NUL;
	while (at < end) {
		if (p->boundaries.count == 0 && !parser_top(p)->in_header) {
			parser_count_all(p, cv_span(at, (size_t)(end - at)));
			return;
		}
		lf = memchr(at, '\n', (size_t)(end - at));
		lf = lf == NULL ? end : lf + 1;
		parser_piece(p, cv_span(at, (size_t)(lf - at)));
		at = lf;
	}
}

const struct mime_tree *message_parser_finish(struct message_parser *p)
{
	if (p->in_line && p->keep_line)
		parser_line(p, cv_text_span(&p->line));
	p->in_line = false;
	if (parser_top(p)->in_header)
		parser_end_header(p, &p->at);
	while (p->depth > 0)
		parser_close_one(p, &p->at);
	p->tree.parts = p->parts.items;
	p->tree.count = (uint32_t)p->parts.count;
	pool_destroy(&p->scratch);
	return &p->tree;
}

bool message_parser_header_is_cut(const struct message_parser *p)
{
	return p->header_cut;
}

int message_parse(struct cv_pool *pool, struct cv_stream *stream,
		  const struct message_parser_config *config,
		  const struct mime_tree **tree_r, struct cv_error *err)
{
	struct message_parser *p = message_parser_create(pool, config);
	struct cv_span in;
	int ret;

	while ((ret = stream_read(stream, &in, err)) == CV_OK) {
		message_parser_feed(p, in);
		stream_skip(stream, in.len);
	}
	if (ret < 0)
		return ret;
	*tree_r = message_parser_finish(p);
	return CV_OK;
}
