/* mech-gssapi.c - the server's side of GSSAPI [RFC4752] and GSS-SPNEGO.
 *
 *	client: token		until the context is there [RFC4752 3.1]
 *	server: token
 *	client: (empty)
 *	server: wrapped: 01 000000, no security layer
 *	client: wrapped: 01 000000 authzid
 *
 * GSS-SPNEGO ends with the context: clients of it (Windows, Cyrus SASL)
 * negotiate no layer, and have no authzid. */
#include "mech-gssapi.h"
#include "gss-acceptor.h"
#include "gss-principal.h"

#include <gssapi/gssapi_krb5.h>

enum { NO_LAYER = 1, LAYER_BYTES = 4 };

enum gss_stage { GSS_START, GSS_CONTEXT, GSS_EMPTY, GSS_LAYER, GSS_FOUND };

struct gss_exchange {
	uint32_t stage;			/* enum gss_stage */
	uint32_t rounds;
	bool negotiates;
	gss_cred_id_t keys;
	gss_ctx_id_t ctx;
	const char *principal, *asked;
	struct cv_span last;		/* token that goes with success */
};

const struct cv_auth_api *gssapi_auth;

static void gss_end(void *state)
{
	struct gss_exchange *x = state;
	OM_uint32 minor;

	if (x->ctx != GSS_C_NO_CONTEXT)
		(void)gss_delete_sec_context(&minor, &x->ctx, GSS_C_NO_BUFFER);
	if (x->keys != GSS_C_NO_CREDENTIAL)
		(void)gss_release_cred(&minor, &x->keys);
}

static gss_buffer_desc buffer_of(struct cv_span span)
{
	return (gss_buffer_desc){
		.length = span.len, .value = (void *)(uintptr_t)span.data,
	};
}

/* --- who it is --------------------------------------------------------------- */

static int ask_core(struct gss_exchange *x, struct cv_mechanism_io *io,
		    const char *asked)
{
	x->asked = asked;
	io->user = cv_span_of(asked);
	io->authzid = CV_SPAN_NONE;
	io->scheme = "";
	x->stage = GSS_FOUND;
	return CV_MECHANISM_CREDENTIALS;
}

static int found(struct gss_exchange *x, struct cv_mechanism_io *io,
		 struct cv_error *err)
{
	const struct cv_auth_input *in = io->input;
	struct gss_login login = {
		.principal = x->principal, .asked = x->asked,
		.user = in->user, .listed = CV_SPAN_NONE,
	};

	if (io->fields != NULL)
		login.listed = gssapi_auth->get(io->fields, "k5principals");
	/* Kerberos proves no master user, and no other proof is this one */
	if (in->master_user[0] != '\0' || in->is_master_lookup ||
	    !cv_span_is(io->user, x->asked))
		return CV_FAIL(err, CV_MECHANISM_FAIL, "principal %s may not "
			       "log in as a master user, nor by the name in a "
			       "certificate", x->principal);
	if (!gss_principal_may(&login))
		return CV_FAIL(err, CV_MECHANISM_FAIL, "principal %s may not "
			       "log in as '%s' (hint: field k5principals)",
			       x->principal, in->user);
	cv_text_append_span(io->out, x->last);
	return CV_MECHANISM_OK;
}

/* --- the context ---------------------------------------------------------------- */

/* Its ticket is good: for us, and from somebody? */
static int check_context(struct gss_exchange *x, gss_name_t client,
			 OM_uint32 flags, struct cv_mechanism_io *io,
			 struct cv_error *err)
{
	x->principal = gss_name_text(client, io->pool);
	if (x->principal == NULL || (flags & GSS_C_ANON_FLAG) != 0 ||
	    strstr(x->principal, "WELLKNOWN") != NULL)
		return CV_FAIL(err, CV_MECHANISM_FAIL, "the ticket is "
			       "anonymous, or of a name that no user has");
	if (!gss_acceptor_is_meant(x->ctx, io->input->service, io->pool, err))
		return CV_MECHANISM_FAIL;
	return CV_OK;
}

static int offer_layer(struct gss_exchange *x, struct cv_mechanism_io *io,
		       struct cv_error *err)
{
	/* [RFC4752 3.2] what protects the connection is TLS */
	static const char offer[LAYER_BYTES] = { NO_LAYER };
	gss_buffer_desc in = buffer_of(cv_span(offer, LAYER_BYTES));
	gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
	OM_uint32 major, minor;

	major = gss_wrap(&minor, x->ctx, 0, GSS_C_QOP_DEFAULT, &in, NULL,
			 &out);
	if (GSS_ERROR(major))
		return CV_FAIL(err, CV_E_TEMP, "cannot wrap: %s",
			       gss_status_text(major, minor, io->pool));
	cv_text_append_span(io->out, cv_span(out.value, out.length));
	(void)gss_release_buffer(&minor, &out);
	x->stage = GSS_LAYER;
	return CV_MECHANISM_CHALLENGE;
}

static int complete(struct gss_exchange *x, struct cv_mechanism_io *io,
		    struct cv_error *err)
{
	if (x->negotiates) {
		x->last = cv_span(cv_span_copy(io->pool, cv_text_span(
					       io->out)), io->out->len);
		return ask_core(x, io, x->principal);
	}
	/* [RFC4752 3.1] the last token is answered by nothing */
	x->stage = GSS_EMPTY;
	return io->out->len > 0 ? CV_MECHANISM_CHALLENGE :
		offer_layer(x, io, err);
}

static int take_token(struct gss_exchange *x, struct cv_mechanism_io *io,
		      struct cv_error *err)
{
	gss_buffer_desc in = buffer_of(io->in), out = GSS_C_EMPTY_BUFFER;
	gss_name_t client = GSS_C_NO_NAME;
	OM_uint32 major, minor, ignored, flags = 0;
	int ret;

	if (io->in.len > GSSAPI_TOKEN_MAX || ++x->rounds > GSSAPI_ROUNDS_MAX)
		return CV_FAIL(err, CV_E_SYNTAX, "GSSAPI: a token of more than "
			       "%d bytes, or more than %d of them",
			       GSSAPI_TOKEN_MAX, GSSAPI_ROUNDS_MAX);
	if (x->keys == GSS_C_NO_CREDENTIAL &&
	    (ret = gss_acceptor_keys(x->negotiates, io->pool, &x->keys,
				     err)) != CV_OK)
		return ret;
	major = gss_accept_sec_context(&minor, &x->ctx, x->keys, &in,
				       GSS_C_NO_CHANNEL_BINDINGS, &client,
				       NULL, &out, &flags, NULL, NULL);
	cv_text_append_span(io->out, cv_span(out.value, out.length));
	(void)gss_release_buffer(&ignored, &out);
	if (GSS_ERROR(major))
		ret = CV_FAIL(err, CV_MECHANISM_FAIL, "%s",
			      gss_status_text(major, minor, io->pool));
	else if ((major & GSS_S_CONTINUE_NEEDED) != 0)
		ret = CV_MECHANISM_CHALLENGE;
	else
		ret = check_context(x, client, flags, io, err);
	(void)gss_release_name(&ignored, &client);
	return ret == CV_OK ? complete(x, io, err) : ret;
}

/* --- the layer --------------------------------------------------------------------- */

/* [RFC4752 3.2] the layer, four bytes with the longest wrapped token, and as
 * whom */
static int take_layer(struct gss_exchange *x, struct cv_mechanism_io *io,
		      struct cv_error *err)
{
	gss_buffer_desc in = buffer_of(io->in), out = GSS_C_EMPTY_BUFFER;
	struct cv_span said, name;
	OM_uint32 major, minor;
	const char *asked;

	if (io->in.len > GSSAPI_TOKEN_MAX)
		return CV_FAIL(err, CV_E_SYNTAX, "GSSAPI: a token of more than "
			       "%d bytes", GSSAPI_TOKEN_MAX);
	major = gss_unwrap(&minor, x->ctx, &in, &out, NULL, NULL);
	if (GSS_ERROR(major))
		return CV_FAIL(err, CV_MECHANISM_FAIL, "%s",
			       gss_status_text(major, minor, io->pool));
	said = cv_span(out.value, out.length);
	if (said.len < LAYER_BYTES || said.data[0] != NO_LAYER ||
	    memchr(said.data + LAYER_BYTES, '\0', said.len - LAYER_BYTES)) {
		(void)gss_release_buffer(&minor, &out);
		return CV_FAIL(err, CV_E_SYNTAX, "GSSAPI: the client wants a "
			       "security layer, or its answer is malformed "
			       "(hint: use TLS)");
	}
	name = cv_span_skip(said, LAYER_BYTES);
	asked = name.len == 0 ? x->principal : cv_span_copy(io->pool, name);
	(void)gss_release_buffer(&minor, &out);
	return ask_core(x, io, asked);
}

static int gss_step(struct gss_exchange *x, struct cv_mechanism_io *io,
		    struct cv_error *err)
{
	switch (x->stage) {
	case GSS_START:
		x->stage = GSS_CONTEXT;
		if (!io->has_in)
			return CV_MECHANISM_CHALLENGE;	/* an empty one */
		return take_token(x, io, err);
	case GSS_CONTEXT:
		return take_token(x, io, err);
	case GSS_EMPTY:
		if (io->in.len > 0)
			return CV_FAIL(err, CV_E_SYNTAX, "GSSAPI: a token "
				       "after the last one");
		return offer_layer(x, io, err);
	case GSS_LAYER:
		return take_layer(x, io, err);
	default:
		return found(x, io, err);
	}
}

static int gssapi_step(void *state, struct cv_mechanism_io *io,
		       struct cv_error *err)
{
	return gss_step(state, io, err);
}

static int gss_spnego_step(void *state, struct cv_mechanism_io *io,
			   struct cv_error *err)
{
	((struct gss_exchange *)state)->negotiates = true;
	return gss_step(state, io, err);
}

const struct cv_mechanism gssapi_mechanism = {
	CV_SIZED(cv_mechanism), .name = "GSSAPI",
	.state_bytes = sizeof(struct gss_exchange), .step = gssapi_step,
	.end = gss_end, .start = gss_acceptor_start,
};

const struct cv_mechanism gss_spnego_mechanism = {
	CV_SIZED(cv_mechanism), .name = "GSS-SPNEGO",
	.state_bytes = sizeof(struct gss_exchange), .step = gss_spnego_step,
	.end = gss_end, .start = gss_acceptor_start,
};
