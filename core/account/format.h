/* format.h - the bytes of doc/format-account.md: numbers, and how they are
 * put and got.  All little-endian. */
#ifndef FORMAT_H
#define FORMAT_H

#include "account.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "snapshot columns are mapped as they are: little-endian only");

enum {
	FORMAT_MAJOR = 1,	/* a newer one is refused */
	FORMAT_MINOR = 0,	/* a newer one is read */
	JOURNAL_HEADER_SIZE = 128,
	RECORD_HEADER_SIZE = 24,
	RECORD_ALIGN = 8,
	RECORD_PAYLOAD_MAX = 4 * 1024 * 1024,
	COMMIT_PAYLOAD_SIZE = 48,
	COMMIT_PAYLOAD_MIN = 32,	/* without the key */
	COMMIT_PAYLOAD_MAX = 4096,	/* with what may be added later */
	COMMIT_SIZE = RECORD_HEADER_SIZE + COMMIT_PAYLOAD_SIZE,
	COMMIT_SIZE_MIN = RECORD_HEADER_SIZE + COMMIT_PAYLOAD_MIN,
	SNAPSHOT_HEADER_SIZE = 512,
	SNAPSHOT_BLOCK = 65536,
	SNAPSHOT_SECTIONS = 17,
	CATALOGUE_HEADER_SIZE = 64,
	CATALOGUE_RECORD_SIZE = 32,
};

#define JOURNAL_MAGIC "CVjrnl\r\n"
#define SNAPSHOT_MAGIC "CVsnap\r\n"
#define CATALOGUE_MAGIC "CVcatl\r\n"
#define COLUMNS_MAGIC "CVcols\r\n"

enum record_type {
	RECORD_COMMIT = 1,
	RECORD_ENDED,		/* the journal goes on in another file */
	RECORD_ACCOUNT,		/* state section only */
	RECORD_FOLDER,		/* a new one, or its state */
	RECORD_FOLDER_RENAME,
	RECORD_FOLDER_DELETE,
	RECORD_FOLDER_SET,
	RECORD_FOLDER_RESET,
	RECORD_FOLDER_STATE,
	RECORD_SUBSCRIBE,
	RECORD_METADATA,
	RECORD_KEYWORD,
	RECORD_APPEND,
	RECORD_BODY,		/* of the RECORD_APPEND before it */
	RECORD_CATALOGUE,	/* same */
	RECORD_FLAGS,
	RECORD_EXPUNGE,
	RECORD_BLOB,
	RECORD_SIZES,
	RECORD_ANNOTATION,
	RECORD_TYPES,		/* past the last */
};

enum record_flag {
	/* the payload has a CRC of its own, which the record's CRC covers in
	 * its place */
	RECORD_OPAQUE = 1 << 0,
	/* a reader that does not know the type may ignore it; without this
	 * it must not write */
	RECORD_OPTIONAL = 1 << 1,
};

enum folder_set {		/* RECORD_FOLDER_SET: which member */
	FOLDER_SET_ATTRIBUTES,
	FOLDER_SET_UIDNEXT,
	FOLDER_SET_RECENT,
	FOLDER_SET_REPAIRED,
	FOLDER_SET_MODSEQ,	/* highestmodseq: to this transaction */
	FOLDER_SET_TAKEN,	/* it, and what is forgotten: a u64 behind */
};

enum ended_reason {
	ENDED_ROTATED,
	ENDED_SUSPECT,		/* a sync failed: transactions from the given
				 * offset on do not count */
};

/* How the catalogue and the columns of a folder begin: magic, version, size of
 * the header, both GUIDs; the rest of it is 0. */
static inline void format_file_head(unsigned char *dst, uint32_t size,
				    const char magic[8],
				    const struct account_folder *f,
				    const struct account_guid *account)
{
	uint16_t version[2] = { FORMAT_MAJOR, FORMAT_MINOR };

	memset(dst, 0, size);
	memcpy(dst, magic, 8);
	memcpy(dst + 8, version, 4);
	memcpy(dst + 12, &size, 4);
	memcpy(dst + 16, account, 16);
	memcpy(dst + 32, &f->guid, 16);
}

static inline size_t format_align(size_t len)
{
	return (len + RECORD_ALIGN - 1) & ~(size_t)(RECORD_ALIGN - 1);
}

/* --- putting ------------------------------------------------------------- */

static inline void put_u16(struct cv_text *text, uint16_t value)
{
	cv_text_append(text, &value, sizeof(value));
}

static inline void put_u32(struct cv_text *text, uint32_t value)
{
	cv_text_append(text, &value, sizeof(value));
}

static inline void put_u64(struct cv_text *text, uint64_t value)
{
	cv_text_append(text, &value, sizeof(value));
}

static inline void put_guid(struct cv_text *text,
			    const struct account_guid *guid)
{
	cv_text_append(text, guid->bytes, sizeof(guid->bytes));
}

/* --- getting ------------------------------------------------------------- */

/* Past the end everything is zero and `bad` is set: checked once at the end
 * of a record. */
struct format_cursor {
	const unsigned char *data;
	size_t len;
	bool bad;
};

static inline const void *get_bytes(struct format_cursor *c, size_t len)
{
	const unsigned char *p = c->data;

	if (c->bad || c->len < len) {
		c->bad = true;
		return NULL;
	}
	c->data += len;
	c->len -= len;
	return p;
}

#define FORMAT_GET_(name, type) \
static inline type name(struct format_cursor *c) \
{ \
	type value = 0; \
	const void *p = get_bytes(c, sizeof(value)); \
\
	if (p != NULL) \
		memcpy(&value, p, sizeof(value)); \
	return value; \
}
FORMAT_GET_(get_u16, uint16_t)
FORMAT_GET_(get_u32, uint32_t)
FORMAT_GET_(get_u64, uint64_t)

static inline struct account_guid get_guid(struct format_cursor *c)
{
	struct account_guid guid = { { 0 } };
	const void *p = get_bytes(c, sizeof(guid.bytes));

	if (p != NULL)
		memcpy(guid.bytes, p, sizeof(guid.bytes));
	return guid;
}

static inline struct cv_span get_span(struct format_cursor *c, size_t len)
{
	const char *p = get_bytes(c, len);

	return p == NULL ? CV_SPAN_NONE : cv_span(p, len);
}

#endif
