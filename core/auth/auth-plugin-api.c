/* auth-plugin-api.c - what drivers of auth are given by core. */
#include "auth-plugin-api.h"
#include "auth-input.h"
#include "auth-reply.h"
#include "module/module.h"
#include "password-scheme.h"
#include "scheme-otp.h"

static int verify_stored(const char *stored, const struct cv_auth_input *in,
			 struct cv_span password, struct cv_error *err)
{
	return password_verify(stored, "CRYPT", in->user, password, err);
}

static const struct cv_auth_api auth_plugin_api = {
	CV_SIZED(cv_auth_api),
	.expand = auth_input_expand,
	.set = auth_reply_set,
	.set_all = auth_reply_set_all,
	.get = auth_reply_get_span,
	.equal = secret_equal,
	.password_verify = verify_stored,
	.otp_parse = otp_parse,
	.otp_next = otp_next,
};

static uint32_t provider_flags(const void *table)
{
	const struct cv_plugin *owner = module_provider_owner(table);
	const struct module_desc *desc =
		owner == NULL ? NULL : module_describe(owner);

	return desc == NULL ? 0 : desc->flags;
}

static const struct auth_provider_source module_source = {
	.find = module_provider,
	.next = module_provider_next,
	.flags = provider_flags,
};

void auth_plugin_api_register(void)
{
	module_service_register("auth", 1, &auth_plugin_api);
	auth_provider_set_source(&module_source);
}
