/* module-schemes.c - names of password schemes that the configuration has:
 * core's own, or of a plugin that was looked at. */
#include "module-private.h"
#include "settings/settings-value.h"

static const char *const *core_schemes;

void module_set_auth_schemes(const char *const *names)
{
	core_schemes = names;
}

/* Goes through the names of both; NULL at the end. */
struct schemes {
	const struct module_desc *const *descs;
	uint32_t count, desc, at;
};

static const char *next(struct schemes *s)
{
	if (s->desc == 0) {
		if (core_schemes[s->at] != NULL)
			return core_schemes[s->at++];
		s->desc = 1;
		s->at = 0;
	}
	while (s->desc <= s->count) {
		const struct module_desc *desc = s->descs[s->desc - 1];

		while (s->at < desc->registration_count) {
			const struct module_registration *r =
				&desc->registrations[s->at++];

			if (r->what == MODULE_REGISTERED_PROVIDER &&
			    r->kind == CV_PROVIDER_SCHEME)
				return r->name;
		}
		s->desc++;
		s->at = 0;
	}
	return NULL;
}

/* "SSHA512.HEX": the scheme, and how its hashes are written. */
static bool suffix_is_known(struct cv_span suffix)
{
	return suffix.data == NULL || cv_span_is_icase(suffix, "b64") ||
		cv_span_is_icase(suffix, "base64") ||
		cv_span_is_icase(suffix, "hex");
}

/* What is wrong with it; NULL: nothing. */
static const char *judge(struct cv_pool *pool, const char *text,
			 struct schemes all)
{
	struct cv_span suffix = cv_span_of(text), name = suffix;
	struct settings_guess guess;
	const char *scheme;
	char *upper;

	(void)cv_span_split(&suffix, '.', &name);
	upper = pool_copy(pool, name.data, name.len);
	for (char *c = upper; *c != '\0'; c++)
		*c = cv_ascii_upper(*c);
	settings_guess_init(&guess, cv_span(upper, name.len));
	while ((scheme = next(&all)) != NULL) {
		if (cv_span_is_icase(name, scheme))
			return suffix_is_known(suffix) ? NULL :
				pool_printf(pool, "password scheme '%s': "
					    "behind the dot stands B64, "
					    "BASE64 or HEX", text);
		settings_guess_try(&guess, scheme);
	}
	if (guess.best != NULL)
		return pool_printf(pool, "unknown password scheme '%s'; did "
				   "you mean '%s'?", text, guess.best);
	return pool_printf(pool, "unknown password scheme '%s' (hint: "
			   "'culveradm pw -l' lists those that there are; "
			   "auth_plugins names the plugins that have more)",
			   text);
}

/* What a plugin has is not known when its init has failed. */
static bool all_are_known(const struct module_desc *const *descs,
			  uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (descs[i]->init_error[0] != '\0')
			return false;
	}
	return core_schemes != NULL;
}

void module_values_check_schemes(struct module_values *values,
				 const struct module_desc *const *descs,
				 uint32_t count, bool all)
{
	bool known = all && all_are_known(descs, count);
	size_t kept = 0;

	for (size_t i = 0; i < values->problems.count; i++) {
		struct module_value_problem problem =
			values->problems.items[i];

		if (problem.kind == MODULE_PROBLEM_SCHEME) {
			problem.text = !known ? NULL :
				judge(values->pool, problem.text,
				      (struct schemes){ descs, count, 0, 0 });
			problem.kind = MODULE_PROBLEM_ERROR;
		}
		if (problem.text != NULL)
			values->problems.items[kept++] = problem;
	}
	values->problems.count = kept;
}
