/* sync-side.h - one end of a synchronisation: a user's mail, wherever it is.
 *
 * The engine (sync.h) talks to both ends through this table.  The ends are
 * the mail of a user of this process (sync-local.c) and another Culver
 * behind a pipe (sync-remote.c).  What lies on a server of another make can
 * only be read.
 *
 * Names of mailboxes are canonical: without the prefix of the namespace with
 * the inbox, '/' between levels, "INBOX" for the inbox; those of another
 * namespace begin with its prefix. */
#ifndef SYNC_SIDE_H
#define SYNC_SIDE_H

#include "base.h"
#include "cv-mailbox.h"

enum {
	SYNC_NAME_MAX = 1000, SYNC_CHUNK_MAX = 64 * 1024,
	SYNC_BATCH_MESSAGES = 1000, SYNC_BATCH_BYTES = 16 * 1024 * 1024,
	SYNC_KEYWORDS_MAX = 16 * 1024,	/* bytes of one message's keywords */
	SYNC_USES = CV_MAILBOX_USE_ALL | CV_MAILBOX_USE_ARCHIVE |
		CV_MAILBOX_USE_DRAFTS | CV_MAILBOX_USE_FLAGGED |
		CV_MAILBOX_USE_JUNK | CV_MAILBOX_USE_SENT |
		CV_MAILBOX_USE_TRASH | CV_MAILBOX_USE_IMPORTANT,
};

/* --- sets of keywords ------------------------------------------------------ */

/* Sets as numbers: 0 is the empty one, equal sets have equal numbers.  Text:
 * the names in order of ASCII without case, a space between. */
struct sync_words {
	struct cv_pool *pool;
	struct hash_table table;	/* text to &texts number + 1 */
	ARRAY(const char *) texts;
	struct hash_table note_table;	/* sync-notes.c */
	ARRAY(struct cv_span) notes;
};

void sync_words_init(struct sync_words *words, struct cv_pool *pool);
/* Sorts, drops what is there twice. */
uint32_t sync_words_of(struct sync_words *words, const char *const *names,
		       uint32_t count);
/* Of a text with the names in any order. */
uint32_t sync_words_parse(struct sync_words *words, struct cv_span text);
const char *sync_words_text(const struct sync_words *words, uint32_t set);
/* Names live in the set. */
struct cv_keywords sync_words_get(struct sync_words *words, uint32_t set,
				  struct cv_pool *pool);
uint32_t sync_words_union(struct sync_words *words, uint32_t a, uint32_t b);
uint32_t sync_words_minus(struct sync_words *words, uint32_t a, uint32_t b);

/* --- sets of annotations of a message [RFC5257] ---------------------------- */

/* Sets as numbers, as those of keywords: equal sets have equal numbers, 0 is
 * the empty one.  Those that say what changes have entries without a value:
 * to be removed. */

enum { SYNC_NOTES_SHARED = 1, SYNC_NOTES_PRIVATE = 2 };

/* What has no value is left out. */
uint32_t sync_notes_of(struct sync_words *words,
		       const struct cv_annotation *list, uint32_t count);
/* From a stranger; false: it is none. */
bool sync_notes_parse(struct sync_words *words, struct cv_span bytes,
		      uint32_t *set_r);
struct cv_span sync_notes_bytes(const struct sync_words *words, uint32_t set);
/* Spans live in the set. */
const struct cv_annotation *
sync_notes_get(const struct sync_words *words, uint32_t set,
	       struct cv_pool *pool, uint32_t *count_r);
/* Those of these kinds (SYNC_NOTES_x). */
uint32_t sync_notes_only(struct sync_words *words, uint32_t set,
			 uint32_t kinds);
/* Each as the end that changed it since base has it; changed at both: a's, but
 * a change wins over a removal. */
uint32_t sync_notes_merge(struct sync_words *words, uint32_t base, uint32_t a,
			  uint32_t b);
/* What is to be set and removed to make from into to. */
uint32_t sync_notes_diff(struct sync_words *words, uint32_t from, uint32_t to);

/* --- what an end has --------------------------------------------------------- */

struct sync_box {
	const char *name;
	uint8_t guid[16];
	uint32_t uidvalidity, uidnext, messages;
	uint32_t use;			/* CV_MAILBOX_USE_x */
	uint64_t modseq;		/* 0: not known */
	/* Of the open one: enum cv_annotation_support. */
	uint32_t annotations;
};

struct sync_row {
	uint32_t uid, flags, words, notes;
	uint64_t modseq, size;
	int64_t received, saved;	/* saved 0: not known */
	uint8_t guid[16];
};

struct sync_entry { struct cv_span key, value; };

typedef ARRAY(struct sync_box) sync_boxes;
typedef ARRAY(struct sync_row) sync_rows;
typedef ARRAY(struct sync_entry) sync_entries;
typedef ARRAY(const char *) sync_names;

/* What becomes of the flags and annotations of one message. */
struct sync_change {
	uint32_t uid, add, remove;
	uint32_t add_words, remove_words;
	uint32_t notes;			/* sync_notes_diff */
};

struct sync_update {
	uint32_t uidvalidity;		/* 0: stays */
	uint32_t uidnext;		/* at least this */
	bool empty;			/* removes all messages before, and
					 * uidnext is exact */
	uint64_t modseq;		/* HIGHESTMODSEQ: at least this */
};

enum sync_cap {
	SYNC_CAP_WRITE = 1,
	SYNC_CAP_FLAGS = 2,		/* flags and keywords mean something */
	SYNC_CAP_UIDS = 4,		/* UIDs last */
	SYNC_CAP_METADATA = 8,
	SYNC_CAP_BOXES = 16,		/* it has more than INBOX, and
					 * subscriptions */
	SYNC_CAP_NOTES = 32,		/* annotations of messages */
};

struct sync_side {
	const struct sync_side_ops *ops;
	const char *label;		/* for people */
	uint32_t caps;
	uint8_t id[16];			/* of the account */
	uint64_t modseq;		/* of the account, 0 not known */
	struct sync_words *words;	/* the engine's, set before list */
	bool broken;			/* no call makes sense any more */
	/* The last failure of fetch_read was that of one message, which its
	 * text names: fetch_next goes on with the next one. */
	bool damaged;
};

/* All: CV_OK or a failure.  Pools are the caller's.  Those behind "writing"
 * are NULL at an end without SYNC_CAP_WRITE. */
struct sync_side_ops {
	/* Selectable mailboxes. */
	int (*list)(struct sync_side *s, struct cv_pool *pool,
		    sync_boxes *boxes, struct cv_error *err);
	int (*subscriptions)(struct sync_side *s, struct cv_pool *pool,
			     sync_names *names, struct cv_error *err);
	/* name "": the account's. */
	int (*metadata)(struct sync_side *s, const char *name,
			struct cv_pool *pool, sync_entries *entries,
			struct cv_error *err);
	/* Makes it the one that rows, change, expunge and fetch mean, and
	 * says what it is like now. */
	int (*open)(struct sync_side *s, const char *name,
		    struct sync_box *box_r, struct cv_error *err);
	/* Whether there is one. */
	bool (*is_open)(const struct sync_side *s);
	/* Ascending by UID. */
	int (*rows)(struct sync_side *s, struct cv_pool *pool,
		    sync_rows *rows, struct cv_error *err);
	/* Begins to give the bytes of these messages in this order. */
	int (*fetch)(struct sync_side *s, const uint32_t *uids,
		     uint32_t count, struct cv_error *err);
	/* The next of them; those that are gone are left out.  CV_NOT_FOUND:
	 * that was all. */
	int (*fetch_next)(struct sync_side *s, uint32_t *uid_r,
			  struct cv_error *err);
	/* Its next bytes, CRLF form.  CV_EOF: complete.  A failure: also
	 * s->damaged. */
	int (*fetch_read)(struct sync_side *s, struct cv_span *data_r,
			  struct cv_error *err);
	/* All of fetch has been read, or is not wanted any more. */
	void (*fetch_end)(struct sync_side *s);
	void (*close)(struct sync_side **s);

	/* --- writing --- */
	int (*create)(struct sync_side *s, const struct sync_box *as,
		      struct cv_error *err);
	int (*remove)(struct sync_side *s, const char *name,
		      struct cv_error *err);
	int (*rename)(struct sync_side *s, const char *from, const char *to,
		      struct cv_error *err);
	int (*subscribe)(struct sync_side *s, const char *name, bool on,
			 struct cv_error *err);
	/* value.data NULL removes. */
	int (*set_metadata)(struct sync_side *s, const char *name,
			    const struct sync_entry *entry,
			    struct cv_error *err);
	/* Of the open one. */
	int (*update)(struct sync_side *s, const struct sync_update *update,
		      struct cv_error *err);
	int (*change)(struct sync_side *s, struct sync_change *changes,
		      uint32_t count, struct cv_error *err);
	int (*expunge)(struct sync_side *s, const uint32_t *uids,
		       uint32_t count, struct cv_error *err);
	/* Into the open one.  add, write..., any number of them, then commit:
	 * all of them or none.  as->uid, as->modseq 0: a new one. */
	int (*save_add)(struct sync_side *s, const struct sync_row *as,
			struct cv_error *err);
	int (*save_write)(struct sync_side *s, struct cv_span data,
			  struct cv_error *err);
	/* uids_r: room for as many as were added.  CV_E_EXISTS: a UID was
	 * given to another message meanwhile. */
	int (*save_commit)(struct sync_side *s, uint32_t *uids_r,
			   uint32_t count, struct cv_error *err);
	void (*save_abort)(struct sync_side *s);
	/* The rights of a mailbox, as text of a file dovecot-acl; data NULL:
	 * nobody has any but those that come with its being there.  NULL: the
	 * end cannot say. */
	int (*rights)(struct sync_side *s, const char *name,
		      struct cv_pool *pool, struct cv_span *text_r,
		      struct cv_error *err);
	/* NULL: it takes none. */
	int (*set_rights)(struct sync_side *s, const char *name,
			  struct cv_span text, struct cv_error *err);
	/* Appends, for people, what a complete run has left behind.  NULL:
	 * nothing. */
	void (*left)(const struct sync_side *s, struct cv_text *dst);
	/* Shared and public namespaces, too: before list.  NULL: it has none.
	 * Belongs to no writing. */
	int (*widen)(struct sync_side *s, struct cv_error *err);
	/* After list: the namespace with this index among those that cannot be
	 * read, its canonical prefix and why; CV_NOT_FOUND past the last.
	 * Their mailboxes are in no list, and are to be left alone.  NULL:
	 * list fails instead. */
	int (*unread)(const struct sync_side *s, uint32_t index,
		      const char **prefix_r, struct cv_error *err);
	/* Whether a name is of one of them.  NULL with unread. */
	bool (*is_unread)(const struct sync_side *s, const char *name);
	/* Gives a mailbox that was never used this GUID.  CV_E_EXISTS: it was
	 * used, or another one has it.  NULL: it cannot. */
	int (*identify)(struct sync_side *s, const char *name,
			const uint8_t guid[16], struct cv_error *err);
	/* The run, which was no dry one, has ended; complete: nothing has
	 * failed.  NULL: what was committed stands. */
	int (*done)(struct sync_side *s, bool complete, struct cv_error *err);
};

/* --- the ends ------------------------------------------------------------------ */

struct cv_user;

/* The user's mail.  The user belongs to the side afterwards when owned. */
int sync_local_open(struct cv_user *user, bool owned, const char *label,
		    struct sync_side **side_r, struct cv_error *err);
/* Of such a side: the number of the namespace with this prefix (with or
 * without the separator at its end); CV_E_NOT_FOUND. */
int sync_local_space(const struct sync_side *s, const char *prefix,
		     uint32_t *space_r, struct cv_error *err);
/* And of the one that has, or would have, a canonical name. */
uint32_t sync_local_space_of(const struct sync_side *s, const char *name);
/* Whether that one is shared or public. */
bool sync_local_is_others(const struct sync_side *s, const char *name);
/* For a dry run: a store that is not there yet. */
void sync_empty_open(const char *label, struct sync_side **side_r);
/* A program that speaks our protocol on its standard input and output;
 * descriptors belong to the side. */
int sync_remote_open(int in, int out, const char *label,
		     struct sync_side **side_r, struct cv_error *err);
/* Serves side to whoever is at the other end until it says good-bye (CV_OK)
 * or breaks the rules. */
int sync_serve(struct sync_side *side, int in, int out, struct cv_error *err);

/* A tree of Dovecot's sdbox, or mdbox, that is not there yet: it can become a
 * copy of another end, once. */
int sync_dovecot_open(const char *path, bool multi, const char *label,
		      struct sync_side **side_r, struct cv_error *err);

#endif
