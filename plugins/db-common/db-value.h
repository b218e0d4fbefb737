/* db-value.h - variables in texts of admins, and what replaces them. */
#ifndef DB_VALUE_H
#define DB_VALUE_H

#include "cv-plugin.h"

/* What may stand between '%' and the name of a variable. */
#define DB_VARIABLE_CUT "-.0123456789"
#define DB_VARIABLE_MODIFIERS "LUEXRNHMDT"

/* The length of the variable at s ("%u", "%-20.3Lu", "%{domain}"); 0: there
 * is none, or it is "%%". */
#define db_variable_len CV_OWN(_db_variable_len)
size_t db_variable_len(const char *s);

/* Without NUL, in the one form that UTF-8 has [RFC3629 3]. */
#define db_value_is_utf8 CV_OWN(_db_value_is_utf8)
bool db_value_is_utf8(struct cv_span s);

#endif
