/* script-command.c - from executable = ... to what is run. */
#include "script-command.h"

#include "settings/core-settings.h"

enum { TIMEOUT_SECS = 30, TIMEOUT_MAX_SECS = 150, WORDS_MAX = 64 };

static uint32_t split_words(const char *line, struct cv_pool *pool,
			    const char *words[WORDS_MAX])
{
	struct cv_span rest = cv_span_of(line), word;
	uint32_t count = 0;

	while (count < WORDS_MAX && cv_span_split(&rest, ' ', &word)) {
		word = cv_span_trim(word);
		if (word.len > 0)
			words[count++] = pool_copy(pool, word.data, word.len);
	}
	return count;
}

static bool has_socket(const struct settings_tree *tree, settings_block block,
		       const char *socket)
{
	settings_block listener;

	return settings_block_find(tree, "unix_listener", block, socket,
				   &listener);
}

static bool is_script_login(const char *word)
{
	const char *slash = strrchr(word, '/');

	return strcmp(slash == NULL ? word : slash + 1, "script-login") == 0;
}

static bool is_script_service(const struct settings_tree *tree,
			      settings_block block, struct cv_pool *pool)
{
	struct settings_scope scope = { .block = block };
	const char *words[WORDS_MAX];
	struct service_settings set;

	return settings_get(tree, &service_settings_table, &scope, pool, &set,
			    NULL) == CV_OK &&
		split_words(set.executable, pool, words) > 0 &&
		is_script_login(words[0]);
}

int script_service_of(const struct settings_tree *tree, const char *name,
		      struct cv_pool *pool, const char **service_r,
		      struct cv_error *err)
{
	struct settings_scope scope = { 0 };
	struct service_settings set;
	const char *words[WORDS_MAX];
	settings_block block;
	uint32_t at = 0;
	int status;

	if (!settings_block_find(tree, "service", SETTINGS_ROOT, name,
				 &scope.block))
		return CV_NOT_FOUND;
	status = settings_get(tree, &service_settings_table, &scope, pool,
			      &set, err);
	if (status != CV_OK)
		return status;
	/* "-L" and the like are options of Dovecot's program */
	if (split_words(set.executable, pool, words) < 2 ||
	    words[1][0] == '-')
		return CV_NOT_FOUND;
	*service_r = words[1];
	if (settings_block_find(tree, "service", SETTINGS_ROOT, words[1],
				&block)) {
		if (is_script_service(tree, block, pool))
			return CV_OK;
		return FAIL(err, CV_E_CONFIG, "service %s: executable = %s: "
			    "service %s runs no script; write executable = "
			    "%s post-login, and service post-login { "
			    "executable = script-login /path/of/script }",
			    name, set.executable, words[1], name);
	}
	while (settings_block_next(tree, "service", SETTINGS_ROOT, NULL, &at,
				   &block)) {
		*service_r = settings_block_name(tree, block);
		if (has_socket(tree, block, words[1]))
			return CV_OK;
	}
	return FAIL(err, CV_E_CONFIG, "service %s: executable = %s: there is "
		    "no service '%s' and no service with a unix_listener of "
		    "that name; write service %s { executable = script-login "
		    "/path/of/script; unix_listener %s { } }", name,
		    set.executable, words[1], words[1], words[1]);
}

static bool take_option(const char *const *words, uint32_t count,
			uint32_t *at, struct script_command *command)
{
	const char *word = words[*at];
	uint64_t number;

	if (strcmp(word, "-d") == 0) {
		command->as_user = true;
	} else if (strcmp(word, "-n") == 0) {
		command->network = true;
	} else if (strcmp(word, "-t") == 0 && *at + 1 < count &&
		   cv_span_to_u64(cv_span_of(words[*at + 1]),
				  TIMEOUT_MAX_SECS, &number) && number > 0) {
		command->timeout_secs = (uint32_t)number;
		++*at;
	} else {
		return false;
	}
	++*at;
	return true;
}

int script_command_parse(const char *executable, struct cv_pool *pool,
			 struct script_command *command_r,
			 struct cv_error *err)
{
	const char **words = pool_new_array(pool, const char *,
					    WORDS_MAX + 1);
	uint32_t count = split_words(executable, pool, words), at = 1;

	*command_r = (struct script_command){ .timeout_secs = TIMEOUT_SECS };
	if (count == 0 || !is_script_login(words[0]))
		return FAIL(err, CV_E_CONFIG, "executable = %s: a service "
			    "for scripts has executable = script-login "
			    "/path/of/script", executable);
	while (at < count && words[at][0] == '-') {
		if (!take_option(words, count, &at, command_r))
			return FAIL(err, CV_E_CONFIG, "executable = %s: "
				    "'%s' is none of -d, -n, -t seconds "
				    "(at most %d)", executable, words[at],
				    TIMEOUT_MAX_SECS);
	}
	if (at == count || words[at][0] != '/')
		return FAIL(err, CV_E_CONFIG, "executable = %s: the script "
			    "must be named with its whole path", executable);
	command_r->argv = words + at;
	command_r->argc = count - at;
	return CV_OK;
}
