/* imap-mock-session.h - the session side of the mock host: a connection that
 * plays a script, a user with mailboxes in memory. */
#ifndef IMAP_MOCK_SESSION_H
#define IMAP_MOCK_SESSION_H

#include "imap-mock.h"

enum { MOCK_MESSAGES_MAX = 64, MOCK_BOXES_MAX = 32 };

struct mock_message {
	uint32_t uid, flags;
	char keywords[64];		/* "a b" */
	int64_t date;
	struct cv_span text;
	uint64_t modseq;
	/* in the order of cv_message_data */
	struct cv_annotation annotations[8];
	uint32_t annotation_count;
};

struct mock_box {
	char name[128];
	uint64_t modseq;
	/* UIDs that went, and when */
	struct { uint32_t uid; uint64_t modseq; } gone[MOCK_MESSAGES_MAX];
	uint32_t gone_count;
	uint32_t uidvalidity, uidnext;
	struct mock_message messages[MOCK_MESSAGES_MAX];
	uint32_t count;
	uint32_t use;
	bool exists, subscribed;
	uint32_t hidden;		/* enum cv_picture_flag: rights that
					 * the user has not */
};

struct cv_user {
	struct cv_pool *pool;
	struct mock_box boxes[MOCK_BOXES_MAX];
	uint32_t count;
	unsigned int settled, settle_fails;	/* calls; to fail */
	cv_progress_fn *progress;
	void *progress_context;
	uint64_t done, total;		/* a search says this; total 0: not */
};

struct cv_connection {
	struct cv_span script;		/* all that the client sends */
	size_t at;			/* given to the window */
	size_t skipped;
	size_t step;			/* bytes that arrive at once */
	struct cv_text out;
	bool broken;
	bool compressed;
	size_t reset_at;
	unsigned int resets;
	/* Called when the client waits in IDLE and nothing comes. */
	void (*idle)(struct cv_session *s);
};

struct cv_session {
	struct cv_pool *pool;
	struct cv_connection conn;
	struct cv_user user;
	bool stopping;
	int fail_save;			/* code for the next save_write */
	int fail_section;		/* code for each section */
	int refuse_command;		/* from the command hooks */
	bool return_fails, given_back;
	/* What another session does just before a "UID" command. */
	void (*meanwhile)(struct cv_session *s);
	char stats[256];
	/* Whether it may give its connection away; what it left then. */
	bool sleeps, slept;
	struct cv_text left;
	struct cv_span woken;		/* what it goes on with; NULL: nothing */
};

/* The service table of that name, NULL when there is none. */
const void *mock_session_service(const char *name);

/* A user with INBOX (three messages), "Sent Items", "a/b" and others. */
struct cv_session *mock_session_new(void);
void mock_session_free(struct cv_session **s);
/* Runs one whole session over the script, step bytes at a time; returns what
 * the client got after the greeting. */
const char *mock_session_play(struct cv_session *s, struct cv_span script,
			      size_t step);
/* The same for a session that slept and left this, with INBOX selected: all that
 * the client got. */
const char *mock_session_wake(struct cv_session *s, struct cv_span left,
			      struct cv_span script);
/* What mailboxes say of annotations (enum cv_annotation_support); 0. */
extern uint32_t mock_annotations;
struct mock_box *mock_box_find(struct cv_user *u, const char *name);
void mock_deliver(struct mock_box *box, uint32_t flags, const char *text);

#endif
