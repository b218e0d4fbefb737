/* sql-query.c - taking a query apart.
 *
 * Only the admin's text is parsed here, once, before there is any value.  A
 * mistake about its quoting makes a statement that the database refuses; it
 * cannot make a value part of the statement. */
#include "sql-query.h"
#include "../db-common/db-value.h"

enum { PARTS_MAX = 512 };

struct parser {
	struct cv_pool *pool;
	const char *at;
	uint32_t dialect;
	struct sql_part *parts;
	uint32_t count, params;
	struct cv_text text;		/* not yet a part */
	struct cv_text variables;
	bool has_password, has_old, in_value;
	/* what stood last, blanks and comments aside */
	bool after_literal, after_table_word, after_param_literal;
	struct cv_error *err;
};

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '_' || c == '$' ||
		(unsigned char)c >= 0x80;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* --- variables ----------------------------------------------------------------- */

static bool is_password(struct cv_span variable)
{
	return cv_span_is(variable, "%w") ||
		cv_span_is(variable, "%{password}");
}

/* It hides in modifiers or functions. */
static bool has_hidden_password(struct cv_span variable)
{
	size_t len = variable.len;

	if (len > 2 && variable.data[len - 1] == 'w')
		return true;
	for (size_t i = 0; i + 8 <= len; i++) {
		if (memcmp(variable.data + i, "password", 8) == 0)
			return true;
	}
	return len > 3 && memcmp(variable.data + len - 3, ":w}", 3) == 0;
}

/* --- parts ---------------------------------------------------------------------- */

static int fail(struct parser *p, const char *what)
{
	return CV_FAIL(p->err, CV_E_CONFIG, "%s", what);
}

static int add_part(struct parser *p, uint32_t kind, const char *text)
{
	if (p->count == PARTS_MAX)
		return fail(p, "the query is too long");
	p->parts[p->count++] = (struct sql_part){ kind, text };
	return CV_OK;
}

static int flush_text(struct parser *p)
{
	int ret = CV_OK;

	if (p->text.len > 0)
		ret = add_part(p, SQL_PART_TEXT, cv_span_copy(
				p->pool, cv_text_span(&p->text)));
	cv_text_reset(&p->text);
	return ret;
}

/* The next piece of the parameter that is being made. */
static int add_value(struct parser *p, uint32_t kind, struct cv_text *value)
{
	int ret = CV_OK;

	if (!p->in_value) {
		p->in_value = true;
		p->params++;
		ret = add_part(p, SQL_PART_VALUE, cv_text_str(value));
	} else if (value->len > 0) {
		ret = add_part(p, SQL_PART_VALUE_MORE, cv_text_str(value));
	}
	if (ret == CV_OK && (kind == SQL_PART_PASSWORD || kind == SQL_PART_OLD))
		ret = add_part(p, kind, "");
	cv_text_init(value, p->pool);	/* the text belongs to the part */
	return ret;
}

/* Takes the variable at p->at into value, as a template. */
static int take_variable(struct parser *p, struct cv_text *value)
{
	struct cv_span v = cv_span(p->at, db_variable_len(p->at));

	p->at += v.len;
	if (is_password(v)) {
		p->has_password = true;
		return add_value(p, SQL_PART_PASSWORD, value);
	}
	if (cv_span_is(v, "%{old_password}")) {
		p->has_old = true;
		return add_value(p, SQL_PART_OLD, value);
	}
	if (has_hidden_password(v))
		return fail(p, "the password is %w, without modifiers or "
			    "functions");
	cv_text_append_span(value, v);
	cv_text_append_span(&p->variables, v);
	cv_text_append_c(&p->variables, '\t');
	return CV_OK;
}

static int end_value(struct parser *p, struct cv_text *value)
{
	int ret = CV_OK;

	if (value->len > 0 || !p->in_value)
		ret = add_value(p, SQL_PART_VALUE, value);
	p->in_value = false;
	return ret;
}

/* --- texts and names in quotes --------------------------------------------------- */

/* Is s[0..len) without variables? */
static bool is_plain(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] != '%')
			continue;
		if (db_variable_len(s + i) > 0)
			return false;
		i++;			/* "%%" */
	}
	return true;
}

static void append_plain(struct parser *p, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		cv_text_append_c(&p->text, s[i]);
		if (s[i] == '%' && i + 1 < len && s[i + 1] == '%')
			i++;
	}
}

/* The length of what is in quotes at s, with them; 0: no end.  Variables may
 * hold quotes of their own. */
static size_t quoted_len(const char *s, char end, bool backslash)
{
	size_t i = 1, v;

	while (s[i] != '\0') {
		v = db_variable_len(s + i);
		if (v > 0)
			i += v;
		else if (backslash && s[i] == '\\' && s[i + 1] != '\0' &&
			 s[i + 1] != '%')
			i += 2;
		else if (s[i] != end)
			i++;
		else if (s[i + 1] == end)
			i += 2;
		else
			return i + 1;
	}
	return 0;
}

/* One byte behind a backslash, as the databases read it. */
static int take_escape(struct parser *p, struct cv_text *value)
{
	static const char from[] = "nrtb", to[] = "\n\r\t\b";
	char c = p->at[1];
	const char *found = strchr(from, c);

	/* of LIKE: the pair is what the pattern needs */
	if (c == '%' || c == '_') {
		cv_text_append_c(value, '\\');
		p->at++;
		return CV_OK;
	}
	if (c == '\0' || c == '0' || c == 'x' || c == 'u' || c == 'U' ||
	    c == 'Z' || (c >= '1' && c <= '7'))
		return fail(p, "a text with variables has an escape by "
			    "number; write the character itself");
	cv_text_append_c(value, found == NULL ? c : to[found - from]);
	p->at += 2;
	return CV_OK;
}

/* What is in quotes up to end becomes one parameter. */
static int take_text(struct parser *p, const char *end, bool backslash)
{
	char quote = *p->at++;
	struct cv_text value;
	int ret = CV_OK;

	cv_text_init(&value, p->pool);
	while (ret == CV_OK && p->at < end - 1) {
		if (db_variable_len(p->at) > 0) {
			ret = take_variable(p, &value);
		} else if (backslash && *p->at == '\\') {
			ret = take_escape(p, &value);
		} else {
			cv_text_append_c(&value, *p->at);
			/* '' is ', and %% remains for the template */
			p->at += *p->at == quote ? 2 : 1;
			if (value.data[value.len - 1] == '%' &&
			    p->at[0] == '%') {
				cv_text_append_c(&value, '%');
				p->at++;
			}
		}
	}
	p->at = end;
	return ret == CV_OK ? end_value(p, &value) : ret;
}

static int add_text_param(struct parser *p, const char *end, bool backslash)
{
	int ret;

	if (p->after_literal)
		return fail(p, "two texts stand side by side; join them into "
			    "one");
	ret = flush_text(p);
	if (ret == CV_OK)
		ret = take_text(p, end, backslash);
	p->after_literal = p->after_param_literal = true;
	return ret;
}

/* 'text'; prefix is the word right before it, still to be told. */
static int quoted_text(struct parser *p, struct cv_span prefix)
{
	bool e = prefix.len == 1 && cv_ascii_lower(prefix.data[0]) == 'e' &&
		(p->dialect & CV_SQL_E_TEXT) != 0;
	bool national = prefix.len == 1 &&
		cv_ascii_lower(prefix.data[0]) == 'n';
	bool backslash = e || (p->dialect & CV_SQL_BACKSLASH) != 0;
	size_t len = quoted_len(p->at, *p->at, backslash);

	if (len == 0)
		return fail(p, "a quote is not closed");
	if (is_plain(p->at, len)) {
		if (p->after_param_literal)
			return fail(p, "two texts stand side by side; join "
				    "them into one");
		cv_text_append_span(&p->text, prefix);
		append_plain(p, p->at, len);
		p->at += len;
		p->after_literal = true;
		return CV_OK;
	}
	if (prefix.len > 0 && !e && !national && prefix.data[0] != '_')
		return fail(p, "a text with variables has a prefix that no "
			    "parameter can have");
	return add_text_param(p, p->at + len, backslash);
}

/* "name", `name`, [name] with variables in it. */
static int quoted_name(struct parser *p, char close)
{
	size_t len = quoted_len(p->at, close, false);
	const char *end = p->at + len;
	struct cv_text value;
	int ret = CV_OK;

	if (len == 0)
		return fail(p, "a quote is not closed");
	p->after_literal = p->after_param_literal = false;
	while (ret == CV_OK && p->at < end) {
		if (db_variable_len(p->at) == 0) {
			cv_text_append_c(&p->text, *p->at);
			p->at += p->at[0] == '%' && p->at[1] == '%' ? 2 : 1;
			continue;
		}
		cv_text_init(&value, p->pool);
		ret = flush_text(p);
		if (ret == CV_OK)
			ret = take_variable(p, &value);
		if (ret == CV_OK && p->in_value)
			ret = fail(p, "%w in a name");
		if (ret == CV_OK)
			ret = add_part(p, SQL_PART_QUOTED_NAME,
				       cv_text_str(&value));
	}
	return ret;
}

static bool stands_for_name(const struct parser *p, size_t len)
{
	return p->after_table_word || p->at[len] == '.' ||
		(p->text.len > 0 && p->text.data[p->text.len - 1] == '.');
}

static int double_quoted(struct parser *p, struct cv_span prefix)
{
	size_t len = quoted_len(p->at, '"', false);
	bool text = (p->dialect & CV_SQL_DOUBLE_TEXT) != 0 ||
		((p->dialect & CV_SQL_DOUBLE_EITHER) != 0 && len > 0 &&
		 !is_plain(p->at, len) && !stands_for_name(p, len));

	if (text)
		return quoted_text(p, prefix);
	cv_text_append_span(&p->text, prefix);
	return quoted_name(p, '"');
}

/* $tag$...$tag$; false in *is_r: it is none. */
static int dollar_text(struct parser *p, bool *is_r)
{
	size_t tag = 1;
	const char *end;
	struct cv_text value, copy;
	int ret = CV_OK;

	while (is_name_byte(p->at[tag]) && p->at[tag] != '$')
		tag++;
	*is_r = p->at[tag] == '$';
	if (!*is_r)
		return CV_OK;
	tag++;
	cv_text_init(&copy, p->pool);
	cv_text_append(&copy, p->at, tag);
	end = strstr(p->at + tag, cv_text_str(&copy));
	if (end == NULL)
		return fail(p, "a $$ is not closed");
	if (is_plain(p->at, (size_t)(end - p->at))) {
		append_plain(p, p->at, (size_t)(end - p->at) + tag);
		p->at = end + tag;
		p->after_literal = true;
		return CV_OK;
	}
	cv_text_init(&value, p->pool);
	p->at += tag;
	ret = flush_text(p);
	while (ret == CV_OK && p->at < end) {
		if (db_variable_len(p->at) > 0)
			ret = take_variable(p, &value);
		else
			cv_text_append_c(&value, *p->at++);
	}
	p->at = end + tag;
	return ret == CV_OK ? end_value(p, &value) : ret;
}

/* --- words ------------------------------------------------------------------------ */

static bool is_table_word(struct cv_span word)
{
	static const char *const words[] = {
		"from", "join", "into", "update", "table",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (cv_span_is_icase(word, words[i]))
			return true;
	}
	return false;
}

/* The length of a word, variables being parts of it; *variables_r of them. */
static size_t word_len(const char *s, uint32_t *variables_r)
{
	size_t len = 0, v;

	*variables_r = 0;
	for (;;) {
		v = db_variable_len(s + len);
		if (v > 0)
			(*variables_r)++;
		else if (is_name_byte(s[len]) || s[len] == '.')
			v = 1;
		else
			return len;
		len += v;
	}
}

/* A word with variables that no parameter can stand for. */
static int take_name(struct parser *p, const char *end)
{
	struct cv_text value;
	int ret = CV_OK;

	while (ret == CV_OK && p->at < end) {
		if (db_variable_len(p->at) == 0) {
			cv_text_append_c(&p->text, *p->at++);
			continue;
		}
		cv_text_init(&value, p->pool);
		ret = flush_text(p);
		if (ret == CV_OK)
			ret = take_variable(p, &value);
		if (ret == CV_OK && p->in_value)
			ret = fail(p, "%w in a name");
		if (ret == CV_OK)
			ret = add_part(p, SQL_PART_NAME, cv_text_str(&value));
	}
	return ret;
}

static int word_with_variables(struct parser *p, size_t len,
			       uint32_t variables)
{
	bool alone = variables == 1 && db_variable_len(p->at) == len &&
		!stands_for_name(p, len);
	struct cv_text value;
	int ret;

	p->after_literal = p->after_param_literal = false;
	if (!alone)
		return take_name(p, p->at + len);
	cv_text_init(&value, p->pool);
	ret = flush_text(p);
	if (ret == CV_OK)
		ret = take_variable(p, &value);
	return ret == CV_OK ? end_value(p, &value) : ret;
}

static int take_word(struct parser *p)
{
	uint32_t variables;
	size_t len = word_len(p->at, &variables);
	struct cv_span word = cv_span(p->at, len);
	int ret;

	if (variables > 0) {
		ret = word_with_variables(p, len, variables);
		p->after_table_word = false;
		return ret;
	}
	p->at += len;
	if (*p->at == '\'') {
		ret = quoted_text(p, word);
	} else if (*p->at == '"') {
		ret = double_quoted(p, word);
	} else {
		cv_text_append_span(&p->text, word);
		p->after_literal = p->after_param_literal = false;
		p->after_table_word = is_table_word(word);
		return CV_OK;
	}
	p->after_table_word = false;
	return ret;
}

/* --- the rest ----------------------------------------------------------------------- */

/* The length of the comment at s; 0: there is none. */
static size_t comment_len(const struct parser *p)
{
	const char *s = p->at, *end;

	if ((s[0] == '-' && s[1] == '-' &&
	     ((p->dialect & CV_SQL_HASH_COMMENT) == 0 || is_space(s[2]))) ||
	    (s[0] == '#' && (p->dialect & CV_SQL_HASH_COMMENT) != 0))
		return strcspn(s, "\n");
	if (s[0] != '/' || s[1] != '*')
		return 0;
	end = strstr(s + 2, "*/");
	return end == NULL ? strlen(s) : (size_t)(end - s) + 2;
}

/* Hints to the database stay; a comment with variables is a blank. */
static int take_comment(struct parser *p, size_t len)
{
	if (is_plain(p->at, len))
		append_plain(p, p->at, len);
	else if (p->at[2] == '!' || p->at[2] == '+')
		return fail(p, "a variable stands in a comment that the "
			    "database carries out");
	else
		cv_text_append_c(&p->text, ' ');
	p->at += len;
	return CV_OK;
}

static int take_other(struct parser *p)
{
	if (is_space(*p->at)) {
		cv_text_append_c(&p->text, *p->at++);
		return CV_OK;
	}
	p->after_literal = p->after_param_literal = false;
	p->after_table_word = false;
	append_plain(p, p->at, p->at[0] == '%' && p->at[1] == '%' ? 2 : 1);
	p->at += p->at[0] == '%' && p->at[1] == '%' ? 2 : 1;
	return CV_OK;
}

static int take_next(struct parser *p)
{
	size_t comment = comment_len(p);
	bool is = false;
	int ret = CV_OK;

	if (comment > 0)
		return take_comment(p, comment);
	if (*p->at == '$' && (p->dialect & CV_SQL_DOLLAR_TEXT) != 0)
		ret = dollar_text(p, &is);
	if (is || ret != CV_OK)
		return ret;
	if (is_name_byte(*p->at) || db_variable_len(p->at) > 0)
		return take_word(p);
	if (*p->at == '\'')
		ret = quoted_text(p, CV_SPAN_NONE);
	else if (*p->at == '"')
		ret = double_quoted(p, CV_SPAN_NONE);
	else if (*p->at == '`' && (p->dialect & CV_SQL_BACKTICK_NAME) != 0)
		ret = quoted_name(p, '`');
	else if (*p->at == '[' && (p->dialect & CV_SQL_BRACKET_NAME) != 0)
		ret = quoted_name(p, ']');
	else
		return take_other(p);
	p->after_table_word = false;
	return ret;
}

int sql_query_parse(struct cv_pool *pool, const char *text, uint32_t dialect,
		    const struct sql_query **query_r, struct cv_error *err)
{
	struct parser p = {
		.pool = pool, .at = text, .dialect = dialect, .err = err,
	};
	struct sql_query *query = CV_ALLOC(pool, struct sql_query);
	int ret = CV_OK;

	p.parts = CV_ALLOC_ARRAY(pool, struct sql_part, PARTS_MAX);
	cv_text_init(&p.text, pool);
	cv_text_init(&p.variables, pool);
	while (ret == CV_OK && *p.at != '\0')
		ret = take_next(&p);
	if (ret == CV_OK)
		ret = flush_text(&p);
	query->parts = p.parts;
	query->part_count = p.count;
	query->param_count = p.params;
	query->variables = cv_text_str(&p.variables);
	query->has_password = p.has_password;
	query->has_old = p.has_old;
	*query_r = query;
	return ret;
}

/* --- one request ---------------------------------------------------------------------- */

struct binder {
	const struct sql_query *query;
	struct cv_pool *pool;
	struct cv_text text, value;
	struct cv_span *pieces, *params;
	uint32_t count;			/* parameters that have begun */
	struct cv_error *err;
};

static int bind_name(struct binder *b, const struct cv_text *value,
		     const char *also)
{
	for (size_t i = 0; i < value->len; i++) {
		char c = value->data[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '_' ||
		    (c != '\0' && strchr(also, c) != NULL))
			continue;
		return CV_FAIL(b->err, CV_E_DENIED, "a variable stands for a "
			       "part of a name in the query, where values may "
			       "have letters, digits and '_' only");
	}
	cv_text_append_span(&b->text, cv_text_span(value));
	return CV_OK;
}

static int end_param(struct binder *b)
{
	struct cv_span value = cv_text_span(&b->value);

	if (b->count == 0)
		return CV_OK;
	if (value.data == NULL)
		value = CV_SPAN("");
	b->params[b->count - 1] = value;
	cv_text_init(&b->value, b->pool);
	if (!db_value_is_utf8(value))
		return CV_FAIL(b->err, CV_E_SYNTAX, "a value for the query is "
			       "no UTF-8");
	return CV_OK;
}

static int begin_param(struct binder *b)
{
	int ret = end_param(b);

	b->pieces[b->count++] = cv_text_span(&b->text);
	cv_text_init(&b->text, b->pool);
	return ret;
}

static int bind_part(struct binder *b, const struct sql_part *part,
		     sql_expand_fn *expand, void *context,
		     const struct sql_passwords *passwords)
{
	struct cv_text value;
	int ret;

	cv_text_init(&value, b->pool);
	switch (part->kind) {
	case SQL_PART_TEXT:
		cv_text_append_str(&b->text, part->text);
		return CV_OK;
	case SQL_PART_PASSWORD:
		cv_text_append_span(&b->value, passwords->password);
		return CV_OK;
	case SQL_PART_OLD:
		cv_text_append_span(&b->value, passwords->old);
		return CV_OK;
	case SQL_PART_VALUE:
		ret = begin_param(b);
		return ret != CV_OK ? ret :
			expand(context, part->text, &b->value, b->err);
	case SQL_PART_VALUE_MORE:
		return expand(context, part->text, &b->value, b->err);
	}
	ret = expand(context, part->text, &value, b->err);
	return ret != CV_OK ? ret : bind_name(b, &value,
		part->kind == SQL_PART_QUOTED_NAME ? ".-@ +" : "");
}

int sql_query_bind(const struct sql_query *query, struct cv_pool *pool,
		   sql_expand_fn *expand, void *context,
		   const struct sql_passwords *passwords,
		   struct cv_sql_query *bound_r,
		   struct cv_error *err)
{
	struct binder b = { .query = query, .pool = pool, .err = err };
	int ret = CV_OK;

	cv_text_init(&b.text, pool);
	cv_text_init(&b.value, pool);
	b.pieces = CV_ALLOC_ARRAY(pool, struct cv_span,
				  query->param_count + 1);
	b.params = CV_ALLOC_ARRAY(pool, struct cv_span,
				  query->param_count + 1);
	for (uint32_t i = 0; ret == CV_OK && i < query->part_count; i++)
		ret = bind_part(&b, &query->parts[i], expand, context,
				passwords);
	if (ret == CV_OK)
		ret = end_param(&b);
	b.pieces[b.count] = cv_text_span(&b.text);
	*bound_r = (struct cv_sql_query){
		CV_SIZED(cv_sql_query), .param_count = b.count,
		.text = b.pieces, .params = b.params,
	};
	return ret;
}
