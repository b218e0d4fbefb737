/* adm-log.c - culveradm log reopen, find, test. */
#include "adm-control.h"

#include "master/log-line.h"
#include "settings/core-settings.h"

#include <stdio.h>
#include <unistd.h>

enum { ANSWER_MSECS = 10000 };

/* The log service sends the order back when it is done. */
static int order(struct adm *adm, uint32_t type, struct cv_error *err)
{
	struct ipc_writer w;
	struct ipc_reader r;
	int fd, status = adm_control_channel(adm, "log", &fd, err);

	if (status != CV_OK)
		return status;
	ipc_begin(&w, type);
	status = ipc_send(fd, &w, err);
	if (status == CV_OK)
		status = ipc_receive_wait(fd, ANSWER_MSECS, &r, err);
	if (status == CV_OK)
		status = ipc_finish(&r, err);
	else if (status == CV_EOF)
		status = FAIL(err, CV_E_TEMP, "the log service broke off");
	(void)close(fd);
	return status;
}

static int find(struct adm *adm, struct cv_error *err)
{
	static const char *const columns[] = { "level", "path", NULL };
	struct settings_read_options options = {
		.overrides = adm->overrides, .accept_unknown = true,
	};
	struct settings_tree *tree;
	struct log_settings set;
	struct adm_output *out;
	struct cv_error broken = ERROR_NONE;
	const char *info;
	int status;

	settings_register_core();
	if (settings_read(adm->config_path, &options, &tree, &broken) !=
	    CV_OK)
		adm_warn_broken(adm, &broken, "what can be read of it "
				"follows");
	status = settings_get(tree, &log_settings_table, NULL, adm->pool,
			      &set, err);
	if (status != CV_OK)
		return status;
	info = *set.info_log_path != '\0' ? set.info_log_path : set.log_path;
	out = adm_output_begin(adm, ADM_FORMAT_TABLE, columns);
	adm_output_value(out, "debug");
	adm_output_value(out, *set.debug_log_path != '\0' ?
			 set.debug_log_path : info);
	adm_output_value(out, "info");
	adm_output_value(out, info);
	adm_output_value(out, "warning, error, fatal, panic");
	adm_output_value(out, set.log_path);
	adm_output_end(&out, false);
	return CV_OK;
}

static int run_log(struct adm *adm, int argc, char **argv)
{
	struct cv_error err = ERROR_NONE;
	int status;

	if (argc != 2)
		return adm_usage(&adm_log_verb, "one word is needed");
	if (strcmp(argv[1], "reopen") == 0)
		status = order(adm, LOG_MSG_REOPEN, &err);
	else if (strcmp(argv[1], "test") == 0)
		status = order(adm, LOG_MSG_TEST, &err);
	else if (strcmp(argv[1], "find") == 0)
		status = find(adm, &err);
	else
		return adm_usage(&adm_log_verb, "'%s' is not known", argv[1]);
	return status == CV_OK ? ADM_OK : adm_fail(&err);
}

static const struct adm_word log_words[] = {
	{ "find", "", "shows where the logs are" },
	{ "reopen", "", "opens log files again, after they were renamed" },
	{ "test", "", "writes a line of each level" },
};

const struct adm_verb adm_log_verb = {
	.name = "log", .args = "find | reopen | test",
	.help = "where the logs are; open them again; write a line of each "
		"level",
	.run = run_log,
	.words = log_words, .count = sizeof(log_words) / sizeof(log_words[0]),
};
