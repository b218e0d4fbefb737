/* login-spawner.h - forks for a zygote that holds very many connections. */
#ifndef LOGIN_SPAWNER_H
#define LOGIN_SPAWNER_H

#include "login-private.h"

/* A login process for p, as a child of the caller: its id; -1: there is none,
 * fork yourself; 0: the spawner was asked and gave no answer, so a process
 * that nobody knows may serve p: give it up.  The caller keeps p and its
 * descriptor.  The first call starts the
 * spawner, which runs `run` in each child. */
pid_t login_spawner_fork(struct cv_preauth *p,
			 void (*run)(struct cv_preauth *p));
/* The spawner itself has ended: true, and the next call starts another. */
bool login_spawner_ended(pid_t pid);

#endif
