/* config-reader.c - "culver-service config FILE": reads the configuration
 * for the master and gives back two snapshots, with and without secrets.
 *
 * Runs as root, as files named by the settings (keys) may be root's alone.
 * Plugins are only looked at in the module host's probe child. */
#include "auth/auth-check.h"
#include "boot.h"
#include "config-reader.h"
#include "log-line.h"
#include "module/module.h"
#include "net/tls.h"
#include "server-check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_SEAL_SEAL 1
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW 4
#define F_SEAL_WRITE 8
#endif

/* To the log, or the terminal at the start, and to the master, which hands it
 * on to who wanted a reload. */
static void tell(bool to_log, bool warning, const char *text)
{
	struct ipc_writer w;

	if (to_log)
		log_write(warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR,
			  "config", "%s", text);
	else
		(void)fprintf(stderr, "culverd: %s: %s\n",
			      warning ? "Warning" : "Error", text);
	ipc_begin(&w, BOOT_MSG_PROBLEM);
	ipc_put_bool(&w, warning);
	ipc_put_str(&w, text);
	(void)ipc_send(BOOT_FD, &w, NULL);
}

static void report(const struct settings_tree *tree, bool to_log)
{
	char text[BOOT_PROBLEM_MAX];

	for (size_t i = 0; i < settings_problem_count(tree); i++) {
		const struct settings_problem *p =
			settings_problem_get(tree, i);

		if (p->file[0] == '\0')
			(void)snprintf(text, sizeof(text), "%s", p->text);
		else
			(void)snprintf(text, sizeof(text), "%s:%u: %s",
				       p->file, p->line, p->text);
		tell(to_log, p->warning, text);
	}
}

static int snapshot(const struct settings_tree *tree, bool with_secrets,
		    int *fd_r, struct cv_error *err)
{
	int status;

	*fd_r = memfd_create("culver-settings", MFD_CLOEXEC |
			     MFD_ALLOW_SEALING);
	if (*fd_r < 0)
		return FAIL_ERRNO(err, errno, "memfd_create failed");
	status = settings_snapshot_write(tree, *fd_r, with_secrets, err);
	if (status == CV_OK &&
	    fcntl(*fd_r, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK |
		  F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return FAIL_ERRNO(err, errno, "cannot seal the snapshot");
	return status;
}

static int answer(const struct settings_tree *tree, struct cv_error *err)
{
	struct ipc_writer w;
	int secret, public = -1, status;

	status = snapshot(tree, true, &secret, err);
	if (status == CV_OK)
		status = snapshot(tree, false, &public, err);
	if (status != CV_OK)
		return status;
	ipc_begin(&w, BOOT_MSG_CONFIG);
	ipc_put_fd(&w, secret);
	ipc_put_fd(&w, public);
	return ipc_send(BOOT_FD, &w, err);
}

int config_reader_run(const char *path)
{
	struct cv_error err = ERROR_NONE, auth_err = ERROR_NONE;
	struct cv_error server_err = ERROR_NONE;
	bool to_log = fcntl(BOOT_LOG_FD, F_GETFD) >= 0;
	struct settings_tree *tree;
	int status, auth_status, server_status;

	if (to_log)
		log_line_use(BOOT_LOG_FD, "config");
	log_set_prefix("config");
	settings_register_core();
	auth_check_prepare();
	status = module_settings_read(path, NULL, &tree, &err);
	auth_status = auth_settings_check(tree, &auth_err);
	if (status == CV_OK && auth_status != CV_OK) {
		status = auth_status;
		err = auth_err;
	}
	server_status = server_settings_check(tree, &server_err);
	if (status == CV_OK && server_status != CV_OK) {
		status = server_status;
		err = server_err;
	}
	if (status == CV_OK)
		status = tls_settings_check(tree, &err);
	report(tree, to_log);
	if (status == CV_OK)
		status = answer(tree, &err);
	else if (settings_problem_count(tree) == 0)
		tell(to_log, false, err.text);
	settings_tree_destroy(&tree);
	return status == CV_OK ? EXIT_SUCCESS : SETTINGS_EXIT_BAD;
}
