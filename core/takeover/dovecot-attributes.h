/* dovecot-attributes.h - annotations as Dovecot keeps them: the "file"
 * dictionary of mail_attribute_dict.  All of it is hostile. */
#ifndef DOVECOT_ATTRIBUTES_H
#define DOVECOT_ATTRIBUTES_H

#include "base.h"
#include "io/io.h"

struct dovecot_attribute {
	uint8_t guid[16];		/* of the mailbox */
	bool server;			/* the server's: guid is INBOX's */
	/* Of Dovecot's own use, or none of its names: what follows is not
	 * set. */
	bool is_foreign;
	struct cv_span entry;		/* "/private/...", in lower case */
	struct cv_span value;
};

/* The pair of lines at the beginning of rest, which moves behind it.  What is
 * escaped is copied to pool, the rest stays where it is.  False: there is
 * none any more that was written to its end. */
bool dovecot_attribute_next(struct cv_span *rest, struct cv_pool *pool,
			    struct dovecot_attribute *a_r);

/* mail_attribute_dict: where the file is; NULL: nothing is set.  home: for
 * "~/".  CV_E_CONFIG: another driver's. */
int dovecot_attributes_path(const char *setting, const char *home,
			    struct cv_pool *pool, const char **path_r,
			    struct cv_error *err);

struct dovecot_attributes {
	const struct dovecot_attribute *items;
	size_t count;
};
/* Reads the file, once as long as it stays the same; what is foreign in it is
 * left out.  attributes: NULL before the first time, then its own; they live
 * in the pool, and their items until the next call.  CV_NOT_FOUND: there is no
 * file.  A file that cannot be read is CV_E_TEMP or CV_E_LIMIT. */
int dovecot_attributes_load(struct io *io, const char *path,
			    struct cv_pool *pool,
			    struct dovecot_attributes **attributes,
			    struct cv_error *err);

#endif
