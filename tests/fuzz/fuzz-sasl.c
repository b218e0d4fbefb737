/* fuzz-sasl.c - responses to each mechanism of core.  The first byte chooses
 * the mechanism, the second what the databases say to CREDENTIALS, 0xfe
 * splits responses.  Nobody gets in without a name, and not at all when the
 * databases know nothing; names and passwords have no NUL. */
#include "base.h"
#include "auth/auth-mechanism.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { STEPS_MAX = 16 };

#define ADDRESS(table, name) &(table),
static const struct cv_mechanism *const all[] = {
	AUTH_OWN_MECHANISMS(ADDRESS)
};

static const struct cv_channel_binding bindings[] = {
	{ CV_SPAN("tls-exporter"), CV_SPAN("0123456789") },
};

static void check_name(struct cv_span name)
{
	BUG_IF(name.len > 0 && memchr(name.data, '\0', name.len) != NULL);
}

static void check(const struct cv_mechanism_io *io, int ret, bool asked,
		  bool known)
{
	check_name(io->user);
	check_name(io->authzid);
	check_name(io->password);
	if (ret == CV_MECHANISM_VERIFY || ret == CV_MECHANISM_CREDENTIALS)
		BUG_IF(io->user.len == 0 && strcmp(io->input->mechanism,
						   "EXTERNAL") != 0);
	if (ret == CV_MECHANISM_VERIFY)
		BUG_IF(io->password.len == 0 &&
		       strcmp(io->input->mechanism, "EXTERNAL") != 0);
	if (ret == CV_MECHANISM_CREDENTIALS)
		BUG_IF(io->scheme == NULL);
	if (ret == CV_MECHANISM_OK && asked)
		BUG_IF(!known);
}

/* "pencil", as a stored form, or nothing. */
static bool answer(struct cv_mechanism_io *io, unsigned int which,
		   const struct cv_mechanism *mech)
{
	io->credentials = CV_SPAN_NONE;
	if (which % 3 == 0)
		return false;
	io->credentials_scheme = io->scheme;
	io->credentials = CV_SPAN("4096,W22ZaJ0SNY7soEsUEjb6gQ==,"
		"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
		"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
	if (which % 3 == 1 && (mech->flags & CV_MECHANISM_TAKES_PLAIN) != 0) {
		io->credentials_scheme = "PLAIN";
		io->credentials = CV_SPAN("pencil");
	}
	return true;
}

static void run(struct cv_pool *pool, const struct cv_mechanism *mech,
		unsigned int which, struct cv_span rest)
{
	struct cv_auth_input input = {
		CV_SIZED(cv_auth_input), .user = "", .cert_name = "",
		.service = "imap", .local_name = "", .mechanism = mech->name,
		.remote_ip = "192.0.2.1",
	};
	struct cv_text out;
	struct cv_mechanism_io io = {
		CV_SIZED(cv_mechanism_io), .pool = pool, .out = &out,
		.input = &input, .bindings = CV_ARRAY(bindings),
		.plus_offered = which % 2 == 1,
	};
	void *state = pool_alloc(pool, mech->state_bytes + 1);
	int ret = CV_MECHANISM_CHALLENGE;
	bool asked = false, known = false;
	struct cv_span part;

	cv_text_init(&out, pool);
	for (int i = 0; i < STEPS_MAX; i++) {
		io.has_in = ret == CV_MECHANISM_CHALLENGE;
		io.in = CV_SPAN_NONE;
		if (io.has_in && !cv_span_split(&rest, '\xfe', &part))
			return;
		if (io.has_in)
			io.in = part.len == 0 ? CV_SPAN("") : part;
		cv_text_reset(&out);
		ret = mech->step(state, &io, NULL);
		check(&io, ret, asked, known);
		if (ret == CV_MECHANISM_CREDENTIALS) {
			asked = true;
			known = answer(&io, which, mech);
		} else if (ret != CV_MECHANISM_CHALLENGE) {
			return;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cv_pool *pool;

	if (len < 2)
		return 0;
	pool = pool_create("fuzz");
	run(pool, all[data[0] % (sizeof(all) / sizeof(all[0]))], data[1],
	    cv_span((const char *)data + 2, len - 2));
	pool_destroy(&pool);
	return 0;
}
