/* adm-server.c - culveradm reload, stop, service status. */
#include "adm-control.h"

#include "master/master.h"

#include <unistd.h>

enum { STOP_TRIES = 300, STOP_NAP_USECS = 100000, ANSWER_MSECS = 10000 };

static int run_reload(struct adm *adm, int argc, char **argv)
{
	struct cv_error err = ERROR_NONE;

	(void)argv;
	if (argc != 1)
		return adm_usage(&adm_reload_verb, "reload takes no "
				 "arguments");
	if (adm_control_simple(adm, CONTROL_MSG_RELOAD, &err) != CV_OK)
		return adm_fail(&err);
	return ADM_OK;
}

/* Returns when the server has gone, so that "stop && start" works. */
static int run_stop(struct adm *adm, int argc, char **argv)
{
	struct cv_error err = ERROR_NONE;

	(void)argv;
	if (argc != 1)
		return adm_usage(&adm_stop_verb, "stop takes no arguments");
	if (adm_control_simple(adm, CONTROL_MSG_STOP, &err) != CV_OK)
		return adm_fail(&err);
	for (int i = 0; i < STOP_TRIES; i++) {
		int fd;

		if (adm_control_open(adm, &fd, &err) != CV_OK)
			return ADM_OK;
		(void)close(fd);
		(void)usleep(STOP_NAP_USECS);
	}
	(void)FAIL(&err, CV_E_TIMEOUT, "the server has not ended yet");
	return adm_fail(&err);
}

static void add_process(struct adm_output *out, struct ipc_reader *r)
{
	static const char *const states[] = {
		"starting", "running", "retired",
	};

	adm_output_value(out, ipc_get_str(r, 64));
	adm_output_f(out, "%u", ipc_get_u32(r));
	adm_output_value(out, states[ipc_get_count(r, 2)]);
	adm_output_f(out, "%llu",
		     (unsigned long long)(ipc_get_u64(r) / 1000));
}

static int list_processes(int fd, struct adm_output *out,
			  struct cv_error *err)
{
	struct ipc_writer w;
	struct ipc_reader r;
	int status;

	ipc_begin(&w, CONTROL_MSG_STATUS);
	status = ipc_send(fd, &w, err);
	while (status == CV_OK) {
		status = ipc_receive_wait(fd, ANSWER_MSECS, &r, err);
		if (status != CV_OK)
			break;
		if (r.type == CONTROL_MSG_DONE)
			return adm_control_done(&r, NULL, err);
		add_process(out, &r);
		status = ipc_finish(&r, err);
	}
	return status == CV_EOF ? FAIL(err, CV_E_TEMP,
		"the master broke off") : status;
}

static int run_service(struct adm *adm, int argc, char **argv)
{
	static const char *const columns[] = {
		"service", "pid", "state", "seconds", NULL,
	};
	struct cv_error err = ERROR_NONE;
	struct adm_output *out;
	int fd, status;

	if (argc != 2 || strcmp(argv[1], "status") != 0)
		return adm_usage(&adm_service_verb, "service needs the word "
				 "'status'");
	if (adm_control_open(adm, &fd, &err) != CV_OK)
		return adm_fail(&err);
	out = adm_output_begin(adm, ADM_FORMAT_TABLE, columns);
	status = list_processes(fd, out, &err);
	(void)close(fd);
	adm_output_end(&out, status != CV_OK);
	return status == CV_OK ? ADM_OK : adm_fail(&err);
}

const struct adm_verb adm_reload_verb = {
	.name = "reload", .args = "",
	.help = "read the configuration again; nobody is disconnected",
	.run = run_reload,
};

const struct adm_verb adm_stop_verb = {
	.name = "stop", .args = "",
	.help = "stop the server and wait until it has ended",
	.run = run_stop,
};

static const struct adm_word service_words[] = {
	{ "status", "", "shows the processes of the server" },
};

const struct adm_verb adm_service_verb = {
	.name = "service", .args = "status",
	.help = "the processes of the server",
	.run = run_service,
	.words = service_words, .count = 1,
};
