/* dbox-record.h - bytes of records, trailers and containers; of Dovecot's
 * message heads and metadata.  No files here. */
#ifndef DBOX_RECORD_H
#define DBOX_RECORD_H

#include "cv-text.h"
#include "cv-plugin.h"
#include "cv-mailbox.h"

enum {
	DBOX_RECORD_SIZE = 64,
	DBOX_CONTAINER_SIZE = 64,
	DBOX_STATE_AT = 56,		/* the one byte that changes */
	DBOX_DROPPED = 'D',		/* a reference to it was expunged */
	DBOX_TRAILER_MAX = 4096,
	DBOX_SLOT_MIN = 136,		/* a trailer of a mailbox without a name */
	DBOX_FOREIGN_HEAD = 30,		/* Dovecot's, at least */
	DBOX_METADATA_MAX = 64 * 1024,
};

struct dbox_record {
	uint64_t id, length, virtual_bytes;
	int64_t received;
	uint32_t slot;			/* bytes of the trailer */
	uint32_t body_crc;
	uint8_t state;
};

void dbox_record_format(const struct dbox_record *record,
			unsigned char dst[DBOX_RECORD_SIZE]);
/* False: torn, or no record at all. */
bool dbox_record_parse(struct cv_span src, struct dbox_record *record_r);
/* Bytes that a record takes in a container: padded to 8. */
uint64_t dbox_record_room(const struct dbox_record *record);

struct dbox_trailer {
	uint8_t guid[16];
	uint32_t uid, uidvalidity, flags;
	int64_t saved;
	struct cv_span folder;
	struct cv_keywords keywords;
};

/* Exactly slot bytes; what does not fit (keywords) is left out. */
void dbox_trailer_format(struct cv_text *dst,
			 const struct dbox_trailer *trailer, uint32_t slot);
/* False: never written, or torn. */
bool dbox_trailer_parse(struct cv_span src, struct cv_pool *pool,
			struct dbox_trailer *trailer_r);

/* The head of a container. */
struct dbox_container {
	uint32_t number;
	uint8_t boot_id[16];
	int64_t created;
	/* After purge: where the table is that says where records that were
	 * once elsewhere are now. */
	uint64_t table;
	uint32_t table_count, table_crc;
};
void dbox_container_format(const struct dbox_container *head,
			   unsigned char dst[DBOX_CONTAINER_SIZE]);
bool dbox_container_parse(struct cv_span src,
			  struct dbox_container *head_r);
enum { DBOX_TABLE_ENTRY = 24 };	/* old offset, id, new offset */

/* --- Dovecot's ---------------------------------------------------------------- */

/* "2 M1e C5f...\n": the size of message heads.  CV_OK, CV_NOT_FOUND. */
bool dbox_foreign_line_parse(struct cv_span src, uint32_t *head_r,
			     uint64_t *first_r);
/* The head before a message. */
bool dbox_foreign_head_parse(struct cv_span src, uint64_t *length_r);

struct dbox_metadata {
	int64_t received;		/* INT64_MIN: not said */
	uint64_t virtual_bytes, plain_bytes;
	uint8_t guid[16];
	bool has_guid;
	struct cv_span external;	/* parts in other files; none: NULL */
	struct cv_span mailbox;		/* where it was first saved */
	struct cv_span pop3_uidl;
	uint32_t pop3_order;		/* 0: not said */
	uint64_t size;			/* of the metadata itself */
};
/* Whether it is there at all. */
bool dbox_metadata_begins(struct cv_span src);
/* src begins behind the body; spans point into it.  False: torn. */
bool dbox_metadata_parse(struct cv_span src, struct dbox_metadata *m_r);

#endif
