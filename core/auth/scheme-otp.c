/* scheme-otp.c - one-time passwords as they are stored. */
#include "scheme-otp.h"
#include "base.h"
#include "md-block.h"

#include <openssl/evp.h>

enum { SHA1_BYTES = 20, NEW_SEQUENCE = 1024, NEW_SEED_BYTES = 8 };

static const char *const names[CV_OTP_ALGORITHMS] = { "md4", "md5", "sha1" };

/* [RFC2289 A] five words become two, which are written lowest byte first */
static void fold_sha1(const unsigned char digest[SHA1_BYTES],
		      unsigned char out[CV_OTP_BYTES])
{
	for (unsigned i = 0; i < CV_OTP_BYTES; i++) {
		unsigned at = i / 4 * 4 + 3 - i % 4;

		out[i] = digest[at] ^ digest[at + 8];
		if (i < 4)
			out[i] ^= digest[at + 16];
	}
}

static int fold(uint32_t algorithm, struct cv_span data,
		unsigned char out[CV_OTP_BYTES], struct cv_error *err)
{
	unsigned char digest[SHA1_BYTES];
	struct md_state state;

	switch (algorithm) {
	case CV_OTP_SHA1:
		if (EVP_Digest(data.data, data.len, digest, NULL, EVP_sha1(),
			       NULL) != 1)
			return FAIL(err, CV_E_INTERNAL, "digest failed");
		fold_sha1(digest, out);
		return CV_OK;
	case CV_OTP_MD5:
		md_state_init(&state);
		md5_finish(&state, 0, data, digest);
		break;
	default:
		md4_digest(data, digest);
	}
	for (unsigned i = 0; i < CV_OTP_BYTES; i++)
		out[i] = digest[i] ^ digest[i + CV_OTP_BYTES];
	return CV_OK;
}

int otp_next(uint32_t algorithm, unsigned char otp[CV_OTP_BYTES],
	     struct cv_error *err)
{
	return fold(algorithm, cv_span((const char *)otp, CV_OTP_BYTES), otp,
		    err);
}

int otp_make(const struct cv_otp *state, struct cv_span phrase,
	     unsigned char otp[CV_OTP_BYTES], struct cv_error *err)
{
	struct cv_pool *pool = pool_create("one-time password");
	struct cv_text text;
	int ret;

	pool_set_secret(pool);
	cv_text_init(&text, pool);
	cv_text_append_str(&text, state->seed);
	cv_text_append_span(&text, phrase);
	ret = fold(state->algorithm, cv_text_span(&text), otp, err);
	for (uint32_t i = 0; ret == CV_OK && i < state->sequence; i++)
		ret = otp_next(state->algorithm, otp, err);
	pool_destroy(&pool);
	return ret;
}

/* [RFC2289 6.0] letters and digits, without regard to case */
static bool take_seed(struct cv_span text, char seed[CV_OTP_SEED_MAX + 1])
{
	if (text.len == 0 || text.len > CV_OTP_SEED_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		seed[i] = cv_ascii_lower(text.data[i]);
		if (!(seed[i] >= 'a' && seed[i] <= 'z') &&
		    !(seed[i] >= '0' && seed[i] <= '9'))
			return false;
	}
	seed[text.len] = '\0';
	return true;
}

static bool take_algorithm(struct cv_span text, uint32_t *found_r)
{
	for (unsigned i = 0; i < CV_OTP_ALGORITHMS; i++) {
		if (cv_span_is_icase(text, names[i])) {
			*found_r = i;
			return true;
		}
	}
	return false;
}

int otp_parse(struct cv_span text, struct cv_pool *pool,
	      struct cv_otp *otp_r, struct cv_error *err)
{
	struct cv_span rest = text, part[4] = { { NULL, 0 } };
	struct cv_text hash;
	uint64_t sequence;

	for (unsigned i = 0; i < 4; i++)
		(void)cv_span_split(&rest, ' ', &part[i]);
	cv_text_init(&hash, pool);
	if (part[3].data == NULL || rest.data != NULL ||
	    !take_algorithm(part[0], &otp_r->algorithm) ||
	    !cv_span_to_u64(part[1], CV_OTP_SEQUENCE_MAX, &sequence) ||
	    !take_seed(part[2], otp_r->seed) ||
	    !hex_decode(&hash, part[3]) || hash.len != CV_OTP_BYTES) {
		return FAIL(err, CV_E_SYNTAX, "stored password is not md4, "
			    "md5 or sha1, a number up to %d, a seed and 16 "
			    "hexadecimal digits", CV_OTP_SEQUENCE_MAX);
	}
	otp_r->sequence = (uint32_t)sequence;
	memcpy(otp_r->hash, hash.data, CV_OTP_BYTES);
	otp_r->name = names[otp_r->algorithm];
	return CV_OK;
}

/* By the pass phrase itself, as of PLAIN. */
static int verify(const struct cv_scheme_input *in, struct cv_span hash,
		  struct cv_error *err)
{
	unsigned char made[CV_OTP_BYTES];
	struct cv_otp state;
	int ret = otp_parse(hash, in->pool, &state, err);

	if (ret == CV_OK)
		ret = otp_make(&state, in->password, made, err);
	if (ret < 0)
		return ret;
	return secret_equal(cv_span((char *)made, CV_OTP_BYTES),
			    cv_span((char *)state.hash, CV_OTP_BYTES)) ?
		CV_AUTH_OK : CV_AUTH_MISMATCH;
}

static int generate(const struct cv_scheme_input *in, struct cv_text *hash,
		    struct cv_error *err)
{
	struct cv_otp state = {
		.algorithm = CV_OTP_SHA1,
		.sequence = in->rounds == 0 ? NEW_SEQUENCE : in->rounds,
	};
	unsigned char bytes[NEW_SEED_BYTES];
	struct cv_text seed;
	int ret;

	if (state.sequence > CV_OTP_SEQUENCE_MAX)
		return FAIL(err, CV_E_UNSUPPORTED, "OTP takes at most %d "
			    "rounds", CV_OTP_SEQUENCE_MAX);
	random_bytes(bytes, sizeof(bytes));
	cv_text_init(&seed, in->pool);
	hex_encode(&seed, bytes, sizeof(bytes));
	memcpy(state.seed, seed.data, seed.len);
	if ((ret = otp_make(&state, in->password, state.hash, err)) < 0)
		return ret;
	cv_text_append_f(hash, "%s %u %s ", names[state.algorithm],
			 state.sequence, state.seed);
	hex_encode(hash, state.hash, CV_OTP_BYTES);
	return CV_OK;
}

const struct cv_scheme scheme_otp = {
	CV_SIZED(cv_scheme), .name = "OTP", .encoding = CV_SCHEME_TEXT,
	/* thousands of digests of one block */
	.flags = CV_SCHEME_EXPENSIVE | CV_SCHEME_WEAK | CV_SCHEME_MECHANISM,
	.verify = verify, .generate = generate,
};
