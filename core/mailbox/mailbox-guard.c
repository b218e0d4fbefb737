/* mailbox-guard.c - a call into a plugin that does not come back.
 *
 * Calls are synchronous, and nothing can be taken back from a plugin that runs
 * in our memory; what can be bounded is how long its user waits.  A timer
 * ends the process: a line in the log, a last word to the client, the end.
 * Whatever the plugin was in the middle of is lost with it, as in a crash.
 *
 * INVARIANT: the timer runs between begin and end alone, so that its signal
 * interrupts no call of ours. */
#include "mailbox-private.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

enum { LAST_WORDS_SECS = 2 };

static struct {
	struct cv_user *user;
	const char *what;		/* "full-text search by words" */
	struct sigaction before;
	struct itimerval timer_before;
} guard;

void mailbox_set_stuck(struct cv_user *u, cv_stuck_fn *fn, void *context)
{
	u->stuck_fn = fn;
	u->stuck_context = context;
}

/* What is called here is not async-signal-safe: the plugin may hold a lock
 * that it needs, a client may not read.  So the same signal ends the process
 * for good when it takes long. */
static void guard_expired(int number)
{
	static const struct itimerval again = {
		.it_value = { .tv_sec = LAST_WORDS_SECS } };
	struct cv_user *user = guard.user;

	(void)signal(number, SIG_DFL);
	(void)setitimer(ITIMER_REAL, &again, NULL);
	log_error("mailbox", "%s does not come back: the session of %s ends "
		  "(hint: see fts_search_timeout)", guard.what, user->name);
	if (user->stuck_fn != NULL)
		user->stuck_fn(user->stuck_context,
			       "Internal error: a plugin does not answer.");
	_exit(EXIT_FAILURE);
}

void mailbox_guard_begin(struct cv_user *user, const char *what,
			 uint64_t msecs)
{
	/* SA_NODEFER: the second one is to come through */
	struct sigaction action = { .sa_handler = guard_expired,
				    .sa_flags = SA_NODEFER };
	struct itimerval timer = { .it_value = {
		.tv_sec = (time_t)(msecs / 1000),
		.tv_usec = (suseconds_t)(msecs % 1000 * 1000) } };

	guard.user = user;
	guard.what = what;
	(void)sigaction(SIGALRM, &action, &guard.before);
	(void)setitimer(ITIMER_REAL, &timer, &guard.timer_before);
}

void mailbox_guard_end(void)
{
	(void)setitimer(ITIMER_REAL, &guard.timer_before, NULL);
	(void)sigaction(SIGALRM, &guard.before, NULL);
}
