/* login-shared.h - login processes that serve many clients each
 * (service_count is not 1). */
#ifndef LOGIN_SHARED_H
#define LOGIN_SHARED_H

#include "login-private.h"

#include <sys/types.h>

/* In the confined parent, whose event loop must watch for SIGCHLD: forks
 * process_min_avail children, which accept from now on.  A filter without
 * instructions is none. */
void login_shared_start(struct login_process *process,
			const struct sandbox_filter *filter);
/* A child of the parent has ended.  False: it was none of ours. */
bool login_shared_ended(pid_t pid, int status);
/* The children accept nothing more and end with their last client. */
void login_shared_retire(void);

#endif
