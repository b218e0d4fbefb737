/* mech-cram-md5.c - CRAM-MD5 [RFC2195]. */
#include "auth-mechanism.h"
#include "base.h"
#include "hmac-md5.h"

enum { NONCE_BYTES = 16 };

enum cram_stage { CRAM_START, CRAM_RESPONSE, CRAM_CREDENTIALS };

struct cram_state {
	uint32_t stage;			/* enum cram_stage */
	struct cv_span challenge;
	unsigned char digest[MD_DIGEST_BYTES];
};

/* [RFC2195 2] "<random digits . a timestamp @ host>", as a Message-ID is. */
static int challenge(struct cram_state *cram, struct cv_mechanism_io *io)
{
	unsigned char random[NONCE_BYTES];

	random_bytes(random, sizeof(random));
	cv_text_append_c(io->out, '<');
	hex_encode(io->out, random, sizeof(random));
	cv_text_append_f(io->out, ".%lld@%s>", (long long)time_now(),
			 auth_mechanism_env()->hostname);
	cram->challenge = pool_span(io->pool, cv_text_span(io->out));
	cram->stage = CRAM_RESPONSE;
	return CV_MECHANISM_CHALLENGE;
}

/* [RFC2195 2] user name, a blank, the digest in hex; the name may have
 * blanks of its own. */
static int response(struct cram_state *cram, struct cv_mechanism_io *io,
		    struct cv_error *err)
{
	enum { HEX = 2 * MD_DIGEST_BYTES };
	struct cv_span in = io->in, user;
	struct cv_text raw;

	cv_text_init(&raw, io->pool);
	if (in.len < HEX + 2 || in.data[in.len - HEX - 1] != ' ' ||
	    !hex_decode(&raw, cv_span_skip(in, in.len - HEX)))
		return FAIL(err, CV_E_SYNTAX, "CRAM-MD5: not a user name and "
			    "a digest");
	user = cv_span(in.data, in.len - HEX - 1);
	if (!utf8_is_valid(user.data, user.len) ||
	    memchr(user.data, '\0', user.len) != NULL)
		return FAIL(err, CV_E_SYNTAX, "CRAM-MD5: NUL in the user "
			    "name, or not UTF-8");
	memcpy(cram->digest, raw.data, MD_DIGEST_BYTES);
	io->user = pool_span(io->pool, user);
	io->scheme = "CRAM-MD5";
	cram->stage = CRAM_CREDENTIALS;
	return CV_MECHANISM_CREDENTIALS;
}

static int compare(const struct cram_state *cram,
		   const struct cv_mechanism_io *io)
{
	unsigned char stored[HMAC_MD5_STORED_BYTES] = { 0 };
	unsigned char made[MD_DIGEST_BYTES];
	struct cv_text raw;
	bool known, right;

	cv_text_init(&raw, io->pool);
	known = io->credentials.len > 0 &&
		hex_decode(&raw, io->credentials) &&
		raw.len == sizeof(stored);
	if (known)
		memcpy(stored, raw.data, sizeof(stored));
	hmac_md5_of_stored(stored, cram->challenge, made);
	explicit_bzero(stored, sizeof(stored));
	right = secret_equal(cv_span((char *)made, sizeof(made)),
			     cv_span((const char *)cram->digest,
				     sizeof(made)));
	return right && known ? CV_MECHANISM_OK : CV_MECHANISM_FAIL;
}

static int cram_step(void *state, struct cv_mechanism_io *io,
		     struct cv_error *err)
{
	struct cram_state *cram = state;

	switch (cram->stage) {
	case CRAM_START:
		return challenge(cram, io);
	case CRAM_RESPONSE:
		return response(cram, io, err);
	default:
		return compare(cram, io);
	}
}

const struct cv_mechanism mech_cram_md5 = {
	CV_SIZED(cv_mechanism), .name = "CRAM-MD5",
	.flags = CV_MECHANISM_SERVER_FIRST,
	.state_bytes = sizeof(struct cram_state), .step = cram_step,
};
