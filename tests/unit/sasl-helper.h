/* sasl-helper.h - one exchange with a mechanism of core, without auth. */
#ifndef SASL_HELPER_H
#define SASL_HELPER_H

#include "base.h"
#include "auth/auth-mechanism.h"
#include "ipc/channel-binding.h"

#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

static struct cv_pool *pool;
static struct cv_mechanism_io io;
static struct cv_text out;
static struct cv_error err;
static void *mech_state;
static const struct cv_mechanism *mech;
static struct cv_auth_input input;

static void start(const struct cv_mechanism *mechanism)
{
	mech = mechanism;
	mech_state = pool_alloc(pool, mech->state_bytes + 1);
	cv_text_init(&out, pool);
	input = (struct cv_auth_input){
		CV_SIZED(cv_auth_input), .user = "", .cert_name = "",
		.local_name = "", .service = "imap", .pool = pool,
	};
	io = (struct cv_mechanism_io){
		CV_SIZED(cv_mechanism_io), .pool = pool, .out = &out,
		.input = &input,
	};
}

static int sasl_begin(void **state)
{
	(void)state;
	pool = pool_create("test");
	err = (struct cv_error)ERROR_NONE;
	return 0;
}

static int sasl_end(void **state)
{
	(void)state;
	pool_destroy(&pool);
	return 0;
}

/* In memory of its own, so that reading on is seen. */
static int step(struct cv_span in)
{
	char *copy = in.data == NULL ? NULL : malloc(in.len + 1);
	int next;

	if (copy != NULL)
		memcpy(copy, in.data, in.len);
	io.has_in = copy != NULL;
	io.in = cv_span(copy == NULL ? NULL : pool_copy(pool, copy, in.len),
			in.len);
	free(copy);
	cv_text_reset(&out);
	err = (struct cv_error)ERROR_NONE;
	next = mech->step(mech_state, &io, &err);
	return next;
}

/* As the exchange answers CREDENTIALS. */
static int step_with(const char *scheme, const char *credentials)
{
	io.credentials = cv_span_of(credentials);
	io.credentials_scheme = scheme;
	return step(CV_SPAN_NONE);
}

#define SASL_TEST(name) \
	cmocka_unit_test_setup_teardown(name, sasl_begin, sasl_end)

#endif
