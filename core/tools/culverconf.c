/* culverconf.c - shows and checks the configuration.
 *
 * Reads what the person who runs it may read, writes to standard output,
 * changes nothing, and trusts nothing in the files.  Needs no privileges and
 * gets none. */
#include "auth/auth-check.h"
#include "master/server-check.h"
#include "core-settings.h"
#include "module/module.h"
#include "net/tls.h"
#include "settings-digest.h"
#include "settings-print.h"
#include "settings-registry.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

struct options {
	const char *file;
	struct settings_print print;
	struct settings_scope scope;
	struct settings_read_options read;
	const char *overrides[64];
};

static const char usage_text[] =
	"usage: culverconf [-adnhPx] [-c file] [-f name=value] "
	"[-o setting=value]\n"
	"                  [--origin] [name ...]\n"
	"  -a  all settings              -n  only what is not default "
	"(usual)\n"
	"  -d  the defaults              -h  values without their names\n"
	"  -P  show passwords and keys   -x  put in <files and $names\n"
	"  -c  another file than " CULVER_SYSCONFDIR "/culver.conf\n"
	"  -f  what counts for: protocol=, lname=, lip=, rip=\n"
	"  -o  a setting that wins over the file\n"
	"  --origin  file and line of each value\n";

__attribute__((noreturn)) static void die(const char *what, const char *arg)
{
	(void)fprintf(stderr, "culverconf: %s%s\n%s", what, arg, usage_text);
	exit(SETTINGS_EXIT_BAD);
}

static void filter_parse(struct options *options, const char *arg)
{
	const char *value = strchr(arg, '=');
	struct cv_span name;

	if (value == NULL)
		die("-f wants name=value, not ", arg);
	name = cv_span(arg, (size_t)(value - arg));
	value++;
	options->print.scope = &options->scope;
	if (cv_span_is(name, "protocol") || cv_span_is(name, "service"))
		options->scope.protocol = value;
	else if (cv_span_is(name, "lname") || cv_span_is(name, "local_name"))
		options->scope.local_name = value;
	else if (cv_span_is(name, "lip") || cv_span_is(name, "local")) {
		if (!settings_ip_parse(value, &options->scope.local))
			die("no IP address: ", value);
	} else if (cv_span_is(name, "rip") || cv_span_is(name, "remote")) {
		if (!settings_ip_parse(value, &options->scope.remote))
			die("no IP address: ", value);
	} else {
		die("unknown filter: ", arg);
	}
}

static void override_add(struct options *options, const char *arg)
{
	uint32_t *count = &options->read.overrides.count;

	if (*count == sizeof(options->overrides) /
	    sizeof(options->overrides[0]))
		die("too many -o", "");
	if (strchr(arg, '=') == NULL || strpbrk(arg, "{}\n") != NULL)
		die("-o wants setting=value, not ", arg);
	options->overrides[(*count)++] = arg;
	options->read.overrides.items = options->overrides;
}

static void options_parse(struct options *options, int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "origin", no_argument, NULL, 'O' },
		{ "help", no_argument, NULL, 'H' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "ac:df:hno:PSx", long_options,
				NULL)) != -1) {
		switch (c) {
		case 'a':
			options->print.mode = SETTINGS_PRINT_ALL;
			break;
		case 'c':
			options->file = optarg;
			break;
		case 'd':
			options->print.mode = SETTINGS_PRINT_DEFAULTS;
			break;
		case 'f':
			filter_parse(options, optarg);
			break;
		case 'h':
			options->print.values_only = true;
			break;
		case 'n':
			options->print.mode = SETTINGS_PRINT_CHANGED;
			break;
		case 'o':
			override_add(options, optarg);
			break;
		case 'O':
			options->print.origin = true;
			break;
		case 'P':
			options->print.secrets = true;
			break;
		case 'x':
			options->print.expand = true;
			break;
		case 'H':
			(void)fputs(usage_text, stdout);
			exit(EXIT_SUCCESS);
		case 'V':
			(void)puts(PACKAGE_VERSION);
			exit(EXIT_SUCCESS);
		default:
			(void)fputs(usage_text, stderr);
			exit(SETTINGS_EXIT_BAD);
		}
	}
}

static void problems_print(const struct settings_tree *tree)
{
	const struct settings_problem *problem;

	for (size_t i = 0; (problem = settings_problem_get(tree, i)) != NULL;
	     i++) {
		const char *kind = problem->warning ? "Warning" : "Error";

		if (problem->line > 0)
			(void)fprintf(stderr, "culverconf: %s: %s:%u: %s\n",
				      kind, problem->file, problem->line,
				      problem->text);
		else
			(void)fprintf(stderr, "culverconf: %s: %s\n", kind,
				      problem->text);
	}
}

static void header_print(const struct options *options)
{
	struct utsname host;

	(void)printf("# %s: %s\n", PACKAGE_STRING, options->file);
	if (uname(&host) == 0)
		(void)printf("# OS: %s %s %s\n# Hostname: %s\n", host.sysname,
			     host.release, host.machine, host.nodename);
}

static int names_print(const struct settings_tree *tree,
		       const struct options *options, char **names,
		       struct cv_text *out)
{
	const char *guess;
	int status = 0;

	for (; *names != NULL; names++) {
		if (settings_print_name(tree, &options->print, *names, out) ==
		    CV_OK)
			continue;
		guess = settings_registry_guess("", cv_span_of(*names));
		(void)fprintf(stderr, "culverconf: nothing is named '%s'%s%s"
			      "%s\n", *names,
			      guess == NULL ? "" : "; did you mean '",
			      guess == NULL ? "" : guess,
			      guess == NULL ? "" : "'?");
		status = SETTINGS_EXIT_BAD;
	}
	return status;
}

/* A key that only root may read is no fault of the configuration. */
static bool is_readable(const struct settings_tree *tree)
{
	for (size_t i = 0; i < settings_problem_count(tree); i++) {
		if (strstr(settings_problem_get(tree, i)->text,
			   "its value is left empty here") != NULL)
			return false;
	}
	return true;
}

static int run(struct options *options, char **names)
{
	struct cv_error err = ERROR_NONE;
	struct settings_tree *tree;
	struct cv_pool *pool;
	struct cv_text out;
	int ret, auth_ret, server_ret, status = 0;

	options->read.tolerate_denied = true;
	ret = module_settings_read(options->file, &options->read, &tree,
				   NULL);
	auth_ret = auth_settings_check(tree, &err);
	server_ret = server_settings_check(tree, &err);
	if (ret == CV_OK)
		ret = auth_ret;
	if (ret == CV_OK)
		ret = server_ret;
	if (ret == CV_OK && is_readable(tree))
		ret = tls_settings_check(tree, &err);
	problems_print(tree);
	if (ret < 0) {
		settings_tree_destroy(&tree);
		return SETTINGS_EXIT_BAD;
	}
	pool = pool_create("culverconf");
	pool_set_secret(pool);
	cv_text_init(&out, pool);
	if (*names != NULL) {
		status = names_print(tree, options, names, &out);
	} else {
		header_print(options);
		settings_print(tree, &options->print, &out);
	}
	if (fwrite(cv_text_str(&out), 1, out.len, stdout) != out.len ||
	    fflush(stdout) != 0) {
		perror("culverconf: standard output");
		status = 1;
	}
	settings_tree_destroy(&tree);
	pool_destroy(&pool);
	return status;
}

int main(int argc, char **argv)
{
	struct options options = {
		.file = CULVER_SYSCONFDIR "/culver.conf",
	};

	options_parse(&options, argc, argv);
	settings_digest_use(settings_digest_openssl);
	settings_register_core();
	auth_check_prepare();
	return run(&options, argv + optind);
}
