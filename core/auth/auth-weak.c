/* auth-weak.c - see auth-weak.h. */
#include "auth-weak.h"
#include "password-scheme.h"
#include "settings/core-settings.h"

static bool told_already(struct auth_db *db, const struct cv_scheme *scheme)
{
	enum { ROOM = sizeof(db->weak_told) / sizeof(db->weak_told[0]) };

	for (uint32_t i = 0; i < ROOM; i++) {
		if (db->weak_told[i] == scheme)
			return true;
		if (db->weak_told[i] != NULL)
			continue;
		db->weak_told[i] = scheme;
		return false;
	}
	return true;
}

static void report(struct auth_db *db, const struct cv_scheme *scheme)
{
	log_warning("auth", "passdb %s: there are passwords kept as %s, which "
		    "is weak: who reads them can guess them (hint: 'culveradm "
		    "pw' makes better ones; auth_allow_weak_schemes = no "
		    "refuses these, yes says no more of it)", db->driver,
		    scheme->name);
}

bool auth_weak_permits(struct auth_db *db, const char *stored, uint32_t allow,
		       const char *name)
{
	struct password_hash hash;

	if (allow == AUTH_AUTH_ALLOW_WEAK_SCHEMES_YES ||
	    password_parse(stored, db->facts.scheme, &hash, NULL) != CV_OK ||
	    !password_is_weak(&hash) ||
	    /* kept like that for a mechanism: nothing else would do */
	    (hash.scheme->flags & CV_SCHEME_MECHANISM))
		return true;
	if (allow == AUTH_AUTH_ALLOW_WEAK_SCHEMES_NO) {
		log_error("auth", "%s: refused, for the password is kept as "
			  "%s, which is weak (hint: set it anew; 'culveradm "
			  "pw' makes what belongs into passdb %s; "
			  "auth_allow_weak_schemes = yes lets it in)", name,
			  hash.scheme->name, db->driver);
		return false;
	}
	if (!told_already(db, hash.scheme))
		report(db, hash.scheme);
	return true;
}
