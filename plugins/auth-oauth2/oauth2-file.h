/* oauth2-file.h - dovecot-oauth2.conf.ext: whom to ask about tokens. */
#ifndef OAUTH2_FILE_H
#define OAUTH2_FILE_H

#include "../db-common/db-report.h"

enum oauth2_mode {
	OAUTH2_MODE_NONE, OAUTH2_MODE_GET, OAUTH2_MODE_POST, OAUTH2_MODE_AUTH,
	OAUTH2_MODE_LOCAL,
};

/* Texts are never NULL. */
struct oauth2_file {
	const char *path;
	const char *tokeninfo_url, *grant_url, *introspection_url;
	const char *openid_configuration_url;
	const char *client_id, *client_secret, *scope, *audience, *issuers;
	const char *username_attribute, *username_format;
	const char *active_attribute, *active_value, *pass_attrs;
	const char *local_validation_key_dict, *introspection_mode;
	const char *tls_ca_cert_file, *tls_ca_cert_dir;
	const char *tls_cert_file, *tls_key_file, *tls_cipher_suite;
	bool force_introspection, use_grant_password, send_auth_headers;
	bool tls_allow_invalid_cert;
	uint32_t timeout_msecs;
	/* made of the above */
	enum oauth2_mode mode;
	const char *key_prefix;		/* "" none */
};

/* CV_E_CONFIG when report was told an error; the rest is read all the same.
 * CV_E_TEMP: it cannot be read. */
#define oauth2_file_read CV_OWN(_oauth2_file_read)
int oauth2_file_read(struct cv_pool *pool, const char *path,
		     struct oauth2_file *file_r, struct db_report *report,
		     struct cv_error *err);

#endif
