/* login-spawner.h - forks for a zygote that holds very many connections. */
#ifndef LOGIN_SPAWNER_H
#define LOGIN_SPAWNER_H

#include "login-private.h"

/* A login process for p, as a child of the caller: its id; 0 in the spawner's
 * new child is never seen (it calls run); -1: not possible this way, fork
 * yourself.  The caller keeps p and its descriptor.  The first call starts the
 * spawner, which runs `run` in each child. */
pid_t login_spawner_fork(struct cv_preauth *p,
			 void (*run)(struct cv_preauth *p));
/* The spawner itself has ended: true, and the next call starts another. */
bool login_spawner_ended(pid_t pid);

#endif
