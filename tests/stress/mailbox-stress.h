/* mailbox-stress.h - one session of many on an account, for mailbox-*.c of this
 * folder. */
#ifndef MAILBOX_STRESS_H
#define MAILBOX_STRESS_H

#include "mailbox/user.h"
#include "mailbox/mailbox-private.h"

#include <stdio.h>

enum { SESSIONS_MAX = 64, NAMES = 8, COMMITS_MAX = 64, FLAGGED_MAX = 64 };

struct session {
	uint32_t number;
	uint64_t random;
	FILE *log;
	struct cv_user *user;
	struct cv_pool *pool;		/* of one step */
	struct cv_mailbox *box;
	uint32_t *mirror;		/* the view, as a client knows it */
	uint32_t count, room, last_uid;
	uint64_t modseq;
	uint32_t saved;
	struct cv_error err;
};

/* Folders; some twice, so that more happens there. */
extern const char *const box_names[NAMES];
extern bool change_folders;
/* All sessions are in one process, which is one account; NULL: files. */
extern struct meta_memory *memory;

/* --- mailbox-commits.c: what a step has committed ---------------------------- */

struct commit {
	uint64_t number;
	/* The UIDs whose flags it set. */
	uint32_t flagged_count;
	struct account_range flagged[FLAGGED_MAX];
};

/* Of this step, in order. */
const struct commit *commits(uint32_t *count_r);
/* Forgets them. */
void commits_forget(void);
/* 0: none. */
uint64_t last_commit(void);

/* --- mailbox-session.c: chance, text, the view -------------------------------- */

uint32_t below(struct session *s, uint32_t limit);
/* What must not be: the session's process ends. */
void die(struct session *s, const char *what, uint32_t a, uint32_t b);
void failed(struct session *s, const char *what, int ret);
const char *set_text(struct session *s, struct cv_set set);
const char *uids_text(struct session *s, struct cv_set seqs);
const char *keywords_text(struct session *s, struct cv_keywords k);
/* "-/comment=x,+/altsubject=": those that are the user's own, and that are
 * shared; without "=" none.  "-": nothing. */
const char *notes_text(struct session *s, const struct cv_annotation *list,
		       uint32_t count, bool with_gone);
enum { NOTES_MAX = 3 };
uint32_t some_notes(struct session *s, struct cv_annotation list[NOTES_MAX],
		    bool removed_too);
uint32_t some_flags(struct session *s, bool deleted);
struct cv_keywords some_keywords(struct session *s);
struct cv_set some_seqs(struct session *s);
/* The number of the last commit that is known. */
uint64_t now_of(struct session *s);
/* Syncs, and compares what is told with what a client knows. */
int sync_view(struct session *s, uint32_t flags);
void close_view(struct session *s);
void open_view(struct session *s);

/* --- mailbox-steps.c ---------------------------------------------------------- */

/* Anything, at random. */
void step(struct session *s);

#endif
