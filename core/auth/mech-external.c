/* mech-external.c - EXTERNAL [RFC4422 A]: who the client is says its TLS
 * certificate.  The passdbs still have their say, with an empty password:
 * one with nopassword, for the mechanism EXTERNAL alone, is the usual way. */
#include "auth-mechanism.h"
#include "base.h"

struct external_state { bool asked; };

static int external_step(void *state, struct cv_mechanism_io *io,
			 struct cv_error *err)
{
	struct external_state *external = state;

	if (!io->has_in && !external->asked) {
		external->asked = true;
		return CV_MECHANISM_CHALLENGE;	/* an empty one */
	}
	/* [security.md A25] never the name that the client gives */
	if (!io->input->cert_valid || io->input->cert_name[0] == '\0')
		return FAIL(err, CV_MECHANISM_FAIL, "no user name in the "
			    "client's certificate (hint: "
			    "ssl_cert_username_field)");
	if (io->in.len > 0 &&
	    (memchr(io->in.data, '\0', io->in.len) != NULL ||
	     !utf8_is_valid(io->in.data, io->in.len)))
		return FAIL(err, CV_E_SYNTAX, "EXTERNAL: NUL in the name, or "
			    "not UTF-8");
	io->user = cv_span_of(io->input->cert_name);
	/* [RFC4422 A] empty: as the one whom the certificate names */
	if (io->in.len > 0 && !cv_span_equal(io->in, io->user))
		io->authzid = pool_span(io->pool, io->in);
	io->password = CV_SPAN("");
	return CV_MECHANISM_VERIFY;
}

const struct cv_mechanism mech_external = {
	CV_SIZED(cv_mechanism), .name = "EXTERNAL",
	.flags = CV_MECHANISM_NEEDS_TLS | CV_MECHANISM_CERT,
	.state_bytes = sizeof(struct external_state), .step = external_step,
};
