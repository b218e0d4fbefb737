/* auth-mechanism.c - the SASL mechanisms. */
#include "auth-mechanism.h"

static const struct cv_mechanism *const own[] = { &mech_plain, &mech_login };

static const struct cv_mechanism *find_any(const char *name)
{
	const struct cv_mechanism *mech;
	uint32_t at = 0;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (cv_span_is_icase(cv_span_of(name), own[i]->name))
			return own[i];
	}
	while ((mech = auth_provider_next(CV_PROVIDER_MECHANISM, &at)) !=
	       NULL) {
		if (cv_span_is_icase(cv_span_of(name), mech->name))
			return mech;
	}
	return NULL;
}

const struct cv_mechanism *auth_mechanism_find(const struct auth_settings *set,
					       const char *name)
{
	const struct cv_strings *names = &set->auth_mechanisms;

	for (uint32_t i = 0; i < names->count; i++) {
		if (cv_span_is_icase(cv_span_of(name), names->items[i]))
			return find_any(name);
	}
	return NULL;
}

void auth_mechanisms_list(const struct auth_settings *set,
			  struct auth_mechanisms *m_r)
{
	const struct cv_strings *names = &set->auth_mechanisms;
	const struct cv_mechanism *mech;
	uint32_t flags;

	m_r->count = 0;
	for (uint32_t i = 0; i < names->count &&
	     m_r->count < AUTH_MECHANISMS_MAX; i++) {
		if ((mech = find_any(names->items[i])) == NULL)
			continue;
		flags = 0;
		if ((mech->flags & CV_MECHANISM_PLAINTEXT) != 0)
			flags |= AUTH_MECH_PLAINTEXT;
		if ((mech->flags & CV_MECHANISM_NEEDS_TLS) != 0)
			flags |= AUTH_MECH_NEEDS_TLS;
		if ((mech->flags & CV_MECHANISM_HIDDEN) != 0)
			flags |= AUTH_MECH_HIDDEN;
		m_r->items[m_r->count].name = mech->name;
		m_r->items[m_r->count++].flags = flags;
	}
}

int auth_mechanisms_check(const struct auth_settings *set,
			  struct cv_error *err)
{
	const struct cv_strings *names = &set->auth_mechanisms;

	if (names->count == 0)
		return FAIL(err, CV_E_CONFIG, "auth_mechanisms is empty: "
			    "nobody could log in");
	for (uint32_t i = 0; i < names->count; i++) {
		if (find_any(names->items[i]) == NULL)
			return FAIL(err, CV_E_CONFIG, "auth_mechanisms: "
				    "no mechanism '%s' here, nor in a plugin",
				    names->items[i]);
	}
	return CV_OK;
}
