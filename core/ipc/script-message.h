/* script-message.h - a program that is run for a user before the session:
 * session -> script service, on a channel's behalf, and back. */
#ifndef SCRIPT_MESSAGE_H
#define SCRIPT_MESSAGE_H

#include "user-message.h"

enum {
	SCRIPT_MSG_RUN = 0x700,	/* port: struct script_run;
				 * fds: client, answer */
	SCRIPT_MSG_FIELDS,	/* program -> script service: it lets the
				 * user in; struct script_fields */
	SCRIPT_MSG_END,		/* answer: u32 -status, then fields */
};

struct script_run {
	const char *service;	/* "imap" */
	struct user_info user;	/* uid and gid are resolved */
	struct conn_info conn;
	int client_fd;		/* standard output of the program */
	int answer_fd;		/* SCRIPT_MSG_END goes there */
};

/* What the program says of the user, by userdb names ("mail"). */
struct script_fields {
	uint32_t count;
	const struct user_field *items;
};

void script_run_put(struct ipc_writer *w, const struct script_run *run);
/* Takes the descriptors; they are closed on failure. */
int script_run_get(struct ipc_reader *r, struct cv_pool *pool,
		   struct script_run *run_r, struct cv_error *err);
void script_fields_put(struct ipc_writer *w,
		       const struct script_fields *fields);
/* Copies into the pool and ends reading. */
int script_fields_get(struct ipc_reader *r, struct cv_pool *pool,
		      struct script_fields *fields_r, struct cv_error *err);

#endif
