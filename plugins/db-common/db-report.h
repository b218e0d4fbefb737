/* db-report.h - telling what is wrong in a file of settings: to the log when it
 * is opened, to whoever looks the configuration over before. */
#ifndef DB_REPORT_H
#define DB_REPORT_H

#include "cv-plugin.h"

struct db_report {
	const char *path;		/* of the file */
	struct cv_plugin *self;		/* whose log; NULL: check is told */
	const struct cv_check *check;
};

/* To look over the file that check->value names; false, and told: it is no
 * absolute path, or not to be read.  example: how such files are called. */
#define db_report_check CV_OWN(_db_report_check)
bool db_report_check(const struct cv_check *check, const char *example,
		     struct db_report *report_r);
/* For struct db_file_reader: context is a struct db_report. */
#define db_report_line CV_OWN(_db_report_line)
void db_report_line(void *context, uint32_t line, bool is_error,
		    const char *text);
/* An error in the value of one setting. */
#define db_report_value CV_OWN(_db_report_value)
void db_report_value(const struct db_report *report, const char *setting,
		     const char *text);

#endif
