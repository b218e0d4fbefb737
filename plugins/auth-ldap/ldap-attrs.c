/* ldap-attrs.c - lists of attributes. */
#include "ldap-attrs.h"

enum { FIELDS_MAX = 128, WANTED_MAX = 256 };

struct parser {
	struct cv_pool *pool;
	const char *ignored;
	struct ldap_field *fields;
	uint32_t count;
	const char **wanted;
	uint32_t wanted_count;
	struct cv_text variables;
	struct cv_error *err;
};

/* The next one of the list; commas inside of %{...} are part of it. */
static bool next_item(struct cv_span *rest, struct cv_span *item_r)
{
	size_t len = 0, open = 0;

	if (rest->data == NULL)
		return false;
	for (; len < rest->len; len++) {
		char c = rest->data[len];

		if (c == '{' && len > 0 && (open > 0 ||
					    rest->data[len - 1] == '%'))
			open++;
		else if (c == '}' && open > 0)
			open--;
		else if (c == ',' && open == 0)
			break;
	}
	*item_r = cv_span_trim(cv_span(rest->data, len));
	*rest = len == rest->len ? CV_SPAN_NONE :
		cv_span_skip(*rest, len + 1);
	return true;
}

static bool is_attr(struct cv_span name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = cv_ascii_lower(name.data[i]);

		/* (RFC 4512, 2.5): a name or numbers, and options; '_' is no
		 * part of one, yet some servers have it */
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    c != '-' && c != '.' && c != ';' && c != '_')
			return false;
	}
	return name.len > 0;
}

/* Each once. */
static int want(struct parser *p, const char *attr)
{
	if (!is_attr(cv_span_of(attr)))
		return CV_FAIL(p->err, CV_E_CONFIG, "'%s' is no name of an "
			       "attribute", attr);
	for (uint32_t i = 0; i < p->wanted_count; i++) {
		if (cv_span_is_icase(cv_span_of(attr), p->wanted[i]))
			return CV_OK;
	}
	if (p->wanted_count == WANTED_MAX)
		return CV_FAIL(p->err, CV_E_CONFIG, "there are more than %d "
			       "attributes", WANTED_MAX);
	p->wanted[p->wanted_count++] = attr;
	return CV_OK;
}

static int parse_template(struct parser *p, struct ldap_field *field,
			  struct cv_span text)
{
	struct ldap_template *t = &field->template;
	struct cv_text with_own;
	int ret;

	cv_text_init(&with_own, p->pool);
	cv_text_append_span(&with_own, text);
	/* attr=field=text without variables: the text stands before the
	 * value, as in Dovecot */
	if (field->attr[0] != '\0' &&
	    (text.len == 0 || memchr(text.data, '%', text.len) == NULL))
		cv_text_append_str(&with_own, "%$");
	field->has_template = true;
	ret = ldap_template_parse(p->pool, cv_text_str(&with_own),
				  LDAP_TEMPLATE_FIELD, t, p->err);
	for (uint32_t i = 0; ret == CV_OK && i < t->count; i++) {
		if (t->parts[i].attr != NULL && t->parts[i].attr[0] != '\0')
			ret = want(p, t->parts[i].attr);
		if (t->parts[i].kind == LDAP_PART_OWN &&
		    field->attr[0] == '\0')
			ret = CV_FAIL(p->err, CV_E_CONFIG, "%%$ stands for "
				      "the value of an attribute, and there "
				      "is none before '='");
	}
	cv_text_append_str(&p->variables, t->variables);
	return ret;
}

/* attr, attr=name, attr=name=text, =name, =name=text */
static int parse_field(struct parser *p, struct cv_span item)
{
	struct ldap_field field = { .attr = "" };
	struct cv_span attr, name = CV_SPAN_NONE;
	bool has_name;
	int ret = CV_OK;

	(void)cv_span_split(&item, '=', &attr);
	has_name = cv_span_split(&item, '=', &name);
	attr = cv_span_trim(attr);
	name = has_name ? cv_span_trim(name) : attr;
	field.attr = cv_span_copy(p->pool, attr);
	field.name = cv_span_copy(p->pool, name);
	if (p->ignored != NULL && strcmp(field.name, p->ignored) == 0)
		return CV_OK;
	if (name.len == 0)
		return CV_FAIL(p->err, CV_E_CONFIG, "'%s=' names no field",
			       field.attr);
	if (attr.len > 0)
		ret = want(p, field.attr);
	if (ret == CV_OK && item.data != NULL)
		ret = parse_template(p, &field, item);
	else if (ret == CV_OK && attr.len == 0)
		ret = parse_template(p, &field, CV_SPAN("yes"));
	if (ret != CV_OK)
		return ret;
	if (p->count == FIELDS_MAX)
		return CV_FAIL(p->err, CV_E_CONFIG, "there are more than %d "
			       "fields", FIELDS_MAX);
	p->fields[p->count++] = field;
	return CV_OK;
}

static int parse_item(struct parser *p, struct cv_span item)
{
	if (item.len == 0)
		return CV_OK;
	if (item.data[0] == '@')
		return CV_FAIL(p->err, CV_E_CONFIG, "'%.*s' asks for another "
			       "entry, which is not supported (hint: a second "
			       "userdb or passdb with a file of its own can "
			       "ask for it)", CV_SPAN_ARG(item));
	if (item.data[0] == '!')
		return want(p, cv_span_copy(p->pool, cv_span_skip(item, 1)));
	return parse_field(p, item);
}

int ldap_attrs_parse(struct cv_pool *pool, const char *text,
		     const char *ignored, struct ldap_attrs *attrs_r,
		     struct cv_error *err)
{
	struct parser p = { .pool = pool, .ignored = ignored, .err = err };
	struct cv_span rest = cv_span_of(text), item;
	int ret = CV_OK;

	p.fields = CV_ALLOC_ARRAY(pool, struct ldap_field, FIELDS_MAX);
	p.wanted = CV_ALLOC_ARRAY(pool, const char *, WANTED_MAX + 1);
	cv_text_init(&p.variables, pool);
	while (ret == CV_OK && next_item(&rest, &item))
		ret = parse_item(&p, item);
	/* none at all would mean every attribute [RFC4511 4.5.1.8] */
	if (p.wanted_count == 0)
		p.wanted[0] = "1.1";
	*attrs_r = (struct ldap_attrs){
		p.fields, p.count, p.wanted, cv_text_str(&p.variables),
	};
	return ret;
}

static int apply_field(const struct ldap_field *field, struct cv_pool *pool,
		       const struct ldap_values *values,
		       const struct ldap_entry *entry,
		       const struct ldap_taker *taker, struct cv_error *err)
{
	static const struct ldap_attr none;
	const struct ldap_attr *attr = &none;
	struct cv_span own = CV_SPAN_NONE;
	struct cv_text out;
	int ret;

	if (field->attr[0] != '\0') {
		attr = ldap_entry_find(entry, field->attr);
		if (attr == NULL || attr->count == 0)
			return CV_OK;
		own = attr->values[0];
	}
	if (!field->has_template)
		return taker->take(taker, field->name, attr->values,
				   attr->count, err);
	cv_text_init(&out, pool);
	ret = ldap_template_expand(&field->template, pool, values, entry, own,
				   &out, err);
	own = out.data == NULL ? CV_SPAN("") : cv_text_span(&out);
	return ret != CV_OK ? ret : taker->take(taker, field->name, &own, 1,
						err);
}

int ldap_attrs_apply(const struct ldap_attrs *attrs, struct cv_pool *pool,
		     const struct ldap_values *values,
		     const struct ldap_entry *entry,
		     const struct ldap_taker *taker, struct cv_error *err)
{
	int ret = CV_OK;

	for (uint32_t i = 0; ret == CV_OK && i < attrs->count; i++)
		ret = apply_field(&attrs->fields[i], pool, values, entry,
				  taker, err);
	return ret;
}
