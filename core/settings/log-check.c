/* log-check.c - where lines are to go: words that are none are said, instead
 * of lines that go nowhere. */
#include "service-check.h"
#include "core-settings.h"
#include "settings-value.h"

static const char *const targets[] = {
	"syslog", "journal", "stderr", "/dev/stderr", NULL,
};

static bool is_one_of(const char *word, const char *const *words,
		      struct settings_guess *guess)
{
	settings_guess_init(guess, cv_span_of(word));
	for (uint32_t i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], word) == 0)
			return true;
		settings_guess_try(guess, words[i]);
	}
	return false;
}

static int refuse(struct settings_tree *tree, const char *key,
		  const char *value, const char *what,
		  const struct settings_guess *guess, struct cv_error *err)
{
	const char *file = "";
	uint32_t line = 0;
	int ret = FAIL(err, CV_E_CONFIG, "%s = %s: %s%s%s%s", key, value,
		       what, guess->best == NULL ? "" : "; did you mean '",
		       guess->best == NULL ? "" : guess->best,
		       guess->best == NULL ? "" : "'?");

	(void)settings_origin(tree, NULL, key, &file, &line);
	settings_problem_add(tree, false, file, line, "%s", err->text);
	return ret;
}

int log_settings_check(struct settings_tree *tree, struct cv_error *err)
{
	static const char *const paths[] = {
		"log_path", "info_log_path", "debug_log_path",
	};
	struct settings_guess guess;
	const char *value;
	int ret = CV_OK;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (settings_lookup(tree, NULL, paths[i], &value) == CV_OK &&
		    *value != '\0' && *value != '/' &&
		    !is_one_of(value, targets, &guess))
			ret = refuse(tree, paths[i], value, "that is neither "
				     "syslog, journal or stderr nor the "
				     "whole path of a file", &guess, err);
	}
	if (settings_lookup(tree, NULL, "syslog_facility", &value) == CV_OK &&
	    !is_one_of(value, log_facilities, &guess))
		ret = refuse(tree, "syslog_facility", value, "there is no "
			     "such facility", &guess, err);
	return ret;
}

const char *const log_facilities[] = {
	"mail", "daemon", "auth", "authpriv", "user", "local0", "local1",
	"local2", "local3", "local4", "local5", "local6", "local7", NULL,
};
