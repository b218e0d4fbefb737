/* cv-check.h - a plugin looks over what the configuration says to it.
 *
 * Providers whose words are written by an admin (passdb and userdb: args;
 * storage: mail_location) and whole plugins (their settings) may have a
 * function check.  It runs while the configuration is read, by culverconf,
 * at the start and at a reload, and says what is wrong before anything has
 * begun to use it:
 *
 *	static void x_check(const struct cv_check *check)
 *	{
 *		...
 *		check->error(check, "", "no word '%s'%s", word,
 *			     check->nearest(check, word, known));
 *	}
 *
 * It runs in a confined child without rights, network and services; it may
 * read files, compute, and call what is below.  What it reports is shown with
 * the file and line of the setting; a reload with errors changes nothing.
 * The same text must lead to the same verdict in open: share the parser. */
#ifndef CV_CHECK_H
#define CV_CHECK_H

#include "cv-types.h"

enum cv_check_file {
	CV_CHECK_FILE = 1,	/* a regular file */
	CV_CHECK_FOLDER = 2,
};

struct cv_check {
	CV_HEAD;
	struct cv_pool *pool;		/* until the check returns */
	/* What is to be checked: args; what stands behind "driver:" in
	 * mail_location; "" for the settings of a plugin. */
	const char *value;
	const char *driver;		/* "pam"; "" for settings */
	/* The plugin's struct of settings; NULL: it has none. */
	const void *settings;
	/* For passdb and userdb: it has deny = yes. */
	bool deny;

	/* Reports.  setting is the name of one of the plugin's settings, whose
	 * line is shown; "": the value itself. */
	CV_PRINTF(3, 4)
	void (*error)(const struct cv_check *check, const char *setting,
		      const char *fmt, ...);
	CV_PRINTF(3, 4)
	void (*warning)(const struct cv_check *check, const char *setting,
			const char *fmt, ...);
	/* "; did you mean 'x'?" for the nearest word of the list, which ends
	 * with NULL; "" when none is near. */
	const char *(*nearest)(const struct cv_check *check,
			       struct cv_span word,
			       const char *const *words);
	/* Is there such a file?  Reports it when not; a path with variables,
	 * or that this process may not look at, passes. */
	bool (*file)(const struct cv_check *check, const char *setting,
		     const char *path, uint32_t kind);
	/* Are all variables in text those that a database of users has?
	 * Reports the first that is not. */
	bool (*variables)(const struct cv_check *check, const char *setting,
			  const char *text);
	/* The same for a name or number of a system user (or group); a name
	 * that the system's files do not have is a warning. */
	bool (*system_user)(const struct cv_check *check,
			    const char *setting, const char *name,
			    bool group);
	/* Is there a password scheme of that name (".HEX" and the like may
	 * follow)?  It is reported when not, as soon as all plugins that may
	 * have it have been looked at. */
	void (*scheme)(const struct cv_check *check, const char *setting,
		       struct cv_span name);
};

typedef void cv_check_fn(const struct cv_check *check);

#endif
