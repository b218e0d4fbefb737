/* selftest.h - a process tries to escape from its sandbox, on the admin's
 * order (culveradm selftest sandbox).
 *
 * Zygotes have a child do it, confined as those that serve clients; every
 * other role tries by itself.  A role whose sandbox fails may not survive its
 * test, and then the master starts it anew. */
#ifndef SELFTEST_H
#define SELFTEST_H

#include "ipc/ipc.h"

enum selftest_message_type {
	SELFTEST_MSG_RUN = 0x600,	/* struct selftest, fd: for the answer */
	SELFTEST_MSG_ROW,		/* str attempt, bool prevented, str */
	SELFTEST_MSG_END,		/* no fields */
};

struct selftest {
	/* For roles that become users: who, and their home. */
	const char *user, *home;
	uint32_t uid, gid;
	const char *foreign_mail;	/* a file that others own */
	uint32_t port;			/* somebody listens, 127.0.0.1 */
	uint32_t pid;			/* a process to harm */
	int answer_fd;
};

/* The fields, behind what the message has already. */
void selftest_put(struct ipc_writer *w, const struct selftest *t);
/* Strings live in pool; the descriptor is the caller's. */
int selftest_get(struct ipc_reader *r, struct cv_pool *pool,
		 struct selftest *t_r, struct cv_error *err);

/* Tries everything and reports on answer_fd, which is closed.  What loaded
 * plugins declare that they do (module_flags) is not tried. */
void selftest_run(const struct selftest *t, uint32_t declared_flags);
/* As a script, which may run programs and write where its user may. */
void selftest_run_script(const struct selftest *t);

#endif
