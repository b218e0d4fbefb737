/* message-id.c - ids out of Message-ID and References fields. */
#include "message-id.h"
#include "rfc822-lexer.h"

/* Behind "<".  The id is in dst when true. */
static bool message_id_parse(struct rfc822_lexer *lexer, struct cv_text *dst)
{
	struct cv_text domain;

	(void)rfc822_skip_cfws(lexer);
	if (!rfc822_parse_quoted(lexer, dst) &&
	    !rfc822_parse_dot_atom(lexer, dst))
		return false;
	cv_text_init(&domain, dst->pool);
	/* [RFC5322 3.6.4] wants a domain; not all programs write one */
	if (rfc822_parse_domain(lexer, &domain)) {
		cv_text_append_c(dst, '@');
		cv_text_append_span(dst, cv_text_span(&domain));
	}
	return lexer->at < lexer->end && *lexer->at == '>' &&
		dst->len <= MESSAGE_ID_MAX;
}

bool message_id_next(struct cv_pool *pool, struct cv_span *rest,
		     struct cv_span *id_r)
{
	struct cv_pool *scratch = pool_create("message id");
	struct rfc822_lexer lexer;
	struct cv_text id;
	const char *start;
	bool found = false;

	cv_text_init(&id, scratch);
	rfc822_lexer_init(&lexer, *rest);
	while (!found && lexer.at < lexer.end) {
		start = memchr(lexer.at, '<',
			       (size_t)(lexer.end - lexer.at));
		if (start == NULL) {
			lexer.at = lexer.end;
			break;
		}
		/* what was read once is not read again: linear */
		lexer.at = start + 1;
		cv_text_reset(&id);
		found = message_id_parse(&lexer, &id);
	}
	if (found) {
		lexer.at++;
		*id_r = pool_span(pool, cv_text_span(&id));
	}
	*rest = cv_span(lexer.at, (size_t)(lexer.end - lexer.at));
	pool_destroy(&scratch);
	return found;
}

/* What most programs write: "<" and bytes that mean themselves ">".  Such an
 * id stands for itself, whatever characters it has. */
static bool message_id_plain(const char *at, const char *end,
			     struct cv_span *id_r)
{
	const char *from = at;

	while (at < end && (unsigned char)*at > ' ' && *at != 0x7f &&
	       *at != '"' && *at != '(' && *at != ')' && *at != '\\' &&
	       *at != '<' && *at != '>')
		at++;
	if (at == end || *at != '>' || at == from ||
	    (size_t)(at - from) > MESSAGE_ID_MAX)
		return false;
	*id_r = cv_span(from, (size_t)(at - from));
	return true;
}

bool message_id_find(struct cv_pool *pool, struct cv_span *rest,
		     struct cv_span *id_r)
{
	const char *end = rest->data + rest->len;
	const char *start = rest->len == 0 ? NULL :
		memchr(rest->data, '<', rest->len);

	if (start != NULL && message_id_plain(start + 1, end, id_r)) {
		const char *after = id_r->data + id_r->len + 1;

		*rest = cv_span(after, (size_t)(end - after));
		return true;
	}
	return message_id_next(pool, rest, id_r);
}
