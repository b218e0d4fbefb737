/* dovecot-cache.h - when Dovecot saved the messages of a mailbox: the field
 * "date.save" of dovecot.index.cache.  All of it is hostile: the work is
 * bounded by the number of messages that are asked for. */
#ifndef DOVECOT_CACHE_H
#define DOVECOT_CACHE_H

#include "cv-text.h"
#include "cv-plugin.h"

/* Each plugin has these under its own prefix. */
#define dovecot_cache_open CV_OWN(_dovecot_cache_open)
#define dovecot_cache_saved CV_OWN(_dovecot_cache_saved)

enum {
	DOVECOT_CACHE_FIELDS_MAX = 1024,
	DOVECOT_CACHE_WINDOW = 8 * 1024,
};

/* Bytes from an offset on; fewer at the end of the file.  -1: failed. */
typedef ssize_t dovecot_cache_read_fn(void *context, void *data, size_t len,
				      uint64_t offset);

struct dovecot_cache {
	dovecot_cache_read_fn *read;
	void *context;
	uint32_t indexid, file_seq;
	uint32_t field, field_count;	/* which one it is */
	uint32_t *sizes;		/* of each; UINT32_MAX: said in the
					 * record */
	uint64_t budget;		/* steps that may still be made */
	char *window;
	uint64_t at;			/* of the window in the file */
	size_t len;
};

/* CV_NOT_FOUND: no such file, or it has no such field.  messages: how many
 * will be asked for.  All memory is of the pool. */
int dovecot_cache_open(struct cv_pool *pool, dovecot_cache_read_fn *read,
		       void *context, uint32_t messages,
		       struct dovecot_cache *cache_r);
/* What the records of a message say, the last of which is at this offset; 0:
 * nothing. */
int64_t dovecot_cache_saved(struct dovecot_cache *cache, uint32_t offset);

#endif
