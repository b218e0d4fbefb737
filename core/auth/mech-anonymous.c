/* mech-anonymous.c - ANONYMOUS [RFC4505]: everybody is the one user of
 * auth_anonymous_username. */
#include "auth-mechanism.h"
#include "base.h"

enum { TRACE_MAX = 1020 };	/* [RFC4505 2] 255 characters */

struct anonymous_state { bool asked; };

static int anonymous_step(void *state, struct cv_mechanism_io *io,
			  struct cv_error *err)
{
	const struct auth_settings *set = auth_mechanism_env()->set;
	struct anonymous_state *anonymous = state;
	struct cv_text shown;

	if (!io->has_in && !anonymous->asked) {
		anonymous->asked = true;
		return CV_MECHANISM_CHALLENGE;	/* an empty one */
	}
	/* [RFC4505 2] the trace is UTF-8, an address or a token */
	if (io->in.len > TRACE_MAX ||
	    !utf8_is_valid(io->in.data, io->in.len))
		return FAIL(err, CV_E_SYNTAX, "ANONYMOUS: trace is too long, "
			    "or not UTF-8");
	if (set == NULL || set->auth_anonymous_username[0] == '\0')
		return FAIL(err, CV_MECHANISM_FAIL, "auth_anonymous_username "
			    "is empty");
	cv_text_init(&shown, io->pool);
	for (size_t i = 0; i < io->in.len; i++)
		cv_text_append_c(&shown, io->in.data[i] > ' ' &&
				 io->in.data[i] < 0x7f ? io->in.data[i] :
				 '?');
	log_info("auth", "anonymous login: trace=<%s>, rip=%s",
		 cv_text_str(&shown), io->input->remote_ip);
	io->user = cv_span_of(set->auth_anonymous_username);
	return CV_MECHANISM_OK;
}

const struct cv_mechanism mech_anonymous = {
	CV_SIZED(cv_mechanism), .name = "ANONYMOUS",
	.state_bytes = sizeof(struct anonymous_state),
	.step = anonymous_step,
};
