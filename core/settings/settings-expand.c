/* settings-expand.c - %variables in values.
 *
 *	%[[-]offset.][0][-]width][modifiers]x	or  {name} in place of x
 *
 * What a variable holds is hostile (a user chose it): it is copied, never
 * parsed.  Only the arguments of %{if;...} may hold variables of their own,
 * to a small fixed depth. */
#include "settings-format.h"

#include <stdlib.h>
#include <unistd.h>

enum { EXPAND_DEPTH_MAX = 4, EXPAND_WIDTH_MAX = 100000000 };

struct expander {
	struct cv_text *out;
	const struct settings_vars *vars;
	uint32_t flags, depth;
	struct cv_error *err;
};

static const struct { char letter; const char *name; } long_names[] = {
	{ 'u', "user" }, { 'n', "username" }, { 'd', "domain" },
	{ 'h', "home" }, { 's', "service" }, { 'r', "rip" }, { 'l', "lip" },
	{ 'p', "pid" }, { 'm', "mech" }, { 'c', "secured" },
	{ 'a', "lport" }, { 'b', "rport" }, { 'i', "uid" }, { 'k', "cert" },
	{ 'w', "password" },
};

static bool is_name(struct cv_span name, char letter, const char *long_name)
{
	return cv_span_is(name, long_name) ||
		(name.len == 1 && name.data[0] == letter);
}

static bool builtin_value(struct cv_span name, struct cv_pool *pool,
			  struct cv_span *value_r)
{
	if (cv_span_begins(name, CV_SPAN("env:"))) {
		const char *value = getenv(pool_copy(pool, name.data + 4,
						     name.len - 4));

		*value_r = value == NULL ? CV_SPAN("") : cv_span_of(value);
		return true;
	}
	if (cv_span_is(name, "hostname")) {
		char host[256] = "";

		(void)gethostname(host, sizeof(host) - 1);
		*value_r = cv_span_of(pool_strdup(pool, host));
		return true;
	}
	if (cv_span_is(name, "pid")) {
		*value_r = cv_span_of(pool_printf(pool, "%ld",
						  (long)getpid()));
		return true;
	}
	return false;
}

static bool value_find(const struct expander *ex, struct cv_span name,
		       struct cv_span *value_r)
{
	const struct settings_vars *vars = ex->vars;
	size_t i;

	if (vars != NULL && vars->lookup(vars->context, name, value_r))
		return true;
	for (i = 0; name.len == 1 &&
	     i < sizeof(long_names) / sizeof(long_names[0]); i++) {
		if (long_names[i].letter == name.data[0]) {
			name = cv_span_of(long_names[i].name);
			if (vars != NULL &&
			    vars->lookup(vars->context, name, value_r))
				return true;
			break;
		}
	}
	return builtin_value(name, ex->out->pool, value_r);
}

/* A user named "../other" gets no path, rather than another one's. */
static int path_check(const struct expander *ex, struct cv_span name,
		      struct cv_span value)
{
	bool is_home = is_name(name, 'h', "home");
	size_t at;

	if ((ex->flags & SETTINGS_EXPAND_PATH) == 0)
		return CV_OK;
	if (value.len > 0 && memchr(value.data, '\0', value.len) != NULL)
		return FAIL(ex->err, CV_E_DENIED, "the value of %%{%.*s} has a "
			    "NUL byte", CV_SPAN_ARG(name));
	if (is_home) {
		if (value.len > 0 && value.data[0] == '/' &&
		    !span_find(value, CV_SPAN("/../"), &at) &&
		    !(value.len > 2 && memcmp(value.data + value.len - 3,
					      "/..", 3) == 0))
			return CV_OK;
		return FAIL(ex->err, CV_E_DENIED, "the home directory '%.*s' "
			    "is not an absolute path without '..'",
			    CV_SPAN_ARG(value));
	}
	if (value.len == 0 && is_name(name, 'd', "domain"))
		return CV_OK;
	if (value.len == 0 || value.data[0] == '.' ||
	    memchr(value.data, '/', value.len) != NULL)
		return FAIL(ex->err, CV_E_DENIED, "the value '%.*s' of "
			    "%%{%.*s} is not allowed in a path",
			    CV_SPAN_ARG(value), CV_SPAN_ARG(name));
	return CV_OK;
}

/* --- parsing -------------------------------------------------------------- */

static bool take_number(struct cv_span *rest, int64_t *value_r)
{
	int64_t value = 0, sign = 1;
	bool any = false;

	if (rest->len > 0 && rest->data[0] == '-') {
		sign = -1;
		*rest = cv_span_skip(*rest, 1);
	}
	while (rest->len > 0 && rest->data[0] >= '0' && rest->data[0] <= '9') {
		value = value * 10 + (rest->data[0] - '0');
		if (value > EXPAND_WIDTH_MAX)
			value = EXPAND_WIDTH_MAX;
		*rest = cv_span_skip(*rest, 1);
		any = true;
	}
	*value_r = sign * value;
	return any;
}

static void take_format(struct cv_span *rest, struct var_format *format)
{
	size_t len = 0;

	*format = (struct var_format){ .offset = 0 };
	format->zero = rest->len > 0 && rest->data[0] == '0';
	if (take_number(rest, &format->width) && rest->len > 0 &&
	    rest->data[0] == '.') {
		*rest = cv_span_skip(*rest, 1);
		format->offset = format->width;
		format->zero = rest->len > 0 && rest->data[0] == '0';
		(void)take_number(rest, &format->width);
	} else if (rest->len > 0 && rest->data[0] == '.') {
		*rest = cv_span_skip(*rest, 1);
		(void)take_number(rest, &format->width);
	} else if (format->width < 0) {
		/* only offsets have a sign */
		format->width = -format->width;
	}
	while (len < rest->len && rest->data[len] != '\0' &&
	       strchr("LUEXRNHMDT", rest->data[len]) != NULL)
		len++;
	format->modifiers = cv_span(rest->data, len);
	*rest = cv_span_skip(*rest, len);
}

/* The text up to the '}' that belongs to the '{' before it. */
static bool take_braces(struct cv_span *rest, struct cv_span *inside_r)
{
	size_t open = 1;

	for (size_t i = 0; i < rest->len; i++) {
		if (rest->data[i] == '{')
			open++;
		else if (rest->data[i] == '}' && --open == 0) {
			*inside_r = cv_span(rest->data, i);
			*rest = cv_span_skip(*rest, i + 1);
			return true;
		}
	}
	return false;
}

/* --- %{sha256:user} ------------------------------------------------------- */

/* name is "sha256;rounds=2:user". */
static int value_hashed(const struct expander *ex, struct cv_span name,
			struct cv_span *value_r)
{
	struct cv_span rest = name, head, algorithm;
	struct var_hash options;
	int ret;

	(void)cv_span_split(&rest, ':', &head);
	(void)cv_span_split(&head, ';', &algorithm);
	ret = var_hash_parse(&options, head, ex->err);
	if (ret < 0)
		return ret;
	if (!value_find(ex, rest, value_r))
		return FAIL(ex->err, CV_E_CONFIG, "there is no variable "
			    "%%{%.*s} here", CV_SPAN_ARG(rest));
	*value_r = var_hash_value(&options, ex->out->pool, algorithm,
				  *value_r);
	return CV_OK;
}

static bool is_hash(struct cv_span name)
{
	struct cv_span rest = name, head, algorithm;

	(void)cv_span_split(&rest, ':', &head);
	if (rest.data == NULL)
		return false;
	(void)cv_span_split(&head, ';', &algorithm);
	return var_hash_known(algorithm);
}

/* --- %{if;left;operator;right;then;else} ---------------------------------- */

/* Splits at the next ';' that is not inside braces or behind '\'. */
static struct cv_span if_part(struct cv_span *rest)
{
	struct cv_span part = *rest;
	size_t open = 0;

	for (size_t i = 0; i < rest->len; i++) {
		char c = rest->data[i];

		if (c == '\\' && i + 1 < rest->len) {
			i++;
		} else if (c == '{') {
			open++;
		} else if (c == '}' && open > 0) {
			open--;
		} else if (c == ';' && open == 0) {
			part.len = i;
			*rest = cv_span_skip(*rest, i + 1);
			return part;
		}
	}
	*rest = CV_SPAN_NONE;
	return part;
}

/* "*" and "?" as in a file name; linear but for one restart point. */
static bool wildcard_match(struct cv_span pattern, struct cv_span s)
{
	size_t p = 0, i = 0, star = SIZE_MAX, mark = 0;

	while (i < s.len) {
		if (p < pattern.len && pattern.data[p] == '*') {
			star = p++;
			mark = i;
		} else if (p < pattern.len && (pattern.data[p] == '?' ||
					       pattern.data[p] == s.data[i])) {
			p++;
			i++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			i = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.data[p] == '*')
		p++;
	return p == pattern.len;
}

static int compare_text(struct cv_span a, struct cv_span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int ret = len == 0 ? 0 : memcmp(a.data, b.data, len);

	return ret != 0 ? ret : (a.len > b.len) - (a.len < b.len);
}

static int if_holds(const struct expander *ex, struct cv_span a,
		    struct cv_span op, struct cv_span b, bool *holds_r)
{
	uint64_t left, right;
	int order;

	if (cv_span_is(op, "*") || cv_span_is(op, "!*")) {
		*holds_r = wildcard_match(b, a) == (op.len == 1);
		return CV_OK;
	}
	order = compare_text(a, b);
	if (op.len > 0 && strchr("=<>!", op.data[0]) != NULL) {
		if (!cv_span_to_u64(a, UINT64_MAX, &left) ||
		    !cv_span_to_u64(b, UINT64_MAX, &right))
			return FAIL(ex->err, CV_E_CONFIG, "%%{if}: '%.*s' and "
				    "'%.*s' are not both numbers; compare "
				    "text with eq, ne, lt, le, gt, ge",
				    CV_SPAN_ARG(a), CV_SPAN_ARG(b));
		order = (left > right) - (left < right);
	}
	if (cv_span_is(op, "==") || cv_span_is(op, "eq"))
		*holds_r = order == 0;
	else if (cv_span_is(op, "!=") || cv_span_is(op, "ne"))
		*holds_r = order != 0;
	else if (cv_span_is(op, "<") || cv_span_is(op, "lt"))
		*holds_r = order < 0;
	else if (cv_span_is(op, "<=") || cv_span_is(op, "le"))
		*holds_r = order <= 0;
	else if (cv_span_is(op, ">") || cv_span_is(op, "gt"))
		*holds_r = order > 0;
	else if (cv_span_is(op, ">=") || cv_span_is(op, "ge"))
		*holds_r = order >= 0;
	else
		return FAIL(ex->err, CV_E_CONFIG, "%%{if}: '%.*s' is no "
			    "operator here", CV_SPAN_ARG(op));
	return CV_OK;
}

/* Takes the backslash from \; \: \\ in what stood in an if. */
static struct cv_span if_unescape(struct cv_pool *pool, struct cv_span s)
{
	struct cv_text out;

	cv_text_init(&out, pool);
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '\\' && i + 1 < s.len)
			i++;
		cv_text_append_c(&out, s.data[i]);
	}
	return cv_span(cv_text_str(&out), out.len);
}

static int expand_span(struct expander *ex, struct cv_span rest);

/* Expands one part of an if into a text of its own. */
static int if_expand(const struct expander *ex, struct cv_span part,
		     struct cv_span *value_r)
{
	struct cv_text out;
	struct expander inner = *ex;
	int ret;

	cv_text_init(&out, ex->out->pool);
	inner.out = &out;
	inner.depth++;
	if (inner.depth > EXPAND_DEPTH_MAX)
		return FAIL(ex->err, CV_E_CONFIG, "%%{if} inside %%{if} goes "
			    "too deep");
	ret = expand_span(&inner, if_unescape(ex->out->pool, part));
	*value_r = cv_span(cv_text_str(&out), out.len);
	return ret;
}

static int value_if(const struct expander *ex, struct cv_span rest,
		    struct cv_span *value_r)
{
	struct cv_span parts[5], left, right;
	struct expander condition = *ex;
	bool holds;
	int ret;

	for (size_t i = 0; i < 5; i++) {
		if (rest.data == NULL)
			return FAIL(ex->err, CV_E_CONFIG, "%%{if} needs five "
				    "parts: %%{if;left;eq;right;then;else}");
		parts[i] = if_part(&rest);
	}
	condition.flags = 0;	/* what is compared gets into no path */
	if ((ret = if_expand(&condition, parts[0], &left)) < 0 ||
	    (ret = if_expand(&condition, parts[2], &right)) < 0 ||
	    (ret = if_holds(ex, left, parts[1], right, &holds)) < 0)
		return ret;
	return if_expand(ex, parts[holds ? 3 : 4], value_r);
}

/* --- one variable --------------------------------------------------------- */

static int value_get(const struct expander *ex, struct cv_span name,
		     struct cv_span *value_r)
{
	int ret;

	if (cv_span_begins(name, CV_SPAN("if;")))
		return value_if(ex, cv_span_skip(name, 3), value_r);
	if (is_hash(name))
		ret = value_hashed(ex, name, value_r);
	else if (value_find(ex, name, value_r))
		ret = CV_OK;
	else
		return FAIL(ex->err, CV_E_CONFIG, "there is no variable %s%.*s"
			    "%s here; a percent sign is written %%%%",
			    name.len == 1 ? "%" : "%{", CV_SPAN_ARG(name),
			    name.len == 1 ? "" : "}");
	if (ret < 0)
		return ret;
	return path_check(ex, name, *value_r);
}

static int variable_append(struct expander *ex, struct cv_span *rest)
{
	struct var_format format;
	struct cv_span name, value;
	size_t start = ex->out->len;
	int ret;

	take_format(rest, &format);
	if (rest->len == 0)
		return FAIL(ex->err, CV_E_CONFIG, "'%%' at the end; a percent "
			    "sign is written %%%%");
	if (rest->data[0] == '{') {
		*rest = cv_span_skip(*rest, 1);
		if (!take_braces(rest, &name))
			return FAIL(ex->err, CV_E_CONFIG, "'%%{' without '}'");
	} else {
		name = cv_span(rest->data, 1);
		*rest = cv_span_skip(*rest, 1);
	}
	ret = value_get(ex, name, &value);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < format.modifiers.len; i++)
		value = var_modify(ex->out->pool, value,
				   format.modifiers.data[i], &format);
	var_append(ex->out, value, &format);
	/* cutting must not make a dot the first letter either */
	if ((ex->flags & SETTINGS_EXPAND_PATH) != 0 &&
	    ex->out->len > start && ex->out->data[start] == '.')
		return FAIL(ex->err, CV_E_DENIED, "what %%{%.*s} becomes is "
			    "not allowed in a path", CV_SPAN_ARG(name));
	return CV_OK;
}

static int expand_span(struct expander *ex, struct cv_span rest)
{
	while (rest.len > 0) {
		const char *percent = memchr(rest.data, '%', rest.len);
		size_t len = percent == NULL ? rest.len :
			(size_t)(percent - rest.data);
		int ret;

		cv_text_append(ex->out, rest.data, len);
		rest = cv_span_skip(rest, len + 1);
		if (percent == NULL)
			return CV_OK;
		if (rest.len > 0 && rest.data[0] == '%') {
			cv_text_append_c(ex->out, '%');
			rest = cv_span_skip(rest, 1);
			continue;
		}
		ret = variable_append(ex, &rest);
		if (ret < 0)
			return ret;
	}
	return CV_OK;
}

int settings_expand(struct cv_text *out, const char *text,
		    const struct settings_vars *vars, uint32_t flags,
		    struct cv_error *err)
{
	struct expander ex = {
		.out = out, .vars = vars, .flags = flags, .err = err,
	};

	return expand_span(&ex, cv_span_of(text));
}
