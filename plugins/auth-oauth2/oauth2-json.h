/* oauth2-json.h - the members of a JSON object (RFC 8259), one level deep. */
#ifndef OAUTH2_JSON_H
#define OAUTH2_JSON_H

#include "cv-plugin.h"

enum { OAUTH2_MEMBERS_MAX = 256, OAUTH2_ITEMS_MAX = 1024 };

enum oauth2_kind {
	OAUTH2_TEXT, OAUTH2_NUMBER, OAUTH2_BOOL,
	OAUTH2_LIST,			/* of texts; what else is in it is not
					 * there */
	OAUTH2_OTHER,			/* null, an object: no value */
};

struct oauth2_member {
	const char *name;
	uint32_t kind;			/* enum oauth2_kind */
	const char *value;		/* "true", "17", a list with blanks */
	const char *const *items;	/* a text is a list of one */
	uint32_t count;
	double number;
};

struct oauth2_members { struct oauth2_member *list; uint32_t count; };

/* All of text is one object without duplicate names, at any level
 * (RFC 7515 4, RFC 7519 4), and no text in it has a NUL; else CV_E_SYNTAX.
 * What is found lives in the pool. */
#define oauth2_json_parse CV_OWN(_oauth2_json_parse)
int oauth2_json_parse(struct cv_pool *pool, struct cv_span text,
		      struct oauth2_members *members_r, struct cv_error *err);

/* NULL: there is none of that name. */
#define oauth2_json_find CV_OWN(_oauth2_json_find)
const struct oauth2_member *
oauth2_json_find(const struct oauth2_members *members, struct cv_span name);

/* Is text one of the items? */
#define oauth2_json_has CV_OWN(_oauth2_json_has)
bool oauth2_json_has(const struct oauth2_member *member, struct cv_span text);

#endif
