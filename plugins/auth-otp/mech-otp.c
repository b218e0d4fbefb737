/* mech-otp.c - the server's side of OTP [RFC2444].
 *
 *	client: authzid NUL user
 *	server: otp-sha1 499 ke1234 ext
 *	client: hex:c90fc02cc488df5e
 *
 * Each password is good once: what is stored becomes the one that was just
 * used, before anybody is let in. */
#include "mech-otp.h"
#include "otp-response.h"

#include <openssl/evp.h>
#include <time.h>

enum { NAME_MAX_BYTES = 255, DEFAULT_SEQUENCE = 1024 };

enum otp_stage { OTP_START, OTP_USER, OTP_LOCK, OTP_KEYS, OTP_ANSWER,
	OTP_STORED };

struct otp_exchange {
	uint32_t stage;			/* enum otp_stage */
	bool known, locked, lost;
	struct cv_otp otp;		/* what is stored; invented */
	const char *refusal;		/* of new parameters; NULL: none */
	const char *name;		/* that is locked */
	time_t since;
	struct otp_exchange *next;
};

const struct cv_auth_api *otp_api;
static struct otp_exchange *locks;

/* --- one exchange at a time [RFC2289 9.0] ---------------------------------- */

static time_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void unlock(struct otp_exchange *x)
{
	struct otp_exchange **at = &locks;

	while (*at != NULL && *at != x)
		at = &(*at)->next;
	if (*at != NULL)
		*at = x->next;
	x->locked = false;
}

/* INVARIANT: two that have the same challenge are not both answered: else who
 * listens to one could guess its end and be first with the other.  Whose
 * password is just being stored is waited for, however long. */
static bool lock(struct otp_exchange *x, const char *name)
{
	struct otp_exchange *other = locks;

	while (other != NULL && strcmp(other->name, name) != 0)
		other = other->next;
	if (other != NULL && (other->stage == OTP_STORED ||
			      now() - other->since < OTP_LOCK_SECS))
		return false;
	if (other != NULL) {
		other->lost = true;
		unlock(other);
	}
	x->name = name;
	x->since = now();
	x->next = locks;
	x->locked = true;
	locks = x;
	return true;
}

static void otp_end(void *state)
{
	struct otp_exchange *x = state;

	if (x->locked)
		unlock(x);
}

/* --- the user ---------------------------------------------------------------- */

/* [RFC2444 4] an authorization identity, NUL, an authentication identity,
 * each of up to 255 bytes */
static int take_user(struct otp_exchange *x, struct cv_mechanism_io *io,
		     struct cv_error *err)
{
	struct cv_span rest = io->in, authzid;

	if (!cv_span_split(&rest, '\0', &authzid) || rest.len == 0 ||
	    memchr(rest.data, '\0', rest.len) != NULL ||
	    rest.len > NAME_MAX_BYTES || authzid.len > NAME_MAX_BYTES)
		return CV_FAIL(err, CV_E_SYNTAX, "OTP: not two names with a "
			       "NUL between them, or longer than %d bytes",
			       NAME_MAX_BYTES);
	io->user = cv_span_of(cv_span_copy(io->pool, rest));
	io->authzid = cv_span_of(cv_span_copy(io->pool, authzid));
	io->scheme = "OTP";
	x->stage = OTP_LOCK;
	return CV_MECHANISM_CREDENTIALS;
}

/* The name is known in its one true form by now; what was looked up with it is
 * of before the lock, and is looked up again. */
static int take_lock(struct otp_exchange *x, struct cv_mechanism_io *io,
		     struct cv_error *err)
{
	const struct cv_auth_input *in = io->input;
	const char *name = in->master_user[0] != '\0' ? in->master_user :
		in->user;

	if (!lock(x, cv_span_copy(io->pool, cv_span_of(name))))
		return CV_FAIL(err, CV_E_TEMP, "another OTP exchange of this "
			       "user has begun less than %d seconds ago, or "
			       "is being stored", OTP_LOCK_SECS);
	x->stage = OTP_KEYS;
	return CV_MECHANISM_CREDENTIALS;
}

/* --- the challenge ------------------------------------------------------------- */

/* A stranger's challenge: of their name alone, in the form that users' have. */
static void invent(struct otp_exchange *x, const struct cv_mechanism_io *io)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct cv_otp *otp = &x->otp;
	size_t len = CV_OTP_SEED_MAX;

	if (ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1) {
		(void)EVP_DigestUpdate(ctx, io->salt_key.data,
				       io->salt_key.len);
		(void)EVP_DigestUpdate(ctx, "otp", sizeof("otp"));
		(void)EVP_DigestUpdate(ctx, x->name, strlen(x->name));
		(void)EVP_DigestFinal_ex(ctx, digest, NULL);
	}
	EVP_MD_CTX_free(ctx);
	memset(otp, 0, sizeof(*otp));
	if (io->model_scheme != NULL && io->model.data != NULL &&
	    cv_span_is_icase(cv_span_of(io->model_scheme), "OTP") &&
	    otp_api->otp_parse(io->model, io->pool, otp, NULL) == CV_OK) {
		len = strlen(otp->seed);
	} else {
		otp->algorithm = CV_OTP_SHA1;
		otp->name = "sha1";
		otp->sequence = DEFAULT_SEQUENCE;
	}
	for (size_t i = 0; i < len; i++)
		otp->seed[i] = digits[digest[i] % 16];
	memcpy(otp->hash, digest + CV_OTP_SEED_MAX, CV_OTP_BYTES);
	otp->sequence = 2 + (digest[30] * 256u + digest[31]) %
		(otp->sequence > 2 ? otp->sequence - 1 : 1);
}

static int challenge(struct otp_exchange *x, struct cv_mechanism_io *io)
{
	const struct cv_otp *otp = &x->otp;

	/* nobody's password becomes a one-time password by itself */
	x->known = io->credentials.len > 0 &&
		strcmp(io->credentials_scheme, "OTP") == 0 &&
		otp_api->otp_parse(io->credentials, io->pool, &x->otp,
				   NULL) == CV_OK;
	if (x->known && otp->sequence < 2) {
		/* [RFC2289 6.0] the sequence has to be begun anew */
		x->refusal = "there is no one-time password left: what is "
			"stored has to be made anew (culveradm pw -s OTP)";
		x->known = false;
	}
	if (!x->known)
		invent(x, io);
	cv_text_append_f(io->out, "otp-%s %u %s ext", otp->name,
			 otp->sequence - 1, otp->seed);
	x->stage = OTP_ANSWER;
	return CV_MECHANISM_CHALLENGE;
}

/* --- the response ----------------------------------------------------------------- */

static void append_hex(struct cv_text *out,
		       const unsigned char otp[CV_OTP_BYTES])
{
	for (int i = 0; i < CV_OTP_BYTES; i++)
		cv_text_append_f(out, "%02x", otp[i]);
}

/* What is to be stored for a sequence that the client begins; false: not
 * acceptable.  [RFC2289 6.0] the seed has to be another one, else the old
 * passwords would be good again. */
static bool begin_anew(const struct otp_exchange *x,
		       const struct otp_response *r, struct cv_pool *pool,
		       struct cv_text *stored)
{
	struct cv_text text;
	struct cv_otp next;

	cv_text_init(&text, pool);
	cv_text_append_span(&text, r->next_params);
	cv_text_append_c(&text, ' ');
	append_hex(&text, r->next_otp);
	if (otp_api->otp_parse(cv_text_span(&text), pool, &next, NULL) !=
	    CV_OK || next.sequence < 2 || next.algorithm == CV_OTP_MD4 ||
	    strcmp(next.seed, x->otp.seed) == 0)
		return false;
	cv_text_append_f(stored, "{OTP}%s %u %s ", next.name, next.sequence,
			 next.seed);
	append_hex(stored, next.hash);
	return true;
}

static int answer(struct otp_exchange *x, struct cv_mechanism_io *io,
		  struct cv_error *err)
{
	unsigned char made[CV_OTP_BYTES];
	struct otp_response r;
	struct cv_text stored;
	int ret = otp_response_parse(io->in, &r, err);

	if (ret != CV_OK)
		return ret;
	if (x->lost)
		return CV_FAIL(err, CV_E_TEMP, "it took too long, and another "
			       "OTP exchange of this user has begun");
	memcpy(made, r.otp, sizeof(made));
	ret = otp_api->otp_next(x->otp.algorithm, made, err);
	if (ret != CV_OK)
		return ret;
	if (!otp_api->equal(cv_span((char *)made, CV_OTP_BYTES),
			    cv_span((char *)x->otp.hash, CV_OTP_BYTES)) ||
	    !x->known)
		return x->refusal == NULL ? CV_MECHANISM_FAIL :
			CV_FAIL(err, CV_MECHANISM_FAIL, "%s", x->refusal);
	cv_text_init(&stored, io->pool);
	if (!r.has_next || !begin_anew(x, &r, io->pool, &stored)) {
		/* used it is, whatever comes of the new ones */
		if (r.has_next)
			x->refusal = "the new sequence needs md5 or sha1, a "
				"number from 2 to 9999, and another seed";
		cv_text_append_f(&stored, "{OTP}%s %u %s ", x->otp.name,
				 x->otp.sequence - 1, x->otp.seed);
		append_hex(&stored, r.otp);
	}
	io->password = cv_text_span(&stored);
	x->stage = OTP_STORED;
	return CV_MECHANISM_STORE;
}

static int finish(const struct otp_exchange *x,
		  const struct cv_mechanism_io *io, struct cv_error *err)
{
	if (!io->stored)
		return CV_FAIL(err, CV_MECHANISM_FAIL, "what is stored has "
			       "changed since it was looked up");
	if (x->refusal != NULL)
		return CV_FAIL(err, CV_MECHANISM_FAIL, "%s", x->refusal);
	return CV_MECHANISM_OK;
}

static int otp_step(void *state, struct cv_mechanism_io *io,
		    struct cv_error *err)
{
	struct otp_exchange *x = state;

	switch (x->stage) {
	case OTP_START:
		x->stage = OTP_USER;
		if (!io->has_in)
			return CV_MECHANISM_CHALLENGE;	/* an empty one */
		return take_user(x, io, err);
	case OTP_USER:
		return take_user(x, io, err);
	case OTP_LOCK:
		return take_lock(x, io, err);
	case OTP_KEYS:
		return challenge(x, io);
	case OTP_ANSWER:
		return answer(x, io, err);
	default:
		return finish(x, io, err);
	}
}

const struct cv_mechanism otp_mechanism = {
	CV_SIZED(cv_mechanism), .name = "OTP",
	/* a password stored as it is shows itself; it is never used */
	.flags = CV_MECHANISM_STORES | CV_MECHANISM_TAKES_PLAIN,
	.state_bytes = sizeof(struct otp_exchange),
	.step = otp_step, .end = otp_end,
};
