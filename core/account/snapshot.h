/* snapshot.h - the immutable image of one folder's messages.
 *
 * Columns sorted by UID that are used where they are mapped
 * (doc/format-account.md 3).  The mapping is private: what the journal
 * changes later is written into our own copies of the pages and the file
 * stays as it is.  Each 64 KiB block is checked against its CRC when it is
 * first looked at.
 *
 * INVARIANT: a snapshot file is never modified once a journal names it. */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "format.h"
#include "meta.h"

enum snapshot_section {
	SECTION_UID,
	SECTION_FLAGS,
	SECTION_KEYWORDS,	/* number of a keyword set */
	SECTION_MODSEQ,
	SECTION_RECEIVED,
	SECTION_SAVED,
	SECTION_SIZE,
	SECTION_VIRTUAL,
	SECTION_GUID,
	SECTION_BLOB,		/* place of the reference in SECTION_HEAP */
	SECTION_CATALOGUE,	/* offset in the catalogue, 0: none */
	SECTION_COLUMNS,	/* so many columns */
	SECTION_HEAP = SECTION_COLUMNS,
	SECTION_NAMES,		/* of keywords */
	SECTION_SETS,		/* of keywords */
	SECTION_EXPUNGED,
	SECTION_FOLDER,		/* a RECORD_FOLDER payload */
	SECTION_ANNOTATIONS,	/* not there without SNAPSHOT_ANNOTATED */
	SECTION_COUNT
};

_Static_assert((int)SECTION_COUNT <= (int)SNAPSHOT_SECTIONS, "header has room");

/* Bits of features: who does not know one must not read on. */
enum snapshot_feature {
	SNAPSHOT_ANNOTATED = 1 << 0,
	SNAPSHOT_FEATURES = SNAPSHOT_ANNOTATED,	/* all of them */
};

/* Bytes of a column's element. */
extern const uint8_t snapshot_widths[SECTION_COLUMNS];

struct snapshot {
	unsigned char *map;	/* NULL: none */
	size_t size;
	bool mapped;		/* else on the heap */
	bool bad;		/* a block did not match */
	bool cut;		/* cut short while it was mapped */
	uint64_t generation, txn;
	uint32_t rows, keywords, sets, expunged;
	struct { uint64_t offset, len; } sections[SECTION_COUNT];
	uint64_t crc_offset;
	uint32_t blocks;
	uint8_t *checked;	/* enum snapshot_block, one byte each */
	struct snapshot *guard_next;
};

enum snapshot_block {
	SNAPSHOT_BLOCK_NEW, SNAPSHOT_BLOCK_GOOD, SNAPSHOT_BLOCK_BAD
};

/* Maps (or reads) the snapshot of a folder.  account NULL: any account's.
 * CV_E_SYNTAX: damaged or foreign; CV_E_NOT_FOUND; CV_E_UNSUPPORTED: newer. */
int snapshot_open(struct snapshot *snapshot, struct meta *meta,
		  const struct account_guid *folder, uint64_t generation,
		  const struct account_guid *account, bool mmap_disable,
		  struct cv_error *err);
/* Same, on bytes in memory that must be writable and stay; snapshot is all
 * zeros: for fuzzing. */
int snapshot_parse(struct snapshot *snapshot, unsigned char *data,
		   size_t size, const struct account_guid *account,
		   const struct account_guid *folder, struct cv_error *err);
void snapshot_close(struct snapshot *snapshot);

/* snapshot-guard.c: while it is mapped; the struct must stay where it is. */
void snapshot_guard_begin(struct snapshot *snapshot);
void snapshot_guard_end(struct snapshot *snapshot);

bool snapshot_check_blocks(struct snapshot *snapshot, size_t first,
			   size_t last);

/* False when the bytes at p (inside the map) are damaged. */
static inline bool snapshot_check(struct snapshot *snapshot, const void *p,
				  size_t len)
{
	size_t at = (size_t)((const unsigned char *)p - snapshot->map);
	size_t first = at / SNAPSHOT_BLOCK;
	size_t last = (at + (len == 0 ? 0 : len - 1)) / SNAPSHOT_BLOCK;

	if (first == last && first < snapshot->blocks &&
	    snapshot->checked[first] == SNAPSHOT_BLOCK_GOOD) {
		if (!snapshot->mapped)
			return true;
		/* the file may have been cut short since */
		(void)*(const volatile unsigned char *)p;
		return *(volatile uint8_t *)&snapshot->checked[first] ==
			SNAPSHOT_BLOCK_GOOD;
	}
	return snapshot_check_blocks(snapshot, first, last);
}

/* The section's bytes, checked; CV_SPAN_NONE when damaged. */
struct cv_span snapshot_section(struct snapshot *snapshot,
				enum snapshot_section section);

/* --- writing ------------------------------------------------------------- */

/* Sections are written one after the other in order. */
struct snapshot_writer {
	struct meta_object *object;
	struct snapshot snapshot;	/* what the header will say */
	uint64_t offset;
	size_t fill;			/* of the current block */
	unsigned char *block;
	ARRAY(uint32_t) crcs;
	int error;			/* errno of the first failure */
};

/* object: a new empty one. */
void snapshot_writer_init(struct snapshot_writer *writer,
			  struct meta_object *object, struct cv_pool *pool);
void snapshot_writer_begin(struct snapshot_writer *writer,
			   enum snapshot_section section);
void snapshot_writer_add(struct snapshot_writer *writer, const void *data,
			 size_t len);
void snapshot_writer_end(struct snapshot_writer *writer,
			 enum snapshot_section section);
/* Block CRCs and header; the bytes are durable.  -1 with errno when anything
 * failed. */
int snapshot_writer_finish(struct snapshot_writer *writer,
			   const struct account_guid *account,
			   const struct account_guid *folder);

#endif
