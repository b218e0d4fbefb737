/* script-service.h - the process that runs programs for users, and the
 * program's last step. */
#ifndef SCRIPT_SERVICE_H
#define SCRIPT_SERVICE_H

#include "master/service.h"

/* What a script finds its way back on. */
enum { SCRIPT_REPORT_FD = 3 };

/* "culver-service script-done": what a script runs when it lets the user in
 * (exec "$@").  Sends the fields of the environment that USERDB_KEYS names;
 * returns the exit status. */
int script_done_run(void);

extern const struct service_row script_service_row;

#endif
