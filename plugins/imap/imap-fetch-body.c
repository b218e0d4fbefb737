/* imap-fetch-body.c - BODY[section]<partial> [RFC3501 6.4.5] and
 * BINARY[part]<partial> [RFC3516 4.2]. */
#include "imap-fetch.h"
#include "imap-args.h"
#include "imap-respond.h"

enum {
	BODIES_MAX = 256,	/* in one FETCH [security.md B4] */
};

static struct imap_fetch_body *body_add(struct imap_cmd *cmd,
					struct imap_fetch *fetch)
{
	if (fetch->body_count == fetch->body_room) {
		uint32_t room = fetch->body_room == 0 ? 8 :
			fetch->body_room * 2;
		struct imap_fetch_body *more = CV_ALLOC_ARRAY(cmd->pool,
			struct imap_fetch_body, room);

		if (fetch->body_count > 0)
			memcpy(more, fetch->bodies,
			       sizeof(*more) * fetch->body_count);
		fetch->bodies = more;
		fetch->body_room = room;
	}
	return &fetch->bodies[fetch->body_count++];
}

/* The same thing twice in one command is sent once. */
static void drop_repeated(struct imap_fetch *fetch)
{
	const struct imap_fetch_body *last =
		&fetch->bodies[fetch->body_count - 1];

	for (uint32_t i = 0; i + 1 < fetch->body_count; i++) {
		const struct imap_fetch_body *b = &fetch->bodies[i];

		if (b->count == last->count &&
		    cv_span_equal(b->label, last->label)) {
			fetch->body_count--;
			return;
		}
	}
}

/* What stands before "]" or before the list of fields. */
static bool section_parse(struct cv_pool *pool, struct cv_span text,
			  struct cv_section *section)
{
	return imap_mailbox_api->section_parse(pool, text, section) &&
		section->field_count == 0;
}

bool imap_section_parse(struct imap_cmd *cmd, struct cv_span text,
			struct cv_section *section)
{
	return imap_mailbox_api->section_parse(cmd->pool, text, section) &&
		(section->field_count > 0 ||
		 (section->kind != CV_SECTION_FIELDS &&
		  section->kind != CV_SECTION_FIELDS_NOT));
}

static bool fields_parse(struct imap_cmd *cmd, struct imap_args list,
			 struct cv_section *section)
{
	struct cv_span *fields;
	const struct imap_arg *arg;

	if (imap_args_peek(&list) == NULL)
		return false;
	fields = CV_ALLOC_ARRAY(cmd->pool, struct cv_span,
				list.end - list.at);
	while ((arg = imap_args_next(&list)) != NULL) {
		if (!imap_arg_is_string(arg) || arg->text.len == 0)
			return false;
		fields[section->field_count++] = arg->text;
	}
	section->fields = fields;
	return true;
}

/* "<0.100>" */
bool imap_fetch_parse_partial(struct cv_span text,
			      struct imap_fetch_body *body)
{
	struct cv_span start;
	uint64_t from, count;

	if (text.len == 0)
		return true;
	if (text.len < 2 || text.data[0] != '<' ||
	    text.data[text.len - 1] != '>')
		return false;
	text = cv_span(text.data + 1, text.len - 2);
	if (!cv_span_split(&text, '.', &start) || text.data == NULL ||
	    !cv_span_to_u64(start, UINT32_MAX, &from) ||
	    !cv_span_to_u64(text, UINT32_MAX, &count) || count == 0)
		return false;
	body->partial = true;
	body->start = (uint32_t)from;
	body->count = (uint32_t)count;
	return true;
}

void imap_fetch_label(struct imap_cmd *cmd, struct imap_fetch_body *body,
		      const char *name, struct cv_span section)
{
	struct cv_text label;

	cv_text_init(&label, cmd->pool);
	cv_text_append_str(&label, name);
	cv_text_append_c(&label, '[');
	for (size_t i = 0; i < section.len; i++)
		cv_text_append_c(&label, cv_ascii_upper(section.data[i]));
	for (uint32_t i = 0; i < body->section.field_count; i++) {
		cv_text_append_str(&label, i == 0 ? " (" : " ");
		imap_append_astring(&label, body->section.fields[i]);
	}
	cv_text_append_str(&label, body->section.field_count > 0 ? ")]" :
			   "]");
	if (body->partial) {
		cv_text_append_c(&label, '<');
		cv_text_append_u64(&label, body->start);
		cv_text_append_c(&label, '>');
	}
	body->label = cv_text_span(&label);
}

bool imap_fetch_parse_body(struct imap_cmd *cmd, struct imap_fetch *fetch,
			   const struct imap_arg *arg, struct imap_args *list)
{
	struct imap_fetch_body *body;
	struct cv_span rest = arg->text, head = CV_SPAN_NONE, section = head;
	bool takes_fields;

	if (fetch->body_count == BODIES_MAX) {
		imap_bad(cmd, "Too many body sections.");
		return false;
	}
	body = body_add(cmd, fetch);
	*body = (struct imap_fetch_body){ .section = {
		CV_SIZED(cv_section) } };
	(void)cv_span_split(&rest, '[', &head);
	if (!cv_span_is_icase(head, "BODY.PEEK"))
		fetch->marks_seen = true;
	takes_fields = !cv_span_split(&rest, ']', &section) ||
		rest.data == NULL;
	if (!section_parse(cmd->pool, section, &body->section))
		goto invalid;
	/* fields if and only if the section takes them */
	if (takes_fields != (body->section.kind == CV_SECTION_FIELDS ||
			     body->section.kind == CV_SECTION_FIELDS_NOT))
		goto invalid;
	if (takes_fields) {
		const struct imap_arg *fields = imap_args_next(list);

		if (fields == NULL || fields->type != IMAP_LIST ||
		    !fields_parse(cmd, imap_args_of_list(list, fields),
				  &body->section))
			goto invalid;
		arg = imap_args_next(list);
		if (arg == NULL || arg->type != IMAP_ATOM || !arg->adjacent ||
		    arg->text.data[0] != ']')
			goto invalid;
		rest = cv_span_skip(arg->text, 1);
	}
	if (!imap_fetch_parse_partial(rest, body))
		goto invalid;
	imap_fetch_label(cmd, body, "BODY", section);
	drop_repeated(fetch);
	return true;
invalid:
	imap_bad(cmd, "Invalid BODY[..] parameter.");
	return false;
}

/* What stands behind the bracket: "1.2]<0.100>". */
static bool binary_parse(struct imap_cmd *cmd, struct imap_fetch_body *body,
			 struct cv_span rest)
{
	struct cv_span section;

	if (!cv_span_split(&rest, ']', &section) || rest.data == NULL)
		return false;
	/* [RFC3516 7] section-binary = "[" [section-part] "]" */
	if (!section_parse(cmd->pool, section, &body->section) ||
	    body->section.kind != CV_SECTION_ALL)
		return false;
	body->section.kind = CV_SECTION_DECODED;
	if (body->size_only ? rest.len > 0 : !imap_fetch_parse_partial(rest, body))
		return false;
	imap_fetch_label(cmd, body, body->size_only ? "BINARY.SIZE" :
			 "BINARY", section);
	return true;
}

bool imap_fetch_parse_binary(struct imap_cmd *cmd, struct imap_fetch *fetch,
			     const struct imap_arg *arg)
{
	struct imap_fetch_body *body;
	struct cv_span rest = arg->text, head;
	bool peek, size;

	if (arg->type != IMAP_ATOM || !cv_span_split(&rest, '[', &head) ||
	    rest.data == NULL)
		return false;
	peek = cv_span_is_icase(head, "BINARY.PEEK");
	size = cv_span_is_icase(head, "BINARY.SIZE");
	if (!peek && !size && !cv_span_is_icase(head, "BINARY"))
		return false;
	if (fetch->body_count == BODIES_MAX) {
		imap_bad(cmd, "Too many body sections.");
		return false;
	}
	body = body_add(cmd, fetch);
	*body = (struct imap_fetch_body){ .section = {
		CV_SIZED(cv_section) }, .size_only = size };
	if (!peek && !size)
		fetch->marks_seen = true;
	if (!binary_parse(cmd, body, rest)) {
		imap_bad(cmd, "Invalid BINARY[..] parameter.");
		return false;
	}
	drop_repeated(fetch);
	return true;
}

bool imap_fetch_parse_rfc822(struct imap_cmd *cmd, struct imap_fetch *fetch,
			     const struct imap_arg *arg)
{
	static const struct { const char *name; uint32_t kind; bool seen; }
	kinds[] = {
		{ "RFC822", CV_SECTION_ALL, true },
		{ "RFC822.HEADER", CV_SECTION_HEADER, false },
		{ "RFC822.TEXT", CV_SECTION_TEXT, true },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct imap_fetch_body *body;

		if (!imap_arg_is_atom(arg, kinds[i].name) ||
		    fetch->body_count == BODIES_MAX)
			continue;
		body = body_add(cmd, fetch);
		*body = (struct imap_fetch_body){
			.section = { CV_SIZED(cv_section),
				     .kind = kinds[i].kind },
			.label = cv_span_of(kinds[i].name),
		};
		fetch->marks_seen = fetch->marks_seen || kinds[i].seen;
		drop_repeated(fetch);
		return true;
	}
	return false;
}

static void count_figures(struct imap_session *s, uint32_t kind, uint64_t len)
{
	if (kind == CV_SECTION_ALL || kind == CV_SECTION_TEXT) {
		s->counters.fetch_body_count++;
		s->counters.fetch_body_bytes += len;
	} else {
		s->counters.fetch_hdr_count++;
		s->counters.fetch_hdr_bytes += len;
	}
}

/* Whether the next len bytes have a NUL; the stream stays where it is. */
static int find_nul(struct imap_session *s, struct cv_stream *stream,
		    uint64_t len, bool *nul_r)
{
	uint64_t start = imap_stream_api->offset(stream);

	*nul_r = false;
	while (len > 0 && !*nul_r) {
		struct cv_span in;
		int code = imap_stream_api->peek(stream, &in, s->err);

		if (code == CV_EOF)
			break;
		if (code < 0)
			return code;
		if (in.len > len)
			in.len = (size_t)len;
		*nul_r = memchr(in.data, '\0', in.len) != NULL;
		imap_stream_api->skip(stream, in.len);
		len -= in.len;
	}
	return imap_stream_api->seek(stream, start, s->err);
}

static void send_size(struct imap_session *s,
		      const struct imap_fetch_body *body, bool first,
		      uint64_t size)
{
	if (!first)
		cv_text_append_c(&s->out, ' ');
	cv_text_append_span(&s->out, body->label);
	cv_text_append_c(&s->out, ' ');
	cv_text_append_u64(&s->out, size);
}

int imap_fetch_send_body(struct imap_session *s, uint32_t seq,
			 const struct imap_fetch_body *body, bool first)
{
	struct cv_stream *stream;
	uint64_t size, len;
	bool nul = false;
	int code = imap_mailbox_api->section(s->box, seq, &body->section,
					     &stream, &size, s->err);

	if (code < 0)
		return code;
	if (body->size_only) {
		/* a part that is not there has no bytes */
		send_size(s, body, first, code == CV_OK ? size : 0);
		if (code == CV_OK)
			imap_stream_api->close(&stream);
		return CV_OK;
	}
	if (!first)
		cv_text_append_c(&s->out, ' ');
	cv_text_append_span(&s->out, body->label);
	if (code == CV_NOT_FOUND) {
		cv_text_append_str(&s->out, " NIL");
		return CV_OK;
	}
	len = size;
	if (body->partial) {
		/* [RFC3501 6.4.5] past the end: an empty string */
		len = body->start >= size ? 0 : size - body->start;
		if (len > body->count)
			len = body->count;
		if (len > 0 && body->start > 0)
			code = imap_stream_api->seek(stream, body->start,
						     s->err);
	}
	if (code >= 0 && body->section.kind == CV_SECTION_DECODED)
		code = find_nul(s, stream, len, &nul);
	if (code >= 0) {
		/* [RFC3516 4.3] literal8 only where it is needed */
		cv_text_append_str(&s->out, nul ? " ~{" : " {");
		cv_text_append_u64(&s->out, len);
		cv_text_append_str(&s->out, "}\r\n");
		imap_flush(s);
		if (len > 0)
			code = imap_connection_api->write_stream(s->conn,
				stream, len, s->err);
		count_figures(s, body->section.kind, len);
	} else {
		cv_text_append_str(&s->out, " NIL");
	}
	imap_stream_api->close(&stream);
	return code;
}
