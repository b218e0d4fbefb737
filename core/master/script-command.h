/* script-command.h - post-login scripts as the settings name them.
 *
 *	service imap {
 *	  executable = imap post-login
 *	}
 *	service post-login {
 *	  executable = script-login [-d] [-n] [-t seconds] /path arguments
 *	  unix_listener post-login { }
 *	} */
#ifndef SCRIPT_COMMAND_H
#define SCRIPT_COMMAND_H

#include "settings/settings.h"

struct script_command {
	const char *const *argv;	/* NULL-terminated */
	uint32_t argc;
	bool as_user;		/* -d: as the mail user, whatever user says */
	bool network;		/* -n: it may connect */
	uint32_t timeout_secs;	/* -t */
};

/* The name of the service that runs the script of session service name: that
 * of the name, or that with a socket of the name, which follows the program
 * in executable.  CV_NOT_FOUND: it has no script; CV_E_CONFIG: it has one,
 * but nobody runs it. */
int script_service_of(const struct settings_tree *tree, const char *name,
		      struct cv_pool *pool, const char **service_r,
		      struct cv_error *err);
/* The executable of a service that runs scripts. */
int script_command_parse(const char *executable, struct cv_pool *pool,
			 struct script_command *command_r,
			 struct cv_error *err);

#endif
