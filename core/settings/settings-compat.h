/* settings-compat.h - names of the Dovecot 2.3 language that nobody in core
 * uses. */
#ifndef SETTINGS_COMPAT_H
#define SETTINGS_COMPAT_H

#include "base.h"

/* Declares settings that are accepted with a hint until a plugin declares
 * them, and the default services of the protocols that plugins bring. */
void settings_register_compat(void);
/* Why a block of that kind, which nobody declares, does nothing here; NULL
 * when the language has no such block. */
const char *settings_compat_block(struct cv_span kind);

#endif
