/* channel-binding.h - the channel bindings of one TLS connection
 * as one run of bytes: for each its name, a NUL, one byte of length, data. */
#ifndef CHANNEL_BINDING_H
#define CHANNEL_BINDING_H

#include "base.h"

enum { CHANNEL_BINDINGS_MAX = 256, CHANNEL_BINDING_DATA_MAX = 64 };

/* data has at most CHANNEL_BINDING_DATA_MAX bytes. */
void channel_binding_add(struct cv_text *bindings, const char *name,
			 const void *data, size_t len);
/* The next one, off the front of *rest; false at the end, and when what is
 * left is none. */
bool channel_binding_next(struct cv_span *rest, struct cv_span *name_r,
			  struct cv_span *data_r);
/* Empty: there is none of this name. */
struct cv_span channel_binding_find(struct cv_span bindings,
				    const char *name);
/* [RFC9266 3] a binding of the connection itself is for one authentication:
 * what is left for a second one on it, appended. */
void channel_binding_keep(struct cv_text *kept, struct cv_span bindings);

#endif
