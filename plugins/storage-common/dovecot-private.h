/* dovecot-private.h - between dovecot-index.c and dovecot-log.c. */
#ifndef DOVECOT_PRIVATE_H
#define DOVECOT_PRIVATE_H

#include "dovecot-index.h"

#define dovecot_number CV_OWN(_dovecot_number)
#define dovecot_header_keep CV_OWN(_dovecot_header_keep)
#define dovecot_row_add CV_OWN(_dovecot_row_add)
#define dovecot_extension_find CV_OWN(_dovecot_extension_find)
#define dovecot_extension_add CV_OWN(_dovecot_extension_add)
#define dovecot_extension_begin CV_OWN(_dovecot_extension_begin)
#define dovecot_keyword_add CV_OWN(_dovecot_keyword_add)
#define dovecot_logs_apply CV_OWN(_dovecot_logs_apply)

struct dovecot_extension {
	struct cv_span name;
	uint32_t record_offset, record_size;
	int wanted;			/* -1: its data is not kept */
};

struct dovecot_reader {
	struct cv_pool *pool;
	struct dovecot_index *index;
	const char *wanted[DOVECOT_WANTED_MAX];
	const char *keep;
	unsigned char header[DOVECOT_HEADER];
	struct dovecot_extension extensions[DOVECOT_EXTENSIONS_MAX];
	uint32_t extension_count;
	bool has_modseqs;		/* messages have their own */
	uint64_t budget;		/* steps that may still be made */
};

uint64_t dovecot_number(const char *p, int bytes);
/* Bytes of an extension's header, from offset at on. */
void dovecot_header_keep(struct dovecot_reader *r, struct cv_span extension,
			 size_t at, struct cv_span data);
/* NULL when the UID does not ascend. */
struct dovecot_row *dovecot_row_add(struct dovecot_reader *r, uint32_t uid);
int dovecot_extension_find(const struct dovecot_reader *r,
			   struct cv_span name);
/* Its number; -1: no room. */
int dovecot_extension_add(struct dovecot_reader *r, struct cv_span name);
/* Its data is of this time from now on. */
void dovecot_extension_begin(struct dovecot_reader *r,
			     const struct dovecot_extension *e,
			     uint32_t reset_id);
int dovecot_keyword_add(struct dovecot_reader *r, struct cv_span name);
/* base: the header says where in which log its snapshot was made.
 * CV_NOT_FOUND: no log could be used. */
int dovecot_logs_apply(struct dovecot_reader *r, bool base,
		       struct cv_span older, struct cv_span log);

#endif
