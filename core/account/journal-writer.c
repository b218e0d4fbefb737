/* journal-writer.c - builds one group of records and writes it. */
#include "journal.h"

static const unsigned char zeros[RECORD_ALIGN];

void journal_writer_init(struct journal_writer *writer,
			 const struct journal *journal, struct cv_pool *pool)
{
	*writer = (struct journal_writer){
		.seed = journal->seed,
		.start = journal->end,
	};
	cv_text_init(&writer->text, pool);
	array_init(&writer->pieces, pool);
}

uint64_t journal_writer_size(const struct journal_writer *writer)
{
	return writer->text.len + writer->opaque_bytes;
}

/* Appends a header whose CRC covers payload when covered. */
static void add_header(struct journal_writer *w, uint16_t type,
		       uint16_t flags, uint64_t txn, struct cv_span payload)
{
	uint64_t offset = w->start + journal_writer_size(w);
	uint32_t len = (uint32_t)payload.len, payload_crc = 0, crc;
	size_t at = w->text.len;

	BUG_IF(payload.len > RECORD_PAYLOAD_MAX);
	if ((flags & RECORD_OPAQUE) != 0)
		payload_crc = crc32c(0, payload.data, payload.len);
	put_u32(&w->text, len);
	put_u16(&w->text, type);
	put_u16(&w->text, flags);
	put_u64(&w->text, txn);
	put_u32(&w->text, payload_crc);
	crc = crc32c(w->seed, &offset, sizeof(offset));
	crc = crc32c(crc, w->text.data + at, RECORD_HEADER_SIZE - 4);
	if ((flags & RECORD_OPAQUE) == 0)
		crc = crc32c(crc, payload.data, payload.len);
	put_u32(&w->text, crc);
	w->chain = crc32c(w->chain, &crc, sizeof(crc));
	w->count++;
}

void journal_writer_add(struct journal_writer *w, uint16_t type,
			uint16_t flags, uint64_t txn, struct cv_span payload)
{
	add_header(w, type, flags, txn, payload);
	cv_text_append_span(&w->text, payload);
	cv_text_append(&w->text, zeros,
		       format_align(payload.len) - payload.len);
}

void journal_writer_add_opaque(struct journal_writer *w, uint16_t type,
			       uint64_t txn, struct cv_span payload)
{
	struct journal_piece *piece;

	add_header(w, type, RECORD_OPAQUE | RECORD_OPTIONAL, txn, payload);
	piece = array_add(&w->pieces);
	piece->at = w->text.len;
	piece->data = payload;
	w->opaque_bytes += payload.len;
	/* the padding is the group's own text, behind the piece */
	cv_text_append(&w->text, zeros,
		       format_align(payload.len) - payload.len);
}

void journal_writer_finish(struct journal_writer *w, uint64_t txn,
			   uint64_t synced, const unsigned char key[16])
{
	unsigned char payload[COMMIT_PAYLOAD_SIZE];
	uint64_t len = journal_writer_size(w) - w->group + COMMIT_SIZE;
	int64_t now = (int64_t)time_now_usecs();

	memcpy(payload, &len, 8);
	memcpy(payload + 8, &w->chain, 4);
	memcpy(payload + 12, &w->count, 4);
	memcpy(payload + 16, &synced, 8);
	memcpy(payload + 24, &now, 8);
	memcpy(payload + 32, key, 16);
	journal_writer_add(w, RECORD_COMMIT, 0, txn,
			   cv_span((char *)payload, sizeof(payload)));
	w->chain = w->count = 0;
	w->group = journal_writer_size(w);
}

struct iovec *journal_writer_vec(struct journal_writer *w,
				 struct cv_span header, struct cv_pool *pool,
				 int *count_r)
{
	struct iovec *vec = pool_new_array(pool, struct iovec,
					   w->pieces.count * 2 + 2);
	size_t done = 0;
	int count = 0;

	if (header.data != NULL) {
		vec[count].iov_base = (void *)(uintptr_t)header.data;
		vec[count++].iov_len = header.len;
	}
	for (size_t i = 0; i < w->pieces.count; i++) {
		struct journal_piece *piece = &w->pieces.items[i];

		vec[count].iov_base = w->text.data + done;
		vec[count++].iov_len = piece->at - done;
		vec[count].iov_base = (void *)(uintptr_t)piece->data.data;
		vec[count++].iov_len = piece->data.len;
		done = piece->at;
	}
	vec[count].iov_base = w->text.data + done;
	vec[count++].iov_len = w->text.len - done;
	*count_r = count;
	return vec;
}

struct cv_span journal_format_ended(const struct journal *journal,
				    uint64_t at, enum ended_reason reason,
				    uint64_t from, struct cv_pool *pool)
{
	struct journal here = *journal;
	struct journal_writer w;
	struct cv_text payload;

	here.end = format_align(at);
	journal_writer_init(&w, &here, pool);
	cv_text_init(&payload, pool);
	put_u32(&payload, reason);
	put_u32(&payload, 0);
	put_u64(&payload, from);
	journal_writer_add(&w, RECORD_ENDED, 0, journal->txn,
			   cv_text_span(&payload));
	return cv_text_span(&w.text);
}
