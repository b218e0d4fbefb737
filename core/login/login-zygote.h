/* login-zygote.h - accepts, keeps silent connections, forks for the others. */
#ifndef LOGIN_ZYGOTE_H
#define LOGIN_ZYGOTE_H

#include "login-private.h"

/* Before confinement: the children's filter and event base. */
int login_zygote_prepare(struct login_process *process, struct cv_error *err);
int login_zygote_ready(struct service *s, struct cv_error *err);
void login_zygote_accept(struct service *s,
			 const struct service_listener *listener, int fd);
/* A session gives its connection back. */
void login_zygote_message(struct service *s, const char *client,
			  struct ipc_reader *r);
void login_zygote_retire(struct service *s);
void login_zygote_selftest(struct service *s, struct ipc_reader *r);

#endif
