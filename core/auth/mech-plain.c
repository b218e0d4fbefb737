/* mech-plain.c - PLAIN [RFC4616]. */
#include "auth-mechanism.h"
#include "base.h"

struct plain_state { bool asked; };

/* [RFC4616 2] message = [authzid] UTF8NUL authcid UTF8NUL passwd: exactly
 * two NULs, and none of them inside a part. */
static int split(struct cv_span in, struct cv_mechanism_io *io,
		 struct cv_error *err)
{
	struct cv_span rest = in, authzid, user, password;

	if (in.len == 0 || !cv_span_split(&rest, '\0', &authzid) ||
	    !cv_span_split(&rest, '\0', &user) || rest.data == NULL)
		return FAIL(err, CV_E_SYNTAX, "PLAIN: fewer than two NULs");
	password = rest;
	if (password.len > 0 &&
	    memchr(password.data, '\0', password.len) != NULL)
		return FAIL(err, CV_E_SYNTAX, "PLAIN: more than two NULs");
	/* [RFC4616 2] authcid and passwd are 1*SAFE */
	if (user.len == 0 || password.len == 0)
		return FAIL(err, CV_E_SYNTAX, "PLAIN: empty user name or "
			    "password");
	/* [RFC4616 2] UTF-8; passwords of old clients are taken as they
	 * are, they are compared only */
	if (!utf8_is_valid(user.data, user.len) ||
	    !utf8_is_valid(authzid.data, authzid.len))
		return FAIL(err, CV_E_SYNTAX, "PLAIN: user name is not "
			    "UTF-8");
	io->authzid = pool_span(io->pool, authzid);
	io->user = pool_span(io->pool, user);
	io->password = pool_span(io->pool, password);
	return CV_MECHANISM_VERIFY;
}

static int plain_step(void *state, struct cv_mechanism_io *io,
		      struct cv_error *err)
{
	struct plain_state *plain = state;

	if (!io->has_in && !plain->asked) {
		plain->asked = true;
		return CV_MECHANISM_CHALLENGE;	/* an empty one */
	}
	return split(io->in, io, err);
}

const struct cv_mechanism mech_plain = {
	CV_SIZED(cv_mechanism), .name = "PLAIN",
	.flags = CV_MECHANISM_PLAINTEXT,
	.state_bytes = sizeof(struct plain_state),
	.step = plain_step,
};
