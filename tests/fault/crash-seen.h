/* crash-seen.h - what a client can see of a user's mailboxes, and whether two
 * such sights go together. */
#ifndef CRASH_SEEN_H
#define CRASH_SEEN_H

#include "../unit/mailbox-fixture.h"

enum { SEEN_MESSAGES_MAX = 200, SEEN_BOXES_MAX = 8 };

/* notes: of its annotations; bytes: of the body, as read. */
struct seen_message {
	uint32_t box, uid, flags, body, notes, bytes;
	bool keyword;
};

struct seen_box {
	char name[32];
	uint32_t uidvalidity, uidnext;
	uint64_t modseq;
	bool subscribed;
};

struct seen {
	struct seen_box boxes[SEEN_BOXES_MAX];
	struct seen_message messages[SEEN_MESSAGES_MAX];
	uint32_t box_count, message_count;
};

/* NULL, or what is wrong already. */
const char *seen_look(struct fixture *f, struct seen *seen);

/* NULL: there is none. */
const struct seen_box *seen_box_named(const struct seen *seen,
				      const char *name);
const struct seen_message *seen_find(const struct seen *seen,
				     const char *box, uint32_t uid);

/* The same mailboxes and messages; where `other` is not NULL flags may be as
 * in that, and a UIDVALIDITY be another. */
bool seen_is_state(const struct seen *now, const struct seen *want,
		   const struct seen *other);
/* `now` has all that `want` has, but for messages of one mailbox; and nothing
 * else. */
bool seen_is_part(const struct seen *now, const struct seen *want,
		  const char *box);
/* What only grows: NULL, or what has become less. */
const char *seen_check_growth(const struct seen *now,
			      const struct seen *acked);

#endif
