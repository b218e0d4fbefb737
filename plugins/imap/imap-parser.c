/* imap-parser.c - see imap-parser.h.  One state machine over bytes; bulk
 * copies for literals and atoms. */
#include "imap-parser.h"

enum {
	AT_TAG,			/* in the tag; also before its first byte */
	AT_VERB,
	AT_START,		/* where a token may begin */
	AT_AFTER,		/* behind a token */
	AT_ATOM,
	AT_QUOTED,
	AT_ESCAPE,
	AT_SIZE,		/* in the digits of a literal */
	AT_PLUS,		/* behind {n+ */
	AT_BRACE,		/* behind {n} */
	AT_BRACE_LF,		/* {n} CR */
	AT_LITERAL,
	AT_STREAM,		/* the caller reads */
	AT_LF,			/* CR of the command's end */
	AT_SKIP,
	AT_END,
};

enum { SKIP_MAX = 65536 };	/* bytes of a wrong line that are skipped */

enum {
	CHAR_ATOM = 1,		/* may stand in an atom of ours: the union of
				 * atom, astring, flag, list-mailbox and
				 * section characters [RFC3501 9] */
	CHAR_TAG = 2,
};
static unsigned char char_class[256];

static void classes_init(void)
{
	if (char_class['a'] != 0)
		return;
	for (int c = 0x21; c < 0x7f; c++) {
		if (strchr("(){\"", c) == NULL)
			char_class[c] = CHAR_ATOM;
		/* [RFC3501 9] tag = 1*<any ASTRING-CHAR except "+"> */
		if (strchr("(){%*\"\\+", c) == NULL)
			char_class[c] |= CHAR_TAG;
	}
}

void imap_parser_init(struct imap_parser *p, struct cv_pool *pool,
		      const struct imap_parser_limits *limits)
{
	classes_init();
	*p = (struct imap_parser){ .limits = *limits, .pool = pool,
				   .stream_from = UINT32_MAX };
	if (p->limits.depth_max > IMAP_PARSER_DEPTH_MAX)
		p->limits.depth_max = IMAP_PARSER_DEPTH_MAX;
	cv_text_init(&p->line, pool);
	cv_text_init(&p->data, pool);
}

void imap_parser_reset(struct imap_parser *p)
{
	cv_text_reset(&p->line);
	cv_text_reset(&p->data);
	p->arg_count = p->depth = 0;
	p->tag_len = p->verb_offset = p->verb_len = p->token_offset = 0;
	p->state = AT_TAG;
	p->literal_size = p->literal_left = 0;
	p->stream_from = UINT32_MAX;
	p->error = NULL;
	p->too_large = p->too_large_nonsync = false;
	p->skipped = 0;
	p->after_list = p->escaped = p->literal8 = false;
}

void imap_parser_wipe(struct imap_parser *p)
{
	if (p->line.data != NULL)
		explicit_bzero(p->line.data, p->line.room);
	if (p->data.data != NULL)
		explicit_bzero(p->data.data, p->data.room);
	imap_parser_reset(p);
}

bool imap_parser_is_idle(const struct imap_parser *p)
{
	return p->state == AT_TAG && p->line.len == 0;
}

struct cv_span imap_parser_tag(const struct imap_parser *p)
{
	return cv_span(p->line.data, p->tag_len);
}

struct cv_span imap_parser_verb(const struct imap_parser *p)
{
	return p->verb_len == 0 ? CV_SPAN("") :
		cv_span(p->line.data + p->verb_offset, p->verb_len);
}

struct cv_span imap_parser_rest(const struct imap_parser *p)
{
	return cv_span_trim(cv_span_skip(cv_text_span(&p->line),
					 p->verb_offset + p->verb_len));
}

struct imap_args imap_parser_args(const struct imap_parser *p)
{
	struct imap_args args = { p->args, 0, p->arg_count };

	return args;
}

const struct imap_arg *imap_args_peek(const struct imap_args *args)
{
	return args->at >= args->end ? NULL : &args->all[args->at];
}

const struct imap_arg *imap_args_next(struct imap_args *args)
{
	const struct imap_arg *arg = imap_args_peek(args);

	if (arg != NULL)
		args->at = arg->type == IMAP_LIST ? arg->end : args->at + 1;
	return arg;
}

struct imap_args imap_args_of_list(const struct imap_args *from,
				   const struct imap_arg *list)
{
	struct imap_args args = { from->all,
		(uint32_t)(list - from->all) + 1, list->end };

	return args;
}

void imap_parser_resolve(struct imap_parser *p)
{
	for (uint32_t i = 0; i < p->arg_count; i++) {
		struct imap_arg *arg = &p->args[i];
		const struct cv_text *from = arg->in_data ? &p->data :
			&p->line;

		if (arg->type == IMAP_LIST || arg->type == IMAP_STREAM ||
		    arg->len == 0)
			arg->text = CV_SPAN("");
		else
			arg->text = cv_span(from->data + arg->offset,
					    arg->len);
	}
}

void imap_parser_forget(struct imap_parser *p, uint32_t keep)
{
	size_t line = p->verb_offset + p->verb_len, data = 0;

	/* lists that are open stay, with what stands before them */
	if (p->depth > 0 && keep <= p->open[p->depth - 1])
		keep = p->open[p->depth - 1] + 1;
	if (p->arg_count <= keep)
		return;
	for (uint32_t i = 0; i < keep; i++) {
		const struct imap_arg *arg = &p->args[i];
		size_t end = (size_t)arg->offset + arg->len;

		if (arg->in_data && end > data)
			data = end;
		else if (!arg->in_data && end > line)
			line = end;
	}
	p->arg_count = keep;
	p->line.len = line;
	p->data.len = data;
}

/* The last two bytes of the line so far, without its line break. */
static void tail_take(struct imap_parser *p)
{
	struct cv_span line = cv_text_span(&p->line);

	while (line.len > 0 && (line.data[line.len - 1] == '\r' ||
				line.data[line.len - 1] == '\n'))
		line.len--;
	p->skip_tail[0] = p->skip_tail[1] = '\0';
	if (line.len >= 2)
		memcpy(p->skip_tail, line.data + line.len - 2, 2);
}

/* INVARIANT: the bytes of a literal that the client has sent without waiting
 * are never taken for commands [security.md A11]. */
static enum imap_parse_result error_result(const struct imap_parser *p)
{
	return p->skip_tail[0] == '+' && p->skip_tail[1] == '}' ?
		IMAP_PARSE_FATAL : IMAP_PARSE_ERROR;
}

/* The rest of the line is read and forgotten. */
static void fail(struct imap_parser *p, const char *why)
{
	p->error = why;
	p->state = AT_SKIP;
	tail_take(p);
}

static struct imap_arg *arg_add(struct imap_parser *p, uint8_t type)
{
	struct imap_arg *arg;

	if (p->arg_count >= p->limits.tokens_max) {
		fail(p, "Too many arguments");
		return NULL;
	}
	if (p->arg_count == p->arg_room) {
		uint32_t room = p->arg_room == 0 ? 16 : p->arg_room * 2;
		struct imap_arg *more = CV_ALLOC_ARRAY(p->pool,
						       struct imap_arg, room);

		if (p->arg_count > 0)
			memcpy(more, p->args, sizeof(*more) * p->arg_count);
		p->args = more;
		p->arg_room = room;
	}
	arg = &p->args[p->arg_count++];
	*arg = (struct imap_arg){ .type = type };
	return arg;
}

static void atom_end(struct imap_parser *p)
{
	struct imap_arg *arg = arg_add(p, IMAP_ATOM);

	if (arg == NULL)
		return;
	arg->offset = p->token_offset;
	arg->len = (uint32_t)p->line.len - 1 - p->token_offset;
	arg->adjacent = p->after_list;
	p->after_list = false;
	p->state = AT_AFTER;
}

/* line holds everything up to the closing quote. */
static void quoted_end(struct imap_parser *p)
{
	struct imap_arg *arg = arg_add(p, IMAP_QUOTED);
	const char *from;
	uint32_t len;

	if (arg == NULL)
		return;
	len = (uint32_t)p->line.len - 1 - p->token_offset;
	arg->offset = p->token_offset;
	arg->len = len;
	p->state = AT_AFTER;
	if (!p->escaped)
		return;
	arg->in_data = true;
	arg->offset = (uint32_t)p->data.len;
	from = p->line.data + p->token_offset;
	for (uint32_t i = 0; i < len; i++) {
		if (from[i] == '\\')
			i++;
		cv_text_append_c(&p->data, from[i]);
	}
	arg->len = (uint32_t)p->data.len - arg->offset;
}

static void list_open(struct imap_parser *p)
{
	if (p->depth >= p->limits.depth_max) {
		fail(p, "Too many nested lists");
		return;
	}
	if (arg_add(p, IMAP_LIST) == NULL)
		return;
	p->open[p->depth++] = p->arg_count - 1;
	p->state = AT_START;
}

static void list_close(struct imap_parser *p)
{
	if (p->depth == 0) {
		fail(p, "Unexpected ')'");
		return;
	}
	p->args[p->open[--p->depth]].end = p->arg_count;
	p->state = AT_AFTER;
	p->after_list = true;
}

static enum imap_parse_result line_end(struct imap_parser *p)
{
	if (p->depth > 0) {
		p->error = "Missing ')'";
		p->state = AT_END;
		return IMAP_PARSE_ERROR;
	}
	p->state = AT_END;
	imap_parser_resolve(p);
	return IMAP_PARSE_DONE;
}

/* The line feed behind {n} has come. */
static enum imap_parse_result literal_begin(struct imap_parser *p)
{
	struct imap_arg *arg;
	bool stream = (p->depth == 0 && p->arg_count >= p->stream_from) ||
		(p->depth <= 1 && p->streams != NULL && p->streams(p));

	if (!stream && p->literal_size > p->limits.literal_max - p->data.len) {
		/* [RFC7888 4] a refused synchronising literal is never sent;
		 * the other kind is on its way already */
		p->error = "Literal is too large";
		p->too_large = true;
		p->state = AT_END;
		return p->literal_sync ? IMAP_PARSE_ERROR : IMAP_PARSE_FATAL;
	}
	arg = arg_add(p, stream ? IMAP_STREAM : IMAP_LITERAL);
	if (arg == NULL) {
		p->state = AT_END;
		return p->literal_sync ? IMAP_PARSE_ERROR : IMAP_PARSE_FATAL;
	}
	arg->binary = p->literal8;
	if (stream) {
		p->state = AT_STREAM;
		imap_parser_resolve(p);
		return IMAP_PARSE_STREAM;
	}
	arg->in_data = true;
	arg->offset = (uint32_t)p->data.len;
	arg->len = (uint32_t)p->literal_size;
	p->literal_left = p->literal_size;
	p->state = p->literal_left == 0 ? AT_AFTER : AT_LITERAL;
	return p->literal_sync ? IMAP_PARSE_CONTINUE : IMAP_PARSE_MORE;
}

bool imap_parser_at_stream(const struct imap_parser *p)
{
	return p->state == AT_STREAM;
}

void imap_parser_stream_done(struct imap_parser *p)
{
	p->state = AT_AFTER;
}

static void literal_bytes(struct imap_parser *p, struct cv_span in,
			  size_t *at)
{
	size_t take = in.len - *at;

	if (take > p->literal_left)
		take = (size_t)p->literal_left;
	/* [RFC3501 4.3] CHAR8 has no NUL, [RFC3516 7] literal8 may */
	if (memchr(in.data + *at, '\0', take) != NULL && p->error == NULL &&
	    !(p->args[p->arg_count - 1].binary && p->takes_nul != NULL &&
	      p->takes_nul(p)))
		p->error = "NUL in literal";
	cv_text_append(&p->data, in.data + *at, take);
	*at += take;
	p->literal_left -= take;
	if (p->literal_left > 0)
		return;
	p->state = p->error == NULL ? AT_AFTER : AT_SKIP;
	p->skip_tail[0] = p->skip_tail[1] = '\0';
}

/* [RFC3501 4.3] {n}, [RFC7888 3] {n+} */
static void literal_size(struct imap_parser *p, char c)
{
	unsigned int digit = (unsigned char)c - (unsigned int)'0';

	if (digit <= 9) {
		if (p->literal_size > (UINT64_MAX / 2 - digit) / 10) {
			fail(p, "Literal size is too large");
			return;
		}
		p->literal_size = p->literal_size * 10 + digit;
		p->saw_digit = true;
	} else if (c == '}' && p->saw_digit) {
		p->literal_sync = true;
		p->state = AT_BRACE;
	} else if (c == '+' && p->saw_digit) {
		p->literal_sync = false;
		p->state = AT_PLUS;
	} else {
		fail(p, "Invalid literal size");
	}
}

static void size_start(struct imap_parser *p, bool literal8)
{
	p->after_list = false;
	p->literal_size = 0;
	p->saw_digit = false;
	p->literal8 = literal8;
	p->state = AT_SIZE;
}

static void token_start(struct imap_parser *p, char c)
{
	p->token_offset = (uint32_t)p->line.len;	/* behind c */
	p->escaped = false;
	if (c == '(') {
		p->after_list = false;
		list_open(p);
	} else if (c == ')') {
		list_close(p);
	} else if (c == '"') {
		p->after_list = false;
		p->state = AT_QUOTED;
	} else if (c == '{') {
		size_start(p, false);
	} else if ((char_class[(unsigned char)c] & CHAR_ATOM) != 0) {
		p->token_offset--;
		p->state = AT_ATOM;
	} else {
		fail(p, (unsigned char)c >= 0x80 ?
			"8-bit data in an atom" : "Invalid character");
	}
}

/* A byte that may end an atom or follow another token; false when it may
 * not. */
static bool token_follow(struct imap_parser *p, char c)
{
	if (c == ' ') {
		p->after_list = false;
		p->state = AT_START;
	} else if (c == ')') {
		list_close(p);
	} else if (c == '\r') {
		p->state = AT_LF;
	} else {
		return false;
	}
	return true;
}

static void in_tag(struct imap_parser *p, char c)
{
	uint32_t len = (uint32_t)p->line.len - 1;

	if ((char_class[(unsigned char)c] & CHAR_TAG) != 0 && len < 255) {
		return;
	} else if (c == ' ' && len > 0) {
		p->tag_len = len;
		p->verb_offset = len + 1;
		p->state = AT_VERB;
	} else {
		fail(p, c != '\r' ? "Invalid tag" : len == 0 ?
		     "Empty command" : "Missing command");
	}
}

static enum imap_parse_result in_verb(struct imap_parser *p, char c)
{
	uint32_t len = (uint32_t)p->line.len - 1 - p->verb_offset;

	if ((char_class[(unsigned char)c] & CHAR_ATOM) != 0 && len < 64)
		return IMAP_PARSE_MORE;
	if (len == 0 || !token_follow(p, c)) {
		fail(p, len == 0 ? "Missing command" : "Invalid command");
		return IMAP_PARSE_MORE;
	}
	p->verb_len = len;
	return p->error == NULL ? IMAP_PARSE_VERB : IMAP_PARSE_MORE;
}

/* One byte inside of a command; it is the last one of line. */
static enum imap_parse_result byte_in(struct imap_parser *p, char c)
{
	switch (p->state) {
	case AT_TAG:
		in_tag(p, c);
		break;
	case AT_VERB:
		return in_verb(p, c);
	case AT_START:
		if (c == '\r')
			p->state = AT_LF;
		else if (c != ' ')
			token_start(p, c);
		break;
	case AT_AFTER:
		if (token_follow(p, c))
			break;
		if (p->after_list && c == ']')
			token_start(p, c);
		else
			fail(p, "Missing space between arguments");
		break;
	case AT_ATOM:
		if ((char_class[(unsigned char)c] & CHAR_ATOM) != 0)
			break;
		/* [RFC3516 7] "~{" begins a literal8 */
		if (c == '{' && p->line.len - p->token_offset == 2 &&
		    p->line.data[p->token_offset] == '~') {
			size_start(p, true);
			break;
		}
		if (strchr(" )\r", c) == NULL || c == '\0') {
			fail(p, "Invalid character in atom");
			break;
		}
		atom_end(p);
		if (p->error == NULL)
			(void)token_follow(p, c);
		break;
	case AT_QUOTED:
		/* [RFC3501 9] QUOTED-CHAR; [RFC6855 3] UTF-8 is for the
		 * session to check */
		if (c == '"') {
			quoted_end(p);
		} else if (c == '\\') {
			p->escaped = true;
			p->state = AT_ESCAPE;
		} else if (c == '\r' || c == '\0') {
			fail(p, "Invalid character in quoted string");
		}
		break;
	case AT_ESCAPE:
		if (c == '"' || c == '\\')
			p->state = AT_QUOTED;
		else
			fail(p, "Invalid escape in quoted string");
		break;
	case AT_SIZE:
		literal_size(p, c);
		break;
	case AT_PLUS:
		if (c == '}')
			p->state = AT_BRACE;
		else
			fail(p, "Invalid literal size");
		break;
	case AT_BRACE:
		if (c == '\r')
			p->state = AT_BRACE_LF;
		else
			fail(p, "Missing line break after literal size");
		break;
	default:		/* AT_LF, AT_BRACE_LF */
		fail(p, "Bare carriage return");
		break;
	}
	return IMAP_PARSE_MORE;
}

/* A line feed ends the line, with or without its carriage return. */
static enum imap_parse_result newline(struct imap_parser *p)
{
	switch (p->state) {
	case AT_ATOM:
		atom_end(p);
		if (p->error != NULL) {
			p->state = AT_END;
			return IMAP_PARSE_ERROR;
		}
		return line_end(p);
	case AT_START:
	case AT_AFTER:
	case AT_LF:
		return line_end(p);
	case AT_VERB:
		p->verb_len = (uint32_t)p->line.len - 1 - p->verb_offset;
		if (p->verb_len > 0)
			return line_end(p);
		p->error = "Missing command";
		break;
	case AT_BRACE:
	case AT_BRACE_LF:
		if (!p->literal_sync &&
		    p->literal_size > p->limits.nonsync_max) {
			/* [RFC7888 5] */
			p->error = "Non-synchronizing literal is too large";
			p->too_large_nonsync = true;
			p->state = AT_END;
			return IMAP_PARSE_FATAL;
		}
		return literal_begin(p);
	case AT_TAG:
		p->error = p->line.len <= 2 ? "Empty command" :
			"Missing command";
		break;
	default:
		p->error = "Unexpected line break";
		break;
	}
	p->state = AT_END;
	tail_take(p);
	return error_result(p);
}

static enum imap_parse_result skip_line(struct imap_parser *p,
					struct cv_span in, size_t *at)
{
	while (*at < in.len) {
		char c = in.data[(*at)++];

		if (c == '\n') {
			p->state = AT_END;
			return error_result(p);
		}
		if (c != '\r') {
			p->skip_tail[0] = p->skip_tail[1];
			p->skip_tail[1] = c;
		}
		if (++p->skipped > SKIP_MAX) {
			p->state = AT_END;
			return IMAP_PARSE_FATAL;
		}
	}
	return IMAP_PARSE_MORE;
}

/* Runs of atom and quoted characters are copied at once. */
static size_t bulk(struct imap_parser *p, struct cv_span in, size_t at)
{
	size_t from = at, most = p->limits.line_max - p->line.len;

	if (most > in.len - at)
		most = in.len - at;
	if (p->state == AT_ATOM) {
		while (at - from < most && (char_class[(unsigned char)
				in.data[at]] & CHAR_ATOM) != 0)
			at++;
	} else if (p->state == AT_QUOTED) {
		while (at - from < most && strchr("\"\\\r\n", in.data[at]) ==
		       NULL)	/* finds NUL, too */
			at++;
	}
	cv_text_append(&p->line, in.data + from, at - from);
	return at;
}

enum imap_parse_result imap_parser_feed(struct imap_parser *p,
					struct cv_span in, size_t *used_r)
{
	enum imap_parse_result result = IMAP_PARSE_MORE;
	size_t at = 0;

	while (at < in.len && result == IMAP_PARSE_MORE &&
	       p->state != AT_STREAM && p->state != AT_END) {
		if (p->state == AT_LITERAL) {
			literal_bytes(p, in, &at);
			continue;
		}
		if (p->state == AT_SKIP) {
			result = skip_line(p, in, &at);
			continue;
		}
		at = bulk(p, in, at);
		if (at == in.len)
			break;
		if (p->line.len >= p->limits.line_max) {
			p->error = "Command line is too long";
			p->state = AT_END;
			result = IMAP_PARSE_FATAL;
			break;
		}
		cv_text_append_c(&p->line, in.data[at]);
		if (in.data[at++] == '\n')
			result = newline(p);
		else
			result = byte_in(p, in.data[at - 1]);
	}
	*used_r = at;
	return result;
}
