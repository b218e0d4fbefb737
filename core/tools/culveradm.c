/* culveradm.c - the administrator's tool: finds the verb and runs it.
 *
 * Trusts its caller, whose rights it has: nothing is set-uid.  Each verb says
 * in its own file whom it talks to. */
#include "culveradm.h"
#include "settings/settings-digest.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct adm_verb *const verbs[] = {
	&adm_acl_verb, &adm_altmove_verb, &adm_auth_verb, &adm_expire_verb,
	&adm_backup_verb, &adm_copy_verb, &adm_deduplicate_verb,
	&adm_dump_verb, &adm_expunge_verb, &adm_fetch_verb,
	&adm_flags_verb, &adm_resync_verb, &adm_import_verb,
	&adm_index_verb, &adm_kick_verb, &adm_log_verb,
	&adm_mailbox_verb, &adm_move_verb, &adm_penalty_verb,
	&adm_plugin_verb, &adm_purge_verb, &adm_pw_verb, &adm_quota_verb,
	&adm_reload_verb, &adm_save_verb,
	&adm_search_verb, &adm_selftest_verb, &adm_service_verb,
	&adm_stop_verb, &adm_sync_verb, &adm_sync_server_verb,
	&adm_user_verb, &adm_verify_verb, &adm_who_verb,
};
enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

int adm_usage(const struct adm_verb *verb, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)fputs("culveradm: ", stderr);
	(void)vfprintf(stderr, fmt, args);
	(void)fprintf(stderr, "\nusage: culveradm %s %s\n", verb->name,
		      verb->args);
	va_end(args);
	return ADM_USAGE;
}

/* What mailbox_resolve and the drivers' name_check say to clients. */
static bool is_invalid_name(const struct cv_error *err)
{
	return cv_span_begins(cv_span_of(err->client),
			      CV_SPAN("Invalid mailbox name"));
}

int adm_fail(const struct cv_error *err)
{
	(void)fprintf(stderr, "culveradm: %s\n", err->text);
	switch (err->code) {
	case CV_E_PERM:
		return is_invalid_name(err) ? ADM_USAGE : ADM_FAILED;
	case CV_E_CONFIG:
		return ADM_CONFIG;
	case CV_E_DENIED:
		return ADM_NOPERM;
	case CV_E_NOT_FOUND:
		return ADM_NOT_FOUND;
	case CV_E_EXISTS:
	case CV_E_SYNTAX:
		return ADM_DATA;
	case CV_E_TEMP:
	case CV_E_TIMEOUT:
	case CV_E_NO_SPACE:
		return ADM_TEMPFAIL;
	case CV_E_QUOTA:
		return ADM_QUOTA;
	default:
		return ADM_FAILED;
	}
}

static int help(FILE *to)
{
	(void)fputs("usage: culveradm [-Dv] [-c FILE] [-f flow|table|tab|"
		    "pager|json] [-o KEY=VALUE] VERB ...\n\n", to);
	for (size_t i = 0; i < VERBS; i++)
		(void)fprintf(to, "  %s %s\n      %s\n", verbs[i]->name,
			      verbs[i]->args, verbs[i]->help);
	return to == stdout ? ADM_OK : ADM_USAGE;
}

static int help_of(const struct adm_verb *verb)
{
	(void)printf("usage: culveradm %s %s\n  %s\n", verb->name, verb->args,
		     verb->help);
	return ADM_OK;
}

/* "help", "help VERB" */
static int run_help(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < VERBS; i++) {
		if (strcmp(verbs[i]->name, argv[1]) == 0)
			return help_of(verbs[i]);
	}
	if (argc == 1)
		return help(stdout);
	(void)fprintf(stderr, "culveradm: there is no verb '%s'\n", argv[1]);
	return help(stderr);
}

static bool parse_format(const char *name, enum adm_format *format_r)
{
	static const char *const names[] = {
		[ADM_FORMAT_FLOW] = "flow", [ADM_FORMAT_TABLE] = "table",
		[ADM_FORMAT_TAB] = "tab", [ADM_FORMAT_PAGER] = "pager",
		[ADM_FORMAT_JSON] = "json",
	};

	for (size_t i = 1; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], name) == 0) {
			*format_r = (enum adm_format)i;
			return true;
		}
	}
	(void)fprintf(stderr, "culveradm: there is no format '%s' (hint: "
		      "flow, table, tab, pager or json)\n", name);
	return false;
}

static int run_verb(struct adm *adm, int argc, char **argv)
{
	/* of a short word nearly everything is near: 'help' is not 'stop' */
	size_t half = strlen(argv[0]) / 2, near = half < 4 ? half : 4;
	size_t best = 0, distance = near;	/* must be less */

	if (strcmp(argv[0], "help") == 0)
		return run_help(argc, argv);
	for (size_t i = 0; i < VERBS; i++) {
		size_t d;

		if (strcmp(verbs[i]->name, argv[0]) == 0) {
			if (argc == 2 && strcmp(argv[1], "--help") == 0)
				return help_of(verbs[i]);
			return verbs[i]->run(adm, argc, argv);
		}
		d = span_distance(cv_span_of(verbs[i]->name),
				  cv_span_of(argv[0]), 3);
		if (d < distance) {
			distance = d;
			best = i;
		}
	}
	(void)fprintf(stderr, "culveradm: there is no verb '%s'", argv[0]);
	if (distance < near)
		(void)fprintf(stderr, " (did you mean '%s'?)",
			      verbs[best]->name);
	else
		(void)fputs(" (hint: culveradm --help lists them)", stderr);
	(void)fputs("\n", stderr);
	return ADM_USAGE;
}

int main(int argc, char **argv)
{
	struct adm adm = {
		.config_path = CULVER_SYSCONFDIR "/culver.conf",
		.pool = pool_create("culveradm"),
	};
	static const struct option long_options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	ARRAY(const char *) overrides;
	int option, status;

	settings_digest_use(settings_digest_openssl);
	array_init(&overrides, adm.pool);
	while ((option = getopt_long(argc, argv, "+Dvc:f:o:hV", long_options,
				     NULL)) != -1) {
		if (option == 'D')
			adm.debug = true;
		else if (option == 'v')
			adm.verbose = true;
		else if (option == 'c')
			adm.config_path = optarg;
		else if (option == 'o')
			*array_add(&overrides) = optarg;
		else if (option == 'h')
			return help(stdout);
		else if (option == 'V')
			return puts(PACKAGE_VERSION) < 0 ? ADM_FAILED : ADM_OK;
		else if (option != 'f' || !parse_format(optarg, &adm.format))
			return ADM_USAGE;
	}
	adm.overrides = (struct cv_strings){ overrides.items,
		(uint32_t)overrides.count };
	if (adm.debug)
		log_set_level(NULL, LOG_LEVEL_DEBUG);
	if (optind == argc)
		return help(stderr);
	argc -= optind;
	argv += optind;
	optind = 0;	/* verbs parse their own options */
	status = run_verb(&adm, argc, argv);
	pool_destroy(&adm.pool);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		(void)fputs("culveradm: cannot write the output\n", stderr);
		return ADM_TEMPFAIL;
	}
	return status;
}
