/* adm-warn.c - what is likely a slip of the pen in plugin { }, or behind -o.
 *
 * Which names there are say all the plugins of the configuration, of which a
 * verb loads but some: a child asks them all, as culverconf does. */
#include "adm-mail.h"
#include "module/module.h"
#include "settings-private.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Nobody reads it, and Dovecot's plugins do not either: those are in every
 * configuration that was taken over, and culverconf tells of them. */
static bool is_slip(const char *name)
{
	struct cv_span key = cv_span_of(name);

	return settings_registry_find("plugin", key) == NULL &&
		settings_plugin_owner(key) == NULL;
}

static void name_slips(const struct settings_tree *tree)
{
	struct cv_pool *pool = pool_create("unknown names");
	const char *name, *value, *guess = NULL;
	struct cv_text names;
	uint32_t at = 0, count = 0;

	cv_text_init(&names, pool);
	while (settings_plugin_next(tree, NULL, "", &at, &name, &value)) {
		if (!is_slip(name))
			continue;
		cv_text_append_f(&names, "%s'%s'", count++ > 0 ? ", " : "",
				 name);
		guess = settings_registry_guess("plugin", cv_span_of(name));
	}
	if (count == 1 && guess != NULL)
		(void)fprintf(stderr, "culveradm: Warning: no plugin reads %s "
			      "in plugin { } (did you mean '%s'?)\n",
			      cv_text_str(&names), guess);
	else if (count > 0)
		(void)fprintf(stderr, "culveradm: Warning: no plugin reads %s "
			      "in plugin { } (hint: culverconf says where)\n",
			      cv_text_str(&names));
	pool_destroy(&pool);
}

/* Userdb fields may stand behind -o, too, and settings of plugins without
 * the block. */
static bool is_read(const char *text, const struct cv_strings *overrides)
{
	for (uint32_t i = 0; i < overrides->count; i++) {
		struct cv_span rest = cv_span_of(overrides->items[i]), name;
		char quoted[256];

		if (!cv_span_split(&rest, '=', &name) ||
		    (!cv_span_is(name, "mail") &&
		     settings_registry_find("plugin", name) == NULL))
			continue;
		(void)snprintf(quoted, sizeof(quoted), "unknown setting "
			       "'%.*s'", CV_SPAN_ARG(name));
		if (strncmp(text, quoted, strlen(quoted)) == 0)
			return true;
	}
	return false;
}

/* -o NAME=VALUE that nothing reads. */
static void name_options(const struct settings_tree *tree,
			 const struct cv_strings *overrides)
{
	for (size_t i = 0; i < settings_problem_count(tree); i++) {
		const struct settings_problem *p =
			settings_problem_get(tree, i);

		if (!p->warning && strcmp(p->file, "command line") == 0 &&
		    !is_read(p->text, overrides))
			(void)fprintf(stderr, "culveradm: Warning: -o: %s\n",
				      p->text);
	}
}

static bool has_plugin_names(const struct settings_tree *tree)
{
	const char *name, *value;
	uint32_t at = 0;

	while (settings_plugin_next(tree, NULL, "", &at, &name, &value)) {
		if (is_slip(name))
			return true;
	}
	return false;
}

void adm_warn_unknown(const struct adm *adm, const struct settings_tree *tree)
{
	struct settings_read_options options = {
		.overrides = adm->overrides, .tolerate_denied = true,
	};
	struct settings_tree *all;
	pid_t pid;

	/* who reads JSON reads what is on stderr as well, more often than
	 * not */
	if (adm->format == ADM_FORMAT_JSON ||
	    (adm->overrides.count == 0 && !has_plugin_names(tree)))
		return;
	(void)fflush(stdout);
	(void)fflush(stderr);
	pid = fork();
	if (pid == 0) {
		/* what else is wrong there is said by who needs it */
		int ret = module_settings_read(adm->config_path, &options,
					       &all, NULL);

		if (ret == CV_OK)
			name_slips(all);
		if (all != NULL)
			name_options(all, &adm->overrides);
		(void)fflush(stderr);
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
