/* message-section.c - BODY[section] as ranges of the stored message. */
#include "message-section.h"

enum { HEADER_READ_MAX = 64 * 1024 * 1024 };

/* --- parsing ------------------------------------------------------------ */

/* "1.2." at the front. */
static bool section_parse_path(struct cv_pool *pool, struct cv_span *text,
			       struct message_section *section)
{
	struct cv_span head;
	uint64_t number;
	size_t digits;

	section->path = pool_new_array(pool, uint32_t, SECTION_PATH_MAX);
	while (text->len > 0 && text->data[0] >= '0' && text->data[0] <= '9') {
		for (digits = 0; digits < text->len &&
		     text->data[digits] >= '0' && text->data[digits] <= '9'; )
			digits++;
		head = cv_span(text->data, digits);
		/* [RFC9051 9 nz-number] */
		if (section->path_len == SECTION_PATH_MAX ||
		    head.data[0] == '0' ||
		    !cv_span_to_u64(head, UINT32_MAX, &number))
			return false;
		section->path[section->path_len++] = (uint32_t)number;
		*text = cv_span_skip(*text, digits);
		if (text->len == 0)
			return true;
		if (text->data[0] != '.' || text->len == 1)
			return false;
		*text = cv_span_skip(*text, 1);
	}
	return true;
}

/* One name: an atom or a quoted string. */
static bool section_parse_name(struct cv_pool *pool, struct cv_span *text,
			       struct cv_span *name_r)
{
	struct cv_text name;
	size_t i = 0;

	cv_text_init(&name, pool);
	if (text->len > 0 && text->data[0] == '"') {
		for (i = 1; i < text->len && text->data[i] != '"'; i++) {
			if (text->data[i] == '\\' && ++i == text->len)
				return false;
			cv_text_append_c(&name, text->data[i]);
		}
		if (i >= text->len)
			return false;
		i++;
	} else {
		while (i < text->len && text->data[i] > ' ' &&
		       strchr("()\"\\{", text->data[i]) == NULL)
			cv_text_append_c(&name, text->data[i++]);
	}
	*text = cv_span_skip(*text, i);
	*name_r = cv_text_span(&name);
	return name.len > 0;
}

/* "(From To)" [RFC9051 9 header-list] */
static bool section_parse_fields(struct cv_pool *pool, struct cv_span text,
				 struct message_section *section)
{
	ARRAY(struct cv_span) names;

	array_init(&names, pool);
	if (text.len < 3 || text.data[0] != '(' ||
	    text.data[text.len - 1] != ')')
		return false;
	text = cv_span(text.data + 1, text.len - 2);
	for (;;) {
		if (!section_parse_name(pool, &text, array_add(&names)))
			return false;
		if (text.len == 0)
			break;
		if (text.data[0] != ' ')
			return false;
		text = cv_span_skip(text, 1);
	}
	section->fields = names.items;
	section->field_count = (uint32_t)names.count;
	return true;
}

bool message_section_parse(struct cv_pool *pool, struct cv_span text,
			   struct message_section *section_r)
{
	*section_r = (struct message_section){ .kind = SECTION_ALL };
	if (!section_parse_path(pool, &text, section_r))
		return false;
	if (text.len == 0)
		return true;
	if (cv_span_is_icase(text, "HEADER")) {
		section_r->kind = SECTION_HEADER;
		return true;
	}
	if (cv_span_is_icase(text, "TEXT")) {
		section_r->kind = SECTION_TEXT;
		return true;
	}
	if (cv_span_is_icase(text, "MIME")) {
		section_r->kind = SECTION_MIME;
		return section_r->path_len > 0;
	}
	if (cv_span_begins_icase(text, CV_SPAN("HEADER.FIELDS.NOT "))) {
		section_r->kind = SECTION_FIELDS_NOT;
		return section_parse_fields(pool, cv_span_skip(text, 18),
					    section_r);
	}
	if (cv_span_begins_icase(text, CV_SPAN("HEADER.FIELDS "))) {
		section_r->kind = SECTION_FIELDS;
		return section_parse_fields(pool, cv_span_skip(text, 14),
					    section_r);
	}
	return false;
}

/* --- ranges ------------------------------------------------------------- */

struct section_range {
	uint64_t offset, len;		/* physical */
	uint64_t virtual_len;
};

static struct section_range range_of(uint64_t offset,
				     const struct mime_size *size)
{
	return (struct section_range){
		.offset = offset,
		.len = size->physical,
		.virtual_len = size->virtual,
	};
}

static struct section_range range_header(const struct mime_part *part)
{
	return range_of(part->offset, &part->header);
}

static struct section_range range_body(const struct mime_part *part)
{
	return range_of(part->offset + part->header.physical, &part->body);
}

static struct section_range range_all(const struct mime_part *part)
{
	struct section_range r = range_of(part->offset, &part->header);

	r.len += part->body.physical;
	r.virtual_len += part->body.virtual;
	return r;
}

/* A multipart in which no part was found is shown with one empty part, which
 * can then be asked for. */
static bool section_is_dummy(const struct mime_tree *tree,
			     const struct message_section *section,
			     struct section_range *range_r)
{
	uint32_t up;

	if (section->path_len == 0 ||
	    section->path[section->path_len - 1] != 1 ||
	    (section->kind != SECTION_ALL && section->kind != SECTION_MIME &&
	     section->kind != SECTION_DECODED))
		return false;
	up = mime_tree_find(tree, section->path, section->path_len - 1);
	*range_r = (struct section_range){ .offset = 0 };
	return up != MIME_NONE && tree->parts[up].children == 0 &&
		(tree->parts[up].flags & MIME_MULTIPART) != 0;
}

/* The bytes that a section is taken from; for FIELDS the whole header. */
static bool section_range(const struct mime_tree *tree,
			  const struct message_section *section,
			  struct section_range *range_r)
{
	uint32_t at = mime_tree_find(tree, section->path, section->path_len);
	const struct mime_part *part;

	if (at == MIME_NONE)
		return section_is_dummy(tree, section, range_r);
	part = &tree->parts[at];
	if (section->kind == SECTION_ALL || section->kind == SECTION_DECODED) {
		*range_r = section->path_len == 0 ? range_all(part) :
			range_body(part);
		return true;
	}
	if (section->kind == SECTION_MIME) {
		*range_r = range_header(part);
		return true;
	}
	/* [RFC9051 6.4.5.1]: HEADER and TEXT are those of a message, so with
	 * a number they need a MESSAGE/RFC822 part */
	if (section->path_len > 0) {
		if ((part->flags & MIME_RFC822) == 0 ||
		    part->first == MIME_NONE)
			return false;
		part = &tree->parts[part->first];
	}
	*range_r = section->kind == SECTION_TEXT ? range_body(part) :
		range_header(part);
	return true;
}

static struct cv_stream *range_open(struct cv_pool *pool,
				    struct cv_stream *file,
				    const struct section_range *range)
{
	struct cv_stream *stream = file;
	uint64_t size;

	if (range->offset > 0 || !stream_size_is_known(file) ||
	    stream_size(file, &size, NULL) < 0 || size != range->len)
		stream = stream_open_range(pool, file, range->offset,
					   range->len);
	if (range->virtual_len == range->len)
		return stream;
	return stream_open_crlf(pool, stream, range->virtual_len);
}

/* --- header fields ------------------------------------------------------ */

static bool name_is_listed(struct cv_span name, const struct hash_table *names)
{
	return hash_find(names, name) != NULL;
}

/* The field's name, without blanks before the colon; empty when the line has
 * none. */
static struct cv_span line_name(struct cv_span line)
{
	struct cv_span name;

	if (!cv_span_split(&line, ':', &name) || line.data == NULL)
		return cv_span("", 0);
	while (name.len > 0 && (name.data[name.len - 1] == ' ' ||
				name.data[name.len - 1] == '\t'))
		name.len--;
	return name;
}

void message_fields_select(struct cv_text *dst, struct cv_span header,
			   const struct cv_span *names, size_t count,
			   bool not)
{
	struct cv_pool *scratch = pool_create("header fields");
	struct hash_table table;
	struct cv_span line;
	bool take = false, blank = false;
	size_t len, start = dst->len;
	const char *lf;

	hash_init(&table, scratch, true);
	for (size_t i = 0; i < count; i++)
		hash_set(&table, names[i], &table);
	while (header.len > 0) {
		lf = memchr(header.data, '\n', header.len);
		len = lf == NULL ? header.len :
			(size_t)(lf - header.data) + 1;
		line = cv_span(header.data, len);
		header = cv_span_skip(header, len);
		blank = cv_span_is(line, "\r\n") || cv_span_is(line, "\n") ||
			cv_span_is(line, "\r");
		if (blank)
			break;
		/* a folded line goes with the line before it */
		if (line.data[0] != ' ' && line.data[0] != '\t')
			take = name_is_listed(line_name(line), &table) != not;
		if (take)
			cv_text_append_span(dst, line);
	}
	pool_destroy(&scratch);
	/* [RFC9051 6.4.5.1]: the blank line is part of each header, but where
	 * the message has none.  A list of fields ends with one even then, so
	 * that it can be told from a cut answer. */
	if (not && !blank)
		return;
	if (dst->len > start && dst->data[dst->len - 1] == '\r')
		cv_text_append_str(dst, "\n");
	else if (dst->len > start && dst->data[dst->len - 1] != '\n')
		cv_text_append_str(dst, "\r\n");
	cv_text_append_str(dst, "\r\n");
}

static int fields_open(struct cv_pool *pool, struct cv_stream *header,
		       const struct message_section *section,
		       struct cv_stream **stream_r, uint64_t *size_r,
		       struct cv_error *err)
{
	struct cv_text raw, text;
	int ret;

	cv_text_init(&raw, pool);
	cv_text_init(&text, pool);
	ret = stream_read_all(header, &raw, HEADER_READ_MAX, err);
	if (ret < 0)
		return ret;
	message_fields_select(&text, cv_span(cv_text_str(&raw), raw.len),
			      section->fields, section->field_count,
			      section->kind == SECTION_FIELDS_NOT);
	*stream_r = stream_open_memory(pool, cv_text_span(&text));
	*size_r = text.len;
	return CV_OK;
}

/* Is the file as long as the message that the tree is of? */
static bool section_fits(struct cv_stream *file, const struct mime_tree *tree)
{
	const struct mime_part *root = &tree->parts[0];
	uint64_t size;

	return !stream_size_is_known(file) ||
		(stream_size(file, &size, NULL) == CV_OK &&
		 size == root->header.physical + root->body.physical);
}

/* --- interface ---------------------------------------------------------- */

int message_part_open_decoded(struct cv_pool *pool, struct cv_stream *file,
			      const struct mime_tree *tree, uint32_t part,
			      struct cv_stream **stream_r,
			      struct cv_error *err)
{
	struct section_range range;
	struct cv_stream *stream;

	if (part >= tree->count)
		return FAIL(err, CV_E_NOT_FOUND, "no part %u", part);
	range = range_body(&tree->parts[part]);
	switch (tree->parts[part].encoding) {
	case MIME_BASE64:
	case MIME_QP:
		/* line ends do not matter below base64, and those of QP text
		 * are made CRLF behind the decoder */
		stream = stream_open_range(pool, file, range.offset,
					   range.len);
		*stream_r = tree->parts[part].encoding == MIME_BASE64 ?
			stream_open_base64(pool, stream) :
			stream_open_crlf(pool, stream_open_qp(pool, stream),
					 STREAM_SIZE_UNKNOWN);
		return CV_OK;
	case MIME_7BIT:
	case MIME_8BIT:
	case MIME_BINARY:
		*stream_r = range_open(pool, file, &range);
		return stream_seek(*stream_r, 0, err);
	case MIME_UNKNOWN_ENCODING:
		break;
	}
	return FAIL(err, CV_E_UNSUPPORTED, "unknown transfer encoding");
}

/* [RFC3516 4.2]: what has parts has no encoding of its own, nor has a whole
 * message. */
static int decoded_open(struct cv_pool *pool, struct cv_stream *file,
			const struct mime_tree *tree,
			const struct message_section *section,
			struct cv_stream **stream_r, uint64_t *size_r,
			struct cv_error *err)
{
	struct message_section whole = *section;
	uint32_t at = mime_tree_find(tree, section->path, section->path_len);
	struct section_range range;
	int ret;

	whole.kind = SECTION_ALL;
	if (!section_range(tree, &whole, &range))
		return CV_NOT_FOUND;
	if (section->path_len == 0 || at == MIME_NONE ||
	    (tree->parts[at].flags & (MIME_MULTIPART | MIME_RFC822)) != 0) {
		*stream_r = range_open(pool, file, &range);
		*size_r = range.virtual_len;
		return stream_seek(*stream_r, 0, err);
	}
	ret = message_part_open_decoded(pool, file, tree, at, stream_r, err);
	return ret < 0 ? ret : stream_size(*stream_r, size_r, err);
}

int message_section_open(struct cv_pool *pool, struct cv_stream *file,
			 const struct mime_tree *tree,
			 const struct message_section *section,
			 struct cv_stream **stream_r, uint64_t *size_r,
			 struct cv_error *err)
{
	struct section_range range;
	struct cv_stream *stream;
	int ret;

	if (!section_range(tree, section, &range))
		return CV_NOT_FOUND;
	if (!section_fits(file, tree))
		return CV_CHANGED;
	if (section->kind == SECTION_DECODED)
		return decoded_open(pool, file, tree, section, stream_r,
				    size_r, err);
	stream = range_open(pool, file, &range);
	/* [RFC9051 4.3]: no literal holds NUL; what is saved elsewhere stays
	 * what it is */
	if (!section->raw && (tree->parts[0].flags & MIME_HAS_NUL) != 0)
		stream = stream_open_without_nul(pool, stream);
	ret = stream_seek(stream, 0, err);
	if (ret < 0)
		return ret;
	if (section->kind == SECTION_FIELDS ||
	    section->kind == SECTION_FIELDS_NOT)
		return fields_open(pool, stream, section, stream_r, size_r,
				   err);
	*stream_r = stream;
	*size_r = range.virtual_len;
	return CV_OK;
}

int message_section_size(const struct mime_tree *tree,
			 const struct message_section *section,
			 uint64_t *size_r)
{
	struct section_range range;

	if (!section_range(tree, section, &range))
		return CV_NOT_FOUND;
	if (section->kind == SECTION_FIELDS ||
	    section->kind == SECTION_FIELDS_NOT ||
	    section->kind == SECTION_DECODED)
		return CV_E_UNSUPPORTED;
	*size_r = range.virtual_len;
	return CV_OK;
}
