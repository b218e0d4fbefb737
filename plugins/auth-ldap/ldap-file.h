/* ldap-file.h - dovecot-ldap.conf.ext: which servers, and what to ask them. */
#ifndef LDAP_FILE_H
#define LDAP_FILE_H

#include "cv-plugin.h"

/* Texts are never NULL; "" is not set. */
struct ldap_file {
	const char *path;
	const char *hosts, *uris, *dn, *dnpass;
	const char *sasl_mech, *sasl_realm, *sasl_authz_id;
	const char *tls_ca_cert_file, *tls_ca_cert_dir, *tls_cert_file;
	const char *tls_key_file, *tls_cipher_suite, *tls_require_cert;
	const char *ldap_version, *deref, *scope, *debug_level, *ldaprc_path;
	const char *base, *auth_bind_userdn;
	const char *user_attrs, *user_filter, *pass_attrs, *pass_filter;
	const char *iterate_attrs, *iterate_filter, *default_pass_scheme;
	bool auth_bind, tls, sasl_bind;
	/* made of hosts or uris, NULL at the end; a server of ldaprc_path is
	 * "" */
	const char *const *servers;
};

typedef void ldap_problem_fn(void *context, uint32_t line, bool is_error,
			     const char *text);

/* Files that libldap reads, and its own settings. */
struct ldap_numbers { int scope, deref, require_cert, debug; };

/* CV_E_CONFIG when problem was told an error; the rest is read all the same.
 * CV_E_TEMP: it cannot be read. */
#define ldap_file_read CV_OWN(_ldap_file_read)
int ldap_file_read(struct cv_pool *pool, const char *path,
		   struct ldap_file *file_r, ldap_problem_fn *problem,
		   void *context, struct cv_error *err);

/* What the words of the file mean to libldap; require_cert -1: its own
 * default. */
#define ldap_file_numbers CV_OWN(_ldap_file_numbers)
struct ldap_numbers ldap_file_numbers(const struct ldap_file *file);

#endif
