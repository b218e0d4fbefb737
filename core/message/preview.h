/* preview.h - the first words of a message [RFC8970]. */
#ifndef PREVIEW_H
#define PREVIEW_H

#include "mime-part.h"
#include "stream/stream.h"

enum {
	PREVIEW_CHARACTERS = 200,	/* [RFC8970 3.1] */
	PREVIEW_READ_MAX = 16 * 1024,	/* bytes of a part looked at */
};

/* Appends at most PREVIEW_CHARACTERS characters of UTF-8 on one line: the
 * first plain text that is no attachment, else the first HTML without its
 * markup; quoted lines are left out as long as there are others.  tree needs
 * its info (a parsed one).  Nothing is appended when there is no text. */
int message_preview_append(struct cv_text *dst, struct cv_stream *file,
			   const struct mime_tree *tree,
			   struct cv_error *err);

/* Parses the message first. */
int message_preview_make(struct cv_pool *pool, struct cv_stream *file,
			 struct cv_text *dst, struct cv_error *err);

#endif
