/* bug.h - checks of our own logic that stay in release builds.
 *
 * Input never reaches one: what a client, a file or another process can
 * cause is an error with a status, not a bug.  A bug ends this process (one
 * session); nobody else is touched. */
#ifndef BUG_H
#define BUG_H

/* A large array whose bytes are written before they are read, for which
 * -ftrivial-auto-var-init does more than it is worth. */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define BASE_UNINITIALISED __attribute__((uninitialized))
#endif
#endif
#ifndef BASE_UNINITIALISED
#define BASE_UNINITIALISED
#endif

/* Logs file, line and the condition, then aborts. */
__attribute__((noreturn, cold))
void bug_die(const char *file, int line, const char *what);

#define BUG_IF(cond) do { \
	if (__builtin_expect(!!(cond), 0)) \
		bug_die(__FILE__, __LINE__, #cond); \
} while (0)

#define BUG_REACHED() bug_die(__FILE__, __LINE__, "unreachable")

#endif
