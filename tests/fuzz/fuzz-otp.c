/* fuzz-otp.c - responses to OTP, of a user and of a stranger.  The first byte
 * says what is stored, 0xfe splits responses.  Nobody is let in before the
 * used password is stored, and what is stored can be read again. */
#include "base.h"
#include "auth/scheme-otp.h"
#include "../../plugins/auth-otp/mech-otp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define plugin_api CV_OWN(_cv_api)
const struct cv_host *plugin_api;
const struct cv_host *module_host(void);

static const struct cv_auth_api api = {
	CV_SIZED(cv_auth_api), .equal = secret_equal,
	.otp_parse = otp_parse, .otp_next = otp_next,
};

/* (RFC 2444 5) what 5bf075d9959d036f becomes is made at the start. */
static const char *credentials(struct cv_pool *pool, unsigned which)
{
	unsigned char otp[CV_OTP_BYTES] = {
		0x5b, 0xf0, 0x75, 0xd9, 0x95, 0x9d, 0x03, 0x6f,
	};
	struct cv_text text;

	if (which % 4 == 0)
		return NULL;
	BUG_IF(otp_next(CV_OTP_MD5, otp, NULL) != CV_OK);
	cv_text_init(&text, pool);
	cv_text_append_f(&text, "md5 %u ke1234 ", which % 4 == 1 ? 1 : 500);
	hex_encode(&text, otp, sizeof(otp));
	return cv_text_str(&text);
}

static void check_store(struct cv_pool *pool, struct cv_span text)
{
	struct cv_otp otp;

	BUG_IF(!cv_span_begins(text, CV_SPAN("{OTP}")) ||
	       otp_parse(cv_span_skip(text, 5), pool, &otp, NULL) != CV_OK ||
	       otp.sequence == 0);
}

static void run(struct cv_pool *pool, unsigned which, struct cv_span rest)
{
	struct cv_auth_input input = {
		CV_SIZED(cv_auth_input), .user = "tim", .master_user = "",
	};
	struct cv_text out;
	struct cv_mechanism_io io = {
		CV_SIZED(cv_mechanism_io), .pool = pool, .out = &out,
		.input = &input, .salt_key = CV_SPAN("0123456789abcdef"),
	};
	void *state = pool_alloc(pool, otp_mechanism.state_bytes + 1);
	int ret = CV_MECHANISM_CHALLENGE;
	bool stored = false;
	struct cv_span part;

	cv_text_init(&out, pool);
	for (int i = 0; i < 12; i++) {
		io.has_in = ret == CV_MECHANISM_CHALLENGE;
		io.in = CV_SPAN_NONE;
		if (io.has_in && !cv_span_split(&rest, '\xfe', &part))
			break;
		if (io.has_in)
			io.in = part.len == 0 ? CV_SPAN("") : part;
		cv_text_reset(&out);
		ret = otp_mechanism.step(state, &io, NULL);
		BUG_IF(ret == CV_MECHANISM_OK && !stored);
		if (ret == CV_MECHANISM_CREDENTIALS) {
			io.credentials = cv_span_of(credentials(pool, which));
			io.credentials_scheme = which % 8 < 6 ? "OTP" :
				"PLAIN";
		} else if (ret == CV_MECHANISM_STORE) {
			BUG_IF(which % 8 >= 6 || which % 4 < 2);
			check_store(pool, io.password);
			stored = io.stored = true;
		} else if (ret != CV_MECHANISM_CHALLENGE) {
			break;
		}
	}
	otp_mechanism.end(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cv_pool *pool;

	if (len < 1)
		return 0;
	plugin_api = module_host();
	otp_api = &api;
	pool = pool_create("fuzz");
	run(pool, data[0], cv_span((const char *)data + 1, len - 1));
	pool_destroy(&pool);
	return 0;
}
