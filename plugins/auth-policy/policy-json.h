/* policy-json.h - what a policy server is told: one JSON object (RFC 8259). */
#ifndef POLICY_JSON_H
#define POLICY_JSON_H

#include "cv-plugin.h"

enum { POLICY_ATTRIBUTES_MAX = 64 };

/* One of auth_policy_request_attributes; a key with a slash is in an object of
 * its own: "attrs/cos". */
struct policy_attribute {
	struct cv_span key;
	struct cv_span value;		/* a template, or the value itself */
};

struct policy_attributes {
	struct policy_attribute list[POLICY_ATTRIBUTES_MAX];
	uint32_t count;
};

/* "login=%u pwhash=..." split at blanks, sorted by key, as Dovecot sends
 * them.  Spans point into text.  CV_E_CONFIG: one without '=' or name, or too
 * many. */
#define policy_attributes_parse CV_OWN(_policy_attributes_parse)
int policy_attributes_parse(const char *text, struct policy_attributes *out_r,
			    struct cv_error *err);

/* Appends the members of all of them, without the outer braces. */
#define policy_json_append CV_OWN(_policy_json_append)
void policy_json_append(struct cv_text *out,
			const struct policy_attributes *attributes);

#endif
