/* adm-pw.c - culveradm pw: makes and checks stored passwords.
 *
 * Talks to nobody; loads the plugins scheme-* of the plugin folder. */
#include "culveradm.h"
#include "auth/auth-plugin-api.h"
#include "auth/password-scheme.h"
#include "module/module.h"
#include "settings/core-settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PREFIX_LEN = 7 };		/* "scheme-" */

struct call {
	const char *password, *scheme, *user, *stored;
	uint32_t rounds;
	bool list, check;
};

/* mail_plugin_dir of a configuration that can be read, or the built-in
 * one: passwords are made before there is a configuration, too. */
static const char *plugin_dir(struct adm *adm)
{
	struct settings_read_options options = {
		.overrides = adm->overrides, .accept_unknown = true,
	};
	struct general_settings general;
	struct settings_tree *tree;

	settings_register_core();
	settings_register(&module_settings_table);
	(void)settings_read(adm->config_path, &options, &tree, NULL);
	if (settings_get(tree, &general_settings_table, NULL, adm->pool,
			 &general, NULL) < 0)
		return CULVER_PLUGINDIR;
	return general.mail_plugin_dir;
}

static int load_schemes(struct adm *adm, struct cv_error *err)
{
	struct module_request request = {
		.dir = plugin_dir(adm), .skip_errors = true,
	};
	struct cv_strings all;
	const char **names;
	int ret = module_find_all(request.dir, adm->pool, &all, err);

	if (ret < 0)
		return ret;
	names = pool_new_array(adm->pool, const char *, all.count + 1);
	for (uint32_t i = 0; i < all.count; i++) {
		if (strncmp(all.items[i], "scheme-", PREFIX_LEN) == 0)
			names[request.count++] = all.items[i];
	}
	request.names = names;
	auth_plugin_api_register();
	return module_load(&request, err);
}

static int list(struct adm *adm)
{
	static const char *const columns[] = { "scheme", "weak", NULL };
	const struct cv_scheme *scheme;
	struct adm_output *out;
	uint32_t at = 0;

	if (adm->format != ADM_FORMAT_DEFAULT) {
		out = adm_output_begin(adm, ADM_FORMAT_DEFAULT, columns);
		while ((scheme = password_scheme_next(&at)) != NULL) {
			adm_output_value(out, scheme->name);
			adm_output_value(out, scheme->flags & CV_SCHEME_WEAK ?
					 "yes" : "no");
		}
		adm_output_end(&out, false);
		return ADM_OK;
	}
	while ((scheme = password_scheme_next(&at)) != NULL)
		printf("%s ", scheme->name);
	printf("\n");
	return ADM_OK;
}

static void put(const struct adm *adm, const char *hash, bool verified)
{
	static const char *const columns[] = { "password", NULL };
	struct adm_output *out;

	if (adm->format == ADM_FORMAT_DEFAULT) {
		(void)printf("%s%s\n", hash, verified ? " (verified)" : "");
		return;
	}
	out = adm_output_begin(adm, adm->format, columns);
	adm_output_value(out, hash);
	adm_output_end(&out, false);
}

static int check(const struct adm *adm, const struct call *call,
		 const char *stored)
{
	struct cv_error err = ERROR_NONE;
	int ret = password_verify(stored, "CRYPT", call->user,
				  cv_span_of(call->password), &err);

	if (ret < 0)
		(void)fprintf(stderr, "culveradm: %s\n", err.text);
	else if (ret != CV_AUTH_OK)
		(void)fputs("culveradm: the password does not match\n",
			    stderr);
	else
		put(adm, stored, true);
	return ret == CV_AUTH_OK ? ADM_OK : ADM_TEMPFAIL;
}

/* The best that is there. */
static const char *default_scheme(void)
{
	return password_scheme_find(CV_SPAN("CRYPT")) != NULL ? "CRYPT" :
		"SSHA512";
}

static int make(struct adm *adm, struct call *call)
{
	struct cv_error err = ERROR_NONE;
	struct cv_text text;

	cv_text_init(&text, adm->pool);
	if (password_generate(call->scheme != NULL ? call->scheme :
			      default_scheme(), call->user,
			      cv_span_of(call->password), call->rounds, &text,
			      &err) < 0) {
		(void)fprintf(stderr, "culveradm: %s\n", err.text);
		return ADM_TEMPFAIL;	/* whatever it was, as doveadm */
	}
	if (call->check)
		return check(adm, call, cv_text_str(&text));
	put(adm, cv_text_str(&text), false);
	return ADM_OK;
}

static bool take_rounds(struct call *call, const char *text)
{
	uint64_t rounds;

	if (!cv_span_to_u64(cv_span_of(text), UINT32_MAX, &rounds) ||
	    rounds == 0) {
		(void)fprintf(stderr, "culveradm: Invalid number of rounds: "
			      "%s\n", text);
		return false;
	}
	call->rounds = (uint32_t)rounds;
	return true;
}

static int take_options(struct call *call, int argc, char **argv)
{
	int option;

	optind = 1;
	while ((option = getopt(argc, argv, "+lp:r:s:t:u:V")) != -1) {
		switch (option) {
		case 'l':
			call->list = true;
			break;
		case 'p':
			call->password = optarg;
			break;
		case 'r':
			if (!take_rounds(call, optarg))
				return ADM_TEMPFAIL;
			break;
		case 's':
			call->scheme = optarg;
			break;
		case 't':
			call->stored = optarg;
			break;
		case 'u':
			call->user = optarg;
			break;
		case 'V':
			call->check = true;
			break;
		default:
			return adm_usage(&adm_pw_verb, "an option is wrong");
		}
	}
	return optind < argc ? adm_usage(&adm_pw_verb, "'%s' is too much",
					 argv[optind]) : ADM_OK;
}

static int ask(struct adm *adm, struct call *call)
{
	if (call->password != NULL)
		return ADM_OK;
	if (call->stored != NULL) {
		call->password = adm_read_password(adm, "Enter password to "
						   "verify: ");
		return ADM_OK;
	}
	call->password = adm_read_password(adm, "Enter new password: ");
	if (isatty(STDIN_FILENO) &&
	    strcmp(call->password, adm_read_password(
			adm, "Retype new password: ")) != 0) {
		(void)fputs("culveradm: the passwords are not the same\n",
			    stderr);
		return ADM_TEMPFAIL;
	}
	return ADM_OK;
}

static int run_pw(struct adm *adm, int argc, char **argv)
{
	struct cv_error err = ERROR_NONE;
	struct call call = { .user = "" };
	int status = take_options(&call, argc, argv);

	if (status != ADM_OK)
		return status;
	if (load_schemes(adm, &err) < 0)
		(void)fprintf(stderr, "culveradm: warning: %s\n", err.text);
	if (call.list)
		status = list(adm);
	else if ((status = ask(adm, &call)) == ADM_OK)
		status = call.stored != NULL ? check(adm, &call, call.stored) :
			make(adm, &call);
	module_unload_all();
	return status;
}

const struct adm_verb adm_pw_verb = {
	.name = "pw",
	.args = "[-s SCHEME] [-p PASSWORD] [-r ROUNDS] [-u USER] [-V] | "
		"-t STORED | -l",
	.help = "Makes a password hash, or checks one.\n"
		"-l  lists the schemes\n"
		"-s  with this scheme (default: CRYPT)\n"
		"-p  of this password, which is asked for otherwise\n"
		"-r  rounds, of schemes that have them\n"
		"-u  the user, whom some schemes put into the hash\n"
		"-V  checks what was made\n"
		"-t  checks the password against this hash",
	.run = run_pw,
};
