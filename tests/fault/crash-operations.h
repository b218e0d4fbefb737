/* crash-operations.h - the operations of the mailbox API that a power cut
 * interrupts: each on INBOX, or on "other". */
#ifndef CRASH_OPERATIONS_H
#define CRASH_OPERATIONS_H

#include "../unit/mailbox-fixture.h"

#ifdef FIXTURE_SDBOX
#define FIXTURE_PLACES
#define PLACES "mail_location = sdbox:~/sdbox:ALT=~/alt\n"
#elif defined(FIXTURE_MDBOX)
#define FIXTURE_PLACES
#define PLACES "mail_location = mdbox:~/mdbox:ALT=~/alt\n"
#else
#define PLACES ""
#endif

struct crash_operation {
	const char *name;
	int (*run)(struct fixture *f);
	/* file names change one by one: a STORE that nobody acknowledged may
	 * have reached a part of them; and a directory that nobody knows to
	 * be made or removed may be found as a new mailbox */
	bool loose;
	/* a mailbox that comes back although its removal was committed, but
	 * not acknowledged, may miss messages that were copied into it */
	const char *forgets;
};

extern const struct crash_operation crash_operations[];
extern const uint32_t crash_operation_count;

/* Of a user who is new.  disk: the port under the one that records, which
 * some of them fill (io_fault_room); not looked at on mbox. */
void crash_operations_begin(struct io *disk);

/* A message of its own for INBOX; also the first of the table. */
int crash_save(struct fixture *f);

#endif
