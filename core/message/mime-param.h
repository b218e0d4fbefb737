/* mime-param.h - Content-Type and Content-Disposition values:
 * type "/" subtype *(";" name "=" value) [RFC2045 5.1, RFC2183], with
 * continuations and charsets in parameters [RFC2231]. */
#ifndef MIME_PARAM_H
#define MIME_PARAM_H

#include "base.h"

enum { MIME_PARAMS_MAX = 128 };		/* further ones are ignored */

/* Continuations (name*0, name*1 ...) are joined to one parameter behind the
 * others: "name*" in the extended form charset'lang'%41 when a part of it
 * was in that form, else "name". */
struct mime_param {
	struct cv_span name;		/* as written, or joined */
	struct cv_span value;		/* unquoted, not decoded */
};

struct mime_type {
	struct cv_span type;		/* data NULL: no or invalid value */
	struct cv_span subtype;
	struct mime_param *params;
	uint32_t param_count;
};

/* Parses a field's value (folded or not).  With subtype false there is none
 * after the first word (Content-Disposition).  False when the value has no
 * valid type; parameters are read as far as they can be. */
bool mime_type_parse(struct cv_pool *pool, struct cv_span value, bool subtype,
		     struct mime_type *type_r);

/* A parameter by its name here ("filename" or "filename*"); NULL when
 * absent. */
const struct mime_param *mime_type_param(const struct mime_type *type,
					 const char *name);

/* The value of a parameter as UTF-8, from "name*" if it is there, else from
 * "name"; encoded-words in the latter are decoded too, since many programs
 * write them.  False when absent. */
bool mime_type_param_utf8(struct cv_pool *pool, const struct mime_type *type,
			  const char *name, struct cv_span *value_r);

/* type/subtype without regard to case. */
bool mime_type_is(const struct mime_type *type, const char *name,
		  const char *subtype);

#endif
