/* apppassword-file.h - reading and changing such a file.
 *
 * Readers need no lock: the file is replaced as a whole, and is on the disk
 * before it is.  Writers lock it, and look whether it is still the one of that
 * name. */
#ifndef APPPASSWORD_FILE_H
#define APPPASSWORD_FILE_H

#include "cv-plugin.h"

enum {
	APPPASSWORD_FILE_MAX = 16 * 1024 * 1024,
	APPPASSWORD_USED_MAX = 64 * 1024,	/* then it is made short */
	APPPASSWORD_USED_SECS = 60,	/* a use that soon is not noted */
};

/* All of it, into the pool.  CV_NOT_FOUND: there is no such file. */
int apppassword_file_read(const char *path, struct cv_pool *pool,
			  struct cv_span *text_r, struct cv_error *err);

/* Makes the new text of the old one.  CV_OK, or what the change returns. */
typedef int apppassword_change_fn(void *context, struct cv_span old,
				  struct cv_text *text, struct cv_error *err);
/* Changes the file, which is made when it is not there: mode 0600, owner that
 * of the directory.  Durable when it returns CV_OK. */
int apppassword_file_change(const char *path, struct cv_pool *pool,
			    apppassword_change_fn *change, void *context,
			    struct cv_error *err);

/* Notes in path.used that user has used id at this time. */
int apppassword_file_used(const char *path, struct cv_pool *pool,
			  const char *user, struct cv_span id, uint64_t now,
			  const char *ip, struct cv_error *err);

#endif
