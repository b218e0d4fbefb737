/* journal.h - one generation of the journal: a header, then groups of
 * records, each group ended by a commit record.
 *
 * Knows framing, checksums and where valid data ends; not what the records
 * mean.  The byte format is doc/format-account.md 2.
 *
 * INVARIANT: bytes below `end` are never written again.
 * INVARIANT: a group counts as a whole or not at all. */
#ifndef JOURNAL_H
#define JOURNAL_H

#include "format.h"
#include "meta.h"

struct journal {
	struct meta_object *object;	/* NULL: none */
	struct account_guid guid;	/* of the account */
	uint64_t generation;
	uint64_t salt;
	uint64_t base_txn;	/* the state section is as of this number */
	uint64_t base_size;	/* where the state section ends */
	uint32_t seed;		/* of each record's CRC */
	uint64_t end;		/* all groups below are complete */
	uint64_t synced;	/* below this all is known to be durable */
	uint64_t txn;		/* of the last group */
	uint64_t payload_bytes;	/* below end, bodies left out */
	int64_t commit_time;	/* of the last group, microseconds */
};

struct journal_record {
	uint16_t type, flags;
	uint32_t len;
	uint64_t txn;
	uint64_t offset;	/* of the payload in the file */
	uint32_t payload_crc;	/* of an opaque one */
	const unsigned char *data;	/* NULL for an opaque one */
};

/* What was found after journal.end. */
struct journal_batch {
	ARRAY(struct journal_record) records;	/* commits included */
	ARRAY(struct journal_record) undone;	/* of groups that an "ended,
						 * suspect" record took back */
	uint64_t end, synced, txn, payload_bytes;
	int64_t commit_time;
	bool ended;	/* continued in another file */
	bool torn;	/* bytes after end that are no complete group */
	bool damaged;	/* groups were lost in the middle */
	bool salvaged;	/* the state section is what was left of it */
};

/* Makes a new header (salt chosen at random) for a journal that does not
 * exist yet; end is behind the header, object NULL. */
void journal_init(struct journal *journal, const struct account_guid *guid,
		  uint64_t generation);
/* After guid, generation or salt were set by hand (tests). */
void journal_reseed(struct journal *journal);
/* The header's bytes. */
void journal_format_header(const struct journal *journal,
			   unsigned char dst[JOURNAL_HEADER_SIZE]);

/* Reads the header from object (which stays the caller's when this fails, and
 * belongs to journal after CV_OK).  end is behind the header.
 * CV_E_SYNTAX: not a journal, or damaged; CV_E_UNSUPPORTED: newer. */
int journal_open(struct journal *journal, struct meta_object *object,
		 uint64_t generation, struct cv_error *err);
void journal_close(struct journal *journal);

/* Reads the groups between journal->end and size into pool; journal itself
 * is unchanged until journal_accept.  Only I/O errors fail. */
int journal_read(struct journal *journal, uint64_t size, struct cv_pool *pool,
		 struct journal_batch *batch_r, struct cv_error *err);
void journal_accept(struct journal *journal,
		    const struct journal_batch *batch);

/* Reads an opaque payload into dst and checks its CRC: CV_E_SYNTAX. */
int journal_read_payload(const struct journal *journal, uint64_t offset,
			 uint32_t len, uint32_t crc, void *dst,
			 struct cv_error *err);

/* --- records one by one, for looking at damage ---------------------------- */

struct journal_scan;

/* Over the journal's bytes below size. */
struct journal_scan *journal_scan_begin(struct journal *journal,
					uint64_t size);
/* The record at offset; false when there is no valid one.  data lives until
 * the next call; *crc_r is the record's checksum; *cost grows by the bytes
 * that were looked at in vain. */
bool journal_scan_get(struct journal_scan *scan, uint64_t offset,
		      struct journal_record *record, uint32_t *crc_r,
		      uint64_t *cost);
void journal_scan_end(struct journal_scan **scan);

/* --- writing one group --------------------------------------------------- */

struct journal_piece { size_t at; struct cv_span data; };

struct journal_writer {
	uint32_t seed;
	uint64_t start;		/* file offset of the group */
	uint64_t opaque_bytes;
	struct cv_text text;	/* the group without opaque payloads */
	ARRAY(struct journal_piece) pieces;	/* where those go in */
	uint32_t count, chain;	/* of the group that is being built */
	uint64_t group;		/* where it begins in this writer */
};

/* The group will be written at journal->end.  Lives in pool. */
void journal_writer_init(struct journal_writer *writer,
			 const struct journal *journal, struct cv_pool *pool);
/* payload is copied, and at most RECORD_PAYLOAD_MAX. */
void journal_writer_add(struct journal_writer *writer, uint16_t type,
			uint16_t flags, uint64_t txn, struct cv_span payload);
/* payload is not copied: must live until the write. */
void journal_writer_add_opaque(struct journal_writer *writer, uint16_t type,
			       uint64_t txn, struct cv_span payload);
/* The commit record.  synced: below this the writer knows all durable; key is
 * the commit's own.  Another group may follow in the same writer. */
void journal_writer_finish(struct journal_writer *writer, uint64_t txn,
			   uint64_t synced, const unsigned char key[16]);
/* Bytes of the group so far. */
uint64_t journal_writer_size(const struct journal_writer *writer);
/* All bytes in order, behind those of header (data NULL: none), in pool. */
struct iovec *journal_writer_vec(struct journal_writer *writer,
				 struct cv_span header, struct cv_pool *pool,
				 int *count_r);

/* The record that marks the journal as continued elsewhere, to be put at
 * offset at.  from: where the suspect groups begin. */
struct cv_span journal_format_ended(const struct journal *journal,
				    uint64_t at, enum ended_reason reason,
				    uint64_t from, struct cv_pool *pool);

#endif
