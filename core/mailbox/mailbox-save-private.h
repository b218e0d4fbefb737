/* mailbox-save-private.h - a save in progress, for mailbox-save*.c. */
#ifndef MAILBOX_SAVE_PRIVATE_H
#define MAILBOX_SAVE_PRIVATE_H

#include "mailbox-remote.h"
#include "mailbox-replace.h"

struct binary_encoder;
struct message_summarizer;

struct saved {
	const char *mailbox_name;
	struct mailbox_ref ref;
	struct account_folder *folder;
	struct store_folder *sf;
	uint32_t flags;
	bool seen;			/* where that is the reader's own */
	struct cv_keywords keywords;
	int64_t received, saved;
	const struct account_guid *guid;	/* NULL: a new one */
	uint32_t wanted_uid;
	uint64_t modseq;		/* 0: of the commit */
	const struct cv_annotation *annotations;
	uint32_t annotation_count;
	struct message_summarizer *summarizer;
	struct cv_pool *parse_pool;
	struct cv_text bytes;		/* not written yet */
	struct cv_span head;		/* of a large one: how it begins */
	struct cv_storage_put *put;
	uint64_t size, virtual_size;
	bool stored_cr;			/* the last byte of them is CR */
	bool last_cr, filtered, finished, hidden, committed;
	struct cv_span ref_name, body;
	struct cv_text catalogue;
	struct cv_blob blob;
	uint32_t uid;
};

struct cv_save {
	struct cv_pool *pool;
	struct cv_user *user;
	const char *mailbox_name;
	ARRAY(struct saved *) messages;
	struct saved *current;
	int failed;
	struct remote_save *remote;	/* another user's mailbox; NULL */
	ARRAY(bool) seen;		/* of the messages, then */
	struct replaced replaced;	/* box NULL: none */
	uint64_t journal_bytes;
	/* Of the message at hand; NULL: not asked for. */
	struct binary_encoder *encoder;
	struct cv_pool *encoder_pool;
};

/* Remembers that the save can no longer be committed; returns ret. */
int save_fail(struct cv_save *save, int ret);

/* Whether a body of so many bytes may travel in the journal, beside those of
 * this save that do already. */
bool save_body_fits(const struct cv_save *save, const struct saved *m,
		    uint64_t size);

/* Drops what was not committed, and the save itself. */
void save_free(struct cv_save **save);

#endif
