/* fuzz-sasl.c - responses to PLAIN and LOGIN: what comes out has no NUL and
 * is never empty.  The first byte chooses the mechanism, 0xfe splits
 * responses. */
#include "base.h"
#include "auth/auth-mechanism.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(const struct cv_mechanism_io *io)
{
	BUG_IF(io->user.len == 0 || io->password.len == 0);
	BUG_IF(memchr(io->user.data, '\0', io->user.len) != NULL);
	BUG_IF(memchr(io->password.data, '\0', io->password.len) != NULL);
	BUG_IF(io->authzid.len > 0 &&
	       memchr(io->authzid.data, '\0', io->authzid.len) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cv_pool *pool = pool_create("fuzz");
	struct cv_span rest = cv_span((const char *)data, len), part;
	const struct cv_mechanism *mech = len > 0 && data[0] % 2 == 0 ?
		&mech_plain : &mech_login;
	void *state = pool_alloc(pool, mech->state_bytes);
	struct cv_text out;
	int ret = CV_MECHANISM_CHALLENGE;

	rest = len > 0 ? cv_span_skip(rest, 1) : rest;
	cv_text_init(&out, pool);
	while (ret == CV_MECHANISM_CHALLENGE &&
	       cv_span_split(&rest, '\xfe', &part)) {
		struct cv_mechanism_io io = {
			CV_SIZED(cv_mechanism_io), .pool = pool, .out = &out,
			.has_in = true, .in = part,
		};

		cv_text_reset(&out);
		ret = mech->step(state, &io, NULL);
		if (ret == CV_MECHANISM_VERIFY)
			check(&io);
	}
	pool_destroy(&pool);
	return 0;
}
