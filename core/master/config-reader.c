/* config-reader.c - "culver-service config FILE": reads the configuration
 * for the master and gives back two snapshots, with and without secrets.
 *
 * Runs as root, as files named by the settings (keys) may be root's alone.
 * Plugins are only looked at in the module host's probe child. */
#include "boot.h"
#include "config-reader.h"
#include "log-line.h"
#include "module/module.h"
#include "net/tls.h"

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

static void report(const struct settings_tree *tree)
{
	for (size_t i = 0; i < settings_problem_count(tree); i++) {
		const struct settings_problem *p =
			settings_problem_get(tree, i);
		enum log_level level = p->warning ? LOG_LEVEL_WARNING :
			LOG_LEVEL_ERROR;

		if (p->file[0] == '\0')
			log_write(level, "settings", "%s", p->text);
		else
			log_write(level, "settings", "%s:%u: %s", p->file,
				  p->line, p->text);
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
	struct cv_error err = ERROR_NONE;
	struct settings_tree *tree;
	int status;

	if (fcntl(BOOT_LOG_FD, F_GETFD) >= 0)
		log_line_use(BOOT_LOG_FD, "config");
	log_set_prefix("config");
	settings_register_core();
	status = module_settings_read(path, NULL, &tree, &err);
	if (status == CV_OK)
		status = tls_settings_check(tree, &err);
	report(tree);
	if (status == CV_OK)
		status = answer(tree, &err);
	else if (settings_problem_count(tree) == 0)
		log_error("config", "%s", err.text);
	settings_tree_destroy(&tree);
	return status == CV_OK ? EXIT_SUCCESS : SETTINGS_EXIT_BAD;
}
