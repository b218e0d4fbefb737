/* imap-state.h - numbers and texts of the state of a session that sleeps, as
 * bytes; what is read is checked for nothing but that it is there. */
#ifndef IMAP_STATE_H
#define IMAP_STATE_H

#include "cv-plugin.h"
#include "cv-mailbox.h"

/* Big-endian, so many bytes. */
void imap_state_put(struct cv_text *out, uint64_t value, int bytes);
bool imap_state_get(struct cv_span *in, size_t bytes, uint64_t *value_r);
bool imap_state_get_u32(struct cv_span *in, uint32_t *value_r);
/* Seven bits in each byte: small numbers are short. */
void imap_state_put_short(struct cv_text *out, uint64_t value);
bool imap_state_get_short(struct cv_span *in, uint64_t *value_r);
/* The length before it. */
void imap_state_put_text(struct cv_text *out, struct cv_span text);
/* A view of in. */
bool imap_state_get_text(struct cv_span *in, struct cv_span *text_r);
/* A copy with a NUL behind it, and none in it. */
bool imap_state_get_str(struct cv_span *in, struct cv_pool *pool,
			const char **text_r);
/* At most max ranges; they ascend, which is checked. */
void imap_state_put_set(struct cv_text *out, struct cv_set set);
bool imap_state_get_set(struct cv_span *in, uint32_t max,
			struct cv_pool *pool, struct cv_set *set_r);

#endif
