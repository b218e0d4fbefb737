/* ldap-deadline.h - an end to what libldap waits for.
 *
 * Its time-outs cover connecting and whole answers that do not come.  They do
 * not cover TLS handshakes, nor messages that stop in the middle.  This lies
 * between its sockets and its TLS, and lets nobody wait beyond the moment that
 * was set: the read or write then fails with ETIMEDOUT.  It reads ahead. */
#ifndef LDAP_DEADLINE_H
#define LDAP_DEADLINE_H

#include "cv-plugin.h"

#include <ldap.h>

/* From now on, for all connections: a process asks one thing at a time. */
#define ldap_deadline_set CV_OWN(_ldap_deadline_set)
void ldap_deadline_set(uint32_t secs);
#define ldap_deadline_has_passed CV_OWN(_ldap_deadline_has_passed)
bool ldap_deadline_has_passed(void);
/* Before ld connects. */
#define ldap_deadline_attach CV_OWN(_ldap_deadline_attach)
int ldap_deadline_attach(LDAP *ld, struct cv_error *err);

#endif
