/* settings-format.h - modifiers and hashes of %variables. */
#ifndef SETTINGS_FORMAT_H
#define SETTINGS_FORMAT_H

#include "settings.h"

struct var_format {
	int64_t offset, width;	/* negative: from the end */
	bool zero;		/* fill with zeros up to width */
	struct cv_span modifiers;
};

/* One of the letters L U E X R N H M D T.  N and H take width and offset for
 * themselves.  The result lives in pool or is s. */
struct cv_span var_modify(struct cv_pool *pool, struct cv_span s,
			  char modifier, struct var_format *format);
/* Appends the part of s that offset and width leave. */
void var_append(struct cv_text *out, struct cv_span s,
		const struct var_format *format);

/* What follows the algorithm in %{sha256;rounds=2,salt=x:user}. */
struct var_hash {
	uint64_t rounds, truncate_bits;
	bool base64;
	struct cv_span salt;
};

bool var_hash_known(struct cv_span algorithm);
int var_hash_parse(struct var_hash *options, struct cv_span text,
		   struct cv_error *err);
/* algorithm is a known one. */
struct cv_span var_hash_value(const struct var_hash *options,
			      struct cv_pool *pool, struct cv_span algorithm,
			      struct cv_span value);

#endif
