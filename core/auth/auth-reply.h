/* auth-reply.h - the fields that a database has answered, in order.
 *
 * Names are letters, digits and _-:./ only, at most 64 bytes; values hold no
 * NUL, CR or LF and at most 8 KiB: what leaves here can neither end a line
 * nor add a field somewhere else [security.md A19]. */
#ifndef AUTH_REPLY_H
#define AUTH_REPLY_H

#include "base.h"
#include "cv-auth.h"
#include "ipc/ipc.h"

enum {
	AUTH_FIELD_NAME_MAX = 64, AUTH_FIELD_VALUE_MAX = 8192,
	AUTH_FIELDS_MAX = 128,
};

struct auth_field { const char *name, *value; };

struct cv_auth_reply {
	struct cv_pool *pool;
	ARRAY(struct auth_field) fields;
};

void auth_reply_init(struct cv_auth_reply *reply, struct cv_pool *pool);
/* See cv_auth_api. */
bool auth_reply_set(struct cv_auth_reply *reply, struct cv_span name,
		    struct cv_span value);
/* The same with C strings. */
bool auth_reply_set_str(struct cv_auth_reply *reply, const char *name,
			const char *value);
int auth_reply_set_all(struct cv_auth_reply *reply, struct cv_span text,
		       char separator, struct cv_error *err);
/* NULL: not set. */
const char *auth_reply_get(const struct cv_auth_reply *reply,
			   const char *name);
struct cv_span auth_reply_get_span(const struct cv_auth_reply *reply,
				   const char *name);
/* Set, and not to "no", "n", "0" or "false". */
bool auth_reply_is_true(const struct cv_auth_reply *reply, const char *name);
void auth_reply_remove(struct cv_auth_reply *reply, const char *name);
void auth_reply_clear(struct cv_auth_reply *reply);
/* Adds all of src. */
void auth_reply_merge(struct cv_auth_reply *dst,
		      const struct cv_auth_reply *src);

void auth_reply_put(struct ipc_writer *w, const struct cv_auth_reply *reply);
/* Copies; failure shows in ipc_finish. */
void auth_reply_read(struct ipc_reader *r, struct cv_auth_reply *reply);

#endif
