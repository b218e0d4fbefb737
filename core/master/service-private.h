/* service-private.h - what service.c keeps, for the zygotes that need to
 * know it. */
#ifndef SERVICE_PRIVATE_H
#define SERVICE_PRIVATE_H

#include "boot.h"
#include "sandbox.h"
#include "service.h"
#include "settings/core-settings.h"

#include <event2/event.h>

struct service_port { const char *peer; int fd; };

struct service_private {
	struct boot_go go;
	struct general_settings general;
	ARRAY(struct service_listener) listeners;
	ARRAY(struct service_port) clients;	/* ports to servers */
	ARRAY(struct service_port) servers;	/* ports from clients */
	ARRAY(struct service_path) paths;
	uint32_t classes;	/* system call classes */
	uint32_t holds;
	bool retired;
	bool forked;		/* by service_forks_run */
	int first_taken_fd;	/* told of the first message; or -1 */
	uint64_t woken_msecs;	/* for gather_msecs of the row */
	ARRAY(struct event *) accepting;
	ARRAY(struct event *) listening;	/* to the ports */
};

/* The rows of all roles; NULL: no such role. */
const struct service_row *service_row_find(const char *name);

/* The whole life of a process; returns its exit status.  role is the name of
 * its row. */
int service_run(const char *name, const char *role);

/* Tells the master that this service serves now. */
void service_tell_ready(struct service *s);
/* Drops root for the uid the master gave, and enters the chroot. */
int service_drop_identity(struct service *s, struct cv_error *err);
/* Landlock for the row's and the added paths, then the filter. */
int service_confine(struct service *s, struct cv_error *err);
/* Whether to go on when the kernel cannot confine (sandbox = auto); logs. */
bool service_may_go_on(const struct service *s, int status,
		       const struct cv_error *err);

/* The first process of a service whose row forks: returns CV_OK in each that
 * it has forked, which go on and start; ends the first one itself.  An error:
 * they could not start. */
int service_forks_run(struct service *s, struct cv_error *err);

/* Limits of memory, core dumps and descriptors. */
void service_limit_memory(uint64_t bytes);
/* Before children are forked: tidies the heap, else each of them does it, in
 * pages it has to copy first; and leaves what the kernel would write into
 * pages of its own for. */
void service_prepare_forks(void);
/* Memory and stack that are free, for a process that will do little and stay
 * long. */
void service_give_back(void);
/* fork() without the handlers of libraries (pthread_atfork): they are for
 * programs with threads, which zygotes have not, and the C library's own write
 * into pages that parent and child have to copy then. */
pid_t service_fork(void);

#endif
