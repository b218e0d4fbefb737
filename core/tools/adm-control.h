/* adm-control.h - talking to a running server. */
#ifndef ADM_CONTROL_H
#define ADM_CONTROL_H

#include "culveradm.h"
#include "ipc/ipc.h"

/* Connects to the master of the configuration's base_dir.  CV_E_NOT_FOUND:
 * the server does not run. */
int adm_control_open(struct adm *adm, int *fd_r, struct cv_error *err);
/* Sends a request without fields and waits for the end of the answer. */
int adm_control_simple(struct adm *adm, uint32_t type, struct cv_error *err);
/* Waits for CONTROL_MSG_DONE.  channel_r may be NULL. */
int adm_control_done(struct ipc_reader *r, int *channel_r,
		     struct cv_error *err);
/* A channel to a service ("anvil", "log"). */
int adm_control_channel(struct adm *adm, const char *service, int *fd_r,
			struct cv_error *err);
/* The general settings of the configuration. */
struct general_settings;
int adm_control_general(struct adm *adm, struct general_settings *set_r,
			struct cv_error *err);

#endif
