/* mailbox-annotations.h - pictures of annotations that are compared with later
 * ones: for the files of this folder. */
#ifndef MAILBOX_ANNOTATIONS_H
#define MAILBOX_ANNOTATIONS_H

#include "mailbox-remote.h"

struct annotation {
	struct account_guid guid;	/* zero: the server's */
	struct cv_span entry;
	uint64_t hash;			/* of the value; never 0 */
	const char *mailbox;		/* "": the server's */
};

typedef ARRAY(struct annotation) annotation_list;

struct annotation_picture {
	annotation_list items;		/* by GUID and entry */
	ARRAY(struct account_guid) folders;	/* that can be seen; sorted */
};

void annotation_picture_init(struct annotation_picture *picture,
			     struct cv_pool *pool);
void annotation_picture_sort(struct annotation_picture *picture);
/* 0: there is none. */
uint64_t annotation_hash(const uint64_t key[2], struct cv_span value);

/* mailbox-metadata.c: where a user's own account has what is private to him in
 * a mailbox of others, before the names of entries. */
const char *annotations_private_prefix(const uint8_t guid[16],
				       struct cv_pool *pool);
/* Whether these rights let one see annotations [RFC5464 3.3]. */
bool annotations_are_shown(uint32_t rights);

/* mailbox-remote-annotations.c */

struct remote_folder {
	struct account_guid guid;
	const char *name;		/* as the reader sees it */
};

/* Adds all under /shared that an owner lets us see, hashed by his broker under
 * this key, which is nobody's secret.  Unsorted; folders_r: those that may
 * have some. */
int remote_annotations(struct remote *remote, const uint64_t key[2],
		       struct cv_pool *pool,
		       struct annotation_picture *picture,
		       struct remote_folder **folders_r, uint32_t *count_r,
		       struct cv_error *err);

#endif
