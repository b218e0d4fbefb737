/* sync-link.h - frames over a pair of descriptors.
 *
 * A frame: length of the rest (u32), type (u8), payload.  Little-endian as
 * all of sync-wire.h. */
#ifndef SYNC_LINK_H
#define SYNC_LINK_H

#include "sync-wire.h"

/* With SYNC_CAP_NOTES at the server's end: ROWS with a 1 in its request gives
 * annotations behind each row; a SAVE_ADD has them behind its row when there
 * are any; the answer to OPEN ends with what the mailbox can have. */

#define LINK_MAGIC "culver-sync"
enum {
	LINK_VERSION = 2, LINK_FRAME_MAX = 16 * 1024 * 1024,
	LINK_BUFFER = 256 * 1024,
	LINK_SILENCE_MSECS = 15 * 60 * 1000,
	LINK_BOXES_MAX = 100 * 1000, LINK_ENTRIES_MAX = 100 * 1000,
	LINK_ROWS_MAX = 20 * 1000 * 1000, LINK_UNREAD_MAX = 1000,
	LINK_NOTES_BYTES = 1024 * 1024,	/* of a frame, but one message's */
};

enum link_type {
	/* both: magic, first and last version that is spoken; the server adds
	 * id, caps, modseq */
	LINK_HELLO = 1,
	/* answers: any number of parts, then OK or ERROR (code, text) */
	LINK_PART, LINK_OK, LINK_ERROR,
	/* of FETCH: a message (uid), then its DATA */
	LINK_MESSAGE, LINK_DATA,
	/* requests */
	LINK_LIST, LINK_SUBSCRIPTIONS, LINK_METADATA, LINK_OPEN, LINK_ROWS,
	LINK_FETCH, LINK_CREATE, LINK_REMOVE, LINK_RENAME, LINK_SUBSCRIBE,
	LINK_SET_METADATA, LINK_UPDATE, LINK_CHANGE, LINK_EXPUNGE,
	LINK_WIDEN, LINK_IDENTIFY,
	/* without an answer: row; bytes */
	LINK_SAVE_ADD, LINK_SAVE_DATA, LINK_SAVE_ABORT,
	LINK_SAVE_COMMIT,		/* count; answer: UIDs */
	LINK_BYE,
	/* of FETCH, in place of the rest of a message: it cannot be read
	 * (text) */
	LINK_DAMAGED,
	/* a request, only to whoever has SYNC_CAP_NOTES: UIDs and what is
	 * to be set */
	LINK_ANNOTATE,
	/* of LIST and SUBSCRIPTIONS, among their parts: a namespace that
	 * cannot be read (its canonical prefix, text) */
	LINK_UNREAD,
};

struct link {
	struct cv_pool *pool;
	int in, out;
	struct cv_text pending;		/* to be written */
	size_t frame_at;		/* of the frame being made */
	char *buffer;			/* what came */
	size_t start, end, room;
};

struct link *link_create(struct cv_pool *pool, int in, int out);
void link_close(struct link *link);

/* The text to append the payload to; end writes when there is much. */
struct cv_text *link_begin(struct link *link, uint8_t type);
int link_end(struct link *link, struct cv_error *err);
/* A frame without payload. */
int link_put(struct link *link, uint8_t type, struct cv_error *err);
int link_flush(struct link *link, struct cv_error *err);
/* Flushes, then waits for a frame; in_r is valid until the next call.
 * CV_EOF: closed between frames. */
int link_get(struct link *link, uint8_t *type_r, struct wire_in *in_r,
	     struct cv_error *err);

#endif
