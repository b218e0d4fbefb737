/* service-check.h - what stands in service { } and can have no effect. */
#ifndef SERVICE_CHECK_H
#define SERVICE_CHECK_H

#include "settings.h"

/* Adds a warning, with its place and what to do, for each service that
 * nothing runs, each listener that nobody would answer at (none is opened for
 * it), and each setting that the service does not use.  protocols are those
 * that plugins speak, whether they are enabled or not. */
void service_check(struct settings_tree *tree,
		   const struct cv_strings *protocols);

/* What is wrong in itself: a group that is not there, a program that is not
 * run, too little memory, a listener without a port; protocol { } blocks of
 * protocols that there are not.  Adds warnings, and errors for what no server
 * would start with: CV_E_CONFIG and the first of them. */
int service_values_check(struct settings_tree *tree,
			 const struct cv_strings *protocols,
			 struct cv_error *err);

/* Where log lines go: log_path and the like, syslog_facility.  Adds errors;
 * CV_E_CONFIG and the last of them. */
int log_settings_check(struct settings_tree *tree, struct cv_error *err);
extern const char *const log_facilities[];	/* ends with NULL */

/* What a service does with the connections of its listeners. */
enum service_answers {
	SERVICE_ANSWERS_NOBODY,		/* it has none, or is reached by a
					 * port inside the server */
	SERVICE_ANSWERS_LOGIN,		/* <protocol>-login */
	SERVICE_ANSWERS_ASKERS,		/* auth: other programs, at listeners
					 * that the admin wrote */
	SERVICE_ANSWERS_SESSION,	/* a protocol without login: lmtp */
};
/* name is a service that runs: of core, or a protocol in protocols, or its
 * login. */
enum service_answers service_answers(const struct settings_tree *tree,
				     const char *name);
/* Whether this listener of that service is opened, as far as its service is
 * asked: those of auth that are there without anybody having written them
 * (Dovecot's own processes ask there) are not, nor are those of protocols
 * that auth does not speak. */
bool service_listener_opens(const struct settings_tree *tree,
			    const char *service, settings_block listener);

#endif
