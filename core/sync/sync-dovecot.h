/* sync-dovecot.h - a tree of Dovecot's sdbox or mdbox, written for
 * sync-dovecot*.c.  The bytes are in doc/format-dbox.md, section 5. */
#ifndef SYNC_DOVECOT_H
#define SYNC_DOVECOT_H

#include "sync-side.h"

enum {
	DOVECOT_BUFFER = 64 * 1024,
	DOVECOT_ROTATE = 10 * 1024 * 1024,	/* of a file of mdbox */
};

/* All of the data, wherever write stops. */
int sync_dovecot_write(int fd, const char *name, struct cv_span data,
		       struct cv_error *err);
void sync_dovecot_put(struct cv_text *dst, uint64_t value, int bytes);

/* --- sync-dovecot-index.c -------------------------------------------------- */

/* Data with a name that an index holds: some for itself, some for each
 * message.  get appends the latter, exactly size bytes. */
struct sync_dovecot_part {
	const char *name;
	struct cv_span header;
	uint32_t size, align;
	void (*get)(void *context, uint32_t number, struct cv_text *dst);
	uint32_t offset;		/* set by the writer */
};

struct sync_dovecot_index {
	uint32_t id, uidvalidity, uidnext, count, seen, deleted;
	uint64_t highestmodseq;
	struct sync_dovecot_part *parts;
	uint32_t part_count;
	/* the UID and the flags of message number, from 0 */
	uint32_t (*row)(void *context, uint32_t number, uint8_t *flags_r);
	void *context;
};

/* name and name.log, new ones. */
int sync_dovecot_index_write(int dirfd, const char *name,
			     const struct sync_dovecot_index *index,
			     struct cv_error *err);

/* --- sync-dovecot-extras.c ---------------------------------------------------- */

/* Appends an annotation of the mailbox with this GUID, or of the server;
 * false: Dovecot has no place for it. */
bool sync_dovecot_attribute(struct cv_text *dst, const uint8_t guid[16],
			    bool server, const struct sync_entry *entry);
/* A new file with these bytes. */
int sync_dovecot_file_write(int dirfd, const char *name, struct cv_span data,
			    struct cv_error *err);

/* --- sync-dovecot-mail.c ----------------------------------------------------- */

/* A message that is being written to a file, at its end. */
struct sync_dovecot_mail {
	struct cv_text buffer;		/* not written yet */
	const char *name;		/* of the file */
	int fd;
	uint64_t size;			/* of the file and the buffer */
	uint64_t start, length;		/* its head, bytes of its body */
	uint64_t virtual_size;
	bool cr;			/* one that may belong to an LF */
};

/* The first line of a file; name lives as long as it. */
int sync_dovecot_file_begin(struct sync_dovecot_mail *m, int dirfd,
			    const char *name, struct cv_error *err);
void sync_dovecot_mail_begin(struct sync_dovecot_mail *m);
int sync_dovecot_mail_write(struct sync_dovecot_mail *m, struct cv_span data,
			    struct cv_error *err);
/* mailbox: where it was saved first; NULL: not said. */
int sync_dovecot_mail_finish(struct sync_dovecot_mail *m,
			     const struct sync_row *as, const char *mailbox,
			     struct cv_error *err);
int sync_dovecot_file_end(struct sync_dovecot_mail *m, struct cv_error *err);

/* --- sync-dovecot-box.c ------------------------------------------------------ */

struct dovecot_message {
	uint32_t uid, words, map_uid;
	uint32_t saved;
	uint64_t modseq;
	uint8_t guid[16], flags;
};

/* Where mdbox's storage/dovecot.map.index says that a message is. */
struct dovecot_place { uint32_t file, offset, size; };

/* The end that becomes a tree. */
struct dovecot {
	struct sync_side side;
	struct cv_pool *pool;
	bool multi;
	const char *path, *work;	/* where it goes, where it is made */
	int fd;				/* of work; -1: nothing made yet */
	sync_boxes boxes;
	sync_names subscribed;

	struct cv_pool *box_pool;	/* of the open one; NULL: none */
	struct sync_box box;
	int box_fd;
	ARRAY(struct dovecot_message) messages;
	/* its keywords, and the numbers of their sets among the engine's */
	ARRAY(const char *) keywords;
	struct hash_table keyword_numbers;

	struct sync_dovecot_mail mail;
	struct sync_row row;
	bool adding;
	ARRAY(uint32_t) added;		/* UIDs, since the last commit */

	int storage_fd;
	uint32_t map_id, file;
	ARRAY(struct dovecot_place) places;

	struct cv_text attributes;	/* annotations */
	uint32_t lost_attributes;
};
/* The index of the open mailbox; that of mdbox's storage. */
int sync_dovecot_box_write(struct dovecot *d, struct cv_error *err);
int sync_dovecot_map_write(struct dovecot *d, struct cv_error *err);

#endif
