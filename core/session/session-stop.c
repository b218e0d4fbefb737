/* session-stop.c - what ends a session from outside: SIGTERM, and anvil's order
 * to kick it. */
#include "session-private.h"

static volatile sig_atomic_t stopping;
static bool kicked;

static void on_term(int number)
{
	(void)number;
	stopping = 1;
}

const volatile sig_atomic_t *session_stop_flag(void)
{
	return &stopping;
}

void session_stop_kick(void)
{
	kicked = true;
	stopping = 1;
}

bool session_was_kicked(void)
{
	return kicked;
}

bool session_stopping(const struct cv_session *s)
{
	(void)s;
	return stopping != 0;
}

const char *session_stop_reason(const struct cv_session *s)
{
	(void)s;
	if (!stopping)
		return NULL;
	return kicked ? "Disconnected by the administrator." :
		"Server shutting down.";
}

void session_stop_watch(void)
{
	/* no SA_RESTART: waiting calls return */
	struct sigaction action = { .sa_handler = on_term };
	sigset_t none;

	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

void session_block_term(sigset_t *waiting_r)
{
	sigset_t term;

	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &term, waiting_r);
}
