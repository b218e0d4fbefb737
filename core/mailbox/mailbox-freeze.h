/* mailbox-freeze.h - a view is put into bytes and woken in another process,
 * for connections that are silent for long. */
#ifndef MAILBOX_FREEZE_H
#define MAILBOX_FREEZE_H

#include "user.h"

enum { MAILBOX_FREEZE_KEY_BYTES = 32 };

/* Appends the view, of any mail; it can be closed then.  key: what both
 * processes know and nobody else.  On failure nothing is appended. */
int mailbox_freeze(struct cv_mailbox *box,
		   const uint8_t key[MAILBOX_FREEZE_KEY_BYTES],
		   struct cv_text *out, struct cv_error *err);
/* The view with the sequence numbers that it had; the next sync tells what has
 * happened since.  No hook mailbox_opened.  CV_E_SYNTAX, CV_E_DENIED: it is
 * not what mailbox_freeze made with this key; CV_E_NOT_FOUND: the mailbox was
 * deleted, or is not the same any more.  A renamed one is found. */
int mailbox_thaw(struct cv_user *user, struct cv_span frozen,
		 const uint8_t key[MAILBOX_FREEZE_KEY_BYTES],
		 struct cv_mailbox **box_r, struct cv_error *err);

/* mailbox-annotations.c: which annotations the client knows of, where it is
 * told of changes; nothing is appended where it is not.  CV_E_TEMP: some have
 * changed that it has not been told of. */
int annotations_freeze(struct cv_user *user,
		       const uint8_t key[MAILBOX_FREEZE_KEY_BYTES],
		       struct cv_text *out, struct cv_error *err);
/* The next look tells what has changed since.  CV_E_SYNTAX: it is damaged. */
int annotations_thaw(struct cv_user *user, struct cv_span frozen,
		     const uint8_t key[MAILBOX_FREEZE_KEY_BYTES],
		     struct cv_error *err);
/* As user_watch_each, what changes when annotations do. */
int annotations_watch_each(struct cv_user *user, watch_fd_fn *fn,
			   void *context, struct cv_error *err);

#endif
