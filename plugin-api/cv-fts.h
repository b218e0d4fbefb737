/* cv-fts.h - full-text search: a provider knows which messages of a mailbox
 * may match, and the core looks at those alone.
 *
 * The core gives each message to the provider once, in the order of their
 * UIDs, before it asks.  It trusts an answer as far as doc/plugins/fts.md
 * says: messages that are not there are ignored, a failure means that the
 * messages are looked through as if there was no provider. */
#ifndef CV_FTS_H
#define CV_FTS_H

#include "cv-mailbox.h"

enum cv_fts_cap {
	CV_FTS_FUZZY = 1,	/* answers fuzzy keys, with scores [RFC6203] */
};

/* A mailbox, the same under another name. */
struct cv_fts_box {
	CV_HEAD;
	struct cv_user *user;
	uint8_t guid[16];
	uint32_t uidvalidity;
};

struct cv_fts_message {
	CV_HEAD;
	uint32_t uid;
	/* UTF-8, decoded: "Subject: text" and a line feed for each field, of
	 * all parts; what SEARCH BODY looks at.  Both are cut after 1 MiB. */
	struct cv_span header, body;
	/* There was more, or not all could be read: every key may match. */
	bool cut;
};

enum cv_fts_where {
	CV_FTS_HEADER = 1,	/* field; those of the message itself */
	CV_FTS_BODY, CV_FTS_TEXT,
};

struct cv_fts_key {
	CV_HEAD;
	uint32_t where;		/* enum cv_fts_where */
	struct cv_span field, text;	/* UTF-8 */
	bool fuzzy;
	/* The answer is not waited for longer (cv_host.monotonic_msecs). */
	uint64_t deadline_msecs;
};

struct cv_fts_hit { uint32_t uid, score; };	/* 1..100 [RFC6203 4] */

/* Of a key that is not fuzzy: definite matches do have the text in them,
 * without regard to case; together with maybe, which the core looks through,
 * they are all that do.  Of a fuzzy one: definite is what matches. */
struct cv_fts_result {
	CV_HEAD;
	struct cv_set definite, maybe;		/* UIDs */
	const struct cv_fts_hit *hits;		/* ascending; of fuzzy keys */
	uint32_t hit_count;
};

/* Provider kind FTS.  Functions return CV_OK or a failure, and must not call
 * the service "mailbox". */
struct cv_fts {
	CV_HEAD;
	const char *name;
	uint64_t caps;			/* enum cv_fts_cap */
	/* Messages up to this UID were given to it; 0: none. */
	int (*last)(const struct cv_fts_box *box, uint32_t *uid_r,
		    struct cv_error *err);
	int (*index)(const struct cv_fts_box *box,
		     const struct cv_fts_message *message,
		     struct cv_error *err);
	int (*search)(const struct cv_fts_box *box,
		      const struct cv_fts_key *key, struct cv_pool *pool,
		      struct cv_fts_result *result_r, struct cv_error *err);
	/* NULL, or: of messages up to the highest of these UIDs only these
	 * are still there. */
	int (*forget)(const struct cv_fts_box *box, struct cv_set kept,
		      struct cv_error *err);
};

#endif
