/* service.h - the skeleton of every process but the master.
 *
 * culver-service NAME gets from the master, over descriptor 3, the settings
 * snapshot, its listening sockets and its ports, finds the row of its role,
 * prepares, drops what it does not need (uid, file system, system calls) and
 * runs an event loop (or the role's own).
 *
 * A role is a constant row:
 *
 *	const struct service_row auth_service_row = {
 *		.name = "auth", .user = SERVICE_USER_INTERNAL,
 *		.syscalls = SANDBOX_EVENTS | SANDBOX_FILES,
 *		.start = auth_start, .channel = auth_channel,
 *	}; */
#ifndef SERVICE_H
#define SERVICE_H

#include "settings/settings.h"
#include "ipc/ipc.h"

struct event_base;
struct service;

enum service_user {
	SERVICE_USER_INTERNAL = 1,	/* default_internal_user, culver */
	SERVICE_USER_LOGIN,		/* default_login_user, culvernull */
	SERVICE_USER_ROOT,		/* stays what master is */
};

/* Classes of system calls; every process may use memory, time, its open
 * descriptors and exit.  What is not in a class gets EPERM. */
enum sandbox_class {
	SANDBOX_EVENTS = 1,	/* epoll, timers, accept, socket pairs */
	SANDBOX_FILES = 2,	/* open, stat, rename ... (Landlock decides) */
	SANDBOX_CONNECT = 4,	/* socket, connect */
	SANDBOX_EXEC = 8,	/* execve, wait */
	SANDBOX_FORK = 16,	/* fork, wait, kill of own children */
	SANDBOX_BIRTH = 32,	/* fork, become a user, confine (zygotes) */
	SANDBOX_NARROW = 64,	/* a narrower filter for its children */
	SANDBOX_LOCAL = 128,	/* as CONNECT, but no TCP */
	SANDBOX_PROGRAM = 256,	/* what shells and their commands need */
	SANDBOX_WATCH = 512,	/* inotify, of what a descriptor leads to */
};

/* A path the process may reach; NULL-terminated arrays of them. */
struct service_path { const char *path; bool write; };

struct service_listener {
	const char *name;		/* "imaps", path for UNIX sockets */
	bool is_unix;
	bool ssl;			/* implicit TLS */
	bool haproxy;
	uint32_t type;			/* enum listener_type */
	uint32_t mode, uid, gid;	/* of a UNIX socket's file */
	int fd;				/* non-blocking, listening */
};

struct service_row {
	const char *name;
	uint32_t user;			/* enum service_user */
	bool chroot_empty;
	/* One client a process: the first process of the service only forks,
	 * when a channel waits; what it forks starts, takes one, and ends with
	 * it (service-forks.c). */
	bool forks;
	/* Keeps the right to look at any file (CAP_DAC_READ_SEARCH), which
	 * without SANDBOX_FILES is no more than to hear that it changes. */
	bool watches_all;
	uint32_t syscalls;		/* enum sandbox_class */
	const struct service_path *paths;

	/* Before confinement, as the uid the master gave: read settings,
	 * load plugins, open what must be opened. */
	int (*start)(struct service *s, struct cv_error *err);
	/* After confinement; may add events.  May be NULL. */
	int (*ready)(struct service *s, struct cv_error *err);
	/* Instead of the event loop (zygotes).  May be NULL. */
	int (*run)(struct service *s, struct cv_error *err);

	/* client ("imap-login", "lmtp", "admin" for culveradm) opened a
	 * channel; fd is the row's now, non-blocking.  client lives as long
	 * as the process. */
	void (*channel)(struct service *s, const char *client, int fd);
	/* A message other than a channel on the port.  The row finishes r. */
	void (*message)(struct service *s, const char *client,
			struct ipc_reader *r);
	/* While messages come one after the other, they are let gather for so
	 * long before they are taken: nobody waits for an answer.  0: each
	 * at once. */
	uint32_t gather_msecs;
	/* A connection on one of the service's own listeners; fd is the
	 * row's now, non-blocking. */
	void (*accept)(struct service *s,
		       const struct service_listener *listener, int fd);
	/* culveradm wants to see the sandbox hold, not in this process but in
	 * a child as it serves clients (zygotes); NULL: in this one.  The row
	 * reads r to its end. */
	void (*selftest)(struct service *s, struct ipc_reader *r);
	/* New settings are in force for new processes; this one has been
	 * replaced and gets no new channels: finish and exit (default: exit
	 * when the last channel has closed, see service_hold). */
	void (*retire)(struct service *s);
};

struct service {
	const char *name;		/* "imap-login" */
	const struct service_row *row;
	struct cv_pool *pool;		/* as long as the process */
	const struct settings_tree *settings;
	struct event_base *base;	/* libevent; NULL when row->run */
	void *context;			/* the row's own */
	/* the rest is service.c's */
	struct service_private *private;
};

/* The descriptor of this process's port to a service, -1 when it may not
 * talk to it. */
int service_port(const struct service *s, const char *server);
/* Opens a channel there.  CV_E_DENIED: no such port. */
int service_channel_open(const struct service *s, const char *server,
			 int *channel_r, struct cv_error *err);
const struct service_listener *
service_listener_at(const struct service *s, uint32_t index);	/* or NULL */

/* A retired process ends when nothing holds it any more: rows hold it while
 * a client or a request is there. */
void service_hold(struct service *s);
void service_release(struct service *s);
/* No more connections from the listeners: a retired process leaves them to
 * its successor. */
void service_stop_accepting(struct service *s);
/* Takes what waits in the ports: before the end of a process that nothing may
 * get lost with. */
void service_drain(struct service *s);
/* Ends the event loop. */
void service_exit(struct service *s);

/* Further paths this process needs (from settings or plugins); only in
 * start.  Copied. */
void service_add_path(struct service *s, const char *path, bool write);
void service_add_syscalls(struct service *s, uint32_t classes);

#endif
