/* settings-expand.c - %variables in values.
 *
 *	%[[-]offset.][0][-]width][modifiers]x	or  {name} in place of x
 *
 * What a variable holds is hostile (a user chose it): it is copied, never
 * parsed.  Only the arguments of %{if;...} may hold variables of their own,
 * to a small fixed depth. */
#include "settings.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXPAND_DEPTH_MAX = 4, EXPAND_WIDTH_MAX = 100000000,
       HASH_ROUNDS_MAX = 10000 };

struct expander {
	struct cv_text *out;
	const struct settings_vars *vars;
	uint32_t flags, depth;
	struct cv_error *err;
};

struct format {
	int64_t offset, width;
	bool zero;
	struct cv_span modifiers;
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

/* --- modifiers ------------------------------------------------------------ */

static struct cv_span map_case(struct cv_pool *pool, struct cv_span s,
			       bool upper)
{
	char *out = pool_copy(pool, s.data, s.len);

	for (size_t i = 0; i < s.len; i++)
		out[i] = upper ? cv_ascii_upper(s.data[i]) :
			cv_ascii_lower(s.data[i]);
	return cv_span(out, s.len);
}

static struct cv_span map_each(struct cv_pool *pool, struct cv_span s,
			       char modifier)
{
	struct cv_text out;

	cv_text_init(&out, pool);
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[modifier == 'R' ? s.len - 1 - i : i];

		if (modifier == 'D' && c == '.') {
			cv_text_append_str(&out, ",dc=");
			continue;
		}
		if (modifier == 'E' && (c == '"' || c == '\'' || c == '\\'))
			cv_text_append_c(&out, '\\');
		cv_text_append_c(&out, c);
	}
	return cv_span(cv_text_str(&out), out.len);
}

static struct cv_span trim_end(struct cv_span s)
{
	while (s.len > 0 && strchr(" \t\r\n", s.data[s.len - 1]) != NULL)
		s.len--;
	return s;
}

static struct cv_span to_hex_number(struct cv_pool *pool, struct cv_span s)
{
	uint64_t number;

	if (!cv_span_to_u64(s, UINT64_MAX, &number))
		number = 0;
	return cv_span_of(pool_printf(pool, "%llx",
				      (unsigned long long)number));
}

static size_t digest(const char *name, struct cv_span s,
		     unsigned char out[static EVP_MAX_MD_SIZE])
{
	const EVP_MD *md = EVP_get_digestbyname(name);
	unsigned int len = 0;

	if (md == NULL || EVP_Digest(s.data, s.len, out, &len, md, NULL) != 1)
		return 0;
	return len;
}

static struct cv_span to_hex(struct cv_pool *pool, const unsigned char *data,
			     size_t len)
{
	struct cv_text out;

	cv_text_init(&out, pool);
	hex_encode(&out, data, len);
	return cv_span(cv_text_str(&out), out.len);
}

/* %H: the historical string hash of Dovecot's directory layouts. */
static uint64_t old_hash(struct cv_span s)
{
	uint32_t hash = 0, high;

	for (size_t i = 0; i < s.len; i++) {
		hash = (hash << 4) + (uint32_t)(int32_t)(signed char)s.data[i];
		high = hash & 0xf0000000u;
		if (high != 0) {
			hash ^= high >> 24;
			hash ^= high;
		}
	}
	return hash;
}

/* %N: the first eight bytes of the MD5. */
static uint64_t new_hash(struct cv_span s)
{
	unsigned char out[EVP_MAX_MD_SIZE];
	uint64_t value = 0;

	if (digest("md5", s, out) < sizeof(value))
		return 0;
	for (size_t i = 0; i < sizeof(value); i++)
		value = value << 8 | out[i];
	return value;
}

/* The width of %256Nu is the number of buckets, its offset the least number
 * of digits. */
static struct cv_span to_bucket(struct cv_pool *pool, uint64_t value,
				struct format *format)
{
	int digits = format->offset > 0 ? (int)format->offset : 0;

	if (format->width > 0)
		value %= (uint64_t)format->width;
	format->width = 0;
	format->offset = 0;
	format->zero = false;
	return cv_span_of(pool_printf(pool, "%0*x", digits > 16 ? 16 : digits,
				      (unsigned int)value));
}

static struct cv_span modify(struct cv_pool *pool, struct cv_span s,
			     char modifier, struct format *format)
{
	unsigned char md5[EVP_MAX_MD_SIZE];

	switch (modifier) {
	case 'L':
	case 'U':
		return map_case(pool, s, modifier == 'U');
	case 'X':
		return to_hex_number(pool, s);
	case 'N':
		return to_bucket(pool, new_hash(s), format);
	case 'H':
		return to_bucket(pool, old_hash(s), format);
	case 'M':
		return to_hex(pool, md5, digest("md5", s, md5));
	case 'T':
		return trim_end(s);
	default:	/* E R D */
		return map_each(pool, s, modifier);
	}
}

/* Negative offset and width count from the end. */
static void append_cut(struct cv_text *out, struct cv_span s,
		       const struct format *format)
{
	int64_t offset = format->offset, width = format->width;
	int64_t len = (int64_t)s.len;

	if (offset < 0)
		offset = len + offset < 0 ? 0 : len + offset;
	s = cv_span_skip(s, (size_t)(offset > len ? len : offset));
	len = (int64_t)s.len;
	if (width < 0)
		width = len + width < 0 ? 0 : len + width;
	else if (width == 0)
		width = len;
	if (format->zero && width <= 64) {
		for (int64_t i = len; i < width; i++)
			cv_text_append_c(out, '0');
	}
	cv_text_append(out, s.data, (size_t)(width < len ? width : len));
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

static void take_format(struct cv_span *rest, struct format *format)
{
	size_t len = 0;

	*format = (struct format){ .offset = 0 };
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
		format->width = -format->width;	/* only offsets have a sign */
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

struct hash_options {
	uint64_t rounds, truncate_bits;
	bool base64;
	struct cv_span salt;
};

static int hash_options_parse(const struct expander *ex, struct cv_span text,
			      struct hash_options *options)
{
	struct cv_span item, key;

	*options = (struct hash_options){ .rounds = 1 };
	while (cv_span_split(&text, ',', &item)) {
		struct cv_span value = item;

		(void)cv_span_split(&value, '=', &key);
		if (cv_span_is(key, "rounds") && value.data != NULL &&
		    cv_span_to_u64(value, HASH_ROUNDS_MAX, &options->rounds) &&
		    options->rounds > 0)
			continue;
		if (cv_span_is(key, "truncate") && value.data != NULL &&
		    cv_span_to_u64(value, 512, &options->truncate_bits))
			continue;
		if (cv_span_is(key, "salt") && value.data != NULL) {
			options->salt = value;
			continue;
		}
		/* Dovecot 2.3 writes lower case for both, and there are
		 * directories of these names */
		if (cv_span_is(item, "format=hex") ||
		    cv_span_is(item, "format=hexuc") ||
		    (options->base64 = cv_span_is(item, "format=base64")))
			continue;
		return FAIL(ex->err, CV_E_CONFIG, "'%.*s' is no option of a "
			    "hash (rounds, truncate, salt, format)",
			    CV_SPAN_ARG(item));
	}
	return CV_OK;
}

static bool hash_known(struct cv_span name)
{
	static const char *const names[] = {
		"md5", "sha1", "sha256", "sha384", "sha512",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (cv_span_is(name, names[i]))
			return true;
	}
	return false;
}

static struct cv_span hash_value(struct cv_pool *pool, const char *name,
				 const struct hash_options *options,
				 struct cv_span value)
{
	unsigned char out[EVP_MAX_MD_SIZE] = { 0 };
	struct cv_text text;
	size_t len = 0;

	cv_text_init(&text, pool);
	for (uint64_t i = 0; i < options->rounds; i++) {
		cv_text_reset(&text);	/* the salt is part of each round */
		cv_text_append_span(&text, options->salt);
		cv_text_append_span(&text, value);
		len = digest(name, cv_span(cv_text_str(&text), text.len), out);
		value = cv_span((const char *)out, len);
	}
	if (options->truncate_bits > 0 && options->truncate_bits < len * 8) {
		unsigned int spare = (8 - options->truncate_bits % 8) % 8;

		/* the leading bits, moved to the right end */
		len = (size_t)(options->truncate_bits + 7) / 8;
		for (size_t i = len; spare > 0 && i-- > 0;)
			out[i] = (unsigned char)(out[i] >> spare |
				(i > 0 ? out[i - 1] << (8 - spare) : 0));
	}
	if (options->base64) {
		cv_text_reset(&text);
		base64_encode(&text, out, len);
		return cv_span(cv_text_str(&text), text.len);
	}
	return to_hex(pool, out, len);
}

/* name is "sha256;rounds=2:user". */
static int value_hashed(const struct expander *ex, struct cv_span name,
			struct cv_span *value_r)
{
	struct cv_pool *pool = ex->out->pool;
	struct cv_span rest = name, head, algorithm;
	struct hash_options options;
	int ret;

	(void)cv_span_split(&rest, ':', &head);
	(void)cv_span_split(&head, ';', &algorithm);
	ret = hash_options_parse(ex, head, &options);
	if (ret < 0)
		return ret;
	if (!value_find(ex, rest, value_r))
		return FAIL(ex->err, CV_E_CONFIG, "there is no variable "
			    "%%{%.*s} here", CV_SPAN_ARG(rest));
	*value_r = hash_value(pool, pool_copy(pool, algorithm.data,
					      algorithm.len), &options,
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
	return hash_known(algorithm);
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
	struct format format;
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
		value = modify(ex->out->pool, value, format.modifiers.data[i],
			       &format);
	append_cut(ex->out, value, &format);
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
