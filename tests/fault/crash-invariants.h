/* crash-invariants.h - what must be true of an account after a power cut
 * whatever was interrupted, of the invariants of security.md 3.3. */
#ifndef CRASH_INVARIANTS_H
#define CRASH_INVARIANTS_H

#include "crash-seen.h"

/* Before the first fixture_login: mail is counted from now on. */
void invariants_begin(void);
/* A mailbox that no operation touches, with a message that has a file of its
 * own where a driver has such. */
int invariants_prepare(struct fixture *f);

/* Each: NULL, or what is wrong. */

/* I10: what quota counts is the sum of what there is to read. */
const char *invariants_check_quota(struct fixture *f, const struct seen *now);
/* I13: since `since`, of invariants_clock, a session has begun and looked. */
uint64_t invariants_clock(void);
const char *invariants_check_time(uint64_t since);
/* I16: compared completely, journal and store have nothing to tell each
 * other; but for a mailbox that `forgets` (crash-operations.h), or NULL. */
const char *invariants_check_rebuild(struct fixture *f,
				     const struct seen *now,
				     const char *forgets);
/* I17: the mailbox of invariants_prepare is as it was. */
const char *invariants_check_apart(const struct seen *now,
				   const struct seen *was);
/* I14: days later nothing is left that nobody needs.  f is logged out. */
const char *invariants_check_rubbish(struct fixture *f,
				     const struct seen *now,
				     const char *forgets);

#endif
