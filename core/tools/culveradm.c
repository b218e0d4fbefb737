/* culveradm.c - the administrator's tool: finds the verb and runs it.
 *
 * Trusts its caller, whose rights it has: nothing is set-uid.  Each verb says
 * in its own file whom it talks to. */
#include "adm-mail.h"
#include "settings/settings-digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct adm_verb *const verbs[] = {
	&adm_acl_verb, &adm_altmove_verb, &adm_apppassword_verb,
	&adm_auth_verb, &adm_expire_verb,
	&adm_backup_verb, &adm_copy_verb, &adm_deduplicate_verb,
	&adm_director_verb, &adm_dump_verb, &adm_expunge_verb,
	&adm_fetch_verb,
	&adm_flags_verb, &adm_resync_verb, &adm_import_verb,
	&adm_index_verb, &adm_kick_verb, &adm_log_verb,
	&adm_mailbox_verb, &adm_move_verb, &adm_penalty_verb,
	&adm_plugin_verb, &adm_proxy_verb, &adm_purge_verb, &adm_pw_verb,
	&adm_quota_verb,
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
bool adm_is_invalid_name(const struct cv_error *err)
{
	return cv_span_begins(cv_span_of(err->client),
			      CV_SPAN("Invalid mailbox name"));
}

/* What storages say of a second place that is not there (dbox: ALT=). */
bool adm_is_away(const struct cv_error *err)
{
	return err->code == CV_E_TEMP &&
		cv_span_begins(cv_span_of(err->client),
			       CV_SPAN("Not there for now"));
}

int adm_fail(const struct cv_error *err)
{
	(void)fprintf(stderr, "culveradm: %s\n", err->text);
	switch (err->code) {
	case CV_E_PERM:
		return adm_is_invalid_name(err) ? ADM_USAGE : ADM_FAILED;
	case CV_E_CONFIG:
		return ADM_CONFIG;
	case CV_E_DENIED:
	case CV_E_ACCESS:
		return ADM_NOPERM;
	case CV_E_NOT_FOUND:
		return ADM_NOT_FOUND;
	case CV_E_EXISTS:
	case CV_E_LIMIT:
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
		(void)fprintf(to, "  %s %s\n      %.*s\n", verbs[i]->name,
			      verbs[i]->args,
			      (int)strcspn(verbs[i]->help, "\n"),
			      verbs[i]->help);
	(void)fputs("\nculveradm VERB --help says more of one.\n", to);
	return to == stdout ? ADM_OK : ADM_USAGE;
}

void adm_help_text(const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		(void)printf("  %.*s\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

static void put_usage(const char *name, const char *word, const char *args)
{
	(void)printf("usage: culveradm %s%s%s%s%s\n", name,
		     *word == '\0' ? "" : " ", word,
		     *args == '\0' ? "" : " ", args);
}

/* Whether text is the word, or one that begins with it and is of several. */
static bool is_word(const char *text, const char *word)
{
	size_t len = word == NULL ? 0 : strlen(word);

	return word == NULL || (strncmp(text, word, len) == 0 &&
				(text[len] == '\0' || text[len] == ' '));
}

/* Of the verb, or of those of its second words that word (NULL: any) is; false
 * when it has none such. */
static bool help_of(const struct adm_verb *verb, const char *word)
{
	size_t skip = strlen(verb->name), count = 0;

	for (size_t i = 0; i < verb->count; i++) {
		const char *name = verb->mail != NULL ?
			verb->mail[i].name + skip : verb->words[i].name;

		name += *name == ' ';
		if (*name == '\0' ? word != NULL : !is_word(name, word))
			continue;
		if (count++ > 0)
			(void)putchar('\n');
		if (verb->mail != NULL) {
			(void)adm_mail_help(&verb->mail[i]);
			continue;
		}
		put_usage(verb->name, name, verb->words[i].args);
		adm_help_text(verb->words[i].help);
	}
	if (count == 0 && word == NULL) {
		put_usage(verb->name, "", verb->args);
		adm_help_text(verb->help);
		count = 1;
	}
	return count > 0;
}

/* "help", "help VERB [WORD]" */
static int run_help(int argc, char **argv)
{
	const char *word = argc > 2 ? argv[2] : NULL;

	for (size_t i = 0; argc >= 2 && argc <= 3 && i < VERBS; i++) {
		if (strcmp(verbs[i]->name, argv[1]) == 0 &&
		    help_of(verbs[i], word))
			return ADM_OK;
	}
	if (argc == 1)
		return help(stdout);
	(void)fprintf(stderr, "culveradm: there is no verb '%s%s%s'\n",
		      argv[1], word == NULL ? "" : " ",
		      word == NULL ? "" : word);
	return help(stderr);
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* "VERB --help", "VERB WORD --help", "VERB WORD WORD --help".  Behind other
 * options the verbs on mail know it themselves. */
static bool asks_help(const struct adm_verb *verb, int argc, char **argv)
{
	char both[64];

	if (argc == 2 && is_help(argv[1]))
		return help_of(verb, NULL);
	if ((argc != 3 && argc != 4) || !is_help(argv[argc - 1]) ||
	    argv[1][0] == '-' || verb->count == 0)
		return false;
	if (argc == 4 && (size_t)snprintf(both, sizeof(both), "%s %s", argv[1],
					  argv[2]) < sizeof(both) &&
	    help_of(verb, both))
		return true;
	return help_of(verb, argv[1]);
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
			return asks_help(verbs[i], argc, argv) ? ADM_OK :
				verbs[i]->run(adm, argc, argv);
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

/* As doveadm. */
static int no_value(const char *override)
{
	(void)fprintf(stderr, "culveradm: -o %s: there is no '=' in it\n",
		      override);
	return ADM_TEMPFAIL;
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
		else if (option == 'o' && strchr(optarg, '=') != NULL)
			*array_add(&overrides) = optarg;
		else if (option == 'o')
			return no_value(optarg);
		else if (option == 'h')
			return help(stdout);
		else if (option == 'V')
			return puts(PACKAGE_VERSION) < 0 ? ADM_FAILED : ADM_OK;
		else if (option != 'f')
			return ADM_USAGE;
		else if (!parse_format(optarg, &adm.format))
			return ADM_TEMPFAIL;	/* as doveadm */
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
	/* verbs that print nothing, but for a call that is wrong */
	if (adm.format == ADM_FORMAT_JSON && status != ADM_USAGE &&
	    !adm_output_was_used())
		(void)puts("[]");
	pool_destroy(&adm.pool);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		(void)fputs("culveradm: cannot write the output\n", stderr);
		return ADM_TEMPFAIL;
	}
	return status;
}
