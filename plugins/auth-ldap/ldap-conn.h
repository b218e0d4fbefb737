/* ldap-conn.h - one server of a directory: connecting, TLS, searching, binding
 * as a user.
 *
 * Nothing here waits without end: connecting (name, TCP, TLS) and each answer
 * have a time of their own.  Referrals are not followed: they would send
 * passwords to places that nobody has configured. */
#ifndef LDAP_CONN_H
#define LDAP_CONN_H

#include "../db-common/host-pool.h"
#include "cv-auth.h"
#include "ldap-file.h"
#include "ldap-template.h"

enum {
	LDAP_CONNECT_SECS = 5, LDAP_ANSWER_SECS = 15,
	LDAP_PAGE_ENTRIES = 1000, LDAP_PAGES_MAX = 1000000,
};

/* Given each entry; a failure, or CV_EOF, ends it. */
typedef int ldap_entry_fn(void *context, const struct ldap_entry *entry,
			  struct cv_error *err);

/* A request of host_pool_exec. */
struct ldap_request {
	bool is_bind, is_list;
	struct cv_pool *pool;		/* entries live there */

	/* A search, for few entries unless is_list.  CV_E_DENIED: base is of
	 * no entry. */
	const char *base, *filter;
	const char *const *attrs;
	ldap_entry_fn *entry;
	void *context;

	/* Binding: enum cv_auth_result. */
	const char *dn;
	struct cv_span password;
	const char *why;		/* out: what the server says; "" */
};

/* The pool of a file, in pool. */
#define ldap_conn_pool CV_OWN(_ldap_conn_pool)
void ldap_conn_pool(struct cv_pool *pool, struct cv_plugin *self,
		    const struct ldap_file *file, struct host_pool *pool_r);

/* Once in a process, before it is confined: reads ldap.conf and its like, or
 * the file that ldaprc_path names.  *ca_file_r, *ca_dir_r: of the library's
 * own settings; "". */
#define ldap_conn_prepare CV_OWN(_ldap_conn_prepare)
int ldap_conn_prepare(struct cv_pool *pool, struct cv_plugin *self,
		      const struct ldap_file *file, const char **ca_file_r,
		      const char **ca_dir_r, struct cv_error *err);

#endif
