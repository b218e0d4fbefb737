/* master.h - the process that starts the others, and nothing else.
 *
 * It runs as root where that is possible, reads no client's byte and no
 * plugin's code: "culver-service config" reads the configuration and gives
 * back a snapshot.  See doc/processes.md. */
#ifndef MASTER_H
#define MASTER_H

#include "boot.h"
#include "script-command.h"
#include "selftest.h"
#include "net/address.h"
#include "settings/core-settings.h"

#include <sys/types.h>

/* What a role is, by name. */
enum role_kind {
	ROLE_LOG, ROLE_ANVIL, ROLE_AUTH, ROLE_AUTH_WORKER,
	ROLE_LOGIN,		/* <protocol>-login */
	ROLE_SESSION,		/* <protocol>, or a session of core: deliver */
	ROLE_SCRIPT,		/* post-login scripts, of any name */
	ROLE_IDLE,		/* connections whose sessions sleep */
};

/* A socket in the file system, so that we remove only our own. */
struct master_socket {
	const char *path;		/* NULL: none */
	dev_t device;
	ino_t inode;
	uint32_t mode, uid, gid;	/* as it is, not as it was wanted */
};

struct master_listener {
	char *key;			/* "inet 0.0.0.0 143", "unix /run/x" */
	const char *name;
	bool is_unix, ssl, haproxy;
	uint32_t type;			/* enum listener_type */
	int fd;
	struct master_socket file;	/* is_unix */
};

/* One running process. */
struct master_process {
	struct master_process *next;
	struct master_service *service;	/* NULL: of an earlier generation */
	char name[64];
	pid_t pid;
	int boot_fd;			/* -1: closed */
	bool ready, retired;
	uint64_t started_msecs;
};

struct master_service {
	const char *name;
	enum role_kind kind;
	struct service_settings set;
	struct script_command script;	/* ROLE_SCRIPT */
	uint32_t uid, gid;		/* BOOT_NO_ID: stay */
	const char *chroot_dir;
	uint32_t process_limit, client_limit, processes;
	uint64_t idle_kill_msecs, vsz_limit;
	ARRAY(struct master_listener) listeners;
	uint32_t running;
	/* restarting */
	uint64_t not_before_msecs, planned_msecs, refreshed_msecs;
	uint32_t delay_msecs;
};

/* One pair for each client and server that may talk.  Lives as long as the
 * master: what waits in it survives both ends. */
struct master_port {
	char client[64], server[64];
	int fds[2];			/* client's, server's */
};

/* What one reading of the configuration gave. */
struct master_config {
	struct cv_pool *pool;
	const struct settings_tree *tree;
	struct general_settings general;
	int secret_fd, public_fd;	/* snapshots */
	const char *hostname;
	ARRAY(struct master_service) services;
};

struct master {
	const char *config_path, *service_dir;
	bool foreground, root;
	struct master_config *config;
	uint32_t generation;
	uint8_t secret[BOOT_SECRET_BYTES];
	struct master_process *processes;
	ARRAY(pid_t) left_groups;	/* sessions whose zygote has gone */
	ARRAY(struct master_port) ports;
	ARRAY(int) inherited;		/* systemd's sockets */
	struct cv_pool *pool;
	int log_fds[2];			/* services write, log reads */
	int stderr_fds[2];
	int control_fd;
	struct master_socket control_file;
	pid_t config_pid;
	int config_fd;			/* answer of a reload's reader */
	int reload_fd;			/* the tool that waits for it, or -1 */
	bool stopping, reload_wanted;
	uint64_t stop_deadline_msecs;
};

/* --- master-config.c: settings to services -------------------------------- */

/* A pair above the numbers that a new process finds fixed things at. */
int master_pair(int fds_r[2], struct cv_error *err);
/* Starts the reader; its answer arrives on *fd_r. */
int master_config_begin(struct master *m, pid_t *pid_r, int *fd_r,
			struct cv_error *err);
/* Takes the answer.  CV_E_CONFIG: it refused (and said why itself). */
int master_config_finish(struct master *m, int fd,
			 struct master_config **config_r,
			 struct cv_error *err);
void master_config_destroy(struct master_config **config);
struct master_service *master_service_find(struct master_config *config,
					   const char *name);

/* --- master-listener.c ------------------------------------------------------ */

/* Opens what config asks for; sockets that old (may be NULL) has already are
 * taken over from it.  On failure nothing of old is changed. */
int master_listeners_open(struct master *m, struct master_config *config,
			  struct master_config *old, struct cv_error *err);
/* Remembers what lies at path now; it must live as long as *socket_r. */
void master_socket_note(const char *path, struct master_socket *socket_r);
/* Removes it, unless something else lies there by now. */
void master_socket_remove(const struct master_socket *socket);
/* At the end: all of config's sockets in the file system. */
void master_listeners_remove(const struct master_config *config);
/* Sockets of inherited descriptors (LISTEN_FDS) are used when the address is
 * the same. */
void master_listeners_inherit(struct master *m);

/* --- master-process.c ------------------------------------------------------- */

/* Starts what is missing and may be started now. */
void master_processes_start(struct master *m);
/* Reaps ended children. */
void master_processes_reap(struct master *m);
/* Messages of a process. */
void master_process_message(struct master *m, struct master_process *p);
/* All processes get RETIRE: a new generation follows. */
void master_processes_retire(struct master *m);
void master_processes_signal(struct master *m, int number);
/* Sessions whose zygote has gone: the signal (0: none) for each group that
 * still has members; false when there is none. */
bool master_groups_signal(struct master *m, int number);
/* Milliseconds until something may be started; UINT64_MAX: nothing waits. */
uint64_t master_processes_next(struct master *m, uint64_t now);

/* --- master-control.c -------------------------------------------------------- */

enum control_message_type {
	CONTROL_MSG_STOP = 0x500,	/* no fields -> DONE */
	CONTROL_MSG_RELOAD,		/* no fields -> PROBLEM* DONE when it is
					 * read */
	CONTROL_MSG_STATUS,		/* no fields -> ROW* DONE */
	CONTROL_MSG_ROW,		/* str service, u32 pid, u32 state,
					 * u64 running msecs */
	CONTROL_MSG_OPEN,		/* str service -> DONE, fd: channel */
	CONTROL_MSG_DONE,		/* u32 -status, str text */
	CONTROL_MSG_SELFTEST,		/* str service, then struct selftest's
					 * fields and fd -> DONE */
	CONTROL_MSG_PROBLEM,		/* bool warning, str text */
};

int master_control_listen(struct master *m, struct cv_error *err);
void master_control_accept(struct master *m);
/* Tells the tool that asked for a reload, if one did, how it ended. */
void master_control_reloaded(struct master *m, int status, const char *text);

/* Tells it what is wrong with the configuration, one message a problem. */
void master_control_problem(struct master *m, bool warning, const char *text);

/* --- notify.c ----------------------------------------------------------------- */

/* Tells systemd, when there is one that asked ($NOTIFY_SOCKET). */
void notify_state(const char *state);

#endif
