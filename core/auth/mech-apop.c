/* mech-apop.c - APOP [RFC1939 7] for the POP3 command of that name, which is
 * no SASL mechanism: the protocol sends the challenge of its greeting, the
 * user name and the digest as they are, a NUL between each two, and offers
 * the mechanism to nobody: a client that chose its challenge could play an
 * old answer again. */
#include "auth-mechanism.h"
#include "base.h"

#include <openssl/evp.h>

enum { APOP_BYTES = 16 };

struct apop_state {
	bool asked;
	struct cv_span challenge;
	unsigned char digest[APOP_BYTES];
};

static int take(struct apop_state *apop, struct cv_mechanism_io *io,
		struct cv_error *err)
{
	struct cv_span rest = io->in, challenge, user;

	if (io->in.len == 0 || !cv_span_split(&rest, '\0', &challenge) ||
	    !cv_span_split(&rest, '\0', &user) || rest.len != APOP_BYTES)
		return FAIL(err, CV_E_SYNTAX, "APOP: not a challenge, a user "
			    "name and a digest");
	/* [RFC1939 7] msg-id: something between angle brackets */
	if (challenge.len < 3 || challenge.data[0] != '<' ||
	    challenge.data[challenge.len - 1] != '>' || user.len == 0 ||
	    !utf8_is_valid(user.data, user.len))
		return FAIL(err, CV_E_SYNTAX, "APOP: challenge or user name");
	apop->asked = true;
	apop->challenge = pool_span(io->pool, challenge);
	memcpy(apop->digest, rest.data, APOP_BYTES);
	io->user = pool_span(io->pool, user);
	io->scheme = "PLAIN";
	return CV_MECHANISM_CREDENTIALS;
}

static int apop_step(void *state, struct cv_mechanism_io *io,
		     struct cv_error *err)
{
	struct apop_state *apop = state;
	unsigned char made[APOP_BYTES];
	struct cv_text text;
	bool right;

	if (!apop->asked)
		return take(apop, io, err);
	cv_text_init(&text, io->pool);
	cv_text_append_span(&text, apop->challenge);
	cv_text_append_span(&text, io->credentials);
	BUG_IF(EVP_Digest(text.data, text.len, made, NULL, EVP_md5(),
			  NULL) != 1);
	right = secret_equal(cv_span((char *)made, APOP_BYTES),
			     cv_span((char *)apop->digest, APOP_BYTES));
	return right && io->credentials.len > 0 ? CV_MECHANISM_OK :
		CV_MECHANISM_FAIL;
}

const struct cv_mechanism mech_apop = {
	CV_SIZED(cv_mechanism), .name = "APOP", .flags = CV_MECHANISM_HIDDEN,
	.state_bytes = sizeof(struct apop_state), .step = apop_step,
};
