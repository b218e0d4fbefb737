/* sync-wire.c - numbers and strings in bytes. */
#include "sync-wire.h"

void wire_put_u8(struct cv_text *out, uint8_t value)
{
	cv_text_append_c(out, (char)value);
}

void wire_put_u32(struct cv_text *out, uint32_t value)
{
	for (unsigned int shift = 0; shift < 32; shift += 8)
		cv_text_append_c(out, (char)(value >> shift & 0xff));
}

void wire_put_u64(struct cv_text *out, uint64_t value)
{
	wire_put_u32(out, (uint32_t)value);
	wire_put_u32(out, (uint32_t)(value >> 32));
}

void wire_put_span(struct cv_text *out, struct cv_span span)
{
	wire_put_u32(out, (uint32_t)span.len);
	cv_text_append_span(out, span);
}

void wire_put_str(struct cv_text *out, const char *str)
{
	wire_put_span(out, cv_span_of(str));
}

static const unsigned char *take(struct wire_in *in, size_t len)
{
	const unsigned char *at = in->data;

	if (in->bad || in->left < len) {
		in->bad = true;
		return NULL;
	}
	in->data += len;
	in->left -= len;
	return at;
}

uint8_t wire_u8(struct wire_in *in)
{
	const unsigned char *at = take(in, 1);

	return at == NULL ? 0 : *at;
}

uint32_t wire_u32(struct wire_in *in)
{
	const unsigned char *at = take(in, 4);

	return at == NULL ? 0 : (uint32_t)at[0] | (uint32_t)at[1] << 8 |
		(uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint64_t wire_u64(struct wire_in *in)
{
	uint64_t low = wire_u32(in);

	return low | (uint64_t)wire_u32(in) << 32;
}

struct cv_span wire_span(struct wire_in *in, size_t max)
{
	uint32_t len = wire_u32(in);
	const unsigned char *at;

	if (len > max)
		in->bad = true;
	at = take(in, len);
	return at == NULL ? cv_span("", 0) : cv_span((const char *)at, len);
}

const char *wire_str(struct wire_in *in, size_t max, struct cv_pool *pool)
{
	struct cv_span span = wire_span(in, max);

	if (memchr(span.data, '\0', span.len) != NULL) {
		in->bad = true;
		return "";
	}
	return pool_copy(pool, span.data, span.len);
}

void wire_bytes(struct wire_in *in, void *dst, size_t len)
{
	const unsigned char *at = take(in, len);

	if (at != NULL)
		memcpy(dst, at, len);
	else
		memset(dst, 0, len);
}

uint32_t wire_count(struct wire_in *in, size_t least)
{
	uint32_t count = wire_u32(in);

	if (count > in->left / least) {
		in->bad = true;
		return 0;
	}
	return count;
}

/* --- what both talk about --------------------------------------------------- */

void wire_put_box(struct cv_text *out, const struct sync_box *box)
{
	wire_put_str(out, box->name);
	cv_text_append(out, box->guid, sizeof(box->guid));
	wire_put_u32(out, box->uidvalidity);
	wire_put_u32(out, box->uidnext);
	wire_put_u32(out, box->messages);
	wire_put_u32(out, box->use);
	wire_put_u64(out, box->modseq);
}

void wire_box(struct wire_in *in, struct cv_pool *pool,
	      struct sync_box *box_r)
{
	box_r->name = wire_str(in, SYNC_NAME_MAX, pool);
	wire_bytes(in, box_r->guid, sizeof(box_r->guid));
	box_r->uidvalidity = wire_u32(in);
	box_r->uidnext = wire_u32(in);
	box_r->messages = wire_u32(in);
	box_r->use = wire_u32(in) & SYNC_USES;
	box_r->modseq = wire_u64(in);
	if (box_r->uidnext == 0)
		in->bad = true;
}

void wire_put_row(struct cv_text *out, const struct sync_row *row,
		  const struct sync_words *words)
{
	wire_put_u32(out, row->uid);
	wire_put_u32(out, row->flags);
	wire_put_str(out, sync_words_text(words, row->words));
	wire_put_u64(out, row->modseq);
	wire_put_u64(out, row->size);
	wire_put_u64(out, (uint64_t)row->received);
	wire_put_u64(out, (uint64_t)row->saved);
	cv_text_append(out, row->guid, sizeof(row->guid));
}

void wire_row(struct wire_in *in, struct sync_words *words,
	      struct sync_row *row_r)
{
	struct cv_span keywords;

	row_r->uid = wire_u32(in);
	row_r->notes = 0;
	row_r->flags = wire_u32(in) & CV_FLAGS_STORED;
	keywords = wire_span(in, SYNC_KEYWORDS_MAX);
	if (memchr(keywords.data, '\0', keywords.len) != NULL)
		in->bad = true;
	row_r->words = in->bad ? 0 : sync_words_parse(words, keywords);
	row_r->modseq = wire_u64(in);
	row_r->size = wire_u64(in);
	row_r->received = (int64_t)wire_u64(in);
	row_r->saved = (int64_t)wire_u64(in);
	wire_bytes(in, row_r->guid, sizeof(row_r->guid));
}

void wire_put_notes(struct cv_text *out, uint32_t notes,
		    const struct sync_words *words)
{
	wire_put_span(out, sync_notes_bytes(words, notes));
}

uint32_t wire_notes(struct wire_in *in, struct sync_words *words)
{
	struct cv_span bytes = wire_span(in, SIZE_MAX);
	uint32_t notes = 0;

	if (in->bad || !sync_notes_parse(words, bytes, &notes))
		in->bad = true;
	return notes;
}
