/* ldap-attrs.h - pass_attrs, user_attrs, iterate_attrs: which attributes are
 * asked for, and which fields are made of them.
 *
 *	uid=user			the value of the attribute
 *	uid				the same as uid=uid
 *	=home=/srv/%{ldap:uid}		a text with values in it
 *	quota=quota_rule=*:bytes=%$	... if there is such an attribute
 *	quota=quota_rule=*:bytes=	the same
 *	=nopassword			a field without a value: "yes"
 *	!primaryPath			for %{ldap_ptr:...} alone */
#ifndef LDAP_ATTRS_H
#define LDAP_ATTRS_H

#include "ldap-template.h"

struct ldap_field {
	const char *name;
	const char *attr;		/* ""; none */
	bool has_template;
	struct ldap_template template;
};

struct ldap_attrs {
	const struct ldap_field *fields;
	uint32_t count;
	/* Attributes to ask for, NULL at the end; at least one. */
	const char *const *wanted;
	const char *variables;		/* as of ldap_template */
};

/* ignored: a field that is left out ("password" when users bind); NULL: none.
 * CV_E_CONFIG with what is wrong. */
#define ldap_attrs_parse CV_OWN(_ldap_attrs_parse)
int ldap_attrs_parse(struct cv_pool *pool, const char *text,
		     const char *ignored, struct ldap_attrs *attrs_r,
		     struct cv_error *err);

/* Given a field with all its values; a failure ends it. */
struct ldap_taker {
	int (*take)(const struct ldap_taker *taker, const char *name,
		    const struct cv_span *values, uint32_t count,
		    struct cv_error *err);
	void *context;
};

/* The fields of an entry, in the order of the list.  An attribute that the
 * entry does not have makes no field, unless its text names none. */
#define ldap_attrs_apply CV_OWN(_ldap_attrs_apply)
int ldap_attrs_apply(const struct ldap_attrs *attrs, struct cv_pool *pool,
		     const struct ldap_values *values,
		     const struct ldap_entry *entry,
		     const struct ldap_taker *taker, struct cv_error *err);

#endif
