/* cv-extend.h - plugins that extend another plugin.
 *
 * A plugin offers a service: a table of functions under a name, and whether it
 * takes what others add to it.  Others provide extensions of that name.  Core
 * brings both together and knows nothing of what is in the tables.  See
 * cv-imap.h for one of them. */
#ifndef CV_EXTEND_H
#define CV_EXTEND_H

#include "cv-plugin.h"

/* Provider kind EXTENSION: something that is added to a service. */
struct cv_extension {
	CV_HEAD;
	const char *name;		/* its own: that of its plugin */
	const char *of;			/* the service: "imap" */
	uint32_t major;			/* of the service */
	const void *table;		/* constant; what the service's header
					 * says, begins with CV_HEAD */
};

/* Provider kind SERVICE: what a plugin offers to plugins.  They get the table
 * from cv_host.service; those that come before it, or whose process does not
 * have it, get NULL. */
struct cv_service {
	CV_HEAD;
	const char *name;
	const void *table;
	uint32_t major;
	/* May this one be added to the built-in ones and to those that
	 * extension_next tells before it?  A failure refuses the plugin that
	 * adds it; the text says why.  NULL: nothing can be added. */
	int (*check)(const struct cv_extension *extension,
		     struct cv_error *err);
};

#ifndef CV_CORE
CV_PROVIDE(SERVICE, service)
CV_PROVIDE(EXTENSION, extension)
#endif

#endif
