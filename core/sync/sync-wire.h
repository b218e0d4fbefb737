/* sync-wire.h - numbers and strings in bytes, little-endian: for the state
 * file and for the pipe. */
#ifndef SYNC_WIRE_H
#define SYNC_WIRE_H

#include "sync-side.h"

void wire_put_u8(struct cv_text *out, uint8_t value);
void wire_put_u32(struct cv_text *out, uint32_t value);
void wire_put_u64(struct cv_text *out, uint64_t value);
/* Length and bytes. */
void wire_put_span(struct cv_text *out, struct cv_span span);
void wire_put_str(struct cv_text *out, const char *str);

/* Past the end, or after a fault, everything is 0 and bad is set: one look at
 * it after the last get is enough. */
struct wire_in { const unsigned char *data; size_t left; bool bad; };

uint8_t wire_u8(struct wire_in *in);
uint32_t wire_u32(struct wire_in *in);
uint64_t wire_u64(struct wire_in *in);
/* At most max bytes; points into the input. */
struct cv_span wire_span(struct wire_in *in, size_t max);
/* The same without a NUL in it, copied. */
const char *wire_str(struct wire_in *in, size_t max, struct cv_pool *pool);
void wire_bytes(struct wire_in *in, void *dst, size_t len);
/* A number of things that take at least so many bytes each. */
uint32_t wire_count(struct wire_in *in, size_t least);

/* A mailbox and a message; the name of a mailbox is checked. */
void wire_put_box(struct cv_text *out, const struct sync_box *box);
void wire_box(struct wire_in *in, struct cv_pool *pool,
	      struct sync_box *box_r);
enum { WIRE_BOX_MIN = 4 + 16 + 16 + 8, WIRE_ROW_MIN = 4 + 4 + 4 + 32 + 16 };
void wire_put_row(struct cv_text *out, const struct sync_row *row,
		  const struct sync_words *words);
void wire_put_notes(struct cv_text *out, uint32_t notes,
		    const struct sync_words *words);
uint32_t wire_notes(struct wire_in *in, struct sync_words *words);
void wire_row(struct wire_in *in, struct sync_words *words,
	      struct sync_row *row_r);

#endif
