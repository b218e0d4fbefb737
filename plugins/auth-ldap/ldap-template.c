/* ldap-template.c - taking a text apart, and putting values into it.
 *
 * INVARIANT: no byte of a value gets into a filter or a name but letters,
 * digits, ._@- and what stands behind a backslash: no value can end the
 * assertion or the RDN that it stands in. */
#include "ldap-template.h"
#include "../db-common/db-value.h"

enum { PARTS_MAX = 256 };

struct parser {
	struct cv_pool *pool;
	uint32_t kind;
	struct ldap_part *parts;
	uint32_t count;
	struct cv_text text;		/* not yet a part */
	struct cv_text variables;
	struct cv_error *err;
};

/* --- parts ---------------------------------------------------------------------- */

static int add_part(struct parser *p, const struct ldap_part *part)
{
	if (p->count == PARTS_MAX)
		return CV_FAIL(p->err, CV_E_CONFIG, "there are more than %d "
			       "variables and texts in it", PARTS_MAX);
	p->parts[p->count++] = *part;
	return CV_OK;
}

static int flush_text(struct parser *p)
{
	struct ldap_part part = { .kind = LDAP_PART_TEXT };

	if (p->text.len == 0)
		return CV_OK;
	part.text = cv_span_copy(p->pool, cv_text_span(&p->text));
	cv_text_reset(&p->text);
	return add_part(p, &part);
}

/* "%L{ldap:x}": "%Lu"; NULL: there are no modifiers. */
static const char *modify_text(struct parser *p, struct cv_span modifiers)
{
	struct cv_text text;

	if (modifiers.len == 0)
		return NULL;
	cv_text_init(&text, p->pool);
	cv_text_append_c(&text, '%');
	cv_text_append_span(&text, modifiers);
	cv_text_append_c(&text, 'u');
	return cv_text_str(&text);
}

static bool take_prefix(struct cv_span *s, const char *prefix)
{
	if (!cv_span_begins(*s, cv_span_of(prefix)))
		return false;
	*s = cv_span_skip(*s, strlen(prefix));
	return true;
}

/* name[:separator][:default]; only a list of all values has a separator. */
static void take_words(struct parser *p, struct cv_span words,
		       struct ldap_part *part)
{
	struct cv_span word = CV_SPAN("");

	part->separator = " ";
	part->fallback = "";
	if (cv_span_split(&words, ':', &word))
		part->attr = cv_span_copy(p->pool, word);
	if (part->kind == LDAP_PART_ATTR_ALL &&
	    cv_span_split(&words, ':', &word))
		part->separator = cv_span_copy(p->pool, word);
	/* a default may have colons */
	if (words.data != NULL)
		part->fallback = cv_span_copy(p->pool, words);
}

/* What is in the entry; false: it is a variable of core. */
static bool is_entry_variable(struct parser *p, struct cv_span name,
			      struct ldap_part *part)
{
	if (cv_span_is(name, "ldap_dn"))
		part->kind = LDAP_PART_ENTRY;
	else if (take_prefix(&name, "ldap:"))
		part->kind = LDAP_PART_ATTR;
	else if (take_prefix(&name, "ldap_multi:"))
		part->kind = LDAP_PART_ATTR_ALL;
	else if (take_prefix(&name, "ldap_ptr:"))
		part->kind = LDAP_PART_ATTR_NAMED;
	else
		return false;
	if (part->kind != LDAP_PART_ENTRY)
		take_words(p, name, part);
	return true;
}

static bool holds(struct cv_span s, const char *what)
{
	size_t len = strlen(what);

	for (size_t i = 0; i + len <= s.len; i++) {
		if (memcmp(s.data + i, what, len) == 0)
			return true;
	}
	return false;
}

static int check_attr(struct parser *p, const struct ldap_part *part)
{
	if (part->kind != LDAP_PART_ENTRY && part->attr[0] == '\0')
		return CV_FAIL(p->err, CV_E_CONFIG, "a variable names no "
			       "attribute (like %%{ldap:uid})");
	if (part->kind != LDAP_PART_ENTRY && strchr(part->attr, '@') != NULL)
		return CV_FAIL(p->err, CV_E_CONFIG, "'%s' is of another entry "
			       "(@), which is not supported (hint: a second "
			       "userdb or passdb with a file of its own can "
			       "ask for it)", part->attr);
	if (p->kind != LDAP_TEMPLATE_FIELD)
		return CV_FAIL(p->err, CV_E_CONFIG, "%s is known only when "
			       "the entry has been found",
			       part->kind == LDAP_PART_ENTRY ? "%{ldap_dn}" :
			       "%{ldap:...}");
	return CV_OK;
}

/* In a DN "dc=%Dd" stands for several RDNs: what D does, comes after the
 * escaping. */
static void take_domain(struct parser *p, struct cv_span modifiers,
			struct cv_span rest, struct ldap_part *part)
{
	struct cv_text text;

	if (p->kind != LDAP_TEMPLATE_DN ||
	    memchr(modifiers.data, 'D', modifiers.len) == NULL)
		return;
	part->as_domain = true;
	cv_text_init(&text, p->pool);
	cv_text_append_c(&text, '%');
	for (size_t i = 0; i < modifiers.len; i++) {
		if (modifiers.data[i] != 'D')
			cv_text_append_c(&text, modifiers.data[i]);
	}
	cv_text_append_span(&text, rest);
	part->text = cv_text_str(&text);
}

static int take_variable(struct parser *p, struct cv_span variable)
{
	struct ldap_part part = { .kind = LDAP_PART_VARIABLE, .attr = "",
		.text = cv_span_copy(p->pool, variable) };
	/* variable.data goes on behind it, to a NUL */
	size_t cut = 1 + strspn(variable.data + 1, DB_VARIABLE_CUT);
	struct cv_span modifiers, rest, name;
	int ret = flush_text(p);

	if (ret != CV_OK)
		return ret;
	cut += strspn(variable.data + cut, DB_VARIABLE_MODIFIERS);
	if (cut >= variable.len)	/* "%D" alone */
		cut = variable.len - 1;
	modifiers = cv_span(variable.data + 1, cut - 1);
	rest = cv_span_skip(variable, cut);
	name = rest;
	if (name.len > 2 && name.data[0] == '{')
		name = cv_span(name.data + 1, name.len - 2);
	if (is_entry_variable(p, name, &part)) {
		part.modify = modify_text(p, modifiers);
		ret = check_attr(p, &part);
		return ret == CV_OK ? add_part(p, &part) : ret;
	}
	if (holds(name, "ldap:") || holds(name, "ldap_"))
		return CV_FAIL(p->err, CV_E_CONFIG, "'%s': what comes from "
			       "the entry stands alone in %%{ldap:...}, not "
			       "in functions and conditions", part.text);
	take_domain(p, modifiers, rest, &part);
	cv_text_append_span(&p->variables, variable);
	cv_text_append_c(&p->variables, '\t');
	return add_part(p, &part);
}

/* "%$", "%L$"; 0: it is none. */
static size_t own_len(const char *s)
{
	size_t i = 1;

	if (s[0] != '%')
		return 0;
	i += strspn(s + i, DB_VARIABLE_CUT);
	i += strspn(s + i, DB_VARIABLE_MODIFIERS);
	return s[i] == '$' ? i + 1 : 0;
}

static int take_own(struct parser *p, struct cv_span own)
{
	struct ldap_part part = { .kind = LDAP_PART_OWN, .attr = "" };
	int ret = flush_text(p);

	if (p->kind != LDAP_TEMPLATE_FIELD)
		return CV_FAIL(p->err, CV_E_CONFIG, "%%$ stands for the value "
			       "of an attribute: there is none here");
	part.modify = modify_text(p, cv_span(own.data + 1, own.len - 2));
	return ret == CV_OK ? add_part(p, &part) : ret;
}

/* Parentheses alone: the library looks at the rest when it is used. */
static int check_filter(const struct parser *p)
{
	uint32_t depth = 0;

	for (uint32_t i = 0; i < p->count; i++) {
		const char *s = p->parts[i].kind == LDAP_PART_TEXT ?
			p->parts[i].text : "";

		for (; *s != '\0'; s++) {
			if (*s == '(')
				depth++;
			else if (*s == ')' && depth-- == 0)
				return CV_FAIL(p->err, CV_E_CONFIG, "there is "
					       "a ')' too many");
		}
	}
	return depth == 0 ? CV_OK :
		CV_FAIL(p->err, CV_E_CONFIG, "a ')' is missing");
}

int ldap_template_parse(struct cv_pool *pool, const char *text, uint32_t kind,
			struct ldap_template *template_r, struct cv_error *err)
{
	struct parser p = { .pool = pool, .kind = kind, .err = err };
	int ret = CV_OK;
	size_t len;

	p.parts = CV_ALLOC_ARRAY(pool, struct ldap_part, PARTS_MAX);
	cv_text_init(&p.text, pool);
	cv_text_init(&p.variables, pool);
	while (ret == CV_OK && *text != '\0') {
		if ((len = own_len(text)) > 0) {
			ret = take_own(&p, cv_span(text, len));
		} else if ((len = db_variable_len(text)) > 0) {
			ret = take_variable(&p, cv_span(text, len));
		} else {
			len = text[0] == '%' && text[1] == '%' ? 2 : 1;
			cv_text_append_c(&p.text, *text);
		}
		text += len;
	}
	if (ret == CV_OK)
		ret = flush_text(&p);
	if (ret == CV_OK && kind == LDAP_TEMPLATE_FILTER)
		ret = check_filter(&p);
	*template_r = (struct ldap_template){
		kind, p.parts, p.count, cv_text_str(&p.variables),
	};
	return ret;
}

/* --- values --------------------------------------------------------------------- */

const struct ldap_attr *ldap_entry_find(const struct ldap_entry *entry,
					const char *name)
{
	struct cv_span wanted = cv_span_of(name);

	for (uint32_t i = 0; i < entry->count; i++) {
		if (cv_span_is_icase(wanted, entry->attrs[i].name))
			return &entry->attrs[i];
	}
	return NULL;
}

/* (RFC 4515, 3) and (RFC 4514, 2.4) let any byte be a backslash and two hex
 * digits; that is also right for the first and the last blank, for '#' and
 * for what is no ASCII. */
static void append_escaped(struct cv_text *out, struct cv_span value)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || c == '.' || c == '_' ||
		    c == '@' || c == '-') {
			cv_text_append_c(out, (char)c);
			continue;
		}
		cv_text_append_c(out, '\\');
		cv_text_append_c(out, hex[c >> 4]);
		cv_text_append_c(out, hex[c & 15]);
	}
}

static int append_domain(struct cv_text *out, struct cv_span value,
			 struct cv_error *err)
{
	struct cv_span label;
	bool first = true;

	while (cv_span_split(&value, '.', &label)) {
		if (label.len == 0)
			return CV_FAIL(err, CV_E_DENIED, "a domain in a DN "
				       "has an empty part");
		if (!first)
			cv_text_append_str(out, ",dc=");
		append_escaped(out, label);
		first = false;
	}
	return CV_OK;
}

static int append_variable(const struct ldap_template *template,
			   const struct ldap_part *part, struct cv_pool *pool,
			   const struct ldap_values *values,
			   struct cv_text *out, struct cv_error *err)
{
	struct cv_text value;
	int ret;

	cv_text_init(&value, pool);
	ret = values->expand(values, part->text, &value, err);
	if (ret != CV_OK)
		return ret;
	if (template->kind == LDAP_TEMPLATE_FIELD) {
		cv_text_append_span(out, cv_text_span(&value));
		return CV_OK;
	}
	if (!db_value_is_utf8(cv_text_span(&value)))
		return CV_FAIL(err, CV_E_DENIED, "a value is no UTF-8");
	if (template->kind == LDAP_TEMPLATE_FILTER) {
		append_escaped(out, cv_text_span(&value));
		return CV_OK;
	}
	/* "ou=,dc=example" would be another place */
	if (value.len == 0)
		return CV_FAIL(err, CV_E_DENIED, "%s in a DN has no value",
			       part->text);
	if (part->as_domain)
		return append_domain(out, cv_text_span(&value), err);
	append_escaped(out, cv_text_span(&value));
	return CV_OK;
}

/* One value of the entry. */
static int append_own(const struct ldap_part *part, struct cv_pool *pool,
		      const struct ldap_values *values, struct cv_span value,
		      struct cv_text *out, struct cv_error *err)
{
	if (value.len > 0 && memchr(value.data, '\0', value.len) != NULL)
		return CV_FAIL(err, CV_E_CONFIG, "a value of the entry has a "
			       "NUL");
	if (part->modify == NULL) {
		cv_text_append_span(out, value);
		return CV_OK;
	}
	return values->modify(values, part->modify, cv_span_copy(pool, value),
			      out, err);
}

static int append_attr(const struct ldap_part *part, struct cv_pool *pool,
		       const struct ldap_values *values,
		       const struct ldap_entry *entry, struct cv_text *out,
		       struct cv_error *err)
{
	const struct ldap_attr *attr = ldap_entry_find(entry, part->attr);
	struct cv_text all;

	if (part->kind == LDAP_PART_ATTR_NAMED && attr != NULL &&
	    attr->count > 0)
		attr = ldap_entry_find(entry, cv_span_copy(pool,
							   attr->values[0]));
	if (attr == NULL || attr->count == 0)
		return append_own(part, pool, values,
				  cv_span_of(part->fallback), out, err);
	if (part->kind != LDAP_PART_ATTR_ALL)
		return append_own(part, pool, values, attr->values[0], out,
				  err);
	cv_text_init(&all, pool);
	for (uint32_t i = 0; i < attr->count; i++) {
		if (i > 0)
			cv_text_append_str(&all, part->separator);
		cv_text_append_span(&all, attr->values[i]);
	}
	return append_own(part, pool, values, cv_text_span(&all), out, err);
}

int ldap_template_expand(const struct ldap_template *template,
			 struct cv_pool *pool,
			 const struct ldap_values *values,
			 const struct ldap_entry *entry, struct cv_span own,
			 struct cv_text *out, struct cv_error *err)
{
	int ret = CV_OK;

	for (uint32_t i = 0; ret == CV_OK && i < template->count; i++) {
		const struct ldap_part *part = &template->parts[i];

		switch (part->kind) {
		case LDAP_PART_TEXT:
			cv_text_append_str(out, part->text);
			break;
		case LDAP_PART_VARIABLE:
			ret = append_variable(template, part, pool, values,
					      out, err);
			break;
		case LDAP_PART_ENTRY:
			ret = append_own(part, pool, values,
					 cv_span_of(entry->dn), out, err);
			break;
		case LDAP_PART_OWN:
			ret = append_own(part, pool, values, own, out, err);
			break;
		default:
			ret = append_attr(part, pool, values, entry, out, err);
			break;
		}
	}
	return ret;
}
