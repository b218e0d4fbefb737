/* boot.h - what master and a service tell each other over descriptor 3.
 *
 * master -> service: one SETTINGS, any number of LISTENER, PORT_CLIENT and
 * PORT_SERVER, then GO.  Later RETIRE (a new generation has taken over).
 * service -> master: READY once it is confined and serves; FAILED with a
 * sentence before it gives up. */
#ifndef BOOT_H
#define BOOT_H

#include "ipc/ipc.h"

enum { BOOT_FD = 3, BOOT_LOG_FD = 4, BOOT_FIRST_FREE_FD = 16,
	BOOT_PROBLEM_MAX = 8192 };

enum boot_message_type {
	BOOT_MSG_SETTINGS = 0x10,	/* fd: snapshot */
	BOOT_MSG_LISTENER,		/* str name, bool unix, ssl, haproxy,
					 * u32 type, mode, uid, gid; fd */
	BOOT_MSG_PORT_CLIENT,		/* str server; fd */
	BOOT_MSG_PORT_SERVER,		/* str client; fd */
	BOOT_MSG_GO,			/* struct boot_go */
	BOOT_MSG_RETIRE,		/* no fields */
	BOOT_MSG_READY,			/* no fields */
	BOOT_MSG_FAILED,		/* str */
	BOOT_MSG_CONFIG,		/* from "config": fds: snapshot with
					 * secrets, snapshot without */
	BOOT_MSG_PROBLEM,		/* from "config", before it ends: bool
					 * warning, str "file:line: text" */
	BOOT_MSG_REFRESH,		/* to master: a child of mine crashed,
					 * replace me by a fresh process */
};

enum { BOOT_NO_ID = UINT32_MAX, BOOT_NAME_MAX = 255,
	BOOT_SECRET_BYTES = 32 };

/* Names are looked up by the master: no process reads passwd for them. */
struct boot_go {
	uint32_t uid, gid;	/* to become; BOOT_NO_ID: stay */
	const char *chroot_dir;	/* "": none */
	uint32_t generation;	/* counts reloads */
	/* effective limits of the service */
	uint32_t process_limit, client_limit, service_count;
	uint32_t process_min_avail;
	uint64_t idle_kill_msecs, vsz_limit;
	const char *hostname;
	/* Of this run of the server, for those who give sessions away and
	 * take them back (idle-message.h); zeros for others. */
	uint8_t secret[BOOT_SECRET_BYTES];
};

void boot_go_put(struct ipc_writer *w, const struct boot_go *go);
int boot_go_get(struct ipc_reader *r, struct cv_pool *pool,
		struct boot_go *go_r, struct cv_error *err);

#endif
