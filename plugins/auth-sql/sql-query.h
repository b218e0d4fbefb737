/* sql-query.h - a query of an admin, with %variables in it, as a statement
 * with parameters.
 *
 * Dovecot puts the values of variables into the text and escapes them.  Here
 * no value gets into the text: a text in quotes that has variables becomes one
 * parameter, as does a variable that stands alone.  Where a parameter cannot
 * stand (in the name of a table) the value may have harmless bytes only.
 *
 *	'%u'  %u  '%n@%d'  LIKE '%u%%'  N'%u'	parameters
 *	%d_users  db_%d.users  "%d"		names */
#ifndef SQL_QUERY_H
#define SQL_QUERY_H

#include "cv-plugin.h"
#include "cv-sql.h"

enum sql_part_kind {
	SQL_PART_TEXT,		/* as it is */
	SQL_PART_NAME,		/* a template; letters, digits, '_' */
	SQL_PART_QUOTED_NAME,	/* ... and ".-@ +" */
	SQL_PART_VALUE,		/* a template: begins a parameter */
	SQL_PART_VALUE_MORE,	/* ... goes on with it */
	SQL_PART_PASSWORD,	/* %w, in a parameter that has begun */
	SQL_PART_OLD,		/* the same, %{old_password} */
};

struct sql_part { uint32_t kind; const char *text; };

struct sql_query {
	const struct sql_part *parts;
	uint32_t part_count, param_count;
	/* The variables in it, for the key of the cache. */
	const char *variables;
	bool has_password;		/* %w */
	bool has_old;			/* %{old_password} */
};

/* dialect: as in struct cv_sql.  CV_E_CONFIG with what is wrong. */
#define sql_query_parse CV_OWN(_sql_query_parse)
int sql_query_parse(struct cv_pool *pool, const char *text, uint32_t dialect,
		    const struct sql_query **query_r, struct cv_error *err);

/* Appends the template with its variables replaced. */
typedef int sql_expand_fn(void *context, const char *text,
			  struct cv_text *out, struct cv_error *err);

/* What stands for %w and for %{old_password}. */
struct sql_passwords { struct cv_span password, old; };

/* The statement for one request, in pool.  CV_E_DENIED: a value cannot be
 * part of a name; CV_E_SYNTAX: one is no UTF-8. */
#define sql_query_bind CV_OWN(_sql_query_bind)
int sql_query_bind(const struct sql_query *query, struct cv_pool *pool,
		   sql_expand_fn *expand, void *context,
		   const struct sql_passwords *passwords,
		   struct cv_sql_query *bound_r,
		   struct cv_error *err);

#endif
