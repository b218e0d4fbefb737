/* client-api.c - the service "client": connections to other servers, with the
 * authorities that the settings trust. */
#include "client-api.h"

#include "net/client.h"
#include "settings/core-settings.h"
#include "user.h"

static int open_for_user(struct cv_pool *pool,
			 const struct cv_client_options *options,
			 struct cv_client **client_r, struct cv_error *err)
{
	struct client_trust trust;
	struct ssl_settings ssl;
	int ret = settings_get(user_settings(options->user),
			       &ssl_settings_table,
			       user_scope(options->user), pool, &ssl, err);

	if (ret < 0)
		return ret;
	/* no certificate: its key is not for a process of a user */
	trust = (struct client_trust){
		.ca_file = ssl.ssl_client_ca_file,
		.ca_dir = ssl.ssl_client_ca_dir, .cert = "", .key = "",
	};
	return client_open(pool, options, &trust, client_r, err);
}

const struct cv_client_api client_api = {
	CV_SIZED(cv_client_api),
	.open = open_for_user,
	.start_tls = client_start_tls,
	.line = client_line,
	.bytes = client_bytes,
	.write = client_write,
	.close = client_close,
	.identify = client_identify,
	.descriptor = client_descriptor,
	.begin_now = client_begin_relay,
	.read_now = client_read_now,
	.write_now = client_write_now,
};
