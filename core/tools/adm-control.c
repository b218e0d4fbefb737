/* adm-control.c - talking to a running server: one socket, base_dir/master,
 * that only root and the server's own user can open. */
#include "adm-control.h"

#include "master/master.h"
#include "module/module.h"

#include <stdio.h>
#include <unistd.h>

enum { ANSWER_MSECS = 65000 };	/* a reload reads all settings first */

/* The tree stays: its strings are in use to the end. */
static int read_tree(struct adm *adm, struct settings_tree **tree_r,
		     struct cv_error *err)
{
	struct settings_read_options options = {
		.overrides = adm->overrides, .accept_unknown = true,
	};

	settings_register_core();
	return settings_read(adm->config_path, &options, tree_r, err);
}

void adm_warn_broken(struct adm *adm, const struct cv_error *broken,
		     const char *what)
{
	if (adm->warned)
		return;
	adm->warned = true;
	(void)fprintf(stderr, "culveradm: Warning: the configuration is "
		      "broken: %s; %s\n", broken->text, what);
}

int adm_control_open(struct adm *adm, int *fd_r, struct cv_error *err)
{
	struct cv_error broken = ERROR_NONE;
	struct general_settings set;
	struct settings_tree *tree;
	int status = read_tree(adm, &tree, &broken), readable;

	*fd_r = -1;
	readable = settings_get(tree, &general_settings_table, NULL,
				adm->pool, &set, err);
	if (status != CV_OK)
		return adm_instance_open(adm, readable == CV_OK ?
					 set.base_dir : NULL, &broken, fd_r,
					 err);
	if (readable != CV_OK)
		return readable;
	status = net_connect_unix(pool_printf(adm->pool, "%s/master",
					      set.base_dir),
				  SOCK_SEQPACKET, fd_r, err);
	if (status == CV_OK)
		return CV_OK;
	return error_prefix(err, "the server of '%s' does not run",
			    set.base_dir);
}

int adm_control_done(struct ipc_reader *r, int *channel_r,
		     struct cv_error *err)
{
	int failure, fd = -1, status;
	const char *text;

	if (r->type != CONTROL_MSG_DONE)
		return ipc_refuse(r, "master", err);
	failure = -(int)ipc_get_count(r, 64);
	text = ipc_get_str(r, ERROR_TEXT_MAX);
	if (ipc_fds_left(r) > 0)
		fd = ipc_get_fd(r);
	status = ipc_finish(r, err);
	if (status == CV_OK && failure != CV_OK)
		status = FAIL(err, failure, "%s", *text != '\0' ? text :
			      status_name(failure));
	if (channel_r != NULL && status == CV_OK)
		*channel_r = fd;
	else if (fd >= 0)
		(void)close(fd);
	return status;
}

/* The answer, after the problems of a configuration that is read again. */
static int receive_answer(int fd, struct ipc_reader *r, struct cv_error *err)
{
	int status;

	while ((status = ipc_receive_wait(fd, ANSWER_MSECS, r, err)) ==
	       CV_OK && r->type == CONTROL_MSG_PROBLEM) {
		bool warning = ipc_get_bool(r);
		const char *text = ipc_get_str(r, BOOT_PROBLEM_MAX);

		(void)fprintf(stderr, "culveradm: %s: %s\n", warning ?
			      "Warning" : "Error", text);
		if ((status = ipc_finish(r, err)) != CV_OK)
			break;
	}
	return status;
}

static int request(struct adm *adm, const struct ipc_writer *w,
		   int *channel_r, struct cv_error *err)
{
	struct ipc_reader r;
	int fd, status = adm_control_open(adm, &fd, err);

	if (status != CV_OK)
		return status;
	status = ipc_send(fd, w, err);
	if (status == CV_OK)
		status = receive_answer(fd, &r, err);
	if (status == CV_EOF)
		status = FAIL(err, CV_E_TEMP, "the master gave no answer");
	if (status == CV_OK)
		status = adm_control_done(&r, channel_r, err);
	(void)close(fd);
	return status;
}

int adm_control_simple(struct adm *adm, uint32_t type, struct cv_error *err)
{
	struct ipc_writer w;

	ipc_begin(&w, type);
	return request(adm, &w, NULL, err);
}

int adm_control_channel(struct adm *adm, const char *service, int *fd_r,
			struct cv_error *err)
{
	struct ipc_writer w;
	int status;

	*fd_r = -1;
	ipc_begin(&w, CONTROL_MSG_OPEN);
	ipc_put_str(&w, service);
	status = request(adm, &w, fd_r, err);
	if (status == CV_OK && *fd_r < 0)
		status = FAIL(err, CV_E_INTERNAL, "the master sent no "
			      "channel");
	return status;
}
