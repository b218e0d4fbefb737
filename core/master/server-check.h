/* server-check.h - what the master would refuse to start with, said by who
 * reads the configuration: all of it at once, each with its place. */
#ifndef SERVER_CHECK_H
#define SERVER_CHECK_H

#include "settings/settings.h"

/* Looks over the addresses that services listen on, the scripts that they
 * name and, where root asks (who starts the server), the users that services,
 * sockets and mail belong to.  Problems are added to the tree.  CV_E_CONFIG
 * and the first of them when there are any. */
int server_settings_check(struct settings_tree *tree, struct cv_error *err);

#endif
