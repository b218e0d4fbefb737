/* dovecot-index.h - dovecot.index with its transaction log, from bytes.  All
 * of it is hostile: whatever is read, nothing is touched outside of it, and
 * the work is bounded by its size. */
#ifndef DOVECOT_INDEX_H
#define DOVECOT_INDEX_H

#include "cv-text.h"
#include "cv-plugin.h"

/* Each plugin has these under its own prefix. */
#define dovecot_index_read CV_OWN(_dovecot_index_read)
#define dovecot_row_u32 CV_OWN(_dovecot_row_u32)

enum {
	DOVECOT_KEYWORDS_MAX = 256,
	DOVECOT_EXTENSIONS_MAX = 64,
	DOVECOT_WANTED_MAX = 3,		/* extensions whose data is kept */
	DOVECOT_DATA_MAX = 16,		/* bytes of it for a message */
	DOVECOT_HEADER = 120,
	DOVECOT_KEPT_MAX = 32,		/* bytes of an extension's header */
};

struct dovecot_row {
	uint32_t uid;
	uint8_t flags;			/* as in IMAP flags of core */
	bool expunged;
	uint64_t modseq;		/* 0: not known */
	uint64_t keywords[DOVECOT_KEYWORDS_MAX / 64];
	unsigned char data[DOVECOT_WANTED_MAX][DOVECOT_DATA_MAX];
	bool has[DOVECOT_WANTED_MAX];	/* its data was said */
};

struct dovecot_index {
	uint32_t uidvalidity, uidnext;
	uint32_t indexid, first_recent;	/* 0: not said */
	uint64_t highestmodseq;
	struct dovecot_row *rows;	/* ascending UIDs */
	uint32_t count, room;
	const char *keywords[DOVECOT_KEYWORDS_MAX];
	uint32_t keyword_count;
	bool deleted;			/* the mailbox was */
	uint32_t reset_id[DOVECOT_WANTED_MAX];	/* of the wanted ones */
	unsigned char kept[DOVECOT_KEPT_MAX];	/* zeros where not said */
};

struct dovecot_files {
	/* data NULL: there is none.  older: dovecot.index.log.2 */
	struct cv_span index, older, log;
	const char *wanted[DOVECOT_WANTED_MAX];	/* extensions; NULL */
	const char *keep;		/* whose header is kept; NULL */
};

/* CV_NOT_FOUND: neither file is usable.  CV_E_LIMIT: they ask for more work
 * than honest ones do.  A torn tail of the log is ignored. */
int dovecot_index_read(struct cv_pool *pool,
		       const struct dovecot_files *files,
		       struct dovecot_index *index_r);
/* Bytes of a message's extension data. */
uint32_t dovecot_row_u32(const struct dovecot_row *row, uint32_t wanted,
			 uint32_t at);

#endif
