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

/* What a service does with the connections of its listeners. */
enum service_answers {
	SERVICE_ANSWERS_NOBODY,		/* it has none, or is reached by a
					 * port inside the server */
	SERVICE_ANSWERS_LOGIN,		/* <protocol>-login */
	SERVICE_ANSWERS_SESSION,	/* a protocol without login: lmtp */
};
/* name is a service that runs: of core, or a protocol in protocols, or its
 * login. */
enum service_answers service_answers(const struct settings_tree *tree,
				     const char *name);

#endif
