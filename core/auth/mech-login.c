/* mech-login.c - LOGIN, which Outlook and old SMTP clients speak
 * [draft-murchison-sasl-login-00]. */
#include "auth-mechanism.h"
#include "base.h"

enum login_stage { LOGIN_START, LOGIN_USER, LOGIN_PASSWORD };

struct login_state {
	uint32_t stage;			/* enum login_stage */
	struct cv_span user;
};

static int take_user(struct login_state *login, struct cv_mechanism_io *io,
		     struct cv_error *err)
{
	if (io->in.len == 0 || memchr(io->in.data, '\0', io->in.len) != NULL ||
	    !utf8_is_valid(io->in.data, io->in.len))
		return FAIL(err, CV_E_SYNTAX, "LOGIN: not a user name");
	login->user = pool_span(io->pool, io->in);
	login->stage = LOGIN_PASSWORD;
	cv_text_append_str(io->out, "Password:");
	return CV_MECHANISM_CHALLENGE;
}

static int login_step(void *state, struct cv_mechanism_io *io,
		      struct cv_error *err)
{
	struct login_state *login = state;

	switch (login->stage) {
	case LOGIN_START:
		login->stage = LOGIN_USER;
		/* some clients send the name along; an empty one is none */
		if (io->has_in && io->in.len > 0)
			return take_user(login, io, err);
		cv_text_append_str(io->out, "Username:");
		return CV_MECHANISM_CHALLENGE;
	case LOGIN_USER:
		return take_user(login, io, err);
	default:
		if (io->in.len == 0 ||
		    memchr(io->in.data, '\0', io->in.len) != NULL)
			return FAIL(err, CV_E_SYNTAX, "LOGIN: not a "
				    "password");
		io->user = login->user;
		io->password = pool_span(io->pool, io->in);
		return CV_MECHANISM_VERIFY;
	}
}

const struct cv_mechanism mech_login = {
	CV_SIZED(cv_mechanism), .name = "LOGIN",
	.flags = CV_MECHANISM_PLAINTEXT,
	.state_bytes = sizeof(struct login_state),
	.step = login_step,
};
