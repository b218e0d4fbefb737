/* mech-scram.c - SCRAM-SHA-1, SCRAM-SHA-256 and both with a channel binding
 * [RFC5802, RFC7677, RFC9266]. */
#include "auth-mechanism.h"
#include "sasl-gs2.h"
#include "saslprep.h"
#include "scram-keys.h"

enum { SCRAM_NONCE_BYTES = 18, SCRAM_NONCE_MAX = 1024 };

enum scram_stage { SCRAM_START, SCRAM_FIRST, SCRAM_KEYS, SCRAM_FINAL };

struct scram_state {
	uint32_t stage;			/* enum scram_stage */
	struct cv_span gs2, binding;	/* what "c=" has to be made of */
	struct cv_span first_bare;
	struct cv_span client_nonce, nonce;	/* nonce: both parts */
	struct cv_span server_first;
	struct scram_keys keys;
};

/* --- client-first-message ------------------------------------------------- */

/* [RFC5802 7] printable = %x21-2B / %x2D-7E */
static bool is_nonce(struct cv_span nonce)
{
	for (size_t i = 0; i < nonce.len; i++) {
		if (nonce.data[i] <= ' ' || nonce.data[i] > '~' ||
		    nonce.data[i] == ',')
			return false;
	}
	return nonce.len > 0 && nonce.len <= SCRAM_NONCE_MAX;
}

/* [RFC5802 7] what follows the attributes that are known: attr-val, ignored;
 * "m" is not to be ignored [RFC5802 5.1]. */
static bool are_extensions(struct cv_span rest)
{
	struct cv_span part;

	while (cv_span_split(&rest, ',', &part)) {
		char c = part.len < 3 ? '\0' : cv_ascii_lower(part.data[0]);

		if (c < 'a' || c > 'z' || c == 'm' || part.data[1] != '=' ||
		    memchr(part.data, '\0', part.len) != NULL)
			return false;
	}
	return true;
}

static int take_user(struct cv_span raw, struct cv_mechanism_io *io,
		     struct cv_error *err)
{
	struct cv_span name;
	struct cv_text user;
	int ret;

	if ((ret = gs2_name_decode(raw, io->pool, &name, err)) < 0)
		return ret;
	cv_text_init(&user, io->pool);
	if ((ret = saslprep(name, &user, err)) < 0)
		return ret;
	io->user = cv_text_span(&user);
	return CV_OK;
}

static const struct cv_channel_binding *
find_binding(const struct cv_mechanism_io *io, struct cv_span name)
{
	const char *at = io->bindings.items;

	for (uint32_t i = 0; i < io->bindings.count; i++) {
		const struct cv_channel_binding *binding =
			(const void *)(at + i * io->bindings.stride);

		if (cv_span_equal(binding->name, name))
			return binding;
	}
	return NULL;
}

/* Whether the client's claims about a channel binding fit the mechanism and
 * what it was offered [RFC5802 6]. */
static int check_binding(struct scram_state *scram,
			 const struct gs2_header *gs2, bool plus,
			 const struct cv_mechanism_io *io,
			 struct cv_error *err)
{
	const struct cv_channel_binding *binding;

	if (plus != (gs2->binding == GS2_BINDING))
		return FAIL(err, CV_E_SYNTAX, plus ?
			    "SCRAM-...-PLUS without a channel binding" :
			    "a channel binding without SCRAM-...-PLUS");
	/* [RFC5802 6] y, though -PLUS was announced: somebody in between has
	 * taken it out of the list */
	if (gs2->binding == GS2_UNUSED_BINDING && io->plus_offered)
		return FAIL(err, CV_MECHANISM_FAIL, "the client was not told "
			    "that this server has channel bindings: the list "
			    "of mechanisms was changed on the way");
	if (!plus)
		return CV_OK;
	binding = find_binding(io, gs2->binding_name);
	if (binding == NULL)
		return FAIL(err, CV_MECHANISM_FAIL, "no channel binding of "
			    "type '%.*s' for this connection",
			    (int)(gs2->binding_name.len > 32 ? 32 :
				  gs2->binding_name.len),
			    gs2->binding_name.data);
	scram->binding = binding->data;
	return CV_OK;
}

/* gs2-header n=user,r=nonce */
static int first(struct scram_state *scram, bool plus,
		 struct cv_mechanism_io *io, struct cv_error *err)
{
	struct cv_span rest = pool_span(io->pool, io->in), user, nonce;
	struct gs2_header gs2;
	int ret;

	if ((ret = gs2_header_parse(&rest, io->pool, &gs2, err)) < 0)
		return ret;
	scram->gs2 = gs2.raw;
	scram->first_bare = rest;
	if (!cv_span_split(&rest, ',', &user) ||
	    !cv_span_begins(user, CV_SPAN("n=")))
		return FAIL(err, CV_E_SYNTAX, "SCRAM: no user name where it "
			    "should be");
	if ((ret = take_user(cv_span_skip(user, 2), io, err)) < 0)
		return ret;
	if (!cv_span_split(&rest, ',', &nonce) ||
	    !cv_span_begins(nonce, CV_SPAN("r=")) ||
	    !is_nonce(cv_span_skip(nonce, 2)) || !are_extensions(rest))
		return FAIL(err, CV_E_SYNTAX, "SCRAM: no nonce where it "
			    "should be, or what comes after it");
	scram->client_nonce = cv_span_skip(nonce, 2);
	if ((ret = check_binding(scram, &gs2, plus, io, err)) != CV_OK)
		return ret;
	io->authzid = gs2.authzid;
	scram->stage = SCRAM_KEYS;
	return CV_MECHANISM_CREDENTIALS;
}

/* --- server-first-message ------------------------------------------------- */

static int answer_first(struct scram_state *scram,
			const struct scram_digest *digest,
			struct cv_mechanism_io *io)
{
	unsigned char random[SCRAM_NONCE_BYTES];
	struct cv_text nonce;

	scram_keys_find(digest, io, &scram->keys);
	random_bytes(random, sizeof(random));
	cv_text_init(&nonce, io->pool);
	cv_text_append_span(&nonce, scram->client_nonce);
	base64_encode(&nonce, random, sizeof(random));
	scram->nonce = cv_text_span(&nonce);
	cv_text_append_f(io->out, "r=%s,s=", cv_text_str(&nonce));
	base64_encode(io->out, scram->keys.salt.data, scram->keys.salt.len);
	cv_text_append_f(io->out, ",i=%u", scram->keys.iterations);
	scram->server_first = pool_span(io->pool, cv_text_span(io->out));
	scram->stage = SCRAM_FINAL;
	return CV_MECHANISM_CHALLENGE;
}

/* --- client-final-message ------------------------------------------------- */

struct scram_final {
	struct cv_span binding, nonce, proof;
	struct cv_span without_proof;
};

/* c=...,r=...,[extensions,]p=... */
static int final_parse(struct cv_span in, struct cv_pool *pool,
		       struct scram_final *final_r, struct cv_error *err)
{
	struct cv_span rest, channel, nonce;
	struct cv_text binding, proof;
	size_t at = in.len;

	while (at > 0 && in.data[at - 1] != ',')
		at--;
	if (at == 0 || !cv_span_begins(cv_span_skip(in, at), CV_SPAN("p=")))
		return FAIL(err, CV_E_SYNTAX, "SCRAM: no proof at the end");
	final_r->without_proof = rest = cv_span(in.data, at - 1);
	if (!cv_span_split(&rest, ',', &channel) ||
	    !cv_span_begins(channel, CV_SPAN("c=")) ||
	    !cv_span_split(&rest, ',', &nonce) ||
	    !cv_span_begins(nonce, CV_SPAN("r=")) || !are_extensions(rest))
		return FAIL(err, CV_E_SYNTAX, "SCRAM: c= and r= are not where "
			    "they should be");
	cv_text_init(&binding, pool);
	cv_text_init(&proof, pool);
	if (!base64_decode(&binding, cv_span_skip(channel, 2)) ||
	    !base64_decode(&proof, cv_span_skip(in, at + 2)))
		return FAIL(err, CV_E_SYNTAX, "SCRAM: base64");
	final_r->binding = cv_text_span(&binding);
	final_r->proof = cv_text_span(&proof);
	final_r->nonce = cv_span_skip(nonce, 2);
	return CV_OK;
}

/* [RFC5802 5.1] c= is the header that the client began with, then the data
 * of the binding. */
static bool binding_fits(const struct scram_state *scram,
			 struct cv_span binding, struct cv_pool *pool)
{
	struct cv_text expected;

	cv_text_init(&expected, pool);
	cv_text_append_span(&expected, scram->gs2);
	cv_text_append_span(&expected, scram->binding);
	return secret_equal(cv_text_span(&expected), binding);
}

static struct cv_span auth_message(const struct scram_state *scram,
				   const struct scram_final *final,
				   struct cv_pool *pool)
{
	struct cv_text text;

	cv_text_init(&text, pool);
	cv_text_append_span(&text, scram->first_bare);
	cv_text_append_c(&text, ',');
	cv_text_append_span(&text, scram->server_first);
	cv_text_append_c(&text, ',');
	cv_text_append_span(&text, final->without_proof);
	return cv_text_span(&text);
}

/* [RFC5802 3] H(ClientProof XOR HMAC(StoredKey, AuthMessage)) is StoredKey */
static bool proof_fits(const struct scram_keys *keys, struct cv_span proof,
		       struct cv_span message)
{
	size_t len = scram_digest_bytes(keys->digest);
	unsigned char mac[SCRAM_DIGEST_MAX], hash[SCRAM_DIGEST_MAX];
	struct cv_span stored = cv_span((const char *)keys->stored, len);

	scram_hmac(keys->digest, stored, message, mac);
	for (size_t i = 0; i < len; i++)
		mac[i] ^= (unsigned char)proof.data[i];
	scram_hash(keys->digest, cv_span((char *)mac, len), hash);
	return secret_equal(cv_span((char *)hash, len), stored);
}

static int final(struct scram_state *scram, struct cv_mechanism_io *io,
		 struct cv_error *err)
{
	struct scram_keys *keys = &scram->keys;
	size_t len = scram_digest_bytes(keys->digest);
	unsigned char verifier[SCRAM_DIGEST_MAX];
	struct scram_final got;
	struct cv_span message;
	bool right;
	int ret;

	if ((ret = final_parse(io->in, io->pool, &got, err)) < 0)
		return ret;
	if (!cv_span_equal(got.nonce, scram->nonce))
		return FAIL(err, CV_E_SYNTAX, "SCRAM: another nonce");
	if (got.proof.len != len)
		return FAIL(err, CV_E_SYNTAX, "SCRAM: length of the proof");
	if (!binding_fits(scram, got.binding, io->pool))
		return FAIL(err, CV_MECHANISM_FAIL, "the client's channel "
			    "binding is that of another connection");
	message = auth_message(scram, &got, io->pool);
	scram_keys_derive(keys, io->pool);
	/* the same work for nobody */
	right = proof_fits(keys, got.proof, message);
	if (!right || !keys->known)
		return CV_MECHANISM_FAIL;
	scram_hmac(keys->digest, cv_span((char *)keys->server, len), message,
		   verifier);
	cv_text_append_str(io->out, "v=");
	base64_encode(io->out, verifier, len);
	return CV_MECHANISM_OK;
}

static int scram_step(struct scram_state *scram, bool plus,
		      const struct scram_digest *digest,
		      struct cv_mechanism_io *io, struct cv_error *err)
{
	switch (scram->stage) {
	case SCRAM_START:
		scram->stage = SCRAM_FIRST;
		if (io->has_in)
			return first(scram, plus, io, err);
		return CV_MECHANISM_CHALLENGE;	/* an empty one */
	case SCRAM_FIRST:
		return first(scram, plus, io, err);
	case SCRAM_KEYS:
		return answer_first(scram, digest, io);
	default:
		return final(scram, io, err);
	}
}

#define SCRAM(symbol, name_, scheme_, digest_, plus) \
	static int symbol##_step(void *state, struct cv_mechanism_io *io, \
				 struct cv_error *err) \
	{ \
		static const struct scram_digest digest = { \
			(scheme_), (digest_) }; \
		io->scheme = (scheme_); \
		return scram_step(state, (plus), &digest, io, err); \
	} \
	const struct cv_mechanism mech_##symbol = { \
		CV_SIZED(cv_mechanism), .name = (name_), \
		.flags = CV_MECHANISM_TAKES_PLAIN | ((plus) ? \
			CV_MECHANISM_NEEDS_TLS | CV_MECHANISM_BINDING : 0), \
		.state_bytes = sizeof(struct scram_state), \
		.step = symbol##_step, \
	}

SCRAM(scram_sha_1, "SCRAM-SHA-1", "SCRAM-SHA-1", "SHA1", false);
SCRAM(scram_sha_1_plus, "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "SHA1", true);
SCRAM(scram_sha_256, "SCRAM-SHA-256", "SCRAM-SHA-256", "SHA256", false);
SCRAM(scram_sha_256_plus, "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SHA256",
      true);
