/* settings-value.h - the text of a value and what it means. */
#ifndef SETTINGS_VALUE_H
#define SETTINGS_VALUE_H

#include "settings.h"

/* Parses text as def's type into *member_r (NULL: only checks).  Strings and
 * lists are copied into pool.  CV_E_CONFIG: err says what was expected. */
int settings_value_parse(const struct cv_setting_def *def, const char *text,
			 struct cv_pool *pool, void *member_r,
			 struct cv_error *err);

/* The text in its usual form: "90s" becomes "90 secs", "YES" yes.  text is
 * valid.  Lives in pool or is text. */
const char *settings_value_normal(const struct cv_setting_def *def,
				  const char *text, struct cv_pool *pool);

/* Bytes of the member in the owner's struct. */
size_t settings_value_bytes(uint32_t type);

/* The nearest to name of n names given one after the other. */
struct settings_guess {
	struct cv_span name;
	const char *best;
	size_t distance;
};
void settings_guess_init(struct settings_guess *guess, struct cv_span name);
void settings_guess_try(struct settings_guess *guess, const char *candidate);

#endif
