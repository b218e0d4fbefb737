/* gss-principal.c - as whom a principal of Kerberos may log in. */
#include "gss-principal.h"

#include <krb5.h>

static bool is_listed(const struct gss_login *login)
{
	struct cv_span rest = login->listed, one = CV_SPAN_NONE;

	while (rest.len > 0) {
		(void)cv_span_split(&rest, ',', &one);
		if (cv_span_is(cv_span_trim(one), login->principal))
			return true;
	}
	return false;
}

/* It may look up the user's name in the system: the last thing to ask. */
static bool system_says_so(krb5_context ctx, const struct gss_login *login)
{
	krb5_principal principal;
	bool ok;

	if (krb5_parse_name(ctx, login->principal, &principal) != 0)
		return false;
	ok = krb5_kuserok(ctx, principal, login->user) != 0;
	krb5_free_principal(ctx, principal);
	return ok;
}

static bool is_local_realm(krb5_context ctx, const char *realm)
{
	char *own;
	bool same;

	if (krb5_get_default_realm(ctx, &own) != 0)
		return false;
	same = strcmp(own, realm) == 0;
	krb5_free_default_realm(ctx, own);
	return same;
}

/* [RFC4752 3.1] who asks for nobody else is who the ticket says. */
static bool is_own_name(const struct gss_login *login, bool local)
{
	const char *realm = strrchr(login->principal, '@');
	const char *domain = strchr(login->user, '@');
	size_t len = (size_t)(realm - login->principal);

	if (strcmp(login->asked, login->principal) != 0 &&
	    !(local && strlen(login->asked) == len &&
	      memcmp(login->asked, login->principal, len) == 0))
		return false;
	/* alice of a realm that is trusted is not our alice */
	return local || (domain != NULL && cv_span_is_icase(
				cv_span_of(domain + 1), realm + 1));
}

bool gss_principal_may(const struct gss_login *login)
{
	const char *realm = strrchr(login->principal, '@');
	krb5_context ctx;
	bool ok;

	if (realm == NULL || krb5_init_context(&ctx) != 0)
		return false;
	ok = is_own_name(login, is_local_realm(ctx, realm + 1)) ||
		is_listed(login) || system_says_so(ctx, login);
	krb5_free_context(ctx);
	return ok;
}
