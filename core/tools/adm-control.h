/* adm-control.h - talking to a running server. */
#ifndef ADM_CONTROL_H
#define ADM_CONTROL_H

#include "culveradm.h"
#include "ipc/ipc.h"

/* Connects to the master of the configuration's base_dir.  CV_E_NOT_FOUND:
 * the server does not run.  When the configuration is broken: to the one that
 * was started with it, after a warning; CV_E_CONFIG when there is none. */
int adm_control_open(struct adm *adm, int *fd_r, struct cv_error *err);
/* adm-instance.c: the server that was started with adm's configuration, which
 * is broken (that is why), perhaps in base_dir (NULL: not known). */
int adm_instance_open(struct adm *adm, const char *base_dir,
		      const struct cv_error *broken, int *fd_r,
		      struct cv_error *err);
/* Says once that the configuration is broken, and what is done all the
 * same. */
void adm_warn_broken(struct adm *adm, const struct cv_error *broken,
		     const char *what);
/* Sends a request without fields and waits for the end of the answer. */
int adm_control_simple(struct adm *adm, uint32_t type, struct cv_error *err);
/* Waits for CONTROL_MSG_DONE.  channel_r may be NULL. */
int adm_control_done(struct ipc_reader *r, int *channel_r,
		     struct cv_error *err);
/* A channel to a service ("anvil", "log"). */
int adm_control_channel(struct adm *adm, const char *service, int *fd_r,
			struct cv_error *err);

#endif
