/* mime-param.c - media types, dispositions and their parameters. */
#include "mime-param.h"
#include "charset.h"
#include "encoded-word.h"
#include "rfc822-lexer.h"

#include <stdlib.h>

/* A parameter as written, its name taken apart [RFC2231 3, 4]. */
struct raw_param {
	struct cv_span name;	/* without *0* */
	struct cv_span value;
	uint32_t index;		/* of a continuation */
	bool continued, extended;
	uint32_t order;		/* in the field */
};

/* "name", "name*", "name*3", "name*3*". */
static void param_split_name(struct raw_param *p)
{
	struct cv_span name = p->name, base, rest;
	uint64_t index;

	rest = name;
	if (!cv_span_split(&rest, '*', &base) || rest.data == NULL ||
	    base.len == 0)
		return;
	if (rest.len == 0) {
		p->name = base;
		p->extended = true;
		return;
	}
	p->extended = rest.data[rest.len - 1] == '*';
	if (p->extended)
		rest.len--;
	/* [RFC2231 3]: no leading zeros, so "*00" is an ordinary name */
	if (!cv_span_to_u64(rest, 9999, &index) ||
	    (rest.len > 1 && rest.data[0] == '0')) {
		p->extended = false;
		return;
	}
	p->name = base;
	p->index = (uint32_t)index;
	p->continued = true;
}

/* A value that is no quoted string: up to ";" or a blank that is followed by
 * one, since many programs write name=my file.pdf. */
static void param_loose_value(struct rfc822_lexer *lexer, struct cv_text *dst)
{
	while (lexer->at < lexer->end && *lexer->at != ';') {
		if (*lexer->at != '\r' && *lexer->at != '\n')
			cv_text_append_c(dst, *lexer->at);
		lexer->at++;
	}
	while (dst->len > 0 && (dst->data[dst->len - 1] == ' ' ||
				dst->data[dst->len - 1] == '\t'))
		dst->data[--dst->len] = '\0';
}

/* Behind ";".  False when there is no parameter there. */
static bool param_parse(struct cv_pool *pool, struct rfc822_lexer *lexer,
			struct raw_param *p)
{
	struct cv_text name, value;

	cv_text_init(&name, pool);
	cv_text_init(&value, pool);
	if (!rfc822_parse_token(lexer, &name) ||
	    !rfc822_parse_char(lexer, '='))
		return false;
	*p = (struct raw_param){ .name = cv_text_span(&name) };
	if (lexer->at < lexer->end && *lexer->at == '"') {
		(void)rfc822_parse_quoted(lexer, &value);
	} else if (rfc822_parse_token(lexer, &value) &&
		   (lexer->at == lexer->end || *lexer->at == ';')) {
		/* as it should be */
	} else {
		if (value.len > 0 && (lexer->at[-1] == ' ' ||
				      lexer->at[-1] == '\t'))
			cv_text_append_c(&value, ' ');
		param_loose_value(lexer, &value);
	}
	p->value = cv_span(cv_text_str(&value), value.len);
	param_split_name(p);
	return true;
}

/* --- continuations ------------------------------------------------------ */

static int span_compare_icase(struct cv_span a, struct cv_span b)
{
	for (size_t i = 0; i < a.len && i < b.len; i++) {
		int x = (unsigned char)cv_ascii_lower(a.data[i]);
		int y = (unsigned char)cv_ascii_lower(b.data[i]);

		if (x != y)
			return x - y;
	}
	return a.len < b.len ? -1 : a.len > b.len;
}

static int raw_param_compare(const void *pa, const void *pb)
{
	const struct raw_param *a = pa, *b = pb;
	int ret = span_compare_icase(a->name, b->name);

	if (ret == 0)
		ret = (a->index > b->index) - (a->index < b->index);
	if (ret == 0)
		ret = (a->order > b->order) - (a->order < b->order);
	return ret;
}

/* A plain segment among extended ones, escaped so that the whole is one
 * extended value. */
static void param_append_escaped(struct cv_text *dst, struct cv_span value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];

		if (c <= ' ' || c >= 0x7f || strchr("*'%()<>@,;:\\\"/[]?=", c))
			cv_text_append_f(dst, "%%%02X", c);
		else
			cv_text_append_c(dst, (char)c);
	}
}

/* Joins sorted segments from the front; returns how many belong to the
 * first name.  [RFC2231 3]: numbers run from 0 without a gap, what follows
 * a gap is dropped. */
static size_t param_join(struct cv_pool *pool, const struct raw_param *raw,
			 size_t count, struct mime_param *param_r)
{
	struct cv_text text;
	bool extended = false;
	size_t all = 0, use = 0;

	while (all < count && cv_span_equal_icase(raw[all].name,
						  raw[0].name)) {
		if (raw[all].index == use) {
			extended |= raw[all].extended;
			use++;
		}
		all++;
	}
	cv_text_init(&text, pool);
	for (size_t i = 0, next = 0; i < all && next < use; i++) {
		if (raw[i].index != next)
			continue;
		next++;
		if (extended && !raw[i].extended)
			param_append_escaped(&text, raw[i].value);
		else
			cv_text_append_span(&text, raw[i].value);
	}
	param_r->value = cv_span(cv_text_str(&text), text.len);
	param_r->name = !extended ? raw[0].name :
		cv_span_of(pool_printf(pool, "%.*s*",
				       CV_SPAN_ARG(raw[0].name)));
	return use == 0 ? 0 : all;
}

/* Plain ones in their order, then the joined ones. */
static void params_collect(struct cv_pool *pool, struct raw_param *raw,
			   size_t count, struct mime_type *type)
{
	struct raw_param joined[MIME_PARAMS_MAX];
	size_t joined_count = 0, used;

	type->params = pool_new_array(pool, struct mime_param, count);
	for (size_t i = 0; i < count; i++) {
		struct mime_param *param = &type->params[type->param_count];

		if (raw[i].continued) {
			joined[joined_count++] = raw[i];
			continue;
		}
		type->param_count++;
		param->value = raw[i].value;
		param->name = !raw[i].extended ? raw[i].name :
			cv_span(raw[i].name.data, raw[i].name.len + 1);
	}
	qsort(joined, joined_count, sizeof(joined[0]), raw_param_compare);
	for (size_t i = 0; i < joined_count; ) {
		used = param_join(pool, joined + i, joined_count - i,
				  &type->params[type->param_count]);
		if (used > 0)
			type->param_count++;
		else while (i + ++used < joined_count &&
			    cv_span_equal_icase(joined[i].name,
						joined[i + used].name))
			;	/* number 0 is missing: none of them counts */
		i += used;
	}
}

bool mime_type_parse(struct cv_pool *pool, struct cv_span value, bool subtype,
		     struct mime_type *type_r)
{
	struct raw_param raw[MIME_PARAMS_MAX];
	struct rfc822_lexer lexer;
	struct cv_text type, sub;
	uint32_t count = 0, tries = 0;

	*type_r = (struct mime_type){ .type = CV_SPAN_NONE };
	cv_text_init(&type, pool);
	cv_text_init(&sub, pool);
	rfc822_lexer_init(&lexer, value);
	(void)rfc822_skip_cfws(&lexer);
	if (!rfc822_parse_token(&lexer, &type))
		return false;
	if (subtype && (!rfc822_parse_char(&lexer, '/') ||
			!rfc822_parse_token(&lexer, &sub)))
		return false;
	type_r->type = cv_text_span(&type);
	type_r->subtype = cv_text_span(&sub);
	while (lexer.at < lexer.end && count < MIME_PARAMS_MAX &&
	       tries < MIME_PARAMS_MAX * 2) {
		if (!rfc822_parse_char(&lexer, ';')) {
			lexer.at++;	/* to the next ";" */
			continue;
		}
		tries++;
		if (param_parse(pool, &lexer, &raw[count])) {
			raw[count].order = count;
			count++;
		}
	}
	if (count > 0)
		params_collect(pool, raw, count, type_r);
	return true;
}

/* --- looking up --------------------------------------------------------- */

const struct mime_param *mime_type_param(const struct mime_type *type,
					 const char *name)
{
	for (uint32_t i = 0; i < type->param_count; i++) {
		if (cv_span_is_icase(type->params[i].name, name))
			return &type->params[i];
	}
	return NULL;
}

static void param_unescape(struct cv_text *dst, struct cv_span src)
{
	struct cv_text byte;

	cv_text_init(&byte, dst->pool);
	for (size_t i = 0; i < src.len; i++) {
		cv_text_reset(&byte);
		if (src.data[i] == '%' && src.len - i > 2 &&
		    hex_decode(&byte, cv_span(src.data + i + 1, 2))) {
			cv_text_append_c(dst, byte.data[0]);
			i += 2;
		} else {
			cv_text_append_c(dst, src.data[i]);
		}
	}
}

/* charset'language'%41%42 [RFC2231 4] */
static struct cv_span param_decode(struct cv_pool *pool, struct cv_span value)
{
	struct cv_span charset = CV_SPAN_NONE, rest = value, language;
	struct cv_text bytes, text;

	cv_text_init(&bytes, pool);
	cv_text_init(&text, pool);
	(void)cv_span_split(&rest, '\'', &charset);
	if (rest.data == NULL || !cv_span_split(&rest, '\'', &language) ||
	    rest.data == NULL) {
		charset = CV_SPAN_NONE;
		rest = value;
	}
	param_unescape(&bytes, rest);
	(void)charset_to_utf8(&text, charset, cv_text_span(&bytes));
	return cv_span(cv_text_str(&text), text.len);
}

bool mime_type_param_utf8(struct cv_pool *pool, const struct mime_type *type,
			  const char *name, struct cv_span *value_r)
{
	const struct mime_param *param;
	struct cv_text text;

	param = mime_type_param(type, pool_printf(pool, "%s*", name));
	if (param != NULL) {
		*value_r = param_decode(pool, param->value);
		return true;
	}
	param = mime_type_param(type, name);
	if (param == NULL)
		return false;
	cv_text_init(&text, pool);
	header_decode(&text, param->value);
	*value_r = cv_span(cv_text_str(&text), text.len);
	return true;
}

bool mime_type_is(const struct mime_type *type, const char *name,
		  const char *subtype)
{
	return cv_span_is_icase(type->type, name) &&
		cv_span_is_icase(type->subtype, subtype);
}
