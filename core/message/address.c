/* address.c - address lists, one pass, a flat loop. */
#include "address.h"
#include "rfc822-lexer.h"

struct address_parser {
	struct cv_pool *pool;
	struct rfc822_lexer lexer;
	struct address_list *list;
	bool in_group;
	/* of the entry being read */
	struct cv_text phrase;	/* words joined by blanks */
	struct cv_text local;	/* the same as a local part */
	struct cv_text text;	/* for other tokens */
	struct cv_text comment;
};

static void address_add(struct address_parser *p, const struct address *item)
{
	struct address_list *list = p->list;
	size_t room = list->count;

	if (list->count >= ADDRESS_MAX) {
		list->cut = true;
		return;
	}
	/* room is not kept: it is the next power of two of count */
	if (list->count == 0)
		list->items = pool_new(p->pool, struct address);
	else if ((room & (room - 1)) == 0)
		list->items = pool_grow(p->pool, list->items,
					room * sizeof(*list->items),
					room * 2 * sizeof(*list->items));
	list->items[list->count++] = *item;
}

static struct cv_span address_copy(struct address_parser *p,
				   const struct cv_text *text)
{
	return pool_span(p->pool, cv_span(cv_text_str(text), text->len));
}

/* Words up to a special: into phrase and local.  A quoted word counts even
 * when it is empty. */
static bool address_parse_words(struct address_parser *p)
{
	struct rfc822_lexer *lexer = &p->lexer;
	bool found = false, dot = true;

	cv_text_reset(&p->phrase);
	cv_text_reset(&p->local);
	while (lexer->at < lexer->end) {
		char c = *lexer->at;

		cv_text_reset(&p->text);
		if (c == '.') {
			(void)rfc822_parse_char(lexer, '.');
			cv_text_append_c(&p->phrase, '.');
			cv_text_append_c(&p->local, '.');
			/* "John Q. Public" keeps its blank */
			if (lexer->at[-1] == ' ' && lexer->at < lexer->end)
				cv_text_append_c(&p->phrase, ' ');
			dot = found = true;
			continue;
		}
		if (c == '"' ? !rfc822_parse_quoted(lexer, &p->text) :
		    !rfc822_parse_atom(lexer, &p->text))
			break;
		if (found && !dot) {
			cv_text_append_c(&p->phrase, ' ');
			cv_text_append_c(&p->local, ' ');
		}
		cv_text_append_span(&p->phrase, cv_text_span(&p->text));
		cv_text_append_span(&p->local, cv_text_span(&p->text));
		found = true;
		dot = lexer->at < lexer->end && *lexer->at == '.';
	}
	return found;
}

/* "@" domain, if there is one. */
static void address_parse_at_domain(struct address_parser *p,
				    struct address *item)
{
	cv_text_reset(&p->text);
	if (rfc822_parse_domain(&p->lexer, &p->text))
		item->domain = address_copy(p, &p->text);
	else if (rfc822_parse_char(&p->lexer, '@'))
		item->invalid = true;
}

/* "@a,@b:" [RFC5322 4.4 obs-route]; at "@". */
static void address_parse_route(struct address_parser *p,
				struct address *item)
{
	struct cv_text route;

	cv_text_init(&route, p->pool);
	for (;;) {
		cv_text_reset(&p->text);
		if (rfc822_parse_domain(&p->lexer, &p->text)) {
			if (route.len > 0)
				cv_text_append_c(&route, ',');
			cv_text_append_c(&route, '@');
			cv_text_append_span(&route, cv_text_span(&p->text));
		} else if (!rfc822_parse_char(&p->lexer, ',')) {
			break;
		}
	}
	if (!rfc822_parse_char(&p->lexer, ':'))
		item->invalid = true;
	if (route.len > 0)
		item->route = cv_text_span(&route);
}

/* Behind "<". */
static void address_parse_angle(struct address_parser *p,
				struct address *item)
{
	struct rfc822_lexer *lexer = &p->lexer;

	if (lexer->at < lexer->end && *lexer->at == '@')
		address_parse_route(p, item);
	if (address_parse_words(p))
		item->mailbox = address_copy(p, &p->local);
	address_parse_at_domain(p, item);
	if (rfc822_parse_char(lexer, '>'))
		return;
	item->invalid = true;
	/* to the ">" if there is one in this entry, else to its end */
	while (lexer->at < lexer->end && *lexer->at != ',' &&
	       *lexer->at != '>')
		lexer->at++;
	(void)rfc822_parse_char(lexer, '>');
}

static void address_finish(struct address_parser *p, struct address *item)
{
	if (item->name.data == NULL && p->comment.len > 0)
		item->name = address_copy(p, &p->comment);
	if (item->mailbox.data == NULL || item->domain.data == NULL)
		item->invalid = true;
	address_add(p, item);
}

static void address_end_group(struct address_parser *p)
{
	if (p->in_group)
		address_add(p, &(struct address){ .kind = ADDRESS_GROUP_END });
	p->in_group = false;
}

/* One entry; the lexer stands at something that is no blank. */
static void address_parse_entry(struct address_parser *p)
{
	struct address item = { .kind = ADDRESS_MAILBOX };
	struct rfc822_lexer *lexer = &p->lexer;
	bool words;

	words = address_parse_words(p);
	if (rfc822_parse_char(lexer, '<')) {
		if (words)
			item.name = address_copy(p, &p->phrase);
		address_parse_angle(p, &item);
	} else if (words && lexer->at < lexer->end && *lexer->at == ':' &&
		   !p->in_group) {
		/* [RFC5322 3.4]: a group holds mailboxes, no groups */
		lexer->at++;
		item.kind = ADDRESS_GROUP_START;
		item.mailbox = address_copy(p, &p->phrase);
		address_add(p, &item);
		p->in_group = true;
		cv_text_reset(&p->comment);
		return;
	} else if (words || (lexer->at < lexer->end && *lexer->at == '@')) {
		if (words)
			item.mailbox = address_copy(p, &p->local);
		address_parse_at_domain(p, &item);
	} else {
		lexer->at++;		/* a special that belongs nowhere */
		return;
	}
	address_finish(p, &item);
}

void address_parse(struct cv_pool *pool, struct cv_span value,
		   struct address_list *list)
{
	struct address_parser p = { .pool = pool, .list = list };
	struct cv_pool *scratch = pool_create("address");

	rfc822_lexer_init(&p.lexer, value);
	cv_text_init(&p.phrase, scratch);
	cv_text_init(&p.local, scratch);
	cv_text_init(&p.text, scratch);
	cv_text_init(&p.comment, scratch);
	p.lexer.comment = &p.comment;
	while (rfc822_skip_cfws(&p.lexer) && !list->cut) {
		if (*p.lexer.at == ';') {
			p.lexer.at++;
			address_end_group(&p);
		} else if (*p.lexer.at == ',') {
			p.lexer.at++;
		} else {
			address_parse_entry(&p);
			continue;
		}
		cv_text_reset(&p.comment);
	}
	address_end_group(&p);
	pool_destroy(&scratch);
}

/* --- writing ------------------------------------------------------------ */

static bool address_is_atoms(struct cv_span s, bool dots, bool blanks)
{
	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if ((c == '.' && dots) || (c == ' ' && blanks))
			continue;
		if (c <= ' ' || c == 0x7f || strchr("()<>@,;:\\\".[]", c))
			return false;
	}
	return true;
}

/* CR, LF and NUL never get through [security.md D8]. */
static void address_append_quoted(struct cv_text *dst, struct cv_span s)
{
	cv_text_append_c(dst, '"');
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];

		if (c == '\r' || c == '\n' || c == '\0')
			continue;
		if (c == '"' || c == '\\')
			cv_text_append_c(dst, '\\');
		cv_text_append_c(dst, c);
	}
	cv_text_append_c(dst, '"');
}

void address_append(struct cv_text *dst, const struct address *address)
{
	if (address->kind != ADDRESS_MAILBOX || address->mailbox.data == NULL)
		return;
	if (address_is_atoms(address->mailbox, true, false))
		cv_text_append_span(dst, address->mailbox);
	else
		address_append_quoted(dst, address->mailbox);
	if (address->domain.len == 0)
		return;
	cv_text_append_c(dst, '@');
	for (size_t i = 0; i < address->domain.len; i++) {
		if ((unsigned char)address->domain.data[i] > ' ')
			cv_text_append_c(dst, address->domain.data[i]);
	}
}

void address_list_append(struct cv_text *dst, const struct address_list *list)
{
	bool comma = false;

	for (uint32_t i = 0; i < list->count; i++) {
		const struct address *a = &list->items[i];

		if (a->kind == ADDRESS_GROUP_END) {
			cv_text_append_c(dst, ';');
			comma = true;
			continue;
		}
		if (comma)
			cv_text_append_str(dst, ", ");
		comma = a->kind == ADDRESS_MAILBOX;
		if (a->kind == ADDRESS_GROUP_START) {
			address_append_quoted(dst, a->mailbox);
			cv_text_append_str(dst, ": ");
			continue;
		}
		if (a->name.len == 0) {
			address_append(dst, a);
			continue;
		}
		if (address_is_atoms(a->name, false, true))
			cv_text_append_span(dst, a->name);
		else
			address_append_quoted(dst, a->name);
		cv_text_append_str(dst, " <");
		address_append(dst, a);
		cv_text_append_c(dst, '>');
	}
}

/* --- SMTP paths --------------------------------------------------------- */

/* [RFC5321 4.1.2] "@a,@b:" is accepted and dropped. */
static bool path_skip_route(struct rfc822_lexer *lexer, struct cv_text *text)
{
	while (lexer->at < lexer->end && *lexer->at == '@') {
		if (!rfc822_parse_domain(lexer, text))
			return false;
		if (rfc822_parse_char(lexer, ':'))
			return true;
		if (!rfc822_parse_char(lexer, ','))
			return false;
	}
	return true;
}

static bool path_has_control(struct cv_span value)
{
	for (size_t i = 0; i < value.len; i++) {
		if ((unsigned char)value.data[i] < ' ' ||
		    value.data[i] == 0x7f)
			return true;
	}
	return false;
}

bool address_parse_path(struct cv_pool *pool, struct cv_span value,
			bool null_ok, struct address *address_r)
{
	struct rfc822_lexer lexer;
	struct cv_text local, domain;

	*address_r = (struct address){ .kind = ADDRESS_MAILBOX };
	if (value.len >= 2 && value.data[0] == '<' &&
	    value.data[value.len - 1] == '>')
		value = cv_span(value.data + 1, value.len - 2);
	if (path_has_control(value))
		return false;
	address_r->mailbox = address_r->domain = cv_span("", 0);
	if (value.len == 0)
		return null_ok;
	cv_text_init(&local, pool);
	cv_text_init(&domain, pool);
	rfc822_lexer_init(&lexer, value);
	if (memchr(value.data, ' ', value.len) != NULL &&
	    value.data[0] != '"')
		return false;
	if (!path_skip_route(&lexer, &domain))
		return false;
	cv_text_reset(&domain);
	if (!rfc822_parse_quoted(&lexer, &local) &&
	    !rfc822_parse_dot_atom(&lexer, &local))
		return false;
	address_r->mailbox = cv_span(cv_text_str(&local), local.len);
	/* a bare local part names a user of this host [RFC5321 4.5.1] */
	if (lexer.at < lexer.end && !rfc822_parse_domain(&lexer, &domain))
		return false;
	address_r->domain = cv_span(cv_text_str(&domain), domain.len);
	return lexer.at == lexer.end && local.len > 0;
}
