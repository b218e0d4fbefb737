/* auth-check.c - mistakes that would show only at somebody's login. */
#include "auth-check.h"
#include "auth-input.h"
#include "auth-reply.h"
#include "module/module.h"
#include "password-scheme.h"

void auth_check_prepare(void)
{
	static struct cv_auth_input sample;
	static const struct settings_vars vars = {
		.lookup = auth_input_variable, .context = &sample,
	};

	struct cv_pool *pool = pool_create("sample of a login");
	const struct cv_scheme *scheme;
	const char **schemes;
	uint32_t at = 0, count = 0;

	auth_input_init(&sample, pool);
	module_set_auth_variables(&vars);
	while (password_scheme_next_of_core(&at) != NULL)
		count++;
	schemes = pool_new_array(pool, const char *, count + 1);
	at = 0;
	while ((scheme = password_scheme_next_of_core(&at)) != NULL)
		schemes[at - 1] = scheme->name;
	module_set_auth_schemes(schemes);
}

static int expand_sample(const char *text, struct cv_pool *pool,
			 struct cv_error *err)
{
	struct cv_auth_input in;
	struct cv_text out;

	auth_input_init(&in, pool);
	cv_text_init(&out, pool);
	return auth_input_expand(&in, text, 0, &out, err);
}

/* "uid=vmail home=/srv/mail/%u" */
static int check_fields(const char *text, struct cv_pool *pool,
			struct cv_error *err)
{
	struct cv_auth_reply reply;
	int ret;

	auth_reply_init(&reply, pool);
	ret = auth_reply_set_all(&reply, cv_span_of(text), ' ', err);
	for (size_t i = 0; ret >= 0 && i < reply.fields.count; i++) {
		/* mail is a template of the session's */
		if (strcmp(reply.fields.items[i].name, "mail") != 0 &&
		    strcmp(reply.fields.items[i].name, "userdb_mail") != 0)
			ret = expand_sample(reply.fields.items[i].value, pool,
					    err);
	}
	return ret < 0 ? ret : CV_OK;
}

/* Adds the problem of key, and keeps the first one. */
static void add_problem(struct settings_tree *tree,
			const struct settings_scope *scope, const char *key,
			struct cv_error *found, struct cv_error *first)
{
	const char *file = "";
	uint32_t line = 0;

	(void)error_prefix(found, "%s", key);
	(void)settings_origin(tree, scope, key, &file, &line);
	settings_problem_add(tree, false, file, line, "%s", found->text);
	if (first->code == CV_OK) {
		*first = *found;
		first->code = CV_E_CONFIG;
	}
}

static void check_blocks(struct settings_tree *tree, const char *kind,
			 struct cv_pool *pool, struct cv_error *first)
{
	static const char *const keys[] = {
		"default_fields", "override_fields",
	};
	struct settings_scope scope = { 0 };
	uint32_t at = 0;

	while (settings_block_next(tree, kind, SETTINGS_ROOT, NULL, &at,
				   &scope.block)) {
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			struct cv_error err = ERROR_NONE;
			const char *text;

			if (settings_lookup(tree, &scope, keys[i], &text) ==
			    CV_OK && check_fields(text, pool, &err) < 0)
				add_problem(tree, &scope, keys[i], &err,
					    first);
		}
	}
}

int auth_settings_check(struct settings_tree *tree, struct cv_error *err)
{
	struct cv_error own = ERROR_NONE, first = ERROR_NONE;
	struct cv_pool *pool = pool_create("auth settings");
	const char *format;

	check_blocks(tree, "passdb", pool, &first);
	check_blocks(tree, "userdb", pool, &first);
	if (settings_lookup(tree, NULL, "auth_username_format", &format) ==
	    CV_OK && expand_sample(format, pool, &own) < 0)
		add_problem(tree, NULL, "auth_username_format", &own, &first);
	pool_destroy(&pool);
	if (first.code == CV_OK)
		return CV_OK;
	if (err != NULL)
		*err = first;
	return first.code;
}
