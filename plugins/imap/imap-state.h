/* imap-state.h - numbers and texts of the state of a session that sleeps, as
 * bytes; what is read is checked for nothing but that it is there. */
#ifndef IMAP_STATE_H
#define IMAP_STATE_H

#include "cv-plugin.h"

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

#endif
