/* ldap-template.h - texts of an admin that have variables in them: filters,
 * names of entries (DN), values of fields.
 *
 * They are taken apart once, before there is any value.  Each value is escaped
 * for the place it goes to, whatever the template looks like:
 *
 *	(&(uid=%u)(objectClass=*))	every byte of a value that is not a
 *					letter, digit or one of ._@- is \XX
 *					(RFC 4515, 3)
 *	uid=%n,ou=%d,dc=example		the same (RFC 4514, 2.4); dc=%Dd is
 *					dc=mail,dc=example,dc=com
 *	maildir:/srv/%d/%{ldap:uid}	as it is */
#ifndef LDAP_TEMPLATE_H
#define LDAP_TEMPLATE_H

#include "cv-plugin.h"

enum ldap_template_kind {
	LDAP_TEMPLATE_FILTER = 1, LDAP_TEMPLATE_DN, LDAP_TEMPLATE_FIELD,
};

enum ldap_part_kind {
	LDAP_PART_TEXT,			/* as it is */
	LDAP_PART_VARIABLE,		/* core's */
	/* of fields alone: */
	LDAP_PART_ATTR,			/* %{ldap:name:default} */
	LDAP_PART_ATTR_ALL,		/* %{ldap_multi:name:sep:default} */
	LDAP_PART_ATTR_NAMED,		/* %{ldap_ptr:name} */
	LDAP_PART_ENTRY,		/* %{ldap_dn} */
	LDAP_PART_OWN,			/* %$ */
};

struct ldap_part {
	uint32_t kind;
	const char *text;		/* variables with their % */
	bool as_domain;			/* DN: had the modifier D */
	/* how to make what is in the entry into what is wanted: "%Lu", the
	 * value being the user; NULL: nothing to do */
	const char *modify;
	const char *attr, *separator, *fallback;
};

struct ldap_template {
	uint32_t kind;
	const struct ldap_part *parts;
	uint32_t count;
	/* The variables in it, for the key of the cache. */
	const char *variables;
};

/* CV_E_CONFIG with what is wrong. */
#define ldap_template_parse CV_OWN(_ldap_template_parse)
int ldap_template_parse(struct cv_pool *pool, const char *text, uint32_t kind,
			struct ldap_template *template_r,
			struct cv_error *err);

/* Where values come from.  Both append. */
struct ldap_values {
	/* The text, one variable, with its value. */
	int (*expand)(const struct ldap_values *values, const char *variable,
		      struct cv_text *out, struct cv_error *err);
	/* The same, as if the user was called value. */
	int (*modify)(const struct ldap_values *values, const char *variable,
		      const char *value, struct cv_text *out,
		      struct cv_error *err);
	const void *context;
};

struct ldap_attr {
	const char *name;
	const struct cv_span *values;
	uint32_t count;
};

struct ldap_entry {
	const char *dn;
	const struct ldap_attr *attrs;
	uint32_t count;
};

/* NULL: it has no such attribute; case is ignored (RFC 4512, 2.5). */
#define ldap_entry_find CV_OWN(_ldap_entry_find)
const struct ldap_attr *ldap_entry_find(const struct ldap_entry *entry,
					const char *name);

/* Appends.  entry and own (what %$ is) are for fields.  CV_E_DENIED: a value
 * cannot stand there, so that there is no such user. */
#define ldap_template_expand CV_OWN(_ldap_template_expand)
int ldap_template_expand(const struct ldap_template *template,
			 struct cv_pool *pool,
			 const struct ldap_values *values,
			 const struct ldap_entry *entry, struct cv_span own,
			 struct cv_text *out, struct cv_error *err);

#endif
